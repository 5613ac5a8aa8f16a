/* SPDX-License-Identifier: MIT */
/*
 * An agent's kernel side: attach, pull, session descriptors, done.  The one
 * file that both microhsm agent and repositoryd (all in one) use.  No fork
 * after attach: the descriptor is the agent.
 */
#ifndef MH_LIB_ATTACH_H
#define MH_LIB_ATTACH_H

#include <stddef.h>
#include <linux/microhsm.h>

/*
 * Opens the device and attaches, O_CLOEXEC, non-blocking; the descriptor or -errno (-EBUSY: one
 * is attached).
 */
int mh_attach(void);
/* 1 and *p: something to do; 0 nothing now; -errno */
int mh_attach_pull(int fd, struct mh_pull *p);
/* A session descriptor for request id, or -errno (-ENOENT: nobody waits any more). */
int mh_attach_session(int fd, __u64 id);
/*
 * Seals the identity that a pull names (serial, region, name) anew, writes it durably as
 * STATE/REGION+NAME.blob, acknowledges it, and takes its file from when it was pending away.
 * Another identity's file is left alone: -EEXIST where the new one is to be.  -errno; path
 * is the file if that is what could not be written, else "".
 */
int mh_attach_seal(int fd, const struct mh_pull *what, const char *state, char *path, size_t size);
/* -EEXIST: mh_attach_seal() would find another identity's file at path; nothing is written. */
int mh_attach_room(int fd, const struct mh_pull *what, const char *state, char *path, size_t size);
/* The request cannot be served; err is negative. Gone already is no error. */
int mh_attach_done(int fd, __u64 id, int err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the preloaded library and the program that drives it share: a file mapped by both, so that
 * a process without a file system (the keeper) can tell as well.
 *
 * A site is one call: which function, whose code (ours, or a library's on our behalf), and the
 * innermost frames of our code on the stack.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include "core/home.h"

#define FAULTS_SITES	8192	/* a power of two */
#define FAULTS_FRAMES	4
#define FAULTS_SHORT	10000	/* beside errnos: half of it is read or written */
#define FAULTS_ASAN	77	/* exit code of a sanitizer */

enum faults_op {
	F_ALLOC, F_READ, F_PREAD, F_WRITE, F_PWRITE, F_SYNC, F_TRUNCATE, F_OPEN, F_RENAME,
	F_UNLINK, F_MKDIR, F_MODE, F_CLOSE, F_FLUSH, F_ACCEPT, F_SOCKET, F_BIND, F_OPT,
	F_CONNECT, F_SEND, F_RECV, F_FORK, F_WAIT, F_STAT, F_LIMIT, F_POLL, FAULTS_OPS
};

struct faults_site {
	_Atomic u64 key;		/* 0: none */
	_Atomic u32 hits;
	u32 op;
	u32 library;		/* the call is a library's */
	u32 frames;
	u64 frame[FAULTS_FRAMES];	/* offsets in the program, innermost first */
};

struct faults_map {
	_Atomic bool armed;
	/* libcrypto's own allocations, too many to tell apart: by their number */
	_Atomic u32 crypto;
	u32 crypto_at;
	/* which one fails, from which time on, how often, and how */
	u64 target;
	u32 hit, times, kind;
	_Atomic u32 fired;
	struct faults_site site[FAULTS_SITES];
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What both command-line tools need: messages, whole files, hexadecimal,
 * armoured text, durations, secrets in memory that are wiped.
 */
#ifndef MH_LIB_UTIL_H
#define MH_LIB_UTIL_H

#include <stdio.h>
#include "core/home.h"

/* Exit codes of repoctl and microhsm, as their man pages list them. */
enum mh_exit {
	MH_EXIT_OK = 0,
	MH_EXIT_FAILED = 1,	/* anything not below */
	MH_EXIT_USAGE = 2,
	MH_EXIT_NOTFOUND = 3,
	MH_EXIT_DENIED = 4,	/* a signature, permission, fingerprint or policy said no */
	MH_EXIT_CONFLICT = 5,	/* exists, or a newer one does */
	MH_EXIT_UNREACHABLE = 6, /* no daemon, agent, module or upstream */
	MH_EXIT_BAD_INPUT = 7,	/* file or message malformed */
	MH_EXIT_REVOKED = 8,
	MH_EXIT_TIMEOUT = 9,
	MH_EXIT_DUE = 10,	/* repoctl calendar: something is to be signed soon */
};

/* Program name for messages; set once by main(). */
extern const char *mh_prog;
/* "prog: message\n" on stderr; returns code, so that `return mh_fail(MH_EXIT_X, ...)`. */
int mh_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "prog: path: why" by a file's -errno, with what to do next; its exit code */
int mh_fail_file(const char *path, int err);
void mh_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An owned buffer; freed by mh_bytes_free(), which wipes it. */
struct mh_bytes {
	u8 *p;
	size_t n;
};

void mh_bytes_free(struct mh_bytes *b);
static inline struct mh_buf mh_bytes_buf(const struct mh_bytes *b)
{
	return MH_BUF(b->p, b->n);
}

int mh_bytes_copy(struct mh_bytes *b, const void *p, size_t n);

/* Whole file, "-" is stdin; -EFBIG past max. */
int mh_file_read(const char *path, size_t max, struct mh_bytes *out);
int mh_fd_read(int fd, size_t max, struct mh_bytes *out);
/* Durable replace: temporary beside it, fsync, rename, fsync of the directory; "-" is stdout. */
int mh_file_write(const char *path, const void *p, size_t n, unsigned int mode);

/*
 * Binary, or armour: "-----BEGIN MICROHSM label-----", base64, END.  Reading takes either;
 * -EBADMSG armour of another label or broken.
 */
int mh_armour_read(const char *path, const char *label, size_t max, struct mh_bytes *out);
int mh_armour_write(const char *path, const char *label, const void *p, size_t n, bool binary,
		    unsigned int mode);

void mh_hex(char *out, const void *p, size_t n);	/* 2n + 1 bytes */
int mh_unhex(u8 *out, size_t n, const char *hex);	/* exactly n bytes */
/* The one parser of numbers on command lines: decimal digits, nothing else; -EINVAL */
int mh_number(const char *s, u64 least, u64 most, u64 *out);
/* "90s", "12h", "30d", "5m", plain seconds, from 1 second to most; -EINVAL */
int mh_duration(const char *s, u64 most, u64 *seconds);
/* Compares what a person typed with a fingerprint: case, spaces and dashes do not matter. */
bool mh_fingerprint_same(const char *typed, const char *fingerprint);
/*
 * given is a Region's fingerprint or its id in hexadecimal, however spaced: 0 and without spaces,
 * else -EINVAL.  No label may have that form, lest a server's word pass for a person's.
 */
int mh_region_form(const char *given, char packed[65]);
/*
 * Whether who says `given` means this Region: its fingerprint or id if it has that form, and its
 * label if not
 */
bool mh_region_is(const char *given, struct mh_buf label, const u8 id[32]);
/*
 * Prompt on the terminal without echo; NUL-terminated.  -ENOTTY, or -EMSGSIZE: it is never cut;
 * out is wiped.
 */
int mh_prompt_secret(const char *prompt, char *out, size_t size);
/* The same with echo; what is too long is taken for nothing */
int mh_prompt_line(const char *prompt, char *out, size_t size);
/* First line of a descriptor (passphrase), without newline; -EMSGSIZE */
int mh_secret_from_fd(int fd, char *out, size_t size);
/* No core dumps, no ptrace by others, for processes that hold secrets. */
void mh_process_protect(void);
/* JSON or people: "time ago / in" is the caller's; this is UTC "2026-11-23T20:00:00Z" */
void mh_time_text(u64 t, char out[24]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bounded reader and writer with a sticky error: a failed step makes every
 * later one fail, so that callers check once, at the end.  Integers are
 * big-endian; v(x) is u16 length then x.  Nothing is allocated: a reader gives
 * views into the caller's buffer.
 *
 *	-EBADMSG	short, over-long, not canonical, trailing
 *	-ENOSPC		a writer's buffer is full
 */
#ifndef MH_CORE_WIRE_H
#define MH_CORE_WIRE_H

#include "home.h"

struct mh_reader {
	const u8 *p;
	size_t left;
	int err;
};

struct mh_writer {
	u8 *p;
	size_t size;
	size_t len;	/* written so far; valid while err is 0 */
	int err;
};

void mh_reader_init(struct mh_reader *r, const void *p, size_t n);
u8 mh_read_u8(struct mh_reader *r);
u16 mh_read_u16(struct mh_reader *r);
u32 mh_read_u32(struct mh_reader *r);
u64 mh_read_u64(struct mh_reader *r);
/* n bytes as a view; {NULL, 0} on error */
struct mh_buf mh_read_bytes(struct mh_reader *r, size_t n);
/* v(x), refused when longer than max */
struct mh_buf mh_read_v(struct mh_reader *r, size_t max);
/* n bytes that must all be zero */
void mh_read_zero(struct mh_reader *r, size_t n);
/* 0 when all was read and nothing failed; -EBADMSG otherwise */
int mh_read_end(const struct mh_reader *r);

void mh_writer_init(struct mh_writer *w, void *p, size_t size);
void mh_write_u8(struct mh_writer *w, u8 v);
void mh_write_u16(struct mh_writer *w, u16 v);
void mh_write_u32(struct mh_writer *w, u32 v);
void mh_write_u64(struct mh_writer *w, u64 v);
void mh_write_bytes(struct mh_writer *w, const void *p, size_t n);
void mh_write_v(struct mh_writer *w, const void *p, size_t n);
void mh_write_zero(struct mh_writer *w, size_t n);

/* One TLV attribute: u16 type, u32 length, value. */
struct mh_attr {
	u16 type;
	struct mh_buf v;
};

/*
 * Next attribute; types must rise strictly: *last is the type before (0 at
 * first; type 0 does not exist).  true: one was read; false: end or r->err.
 */
bool mh_read_attr(struct mh_reader *r, u16 *last, struct mh_attr *a);
void mh_write_attr(struct mh_writer *w, u16 type, const void *p, size_t n);
void mh_write_attr_u8(struct mh_writer *w, u16 type, u8 v);
void mh_write_attr_u32(struct mh_writer *w, u16 type, u32 v);
void mh_write_attr_u64(struct mh_writer *w, u16 type, u64 v);

/* Names: [a-z0-9._-]{1,64}, not "." or ".."; a DataSet's has '/' between levels, 200 in all. */
#define MH_NAME_MAX	64
#define MH_DATASET_MAX	200
/* A terminated string without its end. */
struct mh_buf mh_text(const char *s);
bool mh_name_ok(struct mh_buf name);
bool mh_dataset_name_ok(struct mh_buf name);
bool mh_buf_equal(struct mh_buf a, struct mh_buf b);	/* public data only */
bool mh_all_zero(const u8 *p, size_t n);		/* in constant time */
/* What an encoder gives: the length written, or the writer's error. */
int mh_written(const struct mh_writer *w);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The vectors' statements taken apart into attributes, spoilt, put together
 * and parsed.  Nothing is signed.  Include cmocka.h first.
 */
#ifndef UNIT_STMT_TLV_H
#define UNIT_STMT_TLV_H

#include "stmt_world.h"
#include "core/vectors/statement.h"

#define VECTORS ARRAY_SIZE(mh_statement_vectors)

struct tlv {
	u16 type;
	u8 *p;
	size_t n;
};

/* A body taken apart, to be spoilt and put together again. */
struct tlvs {
	struct tlv a[40];
	unsigned int n;
	u8 room[4 * MH_STMT_BODY_MAX];
	size_t used;
};

static inline u8 *keep(struct tlvs *t, const void *p, size_t n)
{
	u8 *to = t->room + t->used;

	assert_true(t->used + n + 1 <= sizeof(t->room));
	t->used += n + 1;	/* empty values are somewhere too */
	if (n)
		memcpy(to, p, n);
	return to;
}

static inline void load(struct tlvs *t, enum sw_id id)
{
	struct mh_stmt s;
	struct mh_reader r;
	struct mh_attr a;
	u16 last = 0;
	const struct mh_buf b = mh_statement_vectors[id].statement;

	assert_int_equal(mh_stmt_parse(&s, b.p, b.n), 0);
	t->n = 0;
	t->used = 0;
	mh_reader_init(&r, s.body.p, s.body.n);
	while (mh_read_attr(&r, &last, &a))
		t->a[t->n++] = (struct tlv){ a.type, keep(t, a.v.p, a.v.n), a.v.n };
}

static inline void insert(struct tlvs *t, unsigned int at, u16 type, const void *p, size_t n)
{
	memmove(t->a + at + 1, t->a + at, (t->n++ - at) * sizeof(t->a[0]));
	t->a[at] = (struct tlv){ type, keep(t, p, n), n };
}

static inline void drop(struct tlvs *t, unsigned int at)
{
	memmove(t->a + at, t->a + at + 1, (--t->n - at) * sizeof(t->a[0]));
}

/* Where the type is, or would stand. */
static inline unsigned int place(const struct tlvs *t, u16 type)
{
	unsigned int at = 0;

	while (at < t->n && t->a[at].type < type)
		at++;
	return at;
}

static inline void put(struct tlvs *t, u16 type, const void *p, size_t n)
{
	unsigned int at = place(t, type);

	if (at < t->n && t->a[at].type == type)
		drop(t, at);
	insert(t, at, type, p, n);
}

static inline void put_u64(struct tlvs *t, u16 type, u64 v)
{
	u8 b[8];

	mh_put64(b, v);
	put(t, type, b, 8);
}

/* What was parsed last. */
static struct mh_stmt parsed;
static u8 *parsed_bytes;

/* In memory of its size, so that the sanitizer sees one read beyond. */
static inline int parse_exact(const u8 *p, size_t n)
{
	free(parsed_bytes);
	parsed_bytes = malloc(n + !n);
	assert_non_null(parsed_bytes);
	memcpy(parsed_bytes, p, n);
	return mh_stmt_parse(&parsed, parsed_bytes, n);
}

static inline int parse_body(const u8 *body, size_t n, const u8 *tail, size_t tail_n)
{
	static u8 out[MH_STMT_MAX + 1024];
	struct mh_writer w;

	mh_writer_init(&w, out, sizeof(out));
	mh_write_v(&w, body, n);
	mh_write_bytes(&w, tail, tail_n);
	assert_int_equal(w.err, 0);
	return parse_exact(out, w.len);
}

static const u8 alone[] = { [1] = 1, [3] = 1, [4 + 64] = 0 };	/* no path; one set of one */

static inline size_t join(const struct tlvs *t, u8 *body, size_t size)
{
	struct mh_writer w;

	mh_writer_init(&w, body, size);
	for (unsigned int i = 0; i < t->n; i++)
		mh_write_attr(&w, t->a[i].type, t->a[i].p, t->a[i].n);
	assert_int_equal(w.err, 0);
	return w.len;
}

static inline int parse(const struct tlvs *t)
{
	static u8 body[4 * MH_STMT_BODY_MAX];

	return parse_body(body, join(t, body, sizeof(body)), alone, sizeof(alone));
}

static struct tlvs t;

static inline int with(enum sw_id id, u16 type, const void *p, size_t n)
{
	load(&t, id);
	put(&t, type, p, n);
	return parse(&t);
}

static inline int with_u8(enum sw_id id, u16 type, u8 v)
{
	return with(id, type, &v, 1);
}

static inline int with_u64(enum sw_id id, u16 type, u64 v)
{
	load(&t, id);
	put_u64(&t, type, v);
	return parse(&t);
}

static inline bool is_in(u16 type, const u16 *list, size_t n)
{
	while (n--)
		if (list[n] == type)
			return true;
	return false;
}

#endif

// SPDX-License-Identifier: MIT
/* R36, R30, R45, R46: who signed, how many, and whether it was theirs to sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stmt_world.h"
#include "core/vectors/statement.h"

#define VECTORS ARRAY_SIZE(mh_statement_vectors)

static struct sw w;
static struct sw_one one;	/* what a test makes */

static int make(void **state)
{
	(void)state;
	sw_make(&w);
	return 0;
}

static const struct mh_stmt *st(enum sw_id id)
{
	return &w.st[id].s;
}

/* Against whoever it names. */
static int verify(const struct mh_stmt *s, int signer)
{
	u8 region[32];

	if (signer < 0)
		return mh_anchor_genesis(s, region);
	if (s->type == MH_ANCHOR)
		return mh_anchor_next(st((enum sw_id)signer), w.region, s);
	return mh_stmt_verify(s, w.region, st((enum sw_id)signer));
}

/* Statement id's body again with these sets: which, then officers, of these keys. */
static void resign(enum sw_id id, u8 which, const struct sw_keys *k, const u8 *officers, u8 m)
{
	const struct mh_stmt *s = st(id);
	struct mh_writer o;

	mh_writer_init(&o, one.bytes, sizeof(one.bytes));
	mh_stmt_write_head(&o, s->body, 0, 1, NULL, 0);
	mh_write_u8(&o, 1);
	sw_write_set(&o, s->leaf, which, k, officers, m);
	sw_parse(&one, &o);
}

/* A body with one common attribute (8 bytes or 32) changed, signed again by the same. */
static void altered(enum sw_id id, u16 type, const void *p, const struct sw_keys *k)
{
	static u8 body[MH_STMT_BODY_MAX];
	const struct mh_stmt *s = st(id);
	struct mh_reader r;
	struct mh_attr a;
	u16 last = 0;

	memcpy(body, s->body.p, s->body.n);
	mh_reader_init(&r, body, s->body.n);
	while (mh_read_attr(&r, &last, &a))
		if (a.type == type)
			memcpy(body + (a.v.p - body), p, a.v.n);
	sw_finish(&one, MH_BUF(body, s->body.n), MH_SET_SIGNER, k, NULL);
}

static void altered_u64(enum sw_id id, u16 type, u64 v, const struct sw_keys *k)
{
	u8 b[8];

	mh_put64(b, v);
	altered(id, type, b, k);
}

/* ---- */

static void r36_vectors_hold(void **state)
{
	static struct mh_stmt s[VECTORS];
	u8 region[32];

	(void)state;
	assert_int_equal(VECTORS, SW_STATEMENTS);
	for (size_t i = 0; i < VECTORS; i++) {
		const struct mh_statement_vector *v = &mh_statement_vectors[i];

		assert_int_equal(mh_stmt_parse(&s[i], v->statement.p, v->statement.n), 0);
		assert_int_equal(verify(&s[i], v->signer), 0);
		assert_memory_equal(s[i].leaf, w.st[i].s.leaf, 32);	/* bodies are the same */
		assert_int_equal(verify(st((enum sw_id)i), w.st[i].signer), 0);
	}
	assert_int_equal(mh_anchor_genesis(&s[0], region), 0);
	assert_memory_equal(region, stmt_region, 32);
	assert_memory_equal(w.ecx, stmt_ecx, 32);
	assert_memory_equal(w.gcx, stmt_gcx, 32);
	assert_memory_equal(w.icx, stmt_icx, 32);
	assert_memory_equal(w.x, stmt_x, 32);
}

/* Bytes of index and size in a path may have another value that gives the same root. */
static bool in_place(const struct mh_stmt *s, size_t at)
{
	size_t path = 2 + s->body.n;

	return at > path && at <= path + 8 && s->bytes.p[path];
}

static void r36_every_byte_counts(void **state)
{
	static u8 p[4096];
	struct mh_stmt s;

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		const struct mh_stmt *was = st((enum sw_id)i);

		memcpy(p, w.st[i].bytes, w.st[i].n);
		for (size_t at = 0; at < w.st[i].n; at++) {
			int ret;

			p[at] ^= 1u << (at % 8);
			ret = mh_stmt_parse(&s, p, w.st[i].n);
			if (!ret)
				ret = verify(&s, w.st[i].signer);
			if (ret || !in_place(was, at))
				assert_int_not_equal(ret, 0);
			else
				assert_memory_equal(s.leaf, was->leaf, 32);
			p[at] ^= 1u << (at % 8);
		}
	}
}

static void r36_quorum(void **state)
{
	(void)state;
	resign(SW_DATASET, MH_SET_SIGNER, &w.rag, (const u8 *)"\0\2\4", 3);
	assert_int_equal(verify(&one.s, SW_GENESIS), 0);
	resign(SW_DATASET, MH_SET_SIGNER, &w.rag, (const u8 *)"\0\2", 2);	/* M-1 */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_SIGNER, &w.rag, (const u8 *)"\0\2\3\4", 4);	/* M+1 */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_SIGNER, &w.rag, (const u8 *)"\0\2\5", 3);	/* index N */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_SIGNER, &w.rag, (const u8 *)"\0\2\xf", 3);
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_SIGNER, &w.next, (const u8 *)"\0\1\2", 3);	/* strangers */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_NEW, &w.rag, NULL, 3);	/* not as signer */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	resign(SW_DATASET, MH_SET_RECOVERY, &w.recovery, NULL, 2);	/* recovery signs ANCHORs */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
}

/* Nothing beyond the keys is one, whatever stands there. */
static void r36_index_n_is_nobodys(void **state)
{
	const struct mh_stmt *s = st(SW_DATASET);	/* by the last three of five */
	struct mh_quorum q;

	(void)state;
	mh_quorum_of(&q, st(SW_GENESIS));
	assert_true(q.n == 5 && q.m == 3);
	assert_int_equal(mh_stmt_verify_set(s, MH_SET_SIGNER, &q), 0);
	assert_int_equal(mh_stmt_verify_set(s, MH_SET_NEW, &q), -ENOKEY);
	q.n = 4;
	assert_int_equal(mh_stmt_verify_set(s, MH_SET_SIGNER, &q), -EBADMSG);
	q.n = 5;
	q.m = 0;
	assert_int_equal(mh_stmt_verify_set(s, MH_SET_SIGNER, &q), -EBADMSG);
}

static void r36_one_bad_among_m(void **state)
{
	static u8 p[4096];
	const struct sw_one *o = &w.st[SW_DATASET];
	const size_t sigs = o->n - 3 * 65;
	struct mh_stmt s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memcpy(p, o->bytes, o->n);
		p[sigs + i * 65 + 64] ^= 1;
		assert_int_equal(mh_stmt_parse(&s, p, o->n), 0);
		assert_int_equal(verify(&s, SW_GENESIS), -EBADMSG);
		memset(p + sigs + i * 65 + 1, 0, 64);
		assert_int_equal(mh_stmt_parse(&s, p, o->n), 0);
		assert_int_equal(verify(&s, SW_GENESIS), -EBADMSG);
		/* one officer's signature at two indices */
		memcpy(p, o->bytes, o->n);
		memcpy(p + sigs + i * 65 + 1, p + sigs + (i + 1) % 3 * 65 + 1, 64);
		assert_int_equal(mh_stmt_parse(&s, p, o->n), 0);
		assert_int_equal(verify(&s, SW_GENESIS), -EBADMSG);
	}
	memcpy(p, o->bytes, o->n);	/* and at one index twice */
	memcpy(p + sigs + 65, p + sigs, 65);
	assert_int_equal(mh_stmt_parse(&s, p, o->n), -EBADMSG);
}

/* n - s for s, in place */
static void other_s(u8 *s)
{
	static const u8 n[32] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2,
		0xfc, 0x63, 0x25, 0x51,
	};
	int borrow = 0;

	for (int i = 31; i >= 0; i--) {
		int d = n[i] - s[i] - borrow;

		borrow = d < 0;
		s[i] = (u8)d;
	}
}

static void r36_both_s_and_no_third_way(void **state)
{
	static u8 p[4096];
	const struct sw_one *o = &w.st[SW_DATASET];
	const size_t sigs = o->n - 3 * 65;
	struct mh_stmt s;

	(void)state;
	memcpy(p, o->bytes, o->n);
	for (size_t i = 0; i < 3; i++) {
		other_s(p + sigs + i * 65 + 33);
		assert_int_equal(mh_stmt_parse(&s, p, o->n), 0);
		assert_int_equal(verify(&s, SW_GENESIS), 0);
		assert_memory_equal(s.leaf, o->s.leaf, 32);	/* what it is, is its leaf */
	}
	/* (r, s) and (r, n-s) of one officer, under his index and another */
	memcpy(p + sigs + 66, p + sigs + 1, 64);
	other_s(p + sigs + 66 + 32);
	assert_int_equal(mh_stmt_parse(&s, p, o->n), 0);
	assert_int_equal(verify(&s, SW_GENESIS), -EBADMSG);
}

/* ---- ANCHORs ---- */

static void two_sets(enum sw_id id, u8 which, const struct sw_keys *k, const struct sw_keys *k2)
{
	struct mh_buf b = st(id)->body;

	sw_finish(&one, b, which, k, k2);
}

/* Old M and recovery, who are both of the old one: the new never said yes. */
static void r46_anchor_by_both_old_sets(void **state)
{
	const struct mh_stmt *s = st(SW_ANCHOR);

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct mh_writer o;

		mh_writer_init(&o, one.bytes, sizeof(one.bytes));
		mh_stmt_write_head(&o, s->body, 0, 1, NULL, 0);
		mh_write_u8(&o, 2);
		if (turn)
			sw_write_set(&o, s->leaf, MH_SET_SIGNER, &w.rag, NULL, 3);
		sw_write_set(&o, s->leaf, MH_SET_RECOVERY, &w.recovery, NULL, 2);
		if (!turn)
			sw_write_set(&o, s->leaf, MH_SET_SIGNER, &w.rag, NULL, 3);
		sw_parse(&one, &o);
		assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	}
}

static void r36_anchor_needs_old_and_new(void **state)
{
	struct mh_stmt *a = &one.s;

	(void)state;
	resign(SW_ANCHOR, MH_SET_SIGNER, &w.rag, NULL, 3);	/* old M alone */
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	resign(SW_ANCHOR, MH_SET_NEW, &w.next, NULL, 2);	/* new M alone */
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	two_sets(SW_ANCHOR, MH_SET_SIGNER, &w.next, &w.next);
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	two_sets(SW_ANCHOR, MH_SET_SIGNER, &w.rag, &w.rag);
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	two_sets(SW_ANCHOR, MH_SET_RECOVERY, &w.rag, &w.next);
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	two_sets(SW_ANCHOR, MH_SET_SIGNER, &w.recovery, &w.next);
	assert_int_equal(verify(a, SW_GENESIS), -EBADMSG);
	two_sets(SW_ANCHOR, MH_SET_RECOVERY, &w.recovery, &w.next);	/* R46 */
	assert_int_equal(verify(a, SW_GENESIS), 0);
	assert_int_equal(mh_anchor_next(st(SW_ANCHOR), w.region, a), -ESTALE);
	/* an ANCHOR is no other statement's, nor verified as one */
	assert_int_equal(mh_stmt_verify(a, w.region, st(SW_GENESIS)), -EBADMSG);
	assert_int_equal(mh_anchor_next(st(SW_GENESIS), w.region, st(SW_DATASET)), -EBADMSG);
}

/* A successor of SW_GENESIS that differs in one thing. */
static int followed(u8 which, u64 serial, const char *name, const u8 *region, const u8 *signer,
		    const u8 *before, u64 min_anchor, const struct sw_keys *recovery)
{
	static u8 body[4096];
	struct mh_writer b;

	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_ANCHOR, region, signer, MH_BUF(name, strlen(name)), serial, SW_T0,
		      SW_T0, SW_T0 + 3650 * SW_DAY);
	sw_anchor_attrs(&b, &w.next, before, min_anchor, recovery);
	sw_finish(&one, MH_BUF(body, b.len), which, which == MH_SET_SIGNER ? &w.rag : &w.recovery,
		  &w.next);
	return mh_anchor_next(st(SW_GENESIS), w.region, &one.s);
}

static int successor(u64 serial, const char *name, const u8 *region, const u8 *signer,
		     const u8 *before, u64 min_anchor)
{
	return followed(MH_SET_SIGNER, serial, name, region, signer, before, min_anchor,
			&w.recovery);
}

static void r36_anchors_follow_each_other(void **state)
{
	static const u8 zero[32];
	const u8 *leaf = st(SW_GENESIS)->leaf, *other = st(SW_GROUP)->leaf;

	(void)state;
	assert_int_equal(successor(2, "eu", w.region, leaf, leaf, 1), 0);
	assert_int_equal(successor(3, "eu", w.region, leaf, leaf, 1), -EBADMSG);
	assert_int_equal(successor(1, "eu", w.region, leaf, leaf, 1), -ESTALE);
	assert_int_equal(successor(2, "us", w.region, leaf, leaf, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", other, leaf, leaf, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", zero, leaf, leaf, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", w.region, other, leaf, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", w.region, leaf, other, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", w.region, leaf, zero, 1), -EBADMSG);
	assert_int_equal(successor(2, "eu", w.region, leaf, leaf, 0), -EBADMSG);	/* falls */
	assert_int_equal(successor(2, "eu", w.region, leaf, leaf, 2), 0);
}

/* Whoever has the officers' keys has not the recovery set's, and cannot name his own. */
static void r46_officers_keep_the_recovery_set(void **state)
{
	const u8 *leaf = st(SW_GENESIS)->leaf;
	struct sw_keys fewer = w.recovery;

	(void)state;
	fewer.m = 1;
	assert_int_equal(followed(MH_SET_SIGNER, 2, "eu", w.region, leaf, leaf, 1, NULL), -EBADMSG);
	assert_int_equal(followed(MH_SET_SIGNER, 2, "eu", w.region, leaf, leaf, 1, &w.next),
			 -EBADMSG);
	assert_int_equal(followed(MH_SET_SIGNER, 2, "eu", w.region, leaf, leaf, 1, &fewer),
			 -EBADMSG);
	assert_int_equal(followed(MH_SET_RECOVERY, 2, "eu", w.region, leaf, leaf, 1, NULL), 0);
	assert_int_equal(followed(MH_SET_RECOVERY, 2, "eu", w.region, leaf, leaf, 1, &w.next), 0);
}

/* From whatever line of ANCHORs a thief has led a host to. */
static void r46_recovery_goes_beyond_all(void **state)
{
	static const u8 zero[32];
	const u8 *leaf = st(SW_GENESIS)->leaf, *other = st(SW_GROUP)->leaf;
	const u64 far = 1ull << 32;

	(void)state;
#define BEYOND(serial, signer, before, least) \
	followed(MH_SET_RECOVERY, serial, "eu", w.region, signer, before, least, &w.recovery)
	assert_int_equal(BEYOND(far, other, other, far), 0);
	assert_int_equal(BEYOND(far, leaf, leaf, far), 0);
	assert_int_equal(BEYOND(2, other, other, 2), 0);
	assert_int_equal(BEYOND(1, other, other, 1), -ESTALE);
	assert_int_equal(BEYOND(far, other, other, far - 1), -EBADMSG);	/* voids too little */
	assert_int_equal(BEYOND(far, leaf, leaf, 1), -EBADMSG);
	assert_int_equal(BEYOND(far, leaf, other, far), -EBADMSG);
	assert_int_equal(BEYOND(far, zero, zero, far), -EBADMSG);
#undef BEYOND
	assert_int_equal(followed(MH_SET_SIGNER, far, "eu", w.region, leaf, leaf, far, &w.recovery),
			 -EBADMSG);
	assert_int_equal(followed(MH_SET_RECOVERY, far, "us", w.region, leaf, leaf, far,
				  &w.recovery), -EBADMSG);
	assert_int_equal(followed(MH_SET_RECOVERY, far, "eu", other, leaf, leaf, far, &w.recovery),
			 -EBADMSG);
}

static int genesis(u64 serial, const u8 *region, const u8 *signer, const u8 *before, u8 which,
		   u8 m)
{
	static u8 body[4096];
	struct sw_keys k = w.rag;
	struct mh_writer b;
	u8 id[32];

	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_ANCHOR, region, signer, MH_BUF("eu", 2), serial, SW_T0, SW_T0,
		      SW_T0 + SW_DAY);
	sw_anchor_attrs(&b, &w.rag, before, 1, NULL);
	k.m = m;
	sw_finish(&one, MH_BUF(body, b.len), which, &k, NULL);
	return mh_anchor_genesis(&one.s, id);
}

static void r36_genesis(void **state)
{
	static const u8 zero[32], not[32] = { [31] = 1 };
	u8 region[32];

	(void)state;
	assert_int_equal(genesis(1, zero, zero, zero, MH_SET_NEW, 3), 0);
	assert_int_equal(genesis(2, zero, zero, zero, MH_SET_NEW, 3), -EBADMSG);
	assert_int_equal(genesis(1, not, zero, zero, MH_SET_NEW, 3), -EBADMSG);
	assert_int_equal(genesis(1, zero, not, zero, MH_SET_NEW, 3), -EBADMSG);
	assert_int_equal(genesis(1, zero, zero, not, MH_SET_NEW, 3), -EBADMSG);
	assert_int_equal(genesis(1, zero, zero, zero, MH_SET_SIGNER, 3), -EBADMSG);
	assert_int_equal(genesis(1, zero, zero, zero, MH_SET_NEW, 2), -EBADMSG);
	assert_int_equal(genesis(1, zero, zero, zero, MH_SET_NEW, 4), -EBADMSG);
	assert_int_equal(mh_anchor_genesis(st(SW_ANCHOR), region), -EBADMSG);
	assert_int_equal(mh_anchor_genesis(st(SW_GROUP), region), -EBADMSG);
	two_sets(SW_GENESIS, MH_SET_SIGNER, &w.rag, &w.rag);
	assert_int_equal(mh_anchor_genesis(&one.s, region), -EBADMSG);
}

/* ---- the rest of a statement ---- */

static void r28_region_and_signer_are_named(void **state)
{
	(void)state;
	altered(SW_DATASET, MH_A_REGION, st(SW_GROUP)->leaf, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	altered(SW_DATASET, MH_A_SIGNER, st(SW_ANCHOR)->leaf, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
	altered(SW_DATASET, MH_A_SIGNER, st(SW_GENESIS)->leaf, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), 0);
	two_sets(SW_DATASET, MH_SET_SIGNER, &w.rag, &w.next);	/* a set too many */
	assert_int_equal(verify(&one.s, SW_GENESIS), -EBADMSG);
}

static void r36_validity(void **state)
{
	const struct mh_stmt *s = st(SW_FRESH);

	(void)state;
	assert_int_equal(mh_stmt_valid_at(s, SW_T0 - MH_NOT_BEFORE_GRACE - 1), -ESTALE);
	assert_int_equal(mh_stmt_valid_at(s, SW_T0 - MH_NOT_BEFORE_GRACE), 0);
	assert_int_equal(mh_stmt_valid_at(s, SW_T0), 0);
	assert_int_equal(mh_stmt_valid_at(s, s->not_after), 0);
	assert_int_equal(mh_stmt_valid_at(s, s->not_after + 1), -EKEYEXPIRED);
	assert_int_equal(mh_stmt_valid_at(s, ~0ull), -EKEYEXPIRED);
	assert_int_equal(mh_stmt_valid_at(s, 0), -ESTALE);
}

static void r36_caps(void **state)
{
	(void)state;	/* sw_anchor_attrs(): ENTITY and POLICY, 2^25 seconds */
	altered_u64(SW_ENTITY, MH_A_NOT_AFTER, SW_T0 + 0x02000000, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), 0);
	altered_u64(SW_ENTITY, MH_A_NOT_AFTER, SW_T0 + 0x02000001, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), -EPERM);
	altered_u64(SW_DATASET, MH_A_NOT_AFTER, SW_T0 + 0x02000001, &w.rag);
	assert_int_equal(verify(&one.s, SW_GENESIS), 0);	/* no cap */
}

static void r08_fingerprint(void **state)
{
	static const u8 abc[] = "abc";
	const struct mh_buf v = MH_BUF(abc, 3);
	char text[MH_FINGERPRINT_LEN];
	u8 hash[32];

	(void)state;
	mh_sha256v(hash, &v, 1);	/* by Python's base64.b32encode() */
	mh_fingerprint(hash, text);
	assert_string_equal(text, "xj4b-np4p-ahh6-uqkb-idpf");
}

static void r30_listed_policies(void **state)
{
	u8 list[3 * 32];

	(void)state;
	sw_fill(list, sizeof(list), 0);
	for (size_t i = 0; i < 3; i++) {
		const u8 *item = list + i * 32;

		for (size_t n = 0; n <= 3; n++)
			assert_true(mh_list_has32(MH_BUF(list, n * 32), item) == (i < n));
	}
	assert_false(mh_list_has32(MH_BUF(list, 96), list + 16));	/* between two */
	assert_false(mh_list_has32(MH_BUF(list, 95), list + 64));
	assert_false(mh_list_has32(MH_BUF(NULL, 0), list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_vectors_hold),
		cmocka_unit_test(r36_every_byte_counts),
		cmocka_unit_test(r36_quorum),
		cmocka_unit_test(r36_index_n_is_nobodys),
		cmocka_unit_test(r36_one_bad_among_m),
		cmocka_unit_test(r36_both_s_and_no_third_way),
		cmocka_unit_test(r46_anchor_by_both_old_sets),
		cmocka_unit_test(r36_anchor_needs_old_and_new),
		cmocka_unit_test(r36_anchors_follow_each_other),
		cmocka_unit_test(r46_officers_keep_the_recovery_set),
		cmocka_unit_test(r46_recovery_goes_beyond_all),
		cmocka_unit_test(r36_genesis),
		cmocka_unit_test(r28_region_and_signer_are_named),
		cmocka_unit_test(r36_validity),
		cmocka_unit_test(r36_caps),
		cmocka_unit_test(r08_fingerprint),
		cmocka_unit_test(r30_listed_policies),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * R36 R46: what officers hand round.  Its form is one and no other; what it asks them to sign is
 * theirs, and they are the Region's; what was altered after one signed is refused; and the
 * statements that come of it are those that the verifier takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "prop_world.h"
#include "core/messages.h"

static struct sw w;

static int setup(void **state)
{
	(void)state;
	sw_make(&w);
	return 0;
}

static void encode(struct mh_bytes *b, enum pw_id id)
{
	struct mh_proposal p;

	pw_make(&p, &w, id);
	pw_sign_all(&p, &w, id);
	assert_int_equal(mh_proposal_encode(&p, b), 0);
	mh_proposal_free(&p);
}

/* Read and understood: 0, or the first error */
static int take(struct mh_buf b)
{
	struct mh_proposal_view v;
	struct mh_proposal p;
	int ret = mh_proposal_decode(&p, b);

	if (!ret)
		ret = mh_proposal_check(&p, &v);
	mh_proposal_free(&p);
	return ret;
}

static void r36_there_and_back(void **state)
{
	(void)state;
	for (enum pw_id id = 0; id < PW_PROPOSALS; id++) {
		struct mh_bytes b, again;
		struct mh_proposal_view v;
		struct mh_proposal p;

		encode(&b, id);
		assert_int_equal(mh_proposal_decode(&p, mh_bytes_buf(&b)), 0);
		assert_int_equal(mh_proposal_check(&p, &v), 0);
		assert_true(mh_proposal_complete(&p, &v));
		assert_int_equal(mh_proposal_encode(&p, &again), 0);
		assert_int_equal(again.n, b.n);
		assert_memory_equal(again.p, b.p, b.n);
		mh_proposal_free(&p);
		mh_bytes_free(&b);
		mh_bytes_free(&again);
	}
}

/* ---- form ---- */

static void r36_each_byte(void **state)
{
	(void)state;
	for (enum pw_id id = 0; id < PW_PROPOSALS; id++) {
		struct mh_bytes b;
		u8 *longer;

		encode(&b, id);
		for (size_t n = 0; n < b.n; n++) {
			u8 *cut = malloc(n + 1);	/* so that the sanitizer sees its end */

			memcpy(cut, b.p, n);
			assert_int_not_equal(take(MH_BUF(cut, n)), 0);
			free(cut);
		}
		longer = malloc(b.n + 1);
		memcpy(longer, b.p, b.n);
		longer[b.n] = 0;
		assert_int_equal(take(MH_BUF(longer, b.n + 1)), -EBADMSG);
		free(longer);
		mh_bytes_free(&b);
	}
}

/* How a field is made wrong: at this place of PW_ACT's bytes */
struct wrong {
	const char *name;
	size_t at, n;
	u64 value;
	int ret;
};

static void r36_malformed(void **state)
{
	const size_t head = 4 + 1 + 1 + 32 + 8, chain = head + 2,
		     acts = chain + 4 + w.st[SW_GENESIS].n;
	static struct mh_bytes b;
	struct mh_proposal p;
	size_t items, sigs;

	(void)state;
	encode(&b, PW_ACT);
	assert_int_equal(mh_proposal_decode(&p, mh_bytes_buf(&b)), 0);
	sigs = b.n - 3 * 128 - 1;
	items = sigs - 4 - 2 * (5 + 64) - 2;
	mh_proposal_free(&p);

	const struct wrong table[] = {
		{ "magic", 0, 1, 'm', -EBADMSG },
		{ "version 0", 4, 1, 0, -EPROTONOSUPPORT },
		{ "version 2", 4, 1, 2, -EPROTONOSUPPORT },
		{ "kind 0", 5, 1, 0, -EBADMSG },
		{ "kind drill, and acts", 5, 1, 2, -EBADMSG },
		{ "kind 3", 5, 1, 3, -EBADMSG },
		{ "another Region", 6, 4, 1, -EBADMSG },
		{ "no ANCHOR, and one", head, 2, 0, -EBADMSG },
		{ "two, and one", head, 2, 2, -EBADMSG },
		{ "more than are allowed", head, 2, MH_PROPOSAL_ANCHORS + 1, -EBADMSG },
		{ "an ANCHOR without end", chain, 4, UINT32_MAX, -EBADMSG },
		{ "an empty one", chain, 4, 0, -EBADMSG },
		{ "no statement", acts, 2, 0, -EBADMSG },
		{ "one more", acts, 2, 7, -EBADMSG },
		{ "one less", acts, 2, 5, -EBADMSG },
		{ "more than a SUBMIT's", acts, 2, MH_ADMIN_ITEMS + 1, -EBADMSG },
		{ "by new officers", acts + 2, 1, MH_SET_NEW, -EBADMSG },
		{ "by the recovery set", acts + 2, 1, MH_SET_RECOVERY, -EBADMSG },
		{ "by whom", acts + 2, 1, 3, -EBADMSG },
		{ "a body too long", acts + 3, 4, MH_STMT_BODY_MAX + 1, -EBADMSG },
		{ "an empty body", acts + 3, 4, 0, -EBADMSG },
		{ "an item less", items, 2, 1, -EBADMSG },
		{ "an item more", items, 2, 3, -EBADMSG },
		{ "items without end", items, 2, MH_ADMIN_ITEMS + 1, -EBADMSG },
		{ "a statement for an item", items + 2, 1, MH_ITEM_STATEMENT, -EBADMSG },
		{ "an item of no kind", items + 2, 1, 0, -EBADMSG },
		{ "of an unknown kind", items + 2, 1, MH_ITEM_KPF + 1, -EBADMSG },
		{ "that stays, unknown", items + 2, 1, MH_PROPOSAL_BUNDLE + 1, -EBADMSG },
		{ "an item too long", items + 3, 4, MH_ADMIN_MAX + 1, -EBADMSG },
		{ "a signature less", sigs, 1, 2, -EBADMSG },
		{ "a signature more", sigs, 1, 4, -EBADMSG },
		{ "more than can be", sigs, 1, MH_PROPOSAL_SIGS + 1, -EBADMSG },
		{ "a signature altered", b.n - 1, 1, (u8)~b.p[b.n - 1], -EKEYREJECTED },
		{ "a key altered", sigs + 1, 1, 0, -EKEYREJECTED },
	};

	assert_int_equal(mh_get16(b.p + acts), 6);
	assert_int_equal(mh_get16(b.p + items), 2);
	assert_int_equal(b.p[sigs], 3);
	assert_int_equal(take(mh_bytes_buf(&b)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct wrong *t = &table[i];
		struct mh_bytes bad;
		int ret;

		assert_int_equal(mh_bytes_copy(&bad, b.p, b.n), 0);
		for (size_t k = 0; k < t->n; k++)
			bad.p[t->at + k] = (u8)(t->value >> 8 * (t->n - 1 - k));
		ret = take(mh_bytes_buf(&bad));
		if (ret != t->ret)
			fail_msg("%s: %d, not %d", t->name, ret, t->ret);
		mh_bytes_free(&bad);
	}
	mh_bytes_free(&b);
}

static void r36_signatures_rise(void **state)
{
	struct mh_bytes b;
	u8 one[128];

	(void)state;
	encode(&b, PW_ACT);
	memcpy(one, b.p + b.n - 256, 128);
	memcpy(b.p + b.n - 256, b.p + b.n - 128, 128);
	assert_int_equal(take(mh_bytes_buf(&b)), -EBADMSG);	/* one twice */
	memcpy(b.p + b.n - 128, one, 128);
	assert_int_equal(take(mh_bytes_buf(&b)), -EBADMSG);	/* they fall */
	mh_bytes_free(&b);
}

/* ---- what it asks for ---- */

/* One statement in a proposal of the Region with this chain */
static int asks(enum sw_id chain, u8 which, enum sw_id id)
{
	struct mh_proposal_view v;
	struct mh_proposal p = { .kind = MH_PROPOSAL_ACT };
	int ret;

	memcpy(p.region, w.region, 32);
	if (chain != SW_STATEMENTS) {
		ret = mh_proposal_add_anchor(&p, w.st[SW_GENESIS].s.bytes);
		if (!ret && chain != SW_GENESIS)
			ret = mh_proposal_add_anchor(&p, w.st[chain].s.bytes);
		assert_int_equal(ret, 0);
	}
	ret = mh_proposal_add_act(&p, which, pw_body(&w, id), MH_BUF(NULL, 0));
	if (!ret)
		ret = mh_proposal_check(&p, &v);
	mh_proposal_free(&p);
	return ret;
}

static void r36_only_what_is_theirs(void **state)
{
	static const enum sw_id theirs[] = { SW_SERVE,	SW_FRESH,   SW_GENERATE, SW_ENTITY,
					     SW_GROUP,	SW_MEMBER,  SW_POLICY,	 SW_DATASET,
					     SW_REVOKE, SW_REVOKE_UNDER };
	static const enum sw_id others[] = { SW_ONWARD,	 SW_ENTITY_ENROLLED, SW_INSTANCE,
					     SW_SUSPEND, SW_EPOCH, SW_GROUP_EPOCH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		assert_int_equal(asks(SW_GENESIS, MH_SET_SIGNER, theirs[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(asks(SW_GENESIS, MH_SET_SIGNER, others[i]), -EBADMSG);
	/* under an ANCHOR that is not the newest */
	assert_int_equal(asks(SW_ANCHOR, MH_SET_SIGNER, SW_ENTITY), -EBADMSG);
	/* without one */
	assert_int_equal(asks(SW_STATEMENTS, MH_SET_SIGNER, SW_ENTITY), -EBADMSG);
}

static void r46_anchors(void **state)
{
	(void)state;
	assert_int_equal(asks(SW_GENESIS, MH_SET_SIGNER, SW_ANCHOR), 0);
	assert_int_equal(asks(SW_GENESIS, MH_SET_RECOVERY, SW_ANCHOR_RECOVERY), 0);
	assert_int_equal(asks(SW_GENESIS, MH_SET_NEW, SW_ANCHOR), -EBADMSG);
	/* one that is there, one of its serial */
	assert_int_equal(asks(SW_ANCHOR, MH_SET_SIGNER, SW_ANCHOR), -EBADMSG);
	assert_int_equal(asks(SW_ANCHOR, MH_SET_SIGNER, SW_ANCHOR_RECOVERY), -EBADMSG);
	assert_int_equal(asks(SW_STATEMENTS, MH_SET_SIGNER, SW_ANCHOR), -EBADMSG);
	assert_int_equal(asks(SW_STATEMENTS, MH_SET_NEW, SW_GENESIS), 0);
	assert_int_equal(asks(SW_GENESIS, MH_SET_NEW, SW_GENESIS), -EBADMSG);
	assert_int_equal(asks(SW_STATEMENTS, MH_SET_SIGNER, SW_GENESIS), -EBADMSG);
}

/* An ANCHOR that comes second, and a statement under the old one beside a new one */
static void r46_order(void **state)
{
	struct mh_proposal_view v;
	struct mh_proposal p;

	(void)state;
	pw_make(&p, &w, PW_RENEW);
	assert_int_equal(mh_proposal_add_act(&p, MH_SET_SIGNER, pw_body(&w, SW_ANCHOR),
					     MH_BUF(NULL, 0)), 0);
	assert_int_equal(mh_proposal_check(&p, &v), -EBADMSG);
	mh_proposal_free(&p);
	pw_make(&p, &w, PW_ANCHOR);
	pw_act(&p, &w, SW_ENTITY);
	assert_int_equal(mh_proposal_check(&p, &v), -EBADMSG);
	mh_proposal_free(&p);
}

static void r36_replaced(void **state)
{
	struct mh_proposal p;
	struct mh_proposal_view v;
	u8 buf[MH_STMT_BODY_MAX], was[4096];
	const struct sw_one *o = &w.st[SW_GROUP];
	const struct mh_buf next = pw_next(&w, SW_GROUP, w.st[SW_GENESIS].s.leaf, buf);

	(void)state;
	pw_make(&p, &w, PW_DRILL);
	p.kind = MH_PROPOSAL_ACT;
	/* itself, another's, none that is whole */
	assert_int_equal(mh_proposal_add_act(&p, 0, pw_body(&w, SW_GROUP), o->s.bytes), -EBADMSG);
	assert_int_equal(mh_proposal_add_act(&p, 0, next, w.st[SW_ENTITY].s.bytes), -EBADMSG);
	assert_int_equal(mh_proposal_add_act(&p, 0, next, MH_BUF(o->bytes, o->n - 1)), -EBADMSG);
	memcpy(was, o->bytes, o->n);
	was[o->n - 1] ^= 1;
	assert_int_equal(mh_proposal_add_act(&p, 0, next, MH_BUF(was, o->n)), 0);
	assert_int_equal(mh_proposal_check(&p, &v), -EKEYREJECTED);
	mh_proposal_free(&p);
}

/* ---- who signs ---- */

static void r36_quorum(void **state)
{
	struct mh_proposal_view v;
	struct mh_proposal p;
	struct mh_bytes out;
	u8 sig[MH_SIG_LEN];

	(void)state;
	pw_make(&p, &w, PW_ACT);
	pw_sign(&p, &w.rag, 1, 2);
	pw_sign(&p, &w.rag, 1, 2);	/* the same again */
	assert_int_equal(mh_proposal_check(&p, &v), 0);
	assert_int_equal(p.sigs, 2);
	assert_int_equal(mh_proposal_lacks(&p, &v.need[0]), 1);
	assert_int_equal(mh_proposal_submission(&p, &v, 0, p.acts, &out), -ENOKEY);
	assert_false(mh_proposal_may_sign(&v, w.next.pub[0]));
	/* a stranger's, and an officer's of something else */
	assert_int_equal(mh_p256_sign(w.next.priv[0], v.digest, sig), 0);
	assert_int_equal(mh_proposal_add_sig(&p, w.next.pub[0], sig), 0);
	assert_int_equal(mh_proposal_check(&p, &v), -EKEYREJECTED);
	mh_proposal_free(&p);
	pw_make(&p, &w, PW_ACT);
	assert_int_equal(mh_proposal_check(&p, &v), 0);
	assert_int_equal(mh_p256_sign(w.rag.priv[0], v.root, sig), 0);
	assert_int_equal(mh_proposal_add_sig(&p, w.rag.pub[0], sig), 0);
	assert_int_equal(mh_proposal_check(&p, &v), -EKEYREJECTED);
	mh_proposal_free(&p);
}

/* One statement more, after they signed */
static void r36_altered(void **state)
{
	struct mh_proposal_view v;
	struct mh_proposal p;

	(void)state;
	pw_make(&p, &w, PW_RENEW);
	pw_sign_all(&p, &w, PW_RENEW);
	pw_act(&p, &w, SW_REVOKE);
	assert_int_equal(mh_proposal_check(&p, &v), -EKEYREJECTED);
	mh_proposal_free(&p);
}

/* Old M alone, new M alone, both; and the recovery set's are not the officers' */
static void r46_both_quorums(void **state)
{
	struct mh_proposal_view v;
	struct mh_proposal p;

	(void)state;
	for (int set = 1; set < 4; set++) {
		pw_make(&p, &w, PW_ANCHOR);
		if (set & 1)
			pw_sign(&p, &w.rag, 0, 3);
		if (set & 2)
			pw_sign(&p, &w.next, 0, 2);
		assert_int_equal(mh_proposal_check(&p, &v), 0);
		assert_int_equal(mh_proposal_complete(&p, &v), set == 3);
		assert_false(mh_proposal_may_sign(&v, w.recovery.pub[0]));
		mh_proposal_free(&p);
	}
	pw_make(&p, &w, PW_RECOVERY);
	assert_int_equal(mh_proposal_check(&p, &v), 0);
	assert_false(mh_proposal_may_sign(&v, w.rag.pub[0]));
	assert_true(mh_proposal_may_sign(&v, w.recovery.pub[0]));
	mh_proposal_free(&p);
}

/* ---- what comes of it ---- */

static void verify(const struct mh_proposal *p, const struct mh_proposal_view *v, struct mh_buf b)
{
	struct mh_stmt anchor = v->anchor, s;
	u8 region[32], bytes[MH_STMT_MAX];

	assert_int_equal(mh_stmt_parse(&s, b.p, b.n), 0);
	if (s.type == MH_ANCHOR && p->anchors) {
		assert_int_equal(mh_anchor_next(&v->anchor, w.region, &s), 0);
		return;
	}
	if (s.type == MH_ANCHOR) {
		assert_int_equal(mh_anchor_genesis(&s, region), 0);
		assert_memory_equal(region, w.region, 32);
		return;
	}
	if (p->act[0].s.type == MH_ANCHOR) {
		struct mh_writer one;

		mh_writer_init(&one, bytes, sizeof(bytes));
		assert_int_equal(mh_proposal_statement(p, v, 0, &one), 0);
		assert_int_equal(mh_stmt_parse(&anchor, bytes, one.len), 0);
	}
	assert_int_equal(mh_stmt_verify(&s, w.region, &anchor), 0);
}

static void r36_submission(void **state)
{
	(void)state;
	for (enum pw_id id = 0; id < PW_DRILL; id++) {
		struct mh_proposal_view v;
		struct mh_proposal p;
		struct mh_bytes out;
		struct mh_reader r;
		unsigned int statements = 0, items = 0;

		pw_make(&p, &w, id);
		/* more than it takes: exactly the threshold is used */
		pw_sign(&p, id == PW_RECOVERY ? &w.recovery : &w.rag, 0, 2);
		pw_sign_all(&p, &w, id);
		assert_int_equal(mh_proposal_check(&p, &v), 0);
		assert_int_equal(mh_proposal_submission(&p, &v, 0, p.acts, &out), 0);
		mh_reader_init(&r, out.p, out.n);
		for (u16 n = mh_read_u16(&r); n; n--) {
			u8 item = mh_read_u8(&r);
			struct mh_buf b = mh_read_big(&r, MH_ADMIN_MAX);

			assert_int_equal(r.err, 0);
			assert_true(item < MH_PROPOSAL_BUNDLE);
			if (item == MH_ITEM_STATEMENT)
				verify(&p, &v, b);
			statements += item == MH_ITEM_STATEMENT;
			items += item != MH_ITEM_STATEMENT;
		}
		assert_int_equal(mh_read_end(&r), 0);
		assert_int_equal(statements, p.acts);
		assert_int_equal(items, id == PW_ACT);
		mh_bytes_free(&out);
		mh_proposal_free(&p);
	}
}

/* A drill's signature is over nothing that a statement's could be */
static void r36_drill(void **state)
{
	struct mh_proposal_view v;
	struct mh_proposal p;
	struct mh_bytes out;
	u8 digest[32];

	(void)state;
	pw_make(&p, &w, PW_DRILL);
	assert_int_equal(mh_proposal_check(&p, &v), 0);
	memcpy(digest, v.digest, 32);
	p.made++;
	assert_int_equal(mh_proposal_check(&p, &v), 0);
	assert_memory_not_equal(digest, v.digest, 32);
	pw_sign(&p, &w.rag, 0, 3);
	assert_false(mh_proposal_complete(&p, &v));	/* the recovery set has keys to find, too */
	pw_sign(&p, &w.recovery, 0, 2);
	assert_true(mh_proposal_complete(&p, &v));
	p.nonce[0] ^= 1;
	assert_int_equal(mh_proposal_check(&p, &v), -EKEYREJECTED);
	p.nonce[0] ^= 1;
	assert_int_equal(mh_proposal_submission(&p, &v, 0, p.acts, &out), 0);
	assert_int_equal(mh_get16(out.p), 0);
	mh_bytes_free(&out);
	mh_proposal_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_there_and_back),	 cmocka_unit_test(r36_each_byte),
		cmocka_unit_test(r36_malformed),	 cmocka_unit_test(r36_signatures_rise),
		cmocka_unit_test(r36_only_what_is_theirs), cmocka_unit_test(r46_anchors),
		cmocka_unit_test(r46_order),		 cmocka_unit_test(r36_replaced),
		cmocka_unit_test(r36_quorum),		 cmocka_unit_test(r36_altered),
		cmocka_unit_test(r46_both_quorums),	 cmocka_unit_test(r36_submission),
		cmocka_unit_test(r36_drill),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

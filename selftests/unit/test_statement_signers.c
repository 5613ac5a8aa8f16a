// SPDX-License-Identifier: MIT
/* R36, R45: each statement by those who may sign it, in their scope and window, and by no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stmt_world.h"

static struct sw w;
static struct sw_one one;	/* what a test makes */
static struct sw_one parent;	/* and a signer of its own */

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

/* What differs from the world's statement. */
struct change {
	const char *subject;
	u64 issued, not_before, not_after;	/* 0: as it was */
	u16 type;				/* an attribute: another value, or none */
	const void *p;
	size_t n;
	bool without;
};

/* Statement id again, named and signed by signer with k, with c's changes. */
static void again(struct sw_one *o, enum sw_id id, const struct mh_stmt *signer,
		  const struct sw_keys *k, const struct change *c)
{
	static u8 body[MH_STMT_BODY_MAX];
	const struct mh_stmt *s = st(id);
	struct mh_reader r;
	struct mh_writer b;
	struct mh_attr a;
	u16 last = 0;

	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, s->type, w.region, signer->leaf,
		      c->subject ? MH_BUF(c->subject, strlen(c->subject)) : s->subject, s->serial,
		      c->issued ? c->issued : s->issued,
		      c->not_before ? c->not_before : s->not_before,
		      c->not_after ? c->not_after : s->not_after);
	mh_reader_init(&r, s->body.p, s->body.n);
	while (mh_read_attr(&r, &last, &a)) {
		if (a.type <= MH_A_FEATURES || (c->without && c->type == a.type))
			continue;
		if (c->type == a.type)
			a.v = MH_BUF(c->p, c->n);
		mh_write_attr(&b, a.type, a.v.p, a.v.n);
	}
	sw_must(b.err);
	sw_finish(o, MH_BUF(body, b.len), MH_SET_SIGNER, k, NULL);
}

static int changed(enum sw_id id, int signer, struct change c)
{
	again(&one, id, st((enum sw_id)signer), sw_keys_of(&w, signer), &c);
	return mh_stmt_verify(&one.s, w.region, st((enum sw_id)signer));
}

static int signed_by(enum sw_id id, int signer)
{
	return changed(id, signer, (struct change){ 0 });
}

/* ---- */

static void r36_table_of_signers(void **state)
{
	static const enum sw_id signer[] = { SW_GENESIS, SW_GROUP, SW_SERVE, SW_FRESH, SW_GENERATE,
					     SW_CERTIFY, SW_ENROL, SW_SUSPENDER };
	static const struct {
		enum sw_id id;
		const char *by;	/* y: may, in the order above */
	} table[] = {
		{ SW_SERVE, "y-------" },	{ SW_ONWARD, "y-y-----" },
		{ SW_FRESH, "y-------" },	{ SW_GENERATE, "y-------" },
		{ SW_ENROL, "y-------" },	{ SW_ENTITY, "y-----y-" },
		{ SW_GROUP, "yy------" },	{ SW_MEMBER, "yy------" },
		{ SW_DATASET, "yy------" },	{ SW_POLICY, "yy------" },
		{ SW_INSTANCE, "yy--y---" },	{ SW_TOMBSTONE, "yy------" },
		{ SW_REVOKE, "y-------" },	{ SW_REVOKE_UNDER, "y-------" },
		{ SW_SUSPEND, "-------y" },	{ SW_EPOCH, "---y----" },
		{ SW_GROUP_EPOCH, "-y------" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (size_t j = 0; j < ARRAY_SIZE(signer); j++)
			assert_int_equal(signed_by(table[i].id, signer[j]),
					 table[i].by[j] == 'y' ? 0 : -EPERM);
	/* what signs nothing */
	again(&one, SW_MEMBER, st(SW_DATASET), &w.rag, &(struct change){ 0 });
	assert_int_equal(mh_stmt_verify(&one.s, w.region, st(SW_DATASET)), -EPERM);
}

static void r36_delegations_window(void **state)
{
	const u64 end = st(SW_FRESH)->not_after;

	(void)state;
	assert_int_equal(changed(SW_EPOCH, SW_FRESH, (struct change){
		.issued = end, .not_before = end, .not_after = end + SW_DAY }), 0);
	assert_int_equal(changed(SW_EPOCH, SW_FRESH, (struct change){
		.issued = end + 1, .not_before = end + 1, .not_after = end + SW_DAY }), -EPERM);
	assert_int_equal(changed(SW_EPOCH, SW_FRESH, (struct change){
		.issued = SW_T0 - 1, .not_before = SW_T0 }), -EPERM);
	assert_int_equal(changed(SW_ENTITY, SW_ENROL, (struct change){ .issued = SW_T0 - 1 }),
			 -EPERM);
	assert_int_equal(changed(SW_INSTANCE, SW_GENERATE, (struct change){
		.issued = SW_T0 + 31 * SW_DAY }), -EPERM);
	/* the RAG's has no window but its own validity */
	assert_int_equal(changed(SW_ENTITY, SW_GENESIS, (struct change){ .issued = 1 }), 0);
}

static void r36_delegations_scope(void **state)
{
	static const struct {
		const char *instance, *entity;
		bool good;
	} tries[] = {
		{ "eu/disk@7", "host-1", true },  { "eu/a/b@7", "hast-", true },
		{ "us/disk@7", "host-*", true },  { "us/disk2@7", "hst-1", false },
		{ "us@7", "host", false },	  { "eu@7", "xhost-1", false },
		{ "us/disk/x@7", "hoost-1", false }, { "eux/y@7", "ho-st-1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		const int want = tries[i].good ? 0 : -EPERM;

		assert_int_equal(changed(SW_INSTANCE, SW_GENERATE, (struct change){
			.subject = tries[i].instance }), want);
		if (strchr(tries[i].entity, '*'))
			continue;
		assert_int_equal(changed(SW_ENTITY, SW_ENROL, (struct change){
			.subject = tries[i].entity }), want);
		assert_int_equal(changed(SW_SUSPEND, SW_SUSPENDER, (struct change){
			.subject = tries[i].entity }), want);
	}
	assert_int_equal(changed(SW_EPOCH, SW_FRESH, (struct change){ .subject = "fresh2" }),
			 -EPERM);
	/* the template, whole */
	assert_int_equal(changed(SW_INSTANCE, SW_GENERATE, (struct change){
		.type = MH_A_TEMPLATE, .p = "\1\0\0\0\x10", .n = 5 }), -EPERM);
	assert_int_equal(changed(SW_INSTANCE, SW_GENERATE, (struct change){
		.type = MH_A_TEMPLATE, .p = "\3\0\0\0\x20", .n = 5 }), -EPERM);
	assert_int_equal(changed(SW_INSTANCE, SW_GENERATE, (struct change){
		.type = MH_A_TEMPLATE, .without = true }), -EPERM);
}

/* A generate key without DataSets in its scope makes nothing; an enrol key without names, any. */
static void r36_scope_not_given(void **state)
{
	struct change c = { .type = MH_A_SCOPE_DATASETS, .without = true };

	(void)state;
	again(&parent, SW_GENERATE, st(SW_GENESIS), &w.rag, &c);
	again(&one, SW_INSTANCE, &parent.s, &w.delegate[SW_GENERATE], &(struct change){ 0 });
	assert_int_equal(mh_stmt_verify(&one.s, w.region, &parent.s), -EPERM);
	c.type = MH_A_SCOPE_NAMES;
	again(&parent, SW_ENROL, st(SW_GENESIS), &w.rag, &c);
	again(&one, SW_ENTITY, &parent.s, &w.delegate[SW_ENROL],
	      &(struct change){ .subject = "other" });
	assert_int_equal(mh_stmt_verify(&one.s, w.region, &parent.s), 0);
}

static void r36_onward_serve(void **state)
{
	const u64 end = st(SW_SERVE)->not_after;

	(void)state;
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.not_before = end - SW_DAY, .not_after = end }), 0);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.not_before = end - SW_DAY, .not_after = end + 1 }), -EPERM);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.not_after = SW_T0 + SW_DAY + 1 }), -EPERM);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.not_before = SW_T0 - 1, .not_after = SW_T0 + 60 }), -EPERM);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){ .subject = "repo2" }),
			 -EPERM);
	/* its scope is kept whole */
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.type = MH_A_SCOPE_DATASETS, .p = "\0\3eu/\0\3us/", .n = 10 }), -EPERM);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.type = MH_A_SCOPE_DATASETS, .without = true }), -EPERM);
	assert_int_equal(changed(SW_ONWARD, SW_SERVE, (struct change){
		.type = MH_A_SCOPE_GROUPS, .without = true }), -EPERM);
	/* once: the key passed on to passes nothing on */
	assert_int_equal(changed(SW_ONWARD, SW_ONWARD, (struct change){
		.not_after = SW_T0 + 3600 }), -EPERM);
}

static void r36_groups_rights(void **state)
{
	(void)state;	/* staff: 1 on eu/art; 0x31 (fetch, INSTANCEs, POLICY) on eu/ */
	assert_int_equal(mh_group_rights(st(SW_GROUP), MH_BUF("eu/disk", 7)), 0x31);
	assert_int_equal(mh_group_rights(st(SW_GROUP), MH_BUF("eu/art", 6)), 0x31);
	assert_int_equal(mh_group_rights(st(SW_GROUP), MH_BUF("eu", 2)), 0);
	assert_int_equal(mh_group_rights(st(SW_GROUP), MH_BUF("eu/", 3)), 0);
	assert_int_equal(mh_group_rights(st(SW_GROUP), MH_BUF("us/disk", 7)), 0);
	assert_int_equal(mh_group_rights(st(SW_DATASET), MH_BUF("eu/disk", 7)), 0);
	assert_int_equal(changed(SW_INSTANCE, SW_GROUP, (struct change){ .subject = "us/disk@7" }),
			 -EPERM);
	assert_int_equal(changed(SW_POLICY, SW_GROUP, (struct change){ .subject = "us/base" }),
			 -EPERM);
	assert_int_equal(changed(SW_MEMBER, SW_GROUP, (struct change){ .subject = "ops/host-1" }),
			 -EPERM);
	assert_int_equal(changed(SW_MEMBER, SW_GROUP, (struct change){ .subject = "staffx/a" }),
			 -EPERM);
	assert_int_equal(changed(SW_GROUP_EPOCH, SW_GROUP, (struct change){ .subject = "ops" }),
			 -EPERM);
	assert_int_equal(changed(SW_GROUP, SW_GROUP, (struct change){ .subject = "ops" }), -EPERM);
	assert_int_equal(changed(SW_GROUP, SW_GROUP, (struct change){	/* gives itself more */
		.type = MH_A_RIGHTS, .p = "\0\x3f\0\3eu/", .n = 7 }), -EPERM);
}

/* A cap on ANCHORs binds the next one; without recovery keys nobody recovers. */
static void r46_caps_and_recovery_of_anchors(void **state)
{
	static const u8 caps[5] = { MH_ANCHOR, 0, 1, 0x51, 0x80 };	/* a day */
	static u8 body[4096];
	struct mh_writer b;

	(void)state;
	for (u64 life = SW_DAY; life <= SW_DAY + 1; life++)
		for (unsigned int which = MH_SET_SIGNER; which <= MH_SET_RECOVERY; which += 2) {
			mh_writer_init(&b, body, sizeof(body));
			mh_stmt_begin(&b, MH_ANCHOR, w.region, st(SW_GENESIS)->leaf,
				      MH_BUF("eu", 2), 2, SW_T0, SW_T0, SW_T0 + SW_DAY);
			sw_anchor_attrs(&b, &w.next, st(SW_GENESIS)->leaf, 1, NULL);
			mh_write_attr(&b, MH_A_CAPS, caps, 5);
			sw_finish(&parent, MH_BUF(body, b.len), MH_SET_RECOVERY, &w.recovery,
				  &w.next);
			assert_int_equal(mh_anchor_next(st(SW_GENESIS), w.region, &parent.s), 0);
			mh_writer_init(&b, body, sizeof(body));
			mh_stmt_begin(&b, MH_ANCHOR, w.region, parent.s.leaf, MH_BUF("eu", 2), 3,
				      SW_T0, SW_T0, SW_T0 + life);
			sw_anchor_attrs(&b, &w.rag, parent.s.leaf, 1, NULL);
			sw_finish(&one, MH_BUF(body, b.len), (u8)which, &w.next, &w.rag);
			assert_int_equal(mh_anchor_next(&parent.s, w.region, &one.s),
					 life == SW_DAY && which == MH_SET_SIGNER ? 0 : -EBADMSG);
		}
}

static void r43_epochs_floors(void **state)
{
	const struct mh_stmt *e = st(SW_EPOCH);

	(void)state;
	assert_true(mh_epoch_floor(e, MH_ENTITY, MH_BUF("host-1", 6)) == 7);
	assert_true(mh_epoch_floor(e, MH_GROUP, MH_BUF("host-1", 6)) == 8);
	assert_true(mh_epoch_floor(e, MH_MEMBER, MH_BUF("host-1", 6)) == 9);
	assert_true(mh_epoch_floor(e, MH_DATASET, MH_BUF("host-1", 6)) == 0);
	assert_true(mh_epoch_floor(e, MH_ENTITY, MH_BUF("host-2", 6)) == 0);
	assert_true(mh_epoch_floor(st(SW_MEMBER), MH_ENTITY, MH_BUF("host-1", 6)) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_table_of_signers),
		cmocka_unit_test(r36_delegations_window),
		cmocka_unit_test(r36_delegations_scope),
		cmocka_unit_test(r36_scope_not_given),
		cmocka_unit_test(r36_onward_serve),
		cmocka_unit_test(r36_groups_rights),
		cmocka_unit_test(r46_caps_and_recovery_of_anchors),
		cmocka_unit_test(r43_epochs_floors),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}

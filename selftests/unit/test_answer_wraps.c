// SPDX-License-Identifier: MIT
/* R13: wraps and chains of an answer that must not open (ATTACKS, Data). */
#include "answer_steps.h"

static void r13_another_ke_is_refused(void **state)
{
	unsigned int at;
	u8 other[32], kid[32];

	(void)state;
	aw_fill(other, 32, 99);
	for (unsigned int mode = MH_MODE_SESSION; mode <= MH_MODE_GROUP; mode++) {
		make((u8)mode);	/* it has a kid of its own */
		at = first(MH_R_WRAP);
		memcpy(kid, w.ke_kid, 32);
		if (mode == MH_MODE_SESSION)
			mh_wrap_seal_none(w.r[at].p + 1, other, MH_BUF(w.icx, 32));
		else
			mh_wrap_seal_hpke(w.r[at].p + 1, other, MH_BUF(w.icx, 32), w.kec.pub,
					  MH_BUF(w.kec.ctx, 32), NULL);
		refused(-ENOKEY);
		memcpy(w.r[at].p + 2, kid, 32);		/* it claims the manifest's */
		refused(-ENOKEY);
	}
}

static void r13_kinds_and_modes(void **state)
{
	unsigned int at;

	(void)state;
	make(MH_MODE_SESSION);	/* wrapped in mode session */
	at = first(MH_R_WRAP);
	mh_wrap_seal_hpke(w.r[at].p + 1, w.ke, MH_BUF(w.icx, 32), w.kec.pub, MH_BUF(w.kec.ctx, 32),
			  NULL);
	refused(-ENOKEY);
	for (unsigned int mode = MH_MODE_GUARDIAN; mode <= MH_MODE_GROUP; mode++) {
		make((u8)mode);	/* Ke in the clear elsewhere */
		at = first(MH_R_WRAP);
		mh_wrap_seal_none(w.r[at].p + 1, w.ke, MH_BUF(w.icx, 32));
		refused(-ENOKEY);
	}
	make(MH_MODE_GROUP);	/* a kind that is none */
	w.r[first(MH_R_WRAP)].p[1] = 9;
	refused(-EBADMSG);
	make(MH_MODE_GROUP);	/* another length */
	w.r[first(MH_R_WRAP)].n--;
	refused(-EBADMSG);
	make(MH_MODE_GROUP);	/* another's Kec */
	w.kec.key[3] ^= 1;
	mh_x25519_public(w.kec.pub, w.kec.key);
	refused(-ENOKEY);
}

static void r13_alternatives_in_order(void **state)
{
	unsigned int at;

	(void)state;
	for (u8 foreign = 0; foreign <= 4; foreign++) {
		aw_defaults(&w, MH_MODE_GROUP);
		w.alternatives = 4;
		w.foreign = foreign;
		w.links = 2;
		assert_int_equal(aw_make(&w), 0);
		if (foreign < 4)
			delivered(3);
		else
			refused(-ENOKEY);
	}
	aw_defaults(&w, MH_MODE_GROUP);
	w.alternatives = 2;
	assert_int_equal(aw_make(&w), 0);
	at = first(MH_R_WRAP);
	w.r[at].p[0] = 1;	/* 1, then 0 */
	w.r[at + 1].p[0] = 0;
	refused(-EBADMSG);
}

static void chain(u8 links, u8 mode)
{
	aw_defaults(&w, mode);
	w.links = links;
	assert_int_equal(aw_make(&w), 0);
}

static void r13_chains(void **state)
{
	unsigned int at;
	struct aw_record r;

	(void)state;
	for (u8 links = 1; links <= 8; links++) {
		chain(links, MH_MODE_GROUP);
		delivered(3);
	}
	chain(9, MH_MODE_GROUP);
	refused(0);
	chain(2, MH_MODE_GUARDIAN);	/* the Guardian wraps to Kec itself */
	refused(-ENOKEY);
	aw_defaults(&w, MH_MODE_GROUP);	/* a Kgc in a chain is a secret */
	w.links = 2;
	w.kgc_pair = true;
	assert_int_equal(aw_make(&w), 0);
	refused(-ENOKEY);
	chain(4, MH_MODE_GROUP);	/* the middle does not link */
	at = first(MH_R_WRAP);
	w.r[at + 1].p[40] ^= 1;
	refused(-ENOKEY);
	chain(4, MH_MODE_GROUP);	/* out of order */
	r = w.r[at + 1];
	w.r[at + 1] = w.r[at + 2];
	w.r[at + 2] = r;
	refused(-ENOKEY);
	chain(4, MH_MODE_GROUP);	/* a loop */
	at = first(MH_R_WRAP);
	insert(at + 1, w.r[at]);
	aw_recount(&w);
	refused(-ENOKEY);
	chain(4, MH_MODE_GROUP);	/* begins at another's Kec */
	w.kec.ctx[0] ^= 1;
	refused(-ENOKEY);
	chain(4, MH_MODE_GROUP);	/* no GROUP_EPOCH says what a link's context is */
	drop(4);
	aw_recount(&w);
	refused(-ENOKEY);
}

static void r13_wraps_are_bounded(void **state)
{
	unsigned int at;

	(void)state;
	make(MH_MODE_GROUP);
	at = first(MH_R_WRAP);
	for (unsigned int i = 0; i < MH_ANSWER_WRAPS; i++) {
		struct aw_record r = w.r[at];

		r.p = aw_room(&w, r.n);
		memcpy(r.p, w.r[at].p, r.n);
		r.p[0] = (u8)(i + 1);
		insert(at + 1 + i, r);
	}
	aw_recount(&w);
	refused(-EBADMSG);
	drop(at + 1);
	aw_recount(&w);
	delivered(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r13_another_ke_is_refused),
		cmocka_unit_test(r13_kinds_and_modes),
		cmocka_unit_test(r13_alternatives_in_order),
		cmocka_unit_test(r13_chains),
		cmocka_unit_test(r13_wraps_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

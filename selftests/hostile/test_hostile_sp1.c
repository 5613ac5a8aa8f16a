// SPDX-License-Identifier: MIT
/*
 * ATTACKS, Handshake, on the real repositoryd: by one who has an Entity's keys, or some of them,
 * and by who sits on the wire. All are closed without a byte, for the reason that the log gives;
 * store, audit and the keeper's file are as they were, and the signatures that had to be verified
 * are counted.
 */
#include "hostile.h"

static const char bad[] = "Bad message", unknown[] = "No such file or directory",
		  version[] = "Protocol not supported", rejected[] = "Key was rejected by service",
		  order[] = "Protocol error";

static int setup(void **state)
{
	char dataset[32];

	(void)state;
	hostile_setup(NULL);
	for (int i = 0; i < 4; i++) {
		snprintf(dataset, sizeof(dataset), "d/%s", names[i]);
		rd_group(&w, names[i], dataset);
		rd_member(&w, names[i], names[i]);
		rd_dataset(&w, dataset, MH_MODE_SESSION);
		rd_instance(&w, dataset, 1, MH_MODE_SESSION, NULL, names[i], strlen(names[i]));
	}
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static void all_are_served(void)
{
	char dataset[32];

	for (int i = 0; i < 4; i++) {
		snprintf(dataset, sizeof(dataset), "d/%s", names[i]);
		hostile_serves(&host[i], dataset, names[i], strlen(names[i]));
	}
}

/* ---- on the wire ---- */

static void flipped(const struct rd_host *h, bool auth, size_t at)
{
	struct before b = hostile_before();
	char what[128];
	u8 *frame = auth ? sp1.auth : sp1.hello;

	snprintf(what, sizeof(what), "%s: %s, byte %zu", h->id.name, auth ? "auth" : "hello", at);
	if (auth) {
		sp1_until_auth(&sp1, h);
	} else {
		sp1_begin(&sp1, h);
		sp1_make_hello(&sp1);
	}
	frame[at] ^= 0x11;
	sp1_put(&sp1, frame, auth ? sizeof(sp1.auth) : sp1.hello_n);
	if (at >= 1 && at <= 3)
		of_another_length(&sp1, &b);
	else
		refused_for(&sp1, &b, what, !auth && (at == 6 || at == 7) ? version : bad, 0);
	sp1_end(&sp1);
}

static void r12_every_byte_of_hello_and_auth(void **state)
{
	const size_t hello = MH_FRAME_HEADER + 2 + MH_P1_MIN + 32 + MH_TAG_LEN;

	(void)state;
	for (size_t at = 0; at < hello; at++)
		flipped(&host[0], false, at);
	for (size_t at = 0; at < sizeof(sp1.auth); at++) {
		flipped(&host[0], true, at);
		flipped(&host[3], true, at);
	}
	all_are_served();
}

/* Nothing, or a frame, in the place of a message that is right; or it comes again, or too early */
static void r12_dropped_doubled_swapped(void **state)
{
	static u8 frame[MH_FRAME_MAX];
	struct before b = hostile_before();
	size_t n;

	(void)state;
	sp1_until_auth(&sp1, &host[0]);		/* auth and REQUEST where hello is due */
	n = sp1_request(&sp1, 1, "d/pairs", frame);
	close(sp1.fd);
	sp1.fd = hostile_dial();
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, "auth, no hello", order, 0);
	close(sp1.fd);
	b = hostile_before();
	sp1.fd = hostile_dial();
	sp1_put(&sp1, frame, n);
	refused_for(&sp1, &b, "REQUEST, no hello", order, 0);
	sp1_end(&sp1);

	b = hostile_before();			/* hello again */
	sp1_until_auth(&sp1, &host[0]);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	refused_for(&sp1, &b, "hello again", order, 0);
	sp1_end(&sp1);

	b = hostile_before();			/* REQUEST before authI, under the right keys */
	sp1_until_auth(&sp1, &host[0]);
	n = sp1_request(&sp1, 1, "d/pairs", frame);
	sp1_put(&sp1, frame, n);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, "REQUEST before auth", order, 0);
	sp1_end(&sp1);

	b = hostile_before();			/* its own challenge */
	sp1_until_auth(&sp1, &host[0]);
	sp1_put(&sp1, sp1.challenge, sp1.challenge_n);
	refused_for(&sp1, &b, "a challenge", order, 0);
	sp1_end(&sp1);

	b = hostile_before();			/* another session's auth, which was right there */
	sp1_until_auth(&sp1, &host[0]);
	memcpy(frame, sp1.auth, sizeof(sp1.auth));
	sp1_end(&sp1);
	sp1_until_auth(&sp1, &host[0]);
	sp1_put(&sp1, frame, sizeof(sp1.auth));
	refused_for(&sp1, &b, "another session's auth", bad, 0);
	sp1_end(&sp1);
	all_are_served();
}

/* ---- every field, by one who computes all that follows from it ---- */

static void hello_is(const char *what, const u8 *p1, size_t n, const u8 *e, const char *reason)
{
	struct before b = hostile_before();

	sp1_begin(&sp1, &host[0]);
	sp1_forge_hello(&sp1, p1, n, e);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	if (reason)
		refused_for(&sp1, &b, what, reason, 0);
	else
		sp1_take_challenge(&sp1);
	sp1_end(&sp1);
}

static void r12_fields_of_hello(void **state)
{
	const struct mh_p1 right = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				     .region = w.region, .anchor_serial = 1 };
	u8 p1[MH_P1_MAX + 1], ticket[MH_TICKET_LEN] = { 7 }, e[32];

	(void)state;
	for (size_t at = 0; at < MH_P1_MIN; at++)
		for (int bit = 0; bit < 8; bit++) {
			char what[32];

			assert_int_equal(mh_p1_encode(&right, p1, sizeof(p1)), MH_P1_MIN);
			p1[at] ^= (u8)(1 << bit);
			if (at == 41 && !bit)	/* serial 0: our ANCHORs would come first */
				continue;
			snprintf(what, sizeof(what), "P1: bit %d of byte %zu", bit, at);
			/* who says to hold a newer ANCHOR than ours is answered, and judges us */
			hello_is(what, p1, MH_P1_MIN, NULL, at < 2 ? version : at < 34 ? unknown :
				 at < 42 ? NULL : bad);
		}
	assert_int_equal(mh_p1_encode(&right, p1, sizeof(p1)), MH_P1_MIN);
	hello_is("P1, shorter", p1, MH_P1_MIN - 1, NULL, bad);
	hello_is("P1, longer", p1, MH_P1_MIN + 1, NULL, bad);
	memcpy(p1 + MH_P1_MIN, ticket, sizeof(ticket));
	p1[MH_P1_MIN - 1] = MH_TICKET_LEN;
	hello_is("a ticket that is nobody's", p1, MH_P1_MAX, NULL, NULL);
	hello_is("a ticket, cut", p1, MH_P1_MAX - 1, NULL, bad);
	p1[MH_P1_MIN - 1] = MH_TICKET_LEN - 1;
	hello_is("a ticket of 63", p1, MH_P1_MAX - 1, NULL, bad);
	assert_int_equal(mh_p1_encode(&right, p1, sizeof(p1)), MH_P1_MIN);
	for (size_t i = 0; i < LOW_ORDER; i++) {
		low_order(e, i);
		hello_is("e of low order", p1, MH_P1_MIN, e, rejected);
	}
	all_are_served();
}

static void idi_is(size_t at, u8 flip)
{
	const size_t name = 1 + strlen(names[0]), end = name + 8 + MH_INCARNATION_LEN + 16 + 32;
	/* what is for the audit alone is anybody's to choose; the rest names another, or none */
	const bool taken = at >= name && at < end;
	struct before b = hostile_before();
	u8 idi[MH_IDI_LEN], frame[256];
	char what[48];

	snprintf(what, sizeof(what), "idI: byte %zu", at);
	sp1_begin(&sp1, &host[0]);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	sp1_take_challenge(&sp1);
	assert_int_equal(mh_idi_encode(&sp1.idi, idi), MH_IDI_LEN);
	idi[at] ^= flip;
	sp1_auth_begin(&sp1, idi, NULL);
	sp1_auth_finish(&sp1, NULL);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	if (taken) {
		size_t n = sp1_request(&sp1, 1, "d/none", frame);

		sp1_put(&sp1, frame, n);
		assert_true(hostile_frame(sp1.fd, sp1.challenge) > 0);	/* REFUSED: unknown */
		assert_int_equal(log_lines(b.log, "authenticated"), 1);
		assert_int_equal(*verified - b.verified, 1);
	} else {
		/* "rairs" is nobody; a name that is none is no message */
		refused_for(&sp1, &b, what, at && at < name && flip == 2 ? unknown : bad, 0);
	}
	sp1_end(&sp1);
}

static void r12_fields_of_idi(void **state)
{
	(void)state;
	for (size_t at = 0; at < MH_IDI_LEN; at++)
		idi_is(at, at && at < 6 ? 2 : 0x40);
	idi_is(1, 0x80);	/* no letter */
	idi_is(0, 5);		/* no name */
	idi_is(0, 0xfa);	/* past its end */
	all_are_served();
}

/* ---- keys ---- */

/* Who sends what; NULL is what is right. */
static void auth_is(const char *what, const struct rd_host *h, const u8 *psk,
		    void (*prove)(struct sp1 *p, u8 authi[MH_SIG_LEN]), u32 signatures)
{
	struct before b = hostile_before();
	u8 authi[MH_SIG_LEN];

	sp1_begin(&sp1, h);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	sp1_take_challenge(&sp1);
	sp1_auth_begin(&sp1, NULL, psk);
	if (prove)
		prove(&sp1, authi);
	sp1_auth_finish(&sp1, prove ? authi : NULL);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, what, bad, signatures);
	sp1_end(&sp1);
}

static void by_kes(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	assert_int_equal(mh_p256_sign(p->h->kes, p->digest, authi), 0);
}

static void by_zeros(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	(void)p;
	memset(authi, 0, MH_SIG_LEN);
}

static void by_another_label(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	const struct mh_buf a[] = { MH_L("auth SP2"), MH_BUF(p->s.h_auth, 32),
				    MH_BUF(p->s.idi, MH_IDI_LEN) };

	mh_sha256v(p->digest, a, 3);
	sp1_authi(p, authi);
}

/* What anyone can compute of one who has a pair */
static void by_mac_of_public(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	u8 kei_x[32];

	assert_int_equal(mh_stp_auth_mac(&p->s, p->h->kei_pub, authi), 0);
	if (!mh_stp_kei_x(p->h->kei_pub, p->x, kei_x) && p->idi.sessions > 1)
		assert_int_equal(mh_stp_auth_mac(&p->s, kei_x, authi), 0);
}

static void by_signature(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	assert_int_equal(mh_p256_sign(p->h->id.kei, p->digest, authi), 0);
}

static void by_mac_for_another(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	u8 x[32], kei_x[32];

	mh_ctx_sp2(w.region, MH_BUF("prov1", 5), x);
	assert_int_equal(mh_stp_kei_x(p->h->id.kei, x, kei_x), 0);
	assert_int_equal(mh_stp_auth_mac(&p->s, kei_x, authi), 0);
}

static size_t padding_at;

static void by_mac_and_padding(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	sp1_authi(p, authi);
	authi[padding_at] ^= 1;
}

static void r12_another_kec_or_kei(void **state)
{
	struct rd_host h;
	u8 psk[32], x[32];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const bool mac = i & 2;

		h = host[i];			/* right Kei, another's Kec: no ECDSA */
		h.id.kec = host[i ^ 2].id.kec;
		auth_is("another's Kec", &h, NULL, NULL, 0);
		h = host[i];			/* right Kec, another's Kei */
		memcpy(h.id.kei, host[i ^ 1].id.kei, 32);
		auth_is("another's Kei", &h, NULL, NULL, !mac);
		sp1_psk(&host[i].id, sp1.x, psk);	/* which in mac mode the psk is made of */
		auth_is("another's Kei, the right psk", &h, psk, NULL, !mac);
		memset(psk, 0, sizeof(psk));
		auth_is("a psk of zeros", &host[i], psk, NULL, 0);
		assert_int_equal(mh_stp_psk(psk, NULL, sp1.x, psk), 0);
		auth_is("a psk made of a Kpf of zeros", &host[i], psk, NULL, 0);
		h = host[i];
		h.id.mac = !mac;		/* the other mode's */
		sp1_psk(&h.id, sp1.x, psk);
		auth_is("the other mode's psk", &host[i], psk, NULL, 0);
		mh_ctx_sp2(w.region, MH_BUF("prov1", 5), x);
		sp1_psk(&host[i].id, x, psk);
		auth_is("the psk for another server", &host[i], psk, NULL, 0);
	}
	all_are_served();
}

static void r12_authi_of_another_kind(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const u32 ecdsa = !(i & 2);

		auth_is("authI by Kes", &host[i], NULL, by_kes, ecdsa);
		auth_is("authI of zeros", &host[i], NULL, by_zeros, ecdsa);
		if (ecdsa)	/* a MAC has h under the other label in it, and no digest */
			auth_is("authI under SP2's label", &host[i], NULL, by_another_label, 1);
		auth_is("a MAC keyed with Kei-public", &host[i], NULL, by_mac_of_public, ecdsa);
		if (!ecdsa) {
			auth_is("a signature for a MAC", &host[i], NULL, by_signature, 0);
			auth_is("a MAC for another server", &host[i], NULL, by_mac_for_another, 0);
		}
	}
	for (padding_at = 32; padding_at < MH_SIG_LEN; padding_at++)
		auth_is("padding that is not zero", &host[2], NULL, by_mac_and_padding, 0);
	all_are_served();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r12_every_byte_of_hello_and_auth),
		cmocka_unit_test(r12_dropped_doubled_swapped),
		cmocka_unit_test(r12_fields_of_hello),
		cmocka_unit_test(r12_fields_of_idi),
		cmocka_unit_test(r12_another_kec_or_kei),
		cmocka_unit_test(r12_authi_of_another_kind),
	};

	return cmocka_run_group_tests(tests, setup, hostile_teardown);
}

// SPDX-License-Identifier: MIT
/* R12: the handshake's attacks (ATTACKS, Handshake), both identity modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stp_pair.h"

/* The handshake's own source, with its verifications counted. */
static unsigned int verified;

static int counted_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
			  const u8 sig[MH_SIG_LEN])
{
	verified++;
	return mh_p256_verify(pub, digest, sig);
}

#define mh_p256_verify counted_verify
#include "core/stp.c" /* NOLINT(bugprone-suspicious-include) */
#undef mh_p256_verify

static struct stp_pair pair;

static void assert_dead(struct mh_stp *s)
{
	u8 frame[64] = { 0 };

	assert_int_equal(s->state, MH_STP_DEAD);
	assert_true(mh_all_zero(s->e, sizeof(s->e)) &&
		    mh_all_zero((const u8 *)&s->noise, sizeof(s->noise)));
	assert_null(s->tx.aead);
	assert_null(s->rx.aead);
	assert_int_equal(mh_stp_seal(s, MH_R_CLOSE, 0, frame, 0, sizeof(frame)), -EPIPE);
}

/* Up to the message that the receiver of `to` (1, 2, 3) has not taken yet. */
static void until(struct stp_pair *p, const struct stp_keys *k, int to)
{
	stp_pair_init(p);
	assert_int_equal(stp_hello(p, k), 0);
	if (to > 1) {
		assert_int_equal(stp_take_hello(p), 0);
		assert_int_equal(stp_make_challenge(p, k), 0);
	}
	if (to > 2) {
		assert_int_equal(stp_take_challenge(p, k), 0);
		assert_int_equal(stp_make_auth(p, k, NULL), 0);
	}
}

static void complete(bool mac)
{
	struct stp_keys k;
	struct mh_idi idi = { .receipts = 0 };
	struct mh_record_hdr rec;
	u8 frame[MH_FRAME_MAX];
	int n;

	assert_int_equal(stp_keys_make(&k, mac), 0);
	until(&pair, &k, 3);
	assert_int_equal(pair.idr_n, stp_idr.n);
	assert_memory_equal(pair.idr, stp_idr.p, stp_idr.n);
	verified = 0;
	assert_int_equal(mh_stp_auth_open(&pair.r, pair.auth, pair.auth_n, &idi), 0);
	assert_int_equal(idi.name.n, 5);
	assert_memory_equal(idi.name.p, "host1", 5);
	assert_true(idi.entity_serial == 7 && idi.sessions == 9 && idi.receipts == 2);
	assert_int_equal(mh_stp_auth_verify(&pair.r, pair.auth, pair.auth_n, k.psk,
					    mac ? MH_KIND_SECRET : MH_KIND_PAIR,
					    mac ? k.kei_x : k.kei_pub), 0);
	assert_int_equal(verified, !mac);
	assert_int_equal(pair.i.state, MH_STP_OPEN);
	assert_int_equal(pair.r.state, MH_STP_OPEN);
	assert_memory_equal(pair.i.h_auth, pair.r.h_auth, 32);
	assert_memory_equal(pair.i.authi, pair.r.authi, 64);
	/* what could open what was recorded is gone */
	assert_true(mh_all_zero(pair.i.e, 32) && mh_all_zero(pair.r.e, 32));
	assert_true(mh_all_zero(pair.i.noise.ck, 32) && mh_all_zero(pair.r.noise.k, 32));
	n = stp_record(&pair.i, MH_R_REQUEST, 1, 'q', 10, frame);
	assert_true(n > 0);
	assert_int_equal(mh_stp_open(&pair.r, frame, (size_t)n, &rec), 0);
	assert_true(rec.type == MH_R_REQUEST && rec.request == 1 && rec.body.n == 10);
	n = stp_record(&pair.r, MH_R_CHUNK, 1, 'd', MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER, frame);
	assert_int_equal(n, MH_FRAME_MAX);
	assert_int_equal(mh_stp_open(&pair.i, frame, (size_t)n, &rec), 0);
	assert_int_equal(rec.body.p[rec.body.n - 1], 'd');
	stp_pair_end(&pair);
	assert_dead(&pair.i);
	assert_dead(&pair.r);
}

static void r12_handshake_by_signature(void **state)
{
	(void)state;
	complete(false);
}

static void r12_handshake_by_mac(void **state)
{
	(void)state;
	complete(true);
}

/* Every byte: refused by its receiver, whose session is over. */
static void flips(bool mac, int message)
{
	static struct stp_pair clean, p;
	struct stp_keys k;
	size_t n, at;
	u8 *frame;

	assert_int_equal(stp_keys_make(&k, mac), 0);
	until(&clean, &k, message);
	p = clean;
	frame = message == 1 ? p.hello : message == 2 ? p.challenge : p.auth;
	n = message == 1 ? p.hello_n : message == 2 ? p.challenge_n : p.auth_n;
	for (at = 0; at < n; at++) {
		const u8 bit = at & 1 ? 0x80 : 0x01;
		int ret;

		p.i = clean.i;
		p.r = clean.r;
		if (message == 3) {	/* SP1's side has split; SP2's is what is attacked */
			p.i.tx.aead = NULL;
			p.i.rx.aead = NULL;
		}
		frame[at] ^= bit;
		ret = message == 1 ? stp_take_hello(&p) :
		      message == 2 ? stp_take_challenge(&p, &k) : stp_take_auth(&p, &k);
		assert_int_not_equal(ret, 0);
		assert_dead(message == 2 ? &p.i : &p.r);
		frame[at] ^= bit;
	}
	/* shorter and longer by one */
	for (at = n - 1; at <= n + 1; at += 2) {
		p.i = clean.i;
		p.r = clean.r;
		p.hello_n = at;
		p.challenge_n = at;
		p.auth_n = at;
		assert_int_not_equal(message == 1 ? stp_take_hello(&p) : message == 2 ?
				     stp_take_challenge(&p, &k) : stp_take_auth(&p, &k), 0);
	}
	/* and unharmed it is accepted, so that the above was no accident */
	p = clean;
	assert_int_equal(message == 1 ? stp_take_hello(&p) : message == 2 ?
			 stp_take_challenge(&p, &k) : stp_take_auth(&p, &k), 0);
	stp_pair_end(&p);
}

static void r12_every_byte_flipped(void **state)
{
	int m;

	(void)state;
	for (m = 1; m <= 3; m++) {
		flips(false, m);
		flips(true, m);
	}
}

static void r12_version_and_suite_are_not_negotiated(void **state)
{
	struct stp_keys k;
	int at;

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	for (at = 0; at < 2; at++) {
		until(&pair, &k, 1);
		pair.hello[MH_FRAME_HEADER + 2 + at]++;
		assert_int_equal(stp_take_hello(&pair), -EPROTONOSUPPORT);
		assert_dead(&pair.r);
		stp_pair_end(&pair);
	}
}

static void r12_messages_swapped_doubled_dropped(void **state)
{
	struct stp_keys k;
	struct mh_record_hdr rec;
	u8 frame[MH_FRAME_MAX];
	int n;

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	until(&pair, &k, 2);	/* hello again */
	assert_int_equal(stp_take_hello(&pair), -EPIPE);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
	until(&pair, &k, 3);	/* challenge again */
	assert_int_equal(stp_take_challenge(&pair, &k), -EPIPE);
	assert_dead(&pair.i);
	stp_pair_end(&pair);
	until(&pair, &k, 3);	/* auth again */
	assert_int_equal(stp_take_auth(&pair, &k), 0);
	assert_int_equal(stp_take_auth(&pair, &k), -EPIPE);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
	until(&pair, &k, 1);	/* SP1 is given its own hello; SP2 its own challenge */
	assert_int_equal(mh_stp_challenge(&pair.i, pair.hello, pair.hello_n, pair.idr, &pair.idr_n,
					  pair.sigr), -EBADMSG);
	assert_dead(&pair.i);
	stp_pair_end(&pair);
	until(&pair, &k, 2);
	memcpy(pair.auth, pair.challenge, sizeof(pair.auth));
	pair.auth_n = pair.challenge_n;
	assert_int_equal(stp_take_auth(&pair, &k), -EBADMSG);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
	until(&pair, &k, 1);	/* SP1 goes on without having seen a proof */
	assert_int_equal(stp_make_auth(&pair, &k, NULL), -EPIPE);
	assert_dead(&pair.i);
	stp_pair_end(&pair);
	until(&pair, &k, 3);	/* REQUEST before authI */
	n = stp_record(&pair.i, MH_R_REQUEST, 1, 'q', 10, frame);
	assert_int_equal(mh_stp_open(&pair.r, frame, (size_t)n, &rec), -EPIPE);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
	until(&pair, &k, 3);	/* Data before authI */
	assert_int_equal(stp_record(&pair.r, MH_R_CHUNK, 1, 'd', 10, frame), -EPIPE);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
}

/* Points of order 1, 2, 4, 8 and their other encodings; with the top bit, which is ignored, too. */
static const u8 low_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* A hello whose e is the attacker's, with the right tag, which anyone can make. */
static void forge_e(struct stp_pair *p, const u8 e[32])
{
	u8 *at = p->hello + MH_FRAME_HEADER + 2 + MH_P1_MIN;
	struct mh_stp s;

	mh_stp_init(&s, true);
	start(&s, MH_BUF(p->hello + MH_FRAME_HEADER + 2, MH_P1_MIN));
	memcpy(at, e, 32);
	assert_int_equal(mix_e(&s, e), 0);
	assert_int_equal(mh_noise_encrypt_and_hash(&s.noise, at, 0, at + 32), 0);
	mh_stp_end(&s);
}

static void r12_e_of_low_order(void **state)
{
	struct stp_keys k;
	size_t i;
	u8 e[32];

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	for (i = 0; i < 2 * ARRAY_SIZE(low_order); i++) {
		memcpy(e, low_order[i / 2], 32);
		e[31] |= i & 1 ? 0x80 : 0;
		until(&pair, &k, 1);
		forge_e(&pair, e);
		assert_int_equal(stp_take_hello(&pair), 0);
		assert_int_equal(stp_make_challenge(&pair, &k), -EKEYREJECTED);
		assert_dead(&pair.r);
		stp_pair_end(&pair);
		until(&pair, &k, 2);
		memcpy(pair.challenge + MH_FRAME_HEADER, e, 32);
		assert_int_equal(stp_take_challenge(&pair, &k), -EKEYREJECTED);
		assert_dead(&pair.i);
		stp_pair_end(&pair);
	}
}

static void r12_another_server_key_is_refused(void **state)
{
	struct stp_keys k, other;

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	other = k;
	other.ksp2[0] ^= 1;
	stp_pair_init(&pair);
	assert_int_equal(stp_hello(&pair, &k), 0);
	assert_int_equal(stp_take_hello(&pair), 0);
	assert_int_equal(stp_make_challenge(&pair, &other), 0);
	assert_int_equal(stp_take_challenge(&pair, &k), -EBADMSG);
	assert_dead(&pair.i);
	stp_pair_end(&pair);
}

/* SP1 has mine, SP2's record says theirs: refused, after so many ECDSA verifications. */
static void refused(const struct stp_keys *mine, const struct stp_keys *theirs, const u8 *authi,
		    unsigned int verifications)
{
	stp_pair_init(&pair);
	assert_int_equal(stp_hello(&pair, mine), 0);
	assert_int_equal(stp_take_hello(&pair), 0);
	assert_int_equal(stp_make_challenge(&pair, theirs), 0);
	assert_int_equal(stp_take_challenge(&pair, mine), 0);
	assert_int_equal(stp_make_auth(&pair, mine, authi), 0);
	verified = 0;
	assert_int_equal(stp_take_auth(&pair, theirs), -EBADMSG);
	assert_int_equal(verified, verifications);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
}

static void r12_wrong_kec_fails_before_ecdsa(void **state)
{
	struct stp_keys mine, theirs;

	(void)state;
	for (int mac = 0; mac < 2; mac++) {
		assert_int_equal(stp_keys_make(&theirs, mac), 0);
		mine = theirs;
		mine.kec[5] ^= 1;
		assert_int_equal(stp_keys_psk(&mine), 0);
		refused(&mine, &theirs, NULL, 0);
	}
}

static void r12_wrong_kei_is_refused(void **state)
{
	struct stp_keys mine, theirs;

	(void)state;
	assert_int_equal(stp_keys_make(&theirs, false), 0);
	mine = theirs;
	mine.kei[5] ^= 1;
	refused(&mine, &theirs, NULL, 1);
	assert_int_equal(stp_keys_make(&theirs, true), 0);
	mine = theirs;
	mine.kei_secret[5] ^= 1;
	assert_int_equal(stp_keys_psk(&mine), 0);
	refused(&mine, &theirs, NULL, 0);
	mine = theirs;	/* the right psk by a leak, another's MAC key */
	mine.kei_x[5] ^= 1;
	refused(&mine, &theirs, NULL, 0);
}

/* The record says the mode; whoever sends the other's kind is refused. */
static void r12_identity_modes_do_not_mix(void **state)
{
	struct stp_keys pairk, secret, mine;

	(void)state;
	assert_int_equal(stp_keys_make(&pairk, false), 0);
	assert_int_equal(stp_keys_make(&secret, true), 0);
	mine = pairk;			/* an HMAC keyed with the public key's bytes */
	mine.mac = true;
	memcpy(mine.kei_x, pairk.kei_pub, 32);
	refused(&mine, &pairk, NULL, 1);
	memcpy(mine.kei_secret, pairk.kei_pub, 32);
	assert_int_equal(stp_keys_psk(&mine), 0);
	refused(&mine, &pairk, NULL, 0);
	mine = secret;			/* a signature from one enrolled with a secret */
	mine.mac = false;
	refused(&mine, &secret, NULL, 0);
	assert_int_equal(stp_keys_psk(&mine), 0);	/* psk of the other mode */
	refused(&mine, &secret, NULL, 0);
	refused(&secret, &pairk, NULL, 0);
}

static void r12_no_kind_is_no_entry(void **state)
{
	struct stp_keys k;
	struct mh_idi idi;

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	for (u8 kind = 0; kind < 5; kind++) {
		if (kind == MH_KIND_PAIR || kind == MH_KIND_SECRET)
			continue;
		until(&pair, &k, 3);
		assert_int_equal(mh_stp_auth_open(&pair.r, pair.auth, pair.auth_n, &idi), 0);
		assert_int_equal(mh_stp_auth_verify(&pair.r, pair.auth, pair.auth_n, k.psk, kind,
						    k.kei_pub), -EBADMSG);
		assert_dead(&pair.r);
		stp_pair_end(&pair);
	}
}

static void r12_padding_of_a_mac_is_zero(void **state)
{
	struct stp_keys k;

	(void)state;
	assert_int_equal(stp_keys_make(&k, true), 0);
	for (int at = 31; at < 64; at++) {
		const struct mh_idi idi = stp_idi();
		u8 digest[32];

		until(&pair, &k, 2);
		assert_int_equal(stp_take_challenge(&pair, &k), 0);
		assert_int_equal(mh_stp_auth_begin(&pair.i, &idi, k.psk, digest, pair.auth,
						   sizeof(pair.auth)), 0);
		assert_int_equal(mh_stp_auth_mac(&pair.i, k.kei_x, pair.authi), 0);
		pair.authi[at] ^= 0x40;
		pair.auth_n = (size_t)mh_stp_auth_finish(&pair.i, pair.authi, pair.auth,
							 sizeof(pair.auth));
		assert_int_equal(stp_take_auth(&pair, &k), -EBADMSG);
		assert_dead(&pair.r);
		stp_pair_end(&pair);
	}
}

/* Both s and n - s verify: nothing may depend on one. */
static void r12_a_signature_is_malleable(void **state)
{
	static const u8 order[32] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
		0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	const struct mh_idi idi = stp_idi();
	struct stp_keys k;
	u8 digest[32];
	int borrow = 0;

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	until(&pair, &k, 2);
	assert_int_equal(stp_take_challenge(&pair, &k), 0);
	assert_int_equal(mh_stp_auth_begin(&pair.i, &idi, k.psk, digest, pair.auth,
					   sizeof(pair.auth)), 0);
	assert_int_equal(mh_p256_sign(k.kei, digest, pair.authi), 0);
	for (int i = 31; i >= 0; i--) {
		int d = order[i] - pair.authi[32 + i] - borrow;

		borrow = d < 0;
		pair.authi[32 + i] = (u8)d;
	}
	pair.auth_n = (size_t)mh_stp_auth_finish(&pair.i, pair.authi, pair.auth, sizeof(pair.auth));
	assert_int_equal(stp_take_auth(&pair, &k), 0);
	stp_pair_end(&pair);
}

/*
 * A Provider that SP1 talks to forwards what it learnt to the Repository: not
 * with its own psk, and not with the Repository's either, had it leaked.
 */
static void r12_a_relay_is_refused(void **state)
{
	static struct stp_pair front, back;
	struct stp_keys k, prov;
	const struct mh_idi idi = stp_idi();
	u8 digest[32];

	(void)state;
	for (int try = 0; try < 4; try++) {
		const bool mac = try & 1, leaked = try & 2;

		assert_int_equal(stp_keys_make(&k, mac), 0);
		prov = k;
		prov.ksp2[3] ^= 1;
		assert_int_equal(mh_p256_public(prov.ksp2_pub, prov.ksp2), 0);
		mh_ctx_sp2(k.region, MH_BUF("prov1", 5), prov.x);
		assert_int_equal(stp_keys_psk(&prov), 0);
		until(&front, &prov, 3);
		assert_int_equal(stp_take_auth(&front, &prov), 0);	/* it knows idI, authI */
		until(&back, &k, 2);
		assert_int_equal(stp_take_challenge(&back, &k), 0);
		assert_int_equal(mh_stp_auth_begin(&back.i, &idi, leaked ? k.psk : prov.psk, digest,
						   back.auth, sizeof(back.auth)), 0);
		back.auth_n = (size_t)mh_stp_auth_finish(&back.i, front.r.authi, back.auth,
							 sizeof(back.auth));
		verified = 0;
		assert_int_equal(stp_take_auth(&back, &k), -EBADMSG);
		assert_int_equal(verified, !mac && leaked);
		assert_dead(&back.r);
		stp_pair_end(&front);
		stp_pair_end(&back);
	}
}

static void r12_what_a_provider_stores_is_for_it_alone(void **state)
{
	struct stp_keys k, prov, other;

	(void)state;
	assert_int_equal(stp_keys_make(&k, true), 0);
	prov = k;
	mh_ctx_sp2(k.region, MH_BUF("prov1", 5), prov.x);
	assert_int_equal(stp_keys_psk(&prov), 0);
	other = k;
	mh_ctx_sp2(k.region, MH_BUF("prov2", 5), other.x);
	assert_int_equal(stp_keys_psk(&other), 0);
	assert_memory_not_equal(prov.psk, k.psk, 32);
	assert_memory_not_equal(prov.kei_x, other.kei_x, 32);
	refused(&prov, &k, NULL, 0);		/* as the host, to the Repository */
	refused(&prov, &other, NULL, 0);	/* and to another Provider */
	/* modes and contexts part the psk too */
	other = k;
	other.mac = false;
	assert_int_equal(stp_keys_psk(&other), 0);
	assert_memory_not_equal(other.psk, k.psk, 32);
}

static void r12_buffers_too_small(void **state)
{
	struct stp_keys k;
	u8 digest[32];

	(void)state;
	assert_int_equal(stp_keys_make(&k, false), 0);
	until(&pair, &k, 1);
	assert_int_equal(stp_take_hello(&pair), 0);
	assert_int_equal(mh_stp_challenge_begin(&pair.r, MH_BUF(pair.idr, MH_IDR_MAX + 1), NULL,
						digest, pair.challenge, sizeof(pair.challenge)),
			 -ENOSPC);
	assert_dead(&pair.r);
	stp_pair_end(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r12_handshake_by_signature),
		cmocka_unit_test(r12_handshake_by_mac),
		cmocka_unit_test(r12_every_byte_flipped),
		cmocka_unit_test(r12_version_and_suite_are_not_negotiated),
		cmocka_unit_test(r12_messages_swapped_doubled_dropped),
		cmocka_unit_test(r12_e_of_low_order),
		cmocka_unit_test(r12_another_server_key_is_refused),
		cmocka_unit_test(r12_wrong_kec_fails_before_ecdsa),
		cmocka_unit_test(r12_wrong_kei_is_refused),
		cmocka_unit_test(r12_identity_modes_do_not_mix),
		cmocka_unit_test(r12_no_kind_is_no_entry),
		cmocka_unit_test(r12_padding_of_a_mac_is_zero),
		cmocka_unit_test(r12_a_signature_is_malleable),
		cmocka_unit_test(r12_a_relay_is_refused),
		cmocka_unit_test(r12_what_a_provider_stores_is_for_it_alone),
		cmocka_unit_test(r12_buffers_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

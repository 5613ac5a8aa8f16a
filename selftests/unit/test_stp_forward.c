// SPDX-License-Identifier: MIT
/*
 * R15, forward secrecy: who has recorded a session and later gets every long-term key of both ends
 * (Kei, Kec, psk, Ksp2) opens nothing of it.  That it can with one ephemeral key in hand shows
 * that nothing else was in its way; that key is gone from both ends once the session is open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stp_pair.h"

static struct stp_keys keys;
static struct stp_pair live;
static u8 ei[32], er[32], record[MH_FRAME_MAX];
static size_t record_n;

/* A session with the host's REQUEST, as a tap on the wire has it */
static void recorded(bool mac)
{
	int n;

	assert_int_equal(stp_keys_make(&keys, mac), 0);
	assert_int_equal(mh_random(ei, sizeof(ei)), 0);
	assert_int_equal(mh_random(er, sizeof(er)), 0);
	stp_pair_init(&live);
	live.ei = ei;
	live.er = er;
	assert_int_equal(stp_handshake(&live, &keys), 0);
	n = stp_record(&live.i, MH_R_CHUNK, 1, 's', 64, record);
	assert_true(n > 0);
	record_n = (size_t)n;
}

/*
 * SP2's part again, over the recording, with all that SP2 and SP1 keep for long and this for SP2's
 * ephemeral.  0: the record was opened.
 */
static int with_sp2_ephemeral(const u8 *guess)
{
	struct stp_pair p;
	struct mh_record_hdr rec;
	static u8 copy[MH_FRAME_MAX];
	u8 digest[32];
	int ret;

	stp_pair_init(&p);
	memcpy(p.hello, live.hello, live.hello_n);
	p.hello_n = live.hello_n;
	ret = stp_take_hello(&p);
	if (!ret)
		ret = mh_stp_challenge_begin(&p.r, stp_idr, guess, digest, p.challenge,
					     sizeof(p.challenge));
	/* it is in h, and ECDSA makes another each time: the recording's */
	if (!ret)
		ret = mh_stp_challenge_finish(&p.r, live.sigr, p.challenge, sizeof(p.challenge));
	ret = ret < 0 ? ret : 0;
	memcpy(p.auth, live.auth, live.auth_n);
	p.auth_n = live.auth_n;
	if (!ret)
		ret = stp_take_auth(&p, &keys);
	memcpy(copy, record, record_n);
	if (!ret)
		ret = mh_stp_open(&p.r, copy, record_n, &rec);
	stp_pair_end(&p);
	return ret;
}

/* SP1's part again: the recorded challenge, with this for SP1's ephemeral */
static int with_sp1_ephemeral(const u8 *guess)
{
	struct stp_pair p;
	int ret;

	stp_pair_init(&p);
	p.ei = guess;
	ret = stp_hello(&p, &keys);
	memcpy(p.challenge, live.challenge, live.challenge_n);
	p.challenge_n = live.challenge_n;
	if (!ret)
		ret = stp_take_challenge(&p, &keys);
	stp_pair_end(&p);
	return ret;
}

static void long_term_keys_open_nothing(bool mac)
{
	u8 guess[32];

	recorded(mac);
	assert_int_equal(with_sp1_ephemeral(ei), 0);
	assert_int_equal(with_sp2_ephemeral(er), 0);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(mh_random(guess, sizeof(guess)), 0);
		assert_int_equal(with_sp1_ephemeral(guess), -EBADMSG);
		assert_int_equal(with_sp2_ephemeral(guess), -EBADMSG);
	}
	/* what both publish, and what they keep, are no better */
	assert_int_equal(with_sp2_ephemeral(keys.kec), -EBADMSG);
	assert_int_equal(with_sp2_ephemeral(keys.psk), -EBADMSG);
	assert_int_equal(with_sp2_ephemeral(keys.ksp2), -EBADMSG);
	assert_int_equal(with_sp1_ephemeral(keys.kei), -EBADMSG);
	assert_int_equal(with_sp1_ephemeral(keys.kec), -EBADMSG);
	stp_pair_end(&live);
}

static void r15_forward_secrecy_signature(void **state)
{
	(void)state;
	long_term_keys_open_nothing(false);
}

static void r15_forward_secrecy_mac(void **state)
{
	(void)state;
	long_term_keys_open_nothing(true);
}

static bool holds(const void *where, size_t n, const u8 *what)
{
	return memmem(where, n, what, 32);
}

/* Neither an open session nor one that ended has the key that would open the recording. */
static void r15_ephemerals_are_gone(void **state)
{
	const u8 zero[32] = { 0 };

	(void)state;
	recorded(false);
	assert_false(holds(&live.i, sizeof(live.i), ei));
	assert_false(holds(&live.r, sizeof(live.r), er));
	assert_memory_equal(live.i.noise.ck, zero, sizeof(live.i.noise.ck));
	assert_memory_equal(live.r.noise.ck, zero, sizeof(live.r.noise.ck));
	stp_pair_end(&live);
	assert_null(live.i.tx.aead);
	assert_null(live.i.rx.aead);
	assert_null(live.r.tx.aead);
	assert_null(live.r.rx.aead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r15_forward_secrecy_signature),
		cmocka_unit_test(r15_forward_secrecy_mac),
		cmocka_unit_test(r15_ephemerals_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

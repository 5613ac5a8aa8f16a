// SPDX-License-Identifier: MIT
/* R14: HPKE takes no other key, info, aad or enc, nor one of low order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "low_order.h"
#include "core/hpke.h"

static u8 sk[32], pk[32], enc[32], ct[48], pt[32];
static const u8 key[32] = "a key of thirty-two bytes, just";
static const struct mh_buf info[] = { { (const u8 *)"label", 6 }, { (const u8 *)"kids", 4 } };
static const struct mh_buf aad = { (const u8 *)"aad", 3 };

static int make(void **state)
{
	(void)state;
	return mh_random(sk, 32) || mh_x25519_public(pk, sk) ||
	       mh_hpke_seal(pk, info, 2, aad, key, 32, NULL, enc, ct);
}

static int open_it(void)
{
	memset(pt, 0xee, sizeof(pt));
	return mh_hpke_open(sk, enc, info, 2, aad, ct, sizeof(ct), pt);
}

static bool nothing(void)
{
	for (size_t i = 0; i < sizeof(pt); i++)
		if (pt[i] && pt[i] != 0xee)
			return false;
	return true;
}

static void r14_opens_what_was_sealed(void **state)
{
	u8 enc2[32], ct2[48], one[32] = { 9 };

	(void)state;
	assert_int_equal(open_it(), 0);
	assert_memory_equal(pt, key, 32);
	/* fresh each time; given, it is what was given */
	assert_int_equal(mh_hpke_seal(pk, info, 2, aad, key, 32, NULL, enc2, ct2), 0);
	assert_memory_not_equal(enc, enc2, 32);
	assert_memory_not_equal(ct, ct2, 48);
	assert_int_equal(mh_hpke_seal(pk, info, 2, aad, key, 32, one, enc2, ct2), 0);
	assert_int_equal(mh_x25519_public(pt, one), 0);
	assert_memory_equal(enc2, pt, 32);
}

static void r14_every_byte_counts(void **state)
{
	u8 *const parts[] = { enc, ct, sk };
	const size_t sizes[] = { 32, 48, 32 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (size_t at = 0; at < sizes[i]; at++) {
			const u8 bit = parts[i] == sk && (at == 0 || at == 31) ? 0x10 : 0x80;

			parts[i][at] ^= bit;	/* of sk one that clamping leaves */
			assert_int_equal(open_it(), -EBADMSG);
			assert_true(nothing());
			parts[i][at] ^= bit;
		}
	}
	for (size_t n = 0; n < sizeof(ct); n++)
		assert_int_equal(mh_hpke_open(sk, enc, info, 2, aad, ct, n, pt), -EBADMSG);
	assert_int_equal(open_it(), 0);
}

static void r14_info_and_aad_count(void **state)
{
	const struct mh_buf joined = MH_BUF("label\0kids", 10), other = MH_BUF("aaD", 3);
	const struct mh_buf many[5] = { { NULL, 0 } };

	(void)state;
	assert_int_equal(mh_hpke_open(sk, enc, info, 1, aad, ct, 48, pt), -EBADMSG);
	assert_int_equal(mh_hpke_open(sk, enc, info + 1, 1, aad, ct, 48, pt), -EBADMSG);
	assert_int_equal(mh_hpke_open(sk, enc, info, 2, other, ct, 48, pt), -EBADMSG);
	assert_int_equal(mh_hpke_open(sk, enc, info, 2, MH_BUF(NULL, 0), ct, 48, pt), -EBADMSG);
	/* in pieces or whole it is the same */
	assert_int_equal(mh_hpke_open(sk, enc, &joined, 1, aad, ct, 48, pt), 0);
	assert_memory_equal(pt, key, 32);
	assert_int_equal(mh_hpke_open(sk, enc, many, 4, aad, ct, 48, pt), -EBADMSG);
	assert_int_equal(mh_hpke_open(sk, enc, many, 5, aad, ct, 48, pt), -EINVAL);
	assert_int_equal(mh_hpke_seal(pk, many, 5, aad, key, 32, NULL, enc, ct), -EINVAL);
	assert_int_equal(mh_hpke_seal(pk, info, 2, aad, key, 32, NULL, enc, ct), 0);
}

static void r14_low_order(void **state)
{
	u8 saved[32];

	(void)state;
	memcpy(saved, enc, 32);
	for (size_t i = 0; i < LOW_ORDER; i++) {
		low_order(enc, i);
		assert_int_equal(open_it(), -EKEYREJECTED);
		assert_true(nothing());
		low_order(pk, i);
		assert_int_equal(mh_hpke_seal(pk, info, 2, aad, key, 32, NULL, enc, ct),
				 -EKEYREJECTED);
	}
	memcpy(enc, saved, 32);
	assert_int_equal(make(NULL), 0);
}

/*
 * With enc the base point the shared secret is pkR, which everybody has.  That is a sender's
 * right; its other encodings are another enc.
 */
static void r14_encodings_of_enc(void **state)
{
	u8 base[32] = { 9 }, top[32] = { 9 }, above[32], dh[3][32];

	(void)state;
	top[31] = 0x80;
	memset(above, 0xff, 32);	/* p + 9 */
	above[0] = 0xed + 9;
	above[31] = 0x7f;
	assert_int_equal(mh_x25519(dh[0], sk, base), 0);
	assert_int_equal(mh_x25519(dh[1], sk, top), 0);
	assert_int_equal(mh_x25519(dh[2], sk, above), 0);
	assert_memory_equal(dh[0], pk, 32);
	assert_memory_equal(dh[1], pk, 32);
	assert_memory_equal(dh[2], pk, 32);
	enc[31] ^= 0x80;	/* the same point */
	assert_int_equal(mh_x25519(dh[1], sk, enc), 0);
	enc[31] ^= 0x80;
	assert_int_equal(mh_x25519(dh[0], sk, enc), 0);
	assert_memory_equal(dh[0], dh[1], 32);
	enc[31] ^= 0x80;
	assert_int_equal(open_it(), -EBADMSG);
	enc[31] ^= 0x80;
	assert_int_equal(open_it(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r14_opens_what_was_sealed),
		cmocka_unit_test(r14_every_byte_counts),
		cmocka_unit_test(r14_info_and_aad_count),
		cmocka_unit_test(r14_low_order),
		cmocka_unit_test(r14_encodings_of_enc),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}

// SPDX-License-Identifier: MIT
/* R03: sealed blobs that open, and whatever is wrong with one is the same error (ATTACKS). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gcm_two_keys.h"
#include "core/blob.h"
#include "core/vectors/blob.h"

enum { AT_VERSION = 4, AT_SEATS = 5, AT_SEAT = 6, SEAT_LEN = 30 };

static const struct mh_blob_vector *const seats = &mh_blob_vectors[1];
static u8 blob[8192], out[8192];
static size_t blob_n;

static void load(const struct mh_blob_vector *v)
{
	memcpy(blob, v->blob.p, v->blob.n);
	blob_n = v->blob.n;
}

/* As the module does: the header says which seats, the host has their constants. */
static int open_blob(const u8 (*c)[32], size_t n)
{
	struct mh_blob_header h;
	u8 seat[32], *copy = malloc(n + !n);
	size_t len;
	int ret;

	assert_non_null(copy);	/* of its size, for the sanitizer */
	if (n)
		memcpy(copy, blob, n);
	ret = mh_blob_parse(&h, MH_BUF(copy, n), &len);
	if (!ret) {
		assert_true(len == 6 + (size_t)h.seats * SEAT_LEN + 68 && len + 48 <= n);
		assert_int_equal(mh_blob_seat(&h, c, seat), 0);
		ret = mh_blob_open(seat, MH_BUF(copy, n), out);
	} else {	/* and the same when it is not asked first */
		memset(seat, 0, sizeof(seat));
		assert_int_equal(mh_blob_open(seat, MH_BUF(copy, n), out), ret);
	}
	free(copy);
	return ret;
}

static int refused(const u8 (*c)[32])
{
	return open_blob(c, blob_n) == -EKEYREJECTED;
}

#define C_OF(v) ((const u8 (*)[32])(v)->c.p)

static void r03_vectors(void **state)
{
	struct mh_blob_header h;
	u8 c[32], seat[32];
	size_t len;

	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_blob_vectors), 5);
	for (size_t i = 0; i < ARRAY_SIZE(mh_blob_vectors); i++) {
		const struct mh_blob_vector *v = &mh_blob_vectors[i];
		struct mh_reader r;
		int n;

		load(v);
		assert_int_equal(open_blob(C_OF(v), blob_n), (int)v->content.n);
		assert_memory_equal(out, v->content.p, v->content.n);
		assert_int_equal(mh_blob_parse(&h, v->blob, &len), 0);
		assert_int_equal(v->c.n, h.seats * 32);
		assert_int_equal(mh_blob_seat(&h, C_OF(v), seat), 0);
		assert_memory_equal(seat, v->seat.p, 32);
		n = mh_blob_seal(&h, seat, v->content, out, sizeof(out));
		assert_int_equal(n, (int)blob_n);
		assert_memory_equal(out, blob, blob_n);
		mh_reader_init(&r, v->bytes.p, v->bytes.n);
		for (u8 j = 0; j < h.seats; j++) {
			const struct mh_buf b = mh_read_v(&r, 1024);

			if (b.n) {
				assert_int_equal(mh_blob_constant(h.seat[j].type, b, c), 0);
				assert_memory_equal(c, v->c.p + j * 32, 32);
			}
		}
		assert_int_equal(mh_read_end(&r), 0);
	}
	assert_int_equal(h.seats, 1);
	mh_blob_parse(&h, seats->blob, &len);
	assert_true(h.seats == 6 && h.seat[3].m == 65536 && h.seat[3].t == 3 && h.seat[3].p == 4);
	assert_true(h.nv_index == 0x01800042 && h.seat[1].index == 7 && h.seat[5].type == 5);
}

static void r03_every_bit_counts(void **state)
{
	(void)state;
	load(seats);
	for (size_t at = 0; at < blob_n; at++) {
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			blob[at] ^= bit;
			memset(out, 0xee, seats->content.n);
			assert_true(refused(C_OF(seats)));
			for (size_t i = 0; i < seats->content.n; i++)
				assert_true(!out[i] || out[i] == 0xee);
			blob[at] ^= bit;
		}
	}
	for (size_t n = 0; n < blob_n; n++)
		assert_int_equal(open_blob(C_OF(seats), n), -EKEYREJECTED);
	blob[blob_n] = 0;
	assert_int_equal(open_blob(C_OF(seats), blob_n + 1), -EKEYREJECTED);
	assert_int_equal(open_blob(C_OF(seats), blob_n), (int)seats->content.n);
}

/* The parser itself: what is not of this version is not asked for constants. */
static void r03_magic_and_version(void **state)
{
	struct mh_blob_header h;
	size_t len;

	(void)state;
	load(seats);
	for (size_t at = 0; at < AT_SEATS; at++) {
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			blob[at] ^= bit;
			assert_int_equal(mh_blob_parse(&h, MH_BUF(blob, blob_n), &len),
					 -EKEYREJECTED);
			blob[at] ^= bit;
		}
	}
}

/*
 * GCM opens one blob under two Seats, with different contents; com is of one, and the other is
 * refused, whose constants may be ones that an attacker chose.
 */
static void r03_com_commits(void **state)
{
	static const u8 nonce[12];
	const struct mh_buf l1 = MH_L("seal"), l2 = MH_L("seal commit");
	struct mh_blob_header h = { .seats = 1, .seat[0].type = 1 };
	u8 c[2][1][32], seat[2][32], prk[32], kseal[2][32], com[2][32], head[256], other[256];
	size_t len;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mh_buf ikm = MH_BUF(seat[i], 32);

		memset(c[i], i + 1, 32);
		assert_int_equal(mh_blob_seat(&h, (const u8 (*)[32])c[i], seat[i]), 0);
		assert_int_equal(mh_hkdf_extract(h.blob_salt, 32, &ikm, 1, prk), 0);
		assert_int_equal(mh_hkdf_expand(prk, &l1, 1, kseal[i], 32), 0);
		assert_int_equal(mh_hkdf_expand(prk, &l2, 1, com[i], 32), 0);
	}
	blob_n = (size_t)mh_blob_seal(&h, seat[0], MH_BUF("sixteen bytes it", 16), blob,
				      sizeof(blob));
	assert_int_equal(mh_blob_parse(&h, MH_BUF(blob, blob_n), &len), 0);
	len += 32;
	assert_memory_equal(blob + len - 32, com[0], 32);
	gcm_two_keys(kseal[0], kseal[1], nonce, MH_BUF(blob, len), blob + len);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mh_aead_open_once(kseal[i], nonce, MH_BUF(blob, len), blob + len,
						   32, i ? other : head), 0);
	assert_memory_not_equal(head, other, 16);
	assert_int_equal(mh_blob_open(seat[0], MH_BUF(blob, blob_n), out), 16);
	assert_int_equal(mh_blob_open(seat[1], MH_BUF(blob, blob_n), out), -EKEYREJECTED);
	for (size_t at = 0; at <= 32; at++) {	/* each byte of com, where the tag holds */
		if (at < 32)
			blob[len - 32 + at] ^= 1;
		assert_int_equal(mh_aead_seal_once(kseal[0], nonce, MH_BUF(blob, len), head, 16,
						   blob + len), 0);
		assert_int_equal(mh_blob_open(seat[0], MH_BUF(blob, blob_n), out),
				 at < 32 ? -EKEYREJECTED : 16);
		if (at < 32)
			blob[len - 32 + at] ^= 1;
	}
}

/* ---- constants ---- */

static void r03_constants_of_a_seat(void **state)
{
	u8 c[6][32];

	(void)state;
	load(seats);
	for (unsigned int i = 0; i < 6; i++) {
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			memcpy(c, seats->c.p, sizeof(c));	/* wrong */
			c[i][31] ^= bit;
			assert_true(refused((const u8 (*)[32])c));
		}
		/* missing: nothing, or the next in its place */
		memcpy(c, seats->c.p, sizeof(c));
		memset(c[i], 0, 32);
		assert_true(refused((const u8 (*)[32])c));
		memcpy(c, seats->c.p, sizeof(c));
		memmove(c[i], c[i] + 32, (5 - i) * 32);
		assert_true(i == 5 || refused((const u8 (*)[32])c));
		for (unsigned int j = 0; j < 6; j++) {	/* doubled; two in each other's place */
			if (i == j)
				continue;
			memcpy(c, seats->c.p, sizeof(c));
			memcpy(c[i], seats->c.p + j * 32, 32);
			assert_true(refused((const u8 (*)[32])c));
			memcpy(c[j], seats->c.p + i * 32, 32);
			assert_true(refused((const u8 (*)[32])c));
		}
	}
}

/* The blob's seats moved with their constants, left out, doubled */
static void r03_seats_of_a_header(void **state)
{
	u8 c[8][32], seat[SEAT_LEN];

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int j = i + 1; j < 6; j++) {	/* reordered */
			load(seats);
			memcpy(c, seats->c.p, 6 * 32);
			memcpy(seat, blob + AT_SEAT + i * SEAT_LEN, SEAT_LEN);
			memcpy(blob + AT_SEAT + i * SEAT_LEN, blob + AT_SEAT + j * SEAT_LEN,
			       SEAT_LEN);
			memcpy(blob + AT_SEAT + j * SEAT_LEN, seat, SEAT_LEN);
			memcpy(c[i], seats->c.p + j * 32, 32);
			memcpy(c[j], seats->c.p + i * 32, 32);
			assert_true(refused((const u8 (*)[32])c));
		}
		load(seats);	/* one fewer */
		memcpy(c, seats->c.p, 6 * 32);
		memmove(c[i], c[i] + 32, (5 - i) * 32);
		memmove(blob + AT_SEAT + i * SEAT_LEN, blob + AT_SEAT + (i + 1) * SEAT_LEN,
			blob_n - AT_SEAT - (i + 1) * SEAT_LEN);
		blob[AT_SEATS] = 5;
		blob_n -= SEAT_LEN;
		assert_true(refused((const u8 (*)[32])c));
		load(seats);	/* one twice */
		memcpy(c, seats->c.p, 6 * 32);
		memmove(c[i + 1], c[i], (6 - i) * 32);
		memmove(blob + AT_SEAT + (i + 1) * SEAT_LEN, blob + AT_SEAT + i * SEAT_LEN,
			blob_n - AT_SEAT - i * SEAT_LEN);
		blob[AT_SEATS] = 7;
		blob_n += SEAT_LEN;
		assert_true(refused((const u8 (*)[32])c));
	}
}

/*
 * Argon2 with 2^32 KiB and the like: refused by the parser, before anything is computed.  The
 * blobs are sealed by one who knows the Seat, so that nothing else is wrong with them.
 */
static int sealed_with(u8 type, u32 m, u32 t, u32 p)
{
	struct mh_blob_header h = { .seats = 1 };
	const struct mh_buf content = MH_BUF("content", 7);
	u8 seat[32];
	size_t len;
	int n, ret;

	h.seat[0].type = type;
	h.seat[0].m = m;
	h.seat[0].t = t;
	h.seat[0].p = p;
	assert_int_equal(mh_blob_seat(&h, C_OF(seats), seat), 0);
	n = mh_blob_seal(&h, seat, content, blob, sizeof(blob));
	assert_true(n > 0);
	ret = mh_blob_parse(&h, MH_BUF(blob, n), &len);
	assert_int_equal(mh_blob_open(seat, MH_BUF(blob, n), out), ret ? ret : 7);
	return ret;
}

static void r03_bounded_parameters(void **state)
{
	static const struct { u32 m, t, p; bool good; } pin[] = {
		{ 8, 1, 1, true }, { 1 << 20, 64, 16, true }, { 65536, 3, 4, true },
		{ 0xffffffff, 3, 4, false }, { (1 << 20) + 1, 3, 4, false },
		{ 1u << 31, 3, 4, false }, { 7, 3, 4, false }, { 0, 3, 4, false },
		{ 65536, 0, 4, false },
		{ 65536, 65, 4, false }, { 65536, 0xffffffff, 4, false }, { 65536, 3, 0, false },
		{ 65536, 3, 17, false }, { 65536, 3, 0xffffffff, false }, { 0, 0, 0, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pin); i++)
		assert_int_equal(sealed_with(3, pin[i].m, pin[i].t, pin[i].p),
				 pin[i].good ? 0 : -EKEYREJECTED);
	for (unsigned int type = 0; type < 256; type++) {
		const bool other = type && type <= 5 && type != 3;

		assert_int_equal(sealed_with((u8)type, 0, 0, 0), other ? 0 : -EKEYREJECTED);
		if (!other)
			continue;
		assert_int_equal(sealed_with((u8)type, 1, 0, 0), -EKEYREJECTED);
		assert_int_equal(sealed_with((u8)type, 0, 1, 0), -EKEYREJECTED);
		assert_int_equal(sealed_with((u8)type, 0, 0, 1), -EKEYREJECTED);
		assert_int_equal(sealed_with((u8)type, 65536, 3, 4), -EKEYREJECTED);
	}
}

static void r03_how_many_seats(void **state)
{
	struct mh_blob_header h = { .seats = 0 };
	u8 c[8][32], seat[32];
	size_t len;

	(void)state;
	memset(c, 5, sizeof(c));
	for (u8 n = 1; n <= 8; n++) {
		h.seats = n;
		h.seat[n - 1].type = 1;
		assert_int_equal(mh_blob_seat(&h, (const u8 (*)[32])c, seat), 0);
		blob_n = (size_t)mh_blob_seal(&h, seat, MH_BUF("content", 7), blob, sizeof(blob));
		assert_int_equal(open_blob((const u8 (*)[32])c, blob_n), 7);
	}
	memmove(blob + AT_SEAT + SEAT_LEN, blob + AT_SEAT, blob_n - AT_SEAT);
	blob[AT_SEATS] = 9;
	assert_int_equal(mh_blob_parse(&h, MH_BUF(blob, blob_n + SEAT_LEN), &len), -EKEYREJECTED);
	blob[AT_SEATS] = 0;
	assert_int_equal(mh_blob_parse(&h, MH_BUF(blob, blob_n), &len), -EKEYREJECTED);
}

static void r03_constants(void **state)
{
	u8 bytes[64], c[256][32];

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	for (unsigned int type = 0; type < 256; type++) {
		const bool has = type == 1 || type == 4 || type == 5;

		assert_int_equal(mh_blob_constant((u8)type, MH_BUF(bytes, 32), c[type]),
				 has ? 0 : -EINVAL);
		assert_int_equal(mh_blob_constant((u8)type, MH_BUF(bytes, 31), c[0]), -EINVAL);
	}
	assert_memory_not_equal(c[1], c[4], 32);
	assert_memory_not_equal(c[1], c[5], 32);
	assert_memory_not_equal(c[4], c[5], 32);
	assert_int_equal(mh_blob_constant(1, MH_BUF(bytes, 33), c[0]), 0);
	assert_memory_not_equal(c[0], c[1], 32);
}

static void r03_room(void **state)
{
	struct mh_blob_header h;
	u8 seat[32];
	size_t len;

	(void)state;
	assert_int_equal(mh_blob_parse(&h, seats->blob, &len), 0);
	assert_int_equal(mh_blob_seat(&h, C_OF(seats), seat), 0);
	for (size_t room = 0; room < seats->blob.n; room++) {
		u8 *p = malloc(room + !room);

		assert_non_null(p);
		assert_int_equal(mh_blob_seal(&h, seat, seats->content, p, room), -ENOSPC);
		free(p);
	}
	/* nothing inside is a content too */
	load(seats);
	blob_n = (size_t)mh_blob_seal(&h, seat, MH_BUF(NULL, 0), blob, sizeof(blob));
	assert_int_equal(blob_n, len + 48);
	assert_int_equal(open_blob(C_OF(seats), blob_n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r03_vectors),
		cmocka_unit_test(r03_every_bit_counts),
		cmocka_unit_test(r03_magic_and_version),
		cmocka_unit_test(r03_com_commits),
		cmocka_unit_test(r03_constants_of_a_seat),
		cmocka_unit_test(r03_seats_of_a_header),
		cmocka_unit_test(r03_bounded_parameters),
		cmocka_unit_test(r03_how_many_seats),
		cmocka_unit_test(r03_constants),
		cmocka_unit_test(r03_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

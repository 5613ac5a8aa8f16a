// SPDX-License-Identifier: MIT
/* R13: Encrypted Data as it was sealed, and in no other way (ATTACKS, Data). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/stream.h"
#include "core/vectors/stream.h"

#define C MH_STREAM_CHUNK
#define S MH_STREAM_CHUNK_SEALED

static u8 plain[3 * C], sealed[3 * S + 64], opened[3 * S];
static u8 ke[32], icx[32];
static u64 opened_n;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (u8)(i % 251);
	for (u8 i = 0; i < 32; i++) {
		ke[i] = (u8)(0x80 + i);
		icx[i] = (u8)(0x40 + i);
	}
	return 0;
}

static int begin(struct mh_stream *s, bool file, const u8 *key, const u8 *ctx)
{
	return file ? mh_stream_begin_file(s, key, ctx) : mh_stream_begin(s, key, ctx);
}

static size_t seal(bool file, const u8 *key, const u8 *ctx, size_t n, u8 *out)
{
	struct mh_stream s;
	size_t at = 0, len = 0;

	assert_int_equal(begin(&s, file, key, ctx), 0);
	do {
		const size_t part = n - at < C ? n - at : C;

		assert_false(s.done);
		assert_int_equal(mh_stream_seal(&s, at + part == n, plain + at, part, out + len),
				 0);
		at += part;
		len += part + MH_TAG_LEN;
	} while (at < n);
	assert_true(s.done);
	mh_stream_end(&s);
	return len;
}

/* As a receiver does that knows the length: the last chunk is the one that ends there. */
static int open_as(bool file, const u8 *key, const u8 *ctx, const u8 *in, size_t n)
{
	struct mh_stream s;
	size_t at = 0;
	int ret;

	opened_n = 0;
	assert_int_equal(begin(&s, file, key, ctx), 0);
	do {
		const size_t part = n - at < S ? n - at : S;
		u8 *copy = malloc(part + 1);	/* of its size, for the sanitizer */

		assert_non_null(copy);
		memcpy(copy, in + at, part);
		ret = mh_stream_open(&s, at + part == n, copy, part, opened + opened_n);
		free(copy);
		at += part;
		opened_n += ret ? 0 : part - MH_TAG_LEN;
	} while (!ret && at < n);
	assert_true(s.done);
	mh_stream_end(&s);
	return ret;
}

static int open_it(const u8 *in, size_t n)
{
	return open_as(false, ke, icx, in, n);
}

static void r13_vectors(void **state)
{
	u8 sha[32];

	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_stream_vectors), 7);
	for (size_t i = 0; i < ARRAY_SIZE(mh_stream_vectors); i++) {
		const struct mh_stream_vector *v = &mh_stream_vectors[i];
		const size_t n = seal(v->file, v->key.p, v->ctx.p, v->length, sealed);
		const struct mh_buf all = MH_BUF(sealed, n);

		mh_sha256v(sha, &all, 1);
		assert_memory_equal(sha, v->sha256.p, 32);
		assert_true(n >= v->end.n && mh_stream_size(v->length) == n);
		assert_memory_equal(sealed + n - v->end.n, v->end.p, v->end.n);
		assert_int_equal(open_as(v->file, v->key.p, v->ctx.p, sealed, n), 0);
		assert_int_equal(opened_n, v->length);
		assert_memory_equal(opened, plain, v->length);
		assert_int_equal(open_as(!v->file, v->key.p, v->ctx.p, sealed, n), -EBADMSG);
	}
}

static void r13_each_byte_counts(void **state)
{
	const size_t n = seal(false, ke, icx, 40, sealed);

	(void)state;
	for (size_t at = 0; at < n; at++) {
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			sealed[at] ^= bit;
			memset(opened, 0xee, 40);
			assert_int_equal(open_it(sealed, n), -EBADMSG);
			for (int i = 0; i < 40; i++)	/* nothing is given out */
				assert_true(opened[i] == 0 || opened[i] == 0xee);
			sealed[at] ^= bit;
		}
	}
	for (u8 at = 0; at < 32; at++) {
		ke[at] ^= 1;
		assert_int_equal(open_it(sealed, n), -EBADMSG);
		ke[at] ^= 1;
		icx[at] ^= 1;
		assert_int_equal(open_it(sealed, n), -EBADMSG);
		icx[at] ^= 1;
	}
	assert_int_equal(open_it(sealed, n), 0);
}

/* One chunk with a key and nonce of the test's own making */
static size_t chunk(u64 counter, u8 last, size_t n, u8 *out)
{
	u8 key[32], nonce[12] = { 0 };

	assert_int_equal(mh_sub(MH_BUF(ke, 32), MH_L("stream"), MH_BUF(icx, 32), key, 32), 0);
	mh_put64(nonce + 3, counter);
	nonce[11] = last;
	assert_int_equal(mh_aead_seal_once(key, nonce, MH_BUF(NULL, 0), plain, n, out), 0);
	return n + MH_TAG_LEN;
}

static void r13_the_last_chunk(void **state)
{
	size_t n = seal(false, ke, icx, 2 * C + 100, sealed);

	(void)state;
	assert_int_equal(open_it(sealed, n), 0);
	/* cut: whole, or in part */
	assert_int_equal(open_it(sealed, 2 * S), -EBADMSG);
	assert_int_equal(open_it(sealed, S), -EBADMSG);
	assert_int_equal(open_it(sealed, n - 1), -EBADMSG);
	assert_int_equal(open_it(sealed, 2 * S + MH_TAG_LEN), -EBADMSG);
	assert_int_equal(open_it(sealed, 2 * S + 1), -EBADMSG);
	assert_int_equal(open_it(sealed, 0), -EBADMSG);
	/* its flag cleared */
	n = S + chunk(1, 0, 100, sealed + S);
	assert_int_equal(open_it(sealed, n), -EBADMSG);
	n = S + chunk(1, 1, 100, sealed + S);
	assert_int_equal(open_it(sealed, n), 0);
	chunk(1, 2, 100, sealed + S);
	assert_int_equal(open_it(sealed, n), -EBADMSG);
	/* early */
	seal(false, ke, icx, C, sealed);
	n = S + chunk(1, 1, 100, sealed + S);
	assert_int_equal(open_it(sealed, n), -EBADMSG);
	assert_int_equal(open_it(sealed, S), 0);
	/* full, and then an empty one */
	chunk(0, 0, C, sealed);
	n = S + chunk(1, 1, 0, sealed + S);
	assert_int_equal(open_it(sealed, n), -EBADMSG);
	n = S + chunk(1, 1, 1, sealed + S);
	assert_int_equal(open_it(sealed, n), 0);
	/* a trailing byte, with each length around a whole chunk's */
	for (size_t len = C - 1; len <= C + 1; len++) {
		n = seal(false, ke, icx, len, sealed);
		sealed[n] = 0;
		assert_int_equal(open_it(sealed, n + 1), -EBADMSG);
		assert_int_equal(open_it(sealed, n - 1), -EBADMSG);
		assert_int_equal(open_it(sealed, n), 0);
	}
}

static void r13_chunks_in_their_order(void **state)
{
	const size_t n = seal(false, ke, icx, 2 * C + 100, sealed);
	static u8 other[3 * S];

	(void)state;
	memcpy(other, sealed + S, S);		/* swapped */
	memcpy(other + S, sealed, S);
	memcpy(other + 2 * S, sealed + 2 * S, n - 2 * S);
	assert_int_equal(open_it(other, n), -EBADMSG);
	memcpy(other, sealed, S);		/* the first twice */
	assert_int_equal(open_it(other, n), -EBADMSG);
	memcpy(other + S, sealed + 2 * S, n - 2 * S);	/* the second left out */
	assert_int_equal(open_it(other, n - S), -EBADMSG);
	seal(false, icx, icx, 2 * C + 100, other);	/* one of another Ke */
	memcpy(other + 2 * S, sealed + 2 * S, n - 2 * S);
	assert_int_equal(open_it(other, n), -EBADMSG);
}

static void r13_lengths_of_chunks(void **state)
{
	static const size_t wrong[] = { 0, 1, C - 1, C + 1 };
	struct mh_stream s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
		assert_int_equal(mh_stream_seal(&s, false, plain, wrong[i], sealed), -EINVAL);
		mh_stream_end(&s);
		/* made right, but for the length */
		chunk(0, 0, wrong[i], sealed);
		assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
		assert_int_equal(mh_stream_open(&s, false, sealed, wrong[i] + MH_TAG_LEN, opened),
				 -EBADMSG);
		mh_stream_end(&s);
	}
	chunk(0, 1, C + 1, sealed);
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	assert_int_equal(mh_stream_seal(&s, true, plain, C + 1, opened), -EINVAL);
	assert_int_equal(mh_stream_open(&s, true, sealed, C + 1 + MH_TAG_LEN, opened), -EBADMSG);
	mh_stream_end(&s);
	for (size_t n = 0; n < MH_TAG_LEN; n++)
		assert_int_equal(open_it(sealed, n), -EBADMSG);
}

static void r13_nothing_after_the_end(void **state)
{
	struct mh_stream s;

	(void)state;
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	assert_int_equal(mh_stream_seal(&s, true, plain, 5, sealed), 0);
	assert_int_equal(mh_stream_seal(&s, true, plain, 5, sealed + 64), -EINVAL);
	mh_stream_end(&s);
	chunk(1, 1, 5, sealed + 64);
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	assert_int_equal(mh_stream_open(&s, true, sealed, 21, opened), 0);
	assert_int_equal(mh_stream_open(&s, true, sealed + 64, 21, opened), -EBADMSG);
	mh_stream_end(&s);
	/* nor after one that did not open, be it right itself */
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	sealed[0] ^= 1;
	assert_int_equal(mh_stream_open(&s, true, sealed, 21, opened), -EBADMSG);
	assert_true(s.done);
	assert_int_equal(mh_stream_open(&s, true, sealed + 64, 21, opened), -EBADMSG);
	mh_stream_end(&s);
	mh_stream_end(&s);
	assert_int_equal(mh_stream_open(&s, true, sealed + 64, 21, opened), -EBADMSG);
	assert_int_equal(mh_stream_seal(&s, true, plain, 5, sealed), -EINVAL);
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	mh_stream_end(&s);
	assert_true(s.done);
	s.done = false;	/* there is no key any more */
	assert_int_equal(mh_stream_seal(&s, true, plain, 5, sealed), -EINVAL);
}

/* The counter is eight bytes, of which a test of three chunks sees one. */
static void r13_every_byte_of_the_counter(void **state)
{
	const u64 far = 0x0102030405060708;
	struct mh_stream s;

	(void)state;
	assert_int_equal(mh_stream_begin(&s, ke, icx), 0);
	s.counter = far;
	assert_int_equal(mh_stream_seal(&s, true, plain, 9, sealed), 0);
	mh_stream_end(&s);
	chunk(far, 1, 9, opened);
	assert_memory_equal(sealed, opened, 25);
}

static void r13_lengths(void **state)
{
	static const struct { u64 plain, sealed; } good[] = {
		{ 0, 16 }, { 1, 17 }, { C - 1, S - 1 }, { C, S }, { C + 1, S + 17 },
		{ 2 * C, 2 * S }, { 2 * C + 1, 2 * S + 17 } };
	static const u64 bad[] = { 0, 1, 15, S + 1, S + 15, S + 16, 2 * S + 16 };
	u64 n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(mh_stream_size(good[i].plain), good[i].sealed);
		assert_int_equal(mh_stream_plain_size(good[i].sealed, &n), 0);
		assert_int_equal(n, good[i].plain);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mh_stream_plain_size(bad[i], &n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r13_vectors),
		cmocka_unit_test(r13_each_byte_counts),
		cmocka_unit_test(r13_the_last_chunk),
		cmocka_unit_test(r13_chunks_in_their_order),
		cmocka_unit_test(r13_lengths_of_chunks),
		cmocka_unit_test(r13_nothing_after_the_end),
		cmocka_unit_test(r13_every_byte_of_the_counter),
		cmocka_unit_test(r13_lengths),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

// SPDX-License-Identifier: MIT
/* R17, R36: the codec is bounded, its error sticks, and names are what they must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/wire.h"

#define S(s) MH_BUF(s, sizeof(s) - 1)

static void r17_reads_within_bounds(void **state)
{
	static const u8 in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 2, 'h', 'i',
				 0, 0 };
	struct mh_reader r;
	struct mh_buf b;

	(void)state;
	for (size_t n = 0; n <= sizeof(in); n++) {	/* each length in memory of its size */
		u8 *p = malloc(n + !n);

		assert_non_null(p);
		memcpy(p, in, n);
		mh_reader_init(&r, p, n);
		mh_read_u8(&r);
		mh_read_u16(&r);
		mh_read_u32(&r);
		mh_read_u64(&r);
		mh_read_v(&r, 2);
		mh_read_zero(&r, 2);
		assert_int_equal(mh_read_end(&r), n == sizeof(in) ? 0 : -EBADMSG);
		free(p);
	}
	mh_reader_init(&r, in, sizeof(in));
	assert_int_equal(mh_read_u8(&r), 1);
	assert_int_equal(mh_read_u16(&r), 0x0203);
	assert_int_equal(mh_read_u32(&r), 0x04050607);
	assert_true(mh_read_u64(&r) == 0x08090a0b0c0d0e0full);
	b = mh_read_v(&r, 2);
	assert_true(mh_buf_equal(b, S("hi")));
	assert_int_equal(mh_read_end(&r), -EBADMSG);	/* two are left */
	mh_read_zero(&r, 2);
	assert_int_equal(mh_read_end(&r), 0);
}

static void r17_a_readers_error_sticks(void **state)
{
	static const u8 in[] = { 0, 3, 'a', 'b', 'c', 0, 1, 0, 1 };
	struct mh_reader r;
	struct mh_buf b;

	(void)state;
	mh_reader_init(&r, in, sizeof(in));
	b = mh_read_v(&r, 2);	/* longer than it may be */
	assert_true(!b.p && !b.n && r.err == -EBADMSG);
	assert_int_equal(mh_read_u8(&r), 0);
	b = mh_read_bytes(&r, 0);
	assert_null(b.p);
	assert_int_equal(mh_read_end(&r), -EBADMSG);
	mh_reader_init(&r, in, sizeof(in));
	assert_int_equal(mh_read_bytes(&r, (size_t)-1).n, 0);	/* no sum that wraps */
	assert_int_equal(r.err, -EBADMSG);
	for (size_t at = 0; at < 4; at++) {	/* each of the bytes that must be zero */
		u8 z[4] = { 0 };

		z[at] = 0x80;
		mh_reader_init(&r, z, 4);
		mh_read_zero(&r, 4);
		assert_int_equal(r.err, -EBADMSG);
	}
}

static void r17_writes_within_bounds(void **state)
{
	static const u8 want[] = { 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 2, 'h', 'i', 0,
				   0, 9, 0, 0, 0, 4, 0, 0, 0, 5 };
	struct mh_writer w;

	(void)state;
	for (size_t n = 0; n <= sizeof(want); n++) {
		u8 *p = malloc(n + !n);

		assert_non_null(p);
		mh_writer_init(&w, p, n);
		mh_write_u8(&w, 1);
		mh_write_u16(&w, 2);
		mh_write_u32(&w, 3);
		mh_write_u64(&w, 4);
		mh_write_v(&w, "hi", 2);
		mh_write_zero(&w, 1);
		mh_write_attr_u32(&w, 9, 5);
		assert_int_equal(w.err, n == sizeof(want) ? 0 : -ENOSPC);
		if (!w.err)
			assert_memory_equal(p, want, sizeof(want));
		assert_true(w.len <= n);
		free(p);
	}
}

static void r17_a_writers_error_sticks(void **state)
{
	static u8 big[0x10000 + 8], x[0x10000];
	u8 p[4];
	struct mh_writer w;

	(void)state;
	mh_writer_init(&w, p, sizeof(p));
	mh_write_u64(&w, 1);
	mh_write_u8(&w, 1);	/* there is room, and yet */
	mh_write_bytes(&w, p, (size_t)-1);
	mh_write_zero(&w, 1);
	assert_true(w.err == -ENOSPC && !w.len);
	mh_writer_init(&w, big, sizeof(big));
	mh_write_v(&w, x, 0x10000);	/* v() has 16 bits of length */
	assert_int_equal(w.err, -ENOSPC);
	mh_writer_init(&w, big, 0xffff + 2);
	mh_write_v(&w, x, 0xffff);
	assert_int_equal(w.err, 0);
	mh_writer_init(&w, p, sizeof(p));
	mh_write_zero(&w, sizeof(p));	/* it is full, and no error */
	assert_int_equal(w.err, 0);
	mh_write_zero(&w, 1);
	assert_int_equal(w.err, -ENOSPC);
	mh_writer_init(&w, NULL, 0);
	mh_write_bytes(&w, NULL, 0);
	assert_int_equal(w.err, 0);
}

/* n attributes as they stand in p: 0, or what the reader says */
static int attrs(const u8 *p, size_t n, unsigned int *count)
{
	struct mh_reader r;
	struct mh_attr a;
	u16 last = 0;

	mh_reader_init(&r, p, n);
	for (*count = 0; mh_read_attr(&r, &last, &a); ++*count)
		;
	return mh_read_end(&r);
}

static void r36_attributes_rise(void **state)
{
	u8 p[64];
	struct mh_writer w;
	unsigned int n;

	(void)state;
	mh_writer_init(&w, p, sizeof(p));
	mh_write_attr_u8(&w, 1, 7);
	mh_write_attr(&w, 2, NULL, 0);
	mh_write_attr_u64(&w, 0xffff, 8);
	assert_int_equal(attrs(p, w.len, &n), 0);
	assert_int_equal(n, 3);
	for (size_t cut = 1; cut < w.len; cut++)
		if (cut != 7 && cut != 13)	/* between attributes */
			assert_int_equal(attrs(p, cut, &n), -EBADMSG);
	p[1] = 2;	/* doubled, falling, zero */
	assert_int_equal(attrs(p, w.len, &n), -EBADMSG);
	p[1] = 3;
	assert_int_equal(attrs(p, w.len, &n), -EBADMSG);
	p[1] = 0;
	assert_int_equal(attrs(p, w.len, &n), -EBADMSG);
	p[1] = 1;
	memset(p + 2, 0xff, 4);	/* a length of 2^32-1 */
	assert_int_equal(attrs(p, w.len, &n), -EBADMSG);
}

static void r36_names(void **state)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	static const struct mh_buf good[] = { S("a"), S("..."), S(".a"), S("-"), S("a.b_c-9"), };
	static const struct mh_buf bad[] = { S(""), S("."), S(".."), S("A"), S("a b"), S("a/b"),
					     S("a\0"), S("\xc3\xa4"), S("a@1"), };
	u8 name[MH_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(mh_name_ok(good[i]) && mh_dataset_name_ok(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mh_name_ok(bad[i]));
	for (unsigned int c = 0; c < 256; c++) {
		name[0] = 'x';
		name[1] = (u8)c;
		assert_true(mh_name_ok(MH_BUF(name, 2)) == (c && !!strchr(chars, (int)c)));
	}
	memset(name, 'a', sizeof(name));
	assert_true(mh_name_ok(MH_BUF(name, MH_NAME_MAX)));
	assert_false(mh_name_ok(MH_BUF(name, MH_NAME_MAX + 1)));
	assert_false(mh_name_ok(MH_BUF(NULL, 0)));
}

static void r36_dataset_names(void **state)
{
	static const struct mh_buf bad[] = { S(""), S("/"), S("a/"), S("/a"), S("a//b"), S("a/."),
					     S("../b"), S("a/../b"), S("a/B"), S("a@1"), };
	u8 name[MH_DATASET_MAX + 1];

	(void)state;
	assert_true(mh_dataset_name_ok(S("eu/disk")));
	assert_true(mh_dataset_name_ok(S("a/b/c/d")));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mh_dataset_name_ok(bad[i]));
	assert_false(mh_dataset_name_ok(MH_BUF(NULL, 0)));
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 50 == 49 ? '/' : 'a';
	name[MH_DATASET_MAX - 1] = 'a';
	assert_true(mh_dataset_name_ok(MH_BUF(name, MH_DATASET_MAX)));
	name[MH_DATASET_MAX] = 'a';
	assert_false(mh_dataset_name_ok(MH_BUF(name, MH_DATASET_MAX + 1)));
	memset(name, 'a', sizeof(name));	/* one level is a name, of 64 at most */
	assert_false(mh_dataset_name_ok(MH_BUF(name, MH_NAME_MAX + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r17_reads_within_bounds),
		cmocka_unit_test(r17_a_readers_error_sticks),
		cmocka_unit_test(r17_writes_within_bounds),
		cmocka_unit_test(r17_a_writers_error_sticks),
		cmocka_unit_test(r36_attributes_rise),
		cmocka_unit_test(r36_names),
		cmocka_unit_test(r36_dataset_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

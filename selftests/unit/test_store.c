// SPDX-License-Identifier: MIT
/* The store remembers its answers, and never one that is old (R41). */
#include "repositoryd/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const u8 kid[32] = { 1 };

static int setup(void **state)
{
	char path[] = "/tmp/mh-store-XXXXXX";
	struct mh_store *st;
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	if (mh_store_open(&st, path))
		return -1;
	unlink(path);
	*state = st;
	return 0;
}

static int teardown(void **state)
{
	mh_store_close(*state);
	return 0;
}

/* K = kid[0] = k under kw, told apart by mark */
static void put_wrap(struct mh_store *st, u8 k, u8 kw, u8 mark)
{
	u8 wrap[MH_WRAP_LEN] = { 0 };

	wrap[1] = k;
	wrap[33] = kw;
	wrap[MH_WRAP_LEN - 1] = mark;
	assert_int_equal(mh_store_put_wrap(st, wrap), 0);
}

static int mark_of(struct mh_store *st, u8 k, u8 kw)
{
	const u8 kid_k[32] = { k }, kid_kw[32] = { kw };
	u8 wrap[MH_WRAP_LEN];
	int ret = mh_store_wrap(st, kid_k, kid_kw, wrap);

	return ret ? ret : wrap[MH_WRAP_LEN - 1];
}

static void r41_put_is_seen(void **state)
{
	struct mh_store *st = *state;
	struct mh_bytes b;

	for (u8 mark = 1; mark < 4; mark++) {
		put_wrap(st, 1, 2, mark);
		assert_int_equal(mark_of(st, 1, 2), mark);
		assert_int_equal(mh_store_put_secret(st, 1, kid, MH_BUF(&mark, 1)), 0);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(mh_store_secret(st, 1, kid, &b), 0);
			assert_int_equal(b.p[0], mark);
			mh_bytes_free(&b);
		}
		assert_int_equal(mh_store_secret(st, 2, kid, &b), -ENOENT);
	}
}

static void r41_rolled_back(void **state)
{
	struct mh_store *st = *state;
	const u64 before = mh_store_generation(st);

	assert_int_equal(mark_of(st, 1, 2), -ENOENT);
	assert_int_equal(mh_store_begin(st), 0);
	put_wrap(st, 1, 2, 7);
	assert_int_equal(mark_of(st, 1, 2), 7);
	mh_store_rollback(st);
	assert_int_equal(mark_of(st, 1, 2), -ENOENT);
	assert_true(mh_store_generation(st) > before);
	assert_int_equal(mh_store_begin(st), 0);
	put_wrap(st, 1, 2, 8);
	assert_int_equal(mh_store_commit(st), 0);
	assert_int_equal(mark_of(st, 1, 2), 8);
}

static unsigned int walked;

/* While the first answer is walked it goes out of memory: by a change, and by what is asked next */
static int walk(void *ctx, struct mh_buf wrap)
{
	struct mh_store *st = ctx;
	u8 kid_kw[32];

	walked++;
	put_wrap(st, 200, (u8)walked, 9);
	memcpy(kid_kw, mh_wrap_kid_w(wrap.p), 32);
	assert_int_equal(mh_store_wraps_of(st, kid_kw, walk, st), 0);
	assert_int_equal(wrap.n, MH_WRAP_LEN);
	assert_memory_equal(mh_wrap_kid_w(wrap.p), kid_kw, 32);
	return 0;
}

static void walks_in_walks(void **state)
{
	struct mh_store *st = *state;
	const u8 kid_k[32] = { 1 };

	for (u8 k = 1; k < 5; k++)	/* each wrapped by all higher ones: 2^4 ways */
		for (u8 kw = k + 1; kw < 6; kw++)
			put_wrap(st, k, kw, 1);
	assert_int_equal(mh_store_wraps_of(st, kid_k, walk, st), 0);
	assert_int_equal(walked, 15);
}

/* More than are kept: each is right, the first as well as the last */
static void r41_many(void **state)
{
	struct mh_store *st = *state;
	struct mh_bytes b;
	u8 id[32] = { 0 };

	assert_int_equal(mh_store_begin(st), 0);
	for (u32 i = 0; i < 40000; i++) {
		mh_put32(id, i);
		assert_int_equal(mh_store_put_secret(st, 1, id, MH_BUF(id, 4)), 0);
	}
	assert_int_equal(mh_store_commit(st), 0);
	for (int again = 0; again < 2; again++)
		for (u32 i = 0; i < 40000; i++) {
			mh_put32(id, i);
			assert_int_equal(mh_store_secret(st, 1, id, &b), 0);
			assert_int_equal(mh_get32(b.p), i);
			mh_bytes_free(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(r41_put_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(r41_rolled_back, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_in_walks, setup, teardown),
		cmocka_unit_test_setup_teardown(r41_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

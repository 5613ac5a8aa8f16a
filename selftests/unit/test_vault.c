// SPDX-License-Identifier: MIT
/*
 * R09: an officer's vault, and a one-time code as text.  What was added is there for whoever has
 * the passphrase; nothing that is wrong with file, path or passphrase loses any of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/code.h"
#include "lib/vault.h"

static char dir[32], path[64], other[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mh-vault-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vault", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void each_gone(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s/*", dir);
	assert_int_equal(system(cmd), 0);
}

static void fill(u8 *p, u8 first)
{
	memset(p, 7, 32);
	p[0] = first;
}

static void put(const char *file, u8 first)
{
	struct mh_vault *v;
	u8 kid[32], secret[32];

	fill(kid, first);
	fill(secret, first ^ 0xff);
	assert_int_equal(mh_vault_open(&v, file, "tea", true), 0);
	assert_int_equal(mh_vault_add(v, kid, secret), 0);
	assert_memory_equal(mh_vault_find(v, kid), secret, 32);
	mh_vault_close(v);
}

static bool has(const char *file, u8 first)
{
	struct mh_vault *v;
	u8 kid[32], secret[32];
	const u8 *found;
	bool is;

	fill(kid, first);
	fill(secret, first ^ 0xff);
	assert_int_equal(mh_vault_open(&v, file, "tea", false), 0);
	found = mh_vault_find(v, kid);
	is = found && !memcmp(found, secret, 32);
	assert_true(is || !found);
	mh_vault_close(v);
	return is;
}

static void r09_added_and_found(void **state)
{
	static const u8 order[] = { 5, 1, 9, 5, 0, 255, 1 };
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(order); i++)
		put(path, order[i]);
	for (size_t i = 0; i < sizeof(order); i++)
		assert_true(has(path, order[i]));
	assert_false(has(path, 2));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	each_gone();
}

static void r09_wrong(void **state)
{
	struct mh_bytes whole, bad;
	struct mh_vault *v;

	(void)state;
	assert_int_equal(mh_vault_open(&v, path, "tea", false), -ENOENT);
	put(path, 1);
	assert_int_equal(mh_vault_open(&v, path, "coffee", false), -EKEYREJECTED);
	assert_int_equal(mh_vault_open(&v, path, "coffee", true), -EKEYREJECTED);
	assert_int_equal(mh_vault_open(&v, path, "", true), -EKEYREJECTED);
	assert_int_equal(mh_file_read(path, MH_VAULT_MAX, &whole), 0);
	for (size_t at = 0; at < whole.n; at += 13) {
		assert_int_equal(mh_bytes_copy(&bad, whole.p, whole.n), 0);
		bad.p[at] ^= 1;
		assert_int_equal(mh_file_write(other, bad.p, bad.n, 0600), 0);
		assert_int_equal(mh_vault_open(&v, other, "tea", at & 1), -EKEYREJECTED);
		assert_int_equal(mh_file_write(other, whole.p, at, 0600), 0);
		assert_int_equal(mh_vault_open(&v, other, "tea", at & 1), -EKEYREJECTED);
		mh_bytes_free(&bad);
	}
	assert_true(has(path, 1));
	mh_bytes_free(&whole);
	each_gone();
}

static void r09_one_writes(void **state)
{
	struct mh_vault *v, *w;

	(void)state;
	put(path, 1);
	assert_int_equal(mh_vault_open(&v, path, "tea", true), 0);
	assert_int_equal(mh_vault_open(&w, path, "tea", true), -EBUSY);
	assert_int_equal(mh_vault_open(&w, path, "tea", false), -EBUSY);
	mh_vault_close(v);
	assert_int_equal(mh_vault_open(&v, path, "tea", false), 0);
	assert_int_equal(mh_vault_open(&w, path, "tea", true), -EBUSY);
	assert_int_equal(mh_vault_open(&w, path, "tea", false), 0);	/* many read */
	mh_vault_close(v);
	mh_vault_close(w);
	each_gone();
}

/* What is added goes where the link leads, and two names are one vault. */
static void r09_by_a_link(void **state)
{
	struct mh_vault *v, *w;
	struct stat st;

	(void)state;
	assert_int_equal(symlink("vault", other), 0);
	assert_int_equal(mh_vault_open(&v, other, "tea", true), -ENOENT);	/* to nothing */
	put(path, 1);
	put(other, 2);
	assert_true(has(path, 2) && has(other, 1));
	assert_int_equal(lstat(other, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(mh_vault_open(&v, path, "tea", true), 0);
	assert_int_equal(mh_vault_open(&w, other, "tea", true), -EBUSY);
	mh_vault_close(v);
	each_gone();
}

static void r09_where_none_can_be(void **state)
{
	char deep[128];
	struct mh_vault *v;

	(void)state;
	snprintf(deep, sizeof(deep), "%s/none/vault", dir);
	assert_int_equal(mh_vault_open(&v, deep, "tea", true), -ENOENT);
	assert_int_equal(mh_vault_open(&v, dir, "tea", true), -EISDIR);
}

/* ---- the code ---- */

static void r09_code(void **state)
{
	u8 code[MH_JOIN_CODE_LEN], back[MH_JOIN_CODE_LEN];
	char text[MH_CODE_TEXT];
	static const char from[] = "foobar-foobar-foobar";
	static const char *const bad[] = {
		"", "aaaa", "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaa",
		"aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaa",
		"aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaa1",
		"aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aa_a",
	};

	(void)state;
	memset(code, 0, sizeof(code));
	mh_code_text(code, text);
	assert_string_equal(text, "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa");
	memcpy(code, from, sizeof(code));
	mh_code_text(code, text);
	assert_string_equal(text, "mzxw-6ytb-oiww-m33p-mjqx-ellg-n5xw-eyls");
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mh_random(code, sizeof(code)), 0);
		mh_code_text(code, text);
		assert_int_equal(mh_code_read(text, back), 0);
		assert_memory_equal(code, back, sizeof(code));
	}
	assert_int_equal(mh_code_read(" AAAA aaaaaaaa\nAAAAaaaa----aaaa aaaa aaab\n", back), 0);
	assert_int_equal(back[19], 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mh_code_read(bad[i], back), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r09_added_and_found),
		cmocka_unit_test(r09_wrong),
		cmocka_unit_test(r09_one_writes),
		cmocka_unit_test(r09_by_a_link),
		cmocka_unit_test(r09_where_none_can_be),
		cmocka_unit_test(r09_code),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

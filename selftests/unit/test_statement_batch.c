// SPDX-License-Identifier: MIT
/* R36: lists, sizes, Merkle paths and the shape of signature sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stmt_tlv.h"

/* ---- lists ---- */

/* A list of fixed items: two swapped, one doubled, n of them and one more. */
static void fixed_list(enum sw_id id, u16 type, size_t item, size_t most)
{
	u8 v[6000] = { 0 };

	for (size_t i = 0; i <= most; i++)
		v[i * item] = (u8)(i + 1);
	if (most > 254)
		fail();
	assert_int_equal(with(id, type, v, item), 0);
	assert_int_equal(with(id, type, v, most * item), 0);
	assert_int_equal(with(id, type, v, (most + 1) * item), -EBADMSG);
	v[0] = 2;
	assert_int_equal(with(id, type, v, 2 * item), -EBADMSG);	/* doubled */
	v[0] = 3;
	assert_int_equal(with(id, type, v, 2 * item), -EBADMSG);	/* falls */
}

static void r36_fixed_lists(void **state)
{
	u8 v[2 * 41] = { 0 };

	(void)state;
	fixed_list(SW_DATASET, MH_A_POLICIES, 32, 8);
	fixed_list(SW_INSTANCE, MH_A_POLICIES, 32, 8);
	fixed_list(SW_GENESIS, MH_A_CAPS, 5, 16);
	fixed_list(SW_EPOCH, MH_A_FLOORS, 41, 128);
	/* what follows the key is said once: which of two would count? */
	v[0] = MH_ENTITY;
	v[5] = MH_ENTITY;
	v[9] = 9;
	assert_int_equal(with(SW_GENESIS, MH_A_CAPS, v, 10), -EBADMSG);
	memset(v, 0, sizeof(v));
	v[0] = MH_ENTITY;
	v[41] = MH_ENTITY;
	v[40] = 4;
	v[81] = 7;
	assert_int_equal(with(SW_EPOCH, MH_A_FLOORS, v, 82), -EBADMSG);
	v[41 + 32] = 1;	/* another subject */
	assert_int_equal(with(SW_EPOCH, MH_A_FLOORS, v, 82), 0);
}

static void r36_officers_keys(void **state)
{
	u8 v[17 * 64] = { 0 };

	(void)state;
	for (size_t i = 0; i < 17; i++)
		v[i * 64 + 63] = (u8)(i + 1);	/* what differs is the last byte */
	assert_int_equal(with(SW_GENESIS, MH_A_KEYS, v, 16 * 64), 0);
	assert_int_equal(with(SW_GENESIS, MH_A_KEYS, v, 17 * 64), -EBADMSG);
	assert_int_equal(with(SW_GENESIS, MH_A_KEYS, v, 3 * 64), 0);
	assert_int_equal(with(SW_GENESIS, MH_A_KEYS, v, 2 * 64), -EBADMSG);	/* threshold is 3 */
	v[63] = 2;	/* one key at two indices */
	assert_int_equal(with(SW_GENESIS, MH_A_KEYS, v, 5 * 64), -EBADMSG);
	assert_int_equal(with(SW_GROUP, MH_A_KEYS, v, 5 * 64), -EBADMSG);
	assert_int_equal(with(SW_GENESIS, MH_A_RECOVERY_KEYS, v, 2 * 64), -EBADMSG);
	load(&t, SW_GENESIS);	/* recovery is keys and threshold, or neither */
	drop(&t, place(&t, MH_A_RECOVERY_THRESHOLD));
	assert_int_equal(parse(&t), -EBADMSG);
	drop(&t, place(&t, MH_A_RECOVERY_KEYS));
	assert_int_equal(parse(&t), 0);
	load(&t, SW_GENESIS);
	drop(&t, place(&t, MH_A_RECOVERY_KEYS));
	assert_int_equal(parse(&t), -EBADMSG);
}

#define V(s) s, sizeof(s) - 1

static void r36_lists_of_names(void **state)
{
	(void)state;
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1a\0\1b")), 0);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1b\0\1a")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1a\0\1a")), -EBADMSG);
	/* by the items' bytes, so the shorter first */
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1b\0\2aa")), 0);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\2aa\0\1b")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\3a/b")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\0\0\1a")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1a\0\2b")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\0\1a\0")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_GROUPS, V("\xff\xff_")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_DATASETS, V("\0\2a/\0\3a/b")), 0);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_DATASETS, V("\0\1/")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_DATASETS, V("\0\3a//")), -EBADMSG);
	assert_int_equal(with(SW_SERVE, MH_A_SCOPE_DATASETS, V("\0\3../")), -EBADMSG);
	assert_int_equal(with(SW_GROUP, MH_A_RIGHTS, V("\0\1\0\1a\0\2\0\1a")), 0);
	assert_int_equal(with(SW_GROUP, MH_A_RIGHTS, V("\0\2\0\1a\0\1\0\1a")), -EBADMSG);
	assert_int_equal(with(SW_GROUP, MH_A_RIGHTS, V("\0\1\0\1a\0\1\0\1a")), -EBADMSG);
	assert_int_equal(with(SW_GROUP, MH_A_RIGHTS, V("\0\1\0\1A")), -EBADMSG);
	assert_int_equal(with(SW_GROUP, MH_A_RIGHTS, V("\0\1\0\1a\0")), -EBADMSG);
	assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, V("a*?.-_9")), 0);
	assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, V("a/*")), -EBADMSG);
	assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, V("[a]")), -EBADMSG);
}

static void r36_patterns_characters(void **state)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789._-*?";

	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		const u8 v = (u8)c;

		assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, &v, 1),
				 c && strchr(chars, (int)c) ? 0 : -EBADMSG);
	}
}

static void r36_body_of_12_kib(void **state)
{
	static u8 fill[MH_STMT_BODY_MAX], body[2 * MH_STMT_BODY_MAX];
	size_t n;

	(void)state;
	load(&t, SW_MEMBER);
	n = join(&t, body, sizeof(body)) + 6;
	insert(&t, t.n, 0x8001, fill, MH_STMT_BODY_MAX - n);
	assert_int_equal(join(&t, body, sizeof(body)), MH_STMT_BODY_MAX);
	assert_int_equal(parse(&t), 0);
	t.a[t.n - 1].n++;
	assert_int_equal(parse(&t), -EBADMSG);
	assert_int_equal(parse_body(body, 0, alone, sizeof(alone)), -EBADMSG);
}

/* ---- paths ---- */

static u8 member[512];	/* a body */
static size_t member_n;

static int with_path(u8 n, u32 index, u32 size, u8 (*path)[32], u8 written)
{
	u8 tail[1 + 8 + 22 * 32 + sizeof(alone)];
	struct mh_writer w;

	mh_writer_init(&w, tail, sizeof(tail));
	mh_write_u8(&w, n);
	mh_write_u32(&w, index);
	mh_write_u32(&w, size);
	mh_write_bytes(&w, path, (size_t)written * 32);
	mh_write_bytes(&w, alone + 1, sizeof(alone) - 1);
	assert_int_equal(w.err, 0);
	return parse_body(member, member_n, tail, w.len);
}

/* RFC 6962 2.1, as it is written there. */
static void mth(u8 (*leaf)[32], u32 n, u8 out[32])
{
	u8 in[65] = { 1 };
	const struct mh_buf v = MH_BUF(in, 65);
	u32 k = 1;

	if (n == 1) {
		memcpy(out, leaf[0], 32);
		return;
	}
	while (2 * k < n)
		k *= 2;
	mth(leaf, k, in + 1);
	mth(leaf + k, n - k, in + 33);
	mh_sha256v(out, &v, 1);
}

static void r10_batches_of_every_size(void **state)
{
	static u8 leaf[70][32], path[22][32], want[32], root[32];

	(void)state;
	load(&t, SW_MEMBER);
	member_n = join(&t, member, sizeof(member));
	for (u32 size = 1; size <= 70; size++)
		for (u32 i = 0; i < size; i++) {
			int n;

			for (u32 j = 0; j < size; j++)
				memset(leaf[j], (int)j, 32);
			mh_stmt_leaf(MH_BUF(member, member_n), leaf[i]);
			mth(leaf, size, want);
			assert_int_equal(mh_merkle_root(leaf, size, root), 0);
			assert_memory_equal(root, want, 32);
			n = mh_merkle_path(leaf, size, i, path);
			if (size == 1) {
				assert_int_equal(n, 0);
				continue;
			}
			assert_int_equal(with_path((u8)n, i, size, path, (u8)n), 0);
			assert_memory_equal(parsed.root, want, 32);
			/* one hash fewer or more is not the path of (index, size) */
			if (n > 1)
				assert_int_equal(with_path((u8)(n - 1), i, size, path,
							   (u8)(n - 1)), -EBADMSG);
			assert_int_equal(with_path((u8)(n + 1), i, size, path, (u8)(n + 1)),
					 -EBADMSG);
			assert_int_equal(with_path((u8)n, size, size, path, (u8)n), -EBADMSG);
		}
	assert_int_equal(mh_merkle_root(leaf, 0, root), -EINVAL);
	assert_int_equal(mh_merkle_root(leaf, (1u << 20) + 1, root), -EINVAL);
	assert_int_equal(mh_merkle_path(leaf, 5, 5, path), -EINVAL);
}

static void r36_paths_at_their_edges(void **state)
{
	static u8 path[22][32];
	u8 tail[sizeof(alone)];

	(void)state;
	load(&t, SW_MEMBER);
	member_n = join(&t, member, sizeof(member));
	assert_int_equal(with_path(20, 0, 1u << 20, path, 20), 0);
	assert_int_equal(with_path(20, (1u << 20) - 1, 1u << 20, path, 20), 0);
	assert_int_equal(with_path(21, 0, 1u << 21, path, 21), -EBADMSG);
	assert_int_equal(with_path(20, 0, (1u << 20) + 1, path, 20), -EBADMSG);
	assert_int_equal(with_path(1, 0, 0, path, 1), -EBADMSG);
	assert_int_equal(with_path(1, 0, 1, path, 1), -EBADMSG);
	assert_int_equal(with_path(1, 1, 1, path, 1), -EBADMSG);
	assert_int_equal(with_path(1, ~0u, ~0u, path, 1), -EBADMSG);
	assert_int_equal(with_path(2, 0, 4, path, 1), -EBADMSG);	/* cut */
	memcpy(tail, alone, sizeof(tail));
	tail[0] = 21;	/* and no hash */
	assert_int_equal(parse_body(member, member_n, tail, sizeof(tail)), -EBADMSG);
	/* no place without a path */
	assert_int_equal(with_path(0, 0, 1, path, 0), -EBADMSG);
}

/* ---- sets ---- */

static int with_sets(const u8 *sets, size_t n)
{
	u8 tail[4096] = { 0 };

	memcpy(tail + 1, sets, n);
	return parse_body(member, member_n, tail, n + 1);
}

/* One set of m signatures by these officers */
static int with_officers(u8 m, const u8 *officer)
{
	u8 sets[3 + 20 * 65] = { 1, MH_SET_SIGNER, m };

	for (u8 i = 0; i < m; i++)
		sets[3 + i * 65] = officer[i];
	return with_sets(sets, 3 + m * (size_t)65);
}

static void r36_signature_sets(void **state)
{
	static const u8 rising[17] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	u8 two[1 + 3 * 67] = { 2, MH_SET_SIGNER, 1 };

	(void)state;
	load(&t, SW_MEMBER);
	member_n = join(&t, member, sizeof(member));
	assert_int_equal(with_sets((const u8 *)"", 1), -EBADMSG);	/* none, and the end */
	assert_int_equal(with_officers(16, rising), 0);
	assert_int_equal(parsed.set[0].m, 16);
	assert_int_equal(with_officers(17, rising), -EBADMSG);
	assert_int_equal(with_officers(0, rising), -EBADMSG);
	assert_int_equal(with_officers(1, rising + 15), 0);
	assert_int_equal(with_officers(1, rising + 16), -EBADMSG);
	assert_int_equal(with_officers(2, (const u8 *)"\3\3"), -EBADMSG);
	assert_int_equal(with_officers(2, (const u8 *)"\4\3"), -EBADMSG);
	assert_int_equal(with_officers(3, (const u8 *)"\1\4\3"), -EBADMSG);
	two[68] = MH_SET_NEW;
	two[69] = 1;
	assert_int_equal(with_sets(two, 1 + 2 * 67), 0);
	assert_int_equal(parsed.sets, 2);
	two[68] = MH_SET_SIGNER;	/* one set twice */
	assert_int_equal(with_sets(two, 1 + 2 * 67), -EBADMSG);
	two[68] = MH_SET_RECOVERY + 1;
	assert_int_equal(with_sets(two, 1 + 2 * 67), -EBADMSG);
	two[68] = MH_SET_NEW;
	for (unsigned int sets = 0; sets < 256; sets++) {	/* as many as are there */
		two[0] = (u8)sets;
		assert_int_equal(with_sets(two, 1 + 2 * 67), sets == 2 ? 0 : -EBADMSG);
	}
	two[0] = 3;
	two[135] = MH_SET_RECOVERY;
	two[136] = 1;
	assert_int_equal(with_sets(two, 1 + 3 * 67), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_fixed_lists),
		cmocka_unit_test(r36_officers_keys),
		cmocka_unit_test(r36_lists_of_names),
		cmocka_unit_test(r36_patterns_characters),
		cmocka_unit_test(r36_body_of_12_kib),
		cmocka_unit_test(r10_batches_of_every_size),
		cmocka_unit_test(r36_paths_at_their_edges),
		cmocka_unit_test(r36_signature_sets),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	free(parsed_bytes);
	return ret;
}

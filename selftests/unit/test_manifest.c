// SPDX-License-Identifier: MIT
/* R13, R30, R32: an INSTANCE as a manifest, and what several policies allow together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stmt_tlv.h"
#include "core/manifest.h"
#include "core/stream.h"

static struct mh_manifest m;

/* An attribute of the INSTANCE changed: the form holds; what the manifest says of it. */
static int decode(u16 type, const void *p, size_t n)
{
	assert_int_equal(with(SW_INSTANCE, type, p, n), 0);
	return mh_manifest_decode(&m, &parsed);
}

static int decode_u64(u16 type, u64 v)
{
	u8 b[8];

	mh_put64(b, v);
	return decode(type, b, 8);
}

static int decode_version(const char *subject, u64 version)
{
	load(&t, SW_INSTANCE);
	put(&t, MH_A_SUBJECT, subject, strlen(subject));
	put_u64(&t, MH_A_INSTANCE_VERSION, version);
	assert_int_equal(parse(&t), 0);
	return mh_manifest_decode(&m, &parsed);
}

static void r13_manifest(void **state)
{
	(void)state;
	load(&t, SW_INSTANCE);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(mh_manifest_decode(&m, &parsed), 0);
	assert_true(mh_buf_equal(m.dataset, MH_BUF("eu/disk", 7)) && m.version == 7);
	assert_true(m.mode == MH_MODE_GROUP && m.kind == MH_DATA_KEY && m.delivery == 1);
	assert_true(m.stream_alg == 1 && m.alg == MH_ALG_AES256 && m.key_len == 32);
	assert_true(m.length == 48 && m.policies.n == 32 && !m.tombstone);
	assert_memory_equal(m.icx, stmt_icx, 32);
	load(&t, SW_TOMBSTONE);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(mh_manifest_decode(&m, &parsed), 0);
	assert_true(m.tombstone && m.version == 6 && !m.sha256);
	for (unsigned int id = 0; id < VECTORS; id++) {
		load(&t, (enum sw_id)id);
		assert_int_equal(parse(&t), 0);
		assert_int_equal(mh_manifest_decode(&m, &parsed),
				 parsed.type == MH_INSTANCE ? 0 : -EBADMSG);
	}
}

static void r13_version_is_the_subjects(void **state)
{
	static const struct {
		const char *subject;
		u64 version;
		int ret;
	} tries[] = {
		{ "eu/disk@7", 7, 0 }, { "eu/disk@7", 8, -EBADMSG }, { "eu/disk@70", 7, -EBADMSG },
		{ "eu/disk@18446744073709551615", ~0ull, 0 },
		{ "eu/disk@18446744073709551610", ~0ull - 5, 0 },
		{ "eu/disk@18446744073709551616", 0, -EBADMSG },
		{ "eu/disk@18446744073709551623", 7, -EBADMSG },	/* 7, modulo 2^64 */
		{ "eu/disk@99999999999999999999", 7, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		assert_int_equal(decode_version(tries[i].subject, tries[i].version), tries[i].ret);
	assert_int_equal(decode_u64(MH_A_INSTANCE_VERSION, 0), -EBADMSG);
}

/* icx covers its inputs, each of them. */
static void r39_icx_covers_its_inputs(void **state)
{
	static const u8 random[32], mode = MH_MODE_SESSION, kind = MH_DATA_OTHER;

	(void)state;
	assert_int_equal(decode(MH_A_MODE, &mode, 1), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode(MH_A_KIND, &kind, 1), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode(MH_A_RANDOM, random, 32), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode_version("eu/disk@8", 8), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode_version("eu/disc@7", 7), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode(MH_A_REGION, random, 32), 0);
	assert_memory_not_equal(m.icx, stmt_icx, 32);
	assert_int_equal(decode(MH_A_SHA256, random, 32), 0);	/* not what may be re-issued */
	assert_memory_equal(m.icx, stmt_icx, 32);
}

static void r13_lengths(void **state)
{
	static const u8 other = MH_DATA_OTHER;

	(void)state;	/* a key: 32 bytes as the template says, and a tag */
	assert_int_equal(decode_u64(MH_A_LENGTH, 48), 0);
	assert_int_equal(decode_u64(MH_A_LENGTH, 47), -EBADMSG);
	assert_int_equal(decode_u64(MH_A_LENGTH, 49), -EBADMSG);
	assert_int_equal(decode_u64(MH_A_LENGTH, 16), -EBADMSG);	/* empty */
	assert_int_equal(decode_u64(MH_A_LENGTH, 15), -EBADMSG);
	assert_int_equal(decode_u64(MH_A_LENGTH, 0), -EBADMSG);
	assert_int_equal(decode_u64(MH_A_LENGTH, ~0ull), -EBADMSG);
	for (u64 n = 0; n < 3 * 16400; n += n % 16400 == 16384 ? 1 : 7) {
		u64 plain;
		int want;

		load(&t, SW_INSTANCE);
		put(&t, MH_A_KIND, &other, 1);
		put_u64(&t, MH_A_LENGTH, n);
		assert_int_equal(parse(&t), 0);
		want = mh_stream_plain_size(n, &plain);
		assert_int_equal(mh_manifest_decode(&m, &parsed), want);
	}
	/* a raw key is 1 to 64 bytes; 0 in the template: not said */
	for (u64 n = 0; n < 70; n++) {
		load(&t, SW_INSTANCE);
		put(&t, MH_A_TEMPLATE, "\3\0\0\0\0", 5);
		put_u64(&t, MH_A_LENGTH, n + 16);
		assert_int_equal(parse(&t), 0);
		assert_int_equal(mh_manifest_decode(&m, &parsed), n && n <= 64 ? 0 : -EBADMSG);
	}
	load(&t, SW_INSTANCE);
	drop(&t, place(&t, MH_A_TEMPLATE));
	assert_int_equal(parse(&t), 0);
	assert_int_equal(mh_manifest_decode(&m, &parsed), -EBADMSG);
}

/* ---- policies ---- */

static void r32_attributes(void **state)
{
	struct mh_policy p;
	static const u16 all[] = { MH_A_SELECT, MH_A_LEASE, MH_A_RENEW, MH_A_RETAIN, MH_A_USES,
				   MH_A_OPERATIONS, MH_A_EXPORT, MH_A_ON_STALE, MH_A_TEMPLATE,
				   MH_A_RATE };

	(void)state;
	load(&t, SW_POLICY);
	assert_int_equal(parse(&t), 0);
	mh_policy_decode(&p, &parsed);
	assert_true(p.lease == 3600 && p.renew == 600 && p.retain == 3 && p.uses == 3);
	assert_true(p.operations == 3 && p.export == 3 && p.rate == 60 && p.on_stale == 1);
	assert_true(p.alg == MH_ALG_AES256 && p.key_len == 32);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		drop(&t, place(&t, all[i]));
	assert_int_equal(parse(&t), 0);
	mh_policy_decode(&p, &parsed);	/* what is not said allows no export and no retaining */
	assert_true(!p.lease && !p.renew && !p.retain && !p.uses && !p.export && !p.rate);
	assert_true(p.operations == ~0u && !p.on_stale && !p.alg && !p.key_len);
}

static void r30_all_must_allow(void **state)
{
	static const struct mh_policy none = { .operations = ~0u };
	static const struct mh_policy a = { .lease = 10, .renew = 5, .retain = 100, .uses = 3,
					    .operations = 7, .export = 3, .rate = 60, .on_stale = 1,
					    .alg = 1, .key_len = 32 };
	static const struct mh_policy b = { .lease = 20, .renew = 2, .retain = 50, .uses = 9,
					    .operations = 12, .export = 6, .rate = 6, .alg = 1,
					    .key_len = 32 };
	static const struct mh_policy both = { .lease = 10, .renew = 2, .retain = 50, .uses = 3,
					       .operations = 4, .export = 2, .rate = 6, .alg = 1,
					       .key_len = 32 };
	struct mh_policy p = a;

	(void)state;
	assert_int_equal(mh_policy_and(&p, &b), 0);
	assert_memory_equal(&p, &both, sizeof(p));
	p = b;	/* in either order */
	assert_int_equal(mh_policy_and(&p, &a), 0);
	assert_memory_equal(&p, &both, sizeof(p));
	p = none;	/* bounds of one bind; rights need both */
	assert_int_equal(mh_policy_and(&p, &a), 0);
	assert_true(p.lease == 10 && p.uses == 3 && p.operations == 7 && p.rate == 60);
	assert_true(!p.retain && !p.export && !p.on_stale && p.alg == 1 && p.key_len == 32);
	p = a;
	p.alg = 2;
	assert_int_equal(mh_policy_and(&p, &a), -EINVAL);
	p = a;
	p.key_len = 16;
	assert_int_equal(mh_policy_and(&p, &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r13_manifest),
		cmocka_unit_test(r13_version_is_the_subjects),
		cmocka_unit_test(r39_icx_covers_its_inputs),
		cmocka_unit_test(r13_lengths),
		cmocka_unit_test(r32_attributes),
		cmocka_unit_test(r30_all_must_allow),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	free(parsed_bytes);
	return ret;
}

// SPDX-License-Identifier: MIT
/* R36: only the canonical form of a statement is taken; nothing here is signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stmt_tlv.h"

/* Each attribute of each vector, freshly loaded into t. */
static void each_attr(void (*try)(enum sw_id id, unsigned int i))
{
	for (unsigned int id = 0; id < VECTORS; id++) {
		load(&t, (enum sw_id)id);
		for (unsigned int i = 0, n = t.n; i < n; i++) {
			load(&t, (enum sw_id)id);
			try((enum sw_id)id, i);
		}
	}
}

/* ---- */

static void r36_vectors_and_their_pieces(void **state)
{
	static u8 more[MH_STMT_MAX];

	(void)state;
	assert_true(sizeof(struct mh_stmt) < 1024);
	for (size_t i = 0; i < VECTORS; i++) {
		const struct mh_statement_vector *v = &mh_statement_vectors[i];

		for (size_t n = 0; n < v->statement.n; n++)
			assert_int_equal(parse_exact(v->statement.p, n), -EBADMSG);
		memcpy(more, v->statement.p, v->statement.n);
		assert_int_equal(parse_exact(more, v->statement.n + 1), -EBADMSG);
		assert_int_equal(parse_exact(more, v->statement.n), 0);
		assert_memory_equal(parsed.leaf, v->leaf, 32);
		assert_memory_equal(parsed.root, v->root, 32);
		load(&t, (enum sw_id)i);
		assert_int_equal(parse(&t), 0);
	}
}

static void without(enum sw_id id, unsigned int i)
{
	static const u16 optional[] = {
		MH_A_CAPS, MH_A_SCOPE_GROUPS, MH_A_SCOPE_DATASETS, MH_A_SCOPE_TEMPLATE,
		MH_A_SCOPE_NAMES, MH_A_SCOPE_NUMBER, MH_A_EVIDENCE, MH_A_RIGHTS, MH_A_POLICIES,
		MH_A_SELECT, MH_A_LEASE, MH_A_RENEW, MH_A_RETAIN, MH_A_USES, MH_A_OPERATIONS,
		MH_A_EXPORT, MH_A_ON_STALE, MH_A_TEMPLATE, MH_A_RATE, MH_A_FLOORS };
	u16 type = t.a[i].type;

	(void)id;
	drop(&t, i);
	assert_int_equal(parse(&t), is_in(type, optional, ARRAY_SIZE(optional)) ? 0 : -EBADMSG);
}

static void r36_each_required_attribute(void **state)
{
	(void)state;
	each_attr(without);
}

static void doubled_and_moved(enum sw_id id, unsigned int i)
{
	struct tlv one = t.a[i];

	(void)id;
	insert(&t, i, one.type, one.p, one.n);
	assert_int_equal(parse(&t), -EBADMSG);
	drop(&t, i);
	if (i + 1 == t.n)
		return;
	t.a[i] = t.a[i + 1];
	t.a[i + 1] = one;
	assert_int_equal(parse(&t), -EBADMSG);
}

static void r36_order_and_doubles(void **state)
{
	(void)state;
	each_attr(doubled_and_moved);
}

static void r36_unknown_attributes(void **state)
{
	static const u16 unknown[] = { 0, 10, 15, 23, 31, 40, 47, 54, 63, 65, 79, 81, 95, 100, 111,
				       122, 127, 136, 143, 147, 159, 161, 175, 181, 191, 195,
				       0x7fff };
	static const u8 eight[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	(void)state;
	for (size_t v = 0; v < VECTORS; v++) {
		for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
			assert_int_equal(with((enum sw_id)v, unknown[i], eight, 8), -EBADMSG);
		if (v != SW_SUSPEND)	/* another type's */
			assert_int_equal(with((enum sw_id)v, MH_A_UNTIL, eight, 8), -EBADMSG);
		if (v != SW_REVOKE)
			assert_int_equal(with((enum sw_id)v, MH_A_UP_TO, eight, 8), -EBADMSG);
		assert_int_equal(with((enum sw_id)v, 0x8000, NULL, 0), 0);
		assert_int_equal(with((enum sw_id)v, 0xffff, eight, 8), 0);
		assert_memory_not_equal(parsed.leaf, mh_statement_vectors[v].leaf, 32);
		insert(&t, t.n, 0xffff, eight, 8);
		assert_int_equal(parse(&t), -EBADMSG);
		t.a[t.n - 1].type = 0xfffe;
		assert_int_equal(parse(&t), -EBADMSG);
	}
}

static void empty_longer_shorter(enum sw_id id, unsigned int i)
{
	static const u16 free_length[] = { MH_A_SUBJECT, MH_A_OWNER, MH_A_SCOPE_NAMES,
					   MH_A_EVIDENCE };
	static const u16 may_be_empty[] = { MH_A_EVIDENCE, MH_A_OWNER, MH_A_KGC_PUBLIC };
	const struct tlv one = t.a[i];
	u8 longer[1024] = { 0 };

	(void)id;
	t.a[i].n = 0;
	assert_int_equal(parse(&t), is_in(one.type, may_be_empty, ARRAY_SIZE(may_be_empty)) ?
				    0 : -EBADMSG);
	if (is_in(one.type, free_length, ARRAY_SIZE(free_length)))
		return;
	memcpy(longer, one.p, one.n);
	t.a[i] = (struct tlv){ one.type, longer, one.n + 1 };
	assert_int_equal(parse(&t), -EBADMSG);
	t.a[i].n = one.n ? one.n - 1 : 31;
	assert_int_equal(parse(&t), -EBADMSG);
}

static void r36_lengths(void **state)
{
	u8 longer[1025];

	(void)state;
	each_attr(empty_longer_shorter);
	memset(longer, 0, sizeof(longer));
	assert_int_equal(with(SW_ENTITY, MH_A_EVIDENCE, longer, 1024), 0);
	assert_int_equal(with(SW_ENTITY, MH_A_EVIDENCE, longer, 1025), -EBADMSG);
	memset(longer, 'a', 65);
	assert_int_equal(with(SW_DATASET, MH_A_OWNER, longer, 64), 0);
	assert_int_equal(with(SW_DATASET, MH_A_OWNER, longer, 65), -EBADMSG);
	assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, longer, 64), 0);
	assert_int_equal(with(SW_ENROL, MH_A_SCOPE_NAMES, longer, 65), -EBADMSG);
	assert_int_equal(with(SW_GROUP_EPOCH, MH_A_KGC_PUBLIC, longer, 32), 0);
	assert_int_equal(with(SW_ENTITY, MH_A_KEI, longer, 32), -EBADMSG);	/* a pair has 64 */
	assert_int_equal(with(SW_ENTITY_SECRET, MH_A_KEI, longer, 64), -EBADMSG);
}

static void r36_values(void **state)
{
	static const struct {
		enum sw_id id;
		u16 type;
		u8 least, most;
	} small[] = {
		{ SW_GENESIS, MH_A_THRESHOLD, 1, 5 }, { SW_GENESIS, MH_A_RECOVERY_THRESHOLD, 1, 2 },
		{ SW_GROUP, MH_A_THRESHOLD, 1, 3 }, { SW_FRESH, MH_A_ROLE, 2, 6 },
		{ SW_SERVE, MH_A_ROLE, 1, 1 }, { SW_ENTITY, MH_A_KEI_KIND, 1, 1 },
		{ SW_ENTITY, MH_A_KEC_KIND, 1, 1 },
		{ SW_ENTITY_SECRET, MH_A_KEC_KIND, 2, 2 }, { SW_MEMBER, MH_A_MEMBER_KIND, 1, 2 },
		{ SW_DATASET, MH_A_MODE, 1, 3 }, { SW_DATASET, MH_A_KIND, 1, 4 },
		{ SW_INSTANCE, MH_A_MODE, 1, 3 }, { SW_INSTANCE, MH_A_KIND, 1, 4 },
		{ SW_INSTANCE, MH_A_STREAM_ALG, 1, 1 }, { SW_INSTANCE, MH_A_DELIVERY, 1, 3 },
		{ SW_TOMBSTONE, MH_A_TOMBSTONE, 1, 1 }, { SW_POLICY, MH_A_SELECT, 1, 1 },
		{ SW_POLICY, MH_A_ON_STALE, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(small); i++)
		for (unsigned int v = 0; v < 256; v++) {
			bool good = v >= small[i].least && v <= small[i].most;

			assert_int_equal(with_u8(small[i].id, small[i].type, (u8)v),
					 good ? 0 : -EBADMSG);
		}
	for (u8 v = 0; v < 5; v++) {
		const u8 template[5] = { v, 0, 0, 0, 32 };

		assert_int_equal(with(SW_POLICY, MH_A_TEMPLATE, template, 5),
				 v && v < 4 ? 0 : -EBADMSG);
	}
	assert_int_equal(with_u8(SW_INSTANCE, MH_A_TOMBSTONE, 1), -EBADMSG);
	assert_int_equal(with_u8(SW_TOMBSTONE, MH_A_MODE, 1), -EBADMSG);
	assert_int_equal(with_u64(SW_GENESIS, MH_A_MIN_ANCHOR, 2), -EBADMSG);	/* above its own */
	load(&t, SW_FRESH);	/* an audit key is a serve DELEGATION's */
	put(&t, MH_A_AUDIT_KEY, t.room, 64);
	assert_int_equal(parse(&t), -EBADMSG);
	load(&t, SW_ENTITY);	/* r09: the kid of Kpf is a Kec-secret's */
	put(&t, MH_A_KPF_KID, t.room, 32);
	assert_int_equal(parse(&t), -EBADMSG);
	load(&t, SW_REVOKE);	/* one or the other */
	put(&t, MH_A_UNDER, t.room, 32);
	assert_int_equal(parse(&t), -EBADMSG);
	assert_int_equal(with_u8(SW_REVOKE, MH_A_TARGET_TYPE, 0), -EBADMSG);
	assert_int_equal(with_u8(SW_REVOKE, MH_A_TARGET_TYPE, __MH_STMT_TYPES), -EBADMSG);
	assert_int_equal(with_u8(SW_REVOKE, MH_A_TARGET_TYPE, MH_MEMBER), -EBADMSG);	/* no '/' */
	assert_int_equal(with_u8(SW_REVOKE, MH_A_TARGET_TYPE, MH_GROUP), 0);
}

static void r36_common_attributes(void **state)
{
	u8 v[4];

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {	/* a MEMBER's are no other's */
		v[0] = MH_STMT_VERSION;
		v[1] = (u8)type;
		assert_int_equal(with(SW_MEMBER, MH_A_TYPE, v, 2),
				 type == MH_MEMBER ? 0 : -EBADMSG);
	}
	v[0] = MH_STMT_VERSION + 1;
	v[1] = MH_MEMBER;
	assert_int_equal(with(SW_MEMBER, MH_A_TYPE, v, 2), -EPROTONOSUPPORT);
	for (unsigned int bit = 0; bit < 32; bit++) {
		mh_put32(v, 1u << bit);
		assert_int_equal(with(SW_MEMBER, MH_A_FEATURES, v, 4),
				 bit < 16 ? 0 : -EPROTONOSUPPORT);
	}
	assert_int_equal(with_u64(SW_MEMBER, MH_A_SERIAL, 0), -EBADMSG);
	assert_int_equal(with_u64(SW_MEMBER, MH_A_SERIAL, ~0ull), 0);
	assert_int_equal(with_u64(SW_MEMBER, MH_A_NOT_AFTER, SW_T0), 0);
	assert_int_equal(with_u64(SW_MEMBER, MH_A_NOT_AFTER, SW_T0 - 1), -EBADMSG);
}

/* The common ones are the first nine, by number too. */
static void r36_common_types(void **state)
{
	(void)state;
	for (unsigned int from = 0; from < 9; from++) {
		load(&t, SW_REVOKE);	/* whose own begin at 144 */
		for (unsigned int i = from; i < 9; i++)
			t.a[i].type++;
		assert_int_equal(parse(&t), -EBADMSG);
	}
	load(&t, SW_REVOKE);
	t.n = 9;	/* none of its own */
	assert_int_equal(parse(&t), -EBADMSG);
	t.n = 0;
	assert_int_equal(parse(&t), -EBADMSG);
}

static void r36_lives(void **state)
{
	(void)state;
	assert_int_equal(with_u64(SW_SERVE, MH_A_NOT_AFTER, SW_T0 + 90 * SW_DAY), 0);
	assert_int_equal(with_u64(SW_SERVE, MH_A_NOT_AFTER, SW_T0 + 90 * SW_DAY + 1), -EBADMSG);
	assert_int_equal(with_u64(SW_EPOCH, MH_A_NOT_AFTER, SW_T0 + 7 * SW_DAY), 0);
	assert_int_equal(with_u64(SW_EPOCH, MH_A_NOT_AFTER, SW_T0 + 7 * SW_DAY + 1), -EBADMSG);
	assert_int_equal(with_u64(SW_EPOCH, MH_A_ISSUED, SW_T0 + 1), -EBADMSG);
	assert_int_equal(with_u64(SW_EPOCH, MH_A_ISSUED, 0), -EBADMSG);
	load(&t, SW_EPOCH);	/* seven days, but far ahead */
	put_u64(&t, MH_A_NOT_BEFORE, SW_T0 + 365 * SW_DAY);
	put_u64(&t, MH_A_NOT_AFTER, SW_T0 + 366 * SW_DAY);
	assert_int_equal(parse(&t), -EBADMSG);
	assert_int_equal(with_u64(SW_SUSPEND, MH_A_UNTIL, SW_T0 + 72 * 3600), 0);
	assert_int_equal(with_u64(SW_SUSPEND, MH_A_UNTIL, SW_T0 + 72 * 3600 + 1), -EBADMSG);
	assert_int_equal(with_u64(SW_SUSPEND, MH_A_UNTIL, SW_T0), 0);
	assert_int_equal(with_u64(SW_SUSPEND, MH_A_UNTIL, SW_T0 - 1), -EBADMSG);
}

static void r36_subjects(void **state)
{
	static const struct {
		const char *subject;
		enum sw_id id;
		bool good;
	} tries[] = {
		{ "host.1_x-y", SW_ENTITY, true }, { "eu/host", SW_ENTITY, false },
		{ ".", SW_ENTITY, false }, { "..", SW_ENTITY, false }, { "Host", SW_ENTITY, false },
		{ "a b", SW_GENESIS, false }, { "a/b", SW_EPOCH, false },
		{ "a/b/c", SW_DATASET, true }, { "a//c", SW_DATASET, false },
		{ "/a", SW_DATASET, false }, { "a/", SW_DATASET, false },
		{ "a/..", SW_DATASET, false }, { "a/b", SW_POLICY, true },
		{ "a/b", SW_MEMBER, true }, { "a", SW_MEMBER, false },
		{ "a/b/c", SW_MEMBER, false }, { "/b", SW_MEMBER, false },
		{ "a/", SW_MEMBER, false },
		{ "a/b@1", SW_INSTANCE, true }, { "a@18446744073709551615", SW_INSTANCE, true },
		{ "a@184467440737095516150", SW_INSTANCE, false }, { "a", SW_INSTANCE, false },
		{ "a@", SW_INSTANCE, false }, { "@1", SW_INSTANCE, false },
		{ "a@01", SW_INSTANCE, false }, { "a@0", SW_INSTANCE, false },
		{ "a@1x", SW_INSTANCE, false }, { "a@1@2", SW_INSTANCE, false },
		{ "a@-1", SW_INSTANCE, false }, { "a/b", SW_REVOKE_UNDER, false },
	};
	u8 name[MH_SUBJECT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		assert_int_equal(with(tries[i].id, MH_A_SUBJECT, tries[i].subject,
				      strlen(tries[i].subject)), tries[i].good ? 0 : -EBADMSG);
	memset(name, 'a', sizeof(name));
	assert_int_equal(with(SW_ENTITY, MH_A_SUBJECT, name, 64), 0);
	assert_int_equal(with(SW_ENTITY, MH_A_SUBJECT, name, 65), -EBADMSG);
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '/';
	name[199] = 'a';
	assert_int_equal(with(SW_DATASET, MH_A_SUBJECT, name, 200), 0);
	assert_int_equal(with(SW_DATASET, MH_A_SUBJECT, name, 201), -EBADMSG);
	assert_int_equal(with(SW_DATASET, MH_A_SUBJECT, name, MH_SUBJECT_MAX + 1), -EBADMSG);
	assert_int_equal(with(SW_ENTITY, MH_A_SUBJECT, "a\0b", 3), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_vectors_and_their_pieces),
		cmocka_unit_test(r36_each_required_attribute),
		cmocka_unit_test(r36_order_and_doubles),
		cmocka_unit_test(r36_unknown_attributes),
		cmocka_unit_test(r36_lengths),
		cmocka_unit_test(r36_values),
		cmocka_unit_test(r36_common_attributes),
		cmocka_unit_test(r36_common_types),
		cmocka_unit_test(r36_lives),
		cmocka_unit_test(r36_subjects),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	free(parsed_bytes);
	return ret;
}

/* SPDX-License-Identifier: MIT */
/*
 * A Region's statements, one of each type and more, from fixed keys: for
 * tests, the fuzzer's seeds and the vectors.  Bodies are always the same;
 * signatures are drawn.
 */
#ifndef UNIT_STMT_WORLD_H
#define UNIT_STMT_WORLD_H

#include <stdlib.h>
#include "core/statement.h"

#define SW_T0	1800000000ull	/* when everything was issued */
#define SW_DAY	86400ull

enum sw_id {
	SW_GENESIS, SW_ANCHOR, SW_ANCHOR_RECOVERY,
	SW_SERVE, SW_ONWARD, SW_FRESH, SW_GENERATE, SW_CERTIFY, SW_ENROL, SW_SUSPENDER,
	SW_ENTITY, SW_ENTITY_SECRET, SW_ENTITY_ENROLLED, SW_GROUP, SW_MEMBER, SW_DATASET, SW_POLICY,
	SW_INSTANCE, SW_INSTANCE_GENERATED, SW_TOMBSTONE, SW_REVOKE, SW_REVOKE_UNDER, SW_SUSPEND,
	SW_EPOCH, SW_GROUP_EPOCH,
	SW_STATEMENTS
};

struct sw_keys {
	u8 n, m;
	u8 priv[MH_OFFICERS_MAX][32];
	u8 pub[MH_OFFICERS_MAX][MH_P256_PUB_LEN];	/* sorted: an index is a place here */
};

struct sw_one {
	const char *name;
	int signer;	/* whose leaf it names; -1: a genesis */
	u8 bytes[4096];
	size_t n;
	struct mh_stmt s;
};

struct sw {
	struct sw_keys rag, next, recovery, group, delegate[SW_SUSPENDER + 1];
	u8 region[32], policy[32], icx[32], x[32], ecx[32], gcx[32];
	struct sw_one st[SW_STATEMENTS];
};

static inline void sw_must(int ret)
{
	if (ret)
		abort();
}

static inline void sw_fill(u8 *p, size_t n, u8 first)
{
	while (n--)
		*p++ = first++;
}

static inline void sw_keys_make(struct sw_keys *k, u8 tag, u8 n, u8 m)
{
	k->n = n;
	k->m = m;
	for (u8 i = 0; i < n; i++) {
		u8 seed[2] = { tag, i }, priv[32], pub[64], at = i;
		const struct mh_buf v[] = { MH_BUF("test key", 8), MH_BUF(seed, 2) };

		mh_sha256v(priv, v, 2);
		sw_must(mh_p256_public(pub, priv));
		for (; at && memcmp(k->pub[at - 1], pub, 64) > 0; at--) {
			memcpy(k->pub[at], k->pub[at - 1], 64);
			memcpy(k->priv[at], k->priv[at - 1], 32);
		}
		memcpy(k->pub[at], pub, 64);
		memcpy(k->priv[at], priv, 32);
	}
}

/* One set: m of k's officers, those of index, or the last m. */
static inline void sw_write_set(struct mh_writer *w, const u8 root[32], u8 which,
				const struct sw_keys *k, const u8 *index, u8 m)
{
	u8 digest[32], sig[64];

	mh_stmt_digest(root, digest);
	mh_write_u8(w, which);
	mh_write_u8(w, m);
	for (u8 i = 0; i < m; i++) {
		u8 officer = index ? index[i] : (u8)(k->n - m + i);

		sw_must(mh_p256_sign(k->priv[officer % k->n], digest, sig));
		mh_write_u8(w, officer);
		mh_write_bytes(w, sig, 64);
	}
}

static inline void sw_parse(struct sw_one *o, const struct mh_writer *w)
{
	o->n = w->len;
	sw_must(w->err);
	sw_must(mh_stmt_parse(&o->s, o->bytes, o->n));
}

/* One body, alone, with one set of this kind and, if k2, a second one. */
static inline void sw_finish(struct sw_one *o, struct mh_buf body, u8 which,
			     const struct sw_keys *k, const struct sw_keys *k2)
{
	struct mh_writer w;
	u8 leaf[32];

	mh_stmt_leaf(body, leaf);
	mh_writer_init(&w, o->bytes, sizeof(o->bytes));
	mh_stmt_write_head(&w, body, 0, 1, NULL, 0);
	mh_write_u8(&w, k2 ? 2 : 1);
	sw_write_set(&w, leaf, which, k, NULL, k->m);
	if (k2)
		sw_write_set(&w, leaf, MH_SET_NEW, k2, NULL, k2->m);
	sw_parse(o, &w);
}

struct sw_body {
	u8 p[MH_STMT_BODY_MAX];
	struct mh_writer w;
};

static inline struct mh_buf sw_buf(const struct sw_body *b)
{
	sw_must(b->w.err);
	return MH_BUF(b->p, b->w.len);
}

static inline void sw_begin(struct sw *w, struct sw_body *b, enum sw_id id, int signer, u8 type,
			    const char *subject, u64 serial, u64 life)
{
	static const u8 zero[32];

	w->st[id].signer = signer;
	mh_writer_init(&b->w, b->p, sizeof(b->p));
	mh_stmt_begin(&b->w, type, signer < 0 ? zero : w->region,
		      signer < 0 ? zero : w->st[signer].s.leaf, MH_BUF(subject, strlen(subject)),
		      serial, SW_T0, SW_T0, SW_T0 + life);
}

/* The keys behind a statement that signs. */
static inline const struct sw_keys *sw_keys_of(const struct sw *w, int signer)
{
	return signer == SW_GENESIS ? &w->rag : signer == SW_GROUP ? &w->group :
	       &w->delegate[signer];
}

static inline void sw_end(struct sw *w, const struct sw_body *b, enum sw_id id)
{
	sw_finish(&w->st[id], sw_buf(b), MH_SET_SIGNER, sw_keys_of(w, w->st[id].signer), NULL);
}

/* ---- ANCHORs and DELEGATIONs ---- */

static inline void sw_anchor_attrs(struct mh_writer *w, const struct sw_keys *k,
				   const u8 before[32], u64 min_anchor,
				   const struct sw_keys *recovery)
{
	static const u8 caps[] = { MH_ENTITY, 0x02, 0, 0, 0, MH_POLICY, 0x02, 0, 0, 0 };

	mh_write_attr(w, MH_A_KEYS, k->pub, (size_t)k->n * 64);
	mh_write_attr_u8(w, MH_A_THRESHOLD, k->m);
	mh_write_attr(w, MH_A_BEFORE, before, 32);
	mh_write_attr_u64(w, MH_A_MIN_ANCHOR, min_anchor);
	if (!recovery)
		return;
	mh_write_attr(w, MH_A_CAPS, caps, sizeof(caps));
	mh_write_attr(w, MH_A_RECOVERY_KEYS, recovery->pub, (size_t)recovery->n * 64);
	mh_write_attr_u8(w, MH_A_RECOVERY_THRESHOLD, recovery->m);
}

static inline void sw_anchors(struct sw *w)
{
	static const u8 zero[32];
	struct sw_body b;

	sw_begin(w, &b, SW_GENESIS, -1, MH_ANCHOR, "eu", 1, 3650 * SW_DAY);
	sw_anchor_attrs(&b.w, &w->rag, zero, 1, &w->recovery);
	sw_finish(&w->st[SW_GENESIS], sw_buf(&b), MH_SET_NEW, &w->rag, NULL);
	mh_region_id(sw_buf(&b), w->region);
	for (int id = SW_ANCHOR; id <= SW_ANCHOR_RECOVERY; id++) {
		bool recovers = id == SW_ANCHOR_RECOVERY;

		sw_begin(w, &b, (enum sw_id)id, SW_GENESIS, MH_ANCHOR, "eu", 2, 3650 * SW_DAY);
		sw_anchor_attrs(&b.w, &w->next, w->st[SW_GENESIS].s.leaf, recovers ? 2 : 1,
				recovers ? NULL : &w->recovery);
		sw_finish(&w->st[id], sw_buf(&b), recovers ? MH_SET_RECOVERY : MH_SET_SIGNER,
			  recovers ? &w->recovery : &w->rag, &w->next);
	}
}

static inline void sw_delegation(struct sw *w, enum sw_id id, int signer, u8 role,
				 const char *subject, u64 life)
{
	static const u8 groups[] = "\0\3ops\0\5staff", prefixes[] = "\0\3eu/\0\7us/disk";
	static const u8 template[5] = { MH_ALG_AES256, 0, 0, 0, 32 };
	struct sw_body b;

	sw_begin(w, &b, id, signer, MH_DELEGATION, subject, 3, life);
	mh_write_attr(&b.w, MH_A_KEY, w->delegate[id].pub, 64);
	if (role == MH_ROLE_SERVE) {
		mh_write_attr(&b.w, MH_A_AUDIT_KEY, w->delegate[SW_CERTIFY].pub, 64);
		mh_write_attr_u8(&b.w, MH_A_ROLE, role);
		mh_write_attr(&b.w, MH_A_SCOPE_GROUPS, groups, sizeof(groups) - 1);
		mh_write_attr(&b.w, MH_A_SCOPE_DATASETS, prefixes, sizeof(prefixes) - 1);
	} else {
		mh_write_attr_u8(&b.w, MH_A_ROLE, role);
	}
	if (role == MH_ROLE_GENERATE) {
		mh_write_attr(&b.w, MH_A_SCOPE_DATASETS, prefixes, sizeof(prefixes) - 1);
		mh_write_attr(&b.w, MH_A_SCOPE_TEMPLATE, template, 5);
	}
	if (role == MH_ROLE_ENROL || role == MH_ROLE_SUSPEND)
		mh_write_attr(&b.w, MH_A_SCOPE_NAMES, "h?st-*", 6);
	if (role == MH_ROLE_ENROL)
		mh_write_attr_u32(&b.w, MH_A_SCOPE_NUMBER, 500);
	sw_end(w, &b, id);
}

static inline void sw_delegations(struct sw *w)
{
	sw_delegation(w, SW_SERVE, SW_GENESIS, MH_ROLE_SERVE, "repo1", 90 * SW_DAY);
	sw_delegation(w, SW_ONWARD, SW_SERVE, MH_ROLE_SERVE, "repo1", SW_DAY);
	sw_delegation(w, SW_FRESH, SW_GENESIS, MH_ROLE_FRESHNESS, "fresh1", 30 * SW_DAY);
	sw_delegation(w, SW_GENERATE, SW_GENESIS, MH_ROLE_GENERATE, "gen1", 30 * SW_DAY);
	sw_delegation(w, SW_CERTIFY, SW_GENESIS, MH_ROLE_CERTIFY, "cert1", 30 * SW_DAY);
	sw_delegation(w, SW_ENROL, SW_GENESIS, MH_ROLE_ENROL, "enrol1", 30 * SW_DAY);
	sw_delegation(w, SW_SUSPENDER, SW_GENESIS, MH_ROLE_SUSPEND, "watch1", 30 * SW_DAY);
}

/* ---- Entities, groups, DataSets, in one batch of five ---- */

static inline void sw_entity_attrs(struct mh_writer *w, const struct sw_keys *k, bool secret)
{
	u8 kid[32];

	sw_fill(kid, 32, 0x30);
	mh_write_attr_u8(w, MH_A_KEI_KIND, secret ? MH_KIND_SECRET : MH_KIND_PAIR);
	mh_write_attr(w, MH_A_KEI, secret ? kid : k->pub[0], secret ? 32 : 64);
	mh_write_attr(w, MH_A_KES, k->pub[1], 64);
	mh_write_attr_u8(w, MH_A_KEC_KIND, secret ? MH_KIND_SECRET : MH_KIND_PAIR);
	mh_write_attr(w, MH_A_KEC_KID, kid, 32);
	if (secret)
		mh_write_attr(w, MH_A_KPF_KID, kid, 32);
	else
		mh_write_attr(w, MH_A_EVIDENCE, "kernel file", 11);
}

static inline void sw_batch_bodies(struct sw *w, struct sw_body b[5])
{
	static const u8 rights[] = "\0\1\0\6eu/art\0\x31\0\3eu/";

	sw_begin(w, &b[0], SW_ENTITY, SW_GENESIS, MH_ENTITY, "host-1", 1, 365 * SW_DAY);
	sw_entity_attrs(&b[0].w, &w->next, false);
	sw_begin(w, &b[1], SW_ENTITY_SECRET, SW_GENESIS, MH_ENTITY, "host-2", 1, 365 * SW_DAY);
	sw_entity_attrs(&b[1].w, &w->next, true);
	sw_begin(w, &b[2], SW_GROUP, SW_GENESIS, MH_GROUP, "staff", 4, 365 * SW_DAY);
	mh_write_attr(&b[2].w, MH_A_KEYS, w->group.pub, (size_t)w->group.n * 64);
	mh_write_attr_u8(&b[2].w, MH_A_THRESHOLD, w->group.m);
	mh_write_attr_u64(&b[2].w, MH_A_MIN_ANCHOR, 2);
	mh_write_attr(&b[2].w, MH_A_RIGHTS, rights, sizeof(rights) - 1);
	sw_begin(w, &b[3], SW_MEMBER, SW_GENESIS, MH_MEMBER, "staff/host-1", 1, 365 * SW_DAY);
	mh_write_attr_u8(&b[3].w, MH_A_MEMBER_KIND, 1);
	sw_begin(w, &b[4], SW_POLICY, SW_GENESIS, MH_POLICY, "eu/base", 2, 365 * SW_DAY);
	mh_write_attr_u8(&b[4].w, MH_A_SELECT, 1);
	for (unsigned int t = MH_A_LEASE; t <= MH_A_EXPORT; t++)
		mh_write_attr_u32(&b[4].w, (u16)t,
				  t == MH_A_LEASE ? 3600 : t == MH_A_RENEW ? 600 : 3);
	mh_write_attr_u8(&b[4].w, MH_A_ON_STALE, 1);
	mh_write_attr(&b[4].w, MH_A_TEMPLATE, "\1\0\0\0\x20", 5);
	mh_write_attr_u32(&b[4].w, MH_A_RATE, 60);
}

static inline void sw_batch(struct sw *w)
{
	static const enum sw_id ids[5] = { SW_ENTITY, SW_ENTITY_SECRET, SW_GROUP, SW_MEMBER,
					   SW_POLICY };
	static struct sw_body b[5];
	u8 leaf[5][32], path[MH_STMT_PATH_MAX][32], root[32];

	sw_batch_bodies(w, b);
	for (u32 i = 0; i < 5; i++)
		mh_stmt_leaf(sw_buf(&b[i]), leaf[i]);
	memcpy(w->policy, leaf[4], 32);
	sw_must(mh_merkle_root(leaf, 5, root));
	for (u32 i = 0; i < 5; i++) {
		struct sw_one *o = &w->st[ids[i]];
		int n = mh_merkle_path(leaf, 5, i, path);
		struct mh_writer out;

		sw_must(n < 1);
		mh_writer_init(&out, o->bytes, sizeof(o->bytes));
		mh_stmt_write_head(&out, sw_buf(&b[i]), i, 5, path, (u8)n);
		mh_write_u8(&out, 1);
		sw_write_set(&out, root, MH_SET_SIGNER, &w->rag, NULL, w->rag.m);
		sw_parse(o, &out);
	}
}

static inline void sw_instance(struct sw *w, enum sw_id id, int signer, const char *subject,
			       u64 version, bool tombstone)
{
	u8 random[32], kid[32], sha[32];
	struct sw_body b;

	sw_fill(random, 32, 0x50);
	sw_fill(kid, 32, 0x70);
	sw_fill(sha, 32, 0x90);
	sw_begin(w, &b, id, signer, MH_INSTANCE, subject, version, 180 * SW_DAY);
	if (!tombstone) {
		mh_write_attr_u8(&b.w, MH_A_MODE, MH_MODE_GROUP);
		mh_write_attr_u8(&b.w, MH_A_KIND, MH_DATA_KEY);
		mh_write_attr(&b.w, MH_A_POLICIES, w->policy, 32);
		mh_write_attr(&b.w, MH_A_TEMPLATE, "\1\0\0\0\x20", 5);
		mh_write_attr_u64(&b.w, MH_A_INSTANCE_VERSION, version);
		mh_write_attr_u8(&b.w, MH_A_STREAM_ALG, 1);
		mh_write_attr(&b.w, MH_A_RANDOM, random, 32);
		mh_write_attr(&b.w, MH_A_KE_KID, kid, 32);
		mh_write_attr_u64(&b.w, MH_A_LENGTH, 48);
		mh_write_attr(&b.w, MH_A_SHA256, sha, 32);
		mh_write_attr_u8(&b.w, MH_A_DELIVERY, 1);
	} else {
		mh_write_attr_u64(&b.w, MH_A_INSTANCE_VERSION, version);
		mh_write_attr_u8(&b.w, MH_A_TOMBSTONE, 1);
	}
	sw_end(w, &b, id);
}

static inline void sw_epochs(struct sw *w, struct sw_body *b)
{
	static const u8 zero[32];
	u8 floors[3 * 41] = { 0 }, running[32], kid[32];

	sw_fill(running, 32, 0xb0);
	sw_fill(kid, 32, 0xd0);
	for (u8 i = 0; i < 3; i++) {
		const struct mh_buf name = { .p = (const u8 *)"host-1", .n = 6 };

		floors[i * 41] = (u8)(MH_ENTITY + i);
		mh_sha256v(floors + i * 41 + 1, &name, 1);
		floors[i * 41 + 40] = (u8)(7 + i);
	}
	sw_begin(w, b, SW_EPOCH, SW_FRESH, MH_EPOCH, "fresh1", 12, SW_DAY);
	mh_write_attr_u64(&b->w, MH_A_EPOCH_NUMBER, 12);
	mh_write_attr_u64(&b->w, MH_A_REVOKES, 2);
	mh_write_attr(&b->w, MH_A_RUNNING, running, 32);
	mh_write_attr_u64(&b->w, MH_A_RESTART, 0);
	mh_write_attr(&b->w, MH_A_FLOORS, floors, sizeof(floors));
	sw_end(w, b, SW_EPOCH);
	sw_begin(w, b, SW_GROUP_EPOCH, SW_GROUP, MH_GROUP_EPOCH, "staff", 1, 365 * SW_DAY);
	mh_write_attr(&b->w, MH_A_BEFORE, zero, 32);
	mh_write_attr_u64(&b->w, MH_A_GROUP_EPOCH, 7);
	mh_write_attr(&b->w, MH_A_KGC_KID, kid, 32);
	mh_write_attr(&b->w, MH_A_KGC_PUBLIC, NULL, 0);
	sw_end(w, b, SW_GROUP_EPOCH);
}

static inline void sw_rest(struct sw *w)
{
	struct sw_body b;

	sw_begin(w, &b, SW_ENTITY_ENROLLED, SW_ENROL, MH_ENTITY, "host-9", 1, 365 * SW_DAY);
	sw_entity_attrs(&b.w, &w->next, false);
	sw_end(w, &b, SW_ENTITY_ENROLLED);
	sw_begin(w, &b, SW_DATASET, SW_GENESIS, MH_DATASET, "eu/disk", 1, 365 * SW_DAY);
	mh_write_attr_u8(&b.w, MH_A_MODE, MH_MODE_GROUP);
	mh_write_attr_u8(&b.w, MH_A_KIND, MH_DATA_KEY);
	mh_write_attr(&b.w, MH_A_OWNER, "staff", 5);
	mh_write_attr(&b.w, MH_A_POLICIES, w->policy, 32);
	sw_end(w, &b, SW_DATASET);
	sw_begin(w, &b, SW_REVOKE, SW_GENESIS, MH_REVOKE, "host-2", 1, 365 * SW_DAY);
	mh_write_attr_u8(&b.w, MH_A_TARGET_TYPE, MH_ENTITY);
	mh_write_attr_u64(&b.w, MH_A_UP_TO, 1);
	sw_end(w, &b, SW_REVOKE);
	sw_begin(w, &b, SW_REVOKE_UNDER, SW_GENESIS, MH_REVOKE, "enrol1", 1, 365 * SW_DAY);
	mh_write_attr(&b.w, MH_A_UNDER, w->st[SW_ENROL].s.leaf, 32);
	sw_end(w, &b, SW_REVOKE_UNDER);
	sw_begin(w, &b, SW_SUSPEND, SW_SUSPENDER, MH_SUSPEND, "host-1", 1, 3 * SW_DAY);
	mh_write_attr_u64(&b.w, MH_A_UNTIL, SW_T0 + MH_SUSPEND_MAX);
	sw_end(w, &b, SW_SUSPEND);
	sw_epochs(w, &b);
}

/* tag: which officers the RAG has */
static inline void sw_make_as(struct sw *w, u8 tag)
{
	static const char *const names[SW_STATEMENTS] = {
		"genesis", "anchor", "anchor_recovery", "serve", "onward", "fresh", "generate",
		"certify", "enrol", "suspender", "entity", "entity_secret", "entity_enrolled",
		"group", "member", "dataset", "policy", "instance", "instance_generated",
		"tombstone", "revoke", "revoke_under", "suspend", "epoch", "group_epoch",
	};
	u8 random[32];

	memset(w, 0, sizeof(*w));
	for (int i = 0; i < SW_STATEMENTS; i++)
		w->st[i].name = names[i];
	sw_keys_make(&w->rag, tag, 5, 3);
	sw_keys_make(&w->next, 'n', 3, 2);
	sw_keys_make(&w->recovery, 'r', 2, 2);
	sw_keys_make(&w->group, 'g', 3, 2);
	for (unsigned int i = SW_SERVE; i <= SW_SUSPENDER; i++)
		sw_keys_make(&w->delegate[i], (u8)i, 1, 1);
	sw_anchors(w);
	sw_delegations(w);
	sw_batch(w);
	sw_instance(w, SW_INSTANCE, SW_GROUP, "eu/disk@7", 7, false);
	sw_instance(w, SW_INSTANCE_GENERATED, SW_GENERATE, "us/disk@1", 1, false);
	sw_instance(w, SW_TOMBSTONE, SW_GROUP, "eu/disk@6", 6, true);
	sw_rest(w);
	sw_fill(random, 32, 0x50);
	mh_ctx_entity(w->region, MH_BUF("host-1", 6), w->ecx);
	mh_ctx_epoch(w->region, MH_BUF("staff", 5), 7, w->gcx);
	mh_ctx_instance(w->region, MH_BUF("eu/disk", 7), 7, MH_MODE_GROUP, MH_DATA_KEY, 1, random,
			w->icx);
	mh_ctx_sp2(w->region, MH_BUF("repo1", 5), w->x);
}

static inline void sw_make(struct sw *w)
{
	sw_make_as(w, 'o');
}

#endif

// SPDX-License-Identifier: MIT
/*
 * The Guardian.  What does not exist and what this Entity has no right to give
 * the same answer, by the same way through the code.
 */
#include "guardian.h"
#include "core/manifest.h"

#define DEPTH_MAX 8	/* groups in groups */

void mh_decision_free(struct mh_decision *g)
{
	mh_bytes_free(&g->entity);
	mh_bytes_free(&g->dataset);
	mh_bytes_free(&g->instance);
}

int mh_guardian_live(struct mh_daemon *d, const u8 region[32], const struct mh_stmt *s, u64 now)
{
	struct mh_standing st;
	int ret = mh_standing(d, region, s, &st);

	if (ret)
		return ret;
	if (st.revoked)
		return -EKEYREVOKED;
	ret = mh_stmt_valid_at(s, now);
	return ret ? ret : st.above;
}

bool mh_guardian_void(int err)
{
	return err == -EKEYEXPIRED || err == -ESTALE || err == -EKEYREVOKED ||
	       err == -EKEYREJECTED;
}

/* Newest of a subject, if it holds: 0, -ENOENT (not there, or does not hold), or the store's errno.
 */
static int newest_live(struct mh_daemon *d, const u8 *region, u8 type, struct mh_buf subject,
		       u64 now, struct mh_bytes *b, struct mh_stmt *s)
{
	int ret = mh_store_newest(d->store, region, type, subject, b);

	if (ret)
		return ret;
	ret = mh_stmt_parse(s, b->p, b->n) ? -EUCLEAN : mh_guardian_live(d, region, s, now);
	if (ret) {
		mh_bytes_free(b);
		if (mh_guardian_void(ret))
			ret = -ENOENT;
	}
	return ret;
}

/* ---- Entities ---- */

int mh_guardian_suspended(struct mh_daemon *d, const u8 region[32], struct mh_buf name, u64 now)
{
	struct mh_bytes b;
	struct mh_stmt s;
	int ret = newest_live(d, region, MH_SUSPEND, name, now, &b, &s), is;

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	is = mh_stmt_num(&s, MH_A_UNTIL) >= now;
	mh_bytes_free(&b);
	return is;
}

int mh_guardian_entity(struct mh_daemon *d, const u8 region[32], struct mh_buf name, u64 now,
		       struct mh_bytes *out)
{
	struct mh_stmt s;
	int ret = mh_store_newest(d->store, region, MH_ENTITY, name, out);

	if (ret)
		return ret == -ENOENT ? MH_REFUSED_UNKNOWN : ret;
	if (mh_stmt_parse(&s, out->p, out->n))
		return -EUCLEAN;
	ret = mh_guardian_live(d, region, &s, now);
	switch (ret) {
	case 0:
		ret = mh_guardian_suspended(d, region, name, now);
		return ret > 0 ? MH_REFUSED_SUSPENDED : ret;
	case -EKEYREVOKED:
	case -EKEYREJECTED:
		return MH_REFUSED_REVOKED;
	case -EKEYEXPIRED:
	case -ESTALE:
		return MH_REFUSED_OUT_OF_DATE;
	default:
		return ret;
	}
}

void mh_guardian_keys(const struct mh_stmt *entity, u8 out[MH_HASH_LEN])
{
	const u8 kei = (u8)mh_stmt_num(entity, MH_A_KEI_KIND),
		 kec = (u8)mh_stmt_num(entity, MH_A_KEC_KIND);
	const struct mh_buf v[] = { MH_BUF(&kei, 1), mh_stmt_attr(entity, MH_A_KEI),
				    MH_BUF(&kec, 1), mh_stmt_attr(entity, MH_A_KEC_KID) };

	mh_sha256v(out, v, ARRAY_SIZE(v));
}

/* ---- rights ---- */

struct ranking {
	struct mh_daemon *d;
	const u8 *region;
	struct mh_buf dataset;
	u64 now;
	unsigned int depth;
	u8 kind;	/* of the member that is looked up: 1 Entity, 2 group */
	u16 rights;
};

static int rights_of_membership(void *ctx, struct mh_buf b)
{
	struct ranking *k = ctx, up;
	struct mh_stmt member, group;
	struct mh_bytes bytes;
	struct mh_buf name;
	const u8 *cut;
	int ret;

	if (mh_stmt_parse(&member, b.p, b.n))
		return -EUCLEAN;
	cut = memchr(member.subject.p, '/', member.subject.n);
	if (!cut || mh_stmt_num(&member, MH_A_MEMBER_KIND) != k->kind)
		return 0;
	ret = mh_guardian_live(k->d, k->region, &member, k->now);
	if (ret)
		return mh_guardian_void(ret) ? 0 : ret;
	name = MH_BUF(member.subject.p, (size_t)(cut - member.subject.p));
	ret = newest_live(k->d, k->region, MH_GROUP, name, k->now, &bytes, &group);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	k->rights |= mh_group_rights(&group, k->dataset);
	if (k->depth < DEPTH_MAX) {
		up = *k;
		up.depth++;
		up.kind = 2;
		ret = mh_store_memberships(k->d->store, k->region, name, rights_of_membership, &up);
		k->rights |= up.rights;
	}
	mh_bytes_free(&bytes);
	return ret;
}

int mh_guardian_rights(struct mh_daemon *d, const u8 region[32], struct mh_buf entity,
		       struct mh_buf dataset, u64 now)
{
	struct ranking k = { .d = d, .region = region, .dataset = dataset, .now = now, .kind = 1 };
	int ret = mh_store_memberships(d->store, region, entity, rights_of_membership, &k);

	return ret ? ret : k.rights;
}

/* ---- which Instance ---- */

struct selecting {
	struct mh_daemon *d;
	const u8 *region;
	u64 now, version;	/* 0: newest */
	struct mh_bytes *out;
	bool seen;		/* one that does not hold (ended, revoked, tombstone) */
};

static int select_instance(void *ctx, struct mh_buf b)
{
	struct selecting *c = ctx;
	struct mh_stmt s;
	int ret;

	if (mh_stmt_parse(&s, b.p, b.n))
		return -EUCLEAN;
	if (c->version && mh_stmt_num(&s, MH_A_INSTANCE_VERSION) != c->version)
		return 0;
	c->seen = true;
	if (mh_stmt_num(&s, MH_A_TOMBSTONE))
		return 0;
	ret = mh_guardian_live(c->d, c->region, &s, c->now);
	if (ret)
		return mh_guardian_void(ret) ? 0 : ret;
	return mh_bytes_copy(c->out, b.p, b.n) ? -ENOMEM : 1;
}

/* Each POLICY that a DATASET or INSTANCE names holds: 0, enum mh_refusal, or the store's errno */
static int policies_hold(struct mh_daemon *d, const u8 *region, struct mh_buf statement, u64 now)
{
	struct mh_stmt s, policy;
	struct mh_bytes b;
	struct mh_buf list;
	int ret = mh_stmt_parse(&s, statement.p, statement.n) ? -EUCLEAN : 0;

	if (ret)
		return ret;
	list = mh_stmt_attr(&s, MH_A_POLICIES);
	for (size_t i = 0; i + 32 <= list.n && !ret; i += 32) {
		ret = mh_store_by_leaf(d->store, region, list.p + i, &b);
		if (ret)
			return ret == -ENOENT ? -EUCLEAN : ret;
		ret = mh_stmt_parse(&policy, b.p, b.n) ? -EUCLEAN :
			mh_guardian_live(d, region, &policy, now);
		mh_bytes_free(&b);
	}
	switch (ret) {
	case -EKEYREVOKED:
	case -EKEYREJECTED:
		return MH_REFUSED_POLICY;
	case -EKEYEXPIRED:
	case -ESTALE:
		return MH_REFUSED_OUT_OF_DATE;
	default:
		return ret;
	}
}

/* Standing of who asks, by the keys that it asks with. */
static int asker(struct mh_daemon *d, const u8 *region, struct mh_buf entity, const u8 *keys,
		 u64 now, struct mh_bytes *out)
{
	u8 newest[MH_HASH_LEN];
	struct mh_stmt s;
	int ret = mh_guardian_entity(d, region, entity, now, out);

	if (ret)
		return ret;
	if (mh_stmt_parse(&s, out->p, out->n))
		return -EUCLEAN;
	mh_guardian_keys(&s, newest);
	return memcmp(newest, keys, sizeof(newest)) ? MH_REFUSED_REVOKED : 0;
}

int mh_guardian_decide(struct mh_daemon *d, const u8 region[32], struct mh_buf entity,
		       const u8 keys[MH_HASH_LEN], struct mh_buf dataset, u64 version, u64 now,
		       struct mh_decision *g)
{
	struct selecting c = {
		.d = d, .region = region, .now = now, .version = version, .out = &g->instance
	};
	struct mh_stmt s;
	int ret, rights;

	*g = (struct mh_decision){ 0 };
	ret = asker(d, region, entity, keys, now, &g->entity);
	if (ret)
		goto out;
	rights = mh_guardian_rights(d, region, entity, dataset, now);
	ret = newest_live(d, region, MH_DATASET, dataset, now, &g->dataset, &s);
	if (rights < 0 || (ret && ret != -ENOENT))
		return rights < 0 ? rights : ret;
	if (ret || !(rights & MH_RIGHT_FETCH)) {
		ret = MH_REFUSED_UNKNOWN;
		goto out;
	}
	ret = mh_store_instances(d->store, region, dataset, select_instance, &c);
	if (!ret)
		ret = c.seen ? MH_REFUSED_OUT_OF_DATE : MH_REFUSED_UNKNOWN;
	else if (ret > 0)
		ret = policies_hold(d, region, mh_bytes_buf(&g->dataset), now);
	if (!ret)
		ret = policies_hold(d, region, mh_bytes_buf(&g->instance), now);
out:
	g->code = ret > 0 ? (u8)ret : 0;
	return ret < 0 ? ret : 0;
}

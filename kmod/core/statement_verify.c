// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Statements: who may sign what, and whether they did (PROTOCOL 6). */
#include "statement.h"

void mh_quorum_of(struct mh_quorum *q, const struct mh_stmt *s)
{
	struct mh_buf keys = mh_stmt_attr(s, s->type == MH_DELEGATION ? MH_A_KEY : MH_A_KEYS);

	q->keys = keys.p;
	q->n = (u8)(keys.n / MH_P256_PUB_LEN);
	q->m = s->type == MH_DELEGATION ? 1 : (u8)mh_stmt_num(s, MH_A_THRESHOLD);
}

void mh_quorum_recovery(struct mh_quorum *q, const struct mh_stmt *anchor)
{
	struct mh_buf keys = mh_stmt_attr(anchor, MH_A_RECOVERY_KEYS);

	q->keys = keys.p;
	q->n = (u8)(keys.n / MH_P256_PUB_LEN);
	q->m = (u8)mh_stmt_num(anchor, MH_A_RECOVERY_THRESHOLD);
}

static const struct mh_sigset *find_set(const struct mh_stmt *s, u8 which)
{
	u8 i;

	for (i = 0; i < s->sets; i++)
		if (s->set[i].which == which)
			return &s->set[i];
	return NULL;
}

int mh_stmt_verify_set(const struct mh_stmt *s, u8 which, const struct mh_quorum *q)
{
	const struct mh_sigset *set = find_set(s, which);
	u8 digest[MH_HASH_LEN], i;
	int ret;

	if (!set)
		return -ENOKEY;
	if (!q->m || set->m != q->m)	/* exactly the threshold */
		return -EBADMSG;
	for (i = 0; i < set->m; i++)
		if (set->sigs.p[i * (1 + MH_SIG_LEN)] >= q->n)
			return -EBADMSG;
	mh_stmt_digest(s->root, digest);
	for (i = 0; i < set->m; i++) {
		const u8 *sig = set->sigs.p + i * (1 + MH_SIG_LEN);

		ret = mh_p256_verify(q->keys + (size_t)sig[0] * MH_P256_PUB_LEN, digest, sig + 1);
		if (ret)
			return ret == -ENOMEM ? ret : -EBADMSG;
	}
	return 0;
}

/* ---- ANCHOR ---- */

static bool same_attr(const struct mh_stmt *a, const struct mh_stmt *b, u16 type)
{
	return mh_stmt_has(a, type) == mh_stmt_has(b, type) &&
	       mh_buf_equal(mh_stmt_attr(a, type), mh_stmt_attr(b, type));
}

/* The Region's own bound on how long what an ANCHOR signs may be valid. */
static bool within_cap(const struct mh_stmt *s, const struct mh_stmt *anchor)
{
	struct mh_buf caps = mh_stmt_attr(anchor, MH_A_CAPS);
	size_t i;

	for (i = 0; i + 5 <= caps.n; i += 5)
		if (caps.p[i] == s->type)
			return s->not_after - s->not_before <= mh_get32(caps.p + i + 1);
	return true;
}

int mh_anchor_genesis(const struct mh_stmt *a, u8 region[MH_HASH_LEN])
{
	struct mh_quorum q;
	int ret;

	if (a->type != MH_ANCHOR || a->serial != 1 || a->sets != 1 || !mh_all_zero(a->region, 32) ||
	    !mh_all_zero(a->signer, 32) || !mh_all_zero(mh_stmt_attr(a, MH_A_BEFORE).p, 32))
		return -EBADMSG;
	mh_quorum_of(&q, a);
	ret = mh_stmt_verify_set(a, MH_SET_NEW, &q);
	if (!ret)
		mh_region_id(a->body, region);
	return ret == -ENOKEY ? -EBADMSG : ret;
}

/*
 * Officers do not touch the recovery set, but to have one at last: who stole their keys could
 * name his own, and no recovery would reach whoever took that.
 */
static bool keeps_recovery(const struct mh_stmt *cur, const struct mh_stmt *next)
{
	return !mh_stmt_has(cur, MH_A_RECOVERY_KEYS) ||
	       (same_attr(cur, next, MH_A_RECOVERY_KEYS) &&
		same_attr(cur, next, MH_A_RECOVERY_THRESHOLD));
}

static bool next_in_line(const struct mh_stmt *cur, const struct mh_stmt *next)
{
	return next->serial == cur->serial + 1 && !memcmp(next->signer, cur->leaf, 32) &&
		!memcmp(mh_stmt_attr(next, MH_A_BEFORE).p, cur->leaf, 32) &&
		mh_stmt_num(next, MH_A_MIN_ANCHOR) >= mh_stmt_num(cur, MH_A_MIN_ANCHOR);
}

/* By the recovery set, from whatever line of ANCHORs: all of them are void with it. */
static bool beyond_all(const struct mh_stmt *next)
{
	const u8 *before = mh_stmt_attr(next, MH_A_BEFORE).p;

	return !memcmp(next->signer, before, 32) && !mh_all_zero(before, 32) &&
		mh_stmt_num(next, MH_A_MIN_ANCHOR) == next->serial;
}

int mh_anchor_follows(const struct mh_stmt *cur, const u8 region[MH_HASH_LEN],
		      const struct mh_stmt *next, enum mh_which which)
{
	bool ok;

	if (next->type != MH_ANCHOR)
		return -EBADMSG;
	if (next->serial <= cur->serial)
		return -ESTALE;
	if (which == MH_SET_RECOVERY)
		ok = mh_stmt_has(cur, MH_A_RECOVERY_KEYS) &&
		     (next_in_line(cur, next) || beyond_all(next));
	else
		ok = next_in_line(cur, next) && keeps_recovery(cur, next) && within_cap(next, cur);
	return ok && !memcmp(next->region, region, 32) &&
	       mh_buf_equal(next->subject, cur->subject) ? 0 : -EBADMSG;
}

int mh_anchor_next(const struct mh_stmt *cur, const u8 region[MH_HASH_LEN],
		   const struct mh_stmt *next)
{
	const enum mh_which which = find_set(next, MH_SET_RECOVERY) ? MH_SET_RECOVERY :
								      MH_SET_SIGNER;
	struct mh_quorum q;
	int ret = mh_anchor_follows(cur, region, next, which);

	if (ret)
		return ret;
	if (next->sets != 2)
		return -EBADMSG;
	if (which == MH_SET_RECOVERY)
		mh_quorum_recovery(&q, cur);
	else
		mh_quorum_of(&q, cur);
	ret = mh_stmt_verify_set(next, which, &q);
	if (!ret) {
		mh_quorum_of(&q, next);
		ret = mh_stmt_verify_set(next, MH_SET_NEW, &q);
	}
	return ret == -ENOKEY ? -EBADMSG : ret;
}

/* ---- who signs what ---- */

#define BY_RAG		0x100
#define BY_GROUP	0x200
#define BY_ROLE(r)	(1u << (r))

static const u16 may_sign[__MH_STMT_TYPES] = {
	[MH_DELEGATION] = BY_RAG | BY_ROLE(MH_ROLE_SERVE),
	[MH_ENTITY] = BY_RAG | BY_GROUP | BY_ROLE(MH_ROLE_ENROL),
	[MH_GROUP] = BY_RAG | BY_GROUP,
	[MH_MEMBER] = BY_RAG | BY_GROUP | BY_ROLE(MH_ROLE_ENROL),
	[MH_DATASET] = BY_RAG | BY_GROUP,
	[MH_POLICY] = BY_RAG | BY_GROUP,
	[MH_INSTANCE] = BY_RAG | BY_GROUP | BY_ROLE(MH_ROLE_GENERATE),
	[MH_REVOKE] = BY_RAG,
	[MH_SUSPEND] = BY_ROLE(MH_ROLE_SUSPEND),
	[MH_EPOCH] = BY_ROLE(MH_ROLE_FRESHNESS),
	[MH_GROUP_EPOCH] = BY_GROUP,	/* a RAG that could would read what the group reads */
};

static u16 signer_bit(const struct mh_stmt *signer)
{
	switch (signer->type) {
	case MH_ANCHOR:
		return BY_RAG;
	case MH_GROUP:
		return BY_GROUP;
	case MH_DELEGATION:
		return (u16)BY_ROLE(mh_stmt_num(signer, MH_A_ROLE));
	}
	return 0;
}

/* The part of a subject that names its DataSet: all before '@'. */
static struct mh_buf dataset_of(const struct mh_stmt *s)
{
	size_t n = s->subject.n;

	if (s->type == MH_INSTANCE)
		while (n && s->subject.p[--n] != '@')
			;
	return MH_BUF(s->subject.p, n);
}

static bool covers(struct mh_buf scope, struct mh_buf name)
{
	if (scope.n && scope.p[scope.n - 1] == '/')
		return name.n > scope.n && !memcmp(name.p, scope.p, scope.n);
	return mh_buf_equal(scope, name);
}

static bool in_list(struct mh_buf list, struct mh_buf name,
		    bool (*fits)(struct mh_buf, struct mh_buf))
{
	struct mh_reader r;

	mh_reader_init(&r, list.p, list.n);
	while (r.left && !r.err)
		if (fits(mh_read_v(&r, MH_DATASET_MAX), name))
			return true;
	return false;
}

/* '*' any run, '?' any one; bounded by the pattern's 64 characters */
static bool pattern_fits(struct mh_buf p, struct mh_buf name)
{
	size_t i = 0, j = 0, star = p.n, mark = 0;

	while (j < name.n) {
		if (i < p.n && (p.p[i] == '?' || p.p[i] == name.p[j])) {
			i++;
			j++;
		} else if (i < p.n && p.p[i] == '*') {
			star = i++;
			mark = j;
		} else if (star < p.n) {
			i = star + 1;
			j = ++mark;
		} else {
			return false;
		}
	}
	while (i < p.n && p.p[i] == '*')
		i++;
	return i == p.n;
}

/*
 * A serve DELEGATION passed on: a day, its own name, role and scope, in its
 * window.  Once: one of a day or less, as every one passed on is, passes nothing on.
 */
static bool onward_ok(const struct mh_stmt *s, const struct mh_stmt *d)
{
	static const u16 kept[] = { MH_A_ROLE,		 MH_A_SCOPE_GROUPS, MH_A_SCOPE_DATASETS,
				    MH_A_SCOPE_TEMPLATE, MH_A_SCOPE_NAMES,  MH_A_SCOPE_NUMBER,
				    MH_A_SCOPE_KINDS,	 MH_A_SCOPE_LIFE,   MH_A_SCOPE_EVIDENCE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kept); i++)
		if (!same_attr(s, d, kept[i]))
			return false;
	return d->not_after - d->not_before > MH_ONWARD_LIFE_MAX &&
		s->not_after - s->not_before <= MH_ONWARD_LIFE_MAX &&
		s->not_before >= d->not_before && s->not_after <= d->not_after &&
		mh_buf_equal(s->subject, d->subject);
}

static bool same_name(struct mh_buf item, struct mh_buf name)
{
	return mh_buf_equal(item, name);
}

/* The words of an ENTITY's evidence, with one space between. */
static bool has_word(struct mh_buf text, struct mh_buf word)
{
	size_t i, from = 0;

	for (i = 0; i <= text.n; i++)
		if (i == text.n || text.p[i] == ' ') {
			if (mh_buf_equal(MH_BUF(text.p + from, i - from), word))
				return true;
			from = i + 1;
		}
	return false;
}

static bool evidence_ok(struct mh_buf wanted, struct mh_buf evidence)
{
	struct mh_reader r;

	mh_reader_init(&r, wanted.p, wanted.n);
	while (r.left && !r.err)
		if (!has_word(evidence, mh_read_v(&r, MH_NAME_MAX)))
			return false;
	return true;
}

static bool kinds_ok(const struct mh_stmt *s, const struct mh_stmt *d)
{
	u64 may = mh_stmt_num(d, MH_A_SCOPE_KINDS);
	u8 has = mh_stmt_num(s, MH_A_KEI_KIND) == MH_KIND_PAIR ? MH_SCOPE_KEI_PAIR :
		MH_SCOPE_KEI_SECRET;

	has |= mh_stmt_num(s, MH_A_KEC_KIND) == MH_KIND_PAIR ? MH_SCOPE_KEC_PAIR :
		MH_SCOPE_KEC_SECRET;
	return !mh_stmt_has(d, MH_A_SCOPE_KINDS) || (may & has) == has;
}

/*
 * By an enrol key: what is the first of its subject, so that it takes nobody's name, and
 * Entities alone become members, of groups that the scope has.
 */
static bool enrols(const struct mh_stmt *s, const struct mh_stmt *d)
{
	struct mh_buf names = mh_stmt_attr(d, MH_A_SCOPE_NAMES), name = s->subject;
	size_t cut = 0;

	if (s->serial != 1)
		return false;
	if (s->type == MH_MEMBER) {
		while (cut < name.n && name.p[cut] != '/')
			cut++;
		if (mh_stmt_num(s, MH_A_MEMBER_KIND) != 1 ||
		    !in_list(mh_stmt_attr(d, MH_A_SCOPE_GROUPS), MH_BUF(name.p, cut), same_name))
			return false;
		name = MH_BUF(name.p + cut + 1, name.n - cut - 1);
	} else if (!kinds_ok(s, d) ||
		   !evidence_ok(mh_stmt_attr(d, MH_A_SCOPE_EVIDENCE),
				mh_stmt_attr(s, MH_A_EVIDENCE))) {
		return false;
	}
	return !names.p || pattern_fits(names, name);
}

static bool delegation_covers(const struct mh_stmt *s, const struct mh_stmt *d)
{
	struct mh_buf sets = mh_stmt_attr(d, MH_A_SCOPE_DATASETS),
		      names = mh_stmt_attr(d, MH_A_SCOPE_NAMES);

	if (s->issued < d->not_before || s->issued > d->not_after)
		return false;
	if (mh_stmt_has(d, MH_A_SCOPE_LIFE) &&
	    s->not_after - s->not_before > mh_stmt_num(d, MH_A_SCOPE_LIFE))
		return false;
	switch (s->type) {
	case MH_DELEGATION:
		return onward_ok(s, d);
	case MH_EPOCH:
		return mh_buf_equal(s->subject, d->subject);
	case MH_INSTANCE:
		return in_list(sets, dataset_of(s), covers) &&
		       mh_buf_equal(mh_stmt_attr(s, MH_A_TEMPLATE),
				    mh_stmt_attr(d, MH_A_SCOPE_TEMPLATE));
	case MH_ENTITY:
	case MH_MEMBER:
		return enrols(s, d);
	case MH_SUSPEND:
		return !names.p || pattern_fits(names, s->subject);
	}
	return true;
}

/* What a group may sign is bound by its rights on the DataSet named. */
static bool group_covers(const struct mh_stmt *s, const struct mh_stmt *g)
{
	switch (s->type) {
	case MH_INSTANCE:
		return mh_group_rights(g, dataset_of(s)) & MH_RIGHT_INSTANCES;
	case MH_POLICY:
	case MH_DATASET:
		return mh_group_rights(g, s->subject) & MH_RIGHT_POLICY;
	case MH_GROUP_EPOCH:
		return mh_buf_equal(s->subject, g->subject);
	case MH_MEMBER:
		return s->subject.n > g->subject.n && s->subject.p[g->subject.n] == '/' &&
			!memcmp(s->subject.p, g->subject.p, g->subject.n);
	case MH_GROUP:
		return mh_buf_equal(s->subject, g->subject) && same_attr(s, g, MH_A_RIGHTS) &&
			same_attr(s, g, MH_A_ENROLS);
	case MH_ENTITY:
		return mh_stmt_has(g, MH_A_ENROLS) &&
			pattern_fits(mh_stmt_attr(g, MH_A_ENROLS), s->subject);
	}
	return false;
}

int mh_stmt_verify(const struct mh_stmt *s, const u8 region[MH_HASH_LEN],
		   const struct mh_stmt *signer)
{
	struct mh_quorum q;
	int ret;

	if (memcmp(s->region, region, 32) || memcmp(s->signer, signer->leaf, 32) || s->sets != 1)
		return -EBADMSG;
	if (!(may_sign[s->type] & signer_bit(signer)))
		return -EPERM;
	if (signer->type == MH_DELEGATION && !delegation_covers(s, signer))
		return -EPERM;
	if (signer->type == MH_GROUP && !group_covers(s, signer))
		return -EPERM;
	if (signer->type == MH_ANCHOR && !within_cap(s, signer))
		return -EPERM;
	mh_quorum_of(&q, signer);
	ret = mh_stmt_verify_set(s, MH_SET_SIGNER, &q);
	return ret == -ENOKEY ? -EBADMSG : ret;
}

int mh_stmt_valid_at(const struct mh_stmt *s, u64 now)
{
	if (now > s->not_after)
		return -EKEYEXPIRED;
	return s->not_before > now + MH_NOT_BEFORE_GRACE ? -ESTALE : 0;
}

/* ---- looking into lists ---- */

u64 mh_epoch_floor(const struct mh_stmt *epoch, u8 type, struct mh_buf subject)
{
	struct mh_buf floors = mh_stmt_attr(epoch, MH_A_FLOORS);
	u8 hash[MH_HASH_LEN];
	size_t i;

	mh_sha256v(hash, &subject, 1);
	for (i = 0; i + 41 <= floors.n; i += 41)
		if (floors.p[i] == type && !memcmp(floors.p + i + 1, hash, MH_HASH_LEN))
			return mh_get64(floors.p + i + 33);
	return 0;
}

u16 mh_group_rights(const struct mh_stmt *group, struct mh_buf dataset)
{
	struct mh_buf list = mh_stmt_attr(group, MH_A_RIGHTS);
	struct mh_reader r;
	u16 all = 0;

	mh_reader_init(&r, list.p, list.n);
	while (r.left && !r.err) {
		u16 rights = mh_read_u16(&r);

		if (covers(mh_read_v(&r, MH_DATASET_MAX), dataset) && !r.err)
			all |= rights;
	}
	return all;
}

bool mh_list_has32(struct mh_buf list, const u8 item[32])
{
	size_t i;

	for (i = 0; i + 32 <= list.n; i += 32)
		if (!memcmp(list.p + i, item, 32))
			return true;
	return false;
}

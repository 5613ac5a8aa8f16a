// SPDX-License-Identifier: GPL-2.0-only
/* Trust of one Region: its clock, pinned ANCHORs, floors, verified statements; see trust.h. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "trust.h"

/* No host's clock is right that shows less: the module is not older than this. */
#ifndef MH_BUILD_TIME
#define MH_BUILD_TIME	1793491200ull	/* 2026-11-01 */
#endif

/* ---- the clock ---- */

u64 mh_trust_floor(void)
{
	return MH_BUILD_TIME;
}

u64 mh_trust_now(void)
{
	s64 wall = ktime_get_real_seconds();

	return max_t(s64, wall, mh_trust_floor());
}

static u64 mh_trust_floor_now(const struct mh_trust *t)
{
	return t->time + (ktime_get_boottime_seconds() - t->learnt);
}

u64 mh_trust_time(const struct mh_trust *t)
{
	return max(mh_trust_now(), mh_trust_floor_now(t));
}

void mh_trust_learn(struct mh_trust *t, u64 issued)
{
	if (issued <= mh_trust_floor_now(t))
		return;
	t->time = issued;
	t->learnt = ktime_get_boottime_seconds();
}

/* ---- statements and their bytes ---- */

struct mh_kept *mh_kept_new(struct mh_buf bytes)
{
	struct mh_kept *k;
	int ret;

	if (!bytes.n || bytes.n > MH_STMT_MAX)
		return ERR_PTR(-EBADMSG);
	k = kvmalloc(struct_size(k, bytes, bytes.n), GFP_KERNEL_ACCOUNT);
	if (!k)
		return ERR_PTR(-ENOMEM);
	kref_init(&k->ref);
	INIT_LIST_HEAD(&k->link);
	k->size = struct_size(k, bytes, bytes.n);
	memcpy(k->bytes, bytes.p, bytes.n);
	ret = mh_stmt_parse(&k->s, k->bytes, bytes.n);
	if (ret) {
		kvfree(k);
		return ERR_PTR(ret);
	}
	return k;
}

static void mh_kept_release(struct kref *ref)
{
	kvfree(container_of(ref, struct mh_kept, ref));
}

void mh_kept_put(struct mh_kept *k)
{
	if (!IS_ERR_OR_NULL(k))
		kref_put(&k->ref, mh_kept_release);
}

static void mh_trust_drop(struct mh_trust *t, struct mh_kept *k)
{
	list_del_init(&k->link);
	t->nkept--;
	t->kept_bytes -= k->size;
	mh_kept_put(k);
}

static void mh_trust_drop_all(struct mh_trust *t)
{
	struct mh_kept *k, *next;

	list_for_each_entry_safe(k, next, &t->kept, link)
		mh_trust_drop(t, k);
}

static void mh_trust_keep(struct mh_trust *t, struct mh_kept *k)
{
	kref_get(&k->ref);
	list_add(&k->link, &t->kept);
	t->nkept++;
	t->kept_bytes += k->size;
	while (t->nkept > MH_TRUST_KEPT || t->kept_bytes > MH_TRUST_KEPT_BYTES)
		mh_trust_drop(t, list_last_entry(&t->kept, struct mh_kept, link));
}

static struct mh_kept *mh_trust_find(struct mh_trust *t, const u8 leaf[32])
{
	struct mh_kept *k;

	lockdep_assert_held(&t->lock);
	list_for_each_entry(k, &t->kept, link)
		if (!memcmp(k->s.leaf, leaf, MH_HASH_LEN)) {
			list_move(&k->link, &t->kept);
			return k;
		}
	return NULL;
}

struct mh_trust *mh_trust_new(void)
{
	struct mh_trust *t = kvzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	mutex_init(&t->lock);
	INIT_LIST_HEAD(&t->kept);
	INIT_LIST_HEAD(&t->given);
	t->time = mh_trust_floor();
	return t;
}

void mh_trust_free(struct mh_trust *t)
{
	unsigned int i;

	if (!t)
		return;
	mutex_lock(&t->lock);
	mh_trust_drop_all(t);
	mh_given_free_all(t);
	mutex_unlock(&t->lock);
	for (i = 0; i < t->anchors; i++)
		mh_kept_put(t->anchor[i]);
	mh_kept_put(t->epoch);
	kvfree(t->floor);
	kvfree(t);
}

/* ---- ANCHORs ---- */

static void mh_trust_forget_anchors(struct mh_trust *t, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		t->anchor_bytes -= t->anchor[i]->size;
		mh_kept_put(t->anchor[i]);
	}
	t->anchors -= n;
	memmove(t->anchor, t->anchor + n, t->anchors * sizeof(*t->anchor));
}

void mh_trust_drop_epoch(struct mh_trust *t)
{
	mh_kept_put(t->epoch);
	t->epoch = NULL;
}

/* The REVOKEs of ANCHORs below least are void too: whoever stole a quorum revoked nothing. */
static void mh_trust_lift(struct mh_trust *t, u64 least)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->floors; i++)
		if (!t->floor[i].anchor || t->floor[i].anchor >= least)
			t->floor[n++] = t->floor[i];
	t->floors = n;
	if (t->revoked < least)
		t->revoked = 0;
}

/* min_anchor: what was signed under an older one is void, and so is all that hangs on it. */
static void mh_trust_void_anchors(struct mh_trust *t, u64 least)
{
	unsigned int n = 0;

	while (n < t->anchors && t->anchor[n]->s.serial < least)
		n++;
	if (!n)
		return;
	mh_trust_forget_anchors(t, n);
	mh_trust_drop_all(t);
	mh_trust_lift(t, least);
	t->voids = t->epoch;	/* none in a join, which has no sessions either */
	mh_trust_drop_epoch(t);
}

/* Another of the current one's serial: a fork if officers signed both, else anybody's noise. */
static int mh_trust_anchor_fork(struct mh_trust *t, const struct mh_stmt *s)
{
	if (t->anchors < 2 || mh_anchor_next(&t->anchor[t->anchors - 2]->s, t->region, s))
		return -EBADMSG;
	return -ENOTUNIQ;
}

int mh_trust_add_anchor(struct mh_trust *t, struct mh_buf bytes)
{
	const struct mh_stmt *cur = t->anchors ? &t->anchor[t->anchors - 1]->s : NULL;
	struct mh_kept *k = mh_kept_new(bytes);
	int ret;

	if (IS_ERR(k))
		return PTR_ERR(k);
	if (!cur)
		ret = mh_anchor_genesis(&k->s, t->region);
	else if (k->s.type == MH_ANCHOR && k->s.serial == cur->serial &&
		 memcmp(k->s.leaf, cur->leaf, MH_HASH_LEN))
		ret = mh_trust_anchor_fork(t, &k->s);
	else
		ret = mh_anchor_next(cur, t->region, &k->s);
	if (ret) {
		mh_kept_put(k);
		return ret;
	}
	t->anchor[t->anchors++] = k;
	t->anchor_bytes += k->size;
	while (t->anchors > MH_TRUST_ANCHORS || t->anchor_bytes > MH_TRUST_ANCHOR_BYTES)
		mh_trust_forget_anchors(t, 1);
	mh_trust_void_anchors(t, mh_stmt_num(&k->s, MH_A_MIN_ANCHOR));
	t->changed = true;
	return 0;
}

int mh_trust_anchor(struct mh_trust *t, struct mh_buf bytes)
{
	int ret;

	mutex_lock(&t->lock);
	ret = mh_trust_add_anchor(t, bytes);
	mutex_unlock(&t->lock);
	return ret;
}

u64 mh_trust_anchor_serial(struct mh_trust *t)
{
	u64 serial = 0;

	mutex_lock(&t->lock);
	if (t->anchors)
		serial = t->anchor[t->anchors - 1]->s.serial;
	mutex_unlock(&t->lock);
	return serial;
}

/* ---- floors ---- */

int mh_trust_raise(struct mh_trust *t, u8 type, const u8 subject[32], u64 serial, u64 anchor)
{
	struct mh_floor *f;
	unsigned int i;

	lockdep_assert_held(&t->lock);
	for (i = 0; i < t->floors; i++) {
		f = &t->floor[i];
		if (f->type != type || f->anchor != anchor || memcmp(f->subject, subject, 32))
			continue;
		if (f->serial < serial) {
			f->serial = serial;
			t->changed = true;
		}
		return 0;
	}
	if (t->floors >= MH_TRUST_FLOORS - (anchor ? 0 : MH_TRUST_REVOKES))
		return -ENOSPC;
	if (t->floors == t->floors_room) {
		unsigned int room = min(t->floors_room * 2 + 16, (unsigned int)MH_TRUST_FLOORS);

		f = kvcalloc(room, sizeof(*f), GFP_KERNEL_ACCOUNT);
		if (!f)
			return -ENOMEM;
		if (t->floors)
			memcpy(f, t->floor, t->floors * sizeof(*f));
		kvfree(t->floor);
		t->floor = f;
		t->floors_room = room;
	}
	f = &t->floor[t->floors++];
	f->type = type;
	f->anchor = anchor;
	f->serial = serial;
	memcpy(f->subject, subject, 32);
	t->changed = true;
	return 0;
}

/* A REVOKE took all that was made under this DELEGATION, or itself. */
static bool mh_floor_voids(const struct mh_floor *f, const struct mh_stmt *s)
{
	return !f->type && (!memcmp(f->subject, s->signer, 32) || !memcmp(f->subject, s->leaf, 32));
}

int mh_trust_check(struct mh_trust *t, const struct mh_stmt *s)
{
	u8 subject[MH_HASH_LEN];
	unsigned int i;
	u64 floor = 0;

	lockdep_assert_held(&t->lock);
	mh_sha256v(subject, &s->subject, 1);
	for (i = 0; i < t->floors; i++) {
		const struct mh_floor *f = &t->floor[i];

		if (mh_floor_voids(f, s))
			return -EKEYREVOKED;
		if (f->type == s->type && s->serial < f->serial && !memcmp(f->subject, subject, 32))
			return f->anchor ? -EKEYREVOKED : -ESTALE;
	}
	if (t->epoch && mh_trust_time(t) <= t->epoch_until)
		floor = mh_epoch_floor(&t->epoch->s, s->type, s->subject);
	if (s->serial < floor)
		return -ESTALE;
	/* Sealed only now that a statement of that serial has been seen: else it is the EPOCH's. */
	return floor ? mh_trust_raise(t, s->type, subject, floor, 0) : 0;
}

/* ---- verification ---- */

struct mh_kept *mh_trust_signer(struct mh_trust *t, const u8 leaf[32])
{
	struct mh_kept *k;
	unsigned int i;

	for (i = 0; i < t->anchors; i++)
		if (!memcmp(t->anchor[i]->s.leaf, leaf, MH_HASH_LEN))
			return t->anchor[i];
	k = mh_trust_find(t, leaf);
	return k && (k->s.type == MH_GROUP || k->s.type == MH_DELEGATION) ? k : NULL;
}

/* Still one that may have signed: not revoked, not below its group's min_group. */
static int mh_trust_signer_ok(struct mh_trust *t, const struct mh_stmt *signer)
{
	return signer->type == MH_ANCHOR ? 0 : mh_trust_check(t, signer);
}

/* min_group: the GROUPs below it sign nothing any more, also when this one is long forgotten. */
static int mh_trust_min_group(struct mh_trust *t, const struct mh_stmt *s)
{
	u64 least = mh_stmt_num(s, MH_A_MIN_ANCHOR);
	u8 subject[MH_HASH_LEN];

	if (s->type != MH_GROUP || least < 2)
		return 0;
	mh_sha256v(subject, &s->subject, 1);
	return mh_trust_raise(t, MH_GROUP, subject, least, 0);
}

int mh_trust_verify(struct mh_trust *t, const struct mh_stmt *s, u32 *budget)
{
	struct mh_kept *signer = mh_trust_signer(t, s->signer);
	int ret;

	lockdep_assert_held(&t->lock);
	if (!signer)
		return -ENOKEY;
	ret = mh_trust_signer_ok(t, &signer->s);
	if (ret)
		return ret;
	if (*budget < s->set[0].m)
		return -EDQUOT;
	*budget -= s->set[0].m;
	return mh_stmt_verify(s, t->region, &signer->s);
}

/*
 * Against what was accepted before of the same type and subject.  An onward
 * DELEGATION has its parent's subject; an old GROUP or POLICY is still what
 * others name by leaf, an old GROUP_EPOCH what an old wrap hangs on.
 */
static int mh_trust_replaces(struct mh_trust *t, const struct mh_stmt *s)
{
	struct mh_kept *k;

	list_for_each_entry(k, &t->kept, link) {
		if (k->s.type != s->type || !mh_buf_equal(k->s.subject, s->subject))
			continue;
		if (k->s.serial == s->serial &&
		    (s->type != MH_DELEGATION || !memcmp(k->s.signer, s->signer, 32)))
			return -ENOTUNIQ;
		if (k->s.serial > s->serial && s->type != MH_DELEGATION && s->type != MH_GROUP &&
		    s->type != MH_POLICY && s->type != MH_GROUP_EPOCH)
			return -ESTALE;
	}
	return 0;
}

int mh_trust_take(struct mh_trust *t, struct mh_kept **k, u32 *budget)
{
	struct mh_kept *known, *signer;
	int ret;

	/* by leaf: the body was signed, whatever batch it came in now */
	known = mh_trust_find(t, (*k)->s.leaf);
	if (known) {
		kref_get(&known->ref);
		mh_kept_put(*k);
		*k = known;
		signer = mh_trust_signer(t, known->s.signer);
		ret = signer ? mh_trust_signer_ok(t, &signer->s) : 0;
		return ret ?: mh_trust_check(t, &known->s);
	}
	ret = mh_trust_verify(t, &(*k)->s, budget);
	if (!ret)
		ret = mh_trust_replaces(t, &(*k)->s);	/* signed: a fork is their doing */
	if (!ret)
		ret = mh_trust_check(t, &(*k)->s);
	if (!ret)
		ret = mh_trust_min_group(t, &(*k)->s);
	if (!ret)
		mh_trust_keep(t, *k);
	return ret;
}

int mh_trust_accept(struct mh_trust *t, struct mh_kept **k, u32 *budget)
{
	int ret;

	mutex_lock(&t->lock);
	ret = mh_trust_take(t, k, budget);
	if (!ret)
		ret = mh_stmt_valid_at(&(*k)->s, mh_trust_time(t));
	mutex_unlock(&t->lock);
	return ret;
}

int mh_trust_statement(struct mh_trust *t, struct mh_buf bytes, u32 *budget, struct mh_kept **kept)
{
	struct mh_kept *k = mh_kept_new(bytes);
	int ret;

	if (IS_ERR(k))
		return PTR_ERR(k);
	ret = mh_trust_accept(t, &k, budget);
	if (ret)
		mh_kept_put(k);
	else
		*kept = k;
	return ret;
}

bool mh_trust_same_authority(struct mh_trust *t, const struct mh_stmt *instance,
			     struct mh_buf owner)
{
	struct mh_kept *signer;
	bool ok = false;

	mutex_lock(&t->lock);
	signer = mh_trust_signer(t, instance->signer);
	if (signer && signer->s.type == MH_ANCHOR)
		ok = !owner.n;
	else if (signer && signer->s.type == MH_GROUP)
		ok = owner.n && mh_buf_equal(signer->s.subject, owner);
	else if (signer)	/* mh_stmt_verify() saw to its role and scope */
		ok = mh_stmt_num(&signer->s, MH_A_ROLE) == MH_ROLE_GENERATE;
	mutex_unlock(&t->lock);
	return ok;
}

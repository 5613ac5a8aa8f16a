// SPDX-License-Identifier: GPL-2.0-only
/* Freshness, the peer's right to serve, deliveries, and statements that are pushed to us. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/microhsm.h>
#include "genl.h"
#include "lease.h"
#include "session.h"
#include "trust.h"

/* ---- DELEGATIONs and EPOCH ---- */

static int mh_trust_epoch(struct mh_trust *t, struct mh_kept *k, const struct mh_stmt *fresh,
			  u32 *budget)
{
	const struct mh_stmt *cur = t->epoch ? &t->epoch->s : NULL, *s = &k->s;
	bool same = cur && mh_buf_equal(cur->subject, s->subject);
	int ret;

	if (cur && !memcmp(cur->leaf, s->leaf, MH_HASH_LEN))
		return 0;
	ret = mh_trust_verify(t, s, budget);	/* issued lies in the DELEGATION's window */
	if (!ret && same && s->serial < cur->serial)
		return 0;	/* a server that lags: ours counts */
	if (!ret && same && s->serial == cur->serial)
		ret = -ENOTUNIQ;
	if (!ret)
		ret = mh_trust_check(t, s);
	if (ret)
		return ret;
	if (s->not_after - s->issued > MH_EPOCH_LIFE_MAX)
		return -EBADMSG;
	mh_trust_learn(t, s->issued);
	if (cur && s->issued <= cur->issued)
		return 0;
	mh_kept_put(t->epoch);
	kref_get(&k->ref);
	t->epoch = k;
	t->epoch_until = min(s->not_after, fresh->not_after);
	t->changed = true;
	return 0;
}

static bool mh_is_delegation(const struct mh_kept *k, enum mh_role role)
{
	return k->s.type == MH_DELEGATION && mh_stmt_num(&k->s, MH_A_ROLE) == role;
}

/* The first, of role serve, and what it hangs on when it was passed on. Times count now. */
static int mh_trust_peer(struct mh_trust *t, struct mh_kept **d, unsigned int n, u32 *budget,
			 struct mh_peer *peer)
{
	u64 now = mh_trust_time(t);
	unsigned int i;
	int ret;

	if (!n || !mh_is_delegation(d[0], MH_ROLE_SERVE) || d[0]->s.subject.n > MH_NAME_MAX)
		return -EBADMSG;
	for (i = 1; i < n; i++) {
		if (memcmp(d[i]->s.leaf, d[0]->s.signer, MH_HASH_LEN))
			continue;
		ret = mh_trust_take(t, &d[i], budget);
		if (!ret)
			ret = mh_stmt_valid_at(&d[i]->s, now);
		if (ret)
			return ret;
	}
	ret = mh_trust_take(t, &d[0], budget);
	if (!ret)
		ret = mh_stmt_valid_at(&d[0]->s, now);
	if (ret || !peer)
		return ret;
	memcpy(peer->ksp2, mh_stmt_attr(&d[0]->s, MH_A_KEY).p, MH_P256_PUB_LEN);
	memcpy(peer->name, d[0]->s.subject.p, d[0]->s.subject.n);
	peer->name[d[0]->s.subject.n] = '\0';
	kref_get(&d[0]->ref);
	peer->serve = d[0];
	return 0;
}

static int mh_trust_fresh_locked(struct mh_trust *t, struct mh_kept **d, unsigned int n,
				 struct mh_kept *epoch, u32 *budget, struct mh_peer *peer)
{
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++)
		if (mh_is_delegation(d[i], MH_ROLE_FRESHNESS) &&
		    !memcmp(d[i]->s.leaf, epoch->s.signer, MH_HASH_LEN))
			break;
	if (i == n)
		return -EBADMSG;
	ret = mh_trust_take(t, &d[i], budget);
	if (!ret)
		ret = mh_trust_epoch(t, epoch, &d[i]->s, budget);
	/*
	 * Only now any end is looked at.  One that has passed, the EPOCH's or
	 * its signer's, makes us stale (mh_trust_stale()) and no more.
	 */
	if (!ret && (mh_stmt_valid_at(&d[i]->s, mh_trust_time(t)) == -ESTALE ||
		     mh_stmt_valid_at(&epoch->s, mh_trust_time(t)) == -ESTALE))
		ret = -ESTALE;
	return ret ?: mh_trust_peer(t, d, n, budget, peer);
}

int mh_trust_fresh(struct mh_trust *t, const struct mh_buf *delegation, unsigned int n,
		   struct mh_buf epoch, u32 *budget, struct mh_peer *peer)
{
	struct mh_kept *d[MH_IDR_DELEGATIONS] = {}, *e;
	unsigned int i;
	int ret;

	if (!n || n > MH_IDR_DELEGATIONS)
		return -EBADMSG;
	e = mh_kept_new(epoch);
	ret = PTR_ERR_OR_ZERO(e);
	if (!ret && e->s.type != MH_EPOCH)
		ret = -EBADMSG;
	for (i = 0; i < n && !ret; i++) {
		d[i] = mh_kept_new(delegation[i]);
		ret = PTR_ERR_OR_ZERO(d[i]);
	}
	if (!ret) {
		mutex_lock(&t->lock);
		ret = mh_trust_fresh_locked(t, d, n, e, budget, peer);
		mutex_unlock(&t->lock);
	}
	for (i = 0; i < n; i++)
		mh_kept_put(d[i]);
	mh_kept_put(e);
	return ret;
}

bool mh_trust_stale(struct mh_trust *t)
{
	lockdep_assert_held(&t->lock);
	return !t->epoch || mh_trust_time(t) > t->epoch_until;
}

static bool mh_scope_has(struct mh_buf scope, struct mh_buf name)
{
	struct mh_reader r;

	if (!scope.n)		/* no scope given: all */
		return true;
	mh_reader_init(&r, scope.p, scope.n);
	while (r.left && !r.err) {
		struct mh_buf p = mh_read_v(&r, MH_DATASET_MAX);

		if (r.err || !p.n)
			return false;
		if (p.p[p.n - 1] == '/' ? name.n > p.n && !memcmp(p.p, name.p, p.n) :
					  mh_buf_equal(p, name))
			return true;
	}
	return false;
}

int mh_trust_serves(struct mh_trust *t, const struct mh_stmt *serve, struct mh_buf dataset)
{
	int ret = mh_trust_check(t, serve);

	if (!ret)
		ret = mh_stmt_valid_at(serve, mh_trust_time(t));
	if (!ret && dataset.n && !mh_scope_has(mh_stmt_attr(serve, MH_A_SCOPE_DATASETS), dataset))
		ret = -EPERM;
	return ret;
}

/* ---- deliveries ---- */

/* What one statement behind a delivery was, for a REVOKE to be held against. */
struct mh_used {
	u8 type;
	u8 subject[32];
	u8 signer[32];
	u64 serial;
};

#define MH_GIVEN_USED	(2 * MH_TRUST_USED)

struct mh_given {
	struct list_head link;	/* the trust's lock */
	u8 leaf[32];		/* of the INSTANCE, as in leases */
	unsigned int n;
	struct mh_used used[MH_GIVEN_USED];
};

static void mh_given_drop(struct mh_trust *t, struct mh_given *g)
{
	list_del(&g->link);
	t->ngiven--;
	kfree(g);
}

void mh_given_free_all(struct mh_trust *t)
{
	struct mh_given *g, *next;

	list_for_each_entry_safe(g, next, &t->given, link)
		mh_given_drop(t, g);
}

static int mh_given_add(struct mh_trust *t, const struct mh_given *like)
{
	struct mh_given *g, *next, *fresh;

	fresh = kmemdup(like, offsetof(struct mh_given, used[like->n]), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return -ENOMEM;
	list_for_each_entry_safe(g, next, &t->given, link)	/* the same again */
		if (g->n == fresh->n && !memcmp(g->leaf, fresh->leaf, 32) &&
		    !memcmp(g->used, fresh->used, fresh->n * sizeof(*g->used)))
			mh_given_drop(t, g);
	list_add(&fresh->link, &t->given);
	t->ngiven++;
	if (t->ngiven > MH_TRUST_GIVEN)
		mh_given_drop(t, list_last_entry(&t->given, struct mh_given, link));
	return 0;
}

/*
 * A DataSet's name has no '@', so that the floor of its versions and the
 * floor of the serials of an INSTANCE (DATASET@VERSION) never meet.
 */
u64 mh_trust_version_floor(struct mh_trust *t, struct mh_buf dataset)
{
	u8 hash[MH_HASH_LEN];
	unsigned int i;

	lockdep_assert_held(&t->lock);
	mh_sha256v(hash, &dataset, 1);
	for (i = 0; i < t->floors; i++)
		if (t->floor[i].type == MH_INSTANCE && !t->floor[i].anchor &&
		    !memcmp(t->floor[i].subject, hash, 32))
			return t->floor[i].serial;
	return 0;
}

/*
 * A statement, and up the chain those who signed, each once: they stand still, whatever came since
 * they were verified.  -EBADMSG: so many, or one forgotten, that a REVOKE would not be held against
 * this delivery
 */
static int mh_given_note(struct mh_trust *t, struct mh_given *g, const struct mh_stmt *s)
{
	struct mh_kept *signer;
	int ret;

	while (s->type != MH_ANCHOR) {
		struct mh_used u;
		unsigned int i;

		ret = mh_trust_check(t, s);
		if (ret)
			return ret;
		memset(&u, 0, sizeof(u));	/* compared whole */
		u.type = s->type;
		u.serial = s->serial;
		memcpy(u.signer, s->signer, 32);
		mh_sha256v(u.subject, &s->subject, 1);
		for (i = 0; i < g->n; i++)
			if (!memcmp(&g->used[i], &u, sizeof(u)))
				return 0;
		if (g->n == MH_GIVEN_USED)
			return -EBADMSG;
		g->used[g->n++] = u;
		signer = mh_trust_signer(t, s->signer);
		if (!signer)
			return -EBADMSG;
		s = &signer->s;
	}
	return 0;
}

int mh_trust_delivered(struct mh_trust *t, struct mh_kept *const *used, unsigned int n,
		       const u8 leaf[32], struct mh_buf dataset, u64 version)
{
	struct mh_given *g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT);
	u8 hash[MH_HASH_LEN];
	unsigned int i;
	int ret = 0;

	if (!g)
		return -ENOMEM;
	memcpy(g->leaf, leaf, 32);
	mh_sha256v(hash, &dataset, 1);
	if (t->revoked)
		ret = -EKEYREVOKED;
	for (i = 0; i < n && !ret; i++) {
		const struct mh_stmt *s = &used[i]->s;

		ret = mh_given_note(t, g, s);
		if (!ret)
			ret = mh_stmt_valid_at(s, mh_trust_time(t));
		/* what it was replaced by is not always in our memory */
		if (!ret && s->type == MH_DATASET)
			ret = mh_trust_raise(t, MH_DATASET, hash, s->serial, 0);
	}
	if (!ret)
		ret = mh_trust_raise(t, MH_INSTANCE, hash, version, 0);
	if (!ret)
		ret = mh_given_add(t, g);
	kfree(g);
	return ret == -ENOSPC ? -EDQUOT : ret;
}

/* ---- what is pushed ---- */

struct mh_withdraw {
	const u8 *region;
	const u8 *leaf;		/* NULL: all of the Region */
};

static bool mh_withdraw_match(const struct mh_lease *l, const void *ctx)
{
	const struct mh_withdraw *w = ctx;

	return !memcmp(l->region_id, w->region, 32) && (!w->leaf || !memcmp(l->leaf, w->leaf, 32));
}

struct mh_revoke {
	u8 type;
	u8 subject[32];
	u64 up_to;
	const u8 *under;	/* NULL: by type, subject, serial */
};

static bool mh_revoke_hits(const struct mh_revoke *r, u8 type, const u8 *subject, u64 serial,
			   const u8 *signer)
{
	if (r->under)
		return !memcmp(signer, r->under, 32);
	return type == r->type && serial <= r->up_to && !memcmp(subject, r->subject, 32);
}

static bool mh_given_hit(const struct mh_given *g, const struct mh_revoke *r)
{
	unsigned int i;

	for (i = 0; i < g->n; i++) {
		const struct mh_used *u = &g->used[i];

		if (mh_revoke_hits(r, u->type, u->subject, u->serial, u->signer))
			return true;
	}
	return false;
}

/* Its DELEGATION fell, or may have: one that is not remembered cannot be asked. */
static bool mh_trust_epoch_fell(struct mh_trust *t, const struct mh_revoke *r)
{
	const struct mh_stmt *s = &t->epoch->s;
	struct mh_kept *signer = mh_trust_signer(t, s->signer);

	if (!signer)
		return r->under || r->type == MH_DELEGATION;
	return mh_trust_check(t, &signer->s) || mh_trust_check(t, s) == -EKEYREVOKED;
}

struct mh_push_end {
	int err;		/* sessions end with it; 0: they go on */
	u32 event;
};

/* A quorum's REVOKE: remembered, and what it reaches is taken away. */
static int mh_push_revoke(struct mh_identity *id, const struct mh_stmt *s, struct mh_push_end *end)
{
	static const u8 zero[32];
	struct mh_trust *t = id->trust;
	const struct mh_buf name = mh_text(id->name);
	struct mh_revoke r = { .under = mh_stmt_attr(s, MH_A_UNDER).p };
	struct mh_withdraw w = { .region = t->region };
	struct mh_given *g, *next;
	const u64 anchor = mh_trust_signer(t, s->signer)->s.serial;	/* it was verified */
	bool changed = t->changed;
	u8 me[MH_HASH_LEN];
	int ret;

	t->changed = false;
	r.type = mh_stmt_num(s, MH_A_TARGET_TYPE);
	r.up_to = mh_stmt_num(s, MH_A_UP_TO);
	mh_sha256v(r.subject, &s->subject, 1);
	if (r.under)
		ret = mh_trust_raise(t, 0, r.under, 1, anchor);
	else
		ret = mh_trust_raise(t, r.type, r.subject,
				     r.up_to == U64_MAX ? r.up_to : r.up_to + 1, anchor);
	/* a peer's own DELEGATION may be among what falls now */
	if (t->changed && (r.under || r.type == MH_DELEGATION))
		end->err = -ECONNRESET;
	t->changed |= changed;
	/* an EPOCH by a key that fell: its successors have other issuers, and need not be newer */
	if (t->epoch && mh_trust_epoch_fell(t, &r))
		mh_trust_drop_epoch(t);
	list_for_each_entry_safe(g, next, &t->given, link)
		if (mh_given_hit(g, &r)) {
			w.leaf = g->leaf;
			mh_lease_end_matching(mh_withdraw_match, &w);
			mh_given_drop(t, g);
		}
	mh_sha256v(me, &name, 1);
	if (mh_revoke_hits(&r, MH_ENTITY, me, id->entity_serial, t->entity_signer)) {
		*end = (struct mh_push_end){ -EKEYREVOKED, MH_EV_REVOKED };
		t->revoked = max(t->revoked, anchor);
		t->changed = true;
		w.leaf = NULL;
		mh_lease_end_matching(mh_withdraw_match, &w);
	}
	if (mh_revoke_hits(&r, MH_SUSPEND, me, t->suspend_serial, zero))
		t->suspended = 0;	/* a quorum lifts it; its floor keeps it lifted */
	return ret;
}

static int mh_push_suspend(struct mh_identity *id, const struct mh_stmt *s, struct mh_push_end *end)
{
	struct mh_trust *t = id->trust;
	u64 until = mh_stmt_num(s, MH_A_UNTIL);
	int ret = mh_trust_check(t, s);

	if (!ret)
		ret = mh_stmt_valid_at(s, mh_trust_time(t));
	if (ret || !mh_buf_equal(s->subject, mh_text(id->name)))
		return ret;
	if (s->serial < t->suspend_serial)
		return -ESTALE;
	t->suspend_serial = s->serial;
	t->suspended = min(until, s->issued + MH_SUSPEND_MAX);
	t->changed = true;
	if (t->suspended > mh_trust_time(t)) {
		end->err = -EKEYREJECTED;
		end->event = MH_EV_SUSPENDED;
	}
	return 0;
}

static int mh_push_locked(struct mh_identity *id, struct mh_kept *k, u32 *budget,
			  struct mh_push_end *end)
{
	struct mh_trust *t = id->trust;
	const struct mh_stmt *s = &k->s;
	struct mh_kept *signer;
	int ret;

	switch (s->type) {
	case MH_ANCHOR:
		if (*budget < s->set[0].m)
			return -EDQUOT;
		*budget -= s->set[0].m;
		return mh_trust_add_anchor(t, s->bytes);
	case MH_DELEGATION:
		kref_get(&k->ref);
		ret = mh_trust_take(t, &k, budget);
		mh_kept_put(k);
		return ret;
	case MH_EPOCH:
		signer = mh_trust_signer(t, s->signer);
		if (!signer || !mh_is_delegation(signer, MH_ROLE_FRESHNESS))
			return -ENOKEY;
		ret = mh_trust_epoch(t, k, &signer->s, budget);
		if (!ret && memcmp(t->epoch->s.leaf, k->s.leaf, MH_HASH_LEN))
			ret = -ESTALE;	/* what a server that lags may do, and a push may not */
		break;
	case MH_REVOKE:
		/* a REVOKE does not end with its own validity: nothing is given back */
		ret = mh_trust_verify(t, s, budget);
		if (!ret && mh_stmt_valid_at(s, mh_trust_time(t)) == -ESTALE)
			ret = -ESTALE;	/* it is signed ahead */
		if (!ret)
			ret = mh_push_revoke(id, s, end);
		break;
	case MH_SUSPEND:
		ret = mh_trust_verify(t, s, budget);
		if (!ret)
			ret = mh_push_suspend(id, s, end);
		break;
	default:
		ret = -EBADMSG;
	}
	return ret;
}

int mh_trust_push(struct mh_identity *id, struct mh_buf bytes, u32 *budget)
{
	struct mh_kept *k = mh_kept_new(bytes);
	struct mh_push_end end = {};
	int ret;

	if (IS_ERR(k))
		return PTR_ERR(k);
	mutex_lock(&id->trust->lock);
	ret = mh_push_locked(id, k, budget, &end);
	mutex_unlock(&id->trust->lock);
	mh_kept_put(k);
	if (end.event)
		mh_event(end.event, id->region, id->name, 0);
	if (end.err)
		mh_session_end_all(id, end.err);
	mh_trust_note(id, ret);
	return ret;
}

void mh_trust_note(struct mh_identity *id, int ret)
{
	bool changed, voids;

	mutex_lock(&id->trust->lock);
	changed = id->trust->changed;
	voids = id->trust->voids;
	id->trust->changed = false;
	id->trust->voids = false;
	mutex_unlock(&id->trust->lock);
	if (ret == -ENOTUNIQ)
		mh_event(MH_EV_FORK, id->region, id->name, 0);
	if (voids)
		mh_session_end_all(id, -ECONNRESET);
	if (changed)
		mh_identity_changed(id);
}

// SPDX-License-Identifier: MIT
/*
 * What a signature does not say: that the names in a statement exist, that an
 * Instance is its owner's, that the blobs that a statement names are here.
 */
#include "admin.h"
#include "core/manifest.h"

#include <stdlib.h>

/* MH_ADMIN_NOTFOUND, and what is missing is to be said; or the store failed, and that was said */
static u8 have(struct mh_submit *s, const u8 *region, u8 type, struct mh_buf subject)
{
	struct mh_bytes b;
	int ret = mh_store_newest(s->a->daemon->store, region, type, subject, &b);

	mh_bytes_free(&b);
	return ret == -ENOENT ? MH_ADMIN_NOTFOUND : ret ? mh_admin_store_failed(s->a, ret) :
		MH_ADMIN_OK;
}

/* Each a POLICY that is stored. */
static u8 policies_are_here(struct mh_submit *s, const u8 *region, const struct mh_stmt *st)
{
	const struct mh_buf list = mh_stmt_attr(st, MH_A_POLICIES);

	for (size_t i = 0; i + 32 <= list.n; i += 32) {
		struct mh_bytes b;
		struct mh_stmt p;
		int ret = mh_store_by_leaf(s->a->daemon->store, region, list.p + i, &b);
		bool ok = !ret && !mh_stmt_parse(&p, b.p, b.n) && p.type == MH_POLICY;

		mh_bytes_free(&b);
		if (ret && ret != -ENOENT)
			return mh_admin_store_failed(s->a, ret);
		if (!ok)
			return mh_admin_say(s->a, MH_ADMIN_NOTFOUND,
					    "%.*s names a POLICY that is not stored",
					    (int)st->subject.n, st->subject.p);
	}
	return MH_ADMIN_OK;
}

static u8 rules_entity(struct mh_submit *s, const struct mh_stmt *st)
{
	if (!mh_name_ok(st->subject))
		return mh_admin_say(s->a, MH_ADMIN_INVALID, "not an Entity's name: %.*s",
				    (int)st->subject.n, st->subject.p);
	/* lest what is told a server as the one be the Kec-secret */
	if (mh_buf_equal(mh_stmt_attr(st, MH_A_KEI), mh_stmt_attr(st, MH_A_KEC_KID)) ||
	    mh_buf_equal(mh_stmt_attr(st, MH_A_KPF_KID), mh_stmt_attr(st, MH_A_KEC_KID)))
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "Entity %.*s: two of its keys are one", (int)st->subject.n,
				    st->subject.p);
	return MH_ADMIN_OK;
}

static u8 rules_member(struct mh_submit *s, const u8 *region, const struct mh_stmt *st)
{
	const u8 *cut = memchr(st->subject.p, '/', st->subject.n);
	u8 kind = mh_stmt_num(st, MH_A_MEMBER_KIND) == 2 ? MH_GROUP : MH_ENTITY;
	struct mh_buf group, member;
	u8 status;

	if (!cut)
		return mh_admin_say(s->a, MH_ADMIN_INVALID, "a MEMBER's subject is GROUP/MEMBER");
	group = MH_BUF(st->subject.p, (size_t)(cut - st->subject.p));
	member = MH_BUF(cut + 1, st->subject.n - group.n - 1);
	status = have(s, region, MH_GROUP, group);
	if (status == MH_ADMIN_NOTFOUND)
		return mh_admin_say(s->a, status, "no group %.*s", (int)group.n, group.p);
	if (!status)
		status = have(s, region, kind, member);
	if (status == MH_ADMIN_NOTFOUND)
		return mh_admin_say(s->a, status, "no %s %.*s",
				    kind == MH_GROUP ? "group" : "Entity", (int)member.n, member.p);
	return status;
}

static u8 rules_dataset(struct mh_submit *s, const u8 *region, const struct mh_stmt *st)
{
	const struct mh_buf owner = mh_stmt_attr(st, MH_A_OWNER);
	u64 mode = mh_stmt_num(st, MH_A_MODE);
	u8 status = MH_ADMIN_OK;

	if (mode != MH_MODE_SESSION && mode != MH_MODE_GROUP)
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "DataSet %.*s: this server serves the modes session and group",
				    (int)st->subject.n, st->subject.p);
	if (owner.n)
		status = have(s, region, MH_GROUP, owner);
	if (status == MH_ADMIN_NOTFOUND)
		return mh_admin_say(s->a, status, "no group %.*s to own the DataSet",
				    (int)owner.n, owner.p);
	return status ? status : policies_are_here(s, region, st);
}

/* Owner's signature; the DataSet's mode, kind and policies; never another icx under one version. */
static u8 instance_fits(struct mh_submit *s, const struct mh_stmt *st, const struct mh_stmt *signer,
			const struct mh_stmt *dataset, const struct mh_manifest *m)
{
	const struct mh_buf owner = mh_stmt_attr(dataset, MH_A_OWNER),
			    policies = mh_stmt_attr(dataset, MH_A_POLICIES);
	bool owned = signer->type == MH_DELEGATION ||
		     (owner.n ? signer->type == MH_GROUP && mh_buf_equal(signer->subject, owner) :
				signer->type == MH_ANCHOR);

	if (!owned)
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "%.*s is not signed by its DataSet's owner", (int)st->subject.n,
				    st->subject.p);
	if (m->tombstone)
		return MH_ADMIN_OK;
	if (m->mode != mh_stmt_num(dataset, MH_A_MODE) ||
	    m->kind != mh_stmt_num(dataset, MH_A_KIND))
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "%.*s: its mode or kind is not its DataSet's",
				    (int)st->subject.n, st->subject.p);
	for (size_t i = 0; i + 32 <= policies.n; i += 32)
		if (!mh_list_has32(m->policies, policies.p + i))
			return mh_admin_say(s->a, MH_ADMIN_INVALID,
					    "%.*s leaves out a POLICY of its DataSet",
					    (int)st->subject.n, st->subject.p);
	return MH_ADMIN_OK;
}

static u8 reissue_fits(struct mh_submit *s, const u8 *region, const struct mh_stmt *st,
		       const struct mh_manifest *m)
{
	struct mh_bytes b;
	struct mh_stmt old;
	struct mh_manifest was;
	int ret = mh_store_newest(s->a->daemon->store, region, MH_INSTANCE, st->subject, &b);
	bool fits;

	if (ret)
		return ret == -ENOENT ? MH_ADMIN_OK : mh_admin_store_failed(s->a, ret);
	fits = !mh_stmt_parse(&old, b.p, b.n) && !mh_manifest_decode(&was, &old) &&
	       (m->tombstone ||
		(!was.tombstone && !memcmp(was.icx, m->icx, 32) &&
		 !memcmp(was.ke_kid, m->ke_kid, 32) && !memcmp(was.sha256, m->sha256, 32)));
	mh_bytes_free(&b);
	return fits ? MH_ADMIN_OK :
		      mh_admin_say(s->a, MH_ADMIN_CONFLICT,
				   "%.*s exists with other Data: give it the next version",
				   (int)st->subject.n, st->subject.p);
}

static u8 rules_instance(struct mh_submit *s, const u8 *region, const struct mh_stmt *st,
			 const struct mh_stmt *signer)
{
	struct mh_manifest m;
	struct mh_bytes b;
	struct mh_stmt dataset;
	u8 status;
	int ret;

	if (mh_manifest_decode(&m, st))
		return mh_admin_say(s->a, MH_ADMIN_INVALID, "%.*s contradicts itself",
				    (int)st->subject.n, st->subject.p);
	ret = mh_store_newest(s->a->daemon->store, region, MH_DATASET, m.dataset, &b);
	if (ret)
		return ret != -ENOENT ? mh_admin_store_failed(s->a, ret) :
			mh_admin_say(s->a, MH_ADMIN_NOTFOUND, "no DataSet %.*s",
				     (int)m.dataset.n, m.dataset.p);
	status = mh_stmt_parse(&dataset, b.p, b.n) ? mh_admin_store_failed(s->a, -EUCLEAN) :
		instance_fits(s, st, signer, &dataset, &m);
	mh_bytes_free(&b);
	if (!status)
		status = policies_are_here(s, region, st);
	return status ? status : reissue_fits(s, region, st, &m);
}

static u8 rules_target(struct mh_submit *s, const u8 *region, const struct mh_stmt *st)
{
	const bool revoke = st->type == MH_REVOKE;
	u8 type = revoke ? (u8)mh_stmt_num(st, MH_A_TARGET_TYPE) : MH_ENTITY;
	u8 status = mh_stmt_has(st, MH_A_UNDER) ? 0 : have(s, region, type, st->subject);

	if (status == MH_ADMIN_NOTFOUND)
		return mh_admin_say(s->a, status, "%s %.*s to %s",
				    revoke ? "nothing named" : "no Entity", (int)st->subject.n,
				    st->subject.p, revoke ? "revoke" : "suspend");
	return status;
}

u8 mh_admin_rules(struct mh_submit *s, const u8 region[32], const struct mh_stmt *st,
		  const struct mh_stmt *signer)
{
	switch (st->type) {
	case MH_ENTITY:
		return rules_entity(s, st);
	case MH_MEMBER:
		return rules_member(s, region, st);
	case MH_DATASET:
		return rules_dataset(s, region, st);
	case MH_INSTANCE:
		return rules_instance(s, region, st, signer);
	case MH_REVOKE:
	case MH_SUSPEND:
		return rules_target(s, region, st);
	default:
		return MH_ADMIN_OK;
	}
}

/* ---- attachments ---- */

/* An item names a statement of a Region that this submission touches. */
int mh_admin_find(struct mh_submit *s, const u8 leaf[32], u8 region[32], struct mh_bytes *out)
{
	struct mh_store *store = s->a->daemon->store;
	struct mh_region *r;
	int ret = -ENOENT;

	for (unsigned int i = 0; i < s->regions && ret == -ENOENT; i++) {
		memcpy(region, s->region[i], 32);
		ret = mh_store_by_leaf(store, region, leaf, out);
	}
	LIST_FOREACH(r, &s->a->daemon->regions, link) {
		if (ret != -ENOENT)
			break;
		memcpy(region, r->row.id, 32);
		ret = mh_store_by_leaf(store, region, leaf, out);
	}
	return ret;
}

/* What comes beside an ENTITY whose key is of the kind; a Kec-secret never does. */
static const struct of_entity {
	u8 item, what;
	u16 kind_of, kid;
	u8 kind;
	const char *name;
} of_entity[] = {
	{ MH_ITEM_KEC, MH_SECRET_KEC, MH_A_KEC_KIND, MH_A_KEC_KID, MH_KIND_PAIR, "Kec-public" },
	{ MH_ITEM_KPF, MH_SECRET_KPF, MH_A_KEC_KIND, MH_A_KPF_KID, MH_KIND_SECRET, "Kpf" },
	{ MH_ITEM_KEI, MH_SECRET_KEI, MH_A_KEI_KIND, MH_A_KEI, MH_KIND_SECRET, "Kei-secret" },
};

static bool is_due(const struct mh_stmt *st, const struct of_entity *e)
{
	return st->type == MH_ENTITY && mh_stmt_num(st, e->kind_of) == e->kind;
}

/* What the item is by its statement: enum mh_secret, its context and kid; -EINVAL none is due */
static int secret_of(const struct mh_item *item, const u8 *region, const struct mh_stmt *st,
		     u8 ctx[MH_HASH_LEN], u8 kid[MH_HASH_LEN])
{
	struct mh_manifest m;

	for (size_t i = 0; i < ARRAY_SIZE(of_entity); i++)
		if (item->type == of_entity[i].item && is_due(st, &of_entity[i])) {
			mh_ctx_entity(region, st->subject, ctx);
			memcpy(kid, mh_stmt_attr(st, of_entity[i].kid).p, MH_HASH_LEN);
			return of_entity[i].what;
		}
	if (item->type != MH_ITEM_KE || st->type != MH_INSTANCE || mh_manifest_decode(&m, st) ||
	    m.tombstone || m.mode != MH_MODE_SESSION)
		return -EINVAL;
	memcpy(ctx, m.icx, MH_HASH_LEN);
	memcpy(kid, m.ke_kid, MH_HASH_LEN);
	return MH_SECRET_KE;
}

static u8 attach_secret(struct mh_submit *s, const struct mh_item *item)
{
	struct mh_daemon *d = s->a->daemon;
	u8 region[32], ctx[MH_HASH_LEN], kid[MH_HASH_LEN], sealed[MH_SEALED_LEN];
	struct mh_bytes b;
	struct mh_stmt st;
	int ret, what = 0;

	if (item->b.n != 32 + MH_HPKE_ITEM)
		return MH_ADMIN_MALFORMED;
	ret = mh_admin_find(s, item->b.p, region, &b);
	if (ret)
		return ret != -ENOENT ? mh_admin_store_failed(s->a, ret) :
			mh_admin_say(s->a, MH_ADMIN_NOTFOUND,
				     "a secret for a statement that is not stored");
	ret = mh_stmt_parse(&st, b.p, b.n);
	if (!ret)
		what = secret_of(item, region, &st, ctx, kid);
	ret = what < 0 ? what : ret;
	if (!ret)
		ret = mh_keeper_take(&d->keeper, (u8)what, item->b.p, item->b.p + 32, ctx, kid,
				     sealed);
	if (!ret)
		ret = mh_store_put_secret(d->store, (u8)what, kid, MH_BUF(sealed, sizeof(sealed)));
	mh_bytes_free(&b);
	if (ret == -EBADMSG || ret == -EKEYREJECTED)
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "a secret does not open, or is not the one that its statement "
				    "names");
	if (ret == -EINVAL)
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "a secret for a statement that takes none");
	return ret ? mh_admin_store_failed(s->a, ret) : MH_ADMIN_OK;
}

/* Data is kept only if an INSTANCE of this submission names it. */
static u8 attach_data(struct mh_submit *s, const struct mh_item *item)
{
	u8 sha[MH_HASH_LEN];
	int ret;

	mh_sha256v(sha, &item->b, 1);
	for (u16 i = 0; i < s->n; i++) {
		struct mh_stmt st;

		if (s->item[i].type != MH_ITEM_STATEMENT ||
		    mh_stmt_parse(&st, s->item[i].b.p, s->item[i].b.n) || st.type != MH_INSTANCE ||
		    mh_stmt_has(&st, MH_A_TOMBSTONE) ||
		    memcmp(mh_stmt_attr(&st, MH_A_SHA256).p, sha, 32))
			continue;
		if (mh_stmt_num(&st, MH_A_LENGTH) != item->b.n)
			return mh_admin_say(s->a, MH_ADMIN_INVALID,
					    "Data is not as long as its INSTANCE says");
		ret = mh_store_put_data(s->a->daemon->store, sha, item->b);
		return ret ? mh_admin_store_failed(s->a, ret) : MH_ADMIN_OK;
	}
	return mh_admin_say(s->a, MH_ADMIN_INVALID,
			    "Data that no INSTANCE of this submission names");
}

/* An INSTANCE that came with this submission, not one that was stored before, has this key. */
static bool brings_key(const struct mh_submit *s, const u8 *kid)
{
	for (u16 i = 0; i < s->n; i++) {
		struct mh_stmt st;

		if (s->item[i].stored && !mh_stmt_parse(&st, s->item[i].b.p, s->item[i].b.n) &&
		    st.type == MH_INSTANCE && !mh_stmt_has(&st, MH_A_TOMBSTONE) &&
		    !memcmp(mh_stmt_attr(&st, MH_A_KE_KID).p, kid, 32))
			return true;
	}
	return false;
}

/*
 * Nothing in a wrap says who made it, so it comes with the INSTANCE that the officers signed, or
 * not at all, and none takes another's place: who reaches the admin socket could cut off hosts.
 */
static u8 attach_wrap(struct mh_submit *s, const struct mh_item *item)
{
	struct mh_store *store = s->a->daemon->store;
	u8 have[MH_WRAP_LEN];
	int ret;

	if (item->b.n != MH_WRAP_LEN || mh_wrap_check(item->b) || item->b.p[0] == MH_WRAP_NONE)
		return mh_admin_say(s->a, MH_ADMIN_MALFORMED,
				    "a wrap is malformed, or holds its key in the clear");
	ret = mh_store_wrap(store, mh_wrap_kid(item->b.p), mh_wrap_kid_w(item->b.p), have);
	if (!ret)
		return !memcmp(have, item->b.p, sizeof(have)) ?
			       MH_ADMIN_OK :
			       mh_admin_say(s->a, MH_ADMIN_CONFLICT,
					    "a wrap of this key for this holder is stored, with other "
					    "bytes: add the next version of the Instance");
	if (ret == -ENOENT && !brings_key(s, mh_wrap_kid(item->b.p)))
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "a wrap of a key that no new INSTANCE of this submission has");
	ret = ret == -ENOENT ? mh_store_put_wrap(store, item->b.p) : ret;
	return ret ? mh_admin_store_failed(s->a, ret) : MH_ADMIN_OK;
}

u8 mh_admin_attach(struct mh_submit *s, const struct mh_item *item)
{
	switch (item->type) {
	case MH_ITEM_KEC:
	case MH_ITEM_KE:
	case MH_ITEM_KEI:
	case MH_ITEM_KPF:
		return attach_secret(s, item);
	case MH_ITEM_DATA:
		return attach_data(s, item);
	case MH_ITEM_WRAP:
		return attach_wrap(s, item);
	default:
		return mh_admin_say(s->a, MH_ADMIN_MALFORMED,
				    "an item of a kind that is not known here");
	}
}

static u8 entity_complete(struct mh_submit *s, const struct mh_stmt *st)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_entity); i++) {
		const struct of_entity *e = &of_entity[i];
		struct mh_bytes b = { 0 };
		int ret;

		if (!is_due(st, e))
			continue;
		ret = mh_store_secret(s->a->daemon->store, e->what, mh_stmt_attr(st, e->kid).p, &b);
		mh_bytes_free(&b);
		if (ret == -ENOENT)
			return mh_admin_say(s->a, MH_ADMIN_INVALID,
					    "Entity %.*s comes without its %s",
					    (int)st->subject.n, st->subject.p, e->name);
		if (ret)
			return mh_admin_store_failed(s->a, ret);
	}
	return MH_ADMIN_OK;
}

u8 mh_admin_complete(struct mh_submit *s, const u8 region[32], const struct mh_stmt *st)
{
	struct mh_store *store = s->a->daemon->store;
	struct mh_bytes b = { 0 };
	struct mh_manifest m;
	u64 length;
	int ret = 0;

	(void)region;
	if (st->type == MH_ENTITY)
		return entity_complete(s, st);
	if (st->type != MH_INSTANCE || mh_manifest_decode(&m, st) || m.tombstone)
		return MH_ADMIN_OK;
	ret = mh_store_data_length(store, m.sha256, &length);
	if (!ret && m.mode == MH_MODE_SESSION) {
		ret = mh_store_secret(store, MH_SECRET_KE, m.ke_kid, &b);
		mh_bytes_free(&b);
	}
	return ret == -ENOENT ? mh_admin_say(s->a, MH_ADMIN_INVALID,
					     "%.*s comes without its Data or its key",
					     (int)st->subject.n, st->subject.p) :
	       ret	      ? mh_admin_store_failed(s->a, ret) :
				MH_ADMIN_OK;
}

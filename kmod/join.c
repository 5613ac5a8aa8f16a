// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pending identity becomes a Region's: each part
 * of the bundle is checked, then its key changes.
 */
#include <linux/slab.h>
#include "join.h"
#include "keytype.h"
#include "session.h"
#include "trust.h"

static DEFINE_MUTEX(mh_join_lock);	/* one join at a time; outermost */

static int mh_join_anchors(struct mh_trust *t, const struct mh_bundle *b, const u8 region_id[32])
{
	struct mh_reader r;
	unsigned int i;
	int ret = 0;

	mh_reader_init(&r, b->anchor_bytes.p, b->anchor_bytes.n);
	for (i = 0; i < b->anchors && !ret; i++) {
		struct mh_buf a = mh_read_big(&r, MH_STMT_MAX);

		ret = r.err ?: mh_trust_anchor(t, a);
		/* what the person confirmed, before anything hangs on it */
		if (!ret && memcmp(t->region, region_id, 32))
			return -EKEYREJECTED;
	}
	return ret;
}

struct mh_joining {
	struct mh_trust *trust;
	struct mh_buf code;	/* that a person brought; empty */
	char label[MH_NAME_MAX + 1];
	u8 ecx[32];
	u8 kei[32], kec[32];	/* the identity's then: what was secret has come */
	u64 entity_serial;
	char *addresses;
};

/* R09: secrets come in the bundle, to the request's one-time key or under the code. */
static int mh_join_secrets(struct mh_joining *j, struct mh_identity *id,
			   const struct mh_bundle *b, const u8 region_id[32])
{
	const bool kei = id->kei_kind == MH_KIND_SECRET, kec = id->kec_kind == MH_KIND_SECRET;
	struct mh_buf key = j->code;
	u8 plain[MH_JOIN_SECRETS_MAX];
	int n;

	mutex_lock(&id->lock);
	memcpy(j->kei, id->kei, sizeof(j->kei));
	memcpy(j->kec, id->kec, sizeof(j->kec));
	mutex_unlock(&id->lock);
	if (!b->route != !(kei || kec) || (key.n && b->route != MH_ROUTE_CODE))
		return -EBADMSG;
	if (!b->route)
		return 0;
	if (b->route == MH_ROUTE_HOST)
		key = MH_BUF(kei ? j->kei : j->kec, 32);
	n = mh_join_secrets_open(b, key, region_id, plain);
	if (n < 0)
		return n;
	if (kei)
		memcpy(j->kei, plain, 32);
	if (kec)
		memcpy(j->kec, plain + n - 32, 32);
	memzero_explicit(plain, sizeof(plain));
	return n == 32 * (kei + kec) ? 0 : -EBADMSG;
}

/* The attribute is k, or kid(k, ecx) if that is all there may be of it */
static bool mh_join_names(const struct mh_stmt *s, u16 attr, bool plain, struct mh_buf k,
			  const u8 ecx[32])
{
	const struct mh_buf said = mh_stmt_attr(s, attr);
	u8 kid[MH_HASH_LEN];

	if (plain)
		return mh_buf_equal(said, k);
	return !mh_kid(k, MH_BUF(ecx, 32), kid) && said.n == sizeof(kid) &&
	       mh_ct_equal(kid, said.p, sizeof(kid));
}

/* ENTITY names this request's keys, all of them. */
static int mh_join_is_mine(const struct mh_joining *j, const struct mh_identity *id,
			   const struct mh_stmt *s)
{
	const bool kei = id->kei_kind == MH_KIND_PAIR, kec = id->kec_kind == MH_KIND_PAIR;

	if (s->type != MH_ENTITY)
		return -EBADMSG;
	if (!mh_buf_equal(s->subject, mh_text(id->name)) ||
	    mh_stmt_num(s, MH_A_KEI_KIND) != id->kei_kind ||
	    mh_stmt_num(s, MH_A_KEC_KIND) != id->kec_kind ||
	    !mh_join_names(s, MH_A_KEI, kei, kei ? MH_BUF(id->kei_pub, 64) : MH_BUF(j->kei, 32),
			   j->ecx) ||
	    !mh_join_names(s, MH_A_KES, true, MH_BUF(id->kes_pub, 64), j->ecx) ||
	    !mh_join_names(s, MH_A_KEC_KID, false, MH_BUF(kec ? id->kec_pub : j->kec, 32), j->ecx))
		return -ENOKEY;
	return 0;
}

static int mh_join_entity(struct mh_joining *j, const struct mh_bundle *b,
			  const struct mh_identity *id, u32 *budget)
{
	struct mh_trust *t = j->trust;
	struct mh_kept *k = NULL;
	unsigned int i;
	int ret;

	/* an enrol DELEGATION may have signed it; those that are of no use here may fail */
	for (i = 0; i < b->delegations; i++) {
		ret = mh_trust_statement(t, b->delegation[i], budget, &k);
		if (ret == -ENOMEM)
			return ret;
		if (!ret)
			mh_kept_put(k);
	}
	ret = mh_trust_statement(t, b->entity, budget, &k);
	if (ret)	/* ENOKEY here is a signer's */
		return ret == -ENOMEM ? ret : -EBADMSG;
	ret = mh_join_is_mine(j, id, &k->s);
	if (!ret) {
		j->entity_serial = k->s.serial;
		memcpy(t->entity_signer, k->s.signer, 32);
	}
	mh_kept_put(k);
	return ret;
}

static char *mh_join_addresses(const struct mh_bundle *b)
{
	char *all = kzalloc(MH_BUNDLE_ADDRESSES * 256 + 1, GFP_KERNEL_ACCOUNT), *p = all;
	unsigned int i;

	for (i = 0; all && i < b->addresses; i++) {
		if (i)
			*p++ = '\n';
		memcpy(p, b->address[i].p, b->address[i].n);
		p += b->address[i].n;
	}
	return all;
}

static int mh_join_check(struct mh_joining *j, struct mh_identity *id, const u8 region_id[32],
			 struct mh_buf bytes)
{
	u32 budget = MH_JOIN_SIGNATURES;
	u8 hash[MH_HASH_LEN];
	struct mh_bundle b;
	struct mh_buf label;
	int ret;

	ret = mh_bundle_decode(&b, bytes);
	if (ret)
		return -EBADMSG;
	mh_join_request_hash(MH_BUF(id->request, id->request_len), hash);
	if (memcmp(b.request_hash, hash, sizeof(hash)))
		return -ENOKEY;
	ret = mh_join_anchors(j->trust, &b, region_id);
	if (ret)
		return ret;
	label = j->trust->anchor[j->trust->anchors - 1]->s.subject;
	if (!mh_name_ok(label))
		return -EBADMSG;
	memcpy(j->label, label.p, label.n);
	mh_ctx_entity(region_id, mh_text(id->name), j->ecx);
	ret = mh_trust_fresh(j->trust, b.delegation, b.delegations, b.epoch, &budget, NULL);
	mutex_lock(&j->trust->lock);
	if (ret == -ENOKEY || (!ret && mh_trust_stale(j->trust)))
		ret = -EBADMSG;
	mutex_unlock(&j->trust->lock);
	if (!ret)
		ret = mh_join_secrets(j, id, &b, region_id);
	if (!ret)
		ret = mh_join_entity(j, &b, id, &budget);
	if (ret)
		return ret;
	j->addresses = mh_join_addresses(&b);
	return j->addresses ? 0 : -ENOMEM;
}

/* Takes over what j holds when it succeeds. */
static int mh_join_commit(struct mh_joining *j, struct mh_identity *id, const u8 region_id[32],
			  key_serial_t pending)
{
	char desc[sizeof("entity:/") + 2 * MH_NAME_MAX];
	struct key *key;
	int serial;

	if (mh_identity_region_taken(j->label, region_id))
		return -EEXIST;
	snprintf(desc, sizeof(desc), "entity:%s/%s", j->label, id->name);
	/* the key first: until `joined` is seen it fetches nothing */
	key = mh_keytype_add_identity(desc, id, id->uid, id->gid);
	if (IS_ERR(key))
		return PTR_ERR(key);
	serial = key->serial;
	mutex_lock(&id->lock);
	memcpy(id->region, j->label, sizeof(id->region));
	memcpy(id->region_id, region_id, 32);
	memcpy(id->ecx, j->ecx, 32);
	if (!id->dead) {
		memcpy(id->kei, j->kei, sizeof(id->kei));
		memcpy(id->kec, j->kec, sizeof(id->kec));
	}
	id->entity_serial = j->entity_serial;
	j->trust->changed = false;	/* all of it is sealed below */
	swap(id->trust, j->trust);
	swap(id->addresses, j->addresses);
	smp_store_release(&id->joined, true);	/* pairs with the loads that find it */
	mutex_unlock(&id->lock);
	key_put(key);
	mh_keytype_drop(pending);
	mh_identity_changed(id);
	return serial;
}

/* What a part's fault is called outside. */
static int mh_join_error(int ret)
{
	switch (ret) {
	case 0:
	case -ENOMEM:
	case -ENOKEY:
	case -EKEYREJECTED:
	case -EPROTONOSUPPORT:
		return ret;
	}
	return -EBADMSG;
}

int mh_join(key_serial_t pending, const u8 region_id[32], struct mh_buf bundle, struct mh_buf code)
{
	struct mh_joining j = { .code = code };
	struct mh_identity *id;
	int ret;

	if (mh_draining())
		return -ESHUTDOWN;
	id = mh_keytype_identity_any(pending);
	if (IS_ERR(id))
		return PTR_ERR(id);
	mutex_lock(&mh_join_lock);
	j.trust = mh_trust_new();
	if (READ_ONCE(id->joined))
		ret = -EEXIST;
	else if (!j.trust)
		ret = -ENOMEM;
	else
		ret = mh_join_error(mh_join_check(&j, id, region_id, bundle));
	if (!ret)
		ret = mh_join_commit(&j, id, region_id, pending);
	mutex_unlock(&mh_join_lock);
	mh_trust_free(j.trust);
	kfree(j.addresses);
	memzero_explicit(&j, sizeof(j));
	mh_identity_put(id);
	return ret;
}

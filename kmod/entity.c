// SPDX-License-Identifier: GPL-2.0-only
/* Identities: the list of them, their making, their end. */
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/microhsm.h>
#include "genl.h"
#include "keytype.h"
#include "request.h"
#include "session.h"
#include "trust.h"

static DEFINE_SPINLOCK(mh_ids_lock);
static LIST_HEAD(mh_ids);	/* without references: one that is released takes itself off */

struct mh_identity *mh_identity_alloc(void)
{
	struct mh_identity *id = kzalloc(sizeof(*id), GFP_KERNEL_ACCOUNT);

	if (!id)
		return NULL;
	kref_init(&id->ref);
	mutex_init(&id->lock);
	INIT_LIST_HEAD(&id->link);
	INIT_LIST_HEAD(&id->seal);
	return id;
}

struct mh_identity *mh_identity_get(struct mh_identity *id)
{
	kref_get(&id->ref);
	return id;
}

static void mh_identity_unlist(struct mh_identity *id)
{
	spin_lock(&mh_ids_lock);
	list_del_init(&id->link);
	spin_unlock(&mh_ids_lock);
}

static void mh_identity_release(struct kref *ref)
{
	struct mh_identity *id = container_of(ref, struct mh_identity, ref);

	mh_identity_unlist(id);
	mh_trust_free(id->trust);
	kfree(id->addresses);
	kfree_sensitive(id);
}

void mh_identity_put(struct mh_identity *id)
{
	kref_put(&id->ref, mh_identity_release);
}

void mh_identity_forget(struct mh_identity *id)
{
	mh_identity_unlist(id);
	mutex_lock(&id->lock);
	WRITE_ONCE(id->dead, true);
	memzero_explicit(id->kei, sizeof(id->kei));
	memzero_explicit(id->kes, sizeof(id->kes));
	memzero_explicit(id->kec, sizeof(id->kec));
	memzero_explicit(id->seat, sizeof(id->seat));
	mutex_unlock(&id->lock);
	mh_session_end_all(id, -EKEYREVOKED);
	mh_request_wipe(id);
}

/* ---- finding ---- */

static struct mh_identity *mh_identity_find(bool (*is)(const struct mh_identity *, const void *),
					    const void *what)
{
	struct mh_identity *id, *found = NULL;

	spin_lock(&mh_ids_lock);
	list_for_each_entry(id, &mh_ids, link)
		if (is(id, what) && kref_get_unless_zero(&id->ref)) {
			found = id;
			break;
		}
	spin_unlock(&mh_ids_lock);
	return found;
}

static bool mh_is_label(const struct mh_identity *id, const void *label)
{
	return smp_load_acquire(&id->joined) &&	/* then its label and id stay */
	       !strcmp(id->region, label);
}

static bool mh_is_region(const struct mh_identity *id, const void *region_id)
{
	return smp_load_acquire(&id->joined) &&	/* as above */
	       !memcmp(id->region_id, region_id, 32);
}

struct mh_identity *mh_identity_find_region(const char *label)
{
	return mh_identity_find(mh_is_label, label);
}

struct mh_identity *mh_identity_find_id(const u8 region_id[32])
{
	return mh_identity_find(mh_is_region, region_id);
}

struct mh_identity *mh_identity_next(struct mh_identity *before)
{
	struct mh_identity *id, *found = NULL;

	spin_lock(&mh_ids_lock);
	id = before && !list_empty(&before->link) ? before :
	     list_entry(&mh_ids, struct mh_identity, link);
	if (!before || id == before)
		list_for_each_entry_continue(id, &mh_ids, link)
			if (kref_get_unless_zero(&id->ref)) {
				found = id;
				break;
			}
	spin_unlock(&mh_ids_lock);
	if (before)
		mh_identity_put(before);
	return found;
}

/* mh_ids_lock is held */
static bool mh_region_listed(const char *label, const u8 *region_id)
{
	struct mh_identity *id;

	list_for_each_entry(id, &mh_ids, link)
		if (mh_is_label(id, label) || mh_is_region(id, region_id))
			return true;
	return false;
}

bool mh_identity_region_taken(const char *label, const u8 region_id[32])
{
	bool taken;

	spin_lock(&mh_ids_lock);
	taken = mh_region_listed(label, region_id);
	spin_unlock(&mh_ids_lock);
	return taken;
}

int mh_identity_publish(struct mh_identity *id)
{
	struct mh_identity *i;
	bool taken = false;

	spin_lock(&mh_ids_lock);
	if (id->joined)
		taken = mh_region_listed(id->region, id->region_id);
	else
		list_for_each_entry(i, &mh_ids, link)
			taken |= !i->joined && !strcmp(i->name, id->name);
	if (!taken)
		list_add_tail(&id->link, &mh_ids);
	spin_unlock(&mh_ids_lock);
	return taken ? -EEXIST : 0;
}

int mh_identity_add_key(struct mh_identity *id)
{
	char desc[sizeof("entity:/") + 2 * MH_NAME_MAX];
	struct key *key;
	int serial;

	snprintf(desc, sizeof(desc), "entity:%s%s%s", id->region, id->joined ? "/" : "", id->name);
	key = mh_keytype_add_identity(desc, id, id->uid, id->gid);
	if (IS_ERR(key)) {
		mh_identity_forget(id);
		return PTR_ERR(key);
	}
	serial = key->serial;
	key_put(key);
	return serial;
}

void mh_identity_changed(struct mh_identity *id)
{
	u64 generation;

	mutex_lock(&id->lock);
	generation = ++id->generation;
	mutex_unlock(&id->lock);
	mh_request_seal(id);
	mh_event(MH_EV_SEAL, id->region, id->name, generation);
}

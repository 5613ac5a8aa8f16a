// SPDX-License-Identifier: GPL-2.0-only
/* Delivered Data becomes a key, in its requester's context, with its credentials, at its quota. */
#include <linux/cred.h>
#include <linux/key-type.h>
#include <keys/user-type.h>
#include "deliver.h"
#include "genl.h"

/* No WRITE: user and logon have .update.  USR may see that it is there. */
#define MH_PERM_EXPORT	(KEY_POS_VIEW | KEY_POS_SEARCH | KEY_POS_LINK | KEY_USR_VIEW)

#define MH_DESC_MAX	(MH_NAME_MAX + 1 + MH_DATASET_MAX + 1)

key_ref_t mh_deliver_ring(key_serial_t keyring)
{
	key_ref_t ring = lookup_user_key(keyring, KEY_LOOKUP_CREATE, KEY_NEED_WRITE);

	if (IS_ERR(ring) || key_ref_to_ptr(ring)->type == &key_type_keyring)
		return ring;
	key_ref_put(ring);
	return ERR_PTR(-ENOTDIR);
}

static void mh_deliver_name(char desc[MH_DESC_MAX], const struct mh_fetch *f)
{
	snprintf(desc, MH_DESC_MAX, "%s/%s", f->identity->region, f->name);
}

/* It is on the list of leases now: either this sees a withdrawal, or that saw the lease. */
static int mh_deliver_settle(const struct mh_fetch *f, struct key *key)
{
	if (READ_ONCE(f->withdrawn)) {
		key_revoke(key);
		key_invalidate(key);
		return -EKEYREVOKED;
	}
	mh_event(MH_EV_DELIVERED, f->identity->region, f->name, f->data->version);
	return 0;
}

/* A new key always: one of that name which is there already keeps its planter's permissions. */
static struct key *mh_deliver_export(const struct mh_payload *p, u8 form, const char *desc,
				     const char *name, struct key *ring)
{
	struct key_type *type = form == MH_FORM_LOGON ? &key_type_logon : &key_type_user;
	key_perm_t perm = MH_PERM_EXPORT | (form == MH_FORM_USER ? KEY_POS_READ : 0);
	const struct cred *cred = current_cred();
	struct key *key;
	int ret;

	key = key_alloc(type, desc, cred->fsuid, cred->fsgid, cred, perm, KEY_ALLOC_IN_QUOTA, NULL);
	if (IS_ERR(key))
		return key;
	ret = key_instantiate_and_link(key, p->secret, p->len, ring, NULL);
	if (!ret) {
		ret = mh_lease_export(key, &p->lease, name);
		if (ret) {
			key_revoke(key);
			key_invalidate(key);
		}
	}
	if (ret) {
		key_put(key);
		return ERR_PTR(ret);
	}
	return key;
}

int mh_deliver_fetch(struct mh_fetch *f, struct mh_fetch_io *a, key_ref_t ring)
{
	static const u32 may[] = {
		[MH_FORM_LOGON] = MH_EXPORT_LOGON,
		[MH_FORM_USER] = MH_EXPORT_USER,
	};
	char name[MH_DESC_MAX], desc[MH_DESC_MAX + sizeof("microhsm:")];
	struct mh_payload *p;
	struct key *key;
	int ret;

	if (READ_ONCE(f->withdrawn))
		return -EKEYREVOKED;
	if (a->form != MH_FORM_KEY && !(f->data->policy.export & may[a->form]))
		return -EACCES;
	p = mh_payload_from(f);
	if (IS_ERR(p))
		return PTR_ERR(p);
	mh_deliver_name(name, f);
	if (a->form == MH_FORM_KEY) {
		key = mh_keytype_add(name, p, key_ref_to_ptr(ring));
	} else {
		snprintf(desc, sizeof(desc), "microhsm:%s", name);
		key = mh_deliver_export(p, a->form, *a->description ? a->description : desc, name,
					key_ref_to_ptr(ring));
		mh_payload_free(p);
	}
	if (IS_ERR(key))
		return PTR_ERR(key);
	a->serial = key->serial;
	a->version = f->data->version;
	ret = mh_deliver_settle(f, key);
	key_put(key);
	return ret;
}

int mh_deliver_construct(struct mh_fetch *f, struct key *key, struct key *ring,
			 struct key *authkey)
{
	struct mh_payload *p;
	int ret;

	if (READ_ONCE(f->withdrawn))
		return -EKEYREVOKED;
	p = mh_payload_from(f);
	if (IS_ERR(p))
		return PTR_ERR(p);
	ret = mh_keytype_instantiate(key, p, ring, authkey);
	if (ret)
		return ret;
	/* the request is answered, and cannot be rejected any more: a use says EKEYREVOKED */
	mh_deliver_settle(f, key);
	return 0;
}

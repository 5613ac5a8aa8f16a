// SPDX-License-Identifier: GPL-2.0-only
/* Key type "microhsm": payloads, their life, and who may reach them. */
#include <linux/key-type.h>
#include <linux/keyctl.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/microhsm.h>
#include "audit.h"
#include "doorbell.h"
#include "keytype.h"
#include "trust.h"

/*
 * WRITE and not SETATTR: `keyctl revoke` needs one of them, and without
 * .update WRITE gives nothing else.  LINK: request_key(2) with a
 * destination keyring needs it to find the key a second time.  An identity
 * is used by its owner, who does not possess it: USR.
 */
#define MH_PERM_KEY	(KEY_POS_VIEW | KEY_POS_READ | KEY_POS_SEARCH | KEY_POS_WRITE | \
			 KEY_POS_LINK | KEY_USR_VIEW)
#define MH_PERM_IDENTITY (KEY_POS_VIEW | KEY_POS_SEARCH | KEY_USR_VIEW | KEY_USR_SEARCH | \
			  KEY_USR_WRITE)
#define MH_PERM_RING	(KEY_POS_VIEW | KEY_POS_SEARCH | KEY_USR_VIEW | KEY_USR_READ | \
			 KEY_USR_SEARCH)
/*
 * What tells our payload from userspace's in .preparse: add_key, keyctl
 * update and instantiate refuse more than 1 MiB - 1 bytes.
 */
#define MH_OWN_LEN	SIZE_MAX

static struct key *mh_ring;
static atomic_t mh_payloads = ATOMIC_INIT(0);
static atomic_t mh_identities = ATOMIC_INIT(0);
static atomic64_t mh_payload_seq = ATOMIC64_INIT(0);
static bool mh_drain_flag;	/* set once */

bool mh_draining(void)
{
	return READ_ONCE(mh_drain_flag);
}

void mh_drain_begin(void)
{
	WRITE_ONCE(mh_drain_flag, true);
	smp_mb();	/* pairs with mh_payload_new(): it sees the flag, or we its count */
}

unsigned int mh_keytype_payloads(void)
{
	return atomic_read(&mh_payloads);
}

unsigned int mh_keytype_identities(void)
{
	return atomic_read(&mh_identities);
}

/* ---- payloads ---- */

/*
 * The caller still runs module text after the module_put() here.  It may, as it is one of:
 *   .destroy, .free_preparse: unregister_key_type() waits for a later pass of the collector's
 *     one work item, and takes for writing the key_types_sem that system calls hold;
 *   the actor, .preparse: the same semaphore;
 *   an ioctl, read or write: the open file holds a reference of its own.
 */
void mh_payload_free(struct mh_payload *p)
{
	if (!p)
		return;
	if (p->identity) {
		atomic_dec(&mh_identities);
		mh_identity_put(p->identity);
	}
	kfree_sensitive(p);
	atomic_dec(&mh_payloads);
	module_put(THIS_MODULE);
}

static struct mh_payload *mh_payload_new(u8 kind, key_perm_t perm)
{
	struct mh_payload *p;

	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ESHUTDOWN);
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p) {
		module_put(THIS_MODULE);
		return ERR_PTR(-ENOMEM);
	}
	atomic_inc(&mh_payloads);
	smp_mb__after_atomic();		/* pairs with mh_drain_begin() */
	p->kind = kind;
	p->perm = perm;
	p->seq = atomic64_inc_return(&mh_payload_seq);
	mh_lease_setup(&p->lease);
	if (mh_draining()) {
		mh_payload_free(p);
		return ERR_PTR(-ESHUTDOWN);
	}
	return p;
}

static int mh_payload_fill(struct mh_payload *p, const struct mh_delivered *d)
{
	int ret = 0;

	if ((d->alg == MH_ALG_AES256 || d->alg == MH_ALG_P256) && d->len != MH_KEY_LEN)
		return -EBADMSG;
	p->version = d->version;
	p->policy = d->policy;
	atomic_set(&p->uses, min_t(u32, d->policy.uses, INT_MAX));
	p->alg = d->alg;
	p->len = d->len;
	memcpy(p->secret, d->secret, d->len);
	memcpy(p->lease.leaf, d->leaf, sizeof(d->leaf));
	if (d->alg == MH_ALG_P256)
		ret = mh_p256_public(p->public_key, p->secret);
	return ret && ret != -ENOMEM ? -EBADMSG : ret;
}

struct mh_payload *mh_payload_from(const struct mh_fetch *f)
{
	struct mh_payload *p = mh_payload_new(MH_PAYLOAD_KEY, MH_PERM_KEY);
	int ret;

	if (IS_ERR(p))
		return p;
	memcpy(p->lease.region_id, f->identity->region_id, sizeof(p->lease.region_id));
	p->lease.deadline = f->data->deadline;
	ret = mh_payload_fill(p, f->data);
	if (!ret && mh_lease_over(&p->lease))
		ret = -EKEYEXPIRED;
	if (ret) {
		mh_payload_free(p);
		return ERR_PTR(ret);
	}
	return p;
}

struct mh_payload *mh_payload_get(const struct key *key)
{
	struct mh_payload *p;

	lockdep_assert_held(&key->sem);
	if (key->type != &mh_key_type || !key_is_positive(key))
		return ERR_PTR(-EKEYREJECTED);
	p = key->payload.data[0];
	if (!p)
		return ERR_PTR(-EKEYREJECTED);
	if (p->ended || test_bit(KEY_FLAG_REVOKED, &key->flags))
		return ERR_PTR(-EKEYREVOKED);
	if (READ_ONCE(key->perm) != p->perm)
		return ERR_PTR(-EKEYREJECTED);
	if (!READ_ONCE(p->lease.deadline))	/* hastened: withdrawn or dropped */
		return ERR_PTR(-EKEYREVOKED);
	if (mh_lease_over(&p->lease))
		return ERR_PTR(-EKEYEXPIRED);
	return p;
}

int mh_payload_use(struct mh_payload *p, u32 op)
{
	if (p->kind != MH_PAYLOAD_KEY)
		return 0;
	if (!(p->policy.operations & op))
		return -EACCES;
	/* what needs only the public half is not counted */
	if (!p->policy.uses || op == MH_OP_VERIFY)
		return 0;
	if (atomic_dec_if_positive(&p->uses) < 0) {
		mh_lease_expire(&p->lease, MH_EV_LEASE_END);
		return -EKEYEXPIRED;
	}
	return 0;
}

/* ---- key_type ---- */

static int mh_key_vet_description(const char *desc)
{
	const char *slash = strchr(desc, '/');
	const char *name = desc;

	if (!strncmp(desc, "entity:", 7)) {
		name += 7;
		if (!slash)
			return mh_name_ok(mh_text(name)) ? 0 : -EINVAL;
		if (!mh_name_ok(mh_text(slash + 1)))
			return -EINVAL;
	} else if (!slash || !mh_dataset_name_ok(mh_text(slash + 1))) {
		return -EINVAL;
	}
	return mh_name_ok(MH_BUF(name, slash - name)) ? 0 : -EINVAL;
}

static int mh_key_preparse(struct key_preparsed_payload *prep)
{
	if (prep->datalen != MH_OWN_LEN)
		return -EPERM;
	prep->payload.data[0] = (void *)prep->data;
	prep->quotalen = sizeof(struct mh_payload);
	return 0;
}

/* Called on every path, after a failed .preparse too. */
static void mh_key_free_preparse(struct key_preparsed_payload *prep)
{
	mh_payload_free(prep->payload.data[0]);
}

/* Under key_construction_mutex: a pointer swap and the permissions. */
static int mh_key_instantiate(struct key *key, struct key_preparsed_payload *prep)
{
	struct mh_payload *p = prep->payload.data[0];
	int ret = key_payload_reserve(key, prep->quotalen);

	if (ret)
		return ret;
	prep->payload.data[0] = NULL;
	key->payload.data[0] = p;
	/*
	 * The core gives the possessor SETATTR in request_key.  A setperm that
	 * is past its check may still land after us: mh_payload_get() compares.
	 */
	WRITE_ONCE(key->perm, p->perm);
	mh_lease_add(&p->lease, key);
	return 0;
}

/*
 * The identity is another key's by now when join made its new one first.
 * Only the one key whose serial it bears forgets it.
 */
static void mh_payload_forget(const struct key *key, struct mh_payload *p)
{
	if (!p->identity || READ_ONCE(p->identity->serial) != key->serial)
		return;
	mh_doorbell_unseal(p->identity);
	mh_identity_forget(p->identity);
	mh_audit("forget", key->description, true);
}

/*
 * key->sem is held for writing.  The struct stays until .destroy, for readers
 * and for the lease.  `keyctl revoke` ends here too, so the lease is
 * brought forward: its work invalidates, which may not be done here.
 */
static void mh_key_revoke(struct key *key)
{
	struct mh_payload *p = key->payload.data[0];

	if (!p || p->ended)
		return;
	p->ended = true;
	memzero_explicit(p->secret, sizeof(p->secret));
	mh_payload_forget(key, p);
	mh_lease_expire(&p->lease, 0);
}

/*
 * The collector's work.  For negative and unfinished keys too, when the
 * type is unregistered: no payload, no reference to put.
 */
static void mh_key_destroy(struct key *key)
{
	struct mh_payload *p = key->payload.data[0];

	if (!p)
		return;
	mh_lease_remove(&p->lease);
	if (!p->ended)		/* invalidated or unlinked */
		mh_payload_forget(key, p);
	mh_payload_free(p);
}

/* Under a spinlock and RCU, for keys in any state: the payload is not looked at. */
static void mh_key_describe(const struct key *key, struct seq_file *m)
{
	seq_puts(m, key->description);
}

/* No .read: reading gives EOPNOTSUPP.  No .update: adding again makes a new key. */
struct key_type mh_key_type = {
	.name = "microhsm",
	.flags = KEY_TYPE_INSTANT_REAP,
	.vet_description = mh_key_vet_description,
	.preparse = mh_key_preparse,
	.free_preparse = mh_key_free_preparse,
	.instantiate = mh_key_instantiate,
	.revoke = mh_key_revoke,
	.destroy = mh_key_destroy,
	.describe = mh_key_describe,
	.request_key = mh_request_key,
	.asym_query = mh_pkey_query,
	.asym_eds_op = mh_pkey_eds_op,
	.asym_verify_signature = mh_pkey_verify,
};

/* ---- making and finding ---- */

int mh_keytype_instantiate(struct key *key, struct mh_payload *p, struct key *ring,
			   struct key *authkey)
{
	return key_instantiate_and_link(key, p, MH_OWN_LEN, ring, authkey);
}

struct key *mh_keytype_add(const char *desc, struct mh_payload *p, struct key *ring)
{
	const struct cred *cred = current_cred();
	struct key *key;
	int ret;

	key = key_alloc(&mh_key_type, desc, cred->fsuid, cred->fsgid, cred, p->perm,
			KEY_ALLOC_IN_QUOTA, NULL);
	if (IS_ERR(key)) {
		mh_payload_free(p);
		return key;
	}
	ret = mh_keytype_instantiate(key, p, ring, NULL);
	if (ret) {
		key_put(key);
		return ERR_PTR(ret);
	}
	return key;
}

void mh_keytype_seal_perm(struct key *key)
{
	down_write(&key->sem);
	WRITE_ONCE(key->perm, MH_PERM_KEY);
	up_write(&key->sem);
}

struct key *mh_keytype_add_identity(const char *desc, struct mh_identity *id, kuid_t uid,
				    kgid_t gid)
{
	key_serial_t before = id->serial;
	struct mh_payload *p;
	struct key *key;
	int ret;

	p = mh_payload_new(MH_PAYLOAD_IDENTITY, MH_PERM_IDENTITY);
	if (IS_ERR(p))
		return ERR_CAST(p);
	p->identity = mh_identity_get(id);
	atomic_inc(&mh_identities);
	p->lease.identity = true;
	key = key_alloc(&mh_key_type, desc, uid, gid, current_cred(), p->perm,
			KEY_ALLOC_NOT_IN_QUOTA, NULL);
	if (IS_ERR(key)) {
		mh_payload_free(p);
		return key;
	}
	WRITE_ONCE(id->serial, key->serial);	/* before anybody can revoke it */
	ret = mh_keytype_instantiate(key, p, mh_ring, NULL);
	if (ret) {
		WRITE_ONCE(id->serial, before);
		key_put(key);
		return ERR_PTR(ret);
	}
	if (mh_draining())	/* the drain's walk may have come before us */
		mh_lease_end_serial(key->serial);
	mh_audit("open", desc, true);
	return key;
}

static struct mh_identity *mh_identity_of(struct key *key)
{
	struct mh_identity *id;
	struct mh_payload *p;

	if (key->type != &mh_key_type)
		return ERR_PTR(-EKEYREJECTED);
	down_read(&key->sem);
	p = mh_payload_get(key);
	if (IS_ERR(p))
		id = ERR_CAST(p);
	else if (p->kind != MH_PAYLOAD_IDENTITY)
		id = ERR_PTR(-EKEYREJECTED);
	else
		id = mh_identity_get(p->identity);
	up_read(&key->sem);
	return id;
}

struct mh_identity *mh_keytype_identity(key_serial_t serial, enum key_need_perm need)
{
	struct mh_identity *id;
	key_ref_t ref;

	if (serial <= 0)
		return ERR_PTR(-EINVAL);
	ref = lookup_user_key(serial, 0, need);
	if (IS_ERR(ref))
		return ERR_CAST(ref);
	id = mh_identity_of(key_ref_to_ptr(ref));
	key_ref_put(ref);
	return id;
}

struct mh_identity *mh_keytype_identity_any(key_serial_t serial)
{
	struct key *key = mh_lease_key(serial);
	struct mh_identity *id;

	if (!key)
		return ERR_PTR(-ENOKEY);
	id = mh_identity_of(key);
	key_put(key);
	return id;
}

void mh_keytype_drop(key_serial_t serial)
{
	mh_lease_end_serial(serial);
}

int mh_keytype_init(void)
{
	int ret;

	BUILD_BUG_ON(sizeof(struct mh_payload) > 1024);
	mh_ring = keyring_alloc(".microhsm", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, current_cred(),
				MH_PERM_RING, KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(mh_ring))
		return PTR_ERR(mh_ring);
	ret = register_key_type(&mh_key_type);
	if (ret)
		key_put(mh_ring);
	return ret;
}

/* Each payload held the module, so no key of ours is alive but negative ones. */
void mh_keytype_exit(void)
{
	unregister_key_type(&mh_key_type);
	key_put(mh_ring);
}

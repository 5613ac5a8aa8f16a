/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key type "microhsm": identities ("entity:...", on the module's own keyring)
 * and delivered keys ("REGION/DATASET", on their requester's).
 *
 * A payload holds one reference to the module from its creation to its end
 * and is reached by key->payload.data[0].  Its secret is changed (wiped) only
 * with key->sem held for writing and read with it held for reading.
 *
 * Lock order: key->sem, then a session's lock, then mh_identity.lock, then mh_lease_lock or
 * the doorbell's.  So nobody may call lookup_user_key(), key_revoke() or what
 * takes key->sem while holding one of the others.  mh_keytype_drop() does not.
 */
#ifndef MH_KEYTYPE_H
#define MH_KEYTYPE_H

#include <linux/key.h>
#include <linux/rwsem.h>
#include "entity.h"
#include "lease.h"
#include "request.h"

enum mh_payload_kind { MH_PAYLOAD_IDENTITY = 1, MH_PAYLOAD_KEY };

/**
 * struct mh_payload - what a key of ours holds
 * @lease: when it ends
 * @perm: the only permissions with which the key may be used
 * @kind: enum mh_payload_kind
 * @seq: never the same twice
 * @ended: revoked, secret is wiped; key->sem
 * @identity: identity's; a reference
 * @version: of the DataSet
 * @policy: all of its POLICYs, combined
 * @uses: left, when policy.uses is not 0
 * @alg: enum mh_alg
 * @len: of @secret
 * @secret: key->sem
 * @public_key: of a P-256 key
 */
struct mh_payload {
	struct mh_lease lease;
	key_perm_t perm;
	u8 kind;
	bool ended;
	u64 seq;
	struct mh_identity *identity;
	u64 version;
	struct mh_policy policy;
	atomic_t uses;
	u8 alg;
	u32 len;
	u8 secret[64];
	u8 public_key[64];
};

/* ---- for entity.c ---- */

/**
 * mh_keytype_add_identity() - make an identity's key on the module's keyring
 * @desc: "entity:NAME" or "entity:REGION/NAME"
 * @id: a reference is taken; its serial is written
 * @uid: owner
 * @gid: owner
 *
 * A key of that description is displaced: the caller has looked.  Return: the key with a reference
 * for the caller, or ERR_PTR: -ESHUTDOWN draining, -ENOMEM.
 */
struct key *mh_keytype_add_identity(const char *desc, struct mh_identity *id, kuid_t uid,
				    kgid_t gid);
/**
 * mh_keytype_identity() - the identity of a key, if the caller has @need on it
 *
 * Return: a reference, or ERR_PTR: -ENOKEY, -EACCES, -EKEYREVOKED, -EKEYREJECTED.
 */
struct mh_identity *mh_keytype_identity(key_serial_t serial, enum key_need_perm need);
/*
 * The same without a permission, for MH_IOC_BLOB and BLOB_ACK by the agent, whose descriptor
 * (mh_doorbell_is_agent()) is the right: it has dropped its privileges by then.
 */
struct mh_identity *mh_keytype_identity_any(key_serial_t serial);
/*
 * End the key soon (revoke, invalidate).  Its identity is forgotten only if id->serial is still
 * this key's, so that join may give the same identity another key first.
 */
void mh_keytype_drop(key_serial_t serial);

/* ---- for deliver.c, use.c ---- */

extern struct key_type mh_key_type;

/* Of f's parked data; a reference to the module.  ERR_PTR: -ESHUTDOWN, -ENOMEM, -EINVAL. */
struct mh_payload *mh_payload_from(const struct mh_fetch *f);
void mh_payload_free(struct mh_payload *p);	/* NULL is fine; wipes */
/* A key of the caller's on ring; consumes p, on failure too.  Returns a reference. */
struct key *mh_keytype_add(const char *desc, struct mh_payload *p, struct key *ring);
/* The core's key of request_key(2): consumes p, on failure too. */
int mh_keytype_instantiate(struct key *key, struct mh_payload *p, struct key *ring,
			   struct key *authkey);
void mh_keytype_seal_perm(struct key *key);	/* the actor's first lines */

/**
 * mh_payload_get() - the payload of a key that may be used now
 *
 * key->sem is held.  Return: ERR_PTR -EKEYREJECTED not ours or its permissions were
 * changed, -EKEYREVOKED, -EKEYEXPIRED.
 */
struct mh_payload *mh_payload_get(const struct key *key);
/* Count one use of kind op (MH_OP_*): -EACCES policy, -EKEYEXPIRED uses spent. key->sem is held. */
int mh_payload_use(struct mh_payload *p, u32 op);

unsigned int mh_keytype_payloads(void);
unsigned int mh_keytype_identities(void);

/* Draining: set once, never cleared. */
bool mh_draining(void);
void mh_drain_begin(void);

int mh_keytype_init(void);
void mh_keytype_exit(void);

/* ---- pkey.c: sign and verify by keyctl ---- */
struct kernel_pkey_params;
struct kernel_pkey_query;
int mh_pkey_query(const struct kernel_pkey_params *params, struct kernel_pkey_query *res);
int mh_pkey_eds_op(struct kernel_pkey_params *params, const void *in, void *out);
int mh_pkey_verify(struct kernel_pkey_params *params, const void *in, const void *in2);
/* r || s by Kes; key->sem is held. */
int mh_pkey_sign(struct mh_payload *p, const u8 digest[32], u8 sig[64]);

#endif

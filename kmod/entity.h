/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Identities.  An identity is an object of its own, referenced by the payload
 * of its key "entity:..." and by its sessions and fetches; when its key goes
 * (revoke, forget, drain) mh_identity_forget() wipes the private keys and ends its sessions.
 */
#ifndef MH_ENTITY_H
#define MH_ENTITY_H

#include <linux/kref.h>
#include <linux/key.h>
#include <linux/mutex.h>
#include "core/blob.h"
#include "core/messages.h"
#include "core/wrap.h"

/* trust.c: pinned ANCHOR, EPOCH, floors, revocations, cached statements of one Region */
struct mh_trust;
struct mh_session;

struct mh_identity {
	struct kref ref;
	struct list_head link;		/* entity.c: all identities; its lock */
	struct mutex lock;		/* below, but trust, session, seal; after a session's */
	bool dead;			/* forgotten: keys are wiped */
	bool joined;
	char name[MH_NAME_MAX + 1];
	char region[MH_NAME_MAX + 1];	/* label; "" while pending */
	u8 region_id[32];
	u8 ecx[32];
	u8 kei_kind, kec_kind;			/* enum mh_key_kind */
	/* private, or secret: until it has joined a one-time key's private half is in its place */
	u8 kei[32], kes[32], kec[32];
	u8 kei_pub[64], kes_pub[64], kec_pub[32];	/* of pairs */
	u8 request_nonce[32];
	u8 request[512];		/* the join request, once made */
	u16 request_len;
	u8 incarnation[MH_INCARNATION_LEN];
	u64 sessions, receipts;
	u8 head[32];
	u64 entity_serial;
	struct mh_trust *trust;		/* set at join or unlock */
	struct mh_session *session;	/* the open (or opening) one, under session.c's lock */
	u64 generation, sealed;		/* blob */
	u8 seat[32];			/* Seat of Trust, to seal again */
	struct mh_blob_header header;	/* seats and salts of the blob */
	kuid_t uid;			/* owner of its key */
	kgid_t gid;
	char *addresses;		/* '\n' between; may be NULL */
	key_serial_t serial;		/* of its key; keytype.c writes it */
	struct list_head seal;		/* to be sealed, with a reference; doorbell.c's lock */
	bool seal_queued;		/* in that list; doorbell.c's lock */
};

struct mh_identity *mh_identity_get(struct mh_identity *id);
void mh_identity_put(struct mh_identity *id);
/* From keytype's .revoke (key->sem held) and .destroy; may not sleep long. */
void mh_identity_forget(struct mh_identity *id);
struct mh_identity *mh_identity_find_region(const char *label);	/* reference; NULL */
struct mh_identity *mh_identity_find_id(const u8 region_id[32]);	/* reference; NULL */
/* Joined or sealed state changed: a new generation, to be sealed by the agent. */
void mh_identity_changed(struct mh_identity *id);
/* The identity after *before (reference put), or the first; a reference, NULL at the end. */
struct mh_identity *mh_identity_next(struct mh_identity *before);

/* ---- between entity.c, entity_seal.c and join.c ---- */
struct mh_identity *mh_identity_alloc(void);	/* one reference, on no list; NULL */
/* Publishes it; -EEXIST a pending one of that name, or one of that Region (label or id) */
int mh_identity_publish(struct mh_identity *id);
/* Makes its key; the identity is forgotten when that fails. Returns the serial. */
int mh_identity_add_key(struct mh_identity *id);
bool mh_identity_region_taken(const char *label, const u8 region_id[32]);

#endif

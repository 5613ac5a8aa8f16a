/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a joined Region's statements are checked against: the pinned chain of
 * ANCHORs, DELEGATIONs, the newest EPOCH, floors, revocation; and the host's
 * secure clock (PROTOCOL 5.4): now = max(wall clock, floor + boot time since
 * it was learnt).  A mutex a Region; statements are kept by reference, so that
 * what was verified is used outside it.
 */
#ifndef MH_TRUST_H
#define MH_TRUST_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include "entity.h"

/* A verified statement, with its bytes. */
struct mh_kept {
	struct kref ref;
	struct list_head link;	/* cache or anchors; mh_trust.lock */
	struct mh_stmt s;
	u8 bytes[];
};

#define MH_TRUST_CACHE	64
#define MH_TRUST_FLOORS	512

struct mh_floor {
	u8 type;
	u8 subject[32];		/* H(subject) */
	u64 serial;
};

struct mh_trust {
	struct mutex lock;
	u8 region_id[32];
	struct list_head anchors;	/* newest first; those that min_anchor does not void */
	struct list_head cache;		/* most lately used first */
	unsigned int cached;
	struct mh_kept *serve, *fresh, *suspend, *epoch, *entity;
	bool revoked;
	u64 suspended_until;
	struct mh_floor *floor;
	unsigned int floors;
};

u64 mh_trust_now(void);
u64 mh_trust_floor(void);
void mh_trust_learn(u64 time);	/* only a verified EPOCH.issued, or the sealed state's */

struct mh_trust *mh_trust_create(void);
void mh_trust_destroy(struct mh_trust *t);
struct mh_kept *mh_kept_get(struct mh_kept *k);
void mh_kept_put(struct mh_kept *k);

/* The chain from genesis on: u16 or more V(ANCHOR); pins region_id. */
int mh_trust_pin(struct mh_trust *t, struct mh_buf anchors);
/* The next ANCHOR. -ESTALE known already, -EBADMSG gap, fork, signature */
int mh_trust_anchor(struct mh_trust *t, struct mh_buf bytes);
/* DELEGATIONs and EPOCH of idR or a bundle, in PROTOCOL 5.4's order; *serve gets a reference when it is not NULL. */
int mh_trust_fresh(struct mh_trust *t, const struct mh_buf *delegation, u8 n, struct mh_buf epoch,
		   struct mh_kept **serve);
/*
 * One statement of an answer: signature by a known signer, validity, floors.
 * *out is a reference.  -ENOKEY unknown signer
 */
int mh_trust_statement(struct mh_trust *t, struct mh_buf bytes, struct mh_kept **out);
/* A push or MH_CMD_STATEMENT; acts on id (ends sessions, withdraws keys). -ESTALE older */
int mh_trust_push(struct mh_identity *id, struct mh_buf bytes);
/* INSTANCE was signed by the RAG (owner empty), by group owner, or by a generate key */
bool mh_trust_owner(struct mh_trust *t, const struct mh_stmt *instance, struct mh_buf owner);
bool mh_trust_stale(struct mh_trust *t);	/* EPOCH has ended */
u64 mh_trust_floor_of(struct mh_trust *t, u8 type, struct mh_buf subject);
/* true: it rose (seal again) */
bool mh_trust_raise(struct mh_trust *t, u8 type, struct mh_buf subject, u64 serial);
u64 mh_trust_anchor_serial(struct mh_trust *t);
int mh_trust_set_entity(struct mh_trust *t, struct mh_buf bytes);	/* -EBADMSG */

/* Sealed form; the reader takes what the writer made */
void mh_trust_write(struct mh_trust *t, struct mh_writer *w);
int mh_trust_read(struct mh_trust *t, struct mh_reader *r);

#endif

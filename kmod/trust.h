/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this host believes of one Region: the pinned ANCHORs, the newest EPOCH,
 * floors, revocations, and statements that were verified, by leaf.
 *
 * Everything but the clock is under the trust's mutex, which is taken after a
 * session's lock and before mh_identity.lock; signatures are verified under it.
 * `budget` is how many signatures the caller may still have verified: -EDQUOT.
 */
#ifndef MH_TRUST_H
#define MH_TRUST_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include "entity.h"
#include "core/messages.h"
#include "core/statement.h"

#define MH_TRUST_ANCHORS	64	/* kept; statements under an older one are void */
#define MH_TRUST_ANCHOR_BYTES	(128 * 1024)	/* the same; a blob has room for them */
#define MH_TRUST_KEPT		256	/* verified statements remembered */
#define MH_TRUST_KEPT_BYTES	(1024 * 1024)
#define MH_TRUST_FLOORS		1024
#define MH_TRUST_REVOKES	128	/* of these, what only a REVOKE may take */
#define MH_TRUST_GIVEN		4096	/* deliveries that a REVOKE may still reach */
#define MH_TRUST_USED		18	/* statements behind one delivery, without their signers */

/* A verified statement and its bytes. */
struct mh_kept {
	struct kref ref;
	struct list_head link;	/* newest use first; the trust's lock */
	struct mh_stmt s;
	size_t size;
	u8 bytes[];
};

struct mh_kept *mh_kept_new(struct mh_buf bytes);	/* parsed; or ERR_PTR */
void mh_kept_put(struct mh_kept *k);	/* NULL is fine */

/*
 * The lowest serial (an INSTANCE's: version) still taken.  By a REVOKE: as long as its ANCHOR is
 * not void; of type 0, all that was made under the DELEGATION with that leaf.
 */
struct mh_floor {
	u8 type;
	u8 subject[32];		/* H(subject), or the leaf */
	u64 serial;
	u64 anchor;		/* serial of the REVOKE's ANCHOR; 0: no REVOKE said so */
};

struct mh_trust {
	struct mutex lock;	/* of all below */
	u8 region[32];
	struct mh_kept *anchor[MH_TRUST_ANCHORS];
	unsigned int anchors;	/* the last is the current one */
	size_t anchor_bytes;
	struct mh_kept *epoch;	/* of the newest `issued`; NULL before the first */
	u64 epoch_until;	/* its end, or its signer's */
	struct list_head kept;
	unsigned int nkept;
	size_t kept_bytes;
	struct list_head given;	/* struct mh_given, newest first */
	unsigned int ngiven;
	struct mh_floor *floor;
	unsigned int floors, floors_room;
	u64 time, learnt;	/* floor of the clock, and boot time when it was learnt; seconds */
	u8 entity_signer[32];	/* leaf of who signed our ENTITY */
	u64 suspended;		/* until */
	u64 suspend_serial;	/* of the newest SUSPEND */
	u64 revoked;		/* serial of the ANCHOR whose REVOKE took our ENTITY; 0: none did */
	bool changed;		/* something that the blob holds */
	bool voids;		/* min_anchor took effect: open sessions hang on what is void */
};

struct mh_trust *mh_trust_new(void);
void mh_trust_free(struct mh_trust *t);		/* NULL is fine */

/* The host's clock, and its floor: the module's build. A Region's own: mh_trust_time(). */
u64 mh_trust_now(void);
u64 mh_trust_floor(void);
/* now of PROTOCOL 5.4; t->lock is held */
u64 mh_trust_time(const struct mh_trust *t);
void mh_trust_learn(struct mh_trust *t, u64 issued);

/* ---- ANCHORs ---- */
/* Genesis (pins t->region), then one link at a time. -ESTALE had it, -ENOTUNIQ, -EBADMSG */
int mh_trust_anchor(struct mh_trust *t, struct mh_buf bytes);
u64 mh_trust_anchor_serial(struct mh_trust *t);

/* ---- statements ---- */
/*
 * Verified down to the pinned ANCHORs: signer known and not revoked, floors, validity now.
 * -ENOKEY signer not known, -EKEYREVOKED, -ESTALE below a floor or older than one seen,
 * -EKEYEXPIRED, -EBADMSG, -EPERM, -EDQUOT, -ENOTUNIQ a fork (tell).  *kept is a reference.
 */
int mh_trust_statement(struct mh_trust *t, struct mh_buf bytes, u32 *budget, struct mh_kept **kept);
/* The same of *k, for which the one known before may be put; a reference also when refused. */
int mh_trust_accept(struct mh_trust *t, struct mh_kept **k, u32 *budget);
/* signed by the owner group's officers, by the RAG, or by a generate key */
bool mh_trust_same_authority(struct mh_trust *t, const struct mh_stmt *instance,
			     struct mh_buf owner);

/* ---- freshness and the peer ---- */
struct mh_peer {
	u8 ksp2[MH_P256_PUB_LEN];
	char name[MH_NAME_MAX + 1];
	struct mh_kept *serve;	/* a reference */
};

/*
 * DELEGATIONs (serve first) and EPOCH of idR or bundle, in the order of PROTOCOL 5.4; peer may be
 * NULL.
 */
int mh_trust_fresh(struct mh_trust *t, const struct mh_buf *delegation, unsigned int n,
		   struct mh_buf epoch, u32 *budget, struct mh_peer *peer);

/* ---- deliveries; t->lock is held until a REVOKE would find what was given ---- */
bool mh_trust_stale(struct mh_trust *t);	/* past EPOCH's end, or none */
/* The serve DELEGATION still stands, and covers dataset ("" : any). */
int mh_trust_serves(struct mh_trust *t, const struct mh_stmt *serve, struct mh_buf dataset);
/* The lowest version of dataset that may be delivered unasked. */
u64 mh_trust_version_floor(struct mh_trust *t, struct mh_buf dataset);
/*
 * A delivery by these statements: what a later REVOKE reaches; raises the floors of the version
 * and of the DATASET's serial.  -EDQUOT, -ENOMEM, -EKEYREVOKED, -ESTALE
 */
int mh_trust_delivered(struct mh_trust *t, struct mh_kept *const *used, unsigned int n,
		       const u8 leaf[32], struct mh_buf dataset, u64 version);

/* ---- statements pushed to us, on a session or by netlink ---- */
/* ANCHOR, DELEGATION, EPOCH, REVOKE, SUSPEND; acts on it. */
int mh_trust_push(struct mh_identity *id, struct mh_buf bytes, u32 *budget);
/* The trust may have moved by what ended with ret: forks are told, sessions end, it is sealed. */
void mh_trust_note(struct mh_identity *id, int ret);

/* ---- what the blob keeps; the reader takes what the writer made ---- */
void mh_trust_write(struct mh_trust *t, struct mh_writer *w);
int mh_trust_read(struct mh_trust *t, struct mh_reader *r);

/* ---- between trust.c, trust_fresh.c and trust_seal.c; t->lock is held ---- */
struct mh_kept *mh_trust_signer(struct mh_trust *t, const u8 leaf[32]);
/* Below a floor, revoked, or under a voided DELEGATION */
int mh_trust_check(struct mh_trust *t, const struct mh_stmt *s);
int mh_trust_verify(struct mh_trust *t, const struct mh_stmt *s, u32 *budget);
/* Verifies and remembers *k, or puts the one remembered in its place; no times are looked at */
int mh_trust_take(struct mh_trust *t, struct mh_kept **k, u32 *budget);
/* anchor: as in struct mh_floor.  -ENOSPC no room for another floor */
int mh_trust_raise(struct mh_trust *t, u8 type, const u8 subject[32], u64 serial, u64 anchor);
int mh_trust_add_anchor(struct mh_trust *t, struct mh_buf bytes);
void mh_trust_drop_epoch(struct mh_trust *t);
struct mh_given;
void mh_given_free_all(struct mh_trust *t);

#endif

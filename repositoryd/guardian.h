/* SPDX-License-Identifier: MIT */
/*
 * May this Entity have this, and which Instance: asked at each REQUEST.  Nothing of the answer is
 * remembered, but how each statement stands, until the store changes (standing.c).
 */
#ifndef REPOSITORYD_GUARDIAN_H
#define REPOSITORYD_GUARDIAN_H

#include "repositoryd.h"

struct mh_decision {
	u8 code;			/* 0, or why not (enum mh_refusal) */
	struct mh_bytes entity, dataset, instance;	/* statements; owned */
};

void mh_decision_free(struct mh_decision *g);

/*
 * The statement holds now: valid at now, not revoked, and so are those above
 * it up to an ANCHOR that min_anchor does not void.  -EKEYEXPIRED, -ESTALE
 * (not yet), -EKEYREVOKED, -EKEYREJECTED (void), -errno of the store.
 */
int mh_guardian_live(struct mh_daemon *d, const u8 region[32], const struct mh_stmt *s, u64 now);
/* What mh_guardian_live() gave says that it does not hold: any other errno does not know. */
bool mh_guardian_void(int err);

/* ---- standing.c ---- */

struct mh_standing {
	bool revoked;
	int above;	/* 0, or why its signers do not hold: -EKEYREVOKED, -EKEYREJECTED */
};

/*
 * What only a submission can change of a statement: whether it is revoked, and whether those above
 * it are, up to an ANCHOR that min_anchor does not void.  0, or the store's -errno.
 */
int mh_standing(struct mh_daemon *d, const u8 region[32], const struct mh_stmt *s,
		struct mh_standing *out);

/* ---- guardian.c ---- */

/*
 * Standing of an Entity: 0 or enum mh_refusal; negative: the store failed.  out: its newest
 * ENTITY, if any.
 */
int mh_guardian_entity(struct mh_daemon *d, const u8 region[32], struct mh_buf name, u64 now,
		       struct mh_bytes *out);
/* H(kind of Kei || Kei || kind of Kec || kid(Kec)): the keys that an ENTITY's session is of */
void mh_guardian_keys(const struct mh_stmt *entity, u8 out[MH_HASH_LEN]);
/* 1 suspended, 0 not; negative: the store failed */
int mh_guardian_suspended(struct mh_daemon *d, const u8 region[32], struct mh_buf name, u64 now);
/* Rights of an Entity on a DataSet, through groups of groups; negative: the store failed. */
int mh_guardian_rights(struct mh_daemon *d, const u8 region[32], struct mh_buf entity,
		       struct mh_buf dataset, u64 now);
/*
 * 0 and a decision, to be freed; negative: the store failed.  keys: as mh_guardian_keys(), of who
 * asks; an Entity that was enrolled anew since is another host, and the old one is refused as
 * revoked.  A POLICY of the DataSet or of the Instance that is revoked refuses by policy, one
 * that ended as out of date.
 */
int mh_guardian_decide(struct mh_daemon *d, const u8 region[32], struct mh_buf entity,
		       const u8 keys[MH_HASH_LEN], struct mh_buf dataset, u64 version, u64 now,
		       struct mh_decision *g);

#endif

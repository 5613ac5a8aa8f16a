/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * INSTANCE as a manifest (PROTOCOL 4) and what a POLICY's attributes say
 * (PROTOCOL 10), decoded.
 */
#ifndef MH_CORE_MANIFEST_H
#define MH_CORE_MANIFEST_H

#include "statement.h"

struct mh_manifest {
	struct mh_buf dataset;	/* view into the statement's subject */
	u64 version;
	u8 mode, kind, stream_alg, delivery, alg;	/* alg: of Key Data, from the template */
	bool tombstone;
	u32 key_len;		/* template's length */
	u64 length;		/* of the Encrypted Data */
	const u8 *sha256, *random, *ke_kid;
	u8 icx[MH_HASH_LEN];	/* recomputed */
	struct mh_buf policies;	/* 32-byte leaves */
};

/*
 * s: an INSTANCE that parsed.  Checks the subject's form, that what it says of itself agrees,
 * bounds.
 */
int mh_manifest_decode(struct mh_manifest *m, const struct mh_stmt *s);

/* Attributes of one POLICY, or of several combined by mh_policy_and(): all must allow. */
struct mh_policy {
	u32 lease, renew, retain;	/* seconds, 0: none given */
	u32 uses;			/* 0: no bound */
	u32 operations;			/* MH_OP_*; all ones when not given */
	u32 export;			/* MH_EXPORT_*; 0 when not given */
	u32 rate;
	u8 on_stale;			/* 1 serve */
	u8 alg;				/* template; 0 not given */
	u32 key_len;
};

void mh_policy_decode(struct mh_policy *p, const struct mh_stmt *s);
/* Narrow a by b: shortest lease, fewest uses, common operations; -EINVAL when templates differ */
int mh_policy_and(struct mh_policy *a, const struct mh_policy *b);

#endif

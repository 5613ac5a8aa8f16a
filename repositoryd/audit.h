/* SPDX-License-Identifier: MIT */
/*
 * The audit chain: records (lib/audit_record.h tells their bytes) written in
 * the store's transaction, so that they are durable when the answer leaves.
 */
#ifndef REPOSITORYD_AUDIT_H
#define REPOSITORYD_AUDIT_H

#include "keeper.h"
#include "store.h"
#include "lib/audit_record.h"

#define MH_AUDIT_CHECKPOINT_EVERY	1024	/* records; also hourly and at the end */

struct mh_audit {
	struct mh_store *store;
	struct mh_keeper *keeper;
	u64 seq;			/* of the last record */
	u8 hash[MH_HASH_LEN];
	u64 checkpoint;			/* seq of the newest checkpoint */
};

/* Reads the end of the chain. -EUCLEAN: it does not hold together */
int mh_audit_open(struct mh_audit *a, struct mh_store *st, struct mh_keeper *k);
/*
 * Gives r its seq and place in the chain and stores it, in the transaction
 * that is open.  When that is rolled back: mh_audit_reload().
 */
int mh_audit_append(struct mh_audit *a, struct mh_audit_record *r, u64 now);
int mh_audit_reload(struct mh_audit *a);
/*
 * A signed checkpoint of the last record, in its own transaction unless one is open; none when
 * nothing is new.
 */
int mh_audit_checkpoint(struct mh_audit *a, u64 now);

#endif

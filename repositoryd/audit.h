/* SPDX-License-Identifier: MIT */
/*
 * The audit chain: records (lib/audit_record.h tells their bytes) written in
 * the store's transaction, so that they are durable when the answer leaves; and
 * its end, which the keeper remembers apart from the store.
 */
#ifndef REPOSITORYD_AUDIT_H
#define REPOSITORYD_AUDIT_H

#include "keeper.h"
#include "store.h"
#include "lib/audit_record.h"

#define MH_AUDIT_CHECKPOINT_EVERY	1024	/* records; also hourly and at the end */

/* A place in the chain: a record's number and hash; zero before the first */
struct mh_audit_head {
	u64 seq;
	u8 hash[MH_HASH_LEN];
};

struct mh_audit {
	struct mh_store *store;
	struct mh_keeper *keeper;
	struct mh_audit_head head;	/* of the last record, in a transaction that is open too */
	struct mh_audit_head durable;	/* of the last that was committed */
	/*
	 * The newest checkpoint and its record: it may be none (0), or not stored. It is made of
	 * what was written here, never of what the store says was.
	 */
	u8 newest[MH_AUDIT_CHECKPOINT_LEN];
	u64 newest_seq;
	u64 checkpoint;			/* the newest that is stored */
	struct mh_keeper_held known;	/* at the start */
	bool gap;			/* not what the store has, and that was accepted */
	bool open;			/* the keeper expects more */
	bool behind;			/* the keeper could not be told */
	bool doubt;			/* the last commit failed */
	bool committed;			/* records, since the start; when: mh_conn_clock() */
	u64 committed_at;
};

/*
 * Reads the end of the chain and compares it with what the keeper remembers: its record must be
 * in the chain, what follows must follow from it, and checkpoints must be its own; it is
 * -EKEYREJECTED, and was said, if not. may says what is a gap instead: anything, or (MAKE) a
 * keeper that knows of none of it. -EUCLEAN: it does not hold together; -EPIPE, and was said: it is
 * the keeper that failed
 */
int mh_audit_open(struct mh_audit *a, struct mh_store *st, struct mh_keeper *k, unsigned int may);
/* After the last commit: nothing may follow until the next open. Nothing, if it is not open. */
void mh_audit_close(struct mh_audit *a);
/*
 * Gives r its seq and place in the chain and stores it, in the transaction that is open. It ends
 * by mh_audit_commit(); when that or anything before fails, mh_store_rollback() and
 * mh_audit_reload(), which goes back to the last commit.
 */
int mh_audit_append(struct mh_audit *a, struct mh_audit_record *r, u64 now);
/*
 * Commits, then tells the keeper: it may know less than the store, never more. That it could not
 * be told is logged and no error.
 */
int mh_audit_commit(struct mh_audit *a);
int mh_audit_reload(struct mh_audit *a);
/* Marks a gap that was accepted, in the transaction that is open. */
int mh_audit_mark_gap(struct mh_audit *a, u64 now);
/* A signed checkpoint of the last committed record, in newest; none when nothing is new. */
int mh_audit_sign(struct mh_audit *a, u64 now);
/* The same, and stores it, in a transaction of its own. */
int mh_audit_checkpoint(struct mh_audit *a, u64 now);

#endif

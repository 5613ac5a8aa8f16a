/* SPDX-License-Identifier: MIT */
/*
 * What a Repository keeps: verified statements, the blobs that they name, the
 * audit chain.  One narrow interface; whoever calls it has verified what goes
 * in.  All return 0 or a negative errno:
 *
 *	-ENOENT		not there
 *	-ENOSPC		disk full
 *	-EUCLEAN	the file is damaged
 *	-EMEDIUMTYPE	the file is no store of ours, or of a version that is not known
 *	-EBUSY		another process holds it
 *	-EIO		anything else; mh_store_error() says what
 *
 * One thread.  Bytes read are owned by the caller (mh_bytes_free()).
 */
#ifndef REPOSITORYD_STORE_H
#define REPOSITORYD_STORE_H

#include "core/statement.h"
#include "core/wrap.h"
#include "lib/util.h"

#define MH_STORE_SCHEMA	1

struct mh_store;

/*
 * Opens or, when it is not there, makes; a store that is damaged or foreign is refused, never
 * repaired.
 */
int mh_store_open(struct mh_store **st, const char *path);
/* A store is, or may be, at path already; nothing is opened for good or changed. */
bool mh_store_exists(const char *path);
void mh_store_close(struct mh_store *st);
const char *mh_store_error(struct mh_store *st);

/*
 * A transaction: everything between is durable when commit gives 0, and has not happened
 * otherwise.
 */
int mh_store_begin(struct mh_store *st);
int mh_store_commit(struct mh_store *st);
void mh_store_rollback(struct mh_store *st);
bool mh_store_in_transaction(struct mh_store *st);
/* From 1: another whenever something but the audit was put, or taken back */
u64 mh_store_generation(const struct mh_store *st);

/* ---- regions ---- */
struct mh_store_region {
	u8 id[32];
	char label[MH_NAME_MAX + 1];
	u64 anchor_serial;
	u64 revokes, restart;		/* EPOCH's count and number of restarts */
	u8 running[MH_HASH_LEN];
};

int mh_store_region(struct mh_store *st, const u8 id[32], struct mh_store_region *out);
/* insert or replace */
int mh_store_region_put(struct mh_store *st, const struct mh_store_region *r);
/* fn's non-zero ends the walk and is returned; label NULL: all */
int mh_store_regions(struct mh_store *st, const char *label,
		     int (*fn)(void *ctx, const struct mh_store_region *r), void *ctx);

/* ---- statements ---- */

/* -EEXIST: this (region, type, subject, serial) is there already */
int mh_store_put(struct mh_store *st, const u8 region[32], const struct mh_stmt *s);
/* newest (highest serial) of (type, subject) */
int mh_store_newest(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		    struct mh_bytes *out);
int mh_store_by_leaf(struct mh_store *st, const u8 region[32], const u8 leaf[32],
		     struct mh_bytes *out);
/* ANCHOR of this serial, or the next one above it: a recovery skips serials */
int mh_store_anchor(struct mh_store *st, const u8 region[32], u64 serial, struct mh_bytes *out);

typedef int (*mh_store_fn)(void *ctx, struct mh_buf statement);
/*
 * newest of each subject of a type: subject starts with prefix and sorts after `after`, at most
 * `most`
 */
int mh_store_list(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf prefix,
		  struct mh_buf after, u32 most, mh_store_fn fn, void *ctx);
/* newest MEMBER of each group that names this member */
int mh_store_memberships(struct mh_store *st, const u8 region[32], struct mh_buf member,
			 mh_store_fn fn, void *ctx);
/* newest INSTANCE of each version of a DataSet, highest version first */
int mh_store_instances(struct mh_store *st, const u8 region[32], struct mh_buf dataset,
		       mh_store_fn fn, void *ctx);
/* DELEGATIONs of a key in a role, highest serial first */
int mh_store_delegations(struct mh_store *st, const u8 region[32], const u8 key[64], u8 role,
			 mh_store_fn fn, void *ctx);
/* Those of the same type and subject with a higher serial */
int mh_store_later(struct mh_store *st, const u8 region[32], const struct mh_stmt *than,
		   mh_store_fn fn, void *ctx);
/* REVOKEs that name (type, subject); those made under a DELEGATION: type 0, subject its leaf */
int mh_store_revokes(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		     mh_store_fn fn, void *ctx);
/* highest EPOCH.issued of all Regions, 0 if none: the floor of time */
u64 mh_store_time_floor(struct mh_store *st);

/* ---- blobs ---- */

/* what: enum mh_secret */
int mh_store_put_secret(struct mh_store *st, u8 what, const u8 kid[32], struct mh_buf sealed);
int mh_store_secret(struct mh_store *st, u8 what, const u8 kid[32], struct mh_bytes *sealed);
int mh_store_put_data(struct mh_store *st, const u8 sha256[32], struct mh_buf data);
/* its length; a part of it */
int mh_store_data_length(struct mh_store *st, const u8 sha256[32], u64 *length);
int mh_store_data_read(struct mh_store *st, const u8 sha256[32], u64 from, u8 *out, size_t n);
int mh_store_put_wrap(struct mh_store *st, const u8 wrap[MH_WRAP_LEN]);
int mh_store_wrap(struct mh_store *st, const u8 kid_k[32], const u8 kid_kw[32],
		  u8 wrap[MH_WRAP_LEN]);
/* all that wrap K */
int mh_store_wraps_of(struct mh_store *st, const u8 kid_k[32], mh_store_fn fn, void *ctx);

/* ---- audit ---- */

int mh_store_audit_put(struct mh_store *st, u64 seq, const u8 region[32], struct mh_buf record);
/* highest seq and its record; seq 0: empty */
int mh_store_audit_last(struct mh_store *st, u64 *seq, struct mh_bytes *record);
/* records of all Regions (the chain is one) from seq on */
int mh_store_audit_list(struct mh_store *st, u64 from, u32 most, mh_store_fn fn, void *ctx);
int mh_store_checkpoint_put(struct mh_store *st, u64 seq, struct mh_buf checkpoint);
/* checkpoints of records from seq on, oldest first; without those of records after seq */
int mh_store_checkpoints(struct mh_store *st, u64 from, mh_store_fn fn, void *ctx);
int mh_store_checkpoints_cut(struct mh_store *st, u64 seq);
/* What is read next comes from the file, not from what this process remembers of it. */
void mh_store_reread(struct mh_store *st);

#endif

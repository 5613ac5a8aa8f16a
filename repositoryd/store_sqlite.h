/* SPDX-License-Identifier: MIT */
/* Inside of the SQLite store: shared by store_sqlite.c and store_query.c only. */
#ifndef REPOSITORYD_STORE_SQLITE_H
#define REPOSITORYD_STORE_SQLITE_H

#include <sqlite3.h>
#include "store.h"

/* Each statement is prepared once, at its first use. */
enum store_sql {
	SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
	SQL_REGION, SQL_REGION_PUT, SQL_REGIONS,
	SQL_PUT, SQL_NEWEST, SQL_BY_LEAF, SQL_ANCHOR, SQL_LIST, SQL_MEMBERSHIPS, SQL_INSTANCES,
	SQL_DELEGATIONS, SQL_LATER, SQL_REVOKES, SQL_FLOOR,
	SQL_PUT_SECRET, SQL_SECRET, SQL_PUT_DATA, SQL_DATA, SQL_PUT_WRAP, SQL_WRAP, SQL_WRAPS_OF,
	SQL_AUDIT_PUT, SQL_AUDIT_LAST, SQL_AUDIT_LIST, SQL_CHECKPOINT_PUT, SQL_CHECKPOINTS,
	SQL_CHECKPOINTS_CUT,
	__SQL_COUNT
};

struct mh_store {
	sqlite3 *db;
	struct sqlite3_stmt *sql[__SQL_COUNT];
	bool open;		/* a transaction is */
	u64 generation;		/* counts what was put or taken back: answers before it are old */
	struct mh_store_memory *memory;	/* store_ask.c's */
	char error[256];
};

extern const char mh_store_schema_sqlite[];

/* The statement ready to be bound, or NULL (see mh_store_error()). */
sqlite3_stmt *mh_store_sql(struct mh_store *st, enum store_sql which);
/* errno of what SQLite said, kept as text */
int mh_store_fail(struct mh_store *st, int rc);
/* Runs one that gives no rows; resets it. */
int mh_store_run(struct mh_store *st, sqlite3_stmt *s);
/* One row: 0, -ENOENT, -errno; the caller resets after reading columns. */
int mh_store_row(struct mh_store *st, sqlite3_stmt *s);

/* ---- store_ask.c ---- */

struct mh_store_param {
	bool is_number;
	struct mh_buf b;
	s64 number;
};

#define PARAM(...)	{ .b = MH_BUF(__VA_ARGS__) }
#define PARAM_BUF(v)	{ .b = (v) }
#define PARAM_NUMBER(n)	{ .is_number = true, .number = (s64)(n) }

struct mh_store_rows;

/*
 * The first column of each row, from memory if nothing was put since it was asked; shared, and
 * for the caller to put.  An asker may ask while it holds others.
 */
int mh_store_ask(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		 unsigned int n, struct mh_store_rows **out);
/* Each row in turn, from *at = 0; false: no more */
bool mh_store_rows_next(const struct mh_store_rows *r, size_t *at, struct mh_buf *row);
void mh_store_rows_put(struct mh_store_rows *r);
/* The first row, owned; -ENOENT none (store_query.c) */
int mh_store_one(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		 unsigned int n, struct mh_bytes *out);
/* Nothing is remembered. */
void mh_store_forget(struct mh_store *st);

static inline void bind_buf(sqlite3_stmt *s, int at, const void *p, size_t n)
{
	sqlite3_bind_blob64(s, at, n ? p : "", n, SQLITE_STATIC);
}

static inline struct mh_buf column_buf(sqlite3_stmt *s, int at)
{
	return MH_BUF(sqlite3_column_blob(s, at), (size_t)sqlite3_column_bytes(s, at));
}

#endif

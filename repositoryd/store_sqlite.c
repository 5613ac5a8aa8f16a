// SPDX-License-Identifier: MIT
/*
 * The SQLite store: opening, transactions, Regions, blobs, audit.  WAL with
 * synchronous FULL: a commit that returned survives a power cut.
 */
#include "store_sqlite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x6d68736d	/* "mhsm" */

static const char *const text[__SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_REGION] =
		"SELECT id, label, anchor, revokes, restart, running FROM region WHERE id = ?1",
	[SQL_REGION_PUT] = "INSERT OR REPLACE INTO region VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_REGIONS] = "SELECT id, label, anchor, revokes, restart, running FROM region"
			" WHERE ?1 IS NULL OR label = ?1 ORDER BY label, id",
	[SQL_PUT] = "INSERT INTO statement (region, type, subject, serial, leaf, k1, k2, k3, "
		    "ke_kid, bytes)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[SQL_NEWEST] =
		"SELECT bytes FROM statement WHERE region = ?1 AND type = ?2 AND subject = ?3"
		" ORDER BY serial DESC LIMIT 1",
	[SQL_BY_LEAF] = "SELECT bytes FROM statement WHERE region = ?1 AND leaf = ?2",
	[SQL_ANCHOR] = "SELECT bytes FROM statement WHERE region = ?1 AND type = 1 AND serial >= ?2"
		       " ORDER BY serial LIMIT 1",
	[SQL_LIST] =
		"SELECT s.bytes FROM statement s WHERE region = ?1 AND type = ?2 AND subject > ?3"
		" AND substr(subject, 1, length(?4)) = ?4 AND serial = (SELECT max(serial) FROM "
		"statement n"
		" WHERE n.region = ?1 AND n.type = ?2 AND n.subject = s.subject) ORDER BY subject "
		"LIMIT ?5",
	[SQL_MEMBERSHIPS] =
		"SELECT s.bytes FROM statement s WHERE region = ?1 AND type = 5 AND k1 = ?2"
		" AND serial = (SELECT max(serial) FROM statement n WHERE n.region = ?1 AND n.type "
		"= 5"
		" AND n.subject = s.subject)",
	[SQL_INSTANCES] =
		"SELECT s.bytes FROM statement s WHERE region = ?1 AND type = 8 AND k1 = ?2"
		" AND serial = (SELECT max(serial) FROM statement n WHERE n.region = ?1 AND n.type "
		"= 8"
		" AND n.subject = s.subject) ORDER BY k2 DESC",
	[SQL_DELEGATIONS] =
		"SELECT bytes FROM statement WHERE region = ?1 AND type = 2 AND k1 = ?2 AND k3 = ?3"
		" ORDER BY serial DESC",
	[SQL_LATER] = "SELECT bytes FROM statement WHERE region = ?1 AND type = ?2 AND subject = ?3"
		      " AND serial > ?4",
	[SQL_REVOKES] = "SELECT bytes FROM statement WHERE region = ?1 AND type = 9 AND k1 = ?2 "
			"AND k3 = ?3",
	[SQL_FLOOR] = "SELECT max(k2) FROM statement WHERE type = 11",
	[SQL_PUT_SECRET] = "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3)",
	[SQL_SECRET] = "SELECT sealed FROM secret WHERE kind = ?1 AND kid = ?2",
	[SQL_PUT_DATA] = "INSERT OR IGNORE INTO data (sha256, length, bytes) VALUES (?1, ?2, ?3)",
	[SQL_DATA] = "SELECT rowid, length FROM data WHERE sha256 = ?1",
	[SQL_PUT_WRAP] = "INSERT OR REPLACE INTO wrap VALUES (?1, ?2, ?3)",
	[SQL_WRAP] = "SELECT bytes FROM wrap WHERE k = ?1 AND kw = ?2",
	[SQL_WRAPS_OF] = "SELECT bytes FROM wrap WHERE k = ?1 LIMIT 64",
	[SQL_AUDIT_PUT] = "INSERT INTO audit VALUES (?1, ?2, ?3)",
	[SQL_AUDIT_LAST] = "SELECT record, seq FROM audit ORDER BY seq DESC LIMIT 1",
	[SQL_AUDIT_LIST] = "SELECT record FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
	[SQL_CHECKPOINT_PUT] = "INSERT OR REPLACE INTO checkpoint VALUES (?1, ?2)",
	[SQL_CHECKPOINTS] = "SELECT bytes FROM checkpoint WHERE seq >= ?1 ORDER BY seq",
	[SQL_CHECKPOINTS_CUT] = "DELETE FROM checkpoint WHERE seq > ?1",
};

int mh_store_fail(struct mh_store *st, int rc)
{
	snprintf(st->error, sizeof(st->error), "%s",
		 st->db && sqlite3_errcode(st->db) != SQLITE_OK ? sqlite3_errmsg(st->db) :
								  sqlite3_errstr(rc));
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
		return -EUCLEAN;
	case SQLITE_NOTADB:
		return -EMEDIUMTYPE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_IOERR:
		/* a write cut short by a full disk is told as an I/O error */
		if (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_SHMSIZE ||
		    rc == SQLITE_IOERR_TRUNCATE)
			return sqlite3_system_errno(st->db) == ENOSPC ? -ENOSPC : -EIO;
		return -EIO;
	default:
		return -EIO;
	}
}

const char *mh_store_error(struct mh_store *st)
{
	return st->error;
}

sqlite3_stmt *mh_store_sql(struct mh_store *st, enum store_sql which)
{
	int rc;

	if (st->sql[which])
		return st->sql[which];
	rc = sqlite3_prepare_v3(st->db, text[which], -1, SQLITE_PREPARE_PERSISTENT, &st->sql[which],
				NULL);
	if (rc != SQLITE_OK)
		mh_store_fail(st, rc);
	return st->sql[which];
}

int mh_store_run(struct mh_store *st, sqlite3_stmt *s)
{
	int rc, ret = 0;

	if (!s)
		return -EIO;
	/*
	 * SQLite may have rolled back by itself, when the disk was full: what is left of the
	 * transaction must not be stored alone.  The error is still that of the first failure.
	 */
	if (st->open && sqlite3_get_autocommit(st->db)) {
		sqlite3_clear_bindings(s);
		return -EIO;
	}
	rc = sqlite3_step(s);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		ret = mh_store_fail(st, rc);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ret;
}

int mh_store_row(struct mh_store *st, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 0;
	return rc == SQLITE_DONE ? -ENOENT : mh_store_fail(st, rc);
}

/* ---- opening ---- */

static int pragma_number(struct mh_store *st, const char *sql, s64 *v)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : mh_store_fail(st, rc);
}

static int exec(struct mh_store *st, const char *sql)
{
	int rc = sqlite3_exec(st->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : mh_store_fail(st, rc);
}

static int make_schema(struct mh_store *st)
{
	char stamp[96];
	int ret = exec(st, "BEGIN EXCLUSIVE");

	snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 APPLICATION_ID, MH_STORE_SCHEMA);
	if (!ret)
		ret = exec(st, mh_store_schema_sqlite);
	if (!ret)
		ret = exec(st, stamp);
	if (!ret)
		ret = exec(st, "COMMIT");
	return ret;
}

/* A file of nothing becomes a store; anything else must say that it is one. */
static int check_schema(struct mh_store *st)
{
	s64 id = 0, version = 0, tables = 0;
	int ret = pragma_number(st, "PRAGMA application_id", &id);

	if (!ret)
		ret = pragma_number(st, "PRAGMA user_version", &version);
	if (!ret)
		ret = pragma_number(st, "SELECT count(*) FROM sqlite_master", &tables);
	if (ret)
		return ret;
	if (!id && !version && !tables)
		return make_schema(st);
	if (id != APPLICATION_ID) {
		snprintf(st->error, sizeof(st->error), "the file is not a store of repositoryd");
		return -EMEDIUMTYPE;
	}
	if (version != MH_STORE_SCHEMA) {
		snprintf(st->error, sizeof(st->error),
			 "the store has version %lld; this repositoryd knows %d",
			 (long long)version, MH_STORE_SCHEMA);
		return -EMEDIUMTYPE;
	}
	return 0;
}

static int check_whole(struct mh_store *st)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(st->db, "PRAGMA quick_check(1)", -1, &s, NULL), ret = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		ret = mh_store_fail(st, rc);
	} else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok")) {
		snprintf(st->error, sizeof(st->error), "%s", sqlite3_column_text(s, 0));
		ret = -EUCLEAN;
	}
	sqlite3_finalize(s);
	return ret;
}

bool mh_store_exists(const char *path)
{
	u8 head[72];	/* of SQLite's format: its name 16 ... application_id 4 */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is;

	/* one that cannot be looked at may be one */
	if (fd < 0)
		return errno != ENOENT;
	is = read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
	     !memcmp(head, "SQLite format 3", 16) && mh_get32(head + 68) == APPLICATION_ID;
	close(fd);
	return is;
}

int mh_store_open(struct mh_store **out, const char *path)
{
	struct mh_store *st = calloc(1, sizeof(*st));
	mode_t mask;
	int rc, ret;

	if (!st)
		return -ENOMEM;
	st->generation = 1;
	*out = st;	/* for its error, whatever happens; the caller closes it */
	mask = umask(077);
	rc = sqlite3_open_v2(path, &st->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc != SQLITE_OK) {
		umask(mask);
		return mh_store_fail(st, rc);
	}
	sqlite3_extended_result_codes(st->db, 1);
	ret = exec(st, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA foreign_keys = ON; PRAGMA "
		       "trusted_schema = OFF;"
		       "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
	if (!ret)
		ret = check_schema(st);
	if (!ret)
		ret = exec(st, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
	if (!ret)
		ret = check_whole(st);
	umask(mask);
	return ret;
}

void mh_store_close(struct mh_store *st)
{
	if (!st)
		return;
	if (st->open)
		mh_store_rollback(st);
	mh_store_forget(st);
	for (unsigned int i = 0; i < __SQL_COUNT; i++)
		sqlite3_finalize(st->sql[i]);
	sqlite3_close(st->db);
	free(st);
}

/* ---- transactions ---- */

int mh_store_begin(struct mh_store *st)
{
	int ret = st->open ? -EINVAL : mh_store_run(st, mh_store_sql(st, SQL_BEGIN));

	if (!ret)
		st->open = true;
	return ret;
}

int mh_store_commit(struct mh_store *st)
{
	int ret = st->open ? mh_store_run(st, mh_store_sql(st, SQL_COMMIT)) : -EINVAL;

	if (!ret)
		st->open = false;
	return ret;
}

void mh_store_rollback(struct mh_store *st)
{
	char why[sizeof(st->error)];

	memcpy(why, st->error, sizeof(why));
	/* SQLite may have rolled back by itself, when the disk was full */
	if (st->open && !sqlite3_get_autocommit(st->db))
		mh_store_run(st, mh_store_sql(st, SQL_ROLLBACK));
	memcpy(st->error, why, sizeof(why));
	st->open = false;
	st->generation++;
}

bool mh_store_in_transaction(struct mh_store *st)
{
	return st->open;
}

u64 mh_store_generation(const struct mh_store *st)
{
	return st->generation;
}

/* ---- blobs ---- */

int mh_store_put_secret(struct mh_store *st, u8 what, const u8 kid[32], struct mh_buf sealed)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_PUT_SECRET);

	if (!s)
		return -EIO;
	sqlite3_bind_int(s, 1, what);
	bind_buf(s, 2, kid, 32);
	bind_buf(s, 3, sealed.p, sealed.n);
	st->generation++;
	return mh_store_run(st, s);
}

int mh_store_secret(struct mh_store *st, u8 what, const u8 kid[32], struct mh_bytes *sealed)
{
	const struct mh_store_param p[] = { PARAM_NUMBER(what), PARAM(kid, 32) };

	return mh_store_one(st, SQL_SECRET, p, ARRAY_SIZE(p), sealed);
}

int mh_store_put_data(struct mh_store *st, const u8 sha256[32], struct mh_buf data)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_PUT_DATA);

	if (!s)
		return -EIO;
	bind_buf(s, 1, sha256, 32);
	sqlite3_bind_int64(s, 2, (s64)data.n);
	bind_buf(s, 3, data.p, data.n);
	return mh_store_run(st, s);
}

static int data_row(struct mh_store *st, const u8 sha256[32], s64 *row, u64 *length)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_DATA);
	int ret;

	if (!s)
		return -EIO;
	bind_buf(s, 1, sha256, 32);
	ret = mh_store_row(st, s);
	if (!ret) {
		*row = sqlite3_column_int64(s, 0);
		*length = (u64)sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ret;
}

int mh_store_data_length(struct mh_store *st, const u8 sha256[32], u64 *length)
{
	s64 row;

	return data_row(st, sha256, &row, length);
}

int mh_store_data_read(struct mh_store *st, const u8 sha256[32], u64 from, u8 *out, size_t n)
{
	sqlite3_blob *blob = NULL;
	u64 length;
	s64 row;
	int rc, ret = data_row(st, sha256, &row, &length);

	if (ret)
		return ret;
	if (from > length || n > length - from)
		return -EINVAL;
	rc = sqlite3_blob_open(st->db, "main", "data", "bytes", row, 0, &blob);
	if (rc == SQLITE_OK && n)
		rc = sqlite3_blob_read(blob, out, (int)n, (int)from);
	if (rc != SQLITE_OK)
		ret = mh_store_fail(st, rc);
	sqlite3_blob_close(blob);
	return ret;
}

/* ---- audit ---- */

int mh_store_audit_put(struct mh_store *st, u64 seq, const u8 region[32], struct mh_buf record)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_AUDIT_PUT);

	if (!s)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)seq);
	bind_buf(s, 2, region, 32);
	bind_buf(s, 3, record.p, record.n);
	return mh_store_run(st, s);
}

int mh_store_audit_last(struct mh_store *st, u64 *seq, struct mh_bytes *record)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_AUDIT_LAST);
	struct mh_buf b;
	int ret;

	*seq = 0;
	*record = (struct mh_bytes){ 0 };
	if (!s)
		return -EIO;
	ret = mh_store_row(st, s);
	if (!ret) {
		b = column_buf(s, 0);
		ret = mh_bytes_copy(record, b.p, b.n);
		*seq = (u64)sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	return ret == -ENOENT ? 0 : ret;
}

int mh_store_checkpoint_put(struct mh_store *st, u64 seq, struct mh_buf checkpoint)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_CHECKPOINT_PUT);

	if (!s)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)seq);
	bind_buf(s, 2, checkpoint.p, checkpoint.n);
	return mh_store_run(st, s);
}

int mh_store_checkpoints_cut(struct mh_store *st, u64 seq)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_CHECKPOINTS_CUT);

	if (!s)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)seq);
	return mh_store_run(st, s);
}

void mh_store_reread(struct mh_store *st)
{
	sqlite3_db_release_memory(st->db);
	mh_store_forget(st);
}

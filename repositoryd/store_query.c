// SPDX-License-Identifier: MIT
/* The SQLite store: Regions, statements, wraps; looking them up and walking them. */
#include "store_sqlite.h"

#include <stdlib.h>

/* ---- regions ---- */

static void read_region(sqlite3_stmt *s, struct mh_store_region *r)
{
	struct mh_buf id = column_buf(s, 0), running = column_buf(s, 5);

	memset(r, 0, sizeof(*r));
	if (id.n == 32)
		memcpy(r->id, id.p, 32);
	snprintf(r->label, sizeof(r->label), "%s", (const char *)sqlite3_column_text(s, 1));
	r->anchor_serial = (u64)sqlite3_column_int64(s, 2);
	r->revokes = (u64)sqlite3_column_int64(s, 3);
	r->restart = (u64)sqlite3_column_int64(s, 4);
	if (running.n == MH_HASH_LEN)
		memcpy(r->running, running.p, MH_HASH_LEN);
}

int mh_store_region(struct mh_store *st, const u8 id[32], struct mh_store_region *out)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_REGION);
	int ret;

	if (!s)
		return -EIO;
	bind_buf(s, 1, id, 32);
	ret = mh_store_row(st, s);
	if (!ret)
		read_region(s, out);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ret;
}

int mh_store_region_put(struct mh_store *st, const struct mh_store_region *r)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_REGION_PUT);

	if (!s)
		return -EIO;
	bind_buf(s, 1, r->id, 32);
	sqlite3_bind_text(s, 2, r->label, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (s64)r->anchor_serial);
	sqlite3_bind_int64(s, 4, (s64)r->revokes);
	sqlite3_bind_int64(s, 5, (s64)r->restart);
	bind_buf(s, 6, r->running, MH_HASH_LEN);
	return mh_store_run(st, s);
}

/*
 * Walks collect first and call afterwards: a callback may look up with the
 * same prepared statement, to any depth.
 */
struct rows {
	struct mh_bytes *row;
	size_t n, size;
};

static int rows_add(struct rows *rows, struct mh_buf b)
{
	if (rows->n == rows->size) {
		size_t size = rows->size ? 2 * rows->size : 16;
		struct mh_bytes *row = realloc(rows->row, size * sizeof(*row));

		if (!row)
			return -ENOMEM;
		rows->row = row;
		rows->size = size;
	}
	rows->row[rows->n] = (struct mh_bytes){ 0 };
	if (mh_bytes_copy(&rows->row[rows->n], b.p, b.n))
		return -ENOMEM;
	rows->n++;
	return 0;
}

static int walk(struct mh_store *st, sqlite3_stmt *s, mh_store_fn fn, void *ctx)
{
	struct rows rows = { 0 };
	int ret;

	if (!s)
		return -EIO;
	while (!(ret = mh_store_row(st, s))) {
		ret = rows_add(&rows, column_buf(s, 0));
		if (ret)
			break;
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (ret == -ENOENT)
		ret = 0;
	for (size_t i = 0; i < rows.n; i++) {
		if (!ret)
			ret = fn(ctx, mh_bytes_buf(&rows.row[i]));
		mh_bytes_free(&rows.row[i]);
	}
	free(rows.row);
	return ret;
}

int mh_store_regions(struct mh_store *st, const char *label,
		     int (*fn)(void *ctx, const struct mh_store_region *r), void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_REGIONS);
	struct mh_store_region *all = NULL;
	size_t n = 0;
	int ret;

	if (!s)
		return -EIO;
	if (label)
		sqlite3_bind_text(s, 1, label, -1, SQLITE_STATIC);
	while (!(ret = mh_store_row(st, s))) {
		struct mh_store_region *more = realloc(all, (n + 1) * sizeof(*all));

		if (!more) {
			ret = -ENOMEM;
			break;
		}
		all = more;
		read_region(s, &all[n++]);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	if (ret == -ENOENT)
		ret = 0;
	for (size_t i = 0; i < n && !ret; i++)
		ret = fn(ctx, &all[i]);
	free(all);
	return ret;
}

/* ---- statements ---- */

static const u8 *find(struct mh_buf b, u8 c)
{
	return b.n ? memchr(b.p, c, b.n) : NULL;
}

/* k1..k3 of store_schema.c */
static void bind_keys(sqlite3_stmt *q, const struct mh_stmt *s)
{
	const struct mh_buf under = mh_stmt_attr(s, MH_A_UNDER), key = mh_stmt_attr(s, MH_A_KEY);
	const u8 *cut;

	switch (s->type) {
	case MH_MEMBER:
		cut = find(s->subject, '/');
		if (cut)
			bind_buf(q, 6, cut + 1, s->subject.n - (size_t)(cut + 1 - s->subject.p));
		sqlite3_bind_int(q, 8, (int)mh_stmt_num(s, MH_A_MEMBER_KIND));
		break;
	case MH_INSTANCE:
		cut = find(s->subject, '@');
		if (cut)
			bind_buf(q, 6, s->subject.p, (size_t)(cut - s->subject.p));
		sqlite3_bind_int64(q, 7, (s64)mh_stmt_num(s, MH_A_INSTANCE_VERSION));
		sqlite3_bind_int(q, 8, (int)mh_stmt_num(s, MH_A_TOMBSTONE));
		if (mh_stmt_has(s, MH_A_KE_KID))
			bind_buf(q, 9, mh_stmt_attr(s, MH_A_KE_KID).p, 32);
		break;
	case MH_DELEGATION:
		bind_buf(q, 6, key.p, key.n);
		sqlite3_bind_int(q, 8, (int)mh_stmt_num(s, MH_A_ROLE));
		break;
	case MH_REVOKE:
		if (under.n)
			bind_buf(q, 6, under.p, under.n);
		else
			bind_buf(q, 6, s->subject.p, s->subject.n);
		sqlite3_bind_int64(q, 7, (s64)mh_stmt_num(s, MH_A_UP_TO));
		sqlite3_bind_int(q, 8, under.n ? 0 : (int)mh_stmt_num(s, MH_A_TARGET_TYPE));
		break;
	case MH_EPOCH:
		sqlite3_bind_int64(q, 7, (s64)s->issued);
		break;
	default:
		break;
	}
}

int mh_store_put(struct mh_store *st, const u8 region[32], const struct mh_stmt *s)
{
	sqlite3_stmt *q = mh_store_sql(st, SQL_PUT);

	if (!q)
		return -EIO;
	if (s->serial > INT64_MAX || s->issued > INT64_MAX)
		return -EINVAL;
	bind_buf(q, 1, region, 32);
	sqlite3_bind_int(q, 2, s->type);
	bind_buf(q, 3, s->subject.p, s->subject.n);
	sqlite3_bind_int64(q, 4, (s64)s->serial);
	bind_buf(q, 5, s->leaf, 32);
	bind_keys(q, s);
	bind_buf(q, 10, s->bytes.p, s->bytes.n);
	return mh_store_run(st, q);
}

int mh_store_newest(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		    struct mh_bytes *out)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_NEWEST);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	sqlite3_bind_int(s, 2, type);
	bind_buf(s, 3, subject.p, subject.n);
	return mh_store_take(st, s, out);
}

int mh_store_by_leaf(struct mh_store *st, const u8 region[32], const u8 leaf[32],
		     struct mh_bytes *out)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_BY_LEAF);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	bind_buf(s, 2, leaf, 32);
	return mh_store_take(st, s, out);
}

int mh_store_anchor(struct mh_store *st, const u8 region[32], u64 serial, struct mh_bytes *out)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_ANCHOR);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	sqlite3_bind_int64(s, 2, (s64)serial);
	return mh_store_take(st, s, out);
}

int mh_store_list(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf prefix,
		  struct mh_buf after, u32 most, mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_LIST);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	sqlite3_bind_int(s, 2, type);
	bind_buf(s, 3, after.p, after.n);
	bind_buf(s, 4, prefix.p, prefix.n);
	sqlite3_bind_int64(s, 5, most);
	return walk(st, s, fn, ctx);
}

int mh_store_memberships(struct mh_store *st, const u8 region[32], struct mh_buf member,
			 mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_MEMBERSHIPS);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	bind_buf(s, 2, member.p, member.n);
	return walk(st, s, fn, ctx);
}

int mh_store_instances(struct mh_store *st, const u8 region[32], struct mh_buf dataset,
		       mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_INSTANCES);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	bind_buf(s, 2, dataset.p, dataset.n);
	return walk(st, s, fn, ctx);
}

int mh_store_delegations(struct mh_store *st, const u8 region[32], const u8 key[64], u8 role,
			 mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_DELEGATIONS);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	bind_buf(s, 2, key, 64);
	sqlite3_bind_int(s, 3, role);
	return walk(st, s, fn, ctx);
}

int mh_store_later(struct mh_store *st, const u8 region[32], const struct mh_stmt *than,
		   mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_LATER);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	sqlite3_bind_int(s, 2, than->type);
	bind_buf(s, 3, than->subject.p, than->subject.n);
	sqlite3_bind_int64(s, 4, (s64)than->serial);
	return walk(st, s, fn, ctx);
}

int mh_store_revokes(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		     mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_REVOKES);

	if (!s)
		return -EIO;
	bind_buf(s, 1, region, 32);
	bind_buf(s, 2, subject.p, subject.n);
	sqlite3_bind_int(s, 3, type);
	return walk(st, s, fn, ctx);
}

u64 mh_store_time_floor(struct mh_store *st)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_FLOOR);
	u64 floor = 0;

	if (!s)
		return 0;
	if (!mh_store_row(st, s))
		floor = (u64)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return floor;
}

/* ---- wraps, audit ---- */

int mh_store_put_wrap(struct mh_store *st, const u8 wrap[MH_WRAP_LEN])
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_PUT_WRAP);

	if (!s)
		return -EIO;
	bind_buf(s, 1, wrap + 1, 32);
	bind_buf(s, 2, wrap + 33, 32);
	bind_buf(s, 3, wrap, MH_WRAP_LEN);
	return mh_store_run(st, s);
}

int mh_store_wrap(struct mh_store *st, const u8 kid_k[32], const u8 kid_kw[32],
		  u8 wrap[MH_WRAP_LEN])
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_WRAP);
	struct mh_bytes b;
	int ret;

	if (!s)
		return -EIO;
	bind_buf(s, 1, kid_k, 32);
	bind_buf(s, 2, kid_kw, 32);
	ret = mh_store_take(st, s, &b);
	if (!ret && b.n != MH_WRAP_LEN)
		ret = -EUCLEAN;
	if (!ret)
		memcpy(wrap, b.p, MH_WRAP_LEN);
	mh_bytes_free(&b);
	return ret;
}

int mh_store_wraps_of(struct mh_store *st, const u8 kid_k[32], mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_WRAPS_OF);

	if (!s)
		return -EIO;
	bind_buf(s, 1, kid_k, 32);
	return walk(st, s, fn, ctx);
}

int mh_store_audit_list(struct mh_store *st, u64 from, u32 most, mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_AUDIT_LIST);

	if (!s)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)from);
	sqlite3_bind_int64(s, 2, most);
	return walk(st, s, fn, ctx);
}

int mh_store_checkpoints(struct mh_store *st, u64 from, mh_store_fn fn, void *ctx)
{
	sqlite3_stmt *s = mh_store_sql(st, SQL_CHECKPOINTS);

	if (!s)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)from);
	return walk(st, s, fn, ctx);
}

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
	st->generation++;
	return mh_store_run(st, s);
}

/* ---- questions ---- */

static int walk(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		unsigned int n, mh_store_fn fn, void *ctx)
{
	struct mh_store_rows *rows;
	struct mh_buf row;
	size_t at = 0;
	int ret = mh_store_ask(st, which, p, n, &rows);

	if (ret)
		return ret;
	while (!ret && mh_store_rows_next(rows, &at, &row))
		ret = fn(ctx, row);
	mh_store_rows_put(rows);
	return ret;
}

static int first(void *out, struct mh_buf row)
{
	return mh_bytes_copy(out, row.p, row.n) ? -ENOMEM : 1;
}

int mh_store_one(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		 unsigned int n, struct mh_bytes *out)
{
	int ret;

	*out = (struct mh_bytes){ 0 };
	ret = walk(st, which, p, n, first, out);
	return ret > 0 ? 0 : ret ? ret : -ENOENT;
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
	st->generation++;
	return mh_store_run(st, q);
}

int mh_store_newest(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		    struct mh_bytes *out)
{
	const struct mh_store_param p[] = {
		PARAM(region, 32), PARAM_NUMBER(type), PARAM_BUF(subject)
	};

	return mh_store_one(st, SQL_NEWEST, p, ARRAY_SIZE(p), out);
}

int mh_store_by_leaf(struct mh_store *st, const u8 region[32], const u8 leaf[32],
		     struct mh_bytes *out)
{
	const struct mh_store_param p[] = { PARAM(region, 32), PARAM(leaf, 32) };

	return mh_store_one(st, SQL_BY_LEAF, p, ARRAY_SIZE(p), out);
}

int mh_store_anchor(struct mh_store *st, const u8 region[32], u64 serial, struct mh_bytes *out)
{
	const struct mh_store_param p[] = { PARAM(region, 32), PARAM_NUMBER(serial) };

	return mh_store_one(st, SQL_ANCHOR, p, ARRAY_SIZE(p), out);
}

int mh_store_list(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf prefix,
		  struct mh_buf after, u32 most, mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = {
		PARAM(region, 32), PARAM_NUMBER(type), PARAM_BUF(after), PARAM_BUF(prefix),
		PARAM_NUMBER(most)
	};

	return walk(st, SQL_LIST, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_memberships(struct mh_store *st, const u8 region[32], struct mh_buf member,
			 mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = { PARAM(region, 32), PARAM_BUF(member) };

	return walk(st, SQL_MEMBERSHIPS, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_instances(struct mh_store *st, const u8 region[32], struct mh_buf dataset,
		       mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = { PARAM(region, 32), PARAM_BUF(dataset) };

	return walk(st, SQL_INSTANCES, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_delegations(struct mh_store *st, const u8 region[32], const u8 key[64], u8 role,
			 mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = {
		PARAM(region, 32), PARAM(key, 64), PARAM_NUMBER(role)
	};

	return walk(st, SQL_DELEGATIONS, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_later(struct mh_store *st, const u8 region[32], const struct mh_stmt *than,
		   mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = {
		PARAM(region, 32), PARAM_NUMBER(than->type), PARAM_BUF(than->subject),
		PARAM_NUMBER(than->serial)
	};

	return walk(st, SQL_LATER, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_revokes(struct mh_store *st, const u8 region[32], u8 type, struct mh_buf subject,
		     mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = {
		PARAM(region, 32), PARAM_BUF(subject), PARAM_NUMBER(type)
	};

	return walk(st, SQL_REVOKES, p, ARRAY_SIZE(p), fn, ctx);
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
	st->generation++;
	return mh_store_run(st, s);
}

int mh_store_wrap(struct mh_store *st, const u8 kid_k[32], const u8 kid_kw[32],
		  u8 wrap[MH_WRAP_LEN])
{
	const struct mh_store_param p[] = { PARAM(kid_k, 32), PARAM(kid_kw, 32) };
	struct mh_bytes b;
	int ret = mh_store_one(st, SQL_WRAP, p, ARRAY_SIZE(p), &b);

	if (!ret && b.n != MH_WRAP_LEN)
		ret = -EUCLEAN;
	if (!ret)
		memcpy(wrap, b.p, MH_WRAP_LEN);
	mh_bytes_free(&b);
	return ret;
}

int mh_store_wraps_of(struct mh_store *st, const u8 kid_k[32], mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = { PARAM(kid_k, 32) };

	return walk(st, SQL_WRAPS_OF, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_audit_list(struct mh_store *st, u64 from, u32 most, mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = { PARAM_NUMBER(from), PARAM_NUMBER(most) };

	return walk(st, SQL_AUDIT_LIST, p, ARRAY_SIZE(p), fn, ctx);
}

int mh_store_checkpoints(struct mh_store *st, u64 from, mh_store_fn fn, void *ctx)
{
	const struct mh_store_param p[] = { PARAM_NUMBER(from) };

	return walk(st, SQL_CHECKPOINTS, p, ARRAY_SIZE(p), fn, ctx);
}

// SPDX-License-Identifier: MIT
/*
 * Queries of the SQLite store, and the memory of their answers.  An answer holds until something
 * is put or taken back: each fetch asks some thirty things, nearly all of them what the one before
 * asked.  Nobody else writes to the file (locking_mode EXCLUSIVE).
 */
#include "store_sqlite.h"

#include <stdlib.h>

#define PLACES	16384		/* answers kept: the last that came to its place stays */
#define LONGEST	8192		/* bytes of one that is kept */

struct mh_store_rows {
	unsigned int refs;
	u64 generation;
	size_t key, used, size;	/* bytes: the question || (u32 length || row)... */
	u8 bytes[];
};

struct mh_store_memory {
	struct mh_store_rows *place[PLACES];
};

/* Those whose answers are as short as they are often asked for */
static bool is_kept(enum store_sql which)
{
	switch (which) {
	case SQL_NEWEST:
	case SQL_BY_LEAF:
	case SQL_ANCHOR:
	case SQL_MEMBERSHIPS:
	case SQL_INSTANCES:
	case SQL_DELEGATIONS:
	case SQL_REVOKES:
	case SQL_SECRET:
	case SQL_WRAP:
	case SQL_WRAPS_OF:
		return true;
	default:
		return false;
	}
}

static int add(struct mh_store_rows **rows, const void *p, size_t n)
{
	struct mh_store_rows *r = *rows;
	size_t size = r->size;

	while (size - r->used < n)
		size *= 2;
	if (size != r->size) {
		r = realloc(r, sizeof(*r) + size);
		if (!r)
			return -ENOMEM;
		r->size = size;
		*rows = r;
	}
	if (n)
		memcpy(r->bytes + r->used, p, n);
	r->used += n;
	return 0;
}

static int add_counted(struct mh_store_rows **rows, const void *p, size_t n)
{
	u8 length[4];
	int ret;

	if (n > INT32_MAX)
		return -EMSGSIZE;
	mh_put32(length, (u32)n);
	ret = add(rows, length, sizeof(length));
	return ret ? ret : add(rows, p, n);
}

/* One that has the question, and no rows yet */
static struct mh_store_rows *question(enum store_sql which, const struct mh_store_param *p,
				      unsigned int n)
{
	const u8 asked = (u8)which;
	struct mh_store_rows *r = malloc(sizeof(*r) + 1024);
	int ret;

	if (!r)
		return NULL;
	*r = (struct mh_store_rows){ .refs = 1, .size = 1024 };
	ret = add(&r, &asked, 1);
	for (unsigned int i = 0; i < n && !ret; i++)
		ret = p[i].is_number ? add(&r, &p[i].number, sizeof(p[i].number)) :
				       add_counted(&r, p[i].b.p, p[i].b.n);
	if (ret) {
		free(r);
		return NULL;
	}
	r->key = r->used;
	return r;
}

/* FNV-1a: who makes two questions meet gains that one of them is asked again */
static struct mh_store_rows **place_of(struct mh_store *st, const struct mh_store_rows *r)
{
	u64 h = 0xcbf29ce484222325;

	for (size_t i = 0; i < r->key; i++)
		h = (h ^ r->bytes[i]) * 0x100000001b3;
	return &st->memory->place[(h ^ h >> 32) % PLACES];
}

void mh_store_rows_put(struct mh_store_rows *r)
{
	if (r && !--r->refs)
		free(r);
}

static int read_rows(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		     unsigned int n, struct mh_store_rows **r)
{
	sqlite3_stmt *s = mh_store_sql(st, which);
	struct mh_buf row;
	int ret;

	if (!s)
		return -EIO;
	for (unsigned int i = 0; i < n; i++) {
		if (p[i].is_number)
			sqlite3_bind_int64(s, (int)i + 1, p[i].number);
		else
			bind_buf(s, (int)i + 1, p[i].b.p, p[i].b.n);
	}
	while (!(ret = mh_store_row(st, s))) {
		row = column_buf(s, 0);
		ret = add_counted(r, row.p, row.n);
		if (ret)
			break;
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return ret == -ENOENT ? 0 : ret;
}

int mh_store_ask(struct mh_store *st, enum store_sql which, const struct mh_store_param *p,
		 unsigned int n, struct mh_store_rows **out)
{
	struct mh_store_rows *r = question(which, p, n), **place = NULL;
	int ret;

	if (!r)
		return -ENOMEM;
	if (is_kept(which) && !st->memory)
		st->memory = calloc(1, sizeof(*st->memory));
	if (is_kept(which) && st->memory)
		place = place_of(st, r);
	if (place && *place && (*place)->generation == st->generation &&
	    (*place)->key == r->key && !memcmp((*place)->bytes, r->bytes, r->key)) {
		free(r);
		*out = *place;
		(*out)->refs++;
		return 0;
	}
	r->generation = st->generation;
	ret = read_rows(st, which, p, n, &r);
	if (ret) {
		free(r);
		return ret;
	}
	*out = r;
	if (!place || r->used > LONGEST)
		return 0;
	r = realloc(*out, sizeof(*r) + (*out)->used);	/* what it has room for beyond */
	if (r)
		*out = r;
	(*out)->size = (*out)->used;
	mh_store_rows_put(*place);
	*place = *out;
	(*out)->refs++;
	return 0;
}

bool mh_store_rows_next(const struct mh_store_rows *r, size_t *at, struct mh_buf *row)
{
	const u8 *p = r->bytes + r->key + *at;

	if (r->key + *at == r->used)
		return false;
	*row = MH_BUF(p + 4, mh_get32(p));
	*at += 4 + row->n;
	return true;
}

void mh_store_forget(struct mh_store *st)
{
	for (unsigned int i = 0; st->memory && i < PLACES; i++)
		mh_store_rows_put(st->memory->place[i]);
	free(st->memory);
	st->memory = NULL;
	st->generation++;
}

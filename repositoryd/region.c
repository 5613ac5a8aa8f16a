// SPDX-License-Identifier: MIT
/* What is kept in memory of each Region: the DELEGATIONs to this server, EPOCH, idR. */
#include "ahead.h"
#include "conn.h"
#include "guardian.h"

#include <stdlib.h>
#include <time.h>

u64 mh_now(struct mh_daemon *d)
{
	u64 wall = (u64)time(NULL), floor = 0;
	struct mh_region *r;

	LIST_FOREACH(r, &d->regions, link) {
		struct mh_stmt s;

		if (r->epoch.n && !mh_stmt_parse(&s, r->epoch.p, r->epoch.n) && s.issued > floor)
			floor = s.issued;
	}
	return wall > floor ? wall : floor;
}

static struct mh_region *find(struct mh_daemon *d, const u8 id[32])
{
	struct mh_region *r;

	LIST_FOREACH(r, &d->regions, link)
		if (!memcmp(r->row.id, id, 32))
			return r;
	return NULL;
}

struct mh_region *mh_region_find(struct mh_daemon *d, const u8 id[32])
{
	struct mh_region *r = find(d, id);

	if (r && r->stale && mh_region_load(d, id))
		mh_log(MH_LOG_ERROR, "a Region could not be read again: %s",
		       mh_store_error(d->store));
	return r;
}

struct choosing {
	struct mh_daemon *d;
	const u8 *region;
	struct mh_bytes *out;
};

/* To the second, without hosts' grace: an EPOCH that is signed before holds nowhere. */
static bool begun(const struct mh_stmt *s, u64 now)
{
	return s->not_before <= now;
}

static int has_begun(void *now, struct mh_buf b)
{
	struct mh_stmt s;

	return mh_stmt_parse(&s, b.p, b.n) ? -EUCLEAN : begun(&s, *(const u64 *)now);
}

/*
 * A later statement of the subject has begun, whether it has ended since or not; one that was
 * signed ahead replaces nothing before its time.  0, 1, -errno
 */
static int replaced(struct mh_daemon *d, const u8 *region, const struct mh_stmt *s)
{
	u64 now = mh_now(d);

	return mh_store_later(d->store, region, s, has_begun, &now);
}

/* The first (highest serial) that holds now and that no later one replaced, by whatever key. */
static int choose(void *ctx, struct mh_buf b)
{
	struct choosing *c = ctx;
	struct mh_stmt s;
	int ret;

	if (mh_stmt_parse(&s, b.p, b.n))
		return -EUCLEAN;
	ret = mh_guardian_live(c->d, c->region, &s, mh_now(c->d));
	if (ret)
		return mh_guardian_void(ret) ? 0 : ret;
	if (!begun(&s, mh_now(c->d)))
		return 0;
	ret = replaced(c->d, c->region, &s);
	if (ret)
		return ret < 0 ? ret : 0;
	return mh_bytes_copy(c->out, b.p, b.n) ? -ENOMEM : 1;
}

int mh_region_delegation(struct mh_daemon *d, const u8 region[32], const u8 key[64], u8 role,
			 struct mh_bytes *out)
{
	struct choosing c = { .d = d, .region = region, .out = out };
	int ret;

	mh_bytes_free(out);
	ret = mh_store_delegations(d->store, region, key, role, choose, &c);
	return ret < 0 ? ret : 0;
}

static int load_epoch(struct mh_daemon *d, struct mh_region *r)
{
	struct mh_stmt fresh, epoch;
	struct mh_bytes b = { 0 };
	int ret = -ENOENT;
	bool known;

	if (r->fresh.n && !mh_stmt_parse(&fresh, r->fresh.p, r->fresh.n))
		ret = mh_store_newest(d->store, r->row.id, MH_EPOCH, fresh.subject, &b);
	/* the one that is known is time's floor until another is read */
	if (ret && ret != -ENOENT)
		return ret;
	known = b.n && !mh_stmt_parse(&epoch, b.p, b.n);
	if (known && epoch.issued >= d->started &&
	    !mh_buf_equal(mh_bytes_buf(&r->epoch), mh_bytes_buf(&b))) {
		r->counts.epoch = true;
		r->counts.epoch_at = mh_conn_clock();
	}
	mh_bytes_free(&r->epoch);
	r->epoch = b;
	r->epoch_end = known ? epoch.not_after : 0;
	return 0;
}

static int make_idr(struct mh_region *r)
{
	static const u8 versions[] = { MH_STP_VERSION };
	struct mh_idr m = { .versions = MH_BUF(versions, sizeof(versions)), .delegations = 2 };
	u8 out[MH_IDR_MAX];
	int n;

	mh_bytes_free(&r->idr);
	if (!r->serve.n || !r->fresh.n || !r->epoch.n)
		return 0;
	m.delegation[0] = mh_bytes_buf(&r->serve);
	m.delegation[1] = mh_bytes_buf(&r->fresh);
	m.epoch = mh_bytes_buf(&r->epoch);
	n = mh_idr_encode(&m, out, sizeof(out));
	return n < 0 ? n : mh_bytes_copy(&r->idr, out, (size_t)n);
}

int mh_region_next_anchor(struct mh_daemon *d, const u8 region[32], u64 *serial,
			  struct mh_bytes *out)
{
	struct mh_stmt s;
	int ret = mh_store_anchor(d->store, region, *serial, out);

	if (ret)
		return ret;
	if (mh_stmt_parse(&s, out->p, out->n))
		return -EUCLEAN;
	*serial = s.serial + 1;
	return 0;
}

static int load_anchor(struct mh_daemon *d, struct mh_region *r)
{
	struct mh_bytes b;
	struct mh_stmt s;
	int ret = mh_store_anchor(d->store, r->row.id, r->row.anchor_serial, &b);

	if (ret)
		return ret;
	ret = mh_stmt_parse(&s, b.p, b.n) ? -EUCLEAN : 0;
	if (!ret)
		memcpy(r->anchor, s.leaf, MH_HASH_LEN);
	mh_bytes_free(&b);
	return ret;
}

int mh_region_load(struct mh_daemon *d, const u8 id[32])
{
	struct mh_region *r = find(d, id);
	struct mh_stmt serve;
	int ret;

	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		memcpy(r->row.id, id, 32);
		LIST_INSERT_HEAD(&d->regions, r, link);
	}
	ret = mh_store_region(d->store, id, &r->row);
	if (!ret)
		ret = load_anchor(d, r);
	if (!ret)
		ret = mh_region_delegation(d, id, d->card.sp2, MH_ROLE_SERVE, &r->serve);
	if (!ret)
		ret = mh_region_delegation(d, id, d->card.fresh, MH_ROLE_FRESHNESS, &r->fresh);
	if (!ret)
		ret = mh_ahead_load(d, r);
	if (!ret)
		ret = load_epoch(d, r);
	if (!ret && r->serve.n && !mh_stmt_parse(&serve, r->serve.p, r->serve.n))
		mh_ctx_sp2(id, serve.subject, r->x);
	if (!ret)
		ret = make_idr(r);
	if (ret)
		mh_bytes_free(&r->idr);
	r->stale = ret;
	mh_freshness_arm(d);
	return ret;
}

static int load_one(void *ctx, const struct mh_store_region *row)
{
	return mh_region_load(ctx, row->id);
}

int mh_region_load_all(struct mh_daemon *d)
{
	return mh_store_regions(d->store, NULL, load_one, d);
}

void mh_region_free_all(struct mh_daemon *d)
{
	struct mh_region *r;

	while ((r = LIST_FIRST(&d->regions))) {
		LIST_REMOVE(r, link);
		mh_bytes_free(&r->serve);
		mh_bytes_free(&r->fresh);
		mh_bytes_free(&r->epoch);
		mh_bytes_free(&r->idr);
		free(r);
	}
}

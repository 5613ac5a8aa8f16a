// SPDX-License-Identifier: MIT
/*
 * EPOCH statements: signed at start, hourly, at once on REVOKE, SUSPEND or a
 * new DELEGATION; and what is pushed to open sessions.
 */
#include "conn.h"

#include <stdlib.h>

#define EPOCH_LIFE 86400
#define OFTEN 60		/* seconds: the clock may have been set */
/*
 * EPOCHs that a second has numbers for: a store that is put back from a backup signs none again
 * that a host knows with other contents, and would take for a fork.
 */
#define A_SECOND 1024

/* Number of the newest EPOCH of this series, 0 for none; *issued: never before it. */
static int last_epoch(struct mh_daemon *d, const u8 *region, struct mh_buf subject, u64 *number,
		      u64 *issued)
{
	struct mh_bytes b;
	struct mh_stmt s;
	int ret = mh_store_newest(d->store, region, MH_EPOCH, subject, &b);

	*number = *issued = 0;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (mh_stmt_parse(&s, b.p, b.n)) {
		ret = -EUCLEAN;
	} else {
		*number = s.serial;
		*issued = s.issued;
	}
	mh_bytes_free(&b);
	return ret;
}

static int write_epoch(struct mh_daemon *d, const struct mh_store_region *row,
		       const struct mh_stmt *fresh, u8 *body, size_t size, size_t *len)
{
	u64 number, issued, now = mh_now(d), end;
	struct mh_writer w;
	int ret = last_epoch(d, row->id, fresh->subject, &number, &issued);

	if (ret)
		return ret;
	if (now < issued)
		now = issued;
	number = number + 1 > now * A_SECOND ? number + 1 : now * A_SECOND;
	end = now + EPOCH_LIFE < fresh->not_after ? now + EPOCH_LIFE : fresh->not_after;
	mh_writer_init(&w, body, size);
	mh_stmt_begin(&w, MH_EPOCH, row->id, fresh->leaf, fresh->subject, number, now, now,
		      end);
	mh_write_attr_u64(&w, MH_A_EPOCH_NUMBER, number);
	mh_write_attr_u64(&w, MH_A_REVOKES, row->revokes);
	mh_write_attr(&w, MH_A_RUNNING, row->running, MH_HASH_LEN);
	mh_write_attr_u64(&w, MH_A_RESTART, row->restart);
	*len = w.len;
	return w.err;
}

static int store_epoch(struct mh_daemon *d, const u8 *region, const struct mh_stmt *fresh,
		       struct mh_buf body)
{
	u8 bytes[2048], sig[MH_SIG_LEN];
	struct mh_audit_record r = { .event = MH_AUDIT_EPOCH };
	struct mh_writer w;
	struct mh_stmt s;
	int ret = mh_keeper_sign_epoch(&d->keeper, body, sig);

	if (ret)
		return ret;
	mh_writer_init(&w, bytes, sizeof(bytes));
	mh_stmt_write_head(&w, body, 0, 1, NULL, 0);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, MH_SET_SIGNER);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, 0);
	mh_write_bytes(&w, sig, sizeof(sig));
	ret = w.err;
	/* by the parser and the verifier that clients use, before anybody sees it */
	if (!ret)
		ret = mh_stmt_parse(&s, bytes, w.len);
	if (!ret)
		ret = mh_stmt_verify(&s, region, fresh);
	if (!ret)
		ret = mh_store_put(d->store, region, &s);
	if (ret)
		return ret;
	memcpy(r.region, region, 32);
	memcpy(r.leaf, s.leaf, 32);
	r.what = s.subject;
	r.number = s.serial;
	return mh_audit_append(&d->audit, &r, s.issued);
}

int mh_freshness_sign(struct mh_daemon *d, const u8 region[32])
{
	struct mh_store_region row;
	struct mh_bytes b = { 0 };
	struct mh_stmt fresh;
	u8 body[1024];
	size_t len = 0;
	int ret = d->config.freshness ? mh_store_region(d->store, region, &row) : -ENOKEY;

	if (ret)
		return ret;
	ret = mh_region_delegation(d, region, d->card.fresh, MH_ROLE_FRESHNESS, &b);
	if (ret || !b.n)
		return ret ? ret : -ENOKEY;
	ret = mh_stmt_parse(&fresh, b.p, b.n);
	if (!ret)
		ret = write_epoch(d, &row, &fresh, body, sizeof(body), &len);
	if (!ret)
		ret = store_epoch(d, region, &fresh, MH_BUF(body, len));
	mh_bytes_free(&b);
	return ret;
}

static int sign_one(struct mh_daemon *d, const u8 *region)
{
	int ret = mh_store_begin(d->store);

	if (ret)
		return ret;
	ret = mh_freshness_sign(d, region);
	if (!ret)
		ret = mh_audit_commit(&d->audit);
	if (ret) {
		mh_store_rollback(d->store);
		mh_audit_reload(&d->audit);
		return ret;
	}
	return mh_region_load(d, region);
}

static void leaf_of(const struct mh_bytes *b, u8 leaf[MH_HASH_LEN])
{
	struct mh_stmt s;

	memset(leaf, 0, MH_HASH_LEN);
	if (b->n && !mh_stmt_parse(&s, b->p, b->n))
		memcpy(leaf, s.leaf, MH_HASH_LEN);
}

/* A host that came before the next DELEGATION began has not been told of it. */
static void renew(struct mh_daemon *d, struct mh_region *r)
{
	const struct mh_bytes *now[] = { &r->serve, &r->fresh };
	struct mh_bytes push[ARRAY_SIZE(now)];
	u8 was[ARRAY_SIZE(now)][MH_HASH_LEN], is[MH_HASH_LEN];
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		leaf_of(now[i], was[i]);
	ret = sign_one(d, r->row.id);
	if (ret == -ENOKEY)
		mh_log(MH_LOG_WARNING,
		       "Region %s: no freshness delegated to this server, or it has ended: "
		       "repoctl delegation create",
		       r->row.label);
	else if (ret)
		mh_log(MH_LOG_ERROR, "Region %s: no EPOCH could be signed: %s (%s)", r->row.label,
		       strerror(-ret), mh_store_error(d->store));
	for (size_t i = 0; i < ARRAY_SIZE(now); i++) {
		leaf_of(now[i], is);
		if (now[i]->n && memcmp(is, was[i], MH_HASH_LEN))
			push[n++] = *now[i];
	}
	if (!ret)
		mh_freshness_push(d, r, push, n);
	else if (r->turn && r->turn <= mh_now(d))
		r->turn = mh_now(d) + OFTEN;
}

void mh_freshness_sign_all(struct mh_daemon *d)
{
	struct mh_region *r;

	mh_server_flush(d);
	LIST_FOREACH(r, &d->regions, link)
		renew(d, r);
	if (mh_audit_checkpoint(&d->audit, mh_now(d)))
		mh_log(MH_LOG_ERROR, "no audit checkpoint could be written: %s",
		       mh_store_error(d->store));
}

void mh_freshness_arm(struct mh_daemon *d)
{
	struct timeval wait = { .tv_sec = OFTEN };
	u64 now = mh_now(d);
	struct mh_region *r;

	if (!d->turn)
		return;
	LIST_FOREACH(r, &d->regions, link)
		if (r->turn && r->turn < now + (u64)wait.tv_sec)
			wait.tv_sec = r->turn > now ? (time_t)(r->turn - now) : 1;
	evtimer_add(d->turn, &wait);
}

void mh_freshness_turn(struct mh_daemon *d)
{
	u64 now = mh_now(d);
	struct mh_region *r;

	LIST_FOREACH(r, &d->regions, link)
		if (r->turn && r->turn <= now) {
			mh_server_flush(d);
			renew(d, r);
		}
	mh_freshness_arm(d);
}

void mh_freshness_push(struct mh_daemon *d, struct mh_region *r, const struct mh_bytes *statements,
		       size_t n)
{
	struct mh_conn *c, *next;

	for (c = LIST_FIRST(&d->conns); c; c = next) {
		int ret = 0;

		next = LIST_NEXT(c, link);
		if (c->phase != MH_CONN_OPEN || c->region != r)
			continue;
		for (size_t i = 0; i < n && !ret; i++)
			if (statements[i].n <= MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER)
				ret = mh_conn_record(c, MH_R_PUSH, 0, statements[i].p,
						     statements[i].n);
		if (!ret && r->epoch.n)
			ret = mh_conn_record(c, MH_R_PUSH, 0, r->epoch.p, r->epoch.n);
		if (ret)
			mh_conn_free(c);
	}
}

void mh_freshness_end(struct mh_daemon *d, struct mh_region *r, struct mh_buf name)
{
	struct mh_conn *c, *next;
	u64 now = mh_now(d);

	for (c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->phase == MH_CONN_OPEN && c->region == r &&
		    (!name.n || mh_buf_equal(name, mh_text(c->name))))
			mh_responder_end_if_out(c, now);
	}
}

// SPDX-License-Identifier: MIT
/* The audit chain's live end; see audit.h. */
#include "conn.h"

#include <stdio.h>

#define PAGE 1024

/* ---- what the keeper remembers, and what the store says ---- */

static int read_head(struct mh_audit *a)
{
	struct mh_audit_record r;
	struct mh_bytes b;
	int ret = mh_store_audit_last(a->store, &a->head.seq, &b);

	if (ret || !a->head.seq)
		return ret;
	if (mh_audit_record_decode(&r, mh_bytes_buf(&b)) || r.seq != a->head.seq)
		ret = -EUCLEAN;
	else
		mh_audit_record_hash(mh_bytes_buf(&b), a->head.hash);
	mh_bytes_free(&b);
	return ret;
}

static int take_hash(void *ctx, struct mh_buf b)
{
	struct mh_audit_head *h = ctx;
	struct mh_audit_record r;

	if (mh_audit_record_decode(&r, b) || r.seq != h->seq)
		return -ENOENT;
	mh_audit_record_hash(b, h->hash);
	return 1;
}

/* The record of this number is the one with this hash: 0, -ENOENT if not. */
static int is_record(struct mh_audit *a, u64 seq, const u8 hash[MH_HASH_LEN])
{
	struct mh_audit_head h = { .seq = seq };
	int ret = mh_store_audit_list(a->store, seq, 1, take_hash, &h);

	if (ret < 0)
		return ret;
	return ret && !memcmp(h.hash, hash, MH_HASH_LEN) ? 0 : -ENOENT;
}

static int follow(void *ctx, struct mh_buf b)
{
	struct mh_audit_head *h = ctx;
	struct mh_audit_record r;

	if (mh_audit_record_decode(&r, b) || r.seq != h->seq + 1 ||
	    memcmp(r.before, h->hash, MH_HASH_LEN))
		return -ENOENT;
	mh_audit_record_hash(b, h->hash);
	h->seq++;
	return 0;
}

struct checking {
	struct mh_audit *a;
	struct mh_card card;
	u64 seq;
};

static int check_checkpoint(void *ctx, struct mh_buf b)
{
	struct checking *k = ctx;
	struct mh_audit_checkpoint c;

	if (mh_audit_checkpoint_decode(&c, b) ||
	    mh_audit_checkpoint_verify(b, k->card.audit))
		return -ENOENT;
	k->seq = c.seq;
	return is_record(k->a, c.seq, c.hash);
}

/* What follows the keeper's record follows from it, to the end. */
static int check_tail(struct mh_audit *a, char *why, size_t size)
{
	struct mh_audit_head h = { .seq = a->known.seq };
	u64 from;
	int ret;

	memcpy(h.hash, a->known.hash, MH_HASH_LEN);
	do {
		from = h.seq;
		ret = mh_store_audit_list(a->store, from + 1, PAGE, follow, &h);
	} while (!ret && h.seq > from);
	if (!ret && h.seq != a->head.seq)
		ret = -ENOENT;
	if (ret)
		snprintf(why, size, "the audit chain is broken at record %llu",
			 (unsigned long long)h.seq + 1);
	return ret;
}

static int check_checkpoints(struct mh_audit *a, char *why, size_t size)
{
	struct checking k = { .a = a };
	int ret;

	if (!a->known.seq)	/* a keeper that knows no record has signed none */
		return 0;
	ret = mh_card_decode(&k.card, MH_BUF(a->keeper->card, a->keeper->card_len));
	if (!ret)
		ret = mh_store_checkpoints(a->store, a->known.since, check_checkpoint, &k);
	if (ret)
		snprintf(why, size, "the audit's checkpoint after that of record %llu is not this "
			 "server's, or not of the record that is there",
			 (unsigned long long)k.seq);
	a->checkpoint = ret ? 0 : k.seq;
	return ret;
}

/* 0; -ENOENT and why: the chain is not the one that the keeper knew */
static int check_known(struct mh_audit *a, char *why, size_t size)
{
	const unsigned long long known = a->known.seq, end = a->head.seq;
	int ret = 0;

	/* the first is told of before there is a second */
	if (!known && end > 1) {
		snprintf(why, size, "the keeper has seen no record of its audit: put back the keys "
			 "that it was served with");
		return -ENOENT;
	}
	if (known > end) {
		snprintf(why, size, "its audit ends at record %llu, the keeper has seen record "
			 "%llu: the store is an older copy, or its end was cut off", end, known);
		return -ENOENT;
	}
	if (known)
		ret = is_record(a, known, a->known.hash);
	if (ret) {
		snprintf(why, size, "audit record %llu is not the one that the keeper has seen: "
			 "the store was rewritten behind the daemon's back, or is another's",
			 known);
		return ret;
	}
	if (known < end && a->known.closed) {
		snprintf(why, size, "the audit has records after %llu, at which the daemon ended: "
			 "they were added behind its back, or the keeper is an older copy", known);
		return -ENOENT;
	}
	ret = check_tail(a, why, size);
	return ret ? ret : check_checkpoints(a, why, size);
}

static int keeper_failed(int err)
{
	mh_log(MH_LOG_ERROR, "the keeper could not read or write what it knows of the audit: %s",
	       strerror(-err));
	return -EPIPE;
}

int mh_audit_open(struct mh_audit *a, struct mh_store *st, struct mh_keeper *k, unsigned int may)
{
	char why[256];
	bool accept;
	int ret;

	*a = (struct mh_audit){ .store = st, .keeper = k };
	ret = read_head(a);
	if (ret)
		return ret;
	ret = mh_keeper_audit_held(k, &a->known);
	if (ret)
		return keeper_failed(ret);
	a->durable = a->head;
	ret = check_known(a, why, sizeof(why));
	if (ret && ret != -ENOENT)
		return ret;
	accept = may & MH_KEEPER_MAY_ANEW || (may & MH_KEEPER_MAY_MAKE && !a->known.seq);
	if (ret) {
		mh_log(MH_LOG_ERROR, "the store is not the one that this server left: %s", why);
		if (!accept)
			mh_log(MH_LOG_ERROR,
			       "keep it as evidence and put the newest copy of the store back; if "
			       "what is here is to be served all the same, start once with "
			       "--accept-gap, which the audit will tell");
	}
	if (ret && !accept)
		return -EKEYREJECTED;
	a->gap = ret;
	if (!a->gap && a->known.seq && a->known.seq < a->head.seq)
		mh_log(MH_LOG_WARNING,
		       "the daemon did not end in order: audit records after %llu are taken as "
		       "they are", (unsigned long long)a->known.seq);
	/* on disk before the first commit is: what follows is no surprise at the next start */
	ret = mh_keeper_audit_head(k, MH_HEAD_OPEN, a->known.seq, a->known.hash);
	a->open = !ret;
	return ret ? keeper_failed(ret) : 0;
}

void mh_audit_close(struct mh_audit *a)
{
	int ret = 0;

	/* a commit that failed may turn up at the next start */
	if (a->open && !a->doubt && !a->gap)
		ret = mh_keeper_audit_head(a->keeper, MH_HEAD_CLOSE, a->durable.seq,
					   a->durable.hash);
	if (ret && ret != -EPIPE)
		mh_log(MH_LOG_ERROR, "the keeper could not close the audit: %s", strerror(-ret));
	a->open = false;
}

int mh_audit_mark_gap(struct mh_audit *a, u64 now)
{
	struct mh_audit_record r = { .event = MH_AUDIT_GAP, .number = a->known.seq };

	memcpy(r.h, a->known.hash, MH_HASH_LEN);
	return mh_audit_append(a, &r, now);
}

/* ---- writing ---- */

int mh_audit_reload(struct mh_audit *a)
{
	a->head = a->durable;
	return 0;
}

int mh_audit_append(struct mh_audit *a, struct mh_audit_record *r, u64 now)
{
	u8 bytes[MH_AUDIT_RECORD_MAX];
	int n, ret;

	r->seq = a->head.seq + 1;
	r->time = now;
	memcpy(r->before, a->head.hash, MH_HASH_LEN);
	n = mh_audit_record_encode(r, bytes, sizeof(bytes));
	if (n < 0)
		return n;
	ret = mh_store_audit_put(a->store, r->seq, r->region, MH_BUF(bytes, (size_t)n));
	if (ret)
		return ret;
	a->head.seq = r->seq;
	mh_audit_record_hash(MH_BUF(bytes, (size_t)n), a->head.hash);
	return 0;
}

int mh_audit_commit(struct mh_audit *a)
{
	int ret = mh_store_commit(a->store);

	a->doubt = ret;
	if (ret || a->head.seq == a->durable.seq)
		return ret;
	a->durable = a->head;
	a->committed = true;
	a->committed_at = mh_conn_clock();
	ret = mh_keeper_audit_head(a->keeper, a->gap ? MH_HEAD_ANEW : MH_HEAD_NEXT,
				   a->durable.seq, a->durable.hash);
	if (!ret)
		a->gap = false;
	if (ret && !a->behind)
		mh_log(MH_LOG_ERROR, "the keeper could not remember audit record %llu: %s",
		       (unsigned long long)a->durable.seq, strerror(-ret));
	a->behind = ret;
	return 0;
}

int mh_audit_sign(struct mh_audit *a, u64 now)
{
	struct mh_audit_checkpoint c = { .seq = a->durable.seq, .time = now };
	u8 bytes[MH_AUDIT_CHECKPOINT_LEN];
	int ret;

	if (a->newest_seq == a->durable.seq)
		return 0;
	memcpy(c.hash, a->durable.hash, MH_HASH_LEN);
	mh_audit_checkpoint_encode(&c, bytes);
	ret = mh_keeper_sign_checkpoint(a->keeper, MH_BUF(bytes, sizeof(bytes) - MH_SIG_LEN),
					c.sig);
	if (ret)
		return ret;
	mh_audit_checkpoint_encode(&c, a->newest);
	a->newest_seq = c.seq;
	return 0;
}

int mh_audit_checkpoint(struct mh_audit *a, u64 now)
{
	int ret;

	if (a->checkpoint == a->durable.seq)
		return 0;
	ret = mh_audit_sign(a, now);
	if (!ret)
		ret = mh_store_checkpoint_put(a->store, a->newest_seq,
					      MH_BUF(a->newest, sizeof(a->newest)));
	if (!ret)
		a->checkpoint = a->newest_seq;
	return ret;
}

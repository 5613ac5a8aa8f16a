// SPDX-License-Identifier: MIT
/* The audit chain's live end; see audit.h. */
#include "audit.h"

static int read_checkpoint(struct mh_audit *a)
{
	struct mh_audit_checkpoint c;
	struct mh_bytes b;
	int ret = mh_store_checkpoint_last(a->store, &b);

	a->checkpoint = 0;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = mh_audit_checkpoint_decode(&c, mh_bytes_buf(&b));
	if (!ret && (c.seq > a->seq || (c.seq == a->seq && memcmp(c.hash, a->hash, MH_HASH_LEN))))
		ret = -EUCLEAN;
	if (!ret)
		a->checkpoint = c.seq;
	mh_bytes_free(&b);
	return ret ? -EUCLEAN : 0;
}

int mh_audit_reload(struct mh_audit *a)
{
	struct mh_audit_record r;
	struct mh_bytes b;
	int ret = mh_store_audit_last(a->store, &a->seq, &b);

	memset(a->hash, 0, sizeof(a->hash));
	if (ret || !a->seq)
		return ret;
	if (mh_audit_record_decode(&r, mh_bytes_buf(&b)) || r.seq != a->seq)
		ret = -EUCLEAN;
	else
		mh_audit_record_hash(mh_bytes_buf(&b), a->hash);
	mh_bytes_free(&b);
	return ret;
}

int mh_audit_open(struct mh_audit *a, struct mh_store *st, struct mh_keeper *k)
{
	int ret;

	*a = (struct mh_audit){ .store = st, .keeper = k };
	ret = mh_audit_reload(a);
	return ret ? ret : read_checkpoint(a);
}

int mh_audit_append(struct mh_audit *a, struct mh_audit_record *r, u64 now)
{
	u8 bytes[MH_AUDIT_RECORD_MAX];
	int n, ret;

	r->seq = a->seq + 1;
	r->time = now;
	memcpy(r->before, a->hash, MH_HASH_LEN);
	n = mh_audit_record_encode(r, bytes, sizeof(bytes));
	if (n < 0)
		return n;
	ret = mh_store_audit_put(a->store, r->seq, r->region, MH_BUF(bytes, (size_t)n));
	if (ret)
		return ret;
	a->seq = r->seq;
	mh_audit_record_hash(MH_BUF(bytes, (size_t)n), a->hash);
	return 0;
}

int mh_audit_checkpoint(struct mh_audit *a, u64 now)
{
	struct mh_audit_checkpoint c = { .seq = a->seq, .time = now };
	u8 bytes[MH_AUDIT_CHECKPOINT_LEN];
	int ret;

	if (a->checkpoint == a->seq)
		return 0;
	memcpy(c.hash, a->hash, MH_HASH_LEN);
	mh_audit_checkpoint_encode(&c, bytes);
	ret = mh_keeper_sign_checkpoint(a->keeper, MH_BUF(bytes, sizeof(bytes) - MH_SIG_LEN),
					c.sig);
	if (ret)
		return ret;
	mh_audit_checkpoint_encode(&c, bytes);
	ret = mh_store_checkpoint_put(a->store, a->seq, MH_BUF(bytes, sizeof(bytes)));
	if (!ret)
		a->checkpoint = a->seq;
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/* What an identity's blob keeps of its Region. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "trust.h"

/*
 * u8 anchors || anchors * V(ANCHOR) || V(EPOCH) || u64 its end || leaf of ENTITY's signer 32
 *   || u64 time || u64 suspended until || u64 SUSPEND's serial || u64 revoked
 *   || u16 floors || floors * (u8 type || H(subject) 32 || u64 serial || u64 anchor)
 */
void mh_trust_write(struct mh_trust *t, struct mh_writer *w)
{
	unsigned int i;

	mutex_lock(&t->lock);
	mh_write_u8(w, t->anchors);
	for (i = 0; i < t->anchors; i++)
		mh_write_big(w, t->anchor[i]->s.bytes);
	mh_write_big(w, t->epoch ? t->epoch->s.bytes : MH_BUF(NULL, 0));
	mh_write_u64(w, t->epoch_until);
	mh_write_bytes(w, t->entity_signer, 32);
	mh_write_u64(w, t->time + (ktime_get_boottime_seconds() - t->learnt));
	mh_write_u64(w, t->suspended);
	mh_write_u64(w, t->suspend_serial);
	mh_write_u64(w, t->revoked);
	mh_write_u16(w, t->floors);
	for (i = 0; i < t->floors; i++) {
		mh_write_u8(w, t->floor[i].type);
		mh_write_bytes(w, t->floor[i].subject, 32);
		mh_write_u64(w, t->floor[i].serial);
		mh_write_u64(w, t->floor[i].anchor);
	}
	mutex_unlock(&t->lock);
}

static int mh_read_anchors(struct mh_trust *t, struct mh_reader *r)
{
	unsigned int n = mh_read_u8(r);
	struct mh_kept *k;

	if (!n || n > MH_TRUST_ANCHORS)
		return -EBADMSG;
	while (n--) {
		k = mh_kept_new(mh_read_big(r, MH_STMT_MAX));
		if (IS_ERR(k))
			return PTR_ERR(k);
		t->anchor[t->anchors++] = k;
		t->anchor_bytes += k->size;
		if (k->s.type != MH_ANCHOR)
			return -EBADMSG;
	}
	return 0;
}

static int mh_read_floors(struct mh_trust *t, struct mh_reader *r)
{
	unsigned int n = mh_read_u16(r);
	int ret = n > MH_TRUST_FLOORS ? -EBADMSG : 0;

	while (n-- && !ret) {
		u8 type = mh_read_u8(r);
		struct mh_buf subject = mh_read_bytes(r, 32);
		u64 serial = mh_read_u64(r), anchor = mh_read_u64(r);

		ret = r->err ?: mh_trust_raise(t, type, subject.p, serial, anchor);
	}
	return ret;
}

/* Sealed by us after it was verified: its form is checked, its signatures are not. */
int mh_trust_read(struct mh_trust *t, struct mh_reader *r)
{
	struct mh_buf epoch, signer;
	struct mh_kept *k;
	int ret;

	mutex_lock(&t->lock);
	ret = mh_read_anchors(t, r);
	epoch = mh_read_big(r, MH_STMT_MAX);
	if (!ret && epoch.n) {
		k = mh_kept_new(epoch);
		if (IS_ERR(k))
			ret = PTR_ERR(k);
		else
			t->epoch = k;
	}
	t->epoch_until = mh_read_u64(r);
	signer = mh_read_bytes(r, 32);
	if (signer.p)
		memcpy(t->entity_signer, signer.p, 32);
	mh_trust_learn(t, mh_read_u64(r));
	t->suspended = mh_read_u64(r);
	t->suspend_serial = mh_read_u64(r);
	t->revoked = mh_read_u64(r);
	if (!ret)
		ret = mh_read_floors(t, r);
	t->changed = false;
	mutex_unlock(&t->lock);
	return ret ?: r->err;
}

// SPDX-License-Identifier: MIT
/* The bytes of audit records and checkpoints; see audit_record.h. */
#include "audit_record.h"

#define VERSION 0
#define CHECKPOINT_PART (MH_AUDIT_CHECKPOINT_LEN - MH_SIG_LEN)

int mh_audit_record_encode(const struct mh_audit_record *r, u8 *out, size_t size)
{
	struct mh_writer w;

	mh_writer_init(&w, out, size);
	mh_write_u8(&w, VERSION);
	mh_write_u64(&w, r->seq);
	mh_write_bytes(&w, r->before, MH_HASH_LEN);
	mh_write_u64(&w, r->time);
	mh_write_bytes(&w, r->region, 32);
	mh_write_u8(&w, r->event);
	mh_write_u8(&w, r->outcome);
	mh_write_v(&w, r->who.p, r->who.n);
	mh_write_v(&w, r->what.p, r->what.n);
	mh_write_u64(&w, r->number);
	mh_write_bytes(&w, r->leaf, 32);
	mh_write_u32(&w, r->request);
	mh_write_bytes(&w, r->h, MH_HASH_LEN);
	mh_write_u8(&w, r->idi && r->authi);
	if (r->idi && r->authi) {
		mh_write_bytes(&w, r->idi, MH_IDI_LEN);
		mh_write_bytes(&w, r->authi, MH_SIG_LEN);
	}
	return w.err ? w.err : (int)w.len;
}

static void read_into(struct mh_reader *r, u8 *out, size_t n)
{
	struct mh_buf b = mh_read_bytes(r, n);

	if (b.p)
		memcpy(out, b.p, n);
}

int mh_audit_record_decode(struct mh_audit_record *r, struct mh_buf in)
{
	struct mh_reader rd;
	u8 proof;

	memset(r, 0, sizeof(*r));
	mh_reader_init(&rd, in.p, in.n);
	if (mh_read_u8(&rd) != VERSION)
		return rd.err ? -EBADMSG : -EPROTONOSUPPORT;
	r->seq = mh_read_u64(&rd);
	read_into(&rd, r->before, MH_HASH_LEN);
	r->time = mh_read_u64(&rd);
	read_into(&rd, r->region, 32);
	r->event = mh_read_u8(&rd);
	r->outcome = mh_read_u8(&rd);
	r->who = mh_read_v(&rd, MH_AUDIT_WHO_MAX);
	r->what = mh_read_v(&rd, MH_SUBJECT_MAX);
	r->number = mh_read_u64(&rd);
	read_into(&rd, r->leaf, 32);
	r->request = mh_read_u32(&rd);
	read_into(&rd, r->h, MH_HASH_LEN);
	proof = mh_read_u8(&rd);
	if (proof > 1)
		return -EBADMSG;
	if (proof) {
		r->idi = mh_read_bytes(&rd, MH_IDI_LEN).p;
		r->authi = mh_read_bytes(&rd, MH_SIG_LEN).p;
	}
	return mh_read_end(&rd);
}

void mh_audit_record_hash(struct mh_buf record, u8 hash[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("audit record"), record };

	mh_sha256v(hash, v, ARRAY_SIZE(v));
}

void mh_audit_checkpoint_encode(const struct mh_audit_checkpoint *c,
				u8 out[MH_AUDIT_CHECKPOINT_LEN])
{
	struct mh_writer w;

	mh_writer_init(&w, out, MH_AUDIT_CHECKPOINT_LEN);
	mh_write_bytes(&w, "MHCP", 4);
	mh_write_u8(&w, VERSION);
	mh_write_u64(&w, c->seq);
	mh_write_bytes(&w, c->hash, MH_HASH_LEN);
	mh_write_u64(&w, c->time);
	mh_write_bytes(&w, c->sig, MH_SIG_LEN);
}

int mh_audit_checkpoint_decode(struct mh_audit_checkpoint *c, struct mh_buf in)
{
	struct mh_reader r;
	struct mh_buf magic;

	memset(c, 0, sizeof(*c));
	mh_reader_init(&r, in.p, in.n);
	magic = mh_read_bytes(&r, 4);
	if (r.err || memcmp(magic.p, "MHCP", 4))
		return -EBADMSG;
	if (mh_read_u8(&r) != VERSION)
		return -EPROTONOSUPPORT;
	c->seq = mh_read_u64(&r);
	read_into(&r, c->hash, MH_HASH_LEN);
	c->time = mh_read_u64(&r);
	read_into(&r, c->sig, MH_SIG_LEN);
	return mh_read_end(&r);
}

void mh_audit_checkpoint_digest(struct mh_buf part, u8 digest[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("audit checkpoint"), part };

	mh_sha256v(digest, v, ARRAY_SIZE(v));
}

int mh_audit_checkpoint_verify(struct mh_buf checkpoint, const u8 kaudit[MH_P256_PUB_LEN])
{
	struct mh_audit_checkpoint c;
	u8 digest[MH_HASH_LEN];
	int ret = mh_audit_checkpoint_decode(&c, checkpoint);

	if (ret)
		return ret;
	mh_audit_checkpoint_digest(MH_BUF(checkpoint.p, CHECKPOINT_PART), digest);
	return mh_p256_verify(kaudit, digest, c.sig);
}

const char *mh_audit_event_name(u8 event)
{
	static const char *const names[] = {
		[MH_AUDIT_START] = "start",	  [MH_AUDIT_SESSION] = "session",
		[MH_AUDIT_DELIVERY] = "delivery", [MH_AUDIT_STATEMENT] = "statement",
		[MH_AUDIT_EPOCH] = "epoch",	  [MH_AUDIT_READ_KEC] = "read-kec",
		[MH_AUDIT_GAP] = "gap",
	};

	return event < ARRAY_SIZE(names) && names[event] ? names[event] : "unknown";
}

const char *mh_audit_outcome_name(u8 outcome)
{
	static const char *const names[] = {
		[0] = "done",
		[MH_REFUSED_UNKNOWN] = "refused-unknown",
		[MH_REFUSED_REVOKED] = "refused-revoked",
		[MH_REFUSED_SUSPENDED] = "refused-suspended",
		[MH_REFUSED_POLICY] = "refused-policy",
		[MH_REFUSED_STALE] = "refused-stale",
		[MH_REFUSED_OUT_OF_DATE] = "refused-out-of-date",
		[MH_REFUSED_BUSY] = "refused-busy",
		[MH_REFUSED_LIMIT] = "refused-limit",
	};

	if (outcome == MH_AUDIT_UNCHANGED)
		return "unchanged";
	return outcome < ARRAY_SIZE(names) && names[outcome] ? names[outcome] : "unknown";
}

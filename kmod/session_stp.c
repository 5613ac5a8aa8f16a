// SPDX-License-Identifier: GPL-2.0-only
/*
 * SP1's side of STP in the kernel: hello, anchors, challenge, auth, records.
 *
 *	-> e			mh_session_hello()
 *	<- e, ee, idR, sigR	mh_on_challenge(): trust first, then the peer's proof
 *	-> idI, psk, authI	mh_session_auth()
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/microhsm.h>
#include "genl.h"
#include "session_priv.h"

/* ---- handshake ---- */

int mh_session_hello(struct mh_session *s)
{
	struct mh_identity *id = s->identity;
	struct mh_p1 p1 = {
		.version = MH_STP_VERSION, .suite = MH_STP_SUITE, .region = id->region_id,
	};
	int n;

	if (!smp_load_acquire(&id->joined))	/* then trust and region_id stay */
		return -EINVAL;
	p1.anchor_serial = mh_trust_anchor_serial(id->trust);
	n = mh_stp_hello(&s->stp, &p1, NULL, s->out, sizeof(s->out));
	if (n < 0)
		return n;
	WRITE_ONCE(s->out_len, n);
	s->out_at = 0;
	return 0;
}

bool mh_session_expects(const struct mh_session *s, u8 kind)
{
	switch (s->stp.state) {
	case MH_STP_HELLO_SENT:
		return kind == MH_F_CHALLENGE || kind == MH_F_ANCHORS;
	case MH_STP_OPEN:
		return kind == MH_F_RECORD;
	default:
		return false;
	}
}

/* Public links, each verified and pinned as it comes: a later failure unpins none. */
static int mh_on_anchors(struct mh_session *s, struct mh_buf body)
{
	struct mh_reader r;
	u8 n, more;
	int ret = 0;

	mh_reader_init(&r, body.p, body.n);
	n = mh_read_u8(&r);
	more = mh_read_u8(&r);
	if (r.err || !n || n > MH_ANCHORS_PER_FRAME || more > 1)
		return -EBADMSG;
	s->links += n;
	if (s->links > MH_SESSION_LINKS)
		return -EBADMSG;
	while (n-- && !ret) {
		struct mh_buf a = mh_read_big(&r, MH_STMT_MAX);

		ret = r.err ?: mh_trust_anchor(s->identity->trust, a);
		if (ret == -ESTALE)	/* another session had it first */
			ret = 0;
	}
	if (!ret)
		ret = mh_read_end(&r);
	mh_trust_note(s->identity, ret);
	return ret;
}

static int mh_session_auth(struct mh_session *s)
{
	struct mh_identity *id = s->identity;
	struct mh_idi idi = { .name = mh_text(id->name) };
	u8 psk[32], x[MH_HASH_LEN], digest[MH_HASH_LEN], authi[MH_SIG_LEN];
	int ret;

	mh_ctx_sp2(id->region_id, mh_text(s->peer.name), x);
	mutex_lock(&id->lock);
	if (id->dead) {
		mutex_unlock(&id->lock);
		return -EKEYREVOKED;
	}
	idi.entity_serial = id->entity_serial;
	memcpy(idi.incarnation, id->incarnation, sizeof(idi.incarnation));
	idi.sessions = ++id->sessions;
	idi.receipts = id->receipts;
	memcpy(idi.head, id->head, sizeof(idi.head));
	ret = mh_stp_psk_of(MH_BUF(id->kec_kind == MH_KIND_PAIR ? id->kec_pub : id->kec, 32),
			    id->ecx, id->kei_kind == MH_KIND_SECRET ? id->kei : NULL, x, psk);
	if (!ret)
		ret = mh_stp_auth_begin(&s->stp, &idi, psk, digest, s->out, sizeof(s->out));
	if (!ret)
		ret = mh_stp_authi(&s->stp, id->kei_kind, id->kei, x, digest, authi);
	mutex_unlock(&id->lock);
	if (!ret)
		ret = mh_stp_auth_finish(&s->stp, authi, s->out, sizeof(s->out));
	memzero_explicit(psk, sizeof(psk));
	if (ret < 0)
		return ret;
	s->out_at = 0;
	WRITE_ONCE(s->out_len, ret);
	mh_session_opened(s);
	mh_event(MH_EV_SESSION_OPEN, id->region, id->name, 0);
	wake_up_all(&s->wq);
	return 0;
}

static int mh_check_idr(struct mh_session *s, struct mh_buf bytes)
{
	struct mh_idr idr;
	int ret = mh_idr_decode(&idr, bytes);

	if (ret)
		return ret;
	if (!memchr(idr.versions.p, MH_STP_VERSION, idr.versions.n))
		return -EPROTONOSUPPORT;
	ret = mh_trust_fresh(s->identity->trust, idr.delegation, idr.delegations, idr.epoch,
			     &s->budget, &s->peer);
	mh_trust_note(s->identity, ret);
	return ret;
}

static int mh_on_challenge(struct mh_session *s)
{
	u8 *idr = kvmalloc(MH_IDR_MAX + MH_TAG_LEN, GFP_KERNEL_ACCOUNT);
	u8 sigr[MH_SIG_LEN];
	size_t n = 0;
	int ret;

	if (!idr)
		return -ENOMEM;
	if (s->out_len) {	/* an answer to a hello that was not read */
		ret = -EBADMSG;
		goto out;
	}
	ret = mh_stp_challenge(&s->stp, s->in, s->in_have, idr, &n, sigr);
	if (!ret)
		ret = mh_check_idr(s, MH_BUF(idr, n));
	if (!ret)
		ret = mh_stp_prove_peer(&s->stp, s->peer.ksp2, sigr);
	if (!ret)
		ret = mh_session_auth(s);
out:
	kvfree(idr);
	return ret;
}

/* ---- requests ---- */

static int mh_flight_hold(void *ctx, struct mh_buf bytes, const struct mh_stmt **held)
{
	struct mh_flight *fl = ctx;
	struct mh_kept *k = mh_kept_new(bytes);

	if (IS_ERR(k))
		return PTR_ERR(k);
	fl->held = k;
	*held = &k->s;
	return 0;
}

static int mh_flight_statement(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept)
{
	struct mh_flight *fl = ctx;
	struct mh_session *s = fl->session;
	struct mh_kept **k = &fl->used[fl->nused];
	int ret;

	if (fl->nused == MH_TRUST_USED)
		return -EBADMSG;
	if (bytes.p == fl->held->bytes) {
		kref_get(&fl->held->ref);
		*k = fl->held;
	} else {
		*k = mh_kept_new(bytes);
		if (IS_ERR(*k))
			return PTR_ERR(*k);
	}
	fl->nused++;
	ret = mh_trust_accept(s->identity->trust, k, &s->budget);
	if (ret) {
		mh_trust_note(s->identity, ret);
		return ret;
	}
	*kept = &(*k)->s;
	return 0;
}

static bool mh_flight_authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	struct mh_flight *fl = ctx;

	return mh_trust_same_authority(fl->session->identity->trust, instance, owner);
}

static int mh_flight_data(void *ctx, const u8 *p, size_t n)
{
	struct mh_delivered *d = ((struct mh_flight *)ctx)->data;

	if (n > sizeof(d->secret) - d->len)
		return -EFBIG;
	memcpy(d->secret + d->len, p, n);
	d->len += n;
	return 0;
}

static const struct mh_answer_ops mh_flight_ops = {
	.hold = mh_flight_hold,
	.statement = mh_flight_statement,
	.same_authority = mh_flight_authority,
	.data = mh_flight_data,
};

static int mh_flight_begin(struct mh_session *s, struct mh_flight *fl)
{
	struct mh_identity *id = s->identity;
	struct mh_wrap_key kec = { .pair = id->kec_kind == MH_KIND_PAIR };
	int ret = 0;

	mutex_lock(&id->lock);
	memcpy(kec.key, id->kec, sizeof(kec.key));
	memcpy(kec.pub, id->kec_pub, sizeof(kec.pub));
	memcpy(kec.ctx, id->ecx, sizeof(kec.ctx));
	if (id->dead)
		ret = -EKEYREVOKED;
	mutex_unlock(&id->lock);
	if (!ret)
		mh_answer_begin(&fl->answer, id->region_id, mh_text(fl->name),
				fl->answer.version, &kec, &mh_flight_ops, fl);
	memzero_explicit(&kec, sizeof(kec));
	return ret;
}

int mh_session_request(struct mh_session *s, struct mh_fetch *f, struct mh_flight **out)
{
	struct mh_request req = { .version = f->version, .purpose = MH_PURPOSE_FETCH };
	struct mh_flight *fl = kzalloc(sizeof(*fl), GFP_KERNEL_ACCOUNT);
	u8 *body = s->out + MH_FRAME_HEADER + MH_RECORD_HEADER;
	int ret = -ENOMEM;

	if (!fl)
		return ret;
	fl->session = s;
	fl->request = s->next_request++;
	fl->answer.version = f->version;
	memcpy(fl->name, f->name, sizeof(fl->name));
	fl->data = kzalloc(sizeof(*fl->data), GFP_KERNEL_ACCOUNT);
	if (!fl->data)
		goto fail;
	ret = mh_flight_begin(s, fl);
	if (ret)
		goto fail;
	req.name = mh_text(fl->name);
	ret = mh_request_encode(&req, body, sizeof(s->out) - MH_FRAME_HEADER - MH_RECORD_HEADER);
	if (ret > 0)
		ret = mh_stp_seal(&s->stp, MH_R_REQUEST, fl->request, s->out, ret, sizeof(s->out));
	if (ret < 0)
		goto fail;
	f->request = fl->request;
	fl->sent = jiffies;
	s->out_at = 0;
	WRITE_ONCE(s->out_len, ret);
	*out = fl;
	return 0;
fail:
	mh_answer_end(&fl->answer);
	kfree_sensitive(fl->data);
	kfree_sensitive(fl);
	return ret;
}

/* ---- answers ---- */

static int mh_refusal_errno(u8 code)
{
	static const int errnos[] = {
		[MH_REFUSED_UNKNOWN] = -ENOENT, [MH_REFUSED_REVOKED] = -EKEYREVOKED,
		[MH_REFUSED_SUSPENDED] = -EKEYREJECTED, [MH_REFUSED_POLICY] = -EPERM,
		[MH_REFUSED_STALE] = -ESTALE, [MH_REFUSED_OUT_OF_DATE] = -ENODATA,
		[MH_REFUSED_BUSY] = -EBUSY, [MH_REFUSED_LIMIT] = -EDQUOT,
	};

	return errnos[code];	/* mh_refused_decode() bounds it */
}

static void mh_flight_finish(struct mh_flight *fl, int err, struct mh_delivered *data)
{
	struct mh_identity *id = fl->session->identity;
	const struct mh_refused *r = &fl->answer.refused;
	struct mh_fetch *f = mh_flight_take(fl);

	if (!f) {
		kfree_sensitive(data);
		return;
	}
	if (fl->answer.state == MH_ANSWER_REFUSED) {
		f->refusal = r->code;
		f->retry_after_ms = r->retry_after;
		mh_event(MH_EV_REFUSED, id->region, fl->name, r->code);
	}
	mh_fetch_complete(f, err, data);
	mh_fetch_put(f);
}

/* All records have come and agree: may it be delivered here and now? (PROTOCOL 5.2) */
static int mh_flight_check(struct mh_flight *fl)
{
	struct mh_session *s = fl->session;
	struct mh_trust *t = s->identity->trust;
	const struct mh_answer *a = &fl->answer;
	const struct mh_manifest *m = &a->manifest;
	const struct mh_buf name = mh_text(fl->name);
	int ret;

	if (!fl->data->len)	/* what length it may have, the manifest has said */
		return -EBADMSG;
	if (!a->version && m->version < mh_trust_version_floor(t, name))
		return -ESTALE;
	ret = mh_trust_serves(t, &s->peer.serve->s, name);
	if (ret)
		return ret;
	if (mh_trust_stale(t)) {
		if (!a->policy_all.on_stale)
			return -ESTALE;
		mh_event(MH_EV_STALE_SERVED, s->identity->region, fl->name, m->version);
	}
	return mh_trust_delivered(t, fl->used, fl->nused, a->instance->leaf, name, m->version);
}

/*
 * A lease begins here, however long the key waits to be collected.  The
 * Region's clock may be ahead of the host's: what is left counts by the former.
 */
static ktime_t mh_flight_deadline(const struct mh_flight *fl)
{
	const struct mh_answer *a = &fl->answer;
	u64 until = min(a->instance->not_after, a->dataset->not_after);
	u64 now = mh_trust_time(fl->session->identity->trust), lease = a->policy_all.lease;

	until = until > now ? until - now : 1;
	if (!lease || until < lease)
		lease = until;
	return ktime_add_safe(ktime_get_boottime(),
			      ktime_set(min_t(u64, lease, KTIME_SEC_MAX), 0));
}

static void mh_flight_receipt(struct mh_flight *fl, const u8 leaf[32])
{
	struct mh_identity *id = fl->session->identity;

	mutex_lock(&id->lock);
	mh_receipt_next(id->head, leaf, fl->request, fl->session->stp.h_auth);
	id->receipts++;
	mutex_unlock(&id->lock);
}

/* The trust's lock is held until it can be seen: a REVOKE comes before the check, or finds it. */
static void mh_flight_deliver(struct mh_flight *fl)
{
	struct mh_identity *id = fl->session->identity;
	const struct mh_answer *a = &fl->answer;
	struct mh_delivered *d = fl->data;
	int ret;

	mutex_lock(&id->trust->lock);
	ret = mh_flight_check(fl);
	if (!ret) {
		d->alg = a->manifest.alg;
		d->version = a->manifest.version;
		d->policy = a->policy_all;
		d->deadline = mh_flight_deadline(fl);
		memcpy(d->leaf, a->instance->leaf, sizeof(d->leaf));
		mh_flight_receipt(fl, d->leaf);
		fl->data = NULL;
	}
	mh_flight_finish(fl, ret, ret ? NULL : d);
	mutex_unlock(&id->trust->lock);
	mh_trust_note(id, ret);
}

static struct mh_flight *mh_flight_of(struct mh_session *s, u32 request)
{
	struct mh_flight *fl;

	list_for_each_entry(fl, &s->flights, link)
		if (fl->request == request)
			return fl;
	return NULL;
}

static bool mh_ends_answer(u8 type)
{
	return type == MH_R_DONE || type == MH_R_UNCHANGED || type == MH_R_REFUSED;
}

static int mh_flight_take_record(struct mh_flight *fl, const struct mh_record_hdr *rec)
{
	const struct mh_manifest *m = &fl->answer.manifest;
	u8 *scratch = NULL;
	int ret;

	if (rec->type == MH_R_CHUNK) {
		scratch = kvmalloc(MH_STREAM_CHUNK, GFP_KERNEL_ACCOUNT);
		if (!scratch)
			return -ENOMEM;
	}
	ret = mh_answer_record(&fl->answer, rec, scratch);
	kvfree(scratch);	/* the answer has wiped it */
	/* it is verified now, and none of it opened */
	if (!ret && rec->type == MH_R_WRAP && (m->kind != MH_DATA_KEY || m->delivery != 1))
		return -EOPNOTSUPP;
	return ret;
}

/*
 * What is wrong with one answer fails its fetch; the rest of it is passed
 * over.  What breaks the order of records, or has spent the session's share
 * of signatures, ends the session.
 */
static int mh_on_answer(struct mh_session *s, const struct mh_record_hdr *rec)
{
	struct mh_flight *fl = mh_flight_of(s, rec->request);
	bool last = mh_ends_answer(rec->type);
	int ret = 0;

	if (!fl)
		return -EBADMSG;
	if (READ_ONCE(fl->f) && fl->answer.state < MH_ANSWER_DONE) {
		ret = mh_flight_take_record(fl, rec);
		if (ret == -EPROTO)
			return -EBADMSG;
		if (ret == -EDQUOT)
			return -ECONNRESET;
		/* no wrap opens, or no signer came along: the caller's keys are all there */
		if (ret == -ENOKEY)
			ret = -EBADMSG;
		if (ret == -ENOSPC)	/* no room for a floor */
			ret = -EDQUOT;
		if (ret)
			mh_flight_finish(fl, ret, NULL);
		else if (fl->answer.state == MH_ANSWER_DONE)
			mh_flight_deliver(fl);
		else if (fl->answer.state == MH_ANSWER_REFUSED)
			mh_flight_finish(fl, mh_refusal_errno(fl->answer.refused.code), NULL);
		else if (fl->answer.state == MH_ANSWER_UNCHANGED)	/* we held nothing */
			mh_flight_finish(fl, -EBADMSG, NULL);
	}
	if (last)
		mh_flight_free(fl);
	return 0;
}

/* Request 0.  What does not verify does nothing; hints are taken for no more than that. */
static int mh_on_push(struct mh_session *s, const struct mh_record_hdr *rec)
{
	int ret;

	switch (rec->type) {
	case MH_R_PUSH:
		ret = mh_trust_push(s->identity, rec->body, &s->budget);
		/* a new session has a new share, and is told again what there was no memory for */
		return ret == -EDQUOT || ret == -ENOMEM ? -ECONNRESET : 0;
	case MH_R_CLOSE:
		return -ECONNRESET;
	default:
		return 0;
	}
}

int mh_session_frame(struct mh_session *s)
{
	struct mh_record_hdr rec;
	u8 kind = s->in[0];
	int ret;

	if (kind == MH_F_ANCHORS)
		return mh_on_anchors(s, MH_BUF(s->in + MH_FRAME_HEADER,
					       s->in_have - MH_FRAME_HEADER));
	if (kind == MH_F_CHALLENGE)
		return mh_on_challenge(s);
	ret = mh_stp_open(&s->stp, s->in, s->in_have, &rec);
	if (ret)
		return ret;
	WRITE_ONCE(s->heard, jiffies);
	return rec.request ? mh_on_answer(s, &rec) : mh_on_push(s, &rec);
}

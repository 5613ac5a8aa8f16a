// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Enrolment's messages: join request, join bundle, server card; see messages.h. */
#include "messages.h"

/* ---- join request ---- */

int __init mh_join_request_decode(struct mh_join_request *m, struct mh_buf in)
{
	struct mh_reader r;

	if (in.n > MH_JOIN_REQUEST_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	m->version = mh_read_u8(&r);
	m->nonce = mh_read_bytes(&r, 32).p;
	m->name = mh_read_v(&r, MH_NAME_MAX);
	m->kei_kind = mh_read_u8(&r);
	m->kei = mh_read_v(&r, 64);
	m->kes = mh_read_bytes(&r, 64).p;
	m->kec_kind = mh_read_u8(&r);
	m->kec = mh_read_v(&r, 32);
	m->evidence = mh_read_v(&r, 1024);
	m->body = MH_BUF(in.p, r.err ? 0 : (size_t)(r.p - in.p));
	m->sig_kei = mh_read_bytes(&r, MH_SIG_LEN).p;
	m->sig_kes = mh_read_bytes(&r, MH_SIG_LEN).p;
	if (mh_read_end(&r))
		return -EBADMSG;
	if (m->version != MH_STMT_VERSION)
		return -EPROTONOSUPPORT;
	if (!mh_name_ok(m->name) || m->kei_kind < MH_KIND_PAIR || m->kei_kind > MH_KIND_SECRET ||
	    m->kec_kind < MH_KIND_PAIR || m->kec_kind > MH_KIND_SECRET || m->kec.n != 32 ||
	    m->kei.n != (m->kei_kind == MH_KIND_PAIR ? 64 : 32))
		return -EBADMSG;
	return 0;
}

int mh_join_request_encode(const struct mh_join_request *m, u8 *out, size_t size)
{
	struct mh_writer w;

	mh_writer_init(&w, out, size);
	mh_write_u8(&w, m->version);
	mh_write_bytes(&w, m->nonce, 32);
	mh_write_v(&w, m->name.p, m->name.n);
	mh_write_u8(&w, m->kei_kind);
	mh_write_v(&w, m->kei.p, m->kei.n);
	mh_write_bytes(&w, m->kes, 64);
	mh_write_u8(&w, m->kec_kind);
	mh_write_v(&w, m->kec.p, m->kec.n);
	mh_write_v(&w, m->evidence.p, m->evidence.n);
	return mh_written(&w);
}

int mh_join_request_digest(struct mh_buf body, u8 digest[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("join request"), body };

	mh_sha256v(digest, v, 2);
	return 0;
}

void mh_join_request_hash(struct mh_buf whole, u8 hash[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("join fingerprint"), whole };

	mh_sha256v(hash, v, 2);
}

int __init mh_join_request_verify(const struct mh_join_request *m)
{
	u8 digest[MH_HASH_LEN];
	int ret;

	if (m->kei_kind != MH_KIND_PAIR)
		return -EBADMSG;
	mh_join_request_digest(m->body, digest);
	ret = mh_p256_verify(m->kei.p, digest, m->sig_kei);
	if (!ret)
		ret = mh_p256_verify(m->kes, digest, m->sig_kes);
	return !ret || ret == -ENOMEM ? ret : -EBADMSG;
}

/* ---- join bundle ---- */

int mh_bundle_decode(struct mh_bundle *m, struct mh_buf in)
{
	struct mh_reader r;
	struct mh_buf magic;
	const u8 *start;
	u16 i;

	memset(m, 0, sizeof(*m));
	if (in.n > MH_BUNDLE_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	magic = mh_read_bytes(&r, 4);
	if (!magic.p || memcmp(magic.p, "MHJB", 4))
		return -EBADMSG;
	if (mh_read_u8(&r) != MH_STMT_VERSION)
		return -EPROTONOSUPPORT;
	m->request_hash = mh_read_bytes(&r, 32).p;
	m->anchors = mh_read_u16(&r);
	start = r.p;
	for (i = 0; i < m->anchors && !r.err; i++)
		mh_read_big(&r, MH_STMT_MAX);
	m->anchor_bytes = MH_BUF(start, (size_t)(r.p - start));
	m->entity = mh_read_big(&r, MH_STMT_MAX);
	m->delegations = mh_read_u8(&r);
	if (!m->anchors || m->delegations > MH_IDR_DELEGATIONS)
		return -EBADMSG;
	for (i = 0; i < m->delegations; i++)
		m->delegation[i] = mh_read_big(&r, MH_STMT_MAX);
	m->epoch = mh_read_big(&r, MH_STMT_MAX);
	m->addresses = mh_read_u8(&r);
	if (m->addresses > MH_BUNDLE_ADDRESSES)
		return -EBADMSG;
	for (i = 0; i < m->addresses; i++) {
		struct mh_buf a = mh_read_v(&r, 255);
		size_t j;

		for (j = 0; j < a.n; j++)	/* printable: it is shown, and split at newlines */
			if (a.p[j] <= ' ' || a.p[j] > '~')
				return -EBADMSG;
		m->address[i] = a;
	}
	return mh_read_end(&r);
}

int __init mh_bundle_encode(const struct mh_bundle *m, u8 *out, size_t size)
{
	struct mh_writer w;
	u8 i;

	mh_writer_init(&w, out, size);
	mh_write_bytes(&w, "MHJB", 4);
	mh_write_u8(&w, MH_STMT_VERSION);
	mh_write_bytes(&w, m->request_hash, 32);
	mh_write_u16(&w, m->anchors);
	mh_write_bytes(&w, m->anchor_bytes.p, m->anchor_bytes.n);
	mh_write_big(&w, m->entity);
	mh_write_u8(&w, m->delegations);
	for (i = 0; i < m->delegations; i++)
		mh_write_big(&w, m->delegation[i]);
	mh_write_big(&w, m->epoch);
	mh_write_u8(&w, m->addresses);
	for (i = 0; i < m->addresses; i++)
		mh_write_v(&w, m->address[i].p, m->address[i].n);
	return mh_written(&w);
}

/* ---- server card ---- */

int __init mh_card_decode(struct mh_card *m, struct mh_buf in)
{
	const struct mh_buf magic = MH_BUF("MHSC", 4);
	u8 digest[MH_HASH_LEN];
	struct mh_reader r;
	struct mh_buf v[2] = { MH_L("server card") };

	if (in.n > MH_CARD_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	if (!mh_buf_equal(mh_read_bytes(&r, 4), magic))
		return -EBADMSG;
	if (mh_read_u8(&r) != MH_STMT_VERSION)
		return -EPROTONOSUPPORT;
	m->name = mh_read_v(&r, MH_NAME_MAX);
	m->sp2 = mh_read_bytes(&r, 64).p;
	m->fresh = mh_read_bytes(&r, 64).p;
	m->audit = mh_read_bytes(&r, 64).p;
	m->hpke = mh_read_bytes(&r, 32).p;
	m->signed_part = MH_BUF(in.p, r.err ? 0 : (size_t)(r.p - in.p));
	m->sig = mh_read_bytes(&r, MH_SIG_LEN).p;
	if (mh_read_end(&r) || !mh_name_ok(m->name))
		return -EBADMSG;
	v[1] = m->signed_part;
	mh_sha256v(digest, v, 2);
	return mh_p256_verify(m->sp2, digest, m->sig) ? -EBADMSG : 0;
}

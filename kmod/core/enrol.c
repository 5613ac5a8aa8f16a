// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Enrolment's messages: join request, join bundle, server card; see messages.h. */
#include "messages.h"
#include "hpke.h"

/* ---- join request ---- */

/* Secrets are made elsewhere: in their place is the one-time key that they are to be sealed to. */
static bool kinds_ok(const struct mh_join_request *m)
{
	bool kei = m->kei_kind == MH_KIND_SECRET, kec = m->kec_kind == MH_KIND_SECRET;

	if ((!kei && m->kei_kind != MH_KIND_PAIR) || (!kec && m->kec_kind != MH_KIND_PAIR))
		return false;
	if (m->kei.n != (kei ? MH_KEY_LEN : MH_P256_PUB_LEN) || m->kec.n != MH_KEY_LEN)
		return false;
	return !kei || !kec || mh_buf_equal(m->kei, m->kec);
}

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
	return mh_name_ok(m->name) && kinds_ok(m) ? 0 : -EBADMSG;
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
	int ret = 0;

	mh_join_request_digest(m->body, digest);
	if (m->kei_kind == MH_KIND_PAIR)
		ret = mh_p256_verify(m->kei.p, digest, m->sig_kei);
	else if (!mh_all_zero(m->sig_kei, MH_SIG_LEN))
		ret = -EBADMSG;
	if (!ret)
		ret = mh_p256_verify(m->kes, digest, m->sig_kes);
	return !ret || ret == -ENOMEM ? ret : -EBADMSG;
}

/* ---- join bundle ---- */

static void read_secrets(struct mh_bundle *m, struct mh_reader *r)
{
	m->route = mh_read_u8(r);
	m->enc = mh_read_bytes(r, 32).p;
	m->sealed = mh_read_v(r, MH_JOIN_SECRETS_MAX + MH_TAG_LEN);
	if ((m->route != MH_ROUTE_HOST && m->route != MH_ROUTE_CODE) ||
	    (m->sealed.n != MH_KEY_LEN + MH_TAG_LEN &&
	     m->sealed.n != MH_JOIN_SECRETS_MAX + MH_TAG_LEN))
		r->err = -EBADMSG;
}

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
		return r.err ? r.err : -EPROTONOSUPPORT;
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
	if (!r.err && r.left)
		read_secrets(m, &r);
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
	if (m->route) {
		mh_write_u8(&w, m->route);
		mh_write_bytes(&w, m->enc, 32);
		mh_write_v(&w, m->sealed.p, m->sealed.n);
	}
	return mh_written(&w);
}

/* ---- the secrets in it ---- */

static const u8 zero_nonce[MH_NONCE_LEN];

/* info of HPKE and of the code's HKDF: L("join secrets") || request hash || region_id */
#define SECRETS_INFO(b, region) \
	{ MH_L("join secrets"), MH_BUF((b)->request_hash, MH_HASH_LEN), MH_BUF(region, 32) }

static int code_key(struct mh_buf code, const u8 *salt, const struct mh_buf *info,
		    u8 key[MH_KEY_LEN])
{
	if (code.n != MH_JOIN_CODE_LEN)
		return -EBADMSG;
	return mh_hkdf(salt, code, info, 3, key, MH_KEY_LEN);
}

int __init mh_join_secrets_seal(struct mh_bundle *b, u8 route, struct mh_buf key,
				const u8 region[32], struct mh_buf plain, const u8 *random,
				u8 out[MH_JOIN_SEALED_MAX])
{
	const struct mh_buf info[] = SECRETS_INFO(b, region);
	u8 k[MH_KEY_LEN], *ct = out + 32;
	int ret = 0;

	b->route = route;
	b->enc = out;
	b->sealed = MH_BUF(ct, plain.n + MH_TAG_LEN);
	if (route == MH_ROUTE_HOST)
		return mh_hpke_seal(key.p, info, 3, MH_BUF(NULL, 0), plain.p, plain.n, random, out,
				    ct);
	if (random)
		memcpy(out, random, 32);
	else
		ret = mh_random(out, 32);
	if (!ret)
		ret = code_key(key, out, info, k);
	if (!ret)
		ret = mh_aead_seal_once(k, zero_nonce, MH_BUF(NULL, 0), plain.p, plain.n, ct);
	mh_wipe(k, sizeof(k));
	return ret;
}

int mh_join_secrets_open(const struct mh_bundle *b, struct mh_buf key, const u8 region[32],
			 u8 plain[MH_JOIN_SECRETS_MAX])
{
	const struct mh_buf info[] = SECRETS_INFO(b, region), none = MH_BUF(NULL, 0);
	u8 k[MH_KEY_LEN];
	int ret;

	if (b->route == MH_ROUTE_HOST)
		ret = mh_hpke_open(key.p, b->enc, info, 3, none, b->sealed.p, b->sealed.n, plain);
	else
		ret = code_key(key, b->enc, info, k);
	if (!ret && b->route != MH_ROUTE_HOST)
		ret = mh_aead_open_once(k, zero_nonce, none, b->sealed.p, b->sealed.n, plain);
	mh_wipe(k, sizeof(k));
	if (!ret)
		return (int)(b->sealed.n - MH_TAG_LEN);
	mh_wipe(plain, MH_JOIN_SECRETS_MAX);
	return ret == -ENOMEM ? ret : -EBADMSG;
}

/* ---- server card ---- */

int __init mh_card_decode(struct mh_card *m, struct mh_buf in)
{
	const struct mh_buf magic = MH_BUF("MHSC", 4);
	u8 digest[MH_HASH_LEN];
	struct mh_reader r;
	struct mh_buf v[2] = { MH_L("server card") };
	int ret;

	if (in.n > MH_CARD_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	if (!mh_buf_equal(mh_read_bytes(&r, 4), magic))
		return -EBADMSG;
	if (mh_read_u8(&r) != MH_STMT_VERSION)
		return r.err ? r.err : -EPROTONOSUPPORT;
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
	ret = mh_p256_verify(m->sp2, digest, m->sig);
	return ret && ret != -ENOMEM ? -EBADMSG : ret;
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Wraps and chains (PROTOCOL 4); see wrap.h. */
#include "wrap.h"
#include "wire.h"
#include "hpke.h"

enum { AT_KIND = 0, AT_KID = 1, AT_KID_W = 33, AT_ENC = 65, AT_CT = 97 };

static_assert(AT_CT + MH_KEY_LEN + MH_TAG_LEN == MH_WRAP_LEN, "the wrap's parts make its length");

static const u8 zero_nonce[MH_NONCE_LEN];

/* info of HPKE and of the secret kind's HKDF: L("wrap") || kid(K) || kid(Kw) */
#define WRAP_INFO(wrap) { MH_L("wrap"), MH_BUF((wrap) + AT_KID, 2 * MH_HASH_LEN) }

static int head(u8 *out, u8 kind, const u8 *k, struct mh_buf kctx, const u8 *kw, struct mh_buf wctx)
{
	int ret;

	memset(out, 0, MH_WRAP_LEN);
	out[AT_KIND] = kind;
	ret = mh_kid(MH_BUF(k, MH_KEY_LEN), kctx, out + AT_KID);
	if (!ret && kw)
		ret = mh_kid(MH_BUF(kw, MH_KEY_LEN), wctx, out + AT_KID_W);
	return ret;
}

int __init mh_wrap_seal_hpke(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx,
			     const u8 pk_w[MH_KEY_LEN], struct mh_buf wctx, const u8 *eph)
{
	const struct mh_buf info[] = WRAP_INFO(out);
	int ret = head(out, MH_WRAP_HPKE, k, kctx, pk_w, wctx);

	if (!ret)
		ret = mh_hpke_seal(pk_w, info, 2, MH_BUF(NULL, 0), k, MH_KEY_LEN, eph, out + AT_ENC,
				   out + AT_CT);
	return ret;
}

/* HKDF(salt, Kw, info), one block of output */
static int secret_key(const u8 *wrap, const u8 *kw, u8 key[MH_KEY_LEN])
{
	const struct mh_buf info[] = WRAP_INFO(wrap);

	return mh_hkdf(wrap + AT_ENC, MH_BUF(kw, MH_KEY_LEN), info, 2, key, MH_KEY_LEN);
}

int __init mh_wrap_seal_secret(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx,
			       const u8 kw[MH_KEY_LEN], struct mh_buf wctx, const u8 *salt)
{
	u8 key[MH_KEY_LEN];
	int ret = head(out, MH_WRAP_SECRET, k, kctx, kw, wctx);

	if (!ret && salt)
		memcpy(out + AT_ENC, salt, 32);
	else if (!ret)
		ret = mh_random(out + AT_ENC, 32);
	if (!ret)
		ret = secret_key(out, kw, key);
	if (!ret)
		ret = mh_aead_seal_once(key, zero_nonce, MH_BUF(NULL, 0), k, MH_KEY_LEN,
					out + AT_CT);
	mh_wipe(key, sizeof(key));
	return ret;
}

int __init mh_wrap_seal_none(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx)
{
	int ret = head(out, MH_WRAP_NONE, k, kctx, NULL, MH_BUF(NULL, 0));

	if (!ret)
		memcpy(out + AT_CT, k, MH_KEY_LEN);
	return ret;
}

int mh_wrap_check(struct mh_buf wrap)
{
	if (wrap.n != MH_WRAP_LEN)
		return -EBADMSG;
	if (wrap.p[AT_KIND] == MH_WRAP_HPKE || wrap.p[AT_KIND] == MH_WRAP_SECRET)
		return 0;
	if (wrap.p[AT_KIND] != MH_WRAP_NONE || !mh_all_zero(wrap.p + AT_KID_W, AT_CT - AT_KID_W) ||
	    !mh_all_zero(wrap.p + AT_CT + MH_KEY_LEN, MH_TAG_LEN))
		return -EBADMSG;
	return 0;
}

int mh_wrap_key_kid(const struct mh_wrap_key *w, u8 kid[MH_HASH_LEN])
{
	return mh_kid(MH_BUF(w->pair ? w->pub : w->key, MH_KEY_LEN), MH_BUF(w->ctx, MH_HASH_LEN),
		      kid);
}

static int open_ct(const u8 *wrap, const struct mh_wrap_key *w, u8 *k)
{
	const struct mh_buf info[] = WRAP_INFO(wrap);
	u8 key[MH_KEY_LEN];
	int ret;

	if (wrap[AT_KIND] == MH_WRAP_NONE) {
		memcpy(k, wrap + AT_CT, MH_KEY_LEN);
		return 0;
	}
	if (wrap[AT_KIND] == MH_WRAP_HPKE)
		return mh_hpke_open(w->key, wrap + AT_ENC, info, 2, MH_BUF(NULL, 0), wrap + AT_CT,
				    MH_KEY_LEN + MH_TAG_LEN, k);
	ret = secret_key(wrap, w->key, key);
	if (!ret)
		ret = mh_aead_open_once(key, zero_nonce, MH_BUF(NULL, 0), wrap + AT_CT,
					MH_KEY_LEN + MH_TAG_LEN, k);
	mh_wipe(key, sizeof(key));
	return ret;
}

/* None has no key, HPKE takes a pair, the other kind a secret. */
static bool kind_fits(u8 kind, const struct mh_wrap_key *w)
{
	bool hpke = kind == MH_WRAP_HPKE;

	return kind == MH_WRAP_NONE ? !w : w && w->pair == hpke;
}

int mh_wrap_open(const u8 wrap[MH_WRAP_LEN], const struct mh_wrap_key *w, struct mh_buf kctx,
		 u8 k[MH_KEY_LEN])
{
	u8 kid[MH_HASH_LEN], kind = wrap[AT_KIND];
	int ret = mh_wrap_check(MH_BUF(wrap, MH_WRAP_LEN));

	if (!ret && !kind_fits(kind, w))
		ret = -EBADMSG;
	if (!ret && w)
		ret = mh_wrap_key_kid(w, kid);
	if (!ret && w && !mh_ct_equal(kid, wrap + AT_KID_W, sizeof(kid)))
		ret = -EBADMSG;
	if (!ret)
		ret = open_ct(wrap, w, k);
	if (!ret)
		ret = mh_kid(MH_BUF(k, MH_KEY_LEN), kctx, kid);
	if (!ret && !mh_ct_equal(kid, wrap + AT_KID, sizeof(kid)))
		ret = -EBADMSG;
	if (ret)
		mh_wipe(k, MH_KEY_LEN);
	return ret == -ENOMEM || !ret ? ret : -EBADMSG;
}

int mh_wrap_chain_open(const u8 (*wrap)[MH_WRAP_LEN], unsigned int n,
		       const struct mh_wrap_key *mine, const u8 (*ctx)[MH_HASH_LEN],
		       const u8 want_kid[MH_HASH_LEN], u8 k[MH_KEY_LEN])
{
	struct mh_wrap_key w;
	unsigned int i, j;
	int ret = n && n <= MH_WRAP_CHAIN ? 0 : -EBADMSG;

	/*
	 * links are checked before any is opened: no loop, each leads to the next, the last to what
	 * is wanted
	 */
	for (i = 0; !ret && i < n; i++) {
		if (i && memcmp(mh_wrap_kid_w(wrap[i]), mh_wrap_kid(wrap[i - 1]), MH_HASH_LEN))
			ret = -EBADMSG;
		for (j = 0; j <= i; j++)	/* each key before, the first one's too */
			if (!memcmp(mh_wrap_kid(wrap[i]),
				    j ? mh_wrap_kid(wrap[j - 1]) : mh_wrap_kid_w(wrap[0]),
				    MH_HASH_LEN))
				ret = -EBADMSG;
	}
	if (!ret && memcmp(mh_wrap_kid(wrap[n - 1]), want_kid, MH_HASH_LEN))
		ret = -EBADMSG;
	for (i = 0; !ret && i < n; i++) {
		ret = mh_wrap_open(wrap[i], i ? &w : mine, MH_BUF(ctx[i], MH_HASH_LEN), k);
		memset(&w, 0, sizeof(w));
		memcpy(w.key, k, MH_KEY_LEN);
		memcpy(w.ctx, ctx[i], MH_HASH_LEN);
	}
	mh_wipe(&w, sizeof(w));
	if (ret)
		mh_wipe(k, MH_KEY_LEN);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* HKDF (RFC 5869), SUB and kid (PROTOCOL 1), one-shot AEAD. */
#include "crypto.h"

int mh_hkdf_extract(const u8 *salt, size_t saltlen, const struct mh_buf *ikm, unsigned int n,
		    u8 prk[MH_HASH_LEN])
{
	return mh_hmac_sha256v(salt, saltlen, ikm, n, prk);
}

#define INFO_MAX 6

int mh_hkdf_expand(const u8 prk[MH_HASH_LEN], const struct mh_buf *info, unsigned int n, u8 *out,
		   size_t outlen)
{
	struct mh_buf v[INFO_MAX + 2];
	u8 t[MH_HASH_LEN], counter = 0;
	size_t done = 0;
	int ret = 0;

	if (outlen > MH_HKDF_MAX_OUT || n > INFO_MAX)
		return -EINVAL;
	if (n)
		memcpy(v + 1, info, n * sizeof(*info));
	v[n + 1] = MH_BUF(&counter, 1);
	while (done < outlen && !ret) {
		size_t take = outlen - done < sizeof(t) ? outlen - done : sizeof(t);

		v[0] = MH_BUF(t, counter ? sizeof(t) : 0);
		counter++;
		ret = mh_hmac_sha256v(prk, MH_HASH_LEN, v, n + 2, t);
		if (!ret)
			memcpy(out + done, t, take);
		done += take;
	}
	mh_wipe(t, sizeof(t));
	if (ret)
		mh_wipe(out, outlen);
	return ret;
}

int mh_hkdf(const u8 salt[MH_HASH_LEN], struct mh_buf ikm, const struct mh_buf *info,
	    unsigned int n, u8 *out, size_t outlen)
{
	u8 prk[MH_HASH_LEN];
	int ret = mh_hkdf_extract(salt, MH_HASH_LEN, &ikm, 1, prk);

	if (!ret)
		ret = mh_hkdf_expand(prk, info, n, out, outlen);
	mh_wipe(prk, sizeof(prk));
	return ret;
}

int mh_sub(struct mh_buf k, struct mh_buf label, struct mh_buf ctx, u8 *out, size_t outlen)
{
	static const char salt[] = "microhsm v1 key";
	const struct mh_buf info[] = { label, ctx };
	u8 prk[MH_HASH_LEN];
	int ret;

	ret = mh_hkdf_extract((const u8 *)salt, sizeof(salt) - 1, &k, 1, prk);
	if (!ret)
		ret = mh_hkdf_expand(prk, info, 2, out, outlen);
	mh_wipe(prk, sizeof(prk));
	return ret;
}

int mh_kid(struct mh_buf k, struct mh_buf ctx, u8 kid[MH_HASH_LEN])
{
	return mh_sub(k, MH_L("kid"), ctx, kid, MH_HASH_LEN);
}

int mh_aead_seal_once(const u8 key[MH_KEY_LEN], const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		      const u8 *in, size_t n, u8 *out)
{
	struct mh_aead *a;
	int ret = mh_aead_create(&a, key);

	if (ret)
		return ret;
	ret = mh_aead_seal(a, nonce, ad, in, n, out);
	mh_aead_destroy(a);
	return ret;
}

int mh_aead_open_once(const u8 key[MH_KEY_LEN], const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		      const u8 *in, size_t n, u8 *out)
{
	struct mh_aead *a;
	int ret = mh_aead_create(&a, key);

	if (ret)
		return ret;
	ret = mh_aead_open(a, nonce, ad, in, n, out);
	mh_aead_destroy(a);
	return ret;
}

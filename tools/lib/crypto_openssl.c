// SPDX-License-Identifier: MIT
/* core/crypto.h on OpenSSL 3's libcrypto.  Fetched algorithms are kept for the process's life. */
/*
 * SHA256_CTX is a hash state without allocation; EC_KEY a key without the search and the decoding
 * that EVP does at each import, which cost twice a signature.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto_openssl.h"
#include "core/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct mh_sha256), "the state fits");

static EVP_CIPHER *gcm;
static EVP_MAC_CTX *hmac;	/* of SHA-256, without a key */
static EC_GROUP *p256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

int mh_ssl_error(int meaning)
{
	unsigned long e;

	while ((e = ERR_get_error()))
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			meaning = -ENOMEM;
	return meaning;
}

static void fetch(void)
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
						       sizeof(name) - 1),
				OSSL_PARAM_END };
	EVP_MAC *mac;

	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	hmac = EVP_MAC_CTX_new(mac);
	if (hmac && !EVP_MAC_CTX_set_params(hmac, params)) {
		EVP_MAC_CTX_free(hmac);
		hmac = NULL;
	}
	EVP_MAC_free(mac);
	p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

void mh_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

bool mh_ct_equal(const void *a, const void *b, size_t n)
{
	return !CRYPTO_memcmp(a, b, n);
}

int mh_random(void *p, size_t n)
{
	return n <= INT32_MAX && RAND_priv_bytes(p, (int)n) == 1 ? 0 : -EIO;
}

/* ---- SHA-256, HMAC ---- */

void mh_sha256_init(struct mh_sha256 *s)
{
	SHA256_Init((SHA256_CTX *)s);
}

void mh_sha256_update(struct mh_sha256 *s, const void *p, size_t n)
{
	if (n)
		SHA256_Update((SHA256_CTX *)s, p, n);
}

void mh_sha256_final(struct mh_sha256 *s, u8 out[MH_HASH_LEN])
{
	SHA256_Final(out, (SHA256_CTX *)s);
	mh_wipe(s, sizeof(*s));
}

void mh_sha256v(u8 out[MH_HASH_LEN], const struct mh_buf *v, unsigned int n)
{
	struct mh_sha256 s;

	mh_sha256_init(&s);
	for (unsigned int i = 0; i < n; i++)
		mh_sha256_update(&s, v[i].p, v[i].n);
	mh_sha256_final(&s, out);
}

int mh_hmac_sha256v(const u8 *key, size_t keylen, const struct mh_buf *v, unsigned int n,
		    u8 out[MH_HASH_LEN])
{
	static const u8 none[1];
	EVP_MAC_CTX *ctx;
	u8 result[MH_HASH_LEN];
	size_t len;
	bool ok;

	pthread_once(&fetched, fetch);
	ctx = hmac ? EVP_MAC_CTX_dup(hmac) : NULL;
	ok = ctx && EVP_MAC_init(ctx, keylen ? key : none, keylen, NULL);
	for (unsigned int i = 0; ok && i < n; i++)
		ok = !v[i].n || EVP_MAC_update(ctx, v[i].p, v[i].n);
	ok = ok && EVP_MAC_final(ctx, result, &len, sizeof(result));
	if (ok)		/* out may be one of v */
		memcpy(out, result, sizeof(result));
	mh_wipe(result, sizeof(result));
	EVP_MAC_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : -ENOMEM;
}

/* ---- AES-256-GCM ---- */

/* A context of libcrypto is 1.2 KiB, more than the rest of an idle session: one lives for a call */
struct mh_aead {
	u8 key[MH_KEY_LEN];
};

int mh_aead_create(struct mh_aead **a, const u8 key[MH_KEY_LEN])
{
	struct mh_aead *n = malloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	memcpy(n->key, key, MH_KEY_LEN);
	*a = n;
	return 0;
}

void mh_aead_destroy(struct mh_aead *a)
{
	if (!a)
		return;
	mh_wipe(a, sizeof(*a));
	free(a);
}

static EVP_CIPHER_CTX *begin(const struct mh_aead *a, const u8 *nonce, bool seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	pthread_once(&fetched, fetch);
	if (c && !EVP_CipherInit_ex2(c, gcm, a->key, nonce, seal, NULL)) {
		EVP_CIPHER_CTX_free(c);
		c = NULL;
	}
	return c;
}

int mh_aead_seal(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	EVP_CIPHER_CTX *c = n > INT32_MAX || ad.n > INT32_MAX ? NULL : begin(a, nonce, true);
	int len, ret = c ? 0 : -ENOMEM;

	if (c && ((ad.n && !EVP_EncryptUpdate(c, NULL, &len, ad.p, (int)ad.n)) ||
		  (n && !EVP_EncryptUpdate(c, out, &len, in, (int)n)) ||
		  !EVP_EncryptFinal_ex(c, out + n, &len) ||
		  !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, MH_TAG_LEN, out + n))) {
		ERR_clear_error();
		mh_wipe(out, n);
		ret = -EIO;
	}
	EVP_CIPHER_CTX_free(c);
	return ret;
}

int mh_aead_open(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	EVP_CIPHER_CTX *c;
	u8 tag[MH_TAG_LEN];
	size_t pt = n - MH_TAG_LEN;
	int len, ret = 0;

	if (n < MH_TAG_LEN)
		return -EBADMSG;
	c = n > INT32_MAX || ad.n > INT32_MAX ? NULL : begin(a, nonce, false);
	if (!c)
		return -ENOMEM;
	memcpy(tag, in + pt, sizeof(tag));
	if ((ad.n && !EVP_DecryptUpdate(c, NULL, &len, ad.p, (int)ad.n)) ||
	    (pt && !EVP_DecryptUpdate(c, out, &len, in, (int)pt)) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, MH_TAG_LEN, tag) ||
	    !EVP_DecryptFinal_ex(c, out + pt, &len)) {
		if (pt)
			memset(out, 0, pt);
		ret = mh_ssl_error(-EBADMSG);
	}
	EVP_CIPHER_CTX_free(c);
	return ret;
}

/* ---- X25519 ---- */

/* Of a secret: its public half costs as much as a derivation, which does not use it */
static EVP_PKEY *x25519_key(const u8 priv[MH_KEY_LEN])
{
	u8 unused[MH_KEY_LEN] = { 0 }, d[MH_KEY_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, d, sizeof(d)),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, unused, sizeof(unused)),
		OSSL_PARAM_END
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	EVP_PKEY *k = NULL;

	memcpy(d, priv, sizeof(d));
	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEYPAIR, params) != 1)
		k = NULL;
	mh_wipe(d, sizeof(d));
	EVP_PKEY_CTX_free(ctx);
	return k;
}

int mh_x25519(u8 out[MH_KEY_LEN], const u8 priv[MH_KEY_LEN], const u8 pub[MH_KEY_LEN])
{
	EVP_PKEY *mine = x25519_key(priv);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pub, MH_KEY_LEN);
	EVP_PKEY_CTX *ctx = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
	size_t len = MH_KEY_LEN;
	int ret = -ENOMEM;

	/* libcrypto refuses an all-zero result (RFC 7748 6.1) */
	if (ctx && peer && EVP_PKEY_derive_init(ctx) == 1)
		ret = EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
				      EVP_PKEY_derive(ctx, out, &len) == 1 && len == MH_KEY_LEN ?
			      0 :
			      -EKEYREJECTED;
	if (ret)
		mh_wipe(out, MH_KEY_LEN);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(mine);
	ERR_clear_error();
	return ret;
}

int mh_x25519_public(u8 pub[MH_KEY_LEN], const u8 priv[MH_KEY_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv, MH_KEY_LEN);
	size_t len = MH_KEY_LEN;
	int ret = k && EVP_PKEY_get_raw_public_key(k, pub, &len) == 1 ? 0 : -ENOMEM;

	EVP_PKEY_free(k);
	return ret;
}

/* ---- P-256 ---- */

/* a secret or a public key, or neither: NULL, and -EKEYREJECTED if it is not of this curve */
static EC_KEY *p256_key(const u8 *priv, const u8 *pub, int *ret)
{
	u8 point[1 + MH_P256_PUB_LEN] = { 4 };
	EC_KEY *k = EC_KEY_new();
	EC_POINT *q = NULL;
	BIGNUM *d = NULL;

	pthread_once(&fetched, fetch);
	*ret = -ENOMEM;
	if (!k || !p256 || !EC_KEY_set_group(k, p256))
		goto out;
	if (priv) {
		d = BN_secure_new();
		if (!d || !BN_bin2bn(priv, MH_KEY_LEN, d))
			goto out;
		*ret = -EKEYREJECTED;
		if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(p256)) >= 0 ||
		    !EC_KEY_set_private_key(k, d))
			goto out;
	}
	if (pub) {
		memcpy(point + 1, pub, MH_P256_PUB_LEN);
		q = EC_POINT_new(p256);
		if (!q)
			goto out;
		*ret = -EKEYREJECTED;	/* oct2point refuses what is not on the curve */
		if (!EC_POINT_oct2point(p256, q, point, sizeof(point), NULL) ||
		    !EC_KEY_set_public_key(k, q))
			goto out;
	}
	*ret = 0;
out:
	EC_POINT_free(q);
	BN_clear_free(d);
	if (*ret) {
		EC_KEY_free(k);
		k = NULL;
		*ret = mh_ssl_error(*ret);
	}
	return k;
}

int mh_p256_public(u8 pub[MH_P256_PUB_LEN], const u8 priv[MH_KEY_LEN])
{
	u8 point[1 + MH_P256_PUB_LEN];
	int ret;
	EC_KEY *k = p256_key(priv, NULL, &ret);
	EC_POINT *q = k ? EC_POINT_new(p256) : NULL;

	if (!k)
		return ret;
	ret = -ENOMEM;
	if (q && EC_POINT_mul(p256, q, EC_KEY_get0_private_key(k), NULL, NULL, NULL) &&
	    EC_POINT_point2oct(p256, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point),
			       NULL) == sizeof(point)) {
		memcpy(pub, point + 1, MH_P256_PUB_LEN);
		ret = 0;
	}
	EC_POINT_free(q);
	EC_KEY_free(k);
	ERR_clear_error();
	return ret;
}

int mh_p256_generate(u8 priv[MH_KEY_LEN], u8 pub[MH_P256_PUB_LEN])
{
	int ret;

	do {	/* out of range once in 2^32 */
		ret = mh_random(priv, MH_KEY_LEN);
		if (!ret)
			ret = mh_p256_public(pub, priv);
	} while (ret == -EKEYREJECTED);
	return ret;
}

int mh_p256_sign(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	ECDSA_SIG *s;
	int ret;
	EC_KEY *k = p256_key(priv, NULL, &ret);

	if (!k)
		return ret;
	s = ECDSA_do_sign(digest, MH_HASH_LEN, k);
	ret = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32 ? 0 : -EIO;
	ECDSA_SIG_free(s);
	EC_KEY_free(k);
	ERR_clear_error();
	return ret;
}

int mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
		   const u8 sig[MH_SIG_LEN])
{
	BIGNUM *r, *v;
	ECDSA_SIG *s;
	int ret;
	EC_KEY *k = p256_key(NULL, pub, &ret);

	if (!k)
		return ret;
	s = ECDSA_SIG_new();
	r = BN_bin2bn(sig, 32, NULL);
	v = BN_bin2bn(sig + 32, 32, NULL);
	ret = -ENOMEM;
	if (s && r && v && ECDSA_SIG_set0(s, r, v)) {
		ret = ECDSA_do_verify(digest, MH_HASH_LEN, s, k);
		ret = ret == 1 ? 0 : ret < 0 ? -ENOMEM : -EBADMSG;	/* -1: no memory */
	} else {
		BN_free(r);
		BN_free(v);
	}
	ECDSA_SIG_free(s);
	EC_KEY_free(k);
	ERR_clear_error();
	return ret;
}

// SPDX-License-Identifier: MIT
/* core/crypto.h on OpenSSL 3's libcrypto.  Fetched algorithms are kept for the process's life. */
#define OPENSSL_SUPPRESS_DEPRECATED	/* SHA256_CTX: a hash state without allocation */
#include "core/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct mh_sha256), "the state fits");

static EVP_CIPHER *gcm;
static EVP_MAC *hmac;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
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
	char name[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
						       sizeof(name) - 1),
				OSSL_PARAM_END };
	EVP_MAC_CTX *ctx;
	u8 result[MH_HASH_LEN];
	size_t len;
	bool ok;

	pthread_once(&fetched, fetch);
	ctx = EVP_MAC_CTX_new(hmac);
	ok = ctx && EVP_MAC_init(ctx, keylen ? key : none, keylen, params);
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

struct mh_aead {
	EVP_CIPHER_CTX *seal, *open;	/* keyed; made when first used */
	u8 key[MH_KEY_LEN];
};

int mh_aead_create(struct mh_aead **a, const u8 key[MH_KEY_LEN])
{
	struct mh_aead *n = calloc(1, sizeof(*n));

	pthread_once(&fetched, fetch);
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
	EVP_CIPHER_CTX_free(a->seal);
	EVP_CIPHER_CTX_free(a->open);
	mh_wipe(a, sizeof(*a));
	free(a);
}

static EVP_CIPHER_CTX *keyed(struct mh_aead *a, bool seal)
{
	EVP_CIPHER_CTX **c = seal ? &a->seal : &a->open;

	if (!*c) {
		*c = EVP_CIPHER_CTX_new();
		if (!*c || !EVP_CipherInit_ex2(*c, gcm, a->key, NULL, seal, NULL)) {
			EVP_CIPHER_CTX_free(*c);
			*c = NULL;
		}
	}
	return *c;
}

int mh_aead_seal(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	EVP_CIPHER_CTX *c = keyed(a, true);
	int len;

	if (!c || n > INT32_MAX || ad.n > INT32_MAX)
		return -ENOMEM;
	if (!EVP_EncryptInit_ex2(c, NULL, NULL, nonce, NULL) ||
	    (ad.n && !EVP_EncryptUpdate(c, NULL, &len, ad.p, (int)ad.n)) ||
	    (n && !EVP_EncryptUpdate(c, out, &len, in, (int)n)) ||
	    !EVP_EncryptFinal_ex(c, out + n, &len) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, MH_TAG_LEN, out + n)) {
		ERR_clear_error();
		mh_wipe(out, n);
		return -EIO;
	}
	return 0;
}

int mh_aead_open(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	EVP_CIPHER_CTX *c = keyed(a, false);
	u8 tag[MH_TAG_LEN];
	size_t pt = n - MH_TAG_LEN;
	int len;

	if (n < MH_TAG_LEN)
		return -EBADMSG;
	if (!c || n > INT32_MAX || ad.n > INT32_MAX)
		return -ENOMEM;
	memcpy(tag, in + pt, sizeof(tag));
	if (!EVP_DecryptInit_ex2(c, NULL, NULL, nonce, NULL) ||
	    (ad.n && !EVP_DecryptUpdate(c, NULL, &len, ad.p, (int)ad.n)) ||
	    (pt && !EVP_DecryptUpdate(c, out, &len, in, (int)pt)) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, MH_TAG_LEN, tag) ||
	    !EVP_DecryptFinal_ex(c, out + pt, &len)) {
		ERR_clear_error();
		if (pt)
			memset(out, 0, pt);
		return -EBADMSG;
	}
	return 0;
}

/* ---- X25519 ---- */

int mh_x25519(u8 out[MH_KEY_LEN], const u8 priv[MH_KEY_LEN], const u8 pub[MH_KEY_LEN])
{
	EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv, MH_KEY_LEN);
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

static EVP_PKEY *import(const u8 *priv, const u8 *pub)
{
	u8 point[1 + MH_P256_PUB_LEN] = { 4 };
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *d = priv ? BN_secure_new() : NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *p = NULL;
	EVP_PKEY *k = NULL;

	memcpy(point + 1, pub, MH_P256_PUB_LEN);
	if (b && ctx &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) &&
	    (!priv || (d && BN_bin2bn(priv, MH_KEY_LEN, d) &&
		       OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))))
		p = OSSL_PARAM_BLD_to_param(b);
	if (p && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &k, priv ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, p) != 1)
		k = NULL;
	OSSL_PARAM_free(p);
	OSSL_PARAM_BLD_free(b);
	BN_clear_free(d);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return k;
}

int mh_p256_public(u8 pub[MH_P256_PUB_LEN], const u8 priv[MH_KEY_LEN])
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *q = g ? EC_POINT_new(g) : NULL;
	BIGNUM *d = BN_secure_new();
	u8 point[1 + MH_P256_PUB_LEN];
	int ret = -ENOMEM;

	if (q && d && BN_bin2bn(priv, MH_KEY_LEN, d)) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		ret = -EKEYREJECTED;
		if (!BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(g)) < 0 &&
		    EC_POINT_mul(g, q, d, NULL, NULL, NULL) &&
		    EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point),
				       NULL) == sizeof(point)) {
			memcpy(pub, point + 1, MH_P256_PUB_LEN);
			ret = 0;
		}
	}
	EC_POINT_free(q);
	EC_GROUP_free(g);
	BN_clear_free(d);
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

static int der_to_raw(const u8 *der, size_t n, u8 sig[MH_SIG_LEN])
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
	int ret = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32 ? 0 : -EIO;

	ECDSA_SIG_free(s);
	return ret;
}

int mh_p256_sign(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	u8 pub[MH_P256_PUB_LEN], der[80];
	size_t n = sizeof(der);
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *k;
	int ret = mh_p256_public(pub, priv);

	if (ret)
		return ret;
	k = import(priv, pub);
	ctx = k ? EVP_PKEY_CTX_new(k, NULL) : NULL;
	ret = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
			      EVP_PKEY_sign(ctx, der, &n, digest, MH_HASH_LEN) == 1 ?
		      der_to_raw(der, n, sig) :
		      -EIO;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return ret;
}

/* The keys last used, decoded: importing one costs as much as half a verification. */
#define CACHED 16
static _Thread_local struct {
	u8 pub[MH_P256_PUB_LEN];
	EVP_PKEY *key;
} cache[CACHED];
static _Thread_local unsigned int cache_next;

static EVP_PKEY *decoded(const u8 *pub)
{
	EVP_PKEY *k;

	for (unsigned int i = 0; i < CACHED; i++)
		if (cache[i].key && !memcmp(cache[i].pub, pub, MH_P256_PUB_LEN))
			return cache[i].key;
	k = import(NULL, pub);
	if (k) {
		EVP_PKEY_free(cache[cache_next].key);
		memcpy(cache[cache_next].pub, pub, MH_P256_PUB_LEN);
		cache[cache_next].key = k;
		cache_next = (cache_next + 1) % CACHED;
	}
	return k;
}

int mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
		   const u8 sig[MH_SIG_LEN])
{
	EVP_PKEY *k = decoded(pub);
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL), *v = BN_bin2bn(sig + 32, 32, NULL);
	EVP_PKEY_CTX *ctx = NULL;
	unsigned char *der = NULL;
	int n = 0, ret = -ENOMEM;

	if (!k) {
		ret = -EKEYREJECTED;
	} else if (s && r && v && ECDSA_SIG_set0(s, r, v)) {
		r = NULL;
		v = NULL;
		n = i2d_ECDSA_SIG(s, &der);
		ctx = EVP_PKEY_CTX_new(k, NULL);
		if (n > 0 && ctx && EVP_PKEY_verify_init(ctx) == 1)
			ret = EVP_PKEY_verify(ctx, der, (size_t)n, digest, MH_HASH_LEN) == 1 ?
				      0 :
				      -EBADMSG;
	}
	OPENSSL_free(der);
	EVP_PKEY_CTX_free(ctx);
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(s);
	ERR_clear_error();
	return ret;
}

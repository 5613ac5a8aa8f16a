/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The primitives that each home implements (kmod/crypto.c and kmod/p256.c on
 * the kernel's crypto API, tools/lib/crypto_openssl.c on libcrypto), and what
 * the core builds on them (kdf.c).  All return 0 or a negative errno; on
 * failure no output is left.  Buffers may be anywhere (stack, vmalloc).
 * In-place (out == in) is allowed for the AEAD.
 *
 *	-EBADMSG	a tag, signature or MAC does not hold
 *	-EKEYREJECTED	a public key or scalar is not usable (order, range, all-zero result)
 *	-ENOMEM		from the home only
 */
#ifndef MH_CORE_CRYPTO_H
#define MH_CORE_CRYPTO_H

#include "home.h"

#define MH_HASH_LEN	32	/* SHA-256, HMAC-SHA-256 */
#define MH_KEY_LEN	32	/* AES-256, X25519, P-256 scalar, every secret */
#define MH_TAG_LEN	16
#define MH_NONCE_LEN	12
#define MH_P256_PUB_LEN	64	/* x || y */
#define MH_SIG_LEN	64	/* r || s */
#define MH_HKDF_MAX_OUT	(255 * MH_HASH_LEN)

/* ---- each home ---- */

/* The one wipe and the one constant-time comparison. */
void mh_wipe(void *p, size_t n);
bool mh_ct_equal(const void *a, const void *b, size_t n);
/* Waits until the generator is seeded. */
int mh_random(void *p, size_t n);

/* Incremental SHA-256; the storage is the home's state, copied by assignment. */
struct mh_sha256 {
	u64 opaque[16];
};

void mh_sha256_init(struct mh_sha256 *s);
void mh_sha256_update(struct mh_sha256 *s, const void *p, size_t n);
void mh_sha256_final(struct mh_sha256 *s, u8 out[MH_HASH_LEN]);	/* wipes s */
/* H(v[0] || v[1] || ...) */
void mh_sha256v(u8 out[MH_HASH_LEN], const struct mh_buf *v, unsigned int n);
int mh_hmac_sha256v(const u8 *key, size_t keylen, const struct mh_buf *v, unsigned int n,
		    u8 out[MH_HASH_LEN]);

/* A keyed AES-256-GCM; made once for a session's direction or a stream. */
struct mh_aead;
int mh_aead_create(struct mh_aead **a, const u8 key[MH_KEY_LEN]);
void mh_aead_destroy(struct mh_aead *a);	/* NULL is fine; wipes */
/* out: n + 16 bytes */
int mh_aead_seal(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		 const u8 *in, size_t n, u8 *out);
/* in: n bytes with the tag (n >= 16, else -EBADMSG); out: n - 16 bytes, zeroed on failure */
int mh_aead_open(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		 const u8 *in, size_t n, u8 *out);

/* RFC 7748; priv is clamped by the function.  All-zero result: -EKEYREJECTED. */
int mh_x25519(u8 out[MH_KEY_LEN], const u8 priv[MH_KEY_LEN], const u8 pub[MH_KEY_LEN]);
int mh_x25519_public(u8 pub[MH_KEY_LEN], const u8 priv[MH_KEY_LEN]);

/* ECDSA P-256 over a SHA-256 digest. */
int mh_p256_generate(u8 priv[MH_KEY_LEN], u8 pub[MH_P256_PUB_LEN]);
int mh_p256_public(u8 pub[MH_P256_PUB_LEN], const u8 priv[MH_KEY_LEN]);
int mh_p256_sign(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN]);
int mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
		   const u8 sig[MH_SIG_LEN]);

/* ---- kdf.c ---- */

/* RFC 5869 */
int mh_hkdf_extract(const u8 *salt, size_t saltlen, const struct mh_buf *ikm, unsigned int n,
		    u8 prk[MH_HASH_LEN]);
int mh_hkdf_expand(const u8 prk[MH_HASH_LEN], const struct mh_buf *info, unsigned int n,
		   u8 *out, size_t outlen);
/* Both in one: of one secret, under a salt of 32 bytes */
int mh_hkdf(const u8 salt[MH_HASH_LEN], struct mh_buf ikm, const struct mh_buf *info,
	    unsigned int n, u8 *out, size_t outlen);

/* L("x"): ASCII "microhsm v1 x" and one zero byte, as a buf over a literal */
#define MH_L(x) MH_BUF("microhsm v1 " x, sizeof("microhsm v1 " x))

/* SUB(K, x, ctx, n) of PROTOCOL 1: label is MH_L("..."), K is 32 or 64 bytes */
int mh_sub(struct mh_buf k, struct mh_buf label, struct mh_buf ctx, u8 *out, size_t outlen);
/* kid(K, ctx) */
int mh_kid(struct mh_buf k, struct mh_buf ctx, u8 kid[MH_HASH_LEN]);

/* H(L("x") || parts): digest for signatures and contexts; label first in v by the caller */

/* One-shot AEAD: create, do, destroy. */
int mh_aead_seal_once(const u8 key[MH_KEY_LEN], const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		      const u8 *in, size_t n, u8 *out);
int mh_aead_open_once(const u8 key[MH_KEY_LEN], const u8 nonce[MH_NONCE_LEN], struct mh_buf ad,
		      const u8 *in, size_t n, u8 *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One ciphertext block and tag that AES-256-GCM opens under two keys, with one
 * nonce and one AD: GHASH is linear in the block, so it is solved for.
 */
#ifndef UNIT_GCM_TWO_KEYS_H
#define UNIT_GCM_TWO_KEYS_H

#include <stdlib.h>
#include <openssl/evp.h>
#include "core/crypto.h"

/* An element of GF(2^128) in GCM's order: the first bit is the coefficient of 1. */
struct gf {
	u64 hi, lo;
};

static inline struct gf gf_add(struct gf a, struct gf b)
{
	return (struct gf){ a.hi ^ b.hi, a.lo ^ b.lo };
}

static inline struct gf gf_mul(struct gf a, struct gf b)
{
	struct gf z = { 0, 0 };

	for (int i = 0; i < 128; i++) {
		const u64 bit = i < 64 ? a.hi >> (63 - i) : a.lo >> (127 - i);
		const bool carry = b.lo & 1;

		if (bit & 1)
			z = gf_add(z, b);
		b.lo = b.lo >> 1 | b.hi << 63;
		b.hi >>= 1;
		if (carry)
			b.hi ^= 0xe1ull << 56;
	}
	return z;
}

/* x^(2^128 - 2) */
static inline struct gf gf_inverse(struct gf x)
{
	struct gf r = { 1ull << 63, 0 };

	for (int i = 1; i < 128; i++) {
		x = gf_mul(x, x);
		r = gf_mul(r, x);
	}
	return r;
}

static inline struct gf aes_block(const u8 key[32], const u8 in[16])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	u8 out[16];
	int n;

	if (!c || !EVP_EncryptInit_ex(c, EVP_aes_256_ecb(), NULL, key, NULL) ||
	    !EVP_EncryptUpdate(c, out, &n, in, 16) || n != 16)
		abort();
	EVP_CIPHER_CTX_free(c);
	return (struct gf){ mh_get64(out), mh_get64(out + 8) };
}

/* GHASH of the AD, as far as the block's place */
static inline struct gf gcm_ad(struct gf h, struct mh_buf ad)
{
	struct gf y = { 0, 0 };

	for (size_t at = 0; at < ad.n; at += 16) {
		u8 block[16] = { 0 };

		memcpy(block, ad.p + at, ad.n - at < 16 ? ad.n - at : 16);
		y = gf_add(y, (struct gf){ mh_get64(block), mh_get64(block + 8) });
		y = gf_mul(y, h);
	}
	return y;
}

/* tag = (AD + C) H^2 + len H + E(J0), the same for both; out: block || tag */
static inline void gcm_two_keys(const u8 k1[32], const u8 k2[32], const u8 nonce[12],
				struct mh_buf ad, u8 out[32])
{
	static const u8 zero[16];
	const struct gf len = { ad.n * 8, 128 };
	const u8 *k[2] = { k1, k2 };
	struct gf h2[2], rest[2], c, tag;
	u8 j0[16] = { 0 };

	memcpy(j0, nonce, 12);
	j0[15] = 1;
	for (int i = 0; i < 2; i++) {
		const struct gf h = aes_block(k[i], zero);

		h2[i] = gf_mul(h, h);
		rest[i] = gf_add(gf_mul(gcm_ad(h, ad), h2[i]), gf_mul(len, h));
		rest[i] = gf_add(rest[i], aes_block(k[i], j0));
	}
	c = gf_mul(gf_add(rest[0], rest[1]), gf_inverse(gf_add(h2[0], h2[1])));
	tag = gf_add(gf_mul(c, h2[0]), rest[0]);
	mh_put64(out, c.hi);
	mh_put64(out + 8, c.lo);
	mh_put64(out + 16, tag.hi);
	mh_put64(out + 24, tag.lo);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The Noise symmetric state, revision 34 section 5.2, for AESGCM and SHA256.
 * The nonce is four zero bytes and a big-endian counter.  Every function but
 * _init and _wipe gives 0 or a negative errno.
 */
#ifndef MH_CORE_NOISE_H
#define MH_CORE_NOISE_H

#include "crypto.h"

struct mh_noise {
	u8 h[MH_HASH_LEN];
	u8 ck[MH_HASH_LEN];
	u8 k[MH_KEY_LEN];
	u64 n;
	bool has_key;
};

/* InitializeSymmetric(name), then MixHash of the prologue's pieces joined */
void mh_noise_init(struct mh_noise *s, struct mh_buf name, const struct mh_buf *prologue,
		   unsigned int n);
void mh_noise_mix_hash(struct mh_noise *s, struct mh_buf data);
int mh_noise_mix_key(struct mh_noise *s, struct mh_buf ikm);
int mh_noise_mix_key_and_hash(struct mh_noise *s, struct mh_buf ikm);
/* Noise 12.3: four zero bytes, then the counter big-endian */
void mh_noise_nonce(u64 n, u8 nonce[MH_NONCE_LEN]);
/* out: n + 16 bytes with a key, n without */
int mh_noise_encrypt_and_hash(struct mh_noise *s, const u8 *in, size_t n, u8 *out);
/* n counts the tag; out: n - 16 bytes with a key, n without; out may be in */
int mh_noise_decrypt_and_hash(struct mh_noise *s, const u8 *in, size_t n, u8 *out);
/* Two keys, initiator's direction first; the state is wiped but for h */
int mh_noise_split(struct mh_noise *s, u8 k1[MH_KEY_LEN], u8 k2[MH_KEY_LEN]);
void mh_noise_wipe(struct mh_noise *s);

#endif

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The Noise symmetric state, revision 34 section 5.2; see noise.h. */
#include "noise.h"

void mh_noise_init(struct mh_noise *s, struct mh_buf name, const struct mh_buf *prologue,
		   unsigned int n)
{
	struct mh_sha256 hash;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	if (name.n <= MH_HASH_LEN)
		memcpy(s->h, name.p, name.n);
	else
		mh_sha256v(s->h, &name, 1);
	memcpy(s->ck, s->h, MH_HASH_LEN);
	mh_sha256_init(&hash);
	mh_sha256_update(&hash, s->h, MH_HASH_LEN);
	for (i = 0; i < n; i++)
		mh_sha256_update(&hash, prologue[i].p, prologue[i].n);
	mh_sha256_final(&hash, s->h);
}

void mh_noise_mix_hash(struct mh_noise *s, struct mh_buf data)
{
	const struct mh_buf v[] = { MH_BUF(s->h, MH_HASH_LEN), data };

	mh_sha256v(s->h, v, 2);
}

/* HKDF(ck, ikm) of Noise section 4.3: extract, then expand with no info */
static int derive(const u8 ck[MH_HASH_LEN], struct mh_buf ikm, u8 *out, size_t n)
{
	return mh_hkdf(ck, ikm, NULL, 0, out, n);
}

static void set_key(struct mh_noise *s, const u8 k[MH_KEY_LEN])
{
	memcpy(s->k, k, MH_KEY_LEN);
	s->n = 0;
	s->has_key = true;
}

int mh_noise_mix_key(struct mh_noise *s, struct mh_buf ikm)
{
	u8 t[2 * MH_HASH_LEN];
	int ret = derive(s->ck, ikm, t, sizeof(t));

	if (!ret) {
		memcpy(s->ck, t, MH_HASH_LEN);
		set_key(s, t + MH_HASH_LEN);
	}
	mh_wipe(t, sizeof(t));
	return ret;
}

int mh_noise_mix_key_and_hash(struct mh_noise *s, struct mh_buf ikm)
{
	u8 t[3 * MH_HASH_LEN];
	int ret = derive(s->ck, ikm, t, sizeof(t));

	if (!ret) {
		memcpy(s->ck, t, MH_HASH_LEN);
		mh_noise_mix_hash(s, MH_BUF(t + MH_HASH_LEN, MH_HASH_LEN));
		set_key(s, t + 2 * MH_HASH_LEN);
	}
	mh_wipe(t, sizeof(t));
	return ret;
}

void mh_noise_nonce(u64 n, u8 nonce[MH_NONCE_LEN])
{
	memset(nonce, 0, 4);
	mh_put64(nonce + 4, n);
}

int mh_noise_encrypt_and_hash(struct mh_noise *s, const u8 *in, size_t n, u8 *out)
{
	u8 nonce[MH_NONCE_LEN];
	int ret;

	if (!s->has_key) {
		if (n)
			memmove(out, in, n);
		mh_noise_mix_hash(s, MH_BUF(out, n));
		return 0;
	}
	mh_noise_nonce(s->n, nonce);
	ret = mh_aead_seal_once(s->k, nonce, MH_BUF(s->h, MH_HASH_LEN), in, n, out);
	if (ret)
		return ret;
	s->n++;
	mh_noise_mix_hash(s, MH_BUF(out, n + MH_TAG_LEN));
	return 0;
}

int mh_noise_decrypt_and_hash(struct mh_noise *s, const u8 *in, size_t n, u8 *out)
{
	u8 nonce[MH_NONCE_LEN], h[MH_HASH_LEN];
	const struct mh_buf v[] = { MH_BUF(s->h, MH_HASH_LEN), MH_BUF(in, n) };
	int ret;

	mh_sha256v(h, v, 2);	/* over the ciphertext, before out may cover it */
	if (s->has_key) {
		mh_noise_nonce(s->n, nonce);
		ret = mh_aead_open_once(s->k, nonce, MH_BUF(s->h, MH_HASH_LEN), in, n, out);
		if (ret)
			return ret;
		s->n++;
	} else {
		if (n)
			memmove(out, in, n);
	}
	memcpy(s->h, h, MH_HASH_LEN);
	return 0;
}

int mh_noise_split(struct mh_noise *s, u8 k1[MH_KEY_LEN], u8 k2[MH_KEY_LEN])
{
	u8 t[2 * MH_KEY_LEN];
	int ret = derive(s->ck, MH_BUF(NULL, 0), t, sizeof(t));

	if (!ret) {
		memcpy(k1, t, MH_KEY_LEN);
		memcpy(k2, t + MH_KEY_LEN, MH_KEY_LEN);
	}
	mh_wipe(t, sizeof(t));
	mh_wipe(s->ck, sizeof(s->ck));
	mh_wipe(s->k, sizeof(s->k));
	s->has_key = false;
	return ret;
}

void mh_noise_wipe(struct mh_noise *s)
{
	mh_wipe(s, sizeof(*s));
}

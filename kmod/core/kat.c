// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Known answers; see kat.h. */
#include "kat.h"
#include "blob.h"
#include "hpke.h"
#include "noise.h"
#include "stream.h"
#include "wrap.h"
#include "vectors/public.h"
#include "vectors/own.h"

#define OUT_MAX 512

/* Room for one case's results; not on the stack of a kernel. */
struct work {
	u8 out[OUT_MAX];
	u8 spoil;
};

static bool __init same(struct work *w, const u8 *got, struct mh_buf want)
{
	return !w->spoil && !memcmp(got, want.p, want.n);
}

static bool __init kat_sha256(const struct mh_kat *k, struct work *w)
{
	mh_sha256v(w->out, &k->f[0], 1);
	return same(w, w->out, k->f[1]);
}

static bool __init kat_hkdf(const struct mh_kat *k, struct work *w)
{
	u8 prk[MH_HASH_LEN];

	return !mh_hkdf_extract(k->f[1].p, k->f[1].n, &k->f[0], 1, prk) && same(w, prk, k->f[3]) &&
	       !mh_hkdf_expand(prk, &k->f[2], 1, w->out, k->f[4].n) && same(w, w->out, k->f[4]);
}

static bool __init kat_x25519(const struct mh_kat *k, struct work *w)
{
	return !mh_x25519(w->out, k->f[0].p, k->f[1].p) && same(w, w->out, k->f[2]);
}

static bool __init kat_gcm(const struct mh_kat *k, struct work *w)
{
	size_t n = k->f[3].n;

	if (mh_aead_seal_once(k->f[0].p, k->f[1].p, k->f[2], k->f[3].p, n, w->out) ||
	    !same(w, w->out, k->f[4]) ||
	    mh_aead_open_once(k->f[0].p, k->f[1].p, k->f[2], w->out, n + MH_TAG_LEN, w->out) ||
	    memcmp(w->out, k->f[3].p ? k->f[3].p : w->out, n))
		return false;
	memcpy(w->out, k->f[4].p, k->f[4].n);
	w->out[n] ^= 1;
	return mh_aead_open_once(k->f[0].p, k->f[1].p, k->f[2], w->out, n + MH_TAG_LEN, w->out) ==
	       -EBADMSG;
}

static bool __init kat_p256(const struct mh_kat *k, struct work *w)
{
	u8 digest[MH_HASH_LEN];

	if (mh_p256_public(w->out, k->f[0].p) || !same(w, w->out, k->f[1]) ||
	    mh_p256_verify(k->f[1].p, k->f[2].p, k->f[3].p))
		return false;
	memcpy(digest, k->f[2].p, sizeof(digest));
	if (mh_p256_sign(k->f[0].p, digest, w->out) || mh_p256_verify(k->f[1].p, digest, w->out))
		return false;
	digest[0] ^= 1;
	return mh_p256_verify(k->f[1].p, digest, k->f[3].p) == -EBADMSG;
}

static bool __init kat_hpke(const struct mh_kat *k, struct work *w)
{
	size_t n = k->f[7].n;
	u8 enc[MH_HPKE_ENC_LEN];

	return !mh_hpke_seal(k->f[1].p, &k->f[3], 1, k->f[4], k->f[5].p, k->f[5].n, k->f[2].p, enc,
			     w->out) &&
	       same(w, enc, k->f[6]) && same(w, w->out, k->f[7]) &&
	       !mh_hpke_open(k->f[0].p, enc, &k->f[3], 1, k->f[4], w->out, n, w->out) &&
	       !memcmp(w->out, k->f[5].p, k->f[5].n);
}

/* Noise NN with a psk at place 0, 2 or nowhere; all of it is said by the table. */
static bool __init kat_noise(const struct mh_kat *k, struct work *w)
{
	u8 place = k->f[1].p[0], e[2][MH_KEY_LEN], dh[MH_KEY_LEN], k1[MH_KEY_LEN], k2[MH_KEY_LEN];
	static const u8 zero_nonce[MH_NONCE_LEN];
	struct mh_noise s;
	int ret, m;

	mh_noise_init(&s, k->f[0], &k->f[3], 1);
	ret = place ? 0 : mh_noise_mix_key_and_hash(&s, k->f[2]);
	for (m = 0; !ret && m < 2; m++) {
		struct mh_buf payload = k->f[6 + 2 * m], want = k->f[7 + 2 * m];

		ret = mh_x25519_public(e[m], k->f[4 + m].p);
		mh_noise_mix_hash(&s, MH_BUF(e[m], MH_KEY_LEN));
		if (!ret && place != 255)
			ret = mh_noise_mix_key(&s, MH_BUF(e[m], MH_KEY_LEN));
		if (!ret && m)
			ret = mh_x25519(dh, k->f[5].p, e[0]);
		if (!ret && m)
			ret = mh_noise_mix_key(&s, MH_BUF(dh, sizeof(dh)));
		if (!ret && m && place == 2)
			ret = mh_noise_mix_key_and_hash(&s, k->f[2]);
		if (!ret)
			ret = mh_noise_encrypt_and_hash(&s, payload.p ? payload.p : w->out,
							payload.n, w->out + MH_KEY_LEN);
		memcpy(w->out, e[m], MH_KEY_LEN);
		if (!ret && !same(w, w->out, want))
			return false;
	}
	if (!ret)
		ret = mh_noise_split(&s, k1, k2);
	if (!ret)
		ret = mh_aead_seal_once(k1, zero_nonce, MH_BUF(NULL, 0), k->f[10].p, k->f[10].n,
					w->out);
	return !ret && same(w, w->out, k->f[11]);
}

/* What the tags and kid hold true was made by the same keys: opening is enough. */
static bool __init kat_wrap(const struct mh_kat *k, struct work *w)
{
	struct mh_wrap_key key = { .pair = k->f[1].n };

	memcpy(key.key, k->f[0].p, sizeof(key.key));
	if (key.pair)
		memcpy(key.pub, k->f[1].p, sizeof(key.pub));
	memcpy(key.ctx, k->f[2].p, sizeof(key.ctx));
	return !mh_wrap_open(k->f[3].p, &key, k->f[4], w->out) && same(w, w->out, k->f[5]);
}

static bool __init kat_stream(const struct mh_kat *k, struct work *w)
{
	struct mh_stream s;
	int ret = mh_stream_begin(&s, k->f[0].p, k->f[1].p);

	if (!ret)
		ret = mh_stream_open(&s, true, k->f[2].p, k->f[2].n, w->out);
	mh_stream_end(&s);
	return !ret && same(w, w->out, k->f[3]);
}

static bool __init kat_blob(const struct mh_kat *k, struct work *w)
{
	u8 seat[MH_HASH_LEN], *out = w->out + OUT_MAX / 2;
	struct mh_blob_header h;
	size_t len;

	memcpy(w->out, k->f[1].p, k->f[1].n);	/* a kernel's AD is not in a module's data */
	return !mh_blob_parse(&h, k->f[1], &len) &&
	       !mh_blob_seat(&h, (const u8 (*)[MH_HASH_LEN])k->f[0].p, seat) &&
	       mh_blob_open(seat, MH_BUF(w->out, k->f[1].n), out) == (int)k->f[2].n &&
	       same(w, out, k->f[2]);
}

static bool (*const checks[__MH_KAT_KINDS])(const struct mh_kat *k, struct work *w) = {
	[MH_KAT_SHA256] = kat_sha256, [MH_KAT_HKDF] = kat_hkdf,	  [MH_KAT_X25519] = kat_x25519,
	[MH_KAT_GCM] = kat_gcm,	      [MH_KAT_P256] = kat_p256,	  [MH_KAT_HPKE] = kat_hpke,
	[MH_KAT_NOISE] = kat_noise,   [MH_KAT_WRAP] = kat_wrap,	  [MH_KAT_STREAM] = kat_stream,
	[MH_KAT_BLOB] = kat_blob,
};

const char *__init mh_kat_run(const char *fault, unsigned int *count)
{
	struct work w = { .spoil = 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mh_kats) + ARRAY_SIZE(mh_own_kats); i++) {
		const struct mh_kat *k = i < ARRAY_SIZE(mh_kats) ?
			&mh_kats[i] : &mh_own_kats[i - ARRAY_SIZE(mh_kats)];

		w.spoil = fault && !strcmp(fault, k->name);
		if (!checks[k->kind](k, &w))
			return k->name;
	}
	*count = i;
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * ECDSA P-256 on the kernel's ecc library: signatures by RFC 6979, hedged with
 * fresh randomness (3.6), one ladder with a random Z (crypto_ecdh_shared_secret of k and
 * G), the inverse of k taken blinded since vli_mod_inv is variable-time; public
 * keys from two random shares of the private one, since that ladder is not blinded.
 * Numbers are little-endian arrays of ND digits.
 */
#include <crypto/ecc_curve.h>
#include <crypto/ecdh.h>
#include <crypto/internal/ecc.h>
#include <linux/cache.h>
#include "compat.h"

#include "crypto.h"

#define ND 4

/* The ecc helpers take a scalar as bytes (6.1) or as digits (6.12); found out at load. */
static bool mh_scalar_swapped __read_mostly;

static const struct ecc_curve *mh_curve(void)
{
	return ecc_get_curve(ECC_CURVE_NIST_P256);
}

static void mh_to_bytes(u8 out[32], const u64 v[ND])
{
	int i;

	for (i = 0; i < ND; i++)
		put_unaligned_be64(v[ND - 1 - i], out + 8 * i);
}

static void mh_from_bytes(u64 v[ND], const u8 in[32])
{
	int i;

	for (i = 0; i < ND; i++)
		v[ND - 1 - i] = get_unaligned_be64(in + 8 * i);
}

static bool mh_in_range(const u64 v[ND])
{
	return !vli_is_zero(v, ND) && vli_cmp(v, mh_curve()->n, ND) < 0;
}

/* x and y of k * (px, py); only x comes out of this library call */
static int mh_ladder_x(u64 x[ND], const u64 k[ND], const u64 *px, const u64 *py)
{
	u64 scalar[ND], point[2 * ND], be[ND];
	int ret;

	ecc_swap_digits(px, point, ND);
	ecc_swap_digits(py, point + ND, ND);
	if (mh_scalar_swapped)
		ecc_swap_digits(k, scalar, ND);
	else
		memcpy(scalar, k, sizeof(scalar));
	ret = crypto_ecdh_shared_secret(ECC_CURVE_NIST_P256, ND, scalar, point, be);
	if (!ret)
		ecc_swap_digits(be, x, ND);
	mh_wipe(scalar, sizeof(scalar));
	mh_wipe(be, sizeof(be));
	return ret;
}

/* a + b mod n as a - (n - b): the library exports no addition */
static void mh_mod_add(u64 r[ND], const u64 a[ND], const u64 b[ND], const u64 n[ND])
{
	u64 t[ND], masked[ND], borrow;
	int i;

	vli_sub(t, n, b, ND);
	borrow = vli_sub(r, a, t, ND);
	/* r += n when it borrowed, by subtracting (0 - n), without a branch on a secret */
	memset(t, 0, sizeof(t));
	for (i = 0; i < ND; i++)
		masked[i] = n[i] & -borrow;
	vli_sub(t, t, masked, ND);
	vli_sub(r, r, t, ND);
}

/* ---- RFC 6979 3.2, with 3.6's additional input ---- */

struct mh_nonce {
	u8 k[32], v[32];
};

static int mh_nonce_mix(struct mh_nonce *s, u8 sep, const struct mh_buf *seed, unsigned int n)
{
	struct mh_buf b[5] = { MH_BUF(s->v, 32), MH_BUF(&sep, 1) };
	int ret;

	memcpy(b + 2, seed, n * sizeof(*seed));
	ret = mh_hmac_sha256v(s->k, 32, b, 2 + n, s->k);
	return ret ?: mh_hmac_sha256v(s->k, 32, b, 1, s->v);
}

static int mh_nonce_begin(struct mh_nonce *s, const u8 *priv, const u8 *digest, const u8 *hedge)
{
	const struct mh_buf seed[] = { MH_BUF(priv, 32), MH_BUF(digest, 32),
				       MH_BUF(hedge, hedge ? 32 : 0) };
	int ret;

	memset(s->k, 0, sizeof(s->k));
	memset(s->v, 1, sizeof(s->v));
	ret = mh_nonce_mix(s, 0, seed, 3);
	return ret ?: mh_nonce_mix(s, 1, seed, 3);
}

static int mh_nonce_next(struct mh_nonce *s, u64 k[ND])
{
	const struct mh_buf v = MH_BUF(s->v, 32);
	int ret;

	for (;;) {
		ret = mh_hmac_sha256v(s->k, 32, &v, 1, s->v);
		if (ret)
			return ret;
		mh_from_bytes(k, s->v);
		if (mh_in_range(k))
			return 0;
		ret = mh_nonce_mix(s, 0, NULL, 0);
		if (ret)
			return ret;
	}
}

/* ---- sign ---- */

static void mh_reduce(u64 v[ND], const u64 n[ND])
{
	if (vli_cmp(v, n, ND) >= 0)
		vli_sub(v, v, n, ND);
}

/* s = (z + r d) / k, each product with a random b so that the inverse shows nothing */
static int mh_sign_s(u64 s[ND], const u64 k[ND], const u64 d[ND], const u64 r[ND], const u64 z[ND])
{
	const u64 *n = mh_curve()->n;
	u64 b[ND], inv[ND], bdr[ND];
	int ret;

	do {
		ret = mh_random(b, sizeof(b));
		if (ret)
			return ret;
	} while (!mh_in_range(b));
	vli_mod_mult_slow(inv, k, b, n, ND);
	vli_mod_inv(inv, inv, n, ND);
	vli_mod_mult_slow(bdr, d, b, n, ND);
	vli_mod_mult_slow(bdr, bdr, r, n, ND);
	vli_mod_mult_slow(s, z, b, n, ND);
	mh_mod_add(s, s, bdr, n);
	vli_mod_mult_slow(s, s, inv, n, ND);
	mh_wipe(b, sizeof(b));
	mh_wipe(inv, sizeof(inv));
	mh_wipe(bdr, sizeof(bdr));
	return 0;
}

static int mh_sign(const u8 *priv, const u8 *digest, const u8 *hedge, u8 *sig)
{
	const struct ecc_curve *c = mh_curve();
	u64 d[ND], k[ND], r[ND], z[ND], s[ND];
	struct mh_nonce nonce;
	u8 h[32];
	int ret = 0;

	mh_from_bytes(d, priv);
	mh_from_bytes(z, digest);
	mh_reduce(z, c->n);
	mh_to_bytes(h, z);	/* bits2octets */
	if (!mh_in_range(d))
		ret = -EKEYREJECTED;
	if (!ret)
		ret = mh_nonce_begin(&nonce, priv, h, hedge);
	while (!ret) {
		ret = mh_nonce_next(&nonce, k);
		if (!ret)
			ret = mh_ladder_x(r, k, c->g.x, c->g.y);
		if (ret)
			break;
		mh_reduce(r, c->n);
		if (!vli_is_zero(r, ND))
			ret = mh_sign_s(s, k, d, r, z);
		if (ret || (!vli_is_zero(r, ND) && !vli_is_zero(s, ND)))
			break;
	}
	if (!ret) {
		mh_to_bytes(sig, r);
		mh_to_bytes(sig + 32, s);
	}
	mh_wipe(d, sizeof(d));
	mh_wipe(k, sizeof(k));
	mh_wipe(&nonce, sizeof(nonce));
	return ret;
}

int mh_p256_sign(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	u8 hedge[32];
	int ret = mh_random(hedge, sizeof(hedge));

	if (!ret)
		ret = mh_sign(priv, digest, hedge, sig);
	mh_wipe(hedge, sizeof(hedge));
	return ret;
}

int mh_p256_sign_plain(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	return mh_sign(priv, digest, NULL, sig);
}

/* What the library says of a key that is none; a lack of memory is not the key's fault */
static int mh_rejected(int ret)
{
	return ret && ret != -ENOMEM ? -EKEYREJECTED : ret;
}

/* ---- verify ---- */

int mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
		   const u8 sig[MH_SIG_LEN])
{
	const struct ecc_curve *c = mh_curve();
	u64 x[ND], y[ND], r[ND], s[ND], z[ND], w[ND], u1[ND], u2[ND], rx[ND], ry[ND];
	struct ecc_point q = ECC_POINT_INIT(x, y, ND), res = ECC_POINT_INIT(rx, ry, ND);
	int ret;

	mh_from_bytes(x, pub);
	mh_from_bytes(y, pub + 32);
	ret = mh_rejected(ecc_is_pubkey_valid_full(c, &q));
	if (ret)
		return ret;
	mh_from_bytes(r, sig);
	mh_from_bytes(s, sig + 32);
	if (!mh_in_range(r) || !mh_in_range(s))
		return -EBADMSG;
	mh_from_bytes(z, digest);
	mh_reduce(z, c->n);
	vli_mod_inv(w, s, c->n, ND);	/* public */
	vli_mod_mult_slow(u1, z, w, c->n, ND);
	vli_mod_mult_slow(u2, r, w, c->n, ND);
	ecc_point_mult_shamir(&res, u1, &c->g, u2, &q, c);
	if (ecc_point_is_zero(&res))
		return -EBADMSG;
	mh_reduce(rx, c->n);
	return vli_cmp(rx, r, ND) ? -EBADMSG : 0;
}

/* ---- keys ---- */

/* k * G, by a ladder that is not blinded */
static int mh_times_g(u64 x[ND], u64 y[ND], const u64 k[ND])
{
	u64 scalar[ND], q[2 * ND];
	int ret;

	if (mh_scalar_swapped)
		ecc_swap_digits(k, scalar, ND);
	else
		memcpy(scalar, k, sizeof(scalar));
	ret = ecc_make_pub_key(ECC_CURVE_NIST_P256, ND, scalar, q);
	if (ret == -EAGAIN)	/* k is in range: there was no memory to check what was made */
		ret = -ENOMEM;
	mh_from_bytes(x, (u8 *)q);
	mh_from_bytes(y, (u8 *)(q + ND));
	mh_wipe(scalar, sizeof(scalar));
	return mh_rejected(ret);
}

/* a + b = d, a random: dG is aG + bG, and no ladder climbs d */
int mh_p256_public(u8 pub[MH_P256_PUB_LEN], const u8 priv[MH_KEY_LEN])
{
	static const u64 one[ND] = { 1 };
	const struct ecc_curve *c = mh_curve();
	u64 d[ND], a[ND], b[ND], ax[ND], ay[ND], bx[ND], by[ND], x[ND], y[ND];
	struct ecc_point p = ECC_POINT_INIT(ax, ay, ND), q = ECC_POINT_INIT(bx, by, ND),
			 sum = ECC_POINT_INIT(x, y, ND);
	int ret = -EKEYREJECTED;

	mh_from_bytes(d, priv);
	if (mh_in_range(d)) {
		do {
			ret = mh_random(a, sizeof(a));
			vli_sub(b, c->n, a, ND);
			mh_mod_add(b, d, b, c->n);
		} while (!ret && (!mh_in_range(a) || vli_is_zero(b, ND)));
	}
	if (!ret)
		ret = mh_times_g(ax, ay, a) ?: mh_times_g(bx, by, b);
	if (!ret) {
		ecc_point_mult_shamir(&sum, one, &p, one, &q, c);
		mh_to_bytes(pub, x);
		mh_to_bytes(pub + 32, y);
	}
	mh_wipe(d, sizeof(d));
	mh_wipe(a, sizeof(a));
	mh_wipe(b, sizeof(b));
	return ret;
}

int mh_p256_generate(u8 priv[MH_KEY_LEN], u8 pub[MH_P256_PUB_LEN])
{
	int ret;

	do {
		ret = mh_random(priv, MH_KEY_LEN);
		if (!ret)
			ret = mh_p256_public(pub, priv);
	} while (ret == -EKEYREJECTED);
	return ret;
}

int mh_p256_init(void)
{
	/* RFC 6979 A.2.5 */
	static const u8 priv[32] = {
		0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21,
		0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8,
		0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
	};
	static const u8 x[8] = { 0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31 };
	u8 pub[MH_P256_PUB_LEN];
	int i;

	for (i = 0; i < 2; i++) {
		mh_scalar_swapped = i;
		if (!mh_p256_public(pub, priv) && !memcmp(pub, x, sizeof(x)))
			return 0;
	}
	return -ENODEV;
}

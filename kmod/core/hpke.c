// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* HPKE, RFC 9180, base mode; see hpke.h.  Names are the RFC's. */
#include "hpke.h"

#define INFO_MAX	4
#define LIT(s)		MH_BUF(s, sizeof(s) - 1)

static const u8 kem_id[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const u8 hpke_id[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

/* LabeledExtract(salt, label, ikm...): section 4 */
static int labeled_extract(struct mh_buf suite, const u8 *salt, struct mh_buf label,
			   const struct mh_buf *ikm, unsigned int n, u8 prk[MH_HASH_LEN])
{
	struct mh_buf v[3 + INFO_MAX] = { LIT("HPKE-v1"), suite, label };

	if (n > INFO_MAX)
		return -EINVAL;
	memcpy(v + 3, ikm, n * sizeof(*ikm));
	return mh_hkdf_extract(salt, salt ? MH_HASH_LEN : 0, v, 3 + n, prk);
}

static int labeled_expand(struct mh_buf suite, const u8 prk[MH_HASH_LEN], struct mh_buf label,
			  struct mh_buf info, u8 *out, u8 len)
{
	const u8 l[2] = { 0, len };
	const struct mh_buf v[] = { MH_BUF(l, 2), LIT("HPKE-v1"), suite, label, info };

	return mh_hkdf_expand(prk, v, ARRAY_SIZE(v), out, len);
}

/* ExtractAndExpand(dh, enc || pkR): section 4.1 */
static int kem_secret(const u8 *dh, const u8 *enc, const u8 *pk_r, u8 secret[MH_HASH_LEN])
{
	const struct mh_buf suite = MH_BUF(kem_id, sizeof(kem_id)), ikm = MH_BUF(dh, MH_KEY_LEN);
	u8 prk[MH_HASH_LEN], ctx[MH_HPKE_ENC_LEN + MH_KEY_LEN];
	int ret;

	memcpy(ctx, enc, MH_HPKE_ENC_LEN);
	memcpy(ctx + MH_HPKE_ENC_LEN, pk_r, MH_KEY_LEN);
	ret = labeled_extract(suite, NULL, LIT("eae_prk"), &ikm, 1, prk);
	if (!ret)
		ret = labeled_expand(suite, prk, LIT("shared_secret"), MH_BUF(ctx, sizeof(ctx)),
				     secret, MH_HASH_LEN);
	mh_wipe(prk, sizeof(prk));
	return ret;
}

struct schedule {
	u8 key[MH_KEY_LEN];
	u8 nonce[MH_NONCE_LEN];
};

/* KeySchedule(mode_base): section 5.1 */
static int key_schedule(const u8 shared[MH_HASH_LEN], const struct mh_buf *info, unsigned int infos,
			struct schedule *s)
{
	const struct mh_buf suite = MH_BUF(hpke_id, sizeof(hpke_id)), none = MH_BUF(NULL, 0);
	u8 ctx[1 + 2 * MH_HASH_LEN] = { 0 }, secret[MH_HASH_LEN];	/* mode_base is 0 */
	int ret;

	ret = labeled_extract(suite, NULL, LIT("psk_id_hash"), &none, 1, ctx + 1);
	if (!ret)
		ret = labeled_extract(suite, NULL, LIT("info_hash"), info, infos,
				      ctx + 1 + MH_HASH_LEN);
	if (!ret)
		ret = labeled_extract(suite, shared, LIT("secret"), &none, 1, secret);
	if (!ret)
		ret = labeled_expand(suite, secret, LIT("key"), MH_BUF(ctx, sizeof(ctx)), s->key,
				     MH_KEY_LEN);
	if (!ret)
		ret = labeled_expand(suite, secret, LIT("base_nonce"), MH_BUF(ctx, sizeof(ctx)),
				     s->nonce, MH_NONCE_LEN);
	mh_wipe(secret, sizeof(secret));
	return ret;
}

static int derive(const u8 *dh, const u8 *enc, const u8 *pk_r, const struct mh_buf *info,
		  unsigned int infos, struct schedule *s)
{
	u8 shared[MH_HASH_LEN];
	int ret = kem_secret(dh, enc, pk_r, shared);

	if (!ret)
		ret = key_schedule(shared, info, infos, s);
	mh_wipe(shared, sizeof(shared));
	return ret;
}

int mh_hpke_seal(const u8 pk_r[MH_KEY_LEN], const struct mh_buf *info, unsigned int infos,
		 struct mh_buf aad, const u8 *pt, size_t n, const u8 *eph, u8 enc[MH_HPKE_ENC_LEN],
		 u8 *ct)
{
	struct schedule s;
	u8 sk_e[MH_KEY_LEN], dh[MH_KEY_LEN];
	int ret = 0;

	if (eph)
		memcpy(sk_e, eph, sizeof(sk_e));
	else
		ret = mh_random(sk_e, sizeof(sk_e));
	if (!ret)
		ret = mh_x25519_public(enc, sk_e);
	if (!ret)
		ret = mh_x25519(dh, sk_e, pk_r);
	if (!ret)
		ret = derive(dh, enc, pk_r, info, infos, &s);
	if (!ret)
		ret = mh_aead_seal_once(s.key, s.nonce, aad, pt, n, ct);
	mh_wipe(sk_e, sizeof(sk_e));
	mh_wipe(dh, sizeof(dh));
	mh_wipe(&s, sizeof(s));
	return ret;
}

int mh_hpke_open(const u8 sk_r[MH_KEY_LEN], const u8 enc[MH_HPKE_ENC_LEN],
		 const struct mh_buf *info, unsigned int infos, struct mh_buf aad, const u8 *ct,
		 size_t n, u8 *pt)
{
	struct schedule s;
	u8 pk_r[MH_KEY_LEN], dh[MH_KEY_LEN];
	int ret = mh_x25519_public(pk_r, sk_r);

	if (!ret)
		ret = mh_x25519(dh, sk_r, enc);
	if (!ret)
		ret = derive(dh, enc, pk_r, info, infos, &s);
	if (!ret)
		ret = mh_aead_open_once(s.key, s.nonce, aad, ct, n, pt);
	mh_wipe(dh, sizeof(dh));
	mh_wipe(&s, sizeof(s));
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * keyctl pkey_query, pkey_sign, pkey_verify: ECDSA P-256 over a SHA-256 digest,
 * signatures as x962 (DER SEQUENCE of r and s).  The core holds a reference to
 * the key, but not key->sem.  No encryption: the core does not wipe its buffers.
 */
#include <linux/keyctl.h>
#include <linux/string.h>
#include "keytype.h"

#define MH_DER_INTEGER	0x02
#define MH_DER_SEQUENCE	0x30
#define MH_DER_INT_MAX	33		/* value of 32 bytes with its high bit set */
#define MH_DER_SIG_MAX	(2 + 2 * (2 + MH_DER_INT_MAX))

/* 32 bytes, big-endian, as a minimal positive INTEGER; the bytes written */
static size_t mh_der_put(u8 *out, const u8 v[32])
{
	size_t skip = 0, n, pad;

	while (skip < 31 && !v[skip])
		skip++;
	pad = v[skip] >> 7;
	n = 32 - skip;
	out[0] = MH_DER_INTEGER;
	out[1] = n + pad;
	out[2] = 0;
	memcpy(out + 2 + pad, v + skip, n);
	return 2 + pad + n;
}

static int mh_der_encode(u8 out[MH_DER_SIG_MAX], const u8 sig[64])
{
	size_t n = 2;

	n += mh_der_put(out + n, sig);
	n += mh_der_put(out + n, sig + 32);
	out[0] = MH_DER_SEQUENCE;
	out[1] = n - 2;
	return n;
}

/* One INTEGER at *at, minimal and not negative, into 32 bytes. */
static int mh_der_get(u8 v[32], const u8 *in, size_t len, size_t *at)
{
	const u8 *p = in + *at;
	size_t left = len - *at, n;

	if (left < 3 || p[0] != MH_DER_INTEGER)
		return -EBADMSG;
	n = p[1];
	if (!n || n > MH_DER_INT_MAX || n > left - 2 || p[2] & 0x80)
		return -EBADMSG;
	if (n > 1 && !p[2] && !(p[3] & 0x80))
		return -EBADMSG;
	*at += 2 + n;
	p += 2;
	if (n == MH_DER_INT_MAX) {
		if (*p)
			return -EBADMSG;
		p++;
		n--;
	}
	memset(v, 0, 32 - n);
	memcpy(v + 32 - n, p, n);
	return 0;
}

/*
 * What lies behind the SEQUENCE is not looked at: Debian 12's libkeyutils gives
 * max_sig_size as every signature's length.
 */
static int mh_der_decode(u8 sig[64], const u8 *in, size_t len)
{
	size_t at = 2;

	if (len < 2 || len > MH_DER_SIG_MAX || in[0] != MH_DER_SEQUENCE || in[1] > len - 2)
		return -EBADMSG;
	len = 2 + in[1];
	if (mh_der_get(sig, in, len, &at) || mh_der_get(sig + 32, in, len, &at) || at != len)
		return -EBADMSG;
	return 0;
}

/* The operations that a key may be asked for here; none when it is no P-256 key. */
static u32 mh_pkey_operations(const struct mh_payload *p)
{
	if (p->kind == MH_PAYLOAD_IDENTITY)
		return MH_OP_SIGN | MH_OP_VERIFY;
	return p->alg == MH_ALG_P256 ? p->policy.operations : 0;
}

int mh_pkey_query(const struct kernel_pkey_params *params, struct kernel_pkey_query *res)
{
	struct key *key = params->key;
	struct mh_payload *p;
	u32 ops = 0;
	int ret;

	if (!params->encoding || strcmp(params->encoding, "x962") ||
	    !params->hash_algo || strcmp(params->hash_algo, "sha256"))
		return -EINVAL;
	down_read(&key->sem);
	p = mh_payload_get(key);
	ret = PTR_ERR_OR_ZERO(p);
	if (!ret)
		ops = mh_pkey_operations(p);
	up_read(&key->sem);
	if (ret)
		return ret;
	if (!(ops & (MH_OP_SIGN | MH_OP_VERIFY)))
		return -EOPNOTSUPP;
	memset(res, 0, sizeof(*res));
	res->supported_ops = (ops & MH_OP_SIGN ? KEYCTL_SUPPORTS_SIGN : 0) |
			     (ops & MH_OP_VERIFY ? KEYCTL_SUPPORTS_VERIFY : 0);
	res->key_size = 256;
	/* the core holds pkey_sign's room for the signature to max_data_size */
	res->max_data_size = MH_DER_SIG_MAX;
	res->max_sig_size = MH_DER_SIG_MAX;
	return 0;
}

int mh_pkey_sign(struct mh_payload *p, const u8 digest[32], u8 sig[64])
{
	u8 priv[MH_KEY_LEN];
	int ret;

	if (!(mh_pkey_operations(p) & MH_OP_SIGN))
		return p->kind == MH_PAYLOAD_KEY && p->alg == MH_ALG_P256 ? -EACCES : -EOPNOTSUPP;
	ret = mh_payload_use(p, MH_OP_SIGN);
	if (ret)
		return ret;
	if (p->kind == MH_PAYLOAD_KEY)
		return mh_p256_sign(p->secret, digest, sig);

	mutex_lock(&p->identity->lock);
	if (p->identity->dead)
		ret = -EKEYREVOKED;
	else
		memcpy(priv, p->identity->kes, sizeof(priv));
	mutex_unlock(&p->identity->lock);
	if (!ret)
		ret = mh_p256_sign(priv, digest, sig);
	memzero_explicit(priv, sizeof(priv));
	return ret;
}

int mh_pkey_eds_op(struct kernel_pkey_params *params, const void *in, void *out)
{
	u8 sig[MH_SIG_LEN], der[MH_DER_SIG_MAX];
	struct key *key = params->key;
	struct mh_payload *p;
	int ret;

	if (params->op != kernel_pkey_sign)
		return -EOPNOTSUPP;
	if (params->in_len != MH_HASH_LEN)
		return -EINVAL;
	down_read(&key->sem);
	p = mh_payload_get(key);
	ret = IS_ERR(p) ? PTR_ERR(p) : mh_pkey_sign(p, in, sig);
	up_read(&key->sem);
	if (ret)
		return ret;
	ret = mh_der_encode(der, sig);
	if (ret > params->out_len)
		return -EOVERFLOW;
	memcpy(out, der, ret);
	return ret;
}

int mh_pkey_verify(struct kernel_pkey_params *params, const void *in, const void *in2)
{
	u8 sig[MH_SIG_LEN], pub[MH_P256_PUB_LEN];
	struct key *key = params->key;
	struct mh_payload *p;
	int ret;

	if (params->in_len != MH_HASH_LEN)
		return -EINVAL;
	if (mh_der_decode(sig, in2, params->in2_len))
		return -EKEYREJECTED;
	down_read(&key->sem);
	p = mh_payload_get(key);
	ret = PTR_ERR_OR_ZERO(p);
	if (!ret && !(mh_pkey_operations(p) & MH_OP_VERIFY))
		ret = -EACCES;
	if (!ret)
		memcpy(pub, p->kind == MH_PAYLOAD_KEY ? p->public_key : p->identity->kes_pub,
		       sizeof(pub));
	up_read(&key->sem);
	if (ret)
		return ret;
	ret = mh_p256_verify(pub, in, sig);
	return ret == -EBADMSG ? -EKEYREJECTED : ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/* core/crypto.h on the kernel's crypto API and libraries: hash, MAC, AEAD, X25519, random. */
#include <crypto/aead.h>
#include <crypto/algapi.h>
#include <crypto/curve25519.h>
#include <crypto/sha2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "crypto.h"

void mh_wipe(void *p, size_t n)
{
	memzero_explicit(p, n);
}

bool mh_ct_equal(const void *a, const void *b, size_t n)
{
	return !crypto_memneq(a, b, n);
}

int mh_random(void *p, size_t n)
{
	int ret = wait_for_random_bytes();

	if (ret)
		return -EINTR;
	get_random_bytes(p, n);
	return 0;
}

/* ---- SHA-256, HMAC ---- */

#define MH_STACK_BURNT	768	/* the library's frames: 64 words, and what is spilled */

/* The library wipes those words, not its working variables, which end as a hash: a key, often. */
static noinline void mh_burn_stack(void)
{
	u8 below[MH_STACK_BURNT];

	memzero_explicit(below, sizeof(below));
}

static_assert(sizeof(struct sha256_state) <= sizeof(struct mh_sha256));

void mh_sha256_init(struct mh_sha256 *s)
{
	sha256_init((struct sha256_state *)s);
}

void mh_sha256_update(struct mh_sha256 *s, const void *p, size_t n)
{
	if (n)
		sha256_update((struct sha256_state *)s, p, n);
}

void mh_sha256_final(struct mh_sha256 *s, u8 out[MH_HASH_LEN])
{
	sha256_final((struct sha256_state *)s, out);
	mh_wipe(s, sizeof(*s));
	mh_burn_stack();
}

void mh_sha256v(u8 out[MH_HASH_LEN], const struct mh_buf *v, unsigned int n)
{
	struct mh_sha256 s;
	unsigned int i;

	mh_sha256_init(&s);
	for (i = 0; i < n; i++)
		mh_sha256_update(&s, v[i].p, v[i].n);
	mh_sha256_final(&s, out);
}

/* One of HMAC's two hashes: the key xored with a byte, then what is hashed (RFC 2104) */
static void mh_hmac_begin(struct mh_sha256 *s, const u8 *key, size_t keylen, u8 pad)
{
	u8 block[SHA256_BLOCK_SIZE];
	size_t i;

	memset(block, pad, sizeof(block));
	for (i = 0; i < keylen; i++)
		block[i] ^= key[i];
	mh_sha256_init(s);
	mh_sha256_update(s, block, sizeof(block));
	mh_wipe(block, sizeof(block));
}

int mh_hmac_sha256v(const u8 *key, size_t keylen, const struct mh_buf *v, unsigned int n,
		    u8 out[MH_HASH_LEN])
{
	u8 hashed[MH_HASH_LEN], inner[MH_HASH_LEN];
	const struct mh_buf k = MH_BUF(key, keylen);
	struct mh_sha256 s;
	unsigned int i;

	if (keylen > SHA256_BLOCK_SIZE) {
		mh_sha256v(hashed, &k, 1);
		key = hashed;
		keylen = sizeof(hashed);
	}
	mh_hmac_begin(&s, key, keylen, 0x36);
	for (i = 0; i < n; i++)
		mh_sha256_update(&s, v[i].p, v[i].n);
	mh_sha256_final(&s, inner);
	mh_hmac_begin(&s, key, keylen, 0x5c);
	mh_sha256_update(&s, inner, sizeof(inner));
	mh_sha256_final(&s, out);
	mh_wipe(inner, sizeof(inner));
	mh_wipe(hashed, sizeof(hashed));
	return 0;
}

/* ---- AES-256-GCM ---- */

#define MH_AD_COPY	128	/* AD of records and blobs: copied rather than mapped */
#define MH_SG_INLINE	10	/* a record: one of AD, five or six pages, one of tag */

/*
 * The work is done in place, in the caller's output, page by page (it may be
 * vmalloc memory); tag and short AD are here.  One user at a time.
 */
struct mh_aead {
	struct crypto_aead *tfm;
	struct aead_request *req;
	struct crypto_wait wait;
	struct scatterlist sg[MH_SG_INLINE];
	u8 ad[MH_AD_COPY];
	u8 tag[MH_TAG_LEN];
	u8 iv[MH_NONCE_LEN];
};

int mh_aead_create(struct mh_aead **out, const u8 key[MH_KEY_LEN])
{
	struct mh_aead *a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!a)
		return -ENOMEM;
	/*
	 * The CPU's own instructions come as an "asynchronous" one on x86, that waits where they
	 * may not be used; a device's is not wanted, nor is a table that a cache tells of.
	 */
	a->tfm = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_KERN_DRIVER_ONLY);
	if (IS_ERR(a->tfm)) {
		ret = PTR_ERR(a->tfm);
		kfree(a);
		return ret;
	}
	ret = crypto_aead_setkey(a->tfm, key, MH_KEY_LEN);
	if (!ret)
		ret = crypto_aead_setauthsize(a->tfm, MH_TAG_LEN);
	if (!ret) {
		a->req = aead_request_alloc(a->tfm, GFP_KERNEL_ACCOUNT);
		ret = a->req ? 0 : -ENOMEM;
	}
	if (ret) {
		mh_aead_destroy(a);
		return ret;
	}
	crypto_init_wait(&a->wait);
	aead_request_set_callback(a->req, CRYPTO_TFM_REQ_MAY_BACKLOG | CRYPTO_TFM_REQ_MAY_SLEEP,
				  crypto_req_done, &a->wait);
	*out = a;
	return 0;
}

void mh_aead_destroy(struct mh_aead *a)
{
	if (!a)
		return;
	if (a->req)
		aead_request_free(a->req);
	crypto_free_aead(a->tfm);
	kfree_sensitive(a);
}

static struct scatterlist *mh_sg_add(struct scatterlist *sg, const void *p, size_t n)
{
	while (n) {
		size_t off = offset_in_page(p), len = min_t(size_t, n, PAGE_SIZE - off);

		/* the others are vmalloc's and modules' */
		sg_set_page(sg++, virt_addr_valid(p) ? virt_to_page(p) : vmalloc_to_page(p), len,
			    off);
		p += len;
		n -= len;
	}
	return sg;
}

/* Encrypt or decrypt n bytes at buf in place; the tag is a->tag. */
static int mh_aead_crypt(struct mh_aead *a, const u8 *nonce, struct mh_buf ad, u8 *buf, size_t n,
			 bool seal)
{
	size_t most = (ad.n + n) / PAGE_SIZE + 5;
	struct scatterlist *sg = a->sg, *end;
	int ret;

	if (most > MH_SG_INLINE) {
		sg = kmalloc_array(most, sizeof(*sg), GFP_KERNEL_ACCOUNT);
		if (!sg)
			return -ENOMEM;
	}
	sg_init_table(sg, max_t(size_t, most, MH_SG_INLINE));
	if (ad.n <= MH_AD_COPY) {
		memcpy(a->ad, ad.p ?: (const u8 *)"", ad.n);
		ad.p = a->ad;
	}
	end = mh_sg_add(sg, ad.p, ad.n);
	end = mh_sg_add(end, buf, n);
	end = mh_sg_add(end, a->tag, MH_TAG_LEN);
	sg_mark_end(end - 1);
	memcpy(a->iv, nonce, sizeof(a->iv));
	aead_request_set_ad(a->req, ad.n);
	aead_request_set_crypt(a->req, sg, sg, seal ? n : n + MH_TAG_LEN, a->iv);
	ret = crypto_wait_req(seal ? crypto_aead_encrypt(a->req) : crypto_aead_decrypt(a->req),
			      &a->wait);
	if (sg != a->sg)
		kfree(sg);
	return ret;
}

int mh_aead_seal(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	int ret;

	if (n && out != in)
		memmove(out, in, n);
	ret = mh_aead_crypt(a, nonce, ad, out, n, true);
	if (ret)
		mh_wipe(out, n);
	else
		memcpy(out + n, a->tag, MH_TAG_LEN);
	return ret;
}

int mh_aead_open(struct mh_aead *a, const u8 nonce[MH_NONCE_LEN], struct mh_buf ad, const u8 *in,
		 size_t n, u8 *out)
{
	int ret;

	if (n < MH_TAG_LEN)
		return -EBADMSG;
	n -= MH_TAG_LEN;
	memcpy(a->tag, in + n, MH_TAG_LEN);
	if (n && out != in)
		memmove(out, in, n);
	ret = mh_aead_crypt(a, nonce, ad, out, n, false);
	if (ret)
		mh_wipe(out, n);
	return ret;
}

/* ---- X25519 ---- */

int mh_x25519(u8 out[MH_KEY_LEN], const u8 priv[MH_KEY_LEN], const u8 pub[MH_KEY_LEN])
{
	u8 k[MH_KEY_LEN];
	bool ok;

	memcpy(k, priv, sizeof(k));
	curve25519_clamp_secret(k);
	ok = curve25519(out, k, pub);	/* false: all zero */
	mh_wipe(k, sizeof(k));
	return ok ? 0 : -EKEYREJECTED;
}

int mh_x25519_public(u8 pub[MH_KEY_LEN], const u8 priv[MH_KEY_LEN])
{
	u8 k[MH_KEY_LEN];
	bool ok;

	memcpy(k, priv, sizeof(k));
	curve25519_clamp_secret(k);
	ok = curve25519_generate_public(pub, k);
	mh_wipe(k, sizeof(k));
	return ok ? 0 : -EKEYREJECTED;
}

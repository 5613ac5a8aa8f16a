// SPDX-License-Identifier: GPL-2.0-only
/*
 * Use of keys by ioctl.  The key's sem is held for reading while a key is used, so
 * that a revocation waits for uses and no use begins after it; user memory is
 * copied before and after.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/stream.h"
#include "keytype.h"
#include "use.h"

#define MH_AD_MAX	4096

struct mh_use {
	key_ref_t ref;
	struct key *key;
	struct mh_payload *p;
};

/* On success key->sem is held for reading, until mh_use_end(). */
static int mh_use_begin(struct mh_use *u, key_serial_t serial, enum key_need_perm need)
{
	if (serial <= 0)
		return -EINVAL;
	u->ref = lookup_user_key(serial, 0, need);
	if (IS_ERR(u->ref))
		return PTR_ERR(u->ref);
	u->key = key_ref_to_ptr(u->ref);
	if (u->key->type != &mh_key_type) {
		key_ref_put(u->ref);
		return -EKEYREJECTED;
	}
	down_read(&u->key->sem);
	u->p = mh_payload_get(u->key);
	if (!IS_ERR(u->p))
		return 0;
	up_read(&u->key->sem);
	key_ref_put(u->ref);
	return PTR_ERR(u->p);
}

static void mh_use_end(struct mh_use *u)
{
	up_read(&u->key->sem);
	key_ref_put(u->ref);
}

static void mh_info_identity(struct mh_info *a, struct mh_identity *id)
{
	mutex_lock(&id->lock);
	a->kind = id->joined ? 1 : 2;
	a->operations = MH_OP_SIGN | MH_OP_VERIFY;
	a->lease_ms = -1;
	memcpy(a->region_id, id->region_id, sizeof(a->region_id));
	memcpy(a->public_key, id->kes_pub, sizeof(a->public_key));
	memcpy(a->region, id->region, sizeof(id->region));
	memcpy(a->name, id->name, sizeof(id->name));
	a->sealed = id->sealed;
	a->generation = id->generation;
	mutex_unlock(&id->lock);
}

static void mh_info_key(struct mh_info *a, const char *desc, const struct mh_payload *p)
{
	const char *slash = strchr(desc, '/');

	a->kind = 3;
	a->alg = p->alg;
	a->operations = p->policy.operations;
	a->lease_ms = mh_lease_left_ms(&p->lease);
	a->version = p->version;
	memcpy(a->region_id, p->lease.region_id, sizeof(a->region_id));
	memcpy(a->public_key, p->public_key, sizeof(a->public_key));
	memcpy(a->leaf, p->lease.leaf, sizeof(a->leaf));
	if (!slash)
		return;
	memcpy(a->region, desc, min_t(size_t, slash - desc, sizeof(a->region) - 1));
	strscpy(a->name, slash + 1, sizeof(a->name));
}

int mh_use_info(struct mh_info *a)
{
	key_serial_t serial = a->serial;
	struct mh_use u;
	int ret;

	if (memchr_inv(a->reserved, 0, sizeof(a->reserved)))
		return -EINVAL;
	ret = mh_use_begin(&u, serial, KEY_NEED_VIEW);
	if (ret)
		return ret;
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->serial = serial;
	if (u.p->kind == MH_PAYLOAD_IDENTITY)
		mh_info_identity(a, u.p->identity);
	else
		mh_info_key(a, u.key->description, u.p);
	mh_use_end(&u);
	return 0;
}

int mh_use_sign(struct mh_sign_io *a)
{
	struct mh_use u;
	int ret;

	ret = mh_use_begin(&u, a->serial, KEY_NEED_SEARCH);
	if (ret)
		return ret;
	/* a delivered P-256 key signs by keyctl pkey_sign: one door each */
	ret = -EKEYREJECTED;
	if (u.p->kind == MH_PAYLOAD_IDENTITY)
		ret = mh_pkey_sign(u.p, a->digest, a->sig);
	mh_use_end(&u);
	return ret;
}

/* A call's buffers in kernel memory: src holds ad and then in. */
struct mh_use_bufs {
	u8 *src, *dst;
	size_t src_len, dst_len;
};

static void mh_bufs_free(struct mh_use_bufs *b)
{
	if (b->src)
		memzero_explicit(b->src, b->src_len);
	if (b->dst)
		memzero_explicit(b->dst, b->dst_len);
	kvfree(b->src);
	kvfree(b->dst);
}

static int mh_bufs_make(struct mh_use_bufs *b, u64 ad, u32 ad_len, u64 in, u32 in_len, u32 out_len)
{
	int ret = -ENOMEM;

	b->src_len = ad_len + in_len;
	b->dst_len = out_len;
	/* never of size 0; the tag is behind the plaintext of what is opened */
	b->src = kvmalloc(b->src_len + 1, GFP_KERNEL_ACCOUNT);
	b->dst = kvzalloc(b->dst_len + MH_TAG_LEN, GFP_KERNEL_ACCOUNT);
	if (!b->src || !b->dst)
		goto fail;
	ret = -EFAULT;
	if (copy_from_user(b->src, u64_to_user_ptr(ad), ad_len) ||
	    copy_from_user(b->src + ad_len, u64_to_user_ptr(in), in_len))
		goto fail;
	return 0;
fail:
	mh_bufs_free(b);
	return ret;
}

/* The operation's bit, if the key is one for AES. */
static int mh_use_aes(struct mh_payload *p, u32 op)
{
	if (p->kind != MH_PAYLOAD_KEY || p->alg != MH_ALG_AES256)
		return -EKEYREJECTED;
	return mh_payload_use(p, op == MH_AEAD_SEAL ? MH_OP_ENCRYPT : MH_OP_DECRYPT);
}

/* Output length for in_len bytes, or -EINVAL, -EBADMSG too short to have a tag. */
static int mh_use_out_len(u32 op, u32 in_len, u32 plain_max)
{
	if (op == MH_AEAD_SEAL)
		return in_len > plain_max ? -EINVAL : in_len + MH_TAG_LEN;
	if (op != MH_AEAD_OPEN || in_len > plain_max + MH_TAG_LEN)
		return -EINVAL;
	return in_len < MH_TAG_LEN ? -EBADMSG : in_len - MH_TAG_LEN;
}

static int mh_aead_with(struct mh_aead_io *a, const struct mh_use_bufs *b)
{
	static const u8 nonce[MH_NONCE_LEN];
	u8 key[MH_KEY_LEN];
	struct mh_use u;
	int ret;

	ret = mh_use_begin(&u, a->serial, KEY_NEED_SEARCH);
	if (ret)
		return ret;
	ret = mh_use_aes(u.p, a->op);
	if (!ret)
		ret = mh_sub(MH_BUF(u.p->secret, u.p->len), MH_L("aead"),
			     MH_BUF(a->salt, sizeof(a->salt)), key, sizeof(key));
	if (!ret)
		ret = (a->op == MH_AEAD_SEAL ? mh_aead_seal_once : mh_aead_open_once)
			(key, nonce, MH_BUF(b->src, a->ad_len), b->src + a->ad_len, a->in_len,
			 b->dst);
	mh_use_end(&u);
	memzero_explicit(key, sizeof(key));
	return ret;
}

int mh_use_aead(struct mh_aead_io *a)
{
	int ret = mh_use_out_len(a->op, a->in_len, MH_UAEAD_MAX);
	struct mh_use_bufs b = {};
	u32 room = a->out_len;

	if (ret < 0)
		return ret;
	if (a->ad_len > MH_AD_MAX)
		return -EINVAL;
	a->out_len = ret;
	if (room < a->out_len)
		return -ENOSPC;
	ret = mh_bufs_make(&b, a->ad, a->ad_len, a->in, a->in_len, a->out_len);
	if (ret)
		return ret;
	if (a->op == MH_AEAD_SEAL)
		ret = mh_random(a->salt, sizeof(a->salt));
	if (!ret)
		ret = mh_aead_with(a, &b);
	if (!ret && copy_to_user(u64_to_user_ptr(a->out), b.dst, a->out_len))
		ret = -EFAULT;
	mh_bufs_free(&b);
	return ret;
}

/* ---- STREAM: a use is counted at its beginning, lease and permissions at each chunk ---- */

int mh_use_stream_begin(struct mh_stream_place *s, struct mh_stream_io *a)
{
	struct mh_use u;
	int ret;

	memset(s, 0, sizeof(*s));
	if (a->last || a->in || a->out || a->in_len || a->out_len)
		return -EINVAL;
	if (a->op != MH_AEAD_SEAL && a->op != MH_AEAD_OPEN)
		return -EINVAL;
	if (a->op == MH_AEAD_SEAL) {
		ret = mh_random(a->salt, sizeof(a->salt));
		if (ret)
			return ret;
	}
	ret = mh_use_begin(&u, a->serial, KEY_NEED_SEARCH);
	if (ret)
		return ret;
	ret = mh_use_aes(u.p, a->op);
	if (!ret) {
		s->serial = a->serial;
		s->seq = u.p->seq;
		s->op = a->op;
		memcpy(s->salt, a->salt, sizeof(s->salt));
	}
	mh_use_end(&u);
	return ret;
}

/* One chunk: the stream is set up, put at its place and taken down again under key->sem. */
static int mh_stream_with(const struct mh_stream_place *s, const struct mh_stream_io *a,
			  const struct mh_use_bufs *b)
{
	struct mh_stream stream;
	struct mh_use u;
	int ret;

	ret = mh_use_begin(&u, s->serial, KEY_NEED_SEARCH);
	if (ret)
		return ret;
	ret = -EKEYREJECTED;
	if (u.p->seq == s->seq)
		ret = mh_stream_begin_file(&stream, u.p->secret, s->salt);
	if (!ret) {
		stream.counter = s->chunk;
		if (s->op == MH_AEAD_SEAL)
			ret = mh_stream_seal(&stream, a->last, b->src, a->in_len, b->dst);
		else
			ret = mh_stream_open(&stream, a->last, b->src, a->in_len, b->dst);
		mh_stream_end(&stream);
	}
	mh_use_end(&u);
	return ret;
}

int mh_use_stream(struct mh_stream_place *s, struct mh_stream_io *a)
{
	struct mh_use_bufs b = {};
	u32 room = a->out_len;
	int ret;

	BUILD_BUG_ON(MH_UCHUNK != MH_STREAM_CHUNK);
	if (a->serial || a->op || a->last > 1 || memchr_inv(a->salt, 0, sizeof(a->salt)))
		return -EINVAL;
	if (!s->serial)
		return -ENOKEY;		/* none begun, or it has ended */
	ret = mh_use_out_len(s->op, a->in_len, MH_UCHUNK);
	if (ret < 0)
		return ret;
	if (!a->last && (s->op == MH_AEAD_SEAL ? a->in_len : ret) != MH_UCHUNK)
		return -EINVAL;
	if (s->op == MH_AEAD_SEAL && s->chunk && !a->in_len)
		return -EINVAL;		/* only an empty file ends in an empty chunk */
	a->out_len = ret;
	if (room < a->out_len)
		return -ENOSPC;
	ret = mh_bufs_make(&b, 0, 0, a->in, a->in_len, a->out_len);
	if (ret)
		return ret;
	ret = mh_stream_with(s, a, &b);
	/* before the output is out: a nonce is used once, whatever happens to the copy */
	if (ret || a->last)
		memset(s, 0, sizeof(*s));
	else
		s->chunk++;
	if (!ret && copy_to_user(u64_to_user_ptr(a->out), b.dst, a->out_len)) {
		memset(s, 0, sizeof(*s));
		ret = -EFAULT;
	}
	mh_bufs_free(&b);
	return ret;
}

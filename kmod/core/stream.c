// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015) over AES-256-GCM; see stream.h. */
#include "stream.h"

static int begin(struct mh_stream *s, const u8 *k, struct mh_buf label, const u8 *ctx)
{
	u8 key[MH_KEY_LEN];
	int ret;

	memset(s, 0, sizeof(*s));
	ret = mh_sub(MH_BUF(k, MH_KEY_LEN), label, MH_BUF(ctx, MH_HASH_LEN), key, sizeof(key));
	if (!ret)
		ret = mh_aead_create(&s->aead, key);
	mh_wipe(key, sizeof(key));
	if (ret)
		s->aead = NULL;
	return ret;
}

int mh_stream_begin(struct mh_stream *s, const u8 ke[MH_KEY_LEN], const u8 icx[MH_HASH_LEN])
{
	return begin(s, ke, MH_L("stream"), icx);
}

int mh_stream_begin_file(struct mh_stream *s, const u8 k[MH_KEY_LEN], const u8 salt[MH_HASH_LEN])
{
	return begin(s, k, MH_L("file"), salt);
}

static void nonce_of(const struct mh_stream *s, bool last, u8 nonce[MH_NONCE_LEN])
{
	memset(nonce, 0, 3);
	mh_put64(nonce + 3, s->counter);
	nonce[11] = last;
}

/* A chunk of this many bytes of plaintext may come now. */
static bool length_ok(const struct mh_stream *s, bool last, size_t n)
{
	if (s->done || !s->aead)
		return false;
	if (!last)
		return n == MH_STREAM_CHUNK;
	return n <= MH_STREAM_CHUNK && (n || !s->counter);
}

int mh_stream_seal(struct mh_stream *s, bool last, const u8 *in, size_t n, u8 *out)
{
	u8 nonce[MH_NONCE_LEN];
	int ret;

	if (!length_ok(s, last, n))
		return -EINVAL;
	nonce_of(s, last, nonce);
	ret = mh_aead_seal(s->aead, nonce, MH_BUF(NULL, 0), in, n, out);
	s->counter++;
	s->done = last || ret;
	return ret;
}

int mh_stream_open(struct mh_stream *s, bool last, const u8 *in, size_t n, u8 *out)
{
	u8 nonce[MH_NONCE_LEN];
	int ret = -EBADMSG;

	if (n >= MH_TAG_LEN && length_ok(s, last, n - MH_TAG_LEN)) {
		nonce_of(s, last, nonce);
		ret = mh_aead_open(s->aead, nonce, MH_BUF(NULL, 0), in, n, out);
	}
	s->counter++;
	s->done = last || ret;
	return ret;
}

void mh_stream_end(struct mh_stream *s)
{
	mh_aead_destroy(s->aead);
	s->aead = NULL;
	s->done = true;
}

u64 __init mh_stream_size(u64 plain)
{
	u64 chunks = plain ? (plain - 1) / MH_STREAM_CHUNK + 1 : 1;

	return plain + chunks * MH_TAG_LEN;
}

int mh_stream_plain_size(u64 sealed, u64 *plain)
{
	u64 full = sealed / MH_STREAM_CHUNK_SEALED, rest = sealed % MH_STREAM_CHUNK_SEALED;

	/* a rest of only a tag is empty Data's, and nothing else's */
	if (rest ? rest < MH_TAG_LEN || (rest == MH_TAG_LEN && full) : !full)
		return -EBADMSG;
	*plain = full * MH_STREAM_CHUNK + (rest ? rest - MH_TAG_LEN : 0);
	return 0;
}

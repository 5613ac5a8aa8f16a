/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Encrypted Data (PROTOCOL 4): STREAM over AES-256-GCM chunks.  Nonce = 11-byte
 * counter || 1 if last else 0; every chunk but the last holds 16,384 bytes; an
 * empty last chunk is right only for empty Data.
 */
#ifndef MH_CORE_STREAM_H
#define MH_CORE_STREAM_H

#include "crypto.h"

#define MH_STREAM_CHUNK		16384
#define MH_STREAM_CHUNK_SEALED	(MH_STREAM_CHUNK + MH_TAG_LEN)

struct mh_stream {
	struct mh_aead *aead;
	u64 counter;
	bool done;	/* the last chunk has passed, or a step failed */
};

/* key = SUB(Ke, "stream", icx) */
int mh_stream_begin(struct mh_stream *s, const u8 ke[MH_KEY_LEN], const u8 icx[MH_HASH_LEN]);
/* key = SUB(K, "file", salt): files of microhsm seal */
int mh_stream_begin_file(struct mh_stream *s, const u8 k[MH_KEY_LEN], const u8 salt[MH_HASH_LEN]);
/* out: n + 16.  -EINVAL for a length that is no chunk's */
int mh_stream_seal(struct mh_stream *s, bool last, const u8 *in, size_t n, u8 *out);
/* n counts the tag; -EBADMSG ends the stream */
int mh_stream_open(struct mh_stream *s, bool last, const u8 *in, size_t n, u8 *out);
void mh_stream_end(struct mh_stream *s);	/* again is fine */

/* Length of the Encrypted Data of n bytes; and back: -EBADMSG when no plaintext has that length. */
u64 mh_stream_size(u64 plain);
int mh_stream_plain_size(u64 sealed, u64 *plain);

#endif

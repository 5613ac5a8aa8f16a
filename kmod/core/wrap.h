/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Wraps (PROTOCOL 4): a 32-byte key under another, and chains of them.
 *
 *	wrap = u8 kind || kid(K) 32 || kid(Kw) 32 || (enc | salt) 32 || ct 48
 *
 * Neither GCM nor HPKE commits to its key; kid does.  So after each unwrap
 * kid(K) is computed again with its context and compared in constant time.
 */
#ifndef MH_CORE_WRAP_H
#define MH_CORE_WRAP_H

#include "crypto.h"

#define MH_WRAP_LEN	145
#define MH_WRAP_CHAIN	8

enum mh_wrap_kind { MH_WRAP_HPKE = 1, MH_WRAP_SECRET = 2, MH_WRAP_NONE = 3 };

/* A key that opens wraps: an X25519 pair (private and public part) or a secret; and its context. */
struct mh_wrap_key {
	bool pair;
	u8 key[MH_KEY_LEN];
	u8 pub[MH_KEY_LEN];	/* of a pair */
	u8 ctx[MH_HASH_LEN];
};

/* kctx, wctx: contexts of K and of the wrapping key.  eph, salt: for vectors, else NULL. */
int mh_wrap_seal_hpke(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx,
		      const u8 pk_w[MH_KEY_LEN], struct mh_buf wctx, const u8 *eph);
int mh_wrap_seal_secret(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx,
			const u8 kw[MH_KEY_LEN], struct mh_buf wctx, const u8 *salt);
int mh_wrap_seal_none(u8 out[MH_WRAP_LEN], const u8 k[MH_KEY_LEN], struct mh_buf kctx);
/* Kind known, length exact, unused bytes zero. -EBADMSG */
int mh_wrap_check(struct mh_buf wrap);
static inline const u8 *mh_wrap_kid(const u8 *wrap)
{
	return wrap + 1;
}

static inline const u8 *mh_wrap_kid_w(const u8 *wrap)
{
	return wrap + 33;
}

/* kid of a wrap key: of its public part, if a pair */
int mh_wrap_key_kid(const struct mh_wrap_key *w, u8 kid[MH_HASH_LEN]);
/*
 * Open one wrap whose kid(Kw) is w's; kind none needs w NULL.  kctx is the context of
 * what is inside.  -EBADMSG for whatever is wrong.
 */
int mh_wrap_open(const u8 wrap[MH_WRAP_LEN], const struct mh_wrap_key *w, struct mh_buf kctx,
		 u8 k[MH_KEY_LEN]);
/*
 * A chain of n wraps, first to be opened first; ctx[i] is the context of what wrap i holds; every
 * link between is a secret (Kgc).  The last must be want_kid's key.
 */
int mh_wrap_chain_open(const u8 (*wrap)[MH_WRAP_LEN], unsigned int n,
		       const struct mh_wrap_key *mine, const u8 (*ctx)[MH_HASH_LEN],
		       const u8 want_kid[MH_HASH_LEN], u8 k[MH_KEY_LEN]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * HPKE, RFC 9180, base mode, one message: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM, and no other.
 */
#ifndef MH_CORE_HPKE_H
#define MH_CORE_HPKE_H

#include "crypto.h"

#define MH_HPKE_ENC_LEN 32

/* eph: the ephemeral private key, for vectors only; NULL makes one.  ct: n + 16 bytes. */
int mh_hpke_seal(const u8 pk_r[MH_KEY_LEN], const struct mh_buf *info, unsigned int infos,
		 struct mh_buf aad, const u8 *pt, size_t n, const u8 *eph, u8 enc[MH_HPKE_ENC_LEN],
		 u8 *ct);
/* n counts the tag; -EBADMSG or -EKEYREJECTED (an enc of low order) */
int mh_hpke_open(const u8 sk_r[MH_KEY_LEN], const u8 enc[MH_HPKE_ENC_LEN],
		 const struct mh_buf *info, unsigned int infos, struct mh_buf aad, const u8 *ct,
		 size_t n, u8 *pt);

#endif

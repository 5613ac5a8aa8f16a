/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel home's own additions to core/crypto.h: setup, and signing without a hedge for vectors.
 */
#ifndef MH_CRYPTO_H
#define MH_CRYPTO_H

#include "core/crypto.h"

/*
 * Finds out, by a known answer, which order of digits this kernel's ecc helpers take. -ENODEV
 * neither.
 */
int mh_p256_init(void);
/* RFC 6979 as it stands, for its vectors */
int mh_p256_sign_plain(const u8 priv[MH_KEY_LEN], const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN]);
/* Known answers of every primitive; -ELIBBAD, having said which is wrong */
int mh_selftest(void);

#endif

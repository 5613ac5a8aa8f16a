/* SPDX-License-Identifier: MIT */
/*
 * Officers' keys: P-256, PKCS#8 in PEM, encrypted under a passphrase; or on a token, by a pkcs11:
 * URI in place of the path and the PIN in place of the passphrase.  The private key stays inside
 * libcrypto, or on the token; only signatures come out.
 */
#ifndef MH_LIB_OFFICER_H
#define MH_LIB_OFFICER_H

#include "core/crypto.h"

struct mh_officer;

/*
 * Make a key and write it, mode 0600; refuses to overwrite (-EEXIST). An empty passphrase:
 * -EINVAL.  On a token: what mh_token_create() gives.
 */
int mh_officer_create(const char *path, const char *passphrase, u8 pub[MH_P256_PUB_LEN]);
/* -EKEYREJECTED wrong passphrase, -EBADMSG not such a key; on a token: as mh_token_open() */
int mh_officer_open(struct mh_officer **o, const char *path, const char *passphrase);
void mh_officer_close(struct mh_officer *o);
const u8 *mh_officer_public(const struct mh_officer *o);
int mh_officer_sign(struct mh_officer *o, const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN]);
/* Of H(L("officer fingerprint") || public key) */
void mh_officer_fingerprint(const u8 pub[MH_P256_PUB_LEN], char *out);

#endif

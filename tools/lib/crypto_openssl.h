/* SPDX-License-Identifier: MIT */
/* libcrypto's errors, for those who call it beside core/crypto.h. */
#ifndef MH_LIB_CRYPTO_OPENSSL_H
#define MH_LIB_CRYPTO_OPENSSL_H

/* Why it failed: -ENOMEM when memory was out, else what it means; its errors are forgotten. */
int mh_ssl_error(int meaning);

#endif

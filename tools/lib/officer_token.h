/* SPDX-License-Identifier: MIT */
/*
 * Officers' keys on tokens, by PKCS#11.  The private key stays there; what is here is a session
 * that the PIN has opened.
 */
#ifndef MH_LIB_OFFICER_TOKEN_H
#define MH_LIB_OFFICER_TOKEN_H

#include <openssl/evp.h>

#include "officer_uri.h"

struct mh_token;

/*
 * The one key that the URI means; *key is the token's, and goes with it.
 *
 *	-EINVAL		not a URI that is taken here
 *	-ELIBACC	the module cannot be loaded
 *	-ENODEV		no such token
 *	-ENOKEY		no such key on it
 *	-ENOTUNIQ	two tokens, or two keys, are meant
 *	-EKEYREJECTED	wrong PIN
 *	-EPERM		the PIN is locked, or not set
 *	-EBADMSG	not a P-256 key
 *	-EIO		anything else
 *
 * mh_token_why() says more.  A PIN is tried once: tokens count.
 */
int mh_token_open(struct mh_token **t, const char *uri, const char *pin, EVP_PKEY **key);
/* Makes the key on the token first; -EEXIST: there is one of that object or id */
int mh_token_create(struct mh_token **t, const char *uri, const char *pin, EVP_PKEY **key);
void mh_token_close(struct mh_token *t);
/* Of the last that failed, for people; never the URI, which may hold what was not to be shown */
const char *mh_token_why(void);

#endif

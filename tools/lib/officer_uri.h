/* SPDX-License-Identifier: MIT */
/* What a pkcs11: URI (RFC 7512) says of an officer's key: which token, which key on it. */
#ifndef MH_LIB_OFFICER_URI_H
#define MH_LIB_OFFICER_URI_H

#include "core/home.h"

struct mh_token_uri {
	/* empty: any */
	char token[33], manufacturer[33], model[17], serial[17], object[129];
	u8 id[64];
	size_t id_len;		/* 0: any */
	char module[256];	/* ?module-path=; empty: none */
};

bool mh_token_is_uri(const char *path);
/*
 * 0, or -EINVAL, and *why for people.  A URI with a PIN in it is refused, so that nobody is taught
 * to put one where every list of processes shows it.
 */
int mh_token_uri_parse(struct mh_token_uri *u, const char *text, const char **why);

#endif

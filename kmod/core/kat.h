/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Known answers of every primitive and of what the core builds on them: the
 * same table at the module's load and in the unit tests.
 */
#ifndef MH_CORE_KAT_H
#define MH_CORE_KAT_H

#include "crypto.h"

enum mh_kat_kind {
	MH_KAT_SHA256, /* message, digest */
	MH_KAT_HKDF, /* ikm, salt, info, prk, okm */
	MH_KAT_X25519, /* scalar, u, result */
	MH_KAT_GCM, /* key, iv, aad, plaintext, ciphertext and tag */
	MH_KAT_P256, /* private, public, digest, signature */
	MH_KAT_HPKE, /* skR, pkR, skE, info, aad, plaintext, enc, ciphertext */
	MH_KAT_NOISE,	/* name, place of psk, psk, prologue, ei, er, 3 * two */
	MH_KAT_WRAP, /* Kw, its public part or none, its context, wrap, context, K */
	MH_KAT_STREAM, /* Ke, icx, one chunk, plaintext */
	MH_KAT_BLOB, /* c of the one seat, blob, content */
	__MH_KAT_KINDS
};

#define MH_KAT_FIELDS 12

struct mh_kat {
	const char *name;
	u8 kind;
	struct mh_buf f[MH_KAT_FIELDS];
};

/*
 * NULL, or the name of the first that is wrong; fault (may be NULL) is spoilt before it is
 * compared.
 */
const char *mh_kat_run(const char *fault, unsigned int *count);

#endif

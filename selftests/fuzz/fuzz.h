/* SPDX-License-Identifier: MIT */
/* What the targets share: what must hold, and randomness that is the same at every run. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/home.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) do { \
	if (!(x)) { \
		dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		abort(); \
	} \
} while (0)

static u64 fuzz_random;

static inline int fuzz_bytes(unsigned char *p, int n)
{
	while (n-- > 0) {
		fuzz_random ^= fuzz_random << 13;
		fuzz_random ^= fuzz_random >> 7;
		fuzz_random ^= fuzz_random << 17;
		*p++ = (u8)fuzz_random;
	}
	return 1;
}

static inline int fuzz_seeded(void)
{
	return 1;
}

/* libcrypto draws from a sequence that begins here, its ephemerals and nonces too */
static inline void fuzz_fix_random(u64 seed)
{
	static const RAND_METHOD fixed = { .bytes = fuzz_bytes, .pseudorand = fuzz_bytes,
					   .status = fuzz_seeded };

	fuzz_random = seed * 2 + 1;
	must(RAND_set_rand_method(&fixed) == 1);
}

#endif

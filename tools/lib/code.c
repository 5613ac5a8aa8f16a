// SPDX-License-Identifier: MIT
/* A join bundle's one-time code; see code.h. */
#include "code.h"

#include <ctype.h>

static const char digit[] = "abcdefghijklmnopqrstuvwxyz234567";

enum { CHARACTERS = MH_JOIN_CODE_LEN * 8 / 5, CHUNK = 5, CHUNK_CHARACTERS = 8 };

void mh_code_text(const u8 code[MH_JOIN_CODE_LEN], char out[MH_CODE_TEXT])
{
	mh_base32(code, CHARACTERS, out);
}

int mh_code_read(const char *typed, u8 code[MH_JOIN_CODE_LEN])
{
	unsigned int n = 0;
	u64 bits = 0;

	for (const char *p = typed; *p; p++) {
		const char *at = isspace((unsigned char)*p) || *p == '-' ? NULL :
				 strchr(digit, tolower((unsigned char)*p));

		if (isspace((unsigned char)*p) || *p == '-')
			continue;
		if (!at || n == CHARACTERS)
			return -EINVAL;
		bits = bits << 5 | (u64)(at - digit);
		if (++n % CHUNK_CHARACTERS)
			continue;
		code += CHUNK;
		code[-CHUNK] = (u8)(bits >> 32);
		mh_put32(code - CHUNK + 1, (u32)bits);
	}
	return n == CHARACTERS ? 0 : -EINVAL;
}

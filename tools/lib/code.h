/* SPDX-License-Identifier: MIT */
/*
 * The one-time code of a join bundle as people carry it: 160 bits, 32 letters and digits of base32
 * (RFC 4648, small) in fours.
 */
#ifndef MH_LIB_CODE_H
#define MH_LIB_CODE_H

#include "core/messages.h"

#define MH_CODE_TEXT	40	/* 8 * 4 characters, 7 dashes, NUL */

void mh_code_text(const u8 code[MH_JOIN_CODE_LEN], char out[MH_CODE_TEXT]);
/* Case, spaces and dashes do not matter; -EINVAL it is no code */
int mh_code_read(const char *typed, u8 code[MH_JOIN_CODE_LEN]);

#endif

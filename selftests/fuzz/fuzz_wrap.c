// SPDX-License-Identifier: MIT
/*
 * A chain of wraps whose server is the input: a script of four-byte steps that
 * put good links in other places, alter and forge them.  Whoever writes it holds
 * each key but Kec.  What opens is the key that was wanted, or nothing.
 *
 *	u8 links, then steps: u8 what, u8 where, u8 and u8 arguments
 */
#include "core/wrap.h"
#include "fuzz.h"

#define LINKS 10

static u8 made[LINKS][MH_WRAP_LEN], keys[LINKS][32], ctxs[LINKS][32];
static u8 wraps[LINKS][MH_WRAP_LEN], ctx[LINKS][32];
static struct mh_wrap_key kec = { .pair = true };
static bool ready;

static void make(void)
{
	static u8 random[32];

	memset(kec.key, 0x42, 32);
	memset(kec.ctx, 0x24, 32);
	must(!mh_x25519_public(kec.pub, kec.key));
	for (unsigned int i = 0; i < LINKS; i++) {
		memset(keys[i], (int)(i + 1), 32);
		memset(ctxs[i], (int)(0x80 + i), 32);
		memset(random, (int)(0x40 + i), 32);
		if (i)
			must(!mh_wrap_seal_secret(made[i], keys[i], MH_BUF(ctxs[i], 32),
						  keys[i - 1], MH_BUF(ctxs[i - 1], 32), random));
		else
			must(!mh_wrap_seal_hpke(made[i], keys[i], MH_BUF(ctxs[i], 32), kec.pub,
						MH_BUF(kec.ctx, 32), random));
	}
	ready = true;
}

static void step(const u8 s[4])
{
	const unsigned int at = s[1] % LINKS, a = s[2] % LINKS, b = s[3] % LINKS;
	u8 random[32] = { s[2], s[3] };

	switch (s[0] % 6) {
	case 0:		/* another link, with its context */
		memcpy(wraps[at], made[a], MH_WRAP_LEN);
		memcpy(ctx[at], ctxs[a], 32);
		break;
	case 1:
		wraps[at][s[2] % MH_WRAP_LEN] ^= (u8)(1 << (s[3] & 7));
		break;
	case 2:		/* any key under any other */
		must(!mh_wrap_seal_secret(wraps[at], keys[a], MH_BUF(ctxs[a], 32), keys[b],
					  MH_BUF(ctxs[b], 32), random));
		memcpy(ctx[at], ctxs[a], 32);
		break;
	case 3:		/* or in the clear */
		must(!mh_wrap_seal_none(wraps[at], keys[a], MH_BUF(ctxs[a], 32)));
		memcpy(ctx[at], ctxs[a], 32);
		break;
	case 4:		/* a label that lies */
		memcpy(wraps[at] + (s[3] & 1 ? 1 : 33), made[a] + 1, 32);
		break;
	case 5:		/* or under Kec, for everybody who has its public part */
		must(!mh_wrap_seal_hpke(wraps[at], keys[a], MH_BUF(ctxs[a], 32), kec.pub,
					MH_BUF(kec.ctx, 32), random));
		memcpy(ctx[at], ctxs[a], 32);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 zero[32];
	unsigned int n, last;
	u8 k[32], kid[32];
	int ret;

	if (!ready)
		make();
	if (!size || size > 1 + 4 * 24)
		return 0;
	n = data[0] % (LINKS + 1);
	last = n ? n - 1 : 0;
	memcpy(wraps, made, sizeof(wraps));
	memcpy(ctx, ctxs, sizeof(ctx));
	for (size_t at = 1; at + 4 <= size; at += 4)
		step(data + at);
	must(!mh_kid(MH_BUF(keys[last], 32), MH_BUF(ctxs[last], 32), kid));
	ret = mh_wrap_chain_open((const u8 (*)[MH_WRAP_LEN])wraps, n, &kec,
				 (const u8 (*)[32])ctx, kid, k);
	must(!ret || ret == -EBADMSG);
	must(!memcmp(k, ret ? zero : keys[last], 32));
	must(ret || (n && n <= MH_WRAP_CHAIN));
	if (size == 1)
		must(!ret == (n && n <= MH_WRAP_CHAIN));
	return 0;
}

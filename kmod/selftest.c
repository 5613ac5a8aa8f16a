// SPDX-License-Identifier: GPL-2.0-only
/* Known answers at load: a wrong one, and the module is not there. */
#include <linux/module.h>

#include "core/kat.h"
#include "crypto.h"

#ifdef MH_TEST_BUILD
static char *selftest_fault;
module_param(selftest_fault, charp, 0);
MODULE_PARM_DESC(selftest_fault, "test build only: the known answer to spoil");

static bool __init mh_is_fault(const char *name)
{
	return selftest_fault && !strcmp(selftest_fault, name);
}
#else
#define selftest_fault NULL
#define mh_is_fault(name) false
#endif

/* RFC 6979 A.2.5, "sample": signed without a hedge, which only this home can */
static bool __init mh_sign_is_right(void)
{
	static const u8 priv[32] = {
		0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21,
		0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8,
		0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
	};
	static const u8 r[8] = { 0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd };
	static const u8 s[8] = { 0xf7, 0xcb, 0x1c, 0x94, 0x2d, 0x65, 0x7c, 0x41 };
	const struct mh_buf sample = MH_BUF("sample", 6);
	u8 digest[MH_HASH_LEN], sig[MH_SIG_LEN];

	mh_sha256v(digest, &sample, 1);
	return !mh_p256_sign_plain(priv, digest, sig) && !memcmp(sig, r, sizeof(r)) &&
	       !memcmp(sig + 32, s, sizeof(s));
}

int __init mh_selftest(void)
{
	unsigned int count = 0;
	const char *wrong = mh_kat_run(selftest_fault, &count);

	if (!wrong && (!mh_sign_is_right() || mh_is_fault("rfc6979-sign")))
		wrong = "rfc6979-sign";
	if (wrong) {
		pr_err("microhsm: known answer %s is wrong: not loaded\n", wrong);
		return -ELIBBAD;
	}
	pr_info("microhsm: %u known answers are right\n", count + 1);
	return 0;
}

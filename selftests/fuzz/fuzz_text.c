// SPDX-License-Identifier: MIT
/*
 * What people type and files say in text: numbers, durations, fingerprints, codes, names,
 * addresses; armoured files and officers' keys.
 *
 *	u8 which, then the text
 */
#include <ctype.h>
#include "core/statement.h"
#include "lib/code.h"
#include "lib/officer.h"
#include "lib/util.h"
#include "memfile.h"

static void numbers(const char *s)
{
	u64 v;

	if (!mh_number(s, 3, ~0ull - 3, &v)) {
		must(v >= 3 && v <= ~0ull - 3 && strspn(s, "0123456789") == strlen(s));
		must(v == strtoull(s, NULL, 10));
	}
	if (!mh_duration(s, 1000000, &v))
		must(v && v <= 1000000 && v >= strtoull(s, NULL, 10));
}

static void fingerprints(const char *s, const char *t)
{
	char packed[65], again[65], hex[65];
	u8 id[32];

	must(mh_fingerprint_same(s, t) == mh_fingerprint_same(t, s) && mh_fingerprint_same(s, s));
	if (!mh_region_form(s, packed)) {
		must(strlen(packed) == 20 || strlen(packed) == 64);
		must(!mh_region_form(packed, again) && !strcmp(packed, again));
		must(mh_fingerprint_same(s, packed));
	}
	memset(id, 1, sizeof(id));
	mh_region_is(s, MH_BUF(t, strlen(t)), id);
	if (!mh_unhex(id, 32, s)) {
		mh_hex(hex, id, 32);
		must(!strcasecmp(hex, s));
		must(mh_region_is(s, MH_BUF(t, strlen(t)), id));
	}
}

static void code(const char *s)
{
	u8 read[MH_JOIN_CODE_LEN], again[MH_JOIN_CODE_LEN];
	char text[MH_CODE_TEXT];

	if (mh_code_read(s, read))
		return;
	mh_code_text(read, text);
	must(!mh_code_read(text, again) && !memcmp(read, again, sizeof(read)));
	must(mh_fingerprint_same(text, text) && strlen(text) < sizeof(text));
}

static void names(const char *s)
{
	const size_t n = strlen(s);

	if (mh_name_ok(MH_BUF(s, n))) {
		must(n && n <= MH_NAME_MAX && strcmp(s, ".") && strcmp(s, ".."));
		must(strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n);
	}
}

static void armour(const u8 *p, size_t n)
{
	static const char *const labels[] = { "JOIN REQUEST", "JOIN BUNDLE", "SERVER CARD" };
	const char *path = memfile(p, n);
	struct mh_bytes out;

	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		if (mh_armour_read(path, labels[i], 512, &out))
			continue;
		must(out.n <= 512 && out.n <= n);
		mh_bytes_free(&out);
	}
	must(mh_file_read(path, n, &out) == 0 && out.n == n && !memcmp(out.p, p, n));
	mh_bytes_free(&out);
	must(!n || mh_file_read(path, n - 1, &out) == -EFBIG);
}

static void officer(const u8 *p, size_t n)
{
	struct mh_officer *o = NULL;
	int ret;

	/* how often a passphrase is stretched is the file's to say, and its owner's time */
	if (memmem(p, n, "ENCRYPTED", 9))
		return;
	ret = mh_officer_open(&o, memfile(p, n), "passphrase");
	must(!ret || ret == -EBADMSG || ret == -EKEYREJECTED);
	if (!ret)
		mh_officer_close(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char s[512], t[512];
	const u8 *zero;
	size_t n;

	if (!size || size > sizeof(s) + 1)
		return 0;
	/* the text, and what is after its first zero */
	zero = memchr(data + 1, 0, size - 1);
	n = zero ? (size_t)(zero - data - 1) : size - 1;
	snprintf(s, sizeof(s), "%.*s", (int)n, data + 1);
	snprintf(t, sizeof(t), "%.*s", zero ? (int)(size - n - 2) : 0, data + 1 + n + !!zero);
	switch (data[0] % 6) {
	case 0:
		numbers(s);
		break;
	case 1:
		fingerprints(s, t);
		break;
	case 2:
		code(s);
		break;
	case 3:
		names(s);
		break;
	case 4:
		armour(data + 1, size - 1);
		break;
	case 5:
		officer(data + 1, size - 1);
		break;
	}
	return 0;
}

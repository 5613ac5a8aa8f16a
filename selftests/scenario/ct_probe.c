// SPDX-License-Identifier: MIT
/*
 * Under valgrind's memcheck, with every secret marked as undefined: whatever branches or addresses
 * memory by a secret, or by what is made of one, is a use of an undefined value, which memcheck
 * reports.  Prints "NAME REPORTS RET" for each function; ones that are not constant-time come
 * last, and must be reported.
 *
 * What is public although it is made of secrets is marked as defined where it comes to be: the
 * verdict of the one comparison (--wrap=mh_ct_equal), ciphertexts, public keys, kids.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "core/blob.h"
#include "core/hpke.h"
#include "core/messages.h"
#include "core/stp.h"
#include "core/stream.h"
#include "core/wrap.h"

#define SECRET(x)	VALGRIND_MAKE_MEM_UNDEFINED(&(x), sizeof(x))
#define PUBLIC(x)	VALGRIND_MAKE_MEM_DEFINED(&(x), sizeof(x))

bool __real_mh_ct_equal(const void *a, const void *b, size_t n);
bool __wrap_mh_ct_equal(const void *a, const void *b, size_t n);

bool __wrap_mh_ct_equal(const void *a, const void *b, size_t n)
{
	bool same = __real_mh_ct_equal(a, b, n);

	PUBLIC(same);
	return same;
}

static u8 key[32], other[32], ctx[32], out[4096];

static void fill(u8 *p, size_t n, u8 first)
{
	while (n--)
		*p++ = first++;
}

static const struct mh_buf context = { .p = ctx, .n = sizeof(ctx) };

static int equal(void)
{
	u8 a[32], b[32];

	memcpy(a, key, sizeof(a));
	memcpy(b, key, sizeof(b));
	b[31] ^= 1;
	SECRET(a);
	SECRET(b);
	return mh_ct_equal(a, b, sizeof(a)) ? 1 : mh_ct_equal(a, a, sizeof(a)) ? 0 : 2;
}

static int kid(void)
{
	SECRET(key);
	return mh_kid(MH_BUF(key, 32), context, out);
}

static int hmac(void)
{
	const struct mh_buf v = MH_BUF(other, sizeof(other));

	SECRET(key);
	SECRET(other);
	return mh_hmac_sha256v(key, sizeof(key), &v, 1, out);
}

static int hkdf(void)
{
	SECRET(key);
	SECRET(other);
	return mh_hkdf(other, MH_BUF(key, 32), &context, 1, out, 80);
}

static int gcm(void)
{
	static const u8 nonce[MH_NONCE_LEN];
	u8 sealed[64 + MH_TAG_LEN];
	int ret;

	SECRET(key);
	SECRET(other);
	ret = mh_aead_seal_once(key, nonce, context, other, sizeof(other), sealed);
	PUBLIC(sealed);
	return ret ? ret : mh_aead_open_once(key, nonce, context, sealed, 32 + MH_TAG_LEN, out);
}

static int x25519(void)
{
	u8 pub[32];

	fill(pub, sizeof(pub), 9);
	SECRET(key);
	return mh_x25519(out, key, pub);
}

static int keys_of_a_session(void)
{
	u8 kpf[32], psk[32], kei_x[32];
	int ret;

	SECRET(key);
	SECRET(other);
	ret = mh_stp_kpf(MH_BUF(key, 32), ctx, kpf);
	if (!ret)
		ret = mh_stp_psk(kpf, other, ctx, psk);
	return ret ? ret : mh_stp_kei_x(other, ctx, kei_x);
}

/* A key of 32 secret bytes in a wrap of either kind; what is inside is as secret */
static int wrap(bool pair, bool wrong)
{
	struct mh_wrap_key w = { .pair = pair };
	u8 sealed[MH_WRAP_LEN], got[32];
	int ret;

	memcpy(w.key, key, sizeof(w.key));
	fill(w.ctx, sizeof(w.ctx), 0x30);
	if (pair && mh_x25519_public(w.pub, w.key))
		return 1;
	SECRET(w.key);
	SECRET(other);
	if (pair)
		ret = mh_wrap_seal_hpke(sealed, other, context, w.pub, MH_BUF(w.ctx, 32), NULL);
	else
		ret = mh_wrap_seal_secret(sealed, other, context, w.key, MH_BUF(w.ctx, 32), NULL);
	PUBLIC(sealed);
	sealed[1] ^= wrong;	/* of kid(K) */
	if (!ret)
		ret = mh_wrap_open(sealed, &w, context, got);
	return wrong ? ret != -EBADMSG : ret;
}

static int wrap_of_a_secret(void)
{
	return wrap(false, false);
}

static int wrap_of_a_pair(void)
{
	return wrap(true, false);
}

static int wrap_of_another_key(void)
{
	return wrap(false, true);
}

/* Com first, then what is inside; of the right Seat, or another */
static int blob(bool wrong)
{
	struct mh_blob_header h = { .seats = 1, .seat[0].type = 1 };
	u8 c[1][MH_HASH_LEN], seat[MH_HASH_LEN] = { 0 }, got[1024];
	int n;

	SECRET(key);
	SECRET(other);
	n = mh_blob_constant(1, MH_BUF(key, 32), c[0]);
	if (!n)
		n = mh_blob_seat(&h, (const u8 (*)[MH_HASH_LEN])c, seat);
	if (!n)
		n = mh_blob_seal(&h, seat, MH_BUF(other, 32), out, sizeof(out));
	PUBLIC(out);
	seat[0] ^= wrong;
	if (n > 0)
		n = mh_blob_open(seat, MH_BUF(out, (size_t)n), got);
	return wrong ? n != -EKEYREJECTED : n != 32;
}

static int blob_of_the_seat(void)
{
	return blob(false);
}

static int blob_of_another_seat(void)
{
	return blob(true);
}

static int stream(void)
{
	u8 sealed[100 + MH_TAG_LEN];
	struct mh_stream s;
	int ret;

	SECRET(key);
	ret = mh_stream_begin(&s, key, ctx);
	if (!ret)
		ret = mh_stream_seal(&s, true, ctx, sizeof(ctx), sealed);
	mh_stream_end(&s);
	PUBLIC(sealed);
	if (!ret)
		ret = mh_stream_begin(&s, key, ctx);
	if (!ret)
		ret = mh_stream_open(&s, true, sealed, sizeof(ctx) + MH_TAG_LEN, out);
	mh_stream_end(&s);
	return ret;
}

static int code_of_a_bundle(void)
{
	u8 plain[64], code[20], sealed[MH_JOIN_SEALED_MAX];
	struct mh_bundle b = { .request_hash = ctx };
	const struct mh_buf secret = MH_BUF(code, sizeof(code));
	int ret;

	memcpy(code, key, sizeof(code));
	SECRET(code);
	SECRET(plain);
	ret = mh_join_secrets_seal(&b, MH_ROUTE_CODE, secret, ctx, MH_BUF(plain, 64), NULL, sealed);
	PUBLIC(sealed);
	return ret ? ret : mh_join_secrets_open(&b, secret, ctx, out) != 64;
}

/* SP2 of an Entity that proves itself by a MAC; both ends' keys are secret, all frames are not */
static int handshake(void)
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE, .region = ctx };
	const struct mh_idi idi = { .name = MH_BUF("host1", 5) };
	static u8 frame[MH_FRAME_MAX], idr[MH_IDR_MAX];
	u8 digest[32], sig[64], pub[64], ksp2[32], psk[32], kei_x[32];
	struct mh_stp i, r;
	struct mh_p1 got;
	struct mh_idi who;
	size_t n;
	int ret;

	memcpy(psk, key, 32);
	memcpy(kei_x, other, 32);
	memcpy(ksp2, key, 32);
	ret = mh_p256_public(pub, ksp2);
	SECRET(psk);
	SECRET(kei_x);
	mh_stp_init(&i, true);
	mh_stp_init(&r, false);
	if (!ret)
		ret = mh_stp_hello(&i, &p1, NULL, frame, sizeof(frame));
	SECRET(i.e);
	if (ret > 0)
		ret = mh_stp_take_hello(&r, frame, (size_t)ret, &got);
	if (!ret)
		ret = mh_stp_challenge_begin(&r, MH_BUF("idr", 3), NULL, digest, frame,
					     sizeof(frame));
	SECRET(r.e);
	if (!ret)
		ret = mh_p256_sign(ksp2, digest, sig);
	if (!ret)
		ret = mh_stp_challenge_finish(&r, sig, frame, sizeof(frame));
	PUBLIC(frame);
	if (ret > 0)
		ret = mh_stp_challenge(&i, frame, (size_t)ret, idr, &n, sig);
	PUBLIC(i.h_auth);
	PUBLIC(sig);
	if (!ret)
		ret = mh_stp_prove_peer(&i, pub, sig);
	if (!ret)
		ret = mh_stp_auth_begin(&i, &idi, psk, digest, frame, sizeof(frame));
	if (!ret)
		ret = mh_stp_auth_mac(&i, kei_x, sig);
	if (!ret)
		ret = mh_stp_auth_finish(&i, sig, frame, sizeof(frame));
	PUBLIC(frame);
	n = (size_t)ret;
	if (ret > 0)
		ret = mh_stp_auth_open(&r, frame, n, &who);
	PUBLIC(r.idi);
	if (!ret)
		ret = mh_stp_auth_verify(&r, frame, n, psk, MH_KIND_SECRET, kei_x);
	mh_stp_end(&i);
	mh_stp_end(&r);
	return ret;
}

/* ---- not constant-time: the reports must come ---- */

static int by_memcmp(void)
{
	u8 a[32], b[32];

	memcpy(a, key, sizeof(a));
	memcpy(b, key, sizeof(b));
	SECRET(a);
	return memcmp(a, b, sizeof(a)) ? 1 : 0;
}

static int by_length(void)
{
	u8 at;

	SECRET(key);
	SECRET(out);
	at = key[0];
	return mh_hmac_sha256v(key, 1 + (at & 1), NULL, 0, out);
}

static const struct {
	const char *name;
	int (*run)(void);
} functions[] = {
	{ "equal", equal },
	{ "kid", kid },
	{ "hmac", hmac },
	{ "hkdf", hkdf },
	{ "gcm", gcm },
	{ "x25519", x25519 },
	{ "keys_of_a_session", keys_of_a_session },
	{ "wrap_of_a_secret", wrap_of_a_secret },
	{ "wrap_of_a_pair", wrap_of_a_pair },
	{ "wrap_of_another_key", wrap_of_another_key },
	{ "blob_of_the_seat", blob_of_the_seat },
	{ "blob_of_another_seat", blob_of_another_seat },
	{ "stream", stream },
	{ "code_of_a_bundle", code_of_a_bundle },
	{ "handshake", handshake },
	{ "by_memcmp", by_memcmp },
	{ "by_length", by_length },
};

int main(void)
{
	if (!RUNNING_ON_VALGRIND)
		return 2;
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		unsigned long before;
		int ret;

		PUBLIC(key);
		PUBLIC(other);
		PUBLIC(out);
		fill(key, sizeof(key), 0x21);
		fill(other, sizeof(other), 0x53);
		fill(ctx, sizeof(ctx), 0x77);
		before = VALGRIND_COUNT_ERRORS;
		ret = functions[i].run();
		PUBLIC(ret);
		printf("%s %lu %d\n", functions[i].name, VALGRIND_COUNT_ERRORS - before, ret);
		fflush(stdout);
	}
	return 0;
}

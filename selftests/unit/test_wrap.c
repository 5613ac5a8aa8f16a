// SPDX-License-Identifier: MIT
/* R13, R14: wraps and chains that open, and that must not (ATTACKS, Data). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gcm_two_keys.h"
#include "low_order.h"
#include "core/stream.h"
#include "core/wrap.h"
#include "core/vectors/wrap.h"

#define SEALED_LINKS 9

static const struct mh_wrap_vector *const hpke = &mh_wrap_vectors[0],
				   *const secret = &mh_wrap_vectors[1],
				   *const none = &mh_wrap_vectors[2];

static struct mh_wrap_key key_of(struct mh_buf kw, struct mh_buf pub, struct mh_buf ctx)
{
	struct mh_wrap_key w = { .pair = pub.n };

	memcpy(w.key, kw.p, 32);
	if (pub.n)
		memcpy(w.pub, pub.p, 32);
	memcpy(w.ctx, ctx.p, 32);
	return w;
}

static struct mh_wrap_key key_for(const struct mh_wrap_vector *v)
{
	return key_of(v->kw, v->kw_pub, v->wctx);
}

/* -EBADMSG leaves nothing of K. */
static int open_with(const u8 *wrap, const struct mh_wrap_key *w, struct mh_buf kctx, u8 k[32])
{
	static const u8 zero[32];
	int ret;

	memset(k, 0xee, 32);
	ret = mh_wrap_open(wrap, w, kctx, k);
	if (ret)
		assert_memory_equal(k, zero, 32);
	return ret;
}

static int open_vector(const struct mh_wrap_vector *v, const u8 *wrap, u8 k[32])
{
	const struct mh_wrap_key w = v->kw.n ? key_for(v) : (struct mh_wrap_key){ .pair = false };

	return open_with(wrap, v->kw.n ? &w : NULL, v->kctx, k);
}

static void r14_vectors(void **state)
{
	u8 wrap[MH_WRAP_LEN], k[32], kid[32];

	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_wrap_vectors), 3);
	assert_int_equal(mh_wrap_seal_hpke(wrap, hpke->k.p, hpke->kctx, hpke->kw_pub.p, hpke->wctx,
					   hpke->random.p), 0);
	assert_memory_equal(wrap, hpke->wrap.p, MH_WRAP_LEN);
	assert_int_equal(mh_wrap_seal_secret(wrap, secret->k.p, secret->kctx, secret->kw.p,
					     secret->wctx, secret->random.p), 0);
	assert_memory_equal(wrap, secret->wrap.p, MH_WRAP_LEN);
	assert_int_equal(mh_wrap_seal_none(wrap, none->k.p, none->kctx), 0);
	assert_memory_equal(wrap, none->wrap.p, MH_WRAP_LEN);
	for (size_t i = 0; i < 3; i++) {
		const struct mh_wrap_vector *v = &mh_wrap_vectors[i];

		assert_int_equal(v->wrap.n, MH_WRAP_LEN);
		assert_int_equal(mh_wrap_check(v->wrap), 0);
		assert_int_equal(open_vector(v, v->wrap.p, k), 0);
		assert_memory_equal(k, v->k.p, 32);
		assert_int_equal(mh_kid(v->k, v->kctx, kid), 0);
		assert_memory_equal(mh_wrap_kid(v->wrap.p), kid, 32);
	}
}

static void r14_every_byte_counts(void **state)
{
	u8 wrap[MH_WRAP_LEN], k[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memcpy(wrap, mh_wrap_vectors[i].wrap.p, MH_WRAP_LEN);
		for (size_t at = 0; at < MH_WRAP_LEN; at++) {
			for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
				wrap[at] ^= bit;
				assert_int_equal(open_vector(&mh_wrap_vectors[i], wrap, k),
						 -EBADMSG);
				wrap[at] ^= bit;
			}
		}
	}
}

static void r14_form(void **state)
{
	u8 wrap[MH_WRAP_LEN + 1] = { 0 };

	(void)state;
	for (size_t n = 0; n <= sizeof(wrap); n++) {
		memcpy(wrap, secret->wrap.p, MH_WRAP_LEN);
		assert_int_equal(mh_wrap_check(MH_BUF(wrap, n)), n == MH_WRAP_LEN ? 0 : -EBADMSG);
	}
	for (unsigned int kind = 0; kind < 256; kind++) {
		wrap[0] = (u8)kind;	/* not all zero where kind none has zeros */
		assert_int_equal(mh_wrap_check(MH_BUF(wrap, MH_WRAP_LEN)),
				 kind == MH_WRAP_HPKE || kind == MH_WRAP_SECRET ? 0 : -EBADMSG);
	}
	memcpy(wrap, none->wrap.p, MH_WRAP_LEN);
	for (size_t at = 0; at < MH_WRAP_LEN; at++) {
		const bool used = (at >= 1 && at < 33) || (at >= 97 && at < 129);

		wrap[at] ^= 0x80;
		assert_int_equal(mh_wrap_check(MH_BUF(wrap, MH_WRAP_LEN)), used ? 0 : -EBADMSG);
		wrap[at] ^= 0x80;
	}
}

static void r13_the_key_fits_the_kind(void **state)
{
	struct mh_wrap_key pair = key_for(hpke), kw = key_for(secret), w;
	u8 k[32];

	(void)state;
	assert_int_equal(open_with(hpke->wrap.p, NULL, hpke->kctx, k), -EBADMSG);
	assert_int_equal(open_with(secret->wrap.p, NULL, secret->kctx, k), -EBADMSG);
	assert_int_equal(open_with(none->wrap.p, &kw, none->kctx, k), -EBADMSG);
	assert_int_equal(open_with(none->wrap.p, &pair, none->kctx, k), -EBADMSG);
	w = (struct mh_wrap_key){ .pair = false };	/* even one whose kid were zeros */
	assert_int_equal(open_with(none->wrap.p, &w, none->kctx, k), -EBADMSG);
	w = pair;		/* a secret of the pair's public part */
	w.pair = false;
	memcpy(w.key, pair.pub, 32);
	assert_int_equal(open_with(hpke->wrap.p, &w, hpke->kctx, k), -EBADMSG);
	w = kw;			/* a pair whose public part is the secret */
	w.pair = true;
	memcpy(w.pub, kw.key, 32);
	assert_int_equal(open_with(secret->wrap.p, &w, secret->kctx, k), -EBADMSG);
	assert_int_equal(open_with(hpke->wrap.p, &kw, hpke->kctx, k), -EBADMSG);
	assert_int_equal(open_with(secret->wrap.p, &pair, secret->kctx, k), -EBADMSG);
}

static void r13_contexts_count(void **state)
{
	u8 k[32], ctx[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct mh_wrap_vector *v = &mh_wrap_vectors[i];
		struct mh_wrap_key w = { .pair = false };

		if (v->kw.n)
			w = key_for(v);
		memcpy(ctx, v->kctx.p, 32);
		ctx[31] ^= 1;
		assert_int_equal(open_with(v->wrap.p, v->kw.n ? &w : NULL, MH_BUF(ctx, 32), k),
				 -EBADMSG);
		w.ctx[0] ^= 1;
		if (v->kw.n)
			assert_int_equal(open_with(v->wrap.p, &w, v->kctx, k), -EBADMSG);
	}
}

/* Each seals afresh when nothing is given. */
static void r14_fresh(void **state)
{
	struct mh_wrap_key pair = key_for(hpke), kw = key_for(secret);
	u8 wrap[2][MH_WRAP_LEN], k[32];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(mh_wrap_seal_secret(wrap[i], secret->k.p, secret->kctx, kw.key,
						     secret->wctx, NULL), 0);
	assert_memory_not_equal(wrap[0] + 65, wrap[1] + 65, 32);
	assert_memory_not_equal(wrap[0] + 97, wrap[1] + 97, 48);
	assert_int_equal(open_with(wrap[1], &kw, secret->kctx, k), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mh_wrap_seal_hpke(wrap[i], hpke->k.p, hpke->kctx, pair.pub,
						   hpke->wctx, NULL), 0);
	assert_memory_not_equal(wrap[0] + 65, wrap[1] + 65, 32);
	assert_int_equal(open_with(wrap[1], &pair, hpke->kctx, k), 0);
}

static void r14_low_order_enc(void **state)
{
	struct mh_wrap_key w = key_for(hpke);
	u8 wrap[MH_WRAP_LEN], pub[32], k[32];

	(void)state;
	for (size_t i = 0; i < LOW_ORDER; i++) {
		memcpy(wrap, hpke->wrap.p, MH_WRAP_LEN);
		low_order(wrap + 65, i);
		assert_int_equal(open_with(wrap, &w, hpke->kctx, k), -EBADMSG);
		low_order(pub, i);
		assert_int_equal(mh_wrap_seal_hpke(wrap, hpke->k.p, hpke->kctx, pub, hpke->wctx,
						   NULL), -EKEYREJECTED);
	}
}

/* A wrap of kind secret that says kid and holds k */
static void lying(u8 wrap[MH_WRAP_LEN], const struct mh_wrap_key *w, const u8 kid[32],
		  const u8 k[32])
{
	static const u8 zero_nonce[12];
	struct mh_buf info[2] = { MH_L("wrap"), MH_BUF(wrap + 1, 64) }, ikm = MH_BUF(w->key, 32);
	u8 prk[32], key[32];

	memset(wrap, 0, MH_WRAP_LEN);
	wrap[0] = MH_WRAP_SECRET;
	memcpy(wrap + 1, kid, 32);
	assert_int_equal(mh_wrap_key_kid(w, wrap + 33), 0);
	assert_int_equal(mh_hkdf_extract(wrap + 65, 32, &ikm, 1, prk), 0);
	assert_int_equal(mh_hkdf_expand(prk, info, 2, key, 32), 0);
	assert_int_equal(mh_aead_seal_once(key, zero_nonce, MH_BUF(NULL, 0), k, 32, wrap + 97), 0);
}

/* GCM opens one chunk under two Ke; the manifest's kid names one, and the other is refused. */
static void r13_two_ke_that_open_one_chunk(void **state)
{
	const u8 nonce[12] = { [11] = 1 };
	struct mh_wrap_key w = key_for(secret);
	const u8 (*const ctx)[32] = (const u8 (*)[32])secret->kctx.p;
	u8 ke[2][32], key[2][32], kid[2][32], chunk[32], out[2][16], wrap[1][MH_WRAP_LEN], k[32];

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(ke[i], 0x11 * (i + 1), 32);
		assert_int_equal(mh_sub(MH_BUF(ke[i], 32), MH_L("stream"), secret->kctx, key[i],
					32), 0);
		assert_int_equal(mh_kid(MH_BUF(ke[i], 32), secret->kctx, kid[i]), 0);
	}
	gcm_two_keys(key[0], key[1], nonce, MH_BUF(NULL, 0), chunk);
	for (int i = 0; i < 2; i++) {
		struct mh_stream s;

		assert_int_equal(mh_stream_begin(&s, ke[i], secret->kctx.p), 0);
		assert_int_equal(mh_stream_open(&s, true, chunk, sizeof(chunk), out[i]), 0);
		mh_stream_end(&s);
	}
	assert_memory_not_equal(out[0], out[1], 16);
	lying(wrap[0], &w, kid[0], ke[0]);
	assert_int_equal(mh_wrap_chain_open(wrap, 1, &w, ctx, kid[0], k), 0);
	assert_memory_equal(k, ke[0], 32);
	lying(wrap[0], &w, kid[1], ke[1]);	/* honest, of the other */
	assert_int_equal(open_with(wrap[0], &w, secret->kctx, k), 0);
	assert_int_equal(mh_wrap_chain_open(wrap, 1, &w, ctx, kid[0], k), -EBADMSG);
	lying(wrap[0], &w, kid[0], ke[1]);	/* it says that it is the first */
	assert_int_equal(open_with(wrap[0], &w, secret->kctx, k), -EBADMSG);
	assert_int_equal(mh_wrap_chain_open(wrap, 1, &w, ctx, kid[0], k), -EBADMSG);
	mh_wrap_seal_none(wrap[0], ke[1], secret->kctx);	/* nor in the clear */
	memcpy(wrap[0] + 1, kid[0], 32);
	assert_int_equal(open_with(wrap[0], NULL, secret->kctx, k), -EBADMSG);
}

/* ---- chains ---- */

static u8 links[SEALED_LINKS][MH_WRAP_LEN], ctxs[SEALED_LINKS][32], keys[SEALED_LINKS][32];
static u8 want[32];
static struct mh_wrap_key kec;

/* keys[i] under keys[i - 1], the first under Kec, which is a pair's or a secret */
static void chain(unsigned int n, bool pair)
{
	kec = pair ? key_for(hpke) : key_for(secret);
	for (unsigned int i = 0; i < n; i++) {
		const struct mh_buf wctx = MH_BUF(i ? ctxs[i - 1] : kec.ctx, 32);

		memset(keys[i], (int)(0x30 + i), 32);
		memset(ctxs[i], (int)(0x60 + i), 32);
		if (!i && pair)
			assert_int_equal(mh_wrap_seal_hpke(links[0], keys[0], MH_BUF(ctxs[0], 32),
							   kec.pub, wctx, NULL), 0);
		else
			assert_int_equal(mh_wrap_seal_secret(links[i], keys[i],
							     MH_BUF(ctxs[i], 32),
							     i ? keys[i - 1] : kec.key, wctx,
							     NULL), 0);
	}
	memcpy(want, mh_wrap_kid(links[n - 1]), 32);
}

static int open_chain(unsigned int n, u8 k[32])
{
	static const u8 zero[32];
	int ret;

	memset(k, 0xee, 32);
	ret = mh_wrap_chain_open((const u8 (*)[MH_WRAP_LEN])links, n, &kec,
				 (const u8 (*)[32])ctxs, want, k);
	if (ret)
		assert_memory_equal(k, zero, 32);
	return ret;
}

static void r13_chain_vectors(void **state)
{
	u8 k[32];

	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_chain_vectors), 3);
	for (size_t i = 0; i < ARRAY_SIZE(mh_chain_vectors); i++) {
		const struct mh_chain_vector *v = &mh_chain_vectors[i];
		const unsigned int n = (unsigned int)(v->wraps.n / MH_WRAP_LEN);

		assert_int_equal(v->ctx.n, n * 32);
		kec = key_of(v->kec, v->kec_pub, v->ecx);
		memcpy(links, v->wraps.p, v->wraps.n);
		memcpy(ctxs, v->ctx.p, v->ctx.n);
		assert_int_equal(mh_kid(v->k, MH_BUF(ctxs[n - 1], 32), want), 0);
		assert_int_equal(open_chain(n, k), 0);
		assert_memory_equal(k, v->k.p, 32);
	}
}

static void r13_how_long(void **state)
{
	u8 k[32];

	(void)state;
	for (unsigned int pair = 0; pair < 2; pair++) {
		for (unsigned int n = 1; n <= 8; n++) {
			chain(n, pair);
			assert_int_equal(open_chain(n, k), 0);
			assert_memory_equal(k, keys[n - 1], 32);
		}
		chain(9, pair);	/* each link is good */
		assert_int_equal(open_chain(9, k), -EBADMSG);
		assert_int_equal(open_chain(0, k), -EBADMSG);
	}
}

static void r13_links(void **state)
{
	u8 k[32], saved[MH_WRAP_LEN];

	(void)state;
	for (unsigned int at = 0; at < 4; at++) {
		chain(4, true);		/* one left out */
		memmove(links[at], links[at + 1], (3 - at) * MH_WRAP_LEN);
		memmove(ctxs[at], ctxs[at + 1], (3 - at) * 32);
		assert_int_equal(open_chain(3, k), -EBADMSG);
		chain(4, true);		/* one of another chain, that ends alike */
		memset(saved, 0x77, 32);
		assert_int_equal(mh_wrap_seal_secret(links[at], keys[at], MH_BUF(ctxs[at], 32),
						     saved, MH_BUF(saved, 32), NULL), 0);
		assert_int_equal(open_chain(4, k), -EBADMSG);
		chain(4, true);		/* spoilt within */
		links[at][144] ^= 1;
		assert_int_equal(open_chain(4, k), -EBADMSG);
		chain(4, true);		/* another context */
		ctxs[at][0] ^= 1;
		assert_int_equal(open_chain(4, k), -EBADMSG);
	}
	for (unsigned int at = 0; at < 3; at++) {
		chain(4, true);		/* two in the other order */
		memcpy(saved, links[at], MH_WRAP_LEN);
		memcpy(links[at], links[at + 1], MH_WRAP_LEN);
		memcpy(links[at + 1], saved, MH_WRAP_LEN);
		assert_int_equal(open_chain(4, k), -EBADMSG);
		chain(4, true);		/* not to its end */
		assert_int_equal(open_chain(at + 1, k), -EBADMSG);
	}
}

static void r13_begins_at_anothers(void **state)
{
	u8 k[32];

	(void)state;
	for (unsigned int pair = 0; pair < 2; pair++) {
		chain(3, pair);
		kec.key[5] ^= 1;
		if (pair)
			assert_int_equal(mh_x25519_public(kec.pub, kec.key), 0);
		assert_int_equal(open_chain(3, k), -EBADMSG);
		chain(3, pair);		/* the key is right, the Entity another */
		kec.ctx[5] ^= 1;
		assert_int_equal(open_chain(3, k), -EBADMSG);
		chain(3, pair);		/* it begins in the middle */
		memcpy(links[0], links[1], MH_WRAP_LEN);
		memcpy(ctxs[0], ctxs[1], 32);
		assert_int_equal(open_chain(1, k), -EBADMSG);
	}
}

/* keys[i] at place `to` again: under keys[to - 1] the key of place `from`, or Kec itself */
static void lead_back(unsigned int to, int from)
{
	const u8 *key = from < 0 ? kec.key : keys[from], *ctx = from < 0 ? kec.ctx : ctxs[from];

	memcpy(keys[to], key, 32);
	memcpy(ctxs[to], ctx, 32);
	assert_int_equal(mh_wrap_seal_secret(links[to], key, MH_BUF(ctx, 32), keys[to - 1],
					     MH_BUF(ctxs[to - 1], 32), NULL), 0);
}

/* Every link of them opens, and each leads to the next. */
static void r13_loops(void **state)
{
	u8 k[32];

	(void)state;
	for (int from = -1; from < 2; from++) {
		chain(6, false);
		lead_back(3, from);
		for (unsigned int i = 4; i < 6; i++)
			assert_int_equal(mh_wrap_seal_secret(links[i], keys[i],
							     MH_BUF(ctxs[i], 32), keys[i - 1],
							     MH_BUF(ctxs[i - 1], 32), NULL), 0);
		assert_memory_equal(mh_wrap_kid_w(links[4]), mh_wrap_kid(links[3]), 32);
		assert_int_equal(open_chain(6, k), -EBADMSG);
	}
	chain(3, false);	/* a key under itself, at the end */
	lead_back(2, 1);
	memcpy(want, mh_wrap_kid(links[2]), 32);
	assert_int_equal(open_chain(3, k), -EBADMSG);
	chain(1, false);	/* Kec under itself */
	memcpy(ctxs[0], kec.ctx, 32);
	assert_int_equal(mh_wrap_seal_secret(links[0], kec.key, MH_BUF(kec.ctx, 32), kec.key,
					     MH_BUF(kec.ctx, 32), NULL), 0);
	memcpy(want, mh_wrap_kid(links[0]), 32);
	assert_int_equal(open_chain(1, k), -EBADMSG);
}

/* Between are secrets: a pair, or a key in the clear, opens nothing there. */
static void r13_kinds_between(void **state)
{
	u8 k[32], pub[32];

	(void)state;
	chain(3, true);
	assert_int_equal(mh_x25519_public(pub, keys[0]), 0);
	assert_int_equal(mh_wrap_seal_hpke(links[1], keys[1], MH_BUF(ctxs[1], 32), pub,
					   MH_BUF(ctxs[0], 32), NULL), 0);
	memcpy(links[1] + 33, mh_wrap_kid(links[0]), 32);
	assert_int_equal(open_chain(3, k), -EBADMSG);
	chain(3, true);
	assert_int_equal(mh_wrap_seal_none(links[1], keys[1], MH_BUF(ctxs[1], 32)), 0);
	assert_int_equal(open_chain(3, k), -EBADMSG);
	memcpy(links[1] + 33, mh_wrap_kid(links[0]), 32);
	assert_int_equal(open_chain(3, k), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r14_vectors),
		cmocka_unit_test(r14_every_byte_counts),
		cmocka_unit_test(r14_form),
		cmocka_unit_test(r13_the_key_fits_the_kind),
		cmocka_unit_test(r13_contexts_count),
		cmocka_unit_test(r14_fresh),
		cmocka_unit_test(r14_low_order_enc),
		cmocka_unit_test(r13_two_ke_that_open_one_chunk),
		cmocka_unit_test(r13_chain_vectors),
		cmocka_unit_test(r13_how_long),
		cmocka_unit_test(r13_links),
		cmocka_unit_test(r13_begins_at_anothers),
		cmocka_unit_test(r13_loops),
		cmocka_unit_test(r13_kinds_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* R08 R09: join requests, bundles and the server's card, as the vectors have them and altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/messages.h"
#include "core/statement.h"
#include "core/vectors/enrol.h"

static const struct mh_join_vector *const pair = &mh_join_vectors[0], *const secret =
	&mh_join_vectors[1];
static const struct mh_bundle_vector *const right = &mh_bundle_vectors[0];

/* In memory of its size, so that the sanitizer sees one read beyond */
static u8 *exact(const u8 *p, size_t n)
{
	u8 *copy = malloc(n + !n);

	assert_non_null(copy);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

/* ---- join requests ---- */

static void r08_request_vectors(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_join_vectors), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct mh_join_vector *v = &mh_join_vectors[i];
		char fingerprint[MH_FINGERPRINT_LEN];
		struct mh_join_request m;
		u8 body[MH_JOIN_REQUEST_MAX], hash[32];
		int n;

		assert_int_equal(mh_join_request_decode(&m, v->request), 0);
		assert_memory_equal(m.name.p, "host-1", 6);
		n = mh_join_request_encode(&m, body, sizeof(body));
		assert_int_equal(n, (int)m.body.n);
		assert_memory_equal(body, v->request.p, m.body.n);
		assert_int_equal(m.body.n + 128, v->request.n);
		mh_join_request_digest(m.body, hash);
		assert_memory_equal(hash, v->digest.p, 32);
		mh_join_request_hash(v->request, hash);
		assert_memory_equal(hash, v->hash.p, 32);
		mh_fingerprint(hash, fingerprint);
		assert_string_equal(fingerprint, v->fingerprint);
		assert_int_equal(mh_join_request_verify(&m), 0);
	}
}

/* The keys are those of the vectors, so that a second implementation can make the same. */
static void r08_request_keys(void **state)
{
	struct mh_join_request m;
	u8 pub[64];

	(void)state;
	assert_int_equal(mh_join_request_decode(&m, pair->request), 0);
	assert_int_equal(mh_p256_public(pub, pair->kei.p), 0);
	assert_true(mh_buf_equal(m.kei, MH_BUF(pub, 64)));
	assert_int_equal(mh_p256_public(pub, pair->kes.p), 0);
	assert_memory_equal(m.kes, pub, 64);
	assert_int_equal(mh_x25519_public(pub, pair->kec.p), 0);
	assert_true(mh_buf_equal(m.kec, MH_BUF(pub, 32)));
	assert_int_equal(mh_join_request_decode(&m, secret->request), 0);
	assert_int_equal(mh_x25519_public(pub, join_once), 0);
	assert_true(mh_buf_equal(m.kei, MH_BUF(pub, 32)) && mh_buf_equal(m.kec, MH_BUF(pub, 32)));
}

static int request_of(const u8 *p, size_t n)
{
	u8 *copy = exact(p, n);
	struct mh_join_request m;
	int ret = mh_join_request_decode(&m, MH_BUF(copy, n));

	if (!ret)
		ret = mh_join_request_verify(&m);
	free(copy);
	return ret;
}

static void altered(const struct mh_join_vector *v)
{
	u8 bytes[MH_JOIN_REQUEST_MAX + 2], hash[32];
	const size_t n = v->request.n;

	memcpy(bytes, v->request.p, n);
	for (size_t at = 0; at < n; at++) {
		for (u8 bit = 1; bit; bit = (u8)(bit << 1)) {
			bytes[at] ^= bit;
			assert_int_equal(request_of(bytes, n), at ? -EBADMSG : -EPROTONOSUPPORT);
			mh_join_request_hash(MH_BUF(bytes, n), hash);
			assert_memory_not_equal(hash, v->hash.p, 32);
			bytes[at] ^= bit;
		}
		assert_int_equal(request_of(bytes, at), -EBADMSG);
	}
	bytes[n] = 0;
	assert_int_equal(request_of(bytes, n + 1), -EBADMSG);
	assert_int_equal(request_of(bytes, n), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(request_of(bytes, MH_JOIN_REQUEST_MAX + 1), -EBADMSG);
}

static void r08_request_altered(void **state)
{
	(void)state;
	altered(pair);
	altered(secret);
}

/* Keys that are secrets: one one-time key stands for both, and Kei proves nothing by it. */
static void r09_one_time_key(void **state)
{
	u8 bytes[MH_JOIN_REQUEST_MAX], other[32] = { 1 }, digest[32];
	struct mh_join_request m, got;
	int n;

	(void)state;
	assert_int_equal(mh_join_request_decode(&m, secret->request), 0);
	assert_true(mh_all_zero(m.sig_kei, 64));
	m.kec = MH_BUF(other, 32);
	n = mh_join_request_encode(&m, bytes, sizeof(bytes) - 128);
	mh_join_request_digest(MH_BUF(bytes, n), digest);
	memset(bytes + n, 0, 64);
	assert_int_equal(mh_p256_sign(secret->kes.p, digest, bytes + n + 64), 0);
	assert_int_equal(mh_join_request_decode(&got, MH_BUF(bytes, n + 128)), -EBADMSG);
	m.kec_kind = MH_KIND_PAIR;	/* then it is Kec-public */
	n = mh_join_request_encode(&m, bytes, sizeof(bytes) - 128);
	mh_join_request_digest(MH_BUF(bytes, n), digest);
	memset(bytes + n, 0, 64);
	assert_int_equal(mh_p256_sign(secret->kes.p, digest, bytes + n + 64), 0);
	assert_int_equal(mh_join_request_decode(&got, MH_BUF(bytes, n + 128)), 0);
	assert_int_equal(mh_join_request_verify(&got), 0);
}

/* A request of these, signed by whom it names or by another */
static int made(struct mh_join_request m, const u8 *kei, const u8 *kes, bool decode_only)
{
	u8 bytes[MH_JOIN_REQUEST_MAX + 256], digest[32];
	struct mh_join_request got;
	int n = mh_join_request_encode(&m, bytes, sizeof(bytes) - 128), ret;

	assert_true(n > 0);
	mh_join_request_digest(MH_BUF(bytes, n), digest);
	assert_int_equal(mh_p256_sign(kei, digest, bytes + n), 0);
	assert_int_equal(mh_p256_sign(kes, digest, bytes + n + 64), 0);
	ret = mh_join_request_decode(&got, MH_BUF(bytes, n + 128));
	return ret || decode_only ? ret : mh_join_request_verify(&got);
}

static void r08_proofs_of_possession(void **state)
{
	const u8 *kei = pair->kei.p, *kes = pair->kes.p;
	struct mh_join_request m;

	(void)state;
	assert_int_equal(mh_join_request_decode(&m, pair->request), 0);
	assert_int_equal(made(m, kei, kes, false), 0);
	assert_int_equal(made(m, kes, kes, false), -EBADMSG);
	assert_int_equal(made(m, kei, kei, false), -EBADMSG);
	assert_int_equal(made(m, kes, kei, false), -EBADMSG);
	m.kes = m.kei.p;		/* one key as both: proven, so it is the officer's to see */
	assert_int_equal(made(m, kei, kei, false), 0);
}

static void r08_fields_of_a_request(void **state)
{
	static u8 evidence[1025];
	struct mh_join_request m, was;
	const u8 *kei = pair->kei.p, *kes = pair->kes.p;

	(void)state;
	assert_int_equal(mh_join_request_decode(&was, pair->request), 0);
	for (unsigned int kind = 0; kind < 256; kind++) {
		m = was;
		m.kei_kind = (u8)kind;
		assert_int_equal(made(m, kei, kes, true), kind == 1 ? 0 : -EBADMSG);
		m.kei.n = 32;
		assert_int_equal(made(m, kei, kes, true), kind == 2 ? 0 : -EBADMSG);
		m = was;
		m.kec_kind = (u8)kind;
		assert_int_equal(made(m, kei, kes, true), kind == 1 || kind == 2 ? 0 : -EBADMSG);
	}
	for (size_t n = 0; n <= 64; n++) {
		m = was;
		m.kei.n = n;
		assert_int_equal(made(m, kei, kes, true), n == 64 ? 0 : -EBADMSG);
		m = was;
		m.kec.n = n < 32 ? n : 32;
		assert_int_equal(made(m, kei, kes, true), n >= 32 ? 0 : -EBADMSG);
		m = was;
		m.name = MH_BUF("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM",
				n);
		assert_int_equal(made(m, kei, kes, true), -EBADMSG);
	}
	m = was;
	m.version = MH_STMT_VERSION + 1;
	assert_int_equal(made(m, kei, kes, true), -EPROTONOSUPPORT);
	for (size_t n = 1023; n <= 1025; n++) {
		m = was;
		m.evidence = MH_BUF(evidence, n);
		assert_int_equal(made(m, kei, kes, false), n <= 1024 ? 0 : -EBADMSG);
	}
}

/* ---- bundles ---- */

/* What a joining host does with a bundle, on the core alone; -ENOKEY is for another request. */
static int join_by(const u8 *region, const u8 *hash, struct mh_buf bytes)
{
	static struct mh_stmt anchor[2], fresh, serve, epoch, entity;
	u8 genesis[32];
	struct mh_bundle b;
	struct mh_reader r;
	unsigned int i;
	int ret = mh_bundle_decode(&b, bytes);

	if (ret)
		return ret;
	if (memcmp(b.request_hash, hash, 32))
		return -ENOKEY;
	if (b.anchors != 2 || b.delegations != 2)
		return -EBADMSG;
	mh_reader_init(&r, b.anchor_bytes.p, b.anchor_bytes.n);
	for (i = 0; i < 2; i++) {
		const struct mh_buf a = mh_read_big(&r, MH_STMT_MAX);

		if (mh_stmt_parse(&anchor[i], a.p, a.n))
			return -EBADMSG;
	}
	if (mh_anchor_genesis(&anchor[0], genesis) || memcmp(genesis, region, 32))
		return -EKEYREJECTED;
	if (mh_anchor_next(&anchor[0], region, &anchor[1]) ||
	    mh_stmt_parse(&serve, b.delegation[0].p, b.delegation[0].n) ||
	    mh_stmt_parse(&fresh, b.delegation[1].p, b.delegation[1].n) ||
	    mh_stmt_parse(&epoch, b.epoch.p, b.epoch.n) ||
	    mh_stmt_parse(&entity, b.entity.p, b.entity.n) ||
	    mh_stmt_verify(&serve, region, &anchor[0]) ||
	    mh_stmt_verify(&fresh, region, &anchor[0]) ||
	    mh_stmt_verify(&epoch, region, &fresh) || mh_stmt_verify(&entity, region, &anchor[0]))
		return -EBADMSG;
	return entity.type == MH_ENTITY && epoch.type == MH_EPOCH ? 0 : -EBADMSG;
}

static void r08_bundle_vectors(void **state)
{
	const struct mh_bundle_vector *request = &mh_bundle_vectors[1], *region =
		&mh_bundle_vectors[2];
	static u8 out[8192];

	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_bundle_vectors), 5);
	for (size_t i = 0; i < ARRAY_SIZE(mh_bundle_vectors); i++) {
		const struct mh_bundle_vector *v = &mh_bundle_vectors[i];
		char fingerprint[MH_FINGERPRINT_LEN];
		struct mh_bundle b;

		assert_int_equal(mh_bundle_decode(&b, v->bundle), 0);
		assert_int_equal(mh_bundle_encode(&b, out, sizeof(out)), (int)v->bundle.n);
		assert_memory_equal(out, v->bundle.p, v->bundle.n);
		mh_fingerprint(v->region.p, fingerprint);
		assert_string_equal(fingerprint, v->fingerprint);
	}
	assert_int_equal(join_by(right->region.p, pair->hash.p, right->bundle), 0);
	/* for another request, and that request with this one */
	assert_int_equal(join_by(right->region.p, pair->hash.p, request->bundle), -ENOKEY);
	assert_int_equal(join_by(right->region.p, secret->hash.p, right->bundle), -ENOKEY);
	/* an attacker's Region: good in itself, but not what the person confirmed */
	assert_int_equal(join_by(right->region.p, pair->hash.p, region->bundle), -EKEYREJECTED);
	assert_int_equal(join_by(region->region.p, pair->hash.p, region->bundle), 0);
	assert_string_not_equal(right->fingerprint, region->fingerprint);
}

/* Each byte but the addresses', which are hints and signed by nobody; cut at each place. */
static void r08_bundle_altered(void **state)
{
	const size_t n = right->bundle.n, tail = 1 + 2 + 18 + 2 + 8;
	u8 *bytes = exact(right->bundle.p, n);

	(void)state;
	for (size_t at = 0; at < n - tail; at++) {
		bytes[at] ^= 1u << (at % 8);
		assert_int_not_equal(join_by(right->region.p, pair->hash.p, MH_BUF(bytes, n)), 0);
		bytes[at] ^= 1u << (at % 8);
	}
	for (size_t cut = 0; cut < n; cut++) {
		u8 *less = exact(bytes, cut);
		struct mh_bundle b;

		assert_int_equal(mh_bundle_decode(&b, MH_BUF(less, cut)), -EBADMSG);
		free(less);
	}
	assert_int_equal(join_by(right->region.p, pair->hash.p, MH_BUF(bytes, n)), 0);
	free(bytes);
}

/* ---- secrets in a bundle ---- */

static const struct mh_bundle_vector *const routes[] = { &mh_bundle_vectors[3],
							 &mh_bundle_vectors[4] };

static struct mh_buf key_of(const struct mh_bundle_vector *v)
{
	return v->route == MH_ROUTE_HOST ? MH_BUF(join_once, 32) : MH_BUF(join_code, 20);
}

static int opened(const struct mh_bundle_vector *v, struct mh_buf bytes, u8 plain[64])
{
	struct mh_bundle b;
	int ret = mh_bundle_decode(&b, bytes);

	if (!ret && b.route != v->route)
		ret = -EBADMSG;
	return ret ? ret : mh_join_secrets_open(&b, key_of(v), v->region.p, plain);
}

static void r09_secrets_vectors(void **state)
{
	u8 plain[64], sealed[MH_JOIN_SEALED_MAX], random[32];

	(void)state;
	for (int i = 0; i < 32; i++)
		random[i] = (u8)(0xd0 + i);
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct mh_bundle_vector *v = routes[i];
		struct mh_bundle b, m;
		struct mh_buf key;
		u8 pub[32];

		assert_int_equal(opened(v, v->bundle, plain), 64);
		assert_memory_equal(plain, secret->kei.p, 32);
		assert_memory_equal(plain + 32, secret->kec.p, 32);
		assert_int_equal(mh_bundle_decode(&b, v->bundle), 0);
		assert_int_equal(mh_x25519_public(pub, join_once), 0);
		m = b;
		key = v->route == MH_ROUTE_HOST ? MH_BUF(pub, 32) : key_of(v);
		assert_int_equal(mh_join_secrets_seal(&m, v->route, key, v->region.p,
						      MH_BUF(plain, 64), random, sealed), 0);
		assert_memory_equal(m.enc, b.enc, 32);
		assert_true(mh_buf_equal(m.sealed, b.sealed));
	}
}

/* Every byte of them, the request's hash and the Region; another's key; the other route */
static void r09_secrets_altered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct mh_bundle_vector *v = routes[i];
		const size_t n = v->bundle.n, tail = 1 + 32 + 2 + 80;
		u8 *bytes = exact(v->bundle.p, n), plain[64], region[32];
		struct mh_bundle b;

		for (size_t at = 5; at < n; at = at == 36 ? n - tail : at + 1) {
			memset(plain, 1, 64);
			bytes[at] ^= 1u << (at % 8);
			assert_int_equal(opened(v, MH_BUF(bytes, n), plain), -EBADMSG);
			assert_memory_not_equal(plain, secret->kei.p, 32);
			bytes[at] ^= 1u << (at % 8);
		}
		assert_int_equal(opened(v, MH_BUF(bytes, n), plain), 64);
		assert_int_equal(mh_bundle_decode(&b, MH_BUF(bytes, n)), 0);
		memcpy(region, v->region.p, 32);
		region[31] ^= 1;
		assert_int_equal(mh_join_secrets_open(&b, key_of(v), region, plain), -EBADMSG);
		assert_true(mh_all_zero(plain, 64));
		assert_int_equal(mh_join_secrets_open(&b, MH_BUF(secret->kec.p, key_of(v).n),
						      v->region.p, plain), -EBADMSG);
		b.route ^= MH_ROUTE_HOST ^ MH_ROUTE_CODE;
		assert_int_equal(mh_join_secrets_open(&b, b.route == MH_ROUTE_HOST ?
						      MH_BUF(join_once, 32) :
						      MH_BUF(join_code, 20), v->region.p, plain),
				 -EBADMSG);
		b.route = MH_ROUTE_CODE;	/* a code of another length is none */
		for (size_t k = 0; k <= 32; k++)
			assert_int_equal(mh_join_secrets_open(&b, MH_BUF(join_once, k),
							      v->region.p, plain), -EBADMSG);
		free(bytes);
	}
}

static u8 again[MH_BUNDLE_MAX + 1];

static int bundle_again(const struct mh_bundle *m)
{
	struct mh_bundle b;
	int n = mh_bundle_encode(m, again, sizeof(again));

	return n < 0 ? n : mh_bundle_decode(&b, MH_BUF(again, n));
}

/* One more of what begins with a count at `at`: an item that is right, at the front */
static int one_more(const struct mh_bundle *m, size_t at, const void *item, size_t item_n)
{
	struct mh_bundle b;
	size_t n = (size_t)mh_bundle_encode(m, again, sizeof(again));

	memmove(again + at + 1 + item_n, again + at + 1, n - at - 1);
	memcpy(again + at + 1, item, item_n);
	again[at]++;
	return mh_bundle_decode(&b, MH_BUF(again, n + item_n));
}

static void r08_counts_of_a_bundle(void **state)
{
	struct mh_bundle m, was;
	size_t at;

	(void)state;
	assert_int_equal(mh_bundle_decode(&was, right->bundle), 0);
	at = 4 + 1 + 32 + 2 + was.anchor_bytes.n + 4 + was.entity.n;
	m = was;
	for (u8 n = 0; n <= MH_IDR_DELEGATIONS; n++) {
		m.delegations = n;
		for (u8 i = 0; i < n; i++)
			m.delegation[i] = MH_BUF("x", 1);
		assert_int_equal(bundle_again(&m), 0);
		assert_int_equal(again[at], n);
		assert_int_equal(one_more(&m, at, "\0\0\0\1x", 5),
				 n < MH_IDR_DELEGATIONS ? 0 : -EBADMSG);
	}
	m = was;
	for (u8 n = 0; n <= MH_BUNDLE_ADDRESSES; n++) {
		m.addresses = n;
		for (u8 i = 0; i < n; i++)
			m.address[i] = MH_BUF("host:1", 6);
		assert_int_equal(bundle_again(&m), 0);
		at = (size_t)mh_bundle_encode(&m, again, sizeof(again)) - n * 8u - 1;
		assert_int_equal(again[at], n);
		assert_int_equal(one_more(&m, at, "\0\6host:1", 8),
				 n < MH_BUNDLE_ADDRESSES ? 0 : -EBADMSG);
	}
	m = was;		/* secrets: of one key or two, by a route that is known */
	m.enc = was.request_hash;
	for (unsigned int route = 0; route < 256; route++)
		for (size_t n = 0; n <= 80; n++) {
			m.route = (u8)route;
			m.sealed = MH_BUF(was.anchor_bytes.p, n);
			assert_int_equal(bundle_again(&m), !route || ((n == 48 || n == 80) &&
								      route < 3) ? 0 : -EBADMSG);
		}
	m = was;		/* no ANCHOR, not even the genesis */
	m.anchors = 0;
	m.anchor_bytes.n = 0;
	assert_int_equal(bundle_again(&m), -EBADMSG);
}

/* Bounds: of a statement, of an address, of the whole */
static void r08_lengths_of_a_bundle(void **state)
{
	static u8 text[256], statement[MH_STMT_MAX + 1], anchors[MH_BUNDLE_MAX];
	struct mh_bundle m, was;
	struct mh_writer w;
	int over;

	(void)state;
	assert_int_equal(mh_bundle_decode(&was, right->bundle), 0);
	memset(text, 'a', sizeof(text));
	m = was;
	m.address[0] = MH_BUF(text, 255);
	assert_int_equal(bundle_again(&m), 0);
	m.address[0] = MH_BUF(text, 256);
	assert_int_equal(bundle_again(&m), -EBADMSG);
	for (size_t n = MH_STMT_MAX; n <= MH_STMT_MAX + 1; n++) {
		const int want = n == MH_STMT_MAX ? 0 : -EBADMSG;

		m = was;
		m.entity = MH_BUF(statement, n);
		assert_int_equal(bundle_again(&m), want);
		m = was;
		m.epoch = MH_BUF(statement, n);
		assert_int_equal(bundle_again(&m), want);
		m = was;
		m.delegation[1] = MH_BUF(statement, n);
		assert_int_equal(bundle_again(&m), want);
		m = was;
		mh_writer_init(&w, anchors, sizeof(anchors));
		mh_write_big(&w, MH_BUF(statement, n));
		m.anchors = 1;
		m.anchor_bytes = MH_BUF(anchors, w.len);
		assert_int_equal(bundle_again(&m), want);
	}
	m = was;
	m.anchors = 0;
	mh_writer_init(&w, anchors, sizeof(anchors));
	while (w.len + right->bundle.n + 1000 < MH_BUNDLE_MAX) {
		mh_write_big(&w, MH_BUF(statement, 1000 - 4));
		m.anchors++;
	}
	m.anchor_bytes = MH_BUF(anchors, w.len);
	over = MH_BUNDLE_MAX - mh_bundle_encode(&m, again, sizeof(again));
	assert_in_range(over, 1, 4000);
	m.entity = MH_BUF(statement, m.entity.n + (size_t)over);	/* to the byte */
	assert_int_equal(bundle_again(&m), 0);
	m.entity.n++;
	assert_int_equal(bundle_again(&m), -EBADMSG);
}

static void r08_addresses(void **state)
{
	struct mh_bundle m;
	char text[3] = "aaa";

	(void)state;
	assert_int_equal(mh_bundle_decode(&m, right->bundle), 0);
	for (unsigned int c = 0; c < 256; c++) {
		for (int at = 0; at < 3; at++) {
			memset(text, 'a', 3);
			text[at] = (char)c;
			m.address[1] = MH_BUF(text, 3);
			assert_int_equal(bundle_again(&m), c > ' ' && c <= '~' ? 0 : -EBADMSG);
		}
	}
}

static void r08_card_vector(void **state)
{
	u8 bytes[sizeof(card_bytes) + 1];
	struct mh_card m;
	struct mh_buf v[] = { MH_L("card fingerprint"), MH_BUF(card_bytes, sizeof(card_bytes)) };
	u8 hash[32];

	(void)state;
	assert_int_equal(mh_card_decode(&m, v[1]), 0);
	assert_true(mh_buf_equal(m.name, MH_BUF("repo1", 5)));
	mh_sha256v(hash, v, 2);
	assert_memory_equal(hash, card_hash, 32);
	memcpy(bytes, card_bytes, sizeof(card_bytes));
	for (size_t at = 0; at < sizeof(card_bytes); at++) {
		u8 *cut = exact(bytes, at);

		assert_int_not_equal(mh_card_decode(&m, MH_BUF(cut, at)), 0);
		free(cut);
		bytes[at] ^= 1;
		assert_int_equal(mh_card_decode(&m, MH_BUF(bytes, sizeof(card_bytes))),
				 at == 4 ? -EPROTONOSUPPORT : -EBADMSG);
		bytes[at] ^= 1;
	}
	bytes[sizeof(card_bytes)] = 0;
	assert_int_equal(mh_card_decode(&m, MH_BUF(bytes, sizeof(bytes))), -EBADMSG);
}

/* Signed well by its own key, with names that are none */
static void r08_name_of_a_card(void **state)
{
	static const struct { const char *name; int want; } names[] = {
		{ "repo1", 0 }, { "a", 0 }, { "", -EBADMSG }, { "Repo", -EBADMSG },
		{ "..", -EBADMSG }, { "a/b", -EBADMSG }, { "a b", -EBADMSG } };
	struct mh_buf v[2] = { MH_L("server card") };
	u8 bytes[MH_CARD_MAX], key[32], pub[64], digest[32];
	struct mh_writer w;
	struct mh_card m;

	(void)state;
	assert_int_equal(mh_p256_generate(key, pub), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		mh_writer_init(&w, bytes, sizeof(bytes));
		mh_write_bytes(&w, "MHSC", 4);
		mh_write_u8(&w, MH_STMT_VERSION);
		mh_write_v(&w, names[i].name, strlen(names[i].name));
		for (int j = 0; j < 3; j++)
			mh_write_bytes(&w, pub, 64);
		mh_write_bytes(&w, pub, 32);
		v[1] = MH_BUF(bytes, w.len);
		mh_sha256v(digest, v, 2);
		assert_int_equal(mh_p256_sign(key, digest, bytes + w.len), 0);
		assert_int_equal(mh_card_decode(&m, MH_BUF(bytes, w.len + 64)), names[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r08_request_vectors),
		cmocka_unit_test(r08_request_keys),
		cmocka_unit_test(r08_request_altered),
		cmocka_unit_test(r09_one_time_key),
		cmocka_unit_test(r09_secrets_vectors),
		cmocka_unit_test(r09_secrets_altered),
		cmocka_unit_test(r08_proofs_of_possession),
		cmocka_unit_test(r08_fields_of_a_request),
		cmocka_unit_test(r08_bundle_vectors),
		cmocka_unit_test(r08_bundle_altered),
		cmocka_unit_test(r08_counts_of_a_bundle),
		cmocka_unit_test(r08_lengths_of_a_bundle),
		cmocka_unit_test(r08_addresses),
		cmocka_unit_test(r08_card_vector),
		cmocka_unit_test(r08_name_of_a_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

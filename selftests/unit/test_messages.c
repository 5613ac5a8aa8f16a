// SPDX-License-Identifier: MIT
/* R12, R10: every message decodes as it was encoded, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/messages.h"

static u8 bytes[MH_BUNDLE_MAX];

static void count_up(u8 *p, size_t n, u8 first)
{
	while (n--)
		*p++ = first++;
}

/*
 * Each shorter piece is refused, and one with a byte behind it.  Pieces are
 * copied to memory of their size, so that the sanitizer sees one read beyond.
 * The whole is decoded last: its views are into bytes.
 */
static void only_whole(int (*decode)(struct mh_buf in), size_t n)
{
	for (size_t i = 0; i <= n + 1; i++) {
		u8 *p;

		if (i == n)
			continue;
		p = malloc(i + !i);
		assert_non_null(p);
		memcpy(p, bytes, i);
		assert_int_not_equal(decode(MH_BUF(p, i)), 0);
		free(p);
	}
	assert_int_equal(decode(MH_BUF(bytes, n)), 0);
}

#define NO_ROOM(encode, n) do { \
	for (size_t room_ = 0; room_ < (n); room_++) { \
		size_t room = room_; \
		u8 *out = malloc(room + 1); \
		int got = encode; \
		free(out); \
		assert_int_equal(got, -ENOSPC); \
	} \
} while (0)

/* ---- frames ---- */

static void r12_frames(void **state)
{
	static const u32 most[] = { 0, MH_HELLO_MAX, MH_CHALLENGE_MAX, MH_AUTH_LEN,
				    MH_FRAME_BODY_MAX, MH_FRAME_BODY_MAX };
	u8 h[MH_FRAME_HEADER], kind;
	u32 len;

	(void)state;
	for (unsigned int k = 0; k < 256; k++) {
		const u32 n = k < ARRAY_SIZE(most) ? most[k] : 0;

		mh_frame_header(h, (u8)k, n);
		assert_int_equal(mh_frame_parse(h, &kind, &len), n ? 0 : -EBADMSG);
		assert_true(kind == k && len == n);
		mh_frame_header(h, (u8)k, n + 1);
		assert_int_equal(mh_frame_parse(h, &kind, &len), -EBADMSG);
		mh_frame_header(h, (u8)k, 0);
		assert_int_equal(mh_frame_parse(h, &kind, &len), -EBADMSG);
	}
	mh_frame_header(h, MH_F_RECORD, 0x123456);
	assert_memory_equal(h, "\x04\x12\x34\x56", 4);
}

/* ---- handshake ---- */

static struct mh_p1 p1;

static int p1_of(struct mh_buf in)
{
	return mh_p1_decode(&p1, in);
}

static void r12_p1(void **state)
{
	u8 region[32], ticket[MH_TICKET_LEN];
	struct mh_p1 m = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE, .region = region,
			   .anchor_serial = 0x0102030405060708 };

	(void)state;
	count_up(region, 32, 1);
	count_up(ticket, sizeof(ticket), 9);
	assert_int_equal(mh_p1_encode(&m, bytes, sizeof(bytes)), MH_P1_MIN);
	only_whole(p1_of, MH_P1_MIN);
	assert_memory_equal(p1.region, region, 32);
	assert_true(p1.anchor_serial == m.anchor_serial && !p1.ticket.n);
	m.ticket = MH_BUF(ticket, sizeof(ticket));
	assert_int_equal(mh_p1_encode(&m, bytes, sizeof(bytes)), MH_P1_MAX);
	only_whole(p1_of, MH_P1_MAX);
	assert_true(mh_buf_equal(p1.ticket, m.ticket));
	NO_ROOM(mh_p1_encode(&m, out, room), MH_P1_MAX);
	bytes[MH_P1_MIN - 1] = 63;	/* a ticket is 64 bytes or none */
	assert_int_equal(p1_of(MH_BUF(bytes, MH_P1_MAX - 1)), -EBADMSG);
	bytes[MH_P1_MIN - 1] = MH_TICKET_LEN;
	for (int at = 0; at < 2; at++) {
		bytes[at]++;
		assert_int_equal(p1_of(MH_BUF(bytes, MH_P1_MAX)), -EPROTONOSUPPORT);
		bytes[at]--;
	}
}

static struct mh_idr idr;

static int idr_of(struct mh_buf in)
{
	return mh_idr_decode(&idr, in);
}

static void r12_idr(void **state)
{
	static const u8 versions[] = { MH_STP_VERSION, 9 };
	static u8 big[MH_IDR_MAX];
	struct mh_idr m = { .versions = MH_BUF(versions, 2), .delegations = 2,
			    .delegation = { MH_BUF("serve", 5), MH_BUF("fresh", 5) },
			    .epoch = MH_BUF("epoch!", 6) };
	int n;

	(void)state;
	n = mh_idr_encode(&m, bytes, sizeof(bytes));
	assert_int_equal(n, 3 + 1 + 9 + 9 + 10);
	only_whole(idr_of, (size_t)n);
	assert_true(idr.delegations == 2 && mh_buf_equal(idr.delegation[1], m.delegation[1]));
	assert_true(mh_buf_equal(idr.epoch, m.epoch) && mh_buf_equal(idr.versions, m.versions));
	NO_ROOM(mh_idr_encode(&m, out, room), (size_t)n);
	bytes[3] = 0;		/* no DELEGATION; too many */
	assert_int_equal(idr_of(MH_BUF(bytes, n)), -EBADMSG);
	bytes[3] = MH_IDR_DELEGATIONS + 1;
	assert_int_equal(idr_of(MH_BUF(bytes, n)), -EBADMSG);
	bytes[3] = 2;
	bytes[1] = 7;		/* it does not speak what is spoken */
	assert_int_equal(idr_of(MH_BUF(bytes, n)), -EPROTONOSUPPORT);
	m.versions.n = 0;
	n = mh_idr_encode(&m, bytes, sizeof(bytes));
	assert_int_equal(idr_of(MH_BUF(bytes, n)), -EBADMSG);
	m.versions.n = 1;	/* 14 KiB and no more */
	m.epoch = MH_BUF(big, MH_IDR_MAX - 3 - 9 - 9 - 4);
	assert_int_equal(mh_idr_encode(&m, bytes, sizeof(bytes)), MH_IDR_MAX);
	assert_int_equal(idr_of(MH_BUF(bytes, MH_IDR_MAX)), 0);
	m.epoch.n++;
	assert_int_equal(mh_idr_encode(&m, bytes, sizeof(bytes)), -ENOSPC);
	assert_int_equal(idr_of(MH_BUF(bytes, MH_IDR_MAX + 1)), -EBADMSG);
}

static void r12_idi(void **state)
{
	struct mh_idi m = { .entity_serial = 5, .sessions = 6, .receipts = 7 }, got;
	u8 name[MH_NAME_MAX + 1], out[MH_IDI_LEN];

	(void)state;
	memset(name, 'n', sizeof(name));
	count_up(m.incarnation, sizeof(m.incarnation), 3);
	count_up(m.head, sizeof(m.head), 4);
	for (size_t n = 0; n <= sizeof(name); n++) {
		m.name = MH_BUF(name, n);
		assert_int_equal(mh_idi_encode(&m, out), MH_IDI_LEN);
		assert_int_equal(mh_idi_decode(&got, out), n && n <= MH_NAME_MAX ? 0 : -EBADMSG);
		if (!n || n > MH_NAME_MAX)
			continue;
		assert_true(mh_buf_equal(got.name, m.name) && got.entity_serial == 5 &&
			    got.sessions == 6 && got.receipts == 7);
		assert_memory_equal(got.incarnation, m.incarnation, sizeof(m.incarnation));
		assert_memory_equal(got.head, m.head, sizeof(m.head));
		for (size_t at = 1 + n + 8 + 16 + 8 + 8 + 32; at < MH_IDI_LEN; at++) {
			out[at] = 1;	/* padding */
			assert_int_equal(mh_idi_decode(&got, out), -EBADMSG);
			out[at] = 0;
		}
		out[n] = 'N';
		assert_int_equal(mh_idi_decode(&got, out), -EBADMSG);
	}
	m.name = MH_BUF("..", 2);
	mh_idi_encode(&m, out);
	assert_int_equal(mh_idi_decode(&got, out), -EBADMSG);
	for (unsigned int n = 184; n < 256; n++) {	/* names longer than the message */
		out[0] = (u8)n;
		assert_int_equal(mh_idi_decode(&got, out), -EBADMSG);
	}
}

/* ---- records ---- */

static struct mh_request request;

static int request_of(struct mh_buf in)
{
	return mh_request_decode(&request, in);
}

static void r12_request(void **state)
{
	u8 held[32], digest[32];
	struct mh_request m = { .name = MH_BUF("eu/disk", 7), .version = 12,
				.purpose = MH_PURPOSE_RENEW, .held = held, .statements = digest };
	int n;

	(void)state;
	count_up(held, 32, 1);
	count_up(digest, 32, 2);
	n = mh_request_encode(&m, bytes, sizeof(bytes));
	assert_int_equal(n, 2 + 7 + 8 + 1 + 64);
	only_whole(request_of, (size_t)n);
	assert_true(mh_buf_equal(request.name, m.name) && request.version == 12 &&
		    request.purpose == MH_PURPOSE_RENEW);
	assert_memory_equal(request.held, held, 32);
	assert_memory_equal(request.statements, digest, 32);
	NO_ROOM(mh_request_encode(&m, out, room), (size_t)n);
	for (unsigned int p = 0; p < 256; p++) {
		bytes[17] = (u8)p;
		assert_int_equal(request_of(MH_BUF(bytes, n)), p >= 1 && p <= 3 ? 0 : -EBADMSG);
	}
	bytes[17] = 1;
	bytes[2] = '/';
	assert_int_equal(request_of(MH_BUF(bytes, n)), -EBADMSG);
	m.held = NULL;
	m.statements = NULL;
	assert_int_equal(mh_request_encode(&m, bytes, sizeof(bytes)), n);
	assert_int_equal(request_of(MH_BUF(bytes, n)), 0);
	for (int i = 0; i < 32; i++)
		assert_true(!request.held[i] && !request.statements[i]);
}

static struct mh_done done;

static int done_of(struct mh_buf in)
{
	return mh_done_decode(&done, in);
}

static struct mh_refused refusal;

static int refused_of(struct mh_buf in)
{
	return mh_refused_decode(&refusal, in);
}

static void r12_done_and_refused(void **state)
{
	(void)state;
	count_up(bytes, 64, 0);
	only_whole(done_of, 36);
	assert_int_equal(done.records, 0x00010203);
	assert_ptr_equal(done.manifest, bytes + 4);
	memcpy(bytes, "\x07\x00\x00\x13\x88\x04", 7);
	only_whole(refused_of, 6);
	assert_true(refusal.code == MH_REFUSED_BUSY && refusal.retry_after == 5000 &&
		    refusal.step == 4);
	for (unsigned int code = 0; code < 256; code++) {
		bytes[0] = (u8)code;
		assert_int_equal(refused_of(MH_BUF(bytes, 6)),
				 code >= 1 && code <= 8 ? 0 : -EBADMSG);
	}
	bytes[0] = 1;
	bytes[5] = 5;
	assert_int_equal(refused_of(MH_BUF(bytes, 6)), -EBADMSG);
}

/* ---- enrolment ---- */

static struct mh_join_request join;

static int join_of(struct mh_buf in)
{
	return mh_join_request_decode(&join, in);
}

/* A request signed by Kei and Kes; its length, signatures included */
static size_t make_join(u8 kei_kind, size_t evidence)
{
	static u8 proof[1025];
	u8 kei[32], kes[32], kei_pub[64], kes_pub[64], nonce[32], kec[32], digest[32];
	const struct mh_join_request m = {
		.version = MH_STMT_VERSION, .nonce = nonce, .name = MH_BUF("host1", 5),
		.kei_kind = kei_kind, .kec_kind = MH_KIND_PAIR, .kes = kes_pub,
		.kei = MH_BUF(kei_pub, kei_kind == MH_KIND_PAIR ? 64 : 32),
		.kec = MH_BUF(kec, 32), .evidence = MH_BUF(proof, evidence) };
	int n;

	assert_int_equal(mh_p256_generate(kei, kei_pub), 0);
	assert_int_equal(mh_p256_generate(kes, kes_pub), 0);
	count_up(nonce, 32, 1);
	count_up(kec, 32, 2);
	n = mh_join_request_encode(&m, bytes, sizeof(bytes));
	assert_true(n > 0);
	mh_join_request_digest(MH_BUF(bytes, n), digest);
	assert_int_equal(mh_p256_sign(kei, digest, bytes + n), 0);
	assert_int_equal(mh_p256_sign(kes, digest, bytes + n + 64), 0);
	return (size_t)n + 128;
}

static void r10_join_request(void **state)
{
	u8 fingerprint[2][32];
	size_t n;

	(void)state;
	n = make_join(MH_KIND_PAIR, 3);
	only_whole(join_of, n);
	assert_int_equal(mh_join_request_verify(&join), 0);
	mh_join_request_hash(MH_BUF(bytes, n), fingerprint[0]);
	for (size_t at = 0; at < n; at++) {	/* each byte is signed by both, or is a signature */
		bytes[at] ^= 1;
		assert_true(join_of(MH_BUF(bytes, n)) || mh_join_request_verify(&join));
		mh_join_request_hash(MH_BUF(bytes, n), fingerprint[1]);
		assert_memory_not_equal(fingerprint[0], fingerprint[1], 32);
		bytes[at] ^= 1;
	}
	bytes[0]++;
	assert_int_equal(join_of(MH_BUF(bytes, n)), -EPROTONOSUPPORT);
	n = make_join(MH_KIND_PAIR, 1024);
	assert_int_equal(join_of(MH_BUF(bytes, n)), 0);
	n = make_join(MH_KIND_PAIR, 1025);
	assert_int_equal(join_of(MH_BUF(bytes, n)), -EBADMSG);
	n = make_join(MH_KIND_SECRET, 0);
	assert_int_equal(join_of(MH_BUF(bytes, n)), 0);
	/* signed by what is no key */
	assert_int_equal(mh_join_request_verify(&join), -EBADMSG);
	n = make_join(3, 0);
	assert_int_equal(join_of(MH_BUF(bytes, n)), -EBADMSG);
}

static struct mh_bundle bundle;

static int bundle_of(struct mh_buf in)
{
	return mh_bundle_decode(&bundle, in);
}

static void r10_join_bundle(void **state)
{
	u8 hash[32], anchors[64];
	struct mh_writer w;
	struct mh_bundle m = { .request_hash = hash, .anchors = 2, .entity = MH_BUF("entity", 6),
			       .delegations = 2, .epoch = MH_BUF("epoch", 5), .addresses = 2,
			       .delegation = { MH_BUF("serve", 5), MH_BUF("fresh", 5) },
			       .address = { MH_BUF("repo:7100", 9), MH_BUF("/run/stp", 8) } };
	int n;

	(void)state;
	count_up(hash, 32, 1);
	mh_writer_init(&w, anchors, sizeof(anchors));
	mh_write_big(&w, MH_BUF("genesis", 7));
	mh_write_big(&w, MH_BUF("second", 6));
	m.anchor_bytes = MH_BUF(anchors, w.len);
	n = mh_bundle_encode(&m, bytes, sizeof(bytes));
	assert_true(n > 0);
	only_whole(bundle_of, (size_t)n);
	assert_true(bundle.anchors == 2 && mh_buf_equal(bundle.anchor_bytes, m.anchor_bytes));
	assert_true(mh_buf_equal(bundle.entity, m.entity) && mh_buf_equal(bundle.epoch, m.epoch));
	assert_true(bundle.addresses == 2 && mh_buf_equal(bundle.address[1], m.address[1]));
	NO_ROOM(mh_bundle_encode(&m, out, room), (size_t)n);
	bytes[0] ^= 1;
	assert_int_equal(bundle_of(MH_BUF(bytes, n)), -EBADMSG);
	bytes[0] ^= 1;
	bytes[4]++;
	assert_int_equal(bundle_of(MH_BUF(bytes, n)), -EPROTONOSUPPORT);
	m.address[1] = MH_BUF("a\nb", 3);	/* it is shown, and kept in a file of lines */
	n = mh_bundle_encode(&m, bytes, sizeof(bytes));
	assert_int_equal(bundle_of(MH_BUF(bytes, n)), -EBADMSG);
	m.address[1] = m.address[0];
	m.anchors = 0;
	m.anchor_bytes.n = 0;
	n = mh_bundle_encode(&m, bytes, sizeof(bytes));
	assert_int_equal(bundle_of(MH_BUF(bytes, n)), -EBADMSG);
}

static struct mh_card card;

static int card_of(struct mh_buf in)
{
	return mh_card_decode(&card, in);
}

static void r10_server_card(void **state)
{
	u8 sp2[32], pub[64], digest[32], sig[64];
	struct mh_buf v[2] = { MH_L("server card") };
	struct mh_writer w;

	(void)state;
	assert_int_equal(mh_p256_generate(sp2, pub), 0);
	mh_writer_init(&w, bytes, sizeof(bytes));
	mh_write_bytes(&w, "MHSC", 4);
	mh_write_u8(&w, MH_STMT_VERSION);
	mh_write_v(&w, "repo1", 5);
	for (int i = 0; i < 3; i++)
		mh_write_bytes(&w, pub, 64);
	mh_write_bytes(&w, pub, 32);
	v[1] = MH_BUF(bytes, w.len);
	mh_sha256v(digest, v, 2);
	assert_int_equal(mh_p256_sign(sp2, digest, sig), 0);
	mh_write_bytes(&w, sig, 64);
	only_whole(card_of, w.len);
	for (size_t at = 0; at < w.len; at++) {
		bytes[at] ^= 1;
		assert_int_not_equal(card_of(MH_BUF(bytes, w.len)), 0);
		bytes[at] ^= 1;
	}
	assert_int_equal(card_of(MH_BUF(bytes, MH_CARD_MAX + 1)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r12_frames),
		cmocka_unit_test(r12_p1),
		cmocka_unit_test(r12_idr),
		cmocka_unit_test(r12_idi),
		cmocka_unit_test(r12_request),
		cmocka_unit_test(r12_done_and_refused),
		cmocka_unit_test(r10_join_request),
		cmocka_unit_test(r10_join_bundle),
		cmocka_unit_test(r10_server_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

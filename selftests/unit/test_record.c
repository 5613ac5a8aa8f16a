// SPDX-License-Identifier: MIT
/* R15, R17: records under Ks (ATTACKS, Records). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stp_pair.h"

enum { RECORDS = 4, SIZE = 64 };

static struct stp_keys keys;
static struct stp_pair pair;
static u8 frame[RECORDS][MH_FRAME_MAX];
static size_t len[RECORDS];

static void open_pair(struct stp_pair *p)
{
	stp_pair_init(p);
	assert_int_equal(stp_handshake(p, &keys), 0);
}

/* A new session, in which SP2 has sent RECORDS records */
static void sent(void)
{
	open_pair(&pair);
	for (int i = 0; i < RECORDS; i++) {
		int n = stp_record(&pair.r, MH_R_CHUNK, 1, (u8)('a' + i), SIZE, frame[i]);

		assert_true(n > 0);
		len[i] = (size_t)n;
	}
}

static int receive(struct mh_stp *s, int i)
{
	static u8 copy[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	int ret;

	memcpy(copy, frame[i], len[i]);
	ret = mh_stp_open(s, copy, len[i], &rec);
	if (!ret)
		assert_true(rec.type == MH_R_CHUNK && rec.request == 1 && rec.body.n == SIZE &&
			    rec.body.p[0] == 'a' + i);
	return ret;
}

static void refused(struct mh_stp *s, int i)
{
	assert_int_equal(receive(s, i), -EBADMSG);
	assert_int_equal(s->state, MH_STP_DEAD);
	assert_null(s->rx.aead);
	assert_null(s->tx.aead);
	assert_int_equal(receive(s, i), -EPIPE);
}

static void r17_in_order(void **state)
{
	(void)state;
	sent();
	for (int i = 0; i < RECORDS; i++)
		assert_int_equal(receive(&pair.i, i), 0);
	stp_pair_end(&pair);
}

static void r17_every_byte_flipped(void **state)
{
	(void)state;
	for (size_t at = 0; at < MH_FRAME_HEADER + MH_RECORD_HEADER + SIZE + MH_TAG_LEN; at++) {
		sent();
		assert_int_equal(receive(&pair.i, 0), 0);
		frame[1][at] ^= 1;
		refused(&pair.i, 1);
		stp_pair_end(&pair);
	}
}

static void r17_header_alone_altered(void **state)
{
	(void)state;
	for (u8 kind = 0; kind < 8; kind++) {
		if (kind == MH_F_RECORD)
			continue;
		sent();
		frame[0][0] = kind;
		refused(&pair.i, 0);
		stp_pair_end(&pair);
	}
	for (int d = -1; d <= 1; d += 2) {	/* with the length that it then says */
		sent();
		len[0] += (size_t)d;
		mh_frame_header(frame[0], MH_F_RECORD, (u32)(len[0] - MH_FRAME_HEADER));
		refused(&pair.i, 0);
		stp_pair_end(&pair);
	}
}

static void r17_moved_doubled_dropped(void **state)
{
	(void)state;
	sent();
	assert_int_equal(receive(&pair.i, 0), 0);
	refused(&pair.i, 0);		/* doubled */
	stp_pair_end(&pair);
	sent();
	refused(&pair.i, 1);		/* moved, or the one before dropped */
	stp_pair_end(&pair);
	sent();
	assert_int_equal(receive(&pair.i, 0), 0);
	assert_int_equal(receive(&pair.i, 1), 0);
	refused(&pair.i, 3);
	stp_pair_end(&pair);
}

static void r15_other_direction(void **state)
{
	(void)state;
	sent();
	refused(&pair.r, 0);		/* SP2 is given its own */
	stp_pair_end(&pair);
}

static void r15_another_session(void **state)
{
	static struct stp_pair other;
	static u8 e[32];

	(void)state;
	sent();
	open_pair(&other);
	refused(&other.i, 0);
	stp_pair_end(&other);
	/* SP1's side replayed whole, to a server that draws another e: dead at authI */
	stp_pair_init(&other);
	stp_fill(e, 32, 9);
	other.er = e;
	memcpy(other.hello, pair.hello, sizeof(other.hello));
	other.hello_n = pair.hello_n;
	assert_int_equal(stp_take_hello(&other), 0);
	assert_int_equal(stp_make_challenge(&other, &keys), 0);
	memcpy(other.auth, pair.auth, sizeof(other.auth));
	other.auth_n = pair.auth_n;
	assert_int_equal(stp_take_auth(&other, &keys), -EBADMSG);
	assert_int_equal(other.r.state, MH_STP_DEAD);
	stp_pair_end(&other);
	/* SP2's side replayed to a new hello: dead at its challenge */
	stp_pair_init(&other);
	assert_int_equal(stp_hello(&other, &keys), 0);
	memcpy(other.challenge, pair.challenge, sizeof(other.challenge));
	other.challenge_n = pair.challenge_n;
	assert_int_equal(stp_take_challenge(&other, &keys), -EBADMSG);
	stp_pair_end(&other);
	stp_pair_end(&pair);
}

static void r15_two_to_the_24(void **state)
{
	u8 nonce[MH_NONCE_LEN] = { 0 }, plain[MH_RECORD_HEADER + SIZE];
	struct mh_aead *aead;

	(void)state;
	open_pair(&pair);
	pair.r.tx.n = MH_STP_RECORDS_MAX - 1;
	pair.i.rx.n = MH_STP_RECORDS_MAX - 1;
	len[0] = (size_t)stp_record(&pair.r, MH_R_CHUNK, 1, 'a', SIZE, frame[0]);
	assert_int_equal(receive(&pair.i, 0), 0);
	aead = pair.r.tx.aead;
	pair.r.tx.aead = NULL;
	assert_int_equal(stp_record(&pair.r, MH_R_CHUNK, 1, 'a', SIZE, frame[1]), -EDQUOT);
	assert_int_equal(pair.r.state, MH_STP_DEAD);
	/* one more, from a sender that does not count */
	len[1] = len[0];
	mh_put64(nonce + 4, MH_STP_RECORDS_MAX);
	mh_frame_header(frame[1], MH_F_RECORD, (u32)(len[1] - MH_FRAME_HEADER));
	mh_record_begin(plain, MH_R_CHUNK, 1);
	memset(plain + MH_RECORD_HEADER, 'b', SIZE);
	assert_int_equal(mh_aead_seal(aead, nonce, MH_BUF(frame[1], MH_FRAME_HEADER), plain,
				      sizeof(plain), frame[1] + MH_FRAME_HEADER), 0);
	assert_int_equal(pair.i.rx.n, MH_STP_RECORDS_MAX);
	refused(&pair.i, 1);
	mh_aead_destroy(aead);
	stp_pair_end(&pair);
}

static void r17_sizes(void **state)
{
	static u8 big[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	const size_t most = MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER;
	int n;

	(void)state;
	open_pair(&pair);
	assert_int_equal(stp_record(&pair.r, MH_R_CHUNK, 1, 0, most + 1, big), -EMSGSIZE);
	assert_int_equal(mh_stp_seal(&pair.r, MH_R_CHUNK, 1, big, 10, 34), -EMSGSIZE);
	n = mh_stp_seal(&pair.r, MH_R_CHUNK, 1, big, 10, 35);	/* neither spent a nonce */
	assert_int_equal(n, 35);
	assert_int_equal(mh_stp_open(&pair.i, big, (size_t)n, &rec), 0);
	n = stp_record(&pair.r, MH_R_CHUNK, 1, 0, most, big);
	assert_int_equal(mh_stp_open(&pair.i, big, (size_t)n, &rec), 0);
	assert_int_equal(rec.body.n, most);
	n = stp_record(&pair.r, MH_R_CLOSE, 0, 0, 0, big);
	assert_int_equal(mh_stp_open(&pair.i, big, (size_t)n, &rec), 0);
	assert_int_equal(rec.body.n, 0);
	for (size_t short_n = 0; short_n < 30; short_n++) {
		stp_pair_end(&pair);
		open_pair(&pair);
		n = stp_record(&pair.r, MH_R_CLOSE, 0, 0, 5, big);
		assert_int_equal(n, 30);
		if (short_n >= MH_FRAME_HEADER)
			mh_frame_header(big, MH_F_RECORD, (u32)(short_n - MH_FRAME_HEADER));
		assert_int_equal(mh_stp_open(&pair.i, big, short_n, &rec), -EBADMSG);
		assert_int_equal(pair.i.state, MH_STP_DEAD);
	}
	stp_pair_end(&pair);
}

/* Sealed right, and no record: requests have ids, pushes have none. */
static void r17_record_headers(void **state)
{
	struct mh_record_hdr rec;
	u8 big[MH_FRAME_MAX];

	(void)state;
	for (unsigned int type = 0; type < 256; type++)
		for (u32 request = 0; request < 2; request++) {
			const bool good = type >= MH_R_REQUEST && type <= MH_R_CLOSE &&
					  (type >= MH_R_PUSH) == !request;
			int n;

			open_pair(&pair);
			n = stp_record(&pair.r, (u8)type, request, 0, 3, big);
			assert_int_equal(mh_stp_open(&pair.i, big, (size_t)n, &rec),
					 good ? 0 : -EBADMSG);
			assert_int_equal(pair.i.state, good ? MH_STP_OPEN : MH_STP_DEAD);
			stp_pair_end(&pair);
		}
}

static void r12_receipts_chain(void **state)
{
	u8 a[32] = { 0 }, b[32] = { 0 }, leaf[32] = { 1 }, h[32] = { 2 };

	(void)state;
	mh_receipt_next(a, leaf, 1, h);
	mh_receipt_next(b, leaf, 1, h);
	assert_memory_equal(a, b, 32);
	mh_receipt_next(b, leaf, 2, h);
	mh_receipt_next(a, leaf, 3, h);
	assert_memory_not_equal(a, b, 32);
}

static int setup(void **state)
{
	(void)state;
	return stp_keys_make(&keys, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r17_in_order),
		cmocka_unit_test(r17_every_byte_flipped),
		cmocka_unit_test(r17_header_alone_altered),
		cmocka_unit_test(r17_moved_doubled_dropped),
		cmocka_unit_test(r15_other_direction),
		cmocka_unit_test(r15_another_session),
		cmocka_unit_test(r15_two_to_the_24),
		cmocka_unit_test(r17_sizes),
		cmocka_unit_test(r17_record_headers),
		cmocka_unit_test(r12_receipts_chain),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

// SPDX-License-Identifier: MIT
/* R12: our own handshake vectors, from both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stp_pair.h"
#include "core/vectors/stp.h"

static struct stp_pair pair;

#define SAME(got, got_n, want) do { \
	assert_int_equal(got_n, (want).n); \
	assert_memory_equal(got, (want).p, (want).n); \
} while (0)

static void responder(const struct mh_stp_vector *v)
{
	struct mh_stp *r = &pair.r;
	struct mh_p1 p1;
	struct mh_idi idi;
	struct mh_record_hdr rec;
	u8 digest[32], frame[MH_FRAME_MAX];
	int n;

	assert_int_equal(mh_stp_take_hello(r, v->hello.p, v->hello.n, &p1), 0);
	assert_memory_equal(p1.region, v->region.p, 32);
	assert_int_equal(mh_stp_challenge_begin(r, v->idr, v->er.p, digest, pair.challenge,
						sizeof(pair.challenge)), 0);
	n = mh_stp_challenge_finish(r, v->sigr.p, pair.challenge, sizeof(pair.challenge));
	SAME(pair.challenge, n, v->challenge);
	assert_int_equal(mh_stp_auth_open(r, v->auth.p, v->auth.n, &idi), 0);
	assert_memory_equal(idi.name.p, "host1", 5);
	if (v->mac)
		assert_int_equal(mh_stp_kei_x(v->kei.p, v->x.p, digest), 0);
	assert_int_equal(mh_stp_auth_verify(r, v->auth.p, v->auth.n, v->psk.p,
					    v->mac ? MH_KIND_SECRET : MH_KIND_PAIR,
					    v->mac ? digest : v->kei_pub.p), 0);
	SAME(r->h_auth, 32, v->h);
	SAME(r->authi, 64, v->authi);
	memcpy(frame, v->request.p, v->request.n);
	assert_int_equal(mh_stp_open(r, frame, v->request.n, &rec), 0);
	assert_true(rec.type == MH_R_REQUEST && rec.request == 1);
	n = stp_record(r, MH_R_CHUNK, 1, 'd', 10, frame);
	SAME(frame, n, v->answer);
}

static void initiator(const struct mh_stp_vector *v)
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				  .region = v->region.p, .anchor_serial = 3 };
	const struct mh_idi idi = stp_idi();
	struct mh_stp *i = &pair.i;
	u8 digest[32], frame[MH_FRAME_MAX], kei_x[32];
	struct mh_record_hdr rec;
	int n = mh_stp_hello(i, &p1, v->ei.p, pair.hello, sizeof(pair.hello));

	SAME(pair.hello, n, v->hello);
	assert_int_equal(mh_stp_challenge(i, v->challenge.p, v->challenge.n, pair.idr, &pair.idr_n,
					  pair.sigr), 0);
	SAME(pair.idr, pair.idr_n, v->idr);
	SAME(pair.sigr, 64, v->sigr);
	assert_int_equal(mh_stp_prove_peer(i, v->ksp2_pub.p, pair.sigr), 0);
	assert_int_equal(mh_stp_auth_begin(i, &idi, v->psk.p, digest, pair.auth, sizeof(pair.auth)),
			 0);
	if (v->mac) {
		assert_int_equal(mh_stp_kei_x(v->kei.p, v->x.p, kei_x), 0);
		assert_int_equal(mh_stp_auth_mac(i, kei_x, pair.authi), 0);
		SAME(pair.authi, 64, v->authi);
	} else {
		assert_int_equal(mh_p256_verify(v->kei_pub.p, digest, v->authi.p), 0);
	}
	n = mh_stp_auth_finish(i, v->authi.p, pair.auth, sizeof(pair.auth));
	SAME(pair.auth, n, v->auth);
	n = stp_record(i, MH_R_REQUEST, 1, 'q', 10, frame);
	SAME(frame, n, v->request);
	memcpy(frame, v->answer.p, v->answer.n);
	assert_int_equal(mh_stp_open(i, frame, v->answer.n, &rec), 0);
	assert_true(rec.type == MH_R_CHUNK && rec.body.n == 10 && rec.body.p[9] == 'd');
}

static void psk_of(const struct mh_stp_vector *v)
{
	u8 ecx[32], kpf[32], psk[32], x[32];

	mh_ctx_entity(v->region.p, MH_BUF("host1", 5), ecx);
	mh_ctx_sp2(v->region.p, MH_BUF("repo1", 5), x);
	SAME(x, 32, v->x);
	assert_int_equal(mh_stp_kpf(v->kec, ecx, kpf), 0);
	assert_int_equal(mh_stp_psk(kpf, v->mac ? v->kei.p : NULL, x, psk), 0);
	SAME(psk, 32, v->psk);
}

static void r12_vectors(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(mh_stp_vectors), 2);
	for (size_t n = 0; n < ARRAY_SIZE(mh_stp_vectors); n++) {
		stp_pair_init(&pair);
		psk_of(&mh_stp_vectors[n]);
		responder(&mh_stp_vectors[n]);
		initiator(&mh_stp_vectors[n]);
		stp_pair_end(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(r12_vectors) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

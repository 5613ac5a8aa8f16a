/* SPDX-License-Identifier: MIT */
/*
 * A server that is dishonest and has a good DELEGATION, beside the honest one of hostile.h; and the
 * client of tools/lib, which speaks to it. Once a program.
 */
#ifndef HOSTILE_SP2_H
#define HOSTILE_SP2_H

#include "hostile.h"

#include <pthread.h>
#include <semaphore.h>

static const char data[] = "what is delivered";

static struct {
	u8 key[MH_KEY_LEN], pub[MH_P256_PUB_LEN], x[MH_HASH_LEN];
	struct mh_bytes serve, fresh, epoch;	/* a good DELEGATION, and the honest one's */
	u8 sigr[MH_SIG_LEN];			/* of the honest one, in another session */
	struct mh_stp s;
	int fd;
	u8 frame[MH_FRAME_MAX];
	size_t n;
} sp2;

/* ---- the client, in one thread for all: libcrypto keeps things for each ---- */

static struct {
	struct rd_host h;
	int fd, ret;
	unsigned int fetches;
	struct mh_client c;
	struct mh_client_result r;
} sp1_client;
static sem_t go, gone;

static inline void client(void)
{
	int ret = mh_client_open(&sp1_client.c, &sp1_client.h.id, sp1_client.fd);
	const bool opened = !ret;

	for (unsigned int i = 0; !ret && i < sp1_client.fetches; i++) {
		mh_bytes_free(&sp1_client.r.data);
		ret = mh_client_fetch(&sp1_client.c, "d", 0, NULL, NULL, &sp1_client.r);
	}
	if (opened)
		mh_client_close(&sp1_client.c);
	sp1_client.ret = ret;
}

static inline void *clients(void *arg)
{
	(void)arg;
	for (;;) {
		sem_wait(&go);
		client();
		sem_post(&gone);
	}
	return NULL;
}

/* A new client of ours, whose hello has come */
static inline void sp2_begin(const struct rd_host *h, unsigned int fetches)
{
	const struct timeval t = { .tv_sec = 15 };
	struct mh_p1 p1;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	memset(&sp1_client, 0, sizeof(sp1_client));
	sp1_client.h = *h;
	sp1_client.fd = fd[0];
	sp1_client.fetches = fetches;
	sp2.fd = fd[1];
	sem_post(&go);
	mh_stp_init(&sp2.s, false);
	sp2.n = hostile_frame(sp2.fd, sp2.frame);
	assert_int_equal(mh_stp_take_hello(&sp2.s, sp2.frame, sp2.n, &p1), 0);
}

static inline void sp2_put(const u8 *frame, size_t n)
{
	(void)!send(sp2.fd, frame, n, MSG_NOSIGNAL);
}

/* Our side ends if it has not; what the client came to, and how many bytes it had still sent */
static inline int sp2_join(size_t *more)
{
	u8 buf[4096];
	ssize_t n;

	shutdown(sp2.fd, SHUT_WR);
	sem_wait(&gone);
	*more = 0;
	while ((n = recv(sp2.fd, buf, sizeof(buf), 0)) > 0)
		*more += (size_t)n;
	mh_stp_end(&sp2.s);
	close(sp2.fd);
	return sp1_client.ret;
}

/* ---- the challenge ---- */

/* What is wrong with it; NULL is as it should be */
struct wrong {
	const char *what;
	int want;
	void (*idr)(u8 *idr, size_t *n);
	void (*sign)(const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN]);
	void (*frames)(u8 *frames, size_t *n);	/* may be several */
};

static inline size_t sp2_idr(u8 *idr)
{
	static const u8 versions[] = { MH_STP_VERSION };
	const struct mh_idr m = {
		.versions = MH_BUF(versions, sizeof(versions)),
		.delegation = { mh_bytes_buf(&sp2.serve), mh_bytes_buf(&sp2.fresh) },
		.delegations = 2,
		.epoch = mh_bytes_buf(&sp2.epoch),
	};
	int n = mh_idr_encode(&m, idr, MH_IDR_MAX);

	assert_true(n > 0);
	return (size_t)n;
}

static inline void sp2_challenge(const struct wrong *wrong)
{
	static u8 idr[MH_IDR_MAX], frames[4 * MH_FRAME_MAX];
	u8 digest[MH_HASH_LEN], sig[MH_SIG_LEN];
	size_t n = sp2_idr(idr);
	int ret;

	if (wrong->idr)
		wrong->idr(idr, &n);
	assert_int_equal(mh_stp_challenge_begin(&sp2.s, MH_BUF(idr, n), NULL, digest, frames,
						MH_FRAME_MAX), 0);
	if (wrong->sign)
		wrong->sign(digest, sig);
	else
		assert_int_equal(mh_p256_sign(sp2.key, digest, sig), 0);
	ret = mh_stp_challenge_finish(&sp2.s, sig, frames, MH_FRAME_MAX);
	assert_true(ret > 0);
	n = (size_t)ret;
	if (wrong->frames)
		wrong->frames(frames, &n);
	sp2_put(frames, n);
}

static const struct wrong none;

static inline void statement(struct mh_bytes *out, const char *subject, u8 role, const u8 *pub,
			     u64 from, u64 until)
{
	u8 buf[1024];
	struct mh_writer b;
	size_t before = w.batch.n ? w.batch.n : 2;

	mh_writer_init(&b, buf, sizeof(buf));
	mh_stmt_begin(&b, MH_DELEGATION, w.region, w.anchor_leaf, mh_text(subject), from, from,
		      from, until);
	mh_write_attr(&b, MH_A_KEY, pub, 64);
	if (role == MH_ROLE_SERVE)
		mh_write_attr(&b, MH_A_AUDIT_KEY, w.c.audit, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, role);
	rd_statement(&w, &b, MH_SET_SIGNER, NULL);
	mh_bytes_free(out);
	assert_int_equal(mh_bytes_copy(out, w.batch.p + before + 5, w.batch.n - before - 5), 0);
	w.batch.n = 0;
	w.batch.items = 0;
}

static inline void sp2_auth(const struct rd_host *h)
{
	u8 psk[MH_KEY_LEN], kei_x[MH_KEY_LEN];
	struct mh_idi idi;

	sp2.n = hostile_frame(sp2.fd, sp2.frame);
	assert_int_equal(mh_stp_auth_open(&sp2.s, sp2.frame, sp2.n, &idi), 0);
	sp1_psk(&h->id, sp2.x, psk);
	assert_int_equal(mh_stp_kei_x(h->id.kei, sp2.x, kei_x), 0);
	assert_int_equal(mh_stp_auth_verify(&sp2.s, sp2.frame, sp2.n, psk,
					    h->id.mac ? MH_KIND_SECRET : MH_KIND_PAIR,
					    h->id.mac ? kei_x : h->kei_pub), 0);
}

static inline int sp2_setup(void **state)
{
	pthread_t thread;
	struct mh_idr m;

	(void)state;
	hostile_setup(NULL);
	assert_true(!sem_init(&go, 0, 0) && !sem_init(&gone, 0, 0) &&
		    !pthread_create(&thread, NULL, clients, NULL));
	hostile_share(data, sizeof(data));
	assert_int_equal(mh_p256_generate(sp2.key, sp2.pub), 0);
	mh_ctx_sp2(w.region, MH_BUF("prov1", 5), sp2.x);
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, sp2.pub, (u64)time(NULL),
		  (u64)time(NULL) + 86400);
	sp1_until_auth(&sp1, &host[0]);
	assert_int_equal(mh_idr_decode(&m, MH_BUF(sp1.idr, sp1.idr_n)), 0);
	assert_int_equal(mh_bytes_copy(&sp2.fresh, m.delegation[1].p, m.delegation[1].n), 0);
	assert_int_equal(mh_bytes_copy(&sp2.epoch, m.epoch.p, m.epoch.n), 0);
	memcpy(sp2.sigr, sp1.sigr, sizeof(sp2.sigr));
	sp1_end(&sp1);
	return 0;
}

static inline int sp2_teardown(void **state)
{
	mh_bytes_free(&sp2.serve);
	mh_bytes_free(&sp2.fresh);
	mh_bytes_free(&sp2.epoch);
	return hostile_teardown(state);
}

#endif

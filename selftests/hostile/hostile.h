/* SPDX-License-Identifier: MIT */
/*
 * The real repositoryd of rd_world.h, and an SP1 that does as it likes: each message is made apart
 * from being sent, with any keys, and may be altered between. Around each attack: what repositoryd
 * said of it, what it has on its disk, how many signatures it verified. Hosts of all kinds of keys
 * are enrolled. Once a program.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/sock.h"
#include "selftests/unit/low_order.h"
#include "selftests/unit/rd_world.h"

static struct rd_world w;
static struct rd_host host[4];	/* Kei a secret: 2; Kec a secret: 1 */
static const char *const names[] = { "pairs", "kec-secret", "kei-secret", "secrets" };

/* ---- signatures that repositoryd verifies: the linker puts this in the way ---- */

static u32 *verified;	/* shared with repositoryd, which is a child */
static pid_t self;

int __real_mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
			  const u8 sig[MH_SIG_LEN]);
int __wrap_mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
			  const u8 sig[MH_SIG_LEN]);
int __wrap_mh_p256_verify(const u8 pub[MH_P256_PUB_LEN], const u8 digest[MH_HASH_LEN],
			  const u8 sig[MH_SIG_LEN])
{
	if (getpid() != self)
		__atomic_fetch_add(verified, 1, __ATOMIC_SEQ_CST);
	return __real_mh_p256_verify(pub, digest, sig);
}

/* ---- repositoryd, its log and its disk ---- */

static char hostile_log[128];

static inline void hostile_start(void)
{
	int err = dup(2), fd;

	snprintf(hostile_log, sizeof(hostile_log), "%s/log", w.dir);
	fd = open(hostile_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(err >= 0 && fd >= 0);
	dup2(fd, 2);
	assert_int_equal(rd_start(&w), 0);
	dup2(err, 2);
	close(err);
	close(fd);
}

/* It runs; its DELEGATIONs and the hosts' ENTITYs are in the batch */
static inline void hostile_setup(const char *extra)
{
	setenv("RD_LOG", "info", 1);
	verified = mmap(NULL, sizeof(*verified), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(verified != MAP_FAILED);
	self = getpid();
	rd_setup(&w, NULL, extra);
	hostile_start();
	rd_delegate(&w, 1);
	for (int i = 0; i < 4; i++) {
		rd_host_make(&w, &host[i], names[i], i & 2, !(i & 1));
		rd_enrol_again(&w, &host[i], 1);
	}
}

/* Once that is set up: DataSet "d" of mode session, for all of them; submits the batch */
static inline void hostile_share(const void *data, size_t n)
{
	rd_group(&w, "all", "d");
	rd_dataset(&w, "d", MH_MODE_SESSION);
	for (int i = 0; i < 4; i++)
		rd_member(&w, "all", names[i]);
	rd_instance(&w, "d", 1, MH_MODE_SESSION, NULL, data, n);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
}

static inline int hostile_teardown(void **state)
{
	struct mh_bytes said = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		rd_host_free(&host[i]);
	if (rd_stop(&w, SIGTERM) && !mh_file_read(hostile_log, 1 << 24, &said))
		fail_msg("repositoryd: %.*s", (int)said.n, said.p);
	unlink(hostile_log);
	rd_teardown(&w);
	return 0;
}

/* What may not change by an attack: store, audit and the keeper's file, byte by byte */
static inline void on_disk(u8 sha[MH_HASH_LEN])
{
	char pattern[96];
	struct mh_sha256 h;
	glob_t g = { 0 };

	snprintf(pattern, sizeof(pattern), "%s/[sk]/*", w.dir);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	mh_sha256_init(&h);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct mh_bytes b = { 0 };

		assert_int_equal(mh_file_read(g.gl_pathv[i], 1 << 24, &b), 0);
		mh_sha256_update(&h, g.gl_pathv[i], strlen(g.gl_pathv[i]));
		mh_sha256_update(&h, b.p, b.n);
		mh_bytes_free(&b);
	}
	globfree(&g);
	mh_sha256_final(&h, sha);
}

static inline size_t log_size(void)
{
	struct mh_bytes said;
	size_t n;

	assert_int_equal(mh_file_read(hostile_log, 1 << 24, &said), 0);
	n = said.n;
	mh_bytes_free(&said);
	return n;
}

/* Lines of the log after byte from that have this in them */
static inline unsigned int log_lines(size_t from, const char *what)
{
	struct mh_bytes said;
	unsigned int n = 0;
	u8 *at;

	assert_int_equal(mh_file_read(hostile_log, 1 << 24, &said), 0);
	while (from < said.n && (at = memmem(said.p + from, said.n - from, what, strlen(what)))) {
		from = (size_t)(at - said.p) + strlen(what);
		n++;
	}
	mh_bytes_free(&said);
	return n;
}

/* ---- SP1 ---- */

struct sp1 {
	struct mh_stp s;
	const struct rd_host *h;
	int fd;
	u8 hello[MH_FRAME_HEADER + MH_HELLO_MAX];
	u8 challenge[MH_FRAME_MAX];
	u8 auth[MH_FRAME_HEADER + MH_AUTH_LEN];
	size_t hello_n, challenge_n;
	u8 idr[MH_IDR_MAX];
	size_t idr_n;
	u8 sigr[MH_SIG_LEN];
	struct mh_idi idi;
	u8 x[MH_HASH_LEN], psk[MH_KEY_LEN], digest[MH_HASH_LEN];	/* digest: H(A) */
};

static struct sp1 sp1;

static inline int hostile_dial(void)
{
	int fd = mh_client_dial(w.socket, 15);

	assert_true(fd >= 0);
	return fd;
}

static inline void sp1_begin(struct sp1 *p, const struct rd_host *h)
{
	memset(p, 0, sizeof(*p));
	p->h = h;
	p->fd = hostile_dial();
	p->idi = (struct mh_idi){ .name = mh_text(h->id.name),
				  .entity_serial = h->id.entity_serial, .sessions = 1 };
	assert_int_equal(mh_random(p->idi.incarnation, sizeof(p->idi.incarnation)), 0);
	mh_ctx_sp2(w.region, MH_BUF("repo1", 5), p->x);
	mh_stp_init(&p->s, true);
}

static inline void sp1_end(struct sp1 *p)
{
	mh_stp_end(&p->s);
	close(p->fd);
}

static inline void sp1_put(const struct sp1 *p, const u8 *frame, size_t n)
{
	/* one that is closed already is no surprise */
	(void)!send(p->fd, frame, n, MSG_NOSIGNAL);
}

/* A hello of any P1 and, if there is one, another e than ours, with the tag that anyone can make */
static inline void sp1_forge_hello(struct sp1 *p, const u8 *p1, size_t n, const u8 *e)
{
	const struct mh_buf prologue[] = { MH_L("stp"), MH_BUF(p1, n) };
	u8 *at = p->hello + MH_FRAME_HEADER;

	assert_true(n <= MH_P1_MAX);
	assert_int_equal(mh_random(p->s.e, 32), 0);
	assert_int_equal(mh_x25519_public(p->s.e_pub, p->s.e), 0);
	mh_put16(at, (u16)n);
	memcpy(at + 2, p1, n);
	at += 2 + n;
	memcpy(at, e ? e : p->s.e_pub, 32);
	mh_noise_init(&p->s.noise, MH_BUF(MH_STP_PROTOCOL, sizeof(MH_STP_PROTOCOL) - 1), prologue,
		      2);
	mh_noise_mix_hash(&p->s.noise, MH_BUF(at, 32));
	assert_int_equal(mh_noise_mix_key(&p->s.noise, MH_BUF(at, 32)), 0);
	assert_int_equal(mh_noise_encrypt_and_hash(&p->s.noise, at, 0, at + 32), 0);
	p->hello_n = MH_FRAME_HEADER + 2 + n + 32 + MH_TAG_LEN;
	mh_frame_header(p->hello, MH_F_HELLO, (u32)(p->hello_n - MH_FRAME_HEADER));
	p->s.state = MH_STP_HELLO_SENT;
}

static inline void sp1_make_hello(struct sp1 *p)
{
	const struct mh_p1 right = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				     .region = w.region, .anchor_serial = 1 };
	u8 p1[MH_P1_MAX];
	int n = mh_p1_encode(&right, p1, sizeof(p1));

	assert_true(n > 0);
	sp1_forge_hello(p, p1, (size_t)n, NULL);
}

/* A whole frame; its length, or 0 at the end of the stream */
static inline size_t hostile_frame(int fd, u8 *frame)
{
	u32 len;
	u8 kind;

	if (mh_sock_recv(fd, frame, MH_FRAME_HEADER))
		return 0;
	assert_int_equal(mh_frame_parse(frame, &kind, &len), 0);
	assert_int_equal(mh_sock_recv(fd, frame + MH_FRAME_HEADER, len), 0);
	return MH_FRAME_HEADER + len;
}

/* Takes the challenge; sigR is repositoryd's */
static inline void sp1_take_challenge(struct sp1 *p)
{
	p->challenge_n = hostile_frame(p->fd, p->challenge);
	assert_int_equal(p->challenge[0], MH_F_CHALLENGE);
	assert_int_equal(mh_stp_challenge(&p->s, p->challenge, p->challenge_n, p->idr, &p->idr_n,
					  p->sigr), 0);
	assert_int_equal(mh_stp_prove_peer(&p->s, w.c.sp2, p->sigr), 0);
}

/* The psk of keys that are not an Entity's own, or not for this server */
static inline void sp1_psk(const struct mh_client_identity *id, const u8 x[32], u8 psk[32])
{
	assert_int_equal(mh_stp_psk_of(MH_BUF(id->kec.pair ? id->kec.pub : id->kec.key, 32),
				       id->kec.ctx, id->mac ? id->kei : NULL, x, psk), 0);
}

/* Until H(A) is known: with these bytes for idI and this psk, or the right ones */
static inline void sp1_auth_begin(struct sp1 *p, const u8 *idi, const u8 *psk)
{
	const struct mh_buf a[] = { MH_L("auth SP1"), MH_BUF(p->s.h_auth, MH_HASH_LEN),
				    MH_BUF(p->s.idi, MH_IDI_LEN) };

	if (idi)
		memcpy(p->s.idi, idi, MH_IDI_LEN);
	else
		assert_int_equal(mh_idi_encode(&p->idi, p->s.idi), MH_IDI_LEN);
	sp1_psk(&p->h->id, p->x, p->psk);
	assert_int_equal(mh_noise_encrypt_and_hash(&p->s.noise, p->s.idi, MH_IDI_LEN,
						   p->auth + MH_FRAME_HEADER), 0);
	assert_int_equal(mh_noise_mix_key_and_hash(&p->s.noise, MH_BUF(psk ? psk : p->psk, 32)), 0);
	memcpy(p->s.h_auth, p->s.noise.h, MH_HASH_LEN);
	mh_sha256v(p->digest, a, ARRAY_SIZE(a));
	p->s.state = MH_STP_AUTH_BEGUN;
}

/* What the Entity itself would prove itself by */
static inline void sp1_authi(struct sp1 *p, u8 authi[MH_SIG_LEN])
{
	assert_int_equal(mh_stp_authi(&p->s, p->h->id.mac ? MH_KIND_SECRET : MH_KIND_PAIR,
				      p->h->id.kei, p->x, p->digest, authi), 0);
}

static inline void sp1_auth_finish(struct sp1 *p, const u8 *authi)
{
	u8 right[MH_SIG_LEN];

	sp1_authi(p, right);
	assert_int_equal(mh_stp_auth_finish(&p->s, authi ? authi : right, p->auth,
					    sizeof(p->auth)), sizeof(p->auth));
}

/* Up to an auth that is right, and was not sent */
static inline void sp1_until_auth(struct sp1 *p, const struct rd_host *h)
{
	sp1_begin(p, h);
	sp1_make_hello(p);
	sp1_put(p, p->hello, p->hello_n);
	sp1_take_challenge(p);
	sp1_auth_begin(p, NULL, NULL);
	sp1_auth_finish(p, NULL);
}

static inline size_t sp1_seal(struct sp1 *p, u8 type, u32 request, const void *body, size_t n,
			      u8 *frame)
{
	int ret;

	if (n)
		memcpy(frame + MH_FRAME_HEADER + MH_RECORD_HEADER, body, n);
	ret = mh_stp_seal(&p->s, type, request, frame, n, MH_FRAME_MAX);
	assert_true(ret > 0);
	return (size_t)ret;
}

static inline size_t sp1_request(struct sp1 *p, u32 id, const char *name, u8 *frame)
{
	static const u8 zero[32];
	const struct mh_request q = { .name = mh_text(name), .purpose = MH_PURPOSE_FETCH,
				      .held = zero, .statements = zero };
	u8 body[512];
	int n = mh_request_encode(&q, body, sizeof(body));

	assert_true(n > 0);
	return sp1_seal(p, MH_R_REQUEST, id, body, (size_t)n, frame);
}

/* ---- what an attack comes to ---- */

struct before {
	u8 disk[MH_HASH_LEN];
	size_t log;
	u32 verified;
};

static inline struct before hostile_before(void)
{
	struct before b = { .log = log_size(), .verified = *verified };

	on_disk(b.disk);
	return b;
}

/* Not a byte comes, and then an end that is no reset: all that a peer may learn */
static inline void ends_silently(int fd, const char *what)
{
	u8 got[64];
	ssize_t n = recv(fd, got, sizeof(got), 0);

	if (n)
		fail_msg("%s: %zd bytes came, errno %d", what, n, n < 0 ? errno : 0);
}

/* Closed without a word for this reason, after so many signatures; nothing changed */
static inline void refused_for(const struct sp1 *p, const struct before *b, const char *what,
			       const char *reason, u32 signatures)
{
	char line[64];
	u8 disk[MH_HASH_LEN];

	ends_silently(p->fd, what);
	snprintf(line, sizeof(line), "closed: %s", reason);
	if (log_lines(b->log, line) != 1 || log_lines(b->log, "authenticated"))
		fail_msg("%s: not '%s' in the log, once", what, line);
	if (*verified - b->verified != signatures)
		fail_msg("%s: %u signatures verified, not %u", what, *verified - b->verified,
			 signatures);
	on_disk(disk);
	if (memcmp(disk, b->disk, sizeof(disk)))
		fail_msg("%s: the store, its audit or the keeper's file changed", what);
}

/*
 * A byte of a frame's length altered: more is waited for, and the end comes instead, or what came
 * is not all of it.  Neither is told from the other by a byte.
 */
static inline void of_another_length(const struct sp1 *p, const struct before *b)
{
	u8 disk[MH_HASH_LEN];

	shutdown(p->fd, SHUT_WR);
	ends_silently(p->fd, "another length");
	assert_int_equal(log_lines(b->log, "authenticated"), 0);
	assert_int_equal(*verified, b->verified);
	on_disk(disk);
	assert_memory_equal(disk, b->disk, sizeof(disk));
}

/* Whether a host is served; nothing before it harmed that */
static inline void hostile_serves(struct rd_host *h, const char *dataset, const void *want,
				  size_t n)
{
	struct mh_client_result r;
	struct mh_client c;

	assert_int_equal(mh_client_open(&c, &h->id, hostile_dial()), 0);
	assert_int_equal(mh_client_fetch(&c, dataset, 0, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	assert_true(r.data.n == n && !memcmp(r.data.p, want, n));
	mh_bytes_free(&r.data);
	mh_client_close(&c);
}

#endif

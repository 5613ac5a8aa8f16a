// SPDX-License-Identifier: MIT
/*
 * R50 R16 R36: repositoryd where what it may use ends: descriptors, memory for answers that nobody
 * reads.  And a genesis that is bad.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w;
static struct rd_host alice;
static const char key_data[] = "thirty-two bytes of secret key!!";

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, "handshake = 60");
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, 1);
	rd_enrol(&w, &alice, "alice");
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	rd_group(&w, "ga", "disk/a");
	rd_member(&w, "ga", "alice");
	rd_instance(&w, "disk/a", 1, MH_MODE_SESSION, NULL, key_data, 32);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_teardown(&w);
	return 0;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	assert_int_equal(clock_gettime(clock, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fetched(struct mh_client *c)
{
	struct mh_client_result r;

	assert_int_equal(mh_client_fetch(c, "disk/a", 0, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	mh_bytes_free(&r.data);
}

static bool closed(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	u8 b;

	return poll(&p, 1, ms) == 1 && recv(fd, &b, 1, MSG_DONTWAIT) <= 0;
}

static bool officer_is_served(void)
{
	struct mh_bytes reply = { 0 };
	int fd = mh_admin_connect(w.admin);
	u8 status = 255;

	assert_true(fd >= 0);
	if (!mh_admin_call(fd, MH_ADMIN_CARD, MH_BUF(NULL, 0), &status, &reply))
		mh_bytes_free(&reply);
	close(fd);
	return !status;
}

static struct rlimit limit(rlim_t soft)
{
	struct rlimit now, then;

	assert_int_equal(prlimit(w.pid, RLIMIT_NOFILE, NULL, &now), 0);
	then = now;
	then.rlim_cur = soft;
	assert_int_equal(prlimit(w.pid, RLIMIT_NOFILE, &then, NULL), 0);
	return now;
}

/* What max_connections needs is asked for, whatever was inherited. */
static void raised(void **state)
{
	struct rlimit own, was;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &own), 0);
	was = own;
	own.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &own), 0);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(prlimit(w.pid, RLIMIT_NOFILE, NULL, &own), 0);
	assert_int_equal(own.rlim_cur, 1024 + MH_DESCRIPTORS_OWN);
}

/* Where it may not be raised, it does not start. */
static void refused(void **state)
{
	const struct rlimit low = { 1024, 1024 };
	struct rd_world other;
	int st;

	(void)state;
	rd_setup(&other, NULL, NULL);
	pid_t pid = fork();

	if (!pid)
		_exit(setrlimit(RLIMIT_NOFILE, &low) ? 99 : rd_start(&other));
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), MH_RD_CONFIG);
	rd_teardown(&other);
}

/* The daemon's own time for them */
static double a_hundred(struct mh_client *c, clockid_t clock)
{
	double began = seconds(clock);

	for (int i = 0; i < 100; i++)
		fetched(c);
	return seconds(clock) - began;
}

/* Hosts are turned away before the last descriptors go, which are for officers. */
static void kept_for_officers(void **state)
{
	struct rlimit was = limit(96);
	struct mh_client c;
	int fd[80], away = 0;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = rd_dial(&w);
	fetched(&c);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		away += closed(fd[i], 50);
	assert_true(away > 20 && away < 80);
	assert_true(officer_is_served());
	fetched(&c);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	mh_client_close(&c);
	limit(was.rlim_cur);
}

/* None left at all: who is in is served, who waits is served when there is one, nothing spins. */
static void none_left(void **state)
{
	double began, cpu, usual;
	struct mh_client c, late;
	struct rlimit was;
	clockid_t clock;
	int fd[100];

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(clock_getcpuclockid(w.pid, &clock), 0);
	usual = a_hundred(&c, clock);
	was = limit(3);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = rd_dial(&w);
	assert_true(a_hundred(&c, clock) < 2 * usual + 0.5);
	cpu = seconds(clock);
	usleep(1500000);
	assert_true(seconds(clock) - cpu < 0.1);
	/* the hundred are closed by now, and the one that comes last is waited for */
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	limit(was.rlim_cur);
	began = seconds(CLOCK_MONOTONIC);
	assert_int_equal(rd_connect(&w, &alice, &late), 0);
	fetched(&late);
	assert_true(seconds(CLOCK_MONOTONIC) - began < 2);
	mh_client_close(&late);
	assert_true(officer_is_served());
	fetched(&c);
	mh_client_close(&c);
}

/* What they send is a hello that holds, and no more */
static int half(void)
{
	u8 hello[MH_FRAME_HEADER + MH_HELLO_MAX], challenge[16];
	const size_t n = rd_hello(&w, hello);
	int fd = rd_dial(&w);

	assert_int_equal(send(fd, hello, n, MSG_NOSIGNAL), n);
	assert_int_equal(recv(fd, challenge, sizeof(challenge), MSG_WAITALL), sizeof(challenge));
	return fd;
}

/* Behind all that came */
static bool ended(int fd)
{
	u8 b[1024];
	ssize_t n;

	do
		n = recv(fd, b, sizeof(b), MSG_DONTWAIT);
	while (n > 0);
	return !n || errno != EAGAIN;
}

/*
 * All places held by who says nothing, then by who says hello and no more: a host that comes new is
 * served.  Held by hosts, they are theirs.
 */
static void r50_places_held(void **state)
{
	enum { PLACES = 40 };
	int fd[2 * PLACES], gone;
	struct mh_client c[PLACES], late;

	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_write_ini(&w, "handshake = 60\nmax_connections = 40");
	assert_int_equal(rd_start(&w), 0);
	for (int silent = 0; silent < 2; silent++) {
		for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
			fd[i] = silent ? rd_dial(&w) : half();
		assert_int_equal(rd_connect(&w, &alice, &late), 0);
		fetched(&late);
		gone = 0;
		for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
			gone += ended(fd[i]);
		assert_int_equal(gone, PLACES + 1);
		assert_false(ended(fd[2 * PLACES - 1]));	/* the newest keeps its place */
		for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
			close(fd[i]);
		mh_client_close(&late);
	}
	for (size_t i = 0; i < PLACES; i++)
		assert_int_equal(rd_connect(&w, &alice, &c[i]), 0);
	for (size_t i = 0; i < PLACES; i++)
		fetched(&c[i]);
	assert_true(rd_connect(&w, &alice, &late) < 0);
	for (size_t i = 0; i < PLACES; i++) {
		fetched(&c[i]);
		mh_client_close(&c[i]);
	}
}

/* ---- an officer's tool that asks and does not read ---- */

/* That many requests for all of the audit, unread */
static int ask_much(unsigned int n)
{
	u8 ask[4 + 1 + 44] = { 0 };
	int fd = mh_admin_connect(w.admin);

	assert_true(fd >= 0);
	mh_put32(ask, 45);
	ask[4] = MH_ADMIN_AUDIT;
	mh_put64(ask + 5 + 32, 1);
	mh_put32(ask + 5 + 40, 4096);
	while (n--)
		assert_int_equal(send(fd, ask, sizeof(ask), MSG_NOSIGNAL), sizeof(ask));
	return fd;
}

static void read_all(int fd, void *to, size_t n)
{
	for (ssize_t got; n; n -= (size_t)got, to = (u8 *)to + got) {
		got = recv(fd, to, n, 0);
		assert_true(got > 0);
	}
}

static void unread_answers(void **state)
{
	static u8 body[1 << 20];
	struct pollfd stalled = { .events = POLLRDHUP };
	double began = seconds(CLOCK_MONOTONIC);
	struct mh_client c;
	size_t before;
	int fd;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	for (int i = 0; i < 500; i++)
		fetched(&c);
	before = rd_resident(&w);
	stalled.fd = ask_much(400);
	fd = ask_much(400);
	fetched(&c);
	usleep(1000000);
	assert_true(rd_resident(&w) - before < 16 << 20);
	assert_true(officer_is_served());
	/* all of it is there for who reads */
	for (int i = 0; i < 400; i++) {
		u8 head[5];
		u32 n;

		read_all(fd, head, 5);
		n = mh_get32(head) - 1;
		assert_int_equal(head[4], MH_ADMIN_OK);
		assert_true(n > 100000 && n <= sizeof(body));
		read_all(fd, body, n);
	}
	close(fd);
	/* who does not is let go of */
	assert_int_equal(poll(&stalled, 1, 45000), 1);
	assert_true(seconds(CLOCK_MONOTONIC) - began > 25);
	close(stalled.fd);
	fetched(&c);
	mh_client_close(&c);
}

/* A genesis that does not verify leaves nothing, in the store or in the way of the good one. */
static void bad_genesis(void **state)
{
	static struct rd_batch good;
	struct rd_world other;
	struct mh_bytes reply;

	(void)state;
	rd_setup(&other, NULL, NULL);
	assert_int_equal(rd_start(&other), 0);
	rd_delegate(&other, 1);
	good = other.batch;
	/* the last byte of its signature: the first item's end */
	other.batch.p[2 + 5 + mh_get32(other.batch.p + 3) - 1] ^= 1;
	assert_int_equal(rd_submit(&other), MH_ADMIN_DENIED);
	for (int i = 0; i < 2; i++) {
		const u8 any[2] = { 0 };

		assert_int_equal(rd_call(&other, MH_ADMIN_REGIONS, MH_BUF(any, 2), &reply), 0);
		assert_int_equal(mh_get16(reply.p), 0);
		mh_bytes_free(&reply);
		assert_int_equal(rd_stop(&other, SIGTERM), 0);
		assert_int_equal(rd_start(&other), 0);
	}
	other.batch = good;
	assert_int_equal(rd_submit(&other), MH_ADMIN_OK);
	rd_teardown(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raised),
		cmocka_unit_test(refused),
		cmocka_unit_test(kept_for_officers),
		cmocka_unit_test(none_left),
		cmocka_unit_test(r50_places_held),
		cmocka_unit_test(unread_answers),
		cmocka_unit_test(bad_genesis),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

// SPDX-License-Identifier: MIT
/*
 * Who sits between agent and repositoryd, or plays one of them from what was recorded.
 *
 *   replay_relay relay LISTEN UPSTREAM record FILE
 *   replay_relay relay LISTEN UPSTREAM WAY N WHAT [ARG]
 *	one connection after the other, frame by frame; the first is recorded, or of each
 *	the Nth frame that goes WAY (up, down) is altered: flip K (a bit of byte K, from the
 *	end if negative), sweep STEP (a bit of the byte that is STEP further each time, from
 *	the first), point (e in it, of low order, the next each time), cut K (its last K
 *	bytes), drop, double, swap (with the next), graft FILE (the recorded Nth in its place),
 *	insert FILE (the recorded Nth before it).  At each end: "over", frames up and down
 *   replay_relay play LISTEN FILE turns|now
 *	the server's frames: as the client's come, or all at once
 *   replay_relay replay UPSTREAM FILE turns|now FROM TO SECONDS
 *	the client's frames FROM to TO; what came back, and whether it was closed by then
 *   replay_relay list FILE
 *	a frame a line: way, number, kind, bytes
 *
 * All addresses are unix sockets.  A recording is a list of: u8 way, frame.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/messages.h"
#include "lib/sock.h"
#include "lib/util.h"
#include "selftests/unit/low_order.h"

#define RECORDING_MAX	(16 * 1024 * 1024)

enum way { UP, DOWN };

static const char *const ways[] = { "up", "down" };

struct frame {
	enum way way;
	size_t n;
	u8 b[MH_FRAME_MAX];
};

static int die(const char *what)
{
	fprintf(stderr, "replay_relay: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (!*s || *end) {
		errno = EINVAL;
		die(s);
	}
	return v;
}

/* ---- sockets ---- */

static int at(const char *path, bool bound)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (bound)
		unlink(path);
	if (fd < 0 || (bound ? bind(fd, (struct sockaddr *)&sa, sizeof(sa)) :
			       connect(fd, (struct sockaddr *)&sa, sizeof(sa))) ||
	    (bound && listen(fd, 8)))
		die(path);
	if (bound)
		printf("listening\n");
	return fd;
}

static int next_client(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		die("accept");
	return fd;
}

static bool get(int fd, struct frame *f, enum way way)
{
	u32 len;
	u8 kind;

	f->way = way;
	if (mh_sock_recv(fd, f->b, MH_FRAME_HEADER) || mh_frame_parse(f->b, &kind, &len) ||
	    mh_sock_recv(fd, f->b + MH_FRAME_HEADER, len))
		return false;
	f->n = MH_FRAME_HEADER + len;
	return true;
}

static bool put(int fd, const struct frame *f)
{
	return !mh_sock_send(fd, f->b, f->n);
}

/* ---- recordings ---- */

static struct mh_bytes load(const char *path)
{
	struct mh_bytes all = { 0 };

	errno = -mh_file_read(path, RECORDING_MAX, &all);
	if (errno)
		die(path);
	return all;
}

/* The frame at *p, and past it; false at the end */
static bool recorded(const struct mh_bytes *all, size_t *p, struct frame *f)
{
	u32 len;
	u8 kind;

	if (all->n - *p < 1 + MH_FRAME_HEADER ||
	    mh_frame_parse(all->p + *p + 1, &kind, &len) ||
	    all->n - *p - 1 < MH_FRAME_HEADER + (size_t)len)
		return false;
	f->way = all->p[*p] ? DOWN : UP;
	f->n = MH_FRAME_HEADER + len;
	memcpy(f->b, all->p + *p + 1, f->n);
	*p += 1 + f->n;
	return true;
}

static void recorded_nth(const char *path, enum way way, unsigned int n, struct frame *f)
{
	struct mh_bytes all = load(path);
	size_t p = 0;

	while (n && recorded(&all, &p, f))
		n -= f->way == way;
	mh_bytes_free(&all);
	if (n) {
		errno = ENODATA;
		die(path);
	}
}

static void record(FILE *to, const struct frame *f)
{
	if (fputc(f->way, to) == EOF || fwrite(f->b, f->n, 1, to) != 1 || fflush(to))
		die("recording");
}

static int list(const char *path)
{
	struct mh_bytes all = load(path);
	unsigned int n[2] = { 0 };
	struct frame f;
	size_t p = 0;

	while (recorded(&all, &p, &f))
		printf("%s %u %u %zu\n", ways[f.way], ++n[f.way], f.b[0], f.n);
	mh_bytes_free(&all);
	return 0;
}

/* ---- relay ---- */

struct alter {
	FILE *record;
	enum way way;
	unsigned int n;
	const char *what, *arg;
	size_t turn;
	struct frame held;		/* swap: until the next has gone */
};

/* Each time another, and the first after the last */
static void alter_next(struct alter *a, struct frame *f)
{
	const size_t n = a->turn++;

	if (!strcmp(a->what, "point"))
		low_order(f->b + MH_FRAME_HEADER, n % LOW_ORDER);
	else
		f->b[n % ((f->n - 1) / (size_t)number(a->arg) + 1) * (size_t)number(a->arg)] ^=
			0x10;
}

/* The frame that is to be altered */
static bool alter(struct alter *a, int to, struct frame *f)
{
	static struct frame old;
	const char *what = a->what;
	long k = 0;

	printf("altered\n");
	if (!strcmp(what, "sweep") || !strcmp(what, "point")) {
		alter_next(a, f);
		return put(to, f);
	}
	if (!strcmp(what, "flip") || !strcmp(what, "cut"))
		k = number(a->arg);
	if (!strcmp(what, "flip"))
		f->b[(size_t)(k < 0 ? k + (long)f->n : k) % f->n] ^= 0x10;
	else if (!strcmp(what, "cut"))
		f->n -= (size_t)k < f->n ? (size_t)k : f->n;
	else if (!strcmp(what, "drop"))
		return true;
	else if (!strcmp(what, "double"))
		return put(to, f) && put(to, f);
	else if (!strcmp(what, "swap"))
		a->held = *f;
	else if (!strcmp(what, "graft") || !strcmp(what, "insert"))
		recorded_nth(a->arg, a->way, a->n, &old);
	else
		die(what);
	if (!strcmp(what, "swap"))
		return true;
	if (!strcmp(what, "graft"))
		return put(to, &old);
	if (!strcmp(what, "insert") && !put(to, &old))
		return false;
	return put(to, f);
}

static bool pass_on(struct alter *a, int from, int to, enum way way, unsigned int n)
{
	static struct frame f;

	if (!get(from, &f, way))
		return false;
	if (a->record)
		record(a->record, &f);
	if (a->what && a->way == way && a->n == n)
		return alter(a, to, &f);
	if (!put(to, &f))
		return false;
	if (a->what && a->held.n && a->way == way && n == a->n + 1)
		return put(to, &a->held);
	return true;
}

static void between(struct alter *a, int client, int server)
{
	struct pollfd p[2] = { [UP] = { .fd = client, .events = POLLIN },
			       [DOWN] = { .fd = server, .events = POLLIN } };
	unsigned int n[2] = { 0 };
	bool both = true;

	a->held.n = 0;
	while (both && poll(p, 2, -1) > 0)
		for (enum way w = UP; w <= DOWN && both; w++)
			if (p[w].revents) {
				both = pass_on(a, p[w].fd, p[!w].fd, w, n[w] + 1);
				n[w] += both;
			}
	printf("over %u %u\n", n[UP], n[DOWN]);
}

static int relay(char **v, int c)
{
	static struct alter a;
	int listener;

	if (!strcmp(v[2], "record")) {
		a.record = fopen(v[3], "we");
		if (!a.record)
			die(v[3]);
	} else if (c >= 5) {
		a.way = strcmp(v[2], "up") ? DOWN : UP;
		a.n = (unsigned int)number(v[3]);
		a.what = v[4];
		a.arg = c > 5 ? v[5] : "";
	} else {
		return 2;
	}
	listener = at(v[0], true);
	for (;;) {
		int client = next_client(listener), server = at(v[1], false);

		between(&a, client, server);
		close(client);
		close(server);
		if (a.record)
			fclose(a.record);
		a.record = NULL;
	}
}

/* ---- from a recording ---- */

/* One client; what it says beyond the recording is read and thrown away. */
static void play_once(int client, const struct mh_bytes *all, bool turns)
{
	static struct frame f, got;
	bool there = true;
	size_t p = 0;

	while (there && recorded(all, &p, &f)) {
		if (f.way == DOWN)
			there = put(client, &f);
		else if (turns)
			there = get(client, &got, UP);
	}
	printf("played %s\n", there ? "all" : "some");
	while (there)
		there = get(client, &got, UP);
}

static int play(char **v, int c)
{
	struct mh_bytes all = load(v[1]);
	int listener;

	if (c != 3)
		return 2;
	listener = at(v[0], true);
	for (;;) {
		int client = next_client(listener);

		play_once(client, &all, !strcmp(v[2], "turns"));
		close(client);
	}
}

/* What comes back is counted by kind. true: no more will come */
static bool answer(int server, unsigned int kinds[8])
{
	static struct frame got;

	if (!get(server, &got, DOWN))
		return true;
	kinds[got.b[0] & 7]++;
	return false;
}

static int replay(char **v, int c)
{
	struct timeval end, now, patience = { 0 };
	struct mh_bytes all = load(v[1]);
	static struct frame f;
	unsigned int kinds[8] = { 0 };
	bool closed = false;
	long n = 0, sent = 0;
	size_t p = 0;
	int server;

	if (c != 6)
		return 2;
	patience.tv_sec = number(v[5]);
	server = at(v[0], false);
	if (setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("setsockopt");
	gettimeofday(&now, NULL);
	timeradd(&now, &patience, &end);
	while (!closed && recorded(&all, &p, &f)) {
		if (f.way == DOWN) {	/* only what was asked for is waited for */
			if (!strcmp(v[2], "turns") && sent && sent == n)
				closed = answer(server, kinds);
		} else if (++n >= number(v[3]) && n <= number(v[4])) {
			closed = !put(server, &f);
			sent = closed ? sent : n;
		}
	}
	while (!closed)
		closed = answer(server, kinds);
	gettimeofday(&now, NULL);
	printf("challenges=%u records=%u %s\n", kinds[MH_F_CHALLENGE], kinds[MH_F_RECORD],
	       timercmp(&now, &end, <) ? "closed" : "open");
	mh_bytes_free(&all);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "list"))
		return list(argv[2]);
	if (argc < 5)
		return 2;
	if (!strcmp(argv[1], "relay") && argc >= 6)
		return relay(argv + 2, argc - 2);
	if (!strcmp(argv[1], "play"))
		return play(argv + 2, argc - 2);
	if (!strcmp(argv[1], "replay"))
		return replay(argv + 2, argc - 2);
	return 2;
}

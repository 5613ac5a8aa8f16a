// SPDX-License-Identifier: MIT
/*
 * The other end of a connection, being no good.
 *
 *	bad_peer to ADDRESS KIND SECONDS     closed T | open: who ended it, after how many seconds
 *	bad_peer many ADDRESS N SECONDS      holds N connections open; how many the other end closed
 *	bad_peer serve ADDRESS KIND [FILE]   until it is killed
 *
 * ADDRESS is 127.0.0.1:PORT or a unix socket's path.  KIND: close, silence, garbage (no end of
 * it), half (of a frame), slow (a byte each tenth of a second), huge (a length past all), empty
 * (frames of no length), early (a record before any handshake), text, echo, anchors (FILE in
 * frames without end), hello (right, and then nothing).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/stp.h"
#include "lib/util.h"

static struct mh_bytes file;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int address(const char *text, struct sockaddr_storage *a, socklen_t *n)
{
	struct sockaddr_un *un = (void *)a;
	struct sockaddr_in *in = (void *)a;
	const char *colon = strrchr(text, ':');

	memset(a, 0, sizeof(*a));
	if (*text == '/') {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "%s", text);
		*n = sizeof(*un);
		return AF_UNIX;
	}
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in->sin_port = htons((u16)(colon ? strtoul(colon + 1, NULL, 10) : 0));
	*n = sizeof(*in);
	return AF_INET;
}

static int dial(const char *text)
{
	struct sockaddr_storage a;
	socklen_t n;
	int fd = socket(address(text, &a, &n), SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, n)) {
		printf("connect: %s\n", strerrorname_np(errno));
		exit(1);
	}
	return fd;
}

static bool put(int fd, const void *p, size_t n)
{
	const u8 *b = p;

	while (n) {
		ssize_t got = send(fd, b, n, MSG_NOSIGNAL);

		if (got <= 0)
			return false;
		b += got;
		n -= (size_t)got;
	}
	return true;
}

static bool put_frame(int fd, u8 kind, const void *body, u32 n)
{
	u8 head[MH_FRAME_HEADER];

	mh_frame_header(head, kind, n);
	return put(fd, head, sizeof(head)) && put(fd, body, n);
}

static size_t make_hello(u8 *out, size_t size)
{
	u8 region[32];
	struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE, .region = region };
	struct mh_stp s;
	int n;

	if (mh_random(region, sizeof(region)))
		exit(3);
	mh_stp_init(&s, true);
	n = mh_stp_hello(&s, &p1, NULL, out, size);
	mh_stp_end(&s);
	return n > 0 ? (size_t)n : 0;
}

static void garbage(int fd)
{
	u8 buf[65536];

	if (mh_random(buf, sizeof(buf)))
		exit(3);
	while (put(fd, buf, sizeof(buf)))
		;
}

static void anchors(int fd)
{
	u8 body[2 + 8 * (4 + MH_STMT_MAX)];
	struct mh_writer w;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_u8(&w, 8);
	mh_write_u8(&w, 1);
	for (int i = 0; i < 8; i++) {
		mh_write_u32(&w, (u32)file.n);
		mh_write_bytes(&w, file.p, file.n);
	}
	while (put_frame(fd, MH_F_ANCHORS, body, (u32)w.len))
		;
}

static void echo(int fd)
{
	u8 buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0 && put(fd, buf, (size_t)n))
		;
}

/* One connection's part; what is left to do is to wait for the other end */
static void behave(int fd, const char *kind)
{
	static const char text[] = "GET / HTTP/1.0\r\n\r\n";
	static const u8 huge[64] = { MH_F_HELLO, 0xff, 0xff, 0xff };
	u8 frame[1024] = "";
	size_t n = make_hello(frame, sizeof(frame));

	if (!strcmp(kind, "garbage"))
		garbage(fd);
	else if (!strcmp(kind, "half"))
		put(fd, frame, n / 2);
	else if (!strcmp(kind, "hello"))
		put(fd, frame, n);
	else if (!strcmp(kind, "slow"))
		for (size_t i = 0; i < n && put(fd, frame + i, 1); i++)
			usleep(100000);
	else if (!strcmp(kind, "huge"))
		put(fd, huge, sizeof(huge));
	else if (!strcmp(kind, "empty"))
		while (put(fd, "\1\0\0\0", 4))
			;
	else if (!strcmp(kind, "early"))
		put_frame(fd, MH_F_RECORD, frame, 200);
	else if (!strcmp(kind, "text"))
		put(fd, text, sizeof(text) - 1);
	else if (!strcmp(kind, "echo"))
		echo(fd);
	else if (!strcmp(kind, "anchors"))
		anchors(fd);
	else if (!strcmp(kind, "close"))
		shutdown(fd, SHUT_RDWR);
	else if (strcmp(kind, "silence"))
		exit(2);
}

/* Whether the other end closes within so many seconds */
static bool closes(int fd, double seconds)
{
	double end = now() + seconds, left;
	u8 buf[4096];

	/* left is taken once: the clock goes on, and a negative one would wait for ever */
	while ((left = end - now()) > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, (int)(left * 1000) + 1) < 0)
			return false;
		if (p.revents && recv(fd, buf, sizeof(buf), 0) <= 0)
			return true;
	}
	return false;
}

static int to(char **v)
{
	double t0 = now();
	int fd = dial(v[0]);

	behave(fd, v[1]);
	if (!closes(fd, atof(v[2]) - (now() - t0)))
		return printf("open\n") < 0;
	return printf("closed %.0f\n", now() - t0) < 0;
}

static int many(char **v)
{
	struct rlimit r = { 8192, 8192 };
	int n = atoi(v[1]), closed = 0;
	static int fd[8000];
	double end = now() + atof(v[2]);

	if (n > 8000 || setrlimit(RLIMIT_NOFILE, &r))
		return 3;
	for (int i = 0; i < n; i++)
		fd[i] = dial(v[0]);
	printf("%d open\n", n);
	fflush(stdout);
	while (now() < end && closed < n) {
		usleep(100000);
		for (int i = 0; i < n; i++)
			if (fd[i] >= 0 && closes(fd[i], 0.0001)) {
				close(fd[i]);
				fd[i] = -1;
				closed++;
			}
	}
	return printf("%d closed\n", closed) < 0;
}

static int serve(char **v)
{
	struct sockaddr_storage a;
	const int on = 1;
	socklen_t n;
	int l = socket(address(v[0], &a, &n), SOCK_STREAM, 0), fd;

	signal(SIGCHLD, SIG_IGN);
	if (v[2] && mh_file_read(v[2], MH_STMT_MAX, &file))
		return 3;
	if (l < 0 || setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(l, (struct sockaddr *)&a, n) || listen(l, 64))
		return 3;
	printf("listening\n");
	fflush(stdout);
	while ((fd = accept(l, NULL, NULL)) >= 0) {
		if (!fork()) {
			close(l);
			alarm(120);
			behave(fd, v[1]);
			if (strcmp(v[1], "close"))
				closes(fd, 120);
			_exit(0);
		}
		close(fd);
	}
	return 1;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && !strcmp(argv[1], "to"))
		return to(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "many"))
		return many(argv + 2);
	if (argc >= 4 && !strcmp(argv[1], "serve"))
		return serve(argv + 2);
	fprintf(stderr, "bad_peer: what?\n");
	return 2;
}

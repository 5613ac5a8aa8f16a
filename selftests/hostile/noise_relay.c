// SPDX-License-Identifier: MIT
/*
 * noise_relay LISTEN UPSTREAM SEED: a relay between unix sockets, one connection after the other,
 * which knows nothing of frames: of what comes by either way, now and then a bit is flipped, bytes
 * are dropped, put in, doubled or exchanged, or it falls silent.  Each disturbance is a line.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint64_t state;

static unsigned int draw(unsigned int below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 11) % below;
}

static int at(const char *path, bool listens)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (listens)
		unlink(path);
	if (fd < 0 || (listens ? bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 4) :
				 connect(fd, (struct sockaddr *)&sa, sizeof(sa)))) {
		perror("noise_relay");
		exit(2);
	}
	return fd;
}

/* b has room for twice as much */
static size_t disturb(unsigned char *b, size_t n)
{
	static const char *const whats[] = { "flip", "drop", "insert", "double", "swap" };
	size_t i = draw((unsigned int)n), len = 1 + draw((unsigned int)(n - i));
	unsigned int what = draw(5);

	if (len > 64 && draw(2))
		len = 1 + draw(64);
	switch (what) {
	case 0:
		b[i] ^= (unsigned char)(1 << draw(8));
		break;
	case 1:
		memmove(b + i, b + i + len, n - i - len);
		n -= len;
		break;
	case 2:
	case 3:
		memmove(b + i + len, b + i, n - i);
		if (what == 2)
			for (size_t j = 0; j < len; j++)
				b[i + j] = (unsigned char)draw(256);
		n += len;
		break;
	default:
		len /= 2;
		for (size_t j = 0; j < len; j++) {
			unsigned char c = b[i + j];

			b[i + j] = b[i + len + j];
			b[i + len + j] = c;
		}
	}
	printf("%s %zu at %zu of %zu\n", whats[what], len, i, n);
	return n;
}

static bool pass(int from, int to, bool *silent)
{
	static unsigned char b[2 * 65536];
	ssize_t got = read(from, b, sizeof(b) / 2);
	size_t n = (size_t)got;

	if (got <= 0)
		return false;
	if (!draw(4))
		n = disturb(b, n);
	if (!draw(40)) {
		printf("silence\n");
		*silent = true;
	}
	return *silent || !n || send(to, b, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void one(int fd, const char *upstream)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { at(upstream, false), POLLIN, 0 } };
	bool silent = false, both = true;

	while (both && poll(p, 2, -1) > 0)
		for (int i = 0; i < 2 && both; i++)
			if (p[i].revents)
				both = pass(p[i].fd, p[!i].fd, &silent);
	close(p[0].fd);
	close(p[1].fd);
	printf("over\n");
}

int main(int argc, char **argv)
{
	int fd, l;

	if (argc != 4)
		return 2;
	state = strtoull(argv[3], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	l = at(argv[1], true);
	printf("listening\n");
	while ((fd = accept(l, NULL, NULL)) >= 0)
		one(fd, argv[2]);
	return 1;
}

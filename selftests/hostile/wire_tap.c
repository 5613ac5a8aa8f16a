// SPDX-License-Identifier: MIT
/*
 * wire_tap PORT TO LOG BYTES: a relay from 127.0.0.1:PORT to 127.0.0.1:TO, one connection
 * after the other, each a line "connect" in LOG.  Each payload segment is a line in LOG,
 * "up N" from the client or "down N" from the server; all bytes that pass are appended to
 * BYTES.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int log_file(const char *path, FILE **f)
{
	*f = fopen(path, "ae");
	return *f ? 0 : -1;
}

static struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((unsigned short)atoi(port)),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int dial(const char *port)
{
	struct sockaddr_in sa = local(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_on(const char *port)
{
	struct sockaddr_in sa = local(port);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0) {
		perror("wire_tap");
		exit(1);
	}
	return fd;
}

/* One segment; 0 at the end of the stream */
static int pass(int from, int to, const char *way, FILE *log, FILE *bytes)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n <= 0)
		return 0;
	fprintf(log, "%s %zd\n", way, n);
	fwrite(buf, 1, (size_t)n, bytes);
	fflush(log);
	fflush(bytes);
	for (ssize_t at = 0, put; at < n; at += put) {
		put = send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (put < 0)
			return 0;
	}
	return 1;
}

static void relay(int client, int server, FILE *log, FILE *bytes)
{
	struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	const int on = 1;
	int open = 1;

	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (open && poll(p, 2, -1) > 0) {
		if (p[0].revents)
			open = pass(client, server, "up", log, bytes);
		if (open && p[1].revents)
			open = pass(server, client, "down", log, bytes);
	}
}

int main(int argc, char **argv)
{
	FILE *log, *bytes;
	int door;

	if (argc != 5 || log_file(argv[3], &log) || log_file(argv[4], &bytes))
		return 2;
	door = listen_on(argv[1]);
	for (;;) {
		int client = accept(door, NULL, NULL), server = dial(argv[2]);

		if (client >= 0 && server >= 0) {
			fputs("connect\n", log);
			relay(client, server, log, bytes);
		}
		if (client >= 0)
			close(client);
		if (server >= 0)
			close(server);
	}
}

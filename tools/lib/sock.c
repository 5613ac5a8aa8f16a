// SPDX-License-Identifier: MIT
/* All of so many bytes; see sock.h. */
#include "sock.h"

#include <errno.h>
#include <sys/socket.h>

int mh_sock_send(int fd, const void *p, size_t n)
{
	const char *b = p;

	while (n) {
		ssize_t put = send(fd, b, n, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == EPIPE ? -ECONNRESET : -errno;
		b += put;
		n -= (size_t)put;
	}
	return 0;
}

int mh_sock_recv(int fd, void *p, size_t n)
{
	char *b = p;

	while (n) {
		ssize_t got = recv(fd, b, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!got)
			return -ECONNRESET;
		b += got;
		n -= (size_t)got;
	}
	return 0;
}

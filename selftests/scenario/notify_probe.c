// SPDX-License-Identifier: MIT
/* The service manager's end of sd_notify: what comes on NOTIFY_SOCKET, a line each. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char buf[1024];
	size_t len;
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (argc != 2 || fd < 0 || strlen(argv[1]) >= sizeof(a.sun_path)) {
		fprintf(stderr, "usage: notify_probe PATH|@NAME\n");
		return 2;
	}
	len = strlen(argv[1]);
	memcpy(a.sun_path, argv[1], len);
	if (*argv[1] == '@')
		a.sun_path[0] = 0;
	if (bind(fd, (struct sockaddr *)&a,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len))) {
		perror("notify_probe");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	while ((n = read(fd, buf, sizeof(buf))) >= 0) {
		printf("%.*s\n", (int)n, buf);
		fflush(stdout);
	}
	return 0;
}

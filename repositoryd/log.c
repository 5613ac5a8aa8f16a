// SPDX-License-Identifier: MIT
/* Log lines on stderr, with the priority that the journal reads; and sd_notify. */
#include "repositoryd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum mh_log_level mh_log_limit = MH_LOG_INFO;

void mh_log(enum mh_log_level level, const char *fmt, ...)
{
	static const int priority[] = { 3, 4, 6, 7 };
	char line[1024];
	va_list ap;
	int n;

	if (level > mh_log_limit)
		return;
	n = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof(line), "<%d>", priority[level]) :
		snprintf(line, sizeof(line), "repositoryd: ");
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	/* names come from statements and the wire: no control character reaches a terminal */
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	fprintf(stderr, "%s\n", line);
}

bool mh_log_due(u64 *last)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (*last && (u64)t.tv_sec < *last + 60)
		return false;
	*last = (u64)t.tv_sec;
	return true;
}

void mh_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (!n || n >= sizeof(a.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(a.sun_path, path, n);
	if (*path == '@')
		a.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		mh_log(MH_LOG_WARNING, "sd_notify: %s", strerror(errno));
	close(fd);
}

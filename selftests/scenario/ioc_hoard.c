// SPDX-License-Identifier: MIT
/*
 * ioc_hoard REGION NAME: an agent that asks for a session for each fetch, spoils it, and keeps
 * its descriptor; how many it gets, and what the next is refused with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/microhsm.h>

static void met(const char *what)
{
	FILE *f = getenv("MH_ERRNOS") ? fopen(getenv("MH_ERRNOS"), "a") : NULL;

	if (!f)
		return;
	fprintf(f, "SESSION %s\n", what);
	fclose(f);
}

/* A fetch that nobody will collect: its descriptor, which ends it when it is closed */
static int ask(char **v)
{
	struct mh_fetch_io a = { .size = sizeof(a), .flags = MH_FETCH_ASYNC, .keyring = -3,
				 .timeout_ms = 60000 };
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);

	snprintf(a.region, sizeof(a.region), "%s", v[0]);
	snprintf(a.name, sizeof(a.name), "%s", v[1]);
	if (fd >= 0 && ioctl(fd, MH_IOC_FETCH, &a) && errno == EINPROGRESS)
		return fd;
	printf("fetch %s\n", strerrorname_np(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	struct rlimit r = { 4096, 4096 };
	int agent = open(MH_DEVICE, O_RDWR | O_CLOEXEC);

	if (argc != 3 || agent < 0 || setrlimit(RLIMIT_NOFILE, &r) ||
	    ioctl(agent, MH_IOC_ATTACH, 0))
		return 2;
	for (int i = 0; i < 2000; i++) {
		struct mh_pull p = { .size = sizeof(p) };
		struct mh_session_io s = { .size = sizeof(s) };
		int fetch = ask(argv + 1);

		do {
			if (ioctl(agent, MH_IOC_PULL, &p))
				return printf("pull %s\n", strerrorname_np(errno)) < 0;
		} while (p.kind != MH_PULL_CONNECT);
		s.id = p.id;
		if (ioctl(agent, MH_IOC_SESSION, &s)) {
			met(strerrorname_np(errno));
			return printf("%s after %d\n", strerrorname_np(errno), i) < 0;
		}
		if (write(s.fd, "nonsense", 8) >= 0 || errno != EBADMSG)
			return printf("nonsense was taken\n") < 0;
		if (write(s.fd, "more", 4) >= 0 || errno != EPIPE)
			return printf("more was taken\n") < 0;
		close(fetch);
	}
	return printf("never refused\n") < 0;
}

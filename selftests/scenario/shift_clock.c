// SPDX-License-Identifier: MIT
/*
 * Preloaded into repositoryd and an officer's tools by tests in which the host's clock is wrong and
 * theirs is not: time of day is the boot clock and as many seconds as the file MH_CLOCK says, in
 * decimal and of fixed width, since it is looked at anew each time.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real)(clockid_t, struct timespec *);
static const char *base;

/* Before main(): the keeper's child may open nothing any more. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("MH_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p != MAP_FAILED)
		base = p;
	real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (!base || !real)
		abort();
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int ret = real(id == CLOCK_REALTIME ? CLOCK_BOOTTIME : id, t);

	if (!ret && id == CLOCK_REALTIME)
		t->tv_sec += strtoll(base, NULL, 10);
	return ret;
}

time_t time(time_t *out)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec t = { 0 };

	(void)tz;
	clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

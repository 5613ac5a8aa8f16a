/* SPDX-License-Identifier: MIT */
/* The input as a file: a path that opens it, at no disk's cost. */
#ifndef FUZZ_MEMFILE_H
#define FUZZ_MEMFILE_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

static inline const char *memfile(const void *p, size_t n)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	must(fd >= 0 && !ftruncate(fd, 0));
	must(pwrite(fd, p, n, 0) == (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* What is said to people meanwhile is not of interest; reports and must() go to the descriptor. */
static inline void hush(bool quiet)
{
	static FILE *null, *loud;

	if (!null) {
		null = fopen("/dev/null", "we");
		loud = stderr;
	}
	must(null);
	stderr = quiet ? null : loud;
}

#endif

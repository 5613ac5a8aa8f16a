/* SPDX-License-Identifier: MIT */
/*
 * What ioc_fuzz and key_fuzz share: SEED CALLS SECONDS [SERIAL]..., two threads that draw and call,
 * memory that ends where the area ends, and what the calls ended in, counted by errno.
 */
#ifndef KERNEL_CALL_FUZZ_H
#define KERNEL_CALL_FUZZ_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define AREA	(1 << 18)

static unsigned char *area;	/* its end is memory's end */
static int serials[16];		/* of keys given */
static unsigned int n_serials;
static unsigned long most;	/* calls of a thread */
static time_t until;
static unsigned long counts[200];

static uint64_t draw(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void *any_memory(uint64_t *s)
{
	switch (draw(s) % 6) {
	case 0:
		return (void *)(uintptr_t)draw(s);
	case 1:
		return NULL;
	case 2:
		return area + AREA - draw(s) % 64;
	default:
		return area + draw(s) % (AREA / 2);
	}
}

static void count(long ret)
{
	__atomic_add_fetch(&counts[ret < 0 && errno < 200 ? errno : 0], 1, __ATOMIC_RELAXED);
}

/* fuzz(seed): until most or until */
static int fuzz_main(int argc, char **argv, void *(*fuzz)(void *))
{
	uint64_t seed[2];
	pthread_t t[2];

	if (argc < 4)
		return 2;
	area = mmap(NULL, AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || munmap(area + AREA, 4096))
		return 3;
	memset(area, 'm', AREA);
	for (int i = 4; i < argc && n_serials < 16; i++)
		serials[n_serials++] = atoi(argv[i]);
	most = strtoul(argv[2], NULL, 0) / 2;
	until = time(NULL) + atoi(argv[3]);
	for (int i = 0; i < 2; i++) {
		seed[i] = strtoull(argv[1], NULL, 0) * 2 + 12345 + (uint64_t)i;
		if (pthread_create(&t[i], NULL, fuzz, &seed[i]))
			return 3;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 200; i++)
		if (counts[i])
			printf("%s=%lu ", i ? strerrorname_np(i) : "ok", counts[i]);
	putchar('\n');
	return 0;
}

#endif

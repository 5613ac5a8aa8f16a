// SPDX-License-Identifier: MIT
/*
 * What deliveries cost the module, for kernel/long_bench.sh:
 *
 *	bench_kernel trace REGION SOCKET NAME	tracing is on while TIMES deliveries come on an
 *						open session; tracer and filter are the caller's
 *	bench_kernel bytes REGION SOCKET NAME	prints key_bytes and idle_session_bytes
 *
 * NAME is a DataSet with an AES key.
 */
#include <glob.h>
#include <stdlib.h>
#include <time.h>
#include "pump.h"

#define TIMES 8
#define KEYS 64
#define TRACING "/sys/kernel/tracing/tracing_on"

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench_kernel: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* All files open before: to count must take nothing itself */
static int slabinfo, shrink[128];
static size_t shrinks;

static void slabs_open(void)
{
	glob_t g = { 0 };

	must(!glob("/sys/kernel/slab/kmalloc*/shrink", 0, NULL, &g) &&
	     !glob("/sys/kernel/slab/key_jar/shrink", GLOB_APPEND, NULL, &g), "slabs");
	for (; shrinks < g.gl_pathc && shrinks < ARRAY_SIZE(shrink); shrinks++)
		shrink[shrinks] = open(g.gl_pathv[shrinks], O_WRONLY | O_CLOEXEC);
	must(shrinks == g.gl_pathc, "slabs");
	globfree(&g);
	slabinfo = open("/proc/slabinfo", O_RDONLY | O_CLOEXEC);
	must(slabinfo >= 0, "/proc/slabinfo");
}

/*
 * What kmalloc() has given out and, of keys, key_jar; free objects are given back first.  Not
 * kmalloc-8: a write to a shrink takes one, and then its slab counts as a whole.
 */
static long slabs(void)
{
	struct timespec nap = { .tv_sec = 1 };	/* for what waits for RCU */
	unsigned long active, all, size, sum = 0;
	static char text[1 << 17], name[64];
	ssize_t n, at = 0;

	nanosleep(&nap, NULL);
	for (size_t i = 0; i < shrinks; i++)
		must(write(shrink[i], "1", 1) == 1, "shrink");
	while ((n = pread(slabinfo, text + at, sizeof(text) - 1 - (size_t)at, at)) > 0)
		at += n;
	text[at] = 0;
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%63s %lu %lu %lu", name, &active, &all, &size) == 4 && size > 8 &&
		    (!strncmp(name, "kmalloc", 7) || !strcmp(name, "key_jar")))
			sum += active * size;
	return (long)sum;
}

static void fetch(struct pump *p, char **v, __s32 ring)
{
	__s32 serial;
	int ret;

	p->keyring = ring;
	ret = fetched(p, v, v[2], &serial);
	errno = -ret;
	must(!ret, "a delivery");
}

static long key_bytes(struct pump *p, char **v)
{
	__s32 ring[KEYS];
	char name[16];
	long before;

	for (int i = 0; i < KEYS; i++) {
		snprintf(name, sizeof(name), "ring%d", i);
		ring[i] = add_key("keyring", name, NULL, 0, KEY_SPEC_SESSION_KEYRING);
		must(ring[i] > 0, name);
		fetch(p, v, ring[i]);
		must(!keyctl_clear(ring[i]), "clear");	/* room for a link stays */
	}
	before = slabs();
	for (int i = 0; i < KEYS; i++)
		fetch(p, v, ring[i]);
	before = slabs() - before;
	for (int i = 0; i < KEYS; i++)
		keyctl_unlink(ring[i], KEY_SPEC_SESSION_KEYRING);
	return before / KEYS;
}

static long idle_session_bytes(struct pump *p, char **v)
{
	long before;

	fetch(p, v, KEY_SPEC_SESSION_KEYRING);
	before = slabs();
	close(p->session);
	before -= slabs();
	close(p->sock);
	p->session = -1;
	return before;
}

static int by_size(const void *a, const void *b)
{
	return *(const long *)a < *(const long *)b ? -1 : 1;
}

/* Of several: a slab that is half in use counts as a whole at times, whatever it is of */
static void tell(const char *name, long (*of)(struct pump *, char **), struct pump *p, char **v,
		 int bound)
{
	long n[5];

	for (size_t i = 0; i < ARRAY_SIZE(n); i++)
		n[i] = of(p, v);
	qsort(n, ARRAY_SIZE(n), sizeof(n[0]), by_size);
	printf("%s %ld %d\n", name, n[ARRAY_SIZE(n) / 2], bound);
}

int main(int argc, char **argv)
{
	char **v = argv + 2;
	struct pump p;

	must(argc == 5, "arguments");
	must(!pump_open(&p), "open");
	fetch(&p, v, KEY_SPEC_SESSION_KEYRING);
	if (!strcmp(argv[1], "trace")) {
		put(TRACING, "1");
		for (int i = 0; i < TIMES; i++)
			fetch(&p, v, KEY_SPEC_SESSION_KEYRING);
		put(TRACING, "0");
	} else {
		slabs_open();
		tell("key_bytes", key_bytes, &p, v, 1024);
		tell("idle_session_bytes", idle_session_bytes, &p, v, 8192);
	}
	pump_close(&p);
	return 0;
}

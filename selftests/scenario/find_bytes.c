// SPDX-License-Identifier: MIT
/*
 * find_bytes NEEDLE WHERE...: how often the bytes of the file NEEDLE stand in all WHERE
 * together, as they are or in hexadecimal; a WHERE is a file, or pid:N, all of that process's
 * memory that can be read.  Prints "N times in M bytes", and fails if a WHERE could not be read
 * or has nothing in it.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char needle[4096], hex[2 * sizeof(needle) + 1];
static size_t needle_len;
static unsigned long found, searched;

/* Hexadecimal digits of the needle, in either case, at p */
static bool in_hex(const unsigned char *p)
{
	size_t i = 0;

	while (i < 2 * needle_len && tolower(p[i]) == hex[i])
		i++;
	return i == 2 * needle_len;
}

static void search(const unsigned char *p, size_t n)
{
	const unsigned char *at = p, *end = p + n;

	searched += n;
	while ((at = memmem(at, (size_t)(end - at), needle, needle_len))) {
		found++;
		at++;
	}
	for (at = p; (size_t)(end - at) >= 2 * needle_len; at++)
		found += in_hex(at);
}

static int read_file(const char *path, unsigned char **p, size_t *n)
{
	FILE *f = fopen(path, "re");
	size_t room = 1 << 16, got;

	if (!f)
		return -1;
	*p = malloc(room);
	for (*n = 0; *p && (got = fread(*p + *n, 1, room - *n, f)); *n += got)
		if (*n + got == room)
			*p = realloc(*p, room *= 2);
	fclose(f);
	return *p ? 0 : -1;
}

static int in_file(const char *path)
{
	unsigned char *p;
	size_t n;

	if (read_file(path, &p, &n))
		return -1;
	search(p, n);
	free(p);
	return 0;
}

/* One mapping, page by page where it cannot be read at once: a hole hides nothing behind it. */
static int in_mapping(int mem, unsigned long from, size_t len)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p = malloc(len);
	size_t at = 0, good = 0;

	if (!p)
		return -1;
	while (at < len) {
		ssize_t n = pread(mem, p + good, len - at, (off_t)(from + at));

		if (n > 0) {
			at += (size_t)n;
			good += (size_t)n;
			continue;
		}
		search(p, good);	/* what comes behind the hole is no neighbour */
		good = 0;
		at += page;
	}
	search(p, good);
	free(p);
	return 0;
}

static int in_memory(const char *pid)
{
	char path[64], line[512], mode[8];
	FILE *maps;
	int mem, ret = 0;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0)
		return -1;
	while (!ret && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r')
			ret = in_mapping(mem, from, to - from);
	}
	fclose(maps);
	close(mem);
	return ret;
}

int main(int argc, char **argv)
{
	unsigned char *p;

	if (argc < 3 || read_file(argv[1], &p, &needle_len) || !needle_len ||
	    needle_len > sizeof(needle))
		return 2;
	memcpy(needle, p, needle_len);
	free(p);
	for (size_t i = 0; i < needle_len; i++)
		sprintf((char *)hex + 2 * i, "%02x", needle[i]);
	for (int i = 2; i < argc; i++) {
		unsigned long before = searched;

		if (strncmp(argv[i], "pid:", 4) ? in_file(argv[i]) : in_memory(argv[i] + 4)) {
			fprintf(stderr, "find_bytes: %s cannot be read\n", argv[i]);
			return 1;
		}
		if (searched == before) {
			fprintf(stderr, "find_bytes: %s is empty\n", argv[i]);
			return 1;
		}
	}
	printf("%lu times in %lu bytes\n", found, searched);
	return 0;
}

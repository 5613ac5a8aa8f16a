// SPDX-License-Identifier: MIT
/*
 * find_bytes NEEDLE WHERE...: how often the bytes of the file NEEDLE stand in each WHERE,
 * a file or pid:N, all of that process's memory that can be read.  Prints one number,
 * and fails if a WHERE could not be read at all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char needle[4096];
static size_t needle_len;

static unsigned long count(const unsigned char *p, size_t n)
{
	const unsigned char *at = p, *end = p + n;
	unsigned long found = 0;

	while ((at = memmem(at, (size_t)(end - at), needle, needle_len))) {
		found++;
		at++;
	}
	return found;
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

static int in_file(const char *path, unsigned long *found)
{
	unsigned char *p;
	size_t n;

	if (read_file(path, &p, &n))
		return -1;
	*found += count(p, n);
	free(p);
	return 0;
}

static int in_memory(const char *pid, unsigned long *found)
{
	char path[64], line[512];
	size_t total = 0;
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		unsigned char *p;
		ssize_t n;

		if (sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		p = malloc(to - from);
		n = p ? pread(mem, p, to - from, (off_t)from) : -1;
		if (n > 0) {
			total += (size_t)n;
			*found += count(p, (size_t)n);
		}
		free(p);
	}
	fclose(maps);
	close(mem);
	return total ? 0 : -1;
}

int main(int argc, char **argv)
{
	unsigned long found = 0;
	unsigned char *p;

	if (argc < 3 || read_file(argv[1], &p, &needle_len) || !needle_len ||
	    needle_len > sizeof(needle))
		return 2;
	memcpy(needle, p, needle_len);
	free(p);
	for (int i = 2; i < argc; i++)
		if (strncmp(argv[i], "pid:", 4) ? in_file(argv[i], &found) :
						  in_memory(argv[i] + 4, &found)) {
			fprintf(stderr, "find_bytes: %s cannot be read\n", argv[i]);
			return 1;
		}
	printf("%lu\n", found);
	return 0;
}

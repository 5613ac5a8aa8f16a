// SPDX-License-Identifier: MIT
/*
 * find_bytes NEEDLE WHERE...: how often the bytes of the file NEEDLE stand in all WHERE
 * together, as they are or in hexadecimal.  Prints "N times in M bytes".
 *
 * find_bytes -l LIST WHERE...: LIST, or - for standard input, has a line "NAME HEX" for each secret
 * of 16 bytes or more.  Sought are the first and the last 16 bytes of each: as they are, backwards
 * (a number of libcrypto's or the kernel's), with the bytes of each 32-bit word backwards (what a
 * hash function works on); in hexadecimal; and in base64 wherever it begins.  Prints "NAME FORM N
 * AT" for what is there, AT being where it was last, and at the end "in M bytes".
 *
 * A WHERE is a file, or pid:N, all of that process's memory that can be read.  Fails if one could
 * not be read or has nothing in it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "core/home.h"

enum { NEEDLES = 16384, NEEDLE_MAX = 8192, PIECE = 16, FIRST = 8, CHUNK = 1 << 20 };

static struct needle {
	unsigned char *p;
	size_t n;
	char name[64];
	const char *form;
	unsigned long found;
	u64 at;		/* of the last, in its file or memory */
	struct needle *next;	/* with the same hash */
} needles[NEEDLES];
static unsigned int count;
static struct needle *by_hash[1 << 16];
static size_t longest;
static unsigned long searched;

static unsigned int hash(const unsigned char *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return (unsigned int)((v * 0x9e3779b97f4a7c15ull) >> 48);
}

static void add(const char *name, const char *form, const void *p, size_t n)
{
	struct needle *at = &needles[count];
	unsigned int h;

	/* what says nothing is no needle: zeros, a constant */
	if (n < FIRST || count == NEEDLES || !memcmp(p, (const char *)p + 1, n - 1))
		exit(2);
	count++;
	at->p = malloc(n);
	if (!at->p)
		exit(2);
	memcpy(at->p, p, n);
	at->n = n;
	at->form = form;
	snprintf(at->name, sizeof(at->name), "%s", name);
	h = hash(p);
	at->next = by_hash[h];
	by_hash[h] = at;
	longest = n > longest ? n : longest;
}

static void add_hex(const char *name, const unsigned char *p, size_t n, const char *form)
{
	char text[2 * NEEDLE_MAX + 1];

	for (int upper = 0; upper < 2; upper++) {
		for (size_t i = 0; i < n; i++)
			sprintf(text + 2 * i, upper ? "%02X" : "%02x", p[i]);
		add(name, form, text, 2 * n);
	}
}

/* The characters that are the secret's alone, wherever in a longer one it begins */
static void add_base64(const char *name, const unsigned char *p, size_t n)
{
	unsigned char text[2 * PIECE + 8];

	for (size_t skip = 0; skip < 3; skip++) {
		size_t len = (n - skip) / 3 * 3;

		EVP_EncodeBlock(text, p + skip, (int)len);
		add(name, "base64", text, len / 3 * 4);
	}
}

static void add_piece(const char *name, const unsigned char *p)
{
	unsigned char back[PIECE], words[PIECE];

	for (int i = 0; i < PIECE; i++) {
		back[i] = p[PIECE - 1 - i];
		words[i] = p[i ^ 3];
	}
	add(name, "plain", p, PIECE);
	add(name, "backwards", back, PIECE);
	add(name, "words", words, PIECE);
	add_hex(name, p, PIECE, "hex");
	add_base64(name, p, PIECE);
}

static int add_list(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char name[64], text[NEEDLE_MAX];
	unsigned char secret[NEEDLE_MAX / 2];

	if (!f)
		return -1;
	while (fscanf(f, "%63s %8191s", name, text) == 2) {
		size_t n = strlen(text) / 2;

		for (size_t i = 0; i < n; i++)
			if (sscanf(text + 2 * i, "%2hhx", &secret[i]) != 1)
				return -1;
		if (n < PIECE)
			return -1;
		add_piece(name, secret);
		if (n > PIECE)
			add_piece(name, secret + n - PIECE);
	}
	if (f != stdin)
		fclose(f);
	return count ? 0 : -1;
}

/* What begins in the first `until` of n bytes, which are what is at `where` */
static void search(const unsigned char *p, size_t n, size_t until, u64 where)
{
	for (size_t at = 0; at < until && n - at >= FIRST; at++)
		for (struct needle *i = by_hash[hash(p + at)]; i; i = i->next)
			if (n - at >= i->n && !memcmp(p + at, i->p, i->n)) {
				i->found++;
				i->at = where + at;
			}
}

/* What read gives, a chunk at a time, each with the end of the one before it. read: 0 at a hole */
static int in_stream(int fd, u64 at, u64 len, bool memory)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *buf = malloc(CHUNK + NEEDLE_MAX);
	size_t have = 0;

	if (!buf)
		return -1;
	while (len) {
		size_t want = len < CHUNK ? (size_t)len : CHUNK;
		ssize_t n = memory ? pread(fd, buf + have, want, (off_t)at) :
				     read(fd, buf + have, want);

		if (n < 0 && !memory)
			break;
		if (n == 0 && !memory)
			len = 0;
		if (n > 0) {
			searched += (size_t)n;
			have += (size_t)n;
			at += (size_t)n;
			len -= memory ? (size_t)n : 0;
		}
		if (n > 0 && have > longest) {	/* what begins in the last bytes may go on */
			search(buf, have, have - longest, at - have);
			memmove(buf, buf + have - longest, longest);
			have = longest;
		}
		if (n <= 0) {	/* the end; or a hole: what comes behind it is no neighbour */
			search(buf, have, have, at - have);
			have = 0;
			want = len < page ? (size_t)len : page;
			at += want;
			len -= want;
		}
	}
	search(buf, have, have, at - have);
	free(buf);
	return len ? -1 : 0;
}

static int in_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	ret = in_stream(fd, 0, ~0ull, false);
	close(fd);
	return ret;
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
			ret = in_stream(mem, from, to - from, true);
	}
	fclose(maps);
	close(mem);
	return ret;
}

static int add_file(const char *path)
{
	static unsigned char p[NEEDLE_MAX];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(p, 1, sizeof(p), f) : 0;

	if (f)
		fclose(f);
	if (!n || n == sizeof(p))
		return -1;
	add(path, "plain", p, n);
	add_hex(path, p, n, "hex");
	return 0;
}

int main(int argc, char **argv)
{
	const bool list = argc > 1 && !strcmp(argv[1], "-l");
	unsigned long found = 0;

	if (argc < 3 + list || (list ? add_list(argv[2]) : add_file(argv[1]))) {
		fprintf(stderr, "find_bytes: nothing to look for\n");
		return 2;
	}
	for (int i = 2 + list; i < argc; i++) {
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
	for (unsigned int i = 0; i < count; i++) {
		found += needles[i].found;
		if (list && needles[i].found)
			printf("%s %s %lu at %llx\n", needles[i].name, needles[i].form,
			       needles[i].found, (unsigned long long)needles[i].at);
	}
	if (list)
		printf("in %lu bytes\n", searched);
	else
		printf("%lu times in %lu bytes\n", found, searched);
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Any call of /dev/microhsm with any argument, right or wrong, from a shell.
 *
 *	ioc [uid=N] CALL [FIELD=VALUE]... [-- CALL [FIELD=VALUE]...]...
 *	ioc edges CALL [FIELD=VALUE]...
 *	ioc holes
 *
 * The calls go to one descriptor, one after the other; for each a line is printed: its
 * name, "ok" or the errno's name, and the numbers that came back.  A VALUE is a number, a
 * text for a field of characters, @N for N zero bytes somewhere, =FILE for a file's bytes,
 * "bad" for a pointer to nowhere, "edge" for one to the last byte before nowhere.  Beside
 * its own, a call has the fields of.size (the command's) and arg ("null", "odd", "edge", a
 * number); sleep=MS waits after it, poll=MS polls for input.  What was met is noted in
 * the file that MH_ERRNOS names, one "CALL ERRNO" a line.  edges: the call, with each of its
 * fields at each edge of what it can hold, one after another on descriptors of their own; a
 * line is "CALL FIELD EDGE ERRNO".  holes: prints bytes of arguments that are no field below.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/microhsm.h>

struct field {
	const char *name;
	size_t at, size;
	char kind;		/* n number, s signed, t text or bytes, p pointer, o comes out */
};

#define N(type, f) { #f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 'n' }
#define S(type, f) { #f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 's' }
#define T(type, f) { #f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 't' }
#define O(type, f) { #f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 'o' }
#define P(type, f) { #f, offsetof(struct type, f), sizeof(((struct type *)0)->f), 'p' }

static const struct field f_status[] = {
	N(mh_status, size), N(mh_status, requests), N(mh_status, sessions), N(mh_status, agent),
	N(mh_status, draining), N(mh_status, identities), O(mh_status, version),
	O(mh_status, payloads), O(mh_status, vmfork), O(mh_status, completions_double),
	O(mh_status, now), O(mh_status, floor), { 0 },
};

static const struct field f_init[] = {
	N(mh_init, size), N(mh_init, flags), T(mh_init, name), T(mh_init, reserved),
	N(mh_init, uid), N(mh_init, gid), P(mh_init, seats), N(mh_init, nseats),
	S(mh_init, serial), { 0 },
};

static const struct field f_unlock[] = {
	N(mh_unlock, size), N(mh_unlock, flags), P(mh_unlock, blob), N(mh_unlock, len),
	N(mh_unlock, uid), N(mh_unlock, gid), N(mh_unlock, nseats), P(mh_unlock, seats),
	S(mh_unlock, serial), N(mh_unlock, wait_ms), { 0 },
};

static const struct field f_blob[] = {
	N(mh_blob_io, size), S(mh_blob_io, serial), P(mh_blob_io, buf), N(mh_blob_io, len),
	N(mh_blob_io, reserved), N(mh_blob_io, generation), { 0 },
};

static const struct field f_request[] = {
	N(mh_request_io, size), S(mh_request_io, serial), P(mh_request_io, buf),
	N(mh_request_io, len), N(mh_request_io, reserved), { 0 },
};

static const struct field f_fetch[] = {
	N(mh_fetch_io, size), N(mh_fetch_io, flags), S(mh_fetch_io, identity),
	S(mh_fetch_io, keyring), T(mh_fetch_io, region), T(mh_fetch_io, name),
	N(mh_fetch_io, form), T(mh_fetch_io, reserved), N(mh_fetch_io, version),
	N(mh_fetch_io, timeout_ms), S(mh_fetch_io, serial), N(mh_fetch_io, refusal),
	N(mh_fetch_io, retry_after_ms), T(mh_fetch_io, description), { 0 },
};

static const struct field f_info[] = {
	N(mh_info, size), S(mh_info, serial), N(mh_info, kind), N(mh_info, alg),
	T(mh_info, reserved), S(mh_info, lease_ms), O(mh_info, operations), O(mh_info, version),
	O(mh_info, region_id), O(mh_info, public_key), O(mh_info, leaf), O(mh_info, region),
	O(mh_info, name), O(mh_info, sealed), O(mh_info, generation), { 0 },
};

static const struct field f_aead[] = {
	N(mh_aead_io, size), S(mh_aead_io, serial), N(mh_aead_io, op), N(mh_aead_io, ad_len),
	P(mh_aead_io, ad), P(mh_aead_io, in), P(mh_aead_io, out), N(mh_aead_io, in_len),
	N(mh_aead_io, out_len), T(mh_aead_io, salt), { 0 },
};

static const struct field f_stream[] = {
	N(mh_stream_io, size), S(mh_stream_io, serial), N(mh_stream_io, op),
	N(mh_stream_io, last), P(mh_stream_io, in), P(mh_stream_io, out),
	N(mh_stream_io, in_len), N(mh_stream_io, out_len), T(mh_stream_io, salt), { 0 },
};

static const struct field f_sign[] = {
	N(mh_sign_io, size), S(mh_sign_io, serial), T(mh_sign_io, digest),
	O(mh_sign_io, sig), { 0 },
};

static const struct field f_pull[] = {
	N(mh_pull, size), N(mh_pull, kind), N(mh_pull, id), T(mh_pull, reserved),
	O(mh_pull, serial), O(mh_pull, uid), O(mh_pull, region), O(mh_pull, name),
	O(mh_pull, dataset), O(mh_pull, addresses), { 0 },
};

static const struct field f_session[] = {
	N(mh_session_io, size), S(mh_session_io, fd), N(mh_session_io, id), { 0 },
};

static const struct field f_done[] = {
	N(mh_done_io, size), S(mh_done_io, err), N(mh_done_io, id), { 0 },
};

static const struct field f_drain[] = { N(mh_drain, size), N(mh_drain, left), { 0 } };

static const struct field f_attach[] = { { 0 } };

static const struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	const struct field *fields;
} calls[] = {
	{ "STATUS", MH_IOC_STATUS, sizeof(struct mh_status), f_status },
	{ "INIT", MH_IOC_INIT, sizeof(struct mh_init), f_init },
	{ "UNLOCK", MH_IOC_UNLOCK, sizeof(struct mh_unlock), f_unlock },
	{ "BLOB", MH_IOC_BLOB, sizeof(struct mh_blob_io), f_blob },
	{ "BLOB_ACK", MH_IOC_BLOB_ACK, sizeof(struct mh_blob_io), f_blob },
	{ "REQUEST", MH_IOC_REQUEST, sizeof(struct mh_request_io), f_request },
	{ "FETCH", MH_IOC_FETCH, sizeof(struct mh_fetch_io), f_fetch },
	{ "COLLECT", MH_IOC_COLLECT, sizeof(struct mh_fetch_io), f_fetch },
	{ "INFO", MH_IOC_INFO, sizeof(struct mh_info), f_info },
	{ "AEAD", MH_IOC_AEAD, sizeof(struct mh_aead_io), f_aead },
	{ "STREAM_BEGIN", MH_IOC_STREAM_BEGIN, sizeof(struct mh_stream_io), f_stream },
	{ "STREAM", MH_IOC_STREAM, sizeof(struct mh_stream_io), f_stream },
	{ "SIGN", MH_IOC_SIGN, sizeof(struct mh_sign_io), f_sign },
	{ "ATTACH", MH_IOC_ATTACH, 0, f_attach },
	{ "PULL", MH_IOC_PULL, sizeof(struct mh_pull), f_pull },
	{ "SESSION", MH_IOC_SESSION, sizeof(struct mh_session_io), f_session },
	{ "DONE", MH_IOC_DONE, sizeof(struct mh_done_io), f_done },
	{ "DRAIN", MH_IOC_DRAIN, sizeof(struct mh_drain), f_drain },
};

static int fail(const char *what)
{
	fprintf(stderr, "ioc: %s?\n", what);
	exit(2);
}

/* n bytes that end where memory ends */
static unsigned char *edge(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (n + page - 1) / page * page;
	unsigned char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + whole, page))
		exit(3);
	return p + whole - n;
}

static void *contents(const char *path)
{
	static const size_t room = 1 << 20;
	FILE *f = fopen(path, "rb");
	void *p = calloc(1, room);

	if (!f || !p || (!fread(p, 1, room, f) && ferror(f)))
		fail(path);
	fclose(f);
	return p;
}

static uintptr_t pointer(const char *v)
{
	static struct mh_seat_constant seat;
	static char bytes[32];

	if (!strcmp(v, "bad"))
		return 4096;
	if (!strcmp(v, "edge"))
		return (uintptr_t)edge(1);
	if (*v == '=')
		return (uintptr_t)contents(v + 1);
	if (*v == '@')
		return (uintptr_t)calloc(1, strtoul(v + 1, NULL, 0) + 1);
	if (!strncmp(v, "seat:", 5)) {	/* 32 times that letter, a device secret */
		memset(bytes, v[5], sizeof(bytes));
		seat = (struct mh_seat_constant){ .type = MH_SEAT_FILE, .len = sizeof(bytes),
						  .ptr = (uintptr_t)bytes };
		return (uintptr_t)&seat;
	}
	return (uintptr_t)strtoull(v, NULL, 0);
}

static void set(unsigned char *arg, const struct field *f, const char *v)
{
	unsigned long long n;

	if (f->kind == 't') {
		memset(arg + f->at, 0, f->size);
		if (*v == '@')		/* all of it that letter, no end */
			memset(arg + f->at, v[1], f->size);
		else
			memcpy(arg + f->at, v, strnlen(v, f->size));
		return;
	}
	if (f->kind == 'p')
		n = pointer(v);
	else if (f->kind == 's')
		n = (unsigned long long)strtoll(v, NULL, 0);
	else
		n = strtoull(v, NULL, 0);
	memcpy(arg + f->at, &n, f->size);	/* little endian, as all that we run on */
}

static void show(const unsigned char *arg, const struct field *f)
{
	unsigned long long n = 0;

	if (strchr("tpo", f->kind) || !strcmp(f->name, "size"))
		return;
	memcpy(&n, arg + f->at, f->size);
	if (f->kind == 's')
		printf(" %s=%d", f->name, (int)n);
	else if (n)
		printf(" %s=%llu", f->name, n);
}

static void met(const char *call, const char *errnum)
{
	const char *path = getenv("MH_ERRNOS");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%s %s\n", call, errnum);
	fclose(f);
}

struct plan {
	const struct call *c;
	unsigned char *arg;
	unsigned long cmd, param;
	bool has_param;
	int sleep_ms, poll_ms;
};

static void option(struct plan *p, char *given)
{
	char *v = strchr(given, '=');
	const struct field *f;

	if (!v)
		fail(given);
	*v++ = 0;
	for (f = p->c->fields; f->name; f++)
		if (!strcmp(f->name, given)) {
			set(p->arg, f, v);
			return;
		}
	if (!strcmp(given, "of.size")) {
		p->cmd = _IOC(_IOC_DIR(p->cmd), 'M', _IOC_NR(p->cmd), strtoul(v, NULL, 0));
	} else if (!strcmp(given, "of.dir")) {
		p->cmd = _IOC(strtoul(v, NULL, 0), 'M', _IOC_NR(p->cmd), _IOC_SIZE(p->cmd));
	} else if (!strcmp(given, "sleep")) {
		p->sleep_ms = atoi(v);
	} else if (!strcmp(given, "poll")) {
		p->poll_ms = atoi(v);
	} else if (!strcmp(given, "arg")) {
		p->has_param = true;
		if (!strcmp(v, "odd"))		/* unaligned, which is no fault */
			p->param = (unsigned long)memcpy(edge(p->c->size + 1), p->arg, p->c->size);
		else if (!strcmp(v, "edge"))	/* its last byte is not there */
			p->param = (unsigned long)memcpy(edge(p->c->size - 1), p->arg,
							 p->c->size - 1);
		else
			p->param = strcmp(v, "null") ? strtoul(v, NULL, 0) : 0;
	} else {
		fail(given);
	}
}

static int run(int fd, struct plan *p)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret;

	if (p->poll_ms)
		(void)poll(&pfd, 1, p->poll_ms);
	ret = ioctl(fd, p->cmd, p->has_param ? p->param : (unsigned long)p->arg);
	printf("%s %s", p->c->name, ret < 0 ? strerrorname_np(errno) : "ok");
	met(p->c->name, ret < 0 ? strerrorname_np(errno) : "ok");
	for (const struct field *f = p->c->fields; f->name; f++)
		show(p->arg, f);
	putchar('\n');
	fflush(stdout);
	if (p->sleep_ms)
		usleep((useconds_t)p->sleep_ms * 1000);
	return ret;
}

static const struct call *find(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, name))
			return &calls[i];
	fail(name);
	return NULL;
}

static void plan_new(struct plan *p, const char *call)
{
	__u32 size;

	*p = (struct plan){ .c = find(call) };
	size = (__u32)p->c->size;
	p->cmd = p->c->cmd;
	p->has_param = !size;
	p->arg = calloc(1, size + 8);
	if (!p->arg)
		exit(3);
	if (size)
		memcpy(p->arg, &size, sizeof(size));
}

/* The edges of a number of that size; a pointer's; bytes all of one kind, or the last alone */
static const char *edge_of(unsigned char *at, const struct field *f, unsigned int i)
{
	static const struct {
		const char *name;
		unsigned long long n;
	} numbers[] = {
		{ "1", 1 }, { "2^7-1", 0x7f }, { "2^31-1", 0x7fffffff }, { "2^31", 0x80000000 },
		{ "2^32-8", 0xfffffff8 }, { "2^32-1", 0xffffffff }, { "2^63-1", ~0ULL >> 1 },
		{ "2^63", 1ULL << 63 }, { "2^64-1", ~0ULL },
	}, pointers[] = {
		{ "null", 0 }, { "bad", 4096 }, { "kernel's", 0xffff888000000000 },
		{ "2^64-1", ~0ULL }, { "edge", 0 },
	};
	static const char *const all[] = { "all 255", "all a", "the last" };
	unsigned long long n;

	if (f->kind == 'p') {
		if (i == sizeof(pointers) / sizeof(*pointers))
			return NULL;
		n = strcmp(pointers[i].name, "edge") ? pointers[i].n : (uintptr_t)edge(1);
		memcpy(at, &n, f->size);
		return pointers[i].name;
	}
	if (f->kind == 't' || f->size > 8) {
		if (i == sizeof(all) / sizeof(*all))
			return NULL;
		if (i < 2)
			memset(at, i ? 'a' : 255, f->size);
		at[f->size - 1] = i == 1 ? 'a' : 255;
		return all[i];
	}
	if (i == sizeof(numbers) / sizeof(*numbers) || (i && numbers[i].n >> 8 * f->size % 64))
		return NULL;
	memcpy(at, &numbers[i].n, f->size);
	return numbers[i].name;
}

static int edges(int argc, char **argv)
{
	const struct field *f = find(argv[0])->fields;
	const char *name;

	for (; f->name; f++) {
		for (unsigned int i = 0;; i++) {
			int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
			struct plan p;

			plan_new(&p, argv[0]);
			for (int j = 1; j < argc; j++) {
				char given[256];

				snprintf(given, sizeof(given), "%s", argv[j]);
				option(&p, given);
			}
			name = edge_of(p.arg + f->at, f, i);
			if (name) {
				int ret = ioctl(fd, p.cmd, p.arg);
				const char *end = ret < 0 ? strerrorname_np(errno) : "ok";

				printf("%s %s %s %s\n", argv[0], f->name, name, end);
				met(argv[0], end);
			}
			free(p.arg);
			close(fd);
			if (!name)
				break;
		}
	}
	return 0;
}

static int holes(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		char *seen = calloc(1, calls[i].size + 1);

		for (const struct field *f = calls[i].fields; seen && f->name; f++)
			memset(seen + f->at, 1, f->size);
		if (!seen || strlen(seen) != calls[i].size)
			printf("%s: byte %zu of %zu\n", calls[i].name, seen ? strlen(seen) : 0,
			       calls[i].size);
		free(seen);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd, i = 1, ret = 0;

	if (argc > 1 && !strncmp(argv[1], "uid=", 4)) {
		int u = atoi(argv[1] + 4);

		if (setgroups(0, NULL) || setgid((gid_t)u) || setuid((uid_t)u))
			return 3;
		i++;
	}
	if (argc == 2 && !strcmp(argv[1], "holes"))
		return holes();
	if (argc > 2 && !strcmp(argv[1], "edges"))
		return edges(argc - 2, argv + 2);
	fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		printf("open %s\n", strerrorname_np(errno));
		return 3;
	}
	while (i < argc) {
		struct plan p;

		plan_new(&p, argv[i++]);
		for (; i < argc && strcmp(argv[i], "--"); i++)
			option(&p, argv[i]);
		i++;
		ret = run(fd, &p);
		free(p.arg);
	}
	return ret < 0;
}

// SPDX-License-Identifier: MIT
/*
 * Preloaded into a program under test: each call of the C library that can fail is counted by its
 * site, and the one that FAULTS_MAP names fails.  See faults.h.
 */
#include "faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

static struct faults_map *map;
static uintptr_t own_base, own_from, own_to, crypto_from, crypto_to;
static __thread bool inside;

/* ---- who calls ---- */

static int range(struct dl_phdr_info *info, size_t size, void *program)
{
	bool *first = program;
	uintptr_t from = UINTPTR_MAX, to = 0;

	(void)size;
	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) * h = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + h->p_vaddr;

		if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
			continue;
		from = at < from ? at : from;
		to = at + h->p_memsz > to ? at + h->p_memsz : to;
	}
	if (*first) {
		own_base = info->dlpi_addr;
		own_from = from;
		own_to = to;
	} else if (strstr(info->dlpi_name, "libcrypto")) {
		crypto_from = from;
		crypto_to = to;
	}
	*first = false;
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULTS_MAP");
	bool first = true;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	dl_iterate_phdr(range, &first);
	p = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		map = p;
}

static bool is_own(uintptr_t at)
{
	return at >= own_from && at < own_to;
}

struct trace {
	u64 frame[FAULTS_FRAMES];
	u32 n;
	unsigned int deep;
};

/* Our own code is built with frame pointers; libraries' is not. */
static void walk(struct trace *t, uintptr_t ret, const uintptr_t *fp)
{
	while (t->n < FAULTS_FRAMES && is_own(ret)) {
		const uintptr_t *up = (const uintptr_t *)fp[0];

		t->frame[t->n++] = ret - own_base;
		if (up <= fp || (uintptr_t)up & 7 || (uintptr_t)(up - fp) > 1 << 17)
			return;
		fp = up;
		ret = fp[1];
	}
}

static _Unwind_Reason_Code unwind(struct _Unwind_Context *u, void *arg)
{
	struct trace *t = arg;
	uintptr_t at = _Unwind_GetIP(u);

	if (is_own(at))
		t->frame[t->n++] = at - own_base;
	return t->n == FAULTS_FRAMES || ++t->deep == 48 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* ---- whether it fails ---- */

static struct faults_site *site_of(const struct trace *t, enum faults_op op, bool library)
{
	u64 key = 0xcbf29ce484222325u ^ op ^ (u64)library << 32;
	struct faults_site *s;

	for (u32 i = 0; i < t->n; i++)
		key = (key ^ t->frame[i]) * 0x100000001b3u ^ key >> 29;
	key |= 1;
	for (u32 i = 0; i < FAULTS_SITES; i++) {
		u64 none = 0;

		s = &map->site[(key + i) % FAULTS_SITES];
		if (atomic_compare_exchange_strong(&s->key, &none, key)) {
			s->op = op;
			s->library = library;
			s->frames = t->n;
			memcpy(s->frame, t->frame, sizeof(s->frame));
			return s;
		}
		if (none == key)
			return s;
	}
	return NULL;
}

/* 0, or the errno (or FAULTS_SHORT) of this call */
static int fault(enum faults_op op, void *ret, void *fp)
{
	const bool own = is_own((uintptr_t)ret);
	struct trace t = { .n = 0 };
	struct faults_site *s;
	u32 n;
	int kind = 0;

	if (!map || !atomic_load(&map->armed) || inside)
		return 0;
	if (op == F_ALLOC && (uintptr_t)ret >= crypto_from && (uintptr_t)ret < crypto_to) {
		if (atomic_fetch_add(&map->crypto, 1) + 1 == map->crypto_at)
			kind = ENOMEM;
		atomic_fetch_add(&map->fired, !!kind);
		return kind;
	}
	inside = true;
	if (own)
		walk(&t, (uintptr_t)ret, fp);
	else
		_Unwind_Backtrace(unwind, &t);
	s = t.n ? site_of(&t, op, !own) : NULL;
	n = s ? atomic_fetch_add(&s->hits, 1) + 1 : 0;
	if (s && s->key == map->target && n >= map->hit && n - map->hit < map->times) {
		atomic_fetch_add(&map->fired, 1);
		kind = (int)map->kind;
	}
	inside = false;
	return kind;
}

/* A packet is whole or not there. */
static size_t halve(enum faults_op op, int fd, size_t n)
{
	socklen_t size = sizeof(int);
	int type = 0;

	inside = true;
	if ((op == F_SEND || op == F_RECV) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
		type = 0;
	inside = false;
	return n > 1 && type != SOCK_SEQPACKET ? n / 2 : n;
}

/* The function itself, which the program would have called */
static void *find(void **next, const char *name)
{
	if (!*next)
		*next = dlsym(RTLD_NEXT, name);
	return *next;
}

/* No disk is full, nor broken, that a pipe or a socket is on. */
static bool is_disk(int fd)
{
	struct stat st;
	bool is;

	inside = true;
	is = !fstat(fd, &st) && S_ISREG(st.st_mode);
	inside = false;
	return is;
}

#define CALLER		__builtin_return_address(0), __builtin_frame_address(0)
#define REAL(name)	((typeof(name) *)find(&next_##name, #name))

/* A function that fails by `bad` and errno, or not at all */
#define WRAP(type, bad, op, name, params, ...) \
	static void *next_##name; \
	type name params; \
	type name params \
	{ \
		int err = fault(op, CALLER); \
		if (!err) \
			return REAL(name)(__VA_ARGS__); \
		errno = err; \
		return bad; \
	}

/* One that moves bytes, and may move fewer */
#define WRAP_BYTES(op, name, params, n, ...) \
	static void *next_##name; \
	ssize_t name params; \
	ssize_t name params \
	{ \
		int err = fault(op, CALLER); \
		if ((err == EIO || err == ENOSPC) && !is_disk(fd)) \
			err = 0; \
		if (err == FAULTS_SHORT) \
			n = (typeof(n))halve(op, fd, (size_t)n); \
		if (!err || err == FAULTS_SHORT) \
			return REAL(name)(__VA_ARGS__); \
		errno = err; \
		return -1; \
	}

#define WRAP_OPEN(name) \
	static void *next_##name; \
	int name(const char *path, int flags, ...); \
	int name(const char *path, int flags, ...) \
	{ \
		int err = fault(F_OPEN, CALLER); \
		mode_t mode = 0; \
		va_list ap; \
		va_start(ap, flags); \
		if (flags & (O_CREAT | __O_TMPFILE)) \
			mode = va_arg(ap, mode_t); \
		va_end(ap); \
		if (!err) \
			return REAL(name)(path, flags, mode); \
		errno = err; \
		return -1; \
	}

/* One that has done what it does, and then fails */
#define WRAP_LATE(bad, op, name, params, ...) \
	static void *next_##name; \
	int name params; \
	int name params \
	{ \
		int err = fault(op, CALLER), ret = REAL(name)(__VA_ARGS__); \
		if (!err) \
			return ret; \
		errno = err; \
		return bad; \
	}

WRAP(void *, NULL, F_ALLOC, malloc, (size_t n), n)
WRAP(void *, NULL, F_ALLOC, calloc, (size_t n, size_t size), n, size)
WRAP(void *, NULL, F_ALLOC, realloc, (void *p, size_t n), p, n)
WRAP(char *, NULL, F_ALLOC, strdup, (const char *s), s)
WRAP(FILE *, NULL, F_ALLOC, open_memstream, (char **p, size_t *n), p, n)
WRAP(FILE *, NULL, F_ALLOC, fdopen, (int fd, const char *mode), fd, mode)

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP(int, -1, F_OPEN, mkostemp, (char *path, int flags), path, flags)
WRAP(FILE *, NULL, F_OPEN, fopen, (const char *path, const char *mode), path, mode)
WRAP(DIR *, NULL, F_OPEN, opendir, (const char *path), path)

WRAP_BYTES(F_READ, read, (int fd, void *p, size_t n), n, fd, p, n)
WRAP_BYTES(F_PREAD, pread, (int fd, void *p, size_t n, off_t at), n, fd, p, n, at)
WRAP_BYTES(F_PREAD, pread64, (int fd, void *p, size_t n, off64_t at), n, fd, p, n, at)
WRAP_BYTES(F_WRITE, write, (int fd, const void *p, size_t n), n, fd, p, n)
WRAP_BYTES(F_PWRITE, pwrite, (int fd, const void *p, size_t n, off_t at), n, fd, p, n, at)
WRAP_BYTES(F_PWRITE, pwrite64, (int fd, const void *p, size_t n, off64_t at), n, fd, p, n, at)
WRAP_BYTES(F_SEND, send, (int fd, const void *p, size_t n, int flags), n, fd, p, n, flags)
WRAP_BYTES(F_RECV, recv, (int fd, void *p, size_t n, int flags), n, fd, p, n, flags)
WRAP_BYTES(F_SEND, writev, (int fd, const struct iovec *v, int n), n, fd, v, n)
WRAP_BYTES(F_RECV, readv, (int fd, const struct iovec *v, int n), n, fd, v, n)

WRAP(int, -1, F_SYNC, fsync, (int fd), fd)
WRAP(int, -1, F_SYNC, fdatasync, (int fd), fd)
WRAP(int, -1, F_TRUNCATE, ftruncate64, (int fd, off64_t n), fd, n)
WRAP(int, -1, F_RENAME, rename, (const char *from, const char *to), from, to)
WRAP(int, -1, F_UNLINK, unlink, (const char *path), path)
WRAP(int, -1, F_MKDIR, mkdir, (const char *path, mode_t mode), path, mode)
WRAP(int, -1, F_MODE, chown, (const char *path, uid_t u, gid_t g), path, u, g)
WRAP(int, -1, F_MODE, fchmod, (int fd, mode_t mode), fd, mode)

WRAP(int, -1, F_STAT, stat, (const char *path, struct stat *st), path, st)
WRAP(int, -1, F_STAT, lstat, (const char *path, struct stat *st), path, st)
WRAP(int, -1, F_STAT, fstat, (int fd, struct stat *st), fd, st)
WRAP(int, -1, F_STAT, access, (const char *path, int mode), path, mode)

WRAP(int, -1, F_ACCEPT, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), fd, a, n, f)
WRAP(int, -1, F_SOCKET, socket, (int family, int type, int proto), family, type, proto)
WRAP(int, -1, F_SOCKET, socketpair, (int family, int type, int p, int v[2]), family, type, p, v)
WRAP(int, -1, F_SOCKET, pipe2, (int pair[2], int flags), pair, flags)
WRAP(int, -1, F_BIND, bind, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
WRAP(int, -1, F_BIND, listen, (int fd, int n), fd, n)
WRAP(int, -1, F_CONNECT, connect, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
WRAP(int, -1, F_OPT, setsockopt, (int fd, int l, int o, const void *p, socklen_t n), fd, l, o, p, n)
WRAP(int, -1, F_OPT, getsockopt, (int fd, int l, int o, void *p, socklen_t *n), fd, l, o, p, n)
WRAP(int, -1, F_POLL, epoll_ctl, (int fd, int op, int of, struct epoll_event *e), fd, op, of, e)
WRAP(int, -1, F_POLL, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), fd, e, n, ms)
WRAP(int, -1, F_POLL, poll, (struct pollfd *p, nfds_t n, int ms), p, n, ms)

WRAP(pid_t, -1, F_FORK, fork, (void))
WRAP(pid_t, -1, F_WAIT, waitpid, (pid_t pid, int *status, int flags), pid, status, flags)
WRAP(int, -1, F_LIMIT, setrlimit, (__rlimit_resource_t what, const struct rlimit *r), what, r)
WRAP(int, -1, F_LIMIT, getrlimit, (__rlimit_resource_t what, struct rlimit *r), what, r)

WRAP_LATE(EOF, F_CLOSE, fclose, (FILE *f), f)
WRAP_LATE(EOF, F_FLUSH, fflush, (FILE *f), f)
WRAP_LATE(-1, F_CLOSE, close, (int fd), fd)

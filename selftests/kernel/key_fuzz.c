// SPDX-License-Identifier: MIT
/*
 * key_fuzz SEED CALLS SECONDS [SERIAL]...: random calls of add_key, request_key and keyctl from two
 * threads, each with a session keyring of its own: on keys that it makes, those given, and none; of
 * the types that the module has and gives to.  What would end the keys given is rare.  The kernel's
 * health is the verdict; here only that nothing hangs.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define AREA	65536
#define OWN	32	/* keys that a thread made last */

static unsigned char *area;	/* its end is memory's end */
static int given[16];
static unsigned int n_given;
static unsigned long most;
static time_t until;
static unsigned long counts[200];

struct fuzzer {
	uint64_t s;
	int own[OWN];
	unsigned int made;
};

static uint64_t draw(struct fuzzer *f)
{
	f->s ^= f->s << 13;
	f->s ^= f->s >> 7;
	f->s ^= f->s << 17;
	return f->s;
}

static const char *any_text(struct fuzzer *f)
{
	static const char *const texts[] = {
		"hq/disk/data", "entity:alice", "entity:hq/alice", "hq/x", "x", "", "microhsm:hq/x",
		"hq", "/", "entity:", "enc=raw", "hash=sha256", "a/b/c/d/e", "..",
	};

	if (draw(f) % 16 == 0)
		return (const char *)area + AREA - draw(f) % 8;
	return texts[draw(f) % (sizeof(texts) / sizeof(*texts))];
}

static const char *any_type(struct fuzzer *f)
{
	static const char *const types[] = { "microhsm", "microhsm", "user", "logon", "keyring" };

	return types[draw(f) % 5];
}

static void *any_memory(struct fuzzer *f)
{
	switch (draw(f) % 6) {
	case 0:
		return (void *)(uintptr_t)draw(f);
	case 1:
		return NULL;
	case 2:
		return area + AREA - draw(f) % 64;
	default:
		return area + draw(f) % (AREA / 2);
	}
}

static size_t any_size(struct fuzzer *f)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 33, 64, 4096, 32767, 1 << 20, SIZE_MAX };

	return draw(f) % 2 ? sizes[draw(f) % 10] : draw(f) % 256;
}

static int any_key(struct fuzzer *f)
{
	switch (draw(f) % 8) {
	case 0:
		return (int)draw(f);
	case 1:
		return -(int)(draw(f) % 9);	/* KEY_SPEC_... */
	case 2:
	case 3:
	case 4:
		return n_given ? given[draw(f) % n_given] : 0;
	default:
		return f->own[draw(f) % OWN];
	}
}

static long make(struct fuzzer *f)
{
	const char *type = any_type(f), *text = any_text(f);
	const int ring = draw(f) % 4 ? KEY_SPEC_SESSION_KEYRING : any_key(f);
	long ret;

	if (draw(f) % 3 == 0)
		ret = syscall(SYS_request_key, type, text, draw(f) % 2 ? any_text(f) : NULL, ring);
	else
		ret = syscall(SYS_add_key, type, text, any_memory(f), any_size(f), ring);
	if (ret > 0)
		f->own[f->made++ % OWN] = (int)ret;
	return ret;
}

/* What ends a key, or takes it from its owner, is for those that were made here. */
static bool is_harsh(int op)
{
	static const int harsh[] = {
		KEYCTL_REVOKE, KEYCTL_CHOWN, KEYCTL_SETPERM, KEYCTL_SET_TIMEOUT, KEYCTL_INVALIDATE,
		KEYCTL_CLEAR, KEYCTL_UNLINK,
	};

	for (size_t i = 0; i < sizeof(harsh) / sizeof(*harsh); i++)
		if (op == harsh[i])
			return true;
	return false;
}

static long call(struct fuzzer *f)
{
	struct keyctl_pkey_params pkey = { 0 };
	int op = (int)(draw(f) % 34), key = any_key(f);

	if (is_harsh(op) && draw(f) % 4096)
		key = f->own[draw(f) % OWN];
	if (op == KEYCTL_JOIN_SESSION_KEYRING || op == KEYCTL_SESSION_TO_PARENT)
		op = KEYCTL_DESCRIBE;
	if (op >= KEYCTL_PKEY_QUERY && op <= KEYCTL_PKEY_VERIFY && draw(f) % 4) {
		pkey.key_id = key;
		pkey.in_len = (uint32_t)any_size(f);
		pkey.out_len = (uint32_t)any_size(f);
		return op == KEYCTL_PKEY_QUERY ?
			syscall(SYS_keyctl, op, key, 0, any_text(f), any_memory(f)) :
			syscall(SYS_keyctl, op, &pkey, any_text(f), any_memory(f), any_memory(f));
	}
	switch (draw(f) % 4) {
	case 0:
		return syscall(SYS_keyctl, op, key, any_key(f), any_key(f), any_key(f));
	case 1:
		return syscall(SYS_keyctl, op, key, any_type(f), any_text(f), any_key(f));
	case 2:
		return syscall(SYS_keyctl, op, key, any_memory(f), any_size(f), any_key(f));
	default:
		return syscall(SYS_keyctl, op, key, (uint32_t)draw(f), (uint32_t)draw(f), 0);
	}
}

static void *fuzz(void *fuzzer)
{
	struct fuzzer *f = fuzzer;

	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	for (unsigned long i = 0; i < most && time(NULL) < until; i++) {
		const long ret = draw(f) % 4 ? call(f) : make(f);

		__atomic_add_fetch(&counts[ret < 0 && errno < 200 ? errno : 0], 1,
				   __ATOMIC_RELAXED);
		/* what was made goes with its keyring, before the quota is full of it */
		if (i % 128 == 127)
			syscall(SYS_keyctl, KEYCTL_CLEAR, KEY_SPEC_SESSION_KEYRING);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct fuzzer f[2] = { 0 };
	pthread_t t[2];

	if (argc < 4)
		return 2;
	area = mmap(NULL, AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || munmap(area + AREA, 4096))
		return 3;
	memset(area, 'm', AREA);
	for (int i = 4; i < argc && n_given < 16; i++)
		given[n_given++] = atoi(argv[i]);
	most = strtoul(argv[2], NULL, 0) / 2;
	until = time(NULL) + atoi(argv[3]);
	for (int i = 0; i < 2; i++) {
		f[i].s = strtoull(argv[1], NULL, 0) * 2 + 99991 + (uint64_t)i;
		if (pthread_create(&t[i], NULL, fuzz, &f[i]))
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

// SPDX-License-Identifier: MIT
/*
 * key_fuzz SEED CALLS SECONDS [SERIAL]...: random calls of add_key, request_key and keyctl from two
 * threads, each with a session keyring of its own: on keys that it makes, those given, and none; of
 * the types that the module has and gives to.  What would end the keys given is rare.  The kernel's
 * health is the verdict; here only that nothing hangs.
 */
#include "selftests/kernel/call_fuzz.h"

#include <linux/keyctl.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN	32	/* keys that a thread made last */

struct fuzzer {
	uint64_t s;
	int own[OWN];
	unsigned int made;
};

static const char *any_text(struct fuzzer *f)
{
	static const char *const texts[] = {
		"hq/disk/data", "entity:alice", "entity:hq/alice", "hq/x", "x", "", "microhsm:hq/x",
		"hq", "/", "entity:", "enc=raw", "hash=sha256", "a/b/c/d/e", "..",
	};

	if (draw(&f->s) % 16 == 0)
		return (const char *)area + AREA - draw(&f->s) % 8;
	return texts[draw(&f->s) % (sizeof(texts) / sizeof(*texts))];
}

static const char *any_type(struct fuzzer *f)
{
	static const char *const types[] = { "microhsm", "microhsm", "user", "logon", "keyring" };

	return types[draw(&f->s) % 5];
}

static size_t any_size(struct fuzzer *f)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 33, 64, 4096, 32767, 1 << 20, SIZE_MAX };

	return draw(&f->s) % 2 ? sizes[draw(&f->s) % 10] : draw(&f->s) % 256;
}

static int any_key(struct fuzzer *f)
{
	switch (draw(&f->s) % 8) {
	case 0:
		return (int)draw(&f->s);
	case 1:
		return -(int)(draw(&f->s) % 9);	/* KEY_SPEC_... */
	case 2:
	case 3:
	case 4:
		return n_serials ? serials[draw(&f->s) % n_serials] : 0;
	default:
		return f->own[draw(&f->s) % OWN];
	}
}

static long make(struct fuzzer *f)
{
	const char *type = any_type(f), *text = any_text(f);
	const int ring = draw(&f->s) % 4 ? KEY_SPEC_SESSION_KEYRING : any_key(f);
	long ret;

	if (draw(&f->s) % 3 == 0)
		ret = syscall(SYS_request_key, type, text,
			      draw(&f->s) % 2 ? any_text(f) : NULL, ring);
	else
		ret = syscall(SYS_add_key, type, text, any_memory(&f->s), any_size(f), ring);
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
	int op = (int)(draw(&f->s) % 34), key = any_key(f);

	if (is_harsh(op) && draw(&f->s) % 4096)
		key = f->own[draw(&f->s) % OWN];
	if (op == KEYCTL_JOIN_SESSION_KEYRING || op == KEYCTL_SESSION_TO_PARENT)
		op = KEYCTL_DESCRIBE;
	if (op >= KEYCTL_PKEY_QUERY && op <= KEYCTL_PKEY_VERIFY && draw(&f->s) % 4) {
		pkey.key_id = key;
		pkey.in_len = (uint32_t)any_size(f);
		pkey.out_len = (uint32_t)any_size(f);
		return op == KEYCTL_PKEY_QUERY ?
			syscall(SYS_keyctl, op, key, 0, any_text(f), any_memory(&f->s)) :
			syscall(SYS_keyctl, op, &pkey, any_text(f), any_memory(&f->s),
				any_memory(&f->s));
	}
	switch (draw(&f->s) % 4) {
	case 0:
		return syscall(SYS_keyctl, op, key, any_key(f), any_key(f), any_key(f));
	case 1:
		return syscall(SYS_keyctl, op, key, any_type(f), any_text(f), any_key(f));
	case 2:
		return syscall(SYS_keyctl, op, key, any_memory(&f->s), any_size(f), any_key(f));
	default:
		return syscall(SYS_keyctl, op, key, (uint32_t)draw(&f->s),
			       (uint32_t)draw(&f->s), 0);
	}
}

static void *fuzz(void *seed)
{
	struct fuzzer f = { .s = *(uint64_t *)seed };

	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	for (unsigned long i = 0; i < most && time(NULL) < until; i++) {
		count(draw(&f.s) % 4 ? call(&f) : make(&f));
		/* what was made goes with its keyring, before the quota is full of it */
		if (i % 128 == 127)
			syscall(SYS_keyctl, KEYCTL_CLEAR, KEY_SPEC_SESSION_KEYRING);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, fuzz);
}

// SPDX-License-Identifier: MIT
/*
 * A vault whose content is the input, under a passphrase that is right: it opens if kids rise and
 * nothing is left over, holds what is written, and takes more.
 */
#include "lib/vault.c"
#include "memfile.h"

static struct mh_vault v = { .lock = -1 };
static char dir[32] = "/dev/shm/fuzz-XXXXXX", path[64], lock[72];

static void remove_files(void)
{
	unlink(path);
	unlink(lock);
	rmdir(dir);
}

static void make(void)
{
	if (!mkdtemp(dir))
		must(mkdtemp(strcpy(dir, "/var/tmp/fuzz-XXXXXX")));
	snprintf(path, sizeof(path), "%s/vault", dir);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	atexit(remove_files);
	v.header.seats = 1;
	v.header.seat[0] = (struct mh_blob_seat){ .type = MH_SEAT_PIN, .m = 8, .t = 1, .p = 1 };
	must(!stretch(&v, "passphrase"));
}

static void write_file(const u8 *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static bool right(const u8 *p, size_t n)
{
	if (n < HEAD || p[0] || (n - HEAD) % ENTRY || (n - HEAD) / ENTRY != mh_get32(p + 1))
		return false;
	for (size_t i = HEAD + ENTRY; i < n; i += ENTRY)
		if (memcmp(p + i - ENTRY, p + i, 32) >= 0)
			return false;
	return true;
}

static void use(struct mh_vault *o, const u8 *p, size_t n)
{
	static const u8 kid[32] = { 0x80 }, secret[32] = { 7 };
	const u8 *found;

	for (size_t i = HEAD; i < n; i += ENTRY) {
		found = mh_vault_find(o, p + i);
		must(found && !memcmp(found, p + i + 32, 32));
	}
	found = mh_vault_find(o, kid);
	must(!mh_vault_add(o, kid, secret));
	must(found || !memcmp(mh_vault_find(o, kid), secret, 32));
	must(right(o->content.p, o->content.n) && o->content.n == n + (found ? 0 : ENTRY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 blob[8192];
	struct mh_vault *o;
	int n, ret;

	if (!v.header.seats)
		make();
	if (size > sizeof(blob) - MH_BLOB_OVERHEAD)
		return 0;
	n = mh_blob_seal(&v.header, v.seat, MH_BUF(data, size), blob, sizeof(blob));
	must(n > 0);
	write_file(blob, (size_t)n);
	ret = mh_vault_open(&o, path, "passphrase", true);
	must(!ret == right(data, size) && (!ret || ret == -EBADMSG));
	if (!ret) {
		use(o, data, size);
		mh_vault_close(o);
	}
	/* as the whole file, which opens under no passphrase here */
	if (size < 5 || memcmp(data, blob, 5)) {
		write_file(data, size);
		must(mh_vault_open(&o, path, "passphrase", false) < 0);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * audit_forge STORE FILE...: the chain in STORE (a copy, if a daemon holds it), another time in its
 * second record and all hashes made right again, written over the records in FILEs (a store, its
 * -wal; a daemon may hold them). Says how many records it wrote over.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/audit_record.h"
#include "lib/util.h"

#define MOST	4096
#define BEFORE	9		/* of a record: where the hash of the one before it is */
#define TIME	(BEFORE + MH_HASH_LEN)

static struct mh_bytes was[MOST], forged[MOST];
static size_t records;

static int read_chain(const char *path)
{
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	int ret = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (!ret)
		ret = sqlite3_prepare_v2(db, "SELECT record FROM audit ORDER BY seq", -1, &s, NULL);
	while (!ret && records < MOST && sqlite3_step(s) == SQLITE_ROW) {
		const void *p = sqlite3_column_blob(s, 0);
		size_t n = (size_t)sqlite3_column_bytes(s, 0);

		ret = mh_bytes_copy(&was[records], p, n) || mh_bytes_copy(&forged[records], p, n);
		records++;
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return ret || records < 3;
}

static void forge(void)
{
	forged[1].p[TIME + 7] ^= 1;
	for (size_t i = 2; i < records; i++)
		mh_audit_record_hash(mh_bytes_buf(&forged[i - 1]), forged[i].p + BEFORE);
}

static int write_over(const char *path, unsigned int *n)
{
	struct mh_bytes all = { 0 };
	int fd, ret = mh_file_read(path, 1 << 28, &all);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (size_t i = 1; fd >= 0 && i < records; i++) {
		u8 *at = all.p;

		while ((at = memmem(at, all.n - (size_t)(at - all.p), was[i].p, was[i].n))) {
			if (pwrite(fd, forged[i].p, was[i].n, at - all.p) != (ssize_t)was[i].n)
				ret = -EIO;
			++*n;
			at++;
		}
	}
	mh_bytes_free(&all);
	return fd < 0 || close(fd) ? -errno : ret;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;

	mh_prog = "audit_forge";
	if (argc < 3 || read_chain(argv[1]))
		return mh_fail(2, "no audit of three records in %s", argc > 1 ? argv[1] : "what");
	forge();
	for (int i = 2; i < argc; i++)
		if (write_over(argv[i], &n))
			return mh_fail(1, "%s: cannot be written", argv[i]);
	printf("%u\n", n);
	return n < records - 1;
}

// SPDX-License-Identifier: MIT
/*
 * What is sealed, opened by a test that has the seat, a line "NAME HEX" for each secret:
 *
 *   sealed_probe keeper DIR NAME	what the keeper of the repositoryd of that name holds
 *   sealed_probe identity BLOB SEAT	what the kernel holds of an identity; SEAT is its one file
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/blob.h"
#include "keeper_child.h"
#include "lib/util.h"

static void line(const char *name, const u8 *key)
{
	char hex[2 * MH_KEY_LEN + 1];

	mh_hex(hex, key, MH_KEY_LEN);
	printf("%s %s\n", name, hex);
}

static int keeper(const char *dir, const char *name)
{
	struct keeper_audit audit = { .fd = -1 };
	struct keeper_secrets s;
	int ret = keeper_file_open(dir, (uid_t)-1, (gid_t)-1, name, false, &s, &audit);

	if (ret)
		return ret;
	line("store", s.store);
	line("sp2", s.sp2);
	line("fresh", s.fresh);
	line("audit", s.audit);
	line("card", s.card);
	return 0;
}

/* Documentation/protocol-data.rst, "An identity" */
static int identity(const char *path, const char *file)
{
	static const char *const names[] = { "kei", "kes", "kec" };
	u8 c[1][MH_HASH_LEN], seat[MH_HASH_LEN];
	struct mh_bytes blob = { 0 }, secret = { 0 }, content = { 0 };
	struct mh_blob_header h;
	struct mh_reader r;
	size_t at;
	u8 version;
	int ret = mh_file_read(path, 1 << 20, &blob);

	if (!ret)
		ret = mh_file_read(file, 1 << 20, &secret);
	if (!ret)
		ret = mh_blob_parse(&h, mh_bytes_buf(&blob), &at);
	if (!ret)
		ret = mh_blob_constant(1, mh_bytes_buf(&secret), c[0]);
	if (!ret)
		ret = mh_blob_seat(&h, (const u8 (*)[MH_HASH_LEN])c, seat);
	if (!ret)
		ret = mh_bytes_copy(&content, blob.p, blob.n);
	if (!ret)
		ret = mh_blob_open(seat, mh_bytes_buf(&blob), content.p);
	if (ret < 0)
		return ret;
	mh_reader_init(&r, content.p, (size_t)ret);
	version = mh_read_u8(&r);
	mh_read_v(&r, 64);
	mh_read_bytes(&r, version ? 2 : 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct mh_buf key = mh_read_bytes(&r, MH_KEY_LEN);

		if (r.err)
			return r.err;
		line(names[i], key.p);
	}
	line("seat", seat);
	return 0;
}

int main(int argc, char **argv)
{
	int ret = argc != 4 ? -EINVAL : !strcmp(argv[1], "keeper") ? keeper(argv[2], argv[3]) :
		  identity(argv[2], argv[3]);

	if (ret)
		fprintf(stderr, "sealed_probe: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}

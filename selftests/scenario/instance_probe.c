// SPDX-License-Identifier: MIT
/*
 * What a test knows of one INSTANCE, or ENTITY, by its statement from the admin socket:
 *
 *   instance_probe kid REGION SUBJECT		kid(Ke), 32 bytes, which is public
 *   instance_probe ke REGION SUBJECT FILE	which 32 bytes of FILE are Ke: it has that kid
 *   instance_probe forge REGION SUBJECT ENTITY REQUEST KEY
 *		a wrap that says it holds Ke, for that Entity, and is rightly sealed to the
 *		Kec-public of its join request; but it holds the 32 bytes of the file KEY
 *   instance_probe entity REGION ENTITY FILE SERVER
 *		which 32 bytes of FILE are its Kei-secret and Kec-secret, and what is made of them
 *		for that server, a line "NAME HEX" each
 *
 *   instance_probe kec REQUEST
 *		the Kec-public of a join request
 *
 * SUBJECT is DATASET@VERSION.  The result goes to standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hpke.h"
#include "core/manifest.h"
#include "core/messages.h"
#include "core/stp.h"
#include "core/wrap.h"
#include "lib/admin_client.h"

static struct mh_bytes statement;
static struct mh_stmt stmt;
static struct mh_manifest manifest;

static int call(int fd, u8 op, const struct mh_writer *w, struct mh_bytes *reply)
{
	u8 status;
	int ret = mh_admin_call(fd, op, MH_BUF(w->p, w->len), &status, reply);

	return ret ? ret : status ? -ENOENT : 0;
}

static int get(const char *label, u8 type, const char *subject)
{
	const char *path = getenv("MICROHSM_ADMIN");
	int fd = mh_admin_connect(path ? path : "/run/microhsm/admin");
	u8 body[64 + MH_SUBJECT_MAX];
	struct mh_bytes reply = { 0 };
	struct mh_writer w;
	struct mh_reader r;
	struct mh_buf b;
	int ret = fd < 0 ? fd : 0;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_v(&w, label, strlen(label));
	if (!ret)
		ret = call(fd, MH_ADMIN_REGIONS, &w, &reply);
	mh_reader_init(&r, reply.p, reply.n);
	if (!ret && mh_read_u16(&r) != 1)
		ret = -ENOENT;
	b = mh_read_bytes(&r, 32);
	mh_writer_init(&w, body, sizeof(body));
	if (!ret && !r.err)
		mh_write_bytes(&w, b.p, 32);
	mh_write_u8(&w, type);
	mh_write_v(&w, subject, strlen(subject));
	mh_bytes_free(&reply);
	if (!ret)
		ret = call(fd, MH_ADMIN_GET, &w, &reply);
	mh_reader_init(&r, reply.p, reply.n);
	b = mh_read_big(&r, MH_STMT_MAX);
	if (!ret)
		ret = mh_read_end(&r) ? -EBADMSG : mh_bytes_copy(&statement, b.p, b.n);
	mh_bytes_free(&reply);
	if (!ret)
		ret = mh_stmt_parse(&stmt, statement.p, statement.n);
	return ret || type != MH_INSTANCE ? ret : mh_manifest_decode(&manifest, &stmt);
}

static int put(const u8 *p, size_t n)
{
	return fwrite(p, 1, n, stdout) == n && !fflush(stdout) ? 0 : -EIO;
}

/* The key in b that has this kid, or NULL */
static const u8 *of_kid(const struct mh_bytes *b, const u8 *ctx, const u8 *want)
{
	u8 kid[MH_HASH_LEN];

	for (size_t at = 0; want && at + MH_KEY_LEN <= b->n; at++)
		if (!mh_kid(MH_BUF(b->p + at, MH_KEY_LEN), MH_BUF(ctx, MH_HASH_LEN), kid) &&
		    !memcmp(kid, want, MH_HASH_LEN))
			return b->p + at;
	return NULL;
}

static int find_ke(const char *path)
{
	struct mh_bytes b = { 0 };
	const u8 *ke;
	int ret = mh_file_read(path, 1 << 20, &b);

	if (ret)
		return ret;
	ke = of_kid(&b, manifest.icx, manifest.ke_kid);
	ret = ke ? put(ke, MH_KEY_LEN) : -ENOKEY;
	mh_bytes_free(&b);
	return ret;
}

static void line(const char *name, const u8 key[MH_KEY_LEN])
{
	char hex[2 * MH_KEY_LEN + 1];

	mh_hex(hex, key, MH_KEY_LEN);
	printf("%s %s\n", name, hex);
}

static int find_entity(const char *name, const char *path, const char *server)
{
	u8 ecx[MH_HASH_LEN], x[MH_HASH_LEN], kpf[32], psk[32], kei_x[32];
	struct mh_bytes b = { 0 };
	const u8 *kei, *kec;
	int ret = mh_file_read(path, 1 << 20, &b);

	if (ret)
		return ret;
	mh_ctx_entity(stmt.region, mh_text(name), ecx);
	mh_ctx_sp2(stmt.region, mh_text(server), x);
	kei = of_kid(&b, ecx, mh_stmt_attr(&stmt, MH_A_KEI).p);
	kec = of_kid(&b, ecx, mh_stmt_attr(&stmt, MH_A_KEC_KID).p);
	ret = kei && kec ? 0 : -ENOKEY;
	if (!ret)
		ret = mh_stp_kpf(MH_BUF(kec, MH_KEY_LEN), ecx, kpf);
	if (!ret)
		ret = mh_stp_psk(kpf, kei, x, psk);
	if (!ret)
		ret = mh_stp_kei_x(kei, x, kei_x);
	if (!ret) {
		line("kei", kei);
		line("kec", kec);
		line("kpf", kpf);
		line("psk", psk);
		line("kei_x", kei_x);
	}
	mh_bytes_free(&b);
	return ret;
}

/* As mh_wrap_seal_hpke(), but for what the head says */
static int forge(const char *name, const char *request, const char *key)
{
	u8 wrap[MH_WRAP_LEN] = { MH_WRAP_HPKE }, ecx[MH_HASH_LEN];
	const struct mh_buf info[] = { MH_L("wrap"), MH_BUF(wrap + 1, 2 * MH_HASH_LEN) };
	struct mh_bytes q = { 0 }, k = { 0 };
	struct mh_join_request join;
	int ret = mh_armour_read(request, "JOIN REQUEST", MH_JOIN_REQUEST_MAX, &q);

	if (!ret)
		ret = mh_join_request_decode(&join, mh_bytes_buf(&q));
	if (!ret)
		ret = mh_file_read(key, MH_KEY_LEN, &k);
	if (!ret && (k.n != MH_KEY_LEN || join.kec.n != MH_KEY_LEN))
		ret = -EINVAL;
	mh_ctx_entity(stmt.region, mh_text(name), ecx);
	memcpy(wrap + 1, manifest.ke_kid, MH_HASH_LEN);
	if (!ret)
		ret = mh_kid(join.kec, MH_BUF(ecx, sizeof(ecx)), wrap + 1 + MH_HASH_LEN);
	if (!ret)
		ret = mh_hpke_seal(join.kec.p, info, 2, MH_BUF(NULL, 0), k.p, k.n, NULL,
				   wrap + 1 + 2 * MH_HASH_LEN, wrap + 1 + 3 * MH_HASH_LEN);
	if (!ret)
		ret = put(wrap, sizeof(wrap));
	mh_bytes_free(&q);
	mh_bytes_free(&k);
	return ret;
}

static int kec(const char *request)
{
	struct mh_join_request join;
	struct mh_bytes q = { 0 };
	int ret = mh_armour_read(request, "JOIN REQUEST", MH_JOIN_REQUEST_MAX, &q);

	if (!ret)
		ret = mh_join_request_decode(&join, mh_bytes_buf(&q));
	if (!ret)
		ret = put(join.kec.p, join.kec.n);
	mh_bytes_free(&q);
	return ret;
}

int main(int argc, char **argv)
{
	const bool entity = argc == 6 && !strcmp(argv[1], "entity");
	int ret;

	if (argc == 3 && !strcmp(argv[1], "kec"))
		return kec(argv[2]) != 0;
	ret = argc < 4 ? -EINVAL : get(argv[2], entity ? MH_ENTITY : MH_INSTANCE, argv[3]);

	if (!ret && argc == 4 && !strcmp(argv[1], "kid"))
		ret = put(manifest.ke_kid, MH_HASH_LEN);
	else if (!ret && argc == 5 && !strcmp(argv[1], "ke"))
		ret = find_ke(argv[4]);
	else if (!ret && entity)
		ret = find_entity(argv[3], argv[4], argv[5]);
	else if (!ret && argc == 7 && !strcmp(argv[1], "forge"))
		ret = forge(argv[4], argv[5], argv[6]);
	else if (!ret)
		ret = -EINVAL;
	mh_bytes_free(&statement);
	if (ret)
		fprintf(stderr, "instance_probe: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}

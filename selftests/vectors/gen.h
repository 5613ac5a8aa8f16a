/* SPDX-License-Identifier: MIT */
/* What the makers of vectors share: a header's arrays and tables, files of bytes. */
#ifndef VECTORS_GEN_H
#define VECTORS_GEN_H

#include <stdio.h>
#include <stdlib.h>
#include "core/blob.h"

static FILE *gen_out;

static inline void gen_must(int ret)
{
	if (ret < 0) {
		fprintf(stderr, "vectors: error %d\n", ret);
		exit(1);
	}
}

static inline void gen_fill(u8 *p, size_t n, u8 first)
{
	while (n--)
		*p++ = first++;
}

static inline FILE *gen_open(const char *dir, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	gen_must(f ? 0 : -1);
	return f;
}

static inline void gen_file(const char *dir, const char *name, const u8 *p, size_t n)
{
	FILE *f = gen_open(dir, name);

	gen_must(fwrite(p, 1, n, f) == n && !fclose(f) ? 0 : -1);
}

static inline void gen_begin(const char *dir, const char *name, const char *guard,
			     const char *maker)
{
	gen_out = gen_open(dir, name);
	fprintf(gen_out, "/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n"
		"/* Made by selftests/vectors/%s; see Documentation/protocol-data.rst. */\n"
		"#ifndef MH_VECTORS_%s_H\n#define MH_VECTORS_%s_H\n\n", maker, guard, guard);
}

static inline void gen_end(void)
{
	fprintf(gen_out, "#endif\n");
	gen_must(fclose(gen_out) ? -1 : 0);
}

static inline void gen_bytes(const char *of, const char *name, const char *field, const u8 *p,
			     size_t n)
{
	if (!n)
		return;
	fprintf(gen_out, "static const u8 %s_%s%s%s[] = {", of, name, *field ? "_" : "", field);
	for (size_t i = 0; i < n; i++)
		fprintf(gen_out, "%s0x%02x,", i % 12 ? " " : "\n\t", p[i]);
	fprintf(gen_out, "\n};\n\n");
}

struct gen_field {
	const char *name;
	struct mh_buf v;
};

/* A row of vectors, first its arrays, then its place in the table; head: what is no bytes */
typedef void each_row(const char *of, const char *name, const char *head,
		      const struct gen_field *f, size_t n);

static inline void gen_arrays(const char *of, const char *name, const char *head,
			      const struct gen_field *f, size_t n)
{
	(void)head;
	for (size_t i = 0; i < n; i++)
		gen_bytes(of, name, f[i].name, f[i].v.p, f[i].v.n);
}

static inline void gen_row(const char *of, const char *name, const char *head,
			   const struct gen_field *f, size_t n)
{
	fprintf(gen_out, "\t{\n\t\t.name = \"%s\",%s%s\n", name, *head ? " " : "", head);
	for (size_t i = 0; i < n; i++)
		if (f[i].v.n)
			fprintf(gen_out, "\t\t.%s = MH_BUF(%s_%s_%s, sizeof(%s_%s_%s)),\n",
				f[i].name, of, name, f[i].name, of, name, f[i].name);
	fprintf(gen_out, "\t},\n");
}

/* A blob of these seats, the constants' inputs in bytes; c of a type that has none is given. */
struct gen_blob {
	struct mh_blob_header h;
	struct mh_buf bytes[MH_BLOB_SEATS];
	u8 c[MH_BLOB_SEATS][32], seat[32], blob[8192];
	size_t n;
};

static inline void gen_seal(struct gen_blob *b, struct mh_buf content)
{
	int n;

	for (u8 i = 0; i < b->h.seats; i++)
		if (b->bytes[i].n)
			gen_must(mh_blob_constant(b->h.seat[i].type, b->bytes[i], b->c[i]));
	gen_fill(b->h.seat_salt, 32, 0x01);
	gen_fill(b->h.blob_salt, 32, 0x31);
	gen_must(mh_blob_seat(&b->h, (const u8 (*)[32])b->c, b->seat));
	n = mh_blob_seal(&b->h, b->seat, content, b->blob, sizeof(b->blob));
	gen_must(n);
	b->n = (size_t)n;
}

/* One seat of type file: 32 times 's', as identity_probe's letter */
static inline void gen_file_seat(struct gen_blob *b)
{
	static u8 bytes[32];

	memset(bytes, 's', sizeof(bytes));
	memset(b, 0, sizeof(*b));
	b->h.seats = 1;
	b->h.seat[0].type = 1;
	b->bytes[0] = MH_BUF(bytes, 32);
}

#endif

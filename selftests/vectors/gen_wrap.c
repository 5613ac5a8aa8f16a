// SPDX-License-Identifier: MIT
/*
 * Makes wrap.h, stream.h and own.h of kmod/core/vectors: wraps of each kind,
 * chains, Encrypted Data, and the few of them that the module checks at load.
 * Nothing is drawn: another run gives the same.  See `make vectors`.
 *
 *	gen_wrap DIRECTORY-OF-VECTORS
 */
#include "gen.h"
#include "core/statement.h"
#include "core/stream.h"
#include "core/wrap.h"

static u8 region[32], ecx[32], gcx[32], icx[32];
static u8 ke[32], kgc[32], kec[32], kec_pub[32], kec_secret[32], eph[32], salt[32];
static u8 hpke[MH_WRAP_LEN], secret[MH_WRAP_LEN], none[MH_WRAP_LEN];

static void world(void)
{
	u8 random[32];

	gen_fill(region, 32, 0x10);
	gen_fill(random, 32, 0x50);
	gen_fill(ke, 32, 0x80);
	gen_fill(kgc, 32, 0xa0);
	gen_fill(kec, 32, 0x20);
	gen_fill(kec_secret, 32, 0x40);
	gen_fill(eph, 32, 0x60);
	gen_fill(salt, 32, 0xe0);
	gen_must(mh_x25519_public(kec_pub, kec));
	mh_ctx_entity(region, MH_BUF("host-1", 6), ecx);
	mh_ctx_epoch(region, MH_BUF("staff", 5), 7, gcx);
	mh_ctx_instance(region, MH_BUF("eu/disk", 7), 7, MH_MODE_GROUP, MH_DATA_KEY, 1, random,
			icx);
	gen_must(mh_wrap_seal_hpke(hpke, ke, MH_BUF(icx, 32), kec_pub, MH_BUF(ecx, 32), eph));
	gen_must(mh_wrap_seal_secret(secret, ke, MH_BUF(icx, 32), kgc, MH_BUF(gcx, 32), salt));
	gen_must(mh_wrap_seal_none(none, ke, MH_BUF(icx, 32)));
}

/* ---- wraps ---- */

#define WRAP_FIELDS 7

static void wrap_rows(each_row *each)
{
	const struct gen_field f[3][WRAP_FIELDS] = {
		{ { "k", MH_BUF(ke, 32) }, { "kctx", MH_BUF(icx, 32) }, { "kw", MH_BUF(kec, 32) },
		  { "kw_pub", MH_BUF(kec_pub, 32) }, { "wctx", MH_BUF(ecx, 32) },
		  { "random", MH_BUF(eph, 32) }, { "wrap", MH_BUF(hpke, MH_WRAP_LEN) } },
		{ { "k", MH_BUF(ke, 32) }, { "kctx", MH_BUF(icx, 32) }, { "kw", MH_BUF(kgc, 32) },
		  { "kw_pub", MH_BUF(NULL, 0) }, { "wctx", MH_BUF(gcx, 32) },
		  { "random", MH_BUF(salt, 32) }, { "wrap", MH_BUF(secret, MH_WRAP_LEN) } },
		{ { "k", MH_BUF(ke, 32) }, { "kctx", MH_BUF(icx, 32) },
		  { "wrap", MH_BUF(none, MH_WRAP_LEN) } },
	};
	static const char *const names[] = { "hpke", "secret", "none" };

	for (int i = 0; i < 3; i++) {
		char head[32];

		snprintf(head, sizeof(head), ".kind = %d,", i + 1);
		each("wrap", names[i], head, f[i], i < 2 ? WRAP_FIELDS : 3);
	}
}

/* A chain of n from Kec, or from Kec-secret: groups g1, g2, ... of epochs 1, 2, ... between */
struct chain {
	const char *name;
	bool pair;
	u8 n, ctx[MH_WRAP_CHAIN][32], wraps[MH_WRAP_CHAIN][MH_WRAP_LEN];
};

static struct chain chains[] = {
	{ .name = "one", .pair = true, .n = 1 },
	{ .name = "three", .pair = true, .n = 3 },
	{ .name = "eight", .pair = false, .n = 8 },
};

static void chain_make(struct chain *c)
{
	u8 k[32], kw[32], r[32];

	for (u8 i = 0; i < c->n; i++) {
		char name[3] = { 'g', (char)('1' + i) };
		const struct mh_buf wctx = MH_BUF(i ? c->ctx[i - 1] : ecx, 32);

		memcpy(k, ke, 32);
		memcpy(c->ctx[i], icx, 32);
		if (i + 1 < c->n) {
			gen_fill(k, 32, (u8)(0xa1 + i));
			mh_ctx_epoch(region, MH_BUF(name, 2), i + 1, c->ctx[i]);
		}
		gen_fill(r, 32, (u8)(0xf0 + i));
		if (!i && c->pair)
			gen_must(mh_wrap_seal_hpke(c->wraps[i], k, MH_BUF(c->ctx[i], 32), kec_pub,
						   wctx, r));
		else
			gen_must(mh_wrap_seal_secret(c->wraps[i], k, MH_BUF(c->ctx[i], 32),
						     i ? kw : kec_secret, wctx, r));
		memcpy(kw, k, 32);
	}
}

static void chain_rows(each_row *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct chain *c = &chains[i];
		const struct gen_field f[] = {
			{ "k", MH_BUF(ke, 32) },
			{ "kec", MH_BUF(c->pair ? kec : kec_secret, 32) },
			{ "kec_pub", MH_BUF(kec_pub, c->pair ? 32 : 0) },
			{ "ecx", MH_BUF(ecx, 32) },
			{ "ctx", MH_BUF(c->ctx, (size_t)c->n * 32) },
			{ "wraps", MH_BUF(c->wraps, (size_t)c->n * MH_WRAP_LEN) },
		};

		each("chain", c->name, "", f, ARRAY_SIZE(f));
	}
}

static void wraps(const char *dir)
{
	gen_begin(dir, "wrap.h", "WRAP", "gen_wrap.c");
	fprintf(gen_out, "struct mh_wrap_vector {\n\tconst char *name;\n\tu8 kind;\n"
		"\tstruct mh_buf k, kctx, kw, kw_pub, wctx, random, wrap;\n};\n\n"
		"/* ctx: of each link; wraps: the links */\n"
		"struct mh_chain_vector {\n\tconst char *name;\n"
		"\tstruct mh_buf k, kec, kec_pub, ecx, ctx, wraps;\n};\n\n");
	wrap_rows(gen_arrays);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		chain_make(&chains[i]);
	chain_rows(gen_arrays);
	fprintf(gen_out, "static const struct mh_wrap_vector mh_wrap_vectors[] = {\n");
	wrap_rows(gen_row);
	fprintf(gen_out, "};\n\nstatic const struct mh_chain_vector mh_chain_vectors[] = {\n");
	chain_rows(gen_row);
	fprintf(gen_out, "};\n\n");
	gen_end();
}

/* ---- STREAM ---- */

static const struct {
	const char *name;
	bool file;
	u32 n;
} lengths[] = {
	{ "empty", false, 0 }, { "one", false, 1 }, { "key", false, 32 },
	{ "chunk", false, 16384 }, { "chunk_one", false, 16385 }, { "three", false, 40000 },
	{ "file", true, 20000 },
};

static u8 plain[40000], sealed[41000];

static size_t stream_seal(bool file, u32 n, u8 *out)
{
	struct mh_stream s;
	u32 at = 0;
	u8 *p = out;

	gen_must(file ? mh_stream_begin_file(&s, ke, salt) : mh_stream_begin(&s, ke, icx));
	do {
		const u32 part = n - at < MH_STREAM_CHUNK ? n - at : MH_STREAM_CHUNK;

		gen_must(mh_stream_seal(&s, at + part == n, plain + at, part, p));
		at += part;
		p += part + MH_TAG_LEN;
	} while (at < n);
	mh_stream_end(&s);
	return (size_t)(p - out);
}

static void stream_rows(each_row *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const size_t n = stream_seal(lengths[i].file, lengths[i].n, sealed);
		const size_t end = n < 64 ? n : 64;
		const struct mh_buf all = MH_BUF(sealed, n);
		u8 sha[32];
		char head[64];

		mh_sha256v(sha, &all, 1);
		const struct gen_field f[] = {
			{ "key", MH_BUF(ke, 32) },
			{ "ctx", MH_BUF(lengths[i].file ? salt : icx, 32) },
			{ "end", MH_BUF(sealed + n - end, end) },
			{ "sha256", MH_BUF(sha, 32) },
		};

		snprintf(head, sizeof(head), ".file = %s, .length = %u,",
			 lengths[i].file ? "true" : "false", lengths[i].n);
		each("stream", lengths[i].name, head, f, ARRAY_SIZE(f));
	}
}

static void streams(const char *dir)
{
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (u8)(i % 251);
	gen_begin(dir, "stream.h", "STREAM", "gen_wrap.c");
	fprintf(gen_out, "/* end: the Encrypted Data's last 64 bytes, or all; sha256: of all */\n"
		"struct mh_stream_vector {\n\tconst char *name;\n\tbool file;\n\tu32 length;\n"
		"\tstruct mh_buf key, ctx, end, sha256;\n};\n\n");
	stream_rows(gen_arrays);
	fprintf(gen_out, "static const struct mh_stream_vector mh_stream_vectors[] = {\n");
	stream_rows(gen_row);
	fprintf(gen_out, "};\n\n");
	gen_end();
}

/* ---- what the module checks at load ---- */

static void own_row(const char *name, const char *kind, const struct gen_field *f, size_t n)
{
	fprintf(gen_out, "\t{\n\t\t\"%s\", MH_KAT_%s,\n\t\t{\n", name, kind);
	for (size_t i = 0; i < n; i++)
		fprintf(gen_out, f[i].v.n ? "\t\t\t{ own_%s, %zu },\n" : "\t\t\t{ NULL, 0 },\n",
			f[i].name, f[i].v.n);
	fprintf(gen_out, "\t\t},\n\t},\n");
}

static void own(const char *dir)
{
	static const u8 content[] = "content";
	static struct gen_blob b;
	const size_t n = stream_seal(false, 32, sealed);

	gen_file_seat(&b);
	gen_seal(&b, MH_BUF(content, 7));
	const struct gen_field k = { "ke", MH_BUF(ke, 32) }, i = { "icx", MH_BUF(icx, 32) };
	const struct gen_field h = { "hpke", MH_BUF(hpke, MH_WRAP_LEN) },
		s = { "secret", MH_BUF(secret, MH_WRAP_LEN) };
	const struct gen_field all[] = {
		k, i, h, s, { "kec", MH_BUF(kec, 32) }, { "kec_pub", MH_BUF(kec_pub, 32) },
		{ "ecx", MH_BUF(ecx, 32) }, { "kgc", MH_BUF(kgc, 32) }, { "gcx", MH_BUF(gcx, 32) },
		{ "plain", MH_BUF(plain, 32) }, { "stream", MH_BUF(sealed, n) },
		{ "c", MH_BUF(b.c[0], 32) }, { "blob", MH_BUF(b.blob, b.n) },
		{ "content", MH_BUF(content, 7) },
	};

	gen_begin(dir, "own.h", "OWN", "gen_wrap.c");
	for (size_t j = 0; j < ARRAY_SIZE(all); j++)
		gen_bytes("own", all[j].name, "", all[j].v.p, all[j].v.n);
	fprintf(gen_out, "static const struct mh_kat mh_own_kats[] = {\n");
	own_row("wrap-hpke", "WRAP", (struct gen_field[]){ all[4], all[5], all[6], h, i, k }, 6);
	own_row("wrap-secret", "WRAP",
		(struct gen_field[]){ all[7], { "", { NULL, 0 } }, all[8], s, i, k }, 6);
	own_row("stream", "STREAM", (struct gen_field[]){ k, i, all[10], all[9] }, 4);
	own_row("blob", "BLOB", (struct gen_field[]){ all[11], all[12], all[13] }, 3);
	fprintf(gen_out, "};\n\n");
	gen_end();
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	world();
	wraps(argv[1]);
	streams(argv[1]);
	own(argv[1]);
	return 0;
}

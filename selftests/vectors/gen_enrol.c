// SPDX-License-Identifier: MIT
/*
 * Makes enrol.h and blob.h of kmod/core/vectors, and seeds for the fuzzers: a
 * Region that enrols a host, by join requests, bundles and a server's card; and
 * sealed blobs, among them that host's identity before and after.  Signatures
 * are drawn: another run gives other ones, as good.  See `make vectors`.
 *
 *	gen_enrol DIRECTORY-OF-VECTORS DIRECTORY-OF-SEEDS
 */
#include "gen.h"
#include "selftests/unit/stmt_world.h"
#include "core/messages.h"
#include "core/stp.h"

static struct sw sw;
static const char *seeds;
static u8 kei[32], kes[32], kec[32], kei_pub[64], kes_pub[64], kec_pub[32], nonce[32];
static u8 kei_secret[32], kec_secret[32], once[32], once_pub[32], code[20];

/* ---- join requests ---- */

static struct request {
	const char *name;
	bool secret;
	u8 bytes[MH_JOIN_REQUEST_MAX], digest[32], hash[32];
	size_t n;
	char fingerprint[MH_FINGERPRINT_LEN];
} requests[] = { { .name = "pair" }, { .name = "secret", .secret = true } };

static void keys(void)
{
	gen_fill(kei, 32, 0x21);
	gen_fill(kes, 32, 0x42);
	gen_fill(kec, 32, 0x63);
	gen_fill(nonce, 32, 0x84);
	gen_fill(kei_secret, 32, 0xa5);
	gen_fill(kec_secret, 32, 0xc6);
	gen_must(mh_p256_public(kei_pub, kei));
	gen_must(mh_p256_public(kes_pub, kes));
	gen_must(mh_x25519_public(kec_pub, kec));
	gen_fill(once, 32, 0x0a);
	gen_must(mh_x25519_public(once_pub, once));
	gen_fill(code, 20, 0x2a);
}

static void request_make(struct request *r)
{
	const struct mh_join_request m = {
		.version = MH_STMT_VERSION, .nonce = nonce, .name = MH_BUF("host-1", 6),
		.kei_kind = r->secret ? MH_KIND_SECRET : MH_KIND_PAIR,
		.kei = r->secret ? MH_BUF(once_pub, 32) : MH_BUF(kei_pub, 64), .kes = kes_pub,
		.kec_kind = r->secret ? MH_KIND_SECRET : MH_KIND_PAIR,
		.kec = r->secret ? MH_BUF(once_pub, 32) : MH_BUF(kec_pub, 32),
		.evidence = r->secret ? MH_BUF(NULL, 0) : MH_BUF("kernel", 6) };
	int n;

	n = mh_join_request_encode(&m, r->bytes, sizeof(r->bytes) - 128);
	gen_must(n);
	mh_join_request_digest(MH_BUF(r->bytes, n), r->digest);
	if (r->secret)
		memset(r->bytes + n, 0, 64);
	else
		gen_must(mh_p256_sign(kei, r->digest, r->bytes + n));
	gen_must(mh_p256_sign(kes, r->digest, r->bytes + n + 64));
	r->n = (size_t)n + 128;
	mh_join_request_hash(MH_BUF(r->bytes, r->n), r->hash);
	mh_fingerprint(r->hash, r->fingerprint);
}

static void request_rows(each_row *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct request *r = &requests[i];
		const struct gen_field f[] = {
			{ "kei", MH_BUF(r->secret ? kei_secret : kei, 32) },
			{ "kes", MH_BUF(kes, 32) },
			{ "kec", MH_BUF(r->secret ? kec_secret : kec, 32) },
			{ "request", MH_BUF(r->bytes, r->n) }, { "digest", MH_BUF(r->digest, 32) },
			{ "hash", MH_BUF(r->hash, 32) },
		};
		char head[96];

		snprintf(head, sizeof(head), ".secret = %s, .fingerprint = \"%s\",",
			 r->secret ? "true" : "false", r->fingerprint);
		each("join", r->name, head, f, ARRAY_SIZE(f));
	}
}

/* ---- join bundles ---- */

/* Another's: an Entity whose request it is not; a Region of other officers. */
static struct bundle {
	const char *name;
	u8 region[32], bytes[8192];
	struct mh_buf entity;
	size_t n;
	char fingerprint[MH_FINGERPRINT_LEN];
	u8 route;
} bundles[] = { { .name = "right" }, { .name = "request" }, { .name = "region" },
		{ .name = "secret", .route = MH_ROUTE_HOST },
		{ .name = "code", .route = MH_ROUTE_CODE } };

static struct sw_one entity;

static void entity_make(bool secret)
{
	const struct mh_buf ecx = MH_BUF(sw.ecx, 32);
	const u8 kind = secret ? MH_KIND_SECRET : MH_KIND_PAIR;
	u8 kid[32], kei_kid[32], kpf[32], kpf_kid[32];
	struct sw_body b;

	gen_must(mh_kid(MH_BUF(secret ? kec_secret : kec_pub, 32), ecx, kid));
	gen_must(mh_kid(MH_BUF(kei_secret, 32), ecx, kei_kid));
	gen_must(mh_stp_kpf(MH_BUF(kec_secret, 32), sw.ecx, kpf));
	gen_must(mh_kid(MH_BUF(kpf, 32), ecx, kpf_kid));
	mh_writer_init(&b.w, b.p, sizeof(b.p));
	mh_stmt_begin(&b.w, MH_ENTITY, sw.region, sw.st[SW_GENESIS].s.leaf, MH_BUF("host-1", 6), 7,
		      SW_T0, SW_T0, SW_T0 + 365 * SW_DAY);
	mh_write_attr_u8(&b.w, MH_A_KEI_KIND, kind);
	mh_write_attr(&b.w, MH_A_KEI, secret ? kei_kid : kei_pub, secret ? 32 : 64);
	mh_write_attr(&b.w, MH_A_KES, kes_pub, 64);
	mh_write_attr_u8(&b.w, MH_A_KEC_KIND, kind);
	mh_write_attr(&b.w, MH_A_KEC_KID, kid, 32);
	if (secret)
		mh_write_attr(&b.w, MH_A_KPF_KID, kpf_kid, 32);
	else
		mh_write_attr(&b.w, MH_A_EVIDENCE, "kernel", 6);
	sw_finish(&entity, sw_buf(&b), MH_SET_SIGNER, &sw.rag, NULL);
}

static void bundle_make(struct bundle *b, const u8 *hash)
{
	u8 anchors[4096], plain[64], random[32], sealed[MH_JOIN_SEALED_MAX];
	struct mh_writer w;
	const enum sw_id ids[] = { SW_GENESIS, SW_ANCHOR };
	struct mh_bundle m = {
		.request_hash = hash, .anchors = 2, .delegations = 2, .addresses = 2,
		.entity = entity.s.bytes, .epoch = sw.st[SW_EPOCH].s.bytes,
		.delegation = { sw.st[SW_SERVE].s.bytes, sw.st[SW_FRESH].s.bytes },
		.address = { MH_BUF("repo1.example:7100", 18), MH_BUF("/run/stp", 8) } };
	int n;

	mh_writer_init(&w, anchors, sizeof(anchors));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		mh_write_big(&w, sw.st[ids[i]].s.bytes);
	gen_must(w.err);
	m.anchor_bytes = MH_BUF(anchors, w.len);
	gen_fill(random, 32, 0xd0);
	memcpy(plain, kei_secret, 32);
	memcpy(plain + 32, kec_secret, 32);
	if (b->route)
		gen_must(mh_join_secrets_seal(&m, b->route, b->route == MH_ROUTE_HOST ?
					      MH_BUF(once_pub, 32) : MH_BUF(code, 20), sw.region,
					      MH_BUF(plain, 64), random, sealed));
	n = mh_bundle_encode(&m, b->bytes, sizeof(b->bytes));
	gen_must(n);
	b->n = (size_t)n;
	memcpy(b->region, sw.region, 32);
	mh_fingerprint(sw.region, b->fingerprint);
}

static void bundle_rows(each_row *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
		struct bundle *b = &bundles[i];
		const struct gen_field f[] = { { "region", MH_BUF(b->region, 32) },
					       { "bundle", MH_BUF(b->bytes, b->n) } };
		char head[96];

		snprintf(head, sizeof(head), ".fingerprint = \"%s\", .route = %u,",
			 b->fingerprint, b->route);
		each("bundle", b->name, head, f, ARRAY_SIZE(f));
	}
}

/* ---- a server's card ---- */

static u8 card[MH_CARD_MAX], card_hash[32];
static size_t card_n;

static void card_make(void)
{
	static const enum sw_id ids[] = { SW_SERVE, SW_FRESH, SW_CERTIFY };
	struct mh_buf v[2] = { MH_L("server card") };
	u8 hpke[32], pub[32], digest[32];
	struct mh_writer w;

	gen_fill(hpke, 32, 0xe7);
	gen_must(mh_x25519_public(pub, hpke));
	mh_writer_init(&w, card, sizeof(card));
	mh_write_bytes(&w, "MHSC", 4);
	mh_write_u8(&w, MH_STMT_VERSION);
	mh_write_v(&w, "repo1", 5);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		mh_write_bytes(&w, sw.delegate[ids[i]].pub, 64);
	mh_write_bytes(&w, pub, 32);
	v[1] = MH_BUF(card, w.len);
	mh_sha256v(digest, v, 2);
	gen_must(mh_p256_sign(sw.delegate[SW_SERVE].priv[0], digest, card + w.len));
	card_n = w.len + 64;
	v[0] = MH_L("card fingerprint");
	v[1] = MH_BUF(card, card_n);
	mh_sha256v(card_hash, v, 2);
}

static void enrol(const char *dir)
{
	gen_begin(dir, "enrol.h", "ENROL", "gen_enrol.c");
	fprintf(gen_out, "struct mh_join_vector {\n\tconst char *name;\n\tbool secret;\n"
		"\tconst char *fingerprint;\n"
		"\tstruct mh_buf kei, kes, kec, request, digest, hash;\n};\n\n"
		"struct mh_bundle_vector {\n\tconst char *name, *fingerprint;\n"
		"\tu8 route;\n\tstruct mh_buf region, bundle;\n};\n\n");
	request_rows(gen_arrays);
	bundle_rows(gen_arrays);
	gen_bytes("join", "once", "", once, 32);
	gen_bytes("join", "code", "", code, 20);
	gen_bytes("card", "bytes", "", card, card_n);
	gen_bytes("card", "hash", "", card_hash, 32);
	fprintf(gen_out, "static const struct mh_join_vector mh_join_vectors[] = {\n");
	request_rows(gen_row);
	fprintf(gen_out, "};\n\nstatic const struct mh_bundle_vector mh_bundle_vectors[] = {\n");
	bundle_rows(gen_row);
	fprintf(gen_out, "};\n\n");
	gen_end();
}

/* ---- sealed blobs ---- */

static struct gen_blob blobs[5];
static const char *const blob_names[] = { "file", "seats", "identity", "joined", "secret" };
static u8 content[5][8192];
static size_t content_n[5];

static void seats_make(struct gen_blob *b)
{
	static const u8 types[] = { 1, 1, 2, 3, 4, 5 }, lengths[] = { 32, 48, 0, 0, 33, 64 };
	static u8 bytes[6][64];

	b->h.seats = 6;
	b->h.nv_index = 0x01800042;
	for (u8 i = 0; i < 6; i++) {
		struct mh_blob_seat *s = &b->h.seat[i];

		s->type = types[i];
		s->index = i == 1 ? 7 : 0;
		gen_fill(s->salt, 16, (u8)(0x10 * (i + 1)));
		gen_fill(bytes[i], 64, (u8)(0x20 * (i + 1)));
		gen_fill(b->c[i], 32, (u8)(0x99 + i));
		b->bytes[i] = MH_BUF(bytes[i], lengths[i]);
	}
	b->h.seat[3].m = 65536;
	b->h.seat[3].t = 3;
	b->h.seat[3].p = 4;
}

static void write_trust(struct mh_writer *w)
{
	static const struct { u8 type; const char *subject; u64 serial, anchor; } floors[] = {
		{ MH_ENTITY, "host-1", 7, 0 }, { MH_DELEGATION, "gen1", 4, 1 },
		{ MH_INSTANCE, "eu/disk", 7, 0 } };

	mh_write_u8(w, 2);
	mh_write_big(w, sw.st[SW_GENESIS].s.bytes);
	mh_write_big(w, sw.st[SW_ANCHOR].s.bytes);
	mh_write_big(w, sw.st[SW_EPOCH].s.bytes);
	mh_write_u64(w, sw.st[SW_EPOCH].s.not_after);
	mh_write_bytes(w, sw.st[SW_GENESIS].s.leaf, 32);
	mh_write_u64(w, SW_T0);
	mh_write_u64(w, 0);
	mh_write_u64(w, 0);
	mh_write_u64(w, 0);
	mh_write_u16(w, ARRAY_SIZE(floors) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(floors); i++) {
		const struct mh_buf subject = MH_BUF(floors[i].subject, strlen(floors[i].subject));
		u8 hash[32];

		mh_sha256v(hash, &subject, 1);
		mh_write_u8(w, floors[i].type);
		mh_write_bytes(w, hash, 32);
		mh_write_u64(w, floors[i].serial);
		mh_write_u64(w, floors[i].anchor);
	}
	mh_write_u8(w, 0);	/* all that was made under a DELEGATION */
	mh_write_bytes(w, sw.st[SW_ENROL].s.leaf, 32);
	mh_write_u64(w, 1);
	mh_write_u64(w, 1);
}

/* secret: one whose keys will come */
static size_t identity(u8 *out, size_t size, bool secret, bool joined)
{
	static const char addresses[] = "repo1.example:7100\n/run/stp";
	struct mh_writer w;

	mh_writer_init(&w, out, size);
	mh_write_u8(&w, 1);
	mh_write_v(&w, "host-1", 6);
	mh_write_u8(&w, secret ? MH_KIND_SECRET : MH_KIND_PAIR);
	mh_write_u8(&w, secret ? MH_KIND_SECRET : MH_KIND_PAIR);
	mh_write_bytes(&w, secret ? once : kei, 32);
	mh_write_bytes(&w, kes, 32);
	mh_write_bytes(&w, secret ? once : kec, 32);
	mh_write_bytes(&w, nonce, 32);
	mh_write_v(&w, requests[secret].bytes, requests[secret].n);
	mh_write_u64(&w, joined ? 2 : 1);
	mh_write_u8(&w, joined);
	if (joined) {
		mh_write_v(&w, "eu", 2);
		mh_write_bytes(&w, sw.region, 32);
		mh_write_u64(&w, 7);
		mh_write_v(&w, addresses, sizeof(addresses) - 1);
		write_trust(&w);
	}
	gen_must(w.err);
	return w.len;
}

static void blob_rows(each_row *each)
{
	for (size_t i = 0; i < ARRAY_SIZE(blobs); i++) {
		const struct gen_blob *b = &blobs[i];
		u8 bytes[512];
		struct mh_writer w;

		mh_writer_init(&w, bytes, sizeof(bytes));
		for (u8 j = 0; j < b->h.seats; j++)
			mh_write_v(&w, b->bytes[j].p, b->bytes[j].n);
		gen_must(w.err);
		const struct gen_field f[] = {
			{ "bytes", MH_BUF(bytes, w.len) },
			{ "c", MH_BUF(b->c, (size_t)b->h.seats * 32) },
			{ "seat", MH_BUF(b->seat, 32) },
			{ "content", MH_BUF(content[i], content_n[i]) },
			{ "blob", MH_BUF(b->blob, b->n) },
		};

		each("blob", blob_names[i], "", f, ARRAY_SIZE(f));
	}
}

static void blob(const char *dir)
{
	memcpy(content[0], "content", 7);
	content_n[0] = 7;
	memcpy(content[1], "content of many seats", 21);
	content_n[1] = 21;
	content_n[2] = identity(content[2], sizeof(content[2]), false, false);
	content_n[3] = identity(content[3], sizeof(content[3]), false, true);
	content_n[4] = identity(content[4], sizeof(content[4]), true, false);
	for (size_t i = 0; i < ARRAY_SIZE(blobs); i++) {
		if (i == 1)
			seats_make(&blobs[i]);
		else
			gen_file_seat(&blobs[i]);
		gen_seal(&blobs[i], MH_BUF(content[i], content_n[i]));
		gen_file(seeds, blob_names[i], blobs[i].blob, blobs[i].n);
	}
	gen_begin(dir, "blob.h", "BLOB", "gen_enrol.c");
	fprintf(gen_out, "/* bytes: v() of each seat's input, empty where c is given; c: of each */\n"
		"struct mh_blob_vector {\n\tconst char *name;\n"
		"\tstruct mh_buf bytes, c, seat, content, blob;\n};\n\n");
	blob_rows(gen_arrays);
	fprintf(gen_out, "static const struct mh_blob_vector mh_blob_vectors[] = {\n");
	blob_rows(gen_row);
	fprintf(gen_out, "};\n\n");
	gen_end();
}

/* What fuzz_enrol takes: which, then the message */
static void seed(const char *name, u8 which, const u8 *p, size_t n)
{
	static u8 all[16384];

	all[0] = which;
	memcpy(all + 1, p, n);
	gen_file(seeds, name, all, n + 1);
}

int main(int argc, char **argv)
{
	char path[512];

	if (argc != 3)
		return 2;
	keys();
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		request_make(&requests[i]);
	sw_make(&sw);
	entity_make(false);
	bundle_make(&bundles[0], requests[0].hash);
	bundle_make(&bundles[1], requests[1].hash);
	entity_make(true);
	bundle_make(&bundles[3], requests[1].hash);
	bundle_make(&bundles[4], requests[1].hash);
	card_make();
	snprintf(path, sizeof(path), "%s/blob", argv[2]);
	seeds = path;
	blob(argv[1]);
	sw_make_as(&sw, 'O');
	entity_make(false);
	bundle_make(&bundles[2], requests[0].hash);
	enrol(argv[1]);
	snprintf(path, sizeof(path), "%s/enrol", argv[2]);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		seed(requests[i].name, 0, requests[i].bytes, requests[i].n);
	seed("bundle", 1, bundles[0].bytes, bundles[0].n);
	seed("bundle_secret", 1, bundles[3].bytes, bundles[3].n);
	seed("bundle_code", 1, bundles[4].bytes, bundles[4].n);
	seed("card", 2, card, card_n);
	return 0;
}

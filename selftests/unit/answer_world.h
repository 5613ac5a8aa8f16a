/* SPDX-License-Identifier: MIT */
/*
 * A well-formed answer as a list of records that a test or fuzzer spoils.
 * Statements are unsigned: who verifies them is the caller's (struct
 * mh_answer_ops), here a parser that refuses those marked bad.
 */
#ifndef UNIT_ANSWER_WORLD_H
#define UNIT_ANSWER_WORLD_H

#include <stdlib.h>
#include "core/answer.h"

#define AW_NAME		"eu/disk"
#define AW_RECORDS	80

struct aw_record {
	u8 type;
	u8 *p;
	size_t n;
};

struct aw {
	/* what is made; set before aw_make() */
	u8 mode, manifest_mode, links, alternatives;
	u8 kind, policy_alg;	/* DATASET's; a template in the POLICY, or 0 */
	bool kgc_pair;		/* GROUP_EPOCHs say that Kgc is a pair */
	u8 foreign;		/* so many alternatives first are another's */
	u64 version;
	size_t size;		/* of the plaintext */
	const char *name;
	u8 region[32];
	bool with_policy, tombstone;
	/* made */
	u8 ke[32], icx[32], ke_kid[32], sha[32], policy_leaf[32], leaf[32];
	u64 length;
	struct mh_wrap_key kec;
	struct aw_record r[AW_RECORDS];
	unsigned int n;
	u8 arena[1 << 17];
	size_t used;
	/* what came of it */
	struct mh_answer a;
	struct mh_stmt kept[40];
	struct mh_stmt held;
	unsigned int keeps, bad;	/* bad: the statement (from 1) to refuse, or 0 */
	u8 got[1 << 16];
	size_t got_n;
	int sink_error;
	bool stranger;			/* INSTANCE is not signed by the owner */
};

static inline void aw_fill(u8 *p, size_t n, unsigned int first)
{
	while (n--)
		*p++ = (u8)(first += 7);
}

static inline u8 *aw_room(struct aw *w, size_t n)
{
	u8 *p = w->arena + w->used;

	w->used += n;
	if (w->used > sizeof(w->arena))
		abort();
	return p;
}

static inline struct aw_record *aw_add(struct aw *w, u8 type, const void *p, size_t n)
{
	struct aw_record *r = &w->r[w->n++];

	*r = (struct aw_record){ .type = type, .p = aw_room(w, n), .n = n };
	if (n)
		memcpy(r->p, p, n);
	return r;
}

static inline void aw_begin(struct aw *w, struct mh_writer *b, u8 *buf, size_t size, u8 type,
			    const char *subject)
{
	static const u8 signer[32] = { 1 };

	mh_writer_init(b, buf, size);
	mh_stmt_begin(b, type, w->region, signer, MH_BUF(subject, strlen(subject)), 5, 1000, 1000,
		      2000);
}

static inline void aw_statement(struct aw *w, u8 record, const struct mh_writer *b, u8 leaf[32])
{
	static const u8 sets[3 + 65] = { 1, MH_SET_SIGNER, 1 };
	u8 out[2048];
	struct mh_writer o;

	mh_writer_init(&o, out, sizeof(out));
	mh_stmt_write_head(&o, MH_BUF(b->p, b->len), 0, 1, NULL, 0);
	mh_write_bytes(&o, sets, sizeof(sets));
	if (leaf)
		mh_stmt_leaf(MH_BUF(b->p, b->len), leaf);
	aw_add(w, record, out, o.len);
}

static inline void aw_instance(struct aw *w)
{
	u8 buf[1024], template[5] = { MH_ALG_RAW }, random[32];
	char subject[64];
	struct mh_writer b;
	size_t i = strlen(w->name);

	memcpy(subject, w->name, i);	/* versions of one digit are enough */
	subject[i++] = '@';
	subject[i++] = (char)('0' + w->version);
	subject[i] = 0;
	aw_fill(random, 32, 77);
	aw_begin(w, &b, buf, sizeof(buf), MH_INSTANCE, subject);
	if (!w->tombstone) {
		mh_write_attr_u8(&b, MH_A_MODE, w->manifest_mode);
		mh_write_attr_u8(&b, MH_A_KIND, MH_DATA_OTHER);
		if (w->with_policy)
			mh_write_attr(&b, MH_A_POLICIES, w->policy_leaf, 32);
		mh_write_attr(&b, MH_A_TEMPLATE, template, 5);
	}
	mh_write_attr_u64(&b, MH_A_INSTANCE_VERSION, w->version);
	if (w->tombstone) {
		mh_write_attr_u8(&b, MH_A_TOMBSTONE, 1);
	} else {
		mh_write_attr_u8(&b, MH_A_STREAM_ALG, 1);
		mh_write_attr(&b, MH_A_RANDOM, random, 32);
		mh_write_attr(&b, MH_A_KE_KID, w->ke_kid, 32);
		mh_write_attr_u64(&b, MH_A_LENGTH, w->length);
		mh_write_attr(&b, MH_A_SHA256, w->sha, 32);
		mh_write_attr_u8(&b, MH_A_DELIVERY, 3);
	}
	aw_statement(w, MH_R_MANIFEST, &b, w->leaf);
}

static inline void aw_policy(struct aw *w, const char *subject, u32 lease, u32 export, u8 leaf[32])
{
	u8 buf[512], template[5] = { 0 };
	struct mh_writer b;

	aw_begin(w, &b, buf, sizeof(buf), MH_POLICY, subject);
	mh_write_attr_u32(&b, MH_A_LEASE, lease);
	mh_write_attr_u32(&b, MH_A_EXPORT, export);
	template[0] = w->policy_alg;
	if (w->policy_alg)
		mh_write_attr(&b, MH_A_TEMPLATE, template, sizeof(template));
	aw_statement(w, MH_R_STATEMENT, &b, leaf);
}

static inline void aw_dataset(struct aw *w, const char *subject)
{
	u8 buf[512];
	struct mh_writer b;

	aw_begin(w, &b, buf, sizeof(buf), MH_DATASET, subject);
	mh_write_attr_u8(&b, MH_A_MODE, w->mode);
	mh_write_attr_u8(&b, MH_A_KIND, w->kind);
	mh_write_attr(&b, MH_A_OWNER, NULL, 0);
	if (w->with_policy)
		mh_write_attr(&b, MH_A_POLICIES, w->policy_leaf, 32);
	aw_statement(w, MH_R_STATEMENT, &b, NULL);
}

static inline void aw_group_epoch(struct aw *w, u64 epoch, const u8 kgc[32], u8 ctx[32])
{
	static const u8 before[32];
	u8 buf[512], kid[32];
	struct mh_writer b;

	mh_ctx_epoch(w->region, MH_BUF("staff", 5), epoch, ctx);
	mh_kid(MH_BUF(kgc, 32), MH_BUF(ctx, 32), kid);
	aw_begin(w, &b, buf, sizeof(buf), MH_GROUP_EPOCH, "staff");
	mh_write_attr(&b, MH_A_BEFORE, before, 32);
	mh_write_attr_u64(&b, MH_A_GROUP_EPOCH, epoch);
	mh_write_attr(&b, MH_A_KGC_KID, kid, 32);
	mh_write_attr(&b, MH_A_KGC_PUBLIC, kgc, w->kgc_pair ? 32 : 0);
	aw_statement(w, MH_R_STATEMENT, &b, NULL);
}

static inline u8 *aw_wrap(struct aw *w, u8 alternative)
{
	static const u8 none[1 + MH_WRAP_LEN];
	struct aw_record *r = aw_add(w, MH_R_WRAP, none, sizeof(none));

	r->p[0] = alternative;
	return r->p + 1;
}

/* GROUP_EPOCHs, then wraps: Kec -> Kgc 1 -> Kgc 2 ... -> Ke, for each alternative. */
static inline int aw_chains(struct aw *w)
{
	u8 kgc[9][32], ctx[9][32], pub[32], salt[32], alt, i;
	int ret = 0;

	for (i = 0; i + 1 < w->links; i++) {
		aw_fill(kgc[i], 32, 100u + i);
		if (i < MH_WRAP_CHAIN - 1)
			aw_group_epoch(w, i + 1, kgc[i], ctx[i]);
		else
			mh_ctx_epoch(w->region, MH_BUF("staff", 5), i + 1, ctx[i]);
	}
	memcpy(kgc[w->links - 1], w->ke, 32);
	memcpy(ctx[w->links - 1], w->icx, 32);
	for (alt = 0; !ret && alt < w->alternatives; alt++)
		for (i = 0; !ret && i < w->links; i++) {
			u8 *p = aw_wrap(w, alt);

			aw_fill(salt, 32, 200u + i);
			memcpy(pub, w->kec.pub, 32);
			pub[0] ^= alt < w->foreign ? 4 : 0;
			if (w->mode == MH_MODE_SESSION)
				ret = mh_wrap_seal_none(p, w->ke, MH_BUF(w->icx, 32));
			else if (!i)
				ret = mh_wrap_seal_hpke(p, kgc[0], MH_BUF(ctx[0], 32), pub,
							MH_BUF(w->kec.ctx, 32), salt);
			else
				ret = mh_wrap_seal_secret(p, kgc[i], MH_BUF(ctx[i], 32), kgc[i - 1],
							  MH_BUF(ctx[i - 1], 32), salt);
		}
	return ret;
}

/* Encrypted Data into CHUNK records at the list's end; its length and digest. */
static inline int aw_chunks(struct aw *w)
{
	static u8 plain[MH_STREAM_CHUNK], sealed[MH_STREAM_CHUNK_SEALED];
	struct mh_stream s;
	struct mh_sha256 sha;
	size_t at = 0;
	int ret = mh_stream_begin(&s, w->ke, w->icx);

	w->length = 0;
	mh_sha256_init(&sha);
	do {
		size_t n = w->size - at < MH_STREAM_CHUNK ? w->size - at : MH_STREAM_CHUNK;

		aw_fill(plain, n, (unsigned int)at);
		at += n;
		if (!ret)
			ret = mh_stream_seal(&s, at == w->size, plain, n, sealed);
		mh_sha256_update(&sha, sealed, n + MH_TAG_LEN);
		aw_add(w, MH_R_CHUNK, sealed, n + MH_TAG_LEN);
		w->length += n + MH_TAG_LEN;
	} while (at < w->size);
	mh_sha256_final(&sha, w->sha);
	mh_stream_end(&s);
	return ret;
}

static inline void aw_done(struct aw *w)
{
	u8 done[36];

	mh_put32(done, w->n);
	memcpy(done + 4, w->leaf, 32);
	aw_add(w, MH_R_DONE, done, sizeof(done));
}

/* DONE says again how many records came before it. */
static inline void aw_recount(struct aw *w)
{
	if (w->n && w->r[w->n - 1].type == MH_R_DONE)
		mh_put32(w->r[w->n - 1].p, w->n - 1);
}

static inline void aw_defaults(struct aw *w, u8 mode)
{
	memset(w, 0, sizeof(*w));
	w->mode = mode;
	w->manifest_mode = mode;
	w->kind = MH_DATA_OTHER;
	w->links = 1;
	w->alternatives = 1;
	w->version = 3;
	w->size = 40000;
	w->name = AW_NAME;
	w->with_policy = true;
	aw_fill(w->region, 32, 1);
}

/* chunks are made first, since INSTANCE covers them, and put in their place after */
static inline int aw_make(struct aw *w)
{
	struct aw_record chunk[8];
	unsigned int chunks;
	u8 random[32];
	int ret;

	aw_fill(w->ke, 32, 50);
	aw_fill(w->kec.key, 32, 60);
	aw_fill(w->kec.ctx, 32, 70);
	aw_fill(random, 32, 77);
	w->kec.pair = true;
	ret = mh_x25519_public(w->kec.pub, w->kec.key);
	mh_ctx_instance(w->region, MH_BUF(w->name, strlen(w->name)), w->version, w->manifest_mode,
			MH_DATA_OTHER, 1, random, w->icx);
	if (!ret)
		ret = mh_kid(MH_BUF(w->ke, 32), MH_BUF(w->icx, 32), w->ke_kid);
	if (!ret)
		ret = aw_chunks(w);
	chunks = w->n;
	memcpy(chunk, w->r, chunks * sizeof(chunk[0]));
	w->n = 1;	/* MANIFEST's place: it names the POLICY by its leaf */
	if (w->with_policy)
		aw_policy(w, "base", 3600, MH_EXPORT_LOGON, w->policy_leaf);
	aw_dataset(w, AW_NAME);
	aw_instance(w);
	w->r[0] = w->r[--w->n];
	if (!ret)
		ret = aw_chains(w);
	memcpy(w->r + w->n, chunk, chunks * sizeof(chunk[0]));
	w->n += chunks;
	aw_done(w);
	return ret;
}

/* ---- who asks ---- */

static inline int aw_hold(void *ctx, struct mh_buf bytes, const struct mh_stmt **held)
{
	struct aw *w = ctx;

	*held = &w->held;
	return mh_stmt_parse(&w->held, bytes.p, bytes.n);
}

static inline int aw_keep(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept)
{
	struct aw *w = ctx;
	int ret;

	if (w->keeps == ARRAY_SIZE(w->kept))
		return -ENOSPC;
	ret = mh_stmt_parse(&w->kept[w->keeps], bytes.p, bytes.n);
	*kept = &w->kept[w->keeps++];
	return ret ? ret : w->keeps == w->bad ? -EKEYREJECTED : 0;
}

static inline bool aw_authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	const struct aw *w = ctx;

	return !w->stranger && instance->type == MH_INSTANCE && !owner.n;
}

static inline int aw_data(void *ctx, const u8 *p, size_t n)
{
	struct aw *w = ctx;

	if (w->sink_error || n > sizeof(w->got) - w->got_n)
		return w->sink_error ? w->sink_error : -EFBIG;
	memcpy(w->got + w->got_n, p, n);
	w->got_n += n;
	return 0;
}

/* All records, as one who asked for AW_NAME in this version; the first error, or 0. */
static inline int aw_feed(struct aw *w, u64 version)
{
	static const struct mh_answer_ops ops = { aw_hold, aw_keep, aw_authority, aw_data };
	static u8 scratch[MH_STREAM_CHUNK];
	u8 region[32];
	unsigned int i;
	int ret = 0;

	aw_fill(region, 32, 1);
	w->keeps = 0;
	w->got_n = 0;
	mh_answer_begin(&w->a, region, MH_BUF(AW_NAME, strlen(AW_NAME)), version, &w->kec, &ops, w);
	for (i = 0; !ret && i < w->n; i++) {
		const struct mh_record_hdr rec = { .type = w->r[i].type, .request = 1,
						   .body = MH_BUF(w->r[i].p, w->r[i].n) };

		ret = mh_answer_record(&w->a, &rec, scratch);
	}
	return ret;
}

#endif

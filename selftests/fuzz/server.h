/* SPDX-License-Identifier: MIT */
/*
 * What a server has that holds every server key and no officer's: a Region's statements, an answer
 * for each of two DataSets, and statements of its own making, which nobody should believe.
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include <time.h>

#include "../unit/rd_world.h"
#include "core/hpke.h"
#include "fuzz.h"

enum stmt_id {
	ST_ANCHOR_2, ST_SERVE, ST_FRESH, ST_EPOCH, ST_POLICY, ST_KEY, ST_KEY_1, ST_KEY_2, ST_FILE,
	ST_FILE_1, ST_ONWARD,
	ST_FORGED,		/* from here on, what no officer signed, or does no more */
	ST_KEY_BY_SERVE = ST_FORGED, ST_KEY_BY_FRESH, ST_KEY_AS_RAG, ST_DATASET_BY_SERVE,
	ST_EPOCH_BY_SERVE, ST_SERVE_BY_SERVE, ST_REVOKE_BY_SERVE, ST_ANCHOR_BY_SERVE,
	ST_POLICY_BY_FRESH, ST_KEY_ENDED, ST_EPOCH_ENDED, ST_OTHER_REGION, ST_EPOCH_2099,
	STMTS
};

struct answer_record {
	u8 type;
	size_t n;
	u8 *p;
};

#define ANSWER_RECORDS	16

struct answer_of {
	struct answer_record r[ANSWER_RECORDS];
	unsigned int n;
};

enum { OF_KEY, OF_KEY_2, OF_FILE, ANSWERS };

struct server {
	struct rd_world w;
	struct rd_host host;
	struct mh_bytes st[STMTS];
	struct answer_of answer[ANSWERS];
	u8 leaf[STMTS][32];
	u8 sp2[32], fresh[32], onward[32], card[3][64];	/* their public parts, in that order */
	u8 card_key[32], card_pub[32], x[32];
	u8 key[2][32], file[40000];
};

static inline u8 *server_record(struct answer_of *a, u8 type, size_t n)
{
	struct answer_record *k = &a->r[a->n++];

	must(a->n <= ANSWER_RECORDS);
	*k = (struct answer_record){ type, n, calloc(1, n) };
	must(k->p);
	return k->p;
}

/* Ke as the officer gave it to the card, as mode session gives it to the host */
static inline void server_ke(struct server *v, struct mh_buf item, const struct mh_stmt *instance,
			     struct answer_of *a)
{
	const struct mh_buf info[] = { MH_L("admin ke"), MH_BUF(item.p, 32) };
	struct mh_manifest m;
	u8 ke[32];

	must(!mh_hpke_open(v->card_key, item.p + 32, info, 2, MH_BUF(NULL, 0), item.p + 64, 48,
			   ke));
	must(!mh_manifest_decode(&m, instance));
	must(!mh_wrap_seal_none(server_record(a, MH_R_WRAP, 1 + MH_WRAP_LEN) + 1, ke,
				MH_BUF(m.icx, 32)));
}

/* Statements of the batch are these, from first on; what else is there is the answer's. */
static inline void server_take(struct server *v, enum stmt_id first, struct answer_of *a)
{
	struct mh_reader r;
	struct mh_stmt s;

	mh_reader_init(&r, v->w.batch.p + 2, v->w.batch.n - 2);
	for (; v->w.batch.items; v->w.batch.items--) {
		const u8 type = mh_read_u8(&r);
		const struct mh_buf b = mh_read_big(&r, sizeof(v->w.batch.p));

		must(!r.err);
		if (type == MH_ITEM_STATEMENT) {
			must(!mh_bytes_copy(&v->st[first], b.p, b.n));
			must(!mh_stmt_parse(&s, v->st[first].p, b.n));
			memcpy(v->leaf[first++], s.leaf, 32);
		} else if (type == MH_ITEM_KE) {
			server_ke(v, b, &s, a);
		} else if (type == MH_ITEM_WRAP) {
			memcpy(server_record(a, MH_R_WRAP, 1 + b.n) + 1, b.p, b.n);
		} else {
			must(type == MH_ITEM_DATA);
			memcpy(server_record(a, MH_R_CHUNK, b.n), b.p, b.n);
		}
	}
	v->w.batch.n = 0;
}

static inline void server_begin(struct server *v, struct mh_writer *b, u8 *buf, u8 type,
				const char *subject, u64 serial, enum stmt_id signer)
{
	u8 anchor[32];

	memcpy(anchor, v->w.anchor_leaf, 32);
	if (signer != ST_ANCHOR_2)
		memcpy(v->w.anchor_leaf, v->leaf[signer], 32);
	rd_begin(&v->w, b, buf, 4096, type, subject, serial);
	memcpy(v->w.anchor_leaf, anchor, 32);
}

/* Signed by one key, under whatever name */
static inline void server_sign(struct server *v, const struct mh_writer *b, const u8 key[32],
			       enum stmt_id id)
{
	u8 officer[32];

	memcpy(officer, v->w.officer, 32);
	memcpy(v->w.officer, key, 32);
	rd_statement(&v->w, b, MH_SET_SIGNER, NULL);
	memcpy(v->w.officer, officer, 32);
	server_take(v, id, NULL);
}

static inline void server_delegation(struct server *v, enum stmt_id id, enum stmt_id signer,
				     const char *subject, const u8 *key, u8 role, const u8 *by)
{
	struct mh_writer b;
	u8 buf[4096];

	server_begin(v, &b, buf, MH_DELEGATION, subject, 1, signer);
	mh_write_attr(&b, MH_A_KEY, key, 64);
	if (role == MH_ROLE_SERVE)
		mh_write_attr(&b, MH_A_AUDIT_KEY, v->card[2], 64);
	mh_write_attr_u8(&b, MH_A_ROLE, role);
	server_sign(v, &b, by, id);
}

/* ahead: seconds that issued and what follows are later than now */
static inline void server_epoch(struct server *v, enum stmt_id id, enum stmt_id signer, s64 ahead,
				const u8 *by)
{
	static const u8 zero[32];
	u64 now = (u64)time(NULL) + (u64)ahead;
	struct mh_writer b;
	u8 buf[4096];

	mh_writer_init(&b, buf, sizeof(buf));
	mh_stmt_begin(&b, MH_EPOCH, v->w.region, v->leaf[signer],
		      MH_BUF("repo1.freshness", 15), 1, now, now, now + 86400);
	mh_write_attr_u64(&b, MH_A_EPOCH_NUMBER, 1);
	mh_write_attr_u64(&b, MH_A_REVOKES, 0);
	mh_write_attr(&b, MH_A_RUNNING, zero, 32);
	mh_write_attr_u64(&b, MH_A_RESTART, 0);
	server_sign(v, &b, by, id);
}

/* What rd_instance() made last, as another: version, signer, time, Region */
static inline void server_instance(struct server *v, enum stmt_id id, const u8 *signer, s64 ahead,
				   const u8 *region, const u8 *by)
{
	u8 was[1024];
	struct mh_writer b = { .p = v->w.instance, .len = v->w.instance_len };
	struct mh_stmt s;

	memcpy(was, v->w.instance, sizeof(was));
	must(!mh_stmt_parse(&s, v->st[ST_KEY_1].p, v->st[ST_KEY_1].n));
	for (int i = 0; i < 3; i++) {	/* issued, not_before, not_after: 14 bytes each */
		u8 *p = v->w.instance + (s.subject.p + s.subject.n - s.body.p) + 14 * (i + 1) + 6;

		mh_put64(p, mh_get64(p) + (u64)ahead);
	}
	memcpy(v->w.instance + (s.signer - s.body.p), signer, 32);
	if (region)
		memcpy(v->w.instance + (s.region - s.body.p), region, 32);
	server_sign(v, &b, by, id);
	memcpy(v->w.instance, was, sizeof(was));
}

static inline void server_forge(struct server *v)
{
	static const u8 region[32] = { 7 };
	struct mh_writer b;
	u8 buf[4096];

	server_instance(v, ST_KEY_BY_SERVE, v->leaf[ST_SERVE], 0, NULL, v->sp2);
	server_instance(v, ST_KEY_BY_FRESH, v->leaf[ST_FRESH], 0, NULL, v->fresh);
	server_instance(v, ST_KEY_AS_RAG, v->w.anchor_leaf, 0, NULL, v->sp2);
	server_instance(v, ST_KEY_ENDED, v->w.anchor_leaf, -200000, NULL, v->w.officer);
	server_instance(v, ST_OTHER_REGION, v->w.anchor_leaf, 0, region, v->w.officer);
	server_begin(v, &b, buf, MH_DATASET, "alice/key", 9, ST_SERVE);
	mh_write_attr_u8(&b, MH_A_MODE, MH_MODE_SESSION);
	mh_write_attr_u8(&b, MH_A_KIND, MH_DATA_KEY);
	mh_write_attr(&b, MH_A_OWNER, NULL, 0);
	mh_write_attr(&b, MH_A_POLICIES, v->w.policy_leaf, 32);
	server_sign(v, &b, v->sp2, ST_DATASET_BY_SERVE);
	server_begin(v, &b, buf, MH_POLICY, "common", 2, ST_FRESH);
	mh_write_attr_u8(&b, MH_A_SELECT, 1);
	server_sign(v, &b, v->fresh, ST_POLICY_BY_FRESH);
	server_begin(v, &b, buf, MH_REVOKE, "alice", 1, ST_SERVE);
	mh_write_attr_u8(&b, MH_A_TARGET_TYPE, MH_ENTITY);
	mh_write_attr_u64(&b, MH_A_UP_TO, 9);
	server_sign(v, &b, v->sp2, ST_REVOKE_BY_SERVE);
	server_begin(v, &b, buf, MH_ANCHOR, rd_label, 3, ST_ANCHOR_2);
	mh_write_attr(&b, MH_A_KEYS, v->card[0], 64);
	mh_write_attr_u8(&b, MH_A_THRESHOLD, 1);
	mh_write_attr(&b, MH_A_BEFORE, v->w.anchor_leaf, 32);
	mh_write_attr_u64(&b, MH_A_MIN_ANCHOR, 1);
	server_sign(v, &b, v->sp2, ST_ANCHOR_BY_SERVE);
	server_delegation(v, ST_SERVE_BY_SERVE, ST_FRESH, "repo2", v->card[0], MH_ROLE_SERVE,
			  v->fresh);
	server_epoch(v, ST_EPOCH_BY_SERVE, ST_SERVE, 0, v->sp2);
	server_epoch(v, ST_EPOCH_ENDED, ST_FRESH, -200000, v->fresh);
	server_epoch(v, ST_EPOCH_2099, ST_FRESH, 70ll * 365 * 86400, v->fresh);
}

static inline void server_answer(struct server *v, struct answer_of *a, enum stmt_id instance,
				 enum stmt_id dataset)
{
	const enum stmt_id ids[] = { instance, ST_POLICY, dataset };
	struct answer_record rest[ANSWER_RECORDS];
	unsigned int n = a->n;

	memcpy(rest, a->r, sizeof(rest));
	for (a->n = 0; a->n < 3; a->n++)
		a->r[a->n] = (struct answer_record){
			a->n ? MH_R_STATEMENT : MH_R_MANIFEST, v->st[ids[a->n]].n,
			v->st[ids[a->n]].p };
	/* wraps before chunks, a chunk a record */
	for (u8 type = MH_R_WRAP; type <= MH_R_CHUNK; type++)
		for (unsigned int i = 0; i < n; i++)
			for (size_t at = 0; rest[i].type == type && at < rest[i].n;
			     at += MH_STREAM_CHUNK_SEALED) {
				size_t left = rest[i].n - at;

				must(a->n < ANSWER_RECORDS);
				a->r[a->n++] = (struct answer_record){ type,
					left < MH_STREAM_CHUNK_SEALED ? left :
						MH_STREAM_CHUNK_SEALED, rest[i].p + at };
			}
}

static inline void server_data(struct server *v)
{
	struct rd_world *w = &v->w;

	w->kind = MH_DATA_KEY;
	rd_dataset(w, "alice/key", MH_MODE_GROUP);
	server_take(v, ST_POLICY, NULL);
	w->kind = MH_DATA_OTHER;
	rd_dataset(w, "alice/file", MH_MODE_SESSION);
	server_take(v, ST_FILE, NULL);
	rd_instance(w, "alice/file", 1, MH_MODE_SESSION, NULL, v->file, sizeof(v->file));
	server_take(v, ST_FILE_1, &v->answer[OF_FILE]);
	w->kind = MH_DATA_KEY;
	rd_instance(w, "alice/key", 2, MH_MODE_GROUP, &v->host, v->key[1], 32);
	server_take(v, ST_KEY_2, &v->answer[OF_KEY_2]);
	rd_instance(w, "alice/key", 1, MH_MODE_GROUP, &v->host, v->key[0], 32);
	server_take(v, ST_KEY_1, &v->answer[OF_KEY]);
	server_answer(v, &v->answer[OF_KEY], ST_KEY_1, ST_KEY);
	server_answer(v, &v->answer[OF_KEY_2], ST_KEY_2, ST_KEY);
	server_answer(v, &v->answer[OF_FILE], ST_FILE_1, ST_FILE);
}

/* The host's: a pair and a pair, or (mac) two secrets */
static inline void server_make(struct server *v, bool mac)
{
	struct rd_world *w = &v->w;

	fuzz_fix_random(3);
	fuzz_bytes(v->key[0], sizeof(v->key));
	fuzz_bytes(v->file, sizeof(v->file));
	must(!mh_p256_generate(w->officer, w->officer_pub));
	must(!mh_p256_generate(v->sp2, v->card[0]) && !mh_p256_generate(v->fresh, v->card[1]));
	must(!mh_p256_generate(v->onward, v->card[2]));
	fuzz_bytes(v->card_key, 32);
	must(!mh_x25519_public(v->card_pub, v->card_key));
	w->c.hpke = v->card_pub;
	rd_genesis(w);
	rd_host_make(w, &v->host, "alice", mac, !mac);
	v->host.id.entity_serial = 1;
	w->batch.n = 0;
	w->batch.items = 0;
	rd_next_anchor(w);
	server_take(v, ST_ANCHOR_2, NULL);
	server_delegation(v, ST_SERVE, ST_ANCHOR_2, "repo1", v->card[0], MH_ROLE_SERVE,
			  w->officer);
	server_delegation(v, ST_FRESH, ST_ANCHOR_2, "repo1.freshness", v->card[1],
			  MH_ROLE_FRESHNESS, w->officer);
	server_delegation(v, ST_ONWARD, ST_SERVE, "repo1", v->card[2], MH_ROLE_SERVE, v->sp2);
	server_epoch(v, ST_EPOCH, ST_FRESH, 0, v->fresh);
	mh_ctx_sp2(w->region, MH_BUF("repo1", 5), v->x);
	server_data(v);
	server_forge(v);
}

/* psk and Kei_X of the host here, as its record has them */
static inline void server_psk(struct server *v, u8 psk[32], u8 kei_x[32])
{
	const struct mh_client_identity *id = &v->host.id;

	must(!mh_stp_psk_of(MH_BUF(id->kec.pair ? id->kec.pub : id->kec.key, 32), id->kec.ctx,
			    id->mac ? id->kei : NULL, v->x, psk));
	must(!mh_stp_kei_x(id->kei, v->x, kei_x));
}

#endif

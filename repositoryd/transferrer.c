// SPDX-License-Identifier: MIT
/*
 * The Transferrer: one answer, made at the REQUEST and sent a record at a time
 * as the connection takes it: MANIFEST, STATEMENTs unless the client has them,
 * WRAPs that lead to this Entity, CHUNKs, DONE; or UNCHANGED; or REFUSED.
 */
#include "conn.h"
#include "guardian.h"
#include "core/manifest.h"
#include "core/stream.h"

#include <stdlib.h>

enum { PHASE_MANIFEST, PHASE_STATEMENTS, PHASE_WRAPS, PHASE_CHUNKS, PHASE_DONE };

#define ALTERNATIVES	4
#define WRAPS_MAX	(ALTERNATIVES * MH_WRAP_CHAIN)

void mh_transferrer_free(struct mh_answer_out *a)
{
	if (!a)
		return;
	mh_bytes_free(&a->instance);
	for (unsigned int i = 0; i < a->statements; i++)
		mh_bytes_free(&a->statement[i]);
	free(a->wrap);
	free(a);
}

/* ---- statements ---- */

static bool has(const struct mh_answer_out *a, const u8 *leaf)
{
	for (unsigned int i = 0; i < a->statements; i++)
		if (!memcmp(a->leaves[i], leaf, MH_HASH_LEN))
			return true;
	return false;
}

static int add_statement(struct mh_answer_out *a, const struct mh_stmt *s)
{
	if (has(a, s->leaf))
		return 0;
	if (a->statements == ARRAY_SIZE(a->statement))
		return -E2BIG;
	if (s->bytes.n > MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER)
		return -EMSGSIZE;
	if (mh_bytes_copy(&a->statement[a->statements], s->bytes.p, s->bytes.n))
		return -ENOMEM;
	memcpy(a->leaves[a->statements++], s->leaf, MH_HASH_LEN);
	return 0;
}

static int read_leaf(struct mh_conn *c, const u8 *leaf, struct mh_bytes *b, struct mh_stmt *s)
{
	int ret = mh_store_by_leaf(c->daemon->store, c->region->row.id, leaf, b);

	if (ret)
		return ret == -ENOENT ? -EUCLEAN : ret;
	ret = mh_stmt_parse(s, b->p, b->n);
	if (ret)
		mh_bytes_free(b);
	return ret;
}

/* ANCHORs it has from the handshake */
static int add_signer(struct mh_conn *c, struct mh_answer_out *a, const u8 *leaf)
{
	struct mh_bytes b;
	struct mh_stmt s;
	int ret;

	if (!memcmp(leaf, c->region->anchor, MH_HASH_LEN) || has(a, leaf))
		return 0;
	ret = read_leaf(c, leaf, &b, &s);
	if (ret)
		return ret;
	ret = s.type == MH_ANCHOR ? 0 : add_statement(a, &s);
	mh_bytes_free(&b);
	return ret;
}

/* Policies by their leaves, each behind its signer */
static int add_policies(struct mh_conn *c, struct mh_answer_out *a, struct mh_buf list)
{
	struct mh_bytes b;
	struct mh_stmt s;
	int ret = 0;

	for (size_t i = 0; i + 32 <= list.n && !ret; i += 32) {
		if (has(a, list.p + i))
			continue;
		ret = read_leaf(c, list.p + i, &b, &s);
		if (ret)
			return ret;
		ret = add_signer(c, a, s.signer);
		if (!ret)
			ret = add_statement(a, &s);
		mh_bytes_free(&b);
	}
	return ret;
}

/*
 * Signers that are no ANCHOR first, so that each statement finds its signer verified.
 * The policies are those of the DataSet and of the Instance: both must allow.
 */
static int collect_statements(struct mh_conn *c, struct mh_answer_out *a,
			      const struct mh_bytes *dataset, const struct mh_stmt *instance)
{
	struct mh_stmt s;
	int ret = mh_stmt_parse(&s, dataset->p, dataset->n);

	if (!ret)
		ret = add_signer(c, a, s.signer);
	if (!ret)
		ret = add_signer(c, a, instance->signer);
	if (!ret)
		ret = add_statement(a, &s);
	if (!ret)
		ret = add_policies(c, a, mh_stmt_attr(&s, MH_A_POLICIES));
	if (!ret)
		ret = add_policies(c, a, mh_stmt_attr(instance, MH_A_POLICIES));
	return ret;
}

static int compare_leaves(const void *a, const void *b)
{
	return memcmp(a, b, MH_HASH_LEN);
}

/* H(leaves, sorted): the client has exactly these. */
static bool client_has(const struct mh_answer_out *a, const u8 *digest)
{
	u8 leaves[ARRAY_SIZE(a->statement)][MH_HASH_LEN], own[MH_HASH_LEN];
	const struct mh_buf all = MH_BUF(leaves, a->statements * sizeof(leaves[0]));

	memcpy(leaves, a->leaves, all.n);
	qsort(leaves, a->statements, sizeof(leaves[0]), compare_leaves);
	mh_sha256v(own, &all, 1);
	return !memcmp(own, digest, MH_HASH_LEN);
}

/* ---- wraps ---- */

struct chaining {
	struct mh_store *store;
	struct mh_answer_out *a;
	const u8 *mine;			/* kid(Kec, ecx) */
	u8 chain[MH_WRAP_CHAIN][MH_WRAP_LEN];	/* from Ke outwards */
	unsigned int depth, alternatives, looked;
};

static int emit_chain(struct chaining *k)
{
	for (unsigned int i = k->depth; i--; ) {
		u8 *w = k->a->wrap[k->a->wraps++];

		w[0] = (u8)k->alternatives;
		memcpy(w + 1, k->chain[i], MH_WRAP_LEN);
	}
	return ++k->alternatives == ALTERNATIVES;
}

/* Depth first from Ke towards the Entity's Kec: wraps of K, then of what wraps K. */
static int extend_chain(void *ctx, struct mh_buf b)
{
	struct chaining *k = ctx;
	int ret = 0;

	if (b.n != MH_WRAP_LEN || k->depth == MH_WRAP_CHAIN || ++k->looked > 256)
		return 0;
	memcpy(k->chain[k->depth++], b.p, MH_WRAP_LEN);
	if (!memcmp(mh_wrap_kid_w(b.p), k->mine, 32)) {
		ret = emit_chain(k);
	} else {
		u8 kid[32];

		memcpy(kid, mh_wrap_kid_w(b.p), 32);
		ret = mh_store_wraps_of(k->store, kid, extend_chain, k);
	}
	k->depth--;
	return ret;
}

static int collect_wraps(struct mh_conn *c, struct mh_answer_out *a, const u8 *kec_kid)
{
	struct chaining k = { .store = c->daemon->store, .a = a, .mine = kec_kid };
	u8 wrap[MH_WRAP_LEN];
	int ret;

	a->wrap = calloc(WRAPS_MAX, sizeof(a->wrap[0]));
	if (!a->wrap)
		return -ENOMEM;
	/* the usual chain is one long, and found at once */
	ret = mh_store_wrap(c->daemon->store, a->ke_kid, kec_kid, wrap);
	if (!ret) {
		memcpy(a->wrap[0] + 1, wrap, MH_WRAP_LEN);
		a->wraps = 1;
		return 0;
	}
	if (ret == -ENOENT)
		ret = mh_store_wraps_of(c->daemon->store, a->ke_kid, extend_chain, &k);
	return ret < 0 ? ret : a->wraps ? 0 : -ENOENT;
}

/* ---- making the answer ---- */

/* What is to be sent, from a decision that says yes.  -ENOENT: nothing leads to this Entity */
static int fill(struct mh_conn *c, struct mh_answer_out *a, const struct mh_decision *g,
		const struct mh_request *q, struct mh_audit_record *r)
{
	struct mh_stmt instance, entity;
	struct mh_manifest m;
	u64 length;
	int ret = mh_stmt_parse(&instance, g->instance.p, g->instance.n);

	if (!ret)
		ret = mh_stmt_parse(&entity, g->entity.p, g->entity.n);
	if (!ret)
		ret = mh_manifest_decode(&m, &instance);
	if (!ret)
		ret = mh_bytes_copy(&a->instance, g->instance.p, g->instance.n);
	if (ret)
		return ret;
	memcpy(a->leaf, instance.leaf, 32);
	memcpy(r->leaf, instance.leaf, 32);
	r->number = m.version;
	a->version = m.version;	/* a newer one that comes meanwhile is the next request's */
	ret = collect_statements(c, a, &g->dataset, &instance);
	if (ret)
		return ret;
	if (client_has(a, q->statements)) {
		a->unchanged = !memcmp(q->held, instance.leaf, 32);
		while (a->statements)
			mh_bytes_free(&a->statement[--a->statements]);
	}
	if (a->unchanged)
		return 0;
	a->mode = m.mode;
	a->length = m.length;
	memcpy(a->icx, m.icx, 32);
	memcpy(a->ke_kid, m.ke_kid, 32);
	memcpy(a->sha256, m.sha256, 32);
	ret = mh_store_data_length(c->daemon->store, a->sha256, &length);
	if (!ret && length != m.length)
		ret = -EUCLEAN;
	if (!ret && a->mode != MH_MODE_SESSION)
		ret = collect_wraps(c, a, mh_stmt_attr(&entity, MH_A_KEC_KID).p);
	return ret;
}

static int decide(struct mh_conn *c, const struct mh_answer_out *a, struct mh_decision *g)
{
	return mh_guardian_decide(c->daemon, c->region->row.id, mh_text(c->name), c->keys,
				  MH_BUF(a->name, a->name_len), a->version, mh_now(c->daemon), g);
}

struct mh_answer_out *mh_transferrer_answer(struct mh_conn *c, u32 request,
					    const struct mh_request *q, struct mh_audit_record *r)
{
	struct mh_answer_out *a = calloc(1, sizeof(*a));
	struct mh_decision g = { 0 };
	int ret = 0;

	if (!a)
		return NULL;
	a->request = request;
	memcpy(a->name, q->name.p, q->name.n);
	a->name_len = q->name.n;
	a->version = q->version;
	a->changes = c->daemon->changes;
	if (c->daemon->draining) {
		a->code = MH_REFUSED_BUSY;
		a->retry_after = 5000;
		return a;
	}
	if (c->standing)
		g.code = c->standing;
	else
		ret = decide(c, a, &g);
	if (c->standing == MH_REFUSED_BUSY)
		a->retry_after = 30000;
	a->code = g.code;
	if (!ret && !g.code)
		ret = fill(c, a, &g, q, r);
	mh_decision_free(&g);
	if (ret == -ENOENT) {
		/* entitled, and nothing was wrapped for it: who adds the Instance again ends it */
		a->code = MH_REFUSED_OUT_OF_DATE;
	} else if (ret) {
		mh_log(MH_LOG_ERROR, "an answer for %s failed: %s (%s)", c->name, strerror(-ret),
		       mh_store_error(c->daemon->store));
		a->code = MH_REFUSED_BUSY;
		a->retry_after = 30000;
	}
	return a;
}

/* ---- sending it ---- */

static int send_counted(struct mh_conn *c, struct mh_answer_out *a, u8 type, const u8 *body,
			size_t n)
{
	int ret = mh_conn_record(c, type, a->request, body, n);

	a->records++;
	return ret ? ret : 1;
}

static int send_refused(struct mh_conn *c, const struct mh_answer_out *a)
{
	u8 body[6] = { a->code };

	mh_put32(body + 1, a->retry_after);
	return mh_conn_record(c, MH_R_REFUSED, a->request, body, sizeof(body));
}

/* Mode session: Ke leaves the keeper here, goes under Ks, and is wiped. */
static int send_ke(struct mh_conn *c, struct mh_answer_out *a)
{
	u8 body[1 + MH_WRAP_LEN] = { 0 }, ke[MH_KEY_LEN];
	struct mh_bytes sealed;
	int ret = mh_store_secret(c->daemon->store, MH_SECRET_KE, a->ke_kid, &sealed);

	if (ret)
		return ret;
	ret = mh_keeper_open(&c->daemon->keeper, MH_SECRET_KE, mh_bytes_buf(&sealed), a->ke_kid,
			     ke);
	mh_bytes_free(&sealed);
	if (!ret)
		ret = mh_wrap_seal_none(body + 1, ke, MH_BUF(a->icx, 32));
	mh_wipe(ke, sizeof(ke));
	if (!ret)
		ret = send_counted(c, a, MH_R_WRAP, body, sizeof(body));
	mh_wipe(body, sizeof(body));
	return ret;
}

static int send_chunk(struct mh_conn *c, struct mh_answer_out *a)
{
	u8 body[MH_STREAM_CHUNK_SEALED];
	size_t n = a->length - a->sent < sizeof(body) ? (size_t)(a->length - a->sent) :
							sizeof(body);
	int ret = mh_store_data_read(c->daemon->store, a->sha256, a->sent, body, n);

	if (ret)
		return ret;
	a->sent += n;
	return send_counted(c, a, MH_R_CHUNK, body, n);
}

static int send_done(struct mh_conn *c, struct mh_answer_out *a)
{
	u8 body[4 + 32];

	mh_put32(body, a->records);
	memcpy(body + 4, a->leaf, 32);
	return mh_conn_record(c, MH_R_DONE, a->request, body, sizeof(body));
}

/* Its delivery was recorded when it was decided: what became of it is recorded too. */
static void record_refusal(struct mh_conn *c, const struct mh_answer_out *a, u8 code)
{
	struct mh_daemon *d = c->daemon;
	struct mh_audit_record r = {
		.event = MH_AUDIT_DELIVERY,
		.outcome = code,
		.request = a->request,
		.who = mh_text(c->name),
		.what = MH_BUF(a->name, a->name_len),
		.number = a->version,
	};
	int ret = mh_server_begin(d);

	memcpy(r.region, c->region->row.id, sizeof(r.region));
	memcpy(r.leaf, a->leaf, sizeof(r.leaf));
	memcpy(r.h, c->stp.h_auth, sizeof(r.h));
	if (!ret)
		ret = mh_audit_append(&d->audit, &r, mh_now(d));
	if (ret)
		mh_log(MH_LOG_ERROR, "audit: request %u of %s was refused, not delivered, and that "
		       "could not be recorded: %s", a->request, c->name, mh_store_error(d->store));
}

/*
 * An answer may wait long behind a peer that reads slowly; what officers changed meanwhile counts
 * for all of it that is not yet sent.
 */
static int decide_again(struct mh_conn *c, struct mh_answer_out *a)
{
	struct mh_decision g;
	struct mh_stmt s;
	int ret = decide(c, a, &g);
	u8 code = g.code;

	a->changes = c->daemon->changes;
	/* issued anew, maybe under another policy: to be asked for again */
	if (!ret && !code && (mh_stmt_parse(&s, g.instance.p, g.instance.n) ||
			      memcmp(s.leaf, a->leaf, sizeof(s.leaf)))) {
		code = MH_REFUSED_BUSY;
		a->retry_after = 1000;
	}
	mh_decision_free(&g);
	if (ret || !code)
		return ret;
	record_refusal(c, a, code);
	if (a->records)
		return -EKEYREVOKED;
	a->code = code;
	return 0;
}

int mh_transferrer_next(struct mh_conn *c, struct mh_answer_out *a)
{
	struct mh_bytes *b;
	int ret = !a->code && a->changes != c->daemon->changes ? decide_again(c, a) : 0;

	if (ret)
		return ret;
	if (a->code)
		return send_refused(c, a);
	if (a->unchanged)
		return mh_conn_record(c, MH_R_UNCHANGED, a->request, a->leaf, 32);
	switch (a->phase) {
	case PHASE_MANIFEST:
		a->phase = PHASE_STATEMENTS;
		return send_counted(c, a, MH_R_MANIFEST, a->instance.p, a->instance.n);
	case PHASE_STATEMENTS:
		if (a->at < a->statements) {
			b = &a->statement[a->at++];
			return send_counted(c, a, MH_R_STATEMENT, b->p, b->n);
		}
		a->at = 0;
		a->phase = PHASE_WRAPS;
		/* fall through */
	case PHASE_WRAPS:
		if (a->mode == MH_MODE_SESSION) {
			a->phase = PHASE_CHUNKS;
			return send_ke(c, a);
		}
		if (a->at < a->wraps)
			return send_counted(c, a, MH_R_WRAP, a->wrap[a->at++], 1 + MH_WRAP_LEN);
		a->phase = PHASE_CHUNKS;
		/* fall through */
	case PHASE_CHUNKS:
		if (a->sent < a->length)
			return send_chunk(c, a);
		a->phase = PHASE_DONE;
		/* fall through */
	default:
		return send_done(c, a);
	}
}

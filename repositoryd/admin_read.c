// SPDX-License-Identifier: MIT
/*
 * What officers' tools read: statements, the card, the audit, status; and Kec-public, against a
 * signature.
 */
#include "admin.h"
#include "guardian.h"

#include <jansson.h>
#include <stdlib.h>

#define LIST_MOST	256
#define ANCHORS_MOST	64
#define AUDIT_MOST	4096

static u8 done(struct mh_admin *a, int ret)
{
	if (!ret)
		return MH_ADMIN_OK;
	if (ret == -EMSGSIZE)
		return mh_admin_say(a, MH_ADMIN_FAILED, "the reply is too long: ask for less");
	return ret == -EBADMSG ? MH_ADMIN_MALFORMED : mh_admin_store_failed(a, ret);
}

u8 mh_admin_card(struct mh_admin *a, struct mh_buf body)
{
	struct mh_keeper *k = &a->daemon->keeper;

	return body.n ? MH_ADMIN_MALFORMED : done(a, mh_admin_add(a, k->card, k->card_len));
}

u8 mh_admin_get(struct mh_admin *a, struct mh_buf body)
{
	struct mh_reader r;
	struct mh_buf region, subject;
	struct mh_bytes b;
	u8 type;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	region = mh_read_bytes(&r, 32);
	type = mh_read_u8(&r);
	subject = mh_read_v(&r, MH_SUBJECT_MAX);
	if (mh_read_end(&r))
		return MH_ADMIN_MALFORMED;
	ret = mh_store_newest(a->daemon->store, region.p, type, subject, &b);
	if (ret == -ENOENT)
		return mh_admin_say(a, MH_ADMIN_NOTFOUND, "no such statement: %.*s", (int)subject.n,
				    subject.p);
	if (!ret)
		ret = mh_admin_add_big(a, mh_bytes_buf(&b));
	mh_bytes_free(&b);
	return done(a, ret);
}

struct listing {
	struct mh_admin *a;
	const u8 *region;
	u64 now;
	u16 n;
	bool flags;
};

static int list_one(void *ctx, struct mh_buf b)
{
	struct listing *l = ctx;
	struct mh_stmt s;
	u8 flags = 0;
	int ret = mh_admin_add_big(l->a, b);

	l->n++;
	if (ret || !l->flags)
		return ret;
	if (mh_stmt_parse(&s, b.p, b.n))
		return -EUCLEAN;
	ret = mh_guardian_live(l->a->daemon, l->region, &s, l->now);
	if (ret && !mh_guardian_void(ret))
		return ret;
	if (ret == -EKEYREVOKED || ret == -EKEYREJECTED)
		flags |= 1;
	ret = s.type != MH_ENTITY ? 0 :
		mh_guardian_suspended(l->a->daemon, l->region, s.subject, l->now);
	if (ret < 0)
		return ret;
	if (ret)
		flags |= 2;
	return mh_admin_add(l->a, &flags, 1);
}

u8 mh_admin_list(struct mh_admin *a, struct mh_buf body)
{
	static const u8 none[2];
	struct listing l = { .a = a, .now = mh_now(a->daemon), .flags = true };
	struct mh_reader r;
	struct mh_buf region, prefix, after;
	u8 type;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	region = mh_read_bytes(&r, 32);
	type = mh_read_u8(&r);
	prefix = mh_read_v(&r, MH_SUBJECT_MAX);
	after = mh_read_v(&r, MH_SUBJECT_MAX);
	if (mh_read_end(&r))
		return MH_ADMIN_MALFORMED;
	l.region = region.p;
	ret = mh_admin_add(a, none, 2);
	if (!ret)
		ret = mh_store_list(a->daemon->store, region.p, type, prefix, after, LIST_MOST,
				    list_one, &l);
	if (!ret)
		mh_put16(a->reply.p, l.n);
	return done(a, ret);
}

static int add_region(void *ctx, const struct mh_store_region *row)
{
	struct listing *l = ctx;
	int ret = mh_admin_add(l->a, row->id, 32);

	if (!ret)
		ret = mh_admin_add_v(l->a, mh_text(row->label));
	if (!ret)
		ret = mh_admin_add_u64(l->a, row->anchor_serial);
	l->n++;
	return ret;
}

u8 mh_admin_regions(struct mh_admin *a, struct mh_buf body)
{
	static const u8 none[2];
	struct listing l = { .a = a };
	char label[MH_NAME_MAX + 1] = "";
	struct mh_reader r;
	struct mh_buf v;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	v = mh_read_v(&r, MH_NAME_MAX);
	if (mh_read_end(&r) || (v.n && !mh_name_ok(v)))
		return MH_ADMIN_MALFORMED;
	if (v.n)
		memcpy(label, v.p, v.n);
	ret = mh_admin_add(a, none, 2);
	if (!ret)
		ret = mh_store_regions(a->daemon->store, v.n ? label : NULL, add_region, &l);
	if (!ret)
		mh_put16(a->reply.p, l.n);
	return done(a, ret);
}

u8 mh_admin_anchors(struct mh_admin *a, struct mh_buf body)
{
	static const u8 none[2];
	struct mh_reader r;
	struct mh_buf region;
	struct mh_store_region row;
	u64 from;
	u16 n = 0;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	region = mh_read_bytes(&r, 32);
	from = mh_read_u64(&r);
	if (mh_read_end(&r))
		return MH_ADMIN_MALFORMED;
	ret = mh_store_region(a->daemon->store, region.p, &row);
	if (ret == -ENOENT)
		return mh_admin_say(a, MH_ADMIN_NOTFOUND, "no such Region");
	if (!ret)
		ret = mh_admin_add(a, none, 2);
	while (!ret && from <= row.anchor_serial && n < ANCHORS_MOST) {
		struct mh_bytes b;

		ret = mh_region_next_anchor(a->daemon, region.p, &from, &b);
		if (!ret)
			ret = mh_admin_add_big(a, mh_bytes_buf(&b));
		mh_bytes_free(&b);
		n++;
	}
	if (!ret)
		mh_put16(a->reply.p, n);
	return done(a, ret);
}

u8 mh_admin_trust(struct mh_admin *a, struct mh_buf body)
{
	const struct mh_region *r = body.n == 32 ? mh_region_find(a->daemon, body.p) : NULL;
	const u8 n = 2;
	int ret;

	if (body.n != 32)
		return MH_ADMIN_MALFORMED;
	if (!r)
		return mh_admin_say(a, MH_ADMIN_NOTFOUND, "no such Region");
	if (!r->serve.n || !r->fresh.n || !r->epoch.n)
		return mh_admin_say(a, MH_ADMIN_NOTFOUND,
				    "the Region has no DELEGATION of serve and freshness to this "
				    "server that holds now");
	ret = mh_admin_add(a, &n, 1);
	if (!ret)
		ret = mh_admin_add_big(a, mh_bytes_buf(&r->serve));
	if (!ret)
		ret = mh_admin_add_big(a, mh_bytes_buf(&r->fresh));
	return done(a, ret ? ret : mh_admin_add_big(a, mh_bytes_buf(&r->epoch)));
}

u8 mh_admin_nonce(struct mh_admin *a, struct mh_buf body)
{
	int ret = body.n ? -EBADMSG : mh_random(a->nonce, sizeof(a->nonce));

	a->nonce_good = !ret;
	return ret ? done(a, ret) : done(a, mh_admin_add(a, a->nonce, sizeof(a->nonce)));
}

/* ---- Kec-public ---- */

/* 0; -EPERM: none did, or not for this; or the store failed */
static int officer_signed(struct mh_admin *a, const u8 *region, struct mh_buf name, u8 officer,
			  const u8 *sig)
{
	u8 prefixed[2 + MH_NAME_MAX], digest[MH_HASH_LEN];
	const struct mh_buf v[] = { MH_L("admin read"), MH_BUF(a->nonce, 32), MH_BUF(region, 32),
				    MH_BUF(prefixed, 2 + name.n) };
	struct mh_store_region row;
	struct mh_bytes b;
	struct mh_stmt anchor;
	struct mh_quorum q;
	bool good = a->nonce_good;
	int ret = mh_store_region(a->daemon->store, region, &row);

	a->nonce_good = false;
	if (!ret)
		ret = mh_store_anchor(a->daemon->store, region, row.anchor_serial, &b);
	if (ret)
		return ret == -ENOENT ? -EPERM : ret;
	mh_put16(prefixed, (u16)name.n);
	memcpy(prefixed + 2, name.p, name.n);
	mh_sha256v(digest, v, ARRAY_SIZE(v));
	good = good && !mh_stmt_parse(&anchor, b.p, b.n);
	if (good) {
		mh_quorum_of(&q, &anchor);
		good = officer < q.n &&
		       !mh_p256_verify(q.keys + (size_t)officer * MH_P256_PUB_LEN, digest, sig);
	}
	mh_bytes_free(&b);
	return good ? 0 : -EPERM;
}

static int record_read(struct mh_admin *a, const u8 *region, const struct mh_stmt *entity,
		       u8 officer)
{
	struct mh_audit_record r = {
		.event = MH_AUDIT_READ_KEC,
		.who = mh_text(a->who),
		.what = entity->subject,
		.number = entity->serial,
		.request = officer,
	};
	int ret;

	memcpy(r.region, region, 32);
	memcpy(r.leaf, entity->leaf, 32);
	mh_server_flush(a->daemon);
	ret = mh_store_begin(a->daemon->store);
	if (!ret)
		ret = mh_audit_append(&a->daemon->audit, &r, mh_now(a->daemon));
	if (!ret)
		ret = mh_audit_commit(&a->daemon->audit);
	if (ret) {
		mh_store_rollback(a->daemon->store);
		mh_audit_reload(&a->daemon->audit);
	}
	return ret;
}

static int reveal(struct mh_admin *a, const struct mh_stmt *entity)
{
	const u8 *kid = mh_stmt_attr(entity, MH_A_KEC_KID).p;
	struct mh_bytes sealed;
	u8 kec[MH_KEY_LEN];
	int ret = mh_store_secret(a->daemon->store, MH_SECRET_KEC, kid, &sealed);

	if (!ret)
		ret = mh_keeper_open(&a->daemon->keeper, MH_SECRET_KEC, mh_bytes_buf(&sealed), kid,
				     kec);
	if (!ret)
		ret = mh_admin_add_v(a, MH_BUF(kec, sizeof(kec)));
	mh_bytes_free(&sealed);
	mh_wipe(kec, sizeof(kec));
	return ret;
}

u8 mh_admin_read_kec(struct mh_admin *a, struct mh_buf body)
{
	struct mh_reader r;
	struct mh_buf region, name, sig;
	struct mh_bytes b = { 0 };
	struct mh_stmt entity;
	u8 officer;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	region = mh_read_bytes(&r, 32);
	name = mh_read_v(&r, MH_NAME_MAX);
	officer = mh_read_u8(&r);
	sig = mh_read_bytes(&r, MH_SIG_LEN);
	if (mh_read_end(&r) || !mh_name_ok(name))
		return MH_ADMIN_MALFORMED;
	ret = officer_signed(a, region.p, name, officer, sig.p);
	if (ret)
		return ret != -EPERM ? done(a, ret) :
			mh_admin_say(a, MH_ADMIN_DENIED,
				     "no officer of this Region signed for this read");
	ret = mh_guardian_entity(a->daemon, region.p, name, mh_now(a->daemon), &b);
	if (ret > 0) {
		mh_bytes_free(&b);
		return mh_admin_say(a, MH_ADMIN_NOTFOUND, "no Entity %.*s that is enrolled now",
				    (int)name.n, name.p);
	}
	if (!ret)
		ret = mh_stmt_parse(&entity, b.p, b.n);
	if (!ret)
		ret = record_read(a, region.p, &entity, officer);
	if (!ret)
		ret = reveal(a, &entity);
	mh_bytes_free(&b);
	if (ret == -ENOENT)
		return mh_admin_say(a, MH_ADMIN_NOTFOUND, "no Kec-public of %.*s is kept here",
				    (int)name.n, name.p);
	return done(a, ret);
}

/* ---- audit, status ---- */

/*
 * Nothing is written, so that a full disk hides nothing. The records are the file's, the
 * checkpoint is of what this daemon wrote: who compares them finds what was changed meanwhile.
 */
u8 mh_admin_audit(struct mh_admin *a, struct mh_buf body)
{
	struct mh_audit *au = &a->daemon->audit;
	struct listing l = { .a = a };
	struct mh_reader r;
	u64 from;
	u32 most;
	u8 none[4] = { 0 };
	int ret;

	mh_reader_init(&r, body.p, body.n);
	mh_read_bytes(&r, 32);
	from = mh_read_u64(&r);
	most = mh_read_u32(&r);
	if (mh_read_end(&r))
		return MH_ADMIN_MALFORMED;
	/* the chain is one over all Regions: without the others' records nobody could verify it */
	mh_server_flush(a->daemon);
	ret = mh_audit_sign(au, mh_now(a->daemon));
	if (ret)
		mh_log(MH_LOG_ERROR, "the audit's end could not be signed: %s", strerror(-ret));
	mh_store_reread(a->daemon->store);
	ret = mh_admin_add(a, none, 4);
	if (!ret)
		ret = mh_store_audit_list(a->daemon->store, from,
					  most < AUDIT_MOST ? most : AUDIT_MOST, list_one, &l);
	if (!ret) {
		mh_put32(a->reply.p, l.n);
		ret = mh_admin_add_big(a, MH_BUF(au->newest,
						 au->newest_seq ? sizeof(au->newest) : 0));
	}
	return done(a, ret);
}

static json_t *region_json(struct mh_daemon *d, const struct mh_region *r)
{
	char fingerprint[MH_FINGERPRINT_LEN], until[24], serve_until[24] = "";
	struct mh_stmt s;
	u64 number = 0;

	mh_fingerprint(r->row.id, fingerprint);
	mh_time_text(r->epoch_end, until);
	if (r->epoch.n && !mh_stmt_parse(&s, r->epoch.p, r->epoch.n))
		number = s.serial;
	if (r->serve.n && !mh_stmt_parse(&s, r->serve.p, r->serve.n))
		mh_time_text(s.not_after, serve_until);
	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:b,s:s}", "region", r->row.label,
			 "fingerprint", fingerprint, "anchor", (json_int_t)r->row.anchor_serial,
			 "revocations", (json_int_t)r->row.revokes, "epoch", (json_int_t)number,
			 "epoch-until", number ? until : "", "serve-until", serve_until, "serving",
			 r->idr.n && r->epoch_end >= mh_now(d), "freshness",
			 "by this server, one key: a withheld revocation is bounded by the "
			 "freshness delegation's end against this server, by epoch-until against "
			 "networks");
}

u8 mh_admin_status_json(struct mh_admin *a, struct mh_buf body)
{
	struct mh_daemon *d = a->daemon;
	json_t *j, *regions;
	struct mh_region *r;
	char *text;
	int ret;

	if (body.n)
		return MH_ADMIN_MALFORMED;
	regions = json_array();
	LIST_FOREACH(r, &d->regions, link)
		json_array_append_new(regions, region_json(d, r));
		j = json_pack("{s:s,s:s,s:I,s:i,s:I,s:I,s:I,s:I,s:o}", "server", d->config.name,
			      "version", MH_REPOSITORYD_VERSION, "uptime",
			      (json_int_t)(mh_now(d) - d->started), "connections",
			      (int)d->connections, "deliveries", (json_int_t)d->deliveries,
			      "refusals", (json_int_t)d->refusals, "audit",
			      (json_int_t)d->audit.head.seq, "audit-signed",
			      (json_int_t)d->audit.checkpoint, "regions", regions);
		text = j ? json_dumps(j, JSON_COMPACT) : NULL;
		json_decref(j);
		ret = text ? mh_admin_add(a, text, strlen(text)) : -ENOMEM;
		free(text);
		return done(a, ret);
}

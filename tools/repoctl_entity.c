// SPDX-License-Identifier: MIT
/* repoctl entity: enrol hosts, list them, revoke them. */
#include "repoctl.h"

#include <stdlib.h>

#define ENTITY_LIFE	(730ull * 86400)

/* ---- enrol ---- */

static const struct rc_option enrol_options[] = {
	{ "--fingerprint", "F", "the request's, as microhsm request showed it; else it is asked" },
	{ "--output", "FILE", "the join bundle (default NAME.bundle; - for standard output)" },
	{ "--address", "ADDR",
	  "where the host finds the server: host:port or a socket's path; again for more" },
	{ "--life", "TIME", "validity of the enrolment (default 730d)" },
	{ "--binary", NULL, "a binary bundle, not text" },
	{ 0 },
};

static int add_entity(struct rc *rc, const struct mh_join_request *q, const char *name, u64 life)
{
	struct rc_maker *m = malloc(sizeof(*m));
	u8 ecx[MH_HASH_LEN], kid[MH_HASH_LEN], leaf[MH_HASH_LEN];
	int ret;

	if (!m)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	mh_ctx_entity(rc->region, q->name, ecx);
	ret = mh_kid(q->kec, MH_BUF(ecx, 32), kid) ? mh_fail(MH_EXIT_FAILED, "out of memory") : 0;
	if (!ret)
		ret = rc_begin(rc, m, MH_ENTITY, name, life);
	if (!ret) {
		mh_write_attr_u8(&m->w, MH_A_KEI_KIND, q->kei_kind);
		mh_write_attr(&m->w, MH_A_KEI, q->kei.p, q->kei.n);
		mh_write_attr(&m->w, MH_A_KES, q->kes, MH_P256_PUB_LEN);
		mh_write_attr_u8(&m->w, MH_A_KEC_KIND, q->kec_kind);
		mh_write_attr(&m->w, MH_A_KEC_KID, kid, 32);
		if (q->evidence.n)
			mh_write_attr(&m->w, MH_A_EVIDENCE, q->evidence.p, q->evidence.n);
		ret = rc_end(rc, m, leaf);
	}
	if (!ret)
		ret = rc_item_sealed(rc, MH_ITEM_KEC, MH_L("admin kec"), leaf, q->kec.p);
	free(m);
	return ret;
}

/* Fills the bundle's chain and trust; the two replies own the bytes. */
static int bundle_trust(struct rc *rc, struct mh_bundle *b, struct mh_bytes *anchors,
			struct mh_bytes *trust)
{
	u8 body[40] = { 0 };
	struct mh_reader r;
	int ret;

	memcpy(body, rc->region, 32);
	mh_put64(body + 32, 1);
	ret = rc_call(rc, MH_ADMIN_ANCHORS, MH_BUF(body, sizeof(body)), anchors);
	if (!ret)
		ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), trust);
	if (ret)
		return ret;
	mh_reader_init(&r, anchors->p, anchors->n);
	b->anchors = mh_read_u16(&r);
	b->anchor_bytes = MH_BUF(r.p, r.left);
	mh_reader_init(&r, trust->p, trust->n);
	b->delegations = mh_read_u8(&r);
	if (b->delegations > MH_IDR_DELEGATIONS)
		r.err = -EBADMSG;
	for (u8 i = 0; i < b->delegations && !r.err; i++)
		b->delegation[i] = mh_read_big(&r, MH_STMT_MAX);
	b->epoch = mh_read_big(&r, MH_STMT_MAX);
	if (mh_read_end(&r))
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's answer is malformed");
	return 0;
}

static int write_bundle(struct rc *rc, const struct rc_args *a, const char *name,
			const u8 *request_hash)
{
	const char *out = rc_value(a, "--output"), *const *addr;
	char fallback[MH_NAME_MAX + 16];
	struct mh_bundle b = { .request_hash = request_hash };
	struct mh_bytes anchors = { 0 }, trust = { 0 }, entity = { 0 };
	unsigned int n = rc_values(a, "--address", &addr);
	struct mh_stmt s;
	u8 *buf = malloc(MH_BUNDLE_MAX);
	int ret = buf ? bundle_trust(rc, &b, &anchors, &trust) :
			mh_fail(MH_EXIT_FAILED, "out of memory"),
	    len;

	if (!ret)
		ret = rc_get(rc, MH_ENTITY, name, &entity, &s);
	b.entity = mh_bytes_buf(&entity);
	for (unsigned int i = 0; i < n && i < MH_BUNDLE_ADDRESSES; i++)
		b.address[b.addresses++] = mh_text(addr[i]);
	if (!out) {
		snprintf(fallback, sizeof(fallback), "%s.bundle", name);
		out = fallback;
	}
	if (!ret) {
		len = mh_bundle_encode(&b, buf, MH_BUNDLE_MAX);
		if (len < 0)
			ret = mh_fail(MH_EXIT_FAILED, "the bundle is too long");
		else if (mh_armour_write(out, "JOIN BUNDLE", buf, (size_t)len,
					 !!rc_value(a, "--binary"), 0644))
			ret = mh_fail(MH_EXIT_FAILED,
				      "%s could not be written; the host is enrolled: run the "
				      "command again",
				      out);
	}
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:I,s:s}", "entity", name, "serial",
				   (json_int_t)s.serial, "bundle", out));
	else if (!ret && strcmp(out, "-"))
		mh_note("%s enrolled; take %s to the host: microhsm join %s", name, out, out);
	free(buf);
	mh_bytes_free(&anchors);
	mh_bytes_free(&trust);
	mh_bytes_free(&entity);
	return ret;
}

/*
 * Enrolled already with these keys, which hold, by the ENTITY of this leaf: the bundle is made
 * again, and the server gets Kec-public again, whose keeper may have lost it.  At their end they
 * are enrolled anew; once revoked they never are: their host knows that they are.
 */
static int enrolled(struct rc *rc, const char *name, const struct mh_join_request *q, bool *same,
		    u8 leaf[MH_HASH_LEN])
{
	enum rc_standing standing = RC_HOLDS;
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get(rc, MH_ENTITY, name, &bytes, &s);

	*same = !ret && mh_buf_equal(mh_stmt_attr(&s, MH_A_KEI), q->kei) &&
		mh_buf_equal(mh_stmt_attr(&s, MH_A_KES), MH_BUF(q->kes, MH_P256_PUB_LEN));
	if (*same) {
		memcpy(leaf, s.leaf, MH_HASH_LEN);
		ret = rc_standing(rc, &s, &standing);
	}
	mh_bytes_free(&bytes);
	if (standing == RC_REVOKED)
		return mh_fail(MH_EXIT_REVOKED,
			       "%s is revoked, and this request has its keys: make new ones on the "
			       "host (microhsm forget, init, request), and enrol that request",
			       name);
	*same = *same && standing == RC_HOLDS;
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

static int entity_enrol(struct rc *rc, const struct rc_args *a)
{
	char name[MH_NAME_MAX + 1], what[MH_NAME_MAX + 32], fingerprint[MH_FINGERPRINT_LEN];
	struct mh_bytes request = { 0 };
	struct mh_join_request q;
	const char *const *addr;
	u8 hash[MH_HASH_LEN], leaf[MH_HASH_LEN];
	bool same = false;
	u64 life;
	int ret;

	if (rc_values(a, "--address", &addr) > MH_BUNDLE_ADDRESSES)
		return mh_fail(MH_EXIT_USAGE, "--address: a bundle has room for %d",
			       MH_BUNDLE_ADDRESSES);
	if (rc->json && rc_value(a, "--output") && !strcmp(rc_value(a, "--output"), "-"))
		return mh_fail(MH_EXIT_USAGE,
			       "standard output is for the bundle or for --json: give --output FILE");
	ret = rc_duration(a, "--life", ENTITY_LIFE, RC_LIFE_MAX, &life);
	if (ret)
		return ret;
	ret = mh_armour_read(a->operand[0], "JOIN REQUEST", MH_JOIN_REQUEST_MAX, &request);
	if (ret == -EBADMSG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a join request", a->operand[0]);
	if (ret)
		return mh_fail_file(a->operand[0], ret);
	if (mh_join_request_decode(&q, mh_bytes_buf(&request)) || mh_join_request_verify(&q) ||
	    q.kec_kind != MH_KIND_PAIR) {
		mh_bytes_free(&request);
		return mh_fail(MH_EXIT_BAD_INPUT,
			       "%s: not a join request whose proofs of possession hold; make it "
			       "anew with microhsm request",
			       a->operand[0]);
	}
	snprintf(name, sizeof(name), "%.*s", (int)q.name.n, q.name.p);
	mh_join_request_hash(mh_bytes_buf(&request), hash);
	mh_fingerprint(hash, fingerprint);
	snprintf(what, sizeof(what), "the request of %s", name);
	ret = rc_open_quorum(rc);
	if (!ret)
		ret = enrolled(rc, name, &q, &same, leaf);
	if (!ret)
		ret = rc_confirm_fingerprint(rc, what, fingerprint, rc_value(a, "--fingerprint"));
	if (!ret)
		ret = same ? rc_item_sealed(rc, MH_ITEM_KEC, MH_L("admin kec"), leaf, q.kec.p) :
			     add_entity(rc, &q, name, life);
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && !same)
		ret = rc_holds(rc, MH_ENTITY, name);
	if (!ret)
		ret = write_bundle(rc, a, name, hash);
	mh_bytes_free(&request);
	return ret;
}

/* ---- list, show ---- */

static json_t *entity_json(const struct mh_stmt *s, u8 flags)
{
	char until[24];

	mh_time_text(s->not_after, until);
	return json_pack("{s:s%,s:I,s:s,s:s,s:s,s:s}", "name", s->subject.p, s->subject.n, "serial",
			 (json_int_t)s->serial, "until", until, "kei",
			 mh_stmt_num(s, MH_A_KEI_KIND) == MH_KIND_PAIR ? "pair" : "secret", "kec",
			 mh_stmt_num(s, MH_A_KEC_KIND) == MH_KIND_PAIR ? "pair" : "secret", "state",
			 flags & 1 ? "revoked" : flags & 2 ? "suspended" : "enrolled");
}

static int entity_list(struct rc *rc, const struct rc_args *a)
{
	static const char *const columns[] = { "name", "serial", "state", "until" };
	json_t *list = NULL;
	int ret = rc_open_region(rc);

	(void)a;
	if (!ret)
		ret = rc_list(rc, MH_ENTITY, entity_json, &list);
	if (ret)
		json_decref(list);
	else
		rc_print_rows(rc, list, columns, ARRAY_SIZE(columns));
	return ret;
}

static int entity_show(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	char hex[2 * MH_P256_PUB_LEN + 1];
	json_t *j;
	int ret = rc_open_region(rc);

	if (!ret)
		ret = rc_get(rc, MH_ENTITY, a->operand[0], &bytes, &s);
	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no Entity %s in this Region", a->operand[0]);
	if (ret)
		return ret;
	j = entity_json(&s, 0);
	json_object_del(j, "state");
	mh_hex(hex, mh_stmt_attr(&s, MH_A_KES).p, MH_P256_PUB_LEN);
	json_object_set_new(j, "kes", json_string(hex));
	mh_hex(hex, s.leaf, 32);
	json_object_set_new(j, "leaf", json_string(hex));
	rc_print(j);
	mh_bytes_free(&bytes);
	return 0;
}

/* ---- revoke ---- */

static int entity_revoke(struct rc *rc, const struct rc_args *a)
{
	const char *name = a->operand[0];
	struct rc_maker *m = malloc(sizeof(*m));
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = m ? rc_open_quorum(rc) : mh_fail(MH_EXIT_FAILED, "out of memory");

	if (!ret)
		ret = rc_get(rc, MH_ENTITY, name, &bytes, &s);
	if (ret == MH_EXIT_NOTFOUND)
		mh_fail(ret, "no Entity %s in this Region: nothing was revoked", name);
	if (!ret)
		ret = rc_begin(rc, m, MH_REVOKE, name, ENTITY_LIFE);
	if (!ret) {
		mh_write_attr_u8(&m->w, MH_A_TARGET_TYPE, MH_ENTITY);
		mh_write_attr_u64(&m->w, MH_A_UP_TO, s.serial);
		ret = rc_end(rc, m, NULL);
	}
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:I}", "entity", name, "revoked-up-to",
				   (json_int_t)s.serial));
	else if (!ret)
		printf("%s revoked up to serial %llu: it gets nothing more; its kernel ends what "
		       "it holds when it hears of it.\n"
		       "What a consumer copied (an open dm-crypt mapping) lasts until it is closed "
		       "or the host reboots.\n",
		       name, (unsigned long long)s.serial);
	free(m);
	mh_bytes_free(&bytes);
	return ret;
}

const struct rc_verb rc_entity_verbs[] = {
	{ "entity", "enrol", "REQUEST", 1, 1,
	  "enrol a host after comparing its fingerprint; writes the join bundle", enrol_options,
	  entity_enrol },
	{ "entity", "list", "", 0, 0, "the Region's Entities", NULL, entity_list },
	{ "entity", "show", "NAME", 1, 1, "one Entity", NULL, entity_show },
	{ "entity", "revoke", "NAME", 1, 1, "revoke a host", NULL, entity_revoke },
	{ 0 },
};

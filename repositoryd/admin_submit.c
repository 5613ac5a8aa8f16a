// SPDX-License-Identifier: MIT
/*
 * SUBMIT: one transaction.  Each statement is verified with the core's
 * verifier down to an ANCHOR before it is stored; items may come in any order,
 * so those whose signer is not there yet wait for the next pass.
 */
#include "admin.h"
#include "conn.h"
#include "guardian.h"

#include <stdlib.h>

#define PASSES 6	/* ANCHOR, DELEGATION, GROUP, ... : chains of signers are short */

static const char *type_name(u8 type)
{
	static const char *const names[__MH_STMT_TYPES] = {
		[MH_ANCHOR] = "ANCHOR", [MH_DELEGATION] = "DELEGATION",
		[MH_ENTITY] = "ENTITY", [MH_GROUP] = "GROUP",
		[MH_MEMBER] = "MEMBER", [MH_DATASET] = "DATASET",
		[MH_POLICY] = "POLICY", [MH_INSTANCE] = "INSTANCE",
		[MH_REVOKE] = "REVOKE", [MH_SUSPEND] = "SUSPEND",
		[MH_EPOCH] = "EPOCH",	[MH_GROUP_EPOCH] = "GROUP_EPOCH",
	};

	return type < __MH_STMT_TYPES && names[type] ? names[type] : "statement";
}

static int touch(struct mh_submit *s, const u8 *region, bool renew)
{
	unsigned int i;

	for (i = 0; i < s->regions; i++)
		if (!memcmp(s->region[i], region, 32))
			break;
	if (i == ARRAY_SIZE(s->region))
		return -E2BIG;
	if (i == s->regions)
		memcpy(s->region[s->regions++], region, 32);
	s->renew[i] |= renew;
	return 0;
}

static u8 record(struct mh_submit *s, const u8 *region, const struct mh_stmt *st)
{
	struct mh_audit_record r = {
		.event = MH_AUDIT_STATEMENT,
		.who = mh_text(s->a->who),
		.what = st->subject,
		.number = st->serial,
		.request = st->type,
	};
	int ret = mh_store_put(s->a->daemon->store, region, st);

	memcpy(r.region, region, 32);
	memcpy(r.leaf, st->leaf, 32);
	if (!ret)
		ret = mh_audit_append(&s->a->daemon->audit, &r, mh_now(s->a->daemon));
	return ret ? mh_admin_store_failed(s->a, ret) : MH_ADMIN_OK;
}

/*
 * Same (type, subject): only a higher serial; the very same statement again is no change. 1: it is
 * there already
 */
static u8 check_serial(struct mh_submit *s, const u8 *region, const struct mh_stmt *st, bool *same)
{
	struct mh_bytes b;
	struct mh_stmt old;
	int ret = mh_store_newest(s->a->daemon->store, region, st->type, st->subject, &b);
	u8 status = MH_ADMIN_OK;

	*same = false;
	if (ret)
		return ret == -ENOENT ? MH_ADMIN_OK : mh_admin_store_failed(s->a, ret);
	if (mh_stmt_parse(&old, b.p, b.n))
		status = mh_admin_store_failed(s->a, -EUCLEAN);
	else if (!memcmp(old.leaf, st->leaf, 32))
		*same = true;
	else if (st->serial <= old.serial)
		status = mh_admin_say(s->a, MH_ADMIN_CONFLICT,
				      "%s %.*s: serial %llu is not above the stored %llu; fetch it "
				      "again and sign with serial %llu",
				      type_name(st->type), (int)st->subject.n, st->subject.p,
				      (unsigned long long)st->serial,
				      (unsigned long long)old.serial,
				      (unsigned long long)old.serial + 1);
	mh_bytes_free(&b);
	return status;
}

/* ---- ANCHOR ---- */

static u8 take_genesis(struct mh_submit *s, const struct mh_stmt *st)
{
	struct mh_store_region row = { .anchor_serial = st->serial };
	char fingerprint[MH_FINGERPRINT_LEN], packed[65];
	struct mh_store_region have;
	int ret = mh_anchor_genesis(st, row.id);

	if (ret)
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "the genesis ANCHOR is not signed by its own officers");
	ret = mh_store_region(s->a->daemon->store, row.id, &have);
	if (!ret)
		return touch(s, row.id, false) ? MH_ADMIN_FULL : MH_ADMIN_OK;
	if (ret != -ENOENT)
		return mh_admin_store_failed(s->a, ret);
	mh_fingerprint(row.id, fingerprint);
	if (!mh_config_accepts(&s->a->daemon->config, row.id))
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "this server's configuration names no Region with the "
				    "fingerprint %s",
				    fingerprint);
	if (st->subject.n > MH_NAME_MAX)
		return mh_admin_say(s->a, MH_ADMIN_INVALID, "the Region's label is too long");
	memcpy(row.label, st->subject.p, st->subject.n);
	if (!mh_region_form(row.label, packed))
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "the Region's label reads like a fingerprint");
	ret = mh_store_region_put(s->a->daemon->store, &row);
	if (ret || touch(s, row.id, true))
		return mh_admin_store_failed(s->a, ret);
	return record(s, row.id, st);
}

static u8 take_next_anchor(struct mh_submit *s, const struct mh_stmt *st)
{
	struct mh_store_region row;
	struct mh_bytes b;
	struct mh_stmt cur;
	int ret = mh_store_region(s->a->daemon->store, st->region, &row);

	if (ret == -ENOENT)
		return mh_admin_say(s->a, MH_ADMIN_NOTFOUND,
				    "an ANCHOR of a Region that is not served here");
	if (!ret)
		ret = mh_store_anchor(s->a->daemon->store, row.id, row.anchor_serial, &b);
	if (ret)
		return mh_admin_store_failed(s->a, ret);
	ret = mh_stmt_parse(&cur, b.p, b.n);
	if (!ret && !memcmp(cur.leaf, st->leaf, 32)) {
		mh_bytes_free(&b);
		return MH_ADMIN_OK;
	}
	if (!ret)
		ret = mh_anchor_next(&cur, row.id, st);
	mh_bytes_free(&b);
	if (ret == -ESTALE)
		return mh_admin_say(s->a, MH_ADMIN_CONFLICT,
				    "ANCHOR serial %llu is stored already; another of that serial "
				    "is a fork",
				    (unsigned long long)row.anchor_serial);
	if (ret)
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "the ANCHOR does not follow the stored one, or not by both "
				    "quorums");
	row.anchor_serial = st->serial;
	ret = mh_store_region_put(s->a->daemon->store, &row);
	if (ret || touch(s, row.id, true))
		return mh_admin_store_failed(s->a, ret);
	return record(s, row.id, st);
}

/* ---- all others ---- */

static u8 count_revoke(struct mh_submit *s, const struct mh_stmt *st)
{
	struct mh_store_region row;
	const struct mh_buf v[] = { MH_BUF(row.running, 32), MH_BUF(st->leaf, 32) };
	int ret = mh_store_region(s->a->daemon->store, st->region, &row);
	u8 next[MH_HASH_LEN];

	if (ret)
		return mh_admin_store_failed(s->a, ret);
	mh_sha256v(next, v, 2);
	memcpy(row.running, next, sizeof(next));
	row.revokes++;
	ret = mh_store_region_put(s->a->daemon->store, &row);
	return ret ? mh_admin_store_failed(s->a, ret) : MH_ADMIN_OK;
}

static const char *signer_error(int ret)
{
	switch (ret) {
	case -EPERM:
		return "its signer may not sign that";
	case -EKEYREVOKED:
		return "its signer is revoked";
	case -EKEYEXPIRED:
		return "its signer's validity has ended";
	}
	return "the signatures are not those of the quorum";
}

static u8 check_signature(struct mh_submit *s, const struct mh_stmt *st,
			  const struct mh_stmt *signer, const struct mh_store_region *row)
{
	u64 now = mh_now(s->a->daemon);
	int ret = 0;

	if (signer->type == MH_ANCHOR && signer->serial != row->anchor_serial)
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "%s %.*s was signed under ANCHOR %llu; the Region is at %llu: "
				    "sign it again",
				    type_name(st->type), (int)st->subject.n, st->subject.p,
				    (unsigned long long)signer->serial,
				    (unsigned long long)row->anchor_serial);
	if (signer->type != MH_ANCHOR)
		ret = mh_guardian_live(s->a->daemon, row->id, signer, now);
	if (ret && !mh_guardian_void(ret))
		return mh_admin_store_failed(s->a, ret);
	if (!ret)
		ret = mh_stmt_verify(st, row->id, signer);
	if (ret)
		return mh_admin_say(s->a, MH_ADMIN_DENIED, "%s %.*s: %s", type_name(st->type),
				    (int)st->subject.n, st->subject.p, signer_error(ret));
	ret = mh_stmt_valid_at(st, now);
	if (ret == -ESTALE && st->type == MH_REVOKE)
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "the REVOKE of %.*s is not valid yet: submit it when it is",
				    (int)st->subject.n, st->subject.p);
	if (ret == -EKEYEXPIRED)
		return mh_admin_say(s->a, MH_ADMIN_INVALID, "%s %.*s: its validity has ended",
				    type_name(st->type), (int)st->subject.n, st->subject.p);
	return MH_ADMIN_OK;
}

static u8 take_signed(struct mh_submit *s, const struct mh_stmt *st, const struct mh_stmt *signer,
		      bool *stored)
{
	static const u8 renewing[__MH_STMT_TYPES] = {
		[MH_REVOKE] = 1, [MH_SUSPEND] = 1, [MH_DELEGATION] = 1
	};
	struct mh_store_region row;
	bool same;
	u8 status;
	int ret = mh_store_region(s->a->daemon->store, st->region, &row);

	if (ret)
		return mh_admin_store_failed(s->a, ret);
	status = check_signature(s, st, signer, &row);
	if (!status)
		status = check_serial(s, row.id, st, &same);
	if (status || same)
		return status;
	status = mh_admin_rules(s, row.id, st, signer);
	if (!status)
		status = record(s, row.id, st);
	*stored = !status;
	if (!status && st->type == MH_REVOKE)
		status = count_revoke(s, st);
	if (!status && touch(s, row.id, renewing[st->type]))
		status = mh_admin_say(s->a, MH_ADMIN_FULL, "too many Regions in one submission");
	return status;
}

/* MH_ADMIN_NOTFOUND: its signer is not there (yet). */
static u8 take_statement(struct mh_submit *s, struct mh_item *item, bool last)
{
	static const u8 zero[32];
	struct mh_stmt st, signer;
	struct mh_bytes bytes;
	int ret = mh_stmt_parse(&st, item->b.p, item->b.n);
	u8 status;

	if (ret)
		return mh_admin_say(s->a, MH_ADMIN_MALFORMED,
				    ret == -EPROTONOSUPPORT ? "a statement of a version or with a "
							      "feature that is not known here" :
							      "a statement is malformed");
	if (st.type == MH_ANCHOR)
		return memcmp(st.region, zero, 32) ? take_next_anchor(s, &st) :
						     take_genesis(s, &st);
	if (st.type == MH_EPOCH)
		return mh_admin_say(s->a, MH_ADMIN_INVALID,
				    "EPOCHs are the freshness role's to make, not to submit");
	ret = mh_store_by_leaf(s->a->daemon->store, st.region, st.signer, &bytes);
	if (ret == -ENOENT && !last)
		return MH_ADMIN_NOTFOUND;
	if (ret == -ENOENT)
		return mh_admin_say(s->a, MH_ADMIN_DENIED,
				    "%s %.*s: its signer is not known here: another Region's, or "
				    "an ANCHOR that is not stored",
				    type_name(st.type), (int)st.subject.n, st.subject.p);
	if (ret)
		return mh_admin_store_failed(s->a, ret);
	status = mh_stmt_parse(&signer, bytes.p, bytes.n) ? mh_admin_store_failed(s->a, -EUCLEAN) :
		take_signed(s, &st, &signer, &item->stored);
	mh_bytes_free(&bytes);
	return status;
}

/* Statements in passes; what waits for its signer, or for what it names, gets another. */
static u8 take_statements(struct mh_submit *s)
{
	for (unsigned int pass = 0; pass < PASSES; pass++) {
		bool left = false, progress = false;

		for (u16 i = 0; i < s->n; i++) {
			u8 status;

			if (s->item[i].type != MH_ITEM_STATEMENT || s->item[i].done)
				continue;
			status = take_statement(s, &s->item[i], pass == PASSES - 1);
			if (status && (status != MH_ADMIN_NOTFOUND || pass == PASSES - 1))
				return status;
			s->item[i].done = !status;
			if (status)
				left = true;
			else
				progress = true;
		}
		if (!left)
			return MH_ADMIN_OK;
		if (!progress)
			pass = PASSES - 2;	/* the last pass says what is missing */
	}
	return MH_ADMIN_OK;
}

static u8 take_rest(struct mh_submit *s)
{
	u8 status = MH_ADMIN_OK;

	for (u16 i = 0; i < s->n && !status; i++)
		if (s->item[i].type != MH_ITEM_STATEMENT)
			/* freed by mh_admin_submit(); NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
			status = mh_admin_attach(s, &s->item[i]);
	for (u16 i = 0; i < s->n && !status; i++) {
		struct mh_stmt st;

		if (s->item[i].type == MH_ITEM_STATEMENT &&
		    !mh_stmt_parse(&st, s->item[i].b.p, s->item[i].b.n))
			status = mh_admin_complete(s, st.region, &st);
	}
	for (unsigned int i = 0; i < s->regions && !status; i++) {
		int ret = s->renew[i] ? mh_freshness_sign(s->a->daemon, s->region[i]) : 0;

		if (ret && ret != -ENOKEY)
			status = mh_admin_say(s->a, MH_ADMIN_FAILED, "no EPOCH could be signed: %s",
					      strerror(-ret));
	}
	return status;
}

static int parse_items(struct mh_submit *s, struct mh_buf body)
{
	struct mh_reader r;

	mh_reader_init(&r, body.p, body.n);
	s->n = mh_read_u16(&r);
	if (r.err || !s->n || s->n > MH_ADMIN_ITEMS)
		return -EBADMSG;
	s->item = calloc(s->n, sizeof(*s->item));
	if (!s->item)
		return -ENOMEM;
	for (u16 i = 0; i < s->n; i++) {
		s->item[i].type = mh_read_u8(&r);
		s->item[i].b = mh_read_big(&r, MH_ADMIN_MAX);
	}
	return mh_read_end(&r);
}

/* The item is a statement of this Region: it, parsed */
static bool is_of(const struct mh_item *item, const u8 *region, struct mh_stmt *st)
{
	return item->type == MH_ITEM_STATEMENT && !mh_stmt_parse(st, item->b.p, item->b.n) &&
	       !memcmp(st->region, region, 32);
}

/* A new ENTITY concerns its own sessions; what revokes, any: one walk is for all of them. */
static void end_sessions(struct mh_submit *s, struct mh_region *r)
{
	for (u16 k = 0; k < s->n; k++) {
		struct mh_stmt st;

		if (!is_of(&s->item[k], r->row.id, &st))
			continue;
		if (st.type == MH_REVOKE || st.type == MH_SUSPEND || st.type == MH_ANCHOR) {
			mh_freshness_end(s->a->daemon, r, MH_BUF(NULL, 0));
			return;
		}
		if (st.type == MH_ENTITY)
			mh_freshness_end(s->a->daemon, r, st.subject);
	}
}

/* After the commit: memory, and open sessions, follow what is stored. */
static void follow(struct mh_submit *s)
{
	struct mh_bytes *push = calloc(s->n, sizeof(*push));

	s->a->daemon->changes++;
	for (unsigned int i = 0; i < s->regions; i++) {
		struct mh_region *r;
		size_t n = 0;

		if (mh_region_load(s->a->daemon, s->region[i]))
			mh_log(MH_LOG_ERROR, "a Region could not be read again: %s",
			       mh_store_error(s->a->daemon->store));
		r = mh_region_find(s->a->daemon, s->region[i]);
		for (u16 k = 0; push && k < s->n; k++) {
			struct mh_stmt st;

			if (!is_of(&s->item[k], s->region[i], &st))
				continue;
			/* hosts are told of it when it begins, not of a year at once */
			if (st.type == MH_DELEGATION && st.not_before > mh_now(s->a->daemon))
				continue;
			if (st.type == MH_REVOKE || st.type == MH_SUSPEND ||
			    st.type == MH_DELEGATION)
				push[n++] = (struct mh_bytes){ .p = (u8 *)s->item[k].b.p,
							       .n = s->item[k].b.n };
		}
		if (r && s->renew[i])
			mh_freshness_push(s->a->daemon, r, push, n);
		if (r)
			end_sessions(s, r);
	}
	free(push);
}

u8 mh_admin_submit(struct mh_admin *a, struct mh_buf body)
{
	struct mh_submit s = { .a = a };
	struct mh_daemon *d = a->daemon;
	u8 status;
	int ret = parse_items(&s, body);

	if (ret) {
		free(s.item);
		return ret == -ENOMEM ? mh_admin_store_failed(a, ret) : MH_ADMIN_MALFORMED;
	}
	mh_server_flush(d);
	ret = mh_store_begin(d->store);
	status = ret ? mh_admin_store_failed(a, ret) : take_statements(&s);
	if (!status)
		status = take_rest(&s);
	if (!status) {
		ret = mh_audit_commit(&d->audit);
		status = ret ? mh_admin_store_failed(a, ret) : MH_ADMIN_OK;
	}
	if (status) {
		mh_store_rollback(d->store);
		if (mh_audit_reload(&d->audit))
			mh_log(MH_LOG_ERROR, "the audit's end could not be read: %s",
			       mh_store_error(d->store));
	} else {
		follow(&s);
		status = mh_admin_add_u64(a, d->audit.head.seq) ? MH_ADMIN_FAILED : MH_ADMIN_OK;
	}
	free(s.item);
	return status;
}

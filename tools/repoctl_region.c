// SPDX-License-Identifier: MIT
/* repoctl region, officer, delegation: what the Region's authority rests on. */
#include "repoctl.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define DAY 86400ull
#define ANCHOR_LIFE (3650 * DAY)

/* ---- officer ---- */

static int officer_key_create(struct rc *rc, const struct rc_args *a)
{
	char pass[RC_PASSPHRASE_MAX + 1] = "", fingerprint[MH_FINGERPRINT_LEN];
	u8 pub[MH_P256_PUB_LEN];
	const char *path = a->operand[a->operands - 1];
	const bool token = mh_token_is_uri(path);
	int ret;

	if (strcmp(a->operand[0], "create") || a->operands != 2)
		return mh_fail(MH_EXIT_USAGE, "usage: repoctl officer key create KEY");
	ret = token ? rc_token_pin(rc, path, pass) :
		      rc_new_passphrase(rc, path, "New passphrase: ", pass);
	if (ret)
		return ret;
	ret = mh_officer_create(path, pass, pub);
	mh_wipe(pass, sizeof(pass));
	if (ret && token)
		return rc_token_failed(path, ret);
	if (ret == -EINVAL)
		return mh_fail(MH_EXIT_USAGE,
			       "an officer's key needs a passphrase that is not empty");
	if (ret == -EEXIST)
		return mh_fail(MH_EXIT_CONFLICT, "%s exists; a key is never overwritten", path);
	if (ret)
		return mh_fail_file(path, ret);
	mh_officer_fingerprint(pub, fingerprint);
	if (rc->json)
		rc_print(json_pack("{s:s,s:s}", "file", path, "fingerprint", fingerprint));
	else
		printf("officer's key %s made, fingerprint %s\n", path, fingerprint);
	return 0;
}

const struct rc_verb rc_officer_verbs[] = {
	{ "officer", "key", "create KEY", 2, 2,
	  "make an officer's key: a file under a passphrase, or on a token (pkcs11:...)", NULL,
	  officer_key_create },
	{ 0 },
};

/* ---- delegations ---- */

/* Signed at once: one from now on, and as many after it as it takes until there is no gap. */
struct series {
	u64 now, life;
	unsigned int n;
};

#define AHEAD_MOST 64
/* The next one begins a tenth of its life before the last one ends: clocks differ, servers rest. */
static u64 step_of(u64 life)
{
	return life - life / 10;
}

static int plan_series(u64 life, u64 ahead, struct series *out)
{
	const u64 left = ahead > life ? ahead - life : 0;

	*out = (struct series){ .now = (u64)time(NULL), .life = life };
	if (left / step_of(life) >= AHEAD_MOST)
		return mh_fail(MH_EXIT_USAGE, "--ahead: that would be more than %d delegations of "
			       "--life each", AHEAD_MOST);
	out->n = 1 + (unsigned int)((left + step_of(life) - 1) / step_of(life));
	return 0;
}

static int add_delegations(struct rc *rc, struct rc_maker *m, const char *subject,
			   const struct series *s, enum mh_role role, const u8 *key,
			   const u8 *audit)
{
	int ret = 0;

	for (unsigned int i = 0; i < s->n && !ret; i++) {
		ret = rc_begin_from(rc, m, MH_DELEGATION, subject, i,
				    s->now + i * step_of(s->life), s->life);
		if (ret)
			return ret;
		mh_write_attr(&m->w, MH_A_KEY, key, MH_P256_PUB_LEN);
		if (audit)
			mh_write_attr(&m->w, MH_A_AUDIT_KEY, audit, MH_P256_PUB_LEN);
		mh_write_attr_u8(&m->w, MH_A_ROLE, role);
		ret = rc_end(rc, m, NULL);
	}
	return ret;
}

/* A subject per role, since a statement replaces another of its subject. */
static int delegate_to_card(struct rc *rc, const struct mh_card *card, const struct series *s)
{
	struct rc_maker *m = malloc(sizeof(*m));
	char name[MH_SUBJECT_MAX];
	int ret;

	if (!m)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	snprintf(name, sizeof(name), "%.*s", (int)card->name.n, card->name.p);
	ret = add_delegations(rc, m, name, s, MH_ROLE_SERVE, card->sp2, card->audit);
	snprintf(name, sizeof(name), "%.*s.freshness", (int)card->name.n, card->name.p);
	if (!ret)
		ret = add_delegations(rc, m, name, s, MH_ROLE_FRESHNESS, card->fresh, NULL);
	free(m);
	return ret;
}

static int confirm_card(struct rc *rc, const char *given, struct mh_bytes *bytes,
			struct mh_card *card)
{
	char fingerprint[MH_FINGERPRINT_LEN];
	u8 hash[MH_HASH_LEN];
	int ret = rc_card(rc, bytes, card);

	if (ret)
		return ret;
	const struct mh_buf v[] = { MH_L("card fingerprint"), mh_bytes_buf(bytes) };

	mh_sha256v(hash, v, 2);
	mh_fingerprint(hash, fingerprint);
	ret = rc_confirm_fingerprint(rc, "the server card", fingerprint, given);
	if (ret)
		mh_bytes_free(bytes);
	return ret;
}

static const struct rc_option delegation_options[] = {
	{ "--card", "FINGERPRINT",
	  "the server card's, as repositoryd printed it; else it is asked" },
	{ "--life", "TIME", "how long the delegations hold (default and most 90d)" },
	{ "--ahead", "TIME",
	  "sign as many at once as it takes, one after another: 365d for a year" },
	{ 0 },
};

static int delegation_create(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes bytes;
	struct mh_card card;
	struct series series = { 0 };
	u64 life, ahead;
	int ret = rc_duration(a, "--life", RC_SERVE_MAX, RC_SERVE_MAX, &life);

	if (!ret)
		ret = rc_duration(a, "--ahead", life, RC_LIFE_MAX, &ahead);
	if (!ret)
		ret = plan_series(life, ahead, &series);
	if (!ret)
		ret = rc_open_quorum(rc);
	if (!ret)
		ret = confirm_card(rc, rc_value(a, "--card"), &bytes, &card);
	if (ret)
		return ret;
	ret = delegate_to_card(rc, &card, &series);
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s%,s:[s,s],s:i}", "server", card.name.p, card.name.n,
				   "roles", "serve", "freshness", "delegations",
				   (int)series.n));
	else if (!ret)
		printf("serve and freshness delegated to %.*s\n", (int)card.name.n, card.name.p);
	mh_bytes_free(&bytes);
	return ret;
}

static int delegation_list(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes reply;
	struct mh_reader r;
	json_t *list = json_array();
	int ret = rc_open_region(rc);
	u8 n;

	(void)a;
	if (!ret)
		ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), &reply);
	if (ret) {
		json_decref(list);
		return ret;
	}
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u8(&r);
	for (u8 i = 0; i < n; i++) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);
		struct mh_stmt s;
		char until[24];
		bool serve;

		if (r.err || mh_stmt_parse(&s, b.p, b.n))
			break;
		mh_time_text(s.not_after, until);
		serve = mh_stmt_num(&s, MH_A_ROLE) == MH_ROLE_SERVE;
		json_array_append_new(list, json_pack("{s:s%,s:s,s:I,s:s}", "server", s.subject.p,
						      s.subject.n, "role",
						      serve ? "serve" : "freshness", "serial",
						      (json_int_t)s.serial, "until", until));
	}
	mh_bytes_free(&reply);
	rc_print(list);
	return 0;
}

const struct rc_verb rc_delegation_verbs[] = {
	{ "delegation", "create", "", 0, 0,
	  "delegate serve and freshness to the server, or renew them", delegation_options,
	  delegation_create },
	{ "delegation", "list", "", 0, 0, "the server's delegations and when they end", NULL,
	  delegation_list },
	{ 0 },
};

/* ---- region ---- */

/* Those whose keys are open, and those of --new-keys, each once */
static int read_officers(struct rc *rc, const struct rc_args *a, struct rc_officers *o)
{
	u8 more[RC_VALUES_MAX * MH_P256_PUB_LEN];
	const char *const *path;
	unsigned int n = rc_values(a, "--new-keys", &path);
	struct mh_quorum have = { .keys = o->keys };
	int ret;

	for (unsigned int i = 0; i < rc->keys; i++)
		memcpy(o->keys + (size_t)i * MH_P256_PUB_LEN, mh_officer_public(rc->officer[i]),
		       MH_P256_PUB_LEN);
	have.n = (u8)rc->keys;
	ret = rc_sort_keys(o->keys, rc->keys);
	if (!ret)
		ret = rc_read_keys(path, n, more);
	if (!ret)
		ret = rc_sort_keys(more, n);
	for (unsigned int i = 0; i < n && !ret; i++) {
		const u8 *key = more + (size_t)i * MH_P256_PUB_LEN;

		if (mh_quorum_index(&have, key) >= 0)
			continue;
		if (have.n == MH_OFFICERS_MAX)
			return mh_fail(MH_EXIT_USAGE, "more than %d officers", MH_OFFICERS_MAX);
		memcpy(o->keys + (size_t)have.n++ * MH_P256_PUB_LEN, key, MH_P256_PUB_LEN);
	}
	o->n = have.n;
	return ret ? ret : rc_sort_keys(o->keys, o->n);
}

/* N, M and the recovery set; threshold 0: all */
static int take_officers(struct rc *rc, const struct rc_args *a, u64 threshold,
			 struct rc_officers *o)
{
	int ret = read_officers(rc, a, o);

	if (ret)
		return ret;
	if (threshold > o->n)
		return mh_fail(MH_EXIT_USAGE, "--threshold %llu of %u officers",
			       (unsigned long long)threshold, o->n);
	o->m = threshold ? (u8)threshold : o->n;
	return rc_officers_options(a, o);
}

/* Its body in the batch; sets the Region */
static int add_genesis(struct rc *rc, const char *label, const struct rc_officers *o)
{
	static const u8 zero[32];
	struct rc_maker *m = malloc(sizeof(*m));
	u64 now = (u64)time(NULL);
	int ret;

	if (!m)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	mh_writer_init(&m->w, m->body, sizeof(m->body));
	mh_stmt_begin(&m->w, MH_ANCHOR, zero, zero, mh_text(label), 1, now, now,
		      now + ANCHOR_LIFE);
	rc_officers_write(o, &m->w, zero, 1, MH_BUF(NULL, 0));
	mh_region_id(MH_BUF(m->body, m->w.len), rc->region);
	ret = rc_act(rc, MH_SET_NEW, m, NULL);
	free(m);
	return ret;
}

/* Genesis ANCHOR, signed by M of its own N; bytes are the caller's */
static int make_genesis(struct rc *rc, const char *label, const struct rc_officers *o,
			struct mh_bytes *bytes)
{
	struct mh_proposal_view v;
	struct mh_writer w;
	int ret = add_genesis(rc, label, o);

	if (!ret)
		ret = rc_sign(rc, &v);
	if (ret)
		return ret;
	bytes->p = malloc(MH_STMT_MAX);
	if (!bytes->p)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	mh_writer_init(&w, bytes->p, MH_STMT_MAX);
	ret = mh_proposal_statement(&rc->p, &v, 0, &w);
	bytes->n = w.len;
	mh_proposal_free(&rc->p);
	return ret ? rc_proposal_failed(ret, &v) : 0;
}

static bool same_keys(const struct mh_quorum *q, const u8 *keys, u8 n, u8 m)
{
	return q->n == n && q->m == m && (!n || !memcmp(q->keys, keys,
							(size_t)n * MH_P256_PUB_LEN));
}

/* The Region that the command line asks for, and no other that the same file may hold. */
static int check_genesis(struct rc *rc, const char *label, const char *path,
			 const struct rc_officers *o)
{
	struct mh_quorum r;

	if (mh_stmt_parse(&rc->anchor, rc->anchor_bytes.p, rc->anchor_bytes.n) ||
	    mh_anchor_genesis(&rc->anchor, rc->region))
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a genesis ANCHOR that verifies", path);
	mh_quorum_of(&rc->quorum, &rc->anchor);
	mh_quorum_recovery(&r, &rc->anchor);
	if (mh_buf_equal(rc->anchor.subject, mh_text(label)) &&
	    same_keys(&rc->quorum, o->keys, o->n, o->m) &&
	    same_keys(&r, o->recovery, o->recoverers, o->recovery_threshold))
		return 0;
	return mh_fail(MH_EXIT_CONFLICT,
		       "%s is the genesis ANCHOR of Region %.*s with %u of %u officers, not of what "
		       "is asked for: give its label, --key and --threshold, or another --genesis",
		       path, (int)rc->anchor.subject.n, rc->anchor.subject.p, rc->quorum.m,
		       rc->quorum.n);
}

/* The genesis of an earlier run, or a new one, which is not written yet. */
static int open_genesis(struct rc *rc, const char *label, const char *path,
			const struct rc_officers *o, bool insist, bool *is_new)
{
	struct mh_bytes *out = &rc->anchor_bytes;
	int ret = mh_armour_read(path, "GENESIS ANCHOR", MH_STMT_MAX, out);

	if (ret == -EBADMSG || ret == -EFBIG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a genesis ANCHOR", path);
	if (ret != -ENOENT)
		return ret ? mh_fail_file(path, ret) : 0;
	*is_new = true;
	ret = rc_officers_check(o, insist);
	return ret ? ret : make_genesis(rc, label, o, out);
}

static const struct rc_option region_options[] = {
	{ "--genesis", "FILE",
	  "where the genesis ANCHOR is kept until the server accepts it (default LABEL.anchor)" },
	{ "--threshold", "M", "officers that must sign (default: all)" },
	{ "--new-keys", "FILE",
	  "one more officer, as officer key show wrote it; again for each" },
	{ "--recovery-key", "FILE", "one of a recovery set, which can only replace the officers" },
	{ "--recovery-threshold", "M", "of those (default: all)" },
	{ "--insist", NULL, "all officers must sign, and there is no recovery set" },
	{ "--card", "FINGERPRINT",
	  "the server card's, as repositoryd printed it; else it is asked" },
	{ "--life", "TIME", "how long the server's delegations hold (default and most 90d)" },
	{ 0 },
};

/* path: where to keep it for the next run, once nothing is left that could be wrong with it */
static int submit_genesis(struct rc *rc, const struct rc_args *a, const char *path,
			  const char *fingerprint, u64 life)
{
	struct mh_bytes card_bytes;
	const struct series once = { .now = (u64)time(NULL), .life = life, .n = 1 };
	struct mh_card card;
	int ret = confirm_card(rc, rc_value(a, "--card"), &card_bytes, &card);

	if (ret)
		return ret;
	ret = mh_proposal_add_anchor(&rc->p, mh_bytes_buf(&rc->anchor_bytes));
	ret = ret ? rc_proposal_failed(ret, NULL) :
		rc_item(rc, MH_ITEM_STATEMENT, mh_bytes_buf(&rc->anchor_bytes), MH_BUF(NULL, 0));
	if (!ret)
		ret = delegate_to_card(rc, &card, &once);
	mh_bytes_free(&card_bytes);
	if (!ret && path) {
		ret = mh_armour_write(path, "GENESIS ANCHOR", rc->anchor_bytes.p,
				      rc->anchor_bytes.n, false, 0644);
		ret = ret ? mh_fail_file(path, ret) : 0;
	}
	if (!ret)
		ret = rc_submit(rc);
	if (ret == MH_EXIT_DENIED)
		mh_note("If the server does not know this Region yet: write its fingerprint into "
			"repositoryd.ini,\n"
			"    genesis = %s\nreload repositoryd (SIGHUP), and run the same command "
			"again.",
			fingerprint);
	return ret;
}

/* All of it in one proposal: whose keys are elsewhere sign it there */
static int propose_region(struct rc *rc, const struct rc_args *a, const char *label,
			  const struct rc_officers *o, u64 life)
{
	const struct series once = { .now = (u64)time(NULL), .life = life, .n = 1 };
	struct mh_bytes card_bytes;
	struct mh_card card;
	int ret = rc_officers_check(o, rc_value(a, "--insist"));

	if (!ret)
		ret = confirm_card(rc, rc_value(a, "--card"), &card_bytes, &card);
	if (ret)
		return ret;
	ret = add_genesis(rc, label, o);
	if (!ret) {
		rc->anchor = rc->p.act[0].s;
		ret = delegate_to_card(rc, &card, &once);
	}
	mh_bytes_free(&card_bytes);
	return ret ? ret : rc_submit(rc);
}

/* In one run where all keys are at hand; path: of the genesis between the two */
static int make_region(struct rc *rc, const struct rc_args *a, const char *label, const char *path,
		       const struct rc_officers *o, u64 life)
{
	char fingerprint[MH_FINGERPRINT_LEN];
	bool is_new = false;
	int ret = open_genesis(rc, label, path, o, rc_value(a, "--insist"), &is_new);

	if (!ret)
		ret = check_genesis(rc, label, path, o);
	if (ret)
		return ret;
	mh_fingerprint(rc->region, fingerprint);
	ret = submit_genesis(rc, a, is_new ? path : NULL, fingerprint, life);
	if (ret)
		return ret;
	if (rc->json)
		rc_print(json_pack("{s:s,s:s}", "region", label, "fingerprint", fingerprint));
	else
		printf("Region %s made, fingerprint %s\n", label, fingerprint);
	return 0;
}

static int region_create(struct rc *rc, const struct rc_args *a)
{
	const char *label = a->operand[0], *path = rc_value(a, "--genesis");
	char fallback[MH_NAME_MAX + 16], packed[65];
	struct rc_officers o = { 0 };
	const char *const *more;
	unsigned int most = rc->keys + rc_values(a, "--new-keys", &more);
	u64 threshold, life;
	int ret;

	if (!mh_name_ok(mh_text(label)))
		return mh_fail(MH_EXIT_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -", label);
	if (!mh_region_form(label, packed))
		return mh_fail(MH_EXIT_USAGE, "%s reads like a fingerprint: take another label",
			       label);
	if (rc->propose && path)
		return mh_fail(MH_EXIT_USAGE, "with --propose there is no file of the genesis "
					      "alone: leave out --genesis");
	ret = rc_number(a, "--threshold", 0, 1,
			most && most < MH_OFFICERS_MAX ? most : MH_OFFICERS_MAX, &threshold);
	if (!ret)
		ret = rc_duration(a, "--life", RC_SERVE_MAX, RC_SERVE_MAX, &life);
	snprintf(fallback, sizeof(fallback), "%s.anchor", label);
	if (!ret && (rc->keys || !rc->propose))
		ret = rc_open_officers(rc);
	if (!ret && !most)
		ret = mh_fail(MH_EXIT_USAGE, "a Region needs officers: --key, or --new-keys");
	if (!ret)
		ret = take_officers(rc, a, threshold, &o);
	if (ret)
		return ret;
	return rc->propose ? propose_region(rc, a, label, &o, life) :
			     make_region(rc, a, label, path ? path : fallback, &o, life);
}

static int region_list(struct rc *rc, const struct rc_args *a)
{
	static const u8 all[2];
	struct mh_bytes reply;
	struct mh_reader r;
	json_t *list;
	int ret = rc_call(rc, MH_ADMIN_REGIONS, MH_BUF(all, sizeof(all)), &reply);
	u16 n;

	(void)a;
	if (ret)
		return ret;
	list = json_array();
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u16(&r);
	for (u16 i = 0; i < n; i++) {
		struct mh_buf id = mh_read_bytes(&r, 32), label = mh_read_v(&r, MH_NAME_MAX);
		u64 serial = mh_read_u64(&r);
		char fingerprint[MH_FINGERPRINT_LEN];

		if (r.err)
			break;
		mh_fingerprint(id.p, fingerprint);
		if (!rc->json)
			printf("%-24.*s %s  anchor %llu\n", (int)label.n, label.p, fingerprint,
			       (unsigned long long)serial);
		json_array_append_new(list, json_pack("{s:s%,s:s,s:I}", "region", label.p, label.n,
						      "fingerprint", fingerprint, "anchor",
						      (json_int_t)serial));
	}
	mh_bytes_free(&reply);
	if (rc->json)
		rc_print(list);
	else
		json_decref(list);
	return 0;
}

const struct rc_verb rc_region_verbs[] = {
	{ "region", "create", "LABEL", 1, 1,
	  "make a Region with the officers of --key; the server must name its fingerprint",
	  region_options, region_create },
	{ "region", "list", "", 0, 0, "the server's Regions and their fingerprints", NULL,
	  region_list },
	{ "region", "export", "FILE", 1, 1,
	  "write what --offline needs of the Region to FILE; nothing in it is secret", NULL,
	  rc_region_export },
	{ 0 },
};

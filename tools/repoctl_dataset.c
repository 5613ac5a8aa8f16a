// SPDX-License-Identifier: MIT
/* repoctl dataset: named series of Data, their policy. */
#include "repoctl.h"

#include <stdlib.h>

#define LIFE	(730ull * 86400)

struct word {
	const char *name;
	u32 value;
};

static const struct word modes[] = { { "session", MH_MODE_SESSION },
				     { "group", MH_MODE_GROUP },
				     { 0 } };
static const struct word algs[] = {
	{ "aes256", MH_ALG_AES256 }, { "p256", MH_ALG_P256 }, { "raw", MH_ALG_RAW }, { 0 }
};

static const struct word exports[] = { { "logon", MH_EXPORT_LOGON },
				       { "user", MH_EXPORT_USER },
				       { 0 } };
static const struct word operations[] = {
	{ "encrypt", MH_OP_ENCRYPT },
	{ "decrypt", MH_OP_DECRYPT },
	{ "sign", MH_OP_SIGN },
	{ "verify", MH_OP_VERIFY },
	{ 0 },
};

static const struct word stale[] = { { "refuse", 0 }, { "serve", 1 }, { 0 } };

/* One word; or more, comma-separated, whose values are or-ed */
static int words(const char *option, const char *given, const struct word *table, bool more,
		 u32 *out)
{
	const char *p = given;

	*out = 0;
	do {
		size_t n = more ? strcspn(p, ",") : strlen(p);
		const struct word *w = table;

		while (w->name && (strlen(w->name) != n || strncmp(w->name, p, n)))
			w++;
		if (!w->name) {
			fprintf(stderr, "repoctl: %s %s: %.*s is none of", option, given, (int)n,
				p);
			for (w = table; w->name; w++)
				fprintf(stderr, " %s", w->name);
			fputc('\n', stderr);
			return MH_EXIT_USAGE;
		}
		*out |= w->value;
		p += n + (p[n] == ',');
	} while (*p);
	return 0;
}

static const char *word_of(const struct word *table, u32 value)
{
	while (table->name && table->value != value)
		table++;
	return table->name ? table->name : "?";
}

static int option_word(const struct rc_args *a, const char *option, const char *fallback,
		       const struct word *table, u32 *out)
{
	const char *v = rc_value(a, option);

	return words(option, v ? v : fallback, table, false, out);
}

static int option_list(const struct rc_args *a, const char *option, const struct word *table,
		       u32 *out)
{
	const char *v = rc_value(a, option);

	return v ? words(option, v, table, true, out) : 0;
}

/* ---- dataset ---- */

static const struct rc_option create_options[] = {
	{ "--mode", "MODE", "session: the server may read (default); group: only entitled hosts" },
	{ "--algorithm", "ALG", "aes256 (default), p256 or raw (any 1 to 64 bytes)" },
	{ "--lease", "TIME", "how long a host keeps a delivered key (default: its validity)" },
	{ "--operations", "LIST", "encrypt,decrypt,sign,verify (default: all)" },
	{ "--export", "LIST", "logon,user: kernel key types that may hold it (default: none)" },
	{ "--on-stale", "WORD", "refuse (default) or serve when the Region's EPOCH has ended" },
	{ "--life", "TIME", "validity of DataSet and policy (default 730d)" },
	{ "--replace", NULL, "sign one that is there anew, with what is given" },
	{ 0 },
};

struct policy_words {
	u32 mode, alg, ops, export, stale;
	u64 lease, life;
};

static int parse_policy(const struct rc_args *a, struct policy_words *p)
{
	int ret = option_word(a, "--mode", "session", modes, &p->mode);

	if (!ret)
		ret = option_word(a, "--algorithm", "aes256", algs, &p->alg);
	if (!ret)
		ret = option_list(a, "--operations", operations, &p->ops);
	if (!ret)
		ret = option_list(a, "--export", exports, &p->export);
	if (!ret)
		ret = option_word(a, "--on-stale", "refuse", stale, &p->stale);
	if (!ret)
		ret = rc_duration(a, "--lease", 0, RC_LIFE_MAX, &p->lease);
	if (!ret)
		ret = rc_duration(a, "--life", LIFE, RC_LIFE_MAX, &p->life);
	/* what the form of delivery cannot enforce is an error, not a wish */
	if (!ret && p->export && p->ops)
		ret = mh_fail(MH_EXIT_USAGE, "--operations cannot be enforced on an exported key: "
					     "leave out one of them");
	return ret;
}

static void write_policy(struct mh_writer *w, const struct policy_words *p)
{
	u8 template[5] = { (u8)p->alg };

	mh_put32(template + 1, p->alg == MH_ALG_RAW ? 0 : 32);
	mh_write_attr_u8(w, MH_A_SELECT, 1);
	if (p->lease)
		mh_write_attr_u32(w, MH_A_LEASE, (u32)p->lease);
	if (p->ops)
		mh_write_attr_u32(w, MH_A_OPERATIONS, p->ops);
	if (p->export)
		mh_write_attr_u32(w, MH_A_EXPORT, p->export);
	mh_write_attr_u8(w, MH_A_ON_STALE, (u8)p->stale);
	mh_write_attr(w, MH_A_TEMPLATE, template, sizeof(template));
}

static void write_dataset(struct mh_writer *w, const struct policy_words *p, const u8 *policy)
{
	mh_write_attr_u8(w, MH_A_MODE, (u8)p->mode);
	mh_write_attr_u8(w, MH_A_KIND, MH_DATA_KEY);
	mh_write_attr(w, MH_A_OWNER, NULL, 0);
	mh_write_attr(w, MH_A_POLICIES, policy, MH_HASH_LEN);
}

/* The officers' word, which holds, and says what it would say if it were signed anew as given */
static int unchanged(struct rc *rc, struct rc_maker *m, const struct mh_stmt *s,
		     const struct policy_words *p, const u8 *policy, bool *same)
{
	enum rc_standing standing;
	int ret = rc_standing(rc, s, &standing);

	mh_writer_init(&m->w, m->body, sizeof(m->body));
	mh_stmt_begin(&m->w, s->type, s->region, s->signer, s->subject, s->serial, s->issued,
		      s->not_before, s->not_before + p->life);
	if (policy)
		write_dataset(&m->w, p, policy);
	else
		write_policy(&m->w, p);
	*same = !ret && standing == RC_HOLDS && !m->w.err &&
		mh_buf_equal(MH_BUF(m->body, m->w.len), s->body);
	return *same ? rc_signed(rc, s, policy ? "DATASET" : "POLICY") : ret;
}

/* So are the DataSet and its policy. */
static int both_unchanged(struct rc *rc, struct rc_maker *m, const struct mh_stmt *s,
			  const struct policy_words *p, bool *same)
{
	struct mh_bytes bytes = { 0 };
	char name[MH_DATASET_MAX + 1];
	struct mh_stmt policy;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_get(rc, MH_POLICY, name, &bytes, &policy);
	if (!ret)
		ret = unchanged(rc, m, &policy, p, NULL, same);
	if (!ret && *same)
		ret = unchanged(rc, m, s, p, policy.leaf, same);
	mh_bytes_free(&bytes);
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

/* Made again, a DataSet keeps its mode: the keys of group would go to the server unasked. */
static int keeps_mode(const struct mh_stmt *s, const char *name, u32 mode)
{
	u32 was = (u32)mh_stmt_num(s, MH_A_MODE);

	if (mh_stmt_num(s, MH_A_KIND) != MH_DATA_KEY)
		return mh_fail(MH_EXIT_CONFLICT,
			       "DataSet %s exists and is of no keys, which is never changed: choose "
			       "another name",
			       name);
	if (was == mode)
		return 0;
	return mh_fail(MH_EXIT_CONFLICT,
		       "DataSet %s exists in mode %s, which is never changed: give --mode %s, or "
		       "choose another name",
		       name, word_of(modes, was), word_of(modes, was));
}

/* Whether it may be signed: its name is free, or --replace was given; or need not: *same */
static int may_sign(struct rc *rc, struct rc_maker *m, const char *name,
		    const struct policy_words *p, bool replace, bool *same)
{
	static const char *const how[] = { "", " and is revoked", " and is at its end",
					   " and is void" };
	enum rc_standing standing = RC_HOLDS;
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get(rc, MH_DATASET, name, &bytes, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return replace ? mh_fail(ret, "no DataSet %s to replace", name) : 0;
	if (!ret)
		ret = keeps_mode(&s, name, p->mode);
	if (!ret && !replace)
		ret = rc_standing(rc, &s, &standing);
	if (!ret && !replace)
		ret = both_unchanged(rc, m, &s, p, same);
	mh_bytes_free(&bytes);
	if (ret || replace || *same)
		return ret;
	return mh_fail(MH_EXIT_CONFLICT,
		       "DataSet %s exists%s; --replace signs it anew with what is given", name,
		       how[standing]);
}

static int sign_both(struct rc *rc, struct rc_maker *m, const char *name,
		     const struct policy_words *p)
{
	u8 policy[MH_HASH_LEN];
	int ret = rc_begin(rc, m, MH_POLICY, name, p->life);

	if (!ret) {
		write_policy(&m->w, p);
		ret = rc_end(rc, m, policy);
	}
	if (!ret)
		ret = rc_begin(rc, m, MH_DATASET, name, p->life);
	if (!ret) {
		write_dataset(&m->w, p, policy);
		ret = rc_end(rc, m, NULL);
	}
	return ret ? ret : rc_submit(rc);
}

static int dataset_create(struct rc *rc, const struct rc_args *a)
{
	const char *name = a->operand[0];
	struct rc_maker *m = malloc(sizeof(*m));
	struct policy_words p = { 0 };
	bool replace = rc_value(a, "--replace"), same = false;
	int ret;

	if (!m)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	if (!mh_dataset_name_ok(mh_text(name)))
		ret = mh_fail(MH_EXIT_USAGE,
			      "%s is no DataSet's name: a-z 0-9 . _ - and / between levels", name);
	else
		ret = parse_policy(a, &p);
	if (!ret)
		ret = rc_open_quorum(rc);
	if (!ret)
		ret = may_sign(rc, m, name, &p, replace, &same);
	if (!ret && !same)
		ret = sign_both(rc, m, name, &p);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:s,s:s,s:b}", "dataset", name, "mode",
				   word_of(modes, p.mode), "algorithm", word_of(algs, p.alg),
				   "signed", !same));
	else if (!ret)
		printf("DataSet %s %s: %s %s; %s\n", name,
		       same    ? "is there as given, nothing was signed" :
		       replace ? "signed anew" :
				 "made",
		       word_of(modes, p.mode), word_of(algs, p.alg),
		       p.mode == MH_MODE_SESSION ? "the Repository may read it" :
						   "the Repository cannot read it");
	free(m);
	return ret;
}

static json_t *dataset_json(const struct mh_stmt *s, u8 flags)
{
	char until[24];

	(void)flags;
	mh_time_text(s->not_after, until);
	return json_pack("{s:s%,s:I,s:s,s:s}", "name", s->subject.p, s->subject.n, "serial",
			 (json_int_t)s->serial, "mode",
			 word_of(modes, (u32)mh_stmt_num(s, MH_A_MODE)), "until", until);
}

static int dataset_list(struct rc *rc, const struct rc_args *a)
{
	static const char *const columns[] = { "name", "serial", "mode", "until" };
	json_t *list = NULL;
	int ret = rc_open_region(rc);

	(void)a;
	if (!ret)
		ret = rc_list(rc, MH_DATASET, dataset_json, &list);
	if (ret)
		json_decref(list);
	else
		rc_print_rows(rc, list, columns, ARRAY_SIZE(columns));
	return ret;
}

int rc_entitled(struct rc *rc, const char *dataset, struct mh_bytes *reply)
{
	u8 body[32 + 2 + MH_DATASET_MAX];
	struct mh_writer w;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, rc->region, 32);
	mh_write_v(&w, dataset, strlen(dataset));
	if (w.err)
		return mh_fail(MH_EXIT_USAGE, "%s: the name is too long", dataset);
	return rc_call(rc, MH_ADMIN_ENTITLED, MH_BUF(body, w.len), reply);
}

/* Adds a host to those that hold a Kec-secret, if its ENTITY says that it has one. */
static int add_holder(struct rc *rc, struct mh_buf name, json_t *holders)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get_entity(rc, name, &bytes, &s);

	if (!ret && mh_stmt_num(&s, MH_A_KEC_KIND) == MH_KIND_SECRET)
		json_array_append_new(holders, json_stringn((const char *)name.p, name.n));
	mh_bytes_free(&bytes);
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

static int dataset_show(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes bytes = { 0 }, reply = { 0 };
	struct mh_reader r;
	struct mh_stmt s;
	json_t *j, *who, *holders;
	const char *readers;
	bool session;
	int ret = rc_open_region(rc);
	u16 n;

	if (!ret)
		ret = rc_get(rc, MH_DATASET, a->operand[0], &bytes, &s);
	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no DataSet %s in this Region", a->operand[0]);
	if (!ret)
		ret = rc_entitled(rc, a->operand[0], &reply);
	if (ret) {
		mh_bytes_free(&bytes);
		return ret;
	}
	j = dataset_json(&s, 0);
	who = json_array();
	holders = json_array();
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u16(&r);
	for (u16 i = 0; i < n && !r.err; i++) {
		struct mh_buf name = mh_read_v(&r, MH_NAME_MAX);

		mh_read_bytes(&r, 32);
		if (r.err)
			break;
		json_array_append_new(who, json_stringn((const char *)name.p, name.n));
		ret = ret ? ret : add_holder(rc, name, holders);
	}
	json_object_set_new(j, "fetch", who);
	session = mh_stmt_num(&s, MH_A_MODE) == MH_MODE_SESSION;
	readers = session ? "the Repository, the officer that added it, the entitled hosts" :
			    "the officer that added it, the hosts it was wrapped for";
	json_object_set_new(j, "readable-by", json_string(readers));
	if (json_array_size(holders))
		json_object_set_new(j, "kec-secret-held-by",
				    json_pack("{s:O,s:s}", "hosts", holders, "others",
					      "the officers' vaults with which they were "
					      "enrolled; no server"));
	json_decref(holders);
	if (ret)
		json_decref(j);
	else
		rc_print(j);
	mh_bytes_free(&bytes);
	mh_bytes_free(&reply);
	return ret;
}

const struct rc_verb rc_dataset_verbs[] = {
	{ "dataset", "create", "NAME", 1, 1, "make a DataSet and its policy", create_options,
	  dataset_create },
	{ "dataset", "list", "", 0, 0, "the Region's DataSets", NULL, dataset_list },
	{ "dataset", "show", "NAME", 1, 1, "one DataSet, and who can read it", NULL, dataset_show },
	{ 0 },
};

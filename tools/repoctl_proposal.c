// SPDX-License-Identifier: MIT
/* repoctl review, sign, submit: a proposal that goes from officer to officer (R36). */
#include "repoctl.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- what it says ---- */

const char *rc_who(u8 which)
{
	return which == MH_SET_NEW	? "the new officers" :
	       which == MH_SET_RECOVERY ? "the recovery set" :
					  "the officers";
}

static json_t *need_json(const struct mh_proposal *p, const struct mh_proposal_need *need)
{
	json_t *signed_by = json_array(), *waiting = json_array();

	for (u8 i = 0; i < need->q.n; i++) {
		const u8 *key = need->q.keys + (size_t)i * MH_P256_PUB_LEN;
		char fingerprint[MH_FINGERPRINT_LEN];

		mh_officer_fingerprint(key, fingerprint);
		json_array_append_new(mh_proposal_has_signed(p, key) ? signed_by : waiting,
				      json_string(fingerprint));
	}
	return json_pack("{s:s,s:i,s:i,s:o,s:o,s:i}", "who", rc_who(need->which), "threshold",
			 (int)need->q.m, "officers", (int)need->q.n, "signed", signed_by,
			 "waiting", waiting, "needed", (int)mh_proposal_lacks(p, need));
}

static json_t *act_json(const struct mh_proposal_act *a, const struct mh_stmt *anchor)
{
	char *says = rc_says(a, anchor);
	json_t *j;

	/* an officer signs what is shown: all of it, or nothing is */
	if (!says)
		exit(mh_fail(MH_EXIT_FAILED, "out of memory: the output is not whole"));
	j = json_pack("{s:s,s:s%,s:I,s:s,s:o}", "type", rc_type_name(a->s.type), "subject",
		      a->s.subject.p, a->s.subject.n, "serial", (json_int_t)a->s.serial, "says",
		      says, "replaces",
		      a->was.type ? json_integer((json_int_t)a->was.serial) : json_null());
	free(says);
	return j;
}

static json_t *proposal_json(const struct mh_proposal *p, const struct mh_proposal_view *v)
{
	const struct mh_stmt *anchor = v->anchor.type ? &v->anchor : &p->act[0].s;
	char region[MH_FINGERPRINT_LEN], root[MH_FINGERPRINT_LEN], made[24];
	json_t *acts = json_array(), *needs = json_array();

	mh_fingerprint(p->region, region);
	mh_fingerprint(v->root, root);
	mh_time_text(p->made, made);
	for (unsigned int i = 0; i < p->acts; i++)
		json_array_append_new(acts, act_json(&p->act[i], &v->anchor));
	for (u8 i = 0; i < v->needs; i++)
		json_array_append_new(needs, need_json(p, &v->need[i]));
	return json_pack("{s:s,s:s,s:s%,s:s,s:I,s:s,s:o,s:o,s:o,s:b}", "proposal", root, "kind",
			 p->kind == MH_PROPOSAL_DRILL ? "drill" : "act", "region",
			 anchor->subject.p, anchor->subject.n, "fingerprint", region, "anchor",
			 (json_int_t)anchor->serial, "made", made, "statements", acts, "hosts",
			 p->kind == MH_PROPOSAL_DRILL || p->hosts == MH_PROPOSAL_UNKNOWN ?
				 json_null() : json_integer(p->hosts),
			 "signatures", needs, "complete", mh_proposal_complete(p, v));
}

static const char *text_of(json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static void print_need(json_t *need)
{
	long long more = json_integer_value(json_object_get(need, "needed"));
	size_t i;
	json_t *f;

	printf("%s: %lld of %lld must sign; ", text_of(need, "who"),
	       (long long)json_integer_value(json_object_get(need, "threshold")),
	       (long long)json_integer_value(json_object_get(need, "officers")));
	if (more)
		printf("%lld more needed\n", more);
	else
		printf("enough have signed\n");
	json_array_foreach(json_object_get(need, "signed"), i, f)
		printf("    signed   %s\n", json_string_value(f));
	json_array_foreach(json_object_get(need, "waiting"), i, f)
		printf("    not yet  %s\n", json_string_value(f));
}

static void print_people(json_t *j)
{
	json_t *item, *hosts = json_object_get(j, "hosts");
	bool drill = !strcmp(text_of(j, "kind"), "drill");
	size_t i;

	printf("%s %s, made %s\n", drill ? "Drill" : "Proposal", text_of(j, "proposal"),
	       text_of(j, "made"));
	printf("Region %s, fingerprint %s\n", text_of(j, "region"), text_of(j, "fingerprint"));
	json_array_foreach(json_object_get(j, "statements"), i, item)
		printf("%2zu. %s\n", i + 1, text_of(item, "says"));
	if (drill)
		printf("It changes nothing, and is never submitted.\n");
	else if (json_is_integer(hosts))
		printf("It touches %lld host%s, as its maker was told then.\n",
		       (long long)json_integer_value(hosts),
		       json_integer_value(hosts) == 1 ? "" : "s");
	else
		printf("How many hosts it touches was not known where it was made.\n");
	json_array_foreach(json_object_get(j, "signatures"), i, item)
		print_need(item);
}

static void show(struct rc *rc, const struct mh_proposal_view *v)
{
	json_t *j = proposal_json(&rc->p, v);

	if (rc->json) {
		rc_print(j);
		return;
	}
	print_people(j);
	json_decref(j);
}

int rc_drilled(struct rc *rc)
{
	struct mh_proposal_view v = { 0 };
	int ret = mh_proposal_check(&rc->p, &v);

	if (ret)
		return rc_proposal_failed(ret, &v);
	show(rc, &v);
	return 0;
}

/* ---- the file ---- */

static int write_file(struct rc *rc, const char *path)
{
	struct mh_bytes bytes;
	int ret = mh_proposal_encode(&rc->p, &bytes);

	if (ret)
		return rc_proposal_failed(ret, NULL);
	ret = mh_armour_write(path, MH_PROPOSAL_ARMOUR, bytes.p, bytes.n, false, 0644);
	mh_bytes_free(&bytes);
	return ret ? mh_fail_file(path, ret) : 0;
}

/* The Region that the officer means, if one was said */
static int check_region(struct rc *rc, const struct mh_stmt *anchor)
{
	const char *given = rc->region_label, *colon = given ? strchr(given, ':') : NULL;
	char label[2 * 32 + 1], fingerprint[MH_FINGERPRINT_LEN];

	if (!given || !*given)
		return 0;
	mh_fingerprint(rc->p.region, fingerprint);
	snprintf(label, sizeof(label), "%.*s", colon ? (int)(colon - given) : 64, given);
	if (mh_region_is(label, anchor->subject, rc->p.region) &&
	    (!colon || mh_fingerprint_same(colon + 1, fingerprint)))
		return 0;
	return mh_fail(MH_EXIT_DENIED,
		       "the proposal is for the Region %.*s with the fingerprint %s, not the one "
		       "given",
		       (int)anchor->subject.n, anchor->subject.p, fingerprint);
}

static int read_file(struct rc *rc, const char *path, struct mh_proposal_view *v)
{
	struct mh_bytes bytes;
	int ret = mh_armour_read(path, MH_PROPOSAL_ARMOUR, MH_PROPOSAL_MAX, &bytes);

	if (ret == -EBADMSG || ret == -EFBIG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a proposal", path);
	if (ret)
		return mh_fail_file(path, ret);
	ret = mh_proposal_decode(&rc->p, mh_bytes_buf(&bytes));
	mh_bytes_free(&bytes);
	if (ret == -EPROTONOSUPPORT)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: of a later release", path);
	if (ret)
		return ret == -ENOMEM ? rc_proposal_failed(ret, NULL) :
					mh_fail(MH_EXIT_BAD_INPUT, "%s: not a proposal", path);
	ret = mh_proposal_check(&rc->p, v);
	if (ret && ret != -ENOMEM)
		return mh_fail(ret == -EKEYREJECTED ? MH_EXIT_DENIED : MH_EXIT_BAD_INPUT,
			       "%s is refused: %s", path, v->why);
	if (ret)
		return rc_proposal_failed(ret, v);
	memcpy(rc->region, rc->p.region, 32);
	if (v->anchor.type)
		rc->anchor = v->anchor;
	return check_region(rc, v->anchor.type ? &v->anchor : &rc->p.act[0].s);
}

static void say_needed(const struct mh_proposal *p, const struct mh_proposal_view *v)
{
	for (u8 i = 0; i < v->needs; i++) {
		unsigned int lacks = mh_proposal_lacks(p, &v->need[i]);

		if (lacks)
			mh_note("%u more of %s must sign", lacks, rc_who(v->need[i].which));
	}
}

int rc_propose(struct rc *rc)
{
	struct mh_proposal_view v = { 0 };
	int ret;

	if (!rc->p.acts && rc->p.kind != MH_PROPOSAL_DRILL)
		return mh_fail(MH_EXIT_USAGE, "there is nothing to sign");
	if (strcmp(rc->propose, "-") && !access(rc->propose, F_OK))
		return mh_fail(MH_EXIT_CONFLICT,
			       "%s exists: a proposal, which may be signed, is never overwritten",
			       rc->propose);
	rc->p.hosts = rc->hosts_unknown ? MH_PROPOSAL_UNKNOWN : (u32)json_object_size(rc->hosts);
	ret = mh_proposal_check(&rc->p, &v);
	if (ret)
		return rc_proposal_failed(ret, &v);
	ret = write_file(rc, rc->propose);
	if (ret)
		return ret;
	if (strcmp(rc->propose, "-"))
		show(rc, &v);
	say_needed(&rc->p, &v);
	return RC_PROPOSED;
}

/* ---- the verbs ---- */

static int run_review(struct rc *rc, const struct rc_args *a)
{
	struct mh_proposal_view v = { 0 };
	int ret = read_file(rc, a->operand[0], &v);

	if (!ret)
		show(rc, &v);
	return ret;
}

/* Each key given is one of those that it asks for; *anew: how many had not signed it */
static int check_keys(struct rc *rc, const struct mh_proposal_view *v, unsigned int *anew)
{
	for (unsigned int i = 0; i < rc->keys; i++) {
		const u8 *key = mh_officer_public(rc->officer[i]);

		if (!mh_proposal_may_sign(v, key))
			return mh_fail(MH_EXIT_DENIED,
				       "%s: not a key of the officers that this asks for: nothing "
				       "was signed",
				       rc->key_path[i]);
		if (mh_proposal_has_signed(&rc->p, key))
			mh_note("%s has signed already", rc->key_path[i]);
		else
			++*anew;
	}
	return 0;
}

static int add_signatures(struct rc *rc, const struct mh_proposal_view *v)
{
	int ret = 0;

	for (unsigned int i = 0; i < rc->keys && !ret; i++) {
		const u8 *key = mh_officer_public(rc->officer[i]);
		u8 sig[MH_SIG_LEN];

		if (mh_proposal_has_signed(&rc->p, key))
			continue;
		if (mh_officer_sign(rc->officer[i], v->digest, sig))
			return mh_fail(MH_EXIT_FAILED, "%s: signing failed", rc->key_path[i]);
		ret = mh_proposal_add_sig(&rc->p, key, sig);
	}
	return ret ? rc_proposal_failed(ret, v) : 0;
}

static int run_sign(struct rc *rc, const struct rc_args *a)
{
	const char *path = a->operand[0];
	struct mh_proposal_view v = { 0 };
	unsigned int anew = 0;
	int ret = read_file(rc, path, &v);

	if (!ret)
		ret = rc_open_officers(rc);
	if (!ret)
		ret = check_keys(rc, &v, &anew);
	if (!ret && anew)
		ret = add_signatures(rc, &v);
	/* what is handed on holds, whatever a key's owner did meanwhile */
	if (!ret && anew) {
		ret = mh_proposal_check(&rc->p, &v);
		ret = ret ? rc_proposal_failed(ret, &v) :
			    write_file(rc, strcmp(path, "-") ? path : "-");
	}
	if (ret || !strcmp(path, "-"))
		return ret;
	show(rc, &v);
	if (!rc->json && mh_proposal_complete(&rc->p, &v) && rc->p.kind == MH_PROPOSAL_ACT)
		printf("It can be submitted: repoctl submit %s\n", path);
	return 0;
}

/* The server's newest ANCHOR is the one that the officers signed under */
static int check_server(struct rc *rc, const struct mh_proposal_view *v)
{
	struct rc now = { .socket = rc->socket, .fd = rc->fd, .passphrase_fd = -1 };
	char hex[65];
	int ret;

	if (!v->anchor.type)
		return 0;
	mh_hex(hex, rc->p.region, 32);
	now.region_label = hex;
	ret = rc_open_region(&now);
	rc->fd = now.fd;
	now.fd = -1;
	if (!ret && memcmp(now.anchor.leaf, v->anchor.leaf, MH_HASH_LEN) &&
	    !(rc->p.acts && !memcmp(now.anchor.leaf, rc->p.act[0].s.leaf, MH_HASH_LEN)))
		ret = mh_fail(MH_EXIT_CONFLICT,
			      "the Region has ANCHOR %llu now, and this was signed under %llu: make "
			      "the proposal again, and have it signed",
			      (unsigned long long)now.anchor.serial,
			      (unsigned long long)v->anchor.serial);
	rc_finish(&now);
	return ret;
}

static int still_holds(struct rc *rc)
{
	char subject[MH_SUBJECT_MAX + 1];
	int ret = 0;

	for (unsigned int i = 0; i < rc->p.acts && !ret; i++) {
		const struct mh_stmt *s = &rc->p.act[i].s;

		if (s->type == MH_ANCHOR || s->type == MH_REVOKE)
			continue;
		snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
		ret = rc_holds(rc, s->type, subject);
	}
	return ret;
}

static const struct rc_option submit_options[] = {
	{ "--bundles", "DIR", "where the join bundles of hosts go (default: here)" },
	{ 0 },
};

static int run_submit(struct rc *rc, const struct rc_args *a)
{
	const char *dir = rc_value(a, "--bundles");
	struct mh_proposal_view v = { 0 };
	json_t *bundles = json_array(), *path;
	size_t i;
	int ret = read_file(rc, a->operand[0], &v);

	if (!ret && rc->p.kind == MH_PROPOSAL_DRILL)
		ret = mh_fail(MH_EXIT_USAGE, "%s is a drill: there is nothing to submit",
			      a->operand[0]);
	if (!ret && !mh_proposal_complete(&rc->p, &v)) {
		say_needed(&rc->p, &v);
		ret = mh_fail(MH_EXIT_DENIED, "too few officers have signed: nothing was done");
	}
	if (!ret)
		ret = check_server(rc, &v);
	if (!ret)
		ret = rc_submit_batch(rc, &v);
	if (!ret)
		ret = still_holds(rc);
	if (!ret)
		ret = rc_bundle_finish(rc, dir ? dir : ".", bundles);
	if (!ret && rc->json) {
		rc_print(json_pack("{s:i,s:O}", "statements", (int)rc->p.acts, "bundles", bundles));
	} else if (!ret) {
		printf("%u statement%s submitted, and taken\n", rc->p.acts,
		       rc->p.acts == 1 ? "" : "s");
		json_array_foreach(bundles, i, path)
			printf("take %s to its host within a day\n", json_string_value(path));
	}
	json_decref(bundles);
	return ret;
}

const struct rc_verb rc_proposal_verbs[] = {
	{ "review", NULL, "FILE", 1, 1,
	  "what a proposal changes, who has signed, and who must; needs no server", NULL,
	  run_review },
	{ "sign", NULL, "FILE", 1, 1, "sign a proposal with the keys given; needs no server", NULL,
	  run_sign },
	{ "submit", NULL, "FILE", 1, 1, "submit a proposal that enough have signed",
	  submit_options, run_submit },
	{ 0 },
};

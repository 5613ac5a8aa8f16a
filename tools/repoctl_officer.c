// SPDX-License-Identifier: MIT
/* repoctl officer: who the Region's officers are, and others in their place (R36, R46). */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>

#define ANCHOR_LIFE (3650ull * 86400)

/* ---- public keys ---- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, MH_P256_PUB_LEN);
}

int rc_sort_keys(u8 *keys, unsigned int n)
{
	qsort(keys, n, MH_P256_PUB_LEN, compare_keys);
	for (unsigned int i = 1; i < n; i++)
		if (!memcmp(keys + (size_t)i * MH_P256_PUB_LEN,
			    keys + (size_t)(i - 1) * MH_P256_PUB_LEN, MH_P256_PUB_LEN))
			return mh_fail(MH_EXIT_USAGE, "the same officer's key is given twice");
	return 0;
}

int rc_read_keys(const char *const *path, unsigned int n, u8 *keys)
{
	for (unsigned int i = 0; i < n; i++) {
		struct mh_bytes b;
		int ret = mh_armour_read(path[i], RC_OFFICER_ARMOUR, MH_P256_PUB_LEN, &b);

		if (!ret && b.n == MH_P256_PUB_LEN)
			memcpy(keys + (size_t)i * MH_P256_PUB_LEN, b.p, MH_P256_PUB_LEN);
		if (ret == -EBADMSG || ret == -EFBIG || (!ret && b.n != MH_P256_PUB_LEN))
			ret = mh_fail(MH_EXIT_BAD_INPUT,
				      "%s: not what repoctl officer key show writes", path[i]);
		else if (ret)
			ret = mh_fail_file(path[i], ret);
		else
			mh_bytes_free(&b);
		if (ret)
			return ret;
	}
	return 0;
}

static int key_show(struct rc *rc, const struct rc_args *a)
{
	const char *out = rc_value(a, "--output");
	char fingerprint[MH_FINGERPRINT_LEN];
	const u8 *key;
	int ret = rc_open_officers(rc);

	if (!ret && rc->keys > 1)
		ret = mh_fail(MH_EXIT_USAGE, "one key at a time");
	if (ret)
		return ret;
	key = mh_officer_public(rc->officer[0]);
	mh_officer_fingerprint(key, fingerprint);
	if (out) {
		ret = mh_armour_write(out, RC_OFFICER_ARMOUR, key, MH_P256_PUB_LEN, false, 0644);
		if (ret)
			return mh_fail_file(out, ret);
	}
	if (out && !strcmp(out, "-"))
		return 0;
	if (rc->json)
		rc_print(json_pack("{s:s,s:s?}", "fingerprint", fingerprint, "file", out));
	else
		printf("%s\n", fingerprint);
	return 0;
}

/* ---- list ---- */

/* Serial of the ANCHOR since which the key has been in the set, without a break */
static u64 since(const struct rc *rc, const u8 *key, bool recovery)
{
	u64 serial = 0;

	for (unsigned int i = rc->p.anchors; i--;) {
		struct mh_quorum q;
		struct mh_stmt s;

		if (mh_stmt_parse(&s, rc->p.anchor[i].p, rc->p.anchor[i].n))
			break;
		if (recovery)
			mh_quorum_recovery(&q, &s);
		else
			mh_quorum_of(&q, &s);
		if (mh_quorum_index(&q, key) < 0)
			break;
		serial = s.serial;
	}
	return serial;
}

static json_t *set_json(const struct rc *rc, const struct mh_quorum *q, bool recovery)
{
	json_t *list = json_array();

	for (u8 i = 0; i < q->n; i++) {
		const u8 *key = q->keys + (size_t)i * MH_P256_PUB_LEN;
		char fingerprint[MH_FINGERPRINT_LEN];

		mh_officer_fingerprint(key, fingerprint);
		json_array_append_new(list, json_pack("{s:s,s:I}", "fingerprint", fingerprint,
						      "since",
						      (json_int_t)since(rc, key, recovery)));
	}
	return list;
}

static void print_set(const char *title, unsigned int m, json_t *list)
{
	size_t i;
	json_t *o;

	printf("%s: %u of %zu must sign\n", title, m, json_array_size(list));
	json_array_foreach(list, i, o)
		printf("    %s  since ANCHOR %lld\n",
		       json_string_value(json_object_get(o, "fingerprint")),
		       (long long)json_integer_value(json_object_get(o, "since")));
}

static int list(struct rc *rc, const struct rc_args *a)
{
	char fingerprint[MH_FINGERPRINT_LEN];
	json_t *officers, *recovery;
	struct mh_quorum r = { 0 };
	u64 least;
	int ret = rc_open_region(rc);

	(void)a;
	if (ret)
		return ret;
	mh_quorum_recovery(&r, &rc->anchor);
	officers = set_json(rc, &rc->quorum, false);
	recovery = set_json(rc, &r, true);
	least = mh_stmt_num(&rc->anchor, MH_A_MIN_ANCHOR);
	mh_fingerprint(rc->region, fingerprint);
	if (rc->json) {
		rc_print(json_pack("{s:s%,s:s,s:I,s:I,s:i,s:o,s:i,s:o}", "region",
				   rc->anchor.subject.p, rc->anchor.subject.n, "fingerprint",
				   fingerprint, "anchor", (json_int_t)rc->anchor.serial,
				   "min-anchor", (json_int_t)least, "threshold", (int)rc->quorum.m,
				   "officers", officers, "recovery-threshold", (int)r.m,
				   "recovery", recovery));
		return 0;
	}
	printf("Region %.*s, fingerprint %s, ANCHOR %llu\n", (int)rc->anchor.subject.n,
	       rc->anchor.subject.p, fingerprint, (unsigned long long)rc->anchor.serial);
	print_set("officers", rc->quorum.m, officers);
	if (r.n)
		print_set("recovery set, which can only replace them", r.m, recovery);
	else
		printf("no recovery set\n");
	if (least > 1)
		printf("what was signed under ANCHORs before %llu is void\n",
		       (unsigned long long)least);
	json_decref(officers);
	json_decref(recovery);
	return 0;
}

/* ---- other officers ---- */

int rc_officers_options(const struct rc_args *a, struct rc_officers *o)
{
	const char *const *path;
	unsigned int n = rc_values(a, "--recovery-key", &path);
	u64 m;
	int ret;

	if (n) {
		ret = rc_read_keys(path, n, o->recovery);
		if (!ret)
			ret = rc_sort_keys(o->recovery, n);
		if (ret)
			return ret;
		o->recoverers = (u8)n;
		o->recovery_threshold = (u8)n;
	}
	ret = rc_number(a, "--recovery-threshold", o->recovery_threshold, 1,
			o->recoverers ? o->recoverers : MH_OFFICERS_MAX, &m);
	if (!ret && rc_value(a, "--recovery-threshold") && !o->recoverers)
		return mh_fail(MH_EXIT_USAGE, "--recovery-threshold: of whom? Give --recovery-key");
	if (!ret)
		o->recovery_threshold = (u8)m;
	return ret;
}

int rc_officers_check(const struct rc_officers *o, bool insist)
{
	if (o->n != o->m || o->recoverers || insist)
		return 0;
	if (o->n == 1) {
		mh_note("One officer, and no recovery set: when that key is lost, nobody can "
			"change this Region any more.");
		return 0;
	}
	return mh_fail(MH_EXIT_USAGE,
		       "%u of %u officers, and no recovery set: when one key is lost nobody can "
		       "change this Region any more; give --threshold, or --recovery-key, or "
		       "--insist",
		       o->m, o->n);
}

void rc_officers_write(const struct rc_officers *o, struct mh_writer *w, const u8 before[32],
		       u64 min_anchor, struct mh_buf caps)
{
	mh_write_attr(w, MH_A_KEYS, o->keys, (size_t)o->n * MH_P256_PUB_LEN);
	mh_write_attr_u8(w, MH_A_THRESHOLD, o->m);
	mh_write_attr(w, MH_A_BEFORE, before, 32);
	mh_write_attr_u64(w, MH_A_MIN_ANCHOR, min_anchor);
	if (caps.n)
		mh_write_attr(w, MH_A_CAPS, caps.p, caps.n);
	if (!o->recoverers)
		return;
	mh_write_attr(w, MH_A_RECOVERY_KEYS, o->recovery, (size_t)o->recoverers * MH_P256_PUB_LEN);
	mh_write_attr_u8(w, MH_A_RECOVERY_THRESHOLD, o->recovery_threshold);
}

#define CHANGE_OPTIONS \
	{ "--new-keys", "FILE", \
	  "an officer from then on, as officer key show wrote it; again for each (default: those " \
	  "that there are)" }, \
	{ "--threshold", "M", "officers that must sign from then on (default: as many as now)" }, \
	{ "--recovery-key", "FILE", \
	  "one of the recovery set from then on; again for each (default: that which there is)" }, \
	{ "--recovery-threshold", "M", "of those, to replace the officers (default: all)" }, \
	{ "--min-anchor", NULL, \
	  "void all that was signed before; the server's delegations are signed anew with it" }, \
	{ "--insist", NULL, "all officers must sign, and there is no recovery set" }

static const struct rc_option replace_options[] = { CHANGE_OPTIONS, { 0 } };

static const struct rc_option recover_options[] = {
	CHANGE_OPTIONS,
	{ "--no-recovery", NULL, "no recovery set from then on" },
	{ "--stolen", NULL,
	  "officers' keys were stolen: go beyond all ANCHORs that a thief may have led hosts to; "
	  "implies --min-anchor" },
	{ 0 },
};

/* Serials that nobody comes to by one ANCHOR after another, each of which hosts verify */
#define BEYOND (1ull << 32)

static bool voids(const struct rc_args *a)
{
	return rc_value(a, "--min-anchor") || rc_value(a, "--stolen");
}

/* Those that there are, but for what is given */
static int new_officers(struct rc *rc, const struct rc_args *a, struct rc_officers *o)
{
	const char *const *path;
	unsigned int n = rc_values(a, "--new-keys", &path);
	struct mh_quorum r;
	u64 m;
	int ret = 0;

	mh_quorum_recovery(&r, &rc->anchor);
	if (rc_value(a, "--no-recovery"))
		r.n = 0;
	memcpy(o->keys, rc->quorum.keys, (size_t)rc->quorum.n * MH_P256_PUB_LEN);
	o->n = rc->quorum.n;
	o->m = rc->quorum.m;
	if (r.n)
		memcpy(o->recovery, r.keys, (size_t)r.n * MH_P256_PUB_LEN);
	o->recoverers = r.n;
	o->recovery_threshold = r.n ? r.m : 0;
	if (n) {
		ret = rc_read_keys(path, n, o->keys);
		if (!ret)
			ret = rc_sort_keys(o->keys, n);
		o->n = (u8)n;
	}
	if (!ret)
		ret = rc_number(a, "--threshold", o->m, 1, o->n, &m);
	if (ret)
		return ret;
	if (m > o->n)
		return mh_fail(MH_EXIT_USAGE, "%u must sign now, of %u officers from then on: give "
					      "--threshold", o->m, o->n);
	o->m = (u8)m;
	ret = rc_officers_options(a, o);
	return ret ? ret : rc_officers_check(o, rc_value(a, "--insist"));
}

/* Its validity as long as the one before allows */
static u64 anchor_life(const struct rc *rc)
{
	struct mh_buf caps = mh_stmt_attr(&rc->anchor, MH_A_CAPS);

	for (size_t i = 0; i + 5 <= caps.n; i += 5)
		if (caps.p[i] == MH_ANCHOR && mh_get32(caps.p + i + 1) < ANCHOR_LIFE)
			return mh_get32(caps.p + i + 1);
	return ANCHOR_LIFE;
}

static int add_anchor(struct rc *rc, struct rc_maker *m, const struct rc_args *a, u8 which,
		      u64 serial, const struct rc_officers *o)
{
	const struct mh_stmt *cur = &rc->anchor;
	u64 now = (u64)time(NULL), least = mh_stmt_num(cur, MH_A_MIN_ANCHOR);

	if (voids(a))
		least = serial;
	mh_writer_init(&m->w, m->body, sizeof(m->body));
	mh_stmt_begin(&m->w, MH_ANCHOR, rc->region, cur->leaf, cur->subject, serial, now, now,
		      now + anchor_life(rc));
	rc_officers_write(o, &m->w, cur->leaf, least, mh_stmt_attr(cur, MH_A_CAPS));
	return rc_act(rc, which, m, NULL);
}

/* The same DELEGATION, under the ANCHOR that comes with it */
static int delegate_anew(struct rc *rc, struct rc_maker *m, const struct mh_stmt *s)
{
	u64 now = (u64)time(NULL), serial;
	char subject[MH_SUBJECT_MAX + 1];
	struct mh_reader r;
	struct mh_attr a;
	u16 last = 0;
	int ret;

	if (rc_verify(rc, s))
		return mh_fail(MH_EXIT_DENIED, "the server's DELEGATION of %.*s is not signed by "
					       "this Region's officers",
			       (int)s->subject.n, s->subject.p);
	snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_next_serial(rc, MH_DELEGATION, subject, &serial);
	if (ret)
		return ret;
	if (serial > s->serial + 1)
		mh_note("%s: what was signed ahead is void: repoctl delegation create --ahead, "
			"afterwards.", subject);
	mh_writer_init(&m->w, m->body, sizeof(m->body));
	mh_stmt_begin(&m->w, MH_DELEGATION, rc->region, rc->p.act[0].s.leaf, s->subject, serial,
		      now, now, s->not_after);
	mh_reader_init(&r, s->body.p, s->body.n);
	while (mh_read_attr(&r, &last, &a))
		if (a.type > MH_A_FEATURES)
			mh_write_attr(&m->w, a.type, a.v.p, a.v.n);
	return rc_end(rc, m, NULL);
}

/* Under --min-anchor nobody would be served any more */
static int delegate_all_anew(struct rc *rc, struct rc_maker *m)
{
	struct mh_bytes reply;
	struct mh_reader r;
	int ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), &reply);

	if (ret == MH_EXIT_NOTFOUND) {
		mh_note("There is none to sign anew: repoctl delegation create, afterwards.");
		return 0;
	}
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	for (u8 n = mh_read_u8(&r); n && !ret; n--) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);
		struct mh_stmt s;

		if (r.err || mh_stmt_parse(&s, b.p, b.n) || s.type != MH_DELEGATION)
			ret = mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's answer is malformed");
		else
			ret = delegate_anew(rc, m, &s);
	}
	mh_bytes_free(&reply);
	return ret;
}

static int change(struct rc *rc, const struct rc_args *a, u8 which)
{
	struct rc_maker *m = malloc(sizeof(*m));
	struct rc_officers o = { 0 };
	u64 serial = 0;
	int ret = m ? rc_open_region(rc) : mh_fail(MH_EXIT_FAILED, "out of memory");

	if (!ret && (rc->keys || !rc->propose))
		ret = rc_open_officers(rc);
	if (!ret && which == MH_SET_RECOVERY && !mh_stmt_has(&rc->anchor, MH_A_RECOVERY_KEYS))
		ret = mh_fail(MH_EXIT_NOTFOUND, "the Region has no recovery set");
	if (!ret && which == MH_SET_SIGNER && mh_stmt_has(&rc->anchor, MH_A_RECOVERY_KEYS) &&
	    (rc_value(a, "--recovery-key") || rc_value(a, "--recovery-threshold")))
		ret = mh_fail(MH_EXIT_DENIED,
			      "only the recovery set changes itself, so that a thief of officers' "
			      "keys cannot: repoctl officer recover");
	if (!ret)
		ret = new_officers(rc, a, &o);
	if (!ret)
		serial = rc->anchor.serial + (rc_value(a, "--stolen") ? BEYOND : 1);
	if (!ret)
		ret = add_anchor(rc, m, a, which, serial, &o);
	if (!ret && voids(a))
		ret = delegate_all_anew(rc, m);
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && rc->json)
		rc_print(json_pack("{s:I,s:i,s:i}", "anchor", (json_int_t)serial,
				   "officers", (int)o.n, "threshold", (int)o.m));
	else if (!ret)
		printf("ANCHOR %llu: %u of %u officers must sign from now on\n",
		       (unsigned long long)serial, o.m, o.n);
	free(m);
	return ret;
}

static int replace(struct rc *rc, const struct rc_args *a)
{
	return change(rc, a, MH_SET_SIGNER);
}

static int recover(struct rc *rc, const struct rc_args *a)
{
	return change(rc, a, MH_SET_RECOVERY);
}

/* ---- drill ---- */

static int drill(struct rc *rc, const struct rc_args *a)
{
	struct mh_proposal_view v = { 0 };
	int ret = rc_open_region(rc);

	(void)a;
	if (!ret && (rc->keys || !rc->propose))
		ret = rc_open_officers(rc);
	if (ret)
		return ret;
	rc->p.kind = MH_PROPOSAL_DRILL;
	if (mh_random(rc->p.nonce, sizeof(rc->p.nonce)))
		return mh_fail(MH_EXIT_FAILED, "no random bytes");
	ret = rc_sign(rc, &v);
	if (ret)
		return ret;
	return rc->propose ? rc_propose(rc) : rc_drilled(rc);
}

const struct rc_verb rc_quorum_verbs[] = {
	{ "officer", "key show", "", 0, 0, "an officer's public key and its fingerprint",
	  (const struct rc_option[]){ { "--output", "FILE",
					"write the public key, for region create and officer "
					"replace; - for standard output" },
				      { 0 } },
	  key_show },
	{ "officer", "list", "", 0, 0, "the Region's officers, and its recovery set", NULL, list },
	{ "officer", "replace", "", 0, 0,
	  "other officers, another threshold; old and new officers sign", replace_options,
	  replace },
	{ "officer", "recover", "", 0, 0,
	  "the same by the recovery set, when too many officers are lost, or robbed",
	  recover_options,
	  recover },
	{ "officer", "drill", "", 0, 0,
	  "each officer signs what is good for nothing, to see that the keys are at hand", NULL,
	  drill },
	{ 0 },
};

// SPDX-License-Identifier: MIT
/* repoctl revoke: what ends, what lasts, how many hosts; then the REVOKEs, the first few first. */
#include "repoctl.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#define LIFE		(730ull * 86400)
#define MANY		100	/* hosts: from so many on the first hundredth goes first */
#define WAIT		600	/* seconds that they are looked at */
#define ONCE		1000	/* in one submission */

static const struct rc_option revoke_options[] = {
	{ "--expect", "N", "as many hosts as this touches; another number: nothing is revoked" },
	{ "--names", "PATTERN", "every host whose name is like it: * and ?" },
	{ "--group", "NAME",
	  "every host that is itself a member of the group; with --names those of them" },
	{ "--wait", "TIME",
	  "after the first hundredth of the hosts (default 10m where they are 100 or more)" },
	{ "--at-once", NULL, "all of them at once, however many" },
	{ 0 },
};

static const struct {
	const char *word;
	u8 type;
} kinds[] = {
	{ "entity", MH_ENTITY },   { "member", MH_MEMBER },   { "group", MH_GROUP },
	{ "dataset", MH_DATASET }, { "instance", MH_INSTANCE }, { "policy", MH_POLICY },
	{ "delegation", MH_DELEGATION },
};

/* What is to be revoked: subjects, each with its serial; and what hosts hold by what dies */
struct victims {
	struct rc *rc;
	u8 type;
	const char *names, *group;
	json_t *members;	/* of the group */
	json_t *serial;		/* by subject */
	json_t *hosts;		/* names, as keys */
	json_t *data;		/* DataSets that hosts lose: {hosts, lease, copies} by name */
};

/* Hosts that are meant, and not revoked already */
static int meant(void *ctx, const struct mh_stmt *s, u8 flags)
{
	struct victims *v = ctx;
	char subject[MH_SUBJECT_MAX + 1];

	snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
	if (flags & 1 || (v->names && fnmatch(v->names, subject, 0)) ||
	    (v->group && !json_object_get(v->members, subject)))
		return 0;
	json_object_set_new(v->serial, subject, json_integer((json_int_t)s->serial));
	return 0;
}

static int of_group(void *ctx, const struct mh_stmt *s, u8 flags)
{
	struct victims *v = ctx;
	const size_t n = strlen(v->group);
	char name[MH_NAME_MAX + 1];

	if (flags & 1 || mh_stmt_num(s, MH_A_MEMBER_KIND) != 1 || s->subject.n <= n ||
	    memcmp(s->subject.p, v->group, n) || s->subject.p[n] != '/')
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(s->subject.n - n - 1), s->subject.p + n + 1);
	json_object_set_new(v->members, name, json_true());
	return 0;
}

/* Its newest serial; what is not there is told, and nothing is revoked */
static int look_up(struct victims *v, const char *word, const char *subject)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get(v->rc, v->type, subject, &bytes, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no %s %s in this Region: nothing was revoked",
			       v->type == MH_ENTITY ? "Entity" : word, subject);
	if (!ret)
		json_object_set_new(v->serial, subject, json_integer((json_int_t)s.serial));
	mh_bytes_free(&bytes);
	return ret;
}

static int find(struct victims *v, const struct rc_args *a)
{
	int ret = 0;

	if ((v->names || v->group) && (v->type != MH_ENTITY || a->operands > 1))
		return mh_fail(MH_EXIT_USAGE,
			       "--names and --group are for hosts, in the place of their names");
	if (v->names && v->names[strspn(v->names, "abcdefghijklmnopqrstuvwxyz0123456789._-*?")])
		return mh_fail(MH_EXIT_USAGE, "--names %s: a-z 0-9 . _ - and * ?", v->names);
	if (v->group)
		ret = rc_each(v->rc, MH_MEMBER, of_group, v);
	if (!ret && (v->names || v->group))
		ret = rc_each(v->rc, MH_ENTITY, meant, v);
	for (unsigned int i = 1; i < a->operands && !ret; i++)
		ret = look_up(v, a->operand[0], a->operand[i]);
	if (!ret && !json_object_size(v->serial))
		ret = mh_fail(MH_EXIT_NOTFOUND, "there is nothing like that: nothing was revoked");
	return ret;
}

/* ---- what dies ---- */

/* Of a DataSet, by the POLICY that has its name: what lasts where a consumer copied it */
static json_t *what_lasts(struct victims *v, const struct mh_stmt *dataset, const char *name)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt p;
	u64 lease = 0, retain = 0, exported = 0;

	if (mh_stmt_num(dataset, MH_A_KIND) != MH_DATA_KEY) {
		exported = MH_EXPORT_USER;
	} else if (!rc_get(v->rc, MH_POLICY, name, &bytes, &p)) {
		lease = mh_stmt_num(&p, MH_A_LEASE);
		retain = mh_stmt_num(&p, MH_A_RETAIN);
		exported = mh_stmt_num(&p, MH_A_EXPORT);
		mh_bytes_free(&bytes);
	}
	return json_pack("{s:i,s:I,s:I,s:b}", "hosts", 0, "lease", (json_int_t)lease, "retain",
			 (json_int_t)retain, "copies", exported != 0);
}

static int count_dataset(void *ctx, const struct mh_stmt *s, u8 flags)
{
	char name[MH_DATASET_MAX + 1];
	struct victims *v = ctx;
	struct mh_bytes reply;
	struct mh_reader r;
	unsigned int hit = 0;
	int ret;

	if (flags & 1)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_entitled(v->rc, name, &reply);
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	for (u16 n = mh_read_u16(&r); n && !r.err; n--) {
		struct mh_buf host = mh_read_v(&r, MH_NAME_MAX);

		mh_read_bytes(&r, 32);
		hit += !r.err && json_object_getn(v->hosts, (const char *)host.p, host.n);
	}
	mh_bytes_free(&reply);
	if (hit) {
		json_t *j = what_lasts(v, s, name);

		json_object_set_new(j, "hosts", json_integer(hit));
		json_object_set_new(v->data, name, j);
	}
	return 0;
}

/* "90s", "12h" */
static void time_text(char out[24], u64 seconds)
{
	static const struct {
		u32 n;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	while (i < 3 && seconds % units[i].n)
		i++;
	snprintf(out, 24, "%llu%c", (unsigned long long)seconds / units[i].n, units[i].unit);
}

static void say_data(const char *name, json_t *j)
{
	u64 lease = (u64)json_integer_value(json_object_get(j, "lease")),
	    retain = (u64)json_integer_value(json_object_get(j, "retain"));
	char a[24], b[24];

	time_text(a, lease);
	time_text(b, retain);
	fprintf(stderr, "    %-24s %lld host%s%s%s%s%s%s\n", name,
		(long long)json_integer_value(json_object_get(j, "hosts")),
		json_integer_value(json_object_get(j, "hosts")) == 1 ? "" : "s",
		lease ? ", at the latest after " : ", WITHOUT A LEASE", lease ? a : "",
		retain ? ", retained over a reboot for " : "", retain ? b : "",
		json_is_true(json_object_get(j, "copies")) ?
			"; what uses it has COPIED it, until that is closed or the host reboots" :
			"");
}

static void say_what_dies(struct victims *v)
{
	size_t n = json_object_size(v->hosts), shown = 0;
	const char *name;
	json_t *j;

	fprintf(stderr, "This touches %zu host%s:", n, n == 1 ? "" : "s");
	json_object_foreach(v->hosts, name, j)
		if (shown++ < 8)
			fprintf(stderr, " %s", name);
	if (shown > 8)
		fprintf(stderr, " and %zu more", shown - 8);
	fprintf(stderr, "\n");
	if (json_object_size(v->data))
		fprintf(stderr, "They get no more, and their kernels end, when they hear of it:\n");
	json_object_foreach(v->data, name, j)
		say_data(name, j);
}

/* The hosts that all of it touches, and what they lose */
static int count_hosts(struct victims *v)
{
	struct rc *rc = v->rc;
	int ret = 0;

	for (unsigned int i = 0; i < rc->p.acts && !ret && !rc->propose; i++)
		ret = rc_touches(rc, &rc->p.act[i].s);
	if (ret)
		return ret;
	v->hosts = rc->hosts;
	return v->type == MH_ENTITY ? rc_each(rc, MH_DATASET, count_dataset, v) : 0;
}

static int agreed(struct victims *v, const struct rc_args *a)
{
	size_t n = json_object_size(v->hosts);
	char typed[32];
	u64 expected;
	int ret = rc_number(a, "--expect", n, 0, UINT32_MAX, &expected);

	if (ret)
		return ret;
	if (rc_value(a, "--expect"))
		return expected == n ? 0 :
			mh_fail(MH_EXIT_CONFLICT,
				"this touches %zu hosts, not %llu: nothing was revoked", n,
				(unsigned long long)expected);
	if (n <= 1 || v->rc->propose)
		return 0;
	if (mh_prompt_line("Revoke? yes: ", typed, sizeof(typed)))
		return mh_fail(MH_EXIT_USAGE,
			       "no terminal to confirm on: give --expect %zu", n);
	return strcmp(typed, "yes") ? mh_fail(MH_EXIT_FAILED, "nothing was revoked") : 0;
}

/* ---- done ---- */

static int make_all(struct victims *v)
{
	struct rc_maker *m = malloc(sizeof(*m));
	const char *subject;
	json_t *serial;
	int ret = m ? 0 : mh_fail(MH_EXIT_FAILED, "out of memory");

	json_object_foreach(v->serial, subject, serial) {
		if (!ret)
			ret = rc_begin(v->rc, m, MH_REVOKE, subject, LIFE);
		if (ret)
			break;
		mh_write_attr_u8(&m->w, MH_A_TARGET_TYPE, v->type);
		mh_write_attr_u64(&m->w, MH_A_UP_TO, (u64)json_integer_value(serial));
		ret = rc_end(v->rc, m, NULL);
	}
	free(m);
	return ret;
}

static void wait_for(u64 seconds)
{
	const bool terminal = isatty(STDERR_FILENO);

	for (; seconds; seconds--) {
		if (terminal)
			fprintf(stderr, "\rthe rest in %llu s; ^C leaves it at these  ",
				(unsigned long long)seconds);
		sleep(1);
	}
	if (terminal)
		fprintf(stderr, "\n");
}

static int submit_from(struct rc *rc, const struct mh_proposal_view *view, unsigned int *done,
		       unsigned int until)
{
	int ret = 0;

	while (!ret && *done < until) {
		unsigned int n = until - *done < ONCE ? until - *done : ONCE;

		ret = rc_submit_some(rc, view, *done, n);
		*done += ret ? 0 : n;
		if (!ret && isatty(STDERR_FILENO) && until > ONCE)
			fprintf(stderr, "\r%u of %u", *done, until);
	}
	if (ret && *done)
		mh_note("%u of %u are revoked; run it again for the others.", *done, until);
	return ret;
}

/* Signed once; the first hundredth is submitted, looked at, and then the rest. */
static int submit(struct victims *v, const struct rc_args *a)
{
	struct rc *rc = v->rc;
	struct mh_proposal_view view;
	unsigned int done = 0;
	u64 wait;
	int ret = rc_duration(a, "--wait", WAIT, RC_LIFE_MAX, &wait);

	if (!ret)
		ret = rc_sign(rc, &view);
	if (ret || rc->propose)
		return ret ? ret : rc_propose(rc);
	if (!rc_value(a, "--at-once") && rc->p.acts > 1 &&
	    (rc->p.acts >= MANY || rc_value(a, "--wait"))) {
		ret = submit_from(rc, &view, &done, (rc->p.acts + 99) / 100);
		if (ret)
			return ret;
		mh_note("%u of %u revoked: look whether that is right.", done, rc->p.acts);
		wait_for(wait);
	}
	return submit_from(rc, &view, &done, rc->p.acts);
}

static int run_revoke(struct rc *rc, const struct rc_args *a)
{
	struct victims v = { .rc = rc, .names = rc_value(a, "--names"),
			     .group = rc_value(a, "--group") };
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(a->operand[0], kinds[i].word))
			v.type = kinds[i].type;
	if (!v.type)
		return mh_fail(MH_EXIT_USAGE,
			       "%s: revoke entity, member, group, dataset, instance, policy or "
			       "delegation",
			       a->operand[0]);
	v.members = json_object();
	v.serial = json_object();
	v.data = json_object();
	ret = rc_open_quorum(rc);
	if (!ret)
		ret = find(&v, a);
	if (!ret)
		ret = make_all(&v);
	if (!ret)
		ret = count_hosts(&v);
	if (!ret && !rc->json)
		say_what_dies(&v);
	if (!ret)
		ret = agreed(&v, a);
	if (!ret)
		ret = submit(&v, a);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:O,s:i,s:O}", "revoked", a->operand[0], "up-to", v.serial,
				   "hosts", (int)json_object_size(v.hosts), "data", v.data));
	else if (!ret)
		printf("%zu revoked\n", json_object_size(v.serial));
	json_decref(v.members);
	json_decref(v.serial);
	json_decref(v.data);
	return ret;
}

const struct rc_verb rc_revoke_verbs[] = {
	{ "revoke", NULL, "WHAT [NAME...]", 1, 8,
	  "revoke hosts, memberships, groups, DataSets, versions, policies or delegations; what dies "
	  "is said before",
	  revoke_options, run_revoke },
	{ 0 },
};

// SPDX-License-Identifier: MIT
/* repoctl: the officers' tool.  A table of nouns and verbs, and its options. */
#include "repoctl.h"
#include "lib/json.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

static const struct rc_verb *const nouns[] = {
	rc_region_verbs, rc_officer_verbs, rc_entity_verbs, rc_dataset_verbs, rc_instance_verbs,
	rc_grant_verbs, rc_delegation_verbs, rc_audit_verbs, rc_status_verbs,
	rc_proposal_verbs, rc_quorum_verbs, rc_calendar_verbs, rc_revoke_verbs,
};

static const struct rc_option global_options[] = {
	{ "--socket", "PATH", "admin socket (default /run/microhsm/admin)" },
	{ "--region", "LABEL[:FINGERPRINT]",
	  "the Region, or FINGERPRINT alone; not needed when there is one (default "
	  "$MICROHSM_REGION)" },
	{ "--key", "KEY",
	  "an officer's key, a file or pkcs11:...; again for each officer of a quorum" },
	{ "--passphrase-fd", "N",
	  "read passphrases from descriptor N, one a line, in the keys' order" },
	{ "--propose", "FILE",
	  "write what is to be signed to FILE, for others to review, sign and submit" },
	{ "--offline", "FILE",
	  "ask no server, but what repoctl region export wrote; to change things with --propose" },
	{ "--json", NULL, "machine-readable output" },
	{ "--help", NULL, "this text" },
	{ NULL, NULL, NULL },
};

static void print_options(const struct rc_option *o)
{
	for (; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

static void print_verb(const struct rc_verb *v)
{
	printf("  repoctl %s%s%s %s\n      %s\n", v->noun, v->verb ? " " : "",
	       v->verb ? v->verb : "", v->operands, v->help);
}

static int help(const char *noun, const struct rc_verb *only)
{
	printf("usage: repoctl [OPTION]... NOUN VERB [OPTION]... [OPERAND]...\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(nouns); i++)
		for (const struct rc_verb *v = nouns[i]; v->noun; v++)
			if ((!noun || !strcmp(noun, v->noun)) && (!only || only == v))
				print_verb(v);
	if (only && only->options) {
		printf("\noptions of %s %s:\n", only->noun, only->verb ? only->verb : "");
		print_options(only->options);
	}
	printf("\noptions:\n");
	print_options(global_options);
	printf("\nexit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict, 6 "
	       "unreachable, 7 bad input, 8 revoked, 10 due\n");
	return MH_EXIT_OK;
}

const char *rc_value(const struct rc_args *a, const char *name)
{
	const char *const *v;
	unsigned int n = rc_values(a, name, &v);

	return n ? v[n - 1] : NULL;
}

unsigned int rc_values(const struct rc_args *a, const char *name, const char *const **values)
{
	for (unsigned int i = 0; a->options && a->options[i].name; i++)
		if (!strcmp(a->options[i].name, name)) {
			*values = a->values[i];
			return a->count[i];
		}
	return 0;
}

int rc_duration(const struct rc_args *a, const char *name, u64 fallback, u64 most, u64 *out)
{
	const char *v = rc_value(a, name);

	*out = fallback;
	if (v && mh_duration(v, most, out))
		return mh_fail(MH_EXIT_USAGE,
			       "%s %s is no duration here: write 90s, 5m, 12h or 30d; from 1s to "
			       "%llud",
			       name, v, (unsigned long long)most / 86400);
	return 0;
}

static int take_number(const char *name, const char *v, u64 least, u64 most, u64 *out)
{
	if (mh_number(v, least, most, out))
		return mh_fail(MH_EXIT_USAGE, "%s %s is no number from %llu to %llu", name, v,
			       (unsigned long long)least, (unsigned long long)most);
	return 0;
}

int rc_number(const struct rc_args *a, const char *name, u64 fallback, u64 least, u64 most,
	      u64 *out)
{
	const char *v = rc_value(a, name);

	*out = fallback;
	return v ? take_number(name, v, least, most, out) : 0;
}

static int add_key(struct rc *rc, const char *path)
{
	if (rc->keys == MH_OFFICERS_MAX)
		return mh_fail(MH_EXIT_USAGE, "more than %d officers' keys", MH_OFFICERS_MAX);
	rc->key_path[rc->keys++] = path;
	return 0;
}

static int global_option(struct rc *rc, const char *name, const char *value)
{
	u64 fd;
	int ret;

	if (!strcmp(name, "--passphrase-fd")) {
		ret = take_number(name, value, 0, INT_MAX, &fd);
		if (!ret)
			rc->passphrase_fd = (int)fd;
		return ret;
	}
	if (!strcmp(name, "--socket"))
		rc->socket = value;
	else if (!strcmp(name, "--region"))
		rc->region_label = value;
	else if (!strcmp(name, "--propose"))
		rc->propose = value;
	else if (!strcmp(name, "--offline"))
		rc->offline = value;
	else if (!strcmp(name, "--json"))
		rc->json = true;
	else
		return add_key(rc, value);
	return 0;
}

static const struct rc_option *find_option(const struct rc_option *o, const char *arg, size_t n)
{
	for (; o && o->name; o++)
		if (strlen(o->name) == n && !strncmp(o->name, arg, n))
			return o;
	return NULL;
}

/* One option at argv[*i], global or the verb's; moves *i past its value. */
static int take_option(struct rc *rc, const struct rc_verb *v, struct rc_args *a, int argc,
		       char **argv, int *i)
{
	const char *arg = argv[*i], *eq = strchr(arg, '=');
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	const struct rc_option *o = v ? find_option(v->options, arg, n) : NULL;
	const struct rc_option *g = o ? NULL : find_option(global_options, arg, n);
	const char *value = eq ? eq + 1 : NULL;
	unsigned int at;

	if (!o && !g)
		return mh_fail(MH_EXIT_USAGE, "no option %.*s here; see repoctl --help", (int)n,
			       arg);
	if ((o ? o : g)->arg && !value) {
		if (*i + 1 >= argc)
			return mh_fail(MH_EXIT_USAGE, "%s needs a value", arg);
		value = argv[++*i];
	} else if (!(o ? o : g)->arg && value) {
		return mh_fail(MH_EXIT_USAGE, "%.*s takes no value", (int)n, arg);
	}
	if (g)
		return global_option(rc, g->name, value);
	at = (unsigned int)(o - v->options);
	if (a->count[at] == RC_VALUES_MAX)
		return mh_fail(MH_EXIT_USAGE, "%s given more than %d times", o->name,
			       RC_VALUES_MAX);
	a->values[at][a->count[at]++] = value ? value : "";
	return 0;
}

static const struct rc_verb *find_verb(const char *noun, const char *verb, bool *noun_known)
{
	for (size_t i = 0; i < ARRAY_SIZE(nouns); i++)
		for (const struct rc_verb *v = nouns[i]; v->noun; v++) {
			if (strcmp(v->noun, noun))
				continue;
			*noun_known = true;
			if (!v->verb || (verb && !strcmp(v->verb, verb)))
				return v;
		}
	return NULL;
}

/* A verb of two words, the second of which is this: "key show" beside "key create" */
static const struct rc_verb *find_longer(const struct rc_verb *v, const char *word)
{
	char both[64];
	bool known;

	snprintf(both, sizeof(both), "%s %s", v->verb ? v->verb : "", word);
	v = v->verb ? find_verb(v->noun, both, &known) : NULL;
	return v;
}

/* Officers sign what it makes: --propose has a meaning */
static bool is_act(const struct rc_verb *v)
{
	static const char *const acts[][2] = {
		{ "entity", "enrol" },	 { "entity", "revoke" },     { "dataset", "create" },
		{ "instance", "add" },	 { "delegation", "create" }, { "grant", NULL },
		{ "region", "create" },	 { "officer", "replace" },   { "officer", "recover" },
		{ "officer", "drill" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		if (!strcmp(acts[i][0], v->noun) &&
		    (!acts[i][1] || (v->verb && !strcmp(acts[i][1], v->verb))))
			return true;
	return false;
}

static int check_modes(const struct rc *rc, const struct rc_verb *v)
{
	if (rc->propose && !is_act(v))
		return mh_fail(MH_EXIT_USAGE, "--propose: nothing is signed by this command");
	if (rc->offline && !rc->propose && is_act(v))
		return mh_fail(MH_EXIT_USAGE,
			       "--offline: nothing can be done without the server; give --propose "
			       "FILE, for submit");
	return 0;
}

static int run(struct rc *rc, int argc, char **argv)
{
	const struct rc_verb *v = NULL;
	struct rc_args a = { 0 };
	const char *noun = NULL;
	bool known = false, want_help = argc < 2, literal = false;
	int ret, i;

	for (i = 1; i < argc; i++) {
		if (!literal && !strcmp(argv[i], "--")) {
			literal = true;
		} else if (!literal && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
			want_help = true;
		} else if (!literal && argv[i][0] == '-' && argv[i][1]) {
			ret = take_option(rc, v, &a, argc, argv, &i);
			if (ret)
				return ret;
		} else if (!noun) {
			noun = argv[i];
			v = find_verb(noun, NULL, &known);
			if (!known)
				return mh_fail(MH_EXIT_USAGE, "no %s; see repoctl --help", noun);
			a.options = v ? v->options : NULL;
		} else if (!v) {
			v = find_verb(noun, argv[i], &known);
			if (!v)
				return mh_fail(MH_EXIT_USAGE, "%s has no %s; see repoctl %s --help",
					       noun, argv[i], noun);
			a.options = v->options;
		} else {
			const struct rc_verb *longer = a.operands ? NULL : find_longer(v, argv[i]);

			if (longer) {
				v = longer;
				a.options = v->options;
				continue;
			}
			if (a.operands == ARRAY_SIZE(a.operand))
				return mh_fail(MH_EXIT_USAGE, "too many operands");
			a.operand[a.operands++] = argv[i];
		}
	}
	if (want_help || !v)
		return help(noun, v) || want_help ? MH_EXIT_OK : MH_EXIT_USAGE;
	if (a.operands < v->least || a.operands > v->most)
		return mh_fail(MH_EXIT_USAGE, "usage: repoctl %s%s%s %s", v->noun,
			       v->verb ? " " : "", v->verb ? v->verb : "", v->operands);
	ret = check_modes(rc, v);
	if (ret)
		return ret;
	ret = rc->json ? mh_json_args(argc, argv) : 0;
	if (!ret)
		ret = v->run(rc, &a);
	return ret == RC_PROPOSED ? MH_EXIT_OK : ret;
}

int main(int argc, char **argv)
{
	struct rc *rc = calloc(1, sizeof(*rc));
	int ret;

	mh_prog = "repoctl";
	if (!rc)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	rc->socket = getenv("MICROHSM_ADMIN") ? getenv("MICROHSM_ADMIN") : "/run/microhsm/admin";
	rc->region_label = getenv("MICROHSM_REGION");
	rc->passphrase_fd = -1;
	rc->fd = -1;
	mh_process_protect();
	mh_json_begin();
	ret = run(rc, argc, argv);
	rc_finish(rc);
	free(rc);
	if ((fflush(stdout) || ferror(stdout)) && !ret)
		ret = mh_fail(MH_EXIT_FAILED, "output could not be written: %s", strerror(errno));
	return ret;
}

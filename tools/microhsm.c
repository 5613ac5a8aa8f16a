// SPDX-License-Identifier: MIT
/* microhsm: the host's tool.  A table of verbs, and its options. */
#include "microhsm.h"
#include "lib/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct mht_verb *const groups[] = {
	mht_identity_verbs, mht_key_verbs, mht_sign_verbs, mht_host_verbs, mht_agent_verbs,
};

static const struct mht_option global_options[] = {
	{ "--state", "DIR", "sealed identities (default " MHT_STATE ")" },
	{ "--json", NULL, "machine-readable output" },
	{ "--help", NULL, "this text" },
	{ 0 },
};

static void print_options(const struct mht_option *o)
{
	for (; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

static int help(const struct mht_verb *only)
{
	printf("usage: microhsm VERB [OPTION]... [OPERAND]...\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct mht_verb *v = groups[i]; v->verb; v++)
			if (!only || only == v)
				printf("  microhsm %s %s\n      %s\n", v->verb, v->operands,
				       v->help);
	if (only && only->options) {
		printf("\noptions of %s:\n", only->verb);
		print_options(only->options);
	}
	printf("\noptions:\n");
	print_options(global_options);
	printf("\nexit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict, 6 "
	       "unreachable,\n"
	       "7 bad input, 8 revoked, 9 timed out\n");
	return MH_EXIT_OK;
}

const char *mht_value(const struct mht *t, const char *name)
{
	const char *const *v;
	unsigned int n = mht_values(t, name, &v);

	return n ? v[n - 1] : NULL;
}

unsigned int mht_values(const struct mht *t, const char *name, const char *const **values)
{
	for (unsigned int i = 0; t->options && t->options[i].name; i++)
		if (!strcmp(t->options[i].name, name)) {
			*values = t->values[i];
			return t->count[i];
		}
	return 0;
}

static const struct mht_option *find_option(const struct mht_option *o, const char *arg, size_t n)
{
	for (; o && o->name; o++)
		if (strlen(o->name) == n && !strncmp(o->name, arg, n))
			return o;
	return NULL;
}

static int take_option(struct mht *t, const struct mht_verb *v, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	const struct mht_option *o = v ? find_option(v->options, arg, n) : NULL;
	const struct mht_option *g = o ? NULL : find_option(global_options, arg, n);
	unsigned int at;

	if (!o && !g)
		return mh_fail(MH_EXIT_USAGE, "no option %.*s here; see microhsm %s --help", (int)n,
			       arg, v ? v->verb : "");
	if ((o ? o : g)->arg && !value) {
		if (*i + 1 >= argc)
			return mh_fail(MH_EXIT_USAGE, "%s needs a value", arg);
		value = argv[++*i];
	} else if (!(o ? o : g)->arg && value) {
		return mh_fail(MH_EXIT_USAGE, "%.*s takes no value", (int)n, arg);
	}
	if (g) {
		if (g->arg)
			t->state = value;
		else
			t->json = true;
		return 0;
	}
	at = (unsigned int)(o - v->options);
	if (t->count[at] == MHT_VALUES_MAX)
		return mh_fail(MH_EXIT_USAGE, "%s given more than %d times", o->name,
			       MHT_VALUES_MAX);
	t->values[at][t->count[at]++] = value ? value : "";
	return 0;
}

static const struct mht_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct mht_verb *v = groups[i]; v->verb; v++)
			if (!strcmp(v->verb, name))
				return v;
	return NULL;
}

static int run(struct mht *t, int argc, char **argv)
{
	const struct mht_verb *v = NULL;
	bool want_help = argc < 2, literal = false;

	for (int i = 1; i < argc; i++) {
		if (!literal && !strcmp(argv[i], "--")) {
			literal = true;
		} else if (!literal && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
			want_help = true;
		} else if (!literal && argv[i][0] == '-' && argv[i][1]) {
			int ret = take_option(t, v, argc, argv, &i);

			if (ret)
				return ret;
		} else if (!v) {
			v = find_verb(argv[i]);
			if (!v)
				return mh_fail(MH_EXIT_USAGE, "no %s; see microhsm --help",
					       argv[i]);
			t->options = v->options;
		} else {
			if (t->operands == ARRAY_SIZE(t->operand))
				return mh_fail(MH_EXIT_USAGE, "too many operands");
			t->operand[t->operands++] = argv[i];
		}
	}
	if (want_help)
		return help(v);
	if (!v)
		return mh_fail(MH_EXIT_USAGE, "what is to be done? see microhsm --help");
	if (t->operands < v->least || t->operands > v->most)
		return mh_fail(MH_EXIT_USAGE, "usage: microhsm %s %s", v->verb, v->operands);
	if (t->json && v->no_json)
		return mh_fail(MH_EXIT_USAGE, "%s has no result that --json could show", v->verb);
	if (t->json && mh_json_args(argc, argv))
		return MH_EXIT_USAGE;
	return v->run(t);
}

int main(int argc, char **argv)
{
	struct mht t = { .state = MHT_STATE, .device = -1 };
	int ret;

	mh_prog = "microhsm";
	mh_process_protect();
	mh_json_begin();
	ret = run(&t, argc, argv);
	if (t.device >= 0)
		close(t.device);
	if ((fflush(stdout) || ferror(stdout)) && !ret)
		ret = mh_fail(MH_EXIT_FAILED, "output could not be written: %s", strerror(errno));
	return ret;
}

// SPDX-License-Identifier: MIT
/* JSON on standard output; see json.h. */
#include "json.h"
#include "util.h"

#include <stdlib.h>

static void *get(size_t n)
{
	void *p = malloc(n);

	if (!p)
		exit(mh_fail(MH_EXIT_FAILED, "out of memory: the output is not whole"));
	return p;
}

void mh_json_begin(void)
{
	json_set_alloc_funcs(get, free);
}

int mh_json_args(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		json_t *j = json_string(argv[i]);

		if (!j)
			return mh_fail(MH_EXIT_USAGE,
				       "argument %d is not UTF-8: --json could not show it", i);
		json_decref(j);
	}
	return 0;
}

void mh_json_item(json_t *j, unsigned long long *n)
{
	fputs((*n)++ ? ",\n" : "[", stdout);
	json_dumpf(j, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(j);
}

void mh_json_end(unsigned long long n)
{
	puts(n ? "]" : "[]");
}

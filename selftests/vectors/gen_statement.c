// SPDX-License-Identifier: MIT
/*
 * Makes kmod/core/vectors/statement.h: statements of every type from fixed
 * keys (selftests/unit/stmt_world.h).  Signatures are drawn: another run gives
 * other ones, as good.  See `make vectors`.
 *
 * With a directory, the fuzzer's seeds are written there: the statements as they are.
 */
#include <stdio.h>
#include "selftests/unit/stmt_world.h"

static struct sw w;

static void print(const char *name, const char *field, const u8 *p, size_t n)
{
	printf("static const u8 stmt_%s%s[] = {", name, field);
	for (size_t i = 0; i < n; i++)
		printf("%s0x%02x,", i % 12 ? " " : "\n\t", p[i]);
	printf("\n};\n\n");
}

static int seeds(const char *dir)
{
	char path[512];

	for (int i = 0; i < SW_STATEMENTS; i++) {
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", dir, w.st[i].name);
		f = fopen(path, "wb");
		if (!f)
			return 1;
		n = fwrite(w.st[i].bytes, 1, w.st[i].n, f);
		if (fclose(f) || n != w.st[i].n)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const contexts[] = { "region", "ecx", "gcx", "icx", "x" };

	sw_make(&w);
	if (argc > 1)
		return seeds(argv[1]);
	printf("/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n"
	       "/* Statements and contexts, made by selftests/vectors/gen_statement.c; see\n"
	       " * Documentation/protocol.rst for what they are. */\n"
	       "#ifndef MH_VECTORS_STATEMENT_H\n#define MH_VECTORS_STATEMENT_H\n\n"
	       "struct mh_statement_vector {\n\tconst char *name;\n"
	       "\tint signer;\t/* place in the table of the one it names; -1: a genesis */\n"
	       "\tstruct mh_buf statement;\n\tconst u8 *leaf, *root;\n};\n\n");
	const u8 *const ctx[] = { w.region, w.ecx, w.gcx, w.icx, w.x };

	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++)
		print("", contexts[i], ctx[i], 32);
	for (int i = 0; i < SW_STATEMENTS; i++) {
		print(w.st[i].name, "", w.st[i].bytes, w.st[i].n);
		print(w.st[i].name, "_leaf", w.st[i].s.leaf, 32);
		print(w.st[i].name, "_root", w.st[i].s.root, 32);
	}
	printf("static const struct mh_statement_vector mh_statement_vectors[] = {\n");
	for (int i = 0; i < SW_STATEMENTS; i++)
		printf("\t{\n\t\t.name = \"%s\", .signer = %d,\n"
		       "\t\t.statement = MH_BUF(stmt_%s, sizeof(stmt_%s)),\n"
		       "\t\t.leaf = stmt_%s_leaf, .root = stmt_%s_root,\n\t},\n",
		       w.st[i].name, w.st[i].signer, w.st[i].name, w.st[i].name, w.st[i].name,
		       w.st[i].name);
	printf("};\n\n#endif\n");
	return 0;
}

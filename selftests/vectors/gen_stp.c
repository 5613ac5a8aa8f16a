// SPDX-License-Identifier: MIT
/*
 * Makes kmod/core/vectors/stp.h: a handshake in each identity mode and one
 * record each way, from fixed randomness.  Signatures are drawn: another run
 * gives other ones, as good.  See `make vectors`.
 */
#include <stdio.h>
#include "selftests/unit/stp_pair.h"

static const char *const names[] = {
	"region", "x", "ksp2_pub", "ei", "er", "kei", "kei_pub", "kec", "idr", "sigr", "authi",
	"psk", "hello", "challenge", "auth", "h", "request", "answer",
};

static void print(const char *vector, const char *field, const u8 *p, size_t n)
{
	printf("static const u8 stp_%s_%s[] = {", vector, field);
	for (size_t i = 0; i < n; i++)
		printf("%s0x%02x,", i % 12 ? " " : "\n\t", p[i]);
	printf("\n};\n\n");
}

static int vector(const char *name, bool mac)
{
	static struct stp_pair p;
	static u8 request[MH_FRAME_MAX], answer[MH_FRAME_MAX];
	static u8 ei[32], er[32];
	struct stp_keys k;
	int n, m;

	stp_fill(ei, 32, 0xc1);
	stp_fill(er, 32, 0xd2);
	stp_pair_init(&p);
	p.ei = ei;
	p.er = er;
	if (stp_keys_make(&k, mac) || stp_handshake(&p, &k))
		return -1;
	n = stp_record(&p.i, MH_R_REQUEST, 1, 'q', 10, request);
	m = stp_record(&p.r, MH_R_CHUNK, 1, 'd', 10, answer);
	if (n < 0 || m < 0)
		return -1;
	const struct mh_buf f[] = {
		MH_BUF(k.region, 32), MH_BUF(k.x, 32), MH_BUF(k.ksp2_pub, 64), MH_BUF(ei, 32),
		MH_BUF(er, 32), MH_BUF(mac ? k.kei_secret : k.kei, 32),
		MH_BUF(k.kei_pub, mac ? 0 : 64), MH_BUF(k.kec, 32), stp_idr, MH_BUF(p.sigr, 64),
		MH_BUF(p.authi, 64), MH_BUF(k.psk, 32), MH_BUF(p.hello, p.hello_n),
		MH_BUF(p.challenge, p.challenge_n), MH_BUF(p.auth, p.auth_n),
		MH_BUF(p.r.h_auth, 32), MH_BUF(request, n), MH_BUF(answer, m),
	};

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (f[i].n)
			print(name, names[i], f[i].p, f[i].n);
	stp_pair_end(&p);
	return 0;
}

static void row(const char *name, bool mac)
{
	printf("\t{\n\t\t.name = \"%s\", .mac = %s,\n", name, mac ? "true" : "false");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!mac || strcmp(names[i], "kei_pub"))
			printf("\t\t.%s = MH_BUF(stp_%s_%s, sizeof(stp_%s_%s)),\n", names[i], name,
			       names[i], name, names[i]);
	printf("\t},\n");
}

int main(void)
{
	printf("/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n"
	       "/* STP's own vectors, made by selftests/vectors/gen_stp.c; see\n"
	       " * Documentation/protocol-stp.rst for what each field is. */\n"
	       "#ifndef MH_VECTORS_STP_H\n#define MH_VECTORS_STP_H\n\n"
	       "struct mh_stp_vector {\n\tconst char *name;\n\tbool mac;\n\tstruct mh_buf");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		printf("%s %s", i ? "," : "", names[i]);
	printf(";\n};\n\n");
	if (vector("signature", false) || vector("mac", true))
		return 1;
	printf("static const struct mh_stp_vector mh_stp_vectors[] = {\n");
	row("signature", false);
	row("mac", true);
	printf("};\n\n#endif\n");
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * What the core says of bytes, for selftests/interop/judged.py, which holds the second
 * implementation's word against it.  Standard input is cases, each a letter and its
 * fields, u32 length then bytes; a line for each: "ok", or the errno's name.
 *
 *	S region signer statement	signer: a statement that was verified; empty for a genesis
 *	T now statement			now: u64
 *	J request			a join request and its proofs
 *	B bundle	C card		their form; the card's signature too
 *	O bundle key region secrets	what mh_join_secrets_open() opens; key: private part or code
 *	P P1	I idR	A idI		R REQUEST	D DONE	F REFUSED	W wrap	Y record
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/manifest.h"
#include "core/messages.h"
#include "core/statement.h"
#include "core/wrap.h"

#define FIELDS 4

/* A field on the heap, of its very length; false at the end of input. */
static bool field(struct mh_buf *out)
{
	u8 head[4], *p;
	size_t n;

	if (fread(head, 1, sizeof(head), stdin) != sizeof(head))
		return false;
	n = mh_get32(head);
	p = malloc(n ? n : 1);
	if (!p || fread(p, 1, n, stdin) != n)
		exit(2);
	*out = MH_BUF(p, n);
	return true;
}

static int statement(const struct mh_buf *f)
{
	struct mh_stmt s, by;
	struct mh_manifest m;
	u8 region[MH_HASH_LEN];
	int ret = mh_stmt_parse(&s, f[2].p, f[2].n);

	if (!ret && s.type == MH_INSTANCE)
		ret = mh_manifest_decode(&m, &s);
	if (ret)
		return ret;
	if (!f[1].n)
		return mh_anchor_genesis(&s, region);
	if (mh_stmt_parse(&by, f[1].p, f[1].n) || f[0].n != MH_HASH_LEN)
		exit(2);
	if (s.type == MH_ANCHOR)
		return mh_anchor_next(&by, f[0].p, &s);
	return mh_stmt_verify(&s, f[0].p, &by);
}

static int at_time(const struct mh_buf *f)
{
	struct mh_stmt s;
	int ret = mh_stmt_parse(&s, f[1].p, f[1].n);

	return ret ? ret : mh_stmt_valid_at(&s, mh_get64(f[0].p));
}

static int join_request(struct mh_buf b)
{
	struct mh_join_request m;
	int ret = mh_join_request_decode(&m, b);

	return ret ? ret : mh_join_request_verify(&m);
}

static int secrets(const struct mh_buf *f)
{
	u8 plain[MH_JOIN_SECRETS_MAX];
	struct mh_bundle b;
	int ret = mh_bundle_decode(&b, f[0]);

	if (ret)
		return ret;
	if (f[2].n != MH_HASH_LEN)
		exit(2);
	ret = mh_join_secrets_open(&b, f[1], f[2].p, plain);
	if (ret < 0)
		return ret;
	return (size_t)ret == f[3].n && !memcmp(plain, f[3].p, f[3].n) ? 0 : -EKEYREJECTED;
}

static int message(char kind, struct mh_buf b)
{
	union {
		struct mh_bundle bundle;
		struct mh_card card;
		struct mh_p1 p1;
		struct mh_idr idr;
		struct mh_idi idi;
		struct mh_request request;
		struct mh_done done;
		struct mh_refused refused;
		struct mh_record_hdr record;
	} m;

	switch (kind) {
	case 'J':
		return join_request(b);
	case 'B':
		return mh_bundle_decode(&m.bundle, b);
	case 'C':
		return mh_card_decode(&m.card, b);
	case 'P':
		return mh_p1_decode(&m.p1, b);
	case 'I':
		return mh_idr_decode(&m.idr, b);
	case 'A':
		return b.n == MH_IDI_LEN ? mh_idi_decode(&m.idi, b.p) : -EBADMSG;
	case 'R':
		return mh_request_decode(&m.request, b);
	case 'D':
		return mh_done_decode(&m.done, b);
	case 'F':
		return mh_refused_decode(&m.refused, b);
	case 'W':
		return mh_wrap_check(b);
	case 'Y':
		return mh_record_decode(&m.record, b);
	}
	exit(2);
}

int main(void)
{
	int kind, ret;

	while ((kind = getchar()) != EOF) {
		struct mh_buf f[FIELDS] = { 0 };
		int n = kind == 'O' ? 4 : kind == 'S' ? 3 : kind == 'T' ? 2 : 1;

		for (int i = 0; i < n; i++)
			if (!field(&f[i]))
				return 2;
		ret = kind == 'S' ? statement(f) :
		      kind == 'T' ? at_time(f) :
		      kind == 'O' ? secrets(f) : message((char)kind, f[0]);
		puts(ret ? strerrorname_np(-ret) : "ok");
		for (int i = 0; i < n; i++)
			free((void *)f[i].p);
	}
	return fflush(stdout) ? 1 : 0;
}

// SPDX-License-Identifier: MIT
/*
 * mh_stmt_parse() and all that reads what it accepted.  What is accepted is
 * canonical: written again from its parts it is the same bytes.
 */
#include "core/manifest.h"
#include "fuzz.h"

static u8 out[MH_STMT_MAX];

/* The body by its common fields, then each attribute as it was read. */
static void body_again(const struct mh_stmt *s)
{
	static u8 again[MH_STMT_BODY_MAX];
	struct mh_reader r;
	struct mh_writer w;
	struct mh_attr a;
	u16 last = 0;

	mh_writer_init(&w, again, sizeof(again));
	mh_stmt_begin(&w, s->type, s->region, s->signer, s->subject, s->serial, s->issued,
		      s->not_before, s->not_after);
	if (!w.err)
		mh_put32(again + w.len - 4, s->features);
	mh_reader_init(&r, s->body.p, s->body.n);
	while (mh_read_attr(&r, &last, &a)) {
		struct mh_buf v = mh_stmt_attr(s, a.type);

		if (a.type <= MH_A_FEATURES)
			continue;
		if (!(a.type & 0x8000))
			must(mh_stmt_has(s, a.type) && v.p == a.v.p && v.n == a.v.n);
		mh_write_attr(&w, a.type, a.v.p, a.v.n);
	}
	must(!mh_read_end(&r) && !w.err && mh_buf_equal(MH_BUF(again, w.len), s->body));
}

/* The statement by its body, path and sets. */
static void whole_again(const struct mh_stmt *s)
{
	const u8 *path = s->body.p + s->body.n;
	struct mh_writer w;
	u8 i;

	mh_writer_init(&w, out, sizeof(out));
	mh_stmt_write_head(&w, s->body, *path ? mh_get32(path + 1) : 0,
			   *path ? mh_get32(path + 5) : 0,
			   (const u8 (*)[MH_HASH_LEN])(path + 9), *path);
	mh_write_u8(&w, s->sets);
	for (i = 0; i < s->sets; i++) {
		mh_write_u8(&w, s->set[i].which);
		mh_write_u8(&w, s->set[i].m);
		mh_write_bytes(&w, s->set[i].sigs.p, s->set[i].sigs.n);
	}
	must(!w.err && mh_buf_equal(MH_BUF(out, w.len), s->bytes));
}

static void readers(const struct mh_stmt *s)
{
	struct mh_manifest m;
	struct mh_policy p, q;
	u8 region[MH_HASH_LEN];

	mh_manifest_decode(&m, s);
	mh_policy_decode(&p, s);
	q = p;
	must(!mh_policy_and(&p, &q) && !memcmp(&p, &q, sizeof(p)));
	mh_epoch_floor(s, MH_ENTITY, s->subject);
	mh_group_rights(s, s->subject);
	mh_list_has32(mh_stmt_attr(s, MH_A_POLICIES), s->leaf);
	mh_stmt_valid_at(s, s->not_before);
	mh_anchor_genesis(s, region);
	mh_anchor_next(s, s->region, s);
	mh_stmt_verify(s, s->region, s);	/* as if it had signed itself */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_stmt s;

	if (mh_stmt_parse(&s, data, size))
		return 0;
	must(s.bytes.n == size && size <= MH_STMT_MAX);
	body_again(&s);
	whole_again(&s);
	readers(&s);
	return 0;
}

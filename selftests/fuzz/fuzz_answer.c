// SPDX-License-Identifier: MIT
/*
 * An answer whose server is the input: a script of four-byte steps that drop,
 * double, move, cut and alter the records of a good one.  Statements it can
 * choose among and not forge.  What is delivered is the Data, or nothing.
 */
#include "../unit/answer_world.h"
#include "fuzz.h"

static struct aw made[3], w;
static u8 plain[40000];

static int hold(void *ctx, struct mh_buf bytes, const struct mh_stmt **held)
{
	(void)ctx;
	return aw_hold(&w, bytes, held);
}

/* Signed are those that were made. */
static int keep(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept)
{
	const struct aw *m = ctx;

	for (unsigned int i = 0; i < m->n; i++)
		if ((m->r[i].type == MH_R_STATEMENT || m->r[i].type == MH_R_MANIFEST) &&
		    mh_buf_equal(bytes, MH_BUF(m->r[i].p, m->r[i].n)))
			return aw_keep(&w, bytes, kept);
	return -EKEYREJECTED;
}

static bool authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	(void)ctx;
	return aw_authority(&w, instance, owner);
}

static int sink(void *ctx, const u8 *p, size_t n)
{
	(void)ctx;
	must(w.got_n + n <= sizeof(plain) && !memcmp(p, plain + w.got_n, n));
	return aw_data(&w, p, n);
}

static void spoil(const u8 s[4])
{
	const unsigned int at = w.n ? s[1] % w.n : 0;
	struct aw_record *r = &w.r[at];

	if (!w.n)
		return;
	switch (s[0] % 6) {
	case 0:
		memmove(r, r + 1, (--w.n - at) * sizeof(*r));
		break;
	case 1:
		if (w.n < AW_RECORDS) {
			memmove(r + 1, r, (w.n - at) * sizeof(*r));
			w.n++;
		}
		break;
	case 2: {
		struct aw_record *o = &w.r[s[2] % w.n], t = *r;

		*r = *o;
		*o = t;
		break;
	}
	case 3:
		if (r->n)
			r->p[(s[2] << 8 | s[3]) % r->n] ^= (u8)(1 << (s[3] & 7));
		break;
	case 4:
		if (r->n > s[2])
			r->n -= s[2];
		break;
	case 5:
		if (s[2] & 1)
			r->type = s[3] % 14;
		else
			aw_recount(&w);
		break;
	}
}

static void make(void)
{
	u8 mode;

	for (mode = MH_MODE_SESSION; mode <= MH_MODE_GROUP; mode++) {
		struct aw *m = &made[mode - 1];

		aw_defaults(m, mode);
		m->size = mode == MH_MODE_GROUP ? 20000 : 33;
		m->links = mode == MH_MODE_GROUP ? 3 : 1;
		m->alternatives = mode == MH_MODE_SESSION ? 1 : 2;
		m->foreign = m->alternatives - 1;
		must(!aw_make(m));
	}
	aw_fill(plain, MH_STREAM_CHUNK, 0);
	aw_fill(plain + MH_STREAM_CHUNK, sizeof(plain) - MH_STREAM_CHUNK, MH_STREAM_CHUNK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mh_answer_ops ops = { hold, keep, authority, sink };
	static u8 scratch[MH_STREAM_CHUNK];
	struct aw *m;
	int ret = 0;

	if (!made[0].n)
		make();
	if (!size || size > 1 + 4 * 32)
		return 0;
	m = &made[data[0] % 3];
	w = *m;
	for (unsigned int i = 0; i < w.n; i++)
		w.r[i].p = w.arena + (m->r[i].p - m->arena);
	for (size_t at = 1; at + 4 <= size; at += 4)
		spoil(data + at);
	mh_answer_begin(&w.a, m->region, MH_BUF(AW_NAME, strlen(AW_NAME)), 3, &w.kec, &ops, m);
	for (unsigned int i = 0; !ret && i < w.n; i++) {
		const struct mh_record_hdr rec = { .type = w.r[i].type, .request = 1,
						   .body = MH_BUF(w.r[i].p, w.r[i].n) };

		ret = mh_answer_record(&w.a, &rec, scratch);
	}
	if (w.a.state == MH_ANSWER_DONE)
		must(w.got_n == w.size && w.a.policy_all.export == MH_EXPORT_LOGON);
	if (size == 1)
		must(!ret && w.a.state == MH_ANSWER_DONE);
	mh_answer_end(&w.a);
	return 0;
}

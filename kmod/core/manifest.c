// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* INSTANCE as a manifest, POLICY's attributes; see manifest.h. */
#include "manifest.h"
#include "stream.h"

/* DATASET@VERSION, whose form the statement's parser has checked */
static int split_subject(struct mh_manifest *m, struct mh_buf s, u64 version)
{
	size_t at = s.n, i;
	u64 v = 0;

	while (at && s.p[at - 1] != '@')
		at--;
	if (!at)
		return -EBADMSG;
	for (i = at; i < s.n; i++) {
		const u8 d = (u8)(s.p[i] - '0');

		if (v > ~0ull / 10 || (v == ~0ull / 10 && d > ~0ull % 10))
			return -EBADMSG;
		v = v * 10 + d;
	}
	if (!v || v != version)
		return -EBADMSG;
	m->dataset = MH_BUF(s.p, at - 1);
	m->version = v;
	return 0;
}

static void read_template(struct mh_buf t, u8 *alg, u32 *len)
{
	if (t.n == 5) {
		*alg = t.p[0];
		*len = mh_get32(t.p + 1);
	}
}

int mh_manifest_decode(struct mh_manifest *m, const struct mh_stmt *s)
{
	u64 plain;
	int ret;

	memset(m, 0, sizeof(*m));
	if (s->type != MH_INSTANCE)
		return -EBADMSG;
	ret = split_subject(m, s->subject, mh_stmt_num(s, MH_A_INSTANCE_VERSION));
	if (ret)
		return ret;
	m->tombstone = mh_stmt_has(s, MH_A_TOMBSTONE);
	m->policies = mh_stmt_attr(s, MH_A_POLICIES);
	if (m->tombstone)
		return 0;
	m->mode = (u8)mh_stmt_num(s, MH_A_MODE);
	m->kind = (u8)mh_stmt_num(s, MH_A_KIND);
	m->stream_alg = (u8)mh_stmt_num(s, MH_A_STREAM_ALG);
	m->delivery = (u8)mh_stmt_num(s, MH_A_DELIVERY);
	m->length = mh_stmt_num(s, MH_A_LENGTH);
	m->sha256 = mh_stmt_attr(s, MH_A_SHA256).p;
	m->random = mh_stmt_attr(s, MH_A_RANDOM).p;
	m->ke_kid = mh_stmt_attr(s, MH_A_KE_KID).p;
	read_template(mh_stmt_attr(s, MH_A_TEMPLATE), &m->alg, &m->key_len);
	if (mh_stream_plain_size(m->length, &plain))
		return -EBADMSG;
	if (m->kind == MH_DATA_KEY &&
	    (!m->alg || !plain || plain > 64 || (m->key_len && plain != m->key_len)))
		return -EBADMSG;
	mh_ctx_instance(s->region, m->dataset, m->version, m->mode, m->kind, m->stream_alg,
			m->random, m->icx);
	return 0;
}

void mh_policy_decode(struct mh_policy *p, const struct mh_stmt *s)
{
	memset(p, 0, sizeof(*p));
	p->lease = (u32)mh_stmt_num(s, MH_A_LEASE);
	p->renew = (u32)mh_stmt_num(s, MH_A_RENEW);
	p->retain = (u32)mh_stmt_num(s, MH_A_RETAIN);
	p->uses = (u32)mh_stmt_num(s, MH_A_USES);
	p->operations = mh_stmt_has(s, MH_A_OPERATIONS) ? (u32)mh_stmt_num(s, MH_A_OPERATIONS) :
							  ~0u;
	p->export = (u32)mh_stmt_num(s, MH_A_EXPORT);
	p->rate = (u32)mh_stmt_num(s, MH_A_RATE);
	p->on_stale = (u8)mh_stmt_num(s, MH_A_ON_STALE);
	read_template(mh_stmt_attr(s, MH_A_TEMPLATE), &p->alg, &p->key_len);
}

/* The tighter of two bounds of which 0 means none. */
static u32 tighter(u32 a, u32 b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

int mh_policy_and(struct mh_policy *a, const struct mh_policy *b)
{
	if (a->alg && b->alg && (a->alg != b->alg || a->key_len != b->key_len))
		return -EINVAL;
	a->lease = tighter(a->lease, b->lease);
	a->renew = tighter(a->renew, b->renew);
	a->retain = a->retain < b->retain ? a->retain : b->retain;
	a->uses = tighter(a->uses, b->uses);
	a->operations &= b->operations;
	a->export &= b->export;
	a->rate = tighter(a->rate, b->rate);
	a->on_stale &= b->on_stale;
	if (!a->alg) {
		a->alg = b->alg;
		a->key_len = b->key_len;
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * A proposal.  What is read is written again as the same bytes; what is understood is for officers
 * of its own chain, can be said in words, and makes a submission only if enough of them have
 * signed, each statement of which is one.
 */
#include "../../tools/repoctl_says.c"
#include "fuzz.h"

static void statements(struct mh_buf body, unsigned int acts)
{
	struct mh_reader r;
	unsigned int n = 0;

	mh_reader_init(&r, body.p, body.n);
	for (u16 left = mh_read_u16(&r); left; left--) {
		const u8 item = mh_read_u8(&r);
		const struct mh_buf b = mh_read_big(&r, MH_ADMIN_MAX);
		struct mh_stmt s;

		must(!r.err && item < MH_PROPOSAL_BUNDLE);
		if (item != MH_ITEM_STATEMENT)
			continue;
		must(!mh_stmt_parse(&s, b.p, b.n));
		n++;
	}
	must(!mh_read_end(&r) && n == acts);
}

static void understood(const struct mh_proposal *p, const struct mh_proposal_view *v)
{
	struct mh_bytes out;
	int ret = mh_proposal_submission(p, v, 0, p->acts, &out);

	must(v->needs && !v->why);
	for (unsigned int i = 0; i < p->acts; i++) {
		char *says = rc_says(&p->act[i], &v->anchor);

		must(says && strlen(says) > 10);
		free(says);
	}
	for (u8 i = 0; i < v->needs; i++)
		must(v->need[i].q.m && v->need[i].q.m <= v->need[i].q.n);
	for (unsigned int i = 0; i < p->sigs; i++)
		must(mh_proposal_may_sign(v, p->sig[i].key));
	/* that an ANCHOR has a cap, or moves min_anchor back, is found out last */
	must(mh_proposal_complete(p, v) ?
		     !ret || ret == -EMSGSIZE ||
			     (ret == -EBADMSG && p->act[0].s.type == MH_ANCHOR) :
		     !p->acts || ret == -ENOKEY);
	if (!ret)
		statements(mh_bytes_buf(&out), p->acts);
	mh_bytes_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_proposal_view v;
	struct mh_proposal p;
	struct mh_bytes again;
	int ret = mh_proposal_decode(&p, MH_BUF(data, size));

	must(!ret || ret == -EBADMSG || ret == -EPROTONOSUPPORT);
	if (ret) {
		must(!p.anchor && !p.act && !p.item);
		return 0;
	}
	must(!mh_proposal_encode(&p, &again));
	must(again.n == size && !memcmp(again.p, data, size));
	mh_bytes_free(&again);
	ret = mh_proposal_check(&p, &v);
	must(!ret || ((ret == -EBADMSG || ret == -EKEYREJECTED) && v.why));
	if (!ret)
		understood(&p, &v);
	mh_proposal_free(&p);
	return 0;
}

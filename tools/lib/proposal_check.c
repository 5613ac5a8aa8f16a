// SPDX-License-Identifier: MIT
/* What a proposal means: whose it is to sign, who has, and the statements it makes. */
#include "proposal.h"
#include "core/messages.h"

#include <stdlib.h>

static int refuse(struct mh_proposal_view *v, int ret, const char *why)
{
	v->why = why;
	return ret == -ENOMEM ? ret : ret == -EKEYREJECTED ? ret : -EBADMSG;
}

int mh_quorum_index(const struct mh_quorum *q, const u8 *key)
{
	for (u8 i = 0; i < q->n; i++)
		if (!memcmp(q->keys + (size_t)i * MH_P256_PUB_LEN, key, MH_P256_PUB_LEN))
			return i;
	return -1;
}

static int walk(const struct mh_proposal *p, struct mh_proposal_view *v)
{
	for (unsigned int i = 0; i < p->anchors; i++) {
		struct mh_stmt s;
		u8 region[MH_HASH_LEN];
		int ret = mh_stmt_parse(&s, p->anchor[i].p, p->anchor[i].n);

		if (!ret && i)
			ret = mh_anchor_next(&v->anchor, p->region, &s);
		else if (!ret)
			ret = mh_anchor_genesis(&s, region);
		if (!ret && !i && memcmp(region, p->region, 32))
			ret = -EBADMSG;
		if (ret)
			return refuse(v, ret, "its chain of ANCHORs is not this Region's");
		v->anchor = s;
	}
	return 0;
}

static void needs(struct mh_proposal_view *v, u8 which, const struct mh_quorum *q)
{
	v->need[v->needs].which = which;
	v->need[v->needs++].q = *q;
}

/* The ANCHOR that it makes: all of mh_anchor_next() that is no signature's */
static int check_anchor(const struct mh_proposal *p, struct mh_proposal_view *v)
{
	static const u8 zero[32];
	const struct mh_stmt *s = &p->act[0].s, *cur = &v->anchor;
	const u8 which = p->act[0].which, *before = mh_stmt_attr(s, MH_A_BEFORE).p;
	struct mh_quorum q;
	u8 region[MH_HASH_LEN];
	bool ok;

	if (which == MH_SET_NEW) {
		mh_region_id(s->body, region);
		ok = !p->anchors && s->serial == 1 && !memcmp(s->region, zero, 32) &&
		     !memcmp(s->signer, zero, 32) && !memcmp(before, zero, 32) &&
		     !memcmp(region, p->region, 32);
	} else {
		ok = p->anchors && !mh_anchor_follows(cur, p->region, s, which);
	}
	if (!ok)
		return refuse(v, -EBADMSG, "its ANCHOR does not follow the Region's");
	if (which == MH_SET_SIGNER)
		mh_quorum_of(&q, cur);
	else if (which == MH_SET_RECOVERY)
		mh_quorum_recovery(&q, cur);
	if (which != MH_SET_NEW)
		needs(v, which, &q);
	mh_quorum_of(&q, s);
	needs(v, MH_SET_NEW, &q);
	return 0;
}

/* What it replaces was signed by officers of this Region, where that can be told here: 0, -errno */
static int was_signed(const struct mh_proposal *p, const struct mh_stmt *was)
{
	struct mh_stmt anchor;

	for (unsigned int i = p->anchors; i--;)
		if (!mh_stmt_parse(&anchor, p->anchor[i].p, p->anchor[i].n) &&
		    !memcmp(anchor.leaf, was->signer, 32))
			return mh_stmt_verify(was, p->region, &anchor);
	return 0;
}

static int check_acts(const struct mh_proposal *p, struct mh_proposal_view *v)
{
	const bool anchor = p->acts && p->act[0].s.type == MH_ANCHOR;
	const u8 *leaf = anchor ? p->act[0].s.leaf : v->anchor.leaf;
	int ret = anchor ? check_anchor(p, v) : 0;

	for (unsigned int i = anchor; i < p->acts && !ret; i++) {
		const struct mh_proposal_act *a = &p->act[i];

		if (a->which != MH_SET_SIGNER || a->s.type == MH_ANCHOR ||
		    a->s.type == MH_EPOCH || a->s.type == MH_SUSPEND ||
		    a->s.type == MH_GROUP_EPOCH)
			ret = refuse(v, -EBADMSG, "it has a statement that is not the officers' "
						  "to sign");
		else if (memcmp(a->s.region, p->region, 32) || memcmp(a->s.signer, leaf, 32))
			ret = refuse(v, -EBADMSG, "it has a statement of another Region, or under "
						  "another ANCHOR");
		else if (a->was.type)
			ret = was_signed(p, &a->was);
		if (ret && !v->why)
			ret = refuse(v, ret == -ENOMEM ? ret : -EKEYREJECTED,
				     "it says to replace what nobody signed");
	}
	return ret;
}

static int all_leaves(const struct mh_proposal *p, u8 (**leaves)[MH_HASH_LEN])
{
	*leaves = calloc(p->acts ? p->acts : 1, sizeof(**leaves));
	if (!*leaves)
		return -ENOMEM;
	for (unsigned int i = 0; i < p->acts; i++)
		memcpy((*leaves)[i], p->act[i].s.leaf, MH_HASH_LEN);
	return 0;
}

static int make_root(const struct mh_proposal *p, u8 root[MH_HASH_LEN])
{
	u8 (*leaves)[MH_HASH_LEN];
	int ret = all_leaves(p, &leaves);

	if (ret)
		return ret;
	ret = mh_merkle_root((const u8 (*)[MH_HASH_LEN])leaves, p->acts, root);
	free(leaves);
	return ret;
}

static int make_digest(const struct mh_proposal *p, struct mh_proposal_view *v)
{
	u8 made[8];
	const struct mh_buf drill[] = { MH_L("drill"), MH_BUF(p->region, 32), MH_BUF(made, 8),
					MH_BUF(p->nonce, 32) };
	int ret;

	if (p->kind == MH_PROPOSAL_DRILL) {
		mh_put64(made, p->made);
		mh_sha256v(v->digest, drill, ARRAY_SIZE(drill));
		memcpy(v->root, v->digest, sizeof(v->root));
		return 0;
	}
	if (!p->acts)		/* nothing to sign: items alone */
		return 0;
	ret = make_root(p, v->root);
	mh_stmt_digest(v->root, v->digest);
	return ret;
}

int mh_proposal_check(const struct mh_proposal *p, struct mh_proposal_view *v)
{
	struct mh_quorum q;
	int ret;

	*v = (struct mh_proposal_view){ 0 };
	ret = walk(p, v);
	if (!ret && p->kind != MH_PROPOSAL_DRILL)
		ret = check_acts(p, v);
	if (!ret && !p->anchors && !v->needs)
		ret = refuse(v, -EBADMSG, "it has no ANCHOR");
	if (ret)
		return ret;
	if (!v->needs) {
		mh_quorum_of(&q, &v->anchor);
		needs(v, MH_SET_SIGNER, &q);
		mh_quorum_recovery(&q, &v->anchor);
		if (p->kind == MH_PROPOSAL_DRILL && q.n)
			needs(v, MH_SET_RECOVERY, &q);
	}
	ret = make_digest(p, v);
	for (unsigned int i = 0; i < p->sigs && !ret; i++) {
		if (!mh_proposal_may_sign(v, p->sig[i].key))
			return refuse(v, -EKEYREJECTED, "it is signed by a key that is none of the "
							"officers'");
		ret = mh_p256_verify(p->sig[i].key, v->digest, p->sig[i].sig);
		if (ret && ret != -ENOMEM)
			return refuse(v, -EKEYREJECTED, "a signature in it does not hold: it was "
							"altered after an officer signed");
	}
	return ret;
}

bool mh_proposal_may_sign(const struct mh_proposal_view *v, const u8 *key)
{
	for (u8 i = 0; i < v->needs; i++)
		if (mh_quorum_index(&v->need[i].q, key) >= 0)
			return true;
	return false;
}

static const u8 *signature(const struct mh_proposal *p, const u8 *key)
{
	for (unsigned int i = 0; i < p->sigs; i++)
		if (!memcmp(p->sig[i].key, key, MH_P256_PUB_LEN))
			return p->sig[i].sig;
	return NULL;
}

bool mh_proposal_has_signed(const struct mh_proposal *p, const u8 *key)
{
	return signature(p, key);
}

unsigned int mh_proposal_lacks(const struct mh_proposal *p, const struct mh_proposal_need *need)
{
	unsigned int have = 0;

	for (u8 i = 0; i < need->q.n; i++)
		have += !!signature(p, need->q.keys + (size_t)i * MH_P256_PUB_LEN);
	return have < need->q.m ? need->q.m - have : 0;
}

bool mh_proposal_complete(const struct mh_proposal *p, const struct mh_proposal_view *v)
{
	for (u8 i = 0; i < v->needs; i++)
		if (mh_proposal_lacks(p, &v->need[i]))
			return false;
	return true;
}

/* ---- the statements ---- */

/* Exactly the threshold, those whose place comes first */
static void write_set(const struct mh_proposal *p, struct mh_writer *w, u8 which,
		      const struct mh_quorum *q)
{
	u8 made = 0;

	mh_write_u8(w, which);
	mh_write_u8(w, q->m);
	for (u8 i = 0; i < q->n && made < q->m; i++) {
		const u8 *sig = signature(p, q->keys + (size_t)i * MH_P256_PUB_LEN);

		if (!sig)
			continue;
		mh_write_u8(w, i);
		mh_write_bytes(w, sig, MH_SIG_LEN);
		made++;
	}
}

static void write_statement(const struct mh_proposal *p, const struct mh_proposal_view *v,
			    const u8 (*leaves)[MH_HASH_LEN], unsigned int i, struct mh_writer *w)
{
	const struct mh_proposal_act *a = &p->act[i];
	const struct mh_proposal_need *last = &v->need[v->needs - 1];
	u8 path[MH_STMT_PATH_MAX][MH_HASH_LEN];
	int n = mh_merkle_path(leaves, p->acts, i, path);

	mh_stmt_write_head(w, a->s.body, i, p->acts, (const u8 (*)[MH_HASH_LEN])path, (u8)n);
	if (a->s.type != MH_ANCHOR) {	/* under the ANCHOR that comes with it, if one does */
		mh_write_u8(w, 1);
		write_set(p, w, MH_SET_SIGNER, &last->q);
		return;
	}
	mh_write_u8(w, v->needs);
	for (u8 k = 0; k < v->needs; k++)
		write_set(p, w, v->need[k].which, &v->need[k].q);
}

int mh_proposal_statement(const struct mh_proposal *p, const struct mh_proposal_view *v,
			  unsigned int i, struct mh_writer *w)
{
	u8 (*leaves)[MH_HASH_LEN];
	int ret;

	if (i >= p->acts || !mh_proposal_complete(p, v))
		return -ENOKEY;
	ret = all_leaves(p, &leaves);
	if (ret)
		return ret;
	write_statement(p, v, (const u8 (*)[MH_HASH_LEN])leaves, i, w);
	free(leaves);
	return w->err;
}

/* What the kernels and the server will ask of an ANCHOR */
static int anchor_holds(const struct mh_proposal *p, const struct mh_proposal_view *v,
			const u8 *bytes, size_t n)
{
	struct mh_stmt s;
	u8 region[MH_HASH_LEN];
	int ret = mh_stmt_parse(&s, bytes, n);

	if (ret)
		return ret;
	return p->anchors ? mh_anchor_next(&v->anchor, p->region, &s) :
			    mh_anchor_genesis(&s, region);
}

static int write_all(const struct mh_proposal *p, const struct mh_proposal_view *v,
		     unsigned int first, unsigned int acts,
		     const u8 (*leaves)[MH_HASH_LEN], struct mh_writer *w)
{
	unsigned int items = first + acts == p->acts ? p->items : 0;
	u16 n = (u16)acts;

	for (unsigned int i = 0; i < items; i++)
		n += p->item[i].item < MH_PROPOSAL_BUNDLE;
	mh_write_u16(w, n);
	for (unsigned int i = first; i < first + acts && !w->err; i++) {
		size_t at = w->len;
		int ret;

		mh_write_u8(w, MH_ITEM_STATEMENT);
		mh_write_u32(w, 0);
		write_statement(p, v, leaves, i, w);
		if (w->err)
			return -EMSGSIZE;
		mh_put32(w->p + at + 1, (u32)(w->len - at - 5));
		ret = p->act[i].s.type != MH_ANCHOR ? 0 :
			anchor_holds(p, v, w->p + at + 5, w->len - at - 5);
		if (ret)
			return ret;
	}
	for (unsigned int i = 0; i < items; i++)
		if (p->item[i].item < MH_PROPOSAL_BUNDLE) {
			mh_write_u8(w, p->item[i].item);
			mh_write_big(w, mh_bytes_buf(&p->item[i].bytes));
		}
	return w->err ? -EMSGSIZE : 0;
}

int mh_proposal_submission(const struct mh_proposal *p, const struct mh_proposal_view *v,
			   unsigned int first, unsigned int n, struct mh_bytes *out)
{
	u8 (*leaves)[MH_HASH_LEN];
	struct mh_writer w;
	int ret;

	*out = (struct mh_bytes){ 0 };
	if (p->acts && !mh_proposal_complete(p, v))
		return -ENOKEY;
	if (n + p->items > MH_ADMIN_ITEMS)
		return -EMSGSIZE;
	ret = all_leaves(p, &leaves);
	if (ret)
		return ret;
	out->p = malloc(MH_ADMIN_MAX);
	out->n = MH_ADMIN_MAX - 16;
	mh_writer_init(&w, out->p, out->n);
	ret = out->p ? write_all(p, v, first, n, (const u8 (*)[MH_HASH_LEN])leaves,
				 &w) : -ENOMEM;
	free(leaves);
	out->n = ret ? 0 : w.len;
	if (ret)
		mh_bytes_free(out);
	return ret;
}

// SPDX-License-Identifier: MIT
/* The form of a proposal; see proposal.h. */
#include "proposal.h"
#include "core/messages.h"

#include <stdlib.h>

#define VERSION 1

static const u8 magic[4] = "MHPR";

void mh_proposal_free(struct mh_proposal *p)
{
	for (unsigned int i = 0; i < p->anchors; i++)
		mh_bytes_free(&p->anchor[i]);
	for (unsigned int i = 0; i < p->acts; i++) {
		mh_bytes_free(&p->act[i].form);
		mh_bytes_free(&p->act[i].replaced);
	}
	for (unsigned int i = 0; i < p->items; i++)
		mh_bytes_free(&p->item[i].bytes);
	free(p->anchor);
	free(p->act);
	free(p->item);
	*p = (struct mh_proposal){ 0 };
}

/* Room for one more of n, in what this pointer points to; doubled at each power of two */
static int grow(void *array, unsigned int n, size_t size)
{
	void *a;

	if (n & (n - 1))
		return 0;
	memcpy(&a, array, sizeof(void *));
	a = realloc(a, (n ? 2 * (size_t)n : 1) * size);
	if (!a)
		return -ENOMEM;
	memcpy(array, &a, sizeof(void *));
	return 0;
}

int mh_proposal_add_anchor(struct mh_proposal *p, struct mh_buf anchor)
{
	int ret;

	if (p->anchors == MH_PROPOSAL_ANCHORS)
		return -E2BIG;
	ret = grow(&p->anchor, p->anchors, sizeof(*p->anchor));
	if (!ret)
		ret = mh_bytes_copy(&p->anchor[p->anchors], anchor.p, anchor.n);
	p->anchors += !ret;
	return ret;
}

/* A statement for the parser: form alone, the signature is a zero */
static int make_form(struct mh_proposal_act *a, struct mh_buf body)
{
	static const u8 zero[MH_SIG_LEN];
	struct mh_writer w;
	int ret;

	if (body.n > MH_STMT_BODY_MAX)
		return -EBADMSG;
	a->form.n = 2 + body.n + 1 + 1 + 2 + 1 + MH_SIG_LEN;
	a->form.p = malloc(a->form.n);
	if (!a->form.p)
		return -ENOMEM;
	mh_writer_init(&w, a->form.p, a->form.n);
	mh_stmt_write_head(&w, body, 0, 1, NULL, 0);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, a->which);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, 0);
	mh_write_bytes(&w, zero, sizeof(zero));
	ret = mh_stmt_parse(&a->s, a->form.p, a->form.n);
	return ret ? -EBADMSG : 0;
}

/* Of the same name, and older */
static int take_replaced(struct mh_proposal_act *a, struct mh_buf replaced)
{
	int ret = mh_bytes_copy(&a->replaced, replaced.p, replaced.n);

	if (ret)
		return ret;
	if (mh_stmt_parse(&a->was, a->replaced.p, a->replaced.n) || a->was.type != a->s.type ||
	    a->s.type == MH_ANCHOR || a->was.serial >= a->s.serial ||
	    memcmp(a->was.region, a->s.region, 32) || !mh_buf_equal(a->was.subject, a->s.subject))
		return -EBADMSG;
	return 0;
}

int mh_proposal_add_act(struct mh_proposal *p, u8 which, struct mh_buf body, struct mh_buf replaced)
{
	struct mh_proposal_act *a;
	int ret;

	if (p->acts == MH_ADMIN_ITEMS)
		return -E2BIG;
	ret = grow(&p->act, p->acts, sizeof(*p->act));
	if (ret)
		return ret;
	a = &p->act[p->acts];
	*a = (struct mh_proposal_act){ .which = which };
	ret = make_form(a, body);
	if (!ret && replaced.n)
		ret = take_replaced(a, replaced);
	if (ret) {
		mh_bytes_free(&a->form);
		mh_bytes_free(&a->replaced);
		return ret;
	}
	p->acts++;
	return 0;
}

int mh_proposal_add_item(struct mh_proposal *p, u8 item, struct mh_buf a, struct mh_buf b)
{
	struct mh_proposal_item *i;
	int ret;

	if (p->items == MH_ADMIN_ITEMS || a.n + b.n > MH_ADMIN_MAX)
		return -E2BIG;
	ret = grow(&p->item, p->items, sizeof(*p->item));
	if (ret)
		return ret;
	i = &p->item[p->items];
	i->item = item;
	i->bytes.n = a.n + b.n;
	i->bytes.p = malloc(i->bytes.n ? i->bytes.n : 1);
	if (!i->bytes.p)
		return -ENOMEM;
	if (a.n)
		memcpy(i->bytes.p, a.p, a.n);
	if (b.n)
		memcpy(i->bytes.p + a.n, b.p, b.n);
	p->items++;
	return 0;
}

int mh_proposal_add_sig(struct mh_proposal *p, const u8 *key, const u8 *sig)
{
	unsigned int at = 0;
	int d = 1;

	while (at < p->sigs && (d = memcmp(p->sig[at].key, key, MH_P256_PUB_LEN)) < 0)
		at++;
	if (at == p->sigs || d) {
		if (p->sigs == MH_PROPOSAL_SIGS)
			return -E2BIG;
		memmove(&p->sig[at + 1], &p->sig[at], (p->sigs++ - at) * sizeof(p->sig[0]));
		memcpy(p->sig[at].key, key, MH_P256_PUB_LEN);
	}
	memcpy(p->sig[at].sig, sig, MH_SIG_LEN);
	return 0;
}

/* ---- read ---- */

static int read_anchors(struct mh_proposal *p, struct mh_reader *r)
{
	u16 n = mh_read_u16(r);
	int ret = n > MH_PROPOSAL_ANCHORS ? -EBADMSG : 0;

	for (u16 i = 0; i < n && !ret && !r->err; i++) {
		struct mh_buf b = mh_read_big(r, MH_STMT_MAX);

		ret = r->err ? -EBADMSG : mh_proposal_add_anchor(p, b);
	}
	return ret;
}

static int read_acts(struct mh_proposal *p, struct mh_reader *r)
{
	u16 n = mh_read_u16(r);
	int ret = n && n <= MH_ADMIN_ITEMS ? 0 : -EBADMSG;

	for (u16 i = 0; i < n && !ret; i++) {
		u8 which = mh_read_u8(r);
		struct mh_buf body = mh_read_big(r, MH_STMT_BODY_MAX),
			      replaced = mh_read_big(r, MH_STMT_MAX);

		ret = r->err || which > MH_SET_RECOVERY ?
			      -EBADMSG :
			      mh_proposal_add_act(p, which, body, replaced);
	}
	return ret;
}

static int read_items(struct mh_proposal *p, struct mh_reader *r)
{
	u16 n = mh_read_u16(r);
	int ret = n <= MH_ADMIN_ITEMS ? 0 : -EBADMSG;

	for (u16 i = 0; i < n && !ret; i++) {
		u8 item = mh_read_u8(r);
		struct mh_buf b = mh_read_big(r, MH_ADMIN_MAX);
		bool known = (item > MH_ITEM_STATEMENT && item <= MH_ITEM_KPF) ||
			     item == MH_PROPOSAL_BUNDLE;

		ret = r->err || !known ? -EBADMSG :
					 mh_proposal_add_item(p, item, b, MH_BUF(NULL, 0));
	}
	p->hosts = mh_read_u32(r);
	return ret;
}

static int read_sigs(struct mh_proposal *p, struct mh_reader *r)
{
	const u8 *before = NULL;
	u8 n = mh_read_u8(r);

	if (n > MH_PROPOSAL_SIGS)
		return -EBADMSG;
	for (u8 i = 0; i < n; i++) {
		struct mh_buf key = mh_read_bytes(r, MH_P256_PUB_LEN),
			      sig = mh_read_bytes(r, MH_SIG_LEN);

		if (r->err || (before && memcmp(before, key.p, MH_P256_PUB_LEN) >= 0))
			return -EBADMSG;
		before = key.p;
		mh_proposal_add_sig(p, key.p, sig.p);
	}
	return 0;
}

static int read_all(struct mh_proposal *p, struct mh_reader *r)
{
	struct mh_buf head = mh_read_bytes(r, sizeof(magic)), region;
	u8 version = mh_read_u8(r);
	int ret;

	if (r->err || memcmp(head.p, magic, sizeof(magic)))
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	p->kind = mh_read_u8(r);
	region = mh_read_bytes(r, 32);
	p->made = mh_read_u64(r);
	if (r->err || !p->kind || p->kind > MH_PROPOSAL_DRILL)
		return -EBADMSG;
	memcpy(p->region, region.p, 32);
	ret = read_anchors(p, r);
	if (!ret && p->kind == MH_PROPOSAL_DRILL) {
		struct mh_buf nonce = mh_read_bytes(r, 32);

		if (r->err)
			return -EBADMSG;
		memcpy(p->nonce, nonce.p, 32);
	} else if (!ret) {
		ret = read_acts(p, r);
		if (!ret)
			ret = read_items(p, r);
	}
	if (!ret)
		ret = read_sigs(p, r);
	return ret ? ret : mh_read_end(r);
}

int mh_proposal_decode(struct mh_proposal *p, struct mh_buf in)
{
	struct mh_reader r;
	int ret;

	*p = (struct mh_proposal){ 0 };
	if (in.n > MH_PROPOSAL_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	ret = read_all(p, &r);
	if (ret)
		mh_proposal_free(p);
	return ret;
}

/* ---- written ---- */

static void write_act(const struct mh_proposal *p, struct mh_writer *w)
{
	mh_write_u16(w, (u16)p->acts);
	for (unsigned int i = 0; i < p->acts; i++) {
		mh_write_u8(w, p->act[i].which);
		mh_write_big(w, p->act[i].s.body);
		mh_write_big(w, mh_bytes_buf(&p->act[i].replaced));
	}
	mh_write_u16(w, (u16)p->items);
	for (unsigned int i = 0; i < p->items; i++) {
		mh_write_u8(w, p->item[i].item);
		mh_write_big(w, mh_bytes_buf(&p->item[i].bytes));
	}
	mh_write_u32(w, p->hosts);
}

static size_t length(const struct mh_proposal *p)
{
	size_t n = 128 + p->sigs * sizeof(p->sig[0]);

	for (unsigned int i = 0; i < p->anchors; i++)
		n += 4 + p->anchor[i].n;
	for (unsigned int i = 0; i < p->acts; i++)
		n += 9 + p->act[i].s.body.n + p->act[i].replaced.n;
	for (unsigned int i = 0; i < p->items; i++)
		n += 5 + p->item[i].bytes.n;
	return n;
}

int mh_proposal_encode(const struct mh_proposal *p, struct mh_bytes *out)
{
	size_t size = length(p);
	struct mh_writer w;

	*out = (struct mh_bytes){ 0 };
	if (size > MH_PROPOSAL_MAX)
		return -EMSGSIZE;
	out->p = malloc(size);
	if (!out->p)
		return -ENOMEM;
	mh_writer_init(&w, out->p, size);
	mh_write_bytes(&w, magic, sizeof(magic));
	mh_write_u8(&w, VERSION);
	mh_write_u8(&w, p->kind);
	mh_write_bytes(&w, p->region, 32);
	mh_write_u64(&w, p->made);
	mh_write_u16(&w, (u16)p->anchors);
	for (unsigned int i = 0; i < p->anchors; i++)
		mh_write_big(&w, mh_bytes_buf(&p->anchor[i]));
	if (p->kind == MH_PROPOSAL_DRILL)
		mh_write_bytes(&w, p->nonce, 32);
	else
		write_act(p, &w);
	mh_write_u8(&w, (u8)p->sigs);
	mh_write_bytes(&w, p->sig, p->sigs * sizeof(p->sig[0]));
	out->n = w.len;
	return w.err;
}

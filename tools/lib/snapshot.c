// SPDX-License-Identifier: MIT
/* A Region's snapshot, and the answers that it gives in a server's place; see snapshot.h. */
#include "snapshot.h"
#include "core/messages.h"

#include <stdlib.h>

#define VERSION		1
#define ANCHORS_MOST	64
#define LIST_MOST	256
#define DEPTH		8	/* groups in groups */

static const u8 magic[4] = "MHSS";

void mh_snapshot_free(struct mh_snapshot *s)
{
	mh_bytes_free(&s->bytes);
	free(s->anchor);
	free(s->entry);
	*s = (struct mh_snapshot){ 0 };
}

/* By type, then by the subject's bytes, a shorter one first */
static int compare(u8 type, struct mh_buf subject, const struct mh_stmt *s)
{
	size_t n = subject.n < s->subject.n ? subject.n : s->subject.n;
	int d = (int)type - (int)s->type;

	if (!d)
		d = memcmp(subject.p, s->subject.p, n);
	if (!d && subject.n != s->subject.n)
		d = subject.n < s->subject.n ? -1 : 1;
	return d;
}

static int read_anchors(struct mh_snapshot *s, struct mh_reader *r)
{
	s->anchors = mh_read_u16(r);
	if (r->err || !s->anchors || s->anchors > MH_SNAPSHOT_ANCHORS)
		return -EBADMSG;
	s->anchor = calloc(s->anchors, sizeof(*s->anchor));
	if (!s->anchor)
		return -ENOMEM;
	for (u32 i = 0; i < s->anchors; i++)
		s->anchor[i] = mh_read_big(r, MH_STMT_MAX);
	return r->err;
}

static int read_entries(struct mh_snapshot *s, struct mh_reader *r)
{
	u32 n = mh_read_u32(r);

	if (r->err || n > r->left / 5)	/* what is there has at least a length and flags */
		return -EBADMSG;
	s->entry = calloc(n ? n : 1, sizeof(*s->entry));
	if (!s->entry)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		struct mh_snapshot_entry *e = &s->entry[i];
		struct mh_buf b = mh_read_big(r, MH_STMT_MAX);

		e->flags = mh_read_u8(r);
		if (r->err || e->flags > 3 || mh_stmt_parse(&e->s, b.p, b.n) ||
		    e->s.type == MH_ANCHOR || memcmp(e->s.region, s->region, 32) ||
		    (i && compare(e->s.type, e->s.subject, &e[-1].s) <= 0))
			return -EBADMSG;
	}
	s->entries = n;
	return mh_read_end(r);
}

static int read_all(struct mh_snapshot *s)
{
	struct mh_reader r;
	struct mh_buf head;
	u8 version;
	int ret;

	mh_reader_init(&r, s->bytes.p, s->bytes.n);
	head = mh_read_bytes(&r, sizeof(magic));
	version = mh_read_u8(&r);
	if (r.err || memcmp(head.p, magic, sizeof(magic)))
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	s->made = mh_read_u64(&r);
	s->region = mh_read_bytes(&r, 32).p;
	s->label = mh_read_v(&r, MH_NAME_MAX);
	s->card = mh_read_big(&r, MH_CARD_MAX);
	s->trust = mh_read_big(&r, 8 * MH_STMT_MAX);
	if (r.err || !mh_name_ok(s->label))
		return -EBADMSG;
	ret = read_anchors(s, &r);
	return ret ? ret : read_entries(s, &r);
}

int mh_snapshot_decode(struct mh_snapshot *s, struct mh_bytes *bytes)
{
	int ret;

	*s = (struct mh_snapshot){ .bytes = *bytes };
	*bytes = (struct mh_bytes){ 0 };
	ret = read_all(s);
	if (ret)
		mh_snapshot_free(s);
	return ret;
}

/* ---- answers ---- */

struct answer {
	const struct mh_snapshot *s;
	u64 now;
	struct mh_writer w;
};

static u8 say(struct answer *a, u8 status, const char *why)
{
	a->w.len = 0;
	mh_write_bytes(&a->w, why, strlen(why));
	return status;
}

/* The first that is not before (type, subject) */
static u32 seek(const struct mh_snapshot *s, u8 type, struct mh_buf subject)
{
	u32 from = 0, to = s->entries;

	while (from < to) {
		u32 mid = from + (to - from) / 2;

		if (compare(type, subject, &s->entry[mid].s) > 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static const struct mh_snapshot_entry *find(const struct mh_snapshot *s, u8 type,
					    struct mh_buf subject)
{
	u32 i = seek(s, type, subject);

	return i < s->entries && !compare(type, subject, &s->entry[i].s) ? &s->entry[i] : NULL;
}

static u8 answer_card(struct answer *a, struct mh_reader *r)
{
	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	mh_write_bytes(&a->w, a->s->card.p, a->s->card.n);
	return MH_ADMIN_OK;
}

/* Of the one at i, not i + 1 after a recovery.  0: it is no statement, which who reads it finds */
static u64 anchor_serial(const struct mh_snapshot *s, u32 i)
{
	struct mh_stmt anchor;

	return mh_stmt_parse(&anchor, s->anchor[i].p, s->anchor[i].n) ? 0 : anchor.serial;
}

static u8 answer_regions(struct answer *a, struct mh_reader *r)
{
	struct mh_buf label = mh_read_v(r, MH_NAME_MAX);
	bool named;

	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	named = !label.n || mh_buf_equal(label, a->s->label);
	mh_write_u16(&a->w, named);
	if (!named)
		return MH_ADMIN_OK;
	mh_write_bytes(&a->w, a->s->region, 32);
	mh_write_v(&a->w, a->s->label.p, a->s->label.n);
	mh_write_u64(&a->w, anchor_serial(a->s, a->s->anchors - 1));
	return MH_ADMIN_OK;
}

static u8 answer_anchors(struct answer *a, struct mh_reader *r)
{
	u64 from = mh_read_u64(r);
	u16 n = 0;

	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	mh_write_u16(&a->w, 0);
	for (u32 i = 0; i < a->s->anchors && n < ANCHORS_MOST; i++)
		if (anchor_serial(a->s, i) >= from) {
			mh_write_big(&a->w, a->s->anchor[i]);
			n++;
		}
	mh_put16(a->w.p, n);
	return MH_ADMIN_OK;
}

static u8 answer_trust(struct answer *a, struct mh_reader *r)
{
	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	if (!a->s->trust.n)
		return say(a, MH_ADMIN_NOTFOUND, "the server had no DELEGATION that held");
	mh_write_bytes(&a->w, a->s->trust.p, a->s->trust.n);
	return MH_ADMIN_OK;
}

static u8 answer_get(struct answer *a, struct mh_reader *r)
{
	const u8 type = mh_read_u8(r);
	const struct mh_buf subject = mh_read_v(r, MH_SUBJECT_MAX);
	const struct mh_snapshot_entry *e;

	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	e = find(a->s, type, subject);
	if (!e)
		return say(a, MH_ADMIN_NOTFOUND, "no such statement");
	mh_write_big(&a->w, e->s.bytes);
	return MH_ADMIN_OK;
}

static u8 answer_list(struct answer *a, struct mh_reader *r)
{
	const struct mh_snapshot *s = a->s;
	const u8 type = mh_read_u8(r);
	const struct mh_buf prefix = mh_read_v(r, MH_SUBJECT_MAX),
			    after = mh_read_v(r, MH_SUBJECT_MAX);
	u16 n = 0;

	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	mh_write_u16(&a->w, 0);
	for (u32 i = seek(s, type, after.n ? after : prefix);
	     i < s->entries && s->entry[i].s.type == type && n < LIST_MOST; i++) {
		const struct mh_stmt *st = &s->entry[i].s;

		if ((after.n && !compare(type, after, st)) || st->subject.n < prefix.n ||
		    memcmp(st->subject.p, prefix.p, prefix.n))
			continue;
		mh_write_big(&a->w, st->bytes);
		mh_write_u8(&a->w, s->entry[i].flags);
		n++;
	}
	mh_put16(a->w.p, n);
	return MH_ADMIN_OK;
}

static bool holds(const struct answer *a, const struct mh_snapshot_entry *e)
{
	return e && !(e->flags & 1) && !mh_stmt_valid_at(&e->s, a->now);
}

/* A group that it is in has the right, or one that this is in */
static bool may_fetch(const struct answer *a, u8 kind, struct mh_buf name, struct mh_buf dataset,
		      unsigned int depth)
{
	const struct mh_snapshot *s = a->s;

	for (u32 i = seek(s, MH_MEMBER, MH_BUF("", 0));
	     i < s->entries && s->entry[i].s.type == MH_MEMBER; i++) {
		const struct mh_snapshot_entry *m = &s->entry[i], *g;
		struct mh_buf group = m->s.subject;

		if (group.n <= name.n || group.p[group.n - name.n - 1] != '/' ||
		    memcmp(group.p + group.n - name.n, name.p, name.n) ||
		    mh_stmt_num(&m->s, MH_A_MEMBER_KIND) != kind || !holds(a, m))
			continue;
		group.n -= name.n + 1;
		g = find(s, MH_GROUP, group);
		if (!holds(a, g))
			continue;
		if ((mh_group_rights(&g->s, dataset) & MH_RIGHT_FETCH) ||
		    (depth && may_fetch(a, 2, group, dataset, depth - 1)))
			return true;
	}
	return false;
}

static u8 answer_entitled(struct answer *a, struct mh_reader *r)
{
	const struct mh_snapshot *s = a->s;
	const struct mh_buf dataset = mh_read_v(r, MH_DATASET_MAX);
	u16 n = 0;

	if (mh_read_end(r))
		return MH_ADMIN_MALFORMED;
	mh_write_u16(&a->w, 0);
	for (u32 i = seek(s, MH_ENTITY, MH_BUF("", 0));
	     i < s->entries && s->entry[i].s.type == MH_ENTITY; i++) {
		const struct mh_stmt *st = &s->entry[i].s;

		if (!holds(a, &s->entry[i]) || !may_fetch(a, 1, st->subject, dataset, DEPTH))
			continue;
		if (++n == UINT16_MAX)
			return say(a, MH_ADMIN_FAILED, "more hosts than an answer has room for");
		mh_write_v(&a->w, st->subject.p, st->subject.n);
		mh_write_bytes(&a->w, mh_stmt_attr(st, MH_A_KEC_KID).p, 32);
	}
	mh_put16(a->w.p, n);
	return MH_ADMIN_OK;
}

int mh_snapshot_call(const struct mh_snapshot *s, u8 op, struct mh_buf body, u64 now, u8 *status,
		     struct mh_bytes *reply)
{
	static const struct {
		u8 (*answer)(struct answer *a, struct mh_reader *r);
		bool region;	/* its region_id comes first */
	} ops[] = {
		[MH_ADMIN_CARD] = { answer_card, false },
		[MH_ADMIN_REGIONS] = { answer_regions, false },
		[MH_ADMIN_ANCHORS] = { answer_anchors, true },
		[MH_ADMIN_TRUST] = { answer_trust, true },
		[MH_ADMIN_GET] = { answer_get, true },
		[MH_ADMIN_LIST] = { answer_list, true },
		[MH_ADMIN_ENTITLED] = { answer_entitled, true },
	};
	struct answer a = { .s = s, .now = now };
	struct mh_buf region = { 0 };
	struct mh_reader r;

	*reply = (struct mh_bytes){ 0 };
	if (op >= ARRAY_SIZE(ops) || !ops[op].answer)
		return -EOPNOTSUPP;
	reply->p = malloc(MH_ADMIN_MAX + 1);
	if (!reply->p)
		return -ENOMEM;
	mh_writer_init(&a.w, reply->p, MH_ADMIN_MAX);
	mh_reader_init(&r, body.p, body.n);
	if (ops[op].region)
		region = mh_read_bytes(&r, 32);
	if (region.p && memcmp(region.p, s->region, 32))
		*status = say(&a, MH_ADMIN_NOTFOUND, "no such Region in the snapshot");
	else
		*status = ops[op].answer(&a, &r);
	if (a.w.err)
		*status = MH_ADMIN_FAILED;
	reply->n = a.w.err ? 0 : a.w.len;
	reply->p[reply->n] = 0;		/* messages are printed */
	return 0;
}

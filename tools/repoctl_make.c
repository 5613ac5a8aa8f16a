// SPDX-License-Identifier: MIT
/* What repoctl makes: statements, and what goes with them; signed as one batch, submitted. */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>

int rc_begin(struct rc *rc, struct rc_maker *m, u8 type, const char *subject, u64 life)
{
	return rc_begin_from(rc, m, type, subject, 0, (u64)time(NULL), life);
}

int rc_begin_from(struct rc *rc, struct rc_maker *m, u8 type, const char *subject, u64 nth,
		  u64 from, u64 life)
{
	u64 serial;
	int ret = rc_next_serial(rc, type, subject, &serial);

	if (ret)
		return ret;
	mh_writer_init(&m->w, m->body, sizeof(m->body));
	mh_stmt_begin(&m->w, type, rc->region, rc->anchor.leaf, mh_text(subject),
		      serial + nth, (u64)time(NULL), from, from + life);
	return 0;
}

int rc_proposal_failed(int ret, const struct mh_proposal_view *v)
{
	switch (ret) {
	case -ENOMEM:
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	case -E2BIG:
	case -EMSGSIZE:
		return mh_fail(MH_EXIT_USAGE, "too much for one submission (%u MiB)",
			       MH_ADMIN_MAX >> 20);
	case -ENOKEY:
		return mh_fail(MH_EXIT_DENIED, "too few officers have signed");
	}
	return mh_fail(MH_EXIT_BAD_INPUT, "the proposal is refused: %s",
		       v && v->why ? v->why : "it is malformed");
}

/* ---- what a proposal tells beside ---- */

static void touch(struct rc *rc, struct mh_buf name)
{
	char text[MH_NAME_MAX + 1];

	if (name.n > MH_NAME_MAX)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	json_object_set_new(rc->hosts, text, json_true());
}

static json_t *touch_listed(const struct mh_stmt *s, u8 flags)
{
	return flags & 1 ? json_null() : json_stringn((const char *)s->subject.p, s->subject.n);
}

/* Every host that is enrolled */
static int touch_all(struct rc *rc)
{
	json_t *list = NULL, *name;
	size_t i;
	int ret = rc_list(rc, MH_ENTITY, touch_listed, &list);

	json_array_foreach(list, i, name)
		if (json_is_string(name))
			json_object_set_new(rc->hosts, json_string_value(name), json_true());
	json_decref(list);
	return ret;
}

/* Those that may fetch it now */
static int touch_entitled(struct rc *rc, struct mh_buf dataset)
{
	char name[MH_DATASET_MAX + 1];
	struct mh_bytes reply;
	struct mh_reader r;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)dataset.n, dataset.p);
	ret = rc_entitled(rc, name, &reply);
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	for (u16 n = mh_read_u16(&r); n && !r.err; n--) {
		struct mh_buf host = mh_read_v(&r, MH_NAME_MAX);

		mh_read_bytes(&r, 32);
		if (!r.err)
			touch(rc, host);
	}
	mh_bytes_free(&reply);
	return 0;
}

int rc_touches(struct rc *rc, const struct mh_stmt *s)
{
	const u8 *cut;

	if (!rc->hosts)
		rc->hosts = json_object();
	switch (s->type == MH_REVOKE ? mh_stmt_num(s, MH_A_TARGET_TYPE) : s->type) {
	case MH_ENTITY:
		touch(rc, s->subject);
		return 0;
	case MH_MEMBER:
		cut = memchr(s->subject.p, '/', s->subject.n);
		touch(rc, MH_BUF(cut + 1, s->subject.n - (size_t)(cut + 1 - s->subject.p)));
		return 0;
	case MH_POLICY:
	case MH_DATASET:
		return touch_entitled(rc, s->subject);
	case MH_INSTANCE:
		cut = memrchr(s->subject.p, '@', s->subject.n);
		return touch_entitled(rc, MH_BUF(s->subject.p, (size_t)(cut - s->subject.p)));
	case MH_ANCHOR:
	case MH_DELEGATION:
		return touch_all(rc);
	}
	rc->hosts_unknown |= s->type != MH_GROUP;
	return 0;
}

/* What it takes the place of; bytes are the caller's */
static int replaced(struct rc *rc, const struct mh_stmt *s, struct mh_bytes *bytes)
{
	char subject[MH_SUBJECT_MAX + 1];
	struct mh_stmt was;
	int ret;

	snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_get(rc, s->type, subject, bytes, &was);
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

static int add_proposed(struct rc *rc, u8 which, struct mh_buf body)
{
	struct mh_proposal one = { 0 };
	struct mh_bytes was = { 0 };
	int ret = mh_proposal_add_act(&one, which, body, MH_BUF(NULL, 0)), code = 0;

	if (!ret && one.act[0].s.type != MH_ANCHOR && rc->p.anchors)
		code = replaced(rc, &one.act[0].s, &was);
	if (!ret && !code && rc->p.anchors)
		code = rc_touches(rc, &one.act[0].s);
	mh_proposal_free(&one);
	if (!ret && !code)
		ret = mh_proposal_add_act(&rc->p, which, body, mh_bytes_buf(&was));
	mh_bytes_free(&was);
	return code ? code : ret;
}

/* ---- made ---- */

int rc_act(struct rc *rc, u8 which, struct rc_maker *m, u8 leaf[MH_HASH_LEN])
{
	const struct mh_buf body = MH_BUF(m->body, m->w.len);
	int ret;

	if (m->w.err)
		return mh_fail(MH_EXIT_USAGE, "the statement is too long");
	ret = rc->propose ? add_proposed(rc, which, body) :
			    mh_proposal_add_act(&rc->p, which, body, MH_BUF(NULL, 0));
	/* what the hostile-input parser refuses is never signed */
	if (ret == -EBADMSG)
		return mh_fail(MH_EXIT_USAGE,
			       "a name or value is not allowed in a statement (names are a-z 0-9 . "
			       "_ -)");
	if (ret)
		return ret > 0 ? ret : rc_proposal_failed(ret, NULL);
	if (leaf)
		memcpy(leaf, rc->p.act[rc->p.acts - 1].s.leaf, MH_HASH_LEN);
	return 0;
}

int rc_end(struct rc *rc, struct rc_maker *m, u8 leaf[MH_HASH_LEN])
{
	return rc_act(rc, MH_SET_SIGNER, m, leaf);
}

int rc_item(struct rc *rc, u8 item, struct mh_buf a, struct mh_buf b)
{
	int ret = mh_proposal_add_item(&rc->p, item, a, b);

	return ret ? rc_proposal_failed(ret, NULL) : 0;
}

static int sign_one(struct rc *rc, struct mh_proposal *p, struct mh_proposal_view *v,
		    unsigned int i)
{
	const u8 *key = mh_officer_public(rc->officer[i]);
	u8 sig[MH_SIG_LEN];
	int ret;

	if (mh_officer_sign(rc->officer[i], v->digest, sig))
		return mh_fail(MH_EXIT_FAILED, "%s: signing failed", rc->key_path[i]);
	ret = mh_proposal_add_sig(p, key, sig);
	return ret ? rc_proposal_failed(ret, v) : 0;
}

int rc_sign(struct rc *rc, struct mh_proposal_view *v)
{
	struct mh_proposal *p = &rc->p;
	int ret;

	p->kind = p->kind ? p->kind : MH_PROPOSAL_ACT;
	p->made = p->made ? p->made : (u64)time(NULL);
	memcpy(p->region, rc->region, 32);
	ret = mh_proposal_check(p, v);
	if (ret)
		return rc_proposal_failed(ret, v);
	for (unsigned int i = 0; i < rc->keys && !ret; i++)
		if (mh_proposal_may_sign(v, mh_officer_public(rc->officer[i])))
			ret = sign_one(rc, p, v, i);
		else if (rc->propose || p->kind == MH_PROPOSAL_DRILL)
			ret = mh_fail(MH_EXIT_DENIED, "%s: not a key of this Region's officers",
				      rc->key_path[i]);
	for (u8 k = 0; k < v->needs && !ret && !rc->propose && p->acts; k++)
		if (mh_proposal_lacks(p, &v->need[k]))
			ret = rc_too_few(v->need[k].which, v->need[k].q.m,
					 v->need[k].q.m - mh_proposal_lacks(p, &v->need[k]));
	return ret;
}

int rc_submit_some(struct rc *rc, const struct mh_proposal_view *v, unsigned int first,
		   unsigned int n)
{
	struct mh_bytes body, reply;
	int ret = mh_proposal_submission(&rc->p, v, first, n, &body);

	if (ret)
		return rc_proposal_failed(ret, v);
	ret = rc_call(rc, MH_ADMIN_SUBMIT, mh_bytes_buf(&body), &reply);
	if (!ret)
		mh_bytes_free(&reply);
	mh_bytes_free(&body);
	return ret;
}

int rc_submit_batch(struct rc *rc, const struct mh_proposal_view *v)
{
	return rc_submit_some(rc, v, 0, rc->p.acts);
}

int rc_submit(struct rc *rc)
{
	struct mh_proposal_view v;
	int ret = rc_sign(rc, &v);

	if (ret)
		return ret;
	return rc->propose ? rc_propose(rc) : rc_submit_batch(rc, &v);
}

// SPDX-License-Identifier: MIT
/* repoctl region export, and --offline: a Region as a server showed it, where there is none. */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>

/* ---- the file in the daemon's place ---- */

static int open_snapshot(struct rc *rc)
{
	struct mh_bytes bytes;
	char made[24];
	int ret = mh_armour_read(rc->offline, MH_SNAPSHOT_ARMOUR, MH_SNAPSHOT_MAX, &bytes);

	if (!ret)
		ret = mh_snapshot_decode(&rc->snapshot, &bytes);
	if (ret == -EBADMSG || ret == -EPROTONOSUPPORT)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a Region's snapshot of this release",
			       rc->offline);
	if (ret)
		return mh_fail_file(rc->offline, ret);
	mh_time_text(rc->snapshot.made, made);
	mh_note("%s: the Region as it was %s", rc->offline, made);
	return 0;
}

int rc_offline_call(struct rc *rc, u8 op, struct mh_buf body, u8 *status, struct mh_bytes *reply)
{
	int ret = rc->snapshot.bytes.n ? 0 : open_snapshot(rc);

	if (ret)
		return ret;
	ret = mh_snapshot_call(&rc->snapshot, op, body, (u64)time(NULL), status, reply);
	if (ret == -EOPNOTSUPP)
		return mh_fail(MH_EXIT_UNREACHABLE,
			       "this needs the server: it cannot be done with --offline");
	return ret ? mh_fail(MH_EXIT_FAILED, "out of memory") : 0;
}

/* ---- export ---- */

struct export {
	struct mh_bytes out;	/* n of p's room bytes are written */
	size_t room;
	u32 statements;
};

static int add(struct export *x, const void *p, size_t n)
{
	u8 *more;

	if (x->out.n + n > MH_SNAPSHOT_MAX)
		return mh_fail(MH_EXIT_FAILED,
			       "the Region is too large for a snapshot (%u MiB): make proposals "
			       "where the server is",
			       MH_SNAPSHOT_MAX >> 20);
	if (x->out.n + n > x->room) {
		x->room = 2 * (x->out.n + n);
		more = realloc(x->out.p, x->room);
		if (!more)
			return mh_fail(MH_EXIT_FAILED, "out of memory");
		x->out.p = more;
	}
	if (n && x->out.p)
		memcpy(x->out.p + x->out.n, p, n);
	x->out.n += n;
	return 0;
}

static int add_big(struct export *x, struct mh_buf b)
{
	u8 len[4];
	int ret;

	mh_put32(len, (u32)b.n);
	ret = add(x, len, sizeof(len));
	return ret ? ret : add(x, b.p, b.n);
}

static int add_statement(void *ctx, const struct mh_stmt *s, u8 flags)
{
	struct export *x = ctx;
	int ret = add_big(x, s->bytes);

	x->statements++;
	return ret ? ret : add(x, &flags, 1);
}

static int add_head(struct rc *rc, struct export *x)
{
	u8 head[4 + 1 + 8 + 32] = "MHSS\1", label[2 + MH_NAME_MAX];
	struct mh_bytes card = { 0 }, trust = { 0 };
	struct mh_writer w;
	struct mh_card c;
	int ret = rc_card(rc, &card, &c);

	mh_put64(head + 5, (u64)time(NULL));
	memcpy(head + 13, rc->region, 32);
	mh_writer_init(&w, label, sizeof(label));
	mh_write_v(&w, rc->anchor.subject.p, rc->anchor.subject.n);
	if (!ret && w.err)
		ret = mh_fail(MH_EXIT_BAD_INPUT, "the Region's label is too long");
	/* one whose DELEGATIONs have ended is told so, and exported to make others */
	if (!ret)
		ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), &trust);
	if (ret == MH_EXIT_NOTFOUND)
		ret = 0;
	if (!ret)
		ret = add(x, head, sizeof(head));
	if (!ret)
		ret = add(x, label, w.len);
	if (!ret)
		ret = add_big(x, mh_bytes_buf(&card));
	if (!ret)
		ret = add_big(x, mh_bytes_buf(&trust));
	mh_bytes_free(&card);
	mh_bytes_free(&trust);
	return ret;
}

static int add_all(struct rc *rc, struct export *x)
{
	static const u8 types[] = { MH_DELEGATION, MH_ENTITY, MH_GROUP,	   MH_MEMBER,
				    MH_DATASET,	   MH_POLICY, MH_INSTANCE, MH_REVOKE };
	u8 n[4] = { 0 };
	size_t at;
	int ret = add_head(rc, x);

	mh_put16(n, (u16)rc->p.anchors);
	if (!ret)
		ret = add(x, n, 2);
	for (unsigned int i = 0; i < rc->p.anchors && !ret; i++)
		ret = add_big(x, mh_bytes_buf(&rc->p.anchor[i]));
	at = x->out.n;
	if (!ret)
		ret = add(x, n, 4);
	for (size_t i = 0; i < ARRAY_SIZE(types) && !ret; i++)
		ret = rc_each(rc, types[i], add_statement, x);
	if (!ret)
		mh_put32(x->out.p + at, x->statements);
	return ret;
}

int rc_region_export(struct rc *rc, const struct rc_args *a)
{
	const char *path = a->operand[0];
	struct export x = { 0 };
	char fingerprint[MH_FINGERPRINT_LEN];
	int ret = rc_open_region(rc);

	if (!ret)
		ret = add_all(rc, &x);
	if (!ret) {
		ret = mh_armour_write(path, MH_SNAPSHOT_ARMOUR, x.out.p, x.out.n, false, 0644);
		ret = ret ? mh_fail_file(path, ret) : 0;
	}
	mh_fingerprint(rc->region, fingerprint);
	if (!ret && strcmp(path, "-") && rc->json)
		rc_print(json_pack("{s:s,s:s%,s:s,s:I,s:I}", "file", path, "region",
				   rc->anchor.subject.p, rc->anchor.subject.n, "fingerprint",
				   fingerprint, "anchor", (json_int_t)rc->anchor.serial,
				   "statements", (json_int_t)x.statements));
	else if (!ret && strcmp(path, "-"))
		printf("%s: Region %.*s, fingerprint %s, ANCHOR %llu, %u statements\n", path,
		       (int)rc->anchor.subject.n, rc->anchor.subject.p, fingerprint,
		       (unsigned long long)rc->anchor.serial, x.statements);
	mh_bytes_free(&x.out);
	return ret;
}

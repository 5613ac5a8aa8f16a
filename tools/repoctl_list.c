// SPDX-License-Identifier: MIT
/* Lists of statements, for people and for machines. */
#include "repoctl.h"

#include <time.h>

/* Newest statements of a type whose subject begins with prefix and comes after another */
static int ask(struct rc *rc, u8 type, struct mh_buf prefix, const char *after,
	       struct mh_bytes *reply)
{
	u8 body[32 + 1 + 2 + MH_SUBJECT_MAX + 2 + MH_SUBJECT_MAX];
	struct mh_writer w;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, rc->region, 32);
	mh_write_u8(&w, type);
	mh_write_v(&w, prefix.p, prefix.n);
	mh_write_v(&w, after, strlen(after));
	return rc_call(rc, MH_ADMIN_LIST, MH_BUF(body, w.len), reply);
}

static int next(struct mh_reader *r, struct mh_stmt *s, u8 *flags)
{
	struct mh_buf b = mh_read_big(r, MH_STMT_MAX);

	*flags = mh_read_u8(r);
	if (r->err || mh_stmt_parse(s, b.p, b.n))
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's list is malformed");
	return 0;
}

int rc_each(struct rc *rc, u8 type, int (*fn)(void *ctx, const struct mh_stmt *s, u8 flags),
	    void *ctx)
{
	char after[MH_SUBJECT_MAX + 1] = "";
	struct mh_bytes reply;
	int ret;
	u16 n;

	do {
		struct mh_reader r;

		ret = ask(rc, type, MH_BUF(NULL, 0), after, &reply);
		if (ret)
			return ret;
		mh_reader_init(&r, reply.p, reply.n);
		n = mh_read_u16(&r);
		for (u16 i = 0; i < n && !ret; i++) {
			struct mh_stmt s = { 0 };
			u8 flags = 0;

			ret = next(&r, &s, &flags);
			if (ret)
				break;
			snprintf(after, sizeof(after), "%.*s", (int)s.subject.n, s.subject.p);
			ret = fn(ctx, &s, flags);
		}
		mh_bytes_free(&reply);
	} while (!ret && n == 256);
	return ret;
}

struct listing {
	json_t *(*make)(const struct mh_stmt *s, u8 flags);
	json_t *out;
};

static int append(void *ctx, const struct mh_stmt *s, u8 flags)
{
	struct listing *l = ctx;

	json_array_append_new(l->out, l->make(s, flags));
	return 0;
}

int rc_list(struct rc *rc, u8 type, json_t *(*make)(const struct mh_stmt *s, u8 flags),
	    json_t **out)
{
	struct listing l = { make, json_array() };

	*out = l.out;
	return rc_each(rc, type, append, &l);
}

/* The server says that it does not hold: since a REVOKE took it, or min_anchor its signers */
static int why_not(struct rc *rc, const struct mh_stmt *s, enum rc_standing *out)
{
	char subject[MH_SUBJECT_MAX + 1];
	u64 up_to = 0;
	int ret = 0;

	*out = RC_REVOKED;
	if (rc_verify(rc, s) != -EKEYREVOKED)
		return 0;
	snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_revoked_up_to(rc, s->type, subject, &up_to);
	if (!ret && up_to < s->serial)
		*out = RC_VOID;
	return ret;
}

int rc_standing(struct rc *rc, const struct mh_stmt *s, enum rc_standing *out)
{
	struct mh_bytes reply;
	struct mh_reader r;
	struct mh_stmt first;
	u8 flags = 0;
	int ret = ask(rc, s->type, s->subject, "", &reply);
	bool same;

	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	/* of all names that begin with this one, it is the first */
	same = mh_read_u16(&r) > 0;
	if (same)
		ret = next(&r, &first, &flags);
	if (same && !ret)
		same = !memcmp(first.leaf, s->leaf, MH_HASH_LEN);
	mh_bytes_free(&reply);
	if (!ret && !same)
		ret = mh_fail(MH_EXIT_CONFLICT,
			      "%.*s was changed by somebody else meanwhile: run it again",
			      (int)s->subject.n, s->subject.p);
	if (ret)
		return ret;
	if (flags & 1)
		return why_not(rc, s, out);
	*out = mh_stmt_valid_at(s, (u64)time(NULL)) == -EKEYEXPIRED ? RC_ENDED : RC_HOLDS;
	return 0;
}

int rc_must_hold(struct rc *rc, const struct mh_stmt *s, const struct rc_rest *on)
{
	enum rc_standing standing;
	char ended[24];
	int ret = rc_standing(rc, s, &standing);

	if (ret || standing == RC_HOLDS)
		return ret;
	if (standing == RC_REVOKED)
		return mh_fail(MH_EXIT_REVOKED, "%s %.*s is revoked: nothing was %s; %s", on->what,
			       (int)s->subject.n, s->subject.p, on->done, on->revoked);
	if (standing == RC_VOID)
		return mh_fail(MH_EXIT_REVOKED,
			       "%s %.*s is void, as all that was signed before the ANCHOR that says "
			       "so: nothing was %s; %s",
			       on->what, (int)s->subject.n, s->subject.p, on->done, on->ended);
	mh_time_text(s->not_after, ended);
	return mh_fail(MH_EXIT_DENIED, "%s %.*s: its validity ended %s: nothing was %s; %s",
		       on->what, (int)s->subject.n, s->subject.p, ended, on->done, on->ended);
}

int rc_holds(struct rc *rc, u8 type, const char *subject)
{
	enum rc_standing standing = RC_HOLDS;
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get(rc, type, subject, &bytes, &s);

	if (ret == MH_EXIT_NOTFOUND)
		mh_fail(ret, "the server does not have %s, which it just took", subject);
	if (!ret)
		ret = rc_standing(rc, &s, &standing);
	if (standing == RC_REVOKED)
		ret = mh_fail(MH_EXIT_REVOKED,
			      "%s is signed, and of no effect: a REVOKE takes serial %llu too; take "
			      "another name",
			      subject, (unsigned long long)s.serial);
	mh_bytes_free(&bytes);
	return ret;
}

void rc_print_rows(struct rc *rc, json_t *list, const char *const *columns, unsigned int n)
{
	size_t i;
	json_t *row;

	if (rc->json) {
		rc_print(list);
		return;
	}
	json_array_foreach(list, i, row) {
		for (unsigned int c = 0; c < n; c++) {
			json_t *v = json_object_get(row, columns[c]);

			if (json_is_integer(v))
				printf("%-8lld", (long long)json_integer_value(v));
			else
				printf(c + 1 < n ? "%-32s " : "%s", json_string_value(v));
		}
		putchar('\n');
	}
	json_decref(list);
}

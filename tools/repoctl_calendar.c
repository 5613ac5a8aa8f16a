// SPDX-License-Identifier: MIT
/*
 * repoctl calendar: what ends when.  What all of the Region hangs on (ANCHOR, DELEGATIONs of serve
 * and freshness, EPOCH) is told one by one; past half of its life, the exit status says so, so that
 * a timer can wake somebody in office hours.  The rest is counted, by the day of its end.
 */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>

#define DAY	86400ull
#define OVER	UINT64_MAX	/* instead of a day: it has ended */

/* What ends on one day, of one type */
struct day {
	u8 type;
	u64 day, until, count;
	char first[MH_SUBJECT_MAX + 1];
};

struct calendar {
	u64 now;
	json_t *rows;
	struct mh_card card;	/* views into bytes */
	struct mh_bytes card_bytes;
	bool due;		/* something that the service hangs on */
	struct day *day;
	size_t days, room;
	int err;
};

/* rc_list()'s callback has no argument */
static struct calendar *counting;

/* ---- rows ---- */

static json_t *row(const struct calendar *c, const char *type, struct mh_buf name, u64 until)
{
	char text[24];

	mh_time_text(until, text);
	return json_pack("{s:s,s:s%,s:n,s:n,s:n,s:s,s:I,s:i,s:b}", "type", type, "name", name.p,
			 name.n, "role", "serial", "from", "until", text, "left",
			 (json_int_t)(until - c->now), "count", 1, "past-half", 0);
}

static void add(struct calendar *c, json_t *r)
{
	if (!r || json_array_append_new(c->rows, r))
		c->err = -ENOMEM;
}

/* From its signing to its end, half is over. */
static bool past_half(const struct calendar *c, const struct mh_stmt *s)
{
	return s->not_after < s->issued ||
	       c->now > s->issued + (s->not_after - s->issued) / 2;
}

static void add_service(struct calendar *c, const char *type, const struct mh_stmt *s)
{
	json_t *r = row(c, type, s->subject, s->not_after);

	if (past_half(c, s)) {
		json_object_set_new(r, "past-half", json_true());
		c->due = true;
	}
	add(c, r);
}

/* ---- DELEGATIONs ---- */

struct delegations {
	struct mh_bytes reply;
	struct mh_stmt *s;	/* views into it */
	u16 n;
};

static int read_delegations(struct rc *rc, struct delegations *d)
{
	struct mh_reader r;
	int ret = rc_call(rc, MH_ADMIN_DELEGATIONS, MH_BUF(rc->region, 32), &d->reply);
	u16 n;

	if (ret)
		return ret;
	mh_reader_init(&r, d->reply.p, d->reply.n);
	n = mh_read_u16(&r);
	d->s = calloc(n ? n : 1, sizeof(*d->s));
	if (!d->s)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	for (; d->n < n; d->n++) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);

		if (r.err || mh_stmt_parse(&d->s[d->n], b.p, b.n) ||
		    d->s[d->n].type != MH_DELEGATION)
			return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's list is malformed");
	}
	return 0;
}

static bool is_service(const struct mh_stmt *s)
{
	u64 role = mh_stmt_num(s, MH_A_ROLE);

	return role == MH_ROLE_SERVE || role == MH_ROLE_FRESHNESS;
}

/* Another takes over from it: one of the same subject, later, that begins before this one ends */
static const struct mh_stmt *successor(const struct delegations *d, const struct mh_stmt *s)
{
	const struct mh_stmt *found = NULL;

	for (u16 i = 0; i < d->n; i++) {
		const struct mh_stmt *o = &d->s[i];

		if (mh_buf_equal(o->subject, s->subject) && o->serial > s->serial &&
		    o->not_before <= s->not_after + 1 &&
		    (!found || o->not_before < found->not_before))
			found = o;
	}
	return found;
}

/* One that is replaced already is not told: it ends nothing. */
static bool is_replaced(const struct calendar *c, const struct delegations *d,
			const struct mh_stmt *s)
{
	for (u16 i = 0; i < d->n; i++)
		if (mh_buf_equal(d->s[i].subject, s->subject) && d->s[i].serial > s->serial &&
		    d->s[i].not_before <= c->now)
			return true;
	return false;
}

/* The server that is asked */
static bool is_own(const struct calendar *c, const struct mh_stmt *s)
{
	const u8 *key = mh_stmt_attr(s, MH_A_KEY).p;

	return !memcmp(key, c->card.sp2, MH_P256_PUB_LEN) ||
	       !memcmp(key, c->card.fresh, MH_P256_PUB_LEN);
}

static void add_delegation(struct calendar *c, const struct delegations *d,
			   const struct mh_stmt *s)
{
	static const char *const roles[] = {
		[MH_ROLE_SERVE] = "serve", [MH_ROLE_FRESHNESS] = "freshness",
		[MH_ROLE_GENERATE] = "generate", [MH_ROLE_CERTIFY] = "certify",
		[MH_ROLE_ENROL] = "enrol", [MH_ROLE_SUSPEND] = "suspend",
	};
	const u64 role = mh_stmt_num(s, MH_A_ROLE);
	/* who signed ahead is not told of each: what ends is the last of them */
	const bool half = past_half(c, s) && !successor(d, s);
	json_t *r = row(c, "DELEGATION", s->subject, s->not_after);
	char from[24];

	mh_time_text(s->not_before, from);
	json_object_set_new(r, "role", json_string(role < ARRAY_SIZE(roles) && roles[role] ?
						   roles[role] : "another"));
	json_object_set_new(r, "serial", json_integer((json_int_t)s->serial));
	json_object_set_new(r, "from", json_string(from));
	json_object_set_new(r, "past-half", json_boolean(half));
	/* of another server that has ended nobody waits for more */
	c->due = c->due || (half && is_service(s) && (is_own(c, s) || s->not_after >= c->now));
	add(c, r);
}

/* The server that is asked has both roles now. */
static void add_missing(struct calendar *c, const struct delegations *d)
{
	static const struct {
		u8 role;
		const char *name;
	} roles[] = { { MH_ROLE_SERVE, "serve" }, { MH_ROLE_FRESHNESS, "freshness" } };

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		const u8 *key = roles[i].role == MH_ROLE_SERVE ? c->card.sp2 : c->card.fresh;
		bool there = false;
		json_t *r;

		for (u16 k = 0; k < d->n; k++)
			there = there ||
				(mh_stmt_num(&d->s[k], MH_A_ROLE) == roles[i].role &&
				 !memcmp(mh_stmt_attr(&d->s[k], MH_A_KEY).p, key, MH_P256_PUB_LEN));
		if (there)
			continue;
		r = row(c, "DELEGATION", c->card.name, c->now);
		json_object_set_new(r, "role", json_string(roles[i].name));
		json_object_set_new(r, "count", json_integer(0));
		json_object_set_new(r, "past-half", json_true());
		c->due = true;
		add(c, r);
	}
}

/* Newest of the series that this DELEGATION lets its key sign */
static int add_epoch(struct rc *rc, struct calendar *c, const struct mh_stmt *s)
{
	char subject[MH_SUBJECT_MAX + 1];
	struct mh_bytes b = { 0 };
	struct mh_stmt epoch;
	int ret;

	snprintf(subject, sizeof(subject), "%.*s", (int)s->subject.n, s->subject.p);
	ret = rc_get(rc, MH_EPOCH, subject, &b, &epoch);
	if (!ret)
		add_service(c, "EPOCH", &epoch);
	mh_bytes_free(&b);
	return ret == MH_EXIT_NOTFOUND ? 0 : ret;
}

static int add_delegations(struct rc *rc, struct calendar *c)
{
	struct delegations d = { 0 };
	int ret = read_delegations(rc, &d);

	if (!ret)
		ret = rc_card(rc, &c->card_bytes, &c->card);
	for (u16 i = 0; i < d.n && !ret; i++) {
		const struct mh_stmt *s = &d.s[i];

		if (is_replaced(c, &d, s))
			continue;
		add_delegation(c, &d, s);
		if (mh_stmt_num(s, MH_A_ROLE) == MH_ROLE_FRESHNESS && s->not_before <= c->now &&
		    (is_own(c, s) || s->not_after >= c->now))
			ret = add_epoch(rc, c, s);
	}
	if (!ret)
		add_missing(c, &d);
	mh_bytes_free(&d.reply);
	free(d.s);
	return ret;
}

/* ---- what is counted ---- */

static struct day *day_of(struct calendar *c, u8 type, u64 day)
{
	struct day *more;

	for (size_t i = c->days; i; i--)	/* the last is asked for most */
		if (c->day[i - 1].type == type && c->day[i - 1].day == day)
			return &c->day[i - 1];
	if (c->days == c->room) {
		more = realloc(c->day, (c->room * 2 + 64) * sizeof(*more));
		if (!more)
			return NULL;
		c->day = more;
		c->room = c->room * 2 + 64;
	}
	c->day[c->days] = (struct day){ .type = type, .day = day };
	return &c->day[c->days++];
}

static json_t *count(const struct mh_stmt *s, u8 flags)
{
	struct calendar *c = counting;
	struct day *d;

	/* what is revoked, and what is deleted, has no end to wait for */
	if (flags & 1 || (s->type == MH_INSTANCE && mh_stmt_num(s, MH_A_TOMBSTONE)))
		return NULL;
	d = day_of(c, s->type, s->not_after < c->now ? OVER : s->not_after / DAY);
	if (!d) {
		c->err = -ENOMEM;
		return NULL;
	}
	if (!d->count++ || (d->day == OVER ? s->not_after > d->until : s->not_after < d->until)) {
		d->until = s->not_after;
		snprintf(d->first, sizeof(d->first), "%.*s", (int)s->subject.n, s->subject.p);
	}
	return NULL;
}

static int add_counted(struct rc *rc, struct calendar *c)
{
	static const struct {
		u8 type;
		const char *name;
	} types[] = {
		{ MH_GROUP, "GROUP" },	   { MH_MEMBER, "MEMBER" }, { MH_POLICY, "POLICY" },
		{ MH_DATASET, "DATASET" }, { MH_ENTITY, "ENTITY" }, { MH_INSTANCE, "INSTANCE" },
	};
	int ret = 0;

	counting = c;
	for (size_t i = 0; i < ARRAY_SIZE(types) && !ret; i++) {
		json_t *none = NULL;

		c->days = 0;
		ret = rc_list(rc, types[i].type, count, &none);
		json_decref(none);
		for (size_t k = 0; k < c->days && !ret; k++) {
			json_t *r = row(c, types[i].name, mh_text(c->day[k].first),
					c->day[k].until);

			json_object_set_new(r, "count", json_integer((json_int_t)c->day[k].count));
			add(c, r);
		}
	}
	counting = NULL;
	return ret;
}

/* ---- told ---- */

static json_int_t left_of(const json_t *r)
{
	return json_integer_value(json_object_get(r, "left"));
}

static int sooner(const void *a, const void *b)
{
	json_int_t x = left_of(*(json_t *const *)a), y = left_of(*(json_t *const *)b);

	return x < y ? -1 : x > y;
}

/* Soonest first, no later than within, and all that is past half */
static json_t *sorted(struct calendar *c, u64 within)
{
	size_t n = json_array_size(c->rows), i;
	json_t **r = calloc(n ? n : 1, sizeof(json_t *)), *out = json_array();

	if (!r || !out) {
		c->err = -ENOMEM;
		free(r);
		return out;
	}
	for (i = 0; i < n; i++)
		r[i] = json_array_get(c->rows, i);
	qsort(r, n, sizeof(json_t *), sooner);
	for (i = 0; i < n; i++)
		if (left_of(r[i]) <= (json_int_t)within ||
		    json_is_true(json_object_get(r[i], "past-half")))
			json_array_append(out, r[i]);
	free(r);
	return out;
}

static void left_text(json_int_t left, char out[24])
{
	if (left < 0)
		snprintf(out, 24, "ended");
	else if (left >= 3 * (json_int_t)DAY)
		snprintf(out, 24, "%lld d", (long long)left / (long long)DAY);
	else if (left >= 3 * 3600)
		snprintf(out, 24, "%lld h", (long long)left / 3600);
	else
		snprintf(out, 24, "%lld min", (long long)left / 60);
}

static const char *text_of(const json_t *r, const char *key)
{
	const char *v = json_string_value(json_object_get(r, key));

	return v ? v : "";
}

static void print_row(const json_t *r)
{
	json_int_t n = json_integer_value(json_object_get(r, "count"));
	const char *type = text_of(r, "type"), *name = text_of(r, "name");
	const bool half = json_is_true(json_object_get(r, "past-half"));
	char left[24];

	left_text(left_of(r), left);
	printf("%s %8s  ", n ? text_of(r, "until") : "                   -", left);
	if (!strcmp(type, "DELEGATION") && n)
		printf("DELEGATION of %s to %s, serial %lld, from %s", text_of(r, "role"), name,
		       (long long)json_integer_value(json_object_get(r, "serial")),
		       text_of(r, "from"));
	else if (!strcmp(type, "DELEGATION"))
		printf("no DELEGATION of %s to %s", text_of(r, "role"), name);
	else if (n > 1)
		printf("%lld %ss, %s %s", (long long)n, type,
		       left_of(r) < 0 ? "the last" : "the first", name);
	else
		printf("%s %s", type, name);
	printf("%s\n", half && n ? ": past half of its life" : "");
}

static int run_calendar(struct rc *rc, const struct rc_args *a)
{
	struct calendar c = { .now = (u64)time(NULL), .rows = json_array() };
	u64 within;
	json_t *list = NULL, *r;
	size_t i;
	int ret = rc_duration(a, "--within", UINT32_MAX, UINT32_MAX, &within);

	if (!rc_value(a, "--within"))
		within = INT64_MAX;
	if (!ret)
		ret = rc_open_region(rc);
	if (!ret) {
		add_service(&c, "ANCHOR", &rc->anchor);
		ret = add_delegations(rc, &c);
	}
	if (!ret)
		ret = add_counted(rc, &c);
	if (!ret)
		list = sorted(&c, within);
	if (!ret && c.err)
		ret = mh_fail(MH_EXIT_FAILED, "out of memory");
	if (!ret && rc->json)
		rc_print(json_incref(list));
	else if (!ret)
		json_array_foreach(list, i, r)
			print_row(r);
	json_decref(list);
	json_decref(c.rows);
	free(c.day);
	mh_bytes_free(&c.card_bytes);
	return ret ? ret : c.due ? MH_EXIT_DUE : 0;
}

static const struct rc_option calendar_options[] = {
	{ "--within", "TIME", "only what ends by then, and what is past half of its life" },
	{ 0 },
};

const struct rc_verb rc_calendar_verbs[] = {
	{ "calendar", NULL, "", 0, 0,
	  "what ends when; exit status 10 when it is time to sign what the Region hangs on",
	  calendar_options, run_calendar },
	{ 0 },
};

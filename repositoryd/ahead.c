// SPDX-License-Identifier: MIT
/*
 * DELEGATIONs to this server that were signed ahead: until when they follow one another, and when
 * the next one begins.
 */
#include "ahead.h"
#include "guardian.h"

#define MOST 128	/* of a role; those of the highest serials */

struct one {
	u64 serial, from, until, issued;
};

struct collecting {
	struct mh_daemon *d;
	const u8 *region;
	struct one one[MOST];
	unsigned int n;
};

/* What was not revoked, and whose signers were not */
static int collect(void *ctx, struct mh_buf b)
{
	struct collecting *c = ctx;
	struct mh_standing st;
	struct mh_stmt s;
	int ret = mh_stmt_parse(&s, b.p, b.n) ? -EUCLEAN : mh_standing(c->d, c->region, &s, &st);

	if (ret)
		return ret;
	if (!st.revoked && !st.above)
		c->one[c->n++] = (struct one){ s.serial, s.not_before, s.not_after, s.issued };
	return c->n == MOST;
}

/* Of those that come later, which begins first; two at once: the later one counts. */
static const struct one *next(const struct collecting *c, u64 serial)
{
	const struct one *found = NULL;

	for (unsigned int i = 0; i < c->n; i++)
		if (c->one[i].serial > serial && (!found || c->one[i].from < found->from))
			found = &c->one[i];
	return found;
}

/* One takes over where it begins, if the one before it still holds then. */
static void follow(const struct collecting *c, const struct mh_stmt *now, struct mh_ahead *out)
{
	const struct one *o;
	u64 serial = now->serial;

	*out = (struct mh_ahead){ .until = now->not_after, .issued = now->issued };
	while ((o = next(c, serial)) && o->from <= out->until + 1) {
		serial = o->serial;
		out->until = o->until;
		out->issued = o->issued;
		out->more++;
	}
}

static int look(struct mh_daemon *d, struct mh_region *r, const u8 key[64], u8 role,
		const struct mh_bytes *current, struct mh_ahead *out)
{
	struct collecting c = { .d = d, .region = r->row.id };
	struct mh_stmt s = { 0 };
	u64 now = mh_now(d);
	int ret = mh_store_delegations(d->store, r->row.id, key, role, collect, &c);

	*out = (struct mh_ahead){ 0 };
	if (ret < 0)
		return ret;
	if (current->n && !mh_stmt_parse(&s, current->p, current->n))
		follow(&c, &s, out);
	for (unsigned int i = 0; i < c.n; i++)
		if (c.one[i].serial > s.serial && c.one[i].from > now &&
		    (!r->turn || c.one[i].from < r->turn))
			r->turn = c.one[i].from;
	return 0;
}

int mh_ahead_load(struct mh_daemon *d, struct mh_region *r)
{
	int ret;

	r->turn = 0;
	ret = look(d, r, d->card.sp2, MH_ROLE_SERVE, &r->serve, &r->serve_ahead);
	return ret ? ret : look(d, r, d->card.fresh, MH_ROLE_FRESHNESS, &r->fresh, &r->fresh_ahead);
}

bool mh_ahead_half(const struct mh_ahead *a, u64 now)
{
	return !a->until || now > a->issued + (a->until - a->issued) / 2;
}

// SPDX-License-Identifier: MIT
/* What officers' tools read of DELEGATIONs: those that were signed ahead, too. */
#include "admin.h"
#include "guardian.h"

struct telling {
	struct mh_admin *a;
	const u8 *region;
	u64 now, newest;	/* serial of the subject's */
	u16 n;
};

static int tell_one(void *ctx, struct mh_buf b)
{
	struct telling *t = ctx;
	struct mh_standing st;
	struct mh_stmt s;
	int ret = mh_stmt_parse(&s, b.p, b.n) ? -EUCLEAN : 0;

	if (!ret && s.not_after < t->now && s.serial < t->newest)
		return 0;
	if (!ret)
		ret = mh_standing(t->a->daemon, t->region, &s, &st);
	if (ret || st.revoked || st.above)
		return ret;
	if (++t->n == UINT16_MAX)
		return -EMSGSIZE;
	return mh_admin_add_big(t->a, b);
}

static int tell_subject(void *ctx, struct mh_buf b)
{
	struct telling *t = ctx;
	struct mh_stmt s;

	if (mh_stmt_parse(&s, b.p, b.n))
		return -EUCLEAN;
	t->newest = s.serial;
	s.serial = 0;
	return mh_store_later(t->a->daemon->store, t->region, &s, tell_one, t);
}

u8 mh_admin_delegations(struct mh_admin *a, struct mh_buf body)
{
	const struct mh_buf none = { 0 };
	struct telling t = { .a = a, .region = body.p, .now = mh_now(a->daemon) };
	u8 n[2] = { 0 };
	int ret;

	if (body.n != 32)
		return MH_ADMIN_MALFORMED;
	ret = mh_admin_add(a, n, sizeof(n));
	if (!ret)
		ret = mh_store_list(a->daemon->store, body.p, MH_DELEGATION, none, none, UINT16_MAX,
				    tell_subject, &t);
	if (ret == -EMSGSIZE)
		return mh_admin_say(a, MH_ADMIN_FAILED, "more DELEGATIONs than a reply takes");
	if (ret)
		return mh_admin_store_failed(a, ret);
	mh_put16(a->reply.p, t.n);
	return MH_ADMIN_OK;
}

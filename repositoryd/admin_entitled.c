// SPDX-License-Identifier: MIT
/* Who may fetch a DataSet now: what an officer's host wraps for. */
#include "admin.h"
#include "guardian.h"

#define GROUP_PAGE 256
#define ENTITLED_MOST 65535

struct finding {
	struct mh_admin *a;
	const u8 *region;
	struct mh_buf dataset;
	u64 now;
	u16 n;
	char after[MH_SUBJECT_MAX + 1];
	size_t after_n;
	unsigned int page;
};

/*
 * Walks the Entities and asks the Guardian about each: the same answer that a
 * REQUEST would get, groups in groups and all.
 */
static int consider(void *ctx, struct mh_buf b)
{
	struct finding *f = ctx;
	struct mh_bytes newest = { 0 };
	struct mh_stmt s;
	int ret;

	if (mh_stmt_parse(&s, b.p, b.n))
		return -EUCLEAN;
	f->page++;
	memcpy(f->after, s.subject.p, s.subject.n);
	f->after_n = s.subject.n;
	ret = mh_guardian_rights(f->a->daemon, f->region, s.subject, f->dataset, f->now);
	if (ret < 0 || !(ret & MH_RIGHT_FETCH))
		return ret < 0 ? ret : 0;
	ret = mh_guardian_entity(f->a->daemon, f->region, s.subject, f->now, &newest);
	mh_bytes_free(&newest);
	/* a suspension ends by itself: what is added meanwhile must be readable then */
	if (ret < 0 || (ret && ret != MH_REFUSED_SUSPENDED))
		return ret < 0 ? ret : 0;
	if (f->n == ENTITLED_MOST)
		return -EMSGSIZE;
	f->n++;
	ret = mh_admin_add_v(f->a, s.subject);
	return ret ? ret : mh_admin_add(f->a, mh_stmt_attr(&s, MH_A_KEC_KID).p, 32);
}

u8 mh_admin_entitled(struct mh_admin *a, struct mh_buf body)
{
	struct finding f = { .a = a, .now = mh_now(a->daemon) };
	static const u8 none[2];
	struct mh_reader r;
	struct mh_buf region;
	int ret;

	mh_reader_init(&r, body.p, body.n);
	region = mh_read_bytes(&r, 32);
	f.dataset = mh_read_v(&r, MH_DATASET_MAX);
	if (mh_read_end(&r))
		return MH_ADMIN_MALFORMED;
	f.region = region.p;
	ret = mh_admin_add(a, none, 2);
	do {
		char after[MH_SUBJECT_MAX];

		memcpy(after, f.after, f.after_n);
		f.page = 0;
		if (!ret)
			ret = mh_store_list(a->daemon->store, f.region, MH_ENTITY, MH_BUF(NULL, 0),
					    MH_BUF(after, f.after_n), GROUP_PAGE, consider, &f);
	} while (!ret && f.page == GROUP_PAGE);
	if (ret)
		return mh_admin_store_failed(a, ret);
	mh_put16(a->reply.p, f.n);
	return MH_ADMIN_OK;
}

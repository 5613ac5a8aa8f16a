// SPDX-License-Identifier: MIT
/* repoctl grant: who may fetch a DataSet. */
#include "repoctl.h"

#include <stdlib.h>
#include <time.h>

#define LIFE	(730ull * 86400)

static const struct rc_option grant_options[] = {
	{ "--group", "NAME",
	  "the Authority Group that gets the right (default: the DataSet's name with . for /)" },
	{ "--life", "TIME", "how long the grant holds (default 730d)" },
	{ 0 },
};

static int group_name(const struct rc_args *a, const char *dataset, char *out, size_t size)
{
	const char *given = rc_value(a, "--group");

	if ((size_t)snprintf(out, size, "%s", given ? given : dataset) >= size)
		return mh_fail(MH_EXIT_USAGE,
			       "%s is too long for a group's name: give one with --group", dataset);
	for (char *p = out; !given && *p; p++)
		if (*p == '/')
			*p = '.';
	return 0;
}

static const struct rc_rest on_dataset = {
	"DataSet", "granted", "make it first with repoctl dataset create",
	"make it again with repoctl dataset create --replace",
	"renew it with repoctl dataset create --replace"
};

static const struct rc_rest on_entity = {
	"Entity", "granted", "enrol it first with repoctl entity enrol",
	"it needs new keys: microhsm init there, then repoctl entity enrol",
	"enrol it again with repoctl entity enrol"
};

static int rest_on(struct rc *rc, u8 type, const char *name, const struct rc_rest *on,
		   struct mh_bytes *bytes, struct mh_stmt *s)
{
	int ret = rc_get(rc, type, name, bytes, s);

	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no %s %s: %s", on->what, name, on->missing);
	return ret ? ret : rc_must_hold(rc, s, on);
}

/* It outlives the grant, so that the next one seldom has to renew it. */
static int begin_group(struct rc *rc, struct rc_maker *m, const char *group, u64 life)
{
	return rc_begin(rc, m, MH_GROUP, group, life + LIFE);
}

/* The same group with a later end: its officers and all its rights stay what they are. */
static int renew_group(struct rc *rc, struct rc_maker *m, const char *group,
		       const struct mh_stmt *s, u64 life)
{
	static const u16 kept[] = { MH_A_KEYS, MH_A_THRESHOLD, MH_A_MIN_ANCHOR, MH_A_RIGHTS };
	/* signed anew, what the server made up would be the officers' word */
	int ret = rc_signed(rc, s, "GROUP");

	if (!ret)
		ret = begin_group(rc, m, group, life);
	for (size_t i = 0; i < ARRAY_SIZE(kept) && !ret; i++) {
		struct mh_buf v = mh_stmt_attr(s, kept[i]);

		if (mh_stmt_has(s, kept[i]))
			mh_write_attr(&m->w, kept[i], v.p, v.n);
	}
	return ret ? ret : rc_end(rc, m, NULL);
}

static int make_group(struct rc *rc, struct rc_maker *m, const char *group, const char *dataset,
		      u64 life)
{
	u8 right[2 + 2 + MH_DATASET_MAX];
	struct mh_writer w;
	int ret = begin_group(rc, m, group, life);

	if (ret)
		return ret;
	mh_writer_init(&w, right, sizeof(right));
	mh_write_u16(&w, MH_RIGHT_FETCH);
	mh_write_v(&w, dataset, strlen(dataset));
	mh_write_attr(&m->w, MH_A_KEYS, rc->quorum.keys, (size_t)rc->quorum.n * MH_P256_PUB_LEN);
	mh_write_attr_u8(&m->w, MH_A_THRESHOLD, rc->quorum.m);
	mh_write_attr_u64(&m->w, MH_A_MIN_ANCHOR, 1);
	mh_write_attr(&m->w, MH_A_RIGHTS, right, w.len);
	return rc_end(rc, m, NULL);
}

/* GROUP with right fetch on the DataSet that does not end before the grant. */
static int add_group(struct rc *rc, struct rc_maker *m, const char *group, const char *dataset,
		     u64 life)
{
	enum rc_standing standing = RC_HOLDS;
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get(rc, MH_GROUP, group, &bytes, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return make_group(rc, m, group, dataset, life);
	if (!ret && !(mh_group_rights(&s, mh_text(dataset)) & MH_RIGHT_FETCH))
		ret = mh_fail(MH_EXIT_CONFLICT,
			      "group %s exists and has no right on %s: choose another with --group",
			      group, dataset);
	if (!ret)
		ret = rc_standing(rc, &s, &standing);
	if (!ret && standing == RC_REVOKED)
		ret = mh_fail(MH_EXIT_REVOKED,
			      "group %s is revoked: nothing was granted; choose another with "
			      "--group",
			      group);
	/* what others may have put into it is gone with it */
	if (!ret && standing == RC_VOID)
		ret = make_group(rc, m, group, dataset, life);
	else if (!ret && s.not_after < (u64)time(NULL) + life)
		ret = renew_group(rc, m, group, &s, life);
	mh_bytes_free(&bytes);
	return ret;
}

static int grant(struct rc *rc, const struct rc_args *a)
{
	const char *dataset = a->operand[0], *entity = a->operand[1];
	char group[MH_NAME_MAX + 1], member[2 * MH_NAME_MAX + 2];
	struct rc_maker *m = malloc(sizeof(*m));
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	bool wrapped = false;
	u64 life = LIFE;
	int ret = m ? rc_duration(a, "--life", LIFE, RC_LIFE_MAX, &life) :
		      mh_fail(MH_EXIT_FAILED, "out of memory");

	if (!ret)
		ret = group_name(a, dataset, group, sizeof(group));
	if (!ret)
		ret = rc_open_quorum(rc);
	if (!ret)
		ret = rest_on(rc, MH_DATASET, dataset, &on_dataset, &bytes, &s);
	if (!ret) {
		wrapped = mh_stmt_num(&s, MH_A_MODE) == MH_MODE_GROUP;
		mh_bytes_free(&bytes);
		ret = rest_on(rc, MH_ENTITY, entity, &on_entity, &bytes, &s);
	}
	mh_bytes_free(&bytes);
	if (!ret)
		ret = add_group(rc, m, group, dataset, life);
	if (!ret) {
		snprintf(member, sizeof(member), "%s/%s", group, entity);
		ret = rc_begin(rc, m, MH_MEMBER, member, life);
	}
	if (!ret) {
		mh_write_attr_u8(&m->w, MH_A_MEMBER_KIND, 1);
		ret = rc_end(rc, m, NULL);
	}
	if (!ret)
		ret = rc_submit(rc);
	if (!ret)
		ret = rc_holds(rc, MH_GROUP, group);
	if (!ret)
		ret = rc_holds(rc, MH_MEMBER, member);
	if (!ret && rc->json) {
		rc_print(json_pack("{s:s,s:s,s:s}", "entity", entity, "dataset", dataset, "group",
				   group));
	} else if (!ret) {
		printf("%s may fetch %s\n", entity, dataset);
		if (wrapped)
			printf("Instances added before were not wrapped for it: add the instance "
			       "again for it to read one.\n");
	}
	free(m);
	return ret;
}

const struct rc_verb rc_grant_verbs[] = {
	{ "grant", NULL, "DATASET ENTITY", 2, 2, "let an Entity fetch a DataSet", grant_options,
	  grant },
	{ 0 },
};

// SPDX-License-Identifier: MIT
/* repoctl entity: list hosts, show and revoke them; repoctl_enrol.c enrols. */
#include "repoctl.h"

#include <stdlib.h>

#define ENTITY_LIFE	(730ull * 86400)

/* ---- list, show ---- */

static json_t *entity_json(const struct mh_stmt *s, u8 flags)
{
	char until[24];

	mh_time_text(s->not_after, until);
	return json_pack("{s:s%,s:I,s:s,s:s,s:s,s:s}", "name", s->subject.p, s->subject.n, "serial",
			 (json_int_t)s->serial, "until", until, "kei",
			 mh_stmt_num(s, MH_A_KEI_KIND) == MH_KIND_PAIR ? "pair" : "secret", "kec",
			 mh_stmt_num(s, MH_A_KEC_KIND) == MH_KIND_PAIR ? "pair" : "secret", "state",
			 flags & 1 ? "revoked" : flags & 2 ? "suspended" : "enrolled");
}

static int entity_list(struct rc *rc, const struct rc_args *a)
{
	static const char *const columns[] = { "name", "serial", "state", "until" };
	json_t *list = NULL;
	int ret = rc_open_region(rc);

	(void)a;
	if (!ret)
		ret = rc_list(rc, MH_ENTITY, entity_json, &list);
	if (ret)
		json_decref(list);
	else
		rc_print_rows(rc, list, columns, ARRAY_SIZE(columns));
	return ret;
}

static int entity_show(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	char hex[2 * MH_P256_PUB_LEN + 1];
	json_t *j;
	int ret = rc_open_region(rc);

	if (!ret)
		ret = rc_get(rc, MH_ENTITY, a->operand[0], &bytes, &s);
	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no Entity %s in this Region", a->operand[0]);
	if (ret)
		return ret;
	j = entity_json(&s, 0);
	json_object_del(j, "state");
	mh_hex(hex, mh_stmt_attr(&s, MH_A_KES).p, MH_P256_PUB_LEN);
	json_object_set_new(j, "kes", json_string(hex));
	mh_hex(hex, s.leaf, 32);
	json_object_set_new(j, "leaf", json_string(hex));
	rc_print(j);
	mh_bytes_free(&bytes);
	return 0;
}

/* ---- revoke ---- */

static int entity_revoke(struct rc *rc, const struct rc_args *a)
{
	const char *name = a->operand[0];
	struct rc_maker *m = malloc(sizeof(*m));
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = m ? rc_open_quorum(rc) : mh_fail(MH_EXIT_FAILED, "out of memory");

	if (!ret)
		ret = rc_get(rc, MH_ENTITY, name, &bytes, &s);
	if (ret == MH_EXIT_NOTFOUND)
		mh_fail(ret, "no Entity %s in this Region: nothing was revoked", name);
	if (!ret)
		ret = rc_begin(rc, m, MH_REVOKE, name, ENTITY_LIFE);
	if (!ret) {
		mh_write_attr_u8(&m->w, MH_A_TARGET_TYPE, MH_ENTITY);
		mh_write_attr_u64(&m->w, MH_A_UP_TO, s.serial);
		ret = rc_end(rc, m, NULL);
	}
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:I}", "entity", name, "revoked-up-to",
				   (json_int_t)s.serial));
	else if (!ret)
		printf("%s revoked up to serial %llu: it gets nothing more; its kernel ends what "
		       "it holds when it hears of it.\n"
		       "What a consumer copied (an open dm-crypt mapping) lasts until it is closed "
		       "or the host reboots.\n",
		       name, (unsigned long long)s.serial);
	free(m);
	mh_bytes_free(&bytes);
	return ret;
}

const struct rc_verb rc_entity_verbs[] = {
	{ "entity", "enrol", "REQUEST", 1, 1,
	  "enrol a host after comparing its fingerprint; writes the join bundle", rc_enrol_options,
	  rc_entity_enrol },
	{ "entity", "list", "", 0, 0, "the Region's Entities", NULL, entity_list },
	{ "entity", "show", "NAME", 1, 1, "one Entity", NULL, entity_show },
	{ "entity", "revoke", "NAME", 1, 1, "revoke a host", NULL, entity_revoke },
	{ 0 },
};

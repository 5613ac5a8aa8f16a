// SPDX-License-Identifier: MIT
/* repoctl status: what the daemon says of itself, and the card to compare. */
#include "repoctl.h"

static int run_status(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes reply;
	json_t *j;
	int ret = rc_call(rc, MH_ADMIN_STATUS, MH_BUF(NULL, 0), &reply);

	(void)a;
	if (ret)
		return ret;
	j = json_loadb((const char *)reply.p, reply.n, 0, NULL);
	mh_bytes_free(&reply);
	if (!j)
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's status is malformed");
	rc_print(j);
	return 0;
}

static int run_card(struct rc *rc, const struct rc_args *a)
{
	struct mh_bytes bytes;
	struct mh_card c;
	char fingerprint[MH_FINGERPRINT_LEN];
	u8 hash[MH_HASH_LEN];
	int ret = rc_card(rc, &bytes, &c);

	(void)a;
	if (ret)
		return ret;
	const struct mh_buf v[] = { MH_L("card fingerprint"), mh_bytes_buf(&bytes) };

	mh_sha256v(hash, v, 2);
	mh_fingerprint(hash, fingerprint);
	if (rc->json)
		rc_print(json_pack("{s:s%,s:s}", "server", c.name.p, c.name.n, "fingerprint",
				   fingerprint));
	else
		printf("%.*s  %s\n", (int)c.name.n, c.name.p, fingerprint);
	mh_bytes_free(&bytes);
	return 0;
}

const struct rc_verb rc_status_verbs[] = {
	{ "status", NULL, "", 0, 0, "what repositoryd says of itself", NULL, run_status },
	{ "card", NULL, "", 0, 0, "the server card's fingerprint", NULL, run_card },
	{ 0 },
};

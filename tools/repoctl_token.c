// SPDX-License-Identifier: MIT
/* Officers' keys on tokens, as repoctl tells of them: the PIN, and what went wrong. */
#include "repoctl.h"
#include "lib/officer_token.h"

int rc_token_failed(const char *uri, int err)
{
	static const struct {
		int err;
		enum mh_exit code;
	} table[] = {
		{ -EINVAL, MH_EXIT_USAGE },	    { -ENOTUNIQ, MH_EXIT_USAGE },
		{ -ENODEV, MH_EXIT_NOTFOUND },	    { -ENOKEY, MH_EXIT_NOTFOUND },
		{ -ELIBACC, MH_EXIT_UNREACHABLE },  { -EKEYREJECTED, MH_EXIT_DENIED },
		{ -EPERM, MH_EXIT_DENIED },	    { -EBADMSG, MH_EXIT_BAD_INPUT },
		{ -EEXIST, MH_EXIT_CONFLICT },
	};
	const char *why = mh_token_why();
	enum mh_exit code = MH_EXIT_FAILED;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].err == err)
			code = table[i].code;
	if (!*why)
		why = err == -EBADMSG ? "not an officer's key (P-256)" : "the token did not sign";
	return mh_fail(code, "%s: %s", uri, why);
}

/* A URI that is refused is not repeated: it may have a PIN in it. */
int rc_token_pin(struct rc *rc, const char *uri, char pin[RC_PASSPHRASE_MAX + 1])
{
	struct mh_token_uri u;
	char prompt[256];
	const char *why;
	int ret;

	if (mh_token_uri_parse(&u, uri, &why))
		return mh_fail(MH_EXIT_USAGE, "the pkcs11: URI: %s", why);
	snprintf(prompt, sizeof(prompt), "PIN of %s: ", uri);
	ret = rc_passphrase(rc, uri, prompt, pin);
	if (!ret && !*pin)
		ret = mh_fail(MH_EXIT_USAGE, "%s: an empty PIN opens no token", uri);
	return ret;
}

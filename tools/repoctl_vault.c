// SPDX-License-Identifier: MIT
/* repoctl's vault: opened when the first secret is put there, or taken. */
#include "repoctl.h"

#include <unistd.h>

static int tell(const char *path, int ret)
{
	switch (ret) {
	case 0:
		return 0;
	case -EBUSY:
		return mh_fail(MH_EXIT_CONFLICT, "the vault %s is open elsewhere; try again", path);
	case -EKEYREJECTED:
		return mh_fail(MH_EXIT_DENIED, "%s: wrong passphrase, or no vault", path);
	case -EBADMSG:
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: a vault that this release does not know",
			       path);
	}
	return mh_fail_file(path, ret);
}

static int ask(struct rc *rc, const char *path, bool anew, char pass[RC_PASSPHRASE_MAX + 1])
{
	char prompt[256];

	if (anew)
		return rc_new_passphrase(rc, path, pass);
	snprintf(prompt, sizeof(prompt), "Passphrase of the vault %s: ", path);
	return rc_passphrase(rc, path, prompt, pass);
}

int rc_vault(struct rc *rc, const struct rc_args *a, bool make)
{
	const char *path = rc_value(a, "--vault");
	char pass[RC_PASSPHRASE_MAX + 1] = "";
	bool anew;
	int ret;

	if (rc->vault)
		return 0;
	if (!path)
		return mh_fail(MH_EXIT_USAGE, "give --vault FILE: it has the Kec-secret");
	anew = make && access(path, F_OK);
	ret = ask(rc, path, anew, pass);
	if (!ret && anew && !*pass)
		ret = mh_fail(MH_EXIT_USAGE, "a vault needs a passphrase that is not empty");
	if (!ret)
		ret = tell(path, mh_vault_open(&rc->vault, path, pass, make));
	mh_wipe(pass, sizeof(pass));
	return ret;
}

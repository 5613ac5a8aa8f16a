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

	snprintf(prompt, sizeof(prompt), "Passphrase of the %svault %s: ", anew ? "new " : "",
		 path);
	return anew ? rc_new_passphrase(rc, path, prompt, pass) :
		      rc_passphrase(rc, path, prompt, pass);
}

static int open_vault(struct rc *rc, const char *path, bool add)
{
	char pass[RC_PASSPHRASE_MAX + 1] = "";
	const bool anew = add && access(path, F_OK);
	int ret = ask(rc, path, anew, pass);

	if (!ret && anew && !*pass)
		ret = mh_fail(MH_EXIT_USAGE, "a vault needs a passphrase that is not empty");
	if (!ret)
		ret = tell(path, mh_vault_open(&rc->vault[rc->vaults], path, pass, add));
	mh_wipe(pass, sizeof(pass));
	if (ret)
		return ret;
	rc->vaults++;
	if (anew)
		mh_note("%s is a new vault; keep a copy of it, and use it for the next host too",
			path);
	return 0;
}

int rc_vault(struct rc *rc, const struct rc_args *a, bool add)
{
	const char *const *path;
	unsigned int n = rc_values(a, "--vault", &path);
	int ret = 0;

	if (rc->vaults)
		return 0;
	if (!n)
		return mh_fail(MH_EXIT_USAGE,
			       "a host's Kec is a secret: give the vault that has it, --vault FILE");
	if (add && n > 1)
		return mh_fail(MH_EXIT_USAGE,
			       "a Kec-secret goes into one vault: give --vault once");
	for (unsigned int i = 0; i < n && !ret; i++)
		ret = open_vault(rc, path[i], add);
	return ret;
}

const u8 *rc_kec_secret(const struct rc *rc, const u8 kid[MH_HASH_LEN])
{
	const u8 *kec = NULL;

	for (unsigned int i = 0; i < rc->vaults && !kec; i++)
		kec = mh_vault_find(rc->vault[i], kid);
	return kec;
}

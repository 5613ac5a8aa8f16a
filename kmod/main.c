// SPDX-License-Identifier: GPL-2.0-only
/* The init ladder and its mirror, nothing else. */
#include <linux/module.h>

#include "chardev.h"
#include "crypto.h"
#include "genl.h"
#include "keytype.h"
#include "lease.h"
#include "power.h"
#include "session.h"

static const struct {
	int (*init)(void);
	void (*exit)(void);
} mh_parts[] = {
	{ mh_p256_init, NULL },
	{ mh_selftest, NULL },
	{ mh_lease_init, mh_lease_exit },
	{ mh_keytype_init, mh_keytype_exit },
	{ mh_session_init, mh_session_exit },
	{ mh_genl_init, mh_genl_exit },
	{ mh_power_init, mh_power_exit },
	{ mh_chardev_init, mh_chardev_exit },
};

static void mh_unwind(int i)
{
	while (i--)
		if (mh_parts[i].exit)
			mh_parts[i].exit();
}

static int __init mh_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(mh_parts); i++) {
		ret = mh_parts[i].init();
		if (ret) {
			mh_unwind(i);
			return ret;
		}
	}
	pr_info("microhsm: ready\n");
	return 0;
}

static void __exit mh_exit(void)
{
	mh_unwind(ARRAY_SIZE(mh_parts));
}

module_init(mh_init);
module_exit(mh_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A host's small HSM: identities, sessions and keys in the kernel");

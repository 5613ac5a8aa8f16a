// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend ends sessions.  Before memory is written out, or another kernel is
 * started, keys and identities go too; hibernation is refused while
 * exported keys, which we cannot wipe everywhere, are alive.  A VM that was
 * forked ends its sessions, where the kernel tells.
 */
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include "lease.h"
#include "power.h"
#include "request.h"
#include "session.h"

static void mh_power_wipe(void)
{
	mh_session_end_all(NULL, -ECONNRESET);
	mh_request_wipe(NULL);
	mh_lease_end_all();
	mh_lease_flush();
}

static int mh_power_pm(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
		if (mh_lease_exports()) {
			pr_warn("microhsm: no hibernation while exported keys are alive\n");
			return notifier_from_errno(-EBUSY);
		}
		mh_power_wipe();
		break;
	case PM_SUSPEND_PREPARE:
	case PM_POST_SUSPEND:		/* the agent may have been quick before it froze */
		mh_session_end_all(NULL, -ECONNRESET);
		break;
	}
	return NOTIFY_OK;
}

static int mh_power_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	mh_power_wipe();
	return NOTIFY_OK;
}

static int mh_power_fork(struct notifier_block *nb, unsigned long event, void *data)
{
	mh_session_end_all(NULL, -ECONNRESET);
	return NOTIFY_OK;
}

static struct notifier_block mh_pm_nb = { .notifier_call = mh_power_pm };
static struct notifier_block mh_reboot_nb = { .notifier_call = mh_power_reboot };
static struct notifier_block mh_fork_nb = { .notifier_call = mh_power_fork };

int mh_power_init(void)
{
	int ret = register_pm_notifier(&mh_pm_nb);

	if (ret)
		return ret;
	ret = register_reboot_notifier(&mh_reboot_nb);
	if (ret)
		goto no_reboot;
	ret = register_random_vmfork_notifier(&mh_fork_nb);	/* 0 where there is none */
	if (ret)
		goto no_fork;
	return 0;

no_fork:
	unregister_reboot_notifier(&mh_reboot_nb);
no_reboot:
	unregister_pm_notifier(&mh_pm_nb);
	return ret;
}

void mh_power_exit(void)
{
	unregister_random_vmfork_notifier(&mh_fork_nb);
	unregister_reboot_notifier(&mh_reboot_nb);
	unregister_pm_notifier(&mh_pm_nb);
}

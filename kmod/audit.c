// SPDX-License-Identifier: GPL-2.0-only
/* The host's audit log; see audit.h. */
#include <linux/audit.h>
#include <linux/cred.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include "audit.h"

void mh_audit(const char *op, const char *name, bool ok)
{
	/* who may not even try shall not hide who tries with a wrong seat */
	static DEFINE_RATELIMIT_STATE(refusals, 5 * HZ, 10);
	static DEFINE_RATELIMIT_STATE(failures, 5 * HZ, 10);

	if (!ok && !__ratelimit(ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN) ? &failures :
										   &refusals))
		return;
	audit_log(NULL, GFP_KERNEL, AUDIT_KERNEL_OTHER,
		  "microhsm op=%s name=\"%s\" pid=%d uid=%u auid=%u res=%d", op, name ? name : "?",
		  task_tgid_nr(current), from_kuid(&init_user_ns, current_uid()),
		  from_kuid(&init_user_ns, audit_get_loginuid(current)), ok);
}

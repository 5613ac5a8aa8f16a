/* SPDX-License-Identifier: GPL-2.0-only */
/* One record in the host's audit log: who did what to which identity. */
#ifndef MH_AUDIT_H
#define MH_AUDIT_H

#include <linux/types.h>

/*
 * op, name (NULL: unknown): without quotes, spaces or control characters; ours are.
 * May sleep.  Refusals, which anybody can cause, are limited to ten in five seconds.
 */
void mh_audit(const char *op, const char *name, bool ok);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Generic netlink: statements in, identities out, events to all who may listen. */
#ifndef MH_GENL_H
#define MH_GENL_H

#include <linux/types.h>
#include <linux/microhsm.h>

/* May be called from any context that can allocate GFP_KERNEL; nobody listening is fine. */
void mh_event(u32 kind, const char *region, const char *name, u64 number);
int mh_genl_init(void);
void mh_genl_exit(void);

#endif

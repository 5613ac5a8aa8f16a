/* SPDX-License-Identifier: GPL-2.0-only */
/* Generic netlink family "microhsm": statements in, identities out, events. */
#ifndef MH_GENL_H
#define MH_GENL_H

#include <linux/types.h>
#include <linux/microhsm.h>

/* Tell listeners, if there are any; may sleep. kind: enum mh_event_kind */
void mh_event(u32 kind, const char *region, const char *name, u64 number);

int mh_genl_init(void);
void mh_genl_exit(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Suspend, hibernation, reboot and VM forks: what they end. */
#ifndef MH_POWER_H
#define MH_POWER_H

int mh_power_init(void);
void mh_power_exit(void);

#endif

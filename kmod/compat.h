/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that are supported: 6.1 and 6.12. */
#ifndef MH_COMPAT_H
#define MH_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "microhsm is built and tested on Linux 6.1 to 6.12"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "microhsm is built and tested on Linux 6.1 to 6.12"
#endif

/* 6.12 moved it to linux/ */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif

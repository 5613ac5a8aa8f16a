/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The only difference between the two homes of the core: the kernel module
 * and userspace.  Everything under core/ includes this and nothing else of
 * its home: fixed-width types, memory functions, errno, big-endian access.
 */
#ifndef MH_CORE_HOME_H
#define MH_CORE_HOME_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/init.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

/* In the kernel: the far end of the protocol, which a host needs at load only. */
#define __init

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
#endif /* __KERNEL__ */

static inline u16 mh_get16(const u8 *p)
{
	return (u16)((p[0] << 8) | p[1]);
}

static inline u32 mh_get32(const u8 *p)
{
	return ((u32)mh_get16(p) << 16) | mh_get16(p + 2);
}

static inline u64 mh_get64(const u8 *p)
{
	return ((u64)mh_get32(p) << 32) | mh_get32(p + 4);
}

static inline void mh_put16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void mh_put32(u8 *p, u32 v)
{
	mh_put16(p, (u16)(v >> 16));
	mh_put16(p + 2, (u16)v);
}

static inline void mh_put64(u8 *p, u64 v)
{
	mh_put32(p, (u32)(v >> 32));
	mh_put32(p + 4, (u32)v);
}

/* A piece of caller-owned memory; never freed or kept by the core. */
struct mh_buf {
	const u8 *p;
	size_t n;
};

#define MH_BUF(ptr, len) ((struct mh_buf){ .p = (const u8 *)(ptr), .n = (len) })

#endif

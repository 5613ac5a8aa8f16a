/* SPDX-License-Identifier: GPL-2.0-only */
/* Use of keys by ioctl: AEAD, STREAM, SIGN, INFO; policy, lease and uses are asked each time. */
#ifndef MH_USE_H
#define MH_USE_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/microhsm.h>

/*
 * A descriptor's place in a stream: no key in it, the chunk's key is
 * derived anew each time from the key it names, which may end meanwhile.
 */
struct mh_stream_place {
	key_serial_t serial;	/* 0: none begun */
	u64 seq;		/* of the payload, as a serial may come again */
	u64 chunk;
	u32 op;
	u8 salt[32];
};

int mh_use_info(struct mh_info *a);
int mh_use_aead(struct mh_aead_io *a);
int mh_use_sign(struct mh_sign_io *a);
/* The caller serialises calls with the same place. */
int mh_use_stream_begin(struct mh_stream_place *s, struct mh_stream_io *a);
int mh_use_stream(struct mh_stream_place *s, struct mh_stream_io *a);

#endif

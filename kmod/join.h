/* SPDX-License-Identifier: GPL-2.0-only */
/* A pending identity becomes a Region's. */
#ifndef MH_JOIN_H
#define MH_JOIN_H

#include "entity.h"

#define MH_JOIN_SIGNATURES	128	/* verified for one bundle, ANCHORs apart */

/*
 * serial: the pending identity's key; code: for a bundle whose secrets are sealed to one, else
 * empty.  Returns the new key's serial.  -EKEYREJECTED the Region is not the one confirmed,
 * -EBADMSG a part does not verify or the code is another's, -EEXIST, -ENOKEY not this host's
 * request.
 */
int mh_join(key_serial_t serial, const u8 region_id[32], struct mh_buf bundle, struct mh_buf code);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of delivered Data, in the requester's context: a key of ours, or an exported one. */
#ifndef MH_DELIVER_H
#define MH_DELIVER_H

#include "keytype.h"
#include "request.h"
#include <linux/microhsm.h>

/*
 * The keyring a requester names, writable by it; may install a session
 * keyring, so current_cred() only after it.
 */
key_ref_t mh_deliver_ring(key_serial_t keyring);
/*
 * Put what f holds on ring.  a: form and description in, serial and version out.
 * -EACCES an export that policy does not allow; -EDQUOT.
 */
int mh_deliver_fetch(struct mh_fetch *f, struct mh_fetch_io *a, key_ref_t ring);
/* request_key(2)'s key under construction. */
int mh_deliver_construct(struct mh_fetch *f, struct key *key, struct key *ring,
			 struct key *authkey);

#endif

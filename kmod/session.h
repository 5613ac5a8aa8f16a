/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * STP sessions behind a descriptor (anon_inode): read gives frames to send,
 * write takes received bytes, poll; the state machine runs in write().
 */
#ifndef MH_SESSION_H
#define MH_SESSION_H

#include "request.h"

/*
 * Queue a REQUEST on the identity's open session (or one that is opening).  Takes a reference on f.
 * -ENOTCONN none; -EDQUOT too many in flight.
 */
int mh_session_submit(struct mh_fetch *f);
/* The requester went away: forget f; its late answer is dropped. */
void mh_session_cancel(struct mh_fetch *f);
/* MH_IOC_SESSION: new session fd for doorbell id, or -errno */
int mh_session_open(u64 id);
/* End all sessions of an identity (NULL: all) with err; does not wait. */
void mh_session_end_all(struct mh_identity *id, int err);
unsigned int mh_session_count(void);
int mh_session_init(void);
void mh_session_exit(void);

#endif

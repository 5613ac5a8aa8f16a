/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's side of fetches: attach, pull, done, adopt.  Fetches of one
 * identity without a session wait on one bell; the agent pulls bells.
 */
#ifndef MH_DOORBELL_H
#define MH_DOORBELL_H

#include <linux/poll.h>
#include "request.h"
#include <linux/microhsm.h>

/* Whoever polls a descriptor of the device waits here. */
extern wait_queue_head_t mh_poll_wq;

/* f waits for a session; takes a reference. -ENOTCONN no agent, -ESHUTDOWN. */
int mh_doorbell_ring(struct mh_fetch *f);
/* f's requester went away; true: it was there (its reference is put). */
bool mh_doorbell_forget(struct mh_fetch *f);
/* An identity is forgotten: nothing to seal any more. */
void mh_doorbell_unseal(struct mh_identity *id);
int mh_doorbell_attach(struct file *file);
int mh_doorbell_pull(struct file *file, struct mh_pull *a);
int mh_doorbell_done(struct file *file, struct mh_done_io *a);
bool mh_doorbell_is_agent(const struct file *file);
bool mh_doorbell_attached(void);
__poll_t mh_doorbell_poll(struct file *file, poll_table *pt);
void mh_doorbell_release(struct file *file);
/* Fails all that wait, forgets what is to be sealed. */
void mh_doorbell_drain(int err);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fetches: one object from the requester's call to its collection.  Exactly
 * one completion, by mh_fetch_complete(), decided by one atomic bit.
 *
 * A fetch goes first to mh_session_submit(); -ENOTCONN there means no session
 * is open for its identity: it is queued on the doorbell (agent) until
 * MH_IOC_SESSION adopts all waiting fetches of that identity.  When a session dies, its
 * unfinished fetches come back by mh_fetch_requeue() (once), else complete with its error.
 */
#ifndef MH_REQUEST_H
#define MH_REQUEST_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "entity.h"
#include "core/manifest.h"

/* What was delivered and checked: parked in the fetch, wiped at its end.  Key Data only. */
struct mh_delivered {
	u8 secret[64];
	u32 len;
	u8 alg;
	u64 version;
	u8 leaf[32];
	struct mh_policy policy;	/* all combined */
	ktime_t deadline;		/* boot time: the end of lease and validity */
};

struct mh_bell;

struct mh_fetch {
	struct kref ref;
	struct list_head link;		/* on a bell, or a session's list; under that one's lock */
	struct list_head all;		/* every one alive; request.c's lock */
	struct mh_bell *bell;		/* waits there; doorbell.c's lock */
	struct mh_identity *identity;
	char name[MH_DATASET_MAX + 1];
	u64 version;
	kuid_t uid;
	u64 id;				/* doorbell id, never 0, never again */
	u32 request;			/* STP request id in its session */
	bool pulled, retried;
	bool async;			/* completion wakes mh_poll_wq too */
	bool taken;			/* data is the collector's, or wiped; request.c's lock */
	bool withdrawn;			/* while parked, by mh_lease_end_matching() */
	unsigned long done;		/* bit 0: completed; the one atomic bit */
	bool ready;			/* what completion wrote can be read (smp_load_acquire) */
	atomic_t completions;		/* never more than 1 */
	int err;			/* valid once ready */
	u32 refusal, retry_after_ms;
	struct mh_delivered *data;	/* valid once ready with err 0; owned */
	wait_queue_head_t wq;
	struct delayed_work expire;	/* asynchronous ones; holds a reference while queued */
};

struct mh_fetch *mh_fetch_get(struct mh_fetch *f);
void mh_fetch_put(struct mh_fetch *f);		/* last one wipes data */
/* Consumes data (wiped when the fetch was done already). true: this call completed it. */
bool mh_fetch_complete(struct mh_fetch *f, int err, struct mh_delivered *data);
/*
 * A session ended with err before it served f: doorbell again once, else complete with err.
 * Takes over the session's reference.
 */
void mh_fetch_requeue(struct mh_fetch *f, int err);
/*
 * MH_IOC_SESSION: moves every waiting fetch of the identity of doorbell id `id` to `to` (with
 * references); returns the identity with a reference, or NULL.
 */
struct mh_identity *mh_request_adopt(u64 id, struct list_head *to);
/* Fail all waiting and future ones with err (drain). */
void mh_request_drain(int err);
/* Parked data of id (NULL: of all) is wiped; who comes to collect it gets ETIMEDOUT. */
void mh_request_wipe(const struct mh_identity *id);
/* An identity's blob changed: MH_PULL_SEAL for the agent. */
void mh_request_seal(struct mh_identity *id);

/* ---- for chardev.c and keytype.c ---- */

struct mh_fetch_io;
struct file;

/* MH_IOC_FETCH without MH_FETCH_ASYNC */
int mh_request_fetch(struct mh_fetch_io *a);
/* With it: -EINPROGRESS and *out, or an error.  Then wait (poll) and collect, or abandon. */
int mh_request_begin(struct mh_fetch_io *a, struct mh_fetch **out);
bool mh_request_ready(const struct mh_fetch *f);
/* over: the fetch has had its answer, and is to be abandoned; else it may be collected again. */
int mh_request_collect(struct mh_fetch *f, struct mh_fetch_io *a, bool *over);
void mh_request_abandon(struct mh_fetch *f);	/* puts it */
/* key_type.request_key */
int mh_request_key(struct key *authkey, void *aux);
/* lease.c: marks what is parked and matches, by a lease with region_id and leaf filled in. */
struct mh_lease;
void mh_request_withdraw(bool (*match)(const struct mh_lease *l, const void *ctx), const void *ctx);
unsigned int mh_request_count(void);
u32 mh_request_doubles(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Between session.c (descriptor, life) and session_stp.c (what the frames say). */
#ifndef MH_SESSION_PRIV_H
#define MH_SESSION_PRIV_H

#include <linux/wait.h>
#include <linux/workqueue.h>
#include "core/answer.h"
#include "core/stp.h"
#include "session.h"
#include "trust.h"

/* requests of one session that wait or are being answered */
#define MH_SESSION_FLIGHTS	64
#define MH_SESSION_LINKS	256	/* ANCHORs taken in one session */
#define MH_SESSION_OUT		512
#define MH_SESSION_HANDSHAKE_S	15	/* until it is open */
#define MH_SESSION_SILENCE_S	4	/* after a request that was given up: it is over */

static_assert(MH_FRAME_HEADER + MH_HELLO_MAX <= MH_SESSION_OUT);
static_assert(MH_FRAME_HEADER + MH_AUTH_LEN <= MH_SESSION_OUT);
static_assert(MH_FRAME_HEADER + MH_RECORD_HEADER + 2 + MH_DATASET_MAX + 73 + MH_TAG_LEN <=
	      MH_SESSION_OUT);

struct mh_session {
	struct kref ref;
	struct mh_identity *identity;	/* a reference */
	wait_queue_head_t wq;
	struct work_struct end_work;	/* holds a reference while queued */
	struct delayed_work life;	/* the same */

	/* mh_sessions_lock, a spinlock, innermost: */
	struct list_head link;
	int end;			/* why it is over; 0: it is not */
	struct list_head queue;		/* mh_fetch.link, each with a reference */
	unsigned int load;		/* queued and in flight */
	unsigned long heard;		/* jiffies of the last record; read anywhere */

	struct mutex lock;		/* of all below; before the trust's */
	bool torn;			/* nothing left in it */
	bool open;			/* authenticated; read without the lock too */
	struct mh_stp stp;
	struct mh_peer peer;
	struct list_head flights;	/* changed with mh_sessions_lock held too */
	u32 next_request;
	u32 budget;			/* signatures that may still be verified */
	unsigned int links;
	size_t out_len, out_at;
	u8 out[MH_SESSION_OUT];		/* the frame being read */
	u8 *in;				/* the frame being written: header and body; NULL: idle */
	size_t in_room, in_have, in_want;
	u8 header[MH_FRAME_HEADER];	/* of the next frame, as far as it has come */
	size_t header_have;
};

/* One REQUEST on its way. */
struct mh_flight {
	struct list_head link;
	struct mh_session *session;
	struct mh_fetch *f;		/* a reference; NULL: dropped; mh_sessions_lock */
	unsigned long sent;		/* jiffies */
	u32 request;
	char name[MH_DATASET_MAX + 1];
	struct mh_answer answer;
	struct mh_delivered *data;
	struct mh_kept *held;		/* INSTANCE as it came */
	struct mh_kept *used[MH_TRUST_USED];
	unsigned int nused;
};

/* ---- session_fd.c ---- */
extern const struct file_operations mh_session_fops;

/* ---- session.c ---- */
void mh_session_put(struct mh_session *s);
void mh_session_end(struct mh_session *s, int err);	/* the first reason stays */
void mh_session_teardown(struct mh_session *s);		/* s->lock is held */
bool mh_session_readable(struct mh_session *s);
int mh_session_next(struct mh_session *s);		/* s->lock is held */
/* It is open: from the handshake's bound to the life of a session. s->lock is held. */
void mh_session_opened(struct mh_session *s);
/* Takes the flight's fetch, with its reference; NULL: dropped. */
struct mh_fetch *mh_flight_take(struct mh_flight *fl);
void mh_flight_free(struct mh_flight *fl);

/* ---- session_stp.c; s->lock is held ---- */
int mh_session_hello(struct mh_session *s);
/* May a frame of this kind come now? */
bool mh_session_expects(const struct mh_session *s, u8 kind);
/* One whole frame in s->in. An error ends the session. */
int mh_session_frame(struct mh_session *s);
/* A REQUEST for f into s->out; the flight takes f's reference over when it succeeds. */
int mh_session_request(struct mh_session *s, struct mh_fetch *f, struct mh_flight **out);

#endif

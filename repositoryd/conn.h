/* SPDX-License-Identifier: MIT */
/* One connection of a client: bytes, frames, its STP session, the answers that wait to be sent. */
#ifndef REPOSITORYD_CONN_H
#define REPOSITORYD_CONN_H

#include <event2/bufferevent.h>
#include "core/stp.h"
#include "repositoryd.h"

struct mh_answer_out;
TAILQ_HEAD(mh_answer_queue, mh_answer_out);

enum mh_conn_phase {
	MH_CONN_HELLO,		/* a hello is awaited */
	MH_CONN_AUTH,		/* the challenge is sent */
	MH_CONN_OPEN,
	MH_CONN_CLOSING,	/* what is in the buffer goes out; nothing is read any more */
};

struct mh_conn {
	LIST_ENTRY(mh_conn) link;
	TAILQ_ENTRY(mh_conn) stranger;
	struct mh_conn_queue *strangers;	/* that it is in; NULL: it has authenticated */
	struct mh_daemon *daemon;
	struct bufferevent *bev;
	struct event *timer;
	enum mh_conn_phase phase;
	char peer[64];		/* address, for logs */
	struct mh_stp stp;
	struct mh_region *region;
	u8 x[MH_HASH_LEN];	/* as of the challenge */
	char name[MH_NAME_MAX + 1];	/* of the Entity, once authenticated */
	u8 keys[MH_HASH_LEN];	/* that it authenticated with: mh_guardian_keys() */
	u8 standing;		/* 0, or the refusal that its first REQUEST gets */
	bool ended;		/* revoked or suspended: close when answers are out */
	bool unrecorded;	/* the session's audit record is not durable yet */
	u32 last_request;
	u64 last_active, ends;	/* monotonic seconds */
	struct mh_answer_queue waiting;	/* audit not yet durable */
	struct mh_answer_queue ready;
	unsigned int answers;
};

void mh_conn_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len,
		    void *daemon);
/* A peer on a descriptor that polls, reads and writes like a socket; -errno: it is not taken. */
int mh_conn_open(struct mh_daemon *d, evutil_socket_t fd, const char *peer);
/* Closes and frees, at once. */
void mh_conn_free(struct mh_conn *c);
/* No more is read; what is queued goes out, then it is closed. */
void mh_conn_finish(struct mh_conn *c);
/* A whole frame */
int mh_conn_send(struct mh_conn *c, const u8 *frame, size_t n);
/* One record, sealed; body may be NULL when n is 0 */
int mh_conn_record(struct mh_conn *c, u8 type, u32 request, const u8 *body, size_t n);
/* Sends what is ready, as far as the buffer takes it. */
void mh_conn_pump(struct mh_conn *c);
u64 mh_conn_clock(void);

/* ---- responder.c: -errno ends the connection without a word ---- */
int mh_responder_hello(struct mh_conn *c, const u8 *frame, size_t n);
int mh_responder_auth(struct mh_conn *c, const u8 *frame, size_t n);
/* REVOKE or SUSPEND that ended this Entity, and EPOCH */
int mh_responder_tell(struct mh_conn *c);
/*
 * Asked after a change: an Entity that is revoked, suspended or enrolled anew with other keys gets
 * REFUSED for what it asked, then the end.
 */
void mh_responder_end_if_out(struct mh_conn *c, u64 now);

/* ---- dispatch.c ---- */
int mh_dispatch_record(struct mh_conn *c, const struct mh_record_hdr *rec);

/* ---- transferrer.c ---- */
struct mh_answer_out {
	TAILQ_ENTRY(mh_answer_out) link;
	u32 request, records;
	char name[MH_DATASET_MAX];	/* what was asked for */
	size_t name_len;
	u64 version;		/* asked for; of the Instance, once there is one */
	u64 changes;		/* the daemon's, when it was decided */
	u8 code;		/* a refusal, or 0 */
	u32 retry_after;	/* ms */
	bool unchanged;
	u8 mode, phase;
	unsigned int at;	/* statement or wrap that is next */
	struct mh_bytes instance;
	u8 leaf[MH_HASH_LEN];
	struct mh_bytes statement[16];
	u8 leaves[16][MH_HASH_LEN];	/* theirs */
	unsigned int statements;
	u8 (*wrap)[1 + 145];	/* alternative || wrap */
	unsigned int wraps;
	u8 icx[MH_HASH_LEN], ke_kid[MH_HASH_LEN], sha256[MH_HASH_LEN];
	u64 length, sent;
};

/* What answers this REQUEST of this connection's Entity; NULL: out of memory. */
struct mh_answer_out *mh_transferrer_answer(struct mh_conn *c, u32 request,
					    const struct mh_request *q, struct mh_audit_record *r);
/*
 * The next record, if what it was decided on still stands.  1 more to come, 0 it was the last,
 * -errno: the session ends; -EKEYREVOKED: it does because the rest may no longer be sent.
 */
int mh_transferrer_next(struct mh_conn *c, struct mh_answer_out *a);
void mh_transferrer_free(struct mh_answer_out *a);

#endif

// SPDX-License-Identifier: MIT
/*
 * The pump of a connection: bytes in, whole frames to the responder or the
 * dispatcher; answers out, a record at a time, while the buffer has room.
 */
#include "metrics.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OUT_ROOM	(128 * 1024)	/* more waits in the answer, not in memory */
#define OUT_MAX		(1024 * 1024)	/* a peer that takes nothing while pushes pile up */
#define IN_ROOM		(4 * MH_FRAME_MAX)
#define FRAMES_A_TURN	16
#define STALL		30		/* seconds without progress of a half frame, or of output */
#define LINGER		3
#define CROWD		256	/* connections */

u64 mh_conn_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec;
}

static int arm(struct mh_conn *c, u64 seconds)
{
	const struct timeval t = { .tv_sec = (time_t)seconds };

	return evtimer_add(c->timer, &t);
}

static void free_queue(struct mh_answer_queue *q)
{
	struct mh_answer_out *a;

	while ((a = TAILQ_FIRST(q))) {
		TAILQ_REMOVE(q, a, link);
		mh_transferrer_free(a);
	}
}

/* Among those without a word of it, those of a hello, or no more among strangers (NULL) */
static void move(struct mh_conn *c, struct mh_conn_queue *to)
{
	if (c->strangers)
		TAILQ_REMOVE(c->strangers, c, stranger);
	c->strangers = to;
	if (to)
		TAILQ_INSERT_TAIL(to, c, stranger);
}

static void on_gone(evutil_socket_t fd, short what, void *unused)
{
	(void)fd;
	(void)what;
	(void)unused;
	malloc_trim(0);
}

/* What a crowd has taken goes back to the system when it has gone, the rest of it by then too. */
static void give_back(struct mh_daemon *d)
{
	const struct timeval soon = { .tv_sec = 1 };

	if (d->most < CROWD || d->connections > d->most / 2)
		return;
	if (!event_base_once(d->base, -1, EV_TIMEOUT, on_gone, NULL, &soon))
		d->most = d->connections;
}

void mh_conn_free(struct mh_conn *c)
{
	struct mh_daemon *d = c->daemon;

	LIST_REMOVE(c, link);
	move(c, NULL);
	d->connections--;
	if (c->phase < MH_CONN_OPEN)
		d->strangers++;
	free_queue(&c->waiting);
	free_queue(&c->ready);
	mh_stp_end(&c->stp);
	event_free(c->timer);
	bufferevent_free(c->bev);
	mh_wipe(c, sizeof(*c));
	free(c);
	give_back(d);
}

/*
 * Our end is closed only when all is out; the peer's bytes are read and thrown away, lest a reset
 * overtake them.
 */
static void half_close(struct mh_conn *c)
{
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	arm(c, LINGER);
}

void mh_conn_finish(struct mh_conn *c)
{
	if (c->phase == MH_CONN_CLOSING)
		return;
	c->phase = MH_CONN_CLOSING;
	mh_stp_end(&c->stp);
	free_queue(&c->waiting);
	free_queue(&c->ready);
	c->answers = 0;
	arm(c, STALL);
	if (!evbuffer_get_length(bufferevent_get_output(c->bev)))
		half_close(c);
}

int mh_conn_send(struct mh_conn *c, const u8 *frame, size_t n)
{
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > OUT_MAX)
		return -ENOBUFS;
	return bufferevent_write(c->bev, frame, n) ? -ENOMEM : 0;
}

int mh_conn_record(struct mh_conn *c, u8 type, u32 request, const u8 *body, size_t n)
{
	u8 frame[MH_FRAME_MAX];
	int ret;

	if (n > MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER)
		return -EMSGSIZE;
	if (n)
		memcpy(frame + MH_FRAME_HEADER + MH_RECORD_HEADER, body, n);
	ret = mh_stp_seal(&c->stp, type, request, frame, n, sizeof(frame));
	if (ret < 0) {
		mh_wipe(frame, sizeof(frame));
		return ret;
	}
	return mh_conn_send(c, frame, (size_t)ret);
}

/* ---- out ---- */

void mh_conn_pump(struct mh_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct mh_answer_out *a;

	while (c->phase == MH_CONN_OPEN && evbuffer_get_length(out) < OUT_ROOM &&
	       (a = TAILQ_FIRST(&c->ready))) {
		int ret = mh_transferrer_next(c, a);

		if (ret <= 0)
			mh_metrics_count(c->region, a, ret);
		if (ret < 0) {
			mh_log(MH_LOG_WARNING, "%s: %s: an answer was cut off: %s", c->peer,
			       c->name, strerror(-ret));
			/* who lost its right in the middle still gets the REVOKE that is queued */
			if (ret == -EKEYREVOKED)
				mh_conn_finish(c);
			else
				mh_conn_free(c);
			return;
		}
		if (ret)
			continue;
		TAILQ_REMOVE(&c->ready, a, link);
		mh_transferrer_free(a);
		c->answers--;
	}
	if (c->phase != MH_CONN_OPEN)
		return;
	if (c->answers < c->daemon->config.max_answers &&
	    !(bufferevent_get_enabled(c->bev) & EV_READ)) {
		bufferevent_enable(c->bev, EV_READ);
		bufferevent_trigger(c->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
	}
	if (!c->answers && (c->ended || c->standing) && c->last_request)
		mh_conn_finish(c);
	else if (!c->answers && (c->ended || c->daemon->draining))
		mh_conn_finish(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct mh_conn *c = arg;

	(void)bev;
	c->last_active = mh_conn_clock();
	if (c->phase == MH_CONN_CLOSING) {
		half_close(c);
		return;
	}
	mh_conn_pump(c);
}

/* ---- in ---- */

static int take_frame(struct mh_conn *c, u8 *frame, size_t n)
{
	struct mh_record_hdr rec;
	int ret;

	switch (c->phase) {
	case MH_CONN_HELLO:
		ret = frame[0] == MH_F_HELLO ? mh_responder_hello(c, frame, n) : -EPROTO;
		if (!ret)
			move(c, &c->daemon->half);
		return ret;
	case MH_CONN_AUTH:
		ret = frame[0] == MH_F_AUTH ? mh_responder_auth(c, frame, n) : -EPROTO;
		if (!ret) {
			move(c, NULL);
			/*
			 * a session's life is drawn, so that a fleet does not come back in one
			 * moment
			 */
			u32 draw = 0;

			mh_random(&draw, sizeof(draw));
			c->ends = mh_conn_clock() + 18 * 3600 + draw % (6 * 3600);
			arm(c, c->standing ? c->daemon->config.handshake : STALL);
		}
		return ret;
	case MH_CONN_OPEN:
		ret = frame[0] == MH_F_RECORD ? mh_stp_open(&c->stp, frame, n, &rec) : -EPROTO;
		return ret ? ret : mh_dispatch_record(c, &rec);
	default:
		return 0;
	}
}

/* 1: a frame was taken; 0: not whole yet; negative: the end */
static int next_frame(struct mh_conn *c, struct evbuffer *in)
{
	static u8 frame[MH_FRAME_MAX];
	u8 kind;
	u32 len;
	int ret;

	if (evbuffer_copyout(in, frame, MH_FRAME_HEADER) < MH_FRAME_HEADER)
		return 0;
	ret = mh_frame_parse(frame, &kind, &len);
	if (ret)
		return ret;
	if (evbuffer_get_length(in) < MH_FRAME_HEADER + (size_t)len)
		return 0;
	evbuffer_remove(in, frame, MH_FRAME_HEADER + (size_t)len);
	ret = take_frame(c, frame, MH_FRAME_HEADER + (size_t)len);
	return ret < 0 ? ret : 1;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct mh_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	int ret = 1;

	c->last_active = mh_conn_clock();
	for (unsigned int i = 0; ret > 0 && i < FRAMES_A_TURN && c->phase != MH_CONN_CLOSING; i++) {
		if (c->answers >= c->daemon->config.max_answers) {
			bufferevent_disable(bev, EV_READ);
			return;
		}
		ret = next_frame(c, in);
	}
	if (c->phase == MH_CONN_CLOSING) {
		evbuffer_drain(in, evbuffer_get_length(in));
	} else if (ret < 0) {
		if (ret == -EPIPE && c->daemon->keeper.fd < 0)
			event_base_loopbreak(c->daemon->base);
		mh_log(MH_LOG_INFO, "%s: closed: %s", c->peer, strerror(-ret));
		mh_conn_free(c);
	} else if (ret > 0) {
		/* whole frames may be left: the others' turn first */
		bufferevent_trigger(bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct mh_conn *c = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		mh_conn_free(c);
}

/* ---- time ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct mh_conn *c = arg;
	u64 now = mh_conn_clock(), idle = now - c->last_active;
	size_t half = evbuffer_get_length(bufferevent_get_input(c->bev));
	size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));

	(void)fd;
	(void)what;
	if (c->phase != MH_CONN_OPEN) {
		if (c->phase != MH_CONN_CLOSING)
			mh_log(MH_LOG_INFO, "%s: closed: no handshake in time", c->peer);
		mh_conn_free(c);
		return;
	}
	if (c->standing || c->ended || now >= c->ends || idle >= c->daemon->config.idle)
		mh_conn_finish(c);
	else if (idle >= STALL && (unsent || (half && c->answers < c->daemon->config.max_answers)))
		mh_conn_free(c);
	else
		arm(c, STALL);
}

static void name_peer(char *peer, size_t size, const struct sockaddr *a)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, text, sizeof(text));
		snprintf(peer, size, "%s:%u", text,
			 ntohs(((const struct sockaddr_in *)a)->sin_port));
	} else if (a->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, text,
			  sizeof(text));
		snprintf(peer, size, "[%s]:%u", text,
			 ntohs(((const struct sockaddr_in6 *)a)->sin6_port));
	} else {
		snprintf(peer, size, "unix");
	}
}

static void set_options(evutil_socket_t fd, const struct sockaddr *a)
{
	const int on = 1, idle = 60, dead = 120000;

	if (a->sa_family == AF_UNIX)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead)))
		mh_log(MH_LOG_DEBUG, "socket option: %s", strerror(errno));
}

/* The lowest free one is given out, so that fd tells how many are left. */
static bool scarce(evutil_socket_t fd)
{
	struct rlimit r;

	return !getrlimit(RLIMIT_NOFILE, &r) && (rlim_t)fd + MH_DESCRIPTORS_KEPT >= r.rlim_cur;
}

/*
 * Who has authenticated keeps its place; of the others the oldest gives way, first one that has
 * not said anything.  So those that only hold a place do not keep out a host that is quick.
 */
static bool make_room(struct mh_daemon *d, bool few)
{
	struct mh_conn *c = TAILQ_FIRST(&d->silent);

	if (!c)
		c = TAILQ_FIRST(&d->half);
	if (mh_log_due(&d->said_away))
		mh_log(MH_LOG_WARNING, "%s: %u are open%s",
		       c ? "a connection that did not authenticate was closed for a newer one" :
			   "a connection was turned away", d->connections,
		       few ? ", and descriptors run out" : "");
	if (c)
		mh_conn_free(c);
	return c;
}

int mh_conn_open(struct mh_daemon *d, evutil_socket_t fd, const char *peer)
{
	bool few = scarce(fd);
	struct mh_conn *c;

	if (d->draining ||
	    ((few || d->connections >= d->config.max_connections) && !make_room(d, few)))
		return -EBUSY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->daemon = d;
	c->timer = evtimer_new(d->base, on_timer, c);
	c->bev = c->timer ? bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!c->bev) {
		if (c->timer)
			event_free(c->timer);
		free(c);
		return -ENOMEM;
	}
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->ready);
	LIST_INSERT_HEAD(&d->conns, c, link);
	move(c, &d->silent);
	d->connections++;
	if (d->most < d->connections)
		d->most = d->connections;
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	mh_stp_init(&c->stp, false);
	c->last_active = mh_conn_clock();
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, IN_ROOM);
	if (!arm(c, d->config.handshake) && !bufferevent_enable(c->bev, EV_READ | EV_WRITE))
		return 0;
	bufferevent_setfd(c->bev, -1);	/* the caller's to close */
	mh_conn_free(c);
	return -ENOMEM;
}

void mh_conn_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len,
		    void *daemon)
{
	char peer[64];

	(void)l;
	(void)len;
	name_peer(peer, sizeof(peer), a);
	set_options(fd, a);
	if (mh_conn_open(daemon, fd, peer))
		close(fd);
}

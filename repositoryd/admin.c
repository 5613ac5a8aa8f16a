// SPDX-License-Identifier: MIT
/* The admin socket: frames in, a table of operations, frames out; in order. */
#include "admin.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE		600
#define STALL		30	/* seconds without progress of an answer */

u8 mh_admin_say(struct mh_admin *a, u8 status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
	return status;
}

u8 mh_admin_store_failed(struct mh_admin *a, int err)
{
	if (err == -EPIPE)
		return mh_admin_say(a, MH_ADMIN_FAILED, "the server's keeper is gone, and the "
				    "server ends: it is to be started again");
	mh_log(MH_LOG_ERROR, "admin %s: the store failed: %s (%s)", a->who, strerror(-err),
	       mh_store_error(a->daemon->store));
	if (err == -EUCLEAN)
		return mh_admin_say(a, MH_ADMIN_FAILED, "the server's store is damaged: end "
				    "repositoryd, and put the newest copy of the store back");
	if (err == -ENOSPC)
		return mh_admin_say(a, MH_ADMIN_FULL,
				    "the server's disk is full: nothing was changed");
	if (err == -ENOMEM)
		return mh_admin_say(a, MH_ADMIN_FAILED, "the server is out of memory");
	return mh_admin_say(a, MH_ADMIN_FAILED, "the server's store failed: %s",
			    mh_store_error(a->daemon->store));
}

int mh_admin_add(struct mh_admin *a, const void *p, size_t n)
{
	if (n > MH_ADMIN_MAX - 64 - a->reply.n)
		return -EMSGSIZE;
	if (a->reply.n + n > a->room) {
		size_t room = a->room ? a->room : 1024;
		u8 *grown;

		while (room < a->reply.n + n)
			room *= 2;
		grown = malloc(room);
		if (!grown)
			return -ENOMEM;
		if (a->reply.n)
			memcpy(grown, a->reply.p, a->reply.n);
		mh_wipe(a->reply.p, a->reply.n);
		free(a->reply.p);
		a->reply.p = grown;
		a->room = room;
	}
	if (n)
		memcpy(a->reply.p + a->reply.n, p, n);
	a->reply.n += n;
	return 0;
}

int mh_admin_add_big(struct mh_admin *a, struct mh_buf b)
{
	u8 head[4];
	int ret;

	mh_put32(head, (u32)b.n);
	ret = mh_admin_add(a, head, 4);
	return ret ? ret : mh_admin_add(a, b.p, b.n);
}

int mh_admin_add_v(struct mh_admin *a, struct mh_buf b)
{
	u8 head[2];
	int ret;

	mh_put16(head, (u16)b.n);
	ret = mh_admin_add(a, head, 2);
	return ret ? ret : mh_admin_add(a, b.p, b.n);
}

int mh_admin_add_u64(struct mh_admin *a, u64 v)
{
	u8 b[8];

	mh_put64(b, v);
	return mh_admin_add(a, b, 8);
}

static u8 (*const ops[])(struct mh_admin *a, struct mh_buf body) = {
	[MH_ADMIN_CARD] = mh_admin_card,
	[MH_ADMIN_SUBMIT] = mh_admin_submit,
	[MH_ADMIN_GET] = mh_admin_get,
	[MH_ADMIN_LIST] = mh_admin_list,
	[MH_ADMIN_REGIONS] = mh_admin_regions,
	[MH_ADMIN_ANCHORS] = mh_admin_anchors,
	[MH_ADMIN_TRUST] = mh_admin_trust,
	[MH_ADMIN_NONCE] = mh_admin_nonce,
	[MH_ADMIN_READ_KEC] = mh_admin_read_kec,
	[MH_ADMIN_AUDIT] = mh_admin_audit,
	[MH_ADMIN_STATUS] = mh_admin_status_json,
	[MH_ADMIN_ENTITLED] = mh_admin_entitled,
	[MH_ADMIN_DELEGATIONS] = mh_admin_delegations,
};

static void admin_free(struct mh_admin *a)
{
	LIST_REMOVE(a, link);
	a->daemon->admins--;
	mh_bytes_free(&a->reply);
	bufferevent_free(a->bev);
	free(a);
}

void mh_admin_free_all(struct mh_daemon *d)
{
	struct mh_admin *a, *next;

	for (a = LIST_FIRST(&d->admin); a; a = next) {
		next = LIST_NEXT(a, link);
		admin_free(a);
	}
}

static int answer(struct mh_admin *a, const u8 *p, size_t n)
{
	u8 head[5], status;
	int ret;

	a->reply.n = 0;
	strcpy(a->why, "the request is malformed");
	status = *p < ARRAY_SIZE(ops) && ops[*p] ? ops[*p](a, MH_BUF(p + 1, n - 1)) :
						   MH_ADMIN_MALFORMED;
	if (status) {
		a->reply.n = 0;
		if (mh_admin_add(a, a->why, strlen(a->why)))
			return -ENOMEM;
		mh_log(MH_LOG_INFO, "admin %s: %s", a->who, a->why);
	}
	mh_put32(head, (u32)a->reply.n + 1);
	head[4] = status;
	ret = bufferevent_write(a->bev, head, sizeof(head)) ||
	      bufferevent_write(a->bev, a->reply.p, a->reply.n);
	/* it may have held Kec-public */
	mh_bytes_free(&a->reply);
	a->room = 0;
	return ret ? -ENOMEM : 0;
}

/*
 * One request, and the next when its answer is out: who asks and does not read is not answered
 * into memory, and whoever asks much leaves others their turn.
 */
static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct mh_admin *a = arg;
	u8 head[4], *p;
	u32 len;

	if (evbuffer_get_length(bufferevent_get_output(bev)) || evbuffer_copyout(in, head, 4) != 4)
		return;
	len = mh_get32(head);
	if (len && len <= MH_ADMIN_MAX && evbuffer_get_length(in) < 4 + (size_t)len)
		return;
	evbuffer_drain(in, 4);
	p = len && len <= MH_ADMIN_MAX ? evbuffer_pullup(in, len) : NULL;
	if (!p || answer(a, p, len))
		admin_free(a);
	else
		evbuffer_drain(in, len);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct mh_admin *a = arg;

	(void)bev;
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING))
		mh_log(MH_LOG_WARNING, "admin %s: closed: its answer is not read", a->who);
	admin_free(a);
}

void mh_admin_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
		     void *daemon)
{
	const struct timeval idle = { .tv_sec = IDLE }, stall = { .tv_sec = STALL };
	struct mh_daemon *d = daemon;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(peer);
	struct mh_admin *a;

	(void)l;
	(void)sa;
	(void)len;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n)) {
		mh_log(MH_LOG_ERROR, "admin: peer credentials: %s", strerror(errno));
		close(fd);
		return;
	}
	a = d->admins < MH_ADMINS_MAX ? calloc(1, sizeof(*a)) : NULL;
	if (a)
		a->bev = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!a || !a->bev) {
		mh_log(MH_LOG_WARNING, "admin: a connection was turned away: %u are open",
		       d->admins);
		free(a);
		close(fd);
		return;
	}
	a->daemon = d;
	LIST_INSERT_HEAD(&d->admin, a, link);
	d->admins++;
	snprintf(a->who, sizeof(a->who), "uid %u", (unsigned int)peer.uid);
	bufferevent_setcb(a->bev, on_read, on_read, on_event, a);
	bufferevent_setwatermark(a->bev, EV_READ, 0, MH_ADMIN_MAX + 4);
	if (bufferevent_set_timeouts(a->bev, &idle, &stall) ||
	    bufferevent_enable(a->bev, EV_READ | EV_WRITE)) {
		mh_log(MH_LOG_WARNING, "admin: a connection was turned away: out of memory");
		admin_free(a);
	}
}

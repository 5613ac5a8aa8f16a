// SPDX-License-Identifier: MIT
/*
 * All in one: this machine's own kernel is served without an agent between.
 * We are its agent; what it asks for a Region that is ours becomes a connection like any
 * other, whose descriptor is the session's instead of a socket.
 */
#include "conn.h"
#include "lib/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int mh_kernel_attach(struct mh_daemon *d)
{
	d->kernel = mh_attach();
	if (d->kernel >= 0)
		return 0;
	mh_log(MH_LOG_ERROR, "the local kernel: %s",
	       d->kernel == -ENOENT || d->kernel == -ENXIO ?
		       "the module is not loaded: insmod microhsm.ko" :
	       d->kernel == -EBUSY ? "an agent is attached: stop it, one at a time" :
	       d->kernel == -EPERM || d->kernel == -EACCES ?
		       "only root may attach; start as root, with user = for after" :
		       strerror(-d->kernel));
	return MH_RD_ADDRESS;
}

static bool serves(struct mh_daemon *d, const char *label)
{
	struct mh_region *r;

	LIST_FOREACH(r, &d->regions, link)
		if (!strcmp(r->row.label, label) && r->idr.n)
			return true;
	return false;
}

/* 0, or what the waiting requester is told */
static int connect_session(struct mh_daemon *d, const struct mh_pull *p)
{
	int fd, ret;

	if (!serves(d, p->region)) {
		mh_log(MH_LOG_WARNING,
		       "the local kernel asks for Region %s, which is not served here", p->region);
		return -EHOSTUNREACH;
	}
	fd = mh_attach_session(d->kernel, p->id);
	if (fd == -ENOENT)
		return 0;	/* nobody waits any more */
	if (fd < 0)
		return fd;
	ret = mh_conn_open(d, fd, "the local kernel");
	/* closed before anything was said: the requester hears of a connection that ended */
	if (ret)
		close(fd);
	return 0;
}

static void seal(struct mh_daemon *d, const struct mh_pull *p)
{
	char path[4096];
	int ret = mh_attach_seal(d->kernel, p, d->kernel_state, path, sizeof(path));

	if (ret)
		mh_log(MH_LOG_ERROR,
		       "the local kernel: %s: %s: the sealed identity stays as last written",
		       *path ? path : p->name, strerror(-ret));
}

void mh_kernel_close(struct mh_daemon *d)
{
	if (d->kernel_ev)
		event_free(d->kernel_ev);
	d->kernel_ev = NULL;
	if (d->kernel >= 0)
		close(d->kernel);
	d->kernel = -1;
}

static void on_ring(evutil_socket_t fd, short what, void *daemon)
{
	struct mh_daemon *d = daemon;
	struct mh_pull p;
	int ret;

	(void)what;
	while ((ret = mh_attach_pull(fd, &p)) > 0) {
		if (p.kind == MH_PULL_SEAL) {
			seal(d, &p);
		} else if (p.kind == MH_PULL_CONNECT) {
			ret = connect_session(d, &p);
			if (ret && mh_attach_done(fd, p.id, ret))
				mh_log(MH_LOG_WARNING, "the local kernel took no refusal");
		}
	}
	if (!ret)
		return;
	mh_log(MH_LOG_WARNING, "the local kernel is served no more: %s",
	       ret == -ESHUTDOWN ? "the module is being unloaded; restart me when it is back" :
				   strerror(-ret));
	mh_kernel_close(d);
}

int mh_kernel_serve(struct mh_daemon *d)
{
	if (d->kernel < 0)
		return 0;
	d->kernel_ev = event_new(d->base, d->kernel, EV_READ | EV_PERSIST, on_ring, d);
	return d->kernel_ev && !event_add(d->kernel_ev, NULL) ? 0 : -ENOMEM;
}

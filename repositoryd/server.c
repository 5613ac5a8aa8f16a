// SPDX-License-Identifier: MIT
/*
 * Listeners, signals, and the commit that ends a turn of the loop: answers of
 * that turn wait for it, so that one fsync serves them all.
 */
#include "conn.h"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN	10	/* seconds that answers get to finish */
#define BACKLOG	512

/* ---- the transaction of a turn ---- */

int mh_server_begin(struct mh_daemon *d)
{
	event_active(d->commit, EV_TIMEOUT, 0);
	return mh_store_in_transaction(d->store) ? 0 : mh_store_begin(d->store);
}

static void release(struct mh_conn *c, bool refuse)
{
	struct mh_answer_out *a;

	while ((a = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, a, link);
		TAILQ_INSERT_TAIL(&c->ready, a, link);
		if (refuse) {
			a->code = MH_REFUSED_BUSY;
			a->retry_after = 30000;
		}
	}
}

void mh_server_flush(struct mh_daemon *d)
{
	struct mh_conn *c, *next;
	int ret = 0;

	if (mh_store_in_transaction(d->store)) {
		ret = mh_audit_commit(&d->audit);
		if (ret) {
			mh_log(MH_LOG_ERROR,
			       "audit: %s: deliveries are refused until it can be written",
			       ret == -ENOSPC ? "the disk is full" : mh_store_error(d->store));
			mh_store_rollback(d->store);
			mh_audit_reload(&d->audit);
		}
	}
	for (c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (ret && c->unrecorded && !c->standing)
			c->standing = MH_REFUSED_BUSY;
		c->unrecorded = false;
		if (TAILQ_EMPTY(&c->waiting))
			continue;
		release(c, ret);
		mh_conn_pump(c);
	}
	if (!ret && d->audit.head.seq - d->audit.checkpoint >= MH_AUDIT_CHECKPOINT_EVERY &&
	    mh_audit_checkpoint(&d->audit, mh_now(d)))
		mh_log(MH_LOG_ERROR, "no audit checkpoint could be written: %s",
		       mh_store_error(d->store));
}

static void on_commit(evutil_socket_t fd, short what, void *daemon)
{
	(void)fd;
	(void)what;
	mh_server_flush(daemon);
}

/* ---- listeners ---- */

int mh_server_descriptors(u32 max_connections)
{
	const rlim_t need = (rlim_t)max_connections + MH_DESCRIPTORS_OWN;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= need)
		return 0;
	r.rlim_cur = need;
	if (need <= r.rlim_max && !setrlimit(RLIMIT_NOFILE, &r))
		return 0;
	mh_log(MH_LOG_ERROR,
	       "max_connections = %u needs %llu descriptors, and %llu are allowed: LimitNOFILE=%llu "
	       "in the unit, ulimit -n, or a smaller max_connections",
	       max_connections, (unsigned long long)need, (unsigned long long)r.rlim_max,
	       (unsigned long long)need);
	return MH_RD_CONFIG;
}

static void on_relisten(evutil_socket_t fd, short what, void *daemon)
{
	struct mh_daemon *d = daemon;

	(void)fd;
	(void)what;
	for (unsigned int i = 0; i < d->listeners; i++)
		evconnlistener_enable(d->listener[i]);
}

/* Out of descriptors, most likely.  Who waits still waits, and the loop would spin on it. */
static void on_accept_error(struct evconnlistener *l, void *daemon)
{
	const struct timeval pause = { .tv_usec = 250000 };
	struct mh_daemon *d = daemon;
	int err = errno;

	if (mh_log_due(&d->said_accept))
		mh_log(MH_LOG_ERROR, "accept: %s; it is tried four times a second", strerror(err));
	if (!evtimer_add(d->relisten, &pause))
		evconnlistener_disable(l);
}

static int add_listener(struct mh_daemon *d, int fd, evconnlistener_cb cb)
{
	struct evconnlistener *l;

	if (fd < 0)
		return -errno;
	if (evutil_make_socket_nonblocking(fd) || listen(fd, BACKLOG)) {
		close(fd);
		return -errno;
	}
	l = evconnlistener_new(d->base, cb, d, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
			       fd);
	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	/* libevent does not say whether it listens */
	if (evconnlistener_enable(l)) {
		evconnlistener_free(l);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(l, on_accept_error);
	d->listener[d->listeners++] = l;
	return 0;
}

int mh_server_bind(const char *address)
{
	struct addrinfo *a = NULL;
	const int on = 1;
	int fd, ret = mh_config_address(address, &a);

	if (ret)
		return ret;
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		ret = -errno;
	else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		 (a->ai_family == AF_INET6 &&
		  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
		 bind(fd, a->ai_addr, a->ai_addrlen) || evutil_make_socket_nonblocking(fd) ||
		 listen(fd, BACKLOG))
		ret = -errno;
	freeaddrinfo(a);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * A socket file that nobody answers on is left
 * from a crash; one that answers is another daemon's.
 */
static int clear_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, ret;

	if (lstat(a->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)a, sizeof(*a)) ? 0 : -EADDRINUSE;
	close(fd);
	return ret ? ret : unlink(a->sun_path) ? -errno : 0;
}

static int bind_unix(struct mh_daemon *d, const char *path, mode_t mode, const char *group,
		     evconnlistener_cb cb)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct group *g = group ? getgrnam(group) : NULL;
	mode_t mask;
	int fd, ret;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	if (group && !g)
		return -ENOENT;
	strcpy(a.sun_path, path);
	ret = clear_stale(&a);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0777 & ~mode);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || (g && chown(path, (uid_t)-1, g->gr_gid)))
		ret = -errno;
	umask(mask);
	if (ret) {
		close(fd);
		return ret;
	}
	d->bound[d->bounds] = strdup(path);
	if (d->bound[d->bounds])
		d->bounds++;
	return add_listener(d, fd, cb);
}

static int say(const char *what, int err)
{
	mh_log(MH_LOG_ERROR, "%s: %s", what,
	       err == -EADDRINUSE ? "the address is taken: another daemon listens on it" :
				    strerror(-err));
	return MH_RD_ADDRESS;
}

int mh_server_listen(struct mh_daemon *d)
{
	const struct mh_config *c = &d->config;
	int ret;

	d->relisten = evtimer_new(d->base, on_relisten, d);
	if (!d->relisten)
		return MH_RD_FAILED;
	for (unsigned int i = 0; i < c->listens; i++) {
		ret = mh_server_bind(c->listen[i]);
		if (ret >= 0)
			ret = add_listener(d, ret, mh_conn_accept);
		if (ret)
			return say(c->listen[i], ret);
	}
	ret = c->socket ? bind_unix(d, c->socket, 0666, NULL, mh_conn_accept) : 0;
	if (ret)
		return say(c->socket, ret);
	ret = bind_unix(d, c->admin, 0660, c->admin_group, mh_admin_accept);
	return ret ? say(c->admin, ret) : 0;
}

/* ---- signals, time ---- */

static void reload(struct mh_daemon *d)
{
	struct mh_config c;

	mh_notify("RELOADING=1");
	if (mh_config_read(&c, d->config_path)) {
		mh_log(MH_LOG_ERROR, "%s: not taken; the configuration stays as it was",
		       d->config_path);
	} else if (strcmp(c.name, d->config.name) || strcmp(c.store, d->config.store) ||
		   strcmp(c.keeper, d->config.keeper)) {
		mh_log(MH_LOG_ERROR, "%s: name, store and keeper change at a restart only",
		       d->config_path);
		mh_config_free(&c);
	} else if (mh_server_descriptors(c.max_connections)) {
		mh_log(MH_LOG_ERROR, "%s: not taken; the configuration stays as it was",
		       d->config_path);
		mh_config_free(&c);
	} else {
		mh_config_free(&d->config);
		d->config = c;
		mh_log_limit = c.level;
		mh_log(MH_LOG_INFO,
		       "configuration read again; listeners, user and sockets change at a restart");
	}
	mh_notify("READY=1");
}

/* When the last connection is gone there is nothing to wait for. */
static void on_drain(evutil_socket_t fd, short what, void *daemon)
{
	struct mh_daemon *d = daemon;

	(void)fd;
	(void)what;
	if (LIST_EMPTY(&d->conns) || mh_conn_clock() >= d->drain_until)
		event_base_loopexit(d->base, NULL);
}

void mh_server_drain(struct mh_daemon *d)
{
	const struct timeval often = { .tv_usec = 100000 };
	struct mh_conn *c, *next;

	if (d->draining) {
		event_base_loopexit(d->base, NULL);
		return;
	}
	mh_log(MH_LOG_INFO, "draining: answers in hand are finished, at most %d seconds", DRAIN);
	mh_notify("STOPPING=1");
	d->draining = true;
	while (d->listeners)
		evconnlistener_free(d->listener[--d->listeners]);
	mh_kernel_close(d);
	mh_server_flush(d);
	for (c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->phase != MH_CONN_OPEN)
			mh_conn_free(c);
		else
			mh_conn_pump(c);
	}
	d->drain_until = mh_conn_clock() + DRAIN;
	event_add(d->drain, &often);
}

static void on_signal(evutil_socket_t sig, short what, void *daemon)
{
	struct mh_daemon *d = daemon;
	int status;

	(void)what;
	if (sig == SIGHUP) {
		reload(d);
	} else if (sig == SIGCHLD) {
		if (waitpid(d->keeper.pid, &status, WNOHANG) != d->keeper.pid)
			return;
		mh_log(MH_LOG_ERROR, "the keeper ended: without its keys nothing can be served");
		if (d->keeper.fd >= 0)
			close(d->keeper.fd);
		d->keeper.fd = -1;
		event_base_loopbreak(d->base);
	} else {
		mh_server_drain(d);
	}
}

static void on_hour(evutil_socket_t fd, short what, void *daemon)
{
	const struct timeval hour = { .tv_sec = 3600 };
	struct mh_daemon *d = daemon;

	(void)fd;
	(void)what;
	mh_freshness_sign_all(d);
	evtimer_add(d->hourly, &hour);
}

static void on_turn(evutil_socket_t fd, short what, void *daemon)
{
	(void)fd;
	(void)what;
	mh_freshness_turn(daemon);
}

int mh_server_run(struct mh_daemon *d)
{
	static const int sigs[] = { SIGHUP, SIGTERM, SIGINT, SIGCHLD };
	const struct timeval hour = { .tv_sec = 3600 };
	struct event *sig[ARRAY_SIZE(sigs)];
	sigset_t all;
	bool ok = true;

	d->commit = event_new(d->base, -1, 0, on_commit, d);
	d->hourly = evtimer_new(d->base, on_hour, d);
	d->turn = evtimer_new(d->base, on_turn, d);
	d->drain = event_new(d->base, -1, EV_PERSIST, on_drain, d);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
		sig[i] = evsignal_new(d->base, sigs[i], on_signal, d);
		ok = ok && sig[i] && !event_add(sig[i], NULL);
	}
	ok = ok && d->commit && d->hourly && d->turn && d->drain &&
		!event_priority_set(d->commit, 1) && !evtimer_add(d->hourly, &hour) &&
		!mh_kernel_serve(d);
	if (ok) {
		mh_freshness_sign_all(d);
		mh_notify("READY=1");
		mh_log(MH_LOG_INFO, "%s serves", d->config.name);
		ok = event_base_dispatch(d->base) >= 0;
		if (!ok)
			mh_log(MH_LOG_ERROR, "the event loop ended: %s", strerror(errno));
	}
	/* it ends: a signal that comes now would find no handler, and break that off */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	mh_server_flush(d);
	while (!LIST_EMPTY(&d->conns))
		mh_conn_free(LIST_FIRST(&d->conns));
	mh_admin_free_all(d);
	if (mh_store_in_transaction(d->store) && mh_audit_commit(&d->audit))
		mh_store_rollback(d->store);
	if (d->keeper.fd >= 0 && mh_audit_checkpoint(&d->audit, mh_now(d)))
		mh_log(MH_LOG_ERROR, "no audit checkpoint could be written: %s",
		       mh_store_error(d->store));
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		if (sig[i])
			event_free(sig[i]);
	while (d->listeners)
		evconnlistener_free(d->listener[--d->listeners]);
	return ok && d->keeper.fd >= 0 ? MH_RD_OK : d->keeper.fd < 0 ? MH_RD_KEEPER : MH_RD_FAILED;
}

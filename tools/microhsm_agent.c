// SPDX-License-Identifier: MIT
/*
 * microhsm agent: a relay without a store.  It pulls what the kernel wants,
 * connects to an upstream, gets the session's descriptor and moves bytes it cannot read
 * between the two; it writes sealed identities when the kernel says they changed.
 *
 * One pump a session: kernel descriptor <-> socket, each way with a small buffer.
 */
#include "microhsm.h"
#include "lib/attach.h"

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUF_SIZE	(64 * 1024)
#define CONNECT_SECONDS	5
#define PUMPS_MAX	1024

struct agent {
	struct mht *t;
	struct event_base *base;
	int kernel;			/* attach descriptor */
	struct event *ring;
	const char *const *upstream;	/* --upstream; before the bundle's addresses */
	unsigned int upstreams, pumps;
	int netns, home;		/* where TCP is spoken, and ours; both -1: the same */
	int exit_code;
};

struct way {
	u8 buf[BUF_SIZE];
	size_t at, n;
};

struct pump {
	struct agent *a;
	struct mh_pull pull;
	unsigned int next;		/* upstream to try next */
	int session, sock;		/* -1 until there */
	struct event *session_ev, *sock_ev;
	struct way up, down;		/* session -> socket, socket -> session */
	bool connected;
};

static void pump_free(struct pump *p)
{
	if (p->session_ev)
		event_free(p->session_ev);
	if (p->sock_ev)
		event_free(p->sock_ev);
	if (p->session >= 0)
		close(p->session);
	if (p->sock >= 0)
		close(p->sock);
	p->a->pumps--;
	free(p);
}

/* Address number n: --upstream first, then the bundle's, one a line; NULL past the last. */
static const char *address(struct pump *p, unsigned int n, char *out, size_t size)
{
	const char *s = p->pull.addresses;

	if (n < p->a->upstreams)
		return p->a->upstream[n];
	for (n -= p->a->upstreams; n && *s; n--)
		s += strcspn(s, "\n") + (s[strcspn(s, "\n")] == '\n');
	if (!*s)
		return NULL;
	snprintf(out, size, "%.*s", (int)strcspn(s, "\n"), s);
	return out;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

/* "host:port" or "[v6]:port"; numeric addresses need no resolver */
static int connect_tcp(const char *spec)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	const char *colon = strrchr(spec, ':');
	char host[256];
	const int on = 1;
	int fd, ret;

	if (!colon || colon == spec || (size_t)(colon - spec) >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - spec), spec);
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		memmove(host, host + 1, strlen(host));
	}
	if (getaddrinfo(host, colon + 1, &hints, &list))
		return -EHOSTUNREACH;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = fd < 0 ? -errno : 0;
	if (!ret)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on)); /* slower without, not wrong */
	if (!ret && connect(fd, list->ai_addr, list->ai_addrlen) < 0 && errno != EINPROGRESS)
		ret = -errno;
	freeaddrinfo(list);
	if (ret && fd >= 0)
		close(fd);
	return ret ? ret : fd;
}

/*
 * A socket stays in the namespace that it was made in, and the resolver asks there too; the rest
 * of us is never away from home.
 */
static int connect_away(struct agent *a, const char *spec)
{
	int fd;

	if (a->netns < 0)
		return connect_tcp(spec);
	if (setns(a->netns, CLONE_NEWNET) < 0)
		return -errno;
	fd = connect_tcp(spec);
	if (setns(a->home, CLONE_NEWNET) < 0) {
		mh_note("microhsm agent: no way back to this network namespace: %s",
			strerror(errno));
		exit(MH_EXIT_FAILED);
	}
	return fd;
}

static void on_socket(evutil_socket_t fd, short what, void *arg);
static void on_session(evutil_socket_t fd, short what, void *arg);

/* The next upstream that can be tried, or the request is done with an error. */
static void try_next(struct pump *p)
{
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	char buf[256];
	const char *to;

	if (p->sock_ev)
		event_free(p->sock_ev);
	p->sock_ev = NULL;
	if (p->sock >= 0)
		close(p->sock);
	p->sock = -1;
	while ((to = address(p, p->next++, buf, sizeof(buf)))) {
		p->sock = *to == '/' ? connect_unix(to) : connect_away(p->a, to);
		if (p->sock < 0) {
			mh_note("microhsm agent: %s: %s", to, strerror(-p->sock));
			continue;
		}
		p->sock_ev = event_new(p->a->base, p->sock, EV_WRITE, on_socket, p);
		if (p->sock_ev && !event_add(p->sock_ev, &patience))
			return;
		break;
	}
	if (mh_attach_done(p->a->kernel, p->pull.id, -EHOSTUNREACH))
		mh_note("microhsm agent: the kernel did not take the failure of a request");
	pump_free(p);
}

/* What each descriptor should wake for, from what the two buffers hold. */
static int rearm(struct pump *p)
{
	short s = (short)((p->up.n ? 0 : EV_READ) | (p->down.n ? EV_WRITE : 0));
	short n = (short)((p->down.n ? 0 : EV_READ) | (p->up.n ? EV_WRITE : 0));

	event_del(p->session_ev);
	event_del(p->sock_ev);
	if (event_assign(p->session_ev, p->a->base, p->session, s, on_session, p) ||
	    event_assign(p->sock_ev, p->a->base, p->sock, n, on_socket, p))
		return -EINVAL;
	return (s && event_add(p->session_ev, NULL)) || (n && event_add(p->sock_ev, NULL)) ?
		       -ENOMEM :
		       0;
}

/* Read once when empty, write what there is; 0, or -errno, -EPIPE at the end of file */
static int fill(struct way *w, int fd)
{
	ssize_t n;

	if (w->n)
		return 0;
	n = read(fd, w->buf, sizeof(w->buf));
	if (n > 0) {
		w->at = 0;
		w->n = (size_t)n;
		return 0;
	}
	return !n ? -EPIPE : errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int drain(struct way *w, int fd, bool sock)
{
	while (w->n) {
		ssize_t n = sock ? send(fd, w->buf + w->at, w->n, MSG_NOSIGNAL) :
				   write(fd, w->buf + w->at, w->n);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		w->at += (size_t)n;
		w->n -= (size_t)n;
	}
	return 0;
}

static void move(struct pump *p)
{
	int up = fill(&p->up, p->session), down = fill(&p->down, p->sock), ret;

	ret = drain(&p->up, p->sock, true);
	if (!ret)
		ret = drain(&p->down, p->session, false);
	/* an end is an end only when what came before it has been passed on */
	if (!ret && ((up && !p->up.n) || (down && !p->down.n)))
		ret = up ? up : down;
	if (ret || rearm(p))
		pump_free(p);
}

static void on_session(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	move(arg);
}

/* The first time: connected or not. Then the kernel is asked for the session. */
static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct pump *p = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	if (p->connected) {
		move(p);
		return;
	}
	if (what & EV_TIMEOUT)
		err = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err) {
		mh_note("microhsm agent: connecting: %s", strerror(err));
		try_next(p);
		return;
	}
	p->session = mh_attach_session(p->a->kernel, p->pull.id);
	if (p->session < 0) {	/* nobody waits any more */
		pump_free(p);
		return;
	}
	p->connected = true;
	p->session_ev = event_new(p->a->base, p->session, EV_READ, on_session, p);
	if (!p->session_ev || rearm(p))
		pump_free(p);
}

static void start_pump(struct agent *a, const struct mh_pull *pull)
{
	struct pump *p = a->pumps < PUMPS_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		if (mh_attach_done(a->kernel, pull->id, -EBUSY))
			mh_note("microhsm agent: the kernel did not take the failure of a request");
		return;
	}
	a->pumps++;
	p->a = a;
	p->pull = *pull;
	p->session = -1;
	p->sock = -1;
	try_next(p);
}

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	struct mh_pull pull;
	int ret;

	(void)what;
	while ((ret = mh_attach_pull(fd, &pull)) > 0) {
		if (pull.kind == MH_PULL_CONNECT)
			start_pump(a, &pull);
		else if (pull.kind == MH_PULL_SEAL && mht_write_blob(a->t, a->kernel, pull.serial))
			mh_note("microhsm agent: the identity stays as last sealed; it is tried "
				"again at its next change");
	}
	if (ret < 0) {
		a->exit_code = mh_fail(ret == -ESHUTDOWN ? MH_EXIT_OK : MH_EXIT_UNREACHABLE,
				       "the kernel ended the agent: %s", strerror(-ret));
		event_base_loopbreak(a->base);
	}
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct agent *a = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(a->base);
}

static const struct mht_option agent_options[] = {
	{ "--upstream", "ADDR",
	  "host:port, [v6]:port or a socket's path; again for more; before those of the bundle" },
	{ "--netns", "NS",
	  "speak TCP in this network namespace: a file, or a name that ip netns gave" },
	{ 0 },
};

static int open_netns(struct agent *a, const char *given)
{
	char path[PATH_MAX];

	a->netns = -1;
	a->home = -1;
	if (!given)
		return 0;
	snprintf(path, sizeof(path), "%s%s", strchr(given, '/') ? "" : "/run/netns/", given);
	a->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	a->netns = open(path, O_RDONLY | O_CLOEXEC);
	if (a->home < 0 || a->netns < 0)
		return mh_fail(MH_EXIT_NOTFOUND, "--netns %s: %s", given, strerror(errno));
	/* once for trial: better now than at the first fetch */
	if (setns(a->netns, CLONE_NEWNET) < 0 || setns(a->home, CLONE_NEWNET) < 0)
		return mh_fail(errno == EINVAL ? MH_EXIT_USAGE : MH_EXIT_DENIED,
			       "--netns %s: %s", given,
			       errno == EINVAL ? "not a network namespace" : strerror(errno));
	return 0;
}

static int run_loop(struct agent *a)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct event *ev[ARRAY_SIZE(signals)];

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		ev[i] = evsignal_new(a->base, signals[i], on_signal, a);
		if (!ev[i] || event_add(ev[i], NULL))
			return mh_fail(MH_EXIT_FAILED, "the event loop could not be set up");
	}
	a->ring = event_new(a->base, a->kernel, EV_READ | EV_PERSIST, on_ring, a);
	if (!a->ring || event_add(a->ring, NULL))
		return mh_fail(MH_EXIT_FAILED, "the event loop could not be set up");
	mh_note("microhsm agent: attached");
	on_ring(a->kernel, EV_READ, a);		/* what was waiting before us */
	if (event_base_dispatch(a->base) < 0)
		a->exit_code = mh_fail(MH_EXIT_FAILED, "the event loop failed");
	event_free(a->ring);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		event_free(ev[i]);
	return a->exit_code;
}

static int run_agent(struct mht *t)
{
	struct agent a = { .t = t };
	int ret;

	a.upstreams = mht_values(t, "--upstream", &a.upstream);
	ret = open_netns(&a, mht_value(t, "--netns"));
	if (ret)
		return ret;
	a.kernel = mh_attach();
	if (a.kernel == -ENOENT || a.kernel == -ENXIO)
		return mh_fail(MH_EXIT_UNREACHABLE, "the module is not loaded: insmod microhsm.ko");
	if (a.kernel < 0)
		return mht_tell(-a.kernel, "attaching as the host's agent");
	signal(SIGPIPE, SIG_IGN);
	a.base = event_base_new();
	ret = a.base ? run_loop(&a) : mh_fail(MH_EXIT_FAILED, "the event loop could not be made");
	if (a.base)
		event_base_free(a.base);
	close(a.kernel);
	return ret;
}

const struct mht_verb mht_agent_verbs[] = {
	{ "agent", "", 0, 0,
	  "relay the kernel's sessions to repositories; runs until it is told to end",
	  agent_options, run_agent },
	{ 0 },
};

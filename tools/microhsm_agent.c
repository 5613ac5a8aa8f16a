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
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUF_SIZE	(64 * 1024)
#define CONNECT_SECONDS	5
#define PUMPS_MAX	1024
#define ADDRESSES_MAX	16	/* of one name */
#define LOOKUPS_MAX	64	/* at a time */

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

/* What a name stands for. It comes through a pipe in one piece. */
struct addresses {
	char why[64];			/* there is none, or "" */
	unsigned int n;
	struct sockaddr_storage a[ADDRESSES_MAX];
};

static_assert(sizeof(struct addresses) <= PIPE_BUF, "written whole or not at all");

/* One that a thread asks the resolver for, which may take long; it frees this. */
struct lookup {
	char host[256], port[32];
	int netns, out;			/* where to ask, or -1; the pipe */
};

static atomic_uint lookups;

struct pump {
	struct agent *a;
	struct mh_pull pull;
	unsigned int next;		/* upstream to try next */
	char spec[256];			/* that is tried now */
	struct addresses to;		/* of its name */
	unsigned int at;		/* of these to try next */
	int session, sock;		/* -1 until there; sock: or the pipe of a look-up */
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

static socklen_t address_len(const struct sockaddr_storage *to)
{
	return to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int connect_tcp(const struct sockaddr_storage *to)
{
	const int on = 1;
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
	if (connect(fd, (const struct sockaddr *)to, address_len(to)) < 0 && errno != EINPROGRESS)
		ret = -errno;
	if (ret)
		close(fd);
	return ret ? ret : fd;
}

/* A socket stays in the namespace that it was made in; the rest of us is never away from home. */
static int connect_away(struct agent *a, const struct sockaddr_storage *to)
{
	int fd;

	if (a->netns < 0)
		return connect_tcp(to);
	if (setns(a->netns, CLONE_NEWNET) < 0)
		return -errno;
	fd = connect_tcp(to);
	if (setns(a->home, CLONE_NEWNET) < 0) {
		mh_note("microhsm agent: no way back to this network namespace: %s",
			strerror(errno));
		exit(MH_EXIT_FAILED);
	}
	return fd;
}

/* ---- names ---- */

static int resolve(const char *host, const char *port, int flags, struct addresses *to)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *list;
	int err = getaddrinfo(host, port, &hints, &list);

	to->n = 0;
	if (err) {
		snprintf(to->why, sizeof(to->why), "%s",
			 err == EAI_SYSTEM ? strerror(errno) : gai_strerror(err));
		return -EHOSTUNREACH;
	}
	for (struct addrinfo *i = list; i && to->n < ADDRESSES_MAX; i = i->ai_next)
		if (i->ai_addrlen <= sizeof(to->a[0]))
			memcpy(&to->a[to->n++], i->ai_addr, i->ai_addrlen);
	freeaddrinfo(list);
	return 0;
}

static void *run_lookup(void *arg)
{
	struct lookup *l = arg;
	struct addresses to = { 0 };

	/* the resolver asks in that namespace too; this thread alone goes there */
	if (l->netns >= 0 && setns(l->netns, CLONE_NEWNET) < 0)
		snprintf(to.why, sizeof(to.why), "%s", strerror(errno));
	else
		resolve(l->host, l->port, 0, &to);
	if (write(l->out, &to, sizeof(to)) < 0)
		mh_note("microhsm agent: %s was looked up too late", l->host);
	close(l->out);
	free(l);
	lookups--;
	return NULL;
}

/* The pipe that the answer will come by, or -errno */
static int start_lookup(struct agent *a, const char *host, const char *port)
{
	struct lookup *l = lookups < LOOKUPS_MAX ? calloc(1, sizeof(*l)) : NULL;
	pthread_t thread;
	int fds[2], ret;

	if (!l)
		return -EAGAIN;
	snprintf(l->host, sizeof(l->host), "%s", host);
	snprintf(l->port, sizeof(l->port), "%s", port);
	l->netns = a->netns;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
		ret = -errno;
		free(l);
		return ret;
	}
	l->out = fds[1];
	lookups++;
	ret = pthread_create(&thread, NULL, run_lookup, l);
	if (!ret) {
		pthread_detach(thread);
		return fds[0];
	}
	lookups--;
	close(fds[0]);
	close(fds[1]);
	free(l);
	return -ret;
}

/*
 * "host:port" or "[v6]:port": the pipe as above; or numeric, and p->to holds it: -EISCONN
 */
static int look_up(struct pump *p)
{
	const char *colon = strrchr(p->spec, ':');
	char host[256];

	if (!colon || colon == p->spec)
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - p->spec), p->spec);
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		memmove(host, host + 1, strlen(host));
	}
	if (!resolve(host, colon + 1, AI_NUMERICHOST | AI_NUMERICSERV, &p->to))
		return -EISCONN;
	return start_lookup(p->a, host, colon + 1);
}

/* ---- one upstream after the other, and each of its addresses ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg);
static void on_session(evutil_socket_t fd, short what, void *arg);
static void try_next(struct pump *p);

/* Why what was tried last is no good */
static void tell(const struct pump *p, const char *why)
{
	const struct sockaddr_storage *to = p->at ? &p->to.a[p->at - 1] : NULL;
	char host[64];

	if (!to || getnameinfo((const struct sockaddr *)to, address_len(to), host, sizeof(host),
			       NULL, 0, NI_NUMERICHOST) || strstr(p->spec, host))
		mh_note("microhsm agent: %s: %s", p->spec, why);
	else
		mh_note("microhsm agent: %s (%s): %s", p->spec, host, why);
}

static void on_lookup(evutil_socket_t fd, short what, void *arg)
{
	struct pump *p = arg;

	if (what & EV_TIMEOUT)
		tell(p, "the name is not found in time");
	else if (read(fd, &p->to, sizeof(p->to)) != sizeof(p->to))
		p->to.n = 0;
	else if (!p->to.n)
		tell(p, p->to.why);
	try_next(p);
}

static bool next_spec(struct pump *p)
{
	char buf[sizeof(p->spec)];
	const char *to = address(p, p->next++, buf, sizeof(buf));

	p->to.n = 0;
	p->at = 0;
	if (to)
		snprintf(p->spec, sizeof(p->spec), "%s", to);
	return to;
}

static void drop_socket(struct pump *p)
{
	if (p->sock_ev)
		event_free(p->sock_ev);
	p->sock_ev = NULL;
	if (p->sock >= 0)
		close(p->sock);
	p->sock = -1;
}

/* The next that can be tried, each with its own patience, or the request is done with an error. */
static void try_next(struct pump *p)
{
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };

	drop_socket(p);
	while (p->at < p->to.n || next_spec(p)) {
		bool known = p->at < p->to.n, path = *p->spec == '/';

		p->sock = known ? connect_away(p->a, &p->to.a[p->at++]) :
			  path	? connect_unix(p->spec) :
				  look_up(p);
		if (p->sock == -EISCONN && !known)
			continue;
		if (p->sock < 0) {
			tell(p, strerror(-p->sock));
			continue;
		}
		p->sock_ev = known || path ?
				     event_new(p->a->base, p->sock, EV_WRITE, on_socket, p) :
				     event_new(p->a->base, p->sock, EV_READ, on_lookup, p);
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
		tell(p, strerror(err));
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
		return mht_no_module();
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
	  agent_options, run_agent, true },
	{ 0 },
};

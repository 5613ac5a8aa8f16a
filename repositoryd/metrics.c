// SPDX-License-Identifier: MIT
/*
 * The monitor's door.  libevent's HTTP server limits neither how many connections there are nor how
 * long one lives, so each is watched from here: a few at a time, each for some seconds.
 */
#include "metrics.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT		5	/* seconds */
#define LIFE		10	/* seconds of a connection, whatever is said on it */
#define HEADERS		4096	/* bytes of a request's */
#define OFTEN		100000	/* microseconds, while there is a connection */

struct mh_metrics {
	struct mh_daemon *daemon;
	struct evhttp *http;
	struct evconnlistener *listener;
	struct event *sweep;
	struct watched {
		struct bufferevent *bev;	/* ours too: evhttp takes its callbacks off */
		u64 began;
	} client[MH_METRICS_CLIENTS];
};

/* evhttp takes the listener's argument for itself; there is one daemon in a process. */
static struct mh_metrics *of_listener;

void mh_metrics_count(struct mh_region *r, const struct mh_answer_out *a, int err)
{
	struct mh_counts *n = &r->counts;

	if (err)
		n->cut++;
	else if (a->code)
		n->refused[a->code < ARRAY_SIZE(n->refused) ? a->code : 0]++;
	else if (a->unchanged)
		n->unchanged++;
	else
		n->delivered++;
	if (!err && !a->code) {
		n->answered = true;
		n->answered_at = mh_conn_clock();
	}
}

/* ---- connections ---- */

static struct watched *place(struct mh_metrics *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->client); i++)
		if (!m->client[i].bev)
			return &m->client[i];
	return NULL;
}

static bool is_let_go(struct bufferevent *bev)
{
	bufferevent_event_cb cb;

	bufferevent_getcb(bev, NULL, NULL, &cb, NULL);
	return !cb;
}

static void reap(struct mh_metrics *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->client); i++) {
		struct watched *w = &m->client[i];

		if (w->bev && is_let_go(w->bev)) {
			bufferevent_decref(w->bev);
			w->bev = NULL;
		}
	}
}

/* evhttp closes what was shut down, as if the peer had. */
static void on_sweep(evutil_socket_t fd, short what, void *metrics)
{
	const struct timeval often = { .tv_usec = OFTEN };
	struct mh_metrics *m = metrics;
	u64 now = mh_conn_clock();
	bool any = false;

	(void)fd;
	(void)what;
	reap(m);
	for (size_t i = 0; i < ARRAY_SIZE(m->client); i++) {
		struct watched *w = &m->client[i];

		if (w->bev && now - w->began > LIFE)
			shutdown(bufferevent_getfd(w->bev), SHUT_RDWR);
		any = any || w->bev;
	}
	if (any)
		evtimer_add(m->sweep, &often);
	if (place(m))
		evconnlistener_enable(m->listener);
}

/* The newest gets in: who only holds a place goes. */
static void end_oldest(struct mh_metrics *m)
{
	struct watched *old = &m->client[0];

	for (size_t i = 1; i < ARRAY_SIZE(m->client); i++)
		if (m->client[i].began < old->began)
			old = &m->client[i];
	shutdown(bufferevent_getfd(old->bev), SHUT_RDWR);
	evconnlistener_disable(m->listener);
}

static struct bufferevent *on_client(struct event_base *base, void *metrics)
{
	const struct timeval often = { .tv_usec = OFTEN };
	struct mh_metrics *m = metrics;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct watched *w;

	reap(m);
	w = place(m);
	if (!bev || !w)
		return bev;
	bufferevent_incref(bev);
	w->bev = bev;
	w->began = mh_conn_clock();
	if (!place(m))
		end_oldest(m);
	if (!evtimer_pending(m->sweep, NULL))
		evtimer_add(m->sweep, &often);
	return bev;
}

/* Out of descriptors, most likely: it is tried again by and by. */
static void on_accept_error(struct evconnlistener *l, void *http)
{
	const struct timeval pause = { .tv_usec = 250000 };

	(void)http;
	if (!evtimer_add(of_listener->sweep, &pause))
		evconnlistener_disable(l);
}

/* ---- answers ---- */

static void answer(struct evhttp_request *q, int code, const char *reason, struct evbuffer *body)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(q);

	evhttp_add_header(h, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	evhttp_add_header(h, "Connection", "close");
	if (code == 405)
		evhttp_add_header(h, "Allow", "GET, HEAD");
	if (evhttp_request_get_command(q) == EVHTTP_REQ_HEAD)
		evbuffer_drain(body, evbuffer_get_length(body));
	evhttp_send_reply(q, code, reason, body);
}

static void on_request(struct evhttp_request *q, void *daemon)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(q);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(q);
	struct evbuffer *body = evbuffer_new();
	struct mh_daemon *d = daemon;
	int ret;

	if (!body) {
		evhttp_send_error(q, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		answer(q, 405, "Method Not Allowed", body);
	} else if (path && !strcmp(path, "/metrics")) {
		ret = mh_metrics_text(d, body);
		answer(q, ret ? 500 : 200, ret ? "Internal Server Error" : "OK", body);
	} else if (path && !strcmp(path, "/health")) {
		ret = mh_metrics_health(d, body);
		answer(q, ret > 0 ? 200 : 503, ret > 0 ? "OK" : "Service Unavailable", body);
	} else {
		evbuffer_add_printf(body, "there are /metrics and /health\n");
		answer(q, 404, "Not Found", body);
	}
	evbuffer_free(body);
}

/* ---- up and down ---- */

static int serve(struct mh_metrics *m, int fd)
{
	m->sweep = evtimer_new(m->daemon->base, on_sweep, m);
	m->http = evhttp_new(m->daemon->base);
	m->listener = evconnlistener_new(m->daemon->base, NULL, NULL,
					 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, fd);
	if (!m->listener)
		close(fd);
	if (!m->sweep || !m->http || !m->listener)
		return -ENOMEM;
	evconnlistener_set_error_cb(m->listener, on_accept_error);
	evhttp_set_bevcb(m->http, on_client, m);
	evhttp_set_gencb(m->http, on_request, m->daemon);
	evhttp_set_timeout(m->http, SILENT);
	evhttp_set_max_headers_size(m->http, HEADERS);
	evhttp_set_max_body_size(m->http, 0);
	/* all: another method is told so by on_request() */
	evhttp_set_allowed_methods(m->http, 0xffff);
	return evhttp_bind_listener(m->http, m->listener) ? 0 : -ENOMEM;
}

int mh_metrics_listen(struct mh_daemon *d)
{
	const char *at = d->config.metrics;
	int fd, ret;

	if (!at)
		return 0;
	fd = mh_server_bind(at);
	if (fd < 0) {
		mh_log(MH_LOG_ERROR, "metrics = %s: %s", at,
		       fd == -EADDRINUSE ? "the address is taken" : strerror(-fd));
		return MH_RD_ADDRESS;
	}
	d->metrics = calloc(1, sizeof(*d->metrics));
	if (!d->metrics) {
		close(fd);
		return MH_RD_FAILED;
	}
	d->metrics->daemon = d;
	of_listener = d->metrics;
	ret = serve(d->metrics, fd);
	if (!ret)
		return 0;
	mh_log(MH_LOG_ERROR, "metrics = %s: %s", at, strerror(-ret));
	return MH_RD_FAILED;
}

void mh_metrics_close(struct mh_daemon *d)
{
	struct mh_metrics *m = d->metrics;

	if (!m)
		return;
	d->metrics = NULL;
	of_listener = NULL;
	if (m->http)
		evhttp_free(m->http);
	else if (m->listener)
		evconnlistener_free(m->listener);
	for (size_t i = 0; i < ARRAY_SIZE(m->client); i++)
		if (m->client[i].bev)
			bufferevent_decref(m->client[i].bev);
	if (m->sweep)
		event_free(m->sweep);
	free(m);
}

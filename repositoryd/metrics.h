/* SPDX-License-Identifier: MIT */
/*
 * What a monitor asks, over HTTP on a loopback address:
 *
 *	GET /metrics	Prometheus' text format 0.0.4
 *	GET /health	200 when every Region can be served, else 503; why, one line for each
 *
 * Labels name Regions and outcomes, never an Entity or a DataSet: a peer cannot make more of them.
 */
#ifndef REPOSITORYD_METRICS_H
#define REPOSITORYD_METRICS_H

#include "conn.h"

/* Listens, if the configuration says where; before privileges are dropped; an exit code */
int mh_metrics_listen(struct mh_daemon *d);
void mh_metrics_close(struct mh_daemon *d);
/* An answer went out whole, or was broken off (err). */
void mh_metrics_count(struct mh_region *r, const struct mh_answer_out *a, int err);

/* metrics_text.c: adds to out; -ENOMEM */
int mh_metrics_text(struct mh_daemon *d, struct evbuffer *out);
/* Whether all is served, and in out why not; negative: -ENOMEM */
int mh_metrics_health(struct mh_daemon *d, struct evbuffer *out);

#endif

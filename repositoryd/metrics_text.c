// SPDX-License-Identifier: MIT
/* What the monitor is told, of memory alone: asking often costs the store nothing. */
#include "ahead.h"
#include "metrics.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* More than an INI can name; what is beyond is counted in microhsm_regions alone. */
#define REGIONS_MOST	64

struct telling {
	struct mh_daemon *d;
	struct evbuffer *out;
	u64 now, clock;		/* time as statements have it, and what ages are counted on */
	int err;
};

static void say(struct telling *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct telling *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (evbuffer_add_vprintf(t->out, fmt, ap) < 0)
		t->err = -ENOMEM;
	va_end(ap);
}

/* ---- what is served ---- */

static const char *not_valid(const struct mh_bytes *b, u64 now, const char *none, const char *early,
			     const char *ended)
{
	struct mh_stmt s;
	int ret;

	if (!b->n || mh_stmt_parse(&s, b->p, b->n))
		return none;
	ret = mh_stmt_valid_at(&s, now);
	return !ret ? NULL : ret == -ESTALE ? early : ended;
}

/* Why this Region cannot be served, or NULL */
static const char *hindrance(const struct mh_region *r, u64 now)
{
	const char *why;

	if (r->stale)
		return "could not be read from the store";
	why = not_valid(&r->serve, now, "no DELEGATION of serve to this server holds",
			"the DELEGATION of serve has not begun",
			"the DELEGATION of serve has ended");
	if (!why)
		why = not_valid(&r->fresh, now, "no DELEGATION of freshness to this server holds",
				"the DELEGATION of freshness has not begun",
				"the DELEGATION of freshness has ended");
	if (!why && !r->epoch.n)
		why = "no EPOCH was signed";
	if (!why && r->epoch_end < now)
		why = "its EPOCH has ended";
	return why ? why : r->idr.n ? NULL : "nothing to shake hands with";
}

static const char *hindrance_of_all(const struct mh_daemon *d)
{
	if (d->draining)
		return "the daemon is ending";
	if (d->keeper.fd < 0)
		return "the keeper ended";
	if (!d->store)
		return "the store is not open";
	return d->audit.doubt ? "the audit could not be written" : NULL;
}

int mh_metrics_health(struct mh_daemon *d, struct evbuffer *out)
{
	struct telling t = { .d = d, .out = out, .now = mh_now(d) };
	const char *why = hindrance_of_all(d);
	struct mh_region *r;
	bool well = !why;

	if (why)
		say(&t, "%s\n", why);
	LIST_FOREACH(r, &d->regions, link) {
		why = hindrance(r, t.now);
		well = well && !why;
		if (why)
			say(&t, "Region %s: %s\n", r->row.label, why);
	}
	if (well)
		say(&t, "every Region is served\n");
	return t.err ? t.err : well;
}

/* ---- values of a Region ---- */

static bool seconds_left(const struct telling *t, const struct mh_bytes *b, s64 *out)
{
	struct mh_stmt s;

	if (!b->n || mh_stmt_parse(&s, b->p, b->n))
		return false;
	*out = (s64)(s.not_after - t->now);
	return true;
}

static bool age(const struct telling *t, bool any, u64 at, s64 *out)
{
	*out = (s64)(t->clock - at);
	return any;
}

static bool is_served(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = !hindrance(r, t->now);
	return true;
}

static bool sessions(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = r->counts.sessions;
	return true;
}

static bool delivered(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = (s64)r->counts.delivered;
	return true;
}

static bool unchanged(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = (s64)r->counts.unchanged;
	return true;
}

static bool cut(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = (s64)r->counts.cut;
	return true;
}

static bool answer_age(const struct telling *t, const struct mh_region *r, s64 *out)
{
	return age(t, r->counts.answered, r->counts.answered_at, out);
}

static bool epoch_age(const struct telling *t, const struct mh_region *r, s64 *out)
{
	return age(t, r->counts.epoch, r->counts.epoch_at, out);
}

static bool epoch_left(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = (s64)(r->epoch_end - t->now);
	return r->epoch.n;
}

static bool serve_left(const struct telling *t, const struct mh_region *r, s64 *out)
{
	return seconds_left(t, &r->serve, out);
}

static bool fresh_left(const struct telling *t, const struct mh_region *r, s64 *out)
{
	return seconds_left(t, &r->fresh, out);
}

static bool serve_covered(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = (s64)(r->serve_ahead.until - t->now);
	return r->serve_ahead.until;
}

static bool fresh_covered(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = (s64)(r->fresh_ahead.until - t->now);
	return r->fresh_ahead.until;
}

static bool serve_more(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = r->serve_ahead.more;
	return true;
}

static bool fresh_more(const struct telling *t, const struct mh_region *r, s64 *out)
{
	(void)t;
	*out = r->fresh_ahead.more;
	return true;
}

static bool serve_half(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = mh_ahead_half(&r->serve_ahead, t->now);
	return true;
}

static bool fresh_half(const struct telling *t, const struct mh_region *r, s64 *out)
{
	*out = mh_ahead_half(&r->fresh_ahead, t->now);
	return true;
}

/* Lines of one name follow one another: help, where there is one, begins them. */
static const struct family {
	const char *name, *type, *help, *label;
	bool (*value)(const struct telling *t, const struct mh_region *r, s64 *out);
} families[] = {
	{ "region_served", "gauge", "Whether hosts of the Region can be served now.", "",
	  is_served },
	{ "sessions", "gauge", "Sessions that are open.", "", sessions },
	{ "deliveries_total", "counter", "Requests that were answered with what was asked for.",
	  ",outcome=\"delivered\"", delivered },
	{ "deliveries_total", NULL, NULL, ",outcome=\"unchanged\"", unchanged },
	{ "answers_cut_total", "counter", "Answers that were broken off.", "", cut },
	{ "last_delivery_age_seconds", "gauge",
	  "Since the last delivery; not there before the first since the start.", "", answer_age },
	{ "last_epoch_age_seconds", "gauge",
	  "Since the last EPOCH was signed; not there before the first since the start.", "",
	  epoch_age },
	{ "epoch_seconds_left", "gauge", "Until the EPOCH ends; negative after.", "", epoch_left },
	{ "delegation_seconds_left", "gauge",
	  "Until the DELEGATION to this server ends that it acts under; negative after.",
	  ",role=\"serve\"", serve_left },
	{ "delegation_seconds_left", NULL, NULL, ",role=\"freshness\"", fresh_left },
	{ "delegation_covered_seconds_left", "gauge",
	  "Until the last of the DELEGATIONs ends that follow one another, with those signed ahead.",
	  ",role=\"serve\"", serve_covered },
	{ "delegation_covered_seconds_left", NULL, NULL, ",role=\"freshness\"", fresh_covered },
	{ "delegations_ahead", "gauge", "How many were signed ahead, and will take over.",
	  ",role=\"serve\"", serve_more },
	{ "delegations_ahead", NULL, NULL, ",role=\"freshness\"", fresh_more },
	{ "delegation_half_life", "gauge",
	  "1 when what was signed is past half of its life, or there is none: officers sign more.",
	  ",role=\"serve\"", serve_half },
	{ "delegation_half_life", NULL, NULL, ",role=\"freshness\"", fresh_half },
};

static void head(struct telling *t, const char *name, const char *type, const char *help)
{
	say(t, "# HELP microhsm_%s %s\n# TYPE microhsm_%s %s\n", name, help, name, type);
}

/* A label's value: what the format would read otherwise is escaped. */
static void say_label(struct telling *t, const char *v)
{
	for (; *v; v++)
		if (*v == '\n')
			say(t, "\\n");
		else
			say(t, *v == '\\' || *v == '"' ? "\\%c" : "%c", *v);
}

/* Two Regions may have one label; the fingerprint is another's never. */
static void sample(struct telling *t, const struct mh_region *r, const char *name,
		   const char *label, s64 value)
{
	char fingerprint[MH_FINGERPRINT_LEN];

	mh_fingerprint(r->row.id, fingerprint);
	say(t, "microhsm_%s{region=\"", name);
	say_label(t, r->row.label);
	say(t, "\",fingerprint=\"%s\"%s} %lld\n", fingerprint, label, (long long)value);
}

static void tell_family(struct telling *t, const struct family *f)
{
	const struct mh_region *r;
	unsigned int n = 0;
	s64 value;

	if (f->help)
		head(t, f->name, f->type, f->help);
	LIST_FOREACH(r, &t->d->regions, link)
		if (n++ < REGIONS_MOST && f->value(t, r, &value))
			sample(t, r, f->name, f->label, value);
}

static void tell_refusals(struct telling *t)
{
	static const char *const reasons[] = {
		[MH_REFUSED_UNKNOWN] = "unknown", [MH_REFUSED_REVOKED] = "revoked",
		[MH_REFUSED_SUSPENDED] = "suspended", [MH_REFUSED_POLICY] = "policy",
		[MH_REFUSED_STALE] = "stale", [MH_REFUSED_OUT_OF_DATE] = "out-of-date",
		[MH_REFUSED_BUSY] = "busy", [MH_REFUSED_LIMIT] = "limit",
	};
	const struct mh_region *r;
	unsigned int n = 0;
	char label[40];

	head(t, "refusals_total", "counter", "Requests that were refused.");
	LIST_FOREACH(r, &t->d->regions, link) {
		if (n++ >= REGIONS_MOST)
			break;
		for (size_t i = MH_REFUSED_UNKNOWN; i < ARRAY_SIZE(reasons); i++) {
			snprintf(label, sizeof(label), ",reason=\"%s\"", reasons[i]);
			sample(t, r, "refusals_total", label, (s64)r->counts.refused[i]);
		}
	}
}

/* ---- values of the server ---- */

static void tell(struct telling *t, const char *name, const char *type, const char *help, u64 value)
{
	head(t, name, type, help);
	say(t, "microhsm_%s %llu\n", name, (unsigned long long)value);
}

/* By what they are, and in the Regions' counts how many are sessions */
static void tell_connections(struct telling *t)
{
	static const char *const states[] = {
		[MH_CONN_HELLO] = "silent", [MH_CONN_AUTH] = "half-open",
		[MH_CONN_OPEN] = "session", [MH_CONN_CLOSING] = "closing",
	};
	u64 n[ARRAY_SIZE(states)] = { 0 };
	const struct mh_conn *c;
	struct mh_region *r;

	LIST_FOREACH(r, &t->d->regions, link)
		r->counts.sessions = 0;
	LIST_FOREACH(c, &t->d->conns, link) {
		n[c->phase]++;
		if (c->phase == MH_CONN_OPEN)
			c->region->counts.sessions++;
	}
	head(t, "connections", "gauge", "Connections of hosts, by how far they are.");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		say(t, "microhsm_connections{state=\"%s\"} %llu\n", states[i],
		    (unsigned long long)n[i]);
	tell(t, "connections_max", "gauge", "Connections of hosts that there may be.",
	     t->d->config.max_connections);
	tell(t, "connections_unauthenticated_total", "counter",
	     "Connections that ended before they were a session.", t->d->strangers);
	tell(t, "admin_connections", "gauge", "Connections of officers.", t->d->admins);
}

static void tell_audit(struct telling *t)
{
	const struct mh_audit *a = &t->d->audit;

	tell(t, "audit_sequence", "gauge", "Number of the last durable audit record.",
	     a->durable.seq);
	tell(t, "audit_checkpoint_sequence", "gauge",
	     "Number of the audit record that the last signed checkpoint is of.", a->checkpoint);
	if (a->committed)
		tell(t, "audit_last_commit_age_seconds", "gauge",
		     "Since audit records last became durable.", t->clock - a->committed_at);
	tell(t, "audit_failing", "gauge",
	     "1 when the last commit failed: what cannot be recorded is refused.", a->doubt);
	tell(t, "audit_keeper_behind", "gauge",
	     "1 when the keeper could not be told of the last record.", a->behind);
	tell(t, "audit_spool_bytes", "gauge",
	     "Records that wait for the audit; 0 in mode refuse, the only one.", 0);
}

static void tell_store(struct telling *t)
{
	const char *path = t->d->config.store;
	char wal[4096];
	struct statvfs fs;
	struct stat st;
	u64 bytes = 0;

	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (!stat(path, &st))
		bytes += (u64)st.st_size;
	if (!stat(wal, &st))
		bytes += (u64)st.st_size;
	tell(t, "store_bytes", "gauge", "Size of the store's files.", bytes);
	if (!statvfs(path, &fs))
		tell(t, "store_free_bytes", "gauge", "Room left on the store's file system.",
		     (u64)fs.f_bavail * fs.f_frsize);
	tell(t, "store_generation", "gauge",
	     "Grows whenever something but the audit is put into the store.",
	     mh_store_generation(t->d->store));
}

int mh_metrics_text(struct mh_daemon *d, struct evbuffer *out)
{
	struct telling t = { .d = d, .out = out, .now = mh_now(d), .clock = mh_conn_clock() };
	const struct mh_region *r;
	bool well = !hindrance_of_all(d);
	u64 regions = 0;

	LIST_FOREACH(r, &d->regions, link) {
		well = well && !hindrance(r, t.now);
		regions++;
	}
	head(&t, "build_info", "gauge", "Always 1; which version it is.");
	say(&t, "microhsm_build_info{version=\"%s\"} 1\n", MH_REPOSITORYD_VERSION);
	tell(&t, "start_time_seconds", "gauge", "When the daemon started, since 1970.", d->started);
	tell(&t, "healthy", "gauge", "Whether /health says 200.", well);
	tell(&t, "regions", "gauge", "Regions in the store.", regions);
	tell_connections(&t);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		tell_family(&t, &families[i]);
	tell_refusals(&t);
	tell_audit(&t);
	tell_store(&t);
	return t.err;
}

// SPDX-License-Identifier: MIT
/* R42: what repositoryd tells a monitor, and that a monitor can do it no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <event2/buffer.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rd_world.h"
#include "metrics.h"

static struct rd_world w;
static struct rd_host alice;
static u16 port;
static char reply[1 << 17];
static const char key_data[] = "thirty-two bytes of secret key!!";

/* What is freed is not kept by the sanitizer: memory is measured here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

static int dial_at(u32 address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(address);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Bytes as they are; what comes back until it is closed is in reply.  The status, or 0: none */
static int ask_bytes(const void *p, size_t n)
{
	int fd = dial_at(INADDR_LOOPBACK), status = 0;
	size_t len = 0;
	ssize_t got;

	assert_true(fd >= 0);
	send(fd, p, n, MSG_NOSIGNAL);
	while (len < sizeof(reply) - 1 &&
	       (got = recv(fd, reply + len, sizeof(reply) - 1 - len, 0)) > 0)
		len += (size_t)got;
	close(fd);
	reply[len] = 0;
	return sscanf(reply, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

static int ask(const char *method, const char *path)
{
	char request[256];
	int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 method, path);

	return ask_bytes(request, (size_t)n);
}

/* The sample of that name, with the labels that are asked for among its own; absent: -999999 */
#define ABSENT (-999999)
static long long value(const char *name, const char *label)
{
	size_t n = strlen(name);

	for (char *line = strtok(strdupa(reply), "\n"); line; line = strtok(NULL, "\n")) {
		char *end = strchr(line, '{') ? strrchr(line, '}') : line + n - 1;

		if (strncmp(line, name, n) || (line[n] != '{' && line[n] != ' ') || !end)
			continue;
		if (!label || strstr(line, label))
			return atoll(end + 1);
	}
	return ABSENT;
}

static long long told(const char *name, const char *label)
{
	assert_int_equal(ask("GET", "/metrics"), 200);
	return value(name, label);
}

/* DELEGATION of freshness for so many seconds */
static void renew(u64 serial, u64 life)
{
	u64 now = (u64)time(NULL);
	struct mh_writer b;
	u8 buf[1024];

	mh_writer_init(&b, buf, sizeof(buf));
	mh_stmt_begin(&b, MH_DELEGATION, w.region, w.anchor_leaf, mh_text("repo1.freshness"),
		      serial, now, now, now + life);
	mh_write_attr(&b, MH_A_KEY, w.c.fresh, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_FRESHNESS);
	rd_statement(&w, &b, MH_SET_SIGNER, NULL);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
}

static int setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char extra[64];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	port = ntohs(a.sin_port);
	snprintf(extra, sizeof(extra), "metrics = 127.0.0.1:%u\nmax_connections = 4", port);
	rd_setup(&w, NULL, extra);
	assert_int_equal(rd_start(&w), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_teardown(&w);
	return 0;
}

static void begins_empty(void **state)
{
	(void)state;
	assert_int_equal(ask("GET", "/health"), 200);
	assert_int_equal(told("microhsm_regions", NULL), 0);
	assert_int_equal(value("microhsm_healthy", NULL), 1);
	assert_int_equal(value("microhsm_connections_max", NULL), 4);
	/* a Region that nobody delegated yet cannot be served */
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(ask("GET", "/health"), 503);
	assert_non_null(strstr(reply, "\r\n\r\nRegion eu: no DELEGATION of serve"));
	assert_int_equal(told("microhsm_region_served", "region=\"eu\""), 0);
	assert_int_equal(value("microhsm_epoch_seconds_left", NULL), ABSENT);
	rd_delegate(&w, 1);
	rd_enrol(&w, &alice, "alice");
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	rd_group(&w, "ga", "disk/a");
	rd_member(&w, "ga", "alice");
	rd_instance(&w, "disk/a", 1, MH_MODE_SESSION, NULL, key_data, 32);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(ask("GET", "/health"), 200);
	assert_int_equal(told("microhsm_region_served", "region=\"eu\""), 1);
}

/* Each line of the format: HELP and TYPE once for a name, before its samples, which follow them */
static void text_format(void **state)
{
	char seen[64][80] = { "" }, name[80], type[16], *line, *save, *at;
	unsigned int n = 0, samples = 0;

	(void)state;
	assert_int_equal(ask("GET", "/metrics"), 200);
	assert_non_null(strstr(reply, "\r\nContent-Type: text/plain; version=0.0.4; "
			       "charset=utf-8\r\n"));
	at = strstr(reply, "\r\n\r\n") + 4;
	assert_int_equal(at[strlen(at) - 1], '\n');
	assert_null(strchr(at, '\r'));
	for (line = strtok_r(at, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "# HELP %79s %*s", name) == 1) {
			for (unsigned int i = 0; i < n; i++)
				assert_string_not_equal(seen[i], name);
			assert_true(n < 64);
			strcpy(seen[n++], name);
			line = strtok_r(NULL, "\n", &save);
			assert_int_equal(sscanf(line, "# TYPE %79s %15s", name, type), 2);
			assert_string_equal(seen[n - 1], name);
			assert_true(!strcmp(type, "gauge") || !strcmp(type, "counter"));
			assert_int_equal(!strcmp(type, "counter"),
					 !strcmp(name + strlen(name) - 6, "_total"));
			continue;
		}
		assert_int_equal(sscanf(line, "%79[a-z0-9_]", name), 1);
		assert_true(n);
		assert_string_equal(seen[n - 1], name);
		at = line + strlen(name);
		if (*at == '{') {
			char key[32], v[80];
			int used;

			do {
				assert_int_equal(sscanf(++at, "%31[a-z_]=\"%79[^\"\\]\"%n", key, v,
							&used), 2);
				at += used;
			} while (*at == ',');
			assert_int_equal(*at++, '}');
		}
		assert_int_equal(*at, ' ');
		strtoll(at + 1, &at, 10);
		assert_int_equal(*at, 0);
		samples++;
	}
	assert_true(n >= 25 && samples > n);
	/* no name of an Entity or DataSet */
	assert_int_equal(ask("GET", "/metrics"), 200);
	assert_null(strstr(reply, "alice"));
	assert_null(strstr(reply, "disk"));
}

static void fetch(const char *name, u8 code)
{
	struct mh_client_result r;
	struct mh_client c;

	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(mh_client_fetch(&c, name, 0, NULL, NULL, &r), 0);
	assert_int_equal(r.refused.code, code);
	assert_int_equal(told("microhsm_sessions", "region=\"eu\""), 1);
	assert_int_equal(value("microhsm_connections", "state=\"session\""), 1);
	mh_bytes_free(&r.data);
	mh_client_close(&c);
}

static void deliveries_and_refusals(void **state)
{
	static const char strangers[] = "microhsm_connections_unauthenticated_total";
	long long audit, generation;
	u8 hello[MH_FRAME_HEADER + MH_HELLO_MAX];
	int silent, half;

	(void)state;
	assert_int_equal(told("microhsm_deliveries_total", "\"delivered\""), 0);
	assert_int_equal(value("microhsm_last_delivery_age_seconds", NULL), ABSENT);
	audit = value("microhsm_audit_sequence", NULL);
	generation = value("microhsm_store_generation", NULL);
	assert_true(audit > 0 && generation > 0);
	fetch("disk/a", 0);
	assert_int_equal(told("microhsm_deliveries_total", "\"delivered\""), 1);
	assert_in_range(value("microhsm_last_delivery_age_seconds", NULL), 0, 5);
	assert_in_range(value("microhsm_audit_last_commit_age_seconds", NULL), 0, 5);
	/* the session and the delivery */
	assert_int_equal(value("microhsm_audit_sequence", NULL), audit + 2);
	assert_int_equal(value("microhsm_store_generation", NULL), generation);
	assert_int_equal(value("microhsm_refusals_total", "\"unknown\""), 0);
	fetch("disk/none", MH_REFUSED_UNKNOWN);
	assert_int_equal(told("microhsm_refusals_total", "\"unknown\""), 1);
	assert_int_equal(value("microhsm_refusals_total", "\"revoked\""), 0);
	assert_int_equal(value("microhsm_deliveries_total", "\"delivered\""), 1);
	assert_true(value("microhsm_store_bytes", NULL) > 4096);
	assert_true(value("microhsm_store_free_bytes", NULL) > 0);
	silent = rd_dial(&w);
	half = rd_dial(&w);
	assert_true(send(half, hello, rd_hello(&w, hello), 0) > 0);
	assert_true(recv(half, hello, 1, 0) == 1);
	assert_int_equal(told("microhsm_connections", "\"silent\""), 1);
	assert_int_equal(value("microhsm_connections", "\"half-open\""), 1);
	assert_int_equal(value(strangers, NULL), 0);
	close(silent);
	close(half);
	for (int i = 0; i < 100 && told(strangers, NULL) < 2; i++)
		usleep(20000);
	assert_int_equal(value(strangers, NULL), 2);
}

static void ends(void **state)
{
	(void)state;
	assert_in_range(told("microhsm_epoch_seconds_left", "region=\"eu\""), 80000, 86400);
	assert_in_range(value("microhsm_delegation_seconds_left", "\"serve\""), 80000, 86400);
	assert_in_range(value("microhsm_last_epoch_age_seconds", NULL), 0, 30);
	renew(2, 3);
	assert_int_equal(ask("GET", "/health"), 200);
	assert_in_range(told("microhsm_epoch_seconds_left", NULL), 0, 3);
	assert_in_range(value("microhsm_delegation_seconds_left", "\"freshness\""), 0, 3);
	sleep(5);
	assert_int_equal(ask("GET", "/health"), 503);
	assert_non_null(strstr(reply, "Region eu: the DELEGATION of freshness has ended\n"));
	assert_true(told("microhsm_epoch_seconds_left", NULL) < 0);
	assert_true(value("microhsm_delegation_seconds_left", "\"freshness\"") < 0);
	assert_int_equal(value("microhsm_region_served", NULL), 0);
	assert_int_equal(value("microhsm_healthy", NULL), 0);
	renew(3, 86400);
	assert_int_equal(ask("GET", "/health"), 200);
	assert_in_range(told("microhsm_last_epoch_age_seconds", NULL), 0, 3);
	assert_in_range(value("microhsm_epoch_seconds_left", NULL), 80000, 86400);
	/* revoked: the Region has nobody who signs its EPOCHs */
	rd_revoke(&w, MH_DELEGATION, "repo1", 1);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(ask("GET", "/health"), 503);
	assert_int_equal(told("microhsm_delegation_seconds_left", "\"serve\""), ABSENT);
	rd_delegate(&w, 4);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(ask("GET", "/health"), 200);
}

static void what_is_there(void **state)
{
	(void)state;
	assert_int_equal(ask("GET", "/"), 404);
	assert_int_equal(ask("GET", "/metrics/"), 404);
	assert_int_equal(ask("GET", "/metrics?x=/health"), 200);
	assert_non_null(strstr(reply, "\nmicrohsm_regions 1\n"));
	assert_int_equal(ask("POST", "/metrics"), 405);
	assert_non_null(strstr(reply, "\r\nAllow: GET, HEAD\r\n"));
	assert_int_equal(ask("DELETE", "/health"), 405);
	assert_int_equal(ask("HEAD", "/health"), 200);
	assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
}

static void put(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
}

static void malformed(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET /metrics HTTP/9.9x\r\n\r\n",
		"\x16\x03\x01\x02\x01 TLS\r\n\r\n", "GET /../../etc/passwd HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx",
	};
	static char big[1 << 16];
	u8 junk[2048];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(ask_bytes(bad[i], strlen(bad[i])), 200);
	/* longer than a request may be, in one line, and in many headers */
	memset(big, 'a', sizeof(big));
	put(big, "GET /metrics?");
	assert_int_not_equal(ask_bytes(big, sizeof(big)), 200);
	put(big, "GET /metrics HTTP/1.1\r\n");
	for (size_t i = 23; i + 64 < sizeof(big); i += 64)
		put(big + i, "X: y\r\n");
	assert_int_not_equal(ask_bytes(big, sizeof(big)), 200);
	for (int i = 0; i < 100; i++) {
		mh_random(junk, sizeof(junk));
		put((char *)junk + sizeof(junk) - 4, "\r\n\r\n");
		assert_int_not_equal(ask_bytes(junk, sizeof(junk)), 200);
	}
	assert_int_equal(ask("GET", "/health"), 200);
}

static void get(u8 type, const char *subject, struct mh_bytes *out)
{
	struct mh_bytes reply;
	struct mh_writer o;
	u8 body[128];

	mh_writer_init(&o, body, sizeof(body));
	mh_write_bytes(&o, w.region, 32);
	mh_write_u8(&o, type);
	mh_write_v(&o, subject, strlen(subject));
	assert_int_equal(rd_call(&w, MH_ADMIN_GET, MH_BUF(body, o.len), &reply), MH_ADMIN_OK);
	assert_int_equal(mh_bytes_copy(out, reply.p + 4, reply.n - 4), 0);
	mh_bytes_free(&reply);
}

static void health_is(struct mh_daemon *d, int expected, const char *why)
{
	struct evbuffer *b = evbuffer_new();

	assert_int_equal(mh_metrics_health(d, b), expected);
	assert_int_equal(evbuffer_add(b, "", 1), 0);
	assert_string_equal(evbuffer_pullup(b, -1), why);
	evbuffer_free(b);
}

/* What a daemon does not let itself be brought to in a few seconds */
static void each_reason(void **state)
{
	struct mh_daemon d = { .config.store = "/nowhere" };
	struct mh_region r = { .row.label = "a\"b\\c\nd", .idr.n = 1, .epoch.n = 1 };
	struct evbuffer *b = evbuffer_new();
	u64 now = (u64)time(NULL);
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/s/fake", w.dir);
	assert_int_equal(mh_store_open(&d.store, path), 0);
	LIST_INIT(&d.regions);
	LIST_INIT(&d.conns);
	get(MH_DELEGATION, "repo1", &r.serve);
	get(MH_DELEGATION, "repo1.freshness", &r.fresh);
	get(MH_EPOCH, "repo1.freshness", &r.epoch);
	r.epoch_end = now + 60;
	health_is(&d, 1, "every Region is served\n");
	LIST_INSERT_HEAD(&d.regions, &r, link);
	health_is(&d, 1, "every Region is served\n");
	assert_int_equal(mh_metrics_text(&d, b), 0);
	assert_int_equal(evbuffer_add(b, "", 1), 0);
	assert_non_null(strstr((char *)evbuffer_pullup(b, -1),
			       "\nmicrohsm_region_served{region=\"a\\\"b\\\\c\\nd\",fingerprint="));
	strcpy(r.row.label, "eu");
	r.epoch_end = now - 2;
	health_is(&d, 0, "Region eu: its EPOCH has ended\n");
	r.epoch_end = now + 60;
	r.stale = true;
	health_is(&d, 0, "Region eu: could not be read from the store\n");
	r.stale = false;
	d.audit.doubt = true;
	health_is(&d, 0, "the audit could not be written\n");
	d.audit.doubt = false;
	d.draining = true;
	health_is(&d, 0, "the daemon is ending\n");
	d.draining = false;
	d.keeper.fd = -1;
	health_is(&d, 0, "the keeper ended\n");
	d.keeper.fd = 0;
	r.idr.n = 0;
	health_is(&d, 0, "Region eu: nothing to shake hands with\n");
	evbuffer_free(b);
	mh_store_close(d.store);
	mh_bytes_free(&r.serve);
	mh_bytes_free(&r.fresh);
	mh_bytes_free(&r.epoch);
}

static unsigned int descriptors(void)
{
	unsigned int n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)w.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static bool is_closed(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char b;

	return poll(&p, 1, ms) == 1 && recv(fd, &b, 1, MSG_DONTWAIT) <= 0;
}

/* Many that hold a place keep out neither a monitor nor a host, and get no descriptors for it. */
static void crowd(void **state)
{
	unsigned int before = descriptors(), most = 0;
	int fd[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial_at(INADDR_LOOPBACK);
		send(fd[i], "GET /me", 7, MSG_NOSIGNAL);
	}
	for (int i = 0; i < 20 && !usleep(20000); i++) {
		unsigned int now = descriptors();

		most = most < now ? now : most;
	}
	assert_in_range(most, before + 1, before + MH_METRICS_CLIENTS);
	fetch("disk/a", 0);
	assert_int_equal(ask("GET", "/health"), 200);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

/* A byte a second is no progress. */
static void slow(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nX: ";
	int drip = dial_at(INADDR_LOOPBACK), mute = dial_at(INADDR_LOOPBACK), i;
	u64 began = (u64)time(NULL);

	(void)state;
	for (i = 0; i < 20 && !is_closed(drip, 0); i++) {
		send(drip, i < (int)sizeof(request) - 1 ? &request[i] : "x", 1, MSG_NOSIGNAL);
		sleep(1);
	}
	assert_in_range((u64)time(NULL) - began, 8, 16);
	assert_true(is_closed(mute, 1000));
	close(drip);
	close(mute);
	assert_int_equal(ask("GET", "/health"), 200);
}

static void idle_memory(void **state)
{
	unsigned int fds;
	size_t before;

	(void)state;
	sleep(1);
	fds = descriptors();
	for (int i = 0; i < 200; i++)
		assert_int_equal(ask("GET", i & 1 ? "/metrics" : "/none"), i & 1 ? 200 : 404);
	before = rd_resident(&w);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask("GET", i & 1 ? "/metrics" : "/none"), i & 1 ? 200 : 404);
	/* a kilobyte of each would be a megabyte */
	assert_in_range(rd_resident(&w), 0, before + 1000000);
	sleep(1);
	assert_int_equal(descriptors(), fds);
}

static void nowhere_else(void **state)
{
	struct ifaddrs *all, *i;
	int fd;

	(void)state;
	assert_int_equal(getifaddrs(&all), 0);
	for (i = all; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
		    !(i->ifa_flags & IFF_LOOPBACK)) {
			fd = dial_at(ntohl(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr));
			assert_true(fd == -ECONNREFUSED);
		}
	freeifaddrs(all);
	/* 127.0.0.2 is this host's, too, and not what was asked for */
	assert_int_equal(dial_at(INADDR_LOOPBACK + 1), -ECONNREFUSED);
}

static int starts_with(const char *metrics)
{
	struct rd_world other;
	char extra[80];
	int ret;

	rd_setup(&other, NULL, NULL);
	snprintf(extra, sizeof(extra), "metrics = %s", metrics);
	rd_write_ini(&other, extra);
	ret = rd_start(&other);
	rd_teardown(&other);
	return ret;
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"0.0.0.0:9100", "[::]:9100", "192.0.2.1:9100", "[::ffff:127.0.0.1]:9100",
		"128.0.0.1:9100", "localhost:9100", "127.0.0.1", "127.0.0.1:0", "9100",
	};
	char taken[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(starts_with(bad[i]), MH_RD_CONFIG);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", port);
	assert_int_equal(starts_with(taken), MH_RD_ADDRESS);
	snprintf(taken, sizeof(taken), "127.0.0.2:%u", port);
	assert_int_equal(starts_with(taken), MH_RD_OK);
}

/* An end with a monitor that waits */
static void ends_in_order(void **state)
{
	int fd = dial_at(INADDR_LOOPBACK);

	(void)state;
	send(fd, "GET /me", 7, MSG_NOSIGNAL);
	usleep(100000);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_empty),
		cmocka_unit_test(text_format),
		cmocka_unit_test(deliveries_and_refusals),
		cmocka_unit_test(ends),
		cmocka_unit_test(each_reason),
		cmocka_unit_test(what_is_there),
		cmocka_unit_test(malformed),
		cmocka_unit_test(crowd),
		cmocka_unit_test(slow),
		cmocka_unit_test(idle_memory),
		cmocka_unit_test(nowhere_else),
		cmocka_unit_test(addresses),
		cmocka_unit_test(ends_in_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

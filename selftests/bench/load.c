// SPDX-License-Identifier: MIT
/*
 * load [SESSIONS [SECONDS]]
 *
 * Many hosts, each with an identity of its own and all in this process, against one repositoryd
 * (R50):
 *	closed loop: all sessions open at once, each asks again when it has its answer
 *	open loop: new sessions at a fixed rate, whether or not those before are done; what one
 *		waits is counted from when it was due
 *	hostile: places held by who says nothing, or hello and no more, bytes that drip, connections
 *		of nonsense as fast as they go, while hosts come new
 * and what the server's memory does.  How busy this process was itself is said beside each, so
 * that its own limit is not taken for the server's.  LOAD_JSON names a file for the figures.
 * It fails when a host was not served, or the server's memory grows from one round to the next.
 */
#include "selftests/unit/rd_world.h"
#include "lib/json.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ASKS	5		/* of each session of the closed loop */
#define PLACES	512		/* of the server beside those of the sessions */
#define WORKERS	64		/* of the open loop */
#define RATE	50		/* sessions a second there */
#define LATE	100		/* hosts that come while others are hostile */
#define DATA	1024
#define SLACK	(8u << 20)	/* bytes that the server may keep when all have gone */

#define must(x) do { \
	if (!(x)) { \
		fprintf(stderr, "load: %s:%d: %s: %s\n", __FILE__, __LINE__, #x, \
			strerror(errno)); \
		exit(1); \
	} \
} while (0)

static struct {
	struct rd_world w;
	struct rd_host *host;
	unsigned int hosts, seconds;
	pthread_barrier_t all;	/* sessions are open; and may ask */
	double *us;		/* what each took */
	atomic_uint n, errors;
	atomic_bool over;	/* for who is hostile */
	double began;
	json_t *out;
} l;

/* ---- what is measured ---- */

static double now_us(clockid_t clock)
{
	struct timespec t;

	must(!clock_gettime(clock, &t));
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void tell(const char *part, const char *what, double value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", part, what);
	printf("%-32s %12.1f\n", name, value);
	json_object_set_new(l.out, name, json_real(value));
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct part {
	const char *name;
	double wall, own, server;
	clockid_t clock;
};

static void begin(struct part *p, const char *name)
{
	p->name = name;
	l.n = 0;
	l.errors = 0;
	must(!clock_getcpuclockid(l.w.pid, &p->clock));
	p->wall = now_us(CLOCK_MONOTONIC);
	p->own = now_us(CLOCK_PROCESS_CPUTIME_ID);
	p->server = now_us(p->clock);
}

/* How many failed */
static unsigned int end(const struct part *p)
{
	const double wall = now_us(CLOCK_MONOTONIC) - p->wall;
	const unsigned int n = l.n;

	must(n);
	qsort(l.us, n, sizeof(*l.us), compare);
	tell(p->name, "served", n);
	tell(p->name, "errors", l.errors);
	tell(p->name, "per_second", n / wall * 1e6);
	tell(p->name, "median_ms", l.us[n / 2] / 1e3);
	tell(p->name, "p99_ms", l.us[n * 99 / 100] / 1e3);
	tell(p->name, "most_ms", l.us[n - 1] / 1e3);
	tell(p->name, "server_busy_percent", (now_us(p->clock) - p->server) / wall * 100);
	tell(p->name, "own_busy_percent",
	     (now_us(CLOCK_PROCESS_CPUTIME_ID) - p->own) / wall * 100);
	return l.errors;
}

/* ---- hosts ---- */

static bool fetch(struct mh_client *c)
{
	struct mh_client_result r;
	int ret = mh_client_fetch(c, "d/session", 0, NULL, NULL, &r);
	bool good = !ret && r.state == MH_ANSWER_DONE && r.data.n == DATA;

	if (!good)
		fprintf(stderr, "load: no answer that holds: %s, state %d, code %u\n",
			strerror(-ret), r.state, r.refused.code);
	mh_bytes_free(&r.data);
	return good;
}

static void count(bool good, double since)
{
	if (good)
		l.us[l.n++] = now_us(CLOCK_MONOTONIC) - since;
	else
		l.errors++;
}

static bool open_session(struct rd_host *h, struct mh_client *c)
{
	int ret = rd_connect(&l.w, h, c);

	if (ret)
		fprintf(stderr, "load: %s could not open a session: %s\n", h->id.name,
			strerror(-ret));
	return !ret;
}

static void *closed_loop(void *host)
{
	struct mh_client *c = malloc(sizeof(*c));
	unsigned int seed = (unsigned int)((struct rd_host *)host - l.host);
	double since;
	bool is;

	must(c);
	is = open_session(host, c);
	if (!is)
		l.errors++;
	pthread_barrier_wait(&l.all);
	pthread_barrier_wait(&l.all);
	for (int i = 0; i < ASKS && is; i++) {
		usleep((useconds_t)(rand_r(&seed) % 500000));
		since = now_us(CLOCK_MONOTONIC);
		count(fetch(c), since);
	}
	pthread_barrier_wait(&l.all);
	if (is)
		mh_client_close(c);
	free(c);
	return NULL;
}

/* One new session for a host, due at that time */
static void once(unsigned int host, double due)
{
	struct mh_client *c = malloc(sizeof(*c));
	const double wait = due - now_us(CLOCK_MONOTONIC);
	bool is;

	must(c);
	if (wait > 0)
		usleep((useconds_t)wait);
	is = open_session(&l.host[host % l.hosts], c);
	count(is && fetch(c), due);
	if (is)
		mh_client_close(c);
	free(c);
}

static void *open_loop(void *worker)
{
	for (unsigned int i = (unsigned int)(uintptr_t)worker; i < RATE * l.seconds; i += WORKERS)
		once(i, l.began + i * 1e6 / RATE);
	return NULL;
}

static void *newcomers(void *unused)
{
	for (unsigned int i = 0; i < LATE; i++)
		once(i, now_us(CLOCK_MONOTONIC));
	return unused;
}

/* ---- who is hostile ---- */

/* Places held: of four one says nothing, one drips, two say hello and no more; each comes again */
static void *holders(void *unused)
{
	u8 out[MH_FRAME_HEADER + MH_HELLO_MAX], byte;
	const unsigned int n = l.hosts + 2 * PLACES;
	int *fd = calloc(n, sizeof(*fd));

	must(fd);
	for (unsigned int at = 0; !l.over; at = (at + 1) % n) {
		if (fd[at] && at % 4 == 1 && send(fd[at], out, 1, MSG_NOSIGNAL) == 1)
			continue;
		if (fd[at] && recv(fd[at], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
			usleep(100);
			continue;
		}
		if (fd[at])
			close(fd[at]);
		fd[at] = rd_dial(&l.w);
		if (at % 4 > 1)
			send(fd[at], out, rd_hello(&l.w, out), MSG_NOSIGNAL);
		usleep(1000);
	}
	for (unsigned int at = 0; at < n; at++)
		if (fd[at])
			close(fd[at]);
	free(fd);
	return unused;
}

static void *flood(void *unused)
{
	u8 junk[512];

	memset(junk, 'x', sizeof(junk));
	while (!l.over) {
		int fd = rd_dial(&l.w);

		send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
		close(fd);
		usleep(2000);
	}
	return unused;
}

/* ---- the parts ---- */

static pthread_t go(void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t a;
	pthread_t t;

	must(!pthread_attr_init(&a) && !pthread_attr_setstacksize(&a, 512 << 10));
	must(!pthread_create(&t, &a, fn, arg));
	pthread_attr_destroy(&a);
	return t;
}

/* The server's bytes with all sessions open */
static unsigned int run_closed(const char *name, u64 *full)
{
	pthread_t *t = calloc(l.hosts, sizeof(*t));
	struct part p;
	unsigned int errors;

	must(t && !pthread_barrier_init(&l.all, NULL, l.hosts + 1));
	begin(&p, name);
	for (unsigned int i = 0; i < l.hosts; i++)
		t[i] = go(closed_loop, &l.host[i]);
	pthread_barrier_wait(&l.all);
	errors = l.errors;
	tell(name, "sessions_per_second", l.hosts / (now_us(CLOCK_MONOTONIC) - p.wall) * 1e6);
	begin(&p, name);
	pthread_barrier_wait(&l.all);
	pthread_barrier_wait(&l.all);
	*full = rd_resident(&l.w);
	errors += end(&p);
	for (unsigned int i = 0; i < l.hosts; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&l.all);
	free(t);
	return errors;
}

static unsigned int run_open(void)
{
	pthread_t t[WORKERS];
	struct part p;

	begin(&p, "open");
	l.began = now_us(CLOCK_MONOTONIC);
	for (uintptr_t i = 0; i < WORKERS; i++)
		t[i] = go(open_loop, (void *)i);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	return end(&p);
}

static unsigned int run_hostile(void)
{
	pthread_t bad[5], good;
	struct part p;
	unsigned int errors;

	bad[0] = go(holders, NULL);
	sleep(5);		/* all places are taken */
	for (int i = 1; i < 5; i++)
		bad[i] = go(flood, NULL);
	begin(&p, "hostile");
	good = go(newcomers, NULL);
	pthread_join(good, NULL);
	errors = end(&p);
	l.over = true;
	for (int i = 0; i < 5; i++)
		pthread_join(bad[i], NULL);
	return errors;
}

static void set_up(void)
{
	struct rlimit r;
	char extra[128], name[16];
	u8 data[DATA] = { 0 };

	must(!getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = r.rlim_max;
	must(!setrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur > 2 * (rlim_t)l.hosts + 4 * PLACES);
	snprintf(extra, sizeof(extra), "handshake = 60\nmax_connections = %u\nlog = error",
		 l.hosts + PLACES);
	rd_setup(&l.w, NULL, extra);
	must(!rd_start(&l.w));
	l.w.kind = MH_DATA_OTHER;
	rd_delegate(&l.w, 1);
	rd_dataset(&l.w, "d/session", MH_MODE_SESSION);
	rd_group(&l.w, "all", "d/");
	rd_instance(&l.w, "d/session", 1, MH_MODE_SESSION, NULL, data, sizeof(data));
	for (unsigned int i = 0; i < l.hosts; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		rd_enrol(&l.w, &l.host[i], name);
		rd_member(&l.w, "all", name);
		if (i % 64 == 63 || i + 1 == l.hosts)
			must(rd_submit(&l.w) == MH_ADMIN_OK);
	}
}

/* The last connections are closed by the server when it hears of it. */
static u64 settled(void)
{
	u64 least = rd_resident(&l.w);

	for (int i = 0; i < 50; i++) {
		u64 n = rd_resident(&l.w);

		least = n < least ? n : least;
		usleep(100000);
	}
	return least;
}

int main(int argc, char **argv)
{
	u64 floor, full, one, two;
	unsigned int errors = 0;
	bool grows;

	l.hosts = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 2000;
	l.seconds = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 10;
	must(l.hosts && l.hosts <= 8000 && l.seconds && l.seconds <= 3600);
	l.out = json_object();
	l.host = calloc(l.hosts, sizeof(*l.host));
	l.us = calloc(l.hosts * ASKS + RATE * l.seconds + LATE, sizeof(*l.us));
	must(l.out && l.host && l.us);
	set_up();
	for (unsigned int i = 0; i < l.hosts; i++)	/* what it remembers of each it keeps */
		once(i, 0);
	floor = settled();
	errors += run_closed("closed", &full);
	one = settled();
	errors += run_open();
	errors += run_hostile();
	errors += run_closed("again", &full);
	two = settled();
	tell("memory", "floor_kib", (double)floor / 1024);
	tell("memory", "full_kib", (double)full / 1024);
	tell("memory", "after_one_kib", (double)one / 1024);
	tell("memory", "after_all_kib", (double)two / 1024);
	grows = two > one + SLACK / 4 || two > floor + SLACK;
	rd_teardown(&l.w);
	if (getenv("LOAD_JSON"))
		must(!json_dump_file(l.out, getenv("LOAD_JSON"), JSON_INDENT(2)));
	printf("%u errors%s\n", errors, grows ? ", and the server's memory grows" : "");
	for (unsigned int i = 0; i < l.hosts; i++)
		rd_host_free(&l.host[i]);
	free(l.host);
	free(l.us);
	json_decref(l.out);
	return errors || grows;
}

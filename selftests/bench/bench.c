// SPDX-License-Identifier: MIT
/*
 * bench [MODULE.ko]... < what kernel/long_bench.sh said
 *
 * What has a bound, measured in one run and printed beside it: the server's CPU time, in turns
 * with the bare work of libcrypto and as a ratio to it.  BENCH_JSON names a file for the figures.
 * Nothing fails for being slow: what is over its bound is said to be.
 */
#include "selftests/unit/rd_world.h"
#include "lib/json.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOSTS	32
#define TURNS	10		/* of each kind of work, in turns */
#define CLIENTS	16		/* at once, each a process */
#define SESSIONS 20		/* of each a turn */
#define FETCHES	100		/* of each a turn, on its open session */
#define IDLE	800
#define DATA	1024

#define must(x) do { \
	if (!(x)) { \
		fprintf(stderr, "bench: %s:%d: %s\n", __FILE__, __LINE__, #x); \
		exit(1); \
	} \
} while (0)

struct bench {
	struct rd_world w;
	struct rd_host host[HOSTS];
	pid_t keeper;
	json_t *out;
};

static u64 cpu_ns(pid_t pid)
{
	struct timespec t;
	clockid_t c;

	must(!clock_getcpuclockid(pid, &c) && !clock_gettime(c, &t));
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Of the daemon and its keeper */
static u64 server_ns(const struct bench *b)
{
	return cpu_ns(b->w.pid) + cpu_ns(b->keeper);
}

/* ---- what a session cannot do without ---- */

static u64 bare_ns(unsigned int n)
{
	EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *ec = EVP_EC_gen("P-256");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	u8 secret[32], sig[80], digest[32] = { 1 };
	u64 before = cpu_ns(0);

	must(peer && ec && md);
	while (n--) {
		EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
		EVP_PKEY_CTX *d = EVP_PKEY_CTX_new(own, NULL);
		size_t len = sizeof(secret), sig_len = sizeof(sig);

		must(d && EVP_PKEY_derive_init(d) > 0 && EVP_PKEY_derive_set_peer(d, peer) > 0 &&
		     EVP_PKEY_derive(d, secret, &len) > 0);
		must(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, ec) > 0 &&
		     EVP_DigestSign(md, sig, &sig_len, digest, sizeof(digest)) > 0);
		must(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, ec) > 0 &&
		     EVP_DigestVerify(md, sig, sig_len, digest, sizeof(digest)) > 0);
		EVP_PKEY_CTX_free(d);
		EVP_PKEY_free(own);
	}
	before = cpu_ns(0) - before;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(ec);
	return before;
}

/* ---- the server's work ---- */

static void fetch(struct mh_client *c)
{
	struct mh_client_result r;

	must(!mh_client_fetch(c, "d/session", 0, NULL, NULL, &r));
	must(r.state == MH_ANSWER_DONE && r.data.n == DATA);
	mh_bytes_free(&r.data);
}

static void sessions(struct bench *b, unsigned int client)
{
	for (unsigned int i = 0; i < SESSIONS; i++) {
		struct mh_client c;

		must(!rd_connect(&b->w, &b->host[client], &c));
		fetch(&c);
		mh_client_close(&c);
	}
}

/* The session itself is not counted: it is begun before go. */
static void fetches(struct bench *b, unsigned int client, int ready, int go)
{
	struct mh_client c;
	char byte = 0;

	must(!rd_connect(&b->w, &b->host[client], &c));
	must(write(ready, &byte, 1) == 1 && !read(go, &byte, 1));
	for (unsigned int i = 0; i < FETCHES; i++)
		fetch(&c);
	mh_client_close(&c);
}

/* Server's CPU time for what CLIENTS do side by side: new sessions, or fetches on open ones */
static u64 work_ns(struct bench *b, bool open)
{
	int ready[2], go[2], status;
	char byte[CLIENTS];
	u64 before;

	must(!pipe(ready) && !pipe(go));
	before = server_ns(b);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		pid_t pid = fork();

		must(pid >= 0);
		if (pid)
			continue;
		close(go[1]);
		if (open)
			fetches(b, i, ready[1], go[0]);
		else
			sessions(b, i);
		_exit(0);
	}
	for (size_t n = 0; open && n < CLIENTS; n++)
		must(read(ready[0], byte, 1) == 1);
	if (open)
		before = server_ns(b);
	close(go[1]);
	for (unsigned int i = 0; i < CLIENTS; i++)
		must(wait(&status) > 0 && !status);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
	return server_ns(b) - before;
}

static void tell(struct bench *b, const char *name, double value, double bound)
{
	json_object_set_new(b->out, name, json_real(value));
	printf("%-28s %12.2f", name, value);
	if (bound > 0)
		printf("  at most %.2f%s", bound, value > bound ? "  OVER" : "");
	putchar('\n');
}

static void measure_cpu(struct bench *b)
{
	const double n = TURNS * CLIENTS;
	u64 bare = 0, cold = 0, open = 0;

	work_ns(b, false);
	for (int i = 0; i < TURNS; i++) {
		bare += bare_ns(CLIENTS * SESSIONS);
		cold += work_ns(b, false);
		open += work_ns(b, true);
	}
	tell(b, "bare_session_us", (double)bare / 1000 / n / SESSIONS, 0);
	tell(b, "cold_session_us", (double)cold / 1000 / n / SESSIONS, 0);
	tell(b, "cold_session_cost_ratio", (double)cold / (double)bare, 1.35);
	tell(b, "open_delivery_us", (double)open / 1000 / n / FETCHES, 25);
}

static void measure_idle(struct bench *b)
{
	struct mh_client *c = calloc(IDLE, sizeof(*c));
	u64 before = rd_resident(&b->w);

	must(c);
	for (unsigned int i = 0; i < IDLE; i++) {
		must(!rd_connect(&b->w, &b->host[i % HOSTS], &c[i]));
		fetch(&c[i]);
	}
	tell(b, "idle_connection_bytes", (double)(rd_resident(&b->w) - before) / IDLE, 4096);
	for (unsigned int i = 0; i < IDLE; i++)
		mh_client_close(&c[i]);
	free(c);
}

static double measure_text(struct bench *b, const char *module)
{
	unsigned int major, minor;
	char cmd[512], name[64];
	const char *at;
	unsigned long bytes = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd),
		 "size -A '%s' | awk '/^\\.text/ { n += $2 } END { print n + 0 }'", module);
	f = popen(cmd, "r");
	must(f && fscanf(f, "%lu", &bytes) == 1 && !pclose(f));
	at = strstr(module, "mod-");	/* build/mod-6.1.0-56-cloud-amd64/microhsm.ko */
	must(at && sscanf(at, "mod-%u.%u", &major, &minor) == 2);
	snprintf(name, sizeof(name), "module_text_bytes_%u.%u", major, minor);
	tell(b, name, (double)bytes, 102400);
	return (double)bytes;
}

/* What kernel/long_bench.sh measured: lines "bench NAME VALUE BOUND" among others */
static void measured_in_kernel(struct bench *b, FILE *f)
{
	char line[512], name[64];
	double value, bound;
	unsigned int lines = 0;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "bench %63s %lf %lf", name, &value, &bound) == 3) {
			tell(b, name, value, bound);
			lines++;
		}
	must(lines);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct bench *b = &bench;
	u8 data[DATA] = { 0 };
	double text = 0;
	char path[64];
	FILE *f;

	b->out = json_object();
	rd_setup(&b->w, NULL, "max_connections = 1000");
	must(!rd_start(&b->w));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", b->w.pid, b->w.pid);
	f = fopen(path, "r");
	must(f && fscanf(f, "%d", &b->keeper) == 1);
	fclose(f);
	b->w.kind = MH_DATA_OTHER;
	rd_delegate(&b->w, 1);
	rd_dataset(&b->w, "d/session", MH_MODE_SESSION);
	rd_group(&b->w, "all", "d/");
	for (unsigned int i = 0; i < HOSTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "h%u", i);
		rd_enrol(&b->w, &b->host[i], name);
		rd_member(&b->w, "all", name);
	}
	rd_instance(&b->w, "d/session", 1, MH_MODE_SESSION, NULL, data, sizeof(data));
	must(!rd_submit(&b->w));
	measure_cpu(b);
	measure_idle(b);
	for (int i = 1; i < argc; i++) {
		double n = measure_text(b, argv[i]);

		text = n > text ? n : text;
	}
	tell(b, "module_text_bytes", text, 102400);
	measured_in_kernel(b, stdin);
	rd_teardown(&b->w);
	for (unsigned int i = 0; i < HOSTS; i++)
		rd_host_free(&b->host[i]);
	if (getenv("BENCH_JSON"))
		must(!json_dump_file(b->out, getenv("BENCH_JSON"), JSON_INDENT(2)));
	json_decref(b->out);
	return 0;
}

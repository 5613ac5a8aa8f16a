// SPDX-License-Identifier: MIT
/*
 * faults [WAY]...
 * faults WAY KEY KIND HIT
 *
 * Each way through a program is gone once to learn its sites (faults.h), then once for each site
 * and each kind of failure there, at the first time that it is reached, and later ones.  The last
 * lines say how much that was.  With KEY, KIND and HIT, as a finding tells them: that one alone.
 */
#include "drive.h"
#include "core/messages.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALWAYS		1000000
#define CRYPTO_RUNS	24	/* of libcrypto's thousands of allocations, for each step */
#define TOLD_MOST	4	/* of one failure's consequences */

struct faults_map *faults_map;

/* Kinds of failure of each; the first is what is tried at later hits too. */
static const struct {
	const char *name;
	u32 kinds[4];
} ops[FAULTS_OPS] = {
	[F_ALLOC] = { "alloc", { ENOMEM } },
	[F_READ] = { "read", { EIO, FAULTS_SHORT, EINTR } },
	[F_PREAD] = { "pread", { EIO, FAULTS_SHORT } },
	[F_WRITE] = { "write", { ENOSPC, EIO, FAULTS_SHORT, EINTR } },
	[F_PWRITE] = { "pwrite", { ENOSPC, EIO, FAULTS_SHORT } },
	[F_SYNC] = { "sync", { EIO, ENOSPC } },
	[F_TRUNCATE] = { "truncate", { EIO } },
	[F_OPEN] = { "open", { EMFILE, EIO, ENOSPC } },
	[F_RENAME] = { "rename", { EIO, ENOSPC } },
	[F_UNLINK] = { "unlink", { EIO } },
	[F_MKDIR] = { "mkdir", { ENOSPC } },
	[F_MODE] = { "chmod", { EIO } },
	[F_CLOSE] = { "close", { EIO } },
	[F_FLUSH] = { "flush", { ENOSPC } },
	[F_ACCEPT] = { "accept", { EMFILE, ECONNABORTED } },
	[F_SOCKET] = { "socket", { EMFILE } },
	[F_BIND] = { "bind", { ENOBUFS } },
	[F_OPT] = { "sockopt", { ENOBUFS } },
	[F_CONNECT] = { "connect", { EAGAIN, EINTR } },
	[F_SEND] = { "send", { ECONNRESET, FAULTS_SHORT, EINTR } },
	[F_RECV] = { "recv", { ECONNRESET, FAULTS_SHORT, EINTR } },
	[F_FORK] = { "fork", { EAGAIN } },
	[F_WAIT] = { "wait", { EINTR } },
	[F_STAT] = { "stat", { EIO } },
	[F_LIMIT] = { "limit", { EPERM } },
	[F_POLL] = { "poll", { ENOMEM, EINTR } },
};

static struct {
	const struct faults_way *way;
	char *map_path, program[PATH_MAX];
	unsigned int sites, runs, fired, bad;	/* of the way */
	unsigned int step, wrong;		/* of the run */
	const struct faults_site *site;
	unsigned int all_runs, all_sites, all_bad;
} now;

/* ---- telling ---- */

static const char *kind_name(u32 kind)
{
	return kind == FAULTS_SHORT ? "short" : strerrorname_np((int)kind);
}

/* Where in the source, by addr2line */
static void tell_where(const struct faults_site *s)
{
	char cmd[PATH_MAX + 64], line[512];
	FILE *f;

	for (u32 i = 0; i < s->frames; i++) {
		snprintf(cmd, sizeof(cmd), "addr2line -sfpe %s 0x%llx", now.program,
			 (unsigned long long)s->frame[i] - 1);
		f = popen(cmd, "r");
		if (f && fgets(line, sizeof(line), f))
			fprintf(stderr, "      %s %s", i ? "  by" : s->library ? " for" : "  in",
				line);
		if (f)
			pclose(f);
	}
}

bool faults_in_library(void)
{
	return now.site && now.site->library;
}

void faults_wrong(const char *fmt, ...)
{
	va_list ap;

	if (!now.wrong++) {
		const struct faults_site *s = now.site;

		now.bad++;
		if (s) {
			fprintf(stderr, "%s: %s fails: %s, time %u: faults %s %llx %u %u\n",
				now.way->name, ops[s->op].name, kind_name(faults_map->kind),
				faults_map->hit, now.way->name,
				(unsigned long long)faults_map->target, faults_map->kind,
				faults_map->hit);
			tell_where(s);
		} else {
			fprintf(stderr, "%s: libcrypto's allocation %u fails:\n", now.way->name,
				faults_map->crypto_at);
		}
	}
	if (now.wrong > TOLD_MOST)
		return;
	fprintf(stderr, "    ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

/* ---- the program ---- */

void faults_exec(char *const argv[], const char *in, const char *out, const char *said)
{
	int i = open(in ? in : "/dev/null", O_RDONLY);
	int o = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int e = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (i < 0 || o < 0 || e < 0 || dup2(i, 0) < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0)
		_exit(126);
	close(i);
	close(o);
	close(e);
	setenv("LD_PRELOAD", "build/faults/interpose.so", 1);
	setenv("FAULTS_MAP", now.map_path, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0:exitcode=77:detect_leaks=1", 1);
	setenv("UBSAN_OPTIONS", "halt_on_error=1:exitcode=77:print_stacktrace=1", 1);
	execv(now.program, argv);
	_exit(126);
}

static bool is_sanitizer(const char *line)
{
	return strstr(line, "Sanitizer") || strstr(line, "runtime error:");
}

/*
 * Libraries' own, when they are out of memory: libseccomp 2.5 frees twice, and the keeper ends;
 * libevent 2.1 does not look at what its watermarks' callback is made of, and the daemon dies.
 */
static bool is_known(FILE *f)
{
	char line[512];
	bool known = false;

	while (f && !known && fgets(line, sizeof(line), f))
		known = (strstr(line, "#0") || strstr(line, "#1")) &&
			(strstr(line, "libseccomp.so") || strstr(line, "libevent_core"));
	if (f)
		rewind(f);
	return known;
}

void faults_ended(const char *who, int status, int most, const char *said)
{
	char line[512];
	int told = 0;
	FILE *f = fopen(said, "r");
	/* libcrypto's own leaks are not told apart: its frames are not on the stack */
	bool known = now.site ? now.site->library && is_known(f) : faults_map->crypto_at;

	if (WIFSIGNALED(status))
		faults_wrong("%s died of %s", who, strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) > most && WEXITSTATUS(status) != FAULTS_ASAN)
		faults_wrong("%s: exit code %d", who, WEXITSTATUS(status));
	while (f && !known && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (is_sanitizer(line) || (told && told < 14)) {
			faults_wrong("%s", line);
			told++;
			now.wrong = 1;	/* all of these */
		}
	}
	if (f)
		fclose(f);
}

/* ---- the runs ---- */

static void run_once(u64 key, u32 kind, u32 hit, u32 times)
{
	struct faults_map *m = faults_map;

	m->target = key;
	m->kind = kind;
	m->hit = hit;
	m->times = times;
	atomic_store(&m->fired, 0);
	atomic_store(&m->crypto, 0);
	for (u32 i = 0; i < FAULTS_SITES; i++)
		atomic_store(&m->site[i].hits, 0);
	now.wrong = 0;
	now.way->run(now.way->world, now.step, false);
	now.runs++;
	now.fired += !!atomic_load(&m->fired);
	if (isatty(2) && now.runs % 10 == 0)
		fprintf(stderr, "\r%s: %u ", now.way->name, now.runs);
}

/* Beside the first time, a library on our behalf and I/O are made to fail later on too. */
static void run_site(const struct faults_site *s, u32 hits)
{
	const bool io = s->op == F_PWRITE || s->op == F_WRITE || s->op == F_SYNC;
	const u32 *kinds = ops[s->op].kinds;

	now.site = s;
	for (u32 i = 0; i < 4 && kinds[i]; i++)
		/* libevent writes a byte to itself when a signal comes: nothing interrupts that */
		if (!s->library || s->op != F_WRITE || kinds[i] != EINTR)
			run_once(s->key, kinds[i], 1, 1);
	if (hits > 2 && (io || s->library || s->op == F_OPEN))
		run_once(s->key, kinds[0], hits / 2, 1);
	if (hits > 4 && (io || s->library))
		run_once(s->key, kinds[0], hits - 1, 1);
	if (hits > 1 && io)
		run_once(s->key, kinds[0], 1, ALWAYS);
	now.site = NULL;
}

static void run_one(const struct faults_site *s, u32 kind, u32 hit)
{
	now.site = s;
	run_once(s->key, kind, hit, 1);
	now.site = NULL;
}

static void run_crypto(u32 n)
{
	for (u32 i = 0; i < CRYPTO_RUNS && i < n; i++) {
		/* most of them are of the start: more of what comes later */
		faults_map->crypto_at = n - (u32)((u64)n * i * i / CRYPTO_RUNS / CRYPTO_RUNS);
		run_once(0, 0, 0, 0);
	}
	faults_map->crypto_at = 0;
}

static int by_key(const void *a, const void *b)
{
	const struct faults_site *x = a, *y = b;

	return x->op != y->op ? (int)x->op - (int)y->op : x->key < y->key ? -1 : x->key > y->key;
}

/* A site that an earlier step has is not tried again. */
static bool is_new(u64 key)
{
	static const char *program;
	static u64 known[FAULTS_SITES];
	static u32 n;

	if (!program || strcmp(program, now.way->program))
		n = 0;
	program = now.way->program;
	for (u32 i = 0; i < n; i++)
		if (known[i] == key)
			return false;
	if (n < FAULTS_SITES)
		known[n++] = key;
	return true;
}

static void walk_step(u64 key, u32 kind, u32 hit)
{
	static struct faults_site sites[FAULTS_SITES];
	u32 n = 0, crypto;

	memset(faults_map, 0, sizeof(*faults_map));
	now.site = NULL;
	now.wrong = 0;
	now.way->run(now.way->world, now.step, true);
	if (now.wrong)
		fprintf(stderr, "%s: this was without any failure\n", now.way->name);
	for (u32 i = 0; i < FAULTS_SITES; i++)
		if (faults_map->site[i].key && (key || is_new(faults_map->site[i].key)))
			memcpy(&sites[n++], &faults_map->site[i], sizeof(sites[0]));
	qsort(sites, n, sizeof(sites[0]), by_key);
	now.sites += n;
	crypto = atomic_load(&faults_map->crypto);
	for (u32 i = 0; i < n; i++)
		if (!key)
			run_site(&sites[i], atomic_load(&sites[i].hits));
		else if (sites[i].key == key)
			run_one(&sites[i], kind, hit);
	now.site = NULL;
	if (!key)
		run_crypto(crypto);
}

static void walk_way(const struct faults_way *way, u64 key, u32 kind, u32 hit)
{
	struct timespec from, to;

	now.way = way;
	now.sites = 0;
	now.runs = 0;
	now.fired = 0;
	now.bad = 0;
	if (!realpath(way->program, now.program))
		abort();
	clock_gettime(CLOCK_MONOTONIC, &from);
	way->setup(way->world);
	for (now.step = 0; now.step < way->steps; now.step++)
		walk_step(key, kind, hit);
	way->end(way->world);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s: %u sites, %u runs, %u of them with a failure, %u things wrong; %lld s\n",
	       way->name, now.sites, now.runs, now.fired, now.bad,
	       (long long)(to.tv_sec - from.tv_sec));
	fflush(stdout);
	now.all_sites += now.sites;
	now.all_runs += now.runs;
	now.all_bad += now.bad;
}

int main(int argc, char **argv)
{
	static const struct faults_way *const ways[] = { &faults_daemon, &faults_young,
							 &faults_repoctl, &faults_microhsm };
	char path[] = "/tmp/faults-XXXXXX";
	const bool one = argc == 5 && argv[4][0] >= '0' && argv[4][0] <= '9';
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(struct faults_map)))
		abort();
	now.map_path = path;
	faults_map = mmap(NULL, sizeof(*faults_map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (faults_map == MAP_FAILED)
		abort();
	prctl(PR_SET_CHILD_SUBREAPER, 1);	/* keepers that lost their daemon */
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (int k = argc > 1; k < argc; k++)
			if (!k || !strcmp(argv[k], ways[i]->name))
				walk_way(ways[i], one ? strtoull(argv[2], NULL, 16) : 0,
					 one ? (u32)strtoul(argv[3], NULL, 10) : 0,
					 one ? (u32)strtoul(argv[4], NULL, 10) : 0);
	unlink(path);
	printf("%u sites, %u runs, %u things wrong\n", now.all_sites, now.all_runs, now.all_bad);
	return !!now.all_bad;
}

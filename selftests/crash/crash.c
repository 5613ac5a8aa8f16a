// SPDX-License-Identifier: MIT
/*
 * crash ROUNDS [SEED]
 *
 * Each round: repositoryd is given enrolments, Instances, revocations and fetches by processes side
 * by side, and is killed after some milliseconds: alone, with its keeper first, or (one round in
 * five) once more while it starts.  Then it is started, and what it had acknowledged must be in its
 * store and its audit; all else there must be whole; a host that was revoked gets nothing.
 * The last lines say how much that was, and how long a start took.
 */
#include "crash.h"
#include "repositoryd.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS		150	/* at most, before it is killed */
#define STARTING_MS	30

struct tally {
	unsigned int rounds, wrong, starts;
	unsigned long long of[CRASH_KINDS];
	u32 *ready_us;			/* of each start */
};

static u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

static void wait_ms(long most)
{
	usleep((useconds_t)(random() % (most * 1000)));
}

static pid_t keeper_of(pid_t pid)
{
	char path[64];
	int keeper = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%d", &keeper) != 1)
		keeper = 0;
	if (f)
		fclose(f);
	return keeper;
}

/* The daemon, its keeper, and the workers, which have nobody left to talk to */
static void kill_all(struct crash *c, bool keeper_first)
{
	pid_t keeper = keeper_first ? keeper_of(c->w.pid) : 0;

	if (keeper) {
		kill(keeper, SIGKILL);
		wait_ms(5);
	}
	rd_stop(&c->w, SIGKILL);
	atomic_store(&c->shared->over, true);
	while (wait(NULL) > 0)
		;
}

static unsigned int start(struct crash *c, struct tally *t)
{
	u64 before = now_us();
	int code = rd_start(&c->w);

	if (code) {
		fprintf(stderr, "crash: the store does not open: exit code %d\n", code);
		return 1;
	}
	t->ready_us[t->starts++] = (u32)(now_us() - before);
	return 0;
}

/* Revoked is who has a REVOKE in the store, and nobody else. */
static unsigned int check_victim(struct crash *c, struct rd_host *h)
{
	u8 body[64];
	struct mh_bytes reply;
	struct mh_writer w;
	int revoked, got;

	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, c->w.region, 32);
	mh_write_u8(&w, MH_REVOKE);
	mh_write_v(&w, h->id.name, strlen(h->id.name));
	revoked = !rd_call(&c->w, MH_ADMIN_GET, MH_BUF(body, w.len), &reply);
	mh_bytes_free(&reply);
	got = crash_try(c, h);
	if (got == revoked)
		return 0;
	fprintf(stderr, "crash: %s %s revoked, and its fetch gives %d\n", h->id.name,
		revoked ? "is" : "is not", got);
	return 1;
}

static unsigned int round_of(struct crash *c, struct crash_seen *seen, struct tally *t)
{
	struct crash_shared *s = c->shared;
	struct rd_host victim;
	u32 number = atomic_fetch_add(&s->hosts, 1), n;
	unsigned int wrong;

	crash_victim(c, &victim, number);
	atomic_store(&s->revoked, number);
	atomic_store(&s->over, false);
	crash_workers(c);
	wait_ms(BUSY_MS);
	kill_all(c, t->rounds % 3 == 2);
	if (t->rounds % 5 == 4) {
		rd_fork(&c->w, NULL);
		wait_ms(STARTING_MS);
		kill_all(c, false);
	}
	wrong = start(c, t);
	n = atomic_load(&s->acks);
	if (!wrong)
		wrong = crash_check(c, seen, s->ack, n < CRASH_ACKS ? n : CRASH_ACKS);
	if (!wrong)
		wrong = check_victim(c, &victim);
	if (atomic_load(&s->wrong)) {
		fprintf(stderr, "crash: a fetch gave what is not that version\n");
		wrong++;
	}
	for (u32 i = 0; i < n && i < CRASH_ACKS; i++)
		t->of[s->ack[i].kind] += atomic_load(&s->ack[i].done);
	memset(s->ack, 0, (n < CRASH_ACKS ? n : CRASH_ACKS) * sizeof(s->ack[0]));
	atomic_store(&s->acks, 0);
	rd_host_free(&victim);
	t->rounds++;
	return wrong;
}

static int ascending(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void tell(struct crash *c, struct tally *t)
{
	char path[96];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/s/db", c->w.dir);
	if (stat(path, &st))
		st.st_size = 0;
	qsort(t->ready_us, t->starts, sizeof(*t->ready_us), ascending);
	printf("%u rounds: acknowledged %llu enrolments, %llu Instances, %llu revocations, %llu "
	       "deliveries; %u things wrong\n",
	       t->rounds, t->of[CRASH_ENROL], t->of[CRASH_INSTANCE], t->of[CRASH_REVOKE],
	       t->of[CRASH_DELIVERY], t->wrong);
	if (t->starts)
		printf("ready after %u ms (median), %u ms at most, with a store of %lld KiB in the "
		       "end\n",
		       t->ready_us[t->starts / 2] / 1000, t->ready_us[t->starts - 1] / 1000,
		       (long long)st.st_size / 1024);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	unsigned int seed = (unsigned int)(argc > 2 ? strtoul(argv[2], NULL, 10) :
						      (unsigned long)time(NULL));
	static struct crash world;
	struct crash *c = &world;
	struct tally t = { .rounds = 0 };
	struct crash_seen seen = { 0 }, again = { 0 };

	if (!rounds) {
		fprintf(stderr, "usage: crash ROUNDS [SEED]\n");
		return 2;
	}
	t.ready_us = calloc(rounds + 1, sizeof(*t.ready_us));
	printf("seed %u\n", seed);
	fflush(stdout);
	srandom(seed);
	prctl(PR_SET_CHILD_SUBREAPER, 1);	/* keepers that lost their daemon */
	c->shared = mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->shared == MAP_FAILED || !t.ready_us)
		abort();
	atomic_store(&c->shared->version, 1);
	rd_setup(&c->w, NULL, NULL);
	t.wrong = start(c, &t);
	if (!t.wrong)
		crash_setup(c);
	while (!t.wrong && t.rounds < rounds) {
		t.wrong = round_of(c, &seen, &t);
		if (isatty(2))
			fprintf(stderr, "\r%u of %u", t.rounds, rounds);
	}
	/* all of it once more, from its beginning */
	if (!t.wrong)
		t.wrong = crash_check(c, &again, NULL, 0);
	if (!t.wrong)
		t.wrong = crash_check_end(c, &again);
	tell(c, &t);
	if (t.wrong)
		printf("what is left: %s\n", c->w.dir);
	else
		rd_sh("rm -rf %s/copy", c->w.dir);
	if (!t.wrong)
		rd_teardown(&c->w);
	free(t.ready_us);
	return !!t.wrong;
}

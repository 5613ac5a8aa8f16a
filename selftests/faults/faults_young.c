// SPDX-License-Identifier: MIT
/*
 * A young repositoryd's way: it makes its keys and its store, a Region is made there, a host
 * fetches, and it ends.  Started again without a failure it has its keys, and what it had taken.
 */
#include "world.h"

static void setup(void *world)
{
	struct faults_world *f = world;
	char dir[64];

	faults_directory(dir);
	rd_setup(&f->c.w, dir, FAULTS_INI);
}

static void forget(struct faults_world *f)
{
	struct rd_world *w = &f->c.w;

	rd_sh("cd %s && rm -rf s k", w->dir);
	rd_host_free(&f->c.reader);
	w->batch.n = 0;
	w->batch.items = 0;
	w->has_policy = false;
	rd_genesis(w);
	rd_write_ini(w, FAULTS_INI);
	f->acks = 0;
	memset(f->newest, 0, sizeof(f->newest));
	f->version = 0;
}

static void run(void *world, unsigned int step, bool first)
{
	struct faults_world *f = world;
	struct rd_world *w = &f->c.w;
	u8 card[MH_CARD_MAX];
	bool started, built = false;
	struct crash_seen seen = { 0 };

	(void)step;
	forget(f);
	started = !faults_start(f);
	if (started) {
		memcpy(card, w->card, sizeof(card));
		built = !faults_build(f);
		if (first && !built)
			faults_wrong("no Region could be made");
		if (built) {
			faults_fetch(f, &f->c.reader, 0);
			faults_recovered(f);
		}
	}
	faults_stop(f);
	if (faults_again(f))
		return;
	if (started && memcmp(card, w->card, sizeof(card)))
		faults_wrong("its card was another");
	if (f->acks && crash_check(&f->c, &seen, f->ack, f->acks))
		faults_wrong("so says the look at its store");
	if (built)
		faults_fetch_now(f, &f->c.reader, 0);
	rd_stop(w, SIGKILL);
}

static void end(void *world)
{
	faults_world_free(world);
}

static struct faults_world the_world;
const struct faults_way faults_young = { "young", "build/asan/bin/repositoryd", 1, setup, run,
					 end, &the_world };

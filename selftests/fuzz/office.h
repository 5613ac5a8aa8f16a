/* SPDX-License-Identifier: MIT */
/*
 * A repositoryd in this process, without its listeners: store, keeper (a process of its own, as
 * ever), a Region, hosts and what they may have.  office_reset() puts back what was there when it
 * was made: all but the number and hash of the audit's last record, which go on.
 */
#ifndef FUZZ_OFFICE_H
#define FUZZ_OFFICE_H

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../unit/rd_world.h"
#include "admin.h"
#include "conn.h"
#include "fuzz.h"
#include "store_sqlite.h"

enum { ALICE, BOB, CAROL, DAVE, EVE, HOSTS };	/* DAVE is revoked, EVE was never enrolled */
enum { KEY, FILE_OF, DATASETS };		/* of each: mode group, and mode session */

enum office_change {
	REVOKE_ALICE, SUSPEND_BOB, CAROL_ANEW, ALICE_OUT_OF_GROUP, KEY_2, FILE_AGAIN, REVOKE_FILE,
	DELEGATE_ANEW, CHANGES
};

static const char *const office_names[HOSTS] = { "alice", "bob", "carol", "dave", "eve" };

struct office {
	struct rd_world w;
	struct mh_daemon d;
	struct mh_admin a;
	struct rd_host host[HOSTS];
	struct mh_bytes first, change[CHANGES];	/* submissions: what it was made of, and more */
	u8 suspender[32];
	sqlite3 *made;		/* the store as it was made */
	u8 key[2][32], file[60000];	/* what DataSets hold; KEY by version */
};

static inline const char *office_dataset(int host, int which)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s/%s", office_names[host], which == KEY ? "key" : "file");
	return name;
}

static inline u8 office_submit(struct office *o, struct mh_buf batch)
{
	u8 status = mh_admin_submit(&o->a, batch);

	o->a.reply.n = 0;
	return status;
}

/* The batch in hand, for later */
static inline void office_keep(struct office *o, enum office_change which)
{
	must(!mh_bytes_copy(&o->change[which], o->w.batch.p, o->w.batch.n));
	o->w.batch.n = 0;
	o->w.batch.items = 0;
}

static inline void office_copy(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");

	must(b && sqlite3_backup_step(b, -1) == SQLITE_DONE && !sqlite3_backup_finish(b));
}

static inline void office_on_commit(evutil_socket_t fd, short what, void *daemon)
{
	(void)fd;
	(void)what;
	mh_server_flush(daemon);
}

static inline void office_nothing(evutil_socket_t fd, short what, void *daemon)
{
	(void)fd;
	(void)what;
	(void)daemon;
}

/* The ladder of daemon.c, without listeners, signals and privileges */
static inline void office_daemon(struct office *o, const char *dir)
{
	struct mh_daemon *d = &o->d;
	char path[96];

	signal(SIGPIPE, SIG_IGN);
	rd_setup(&o->w, dir, NULL);
	d->keeper.fd = -1;
	d->kernel = -1;
	d->started = (u64)time(NULL);
	d->config_path = o->w.ini;
	mh_log_limit = MH_LOG_ERROR;
	LIST_INIT(&d->regions);
	LIST_INIT(&d->conns);
	TAILQ_INIT(&d->silent);
	TAILQ_INIT(&d->half);
	snprintf(path, sizeof(path), "%s/s", dir);
	must(!mkdir(path, 0700) && !mh_config_read(&d->config, o->w.ini));
	must(!mh_keeper_start(&d->keeper, d->config.keeper, NULL, d->config.name,
			      MH_KEEPER_MAY_MAKE));
	must(!mh_card_decode(&d->card, MH_BUF(d->keeper.card, d->keeper.card_len)));
	d->base = event_base_new();
	must(d->base && !event_base_priority_init(d->base, 2));
	must(!mh_store_open(&d->store, d->config.store));
	must(!mh_audit_open(&d->audit, d->store, &d->keeper, MH_KEEPER_MAY_MAKE));
	d->commit = event_new(d->base, -1, 0, office_on_commit, d);
	d->drain = event_new(d->base, -1, EV_PERSIST, office_nothing, d);
	must(d->commit && d->drain && !event_priority_set(d->commit, 1));
	o->w.c = d->card;
	o->a.daemon = d;
	strcpy(o->a.who, "uid 0");
}

static inline void office_suspender(struct office *o)
{
	struct mh_writer b;
	u8 buf[1024];

	rd_begin(&o->w, &b, buf, sizeof(buf), MH_DELEGATION, "watch", 1);
	mh_write_attr(&b, MH_A_KEY, o->w.officer_pub, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_SUSPEND);
	rd_statement(&o->w, &b, MH_SET_SIGNER, o->suspender);
}

static inline void office_suspend(struct office *o, const char *name)
{
	struct mh_writer b;
	u8 buf[1024], anchor[32];

	memcpy(anchor, o->w.anchor_leaf, 32);
	memcpy(o->w.anchor_leaf, o->suspender, 32);
	rd_begin(&o->w, &b, buf, sizeof(buf), MH_SUSPEND, name, 1);
	mh_write_attr_u64(&b, MH_A_UNTIL, (u64)time(NULL) + 3600);
	rd_statement(&o->w, &b, MH_SET_SIGNER, NULL);
	memcpy(o->w.anchor_leaf, anchor, 32);
}

static inline void office_host(struct office *o, int i)
{
	struct rd_world *w = &o->w;
	struct rd_host *h = &o->host[i];
	char all[80];

	rd_host_make(w, h, office_names[i], i & 1, !(i & 1));
	if (i == EVE)
		return;
	rd_enrol_again(w, h, 1);
	snprintf(all, sizeof(all), "%s/", office_names[i]);
	rd_group(w, office_names[i], all);
	rd_member(w, office_names[i], office_names[i]);
	w->kind = MH_DATA_OTHER;
	rd_dataset(w, office_dataset(i, FILE_OF), MH_MODE_SESSION);
	rd_instance(w, office_dataset(i, FILE_OF), 1, MH_MODE_SESSION, NULL, o->file,
		    sizeof(o->file));
	w->kind = MH_DATA_KEY;
	rd_dataset(w, office_dataset(i, KEY), MH_MODE_GROUP);
	rd_instance(w, office_dataset(i, KEY), 1, MH_MODE_GROUP, h, o->key[0], 32);
}

static inline void office_changes(struct office *o)
{
	struct rd_world *w = &o->w;
	struct rd_host anew;

	rd_revoke(w, MH_ENTITY, "alice", 1);
	office_keep(o, REVOKE_ALICE);
	office_suspend(o, "bob");
	office_keep(o, SUSPEND_BOB);
	rd_host_make(w, &anew, "carol", false, true);
	rd_enrol_again(w, &anew, 2);
	rd_host_free(&anew);
	office_keep(o, CAROL_ANEW);
	rd_revoke(w, MH_MEMBER, "alice/alice", 1);
	office_keep(o, ALICE_OUT_OF_GROUP);
	rd_instance(w, office_dataset(ALICE, KEY), 2, MH_MODE_GROUP, &o->host[ALICE], o->key[1],
		    32);
	office_keep(o, KEY_2);
	w->kind = MH_DATA_OTHER;
	rd_instance(w, office_dataset(ALICE, FILE_OF), 2, MH_MODE_SESSION, NULL, o->file,
		    sizeof(o->file));
	office_keep(o, FILE_AGAIN);
	rd_revoke(w, MH_DATASET, office_dataset(BOB, FILE_OF), 1);
	office_keep(o, REVOKE_FILE);
	rd_delegate(w, 2);
	office_keep(o, DELEGATE_ANEW);
}

static inline void office_make(struct office *o)
{
	char dir[] = "/dev/shm/fuzz-XXXXXX";

	if (!mkdtemp(dir))
		must(mkdtemp(memcpy(dir, "/var/tmp/fuzz-XXXXXX", sizeof(dir))));
	fuzz_fix_random(1);
	fuzz_bytes(o->key[0], sizeof(o->key));
	fuzz_bytes(o->file, sizeof(o->file));
	office_daemon(o, dir);
	rd_delegate(&o->w, 1);
	office_suspender(o);
	for (int i = 0; i < HOSTS; i++)
		office_host(o, i);
	rd_revoke(&o->w, MH_ENTITY, "dave", 1);
	must(!office_submit(o, MH_BUF(o->w.batch.p, o->w.batch.n)));
	must(!mh_bytes_copy(&o->first, o->w.batch.p, o->w.batch.n));
	o->w.batch.n = 0;
	o->w.batch.items = 0;
	office_changes(o);
	must(!sqlite3_open(":memory:", &o->made));
	office_copy(o->made, o->d.store->db);
	rd_sh("rm -rf %s", dir);	/* all of it is open */
}

/* changed: by more than records of the audit, after the one of this number */
static inline void office_reset(struct office *o, bool changed, u64 seq)
{
	struct mh_daemon *d = &o->d;
	char text[64];

	must(!mh_store_in_transaction(d->store));
	if (!changed) {
		snprintf(text, sizeof(text), "DELETE FROM audit WHERE seq > %llu",
			 (unsigned long long)seq);
		must(!sqlite3_exec(d->store->db, text, NULL, NULL, NULL));
		return;
	}
	office_copy(d->store->db, o->made);
	d->store->generation++;		/* what is remembered of it is old */
	must(!mh_region_load(d, o->w.region));
	if (d->draining)
		event_del(d->drain);
	d->draining = false;
}

/* Until nothing is left to do; once more for each time that more() has found something. */
static inline void office_settle(struct office *o, bool (*more)(void))
{
	for (int i = 0, quiet = 0; quiet < 2; i++) {
		must(i < 10000 && event_base_loop(o->d.base, EVLOOP_NONBLOCK) >= 0);
		quiet = more() || event_base_get_num_events(o->d.base, EVENT_BASE_COUNT_ACTIVE) ?
				0 : quiet + 1;
	}
}

#endif

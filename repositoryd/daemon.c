// SPDX-License-Identifier: MIT
/* repositoryd: the ladder up, and the same ladder down; main.c calls it. */
#include "metrics.h"
#include "lib/util.h"

#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/microhsm/repositoryd.ini"

static int print_usage(FILE *out, int code)
{
	fprintf(out,
		"usage: repositoryd [--config FILE] [--check] [--accept-gap] [--new-keys]\n\n"
		"  --config FILE  configuration (default %s)\n"
		"  --check        read the configuration, say whether it is right, and end\n"
		"  --accept-gap   serve a store that is older than the keeper's memory of the audit, "
		"or another\n"
		"  --new-keys     make new server keys although the store is in use; without need it "
		"does nothing\n"
		"  --version\n"
		"  --help         this text\n\n"
		"signals: HUP reads the configuration again, TERM finishes answers in hand and "
		"ends\n"
		"exit codes: 0 done, 1 failed, 2 usage or configuration, 3 store, 4 address taken, "
		"5 keeper\n",
		CONFIG_PATH);
	return code;
}

/* Its directory is the daemon's, made when it is not there. */
static int make_directory(const char *file, const struct passwd *pw)
{
	char *copy = strdup(file), *dir;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	dir = dirname(copy);
	if (!mkdir(dir, 0711)) {
		if (pw && chown(dir, pw->pw_uid, pw->pw_gid))
			ret = -errno;
	} else if (errno != EEXIST) {
		ret = -errno;
	}
	if (ret)
		mh_log(MH_LOG_ERROR, "%s: %s", dir, strerror(-ret));
	free(copy);
	return ret;
}

/* Where the local kernel's sealed identities go, as microhsm init would make it. */
static int make_state(struct mh_daemon *d, const struct passwd *pw)
{
	const char *path = d->config.kernel;
	int ret = 0;

	d->kernel_state = strdup(path);
	if (!d->kernel_state)
		return -ENOMEM;
	if (!mkdir(path, 0700))
		ret = pw && chown(path, pw->pw_uid, pw->pw_gid) ? -errno : 0;
	else if (errno != EEXIST)
		ret = -errno;
	if (ret)
		mh_log(MH_LOG_ERROR, "%s: %s", path, strerror(-ret));
	return ret;
}

/*
 * Keys of sessions, and what the keeper answers, go to no swap.  Without a limit: under one, memory
 * would be refused later on.
 */
static void lock_memory(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &none) || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		mh_log(MH_LOG_INFO, "session keys may be swapped (RLIMIT_MEMLOCK): %s",
		       strerror(errno));
}

static int drop_privileges(const struct passwd *pw)
{
	lock_memory();
	if (pw && (setgroups(0, NULL) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
		   setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)))
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	mh_process_protect();
	return 0;
}

/* SQLite says "disk I/O error" of a file system that is read-only. */
static int may_write(const char *path)
{
	char *copy = strdup(path);
	int ret = !copy ? -ENOMEM : access(dirname(copy), W_OK) ? -errno : 0;

	free(copy);
	if (!ret && access(path, W_OK) && errno != ENOENT)
		ret = -errno;
	return ret;
}

/* Where there was a store is none: another would not be made in its place but by --accept-gap. */
static int is_missing(struct mh_daemon *d)
{
	const char *path = d->config.store;
	struct mh_keeper_held held;
	struct stat st = { 0 };
	bool gone = stat(path, &st) && errno == ENOENT;
	int ret = 0;

	if (d->may & MH_KEEPER_MAY_ANEW || (!gone && (st.st_size || !S_ISREG(st.st_mode))))
		return 0;
	ret = mh_keeper_audit_held(&d->keeper, &held);
	if (ret)
		mh_log(MH_LOG_ERROR, "the keeper does not say what it remembers: %s",
		       strerror(-ret));
	else if (held.seq)
		mh_log(MH_LOG_ERROR,
		       "%s is %s, and the keeper has seen audit record %llu of it: put the newest "
		       "copy of the store back; if there is none, start once with --accept-gap, "
		       "and a new one is made", path, gone ? "not there" : "empty",
		       (unsigned long long)held.seq);
	return ret || held.seq;
}

static int open_store(struct mh_daemon *d)
{
	int ret = may_write(d->config.store);

	if (!ret && is_missing(d))
		return MH_RD_STORE;
	if (ret) {
		mh_log(MH_LOG_ERROR, "%s: %s; the store must be writable for %s", d->config.store,
		       strerror(-ret), d->config.user ? d->config.user : "the user that I run as");
		return MH_RD_STORE;
	}
	ret = mh_store_open(&d->store, d->config.store);
	if (ret) {
		mh_log(MH_LOG_ERROR, "%s: %s%s%s", d->config.store,
		       ret == -EUCLEAN ? "the store is damaged; restore it from a backup: " :
		       ret == -EBUSY ? "another repositoryd holds the store: " :
		       ret == -ENOSPC ? "the disk is full: " : "",
		       d->store ? mh_store_error(d->store) : strerror(-ret), "");
		return MH_RD_STORE;
	}
	ret = mh_audit_open(&d->audit, d->store, &d->keeper, d->may);
	if (ret == -EKEYREJECTED)
		return MH_RD_STORE;
	if (ret == -EPIPE)
		return MH_RD_KEEPER;
	if (!ret)
		ret = mh_region_load_all(d);
	if (ret) {
		mh_log(MH_LOG_ERROR, "%s: %s (%s)", d->config.store,
		       ret == -EUCLEAN ? "the audit chain or a statement is damaged; restore it "
					 "from a backup" :
					 strerror(-ret),
		       mh_store_error(d->store));
		return MH_RD_STORE;
	}
	return 0;
}

static int record_start(struct mh_daemon *d)
{
	struct mh_audit_record r = { .event = MH_AUDIT_START };
	int ret = mh_store_begin(d->store);

	r.what = mh_text(d->config.name);
	if (!ret && d->audit.gap) {
		ret = mh_store_checkpoints_cut(d->store, d->audit.head.seq);
		if (!ret)
			ret = mh_audit_mark_gap(&d->audit, mh_now(d));
	}
	if (!ret)
		ret = mh_audit_append(&d->audit, &r, mh_now(d));
	if (!ret)
		ret = mh_audit_commit(&d->audit);
	if (!ret)
		return 0;
	mh_log(MH_LOG_ERROR, "%s: the start could not be recorded: %s (%s)", d->config.store,
	       ret == -ENOSPC ? "the disk is full: make room" : strerror(-ret),
	       mh_store_error(d->store));
	mh_store_rollback(d->store);
	return MH_RD_STORE;
}

static void print_card(const struct mh_daemon *d)
{
	const struct mh_buf v[] = { MH_L("card fingerprint"),
				    MH_BUF(d->keeper.card, d->keeper.card_len) };
	char fingerprint[MH_FINGERPRINT_LEN];
	u8 hash[MH_HASH_LEN];

	mh_sha256v(hash, v, 2);
	mh_fingerprint(hash, fingerprint);
	mh_log(MH_LOG_INFO, "server card of %s: %s", d->config.name, fingerprint);
}

static int start_parts(struct mh_daemon *d)
{
	struct mh_config *c = &d->config;
	const struct passwd *pw = NULL;
	struct passwd user;
	int ret = mh_server_descriptors(c->max_connections);

	if (ret)
		return ret;
	if (c->user && geteuid() == 0) {
		pw = getpwnam(c->user);
		if (!pw) {
			mh_log(MH_LOG_ERROR, "no user %s", c->user);
			return MH_RD_CONFIG;
		}
		/* getpwnam()'s own is overwritten when the keeper's user is looked up */
		user = *pw;
		pw = &user;
	}
	/* a store that was served belongs to keys that were: with others no host knows us */
	if (!mh_store_exists(c->store))
		d->may |= MH_KEEPER_MAY_MAKE;
	/* before threads, sockets and the store: the keeper inherits nothing */
	ret = mh_keeper_start(&d->keeper, c->keeper, c->keeper_user, c->name, d->may);
	if (ret || mh_card_decode(&d->card, MH_BUF(d->keeper.card, d->keeper.card_len))) {
		mh_log(MH_LOG_ERROR, "the keeper did not start");
		return MH_RD_KEEPER;
	}
	d->base = event_base_new();
	if (!d->base || event_base_priority_init(d->base, 2))
		return MH_RD_FAILED;
	if (make_directory(c->store, pw) || make_directory(c->admin, pw) ||
	    (c->socket && make_directory(c->socket, pw)))
		return MH_RD_CONFIG;
	ret = mh_server_listen(d);
	if (!ret)
		ret = mh_metrics_listen(d);
	if (ret)
		return ret;
	if (c->kernel) {
		ret = make_state(d, pw) ? MH_RD_CONFIG : mh_kernel_attach(d);
		if (ret)
			return ret;
	}
	ret = drop_privileges(pw);
	if (ret) {
		mh_log(MH_LOG_ERROR, "privileges could not be dropped: %s", strerror(-ret));
		return MH_RD_FAILED;
	}
	ret = open_store(d);
	if (!ret)
		ret = record_start(d);
	if (!ret)
		print_card(d);
	return ret;
}

static void stop(struct mh_daemon *d)
{
	mh_kernel_close(d);
	free(d->kernel_state);
	mh_metrics_close(d);
	for (; d->listeners; d->listeners--)
		evconnlistener_free(d->listener[d->listeners - 1]);
	if (d->relisten)
		event_free(d->relisten);
	if (d->commit)
		event_free(d->commit);
	if (d->hourly)
		event_free(d->hourly);
	if (d->turn)
		event_free(d->turn);
	if (d->drain)
		event_free(d->drain);
	mh_region_free_all(d);
	free(d->remembered);
	if (d->keeper.fd >= 0)
		mh_audit_close(&d->audit);
	mh_store_close(d->store);
	if (d->base)
		event_base_free(d->base);
	mh_keeper_stop(&d->keeper);
	while (d->bounds) {
		unlink(d->bound[--d->bounds]);
		free(d->bound[d->bounds]);
	}
}

int mh_daemon_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "accept-gap", no_argument, NULL, 'g' }, { "new-keys", no_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct mh_daemon d = { .keeper.fd = -1,
			       .kernel = -1,
			       .config_path = CONFIG_PATH,
			       .started = (u64)time(NULL) };
	bool check = false;
	int o, ret;

	mh_prog = "repositoryd";
	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (o == 'h')
			return print_usage(stdout, MH_RD_OK);
		if (o == 'v')
			return printf("repositoryd %s\n", MH_REPOSITORYD_VERSION) < 0;
		if (o == 'c')
			d.config_path = optarg;
		else if (o == 'k')
			check = true;
		else if (o == 'g')
			d.may |= MH_KEEPER_MAY_ANEW;
		else if (o == 'n')
			d.may |= MH_KEEPER_MAY_MAKE;
		else
			return print_usage(stderr, MH_RD_CONFIG);
	}
	if (optind < argc)
		return print_usage(stderr, MH_RD_CONFIG);
	if (mh_config_read(&d.config, d.config_path))
		return MH_RD_CONFIG;
	if (check) {
		printf("%s: right\n", d.config_path);
		mh_config_free(&d.config);
		return MH_RD_OK;
	}
	mh_log_limit = d.config.level;
	mh_process_protect();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);	/* outside of the loop nothing is read again */
	LIST_INIT(&d.regions);
	LIST_INIT(&d.conns);
	LIST_INIT(&d.admin);
	TAILQ_INIT(&d.silent);
	TAILQ_INIT(&d.half);
	ret = start_parts(&d);
	if (!ret)
		ret = mh_server_run(&d);
	stop(&d);
	mh_config_free(&d.config);
	return ret;
}

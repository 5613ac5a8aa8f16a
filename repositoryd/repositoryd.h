/* SPDX-License-Identifier: MIT */
/*
 * The daemon: what its parts share.  One thread, one event loop; the keeper is
 * a process of its own.  Nothing here is locked.
 */
#ifndef REPOSITORYD_H
#define REPOSITORYD_H

#include <event2/event.h>
#include <event2/listener.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "audit.h"
#include "keeper.h"
#include "store.h"
#include "core/messages.h"

#define MH_REPOSITORYD_VERSION	"0.1"
#define MH_LISTEN_MAX		16
#define MH_GENESIS_MAX		64
#define MH_ADMINS_MAX		32
#define MH_METRICS_CLIENTS	8
/*
 * Descriptors beside those of max_connections: listeners, store, keeper, event loop, officers,
 * monitors.  So many of them are kept back from hosts, for officers, monitors and the store.
 */
#define MH_DESCRIPTORS_OWN	128
#define MH_DESCRIPTORS_KEPT	(MH_ADMINS_MAX + MH_METRICS_CLIENTS + 8)

/* Exit codes, as the man page lists them. */
enum mh_daemon_exit {
	MH_RD_OK = 0,
	MH_RD_FAILED = 1,
	MH_RD_CONFIG = 2,	/* usage or configuration */
	MH_RD_STORE = 3,	/* store damaged, foreign, held by another, or disk full */
	MH_RD_ADDRESS = 4,	/* an address or socket is taken or not allowed */
	MH_RD_KEEPER = 5,
};

enum mh_log_level { MH_LOG_ERROR, MH_LOG_WARNING, MH_LOG_INFO, MH_LOG_DEBUG };
extern enum mh_log_level mh_log_limit;
/* One line on stderr with a journal priority; never a secret. */
void mh_log(enum mh_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* At most once a minute for each *last, which starts as 0: what a peer can bring about at will. */
bool mh_log_due(u64 *last);

/* ---- config.c ---- */
struct mh_config {
	char name[MH_NAME_MAX + 1];
	char *store, *socket, *admin, *admin_group, *user, *keeper, *keeper_user;
	char *kernel;		/* where the local kernel's blobs go; NULL: it is not served */
	char *metrics;		/* a loopback address, or NULL */
	char *listen[MH_LISTEN_MAX];
	unsigned int listens;
	char *genesis[MH_GENESIS_MAX];	/* a fingerprint, or region_id in hexadecimal */
	unsigned int geneses;
	bool repository, freshness;
	u32 max_connections, handshake, idle, max_answers;
	enum mh_log_level level;
};

/* Says what is wrong or could not be started; -EINVAL or -errno. */
int mh_config_read(struct mh_config *c, const char *path);
void mh_config_free(struct mh_config *c);
/* "1.2.3.4:7878", "[::]:7878"; for freeaddrinfo(), or -EINVAL */
struct addrinfo;
int mh_config_address(const char *text, struct addrinfo **out);
/* This genesis ANCHOR's Region is named by the INI. */
bool mh_config_accepts(const struct mh_config *c, const u8 region[32]);

/* ---- region.c: what is in memory of each Region ---- */

/* Since the start, for metrics.c; times are mh_conn_clock()'s. */
struct mh_counts {
	u64 delivered, unchanged, cut, refused[MH_REFUSED_LIMIT + 1];
	bool answered, epoch;		/* ever */
	u64 answered_at, epoch_at;
	u32 sessions;			/* as of the last time that it was asked */
};

/* DELEGATIONs to this server from the one that holds on: ahead.c */
struct mh_ahead {
	u64 until;		/* without a gap; 0: there is none now */
	u64 issued;		/* of the last of them */
	u32 more;		/* beside the one that holds */
};

struct mh_region {
	LIST_ENTRY(mh_region) link;
	struct mh_store_region row;
	u8 anchor[MH_HASH_LEN];		/* leaf of the newest */
	u8 x[MH_HASH_LEN];		/* X of PROTOCOL 1, of this server here */
	struct mh_bytes serve, fresh, epoch;	/* empty when there is none */
	struct mh_bytes idr;		/* empty: sessions cannot be served */
	bool stale;			/* could not be read; it is tried when it is wanted */
	u64 epoch_end;
	struct mh_ahead serve_ahead, fresh_ahead;
	u64 turn;			/* when the next of them begins; 0: none will */
	struct mh_counts counts;
};

LIST_HEAD(mh_region_list, mh_region);
LIST_HEAD(mh_conn_list, mh_conn);
LIST_HEAD(mh_admin_list, mh_admin);
TAILQ_HEAD(mh_conn_queue, mh_conn);

struct mh_daemon {
	struct mh_config config;
	const char *config_path;
	struct event_base *base;
	struct mh_keeper keeper;
	struct mh_card card;
	struct mh_store *store;
	struct mh_audit audit;
	struct mh_region_list regions;
	struct mh_conn_list conns;
	/* of those, who has not authenticated: said nothing, and said hello; oldest first */
	struct mh_conn_queue silent, half;
	unsigned int connections;
	unsigned int most;		/* of them since memory was given back */
	struct mh_admin_list admin;
	unsigned int admins;
	u64 strangers;			/* that ended before they had authenticated */
	struct evconnlistener *listener[MH_LISTEN_MAX + 2];
	unsigned int listeners;
	struct event *relisten;		/* listeners that an error of accept() disabled */
	u64 said_accept, said_away;	/* for mh_log_due() */
	/* lowest priority: ends the transaction of a turn of the loop */
	struct event *commit;
	struct event *hourly, *turn, *drain;
	int kernel;			/* attached as the local kernel's agent, or negative */
	char *kernel_state;		/* config.kernel as of the start */
	struct event *kernel_ev;
	char *bound[2];			/* unix sockets that are ours to unlink */
	unsigned int bounds;
	bool draining;
	u64 drain_until;
	u64 started, deliveries, refusals;
	u64 changes;			/* submissions taken: what was decided before is old */
	struct mh_remembered *remembered;	/* standing.c's */
	unsigned int may;		/* enum mh_keeper_may */
	struct mh_metrics *metrics;	/* metrics.c's; NULL: nobody may ask */
};

/* max(wall clock, newest EPOCH.issued) */
u64 mh_now(struct mh_daemon *d);

/* What is in memory, read again first if that failed before */
struct mh_region *mh_region_find(struct mh_daemon *d, const u8 id[32]);
/* From the store; made when it is new.  Sets what idR says. */
int mh_region_load(struct mh_daemon *d, const u8 id[32]);
int mh_region_load_all(struct mh_daemon *d);
/* The ANCHOR of the lowest serial from *serial on, which becomes that of the next to ask for */
int mh_region_next_anchor(struct mh_daemon *d, const u8 region[32], u64 *serial,
			  struct mh_bytes *out);
/*
 * The DELEGATION of this key in this role that holds now and that no later one replaced, the
 * caller's to free; empty when there is none.  What out held is freed.  0 or -errno
 */
int mh_region_delegation(struct mh_daemon *d, const u8 region[32], const u8 key[64], u8 role,
			 struct mh_bytes *out);
void mh_region_free_all(struct mh_daemon *d);

/* ---- freshness.c ---- */

/*
 * Signs the next EPOCH and stores it, in the open transaction.  -ENOKEY: no freshness DELEGATION
 * to us
 */
int mh_freshness_sign(struct mh_daemon *d, const u8 region[32]);
/* At start and hourly: each Region, in a transaction of its own; pushes it. */
void mh_freshness_sign_all(struct mh_daemon *d);
/* A DELEGATION that was signed ahead may have begun: those Regions, as if it were the hour. */
void mh_freshness_turn(struct mh_daemon *d);
/* The event of that, for when the next one begins */
void mh_freshness_arm(struct mh_daemon *d);
/* To every open session of the Region: statements, then the newest EPOCH. */
void mh_freshness_push(struct mh_daemon *d, struct mh_region *r,
		       const struct mh_bytes *statements, size_t n);
/* Ends the sessions of this Entity, or of all (empty name), that a change has put out. */
void mh_freshness_end(struct mh_daemon *d, struct mh_region *r, struct mh_buf name);

/* ---- server.c ---- */
/* Raises the limit of descriptors to what so many connections need; an exit code, and said why */
int mh_server_descriptors(u32 max_connections);
int mh_server_listen(struct mh_daemon *d);	/* before privileges are dropped; an exit code */
/* A socket that listens there, or -errno */
int mh_server_bind(const char *address);
int mh_server_run(struct mh_daemon *d);
void mh_server_drain(struct mh_daemon *d);
/*
 * Audit records and answers of one turn of the loop share a transaction.
 * begin: open it unless it is.  flush: commit now and let the answers go, or
 * turn all of them into REFUSED busy.
 */
int mh_server_begin(struct mh_daemon *d);
void mh_server_flush(struct mh_daemon *d);

/* ---- kernel.c: all in one ---- */
int mh_kernel_attach(struct mh_daemon *d);	/* before privileges are dropped; an exit code */
int mh_kernel_serve(struct mh_daemon *d);	/* from now on, if attached; 0 or -errno */
void mh_kernel_close(struct mh_daemon *d);	/* who waits for a session is told */

/* ---- admin.c, admin_read.c, admin_submit.c ---- */
void mh_admin_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len,
		     void *daemon);
void mh_admin_free_all(struct mh_daemon *d);

/* daemon.c: everything, as main() would */
int mh_daemon_main(int argc, char **argv);

/* sd_notify(3), log.c */
void mh_notify(const char *state);

#endif

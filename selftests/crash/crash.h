/* SPDX-License-Identifier: MIT */
/*
 * repositoryd killed at random points while it is busy: what it had acknowledged is there
 * afterwards, whole, in the audit, and nothing else is there by half.
 */
#ifndef CRASH_H
#define CRASH_H

#include <stdatomic.h>
#include "selftests/unit/rd_world.h"
#include "lib/audit_record.h"

#define CRASH_ACKS	8192	/* of one round */

enum crash_kind { CRASH_ENROL, CRASH_INSTANCE, CRASH_REVOKE, CRASH_DELIVERY, CRASH_KINDS };

/* What the daemon has said is done: a statement by its leaf, a delivery by its session as well */
struct crash_ack {
	_Atomic bool done;
	u8 kind;
	u32 request;		/* a delivery's */
	u8 leaf[32], h[32];	/* h: a delivery's session; else zeros */
};

/* Shared by the workers, which are processes, and the one that kills. */
struct crash_shared {
	_Atomic u32 acks;
	_Atomic u32 hosts, version;	/* numbers never used twice, whatever became of them */
	_Atomic u32 revoked;		/* hosts below this were tried */
	_Atomic bool over;		/* the daemon is dead: nothing is to be waited for */
	_Atomic bool wrong;		/* a fetch gave what it must not */
	struct crash_ack ack[CRASH_ACKS];
};

/* One Region with DataSets d/session and d/group, and a host that may fetch both */
struct crash {
	struct rd_world w;
	struct rd_host reader;
	struct crash_shared *shared;
};

/* ---- crash_work.c ---- */

void crash_setup(struct crash *c);
/* Forks one process each: they end by themselves when the daemon has gone. */
void crash_workers(struct crash *c);
/* A host that is enrolled, and may fetch, until somebody revokes it */
void crash_victim(struct crash *c, struct rd_host *h, u32 number);
/* 0 it is served, 1 it is revoked, -errno */
int crash_try(struct crash *c, struct rd_host *h);

/* ---- crash_check.c ---- */

/* How far the store was looked at, and what was seen. */
struct crash_seen {
	u64 seq;			/* of the audit */
	u8 hash[MH_HASH_LEN];
	s64 row;			/* of statements */
	u8 running[MH_HASH_LEN];	/* of REVOKEs */
	u64 revokes;
};

/*
 * The store from what was seen on, of a daemon that is idle; n acknowledgements must be in it.
 * Returns how many things are wrong, each of which was told on stderr.
 */
unsigned int crash_check(struct crash *c, struct crash_seen *seen, const struct crash_ack *ack,
			 size_t n);
/* The end of the audit is the one that the daemon signs, and SQLite finds the file in order. */
unsigned int crash_check_end(struct crash *c, const struct crash_seen *seen);

#endif

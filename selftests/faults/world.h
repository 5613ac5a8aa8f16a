/* SPDX-License-Identifier: MIT */
/* A Region whose repositoryd is made to fail, and what it had acknowledged. */
#ifndef FAULTS_WORLD_H
#define FAULTS_WORLD_H

#include <signal.h>
#include <time.h>
#include "drive.h"
#include "selftests/crash/crash.h"

#define FAULTS_ACKS	64
#define FAULTS_INI	"handshake = 2"	/* seconds: less than a host waits here */

struct faults_world {
	struct crash c;			/* its host "reader" may fetch d/session and d/group */
	struct crash_ack ack[FAULTS_ACKS];
	u32 acks, of_setup;
	/* Instances' versions: tried last, and acknowledged (of d/session, of d/group) */
	u32 version, newest[2];
	u32 version_made, newest_made[2];	/* by the setup */
	bool revoked, maybe_revoked;	/* a victim: acknowledged, or tried */
	char said[96];			/* the daemon's stderr */
	bool over;			/* it has ended: */
	int status;			/* so */
};

/* A directory, in memory if there is such a file system: nothing waits for a disk */
void faults_directory(char path[64]);
/* A Region of two DataSets with a version each, in a few submissions: 0, or it was not taken. */
int faults_build(struct faults_world *f);
void faults_world_free(struct faults_world *f);

/* The sanitized daemon: 0 once it answers.  It may have ended instead, as documented. */
int faults_start(struct faults_world *f);
/* It ends by SIGTERM, if it has not by itself, and how it ended is looked at. */
void faults_stop(struct faults_world *f);
/* The daemon without failures; 0 when it serves what is there */
int faults_again(struct faults_world *f);

/*
 * One request: MH_ADMIN_OK, or another status, or 255 without an answer.  Any but the daemon's own
 * failure is wrong.
 */
u8 faults_call(struct faults_world *f, u8 op, struct mh_buf body, struct mh_bytes *reply);
/* The batch; what is acknowledged must be there later. */
u8 faults_submit(struct faults_world *f, enum crash_kind kind, const u8 *leaf);
int faults_instance(struct faults_world *f, bool group);
int faults_connect(struct faults_world *f, struct rd_host *h, struct mh_client *c);
/*
 * Fetches both DataSets: what comes is the newest that was acknowledged, or one that was tried
 * since; or this refusal (0: none); or "busy", or no answer, but soon.
 */
void faults_fetch(struct faults_world *f, struct rd_host *h, u8 refusal);
/* The same, and nothing fails: it must be that. */
void faults_fetch_now(struct faults_world *f, struct rd_host *h, u8 refusal);
/* After the failure is over, what can go on goes on. */
void faults_recovered(struct faults_world *f);
/* Of the daemon, once they are as few as that, or will not be; 0 when it has ended */
unsigned int faults_descriptors(struct faults_world *f, unsigned int want);

#endif

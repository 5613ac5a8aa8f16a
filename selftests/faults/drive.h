/* SPDX-License-Identifier: MIT */
/*
 * The program that makes one call after another fail (faults.c), and the worlds that it does so in.
 */
#ifndef FAULTS_DRIVE_H
#define FAULTS_DRIVE_H

#include <sys/types.h>
#include "faults.h"

/* A way through a program, from its beginning to its end; or several, each a step */
struct faults_way {
	const char *name, *program;
	unsigned int steps;
	void (*setup)(void *world);
	/*
	 * Once through, with whatever is armed; what went wrong was told by faults_wrong().  The
	 * first time nothing fails, and what the world has to know for comparison is kept.
	 */
	void (*run)(void *world, unsigned int step, bool first);
	void (*end)(void *world);
	void *world;
};

extern const struct faults_way faults_daemon, faults_young, faults_repoctl, faults_microhsm;
extern struct faults_map *faults_map;

/*
 * What fails is a library's call on our behalf.  libevent does not tell of all that it could not
 * do: a connection may go without an answer then, until its time is over.
 */
bool faults_in_library(void);
/* One thing that must not be; what failed is told with the first */
void faults_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * In a child: becomes the program with the library preloaded; in (NULL: nothing), out and said are
 * the files that are its stdin, stdout and stderr.
 */
void faults_exec(char *const argv[], const char *in, const char *out, const char *said);
/* Sanitizers' words in what was said are wrong, and a death by a signal, and a code above most. */
void faults_ended(const char *who, int status, int most, const char *said);

#endif

// SPDX-License-Identifier: MIT
/*
 * Preloaded into an officer's repoctl by a test that has to know what Ke is: the random
 * bytes it draws, 32 at a time, are appended to the file that LOG_RANDOM names.  repoctl
 * instance add draws icx's random bytes, then Ke.
 *
 * With STOP_AT_END the process stops when it has done all and is about to end, so that its memory
 * can be searched.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int RAND_priv_bytes(unsigned char *buf, int num);

int RAND_priv_bytes(unsigned char *buf, int num)
{
	int (*next)(unsigned char *, int) = dlsym(RTLD_NEXT, "RAND_priv_bytes");
	const char *path = getenv("LOG_RANDOM");
	int ret = next ? next(buf, num) : 0;
	FILE *f = path && num == 32 ? fopen(path, "ae") : NULL;

	if (f) {
		fwrite(buf, 1, 32, f);
		fclose(f);
	}
	return ret;
}

static void __attribute__((destructor)) stop_at_end(void)
{
	if (getenv("STOP_AT_END"))
		raise(SIGSTOP);
}

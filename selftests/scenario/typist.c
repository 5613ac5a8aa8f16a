// SPDX-License-Identifier: MIT
/*
 * A person at a terminal: typist [PROMPT ANSWER]... -- CMD...
 * Runs CMD on a terminal of its own and types ANSWER when PROMPT is the last that was shown.
 * What was shown goes to standard output; the exit status is CMD's, 125 when it did not exit.
 */
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOWN_MAX 65536

static char shown[SHOWN_MAX];
static size_t len;		/* of what was shown since the last answer */

/* The terminal's lines end with CR LF */
static void print(const char *p, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		if (p[i] != '\r')
			putchar(p[i]);
	fflush(stdout);
}

static void answer(int fd, char **words, int pairs)
{
	for (int i = 0; i < pairs; i++) {
		size_t n = strlen(words[2 * i]);

		if (len < n || memcmp(shown + len - n, words[2 * i], n))
			continue;
		len = 0;
		if (dprintf(fd, "%s\n", words[2 * i + 1]) < 0)
			perror("typist");
		return;
	}
}

int main(int argc, char **argv)
{
	int pairs = 0, fd, status;
	ssize_t n;
	pid_t pid;

	while (1 + 2 * pairs < argc && strcmp(argv[1 + 2 * pairs], "--"))
		pairs++;
	if (2 + 2 * pairs >= argc) {
		fprintf(stderr, "usage: typist [PROMPT ANSWER]... -- CMD...\n");
		return 125;
	}
	pid = forkpty(&fd, NULL, NULL, NULL);
	if (pid < 0)
		return 125;
	if (!pid) {
		execvp(argv[2 + 2 * pairs], argv + 2 + 2 * pairs);
		_exit(127);
	}
	/* EIO: nobody has the terminal any more */
	while ((n = read(fd, shown + len, sizeof(shown) - len)) > 0) {
		print(shown + len, n);
		len += (size_t)n;
		answer(fd, argv + 1, pairs);
		if (len == sizeof(shown))
			len = 0;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 125;
	return WEXITSTATUS(status);
}

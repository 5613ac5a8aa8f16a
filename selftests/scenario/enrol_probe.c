// SPDX-License-Identifier: MIT
/*
 * What R08 needs and a shell has not: a file with one bit of one byte turned, and a person
 * at a terminal who answers a tool's questions.
 */
#include <errno.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* flip FILE OFFSET: to standard output */
static int flip(const char *path, long at)
{
	FILE *f = fopen(path, "rb");
	long n;
	int c;

	if (!f)
		return 2;
	for (n = 0; (c = getc(f)) != EOF; n++)
		putchar(n == at ? c ^ 1 << at % 8 : c);
	fclose(f);
	return at < n && !fflush(stdout) ? 0 : 2;
}

/*
 * tty ANSWER COMMAND...: the command's terminal is ours; a line that ends in ": " and waits is
 * its question.  What it says goes to our output; its exit code is ours.
 */
static int tty(const char *answer, char **command)
{
	char last[2] = "", buf[512];
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	if (pid < 0)
		return 2;
	if (!pid) {
		execvp(*command, command);
		_exit(127);
	}
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		(void)!fwrite(buf, 1, (size_t)n, stdout);
		last[0] = n > 1 ? buf[n - 2] : last[1];
		last[1] = buf[n - 1];
		if (!memcmp(last, ": ", 2) && dprintf(fd, "%s\n", answer) < 0)
			break;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 126;
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "flip"))
		return flip(argv[2], atol(argv[3]));
	if (argc > 3 && !strcmp(argv[1], "tty"))
		return tty(argv[2], argv + 3);
	fprintf(stderr, "usage: enrol_probe flip FILE OFFSET | tty ANSWER COMMAND...\n");
	return 2;
}

// SPDX-License-Identifier: MIT
/*
 * Preloaded into what seals identities: the power is cut at the step of writing a blob that MH_CUT
 * names, by sysrq's b, which reboots without a word to file systems:
 *
 *	open half write fsync rename dirsync ack
 *
 * each when it has just been done, half in the middle of the write.  Of MH_CUT_FROM, a file: only
 * once that is there.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/microhsm.h>

static int temp = -1;		/* descriptor of the blob that is being written */
static bool renamed;		/* what is synced next is the directory */

#define REAL(f) ((__typeof__(f) *)dlsym(RTLD_NEXT, #f))

static bool meant(const char *step)
{
	const char *at = getenv("MH_CUT"), *from = getenv("MH_CUT_FROM");

	return at && !strcmp(at, step) && (!from || !access(from, F_OK));
}

static void cut(const char *step)
{
	int fd;

	if (!meant(step))
		return;
	fd = open("/proc/sysrq-trigger", O_WRONLY);
	if (fd < 0 || REAL(write)(fd, "b", 1) != 1)
		abort();
	for (;;)
		(void)pause();
}

int mkostemp(char *path, int flags)
{
	int fd = REAL(mkostemp)(path, flags);

	if (fd >= 0 && strstr(path, ".blob.")) {
		temp = fd;
		cut("open");
	}
	return fd;
}

ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t ret;

	if (fd != temp)
		return REAL(write)(fd, p, n);
	if (meant("half"))
		n /= 2;
	ret = REAL(write)(fd, p, n);
	cut("half");
	cut("write");
	return ret;
}

int fsync(int fd)
{
	int ret = REAL(fsync)(fd);

	if (fd == temp) {
		cut("fsync");
	} else if (renamed) {
		renamed = false;
		cut("dirsync");
	}
	return ret;
}

int rename(const char *from, const char *to)
{
	int ret = REAL(rename)(from, to);

	temp = -1;
	if (strstr(from, ".blob.")) {
		renamed = true;
		cut("rename");
	}
	return ret;
}

int ioctl(int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	ret = REAL(ioctl)(fd, cmd, arg);
	if (cmd == MH_IOC_BLOB_ACK && !ret)
		cut("ack");
	return ret;
}

// SPDX-License-Identifier: MIT
/* An agent's kernel side; see attach.h. */
#include "attach.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int mh_attach(void)
{
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, MH_IOC_ATTACH, 0) < 0) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int mh_attach_pull(int fd, struct mh_pull *p)
{
	memset(p, 0, sizeof(*p));
	p->size = sizeof(*p);
	if (!ioctl(fd, MH_IOC_PULL, p))
		return 1;
	return errno == EAGAIN ? 0 : -errno;
}

int mh_attach_session(int fd, __u64 id)
{
	struct mh_session_io io = { .size = sizeof(io), .id = id };

	if (ioctl(fd, MH_IOC_SESSION, &io) < 0)
		return -errno;
	if (fcntl(io.fd, F_SETFL, O_NONBLOCK) < 0) {
		int ret = -errno;

		close(io.fd);
		return ret;
	}
	return io.fd;
}

static int write_sealed(const char *state, const struct mh_pull *what,
			const struct mh_blob_io *io, char *path, size_t size)
{
	if ((size_t)snprintf(path, size, "%s/%s%s%s.blob", state, what->region,
			     *what->region ? "+" : "", what->name) >= size)
		return -ENAMETOOLONG;
	if (mkdir(state, 0700) && errno != EEXIST)
		return -errno;
	return mh_file_write(path, (const void *)(uintptr_t)io->buf, io->len, 0600);
}

int mh_attach_seal(int fd, const struct mh_pull *what, const char *state, char *path, size_t size)
{
	struct mh_blob_io io = { .size = sizeof(io), .serial = what->serial, .len = MH_UBLOB_MAX };
	char old[PATH_MAX];
	void *buf = malloc(MH_UBLOB_MAX);
	int ret;

	*path = 0;
	if (!buf)
		return -ENOMEM;
	io.buf = (__u64)(uintptr_t)buf;
	ret = ioctl(fd, MH_IOC_BLOB, &io) < 0 ? -errno :
	      write_sealed(state, what, &io, path, size);
	free(buf);
	if (ret)
		return ret;
	*path = 0;
	io.buf = 0;
	if (ioctl(fd, MH_IOC_BLOB_ACK, &io) < 0)
		return -errno;
	/* joined: the pending blob has done its work */
	if (*what->region &&
	    (size_t)snprintf(old, sizeof(old), "%s/%s.blob", state, what->name) < sizeof(old) &&
	    unlink(old) && errno != ENOENT)
		mh_note("%s: %s could not be removed: %s", mh_prog, old, strerror(errno));
	return 0;
}

int mh_attach_done(int fd, __u64 id, int err)
{
	struct mh_done_io io = { .size = sizeof(io), .id = id, .err = err };

	return ioctl(fd, MH_IOC_DONE, &io) < 0 && errno != ENOENT ? -errno : 0;
}

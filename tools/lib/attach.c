// SPDX-License-Identifier: MIT
/* An agent's kernel side; see attach.h. */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int mh_attach(void)
{
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, MH_IOC_ATTACH) < 0) {
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

int mh_attach_done(int fd, __u64 id, int err)
{
	struct mh_done_io io = { .size = sizeof(io), .id = id, .err = err };

	return ioctl(fd, MH_IOC_DONE, &io) < 0 && errno != ENOENT ? -errno : 0;
}

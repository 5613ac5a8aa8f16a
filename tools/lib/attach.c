// SPDX-License-Identifier: MIT
/* An agent's kernel side; see attach.h. */
#include "attach.h"
#include "core/blob.h"
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

static int file_of(const char *state, const struct mh_pull *what, char *path, size_t size)
{
	return (size_t)snprintf(path, size, "%s/%s%s%s.blob", state, what->region,
				*what->region ? "+" : "", what->name) < size ? 0 : -ENAMETOOLONG;
}

/*
 * 1: the file is a blob of the identity that `sealed` is of, 0: of another, -errno: of none, or
 * not to be read.  Blobs are opaque, but the salt of its seats stays with an identity.
 */
static int is_of(const char *path, struct mh_buf sealed)
{
	struct mh_blob_header mine, theirs;
	struct mh_bytes file = { 0 };
	size_t len;
	int ret = mh_file_read(path, MH_UBLOB_MAX, &file);

	if (!ret)
		ret = mh_blob_parse(&theirs, mh_bytes_buf(&file), &len);
	if (!ret)
		ret = mh_blob_parse(&mine, sealed, &len);
	mh_bytes_free(&file);
	return ret ? ret : !memcmp(mine.seat_salt, theirs.seat_salt, sizeof(mine.seat_salt));
}

/* io->buf is the caller's to free, on failure too */
static int seal(int fd, const struct mh_pull *what, struct mh_blob_io *io)
{
	void *buf = malloc(MH_UBLOB_MAX);

	*io = (struct mh_blob_io){ .size = sizeof(*io), .serial = what->serial,
				   .buf = (__u64)(uintptr_t)buf, .len = MH_UBLOB_MAX };
	if (!buf)
		return -ENOMEM;
	return ioctl(fd, MH_IOC_BLOB, io) < 0 ? -errno : 0;
}

static struct mh_buf sealed_bytes(const struct mh_blob_io *io)
{
	return MH_BUF((const u8 *)(uintptr_t)io->buf, io->len);
}

int mh_attach_room(int fd, const struct mh_pull *what, const char *state, char *path, size_t size)
{
	struct mh_blob_io io;
	int ret = seal(fd, what, &io);

	*path = 0;
	if (!ret)
		ret = file_of(state, what, path, size);
	if (!ret && !is_of(path, sealed_bytes(&io)))
		ret = -EEXIST;
	free((void *)(uintptr_t)io.buf);
	return ret;
}

/* Joined: the pending blob has done its work, unless it is that of another of the name. */
static void remove_pending(const struct mh_pull *what, const char *state, struct mh_buf sealed)
{
	struct mh_pull pending = *what;
	char old[PATH_MAX];

	*pending.region = 0;
	if (file_of(state, &pending, old, sizeof(old)) || is_of(old, sealed) <= 0)
		return;
	if (unlink(old) && errno != ENOENT)
		mh_note("%s: %s could not be removed: %s", mh_prog, old, strerror(errno));
}

int mh_attach_seal(int fd, const struct mh_pull *what, const char *state, char *path, size_t size)
{
	struct mh_blob_io io;
	struct mh_buf sealed;
	int ret = seal(fd, what, &io);

	*path = 0;
	sealed = sealed_bytes(&io);
	if (!ret)
		ret = file_of(state, what, path, size);
	if (!ret && mkdir(state, 0700) && errno != EEXIST)
		ret = -errno;
	if (!ret && !is_of(path, sealed))
		ret = -EEXIST;
	if (!ret)
		ret = mh_file_write(path, sealed.p, sealed.n, 0600);
	if (!ret) {
		*path = 0;
		io.buf = 0;
		if (ioctl(fd, MH_IOC_BLOB_ACK, &io) < 0)
			ret = -errno;
		else if (*what->region)
			remove_pending(what, state, sealed);
	}
	free((void *)sealed.p);
	return ret;
}

int mh_attach_done(int fd, __u64 id, int err)
{
	struct mh_done_io io = { .size = sizeof(io), .id = id, .err = err };

	return ioctl(fd, MH_IOC_DONE, &io) < 0 && errno != ENOENT ? -errno : 0;
}

// SPDX-License-Identifier: MIT
/* Whole files, durably replaced; armoured text for what people carry by hand. */
#include "util.h"
#include "core/crypto.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void mh_bytes_free(struct mh_bytes *b)
{
	if (b->p)
		mh_wipe(b->p, b->n);
	free(b->p);
	b->p = NULL;
	b->n = 0;
}

int mh_bytes_copy(struct mh_bytes *b, const void *p, size_t n)
{
	b->p = malloc(n ? n : 1);
	if (!b->p)
		return -ENOMEM;
	if (n)		/* p may be NULL else */
		memcpy(b->p, p, n);
	b->n = n;
	return 0;
}

int mh_fd_read(int fd, size_t max, struct mh_bytes *out)
{
	size_t room = max + 1 < 65536 ? max + 1 : 65536;
	ssize_t got;
	int ret = 0;

	out->n = 0;
	out->p = malloc(room);
	if (!out->p)
		return -ENOMEM;
	for (;;) {
		if (out->n == room) {	/* grow by copy and wipe: it may be a secret */
			size_t more = room * 2 > max + 1 ? max + 1 : room * 2;
			u8 *p = malloc(more);

			if (!p) {
				ret = -ENOMEM;
				break;
			}
			memcpy(p, out->p, out->n);
			mh_wipe(out->p, out->n);
			free(out->p);
			out->p = p;
			room = more;
		}
		got = read(fd, out->p + out->n, room - out->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ret = -errno;
		if (got <= 0)
			break;
		out->n += (size_t)got;
		if (out->n > max) {
			ret = -EFBIG;
			break;
		}
	}
	if (ret)
		mh_bytes_free(out);
	return ret;
}

int mh_file_read(const char *path, size_t max, struct mh_bytes *out)
{
	int fd, ret;

	if (!strcmp(path, "-"))
		return mh_fd_read(STDIN_FILENO, max, out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = mh_fd_read(fd, max, out);
	close(fd);
	return ret;
}

static int write_all(int fd, const u8 *p, size_t n)
{
	while (n) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, ret = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		ret = -errno;
	close(fd);
	return ret;
}

int mh_file_write(const char *path, const void *p, size_t n, unsigned int mode)
{
	char tmp[PATH_MAX];
	int fd, ret;

	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, p, n);
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, p, n);
	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret) {
		unlink(tmp);
		return ret;
	}
	return sync_directory(path);
}

int mh_armour_read(const char *path, const char *label, size_t max, struct mh_bytes *out)
{
	static const char begin[] = "-----BEGIN MICROHSM ";
	struct mh_bytes raw = { 0 };
	char *name = NULL, *header = NULL;
	const u8 *text;
	unsigned char *data = NULL;
	long len = 0;
	BIO *bio;
	int ret = mh_file_read(path, max * 2 + 256, &raw);

	if (ret)
		return ret;
	/* text that people send comes with words above it; what begins otherwise is binary */
	text = raw.n ? memmem(raw.p, raw.n, begin, strlen(begin)) : NULL;
	if (!text && (raw.n < 5 || memcmp(raw.p, "-----", 5))) {
		if (raw.n > max) {
			mh_bytes_free(&raw);
			return -EFBIG;
		}
		*out = raw;
		return 0;
	}
	if (!text)
		text = raw.p;
	bio = BIO_new_mem_buf(text, (int)(raw.n - (size_t)(text - raw.p)));
	ret = -EBADMSG;
	if (bio && PEM_read_bio(bio, &name, &header, &data, &len) == 1 && (size_t)len <= max &&
	    !strncmp(name, "MICROHSM ", 9) && !strcmp(name + 9, label))
		ret = mh_bytes_copy(out, data, (size_t)len);
	ERR_clear_error();
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len);
	BIO_free(bio);
	mh_bytes_free(&raw);
	return ret;
}

int mh_armour_write(const char *path, const char *label, const void *p, size_t n, bool binary,
		    unsigned int mode)
{
	char name[64];
	BIO *bio;
	char *text;
	long len;
	int ret = -ENOMEM;

	if (binary)
		return mh_file_write(path, p, n, mode);
	snprintf(name, sizeof(name), "MICROHSM %s", label);
	bio = BIO_new(BIO_s_mem());
	if (bio && PEM_write_bio(bio, name, "", p, (long)n) > 0) {
		len = BIO_get_mem_data(bio, &text);
		ret = mh_file_write(path, text, (size_t)len, mode);
	}
	BIO_free(bio);
	return ret;
}

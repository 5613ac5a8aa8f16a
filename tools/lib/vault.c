// SPDX-License-Identifier: MIT
/* An officer's vault; see vault.h. */
#include "vault.h"
#include "core/blob.h"

#include <argon2.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/microhsm.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 5, ENTRY = MH_HASH_LEN + MH_KEY_LEN };

struct mh_vault {
	char path[PATH_MAX];
	int lock;
	struct mh_blob_header header;
	u8 seat[MH_HASH_LEN];
	struct mh_bytes content;
};

/* Where links lead, lest a write replace one; a new file's directory is there. */
static int resolve(struct mh_vault *v, const char *path, bool add)
{
	char copy[PATH_MAX], dir[PATH_MAX];
	struct stat st;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	if (realpath(path, v->path))
		return 0;
	if (errno != ENOENT || !add || !lstat(path, &st))
		return -errno;
	strcpy(copy, path);
	if (!realpath(dirname(copy), dir))
		return -errno;
	strcpy(copy, path);
	if ((size_t)snprintf(v->path, sizeof(v->path), "%s/%s", dir, basename(copy)) >=
	    sizeof(v->path))
		return -ENAMETOOLONG;
	return 0;
}

/* Beside the file, which is replaced whenever it is written */
static int take_lock(struct mh_vault *v, bool add)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s.lock", v->path);
	v->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (v->lock < 0)
		return add ? -errno : 0;
	if (flock(v->lock, (add ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static int stretch(struct mh_vault *v, const char *passphrase)
{
	struct mh_blob_seat *s = &v->header.seat[0];
	u8 c[1][MH_HASH_LEN];
	argon2_context a = {
		.out = c[0], .outlen = sizeof(c[0]),
		.pwd = (u8 *)passphrase, .pwdlen = (u32)strlen(passphrase),
		.salt = s->salt, .saltlen = sizeof(s->salt),
		.t_cost = s->t, .m_cost = s->m, .lanes = s->p,
		.threads = 1,	/* each would have a stack with secrets */
		.version = ARGON2_VERSION_13,
	};
	int ret = argon2id_ctx(&a);

	if (ret == ARGON2_OK)
		ret = mh_blob_seat(&v->header, (const u8 (*)[MH_HASH_LEN])c, v->seat);
	else
		ret = ret == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EIO;
	mh_wipe(c, sizeof(c));
	return ret;
}

/* RFC 9106, section 4, the second choice: 64 MiB, three passes, four lanes */
static int begin(struct mh_vault *v, const char *passphrase)
{
	static const u8 empty[HEAD];
	struct mh_blob_seat *s = &v->header.seat[0];
	int ret = mh_random(v->header.seat_salt, sizeof(v->header.seat_salt));

	v->header.seats = 1;
	*s = (struct mh_blob_seat){ .type = MH_SEAT_PIN, .m = 65536, .t = 3, .p = 4 };
	if (!ret)
		ret = mh_random(s->salt, sizeof(s->salt));
	if (!ret)
		ret = mh_bytes_copy(&v->content, empty, sizeof(empty));
	return ret ? ret : stretch(v, passphrase);
}

static u32 entries(const struct mh_vault *v)
{
	return mh_get32(v->content.p + 1);
}

static u8 *entry(const struct mh_vault *v, u32 i)
{
	return v->content.p + HEAD + (size_t)i * ENTRY;
}

static int check(const struct mh_vault *v)
{
	if (v->content.n < HEAD || v->content.p[0])
		return -EBADMSG;
	if (v->content.n - HEAD != (size_t)entries(v) * ENTRY)
		return -EBADMSG;
	for (u32 i = 1; i < entries(v); i++)
		if (memcmp(entry(v, i - 1), entry(v, i), MH_HASH_LEN) >= 0)
			return -EBADMSG;
	return 0;
}

static int read_blob(struct mh_vault *v, const char *passphrase, struct mh_buf blob)
{
	size_t len;
	int ret = mh_blob_parse(&v->header, blob, &len);

	if (!ret && (v->header.seats != 1 || v->header.seat[0].type != MH_SEAT_PIN))
		ret = -EKEYREJECTED;
	if (!ret)
		ret = stretch(v, passphrase);
	if (ret)
		return ret;
	v->content.p = malloc(blob.n);
	if (!v->content.p)
		return -ENOMEM;
	v->content.n = blob.n;
	ret = mh_blob_open(v->seat, blob, v->content.p);
	if (ret < 0)
		return ret;
	v->content.n = (size_t)ret;
	return check(v);
}

int mh_vault_open(struct mh_vault **out, const char *path, const char *passphrase, bool add)
{
	struct mh_vault *v = calloc(1, sizeof(*v));
	struct mh_bytes blob = { 0 };
	int ret;

	if (!v)
		return -ENOMEM;
	v->lock = -1;
	ret = resolve(v, path, add);
	if (!ret)
		ret = take_lock(v, add);
	if (!ret) {
		ret = mh_file_read(v->path, MH_VAULT_MAX, &blob);
		if (ret == -ENOENT && add)
			ret = begin(v, passphrase);
		else if (!ret)
			ret = read_blob(v, passphrase, mh_bytes_buf(&blob));
	}
	mh_bytes_free(&blob);
	if (ret)
		mh_vault_close(v);
	else
		*out = v;
	return ret;
}

void mh_vault_close(struct mh_vault *v)
{
	if (!v)
		return;
	mh_bytes_free(&v->content);
	if (v->lock >= 0)
		close(v->lock);
	mh_wipe(v, sizeof(*v));
	free(v);
}

/* The first whose kid is not below */
static u32 place(const struct mh_vault *v, const u8 *kid)
{
	u32 low = 0, high = entries(v);

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (memcmp(entry(v, mid), kid, MH_HASH_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const u8 *mh_vault_find(const struct mh_vault *v, const u8 kid[MH_HASH_LEN])
{
	u32 i = place(v, kid);

	if (i == entries(v) || memcmp(entry(v, i), kid, MH_HASH_LEN))
		return NULL;
	return entry(v, i) + MH_HASH_LEN;
}

static int write_blob(struct mh_vault *v, const struct mh_bytes *content)
{
	size_t size = content->n + MH_BLOB_OVERHEAD;
	u8 *out = size <= MH_VAULT_MAX ? malloc(size) : NULL;
	int ret = mh_random(v->header.blob_salt, sizeof(v->header.blob_salt));

	if (!ret && !out)
		ret = size > MH_VAULT_MAX ? -EFBIG : -ENOMEM;
	if (!ret)
		ret = mh_blob_seal(&v->header, v->seat, mh_bytes_buf(content), out, size);
	if (ret > 0)
		ret = mh_file_write(v->path, out, (size_t)ret, 0600);
	free(out);
	return ret;
}

int mh_vault_add(struct mh_vault *v, const u8 kid[MH_HASH_LEN], const u8 secret[MH_KEY_LEN])
{
	u32 i = place(v, kid);
	size_t at = HEAD + (size_t)i * ENTRY;
	struct mh_bytes more = { .n = v->content.n + ENTRY };
	int ret;

	if (mh_vault_find(v, kid))
		return 0;	/* kid commits to it */
	more.p = malloc(more.n);
	if (!more.p)
		return -ENOMEM;
	memcpy(more.p, v->content.p, at);
	memcpy(more.p + at, kid, MH_HASH_LEN);
	memcpy(more.p + at + MH_HASH_LEN, secret, MH_KEY_LEN);
	memcpy(more.p + at + ENTRY, v->content.p + at, v->content.n - at);
	mh_put32(more.p + 1, entries(v) + 1);
	ret = write_blob(v, &more);
	if (ret) {
		mh_bytes_free(&more);
		return ret;
	}
	mh_bytes_free(&v->content);
	v->content = more;
	return 0;
}

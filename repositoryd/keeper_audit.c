// SPDX-License-Identifier: MIT
/*
 * What the keeper remembers of the audit, so that a store that was rewritten, cut or put back is
 * found out although its chain holds together.  In place in one sector, which is written whole:
 *
 *	DIR/audit = "MHKA" || u8 version 0 || u8 closed || u64 since || u64 seq || hash 32 || tag 32
 *	tag       = SUB(Kstore, "audit head", all before it, 32)
 *
 * seq, hash: of the newest record that the daemon said is durable, zero for none.  since: the
 * first that this keeper was told of; what was signed before is another's.  closed: the daemon
 * ended in order, and no record may follow; else those of its last commits may.
 */
#include "keeper_child.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY	(4 + 1 + 1 + 8 + 8 + MH_HASH_LEN)
#define WHOLE	(BODY + 32)

static int encode(const struct keeper_audit *a, const struct keeper_secrets *s, u8 out[WHOLE])
{
	memcpy(out, "MHKA", 5);	/* and version 0 */
	out[5] = a->closed;
	mh_put64(out + 6, a->since);
	mh_put64(out + 14, a->seq);
	memcpy(out + 22, a->hash, MH_HASH_LEN);
	return mh_sub(MH_BUF(s->store, sizeof(s->store)), MH_L("audit head"), MH_BUF(out, BODY),
		      out + BODY, 32);
}

static int decode(struct keeper_audit *a, const struct keeper_secrets *s, const u8 in[WHOLE])
{
	u8 again[WHOLE];
	int ret;

	a->closed = in[5];
	a->since = mh_get64(in + 6);
	a->seq = mh_get64(in + 14);
	memcpy(a->hash, in + 22, MH_HASH_LEN);
	ret = encode(a, s, again);
	return ret ? ret : mh_ct_equal(in, again, WHOLE) ? 0 : -EUCLEAN;
}

int keeper_audit_make(const char *path, const struct keeper_secrets *s)
{
	const struct keeper_audit none = { 0 };
	u8 bytes[WHOLE];
	int ret = encode(&none, s, bytes);

	return ret ? ret : mh_file_write(path, bytes, sizeof(bytes), 0600);
}

int keeper_audit_open(const char *path, const struct keeper_secrets *s, struct keeper_audit *a)
{
	u8 bytes[WHOLE];
	struct stat st;
	int ret = 0;

	a->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (a->fd < 0)
		return -errno;
	if (fstat(a->fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size != WHOLE)
		ret = -EUCLEAN;
	else if (st.st_mode & 077)
		ret = -EPERM;
	else if (pread(a->fd, bytes, WHOLE, 0) != (ssize_t)WHOLE)
		ret = -EIO;
	if (!ret)
		ret = decode(a, s, bytes);
	if (ret)
		close(a->fd);
	return ret;
}

static int write_whole(int fd, const u8 bytes[WHOLE])
{
	for (size_t at = 0; at < WHOLE;) {
		ssize_t n = pwrite(fd, bytes + at, WHOLE - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

int keeper_audit_advance(struct keeper_audit *a, const struct keeper_secrets *s, u8 how, u64 seq,
			 const u8 hash[MH_HASH_LEN], bool sync)
{
	const bool same = seq == a->seq && !memcmp(hash, a->hash, MH_HASH_LEN);
	struct keeper_audit next = *a;
	u8 bytes[WHOLE];
	int ret;

	if (how == MH_HEAD_ANEW ? !a->accept && a->seq : seq <= a->seq && !same)
		return -EKEYREJECTED;
	if (how == MH_HEAD_ANEW || !a->seq)
		next.since = seq;
	next.seq = seq;
	memcpy(next.hash, hash, MH_HASH_LEN);
	next.closed = how == MH_HEAD_CLOSE;
	next.accept = a->accept && how == MH_HEAD_OPEN;
	ret = encode(&next, s, bytes);
	if (!ret && (how || !same))
		ret = write_whole(a->fd, bytes);
	if (!ret && (how || sync) && fdatasync(a->fd))
		ret = -errno;
	if (!ret)
		*a = next;
	return ret;
}

// SPDX-License-Identifier: MIT
/*
 * The keeper's secrets on disk, opened by a seat of one constant (a file of
 * 32 random bytes); the construction is PROTOCOL.md section 9's.
 *
 *	sealed = "MHKS" || u8 version 0 || seat_salt 32 || blob_salt 32 || com 32 || ct (5 * 32 + 64
 *+ 16) c      = H(L("seat file") || seat);  Seat = HKDF-Extract(seat_salt, u8 1 || u8 0 || c) prk
 *= HKDF-Extract(blob_salt, Seat) Kseal  = HKDF-Expand(prk, L("seal"), 32);  com = HKDF-Expand(prk,
 *L("seal commit"), 32) ct     = AES-256-GCM(Kseal, zero nonce, AD = all before ct, secrets)
 */
#include "keeper_child.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD	(4 + 1 + 32 + 32)
#define SEALED	(HEAD + 32 + sizeof(struct keeper_secrets) + MH_TAG_LEN)
#define PATHS	4200

struct paths {
	char seat[PATHS], sealed[PATHS], audit[PATHS];
};

static int derive(const u8 seat[32], const u8 *seat_salt, const u8 *blob_salt, u8 kseal[32],
		  u8 com[32])
{
	static const u8 where[2] = { 1, 0 };
	const struct mh_buf label = MH_L("seal"), commit = MH_L("seal commit");
	const struct mh_buf constant[] = { MH_L("seat file"), MH_BUF(seat, 32) };
	u8 c[MH_HASH_LEN], root[MH_HASH_LEN], prk[MH_HASH_LEN];
	const struct mh_buf ikm[] = { MH_BUF(where, 2), MH_BUF(c, sizeof(c)) };
	const struct mh_buf seats = MH_BUF(root, sizeof(root));
	int ret;

	mh_sha256v(c, constant, 2);
	ret = mh_hkdf_extract(seat_salt, 32, ikm, 2, root);
	if (!ret)
		ret = mh_hkdf_extract(blob_salt, 32, &seats, 1, prk);
	if (!ret)
		ret = mh_hkdf_expand(prk, &label, 1, kseal, 32);
	if (!ret)
		ret = mh_hkdf_expand(prk, &commit, 1, com, 32);
	mh_wipe(c, sizeof(c));
	mh_wipe(root, sizeof(root));
	mh_wipe(prk, sizeof(prk));
	return ret;
}

/* A file that only its owner can read. */
static int read_private(const char *path, u8 *out, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t got;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size != n)
		ret = -EUCLEAN;
	else if (st.st_mode & 077)
		ret = -EPERM;
	got = ret ? 0 : read(fd, out, n);
	if (!ret && got != (ssize_t)n)
		ret = got < 0 ? -errno : -EUCLEAN;
	close(fd);
	return ret;
}

static int write_private(const char *path, const u8 *p, size_t n, uid_t uid, gid_t gid)
{
	int ret = mh_file_write(path, p, n, 0600);

	if (!ret && uid != (uid_t)-1 && chown(path, uid, gid))
		ret = -errno;
	return ret;
}

static int make_secrets(struct keeper_secrets *s)
{
	u8 pub[MH_P256_PUB_LEN];
	int ret = mh_random(s->store, sizeof(s->store));

	if (!ret)
		ret = mh_random(s->card, sizeof(s->card));
	if (!ret)
		ret = mh_p256_generate(s->sp2, pub);
	if (!ret)
		ret = mh_p256_generate(s->fresh, pub);
	if (!ret)
		ret = mh_p256_generate(s->audit, pub);
	return ret;
}

static int seal(const u8 seat[32], const struct keeper_secrets *s, u8 out[SEALED])
{
	static const u8 zero[MH_NONCE_LEN];
	u8 kseal[32];
	int ret;

	memcpy(out, "MHKS", 5);	/* and version 0 */
	ret = mh_random(out + 5, 64);
	if (!ret)
		ret = derive(seat, out + 5, out + 37, kseal, out + HEAD);
	if (!ret)
		ret = mh_aead_seal_once(kseal, zero, MH_BUF(out, HEAD + 32), (const u8 *)s,
					sizeof(*s), out + HEAD + 32);
	mh_wipe(kseal, sizeof(kseal));
	return ret;
}

static int unseal(const u8 seat[32], const u8 in[SEALED], struct keeper_secrets *s)
{
	static const u8 zero[MH_NONCE_LEN];
	u8 kseal[32], com[32];
	int ret;

	if (memcmp(in, "MHKS", 5))
		return -EMEDIUMTYPE;
	ret = derive(seat, in + 5, in + 37, kseal, com);
	if (!ret && !mh_ct_equal(com, in + HEAD, 32))
		ret = -EBADMSG;
	if (!ret)
		ret = mh_aead_open_once(kseal, zero, MH_BUF(in, HEAD + 32), in + HEAD + 32,
					SEALED - HEAD - 32, (u8 *)s);
	mh_wipe(kseal, sizeof(kseal));
	return ret;
}

static int make_audit(const char *path, uid_t uid, gid_t gid, const struct keeper_secrets *s)
{
	int ret = keeper_audit_make(path, s);

	if (!ret && uid != (uid_t)-1 && chown(path, uid, gid))
		ret = -errno;
	return ret;
}

static int make_files(const struct paths *p, uid_t uid, gid_t gid, const char *name,
		      struct keeper_secrets *s)
{
	u8 seat[32], sealed[SEALED], card[MH_CARD_MAX];
	int ret = mh_random(seat, sizeof(seat));

	if (!ret)
		ret = make_secrets(s);
	if (!ret)
		ret = keeper_card_make(s, name, card) < 0 ? -EINVAL : 0;
	if (!ret)
		ret = seal(seat, s, sealed);
	/* the sealed file last: without the others it would never open */
	if (!ret)
		ret = write_private(p->seat, seat, sizeof(seat), uid, gid);
	if (!ret)
		ret = make_audit(p->audit, uid, gid, s);
	if (!ret)
		ret = write_private(p->sealed, sealed, sizeof(sealed), uid, gid);
	mh_wipe(seat, sizeof(seat));
	return ret;
}

/* A card that had to be signed anew, since the name is another, is kept: its fingerprint stays. */
static int keep_card(const struct paths *p, uid_t uid, gid_t gid, const char *name,
		     const u8 seat[32], struct keeper_secrets *s)
{
	u8 sealed[SEALED], card[MH_CARD_MAX], was[MH_SIG_LEN];
	int ret;

	memcpy(was, s->card_sig, sizeof(was));
	ret = keeper_card_make(s, name, card) < 0 ? -EINVAL : 0;
	if (ret || !memcmp(was, s->card_sig, sizeof(was)))
		return ret;
	ret = seal(seat, s, sealed);
	return ret ? ret : write_private(p->sealed, sealed, sizeof(sealed), uid, gid);
}

static int open_sealed(const struct paths *p, uid_t uid, gid_t gid, const char *name,
		       struct keeper_secrets *s)
{
	u8 seat[32], sealed[SEALED];
	int ret = read_private(p->sealed, sealed, sizeof(sealed));

	if (ret)
		return ret;
	ret = read_private(p->seat, seat, sizeof(seat));
	if (!ret)
		ret = unseal(seat, sealed, s);
	if (!ret)
		ret = keep_card(p, uid, gid, name, seat, s);
	mh_wipe(seat, sizeof(seat));
	return ret == -ENOENT ? -ENOKEY : ret;
}

static int open_audit(const struct paths *p, uid_t uid, gid_t gid, const struct keeper_secrets *s,
		      struct keeper_audit *a)
{
	int ret = keeper_audit_open(p->audit, s, a);

	if ((ret == -ENOENT || ret == -EUCLEAN) && a->accept) {
		ret = make_audit(p->audit, uid, gid, s);
		if (!ret)
			ret = keeper_audit_open(p->audit, s, a);
	}
	if (ret)
		mh_note("repositoryd: keeper: %s: %s", p->audit,
			ret == -ENOENT || ret == -EUCLEAN ?
				"missing, damaged or not of this seat: put it back from a backup; "
				"if there is none, start once with --accept-gap" :
			ret == -EPERM ? "must be readable by its owner alone (mode 0600)" :
					strerror(-ret));
	return ret;
}

int keeper_file_open(const char *dir, uid_t uid, gid_t gid, const char *name, bool make,
		     struct keeper_secrets *s, struct keeper_audit *a)
{
	struct paths p;
	int ret;

	if (strlen(dir) + 16 > PATHS)
		return -ENAMETOOLONG;
	snprintf(p.seat, sizeof(p.seat), "%s/seat", dir);
	snprintf(p.sealed, sizeof(p.sealed), "%s/sealed", dir);
	snprintf(p.audit, sizeof(p.audit), "%s/audit", dir);
	if (!make && access(p.sealed, F_OK) && errno == ENOENT) {
		mh_note("repositoryd: keeper: %s is not there, and the store is in use: put seat "
			"and sealed back from a backup; if they are lost, start once with "
			"--new-keys, after which all that was delegated to, enrolled at or given "
			"to this server must be so again", p.sealed);
		return -ENOKEY;
	}
	if (mkdir(dir, 0700)) {
		if (errno != EEXIST)
			return mh_note("repositoryd: keeper: %s: %s", dir, strerror(errno)), -errno;
	} else if (uid != (uid_t)-1 && chown(dir, uid, gid)) {
		return -errno;
	}
	ret = open_sealed(&p, uid, gid, name, s);
	if (ret == -ENOENT)
		ret = make_files(&p, uid, gid, name, s);
	if (!ret)
		return open_audit(&p, uid, gid, s, a);
	mh_note("repositoryd: keeper: %s: %s", dir,
		ret == -EBADMSG || ret == -EUCLEAN || ret == -EMEDIUMTYPE ?
			"the sealed secrets do not open with this seat, or a file is "
			"damaged" :
		ret == -ENOKEY ? "the seat is missing: put it back from a backup" :
		ret == -EPERM ? "seat and sealed must be readable by their owner alone "
				"(mode 0600)" :
				strerror(-ret));
	return ret;
}

// SPDX-License-Identifier: MIT
/* The keeper as the daemon sees it: started once, asked over a socketpair. */
#include "keeper_child.h"
#include "lib/util.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct keeper_secrets secrets;	/* of the child only; the parent's copy stays zero */

static int become(uid_t uid, gid_t gid)
{
	if (unshare(CLONE_NEWNET))
		mh_note("repositoryd: keeper: warning: no network namespace of its own: %s",
			strerror(errno));
	if (uid == (uid_t)-1)
		return 0;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

static void run_child(int fd, const char *dir, uid_t uid, gid_t gid, const char *name,
		      unsigned int may)
{
	struct keeper_audit audit = { .fd = -1, .accept = may & MH_KEEPER_MAY_ANEW };
	int ret;

	mh_process_protect();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NAME, "repositoryd-key"))
		_exit(1);
	/*
	 * ends with the socketpair, not with the terminal's or the manager's signals: the daemon
	 * drains first
	 */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (mlock(&secrets, sizeof(secrets)))
		mh_note("repositoryd: keeper: warning: secrets may be swapped: %s",
			strerror(errno));
	ret = keeper_file_open(dir, uid, gid, name, may & MH_KEEPER_MAY_MAKE, &secrets, &audit);
	if (!ret && geteuid() == 0)
		ret = become(uid, gid);
	/* changing the user made it dumpable again, and forgot the death signal */
	if (!ret && (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		     prctl(PR_SET_PDEATHSIG, SIGKILL)))
		ret = -errno;
	if (ret)
		_exit(1);
	keeper_child_run(fd, &secrets, &audit, name);
}

/*
 * A reply that was not taken would be the next question's: nothing is asked again.  The keeper ends
 * for want of a daemon, and the daemon when it hears of that.
 */
static int lose(struct mh_keeper *k)
{
	close(k->fd);
	k->fd = -1;
	return -EPIPE;
}

static int ask(struct mh_keeper *k, u8 op, const struct mh_buf *v, unsigned int n, u8 *out,
	       size_t size, size_t *got)
{
	u8 packet[1 + KEEPER_PACKET], reply[4 + MH_CARD_MAX];
	size_t len = 1;
	ssize_t r;
	int ret = 0;

	if (k->fd < 0)
		return -EPIPE;
	packet[0] = op;
	for (unsigned int i = 0; i < n; i++) {
		if (v[i].n > sizeof(packet) - len)
			return -EMSGSIZE;
		if (v[i].n)
			memcpy(packet + len, v[i].p, v[i].n);
		len += v[i].n;
	}
	do
		r = send(k->fd, packet, len, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return lose(k);
	do
		r = recv(k->fd, reply, sizeof(reply), 0);
	while (r < 0 && errno == EINTR);
	if (r < 4)
		return lose(k);
	ret = -(int)mh_get32(reply);
	r -= 4;
	if (!ret && ((size_t)r > size || (!got && (size_t)r != size)))
		ret = -EPROTO;
	if (!ret && r)
		memcpy(out, reply + 4, (size_t)r);
	if (!ret && got)
		*got = (size_t)r;
	mh_wipe(reply, sizeof(reply));
	return ret;
}

int mh_keeper_start(struct mh_keeper *k, const char *dir, const char *user, const char *name,
		    unsigned int may)
{
	const struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;
	int pair[2], ret;

	memset(k, 0, sizeof(*k));
	k->fd = -1;
	if (user && geteuid() == 0 && !pw) {
		mh_note("repositoryd: keeper: no user %s", user);
		return -ENOENT;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	k->pid = fork();
	if (k->pid < 0) {
		ret = -errno;
		close(pair[0]);
		close(pair[1]);
		return ret;
	}
	if (!k->pid) {
		close(pair[0]);
		run_child(pair[1], dir, pw ? pw->pw_uid : (uid_t)-1, pw ? pw->pw_gid : (gid_t)-1,
			  name, may);
		_exit(1);
	}
	close(pair[1]);
	k->fd = pair[0];
	ret = ask(k, KEEPER_CARD, NULL, 0, k->card, sizeof(k->card), &k->card_len);
	if (ret)
		mh_keeper_stop(k);
	return ret;
}

void mh_keeper_stop(struct mh_keeper *k)
{
	int status;

	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	while (k->pid > 0 && waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
		;
}

int mh_keeper_sign_sp2(struct mh_keeper *k, const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	const struct mh_buf v = MH_BUF(digest, MH_HASH_LEN);

	return ask(k, KEEPER_SIGN_SP2, &v, 1, sig, MH_SIG_LEN, NULL);
}

int mh_keeper_sign_epoch(struct mh_keeper *k, struct mh_buf body, u8 sig[MH_SIG_LEN])
{
	return ask(k, KEEPER_SIGN_EPOCH, &body, 1, sig, MH_SIG_LEN, NULL);
}

int mh_keeper_audit_held(struct mh_keeper *k, struct mh_keeper_held *held)
{
	u8 out[17 + MH_HASH_LEN];
	int ret = ask(k, KEEPER_AUDIT_HELD, NULL, 0, out, sizeof(out), NULL);

	if (ret)
		return ret;
	held->closed = *out;
	held->since = mh_get64(out + 1);
	held->seq = mh_get64(out + 9);
	memcpy(held->hash, out + 17, MH_HASH_LEN);
	return 0;
}

int mh_keeper_audit_head(struct mh_keeper *k, enum mh_keeper_head how, u64 seq,
			 const u8 hash[MH_HASH_LEN])
{
	u8 head[9];
	const struct mh_buf v[] = { MH_BUF(head, sizeof(head)), MH_BUF(hash, MH_HASH_LEN) };

	head[0] = (u8)how;
	mh_put64(head + 1, seq);
	return ask(k, KEEPER_AUDIT_HEAD, v, ARRAY_SIZE(v), NULL, 0, NULL);
}

int mh_keeper_sign_checkpoint(struct mh_keeper *k, struct mh_buf part, u8 sig[MH_SIG_LEN])
{
	return ask(k, KEEPER_SIGN_CHECKPOINT, &part, 1, sig, MH_SIG_LEN, NULL);
}

int mh_keeper_take(struct mh_keeper *k, u8 what, const u8 leaf[32], const u8 item[MH_HPKE_ITEM],
		   const u8 ctx[32], const u8 kid[32], u8 sealed[MH_SEALED_LEN])
{
	const struct mh_buf v[] = { MH_BUF(&what, 1), MH_BUF(leaf, 32), MH_BUF(item, MH_HPKE_ITEM),
				    MH_BUF(ctx, 32), MH_BUF(kid, 32) };

	return ask(k, KEEPER_TAKE, v, ARRAY_SIZE(v), sealed, MH_SEALED_LEN, NULL);
}

int mh_keeper_open(struct mh_keeper *k, u8 what, struct mh_buf sealed, const u8 kid[32],
		   u8 out[MH_KEY_LEN])
{
	const struct mh_buf v[] = { MH_BUF(&what, 1), MH_BUF(kid, 32), sealed };

	if (sealed.n != MH_SEALED_LEN)
		return -EUCLEAN;
	return ask(k, KEEPER_OPEN, v, ARRAY_SIZE(v), out, MH_KEY_LEN, NULL);
}

int mh_keeper_psk(struct mh_keeper *k, const struct mh_keeper_entity *e, const u8 x[32],
		  u8 psk[MH_KEY_LEN], u8 kei_x[MH_KEY_LEN])
{
	const struct mh_buf v[] = { MH_BUF(x, 32), MH_BUF(e->ecx, 32), MH_BUF(&e->what, 1),
				    MH_BUF(e->kid, 32), e->sealed,
				    MH_BUF(e->kei_kid, e->kei_kid ? 32 : 0), e->kei_sealed };
	u8 out[2 * MH_KEY_LEN];
	int ret;

	if (e->sealed.n != MH_SEALED_LEN || (e->kei_kid && e->kei_sealed.n != MH_SEALED_LEN))
		return -EUCLEAN;
	ret = ask(k, KEEPER_PSK, v, ARRAY_SIZE(v), out, sizeof(out), NULL);
	if (!ret) {
		memcpy(psk, out, MH_KEY_LEN);
		memcpy(kei_x, out + MH_KEY_LEN, MH_KEY_LEN);
	}
	mh_wipe(out, sizeof(out));
	return ret;
}

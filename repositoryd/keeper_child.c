// SPDX-License-Identifier: MIT
/*
 * The keeper's side of the socketpair: one packet in, one out.  No file but the one that
 * remembers the audit, no network, no other process; every secret is wiped when its request ends.
 */
#include "keeper_child.h"
#include "core/hpke.h"
#include "core/stp.h"

#include <seccomp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PSK_LEN = 97 + MH_SEALED_LEN,
	PSK_MAC_LEN = PSK_LEN + 32 + MH_SEALED_LEN,	/* with a Kei-secret */
};

struct keeper {
	struct keeper_secrets *s;
	struct keeper_audit *audit;
	u8 card[MH_CARD_MAX];
	size_t card_len;
};

int keeper_card_make(struct keeper_secrets *s, const char *name, u8 out[MH_CARD_MAX])
{
	u8 pub[3][MH_P256_PUB_LEN], hpke[MH_KEY_LEN], digest[MH_HASH_LEN];
	const u8 *const keys[] = { s->sp2, s->fresh, s->audit };
	struct mh_writer w;
	int ret = mh_x25519_public(hpke, s->card);

	mh_writer_init(&w, out, MH_CARD_MAX);
	mh_write_bytes(&w, "MHSC", 4);
	mh_write_u8(&w, MH_STMT_VERSION);
	mh_write_v(&w, name, strlen(name));
	for (unsigned int i = 0; i < ARRAY_SIZE(keys) && !ret; i++) {
		ret = mh_p256_public(pub[i], keys[i]);
		mh_write_bytes(&w, pub[i], sizeof(pub[i]));
	}
	mh_write_bytes(&w, hpke, sizeof(hpke));
	const struct mh_buf v[] = { MH_L("server card"), MH_BUF(out, w.len) };

	mh_sha256v(digest, v, 2);
	if (!ret && mh_p256_verify(pub[0], digest, s->card_sig))
		ret = mh_p256_sign(s->sp2, digest, s->card_sig);
	mh_write_bytes(&w, s->card_sig, sizeof(s->card_sig));
	return ret ? ret : w.err ? w.err : (int)w.len;
}

/* ---- one secret under Kstore: salt 32 || ct 48, bound to what it is and its kid ---- */

static int store_key(struct keeper *k, u8 what, const u8 *kid, const u8 *salt, u8 key[MH_KEY_LEN])
{
	u8 ctx[1 + 32 + 32];

	ctx[0] = what;
	memcpy(ctx + 1, kid, 32);
	memcpy(ctx + 33, salt, 32);
	return mh_sub(MH_BUF(k->s->store, MH_KEY_LEN), MH_L("store"), MH_BUF(ctx, sizeof(ctx)), key,
		      MH_KEY_LEN);
}

static int seal(struct keeper *k, u8 what, const u8 *kid, const u8 secret[MH_KEY_LEN],
		u8 out[MH_SEALED_LEN])
{
	static const u8 zero[MH_NONCE_LEN];
	u8 key[MH_KEY_LEN];
	int ret = mh_random(out, 32);

	if (!ret)
		ret = store_key(k, what, kid, out, key);
	if (!ret)
		ret = mh_aead_seal_once(key, zero, MH_BUF(NULL, 0), secret, MH_KEY_LEN, out + 32);
	mh_wipe(key, sizeof(key));
	return ret;
}

static int unseal(struct keeper *k, u8 what, const u8 *kid, const u8 in[MH_SEALED_LEN],
		  u8 secret[MH_KEY_LEN])
{
	static const u8 zero[MH_NONCE_LEN];
	u8 key[MH_KEY_LEN];
	int ret = store_key(k, what, kid, in, key);

	if (!ret)
		ret = mh_aead_open_once(key, zero, MH_BUF(NULL, 0), in + 32, MH_SEALED_LEN - 32,
					secret);
	mh_wipe(key, sizeof(key));
	return ret;
}

/* ---- operations: length of the reply's body, or -errno ---- */

static int op_card(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	(void)op;
	(void)in;
	(void)n;
	memcpy(out, k->card, k->card_len);
	return (int)k->card_len;
}

static int op_sign_sp2(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	int ret = mh_p256_sign(k->s->sp2, in, out);

	(void)op;
	(void)n;
	return ret ? ret : MH_SIG_LEN;
}

/* The first attribute says what it is: Kfresh signs EPOCHs and nothing else. */
static int op_sign_epoch(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	static const u8 epoch[] = { 0, MH_A_TYPE, 0, 0, 0, 2, MH_STMT_VERSION, MH_EPOCH };
	u8 leaf[MH_HASH_LEN], digest[MH_HASH_LEN];
	int ret;

	(void)op;
	if (memcmp(in, epoch, sizeof(epoch)))
		return -EPERM;
	mh_stmt_leaf(MH_BUF(in, n), leaf);
	mh_stmt_digest(leaf, digest);
	ret = mh_p256_sign(k->s->fresh, digest, out);
	return ret ? ret : MH_SIG_LEN;
}

static int op_audit_held(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	(void)op;
	(void)in;
	(void)n;
	*out = k->audit->closed;
	mh_put64(out + 1, k->audit->since);
	mh_put64(out + 9, k->audit->seq);
	memcpy(out + 17, k->audit->hash, MH_HASH_LEN);
	return 17 + MH_HASH_LEN;
}

static int op_audit_head(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	(void)op;
	(void)n;
	(void)out;
	return keeper_audit_advance(k->audit, k->s, *in, mh_get64(in + 1), in + 9, false);
}

/* What is signed is remembered first: two checkpoints that contradict each other there are not. */
static int op_sign_checkpoint(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	const struct mh_buf v[] = { MH_L("audit checkpoint"), MH_BUF(in, n) };
	u8 digest[MH_HASH_LEN];
	int ret;

	(void)op;
	if (memcmp(in, "MHCP", 5))	/* and version 0 */
		return -EPERM;
	ret = keeper_audit_advance(k->audit, k->s, MH_HEAD_NEXT, mh_get64(in + 5), in + 13, true);
	if (ret)
		return ret;
	mh_sha256v(digest, v, 2);
	ret = mh_p256_sign(k->s->audit, digest, out);
	return ret ? ret : MH_SIG_LEN;
}

static int op_take(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	static const struct mh_buf labels[] = { [MH_SECRET_KEC] = MH_L("admin kec"),
						[MH_SECRET_KE] = MH_L("admin ke"),
						[MH_SECRET_KEI] = MH_L("admin kei"),
						[MH_SECRET_KPF] = MH_L("admin kpf") };
	const u8 what = *in, *leaf = in + 1, *item = leaf + 32, *ctx = item + MH_HPKE_ITEM,
		 *want = ctx + 32;
	u8 secret[MH_KEY_LEN], kid[MH_HASH_LEN];
	int ret;

	(void)op;
	(void)n;
	if (what >= ARRAY_SIZE(labels) || !labels[what].n)
		return -EINVAL;
	const struct mh_buf info[] = { labels[what], MH_BUF(leaf, 32) };

	ret = mh_hpke_open(k->s->card, item, info, 2, MH_BUF(NULL, 0), item + 32, MH_HPKE_ITEM - 32,
			   secret);
	if (!ret)
		ret = mh_kid(MH_BUF(secret, sizeof(secret)), MH_BUF(ctx, 32), kid);
	if (!ret && !mh_ct_equal(kid, want, 32))
		ret = -EKEYREJECTED;
	if (!ret)
		ret = seal(k, what, kid, secret, out);
	mh_wipe(secret, sizeof(secret));
	return ret ? ret : MH_SEALED_LEN;
}

/* What serves sessions only never comes out. */
static int op_open(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	int ret = *in == MH_SECRET_KEC || *in == MH_SECRET_KE ? 0 : -EPERM;

	(void)op;
	(void)n;
	if (!ret)
		ret = unseal(k, *in, in + 1, in + 33, out);
	return ret ? ret : MH_KEY_LEN;
}

static int op_psk(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out)
{
	const u8 *x = in, *ecx = in + 32, what = in[64], *kid = in + 65, *kei = in + PSK_LEN;
	const bool mac = n == PSK_MAC_LEN;
	u8 secret[MH_KEY_LEN], kpf[MH_KEY_LEN], kei_secret[MH_KEY_LEN];
	int ret = mac || n == PSK_LEN ? 0 : -EINVAL;

	(void)op;
	memset(out + MH_KEY_LEN, 0, MH_KEY_LEN);
	if (!ret && what != MH_SECRET_KEC && what != MH_SECRET_KPF)
		ret = -EINVAL;
	if (!ret)
		ret = unseal(k, what, kid, kid + 32, secret);
	if (!ret && what == MH_SECRET_KEC)
		ret = mh_stp_kpf(MH_BUF(secret, sizeof(secret)), ecx, kpf);
	else if (!ret)
		memcpy(kpf, secret, sizeof(kpf));
	if (!ret && mac)
		ret = unseal(k, MH_SECRET_KEI, kei, kei + 32, kei_secret);
	if (!ret && mac)
		ret = mh_stp_kei_x(kei_secret, x, out + MH_KEY_LEN);
	if (!ret)
		ret = mh_stp_psk(kpf, mac ? kei_secret : NULL, x, out);
	mh_wipe(secret, sizeof(secret));
	mh_wipe(kpf, sizeof(kpf));
	mh_wipe(kei_secret, sizeof(kei_secret));
	return ret ? ret : 2 * MH_KEY_LEN;
}

static const struct {
	int (*run)(struct keeper *k, u8 op, const u8 *in, size_t n, u8 *out);
	size_t least, most;
} ops[] = {
	[KEEPER_CARD] = { op_card, 0, 0 },
	[KEEPER_SIGN_SP2] = { op_sign_sp2, 32, 32 },
	[KEEPER_SIGN_EPOCH] = { op_sign_epoch, 8, MH_STMT_BODY_MAX },
	[KEEPER_SIGN_CHECKPOINT] = { op_sign_checkpoint, 53, 53 },
	[KEEPER_TAKE] = { op_take, 97 + MH_HPKE_ITEM, 97 + MH_HPKE_ITEM },
	[KEEPER_OPEN] = { op_open, 33 + MH_SEALED_LEN, 33 + MH_SEALED_LEN },
	[KEEPER_PSK] = { op_psk, PSK_LEN, PSK_MAC_LEN },
	[KEEPER_AUDIT_HELD] = { op_audit_held, 0, 0 },
	[KEEPER_AUDIT_HEAD] = { op_audit_head, 9 + MH_HASH_LEN, 9 + MH_HASH_LEN },
};

/* What libcrypto, the socket and the one file need, once all files are open. */
static int confine(int file)
{
	static const int allowed[] = {
		SCMP_SYS(read),
		SCMP_SYS(write),
		SCMP_SYS(recvfrom),
		SCMP_SYS(sendto),
		SCMP_SYS(recvmsg),
		SCMP_SYS(sendmsg),
		SCMP_SYS(close),
		SCMP_SYS(exit),
		SCMP_SYS(exit_group),
		SCMP_SYS(brk),
		SCMP_SYS(mmap),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(mlock),
		SCMP_SYS(futex),
		SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(gettimeofday),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(rt_sigaction),
		SCMP_SYS(getpid),
		SCMP_SYS(gettid),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(sigaltstack),
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int ret = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !ret; i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)file, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fdatasync), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)file, 0));
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

static void serve(struct keeper *k, int fd)
{
	static u8 in[1 + KEEPER_PACKET], out[4 + MH_CARD_MAX];

	for (;;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);
		int ret = -EINVAL;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (in[0] < ARRAY_SIZE(ops) && ops[in[0]].run &&
		    (size_t)n - 1 >= ops[in[0]].least && (size_t)n - 1 <= ops[in[0]].most)
			ret = ops[in[0]].run(k, in[0], in + 1, (size_t)n - 1, out + 4);
		mh_put32(out, ret < 0 ? (u32)-ret : 0);
		do
			n = send(fd, out, 4 + (ret > 0 ? (size_t)ret : 0), MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		mh_wipe(in, sizeof(in));
		mh_wipe(out, sizeof(out));
		if (n < 0)
			return;
	}
}

void keeper_child_run(int fd, struct keeper_secrets *s, struct keeper_audit *a, const char *name)
{
	struct keeper k = { .s = s, .audit = a };
	int ret = keeper_card_make(s, name, k.card);

	k.card_len = ret > 0 ? (size_t)ret : 0;
	ret = ret < 0 ? ret : confine(a->fd);
	if (!ret)
		serve(&k, fd);
	mh_wipe(s, sizeof(*s));
	_exit(ret ? 1 : 0);
}

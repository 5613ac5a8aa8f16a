// SPDX-License-Identifier: MIT
/*
 * The keeper's side of its socketpair, and its files.  Packets of any bytes, and good ones altered;
 * a seat, sealed secrets and an audit head with a byte altered or cut.
 *
 *	u8 0, steps: u8 op || u8 n || n bytes; or u8 0x80 || u8 which || u8 at || u8 with, a good
 *	      one altered
 *	u8 1, u8 file || u16 at || u8 with || u8 cut
 *
 * What serves sessions only never comes out, nor a secret under another's name; Kfresh and Kaudit
 * sign their own and nothing else; the audit's head goes on; altered files are refused.
 */
#include <sys/stat.h>
#include "keeper_child.c"
#include "lib/audit_record.h"
#include "memfile.h"

#define GOOD	16

static struct keeper_secrets secrets, was;
static struct keeper_audit audit;
static struct keeper k = { .s = &secrets, .audit = &audit };
static char dir[32] = "/dev/shm/fuzz-XXXXXX", path[3][64];
static const char *const files[] = { "seat", "sealed", "audit" };
static u8 file[3][512], secret[4][32], kid[4][32], sealed[4][MH_SEALED_LEN], ecx[32];
static size_t file_n[3];
static u8 good[GOOD][1 + KEEPER_PACKET];
static size_t good_n[GOOD];
static unsigned int goods;
static bool ready;

static void packet(u8 op, const struct mh_buf *v, unsigned int n)
{
	u8 *p = good[goods];
	size_t len = 1;

	must(goods < GOOD);
	p[0] = op;
	for (unsigned int i = 0; i < n; i++) {
		memcpy(p + len, v[i].p, v[i].n);
		len += v[i].n;
	}
	good_n[goods++] = len;
}

static void take(u8 what, struct mh_buf label)
{
	u8 pub[32], leaf[32] = { what }, item[80];
	const struct mh_buf info[] = { label, MH_BUF(leaf, 32) };

	must(!mh_x25519_public(pub, secrets.card));
	must(!mh_hpke_seal(pub, info, 2, MH_BUF(NULL, 0), secret[what - 1], 32, NULL, item,
			   item + 32));
	packet(KEEPER_TAKE, (struct mh_buf[]){ MH_BUF(&what, 1), MH_BUF(leaf, 32),
	       MH_BUF(item, 80), MH_BUF(ecx, 32), MH_BUF(kid[what - 1], 32) }, 5);
	packet(KEEPER_OPEN, (struct mh_buf[]){ MH_BUF(&what, 1), MH_BUF(kid[what - 1], 32),
	       MH_BUF(sealed[what - 1], MH_SEALED_LEN) }, 3);
}

static void psk(u8 what, bool mac)
{
	const struct mh_buf v[] = {
		MH_BUF(ecx, 32), MH_BUF(ecx, 32), MH_BUF(&what, 1), MH_BUF(kid[what - 1], 32),
		MH_BUF(sealed[what - 1], MH_SEALED_LEN), MH_BUF(kid[MH_SECRET_KEI - 1], 32),
		MH_BUF(sealed[MH_SECRET_KEI - 1], MH_SEALED_LEN),
	};

	packet(KEEPER_PSK, v, mac ? 7 : 5);
}

static void make_packets(void)
{
	u8 epoch[64] = { 0, MH_A_TYPE, 0, 0, 0, 2, MH_STMT_VERSION, MH_EPOCH };
	u8 point[MH_AUDIT_CHECKPOINT_LEN], head[41] = { 0 };
	struct mh_audit_checkpoint c = { .seq = 5, .time = 7 };

	for (u8 i = 0; i < 4; i++) {
		memset(secret[i], 0x30 + i, 32);
		must(!mh_kid(MH_BUF(secret[i], 32), MH_BUF(ecx, 32), kid[i]));
		must(!seal(&k, (u8)(i + 1), kid[i], secret[i], sealed[i]));
	}
	take(MH_SECRET_KEC, MH_L("admin kec"));
	take(MH_SECRET_KE, MH_L("admin ke"));
	take(MH_SECRET_KEI, MH_L("admin kei"));
	take(MH_SECRET_KPF, MH_L("admin kpf"));
	psk(MH_SECRET_KEC, false);
	psk(MH_SECRET_KEC, true);
	psk(MH_SECRET_KPF, false);
	psk(MH_SECRET_KPF, true);
	packet(KEEPER_SIGN_EPOCH, (struct mh_buf[]){ MH_BUF(epoch, sizeof(epoch)) }, 1);
	mh_audit_checkpoint_encode(&c, point);
	packet(KEEPER_SIGN_CHECKPOINT, (struct mh_buf[]){ MH_BUF(point, sizeof(point) - 64) }, 1);
	mh_put64(head + 1, 9);
	packet(KEEPER_AUDIT_HEAD, (struct mh_buf[]){ MH_BUF(head, sizeof(head)) }, 1);
}

static void remove_files(void)
{
	for (int i = 0; i < 3; i++)
		unlink(path[i]);
	rmdir(dir);
}

static void make(void)
{
	fuzz_fix_random(6);
	if (!mkdtemp(dir))
		must(mkdtemp(strcpy(dir, "/var/tmp/fuzz-XXXXXX")));
	must(!keeper_file_open(dir, (uid_t)-1, (gid_t)-1, "repo1", true, &secrets, &audit));
	must(keeper_card_make(&secrets, "repo1", k.card) > 0);
	for (int i = 0; i < 3; i++) {
		int fd;

		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, files[i]);
		fd = open(path[i], O_RDONLY);
		file_n[i] = (size_t)read(fd, file[i], sizeof(file[i]));
		must(fd >= 0 && file_n[i] && file_n[i] < sizeof(file[i]));
		close(fd);
	}
	atexit(remove_files);
	make_packets();
	was = secrets;
	ready = true;
}

/* ---- packets ---- */

static int known(const u8 *p)
{
	for (int i = 0; i < 4; i++)
		if (!memcmp(kid[i], p, 32))
			return i;
	return -1;
}

static void check(const u8 *in, size_t n, const u8 *out, int ret)
{
	static const u8 epoch[] = { 0, MH_A_TYPE, 0, 0, 0, 2, MH_STMT_VERSION, MH_EPOCH };
	int i;

	if (ret <= 0)
		return;
	switch (in[0]) {
	case KEEPER_OPEN:
		i = known(in + 2);
		must(i >= 0 && in[1] == i + 1 && (in[1] == MH_SECRET_KEC || in[1] == MH_SECRET_KE));
		must(ret == 32 && !memcmp(out, secret[i], 32));
		break;
	case KEEPER_TAKE:
		i = known(in + 1 + 1 + 32 + MH_HPKE_ITEM + 32);
		must(i >= 0 && in[1] == i + 1 && ret == MH_SEALED_LEN);
		break;
	case KEEPER_PSK:
		i = known(in + 66);
		must(i >= 0 && in[65] == i + 1 && ret == 64);
		must(in[65] == MH_SECRET_KEC || in[65] == MH_SECRET_KPF);
		break;
	case KEEPER_SIGN_EPOCH:
		must(!memcmp(in + 1, epoch, sizeof(epoch)));
		break;
	case KEEPER_SIGN_CHECKPOINT:
		must(n == 54 && !memcmp(in + 1, "MHCP", 5));
		break;
	}
}

/* As serve() */
static void call(const u8 *in, size_t n)
{
	static u8 out[4 + MH_CARD_MAX];
	const struct keeper_audit before = audit;
	int ret = -EINVAL;

	if (in[0] < ARRAY_SIZE(ops) && ops[in[0]].run && n - 1 >= ops[in[0]].least &&
	    n - 1 <= ops[in[0]].most)
		ret = ops[in[0]].run(&k, in[0], in + 1, n - 1, out + 4);
	must(ret <= MH_CARD_MAX);
	check(in, n, out + 4, ret);
	must(!memcmp(&secrets, &was, sizeof(was)));
	must(audit.seq >= before.seq && audit.since >= before.since);
	must(audit.seq > before.seq || !memcmp(audit.hash, before.hash, 32) || !before.seq);
}

static void packets(const u8 *p, size_t n)
{
	static u8 in[1 + KEEPER_PACKET];

	while (n >= 4) {
		size_t len = p[1], took = 2 + len;

		in[0] = p[0];
		if (p[0] & 0x80) {
			len = good_n[p[1] % goods];
			memcpy(in, good[p[1] % goods], len);
			in[p[2] * len / 256] ^= p[3];
			took = 4;
		} else {
			if (took > n)
				return;
			memcpy(in + 1, p + 2, len++);
		}
		call(in, len);
		p += took;
		n -= took;
	}
}

/* ---- files ---- */

static void write_file(int i, const u8 *p, size_t n)
{
	int fd = open(path[i], O_WRONLY | O_TRUNC);

	must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static void altered(const u8 *p)
{
	const int i = p[0] % 3;
	struct keeper_secrets s = { 0 };
	struct keeper_audit a = { .fd = -1, .accept = false };
	u8 bytes[512];
	size_t n = file_n[i], at = mh_get16(p + 1) % n;
	int ret;

	memcpy(bytes, file[i], n);
	bytes[at] ^= p[3];
	n -= p[4] < n ? p[4] : 0;
	write_file(i, bytes, n);
	ret = keeper_file_open(dir, (uid_t)-1, (gid_t)-1, "repo1", false, &s, &a);
	must(!ret == (n == file_n[i] && !p[3]));
	if (!ret)
		must(!memcmp(&s, &was, sizeof(s)));
	if (!ret)
		close(a.fd);
	write_file(i, file[i], file_n[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct keeper_audit head = audit;

	if (!ready)
		make();
	if (size < 6)
		return 0;
	if (data[0] % 2 == 0) {
		packets(data + 1, size - 1);
		if (head.fd > 0)
			audit = head;
		return 0;
	}
	hush(true);
	altered(data + 1);
	hush(false);
	return 0;
}

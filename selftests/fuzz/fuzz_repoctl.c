// SPDX-License-Identifier: MIT
/*
 * repoctl, whose daemon lies: its commands, with an officer's key, and each reply is the real
 * daemon's, altered, cut, made longer, of another status, or that of another request.  Or any
 * command line, and a daemon that is honest.
 *
 *	u8 command (0x40: --json), steps: u8 how || u8 at || u8 with
 *	u8 0x80, arguments, each with a zero behind it
 *
 * What is submitted the officer has signed for this Region, and none other.
 */
#define main repoctl_main
#include "../../tools/repoctl.c"
#undef main
#include "office.h"
#include "memfile.h"

#include <openssl/evp.h>

#define CALLS	64

static struct office o;
static struct mh_bytes last;
static struct mh_stmt anchor;
static const u8 *script;
static size_t left;
static unsigned int calls;
static bool ready, honest;
static int here, there;
static char key_path[32], dir[32] = "/dev/shm/fuzz-XXXXXX";

static const char *const commands[][8] = {
	{ "card" }, { "status" }, { "region", "list" }, { "entity", "list" },
	{ "entity", "show", "alice" }, { "dataset", "list" }, { "dataset", "show", "alice/key" },
	{ "delegation", "list" }, { "audit", "show" }, { "audit", "verify" },
	{ "audit", "show", "--from", "3" }, { "entity", "revoke", "alice" },
	{ "grant", "alice/key", "bob" }, { "dataset", "create", "new/one" },
	{ "instance", "add", "alice/file", "--generate" }, { "instance", "add", "bob/key",
	"--generate" }, { "dataset", "create", "alice/key", "--replace" },
	{ "grant", "alice/key", "dave" }, { "delegation", "create" },
	{ "dataset", "create", "new/group", "--mode", "group" }, { "officer", "list" },
	{ "officer", "replace" }, { "officer", "drill" }, { "region", "export", "-" },
	{ "entity", "revoke", "bob", "--propose", "-" },
	{ "officer", "replace", "--min-anchor", "--propose", "-" },
	{ "instance", "add", "bob/key", "--generate", "--propose", "-" },
};

static u8 (*const daemon_ops[])(struct mh_admin *a, struct mh_buf body) = {
	[MH_ADMIN_CARD] = mh_admin_card, [MH_ADMIN_SUBMIT] = mh_admin_submit,
	[MH_ADMIN_GET] = mh_admin_get, [MH_ADMIN_LIST] = mh_admin_list,
	[MH_ADMIN_REGIONS] = mh_admin_regions, [MH_ADMIN_ANCHORS] = mh_admin_anchors,
	[MH_ADMIN_TRUST] = mh_admin_trust, [MH_ADMIN_NONCE] = mh_admin_nonce,
	[MH_ADMIN_READ_KEC] = mh_admin_read_kec, [MH_ADMIN_AUDIT] = mh_admin_audit,
	[MH_ADMIN_STATUS] = mh_admin_status_json, [MH_ADMIN_ENTITLED] = mh_admin_entitled,
};

/* ---- the daemon ---- */

static void check_submission(struct mh_buf body)
{
	struct mh_reader r;
	struct mh_stmt s;

	mh_reader_init(&r, body.p, body.n);
	for (u16 n = mh_read_u16(&r); n; n--) {
		const u8 type = mh_read_u8(&r);
		const struct mh_buf b = mh_read_big(&r, MH_ADMIN_MAX);

		must(!r.err);
		if (type != MH_ITEM_STATEMENT)
			continue;
		must(!mh_stmt_parse(&s, b.p, b.n));
		must(s.type == MH_ANCHOR || !memcmp(s.region, o.w.region, 32));
		must(s.type == MH_ANCHOR || !mh_stmt_verify(&s, o.w.region, &anchor));
	}
	must(!mh_read_end(&r));
}

/* With a zero behind it, as mh_admin_call() gives it */
static void copy(struct mh_bytes *to, const void *p, size_t n)
{
	to->p = calloc(1, n + 1);
	must(to->p);
	if (n)
		memcpy(to->p, p, n);
	to->n = n;
}

static int lie(u8 *status, struct mh_bytes *reply)
{
	const u8 how = script[0], at = script[1], with = script[2];
	struct mh_bytes b = { 0 };
	size_t n = reply->n;

	honest &= how % 8 == 0;
	script += 3;
	left--;
	switch (how % 8) {
	case 1:
		if (n)
			reply->p[at * n / 256] ^= with;
		break;
	case 2:
		reply->n = at * n / 256;
		break;
	case 3:
		b.p = calloc(1, n + with + 1);
		must(b.p);
		memcpy(b.p, reply->p, n);
		b.n = n + with;
		mh_bytes_free(reply);
		*reply = b;
		break;
	case 4:		/* what was asked for before */
		mh_bytes_free(reply);
		copy(reply, last.p, last.n);
		break;
	case 5:
		*status = with;
		break;
	case 6:
		return -ECONNRESET;
	case 7:		/* how many there are */
		if (n > at)
			reply->p[at] = with;
		break;
	}
	return 0;
}

int mh_admin_connect(const char *path)
{
	(void)path;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int mh_admin_call(int fd, u8 op, struct mh_buf body, u8 *status, struct mh_bytes *reply)
{
	struct mh_bytes was = { 0 };
	int ret = 0;

	must(fd >= 0 && op < ARRAY_SIZE(daemon_ops) && daemon_ops[op]);
	*reply = was;
	if (++calls > CALLS)	/* a list without an end */
		return -ECONNRESET;
	if (op == MH_ADMIN_SUBMIT)
		check_submission(body);
	o.a.reply.n = 0;
	*status = daemon_ops[op](&o.a, body);
	if (*status)
		copy(reply, o.a.why, strlen(o.a.why));
	else
		copy(reply, o.a.reply.p, o.a.reply.n);
	copy(&was, reply->p, reply->n);
	if (left)
		ret = lie(status, reply);
	mh_bytes_free(&last);
	last = was;
	if (ret)
		mh_bytes_free(reply);
	return ret;
}

/* ---- the officer ---- */

/* PKCS#8, RFC 5958 and 5915, without the public half */
static void make_key(void)
{
	static const u8 head[] = {
		0x30, 0x41, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8,
		0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x27, 0x30, 0x25, 2, 1, 1, 4, 0x20,
	};
	u8 der[sizeof(head) + 32], text[256];
	char pem[512];
	int fd = memfd_create("officer", MFD_CLOEXEC), n;

	memcpy(der, head, sizeof(head));
	memcpy(der + sizeof(head), o.w.officer, 32);
	EVP_EncodeBlock(text, der, sizeof(der));
	n = snprintf(pem, sizeof(pem), "-----BEGIN PRIVATE KEY-----\n%.64s\n%s\n"
		     "-----END PRIVATE KEY-----\n", text, text + 64);
	must(fd >= 0 && write(fd, pem, (size_t)n) == n);
	snprintf(key_path, sizeof(key_path), "/proc/self/fd/%d", fd);
}

static void remove_files(void)
{
	rd_sh("rm -rf %s", dir);
}

static void make(void)
{
	const int null = open("/dev/null", O_RDWR);

	office_make(&o);
	make_key();
	must(!mh_stmt_parse(&anchor, o.w.anchor.p, o.w.anchor.n));
	if (!mkdtemp(dir))
		must(mkdtemp(strcpy(dir, "/var/tmp/fuzz-XXXXXX")));
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	there = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(here >= 0 && there >= 0 && !atexit(remove_files));
	must(null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0);
	setsid();		/* there is no terminal to ask on */
	mh_prog = "repoctl";
	ready = true;
}

static int command(int argc, const char **argv)
{
	struct rc rc = { .socket = "x", .passphrase_fd = STDIN_FILENO, .fd = -1 };
	char *copy[24];
	int ret;

	for (int i = 0; i < argc; i++)
		copy[i] = (char *)argv[i];
	copy[argc] = NULL;
	must(!fchdir(there));	/* what it writes */
	hush(true);
	ret = run(&rc, argc, copy);
	rc_finish(&rc);
	hush(false);
	must(!fchdir(here));
	must(ret >= MH_EXIT_OK && ret <= MH_EXIT_TIMEOUT);
	return ret;
}

static void known(u8 which)
{
	const char *argv[16] = { "repoctl", "--region", "eu", "--key", key_path };
	const u8 i = (which & 63) % ARRAY_SIZE(commands);
	const char *const *c = commands[i];
	int n = 5;

	if (which & 0x40)
		argv[n++] = "--json";
	while (*c && n < 15)
		argv[n++] = *c++;
	honest = true;
	/* reading succeeds, but for a chain that office_reset() has cut */
	if (command(n, argv))
		must(!honest || i == 9 || i > 10);
}

/* Anything but names of files elsewhere and descriptors that are not its own */
static void any(const u8 *p, size_t n)
{
	static char text[256];
	const char *argv[20] = { "repoctl", "--key", key_path };
	int argc = 3;

	if (!n || n >= sizeof(text))
		return;
	memcpy(text, p, n);
	text[n] = 0;
	for (size_t at = 0; at < n && argc < 20; at += strlen(text + at) + 1) {
		if (text[at] == '/' || strstr(text + at, "..") || strstr(text + at, "-fd") ||
		    strstr(text + at, "=/") || strstr(text + at, "create"))
			return;
		argv[argc++] = text + at;
	}
	command(argc, argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u64 seq;
	int changed;

	if (!ready)
		make();
	if (!size)
		return 0;
	fuzz_fix_random(7);
	seq = o.d.audit.head.seq;
	changed = sqlite3_total_changes(o.d.store->db);
	calls = 0;
	left = 0;
	if (data[0] & 0x80) {
		any(data + 1, size - 1);
	} else {
		script = data + 1;
		left = (size - 1) / 3;
		known(data[0]);
	}
	mh_bytes_free(&last);
	mh_bytes_free(&o.a.reply);
	o.a.room = 0;
	if (o.d.audit.head.seq != seq || changed != sqlite3_total_changes(o.d.store->db))
		office_reset(&o, true, seq);
	return 0;
}

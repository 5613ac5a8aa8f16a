// SPDX-License-Identifier: MIT
/*
 * Statements that no tool would make: unsigned, by a stranger, altered in each byte; sent to
 * repositoryd's admin socket (MICROHSM_ADMIN) and to the kernel.
 *
 *	stmt make TYPE SUBJECT SERIAL BY    to standard output; BY is none, stranger, an officer's
 *	                                    key file (passphrase in MH_PASS), wrong:FILE, the
 *	                                    officer's for another Region, or stolen:DIR, by the key
 *	                                    that `steal` put there; issued now, or MH_ISSUED seconds
 *	                                    from now, valid from then, or from MH_FROM seconds from
 *	                                    now; a DELEGATION is to that role (MH_ROLE, a number:
 *	                                    1, to serve), a REVOKE is of MH_TARGET (a
 *	                                    TYPE; default entity) up to MH_UP_TO (default all), a
 *	                                    GROUP may fetch MH_RIGHT (none), a DATASET is of kind
 *	                                    MH_KIND (1: keys), all hold for MH_LIFE s
 *	stmt get TYPE SUBJECT               the newest that the server has
 *	stmt send FILE...                   in one submission: status, and what the server says
 *	stmt push FILE                      to the kernel: ok, or the errno's name
 *	stmt alter send|push FILE STEP      every STEPth byte altered in turn: how each ended
 *	stmt suspend NAME KEY FILE FILE [S] a DELEGATION of that role, and its SUSPEND for S seconds
 *	stmt steal ROLE SUBJECT KEY DIR     a DELEGATION of that role, by the officer KEY for thirty
 *	                                    days, and its key: DIR/delegation, DIR/key
 *	stmt region                         region_id in hexadecimal
 *	stmt narrow SERVER KEY FILE PREFIX  its newest DELEGATION to serve, but only that prefix
 *	stmt epoch DATASET KEY FILE FILE FILE AHEAD
 *	                                    a freshness DELEGATION to a key since stolen, an EPOCH
 *	                                    by it, issued AHEAD seconds from now, with a floor that
 *	                                    leaves no DATASET of that name; the officer's REVOKE
 *	stmt answer NAME KEY DIR [FIELD=N]...   what a repository would send: dataset, manifest,
 *	                                    wrap and chunk in DIR, signed by the officer KEY. FIELD:
 *	                                    serial, version, kind, len, life (of the INSTANCE, in
 *	                                    seconds), tombstone, owner (1: a group that is none),
 *	                                    mode (of the statements; the wrap is of session's),
 *	                                    inputs (1: others of icx than Ke is for), sha (1: not
 *	                                    the Data's), region (1: another's)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/microhsm.h>
#include "core/crypto.h"
#include "core/messages.h"
#include "core/statement.h"
#include "core/stream.h"
#include "core/wrap.h"
#include "lib/admin_client.h"
#include "lib/genl.h"
#include "lib/officer.h"
#include "lib/util.h"

static int admin = -1;
static u8 region[32], anchor_leaf[32];

static void die(const char *what)
{
	fprintf(stderr, "stmt: %s\n", what);
	exit(3);
}

static u8 call(u8 op, struct mh_buf body, struct mh_bytes *reply)
{
	u8 status = 0;

	if (admin < 0)
		admin = mh_admin_connect(getenv("MICROHSM_ADMIN"));
	if (admin < 0 || mh_admin_call(admin, op, body, &status, reply))
		die("no answer from the admin socket");
	return status;
}

/* The one Region, and its newest ANCHOR */
static void world(void)
{
	static const u8 any[2];
	struct mh_bytes b;
	struct mh_reader r;
	struct mh_stmt s;
	struct mh_buf last = { 0 };
	u8 body[40];
	u16 n;

	if (call(MH_ADMIN_REGIONS, MH_BUF(any, 2), &b) || b.n < 34)
		die("no Region");
	memcpy(region, b.p + 2, 32);
	mh_bytes_free(&b);
	memcpy(body, region, 32);
	mh_put64(body + 32, 1);
	if (call(MH_ADMIN_ANCHORS, MH_BUF(body, sizeof(body)), &b))
		die("no ANCHOR");
	mh_reader_init(&r, b.p, b.n);
	for (n = mh_read_u16(&r); n; n--)
		last = mh_read_big(&r, MH_STMT_MAX);
	if (mh_read_end(&r) || mh_stmt_parse(&s, last.p, last.n))
		die("no ANCHOR");
	memcpy(anchor_leaf, s.leaf, sizeof(anchor_leaf));
	mh_bytes_free(&b);
}

static u8 type_of(const char *name)
{
	static const char *const names[__MH_STMT_TYPES] = {
		[MH_ANCHOR] = "anchor", [MH_DELEGATION] = "delegation", [MH_ENTITY] = "entity",
		[MH_GROUP] = "group", [MH_MEMBER] = "member", [MH_DATASET] = "dataset",
		[MH_POLICY] = "policy", [MH_REVOKE] = "revoke", [MH_SUSPEND] = "suspend",
		[MH_EPOCH] = "epoch",
	};

	for (unsigned int i = 0; i < __MH_STMT_TYPES; i++)
		if (names[i] && !strcmp(names[i], name))
			return (u8)i;
	die("no such type");
	return 0;
}

/* A number that the environment says, or else */
static u64 seconds(const char *name, u64 otherwise)
{
	const char *v = getenv(name);

	return v ? strtoull(v, NULL, 0) : otherwise;
}

/* Each the most harmful that its type allows; pub is the stranger's key */
static void attributes(struct mh_writer *w, u8 type, u64 serial, const u8 *pub)
{
	const char *target = getenv("MH_TARGET"), *up_to = getenv("MH_UP_TO"),
		   *right = getenv("MH_RIGHT"), *kind = getenv("MH_KIND");
	static const u8 zero[64];
	u8 rights[256];
	struct mh_writer r;

	switch (type) {
	case MH_ANCHOR:
		mh_write_attr(w, MH_A_KEYS, pub, 64);
		mh_write_attr_u8(w, MH_A_THRESHOLD, 1);
		mh_write_attr(w, MH_A_BEFORE, anchor_leaf, 32);
		mh_write_attr_u64(w, MH_A_MIN_ANCHOR, serial);
		break;
	case MH_DELEGATION:
		mh_write_attr(w, MH_A_KEY, pub, 64);
		mh_write_attr(w, MH_A_AUDIT_KEY, pub, 64);
		mh_write_attr_u8(w, MH_A_ROLE, (u8)seconds("MH_ROLE", MH_ROLE_SERVE));
		break;
	case MH_ENTITY:
		mh_write_attr_u8(w, MH_A_KEI_KIND, MH_KIND_PAIR);
		mh_write_attr(w, MH_A_KEI, pub, 64);
		mh_write_attr(w, MH_A_KES, pub, 64);
		mh_write_attr_u8(w, MH_A_KEC_KIND, MH_KIND_PAIR);
		mh_write_attr(w, MH_A_KEC_KID, pub, 32);
		break;
	case MH_GROUP:
		mh_write_attr(w, MH_A_KEYS, pub, 64);
		mh_write_attr_u8(w, MH_A_THRESHOLD, 1);
		mh_write_attr_u64(w, MH_A_MIN_ANCHOR, 1);
		mh_writer_init(&r, rights, sizeof(rights));
		mh_write_u16(&r, MH_RIGHT_FETCH);
		if (right) {
			mh_write_v(&r, right, strlen(right));
			mh_write_attr(w, MH_A_RIGHTS, rights, r.len);
		}
		break;
	case MH_MEMBER:
		mh_write_attr_u8(w, MH_A_MEMBER_KIND, 1);
		break;
	case MH_DATASET:
		mh_write_attr_u8(w, MH_A_MODE, MH_MODE_SESSION);
		mh_write_attr_u8(w, MH_A_KIND, kind ? (u8)atoi(kind) : MH_DATA_KEY);
		mh_write_attr(w, MH_A_OWNER, zero, 0);
		break;
	case MH_REVOKE:
		mh_write_attr_u8(w, MH_A_TARGET_TYPE, target ? type_of(target) : MH_ENTITY);
		mh_write_attr_u64(w, MH_A_UP_TO, up_to ? strtoull(up_to, NULL, 0) : ~0ull);
		break;
	case MH_SUSPEND:
		mh_write_attr_u64(w, MH_A_UNTIL, (u64)time(NULL) + seconds("MH_UNTIL", 3600));
		break;
	case MH_EPOCH:
		mh_write_attr_u64(w, MH_A_EPOCH_NUMBER, 999);
		mh_write_attr_u64(w, MH_A_REVOKES, 0);
		mh_write_attr(w, MH_A_RUNNING, zero, 32);
		mh_write_attr_u64(w, MH_A_RESTART, 0);
		break;
	}
}

static void sign(const char *by, const u8 *root, u8 sig[MH_SIG_LEN], const u8 key[32])
{
	struct mh_officer *o;
	u8 digest[MH_HASH_LEN];

	memset(sig, 0, MH_SIG_LEN);
	mh_stmt_digest(root, digest);
	if (!strcmp(by, "stranger")) {
		if (mh_p256_sign(key, digest, sig))
			die("signing");
	} else if (strcmp(by, "none")) {
		const char *pass = getenv("MH_PASS");

		if (mh_officer_open(&o, strncmp(by, "wrong:", 6) ? by : by + 6, pass ? pass : "") ||
		    mh_officer_sign(o, digest, sig))
			die("signing as the officer");
		mh_officer_close(o);
	}
}

/* The key in DIR, and the leaf of the DELEGATION to it */
static void stolen(const char *dir, u8 signer[MH_HASH_LEN], u8 key[32])
{
	struct mh_bytes k, d;
	char path[300];
	struct mh_stmt s;

	snprintf(path, sizeof(path), "%s/key", dir);
	if (mh_file_read(path, 32, &k) || k.n != 32)
		die(path);
	snprintf(path, sizeof(path), "%s/delegation", dir);
	if (mh_file_read(path, MH_STMT_MAX, &d) || mh_stmt_parse(&s, d.p, d.n))
		die(path);
	memcpy(key, k.p, 32);
	memcpy(signer, s.leaf, MH_HASH_LEN);
	mh_bytes_free(&k);
	mh_bytes_free(&d);
}

static int make(char **v)
{
	u64 serial = strtoull(v[2], NULL, 0), now = (u64)time(NULL);
	u64 issued = now + seconds("MH_ISSUED", 0);
	u64 from = getenv("MH_FROM") ? now + seconds("MH_FROM", 0) : issued;
	u8 type = type_of(v[0]), body[MH_STMT_BODY_MAX], out[MH_STMT_MAX], key[32], pub[64];
	u8 leaf[MH_HASH_LEN], sig[MH_SIG_LEN], signer[MH_HASH_LEN];
	const char *by = v[3];
	struct mh_writer b, w;

	world();
	memcpy(signer, anchor_leaf, sizeof(signer));
	if (mh_p256_generate(key, pub))
		die("no key");
	if (!strncmp(by, "wrong:", 6))
		region[0] ^= 1;
	if (!strncmp(by, "stolen:", 7)) {
		stolen(by + 7, signer, key);
		by = "stranger";
	}
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, type, region, signer, MH_BUF(v[1], strlen(v[1])), serial, issued, from,
		      from + seconds("MH_LIFE", 3600));
	attributes(&b, type, serial, pub);
	mh_stmt_leaf(MH_BUF(body, b.len), leaf);
	sign(by, leaf, sig, key);
	mh_writer_init(&w, out, sizeof(out));
	mh_stmt_write_head(&w, MH_BUF(body, b.len), 0, 1, NULL, 0);
	mh_write_u8(&w, type == MH_ANCHOR ? 2 : 1);
	for (unsigned int set = 0; set < (type == MH_ANCHOR ? 2 : 1); set++) {
		mh_write_u8(&w, (u8)set);
		mh_write_u8(&w, 1);
		mh_write_u8(&w, 0);
		mh_write_bytes(&w, sig, sizeof(sig));
	}
	if (b.err || w.err || !fwrite(out, w.len, 1, stdout))
		die("too long");
	return 0;
}

static int put_file(const char *path, struct mh_buf body, const u8 sig[MH_SIG_LEN])
{
	u8 out[MH_STMT_MAX];
	struct mh_writer w;

	mh_writer_init(&w, out, sizeof(out));
	mh_stmt_write_head(&w, body, 0, 1, NULL, 0);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, MH_SET_SIGNER);
	mh_write_u8(&w, 1);
	mh_write_u8(&w, 0);
	mh_write_bytes(&w, sig, MH_SIG_LEN);
	return w.err ? w.err : mh_file_write(path, out, w.len, 0600);
}

static void newest(u8 type, const char *subject, struct mh_bytes *b)
{
	struct mh_writer w;
	u8 body[300];

	world();
	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, region, 32);
	mh_write_u8(&w, type);
	mh_write_v(&w, subject, strlen(subject));
	if (call(MH_ADMIN_GET, MH_BUF(body, w.len), b) || b->n < 4)
		die("not there");
}

static int get(char **v)
{
	struct mh_bytes b;

	newest(type_of(v[0]), v[1], &b);
	return fwrite(b.p + 4, b.n - 4, 1, stdout) ? 0 : 1;
}

#include "stmt_answer.h"
#include "stmt_delegation.h"

/* The status; *reply is the caller's, when it is asked for */
static u8 submit(const struct mh_bytes *s, unsigned int n, struct mh_bytes *reply)
{
	u8 *body = malloc(MH_ADMIN_MAX);
	struct mh_writer w;
	u8 status;

	if (!body)
		die("memory");
	mh_writer_init(&w, body, MH_ADMIN_MAX);
	mh_write_u16(&w, (u16)n);
	for (unsigned int i = 0; i < n; i++) {
		mh_write_u8(&w, MH_ITEM_STATEMENT);
		mh_write_u32(&w, (u32)s[i].n);
		mh_write_bytes(&w, s[i].p, s[i].n);
	}
	status = call(MH_ADMIN_SUBMIT, MH_BUF(body, w.len), reply);
	free(body);
	return status;
}

static int send_all(char **v)
{
	struct mh_bytes s[16] = { 0 }, reply;
	unsigned int n = 0;
	u8 status;

	for (; v[n] && n < 16; n++)
		if (mh_file_read(v[n], MH_STMT_MAX, &s[n]))
			die(v[n]);
	status = submit(s, n, &reply);
	printf("%u %.*s\n", status, status ? (int)reply.n : 0, reply.p);
	while (n)
		mh_bytes_free(&s[--n]);
	mh_bytes_free(&reply);
	return 0;
}

static int to_kernel(const struct mh_bytes *s)
{
	static struct mh_genl *g;
	struct nlmsghdr *nlh;

	if (!g && mh_genl_open(&g, MH_GENL_NAME, NULL))
		die("no netlink family");
	nlh = mh_genl_begin(g, MH_CMD_STATEMENT, NLM_F_ACK);
	mnl_attr_put(nlh, MH_ATTR_REGION_ID, 32, region);
	mnl_attr_put(nlh, MH_ATTR_STATEMENT, s->n, s->p);
	return mh_genl_call(g, nlh, NULL, NULL);
}

static int push(char **v)
{
	struct mh_bytes s;
	int ret;

	world();
	if (mh_file_read(v[0], MH_STMT_MAX, &s))
		die(v[0]);
	ret = to_kernel(&s);
	mh_bytes_free(&s);
	return printf("%s\n", ret ? strerrorname_np(-ret) : "ok") < 0;
}

/* By status or errno, how many altered ones ended so */
static int alter(char **v)
{
	unsigned int step = (unsigned int)atoi(v[2]), counts[200] = { 0 };
	bool kernel = !strcmp(v[0], "push");
	struct mh_bytes s, reply;

	world();
	if (mh_file_read(v[1], MH_STMT_MAX, &s) || !step)
		die(v[1]);
	for (size_t i = 0; i < s.n; i += step) {
		unsigned int end;

		s.p[i] ^= (u8)(1 << i % 8);
		if (kernel) {
			end = (unsigned int)-to_kernel(&s);
		} else {
			end = submit(&s, 1, &reply);
			mh_bytes_free(&reply);
		}
		s.p[i] ^= (u8)(1 << i % 8);
		counts[end < 200 ? end : 199]++;
	}
	mh_bytes_free(&s);
	for (int i = 0; i < 200; i++)
		if (counts[i] && kernel)
			printf("%s=%u ", i ? strerrorname_np(i) : "taken", counts[i]);
		else if (counts[i] && i)
			printf("status%d=%u ", i, counts[i]);
		else if (counts[i])
			printf("taken=%u ", counts[i]);
	return printf("\n") < 0;
}

static int tell_region(char **v)
{
	char hex[65];

	(void)v;
	world();
	mh_hex(hex, region, 32);
	return puts(hex) < 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **v);
} verbs[] = {
	{ "make", 4, make }, { "get", 2, get },	    { "send", 1, send_all },
	{ "push", 1, push }, { "alter", 3, alter }, { "region", 0, tell_region },
	{ "suspend", 4, suspend }, { "answer", 3, answer }, { "narrow", 4, narrow },
	{ "epoch", 6, epoch },	    { "steal", 4, steal },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, argv[1]) && argc >= 2 + verbs[i].args)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "stmt: what?\n");
	return 2;
}

// SPDX-License-Identifier: MIT
/* See rd_world.h; whatever goes wrong here ends the test program. */
#include "rd_world.h"
#include "repositoryd.h"
#include "core/hpke.h"
#include "core/stream.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define must(x) do { \
	if (!(x)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		abort(); \
	} \
} while (0)

const char *rd_label = "eu";
void (*rd_exec)(char **argv);

static u16 free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0 && !bind(fd, (struct sockaddr *)&a, n) &&
	     !getsockname(fd, (struct sockaddr *)&a, &n));
	close(fd);
	return ntohs(a.sin_port);
}

void rd_sh(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	must(!system(cmd));
}

void rd_write_ini(struct rd_world *w, const char *extra)
{
	FILE *f = fopen(w->ini, "w");
	char hex[65];

	mh_hex(hex, w->region, 32);
	must(f);
	fprintf(f,
		"[repositoryd]\nname = repo1\nstore = %s/s/db\nkeeper = %s/k\nadmin = %s\nsocket = "
		"%s\n"
		"listen = 127.0.0.1:%u\nlog = %s\ngenesis = %s\n%s\n",
		w->dir, w->dir, w->admin, w->socket, w->port,
		getenv("RD_LOG") ? getenv("RD_LOG") : "error", hex, extra ? extra : "");
	must(!fclose(f));
}

void rd_setup(struct rd_world *w, const char *dir, const char *extra)
{
	memset(w, 0, sizeof(*w));
	w->admin_fd = -1;
	w->kind = MH_DATA_KEY;
	if (dir)
		snprintf(w->dir, sizeof(w->dir), "%s", dir);
	else
		must(mkdtemp(strcpy(w->dir, "/tmp/rd-XXXXXX")));
	snprintf(w->ini, sizeof(w->ini), "%s/ini", w->dir);
	snprintf(w->socket, sizeof(w->socket), "%s/stp", w->dir);
	snprintf(w->admin, sizeof(w->admin), "%s/admin", w->dir);
	w->port = free_port();
	must(!mh_p256_generate(w->officer, w->officer_pub));
	rd_genesis(w);
	rd_write_ini(w, extra);
}

int rd_start(struct rd_world *w)
{
	return rd_start_with(w, NULL);
}

void rd_fork(struct rd_world *w, const char *option)
{
	char *argv[5] = { "repositoryd", "--config", w->ini, (char *)option };

	w->pid = fork();
	must(w->pid >= 0);
	if (!w->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* never outlives a test that failed */
		if (rd_exec)
			rd_exec(argv);
		_exit(mh_daemon_main(option ? 4 : 3, argv));
	}
}

int rd_start_with(struct rd_world *w, const char *option)
{
	struct mh_bytes reply;
	u8 status;
	int st;

	rd_fork(w, option);
	for (int i = 0; i < 10000; i++) {
		if (waitpid(w->pid, &st, WNOHANG) == w->pid) {
			w->pid = 0;
			return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
		}
		if (w->admin_fd >= 0)
			close(w->admin_fd);
		w->admin_fd = mh_admin_connect(w->admin);
		if (w->admin_fd >= 0 &&
		    !mh_admin_call(w->admin_fd, MH_ADMIN_CARD, MH_BUF(NULL, 0), &status, &reply)) {
			must(!status && reply.n <= sizeof(w->card));
			memcpy(w->card, reply.p, reply.n);
			must(!mh_card_decode(&w->c, MH_BUF(w->card, reply.n)));
			mh_bytes_free(&reply);
			return 0;
		}
		usleep(2000);
	}
	must(!"repositoryd does not answer");
	return -1;
}

int rd_stop(struct rd_world *w, int sig)
{
	int st = 0;

	if (w->admin_fd >= 0)
		close(w->admin_fd);
	w->admin_fd = -1;
	if (!w->pid)
		return 0;
	kill(w->pid, sig);
	must(waitpid(w->pid, &st, 0) == w->pid);
	w->pid = 0;
	return st;
}

void rd_teardown(struct rd_world *w)
{
	char cmd[384];

	rd_stop(w, SIGTERM);
	mh_bytes_free(&w->anchor);
	snprintf(cmd, sizeof(cmd), "rm -rf %s/ini %s/s %s/k; rmdir %s 2>/dev/null", w->dir, w->dir,
		 w->dir, w->dir);
	if (system(cmd))
		return;
}

void rd_item(struct rd_world *w, u8 type, struct mh_buf a, struct mh_buf b)
{
	struct rd_batch *t = &w->batch;

	if (!t->n)
		t->n = 2;
	must(t->n + 5 + a.n + b.n <= sizeof(t->p));
	t->p[t->n] = type;
	mh_put32(t->p + t->n + 1, (u32)(a.n + b.n));
	memcpy(t->p + t->n + 5, a.p, a.n);
	if (b.n)
		memcpy(t->p + t->n + 5 + a.n, b.p, b.n);
	t->n += 5 + a.n + b.n;
	mh_put16(t->p, ++t->items);
}

void rd_begin(struct rd_world *w, struct mh_writer *body, u8 *buf, size_t size, u8 type,
	      const char *subject, u64 serial)
{
	u64 now = (u64)time(NULL);

	mh_writer_init(body, buf, size);
	mh_stmt_begin(body, type, w->region, w->anchor_leaf, MH_BUF(subject, strlen(subject)),
		      serial, now, now, now + 86400);
}

/* Signed by the officer once in each of n sets */
static void statement(struct rd_world *w, const struct mh_writer *body, const u8 *sets, u8 n,
		      u8 leaf[32])
{
	u8 out[8192], digest[32], sig[64];
	struct mh_writer o;

	must(!body->err);
	mh_stmt_leaf(MH_BUF(body->p, body->len), leaf);
	mh_stmt_digest(leaf, digest);
	mh_writer_init(&o, out, sizeof(out));
	mh_stmt_write_head(&o, MH_BUF(body->p, body->len), 0, 1, NULL, 0);
	mh_write_u8(&o, n);
	for (u8 i = 0; i < n; i++) {
		must(!mh_p256_sign(w->officer, digest, sig));
		mh_write_u8(&o, sets[i]);
		mh_write_u8(&o, 1);
		mh_write_u8(&o, 0);
		mh_write_bytes(&o, sig, 64);
	}
	must(!o.err);
	if (sets[0] == MH_SET_NEW) {	/* the first ANCHOR */
		mh_bytes_free(&w->anchor);
		must(!mh_bytes_copy(&w->anchor, out, o.len));
	}
	rd_item(w, MH_ITEM_STATEMENT, MH_BUF(out, o.len), MH_BUF(NULL, 0));
}

void rd_statement(struct rd_world *w, const struct mh_writer *body, u8 which, u8 leaf[32])
{
	u8 unread[32];

	statement(w, body, &which, 1, leaf ? leaf : unread);
}

u8 rd_call(struct rd_world *w, u8 op, struct mh_buf body, struct mh_bytes *reply)
{
	u8 status = 255;

	if (mh_admin_call(w->admin_fd, op, body, &status, reply))
		return 255;
	if (status && getenv("RD_LOG"))
		fprintf(stderr, "# %u: %.*s\n", status, (int)reply->n, reply->p);
	return status;
}

u8 rd_submit(struct rd_world *w)
{
	struct mh_bytes reply;
	u8 status = rd_call(w, MH_ADMIN_SUBMIT, MH_BUF(w->batch.p, w->batch.n), &reply);

	mh_bytes_free(&reply);
	w->batch.n = 0;
	w->batch.items = 0;
	return status;
}

size_t rd_read_kec(struct rd_world *w, const char *name, const u8 key[MH_KEY_LEN], u8 body[256])
{
	struct mh_bytes nonce;
	u8 digest[32], sig[64];
	struct mh_writer o;

	mh_writer_init(&o, body, 256);
	mh_write_bytes(&o, w->region, 32);
	mh_write_v(&o, name, strlen(name));
	must(!rd_call(w, MH_ADMIN_NONCE, MH_BUF(NULL, 0), &nonce));
	const struct mh_buf v[] = { MH_L("admin read"), mh_bytes_buf(&nonce), MH_BUF(body, o.len) };

	mh_sha256v(digest, v, ARRAY_SIZE(v));
	must(!mh_p256_sign(key, digest, sig));
	mh_bytes_free(&nonce);
	mh_write_u8(&o, 0);
	mh_write_bytes(&o, sig, 64);
	must(!o.err);
	return o.len;
}

static void anchor(struct rd_world *w, u64 serial, const u8 *sets, u8 n)
{
	u8 buf[1024];
	struct mh_writer b;

	rd_begin(w, &b, buf, sizeof(buf), MH_ANCHOR, rd_label, serial);
	mh_write_attr(&b, MH_A_KEYS, w->officer_pub, 64);
	mh_write_attr_u8(&b, MH_A_THRESHOLD, 1);
	mh_write_attr(&b, MH_A_BEFORE, w->anchor_leaf, 32);
	mh_write_attr_u64(&b, MH_A_MIN_ANCHOR, 1);
	statement(w, &b, sets, n, w->anchor_leaf);
}

void rd_genesis(struct rd_world *w)
{
	static const u8 sets[] = { MH_SET_NEW };
	struct mh_stmt s;

	memset(w->region, 0, 32);
	memset(w->anchor_leaf, 0, 32);
	anchor(w, 1, sets, ARRAY_SIZE(sets));
	must(!mh_stmt_parse(&s, w->anchor.p, w->anchor.n) && !mh_anchor_genesis(&s, w->region));
}

void rd_next_anchor(struct rd_world *w)
{
	static const u8 sets[] = { MH_SET_SIGNER, MH_SET_NEW };

	anchor(w, 2, sets, ARRAY_SIZE(sets));
}

void rd_delegate(struct rd_world *w, u64 serial)
{
	u8 buf[1024];
	struct mh_writer b;

	rd_begin(w, &b, buf, sizeof(buf), MH_DELEGATION, "repo1", serial);
	mh_write_attr(&b, MH_A_KEY, w->c.sp2, 64);
	mh_write_attr(&b, MH_A_AUDIT_KEY, w->c.audit, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_SERVE);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
	rd_begin(w, &b, buf, sizeof(buf), MH_DELEGATION, "repo1.freshness", serial);
	mh_write_attr(&b, MH_A_KEY, w->c.fresh, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_FRESHNESS);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

void rd_secret(struct rd_world *w, u8 item, struct mh_buf label, const u8 *leaf, const u8 *secret)
{
	const struct mh_buf info[] = { label, MH_BUF(leaf, 32) };
	u8 out[80];

	must(!mh_hpke_seal(w->c.hpke, info, 2, MH_BUF(NULL, 0), secret, 32, NULL, out, out + 32));
	rd_item(w, item, MH_BUF(leaf, 32), MH_BUF(out, 80));
}

static struct mh_buf kec_of(const struct rd_host *h)
{
	return MH_BUF(h->id.kec.pair ? h->id.kec.pub : h->id.kec.key, 32);
}

void rd_entity(struct rd_world *w, struct rd_host *h, u64 serial)
{
	const struct mh_buf ecx = MH_BUF(h->id.kec.ctx, 32);
	u8 buf[1024], kid[32], kei_kid[32], kpf[32], kpf_kid[32];
	struct mh_writer b;

	h->id.entity_serial = serial;
	must(!mh_kid(kec_of(h), ecx, kid) && !mh_stp_kpf(kec_of(h), h->id.kec.ctx, kpf));
	must(!mh_kid(MH_BUF(h->id.kei, 32), ecx, kei_kid));
	must(!mh_kid(MH_BUF(kpf, 32), ecx, kpf_kid));
	rd_begin(w, &b, buf, sizeof(buf), MH_ENTITY, h->id.name, serial);
	mh_write_attr_u8(&b, MH_A_KEI_KIND, h->id.mac ? MH_KIND_SECRET : MH_KIND_PAIR);
	mh_write_attr(&b, MH_A_KEI, h->id.mac ? kei_kid : h->kei_pub, h->id.mac ? 32 : 64);
	mh_write_attr(&b, MH_A_KES, h->kes_pub, 64);
	mh_write_attr_u8(&b, MH_A_KEC_KIND, h->id.kec.pair ? MH_KIND_PAIR : MH_KIND_SECRET);
	mh_write_attr(&b, MH_A_KEC_KID, kid, 32);
	if (!h->id.kec.pair)
		mh_write_attr(&b, MH_A_KPF_KID, kpf_kid, 32);
	rd_statement(w, &b, MH_SET_SIGNER, h->leaf);
}

void rd_enrol_again(struct rd_world *w, struct rd_host *h, u64 serial)
{
	u8 kpf[32];

	rd_entity(w, h, serial);
	must(!mh_stp_kpf(kec_of(h), h->id.kec.ctx, kpf));
	if (h->id.kec.pair)
		rd_secret(w, MH_ITEM_KEC, MH_L("admin kec"), h->leaf, h->id.kec.pub);
	else
		rd_secret(w, MH_ITEM_KPF, MH_L("admin kpf"), h->leaf, kpf);
	if (h->id.mac)
		rd_secret(w, MH_ITEM_KEI, MH_L("admin kei"), h->leaf, h->id.kei);
}

void rd_host_make(struct rd_world *w, struct rd_host *h, const char *name, bool mac, bool pair)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->id.region, w->region, 32);
	strcpy(h->id.name, name);
	h->id.mac = mac;
	h->id.kec.pair = pair;
	must(!mh_bytes_copy(&h->id.anchor, w->anchor.p, w->anchor.n));
	must(!mh_p256_generate(h->id.kei, h->kei_pub) && !mh_p256_generate(h->kes, h->kes_pub));
	must(!mh_random(h->id.kec.key, 32) && !mh_x25519_public(h->id.kec.pub, h->id.kec.key));
	mh_ctx_entity(w->region, MH_BUF(name, strlen(name)), h->id.kec.ctx);
}

void rd_enrol_serial(struct rd_world *w, struct rd_host *h, const char *name, u64 serial)
{
	rd_host_make(w, h, name, false, true);
	rd_enrol_again(w, h, serial);
}

void rd_enrol(struct rd_world *w, struct rd_host *h, const char *name)
{
	rd_enrol_serial(w, h, name, 1);
}

void rd_host_free(struct rd_host *h)
{
	mh_bytes_free(&h->id.anchor);
}

void rd_dataset(struct rd_world *w, const char *name, u8 mode)
{
	u8 buf[1024];
	struct mh_writer b;

	if (!w->has_policy) {
		rd_begin(w, &b, buf, sizeof(buf), MH_POLICY, "common", 1);
		mh_write_attr_u8(&b, MH_A_SELECT, 1);
		rd_statement(w, &b, MH_SET_SIGNER, w->policy_leaf);
		w->has_policy = true;
	}
	rd_begin(w, &b, buf, sizeof(buf), MH_DATASET, name, 1);
	mh_write_attr_u8(&b, MH_A_MODE, mode);
	mh_write_attr_u8(&b, MH_A_KIND, w->kind);
	mh_write_attr(&b, MH_A_OWNER, NULL, 0);
	mh_write_attr(&b, MH_A_POLICIES, w->policy_leaf, 32);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

void rd_group(struct rd_world *w, const char *group, const char *dataset)
{
	u8 buf[1024], right[256];
	struct mh_writer b, r;

	mh_writer_init(&r, right, sizeof(right));
	mh_write_u16(&r, MH_RIGHT_FETCH);
	mh_write_v(&r, dataset, strlen(dataset));
	rd_begin(w, &b, buf, sizeof(buf), MH_GROUP, group, 1);
	mh_write_attr(&b, MH_A_KEYS, w->officer_pub, 64);
	mh_write_attr_u8(&b, MH_A_THRESHOLD, 1);
	mh_write_attr_u64(&b, MH_A_MIN_ANCHOR, 1);
	mh_write_attr(&b, MH_A_RIGHTS, right, r.len);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

void rd_member(struct rd_world *w, const char *group, const char *name)
{
	char subject[140];
	u8 buf[1024];
	struct mh_writer b;

	snprintf(subject, sizeof(subject), "%s/%s", group, name);
	rd_begin(w, &b, buf, sizeof(buf), MH_MEMBER, subject, 1);
	mh_write_attr_u8(&b, MH_A_MEMBER_KIND, 1);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

void rd_instance(struct rd_world *w, const char *dataset, u64 version, u8 mode,
		 const struct rd_host *host, const void *data, size_t n)
{
	u8 buf[1024], random[32], icx[32], ke[32], kid[32], sha[32], leaf[32], wrap[MH_WRAP_LEN];
	const u8 template[5] = { MH_ALG_RAW };
	u8 *sealed = malloc(n + (n / MH_STREAM_CHUNK + 1) * MH_TAG_LEN);
	size_t len = 0, at = 0;
	struct mh_writer b;
	struct mh_stream st;
	char subject[256];

	must(sealed && !mh_random(random, 32) && !mh_random(ke, 32));
	mh_ctx_instance(w->region, MH_BUF(dataset, strlen(dataset)), version, mode, w->kind, 1,
			random, icx);
	must(!mh_stream_begin(&st, ke, icx));
	do {
		size_t part = n - at < MH_STREAM_CHUNK ? n - at : MH_STREAM_CHUNK;

		must(!mh_stream_seal(&st, at + part == n, (const u8 *)data + at, part,
				     sealed + len));
		at += part;
		len += part + MH_TAG_LEN;
	} while (at < n);
	mh_stream_end(&st);
	must(!mh_kid(MH_BUF(ke, 32), MH_BUF(icx, 32), kid));
	const struct mh_buf whole = MH_BUF(sealed, len);

	mh_sha256v(sha, &whole, 1);
	snprintf(subject, sizeof(subject), "%s@%llu", dataset, (unsigned long long)version);
	rd_begin(w, &b, buf, sizeof(buf), MH_INSTANCE, subject, 1);
	mh_write_attr_u8(&b, MH_A_MODE, mode);
	mh_write_attr_u8(&b, MH_A_KIND, w->kind);
	mh_write_attr(&b, MH_A_POLICIES, w->policy_leaf, 32);
	mh_write_attr(&b, MH_A_TEMPLATE, template, 5);
	mh_write_attr_u64(&b, MH_A_INSTANCE_VERSION, version);
	mh_write_attr_u8(&b, MH_A_STREAM_ALG, 1);
	mh_write_attr(&b, MH_A_RANDOM, random, 32);
	mh_write_attr(&b, MH_A_KE_KID, kid, 32);
	mh_write_attr_u64(&b, MH_A_LENGTH, len);
	mh_write_attr(&b, MH_A_SHA256, sha, 32);
	mh_write_attr_u8(&b, MH_A_DELIVERY, w->kind);
	rd_statement(w, &b, MH_SET_SIGNER, leaf);
	memcpy(w->instance, b.p, b.len);
	w->instance_len = b.len;
	rd_item(w, MH_ITEM_DATA, whole, MH_BUF(NULL, 0));
	if (host) {
		const struct mh_buf ecx = MH_BUF(host->id.kec.ctx, 32);

		must(!(host->id.kec.pair ?
			       mh_wrap_seal_hpke(wrap, ke, MH_BUF(icx, 32), host->id.kec.pub, ecx,
						 NULL) :
			       mh_wrap_seal_secret(wrap, ke, MH_BUF(icx, 32), host->id.kec.key, ecx,
						   NULL)));
		rd_item(w, MH_ITEM_WRAP, MH_BUF(wrap, sizeof(wrap)), MH_BUF(NULL, 0));
	} else {
		rd_secret(w, MH_ITEM_KE, MH_L("admin ke"), leaf, ke);
	}
	free(sealed);
}

void rd_issue_again(struct rd_world *w, u64 serial)
{
	struct mh_writer b = { .p = w->instance, .len = w->instance_len };

	const u8 head[] = { 0, MH_A_SERIAL, 0, 0, 0, 8 };	/* type, length */
	u8 *at = memmem(w->instance, w->instance_len, head, sizeof(head));

	must(at);
	mh_put64(at + sizeof(head), serial);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

void rd_revoke(struct rd_world *w, u8 type, const char *name, u64 up_to)
{
	u8 buf[1024];
	struct mh_writer b;

	rd_begin(w, &b, buf, sizeof(buf), MH_REVOKE, name, ++w->serial);
	mh_write_attr_u8(&b, MH_A_TARGET_TYPE, type);
	mh_write_attr_u64(&b, MH_A_UP_TO, up_to);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
}

static int dial(const struct rd_world *w)
{
	char address[64];

	snprintf(address, sizeof(address), "127.0.0.1:%u", w->port);
	return mh_client_dial(address, 15);
}

int rd_connect(struct rd_world *w, struct rd_host *h, struct mh_client *c)
{
	int fd = dial(w);

	return fd < 0 ? fd : mh_client_open(c, &h->id, fd);
}

int rd_dial(const struct rd_world *w)
{
	int fd = dial(w);

	must(fd >= 0);
	return fd;
}

size_t rd_hello(const struct rd_world *w, u8 frame[MH_FRAME_HEADER + MH_HELLO_MAX])
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				  .region = w->region, .anchor_serial = 1 };
	struct mh_stp s;
	int n;

	mh_stp_init(&s, true);
	n = mh_stp_hello(&s, &p1, NULL, frame, MH_FRAME_HEADER + MH_HELLO_MAX);
	mh_stp_end(&s);
	must(n > 0);
	return (size_t)n;
}

size_t rd_resident(const struct rd_world *w)
{
	char path[64];
	size_t pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)w->pid);
	f = fopen(path, "r");
	must(f && fscanf(f, "%*u %zu", &pages) == 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

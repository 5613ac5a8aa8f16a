// SPDX-License-Identifier: MIT
/*
 * repositoryd's way: it starts on a store that is in use, is asked all that officers and hosts ask,
 * and ends.  Then it is started without a failure, and its store looked at as after a crash.
 */
#include "world.h"
#include "core/manifest.h"

#include <stdlib.h>
#include <unistd.h>

#define READS 10

struct daemon_world {
	struct faults_world f;
	struct rd_host victim, held, stranger;
	struct rd_world as_made;	/* its serials and the like, before a run */
	size_t reply[READS];		/* lengths, of the run without a failure */
	unsigned int descriptors;
};

/* ---- what is there from the beginning ---- */

/* By a DELEGATION of that role to the officer's own key */
static void suspend(struct rd_world *w, const char *name)
{
	u8 buf[1024], leaf[32], anchor[32];
	struct mh_writer b;

	rd_begin(w, &b, buf, sizeof(buf), MH_DELEGATION, "guard", 1);
	mh_write_attr(&b, MH_A_KEY, w->officer_pub, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_SUSPEND);
	rd_statement(w, &b, MH_SET_SIGNER, leaf);
	memcpy(anchor, w->anchor_leaf, 32);
	memcpy(w->anchor_leaf, leaf, 32);	/* the signer of what is begun */
	rd_begin(w, &b, buf, sizeof(buf), MH_SUSPEND, name, 1);
	mh_write_attr_u64(&b, MH_A_UNTIL, (u64)time(NULL) + 80000);
	rd_statement(w, &b, MH_SET_SIGNER, NULL);
	memcpy(w->anchor_leaf, anchor, 32);
}

static void setup(void *world)
{
	struct daemon_world *d = world;
	struct faults_world *f = &d->f;
	struct rd_world *w = &f->c.w;
	char dir[64];

	rd_exec = NULL;
	faults_directory(dir);
	rd_setup(w, dir, FAULTS_INI);
	if (rd_start(w))
		abort();
	faults_build(f);
	rd_enrol(w, &d->victim, "victim");
	rd_member(w, "all", "victim");
	rd_enrol(w, &d->held, "held");
	rd_member(w, "all", "held");
	rd_enrol(w, &d->stranger, "stranger");
	rd_member(w, "none", "stranger");
	rd_group(w, "none", "x/");
	if (rd_submit(w))
		abort();
	suspend(w, "held");
	if (rd_submit(w) || faults_instance(f, false) || faults_instance(f, true))
		abort();
	rd_stop(w, SIGTERM);
	rd_sh("cp -r %s/s %s/s0 && cp -r %s/k %s/k0", w->dir, w->dir, w->dir, w->dir);
	d->as_made = *w;
	memcpy(f->newest_made, f->newest, sizeof(f->newest));
	f->version_made = f->version;
	f->of_setup = f->acks;
}

/* ---- officers ---- */

static struct mh_writer asking(struct daemon_world *d, u8 *body, size_t size)
{
	struct mh_writer o;

	mh_writer_init(&o, body, size);
	mh_write_bytes(&o, d->f.c.w.region, 32);
	return o;
}

/*
 * An answer is as long as when nothing failed, or it is a failure; but that the audit comes without
 * a signed end, which is for who reads it to judge.
 */
static void ask(struct daemon_world *d, unsigned int i, u8 op, struct mh_buf body, bool first)
{
	struct mh_bytes reply = { 0 };

	if (!faults_call(&d->f, op, body, &reply)) {
		if (first)
			d->reply[i] = reply.n;
		else if (reply.n != d->reply[i] && op != MH_ADMIN_AUDIT)
			faults_wrong("admin request %u: %zu bytes for an answer, not %zu", op,
				     reply.n, d->reply[i]);
	}
	mh_bytes_free(&reply);
}

static void read_everything(struct daemon_world *d, bool first)
{
	struct rd_world *w = &d->f.c.w;
	struct mh_writer o;
	u8 body[256];

	ask(d, 0, MH_ADMIN_CARD, MH_BUF(NULL, 0), first);
	o = asking(d, body, sizeof(body));
	mh_write_u8(&o, MH_ENTITY);
	mh_write_v(&o, "reader", 6);
	ask(d, 1, MH_ADMIN_GET, MH_BUF(body, o.len), first);
	o = asking(d, body, sizeof(body));
	mh_write_u8(&o, MH_ENTITY);
	mh_write_v(&o, "", 0);
	mh_write_v(&o, "", 0);
	ask(d, 2, MH_ADMIN_LIST, MH_BUF(body, o.len), first);
	ask(d, 3, MH_ADMIN_REGIONS, MH_BUF("\0", 2), first);
	o = asking(d, body, sizeof(body));
	ask(d, 4, MH_ADMIN_TRUST, MH_BUF(body, o.len), first);
	mh_write_u64(&o, 1);
	ask(d, 5, MH_ADMIN_ANCHORS, MH_BUF(body, o.len), first);
	o = asking(d, body, sizeof(body));
	mh_write_v(&o, "d/session", 9);
	ask(d, 6, MH_ADMIN_ENTITLED, MH_BUF(body, o.len), first);
	o = asking(d, body, sizeof(body));
	mh_write_u64(&o, 1);
	mh_write_u32(&o, 8);
	ask(d, 7, MH_ADMIN_AUDIT, MH_BUF(body, o.len), first);
	ask(d, 8, MH_ADMIN_NONCE, MH_BUF(NULL, 0), first);
	if (w->admin_fd >= 0) {
		struct mh_bytes reply = { 0 };

		faults_call(&d->f, MH_ADMIN_STATUS, MH_BUF(NULL, 0), &reply);
		mh_bytes_free(&reply);
	}
}

static void read_kec(struct daemon_world *d)
{
	struct rd_world *w = &d->f.c.w;
	struct mh_bytes nonce = { 0 }, reply = { 0 };
	u8 body[256], digest[32], sig[64];
	struct mh_writer o = asking(d, body, sizeof(body));

	mh_write_v(&o, "reader", 6);
	if (faults_call(&d->f, MH_ADMIN_NONCE, MH_BUF(NULL, 0), &nonce))
		return;
	const struct mh_buf v[] = { MH_L("admin read"), mh_bytes_buf(&nonce), MH_BUF(body, o.len) };

	mh_sha256v(digest, v, ARRAY_SIZE(v));
	if (mh_p256_sign(w->officer, digest, sig))
		abort();
	mh_bytes_free(&nonce);
	mh_write_u8(&o, 0);
	mh_write_bytes(&o, sig, 64);
	if (!faults_call(&d->f, MH_ADMIN_READ_KEC, MH_BUF(body, o.len), &reply) &&
	    (reply.n != 34 || memcmp(reply.p + 2, d->f.c.reader.id.kec.pub, 32)))
		faults_wrong("READ_KEC gave what is not Kec-public");
	mh_bytes_free(&reply);
}

/* ---- hosts ---- */

static void hosts(struct daemon_world *d)
{
	struct faults_world *f = &d->f;

	faults_fetch(f, &f->c.reader, 0);
	faults_fetch(f, &d->held, MH_REFUSED_SUSPENDED);
	faults_fetch(f, &d->stranger, MH_REFUSED_UNKNOWN);
	faults_fetch(f, &d->victim, f->revoked ? MH_REFUSED_REVOKED : 0);
}

/* It has a session when it is revoked. */
static void end_victim(struct daemon_world *d)
{
	struct faults_world *f = &d->f;
	struct rd_world *w = &f->c.w;
	struct mh_client c;
	struct mh_client_result r;
	bool open = !faults_connect(f, &d->victim, &c);
	struct mh_reader b;
	u8 leaf[32];

	rd_revoke(w, MH_ENTITY, "victim", 1);
	/* the batch is u16 n || u8 item || u32 length || v(body) ... */
	mh_reader_init(&b, w->batch.p + 7, w->batch.n - 7);
	mh_stmt_leaf(mh_read_v(&b, MH_STMT_BODY_MAX), leaf);
	f->maybe_revoked = true;
	f->revoked = !faults_submit(f, CRASH_REVOKE, leaf);
	if (!open)
		return;
	if (!mh_client_fetch(&c, "d/session", 0, NULL, NULL, &r) && r.state == MH_ANSWER_DONE) {
		if (f->revoked)
			faults_wrong("a revoked host is served on its open session");
		mh_bytes_free(&r.data);
	}
	mh_client_close(&c);
}

static void enrol(struct daemon_world *d)
{
	struct rd_world *w = &d->f.c.w;
	struct rd_host h;

	rd_enrol(w, &h, "late");
	rd_member(w, "all", "late");
	faults_submit(&d->f, CRASH_ENROL, h.leaf);
	rd_host_free(&h);
}

/* ---- one run ---- */

static void serve(struct daemon_world *d, bool first)
{
	struct faults_world *f = &d->f;

	read_everything(d, first);
	read_kec(d);
	hosts(d);
	faults_instance(f, false);
	faults_instance(f, true);
	enrol(d);
	hosts(d);
	kill(f->c.w.pid, SIGHUP);
	end_victim(d);
	hosts(d);
	faults_recovered(f);
	if (first)
		d->descriptors = faults_descriptors(f, 0);
	else if (faults_descriptors(f, d->descriptors) > d->descriptors)
		faults_wrong("%u descriptors are open, not %u",
			     faults_descriptors(f, d->descriptors), d->descriptors);
}

static void run(void *world, unsigned int step, bool first)
{
	struct daemon_world *d = world;
	struct faults_world *f = &d->f;
	struct rd_world *w = &f->c.w;
	struct crash_seen seen = { 0 };

	(void)step;
	rd_sh("cd %s && rm -rf s k && cp -r s0 s && cp -r k0 k", w->dir);
	w->serial = d->as_made.serial;
	f->acks = f->of_setup;
	memcpy(f->newest, f->newest_made, sizeof(f->newest));
	f->version = f->version_made;
	f->revoked = false;
	f->maybe_revoked = false;
	if (!faults_start(f))
		serve(d, first);
	faults_stop(f);
	if (faults_again(f))
		return;
	if (crash_check(&f->c, &seen, f->ack, f->acks))
		faults_wrong("so says the look at its store");
	faults_fetch_now(f, &f->c.reader, 0);
	if (f->revoked || !f->maybe_revoked)
		faults_fetch_now(f, &d->victim, f->revoked ? MH_REFUSED_REVOKED : 0);
	faults_fetch_now(f, &d->held, MH_REFUSED_SUSPENDED);
	rd_stop(w, SIGKILL);
}

static void end(void *world)
{
	struct daemon_world *d = world;

	rd_host_free(&d->victim);
	rd_host_free(&d->held);
	rd_host_free(&d->stranger);
	faults_world_free(&d->f);
}

static struct daemon_world the_world;
const struct faults_way faults_daemon = { "repositoryd", "build/asan/bin/repositoryd", 1, setup,
					  run, end, &the_world };

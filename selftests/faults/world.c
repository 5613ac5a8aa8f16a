// SPDX-License-Identifier: MIT
/* See world.h. */
#include "world.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE	5	/* seconds for one answer */
#define READY		20	/* until it answers, or has ended */
#define ENDS_MS		15000	/* ten for answers in hand */

/* ---- the daemon ---- */

static struct faults_world *starting;

static void become(char **argv)
{
	faults_exec(argv, NULL, "/dev/null", starting->said);
}

static int admin(struct faults_world *f)
{
	const struct timeval t = { .tv_sec = PATIENCE };
	struct rd_world *w = &f->c.w;

	if (w->admin_fd >= 0)
		close(w->admin_fd);
	w->admin_fd = mh_admin_connect(w->admin);
	if (w->admin_fd >= 0 &&
	    setsockopt(w->admin_fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)))
		abort();
	return w->admin_fd;
}

/* It has ended, or does so within that time. */
static bool ended(struct faults_world *f, unsigned int ms)
{
	for (unsigned int i = 0; !f->over && i <= ms; i++) {
		f->over = waitpid(f->c.w.pid, &f->status, WNOHANG) == f->c.w.pid;
		if (ms)
			usleep(1000);
	}
	if (f->over)
		f->c.w.pid = 0;
	return f->over;
}

int faults_start(struct faults_world *f)
{
	struct rd_world *w = &f->c.w;
	struct mh_bytes reply;
	u8 status;

	f->over = false;
	snprintf(f->said, sizeof(f->said), "%s/said", w->dir);
	atomic_store(&faults_map->armed, true);
	starting = f;
	rd_exec = become;
	rd_fork(w, NULL);
	rd_exec = NULL;
	for (time_t until = time(NULL) + READY; time(NULL) < until;) {
		if (ended(f, 0))
			return -1;
		if (admin(f) >= 0 && !mh_admin_call(w->admin_fd, MH_ADMIN_CARD, MH_BUF(NULL, 0),
						    &status, &reply)) {
			if (!status) {
				memcpy(w->card, reply.p, reply.n);
				if (mh_card_decode(&w->c, MH_BUF(w->card, reply.n)))
					faults_wrong("its card is none");
			}
			mh_bytes_free(&reply);
			if (!status)
				return 0;
		}
		usleep(2000);
	}
	faults_wrong("it neither answers nor ends");
	return -1;
}

void faults_stop(struct faults_world *f)
{
	struct rd_world *w = &f->c.w;

	if (w->admin_fd >= 0)
		close(w->admin_fd);
	w->admin_fd = -1;
	if (ended(f, 0)) {
		if (!f->status)
			faults_wrong("it ended by itself, with exit code 0");
	} else {
		kill(w->pid, SIGTERM);
		if (!ended(f, ENDS_MS)) {
			faults_wrong("it does not end");
			kill(w->pid, SIGKILL);
			ended(f, ENDS_MS);
		}
	}
	faults_ended("the daemon", f->status, 5, f->said);
	atomic_store(&faults_map->armed, false);
	while (waitpid(-1, NULL, WNOHANG) > 0)	/* a keeper that lost its daemon */
		;
}

int faults_again(struct faults_world *f)
{
	int code = rd_start(&f->c.w);

	if (code)
		faults_wrong("without the failure it does not start again: exit code %d", code);
	return code;
}

unsigned int faults_descriptors(struct faults_world *f, unsigned int want)
{
	char path[64];
	unsigned int n = 0;

	if (!f->c.w.pid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", f->c.w.pid);
	/* what was closed here it has to hear of */
	for (int i = 0; i < 50; i++) {
		DIR *dir = opendir(path);

		for (n = 0; dir && readdir(dir);)
			n++;
		if (dir)
			closedir(dir);
		if (want && n <= want)
			break;
		usleep(want ? 20000 : 10000);
	}
	return n;
}

/* ---- officers ---- */

u8 faults_call(struct faults_world *f, u8 op, struct mh_buf body, struct mh_bytes *reply)
{
	struct rd_world *w = &f->c.w;
	u8 status = 255;
	int ret = 0;

	if (w->admin_fd < 0 && admin(f) < 0)
		return 255;
	ret = mh_admin_call(w->admin_fd, op, body, &status, reply);
	if (ret) {
		if (ret == -ETIMEDOUT && !faults_in_library())
			faults_wrong("admin request %u is not answered", op);
		close(w->admin_fd);
		w->admin_fd = -1;
		return 255;
	}
	/* libcrypto does not say why a signature does not verify */
	if (status == MH_ADMIN_DENIED && faults_map->crypto_at)
		return status;
	if (status && status != MH_ADMIN_FULL && status != MH_ADMIN_FAILED)
		faults_wrong("admin request %u: %u: %.*s", op, status, (int)reply->n, reply->p);
	return status;
}

u8 faults_submit(struct faults_world *f, enum crash_kind kind, const u8 *leaf)
{
	struct rd_world *w = &f->c.w;
	struct mh_bytes reply = { 0 };
	u8 status = faults_call(f, MH_ADMIN_SUBMIT, MH_BUF(w->batch.p, w->batch.n), &reply);

	w->batch.n = 0;
	w->batch.items = 0;
	mh_bytes_free(&reply);
	if (status)
		return status;
	if (f->acks == FAULTS_ACKS)
		abort();
	f->ack[f->acks] = (struct crash_ack){ .kind = (u8)kind };
	memcpy(f->ack[f->acks].leaf, leaf, 32);
	atomic_store(&f->ack[f->acks++].done, true);
	return 0;
}

int faults_instance(struct faults_world *f, bool group)
{
	struct rd_world *w = &f->c.w;
	char text[32];
	u8 leaf[32];
	int n = snprintf(text, sizeof(text), "version %010u", ++f->version);

	rd_instance(w, group ? "d/group" : "d/session", f->version,
		    group ? MH_MODE_GROUP : MH_MODE_SESSION, group ? &f->c.reader : NULL, text,
		    (size_t)n);
	mh_stmt_leaf(MH_BUF(w->instance, w->instance_len), leaf);
	if (faults_submit(f, CRASH_INSTANCE, leaf))
		return -1;
	f->newest[group] = f->version;
	return 0;
}

void faults_directory(char path[64])
{
	strcpy(path, "/dev/shm/faults-XXXXXX");
	if (!mkdtemp(path) && !mkdtemp(strcpy(path, "/tmp/faults-XXXXXX")))
		abort();
}

int faults_build(struct faults_world *f)
{
	struct rd_world *w = &f->c.w;

	rd_delegate(w, 1);
	rd_dataset(w, "d/session", MH_MODE_SESSION);
	rd_dataset(w, "d/group", MH_MODE_GROUP);
	rd_group(w, "all", "d/");
	rd_enrol(w, &f->c.reader, "reader");
	rd_member(w, "all", "reader");
	return faults_submit(f, CRASH_ENROL, f->c.reader.leaf) || faults_instance(f, false) ||
	       faults_instance(f, true);
}

void faults_world_free(struct faults_world *f)
{
	rd_host_free(&f->c.reader);
	rd_sh("rm -rf %s", f->c.w.dir);
	mh_bytes_free(&f->c.w.anchor);
}

/* ---- hosts ---- */

int faults_connect(struct faults_world *f, struct rd_host *h, struct mh_client *c)
{
	char address[64];
	int fd, ret;

	snprintf(address, sizeof(address), "127.0.0.1:%u", f->c.w.port);
	fd = mh_client_dial(address, PATIENCE);
	ret = fd < 0 ? fd : mh_client_open(c, &h->id, fd);
	if (ret == -ETIMEDOUT)
		faults_wrong("%s: the handshake is not answered", h->id.name);
	return ret;
}

/* What a fetch gave must be so; -EAGAIN: it gave nothing, which may be */
static int judge(struct faults_world *f, const char *who, bool group, u8 refusal, int ret,
		 struct mh_client_result *r)
{
	char want[32];
	int n = snprintf(want, sizeof(want), "version %010u", (u32)r->version);

	if (ret == -ETIMEDOUT && !faults_in_library())
		faults_wrong("%s: no answer", who);
	/* it is pushed the SUSPEND, whose signer this client does not know */
	if (ret == -ENOKEY && refusal == MH_REFUSED_SUSPENDED)
		return 0;
	if (ret == -EBADMSG || ret == -EPROTO)
		faults_wrong("%s: what came does not hold: %s", who, strerror(-ret));
	if (ret)
		return -EAGAIN;
	if (r->state == MH_ANSWER_REFUSED) {
		if (r->refused.code == MH_REFUSED_BUSY)
			return -EAGAIN;
		if (r->refused.code != refusal)
			faults_wrong("%s: refused %u, not %u", who, r->refused.code, refusal);
		return 0;
	}
	if (refusal)
		faults_wrong("%s: is served, and should be refused %u", who, refusal);
	else if (r->version < f->newest[group] || r->version > f->version)
		faults_wrong("%s: version %llu for the newest, after %u was acknowledged", who,
			     (unsigned long long)r->version, f->newest[group]);
	else if (r->data.n != (size_t)n || memcmp(r->data.p, want, r->data.n))
		faults_wrong("%s: what came is not that version", who);
	mh_bytes_free(&r->data);
	return 0;
}

static int fetch(struct faults_world *f, struct rd_host *h, u8 refusal)
{
	struct mh_client c;
	struct mh_client_result r;
	int ret = faults_connect(f, h, &c), got;

	if (ret)
		return ret;
	for (int group = 0; group < 2 && !ret; group++) {
		if (group && h != &f->c.reader)
			break;
		got = mh_client_fetch(&c, group ? "d/group" : "d/session", 0, NULL, NULL, &r);
		ret = judge(f, h->id.name, group, refusal, got, &r);
	}
	if (!ret && h == &f->c.reader) {
		got = mh_client_fetch(&c, "d/none", 0, NULL, NULL, &r);
		ret = judge(f, "one that is not there", false, MH_REFUSED_UNKNOWN, got, &r);
	}
	mh_client_close(&c);
	return ret;
}

void faults_fetch(struct faults_world *f, struct rd_host *h, u8 refusal)
{
	fetch(f, h, refusal);
}

void faults_fetch_now(struct faults_world *f, struct rd_host *h, u8 refusal)
{
	int ret = fetch(f, h, refusal);

	if (ret)
		faults_wrong("%s: a fetch gives nothing: %s", h->id.name, strerror(-ret));
}

void faults_recovered(struct faults_world *f)
{
	const u32 fired = atomic_load(&faults_map->fired);
	struct mh_bytes reply = { 0 };
	int fetched, added;
	u8 status;

	if (ended(f, 0))
		return;
	fetched = fetch(f, &f->c.reader, 0);
	added = faults_instance(f, false);
	status = faults_call(f, MH_ADMIN_STATUS, MH_BUF(NULL, 0), &reply);
	mh_bytes_free(&reply);
	if (atomic_load(&faults_map->fired) != fired || (faults_map->times > 1 && fired))
		return;
	/* it may have been about to end, which is told elsewhere */
	if ((fetched || added || status) && ended(f, 500))
		return;
	if (fetched)
		faults_wrong("afterwards it still does not serve: %s", strerror(-fetched));
	if (added)
		faults_wrong("afterwards it still takes no change");
	if (status)
		faults_wrong("afterwards it still does not tell its status");
}

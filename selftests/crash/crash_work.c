// SPDX-License-Identifier: MIT
/* What keeps repositoryd busy: enrolments, Instances, fetches and revocations, side by side. */
#include "crash.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static void acknowledged(struct crash *c, u8 kind, const u8 *leaf, const u8 *h, u32 request)
{
	u32 i = atomic_fetch_add(&c->shared->acks, 1);
	struct crash_ack *a = &c->shared->ack[i];

	if (i >= CRASH_ACKS)
		_exit(0);
	a->kind = kind;
	a->request = request;
	memcpy(a->leaf, leaf, 32);
	memset(a->h, 0, 32);
	if (h)
		memcpy(a->h, h, 32);
	atomic_store(&a->done, true);
}

/* Encrypted under a version whose number is in it */
static size_t data_of(u32 version, char text[32])
{
	return (size_t)snprintf(text, 32, "version %010u", version);
}

static int add_instance(struct crash *c, const char *dataset, bool group, u8 leaf[32])
{
	u32 version = atomic_fetch_add(&c->shared->version, 1);
	char text[32];

	rd_instance(&c->w, dataset, version, group ? MH_MODE_GROUP : MH_MODE_SESSION,
		    group ? &c->reader : NULL, text, data_of(version, text));
	mh_stmt_leaf(MH_BUF(c->w.instance, c->w.instance_len), leaf);
	return rd_submit(&c->w);
}

static int add_host(struct crash *c, struct rd_host *h, u32 number)
{
	char name[MH_NAME_MAX + 1];

	snprintf(name, sizeof(name), "h%u", number);
	rd_enrol(&c->w, h, name);
	rd_member(&c->w, "all", name);
	return rd_submit(&c->w);
}

/* ---- the workers: each until it is told no ---- */

static void work_enrol(struct crash *c)
{
	struct rd_host h;

	while (!add_host(c, &h, atomic_fetch_add(&c->shared->hosts, 1))) {
		acknowledged(c, CRASH_ENROL, h.leaf, NULL, 0);
		rd_host_free(&h);
	}
}

static void work_instances(struct crash *c)
{
	u8 leaf[32];

	for (bool group = false; !add_instance(c, group ? "d/group" : "d/session", group, leaf);
	     group = !group)
		acknowledged(c, CRASH_INSTANCE, leaf, NULL, 0);
}

static void work_revoke(struct crash *c)
{
	char name[MH_NAME_MAX + 1];
	u8 leaf[32];

	while (!atomic_load(&c->shared->over)) {
		u32 i = atomic_load(&c->shared->revoked);
		struct mh_reader r;
		u8 status;

		if (i + 4 >= atomic_load(&c->shared->hosts)) {	/* is being enrolled */
			usleep(500);
			continue;
		}
		snprintf(name, sizeof(name), "h%u", i);
		rd_revoke(&c->w, MH_ENTITY, name, 1);
		/* the batch is u16 n || u8 item || u32 length || v(body) ... */
		mh_reader_init(&r, c->w.batch.p + 7, c->w.batch.n - 7);
		mh_stmt_leaf(mh_read_v(&r, MH_STMT_BODY_MAX), leaf);
		status = rd_submit(&c->w);
		if (status && status != MH_ADMIN_NOTFOUND)
			return;
		if (!status)
			acknowledged(c, CRASH_REVOKE, leaf, NULL, 0);
		atomic_store(&c->shared->revoked, i + 1);
	}
}

static void work_fetch(struct crash *c)
{
	struct mh_client client;
	struct mh_client_result r;
	char want[32];

	while (!rd_connect(&c->w, &c->reader, &client)) {
		for (int i = 0; i < 8; i++) {
			if (mh_client_fetch(&client, i & 1 ? "d/group" : "d/session", 0, NULL, NULL,
					    &r))
				return;
			if (r.state != MH_ANSWER_DONE ||
			    r.data.n != data_of((u32)r.version, want) ||
			    memcmp(r.data.p, want, r.data.n)) {
				atomic_store(&c->shared->wrong, true);
				return;
			}
			acknowledged(c, CRASH_DELIVERY, r.leaf, client.stp.h_auth, client.request);
			mh_bytes_free(&r.data);
		}
		mh_client_close(&client);
	}
}

void crash_workers(struct crash *c)
{
	static void (*const work[])(struct crash *) = {
		work_enrol, work_instances, work_revoke, work_fetch, work_fetch,
	};

	for (size_t i = 0; i < ARRAY_SIZE(work); i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c->w.admin_fd = mh_admin_connect(c->w.admin);
		if (c->w.admin_fd >= 0)
			work[i](c);
		_exit(0);
	}
}

/* ---- what is there from the beginning ---- */

void crash_setup(struct crash *c)
{
	u8 leaf[32];

	rd_delegate(&c->w, 1);
	rd_dataset(&c->w, "d/session", MH_MODE_SESSION);
	rd_dataset(&c->w, "d/group", MH_MODE_GROUP);
	rd_group(&c->w, "all", "d/");
	rd_enrol(&c->w, &c->reader, "reader");
	rd_member(&c->w, "all", "reader");
	if (rd_submit(&c->w) || add_instance(c, "d/session", false, leaf) ||
	    add_instance(c, "d/group", true, leaf))
		abort();
}

void crash_victim(struct crash *c, struct rd_host *h, u32 number)
{
	if (add_host(c, h, number))
		abort();
}

int crash_try(struct crash *c, struct rd_host *h)
{
	struct mh_client client;
	struct mh_client_result r;
	int ret = rd_connect(&c->w, h, &client);

	if (ret)
		return ret;
	ret = mh_client_fetch(&client, "d/session", 0, NULL, NULL, &r);
	mh_client_close(&client);
	if (!ret && r.state == MH_ANSWER_DONE)
		mh_bytes_free(&r.data);
	else if (r.state == MH_ANSWER_REFUSED && r.refused.code == MH_REFUSED_REVOKED)
		ret = 1;
	else if (!ret)
		ret = -EPROTO;
	return ret;
}

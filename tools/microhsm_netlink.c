// SPDX-License-Identifier: MIT
/* microhsm's side of the module's generic netlink family. */
#include "microhsm.h"
#include "core/messages.h"
#include "lib/genl.h"

#include <linux/genetlink.h>
#include <stdlib.h>

static void collect(const struct nlmsghdr *nlh, const struct nlattr **attr)
{
	const struct nlattr *a;

	for (int i = 0; i <= MH_ATTR_MAX; i++)
		attr[i] = NULL;
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) <= MH_ATTR_MAX)
			attr[mnl_attr_get_type(a)] = a;
}

static __u64 number(const struct nlattr *a)
{
	if (!a)
		return 0;
	return mnl_attr_get_payload_len(a) == 8 ? mnl_attr_get_u64(a) : mnl_attr_get_u32(a);
}

static void text(char *out, size_t size, const struct nlattr *a)
{
	snprintf(out, size, "%.*s", a ? (int)mnl_attr_get_payload_len(a) : 0,
		 a ? (const char *)mnl_attr_get_payload(a) : "");
}

static int on_serial(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr[MH_ATTR_MAX + 1];

	collect(nlh, attr);
	*(__s32 *)ctx = (__s32)number(attr[MH_ATTR_SERIAL]);
	return MNL_CB_OK;
}

int mht_netlink_join(__s32 pending, const __u8 region_id[32], const void *bundle, size_t n,
		     const __u8 *code, __s32 *serial)
{
	struct mh_genl *g;
	struct nlmsghdr *nlh;
	int ret = n > 60000 ? -EFBIG : mh_genl_open(&g, MH_GENL_NAME, NULL);

	if (ret)
		return ret;
	nlh = mh_genl_begin(g, MH_CMD_JOIN, NLM_F_ACK);
	mnl_attr_put_u32(nlh, MH_ATTR_SERIAL, (__u32)pending);
	mnl_attr_put(nlh, MH_ATTR_REGION_ID, 32, region_id);
	mnl_attr_put(nlh, MH_ATTR_BUNDLE, n, bundle);
	if (code)
		mnl_attr_put(nlh, MH_ATTR_CODE, MH_JOIN_CODE_LEN, code);
	ret = mh_genl_call(g, nlh, on_serial, serial);
	mh_genl_close(g);
	return ret;
}

int mht_netlink_statement(const __u8 region_id[32], const void *statement, size_t n)
{
	struct mh_genl *g;
	struct nlmsghdr *nlh;
	int ret = n > 16384 ? -EFBIG : mh_genl_open(&g, MH_GENL_NAME, NULL);

	if (ret)
		return ret;
	nlh = mh_genl_begin(g, MH_CMD_STATEMENT, NLM_F_ACK);
	mnl_attr_put(nlh, MH_ATTR_REGION_ID, 32, region_id);
	mnl_attr_put(nlh, MH_ATTR_STATEMENT, n, statement);
	ret = mh_genl_call(g, nlh, NULL, NULL);
	mh_genl_close(g);
	return ret;
}

struct each {
	void (*entry)(const struct mht_entry *e, void *ctx);
	void (*event)(__u32 kind, const char *region, const char *name, __u64 n, void *ctx);
	void *ctx;
};

static int on_identity(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr[MH_ATTR_MAX + 1];
	const struct each *each = ctx;
	struct mht_entry e = { 0 };

	collect(nlh, attr);
	e.serial = (__s32)number(attr[MH_ATTR_SERIAL]);
	text(e.region, sizeof(e.region), attr[MH_ATTR_REGION]);
	text(e.name, sizeof(e.name), attr[MH_ATTR_NAME]);
	if (attr[MH_ATTR_REGION_ID] && mnl_attr_get_payload_len(attr[MH_ATTR_REGION_ID]) == 32)
		memcpy(e.region_id, mnl_attr_get_payload(attr[MH_ATTR_REGION_ID]), 32);
	e.anchor = number(attr[MH_ATTR_ANCHOR_SERIAL]);
	e.epoch = number(attr[MH_ATTR_EPOCH_NUMBER]);
	e.epoch_until = number(attr[MH_ATTR_EPOCH_UNTIL]);
	e.sessions = (__u32)number(attr[MH_ATTR_SESSIONS]);
	e.flags = (__u32)number(attr[MH_ATTR_FLAGS]);
	each->entry(&e, each->ctx);
	return MNL_CB_OK;
}

int mht_identities(struct mht *t, void (*entry)(const struct mht_entry *e, void *ctx), void *ctx)
{
	struct each each = { .entry = entry, .ctx = ctx };
	struct mh_genl *g;
	int ret = mh_genl_open(&g, MH_GENL_NAME, NULL);

	(void)t;
	if (!ret) {
		ret = mh_genl_call(g, mh_genl_begin(g, MH_CMD_IDENTITIES, NLM_F_DUMP), on_identity,
				   &each);
		mh_genl_close(g);
	}
	if (ret == -ENOENT)
		return mht_no_module();
	return ret ? mht_tell(-ret, "asking the module for its identities") : 0;
}

static int on_event(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr[MH_ATTR_MAX + 1];
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	char region[MH_UNAME_MAX], name[MH_UDATASET_MAX];
	const struct each *each = ctx;

	if (genl->cmd != MH_CMD_EVENT)
		return MNL_CB_OK;
	collect(nlh, attr);
	text(region, sizeof(region), attr[MH_ATTR_REGION]);
	text(name, sizeof(name), attr[MH_ATTR_NAME]);
	each->event((__u32)number(attr[MH_ATTR_EVENT_KIND]), region, name,
		    number(attr[MH_ATTR_NUMBER]), each->ctx);
	return MNL_CB_OK;
}

int mht_netlink_events(void (*event)(__u32 kind, const char *region, const char *name, __u64 n,
				     void *ctx),
		       void *ctx)
{
	struct each each = { .event = event, .ctx = ctx };
	struct mh_genl *g;
	int ret = mh_genl_open(&g, MH_GENL_NAME, MH_GENL_MCGRP);

	if (ret)
		return ret;
	if (mnl_socket_setsockopt(g->nl, NETLINK_ADD_MEMBERSHIP, &g->group, sizeof(g->group)) < 0)
		ret = -errno;
	while (!ret) {
		ssize_t n = mnl_socket_recvfrom(g->nl, g->buf, sizeof(g->buf));

		if (n < 0 && errno == ENOBUFS) {
			fprintf(stderr, "microhsm: events were lost: they came faster than they "
					"were read\n");
			continue;
		}
		if (n < 0 || mnl_cb_run(g->buf, (size_t)n, 0, 0, on_event, &each) < 0)
			ret = -errno;
	}
	mh_genl_close(g);
	return ret;
}

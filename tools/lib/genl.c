// SPDX-License-Identifier: MIT
/* Generic netlink over libmnl; see genl.h. */
#include "genl.h"
#include "core/crypto.h"

#include <linux/genetlink.h>
#include <stdlib.h>
#include <time.h>

struct nlmsghdr *mh_genl_begin(struct mh_genl *g, u8 cmd, u16 flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(g->buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = g->family;
	nlh->nlmsg_flags = (u16)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++g->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

int mh_genl_call(struct mh_genl *g, struct nlmsghdr *nlh, mnl_cb_t cb, void *ctx)
{
	u32 seq = nlh->nlmsg_seq, port = mnl_socket_get_portid(g->nl);
	ssize_t n;
	int ret;

	if (mnl_socket_sendto(g->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(g->nl, g->buf, sizeof(g->buf));
		if (n < 0)
			return -errno;
		errno = 0;
		ret = mnl_cb_run(g->buf, (size_t)n, seq, port, cb, ctx);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}

static int one_group(const struct nlattr *attr, const char *name, u32 *id)
{
	const struct nlattr *a;
	const char *found = NULL;
	u32 number = 0;

	mnl_attr_for_each_nested(a, attr) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME)
			found = mnl_attr_get_str(a);
		else if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
			number = mnl_attr_get_u32(a);
	}
	if (found && !strcmp(found, name))
		*id = number;
	return MNL_CB_OK;
}

struct lookup {
	u16 family;
	const char *group;
	u32 id;
};

static int on_family(const struct nlmsghdr *nlh, void *ctx)
{
	struct lookup *l = ctx;
	const struct nlattr *attr, *group;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			l->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS && l->group)
			mnl_attr_for_each_nested(group, attr)
				one_group(group, l->group, &l->id);
	}
	return MNL_CB_OK;
}

int mh_genl_open(struct mh_genl **g, const char *family, const char *group)
{
	struct mh_genl *n = calloc(1, sizeof(*n));
	struct lookup l = { .group = group };
	struct nlmsghdr *nlh;
	int ret;

	if (!n)
		return -ENOMEM;
	n->seq = (u32)time(NULL);
	n->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!n->nl || mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		mh_genl_close(n);
		return ret;
	}
	n->family = GENL_ID_CTRL;
	nlh = mh_genl_begin(n, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, family);
	ret = mh_genl_call(n, nlh, on_family, &l);
	if (!ret && group && !l.id)
		ret = -ENOENT;
	if (ret) {
		mh_genl_close(n);
		return ret;
	}
	n->family = l.family;
	n->group = l.id;
	*g = n;
	return 0;
}

void mh_genl_close(struct mh_genl *g)
{
	if (g && g->nl)
		mnl_socket_close(g->nl);
	if (g)
		mh_wipe(g->buf, sizeof(g->buf));	/* a join's has the code */
	free(g);
}

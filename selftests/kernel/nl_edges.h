/* SPDX-License-Identifier: MIT */
/*
 * A generic netlink message that is wrong in one place, for each place there is: which attributes
 * a command takes, of what kind and length, is what the kernel itself says (CTRL_CMD_GETPOLICY).
 */
#ifndef MH_NL_EDGES_H
#define MH_NL_EDGES_H

#include <stdio.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include "lib/genl.h"

#define NL_TYPES	64
#define NL_EDGE_BYTES	66000

struct nl_policy {
	u32 kind, min, max;	/* NL_ATTR_TYPE_*, lengths; kind 0: not the command's */
};

struct nl_edges {
	struct mh_genl *g;
	const char *name;
	struct nl_policy policy[NL_TYPES];
	u8 base[NL_EDGE_BYTES];		/* the message as it was given */
	u8 made[NL_EDGE_BYTES + 1024];	/* and wrong */
};

static inline int nl_number(u32 kind)
{
	return kind == NL_ATTR_TYPE_S32 || kind == NL_ATTR_TYPE_U32;
}

/* One attribute's { type, lengths }, into the command's table */
static inline void nl_take(struct nl_edges *e, const struct nlattr *one)
{
	struct nl_policy p = { .max = 65000 };
	u16 type = mnl_attr_get_type(one);
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, one) {
		if (mnl_attr_get_type(a) == NL_POLICY_TYPE_ATTR_TYPE)
			p.kind = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == NL_POLICY_TYPE_ATTR_MIN_LENGTH)
			p.min = mnl_attr_get_u32(a);
		else if (mnl_attr_get_type(a) == NL_POLICY_TYPE_ATTR_MAX_LENGTH)
			p.max = mnl_attr_get_u32(a);
	}
	if (nl_number(p.kind)) {
		p.min = 4;
		p.max = 4;
	}
	if (type < NL_TYPES)
		e->policy[type] = p;
}

static inline int nl_on_policy(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlattr *attr, *policy, *one;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_POLICY)
			mnl_attr_for_each_nested(policy, attr)
				mnl_attr_for_each_nested(one, policy)
					nl_take(ctx, one);
	return MNL_CB_OK;
}

static inline int nl_policy_of(struct nl_edges *e, u8 cmd)
{
	u16 family = e->g->family;
	struct nlmsghdr *nlh;
	int ret;

	e->g->family = GENL_ID_CTRL;
	nlh = mh_genl_begin(e->g, CTRL_CMD_GETPOLICY, NLM_F_DUMP);
	e->g->family = family;
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, family);
	mnl_attr_put_u32(nlh, CTRL_ATTR_OP, cmd);
	ret = mh_genl_call(e->g, nlh, nl_on_policy, e);
	return ret == -ENODATA ? 0 : ret;	/* a command that takes no attribute */
}

/* ---- what is wrong ---- */

/* A copy of the base to be spoilt; of the attributes, those whose type is not `without`. */
static inline struct nlmsghdr *nl_copy(struct nl_edges *e, u16 without)
{
	const struct nlmsghdr *base = (const struct nlmsghdr *)e->base;
	struct nlmsghdr *nlh = (struct nlmsghdr *)e->made;
	const struct nlattr *a;

	memset(e->made, 0, sizeof(e->made));
	memcpy(nlh, base, MNL_NLMSG_HDRLEN + sizeof(struct genlmsghdr));
	nlh->nlmsg_len = MNL_NLMSG_HDRLEN + sizeof(struct genlmsghdr);
	mnl_attr_for_each(a, base, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) != without)
			mnl_attr_put(nlh, a->nla_type, mnl_attr_get_payload_len(a),
				     mnl_attr_get_payload(a));
	return nlh;
}

static inline void nl_try(struct nl_edges *e, struct nlmsghdr *nlh, const char *wrong, long where)
{
	int ret;

	nlh->nlmsg_seq = ++e->g->seq;
	ret = mh_genl_call(e->g, nlh, NULL, NULL);
	printf("%s %s %ld %s\n", e->name, wrong, where, ret ? strerrorname_np(-ret) : "ok");
}

static inline struct nlattr *nl_add(struct nlmsghdr *nlh, u16 type, size_t len)
{
	static const u8 zeros[NL_EDGE_BYTES];
	struct nlattr *a = mnl_nlmsg_get_payload_tail(nlh);

	mnl_attr_put(nlh, type, len, zeros);
	return a;
}

/* The base with one more attribute, unless that is more than a message holds */
static inline void nl_with(struct nl_edges *e, u16 without, u16 type, size_t len, const char *wrong)
{
	struct nlmsghdr *nlh = nl_copy(e, without);

	if (nlh->nlmsg_len + len + 8 > 65536)
		return;
	nl_add(nlh, type, len);
	nl_try(e, nlh, wrong, type & NLA_TYPE_MASK);
}

static inline void nl_lengths(struct nl_edges *e, u16 type)
{
	const struct nl_policy *p = &e->policy[type];
	const u32 len[] = { 0, 1, p->min - 1, p->min, p->min + 1, p->max - 1, p->max, p->max + 1,
			    2 * p->max };

	for (size_t i = 0; i < ARRAY_SIZE(len); i++)
		nl_with(e, type, type, len[i], len[i] < p->min ? "short" :
					       len[i] > p->max ? "long" : "length");
}

static inline void nl_values(struct nl_edges *e, u16 type)
{
	static const u32 value[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(value) && nl_number(e->policy[type].kind); i++) {
		struct nlmsghdr *nlh = nl_copy(e, type);

		mnl_attr_put_u32(nlh, type, value[i]);
		nl_try(e, nlh, "value", type);
	}
}

/* The attribute's own header: its length, its flags, twice, first in the message */
static inline void nl_attribute(struct nl_edges *e, u16 type)
{
	const struct nl_policy *p = &e->policy[type];
	size_t good = p->min ? p->min : 200;
	static const u16 lies[] = { 0, 1, 3, 0xffff };
	struct nlmsghdr *nlh;

	nl_try(e, nl_copy(e, type), "absent", type);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		nlh = nl_copy(e, type);
		nl_add(nlh, type, good)->nla_len = lies[i];
		nl_try(e, nlh, "lies", type);
	}
	nl_with(e, type, type | NLA_F_NESTED, good, "nested");
	nl_with(e, type, type | NLA_F_NET_BYTEORDER, good, "byteorder");
	nl_with(e, 0, type, good, "doubled");
	nl_with(e, 0, type, p->max + 1, "doubled_long");
}

static inline void nl_message(struct nl_edges *e)
{
	struct nlmsghdr *nlh;

	for (u16 n = 1; n < 4; n++) {
		nlh = nl_copy(e, 0);
		nlh->nlmsg_len += n;
		nl_try(e, nlh, "trailing", n);
	}
	for (u32 n = 0; n < sizeof(struct genlmsghdr); n++) {
		nlh = nl_copy(e, 0);
		nlh->nlmsg_len = MNL_NLMSG_HDRLEN + n;
		nl_try(e, nlh, "headless", n);
	}
	nlh = nl_copy(e, 0);
	((struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->reserved = 1;
	nl_try(e, nlh, "reserved", 1);
	nlh = nl_copy(e, 0);
	nlh->nlmsg_flags ^= NLM_F_DUMP;
	nl_try(e, nlh, "dump", 0);
	for (u32 type = 0; type < NL_TYPES; type++)
		if (!e->policy[type].kind)
			nl_with(e, 0, (u16)type, 4, "unknown");
}

/* Each edge of this message; prints COMMAND WHAT WHERE OUTCOME.  0, or 1 when nothing was tried */
static inline int nl_edges(struct mh_genl *g, const char *name, const struct nlmsghdr *base)
{
	static struct nl_edges e;
	u8 cmd = ((struct genlmsghdr *)mnl_nlmsg_get_payload(base))->cmd;
	int ret;

	e.g = g;
	e.name = name;
	memcpy(e.base, base, base->nlmsg_len);
	ret = nl_policy_of(&e, cmd);
	if (ret) {
		fprintf(stderr, "nlc: no policy: %s\n", strerror(-ret));
		return 1;
	}
	nl_try(&e, nl_copy(&e, 0), "base", 0);
	for (u16 type = 1; type < NL_TYPES; type++)
		if (e.policy[type].kind) {
			nl_lengths(&e, type);
			nl_values(&e, type);
			nl_attribute(&e, type);
		}
	nl_message(&e);
	return 0;
}

#endif

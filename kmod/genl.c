// SPDX-License-Identifier: GPL-2.0-only
/* Generic netlink: public signed statements in, identities out, events. */
#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include "audit.h"
#include "genl.h"
#include "join.h"
#include "keytype.h"
#include "session.h"
#include "trust.h"

#define MH_PUSH_SIGNATURES	64

enum { MH_GRP_EVENTS };

static struct genl_family mh_genl_family;

static const struct nla_policy mh_join_policy[MH_ATTR_CODE + 1] = {
	[MH_ATTR_SERIAL] = { .type = NLA_S32 },
	[MH_ATTR_REGION_ID] = NLA_POLICY_EXACT_LEN(32),
	[MH_ATTR_BUNDLE] = { .type = NLA_BINARY, .len = 60000 },
	[MH_ATTR_CODE] = NLA_POLICY_EXACT_LEN(MH_JOIN_CODE_LEN),
};

static const struct nla_policy mh_statement_policy[MH_ATTR_STATEMENT + 1] = {
	[MH_ATTR_REGION_ID] = NLA_POLICY_EXACT_LEN(32),
	[MH_ATTR_STATEMENT] = { .type = NLA_BINARY, .len = 16384 },
};

static struct mh_buf mh_nla(const struct nlattr *a)
{
	return MH_BUF(nla_data(a), nla_len(a));
}

static int mh_genl_permit(struct sk_buff *skb, const char *what)
{
	/* opener and caller, both in the initial user namespace; CAP_NET_ADMIN is no right here */
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	mh_audit("refuse", what, false);
	return -EPERM;
}

static int mh_genl_join(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *code = info->attrs[MH_ATTR_CODE];
	int ret = mh_genl_permit(skb, "join");
	struct sk_buff *msg;
	void *hdr;

	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, MH_ATTR_SERIAL) ||
	    GENL_REQ_ATTR_CHECK(info, MH_ATTR_REGION_ID) ||
	    GENL_REQ_ATTR_CHECK(info, MH_ATTR_BUNDLE))
		return -EINVAL;
	/* the answer first: one that could not be given would look like a join that failed */
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	hdr = msg ? genlmsg_put_reply(msg, info, &mh_genl_family, 0, MH_CMD_JOIN) : NULL;
	ret = !hdr ? -ENOMEM :
	      mh_join(nla_get_s32(info->attrs[MH_ATTR_SERIAL]),
		      nla_data(info->attrs[MH_ATTR_REGION_ID]),
		      mh_nla(info->attrs[MH_ATTR_BUNDLE]),
		      code ? mh_nla(code) : MH_BUF(NULL, 0));
	if (code)	/* this skb is nobody else's, and ours to wipe */
		memzero_explicit(nla_data(code), MH_JOIN_CODE_LEN);
	if (ret >= 0 && nla_put_s32(msg, MH_ATTR_SERIAL, ret))
		ret = -EMSGSIZE;
	if (ret < 0) {
		nlmsg_free(msg);
		return ret;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int mh_genl_statement(struct sk_buff *skb, struct genl_info *info)
{
	u32 budget = MH_PUSH_SIGNATURES;
	struct mh_identity *id;
	int ret = mh_genl_permit(skb, "statement");

	if (ret)
		return ret;
	if (GENL_REQ_ATTR_CHECK(info, MH_ATTR_REGION_ID) ||
	    GENL_REQ_ATTR_CHECK(info, MH_ATTR_STATEMENT))
		return -EINVAL;
	id = mh_identity_find_id(nla_data(info->attrs[MH_ATTR_REGION_ID]));
	if (!id)
		return -ENOKEY;
	ret = mh_trust_push(id, mh_nla(info->attrs[MH_ATTR_STATEMENT]), &budget);
	mh_identity_put(id);
	return ret;
}

/* ---- dump ---- */

struct mh_show {
	u8 region_id[32];
	u64 anchor, epoch, until;
	u32 sessions, flags;
};

static void mh_show_trust(struct mh_show *s, struct mh_trust *t)
{
	mutex_lock(&t->lock);
	memcpy(s->region_id, t->region, 32);
	if (t->anchors)
		s->anchor = t->anchor[t->anchors - 1]->s.serial;
	if (t->epoch) {
		s->epoch = mh_stmt_num(&t->epoch->s, MH_A_EPOCH_NUMBER);
		s->until = t->epoch_until;
	}
	s->flags = (t->revoked ? 1 : 0) | (t->suspended > mh_trust_time(t) ? 2 : 0);
	mutex_unlock(&t->lock);
}

static int mh_genl_put_identity(struct sk_buff *skb, struct netlink_callback *cb,
				struct mh_identity *id)
{
	bool joined = smp_load_acquire(&id->joined);	/* then trust and region stay */
	struct mh_show s = {};
	void *hdr;

	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &mh_genl_family,
			  NLM_F_MULTI, MH_CMD_IDENTITIES);
	if (!hdr)
		return -EMSGSIZE;
	if (joined)
		mh_show_trust(&s, id->trust);
	s.sessions = READ_ONCE(id->session) ? 1 : 0;
	if (nla_put_s32(skb, MH_ATTR_SERIAL, READ_ONCE(id->serial)) ||
	    nla_put_string(skb, MH_ATTR_NAME, id->name) ||
	    (joined && (nla_put_string(skb, MH_ATTR_REGION, id->region) ||
			nla_put(skb, MH_ATTR_REGION_ID, 32, s.region_id) ||
			nla_put_u64_64bit(skb, MH_ATTR_ANCHOR_SERIAL, s.anchor, MH_ATTR_PAD) ||
			nla_put_u64_64bit(skb, MH_ATTR_EPOCH_NUMBER, s.epoch, MH_ATTR_PAD) ||
			nla_put_u64_64bit(skb, MH_ATTR_EPOCH_UNTIL, s.until, MH_ATTR_PAD))) ||
	    nla_put_u32(skb, MH_ATTR_SESSIONS, s.sessions) ||
	    nla_put_u32(skb, MH_ATTR_FLAGS, s.flags)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Here and not in the dump, whose errno many readers of its end pass over. */
static int mh_genl_identities_start(struct netlink_callback *cb)
{
	return mh_genl_permit(cb->skb, "identities");
}

static int mh_genl_identities(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mh_identity *id = NULL;
	long i = 0;

	while ((id = mh_identity_next(id))) {
		if (i++ < cb->args[0])
			continue;
		if (mh_genl_put_identity(skb, cb, id)) {
			mh_identity_put(id);
			return skb->len ?: -EMSGSIZE;
		}
		cb->args[0] = i;
	}
	return skb->len;
}

/* ---- the family ---- */

static const struct genl_ops mh_genl_ops[] = {
	{
		.cmd = MH_CMD_JOIN, .doit = mh_genl_join,
		.policy = mh_join_policy, .maxattr = ARRAY_SIZE(mh_join_policy) - 1,
	}, {
		.cmd = MH_CMD_STATEMENT, .doit = mh_genl_statement,
		.policy = mh_statement_policy, .maxattr = ARRAY_SIZE(mh_statement_policy) - 1,
	}, {
		.cmd = MH_CMD_IDENTITIES, .start = mh_genl_identities_start,
		.dumpit = mh_genl_identities,
	},
};

static const struct genl_multicast_group mh_genl_groups[] = {
	[MH_GRP_EVENTS] = { .name = MH_GENL_MCGRP, .flags = GENL_MCAST_CAP_SYS_ADMIN },
};

static struct genl_family mh_genl_family __ro_after_init = {
	.name = MH_GENL_NAME,
	.version = MH_GENL_VERSION,
	.maxattr = MH_ATTR_MAX,
	.netnsok = false,
	.module = THIS_MODULE,
	.ops = mh_genl_ops,
	.n_ops = ARRAY_SIZE(mh_genl_ops),
	.mcgrps = mh_genl_groups,
	.n_mcgrps = ARRAY_SIZE(mh_genl_groups),
	.parallel_ops = true,
};

static bool mh_genl_up;	/* events come from timers and works that outlive the family */

void mh_event(u32 kind, const char *region, const char *name, u64 number)
{
	struct sk_buff *msg;
	void *hdr;

	if (!READ_ONCE(mh_genl_up) ||
	    !genl_has_listeners(&mh_genl_family, &init_net, MH_GRP_EVENTS))
		return;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &mh_genl_family, 0, MH_CMD_EVENT);
	if (!hdr || nla_put_u32(msg, MH_ATTR_EVENT_KIND, kind) ||
	    nla_put_string(msg, MH_ATTR_REGION, region) ||
	    nla_put_string(msg, MH_ATTR_NAME, name) ||
	    nla_put_u64_64bit(msg, MH_ATTR_NUMBER, number, MH_ATTR_PAD)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	/* a listener that left meanwhile is no error of ours */
	genlmsg_multicast(&mh_genl_family, msg, 0, MH_GRP_EVENTS, GFP_KERNEL);
}

int mh_genl_init(void)
{
	int ret = genl_register_family(&mh_genl_family);

	if (!ret)
		WRITE_ONCE(mh_genl_up, true);
	return ret;
}

void mh_genl_exit(void)
{
	WRITE_ONCE(mh_genl_up, false);
	genl_unregister_family(&mh_genl_family);
}

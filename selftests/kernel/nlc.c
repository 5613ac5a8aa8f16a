// SPDX-License-Identifier: MIT
/*
 * Generic netlink to the module with any attributes, by any caller.
 *
 *	nlc [WHO]... COMMAND [TYPE=VALUE]...
 *
 * WHO: uid=N; net_admin (root with that capability alone); passed (opened by root, used by a
 * user); netns, userns (a new one of its own); each done in this order.  COMMAND: join,
 * statement, identities, event, a number, or listen (to the group of events).  A VALUE is
 * 0xHEX bytes, sN a number of 32 bits, @N that many zero bytes, or =FILE.  Prints ok or the
 * errno's name.   nlc fuzz SEED CALLS SECONDS: random messages.   nlc edges COMMAND TYPE=VALUE...:
 * that message wrong in one place, for each place that the command's policy in the kernel has;
 * a line for each: what is wrong, and how it ended.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/microhsm.h>
#include "lib/genl.h"
#include "nl_edges.h"

static struct mh_genl *genl;

static int fail(const char *what)
{
	fprintf(stderr, "nlc: %s?\n", what);
	exit(2);
}

static void say(int ret)
{
	puts(ret ? strerrorname_np(ret < 0 ? -ret : ret) : "ok");
}

static int only_net_admin(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	d[0].effective = 1u << CAP_NET_ADMIN;
	d[0].permitted = d[0].effective;
	return (int)syscall(SYS_capset, &h, d);
}

static int become(uid_t uid)
{
	return setgroups(0, NULL) || setgid(uid) || setuid(uid);
}

/* Whether it was one of WHO; the family is found where it can be, before the namespaces. */
static int who(const char *v)
{
	int ret;

	if (!strncmp(v, "uid=", 4)) {
		ret = become((uid_t)atoi(v + 4));
	} else if (!strcmp(v, "net_admin")) {
		ret = only_net_admin();
	} else if (!strcmp(v, "passed")) {
		ret = mh_genl_open(&genl, MH_GENL_NAME, MH_GENL_MCGRP) || become(1000);
	} else if (!strcmp(v, "netns") || !strcmp(v, "userns")) {
		struct mh_genl *before = NULL;
		u16 family;

		ret = mh_genl_open(&before, MH_GENL_NAME, MH_GENL_MCGRP);
		if (ret)
			return fail("the family");
		family = before->family;
		mh_genl_close(before);
		ret = unshare(*v == 'n' ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET);
		/* by its number, from where its name is not known */
		if (!ret)
			ret = mh_genl_open(&genl, "nlctrl", NULL);
		if (!ret)
			genl->family = family;
	} else {
		return 0;
	}
	if (ret)
		fail(v);
	return 1;
}

static void put(struct nlmsghdr *nlh, u16 type, const char *v)
{
	static unsigned char buf[70000];
	size_t n = 0;
	FILE *f;

	if (*v == 's') {
		mnl_attr_put_u32(nlh, type, (u32)strtol(v + 1, NULL, 0));
		return;
	}
	if (*v == '@') {
		n = strtoul(v + 1, NULL, 0);
		memset(buf, 0, n);
	} else if (*v == '=') {
		f = fopen(v + 1, "rb");
		if (!f)
			fail(v);
		n = fread(buf, 1, sizeof(buf), f);
		fclose(f);
	} else {
		for (v += 2; v[0] && v[1]; v += 2) {
			char two[3] = { v[0], v[1], 0 };

			buf[n++] = (unsigned char)strtoul(two, NULL, 16);
		}
	}
	if (n > 65000)
		fail("that long");
	mnl_attr_put(nlh, type, n, buf);
}

static u8 command(const char *name, u16 *flags)
{
	static const struct {
		const char *name;
		u8 cmd;
		u16 flags;
	} cmds[] = {
		{ "join", MH_CMD_JOIN, NLM_F_ACK }, { "statement", MH_CMD_STATEMENT, NLM_F_ACK },
		{ "identities", MH_CMD_IDENTITIES, NLM_F_DUMP },
		{ "event", MH_CMD_EVENT, NLM_F_ACK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		if (!strcmp(cmds[i].name, name)) {
			*flags = cmds[i].flags;
			return cmds[i].cmd;
		}
	*flags = NLM_F_ACK;
	return (u8)strtoul(name, NULL, 0);
}

static struct nlmsghdr *make_one(const char *name, char **attrs)
{
	u16 flags;
	u8 cmd = command(name, &flags);
	struct nlmsghdr *nlh = mh_genl_begin(genl, cmd, flags);

	for (; *attrs; attrs++) {
		char *v = strchr(*attrs, '=');

		if (!v)
			fail(*attrs);
		put(nlh, (u16)strtoul(*attrs, NULL, 0), v + 1);
	}
	return nlh;
}

/* By the option, and at bind: both doors of netlink */
static int listen_to(void)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	int one, two;

	one = mnl_socket_setsockopt(genl->nl, NETLINK_ADD_MEMBERSHIP, &genl->group,
				    sizeof(genl->group)) < 0 ? errno : 0;
	two = mnl_socket_bind(nl, 1u << (genl->group - 1), MNL_SOCKET_AUTOPID) < 0 ? errno : 0;
	if (one != two && genl->group <= 32)
		printf("bind: %s, ", two ? strerrorname_np(two) : "ok");
	return -one;
}

static u64 draw(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Attributes whose lengths lie now and then, in messages of which some do */
static void any_message(u64 *s, struct nlmsghdr *nlh)
{
	size_t n = draw(s) % 8;

	while (n--) {
		u16 type = (u16)(draw(s) % (MH_ATTR_MAX + 3));
		size_t len = draw(s) % 4 ? draw(s) % 40 : draw(s) % 3000;
		struct nlattr *a = mnl_nlmsg_get_payload_tail(nlh);
		static unsigned char bytes[3000];

		for (size_t i = 0; i < len; i += 8) {
			u64 v = draw(s);

			memcpy(bytes + i, &v, len - i < 8 ? len - i : 8);
		}
		if (draw(s) % 3 == 0)
			len = 32;
		mnl_attr_put(nlh, type, len, bytes);
		if (draw(s) % 8 == 0)
			a->nla_len = (u16)draw(s);
		if (draw(s) % 8 == 0)
			a->nla_type |= NLA_F_NESTED;
	}
}

static int fuzz(u64 seed, unsigned long most, time_t seconds)
{
	time_t until = time(NULL) + seconds;
	unsigned long counts[200] = { 0 };
	u64 s = seed + 88172645463325252ull;

	for (unsigned long i = 0; i < most && time(NULL) < until; i++) {
		struct nlmsghdr *nlh = mh_genl_begin(genl, (u8)(draw(&s) % (MH_CMD_EVENT + 2)),
						     NLM_F_ACK);
		int ret;

		any_message(&s, nlh);
		if (draw(&s) % 16 == 0)
			nlh->nlmsg_flags |= NLM_F_DUMP;
		ret = mh_genl_call(genl, nlh, NULL, NULL);
		counts[ret ? -ret : 0]++;
	}
	for (int i = 0; i < 200; i++)
		if (counts[i])
			printf("%s=%lu ", i ? strerrorname_np(i) : "ok", counts[i]);
	return puts("") < 0;
}

int main(int argc, char **argv)
{
	int i = 1, ret;

	while (i < argc && who(argv[i]))
		i++;
	if (i == argc)
		fail("what");
	if (!genl) {
		ret = mh_genl_open(&genl, MH_GENL_NAME, MH_GENL_MCGRP);
		if (ret) {
			printf("family: ");
			say(ret);
			return 1;
		}
	}
	if (!strcmp(argv[i], "fuzz") && i + 3 < argc)
		return fuzz(strtoull(argv[i + 1], NULL, 0), strtoul(argv[i + 2], NULL, 0),
			    atol(argv[i + 3]));
	if (!strcmp(argv[i], "edges") && i + 1 < argc)
		return nl_edges(genl, argv[i + 1], make_one(argv[i + 1], argv + i + 2));
	if (!strcmp(argv[i], "listen"))
		ret = listen_to();
	else
		ret = mh_genl_call(genl, make_one(argv[i], argv + i + 1), NULL, NULL);
	say(ret);
	return ret != 0;
}

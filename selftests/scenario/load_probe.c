// SPDX-License-Identifier: MIT
/* What R01 asks of the module from outside: names of its known answers, its netlink family. */
#include <stdio.h>
#include <string.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <linux/microhsm.h>

#include "core/kat.h"
#include "core/vectors/own.h"
#include "core/vectors/public.h"

/* Those of the tables, and the one that the module alone can make. */
static int names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mh_kats); i++)
		printf("%s\n", mh_kats[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(mh_own_kats); i++)
		printf("%s\n", mh_own_kats[i].name);
	printf("rfc6979-sign\n");
	return 0;
}

/* 0 and what the controller says of it; 1: there is none */
static int tell_family(void)
{
	struct nl_sock *s = nl_socket_alloc();
	int ret = s ? genl_connect(s) : -1, group;

	if (ret) {
		fprintf(stderr, "load_probe: no netlink\n");
		return 2;
	}
	ret = genl_ctrl_resolve(s, MH_GENL_NAME);
	group = genl_ctrl_resolve_grp(s, MH_GENL_NAME, MH_GENL_MCGRP);
	printf("family %s, group %s\n", ret > 0 ? "there" : "absent",
	       group > 0 ? "there" : "absent");
	nl_socket_free(s);
	return ret > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "names"))
		return names();
	if (argc == 2 && !strcmp(argv[1], "family"))
		return tell_family();
	fprintf(stderr, "usage: load_probe names|family\n");
	return 2;
}

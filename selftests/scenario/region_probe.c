// SPDX-License-Identifier: MIT
/*
 * What R07 hands the kernel past the tools: statements and bundles of one Region for
 * another.  Prints "ok" or the errno's name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/microhsm.h>

#include "core/messages.h"
#include "lib/genl.h"
#include "lib/util.h"

static int say(int ret)
{
	return printf("%s\n", ret ? strerrorname_np(-ret) : "ok") < 0;
}

/* serial 0: a STATEMENT, else a JOIN of that pending identity */
static int hand_over(const char *region, const char *path, unsigned int serial)
{
	struct mh_bytes b = { 0 };
	struct mh_genl *g = NULL;
	struct nlmsghdr *nlh;
	u8 id[32];
	int ret = mh_unhex(id, sizeof(id), region);

	if (!ret)
		ret = mh_file_read(path, 60000, &b);
	if (!ret)
		ret = mh_genl_open(&g, MH_GENL_NAME, NULL);
	if (ret) {
		fprintf(stderr, "region_probe: %s: %s\n", path, strerror(-ret));
		return 2;
	}
	nlh = mh_genl_begin(g, serial ? MH_CMD_JOIN : MH_CMD_STATEMENT, NLM_F_ACK);
	if (serial)
		mnl_attr_put_u32(nlh, MH_ATTR_SERIAL, serial);
	mnl_attr_put(nlh, MH_ATTR_REGION_ID, sizeof(id), id);
	mnl_attr_put(nlh, serial ? MH_ATTR_BUNDLE : MH_ATTR_STATEMENT, b.n, b.p);
	ret = mh_genl_call(g, nlh, NULL, NULL);
	mh_genl_close(g);
	mh_bytes_free(&b);
	return say(ret);
}

/* mix A B PART OUT: bundle A with that part of bundle B */
static int mix(char **v)
{
	struct mh_bytes in[2] = { 0 };
	static u8 out[MH_BUNDLE_MAX];
	struct mh_bundle a, b;
	int n;

	for (int i = 0; i < 2; i++)
		if (mh_armour_read(v[i], "JOIN BUNDLE", MH_BUNDLE_MAX, &in[i]))
			return 2;
	if (mh_bundle_decode(&a, mh_bytes_buf(&in[0])) ||
	    mh_bundle_decode(&b, mh_bytes_buf(&in[1])))
		return 2;
	if (!strcmp(v[2], "anchors")) {
		a.anchors = b.anchors;
		a.anchor_bytes = b.anchor_bytes;
	} else if (!strcmp(v[2], "entity")) {
		a.entity = b.entity;
	} else if (!strcmp(v[2], "delegations")) {
		a.delegations = b.delegations;
		memcpy(a.delegation, b.delegation, sizeof(a.delegation));
	} else if (!strcmp(v[2], "epoch")) {
		a.epoch = b.epoch;
	} else if (strcmp(v[2], "nothing")) {
		return 2;
	}
	n = mh_bundle_encode(&a, out, sizeof(out));
	n = n < 0 ? n : mh_file_write(v[3], out, (size_t)n, 0600);
	mh_bytes_free(&in[0]);
	mh_bytes_free(&in[1]);
	return n ? 2 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "statement"))
		return hand_over(argv[2], argv[3], 0);
	if (argc == 5 && !strcmp(argv[1], "join"))
		return hand_over(argv[3], argv[4], (unsigned int)strtoul(argv[2], NULL, 10));
	if (argc == 6 && !strcmp(argv[1], "mix"))
		return mix(argv + 2);
	fprintf(stderr, "usage: region_probe statement REGION FILE | join SERIAL REGION BUNDLE |\n"
			"       mix A B anchors|entity|delegations|epoch|nothing OUT\n");
	return 2;
}

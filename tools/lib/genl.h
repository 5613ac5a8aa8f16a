/* SPDX-License-Identifier: MIT */
/* Generic netlink over libmnl: find a family, send one command, read its answer. */
#ifndef MH_LIB_GENL_H
#define MH_LIB_GENL_H

#include <libmnl/libmnl.h>
#include "core/home.h"

struct mh_genl {
	struct mnl_socket *nl;
	u16 family;
	u32 group;		/* id of the multicast group asked for; 0 none */
	u32 seq;
	u8 buf[65536 + 4096];	/* the message being made, then the answers */
};

/* -ENOENT: no such family (the module is not loaded) */
int mh_genl_open(struct mh_genl **g, const char *family, const char *group);
void mh_genl_close(struct mh_genl *g);
/* A message in g->buf, to put attributes into */
struct nlmsghdr *mh_genl_begin(struct mh_genl *g, u8 cmd, u16 flags);
/* Send it; cb for each answer (may be NULL); 0 or -errno as the kernel gave it */
int mh_genl_call(struct mh_genl *g, struct nlmsghdr *nlh, mnl_cb_t cb, void *ctx);

#endif

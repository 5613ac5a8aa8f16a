/* SPDX-License-Identifier: MIT */
/* The admin socket inside: one connection, its request, its reply. */
#ifndef REPOSITORYD_ADMIN_H
#define REPOSITORYD_ADMIN_H

#include <event2/bufferevent.h>
#include <stdarg.h>
#include "lib/admin.h"
#include "repositoryd.h"

struct mh_admin {
	LIST_ENTRY(mh_admin) link;
	struct mh_daemon *daemon;
	struct bufferevent *bev;
	char who[32];		/* "uid N" */
	u8 nonce[32];		/* one, for READ_KEC */
	bool nonce_good;
	struct mh_bytes reply;	/* body that grows */
	size_t room;
	char why[512];		/* of a status other than OK */
};

/* Append to the reply. 0 or -ENOMEM, -EMSGSIZE */
int mh_admin_add(struct mh_admin *a, const void *p, size_t n);
int mh_admin_add_big(struct mh_admin *a, struct mh_buf b);	/* V(b) */
int mh_admin_add_v(struct mh_admin *a, struct mh_buf b);	/* v(b) */
int mh_admin_add_u64(struct mh_admin *a, u64 v);
/* Sets why; returns status, so that `return mh_admin_say(a, MH_ADMIN_X, ...)`. */
u8 mh_admin_say(struct mh_admin *a, u8 status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The store's errno as a status */
u8 mh_admin_store_failed(struct mh_admin *a, int err);

/* Handlers give a status; the table is in admin.c. */
u8 mh_admin_card(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_get(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_list(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_regions(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_anchors(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_trust(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_nonce(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_read_kec(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_audit(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_status_json(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_entitled(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_delegations(struct mh_admin *a, struct mh_buf body);
u8 mh_admin_submit(struct mh_admin *a, struct mh_buf body);

/* ---- a SUBMIT, admin_submit.c and admin_rules.c ---- */
struct mh_item {
	u8 type;
	bool done;
	bool stored;		/* a statement that was not there before */
	struct mh_buf b;
};

struct mh_submit {
	struct mh_admin *a;
	struct mh_item *item;
	u16 n;
	u8 region[8][32];	/* Regions touched */
	unsigned int regions;
	bool renew[8];		/* EPOCH is to be signed at once */
};

/* What only holds for its type, before it is stored: names that it names are there, owners own. */
u8 mh_admin_rules(struct mh_submit *s, const u8 region[32], const struct mh_stmt *st,
		  const struct mh_stmt *signer);
/* KEC, KE, DATA, WRAP: after all statements are in. */
u8 mh_admin_attach(struct mh_submit *s, const struct mh_item *item);
/* Nothing that a new statement needs is missing. */
u8 mh_admin_complete(struct mh_submit *s, const u8 region[32], const struct mh_stmt *st);
/* Region of a stored statement by its leaf; the statement. */
int mh_admin_find(struct mh_submit *s, const u8 leaf[32], u8 region[32], struct mh_bytes *out);

#endif

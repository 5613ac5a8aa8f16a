/* SPDX-License-Identifier: MIT */
/*
 * A small world for tests: a directory, a repositoryd in a child process (the
 * sanitized library, not the installed program), one officer, hosts.
 */
#ifndef UNIT_RD_WORLD_H
#define UNIT_RD_WORLD_H

#include <sys/types.h>
#include "lib/admin_client.h"
#include "lib/client.h"

struct rd_batch {
	u8 p[1 << 18];
	size_t n;
	u16 items;
};

struct rd_host {
	struct mh_client_identity id;
	u8 kes[MH_KEY_LEN];
	u8 kei_pub[MH_P256_PUB_LEN], kes_pub[MH_P256_PUB_LEN];
	u8 leaf[32];		/* of its ENTITY */
};

extern const char *rd_label;	/* of Regions made next; "eu" */
/* Called in the child that becomes repositoryd, if not NULL; it may become another program. */
extern void (*rd_exec)(char **argv);

struct rd_world {
	char dir[64], ini[96], socket[96], admin[96];
	u16 port;
	pid_t pid;
	int admin_fd;
	u8 officer[MH_KEY_LEN], officer_pub[MH_P256_PUB_LEN];
	u8 region[32], anchor_leaf[32];
	struct mh_bytes anchor;
	u8 card[MH_CARD_MAX];
	struct mh_card c;
	struct rd_batch batch;
	u8 policy_leaf[32];	/* one POLICY for all */
	bool has_policy;
	u8 kind;		/* of DataSets and Instances that are made next */
	u64 serial;		/* of REVOKEs and SUSPENDs */
	u8 instance[1024];	/* body of the INSTANCE made last */
	size_t instance_len;
};

void rd_setup(struct rd_world *w, const char *dir, const char *extra);	/* dir NULL: a new one */
void rd_teardown(struct rd_world *w);
void rd_fork(struct rd_world *w, const char *option);	/* starts it, and does not wait */
int rd_start(struct rd_world *w);	/* 0 once the admin socket answers, else the exit code */
int rd_start_with(struct rd_world *w, const char *option);	/* one more; NULL: none */
int rd_stop(struct rd_world *w, int sig);	/* wait status */
/* system(3) of what this formats, which succeeds */
void rd_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void rd_write_ini(struct rd_world *w, const char *extra);

void rd_item(struct rd_world *w, u8 type, struct mh_buf a, struct mh_buf b);
/* Signs by the officer, adds it to the batch. */
void rd_statement(struct rd_world *w, const struct mh_writer *body, u8 which, u8 leaf[32]);
void rd_begin(struct rd_world *w, struct mh_writer *body, u8 *buf, size_t size, u8 type,
	      const char *subject, u64 serial);
u8 rd_submit(struct rd_world *w);
u8 rd_call(struct rd_world *w, u8 op, struct mh_buf body, struct mh_bytes *reply);

/* What READ_KEC of an Entity is asked with, on a new nonce, signed by this key; its length */
size_t rd_read_kec(struct rd_world *w, const char *name, const u8 key[MH_KEY_LEN], u8 body[256]);

void rd_genesis(struct rd_world *w);	/* in the batch; sets region, anchor and anchor_leaf */
/* In the batch: the second ANCHOR, of the same officer; sets anchor_leaf, anchor stays the first */
void rd_next_anchor(struct rd_world *w);
void rd_delegate(struct rd_world *w, u64 serial);
void rd_enrol(struct rd_world *w, struct rd_host *h, const char *name);
void rd_enrol_serial(struct rd_world *w, struct rd_host *h, const char *name, u64 serial);
/* Its keys: Kei a secret (mac) or a pair, Kec a pair or a secret; rd_enrol_again() enrols it */
void rd_host_make(struct rd_world *w, struct rd_host *h, const char *name, bool mac, bool pair);
/* A secret as an item, sealed to the card's key */
void rd_secret(struct rd_world *w, u8 item, struct mh_buf label, const u8 *leaf, const u8 *secret);
/* Its ENTITY alone, without what comes beside it */
void rd_entity(struct rd_world *w, struct rd_host *h, u64 serial);
void rd_enrol_again(struct rd_world *w, struct rd_host *h, u64 serial);	/* keys as they are */
void rd_dataset(struct rd_world *w, const char *name, u8 mode);
void rd_group(struct rd_world *w, const char *group, const char *dataset);
void rd_member(struct rd_world *w, const char *group, const char *name);
/* host: for whom it is wrapped, or NULL for mode session */
void rd_instance(struct rd_world *w, const char *dataset, u64 version, u8 mode,
		 const struct rd_host *host, const void *data, size_t n);
/* The INSTANCE made last, with that serial: nothing else is changed. */
void rd_issue_again(struct rd_world *w, u64 serial);
void rd_revoke(struct rd_world *w, u8 type, const char *name, u64 up_to);
void rd_host_free(struct rd_host *h);
/* A session, by TCP; 0 or -errno */
int rd_connect(struct rd_world *w, struct rd_host *h, struct mh_client *c);
int rd_dial(const struct rd_world *w);	/* a connection alone, on which nothing is said */
/* A hello that holds, of a session that is forgotten; its length */
size_t rd_hello(const struct rd_world *w, u8 frame[MH_FRAME_HEADER + MH_HELLO_MAX]);
size_t rd_resident(const struct rd_world *w);	/* bytes of its memory, without the keeper's */

#endif

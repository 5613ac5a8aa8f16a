/* SPDX-License-Identifier: MIT */
/*
 * SP1 in user space: the core's initiator over a blocking descriptor.  For
 * tests, load and later Providers; a host's identity lives in its kernel.
 */
#ifndef MH_LIB_CLIENT_H
#define MH_LIB_CLIENT_H

#include "core/answer.h"
#include "core/stp.h"
#include "util.h"

#define MH_CLIENT_STATEMENTS	64

/* Who it is, and what it trusts. */
struct mh_client_identity {
	u8 region[32];
	char name[MH_NAME_MAX + 1];
	u64 entity_serial;
	bool mac;		/* Kei is a secret */
	u8 kei[MH_KEY_LEN];	/* private, or that */
	struct mh_wrap_key kec;
	struct mh_bytes anchor;	/* the newest it has verified */
};

struct mh_client {
	const struct mh_client_identity *id;
	struct mh_stp stp;
	int fd;
	unsigned int n_kept;
	/* verified statements, by order of coming */
	struct mh_bytes kept[MH_CLIENT_STATEMENTS];
	struct mh_stmt stmt[MH_CLIENT_STATEMENTS];
	u8 x[MH_HASH_LEN];
	u32 request, answered;	/* the last of each: answers come in the order of requests */
	unsigned int pushed[__MH_STMT_TYPES];	/* how many came of each type, verified */
	u8 u[MH_FRAME_MAX];
};

/* Result of one fetch. */
struct mh_client_result {
	enum mh_answer_state state;
	struct mh_refused refused;
	struct mh_bytes data;
	u64 version;
	u8 leaf[MH_HASH_LEN];
	u8 digest[MH_HASH_LEN];	/* of the statements that came */
};

/*
 * "host:port", "[v6]:port" or a unix socket's path; a blocking descriptor with a timeout of that
 * many seconds, or -errno
 */
int mh_client_dial(const char *address, unsigned int seconds);
/*
 * The handshake over fd (taken, also on failure).  -ECONNRESET when the server
 * closed, which is all that it says to a stranger; -EBADMSG what it sent does not hold.
 */
int mh_client_open(struct mh_client *c, const struct mh_client_identity *id, int fd);
void mh_client_close(struct mh_client *c);
/* held, digest: 32 bytes or NULL.  0 when an answer came, whichever; see r->state. */
int mh_client_fetch(struct mh_client *c, const char *name, u64 version, const u8 *held,
		    const u8 *digest, struct mh_client_result *r);
/*
 * The two halves, for pipelining: id of the REQUEST or -errno; answers come in the order of
 * requests.
 */
int mh_client_request(struct mh_client *c, const char *name, u64 version, const u8 *held,
		      const u8 *digest);
int mh_client_answer(struct mh_client *c, const char *name, u64 version,
		     struct mh_client_result *r);
/* Reads one push: its statement type, or -errno. */
int mh_client_push(struct mh_client *c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Inside of the keeper: shared by keeper.c (forks), keeper_child.c (serves), keeper_file.c and
 * keeper_audit.c (on disk).
 */
#ifndef REPOSITORYD_KEEPER_CHILD_H
#define REPOSITORYD_KEEPER_CHILD_H

#include "keeper.h"

/* Requests: u8 op || body, one packet.  Replies: u32 errno (positive, 0 done) || body. */
enum keeper_op {
	KEEPER_CARD = 1,	/* -> card */
	KEEPER_SIGN_SP2,	/* digest 32 -> sig */
	KEEPER_SIGN_EPOCH,	/* body of the statement -> sig */
	KEEPER_SIGN_CHECKPOINT,	/* signed part -> sig */
	KEEPER_TAKE,		/* what 1 || leaf 32 || item 80 || ctx 32 || kid 32 -> sealed */
	KEEPER_OPEN,		/* what 1 || kid 32 || sealed -> 32 */
	/*
	 * x 32 || ecx 32 || what 1 || kid 32 || sealed, and kid 32 || sealed of a Kei-secret, if
	 * Kei is one -> psk 32 || Kei_X 32, or zero
	 */
	KEEPER_PSK,
	KEEPER_AUDIT_HELD,	/* -> closed 1 || since 8 || seq 8 || hash 32 */
	KEEPER_AUDIT_HEAD,	/* how 1 || seq 8 || hash 32 -> nothing */
};

#define KEEPER_PACKET	(MH_STMT_BODY_MAX + 64)

/* What the process exists for: private halves, and Kstore. */
struct keeper_secrets {
	u8 store[MH_KEY_LEN];
	u8 sp2[MH_KEY_LEN];
	u8 fresh[MH_KEY_LEN];
	u8 audit[MH_KEY_LEN];
	u8 card[MH_KEY_LEN];	/* X25519 */
	/* kept, so that the card and its fingerprint stay the same */
	u8 card_sig[MH_SIG_LEN];
};

/* The newest audit record that is known to be durable; keeper_audit.c tells its file. */
struct keeper_audit {
	int fd;		/* of the file, which the confined process can open no more */
	bool accept;	/* the next head may begin anew */
	u8 closed;
	u64 since, seq;
	u8 hash[MH_HASH_LEN];
};

/*
 * Read DIR/seat, DIR/sealed and DIR/audit, or, if make is set, make them where there is no
 * DIR/sealed; owned by uid, gid when those are not -1. a->accept: an audit that is missing or
 * damaged is made anew. Says what failed.
 */
int keeper_file_open(const char *dir, uid_t uid, gid_t gid, const char *name, bool make,
		     struct keeper_secrets *s, struct keeper_audit *a);

/* With no record in it; mode 0600 */
int keeper_audit_make(const char *path, const struct keeper_secrets *s);
/* Leaves it open. -EUCLEAN: damaged, or another keeper's; -EPERM: others may read it */
int keeper_audit_open(const char *path, const struct keeper_secrets *s, struct keeper_audit *a);
/*
 * As mh_keeper_audit_head(). Without sync, which all but MH_HEAD_NEXT have, a power cut may take
 * it back.
 */
int keeper_audit_advance(struct keeper_audit *a, const struct keeper_secrets *s, u8 how, u64 seq,
			 const u8 hash[MH_HASH_LEN], bool sync);

/*
 * The server card; signs it anew when card_sig is not its signature (a new name), which
 * keeper_file_open() keeps. Length or -errno
 */
int keeper_card_make(struct keeper_secrets *s, const char *name, u8 out[MH_CARD_MAX]);
/* Never returns. */
void keeper_child_run(int fd, struct keeper_secrets *s, struct keeper_audit *a, const char *name)
	__attribute__((noreturn));

#endif

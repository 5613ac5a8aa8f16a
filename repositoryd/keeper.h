/* SPDX-License-Identifier: MIT */
/*
 * The fallback Secure Processor: a child process, forked before anything else
 * is set up, that alone holds Kstore, Ksp2, Kfresh, Kaudit and Kcard.  The
 * daemon asks it over a socketpair; what comes back is a signature, a blob
 * sealed under Kstore, or one secret for one use, which the caller wipes.
 *
 * On disk: DIR/seat (32 random bytes), DIR/sealed and DIR/audit, mode 0600, the keeper's
 * user's.  Their formats are told in keeper_file.c and keeper_audit.c.
 *
 * Locks: none; the daemon has one thread.  All return 0 or -errno; -EPIPE
 * means that the keeper is gone, and so must the daemon be.
 */
#ifndef REPOSITORYD_KEEPER_H
#define REPOSITORYD_KEEPER_H

#include <sys/types.h>
#include "core/messages.h"
#include "secret.h"

#define MH_SEALED_LEN	(32 + MH_KEY_LEN + MH_TAG_LEN)	/* salt || ct: one secret under Kstore */
#define MH_HPKE_ITEM	(32 + MH_KEY_LEN + MH_TAG_LEN)	/* enc || ct: one secret from an officer */

struct mh_keeper {
	int fd;
	pid_t pid;
	u8 card[MH_CARD_MAX];	/* read once at start */
	size_t card_len;
};

enum mh_keeper_may {
	MH_KEEPER_MAY_MAKE = 1,	/* secrets, where there are none */
	MH_KEEPER_MAY_ANEW = 2,	/* the audit may begin ANEW */
};

/*
 * Fork it.  dir is made when it is not there; user NULL or not root: it runs
 * as the caller.  name goes on the server card.  may: enum mh_keeper_may.  Messages go to stderr.
 */
int mh_keeper_start(struct mh_keeper *k, const char *dir, const char *user, const char *name,
		    unsigned int may);
/* Ends it and waits. */
void mh_keeper_stop(struct mh_keeper *k);

/* Ksp2 over the handshake's digest */
int mh_keeper_sign_sp2(struct mh_keeper *k, const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN]);
/* Kfresh over the body of an EPOCH and of nothing else (-EPERM) */
int mh_keeper_sign_epoch(struct mh_keeper *k, struct mh_buf body, u8 sig[MH_SIG_LEN]);
/* What the keeper remembers of the audit; keeper_audit.c tells what it is */
struct mh_keeper_held {
	bool closed;
	u64 since, seq;
	u8 hash[MH_HASH_LEN];
};

int mh_keeper_audit_held(struct mh_keeper *k, struct mh_keeper_held *held);

enum mh_keeper_head {
	MH_HEAD_NEXT,	/* was committed */
	MH_HEAD_OPEN,	/* others will follow: before the first commit */
	MH_HEAD_CLOSE,	/* none will: after the last */
	MH_HEAD_ANEW,	/* whatever was known: only if started to accept that, and before others */
};

/* The audit's newest record that is durable.  Forward only, but for ANEW (-EKEYREJECTED). */
int mh_keeper_audit_head(struct mh_keeper *k, enum mh_keeper_head how, u64 seq,
			 const u8 hash[MH_HASH_LEN]);
/*
 * Kaudit over the signed part of a checkpoint (lib/audit_record.h), which is the audit's head from
 * then on, and follows the one before (-EKEYREJECTED)
 */
int mh_keeper_sign_checkpoint(struct mh_keeper *k, struct mh_buf part, u8 sig[MH_SIG_LEN]);

/*
 * Open an officer's HPKE item, check its kid in its context, seal it under Kstore as what it is
 * (enum mh_secret). -EBADMSG, -EKEYREJECTED wrong kid
 */
int mh_keeper_take(struct mh_keeper *k, u8 what, const u8 leaf[32], const u8 item[MH_HPKE_ITEM],
		   const u8 ctx[32], const u8 kid[32], u8 sealed[MH_SEALED_LEN]);
/*
 * One Ke for one delivery of mode session; one Kec-public for an officer who proved it. -EPERM of
 * what serves sessions only, -EUCLEAN of another length than sealed things have
 */
int mh_keeper_open(struct mh_keeper *k, u8 what, struct mh_buf sealed, const u8 kid[32],
		   u8 out[MH_KEY_LEN]);

/* An Entity's keys, as its ENTITY names them and the store has them sealed */
struct mh_keeper_entity {
	u8 what;		/* MH_SECRET_KEC, or KPF */
	const u8 *kid, *ecx;
	struct mh_buf sealed;
	const u8 *kei_kid;	/* NULL: Kei is a pair */
	struct mh_buf kei_sealed;
};

/*
 * psk of PROTOCOL 2 for an Entity at this server (x), and its Kei_X, zero where Kei is a pair; a
 * kid that does not match is refused; -EUCLEAN as above
 */
int mh_keeper_psk(struct mh_keeper *k, const struct mh_keeper_entity *e, const u8 x[32],
		  u8 psk[MH_KEY_LEN], u8 kei_x[MH_KEY_LEN]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A proposal: what a Region's officers are asked to sign, as a file that is handed round.  Nothing
 * in it is secret but what is sealed to whom it is for.
 *
 *	proposal = "MHPR" || u8 version 1 || u8 kind || region_id 32 || u64 made
 *		|| u16 a || a * V(ANCHOR) || act or drill || u8 s || s * (key 64 || r||s 64)
 *	act	 = u16 b || b * (u8 which || V(body) || V(replaced)) || u16 n || n * (u8 item ||
 *		V(bytes)) || u32 hosts
 *	drill	 = nonce 32
 *
 * ANCHORs: the chain from the genesis on, which names the officers; none where the first body is a
 * genesis.  body: of a statement, not signed yet; which: MH_SET_NEW a genesis, MH_SET_RECOVERY an
 * ANCHOR by the recovery set, else MH_SET_SIGNER.  An ANCHOR comes first, and all others are under
 * it then.  replaced: the statement that it takes the place of, or nothing.  Items are those of a
 * SUBMIT (admin.h), less MH_ITEM_STATEMENT, and MH_PROPOSAL_BUNDLE.  hosts: how many it touches, as
 * its maker was told; MH_PROPOSAL_UNKNOWN.  Signatures: by keys that rise, of an act over
 * L("statement") || root of all bodies as one batch; of a drill over L("drill") || region_id ||
 * made || nonce, so that it is good for nothing; the recovery set is asked to sign that, too.
 */
#ifndef MH_LIB_PROPOSAL_H
#define MH_LIB_PROPOSAL_H

#include "admin.h"
#include "util.h"

#define MH_PROPOSAL_ARMOUR	"PROPOSAL"
#define MH_PROPOSAL_MAX		(32u << 20)
#define MH_PROPOSAL_ANCHORS	1024
#define MH_PROPOSAL_SIGS	(2 * MH_OFFICERS_MAX)
#define MH_PROPOSAL_UNKNOWN	UINT32_MAX
/* An item that stays here: what submit writes once the ENTITY is stored (repoctl_bundle.c) */
#define MH_PROPOSAL_BUNDLE	0x80

enum mh_proposal_kind { MH_PROPOSAL_ACT = 1, MH_PROPOSAL_DRILL };

struct mh_proposal_act {
	u8 which;
	struct mh_bytes form;		/* the statement, a zero in place of its signature */
	struct mh_stmt s;		/* views into form; bytes, root and sets say nothing */
	struct mh_bytes replaced;
	struct mh_stmt was;		/* views into replaced; type 0: none */
};

struct mh_proposal_item {
	u8 item;
	struct mh_bytes bytes;
};

struct mh_proposal_sig {
	u8 key[MH_P256_PUB_LEN], sig[MH_SIG_LEN];
};

/* All of it owned; zero is an empty one. */
struct mh_proposal {
	u8 kind, region[32], nonce[32];
	u64 made;
	u32 hosts;
	struct mh_bytes *anchor;
	struct mh_proposal_act *act;
	struct mh_proposal_item *item;
	struct mh_proposal_sig sig[MH_PROPOSAL_SIGS];
	unsigned int anchors, acts, items, sigs;
};

/* 0, -ENOMEM, -EPROTONOSUPPORT another version, -EBADMSG; on failure p is empty */
int mh_proposal_decode(struct mh_proposal *p, struct mh_buf in);
int mh_proposal_encode(const struct mh_proposal *p, struct mh_bytes *out);
void mh_proposal_free(struct mh_proposal *p);

/* Each takes copies: 0, -ENOMEM, -E2BIG, -EBADMSG what the hostile-input parser refuses */
int mh_proposal_add_anchor(struct mh_proposal *p, struct mh_buf anchor);
int mh_proposal_add_act(struct mh_proposal *p, u8 which, struct mh_buf body,
			struct mh_buf replaced);
int mh_proposal_add_item(struct mh_proposal *p, u8 item, struct mh_buf a, struct mh_buf b);
/* In its place; what this key signed before is replaced */
int mh_proposal_add_sig(struct mh_proposal *p, const u8 *key, const u8 *sig);

/* ---- what it means: proposal_check.c ---- */

struct mh_proposal_need {
	u8 which;
	struct mh_quorum q;	/* keys: a view into the proposal */
};

struct mh_proposal_view {
	struct mh_stmt anchor;		/* the newest of the chain; type 0: none */
	struct mh_proposal_need need[2];	/* whose signatures it takes */
	u8 needs;
	u8 root[MH_HASH_LEN], digest[MH_HASH_LEN];	/* what is signed */
	const char *why;		/* it was refused */
};

/*
 * The chain holds and is this Region's, each body is one for these officers to sign, the ANCHORs'
 * order, each signature.  0; -EBADMSG, -EKEYREJECTED (a signature) and why; -ENOMEM.
 */
int mh_proposal_check(const struct mh_proposal *p, struct mh_proposal_view *v);
/* Place of the key among those that one of its quorums has; -1 none */
int mh_quorum_index(const struct mh_quorum *q, const u8 *key);
bool mh_proposal_may_sign(const struct mh_proposal_view *v, const u8 *key);
bool mh_proposal_has_signed(const struct mh_proposal *p, const u8 *key);
/* How many signatures this quorum still lacks */
unsigned int mh_proposal_lacks(const struct mh_proposal *p, const struct mh_proposal_need *need);
bool mh_proposal_complete(const struct mh_proposal *p, const struct mh_proposal_view *v);
/* The statement i of one that is complete: -ENOKEY it is not, -ENOSPC */
int mh_proposal_statement(const struct mh_proposal *p, const struct mh_proposal_view *v,
			  unsigned int i, struct mh_writer *w);
/*
 * A SUBMIT's body, of n statements from the first on (each has its path in the batch, so they need
 * not all go at once), the items with the last: -ENOKEY, -EMSGSIZE, -EBADMSG when the ANCHOR is
 * none that follows, -ENOMEM
 */
int mh_proposal_submission(const struct mh_proposal *p, const struct mh_proposal_view *v,
			   unsigned int first, unsigned int n, struct mh_bytes *out);

#endif

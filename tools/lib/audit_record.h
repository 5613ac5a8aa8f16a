/* SPDX-License-Identifier: MIT */
/*
 * The audit's records and checkpoints: made by repositoryd, read by repoctl.
 *
 *	record = u8 version 0 || u64 seq || before 32 || u64 time || region_id 32 || u8 event ||
 *		u8 outcome
 *		 || v(who) || v(what) || u64 number || leaf 32 || u32 request || h 32 || u8 proof
 *		(0, 1)
 *		 || proof ? (idI 256 || authI 64) : nothing
 *	hash   = H(L("audit record") || record);  before = hash of seq - 1, zero for seq 1
 *	checkpoint = "MHCP" || u8 version 0 || u64 seq || hash 32 || u64 time || signature 64
 *		 by Kaudit over H(L("audit checkpoint") || all before the signature)
 *
 * who: an Entity, or "uid N" on the admin socket.  what: DataSet or subject.
 * number: the Instance's version, or the statement's serial.  leaf: of the
 * INSTANCE or statement.  Sequence numbers rise by one, over all Regions.
 */
#ifndef MH_LIB_AUDIT_RECORD_H
#define MH_LIB_AUDIT_RECORD_H

#include "core/messages.h"

#define MH_AUDIT_RECORD_MAX	1024
#define MH_AUDIT_CHECKPOINT_LEN	(4 + 1 + 8 + 32 + 8 + 64)
#define MH_AUDIT_WHO_MAX	MH_NAME_MAX

enum mh_audit_event {
	MH_AUDIT_START = 1,	/* the daemon opened the store */
	MH_AUDIT_SESSION,	/* an Entity authenticated */
	MH_AUDIT_DELIVERY,	/* an answer to a REQUEST */
	MH_AUDIT_STATEMENT,	/* a statement was accepted: number, leaf */
	MH_AUDIT_EPOCH,		/* an EPOCH was signed */
	/* an officer read a confidential attachment; request is the officer's index */
	MH_AUDIT_READ_KEC,
	/*
	 * the store was not the one that the keeper knew, and --accept-gap said to serve it:
	 * number and h are the seq and hash of the last record that the keeper had seen, 0: none
	 */
	MH_AUDIT_GAP,
};

/* outcome: 0 done, MH_AUDIT_UNCHANGED, or the refusal's code (enum mh_refusal) */
#define MH_AUDIT_UNCHANGED	0x80

struct mh_audit_record {
	u64 seq, time;
	u8 before[MH_HASH_LEN];
	u8 region[32];
	u8 event, outcome;
	struct mh_buf who, what;
	u64 number;
	u8 leaf[32];
	u32 request;
	u8 h[MH_HASH_LEN];
	const u8 *idi, *authi;	/* NULL: none */
};

/* length or -ENOSPC */
int mh_audit_record_encode(const struct mh_audit_record *r, u8 *out, size_t size);
int mh_audit_record_decode(struct mh_audit_record *r, struct mh_buf in);
void mh_audit_record_hash(struct mh_buf record, u8 hash[MH_HASH_LEN]);

struct mh_audit_checkpoint {
	u64 seq, time;
	u8 hash[MH_HASH_LEN];
	u8 sig[MH_SIG_LEN];
};

void mh_audit_checkpoint_encode(const struct mh_audit_checkpoint *c,
				u8 out[MH_AUDIT_CHECKPOINT_LEN]);
int mh_audit_checkpoint_decode(struct mh_audit_checkpoint *c, struct mh_buf in);
/* what Kaudit signs; part: the checkpoint without its signature */
void mh_audit_checkpoint_digest(struct mh_buf part, u8 digest[MH_HASH_LEN]);
/* -EBADMSG */
int mh_audit_checkpoint_verify(struct mh_buf checkpoint, const u8 kaudit[MH_P256_PUB_LEN]);

const char *mh_audit_event_name(u8 event);
const char *mh_audit_outcome_name(u8 outcome);

#endif

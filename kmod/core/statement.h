/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Signed statements, PROTOCOL.md section 6: canonical TLV body, Merkle batch,
 * quorum.  A parsed statement is a set of views into the received bytes; the
 * received bytes are what is verified, never a re-encoding.
 *
 *	statement = v(body) || path || u8 sets (1..2) || sets
 *	path      = u8 n || n ? (u32 index || u32 size || n * 32) : nothing
 *	set       = u8 which || u8 m || m * (u8 officer || r||s)
 *	leaf      = H(0x00 || body);  signature = ECDSA(L("statement") || root)
 */
#ifndef MH_CORE_STATEMENT_H
#define MH_CORE_STATEMENT_H

#include "wire.h"
#include "crypto.h"

#define MH_STMT_VERSION		1	/* frozen: what is new comes with a feature bit */
#define MH_STMT_BODY_MAX	(12 * 1024)
#define MH_STMT_MAX		(MH_STMT_BODY_MAX + 4096)
#define MH_STMT_PATH_MAX	20
#define MH_OFFICERS_MAX		16
#define MH_FLOORS_MAX		128
#define MH_SUBJECT_MAX		230
#define MH_STMT_ATTRS		13	/* most that one type has beside the common ones */
#define MH_NOT_BEFORE_GRACE	600	/* seconds */
#define MH_EPOCH_LIFE_MAX	(7 * 86400)
#define MH_DELEGATION_LIFE_MAX	(90 * 86400)
#define MH_ONWARD_LIFE_MAX	86400
#define MH_SUSPEND_MAX		(72 * 3600)
#define MH_FEATURES_KNOWN	0u	/* unknown below bit 16: skipped; above: refused */

enum mh_stmt_type {
	MH_ANCHOR = 1,
	MH_DELEGATION,
	MH_ENTITY,
	MH_GROUP,
	MH_MEMBER,	/* subject GROUP/MEMBER */
	MH_DATASET,
	MH_POLICY,
	MH_INSTANCE,	/* subject DATASET@VERSION (decimal) */
	MH_REVOKE,	/* subject is the target's */
	MH_SUSPEND,
	MH_EPOCH,
	MH_GROUP_EPOCH,	/* subject GROUP */
	__MH_STMT_TYPES
};

/* Attribute types.  Bit 15 set: not critical, skipped when unknown. */
enum {
	MH_A_TYPE = 1,		/* u8 version || u8 type */
	MH_A_REGION = 2,	/* 32; zero in a genesis ANCHOR */
	MH_A_SIGNER = 3,	/* 32: leaf of ANCHOR, GROUP or DELEGATION; zero in a genesis */
	MH_A_SUBJECT = 4,	/* 1..230 bytes */
	MH_A_SERIAL = 5,	/* u64 >= 1 */
	MH_A_ISSUED = 6,	/* u64 seconds since 1970 UTC; so all times */
	MH_A_NOT_BEFORE = 7,
	MH_A_NOT_AFTER = 8,
	MH_A_FEATURES = 9,	/* u32 */

	/* ANCHOR, GROUP: N * 64, sorted, distinct; an officer's index is its place */
	MH_A_KEYS = 16,
	MH_A_THRESHOLD = 17,	/* u8 1..N */
	/* ANCHOR, GROUP_EPOCH: leaf of the one before, zero for the first */
	MH_A_BEFORE = 18,
	MH_A_MIN_ANCHOR = 19,	/* u64 ANCHOR serial; GROUP: min_group */
	/* ANCHOR: list of (u8 statement type || u32 most seconds of validity), a type once */
	MH_A_CAPS = 20,
	MH_A_RECOVERY_KEYS = 21,
	MH_A_RECOVERY_THRESHOLD = 22,

	MH_A_KEY = 32,		/* DELEGATION: 64, P-256 */
	MH_A_AUDIT_KEY = 33,	/* 64, role serve */
	MH_A_ROLE = 34,		/* u8 */
	MH_A_SCOPE_GROUPS = 35,	/* list of v(name) */
	MH_A_SCOPE_DATASETS = 36, /* list of v(prefix) */
	MH_A_SCOPE_TEMPLATE = 37, /* u8 algorithm || u32 length */
	MH_A_SCOPE_NAMES = 38,	/* pattern: name characters, '*' and '?' */
	MH_A_SCOPE_NUMBER = 39,	/* u32 */
	MH_A_SCOPE_KINDS = 40,	/* u8 bits MH_SCOPE_*, of an ENTITY's keys */
	MH_A_SCOPE_LIFE = 41,	/* u32 most seconds of validity of what is made under it */
	MH_A_SCOPE_EVIDENCE = 42, /* list of v(name): words that an ENTITY's evidence has */

	MH_A_KEI_KIND = 48,	/* ENTITY: u8 */
	MH_A_KEI = 49,		/* 64 Kei-public, or 32 kid(Kei-secret, ecx) */
	MH_A_KES = 50,		/* 64 */
	MH_A_KEC_KIND = 51,	/* u8 */
	MH_A_KEC_KID = 52,	/* 32: kid(Kec-public or Kec-secret, ecx) */
	MH_A_EVIDENCE = 53,	/* 0..1024 bytes: words with one space between */
	MH_A_KPF_KID = 54,	/* 32: kid(Kpf, ecx); with a Kec-secret and no other */

	/* GROUP: list of (u16 rights || v(dataset name, or prefix ending '/')) */
	MH_A_RIGHTS = 64,
	MH_A_ENROLS = 65,	/* GROUP: pattern of Entities that its officers may enrol */

	MH_A_MEMBER_KIND = 80,	/* MEMBER: u8 1 entity, 2 group */

	MH_A_MODE = 96,		/* DATASET, INSTANCE: u8 */
	MH_A_KIND = 97,		/* DATASET, INSTANCE: u8 */
	MH_A_OWNER = 98,	/* DATASET: group name, 0 bytes: the RAG */
	MH_A_POLICIES = 99,	/* DATASET, INSTANCE: list of 32-byte leaves of POLICY */

	MH_A_SELECT = 112,	/* POLICY, all optional: u8 1 newest valid */
	MH_A_LEASE = 113,	/* u32 seconds, 0 none */
	MH_A_RENEW = 114,	/* u32 seconds before the end */
	MH_A_RETAIN = 115,	/* u32 seconds */
	MH_A_USES = 116,	/* u32 */
	MH_A_OPERATIONS = 117,	/* u32 bits MH_OP_* */
	MH_A_EXPORT = 118,	/* u32 bits MH_EXPORT_* */
	MH_A_ON_STALE = 119,	/* u8 0 refuse, 1 serve */
	MH_A_TEMPLATE = 120,	/* u8 algorithm || u32 length; INSTANCE repeats it */
	MH_A_RATE = 121,	/* u32 per hour */
	MH_A_OUT_OF_DATE = 122,	/* u8 MH_OUT_*: when no Instance is valid any more */
	MH_A_OLDER = 123,	/* u32 versions below the newest that may be asked for; none: all */
	MH_A_ROTATE = 124,	/* u32 seconds after which an Instance is to have a successor */

	MH_A_INSTANCE_VERSION = 128, /* INSTANCE: u64 >= 1 */
	MH_A_STREAM_ALG = 129,	/* u8 1 */
	MH_A_RANDOM = 130,	/* 32: of icx */
	MH_A_KE_KID = 131,	/* 32: kid(Ke, icx) */
	MH_A_LENGTH = 132,	/* u64 of the Encrypted Data */
	MH_A_SHA256 = 133,	/* 32 of the Encrypted Data */
	MH_A_DELIVERY = 134,	/* u8 1 key, 2 program, 3 other */
	MH_A_TOMBSTONE = 135,	/* u8 1; then none of 96, 97, 129..134 */

	MH_A_TARGET_TYPE = 144,	/* REVOKE: u8 */
	MH_A_UP_TO = 145,	/* u64 serial */
	MH_A_UNDER = 146,	/* 32: leaf of a DELEGATION; instead of 144, 145 */

	MH_A_UNTIL = 160,	/* SUSPEND: u64 */

	MH_A_EPOCH_NUMBER = 176, /* u64 */
	MH_A_REVOKES = 177,	/* u64 count */
	MH_A_RUNNING = 178,	/* 32 running hash */
	MH_A_RESTART = 179,	/* u64 number of restarts of the running hash */
	/* list of (u8 type || H(subject) 32 || u64 serial), a type and subject once */
	MH_A_FLOORS = 180,

	MH_A_GROUP_EPOCH = 192,	/* u64 */
	MH_A_KGC_KID = 193,	/* 32 */
	MH_A_KGC_PUBLIC = 194,	/* 0 or 32 */
};

enum mh_role {
	MH_ROLE_SERVE = 1,
	MH_ROLE_FRESHNESS,
	MH_ROLE_GENERATE,
	MH_ROLE_CERTIFY,
	MH_ROLE_ENROL,
	MH_ROLE_SUSPEND,
};

enum mh_key_kind { MH_KIND_PAIR = 1, MH_KIND_SECRET = 2 };
enum mh_mode { MH_MODE_SESSION = 1, MH_MODE_GUARDIAN, MH_MODE_GROUP };
enum mh_data_kind { MH_DATA_KEY = 1, MH_DATA_PROGRAM, MH_DATA_OTHER, MH_DATA_POLICY_PROGRAM };
enum mh_alg { MH_ALG_AES256 = 1, MH_ALG_P256 = 2, MH_ALG_RAW = 3 };
enum mh_out_of_date { MH_OUT_REFUSE, MH_OUT_SERVE, MH_OUT_GENERATE };
#define MH_SCOPE_KEI_PAIR	0x01
#define MH_SCOPE_KEI_SECRET	0x02
#define MH_SCOPE_KEC_PAIR	0x04
#define MH_SCOPE_KEC_SECRET	0x08
#define MH_RIGHT_FETCH		0x0001
#define MH_RIGHT_GENERATE	0x0002
#define MH_RIGHT_PROVIDE	0x0004
#define MH_RIGHT_INSTANCES	0x0010
#define MH_RIGHT_POLICY		0x0020
#define MH_OP_ENCRYPT	0x01
#define MH_OP_DECRYPT	0x02
#define MH_OP_SIGN	0x04
#define MH_OP_VERIFY	0x08
#define MH_OP_MAC	0x10
#define MH_EXPORT_LOGON	0x01
#define MH_EXPORT_USER	0x02
#define MH_EXPORT_FSCRYPT 0x04

/* Which key set signed. */
enum mh_which { MH_SET_SIGNER = 0, MH_SET_NEW = 1, MH_SET_RECOVERY = 2 };

struct mh_sigset {
	u8 which;
	u8 m;
	struct mh_buf sigs;	/* m * (u8 officer || 64) */
};

/* A parsed statement: views into its bytes. */
struct mh_stmt {
	struct mh_buf bytes;	/* the whole statement */
	struct mh_buf body;
	u8 leaf[MH_HASH_LEN];
	u8 root[MH_HASH_LEN];	/* of its batch; the leaf when alone */
	struct mh_sigset set[2];
	const u8 *region;	/* 32 */
	const u8 *signer;	/* 32 */
	struct mh_buf subject;
	u64 serial, issued, not_before, not_after;
	u32 features;
	u8 sets, type;

	/*
	 * Those that the type has, in the order of its table; others are {NULL, 0}.
	 * By mh_stmt_attr(); see MH_A_*.
	 */
	struct mh_buf attr[MH_STMT_ATTRS];
};

/*
 * Parse and check the form: lengths, order, canonical lists, required and
 * allowed attributes of its type, names, signature sets' shape (indices rise,
 * m 1..16), feature bits.  Computes leaf and root.  No signature is verified.
 * -EBADMSG malformed; -EPROTONOSUPPORT version or critical feature unknown.
 */
int mh_stmt_parse(struct mh_stmt *s, const void *p, size_t n);
/* Value of an attribute; {NULL, 0} when absent (n is 0 and p not NULL for an empty one). */
struct mh_buf mh_stmt_attr(const struct mh_stmt *s, u16 type);
u64 mh_stmt_num(const struct mh_stmt *s, u16 type);	/* u8/u32/u64 value, 0 if absent */
bool mh_stmt_has(const struct mh_stmt *s, u16 type);

/* Keys that may sign, and how many must. */
struct mh_quorum {
	const u8 *keys;		/* n * 64 */
	u8 n;
	u8 m;
};

/* From an ANCHOR or GROUP (its own keys); or one key of a DELEGATION: n = m = 1. */
void mh_quorum_of(struct mh_quorum *q, const struct mh_stmt *s);
void mh_quorum_recovery(struct mh_quorum *q, const struct mh_stmt *anchor);
/*
 * m equals the threshold exactly, indices below N, every signature valid;
 * refused at the first bad one.  -ENOKEY no such set, -EBADMSG otherwise.
 */
int mh_stmt_verify_set(const struct mh_stmt *s, u8 which, const struct mh_quorum *q);
/* ANCHOR rules: genesis (region_id computed to *region); successor of cur. */
int mh_anchor_genesis(const struct mh_stmt *a, u8 region[MH_HASH_LEN]);
/*
 * Signed by cur's officers: the very next one, with the same recovery set if there is one.  By its
 * recovery set: that, or one of any higher serial and predecessor that voids all before itself.
 * -ESTALE serial not above cur's, -EBADMSG gap, wrong predecessor, recovery set or signature
 */
int mh_anchor_next(const struct mh_stmt *cur, const u8 region[MH_HASH_LEN],
		   const struct mh_stmt *next);
/* Of that all but the signatures, which are to be by set `which` of cur and by next's own */
int mh_anchor_follows(const struct mh_stmt *cur, const u8 region[MH_HASH_LEN],
		      const struct mh_stmt *next, enum mh_which which);
/*
 * s was signed by signer (parsed and verified before): region, signer leaf,
 * quorum, what type the signer may sign (table of PROTOCOL 6), role, scope,
 * issued within the DELEGATION's window.  Times against now: see _valid_at.
 * -EPERM not its to sign, -EBADMSG signature.
 */
int mh_stmt_verify(const struct mh_stmt *s, const u8 region[MH_HASH_LEN],
		   const struct mh_stmt *signer);
/* -EKEYEXPIRED after not_after; -ESTALE before not_before less ten minutes' grace */
int mh_stmt_valid_at(const struct mh_stmt *s, u64 now);
/* A floor list (EPOCH): serial for (type, H(subject)), 0 if none. */
u64 mh_epoch_floor(const struct mh_stmt *epoch, u8 type, struct mh_buf subject);
/* rights of a GROUP on a DataSet (exact name or prefix) */
u16 mh_group_rights(const struct mh_stmt *group, struct mh_buf dataset);
/* policy leaf is in the list (32-byte items) */
bool mh_list_has32(struct mh_buf list, const u8 item[32]);

/* ---- making statements (tools, Guardian) ---- */

/* The nine common attributes, in order; then the type's with mh_write_attr_*. */
void mh_stmt_begin(struct mh_writer *w, u8 type, const u8 region[32], const u8 signer[32],
		   struct mh_buf subject, u64 serial, u64 issued, u64 not_before, u64 not_after);
void mh_stmt_leaf(struct mh_buf body, u8 leaf[MH_HASH_LEN]);
/*
 * RFC 6962 2.1 root of n leaves, and the path of leaf i (at most 20 hashes); returns path length
 * or -errno
 */
int mh_merkle_root(const u8 (*leaves)[MH_HASH_LEN], u32 n, u8 root[MH_HASH_LEN]);
int mh_merkle_path(const u8 (*leaves)[MH_HASH_LEN], u32 n, u32 i, u8 (*path)[MH_HASH_LEN]);
/* digest that officers sign: H(L("statement") || root) */
void mh_stmt_digest(const u8 root[MH_HASH_LEN], u8 digest[MH_HASH_LEN]);
/* v(body) || path; then the caller writes u8 sets and the sets */
void mh_stmt_write_head(struct mh_writer *w, struct mh_buf body, u32 index, u32 size,
			const u8 (*path)[MH_HASH_LEN], u8 n);

/* ---- contexts, PROTOCOL 1 ---- */
void mh_region_id(struct mh_buf genesis_body, u8 out[MH_HASH_LEN]);
void mh_ctx_entity(const u8 region[32], struct mh_buf name, u8 ecx[MH_HASH_LEN]);
void mh_ctx_epoch(const u8 region[32], struct mh_buf group, u64 epoch, u8 gcx[MH_HASH_LEN]);
void mh_ctx_instance(const u8 region[32], struct mh_buf dataset, u64 version, u8 mode, u8 kind,
		     u8 stream_alg, const u8 random[32], u8 icx[MH_HASH_LEN]);
void mh_ctx_sp2(const u8 region[32], struct mh_buf sp2_name, u8 x[MH_HASH_LEN]);
/*
 * Fingerprint: first 100 bits of a hash as 5 groups of 4 base32 characters (RFC 4648, lower
 * case), 25 bytes with NUL
 */
#define MH_FINGERPRINT_LEN 25
void mh_fingerprint(const u8 hash[MH_HASH_LEN], char out[MH_FINGERPRINT_LEN]);
/* That form of n characters, a multiple of 4, of the first 5n bits; out: n + n / 4 bytes */
void mh_base32(const u8 *bytes, unsigned int n, char *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Every message of STP and of enrolment: sizes, tags, limits, and their
 * decoders and encoders.  Decoded structs are views into the caller's bytes.
 * Decoders give 0 or -EBADMSG (-EPROTONOSUPPORT for a version or suite that
 * is not known); encoders give the length or -ENOSPC.
 */
#ifndef MH_CORE_MESSAGES_H
#define MH_CORE_MESSAGES_H

#include "wire.h"
#include "crypto.h"
#include "statement.h"

#define MH_STP_VERSION		1	/* frozen */
#define MH_STP_SUITE		1	/* X25519, AES-256-GCM, SHA-256 */
#define MH_STP_PROTOCOL		"microhsm v1 STP 25519 AESGCM SHA256"

/* ---- frames: u8 kind || u24 length || body ---- */
#define MH_FRAME_HEADER		4
#define MH_RECORD_PLAIN_MAX	16640
#define MH_RECORD_HEADER	5	/* u8 type || u32 request */
#define MH_FRAME_BODY_MAX	(MH_RECORD_PLAIN_MAX + MH_TAG_LEN)
#define MH_FRAME_MAX		(MH_FRAME_HEADER + MH_FRAME_BODY_MAX)
enum mh_frame { MH_F_HELLO = 1, MH_F_CHALLENGE, MH_F_AUTH, MH_F_RECORD, MH_F_ANCHORS };
void mh_frame_header(u8 out[MH_FRAME_HEADER], u8 kind, u32 len);
/* kind and body length; -EBADMSG unknown kind or over-long for its kind */
int mh_frame_parse(const u8 in[MH_FRAME_HEADER], u8 *kind, u32 *len);

/* ---- handshake fields ---- */
#define MH_TICKET_LEN		64
/*
 * P1 = u8 version || u8 suite || region_id 32 || u64 anchor serial || u8 ticket length (0, 64) ||
 * ticket
 */
#define MH_P1_MIN		43
#define MH_P1_MAX		(MH_P1_MIN + MH_TICKET_LEN)
/* hello body = v(P1) || e 32 || tag 16 */
#define MH_HELLO_MAX		(2 + MH_P1_MAX + 32 + MH_TAG_LEN)
struct mh_p1 {
	u8 version, suite;
	const u8 *region;
	u64 anchor_serial;
	struct mh_buf ticket;
};

int mh_p1_decode(struct mh_p1 *m, struct mh_buf in);
int mh_p1_encode(const struct mh_p1 *m, u8 *out, size_t size);

/*
 * idR = u8 n versions || n bytes || u8 d (1..4) || d * V(DELEGATION) || V(EPOCH)
 * V(x) = u32 length then x (a statement may pass 64 KiB nowhere, 14 KiB in all here).
 * The serve DELEGATION first, then (if onward) its parent, then freshness.
 */
#define MH_IDR_MAX		(14 * 1024)
#define MH_IDR_DELEGATIONS	4
struct mh_idr {
	struct mh_buf versions;
	struct mh_buf delegation[MH_IDR_DELEGATIONS];
	u8 delegations;
	struct mh_buf epoch;
};

int mh_idr_decode(struct mh_idr *m, struct mh_buf in);
int mh_idr_encode(const struct mh_idr *m, u8 *out, size_t size);
/* challenge body = e 32 || u16 length of sealed idR || sealed idR || sealed sigR (80) */
#define MH_CHALLENGE_MAX	(32 + 2 + MH_IDR_MAX + MH_TAG_LEN + MH_SIG_LEN + MH_TAG_LEN)

/*
 * idI, zero padded to 256: u8 n || name || u64 ENTITY serial || incarnation 16 || u64 sessions ||
 * u64 receipts || head 32
 */
#define MH_IDI_LEN		256
#define MH_INCARNATION_LEN	16
struct mh_idi {
	struct mh_buf name;
	u64 entity_serial;
	u8 incarnation[MH_INCARNATION_LEN];
	u64 sessions;		/* this one counted */
	u64 receipts;		/* deliveries so far in this incarnation */
	u8 head[MH_HASH_LEN];	/* of the receipt chain; zero at first */
};

int mh_idi_decode(struct mh_idi *m, const u8 in[MH_IDI_LEN]);
int mh_idi_encode(const struct mh_idi *m, u8 out[MH_IDI_LEN]);
/* auth body = sealed idI (272) || sealed authI (80) */
#define MH_AUTH_LEN		(MH_IDI_LEN + MH_TAG_LEN + MH_SIG_LEN + MH_TAG_LEN)

/*
 * anchors body: u8 n (1..8) || u8 more || n * V(ANCHOR); may exceed one frame's limit never:
 * fewer links then
 */
#define MH_ANCHORS_PER_FRAME	8

/* ---- records: u8 type || u32 request || body ---- */
enum mh_record {
	MH_R_REQUEST = 1,	/* SP1 */
	MH_R_MANIFEST,		/* the INSTANCE statement */
	MH_R_STATEMENT,		/* one statement: DATASET, POLICY, GROUP, MEMBER, ENTITY */
	/* MH_WRAP_LEN bytes; chain position in order, alternatives by u8 alternative || wrap */
	MH_R_WRAP,
	MH_R_CHUNK,		/* one STREAM chunk */
	/* u32 records sent for this request before this || H(manifest) 32 */
	MH_R_DONE,
	MH_R_UNCHANGED,		/* leaf 32 */
	MH_R_REFUSED,		/* u8 code || u32 retry-after ms || u8 step */
	MH_R_PUSH,		/* request 0: one statement: REVOKE, SUSPEND, EPOCH, DELEGATION */
	MH_R_STALE,		/* request 0: v(dataset) */
	MH_R_TICKET,		/* request 0: 64 bytes */
	MH_R_CLOSE,		/* request 0: orderly end, empty */
};

enum mh_refusal {
	MH_REFUSED_UNKNOWN = 1,	/* also: no right */
	MH_REFUSED_REVOKED,
	MH_REFUSED_SUSPENDED,
	MH_REFUSED_POLICY,
	MH_REFUSED_STALE,
	MH_REFUSED_OUT_OF_DATE,
	MH_REFUSED_BUSY,
	MH_REFUSED_LIMIT,
};

struct mh_record_hdr {
	u8 type;
	u32 request;
	struct mh_buf body;
};

int mh_record_decode(struct mh_record_hdr *m, struct mh_buf plain);
/* writes type || request into out[0..4] */
void mh_record_begin(u8 out[MH_RECORD_HEADER], u8 type, u32 request);

enum mh_purpose { MH_PURPOSE_FETCH = 1, MH_PURPOSE_RENEW, MH_PURPOSE_PROVIDE };
/*
 * REQUEST = v(name) || u64 version (0 newest) || u8 purpose || leaf held 32 (or zero) || digest
 * of statements held 32 (or zero)
 */
struct mh_request {
	struct mh_buf name;
	u64 version;
	u8 purpose;
	const u8 *held;
	const u8 *statements;	/* H(leaves, sorted) */
};

int mh_request_decode(struct mh_request *m, struct mh_buf body);
int mh_request_encode(const struct mh_request *m, u8 *out, size_t size);

struct mh_done {
	u32 records;
	const u8 *manifest;
};

int mh_done_decode(struct mh_done *m, struct mh_buf body);
struct mh_refused {
	u8 code;
	u32 retry_after;	/* ms */
	u8 step;		/* policy: which of the four steps said no, 0 otherwise */
};

int mh_refused_decode(struct mh_refused *m, struct mh_buf body);

/* ---- enrolment ---- */

/*
 * Join request = u8 version || body || sig Kei 64 || sig Kes 64
 * body = nonce 32 || v(name) || u8 kei kind || v(Kei-public 64, or one-time key 32)
 *        || Kes-public 64 || u8 kec kind || v(Kec-public 32, or one-time key 32)
 *        || v(evidence <= 1024)
 * Both signatures over H(L("join request") || u8 version || body).  A secret comes in the bundle
 * (R09): in its place is an X25519 public key that serves this once, the same one for both; a
 * Kei-secret proves nothing yet, and its signature is zero.
 * Fingerprint: of H(L("join fingerprint") || whole request).
 */
#define MH_JOIN_REQUEST_MAX	2048
struct mh_join_request {
	u8 version;
	struct mh_buf body;	/* with the version byte: what is signed after the label */
	const u8 *nonce;
	struct mh_buf name;
	u8 kei_kind, kec_kind;
	struct mh_buf kei, kec;
	const u8 *kes;
	struct mh_buf evidence;
	const u8 *sig_kei, *sig_kes;
};

int mh_join_request_decode(struct mh_join_request *m, struct mh_buf in);
/* body without signatures; returns length */
int mh_join_request_encode(const struct mh_join_request *m, u8 *out, size_t size);
int mh_join_request_digest(struct mh_buf body, u8 digest[MH_HASH_LEN]);	/* what is signed */
/* fingerprint's, and the bundle's */
void mh_join_request_hash(struct mh_buf whole, u8 hash[MH_HASH_LEN]);
/* Both proofs of possession, a Kei-secret's zero. -EBADMSG */
int mh_join_request_verify(const struct mh_join_request *m);

/*
 * Join bundle = "MHJB" || u8 version || request hash 32 || u16 a || a * V(ANCHOR) (oldest, the
 *   genesis, first)
 *   || V(ENTITY) || u8 d || d * V(DELEGATION) || V(EPOCH) || u8 n (0..8) || n * v(address
 *   "host:port" or path) || secrets, where ENTITY has a key that is one
 * secrets = u8 route || enc or salt 32 || v(ct 48 or 80), of
 *	(Kei-secret 32, if Kei is one) || (Kec-secret 32, if Kec is one)
 *  host: HPKE to the request's one-time key, no aad
 *  code: AES-256-GCM(HKDF(salt, IKM = a code of 20 random bytes that a person brings, info), zero
 *	nonce)
 *  info = L("join secrets") || request hash || region_id
 */
#define MH_BUNDLE_MAX		(256 * 1024)
#define MH_BUNDLE_ADDRESSES	8
#define MH_JOIN_CODE_LEN	20
#define MH_JOIN_SECRETS_MAX	(2 * MH_KEY_LEN)
#define MH_JOIN_SEALED_MAX	(32 + MH_JOIN_SECRETS_MAX + MH_TAG_LEN)
enum mh_join_route { MH_ROUTE_HOST = 1, MH_ROUTE_CODE };
struct mh_bundle {
	const u8 *request_hash;
	u16 anchors;
	struct mh_buf anchor_bytes;	/* a * V(ANCHOR): walk with mh_reader */
	struct mh_buf entity;
	u8 delegations;
	struct mh_buf delegation[MH_IDR_DELEGATIONS];
	struct mh_buf epoch;
	u8 addresses;
	struct mh_buf address[MH_BUNDLE_ADDRESSES];
	u8 route;		/* enum mh_join_route; 0: no secrets */
	const u8 *enc;
	struct mh_buf sealed;
};

int mh_bundle_decode(struct mh_bundle *m, struct mh_buf in);
int mh_bundle_encode(const struct mh_bundle *m, u8 *out, size_t size);
/*
 * Seal a bundle's secrets; b, whose request_hash is set, gets views into out.  key: the one-time
 * public key, or the code.  random: eph or salt for vectors, else NULL.
 */
int mh_join_secrets_seal(struct mh_bundle *b, u8 route, struct mh_buf key, const u8 region[32],
			 struct mh_buf plain, const u8 *random, u8 out[MH_JOIN_SEALED_MAX]);
/*
 * Open them; key: the one-time private key, or the code.  Their length (32 or 64), which the
 * caller compares with ENTITY's kinds, as he does their kids; -EBADMSG.
 */
int mh_join_secrets_open(const struct mh_bundle *b, struct mh_buf key, const u8 region[32],
			 u8 plain[MH_JOIN_SECRETS_MAX]);

/*
 * Server card = "MHSC" || u8 version || v(name) || Ksp2 64 || Kfresh 64 || Kaudit 64 || Kcard
 *   X25519 32 || sig by Ksp2 64
 * over H(L("server card") || all before it).  Fingerprint: of H(L("card fingerprint") || whole).
 *   Kcard takes HPKE from officers.
 */
#define MH_CARD_MAX		512
struct mh_card {
	struct mh_buf name;
	const u8 *sp2, *fresh, *audit, *hpke, *sig;
	struct mh_buf signed_part;
};

int mh_card_decode(struct mh_card *m, struct mh_buf in);	/* verifies the signature */

/* V(x): u32 length then x, refused when longer than max */
struct mh_buf mh_read_big(struct mh_reader *r, size_t max);
void mh_write_big(struct mh_writer *w, struct mh_buf b);

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * STP handshake (PROTOCOL 2) and records (PROTOCOL 3), both ends, pure: the
 * caller moves bytes, holds keys, decides about trust.  One state enum, one
 * legal predecessor per step; a step out of turn, or any failure, ends the
 * session: state DEAD, all secrets wiped, every later call -EPIPE.
 *
 *	-> e                          initiator: hello
 *	<- e, ee, idR, sigR           responder: challenge_begin, challenge_finish
 *	-> idI, psk, authI            initiator: auth_begin, auth_finish; responder: auth_open,
 *		auth_finish
 *
 * Frames in and out are whole: header and body.
 */
#ifndef MH_CORE_STP_H
#define MH_CORE_STP_H

#include "messages.h"
#include "noise.h"

enum mh_stp_state {
	MH_STP_NEW,
	/* initiator */
	MH_STP_HELLO_SENT, MH_STP_CHALLENGE_OPENED, MH_STP_PEER_PROVEN, MH_STP_AUTH_BEGUN,
	/* responder */
	MH_STP_HELLO_TAKEN, MH_STP_CHALLENGE_BEGUN, MH_STP_CHALLENGE_SENT, MH_STP_AUTH_OPENED,
	MH_STP_OPEN,
	MH_STP_DEAD,
};

#define MH_STP_RECORDS_MAX	0x1000000ull	/* a direction */

struct mh_stp_dir {
	struct mh_aead *aead;
	u64 n;
};

struct mh_stp {
	struct mh_noise noise;
	enum mh_stp_state state;
	bool initiator;
	u8 region[32];
	u8 e[MH_KEY_LEN];	/* own ephemeral private; wiped at Split */
	u8 e_pub[MH_KEY_LEN];
	u8 peer_e[MH_KEY_LEN];	/* responder: of the hello */
	u32 idr_len;		/* responder: of the challenge being made */
	/* h after psk: what the audit keeps with idI and authI; before that, h that sigR is over */
	u8 h_auth[MH_HASH_LEN];
	u8 idi[MH_IDI_LEN];
	u8 authi[MH_SIG_LEN];
	struct mh_stp_dir tx, rx;
};

/* eph: 32 bytes of fixed randomness for vectors, NULL in production. */
void mh_stp_init(struct mh_stp *s, bool initiator);
void mh_stp_end(struct mh_stp *s);	/* wipes, destroys the AEADs; again is fine */

/* ---- initiator ---- */
/* out: MH_FRAME_HEADER + MH_HELLO_MAX; returns the frame's length */
int mh_stp_hello(struct mh_stp *s, const struct mh_p1 *p1, const u8 *eph, u8 *out, size_t size);
/* Opens idR into caller's buffer (MH_IDR_MAX); sigR is kept for the next step. */
int mh_stp_challenge(struct mh_stp *s, const u8 *frame, size_t n, u8 *idr, size_t *idr_len,
		     u8 sigr[MH_SIG_LEN]);
/* After the caller has verified the DELEGATIONs and EPOCH of idR: SP2 holds Ksp2. */
int mh_stp_prove_peer(struct mh_stp *s, const u8 ksp2[MH_P256_PUB_LEN], const u8 sigr[MH_SIG_LEN]);
/*
 * Seals idI, mixes psk; digest is H(A) for ECDSA(Kei) or, mac mode, a is what HMAC takes (see
 * _auth_mac).
 */
int mh_stp_auth_begin(struct mh_stp *s, const struct mh_idi *idi, const u8 psk[32],
		      u8 digest[MH_HASH_LEN], u8 *out, size_t size);
/*
 * authi: r||s, or MAC and 32 zero bytes; out is the same buffer; returns the frame's length.
 * Splits.
 */
int mh_stp_auth_finish(struct mh_stp *s, const u8 authi[MH_SIG_LEN], u8 *out, size_t size);

/* ---- responder ---- */
/* p1's views point into frame. */
int mh_stp_take_hello(struct mh_stp *s, const u8 *frame, size_t n, struct mh_p1 *p1);
/* Seals idR into out; digest is what Ksp2 signs. */
int mh_stp_challenge_begin(struct mh_stp *s, struct mh_buf idr, const u8 *eph,
			   u8 digest[MH_HASH_LEN], u8 *out, size_t size);
int mh_stp_challenge_finish(struct mh_stp *s, const u8 sigr[MH_SIG_LEN], u8 *out, size_t size);
/* Opens idI; its name says whose keys to look up. idi's views point into s. */
int mh_stp_auth_open(struct mh_stp *s, const u8 *frame, size_t n, struct mh_idi *idi);
/*
 * The AEAD tag (the Kec proof) first, then the authenticator: by kei_kind
 * (mh_key_kind) of the *record*: Kei-public 64, or Kei_X 32.  Splits.
 */
int mh_stp_auth_verify(struct mh_stp *s, const u8 *frame, size_t n, const u8 psk[32], u8 kei_kind,
		       const u8 *kei);

/* A = L("auth SP1") || h || idI: its MAC under Kei_X, and zero padding */
int mh_stp_auth_mac(const struct mh_stp *s, const u8 kei_x[32], u8 authi[MH_SIG_LEN]);

/* psk of PROTOCOL 2; kei_secret NULL in signature mode. A missing Kpf is the caller's refusal. */
int mh_stp_psk(const u8 kpf[32], const u8 *kei_secret, const u8 x[32], u8 psk[32]);
/* The same of Kec itself: Kec-public or Kec-secret */
int mh_stp_psk_of(struct mh_buf kec, const u8 ecx[32], const u8 *kei_secret, const u8 x[32],
		  u8 psk[32]);
/*
 * authI of one whose Kei is of this kind (mh_key_kind): kei signs digest, or is the secret of a MAC
 * for the server x
 */
int mh_stp_authi(const struct mh_stp *s, u8 kei_kind, const u8 kei[32], const u8 x[32],
		 const u8 digest[MH_HASH_LEN], u8 authi[MH_SIG_LEN]);
int mh_stp_kei_x(const u8 kei_secret[32], const u8 x[32], u8 kei_x[32]);
int mh_stp_kpf(struct mh_buf kec, const u8 ecx[32], u8 kpf[32]);

/* ---- records ---- */
/*
 * Seal one record: body in place at out + MH_FRAME_HEADER + MH_RECORD_HEADER, of n bytes; the
 *   frame is
 * made around it.  Returns the frame's length.  -EMSGSIZE, -EDQUOT at 2^24 records (session ends).
 */
int mh_stp_seal(struct mh_stp *s, u8 type, u32 request, u8 *out, size_t n, size_t size);
/* Open a record frame in place; rec's body is a view into frame. -EBADMSG ends the session. */
int mh_stp_open(struct mh_stp *s, u8 *frame, size_t n, struct mh_record_hdr *rec);

/* Receipt chain, PROTOCOL 9: head = H(L("receipt") || head || leaf || u32 request || h) */
void mh_receipt_next(u8 head[MH_HASH_LEN], const u8 leaf[32], u32 request, const u8 h[32]);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a handshake over fixed keys, for tests, fuzzing and vectors.
 * No session's randomness is fixed unless ei and er are given.
 */
#ifndef UNIT_STP_PAIR_H
#define UNIT_STP_PAIR_H

#include "core/stp.h"

struct stp_keys {
	u8 region[32], x[32], psk[32], kpf[32];
	u8 ksp2[32], ksp2_pub[64];
	u8 kei[32], kei_pub[64];	/* signature mode */
	u8 kei_secret[32], kei_x[32];	/* mac mode */
	u8 kec[32];			/* Kec-public, or Kec-secret */
	bool mac;
};

struct stp_pair {
	struct mh_stp i, r;
	u8 hello[MH_FRAME_HEADER + MH_HELLO_MAX];
	u8 challenge[MH_FRAME_HEADER + MH_CHALLENGE_MAX];
	u8 auth[MH_FRAME_HEADER + MH_AUTH_LEN];
	size_t hello_n, challenge_n, auth_n;
	u8 idr[MH_IDR_MAX], sigr[64], authi[64];
	size_t idr_n;
	const u8 *ei, *er;		/* fixed ephemerals, or NULL */
};

static const struct mh_buf stp_idr = { .p = (const u8 *)"what SP2 shows", .n = 14 };

static inline void stp_fill(u8 *p, size_t n, u8 first)
{
	while (n--)
		*p++ = first++;
}

/* SP1's secrets towards x; kec is Kec-public or Kec-secret, context ecx of "host1". */
static inline int stp_keys_psk(struct stp_keys *k)
{
	u8 ecx[32];
	int ret;

	mh_ctx_entity(k->region, MH_BUF("host1", 5), ecx);
	ret = mh_stp_kpf(MH_BUF(k->kec, 32), ecx, k->kpf);
	if (!ret)
		ret = mh_stp_kei_x(k->kei_secret, k->x, k->kei_x);
	return ret ? ret : mh_stp_psk(k->kpf, k->mac ? k->kei_secret : NULL, k->x, k->psk);
}

static inline int stp_keys_make(struct stp_keys *k, bool mac)
{
	int ret;

	k->mac = mac;
	stp_fill(k->region, 32, 0x10);
	stp_fill(k->ksp2, 32, 0x21);
	stp_fill(k->kei, 32, 0x42);
	stp_fill(k->kei_secret, 32, 0x63);
	stp_fill(k->kec, 32, 0x84);
	mh_ctx_sp2(k->region, MH_BUF("repo1", 5), k->x);
	ret = mh_p256_public(k->ksp2_pub, k->ksp2);
	if (!ret)
		ret = mh_p256_public(k->kei_pub, k->kei);
	return ret ? ret : stp_keys_psk(k);
}

static inline void stp_pair_init(struct stp_pair *p)
{
	memset(p, 0, sizeof(*p));
	mh_stp_init(&p->i, true);
	mh_stp_init(&p->r, false);
}

static inline void stp_pair_end(struct stp_pair *p)
{
	mh_stp_end(&p->i);
	mh_stp_end(&p->r);
}

static inline int stp_hello(struct stp_pair *p, const struct stp_keys *k)
{
	const struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE,
				  .region = k->region, .anchor_serial = 3 };
	int ret = mh_stp_hello(&p->i, &p1, p->ei, p->hello, sizeof(p->hello));

	p->hello_n = ret < 0 ? 0 : (size_t)ret;
	return ret < 0 ? ret : 0;
}

static inline int stp_take_hello(struct stp_pair *p)
{
	struct mh_p1 p1;

	return mh_stp_take_hello(&p->r, p->hello, p->hello_n, &p1);
}

static inline int stp_make_challenge(struct stp_pair *p, const struct stp_keys *k)
{
	u8 digest[32];
	int ret = mh_stp_challenge_begin(&p->r, stp_idr, p->er, digest, p->challenge,
					 sizeof(p->challenge));

	if (!ret)
		ret = mh_p256_sign(k->ksp2, digest, p->sigr);
	if (!ret)
		ret = mh_stp_challenge_finish(&p->r, p->sigr, p->challenge, sizeof(p->challenge));
	p->challenge_n = ret < 0 ? 0 : (size_t)ret;
	return ret < 0 ? ret : 0;
}

static inline int stp_take_challenge(struct stp_pair *p, const struct stp_keys *k)
{
	u8 sigr[64];
	int ret = mh_stp_challenge(&p->i, p->challenge, p->challenge_n, p->idr, &p->idr_n, sigr);

	return ret ? ret : mh_stp_prove_peer(&p->i, k->ksp2_pub, sigr);
}

static inline struct mh_idi stp_idi(void)
{
	struct mh_idi idi = { .name = MH_BUF("host1", 5), .entity_serial = 7, .sessions = 9,
			      .receipts = 2 };

	stp_fill(idi.incarnation, sizeof(idi.incarnation), 0xa0);
	stp_fill(idi.head, sizeof(idi.head), 0xb0);
	return idi;
}

/* authi NULL: made as the mode says */
static inline int stp_make_auth(struct stp_pair *p, const struct stp_keys *k, const u8 *authi)
{
	const struct mh_idi idi = stp_idi();
	u8 digest[32];
	int ret = mh_stp_auth_begin(&p->i, &idi, k->psk, digest, p->auth, sizeof(p->auth));

	if (!ret && authi)
		memcpy(p->authi, authi, 64);
	else if (!ret)
		ret = k->mac ? mh_stp_auth_mac(&p->i, k->kei_x, p->authi) :
			       mh_p256_sign(k->kei, digest, p->authi);
	if (!ret)
		ret = mh_stp_auth_finish(&p->i, p->authi, p->auth, sizeof(p->auth));
	p->auth_n = ret < 0 ? 0 : (size_t)ret;
	return ret < 0 ? ret : 0;
}

/* k: SP2's record of the Entity */
static inline int stp_take_auth(struct stp_pair *p, const struct stp_keys *k)
{
	struct mh_idi idi;
	int ret = mh_stp_auth_open(&p->r, p->auth, p->auth_n, &idi);

	return ret ? ret : mh_stp_auth_verify(&p->r, p->auth, p->auth_n, k->psk,
					      k->mac ? MH_KIND_SECRET : MH_KIND_PAIR,
					      k->mac ? k->kei_x : k->kei_pub);
}

/* All three messages; k on both ends. */
static inline int stp_handshake(struct stp_pair *p, const struct stp_keys *k)
{
	int ret = stp_hello(p, k);

	if (!ret)
		ret = stp_take_hello(p);
	if (!ret)
		ret = stp_make_challenge(p, k);
	if (!ret)
		ret = stp_take_challenge(p, k);
	if (!ret)
		ret = stp_make_auth(p, k, NULL);
	return ret ? ret : stp_take_auth(p, k);
}

/* A record of n times c in frame (MH_FRAME_MAX); its length, or -errno */
static inline int stp_record(struct mh_stp *s, u8 type, u32 request, u8 c, size_t n, u8 *frame)
{
	if (n <= MH_FRAME_MAX - MH_FRAME_HEADER - MH_RECORD_HEADER)
		memset(frame + MH_FRAME_HEADER + MH_RECORD_HEADER, c, n);
	return mh_stp_seal(s, type, request, frame, n, MH_FRAME_MAX);
}

#endif

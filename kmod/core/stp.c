// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * STP's handshake, both ends (PROTOCOL 2):
 *
 *	prologue: L("stp") || P1
 *	-> e					payload empty: a tag
 *	<- e, ee, idR, sigR
 *	-> idI, psk, authI			then Split
 *
 * Noise 9.2: with a psk, e is MixHash and MixKey.
 */
#include "stp.h"

enum { TAGGED_IDI = MH_IDI_LEN + MH_TAG_LEN, TAGGED_SIG = MH_SIG_LEN + MH_TAG_LEN };

void mh_stp_init(struct mh_stp *s, bool initiator)
{
	memset(s, 0, sizeof(*s));
	s->initiator = initiator;
}

void mh_stp_end(struct mh_stp *s)
{
	mh_aead_destroy(s->tx.aead);
	mh_aead_destroy(s->rx.aead);
	mh_noise_wipe(&s->noise);
	mh_wipe(s->e, sizeof(s->e));
	s->tx.aead = NULL;
	s->rx.aead = NULL;
	s->state = MH_STP_DEAD;
}

/* Every step begins with this: the one legal predecessor.  A step out of turn ends the session. */
static int enter(struct mh_stp *s, enum mh_stp_state want, bool initiator)
{
	if (s->state == want && s->initiator == initiator)
		return 0;
	mh_stp_end(s);
	return -EPIPE;
}

/* ... and ends with this: on, or dead. */
static int leave(struct mh_stp *s, int ret, enum mh_stp_state next)
{
	if (ret < 0)
		mh_stp_end(s);
	else
		s->state = next;
	return ret;
}

static void start(struct mh_stp *s, struct mh_buf p1)
{
	const struct mh_buf prologue[] = { MH_L("stp"), p1 };

	mh_noise_init(&s->noise, MH_BUF(MH_STP_PROTOCOL, sizeof(MH_STP_PROTOCOL) - 1), prologue, 2);
}

static int make_e(struct mh_stp *s, const u8 *eph)
{
	int ret = 0;

	if (eph)
		memcpy(s->e, eph, sizeof(s->e));
	else
		ret = mh_random(s->e, sizeof(s->e));
	return ret ? ret : mh_x25519_public(s->e_pub, s->e);
}

/* Token e: MixHash(e), MixKey(e) */
static int mix_e(struct mh_stp *s, const u8 *e)
{
	mh_noise_mix_hash(&s->noise, MH_BUF(e, MH_KEY_LEN));
	return mh_noise_mix_key(&s->noise, MH_BUF(e, MH_KEY_LEN));
}

/* Token ee; an all-zero result ends the session */
static int mix_ee(struct mh_stp *s, const u8 *peer)
{
	u8 dh[MH_KEY_LEN];
	int ret = mh_x25519(dh, s->e, peer);

	if (!ret)
		ret = mh_noise_mix_key(&s->noise, MH_BUF(dh, sizeof(dh)));
	mh_wipe(dh, sizeof(dh));
	return ret;
}

/* H(L(label) || h [|| idI]) */
static void auth_digest(const u8 h[MH_HASH_LEN], struct mh_buf label, const u8 *idi,
			u8 digest[MH_HASH_LEN])
{
	const struct mh_buf v[] = { label, MH_BUF(h, MH_HASH_LEN),
				    MH_BUF(idi, idi ? MH_IDI_LEN : 0) };

	mh_sha256v(digest, v, 3);
}

static int split(struct mh_stp *s)
{
	u8 k1[MH_KEY_LEN], k2[MH_KEY_LEN];
	int ret = mh_noise_split(&s->noise, k1, k2);

	if (!ret)
		ret = mh_aead_create(s->initiator ? &s->tx.aead : &s->rx.aead, k1);
	if (!ret)
		ret = mh_aead_create(s->initiator ? &s->rx.aead : &s->tx.aead, k2);
	mh_wipe(k1, sizeof(k1));
	mh_wipe(k2, sizeof(k2));
	mh_wipe(s->e, sizeof(s->e));
	return ret;
}

/* The frame's body, when its header is of this kind and says its length. */
static int body_of(const u8 *frame, size_t n, u8 kind, struct mh_buf *body)
{
	u8 got;
	u32 len;

	if (n < MH_FRAME_HEADER || mh_frame_parse(frame, &got, &len) || got != kind ||
	    len != n - MH_FRAME_HEADER)
		return -EBADMSG;
	*body = MH_BUF(frame + MH_FRAME_HEADER, len);
	return 0;
}

/* ---- message 1 ---- */

int mh_stp_hello(struct mh_stp *s, const struct mh_p1 *p1, const u8 *eph, u8 *out, size_t size)
{
	u8 *p = out + MH_FRAME_HEADER;
	int n, ret = enter(s, MH_STP_NEW, true);

	if (ret)
		return ret;
	if (size < MH_FRAME_HEADER + MH_HELLO_MAX)
		return leave(s, -ENOSPC, MH_STP_DEAD);
	n = mh_p1_encode(p1, p + 2, MH_P1_MAX);
	if (n < 0)
		return leave(s, n, MH_STP_DEAD);
	mh_put16(p, (u16)n);
	memcpy(s->region, p1->region, 32);
	start(s, MH_BUF(p + 2, n));
	p += 2 + n;
	ret = make_e(s, eph);
	if (!ret) {
		memcpy(p, s->e_pub, MH_KEY_LEN);
		ret = mix_e(s, s->e_pub);
	}
	if (!ret)
		ret = mh_noise_encrypt_and_hash(&s->noise, p, 0, p + MH_KEY_LEN);
	n += 2 + MH_KEY_LEN + MH_TAG_LEN;
	mh_frame_header(out, MH_F_HELLO, (u32)n);
	return leave(s, ret ? ret : MH_FRAME_HEADER + n, MH_STP_HELLO_SENT);
}

int __init mh_stp_take_hello(struct mh_stp *s, const u8 *frame, size_t n, struct mh_p1 *p1)
{
	struct mh_buf body, first, e, tag;
	struct mh_reader r;
	u8 none[1];
	int ret = enter(s, MH_STP_NEW, false);

	if (ret)
		return ret;
	ret = body_of(frame, n, MH_F_HELLO, &body);
	if (ret)
		return leave(s, ret, MH_STP_DEAD);
	mh_reader_init(&r, body.p, body.n);
	first = mh_read_v(&r, MH_P1_MAX);
	e = mh_read_bytes(&r, MH_KEY_LEN);
	tag = mh_read_bytes(&r, MH_TAG_LEN);
	ret = mh_read_end(&r);
	if (!ret)
		ret = mh_p1_decode(p1, first);
	if (ret)
		return leave(s, ret, MH_STP_DEAD);
	memcpy(s->region, p1->region, 32);
	memcpy(s->peer_e, e.p, MH_KEY_LEN);
	start(s, first);
	ret = mix_e(s, e.p);
	if (!ret)
		ret = mh_noise_decrypt_and_hash(&s->noise, tag.p, tag.n, none);
	return leave(s, ret, MH_STP_HELLO_TAKEN);
}

/* ---- message 2 ---- */

int __init mh_stp_challenge_begin(struct mh_stp *s, struct mh_buf idr, const u8 *eph,
				  u8 digest[MH_HASH_LEN], u8 *out, size_t size)
{
	u8 *p = out + MH_FRAME_HEADER;
	int ret = enter(s, MH_STP_HELLO_TAKEN, false);

	if (ret)
		return ret;
	if (idr.n > MH_IDR_MAX || size < MH_FRAME_HEADER + 32 + 2 + idr.n + MH_TAG_LEN + TAGGED_SIG)
		return leave(s, -ENOSPC, MH_STP_DEAD);
	ret = make_e(s, eph);
	if (!ret) {
		memcpy(p, s->e_pub, MH_KEY_LEN);
		mh_put16(p + 32, (u16)(idr.n + MH_TAG_LEN));
		ret = mix_e(s, s->e_pub);
	}
	if (!ret)
		ret = mix_ee(s, s->peer_e);
	if (!ret)
		ret = mh_noise_encrypt_and_hash(&s->noise, idr.p, idr.n, p + 34);
	if (!ret)
		auth_digest(s->noise.h, MH_L("auth SP2"), NULL, digest);
	s->idr_len = (u32)idr.n;
	return leave(s, ret, MH_STP_CHALLENGE_BEGUN);
}

int __init mh_stp_challenge_finish(struct mh_stp *s, const u8 sigr[MH_SIG_LEN], u8 *out,
				   size_t size)
{
	size_t n = 34 + (size_t)s->idr_len + MH_TAG_LEN;
	int ret = enter(s, MH_STP_CHALLENGE_BEGUN, false);

	if (ret)
		return ret;
	if (size < MH_FRAME_HEADER + n + TAGGED_SIG)
		return leave(s, -ENOSPC, MH_STP_DEAD);
	ret = mh_noise_encrypt_and_hash(&s->noise, sigr, MH_SIG_LEN, out + MH_FRAME_HEADER + n);
	n += TAGGED_SIG;
	mh_frame_header(out, MH_F_CHALLENGE, (u32)n);
	return leave(s, ret ? ret : (int)(MH_FRAME_HEADER + n), MH_STP_CHALLENGE_SENT);
}

int mh_stp_challenge(struct mh_stp *s, const u8 *frame, size_t n, u8 *idr, size_t *idr_len,
		     u8 sigr[MH_SIG_LEN])
{
	struct mh_buf body, e, sealed, sig;
	struct mh_reader r;
	int ret = enter(s, MH_STP_HELLO_SENT, true);

	if (ret)
		return ret;
	ret = body_of(frame, n, MH_F_CHALLENGE, &body);
	if (ret)
		return leave(s, ret, MH_STP_DEAD);
	mh_reader_init(&r, body.p, body.n);
	e = mh_read_bytes(&r, MH_KEY_LEN);
	sealed = mh_read_v(&r, MH_IDR_MAX + MH_TAG_LEN);
	sig = mh_read_bytes(&r, TAGGED_SIG);
	ret = mh_read_end(&r);
	if (!ret)
		ret = mix_e(s, e.p);
	if (!ret)
		ret = mix_ee(s, e.p);
	if (!ret)
		ret = mh_noise_decrypt_and_hash(&s->noise, sealed.p, sealed.n, idr);
	if (!ret) {
		*idr_len = sealed.n - MH_TAG_LEN;
		memcpy(s->h_auth, s->noise.h, MH_HASH_LEN);	/* what sigR is over */
		ret = mh_noise_decrypt_and_hash(&s->noise, sig.p, sig.n, sigr);
	}
	return leave(s, ret, MH_STP_CHALLENGE_OPENED);
}

int mh_stp_prove_peer(struct mh_stp *s, const u8 ksp2[MH_P256_PUB_LEN], const u8 sigr[MH_SIG_LEN])
{
	u8 digest[MH_HASH_LEN];
	int ret = enter(s, MH_STP_CHALLENGE_OPENED, true);

	if (ret)
		return ret;
	auth_digest(s->h_auth, MH_L("auth SP2"), NULL, digest);
	return leave(s, mh_p256_verify(ksp2, digest, sigr), MH_STP_PEER_PROVEN);
}

/* ---- message 3 ---- */

int mh_stp_auth_begin(struct mh_stp *s, const struct mh_idi *idi, const u8 psk[32],
		      u8 digest[MH_HASH_LEN], u8 *out, size_t size)
{
	int ret = enter(s, MH_STP_PEER_PROVEN, true);

	if (ret)
		return ret;
	if (size < MH_FRAME_HEADER + MH_AUTH_LEN)
		return leave(s, -ENOSPC, MH_STP_DEAD);
	ret = mh_idi_encode(idi, s->idi);
	if (ret > 0)
		ret = mh_noise_encrypt_and_hash(&s->noise, s->idi, MH_IDI_LEN,
						out + MH_FRAME_HEADER);
	if (!ret)
		ret = mh_noise_mix_key_and_hash(&s->noise, MH_BUF(psk, 32));
	memcpy(s->h_auth, s->noise.h, MH_HASH_LEN);
	auth_digest(s->h_auth, MH_L("auth SP1"), s->idi, digest);
	return leave(s, ret, MH_STP_AUTH_BEGUN);
}

int mh_stp_auth_finish(struct mh_stp *s, const u8 authi[MH_SIG_LEN], u8 *out, size_t size)
{
	int ret = enter(s, MH_STP_AUTH_BEGUN, true);

	if (ret)
		return ret;
	if (size < MH_FRAME_HEADER + MH_AUTH_LEN)
		return leave(s, -ENOSPC, MH_STP_DEAD);
	memcpy(s->authi, authi, MH_SIG_LEN);
	ret = mh_noise_encrypt_and_hash(&s->noise, authi, MH_SIG_LEN,
					out + MH_FRAME_HEADER + TAGGED_IDI);
	if (!ret)
		ret = split(s);
	mh_frame_header(out, MH_F_AUTH, MH_AUTH_LEN);
	return leave(s, ret ? ret : MH_FRAME_HEADER + MH_AUTH_LEN, MH_STP_OPEN);
}

int __init mh_stp_auth_open(struct mh_stp *s, const u8 *frame, size_t n, struct mh_idi *idi)
{
	struct mh_buf body;
	int ret = enter(s, MH_STP_CHALLENGE_SENT, false);

	if (ret)
		return ret;
	ret = body_of(frame, n, MH_F_AUTH, &body);
	if (!ret && body.n != MH_AUTH_LEN)
		ret = -EBADMSG;
	if (!ret)
		ret = mh_noise_decrypt_and_hash(&s->noise, body.p, TAGGED_IDI, s->idi);
	if (!ret)
		ret = mh_idi_decode(idi, s->idi);
	return leave(s, ret, MH_STP_AUTH_OPENED);
}

int __init mh_stp_auth_verify(struct mh_stp *s, const u8 *frame, size_t n, const u8 psk[32],
			      u8 kei_kind, const u8 *kei)
{
	u8 digest[MH_HASH_LEN], want[MH_SIG_LEN];
	struct mh_buf body;
	int ret = enter(s, MH_STP_AUTH_OPENED, false);

	if (ret)
		return ret;
	ret = body_of(frame, n, MH_F_AUTH, &body);
	if (!ret && body.n != MH_AUTH_LEN)
		ret = -EBADMSG;
	if (!ret)
		ret = mh_noise_mix_key_and_hash(&s->noise, MH_BUF(psk, 32));
	memcpy(s->h_auth, s->noise.h, MH_HASH_LEN);
	if (!ret)	/* the Kec proof: a stranger ends here, before any public-key work */
		ret = mh_noise_decrypt_and_hash(&s->noise, body.p + TAGGED_IDI, TAGGED_SIG,
						s->authi);
	if (!ret && kei_kind == MH_KIND_PAIR) {
		auth_digest(s->h_auth, MH_L("auth SP1"), s->idi, digest);
		ret = mh_p256_verify(kei, digest, s->authi);
	} else if (!ret && kei_kind == MH_KIND_SECRET) {
		ret = mh_stp_auth_mac(s, kei, want);
		if (!ret && !mh_ct_equal(want, s->authi, sizeof(want)))	/* zeros behind it, too */
			ret = -EBADMSG;
		mh_wipe(want, sizeof(want));
	} else if (!ret) {
		ret = -EBADMSG;
	}
	if (!ret)
		ret = split(s);
	return leave(s, ret, MH_STP_OPEN);
}

int mh_stp_auth_mac(const struct mh_stp *s, const u8 kei_x[32], u8 authi[MH_SIG_LEN])
{
	const struct mh_buf v[] = { MH_L("auth SP1"), MH_BUF(s->h_auth, MH_HASH_LEN),
				    MH_BUF(s->idi, MH_IDI_LEN) };

	memset(authi, 0, MH_SIG_LEN);
	return mh_hmac_sha256v(kei_x, 32, v, 3, authi);
}

/* ---- keys of PROTOCOL 2 ---- */

int mh_stp_kpf(struct mh_buf kec, const u8 ecx[32], u8 kpf[32])
{
	return mh_sub(kec, MH_L("kec proof"), MH_BUF(ecx, 32), kpf, 32);
}

int mh_stp_kei_x(const u8 kei_secret[32], const u8 x[32], u8 kei_x[32])
{
	return mh_sub(MH_BUF(kei_secret, 32), MH_L("kei mac to"), MH_BUF(x, 32), kei_x, 32);
}

int mh_stp_psk(const u8 kpf[32], const u8 *kei_secret, const u8 x[32], u8 psk[32])
{
	static const char salt[] = "microhsm v1 psk";
	u8 ikm[64] = { 0 };
	const struct mh_buf v = MH_BUF(ikm, sizeof(ikm));
	int ret = mh_sub(MH_BUF(kpf, 32), MH_L("kec proof to"), MH_BUF(x, 32), ikm, 32);

	if (!ret && kei_secret)
		ret = mh_sub(MH_BUF(kei_secret, 32), MH_L("kei psk to"), MH_BUF(x, 32), ikm + 32,
			     32);
	if (!ret)
		ret = mh_hkdf_extract((const u8 *)salt, sizeof(salt) - 1, &v, 1, psk);
	mh_wipe(ikm, sizeof(ikm));
	return ret;
}

int mh_stp_psk_of(struct mh_buf kec, const u8 ecx[32], const u8 *kei_secret, const u8 x[32],
		  u8 psk[32])
{
	u8 kpf[MH_KEY_LEN];
	int ret = mh_stp_kpf(kec, ecx, kpf);

	if (!ret)
		ret = mh_stp_psk(kpf, kei_secret, x, psk);
	mh_wipe(kpf, sizeof(kpf));
	return ret;
}

int mh_stp_authi(const struct mh_stp *s, u8 kei_kind, const u8 kei[32], const u8 x[32],
		 const u8 digest[MH_HASH_LEN], u8 authi[MH_SIG_LEN])
{
	u8 kei_x[MH_KEY_LEN];
	int ret;

	if (kei_kind == MH_KIND_PAIR)
		return mh_p256_sign(kei, digest, authi);
	ret = mh_stp_kei_x(kei, x, kei_x);
	if (!ret)
		ret = mh_stp_auth_mac(s, kei_x, authi);
	mh_wipe(kei_x, sizeof(kei_x));
	return ret;
}

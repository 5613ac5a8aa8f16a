// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* STP's records under Split's keys (PROTOCOL 3); see stp.h. */
#include "stp.h"

int mh_stp_seal(struct mh_stp *s, u8 type, u32 request, u8 *out, size_t n, size_t size)
{
	u8 nonce[MH_NONCE_LEN], *p = out + MH_FRAME_HEADER;
	size_t plain = MH_RECORD_HEADER + n;
	int ret;

	if (s->state != MH_STP_OPEN) {	/* Data before authI, REQUEST before authI */
		mh_stp_end(s);
		return -EPIPE;
	}
	if (plain > MH_RECORD_PLAIN_MAX || size < MH_FRAME_HEADER + plain + MH_TAG_LEN)
		return -EMSGSIZE;
	if (s->tx.n >= MH_STP_RECORDS_MAX) {
		mh_stp_end(s);
		return -EDQUOT;
	}
	mh_record_begin(p, type, request);
	mh_frame_header(out, MH_F_RECORD, (u32)(plain + MH_TAG_LEN));
	mh_noise_nonce(s->tx.n++, nonce);
	ret = mh_aead_seal(s->tx.aead, nonce, MH_BUF(out, MH_FRAME_HEADER), p, plain, p);
	if (ret)
		mh_stp_end(s);
	return ret ? ret : (int)(MH_FRAME_HEADER + plain + MH_TAG_LEN);
}

int mh_stp_open(struct mh_stp *s, u8 *frame, size_t n, struct mh_record_hdr *rec)
{
	u8 nonce[MH_NONCE_LEN], kind, *p = frame + MH_FRAME_HEADER;
	u32 len;
	int ret = -EBADMSG;

	if (s->state != MH_STP_OPEN) {
		mh_stp_end(s);
		return -EPIPE;
	}
	if (n >= MH_FRAME_HEADER && !mh_frame_parse(frame, &kind, &len) && kind == MH_F_RECORD &&
	    len == n - MH_FRAME_HEADER && len >= MH_RECORD_HEADER + MH_TAG_LEN &&
	    s->rx.n < MH_STP_RECORDS_MAX) {
		mh_noise_nonce(s->rx.n++, nonce);
		ret = mh_aead_open(s->rx.aead, nonce, MH_BUF(frame, MH_FRAME_HEADER), p, len, p);
		if (!ret)
			ret = mh_record_decode(rec, MH_BUF(p, len - MH_TAG_LEN));
	}
	if (ret)
		mh_stp_end(s);
	return ret;
}

void mh_receipt_next(u8 head[MH_HASH_LEN], const u8 leaf[32], u32 request, const u8 h[32])
{
	u8 id[4];
	const struct mh_buf v[] = { MH_L("receipt"), MH_BUF(head, 32), MH_BUF(leaf, 32),
				    MH_BUF(id, 4), MH_BUF(h, 32) };

	mh_put32(id, request);
	mh_sha256v(head, v, ARRAY_SIZE(v));
}

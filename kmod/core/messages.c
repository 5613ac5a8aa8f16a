// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* STP's messages: frames, handshake fields, records; see messages.h. */
#include "messages.h"

struct mh_buf mh_read_big(struct mh_reader *r, size_t max)
{
	u32 n = mh_read_u32(r);

	if (n > max && !r->err)
		r->err = -EBADMSG;
	return mh_read_bytes(r, n);
}

void mh_write_big(struct mh_writer *w, struct mh_buf b)
{
	mh_write_u32(w, (u32)b.n);
	mh_write_bytes(w, b.p, b.n);
}

/* ---- frames ---- */

void mh_frame_header(u8 out[MH_FRAME_HEADER], u8 kind, u32 len)
{
	mh_put32(out, len);
	out[0] = kind;
}

int mh_frame_parse(const u8 in[MH_FRAME_HEADER], u8 *kind, u32 *len)
{
	static const u32 most[] = {
		[MH_F_HELLO] = MH_HELLO_MAX,	    [MH_F_CHALLENGE] = MH_CHALLENGE_MAX,
		[MH_F_AUTH] = MH_AUTH_LEN,	    [MH_F_RECORD] = MH_FRAME_BODY_MAX,
		[MH_F_ANCHORS] = MH_FRAME_BODY_MAX,
	};

	*kind = in[0];
	*len = mh_get32(in) & 0xffffff;
	if (*kind < MH_F_HELLO || *kind > MH_F_ANCHORS || !*len || *len > most[*kind])
		return -EBADMSG;
	return 0;
}

/* ---- handshake ---- */

int mh_p1_decode(struct mh_p1 *m, struct mh_buf in)
{
	struct mh_reader r;
	u8 ticket;

	mh_reader_init(&r, in.p, in.n);
	m->version = mh_read_u8(&r);
	m->suite = mh_read_u8(&r);
	m->region = mh_read_bytes(&r, 32).p;
	m->anchor_serial = mh_read_u64(&r);
	ticket = mh_read_u8(&r);
	if (ticket && ticket != MH_TICKET_LEN)
		return -EBADMSG;
	m->ticket = mh_read_bytes(&r, ticket);
	if (mh_read_end(&r))
		return -EBADMSG;
	return m->version != MH_STP_VERSION || m->suite != MH_STP_SUITE ? -EPROTONOSUPPORT : 0;
}

int mh_p1_encode(const struct mh_p1 *m, u8 *out, size_t size)
{
	struct mh_writer w;

	mh_writer_init(&w, out, size);
	mh_write_u8(&w, m->version);
	mh_write_u8(&w, m->suite);
	mh_write_bytes(&w, m->region, 32);
	mh_write_u64(&w, m->anchor_serial);
	mh_write_u8(&w, (u8)m->ticket.n);
	mh_write_bytes(&w, m->ticket.p, m->ticket.n);
	return mh_written(&w);
}

int mh_idr_decode(struct mh_idr *m, struct mh_buf in)
{
	struct mh_reader r;
	u8 i;

	if (in.n > MH_IDR_MAX)
		return -EBADMSG;
	mh_reader_init(&r, in.p, in.n);
	m->versions = mh_read_bytes(&r, mh_read_u8(&r));
	m->delegations = mh_read_u8(&r);
	if (!m->versions.n || !m->delegations || m->delegations > MH_IDR_DELEGATIONS)
		return -EBADMSG;
	for (i = 0; i < m->delegations; i++)
		m->delegation[i] = mh_read_big(&r, MH_STMT_MAX);
	m->epoch = mh_read_big(&r, MH_STMT_MAX);
	if (mh_read_end(&r))
		return -EBADMSG;
	/* it speaks what is spoken, which is the best that this end knows */
	return memchr(m->versions.p, MH_STP_VERSION, m->versions.n) ? 0 : -EPROTONOSUPPORT;
}

int __init mh_idr_encode(const struct mh_idr *m, u8 *out, size_t size)
{
	struct mh_writer w;
	u8 i;

	mh_writer_init(&w, out, size < MH_IDR_MAX ? size : MH_IDR_MAX);
	mh_write_u8(&w, (u8)m->versions.n);
	mh_write_bytes(&w, m->versions.p, m->versions.n);
	mh_write_u8(&w, m->delegations);
	for (i = 0; i < m->delegations; i++)
		mh_write_big(&w, m->delegation[i]);
	mh_write_big(&w, m->epoch);
	return mh_written(&w);
}

int mh_idi_decode(struct mh_idi *m, const u8 in[MH_IDI_LEN])
{
	struct mh_reader r;
	struct mh_buf b;

	mh_reader_init(&r, in, MH_IDI_LEN);
	m->name = mh_read_bytes(&r, mh_read_u8(&r));
	m->entity_serial = mh_read_u64(&r);
	b = mh_read_bytes(&r, MH_INCARNATION_LEN);
	if (b.p)
		memcpy(m->incarnation, b.p, b.n);
	m->sessions = mh_read_u64(&r);
	m->receipts = mh_read_u64(&r);
	b = mh_read_bytes(&r, MH_HASH_LEN);
	if (b.p)
		memcpy(m->head, b.p, b.n);
	mh_read_zero(&r, r.left);
	return mh_read_end(&r) || !mh_name_ok(m->name) ? -EBADMSG : 0;
}

int mh_idi_encode(const struct mh_idi *m, u8 out[MH_IDI_LEN])
{
	struct mh_writer w;

	mh_writer_init(&w, out, MH_IDI_LEN);
	mh_write_u8(&w, (u8)m->name.n);
	mh_write_bytes(&w, m->name.p, m->name.n);
	mh_write_u64(&w, m->entity_serial);
	mh_write_bytes(&w, m->incarnation, MH_INCARNATION_LEN);
	mh_write_u64(&w, m->sessions);
	mh_write_u64(&w, m->receipts);
	mh_write_bytes(&w, m->head, MH_HASH_LEN);
	mh_write_zero(&w, MH_IDI_LEN - w.len);
	return mh_written(&w);
}

/* ---- records ---- */

int mh_record_decode(struct mh_record_hdr *m, struct mh_buf plain)
{
	bool push;

	if (plain.n < MH_RECORD_HEADER || plain.n > MH_RECORD_PLAIN_MAX)
		return -EBADMSG;
	m->type = plain.p[0];
	m->request = mh_get32(plain.p + 1);
	m->body = MH_BUF(plain.p + MH_RECORD_HEADER, plain.n - MH_RECORD_HEADER);
	push = m->type >= MH_R_PUSH;	/* only these bear request 0 */
	if (m->type < MH_R_REQUEST || m->type > MH_R_CLOSE || push != !m->request)
		return -EBADMSG;
	return 0;
}

void mh_record_begin(u8 out[MH_RECORD_HEADER], u8 type, u32 request)
{
	out[0] = type;
	mh_put32(out + 1, request);
}

int __init mh_request_decode(struct mh_request *m, struct mh_buf body)
{
	struct mh_reader r;

	mh_reader_init(&r, body.p, body.n);
	m->name = mh_read_v(&r, MH_DATASET_MAX);
	m->version = mh_read_u64(&r);
	m->purpose = mh_read_u8(&r);
	m->held = mh_read_bytes(&r, 32).p;
	m->statements = mh_read_bytes(&r, 32).p;
	if (mh_read_end(&r) || !mh_dataset_name_ok(m->name) || m->purpose < MH_PURPOSE_FETCH ||
	    m->purpose > MH_PURPOSE_PROVIDE)
		return -EBADMSG;
	return 0;
}

int mh_request_encode(const struct mh_request *m, u8 *out, size_t size)
{
	static const u8 none[32];
	struct mh_writer w;

	mh_writer_init(&w, out, size);
	mh_write_v(&w, m->name.p, m->name.n);
	mh_write_u64(&w, m->version);
	mh_write_u8(&w, m->purpose);
	mh_write_bytes(&w, m->held ? m->held : none, 32);
	mh_write_bytes(&w, m->statements ? m->statements : none, 32);
	return mh_written(&w);
}

int mh_done_decode(struct mh_done *m, struct mh_buf body)
{
	struct mh_reader r;

	mh_reader_init(&r, body.p, body.n);
	m->records = mh_read_u32(&r);
	m->manifest = mh_read_bytes(&r, 32).p;
	return mh_read_end(&r);
}

int mh_refused_decode(struct mh_refused *m, struct mh_buf body)
{
	struct mh_reader r;

	mh_reader_init(&r, body.p, body.n);
	m->code = mh_read_u8(&r);
	m->retry_after = mh_read_u32(&r);
	m->step = mh_read_u8(&r);
	if (mh_read_end(&r) || m->code < MH_REFUSED_UNKNOWN || m->code > MH_REFUSED_LIMIT ||
	    m->step > 4)
		return -EBADMSG;
	return 0;
}

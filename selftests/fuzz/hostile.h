/* SPDX-License-Identifier: MIT */
/*
 * The hostile server of fuzz_client and fuzz_session: what it sends, as steps of four bytes say,
 * and what it may expect of SP1.  It holds every server key, the session's keys, and no officer's.
 */
#ifndef FUZZ_HOSTILE_H
#define FUZZ_HOSTILE_H

#include "server.h"

#define STEPS	64

static struct server made[2], *v;
static const u8 *script;
static size_t left;
static struct mh_stp sp2;
static u8 out[1 << 19], hello[MH_FRAME_HEADER + MH_HELLO_MAX];
static size_t out_n, out_at, hello_n;
/* idR of these DELEGATIONs and EPOCH is believed, and names this key as SP2's */
static bool holds(const u8 *d, u8 n, u8 epoch, u8 key);
static bool proven, authed, honest;	/* an idR and sigR that hold went out; authI came back */
static unsigned int sent;		/* frames of SP1 */
static u32 request;			/* the last that it made, and how much of its answer went */
static const struct answer_of *answer;
static unsigned int record_at, records;
static u32 went, told;			/* of the answer; what DONE says went */
static u8 spoil, spoil_at, spoil_with, bend, bend_at;

/* ---- frames of the server ---- */

static void post(u8 *frame, size_t n)
{
	if (out_n + 2 * n > sizeof(out))
		return;
	switch (bend % 5) {
	case 1:
		frame[bend_at * n / 256] ^= (u8)(1 << (bend_at & 7));
		proven &= sp2.state == MH_STP_OPEN;
		break;
	case 2:
		n = bend_at * n / 256;
		proven &= sp2.state == MH_STP_OPEN;
		break;
	case 3:
		memcpy(out + out_n, frame, n);
		out_n += n;
		break;
	case 4:
		frame[0] = bend_at;
		proven &= sp2.state == MH_STP_OPEN || bend_at == MH_F_CHALLENGE;
		break;
	}
	bend = 0;
	memcpy(out + out_n, frame, n);
	out_n += n;
}

static void send_record(u8 type, u32 id, const u8 *p, size_t n)
{
	static u8 frame[MH_FRAME_MAX];
	u8 *body = frame + MH_FRAME_HEADER + MH_RECORD_HEADER;
	int ret;

	if (sp2.state != MH_STP_OPEN || n > MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER)
		return;
	if (n)
		memcpy(body, p, n);
	if (spoil % 4 == 1 && n)
		body[spoil_at * n / 256] ^= spoil_with;
	else if (spoil % 4 == 2)
		n = spoil_at * n / 256;
	else if (spoil % 4 == 3)
		for (u8 i = 0; i < spoil_at && n < MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER; i++)
			body[n++] = spoil_with;
	spoil = 0;
	if (type == MH_R_DONE && n >= 4)
		told = mh_get32(body);
	else
		went += id == request;
	ret = mh_stp_seal(&sp2, type, id, frame, n, sizeof(frame));
	if (ret > 0)
		post(frame, (size_t)ret);
}

/* what: which statements; how: who signs, over what, and with whose versions */
static void challenge(const u8 *d, u8 n, u8 epoch, u8 how)
{
	static u8 frame[MH_FRAME_HEADER + MH_CHALLENGE_MAX];
	const u8 versions[] = { MH_STP_VERSION, 9 };
	const u8 *const keys[] = { v->sp2, v->fresh, v->onward, v->w.officer };
	struct mh_idr m = { .versions = MH_BUF(versions, 1 + (how >> 7)), .delegations = n,
			    .epoch = mh_bytes_buf(&v->st[epoch]) };
	u8 idr[MH_IDR_MAX], digest[32], sig[64];
	struct mh_p1 p1;
	int len, ret;

	if (!hello_n || sp2.state != MH_STP_NEW)
		return;
	must(!mh_stp_take_hello(&sp2, hello, hello_n, &p1) && p1.anchor_serial == 1);
	for (u8 i = 0; i < n; i++)
		m.delegation[i] = mh_bytes_buf(&v->st[d[i]]);
	len = mh_idr_encode(&m, idr, sizeof(idr));
	if (len < 0)
		return;
	if (spoil % 4 == 1)
		idr[spoil_at * len / 256] ^= spoil_with;
	else if (spoil % 4 == 2)
		len = spoil_at * len / 256;
	/* what was altered may be a version */
	proven = holds(d, n, epoch, how & 3) && !(how & 12);
	honest &= !spoil;
	if (spoil % 4 == 2)
		proven = false;
	if (spoil % 4 == 1 && spoil_with)
		proven &= spoil_at * len / 256 && spoil_at * len / 256 <= 1 + (how >> 7);
	if (HOSTILE_VERSIONS)
		proven &= idr[0] <= 2 && memchr(idr + 1, MH_STP_VERSION, idr[0]);
	spoil = 0;
	ret = mh_stp_challenge_begin(&sp2, MH_BUF(idr, len), NULL, digest, frame, sizeof(frame));
	must(!ret);
	digest[0] ^= how & 4;
	must(!mh_p256_sign(keys[how & 3], digest, sig));
	sig[how >> 2 & 63] ^= how & 8;
	ret = mh_stp_challenge_finish(&sp2, sig, frame, sizeof(frame));
	must(ret > 0);
	post(frame, (size_t)ret);
}

static void anchors(const u8 *which, u8 n)
{
	static u8 frame[MH_FRAME_MAX];
	struct mh_writer w;

	mh_writer_init(&w, frame + MH_FRAME_HEADER, MH_FRAME_BODY_MAX);
	mh_write_u8(&w, n);
	mh_write_u8(&w, 0);
	for (u8 i = 0; i < n; i++)
		mh_write_big(&w, mh_bytes_buf(&v->st[which[i]]));
	must(!w.err);
	mh_frame_header(frame, MH_F_ANCHORS, (u32)w.len);
	if (spoil % 4 == 1)
		frame[MH_FRAME_HEADER + spoil_at * w.len / 256] ^= spoil_with;
	spoil = 0;
	post(frame, MH_FRAME_HEADER + w.len);
}

/* What an honest server would do now; false: wait */
static bool as_it_should(void)
{
	static const u8 first[] = { ST_ANCHOR_2 }, d[] = { ST_SERVE, ST_FRESH };
	const struct answer_record *r;
	u8 done[36];

	if (sp2.state == MH_STP_NEW) {
		anchors(first, 1);
		challenge(d, 2, ST_EPOCH, 0);
		return true;
	}
	if (!authed || !answer)
		return false;
	if (record_at < answer->n) {
		r = &answer->r[record_at++];
		send_record(r->type, request, r->p, r->n);
		records++;
		return true;
	}
	mh_put32(done, records);
	memcpy(done + 4, v->leaf[answer == &v->answer[OF_KEY] ? ST_KEY_1 :
				 answer == &v->answer[OF_KEY_2] ? ST_KEY_2 : ST_FILE_1], 32);
	send_record(MH_R_DONE, request, done, sizeof(done));
	answer = NULL;
	return true;
}

/* Any record of any request, its body any statement or record of an answer */
static void any_record(u8 a, u8 b)
{
	const u32 id = a & 0x80 ? 0 : a & 0x40 ? request + 1 : a & 0x20 ? request - 1 : request;
	const struct answer_record *r = &v->answer[b % ANSWERS].r[b / ANSWERS % ANSWER_RECORDS];
	u8 other[64] = { b };

	records++;
	if (b >= 200)
		send_record(a & 31, id, other, b - 192u);
	else if (b >= 100 && b - 100 < STMTS)
		send_record(a & 31, id, v->st[b - 100].p, v->st[b - 100].n);
	else if (r->p)
		send_record(a & 31 ? a & 31 : r->type, id, r->p, r->n);
}

static void step(const u8 s[4])
{
	const u8 d[] = { s[1] % STMTS, s[2] % STMTS, (u8)(s[1] + s[2]) % STMTS };

	honest &= s[0] % 8 == 0;
	switch (s[0] % 8) {
	case 0:
		as_it_should();
		break;
	case 1:		/* idR of one's own choice */
		challenge(d, 1 + (s[3] >> 4 & 1), s[3] & 0x20 ? ST_EPOCH : s[3] % STMTS, 0);
		break;
	case 2:
		challenge(d, 2, s[3] & 0x20 ? ST_EPOCH : s[3] % STMTS, s[3]);
		break;
	case 3:
		anchors(d, s[3] % 4);
		break;
	case 4:
		any_record(s[1], s[2]);
		break;
	case 5:
		spoil = s[1];
		spoil_at = s[2];
		spoil_with = s[3];
		break;
	case 6:
		bend = s[1];
		bend_at = s[2];
		break;
	case 7:		/* leave one out of the answer, or begin again */
		record_at = s[1] & 1 ? record_at + 1 : s[2] % ANSWER_RECORDS;
		records += s[1] >> 1 & 1;
		if (s[1] & 4)
			answer = &v->answer[s[2] % ANSWERS];
		break;
	}
}

/* ---- frames of SP1 ---- */

static void take_auth(const u8 *frame, size_t n)
{
	const struct rd_host *h = &v->host;
	u8 psk[32], kei_x[32];
	struct mh_idi idi;

	must(proven && n == MH_FRAME_HEADER + MH_AUTH_LEN);	/* nobody else hears its name */
	server_psk(v, psk, kei_x);
	must(!mh_stp_auth_open(&sp2, frame, n, &idi));
	must(mh_buf_equal(idi.name, MH_BUF("alice", 5)));
	must(!mh_stp_auth_verify(&sp2, frame, n, psk, h->id.mac ? MH_KIND_SECRET : MH_KIND_PAIR,
				 h->id.mac ? kei_x : h->kei_pub));
	authed = true;
}

static void take_request(const u8 *bytes, size_t n)
{
	static u8 frame[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	struct mh_request q;

	must(authed && n <= sizeof(frame));
	memcpy(frame, bytes, n);
	must(!mh_stp_open(&sp2, frame, n, &rec));
	must(rec.type == MH_R_REQUEST && rec.request == request + 1);
	must(!mh_request_decode(&q, rec.body));
	request = rec.request;
	answer = mh_buf_equal(q.name, MH_BUF("alice/file", 10)) ? &v->answer[OF_FILE] :
		 q.version == 1 ? &v->answer[OF_KEY] : &v->answer[OF_KEY_2];
	record_at = 0;
	records = 0;
	went = 0;
}

/* A frame of SP1's */
static void sp1_sent(const u8 *p, size_t n)
{
	switch (sent++) {
	case 0:
		must(n <= sizeof(hello));
		memcpy(hello, p, n);
		hello_n = n;
		break;
	case 1:
		take_auth(p, n);
		break;
	default:
		take_request(p, n);
	}
}

/* SP1 waits: the next step; false: there is none */
static bool server_step(void)
{
	if (!left)	/* none of the steps was another's: then go on as one should */
		return honest && as_it_should();
	step(script);
	script += 4;
	left--;
	return true;
}

static void begin(void)
{
	mh_stp_init(&sp2, false);
	out_n = 0;
	out_at = 0;
	hello_n = 0;
	sent = 0;
	request = 0;
	proven = false;
	authed = false;
	honest = true;
	answer = NULL;
	spoil = 0;
	bend = 0;
}

#endif

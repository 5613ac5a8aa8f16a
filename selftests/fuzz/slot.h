/* SPDX-License-Identifier: MIT */
/*
 * SP1's ends of the connections of fuzz_responder: what has gone there, what comes back, and what
 * must hold of it.
 */
#ifndef FUZZ_SLOT_H
#define FUZZ_SLOT_H

#include "office.h"

#define SLOTS	3
#define ASKS	8
/* what conn.c lets wait in memory, a record at most above it, and what the socket holds */
#define UNSENT	(128 * 1024 + 2 * MH_FRAME_MAX + 32 * 1024)

struct ask {
	u32 id;
	int host, which;	/* -1: what nobody has */
	u64 version;
	bool out;		/* who asks had lost the right before it asked */
	bool ended;
	struct mh_answer a;
	size_t got;
	char name[80];
};

struct slot {
	int fd;			/* SP1's end, or -1 */
	int who;
	struct mh_stp stp;
	u8 challenge[MH_FRAME_HEADER + MH_CHALLENGE_MAX];
	size_t challenge_n;
	bool broken;		/* not every byte so far was of the honest sequence */
	bool authed;		/* an honest authI went out, in its turn */
	bool closed;		/* SP1 has said CLOSE */
	bool gone;		/* the server has closed */
	size_t late;		/* bytes that came after its host had lost a right */
	u32 next;
	struct ask ask[ASKS];
	unsigned int asks;
	u8 in[1 << 18], held[1 << 16];
	size_t in_n, held_n;
};

static struct office o;
static struct slot slot[SLOTS];
static bool calm, rotten, out[HOSTS], version2;	/* rotten: the store lies */
static unsigned int sessions, asked;
static struct mh_stmt stmts[512];
static u8 stmt_bytes[512][4096];
static unsigned int n_stmts;

/* ---- what comes back ---- */

static int keep(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept)
{
	(void)ctx;
	if (n_stmts == ARRAY_SIZE(stmts))
		return -E2BIG;
	must(bytes.n <= sizeof(stmt_bytes[0]));
	memcpy(stmt_bytes[n_stmts], bytes.p, bytes.n);
	if (mh_stmt_parse(&stmts[n_stmts], stmt_bytes[n_stmts], bytes.n)) {
		must(rotten);
		return -EBADMSG;
	}
	*kept = &stmts[n_stmts++];
	return 0;
}

static bool authority(void *ctx, const struct mh_stmt *instance, struct mh_buf owner)
{
	(void)ctx;
	(void)instance;
	(void)owner;
	return true;
}

static int sink(void *ctx, const u8 *p, size_t n)
{
	struct ask *k = ctx;
	const u8 *all = k->which == FILE_OF ? o.file : o.key[k->a.manifest.version - 1];

	must(k->got + n <= (k->which == FILE_OF ? sizeof(o.file) : sizeof(o.key[0])));
	must(!memcmp(p, all + k->got, n));
	k->got += n;
	return 0;
}

static const struct mh_answer_ops ops = { keep, keep, authority, sink };

struct finding {
	const struct slot *s;
	const struct ask *k;
	bool found;
};

static int find_delivery(void *ctx, struct mh_buf b)
{
	struct finding *f = ctx;
	struct mh_audit_record r;

	must(!mh_audit_record_decode(&r, b));
	f->found |= r.event == MH_AUDIT_DELIVERY && !r.outcome && r.request == f->k->id &&
		    !memcmp(r.h, f->s->stp.h_auth, 32) &&
		    mh_buf_equal(r.what, mh_text(f->k->name)) &&
		    mh_buf_equal(r.who, mh_text(office_names[f->s->who])) &&
		    r.seq <= o.d.audit.durable.seq;
	return 0;
}

/* All of an answer is here. */
static void delivered(struct slot *s, struct ask *k)
{
	struct finding f = { .s = s, .k = k };

	must(rotten || (k->host == s->who && k->which >= 0 && !k->out));
	must(k->got == (k->which == FILE_OF ? sizeof(o.file) : sizeof(o.key[0])));
	must(!k->version || k->a.manifest.version == k->version);
	must(k->a.manifest.version == 1 || version2 || rotten);
	must(!mh_store_audit_list(o.d.store, 0, ~0u >> 1, find_delivery, &f) && f.found);
}

static void take_answer(struct slot *s, const struct mh_record_hdr *rec)
{
	static u8 scratch[MH_STREAM_CHUNK];
	unsigned int i;
	struct ask *k;

	for (i = 0; i < s->asks && s->ask[i].id != rec->request; i++)
		;
	must(i < s->asks);		/* of what was asked */
	k = &s->ask[i];
	must(!k->ended || (rotten && k->a.state == MH_ANSWER_FAILED));	/* and one answer each */
	if (k->ended)
		return;
	must(!mh_answer_record(&k->a, rec, scratch) || n_stmts == ARRAY_SIZE(stmts) || rotten);
	k->ended = k->a.state >= MH_ANSWER_DONE;
	if (k->a.state == MH_ANSWER_DONE)
		delivered(s, k);
}

static void take_record(struct slot *s, u8 *frame, size_t n)
{
	struct mh_record_hdr rec;
	struct mh_stmt push;

	must(s->authed);		/* not a record before authI */
	if (s->stp.state != MH_STP_OPEN)
		return;
	must(!mh_stp_open(&s->stp, frame, n, &rec));
	if (rec.request) {
		take_answer(s, &rec);
		return;
	}
	must(rec.type == MH_R_PUSH);
	must(rotten || !mh_stmt_parse(&push, rec.body.p, rec.body.n));
	must(rotten || !memcmp(push.region, o.w.region, 32));
}

static void take_frame(struct slot *s, u8 *frame, size_t n)
{
	switch (frame[0]) {
	case MH_F_ANCHORS:
		must(!s->challenge_n && !s->authed);
		break;
	case MH_F_CHALLENGE:
		must(!s->challenge_n && !s->authed && n <= sizeof(s->challenge));
		memcpy(s->challenge, frame, n);
		s->challenge_n = n;
		break;
	default:
		must(frame[0] == MH_F_RECORD);
		take_record(s, frame, n);
	}
}

static bool read_slot(struct slot *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_n, sizeof(s->in) - s->in_n, MSG_DONTWAIT);
	size_t at = 0;
	u32 len;
	u8 kind;

	if (n <= 0) {
		s->gone |= !n || errno != EAGAIN;
		return false;
	}
	must(!s->gone);			/* closed stays closed */
	s->in_n += (size_t)n;
	s->late += out[s->who] ? (size_t)n : 0;
	must(s->late < UNSENT);
	while (s->in_n - at >= MH_FRAME_HEADER) {
		must(!mh_frame_parse(s->in + at, &kind, &len));
		if (s->in_n - at < MH_FRAME_HEADER + len)
			break;
		take_frame(s, s->in + at, MH_FRAME_HEADER + len);
		at += MH_FRAME_HEADER + len;
	}
	memmove(s->in, s->in + at, s->in_n - at);
	s->in_n -= at;
	return true;
}

static bool read_all(void)
{
	bool any = false;

	for (struct slot *s = slot; s < slot + SLOTS; s++)
		any |= s->fd >= 0 && !s->gone && read_slot(s);
	return any;
}

/* What the daemon thinks of its connections */
static void check_connections(void)
{
	static const char *const *const end = office_names + HOSTS;
	unsigned int n = 0;
	struct mh_conn *c;

	LIST_FOREACH(c, &o.d.conns, link) {
		const struct slot *s = &slot[atoi(c->peer)];

		n++;
		must(c->daemon == &o.d && s->fd >= 0);
		if (c->phase == MH_CONN_OPEN)
			must(s->authed && c->stp.state == MH_STP_OPEN &&
			     !strcmp(c->name, office_names[s->who]) &&
			     office_names + s->who != end - 1);
		else
			must(TAILQ_EMPTY(&c->ready) && TAILQ_EMPTY(&c->waiting));
	}
	must(n == o.d.connections);
}

static void settle(void)
{
	office_settle(&o, read_all);
	check_connections();
}

#endif

// SPDX-License-Identifier: MIT
/*
 * repositoryd as a state machine: three connections at a time of hosts that hold their keys, and
 * the input says what each sends: honest messages, made wrong in a field and sealed all the same,
 * altered, cut, doubled, held back, lost, sent again or elsewhere; meanwhile officers change
 * things, time passes, the daemon drains.
 *
 *	steps of four: u8 what, u8 connection and whose, u8 and u8 arguments
 *
 * No session but of who sent the honest sequence; no record before that; no answer but to what was
 * asked; Data only to whom it is for, and only after its audit record; closed stays closed; the
 * store is changed by officers and nobody else.  An honest sequence is served.
 */
#include "office.h"

#define SLOTS	3
#define ASKS	8
#define STEPS	48
#define SAVED	16
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
static bool ready, calm, out[HOSTS], version2;
static unsigned int sessions, asked;
static u8 saved[SAVED][MH_FRAME_HEADER + 1024], pending, pending_at;
static size_t saved_n[SAVED];
static unsigned int saves;
static struct mh_stmt stmts[256];
static u8 stmt_bytes[256][4096];
static unsigned int n_stmts;

/* ---- what comes back ---- */

static int keep(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept)
{
	(void)ctx;
	if (n_stmts == ARRAY_SIZE(stmts))
		return -E2BIG;
	must(bytes.n <= sizeof(stmt_bytes[0]));
	memcpy(stmt_bytes[n_stmts], bytes.p, bytes.n);
	must(!mh_stmt_parse(&stmts[n_stmts], stmt_bytes[n_stmts], bytes.n));
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

static const struct mh_answer_ops ops = { keep, authority, sink };

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
		    !memcmp(r.h, f->s->stp.h_auth, 32) && mh_buf_equal(r.what, mh_text(f->k->name)) &&
		    mh_buf_equal(r.who, mh_text(office_names[f->s->who])) &&
		    r.seq <= o.d.audit.durable.seq;
	return 0;
}

/* All of an answer is here. */
static void delivered(struct slot *s, struct ask *k)
{
	struct finding f = { .s = s, .k = k };

	must(k->host == s->who && k->which >= 0 && !k->out);
	must(k->got == (k->which == FILE_OF ? sizeof(o.file) : sizeof(o.key[0])));
	must(!k->version || k->a.manifest.version == k->version);
	must(k->a.manifest.version == 1 || version2);
	must(!mh_store_audit_list(o.d.store, 0, ~0u >> 1, find_delivery, &f) && f.found);
}

static void take_answer(struct slot *s, const struct mh_record_hdr *rec)
{
	static u8 scratch[MH_STREAM_CHUNK];
	unsigned int i;
	struct ask *k;

	for (i = 0; i < s->asks && s->ask[i].id != rec->request; i++)
		;
	must(i < s->asks && !s->ask[i].ended);	/* of what was asked, and one answer each */
	k = &s->ask[i];
	must(!mh_answer_record(&k->a, rec, scratch) || n_stmts == ARRAY_SIZE(stmts));
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
	must(rec.type == MH_R_PUSH && !mh_stmt_parse(&push, rec.body.p, rec.body.n));
	must(!memcmp(push.region, o.w.region, 32));
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

/* ---- what goes there ---- */

static void put(struct slot *s, const u8 *p, size_t n)
{
	must(s->held_n + n <= sizeof(s->held));
	memcpy(s->held + s->held_n, p, n);
	p = s->held;
	n += s->held_n;
	s->held_n = 0;
	if (n && s->fd >= 0 && send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
		s->broken = true;
}

/* A whole frame, as the step before says; true: as it should be */
static bool post(struct slot *s, u8 *frame, size_t n)
{
	const u8 how = pending % 8, at = pending_at;
	const bool was = !s->broken;

	pending = 0;
	if (n <= sizeof(saved[0])) {
		memcpy(saved[saves % SAVED], frame, n);
		saved_n[saves++ % SAVED] = n;
	}
	switch (how) {
	case 1:			/* a bit of it */
		frame[at * n / 256] ^= (u8)(1 << (at & 7));
		s->broken = true;
		break;
	case 2:			/* cut, and what comes next takes its place */
		n = at * n / 256;
		s->broken = true;
		break;
	case 3:			/* in two pieces */
		put(s, frame, at * n / 256);
		settle();
		put(s, frame + at * n / 256, n - at * n / 256);
		return was && !s->broken;
	case 4:			/* doubled */
		put(s, frame, n);
		put(s, frame, n);
		s->broken = true;
		return was;
	case 5:			/* with the next */
		if (s->held_n + n <= sizeof(s->held) - MH_FRAME_MAX) {
			memcpy(s->held + s->held_n, frame, n);
			s->held_n += n;
			return was;
		}
		break;
	case 6:			/* lost */
		s->broken = true;
		return false;
	case 7:			/* what it is not */
		s->broken |= frame[0] != at;
		frame[0] = at;
		break;
	}
	put(s, frame, n);
	return was && !s->broken;
}

static void hang_up(struct slot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	for (unsigned int i = 0; i < s->asks; i++)
		mh_answer_end(&s->ask[i].a);
	mh_stp_end(&s->stp);
	memset(s, 0, offsetof(struct slot, in));
	s->in_n = 0;
	s->held_n = 0;
	s->fd = -1;
}

static void dial(struct slot *s, int who)
{
	const int room = 4096;
	char peer[4];
	int pair[2];

	if (s->fd >= 0)
		return;
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	must(!setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	snprintf(peer, sizeof(peer), "%d", (int)(s - slot));
	if (mh_conn_open(&o.d, pair[1], peer)) {
		must(o.d.draining);
		close(pair[0]);
		close(pair[1]);
		return;
	}
	hang_up(s);
	s->fd = pair[0];
	s->who = who;
	mh_stp_init(&s->stp, true);
}

static void hello(struct slot *s, u8 how)
{
	static const u8 ticket[MH_TICKET_LEN];
	u8 frame[MH_FRAME_HEADER + MH_HELLO_MAX], region[32];
	struct mh_p1 p1 = { .version = MH_STP_VERSION, .suite = MH_STP_SUITE, .region = region,
			    .anchor_serial = 1 };
	int n;

	if (s->fd < 0 || s->stp.state != MH_STP_NEW)
		return;
	memcpy(region, o.w.region, 32);
	p1.version = (u8)(p1.version + (how % 8 == 1));
	p1.suite = (u8)(p1.suite + (how % 8 == 2));
	region[how / 8] ^= how % 8 == 3;
	s->broken |= how % 8 && how % 8 <= 3;
	p1.anchor_serial = how % 8 == 4 ? 0 : how % 8 == 5 ? ~0ull : 1;
	if (how % 8 == 6)
		p1.ticket = MH_BUF(ticket, sizeof(ticket));
	n = mh_stp_hello(&s->stp, &p1, NULL, frame, sizeof(frame));
	must(n > 0);
	s->broken |= o.d.draining;
	post(s, frame, (size_t)n);
}

/* As mh_stp_auth_begin() and _finish(), and wrong where it should be */
static int make_auth(struct slot *s, u8 how, u8 at, u8 *out, bool *honest)
{
	const struct rd_host *h = &o.host[s->who];
	const struct mh_client_identity *id = &h->id;
	struct mh_idi idi = { .name = mh_text(office_names[s->who]), .entity_serial = 1 }, got;
	u8 psk[32], digest[32], authi[64], x[32];
	const char *name = office_names[how == 1 ? at % HOSTS : s->who];

	mh_ctx_sp2(id->region, MH_BUF("repo1", 5), x);
	must(!mh_stp_psk_of(MH_BUF(id->kec.pair ? id->kec.pub : id->kec.key, 32), id->kec.ctx,
			    id->mac ? id->kei : NULL, x, psk));
	idi.name = mh_text(name);
	must(mh_idi_encode(&idi, s->stp.idi) > 0);
	s->stp.idi[at] ^= how == 2 ? 1 << (at & 7) : 0;
	psk[at % 32] ^= how == 3;
	*honest = !mh_idi_decode(&got, s->stp.idi) &&
		  mh_buf_equal(got.name, mh_text(office_names[s->who])) && s->who != EVE &&
		  (how < 3 || how > 5);
	if (mh_noise_encrypt_and_hash(&s->stp.noise, s->stp.idi, MH_IDI_LEN,
				      out + MH_FRAME_HEADER) ||
	    mh_noise_mix_key_and_hash(&s->stp.noise, MH_BUF(psk, 32)))
		return -EIO;
	memcpy(s->stp.h_auth, s->stp.noise.h, 32);
	const struct mh_buf v[] = { MH_L("auth SP1"), MH_BUF(s->stp.h_auth, 32),
				    MH_BUF(s->stp.idi, MH_IDI_LEN) };

	mh_sha256v(digest, v, 3);
	must(!mh_stp_authi(&s->stp, id->mac ^ (how == 5) ? MH_KIND_SECRET : MH_KIND_PAIR, id->kei,
			   x, digest, authi));
	authi[at % 64] ^= how == 4 ? 1 << (at & 7) : 0;
	s->stp.state = MH_STP_AUTH_BEGUN;
	return mh_stp_auth_finish(&s->stp, authi, out, MH_FRAME_HEADER + MH_AUTH_LEN);
}

static void auth(struct slot *s, u8 how, u8 at)
{
	u8 idr[MH_IDR_MAX], sigr[64], frame[MH_FRAME_HEADER + MH_AUTH_LEN];
	bool honest, was;
	size_t n = 0;
	int ret;

	settle();
	if (s->fd < 0 || !s->challenge_n || s->stp.state != MH_STP_HELLO_SENT)
		return;
	ret = mh_stp_challenge(&s->stp, s->challenge, s->challenge_n, idr, &n, sigr);
	if (!ret)
		ret = mh_stp_prove_peer(&s->stp, o.d.card.sp2, sigr);
	must(!ret || s->broken);
	ret = ret ? ret : make_auth(s, how % 8, at, frame, &honest);
	if (ret < 0)
		return;
	was = !s->broken;
	if (s->who == CAROL && out[CAROL])	/* her keys are another's */
		honest = false;
	s->broken |= !honest;
	honest &= was;
	if (honest)
		s->authed = true;	/* before it is sent in pieces and answered */
	if (!post(s, frame, (size_t)ret) && s->authed)
		s->authed = false;
	sessions += s->authed;
}

static void request(struct slot *s, u8 what, u8 how)
{
	static const u8 zero[32];
	static u8 frame[MH_FRAME_MAX];
	const size_t head = MH_FRAME_HEADER + MH_RECORD_HEADER;
	struct mh_request q = { .version = how % 4, .purpose = MH_PURPOSE_FETCH, .held = zero,
				.statements = zero };
	struct ask *k = &s->ask[s->asks];
	bool good = (how >> 4) != 15;
	u32 id = good ? s->next + 1 + (how >> 6) : s->next;
	int n;

	if (s->fd < 0 || s->stp.state != MH_STP_OPEN || s->asks == ASKS)
		return;
	memset(k, 0, sizeof(*k));
	k->host = what % 8 < HOSTS ? what % 8 : s->who;
	k->which = what / 8 % 2 ? FILE_OF : KEY;
	snprintf(k->name, sizeof(k->name), "%s", what & 0x80 ? "alice/none" :
		 k->host == EVE ? "eve" : office_dataset(k->host, k->which));
	if (what & 0x80)
		k->which = -1;
	k->version = q.version;
	k->id = id;
	q.name = mh_text(k->name);
	n = mh_request_encode(&q, frame + head, 512);
	must(n > 0);
	n = mh_stp_seal(&s->stp, MH_R_REQUEST, id, frame, (size_t)n, sizeof(frame));
	if (n < 0)
		return;
	calm &= s->who != DAVE;		/* whose first request is the last that is heard */
	if (good && s->authed && !s->broken && !s->closed) {
		k->out = out[s->who];
		mh_answer_begin(&k->a, o.w.region, q.name, q.version, &o.host[s->who].id.kec, &ops,
				k);
		s->asks++;
		s->next = id;
		asked++;
		if (!post(s, frame, (size_t)n)) {
			s->asks--;	/* it must not be answered */
			asked--;
		}
		return;
	}
	s->broken = true;
	post(s, frame, (size_t)n);
}

/* Any record, under the session's keys */
static void record(struct slot *s, u8 type, u8 n)
{
	static u8 frame[MH_FRAME_MAX];
	const size_t len = type & 0x80 ? MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER - n : n;
	int ret;

	if (s->fd < 0 || s->stp.state != MH_STP_OPEN)
		return;
	memset(frame, n, sizeof(frame));
	ret = mh_stp_seal(&s->stp, type & 0x1f, type & 0x40 ? s->next + 1 : 0, frame, len,
			  sizeof(frame));
	if (ret < 0)
		return;
	if ((type & 0x1f) == MH_R_CLOSE && !(type & 0x40) && !len)
		s->closed = true;
	else
		s->broken = true;
	post(s, frame, (size_t)ret);
}

static void again(struct slot *s, u8 which)
{
	static u8 frame[MH_FRAME_HEADER + 1024];
	const unsigned int i = which % SAVED;

	if (s->fd < 0 || !saved_n[i])
		return;
	s->broken = true;
	memcpy(frame, saved[i], saved_n[i]);
	post(s, frame, saved_n[i]);
}

/* ---- officers, time ---- */

static void change(u8 which)
{
	static const int loser[CHANGES] = {
		[REVOKE_ALICE] = ALICE, [SUSPEND_BOB] = BOB, [CAROL_ANEW] = CAROL,
		[ALICE_OUT_OF_GROUP] = ALICE, [KEY_2] = DAVE, [FILE_AGAIN] = DAVE,
		[REVOKE_FILE] = DAVE, [DELEGATE_ANEW] = DAVE,
	};

	which %= CHANGES;
	calm = false;
	if (office_submit(&o, mh_bytes_buf(&o.change[which])))
		return;
	version2 |= which == KEY_2 || which == FILE_AGAIN;
	out[loser[which]] = true;	/* DAVE has long been out */
}

static void timer(void)
{
	struct mh_conn *c;

	calm = false;
	LIST_FOREACH(c, &o.d.conns, link)
		event_active(c->timer, EV_TIMEOUT, 0);
}

static void junk(struct slot *s, u8 n, u8 c)
{
	u8 bytes[255];

	memset(bytes, c, sizeof(bytes));
	s->broken |= n;
	put(s, bytes, n);
}

static void step(const u8 op[4])
{
	struct slot *s = &slot[op[1] % SLOTS];

	switch (op[0] % 13) {
	case 0:
		dial(s, op[1] / SLOTS % HOSTS);
		break;
	case 1:
		hello(s, op[2]);
		break;
	case 2:
		auth(s, op[2], op[3]);
		break;
	case 3:
		request(s, op[2], op[3]);
		break;
	case 4:
		record(s, op[2], op[3]);
		break;
	case 5:
		again(s, op[2]);
		break;
	case 6:
		junk(s, op[2], op[3]);
		break;
	case 7:
		change(op[2]);
		break;
	case 8:
		timer();
		break;
	case 9:
		calm = false;
		hang_up(s);
		break;
	case 10:
		if (op[2] & 1)		/* and nobody reads */
			must(event_base_loop(o.d.base, EVLOOP_NONBLOCK) >= 0);
		else
			settle();
		break;
	case 11:
		calm = false;
		if (!o.d.draining)
			mh_server_drain(&o.d);
		break;
	case 12:
		pending = op[2];
		pending_at = op[3];
		break;
	}
}

/* ---- at the end ---- */

/* Nothing but honest hosts and time enough: all of them are served. */
static void check_served(void)
{
	for (struct slot *s = slot; calm && s < slot + SLOTS; s++) {
		if (s->fd < 0 || s->broken || s->closed || s->who >= DAVE)
			continue;
		must(!s->gone);
		for (unsigned int i = 0; i < s->asks; i++) {
			const struct ask *k = &s->ask[i];
			const bool has = k->host == s->who && k->which >= 0 && k->version < 2;

			must(k->ended);
			must(k->a.state == (has ? MH_ANSWER_DONE : MH_ANSWER_REFUSED));
		}
	}
}

struct chain {
	u64 seq;
	u8 hash[32];
	unsigned int sessions, deliveries;
};

static int follow(void *ctx, struct mh_buf b)
{
	struct chain *c = ctx;
	struct mh_audit_record r;

	must(!mh_audit_record_decode(&r, b) && r.seq == c->seq + 1);
	must(!memcmp(r.before, c->hash, 32));
	mh_audit_record_hash(b, c->hash);
	c->seq = r.seq;
	c->sessions += r.event == MH_AUDIT_SESSION;
	c->deliveries += r.event == MH_AUDIT_DELIVERY;
	return 0;
}

static void check_store(struct chain *c, int changed, u64 checkpoint)
{
	const u64 first = c->seq;

	must(!mh_store_audit_list(o.d.store, first + 1, ~0u >> 1, follow, c));
	must(c->seq == o.d.audit.durable.seq && c->seq == o.d.audit.head.seq);
	must(!memcmp(c->hash, o.d.audit.head.hash, 32) && !o.d.audit.doubt);
	must(c->sessions <= sessions && (!calm || c->sessions == sessions));
	/* one that is cut off by what officers do has a second record */
	must(!calm || c->deliveries == asked);
	must(!calm || (u64)(sqlite3_total_changes(o.d.store->db) - changed) ==
	     c->seq - first + (o.d.audit.checkpoint != checkpoint));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const u64 checkpoint = o.d.audit.checkpoint, first = o.d.audit.head.seq;
	struct chain c = { 0 };
	int changed;

	if (!ready) {
		office_make(&o);
		for (int i = 0; i < SLOTS; i++)
			slot[i].fd = -1;
		ready = true;
	}
	if (size > 4 * STEPS)
		return 0;
	fuzz_fix_random(2);
	c.seq = o.d.audit.head.seq;
	memcpy(c.hash, o.d.audit.head.hash, 32);
	changed = sqlite3_total_changes(o.d.store->db);
	calm = true;
	version2 = false;
	memset(out, 0, sizeof(out));
	out[DAVE] = true;
	sessions = asked = n_stmts = saves = 0;
	pending = 0;
	memset(saved_n, 0, sizeof(saved_n));
	for (size_t at = 0; at + 4 <= size; at += 4)
		step(data + at);
	for (int i = 0; i < SLOTS; i++)
		put(&slot[i], data, 0);
	settle();
	check_served();
	for (int i = 0; i < SLOTS; i++)
		hang_up(&slot[i]);
	settle();
	must(LIST_EMPTY(&o.d.conns));
	check_store(&c, changed, checkpoint);
	if (c.seq != first || !calm)
		office_reset(&o, !calm, first);
	return 0;
}

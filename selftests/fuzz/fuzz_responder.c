// SPDX-License-Identifier: MIT
/*
 * repositoryd as a state machine: three connections at a time of hosts that hold their keys, and
 * the input says what each sends: honest messages, made wrong in a field and sealed all the same,
 * altered, cut, doubled, held back, lost, sent again or elsewhere; meanwhile officers change
 * things, time passes, the daemon drains, a byte of its store is another.
 *
 *	steps of four: u8 what, u8 connection and whose, u8 and u8 arguments
 *
 * No session but of who sent the honest sequence; no record before that; no answer but to what was
 * asked; Data only to whom it is for, and only after its audit record; closed stays closed; the
 * store is changed by officers and nobody else.  An honest sequence is served.
 */
#include "slot.h"

#define STEPS	48
#define SAVED	16

static bool ready;
static u8 saved[SAVED][MH_FRAME_HEADER + 1024], pending, pending_at;
static size_t saved_n[SAVED];
static unsigned int saves;

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
	if (how != 6 && n <= sizeof(saved[0])) {	/* what is lost is nobody's to send again */
		memcpy(saved[saves % SAVED], frame, n);
		saved_n[saves++ % SAVED] = n;
	}
	switch (how) {
	case 1:			/* a bit of it */
		frame[at * n / 256] ^= (u8)(1 << (at & 7));
		s->broken = true;
		break;
	case 2:			/* cut, and what comes next takes its place */
		n = 1 + at * (n - 1) / 256;
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

	if (s->fd < 0 || !saved_n[i] || pending % 8 == 6)
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

/* A byte of the store is another: of a statement, of Data, of a wrap, of a sealed secret */
static void rot(u8 row, u8 at, u8 with)
{
	static const char *const sql[][2] = {
		{ "SELECT bytes, rowid, 0 FROM statement LIMIT 1 OFFSET ?1",
		  "UPDATE statement SET bytes = ?1 WHERE rowid = ?2 AND 0 = ?3" },
		{ "SELECT bytes, rowid, 0 FROM data LIMIT 1 OFFSET ?1",
		  "UPDATE data SET bytes = ?1 WHERE rowid = ?2 AND 0 = ?3" },
		{ "SELECT bytes, k, kw FROM wrap LIMIT 1 OFFSET ?1",
		  "UPDATE wrap SET bytes = ?1 WHERE k = ?2 AND kw = ?3" },
		{ "SELECT sealed, kid, kind FROM secret LIMIT 1 OFFSET ?1",
		  "UPDATE secret SET sealed = ?1 WHERE kid = ?2 AND kind = ?3" },
	};
	const char *const *q = sql[row < 200 ? 0 : 1 + row % 3];
	static u8 bytes[1 << 17];
	sqlite3_stmt *get, *put;
	int n;

	must(!mh_store_in_transaction(o.d.store));
	must(sqlite3_prepare_v2(o.d.store->db, q[0], -1, &get, NULL) == SQLITE_OK);
	sqlite3_bind_int(get, 1, row < 200 ? row : row % 16);
	if (sqlite3_step(get) == SQLITE_ROW && sqlite3_column_bytes(get, 0)) {
		n = sqlite3_column_bytes(get, 0);
		must((size_t)n <= sizeof(bytes));
		memcpy(bytes, sqlite3_column_blob(get, 0), (size_t)n);
		n = with ? n : at * n / 256;
		bytes[at * n / 256] ^= with;
		must(sqlite3_prepare_v2(o.d.store->db, q[1], -1, &put, NULL) == SQLITE_OK);
		bind_buf(put, 1, bytes, (size_t)n);
		sqlite3_bind_value(put, 2, sqlite3_column_value(get, 1));
		sqlite3_bind_value(put, 3, sqlite3_column_value(get, 2));
		sqlite3_reset(get);
		must(sqlite3_step(put) == SQLITE_DONE);
		sqlite3_finalize(put);
		calm = false;
		rotten = true;
		o.d.store->generation++;
		mh_region_load(&o.d, o.w.region);	/* as at a start, which would end with it */
	}
	sqlite3_finalize(get);
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

	switch (op[0] % 14) {
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
	case 13:
		settle();
		rot(op[1], op[2], op[3]);
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
	fuzz_fix_random(2);
	c.seq = o.d.audit.head.seq;
	memcpy(c.hash, o.d.audit.head.hash, 32);
	changed = sqlite3_total_changes(o.d.store->db);
	calm = true;
	version2 = false;
	rotten = false;
	memset(out, 0, sizeof(out));
	out[DAVE] = true;
	sessions = 0;
	asked = 0;
	n_stmts = 0;
	saves = 0;
	pending = 0;
	memset(saved_n, 0, sizeof(saved_n));
	for (size_t at = 0; at + 4 <= size && at < 4 * STEPS; at += 4)
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

// SPDX-License-Identifier: MIT
/*
 * The admin socket: requests of any bytes, and submissions of what officers signed, altered, cut,
 * and mixed.
 *
 *	steps: u8 how || u8 op || u8 n || n bytes	any; 0x80: of the Region that is there
 *	       u8 how || u8 n || n bytes		any bytes
 *	       u8 how || u8 change || u16 at || u8 with	a good submission, altered
 *	       u8 how || u8 n || n * (u8 change || u8 item)	items of several
 *
 * Each request has one reply, well formed, in its turn; what is refused or only reads leaves
 * Regions, statements, secrets, data and wraps as they were; no statement is stored that no
 * officer signed; the audit says what was stored.
 */
#include "office.h"

#define STEPS	24

static struct office o;
static int fd = -1;
static bool ready, gone;
static unsigned int asked, replied;
static u8 in[1 << 21], status;
static size_t in_n;
static u8 known[256][32];
static unsigned int n_known;
static u8 before[2][32];		/* what the store was */

/* ---- the store ---- */

/* sealed: what secrets are sealed to as well, which is another each time that they are given */
static void store_hash(u8 out[32], bool sealed)
{
	const char *const sql[] = {
		"SELECT id, label, anchor, revokes, restart, running FROM region",
		"SELECT leaf, bytes FROM statement WHERE type <> 11 ORDER BY rowid",
		sealed ? "SELECT kind, kid, sealed FROM secret" : "SELECT kind, kid FROM secret",
		"SELECT sha256, length FROM data ORDER BY rowid",
		"SELECT k, kw, bytes FROM wrap",
	};
	struct mh_sha256 h;

	mh_sha256_init(&h);
	for (size_t i = 0; i < ARRAY_SIZE(sql); i++) {
		sqlite3_stmt *s;

		must(sqlite3_prepare_v2(o.d.store->db, sql[i], -1, &s, NULL) == SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW)
			for (int c = 0; c < sqlite3_column_count(s); c++)
				mh_sha256_update(&h, sqlite3_column_blob(s, c),
						 (size_t)sqlite3_column_bytes(s, c));
		sqlite3_finalize(s);
	}
	mh_sha256_final(&h, out);
}

static void know(struct mh_buf batch)
{
	struct mh_reader r;
	struct mh_stmt s;

	mh_reader_init(&r, batch.p, batch.n);
	for (u16 n = mh_read_u16(&r); n; n--) {
		const u8 type = mh_read_u8(&r);
		const struct mh_buf b = mh_read_big(&r, batch.n);

		must(!r.err && n_known < ARRAY_SIZE(known));
		if (type == MH_ITEM_STATEMENT && !mh_stmt_parse(&s, b.p, b.n))
			mh_sha256v(known[n_known++], &b, 1);
	}
}

/* What the daemon signs by itself are EPOCHs: type 11. */
static void check_statements(void)
{
	sqlite3_stmt *s;
	unsigned int i;

	must(sqlite3_prepare_v2(o.d.store->db, "SELECT bytes FROM statement WHERE type <> 11", -1,
				&s, NULL) == SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const struct mh_buf b = column_buf(s, 0);
		u8 h[32];

		mh_sha256v(h, &b, 1);
		for (i = 0; i < n_known && memcmp(known[i], h, 32); i++)
			;
		must(i < n_known);
	}
	sqlite3_finalize(s);
}

/* ---- the socket ---- */

static bool read_replies(void)
{
	ssize_t n = gone || fd < 0 ? 0 : recv(fd, in + in_n, sizeof(in) - in_n, MSG_DONTWAIT);

	if (n <= 0) {
		gone |= fd >= 0 && (!n || errno != EAGAIN);
		return false;
	}
	in_n += (size_t)n;
	while (in_n >= 4 && in_n - 4 >= mh_get32(in)) {
		const u32 len = mh_get32(in);

		must(len && len <= MH_ADMIN_MAX && in[4] <= MH_ADMIN_FAILED);
		status = in[4];
		for (u32 i = 5; status && i < 4 + len; i++)
			must(in[i] >= ' ' || in[i] == '\n');	/* a message */
		replied++;
		in_n -= 4 + len;
		memmove(in, in + 4 + len, in_n);
	}
	must(in_n < sizeof(in));
	return true;
}

static void dial(void)
{
	int pair[2];

	if (fd >= 0)
		close(fd);
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	fd = pair[0];
	gone = false;
	asked = 0;
	replied = 0;
	in_n = 0;
	mh_admin_accept(NULL, pair[1], NULL, 0, &o.d);
	must(o.d.admins >= 1);
}

static void push(const u8 *p, size_t n)
{
	while (n && !gone) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put > 0) {
			p += put;
			n -= (size_t)put;
		} else if (errno != EAGAIN) {
			gone = true;
		}
		office_settle(&o, read_replies);
	}
}

static void ask(u8 op, const u8 *body, size_t n)
{
	const u64 seq = o.d.audit.durable.seq;
	u8 after[2][32], head[5];

	if (gone)
		dial();
	mh_put32(head, (u32)n + 1);
	head[4] = op;
	asked++;
	push(head, sizeof(head));
	push(body, n);
	office_settle(&o, read_replies);
	must(gone || replied == asked);
	store_hash(after[0], false);
	store_hash(after[1], true);
	if (op == MH_ADMIN_SUBMIT && replied == asked && !status)
		must(o.d.audit.durable.seq >= seq);
	else
		must(!memcmp(before, after, sizeof(after)));
	if (memcmp(before[0], after[0], 32))
		must(o.d.audit.durable.seq > seq);
	memcpy(before, after, sizeof(before));
	check_statements();
	must(!mh_store_in_transaction(o.d.store) && o.d.keeper.fd >= 0);
}

/* ---- steps ---- */

static void altered(u8 which, u16 at, u8 with)
{
	static u8 batch[1 << 18];
	const struct mh_bytes *b = &o.change[which % CHANGES];
	size_t n = b->n;

	must(n + 256 <= sizeof(batch));
	memcpy(batch, b->p, n);
	switch (which / CHANGES % 4) {
	case 0:
		batch[at & 0x8000 ? n - 1 - (at & 0x7fff) % n : at % n] ^= with;
		break;
	case 1:
		n = at % n;
		break;
	case 2:
		memset(batch + n, 0, with);
		n += with;
		break;
	case 3:		/* as it is, or its number of items */
		mh_put16(batch, (u16)(mh_get16(batch) + (with ? at : 0)));
		break;
	}
	ask(MH_ADMIN_SUBMIT, batch, n);
}

static void mixed(const u8 *p, u8 n)
{
	static u8 batch[1 << 20];
	struct mh_writer w;

	mh_writer_init(&w, batch, sizeof(batch));
	mh_write_u16(&w, n);
	for (u8 i = 0; i < n; i++) {
		const struct mh_bytes *b = &o.change[p[2 * i] % CHANGES];
		u16 items = mh_get16(b->p), which = p[2 * i + 1] % items;
		struct mh_reader r;

		mh_reader_init(&r, b->p + 2, b->n - 2);
		for (; items--; ) {
			const u8 type = mh_read_u8(&r);
			const struct mh_buf item = mh_read_big(&r, b->n);

			if (which--)
				continue;
			mh_write_u8(&w, type);
			mh_write_big(&w, item);
			break;
		}
	}
	if (!w.err)
		ask(MH_ADMIN_SUBMIT, batch, w.len);
}

static void any(u8 op, const u8 *p, u8 n, bool of_region)
{
	u8 body[255];

	memcpy(body, p, n);
	if (of_region && n >= 32)
		memcpy(body, o.w.region, 32);
	ask(op, body, n);
}

/* How many bytes it took */
static size_t step(const u8 *p, size_t n)
{
	const u8 len = n > 2 ? p[2] : 0;

	if (n < 5)
		return n;
	switch (p[0] % 4) {
	case 0:
		if (len > n - 3)
			return n;
		any(p[1], p + 3, len, p[0] & 0x80);
		return 3 + (size_t)len;
	case 1:
		if (p[1] > n - 2)
			return n;
		if (gone)
			dial();
		push(p + 2, p[1]);
		/* where its next frame begins is nobody's guess */
		close(fd);
		fd = -1;
		gone = true;
		office_settle(&o, read_replies);
		return 2 + (size_t)p[1];
	case 2:
		altered(p[1], mh_get16(p + 2), p[4]);
		return 5;
	default:
		if (2u * (p[1] & 15) > n - 2)
			return n;
		mixed(p + 2, p[1] & 15);
		return 2 + 2 * (size_t)(p[1] & 15);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;
	int changed;
	u64 seq;

	if (!ready) {
		office_make(&o);
		know(mh_bytes_buf(&o.first));
		for (int i = 0; i < CHANGES; i++)
			know(mh_bytes_buf(&o.change[i]));
		ready = true;
	}
	fuzz_fix_random(5);
	seq = o.d.audit.head.seq;
	changed = sqlite3_total_changes(o.d.store->db);
	store_hash(before[0], false);
	store_hash(before[1], true);
	dial();
	for (int i = 0; i < STEPS && at < size; i++)
		at += step(data + at, size - at);
	if (fd >= 0)
		close(fd);
	fd = -1;
	office_settle(&o, read_replies);
	must(!o.d.admins);
	if (o.d.audit.head.seq != seq || changed != sqlite3_total_changes(o.d.store->db))
		office_reset(&o, true, seq);
	return 0;
}

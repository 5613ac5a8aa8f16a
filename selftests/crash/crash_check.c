// SPDX-License-Identifier: MIT
/* What must hold of the store whenever repositoryd has opened it. */
#include "crash.h"
#include "core/manifest.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>

/* Sorted sets of 32 bytes: what the audit says was done, and which statements there are */
struct set {
	u8 (*of)[32];
	size_t n, room;
};

struct checking {
	struct crash *c;
	struct crash_seen *seen;
	sqlite3 *db;
	struct set done, leaves;
	unsigned int wrong;
};

__attribute__((format(printf, 2, 3))) static void tell(struct checking *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "crash: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	k->wrong++;
}

/* ---- sets ---- */

static void set_add(struct set *s, const u8 *key)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->of = realloc(s->of, s->room * sizeof(*s->of));
		if (!s->of)
			abort();
	}
	memcpy(s->of[s->n++], key, 32);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static void set_sort(struct set *s)
{
	if (s->n)
		qsort(s->of, s->n, sizeof(*s->of), compare);
}

static bool set_has(const struct set *s, const u8 *key)
{
	return s->n && bsearch(key, s->of, s->n, sizeof(*s->of), compare);
}

/* A delivery is known by its session, its request and what was delivered. */
static void delivery_key(const u8 *h, u32 request, const u8 *leaf, u8 key[32])
{
	u8 n[4];
	const struct mh_buf v[] = { MH_BUF(h, 32), MH_BUF(n, 4), MH_BUF(leaf, 32) };

	mh_put32(n, request);
	mh_sha256v(key, v, ARRAY_SIZE(v));
}

/* ---- SQL ---- */

static sqlite3_stmt *query(struct checking *k, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(k->db, sql, -1, &s, NULL) != SQLITE_OK) {
		fprintf(stderr, "crash: %s: %s\n", sql, sqlite3_errmsg(k->db));
		abort();
	}
	return s;
}

static s64 number(struct checking *k, const char *sql, const void *key, size_t n)
{
	sqlite3_stmt *s = query(k, sql);
	s64 value = -1;

	if (key)
		sqlite3_bind_blob(s, 1, key, (int)n, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

static struct mh_buf column(sqlite3_stmt *s, int i)
{
	return MH_BUF(sqlite3_column_blob(s, i), (size_t)sqlite3_column_bytes(s, i));
}

/* ---- the audit ---- */

static void look_at_record(struct checking *k, struct mh_buf b)
{
	struct mh_audit_record r;
	u8 key[32];

	if (mh_audit_record_decode(&r, b) || r.seq != k->seen->seq + 1 ||
	    memcmp(r.before, k->seen->hash, 32)) {
		tell(k, "the audit chain is broken at record %llu",
		     (unsigned long long)k->seen->seq + 1);
		return;
	}
	k->seen->seq = r.seq;
	mh_audit_record_hash(b, k->seen->hash);
	if (r.event == MH_AUDIT_STATEMENT || r.event == MH_AUDIT_EPOCH)
		set_add(&k->done, r.leaf);
	if (r.event == MH_AUDIT_DELIVERY && !r.outcome) {
		delivery_key(r.h, r.request, r.leaf, key);
		set_add(&k->done, key);
	}
}

static void look_at_audit(struct checking *k)
{
	sqlite3_stmt *s = query(k, "SELECT record FROM audit WHERE seq > ?1 ORDER BY seq");

	sqlite3_bind_int64(s, 1, (s64)k->seen->seq);
	while (!k->wrong && sqlite3_step(s) == SQLITE_ROW)
		look_at_record(k, column(s, 0));
	sqlite3_finalize(s);
	set_sort(&k->done);
}

/* ---- statements, and what has to be there with each ---- */

static void look_at_instance(struct checking *k, const struct mh_stmt *st)
{
	struct mh_manifest m;

	if (mh_manifest_decode(&m, st)) {
		tell(k, "an INSTANCE contradicts itself");
		return;
	}
	if (number(k, "SELECT length FROM data WHERE sha256 = ?1", m.sha256, 32) !=
	    (s64)m.length)
		tell(k, "%.*s has no Data", (int)st->subject.n, st->subject.p);
	if (number(k, m.mode == MH_MODE_SESSION ?
			   "SELECT count(*) FROM secret WHERE kind = 2 AND kid = ?1" :
			   "SELECT count(*) FROM wrap WHERE k = ?1", m.ke_kid, 32) != 1)
		tell(k, "%.*s has no key", (int)st->subject.n, st->subject.p);
}

static void look_at_statement(struct checking *k, struct mh_buf b)
{
	u8 next[MH_HASH_LEN];
	struct mh_stmt st;

	if (mh_stmt_parse(&st, b.p, b.n)) {
		tell(k, "a statement is malformed");
		return;
	}
	const struct mh_buf v[] = { MH_BUF(k->seen->running, 32), MH_BUF(st.leaf, 32) };

	set_add(&k->leaves, st.leaf);
	if (!set_has(&k->done, st.leaf))
		tell(k, "%.*s (type %u) is not in the audit", (int)st.subject.n, st.subject.p,
		     st.type);
	if (st.type == MH_INSTANCE)
		look_at_instance(k, &st);
	if (st.type == MH_REVOKE) {
		mh_sha256v(next, v, 2);
		memcpy(k->seen->running, next, sizeof(next));
		k->seen->revokes++;
	}
	if (st.type == MH_ENTITY &&
	    number(k, "SELECT count(*) FROM secret WHERE kind = 1 AND kid = ?1",
		   mh_stmt_attr(&st, MH_A_KEC_KID).p, 32) != 1)
		tell(k, "%.*s has no Kec", (int)st.subject.n, st.subject.p);
	if (st.type == MH_ENTITY &&
	    number(k, "SELECT count(*) FROM statement WHERE type = 5 AND k1 = ?1", st.subject.p,
		   st.subject.n) != 1)
		tell(k, "%.*s is no member: half of its enrolment is there", (int)st.subject.n,
		     st.subject.p);
}

static void look_at_statements(struct checking *k)
{
	sqlite3_stmt *s =
		query(k, "SELECT bytes, rowid FROM statement WHERE rowid > ?1 ORDER BY rowid");

	sqlite3_bind_int64(s, 1, k->seen->row);
	while (k->wrong < 20 && sqlite3_step(s) == SQLITE_ROW) {
		look_at_statement(k, column(s, 0));
		k->seen->row = sqlite3_column_int64(s, 1);
	}
	sqlite3_finalize(s);
	set_sort(&k->leaves);
}

/* Nothing is there that no statement has; every table, one number each. */
static void look_at_counts(struct checking *k)
{
	static const struct {
		const char *what, *sql;
	} equal[] = {
		{ "Kec", "SELECT (SELECT count(*) FROM secret WHERE kind = 1) - "
			 "(SELECT count(*) FROM statement WHERE type = 3)" },
		{ "Ke and wraps", "SELECT (SELECT count(*) FROM secret WHERE kind = 2) + "
				  "(SELECT count(*) FROM wrap) - "
				  "(SELECT count(*) FROM statement WHERE type = 8)" },
		{ "Data", "SELECT (SELECT count(*) FROM data) - "
			  "(SELECT count(*) FROM statement WHERE type = 8)" },
		{ "MEMBERs", "SELECT (SELECT count(*) FROM statement WHERE type = 5) - "
			     "(SELECT count(*) FROM statement WHERE type = 3)" },
		{ "records", "SELECT max(seq) - count(*) FROM audit" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(equal); i++) {
		s64 n = number(k, equal[i].sql, NULL, 0);

		if (n)
			tell(k, "%s: %lld too many", equal[i].what, (long long)n);
	}
}

/* The Region's count and running hash are those of its REVOKEs, and the newest EPOCH has them. */
static void look_at_region(struct checking *k)
{
	sqlite3_stmt *s = query(k, "SELECT revokes, running, (SELECT bytes FROM statement WHERE "
				   "type = 11 ORDER BY serial DESC LIMIT 1) FROM region");
	struct mh_buf running, epoch;
	struct mh_stmt st;

	if (sqlite3_step(s) != SQLITE_ROW) {
		tell(k, "there is no Region");
		sqlite3_finalize(s);
		return;
	}
	running = column(s, 1);
	epoch = column(s, 2);
	if ((u64)sqlite3_column_int64(s, 0) != k->seen->revokes ||
	    !mh_buf_equal(running, MH_BUF(k->seen->running, 32)))
		tell(k, "the Region's REVOKEs are %lld, in the store are %llu",
		     sqlite3_column_int64(s, 0), (unsigned long long)k->seen->revokes);
	if (mh_stmt_parse(&st, epoch.p, epoch.n) ||
	    mh_stmt_num(&st, MH_A_REVOKES) != k->seen->revokes ||
	    !mh_buf_equal(mh_stmt_attr(&st, MH_A_RUNNING), MH_BUF(k->seen->running, 32)))
		tell(k, "the newest EPOCH has not all REVOKEs");
	sqlite3_finalize(s);
}

static void look_for(struct checking *k, const struct crash_ack *a)
{
	static const char *const what[] = { "enrolment", "Instance", "revocation", "delivery" };
	u8 key[32];

	memcpy(key, a->leaf, 32);
	if (a->kind == CRASH_DELIVERY)
		delivery_key(a->h, a->request, a->leaf, key);
	else if (!set_has(&k->leaves, key))
		tell(k, "an acknowledged %s is lost", what[a->kind]);
	if (!set_has(&k->done, key))
		tell(k, "an acknowledged %s is not in the audit", what[a->kind]);
}

unsigned int crash_check(struct crash *c, struct crash_seen *seen, const struct crash_ack *ack,
			 size_t n)
{
	struct checking k = { .c = c, .seen = seen };
	char path[96];

	/* the daemon, which is idle, has the store for itself */
	rd_sh("rm -rf %s/copy && cp -r %s/s %s/copy", c->w.dir, c->w.dir, c->w.dir);
	snprintf(path, sizeof(path), "%s/copy/db", c->w.dir);
	if (sqlite3_open(path, &k.db) != SQLITE_OK)
		abort();
	look_at_audit(&k);
	look_at_statements(&k);
	look_at_counts(&k);
	look_at_region(&k);
	for (size_t i = 0; i < n && k.wrong < 20; i++)
		if (atomic_load(&ack[i].done))
			look_for(&k, &ack[i]);
	sqlite3_close(k.db);
	free(k.done.of);
	free(k.leaves.of);
	return k.wrong;
}

unsigned int crash_check_end(struct crash *c, const struct crash_seen *seen)
{
	struct checking k = { .c = c };
	struct mh_audit_checkpoint cp;
	struct mh_bytes reply;
	struct mh_reader r;
	struct mh_buf bytes;
	u8 body[44];
	char cmd[192];

	memcpy(body, c->w.region, 32);
	mh_put64(body + 32, seen->seq + 1);
	mh_put32(body + 40, 1);
	if (rd_call(&c->w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply))
		abort();
	mh_reader_init(&r, reply.p, reply.n);
	if (mh_read_u32(&r))
		tell(&k, "the audit goes on after its end");
	bytes = mh_read_big(&r, MH_AUDIT_CHECKPOINT_LEN);
	if (mh_audit_checkpoint_decode(&cp, bytes) || cp.seq != seen->seq ||
	    memcmp(cp.hash, seen->hash, 32) || mh_audit_checkpoint_verify(bytes, c->w.c.audit))
		tell(&k, "the daemon does not sign the audit's end");
	mh_bytes_free(&reply);
	snprintf(cmd, sizeof(cmd), "[ \"$(sqlite3 %s/copy/db 'PRAGMA integrity_check')\" = ok ]",
		 c->w.dir);
	if (system(cmd))
		tell(&k, "SQLite finds the store damaged");
	return k.wrong;
}

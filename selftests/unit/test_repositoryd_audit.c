// SPDX-License-Identifier: MIT
/*
 * R40: the audit against whoever can write the store's file, while the daemon runs or not; and
 * against kill -9 between the store's commit and the keeper's file, where none of it is the case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/audit_record.h"
#include "rd_world.h"
#include "repositoryd.h"

#define MOST 512

static struct rd_world w;

struct chain {
	struct mh_bytes record[MOST];
	u64 n;
};

/* ---- the store's file, behind the daemon's back ---- */

static sqlite3 *open_db(const char *store)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s/db", w.dir, store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void sql(const char *text)
{
	sqlite3 *db = open_db("s");

	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void chain_read(struct chain *c, const char *store)
{
	sqlite3 *db = open_db(store);
	sqlite3_stmt *s;

	c->n = 0;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT record FROM audit ORDER BY seq", -1, &s,
					    NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW && c->n < MOST)
		assert_int_equal(mh_bytes_copy(&c->record[c->n++], sqlite3_column_blob(s, 0),
					       (size_t)sqlite3_column_bytes(s, 0)), 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	assert_true(c->n > 5 && c->n < MOST);
}

static void chain_free(struct chain *c)
{
	while (c->n)
		mh_bytes_free(&c->record[--c->n]);
}

/* From record i on, each follows from the one before again; lengths stay. */
static void chain_link(struct chain *c, u64 i)
{
	for (; i < c->n; i++) {
		u8 hash[MH_HASH_LEN] = { 0 };

		if (i)
			mh_audit_record_hash(mh_bytes_buf(&c->record[i - 1]), hash);
		memcpy(c->record[i].p + 9, hash, MH_HASH_LEN);
	}
}

static void chain_write(const struct chain *c)
{
	sqlite3 *db = open_db("s");
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO audit VALUES (?1, x'00', "
					    "?2)", -1, &s, NULL), SQLITE_OK);
	for (u64 i = 0; i < c->n; i++) {
		sqlite3_bind_int64(s, 1, (s64)i + 1);
		sqlite3_bind_blob(s, 2, c->record[i].p, (int)c->record[i].n, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(s), SQLITE_DONE);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* One that happened never: the last again, with the next number. */
static void chain_add(struct chain *c)
{
	struct mh_bytes *last = &c->record[c->n - 1];

	assert_int_equal(mh_bytes_copy(&c->record[c->n], last->p, last->n), 0);
	mh_put64(c->record[c->n].p + 1, c->n + 1);
	c->n++;
	chain_link(c, c->n - 1);
}

static void copy_store(const char *from, const char *to)
{
	rd_sh("rm -rf %s/%s; cp -r %s/%s %s/%s", w.dir, to, w.dir, from, w.dir, to);
}

/* ---- what officers see ---- */

struct seen {
	u64 last, gaps;
	u8 hash[MH_HASH_LEN];
	struct mh_audit_checkpoint c;
	bool chained, verifies;		/* as repoctl audit verify judges */
};

static void look(struct seen *v)
{
	u8 body[44] = { 0 };
	struct mh_bytes reply;
	struct mh_reader r;
	struct mh_buf b;
	u32 n;

	memset(v, 0, sizeof(*v));
	v->chained = true;
	mh_put64(body + 32, 1);
	mh_put32(body + 40, MOST);
	assert_int_equal(rd_call(&w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply), 0);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u32(&r);
	for (u32 i = 0; i < n; i++) {
		struct mh_audit_record rec;

		b = mh_read_big(&r, MH_AUDIT_RECORD_MAX);
		assert_int_equal(mh_audit_record_decode(&rec, b), 0);
		v->chained &= rec.seq == v->last + 1 && !memcmp(rec.before, v->hash, 32);
		v->last = rec.seq;
		v->gaps += rec.event == MH_AUDIT_GAP;
		mh_audit_record_hash(b, v->hash);
	}
	b = mh_read_big(&r, MH_AUDIT_CHECKPOINT_LEN);
	assert_int_equal(mh_read_end(&r), 0);
	assert_int_equal(mh_audit_checkpoint_decode(&v->c, b), 0);
	v->verifies = v->chained && !mh_audit_checkpoint_verify(b, w.c.audit) &&
		      v->c.seq == v->last &&
		      !memcmp(v->c.hash, v->hash, MH_HASH_LEN);
	mh_bytes_free(&reply);
}

static void verifies(u64 gaps)
{
	struct seen v;

	look(&v);
	assert_true(v.verifies);
	assert_int_equal(v.gaps, gaps);
}

static int start_accepting(void)
{
	return rd_start_with(&w, "--accept-gap");
}

static int setup(void **state)
{
	struct rd_host h;

	(void)state;
	rd_setup(&w, NULL, NULL);
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, 1);
	rd_enrol(&w, &h, "alice");
	rd_host_free(&h);
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_sh("rm -rf %s/was %s/k.was", w.dir, w.dir);
	rd_teardown(&w);
	return 0;
}

/* ---- the tests ---- */

static void in_order(void **state)
{
	(void)state;
	verifies(0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rd_stop(&w, i ? SIGKILL : SIGTERM), i ? SIGKILL : 0);
		assert_int_equal(rd_start(&w), 0);
		verifies(0);
	}
}

/* Each a way to lie; the store is put back after it, and opens. */
static void refused(void (*lie)(struct chain *c), const char *also)
{
	static struct chain c;

	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	copy_store("s", "was");
	chain_read(&c, "s");
	if (lie) {
		lie(&c);
		chain_write(&c);
	}
	chain_free(&c);
	if (also)
		sql(also);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	copy_store("was", "s");
	assert_int_equal(rd_start(&w), 0);
	verifies(0);
}

static void other_name(struct chain *c)
{
	c->record[1].p[9 + 32] ^= 1;	/* its time */
	chain_link(c, 2);
}

static void last_time(struct chain *c)
{
	c->record[c->n - 1].p[9 + 32 + 7] ^= 1;
}

static void rewritten(void **state)
{
	(void)state;
	refused(other_name, "DELETE FROM checkpoint");
	refused(other_name, NULL);
	refused(last_time, "DELETE FROM checkpoint");
}

static void cut(void **state)
{
	(void)state;
	refused(NULL, "DELETE FROM audit WHERE seq > 4; DELETE FROM checkpoint");
	refused(NULL, "DELETE FROM audit WHERE seq > 4; DELETE FROM checkpoint WHERE seq > 4");
	refused(NULL, "DELETE FROM audit; DELETE FROM checkpoint");
}

static void added(void **state)
{
	(void)state;
	refused(chain_add, NULL);
}

static void checkpoints(void **state)
{
	(void)state;
	refused(NULL, "UPDATE checkpoint SET bytes = substr(bytes, 1, 115) || x'0000'");
	refused(NULL, "INSERT OR REPLACE INTO checkpoint SELECT seq - 1, substr(bytes, 1, 12) || "
		"x'01' || substr(bytes, 14) FROM checkpoint ORDER BY seq DESC LIMIT 1");
}

/* A store that was copied earlier: refused, then accepted, and told; no other is then. */
static void older(void **state)
{
	struct seen v;
	u64 last;

	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	copy_store("s", "was");
	assert_int_equal(rd_start(&w), 0);
	rd_dataset(&w, "disk/later", MH_MODE_SESSION);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	look(&v);
	last = v.last;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("mv %s/s %s/newest", w.dir, w.dir);
	copy_store("was", "s");
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	assert_int_equal(start_accepting(), 0);
	verifies(1);
	assert_int_equal(rd_stop(&w, SIGKILL), SIGKILL);
	/* needed once; and of no effect when it is not needed */
	assert_int_equal(start_accepting(), 0);
	verifies(1);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	assert_int_equal(rd_start(&w), 0);
	rd_dataset(&w, "disk/later", MH_MODE_SESSION);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	look(&v);
	assert_true(v.verifies && v.last > last);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	/* the newest is now the other one */
	rd_sh("mv %s/s %s/s2; mv %s/newest %s/s", w.dir, w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	rd_sh("rm -rf %s/s; mv %s/s2 %s/s", w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), 0);
	verifies(1);
}

/* The keeper's own file: without it nothing vouches for the store. */
static void keepers_file(void **state)
{
	static const char *const ways[] = {
		"rm %s/k/audit", ": > %s/k/audit",
		"printf x | dd of=%s/k/audit bs=1 seek=20 conv=notrunc status=none",
		"chmod 644 %s/k/audit",
	};

	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("cp -a %s/k %s/k.was", w.dir, w.dir);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		rd_sh(ways[i], w.dir);
		assert_int_equal(rd_start(&w), MH_RD_KEEPER);
		rd_sh("rm -rf %s/k; cp -a %s/k.was %s/k", w.dir, w.dir, w.dir);
	}
	rd_sh("rm %s/k/audit", w.dir);
	assert_int_equal(start_accepting(), 0);
	verifies(2);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	/* an older copy of the keeper's directory */
	rd_sh("rm -rf %s/k; cp -a %s/k.was %s/k", w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	assert_int_equal(start_accepting(), 0);
	verifies(3);
}

static pid_t keeper_pid(void)
{
	char path[64], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", w.pid, w.pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	return (pid_t)strtol(line, NULL, 10);
}

static s64 wal_size(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/s/db-wal", w.dir);
	return stat(path, &st) ? 0 : (s64)st.st_size;
}

/*
 * The keeper is stopped, so that the daemon's commit is durable and its word of it is not taken:
 * killed there, the keeper knows less than the store, and both open.
 */
static void killed_between(void **state)
{
	struct seen before, after;
	u8 head[5];
	s64 size;

	(void)state;
	look(&before);
	size = wal_size();
	assert_int_equal(kill(keeper_pid(), SIGSTOP), 0);
	rd_dataset(&w, "disk/between", MH_MODE_SESSION);
	mh_put32(head, (u32)w.batch.n + 1);
	head[4] = MH_ADMIN_SUBMIT;
	assert_int_equal(write(w.admin_fd, head, 5), 5);
	assert_int_equal(write(w.admin_fd, w.batch.p, w.batch.n), (ssize_t)w.batch.n);
	w.batch.n = 0;
	w.batch.items = 0;
	for (int i = 0; i < 500 && wal_size() <= size; i++)
		usleep(10000);
	assert_true(wal_size() > size);
	usleep(200000);
	assert_int_equal(rd_stop(&w, SIGKILL), SIGKILL);
	copy_store("s", "was");
	assert_int_equal(rd_start(&w), 0);
	look(&after);
	assert_true(after.verifies);
	assert_int_equal(after.last, before.last + 1 + 2);	/* DATASET; START, EPOCH */
}

/* Killed there again, and this time the store's newest record is another. */
static void killed_and_forged(void **state)
{
	static struct chain c;

	(void)state;
	assert_int_equal(rd_stop(&w, SIGKILL), SIGKILL);
	copy_store("s", "was");
	chain_read(&c, "s");
	last_time(&c);
	chain_write(&c);
	chain_free(&c);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	copy_store("was", "s");
	assert_int_equal(rd_start(&w), 0);
	verifies(3);
}

/* ---- under a running daemon: bytes in its files, which it holds open and locked ---- */

static unsigned int overwrite(const char *file, const struct mh_bytes *old, const u8 *new)
{
	struct mh_bytes all = { 0 };
	unsigned int n = 0;
	char path[128];
	u8 *at;
	int fd;

	snprintf(path, sizeof(path), "%s/s/%s", w.dir, file);
	if (mh_file_read(path, 1 << 26, &all))
		return 0;
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (at = all.p; (at = memmem(at, all.n - (size_t)(at - all.p), old->p, old->n)); n++) {
		assert_int_equal(pwrite(fd, new, old->n, at - all.p), (ssize_t)old->n);
		at++;
	}
	close(fd);
	mh_bytes_free(&all);
	return n;
}

static void under_it(void **state)
{
	static struct chain was, forged;
	struct seen v;

	(void)state;
	verifies(3);
	copy_store("s", "was");
	chain_read(&was, "was");
	chain_read(&forged, "was");
	other_name(&forged);
	for (u64 i = 0; i < was.n; i++)
		if (memcmp(was.record[i].p, forged.record[i].p, was.record[i].n))
			assert_true(overwrite("db", &was.record[i], forged.record[i].p) +
				    overwrite("db-wal", &was.record[i], forged.record[i].p) > 0);
	look(&v);
	assert_true(v.chained);
	assert_false(v.verifies);
	/* it still signs what it wrote, and nothing else */
	rd_dataset(&w, "disk/after", MH_MODE_SESSION);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	look(&v);
	assert_false(v.verifies);
	assert_int_equal(v.c.seq, v.last);
	assert_memory_equal(v.c.hash, v.hash, MH_HASH_LEN);
	chain_free(&was);
	chain_free(&forged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(rewritten),
		cmocka_unit_test(cut),
		cmocka_unit_test(added),
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(older),
		cmocka_unit_test(keepers_file),
		cmocka_unit_test(killed_between),
		cmocka_unit_test(killed_and_forged),
		cmocka_unit_test(under_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

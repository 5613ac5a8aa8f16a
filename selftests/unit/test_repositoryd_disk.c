// SPDX-License-Identifier: MIT
/*
 * R40 R41: a store or a keeper's file that cannot be used: the daemon says what happened and what
 * to do, ends as its man page says, changes nothing, and serves again once it is mended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w, other;
static struct rd_host alice;

/* Its stderr goes to a file beside its configuration. */
static void write_down(char **argv)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s.said", argv[2]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || dup2(fd, 2) < 0)
		abort();
	close(fd);
}

static void log_has(const char *regex)
{
	struct mh_bytes b;
	char path[128];
	bool missing;
	regex_t re;

	snprintf(path, sizeof(path), "%s.said", w.ini);
	assert_int_equal(mh_file_read(path, 65536, &b), 0);
	assert_int_equal(regcomp(&re, regex, REG_EXTENDED | REG_NOSUB), 0);
	b.p = realloc(b.p, b.n + 1);
	b.p[b.n] = 0;
	missing = regexec(&re, (char *)b.p, 0, NULL, 0);
	regfree(&re);
	if (missing)
		print_error("/%s/ is not in: %s", regex, (char *)b.p);
	mh_bytes_free(&b);
	assert_false(missing);
}

/* Both keys, or "busy" */
static unsigned int fetched(bool may_fail)
{
	struct mh_client_result r;
	struct mh_client c;
	unsigned int n = 0;

	if (rd_connect(&w, &alice, &c)) {
		assert_true(may_fail);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		if (mh_client_fetch(&c, i ? "disk/b" : "disk/a", 0, NULL, NULL, &r)) {
			assert_true(may_fail);
			break;
		}
		if (r.state != MH_ANSWER_DONE) {
			assert_int_equal(r.refused.code, MH_REFUSED_BUSY);
			assert_true(may_fail);
			continue;
		}
		assert_int_equal(r.data.n, 5);
		assert_memory_equal(r.data.p, i ? "key b" : "key a", 5);
		mh_bytes_free(&r.data);
		n++;
	}
	mh_client_close(&c);
	return n;
}

static int setup(void **state)
{
	(void)state;
	rd_exec = write_down;
	rd_setup(&other, NULL, NULL);
	assert_int_equal(rd_start(&other), 0);
	assert_int_equal(rd_submit(&other), MH_ADMIN_OK);
	rd_stop(&other, SIGTERM);
	rd_setup(&w, NULL, NULL);
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, 1);
	rd_enrol(&w, &alice, "alice");
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	rd_dataset(&w, "disk/b", MH_MODE_SESSION);
	rd_instance(&w, "disk/a", 1, MH_MODE_SESSION, NULL, "key a", 5);
	rd_instance(&w, "disk/b", 1, MH_MODE_SESSION, NULL, "key b", 5);
	rd_group(&w, "g", "disk/");
	rd_member(&w, "g", "alice");
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(fetched(false), 2);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("cd %s && mkdir was && cp -r s k was", w.dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_sh("rm -rf %s/was %s/harmed %s/ini.said %s/ini.said", w.dir, w.dir, w.dir, other.dir);
	rd_teardown(&other);
	rd_teardown(&w);
	rd_exec = NULL;
	return 0;
}

/* ---- at the start ---- */

#define AUDIT "k/audit: missing, damaged or not of this seat: put it back .*--accept-gap"
#define SEAL "the sealed secrets do not open with this seat, or a file is damaged"
#define DAMAGED "s/db: the store is damaged; restore it from a backup: "

/* What is done in the world's directory, $O the other's; what the daemon says, and ends with */
static const struct harm {
	const char *name, *does;
	int code;
	const char *says;
} harms[] = {
	{ "store missing", "rm s/db*", 3, "s/db is not there, .*put the newest copy of the store" },
	{ "store empty", ": > s/db", 3, "s/db is empty, .*put the newest copy of the store back" },
	{ "its first page", "page 0", 3, "not a database" },
	{ "another page", "page 6", 3, DAMAGED },
	{ "zeros", "truncate -s 4096 s/db; truncate -s 40960 s/db", 3, DAMAGED },
	{ "cut off", "truncate -s 16384 s/db", 3, DAMAGED },
	{ "another Repository's", "cp $O/s/db s/db", 3,
	  "not the one that this server left.*put the newest copy of the store back" },
	{ "a directory", "rm s/db; mkdir s/db", 3, "s/db: " },
	{ "keeper missing", "rm -r k", 5, "k/sealed is not there, .*put seat and sealed back" },
	{ "keeper a file", "rm -r k; : > k", 2, "keeper = .*k: not in a directory" },
	{ "sealed cut", "truncate -s 100 k/sealed", 5, SEAL },
	{ "sealed turned", "turn k/sealed 150", 5, SEAL },
	{ "seat missing", "rm k/seat", 5, "the seat is missing: put it back from a backup" },
	{ "seat cut", "truncate -s 31 k/seat", 5, SEAL },
	{ "another's seat and sealed", "cp $O/k/se* k/", 5, AUDIT },
	{ "audit missing", "rm k/audit", 5, AUDIT },
	{ "audit cut", "truncate -s 40 k/audit", 5, AUDIT },
	{ "audit turned", "turn k/audit 20", 5, AUDIT },
	{ "another's audit", "cp $O/k/audit k/audit", 5, AUDIT },
	{ "an audit of all", "chmod 644 k/audit", 5, "k/audit: must be readable by its owner a" },
	{ "a sealed of all", "chmod 644 k/sealed", 5, "must be readable by their owner alone" },
};

static void copy(const char *to)
{
	rd_sh("cd %s && rm -rf %s && mkdir %s && for f in s k; do [ ! -e $f ] || cp -r $f %s; done",
	      w.dir, to, to, to);
}

static void at_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(harms); i++) {
		const struct harm *h = &harms[i];

		rd_sh("over() { dd of=$1 bs=$2 seek=$3 count=${4:-1} conv=notrunc status=none; }; "
		      "page() { over s/db 4096 $1 < /dev/urandom; }; "
		      "turn() { echo 1234567 | over $1 1 $2 8; }; "
		      "cd %s && O=%s && { %s; }", w.dir, other.dir, h->does);
		copy("harmed");
		print_message("# %s\n", h->name);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(rd_start(&w), h->code);
			log_has(h->says);
		}
		/* nothing was made, mended or written */
		copy("now");
		rd_sh("cd %s && diff -r harmed now && rm -r now", w.dir);
		rd_sh("cd %s && rm -rf s k && cp -r was/s s && cp -r was/k k", w.dir);
	}
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(fetched(false), 2);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
}

/* Another program has it open, and writes. */
static void locked(void **state)
{
	char path[128];
	sqlite3 *db;

	(void)state;
	snprintf(path, sizeof(path), "%s/s/db", w.dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(rd_start(&w), 3);
	log_has("s/db: another .*holds the store: ");
	sqlite3_close(db);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(fetched(false), 2);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
}

/* What was committed is in the WAL alone, and that is damaged: the keeper knew more. */
static void wal_damaged(void **state)
{
	(void)state;
	rd_sh("cd %s && rm -rf was && mkdir was && cp -r s k was", w.dir);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(fetched(false), 2);
	assert_int_equal(rd_stop(&w, SIGKILL), SIGKILL);
	rd_sh("cd %s && cp s/db-wal was/ && dd if=/dev/urandom of=s/db-wal bs=4096 seek=1 "
	      "count=20 conv=notrunc status=none", w.dir);
	assert_int_equal(rd_start(&w), 3);
	log_has("the keeper has seen record [0-9]+: the store is an older copy, or its end was");
	log_has("put the newest copy of the store back");
	rd_sh("cd %s && rm -r s && cp -r was/s s && mv was/db-wal s/", w.dir);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(fetched(false), 2);
}

/* ---- while it runs ---- */

/* Pages that it reads later are another's bytes: it says so, and what it gives is right. */
static void under_it(void **state)
{
	unsigned int served = 2;
	struct mh_bytes reply;
	u8 body[44] = { 0 };

	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	assert_int_equal(rd_start(&w), 0);
	rd_sh("cd %s && dd if=/dev/urandom of=s/db bs=4096 seek=1 count=100 conv=notrunc "
	      "status=none", w.dir);
	/* what it remembers of the file it forgets when it shows the audit */
	mh_put64(body + 32, 1);
	mh_put32(body + 40, 1000);
	for (int i = 0; i < 3; i++) {
		rd_call(&w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply);
		mh_bytes_free(&reply);
		served = fetched(true);
	}
	assert_true(served < 2);
	rd_dataset(&w, "disk/late", MH_MODE_SESSION);
	assert_int_equal(rd_submit(&w), MH_ADMIN_FAILED);
	log_has("the store failed: .*malformed");
	rd_stop(&w, SIGTERM);
	assert_int_equal(rd_start(&w), 3);
	log_has("damaged; restore it from a backup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_start),
		cmocka_unit_test(locked),
		cmocka_unit_test(wal_damaged),
		cmocka_unit_test(under_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

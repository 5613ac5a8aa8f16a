// SPDX-License-Identifier: MIT
/* R40: on a full disk nothing is delivered that the audit does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "rd_world.h"
#include "repositoryd.h"

/*
 * A store on a file system of 2 MiB that fills up: refused plainly, nothing half, and well again
 * after.
 */
static void disk_full(void **state)
{
	static u8 big[60000];
	struct rd_world f;
	struct mh_client_result r;
	struct mh_client c;
	struct rd_host h;
	char cmd[512];
	u8 status = 0;
	u64 v = 0;

	(void)state;
	rd_setup(&f, NULL, NULL);
	snprintf(cmd, sizeof(cmd),
		 "mkdir %s/s && mount -t tmpfs -o size=2m none %s/s &&"
		 "dd if=/dev/zero of=%s/s/reserve bs=4096 count=100 status=none",
		 f.dir, f.dir, f.dir);
	if (geteuid() || system(cmd)) {
		rd_teardown(&f);
		skip();
	}
	assert_int_equal(rd_start(&f), 0);
	f.kind = MH_DATA_OTHER;
	rd_delegate(&f, 1);
	rd_enrol(&f, &h, "host");
	rd_dataset(&f, "file/x", MH_MODE_SESSION);
	rd_group(&f, "g", "file/x");
	rd_member(&f, "g", "host");
	assert_int_equal(rd_submit(&f), MH_ADMIN_OK);
	while (!status && v < 100) {
		mh_random(big, sizeof(big));
		rd_instance(&f, "file/x", ++v, MH_MODE_SESSION, NULL, big, sizeof(big));
		status = rd_submit(&f);
	}
	assert_int_equal(status, MH_ADMIN_FULL);
	/* to the last byte: what cannot be recorded is refused, not delivered */
	snprintf(cmd, sizeof(cmd),
		 "dd if=/dev/zero of=%s/s/fill bs=4096 status=none 2>/dev/null; true", f.dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rd_connect(&f, &h, &c), 0);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(mh_client_fetch(&c, "file/none", 0, NULL, NULL, &r), 0);
		if (r.refused.code == MH_REFUSED_BUSY)
			break;
	}
	assert_int_equal(r.refused.code, MH_REFUSED_BUSY);
	mh_client_close(&c);
	/* nor is there a session that the audit does not know */
	assert_int_equal(rd_connect(&f, &h, &c), 0);
	assert_int_equal(mh_client_fetch(&c, "file/x", 1, NULL, NULL, &r), 0);
	assert_int_equal(r.refused.code, MH_REFUSED_BUSY);
	snprintf(cmd, sizeof(cmd), "rm %s/s/fill %s/s/reserve", f.dir, f.dir);
	assert_int_equal(system(cmd), 0);
	assert_int_not_equal(mh_client_fetch(&c, "file/x", 1, NULL, NULL, &r), 0);
	mh_client_close(&c);
	assert_int_equal(rd_connect(&f, &h, &c), 0);
	assert_int_equal(mh_client_fetch(&c, "file/x", 1, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	mh_bytes_free(&r.data);
	mh_client_close(&c);
	assert_int_equal(rd_stop(&f, SIGKILL), SIGKILL);
	assert_int_equal(rd_start(&f), 0);
	assert_int_equal(rd_stop(&f, SIGTERM), 0);
	snprintf(cmd, sizeof(cmd), "umount %s/s", f.dir);
	assert_int_equal(system(cmd), 0);
	rd_host_free(&h);
	rd_teardown(&f);
}

static int append(struct mh_audit *a)
{
	static u8 what[MH_DATASET_MAX];
	struct mh_audit_record r = { .event = MH_AUDIT_DELIVERY, .request = 1,
				     .what = MH_BUF(what, sizeof(what)) };
	int ret = mh_store_in_transaction(a->store) ? 0 : mh_store_begin(a->store);

	memset(what, 'd', sizeof(what));
	return ret ? ret : mh_audit_append(a, &r, 1);
}

/*
 * The disk fills up within a turn of the loop, and SQLite rolls back by itself: none of the turn's
 * other records is stored without those before it.
 */
static void turn(void **state)
{
	struct mh_keeper k;
	struct mh_store *st;
	struct mh_audit a;
	char dir[] = "/tmp/rd-XXXXXX", store[64], keeper[64], cmd[256];
	int ret = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "mkdir %s/s && mount -t tmpfs -o size=3m none %s/s", dir, dir);
	if (geteuid() || system(cmd))
		skip();
	snprintf(store, sizeof(store), "%s/s/db", dir);
	snprintf(keeper, sizeof(keeper), "%s/k", dir);
	assert_int_equal(mh_keeper_start(&k, keeper, NULL, "n", MH_KEEPER_MAY_MAKE), 0);
	assert_int_equal(mh_store_open(&st, store), 0);
	assert_int_equal(mh_audit_open(&a, st, &k, false), 0);
	assert_int_equal(append(&a), 0);
	assert_int_equal(mh_audit_commit(&a), 0);
	for (int i = 0; !ret && i < 100000; i++)
		ret = append(&a);
	assert_int_equal(ret, -ENOSPC);
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(append(&a), 0);
	assert_int_not_equal(mh_audit_commit(&a), 0);
	mh_store_rollback(st);
	assert_int_equal(mh_audit_reload(&a), 0);
	assert_int_equal(append(&a), 0);
	assert_int_equal(mh_audit_commit(&a), 0);
	assert_int_equal(a.durable.seq, 2);
	mh_store_close(st);
	mh_keeper_stop(&k);
	assert_int_equal(mh_keeper_start(&k, keeper, NULL, "n", 0), 0);
	assert_int_equal(mh_store_open(&st, store), 0);
	assert_int_equal(mh_audit_open(&a, st, &k, false), 0);
	assert_int_equal(a.durable.seq, 2);
	mh_store_close(st);
	mh_keeper_stop(&k);
	snprintf(cmd, sizeof(cmd), "umount %s/s && rm -r %s", dir, dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(disk_full), cmocka_unit_test(turn) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

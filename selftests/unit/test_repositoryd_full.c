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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(disk_full) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

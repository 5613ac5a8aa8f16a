// SPDX-License-Identifier: MIT
/*
 * R36: DELEGATIONs that were signed ahead.  The server goes from one to the next when it begins, to
 * the second, and tells the sessions that are open; one that has not begun replaces nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w;
static struct rd_host alice;

/* Both roles, from and until so many seconds from t on */
static void delegate(u64 serial, u64 t, u64 from, u64 until)
{
	static const struct {
		const char *subject;
		u8 role;
	} roles[] = { { "repo1", MH_ROLE_SERVE }, { "repo1.freshness", MH_ROLE_FRESHNESS } };
	struct mh_writer b;
	u8 buf[1024];

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		const bool serve = roles[i].role == MH_ROLE_SERVE;

		mh_writer_init(&b, buf, sizeof(buf));
		mh_stmt_begin(&b, MH_DELEGATION, w.region, w.anchor_leaf,
			      mh_text(roles[i].subject), serial, t, t + from, t + until);
		mh_write_attr(&b, MH_A_KEY, serve ? w.c.sp2 : w.c.fresh, 64);
		if (serve)
			mh_write_attr(&b, MH_A_AUDIT_KEY, w.c.audit, 64);
		mh_write_attr_u8(&b, MH_A_ROLE, roles[i].role);
		rd_statement(&w, &b, MH_SET_SIGNER, NULL);
	}
}

/* Serials of serve and freshness in force, as serve * 100 + freshness; 0: none.  EPOCH is signed
 * under the latter.
 */
static int in_force(void)
{
	struct mh_bytes reply;
	struct mh_stmt s[3];
	struct mh_reader r;

	if (rd_call(&w, MH_ADMIN_TRUST, MH_BUF(w.region, 32), &reply)) {
		mh_bytes_free(&reply);
		return 0;
	}
	mh_reader_init(&r, reply.p, reply.n);
	assert_int_equal(mh_read_u8(&r), 2);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);

		assert_int_equal(mh_stmt_parse(&s[i], b.p, b.n), 0);
	}
	assert_memory_equal(s[2].signer, s[1].leaf, MH_HASH_LEN);
	assert_true(s[2].issued >= s[1].not_before && s[2].not_after <= s[1].not_after);
	mh_bytes_free(&reply);
	return (int)(s[0].serial * 100 + s[1].serial);
}

/* How many DELEGATIONs are told, and the sum of their serials */
static unsigned int all(u64 *sum)
{
	struct mh_bytes reply;
	struct mh_reader r;
	unsigned int n;

	*sum = 0;
	assert_int_equal(rd_call(&w, MH_ADMIN_DELEGATIONS, MH_BUF(w.region, 32), &reply), 0);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u16(&r);
	for (unsigned int i = 0; i < n; i++) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);
		struct mh_stmt s;

		assert_int_equal(mh_stmt_parse(&s, b.p, b.n), 0);
		*sum += s.serial;
	}
	assert_int_equal(mh_read_end(&r), 0);
	mh_bytes_free(&reply);
	return n;
}

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, NULL);
	assert_int_equal(rd_start(&w), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_teardown(&w);
	return 0;
}

/* An officer's clock is ahead of the server's: what is signed by it holds by the server's. */
static void clock_ahead(void **state)
{
	u64 t = (u64)time(NULL), sum;

	(void)state;
	delegate(1, t, 3, 400);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(in_force(), 0);
	assert_int_equal(all(&sum), 2);
	sleep(4);
	assert_int_equal(in_force(), 101);
}

static void one_after_another(void **state)
{
	u64 t = (u64)time(NULL), sum, now;
	struct mh_client c, again;

	(void)state;
	rd_enrol(&w, &alice, "alice");
	delegate(2, t, 0, 10);
	delegate(3, t, 5, 30);
	delegate(4, t, 25, 5000);
	delegate(5, t, 550, 6000);	/* within the grace that a host gives */
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(in_force(), 202);
	assert_int_equal(all(&sum), 10);
	assert_int_equal(sum, 30);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	/* the open session is told the new ones, and the EPOCH that is signed under them */
	assert_int_equal(mh_client_push(&c), MH_DELEGATION);
	now = (u64)time(NULL);
	assert_in_range(now, t + 5, t + 8);
	assert_int_equal(mh_client_push(&c), MH_DELEGATION);
	assert_int_equal(mh_client_push(&c), MH_EPOCH);
	assert_int_equal(in_force(), 303);
	assert_int_equal(rd_connect(&w, &alice, &again), 0);
	mh_client_close(&again);
	/* those that have ended are told no more, but for the newest */
	sleep(t + 11 > (u64)time(NULL) ? (unsigned int)(t + 11 - (u64)time(NULL)) : 0);
	assert_int_equal(in_force(), 303);
	assert_int_equal(all(&sum), 8);
	assert_int_equal(sum, 26);
	assert_int_equal(mh_client_push(&c), MH_DELEGATION);
	now = (u64)time(NULL);
	assert_in_range(now, t + 25, t + 28);
	assert_int_equal(in_force(), 404);
	mh_client_close(&c);
}

/* A start reads them, too; one that is revoked takes nothing over. */
static void again(void **state)
{
	u64 t = (u64)time(NULL), sum;

	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(in_force(), 404);
	rd_revoke(&w, MH_DELEGATION, "repo1", 5);
	rd_revoke(&w, MH_DELEGATION, "repo1.freshness", 5);
	delegate(6, t, 0, 600);
	delegate(7, t, 3, 600);
	delegate(8, t, 300, 600);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(all(&sum), 6);
	assert_int_equal(sum, 42);
	sleep(5);
	assert_int_equal(in_force(), 707);
	rd_revoke(&w, MH_DELEGATION, "repo1", 7);
	rd_revoke(&w, MH_DELEGATION, "repo1.freshness", 7);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	/* what is left has not begun */
	assert_int_equal(in_force(), 0);
	assert_int_equal(all(&sum), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_ahead),
		cmocka_unit_test(one_after_another),
		cmocka_unit_test(again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

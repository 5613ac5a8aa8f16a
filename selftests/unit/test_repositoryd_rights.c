// SPDX-License-Identifier: MIT
/*
 * R13, R16, R18: what officers change counts at once, for sessions that are open and for answers
 * that wait: a POLICY revoked, a host enrolled anew with other keys, a host revoked with its
 * requests in the queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/audit_record.h"
#include "rd_world.h"
#include "repositoryd.h"

#define QUEUED 60

static struct rd_world w;
static struct rd_host alice;
static u8 big[100000];
static const char key_data[] = "thirty-two bytes of secret key!!";

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, "handshake = 2");
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, 1);
	rd_enrol(&w, &alice, "alice");
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	w.kind = MH_DATA_OTHER;
	rd_dataset(&w, "disk/big", MH_MODE_SESSION);
	rd_group(&w, "ga", "disk/");
	rd_member(&w, "ga", "alice");
	mh_random(big, sizeof(big));
	rd_instance(&w, "disk/big", 1, MH_MODE_SESSION, NULL, big, sizeof(big));
	w.kind = MH_DATA_KEY;
	rd_instance(&w, "disk/a", 1, MH_MODE_SESSION, NULL, key_data, 32);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_teardown(&w);
	return 0;
}

/* State of the answer, or -errno when the session ended instead. */
static int fetch(struct mh_client *c, const char *name, u8 *code)
{
	struct mh_client_result r;
	int ret = mh_client_fetch(c, name, 0, NULL, NULL, &r);

	*code = ret ? 0 : r.refused.code;
	if (!ret)
		mh_bytes_free(&r.data);
	return ret ? ret : (int)r.state;
}

static void expect(struct mh_client *c, const char *name, enum mh_answer_state state, u8 code)
{
	u8 got;

	assert_int_equal(fetch(c, name, &got), state);
	assert_int_equal(got, code);
}

/* A validity renewed, the keys as they were: the session goes on. */
static void renewed(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	expect(&c, "disk/a", MH_ANSWER_DONE, 0);
	rd_enrol_again(&w, &alice, 2);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	expect(&c, "disk/a", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

/* The machine that had the name before gets nothing on the session that it kept open. */
static void enrolled_anew(bool with_revoke)
{
	static u64 serial = 2;
	struct rd_host before = alice;
	struct mh_client c;
	u8 code;
	int ret;

	assert_int_equal(rd_connect(&w, &before, &c), 0);
	expect(&c, "disk/a", MH_ANSWER_DONE, 0);
	if (with_revoke)
		rd_revoke(&w, MH_ENTITY, "alice", serial);
	rd_enrol_serial(&w, &alice, "alice", ++serial);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	ret = fetch(&c, "disk/a", &code);
	assert_true(ret < 0 || (ret == MH_ANSWER_REFUSED && code == MH_REFUSED_REVOKED));
	mh_client_close(&c);
	assert_int_equal(rd_connect(&w, &before, &c), 0);
	assert_true(fetch(&c, "disk/a", &code) < 0);
	mh_client_close(&c);
	rd_host_free(&before);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	expect(&c, "disk/a", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

static void other_keys(void **state)
{
	(void)state;
	enrolled_anew(false);
}

static void other_keys_and_revoke(void **state)
{
	(void)state;
	enrolled_anew(true);
}

static int queue_up(struct mh_client *c)
{
	const int small = 65536;
	int fd = rd_dial(&w);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(mh_client_open(c, &alice.id, fd), 0);
	for (int i = 0; i < QUEUED; i++)
		assert_int_equal(mh_client_request(c, "disk/big", 0, NULL, NULL), i + 1);
	usleep(300000);	/* all are decided, and wait for us to read */
	return 0;
}

/* How many of the queued answers are whole; *end: how it ended, if not with the last. */
static int read_all(struct mh_client *c, int *end)
{
	struct mh_client_result r;
	int done = 0;

	*end = 0;
	for (int i = 0; i < QUEUED && !*end; i++) {
		*end = mh_client_answer(c, "disk/big", 0, &r);
		if (*end)
			break;
		done += r.state == MH_ANSWER_DONE;
		mh_bytes_free(&r.data);
	}
	return done;
}

/* A new version that comes meanwhile takes nothing from those who are being served. */
static void queue_and_new_version(void **state)
{
	struct mh_client c;
	int end;

	(void)state;
	queue_up(&c);
	w.kind = MH_DATA_OTHER;
	rd_instance(&w, "disk/big", 2, MH_MODE_SESSION, NULL, big, sizeof(big));
	w.kind = MH_DATA_KEY;
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(read_all(&c, &end), QUEUED);
	mh_client_close(&c);
}

/* One that is issued anew may be under another policy: who waits for it asks again. */
static void queue_and_issued_anew(void **state)
{
	struct mh_client c;
	u8 code;
	int end;

	(void)state;
	queue_up(&c);
	rd_issue_again(&w, 2);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_in_range(read_all(&c, &end), 0, QUEUED / 2);
	/* the one that was begun cannot become REFUSED */
	assert_int_equal(end, -ECONNRESET);
	mh_client_close(&c);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(fetch(&c, "disk/big", &code), MH_ANSWER_DONE);
	mh_client_close(&c);
}

/* A session that nobody uses ends too, when the name is another host's. */
static void idle_ends(void **state)
{
	struct rd_host bob, before;
	struct mh_client c;

	(void)state;
	rd_enrol(&w, &bob, "bob");
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(rd_connect(&w, &bob, &c), 0);
	expect(&c, "disk/none", MH_ANSWER_REFUSED, MH_REFUSED_UNKNOWN);
	before = bob;
	rd_enrol_serial(&w, &bob, "bob", 2);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(mh_client_push(&c), -ECONNRESET);
	mh_client_close(&c);
	rd_host_free(&before);
	rd_host_free(&bob);
}

/* Deliveries to alice that the audit says were refused as revoked, from this record on */
static int refused_since(u64 *seq)
{
	u8 body[44] = { 0 };
	struct mh_bytes reply;
	struct mh_reader r;
	int refused = 0;
	u32 n;

	mh_put64(body + 32, *seq + 1);
	mh_put32(body + 40, 4096);
	assert_int_equal(rd_call(&w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply), 0);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u32(&r);
	for (u32 i = 0; i < n; i++) {
		struct mh_audit_record rec;

		assert_int_equal(mh_audit_record_decode(&rec, mh_read_big(&r, MH_AUDIT_RECORD_MAX)),
				 0);
		*seq = rec.seq;
		refused += rec.event == MH_AUDIT_DELIVERY && rec.outcome == MH_REFUSED_REVOKED;
	}
	mh_bytes_free(&reply);
	return refused;
}

static void queue_and_revoke(void **state)
{
	struct mh_client c;
	u64 seq = 0;
	int end;

	(void)state;
	queue_up(&c);
	refused_since(&seq);
	rd_revoke(&w, MH_ENTITY, "alice", 100);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	/* what was in the sockets' buffers is out of our hands; six megabytes are not */
	assert_in_range(read_all(&c, &end), 0, QUEUED / 2);
	assert_int_equal(end, -ECONNRESET);
	assert_in_range(refused_since(&seq), 1, QUEUED);	/* R40 */
	assert_int_equal(c.pushed[MH_REVOKE], 1);
	mh_client_close(&c);
	rd_host_free(&alice);
	rd_enrol_serial(&w, &alice, "alice", 101);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
}

/*
 * R13: a wrap comes with the INSTANCE that officers signed, or not at all.  Who only reaches the
 * admin socket neither replaces a host's nor adds one; who sends it all again changes nothing.
 */
static void wraps(void **state)
{
	static struct rd_batch made;
	const size_t kid_w = 1 + 32;
	struct mh_client c;

	(void)state;
	rd_dataset(&w, "disk/g", MH_MODE_GROUP);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	rd_instance(&w, "disk/g", 1, MH_MODE_GROUP, &alice, key_data, 32);
	made = w.batch;	/* the wrap is its last item */
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	w.batch = made;
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	w.batch = made;
	w.batch.p[w.batch.n - 1] ^= 1;
	assert_int_equal(rd_submit(&w), MH_ADMIN_CONFLICT);
	w.batch = made;
	w.batch.p[w.batch.n - MH_WRAP_LEN + kid_w] ^= 1;
	assert_int_equal(rd_submit(&w), MH_ADMIN_DENIED);
	w.batch.n = 0;
	w.batch.items = 0;
	rd_item(&w, MH_ITEM_WRAP, MH_BUF(made.p + made.n - MH_WRAP_LEN, MH_WRAP_LEN),
		MH_BUF(NULL, 0));
	w.batch.p[w.batch.n - MH_WRAP_LEN + kid_w] ^= 1;
	assert_int_equal(rd_submit(&w), MH_ADMIN_DENIED);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	expect(&c, "disk/g", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

/* R36: a label that reads like a fingerprint is none, even where the INI names the Region. */
static void no_such_label(void **state)
{
	struct rd_world other;

	(void)state;
	rd_label = "cpj7-inma-cnof-y2mv-x2z3";
	rd_setup(&other, NULL, NULL);
	rd_label = "eu";
	assert_int_equal(rd_start(&other), 0);
	assert_int_equal(rd_submit(&other), MH_ADMIN_INVALID);
	rd_teardown(&other);
}

/*
 * What is asked about often is remembered: a submission that comes to nothing changes none of it,
 * and one that is taken all of it, whichever link of the chain of rights it is about.
 */
static void r37_remembered(void **state)
{
	static const struct {
		u8 type, code;
		const char *group, *dataset, *name;
	} links[] = { { MH_MEMBER, MH_REFUSED_UNKNOWN, "m0", "m0/a", "m0/alice" },
		      { MH_GROUP, MH_REFUSED_UNKNOWN, "m1", "m1/a", "m1" },
		      { MH_DATASET, MH_REFUSED_UNKNOWN, "m2", "m2/a", "m2/a" },
		      { MH_INSTANCE, MH_REFUSED_OUT_OF_DATE, "m3", "m3/a", "m3/a@1" } };
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		rd_group(&w, links[i].group, links[i].dataset);
		rd_member(&w, links[i].group, "alice");
		rd_dataset(&w, links[i].dataset, MH_MODE_SESSION);
		rd_instance(&w, links[i].dataset, 1, MH_MODE_SESSION, NULL, key_data, 32);
		assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
		for (int again = 0; again < 2; again++)
			expect(&c, links[i].dataset, MH_ANSWER_DONE, 0);
		rd_revoke(&w, links[i].type, links[i].name, 1);
		rd_item(&w, 99, MH_BUF("x", 1), MH_BUF(NULL, 0));
		assert_int_equal(rd_submit(&w), MH_ADMIN_MALFORMED);
		expect(&c, links[i].dataset, MH_ANSWER_DONE, 0);
		rd_revoke(&w, links[i].type, links[i].name, 1);
		assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
		for (int again = 0; again < 2; again++)
			expect(&c, links[i].dataset, MH_ANSWER_REFUSED, links[i].code);
	}
	mh_client_close(&c);
}

static void policy_revoked(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	expect(&c, "disk/a", MH_ANSWER_DONE, 0);
	rd_revoke(&w, MH_POLICY, "common", 1);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	expect(&c, "disk/a", MH_ANSWER_REFUSED, MH_REFUSED_POLICY);
	mh_client_close(&c);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	expect(&c, "disk/a", MH_ANSWER_REFUSED, MH_REFUSED_POLICY);
	mh_client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewed),
		cmocka_unit_test(other_keys),
		cmocka_unit_test(other_keys_and_revoke),
		cmocka_unit_test(queue_and_new_version),
		cmocka_unit_test(queue_and_issued_anew),
		cmocka_unit_test(queue_and_revoke),
		cmocka_unit_test(idle_ends),
		cmocka_unit_test(wraps),
		cmocka_unit_test(no_such_label),
		cmocka_unit_test(r37_remembered),
		cmocka_unit_test(policy_revoked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

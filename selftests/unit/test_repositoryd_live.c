// SPDX-License-Identifier: MIT
/* repositoryd as hosts and officers see it: a real one, sanitized, on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/audit_record.h"
#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w;
static struct rd_host alice, bob;
static const char key_data[] = "thirty-two bytes of secret key!!";

static void grant_all(void)
{
	rd_delegate(&w, 1);
	rd_enrol(&w, &alice, "alice");
	rd_enrol(&w, &bob, "bob");
	rd_dataset(&w, "disk/a", MH_MODE_SESSION);
	rd_dataset(&w, "disk/g", MH_MODE_GROUP);
	rd_dataset(&w, "disk/secret", MH_MODE_SESSION);
	rd_group(&w, "ga", "disk/a");
	rd_group(&w, "gg", "disk/g");
	rd_member(&w, "ga", "alice");
	rd_member(&w, "gg", "alice");
	rd_member(&w, "gg", "bob");
	rd_instance(&w, "disk/a", 1, MH_MODE_SESSION, NULL, key_data, 32);
	rd_instance(&w, "disk/g", 1, MH_MODE_GROUP, &alice, key_data, 32);
	rd_instance(&w, "disk/secret", 1, MH_MODE_SESSION, NULL, key_data, 32);
}

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, "handshake = 2");
	assert_int_equal(rd_start(&w), 0);
	grant_all();
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_host_free(&bob);
	rd_teardown(&w);
	return 0;
}

static void fetch_is(struct mh_client *c, const char *name, enum mh_answer_state state, u8 code)
{
	struct mh_client_result r;

	assert_int_equal(mh_client_fetch(c, name, 0, NULL, NULL, &r), 0);
	assert_int_equal(r.state, state);
	assert_int_equal(r.refused.code, code);
	if (state == MH_ANSWER_DONE) {
		assert_int_equal(r.data.n, 32);
		assert_memory_equal(r.data.p, key_data, 32);
	}
	mh_bytes_free(&r.data);
}

static void both_modes(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	fetch_is(&c, "disk/a", MH_ANSWER_DONE, 0);
	fetch_is(&c, "disk/g", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

static void unix_socket(void **state)
{
	struct mh_client c;
	int fd = mh_client_dial(w.socket, 15);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mh_client_open(&c, &alice.id, fd), 0);
	fetch_is(&c, "disk/a", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

static void no_right_is_unknown(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	fetch_is(&c, "disk/none", MH_ANSWER_REFUSED, MH_REFUSED_UNKNOWN);
	fetch_is(&c, "disk/secret", MH_ANSWER_REFUSED, MH_REFUSED_UNKNOWN);
	mh_client_close(&c);
}

static void not_wrapped(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &bob, &c), 0);
	fetch_is(&c, "disk/g", MH_ANSWER_REFUSED, MH_REFUSED_OUT_OF_DATE);
	mh_client_close(&c);
}

static void unchanged(void **state)
{
	struct mh_client_result r, again;
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(mh_client_fetch(&c, "disk/a", 0, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	assert_int_equal(mh_client_fetch(&c, "disk/a", 0, r.leaf, r.digest, &again), 0);
	assert_int_equal(again.state, MH_ANSWER_UNCHANGED);
	mh_bytes_free(&r.data);
	mh_client_close(&c);
}

static void pipelined(void **state)
{
	struct mh_client_result r;
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(mh_client_request(&c, i & 1 ? "disk/a" : "disk/none", 0, NULL,
						   NULL),
				 i + 1);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(mh_client_answer(&c, i & 1 ? "disk/a" : "disk/none", 0, &r), 0);
		assert_int_equal(r.state, i & 1 ? MH_ANSWER_DONE : MH_ANSWER_REFUSED);
		mh_bytes_free(&r.data);
	}
	mh_client_close(&c);
}

static void many_chunks_and_versions(void **state)
{
	static u8 big[100000];
	struct mh_client_result r;
	struct mh_client c;

	(void)state;
	mh_random(big, sizeof(big));
	w.kind = MH_DATA_OTHER;
	rd_dataset(&w, "file/big", MH_MODE_SESSION);
	rd_group(&w, "gf", "file/");
	rd_member(&w, "gf", "alice");
	rd_instance(&w, "file/big", 1, MH_MODE_SESSION, NULL, big, 16384);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	rd_instance(&w, "file/big", 2, MH_MODE_SESSION, NULL, big, sizeof(big));
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	w.kind = MH_DATA_KEY;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(mh_client_fetch(&c, "file/big", 0, NULL, NULL, &r), 0);
	assert_int_equal(r.version, 2);
	assert_int_equal(r.data.n, sizeof(big));
	assert_memory_equal(r.data.p, big, sizeof(big));
	mh_bytes_free(&r.data);
	assert_int_equal(mh_client_fetch(&c, "file/big", 1, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	assert_int_equal(r.data.n, 16384);
	mh_bytes_free(&r.data);
	assert_int_equal(mh_client_fetch(&c, "file/big", 3, NULL, NULL, &r), 0);
	assert_int_equal(r.refused.code, MH_REFUSED_UNKNOWN);
	mh_client_close(&c);
}

static void strangers_learn_nothing(void **state)
{
	struct rd_host h = bob;
	struct mh_client c;
	struct mh_client_result r;

	(void)state;
	h.id.kec.pub[5] ^= 1;	/* right Kei, wrong Kec */
	assert_int_equal(rd_connect(&w, &h, &c), 0);
	assert_int_not_equal(mh_client_fetch(&c, "disk/g", 0, NULL, NULL, &r), 0);
	mh_client_close(&c);
	h = bob;
	memcpy(h.id.kei, alice.id.kei, 32);	/* right Kec, wrong Kei */
	assert_int_equal(rd_connect(&w, &h, &c), 0);
	assert_int_not_equal(mh_client_fetch(&c, "disk/g", 0, NULL, NULL, &r), 0);
	mh_client_close(&c);
	h = bob;
	strcpy(h.id.name, "nobody");
	assert_int_equal(rd_connect(&w, &h, &c), 0);
	assert_int_not_equal(mh_client_fetch(&c, "disk/g", 0, NULL, NULL, &r), 0);
	mh_client_close(&c);
}

static void garbage_and_slow(void **state)
{
	u8 junk[4096], b;
	time_t began;
	int fd;

	(void)state;
	for (int i = 0; i < 50; i++) {
		fd = rd_dial(&w);
		mh_random(junk, sizeof(junk));
		junk[0] = (u8)(i % 7);
		send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		assert_true(recv(fd, &b, 1, 0) <= 0);
		close(fd);
	}
	fd = rd_dial(&w);
	began = time(NULL);
	assert_int_equal(send(fd, "\x01", 1, MSG_NOSIGNAL), 1);
	assert_true(recv(fd, &b, 1, 0) <= 0);
	assert_true(time(NULL) - began <= 5);
	close(fd);
	both_modes(state);
}

static void serials(void **state)
{
	u8 buf[512];
	struct mh_writer b;

	(void)state;
	rd_begin(&w, &b, buf, sizeof(buf), MH_POLICY, "common", 1);
	mh_write_attr_u8(&b, MH_A_SELECT, 1);
	mh_write_attr_u32(&b, MH_A_LEASE, 60);
	rd_statement(&w, &b, MH_SET_SIGNER, NULL);
	assert_int_equal(rd_submit(&w), MH_ADMIN_CONFLICT);
}

static void all_or_nothing(void **state)
{
	u8 body[64], officer[32];
	struct mh_writer o;
	struct mh_bytes reply;
	struct rd_host carol, dave;

	(void)state;
	rd_enrol(&w, &carol, "carol");
	memcpy(officer, w.officer, 32);
	w.officer[7] ^= 1;	/* a stranger's key */
	rd_enrol(&w, &dave, "dave");
	memcpy(w.officer, officer, 32);
	assert_int_equal(rd_submit(&w), MH_ADMIN_DENIED);
	mh_writer_init(&o, body, sizeof(body));
	mh_write_bytes(&o, w.region, 32);
	mh_write_u8(&o, MH_ENTITY);
	mh_write_v(&o, "carol", 5);
	assert_int_equal(rd_call(&w, MH_ADMIN_GET, MH_BUF(body, o.len), &reply), MH_ADMIN_NOTFOUND);
	mh_bytes_free(&reply);
	rd_host_free(&carol);
	rd_host_free(&dave);
}

static void every_op_survives_garbage(void **state)
{
	struct mh_bytes reply;
	u8 junk[200];

	(void)state;
	for (int i = 0; i < 400; i++) {
		mh_random(junk, sizeof(junk));
		assert_int_not_equal(rd_call(&w, (u8)(i % 16), MH_BUF(junk, (size_t)(i / 16) * 8),
					     &reply),
				     255);
		mh_bytes_free(&reply);
	}
}

static void kec_for_officers_only(void **state)
{
	struct mh_bytes reply;
	u8 body[256];

	(void)state;
	for (int good = 0; good < 2; good++) {
		size_t n = rd_read_kec(&w, "alice", good ? w.officer : alice.id.kei, body);

		assert_int_equal(rd_call(&w, MH_ADMIN_READ_KEC, MH_BUF(body, n), &reply),
				 good ? MH_ADMIN_OK : MH_ADMIN_DENIED);
		if (good)
			assert_memory_equal(reply.p + 2, alice.id.kec.pub, 32);
		mh_bytes_free(&reply);
		/* a nonce is good once */
		assert_int_equal(rd_call(&w, MH_ADMIN_READ_KEC, MH_BUF(body, n), &reply),
				 MH_ADMIN_DENIED);
		mh_bytes_free(&reply);
	}
}

static void revoked(void **state)
{
	struct mh_client c;
	struct mh_client_result r;

	(void)state;
	assert_int_equal(rd_connect(&w, &bob, &c), 0);
	fetch_is(&c, "disk/g", MH_ANSWER_REFUSED, MH_REFUSED_OUT_OF_DATE);
	rd_revoke(&w, MH_ENTITY, "bob", 1);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(mh_client_push(&c), MH_REVOKE);
	assert_int_equal(mh_client_push(&c), MH_EPOCH);
	assert_int_equal(mh_client_push(&c), -ECONNRESET);
	mh_client_close(&c);
	assert_int_equal(rd_connect(&w, &bob, &c), 0);
	assert_int_equal(mh_client_fetch(&c, "disk/g", 0, NULL, NULL, &r), 0);
	assert_int_equal(r.refused.code, MH_REFUSED_REVOKED);
	assert_int_equal(c.pushed[MH_REVOKE], 1);
	assert_int_equal(mh_client_push(&c), -ECONNRESET);
	mh_client_close(&c);
	both_modes(state);
}

static void later_anchors(void **state)
{
	struct mh_client c;
	struct mh_bytes reply;

	(void)state;
	rd_next_anchor(&w);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(rd_call(&w, MH_ADMIN_TRUST, MH_BUF(w.region, 32), &reply), MH_ADMIN_OK);
	mh_bytes_free(&reply);
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	assert_int_equal(c.stmt[1].type, MH_ANCHOR);
	fetch_is(&c, "disk/g", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
}

static void audit_holds(void **state)
{
	u8 body[44] = { 0 }, hash[32] = { 0 };
	struct mh_bytes reply;
	struct mh_reader r;
	struct mh_buf b;
	u32 n, deliveries = 0;

	(void)state;
	mh_put64(body + 32, 1);
	mh_put32(body + 40, 4096);
	assert_int_equal(rd_call(&w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply), 0);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u32(&r);
	assert_true(n > 20);
	for (u32 i = 0; i < n; i++) {
		struct mh_audit_record rec;

		b = mh_read_big(&r, MH_AUDIT_RECORD_MAX);
		assert_int_equal(mh_audit_record_decode(&rec, b), 0);
		assert_int_equal(rec.seq, i + 1);
		assert_memory_equal(rec.before, hash, 32);
		mh_audit_record_hash(b, hash);
		deliveries += rec.event == MH_AUDIT_DELIVERY && !rec.outcome;
	}
	assert_true(deliveries > 100);
	b = mh_read_big(&r, 256);
	assert_int_equal(mh_audit_checkpoint_verify(b, w.c.audit), 0);
	assert_memory_equal(b.p + 13, hash, 32);
	mh_bytes_free(&reply);
}

static void killed_and_back(void **state)
{
	struct mh_client c;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(rd_connect(&w, &alice, &c), 0);
		for (int k = 0; k < 5; k++)
			assert_true(mh_client_request(&c, "disk/g", 0, NULL, NULL) > 0);
		usleep((useconds_t)i * 3000);
		rd_stop(&w, SIGKILL);
		mh_client_close(&c);
		assert_int_equal(rd_start(&w), 0);
		assert_int_equal(rd_connect(&w, &alice, &c), 0);
		fetch_is(&c, "disk/g", MH_ANSWER_DONE, 0);
		mh_client_close(&c);
	}
	audit_holds(state);
}

static void drained(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	fetch_is(&c, "disk/g", MH_ANSWER_DONE, 0);
	assert_int_equal(kill(w.pid, SIGHUP), 0);
	fetch_is(&c, "disk/g", MH_ANSWER_DONE, 0);
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	mh_client_close(&c);
	assert_int_equal(rd_start(&w), 0);
}

static void taken_and_damaged(void **state)
{
	struct rd_world other;
	char cmd[512];
	u16 own;

	(void)state;
	/* the port */
	rd_setup(&other, NULL, NULL);
	own = other.port;
	other.port = w.port;
	rd_write_ini(&other, NULL);
	assert_int_equal(rd_start(&other), MH_RD_ADDRESS);
	/* the store, while another holds it */
	snprintf(cmd, sizeof(cmd), "rm -rf %s/s; ln -s %s/s %s/s", other.dir, w.dir, other.dir);
	other.port = own;
	rd_write_ini(&other, NULL);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rd_start(&other), MH_RD_STORE);
	/* no store at all */
	snprintf(cmd, sizeof(cmd),
		 "rm %s/s; mkdir %s/s; dd if=/dev/urandom of=%s/s/db bs=4096 count=4 status=none",
		 other.dir, other.dir, other.dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rd_start(&other), MH_RD_STORE);
	/* sealed secrets of another seat */
	snprintf(cmd, sizeof(cmd),
		 "rm %s/s/db; dd if=/dev/urandom of=%s/k/seat bs=32 count=1 conv=notrunc "
		 "status=none",
		 other.dir, other.dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rd_start(&other), MH_RD_KEEPER);
	rd_teardown(&other);
	both_modes(state);
}

/* Connections over the limit are turned away; those that are in are served. */
static void flood(void **state)
{
	static u8 zeros[1 << 16];
	struct mh_client c;
	int fd[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = rd_dial(&w);
		/* a hello that never ends, and then more */
		send(fd[i], "\x01\x00\x00\x40", 4, MSG_NOSIGNAL);
		send(fd[i], zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	fetch_is(&c, "disk/a", MH_ANSWER_DONE, 0);
	mh_client_close(&c);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_modes),
		cmocka_unit_test(unix_socket),
		cmocka_unit_test(no_right_is_unknown),
		cmocka_unit_test(not_wrapped),
		cmocka_unit_test(unchanged),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(strangers_learn_nothing),
		cmocka_unit_test(garbage_and_slow),
		cmocka_unit_test(taken_and_damaged),
		cmocka_unit_test(serials),
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(every_op_survives_garbage),
		cmocka_unit_test(kec_for_officers_only),
		cmocka_unit_test(later_anchors),
		cmocka_unit_test(revoked),
		cmocka_unit_test(audit_holds),
		cmocka_unit_test(killed_and_back),
		cmocka_unit_test(drained),
		cmocka_unit_test(many_chunks_and_versions),
		cmocka_unit_test(flood),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

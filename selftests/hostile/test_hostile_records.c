// SPDX-License-Identifier: MIT
/*
 * ATTACKS, Records, on the real repositoryd, by an Entity that has authenticated and by who sits on
 * its wire: closed without a byte, for the reason that the log gives; nothing is delivered and
 * nothing changed since the session began.  And records of an Entity that lack a secret.
 */
#include "hostile.h"

#include <sqlite3.h>

static const char bad[] = "Bad message", order[] = "Protocol error",
		  unknown[] = "No such file or directory";

static int setup(void **state)
{
	(void)state;
	hostile_setup("handshake = 3");
	hostile_share("data", 4);
	return 0;
}

/* A session that has had one answer, REFUSED: what its beginning wrote is on the disk. */
static struct before open_session(struct sp1 *p)
{
	u8 frame[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	size_t n;

	sp1_until_auth(p, &host[0]);
	sp1_put(p, p->auth, sizeof(p->auth));
	n = sp1_request(p, 1, "none", frame);
	sp1_put(p, frame, n);
	n = hostile_frame(p->fd, frame);
	assert_int_equal(mh_stp_open(&p->s, frame, n, &rec), 0);
	assert_true(rec.type == MH_R_REFUSED && rec.request == 1);
	return hostile_before();
}

static void ends_with(const char *what, const u8 *frame, size_t n, const struct before *b,
		      const char *reason)
{
	sp1_put(&sp1, frame, n);
	refused_for(&sp1, b, what, reason, 0);
	sp1_end(&sp1);
}

static void r17_every_byte_of_a_request(void **state)
{
	u8 frame[MH_FRAME_MAX];
	size_t n = 1;

	(void)state;
	for (size_t at = 0; at < n; at++) {
		struct before b = open_session(&sp1);
		char what[48];

		snprintf(what, sizeof(what), "REQUEST: byte %zu", at);
		n = sp1_request(&sp1, 2, "d", frame);
		frame[at] ^= 0x11;
		if (at < 1 || at > 3) {
			ends_with(what, frame, n, &b, bad);
			continue;
		}
		sp1_put(&sp1, frame, n);
		of_another_length(&sp1, &b);
		sp1_end(&sp1);
	}
	hostile_serves(&host[0], "d", "data", 4);
}

static void r17_moved(void **state)
{
	static struct sp1 other;
	u8 frame[MH_FRAME_MAX], second[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	struct mh_stp_dir dir;
	struct before b;
	size_t n, m;

	(void)state;
	b = open_session(&sp1);			/* the second without the first */
	sp1_request(&sp1, 2, "d", frame);
	n = sp1_request(&sp1, 3, "d", frame);
	ends_with("dropped", frame, n, &b, bad);

	open_session(&sp1);			/* the same twice */
	n = sp1_request(&sp1, 2, "none", frame);
	memcpy(second, frame, n);
	sp1_put(&sp1, frame, n);
	m = hostile_frame(sp1.fd, frame);
	assert_int_equal(mh_stp_open(&sp1.s, frame, m, &rec), 0);
	b = hostile_before();
	ends_with("doubled", second, n, &b, bad);

	b = open_session(&sp1);			/* two swapped */
	n = sp1_request(&sp1, 2, "d", frame);
	m = sp1_request(&sp1, 3, "d", second);
	memcpy(second + m, frame, n);
	ends_with("swapped", second, n + m, &b, bad);

	b = open_session(&sp1);			/* under the keys of the other direction */
	dir = sp1.s.tx;
	sp1.s.tx = sp1.s.rx;
	sp1.s.rx = dir;
	n = sp1_request(&sp1, 2, "d", frame);
	ends_with("the other direction", frame, n, &b, bad);

	open_session(&other);			/* of another session, in its place there */
	b = open_session(&sp1);
	n = sp1_request(&other, 2, "d", frame);
	ends_with("another session", frame, n, &b, bad);
	sp1_end(&other);
	hostile_serves(&host[0], "d", "data", 4);
}

static void r17_out_of_turn(void **state)
{
	u8 frame[MH_FRAME_MAX], body[64] = { 0 };
	struct before b;
	char what[48];
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {		/* an id again, and one that is none */
		b = open_session(&sp1);
		n = sp1_request(&sp1, !i, "d", frame);
		ends_with("an id out of order", frame, n, &b, i ? bad : order);
	}
	for (unsigned int type = 0; type < 256; type++) {
		if (type == MH_R_REQUEST)
			continue;
		b = open_session(&sp1);
		n = sp1_seal(&sp1, (u8)type, type >= MH_R_PUSH && type <= MH_R_CLOSE ? 0 : 2, body,
			     sizeof(body), frame);
		snprintf(what, sizeof(what), "a record of type %u", type);
		ends_with(what, frame, n, &b, type && type <= MH_R_CLOSE ? order : bad);
	}
	b = open_session(&sp1);
	ends_with("auth again", sp1.auth, sizeof(sp1.auth), &b, order);
	b = open_session(&sp1);
	ends_with("hello again", sp1.hello, sp1.hello_n, &b, order);
	hostile_serves(&host[0], "d", "data", 4);
}

/* ---- a record of an Entity without the secret that its kinds need ---- */

static void lose(int kind)
{
	char path[96], sql[96];
	sqlite3 *db;

	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	snprintf(path, sizeof(path), "%s/s/db", w.dir);
	snprintf(sql, sizeof(sql), "DELETE FROM secret WHERE kind = %d", kind);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
	hostile_start();
}

/* With the psk of what is left, the rest being zeros, and authI by a Kei of zeros if it is that */
static void without(const struct rd_host *h, bool no_kei)
{
	u8 zero[MH_KEY_LEN] = { 0 }, psk[MH_KEY_LEN], kpf[MH_KEY_LEN] = { 0 };
	struct before b = hostile_before();
	struct rd_host as = *h;

	sp1_begin(&sp1, &as);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	sp1_take_challenge(&sp1);
	if (no_kei) {
		memset(as.id.kei, 0, sizeof(as.id.kei));
		sp1_psk(&as.id, sp1.x, psk);
	} else {
		assert_int_equal(mh_stp_psk(kpf, as.id.mac ? as.id.kei : NULL, sp1.x, psk), 0);
	}
	sp1_auth_begin(&sp1, NULL, psk);
	sp1_auth_finish(&sp1, NULL);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, h->id.name, unknown, 0);
	sp1_end(&sp1);
	b = hostile_before();			/* nor by a psk that is zeros itself */
	as = *h;
	sp1_begin(&sp1, &as);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	sp1_take_challenge(&sp1);
	sp1_auth_begin(&sp1, NULL, zero);
	sp1_auth_finish(&sp1, NULL);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, h->id.name, unknown, 0);
	sp1_end(&sp1);
}

static void r04_a_record_without_its_secret(void **state)
{
	(void)state;
	lose(3);				/* enum mh_secret: Kei-secrets */
	without(&host[2], true);
	without(&host[3], true);
	hostile_serves(&host[0], "d", "data", 4);
	hostile_serves(&host[1], "d", "data", 4);
	lose(4);				/* Kpf of those whose Kec is a secret */
	without(&host[1], false);
	hostile_serves(&host[0], "d", "data", 4);
	lose(1);				/* Kec-public */
	without(&host[0], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r17_every_byte_of_a_request),
		cmocka_unit_test(r17_moved),
		cmocka_unit_test(r17_out_of_turn),
		cmocka_unit_test(r04_a_record_without_its_secret),
	};

	return cmocka_run_group_tests(tests, setup, hostile_teardown);
}

// SPDX-License-Identifier: MIT
/*
 * R27 R36: the server's keys are lost, put back, made anew; and which DELEGATION to them counts.
 * A daemon that makes new keys of itself would break each host's trust without a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/audit_record.h"
#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w;
static struct rd_host alice;
static u64 serial = 1;		/* of the last DELEGATIONs */

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, NULL);
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, serial);
	rd_enrol(&w, &alice, "alice");
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_host_free(&alice);
	rd_sh("rm -rf %s/k.was %s/s.was", w.dir, w.dir);
	rd_teardown(&w);
	return 0;
}

static bool is_served(void)
{
	struct mh_bytes reply;
	u8 status = rd_call(&w, MH_ADMIN_TRUST, MH_BUF(w.region, 32), &reply);

	mh_bytes_free(&reply);
	assert_true(status == MH_ADMIN_OK || status == MH_ADMIN_NOTFOUND);
	return !status;
}

static unsigned int gaps(void)
{
	u8 body[44] = { 0 };
	struct mh_bytes reply;
	struct mh_reader r;
	unsigned int found = 0;
	u32 n;

	mh_put64(body + 32, 1);
	mh_put32(body + 40, 4096);
	assert_int_equal(rd_call(&w, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply), 0);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u32(&r);
	assert_true(n > 3);
	while (n--) {
		struct mh_audit_record rec;

		assert_int_equal(mh_audit_record_decode(&rec, mh_read_big(&r, MH_AUDIT_RECORD_MAX)),
				 0);
		found += rec.event == MH_AUDIT_GAP;
	}
	mh_bytes_free(&reply);
	return found;
}

/* ---- the keeper's directory ---- */

static void lost_and_put_back(void **state)
{
	static const char *const lost[] = { "k", "k/sealed", "k/seat" };
	u8 card[MH_CARD_MAX];
	struct mh_client c;

	(void)state;
	memcpy(card, w.card, sizeof(card));
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("cp -a %s/k %s/k.was", w.dir, w.dir);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		rd_sh("rm -r %s/%s", w.dir, lost[i]);
		assert_int_equal(rd_start(&w), MH_RD_KEEPER);
		assert_int_equal(rd_start(&w), MH_RD_KEEPER);
		rd_sh("! test -e %s/%s", w.dir, lost[i]);
		rd_sh("rm -rf %s/k && cp -a %s/k.was %s/k", w.dir, w.dir, w.dir);
	}
	assert_int_equal(rd_start(&w), 0);
	assert_memory_equal(card, w.card, sizeof(card));
	assert_int_equal(rd_connect(&w, &alice, &c), 0);
	mh_client_close(&c);
	assert_int_equal(gaps(), 0);
}

/* Keys that are there stay, whatever is said. */
static void not_needed(void **state)
{
	u8 card[MH_CARD_MAX];

	(void)state;
	memcpy(card, w.card, sizeof(card));
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	assert_int_equal(rd_start_with(&w, "--new-keys"), 0);
	assert_memory_equal(card, w.card, sizeof(card));
	assert_int_equal(gaps(), 0);
	/* nor does it say that a store is accepted */
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("rm -rf %s/s.was && mv %s/s %s/s.was", w.dir, w.dir, w.dir);
	assert_int_equal(rd_start_with(&w, "--new-keys"), MH_RD_STORE);
	rd_sh("rm -rf %s/s && mv %s/s.was %s/s", w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), 0);
}

/* New keys that were made while the store was away are not its own. */
static void made_without_the_store(void **state)
{
	(void)state;
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("rm -rf %s/k.was && mv %s/k %s/k.was && mv %s/s %s/s.was", w.dir, w.dir, w.dir, w.dir,
	      w.dir);
	rd_sh("mkdir -p %s/s/db", w.dir);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	rd_sh("test -e %s/k/sealed && rm -r %s/s && mv %s/s.was %s/s", w.dir, w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), MH_RD_STORE);
	rd_sh("rm -r %s/k && mv %s/k.was %s/k", w.dir, w.dir, w.dir);
	assert_int_equal(rd_start(&w), 0);
}

static void made_anew(void **state)
{
	u8 card[MH_CARD_MAX];

	(void)state;
	memcpy(card, w.card, sizeof(card));
	assert_true(is_served());
	assert_int_equal(rd_stop(&w, SIGTERM), 0);
	rd_sh("rm -r %s/k", w.dir);
	assert_int_equal(rd_start_with(&w, "--accept-gap"), MH_RD_KEEPER);
	assert_int_equal(rd_start_with(&w, "--new-keys"), 0);
	assert_memory_not_equal(card, w.card, sizeof(card));
	assert_int_equal(gaps(), 1);
	assert_false(is_served());
	assert_int_equal(rd_stop(&w, SIGKILL), SIGKILL);
	assert_int_equal(rd_start(&w), 0);
	assert_int_equal(gaps(), 1);
	rd_delegate(&w, ++serial);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_true(is_served());
}

/* The card is what officers delegate to by its fingerprint: a name changes it once. */
static void named_anew(void **state)
{
	static const char *const names[] = { "repo1", "repo9", "repo9", "repo9", "repo1", "repo1" };
	u8 card[MH_CARD_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		memcpy(card, w.card, sizeof(card));
		assert_int_equal(rd_stop(&w, i & 1 ? SIGTERM : SIGKILL), i & 1 ? 0 : SIGKILL);
		rd_sh("sed -i 's/^name = .*/name = %s/' %s/ini", names[i], w.dir);
		assert_int_equal(rd_start(&w), 0);
		assert_int_equal(w.c.name.n, 5);
		assert_memory_equal(w.c.name.p, names[i], 5);
		if (!i || !strcmp(names[i], names[i - 1]))
			assert_memory_equal(card, w.card, sizeof(card));
		else
			assert_memory_not_equal(card, w.card, sizeof(card));
	}
	assert_true(is_served());
}

/* ---- DELEGATIONs: not_before, in seconds from now, and whether to this server's own key ---- */

static u8 delegate(const char *subject, u8 role, s64 from, bool own)
{
	u64 now = (u64)time(NULL), begin = (u64)((s64)now + from);
	u8 buf[1024], key[MH_KEY_LEN], pub[MH_P256_PUB_LEN];
	struct mh_writer b;

	assert_int_equal(mh_p256_generate(key, pub), 0);
	mh_writer_init(&b, buf, sizeof(buf));
	mh_stmt_begin(&b, MH_DELEGATION, w.region, w.anchor_leaf, mh_text(subject), ++serial, now,
		      begin, begin + 86400);
	mh_write_attr(&b, MH_A_KEY, !own ? pub : role == MH_ROLE_SERVE ? w.c.sp2 : w.c.fresh, 64);
	if (role == MH_ROLE_SERVE)
		mh_write_attr(&b, MH_A_AUDIT_KEY, w.c.audit, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, role);
	rd_statement(&w, &b, MH_SET_SIGNER, NULL);
	return rd_submit(&w);
}

static u64 epoch(void)
{
	u8 body[64];
	struct mh_writer q;
	struct mh_reader r;
	struct mh_bytes reply;
	struct mh_stmt s;
	struct mh_buf b;

	mh_writer_init(&q, body, sizeof(body));
	mh_write_bytes(&q, w.region, 32);
	mh_write_u8(&q, MH_EPOCH);
	mh_write_v(&q, "repo1.freshness", 15);
	assert_int_equal(rd_call(&w, MH_ADMIN_GET, MH_BUF(body, q.len), &reply), MH_ADMIN_OK);
	mh_reader_init(&r, reply.p, reply.n);
	b = mh_read_big(&r, MH_STMT_MAX);
	assert_int_equal(mh_stmt_parse(&s, b.p, b.n), 0);
	mh_bytes_free(&reply);
	return s.serial;
}

static void replaced(void **state)
{
	static const struct {
		const char *subject;
		u8 role;
	} both[] = { { "repo1", MH_ROLE_SERVE }, { "repo1.freshness", MH_ROLE_FRESHNESS } };

	u64 last;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		const char *s = both[i].subject;
		const u8 role = both[i].role;

		/* signed ahead: not yet; another's subject: never */
		assert_int_equal(delegate(s, role, 86400, false), MH_ADMIN_OK);
		assert_true(is_served());
		assert_int_equal(delegate("repo2", role, 0, false), MH_ADMIN_OK);
		assert_true(is_served());
		/* the officers gave it to another key: the older one to ours is no more */
		assert_int_equal(delegate(s, role, 0, false), MH_ADMIN_OK);
		assert_false(is_served());
		last = epoch();
		assert_int_equal(rd_stop(&w, SIGTERM), 0);
		assert_int_equal(rd_start(&w), 0);
		assert_false(is_served());
		/* nor is an EPOCH signed under what was replaced */
		assert_int_equal(epoch() > last, role == MH_ROLE_SERVE);
		assert_int_equal(delegate(s, role, 0, true), MH_ADMIN_OK);
		assert_true(is_served());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_and_put_back),
		cmocka_unit_test(not_needed),
		cmocka_unit_test(made_without_the_store),
		cmocka_unit_test(made_anew),
		cmocka_unit_test(named_anew),
		cmocka_unit_test(replaced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

// SPDX-License-Identifier: MIT
/*
 * R36: a Region's snapshot answers as the server did, where there is none.  Its form is one and no
 * other.  What it says is verified by whoever asks (r36_quorum), as a server's word is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "prop_world.h"
#include "lib/snapshot.h"

#define ALL ARRAY_SIZE(pw_shown)

static struct sw w;
static u8 bytes[1 << 16];

static int setup(void **state)
{
	(void)state;
	sw_make(&w);
	return 0;
}

static int take(const void *p, size_t n, struct mh_snapshot *s)
{
	struct mh_bytes b;

	assert_int_equal(mh_bytes_copy(&b, p, n), 0);
	return mh_snapshot_decode(s, &b);
}

static int form(const void *p, size_t n)
{
	struct mh_snapshot s;
	int ret = take(p, n, &s);

	mh_snapshot_free(&s);
	return ret;
}

static void r36_form(void **state)
{
	const size_t n = pw_snapshot(&w, pw_shown, ALL, bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(form(bytes, n), 0);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(form(bytes, cut), -EBADMSG);
	bytes[n] = 0;
	assert_int_equal(form(bytes, n + 1), -EBADMSG);
}

static void r36_malformed(void **state)
{
	const size_t region = 13, label = 45, card = 49, trust = 57, anchors = 66,
		     count = anchors + 2 + 4 + w.st[SW_GENESIS].n, first = count + 4;
	const size_t n = pw_snapshot(&w, pw_shown, ALL, bytes, sizeof(bytes));
	const struct {
		const char *name;
		size_t at, n;
		u32 value;
		int ret;
	} table[] = {
		{ "magic", 3, 1, 'R', -EBADMSG },
		{ "version", 4, 1, 0, -EPROTONOSUPPORT },
		{ "a later version", 4, 1, 2, -EPROTONOSUPPORT },
		{ "another Region", region, 1, w.region[0] ^ 1, -EBADMSG },
		{ "no label", label, 2, 0, -EBADMSG },
		{ "a label that is none", label + 2, 1, 'E', -EBADMSG },
		{ "a card too long", card, 4, MH_CARD_MAX + 1, -EBADMSG },
		{ "trust without end", trust, 4, UINT32_MAX, -EBADMSG },
		{ "no ANCHOR", anchors, 2, 0, -EBADMSG },
		{ "too many", anchors, 2, MH_SNAPSHOT_ANCHORS + 1, -EBADMSG },
		{ "a statement less", count, 4, ALL - 1, -EBADMSG },
		{ "a statement more", count, 4, ALL + 1, -EBADMSG },
		{ "statements without end", count, 4, UINT32_MAX, -EBADMSG },
		{ "an empty one", first, 4, 0, -EBADMSG },
		{ "flags", n - 1, 1, 4, -EBADMSG },
	};

	(void)state;
	assert_int_equal(mh_get32(bytes + count), ALL);
	assert_int_equal(mh_get32(bytes + trust), 5);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		u8 was[4];

		memcpy(was, bytes + table[i].at, 4);
		for (size_t k = 0; k < table[i].n; k++)
			bytes[table[i].at + k] =
				(u8)(table[i].value >> 8 * (table[i].n - 1 - k));
		if (form(bytes, n) != table[i].ret)
			fail_msg("%s: not %d", table[i].name, table[i].ret);
		memcpy(bytes + table[i].at, was, 4);
	}
	assert_int_equal(form(bytes, n), 0);
}

/* By type and subject, each once, and no ANCHOR among them */
static void r36_order(void **state)
{
	static const enum sw_id twice[] = { SW_ENTITY, SW_ENTITY };
	static const enum sw_id fall[] = { SW_GROUP, SW_ENTITY };
	static const enum sw_id names[] = { SW_ENTITY_SECRET, SW_ENTITY };
	static const enum sw_id one[] = { SW_ANCHOR };
	size_t n;

	(void)state;
	n = pw_snapshot(&w, twice, 2, bytes, sizeof(bytes));
	assert_int_equal(form(bytes, n), -EBADMSG);
	n = pw_snapshot(&w, fall, 2, bytes, sizeof(bytes));
	assert_int_equal(form(bytes, n), -EBADMSG);
	n = pw_snapshot(&w, names, 2, bytes, sizeof(bytes));
	assert_int_equal(form(bytes, n), -EBADMSG);
	n = pw_snapshot(&w, one, 1, bytes, sizeof(bytes));
	assert_int_equal(form(bytes, n), -EBADMSG);
}

/* ---- answers ---- */

static struct mh_snapshot s;

static u8 ask(u8 op, const struct mh_writer *q, struct mh_bytes *reply)
{
	u8 status = 0xff;

	assert_int_equal(mh_snapshot_call(&s, op, MH_BUF(q->p, q->len), SW_T0 + 1, &status, reply),
			 0);
	return status;
}

static void get(u8 type, const char *subject, enum sw_id want)
{
	u8 body[300];
	struct mh_bytes reply;
	struct mh_writer q;

	mh_writer_init(&q, body, sizeof(body));
	mh_write_bytes(&q, w.region, 32);
	mh_write_u8(&q, type);
	mh_write_v(&q, subject, strlen(subject));
	if (want == SW_STATEMENTS) {
		assert_int_equal(ask(MH_ADMIN_GET, &q, &reply), MH_ADMIN_NOTFOUND);
	} else {
		assert_int_equal(ask(MH_ADMIN_GET, &q, &reply), MH_ADMIN_OK);
		assert_int_equal(reply.n, 4 + w.st[want].n);
		assert_memory_equal(reply.p + 4, w.st[want].bytes, w.st[want].n);
	}
	mh_bytes_free(&reply);
}

/* How many, and flags of the first */
static u16 list(u8 type, const char *prefix, const char *after, u8 *flags)
{
	u8 body[600];
	struct mh_bytes reply;
	struct mh_reader r;
	struct mh_writer q;
	u16 n;

	mh_writer_init(&q, body, sizeof(body));
	mh_write_bytes(&q, w.region, 32);
	mh_write_u8(&q, type);
	mh_write_v(&q, prefix, strlen(prefix));
	mh_write_v(&q, after, strlen(after));
	assert_int_equal(ask(MH_ADMIN_LIST, &q, &reply), MH_ADMIN_OK);
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u16(&r);
	for (u16 i = 0; i < n; i++) {
		mh_read_big(&r, MH_STMT_MAX);
		if (!i)
			*flags = mh_read_u8(&r);
		else
			mh_read_u8(&r);
	}
	assert_int_equal(mh_read_end(&r), 0);
	mh_bytes_free(&reply);
	return n;
}

static u16 entitled(const char *dataset)
{
	u8 body[300];
	struct mh_bytes reply;
	struct mh_writer q;
	u16 n;

	mh_writer_init(&q, body, sizeof(body));
	mh_write_bytes(&q, w.region, 32);
	mh_write_v(&q, dataset, strlen(dataset));
	assert_int_equal(ask(MH_ADMIN_ENTITLED, &q, &reply), MH_ADMIN_OK);
	n = mh_get16(reply.p);
	assert_int_equal(reply.n, 2 + n * (2 + 6 + 32));
	mh_bytes_free(&reply);
	return n;
}

static void r36_answers(void **state)
{
	const size_t n = pw_snapshot(&w, pw_shown, ALL, bytes, sizeof(bytes));
	struct mh_bytes reply;
	u8 flags = 0, status;

	(void)state;
	assert_int_equal(take(bytes, n, &s), 0);
	for (size_t i = 0; i < ALL; i++) {
		char name[MH_SUBJECT_MAX + 1];
		const struct mh_stmt *st = &w.st[pw_shown[i]].s;

		snprintf(name, sizeof(name), "%.*s", (int)st->subject.n, st->subject.p);
		get(st->type, name, pw_shown[i]);
		get(st->type, "host", SW_STATEMENTS);
		get(st->type, "zzz", SW_STATEMENTS);
	}
	get(MH_ENTITY, "staff", SW_STATEMENTS);
	assert_int_equal(list(MH_ENTITY, "", "", &flags), 2);
	assert_int_equal(flags, 0);
	assert_int_equal(list(MH_ENTITY, "", "host-1", &flags), 1);
	assert_int_equal(flags, 1);
	assert_int_equal(list(MH_ENTITY, "host-2", "", &flags), 1);
	assert_int_equal(list(MH_ENTITY, "", "host-2", &flags), 0);
	assert_int_equal(list(MH_ENTITY, "x", "", &flags), 0);
	assert_int_equal(list(MH_GROUP_EPOCH, "", "", &flags), 0);
	/* host-1 is in staff, which has the right on all of eu/; host-2 is in none */
	assert_int_equal(entitled("eu/disk"), 1);
	assert_int_equal(entitled("eu/art"), 1);
	assert_int_equal(entitled("us/disk"), 0);
	for (unsigned int op = 0; op < MH_ADMIN_ENTITLED + 3; op++) {
		const bool reads = op == MH_ADMIN_CARD || op == MH_ADMIN_GET ||
				   op == MH_ADMIN_LIST || op == MH_ADMIN_REGIONS ||
				   op == MH_ADMIN_ANCHORS || op == MH_ADMIN_TRUST ||
				   op == MH_ADMIN_ENTITLED;

		assert_int_equal(mh_snapshot_call(&s, (u8)op, MH_BUF("x", 1), SW_T0, &status,
						  &reply),
				 reads ? 0 : -EOPNOTSUPP);
		assert_true(!reads || status == MH_ADMIN_MALFORMED);
		mh_bytes_free(&reply);
	}
	mh_snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_form),
		cmocka_unit_test(r36_malformed),
		cmocka_unit_test(r36_order),
		cmocka_unit_test(r36_answers),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

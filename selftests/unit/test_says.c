// SPDX-License-Identifier: MIT
/*
 * R36: an officer signs what was said to him: of each type of statement, each attribute that it may
 * have is told, in words or as it is; so are features, and what is not critical and not known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../tools/repoctl_says.c" /* NOLINT(bugprone-suspicious-include) */
#include "stmt_world.h"

static struct sw w;

static int setup(void **state)
{
	(void)state;
	sw_make(&w);
	return 0;
}

/* What is said of the statement with this attribute instead of its own, or beside */
static char *said_with(enum sw_id id, u16 type, struct mh_buf value)
{
	const struct mh_stmt *s = &w.st[id].s;
	static u8 body[MH_STMT_BODY_MAX];
	struct mh_proposal p = { 0 };
	struct mh_reader r;
	struct mh_writer o;
	struct mh_attr a;
	char *text = NULL;
	bool done = !type;
	u16 last = 0;

	mh_writer_init(&o, body, sizeof(body));
	mh_reader_init(&r, s->body.p, s->body.n);
	while (mh_read_attr(&r, &last, &a)) {
		if (!done && a.type >= type) {
			mh_write_attr(&o, type, value.p, value.n);
			done = true;
		}
		if (a.type != type)
			mh_write_attr(&o, a.type, a.v.p, a.v.n);
	}
	if (!done)
		mh_write_attr(&o, type, value.p, value.n);
	if (!mh_proposal_add_act(&p, MH_SET_SIGNER, MH_BUF(body, o.len), MH_BUF(NULL, 0)))
		text = rc_says(&p.act[0], &w.st[SW_GENESIS].s);
	mh_proposal_free(&p);
	return text;
}

static void r36_each_attribute_is_told(void **state)
{
	static const struct {
		const char *value, *words;
		enum sw_id id;
		u16 type;
		u8 n;
	} rows[] = {
		{ "\4\0\0\0\7", "AND ATTRIBUTE 20: 0400000007", SW_ANCHOR, MH_A_CAPS, 5 },
		{ "web-*", "who may ENROL hosts with names like web-*", SW_GROUP, MH_A_ENROLS, 5 },
		{ "\0\0\0\0\0\0\0\3", "before serial 3 is VOID", SW_GROUP, MH_A_MIN_ANCHOR, 8 },
		{ "\0\1\0\1x", "its members may fetch x", SW_GROUP, MH_A_RIGHTS, 5 },
		{ "paper", "its keys live in: paper", SW_ENTITY, MH_A_EVIDENCE, 5 },
		{ "\5", "with a Kei that is a pair, a Kec that", SW_ENROL, MH_A_SCOPE_KINDS, 1 },
		{ "\100", "unknown 0x40", SW_ENROL, MH_A_SCOPE_KINDS, 1 },
		{ "\0\1\x51\x80", "each for at most 1d", SW_ENROL, MH_A_SCOPE_LIFE, 4 },
		{ "\0\4tpm2", "evidence tpm2", SW_ENROL, MH_A_SCOPE_EVIDENCE, 6 },
		{ "\0\0\0\7", "at most 7", SW_ENROL, MH_A_SCOPE_NUMBER, 4 },
		{ "web-?", "names like web-?", SW_ENROL, MH_A_SCOPE_NAMES, 5 },
		{ "\0\3web", "groups web", SW_ENROL, MH_A_SCOPE_GROUPS, 5 },
		{ "\1\0\0\0\x20", "AND ATTRIBUTE 37: 01000000", SW_ENROL, MH_A_SCOPE_TEMPLATE, 5 },
		{ "\1", "SERVED when it is out of date", SW_POLICY, MH_A_OUT_OF_DATE, 1 },
		{ "\0\0\0\2", "up to 2 versions older", SW_POLICY, MH_A_OLDER, 4 },
		{ "\0\0\x0e\x10", "followed by another after 1h", SW_POLICY, MH_A_ROTATE, 4 },
		{ "\0\0\0\x3c", "kept for 1m", SW_POLICY, MH_A_LEASE, 4 },
		{ "\0\0\0\4", "READABLE on the host as fscrypt", SW_POLICY, MH_A_EXPORT, 4 },
		{ "new", "AND ATTRIBUTE 32769: 6e6577", SW_MEMBER, 0x8001, 3 },
		{ "", "AND ATTRIBUTE 32769: ", SW_DATASET, 0x8001, 0 },
		{ "\0\0\0\1", "WITH FEATURES 0x1", SW_ENTITY, MH_A_FEATURES, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *plain = said_with(rows[i].id, 0, MH_BUF(NULL, 0)),
		     *text = said_with(rows[i].id, rows[i].type,
				       MH_BUF(rows[i].value, rows[i].n));

		assert_non_null(plain);
		assert_non_null(text);
		if (!strstr(text, rows[i].words) || strstr(plain, rows[i].words))
			fail_msg("%s is not told: %s", rows[i].words, text);
		free(plain);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r36_each_attribute_is_told),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

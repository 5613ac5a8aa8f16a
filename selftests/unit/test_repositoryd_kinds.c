// SPDX-License-Identifier: MIT
/*
 * R04 R05 R09: hosts whose Kei, Kec or both are secrets, at the real repositoryd: what it is told
 * of them, what it serves them by, and whom it takes for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>

#include "core/hpke.h"
#include "rd_world.h"
#include "repositoryd.h"

static struct rd_world w;
static struct rd_host host[4];
static const char *const names[] = { "pairs", "kec-secret", "kei-secret", "secrets" };

static const char *dataset_of(int i, const char *mode)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s/%s", names[i], mode);
	return name;
}

static int setup(void **state)
{
	(void)state;
	rd_setup(&w, NULL, NULL);
	assert_int_equal(rd_start(&w), 0);
	rd_delegate(&w, 1);
	for (int i = 0; i < 4; i++) {
		const size_t n = strlen(names[i]);

		rd_host_make(&w, &host[i], names[i], i & 2, !(i & 1));
		rd_enrol_again(&w, &host[i], 1);
		rd_group(&w, names[i], dataset_of(i, ""));	/* all that is below */
		rd_member(&w, names[i], names[i]);
		rd_dataset(&w, dataset_of(i, "group"), MH_MODE_GROUP);
		rd_instance(&w, dataset_of(i, "group"), 1, MH_MODE_GROUP, &host[i], names[i], n);
		rd_dataset(&w, dataset_of(i, "session"), MH_MODE_SESSION);
		rd_instance(&w, dataset_of(i, "session"), 1, MH_MODE_SESSION, NULL, names[i], n);
	}
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		rd_host_free(&host[i]);
	rd_teardown(&w);
	return 0;
}

static void fetches(struct rd_host *h, const char *dataset)
{
	struct mh_client_result r;
	struct mh_client c;

	assert_int_equal(rd_connect(&w, h, &c), 0);
	assert_int_equal(mh_client_fetch(&c, dataset, 0, NULL, NULL, &r), 0);
	assert_int_equal(r.state, MH_ANSWER_DONE);
	assert_true(mh_buf_equal(mh_bytes_buf(&r.data), mh_text(h->id.name)));
	mh_bytes_free(&r.data);
	mh_client_close(&c);
}

static void r04_r05_each_of_the_four(void **state)
{
	(void)state;
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 4; i++) {
			fetches(&host[i], dataset_of(i, "group"));
			fetches(&host[i], dataset_of(i, "session"));
		}
		assert_int_equal(rd_stop(&w, SIGTERM), 0);	/* and from what is on the disk */
		assert_int_equal(rd_start(&w), 0);
	}
}

/* 0 when one with these keys is let in: who is not learns it from what he asks then. */
static int let_in(struct rd_host *h)
{
	struct mh_client_result r;
	struct mh_client c;
	int ret = rd_connect(&w, h, &c);

	if (ret)
		return ret;
	ret = mh_client_fetch(&c, "nothing", 0, NULL, NULL, &r);
	mh_client_close(&c);
	return ret;
}

/* One with these keys is not. */
static void is_nobody(const struct rd_host *h)
{
	struct rd_host as = *h;

	assert_int_equal(let_in(&as), -ECONNRESET);
}

static void r04_r05_nobody_else(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct rd_host h = host[i];

		h.id.kei[31] ^= 1;		/* another Kei */
		is_nobody(&h);
		h = host[i];
		h.id.kec.key[0] ^= 8;		/* another Kec */
		h.id.kec.pub[0] ^= 1;
		is_nobody(&h);
		h = host[i];
		h.id.kec.pair = !h.id.kec.pair;	/* the mode is the record's */
		is_nobody(&h);
		h = host[i];
		h.id.mac = !h.id.mac;
		is_nobody(&h);
		h = host[i ^ 1];		/* good keys under another name */
		strcpy(h.id.name, names[i]);
		is_nobody(&h);
	}
}

static void r04_revoked(void **state)
{
	struct mh_client c;

	(void)state;
	assert_int_equal(rd_connect(&w, &host[3], &c), 0);
	rd_revoke(&w, MH_ENTITY, names[3], 1);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(mh_client_push(&c), MH_REVOKE);
	assert_int_equal(mh_client_push(&c), MH_EPOCH);
	assert_int_equal(mh_client_push(&c), -ECONNRESET);
	mh_client_close(&c);
	rd_host_free(&host[3]);
	rd_host_make(&w, &host[3], names[3], true, false);	/* and in again with new ones */
	rd_enrol_again(&w, &host[3], 2);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	assert_int_equal(let_in(&host[3]), 0);
}

/* ---- what comes beside an ENTITY ---- */

struct beside {
	const char *what;
	bool mac, pair;
	u8 item[2];	/* that come */
	bool flipped;	/* the first one is another's */
	u8 want;
};

static void r09_what_comes_beside(void **state)
{
	static const struct beside table[] = {
		{ "nothing", false, false, { 0 }, false, MH_ADMIN_INVALID },
		{ "no Kei-secret", true, false, { MH_ITEM_KPF }, false, MH_ADMIN_INVALID },
		{ "no Kpf", true, false, { MH_ITEM_KEI }, false, MH_ADMIN_INVALID },
		{ "no Kec-public", true, true, { MH_ITEM_KEI }, false, MH_ADMIN_INVALID },
		{ "another Kpf", false, false, { MH_ITEM_KPF }, true, MH_ADMIN_INVALID },
		{ "another Kei-secret", true, true, { MH_ITEM_KEI, MH_ITEM_KEC }, true,
		  MH_ADMIN_INVALID },
		/* a server is never told a Kec-secret, even if an officer's tool would */
		{ "Kec-secret", false, false, { MH_ITEM_KEC, MH_ITEM_KPF }, false,
		  MH_ADMIN_INVALID },
		{ "Kei's of a pair", false, true, { MH_ITEM_KEI, MH_ITEM_KEC }, false,
		  MH_ADMIN_INVALID },
		{ "Kpf of a pair", false, true, { MH_ITEM_KPF, MH_ITEM_KEC }, false,
		  MH_ADMIN_INVALID },
		{ "all", true, false, { MH_ITEM_KPF, MH_ITEM_KEI }, false, MH_ADMIN_OK },
	};
	const struct mh_buf labels[] = { [MH_ITEM_KEC] = MH_L("admin kec"),
					 [MH_ITEM_KEI] = MH_L("admin kei"),
					 [MH_ITEM_KPF] = MH_L("admin kpf") };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct beside *b = &table[i];
		struct rd_host h;

		rd_host_make(&w, &h, "newcomer", b->mac, b->pair);
		rd_entity(&w, &h, 1);
		for (int k = 0; k < 2 && b->item[k]; k++) {
			u8 secret[32];

			if (b->item[k] == MH_ITEM_KPF)
				assert_int_equal(mh_stp_kpf(MH_BUF(h.id.kec.pair ? h.id.kec.pub :
								   h.id.kec.key, 32),
							    h.id.kec.ctx, secret), 0);
			else
				memcpy(secret, b->item[k] == MH_ITEM_KEI ? h.id.kei :
				       h.id.kec.pair ? h.id.kec.pub : h.id.kec.key, 32);
			secret[0] ^= b->flipped && !k;
			rd_secret(&w, b->item[k], labels[b->item[k]], h.leaf, secret);
		}
		if (rd_submit(&w) != b->want)
			fail_msg("%s: not as it must be", b->what);
		assert_int_equal(let_in(&h), b->want ? -ECONNRESET : 0);
		rd_host_free(&h);
	}
}

static void r09_no_kec_to_be_read(void **state)
{
	struct mh_bytes reply;
	u8 body[256];
	size_t n = rd_read_kec(&w, "kec-secret", w.officer, body);

	(void)state;
	assert_int_equal(rd_call(&w, MH_ADMIN_READ_KEC, MH_BUF(body, n), &reply),
			 MH_ADMIN_NOTFOUND);
	mh_bytes_free(&reply);
}

/* ---- the keeper by itself: even its own daemon does not get out what serves sessions ---- */

static void r09_keeper(void **state)
{
	static const struct mh_buf labels[] = { [MH_SECRET_KEC] = MH_L("admin kec"),
						[MH_SECRET_KE] = MH_L("admin ke"),
						[MH_SECRET_KEI] = MH_L("admin kei"),
						[MH_SECRET_KPF] = MH_L("admin kpf") };
	u8 leaf[32] = { 1 }, ctx[32] = { 2 }, secret[32] = { 3 }, kid[32], item[MH_HPKE_ITEM],
	   sealed[MH_SEALED_LEN], out[32], psk[32], kei_x[32], x[32] = { 4 };
	char dir[96];
	struct mh_keeper k;
	struct mh_card card;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/alone", w.dir);
	assert_int_equal(mh_keeper_start(&k, dir, NULL, "n", MH_KEEPER_MAY_MAKE), 0);
	assert_int_equal(mh_card_decode(&card, MH_BUF(k.card, k.card_len)), 0);
	assert_int_equal(mh_kid(MH_BUF(secret, 32), MH_BUF(ctx, 32), kid), 0);
	for (size_t i = MH_SECRET_KEC; i < ARRAY_SIZE(labels); i++) {
		const u8 what = (u8)i;
		const struct mh_buf info[] = { labels[what], MH_BUF(leaf, 32) };
		struct mh_keeper_entity e = { .what = what, .kid = kid, .ecx = ctx };

		assert_int_equal(mh_hpke_seal(card.hpke, info, 2, MH_BUF(NULL, 0), secret, 32, NULL,
					      item, item + 32), 0);
		assert_int_equal(mh_keeper_take(&k, what % 4 + 1, leaf, item, ctx, kid, sealed),
				 -EBADMSG);
		assert_int_equal(mh_keeper_take(&k, what, leaf, item, ctx, leaf, sealed),
				 -EKEYREJECTED);
		assert_int_equal(mh_keeper_take(&k, what, leaf, item, ctx, kid, sealed), 0);
		e.sealed = MH_BUF(sealed, MH_SEALED_LEN);
		assert_int_equal(mh_keeper_open(&k, what, e.sealed, kid, out),
				 what <= MH_SECRET_KE ? 0 : -EPERM);
		/* sealed as one thing it does not open as another */
		assert_int_equal(mh_keeper_open(&k, what == MH_SECRET_KE ? MH_SECRET_KEC :
						MH_SECRET_KE, e.sealed, kid, out), -EBADMSG);
		assert_int_equal(mh_keeper_psk(&k, &e, x, psk, kei_x),
				 what == MH_SECRET_KEC || what == MH_SECRET_KPF ? 0 : -EINVAL);
		e.sealed.n--;
		assert_int_equal(mh_keeper_psk(&k, &e, x, psk, kei_x), -EUCLEAN);
		assert_int_equal(mh_keeper_open(&k, MH_SECRET_KEC, e.sealed, kid, out), -EUCLEAN);
	}
	assert_int_equal(mh_keeper_take(&k, 0, leaf, item, ctx, kid, sealed), -EINVAL);
	assert_int_equal(mh_keeper_take(&k, 5, leaf, item, ctx, kid, sealed), -EINVAL);
	mh_keeper_stop(&k);
	rd_sh("rm -rf %s", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r04_r05_each_of_the_four),
		cmocka_unit_test(r04_r05_nobody_else),
		cmocka_unit_test(r04_revoked),
		cmocka_unit_test(r09_what_comes_beside),
		cmocka_unit_test(r09_no_kec_to_be_read),
		cmocka_unit_test(r09_keeper),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

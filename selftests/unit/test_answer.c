// SPDX-License-Identifier: MIT
/* R13, R15, R17: what an answer must not be (ATTACKS, Records and Data). */
#include "answer_steps.h"

static void r13_delivered_in_each_mode(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 32768, 40000 };

	(void)state;
	for (unsigned int mode = MH_MODE_SESSION; mode <= MH_MODE_GROUP; mode++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			aw_defaults(&w, mode);
			w.size = sizes[i];
			assert_int_equal(aw_make(&w), 0);
			delivered(i & 1 ? 3 : 0);
		}
}

static void r13_nothing_is_left_at_the_end(void **state)
{
	const u8 *p = (const u8 *)&w.a;
	u8 any = 0;

	(void)state;
	make(MH_MODE_GROUP);
	assert_int_equal(aw_feed(&w, 3), 0);
	end();
	assert_int_equal(w.a.state, MH_ANSWER_DONE);
	for (size_t i = sizeof(w.a.state); i < sizeof(w.a); i++)
		any |= p[i];
	assert_int_equal(any, 0);
}

static void r17_dropped(void **state)
{
	(void)state;
	make(MH_MODE_GROUP);
	for (unsigned int i = 0, n = w.n; i < n; i++) {
		for (int recount = 0; recount < 2; recount++) {
			make(MH_MODE_GROUP);
			drop(i);
			if (recount)
				aw_recount(&w);
			if (i == n - 1) {	/* end of file instead of DONE */
				assert_int_equal(aw_feed(&w, 3), 0);
				assert_int_equal(w.a.state, MH_ANSWER_STREAM);
				end();
			} else {
				refused(0);
			}
		}
	}
}

static void r17_doubled(void **state)
{
	(void)state;
	make(MH_MODE_GROUP);
	for (unsigned int i = 0, n = w.n; i < n; i++) {
		u8 type;

		make(MH_MODE_GROUP);
		type = w.r[i].type;
		insert(i, w.r[i]);
		if (type == MH_R_DONE) {	/* it was over: no such id any more */
			assert_int_equal(aw_feed(&w, 3), -EPROTO);
			end();
		} else {
			refused(0);
		}
		make(MH_MODE_GROUP);
		insert(i, w.r[i]);
		aw_recount(&w);
		/* a POLICY twice, or a wrap too many, harms nobody */
		if ((type == MH_R_STATEMENT && i == 1) || type == MH_R_WRAP)
			delivered(3);
		else
			refused(0);
	}
}

static void r17_swapped(void **state)
{
	(void)state;
	make(MH_MODE_GROUP);
	for (unsigned int i = 0, n = w.n; i < n; i++)
		for (unsigned int j = i + 1; j < n; j++) {
			struct aw_record r;

			make(MH_MODE_GROUP);
			r = w.r[i];
			w.r[i] = w.r[j];
			w.r[j] = r;
			if (w.r[i].type == MH_R_STATEMENT && w.r[j].type == MH_R_STATEMENT)
				delivered(3);
			else
				refused(0);
		}
}

static void r17_every_byte_counts(void **state)
{
	(void)state;
	for (unsigned int i = 0; ; i++) {
		aw_defaults(&w, MH_MODE_GROUP);
		w.size = 50;
		assert_int_equal(aw_make(&w), 0);
		if (i == w.n)
			break;
		for (size_t at = 0; at < w.r[i].n; at++) {
			int ret;

			w.r[i].p[at] ^= 0x10;
			ret = aw_feed(&w, 3);
			/*
			 * Signatures are the caller's to verify, and here
			 * nobody does; but DONE names INSTANCE's body.  The
			 * number of an only alternative means nothing.
			 */
			if (w.r[i].type != MH_R_STATEMENT &&
			    !(w.r[i].type == MH_R_MANIFEST && at >= w.r[i].n - MH_SIG_LEN) &&
			    !(w.r[i].type == MH_R_WRAP && !at))
				assert_int_not_equal(ret, 0);
			end();
			w.r[i].p[at] ^= 0x10;
		}
	}
}

static void r17_done_counts_and_names(void **state)
{
	(void)state;
	make(MH_MODE_SESSION);
	w.r[w.n - 1].p[3]++;
	refused(-EBADMSG);
	make(MH_MODE_SESSION);
	w.r[w.n - 1].p[20] ^= 1;
	refused(-EBADMSG);
	make(MH_MODE_SESSION);
	w.r[w.n - 1].n--;
	refused(-EPROTO);
	make(MH_MODE_SESSION);		/* DONE at once */
	w.r[0] = w.r[w.n - 1];
	w.n = 1;
	refused(-EPROTO);
	make(MH_MODE_SESSION);		/* a record after DONE */
	aw_add(&w, MH_R_CHUNK, w.ke, 32);
	assert_int_equal(aw_feed(&w, 3), -EPROTO);
	end();
}

static void r17_unknown_types(void **state)
{
	(void)state;
	for (u8 type = 0; type < 20; type++) {
		if (type >= MH_R_MANIFEST && type <= MH_R_REFUSED)
			continue;
		make(MH_MODE_SESSION);
		w.r[0].type = type;
		refused(-EPROTO);
	}
}

static void r17_of_another_dataset_version_region_mode(void **state)
{
	(void)state;
	aw_defaults(&w, MH_MODE_GROUP);		/* another DataSet's INSTANCE */
	w.name = "eu/disk2";
	assert_int_equal(aw_make(&w), 0);
	refused(-EBADMSG);
	aw_defaults(&w, MH_MODE_GROUP);		/* another version than asked for */
	w.version = 2;
	assert_int_equal(aw_make(&w), 0);
	refused(-EBADMSG);
	delivered(0);				/* which as the newest is the caller's floor */
	aw_defaults(&w, MH_MODE_GROUP);		/* another Region, of which the caller knows too */
	w.region[4] ^= 1;
	assert_int_equal(aw_make(&w), 0);
	refused(-EBADMSG);
	for (unsigned int mode = MH_MODE_SESSION; mode <= MH_MODE_GROUP; mode++) {
		aw_defaults(&w, MH_MODE_GROUP);
		w.manifest_mode = mode;		/* INSTANCE and DATASET must agree */
		assert_int_equal(aw_make(&w), 0);
		if (mode == MH_MODE_GROUP)
			delivered(3);
		else
			refused(-EBADMSG);
	}
}

static void r17_of_another_kind(void **state)
{
	(void)state;
	aw_defaults(&w, MH_MODE_GROUP);		/* INSTANCE and DATASET must agree */
	w.kind = MH_DATA_PROGRAM;
	assert_int_equal(aw_make(&w), 0);
	refused(-EBADMSG);
	for (unsigned int alg = MH_ALG_AES256; alg <= MH_ALG_RAW; alg++) {
		aw_defaults(&w, MH_MODE_GROUP);	/* and INSTANCE repeats the POLICY's template */
		w.policy_alg = (u8)alg;
		assert_int_equal(aw_make(&w), 0);
		if (alg == MH_ALG_RAW)
			delivered(3);
		else
			refused(-EBADMSG);
	}
}

static void r17_a_statement_of_another_region(void **state)
{
	(void)state;
	make(MH_MODE_GROUP);
	drop(2);
	w.region[4] ^= 1;
	aw_dataset(&w, AW_NAME);
	move_last(2);
	refused(-EBADMSG);
}

static void r17_statements_that_do_not_belong(void **state)
{
	u8 leaf[32];

	(void)state;
	make(MH_MODE_GROUP);		/* another DATASET */
	drop(2);
	aw_dataset(&w, "eu/disk2");
	move_last(2);
	refused(-EBADMSG);
	make(MH_MODE_GROUP);		/* an INSTANCE among the statements */
	aw_instance(&w);
	w.r[w.n - 1].type = MH_R_STATEMENT;
	move_last(2);
	refused(-EBADMSG);
	make(MH_MODE_GROUP);		/* a DATASET as manifest */
	w.r[0].p = w.r[2].p;
	w.r[0].n = w.r[2].n;
	refused(-EBADMSG);
	make(MH_MODE_GROUP);		/* a statement after the first wrap */
	aw_policy(&w, "late", 1, 0, leaf);
	move_last(first(MH_R_CHUNK));
	refused(-EPROTO);
	make(MH_MODE_GROUP);		/* one that the caller's trust refuses: each */
	for (w.bad = 1; w.bad <= 3; w.bad++)
		refused(-EKEYREJECTED);
	w.bad = 0;
	w.stranger = true;
	refused(-EPERM);
}

static void r17_statements_are_bounded(void **state)
{
	(void)state;
	for (unsigned int extra = 14; extra <= 15; extra++) {
		make(MH_MODE_GROUP);	/* a POLICY and a DATASET it has */
		for (unsigned int i = 0; i < extra; i++) {
			u8 buf[256];
			struct mh_writer b;

			aw_begin(&w, &b, buf, sizeof(buf), MH_MEMBER, "staff/host1");
			mh_write_attr_u8(&b, MH_A_MEMBER_KIND, 1);
			aw_statement(&w, MH_R_STATEMENT, &b, NULL);
			move_last(2);
		}
		if (extra == 14)
			delivered(3);
		else
			refused(-EPROTO);
	}
}

static void r17_policies_narrow(void **state)
{
	u8 leaf[32];

	(void)state;
	make(MH_MODE_GROUP);
	assert_int_equal(aw_feed(&w, 3), 0);
	assert_int_equal(w.a.policy_all.lease, 3600);
	assert_int_equal(w.a.policy_all.export, MH_EXPORT_LOGON);
	assert_int_equal(w.a.policy_all.retain, 0);
	assert_int_equal(w.a.policy_all.on_stale, 0);
	end();
	aw_defaults(&w, MH_MODE_GROUP);	/* none named */
	w.with_policy = false;
	assert_int_equal(aw_make(&w), 0);
	assert_int_equal(aw_feed(&w, 3), 0);
	assert_int_equal(w.a.policy_all.export, 0);
	assert_int_equal(w.a.policy_all.retain, 0);
	assert_int_equal(w.a.policy_all.on_stale, 0);
	end();
	/* a well-signed POLICY of the Region that nobody named widens nothing */
	aw_policy(&w, "wide", 0, ~0u, leaf);
	move_last(1);
	assert_int_equal(aw_feed(&w, 3), 0);
	assert_int_equal(w.a.state, MH_ANSWER_DONE);
	assert_int_equal(w.a.policy_all.export, 0);
	assert_int_equal(w.a.policy_all.retain, 0);
	assert_int_equal(w.a.policy_all.on_stale, 0);
	end();
	make(MH_MODE_GROUP);		/* another in the place of the named one */
	drop(1);
	aw_policy(&w, "base", 7200, ~0u, leaf);
	move_last(1);
	refused(-EBADMSG);
}

/* ---- Data ---- */

static void r17_stream(void **state)
{
	unsigned int at;

	(void)state;
	make(MH_MODE_SESSION);
	at = first(MH_R_CHUNK);
	w.r[at + 2].n--;			/* last chunk cut */
	refused(0);
	make(MH_MODE_SESSION);
	w.r[at].n--;				/* a chunk that is not whole, in the middle */
	refused(-EBADMSG);
	make(MH_MODE_SESSION);
	w.r[at + 2].n = 15;			/* less than a tag */
	refused(-EBADMSG);
	make(MH_MODE_SESSION);			/* trailing bytes */
	insert(w.n - 1, (struct aw_record){ MH_R_CHUNK, w.ke, 16 });
	aw_recount(&w);
	refused(-EBADMSG);
	aw_defaults(&w, MH_MODE_SESSION);	/* an empty last after a full one */
	w.size = 16384;
	assert_int_equal(aw_make(&w), 0);
	insert(w.n - 1, (struct aw_record){ MH_R_CHUNK, w.ke, 16 });
	aw_recount(&w);
	refused(-EBADMSG);
	make(MH_MODE_SESSION);			/* the sink fails */
	w.sink_error = -EDQUOT;
	refused(-EDQUOT);
}

/* INSTANCE signed over another length or digest of the same chunks */
static void reissue(void)
{
	aw_instance(&w);
	w.r[0] = w.r[--w.n];
	memcpy(w.r[w.n - 1].p + 4, w.leaf, 32);
}

static void r17_length_and_digest_of_the_whole(void **state)
{
	struct mh_buf sent[2];
	unsigned int at;

	(void)state;
	for (int d = -1; d <= 1; d++) {
		make(MH_MODE_SESSION);
		w.length += (u64)d;
		reissue();
		if (d)
			refused(0);
		else
			delivered(3);
	}
	make(MH_MODE_SESSION);	/* the last flag early: a length that ends with chunk two */
	w.length = 2 * MH_STREAM_CHUNK_SEALED;
	reissue();
	refused(-EBADMSG);
	make(MH_MODE_SESSION);	/* ... late */
	w.length += MH_STREAM_CHUNK_SEALED;
	reissue();
	refused(-EBADMSG);
	make(MH_MODE_SESSION);	/* cut, and with the digest of what is left */
	at = first(MH_R_CHUNK);
	sent[0] = MH_BUF(w.r[at].p, w.r[at].n);
	sent[1] = MH_BUF(w.r[at + 1].p, w.r[at + 1].n);
	mh_sha256v(w.sha, sent, 2);
	reissue();
	drop(at + 2);
	aw_recount(&w);
	refused(-EBADMSG);
	make(MH_MODE_SESSION);	/* right tags, wrong SHA-256: all of it came, none of it counts */
	w.sha[9] ^= 1;
	reissue();
	refused(-EBADMSG);
	assert_int_equal(w.got_n, w.size);
}

/* ---- the other answers ---- */

static void one(u8 type, const void *p, size_t n)
{
	make(MH_MODE_SESSION);
	w.n = 0;
	aw_add(&w, type, p, n);
}

static void r17_unchanged_and_refused(void **state)
{
	const u8 refusal[] = { MH_REFUSED_BUSY, 0, 0, 0x13, 0x88, 0 };
	u8 leaf[33], bad[7];

	(void)state;
	aw_fill(leaf, sizeof(leaf), 8);
	one(MH_R_UNCHANGED, leaf, 32);
	assert_int_equal(aw_feed(&w, 3), 0);
	end();
	assert_int_equal(w.a.state, MH_ANSWER_UNCHANGED);
	assert_memory_equal(w.a.unchanged, leaf, 32);
	one(MH_R_UNCHANGED, leaf, 33);
	refused(-EPROTO);
	one(MH_R_REFUSED, refusal, 6);
	assert_int_equal(aw_feed(&w, 3), 0);
	end();
	assert_int_equal(w.a.state, MH_ANSWER_REFUSED);
	assert_true(w.a.refused.code == MH_REFUSED_BUSY && w.a.refused.retry_after == 5000);
	for (int i = 0; i < 4; i++) {
		memcpy(bad, refusal, 6);
		bad[6] = 0;
		bad[0] = i == 0 ? 0 : i == 1 ? 9 : bad[0];
		bad[5] = i == 2 ? 5 : 0;
		one(MH_R_REFUSED, bad, i == 3 ? 7 : 6);
		refused(-EPROTO);
	}
	make(MH_MODE_SESSION);	/* both only in the place of a whole answer */
	aw_add(&w, MH_R_UNCHANGED, leaf, 32);
	move_last(1);
	refused(-EPROTO);
	make(MH_MODE_SESSION);
	aw_add(&w, MH_R_REFUSED, refusal, 6);
	move_last(w.n - 2);
	refused(-EPROTO);
}

static void r17_a_tombstone_is_no_data(void **state)
{
	(void)state;
	aw_defaults(&w, MH_MODE_SESSION);
	w.tombstone = true;
	assert_int_equal(aw_make(&w), 0);
	refused(-ENODATA);
	w.bad = 1;	/* who says so is nobody */
	refused(-EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r13_delivered_in_each_mode),
		cmocka_unit_test(r13_nothing_is_left_at_the_end),
		cmocka_unit_test(r17_dropped),
		cmocka_unit_test(r17_doubled),
		cmocka_unit_test(r17_swapped),
		cmocka_unit_test(r17_every_byte_counts),
		cmocka_unit_test(r17_done_counts_and_names),
		cmocka_unit_test(r17_unknown_types),
		cmocka_unit_test(r17_of_another_dataset_version_region_mode),
		cmocka_unit_test(r17_of_another_kind),
		cmocka_unit_test(r17_a_statement_of_another_region),
		cmocka_unit_test(r17_statements_that_do_not_belong),
		cmocka_unit_test(r17_statements_are_bounded),
		cmocka_unit_test(r17_policies_narrow),
		cmocka_unit_test(r17_stream),
		cmocka_unit_test(r17_length_and_digest_of_the_whole),
		cmocka_unit_test(r17_unchanged_and_refused),
		cmocka_unit_test(r17_a_tombstone_is_no_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

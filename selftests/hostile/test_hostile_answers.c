// SPDX-License-Identifier: MIT
/*
 * ATTACKS, Records and Data, on the client of tools/lib: what the honest server answered, given by
 * a dishonest one under keys of its own, with any byte another, in any order, for any request. The
 * client ends with the errno that says why; no byte of Data comes out.
 */
#include "hostile_sp2.h"

static struct {
	u8 type;
	size_t n;
	u8 body[MH_RECORD_PLAIN_MAX];
} honest[16];
static unsigned int records;

/* All of an answer as the honest one gives it */
static void learn(void)
{
	static u8 frame[MH_FRAME_MAX];
	struct mh_record_hdr rec;
	size_t n;

	sp1_until_auth(&sp1, &host[0]);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	n = sp1_request(&sp1, 1, "d", frame);
	sp1_put(&sp1, frame, n);
	records = 0;
	do {
		n = hostile_frame(sp1.fd, frame);
		assert_int_equal(mh_stp_open(&sp1.s, frame, n, &rec), 0);
		assert_true(records < ARRAY_SIZE(honest));
		honest[records].type = rec.type;
		honest[records].n = rec.body.n;
		memcpy(honest[records++].body, rec.body.p, rec.body.n);
	} while (rec.type != MH_R_DONE);
	sp1_end(&sp1);
}

static void sp2_record(u8 type, u32 request, const u8 *body, size_t n)
{
	static u8 frame[MH_FRAME_MAX];
	int ret;

	memcpy(frame + MH_FRAME_HEADER + MH_RECORD_HEADER, body, n);
	ret = mh_stp_seal(&sp2.s, type, request, frame, n, sizeof(frame));
	assert_true(ret > 0);
	sp2_put(frame, (size_t)ret);
}

static void sp2_honest(unsigned int i, u32 request)
{
	sp2_record(honest[i].type, request, honest[i].body, honest[i].n);
}

/* A session with a REQUEST that waits */
static void asked(unsigned int fetches)
{
	sp2_begin(&host[0], fetches);
	sp2_challenge(&none);
	sp2_auth(&host[0]);
	assert_true(hostile_frame(sp2.fd, sp2.frame) > 0);
}

static void comes_to(const char *what, unsigned int i, size_t byte, int want)
{
	size_t more;
	int ret = sp2_join(&more);

	if ((want ? ret != want : !ret || ret == -ETIMEDOUT) || sp1_client.r.data.n ||
	    sp1_client.r.state == MH_ANSWER_DONE)
		fail_msg("%s, record %u, byte %zu: %s, %zu bytes", what, i, byte, strerror(-ret),
			 sp1_client.r.data.n);
}

static void r17_every_byte_of_an_answer(void **state)
{
	(void)state;
	learn();
	for (unsigned int i = 0; i < records; i++)
		for (size_t byte = 0; byte < honest[i].n; byte++) {
			if (honest[i].type == MH_R_WRAP && !byte)
				continue;	/* any number will do */
			asked(1);
			honest[i].body[byte] ^= 0x11;
			for (unsigned int k = 0; k < records; k++)
				sp2_honest(k, 1);
			honest[i].body[byte] ^= 0x11;
			comes_to("another byte", i, byte, 0);
		}
}

static void r17_records_of_no_request(void **state)
{
	static const u32 ids[] = { 2, 0x80000001, 0xffffffff };
	size_t more;

	(void)state;
	learn();
	for (unsigned int i = 0; i < records; i++)
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			asked(1);
			for (unsigned int r = 0; r < records; r++)
				sp2_honest(r, r == i ? ids[k] : 1);
			comes_to("an id that was never asked", i, 0, -EPROTO);
		}
	asked(2);				/* one that is finished, whole */
	for (unsigned int r = 0; r < 2 * records; r++)
		sp2_honest(r % records, 1);
	comes_to("an id that is finished", 0, 0, -EPROTO);
	asked(1);				/* and unharmed it is taken */
	for (unsigned int r = 0; r < records; r++)
		sp2_honest(r, 1);
	assert_int_equal(sp2_join(&more), 0);
	assert_true(sp1_client.r.data.n == sizeof(data) &&
		    !memcmp(sp1_client.r.data.p, data, sizeof(data)));
	mh_bytes_free(&sp1_client.r.data);
}

static void r17_order_of_an_answer(void **state)
{
	(void)state;
	learn();
	for (unsigned int i = 0; i < records; i++) {
		asked(1);			/* the end, for the rest */
		for (unsigned int r = 0; r < i; r++)
			sp2_honest(r, 1);
		comes_to("the end", i, 0, -ECONNRESET);
		asked(1);			/* left out: what follows or a count is wrong */
		for (unsigned int r = 0; r < records; r++)
			if (r != i)
				sp2_honest(r, 1);
		comes_to("left out", i, 0, i == records - 1 ? -ECONNRESET : 0);
		if (i == records - 1)
			break;
		asked(1);
		for (unsigned int r = 0; r < records; r++) {
			sp2_honest(r, 1);
			if (r == i)
				sp2_honest(r, 1);
		}
		comes_to("doubled", i, 0, 0);
		if (honest[i].type == MH_R_STATEMENT && honest[i + 1].type == MH_R_STATEMENT)
			continue;
		asked(1);
		for (unsigned int r = 0; r < records; r++)
			sp2_honest(r == i ? i + 1 : r == i + 1 ? i : r, 1);
		comes_to("swapped", i, 0, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r17_every_byte_of_an_answer),
		cmocka_unit_test(r17_records_of_no_request),
		cmocka_unit_test(r17_order_of_an_answer),
	};

	return cmocka_run_group_tests(tests, sp2_setup, sp2_teardown);
}

// SPDX-License-Identifier: MIT
/*
 * ATTACKS, Handshake, on the client of tools/lib: by a server that is dishonest and has a good
 * DELEGATION, or lacks one, and by who sits on the wire. The client ends with the errno that says
 * why, having said no more than its hello. And that server uses on the honest one all that it
 * learns of an Entity.
 */
#include "hostile_sp2.h"

/* A client that meets it says nothing more, and why to its caller. */
static void met(const struct wrong *wrong)
{
	size_t more;
	int ret;

	sp2_begin(&host[0], 1);
	sp2_challenge(wrong);
	ret = sp2_join(&more);
	if (ret != wrong->want || more || sp1_client.r.data.n)
		fail_msg("%s: %s, wanted %s; %zu bytes more", wrong->what, strerror(-ret),
			 strerror(-wrong->want), more);
}

static size_t at;	/* of a sweep */

static void flip(u8 *p, size_t *n)
{
	assert_true(at < *n);
	p[at] ^= 0x11;
}

static void r12_every_byte_of_the_challenge(void **state)
{
	static u8 idr[MH_IDR_MAX];
	const size_t n = MH_FRAME_HEADER + 34 + sp2_idr(idr) + 2 * MH_TAG_LEN + MH_SIG_LEN;
	struct wrong wrong = { "challenge", -EBADMSG, .frames = flip };
	char what[48];
	size_t len;

	(void)state;
	wrong.what = what;
	for (at = 0; at < n; at++) {
		snprintf(what, sizeof(what), "challenge: byte %zu", at);
		/* a length past all; more than comes before our end; less, and not whole */
		len = (n - MH_FRAME_HEADER) ^ (at && at <= 3 ? (size_t)0x11 << 8 * (3 - at) : 0);
		wrong.want = len > n - MH_FRAME_HEADER && at > 1 ? -ECONNRESET : -EBADMSG;
		met(&wrong);
	}
}

/* With the right sigR over it: a server that has its key spoils what officers signed. */
static void r12_every_byte_of_idr(void **state)
{
	static u8 idr[MH_IDR_MAX];
	const size_t n = sp2_idr(idr);
	size_t more;

	(void)state;
	for (at = 0; at < n; at++) {
		const struct wrong wrong = { "idR", 0, .idr = flip };
		int ret;

		sp2_begin(&host[0], 1);
		sp2_challenge(&wrong);
		ret = sp2_join(&more);
		switch (ret) {
		case -EBADMSG:
		case -EPROTONOSUPPORT:
		case -ENOKEY:
		case -EPERM:
			break;
		default:
			fail_msg("idR, byte %zu: %s", at, strerror(-ret));
		}
		if (more || sp1_client.r.data.n)
			fail_msg("idR, byte %zu: %zu bytes more", at, more);
	}
}

static void by_another(const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	assert_int_equal(mh_p256_sign(w.officer, digest, sig), 0);
}

static void zeros(const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	(void)digest;
	memset(sig, 0, MH_SIG_LEN);
}

static void over_another(const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	u8 other[MH_HASH_LEN];

	memcpy(other, digest, sizeof(other));
	other[31] ^= 1;
	assert_int_equal(mh_p256_sign(sp2.key, other, sig), 0);
}

static void of_the_honest(const u8 digest[MH_HASH_LEN], u8 sig[MH_SIG_LEN])
{
	(void)digest;
	memcpy(sig, sp2.sigr, MH_SIG_LEN);
}

/* idR of these */
static void idr_of(u8 *idr, size_t *n, const u8 *versions, size_t nv,
		   const struct mh_bytes *const *d, u8 nd, const struct mh_bytes *epoch)
{
	struct mh_idr m = { .versions = MH_BUF(versions, nv), .delegations = nd,
			    .epoch = mh_bytes_buf(epoch) };
	int ret;

	for (u8 i = 0; i < nd; i++)
		m.delegation[i] = mh_bytes_buf(d[i]);
	ret = mh_idr_encode(&m, idr, MH_IDR_MAX);
	assert_true(ret > 0);
	*n = (size_t)ret;
}

static const struct mh_bytes *const good[] = { &sp2.serve, &sp2.fresh };

static void version_2_alone(u8 *idr, size_t *n)
{
	idr_of(idr, n, (const u8 *)"\2", 1, good, 2, &sp2.epoch);
}

static void no_serve(u8 *idr, size_t *n)
{
	idr_of(idr, n, (const u8 *)"\1", 1, good + 1, 1, &sp2.epoch);
}

static void no_freshness(u8 *idr, size_t *n)
{
	idr_of(idr, n, (const u8 *)"\1", 1, good, 1, &sp2.epoch);
}

static void no_epoch(u8 *idr, size_t *n)
{
	idr_of(idr, n, (const u8 *)"\1", 1, good, 2, &sp2.serve);
}

static void longer(u8 *p, size_t *n)
{
	p[(*n)++] = 0;
}

static void cut(u8 *p, size_t *n)
{
	(void)p;
	(*n)--;
}

/* The frame's header follows */
static void frame_longer(u8 *p, size_t *n)
{
	longer(p, n);
	mh_frame_header(p, MH_F_CHALLENGE, (u32)(*n - MH_FRAME_HEADER));
}

static void frame_cut(u8 *p, size_t *n)
{
	cut(p, n);
	mh_frame_header(p, MH_F_CHALLENGE, (u32)(*n - MH_FRAME_HEADER));
}

static void of_low_order(u8 *p, size_t *n)
{
	(void)n;
	low_order(p + MH_FRAME_HEADER, at);
}

static void dropped(u8 *p, size_t *n)
{
	(void)p;
	*n = 0;
}

static void a_record(u8 *p, size_t *n)
{
	(void)n;
	p[0] = MH_F_RECORD;
}

static void hello_back(u8 *p, size_t *n)
{
	memcpy(p, sp2.frame, sp2.n);
	*n = sp2.n;
}

/* ANCHORs before it: none, our own again, a DELEGATION */
static void anchors_of(u8 *p, size_t *n, const struct mh_bytes *b)
{
	u8 *challenge = malloc(*n);
	struct mh_writer o;

	assert_non_null(challenge);
	memcpy(challenge, p, *n);
	mh_writer_init(&o, p + MH_FRAME_HEADER, MH_FRAME_BODY_MAX);
	mh_write_u8(&o, 1);
	mh_write_u8(&o, 0);
	mh_write_big(&o, mh_bytes_buf(b));
	mh_frame_header(p, MH_F_ANCHORS, (u32)o.len);
	memcpy(p + MH_FRAME_HEADER + o.len, challenge, *n);
	*n += MH_FRAME_HEADER + o.len;
	free(challenge);
}

static void our_anchor(u8 *p, size_t *n)
{
	anchors_of(p, n, &w.anchor);
}

static void no_anchor(u8 *p, size_t *n)
{
	anchors_of(p, n, &sp2.serve);
}

static void r12_fields_of_the_challenge(void **state)
{
	static const struct wrong table[] = {
		{ "sigR by another key", -EBADMSG, .sign = by_another },
		{ "sigR of zeros", -EBADMSG, .sign = zeros },
		{ "sigR over another h", -EBADMSG, .sign = over_another },
		{ "sigR of the honest server", -EBADMSG, .sign = of_the_honest },
		{ "version 2 alone", -EPROTONOSUPPORT, .idr = version_2_alone },
		{ "no DELEGATION to serve", -EBADMSG, .idr = no_serve },
		{ "none for freshness", -ENOKEY, .idr = no_freshness },
		{ "no EPOCH", -EBADMSG, .idr = no_epoch },
		{ "idR longer", -EBADMSG, .idr = longer },
		{ "idR cut", -EBADMSG, .idr = cut },
		{ "a challenge longer", -EBADMSG, .frames = frame_longer },
		{ "a challenge cut", -EBADMSG, .frames = frame_cut },
		{ "the end", -ECONNRESET, .frames = dropped },
		{ "a record for a challenge", -EBADMSG, .frames = a_record },
		{ "its own hello", -EBADMSG, .frames = hello_back },
		{ "an ANCHOR that it has", -ESTALE, .frames = our_anchor },
		{ "a DELEGATION for an ANCHOR", -EBADMSG, .frames = no_anchor },
	};
	const struct wrong low = { "e of low order", -EKEYREJECTED, .frames = of_low_order };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		met(&table[i]);
	for (at = 0; at < LOW_ORDER; at++)
		met(&low);
}

static void r12_delegations_that_are_not_good(void **state)
{
	const u64 now = (u64)time(NULL);
	struct wrong wrong = none;
	u8 honest[MH_KEY_LEN];

	(void)state;
	wrong.what = "over";
	wrong.want = -EKEYEXPIRED;
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, sp2.pub, now - 7200, now - 3600);
	met(&wrong);
	wrong.what = "not yet";
	wrong.want = -ESTALE;
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, sp2.pub, now + 3600, now + 7200);
	met(&wrong);
	wrong.what = "for freshness alone";
	wrong.want = -EBADMSG;
	statement(&sp2.serve, "prov1", MH_ROLE_FRESHNESS, sp2.pub, now, now + 3600);
	met(&wrong);
	wrong.what = "for another key";
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, w.c.sp2, now, now + 3600);
	met(&wrong);
	memcpy(honest, w.officer, sizeof(honest));	/* who says so is no officer */
	memcpy(w.officer, sp2.key, sizeof(honest));
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, sp2.pub, now, now + 3600);
	memcpy(w.officer, honest, sizeof(honest));
	wrong.what = "by itself";
	met(&wrong);
	statement(&sp2.serve, "prov1", MH_ROLE_SERVE, sp2.pub, now, now + 86400);
}

/* ---- ANCHORs, which come in the clear ---- */

static u8 newer[MH_FRAME_MAX];	/* the honest one's frame of them */
static size_t newer_n;

static void learn_newer(void)
{
	rd_next_anchor(&w);
	assert_int_equal(rd_submit(&w), MH_ADMIN_OK);
	sp1_begin(&sp1, &host[0]);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	newer_n = hostile_frame(sp1.fd, newer);
	assert_int_equal(newer[0], MH_F_ANCHORS);
	sp1_end(&sp1);
}

/* Before the challenge, with a byte altered if it has that */
static void newer_first(u8 *p, size_t *n)
{
	memmove(p + newer_n, p, *n);
	memcpy(p, newer, newer_n);
	if (at < newer_n)
		p[at] ^= 0x11;
	*n += newer_n;
}

static void r12_every_byte_of_an_anchor(void **state)
{
	const struct wrong wrong = { .frames = newer_first };
	size_t more;
	int ret;

	(void)state;
	learn_newer();
	for (at = 0; at <= newer_n; at++) {
		if (at >= 1 && at <= 3)
			continue;	/* lengths: as those of a challenge */
		sp2_begin(&host[0], 0);
		sp2_challenge(&wrong);
		ret = sp2_join(&more);
		if (at == newer_n)	/* unharmed it is pinned, and auth is said */
			assert_true(!ret && more == sizeof(sp1.auth));
		else if (!ret || ret == -ECONNRESET || ret == -EAGAIN || more)
			fail_msg("ANCHOR, byte %zu: %s, %zu bytes more", at, strerror(-ret), more);
	}
}

/* ---- what it learns of an Entity, on the honest server ---- */

/* leaked: it has the psk for the honest one, too, as who knows Kec-public has it of a pair */
static void forwards(const struct rd_host *h, bool leaked)
{
	struct before b = hostile_before();
	u8 psk[MH_KEY_LEN];

	sp1_begin(&sp1, h);
	sp1_make_hello(&sp1);
	sp1_put(&sp1, sp1.hello, sp1.hello_n);
	sp1_take_challenge(&sp1);
	sp1_psk(&h->id, leaked ? sp1.x : sp2.x, psk);
	sp1_auth_begin(&sp1, sp2.s.idi, psk);
	sp1_auth_finish(&sp1, sp2.s.authi);
	sp1_put(&sp1, sp1.auth, sizeof(sp1.auth));
	refused_for(&sp1, &b, "forwarded", "Bad message", leaked && !h->id.mac);
	sp1_end(&sp1);
}

static void r12_a_dishonest_server_forwards(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct before b;
		size_t more;

		sp2_begin(&host[i], 0);
		sp2_challenge(&none);
		sp2_auth(&host[i]);
		forwards(&host[i], false);
		forwards(&host[i], true);
		b = hostile_before();		/* the frame as it came */
		sp1_until_auth(&sp1, &host[i]);
		sp1_put(&sp1, sp2.frame, sp2.n);
		refused_for(&sp1, &b, "as it came", "Bad message", 0);
		sp1_end(&sp1);
		assert_int_equal(sp2_join(&more), 0);
	}
	hostile_serves(&host[0], "d", data, sizeof(data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r12_every_byte_of_the_challenge),
		cmocka_unit_test(r12_every_byte_of_idr),
		cmocka_unit_test(r12_fields_of_the_challenge),
		cmocka_unit_test(r12_delegations_that_are_not_good),
		cmocka_unit_test(r12_a_dishonest_server_forwards),
		cmocka_unit_test(r12_every_byte_of_an_anchor),
	};

	return cmocka_run_group_tests(tests, sp2_setup, sp2_teardown);
}

// SPDX-License-Identifier: MIT
/*
 * Join requests, bundles, cards: what decodes encodes to the same bytes, and
 * what is in a bundle is as much as a joining host reads of it.
 */
#include "core/messages.h"
#include "core/statement.h"
#include "fuzz.h"

static u8 out[MH_BUNDLE_MAX];

static void same(int n, struct mh_buf in)
{
	must(n >= 0 && (size_t)n == in.n && !memcmp(out, in.p, in.n));
}

static void request(struct mh_buf in)
{
	struct mh_join_request m;

	if (mh_join_request_decode(&m, in))
		return;
	must(in.n <= MH_JOIN_REQUEST_MAX && m.evidence.n <= 1024 && mh_name_ok(m.name));
	same(mh_join_request_encode(&m, out, sizeof(out)), m.body);
	must(m.sig_kei == in.p + m.body.n && m.sig_kes + MH_SIG_LEN == in.p + in.n);
	mh_join_request_verify(&m);
}

static void statement(struct mh_buf b)
{
	struct mh_stmt s;

	must(b.n <= MH_STMT_MAX);
	if (!mh_stmt_parse(&s, b.p, b.n))
		must(mh_buf_equal(s.bytes, b));
}

static void bundle(struct mh_buf in)
{
	struct mh_bundle m;
	struct mh_reader r;
	u8 region[MH_HASH_LEN];
	struct mh_stmt s;

	if (mh_bundle_decode(&m, in))
		return;
	same(mh_bundle_encode(&m, out, sizeof(out)), in);
	mh_reader_init(&r, m.anchor_bytes.p, m.anchor_bytes.n);
	for (u16 i = 0; i < m.anchors; i++) {
		const struct mh_buf a = mh_read_big(&r, MH_STMT_MAX);

		must(!r.err);
		if (!mh_stmt_parse(&s, a.p, a.n) && !i)
			mh_anchor_genesis(&s, region);
	}
	must(!mh_read_end(&r));
	for (u8 i = 0; i < m.delegations; i++)
		statement(m.delegation[i]);
	statement(m.entity);
	statement(m.epoch);
	if (m.route) {	/* whatever is sealed there opens for no stranger */
		u8 plain[MH_JOIN_SECRETS_MAX];
		static const u8 key[MH_KEY_LEN] = { 9 };

		must(mh_join_secrets_open(&m, MH_BUF(key, m.route == MH_ROUTE_HOST ? 32 : 20), key,
					  plain) == -EBADMSG);
	}
	for (u8 i = 0; i < m.addresses; i++)
		must(m.address[i].n <= 255 && !memchr(m.address[i].p, '\n', m.address[i].n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_card card;

	if (!size)
		return 0;
	if (data[0] % 3 == 0)
		request(MH_BUF(data + 1, size - 1));
	else if (data[0] % 3 == 1)
		bundle(MH_BUF(data + 1, size - 1));
	else if (!mh_card_decode(&card, MH_BUF(data + 1, size - 1)))
		must(mh_name_ok(card.name) && size - 1 <= MH_CARD_MAX);
	return 0;
}

// SPDX-License-Identifier: MIT
/* The server's card, and what is sealed to it. */
#include "repoctl.h"
#include "core/hpke.h"

int rc_card(struct rc *rc, struct mh_bytes *bytes, struct mh_card *card)
{
	int ret = rc_call(rc, MH_ADMIN_CARD, MH_BUF(NULL, 0), bytes);

	if (ret)
		return ret;
	ret = mh_card_decode(card, mh_bytes_buf(bytes));
	if (!ret)
		return 0;
	mh_bytes_free(bytes);
	if (ret == -ENOMEM)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	return mh_fail(MH_EXIT_BAD_INPUT,
		       "the server card is malformed, or its signature does not hold");
}

int rc_serve(struct rc *rc, const u8 *sp2, struct mh_bytes *reply, struct mh_stmt *s)
{
	struct mh_reader r;
	int ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), reply);
	u8 n;

	if (ret)
		return ret;
	mh_reader_init(&r, reply->p, reply->n);
	for (n = mh_read_u8(&r); n; n--) {
		struct mh_buf b = mh_read_big(&r, MH_STMT_MAX);

		if (!r.err && !mh_stmt_parse(s, b.p, b.n) && s->type == MH_DELEGATION &&
		    mh_stmt_num(s, MH_A_ROLE) == MH_ROLE_SERVE &&
		    (!sp2 || !memcmp(mh_stmt_attr(s, MH_A_KEY).p, sp2, MH_P256_PUB_LEN)) &&
		    !rc_verify(rc, s))
			return 0;
	}
	mh_bytes_free(reply);
	return MH_EXIT_NOTFOUND;
}

/* Who answers on the admin socket may be anybody: what it says of itself is not enough. */
static int check_card(struct rc *rc, const struct mh_card *card)
{
	struct mh_bytes reply;
	struct mh_stmt s;
	int ret = rc_serve(rc, card->sp2, &reply, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(MH_EXIT_DENIED,
			       "no DELEGATION of this Region's officers lets this server serve it: "
			       "it is told no secret; see repoctl delegation create");
	if (ret)
		return ret;
	memcpy(rc->card_sp2, card->sp2, sizeof(rc->card_sp2));
	mh_bytes_free(&reply);
	return 0;
}

int rc_item_sealed(struct rc *rc, u8 item, struct mh_buf label, const u8 leaf[32], const u8 *secret)
{
	const struct mh_buf info[] = { label, MH_BUF(leaf, 32) };
	struct mh_bytes bytes;
	struct mh_card card;
	u8 out[32 + 48];
	int ret = rc_card(rc, &bytes, &card);

	if (ret)
		return ret;
	/* its signature is by this key */
	ret = memcmp(card.sp2, rc->card_sp2, sizeof(rc->card_sp2)) ? check_card(rc, &card) : 0;
	if (!ret && mh_hpke_seal(card.hpke, info, 2, MH_BUF(NULL, 0), secret, 32, NULL, out,
				 out + 32))
		ret = mh_fail(MH_EXIT_FAILED, "sealing to the server's key failed");
	mh_bytes_free(&bytes);
	if (!ret)
		ret = rc_item(rc, item, MH_BUF(leaf, 32), MH_BUF(out, sizeof(out)));
	return ret;
}

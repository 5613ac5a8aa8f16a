// SPDX-License-Identifier: MIT
/*
 * How a statement stands, time apart: by the store, and as it is remembered from the last time
 * while nothing was put into the store since.  Each fetch asks about some ten statements, and
 * most of them are those of the fetch before.
 */
#include "guardian.h"

#include <stdlib.h>

#define DEPTH_MAX 8	/* signers above signers */
#define PLACES	16384	/* of one statement each: the last that came there stays */

struct mh_remembered {
	u8 leaf[MH_HASH_LEN];
	u64 of;		/* the store's generation then; 0: nothing */
	struct mh_standing st;
};

struct revoking {
	struct mh_daemon *d;
	const u8 *region;
	const struct mh_stmt *s;
	bool revoked;
};

static int signer_holds(struct mh_daemon *d, const u8 *region, const struct mh_stmt *s,
			unsigned int depth);

/* A REVOKE of an ANCHOR that min_anchor voids revokes nothing. */
static int covers(void *ctx, struct mh_buf b)
{
	struct revoking *v = ctx;
	struct mh_stmt r;
	int ret;

	if (mh_stmt_parse(&r, b.p, b.n))
		return -EUCLEAN;
	if (!mh_stmt_has(&r, MH_A_UNDER) && mh_stmt_num(&r, MH_A_UP_TO) < v->s->serial)
		return 0;
	ret = signer_holds(v->d, v->region, &r, 0);
	if (!ret)
		v->revoked = true;
	return ret == -EKEYREJECTED ? 0 : ret;
}

static int revoked(struct mh_daemon *d, const u8 *region, const struct mh_stmt *s)
{
	struct revoking v = { .d = d, .region = region, .s = s };
	int ret = mh_store_revokes(d->store, region, s->type, s->subject, covers, &v);

	if (!ret)	/* all that was made under its DELEGATION */
		ret = mh_store_revokes(d->store, region, 0, MH_BUF(s->signer, 32), covers, &v);
	return ret ? ret : v.revoked;
}

static int anchor_void(struct mh_daemon *d, const u8 *region, const struct mh_stmt *anchor)
{
	struct mh_store_region row;
	struct mh_bytes b;
	struct mh_stmt newest;
	int ret = mh_store_region(d->store, region, &row);

	if (!ret)
		ret = mh_store_anchor(d->store, region, row.anchor_serial, &b);
	if (ret)
		return ret;
	ret = mh_stmt_parse(&newest, b.p, b.n);
	if (!ret && anchor->serial < mh_stmt_num(&newest, MH_A_MIN_ANCHOR))
		ret = -EKEYREJECTED;
	mh_bytes_free(&b);
	return ret;
}

/*
 * The signer's own validity ended is no matter (what it signed within it stands); its revocation
 * is.
 */
static int signer_holds(struct mh_daemon *d, const u8 *region, const struct mh_stmt *s,
			unsigned int depth)
{
	struct mh_bytes b;
	struct mh_stmt signer;
	int ret;

	if (s->type == MH_ANCHOR)
		return anchor_void(d, region, s);
	if (depth == DEPTH_MAX)
		return -EKEYREJECTED;
	ret = mh_store_by_leaf(d->store, region, s->signer, &b);
	if (ret)
		return ret == -ENOENT ? -EKEYREJECTED : ret;
	ret = mh_stmt_parse(&signer, b.p, b.n);
	if (!ret && signer.type != MH_ANCHOR) {
		ret = revoked(d, region, &signer);
		ret = ret > 0 ? -EKEYREVOKED : ret;
	}
	if (!ret)
		ret = signer_holds(d, region, &signer, depth + 1);
	mh_bytes_free(&b);
	return ret;
}

static struct mh_remembered *place_of(struct mh_daemon *d, const u8 leaf[MH_HASH_LEN])
{
	if (!d->remembered)
		d->remembered = calloc(PLACES, sizeof(*d->remembered));
	return d->remembered ? &d->remembered[mh_get32(leaf) % PLACES] : NULL;
}

int mh_standing(struct mh_daemon *d, const u8 region[32], const struct mh_stmt *s,
		struct mh_standing *out)
{
	const u64 generation = mh_store_generation(d->store);
	struct mh_remembered *r = place_of(d, s->leaf);
	int ret;

	if (r && r->of == generation && !memcmp(r->leaf, s->leaf, MH_HASH_LEN)) {
		*out = r->st;
		return 0;
	}
	ret = revoked(d, region, s);
	if (ret < 0)
		return ret;
	*out = (struct mh_standing){ .revoked = ret, .above = signer_holds(d, region, s, 0) };
	if (out->above && out->above != -EKEYREVOKED && out->above != -EKEYREJECTED)
		return out->above;
	if (r) {
		memcpy(r->leaf, s->leaf, MH_HASH_LEN);
		r->of = generation;
		r->st = *out;
	}
	return 0;
}

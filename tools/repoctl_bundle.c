// SPDX-License-Identifier: MIT
/* Join bundles: what a host needs to join; written at once, or when a proposal is submitted. */
#include "repoctl.h"

#include <limits.h>
#include <stdlib.h>

/*
 * MH_PROPOSAL_BUNDLE = ENTITY leaf 32 || request hash 32 || u8 binary || u8 n (0..8) ||
 *	n * v(address) || u8 route || route ? enc or salt 32 || v(ct)
 */
#define DRAFT_MAX	4096
#define ADDRESS_MAX	255

int rc_bundle_trust(struct rc *rc, struct mh_bundle *b, struct rc_bundle *room)
{
	struct mh_writer w;
	struct mh_reader r;
	int ret = rc_call(rc, MH_ADMIN_TRUST, MH_BUF(rc->region, 32), &room->trust);

	if (ret)
		return ret;
	room->anchors.p = malloc(MH_BUNDLE_MAX);
	if (!room->anchors.p)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	mh_writer_init(&w, room->anchors.p, MH_BUNDLE_MAX);
	for (unsigned int i = 0; i < rc->p.anchors; i++)
		mh_write_big(&w, mh_bytes_buf(&rc->p.anchor[i]));
	room->anchors.n = w.len;
	if (w.err)
		return mh_fail(MH_EXIT_FAILED, "the Region has more ANCHORs than a bundle holds");
	b->anchors = (u16)rc->p.anchors;
	b->anchor_bytes = mh_bytes_buf(&room->anchors);
	mh_reader_init(&r, room->trust.p, room->trust.n);
	b->delegations = mh_read_u8(&r);
	if (b->delegations > MH_IDR_DELEGATIONS)
		r.err = -EBADMSG;
	for (u8 i = 0; i < b->delegations && !r.err; i++)
		b->delegation[i] = mh_read_big(&r, MH_STMT_MAX);
	b->epoch = mh_read_big(&r, MH_STMT_MAX);
	if (mh_read_end(&r))
		return mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's answer is malformed");
	return 0;
}

void rc_bundle_free(struct rc_bundle *room)
{
	mh_bytes_free(&room->anchors);
	mh_bytes_free(&room->trust);
}

int rc_bundle_write(const struct mh_bundle *b, const char *out, bool binary)
{
	u8 *buf = malloc(MH_BUNDLE_MAX);
	int len = buf ? mh_bundle_encode(b, buf, MH_BUNDLE_MAX) : -ENOMEM;

	if (len >= 0)
		len = mh_armour_write(out, "JOIN BUNDLE", buf, (size_t)len, binary, 0644);
	free(buf);
	return len;
}

int rc_bundle_keep(struct rc *rc, const struct mh_bundle *b, const u8 leaf[MH_HASH_LEN],
		   bool binary)
{
	u8 buf[DRAFT_MAX];
	struct mh_writer w;

	mh_writer_init(&w, buf, sizeof(buf));
	mh_write_bytes(&w, leaf, MH_HASH_LEN);
	mh_write_bytes(&w, b->request_hash, MH_HASH_LEN);
	mh_write_u8(&w, binary);
	mh_write_u8(&w, b->addresses);
	for (u8 i = 0; i < b->addresses; i++)
		mh_write_v(&w, b->address[i].p, b->address[i].n);
	mh_write_u8(&w, b->route);
	if (b->route) {
		mh_write_bytes(&w, b->enc, 32);
		mh_write_v(&w, b->sealed.p, b->sealed.n);
	}
	if (w.err)
		return mh_fail(MH_EXIT_USAGE, "the addresses are too long");
	return rc_item(rc, MH_PROPOSAL_BUNDLE, MH_BUF(buf, w.len), MH_BUF(NULL, 0));
}

static int read_draft(struct mh_bundle *b, struct mh_buf in, const u8 **leaf, bool *binary)
{
	struct mh_reader r;
	u8 flag;

	mh_reader_init(&r, in.p, in.n);
	*leaf = mh_read_bytes(&r, MH_HASH_LEN).p;
	b->request_hash = mh_read_bytes(&r, MH_HASH_LEN).p;
	flag = mh_read_u8(&r);
	b->addresses = mh_read_u8(&r);
	if (r.err || flag > 1 || b->addresses > MH_BUNDLE_ADDRESSES)
		return -EBADMSG;
	*binary = flag;
	for (u8 i = 0; i < b->addresses; i++)
		b->address[i] = mh_read_v(&r, ADDRESS_MAX);
	b->route = mh_read_u8(&r);
	if (b->route > MH_ROUTE_CODE)
		return -EBADMSG;
	if (b->route) {
		b->enc = mh_read_bytes(&r, 32).p;
		b->sealed = mh_read_v(&r, MH_JOIN_SECRETS_MAX + MH_TAG_LEN);
	}
	return mh_read_end(&r);
}

/* The ENTITY is stored now, as it was proposed */
static int stored(struct rc *rc, const struct mh_stmt *s, struct mh_bytes *bytes)
{
	struct mh_stmt now;
	int ret = rc_get_entity(rc, s->subject, bytes, &now);

	if (!ret && memcmp(now.leaf, s->leaf, MH_HASH_LEN))
		ret = mh_fail(MH_EXIT_CONFLICT,
			      "%.*s was enrolled anew meanwhile: its bundle is not written",
			      (int)s->subject.n, s->subject.p);
	return ret;
}

static int finish_one(struct rc *rc, const char *dir, struct mh_bundle *b, bool binary,
		      const struct mh_stmt *s, json_t *made)
{
	struct rc_bundle room = { 0 };
	struct mh_bytes entity = { 0 };
	char out[PATH_MAX];
	int ret = stored(rc, s, &entity);

	if (!ret)
		ret = rc_bundle_trust(rc, b, &room);
	b->entity = mh_bytes_buf(&entity);
	if ((size_t)snprintf(out, sizeof(out), "%s/%.*s.bundle", dir, (int)s->subject.n,
			     s->subject.p) >= sizeof(out))
		ret = mh_fail(MH_EXIT_USAGE, "%s: the path is too long", dir);
	if (!ret && rc_bundle_write(b, out, binary))
		ret = mh_fail(MH_EXIT_FAILED,
			      "%s could not be written; the host is enrolled: submit the file again "
			      "for its bundle",
			      out);
	if (!ret)
		json_array_append_new(made, json_string(out));
	rc_bundle_free(&room);
	mh_bytes_free(&entity);
	return ret;
}

int rc_bundle_finish(struct rc *rc, const char *dir, json_t *made)
{
	int ret = 0;

	for (unsigned int i = 0; i < rc->p.items && !ret; i++) {
		const struct mh_proposal_item *item = &rc->p.item[i];
		const struct mh_proposal_act *a = NULL;
		struct mh_bundle b = { 0 };
		const u8 *leaf;
		bool binary;

		if (item->item != MH_PROPOSAL_BUNDLE)
			continue;
		ret = read_draft(&b, mh_bytes_buf(&item->bytes), &leaf, &binary);
		for (unsigned int k = 0; k < rc->p.acts && !ret && !a; k++)
			if (!memcmp(rc->p.act[k].s.leaf, leaf, MH_HASH_LEN) &&
			    rc->p.act[k].s.type == MH_ENTITY)
				a = &rc->p.act[k];
		if (ret || !a)
			return mh_fail(MH_EXIT_BAD_INPUT, "a bundle of the proposal is malformed");
		ret = finish_one(rc, dir, &b, binary, &a->s, made);
	}
	return ret;
}

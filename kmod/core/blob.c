// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The sealed blob; see blob.h. */
#include "blob.h"

#define BLOB_VERSION 1

enum { SEAT_FILE = 1, SEAT_PIN = 3, SEAT_KEY = 4, SEAT_OTHER = 5 };

int mh_blob_constant(u8 type, struct mh_buf bytes, u8 c[MH_HASH_LEN])
{
	struct mh_buf v[2] = { MH_L("seat file"), bytes };

	if (type == SEAT_KEY)
		v[0] = MH_L("seat key");
	else if (type == SEAT_OTHER)
		v[0] = MH_L("seat other");
	else if (type != SEAT_FILE)
		return -EINVAL;
	if (bytes.n < 32)
		return -EINVAL;
	mh_sha256v(c, v, 2);
	return 0;
}

int mh_blob_seat(const struct mh_blob_header *h, const u8 (*c)[MH_HASH_LEN], u8 seat[MH_HASH_LEN])
{
	u8 ikm[MH_BLOB_SEATS * (2 + MH_HASH_LEN)];
	struct mh_writer w;
	struct mh_buf v;
	int ret;
	u8 i;

	mh_writer_init(&w, ikm, sizeof(ikm));
	for (i = 0; i < h->seats; i++) {
		mh_write_u8(&w, h->seat[i].type);
		mh_write_u8(&w, h->seat[i].index);
		mh_write_bytes(&w, c[i], MH_HASH_LEN);
	}
	v = MH_BUF(ikm, w.len);
	ret = w.err ? w.err : mh_hkdf_extract(h->seat_salt, 32, &v, 1, seat);
	mh_wipe(ikm, sizeof(ikm));
	return ret;
}

static void write_header(struct mh_writer *w, const struct mh_blob_header *h)
{
	u8 i;

	mh_write_bytes(w, "MHSB", 4);
	mh_write_u8(w, BLOB_VERSION);
	mh_write_u8(w, h->seats);
	for (i = 0; i < h->seats; i++) {
		mh_write_u8(w, h->seat[i].type);
		mh_write_u8(w, h->seat[i].index);
		mh_write_bytes(w, h->seat[i].salt, 16);
		mh_write_u32(w, h->seat[i].m);
		mh_write_u32(w, h->seat[i].t);
		mh_write_u32(w, h->seat[i].p);
	}
	mh_write_bytes(w, h->seat_salt, 32);
	mh_write_bytes(w, h->blob_salt, 32);
	mh_write_u32(w, h->nv_index);
}

static void read_into(struct mh_reader *r, u8 *out, size_t n)
{
	struct mh_buf b = mh_read_bytes(r, n);

	if (b.p)
		memcpy(out, b.p, n);
}

static bool seat_ok(const struct mh_blob_seat *s)
{
	if (s->type < SEAT_FILE || s->type > SEAT_OTHER)
		return false;
	if (s->type != SEAT_PIN)
		return !s->m && !s->t && !s->p;
	return s->m >= 8 && s->m <= (1u << 20) && s->t && s->t <= 64 && s->p && s->p <= 16;
}

int mh_blob_parse(struct mh_blob_header *h, struct mh_buf blob, size_t *len)
{
	struct mh_reader r;
	struct mh_buf magic;
	u8 i, version;

	memset(h, 0, sizeof(*h));
	mh_reader_init(&r, blob.p, blob.n);
	magic = mh_read_bytes(&r, 4);
	version = mh_read_u8(&r);
	h->seats = mh_read_u8(&r);
	if (r.err || memcmp(magic.p, "MHSB", 4) || version != BLOB_VERSION || !h->seats ||
	    h->seats > MH_BLOB_SEATS)
		return -EKEYREJECTED;
	for (i = 0; i < h->seats; i++) {
		struct mh_blob_seat *s = &h->seat[i];

		s->type = mh_read_u8(&r);
		s->index = mh_read_u8(&r);
		read_into(&r, s->salt, 16);
		s->m = mh_read_u32(&r);
		s->t = mh_read_u32(&r);
		s->p = mh_read_u32(&r);
		if (r.err || !seat_ok(s))
			return -EKEYREJECTED;
	}
	read_into(&r, h->seat_salt, 32);
	read_into(&r, h->blob_salt, 32);
	h->nv_index = mh_read_u32(&r);
	if (r.err || r.left < MH_HASH_LEN + MH_TAG_LEN)
		return -EKEYREJECTED;
	*len = blob.n - r.left;
	return 0;
}

/* Kseal and com of a Seat and a blob's salt */
static int derive(const u8 *blob_salt, const u8 *seat, u8 *kseal, u8 *com)
{
	const struct mh_buf ikm = MH_BUF(seat, MH_HASH_LEN), l1 = MH_L("seal"),
			    l2 = MH_L("seal commit");
	u8 prk[MH_HASH_LEN];
	int ret = mh_hkdf_extract(blob_salt, 32, &ikm, 1, prk);

	if (!ret)
		ret = mh_hkdf_expand(prk, &l1, 1, kseal, MH_KEY_LEN);
	if (!ret)
		ret = mh_hkdf_expand(prk, &l2, 1, com, MH_HASH_LEN);
	mh_wipe(prk, sizeof(prk));
	return ret;
}

static const u8 zero_nonce[MH_NONCE_LEN];

int mh_blob_seal(const struct mh_blob_header *h, const u8 seat[MH_HASH_LEN], struct mh_buf content,
		 u8 *out, size_t size)
{
	u8 kseal[MH_KEY_LEN], com[MH_HASH_LEN];
	struct mh_writer w;
	int ret;

	mh_writer_init(&w, out, size);
	write_header(&w, h);
	ret = derive(h->blob_salt, seat, kseal, com);
	mh_write_bytes(&w, com, sizeof(com));
	if (!ret && (w.err || content.n + MH_TAG_LEN > size - w.len))
		ret = -ENOSPC;
	if (!ret)
		ret = mh_aead_seal_once(kseal, zero_nonce, MH_BUF(out, w.len), content.p, content.n,
					out + w.len);
	mh_wipe(kseal, sizeof(kseal));
	mh_wipe(com, sizeof(com));
	return ret ? ret : (int)(w.len + content.n + MH_TAG_LEN);
}

int mh_blob_open(const u8 seat[MH_HASH_LEN], struct mh_buf blob, u8 *out)
{
	u8 kseal[MH_KEY_LEN], com[MH_HASH_LEN];
	struct mh_blob_header h;
	size_t len;
	int ret = mh_blob_parse(&h, blob, &len);

	if (ret)
		return ret;
	ret = derive(h.blob_salt, seat, kseal, com);
	if (!ret && !mh_ct_equal(com, blob.p + len, sizeof(com)))
		ret = -EKEYREJECTED;
	len += MH_HASH_LEN;
	if (!ret)
		ret = mh_aead_open_once(kseal, zero_nonce, MH_BUF(blob.p, len), blob.p + len,
					blob.n - len, out);
	if (ret && ret != -ENOMEM)	/* which says nothing about the Seat */
		ret = -EKEYREJECTED;
	mh_wipe(kseal, sizeof(kseal));
	mh_wipe(com, sizeof(com));
	return ret ? ret : (int)(blob.n - len - MH_TAG_LEN);
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Bounded reader and writer with a sticky error; see wire.h. */
#include "wire.h"

void mh_reader_init(struct mh_reader *r, const void *p, size_t n)
{
	r->p = p;
	r->left = n;
	r->err = 0;
}

struct mh_buf mh_read_bytes(struct mh_reader *r, size_t n)
{
	struct mh_buf b = { NULL, 0 };

	if (!r->err && n > r->left)
		r->err = -EBADMSG;
	if (r->err)
		return b;
	b = MH_BUF(r->p, n);
	r->p += n;
	r->left -= n;
	return b;
}

u8 mh_read_u8(struct mh_reader *r)
{
	struct mh_buf b = mh_read_bytes(r, 1);

	return b.n ? b.p[0] : 0;
}

u16 mh_read_u16(struct mh_reader *r)
{
	struct mh_buf b = mh_read_bytes(r, 2);

	return b.n ? mh_get16(b.p) : 0;
}

u32 mh_read_u32(struct mh_reader *r)
{
	struct mh_buf b = mh_read_bytes(r, 4);

	return b.n ? mh_get32(b.p) : 0;
}

u64 mh_read_u64(struct mh_reader *r)
{
	struct mh_buf b = mh_read_bytes(r, 8);

	return b.n ? mh_get64(b.p) : 0;
}

struct mh_buf mh_read_v(struct mh_reader *r, size_t max)
{
	u16 n = mh_read_u16(r);

	if (n > max && !r->err)
		r->err = -EBADMSG;
	return mh_read_bytes(r, n);
}

void mh_read_zero(struct mh_reader *r, size_t n)
{
	struct mh_buf b = mh_read_bytes(r, n);
	u8 any = 0;
	size_t i;

	for (i = 0; i < b.n; i++)
		any |= b.p[i];
	if (any)
		r->err = -EBADMSG;
}

int mh_read_end(const struct mh_reader *r)
{
	return r->err || r->left ? -EBADMSG : 0;
}

void mh_writer_init(struct mh_writer *w, void *p, size_t size)
{
	w->p = p;
	w->size = size;
	w->len = 0;
	w->err = 0;
}

void mh_write_bytes(struct mh_writer *w, const void *p, size_t n)
{
	if (!w->err && n > w->size - w->len)
		w->err = -ENOSPC;
	if (w->err || !n)
		return;
	memcpy(w->p + w->len, p, n);
	w->len += n;
}

void mh_write_zero(struct mh_writer *w, size_t n)
{
	if (!w->err && n > w->size - w->len)
		w->err = -ENOSPC;
	if (w->err)
		return;
	memset(w->p + w->len, 0, n);
	w->len += n;
}

void mh_write_u8(struct mh_writer *w, u8 v)
{
	mh_write_bytes(w, &v, 1);
}

void mh_write_u16(struct mh_writer *w, u16 v)
{
	u8 b[2];

	mh_put16(b, v);
	mh_write_bytes(w, b, sizeof(b));
}

void mh_write_u32(struct mh_writer *w, u32 v)
{
	u8 b[4];

	mh_put32(b, v);
	mh_write_bytes(w, b, sizeof(b));
}

void mh_write_u64(struct mh_writer *w, u64 v)
{
	u8 b[8];

	mh_put64(b, v);
	mh_write_bytes(w, b, sizeof(b));
}

void mh_write_v(struct mh_writer *w, const void *p, size_t n)
{
	if (n > 0xffff && !w->err)
		w->err = -ENOSPC;
	mh_write_u16(w, (u16)n);
	mh_write_bytes(w, p, n);
}

/* ---- TLV ---- */

bool mh_read_attr(struct mh_reader *r, u16 *last, struct mh_attr *a)
{
	u32 n;

	if (r->err || !r->left)
		return false;
	a->type = mh_read_u16(r);
	n = mh_read_u32(r);
	a->v = mh_read_bytes(r, n);
	if (!r->err && a->type <= *last)
		r->err = -EBADMSG;
	*last = a->type;
	return !r->err;
}

void mh_write_attr(struct mh_writer *w, u16 type, const void *p, size_t n)
{
	mh_write_u16(w, type);
	mh_write_u32(w, (u32)n);
	mh_write_bytes(w, p, n);
}

void __init mh_write_attr_u8(struct mh_writer *w, u16 type, u8 v)
{
	mh_write_attr(w, type, &v, 1);
}

void __init mh_write_attr_u32(struct mh_writer *w, u16 type, u32 v)
{
	u8 b[4];

	mh_put32(b, v);
	mh_write_attr(w, type, b, sizeof(b));
}

void __init mh_write_attr_u64(struct mh_writer *w, u16 type, u64 v)
{
	u8 b[8];

	mh_put64(b, v);
	mh_write_attr(w, type, b, sizeof(b));
}

/* ---- names ---- */

static bool name_char(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

struct mh_buf mh_text(const char *s)
{
	return MH_BUF(s, strlen(s));
}

bool mh_name_ok(struct mh_buf name)
{
	size_t i;

	if (!name.n || name.n > MH_NAME_MAX)
		return false;
	for (i = 0; i < name.n; i++)
		if (!name_char(name.p[i]))
			return false;
	return !(name.p[0] == '.' && (name.n == 1 || (name.n == 2 && name.p[1] == '.')));
}

bool mh_dataset_name_ok(struct mh_buf name)
{
	size_t at = 0, i;

	if (!name.n || name.n > MH_DATASET_MAX)
		return false;
	for (i = 0; i <= name.n; i++)
		if (i == name.n || name.p[i] == '/') {
			if (!mh_name_ok(MH_BUF(name.p + at, i - at)))
				return false;
			at = i + 1;
		}
	return true;
}

bool mh_buf_equal(struct mh_buf a, struct mh_buf b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

bool mh_all_zero(const u8 *p, size_t n)
{
	u8 any = 0;

	while (n--)
		any |= *p++;
	return !any;
}

int mh_written(const struct mh_writer *w)
{
	return w->err ? w->err : (int)w->len;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Seats of Trust, sealed blobs, and the ioctls that make, open, seal and show an identity. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include "audit.h"
#include "chardev.h"
#include "keytype.h"
#include "trust.h"

#define MH_BLOB_CONTENT	1	/* version */
#define MH_TRIES_FREE	5	/* wrong seats before the host makes its caller wait */
#define MH_TRY_WAIT_MS	250
#define MH_TRY_WAIT_MAX_MS 60000

/* ---- the Seat ---- */

static int mh_seat_hash(const struct mh_seat_constant *s, u8 c[MH_HASH_LEN])
{
	u8 *bytes;
	int ret;

	if (s->reserved || s->index > U8_MAX || s->type > MH_SEAT_OTHER || s->len < 32 ||
	    s->len > MH_UCONSTANT_MAX)
		return -EINVAL;
	bytes = memdup_user(u64_to_user_ptr(s->ptr), s->len);
	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	ret = mh_blob_constant(s->type, MH_BUF(bytes, s->len), c);
	kfree_sensitive(bytes);
	return ret;
}

struct mh_seats {
	unsigned int n;
	struct mh_seat_constant s[MH_USEATS_MAX];
	u8 c[MH_USEATS_MAX][MH_HASH_LEN];
};

static int mh_seats_take(struct mh_seats *seats, u64 ptr, u32 n)
{
	unsigned int i, j;
	int ret = 0;

	memset(seats, 0, sizeof(*seats));
	if (!n || n > MH_USEATS_MAX)
		return -EINVAL;
	if (copy_from_user(seats->s, u64_to_user_ptr(ptr), n * sizeof(*seats->s)))
		return -EFAULT;
	for (i = 0; i < n && !ret; i++) {
		ret = mh_seat_hash(&seats->s[i], seats->c[i]);
		for (j = 0; j < i; j++)
			if (seats->s[i].type == seats->s[j].type &&
			    seats->s[i].index == seats->s[j].index)
				ret = -EINVAL;
	}
	seats->n = n;
	return ret;
}

/* The constants in the header's order; what is missing is a wrong seat. */
static int mh_seats_open(const struct mh_seats *seats, const struct mh_blob_header *h, u8 seat[32])
{
	u8 c[MH_BLOB_SEATS][MH_HASH_LEN];
	unsigned int i, j;
	int ret = h->seats == seats->n ? 0 : -EKEYREJECTED;

	for (i = 0; i < h->seats && !ret; i++) {
		for (j = 0; j < seats->n; j++)
			if (h->seat[i].type == seats->s[j].type &&
			    h->seat[i].index == seats->s[j].index)
				break;
		if (j == seats->n)
			ret = -EKEYREJECTED;
		else
			memcpy(c[i], seats->c[j], MH_HASH_LEN);
	}
	if (!ret)
		ret = mh_blob_seat(h, (const u8 (*)[MH_HASH_LEN])c, seat);
	memzero_explicit(c, sizeof(c));
	return ret;
}

static int mh_seats_new(const struct mh_seats *seats, struct mh_identity *id)
{
	struct mh_blob_header *h = &id->header;
	unsigned int i;
	int ret;

	h->seats = seats->n;
	for (i = 0; i < seats->n; i++) {
		h->seat[i].type = seats->s[i].type;
		h->seat[i].index = seats->s[i].index;
	}
	ret = mh_random(h->seat_salt, sizeof(h->seat_salt));
	return ret ?: mh_blob_seat(h, seats->c, id->seat);
}

/* ---- making ---- */

/* once: the public half of a one-time key, which stands for keys that are secrets */
static int mh_entity_request(struct mh_identity *id, const u8 once[32])
{
	const bool pair = id->kei_kind == MH_KIND_PAIR;
	static const char evidence[] = "kernel";
	struct mh_join_request m = {
		.version = MH_STMT_VERSION, .nonce = id->request_nonce,
		.name = mh_text(id->name),
		.kei_kind = id->kei_kind,
		.kei = pair ? MH_BUF(id->kei_pub, sizeof(id->kei_pub)) : MH_BUF(once, 32),
		.kes = id->kes_pub,
		.kec_kind = id->kec_kind,
		.kec = MH_BUF(id->kec_kind == MH_KIND_PAIR ? id->kec_pub : once, 32),
		.evidence = MH_BUF(evidence, sizeof(evidence) - 1),
	};
	u8 digest[MH_HASH_LEN];
	int n, ret;

	n = mh_join_request_encode(&m, id->request, sizeof(id->request) - 2 * MH_SIG_LEN);
	if (n < 0)
		return n;
	ret = mh_join_request_digest(MH_BUF(id->request, n), digest);
	if (!ret && pair)
		ret = mh_p256_sign(id->kei, digest, id->request + n);
	if (!ret)
		ret = mh_p256_sign(id->kes, digest, id->request + n + MH_SIG_LEN);
	id->request_len = n + 2 * MH_SIG_LEN;
	return ret;
}

static int mh_entity_keys(struct mh_identity *id)
{
	u8 once[32];
	int ret = mh_random(id->request_nonce, sizeof(id->request_nonce));

	if (!ret)	/* of no use where both are pairs */
		ret = mh_random(id->kei, sizeof(id->kei));
	if (!ret)
		ret = mh_x25519_public(once, id->kei);
	if (!ret && id->kec_kind == MH_KIND_SECRET)
		memcpy(id->kec, id->kei, sizeof(id->kec));
	else if (!ret)
		ret = mh_random(id->kec, sizeof(id->kec));
	if (!ret && id->kei_kind == MH_KIND_PAIR)
		ret = mh_p256_generate(id->kei, id->kei_pub);
	if (!ret)
		ret = mh_p256_generate(id->kes, id->kes_pub);
	if (!ret)
		ret = mh_x25519_public(id->kec_pub, id->kec);
	return ret ?: mh_entity_request(id, once);
}

static int mh_entity_owner(struct mh_identity *id, u32 uid, u32 gid)
{
	id->uid = make_kuid(&init_user_ns, uid);
	id->gid = make_kgid(&init_user_ns, gid);
	return uid_valid(id->uid) && gid_valid(id->gid) ? 0 : -EINVAL;
}

/* Publishes it and makes its key. */
static int mh_entity_finish(struct mh_identity *id)
{
	int ret = mh_random(id->incarnation, sizeof(id->incarnation));

	if (!ret)
		ret = mh_identity_publish(id);
	return ret ?: mh_identity_add_key(id);
}

int mh_entity_ioc_init(struct file *file, struct mh_init *a)
{
	struct mh_identity *id;
	struct mh_seats *seats;
	int ret;

	if (a->flags & ~(MH_INIT_KEI_SECRET | MH_INIT_KEC_SECRET) ||
	    memchr_inv(a->reserved, 0, sizeof(a->reserved)) ||
	    strnlen(a->name, sizeof(a->name)) == sizeof(a->name) ||
	    !mh_name_ok(mh_text(a->name)))
		return -EINVAL;
	seats = kmalloc(sizeof(*seats), GFP_KERNEL_ACCOUNT);
	id = mh_identity_alloc();
	ret = -ENOMEM;
	if (!seats || !id)
		goto out;
	strscpy(id->name, a->name, sizeof(id->name));
	id->generation = 1;
	id->kei_kind = a->flags & MH_INIT_KEI_SECRET ? MH_KIND_SECRET : MH_KIND_PAIR;
	id->kec_kind = a->flags & MH_INIT_KEC_SECRET ? MH_KIND_SECRET : MH_KIND_PAIR;
	ret = mh_entity_owner(id, a->uid, a->gid);
	if (!ret)
		ret = mh_seats_take(seats, a->seats, a->nseats);
	if (!ret)
		ret = mh_seats_new(seats, id);
	if (!ret)
		ret = mh_entity_keys(id);
	if (!ret)
		ret = mh_entity_finish(id);
	if (ret > 0) {
		a->serial = ret;
		ret = 0;
	}
out:
	kfree_sensitive(seats);
	if (id)
		mh_identity_put(id);
	return ret;
}

/* ---- sealing ---- */

/*
 * content = u8 version || v(name) || u8 Kei kind || u8 Kec kind || Kei 32 || Kes 32 || Kec 32
 *   || nonce 32 || v(request) || u64 generation || u8 joined || joined: v(label) || region_id 32
 *   || u64 ENTITY serial || v(addresses) || trust (trust_seal.c)
 */
static void mh_entity_write(struct mh_identity *id, struct mh_writer *w, u64 *generation)
{
	bool joined;

	mutex_lock(&id->lock);
	joined = id->joined;
	*generation = id->generation;
	if (id->dead)
		w->err = -EKEYREVOKED;
	mh_write_u8(w, MH_BLOB_CONTENT);
	mh_write_v(w, id->name, strlen(id->name));
	mh_write_u8(w, id->kei_kind);
	mh_write_u8(w, id->kec_kind);
	mh_write_bytes(w, id->kei, 32);
	mh_write_bytes(w, id->kes, 32);
	mh_write_bytes(w, id->kec, 32);
	mh_write_bytes(w, id->request_nonce, 32);
	mh_write_v(w, id->request, id->request_len);
	mh_write_u64(w, id->generation);
	mh_write_u8(w, joined);
	if (joined) {
		mh_write_v(w, id->region, strlen(id->region));
		mh_write_bytes(w, id->region_id, 32);
		mh_write_u64(w, id->entity_serial);
		mh_write_v(w, id->addresses, id->addresses ? strlen(id->addresses) : 0);
	}
	mutex_unlock(&id->lock);
	if (joined)
		mh_trust_write(id->trust, w);
}

static int mh_entity_seal(struct mh_identity *id, struct mh_buf content, u8 *out, size_t size)
{
	struct mh_blob_header h;
	u8 seat[32];
	int ret;

	mutex_lock(&id->lock);
	h = id->header;
	memcpy(seat, id->seat, sizeof(seat));
	ret = id->dead ? -EKEYREVOKED : 0;
	mutex_unlock(&id->lock);
	if (!ret)
		ret = mh_random(h.blob_salt, sizeof(h.blob_salt));
	if (!ret)
		ret = mh_blob_seal(&h, seat, content, out, size);
	memzero_explicit(seat, sizeof(seat));
	return ret;
}

static int mh_entity_blob(struct mh_identity *id, struct mh_blob_io *a)
{
	size_t room = 4096;
	struct mh_writer w;
	u8 *content, *out;
	int ret;

	for (;; room *= 4) {
		content = kvzalloc(room, GFP_KERNEL_ACCOUNT);
		if (!content)
			return -ENOMEM;
		mh_writer_init(&w, content, room);
		mh_entity_write(id, &w, &a->generation);
		if (w.err != -ENOSPC || room >= MH_UBLOB_MAX)
			break;
		kvfree_sensitive(content, room);
	}
	out = kvmalloc(room + MH_BLOB_OVERHEAD, GFP_KERNEL_ACCOUNT);
	ret = w.err ?: out ? 0 : -ENOMEM;
	if (!ret)
		ret = mh_entity_seal(id, MH_BUF(content, w.len), out, room + MH_BLOB_OVERHEAD);
	kvfree_sensitive(content, room);
	if (ret > 0) {
		u32 len = a->len;

		a->len = ret;
		if (len < (u32)ret)
			ret = -ENOSPC;
		else
			ret = copy_to_user(u64_to_user_ptr(a->buf), out, ret) ? -EFAULT : 0;
	}
	kvfree(out);
	return ret;
}

int mh_entity_ioc_blob(struct file *file, struct mh_blob_io *a)
{
	struct mh_identity *id;
	int ret;

	if (a->reserved)
		return -EINVAL;
	id = mh_keytype_identity_any(a->serial);
	if (IS_ERR(id))
		return PTR_ERR(id);
	ret = mh_entity_blob(id, a);
	mh_identity_put(id);
	return ret;
}

int mh_entity_ioc_blob_ack(struct file *file, struct mh_blob_io *a)
{
	struct mh_identity *id;
	int ret = 0;

	if (a->reserved)
		return -EINVAL;
	id = mh_keytype_identity_any(a->serial);
	if (IS_ERR(id))
		return PTR_ERR(id);
	mutex_lock(&id->lock);
	if (a->generation > id->generation)
		ret = -EINVAL;
	else if (a->generation > id->sealed)
		id->sealed = a->generation;
	mutex_unlock(&id->lock);
	mh_identity_put(id);
	return ret;
}

int mh_entity_ioc_request(struct file *file, struct mh_request_io *a)
{
	struct mh_identity *id;
	u32 len = a->len;
	int ret = 0;

	if (a->reserved)
		return -EINVAL;
	id = mh_keytype_identity_any(a->serial);
	if (IS_ERR(id))
		return PTR_ERR(id);
	a->len = id->request_len;
	if (READ_ONCE(id->joined))
		ret = -EINVAL;
	else if (len < id->request_len)
		ret = -ENOSPC;
	else if (copy_to_user(u64_to_user_ptr(a->buf), id->request, id->request_len))
		ret = -EFAULT;
	mh_identity_put(id);
	return ret;
}

/* ---- opening ---- */

static void mh_read_copy(struct mh_reader *r, void *out, size_t n)
{
	struct mh_buf b = mh_read_bytes(r, n);

	if (b.p)
		memcpy(out, b.p, n);
}

/* out has room for max bytes and a NUL */
static size_t mh_read_text(struct mh_reader *r, void *out, size_t max)
{
	struct mh_buf b = mh_read_v(r, max);

	if (b.p)
		memcpy(out, b.p, b.n);
	return b.n;
}

static int mh_entity_read_region(struct mh_identity *id, struct mh_reader *r)
{
	struct mh_buf b;
	int ret;

	mh_read_text(r, id->region, MH_NAME_MAX);
	mh_read_copy(r, id->region_id, 32);
	id->entity_serial = mh_read_u64(r);
	b = mh_read_v(r, 4096);
	if (r->err)
		return r->err;
	id->addresses = kmemdup_nul((const char *)b.p, b.n, GFP_KERNEL_ACCOUNT);
	id->trust = mh_trust_new();
	if (!id->addresses || !id->trust)
		return -ENOMEM;
	memcpy(id->trust->region, id->region_id, 32);
	mh_ctx_entity(id->region_id, mh_text(id->name), id->ecx);
	ret = mh_trust_read(id->trust, r);
	id->joined = !ret;
	return ret;
}

static int mh_entity_read(struct mh_identity *id, struct mh_buf content)
{
	struct mh_reader r;
	u8 joined;
	int ret = 0;

	mh_reader_init(&r, content.p, content.n);
	if (mh_read_u8(&r) != MH_BLOB_CONTENT)
		return -EPROTONOSUPPORT;
	mh_read_text(&r, id->name, MH_NAME_MAX);
	id->kei_kind = mh_read_u8(&r);
	id->kec_kind = mh_read_u8(&r);
	mh_read_copy(&r, id->kei, 32);
	mh_read_copy(&r, id->kes, 32);
	mh_read_copy(&r, id->kec, 32);
	mh_read_copy(&r, id->request_nonce, 32);
	id->request_len = mh_read_text(&r, id->request, sizeof(id->request));
	id->generation = mh_read_u64(&r);
	id->sealed = id->generation;
	joined = mh_read_u8(&r);
	if (!r.err && joined)
		ret = mh_entity_read_region(id, &r);
	if (!ret)
		ret = mh_read_end(&r);
	if (!ret && id->kei_kind == MH_KIND_PAIR)
		ret = mh_p256_public(id->kei_pub, id->kei);
	if (!ret)
		ret = mh_p256_public(id->kes_pub, id->kes);
	return ret ?: mh_x25519_public(id->kec_pub, id->kec);
}

static int mh_entity_open(struct mh_identity *id, const struct mh_seats *seats, struct mh_buf blob)
{
	u8 *content;
	size_t len;
	int ret;

	ret = mh_blob_parse(&id->header, blob, &len);
	if (!ret)
		ret = mh_seats_open(seats, &id->header, id->seat);
	if (ret)
		return ret;
	content = kvmalloc(blob.n, GFP_KERNEL_ACCOUNT);
	if (!content)
		return -ENOMEM;
	ret = mh_blob_open(id->seat, blob, content);
	if (ret >= 0)
		ret = mh_entity_read(id, MH_BUF(content, ret));
	kvfree_sensitive(content, blob.n);
	return ret && ret != -ENOMEM ? -EKEYREJECTED : ret;
}

/* The throttle is the host's, not the blob's. */
static DEFINE_MUTEX(mh_try_lock);
static unsigned int mh_tries;	/* wrong ones in a row; mh_try_lock */
static u64 mh_try_after;	/* boot time, ms; mh_try_lock */

static int mh_entity_try(struct mh_identity *id, const struct mh_seats *seats, struct mh_buf blob,
			 u32 *wait_ms)
{
	u64 now, wait;
	int ret;

	mutex_lock(&mh_try_lock);
	now = ktime_to_ms(ktime_get_boottime());
	if (now < mh_try_after) {
		*wait_ms = mh_try_after - now;
		mutex_unlock(&mh_try_lock);
		return -EBUSY;
	}
	ret = mh_entity_open(id, seats, blob);
	if (!ret) {
		mh_tries = 0;
	} else if (ret == -EKEYREJECTED && ++mh_tries >= MH_TRIES_FREE) {
		wait = (u64)MH_TRY_WAIT_MS << min(mh_tries - MH_TRIES_FREE, 10u);
		mh_try_after = now + min_t(u64, wait, MH_TRY_WAIT_MAX_MS);
	}
	mutex_unlock(&mh_try_lock);
	if (ret == -EKEYREJECTED)
		mh_audit("unlock", "blob", false);
	return ret;
}

int mh_entity_ioc_unlock(struct file *file, struct mh_unlock *a)
{
	struct mh_identity *id;
	struct mh_seats *seats;
	u8 *blob = NULL;
	int ret;

	if (a->flags || !a->len || a->len > MH_UBLOB_MAX)
		return -EINVAL;
	seats = kmalloc(sizeof(*seats), GFP_KERNEL_ACCOUNT);
	id = mh_identity_alloc();
	ret = -ENOMEM;
	if (!seats || !id)
		goto out;
	ret = mh_entity_owner(id, a->uid, a->gid);
	if (!ret)
		ret = mh_seats_take(seats, a->seats, a->nseats);
	if (ret)
		goto out;
	blob = vmemdup_user(u64_to_user_ptr(a->blob), a->len);
	if (IS_ERR(blob)) {
		ret = PTR_ERR(blob);
		blob = NULL;
		goto out;
	}
	ret = mh_entity_try(id, seats, MH_BUF(blob, a->len), &a->wait_ms);
	if (!ret)
		ret = mh_entity_finish(id);
	if (ret > 0) {
		a->serial = ret;
		ret = 0;
	}
out:
	kvfree(blob);
	kfree_sensitive(seats);
	if (id)
		mh_identity_put(id);
	return ret;
}

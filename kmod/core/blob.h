/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The sealed blob (PROTOCOL 9):
 *
 *	blob   = header || com 32 || AES-256-GCM(Kseal, zero nonce, AD = header || com)
 *	header = "MHSB" || u8 version || u8 n || n * seat || seat_salt 32 || blob_salt 32 || u32
 *		NV index
 *	seat   = u8 type || u8 index || salt 16 || u32 m (KiB) || u32 t || u32 p                m,
 *		t, p zero but for a PIN
 *	Seat   = HKDF-Extract(seat_salt, for each seat: u8 type || u8 index || c_i)
 *
 * com is compared first, in constant time: one error, -EKEYREJECTED, for
 * everything that is wrong with blob or seat.
 */
#ifndef MH_CORE_BLOB_H
#define MH_CORE_BLOB_H

#include "wire.h"
#include "crypto.h"

#define MH_BLOB_SEATS	8
#define MH_BLOB_SEAT_LEN 30
#define MH_BLOB_HEADER_MAX (6 + MH_BLOB_SEATS * MH_BLOB_SEAT_LEN + 68)
#define MH_BLOB_OVERHEAD (MH_BLOB_HEADER_MAX + MH_HASH_LEN + MH_TAG_LEN)

struct mh_blob_seat {
	u8 type;	/* 1 file, 2 TPM, 3 PIN, 4 kernel key, 5 other */
	u8 index;
	u8 salt[16];
	u32 m, t, p;	/* PIN: m <= 1 GiB, t <= 64, p <= 16 */
};

struct mh_blob_header {
	u8 seats;
	struct mh_blob_seat seat[MH_BLOB_SEATS];
	u8 seat_salt[32], blob_salt[32];
	u32 nv_index;
};

/*
 * c_i of a file, kernel key or other constant: H(L("seat ...") || bytes). -EINVAL for another
 * type
 */
int mh_blob_constant(u8 type, struct mh_buf bytes, u8 c[MH_HASH_LEN]);
int mh_blob_seat(const struct mh_blob_header *h, const u8 (*c)[MH_HASH_LEN], u8 seat[MH_HASH_LEN]);
/* -EKEYREJECTED; *len is the header's length */
int mh_blob_parse(struct mh_blob_header *h, struct mh_buf blob, size_t *len);
/* Length, or -ENOSPC. h->blob_salt is fresh, made by the caller. */
int mh_blob_seal(const struct mh_blob_header *h, const u8 seat[MH_HASH_LEN], struct mh_buf content,
		 u8 *out, size_t size);
/* Content into out (blob.n bytes of room); length or -EKEYREJECTED */
int mh_blob_open(const u8 seat[MH_HASH_LEN], struct mh_buf blob, u8 *out);

#endif

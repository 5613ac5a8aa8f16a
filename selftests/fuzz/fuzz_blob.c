// SPDX-License-Identifier: MIT
/*
 * Sealed blobs, of which header and content are the input: what parses is
 * bounded and sealed again has the same header, opens under its own Seat, and
 * not when a bit of it is otherwise.  A blob as it comes opens under no Seat here.
 */
#include "core/blob.h"
#include "fuzz.h"

static u8 sealed[1 << 16], out[1 << 16];

static void again(const struct mh_blob_header *h, struct mh_buf blob, size_t len)
{
	const struct mh_buf content = MH_BUF(blob.p + len, blob.n - len);
	u8 c[MH_BLOB_SEATS][MH_HASH_LEN], seat[MH_HASH_LEN];
	int n, at;

	memset(c, 0x5a, sizeof(c));
	must(!mh_blob_seat(h, (const u8 (*)[MH_HASH_LEN])c, seat));
	must(mh_blob_open(seat, blob, out) == -EKEYREJECTED);
	n = mh_blob_seal(h, seat, content, sealed, sizeof(sealed));
	must(n == (int)(blob.n + MH_HASH_LEN + MH_TAG_LEN));
	must(!memcmp(sealed, blob.p, len));
	must(mh_blob_open(seat, MH_BUF(sealed, n), out) == (int)content.n);
	must(!memcmp(out, content.p, content.n));
	at = content.p[0] * 256 + content.p[1];
	sealed[at % n] ^= (u8)(1 << (content.p[2] & 7));
	must(mh_blob_open(seat, MH_BUF(sealed, n), out) == -EKEYREJECTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mh_buf blob = MH_BUF(data, size);
	struct mh_blob_header h;
	size_t len = 0;
	int ret;

	if (size + MH_BLOB_OVERHEAD > sizeof(sealed))
		return 0;
	ret = mh_blob_parse(&h, blob, &len);
	must(!ret || ret == -EKEYREJECTED);
	if (ret)
		return 0;
	must(h.seats && h.seats <= MH_BLOB_SEATS && len + MH_HASH_LEN + MH_TAG_LEN <= size);
	for (u8 i = 0; i < h.seats; i++)
		must(h.seat[i].m <= 1 << 20 && h.seat[i].t <= 64 && h.seat[i].p <= 16);
	again(&h, blob, len);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Every decoder of messages.c; enrol.c has fuzz_enrol. What decodes encodes to the same bytes. */
#include "core/messages.h"
#include "fuzz.h"

static u8 out[MH_FRAME_MAX];

static void same(int n, struct mh_buf in)
{
	if (n < 0 || (size_t)n != in.n || memcmp(out, in.p, in.n))
		abort();
}

static void handshake(u8 which, struct mh_buf in)
{
	struct mh_p1 p1;
	struct mh_idr idr;
	struct mh_idi idi;
	u8 kind;
	u32 len;

	if (which == 0 && in.n >= MH_FRAME_HEADER && !mh_frame_parse(in.p, &kind, &len)) {
		mh_frame_header(out, kind, len);
		same(MH_FRAME_HEADER, MH_BUF(in.p, MH_FRAME_HEADER));
	}
	if (which == 1 && !mh_p1_decode(&p1, in))
		same(mh_p1_encode(&p1, out, sizeof(out)), in);
	if (which == 2 && !mh_idr_decode(&idr, in))
		same(mh_idr_encode(&idr, out, sizeof(out)), in);
	if (which == 3 && in.n == MH_IDI_LEN && !mh_idi_decode(&idi, in.p))
		same(mh_idi_encode(&idi, out), in);
}

static void records(u8 which, struct mh_buf in)
{
	struct mh_record_hdr rec;
	struct mh_request q;
	struct mh_done done;
	struct mh_refused refused;

	if (which == 4 && !mh_record_decode(&rec, in)) {
		mh_record_begin(out, rec.type, rec.request);
		same(MH_RECORD_HEADER, MH_BUF(in.p, MH_RECORD_HEADER));
	}
	if (which == 5 && !mh_request_decode(&q, in))
		same(mh_request_encode(&q, out, sizeof(out)), in);
	if (which == 6 && !mh_done_decode(&done, in) && in.n != 36)
		abort();
	if (which == 7 && !mh_refused_decode(&refused, in) && in.n != 6)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	handshake(data[0] % 8, MH_BUF(data + 1, size - 1));
	records(data[0] % 8, MH_BUF(data + 1, size - 1));
	return 0;
}

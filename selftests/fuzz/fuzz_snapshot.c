// SPDX-License-Identifier: MIT
/*
 * A Region's snapshot; and any request to it: as many of the last bytes as the very last says.
 * What is in it is found by its name.
 */
#include "core/messages.h"
#include "lib/snapshot.h"
#include "fuzz.h"

static void ask(const struct mh_snapshot *s, u8 op, struct mh_buf body)
{
	struct mh_bytes reply;
	u8 status = 0xff;
	int ret = mh_snapshot_call(s, op, body, 1800000001, &status, &reply);

	must(!ret || ret == -EOPNOTSUPP);
	must(ret || (status <= MH_ADMIN_FAILED && !reply.p[reply.n]));
	mh_bytes_free(&reply);
}

/* Each is found by its own name */
static void found(const struct mh_snapshot *s)
{
	for (u32 i = 0; i < s->entries; i++) {
		const struct mh_stmt *st = &s->entry[i].s;
		u8 body[32 + 1 + 2 + MH_SUBJECT_MAX], status;
		struct mh_bytes reply;
		struct mh_writer w;

		mh_writer_init(&w, body, sizeof(body));
		mh_write_bytes(&w, s->region, 32);
		mh_write_u8(&w, st->type);
		mh_write_v(&w, st->subject.p, st->subject.n);
		must(!w.err);
		must(!mh_snapshot_call(s, MH_ADMIN_GET, MH_BUF(body, w.len), 0, &status, &reply));
		must(!status && reply.n == 4 + st->bytes.n &&
		     !memcmp(reply.p + 4, st->bytes.p, st->bytes.n));
		mh_bytes_free(&reply);
		ask(s, MH_ADMIN_ENTITLED, MH_BUF(body, w.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mh_snapshot s;
	struct mh_bytes b;
	size_t tail = size > 600 ? data[size - 1] : 0;
	int ret;

	must(!mh_bytes_copy(&b, data, size - tail));
	ret = mh_snapshot_decode(&s, &b);
	must(!ret || ret == -EBADMSG || ret == -EPROTONOSUPPORT);
	must(!b.p);
	if (ret)
		return 0;
	found(&s);
	for (u8 op = 0; op < MH_ADMIN_ENTITLED + 2; op++)
		ask(&s, op, MH_BUF(data + size - tail, tail));
	mh_snapshot_free(&s);
	return 0;
}

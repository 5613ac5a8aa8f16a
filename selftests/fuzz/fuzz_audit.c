// SPDX-License-Identifier: MIT
/* Audit records and checkpoints, as stores hold and servers send them: what decodes encodes so. */
#include "lib/audit_record.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mh_buf in = MH_BUF(data, size);
	u8 out[MH_AUDIT_RECORD_MAX + 64], key[64] = { 4 };
	struct mh_audit_record r;
	struct mh_audit_checkpoint c;

	if (!mh_audit_record_decode(&r, in)) {
		must(size <= MH_AUDIT_RECORD_MAX && !r.idi == !r.authi);
		must(mh_audit_record_encode(&r, out, sizeof(out)) == (int)size);
		must(!memcmp(out, data, size));
		must(mh_audit_event_name(r.event) && mh_audit_outcome_name(r.outcome));
	}
	if (!mh_audit_checkpoint_decode(&c, in)) {
		must(size == MH_AUDIT_CHECKPOINT_LEN);
		mh_audit_checkpoint_encode(&c, out);
		must(!memcmp(out, data, size));
	}
	must(mh_audit_checkpoint_verify(in, key));
	return 0;
}

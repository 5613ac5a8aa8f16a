// SPDX-License-Identifier: MIT
/* The fuzzers' seeds of proposals and snapshots: gen_proposal SEEDS */
#include "lib/util.h"
#include "selftests/unit/prop_world.h"

int main(int argc, char **argv)
{
	static struct sw w;
	static u8 snapshot[1 << 16];
	char path[256];

	if (argc != 2)
		return 2;
	sw_make(&w);
	for (enum pw_id id = 0; id < PW_PROPOSALS; id++)
		for (int is_signed = 0; is_signed < 2; is_signed++) {
			struct mh_proposal p;
			struct mh_bytes b;

			pw_make(&p, &w, id);
			if (is_signed)
				pw_sign_all(&p, &w, id);
			sw_must(mh_proposal_encode(&p, &b));
			snprintf(path, sizeof(path), "%s/proposal/%s%s", argv[1], pw_names[id],
				 is_signed ? "_signed" : "");
			sw_must(mh_file_write(path, b.p, b.n, 0644));
			mh_bytes_free(&b);
			mh_proposal_free(&p);
		}
	snprintf(path, sizeof(path), "%s/snapshot/region", argv[1]);
	sw_must(mh_file_write(path, snapshot, pw_snapshot(&w, pw_shown, ARRAY_SIZE(pw_shown),
							  snapshot, sizeof(snapshot)), 0644));
	return 0;
}

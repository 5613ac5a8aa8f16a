// SPDX-License-Identifier: MIT
/* The fuzzer's seeds of proposals: gen_proposal DIRECTORY */
#include "lib/util.h"
#include "selftests/unit/prop_world.h"

int main(int argc, char **argv)
{
	static struct sw w;

	if (argc != 2)
		return 2;
	sw_make(&w);
	for (enum pw_id id = 0; id < PW_PROPOSALS; id++)
		for (int is_signed = 0; is_signed < 2; is_signed++) {
			struct mh_proposal p;
			struct mh_bytes b;
			char path[256];

			pw_make(&p, &w, id);
			if (is_signed)
				pw_sign_all(&p, &w, id);
			sw_must(mh_proposal_encode(&p, &b));
			snprintf(path, sizeof(path), "%s/%s%s", argv[1], pw_names[id],
				 is_signed ? "_signed" : "");
			sw_must(mh_file_write(path, b.p, b.n, 0644));
			mh_bytes_free(&b);
			mh_proposal_free(&p);
		}
	return 0;
}

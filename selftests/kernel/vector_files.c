// SPDX-License-Identifier: MIT
/* vector_files DIRECTORY: blobs and bundles of the vectors, and the Regions' fingerprints */
#include <stdio.h>
#include "core/messages.h"
#include "lib/code.h"
#include "core/vectors/blob.h"
#include "core/vectors/enrol.h"

static int put(const char *dir, const char *name, const char *ext, const void *p, size_t n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, ext);
	f = fopen(path, "wb");
	return !f || fwrite(p, 1, n, f) != n || fclose(f);
}

int main(int argc, char **argv)
{
	char text[MH_CODE_TEXT];
	int bad = card_bytes[0] != 'M' || card_hash[0] == card_hash[1];

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(mh_blob_vectors); i++) {
		const struct mh_blob_vector *v = &mh_blob_vectors[i];

		bad |= put(argv[1], v->name, "blob", v->blob.p, v->blob.n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(mh_bundle_vectors); i++) {
		const struct mh_bundle_vector *v = &mh_bundle_vectors[i];

		bad |= put(argv[1], v->name, "bundle", v->bundle.p, v->bundle.n);
		bad |= put(argv[1], v->name, "region", v->fingerprint, strlen(v->fingerprint));
	}
	mh_code_text(join_code, text);
	bad |= join_once[0] == join_once[1] || put(argv[1], "code", "text", text, strlen(text));
	bad |= put(argv[1], "pair", "request", mh_join_vectors[0].request.p,
		   mh_join_vectors[0].request.n);
	return bad;
}

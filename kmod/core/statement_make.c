// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Statements made, Merkle batches (RFC 6962 2.1), contexts (PROTOCOL 1), fingerprints. */
#include "statement.h"

void __init mh_stmt_begin(struct mh_writer *w, u8 type, const u8 region[32], const u8 signer[32],
			  struct mh_buf subject, u64 serial, u64 issued, u64 not_before,
			  u64 not_after)
{
	const u8 version_type[2] = { MH_STMT_VERSION, type };

	mh_write_attr(w, MH_A_TYPE, version_type, 2);
	mh_write_attr(w, MH_A_REGION, region, 32);
	mh_write_attr(w, MH_A_SIGNER, signer, 32);
	mh_write_attr(w, MH_A_SUBJECT, subject.p, subject.n);
	mh_write_attr_u64(w, MH_A_SERIAL, serial);
	mh_write_attr_u64(w, MH_A_ISSUED, issued);
	mh_write_attr_u64(w, MH_A_NOT_BEFORE, not_before);
	mh_write_attr_u64(w, MH_A_NOT_AFTER, not_after);
	mh_write_attr_u32(w, MH_A_FEATURES, 0);
}

void mh_stmt_leaf(struct mh_buf body, u8 leaf[MH_HASH_LEN])
{
	const u8 zero = 0;
	const struct mh_buf v[] = { MH_BUF(&zero, 1), body };

	mh_sha256v(leaf, v, 2);
}

void mh_stmt_digest(const u8 root[MH_HASH_LEN], u8 digest[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("statement"), MH_BUF(root, MH_HASH_LEN) };

	mh_sha256v(digest, v, 2);
}

static void node(const u8 *l, const u8 *r, u8 out[MH_HASH_LEN])
{
	const u8 one = 1;
	const struct mh_buf v[] = { MH_BUF(&one, 1), MH_BUF(l, MH_HASH_LEN),
				    MH_BUF(r, MH_HASH_LEN) };

	mh_sha256v(out, v, 3);
}

/* Complete subtrees of the leaves so far, as a binary counter; folded from the right at the end. */
int __init mh_merkle_root(const u8 (*leaves)[MH_HASH_LEN], u32 n, u8 root[MH_HASH_LEN])
{
	u8 stack[MH_STMT_PATH_MAX + 1][MH_HASH_LEN];
	u32 i, k;
	int top = 0;

	if (!n || n > (1u << MH_STMT_PATH_MAX))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		memcpy(stack[top++], leaves[i], MH_HASH_LEN);
		for (k = i + 1; !(k & 1); k >>= 1) {
			node(stack[top - 2], stack[top - 1], stack[top - 2]);
			top--;
		}
	}
	while (top > 1) {
		node(stack[top - 2], stack[top - 1], stack[top - 2]);
		top--;
	}
	memcpy(root, stack[0], MH_HASH_LEN);
	return 0;
}

int __init mh_merkle_path(const u8 (*leaves)[MH_HASH_LEN], u32 n, u32 i, u8 (*path)[MH_HASH_LEN])
{
	u8 down[MH_STMT_PATH_MAX][MH_HASH_LEN];
	int len = 0, j;

	if (!n || i >= n || n > (1u << MH_STMT_PATH_MAX))
		return -EINVAL;
	while (n > 1) {		/* from the root down: the sibling at each split */
		u32 k = 1;

		while (k * 2 < n)
			k *= 2;
		if (i < k) {
			mh_merkle_root(leaves + k, n - k, down[len++]);
			n = k;
		} else {
			mh_merkle_root(leaves, k, down[len++]);
			leaves += k;
			i -= k;
			n -= k;
		}
	}
	for (j = 0; j < len; j++)
		memcpy(path[j], down[len - 1 - j], MH_HASH_LEN);
	return len;
}

void __init mh_stmt_write_head(struct mh_writer *w, struct mh_buf body, u32 index, u32 size,
			       const u8 (*path)[MH_HASH_LEN], u8 n)
{
	mh_write_v(w, body.p, body.n);
	mh_write_u8(w, n);
	if (!n)
		return;
	mh_write_u32(w, index);
	mh_write_u32(w, size);
	mh_write_bytes(w, path, (size_t)n * MH_HASH_LEN);
}

/* ---- contexts ---- */

void mh_region_id(struct mh_buf genesis_body, u8 out[MH_HASH_LEN])
{
	const struct mh_buf v[] = { MH_L("region"), genesis_body };

	mh_sha256v(out, v, 2);
}

/* H(label || region_id || v(name) || tail) */
static void context(struct mh_buf label, const u8 *region, struct mh_buf name, struct mh_buf tail,
		    u8 out[MH_HASH_LEN])
{
	u8 len[2];
	const struct mh_buf v[] = { label, MH_BUF(region, 32), MH_BUF(len, 2), name, tail };

	mh_put16(len, (u16)name.n);
	mh_sha256v(out, v, ARRAY_SIZE(v));
}

void mh_ctx_entity(const u8 region[32], struct mh_buf name, u8 ecx[MH_HASH_LEN])
{
	context(MH_L("entity"), region, name, MH_BUF(NULL, 0), ecx);
}

void mh_ctx_epoch(const u8 region[32], struct mh_buf group, u64 epoch, u8 gcx[MH_HASH_LEN])
{
	u8 tail[8];

	mh_put64(tail, epoch);
	context(MH_L("epoch"), region, group, MH_BUF(tail, sizeof(tail)), gcx);
}

void mh_ctx_instance(const u8 region[32], struct mh_buf dataset, u64 version, u8 mode, u8 kind,
		     u8 stream_alg, const u8 random[32], u8 icx[MH_HASH_LEN])
{
	u8 tail[8 + 3 + 32];

	mh_put64(tail, version);
	tail[8] = mode;
	tail[9] = kind;
	tail[10] = stream_alg;
	memcpy(tail + 11, random, 32);
	context(MH_L("instance"), region, dataset, MH_BUF(tail, sizeof(tail)), icx);
}

void mh_ctx_sp2(const u8 region[32], struct mh_buf sp2_name, u8 x[MH_HASH_LEN])
{
	context(MH_L("sp2"), region, sp2_name, MH_BUF(NULL, 0), x);
}

void __init mh_base32(const u8 *bytes, unsigned int n, char *out)
{
	static const char digit[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned int bits = 0, have = 0, i;

	for (i = 0; i < n; i++) {
		if (have < 5) {
			bits = bits << 8 | *bytes++;
			have += 8;
		}
		have -= 5;
		*out++ = digit[bits >> have & 31];
		if (i % 4 == 3 && i + 1 < n)
			*out++ = '-';
	}
	*out = 0;
}

void __init mh_fingerprint(const u8 hash[MH_HASH_LEN], char out[MH_FINGERPRINT_LEN])
{
	mh_base32(hash, 20, out);
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * SP1's side of one REQUEST as a state machine over records (PROTOCOL 3 and
 * 5.2): MANIFEST, STATEMENT*, WRAP*, CHUNK*, DONE; or UNCHANGED; or REFUSED.
 * It checks order, counts, region, name, version, mode, every signature down
 * to the pinned anchor (statements are kept by the caller), icx, kid, chunks,
 * digest of the whole, and gives plaintext to a sink which must show nothing
 * to anyone until mh_answer_record() has returned MH_ANSWER_DONE.
 */
#ifndef MH_CORE_ANSWER_H
#define MH_CORE_ANSWER_H

#include "manifest.h"
#include "messages.h"
#include "stream.h"
#include "wrap.h"

#define MH_ANSWER_STATEMENTS	16	/* DATASET, POLICYs, GROUPs, GROUP_EPOCHs ... */
#define MH_ANSWER_WRAPS		32	/* 8 links, 4 alternatives */
#define MH_SIGNATURES_MAX	64	/* uncached verifications a session */

enum mh_answer_state { MH_ANSWER_WAIT, MH_ANSWER_WRAPS_OR_CHUNKS, MH_ANSWER_STREAM, MH_ANSWER_DONE,
		       MH_ANSWER_UNCHANGED, MH_ANSWER_REFUSED, MH_ANSWER_FAILED };

/* What the caller gives: trust, its Kec, what it asked for, where plaintext goes. */
struct mh_answer_ops {
	/* Parse a statement and keep its bytes until the answer ends; nothing is verified. */
	int (*hold)(void *ctx, struct mh_buf bytes, const struct mh_stmt **held);
	/*
	 * Verify a statement against the Region's pinned trust (cache, revocations, floors,
	 *		validity at now)
	 * and keep its bytes; *kept stays valid until the answer ends.  0 or -errno.
	 */
	int (*statement)(void *ctx, struct mh_buf bytes, const struct mh_stmt **kept);
	/* The INSTANCE was signed by the DataSet's owner (empty: the RAG), or by a generate key. */
	bool (*same_authority)(void *ctx, const struct mh_stmt *instance, struct mh_buf owner);
	/* n bytes of plaintext, in order.  0 or -errno */
	int (*data)(void *ctx, const u8 *p, size_t n);
};

struct mh_answer {
	enum mh_answer_state state;
	u32 records;
	u8 region[32];
	struct mh_buf name;	/* requested; caller keeps it */
	u64 version;		/* 0 newest */
	struct mh_wrap_key kec;	/* mine */
	const struct mh_answer_ops *ops;
	void *ctx;

	const struct mh_stmt *instance;	/* verified once the first WRAP was taken */
	const struct mh_stmt *dataset;
	const struct mh_stmt *policy[8];
	u8 policies;
	/* GROUP_EPOCHs: links' contexts */
	const struct mh_stmt *epoch[MH_WRAP_CHAIN - 1];
	u8 epochs;
	u8 statements;		/* records of that kind so far */
	struct mh_manifest manifest;
	struct mh_policy policy_all;
	u8 ke[MH_KEY_LEN];
	u8 wraps;		/* records of that kind so far */
	u8 alternative, links;	/* the one in hand, and how many of its links have come */
	bool ke_known, streaming;
	struct mh_stream stream;
	struct mh_sha256 sha;
	u64 received;
	struct mh_refused refused;
	u8 unchanged[32];	/* leaf that UNCHANGED names: the caller compares it with its own */
	u8 chain[8][MH_WRAP_LEN];	/* of the alternative in hand */
};

void mh_answer_begin(struct mh_answer *a, const u8 region[32], struct mh_buf name, u64 version,
		     const struct mh_wrap_key *kec, const struct mh_answer_ops *ops, void *ctx);
/*
 * One record of this request (scratch: MH_STREAM_CHUNK bytes of work space). 0 or -errno; see
 * a->state.
 */
int mh_answer_record(struct mh_answer *a, const struct mh_record_hdr *rec, u8 *scratch);
void mh_answer_end(struct mh_answer *a);	/* wipes; at any state */

#endif

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * SP1's side of one request; see answer.h.  Order of records:
 *
 *	MANIFEST STATEMENT* WRAP* CHUNK+ DONE  |  UNCHANGED  |  REFUSED
 */
#include "answer.h"

static_assert(sizeof(struct mh_answer) < 3072, "an answer fits a small allocation");

void mh_answer_begin(struct mh_answer *a, const u8 region[32], struct mh_buf name, u64 version,
		     const struct mh_wrap_key *kec, const struct mh_answer_ops *ops, void *ctx)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->region, region, 32);
	a->name = name;
	a->version = version;
	a->kec = *kec;
	a->ops = ops;
	a->ctx = ctx;
	mh_sha256_init(&a->sha);
}

void mh_answer_end(struct mh_answer *a)
{
	enum mh_answer_state state = a->state;
	struct mh_refused refused = a->refused;
	u8 unchanged[MH_HASH_LEN];

	memcpy(unchanged, a->unchanged, sizeof(unchanged));
	if (a->streaming)
		mh_stream_end(&a->stream);
	mh_wipe(a, sizeof(*a));
	a->state = state;	/* how it ended stays readable */
	a->refused = refused;
	memcpy(a->unchanged, unchanged, sizeof(unchanged));
}

/* By the caller's trust; and of the Region that was asked. */
static int verified(struct mh_answer *a, struct mh_buf body, const struct mh_stmt **s)
{
	int ret = a->ops->statement(a->ctx, body, s);

	if (!ret && memcmp((*s)->region, a->region, sizeof(a->region)))
		ret = -EBADMSG;
	return ret;
}

/* Of its signature later: who signed may be among the STATEMENTs. */
static int take_manifest(struct mh_answer *a, struct mh_buf body)
{
	int ret;

	if (a->state != MH_ANSWER_WAIT)
		return -EPROTO;
	ret = a->ops->hold(a->ctx, body, &a->instance);
	if (!ret && (a->instance->type != MH_INSTANCE ||
		     memcmp(a->instance->region, a->region, sizeof(a->region))))
		ret = -EBADMSG;
	if (!ret)
		ret = mh_manifest_decode(&a->manifest, a->instance);
	if (ret)
		return ret;
	/* name and version are those requested */
	if (!mh_buf_equal(a->manifest.dataset, a->name) ||
	    (a->version && a->manifest.version != a->version))
		return -EBADMSG;
	if (a->manifest.tombstone) {
		ret = verified(a, a->instance->bytes, &a->instance);
		return ret ? ret : -ENODATA;
	}
	a->state = MH_ANSWER_WRAPS_OR_CHUNKS;
	return 0;
}

static int take_statement(struct mh_answer *a, struct mh_buf body)
{
	const struct mh_stmt *s;
	int ret;

	if (a->state != MH_ANSWER_WRAPS_OR_CHUNKS || a->wraps ||
	    a->statements == MH_ANSWER_STATEMENTS)
		return -EPROTO;
	a->statements++;
	ret = verified(a, body, &s);
	if (ret)
		return ret;
	switch (s->type) {
	case MH_DATASET:
		if (a->dataset || !mh_buf_equal(s->subject, a->name))
			return -EBADMSG;
		a->dataset = s;
		return 0;
	case MH_POLICY:
		if (a->policies == ARRAY_SIZE(a->policy))
			return -EBADMSG;
		a->policy[a->policies++] = s;
		return 0;
	case MH_GROUP_EPOCH:
		if (a->epochs == ARRAY_SIZE(a->epoch))
			return -EBADMSG;
		a->epoch[a->epochs++] = s;
		return 0;
	case MH_GROUP:
	case MH_MEMBER:
	case MH_ENTITY:
	case MH_DELEGATION:
		return 0;
	}
	return -EBADMSG;
}

/* Every policy that INSTANCE and DATASET name has come; together they are the use policy. */
static int check_policies(struct mh_answer *a, struct mh_buf list)
{
	struct mh_policy one;
	size_t i;
	u8 j;
	int ret;

	for (i = 0; i + 32 <= list.n; i += 32) {
		for (j = 0; j < a->policies && memcmp(a->policy[j]->leaf, list.p + i, 32); j++)
			;
		if (j == a->policies)
			return -EBADMSG;
		mh_policy_decode(&one, a->policy[j]);
		ret = mh_policy_and(&a->policy_all, &one);
		if (ret)
			return -EBADMSG;
	}
	return 0;
}

/* All statements are there: do they agree? Once, before the first wrap. */
static int check_statements(struct mh_answer *a)
{
	struct mh_buf owner;
	int ret;

	if (!a->dataset)
		return -EBADMSG;
	ret = verified(a, a->instance->bytes, &a->instance);
	if (ret)
		return ret;
	if (mh_stmt_num(a->dataset, MH_A_MODE) != a->manifest.mode ||
	    mh_stmt_num(a->dataset, MH_A_KIND) != a->manifest.kind)
		return -EBADMSG;
	/* ops->statement saw to the signature; here, that it is the owner's */
	owner = mh_stmt_attr(a->dataset, MH_A_OWNER);
	if (!a->ops->same_authority(a->ctx, a->instance, owner))
		return -EPERM;
	a->policy_all.operations = ~0u;
	a->policy_all.export = ~0u;
	a->policy_all.on_stale = 1;
	a->policy_all.retain = ~0u;
	ret = check_policies(a, mh_stmt_attr(a->dataset, MH_A_POLICIES));
	if (!ret)
		ret = check_policies(a, a->manifest.policies);
	/*
	 * None says: nothing is exported, served stale or retained.  What was
	 * received and is named by neither counts for nothing.
	 */
	if (!ret && !mh_stmt_attr(a->dataset, MH_A_POLICIES).n && !a->manifest.policies.n) {
		a->policy_all.export = 0;
		a->policy_all.on_stale = 0;
		a->policy_all.retain = 0;
	}
	if (!ret && a->policy_all.alg &&
	    (a->policy_all.alg != a->manifest.alg || a->policy_all.key_len != a->manifest.key_len))
		ret = -EBADMSG;
	return ret;
}

/* gcx of the Kgc that a link holds, as its GROUP_EPOCH says; a Kgc in a chain is a secret */
static bool link_context(const struct mh_answer *a, const u8 *wrap, u8 ctx[MH_HASH_LEN])
{
	const struct mh_stmt *s;
	u8 i;

	for (i = 0; i < a->epochs; i++) {
		s = a->epoch[i];
		if (mh_stmt_attr(s, MH_A_KGC_PUBLIC).n ||
		    memcmp(mh_stmt_attr(s, MH_A_KGC_KID).p, mh_wrap_kid(wrap), MH_HASH_LEN))
			continue;
		mh_ctx_epoch(a->region, s->subject, mh_stmt_num(s, MH_A_GROUP_EPOCH), ctx);
		return true;
	}
	return false;
}

/*
 * The alternative in hand is complete when its last wrap holds the manifest's
 * Ke.  One that does not hold is passed over: the next may.
 */
static int try_chain(struct mh_answer *a)
{
	bool none = a->chain[0][0] == MH_WRAP_NONE, session = a->manifest.mode == MH_MODE_SESSION;
	const u8(*chain)[MH_WRAP_LEN] = (const u8(*)[MH_WRAP_LEN])a->chain;
	u8 ctx[MH_WRAP_CHAIN][MH_HASH_LEN];
	u8 i, last = a->links - 1;
	int ret;

	if (memcmp(mh_wrap_kid(chain[last]), a->manifest.ke_kid, MH_HASH_LEN))
		return 0;	/* more links follow, or this alternative is none */
	/* mode session is Ke itself, and nothing else is; only mode group has links between */
	if (none != session || (last && a->manifest.mode != MH_MODE_GROUP))
		return 0;
	for (i = 0; i < last; i++)
		if (!link_context(a, chain[i], ctx[i]))
			return 0;
	memcpy(ctx[last], a->manifest.icx, MH_HASH_LEN);
	ret = mh_wrap_chain_open(chain, a->links, none ? NULL : &a->kec,
				 (const u8(*)[MH_HASH_LEN])ctx, a->manifest.ke_kid, a->ke);
	a->ke_known = !ret;
	return ret == -ENOMEM ? ret : 0;
}

static int take_wrap(struct mh_answer *a, struct mh_buf body)
{
	int ret;

	if (a->state != MH_ANSWER_WRAPS_OR_CHUNKS || body.n != 1 + MH_WRAP_LEN ||
	    a->wraps == MH_ANSWER_WRAPS || mh_wrap_check(MH_BUF(body.p + 1, MH_WRAP_LEN)))
		return -EBADMSG;
	if (!a->wraps) {
		ret = check_statements(a);
		if (ret)
			return ret;
	}
	if (a->wraps && body.p[0] < a->alternative)
		return -EBADMSG;
	if (!a->wraps || body.p[0] != a->alternative)
		a->links = 0;
	a->alternative = body.p[0];
	a->wraps++;
	if (a->links == MH_WRAP_CHAIN)
		return -EBADMSG;
	memcpy(a->chain[a->links++], body.p + 1, MH_WRAP_LEN);
	return a->ke_known ? 0 : try_chain(a);
}

static int begin_stream(struct mh_answer *a)
{
	int ret;

	if (!a->ke_known)
		return -ENOKEY;
	ret = mh_stream_begin(&a->stream, a->ke, a->manifest.icx);
	mh_wipe(a->ke, sizeof(a->ke));
	if (!ret) {
		a->streaming = true;
		a->state = MH_ANSWER_STREAM;
	}
	return ret;
}

static int take_chunk(struct mh_answer *a, struct mh_buf body, u8 *scratch)
{
	bool last;
	int ret = 0;

	if (a->state == MH_ANSWER_WRAPS_OR_CHUNKS)
		ret = begin_stream(a);
	else if (a->state != MH_ANSWER_STREAM)
		ret = -EPROTO;
	if (ret)
		return ret;
	if (body.n < MH_TAG_LEN || body.n > MH_STREAM_CHUNK_SEALED ||
	    body.n > a->manifest.length - a->received)
		return -EBADMSG;
	last = a->received + body.n == a->manifest.length;
	mh_sha256_update(&a->sha, body.p, body.n);
	ret = mh_stream_open(&a->stream, last, body.p, body.n, scratch);
	a->received += body.n;
	if (!ret)
		ret = a->ops->data(a->ctx, scratch, body.n - MH_TAG_LEN);
	mh_wipe(scratch, body.n - MH_TAG_LEN);
	return ret;
}

static int take_done(struct mh_answer *a, struct mh_buf body)
{
	struct mh_done done;
	u8 sha[MH_HASH_LEN];

	if (a->state != MH_ANSWER_STREAM || mh_done_decode(&done, body))
		return -EPROTO;
	mh_sha256_final(&a->sha, sha);
	if (done.records != a->records || memcmp(done.manifest, a->instance->leaf, 32) ||
	    !a->stream.done || a->received != a->manifest.length ||
	    memcmp(sha, a->manifest.sha256, sizeof(sha)))
		return -EBADMSG;
	a->state = MH_ANSWER_DONE;
	return 0;
}

static int take(struct mh_answer *a, const struct mh_record_hdr *rec, u8 *scratch)
{
	switch (rec->type) {
	case MH_R_MANIFEST:
		return take_manifest(a, rec->body);
	case MH_R_STATEMENT:
		return take_statement(a, rec->body);
	case MH_R_WRAP:
		return take_wrap(a, rec->body);
	case MH_R_CHUNK:
		return take_chunk(a, rec->body, scratch);
	case MH_R_DONE:
		return take_done(a, rec->body);
	case MH_R_UNCHANGED:
		if (a->state != MH_ANSWER_WAIT || rec->body.n != 32)
			return -EPROTO;
		memcpy(a->unchanged, rec->body.p, sizeof(a->unchanged));
		a->state = MH_ANSWER_UNCHANGED;
		return 0;
	case MH_R_REFUSED:
		if (a->state != MH_ANSWER_WAIT || mh_refused_decode(&a->refused, rec->body))
			return -EPROTO;
		a->state = MH_ANSWER_REFUSED;
		return 0;
	}
	return -EPROTO;
}

int mh_answer_record(struct mh_answer *a, const struct mh_record_hdr *rec, u8 *scratch)
{
	int ret;

	if (a->state >= MH_ANSWER_DONE)
		return -EPROTO;
	ret = take(a, rec, scratch);
	if (ret) {
		a->state = MH_ANSWER_FAILED;
		mh_wipe(a->ke, sizeof(a->ke));
		return ret;
	}
	a->records++;
	return 0;
}

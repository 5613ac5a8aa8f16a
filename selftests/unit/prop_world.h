/* SPDX-License-Identifier: MIT */
/* Proposals of the Region of stmt_world.h, one of each kind: for tests and the fuzzer's seeds. */
#ifndef UNIT_PROP_WORLD_H
#define UNIT_PROP_WORLD_H

#include "stmt_world.h"
#include "core/messages.h"
#include "lib/proposal.h"

enum pw_id { PW_ACT, PW_RENEW, PW_ANCHOR, PW_RECOVERY, PW_GENESIS, PW_DRILL, PW_PROPOSALS };

static const char *const pw_names[PW_PROPOSALS] = { "act",	"renew",   "anchor",
						    "recovery", "genesis", "drill" };

static inline struct mh_buf pw_body(const struct sw *w, enum sw_id id)
{
	return w->st[id].s.body;
}

/* The same with the next serial, under the ANCHOR of this leaf */
static inline struct mh_buf pw_next(const struct sw *w, enum sw_id id, const u8 leaf[32], u8 *out)
{
	const struct mh_buf body = pw_body(w, id);
	const struct mh_stmt *s = &w->st[id].s;

	memcpy(out, body.p, body.n);
	memcpy(out + (s->signer - body.p), leaf, 32);
	/* type, region, signer; subject; then the serial's head */
	mh_put64(out + (s->subject.p - body.p) + s->subject.n + 6, s->serial + 1);
	return MH_BUF(out, body.n);
}

static inline void pw_sign(struct mh_proposal *p, const struct sw_keys *k, u8 from, u8 m)
{
	struct mh_proposal_view v;
	u8 sig[MH_SIG_LEN];

	sw_must(mh_proposal_check(p, &v));
	for (u8 i = from; i < from + m; i++) {
		sw_must(mh_p256_sign(k->priv[i], v.digest, sig));
		sw_must(mh_proposal_add_sig(p, k->pub[i], sig));
	}
}

static inline void pw_act(struct mh_proposal *p, const struct sw *w, enum sw_id id)
{
	sw_must(mh_proposal_add_act(p, MH_SET_SIGNER, pw_body(w, id), MH_BUF(NULL, 0)));
}

static inline void pw_anchor(struct mh_proposal *p, const struct sw *w, enum sw_id id, u8 which)
{
	u8 buf[MH_STMT_BODY_MAX];

	sw_must(mh_proposal_add_act(p, which, pw_body(w, id), MH_BUF(NULL, 0)));
	sw_must(mh_proposal_add_act(p, MH_SET_SIGNER,
				    pw_next(w, SW_SERVE, w->st[id].s.leaf, buf),
				    w->st[SW_SERVE].s.bytes));
}

/* Not signed */
static inline void pw_make(struct mh_proposal *p, const struct sw *w, enum pw_id id)
{
	u8 buf[MH_STMT_BODY_MAX];

	*p = (struct mh_proposal){ .kind = id == PW_DRILL ? MH_PROPOSAL_DRILL : MH_PROPOSAL_ACT,
				   .made = SW_T0, .hosts = id };
	memcpy(p->region, w->region, 32);
	if (id != PW_GENESIS)
		sw_must(mh_proposal_add_anchor(p, w->st[SW_GENESIS].s.bytes));
	switch (id) {
	case PW_ACT:
		pw_act(p, w, SW_ENTITY);
		pw_act(p, w, SW_GROUP);
		pw_act(p, w, SW_MEMBER);
		pw_act(p, w, SW_POLICY);
		pw_act(p, w, SW_DATASET);
		pw_act(p, w, SW_REVOKE);
		sw_must(mh_proposal_add_item(p, MH_ITEM_KEC, MH_BUF(w->region, 32),
					     MH_BUF(w->icx, 32)));
		sw_must(mh_proposal_add_item(p, MH_PROPOSAL_BUNDLE, MH_BUF(w->region, 32),
					     MH_BUF(w->icx, 32)));
		break;
	case PW_RENEW:
		sw_must(mh_proposal_add_act(p, MH_SET_SIGNER,
					    pw_next(w, SW_GROUP, w->st[SW_GENESIS].s.leaf, buf),
					    w->st[SW_GROUP].s.bytes));
		break;
	case PW_ANCHOR:
		pw_anchor(p, w, SW_ANCHOR, MH_SET_SIGNER);
		break;
	case PW_RECOVERY:
		pw_anchor(p, w, SW_ANCHOR_RECOVERY, MH_SET_RECOVERY);
		break;
	case PW_GENESIS:
		sw_must(mh_proposal_add_act(p, MH_SET_NEW, pw_body(w, SW_GENESIS),
					    MH_BUF(NULL, 0)));
		pw_act(p, w, SW_SERVE);
		break;
	default:
		sw_fill(p->nonce, 32, 0x11);
	}
}

/* By as many as it takes, the last of them */
static inline void pw_sign_all(struct mh_proposal *p, const struct sw *w, enum pw_id id)
{
	if (id == PW_RECOVERY || id == PW_DRILL)
		pw_sign(p, &w->recovery, 0, 2);
	if (id != PW_RECOVERY)
		pw_sign(p, &w->rag, 2, 3);
	if (id == PW_ANCHOR || id == PW_RECOVERY)
		pw_sign(p, &w->next, 1, 2);
}

/* ---- a snapshot of that Region ---- */

static const enum sw_id pw_shown[] = { SW_SERVE,  SW_ENTITY,  SW_ENTITY_SECRET, SW_GROUP, SW_MEMBER,
				       SW_DATASET, SW_POLICY, SW_INSTANCE,	 SW_REVOKE };

/* n of them; host-2 is revoked */
static inline size_t pw_snapshot(const struct sw *w, const enum sw_id *shown, u32 n, u8 *out,
				 size_t size)
{
	struct mh_writer o;

	mh_writer_init(&o, out, size);
	mh_write_bytes(&o, "MHSS\1", 5);
	mh_write_u64(&o, SW_T0);
	mh_write_bytes(&o, w->region, 32);
	mh_write_v(&o, "eu", 2);
	mh_write_big(&o, MH_BUF("card", 4));
	mh_write_big(&o, MH_BUF("trust", 5));
	mh_write_u16(&o, 1);
	mh_write_big(&o, w->st[SW_GENESIS].s.bytes);
	mh_write_u32(&o, n);
	for (u32 i = 0; i < n; i++) {
		mh_write_big(&o, w->st[shown[i]].s.bytes);
		mh_write_u8(&o, shown[i] == SW_ENTITY_SECRET);
	}
	sw_must(o.err);
	return o.len;
}

#endif

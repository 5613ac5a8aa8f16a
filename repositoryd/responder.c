// SPDX-License-Identifier: MIT
/*
 * STP, SP2's side:
 *
 *	-> e				hello; ANCHORs it lacks go out first
 *	<- e, ee, idR, sigR		idR is the Region's, kept ready; Ksp2 signs in the keeper
 *	-> idI, psk, authI		the Entity's record says which keys
 *
 * Whatever fails before acceptance closes the connection without a byte.
 */
#include "conn.h"
#include "guardian.h"

static int send_anchor_frame(struct mh_conn *c, const struct mh_bytes *b, u8 n, bool more)
{
	u8 frame[MH_FRAME_MAX];
	struct mh_writer w;

	mh_writer_init(&w, frame + MH_FRAME_HEADER, MH_FRAME_BODY_MAX);
	mh_write_u8(&w, n);
	mh_write_u8(&w, more);
	for (u8 i = 0; i < n; i++)
		mh_write_big(&w, mh_bytes_buf(&b[i]));
	if (w.err)
		return w.err;
	mh_frame_header(frame, MH_F_ANCHORS, (u32)w.len);
	return mh_conn_send(c, frame, MH_FRAME_HEADER + w.len);
}

/* ANCHORs from serial on, as many a frame as it takes. */
static int send_anchors(struct mh_conn *c, u64 serial)
{
	struct mh_bytes b[MH_ANCHORS_PER_FRAME + 1] = { 0 };
	u64 last = c->region->row.anchor_serial;
	int ret = 0;
	u8 n = 0;

	while (!ret && (serial <= last || n)) {
		size_t room = MH_FRAME_BODY_MAX - 2;
		u8 fit = 0;

		while (!ret && n < MH_ANCHORS_PER_FRAME && serial <= last)
			ret = mh_region_next_anchor(c->daemon, c->region->row.id, &serial,
						    &b[n++]);
		while (fit < n && b[fit].n + 4 <= room)
			room -= b[fit++].n + 4;
		if (!ret)
			ret = fit ? send_anchor_frame(c, b, fit, fit < n || serial <= last) :
				    -EMSGSIZE;
		for (size_t i = 0; i < fit; i++)
			mh_bytes_free(&b[i]);
		memmove(b, b + fit, sizeof(b) - fit * sizeof(b[0]));
		memset(b + ARRAY_SIZE(b) - fit, 0, fit * sizeof(b[0]));
		n -= fit;
	}
	for (size_t i = 0; i < ARRAY_SIZE(b); i++)
		mh_bytes_free(&b[i]);
	return ret;
}

int mh_responder_hello(struct mh_conn *c, const u8 *frame, size_t n)
{
	u8 out[MH_FRAME_HEADER + MH_CHALLENGE_MAX], digest[MH_HASH_LEN], sig[MH_SIG_LEN];
	struct mh_p1 p1;
	int ret = mh_stp_take_hello(&c->stp, frame, n, &p1);

	if (ret)
		return ret;
	c->region = mh_region_find(c->daemon, p1.region);
	if (!c->region || !c->region->idr.n || c->daemon->draining)
		return -ENOENT;
	memcpy(c->x, c->region->x, sizeof(c->x));
	/* one whose ANCHOR is newer than ours knows more than we do: it judges for itself */
	if (p1.anchor_serial < c->region->row.anchor_serial) {
		ret = send_anchors(c, p1.anchor_serial + 1);
		if (ret)
			return ret;
	}
	ret = mh_stp_challenge_begin(&c->stp, mh_bytes_buf(&c->region->idr), NULL, digest, out,
				     sizeof(out));
	if (ret < 0)
		return ret;
	ret = mh_keeper_sign_sp2(&c->daemon->keeper, digest, sig);
	if (ret)
		return ret;
	ret = mh_stp_challenge_finish(&c->stp, sig, out, sizeof(out));
	if (ret < 0)
		return ret;
	c->phase = MH_CONN_AUTH;
	return mh_conn_send(c, out, (size_t)ret);
}

/* psk and Kei_X of the Entity here: the kinds are the record's, and all of it is there. */
static int find_psk(struct mh_conn *c, const struct mh_stmt *entity, u8 psk[MH_KEY_LEN],
		    u8 kei_x[MH_KEY_LEN])
{
	const bool pair = mh_stmt_num(entity, MH_A_KEC_KIND) == MH_KIND_PAIR,
		   mac = mh_stmt_num(entity, MH_A_KEI_KIND) == MH_KIND_SECRET;
	u8 ecx[MH_HASH_LEN];
	struct mh_keeper_entity e = {
		.what = pair ? MH_SECRET_KEC : MH_SECRET_KPF,
		.kid = mh_stmt_attr(entity, pair ? MH_A_KEC_KID : MH_A_KPF_KID).p,
		.ecx = ecx,
		.kei_kid = mac ? mh_stmt_attr(entity, MH_A_KEI).p : NULL,
	};
	struct mh_bytes sealed = { 0 }, kei = { 0 };
	int ret = mh_store_secret(c->daemon->store, e.what, e.kid, &sealed);

	if (!ret && mac)
		ret = mh_store_secret(c->daemon->store, MH_SECRET_KEI, e.kei_kid, &kei);
	e.sealed = mh_bytes_buf(&sealed);
	e.kei_sealed = mh_bytes_buf(&kei);
	mh_ctx_entity(c->region->row.id, entity->subject, ecx);
	if (!ret)
		ret = mh_keeper_psk(&c->daemon->keeper, &e, c->x, psk, kei_x);
	mh_bytes_free(&sealed);
	mh_bytes_free(&kei);
	return ret;
}

static int record_session(struct mh_conn *c, const struct mh_stmt *entity)
{
	struct mh_audit_record r = {
		.event = MH_AUDIT_SESSION,
		.outcome = c->standing,
		.who = mh_text(c->name),
		.number = entity->serial,
		.idi = c->stp.idi,
		.authi = c->stp.authi,
	};
	int ret = mh_server_begin(c->daemon);

	memcpy(r.region, c->region->row.id, 32);
	memcpy(r.leaf, entity->leaf, 32);
	memcpy(r.h, c->stp.h_auth, 32);
	if (!ret)
		ret = mh_audit_append(&c->daemon->audit, &r, mh_now(c->daemon));
	if (ret)
		mh_log(MH_LOG_ERROR, "audit: a session could not be recorded: %s",
		       mh_store_error(c->daemon->store));
	return ret;
}

int mh_responder_auth(struct mh_conn *c, const u8 *frame, size_t n)
{
	struct mh_bytes b = { 0 };
	struct mh_stmt entity;
	struct mh_idi idi;
	u8 kind, psk[MH_KEY_LEN], kei_x[MH_KEY_LEN];
	int standing, ret = mh_stp_auth_open(&c->stp, frame, n, &idi);

	if (ret)
		return ret;
	if (!mh_name_ok(idi.name))
		return -EBADMSG;
	memcpy(c->name, idi.name.p, idi.name.n);
	standing =
		mh_guardian_entity(c->daemon, c->region->row.id, idi.name, mh_now(c->daemon), &b);
	if (standing < 0)
		mh_log(MH_LOG_ERROR, "%s could not be looked up: %s (%s)", c->name,
		       strerror(-standing), mh_store_error(c->daemon->store));
	ret = standing < 0 ? standing : !b.n ? -ENOENT : mh_stmt_parse(&entity, b.p, b.n);
	if (!ret)
		ret = find_psk(c, &entity, psk, kei_x);
	if (!ret) {
		kind = (u8)mh_stmt_num(&entity, MH_A_KEI_KIND);
		ret = mh_stp_auth_verify(&c->stp, frame, n, psk, kind,
					 kind == MH_KIND_PAIR ? mh_stmt_attr(&entity, MH_A_KEI).p :
								kei_x);
	}
	mh_wipe(psk, sizeof(psk));
	mh_wipe(kei_x, sizeof(kei_x));
	if (!ret) {
		c->standing = (u8)standing;
		mh_guardian_keys(&entity, c->keys);
		c->phase = MH_CONN_OPEN;
		/* what cannot be recorded delivers nothing; it learns so at its first REQUEST */
		c->unrecorded = !record_session(c, &entity);
		if (!c->unrecorded && !standing)
			c->standing = MH_REFUSED_BUSY;
		mh_log(MH_LOG_INFO, "%s: %s authenticated%s", c->peer, c->name,
		       standing ? ", and is refused" : "");
	}
	mh_bytes_free(&b);
	if (!ret && standing)
		ret = mh_responder_tell(c);
	return ret;
}

/* ---- it learns why ---- */

struct telling {
	struct mh_conn *c;
	unsigned int n;
};

static int tell_one(void *ctx, struct mh_buf b)
{
	struct telling *t = ctx;

	if (t->n++ >= 8 || b.n > MH_RECORD_PLAIN_MAX - MH_RECORD_HEADER)
		return 0;
	return mh_conn_record(t->c, MH_R_PUSH, 0, b.p, b.n);
}

int mh_responder_tell(struct mh_conn *c)
{
	const struct mh_buf name = mh_text(c->name);
	struct telling t = { .c = c };
	struct mh_bytes b;
	int ret = 0;

	if (c->standing == MH_REFUSED_REVOKED)
		ret = mh_store_revokes(c->daemon->store, c->region->row.id, MH_ENTITY, name,
				       tell_one, &t);
	if (!ret && c->standing == MH_REFUSED_SUSPENDED &&
	    !mh_store_newest(c->daemon->store, c->region->row.id, MH_SUSPEND, name, &b)) {
		ret = tell_one(&t, mh_bytes_buf(&b));
		mh_bytes_free(&b);
	}
	if (!ret && c->region->epoch.n)
		ret = mh_conn_record(c, MH_R_PUSH, 0, c->region->epoch.p, c->region->epoch.n);
	return ret;
}

/* One of whom it cannot be told may come back and be asked. */
static bool is_out(struct mh_conn *c, u64 now)
{
	struct mh_bytes b = { 0 };
	u8 keys[MH_HASH_LEN];
	struct mh_stmt entity;
	int ret = mh_guardian_entity(c->daemon, c->region->row.id, mh_text(c->name), now, &b);
	bool out = ret < 0 || ret == MH_REFUSED_REVOKED || ret == MH_REFUSED_SUSPENDED;

	if (!ret && !mh_stmt_parse(&entity, b.p, b.n)) {
		mh_guardian_keys(&entity, keys);
		out = memcmp(keys, c->keys, sizeof(keys));
	}
	mh_bytes_free(&b);
	return out;
}

void mh_responder_end_if_out(struct mh_conn *c, u64 now)
{
	if (!is_out(c, now))
		return;
	c->ended = true;
	if (!c->answers)
		mh_conn_finish(c);
}

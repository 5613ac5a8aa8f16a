// SPDX-License-Identifier: MIT
/* Records that a client sends, as a table; what is not in it ends the session. */
#include "conn.h"

/* REQUEST ids rise strictly from 1; each gets exactly one answer. */
static int on_request(struct mh_conn *c, const struct mh_record_hdr *rec)
{
	struct mh_daemon *d = c->daemon;
	struct mh_audit_record r = { .event = MH_AUDIT_DELIVERY, .request = rec->request };
	struct mh_answer_out *a;
	struct mh_request q;
	int ret = mh_request_decode(&q, rec->body);

	if (ret)
		return ret;
	if (rec->request <= c->last_request)
		return -EPROTO;
	c->last_request = rec->request;
	r.who = mh_text(c->name);
	r.what = q.name;
	memcpy(r.region, c->region->row.id, 32);
	memcpy(r.h, c->stp.h_auth, 32);
	a = mh_transferrer_answer(c, rec->request, &q, &r);
	if (!a)
		return -ENOMEM;
	r.outcome = a->unchanged ? MH_AUDIT_UNCHANGED : a->code;
	ret = mh_server_begin(d);
	if (!ret)
		ret = mh_audit_append(&d->audit, &r, mh_now(d));
	if (ret) {
		/* no record, no delivery */
		mh_log(MH_LOG_ERROR, "audit: a delivery could not be recorded and is refused: %s",
		       mh_store_error(d->store));
		a->code = MH_REFUSED_BUSY;
		a->retry_after = 30000;
	}
	TAILQ_INSERT_TAIL(&c->waiting, a, link);
	c->answers++;
	if (a->code)
		d->refusals++;
	else
		d->deliveries++;
	return 0;
}

static int on_close(struct mh_conn *c, const struct mh_record_hdr *rec)
{
	if (rec->request || rec->body.n)
		return -EPROTO;
	mh_conn_finish(c);
	return 0;
}

static const struct {
	u8 type;
	int (*handler)(struct mh_conn *c, const struct mh_record_hdr *rec);
} table[] = {
	{ MH_R_REQUEST, on_request },
	{ MH_R_CLOSE, on_close },
};

int mh_dispatch_record(struct mh_conn *c, const struct mh_record_hdr *rec)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].type == rec->type)
			return table[i].handler(c, rec);
	return -EPROTO;
}

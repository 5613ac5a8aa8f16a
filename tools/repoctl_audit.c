// SPDX-License-Identifier: MIT
/* repoctl audit: what happened, and that nothing of it was changed since. */
#include "repoctl.h"
#include "lib/audit_record.h"
#include "lib/json.h"

#include <stdlib.h>

#define PAGE 500

/* Walking the chain: what was seen so far. */
struct walk {
	u64 next;		/* sequence number that must come */
	u8 hash[MH_HASH_LEN];	/* of the record before */
	u64 records, deliveries, gaps;
	unsigned long long shown;	/* as JSON */
	bool verify, show, json;
	struct mh_bytes checkpoint;
};

static void show(struct walk *w, const struct mh_audit_record *r)
{
	char when[24], hex[65];

	mh_time_text(r->time, when);
	if (w->json) {
		mh_hex(hex, r->leaf, 32);
		mh_json_item(json_pack("{s:I,s:s,s:s,s:s,s:s%,s:s%,s:I,s:s}", "seq",
				       (json_int_t)r->seq, "time", when, "event",
				       mh_audit_event_name(r->event), "outcome",
				       mh_audit_outcome_name(r->outcome), "who",
				       r->who.p ? r->who.p : (u8 *)"", r->who.n, "what",
				       r->what.p ? r->what.p : (u8 *)"", r->what.n, "number",
				       (json_int_t)r->number, "leaf", hex),
			     &w->shown);
		return;
	}
	printf("%6llu %s %-10s %-12s %.*s %.*s", (unsigned long long)r->seq, when,
	       mh_audit_event_name(r->event), mh_audit_outcome_name(r->outcome), (int)r->who.n,
	       r->who.p, (int)r->what.n, r->what.p);
	if (r->number)
		printf(" %llu", (unsigned long long)r->number);
	putchar('\n');
}

static int take(struct walk *w, struct mh_buf bytes)
{
	struct mh_audit_record r;

	if (mh_audit_record_decode(&r, bytes))
		return mh_fail(MH_EXIT_BAD_INPUT, "audit record %llu is malformed",
			       (unsigned long long)w->next);
	if (w->verify && (r.seq != w->next || memcmp(r.before, w->hash, MH_HASH_LEN)))
		return mh_fail(MH_EXIT_DENIED, "the audit chain is broken at record %llu",
			       (unsigned long long)w->next);
	mh_audit_record_hash(bytes, w->hash);
	w->next = r.seq + 1;
	w->records++;
	w->deliveries += r.event == MH_AUDIT_DELIVERY && !r.outcome;
	w->gaps += r.event == MH_AUDIT_GAP;
	if (w->show)
		show(w, &r);
	return 0;
}

/* One page; *n records were in it. */
static int page(struct rc *rc, struct walk *w, u32 *n)
{
	u8 body[44];
	struct mh_bytes reply;
	struct mh_reader r, last;
	struct mh_audit_checkpoint c;
	struct mh_buf checkpoint;
	int ret;

	memcpy(body, rc->region, 32);
	mh_put64(body + 32, w->next);
	mh_put32(body + 40, PAGE);
	ret = rc_call(rc, MH_ADMIN_AUDIT, MH_BUF(body, sizeof(body)), &reply);
	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	*n = mh_read_u32(&r);
	last = r;
	for (u32 i = 0; i < *n && !last.err; i++)
		mh_read_big(&last, MH_AUDIT_RECORD_MAX);
	checkpoint = mh_read_big(&last, MH_AUDIT_CHECKPOINT_LEN);
	if (mh_read_end(&last) ||
	    (checkpoint.n && mh_audit_checkpoint_decode(&c, checkpoint)))
		ret = mh_fail(MH_EXIT_BAD_INPUT, "repositoryd's audit is malformed");
	for (u32 i = 0; i < *n && !ret; i++)
		ret = take(w, mh_read_big(&r, MH_AUDIT_RECORD_MAX));
	if (!ret && checkpoint.n) {
		mh_bytes_free(&w->checkpoint);
		if (mh_bytes_copy(&w->checkpoint, checkpoint.p, checkpoint.n))
			ret = mh_fail(MH_EXIT_FAILED, "out of memory");
	}
	mh_bytes_free(&reply);
	return ret;
}

static int walk_all(struct rc *rc, struct walk *w)
{
	u32 n = PAGE;
	int ret = rc_open_region(rc);

	while (!ret && n)
		ret = page(rc, w, &n);
	return ret;
}

static const struct rc_option show_options[] = {
	{ "--from", "N", "from record N on" },
	{ 0 },
};

static int audit_show(struct rc *rc, const struct rc_args *a)
{
	struct walk w = { .show = true, .json = rc->json };
	int ret = rc_number(a, "--from", 1, 1, INT64_MAX, &w.next);

	if (!ret)
		ret = walk_all(rc, &w);
	if (!ret && rc->json)
		mh_json_end(w.shown);
	mh_bytes_free(&w.checkpoint);
	return ret;
}

/* Kaudit, from the serve DELEGATION that the officers signed. */
static int audit_key(struct rc *rc, u8 key[MH_P256_PUB_LEN])
{
	struct mh_bytes reply;
	struct mh_stmt s;
	int ret = rc_serve(rc, NULL, &reply, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(MH_EXIT_DENIED, "no serve delegation signed by this Region's "
					       "officers names an audit key");
	if (ret)
		return ret;
	memcpy(key, mh_stmt_attr(&s, MH_A_AUDIT_KEY).p, MH_P256_PUB_LEN);
	mh_bytes_free(&reply);
	return 0;
}

static int check_signature(struct rc *rc, const struct walk *w)
{
	struct mh_audit_checkpoint c;
	u8 key[MH_P256_PUB_LEN];
	int ret;

	if (!w->checkpoint.n)
		return mh_fail(MH_EXIT_DENIED, "the audit has no signed checkpoint");
	ret = audit_key(rc, key);
	if (ret)
		return ret;
	if (mh_audit_checkpoint_decode(&c, mh_bytes_buf(&w->checkpoint)) ||
	    mh_audit_checkpoint_verify(mh_bytes_buf(&w->checkpoint), key))
		return mh_fail(MH_EXIT_DENIED,
			       "the audit's checkpoint is not signed by the server's audit key");
	/* the last page had no record: the checkpoint is of the last there is */
	if (c.seq != w->next - 1 || memcmp(c.hash, w->hash, MH_HASH_LEN))
		return mh_fail(MH_EXIT_DENIED,
			       "the server signed the records up to %llu, and those in its store, "
			       "up to %llu, are not they: the store was rewritten behind its back",
			       (unsigned long long)c.seq, (unsigned long long)w->next - 1);
	return 0;
}

static int audit_verify(struct rc *rc, const struct rc_args *a)
{
	struct walk w = { .next = 1, .verify = true };
	int ret = walk_all(rc, &w);

	(void)a;
	if (!ret)
		ret = check_signature(rc, &w);
	if (!ret && rc->json)
		rc_print(json_pack("{s:I,s:I,s:I}", "records", (json_int_t)w.records, "deliveries",
				   (json_int_t)w.deliveries, "gaps", (json_int_t)w.gaps));
	else if (!ret)
		printf("audit verified: %llu records in one chain, %llu deliveries, checkpoint "
		       "signed by the server's audit key\n",
		       (unsigned long long)w.records, (unsigned long long)w.deliveries);
	if (!ret && w.gaps && !rc->json)
		printf("the store was not the one that the server had left, %llu times, and was "
		       "accepted: the records of event gap tell what is lost\n",
		       (unsigned long long)w.gaps);
	mh_bytes_free(&w.checkpoint);
	return ret;
}

const struct rc_verb rc_audit_verbs[] = {
	{ "audit", "show", "", 0, 0, "what happened, oldest first", show_options, audit_show },
	{ "audit", "verify", "", 0, 0, "that no record was changed, dropped or added", NULL,
	  audit_verify },
	{ 0 },
};

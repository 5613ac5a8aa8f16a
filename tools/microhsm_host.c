// SPDX-License-Identifier: MIT
/* microhsm status, monitor, drain: the host as a whole. */
#include "microhsm.h"
#include "core/statement.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

static void add_identity(const struct mht_entry *e, void *ctx)
{
	char fingerprint[MH_FINGERPRINT_LEN], until[24];

	mh_fingerprint(e->region_id, fingerprint);
	mh_time_text(e->epoch_until, until);
	json_array_append_new(ctx, json_pack("{s:i,s:s,s:s,s:s,s:I,s:I,s:s,s:i,s:s}", "key",
					     e->serial, "region", e->region, "name", e->name,
					     "fingerprint", *e->region ? fingerprint : "", "anchor",
					     (json_int_t)e->anchor, "epoch", (json_int_t)e->epoch,
					     "epoch-until", *e->region ? until : "", "sessions",
					     (int)e->sessions, "state",
					     e->flags & 1 ? "revoked" :
					     e->flags & 2 ? "suspended" :
					     *e->region	  ? "joined" :
							    "pending"));
}

static void print_status(const struct mh_status *s, json_t *identities)
{
	size_t i;
	json_t *e;

	printf("module      loaded%s; %u keys held, %u requests, %u sessions\n",
	       s->draining ? ", draining" : "", s->payloads, s->requests, s->sessions);
	printf("agent       %s\n", s->agent ? "attached" : "none: start microhsm agent");
	printf("VM fork     %s\n", s->vmfork ? "this kernel tells of it: sessions end" :
	       "this kernel cannot tell: do not resume a snapshot twice");
	printf("freshness   an EPOCH of a Region with one freshness key is bound by its "
	       "DELEGATION's window alone\n");
	json_array_foreach(identities, i, e)
		printf("identity    %s%s%s: %s, Region fingerprint %s, EPOCH %lld until %s\n",
		       json_string_value(json_object_get(e, "region")),
		       *json_string_value(json_object_get(e, "region")) ? "/" : "",
		       json_string_value(json_object_get(e, "name")),
		       json_string_value(json_object_get(e, "state")),
		       json_string_value(json_object_get(e, "fingerprint")),
		       (long long)json_integer_value(json_object_get(e, "epoch")),
		       json_string_value(json_object_get(e, "epoch-until")));
}

static int run_status(struct mht *t)
{
	struct mh_status s = { .size = sizeof(s) };
	json_t *identities;
	int ret = mht_ioctl(t, MH_IOC_STATUS, &s, "status");

	if (ret)
		return ret;
	identities = json_array();
	ret = mht_identities(t, add_identity, identities);
	if (!ret && t->json) {
		json_t *j = json_pack("{s:i,s:i,s:i,s:b,s:b,s:b,s:I,s:O}", "keys", (int)s.payloads,
				      "requests", (int)s.requests, "sessions", (int)s.sessions,
				      "agent", (int)s.agent, "draining", (int)s.draining, "vmfork",
				      (int)s.vmfork, "now", (json_int_t)s.now, "identities",
				      identities);

		json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(j);
	} else if (!ret) {
		print_status(&s, identities);
	}
	json_decref(identities);
	return ret;
}

static void print_event(__u32 kind, const char *region, const char *name, __u64 n, void *ctx)
{
	static const char *const words[] = {
		"?",	     "session-open", "session-end",  "delivered", "withdrawn", "revoked",
		"suspended", "refused",	     "stale-served", "fork",	  "seal",      "lease-end",
	};
	const struct mht *t = ctx;
	const char *word = words[kind < ARRAY_SIZE(words) ? kind : 0];
	char when[24];

	mh_time_text((u64)time(NULL), when);
	if (t->json)
		mht_print(json_pack("{s:s,s:s,s:s,s:s,s:I}", "time", when, "event", word, "region",
				    region, "name", name, "number", (json_int_t)n));
	else
		printf("%s %s %s%s%s %llu\n", when, word, region, *name ? "/" : "", name,
		       (unsigned long long)n);
	fflush(stdout);
}

static int run_monitor(struct mht *t)
{
	int ret = mht_netlink_events(print_event, t);

	if (ret == -ENOENT)
		return mht_no_module();
	return mht_tell(-ret, "listening to the module's events");
}

static int run_drain(struct mht *t)
{
	struct mh_drain io = { .size = sizeof(io) };
	int ret = mht_device(t);

	if (ret)
		return ret;
	if (ioctl(t->device, MH_IOC_DRAIN, &io) < 0 && errno == EBUSY)
		return mh_fail(MH_EXIT_CONFLICT,
			       "%u keys are still held by someone: try again; rmmod waits for them",
			       io.left);
	ret = mht_ioctl(t, MH_IOC_DRAIN, &io, "draining");
	if (!ret && t->json)
		mht_print(json_pack("{s:b}", "drained", 1));
	else if (!ret)
		printf("drained: sessions ended, keys wiped; rmmod microhsm now\n");
	return ret;
}

const struct mht_verb mht_host_verbs[] = {
	{ "status", "", 0, 0, "the module, its agent, this host's identities", NULL, run_status,
	  false },
	{ "monitor", "", 0, 0, "events as they come: deliveries, withdrawals, revocations", NULL,
	  run_monitor, false },
	{ "drain", "", 0, 0, "end sessions, wipe keys and identities, ready for rmmod", NULL,
	  run_drain, false },
	{ 0 },
};

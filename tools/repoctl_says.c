// SPDX-License-Identifier: MIT
/* What a statement changes, in plain words: what an officer reads before signing. */
#include "repoctl.h"

#include <stdlib.h>

#define TEXT(b) (int)(b).n, (b).p

struct bit {
	u32 bit;
	const char *name;
};

static const struct bit rights[] = {
	{ MH_RIGHT_FETCH, "fetch" },	 { MH_RIGHT_GENERATE, "generate" },
	{ MH_RIGHT_PROVIDE, "provide" },
	{ MH_RIGHT_INSTANCES, "maintain instances of" }, { MH_RIGHT_POLICY, "maintain policy of" },
	{ 0 },
};

static const struct bit operations[] = { { MH_OP_ENCRYPT, "encrypt" }, { MH_OP_DECRYPT, "decrypt" },
					 { MH_OP_SIGN, "sign" },       { MH_OP_VERIFY, "verify" },
					 { MH_OP_MAC, "mac" },	       { 0 } };
static const struct bit exports[] = { { MH_EXPORT_LOGON, "logon" },
				      { MH_EXPORT_USER, "user" },
				      { MH_EXPORT_FSCRYPT, "fscrypt" },
				      { 0 } };

static const struct bit kinds[] = { { MH_SCOPE_KEI_PAIR, "a Kei that is a pair" },
				    { MH_SCOPE_KEI_SECRET, "a Kei that is a secret" },
				    { MH_SCOPE_KEC_PAIR, "a Kec that is a pair" },
				    { MH_SCOPE_KEC_SECRET, "a Kec that is a secret" },
				    { 0 } };

static const char *type_word(u8 type)
{
	static const char *const words[__MH_STMT_TYPES] = {
		[MH_ANCHOR] = "ANCHOR",	  [MH_DELEGATION] = "delegation",
		[MH_ENTITY] = "host",	  [MH_GROUP] = "group",
		[MH_MEMBER] = "membership", [MH_DATASET] = "DataSet",
		[MH_POLICY] = "policy",	  [MH_INSTANCE] = "version",
		[MH_REVOKE] = "revocation", [MH_SUSPEND] = "suspension",
		[MH_EPOCH] = "EPOCH",	  [MH_GROUP_EPOCH] = "group key",
	};

	return type < __MH_STMT_TYPES && words[type] ? words[type] : "statement";
}

const char *rc_type_name(u8 type)
{
	static const char *const names[__MH_STMT_TYPES] = {
		[MH_ANCHOR] = "anchor",	[MH_DELEGATION] = "delegation", [MH_ENTITY] = "entity",
		[MH_GROUP] = "group",	[MH_MEMBER] = "member",	[MH_DATASET] = "dataset",
		[MH_POLICY] = "policy",	[MH_INSTANCE] = "instance", [MH_REVOKE] = "revoke",
	};

	return type < __MH_STMT_TYPES && names[type] ? names[type] : "statement";
}

/* The bits that are set; those without a name as a number, lest one stay unseen */
static void say_bits(FILE *f, u32 v, const struct bit *b)
{
	const char *comma = "";

	for (; b->name; b++)
		if (v & b->bit) {
			fprintf(f, "%s%s", comma, b->name);
			comma = ", ";
			v &= ~b->bit;
		}
	if (v)
		fprintf(f, "%sunknown 0x%x", comma, v);
}

static void say_time(FILE *f, u64 seconds)
{
	static const struct {
		u32 n;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
	size_t i = 0;

	while (i < 3 && seconds % units[i].n)
		i++;
	fprintf(f, "%llu%s", (unsigned long long)seconds / units[i].n, units[i].unit);
}

static void say_until(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	char a[24], b[24];

	mh_time_text(s->not_after, a);
	fprintf(f, ", until %s", a);
	if (was->type && was->not_after != s->not_after) {
		mh_time_text(was->not_after, b);
		fprintf(f, " (was %s)", b);
	}
	if (s->not_before > s->issued) {
		mh_time_text(s->not_before, a);
		fprintf(f, ", not before %s", a);
	}
}

static void say_key(FILE *f, const u8 *key)
{
	char fingerprint[MH_FINGERPRINT_LEN];

	mh_officer_fingerprint(key, fingerprint);
	fputs(fingerprint, f);
}

static bool same(const struct mh_stmt *a, const struct mh_stmt *b, u16 type)
{
	return mh_stmt_has(a, type) == mh_stmt_has(b, type) &&
	       mh_buf_equal(mh_stmt_attr(a, type), mh_stmt_attr(b, type));
}

static void say_entity(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	static const u16 keys[] = { MH_A_KEI_KIND, MH_A_KEI,	  MH_A_KES,
				    MH_A_KEC_KIND, MH_A_KEC_KID, MH_A_KPF_KID };
	bool kept = was->type;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		kept = kept && same(s, was, keys[i]);
	if (kept)
		fprintf(f, "renews the host %.*s with the keys that it has", TEXT(s->subject));
	else if (was->type)
		fprintf(f, "enrols the host %.*s anew, with other keys: the keys it had are out",
			TEXT(s->subject));
	else
		fprintf(f, "enrols the host %.*s", TEXT(s->subject));
	fputs("; its signatures are by the key ", f);
	say_key(f, mh_stmt_attr(s, MH_A_KES).p);
	if (mh_stmt_has(s, MH_A_EVIDENCE))
		fprintf(f, "; it says that its keys live in: %.*s",
			TEXT(mh_stmt_attr(s, MH_A_EVIDENCE)));
}

static void say_rights(FILE *f, const struct mh_stmt *s)
{
	struct mh_buf list = mh_stmt_attr(s, MH_A_RIGHTS);
	struct mh_reader r;
	const char *and = "";

	mh_reader_init(&r, list.p, list.n);
	while (r.left && !r.err) {
		u16 bits = mh_read_u16(&r);
		struct mh_buf name = mh_read_v(&r, MH_DATASET_MAX);

		fputs(and, f);
		say_bits(f, bits, rights);
		fprintf(f, " %.*s", TEXT(name));
		if (name.n && name.p[name.n - 1] == '/')
			fputs("*", f);
		and = "; ";
	}
	if (!*and)
		fputs("do nothing", f);
}

static void say_group(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	fprintf(f, "%s the group %.*s: its members may ", was->type ? "renews" : "makes",
		TEXT(s->subject));
	say_rights(f, s);
	if (was->type && !same(s, was, MH_A_RIGHTS)) {
		fputs(" (were allowed to: ", f);
		say_rights(f, was);
		fputc(')', f);
	}
	if (was->type && (!same(s, was, MH_A_KEYS) || !same(s, was, MH_A_THRESHOLD)))
		fputs("; it has OTHER OFFICERS than before", f);
	fprintf(f, "; %llu of %zu officers of its own",
		(unsigned long long)mh_stmt_num(s, MH_A_THRESHOLD),
		mh_stmt_attr(s, MH_A_KEYS).n / MH_P256_PUB_LEN);
	if (mh_stmt_has(s, MH_A_ENROLS))
		fprintf(f, ", who may ENROL hosts with names like %.*s",
			TEXT(mh_stmt_attr(s, MH_A_ENROLS)));
	if (mh_stmt_num(s, MH_A_MIN_ANCHOR) > 1)
		fprintf(f, "; what it signed before serial %llu is VOID",
			(unsigned long long)mh_stmt_num(s, MH_A_MIN_ANCHOR));
}

static void say_member(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	const u8 *cut = memchr(s->subject.p, '/', s->subject.n);
	int n = (int)(cut - s->subject.p);

	fprintf(f, "%s the %s %.*s a member of the group %.*s: what that may, it may",
		was->type ? "keeps" : "makes",
		mh_stmt_num(s, MH_A_MEMBER_KIND) == 2 ? "group" : "host",
		(int)s->subject.n - n - 1, cut + 1, n, s->subject.p);
}

static void say_dataset(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	static const char *const readers[] = {
		[MH_MODE_SESSION] = "the server may read its Data",
		[MH_MODE_GUARDIAN] = "a Secure Processor at the server may read its Data",
		[MH_MODE_GROUP] = "the server cannot read its Data",
	};
	struct mh_buf owner = mh_stmt_attr(s, MH_A_OWNER);

	fprintf(f, "%s the DataSet %.*s: %s", was->type ? "signs anew" : "makes",
		TEXT(s->subject), readers[mh_stmt_num(s, MH_A_MODE)]);
	if (was->type && !same(s, was, MH_A_MODE))
		fprintf(f, " (was: %s)", readers[mh_stmt_num(was, MH_A_MODE)]);
	if (owner.n)
		fprintf(f, "; the group %.*s owns it", TEXT(owner));
	fprintf(f, "; %zu polic%s bind%s it", mh_stmt_attr(s, MH_A_POLICIES).n / 32,
		mh_stmt_attr(s, MH_A_POLICIES).n == 32 ? "y" : "ies",
		mh_stmt_attr(s, MH_A_POLICIES).n == 32 ? "s" : "");
}

static void say_rules(FILE *f, const struct mh_stmt *s)
{
	static const char *const algs[] = { "any", "aes256", "p256", "raw" };
	static const struct {
		u16 type;
		const char *name, *unit;
	} numbers[] = { { MH_A_USES, "at most", "uses" }, { MH_A_RATE, "at most", "an hour" } };
	static const struct {
		u16 type;
		const char *name;
	} times[] = { { MH_A_LEASE, "kept for" }, { MH_A_RENEW, "renewed before the end by" },
		      { MH_A_RETAIN, "retained over a reboot for" },
		      { MH_A_ROTATE, "followed by another after" } };
	static const char *const ended[] = { "refused", "SERVED", "generated anew" };
	struct mh_buf t = mh_stmt_attr(s, MH_A_TEMPLATE);

	fprintf(f, "keys of %s", t.n && t.p[0] < ARRAY_SIZE(algs) ? algs[t.p[0]] : algs[0]);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (mh_stmt_num(s, times[i].type)) {
			fprintf(f, ", %s ", times[i].name);
			say_time(f, mh_stmt_num(s, times[i].type));
		}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (mh_stmt_has(s, numbers[i].type))
			fprintf(f, ", %s %llu %s", numbers[i].name,
				(unsigned long long)mh_stmt_num(s, numbers[i].type),
				numbers[i].unit);
	fputs(", for ", f);
	if (mh_stmt_has(s, MH_A_OPERATIONS))
		say_bits(f, (u32)mh_stmt_num(s, MH_A_OPERATIONS), operations);
	else
		fputs("all operations", f);
	if (mh_stmt_num(s, MH_A_EXPORT)) {
		fputs(", READABLE on the host as ", f);
		say_bits(f, (u32)mh_stmt_num(s, MH_A_EXPORT), exports);
	}
	fprintf(f, ", %s when the EPOCH has ended",
		mh_stmt_num(s, MH_A_ON_STALE) ? "still served" : "refused");
	if (mh_stmt_has(s, MH_A_OUT_OF_DATE))
		fprintf(f, ", %s when it is out of date",
			ended[mh_stmt_num(s, MH_A_OUT_OF_DATE)]);
	if (mh_stmt_has(s, MH_A_OLDER))
		fprintf(f, ", up to %llu versions older by number",
			(unsigned long long)mh_stmt_num(s, MH_A_OLDER));
}

static void say_policy(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	fprintf(f, "sets the policy %.*s: ", TEXT(s->subject));
	say_rules(f, s);
	if (!was->type)
		return;
	fputs(" (was: ", f);
	say_rules(f, was);
	fputc(')', f);
}

static void say_instance(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	if (mh_stmt_has(s, MH_A_TOMBSTONE))
		fprintf(f, "takes %.*s back: nobody gets it any more", TEXT(s->subject));
	else
		fprintf(f, "%s %.*s, %llu bytes encrypted", was->type ? "signs anew" : "adds",
			TEXT(s->subject), (unsigned long long)mh_stmt_num(s, MH_A_LENGTH));
}

static void say_delegation(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	static const char *const roles[] = {
		[MH_ROLE_SERVE] = "serve the Region's hosts",
		[MH_ROLE_FRESHNESS] = "say what is fresh (EPOCH)",
		[MH_ROLE_GENERATE] = "GENERATE keys",
		[MH_ROLE_CERTIFY] = "certify",
		[MH_ROLE_ENROL] = "ENROL hosts",
		[MH_ROLE_SUSPEND] = "suspend hosts",
	};
	static const struct {
		u16 type;
		const char *name;
	} lists[] = { { MH_A_SCOPE_GROUPS, "groups" }, { MH_A_SCOPE_DATASETS, "DataSets" },
		      { MH_A_SCOPE_EVIDENCE, "evidence" } };
	bool scope = false;

	fprintf(f, "lets %.*s %s, with the key ", TEXT(s->subject),
		roles[mh_stmt_num(s, MH_A_ROLE)]);
	say_key(f, mh_stmt_attr(s, MH_A_KEY).p);
	if (was->type)
		fputs(same(s, was, MH_A_KEY) ? ", as before" : ", ANOTHER KEY than before", f);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct mh_buf list = mh_stmt_attr(s, lists[i].type);
		struct mh_reader r;

		mh_reader_init(&r, list.p, list.n);
		for (const char *lead = ", of the "; r.left && !r.err; lead = ", ") {
			struct mh_buf name = mh_read_v(&r, MH_DATASET_MAX);

			fprintf(f, "%s%s %.*s", lead, lists[i].name, TEXT(name));
			scope = true;
		}
	}
	if (mh_stmt_has(s, MH_A_SCOPE_NAMES)) {
		fprintf(f, ", of names like %.*s", TEXT(mh_stmt_attr(s, MH_A_SCOPE_NAMES)));
		scope = true;
	}
	if (mh_stmt_has(s, MH_A_SCOPE_NUMBER))
		fprintf(f, ", at most %llu",
			(unsigned long long)mh_stmt_num(s, MH_A_SCOPE_NUMBER));
	if (!scope)
		fputs(", everywhere in the Region", f);
	if (mh_stmt_has(s, MH_A_SCOPE_KINDS)) {
		fputs(", with ", f);
		say_bits(f, (u32)mh_stmt_num(s, MH_A_SCOPE_KINDS), kinds);
	}
	if (mh_stmt_has(s, MH_A_SCOPE_LIFE)) {
		fputs(", each for at most ", f);
		say_time(f, mh_stmt_num(s, MH_A_SCOPE_LIFE));
	}
}

static void say_revoke(FILE *f, const struct mh_stmt *s, const struct mh_stmt *was)
{
	u8 type = (u8)mh_stmt_num(s, MH_A_TARGET_TYPE);

	(void)was;
	if (mh_stmt_has(s, MH_A_UNDER)) {
		fprintf(f, "revokes ALL that was made under the delegation %.*s", TEXT(s->subject));
		return;
	}
	fprintf(f, "revokes the %s %.*s up to serial %llu: ", type_word(type), TEXT(s->subject),
		(unsigned long long)mh_stmt_num(s, MH_A_UP_TO));
	switch (type) {
	case MH_ENTITY:
		fputs("its sessions end, it gets nothing more, and its kernel ends the keys that "
		      "it holds when it hears of it; what a consumer copied (an open dm-crypt "
		      "mapping) lasts until it is closed or the host reboots",
		      f);
		break;
	case MH_GROUP:
	case MH_MEMBER:
		fputs("what hosts were given through it they get no more, and their kernels end "
		      "it",
		      f);
		break;
	case MH_DATASET:
	case MH_POLICY:
	case MH_INSTANCE:
		fputs("nobody gets it any more, and kernels that hold it end it", f);
		break;
	default:
		fputs("it and what hangs on it is void", f);
	}
}

/* Who signs from then on: those that were not there before are said to be new */
static void say_set(FILE *f, const struct mh_quorum *q, const struct mh_quorum *was)
{
	fprintf(f, "%u of %u must sign: ", q->m, q->n);
	for (u8 i = 0; i < q->n; i++) {
		const u8 *key = q->keys + (size_t)i * MH_P256_PUB_LEN;

		fputs(i ? ", " : "", f);
		say_key(f, key);
		if (was->n && mh_quorum_index(was, key) < 0)
			fputs(" (NEW)", f);
	}
	for (u8 i = 0; i < was->n; i++) {
		const u8 *key = was->keys + (size_t)i * MH_P256_PUB_LEN;

		if (mh_quorum_index(q, key) >= 0)
			continue;
		fputs("; OUT: ", f);
		say_key(f, key);
	}
}

static void say_anchor(FILE *f, const struct mh_stmt *s, const struct mh_stmt *cur)
{
	struct mh_quorum q, r, was = { 0 }, before = { 0 };
	u64 least = mh_stmt_num(s, MH_A_MIN_ANCHOR);

	mh_quorum_of(&q, s);
	mh_quorum_recovery(&r, s);
	if (cur->type) {
		mh_quorum_of(&was, cur);
		mh_quorum_recovery(&before, cur);
		fprintf(f, "replaces the Region's officers by ANCHOR %llu; of them ",
			(unsigned long long)s->serial);
	} else {
		fprintf(f, "makes the Region %.*s; of its officers ", TEXT(s->subject));
	}
	say_set(f, &q, &was);
	if (r.n || before.n) {
		fputs("; of the recovery set, which can only replace them, ", f);
		if (r.n)
			say_set(f, &r, &before);
		else
			fputs("NONE is left", f);
	} else {
		fputs("; there is no recovery set", f);
	}
	if (cur->type && least > mh_stmt_num(cur, MH_A_MIN_ANCHOR))
		fprintf(f,
			"; ALL that was signed under ANCHORs before %llu is VOID (hosts, DataSets, "
			"grants, keys), but for what is signed anew here",
			(unsigned long long)least);
}

/* What the sentences above tell of each type, or tell by something else. */
static const u16 told[__MH_STMT_TYPES][16] = {
	[MH_ANCHOR] = { MH_A_KEYS, MH_A_THRESHOLD, MH_A_BEFORE, MH_A_MIN_ANCHOR,
			MH_A_RECOVERY_KEYS, MH_A_RECOVERY_THRESHOLD },
	[MH_DELEGATION] = { MH_A_KEY, MH_A_AUDIT_KEY, MH_A_ROLE, MH_A_SCOPE_GROUPS,
			    MH_A_SCOPE_DATASETS, MH_A_SCOPE_NAMES, MH_A_SCOPE_NUMBER,
			    MH_A_SCOPE_KINDS, MH_A_SCOPE_LIFE, MH_A_SCOPE_EVIDENCE },
	[MH_ENTITY] = { MH_A_KEI_KIND, MH_A_KEI, MH_A_KES, MH_A_KEC_KIND, MH_A_KEC_KID,
			MH_A_KPF_KID, MH_A_EVIDENCE },
	[MH_GROUP] = { MH_A_KEYS, MH_A_THRESHOLD, MH_A_MIN_ANCHOR, MH_A_RIGHTS, MH_A_ENROLS },
	[MH_MEMBER] = { MH_A_MEMBER_KIND },
	[MH_DATASET] = { MH_A_MODE, MH_A_KIND, MH_A_OWNER, MH_A_POLICIES },
	[MH_POLICY] = { MH_A_SELECT, MH_A_LEASE, MH_A_RENEW, MH_A_RETAIN, MH_A_USES,
			MH_A_OPERATIONS, MH_A_EXPORT, MH_A_ON_STALE, MH_A_TEMPLATE, MH_A_RATE,
			MH_A_OUT_OF_DATE, MH_A_OLDER, MH_A_ROTATE },
	[MH_INSTANCE] = { MH_A_MODE, MH_A_KIND, MH_A_POLICIES, MH_A_TEMPLATE,
			  MH_A_INSTANCE_VERSION, MH_A_STREAM_ALG, MH_A_RANDOM, MH_A_KE_KID,
			  MH_A_LENGTH, MH_A_SHA256, MH_A_DELIVERY, MH_A_TOMBSTONE },
	[MH_REVOKE] = { MH_A_TARGET_TYPE, MH_A_UP_TO, MH_A_UNDER },
};

/* Whatever else is in it, lest something that is signed stay unseen */
static void say_rest(FILE *f, const struct mh_stmt *s)
{
	struct mh_reader r;
	struct mh_attr a;
	u16 last = 0;

	mh_reader_init(&r, s->body.p, s->body.n);
	while (mh_read_attr(&r, &last, &a)) {
		bool known = a.type <= MH_A_FEATURES;

		for (size_t i = 0; i < ARRAY_SIZE(told[0]) && !known; i++)
			known = told[s->type][i] == a.type;
		if (known)
			continue;
		fprintf(f, "; AND ATTRIBUTE %u: ", a.type);
		for (size_t i = 0; i < a.v.n; i++)
			fprintf(f, "%02x", a.v.p[i]);
	}
	if (s->features)
		fprintf(f, "; WITH FEATURES 0x%x", s->features);
}

char *rc_says(const struct mh_proposal_act *a, const struct mh_stmt *anchor)
{
	static void (*const say[__MH_STMT_TYPES])(FILE *f, const struct mh_stmt *s,
						  const struct mh_stmt *was) = {
		[MH_DELEGATION] = say_delegation, [MH_ENTITY] = say_entity,
		[MH_GROUP] = say_group,		  [MH_MEMBER] = say_member,
		[MH_DATASET] = say_dataset,	  [MH_POLICY] = say_policy,
		[MH_INSTANCE] = say_instance,	  [MH_REVOKE] = say_revoke,
	};
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	bool bad;

	if (!f)
		return NULL;
	if (a->s.type == MH_ANCHOR)
		say_anchor(f, &a->s, anchor);
	else if (say[a->s.type])
		say[a->s.type](f, &a->s, &a->was);
	else
		fprintf(f, "makes a %s %.*s", type_word(a->s.type), TEXT(a->s.subject));
	say_rest(f, &a->s);
	if (a->s.type != MH_REVOKE)
		say_until(f, &a->s, &a->was);
	if (a->s.serial > 1 && !a->was.type && a->s.type != MH_ANCHOR)
		fprintf(f, "; serial %llu: WHAT IT REPLACES IS NOT SHOWN",
			(unsigned long long)a->s.serial);
	bad = ferror(f);
	if (fclose(f) || bad) {
		free(text);
		return NULL;
	}
	return text;
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Statements: the form.  One table says what each type holds; the parser
 * reads the table.  What is not canonical is refused (PROTOCOL 6).
 */
#include "statement.h"

enum check {
	CK_BYTES,	/* any bytes within the length */
	CK_U8,		/* one byte, 1..arg */
	CK_U8Z,		/* one byte, 0..arg */
	CK_LIST,	/* items of arg bytes, strictly rising */
	CK_CAPS,	/* u8 type || u32, a type once */
	CK_FLOORS,	/* u8 type || H(subject) || u64, a type and subject once */
	CK_NAMES,	/* list of v(name) */
	CK_PREFIXES,	/* list of v(dataset name or prefix) */
	CK_RIGHTS,	/* list of u16 || v(dataset name or prefix) */
	CK_NAME,	/* a name, or empty when the least length is 0 */
	CK_PATTERN,
	CK_TEMPLATE,
};

struct rule {
	u16 type;
	u16 min, max;
	u8 check;
	u8 arg;
	bool required;
};

#define U8(t, most, req)	{ t, 1, 1, CK_U8, most, req }
#define U8Z(t, most, req)	{ t, 1, 1, CK_U8Z, most, req }
#define FIXED(t, n, req)	{ t, n, n, CK_BYTES, 0, req }
#define BYTES(t, lo, hi, req)	{ t, lo, hi, CK_BYTES, 0, req }
#define LIST(t, item, most, req) { t, item, (item) * (most), CK_LIST, item, req }
#define OFFICERS(t, req)	LIST(t, MH_P256_PUB_LEN, MH_OFFICERS_MAX, req)
#define END			{ 0 }

static const struct rule anchor_rules[] = { OFFICERS(MH_A_KEYS, true),
					    U8(MH_A_THRESHOLD, MH_OFFICERS_MAX, true),
					    FIXED(MH_A_BEFORE, 32, true),
					    FIXED(MH_A_MIN_ANCHOR, 8, true),
					    { MH_A_CAPS, 5, 5 * 16, CK_CAPS, 0, false },
					    OFFICERS(MH_A_RECOVERY_KEYS, false),
					    U8(MH_A_RECOVERY_THRESHOLD, MH_OFFICERS_MAX, false),
					    END };

static const struct rule delegation_rules[] = {
	FIXED(MH_A_KEY, 64, true),
	FIXED(MH_A_AUDIT_KEY, 64, false),
	U8(MH_A_ROLE, MH_ROLE_SUSPEND, true),
	{ MH_A_SCOPE_GROUPS, 3, 4096, CK_NAMES, 0, false },
	{ MH_A_SCOPE_DATASETS, 3, 4096, CK_PREFIXES, 0, false },
	{ MH_A_SCOPE_TEMPLATE, 5, 5, CK_TEMPLATE, 0, false },
	{ MH_A_SCOPE_NAMES, 1, 64, CK_PATTERN, 0, false },
	FIXED(MH_A_SCOPE_NUMBER, 4, false),
	FIXED(MH_A_SCOPE_KINDS, 1, false),
	FIXED(MH_A_SCOPE_LIFE, 4, false),
	{ MH_A_SCOPE_EVIDENCE, 3, 1024, CK_NAMES, 0, false },
	END
};

static const struct rule entity_rules[] = { U8(MH_A_KEI_KIND, 2, true),
					    BYTES(MH_A_KEI, 32, 64, true),
					    FIXED(MH_A_KES, 64, true),
					    U8(MH_A_KEC_KIND, 2, true),
					    FIXED(MH_A_KEC_KID, 32, true),
					    BYTES(MH_A_EVIDENCE, 0, 1024, false),
					    FIXED(MH_A_KPF_KID, 32, false),
					    END };

static const struct rule group_rules[] = { OFFICERS(MH_A_KEYS, true),
					   U8(MH_A_THRESHOLD, MH_OFFICERS_MAX, true),
					   FIXED(MH_A_MIN_ANCHOR, 8, true),
					   { MH_A_RIGHTS, 5, 8192, CK_RIGHTS, 0, false },
					   { MH_A_ENROLS, 1, 64, CK_PATTERN, 0, false },
					   END };

static const struct rule member_rules[] = { U8(MH_A_MEMBER_KIND, 2, true), END };

static const struct rule dataset_rules[] = {
	U8(MH_A_MODE, MH_MODE_GROUP, true), U8(MH_A_KIND, MH_DATA_POLICY_PROGRAM, true),
	{ MH_A_OWNER, 0, 64, CK_NAME, 0, true }, LIST(MH_A_POLICIES, 32, 8, false), END
};

static const struct rule policy_rules[] = { U8(MH_A_SELECT, 1, false),
					    FIXED(MH_A_LEASE, 4, false),
					    FIXED(MH_A_RENEW, 4, false),
					    FIXED(MH_A_RETAIN, 4, false),
					    FIXED(MH_A_USES, 4, false),
					    FIXED(MH_A_OPERATIONS, 4, false),
					    FIXED(MH_A_EXPORT, 4, false),
					    U8Z(MH_A_ON_STALE, 1, false),
					    { MH_A_TEMPLATE, 5, 5, CK_TEMPLATE, 0, false },
					    FIXED(MH_A_RATE, 4, false),
					    U8Z(MH_A_OUT_OF_DATE, MH_OUT_GENERATE, false),
					    FIXED(MH_A_OLDER, 4, false),
					    FIXED(MH_A_ROTATE, 4, false),
					    END };

static const struct rule instance_rules[] = { U8(MH_A_MODE, MH_MODE_GROUP, false),
					      U8(MH_A_KIND, MH_DATA_POLICY_PROGRAM, false),
					      LIST(MH_A_POLICIES, 32, 8, false),
					      { MH_A_TEMPLATE, 5, 5, CK_TEMPLATE, 0, false },
					      FIXED(MH_A_INSTANCE_VERSION, 8, true),
					      U8(MH_A_STREAM_ALG, 1, false),
					      FIXED(MH_A_RANDOM, 32, false),
					      FIXED(MH_A_KE_KID, 32, false),
					      FIXED(MH_A_LENGTH, 8, false),
					      FIXED(MH_A_SHA256, 32, false),
					      U8(MH_A_DELIVERY, 3, false),
					      U8(MH_A_TOMBSTONE, 1, false),
					      END };

static const struct rule revoke_rules[] = { U8(MH_A_TARGET_TYPE, __MH_STMT_TYPES - 1, false),
					    FIXED(MH_A_UP_TO, 8, false),
					    FIXED(MH_A_UNDER, 32, false), END };

static const struct rule suspend_rules[] = { FIXED(MH_A_UNTIL, 8, true), END };

static const struct rule epoch_rules[] = { FIXED(MH_A_EPOCH_NUMBER, 8, true),
					   FIXED(MH_A_REVOKES, 8, true),
					   FIXED(MH_A_RUNNING, 32, true),
					   FIXED(MH_A_RESTART, 8, true),
					   { MH_A_FLOORS, 41, 41 * MH_FLOORS_MAX,
					     CK_FLOORS, 0, false },
					   END };

static const struct rule group_epoch_rules[] = { FIXED(MH_A_BEFORE, 32, true),
						 FIXED(MH_A_GROUP_EPOCH, 8, true),
						 FIXED(MH_A_KGC_KID, 32, true),
						 BYTES(MH_A_KGC_PUBLIC, 0, 32, true), END };

static const struct rule *const rules[__MH_STMT_TYPES] = {
	[MH_ANCHOR] = anchor_rules, [MH_DELEGATION] = delegation_rules,
	[MH_ENTITY] = entity_rules, [MH_GROUP] = group_rules,
	[MH_MEMBER] = member_rules, [MH_DATASET] = dataset_rules,
	[MH_POLICY] = policy_rules, [MH_INSTANCE] = instance_rules,
	[MH_REVOKE] = revoke_rules, [MH_SUSPEND] = suspend_rules,
	[MH_EPOCH] = epoch_rules,   [MH_GROUP_EPOCH] = group_epoch_rules,
};

static_assert(ARRAY_SIZE(instance_rules) <= MH_STMT_ATTRS + 1, "the longest table's attributes");

/* ---- one attribute ---- */

/* Strictly rising by their bytes; a shorter item that begins a longer one comes first. */
static bool rises(struct mh_buf before, struct mh_buf item)
{
	size_t n = before.n < item.n ? before.n : item.n;
	int d;

	if (!before.p)
		return true;
	d = memcmp(before.p, item.p, n);
	return d < 0 || (!d && before.n < item.n);
}

/* Strictly rising in each item's first key bytes: what follows them is said once. */
static bool list_ok(struct mh_buf v, size_t item, size_t key)
{
	struct mh_buf before = { NULL, 0 };
	size_t at;

	if (v.n % item)
		return false;
	for (at = 0; at < v.n; at += item) {
		struct mh_buf one = MH_BUF(v.p + at, key);

		if (!rises(before, one))
			return false;
		before = one;
	}
	return true;
}

/* A DataSet's name, or a prefix of names, which ends in '/'. */
static bool prefix_ok(struct mh_buf name)
{
	if (name.n && name.p[name.n - 1] == '/')
		name.n--;
	return mh_dataset_name_ok(name);
}

static bool vlist_ok(struct mh_buf v, size_t before_name, bool (*ok)(struct mh_buf))
{
	struct mh_buf before = { NULL, 0 };
	struct mh_reader r;

	mh_reader_init(&r, v.p, v.n);
	while (r.left && !r.err) {
		const u8 *start = r.p;
		struct mh_buf name;

		mh_read_bytes(&r, before_name);
		name = mh_read_v(&r, MH_DATASET_MAX);
		if (r.err || !ok(name) || !rises(before, MH_BUF(start, (size_t)(r.p - start))))
			return false;
		before = MH_BUF(start, (size_t)(r.p - start));
	}
	return !r.err;
}

static bool pattern_ok(struct mh_buf v)
{
	size_t i;

	for (i = 0; i < v.n; i++) {
		u8 c = v.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-' || c == '*' || c == '?'))
			return false;
	}
	return true;
}

static bool attr_ok(const struct rule *u, struct mh_buf v)
{
	if (v.n < u->min || v.n > u->max)
		return false;
	switch (u->check) {
	case CK_U8:
		return v.p[0] >= 1 && v.p[0] <= u->arg;
	case CK_U8Z:
		return v.p[0] <= u->arg;
	case CK_LIST:
		return list_ok(v, u->arg, u->arg);
	case CK_CAPS:
		return list_ok(v, 5, 1);
	case CK_FLOORS:
		return list_ok(v, 41, 33);
	case CK_NAMES:
		return vlist_ok(v, 0, mh_name_ok);
	case CK_PREFIXES:
		return vlist_ok(v, 0, prefix_ok);
	case CK_RIGHTS:
		return vlist_ok(v, 2, prefix_ok);
	case CK_NAME:
		return !v.n || mh_name_ok(v);
	case CK_PATTERN:
		return pattern_ok(v);
	case CK_TEMPLATE:
		return v.p[0] >= MH_ALG_AES256 && v.p[0] <= MH_ALG_RAW;
	}
	return true;
}

/* ---- the body ---- */

static int read_common(struct mh_reader *r, struct mh_stmt *s, u16 *last)
{
	static const u16 sizes[] = {
		[MH_A_TYPE] = 2,   [MH_A_REGION] = 32,	  [MH_A_SIGNER] = 32,	[MH_A_SERIAL] = 8,
		[MH_A_ISSUED] = 8, [MH_A_NOT_BEFORE] = 8, [MH_A_NOT_AFTER] = 8, [MH_A_FEATURES] = 4,
	};
	struct mh_buf v[MH_A_FEATURES + 1];
	struct mh_attr a;
	unsigned int i;

	for (i = MH_A_TYPE; i <= MH_A_FEATURES; i++) {
		if (!mh_read_attr(r, last, &a) || a.type != i || (sizes[i] && a.v.n != sizes[i]))
			return -EBADMSG;
		v[i] = a.v;
	}
	if (v[MH_A_TYPE].p[0] != MH_STMT_VERSION)
		return -EPROTONOSUPPORT;
	s->type = v[MH_A_TYPE].p[1];
	s->region = v[MH_A_REGION].p;
	s->signer = v[MH_A_SIGNER].p;
	s->subject = v[MH_A_SUBJECT];
	s->serial = mh_get64(v[MH_A_SERIAL].p);
	s->issued = mh_get64(v[MH_A_ISSUED].p);
	s->not_before = mh_get64(v[MH_A_NOT_BEFORE].p);
	s->not_after = mh_get64(v[MH_A_NOT_AFTER].p);
	s->features = mh_get32(v[MH_A_FEATURES].p);
	if (s->features & ~MH_FEATURES_KNOWN & 0xffff0000u)
		return -EPROTONOSUPPORT;
	if (!s->type || s->type >= __MH_STMT_TYPES || !s->serial || s->not_before > s->not_after ||
	    !s->subject.n || s->subject.n > MH_SUBJECT_MAX)
		return -EBADMSG;
	return 0;
}

static int read_attrs(struct mh_reader *r, struct mh_stmt *s, u16 *last)
{
	const struct rule *table = rules[s->type], *u = table;
	struct mh_attr a;

	while (mh_read_attr(r, last, &a)) {
		while (u->type && u->type < a.type)
			if ((u++)->required)
				return -EBADMSG;
		if (u->type == a.type) {
			if (!attr_ok(u, a.v))
				return -EBADMSG;
			s->attr[u - table] = a.v;
			u++;
		} else if (!(a.type & 0x8000)) {
			return -EBADMSG;
		}
	}
	for (; u->type; u++)
		if (u->required)
			return -EBADMSG;
	return r->err;
}

/* ---- what the attributes say together ---- */

static bool member_subject_ok(struct mh_buf s)
{
	size_t i;

	for (i = 0; i < s.n && s.p[i] != '/'; i++)
		;
	return i < s.n && mh_name_ok(MH_BUF(s.p, i)) &&
	       mh_name_ok(MH_BUF(s.p + i + 1, s.n - i - 1));
}

/* DATASET@VERSION, the version in decimal without leading zeros */
static bool instance_subject_ok(struct mh_buf s)
{
	size_t i = s.n, at;

	while (i && s.p[i - 1] >= '0' && s.p[i - 1] <= '9')
		i--;
	at = i;
	return at && at < s.n && s.n - at <= 20 && s.p[at] != '0' && s.p[at - 1] == '@' &&
		mh_dataset_name_ok(MH_BUF(s.p, at - 1));
}

static bool subject_ok(u8 type, struct mh_buf s)
{
	switch (type) {
	case MH_MEMBER:
		return member_subject_ok(s);
	case MH_DATASET:
	case MH_POLICY:
		return mh_dataset_name_ok(s);
	case MH_INSTANCE:
		return instance_subject_ok(s);
	default:
		return mh_name_ok(s);
	}
}

static bool quorum_ok(const struct mh_stmt *s, u16 keys, u16 threshold)
{
	u64 m = mh_stmt_num(s, threshold);

	return mh_stmt_has(s, keys) == mh_stmt_has(s, threshold) &&
		m <= mh_stmt_attr(s, keys).n / MH_P256_PUB_LEN;
}

static bool anchor_ok(const struct mh_stmt *s)
{
	return quorum_ok(s, MH_A_KEYS, MH_A_THRESHOLD) &&
		quorum_ok(s, MH_A_RECOVERY_KEYS, MH_A_RECOVERY_THRESHOLD) &&
		mh_stmt_num(s, MH_A_MIN_ANCHOR) <= s->serial;
}

static bool delegation_ok(const struct mh_stmt *s)
{
	bool serve = mh_stmt_num(s, MH_A_ROLE) == MH_ROLE_SERVE;

	return s->not_after - s->not_before <= MH_DELEGATION_LIFE_MAX &&
	       serve == mh_stmt_has(s, MH_A_AUDIT_KEY);
}

static bool entity_ok(const struct mh_stmt *s)
{
	return mh_stmt_attr(s, MH_A_KEI).n ==
	       (mh_stmt_num(s, MH_A_KEI_KIND) == MH_KIND_PAIR ? 64 : 32) &&
	       mh_stmt_has(s, MH_A_KPF_KID) ==
	       (mh_stmt_num(s, MH_A_KEC_KIND) == MH_KIND_SECRET);
}

static bool instance_ok(const struct mh_stmt *s)
{
	static const u16 whole[] = { MH_A_MODE,	  MH_A_KIND,   MH_A_STREAM_ALG, MH_A_RANDOM,
				     MH_A_KE_KID, MH_A_LENGTH, MH_A_SHA256,	MH_A_DELIVERY };
	bool tombstone = mh_stmt_has(s, MH_A_TOMBSTONE);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(whole); i++)
		if (mh_stmt_has(s, whole[i]) == tombstone)
			return false;
	return true;
}

static bool revoke_ok(const struct mh_stmt *s)
{
	bool under = mh_stmt_has(s, MH_A_UNDER), target = mh_stmt_has(s, MH_A_TARGET_TYPE);

	return under != target && target == mh_stmt_has(s, MH_A_UP_TO) &&
	       subject_ok(under ? MH_DELEGATION : (u8)mh_stmt_num(s, MH_A_TARGET_TYPE), s->subject);
}

static bool whole_ok(const struct mh_stmt *s)
{
	if (s->type != MH_REVOKE && !subject_ok(s->type, s->subject))
		return false;
	switch (s->type) {
	case MH_ANCHOR:
		return anchor_ok(s);
	case MH_GROUP:
		return quorum_ok(s, MH_A_KEYS, MH_A_THRESHOLD);
	case MH_DELEGATION:
		return delegation_ok(s);
	case MH_ENTITY:
		return entity_ok(s);
	case MH_INSTANCE:
		return instance_ok(s);
	case MH_REVOKE:
		return revoke_ok(s);
	case MH_SUSPEND:
		return mh_stmt_num(s, MH_A_UNTIL) >= s->issued &&
			mh_stmt_num(s, MH_A_UNTIL) - s->issued <= MH_SUSPEND_MAX;
	case MH_EPOCH:
		return s->issued <= s->not_before &&
			s->not_after - s->issued <= MH_EPOCH_LIFE_MAX;
	case MH_GROUP_EPOCH:
		return mh_stmt_attr(s, MH_A_KGC_PUBLIC).n % 32 == 0;
	}
	return true;
}

/* ---- path and signatures ---- */

/*
 * RFC 6962 2.1.1, from the leaf: root, or -EBADMSG when the path's length is not that of (index,
 * size)
 */
static int path_root(const u8 *leaf, u32 index, u32 size, const u8 *path, u8 n, u8 *root)
{
	u32 fn = index, sn = size - 1;
	const u8 one = 1;
	u8 i;

	if (!size || index >= size)
		return -EBADMSG;
	memcpy(root, leaf, MH_HASH_LEN);
	for (i = 0; i < n; i++) {
		const u8 *p = path + (size_t)i * MH_HASH_LEN;
		bool left = (fn & 1) || fn == sn;
		const struct mh_buf v[] = { MH_BUF(&one, 1), MH_BUF(left ? p : root, MH_HASH_LEN),
					    MH_BUF(left ? root : p, MH_HASH_LEN) };

		if (!sn)
			return -EBADMSG;
		mh_sha256v(root, v, 3);
		while (left && !(fn & 1) && fn) {
			fn >>= 1;
			sn >>= 1;
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn ? -EBADMSG : 0;
}

static int read_path(struct mh_reader *r, struct mh_stmt *s)
{
	u8 n = mh_read_u8(r);
	struct mh_buf path;
	u32 index, size;

	if (!n) {
		memcpy(s->root, s->leaf, MH_HASH_LEN);
		return r->err;
	}
	if (n > MH_STMT_PATH_MAX)
		return -EBADMSG;
	index = mh_read_u32(r);
	size = mh_read_u32(r);
	path = mh_read_bytes(r, (size_t)n * MH_HASH_LEN);
	return r->err ? r->err : path_root(s->leaf, index, size, path.p, n, s->root);
}

static int read_sets(struct mh_reader *r, struct mh_stmt *s)
{
	u8 i, j;

	s->sets = mh_read_u8(r);
	if (r->err || s->sets < 1 || s->sets > 2)
		return -EBADMSG;
	for (i = 0; i < s->sets; i++) {
		struct mh_sigset *set = &s->set[i];
		const size_t one = 1 + MH_SIG_LEN;

		set->which = mh_read_u8(r);
		set->m = mh_read_u8(r);
		if (r->err || set->which > MH_SET_RECOVERY || !set->m || set->m > MH_OFFICERS_MAX ||
		    (i && set->which == s->set[0].which))
			return -EBADMSG;
		set->sigs = mh_read_bytes(r, set->m * one);
		for (j = 0; !r->err && j < set->m; j++)
			if (set->sigs.p[j * one] >= MH_OFFICERS_MAX ||
			    (j && set->sigs.p[j * one] <= set->sigs.p[(j - 1) * one]))
				return -EBADMSG;
	}
	return mh_read_end(r);
}

int mh_stmt_parse(struct mh_stmt *s, const void *p, size_t n)
{
	struct mh_reader r, body;
	u16 last = 0;
	int ret;

	memset(s, 0, sizeof(*s));
	s->bytes = MH_BUF(p, n);
	mh_reader_init(&r, p, n);
	s->body = mh_read_v(&r, MH_STMT_BODY_MAX);
	if (r.err)
		return r.err;
	mh_reader_init(&body, s->body.p, s->body.n);
	ret = read_common(&body, s, &last);
	if (!ret)
		ret = read_attrs(&body, s, &last);
	if (!ret && !whole_ok(s))
		ret = -EBADMSG;
	if (ret)
		return ret;
	mh_stmt_leaf(s->body, s->leaf);
	ret = read_path(&r, s);
	return ret ? ret : read_sets(&r, s);
}

struct mh_buf mh_stmt_attr(const struct mh_stmt *s, u16 type)
{
	const struct rule *table = rules[s->type], *u;

	for (u = table; u->type; u++)
		if (u->type == type)
			return s->attr[u - table];
	return MH_BUF(NULL, 0);
}

bool mh_stmt_has(const struct mh_stmt *s, u16 type)
{
	return !!mh_stmt_attr(s, type).p;
}

u64 mh_stmt_num(const struct mh_stmt *s, u16 type)
{
	struct mh_buf v = mh_stmt_attr(s, type);

	return v.n == 1 ? v.p[0] : v.n == 4 ? mh_get32(v.p) : v.n == 8 ? mh_get64(v.p) : 0;
}

// SPDX-License-Identifier: MIT
/* repoctl instance: Data is encrypted and wrapped here, on the officer's host. */
#include "repoctl.h"
#include "core/manifest.h"
#include "core/stream.h"
#include "core/wrap.h"

#include <stdlib.h>

#define LIFE	(730ull * 86400)
#define KEY_DATA_MAX 64

/* One Instance being made; ke is wiped by the caller. */
struct making {
	const struct rc_args *args;
	const char *dataset;
	u64 version, life;
	u8 mode, kind, alg;
	u32 key_len;
	struct mh_bytes policies;	/* leaves */
	u8 random[32], icx[MH_HASH_LEN], ke[MH_KEY_LEN];
	u8 data[KEY_DATA_MAX + MH_TAG_LEN];	/* Encrypted Data: one chunk */
	size_t len;
	u8 leaf[MH_HASH_LEN];
};

static int template_of(struct rc *rc, struct making *k)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	struct mh_policy p;
	int ret = rc_get(rc, MH_POLICY, k->dataset, &bytes, &s);

	if (ret)
		return mh_fail(ret, "the DataSet's policy is not to be had");
	ret = rc_signed(rc, &s, "POLICY");
	mh_policy_decode(&p, &s);
	k->alg = p.alg;
	k->key_len = p.key_len;
	mh_bytes_free(&bytes);
	return ret;
}

static const struct rc_rest on_dataset = {
	"DataSet", "added", NULL, "make it again with repoctl dataset create --replace",
	"renew it with repoctl dataset create --replace"
};

static int read_dataset(struct rc *rc, struct making *k)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	struct mh_buf list;
	int ret = rc_get(rc, MH_DATASET, k->dataset, &bytes, &s);

	if (ret == MH_EXIT_NOTFOUND)
		return mh_fail(ret, "no DataSet %s: make it first with repoctl dataset create",
			       k->dataset);
	/* of the mode hangs who is given Ke: the server's word is not enough */
	if (!ret)
		ret = rc_signed(rc, &s, "DATASET");
	if (!ret)
		ret = rc_must_hold(rc, &s, &on_dataset);
	if (ret) {
		mh_bytes_free(&bytes);
		return ret;
	}
	k->mode = (u8)mh_stmt_num(&s, MH_A_MODE);
	k->kind = (u8)mh_stmt_num(&s, MH_A_KIND);
	list = mh_stmt_attr(&s, MH_A_POLICIES);
	ret = mh_bytes_copy(&k->policies, list.p, list.n) ?
		      mh_fail(MH_EXIT_FAILED, "out of memory") :
		      0;
	mh_bytes_free(&bytes);
	return ret ? ret : template_of(rc, k);
}

/* Found by asking: steps double while versions are there, and begin again at one where not. */
static int next_version(struct rc *rc, struct making *k)
{
	u64 have = 0, step = 1;
	char subject[MH_SUBJECT_MAX];

	for (;;) {
		struct mh_bytes bytes = { 0 };
		struct mh_stmt s;
		unsigned long long next = have + step;
		int ret;

		snprintf(subject, sizeof(subject), "%s@%llu", k->dataset, next);
		ret = rc_get(rc, MH_INSTANCE, subject, &bytes, &s);
		mh_bytes_free(&bytes);
		if (ret && ret != MH_EXIT_NOTFOUND)
			return ret;
		if (!ret) {
			have += step;
			step *= 2;
			continue;
		}
		if (step == 1)
			break;
		step = 1;
	}
	k->version = have + 1;
	return 0;
}

static int read_key(const struct rc_args *a, const struct making *k, struct mh_bytes *plain)
{
	const char *file = rc_value(a, "--file");
	u8 pub[MH_P256_PUB_LEN];
	int ret;

	if (!file && !rc_value(a, "--generate"))
		return mh_fail(MH_EXIT_USAGE, "where is the key? --file FILE (- for standard "
					      "input), or --generate");
	if (!file) {
		plain->n = k->key_len ? k->key_len : 32;
		plain->p = malloc(plain->n);
		ret = !plain->p || plain->n != 32 ? -ENOMEM :
		      k->alg == MH_ALG_P256	  ? mh_p256_generate(plain->p, pub) :
						    mh_random(plain->p, plain->n);
		return ret ? mh_fail(MH_EXIT_FAILED, "no key could be made: %s", strerror(-ret)) :
			     0;
	}
	ret = mh_file_read(file, KEY_DATA_MAX, plain);
	if (ret == -EFBIG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: more than %d bytes", file, KEY_DATA_MAX);
	if (ret)
		return mh_fail_file(file, ret);
	if (!plain->n || (k->key_len && plain->n != k->key_len) ||
	    (k->alg == MH_ALG_P256 && mh_p256_public(pub, plain->p)))
		return mh_fail(MH_EXIT_BAD_INPUT,
			       "%s: %zu bytes are no key of this DataSet, which takes %u raw bytes",
			       file, plain->n, k->key_len);
	return 0;
}

static int encrypt(struct rc *rc, struct making *k, const struct mh_bytes *plain)
{
	struct mh_stream s;
	int ret = mh_random(k->random, sizeof(k->random));

	mh_ctx_instance(rc->region, mh_text(k->dataset), k->version, k->mode,
			k->kind, 1, k->random, k->icx);
	if (!ret)
		ret = mh_random(k->ke, sizeof(k->ke));
	if (!ret)
		ret = mh_stream_begin(&s, k->ke, k->icx);
	if (ret)
		return mh_fail(MH_EXIT_FAILED, "encryption failed: %s", strerror(-ret));
	ret = mh_stream_seal(&s, true, plain->p, plain->n, k->data);
	mh_stream_end(&s);
	k->len = plain->n + MH_TAG_LEN;
	return ret ? mh_fail(MH_EXIT_FAILED, "encryption failed: %s", strerror(-ret)) : 0;
}

static int add_statement(struct rc *rc, struct making *k)
{
	struct rc_maker *m = malloc(sizeof(*m));
	const struct mh_buf data = MH_BUF(k->data, k->len);
	u8 kid[MH_HASH_LEN], sha[MH_HASH_LEN], template[5] = { k->alg };
	char subject[MH_SUBJECT_MAX];
	int ret;

	if (!m || mh_kid(MH_BUF(k->ke, 32), MH_BUF(k->icx, 32), kid)) {
		free(m);
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	}
	mh_put32(template + 1, k->key_len);
	mh_sha256v(sha, &data, 1);
	snprintf(subject, sizeof(subject), "%s@%llu", k->dataset, (unsigned long long)k->version);
	ret = rc_begin(rc, m, MH_INSTANCE, subject, k->life);
	if (!ret) {
		mh_write_attr_u8(&m->w, MH_A_MODE, k->mode);
		mh_write_attr_u8(&m->w, MH_A_KIND, k->kind);
		mh_write_attr(&m->w, MH_A_POLICIES, k->policies.p, k->policies.n);
		mh_write_attr(&m->w, MH_A_TEMPLATE, template, sizeof(template));
		mh_write_attr_u64(&m->w, MH_A_INSTANCE_VERSION, k->version);
		mh_write_attr_u8(&m->w, MH_A_STREAM_ALG, 1);
		mh_write_attr(&m->w, MH_A_RANDOM, k->random, 32);
		mh_write_attr(&m->w, MH_A_KE_KID, kid, 32);
		mh_write_attr_u64(&m->w, MH_A_LENGTH, k->len);
		mh_write_attr(&m->w, MH_A_SHA256, sha, 32);
		mh_write_attr_u8(&m->w, MH_A_DELIVERY, MH_DATA_KEY);
		ret = rc_end(rc, m, k->leaf);
	}
	free(m);
	return ret ? ret : rc_item(rc, MH_ITEM_DATA, data, MH_BUF(NULL, 0));
}

/* Kec-public of one Entity: signed for by an officer over the server's nonce. */
static int read_kec(struct rc *rc, struct mh_buf entity, struct mh_bytes *kec)
{
	struct mh_bytes nonce;
	u8 body[32 + 2 + MH_NAME_MAX + 1 + MH_SIG_LEN], digest[MH_HASH_LEN], sig[MH_SIG_LEN],
		name[2 + MH_NAME_MAX];
	struct mh_writer w, v;
	u8 officer = 0;
	int ret = rc_call(rc, MH_ADMIN_NONCE, MH_BUF(NULL, 0), &nonce);

	if (ret)
		return ret;
	mh_writer_init(&v, name, sizeof(name));
	mh_write_v(&v, entity.p, entity.n);
	const struct mh_buf parts[] = { MH_L("admin read"), mh_bytes_buf(&nonce),
					MH_BUF(rc->region, 32), MH_BUF(name, v.len) };

	mh_sha256v(digest, parts, ARRAY_SIZE(parts));
	mh_bytes_free(&nonce);
	while (officer < rc->quorum.n && memcmp(rc->quorum.keys + (size_t)officer * 64,
						mh_officer_public(rc->officer[0]), 64))
		officer++;
	if (officer == rc->quorum.n || mh_officer_sign(rc->officer[0], digest, sig))
		return mh_fail(MH_EXIT_DENIED, "%s: not a key of this Region's officers",
			       rc->key_path[0]);
	mh_writer_init(&w, body, sizeof(body));
	mh_write_bytes(&w, rc->region, 32);
	mh_write_bytes(&w, name, v.len);
	mh_write_u8(&w, officer);
	mh_write_bytes(&w, sig, sizeof(sig));
	return rc_call(rc, MH_ADMIN_READ_KEC, MH_BUF(body, w.len), kec);
}

/* Whom is wrapped for, as the signed ENTITY says it */
struct recipient {
	struct mh_buf name;
	u64 kind;
	u8 kid[MH_HASH_LEN], ecx[MH_HASH_LEN];
};

static int wrap_pair(struct rc *rc, struct making *k, const struct recipient *to, u8 *wrap)
{
	struct mh_bytes reply = { 0 };
	struct mh_reader r;
	struct mh_buf kec;
	u8 kid[MH_HASH_LEN];
	int ret = read_kec(rc, to->name, &reply);

	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	kec = mh_read_v(&r, 32);
	/* the server may lie about Kec-public; the signed ENTITY does not */
	if (mh_read_end(&r) || kec.n != 32 || mh_kid(kec, MH_BUF(to->ecx, 32), kid) ||
	    !mh_ct_equal(kid, to->kid, 32))
		ret = mh_fail(MH_EXIT_DENIED,
			      "the server's key for %.*s is not the one enrolled: nothing was "
			      "added",
			      (int)to->name.n, to->name.p);
	else if (mh_wrap_seal_hpke(wrap, k->ke, MH_BUF(k->icx, 32), kec.p, MH_BUF(to->ecx, 32),
				   NULL))
		ret = mh_fail(MH_EXIT_FAILED, "wrapping for %.*s failed", (int)to->name.n,
			      to->name.p);
	mh_bytes_free(&reply);
	return ret;
}

static int wrap_secret(struct rc *rc, struct making *k, const struct recipient *to, u8 *wrap)
{
	int ret = rc_vault(rc, k->args, false);
	const u8 *kec = rc_kec_secret(rc, to->kid);

	if (ret)
		return ret;
	if (!kec)
		return mh_fail(MH_EXIT_NOTFOUND,
			       "the Kec-secret of %.*s is in no vault that was given: nothing was "
			       "added; give the one with which it was enrolled too, by one more "
			       "--vault",
			       (int)to->name.n, to->name.p);
	if (mh_wrap_seal_secret(wrap, k->ke, MH_BUF(k->icx, 32), kec, MH_BUF(to->ecx, 32), NULL))
		return mh_fail(MH_EXIT_FAILED, "wrapping for %.*s failed", (int)to->name.n,
			       to->name.p);
	return 0;
}

static int wrap_for(struct rc *rc, struct making *k, const struct recipient *to)
{
	u8 wrap[MH_WRAP_LEN];
	int ret = to->kind == MH_KIND_PAIR ? wrap_pair(rc, k, to, wrap) :
					     wrap_secret(rc, k, to, wrap);

	return ret ? ret : rc_item(rc, MH_ITEM_WRAP, MH_BUF(wrap, sizeof(wrap)), MH_BUF(NULL, 0));
}

static int find_recipient(struct rc *rc, struct recipient *to)
{
	struct mh_bytes bytes = { 0 };
	struct mh_stmt s;
	int ret = rc_get_entity(rc, to->name, &bytes, &s);

	if (!ret)
		ret = rc_signed(rc, &s, "ENTITY");
	if (!ret) {
		memcpy(to->kid, mh_stmt_attr(&s, MH_A_KEC_KID).p, 32);
		to->kind = mh_stmt_num(&s, MH_A_KEC_KIND);
		mh_ctx_entity(rc->region, to->name, to->ecx);
	}
	mh_bytes_free(&bytes);
	return ret;
}

static int add_wraps(struct rc *rc, struct making *k, unsigned int *count)
{
	struct mh_bytes reply;
	struct mh_reader r;
	int ret = rc_entitled(rc, k->dataset, &reply);
	u16 n;

	if (ret)
		return ret;
	mh_reader_init(&r, reply.p, reply.n);
	n = mh_read_u16(&r);
	for (u16 i = 0; i < n && !ret; i++) {
		struct recipient to = { .name = mh_read_v(&r, MH_NAME_MAX) };

		mh_read_bytes(&r, 32);
		if (r.err || !mh_name_ok(to.name))
			ret = mh_fail(MH_EXIT_BAD_INPUT,
				      "repositoryd's list of entitled Entities is malformed");
		if (!ret)
			ret = find_recipient(rc, &to);
		if (!ret)
			ret = wrap_for(rc, k, &to);
	}
	*count = n;
	mh_bytes_free(&reply);
	return ret;
}

static const struct rc_option add_options[] = {
	{ "--file", "FILE", "the key's raw bytes; - for standard input" },
	{ "--generate", NULL, "make a key that nobody has seen" },
	{ "--life", "TIME", "validity (default 730d)" },
	RC_VAULT_OPTION("; again for more"),
	{ 0 },
};

static int instance_add(struct rc *rc, const struct rc_args *a)
{
	struct making *k = calloc(1, sizeof(*k));
	struct mh_bytes plain = { 0 };
	unsigned int wraps = 0;
	int ret;

	if (!k)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	k->args = a;
	k->dataset = a->operand[0];
	ret = rc_duration(a, "--life", LIFE, RC_LIFE_MAX, &k->life);
	if (!ret)
		ret = rc_open_quorum(rc);
	if (!ret)
		ret = read_dataset(rc, k);
	if (!ret)
		ret = next_version(rc, k);
	if (!ret)
		ret = read_key(a, k, &plain);
	if (!ret)
		ret = encrypt(rc, k, &plain);
	mh_bytes_free(&plain);
	if (!ret)
		ret = add_statement(rc, k);
	if (!ret)
		ret = k->mode == MH_MODE_SESSION ?
			      rc_item_sealed(rc, MH_ITEM_KE, MH_L("admin ke"), k->leaf, k->ke) :
			      add_wraps(rc, k, &wraps);
	if (!ret)
		ret = rc_submit(rc);
	if (!ret && rc->json)
		rc_print(json_pack("{s:s,s:I,s:I}", "dataset", k->dataset, "version",
				   (json_int_t)k->version, "wraps", (json_int_t)wraps));
	else if (!ret && k->mode == MH_MODE_GROUP)
		printf("%s@%llu added, wrapped for %u host%s\n", k->dataset,
		       (unsigned long long)k->version, wraps, wraps == 1 ? "" : "s");
	else if (!ret)
		printf("%s@%llu added\n", k->dataset, (unsigned long long)k->version);
	mh_bytes_free(&k->policies);
	mh_wipe(k, sizeof(*k));
	free(k);
	return ret;
}

const struct rc_verb rc_instance_verbs[] = {
	{ "instance", "add", "DATASET", 1, 1,
	  "add a version of a key: encrypted, wrapped and signed on this host", add_options,
	  instance_add },
	{ 0 },
};

/* SPDX-License-Identifier: MIT */
/* stmt answer: DATASET, INSTANCE, wrap and data that an officer could have made. Part of stmt.c. */
struct making {
	const char *name, *key, *dir;
	u64 serial, version, kind, len, life, tombstone, owner, now, mode, inputs, sha, region;
	u8 random[32], icx[MH_HASH_LEN], ke[MH_KEY_LEN];
	u8 chunk[1024 + MH_TAG_LEN];
};

static void keep(const struct making *k, const char *name, const u8 *p, size_t n)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	if (mh_file_write(path, p, n, 0600))
		die(path);
}

static void keep_signed(const struct making *k, const char *name, const struct mh_writer *b)
{
	u8 leaf[MH_HASH_LEN], sig[MH_SIG_LEN];
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	mh_stmt_leaf(MH_BUF(b->p, b->len), leaf);
	sign(k->key, leaf, sig, NULL);
	if (b->err || put_file(path, MH_BUF(b->p, b->len), sig))
		die(path);
}

static void make_dataset(const struct making *k)
{
	struct mh_writer b;
	u8 body[1024];

	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_DATASET, region, anchor_leaf, MH_BUF(k->name, strlen(k->name)),
		      k->serial, k->now, k->now, k->now + 3600);
	mh_write_attr_u8(&b, MH_A_MODE, (u8)k->mode);
	mh_write_attr_u8(&b, MH_A_KIND, (u8)k->kind);
	mh_write_attr(&b, MH_A_OWNER, "nobody", k->owner ? 6 : 0);
	keep_signed(k, "dataset", &b);
}

/* Data, and Ke in the open, as the mode session has it */
static void make_data(struct making *k)
{
	u8 wrap[1 + MH_WRAP_LEN] = { 0 }, plain[1024] = { 0 };
	struct mh_stream s;

	mh_ctx_instance(region, MH_BUF(k->name, strlen(k->name)), k->version, MH_MODE_SESSION,
			(u8)k->kind, 1, k->random, k->icx);
	if (k->len > sizeof(plain) || mh_random(k->ke, sizeof(k->ke)) ||
	    mh_wrap_seal_none(wrap + 1, k->ke, MH_BUF(k->icx, 32)) ||
	    mh_stream_begin(&s, k->ke, k->icx) ||
	    mh_stream_seal(&s, true, plain, k->len, k->chunk))
		die("no data");
	mh_stream_end(&s);
	keep(k, "wrap", wrap, sizeof(wrap));
	keep(k, "chunk", k->chunk, k->len + MH_TAG_LEN);
}

static void make_manifest(const struct making *k)
{
	const struct mh_buf data = MH_BUF(k->chunk, k->len + MH_TAG_LEN);
	u8 body[1024], kid[MH_HASH_LEN], sha[MH_HASH_LEN], template[5] = { MH_ALG_RAW };
	char subject[MH_SUBJECT_MAX];
	struct mh_writer b;
	u8 random[32];

	memcpy(random, k->random, sizeof(random));
	random[0] ^= (u8)k->inputs;
	snprintf(subject, sizeof(subject), "%s@%llu", k->name, (unsigned long long)k->version);
	if (mh_kid(MH_BUF(k->ke, 32), MH_BUF(k->icx, 32), kid))
		die("no kid");
	mh_put32(template + 1, (u32)k->len);
	mh_sha256v(sha, &data, 1);
	sha[0] ^= (u8)k->sha;
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_INSTANCE, region, anchor_leaf, MH_BUF(subject, strlen(subject)),
		      k->serial, k->now, k->now, k->now + k->life);
	if (!k->tombstone) {
		mh_write_attr_u8(&b, MH_A_MODE, (u8)k->mode);
		mh_write_attr_u8(&b, MH_A_KIND, (u8)k->kind);
	}
	if (!k->tombstone && k->kind == MH_DATA_KEY)
		mh_write_attr(&b, MH_A_TEMPLATE, template, sizeof(template));
	mh_write_attr_u64(&b, MH_A_INSTANCE_VERSION, k->version);
	if (k->tombstone) {
		mh_write_attr_u8(&b, MH_A_TOMBSTONE, 1);
	} else {
		mh_write_attr_u8(&b, MH_A_STREAM_ALG, 1);
		mh_write_attr(&b, MH_A_RANDOM, random, 32);
		mh_write_attr(&b, MH_A_KE_KID, kid, 32);
		mh_write_attr_u64(&b, MH_A_LENGTH, data.n);
		mh_write_attr(&b, MH_A_SHA256, sha, 32);
		mh_write_attr_u8(&b, MH_A_DELIVERY, (u8)k->kind);
	}
	keep_signed(k, "manifest", &b);
}

static int answer(char **v)
{
	struct making k = { v[0], v[1], v[2], .version = 1, .kind = MH_DATA_KEY, .len = 32,
			    .life = 3600, .mode = MH_MODE_SESSION, .now = (u64)time(NULL) };
	const struct {
		const char *name;
		u64 *to;
	} fields[] = {
		{ "serial", &k.serial }, { "version", &k.version }, { "kind", &k.kind },
		{ "len", &k.len }, { "life", &k.life }, { "tombstone", &k.tombstone },
		{ "owner", &k.owner }, { "mode", &k.mode }, { "inputs", &k.inputs },
		{ "sha", &k.sha }, { "region", &k.region },
	};
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	k.serial = (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
	for (v += 3; *v; v++) {
		char *value = strchr(*v, '=');
		size_t i = 0;

		while (value && i < ARRAY_SIZE(fields) &&
		       strncmp(*v, fields[i].name, (size_t)(value - *v)))
			i++;
		if (!value || i == ARRAY_SIZE(fields))
			die(*v);
		*fields[i].to = strtoull(value + 1, NULL, 0);
	}
	world();
	region[0] ^= (u8)k.region;
	if (mh_random(k.random, sizeof(k.random)))
		die("no randomness");
	make_dataset(&k);
	make_data(&k);
	make_manifest(&k);
	return 0;
}

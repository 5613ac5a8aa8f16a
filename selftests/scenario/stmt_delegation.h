/* SPDX-License-Identifier: MIT */
/* stmt suspend, narrow, epoch, steal: DELEGATIONs, and what their keys sign. Part of stmt.c. */
static int suspend(char **v)
{
	u64 now, life = v[4] ? strtoull(v[4], NULL, 0) : 3600, serial;
	struct timespec t;
	u8 body[1024], key[32], pub[64], leaf[MH_HASH_LEN], own[MH_HASH_LEN], sig[MH_SIG_LEN];
	struct mh_writer b;

	world();
	if (mh_p256_generate(key, pub))
		die("no key");
	clock_gettime(CLOCK_REALTIME, &t);
	now = (u64)t.tv_sec;
	serial = now * 1000 + (u64)t.tv_nsec / 1000000;	/* above that of the one before */
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_DELEGATION, region, anchor_leaf, MH_BUF("guard", 5), serial, now, now,
		      now + 3600);
	mh_write_attr(&b, MH_A_KEY, pub, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_SUSPEND);
	mh_stmt_leaf(MH_BUF(body, b.len), leaf);
	sign(v[1], leaf, sig, key);
	if (b.err || put_file(v[2], MH_BUF(body, b.len), sig))
		die(v[2]);
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_SUSPEND, region, leaf, MH_BUF(v[0], strlen(v[0])), serial, now, now,
		      now + 3600);
	mh_write_attr_u64(&b, MH_A_UNTIL, now + life);
	mh_stmt_leaf(MH_BUF(body, b.len), own);
	sign("stranger", own, sig, key);
	if (b.err || put_file(v[3], MH_BUF(body, b.len), sig))
		die(v[3]);
	return 0;
}

static int narrow(char **v)
{
	u8 body[1024], leaf[MH_HASH_LEN], sig[MH_SIG_LEN], scope[2 + MH_DATASET_MAX];
	struct mh_writer w, list;
	struct mh_bytes b;
	struct mh_stmt s;

	newest(MH_DELEGATION, v[0], &b);
	mh_writer_init(&list, scope, sizeof(scope));
	mh_write_v(&list, v[3], strlen(v[3]));
	mh_writer_init(&w, body, sizeof(body));
	if (mh_stmt_parse(&s, b.p + 4, b.n - 4))
		die("not a statement");
	mh_stmt_begin(&w, MH_DELEGATION, region, anchor_leaf, s.subject, s.serial + 1, s.issued,
		      s.not_before, s.not_after);
	for (int type = MH_A_KEY; type < MH_A_SCOPE_DATASETS; type++)
		if (mh_stmt_has(&s, (u16)type))
			mh_write_attr(&w, (u16)type, mh_stmt_attr(&s, (u16)type).p,
				      mh_stmt_attr(&s, (u16)type).n);
	mh_write_attr(&w, MH_A_SCOPE_DATASETS, scope, list.len);
	mh_stmt_leaf(MH_BUF(body, w.len), leaf);
	sign(v[1], leaf, sig, NULL);
	mh_bytes_free(&b);
	if (w.err || put_file(v[2], MH_BUF(body, w.len), sig))
		die(v[2]);
	return 0;
}

/* A list of one floor: no DATASET of that name below a serial that none will have */
static void write_floor(struct mh_writer *w, const char *dataset)
{
	const struct mh_buf name = MH_BUF(dataset, strlen(dataset));
	u8 floor[1 + MH_HASH_LEN + 8] = { MH_DATASET };

	mh_sha256v(floor + 1, &name, 1);
	mh_put64(floor + 33, 1ull << 62);
	mh_write_attr(w, MH_A_FLOORS, floor, sizeof(floor));
}

/* What a stolen freshness key can say, and the officer's REVOKE of all that it said */
static int epoch(char **v)
{
	static const u8 zero[32];
	const struct mh_buf who = MH_BUF("evil.freshness", 14);
	u64 now = (u64)time(NULL), ahead = now + strtoull(v[5], NULL, 0);
	u8 body[1024], key[32], pub[64], leaf[MH_HASH_LEN], own[MH_HASH_LEN], sig[MH_SIG_LEN];
	struct mh_writer b;

	world();
	if (mh_p256_generate(key, pub))
		die("no key");
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_DELEGATION, region, anchor_leaf, who, 1, now, now, now + 7200);
	mh_write_attr(&b, MH_A_KEY, pub, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, MH_ROLE_FRESHNESS);
	mh_stmt_leaf(MH_BUF(body, b.len), leaf);
	sign(v[1], leaf, sig, NULL);
	if (b.err || put_file(v[2], MH_BUF(body, b.len), sig))
		die(v[2]);
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_EPOCH, region, leaf, who, 1, ahead, ahead, ahead + 3600);
	mh_write_attr_u64(&b, MH_A_EPOCH_NUMBER, 1);
	mh_write_attr_u64(&b, MH_A_REVOKES, 0);
	mh_write_attr(&b, MH_A_RUNNING, zero, 32);
	mh_write_attr_u64(&b, MH_A_RESTART, 0);
	write_floor(&b, v[0]);
	mh_stmt_leaf(MH_BUF(body, b.len), own);
	sign("stranger", own, sig, key);
	if (b.err || put_file(v[3], MH_BUF(body, b.len), sig))
		die(v[3]);
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_REVOKE, region, anchor_leaf, who, 1, now, now, now + 3600);
	mh_write_attr(&b, MH_A_UNDER, leaf, 32);
	mh_stmt_leaf(MH_BUF(body, b.len), own);
	sign(v[1], own, sig, NULL);
	if (b.err || put_file(v[4], MH_BUF(body, b.len), sig))
		die(v[4]);
	return 0;
}

static int steal(char **v)
{
	static const char *const roles[] = {
		[MH_ROLE_SERVE] = "serve", [MH_ROLE_FRESHNESS] = "freshness",
		[MH_ROLE_GENERATE] = "generate", [MH_ROLE_CERTIFY] = "certify",
		[MH_ROLE_ENROL] = "enrol", [MH_ROLE_SUSPEND] = "suspend",
	};
	u64 now = (u64)time(NULL);
	u8 role = MH_ROLE_SERVE, body[1024], key[32], pub[64], leaf[MH_HASH_LEN], sig[MH_SIG_LEN];
	struct mh_writer b;
	char path[300];

	while (role < ARRAY_SIZE(roles) && strcmp(roles[role], v[0]) != 0)
		role++;
	world();
	if (role == ARRAY_SIZE(roles) || mh_p256_generate(key, pub))
		die(v[0]);
	mh_writer_init(&b, body, sizeof(body));
	mh_stmt_begin(&b, MH_DELEGATION, region, anchor_leaf, MH_BUF(v[1], strlen(v[1])), 1, now,
		      now, now + 30 * 86400);
	mh_write_attr(&b, MH_A_KEY, pub, 64);
	if (role == MH_ROLE_SERVE)
		mh_write_attr(&b, MH_A_AUDIT_KEY, pub, 64);
	mh_write_attr_u8(&b, MH_A_ROLE, role);
	mh_stmt_leaf(MH_BUF(body, b.len), leaf);
	sign(v[2], leaf, sig, NULL);
	mkdir(v[3], 0700);
	snprintf(path, sizeof(path), "%s/key", v[3]);
	if (b.err || mh_file_write(path, key, sizeof(key), 0600))
		die(path);
	snprintf(path, sizeof(path), "%s/delegation", v[3]);
	if (put_file(path, MH_BUF(body, b.len), sig))
		die(path);
	return 0;
}

// SPDX-License-Identifier: MIT
/* microhsm init, unlock, request, join, forget: an identity's life. */
#include "microhsm.h"
#include "core/messages.h"
#include "lib/code.h"
#include "lib/json.h"

#include <dirent.h>
#include <keyutils.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Constants of the Seat given by --seat file:PATH; the kernel hashes them. */
struct seats {
	struct mh_seat_constant c[MH_USEATS_MAX];
	struct mh_bytes bytes[MH_USEATS_MAX];
	unsigned int n;
};

static void seats_free(struct seats *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		mh_bytes_free(&s->bytes[i]);
}

/* A device-secret file that is not there yet is made, 0600, from the kernel's generator. */
static int make_secret(const char *path)
{
	u8 secret[32];
	int ret = mh_random(secret, sizeof(secret));

	if (!ret)
		ret = mh_file_write(path, secret, sizeof(secret), 0600);
	mh_wipe(secret, sizeof(secret));
	return ret;
}

static int seats_read(struct mht *t, struct seats *s, bool make)
{
	char fallback[PATH_MAX];
	const char *const *v, *only[1];
	unsigned int n = mht_values(t, "--seat", &v);

	if (!n) {
		snprintf(fallback, sizeof(fallback), "file:%s/device-secret", t->state);
		only[0] = fallback;
		v = only;
		n = 1;
		if (make && mkdir(t->state, 0700) && errno != EEXIST)
			return mh_fail_file(t->state, -errno);
	}
	for (unsigned int i = 0; i < n; i++) {
		const char *path = v[i] + 5;
		int ret;

		if (strncmp(v[i], "file:", 5) || !*path)
			return mh_fail(MH_EXIT_USAGE, "--seat %s: this release knows file:PATH",
				       v[i]);
		ret = mh_file_read(path, MH_UCONSTANT_MAX, &s->bytes[i]);
		if (ret == -ENOENT && make) {
			ret = make_secret(path);
			if (!ret)
				ret = mh_file_read(path, MH_UCONSTANT_MAX, &s->bytes[i]);
		}
		if (ret)
			return mh_fail_file(path, ret);
		s->n = i + 1;
		if (s->bytes[i].n < 32)
			return mh_fail(MH_EXIT_BAD_INPUT,
				       "the device secret %s is shorter than 32 bytes", path);
		s->c[i] = (struct mh_seat_constant){ .type = MH_SEAT_FILE, .index = i,
						     .ptr = (__u64)(uintptr_t)s->bytes[i].p,
						     .len = (__u32)s->bytes[i].n };
	}
	return 0;
}

static int owner(struct mht *t, __u32 *uid, __u32 *gid)
{
	const struct {
		const char *option;
		__u32 *out;
	} o[] = { { "--uid", uid }, { "--gid", gid } };

	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		const char *v = mht_value(t, o[i].option);
		u64 n = 0;

		if (v && mh_number(v, 0, UINT32_MAX - 1, &n))
			return mh_fail(MH_EXIT_USAGE, "%s %s is no number", o[i].option, v);
		*o[i].out = (__u32)n;
	}
	return 0;
}

#define SEAT_OPTIONS \
	{ "--seat", "file:PATH", \
	  "a constant of the Seat of Trust; again for more (default file:STATE/device-secret)" }, \
	{ "--uid", "N", "whose the identity is; only its owner may fetch (default 0)" }, \
	{ "--gid", "N", "and its group" }

static const struct mht_option init_options[] = {
	SEAT_OPTIONS,
	{ "--kei", "KIND", "how it proves itself to servers: pair (default) or secret" },
	{ "--kec", "KIND", "what its keys are wrapped to: pair (default) or secret" },
	{ 0 },
};

static int kinds(struct mht *t, __u32 *flags)
{
	const struct {
		const char *option;
		__u32 flag;
	} o[] = { { "--kei", MH_INIT_KEI_SECRET }, { "--kec", MH_INIT_KEC_SECRET } };

	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		const char *v = mht_value(t, o[i].option);

		if (v && strcmp(v, "pair") && strcmp(v, "secret"))
			return mh_fail(MH_EXIT_USAGE, "%s %s: pair or secret", o[i].option, v);
		*flags |= v && !strcmp(v, "secret") ? o[i].flag : 0;
	}
	return 0;
}

static const struct mht_option seat_options[] = {
	SEAT_OPTIONS,
	{ 0 },
};

static int run_init(struct mht *t)
{
	struct mh_init io = { .size = sizeof(io) };
	struct seats s = { 0 };
	const char *name = t->operand[0];
	int ret;

	if (!mh_name_ok(mh_text(name)))
		return mh_fail(MH_EXIT_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -", name);
	snprintf(io.name, sizeof(io.name), "%s", name);
	ret = owner(t, &io.uid, &io.gid);
	if (!ret)
		ret = kinds(t, &io.flags);
	if (!ret)
		ret = mht_device(t);
	if (!ret)
		ret = seats_read(t, &s, true);
	if (!ret) {
		io.seats = (__u64)(uintptr_t)s.c;
		io.nseats = s.n;
		ret = mht_ioctl(t, MH_IOC_INIT, &io, "making the identity");
	}
	seats_free(&s);
	if (!ret) {
		ret = mht_write_blob(t, t->device, io.serial);
		if (ret) {	/* all or nothing: one that no file holds would be lost unseen */
			if (keyctl_revoke(io.serial) < 0)
				return mht_tell(errno, "taking the identity back");
			mh_note("microhsm: no identity was made; make room, or name another "
				"--state, and run it again");
		}
	}
	if (!ret && t->json)
		mht_print(json_pack("{s:s,s:i}", "identity", name, "key", io.serial));
	else if (!ret)
		printf("identity %s made in the kernel (key %d), sealed to %s; a copied disk with "
		       "this file opens it\n",
		       name, io.serial,
		       mht_value(t, "--seat") ? mht_value(t, "--seat") : "the device secret");
	return ret;
}

static int unlock_one(struct mht *t, const char *path, __u32 uid, __u32 gid,
		      unsigned long long *opened)
{
	struct mh_unlock io = { .size = sizeof(io), .uid = uid, .gid = gid };
	struct mh_bytes blob = { 0 };
	struct seats s = { 0 };
	int ret = mh_file_read(path, MH_UBLOB_MAX, &blob);

	if (ret)
		return mh_fail_file(path, ret);
	if (!blob.n) {
		mh_bytes_free(&blob);
		return mh_fail(MH_EXIT_BAD_INPUT, "%s is empty: no sealed identity", path);
	}
	ret = seats_read(t, &s, false);
	if (!ret) {
		io.blob = (__u64)(uintptr_t)blob.p;
		io.len = (__u32)blob.n;
		io.seats = (__u64)(uintptr_t)s.c;
		io.nseats = s.n;
		if (ioctl(t->device, MH_IOC_UNLOCK, &io) < 0) {
			if (errno == EBUSY && io.wait_ms)
				ret = mh_fail(MH_EXIT_DENIED,
					      "%s: too many wrong tries; wait %u seconds", path,
					      (io.wait_ms + 999) / 1000);
			else
				ret = mht_tell(errno, path);
		} else if (t->json) {
			mh_json_item(json_pack("{s:s,s:i}", "blob", path, "key", io.serial),
				     opened);
		} else {
			printf("%s unlocked (key %d)\n", path, io.serial);
		}
	}
	seats_free(&s);
	mh_bytes_free(&blob);
	return ret;
}

static int unlock_all(struct mht *t, __u32 uid, __u32 gid, unsigned long long *opened)
{
	DIR *d = opendir(t->state);
	char path[PATH_MAX];
	struct dirent *e;
	unsigned int n = 0;
	int ret = 0, one;

	if (!d)
		return mh_fail_file(t->state, -errno);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len < 6 || strcmp(e->d_name + len - 5, ".blob"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", t->state, e->d_name);
		n++;
		one = unlock_one(t, path, uid, gid, opened);
		if (one)
			ret = one;
	}
	closedir(d);
	return n ? ret :
		   mh_fail(MH_EXIT_NOTFOUND, "no sealed identity in %s; microhsm init makes one",
			   t->state);
}

static int run_unlock(struct mht *t)
{
	unsigned long long opened = 0;
	__u32 uid = 0, gid = 0;
	int ret = owner(t, &uid, &gid);

	if (!ret)
		ret = mht_device(t);
	if (ret)
		return ret;
	ret = t->operands ? unlock_one(t, t->operand[0], uid, gid, &opened) :
			    unlock_all(t, uid, gid, &opened);
	if (t->json && opened)
		mh_json_end(opened);
	return ret;
}

static const struct mht_option request_options[] = {
	{ "--output", "FILE", "where to write it (default - : standard output)" },
	{ "--binary", NULL, "binary, not text" },
	{ 0 },
};

static int run_request(struct mht *t)
{
	struct mh_request_io io = { .size = sizeof(io), .len = MH_UREQUEST_MAX };
	const char *out = mht_value(t, "--output") ? mht_value(t, "--output") : "-";
	char fingerprint[MH_FINGERPRINT_LEN];
	u8 buf[MH_UREQUEST_MAX], hash[32];
	int ret;

	if (t->json && !strcmp(out, "-"))
		return mh_fail(MH_EXIT_USAGE,
			       "standard output is for the request or for --json: give --output FILE");
	ret = mht_identity(t, t->operands ? t->operand[0] : NULL, &io.serial);
	io.buf = (__u64)(uintptr_t)buf;
	if (!ret)
		ret = mht_ioctl(t, MH_IOC_REQUEST, &io, "making the join request");
	if (ret)
		return ret;
	ret = mh_armour_write(out, "JOIN REQUEST", buf, io.len, !!mht_value(t, "--binary"), 0600);
	if (ret)
		return mh_fail_file(out, ret);
	mh_join_request_hash(MH_BUF(buf, io.len), hash);
	mh_fingerprint(hash, fingerprint);
	if (t->json)
		mht_print(json_pack("{s:s,s:s}", "request", out, "fingerprint", fingerprint));
	mh_note("fingerprint of the request: %s\nThe officer compares it before enrolling. Send "
		"the request by a route that keeps it to yourselves.",
		fingerprint);
	return 0;
}

static const struct mht_option join_options[] = {
	{ "--region", "FINGERPRINT", "the Region's, as an officer told it; else it is asked" },
	{ "--identity", "NAME", "the pending identity, when there are several" },
	{ "--code", "FILE", "the bundle's one-time code, - for standard input; else it is asked" },
	{ 0 },
};

static int bundle_region(const struct mh_bundle *b, u8 region[32], char *label, size_t size)
{
	struct mh_reader r;
	struct mh_buf first;
	struct mh_stmt s;

	mh_reader_init(&r, b->anchor_bytes.p, b->anchor_bytes.n);
	first = mh_read_big(&r, MH_STMT_MAX);
	if (r.err || mh_stmt_parse(&s, first.p, first.n) || s.type != MH_ANCHOR ||
	    mh_anchor_genesis(&s, region))
		return -EBADMSG;
	snprintf(label, size, "%.*s", (int)s.subject.n, s.subject.p);
	return 0;
}

static int confirm_region(struct mht *t, const char *label, const u8 region[32])
{
	const char *given = mht_value(t, "--region");
	char fingerprint[MH_FINGERPRINT_LEN], typed[128];

	mh_fingerprint(region, fingerprint);
	if (!given) {
		mh_note("The bundle is of Region %s, fingerprint\n\n    %s\n", label, fingerprint);
		if (mh_prompt_line("The same as the officer's? Type it, or yes: ", typed,
				   sizeof(typed)))
			return mh_fail(MH_EXIT_USAGE,
				       "no terminal to confirm on: give --region FINGERPRINT");
		given = strcmp(typed, "yes") ? typed : fingerprint;
	}
	if (!mh_fingerprint_same(given, fingerprint))
		return mh_fail(MH_EXIT_DENIED,
			       "the bundle is of Region %s with fingerprint %s, not the one given: "
			       "nothing was joined",
			       label, fingerprint);
	return 0;
}

/* A code is a secret until the host has joined: no argument has it, no terminal shows it. */
static int read_code(struct mht *t, const struct mh_bundle *b, u8 code[MH_JOIN_CODE_LEN])
{
	const char *file = mht_value(t, "--code");
	struct mh_bytes bytes = { 0 };
	char typed[128] = "";
	int ret = 0;

	if (b->route != MH_ROUTE_CODE)
		return file ? mh_fail(MH_EXIT_USAGE, "this bundle has no code") : 0;
	if (file)
		ret = mh_file_read(file, sizeof(typed) - 1, &bytes);
	else if (mh_prompt_secret("The bundle's code, which the officer told: ", typed,
				  sizeof(typed)))
		return mh_fail(MH_EXIT_USAGE, "no terminal to type the code on: give --code FILE");
	if (ret)
		return mh_fail_file(file, ret);
	if (bytes.n)
		memcpy(typed, bytes.p, bytes.n);
	mh_bytes_free(&bytes);
	if (mh_code_read(typed, code))
		ret = mh_fail(MH_EXIT_BAD_INPUT,
			      "that is no code, which has 32 letters and digits 2 to 7");
	mh_wipe(typed, sizeof(typed));
	return ret;
}

/* The kernel takes no EPOCH that has ended, and says of all faults the same. */
static int check_age(const char *path, const struct mh_bundle *b)
{
	struct mh_stmt epoch;
	char until[24];

	if (mh_stmt_parse(&epoch, b->epoch.p, b->epoch.n) ||
	    epoch.not_after >= (u64)time(NULL))
		return 0;
	mh_time_text(epoch.not_after, until);
	return mh_fail(MH_EXIT_DENIED,
		       "%s was good until %s: have it made anew by repoctl entity enrol, and with "
		       "--replace if this host's keys are secrets; if it is not that old, look at "
		       "this host's clock",
		       path, until);
}

static int run_join(struct mht *t)
{
	u8 code[MH_JOIN_CODE_LEN];
	struct mh_bytes bytes = { 0 };
	char label[MH_UNAME_MAX];
	struct mh_bundle b;
	u8 region[32];
	__s32 pending, serial = 0;
	int ret = mht_identity(t, mht_value(t, "--identity"), &pending);

	if (ret)
		return ret;
	ret = mh_armour_read(t->operand[0], "JOIN BUNDLE", MH_BUNDLE_MAX, &bytes);
	if (ret == -EBADMSG)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a join bundle", t->operand[0]);
	if (ret)
		return mh_fail_file(t->operand[0], ret);
	if (mh_bundle_decode(&b, mh_bytes_buf(&bytes)) ||
	    bundle_region(&b, region, label, sizeof(label)))
		ret = mh_fail(MH_EXIT_BAD_INPUT, "%s: not a join bundle", t->operand[0]);
	if (!ret)
		ret = check_age(t->operand[0], &b);
	if (!ret)
		ret = confirm_region(t, label, region);
	if (!ret)
		ret = mht_blob_room(t, pending, label);
	if (!ret)
		ret = read_code(t, &b, code);
	if (!ret) {
		ret = -mht_netlink_join(pending, region, bytes.p, bytes.n,
					b.route == MH_ROUTE_CODE ? code : NULL, &serial);
		if (ret == EBADMSG && b.route == MH_ROUTE_CODE)
			ret = mh_fail(MH_EXIT_BAD_INPUT,
				      "joining: the code is another bundle's, or this one is "
				      "damaged; nothing was joined");
		else if (ret == ENOKEY)
			ret = mh_fail(MH_EXIT_NOTFOUND,
				      "joining: the bundle answers another request than this host's; "
				      "have the one that microhsm request gives enrolled");
		else if (ret)
			ret = mht_tell(ret, "joining");
	}
	mh_wipe(code, sizeof(code));
	mh_bytes_free(&bytes);
	if (!ret)
		ret = mht_device(t);
	if (!ret) {
		ret = mht_write_blob(t, t->device, serial);
		if (ret)
			mh_note("microhsm: joined Region %s (key %d), but that is on no disk: make "
				"room, then start microhsm agent, which seals it; after a reboot "
				"before that, join again by the same bundle", label, serial);
	}
	if (!ret && t->json)
		mht_print(json_pack("{s:s,s:i}", "region", label, "key", serial));
	else if (!ret)
		printf("joined Region %s (key %d)\n", label, serial);
	return ret;
}

static int run_forget(struct mht *t)
{
	__s32 serial;
	int ret = mht_identity(t, t->operands ? t->operand[0] : NULL, &serial);

	if (ret)
		return ret;
	if (keyctl_revoke(serial) < 0)
		return mht_tell(errno, "forgetting the identity");
	if (t->json)
		mht_print(json_pack("{s:i}", "forgotten", serial));
	else
		printf("forgotten until it is unlocked again; the sealed blob stays in %s\n",
		       t->state);
	return 0;
}

const struct mht_verb mht_identity_verbs[] = {
	{ "init", "NAME", 1, 1, "make this host's identity, in the kernel, sealed to its seat",
	  init_options, run_init, false },
	{ "unlock", "[BLOB]", 0, 1, "open sealed identities after a boot", seat_options,
	  run_unlock, false },
	{ "request", "[NAME]", 0, 1, "write the join request of a new identity", request_options,
	  run_request, false },
	{ "join", "BUNDLE", 1, 1,
	  "join a Region by the officer's bundle, after comparing its fingerprint", join_options,
	  run_join, false },
	{ "forget", "[REGION]", 0, 1, "wipe an identity from the kernel, and end its sessions",
	  NULL, run_forget, false },
	{ 0 },
};

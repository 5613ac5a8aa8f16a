// SPDX-License-Identifier: MIT
/* microhsm fetch, keys, seal, open: delivered keys and their use. */
#include "microhsm.h"
#include "core/crypto.h"
#include "lib/json.h"

#include <fcntl.h>
#include <keyutils.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct word {
	const char *name;
	long value;
};

static const struct word keyrings[] = {
	{ "@t", KEY_SPEC_THREAD_KEYRING },	  { "@p", KEY_SPEC_PROCESS_KEYRING },
	{ "@s", KEY_SPEC_SESSION_KEYRING },	  { "@u", KEY_SPEC_USER_KEYRING },
	{ "@us", KEY_SPEC_USER_SESSION_KEYRING }, { 0 },
};

static const struct word forms[] = {
	{ "microhsm", MH_FORM_KEY }, { "logon", MH_FORM_LOGON }, { "user", MH_FORM_USER }, { 0 },
};

static const char *const refusals[] = {
	"",
	"there is no such DataSet, or this host has no right to it",
	"this host is revoked",
	"this host is suspended",
	"the policy does not allow it now",
	"the server's knowledge is stale",
	"the DataSet has no valid version",
	"the server is busy",
	"a limit is reached",
};

static int word(const struct word *table, const char *option, const char *given, long *out)
{
	for (; table->name; table++)
		if (!strcmp(table->name, given)) {
			*out = table->value;
			return 0;
		}
	return mh_fail(MH_EXIT_USAGE, "%s %s is not known", option, given);
}

/* @s and its like, or a serial number */
static int keyring_of(const char *given, long *out)
{
	__s32 serial;

	if (*given == '@')
		return word(keyrings, "--keyring", given, out);
	if (mht_serial("--keyring", given, &serial))
		return MH_EXIT_USAGE;
	*out = serial;
	return 0;
}

/* ---- fetch ---- */

static const struct mht_option fetch_options[] = {
	{ "--keyring", "RING",
	  "where the key lands: @s (default), @u, @us, @p, @t or a serial number" },
	{ "--as", "TYPE",
	  "microhsm (default: never readable); logon or user where the policy exports it" },
	{ "--description", "TEXT", "of a logon or user key (default microhsm:REGION/NAME)" },
	{ "--version", "N", "an older version by its number" },
	{ "--timeout", "TIME", "how long to wait (default 30s)" },
	{ 0 },
};

static int tell_refusal(const struct mh_fetch_io *io, const char *what)
{
	static const int codes[] = { MH_EXIT_FAILED,   MH_EXIT_NOTFOUND,    MH_EXIT_REVOKED,
				     MH_EXIT_DENIED,   MH_EXIT_DENIED,	    MH_EXIT_DENIED,
				     MH_EXIT_NOTFOUND, MH_EXIT_UNREACHABLE, MH_EXIT_DENIED };
	unsigned int n = io->refusal < ARRAY_SIZE(refusals) ? io->refusal : 0;

	if (io->retry_after_ms)
		return mh_fail(codes[n], "%s: refused: %s; try again in %u s", what, refusals[n],
			       (io->retry_after_ms + 999) / 1000);
	return mh_fail(codes[n], "%s: refused: %s", what, refusals[n]);
}

/* REGION/NAME into the two; the first level is the Region's label */
static int split_name(const char *given, struct mh_fetch_io *io)
{
	const char *slash = strchr(given, '/');

	if (!slash || slash == given || (size_t)(slash - given) >= sizeof(io->region) ||
	    !slash[1] || strlen(slash + 1) >= sizeof(io->name))
		return mh_fail(MH_EXIT_USAGE, "%s: write REGION/DATASET", given);
	memcpy(io->region, given, (size_t)(slash - given));
	snprintf(io->name, sizeof(io->name), "%s", slash + 1);
	return 0;
}

static int run_fetch(struct mht *t)
{
	struct mh_fetch_io io = { .size = sizeof(io) };
	const char *ring = mht_value(t, "--keyring"), *as = mht_value(t, "--as"),
		   *version = mht_value(t, "--version"), *timeout = mht_value(t, "--timeout"),
		   *description = mht_value(t, "--description");
	long keyring = KEY_SPEC_SESSION_KEYRING, form = MH_FORM_KEY;
	u64 seconds = 30, number = 0;
	int ret = split_name(t->operand[0], &io);

	if (!ret && ring)
		ret = keyring_of(ring, &keyring);
	if (!ret && as)
		ret = word(forms, "--as", as, &form);
	if (!ret && version && mh_number(version, 1, INT64_MAX, &number))
		ret = mh_fail(MH_EXIT_USAGE, "--version %s is no number from 1 on", version);
	if (!ret && timeout && mh_duration(timeout, 600, &seconds))
		ret = mh_fail(MH_EXIT_USAGE, "--timeout %s is no duration from 1s to 10m", timeout);
	if (!ret && description && strlen(description) >= sizeof(io.description))
		ret = mh_fail(MH_EXIT_USAGE, "the description is too long");
	if (!ret)
		ret = mht_device(t);
	if (!ret)
		ret = mht_region_label(t, io.region);
	if (ret)
		return ret;
	io.keyring = (__s32)keyring;
	io.form = (__u8)form;
	io.version = number;
	io.timeout_ms = (__u32)(seconds * 1000);
	if (description)
		snprintf(io.description, sizeof(io.description), "%s", description);
	if (ioctl(t->device, MH_IOC_FETCH, &io) < 0)
		return io.refusal ? tell_refusal(&io, t->operand[0]) :
				    mht_tell(errno, t->operand[0]);
	if (t->json)
		mht_print(json_pack("{s:s,s:I,s:i}", "name", t->operand[0], "version",
				    (json_int_t)io.version, "key", io.serial));
	else
		printf("%d\n", io.serial);
	return 0;
}

/* ---- keys ---- */

static json_t *info_json(const struct mh_info *i)
{
	static const char *const kinds[] = { "?", "identity", "pending", "key" };
	static const char *const algs[] = { "", "aes256", "p256", "raw" };
	char region[65];

	mh_hex(region, i->region_id, 32);
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:i,s:s}", "key", i->serial, "kind",
			 kinds[i->kind < 4 ? i->kind : 0], "region", i->region, "name", i->name,
			 "algorithm", algs[i->alg < 4 ? i->alg : 0], "version",
			 (json_int_t)i->version, "lease-ms", i->lease_ms, "region-id", region);
}

static int run_keys(struct mht *t)
{
	FILE *f = fopen("/proc/keys", "re");
	unsigned long long shown = 0;
	char line[512];
	int ret = mht_device(t);

	if (!f)
		return mh_fail(MH_EXIT_FAILED, "/proc/keys: %s", strerror(errno));
	while (!ret && fgets(line, sizeof(line), f)) {
		struct mh_info i = { .size = sizeof(i) };
		unsigned int serial;

		if (!strstr(line, " microhsm ") || sscanf(line, "%x", &serial) != 1)
			continue;
		i.serial = (__s32)serial;
		if (ioctl(t->device, MH_IOC_INFO, &i) < 0)
			continue;	/* not ours to see, or gone meanwhile */
		if (t->json) {
			mh_json_item(info_json(&i), &shown);
		} else if (i.kind == 3 && i.lease_ms >= 0) {
			/* the kernel says no more than this */
			printf("%10d key      %s/%s@%llu, lease ends in %s%d s\n", i.serial,
			       i.region, i.name, (unsigned long long)i.version,
			       i.lease_ms == INT32_MAX ? "more than " : "", i.lease_ms / 1000);
		} else if (i.kind == 3) {
			printf("%10d key      %s/%s@%llu\n", i.serial, i.region, i.name,
			       (unsigned long long)i.version);
		} else {
			printf("%10d %s %s%s%s\n", i.serial, i.kind == 1 ? "identity" : "pending ",
			       i.region, *i.region ? "/" : "", i.name);
		}
	}
	fclose(f);
	if (!ret && t->json)
		mh_json_end(shown);
	return ret;
}

/* ---- seal, open: 32 bytes of salt, then STREAM ---- */

static const struct mht_option file_options[] = {
	{ "--output", "FILE", "default - : standard output" },
	{ 0 },
};

static int read_full(int fd, u8 *p, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, p + have, n - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		have += (size_t)got;
	}
	return (int)have;
}

/* Chunk after chunk; a chunk is the last when nothing follows it, so one is read ahead. */
static int pump(struct mht *t, __u32 op, int in, FILE *out, size_t chunk)
{
	struct mh_stream_io io;
	u8 buf[2][MH_UCHUNK + 16], result[MH_UCHUNK + 16];
	int n = read_full(in, buf[0], chunk), next;
	unsigned int at = 0;

	while (n >= 0) {
		next = (size_t)n == chunk ? read_full(in, buf[!at], chunk) : 0;
		if (next < 0)
			break;
		io = (struct mh_stream_io){ .size = sizeof(io),
					    .last = !next,
					    .in = (__u64)(uintptr_t)buf[at],
					    .out = (__u64)(uintptr_t)result,
					    .in_len = (__u32)n,
					    .out_len = sizeof(result) };
		if (ioctl(t->device, MH_IOC_STREAM, &io) < 0)
			return mht_tell(errno, op == MH_AEAD_OPEN ? "opening" : "sealing");
		if (fwrite(result, 1, io.out_len, out) != io.out_len)
			return mh_fail(MH_EXIT_FAILED, "writing: %s", strerror(errno));
		mh_wipe(result, sizeof(result));
		if (!next)
			return 0;
		n = next;
		at = !at;
	}
	return mh_fail(MH_EXIT_FAILED, "reading: %s", strerror(errno));
}

/*
 * The whole file is in memory-backed temporary until it is known good: nothing half opened is
 * shown.
 */
static int file_job(struct mht *t, __u32 op, size_t chunk)
{
	struct mh_stream_io io = { .size = sizeof(io),
				   .op = op };
	const char *path = t->operands > 1 ? t->operand[1] : "-", *out = mht_value(t, "--output");
	int in, ret = mht_serial("KEY", t->operand[0], &io.serial);
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (!ret)
		ret = mht_device(t);
	if (ret)
		return ret;
	in = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (in < 0)
		return mh_fail_file(path, -errno);
	if (op == MH_AEAD_OPEN && read_full(in, io.salt, 32) != 32)
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: not a file that microhsm seal made", path);
	ret = mht_ioctl(t, MH_IOC_STREAM_BEGIN, &io, "the key");
	if (ret)
		return ret;
	f = open_memstream(&text, &len);
	if (!f)
		return mh_fail(MH_EXIT_FAILED, "out of memory");
	if (op == MH_AEAD_SEAL && fwrite(io.salt, 1, 32, f) != 32)
		ret = mh_fail(MH_EXIT_FAILED, "out of memory");
	if (!ret)
		ret = pump(t, op, in, f, chunk);
	if (fclose(f) && !ret)
		ret = mh_fail(MH_EXIT_FAILED, "out of memory");
	if (!ret) {
		out = out ? out : "-";
		ret = mh_file_write(out, text, len, 0600);
		if (ret)
			ret = mh_fail_file(out, ret);
	}
	if (text)
		mh_wipe(text, len);
	free(text);
	if (in != STDIN_FILENO)
		close(in);
	return ret;
}

static int run_seal(struct mht *t)
{
	return file_job(t, MH_AEAD_SEAL, MH_UCHUNK);
}

static int run_open(struct mht *t)
{
	return file_job(t, MH_AEAD_OPEN, MH_UCHUNK + 16);
}

const struct mht_verb mht_key_verbs[] = {
	{ "fetch", "REGION/DATASET", 1, 1, "fetch a key onto a keyring; prints its serial number",
	  fetch_options, run_fetch, false },
	{ "keys", "", 0, 0, "identities and delivered keys that you may see", NULL, run_keys,
	  false },
	{ "seal", "KEY [FILE]", 1, 2,
	  "encrypt a file under a delivered AES key, by its serial number", file_options,
	  run_seal, true },
	{ "open", "KEY [FILE]", 1, 2,
	  "decrypt what seal made; nothing is shown unless all of it is right", file_options,
	  run_open, true },
	{ 0 },
};

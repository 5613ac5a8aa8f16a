// SPDX-License-Identifier: MIT
/*
 * Every call of the module with its Nth allocation failing, for each N until the call needs no more
 * than that (/proc/thread-self/fail-nth; the debug kernel's failslab and fail_page_alloc).
 *
 *	fail_nth alone				device, identity, its keys; no Region, no agent
 *	fail_nth join HEX SECRET BLOB BUNDLE	a pending identity's blob is opened and joined
 *	fail_nth push HEX SECRET BLOB FILE...	a joined one's, and each statement pushed
 *	fail_nth deliver REGION SOCKET NAME NAME	both ends of two deliveries; uses
 *	fail_nth request REGION NAME		request_key(2) and a fetch that waits, by an agent
 *
 * A scenario is run again for each call in it and each N.  It may then fail with ENOMEM and what
 * else of_memory() has; any other end is printed, and wrong.  The last run for a call is one in
 * which nothing failed: all of it must succeed.  Prints how many allocations were made to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/microhsm.h>
#include "lib/genl.h"
#include "lib/util.h"

#define PAIR "enc=x962 hash=sha256"

/* ---- the call that is meant ---- */

static unsigned int calls, target, nth;
static struct mh_status first;
static bool agent;	/* `microhsm agent` runs beside this and keeps its session */
static bool met, failed;	/* the call was made; an allocation of it failed */
static int ended, nth_fd = -1;
static const char *name;

static void set_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, (size_t)len, 0) != len)
		exit(3);
}

static void arm(const char *what)
{
	if (++calls != target)
		return;
	name = what;
	met = true;
	set_nth(nth);
}

static long disarm(long ret)
{
	char text[16] = "";
	int err = errno;

	if (calls == target && met) {
		failed = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
		set_nth(0);
		ended = ret < 0 ? err : 0;
	}
	errno = err;
	return ret;
}

#define CALL(what, call) (arm(what), disarm((long)(call)))
#include "pump.h"

static bool of_memory(int err)
{
	/* netlink's own word for it; of a session that ended for a lack of it */
	return err == ENOMEM || err == ENOBUFS || err == ECONNRESET;
}

/* ---- helpers; what they call is never meant ---- */

static struct mh_status status(void)
{
	struct mh_status a = { .size = sizeof(a) };
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, MH_IOC_STATUS, &a))
		a.completions_double = 99;
	close(fd);
	return a;
}

/* Nothing waits, no session is open but the agent's, no identity more than there was at first */
static bool calm(void)
{
	struct timespec nap = { .tv_nsec = 20000000 };

	for (int i = 0; i < 1000; i++) {
		struct mh_status s = status();

		if (s.completions_double)
			break;
		if (!s.requests && s.identities == first.identities && (agent || !s.sessions))
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

static void forget(__s32 serial)
{
	if (serial > 0)
		keyctl_revoke(serial);
}

static struct mh_bytes file(const char *path)
{
	struct mh_bytes b;

	if (mh_file_read(path, 1 << 20, &b)) {
		fprintf(stderr, "fail_nth: %s?\n", path);
		exit(2);
	}
	return b;
}

static struct mh_seat_constant seat = { .type = MH_SEAT_FILE, .len = 32 };

static int unlock(int fd, struct mh_bytes blob, __s32 *serial)
{
	struct mh_unlock a = { .size = sizeof(a), .blob = (uintptr_t)blob.p, .len = (u32)blob.n,
			       .nseats = 1, .seats = (uintptr_t)&seat };
	int ret = (int)CALL("UNLOCK", ioctl(fd, MH_IOC_UNLOCK, &a));

	*serial = a.serial;
	return ret;
}

/* ---- alone ---- */

static u8 blob[MH_UBLOB_MAX];

static int use_identity(int fd, __s32 serial)
{
	struct mh_status st = { .size = sizeof(st) };
	struct mh_info in = { .size = sizeof(in), .serial = serial };
	struct mh_sign_io sg = { .size = sizeof(sg), .serial = serial };
	u8 request[MH_UREQUEST_MAX], sig[72];
	struct mh_request_io rq = { .size = sizeof(rq), .serial = serial,
				    .buf = (uintptr_t)request, .len = sizeof(request) };
	struct keyctl_pkey_query q;
	long n;

	if (CALL("STATUS", ioctl(fd, MH_IOC_STATUS, &st)) ||
	    CALL("INFO", ioctl(fd, MH_IOC_INFO, &in)) ||
	    CALL("REQUEST", ioctl(fd, MH_IOC_REQUEST, &rq)) ||
	    CALL("SIGN", ioctl(fd, MH_IOC_SIGN, &sg)) ||
	    CALL("pkey_query", keyctl_pkey_query(serial, PAIR, &q)))
		return failure();
	n = CALL("pkey_sign", keyctl_pkey_sign(serial, PAIR, sg.digest, 32, sig, sizeof(sig)));
	if (n < 0 ||
	    CALL("pkey_verify", keyctl_pkey_verify(serial, PAIR, sg.digest, 32, sig, (size_t)n)))
		return failure();
	return 0;
}

static int alone(char **v)
{
	struct mh_init a = { .size = sizeof(a), .name = "zoe", .nseats = 1,
			     .seats = (uintptr_t)&seat };
	struct mh_blob_io b = { .size = sizeof(b), .buf = (uintptr_t)blob, .len = sizeof(blob) };
	int fd = device(), ret = 0;

	(void)v;
	if (fd < 0)
		return failure();
	if (CALL("INIT", ioctl(fd, MH_IOC_INIT, &a)))
		ret = failure();
	if (!ret)
		ret = use_identity(fd, a.serial);
	b.serial = a.serial;
	if (!ret && (CALL("BLOB", ioctl(fd, MH_IOC_BLOB, &b)) ||
		     CALL("BLOB_ACK", ioctl(fd, MH_IOC_BLOB_ACK, &b))))
		ret = failure();
	if (!ret && CALL("revoke", keyctl_revoke(a.serial)))
		ret = failure();
	forget(a.serial);
	if (!calm())
		ret = -ETIME;
	a.serial = 0;
	if (!ret && unlock(fd, (struct mh_bytes){ blob, b.len }, &a.serial))
		ret = failure();
	forget(a.serial);
	close(fd);
	return ret;
}

/* ---- by netlink ---- */

static u8 region[32];

static int netlink(struct mh_genl *g, struct nlmsghdr *nlh, const char *what)
{
	int ret;

	arm(what);
	ret = mh_genl_call(g, nlh, NULL, NULL);
	errno = -ret;
	disarm(ret);
	return ret;
}

static int opened(char **v, __s32 *serial)
{
	struct mh_bytes sealed = file(v[2]);
	int fd = device(), ret = fd < 0 || unlock(fd, sealed, serial) ? failure() : 0;

	close(fd);
	mh_bytes_free(&sealed);
	return ret;
}

static int dump(struct mh_genl *g)
{
	return netlink(g, mh_genl_begin(g, MH_CMD_IDENTITIES, NLM_F_DUMP), "IDENTITIES");
}

/* The key of the joined identity, 0: there is none */
static __s32 joined(void)
{
	const char *want = getenv("MH_JOINED");
	FILE *f = fopen("/proc/keys", "r");
	unsigned int serial, found = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (want && strstr(line, want) && sscanf(line, "%x", &serial) == 1)
			found = serial;
	if (f)
		fclose(f);
	return (__s32)found;
}

static int join(char **v)
{
	struct mh_bytes bundle;
	struct mh_genl *g = NULL;
	struct nlmsghdr *nlh;
	__s32 serial = 0;
	int ret = mh_armour_read(v[3], "JOIN BUNDLE", 1 << 18, &bundle);

	if (!ret)
		ret = mh_genl_open(&g, MH_GENL_NAME, NULL) ? -ENOENT : opened(v, &serial);
	if (!ret) {
		nlh = mh_genl_begin(g, MH_CMD_JOIN, NLM_F_ACK);
		mnl_attr_put_u32(nlh, MH_ATTR_SERIAL, (u32)serial);
		mnl_attr_put(nlh, MH_ATTR_REGION_ID, 32, region);
		mnl_attr_put(nlh, MH_ATTR_BUNDLE, bundle.n, bundle.p);
		ret = netlink(g, nlh, "JOIN");
		/* half of it; ENOBUFS: there is an answer, and no memory to send it */
		if (ret != -ENOBUFS && !ret != !!joined())
			ret = -EILSEQ;
	}
	forget(serial);
	forget(joined());
	if (g)
		mh_genl_close(g);
	mh_bytes_free(&bundle);
	return ret;
}

static int push(char **v)
{
	struct mh_genl *g = NULL;
	__s32 serial = 0;
	int ret = mh_genl_open(&g, MH_GENL_NAME, NULL) ? -ENOENT : opened(v, &serial);

	if (!ret)
		ret = dump(g);
	for (char **f = v + 3; *f && !ret; f++) {
		struct mh_bytes b = file(*f);
		struct nlmsghdr *nlh = mh_genl_begin(g, MH_CMD_STATEMENT, NLM_F_ACK);

		mnl_attr_put(nlh, MH_ATTR_REGION_ID, 32, region);
		mnl_attr_put(nlh, MH_ATTR_STATEMENT, b.n, b.p);
		ret = netlink(g, nlh, strrchr(*f, '/') ? strrchr(*f, '/') + 1 : *f);
		mh_bytes_free(&b);
	}
	forget(serial);
	if (g)
		mh_genl_close(g);
	return ret;
}

/* ---- a delivery, and the uses of what was delivered ---- */

/* An AES key: each use of it */
static int use_aes(int fd, __s32 serial)
{
	static u8 in[3000], out[3000 + 16];
	struct mh_aead_io a = { .size = sizeof(a), .serial = serial, .op = MH_AEAD_SEAL,
				.ad = (uintptr_t)in, .ad_len = 20, .in = (uintptr_t)in,
				.in_len = sizeof(in), .out = (uintptr_t)out,
				.out_len = sizeof(out) };
	struct mh_stream_io b = { .size = sizeof(b), .serial = serial, .op = MH_AEAD_SEAL };
	struct mh_stream_io c = { .size = sizeof(c), .last = 1, .in = (uintptr_t)in,
				  .in_len = sizeof(in), .out = (uintptr_t)out,
				  .out_len = sizeof(out) };
	struct mh_info in_fo = { .size = sizeof(in_fo), .serial = serial };

	if (CALL("INFO of a key", ioctl(fd, MH_IOC_INFO, &in_fo)) ||
	    CALL("AEAD seal", ioctl(fd, MH_IOC_AEAD, &a)))
		return failure();
	a.op = MH_AEAD_OPEN;
	a.in = (uintptr_t)out;
	a.in_len = a.out_len;
	a.out = (uintptr_t)in;
	a.out_len = sizeof(in);
	if (CALL("AEAD open", ioctl(fd, MH_IOC_AEAD, &a)) ||
	    CALL("STREAM_BEGIN", ioctl(fd, MH_IOC_STREAM_BEGIN, &b)) ||
	    CALL("STREAM", ioctl(fd, MH_IOC_STREAM, &c)))
		return failure();
	return 0;
}

/* deliver REGION SOCKET NAME NAME: an AES key on a new session, a P-256 key on the same */
static int deliver(char **v)
{
	struct pump p;
	__s32 aes = 0, ec = 0;
	u8 digest[32] = "digest", sig[72];
	int ret = pump_open(&p);

	if (!ret)
		ret = fetched(&p, v, v[2], &aes);
	if (!ret)
		ret = use_aes(p.dev, aes);
	if (!ret)
		ret = fetched(&p, v, v[3], &ec);
	if (!ret && CALL("pkey_sign", keyctl_pkey_sign(ec, PAIR, digest, 32, sig,
						       sizeof(sig))) < 0)
		ret = failure();
	pump_close(&p);
	keyctl_clear(KEY_SPEC_SESSION_KEYRING);
	return ret;
}

/* request REGION NAME: request_key(2), then as a user key, then once more and nobody to serve it */
static int request(char **v)
{
	struct mh_fetch_io a;
	char what[300];
	int fd = device(), ret = 0;

	if (fd < 0)
		return failure();
	snprintf(what, sizeof(what), "%s/%s", v[0], v[1]);
	if (CALL("request_key", request_key("microhsm", what, "", KEY_SPEC_SESSION_KEYRING)) < 0)
		ret = failure();
	put_name(&a, v[0], v[1]);
	a.form = MH_FORM_USER;
	if (!ret && CALL("FETCH as user", ioctl(fd, MH_IOC_FETCH, &a)))
		ret = failure();
	close(fd);
	keyctl_clear(KEY_SPEC_SESSION_KEYRING);
	return ret;
}

/* ---- all of it ---- */

static const struct {
	const char *name;
	int args;
	int (*run)(char **v);
} scenarios[] = {
	{ "alone", 0, alone }, { "join", 4, join }, { "push", 4, push },
	{ "deliver", 4, deliver }, { "request", 2, request },
};

/* One run; whether that is as it must be */
static bool good(int (*run)(char **v), char **v)
{
	int ret;

	calls = 0;
	met = false;
	failed = false;
	ended = 0;
	ret = run(v);
	set_nth(0);
	if (!calm()) {
		printf("%s, allocation %u: something is left\n", name, nth);
		return false;
	}
	/* FETCH without waiting ends in EINPROGRESS */
	if (failed && (!ret || of_memory(-ret)) &&
	    (!ended || of_memory(ended) || ended == EINPROGRESS))
		return true;
	if (!failed && !ret)
		return true;
	printf("%s, allocation %u%s: %s, in the end %s\n", met ? name : "nothing", nth,
	       failed ? "" : " of fewer", ended ? strerrorname_np(ended) : "ok",
	       ret ? strerrorname_np(-ret) : "ok");
	return false;
}

static unsigned int all(int (*run)(char **v), char **v)
{
	unsigned int wrong = 0, faults = 0, at, most = 0;

	for (target = 1;; target++) {
		for (nth = 1; nth < 400; nth++) {
			wrong += !good(run, v);
			if (!failed)
				break;
			faults++;
		}
		if (!met)
			break;
		at = nth - 1;
		printf("# %s: %u\n", name, at);
		most = at > most ? at : most;
	}
	printf("%u wrong, %u calls, %u allocations failed\n", wrong, target - 1, faults);
	return wrong + !faults;
}

int main(int argc, char **argv)
{
	static u8 secret[32];
	size_t i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(scenarios); i++)
		if (!strcmp(scenarios[i].name, argv[1]) && argc >= 2 + scenarios[i].args)
			break;
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (argc < 2 || i == ARRAY_SIZE(scenarios) || nth_fd < 0) {
		fprintf(stderr, "fail_nth: what? where?\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	seat.ptr = (uintptr_t)secret;
	if (scenarios[i].run == join || scenarios[i].run == push) {
		struct mh_bytes b = file(argv[3]);

		memcpy(secret, b.p, 32);
		mh_bytes_free(&b);
		if (mh_unhex(region, 32, argv[2]))
			return 2;
	}
	first = status();
	agent = scenarios[i].run == request;
	return all(scenarios[i].run, argv + 2) != 0;
}

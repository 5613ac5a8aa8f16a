// SPDX-License-Identifier: MIT
/* Calls of /dev/microhsm, one verb each: prints the result, or the errno's name. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/microhsm.h>

static const char *say(int ret)
{
	return ret < 0 ? strerrorname_np(errno) : "ok";
}

static int dev(void)
{
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("open %s\n", strerrorname_np(errno));
		exit(1);
	}
	return fd;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int status(char **v)
{
	struct mh_status a = { .size = sizeof(a) };
	int ret = ioctl(dev(), MH_IOC_STATUS, &a);

	(void)v;
	if (ret)
		return printf("%s\n", say(ret));
	printf("payloads=%u requests=%u sessions=%u identities=%u ", a.payloads, a.requests,
	       a.sessions, a.identities);
	return printf("agent=%u draining=%u double=%u\n", a.agent, a.draining,
		      a.completions_double);
}

static int do_init(int fd, const char *name, unsigned int uid, __s32 *serial)
{
	static const char constant[32] = "a device secret of 32 bytes, or ";
	struct mh_seat_constant seat = {
		.type = MH_SEAT_FILE, .ptr = (uintptr_t)constant, .len = sizeof(constant),
	};
	struct mh_init a = {
		.size = sizeof(a), .uid = uid, .gid = uid, .seats = (uintptr_t)&seat, .nseats = 1,
	};
	int ret;

	strncpy(a.name, name, sizeof(a.name) - 1);
	ret = ioctl(fd, MH_IOC_INIT, &a);
	*serial = a.serial;
	return ret;
}

/* init NAME UID */
static int init(char **v)
{
	__s32 serial;
	int ret = do_init(dev(), v[0], atoi(v[1]), &serial);

	return ret ? printf("%s\n", say(ret)) : printf("%d\n", serial);
}

static void fetch_fill(struct mh_fetch_io *a, char **v)
{
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	strncpy(a->region, v[0], sizeof(a->region) - 1);
	strncpy(a->name, v[1], sizeof(a->name) - 1);
	a->keyring = atoi(v[2]);
	a->form = atoi(v[3]);
	a->timeout_ms = atoi(v[4]);
}

/* fetch REGION NAME KEYRING FORM TIMEOUT_MS: serial or errno */
static int fetch(char **v)
{
	struct mh_fetch_io a;
	int ret;

	fetch_fill(&a, v);
	ret = ioctl(dev(), MH_IOC_FETCH, &a);
	return ret ? printf("%s\n", say(ret)) : printf("%d\n", a.serial);
}

/* the same by poll and collect; collecting too early is EAGAIN */
static int afetch(char **v)
{
	struct mh_fetch_io a;
	struct pollfd p = { .fd = dev(), .events = POLLIN };
	int ret;

	fetch_fill(&a, v);
	a.flags = MH_FETCH_ASYNC;
	ret = ioctl(p.fd, MH_IOC_FETCH, &a);
	if (!ret || errno != EINPROGRESS)
		return printf("begin %s\n", say(ret));
	ret = poll(&p, 1, 10000);
	if (ret != 1)
		return printf("poll %d\n", ret);
	ret = ioctl(p.fd, MH_IOC_COLLECT, &a);
	if (ret)
		return printf("%s\n", say(ret));
	printf("%d\n", a.serial);
	ret = ioctl(p.fd, MH_IOC_COLLECT, &a);
	return ret && errno == ENOENT ? 0 : printf("collected twice\n");
}

/* request REGION/NAME: request_key(2) into the session keyring, with its milliseconds */
static int request(char **v)
{
	long t0 = now_ms();
	long ret = syscall(SYS_request_key, "microhsm", v[0], "", -3);
	const char *e = say(ret);

	if (ret < 0)
		printf("%s", e);
	else
		printf("%ld", ret);
	return printf("%s\n", now_ms() - t0 > atoi(v[1]) ? " late" : "");
}

static int info(char **v)
{
	struct mh_info a = { .size = sizeof(a), .serial = atoi(v[0]) };
	int ret = ioctl(dev(), MH_IOC_INFO, &a);

	if (ret)
		return printf("%s\n", say(ret));
	printf("kind=%u alg=%u operations=%u lease=%d version=%llu %s/%s ", a.kind, a.alg,
	       a.operations, a.lease_ms, (unsigned long long)a.version, a.region, a.name);
	return printf("generation=%llu unsealed=%llu\n", (unsigned long long)a.generation,
		      (unsigned long long)(a.generation - a.sealed));
}

/* aead SERIAL: seal, open, and not open when a bit is changed */
static int aead(char **v)
{
	static unsigned char in[1000] = "plain", out[1016], back[1000];
	int fd = dev(), ret;
	struct mh_aead_io a = {
		.size = sizeof(a), .serial = atoi(v[0]), .op = MH_AEAD_SEAL, .in = (uintptr_t)in,
		.in_len = sizeof(in), .out = (uintptr_t)out, .out_len = sizeof(out),
		.ad = (uintptr_t)"ad", .ad_len = 2,
	};

	ret = ioctl(fd, MH_IOC_AEAD, &a);
	if (ret)
		return printf("%s\n", say(ret));
	a.op = MH_AEAD_OPEN;
	a.in = (uintptr_t)out;
	a.in_len = sizeof(out);
	a.out = (uintptr_t)back;
	a.out_len = sizeof(back);
	ret = ioctl(fd, MH_IOC_AEAD, &a);
	if (ret || memcmp(in, back, sizeof(in)))
		return printf("open %s\n", say(ret));
	out[sizeof(out) - 1] ^= 1;
	ret = ioctl(fd, MH_IOC_AEAD, &a);
	return printf("%s\n", ret && errno == EBADMSG ? "ok" : say(ret));
}

static int stream_pass(int fd, int serial, unsigned int op, const unsigned char *in, size_t n,
		       unsigned char *out, unsigned char salt[32])
{
	struct mh_stream_io a = { .size = sizeof(a), .serial = serial, .op = op };
	size_t step = MH_UCHUNK + (op == MH_AEAD_OPEN ? 16 : 0);

	memcpy(a.salt, salt, 32);
	if (ioctl(fd, MH_IOC_STREAM_BEGIN, &a))
		return -1;
	memcpy(salt, a.salt, 32);
	for (;;) {
		struct mh_stream_io c = {
			.size = sizeof(c), .in = (uintptr_t)in, .out = (uintptr_t)out,
			.in_len = n < step ? n : step, .out_len = MH_UCHUNK + 16, .last = n <= step,
		};

		if (ioctl(fd, MH_IOC_STREAM, &c))
			return -1;
		out += c.out_len;
		in += c.in_len;
		n -= c.in_len;
		if (c.last)
			return 0;
	}
}

/* stream SERIAL: three chunks there and back; then chunks in the wrong order */
static int stream(char **v)
{
	enum { N = 2 * MH_UCHUNK + 77 };
	static unsigned char in[N], mid[N + 48], back[N];
	unsigned char salt[32] = "";
	int fd = dev(), serial = atoi(v[0]), ret;

	memset(in, 'x', N);
	ret = stream_pass(fd, serial, MH_AEAD_SEAL, in, N, mid, salt);
	if (!ret)
		ret = stream_pass(fd, serial, MH_AEAD_OPEN, mid, N + 48, back, salt);
	if (ret || memcmp(in, back, N))
		return printf("%s\n", say(ret));
	ret = stream_pass(fd, serial, MH_AEAD_OPEN, mid + MH_UCHUNK + 16, MH_UCHUNK + 16 + 93, back,
			  salt);
	return printf("%s\n", ret && errno == EBADMSG ? "ok" : "order");
}

static int sign(char **v)
{
	struct mh_sign_io a = { .size = sizeof(a), .serial = atoi(v[0]), .digest = "digest" };

	return printf("%s\n", say(ioctl(dev(), MH_IOC_SIGN, &a)));
}

static int attach(char **v)
{
	(void)v;
	return printf("%s\n", say(ioctl(dev(), MH_IOC_ATTACH, 0)));
}

/* agent MODE: serve (a session each), deaf (no pull), stuck (no more than that), or an errno */
static int agent(char **v)
{
	struct pollfd p = { .fd = dev(), .events = POLLIN };
	int ret = ioctl(p.fd, MH_IOC_ATTACH, 0);

	printf("attach %s\n", say(ret));
	fflush(stdout);
	while (!ret && !strcmp(v[0], "deaf"))
		(void)pause();
	while (!ret && poll(&p, 1, -1) == 1) {
		struct mh_pull a = { .size = sizeof(a) };
		struct mh_session_io s = { .size = sizeof(s) };
		struct mh_done_io d = { .size = sizeof(d), .err = -atoi(v[0]) };

		if (ioctl(p.fd, MH_IOC_PULL, &a))
			continue;
		printf("pull %u %llu %s/%s %s uid %u\n", a.kind, (unsigned long long)a.id, a.region,
		       a.name, a.dataset, a.uid);
		fflush(stdout);
		s.id = a.id;
		d.id = a.id;
		if (a.kind != MH_PULL_CONNECT)
			continue;
		if (!strcmp(v[0], "serve"))
			ret = ioctl(p.fd, MH_IOC_SESSION, &s) ? 0 : close(s.fd);
		else if (d.err)
			ret = ioctl(p.fd, MH_IOC_DONE, &d);
	}
	return 0;
}

static int drain(char **v)
{
	struct mh_drain a = { .size = sizeof(a) };
	int ret = ioctl(dev(), MH_IOC_DRAIN, &a);

	(void)v;
	return printf("%s %u\n", say(ret), a.left);
}

/* A descriptor that root opened, used by a user; one that a user opened, used by root. */
static int passed(char **v)
{
	int fd = dev(), st;
	__s32 serial;

	(void)v;
	if (!fork()) {
		if (setgid(1000) || setuid(1000))
			_exit(9);
		printf("%s ", say(do_init(fd, "passed", 0, &serial)));
		printf("%s ", say(ioctl(fd, MH_IOC_ATTACH, 0)));
		fflush(stdout);
		_exit(0);
	}
	wait(&st);
	if (seteuid(1000))
		return 1;
	fd = dev();
	if (seteuid(0))
		return 1;
	printf("%s ", say(do_init(fd, "passed", 0, &serial)));
	return printf("%s\n", say(ioctl(fd, MH_IOC_ATTACH, 0)));
}

static int bad;

static void want(const char *what, int ret, int err)
{
	if (ret >= 0 || errno != err) {
		printf("%s: %s, wanted %s\n", what, say(ret), strerrorname_np(err));
		bad++;
	}
}

#define FETCH_WITH(what, err, change) do { \
	struct mh_fetch_io a = { .size = sizeof(a), .region = "eu", .name = "x", .keyring = -3 }; \
	change; \
	want(what, ioctl(fd, MH_IOC_FETCH, &a), err); \
} while (0)

static void args_fetch(int fd)
{
	FETCH_WITH("fetch size", EINVAL, a.size--);
	FETCH_WITH("fetch flags", EINVAL, a.flags = 2);
	FETCH_WITH("fetch reserved", EINVAL, a.reserved[4] = 1);
	FETCH_WITH("fetch region unterminated", EINVAL, memset(a.region, 'a', sizeof(a.region)));
	FETCH_WITH("fetch name unterminated", EINVAL, memset(a.name, 'a', sizeof(a.name)));
	FETCH_WITH("fetch description unterminated", EINVAL,
		   memset(a.description, 'a', sizeof(a.description)));
	FETCH_WITH("fetch no name", EINVAL, a.name[0] = 0);
	FETCH_WITH("fetch no region", EINVAL, a.region[0] = 0);
	FETCH_WITH("fetch region with slash", EINVAL, strcpy(a.region, "a/b"));
	FETCH_WITH("fetch form", EINVAL, a.form = 3);
	FETCH_WITH("fetch description of a key", EINVAL, strcpy(a.description, "x:y"));
	FETCH_WITH("fetch timeout", EINVAL, a.timeout_ms = MH_FETCH_TIMEOUT_MAX_MS + 1);
	FETCH_WITH("fetch negative identity", EINVAL, a.identity = -3);
	FETCH_WITH("fetch no keyring", EINVAL, a.keyring = 0);
	FETCH_WITH("fetch keyring not there", ENOKEY, a.keyring = 0x7ffffff0);
	FETCH_WITH("fetch unknown region", ENOKEY, strcpy(a.region, "nowhere"));
	FETCH_WITH("fetch identity not there", ENOKEY, a.identity = 0x7ffffff0);
}

static void args_use(int fd)
{
	struct mh_aead_io e = { .size = sizeof(e), .serial = 0x7ffffff0, .op = MH_AEAD_SEAL };
	struct mh_stream_io s = { .size = sizeof(s), .serial = 0x7ffffff0, .op = MH_AEAD_SEAL };
	struct mh_sign_io g = { .size = sizeof(g), .serial = -3 };
	struct mh_info i = { .size = sizeof(i), .serial = 0x7ffffff0 };
	struct mh_stream_io c = { .size = sizeof(c), .last = 1 };

	want("aead room", ioctl(fd, MH_IOC_AEAD, &e), ENOSPC);
	e.out_len = 16;
	want("aead no key", ioctl(fd, MH_IOC_AEAD, &e), ENOKEY);
	e.op = MH_AEAD_OPEN;
	want("aead too short to open", ioctl(fd, MH_IOC_AEAD, &e), EBADMSG);
	e.op = 3;
	want("aead op", ioctl(fd, MH_IOC_AEAD, &e), EINVAL);
	e.op = MH_AEAD_SEAL;
	e.in_len = MH_UAEAD_MAX + 1;
	want("aead too long", ioctl(fd, MH_IOC_AEAD, &e), EINVAL);
	e.in_len = 0xffffffff;
	want("aead wrapping", ioctl(fd, MH_IOC_AEAD, &e), EINVAL);
	e.in_len = 16;
	e.out_len = 32;
	e.in = 1;
	want("aead bad pointer", ioctl(fd, MH_IOC_AEAD, &e), EFAULT);
	want("stream not begun", ioctl(fd, MH_IOC_STREAM, &c), ENOKEY);
	want("stream no key", ioctl(fd, MH_IOC_STREAM_BEGIN, &s), ENOKEY);
	s.op = 0;
	want("stream op", ioctl(fd, MH_IOC_STREAM_BEGIN, &s), EINVAL);
	want("sign special serial", ioctl(fd, MH_IOC_SIGN, &g), EINVAL);
	want("info no key", ioctl(fd, MH_IOC_INFO, &i), ENOKEY);
	i.serial = syscall(SYS_keyctl, 0, -3, 1);	/* KEYCTL_GET_KEYRING_ID */
	want("info of another type", ioctl(fd, MH_IOC_INFO, &i), EKEYREJECTED);
}

/* args: what every call answers to arguments that are wrong; no agent is attached */
static int args(char **v)
{
	struct mh_status st = { .size = sizeof(st) - 1 };
	struct mh_fetch_io co = { .size = sizeof(co), .region = "eu", .name = "x", .keyring = -3 };
	struct mh_pull pu = { .size = sizeof(pu) };
	struct mh_session_io se = { .size = sizeof(se), .id = 1 };
	struct mh_done_io dn = { .size = sizeof(dn), .id = 1, .err = -5 };
	int fd = dev();

	(void)v;
	want("unknown type", ioctl(fd, _IO('N', 0)), ENOTTY);
	want("unknown number", ioctl(fd, _IO('M', 0x7f)), ENOTTY);
	want("hole in the table", ioctl(fd, _IO('M', 0x0e)), ENOTTY);
	want("number past the table", ioctl(fd, _IO('M', 0xff)), ENOTTY);
	want("another size in the command", ioctl(fd, _IOWR('M', 0, int), &st), EINVAL);
	want("another size in the struct", ioctl(fd, MH_IOC_STATUS, &st), EINVAL);
	want("null", ioctl(fd, MH_IOC_STATUS, NULL), EFAULT);
	want("attach with an argument", ioctl(fd, MH_IOC_ATTACH, &st), EINVAL);
	want("collect nothing", ioctl(fd, MH_IOC_COLLECT, &co), ENOENT);
	want("pull, no agent", ioctl(fd, MH_IOC_PULL, &pu), EPERM);
	want("session, no agent", ioctl(fd, MH_IOC_SESSION, &se), EPERM);
	want("done, no agent", ioctl(fd, MH_IOC_DONE, &dn), EPERM);
	args_fetch(fd);
	args_use(fd);
	if (ioctl(fd, MH_IOC_ATTACH, 0))
		return printf("attach %s\n", say(-1));
	want("pull nothing", ioctl(fd, MH_IOC_PULL, &pu), EAGAIN);
	want("session of nobody", ioctl(fd, MH_IOC_SESSION, &se), ENOENT);
	want("done of nobody", ioctl(fd, MH_IOC_DONE, &dn), ENOENT);
	dn.err = 0;
	want("done without an error", ioctl(fd, MH_IOC_DONE, &dn), EINVAL);
	dn.err = -512;
	want("done with the kernel's own", ioctl(fd, MH_IOC_DONE, &dn), EINVAL);
	want("attach again", ioctl(fd, MH_IOC_ATTACH, 0), EBUSY);
	want("attach a second", ioctl(dev(), MH_IOC_ATTACH, 0), EBUSY);
	return printf("%d wrong\n", bad);
}

/* uid UID VERB...: as that user */
static int uid(char **v)
{
	int u = atoi(v[0]);

	if (setgroups(0, NULL) || setgid(u) || setuid(u))
		return printf("setuid %s\n", say(-1));
	fflush(stdout);
	return execvp(v[1], v + 1);
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **v);
} verbs[] = {
	{ "status", 0, status }, { "init", 2, init }, { "fetch", 5, fetch },
	{ "afetch", 5, afetch }, { "request", 2, request }, { "info", 1, info },
	{ "aead", 1, aead }, { "stream", 1, stream }, { "sign", 1, sign },
	{ "attach", 0, attach }, { "agent", 1, agent }, { "drain", 0, drain },
	{ "passed", 0, passed }, { "args", 0, args }, { "uid", 2, uid },
	{ NULL, 0, NULL }
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; verbs[i].name; i++)
		if (argc > 1 && !strcmp(argv[1], verbs[i].name) && argc - 2 >= verbs[i].args)
			return verbs[i].run(argv + 2) < 0;
	fprintf(stderr, "keys_probe: no such verb\n");
	return 2;
}

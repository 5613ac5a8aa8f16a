// SPDX-License-Identifier: MIT
/*
 * use_race HOW REGION AES P256 ROUNDS: in each round the keys of two DataSets are fetched anew and
 * used by a thread for each kind of use, until after they have ended in the middle of it. HOW is
 * revoke, unlink, clear, invalidate, or lease, when they end by themselves. What was made by a key
 * is opened or verified by the next round's.
 *
 * Prints for each kind and for all: uses that began, succeeded, were refused, were in the
 * middle when the end came, and wrong ones: an errno that is not documented for this end, a refusal
 * before it, a success of what began after it, a wrong result, output in spite of an error.
 * idle counts the kinds that did not have successes and refusals both.
 */
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <linux/microhsm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TAG		16
#define OUT_MAX		(MH_UAEAD_MAX + TAG)
#define CHUNKS		3
#define SIG_MAX		72
#define PKEY		"enc=x962 hash=sha256"
#define UNTOUCHED	0xa5
#define KEEP		4	/* results of each kind: those next to the end */
#define LATE		3	/* uses that begin after the end, of each kind in each round */
#define MS		1000000LL

enum how { REVOKE, UNLINK, CLEAR, INVALIDATE, LEASE, HOWS };
static const char *const hows[] = { "revoke", "unlink", "clear", "invalidate", "lease" };

/* What Documentation/uapi.rst says for each: of what is unlinked nobody has a permission. */
static const int documented[HOWS][3] = {
	[REVOKE] = { EKEYREVOKED, ENOKEY },
	[UNLINK] = { EACCES, ENOKEY },
	[CLEAR] = { EACCES, ENOKEY },
	[INVALIDATE] = { ENOKEY },
	[LEASE] = { EKEYEXPIRED, EKEYREVOKED, ENOKEY },
};

enum kind { SEAL, OPEN, STREAM_SEAL, STREAM_OPEN, SIGN, KINDS };
static const char *const kinds[] = { "seal", "open", "stream_seal", "stream_open", "sign" };

/* A key, and between which moments it ends (ns of the boot clock) */
struct subject {
	const char *name;
	key_serial_t serial;
	atomic_llong first, last;
};

struct made {
	unsigned char salt[32];
	unsigned int n;		/* bytes, or chunks */
	unsigned char out[OUT_MAX];
};

struct use {
	enum kind kind;
	int dev;
	struct subject *of;
	pthread_t thread;
	atomic_ulong began;
	unsigned long succeeded, refused, middle, checked, wrong;
	unsigned int late, made;
	struct made kept[KEEP];
	unsigned char out[OUT_MAX];
};

static enum how how;
static struct subject aes, ec;
static struct use uses[KINDS], checker;
static struct made known, known_stream;
static unsigned char plain[MH_UAEAD_MAX], digest[32];

static _Noreturn void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void blame(struct use *u, const char *what, int err)
{
	if (u->wrong++ < 3 && u != &checker)
		printf("wrong: %s: %s: %s, %s\n", hows[how], kinds[u->kind], what,
		       err ? strerrorname_np(err) : "ok");
}

/* One use that ended just now; its output begins at out + from. */
static bool judge(struct use *u, int64_t began, int err, size_t from)
{
	int64_t ended = now(), first = u->of->first, last = u->of->last;
	const unsigned char *rest = u->out + from;
	bool said = false;

	u->began++;
	u->middle += began <= first && ended > first;
	u->late += began > last;
	if (!err) {
		u->succeeded++;
		if (began > last)
			blame(u, "begun after the end", err);
		return true;
	}
	u->refused++;
	for (int i = 0; i < 3; i++)
		said |= documented[how][i] == err;
	if (!said)
		blame(u, "not documented", err);
	if (ended < first)
		blame(u, "before the end", err);
	if (*rest != UNTOUCHED || memcmp(rest, rest + 1, OUT_MAX - from - 1))
		blame(u, "output", err);
	return false;
}

static bool call(struct use *u, unsigned long cmd, void *io, size_t from)
{
	int64_t began = now();

	return judge(u, began, ioctl(u->dev, cmd, io) ? errno : 0, from);
}

static struct made *keep(struct use *u)
{
	return &u->kept[u->made++ % KEEP];
}

/* ---- the uses ---- */

static void seal(struct use *u)
{
	struct mh_aead_io io = {
		.size = sizeof(io), .serial = u->of->serial, .op = MH_AEAD_SEAL,
		.in = (uintptr_t)plain, .in_len = sizeof(plain),
		.out = (uintptr_t)u->out, .out_len = OUT_MAX,
	};
	struct made *m;

	memset(u->out, UNTOUCHED, OUT_MAX);
	if (!call(u, MH_IOC_AEAD, &io, 0))
		return;
	m = keep(u);
	memcpy(m->salt, io.salt, sizeof(m->salt));
	memcpy(m->out, u->out, OUT_MAX);
}

static bool open_made(struct use *u, const struct made *m)
{
	struct mh_aead_io io = {
		.size = sizeof(io), .serial = u->of->serial, .op = MH_AEAD_OPEN,
		.in = (uintptr_t)m->out, .in_len = OUT_MAX,
		.out = (uintptr_t)u->out, .out_len = sizeof(plain),
	};

	memcpy(io.salt, m->salt, sizeof(io.salt));
	memset(u->out, UNTOUCHED, OUT_MAX);
	if (!call(u, MH_IOC_AEAD, &io, 0))
		return false;
	if (memcmp(u->out, plain, sizeof(plain)))
		blame(u, "opened to other bytes", 0);
	return true;
}

/* The chunks that were done, in u->out */
static unsigned int stream(struct use *u, __u32 op, unsigned char salt[32],
			   const unsigned char *in, unsigned int chunks)
{
	unsigned int in_len = MH_UCHUNK, out_len = MH_UCHUNK, c;
	struct mh_stream_io io = { .size = sizeof(io), .serial = u->of->serial, .op = op };

	*(op == MH_AEAD_SEAL ? &out_len : &in_len) += TAG;
	if (op == MH_AEAD_OPEN)
		memcpy(io.salt, salt, sizeof(io.salt));
	memset(u->out, UNTOUCHED, OUT_MAX);
	if (!call(u, MH_IOC_STREAM_BEGIN, &io, 0))
		return 0;
	memcpy(salt, io.salt, sizeof(io.salt));
	for (c = 0; c < chunks; c++) {
		struct mh_stream_io one = {
			.size = sizeof(one), .last = c == CHUNKS - 1,
			.in = (uintptr_t)in + c * in_len, .in_len = in_len,
			.out = (uintptr_t)u->out + c * out_len, .out_len = out_len,
		};

		if (!call(u, MH_IOC_STREAM, &one, (size_t)c * out_len))
			break;
	}
	return c;
}

static void stream_seal(struct use *u)
{
	unsigned char salt[32];
	unsigned int n = stream(u, MH_AEAD_SEAL, salt, plain, CHUNKS);
	struct made *m;

	if (!n)
		return;
	m = keep(u);
	m->n = n;
	memcpy(m->salt, salt, sizeof(m->salt));
	memcpy(m->out, u->out, OUT_MAX);
}

/* As many chunks as there are; fewer when the key ended meanwhile */
static bool stream_open_made(struct use *u, struct made *m)
{
	unsigned int n = stream(u, MH_AEAD_OPEN, m->salt, m->out, m->n);

	if (memcmp(u->out, plain, (size_t)n * MH_UCHUNK))
		blame(u, "opened to other bytes", 0);
	return n == m->n;
}

static void sign(struct use *u)
{
	int64_t began;
	struct made *m;
	long n;

	memset(u->out, UNTOUCHED, OUT_MAX);
	began = now();
	n = keyctl_pkey_sign(u->of->serial, PKEY, (char *)digest, sizeof(digest),
			     (char *)u->out, SIG_MAX);
	if (!judge(u, began, n < 0 ? errno : 0, 0))
		return;
	m = keep(u);
	m->n = (unsigned int)n;
	memcpy(m->out, u->out, SIG_MAX);
}

static void *use(void *arg)
{
	struct use *u = arg;

	while (u->late < LATE) {
		switch (u->kind) {
		case SEAL:
			seal(u);
			break;
		case OPEN:
			open_made(u, &known);
			break;
		case STREAM_SEAL:
			stream_seal(u);
			break;
		case STREAM_OPEN:
			stream_open_made(u, &known_stream);
			break;
		default:
			sign(u);
		}
	}
	return NULL;
}

/* ---- the keys ---- */

static void fetch(struct subject *s, const char *region)
{
	struct mh_fetch_io io = { .size = sizeof(io), .keyring = KEY_SPEC_SESSION_KEYRING };

	strncpy(io.region, region, sizeof(io.region) - 1);
	strncpy(io.name, s->name, sizeof(io.name) - 1);
	if (ioctl(checker.dev, MH_IOC_FETCH, &io))
		die(s->name);
	s->serial = io.serial;
	s->first = INT64_MAX;
	s->last = INT64_MAX;
}

/* What the last round's keys made, by this round's */
static void check(struct use *u)
{
	unsigned int n = u->made < KEEP ? u->made : KEEP;

	checker.of = u->of;
	for (unsigned int i = 0; i < n; i++) {
		struct made *m = &u->kept[i];
		bool opens;

		checker.wrong = 0;
		if (u->kind == SEAL)
			opens = open_made(&checker, m);
		else if (u->kind == STREAM_SEAL)
			opens = stream_open_made(&checker, m);
		else
			opens = !keyctl_pkey_verify(u->of->serial, PKEY, (char *)digest,
						    sizeof(digest), (char *)m->out, m->n);
		if (!opens || checker.wrong)
			blame(u, "not what the key fetched anew takes", opens ? 0 : errno);
		u->checked++;
	}
	u->made = 0;
}

/* What there is to be opened */
static void prepare(void)
{
	checker.of = &aes;
	seal(&checker);
	stream_seal(&checker);
	if (checker.made != 2 || checker.kept[1].n != CHUNKS)
		die("the first seals");
	known = checker.kept[0];
	known_stream = checker.kept[1];
}

static void sleep_ns(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / (1000 * MS), .tv_nsec = ns % (1000 * MS) };

	if (ns > 0)
		nanosleep(&t, NULL);
}

static int64_t any(int64_t below)
{
	return random() % below;
}

/* The kernel tells what is left in whole milliseconds, rounded down. */
static void learn_lease(struct subject *s)
{
	struct mh_info io = { .size = sizeof(io), .serial = s->serial };
	int64_t began = now();

	if (ioctl(checker.dev, MH_IOC_INFO, &io) || io.lease_ms <= 0)
		die("the lease");
	s->first = began + io.lease_ms * MS;
	s->last = now() + (io.lease_ms + 1) * MS;
}

/* Before the uses begin */
static void await_lease(void)
{
	const char *slow = getenv("MH_SLOW");
	int64_t ahead = (300 + any(200)) * MS * (slow ? atoi(slow) : 1);
	int64_t end;

	learn_lease(&aes);
	learn_lease(&ec);
	end = aes.first < ec.first ? aes.first : ec.first;
	sleep_ns(end - ahead - now());
}

static void end_key(struct subject *s)
{
	long ret = 0;

	switch (how) {
	case REVOKE:
		ret = keyctl_revoke(s->serial);
		break;
	case UNLINK:
		ret = keyctl_unlink(s->serial, KEY_SPEC_SESSION_KEYRING);
		break;
	case CLEAR:
		ret = keyctl_clear(KEY_SPEC_SESSION_KEYRING);
		break;
	case INVALIDATE:
		ret = keyctl_invalidate(s->serial);
		break;
	default:
		return;
	}
	if (ret)
		die("the end");
	s->last = now();
}

/* Once one kind, each round another, was used some times, and then a little later */
static void end_soon(int round)
{
	struct use *u = &uses[round % KINDS];
	unsigned long enough = u->began + 1 + (unsigned long)any(8);

	while (u->began < enough)
		sleep_ns(MS / 10);
	sleep_ns(any(5 * MS));
	aes.first = now();
	ec.first = aes.first;
	end_key(&aes);
	end_key(&ec);
}

static void race(int round)
{
	if (how == LEASE)
		await_lease();
	for (int k = 0; k < KINDS; k++) {
		uses[k].late = 0;
		errno = pthread_create(&uses[k].thread, NULL, use, &uses[k]);
		if (errno)
			die("a thread");
	}
	if (how != LEASE)
		end_soon(round);
	for (int k = 0; k < KINDS; k++)
		pthread_join(uses[k].thread, NULL);
}

static void report(void)
{
	unsigned long began = 0, succeeded = 0, refused = 0, middle = 0, checked = 0, bad = 0;
	int idle = 0;

	for (int k = 0; k < KINDS; k++) {
		const struct use *u = &uses[k];

		printf("%s: %s: began=%lu succeeded=%lu refused=%lu middle=%lu wrong=%lu\n",
		       hows[how], kinds[k], u->began, u->succeeded, u->refused, u->middle,
		       u->wrong);
		began += u->began;
		succeeded += u->succeeded;
		refused += u->refused;
		middle += u->middle;
		checked += u->checked;
		bad += u->wrong;
		idle += !u->succeeded || !u->refused;
	}
	printf("%s: all: began=%lu succeeded=%lu refused=%lu ", hows[how], began, succeeded,
	       refused);
	printf("checked=%lu middle=%lu idle=%d wrong=%lu\n", checked, middle, idle, bad);
}

int main(int argc, char **argv)
{
	unsigned int seed;
	int rounds;

	if (argc != 6)
		return 2;
	while (how < HOWS && strcmp(argv[1], hows[how]))
		how++;
	aes.name = argv[3];
	ec.name = argv[4];
	rounds = atoi(argv[5]);
	checker.dev = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	if (how == HOWS || checker.dev < 0 || getrandom(&seed, sizeof(seed), 0) < 0 ||
	    getrandom(plain, sizeof(plain), 0) < 0 || getrandom(digest, sizeof(digest), 0) < 0)
		return 2;
	srandom(seed);
	for (int k = 0; k < KINDS; k++) {
		uses[k].kind = k;
		uses[k].of = k == SIGN ? &ec : &aes;
		uses[k].dev = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	}
	for (int i = 0; i <= rounds; i++) {
		fetch(&aes, argv[2]);
		fetch(&ec, argv[2]);
		if (!i)
			prepare();
		for (int k = 0; k < KINDS; k++)
			check(&uses[k]);
		if (i < rounds)
			race(i);
	}
	report();
	return 0;
}

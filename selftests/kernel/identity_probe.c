// SPDX-License-Identifier: MIT
/* Identities by the device: sealed blobs whole, altered, at the wrong seat; join requests. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <linux/microhsm.h>

static unsigned char blob[MH_UBLOB_MAX];

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

/* A seat's constant: 32 times the same letter */
static void seat_of(struct mh_seat_constant *s, char bytes[32], char letter)
{
	memset(bytes, letter, 32);
	memset(s, 0, sizeof(*s));
	s->type = MH_SEAT_FILE;
	s->ptr = (uintptr_t)bytes;
	s->len = 32;
}

static int unlock(int fd, const void *p, unsigned int n, char letter, struct mh_unlock *a)
{
	struct mh_seat_constant seat;
	char bytes[32];

	seat_of(&seat, bytes, letter);
	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	a->blob = (uintptr_t)p;
	a->len = n;
	a->nseats = 1;
	a->seats = (uintptr_t)&seat;
	return ioctl(fd, MH_IOC_UNLOCK, a);
}

static unsigned int load(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(blob, 1, sizeof(blob), f) : 0;

	if (f)
		fclose(f);
	return (unsigned int)n;
}

/* init NAME LETTER: serial or errno */
static int init(char **v)
{
	struct mh_init a = { .size = sizeof(a), .nseats = 1 };
	struct mh_seat_constant seat;
	char bytes[32];
	int ret;

	seat_of(&seat, bytes, *v[1]);
	a.seats = (uintptr_t)&seat;
	snprintf(a.name, sizeof(a.name), "%s", v[0]);
	ret = ioctl(dev(), MH_IOC_INIT, &a);
	return ret ? printf("%s\n", say(ret)) : printf("%d\n", a.serial);
}

/* blob SERIAL FILE: seals, writes, acknowledges; too small a buffer first */
static int seal(char **v)
{
	struct mh_blob_io a = { .size = sizeof(a), .serial = atoi(v[0]),
				.buf = (uintptr_t)blob, .len = 16 };
	int fd = dev(), ret = ioctl(fd, MH_IOC_BLOB, &a);
	FILE *f;

	if (!ret || errno != ENOSPC || a.len <= 16)
		return printf("small: %s\n", say(ret));
	ret = ioctl(fd, MH_IOC_BLOB, &a);
	if (ret)
		return printf("%s\n", say(ret));
	f = fopen(v[1], "wb");
	if (!f || fwrite(blob, 1, a.len, f) != a.len || fclose(f))
		return printf("write\n");
	a.generation++;
	if (!ioctl(fd, MH_IOC_BLOB_ACK, &a) || errno != EINVAL)
		return printf("a generation that is not: taken\n");
	a.generation--;
	return printf("%s\n", say(ioctl(fd, MH_IOC_BLOB_ACK, &a)));
}

/* unlock FILE LETTER: serial or errno */
static int open_blob(char **v)
{
	struct mh_unlock a;
	int ret = unlock(dev(), blob, load(v[0]), *v[1], &a);

	return ret ? printf("%s\n", say(ret)) : printf("%d\n", a.serial);
}

/*
 * alter FILE LETTER: each byte altered in turn must be EKEYREJECTED.  A right
 * one in between (EEXIST, as it is open) keeps the throttle away.
 */
static int alter(char **v)
{
	unsigned int n = load(v[0]), i, wrong = 0;
	struct mh_unlock a;
	int fd = dev();

	for (i = 0; i < n; i++) {
		if (i % 4 == 0 && (!unlock(fd, blob, n, *v[1], &a) || errno != EEXIST))
			wrong++;
		blob[i] ^= 1u << (i % 8);
		if (!unlock(fd, blob, n, *v[1], &a) || errno != EKEYREJECTED)
			wrong++;
		blob[i] ^= 1u << (i % 8);
	}
	return printf("%u wrong\n", n > 300 ? wrong : 9999);
}

/* cut FILE LETTER: cut short, or with a byte more */
static int cut(char **v)
{
	unsigned int n = load(v[0]), i, wrong = 0;
	struct mh_unlock a;
	int fd = dev();

	for (i = 1; i <= n + 1; i += i < n - 4 ? 31 : 1) {
		if (i == n)
			continue;
		if (!unlock(fd, blob, n, *v[1], &a) || errno != EEXIST)
			wrong++;
		if (!unlock(fd, blob, i, *v[1], &a) || errno != EKEYREJECTED)
			wrong++;
	}
	return printf("%u wrong\n", n > 300 ? wrong : 9999);
}

/* throttle FILE LETTER: wrong ones until told to wait; then the right one has to wait as well */
static int throttle(char **v)
{
	struct timespec nap = { 0 };
	unsigned int n = load(v[0]), i;
	struct mh_unlock a;
	int fd = dev(), ret;

	for (i = 0; i < 20; i++)
		if (unlock(fd, blob, n, 'x', &a) && errno == EBUSY)
			break;
	if (i == 20 || !a.wait_ms || a.wait_ms > 60000)
		return printf("%u tries, wait %u\n", i, a.wait_ms);
	ret = unlock(fd, blob, n, *v[1], &a);
	if (!ret || errno != EBUSY)
		return printf("right one meanwhile: %s\n", say(ret));
	nap.tv_sec = a.wait_ms / 1000;
	nap.tv_nsec = (a.wait_ms % 1000 + 10) * 1000000L % 1000000000L;
	nanosleep(&nap, NULL);
	for (i = 0; i < 100; i++) {
		ret = unlock(fd, blob, n, *v[1], &a);
		if (!ret || errno != EBUSY)
			break;
		usleep(50000);
	}
	return ret ? printf("%s\n", say(ret)) : printf("%d\n", a.serial);
}

/* request SERIAL: the same bytes each time */
static int request(char **v)
{
	unsigned char one[MH_UREQUEST_MAX], two[MH_UREQUEST_MAX];
	struct mh_request_io a = { .size = sizeof(a), .serial = atoi(v[0]),
				   .buf = (uintptr_t)one, .len = sizeof(one) };
	int fd = dev(), ret = ioctl(fd, MH_IOC_REQUEST, &a);
	unsigned int n = a.len;

	if (ret)
		return printf("%s\n", say(ret));
	a.buf = (uintptr_t)two;
	a.len = n;
	ret = ioctl(fd, MH_IOC_REQUEST, &a);
	if (ret || a.len != n || memcmp(one, two, n))
		return printf("differs: %s\n", say(ret));
	a.len = n - 1;
	ret = ioctl(fd, MH_IOC_REQUEST, &a);
	return printf("%s %s\n", n > 300 ? "same" : "short", say(ret));
}

/* kes SERIAL: Kes-public in hexadecimal */
static int kes(char **v)
{
	struct mh_info a = { .size = sizeof(a), .serial = atoi(v[0]) };
	int ret = ioctl(dev(), MH_IOC_INFO, &a);
	unsigned int i;

	for (i = 0; !ret && i < sizeof(a.public_key); i++)
		printf("%02x", a.public_key[i]);
	return printf("%s\n", ret ? say(ret) : "");
}

/* badseats: numbers, types, lengths, pointers that are wrong */
static int badseats(char **v)
{
	struct mh_init a = { .size = sizeof(a) };
	struct mh_seat_constant seat[2];
	int fd = dev(), wrong = 0, i;
	char bytes[32];

	(void)v;
	snprintf(a.name, sizeof(a.name), "zoe");
	seat_of(&seat[0], bytes, 'a');
	seat[1] = seat[0];
	a.seats = (uintptr_t)seat;
	for (i = 0; i < 6; i++) {
		int want = EINVAL;

		a.nseats = 1;
		seat[0] = seat[1];
		if (i == 0) {
			a.nseats = 0;
		} else if (i == 1) {
			a.nseats = 9;
		} else if (i == 2) {
			a.nseats = 2;		/* twice the same */
		} else if (i == 3) {
			seat[0].len = 31;
		} else if (i == 4) {
			seat[0].type = 99;
		} else {
			seat[0].ptr = 4096;
			want = EFAULT;
		}
		wrong += !ioctl(fd, MH_IOC_INIT, &a) || errno != want;
	}
	return printf("%d wrong\n", wrong);
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **v);
} verbs[] = {
	{ "init", 2, init },	   { "seal", 2, seal },		{ "unlock", 2, open_blob },
	{ "alter", 2, alter },	   { "cut", 2, cut },		{ "throttle", 2, throttle },
	{ "request", 1, request }, { "badseats", 0, badseats },
	{ "kes", 1, kes },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(argv[1], verbs[i].name) && argc == 2 + verbs[i].args) {
			verbs[i].run(argv + 2);
			return 0;
		}
	fprintf(stderr, "identity_probe: what?\n");
	return 2;
}

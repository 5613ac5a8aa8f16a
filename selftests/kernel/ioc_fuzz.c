// SPDX-License-Identifier: MIT
/*
 * ioc_fuzz SEED CALLS SECONDS [SERIAL]...: random calls of /dev/microhsm from two threads,
 * at most so many and so long; arguments that are half right: sizes mostly, serials of
 * keys given, pointers to memory that is, is not, or ends.  Never DRAIN, which would end
 * the test.  The kernel's health is the verdict; here only that nothing hangs.
 */
#include "selftests/kernel/call_fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/microhsm.h>

static const unsigned long cmds[] = {
	MH_IOC_STATUS, MH_IOC_INIT, MH_IOC_UNLOCK, MH_IOC_BLOB, MH_IOC_BLOB_ACK, MH_IOC_REQUEST,
	MH_IOC_FETCH, MH_IOC_COLLECT, MH_IOC_INFO, MH_IOC_AEAD, MH_IOC_STREAM_BEGIN,
	MH_IOC_STREAM, MH_IOC_SIGN, MH_IOC_ATTACH, MH_IOC_PULL, MH_IOC_SESSION, MH_IOC_DONE,
};

static uint32_t any_number(uint64_t *s)
{
	static const uint32_t odd[] = {
		0, 1, 2, 3, 16, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffd,
		MH_UCHUNK, MH_UCHUNK + 16, MH_UAEAD_MAX, MH_UBLOB_MAX, MH_UBLOB_MAX + 1,
	};

	if (n_serials && draw(s) % 3 == 0)
		return (uint32_t)serials[draw(s) % n_serials];
	return draw(s) % 4 ? odd[draw(s) % (sizeof(odd) / sizeof(*odd))] : (uint32_t)draw(s);
}

static void fill(uint64_t *s, unsigned char *arg, size_t size)
{
	static const char *const names[] = { "hq", "alice", "disk/data", "a/b", "x", "" };

	memset(arg, 0, size);
	for (size_t at = 4; at + 4 <= size; at += 4) {
		uint32_t v = any_number(s);
		uint64_t p;

		if (size > 400 && at > 16 && draw(s) % 40)	/* leave the texts mostly empty */
			continue;
		if (!(at % 8) && at + 8 <= size && draw(s) % 2) {
			p = (uintptr_t)any_memory(s);
			memcpy(arg + at, &p, 8);
			at += 4;
		} else {
			memcpy(arg + at, &v, 4);
		}
	}
	if (size > 80 && draw(s) % 2)
		strcpy((char *)arg + (draw(s) % 2 ? 8 : 16), names[draw(s) % 6]);
	if (size > 160 && draw(s) % 2)
		strcpy((char *)arg + 16 + MH_UNAME_MAX, names[draw(s) % 6]);
	if (draw(s) % 8) {
		uint32_t n = (uint32_t)size;

		memcpy(arg, &n, 4);
	}
}

static void one(uint64_t *s, int fd)
{
	unsigned long cmd = cmds[draw(s) % (sizeof(cmds) / sizeof(*cmds))];
	size_t size = _IOC_SIZE(cmd);
	unsigned char *arg = calloc(1, 65536);
	int ret;

	if (!arg)
		return;
	fill(s, arg, size);
	if (cmd == MH_IOC_FETCH) {	/* nobody may answer it */
		struct mh_fetch_io *f = (void *)arg;

		f->timeout_ms = 1 + draw(s) % 5;
	}
	if (draw(s) % 32 == 0)
		cmd = _IOC(draw(s) % 4, 'M', draw(s) % 256, draw(s) % 8192);
	if (_IOC_NR(cmd) == _IOC_NR(MH_IOC_DRAIN))
		cmd = MH_IOC_STATUS;
	ret = ioctl(fd, cmd, draw(s) % 64 ? (uintptr_t)arg : (uintptr_t)any_memory(s));
	count(ret);
	free(arg);
}

/* Those that the device has none of, or only what stream files have */
static void others(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	void *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char c[16] = "";

	if (m != MAP_FAILED || read(fd, c, sizeof(c)) >= 0 || write(fd, c, sizeof(c)) >= 0 ||
	    lseek(fd, 5, SEEK_SET) >= 0 || poll(&p, 1, 0) < 0)
		printf("the device reads, writes, seeks or maps\n");
}

static void *fuzz(void *ctx)
{
	uint64_t s = *(uint64_t *)ctx;
	int fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);

	for (unsigned long i = 0; i < most && time(NULL) < until; i++) {
		if (i % 256 == 255) {
			close(fd);
			fd = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
			others(fd);
		}
		one(&s, fd);
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, fuzz);
}

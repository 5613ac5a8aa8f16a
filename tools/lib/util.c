// SPDX-License-Identifier: MIT
/* Messages, numbers and prompts of the command-line tools. */
#include "util.h"
#include "core/crypto.h"
#include "core/statement.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

const char *mh_prog = "microhsm";

int mh_fail(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s: ", mh_prog);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

int mh_fail_file(const char *path, int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
		return mh_fail(MH_EXIT_NOTFOUND, "%s: %s", path, strerror(-err));
	case EACCES:
	case EPERM:
		return mh_fail(MH_EXIT_DENIED, "%s: %s; run as the user it belongs to", path,
			       strerror(-err));
	case ENOSPC:
	case EDQUOT:
		return mh_fail(MH_EXIT_FAILED, "%s: the disk is full: make room and run it again",
			       path);
	case EROFS:
		return mh_fail(MH_EXIT_FAILED, "%s: a read-only file system: name another place",
			       path);
	case EFBIG:
		return mh_fail(MH_EXIT_BAD_INPUT, "%s: longer than what it should be", path);
	}
	return mh_fail(MH_EXIT_FAILED, "%s: %s", path, strerror(-err));
}

void mh_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void mh_hex(char *out, const void *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const u8 *b = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit[b[i] >> 4];
		out[2 * i + 1] = digit[b[i] & 15];
	}
	out[2 * n] = 0;
}

int mh_unhex(u8 *out, size_t n, const char *hex)
{
	if (strlen(hex) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return -EINVAL;
		out[i] = (u8)strtoul(pair, NULL, 16);
	}
	return 0;
}

/* Decimal digits, and no more than a u64 holds; NULL, or where they end */
static const char *digits(const char *s, u64 *out)
{
	if (!isdigit((unsigned char)*s))
		return NULL;
	for (*out = 0; isdigit((unsigned char)*s); s++) {
		unsigned int d = (unsigned int)(*s - '0');

		if (*out > (UINT64_MAX - d) / 10)
			return NULL;
		*out = *out * 10 + d;
	}
	return s;
}

int mh_number(const char *s, u64 least, u64 most, u64 *out)
{
	u64 v;
	const char *end = digits(s, &v);

	if (!end || *end || v < least || v > most)
		return -EINVAL;
	*out = v;
	return 0;
}

int mh_duration(const char *s, u64 most, u64 *seconds)
{
	static const struct {
		char unit;
		u32 factor;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 0, 1 } };
	u64 v;
	const char *end = digits(s, &v);

	if (!end || !v || (*end && end[1]))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].unit == *end && v <= most / units[i].factor) {
			*seconds = v * units[i].factor;
			return 0;
		}
	return -EINVAL;
}

static const char *skip_separators(const char *s)
{
	while (*s == ' ' || *s == '-' || *s == ':' || *s == '\n')
		s++;
	return s;
}

bool mh_fingerprint_same(const char *typed, const char *fingerprint)
{
	const char *a = typed, *b = fingerprint;

	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

int mh_region_form(const char *given, char packed[65])
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	size_t n = 0;
	u8 id[32];

	memset(packed, 0, 65);
	for (const char *p = skip_separators(given); *p; p = skip_separators(p + 1)) {
		if (n == 64)
			return -EINVAL;
		packed[n++] = *p;
	}
	/* 100 bits of base32, or 256 of hexadecimal */
	return n == 20 && strspn(packed, base32) == n ? 0 : mh_unhex(id, 32, packed);
}

bool mh_region_is(const char *given, struct mh_buf label, const u8 id[32])
{
	char fingerprint[MH_FINGERPRINT_LEN], hex[65], packed[65];

	if (mh_region_form(given, packed))
		return mh_buf_equal(mh_text(given), label);
	mh_fingerprint(id, fingerprint);
	mh_hex(hex, id, 32);
	return mh_fingerprint_same(packed, fingerprint) || !strcasecmp(packed, hex);
}

/* A byte at a time: what follows the line is not this one's to take */
static int read_line(int fd, char *out, size_t size)
{
	size_t n = 0;
	ssize_t got;

	for (;;) {
		got = read(fd, out + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != 1 || out[n] == '\n')
			break;
		if (++n == size) {
			mh_wipe(out, size);
			return -EMSGSIZE;
		}
	}
	if (got < 0) {
		int err = -errno;

		mh_wipe(out, size);
		return err;
	}
	out[n] = 0;
	return got ? 0 : -ENODATA;
}

static int prompt(const char *text, char *out, size_t size, bool echo)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios was, quiet;
	int ret;

	if (fd < 0 || tcgetattr(fd, &was) < 0) {
		if (fd >= 0)
			close(fd);
		return -ENOTTY;
	}
	quiet = was;
	if (!echo)
		quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "%s", text);
	ret = read_line(fd, out, size);
	tcsetattr(fd, TCSAFLUSH, &was);
	if (!echo)
		dprintf(fd, "\n");
	close(fd);
	if (ret)
		mh_wipe(out, size);
	return ret;
}

int mh_prompt_secret(const char *text, char *out, size_t size)
{
	return prompt(text, out, size, false);
}

int mh_prompt_line(const char *text, char *out, size_t size)
{
	int ret = prompt(text, out, size, true);

	/* wiped: no answer is that long */
	return ret == -EMSGSIZE ? 0 : ret;
}

int mh_secret_from_fd(int fd, char *out, size_t size)
{
	int ret = read_line(fd, out, size);

	return ret == -ENODATA ? 0 : ret;
}

void mh_process_protect(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		mh_note("%s: warning: core dumps could not be disabled: %s", mh_prog,
			strerror(errno));
}

void mh_time_text(u64 t, char out[24])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 24, "%llu", (unsigned long long)t);
}

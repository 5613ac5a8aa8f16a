// SPDX-License-Identifier: MIT
/* What microhsm's verbs share: the device, errno in words, the state directory. */
#include "microhsm.h"
#include "core/wire.h"
#include "lib/attach.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

int mht_serial(const char *what, const char *given, __s32 *serial)
{
	u64 n;

	if (mh_number(given, 1, INT32_MAX, &n))
		return mh_fail(MH_EXIT_USAGE, "%s %s is no serial number; see microhsm keys", what,
			       given);
	*serial = (__s32)n;
	return 0;
}

void mht_print(json_t *j)
{
	json_dumpf(j, stdout, JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
}

int mht_no_module(void)
{
	return mh_fail(MH_EXIT_UNREACHABLE,
		       "the microhsm module is not loaded: modprobe microhsm (or insmod)");
}

int mht_device(struct mht *t)
{
	if (t->device >= 0)
		return 0;
	t->device = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	if (t->device >= 0)
		return 0;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return mht_no_module();
	return mh_fail(errno == EACCES || errno == EPERM ? MH_EXIT_DENIED : MH_EXIT_FAILED,
		       "%s: %s", MH_DEVICE, strerror(errno));
}

static const struct {
	int err;
	int code;
	const char *text;
} errors[] = {
	{ EPERM, MH_EXIT_DENIED,
	  "not allowed; this needs root of the host, or the policy forbids it" },
	{ EACCES, MH_EXIT_DENIED,
	  "no permission on the key, or the policy does not allow this use or export" },
	{ ENOKEY, MH_EXIT_NOTFOUND,
	  "no such key; see microhsm status (is the identity unlocked?)" },
	{ ENOENT, MH_EXIT_NOTFOUND,
	  "not there, or no right to it; ask an officer: repoctl dataset show" },
	{ EEXIST, MH_EXIT_CONFLICT, "there is one already; see microhsm status" },
	{ EKEYREVOKED, MH_EXIT_REVOKED, "revoked; an officer has to enrol this host again" },
	{ EKEYEXPIRED, MH_EXIT_DENIED, "its lease or validity has ended; fetch it again" },
	{ EKEYREJECTED, MH_EXIT_DENIED,
	  "refused: wrong seat, altered blob or key, suspended, or another fingerprint" },
	{ ENOTCONN, MH_EXIT_UNREACHABLE, "no agent is running: start microhsm agent" },
	{ EHOSTUNREACH, MH_EXIT_UNREACHABLE,
	  "no repository answered; is one listening, and its address right?" },
	{ ECONNREFUSED, MH_EXIT_UNREACHABLE,
	  "the repository refused the connection; is repositoryd running?" },
	{ ECONNRESET, MH_EXIT_UNREACHABLE,
	  "the repository closed the connection; it does not know or accept this host" },
	{ EPIPE, MH_EXIT_UNREACHABLE, "the session ended; try again" },
	{ ESHUTDOWN, MH_EXIT_UNREACHABLE, "the module is draining; load it again" },
	{ ETIMEDOUT, MH_EXIT_TIMEOUT,
	  "no answer in time; try again, or look at repositoryd and the agent" },
	{ EBADMSG, MH_EXIT_BAD_INPUT, "malformed, altered, or a signature that does not hold" },
	{ ENOTUNIQ, MH_EXIT_DENIED,
	  "two different statements of one serial were seen, a fork; tell an officer" },
	{ EPROTONOSUPPORT, MH_EXIT_FAILED,
	  "made by a release that this one does not know: update the module and tools" },
	{ EOPNOTSUPP, MH_EXIT_FAILED, "of a kind that this release does not take" },
	{ ESTALE, MH_EXIT_DENIED,
	  "stale: an older statement than one known, or the Region's EPOCH has ended" },
	{ ENODATA, MH_EXIT_NOTFOUND, "out of date: no valid version is to be had" },
	{ EDQUOT, MH_EXIT_FAILED,
	  "a quota is reached; unlink keys that are not needed (keyctl show)" },
	{ EBUSY, MH_EXIT_CONFLICT,
	  "busy; another agent is attached, or too many tries: wait and try again" },
	{ ENOTTY, MH_EXIT_FAILED,
	  "the module does not know this call: tool and module are of different releases" },
};

int mht_tell(int err, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err)
			return mh_fail(errors[i].code, "%s: %s", what, errors[i].text);
	return mh_fail(MH_EXIT_FAILED, "%s: %s", what, strerror(err));
}

int mht_ioctl(struct mht *t, unsigned long op, void *arg, const char *what)
{
	int ret = mht_device(t);

	if (ret)
		return ret;
	return ioctl(t->device, op, arg) < 0 ? mht_tell(errno, what) : 0;
}

/* What is looked for among this host's identities, and what was found. */
struct sought {
	const char *which;	/* NULL: any */
	unsigned int found;
	struct mh_info last;
	char names[256];
};

static bool is_region(const struct mh_info *i, const char *which)
{
	return i->kind == 1 && mh_region_is(which, mh_text(i->region), i->region_id);
}

/* NAME of a pending one, REGION or REGION/NAME of one that has joined */
static bool is_identity(const struct mh_info *i, const char *which)
{
	const char *slash = which ? strchr(which, '/') : NULL;
	char region[MH_UNAME_MAX];

	if (!which)
		return true;
	if (!slash)
		return i->kind == 2 ? !strcmp(which, i->name) : is_region(i, which);
	snprintf(region, sizeof(region), "%.*s", (int)(slash - which), which);
	return is_region(i, region) && !strcmp(slash + 1, i->name);
}

/* Identities' keys are in /proc/keys: what the caller may VIEW, no capability needed. */
static int seek(struct mht *t, bool (*is)(const struct mh_info *i, const char *which),
		struct sought *s)
{
	char line[512];
	FILE *f;
	int ret = mht_device(t);

	if (ret)
		return ret;
	f = fopen("/proc/keys", "re");
	if (!f)
		return mh_fail(MH_EXIT_FAILED, "/proc/keys: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		struct mh_info i = { .size = sizeof(i) };
		size_t at = strlen(s->names);
		unsigned int id;

		if (!strstr(line, " microhsm ") || !strstr(line, "entity:") ||
		    sscanf(line, "%x", &id) != 1)
			continue;
		i.serial = (__s32)id;
		if (ioctl(t->device, MH_IOC_INFO, &i) < 0 || i.kind == 3 || !is(&i, s->which))
			continue;	/* not ours to see, gone meanwhile, or another */
		s->found++;
		s->last = i;
		snprintf(s->names + at, sizeof(s->names) - at, " %s%s%s", i.region,
			 *i.region ? "/" : "", i.name);
	}
	fclose(f);
	if (s->found > 1)
		return mh_fail(MH_EXIT_USAGE, "there are several identities:%s; say which",
			       s->names);
	return 0;
}

int mht_identity(struct mht *t, const char *which, __s32 *serial)
{
	struct sought s = { .which = which };
	int ret = seek(t, is_identity, &s);

	if (ret)
		return ret;
	if (!s.found)
		return mh_fail(MH_EXIT_NOTFOUND,
			       "no identity%s%s on this host; microhsm init makes one, microhsm "
			       "unlock opens one",
			       which ? " " : "", which ? which : "");
	*serial = s.last.serial;
	return 0;
}

int mht_region_label(struct mht *t, char region[MH_UNAME_MAX])
{
	struct sought s = { .which = region };
	/* what is shorter than a fingerprint is a label */
	int ret = strlen(region) < 20 ? 0 : seek(t, is_region, &s);

	if (!ret && s.found)
		memcpy(region, s.last.region, MH_UNAME_MAX);
	return ret;
}

static int tell_blob(int err, const char *path)
{
	if (!*path)
		return mht_tell(err, "sealing the identity");
	if (err == EEXIST)
		return mh_fail(MH_EXIT_CONFLICT,
			       "%s holds another identity, which would be lost: move it away, or name "
			       "another --state, and run it again",
			       path);
	return mh_fail(MH_EXIT_FAILED,
		       "%s: the sealed identity could not be written: %s; the last one stays", path,
		       strerror(err));
}

int mht_write_blob(struct mht *t, int device, __s32 serial)
{
	struct mh_info info = { .size = sizeof(info), .serial = serial };
	struct mh_pull what = { .serial = serial };
	char path[PATH_MAX];
	int ret;

	if (ioctl(device, MH_IOC_INFO, &info) < 0)
		return mht_tell(errno, "sealing the identity");
	memcpy(what.region, info.region, sizeof(what.region));
	snprintf(what.name, sizeof(what.name), "%.64s", info.name);
	ret = mh_attach_seal(device, &what, t->state, path, sizeof(path));
	return ret ? tell_blob(-ret, path) : 0;
}

int mht_blob_room(struct mht *t, __s32 pending, const char *region)
{
	struct mh_info info = { .size = sizeof(info), .serial = pending };
	struct mh_pull what = { .serial = pending };
	char path[PATH_MAX];
	int ret = mht_ioctl(t, MH_IOC_INFO, &info, "the identity");

	if (ret)
		return ret;
	snprintf(what.region, sizeof(what.region), "%s", region);
	snprintf(what.name, sizeof(what.name), "%.64s", info.name);
	ret = mh_attach_room(t->device, &what, t->state, path, sizeof(path));
	return ret ? tell_blob(-ret, path) : 0;
}

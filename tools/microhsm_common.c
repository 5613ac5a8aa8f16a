// SPDX-License-Identifier: MIT
/* What microhsm's verbs share: the device, errno in words, the state directory. */
#include "microhsm.h"
#include "lib/attach.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

int mht_device(struct mht *t)
{
	if (t->device >= 0)
		return 0;
	t->device = open(MH_DEVICE, O_RDWR | O_CLOEXEC);
	if (t->device >= 0)
		return 0;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return mh_fail(MH_EXIT_UNREACHABLE, "the module is not loaded: insmod microhsm.ko "
						    "(or modprobe microhsm)");
	return mh_fail(MH_EXIT_DENIED, "%s: %s", MH_DEVICE, strerror(errno));
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

/* An identity's key from /proc/keys: what the caller may VIEW, no capability needed. */
int mht_identity(struct mht *t, const char *which, __s32 *serial)
{
	FILE *f = fopen("/proc/keys", "re");
	char line[512], names[256] = "";
	unsigned int found = 0;

	(void)t;
	if (!f)
		return mh_fail(MH_EXIT_FAILED, "/proc/keys: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *e = strstr(line, "entity:"), *slash;
		unsigned int id;

		if (!e || !strstr(line, " microhsm ") || sscanf(line, "%x", &id) != 1)
			continue;
		e[strcspn(e, "\n ")] = 0;
		e += strlen("entity:");
		e[strcspn(e, ":")] = 0;
		slash = strchr(e, '/');
		if (which && strcmp(e, which) &&
		    !(slash && !strncmp(e, which, (size_t)(slash - e)) && !which[slash - e]))
			continue;
		found++;
		*serial = (__s32)id;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", e);
	}
	fclose(f);
	if (!found)
		return mh_fail(MH_EXIT_NOTFOUND,
			       "no identity%s%s on this host; microhsm init makes one, microhsm "
			       "unlock opens one",
			       which ? " " : "", which ? which : "");
	if (found > 1)
		return mh_fail(MH_EXIT_USAGE, "there are several identities:%s; say which", names);
	return 0;
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
	if (ret && !*path)
		return mht_tell(-ret, "sealing the identity");
	if (ret)
		return mh_fail(MH_EXIT_FAILED,
			       "%s: the sealed identity could not be written: %s; the last one "
			       "stays",
			       path, strerror(-ret));
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * repositoryd.ini: one section, every key known; what is not known is an error, and so is what
 * could not be started: --check, the start and a reload read it here alike.
 */
#include "repositoryd.h"

#include <grp.h>
#include <ini.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct reading {
	struct mh_config *c;
	const char *path;
	int bad;
};

static int set_text(char **at, const char *v)
{
	free(*at);
	*at = strdup(v);
	return *at ? 0 : -ENOMEM;
}

static int add_text(char **list, unsigned int *n, unsigned int most, const char *v)
{
	if (*n == most)
		return -E2BIG;
	list[*n] = strdup(v);
	return list[(*n)++] ? 0 : -ENOMEM;
}

static int set_number(u32 *at, const char *v, u32 least, u32 most)
{
	char *end;
	unsigned long n = strtoul(v, &end, 10);

	if (!*v || *v == '-' || *end || n < least || n > most)
		return -ERANGE;
	*at = (u32)n;
	return 0;
}

static int set_name(struct mh_config *c, const char *v)
{
	/* ".freshness" is added for the other DELEGATION's subject */
	if (strlen(v) > MH_NAME_MAX - 10 || !mh_name_ok(mh_text(v)))
		return -EINVAL;
	strcpy(c->name, v);
	return 0;
}

static int set_roles(struct mh_config *c, const char *v)
{
	char copy[128], *save = NULL;

	if (strlen(v) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, v);
	c->repository = false;
	c->freshness = false;
	for (char *w = strtok_r(copy, " ,", &save); w; w = strtok_r(NULL, " ,", &save)) {
		if (!strcmp(w, "repository"))
			c->repository = true;
		else if (!strcmp(w, "freshness"))
			c->freshness = true;
		else
			return -EINVAL;
	}
	/* who shakes hands needs an EPOCH, and none but our own freshness role's gets here yet */
	return !c->repository ? -EINVAL : c->freshness ? 0 : -ENOSYS;
}

static int set_level(struct mh_config *c, const char *v)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(v, names[i])) {
			c->level = (enum mh_log_level)i;
			return 0;
		}
	return -EINVAL;
}

static int set_genesis(struct mh_config *c, const char *v)
{
	char packed[65];

	return mh_region_form(v, packed) ? -EINVAL :
		add_text(c->genesis, &c->geneses, MH_GENESIS_MAX, packed);
}

int mh_config_address(const char *text, struct addrinfo **out)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	char host[64], *end;
	unsigned long port;

	if (!colon || !n || n >= sizeof(host))
		return -EINVAL;
	/* getaddrinfo() takes none for 0, and 65537 for 1 */
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || !port || port > 65535)
		return -EINVAL;
	if (*text == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	memcpy(host, text, n);
	host[n] = 0;
	return getaddrinfo(host, colon + 1, &hints, out) ? -EINVAL : 0;
}

static int add_listen(struct mh_config *c, const char *v)
{
	struct addrinfo *a;

	if (mh_config_address(v, &a))
		return -EADDRNOTAVAIL;
	freeaddrinfo(a);
	return add_text(c->listen, &c->listens, MH_LISTEN_MAX, v);
}

/* It says who is served, to whoever connects, in the clear. */
static int is_loopback(const char *v)
{
	struct addrinfo *a;
	bool ok;

	if (mh_config_address(v, &a))
		return -EADDRNOTAVAIL;
	ok = a->ai_family == AF_INET ?
		     ntohl(((struct sockaddr_in *)a->ai_addr)->sin_addr.s_addr) >> 24 ==
			     IN_LOOPBACKNET :
		     IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr);
	freeaddrinfo(a);
	return ok ? 0 : -EPERM;
}

static int socket_fits(const char *v)
{
	return strlen(v) < sizeof(((struct sockaddr_un *)NULL)->sun_path) ? 0 : -ENAMETOOLONG;
}

static int user_known(const char *v)
{
	return getpwnam(v) ? 0 : -ESRCH;
}

static int group_known(const char *v)
{
	return getgrnam(v) ? 0 : -ESRCH;
}

static int set(struct mh_config *c, const char *key, const char *v)
{
	const struct {
		const char *key;
		char **at;
		int (*check)(const char *v);
	} texts[] = {
		{ "store", &c->store, NULL },
		{ "socket", &c->socket, socket_fits },
		{ "admin", &c->admin, socket_fits },
		{ "admin_group", &c->admin_group, group_known },
		{ "user", &c->user, user_known },
		{ "keeper", &c->keeper, NULL },
		{ "keeper_user", &c->keeper_user, user_known },
		{ "kernel", &c->kernel, NULL },
		{ "metrics", &c->metrics, is_loopback },
	};
	const struct {
		const char *key;
		u32 *at, least, most;
	} numbers[] = {
		{ "max_connections", &c->max_connections, 1, 65536 },
		{ "handshake", &c->handshake, 1, 600 },
		{ "idle", &c->idle, 1, 86400 },
		{ "max_answers", &c->max_answers, 1, 1024 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int ret;

		if (strcmp(key, texts[i].key))
			continue;
		ret = !*v ? -EINVAL : texts[i].check ? texts[i].check(v) : 0;
		return ret ? ret : set_text(texts[i].at, v);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			return set_number(numbers[i].at, v, numbers[i].least, numbers[i].most);
	if (!strcmp(key, "name"))
		return set_name(c, v);
	if (!strcmp(key, "listen"))
		return add_listen(c, v);
	if (!strcmp(key, "genesis"))
		return set_genesis(c, v);
	if (!strcmp(key, "role"))
		return set_roles(c, v);
	if (!strcmp(key, "log"))
		return set_level(c, v);
	/* when a record cannot be written, nothing is delivered: the only mode there is */
	if (!strcmp(key, "audit"))
		return strcmp(v, "refuse") ? -EINVAL : 0;
	return -ENOENT;
}

static const char *reason(int err)
{
	switch (err) {
	case -ENOTSUP:
		return "no such section; there is [repositoryd] only";
	case -ENOENT:
		return "no such key";
	case -E2BIG:
		return "given too often";
	case -ERANGE:
		return "a number out of range";
	case -ENOSYS:
		return "without freshness here no host could be served: repository freshness is "
		       "all there is yet";
	case -EADDRNOTAVAIL:
		return "not an address: write 192.0.2.1:7878 or [::]:7878";
	case -EPERM:
		return "told to whoever asks, in the clear: 127.0.0.1:PORT or [::1]:PORT only; who "
		       "asks from elsewhere comes through a proxy that knows them";
	case -ENAMETOOLONG:
		return "too long for a socket's path";
	case -ESRCH:
		return "no such user or group here";
	case -ENOMEM:
		return "out of memory";
	}
	return "not a value that this key takes";
}

static int handler(void *ctx, const char *section, const char *key, const char *v)
{
	struct reading *r = ctx;
	int ret = strcmp(section, "repositoryd") ? -ENOTSUP : set(r->c, key, v);

	if (!ret)
		return 1;
	r->bad++;
	if (ret == -ENOTSUP || ret == -ENOENT)
		fprintf(stderr, "repositoryd: %s: %s: %s\n", r->path,
			ret == -ENOTSUP ? section : key, reason(ret));
	else
		fprintf(stderr, "repositoryd: %s: %s = %s: %s\n", r->path, key, v, reason(ret));
	return 0;
}

/* It is one, or can be made: for no more than the last part of its path that is done. */
static bool may_be_directory(const char *path)
{
	struct stat st;
	char *copy;
	bool ok;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode);
	/* what we may not look into is for its user to find */
	if (errno != ENOENT)
		return errno == EACCES;
	copy = strdup(path);
	ok = !copy || !stat(dirname(copy), &st);
	free(copy);
	return ok;
}

static bool has_places(const struct mh_config *c, const char *path)
{
	const struct {
		const char *key, *v;
		bool file;
	} places[] = {
		{ "store", c->store, true },
		{ "admin", c->admin, true },
		{ "socket", c->socket, true },
		{ "keeper", c->keeper, false },
		{ "kernel", c->kernel, false },
	};
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *copy = places[i].v ? strdup(places[i].v) : NULL;

		if (copy && !may_be_directory(places[i].file ? dirname(copy) : copy)) {
			fprintf(stderr,
				"repositoryd: %s: %s = %s: not in a directory that is there\n",
				path, places[i].key, places[i].v);
			ok = false;
		}
		free(copy);
	}
	return ok;
}

static int defaults(struct mh_config *c)
{
	*c = (struct mh_config){
		.repository = true,
		.freshness = true,
		.max_connections = 1024,
		.handshake = 10,
		.idle = 3600,
		.max_answers = 64,
		.level = MH_LOG_INFO,
	};
	return set_text(&c->store, "/var/lib/repositoryd/store") ||
			       set_text(&c->admin, "/run/microhsm/admin") ||
			       set_text(&c->keeper, "/var/lib/repositoryd-keeper") ?
		       -ENOMEM :
		       0;
}

int mh_config_read(struct mh_config *c, const char *path)
{
	struct reading r = { .c = c, .path = path };
	int ret = defaults(c), line;

	if (ret) {
		fprintf(stderr, "repositoryd: out of memory\n");
		mh_config_free(c);
		return ret;
	}
	errno = 0;
	line = ini_parse(path, handler, &r);
	if (line < 0)
		fprintf(stderr, "repositoryd: %s: %s\n", path, strerror(errno ? errno : EIO));
	else if (line > 0 && !r.bad)
		fprintf(stderr, "repositoryd: %s:%d: neither [section] nor key = value\n", path,
			line);
	else if (!line && !c->name[0])
		fprintf(stderr,
			"repositoryd: %s: name is missing: the name that DELEGATIONs will give "
			"this server\n",
			path);
	else if (!line && !c->listens && !c->socket && !c->kernel)
		fprintf(stderr,
			"repositoryd: %s: neither listen, socket nor kernel: nobody could "
			"connect\n",
			path);
	else if (!line && has_places(c, path))
		return 0;
	mh_config_free(c);
	return -EINVAL;
}

void mh_config_free(struct mh_config *c)
{
	free(c->store);
	free(c->socket);
	free(c->admin);
	free(c->admin_group);
	free(c->user);
	free(c->keeper);
	free(c->keeper_user);
	free(c->kernel);
	free(c->metrics);
	while (c->listens)
		free(c->listen[--c->listens]);
	while (c->geneses)
		free(c->genesis[--c->geneses]);
	memset(c, 0, sizeof(*c));
}

bool mh_config_accepts(const struct mh_config *c, const u8 region[32])
{
	char fingerprint[MH_FINGERPRINT_LEN], hex[65];

	mh_fingerprint(region, fingerprint);
	mh_hex(hex, region, 32);
	for (unsigned int i = 0; i < c->geneses; i++)
		if (mh_fingerprint_same(c->genesis[i],
					strlen(c->genesis[i]) == 64 ? hex : fingerprint))
			return true;
	return false;
}

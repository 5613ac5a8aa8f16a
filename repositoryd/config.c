// SPDX-License-Identifier: MIT
/* repositoryd.ini: one section, every key known; what is not known is an error. */
#include "repositoryd.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

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
	static const char base32[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char packed[MH_HASH_LEN * 2 + 1];
	u8 id[32];
	size_t n = 0;

	for (const char *p = v; *p; p++) {
		if (*p == ' ' || *p == '-' || *p == ':')
			continue;
		if (n == sizeof(packed) - 1)
			return -EINVAL;
		packed[n++] = *p;
	}
	packed[n] = 0;
	/* 100 bits of base32, or 256 of hexadecimal */
	if (n == 20 ? strspn(packed, base32) != n : mh_unhex(id, 32, packed))
		return -EINVAL;
	return add_text(c->genesis, &c->geneses, MH_GENESIS_MAX, packed);
}

static int set(struct mh_config *c, const char *key, const char *v)
{
	const struct {
		const char *key;
		char **at;
	} texts[] = {
		{ "store", &c->store }, { "socket", &c->socket }, { "admin", &c->admin },
		{ "admin_group", &c->admin_group }, { "user", &c->user }, { "keeper", &c->keeper },
		{ "keeper_user", &c->keeper_user }, { "kernel", &c->kernel },
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

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(key, texts[i].key))
			return *v ? set_text(texts[i].at, v) : -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(key, numbers[i].key))
			return set_number(numbers[i].at, v, numbers[i].least, numbers[i].most);
	if (!strcmp(key, "name"))
		return set_name(c, v);
	if (!strcmp(key, "listen"))
		return *v ? add_text(c->listen, &c->listens, MH_LISTEN_MAX, v) : -EINVAL;
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

static int handler(void *ctx, const char *section, const char *key, const char *v)
{
	struct reading *r = ctx;
	int ret = strcmp(section, "repositoryd") ? -ENOTSUP : set(r->c, key, v);

	if (!ret)
		return 1;
	r->bad++;
	fprintf(stderr, "repositoryd: %s: %s%s%s\n", r->path, ret == -ENOTSUP ? section : key,
		ret == -ENOTSUP ? ": no such section; there is [repositoryd] only" :
		ret == -ENOENT	? ": no such key" :
		ret == -E2BIG	? ": given too often" :
		ret == -ERANGE	? ": a number out of range: " :
		ret == -ENOSYS	? ": without freshness here no host could be served: "
				  "repository freshness is all there is yet" :
				  ": not a value that this key takes: ",
		ret == -EINVAL || ret == -ERANGE ? v : "");
	return 0;
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

	if (ret)
		return ret;
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
	else if (!line)
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

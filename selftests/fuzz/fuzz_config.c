// SPDX-License-Identifier: MIT
/* repositoryd.ini: what is taken could be started with; of what is not, nothing is left. */
#include "memfile.h"
#include "repositoryd.h"

#include <netdb.h>

static void check(const struct mh_config *c)
{
	struct addrinfo *a;
	char packed[65];

	must(mh_name_ok(MH_BUF(c->name, strlen(c->name))));
	must(c->store && *c->store && c->admin && *c->admin && c->keeper && *c->keeper);
	must(c->listens || c->socket || c->kernel);
	must(c->repository && c->freshness && c->level <= MH_LOG_DEBUG);
	must(c->max_connections && c->max_connections <= 65536);
	must(c->handshake && c->handshake <= 600 && c->idle && c->idle <= 86400);
	must(c->max_answers && c->max_answers <= 1024);
	must(c->listens <= MH_LISTEN_MAX && c->geneses <= MH_GENESIS_MAX);
	for (unsigned int i = 0; i < c->listens; i++) {
		must(!mh_config_address(c->listen[i], &a));
		freeaddrinfo(a);
	}
	for (unsigned int i = 0; i < c->geneses; i++)
		must(!mh_region_form(c->genesis[i], packed) && !strcmp(packed, c->genesis[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mh_config none;
	const char *path = memfile(data, size);
	struct mh_config c;
	u8 region[32] = { 5 };
	int ret;

	hush(true);
	ret = mh_config_read(&c, path);
	hush(false);
	must(!ret || ret == -EINVAL);
	if (ret) {
		must(!memcmp(&c, &none, sizeof(c)));
		return 0;
	}
	check(&c);
	mh_config_accepts(&c, region);
	mh_config_free(&c);
	return 0;
}

// SPDX-License-Identifier: MIT
/* pkcs11: URIs; see officer_uri.h. */
#include "officer_uri.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SCHEME	"pkcs11:"

bool mh_token_is_uri(const char *path)
{
	return !strncmp(path, SCHEME, strlen(SCHEME));
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* n characters without their percent signs into at most size bytes; their number, or -1 */
static int decode(const char *p, size_t n, u8 *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		u8 c = (u8)p[i];

		if (c == '%') {
			if (i + 2 >= n || nibble(p[i + 1]) < 0 || nibble(p[i + 2]) < 0)
				return -1;
			c = (u8)(nibble(p[i + 1]) << 4 | nibble(p[i + 2]));
			i += 2;
		} else if (!isgraph(c)) {
			return -1;
		}
		if (len == size)
			return -1;
		out[len++] = c;
	}
	return (int)len;
}

struct attribute {
	const char *name;
	void *at;
	size_t size;	/* texts: with the zero at the end */
};

/* One name=value; query: of those behind the question mark */
static const char *take(struct mh_token_uri *u, const char *p, size_t n, bool query)
{
	const struct attribute path[] = {
		{ "token", u->token, sizeof(u->token) },
		{ "manufacturer", u->manufacturer, sizeof(u->manufacturer) },
		{ "model", u->model, sizeof(u->model) },
		{ "serial", u->serial, sizeof(u->serial) },
		{ "object", u->object, sizeof(u->object) },
	}, asked[] = { { "module-path", u->module, sizeof(u->module) } };
	const struct attribute *a = query ? asked : path;
	const size_t many = query ? ARRAY_SIZE(asked) : ARRAY_SIZE(path);
	const char *eq = memchr(p, '=', n), *v = eq ? eq + 1 : p + n;
	const size_t name = eq ? (size_t)(eq - p) : n, len = (size_t)(p + n - v);
	int got;

	if (name >= 4 && !strncmp(p, "pin-", 4))
		return "a PIN does not belong in a URI, where every list of processes shows it: "
		       "it is read from --passphrase-fd, or asked";
	if (!query && name == 4 && !strncmp(p, "type", 4))
		return len == 7 && !strncmp(v, "private", 7) ? NULL :
			"type is private for an officer's key";
	if (!query && name == 2 && !strncmp(p, "id", 2)) {
		got = u->id_len ? -1 : decode(v, len, u->id, sizeof(u->id));
		u->id_len = got > 0 ? (size_t)got : 0;
		return got > 0 ? NULL : "id is 1 to 64 bytes, once";
	}
	for (size_t i = 0; i < many; i++) {
		if (strlen(a[i].name) != name || strncmp(a[i].name, p, name))
			continue;
		if (*(char *)a[i].at)
			return "an attribute is given twice";
		got = decode(v, len, a[i].at, a[i].size - 1);
		/* a zero byte would end it before its end */
		return got > 0 && strlen(a[i].at) == (size_t)got ? NULL :
			"the value of an attribute is empty, too long, or not percent-encoded";
	}
	return "an attribute is not known here; what may be given is token, manufacturer, model, "
	       "serial, object, id, type=private and ?module-path";
}

int mh_token_uri_parse(struct mh_token_uri *u, const char *text, const char **why)
{
	bool query = false;

	*why = NULL;
	memset(u, 0, sizeof(*u));
	if (!mh_token_is_uri(text))
		*why = "not a pkcs11: URI";
	else
		text += strlen(SCHEME);
	while (!*why && *text) {
		size_t n = strcspn(text, query ? "&" : ";?");

		*why = take(u, text, n, query);
		text += n;
		if (*text)
			query = *text++ == '?' || query;
	}
	if (!*why && !*u->object && !u->id_len)
		*why = "which key? object= or id= says it";
	return *why ? -EINVAL : 0;
}

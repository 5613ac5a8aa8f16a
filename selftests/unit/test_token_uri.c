// SPDX-License-Identifier: MIT
/* R36: which token and which key a pkcs11: URI means, and what is not taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/officer_uri.h"

static struct mh_token_uri u;
static const char *why;

static void all_of_it(void **state)
{
	(void)state;
	assert_int_equal(mh_token_uri_parse(&u, "pkcs11:token=My%20card;manufacturer=ACME;"
					    "model=T%3b1;serial=0042;object=me;id=%00%fFz;type=private"
					    "?module-path=/usr/lib/x.so", &why), 0);
	assert_string_equal(u.token, "My card");
	assert_string_equal(u.manufacturer, "ACME");
	assert_string_equal(u.model, "T;1");
	assert_string_equal(u.serial, "0042");
	assert_string_equal(u.object, "me");
	assert_int_equal(u.id_len, 3);
	assert_memory_equal(u.id, "\0\377z", 3);
	assert_string_equal(u.module, "/usr/lib/x.so");
	assert_int_equal(mh_token_uri_parse(&u, "pkcs11:id=%01", &why), 0);
	assert_string_equal(u.token, "");
	assert_int_equal(u.id_len, 1);
	assert_true(mh_token_is_uri("pkcs11:"));
	assert_false(mh_token_is_uri("./pkcs11:object=me"));
	assert_false(mh_token_is_uri("PKCS12:x"));
}

static void refused(void **state)
{
	static const struct {
		const char *uri, *why;
	} bad[] = {
		{ "file.pem", "not a pkcs11" },
		{ "pkcs11:", "which key" },
		{ "pkcs11:token=a", "which key" },
		{ "pkcs11:object=a?pin-value=1", "PIN does not belong" },
		{ "pkcs11:object=a?module-path=/x&pin-value=1", "PIN does not belong" },
		{ "pkcs11:pin-value=1;object=a", "PIN does not belong" },
		{ "pkcs11:object=a?pin-source=/etc/x", "PIN does not belong" },
		{ "pkcs11:object=a;", NULL },
		{ "pkcs11:object=a;;token=b", "not known" },
		{ "pkcs11:object=a;slot-id=1", "not known" },
		{ "pkcs11:object=a;module-path=/x", "not known" },
		{ "pkcs11:object=a?token=b", "not known" },
		{ "pkcs11:object=a;Token=b", "not known" },
		{ "pkcs11:object=a;tokens=b", "not known" },
		{ "pkcs11:object=a;type=public", "type is private" },
		{ "pkcs11:object=a;type=privat", "type is private" },
		{ "pkcs11:object=a;object=b", "twice" },
		{ "pkcs11:object=", "empty" },
		{ "pkcs11:object", "empty" },
		{ "pkcs11:object=a%", "percent" },
		{ "pkcs11:object=a%4", "percent" },
		{ "pkcs11:object=a%4g", "percent" },
		{ "pkcs11:object=a%00b", "percent" },
		{ "pkcs11:object=a b", "percent" },
		{ "pkcs11:object=a\n", "percent" },
		{ "pkcs11:id=", "id is" },
		{ "pkcs11:id=%1", "id is" },
		{ "pkcs11:id=%01;id=%02", "id is" },
		{ "pkcs11:object=a;token=123456789012345678901234567890123", "too long" },
		{ "pkcs11:object=a;token=12345678901234567890123456789012", NULL },
		{ "pkcs11:object=a;serial=12345678901234567", "too long" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = mh_token_uri_parse(&u, bad[i].uri, &why);

		if (!ret == !!bad[i].why || (why && !strstr(why, bad[i].why)))
			fail_msg("%s: %d %s", bad[i].uri, ret, why);
	}
}

/* Never past the end of what it fills, however long */
static void long_ones(void **state)
{
	static const char *const names[] = { "token", "model", "serial", "object", "id" };
	char text[1200];

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		for (int n = 1; n < 300; n++) {
			int len = snprintf(text, sizeof(text), "pkcs11:object=a;%s=", names[k]);

			for (int i = 0; i < n; i++)
				len += snprintf(text + len, sizeof(text) - (size_t)len, "%%41");
			assert_true(!mh_token_uri_parse(&u, text, &why) == !why);
			assert_true(u.id_len <= sizeof(u.id));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

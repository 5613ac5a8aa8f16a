// SPDX-License-Identifier: MIT
/* R36: a Region is named by a label, which is a server's word, or by its fingerprint or id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/messages.h"
#include "lib/util.h"

static const u8 id[32] = { 1, 2, 3 };

static void forms(void **state)
{
	static const struct {
		const char *given;
		bool form;
	} table[] = {
		{ "cpj7-inma-cnof-y2mv-x2z3", true },
		{ "CPJ7 INMA CNOF Y2MV X2Z3", true },
		{ "cpj7:inma:cnof:y2mv:x2z3\n", true },
		{ "productioneuropewest", true },
		{ "cpj7-inma-cnof-y2mv-x2z", false },
		{ "cpj7-inma-cnof-y2mv-x2z33", false },
		{ "cpj7-inma-cnof-y2mv-x2z1", false },
		{ "cpj7.inma.cnof.y2mv.x2z3", false },
		{ "0102030000000000000000000000000000000000000000000000000000000000", true },
		{ "01020300000000000000000000000000-00000000000000000000000000000000", true },
		{ "010203000000000000000000000000000000000000000000000000000000000", false },
		{ "01020300000000000000000000000000000000000000000000000000000000000", false },
		{ "010203000000000000000000000000000000000000000000000000000000000g", false },
		{ "eu", false },
		{ "", false },
		{ "-", false },
	};
	char packed[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(mh_region_form(table[i].given, packed),
				 table[i].form ? 0 : -EINVAL);
}

/* A label that reads like another Region's fingerprint is not taken for it. */
static void label_is_no_fingerprint(void **state)
{
	char fingerprint[MH_FINGERPRINT_LEN], hex[65];
	const u8 other[32] = { 9 };

	(void)state;
	mh_fingerprint(id, fingerprint);
	mh_hex(hex, id, sizeof(id));
	assert_true(mh_region_is("eu", MH_BUF("eu", 2), id));
	assert_false(mh_region_is("eu", MH_BUF("us", 2), id));
	assert_true(mh_region_is(fingerprint, MH_BUF("eu", 2), id));
	assert_true(mh_region_is(hex, MH_BUF("eu", 2), id));
	assert_false(mh_region_is(fingerprint, mh_text(fingerprint), other));
	assert_false(mh_region_is(hex, mh_text(hex), other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(label_is_no_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

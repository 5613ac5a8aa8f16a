// SPDX-License-Identifier: MIT
/* R01: the known answers that the module checks at load, and that each can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/kat.h"

static void r01_known_answers_are_right(void **state)
{
	unsigned int count = 0;

	(void)state;
	assert_null(mh_kat_run(NULL, &count));
	assert_true(count >= 20);
}

static void r01_a_spoilt_answer_is_named(void **state)
{
	static const char *const names[] = { "fips180-abc",    "rfc5869-1", "rfc7748-1",
					     "rfc6979-sample", "cfrg-hpke", "NN-1",
					     "NNpsk0-1",       "NNpsk2-1",  "wrap-hpke",
					     "wrap-secret",    "stream",    "blob" };
	unsigned int count;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(mh_kat_run(names[i], &count), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r01_known_answers_are_right),
		cmocka_unit_test(r01_a_spoilt_answer_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

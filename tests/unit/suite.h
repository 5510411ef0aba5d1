/* SPDX-License-Identifier: Apache-2.0 */
/* How a program of tests ends. */
#ifndef UNIT_SUITE_H
#define UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite, as the environment wants it (CK_FORK, CK_RUN_CASE ..); the status of main. */
static inline int
run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A case with a limit that holds under load too; setup or teardown may be NULL. */
static inline TCase *
suite_case(Suite *s, const char *name, SFun setup, SFun teardown)
{
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	suite_add_tcase(s, c);
	return c;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "group_case.h"

#include <stdio.h>

struct group_bed gb;

void
group_setup(void)
{
	group_init(&gb);
}

void
group_teardown(void)
{
	group_fini(&gb);
}

unsigned
group_statuses(const char *group, const char *suffix, const char *code)
{
	char path[256], tag[80];
	struct reply r;
	unsigned n;

	snprintf(path, sizeof(path), BASE "/groups/%s/membersContent%s", group, suffix);
	snprintf(tag, sizeof(tag), "<statusCode>%s</statusCode>", code);
	r = group_ask(&gb, "GET", path, ADMIN, NULL, NULL, NULL);
	ck_assert_int_eq(r.status, 200);
	n = occurrences(r.body, code[0] == '\0' ? "<status " : tag);
	reply_fini(&r);
	return n;
}

void
group_case(Suite *s, const char *name, const TTest *const *tests, size_t n, bool runs)
{
	TCase *tc = tcase_create(name);

	if (runs)
		tcase_add_checked_fixture(tc, group_setup, group_teardown);
	tcase_set_timeout(tc, 300);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
}

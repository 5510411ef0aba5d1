/* SPDX-License-Identifier: Apache-2.0 */
/* One bed of a group for all tests of a program. */
#ifndef UNIT_GROUP_CASE_H
#define UNIT_GROUP_CASE_H

#include "group_bed.h"

#define C(name) BASE "/applications/a/containers/" name
#define GROUP                                                                                      \
	"<m2m:group " NS "><m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"
#define ABANDON_GROUP_ "<m2m:consistencyStrategy>ABANDON_GROUP</m2m:consistencyStrategy>"
#define MODIFY_TYPE_ "<m2m:consistencyStrategy>MODIFY_TYPE</m2m:consistencyStrategy>"

extern struct group_bed gb;

/* The fixture. */
void group_setup(void);
void group_teardown(void);
/* Number of members with that status in membersContent, with a suffix behind it; code empty: any. */
unsigned group_statuses(const char *group, const char *suffix, const char *code);
/* Adds tests, with that fixture when they run the bed. */
void group_case(Suite *s, const char *name, const TTest *const *tests, size_t n, bool runs);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Remote management begins: who manages is settled before anybody is served. */
#include "config.h"

#include <unistd.h>

#include "base/log.h"
#include "cap/rem.h"
#include "core_bed.h"

#define MANAGER "http://manager.example.org/m2m/applications/manager"
#define OWN BASE "/scls/mgmtObjs"
#define GOVERNED "<m2m:accessRightID>" BASE "/accessRights/deviceManagement</m2m:accessRightID>"

static const char *const managers[] = { MANAGER, NULL };

/* A log is needed: the capability keeps a part of it for the manager. */
static struct capability_conf
conf_of(struct log *log)
{
	return (struct capability_conf){
		.role = SCL_NSCL,
		.scl_id = "scl.example.org",
		.base_uri = "http://scl.example.org:8080" BASE,
		.log = log,
		.rem = { .enabled = true,
		         .version = "1",
		         .refresh_us = 3600 * CLOCK_SECOND,
		         .managers = managers,
		         .log_bytes = 4096 },
	};
}

/*
 * Nobody is served before, and from then on the right of the sclBase never governs what stands for
 * the device.
 */
START_TEST(test_governed_from_the_start)
{
	struct core_bed b;
	struct log *log = log_new(STDERR_FILENO, "test", LOG_LEVEL_ERROR);
	const struct capability_conf conf = conf_of(log);
	char why[CAPABILITY_WHY_MAX] = "";
	struct core_call early;
	struct reply a;
	void *state;

	core_init_alone(&b);
	b.shut = true;
	core_start(&b);
	ck_assert(cap_rem.governs);
	ck_assert(!core_begin(&b, &early, "GET", OWN, MANAGER, NULL, NULL));
	ck_assert_msg(cap_rem.start(b.scl, &conf, &state, why) == RC_OK, "%s", why);
	ck_assert(!core_begin(&b, &early, "GET", OWN, MANAGER, NULL, NULL));
	scl_admit(b.scl);
	a = core_ask(&b, "GET", OWN, MANAGER, NULL);
	ck_assert_int_eq(a.status, 200);
	ck_assert_msg(strstr(a.body, GOVERNED) != NULL, "%s", a.body);
	reply_fini(&a);
	ck_assert_int_eq(core_status(&b, "POST", OWN, MANAGER,
	                             "<m2m:mgmtCmd " NS " m2m:id=\"later\">"
	                             "<m2m:cmdType>SCHEDULEINFORM</m2m:cmdType>"
	                             "<m2m:execEnable>x</m2m:execEnable></m2m:mgmtCmd>"),
	                 201);
	ck_assert_int_eq(core_status(&b, "GET", OWN "/later", MANAGER, NULL), 200);
	ck_assert_int_eq(core_status(&b, "GET", OWN "/later", "http://other.example.org/app", NULL),
	                 404);
	cap_rem.stop(state);
	core_fini(&b);
	log_free(log);
}
END_TEST

/* What cannot be stored is no way to begin: the daemon would be anybody's to manage. */
START_TEST(test_ungoverned)
{
	struct core_bed b;
	struct log *log = log_new(STDERR_FILENO, "test", LOG_LEVEL_ERROR);
	const struct capability_conf conf = conf_of(log);
	char why[CAPABILITY_WHY_MAX] = "";
	void *state;

	core_start_alone(&b);
	core_fail_commits(1000);
	ck_assert_int_ne(cap_rem.start(b.scl, &conf, &state, why), RC_OK);
	ck_assert_ptr_null(state);
	ck_assert_msg(strstr(why, "who may manage cannot be stored") != NULL, "%s", why);
	core_fail_commits(0);
	core_fini(&b);
	log_free(log);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("rem_start");
	TCase *tc = tcase_create("rem_start");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_governed_from_the_start);
	tcase_add_test(tc, test_ungoverned);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}

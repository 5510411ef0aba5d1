/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what on which listener: all that can be proved, in all names. */
#include "config.h"

#include <stdio.h>

#include "guard_bed.h"
#include "suite.h"

#define GATEWAY "http://gw1.example.org:8080/m2m"

static void
register_gateway(void)
{
	struct reply r = guard_ask(BOTH, PSK_B, NULL, "POST", BASE "/scls", GATEWAY,
	                     "<m2m:scl " NS " sclId=\"gw1\"><m2m:link>" GATEWAY "</m2m:link>"
	                     "<m2m:sclType>GSCL</m2m:sclType>"
	                     "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>");

	ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
	reply_fini(&r);
}

/* Whoever has proved an App-ID, in whichever way. */
START_TEST(applications)
{
	static const struct {
		int peer;
		const char *token;
	} ways[] = { { CERTIFICATE, NULL }, { USER, NULL }, { NOBODY, TOKEN }, { STRANGER, TOKEN },
		     { TWO_NAMES, TOKEN }, { CERTIFICATE, TOKEN } };
	static const char *const own[] = { NULL, METER, OWN METER, "http://SCL.example.org:8080" METER,
		                           APPS "/%6deter", METER "/", "urn:m2m:app:meter" };
	static const char *const others[] = {
		APPS "/other", APPS "/meter2", APPS "/mete", METER "/containers", METER "//x",
		APPS "/", "/m2m", OWN BASE, OWN APPS "/other", "http://other.example.org" METER,
		"urn:m2m:app:other", "urn:m2m:app:", GATEWAY, ADMIN, "/m2m/scls/meter", "meter",
		"/other/applications/meter", "/m2mx/applications/meter",
	};
	static const int open[] = { CLAIMED, CLAIMED_MIA, BOTH, MIA, UNKNOWN };

	for (size_t w = 0; w < NITEMS(ways); w++)
		for (size_t l = 0; l < NITEMS(open); l++) {
			for (size_t i = 0; i < NITEMS(own); i++)
				EXPECT(open[l], ways[w].peer, ways[w].token, own[i], 200, NULL);
			for (size_t i = 0; i < NITEMS(others); i++)
				EXPECT(open[l], ways[w].peer, ways[w].token, others[i], 403,
				       "SEC_IDENTITY");
		}
}
END_TEST

START_TEST(applications_on_mid)
{
	EXPECT(MID, CERTIFICATE, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(CLAIMED_MID, USER, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(MID, NOBODY, TOKEN, NULL, 403, "SEC_NO_CONNECTION");
	EXPECT(MID, NOBODY, NULL, METER, 403, "SEC_NO_CONNECTION");
	EXPECT(CLAIMED_MID, NOBODY, NULL, METER, 403, "SEC_NO_CONNECTION");
}
END_TEST

START_TEST(nobody)
{
	static const char *const names[] = { NULL, METER, APPS "/other", GATEWAY, ADMIN };

	for (size_t i = 0; i < NITEMS(names); i++) {
		EXPECT(MIA, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(BOTH, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(UNKNOWN, NOBODY, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, STRANGER, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, TWO_NAMES, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, STATIC_SCL, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, PSK_APP, NULL, names[i], 401, "AUTH_FAILED");
		EXPECT(MIA, NOBODY, TOKEN "x", names[i], 401, "AUTH_FAILED");
		EXPECT(CLAIMED, NOBODY, TOKEN "x", names[i], 401, "AUTH_FAILED");
	}
	EXPECT(CLAIMED, NOBODY, NULL, METER, 200, NULL);
	EXPECT(CLAIMED_MIA, NOBODY, NULL, ADMIN, 200, NULL);
	EXPECT(CLAIMED_MIA, STRANGER, NULL, METER, 200, NULL);
	EXPECT(CLAIMED, NOBODY, NULL, NULL, 402, NULL);
	EXPECT(CLAIMED, NOBODY, NULL, BASE, 403, NULL);
}
END_TEST

/* Claimed or proved by a session: SCLs are on mId, by their connections. */
START_TEST(scls)
{
	static const char *const names[] = { GATEWAY, GATEWAY "/applications/z" };

	register_gateway();
	for (size_t i = 0; i < NITEMS(names); i++) {
		EXPECT(BOTH, PSK_B, NULL, names[i], 200, NULL);
		EXPECT(MID, PSK_B, NULL, names[i], 200, NULL);
		EXPECT(MIA, PSK_B, NULL, names[i], 403, "SEC_IDENTITY");
		EXPECT(CLAIMED, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(CLAIMED_MIA, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, NOBODY, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, PSK_A, NULL, names[i], 403, "SEC_NO_CONNECTION");
		EXPECT(BOTH, STATIC_SCL, NULL, names[i], 403, "SEC_NO_CONNECTION");
	}
	EXPECT(BOTH, PSK_B, NULL, METER, 403, "SEC_IDENTITY");
	EXPECT(BOTH, PSK_B, NULL, ADMIN, 403, "SEC_IDENTITY");
	/* A token does not make an SCL an application. */
	EXPECT(BOTH, PSK_B, TOKEN, METER, 403, "SEC_IDENTITY");
	sec.open_on_loopback = true;
	EXPECT(CLAIMED, NOBODY, NULL, GATEWAY, 200, NULL);
	EXPECT(CLAIMED_MID, NOBODY, NULL, GATEWAY, 200, NULL);
	EXPECT(MIA, NOBODY, NULL, GATEWAY, 401, "AUTH_FAILED");
	sec.static_credentials = true;
	EXPECT(BOTH, STATIC_SCL, NULL, GATEWAY, 200, NULL);
	EXPECT(BOTH, STATIC_SCL, NULL, METER, 403, "SEC_IDENTITY");
}
END_TEST

static int
create(int listener, int peer, const char *from, const char *appid, char location[512])
{
	char body[512];
	struct reply r;

	snprintf(body, sizeof(body),
	         "<m2m:application " NS " %s><m2m:accessRightID>" BASE
	         "/accessRights/default</m2m:accessRightID></m2m:application>",
	         appid);
	r = guard_ask(listener, peer, NULL, "POST", APPS, from, body);
	if (location != NULL)
		memcpy(location, r.location, sizeof(r.location));
	reply_fini(&r);
	return r.status;
}

START_TEST(registration)
{
	char location[512];

	ck_assert_int_eq(create(MIA, USER, NULL, "appId=\"other\"", NULL), 403);
	ck_assert_int_eq(create(CLAIMED, CERTIFICATE, METER, "appId=\"other\"", NULL), 403);
	ck_assert_int_eq(create(MIA, USER, NULL, "", location), 201);
	ck_assert_str_eq(location, OWN METER);
	ck_assert_int_eq(create(MIA, USER, NULL, "", NULL), 409);
	ck_assert_int_eq(core_status(&bed, "DELETE", METER, ADMIN, NULL), 204);
	ck_assert_int_eq(create(MIA, CERTIFICATE, METER, "appId=\"meter\"", NULL), 201);
	/* Where issuers are claimed, any. */
	ck_assert_int_eq(create(CLAIMED, NOBODY, ADMIN, "appId=\"other\"", NULL), 201);
}
END_TEST

/* What a group carries on is of the same issuer. */
START_TEST(registration_by_a_group)
{
	const char *body = "<m2m:application " NS " appId=\"other\"/>";
	struct reply r;

	make_group(APPS);
	r = guard_ask(MIA, USER, NULL, "POST", GROUP, NULL, body);
	ck_assert_msg(strstr(r.body, "STATUS_FORBIDDEN") != NULL, "%d %s", r.status, r.body);
	reply_fini(&r);
	ck_assert_int_eq(core_status(&bed, "GET", APPS "/other", ADMIN, NULL), 404);
}
END_TEST

/* Of SCLs nothing is registered by whoever is no SCL. */
START_TEST(scls_of_others)
{
	const char *body = "<m2m:scl " NS " sclId=\"gw9\"><m2m:link>http://gw9.example.org/m2m</m2m:link>"
	                   "<m2m:sclType>GSCL</m2m:sclType>"
	                   "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>";
	const char *own = "<m2m:scl " NS " sclId=\"gw9\"><m2m:link>" OWN METER "</m2m:link>"
	                  "<m2m:sclType>GSCL</m2m:sclType>"
	                  "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>";
	static const char *const paths[] = { "/m2m/scls", "/m2m//scls/", "/%6d2m/s%63ls", "/m2m/SL",
		                             OWN "/m2m/scls" };
	struct reply r;

	for (size_t i = 0; i < NITEMS(paths); i++) {
		r = guard_ask(CLAIMED, NOBODY, NULL, "POST", paths[i], "http://gw9.example.org/m2m", body);
		ck_assert_msg(r.status == 403 || (r.status == 404 && i == 3), "%s: %d %s", paths[i],
		              r.status, r.body);
		reply_fini(&r);
	}
	r = guard_ask(BOTH, USER, NULL, "POST", "/m2m/scls", METER, own);
	ck_assert_msg(r.status == 403, "%d %s", r.status, r.body);
	reply_fini(&r);
	make_group(BASE "/scls");
	r = guard_ask(CLAIMED, NOBODY, NULL, "POST", GROUP, "http://gw9.example.org/m2m", body);
	reply_fini(&r);
	ck_assert_int_eq(core_status(&bed, "GET", BASE "/scls/gw9", ADMIN, NULL), 404);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_guard");
	TCase *c = suite_case(s, "network", guard_setup, guard_teardown);

	tcase_add_test(c, applications);
	tcase_add_test(c, applications_on_mid);
	tcase_add_test(c, nobody);
	tcase_add_test(c, scls);
	tcase_add_test(c, registration);
	tcase_add_test(c, registration_by_a_group);
	tcase_add_test(c, scls_of_others);
	return run_suite(s);
}

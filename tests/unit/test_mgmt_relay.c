/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of copies that go to the device first, where the device tells of the change by itself
 * before its answer is acted on. The test plays the device.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mgmt.h"
#include "core_bed.h"

#define DEVICE "http://g1.example.org/m2m"
#define ORIGINALS DEVICE "/scls/mgmtObjs"
#define COPIES BASE "/scls/g1/mgmtObjs"
#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define RIGHT "<m2m:accessRightID>" BASE "/accessRights/default</m2m:accessRightID>"

/* What the device does before it answers. */
enum refresh { NOTHING, TELLS, TELLS_OF_ANOTHER, TELLS_OTHER_TYPE, FORGETS };

struct world {
	struct core_bed b;
	enum refresh refresh;
	int status; /* of the device's answer */
	int told; /* of the copy, at the NSCL */
	unsigned asked;
};

/* ---- the device ---- */

/* An instance of a firmware as its copy is made; original is where the device says that it is. */
static int
tell(struct core_bed *b, const char *type, const char *id, const char *original)
{
	char body[1024];

	snprintf(body, sizeof(body),
	         "<m2m:parameters " NS " " XSI " xsi:type=\"m2m:%s\" m2m:id=\"%s\">" RIGHT
	         "<m2m:originalMO>%s</m2m:originalMO><m2m:parametersCollection/>%s"
	         "</m2m:parameters>",
	         type, id, original,
	         strcmp(type, "FwInstance") == 0 ? "<m2m:firmwareName>device</m2m:firmwareName>"
	                                           "<m2m:firmwareVersion>1</m2m:firmwareVersion>"
	                                           "<m2m:firmwareURL>file:x</m2m:firmwareURL>"
	                                         : "");
	return core_status(b, "POST", COPIES "/firmware", DEVICE, body);
}

static int
refresh(struct world *w)
{
	switch (w->refresh) {
	case TELLS:
		return tell(&w->b, "FwInstance", "fetch", ORIGINALS "/firmware/fetch");
	case TELLS_OF_ANOTHER:
		return tell(&w->b, "FwInstance", "fetch", ORIGINALS "/firmware/other");
	case TELLS_OTHER_TYPE:
		return tell(&w->b, "FirmwareAction", "fetch", ORIGINALS "/firmware/fetch");
	case FORGETS:
		return core_status(&w->b, "DELETE", COPIES "/firmware/fetch", DEVICE, NULL);
	default:
		return 0;
	}
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct world *w = arg;
	struct port_answer a = { .status = w->status };

	ck_assert(slice_starts(ex->target, SLICE_LIT(ORIGINALS "/firmware")));
	w->asked++;
	w->told = refresh(w);
	if (w->status == 201)
		a.location = ORIGINALS "/firmware/fetch";
	return a;
}

static bool
claims(const struct mgmt_adaptor *self, const struct mgmt_place *place)
{
	(void)self;
	return place->link.n > 0;
}

/* ---- life ---- */

static void
begin(struct world *w)
{
	static const struct mgmt_adaptor relay = { .name = "relay", .claims = claims, .relays = true };

	*w = (struct world){ .status = 201 };
	core_init(&w->b);
	port_fake_set(script, w);
	core_start(&w->b);
	ck_assert_int_eq(mgmt_adaptor_add(w->b.scl, &relay), RC_OK);
	ck_assert_int_eq(core_status(&w->b, "POST", BASE "/scls", DEVICE,
	                             "<m2m:scl " NS " sclId=\"g1\">" RIGHT "<m2m:link>" DEVICE
	                             "</m2m:link><m2m:mgmtProtocolType>OMA_DM"
	                             "</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType>"
	                             "<m2m:pocs><reference>" DEVICE "</reference></m2m:pocs>"
	                             "</m2m:scl>"),
	                 201);
	ck_assert_int_eq(core_status(&w->b, "POST", COPIES, DEVICE,
	                             "<m2m:mgmtObj " NS " " XSI
	                             " xsi:type=\"m2m:EtsiFirmware\" m2m:id=\"firmware\">" RIGHT
	                             "<m2m:originalMO>" ORIGINALS "/firmware</m2m:originalMO>"
	                             "<m2m:moID>firmware</m2m:moID>"
	                             "<m2m:parametersCollection/></m2m:mgmtObj>"),
	                 201);
}

static struct reply
make(struct world *w, enum refresh what)
{
	w->refresh = what;
	return core_ask(&w->b, "POST", COPIES "/firmware", ADMIN,
	                "<m2m:parameters " NS " " XSI
	                " xsi:type=\"m2m:FwInstance\" m2m:id=\"fetch\">" RIGHT
	                "<m2m:parametersCollection/><m2m:firmwareName>asked</m2m:firmwareName>"
	                "<m2m:firmwareVersion>0</m2m:firmwareVersion>"
	                "<m2m:firmwareURL>file:x</m2m:firmwareURL></m2m:parameters>");
}

/* The copy is there, with the name that was asked for or that the device tells. */
static void
expect_copy(struct world *w, const char *name)
{
	struct reply r = core_ask(&w->b, "GET", COPIES "/firmware/fetch", ADMIN, NULL);
	char want[64];

	snprintf(want, sizeof(want), "firmwareName>%s<", name);
	ck_assert_int_eq(r.status, 200);
	ck_assert_msg(strstr(r.body, want) != NULL, "%s", r.body);
	ck_assert_msg(strstr(r.body, "originalMO>" ORIGINALS "/firmware/fetch<") != NULL, "%s",
	              r.body);
	reply_fini(&r);
}

/* ---- CREATE ---- */

/* Without a refresh the copy is what was asked for; with one it is what the device has told. */
START_TEST(test_create)
{
	const char *name = _i == TELLS ? "device" : "asked";
	struct world w;
	struct reply r;

	begin(&w);
	r = make(&w, (enum refresh)_i);
	ck_assert_int_eq(w.told, _i == TELLS ? 201 : 0);
	ck_assert_msg(r.status == 201, "%d %s", r.status, r.body);
	ck_assert_str_eq(r.location, "http://scl.example.org:8080" COPIES "/firmware/fetch");
	ck_assert_msg(strstr(r.body, name) != NULL, "%s", r.body);
	reply_fini(&r);
	expect_copy(&w, name);
	core_fini(&w.b);
}
END_TEST

/* What came to be meanwhile is something else. */
START_TEST(test_create_conflict)
{
	struct world w;
	struct reply r;

	begin(&w);
	r = make(&w, (enum refresh)_i);
	ck_assert_int_eq(w.told, 201);
	ck_assert_int_eq(r.status, 409);
	reply_fini(&r);
	core_fini(&w.b);
}
END_TEST

/* What was there before is not what was created, and the device is not asked. */
START_TEST(test_create_twice)
{
	struct world w;
	struct reply r;

	begin(&w);
	ck_assert_int_eq(tell(&w.b, "FwInstance", "fetch", ORIGINALS "/firmware/fetch"), 201);
	r = make(&w, NOTHING);
	ck_assert_int_eq(r.status, 409);
	ck_assert_uint_eq(w.asked, 0);
	reply_fini(&r);
	expect_copy(&w, "device");
	core_fini(&w.b);
}
END_TEST

/* What the device refuses is not made here. */
START_TEST(test_create_refused)
{
	struct world w;
	struct reply r;

	begin(&w);
	w.status = 409;
	r = make(&w, NOTHING);
	ck_assert_int_eq(r.status, 409);
	ck_assert_uint_eq(w.asked, 1);
	reply_fini(&r);
	ck_assert_int_eq(core_status(&w.b, "GET", COPIES "/firmware/fetch", ADMIN, NULL), 404);
	core_fini(&w.b);
}
END_TEST

/* ---- DELETE ---- */

START_TEST(test_delete)
{
	struct world w;

	begin(&w);
	ck_assert_int_eq(tell(&w.b, "FwInstance", "fetch", ORIGINALS "/firmware/fetch"), 201);
	w.status = 204;
	w.refresh = _i == 0 ? NOTHING : FORGETS;
	ck_assert_int_eq(core_status(&w.b, "DELETE", COPIES "/firmware/fetch", ADMIN, NULL), 204);
	ck_assert_int_eq(w.told, _i == 0 ? 0 : 204);
	ck_assert_int_eq(core_status(&w.b, "GET", COPIES "/firmware/fetch", ADMIN, NULL), 404);
	ck_assert_int_eq(core_status(&w.b, "DELETE", COPIES "/firmware/fetch", ADMIN, NULL), 404);
	ck_assert_uint_eq(w.asked, 1);
	core_fini(&w.b);
}
END_TEST

/* Of an attribute of what is gone nothing was done. */
START_TEST(test_delete_attribute)
{
	struct world w;

	begin(&w);
	ck_assert_int_eq(tell(&w.b, "FwInstance", "fetch", ORIGINALS "/firmware/fetch"), 201);
	w.status = 204;
	w.refresh = FORGETS;
	ck_assert_int_eq(core_status(&w.b, "DELETE", COPIES "/firmware/fetch/description", ADMIN,
	                             NULL),
	                 404);
	core_fini(&w.b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("mgmt_relay");
	TCase *tc = tcase_create("mgmt_relay");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_create, NOTHING, TELLS + 1);
	tcase_add_loop_test(tc, test_create_conflict, TELLS_OF_ANOTHER, TELLS_OTHER_TYPE + 1);
	tcase_add_test(tc, test_create_twice);
	tcase_add_test(tc, test_create_refused);
	tcase_add_loop_test(tc, test_delete, 0, 2);
	tcase_add_test(tc, test_delete_attribute);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return core_run(suite());
}

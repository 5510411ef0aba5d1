/* SPDX-License-Identifier: Apache-2.0 */
/* Which documents the tables take, and what is said of the others. */
#include "config.h"

#include "bind_help.h"

#include <stdint.h>
#include <stdio.h>

#include "model/render.h"

/* ---- what is refused ---- */

#define CT "<m2m:container" HEAD
#define END_CT "</m2m:container>"
#define CI "<m2m:contentInstance" HEAD ">"
#define END_CI "</m2m:contentInstance>"
#define CONTENT "<m2m:content><m2m:textContent>x</m2m:textContent></m2m:content>"
#define SU "<m2m:subscription" HEAD ">"
#define END_SU "</m2m:subscription>"
#define CONTACT "<m2m:contact>http://c/</m2m:contact>"
#define AR "<m2m:accessRight" HEAD ">"
#define END_AR "</m2m:accessRight>"
#define SELF "<m2m:selfPermissions/>"

#define MO "<m2m:mgmtObj xmlns:xsi=\"" NS_XSI "\"" HEAD
#define END_MO "</m2m:mgmtObj>"
#define MO_ID "<m2m:moID>m</m2m:moID>"
#define PA "<m2m:parameters xmlns:xsi=\"" NS_XSI "\"" HEAD
#define END_PA "</m2m:parameters>"
#define STATUS(percent)                                                                            \
	"<m2m:sclActionStatus><action>a</action><progress>" percent                                \
	"</progress><finalStatus>SUCCESS</finalStatus></m2m:sclActionStatus>"
#define SCHED(n)                                                                                   \
	"<m2m:rcatSchedule m2m:id=\"" n "\"><m2m:rcatValue>RCAT_0</m2m:rcatValue><m2m:schedItem m2m:id" \
	"=\"i\"/></m2m:rcatSchedule>"
#define SCHED_8 SCHED("1") SCHED("2") SCHED("3") SCHED("4") SCHED("5") SCHED("6") SCHED("7") SCHED("8")
#define ANP(inner)                                                                                 \
	PA " xsi:type=\"m2m:AnpPolicy\"><m2m:anName>a</m2m:anName>" inner END_PA
#define RCAT(inner)                                                                                \
	PA " xsi:type=\"m2m:RcatParamList\"><m2m:rcatValue>RCAT_0</m2m:rcatValue>" inner                \
	   "<m2m:rankedAnList m2m:id=\"l\"><m2m:accessNetwork>a</m2m:accessNetwork></m2m:rankedAnList>" END_PA
#define LIST(inner) "<m2m:rcatSchedList m2m:id=\"l\">" inner "</m2m:rcatSchedList>"

static const struct {
	unsigned type;
	enum bind_column column;
	const char *xml;
	const char *why; /* NULL: accepted */
} judged[] = {
	{ T_CONTAINER, BIND_CREATE, CT "/>", NULL },
	{ T_CONTAINER, BIND_CREATE, "<!-- c -->" CT ">\n <!-- c -->\n" END_CT, NULL },
	{ T_CONTAINER, BIND_CREATE, "<m2m:containers" HEAD "/>", "root element must be container" },
	{ T_CONTAINER, BIND_CREATE, "<container/>", "root element must be container" },
	{ T_CONTAINER, BIND_CREATE, "<x:container xmlns:x=\"urn:x\"/>", "root element must be container" },
	{ T_CONTAINER, BIND_CREATE, "<container xmlns=\"" NS_M2M "\"><maxByteSize>1</maxByteSize></container>",
	  NULL },
	{ T_CONTAINER, BIND_CREATE, CT ">text" END_CT, "may not hold text" },
	/* unknown, twice, elsewhere */
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:maxSize>1</m2m:maxSize>" END_CT, "maxSize is not known here" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:maxbytesize>1</m2m:maxbytesize>" END_CT, "not known" },
	{ T_CONTAINER, BIND_CREATE, CT "><maxByteSize>1</maxByteSize>" END_CT, "not known" },
	{ T_CONTAINER, BIND_CREATE, CT "><x:maxByteSize xmlns:x=\"urn:x\">1</x:maxByteSize>" END_CT,
	  "not known" },
	{ T_CONTAINER, BIND_CREATE, CT " colour=\"red\"/>", "colour is not known here" },
	{ T_CONTAINER, BIND_CREATE, CT " maxByteSize=\"1\"/>", "not known" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:id>x</m2m:id>" END_CT, "not known" },
	{ T_CONTAINER, BIND_CREATE,
	  CT "><m2m:maxByteSize>1</m2m:maxByteSize><m2m:maxByteSize>1</m2m:maxByteSize>" END_CT,
	  "maxByteSize stands twice" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:maxByteSize><m2m:a/></m2m:maxByteSize>" END_CT, "beside" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:maxByteSize a=\"b\">1</m2m:maxByteSize>" END_CT, "beside" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:maxByteSize>x</m2m:maxByteSize>" END_CT, "no legal value" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:searchStrings>\n\t</m2m:searchStrings>" END_CT, NULL },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:searchStrings>x</m2m:searchStrings>" END_CT, "not hold text" },
	{ T_CONTAINER, BIND_CREATE,
	  CT " xmlns:xsi=\"" NS_XSI "\" xsi:schemaLocation=\"a b\" xsi:type=\"m2m:Container\"/>", NULL },
	/* presence */
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:creationTime>2014-03-01T09:00:00Z</m2m:creationTime>" END_CT,
	  "creationTime is not permitted" },
	{ T_CONTAINER, BIND_CREATE, CT "><m2m:subscriptionsReference>x</m2m:subscriptionsReference>" END_CT,
	  "not permitted" },
	{ T_CONTAINER, BIND_UPDATE, CT "/>", NULL },
	{ T_CONTAINER, BIND_UPDATE, CT " m2m:id=\"x\"/>", "id is not permitted" },
	{ T_SCL, BIND_CREATE, "<m2m:scl" HEAD " sclId=\"x\"/>", "link is mandatory" },
	{ T_SCL, BIND_UPDATE,
	  "<m2m:scl" HEAD "><m2m:mgmtProtocolType>OMA DM</m2m:mgmtProtocolType></m2m:scl>", NULL },
	{ T_SCL, BIND_UPDATE, "<m2m:scl" HEAD "/>", "mgmtProtocolType is mandatory" },
	{ T_SUBSCRIPTION, BIND_CREATE, SU CONTACT END_SU, NULL },
	{ T_SUBSCRIPTION, BIND_CREATE, SU END_SU, "contact is mandatory" },
	{ T_SUBSCRIPTION, BIND_UPDATE, SU CONTACT END_SU, "contact is not permitted" },
	{ T_ACCESS_RIGHT, BIND_CREATE, AR END_AR, "selfPermissions is mandatory" },
	{ T_ACCESS_RIGHT, BIND_CREATE, AR SELF END_AR, NULL },
	/* inside structures */
	{ T_ACCESS_RIGHT, BIND_CREATE,
	  AR "<m2m:selfPermissions><m2m:permission><m2m:permissionFlags/></m2m:permission>"
	     "</m2m:selfPermissions>" END_AR,
	  "permissionHolders is missing" },
	{ T_ACCESS_RIGHT, BIND_CREATE,
	  AR "<m2m:selfPermissions><m2m:permission><m2m:permissionFlags><m2m:flag>FLY</m2m:flag>"
	     "</m2m:permissionFlags><m2m:permissionHolders/></m2m:permission></m2m:selfPermissions>" END_AR,
	  "flag has no legal value" },
	{ T_APPLICATION, BIND_CREATE,
	  "<m2m:application" HEAD "><m2m:announceTo><m2m:activated>true</m2m:activated></m2m:announceTo>"
	  "</m2m:application>",
	  "sclList is missing" },
	{ T_APPLICATION, BIND_CREATE,
	  "<m2m:application" HEAD "><m2m:aPoCPaths><m2m:aPoCPath/></m2m:aPoCPaths></m2m:application>",
	  "path is missing" },
	/* local elements: without namespace, or pulled into m2m by a default namespace */
	{ T_SUBSCRIPTION, BIND_CREATE,
	  SU "<m2m:filterCriteria><maxSize>1</maxSize></m2m:filterCriteria>" CONTACT END_SU, NULL },
	{ T_SUBSCRIPTION, BIND_CREATE,
	  SU "<m2m:filterCriteria><m2m:maxSize>1</m2m:maxSize></m2m:filterCriteria>" CONTACT END_SU, NULL },
	/* content */
	{ T_CONTENT_INSTANCE, BIND_CREATE, CI CONTENT END_CI, NULL },
	{ T_CONTENT_INSTANCE, BIND_CREATE, CI END_CI, "content is mandatory" },
	{ T_CONTENT_INSTANCE, BIND_CREATE, CI "<m2m:content/>" END_CI, "exactly one" },
	{ T_CONTENT_INSTANCE, BIND_CREATE,
	  CI "<m2m:content><m2m:binaryContent>AA==</m2m:binaryContent><m2m:textContent/></m2m:content>" END_CI,
	  "exactly one" },
	{ T_CONTENT_INSTANCE, BIND_CREATE,
	  CI "<m2m:content><m2m:binaryContent>A</m2m:binaryContent></m2m:content>" END_CI, "no legal value" },
	{ T_CONTENT_INSTANCE, BIND_CREATE, CI "<m2m:content>%%</m2m:content>" END_CI, "no base64" },
	{ T_CONTENT_INSTANCE, BIND_CREATE, CI CONTENT "<m2m:contentSize>1</m2m:contentSize>" END_CI,
	  "not permitted" },
	/* xsi:type */
	{ T_MGMT_OBJ, BIND_CREATE, MO ">" MO_ID END_MO, NULL },
	{ T_MGMT_OBJ, BIND_CREATE, MO " xsi:type=\"m2m:MgmtObj\">" MO_ID END_MO, NULL },
	{ T_MGMT_OBJ, BIND_CREATE, MO " xsi:type=\"m2m:EtsiMemory\">" MO_ID END_MO, "must be MgmtObj" },
	{ T_ETSI_MEMORY, BIND_CREATE, MO " xsi:type=\" m2m:EtsiMemory \">" MO_ID END_MO, NULL },
	{ T_ETSI_MEMORY, BIND_CREATE, MO ">" MO_ID END_MO, "must be EtsiMemory" },
	{ T_ETSI_MEMORY, BIND_CREATE, MO " xsi:type=\"m2m:EtsiBattery\">" MO_ID END_MO, "EtsiMemory" },
	{ T_ETSI_MEMORY, BIND_UPDATE, MO "/>", NULL },
	{ T_ETSI_MEMORY, BIND_UPDATE, MO " xsi:type=\"m2m:EtsiMemory\"/>", NULL },
	{ T_ETSI_MEMORY, BIND_UPDATE, MO " xsi:type=\"m2m:MgmtObj\"/>", "must be EtsiMemory" },
	{ T_ETSI_MEMORY, BIND_CREATE, MO " xsi:type=\"m2m:EtsiMemory\"/>", "moID is mandatory" },
	{ T_ETSI_MEMORY, BIND_UPDATE, MO ">" MO_ID END_MO, "moID is not permitted" },
	{ T_ETSI_MEMORY, BIND_UPDATE, MO "><m2m:standbyTime>1</m2m:standbyTime>" END_MO, "not known" },
	{ T_CONTAINER, BIND_CREATE, CT " xmlns:xsi=\"" NS_XSI "\" xsi:type=\"m2m:LocationContainer\"/>",
	  "must be Container" },
	/* wildcards */
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><x:a xmlns:x=\"urn:x\"/>" END_MO, NULL },
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><a/>" END_MO, "a is not known here" },
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><m2m:ramTotal>1</m2m:ramTotal>" END_MO, "ramTotal is not known" },
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><m2m:moAttribute/>" END_MO, "moAttribute is not known" },
	{ T_MGMT_OBJ, BIND_UPDATE, MO " xmlns:x=\"urn:x\" x:a=\"1\"/>", "a is not known" },
	{ T_ETSI_PERFORMANCE_LOG, BIND_UPDATE, MO "><m2m:logData><a/></m2m:logData>" END_MO, NULL },
	{ T_ETSI_PERFORMANCE_LOG, BIND_UPDATE, MO "><m2m:logData><m2m:container/></m2m:logData>" END_MO, NULL },
	{ T_ETSI_PERFORMANCE_LOG, BIND_UPDATE, MO "><m2m:logData/>" END_MO, "moAttribute is missing" },
	{ T_ETSI_PERFORMANCE_LOG, BIND_UPDATE, MO "><m2m:logData><a/><b/></m2m:logData>" END_MO, "twice" },
	/* what says nothing */
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><m2m:parametersCollection/>" END_MO, NULL },
	{ T_MGMT_OBJ, BIND_UPDATE, MO "><m2m:subscriptionsReference>a</m2m:subscriptionsReference>" END_MO,
	  "not permitted" },
	{ T_MGMT_OBJ, BIND_UPDATE, MO " m2m:id=\"own\"/>", NULL },
	{ T_MGMT_OBJ, BIND_UPDATE, MO " m2m:id=\"Own\"/>", "id may not change" },
	{ T_RCAT_PARAM_LIST, BIND_CREATE, PA " m2m:id=\"any\"/>", "xsi:type must be" },
	/* facets */
	{ T_ETSI_DEVICE_INFO, BIND_UPDATE,
	  MO "><m2m:softwareVersion>\xc3\xa9" "2345678901234567890123456789012</m2m:softwareVersion>" END_MO,
	  NULL },
	{ T_ETSI_DEVICE_INFO, BIND_UPDATE,
	  MO "><m2m:softwareVersion>\xc3\xa9" "23456789012345678901234567890123</m2m:softwareVersion>" END_MO,
	  "softwareVersion has no legal value" },
	{ T_ETSI_SCL_MO, BIND_UPDATE, MO ">" STATUS("0") END_MO, NULL },
	{ T_ETSI_SCL_MO, BIND_UPDATE, MO ">" STATUS("100") END_MO, NULL },
	{ T_ETSI_SCL_MO, BIND_UPDATE, MO ">" STATUS("101") END_MO, "progress has no legal value" },
	{ T_ETSI_SCL_MO, BIND_UPDATE, MO ">" STATUS("-1") END_MO, "progress has no legal value" },
	{ T_ETSI_SCL_MO, BIND_UPDATE, MO "><m2m:regExpirationDuration>90</m2m:regExpirationDuration>" END_MO,
	  "no legal value" },
	{ T_CAPABILITY_INSTANCE, BIND_UPDATE, PA "><m2m:attached>false</m2m:attached>" END_PA, NULL },
	{ T_CAPABILITY_INSTANCE, BIND_UPDATE, PA "><m2m:attached>0</m2m:attached>" END_PA, "no legal value" },
	{ T_ANP_POLICY, BIND_CREATE, ANP(LIST(SCHED("1"))), NULL },
	{ T_ANP_POLICY, BIND_CREATE, ANP(LIST(SCHED_8)), NULL },
	{ T_ANP_POLICY, BIND_CREATE, ANP(LIST(SCHED_8 SCHED("9"))), "rcatSchedule is one too many: 8 at most" },
	{ T_ANP_POLICY, BIND_CREATE, ANP(LIST("")), "rcatSchedule is missing" },
	{ T_ANP_POLICY, BIND_CREATE, ANP("<m2m:rcatSchedList>" SCHED("1") "</m2m:rcatSchedList>"),
	  "id is missing" },
	{ T_ANP_POLICY, BIND_CREATE, ANP(""), "rcatSchedList is mandatory" },
	{ T_RCAT_PARAM_LIST, BIND_CREATE, RCAT("<m2m:defaultTrpdtValue/>"), NULL },
	{ T_RCAT_PARAM_LIST, BIND_CREATE,
	  RCAT("<m2m:defaultTrpdtValue><tolerableDelay>PT1S</tolerableDelay></m2m:defaultTrpdtValue>"), NULL },
	{ T_RCAT_PARAM_LIST, BIND_CREATE,
	  RCAT("<m2m:defaultTrpdtValue><tolerableDelay>PT1S</tolerableDelay><tolerableTime>00:00:00Z"
	       "</tolerableTime></m2m:defaultTrpdtValue>"),
	  "exactly one" },
	{ T_M2M_POC, BIND_CREATE,
	  "<m2m:m2mPoc" HEAD "><m2m:contactInfo><m2m:contactURI>a</m2m:contactURI><m2m:other/>"
	  "</m2m:contactInfo></m2m:m2mPoc>",
	  "exactly one" },
};

START_TEST(documents_are_judged)
{
	struct val *vals;
	enum rc rc = bound(judged[_i].type, judged[_i].column, &codec_xml,
	                   slice_of(judged[_i].xml), &vals);
	const char *why = rc == RC_OK ? "" : arena_str(arena, binder.why);

	ck_assert_int_eq(rc, judged[_i].why == NULL ? RC_OK : RC_BAD_REQUEST);
	if (judged[_i].why != NULL)
		ck_assert_msg(strstr(why, judged[_i].why) != NULL, "document %d: %s", _i, why);
}
END_TEST

START_TEST(order_matters_when_asked)
{
	const struct slice swapped = SLICE_LIT(
	    CT "><m2m:maxByteSize>1</m2m:maxByteSize><m2m:accessRightID>a</m2m:accessRightID>" END_CT);
	struct val *vals;

	ck_assert_int_eq(bound(T_CONTAINER, BIND_CREATE, &codec_xml, swapped, &vals), RC_OK);
	/* What is bound has the order of the schema. */
	ck_assert(vals->attr == A_ACCESS_RIGHT_ID && vals->next->attr == A_MAX_BYTE_SIZE);
	binder.ordered = true;
	ck_assert_int_eq(bound(T_CONTAINER, BIND_CREATE, &codec_xml, swapped, &vals), RC_BAD_REQUEST);
	ck_assert(slice_is(binder.why, "accessRightID is out of order"));
	for (size_t i = 0; i < NITEMS(samples); i++)
		ck_assert_int_eq(bound(samples[i].type, BIND_CREATE, &codec_xml, slice_of(samples[i].xml),
		                       &vals),
		                 RC_OK);
	ck_assert_int_eq(bound(T_CONTAINER, BIND_CREATE, &codec_json,
	                       SLICE_LIT("{\"container\":{\"maxByteSize\":1,\"accessRightID\":\"a\"}}"), &vals),
	                 RC_OK);
	binder.ordered = false;
}
END_TEST

START_TEST(release1_content)
{
	const struct slice xml = SLICE_LIT(
	    CI "<m2m:content xmime:contentType=\"text/plain\"> aGVs\nbG8= </m2m:content>" END_CI);
	const struct val *content;
	struct val *vals;

	ck_assert_int_eq(bound(T_CONTENT_INSTANCE, BIND_CREATE, &codec_xml, xml, &vals), RC_OK);
	ck_assert(binder.release1);
	content = val_get(vals, A_CONTENT)->first;
	ck_assert(slice_is(val_text(content, A_BINARY_CONTENT), "hello"));
	ck_assert(slice_is(val_text(content, A_CONTENT_TYPE_ATTR), "text/plain"));
}
END_TEST

static const struct {
	unsigned type;
	const char *json;
	const char *why; /* NULL: accepted */
} texts[] = {
	{ T_CONTAINER, "{\"container\":{}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":\" \"}}", "may not hold text" },
	{ T_CONTAINER, "{\"containers\":{}}", "root element must be container" },
	{ T_CONTAINER, "{\"container\":\"x\"}", "may not hold text" },
	{ T_CONTAINER, "{\"container\":5}", "may not hold text" },
	{ T_CONTAINER, "{\"container\":{\"id\":\"x\",\"maxByteSize\":5}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"@id\":\"x\"}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"@maxByteSize\":5}}", "not known" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":\"5\"}}", "maxByteSize has the wrong type" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":\"9007199254740993\"}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":9007199254740993}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":5.5}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":true}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":[5]}}", "maxByteSize is no list" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":[]}}", "maxByteSize is no list" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":{}}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"accessRightID\":5}}", "accessRightID has the wrong type" },
	{ T_CONTAINER, "{\"container\":{\"expirationTime\":2014}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[\"a\",\"b\"]}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[]}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":\"a\"}}}", "an array is needed" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[1]}}}", "wrong type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":5}}", "wrong type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":true}}", "wrong type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":\"a\"}}", "may not hold text" },
	{ T_CONTAINER, "{\"container\":{\"colour\":\"red\"}}", "colour is not known here" },
	{ T_CONTAINER, "{\"container\":{\"creationTime\":\"2014-03-01T09:00:00Z\"}}", "not permitted" },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":true,\"sclList\":{\"reference\":[\"a\"]}}}}", NULL },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":\"true\",\"sclList\":{\"reference\":[]}}}}",
	  "activated has the wrong type" },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":1,\"sclList\":{\"reference\":[]}}}}",
	  "activated has the wrong type" },
	{ T_CONTENT_INSTANCE, "{\"contentInstance\":{\"content\":{\"textContent\":\"x\"}}}", NULL },
	{ T_CONTENT_INSTANCE,
	  "{\"contentInstance\":{\"content\":{\"contentType\":\"text/plain\",\"textContent\":\"x\"}}}", NULL },
	{ T_CONTENT_INSTANCE, "{\"contentInstance\":{\"content\":\"aGVsbG8=\"}}", NULL },
	{ T_CONTENT_INSTANCE, "{\"contentInstance\":{\"content\":{\"binaryContent\":\"A\"}}}", "no legal value" },
	{ T_ACCESS_RIGHT, "{\"accessRight\":{\"selfPermissions\":{\"permission\":{}}}}", "an array is needed" },
	{ T_ETSI_MEMORY, "{\"mgmtObj\":{\"$type\":\"EtsiMemory\",\"moID\":\"m\"}}", NULL },
	{ T_ETSI_MEMORY, "{\"mgmtObj\":{\"$type\":\"m2m:EtsiMemory\",\"moID\":\"m\"}}", NULL },
	{ T_ETSI_MEMORY, "{\"mgmtObj\":{\"moID\":\"m\"}}", "xsi:type must be EtsiMemory" },
	{ T_ETSI_MEMORY, "{\"mgmtObj\":{\"@type\":\"EtsiMemory\",\"moID\":\"m\"}}", "must be EtsiMemory" },
	{ T_MGMT_OBJ, "{\"mgmtObj\":{\"moID\":\"m\",\"{urn:x}a\":1}}", NULL },
	{ T_MGMT_OBJ, "{\"mgmtObj\":{\"moID\":\"m\",\"{urn:x}a\":[{},\"\"]}}", NULL },
	{ T_MGMT_OBJ, "{\"mgmtObj\":{\"moID\":\"m\",\"a\":1}}", "a is not known here" },
	{ T_MGMT_OBJ, "{\"mgmtObj\":{\"{urn:x}moID\":\"m\"}}", "moID is mandatory" },
	{ T_MGMT_OBJ, "{\"mgmtObj\":{\"moID\":\"m\",\"{urn:x}a\":{\"b\":\"\\u0001\"}}}", "XML cannot carry" },
	{ T_MGMT_OBJ, "{\"{urn:x}mgmtObj\":{\"moID\":\"m\"}}", "root element must be mgmtObj" },
	{ T_CONTAINER, "{\"container\":{\"{urn:x}maxByteSize\":5}}", "not known" },
};

START_TEST(json_is_judged)
{
	struct val *vals;
	enum rc rc = bound(texts[_i].type, BIND_CREATE, &codec_json, slice_of(texts[_i].json), &vals);
	const char *why = rc == RC_OK ? "" : arena_str(arena, binder.why);

	ck_assert_msg(rc == (texts[_i].why == NULL ? RC_OK : RC_BAD_REQUEST), "%s: %s", texts[_i].json, why);
	if (texts[_i].why != NULL)
		ck_assert_msg(strstr(why, texts[_i].why) != NULL, "%s: %s", texts[_i].json, why);
}
END_TEST

/* A long hostile name does not make a long message. */
START_TEST(reasons_are_short)
{
	char xml[5000];
	struct val *vals;

	snprintf(xml, sizeof(xml), CT "><m2m:%0*d/>" END_CT, 1000, 5);
	memcpy(strstr(xml, "000"), "aaa", 3);
	ck_assert_int_eq(bound(T_CONTAINER, BIND_CREATE, &codec_xml, slice_of(xml), &vals), RC_BAD_REQUEST);
	ck_assert_uint_lt(binder.why.n, 120);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bind_rules");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, documents_are_judged, 0, NITEMS(judged));
	tcase_add_test(c, order_matters_when_asked);
	tcase_add_test(c, release1_content);
	tcase_add_loop_test(c, json_is_judged, 0, NITEMS(texts));
	tcase_add_test(c, reasons_are_short);
	suite_add_tcase(s, c);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Documents against the tables and back, through both codecs. */
#include "config.h"

#include "codec_help.h"
#include "model_samples.h"

#include <stdint.h>
#include <stdio.h>

#include "model/bind.h"
#include "model/render.h"

#define HEAD " xmlns:m2m=\"" NS_M2M "\" xmlns:xmime=\"" NS_XMIME "\""

static const struct codec_limits wide = { .depth = 32, .nodes = 2000, .attributes = 20, .text = 10000 };

static struct binder binder;

static struct node *
parsed(const struct codec *c, struct slice text)
{
	struct node *root;
	const char *why;
	enum rc rc = decode(c, text, &wide, &root, &why);

	ck_assert_msg(rc == RC_OK, "%.*s: %s", (int)text.n, text.p, why);
	return root;
}

static enum rc
bound(unsigned type, enum bind_column column, const struct codec *c, struct slice text,
      struct val **vals)
{
	binder = (struct binder){ .arena = arena, .ordered = binder.ordered, .name = SLICE_LIT("own") };
	*vals = NULL;
	return bind_resource(&binder, rtype_get(type), column, parsed(c, text), vals);
}

/* ---- round trips ---- */

#define SOME_PERMISSION                                                                            \
	"<m2m:permission m2m:id=\"p\"><m2m:permissionFlags><m2m:flag>READ</m2m:flag>"              \
	"<m2m:flag>CREATE</m2m:flag></m2m:permissionFlags><m2m:permissionHolders>"                 \
	"<m2m:holderRefs><m2m:holderRef>http://h/a</m2m:holderRef></m2m:holderRefs>"               \
	"<m2m:applicationIDs><m2m:applicationID>a b</m2m:applicationID></m2m:applicationIDs>"      \
	"<m2m:all/></m2m:permissionHolders></m2m:permission>"

static const struct {
	unsigned type;
	const char *xml;
} samples[] = {
	{ T_SCL,
	  "<m2m:scl" HEAD " sclId=\"gw\"><m2m:pocs><reference>http://g/</reference><reference>http://k/"
	  "</reference></m2m:pocs><m2m:link>http://g/m2m</m2m:link><m2m:schedule><m2m:scheduleString "
	  "id=\"n\">0 2 * * *</m2m:scheduleString></m2m:schedule><m2m:expirationTime>2014-03-01T09:00:"
	  "00.125Z</m2m:expirationTime><m2m:searchStrings><m2m:searchString>a</m2m:searchString><m2m:"
	  "searchString>&lt;b&gt;</m2m:searchString></m2m:searchStrings><m2m:mgmtProtocolType>OMA_DM"
	  "</m2m:mgmtProtocolType><m2m:integrityValResults><ivalResults>9223372036854775807</ivalResults>"
	  "<signedIvalResult>-5</signedIvalResult><secureTimeStamp>2014-03-01T09:00:00Z</secureTimeStamp>"
	  "</m2m:integrityValResults><m2m:sclType>GSCL</m2m:sclType></m2m:scl>" },
	{ T_APPLICATION,
	  "<m2m:application" HEAD " appId=\"lamps\"><m2m:announceTo><m2m:activated>true</m2m:activated>"
	  "<m2m:sclList><reference>http://n/m2m</reference></m2m:sclList><m2m:global>false</m2m:global>"
	  "</m2m:announceTo><m2m:aPoC>http://a:9/</m2m:aPoC><m2m:aPoCPaths><m2m:aPoCPath><m2m:path>lamp"
	  "</m2m:path><m2m:searchStrings><m2m:searchString>L</m2m:searchString></m2m:searchStrings>"
	  "</m2m:aPoCPath><m2m:aPoCPath><m2m:path>scene</m2m:path></m2m:aPoCPath></m2m:aPoCPaths>"
	  "</m2m:application>" },
	{ T_ACCESS_RIGHT,
	  "<m2m:accessRight" HEAD " m2m:id=\"home\"><m2m:permissions>" SOME_PERMISSION
	  "</m2m:permissions><m2m:selfPermissions>" SOME_PERMISSION SOME_PERMISSION
	  "</m2m:selfPermissions></m2m:accessRight>" },
	{ T_CONTAINER,
	  "<m2m:container" HEAD " m2m:id=\"t\"><m2m:accessRightID>/m2m/accessRights/h</m2m:accessRightID>"
	  "<m2m:searchStrings/><m2m:maxNrOfInstances>3</m2m:maxNrOfInstances><m2m:maxByteSize>0"
	  "</m2m:maxByteSize><m2m:maxInstanceAge>P1DT12H</m2m:maxInstanceAge></m2m:container>" },
	{ T_CONTENT_INSTANCE,
	  "<m2m:contentInstance" HEAD " m2m:id=\"r2\"><m2m:searchStrings><m2m:searchString>x</m2m:"
	  "searchString></m2m:searchStrings><m2m:content xmime:contentType=\"application/octet-stream\">"
	  "<m2m:binaryContent>AQIDBA==</m2m:binaryContent></m2m:content></m2m:contentInstance>" },
	{ T_CONTENT_INSTANCE,
	  "<m2m:contentInstance" HEAD "><m2m:delayTolerance>2014-03-01T09:00:00Z</m2m:delayTolerance>"
	  "<m2m:content xmime:contentType=\"text/plain\"><m2m:textContent> 21.5 &amp; \xc3\xa9\n"
	  "</m2m:textContent></m2m:content></m2m:contentInstance>" },
	{ T_SUBSCRIPTION,
	  "<m2m:subscription" HEAD " m2m:id=\"d\"><m2m:minimalTimeBetweenNotifications>5000</m2m:"
	  "minimalTimeBetweenNotifications><m2m:filterCriteria><ifNoneMatch>a</ifNoneMatch><ifNoneMatch>b"
	  "</ifNoneMatch><attributeAccessor/><sizeFrom>1</sizeFrom><metaDataOnly>true</metaDataOnly>"
	  "</m2m:filterCriteria><m2m:contact>http://d:9/n</m2m:contact><m2m:noRepresentation>true"
	  "</m2m:noRepresentation></m2m:subscription>" },
	{ T_M2M_POC,
	  "<m2m:m2mPoc" HEAD " m2m:id=\"p\"><m2m:contactInfo><m2m:contactURI>http://p/</m2m:contactURI>"
	  "</m2m:contactInfo><m2m:onlineStatus>ONLINE</m2m:onlineStatus></m2m:m2mPoc>" },
};

static const struct codec *const codecs[] = { &codec_xml, &codec_json };

START_TEST(samples_come_back)
{
	const struct rtype *t = rtype_get(samples[_i].type);
	struct val *first, *again;
	struct writer w;

	ck_assert_msg(bound(samples[_i].type, BIND_CREATE, &codec_xml, slice_of(samples[_i].xml), &first) ==
	                  RC_OK,
	              "%.*s", (int)binder.why.n, binder.why.p);
	for (size_t i = 0; i < NITEMS(codecs); i++) {
		buf_clear(&out);
		codecs[i]->writer(&w, &out);
		render_resource(&w, t, first, 2);
		ck_assert(!out.failed);
		ck_assert_msg(bound(samples[_i].type, BIND_CREATE, codecs[i], buf_view(&out), &again) == RC_OK,
		              "%.*s: %.*s", (int)out.n, out.p, (int)binder.why.n, binder.why.p);
		ck_assert_msg(val_equal(first, again), "%.*s", (int)out.n, out.p);
		ck_assert(!binder.release1);
	}
}
END_TEST

/* xs:anyType keeps its elements with their namespaces; JSON has no place for those. */
START_TEST(any_element_comes_back)
{
	const struct slice xml = SLICE_LIT(
	    "<m2m:m2mPoc" HEAD " m2m:id=\"sms\"><m2m:contactInfo><m2m:other kind=\"sms\"><msisdn>+33"
	    "</msisdn><x:y xmlns:x=\"urn:x\" a=\"b\"><z/></x:y></m2m:other></m2m:contactInfo>"
	    "<m2m:onlineStatus>ONLINE</m2m:onlineStatus></m2m:m2mPoc>");
	struct val *first, *stored, *again;
	struct buf record;
	struct writer w;

	ck_assert_int_eq(bound(T_M2M_POC, BIND_CREATE, &codec_xml, xml, &first), RC_OK);
	buf_init(&record, 10000);
	vals_encode(&record, first);
	ck_assert_int_eq(vals_decode(arena, buf_view(&record), &stored), RC_OK);
	ck_assert(val_equal(first, stored));
	codec_xml.writer(&w, &out);
	render_resource(&w, rtype_get(T_M2M_POC), stored, 2);
	ck_assert(!out.failed);
	ck_assert_int_eq(bound(T_M2M_POC, BIND_CREATE, &codec_xml, buf_view(&out), &again), RC_OK);
	ck_assert_msg(val_equal(first, again), "%.*s", (int)out.n, out.p);
	buf_fini(&record);
}
END_TEST

START_TEST(attribute_comes_back)
{
	struct val *first, *v, *again;
	struct writer w;

	ck_assert_int_eq(bound(T_APPLICATION, BIND_CREATE, &codec_xml, slice_of(samples[1].xml), &first),
	                 RC_OK);
	for (size_t i = 0; i < NITEMS(codecs); i++)
		for (v = first; v != NULL; v = v->next) {
			struct val alone = *v;

			if (v->attr == A_APP_ID)
				continue;
			alone.next = NULL;
			buf_clear(&out);
			codecs[i]->writer(&w, &out);
			render_attribute(&w, &alone, 2);
			binder = (struct binder){ .arena = arena };
			ck_assert_msg(bind_attribute(&binder, v->attr, parsed(codecs[i], buf_view(&out)),
			                             &again) == RC_OK,
			              "%.*s: %.*s", (int)out.n, out.p, (int)binder.why.n, binder.why.p);
			ck_assert(val_equal(&alone, again));
		}
	ck_assert_int_eq(bind_attribute(&binder, A_APOC,
	                                parsed(&codec_xml, SLICE_LIT("<m2m:link" HEAD ">x</m2m:link>")),
	                                &again),
	                 RC_BAD_REQUEST);
}
END_TEST

START_TEST(notify_comes_back)
{
	const struct slice xml = SLICE_LIT(
	    "<m2m:notify" HEAD "><m2m:statusCode>STATUS_OK</m2m:statusCode><representation xmime:contentType"
	    "=\"application/xml\">PGEvPg==</representation><subscriptionReference>http://n/s"
	    "</subscriptionReference></m2m:notify>");
	struct val *first, *again;
	struct writer w;

	binder = (struct binder){ .arena = arena };
	ck_assert_int_eq(bind_shape(&binder, &shape_notify, parsed(&codec_xml, xml), &first), RC_OK);
	ck_assert(slice_is(val_text(val_get(first, A_REPRESENTATION)->first, A_TEXT), "<a/>"));
	for (size_t i = 0; i < NITEMS(codecs); i++) {
		buf_clear(&out);
		codecs[i]->writer(&w, &out);
		render_shape(&w, "notify", &shape_notify, first, 2);
		ck_assert(!out.failed);
		ck_assert_int_eq(bind_shape(&binder, &shape_notify, parsed(codecs[i], buf_view(&out)), &again),
		                 RC_OK);
		ck_assert(val_equal(first, again));
	}
}
END_TEST

/* What a CREATE of any type may carry survives both syntaxes and the stored form. */
static void
comes_back(const struct rtype *t, bool full)
{
	const struct maker m = { .arena = arena, .full = full };
	struct val *vals = sample_resource(&m, t, SAMPLE_CREATE), *again, *stored;
	struct writer w;

	for (size_t i = 0; i < NITEMS(codecs); i++) {
		buf_clear(&out);
		codecs[i]->writer(&w, &out);
		render_resource(&w, t, vals, 2);
		ck_assert_msg(!out.failed, "%s", t->shape);
		ck_assert_msg(bound(t->number, BIND_CREATE, codecs[i], buf_view(&out), &again) == RC_OK,
		              "%.*s: %.*s", (int)out.n, out.p, (int)binder.why.n, binder.why.p);
		val_remove(&vals, A_PARAMETERS_COLLECTION);
		ck_assert_msg(val_equal(vals, again), "%.*s", (int)out.n, out.p);
		ck_assert_msg(!binder.release1, "%s", t->shape);
	}
	buf_clear(&out);
	vals_encode(&out, vals);
	ck_assert_int_eq(vals_decode(arena, buf_view(&out), &stored), RC_OK);
	ck_assert(val_equal(vals, stored));
}

START_TEST(every_type_comes_back)
{
	const struct rtype *t = rtype_get((unsigned)_i);

	if (t == NULL || t->id_attr == A_END || rtype_rule(t, t->id_attr)->create == P_NP)
		return;
	comes_back(t, true);
	comes_back(t, false);
}
END_TEST

START_TEST(every_document_comes_back)
{
	for (const struct document *d = documents; d->element != NULL; d++)
		for (int full = 0; full < 2; full++)
			for (size_t i = 0; i < NITEMS(codecs); i++) {
				const struct maker m = { .arena = arena, .full = full };
				struct val *vals = NULL, *again;
				struct writer w;

				sample_shape(&m, d->shape, &vals);
				buf_clear(&out);
				codecs[i]->writer(&w, &out);
				render_shape(&w, d->element, d->shape, vals, 2);
				binder = (struct binder){ .arena = arena };
				ck_assert_msg(bind_shape(&binder, d->shape, parsed(codecs[i], buf_view(&out)),
				                         &again) == RC_OK,
				              "%.*s: %.*s", (int)out.n, out.p, (int)binder.why.n, binder.why.p);
				ck_assert_msg(val_equal(vals, again), "%.*s", (int)out.n, out.p);
			}
}
END_TEST

/* ---- Release 1 ---- */

static const char *
rendered(const struct rtype *t, const struct val *vals, int release)
{
	struct writer w;

	buf_clear(&out);
	codec_xml.writer(&w, &out);
	render_resource(&w, t, vals, release);
	ck_assert(!out.failed);
	return arena_str(arena, buf_view(&out));
}

/* A document of Release 1, and what of it has another form in Release 2. */
static const struct {
	unsigned type;
	const char *release1, *release2;
} old_forms[] = {
	{ T_CONTAINER, "<m2m:maxInstanceAge>90</m2m:maxInstanceAge></m2m:container>",
	  "<m2m:maxInstanceAge>PT1M30S</m2m:maxInstanceAge></m2m:container>" },
	{ T_SCL,
	  "<m2m:link>l</m2m:link><m2m:schedule><scheduleString>0 2 * * *</scheduleString></m2m:schedule>"
	  "<m2m:mgmtProtocolType>BBF TR 069</m2m:mgmtProtocolType></m2m:scl>",
	  "<m2m:link>l</m2m:link><m2m:schedule><m2m:scheduleString>0 2 * * *</m2m:scheduleString>"
	  "</m2m:schedule><m2m:mgmtProtocolType>BBF_TR069</m2m:mgmtProtocolType></m2m:scl>" },
	{ T_CONTENT_INSTANCE,
	  "<m2m:content xmime:contentType=\"text/plain\">aGVsbG8=</m2m:content></m2m:contentInstance>",
	  "<m2m:content xmime:contentType=\"text/plain\"><m2m:binaryContent>aGVsbG8=</m2m:binaryContent>"
	  "</m2m:content></m2m:contentInstance>" },
	{ T_GROUP, "<m2m:memberType>SERVER_CAPABILITY_LAYER</m2m:memberType></m2m:group>",
	  "<m2m:memberType>SCL_BASE</m2m:memberType></m2m:group>" },
	{ T_SUBSCRIPTION,
	  "<m2m:filterCriteria xsi:type=\"m2m:ContentInstanceFilterCriteriaType\"><searchString>a"
	  "</searchString><createdSince>2014-03-01T09:00:00.000Z</createdSince><createdUntil>"
	  "2014-04-01T09:00:00.000Z</createdUntil><sizeFrom>1</sizeFrom><attributeAccessor>x"
	  "</attributeAccessor></m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>",
	  "<m2m:filterCriteria xsi:type=\"m2m:ContentInstancesFilterCriteriaType\"><attributeAccessor>x"
	  "</attributeAccessor><searchString>a</searchString><createdAfter>2014-03-01T09:00:00.000Z"
	  "</createdAfter><createdBefore>2014-04-01T09:00:00.000Z</createdBefore><sizeFrom>1</sizeFrom>"
	  "</m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>" },
	{ T_SUBSCRIPTION,
	  "<m2m:filterCriteria xsi:type=\"m2m:ContentInstanceFilterCriteriaType\"><metaDataOnly>true"
	  "</metaDataOnly><attributeAccessor>x</attributeAccessor></m2m:filterCriteria><m2m:contact>c"
	  "</m2m:contact></m2m:subscription>",
	  "<m2m:filterCriteria xsi:type=\"m2m:ContentInstancesFilterCriteriaType\"><attributeAccessor>x"
	  "</attributeAccessor><metaDataOnly>true</metaDataOnly></m2m:filterCriteria><m2m:contact>c"
	  "</m2m:contact></m2m:subscription>" },
	{ T_SUBSCRIPTION,
	  "<m2m:filterCriteria><ifModifiedSince>2014-03-01T09:00:00.000Z</ifModifiedSince><ifNoneMatch>e"
	  "</ifNoneMatch></m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>",
	  NULL },
};

START_TEST(release1_forms_come_back)
{
	const struct rtype *t = rtype_get(old_forms[_i].type);
	const struct slice xml = arena_printf(
	    arena, "<m2m:%s xmlns:xsi=\"" NS_XSI "\"" HEAD "%s>%s", t->name,
	    t->number == T_SCL ? " sclId=\"g\"" : "", old_forms[_i].release1);
	struct val *vals;
	const char *text;

	ck_assert_msg(bound(t->number, BIND_CREATE, &codec_xml, xml, &vals) == RC_OK, "%.*s",
	              (int)binder.why.n, binder.why.p);
	ck_assert(binder.release1 == (old_forms[_i].release2 != NULL));
	text = rendered(t, vals, 1);
	ck_assert_msg(strstr(text, old_forms[_i].release1) != NULL, "%s", text);
	text = rendered(t, vals, 2);
	if (old_forms[_i].release2 != NULL)
		ck_assert_msg(strstr(text, old_forms[_i].release2) != NULL, "%s", text);
	/* Also where the order of the elements counts. */
	binder.ordered = true;
	ck_assert_int_eq(bound(t->number, BIND_CREATE, &codec_xml, xml, &vals), RC_OK);
	binder.ordered = false;
}
END_TEST

/* An empty accessor is what Release 2 demands when there is none. */
START_TEST(release1_needs_no_accessor)
{
	const struct slice xml = SLICE_LIT(
	    "<m2m:subscription" HEAD "><m2m:filterCriteria><ifNoneMatch>e</ifNoneMatch><attributeAccessor/>"
	    "</m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>");
	struct val *vals;

	ck_assert_int_eq(bound(T_SUBSCRIPTION, BIND_CREATE, &codec_xml, xml, &vals), RC_OK);
	ck_assert(strstr(rendered(rtype_get(T_SUBSCRIPTION), vals, 1),
	                 "<m2m:filterCriteria><ifNoneMatch>e</ifNoneMatch></m2m:filterCriteria>") != NULL);
}
END_TEST

/* Criteria of Release 1 that have no effect are taken, and gone. */
START_TEST(release1_criteria_without_effect)
{
	const struct slice xml = SLICE_LIT(
	    "<m2m:subscription" HEAD "><m2m:filterCriteria><ifMatch>a</ifMatch><creator>http://c</creator>"
	    "<maxSize>5</maxSize></m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>");
	const struct slice good = SLICE_LIT(
	    "<m2m:subscription" HEAD "><m2m:filterCriteria><ifMatch>a</ifMatch><creator>http://c</creator>"
	    "<sizeUntil>5</sizeUntil></m2m:filterCriteria><m2m:contact>c</m2m:contact></m2m:subscription>");
	const struct val *criteria;
	struct val *vals;

	ck_assert_int_eq(bound(T_SUBSCRIPTION, BIND_CREATE, &codec_xml, xml, &vals), RC_BAD_REQUEST);
	ck_assert_int_eq(bound(T_SUBSCRIPTION, BIND_CREATE, &codec_xml, good, &vals), RC_OK);
	criteria = val_get(vals, A_FILTER_CRITERIA)->first;
	ck_assert(criteria->attr == A_SIZE_UNTIL && criteria->next == NULL);
}
END_TEST

/* What Release 1 does not know is not written for it. */
START_TEST(release1_leaves_out)
{
	static const char *const unknown[] = { "referencePoint", "m2m:poc>", "subcontainers", "sclType",
		                               "publicDomain", "communicationChannels", "sclAnncs",
		                               "consistencyStrategy", "memberTypeValidated",
		                               "membersContentAccessRightID", "aggregateURI",
		                               "noRepresentation", "AccuCreates", "subscriberId",
		                               "PT1M30S", "textContent", "binaryContent", "attributeAccessor/",
		                               "AnpPolicy", "defaultTrpdtValue", "listOfDevices" };
	const struct maker m = { .arena = arena, .full = true };

	for (unsigned n = 0; n < T_MAX; n++) {
		const struct rtype *t = rtype_get(n);
		const char *text;

		if (t == NULL || n == T_ETSI_SCL_MO || strstr(t->name, "ommunicationChannel") != NULL ||
		    n == T_SUBCONTAINERS || n == T_SCL_ANNCS)
			continue;
		text = rendered(t, sample_resource(&m, t, SAMPLE_ANSWER), 1);
		for (size_t i = 0; i < NITEMS(unknown); i++)
			ck_assert_msg(strstr(text, unknown[i]) == NULL, "%s: %s", unknown[i], text);
		ck_assert(strstr(t->name, "Annc") == NULL || strstr(text, "announceTo") == NULL);
	}
}
END_TEST

/* A value that only Release 2 has takes the attribute along; the other syntax says the same. */
START_TEST(release1_values)
{
	struct val type = { .attr = A_MEMBER_TYPE, .num = MEMBER_MIXED };
	struct val age = { .attr = A_MAX_INSTANCE_AGE, .num = CLOCK_SECOND + 1 };
	struct writer w;

	ck_assert(strstr(rendered(rtype_get(T_GROUP), &type, 1), "memberType") == NULL);
	ck_assert(strstr(rendered(rtype_get(T_GROUP), &type, 2), "MIXED") != NULL);
	/* Part of a second is not nothing. */
	ck_assert(strstr(rendered(rtype_get(T_CONTAINER), &age, 1), ">2<") != NULL);
	buf_clear(&out);
	codec_json.writer(&w, &out);
	render_attribute(&w, &age, 1);
	ck_assert_str_eq(arena_str(arena, buf_view(&out)), "{\"maxInstanceAge\":2}");
}
END_TEST

/* ---- wildcards ---- */

/* The elements of a foreign model stand after the base's own and before those of the type. */
START_TEST(foreign_elements_have_their_place)
{
	const struct slice xml = SLICE_LIT(
	    "<m2m:mgmtObj xmlns:xsi=\"" NS_XSI "\" xmlns:x=\"urn:x\" xsi:type=\"m2m:EtsiMemory\"" HEAD ">"
	    "<m2m:moID>m</m2m:moID><m2m:parametersCollection/><x:a k=\"v\"><y xmlns=\"urn:y\"/></x:a>"
	    "<x:b>1</x:b><x:a/><m2m:ramTotal>7</m2m:ramTotal></m2m:mgmtObj>");
	struct val *vals, *again;
	struct writer w;
	const char *text;

	binder.ordered = true;
	ck_assert_int_eq(bound(T_ETSI_MEMORY, BIND_CREATE, &codec_xml, xml, &vals), RC_OK);
	binder.ordered = false;
	text = rendered(rtype_get(T_ETSI_MEMORY), vals, 2);
	ck_assert_str_eq(strstr(text, "<m2m:moID>"),
	                 "<m2m:moID>m</m2m:moID><ns1:a xmlns:ns1=\"urn:x\" xmlns:ns2=\"urn:y\" k=\"v\">"
	                 "<ns2:y/></ns1:a><ns1:b xmlns:ns1=\"urn:x\">1</ns1:b><ns1:a xmlns:ns1=\"urn:x\"/>"
	                 "<m2m:ramTotal>7</m2m:ramTotal></m2m:mgmtObj>");
	buf_clear(&out);
	codec_json.writer(&w, &out);
	render_resource(&w, rtype_get(T_ETSI_MEMORY), vals, 2);
	text = arena_str(arena, buf_view(&out));
	ck_assert_str_eq(text, "{\"mgmtObj\":{\"$type\":\"EtsiMemory\",\"moID\":\"m\","
	                       "\"{urn:x}a\":[{\"k\":\"v\",\"{urn:y}y\":{}},{}],\"{urn:x}b\":\"1\","
	                       "\"ramTotal\":7}}");
	ck_assert_int_eq(bound(T_ETSI_MEMORY, BIND_CREATE, &codec_json, slice_of(text), &again), RC_OK);
	ck_assert(slice_is(val_get(again, A_MO_ATTRIBUTE)->any->ns, "urn:x"));
	ck_assert(!val_equal(vals, again)); /* the order among them is lost */
}
END_TEST

/* Their names count, other than those of what stands under an attribute's name. */
START_TEST(foreign_elements_are_compared)
{
	static const char *const elements[] = { "<a xmlns=\"urn:x\"/>", "<b xmlns=\"urn:x\"/>",
		                                "<a xmlns=\"urn:y\"/>" };
	struct val *vals[NITEMS(elements)];

	for (size_t i = 0; i < NITEMS(elements); i++)
		ck_assert_int_eq(bound(T_PARAMETERS, BIND_CREATE, &codec_xml,
		                       arena_printf(arena, "<m2m:parameters" HEAD ">%s</m2m:parameters>",
		                                    elements[i]),
		                       &vals[i]),
		                 RC_OK);
	for (size_t i = 0; i < NITEMS(elements); i++)
		for (size_t j = 0; j < NITEMS(elements); j++)
			ck_assert(val_equal(vals[i], vals[j]) == (i == j));
}
END_TEST

START_TEST(foreign_elements_are_limited)
{
	struct buf b;
	struct val *vals;

	for (unsigned n = WILDCARD_MAX; n <= WILDCARD_MAX + 1; n++) {
		buf_init(&b, 100000);
		buf_puts(&b, "<m2m:parameters xmlns:x=\"urn:x\"" HEAD ">");
		for (unsigned i = 0; i < n; i++)
			buf_puts(&b, "<x:a/>");
		buf_puts(&b, "</m2m:parameters>");
		ck_assert_int_eq(bound(T_PARAMETERS, BIND_CREATE, &codec_xml, buf_view(&b), &vals),
		                 n == WILDCARD_MAX ? RC_OK : RC_BAD_REQUEST);
		buf_fini(&b);
	}
}
END_TEST

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
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":\"5\"}}", "maxByteSize has the wrong JSON type" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":\"9007199254740993\"}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":9007199254740993}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":5.5}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":true}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":[5]}}", "maxByteSize is no list" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":[]}}", "maxByteSize is no list" },
	{ T_CONTAINER, "{\"container\":{\"maxByteSize\":{}}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"accessRightID\":5}}", "accessRightID has the wrong JSON type" },
	{ T_CONTAINER, "{\"container\":{\"expirationTime\":2014}}", "no legal value" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[\"a\",\"b\"]}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[]}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{}}}", NULL },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":\"a\"}}}", "an array is needed" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":{\"searchString\":[1]}}}", "wrong JSON type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":5}}", "wrong JSON type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":true}}", "wrong JSON type" },
	{ T_CONTAINER, "{\"container\":{\"searchStrings\":\"a\"}}", "may not hold text" },
	{ T_CONTAINER, "{\"container\":{\"colour\":\"red\"}}", "colour is not known here" },
	{ T_CONTAINER, "{\"container\":{\"creationTime\":\"2014-03-01T09:00:00Z\"}}", "not permitted" },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":true,\"sclList\":{\"reference\":[\"a\"]}}}}", NULL },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":\"true\",\"sclList\":{\"reference\":[]}}}}",
	  "activated has the wrong JSON type" },
	{ T_APPLICATION,
	  "{\"application\":{\"announceTo\":{\"activated\":1,\"sclList\":{\"reference\":[]}}}}",
	  "activated has the wrong JSON type" },
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

/* Every size of arena gives an answer. */
START_TEST(small_arenas_are_enough_or_said)
{
	struct slice xml = slice_of(samples[_i].xml);
	bool done = false;

	for (size_t limit = 1; !done; limit += 48) {
		struct arena *small = arena_new(limit);
		struct binder b = { .arena = small };
		struct val *vals;
		enum rc rc = bind_resource(&b, rtype_get(samples[_i].type), BIND_CREATE,
		                           parsed(&codec_xml, xml), &vals);

		ck_assert_msg(rc == RC_OK || arena_failed(small), "rc %d", (int)rc);
		done = rc == RC_OK;
		arena_free(small);
		ck_assert_uint_lt(limit, 20000);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bind");
	TCase *c = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, samples_come_back, 0, NITEMS(samples));
	tcase_add_test(c, any_element_comes_back);
	tcase_add_test(c, attribute_comes_back);
	tcase_add_test(c, notify_comes_back);
	tcase_add_loop_test(c, every_type_comes_back, 0, T_MAX);
	tcase_add_test(c, every_document_comes_back);
	tcase_add_loop_test(c, release1_forms_come_back, 0, NITEMS(old_forms));
	tcase_add_test(c, release1_criteria_without_effect);
	tcase_add_test(c, release1_needs_no_accessor);
	tcase_add_test(c, foreign_elements_are_compared);
	tcase_add_test(c, release1_leaves_out);
	tcase_add_test(c, release1_values);
	tcase_add_test(c, foreign_elements_have_their_place);
	tcase_add_test(c, foreign_elements_are_limited);
	tcase_add_loop_test(c, documents_are_judged, 0, NITEMS(judged));
	tcase_add_test(c, order_matters_when_asked);
	tcase_add_test(c, release1_content);
	tcase_add_loop_test(c, json_is_judged, 0, NITEMS(texts));
	tcase_add_test(c, reasons_are_short);
	tcase_add_loop_test(c, small_arenas_are_enough_or_said, 0, NITEMS(samples));
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

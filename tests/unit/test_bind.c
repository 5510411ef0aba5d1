/* SPDX-License-Identifier: Apache-2.0 */
/* Documents to values and back, through all codecs. */
#include "config.h"

#include "bind_help.h"
#include "model_samples.h"

#include <stdint.h>
#include <stdio.h>

#include "model/render.h"

/* ---- round trips ---- */

static const struct codec *const codecs[] = { &codec_xml, &codec_json, &codec_cbor };

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
	tcase_add_loop_test(c, small_arenas_are_enough_or_said, 0, NITEMS(samples));
	suite_add_tcase(s, c);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrap: what is asked badly, and reports of integrity that come with it. */
#include "config.h"

#include <stdio.h>

#include "base/times.h"
#include "msbf_case.h"
#include "sec/device_key.h"
#include "sec/ival.h"

/* ---- what is asked badly ---- */

static const struct {
	const char *query;
	int status;
	const char *reason;
} bad[] = {
	{ "", 400, "BAD_PARAM" },
	{ "?", 400, "BAD_PARAM" },
	{ "?ppid", 400, "" },
	{ "?ppid=", 400, "" },
	{ "?ppid=zz", 400, "" },
	{ "?ppid=00", 400, "PPID_LENGTH" },
	{ "?ppid=80", 400, "PPID_LENGTH" },
	{ "?ppid=0000", 400, "PPID_EMPTY" },
	{ "?ppid=80001a7dda71", 400, "PPID_LENGTH" },
	{ "?ppid=81001a7dda7113", 400, "PPID_NONCANONICAL" },
	{ "?ppid=0101010101ff", 400, "PPID_HEADER" },
	{ "?ppid=01083c71bf0a1b2d", 400, "PPID_UNKNOWN_TECH" },
	{ "?ppid=4001005e000001", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=4002005e000001", 400, "PPID_LOCAL_MAC" },
	{ "?ppid=202a", 400, "PPID_NOT_UNIQUE" },
	{ "?ppid=2000", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=20fb", 400, "PPID_BAD_ADDRESS" },
	{ "?ppid=%zz", 400, "" },
	{ "?ppid=%00", 400, "" },
	{ "?ppid=" PPID_A "%", 400, "" },
	{ "?ppid=" PPID_A "&ppid=" PPID_A, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&pp%69d=" PPID_B, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&x=1", 400, "BAD_PARAM" },
	{ "?PPID=" PPID_A, 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=scls", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=.x", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=a%2fb", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=a&sclId=a", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&sclId=%ff%fe", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A
	  "&sclId=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=DERIVE", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=derive&kmr=transport", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 400, "BAD_PARAM" },
	{ "?ppid=" PPID_A "&kmr=gba", 501, "VARIANT_OFF" },
	{ "?ppid=" PPID_A "&kmr=eap_sim", 501, "VARIANT_OFF" },
	{ "?ppid=" PPID_A "&kmr=eap_tls", 501, "VARIANT_OFF" },
};

START_TEST(test_bad_parameters)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	char target[700];
	struct asked a = { .method = "POST", .target = target, .peer = &p };

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		snprintf(target, sizeof(target), SET "%s", bad[i].query);
		peer_of(&p, PPID_A, 1);
		refused(msbf_ask(b, &a), bad[i].status, bad[i].reason);
	}
	/* 256 octets, one too many. */
	snprintf(target, sizeof(target), SET "?ppid=%0512d", 0);
	refused(msbf_ask(b, &a), 400, "PPID_LENGTH");
	/* What is of POST alone. */
	snprintf(target, sizeof(target), SET "?ppid=" PPID_A "&kmr=derive");
	a.method = "GET";
	peer_of(&p, PPID_A, 1);
	refused(msbf_ask(b, &a), 400, "BAD_PARAM");
	snprintf(target, sizeof(target), SET "?ppid=" PPID_A);
	a.method = "POST";
	a.nonce = "0011";
	refused(msbf_ask(b, &a), 400, "BAD_PARAM");
	/* None of it counts as an attempt; separators and capitals are another spelling. */
	a.nonce = NULL;
	snprintf(target, sizeof(target), SET "?ppid=80:00:1A-7D-DA-71-13");
	peer_of(&p, PPID_B, 1);
	ck_assert_int_eq(msbf_provision(b, PPID_B, NULL, 0).rc, RC_OK);
	struct told t = msbf_ask(b, &a);

	ck_assert_int_eq(t.status, 201);
	ck_assert_str_eq(t.location, SET "?ppid=" PPID_B);
	told_free(&t);
	msbf_bed_free(b);
}
END_TEST

/* ---- integrity ---- */

static const char device_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	"-----END PRIVATE KEY-----\n";

struct report {
	char body[512];
	char header[IVAL_SIG_TEXT_MAX + 1];
};

static void
report_make(struct report *out, const struct device_key *k, int64_t results, int64_t when,
            uint8_t session, const struct node_id *node, const char *scl_id)
{
	struct key e_boot = peer_secret(session);
	struct ival_origin o = { .node = node, .scl_id = slice_of(scl_id) };
	struct ival_report r = { .results = results };
	char text[TIMES_TEXT_MAX];

	r.time = slice_make(text, times_format(when, TIMES_SECOND, text));
	ck_assert_int_eq(ival_boot_sign(k, &e_boot, &o, &r, out->header), RC_OK);
	snprintf(out->body, sizeof(out->body),
	         "<m2m:integrityValResults xmlns:m2m=\"http://uri.etsi.org/m2m\"><ivalResults>%lld"
	         "</ivalResults><signedIvalResult>0</signedIvalResult><secureTimeStamp>%.*s"
	         "</secureTimeStamp></m2m:integrityValResults>",
	         (long long)results, (int)r.time.n, r.time.p);
}

START_TEST(test_ival)
{
	const struct node_id nobody = { { 0 } };
	struct msbf_bed *b = &bed;
	struct device_key *k;
	struct test_peer p;
	struct report r;
	struct asked a = { .method = "POST",
		           .target = SET "?ppid=" PPID_A "&sclId=g1",
		           .peer = &p,
		           .type = "application/xml",
		           .body = r.body,
		           .ival = r.header };
	struct told t;

	ck_assert_int_eq(device_key_from_pem(slice_of(device_pem), &k), RC_OK);
	msbf_bed_make(b, 0);
	b->conf.ival_required = 0x1f;
	msbf_bed_open(b);
	ck_assert_int_eq(msbf_provision(b, PPID_A, NULL, 0).rc, RC_OK);
	refused(msbf_post(b, PPID_A, 1, "&sclId=g1"), 403, "IVAL_FAILED");

	peer_of(&p, PPID_A, 1);
	p.peer.spki = device_key_spki(k);
	report_make(&r, k, 0x0f, BED_START, 1, &nobody, "g1"); /* not enough */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START - BED_HOUR, 1, &nobody, "g1"); /* old */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START, 2, &nobody, "g1"); /* of another session */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	report_make(&r, k, 0x1f, BED_START, 1, &nobody, "g1");
	a.ival = NULL; /* not signed */
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED");
	a.ival = r.header;
	t = msbf_ask(b, &a);
	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	refused(msbf_ask(b, &a), 403, "IVAL_FAILED"); /* again */
	/* It knows its name by now. */
	bed_pass(&b->mas, CLOCK_SECOND);
	struct node_id node = node_of(&t);
	report_make(&r, k, 0x3f, BED_START + CLOCK_SECOND, 1, &node, "g1");
	told_free(&t);
	t = msbf_ask(b, &a);
	ck_assert_int_eq(t.status, 201);
	told_free(&t);
	device_key_free(k);
	msbf_bed_free(b);
}
END_TEST

#define IVAL(x)                                                                                    \
	"<m2m:integrityValResults xmlns:m2m=\"http://uri.etsi.org/m2m\">" x                        \
	"</m2m:integrityValResults>"
#define RESULTS "<ivalResults>31</ivalResults>"
#define SIGNED "<signedIvalResult>0</signedIvalResult>"
#define STAMP "<secureTimeStamp>2023-11-14T22:13:20Z</secureTimeStamp>"

static const struct {
	const char *type, *body;
	int status;
	const char *reason;
} bodies[] = {
	{ NULL, IVAL(RESULTS SIGNED STAMP), 415, "" },
	{ "text/xml2", IVAL(RESULTS SIGNED STAMP), 415, "" },
	{ "application/xml", "x", 400, "XSD_INVALID" },
	{ "application/xml", "<integrityValResults/>", 400, "XSD_INVALID" },
	{ "application/xml", IVAL(""), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(SIGNED RESULTS STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS RESULTS SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED STAMP "<x/>"), 400, "XSD_INVALID" },
	{ "application/xml", IVAL("<m2m:ivalResults>31</m2m:ivalResults>" SIGNED STAMP), 400,
	  "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults>9223372036854775808</ivalResults>" SIGNED STAMP),
	  400, "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults></ivalResults>" SIGNED STAMP), 400, "XSD_INVALID" },
	{ "application/xml", IVAL("<ivalResults>1f</ivalResults>" SIGNED STAMP), 400,
	  "XSD_INVALID" },
	{ "application/xml", IVAL(RESULTS SIGNED "<secureTimeStamp>now</secureTimeStamp>"), 400,
	  "XSD_INVALID" },
	{ "application/json", "{\"integrityValResults\":{\"ivalResults\":31}}", 400,
	  "XSD_INVALID" },
	{ "application/json",
	  "{\"integrityValResults\":{\"ivalResults\":[31,0],\"signedIvalResult\":0,"
	  "\"secureTimeStamp\":\"2023-11-14T22:13:20Z\"}}",
	  400, "XSD_INVALID" },
	{ "application/json", "[]", 400, "XSD_INVALID" },
	/* Well-formed: what is wrong is the signature. */
	{ "application/json; charset=utf-8",
	  "{\"integrityValResults\":{\"ivalResults\":31,\"signedIvalResult\":0,"
	  "\"secureTimeStamp\":\"2023-11-14T22:13:20Z\"}}",
	  403, "IVAL_FAILED" },
	{ "application/xml", IVAL(RESULTS SIGNED STAMP), 403, "IVAL_FAILED" },
	{ "application/xml", IVAL("<ivalResults>-9223372036854775808</ivalResults>" SIGNED STAMP),
	  403, "IVAL_FAILED" },
};

START_TEST(test_bad_bodies)
{
	struct msbf_bed *b = start_admitted(0);
	struct test_peer p;
	struct asked a = { .method = "POST", .target = SET "?ppid=" PPID_A, .peer = &p };
	char *large;

	for (unsigned i = 0; i < NITEMS(bodies); i++) {
		peer_of(&p, PPID_A, 1);
		a.type = bodies[i].type;
		a.body = bodies[i].body;
		refused(msbf_ask(b, &a), bodies[i].status, bodies[i].reason);
	}
	large = calloc(1, 16386);
	ck_assert_ptr_nonnull(large);
	memset(large, ' ', 16385);
	a.body = large;
	refused(msbf_ask(b, &a), 413, "TOO_LARGE");
	free(large);
	msbf_bed_free(b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("msbf ask");
	TCase *c = suite_case(s, "ask", NULL, NULL);

	tcase_add_test(c, test_bad_parameters);
	tcase_add_test(c, test_ival);
	tcase_add_test(c, test_bad_bodies);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* mId with other protection than a channel: tags, sealed objects; and reports of integrity. */
#include "config.h"

#include <stdio.h>

#include "mid_bed.h"
#include "sec/access_tag.h"
#include "sec/jose.h"

/* ---- trusted access ---- */

static const char *
tagged(const struct session *s, const char *method, const char *target, uint64_t counter)
{
	static char text[ACCESS_TAG_TEXT + 1];
	const struct access_request rq = { slice_of(method), slice_of(target), SLICE_NONE };
	struct access_tag t;
	struct key k;

	ck_assert_int_eq(access_tag_key(&s->conn.kmc, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	ck_assert_int_eq(access_tag_make(&k, s->conn.id, counter, &rq, &t), RC_OK);
	access_tag_format(&t, text);
	return text;
}

START_TEST(places)
{
	static const struct {
		const char *allowed, *source;
		bool ok;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "10.0.0.0/8,192.0.2.128/25", "192.0.2.200", true },
		{ "10.0.0.0/8,192.0.2.128/25", "192.0.2.100", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "fe80::/10", "fe80::1%eth0", true },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "192.0.2.0/33", "192.0.2.1", false },
		{ "192.0.2.0/", "192.0.2.0", false },
		{ "x", "192.0.2.1", false },
		{ "", "192.0.2.1", false },
		{ "192.0.2.0/24", "", false },
	};
	struct session s;

	bed_issue(&mb, 1, 1);
	bed.listener = &listeners[TRUSTED];
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct peer p = peer_of(NULL);

		open_session(&s, 1);
		live_end(live, s.conn.id, LIVE_ENDED);
		s.conn.id += 1;
		s.conn.flags = MAS_ACCESS_NETWORK;
		snprintf(s.conn.allowed_sources, sizeof(s.conn.allowed_sources), "%s",
		         rows[i].allowed);
		ck_assert_int_eq(live_put(live, &s.conn), RC_OK);
		p.address = slice_of(rows[i].source);
		p.loopback = true; /* so that the rate does not count */
		expect(rows[i].ok ? 200 : 403, rows[i].ok ? NULL : "SEC_CHANNEL_REQUIRED", "GET", BASE,
		       LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 1));
	}
}
END_TEST

START_TEST(tags)
{
	struct peer p = peer_of(NULL);
	struct session s;
	char doc[1024];

	p.loopback = true;
	bed_issue(&mb, 1, 1);
	set(1, MAS_ACCESS_NETWORK, "192.0.2.0/24");
	open_session(&s, 1);
	scl_doc(doc, "scl-1", LINK_1);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &s.peer);
	bed.listener = &listeners[CLEAR];
	expect(403, "SEC_CHANNEL_REQUIRED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 1));
	bed.listener = &listeners[TRUSTED];
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 5));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 5));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 4));
	expect(403, "AUTH_FAILED", "GET", BASE "/scls", LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "AUTH_FAILED", "DELETE", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE "/applications/a", .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 6));
	expect(403, "AUTH_FAILED", "GET", BASE, LINK_1, .peer = &p, .connection = "");
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &p, .connection = tagged(&s, "GET", BASE, 6));
	live_end(live, s.conn.id, LIVE_REVOKED);
	expect(403, "SEC_REVOKED", "GET", BASE, LINK_1, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 7));
	bed_issue(&mb, 2, 2);
	set(2, MAS_CHANNEL, "192.0.2.0/24");
	open_session(&s, 2);
	expect(403, "SEC_CHANNEL_REQUIRED", "GET", BASE, LINK_2, .peer = &p,
	       .connection = tagged(&s, "GET", BASE, 1));
}
END_TEST

/* ---- objects ---- */

static void
sealed(const struct session *s, enum obj_dir dir, uint64_t seq, const char *method,
       const char *target, const char *body, struct buf *out)
{
	const struct jose_header h = { .connection = s->conn.id, .kmc_index = s->conn.kmc_index,
		                       .direction = dir, .cty = SLICE_LIT("application/xml"),
		                       .seq = seq, .method = slice_of(method),
		                       .target = slice_of(target) };
	struct key k;

	ck_assert_int_eq(obj_key(&s->conn.kmc, dir, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	buf_init(out, 1u << 16);
	ck_assert_int_eq(jose_seal(&h, &k, slice_of(body), out), RC_OK);
	buf_char(out, '\0');
	out->n--;
}

static bool
any(void *arg, uint64_t seq)
{
	ck_assert_uint_eq(seq, *(const uint64_t *)arg);
	return true;
}

static void
check_answer(const struct session *s, const char *text, uint64_t answers, unsigned status,
             uint64_t seq)
{
	struct jose_expect want = { .connection = s->conn.id, .kmc_index = s->conn.kmc_index,
		                    .direction = OBJ_N2D, .method = JOSE_RSP, .answers = answers,
		                    .status = status, .take = any, .arg = &seq };
	struct arena *a = arena_new(1u << 20);
	struct jose j;
	struct buf body;
	struct key k;

	buf_init(&body, 1u << 16);
	ck_assert_int_eq(obj_key(&s->conn.kmc, OBJ_N2D, s->conn.id, s->conn.kmc_index, &k), RC_OK);
	ck_assert_int_eq(jose_parse(slice_of(text), a, &j), RC_OK);
	ck_assert_int_eq(jose_open(&j, &k, &want, &body), RC_OK);
	buf_fini(&body);
	arena_free(a);
}

START_TEST(objects)
{
	struct session s;
	struct buf object;
	struct reply r;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	set(1, MAS_CHANNEL | MAS_OBJECT | MAS_OBJECT_JWE, NULL);
	open_session(&s, 1);
	scl_doc(doc, "scl-1", LINK_1);
	expect(403, "SEC_OBJECT_REQUIRED", "POST", BASE "/scls", LINK_1, doc, .peer = &s.peer);
	expect(403, "SEC_OBJECT_REQUIRED", "GET", BASE, LINK_1, .peer = &s.peer);
	sealed(&s, OBJ_D2N, 7, "POST", BASE "/scls", doc, &object);
	r = ask(&(struct ask){ "POST", BASE "/scls", LINK_1, object.p, "application/JOSE ; a=b",
	                       .peer = &s.peer });
	ck_assert_int_eq(r.status, 201);
	check_answer(&s, r.body, 7, 201, 1);
	reply_fini(&r);
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	expect(403, "AUTH_FAILED", "POST", BASE "/applications", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	buf_fini(&object);
	sealed(&s, OBJ_N2D, 8, "POST", BASE "/scls", doc, &object);
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, object.p, JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	expect(400, "OBJ_INVALID", "POST", BASE "/scls", LINK_1, "a.b.c.d", JOSE_MEDIA_TYPE,
	       .peer = &s.peer);
	buf_fini(&object);
	sealed(&s, OBJ_D2N, 9, "GET", BASE "/nothing", "", &object);
	r = ask(&(struct ask){ "GET", BASE "/nothing", LINK_1, object.p, JOSE_MEDIA_TYPE,
	                       .peer = &s.peer });
	ck_assert_int_eq(r.status, 404);
	check_answer(&s, r.body, 9, 404, 2);
	reply_fini(&r);
	buf_fini(&object);
}
END_TEST

/* Without a connection there is no key for one. */
START_TEST(object_of_nobody)
{
	struct peer local = peer_of(NULL);

	local.loopback = true;
	sec.open_on_loopback = true;
	bed.listener = &listeners[CLEAR];
	expect(403, "AUTH_FAILED", "POST", BASE "/scls", LINK_1, "a..b.c.d", JOSE_MEDIA_TYPE,
	       .peer = &local);
}
END_TEST

/* ---- integrity reports ---- */

#define REPORT                                                                                     \
	"<m2m:integrityValResults " NS "><ivalResults>1</ivalResults><signedIvalResult>2"          \
	"</signedIvalResult><secureTimeStamp>2023-11-14T22:13:20Z</secureTimeStamp>"               \
	"</m2m:integrityValResults>"

START_TEST(reports)
{
	struct session one;
	struct key k;

	enrol(&one, 1, LINK_1);
	expect(400, "XSD_INVALID", "PUT", BASE "/scls/scl-1/integrityValResults", LINK_1,
	       "<m2m:integrityValResults " NS "/>", .peer = &one.peer);
	ck_assert(live_kmc(live, one.conn.id, 0, &k));
	/* Its MAC is wrong. */
	expect(403, "IVAL_FAILED", "PUT", BASE "/scls/scl-1/integrityValResults", LINK_1, REPORT,
	       .peer = &one.peer);
	ck_assert(!live_kmc(live, one.conn.id, 0, &k));
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_1, .peer = &one.peer);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_mid_access");
	TCase *c = suite_case(s, "access", mid_setup, mid_teardown);

	tcase_add_test(c, places);
	tcase_add_test(c, tags);
	tcase_add_test(c, objects);
	tcase_add_test(c, object_of_nobody);
	tcase_add_test(c, reports);
	return run_suite(s);
}

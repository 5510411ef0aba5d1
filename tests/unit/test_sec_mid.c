/* SPDX-License-Identifier: Apache-2.0 */
/* mId: who may say what on a connection, without one, and after its end. */
#include "config.h"

#include "mid_bed.h"

#include <stdio.h>

/* ---- identities ---- */

START_TEST(issuers_of_an_scl)
{
	static const char *const own[] = { LINK_1, LINK_1 "/", LINK_1 "/applications/a",
		                           "HTTPS://SCL-1.EXAMPLE:443/m2m", NULL };
	static const char *const others[] = {
		LINK_2, LINK_2 "/applications/a", BASE, BASE "/applications/a",
		"http://scl.example.org:8080/m2m", "https://elsewhere.example/m2m",
		"https://scl-1.example", "https://scl-1.example/m2m2", LINK_1 "/../m2m", LINK_1 "/%2e%2e/x",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(own); i++)
		expect(200, NULL, "GET", BASE, own[i], .peer = &one.peer);
	for (size_t i = 0; i < NITEMS(others); i++)
		expect(403, "SEC_IDENTITY", "GET", BASE, others[i], .peer = &one.peer);
	/* Again, for what was found out is remembered. */
	expect(200, NULL, "GET", BASE, LINK_1, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_1, .peer = &two.peer);
}
END_TEST

/* What was allowed while nobody had it is not, once somebody has. */
START_TEST(issuer_before_registration)
{
	struct session one, two;
	char doc[1024];

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &one.peer);
	expect(403, "SEC_IDENTITY", "GET", BASE, BASE, .peer = &one.peer);
	enrol(&two, 2, LINK_2);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &one.peer);
	scl_doc(doc, "scl-1", LINK_2);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_2, doc, .peer = &one.peer);
	scl_doc(doc, "scl-3", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
}
END_TEST

START_TEST(paths_of_others)
{
	static const char *const paths[] = {
		BASE "/scls/scl-2", BASE "/SL/scl-2", "/m2m//scls//scl-2/", "/%6d2m/scls/scl%2D2",
		BASE "/scls/scl-2/containers", "http://scl.example.org:8080/m2m/scls/scl-2",
		BASE "/scls/%zz",
	};
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	for (size_t i = 0; i < NITEMS(paths); i++) {
		expect(403, "SEC_IDENTITY", "PUT", paths[i], LINK_1, "<x/>", .peer = &one.peer);
		expect(403, "SEC_IDENTITY", "DELETE", paths[i], LINK_1, .peer = &one.peer);
	}
	/* To look is a matter of access rights. */
	expect(404, NULL, "GET", BASE "/scls/scl-2", LINK_1, .peer = &one.peer);
	expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
}
END_TEST

static struct peer
certified(const struct slice *uris, size_t n)
{
	struct peer p = peer_of(NULL);

	p.kind = PEER_CERTIFICATE;
	p.uris = uris;
	p.n_uris = n;
	return p;
}

START_TEST(static_credentials)
{
	static const struct slice good[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a") };
	static const struct slice two[] = { SLICE_INIT("urn:m2m:role:scl"), SLICE_INIT("urn:m2m:scl:a"),
		                            SLICE_INIT("urn:m2m:scl:b") };
	struct peer yes = certified(good, 2), role = certified(good, 1), name = certified(good + 1, 1),
	            both = certified(two, 3);
	char doc[1024];

	scl_doc(doc, "a", LINK_1);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	sec.static_credentials = true;
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &role);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &name);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_1, doc, .peer = &both);
	expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	scl_doc(doc, "b", LINK_1);
	expect(403, "SEC_IDENTITY", "POST", BASE "/scls", LINK_1, doc, .peer = &yes);
	expect(403, "SEC_IDENTITY", "GET", BASE, LINK_2, .peer = &yes);
}
END_TEST

START_TEST(without_connection)
{
	struct peer p = peer_of(NULL), local = peer_of(NULL);
	struct session one;
	unsigned refused = 0;
	char doc[1024];

	local.loopback = true;
	local.address = SLICE_LIT("127.0.0.1");
	enrol(&one, 1, LINK_1);
	scl_doc(doc, "x", LINK_2);
	bed.listener = &listeners[CLEAR];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_2, .peer = &local);
	bed.listener = &listeners[MIXED];
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/SL", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, LINK_1 "/applications/a", .peer = &local);
	expect(200, NULL, "GET", BASE, "http://app.example/", .peer = &local);
	sec.open_on_loopback = true;
	expect(201, NULL, "POST", BASE "/scls", LINK_2, doc, .peer = &local);
	expect(403, "SEC_NO_CONNECTION", "POST", BASE "/scls", LINK_2, doc, .peer = &p);
	for (int i = 0; i < 40; i++) {
		struct reply r = ask(&(struct ask){ "POST", BASE "/scls", LINK_2, doc, .peer = &p });

		ck_assert(r.status == 403 || r.status == 503);
		refused += r.status == 503;
		reply_fini(&r);
	}
	ck_assert_uint_gt(refused, 10);
}
END_TEST

/* What is known of a name is so until the next registration comes or goes, or is changed. */
START_TEST(names_without_connection)
{
	static const char from[] = LINK_1 "/applications/a";
	struct peer local = peer_of(NULL);
	struct session one;
	char name[600], doc[1024];

	local.loopback = true;
	local.address = SLICE_NONE; /* nothing limits how often it is refused */
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, LINK_1 "/", strlen(LINK_1 "/"));
	for (unsigned round = 0; round < 3; round++) {
		bed.listener = &listeners[MIXED];
		for (size_t n = strlen(LINK_1 "/"); n < sizeof(name); n += 13) {
			name[n] = '\0';
			expect(200, NULL, "GET", BASE, name, .peer = &local);
			expect(200, NULL, "GET", BASE, name, .peer = &local);
			name[n] = 'x';
		}
		expect(200, NULL, "GET", BASE, from, .peer = &local);
		expect(200, NULL, "GET", BASE, from, .peer = &local);
		bed.listener = &listeners[PSK];
		if (round == 0) {
			enrol(&one, 1, LINK_1);
		} else {
			scl_doc(doc, "scl-1", LINK_1);
			expect(201, NULL, "POST", BASE "/scls", LINK_1, doc, .peer = &one.peer);
		}
		bed.listener = &listeners[MIXED];
		/* As many others as there may be room for. */
		for (unsigned i = 0; i < 256; i++) {
			snprintf(doc, sizeof(doc), "http://app.example/%u", i);
			expect(200, NULL, "GET", BASE, doc, .peer = &local);
		}
		for (size_t n = strlen(LINK_1 "/"); n < sizeof(name); n += 13) {
			name[n] = '\0';
			expect(403, "SEC_NO_CONNECTION", "GET", BASE, name, .peer = &local);
			name[n] = 'x';
		}
		expect(403, "SEC_NO_CONNECTION", "GET", BASE, from, .peer = &local);
		bed.listener = &listeners[PSK];
		expect(204, NULL, "DELETE", BASE "/scls/scl-1", LINK_1, .peer = &one.peer);
	}
}
END_TEST

/* ---- ends ---- */

START_TEST(over)
{
	struct session one, two;

	enrol(&one, 1, LINK_1);
	enrol(&two, 2, LINK_2);
	revoke(MAS_REVOKE_CONNECTION, 1, one.conn.id);
	expect(403, "SEC_REVOKED", "GET", BASE, LINK_1, .peer = &one.peer);
	expect(200, NULL, "GET", BASE, LINK_2, .peer = &two.peer);
	bed_pass(&mb, 86400 * CLOCK_SECOND);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
	two.peer = peer_of("mc3.0000000000000001.1");
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, LINK_2, .peer = &two.peer);
}
END_TEST

/* An answer that was waited for is not for whoever has a key that was revoked meanwhile. */
START_TEST(revoked_while_it_waits)
{
	struct arena *a = arena_new(4096);
	struct req_answer out = { .http_status = 200, .body = strdup("secret"), .body_len = 6 };
	struct req_input in = { 0 };
	struct session one;

	bed_issue(&mb, 1, 1);
	open_session(&one, 1);
	in.connection_id = one.conn.id;
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_ENDED);
	ck_assert(mid_seal(mid, &in, a, &out));
	live_end(live, one.conn.id, LIVE_REVOKED);
	ck_assert(!mid_seal(mid, &in, a, &out));
	free(out.body);
	arena_free(a);
}
END_TEST

/* ---- at a node ---- */

START_TEST(at_a_node)
{
	struct mas_connection c = { .id = 5, .kmc_index = 1, .flags = MAS_CHANNEL,
		                    .expires = BED_START + BED_HOUR, .scl_id = "scl-1" };
	struct peer nscl = peer_of("mn3.0000000000000005.1"), other = peer_of("mc3.0000000000000005.1"),
	            root = peer_of(mr_identity(1));
	struct psk_id id = { .kind = PSK_MC, .tls = PSK_TLS_1_3, .connection = 5, .index = 1 };
	struct reply r;
	struct key k;

	ck_assert_int_eq(live_put(live, &c), RC_OK);
	ck_assert(!mid_psk(mid, &id, &k));
	id.kind = PSK_MN;
	ck_assert(mid_psk(mid, &id, &k));
	expect(200, NULL, "GET", BASE, "https://anybody.example/x", .peer = &nscl);
	r = ask(&(struct ask){ "GET", "http://elsewhere.example/m2m", "https://anybody.example/x",
	                       .peer = &nscl });
	ck_assert_int_eq(r.status, 404);
	ck_assert_msg(strstr(r.body, "known SCL") == NULL, "it was looked for: %s", r.body);
	reply_fini(&r);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &other);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, "https://anybody.example/x", .peer = &root);
	live_end(live, 5, LIVE_ENDED);
	expect(401, "SEC_KMC_EXPIRED", "GET", BASE, "https://anybody.example/x", .peer = &nscl);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_mid");
	TCase *c = suite_case(s, "network", mid_setup, mid_teardown);

	tcase_add_test(c, issuers_of_an_scl);
	tcase_add_test(c, issuer_before_registration);
	tcase_add_test(c, paths_of_others);
	tcase_add_test(c, static_credentials);
	tcase_add_test(c, without_connection);
	tcase_add_test(c, names_without_connection);
	tcase_add_test(c, over);
	tcase_add_test(c, revoked_while_it_waits);
	c = suite_case(s, "node", mid_setup_node, mid_teardown);
	tcase_add_test(c, at_a_node);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* By which connection an NSCL reaches a URL, and what it does not send. */
#include "config.h"

#include "cap/sec/node_credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cap/sec/sec.h"
#include "core/identity.h"
#include "mid_bed.h"

#define FILLERS 300u
#define LINK_OCTETS 2000u /* of a filler: together they are more than a look-up may take */
#define HUGE_URL (2u << 20)
#define CONTACT_FOR 60 /* seconds */
#define LOOK_UPS 10000u /* more than their memory would be enough for, were it not given back */

static struct node_credentials *credentials;
static struct session one;

static void
setup(void)
{
	mid_setup();
	enrol(&one, 1, LINK_1);
	credentials = node_credentials_new(live, false);
	ck_assert_ptr_nonnull(credentials);
	node_credentials_attach(credentials, bed.scl);
}

static void
teardown(void)
{
	node_credentials_free(credentials);
	mid_teardown();
}

/* What a URL is found to be; a credential comes with a connection alone. */
static void
expect_found(const char *url, enum rc connection, enum rc credential)
{
	struct mas_connection conn = { 0 };
	struct credential *c;

	ck_assert_msg(node_credentials_connection(credentials, slice_of(url), &conn) == connection,
	              "%.100s", url);
	ck_assert_msg(node_credentials_find(credentials, slice_of(url), &c) == credential, "%.100s", url);
	ck_assert((c != NULL) == (connection == RC_OK));
	if (connection == RC_OK)
		ck_assert(conn.id == one.conn.id);
	credential_unref(c);
}

/* A connection alone. */
static void
expect_connection(const char *url, const struct session *s)
{
	struct mas_connection conn = { 0 };

	ck_assert_msg(node_credentials_connection(credentials, slice_of(url), &conn) == RC_OK, "%s", url);
	ck_assert_msg(conn.id == s->conn.id, "%s", url);
}

static void
register_as(const struct session *s, const char *id, const char *link, const char *pocs)
{
	char *doc;

	ck_assert_int_gt(asprintf(&doc,
	                          "<m2m:scl " NS " sclId=\"%s\">%s<m2m:link>%s</m2m:link>"
	                          "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                          "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	                          id, pocs, link),
	                 0);
	expect(201, NULL, "POST", BASE "/scls", link, doc, .peer = &s->peer);
	free(doc);
}

static void
write_contact(const struct session *s, const char *method, const char *target, const char *contact)
{
	time_t end = (time_t)(clock_now(&bed.clock.clock) / CLOCK_SECOND) + CONTACT_FOR;
	bool new = method[1] == 'O';
	char *doc, expires[32];
	struct tm tm;

	strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));

	ck_assert_int_gt(asprintf(&doc,
	                          "<m2m:m2mPoc " NS "%s><m2m:contactInfo><m2m:contactURI>%s"
	                          "</m2m:contactURI></m2m:contactInfo>"
	                          "<m2m:expirationTime>%s</m2m:expirationTime></m2m:m2mPoc>",
	                          new ? " m2m:id=\"p\"" : "", contact, expires),
	                 0);
	expect(new ? 201 : 204, NULL, method, target, LINK_2, doc, .peer = &s->peer);
	free(doc);
}

/* Without a connection, as the option permits; the peer of those. */
static struct peer
open_on_loopback(void)
{
	struct peer local = peer_of(NULL);

	local.loopback = true;
	local.address = SLICE_LIT("127.0.0.1");
	sec.open_on_loopback = true;
	bed.listener = &listeners[CLEAR];
	return local;
}

static void
register_nscl(const char *id, const char *link)
{
	struct peer local = open_on_loopback();
	char doc[1024];

	snprintf(doc, sizeof(doc),
	         "<m2m:scl " NS " sclId=\"%s\"><m2m:link>%s</m2m:link>"
	         "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	         "<m2m:sclType>NSCL</m2m:sclType></m2m:scl>",
	         id, link);
	expect(201, NULL, "POST", BASE "/scls", link, doc, .peer = &local);
}

static char *
filled(const char *start, size_t n)
{
	size_t at = strlen(start);
	char *text = malloc(n + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', n);
	memcpy(text, start, at);
	text[n] = '\0';
	return text;
}

static void
register_filler(unsigned i, const struct peer *peer)
{
	char start[64], *link, *doc;

	snprintf(start, sizeof(start), "https://filler-%u.example/", i);
	link = filled(start, LINK_OCTETS);
	ck_assert_int_gt(asprintf(&doc,
	                          "<m2m:scl " NS " sclId=\"filler-%u\"><m2m:link>%s</m2m:link>"
	                          "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>"
	                          "<m2m:sclType>GSCL</m2m:sclType></m2m:scl>",
	                          i, link),
	                 0);
	expect(201, NULL, "POST", BASE "/scls", link, doc, .peer = peer);
	free(link);
	free(doc);
}

/* Whom an exchange would have missed a moment ago, and what is told of it from then on. */
START_TEST(one_that_has_just_registered)
{
	struct session two;

	bed_issue(&mb, 2, 2);
	open_session(&two, 2);
	expect_found(LINK_2, RC_NOT_FOUND, RC_OK);
	register_as(&two, "scl-2", LINK_2, "");
	expect_connection(LINK_2, &two);
	expect_connection("http://SCL-2.example:80/", &two);
	expect_found("https://contact.example:8443/", RC_NOT_FOUND, RC_OK);
	write_contact(&two, "POST", BASE "/scls/scl-2/m2mPocs", "https://contact.example:8443");
	expect_connection("https://contact.example:8443/x", &two);
	write_contact(&two, "PUT", BASE "/scls/scl-2/m2mPocs/p", "https://[2001:DB8::1]");
	expect_found("https://contact.example:8443/", RC_NOT_FOUND, RC_OK);
	expect_connection("https://[2001:db8::1]:443/", &two);
	expect(204, NULL, "DELETE", BASE "/scls/scl-2/m2mPocs/p", LINK_2, .peer = &two.peer);
	expect_found("https://[2001:db8::1]/", RC_NOT_FOUND, RC_OK);
	expect(204, NULL, "DELETE", BASE "/scls/scl-2", LINK_2, .peer = &two.peer);
	expect_found(LINK_2, RC_NOT_FOUND, RC_OK);
	register_as(&two, "scl-2", "https://other.example/m2m",
	            "<m2m:pocs><reference>http://poc.example</reference></m2m:pocs>");
	expect_found(LINK_2, RC_NOT_FOUND, RC_OK);
	expect_connection("https://other.example/", &two);
	expect_connection("https://poc.example/", &two);
	live_end(live, two.conn.id, LIVE_REVOKED);
	expect_found("https://poc.example/", RC_DENIED, RC_UNAVAILABLE);
}
END_TEST

/* An SCL that has expired is nobody's, though it is not swept yet; so is its contact. */
START_TEST(one_that_has_expired)
{
	struct session two;

	bed_issue(&mb, 2, 2);
	open_session(&two, 2);
	atomic_store(&bed.clock.now, clock_now(&clock_system));
	register_as(&two, "scl-2", LINK_2, "");
	write_contact(&two, "POST", BASE "/scls/scl-2/m2mPocs", "https://contact.example");
	expect_connection(LINK_2, &two);
	expect_connection("https://contact.example", &two);
	atomic_fetch_add(&bed.clock.now, (CONTACT_FOR + 1) * CLOCK_SECOND);
	expect_connection(LINK_2, &two);
	expect_found("https://contact.example", RC_NOT_FOUND, RC_OK);
	atomic_fetch_add(&bed.clock.now, 366 * 24 * 3600 * CLOCK_SECOND);
	expect_found(LINK_2, RC_NOT_FOUND, RC_OK);
	expect_found("https://contact.example", RC_NOT_FOUND, RC_OK);
}
END_TEST

/* A host that a node and an NSCL of another provider claim is the node's, whoever came first. */
START_TEST(a_node_before_an_nscl)
{
	static const char at_1[] = "https://scl-1.example:443/other",
			  at_2[] = "https://scl-2.example/other";
	struct session two;

	register_nscl("nscl-a", at_1);
	register_nscl("nscl-b", at_2);
	expect_connection(LINK_1, &one);
	expect_found(at_2, RC_NOT_FOUND, RC_OK);
	bed.listener = &listeners[PSK];
	enrol(&two, 2, LINK_2);
	expect_connection(at_2, &two);
}
END_TEST

/* scl-1 is the last by name. */
START_TEST(the_last_of_many)
{
	struct peer local = open_on_loopback();

	for (unsigned i = 0; i < FILLERS; i++)
		register_filler(i, &local);
	expect_found(LINK_1 "/applications", RC_OK, RC_OK);
	expect_found("https://SCL-1.example:443/", RC_OK, RC_OK);
	expect_found("https://nobody.example/", RC_NOT_FOUND, RC_OK);
	for (unsigned i = 0; i < LOOK_UPS; i++)
		expect_connection(LINK_1, &one);
}
END_TEST

START_TEST(what_is_not_known_is_not_sent)
{
	char *host = filled("https://", 300), *huge = filled(LINK_1 "/", HUGE_URL);

	expect_found(host, RC_UNAVAILABLE, RC_UNAVAILABLE);
	expect_found(huge, RC_UNAVAILABLE, RC_UNAVAILABLE);
	expect_found(LINK_1 "/%zz", RC_UNAVAILABLE, RC_UNAVAILABLE);
	expect_found(LINK_1, RC_OK, RC_OK);
	free(host);
	free(huge);
}
END_TEST

START_TEST(a_connection_that_is_over)
{
	live_end(live, one.conn.id, LIVE_EXPIRED);
	expect_found(LINK_1, RC_DENIED, RC_UNAVAILABLE);
	node_credentials_free(credentials);
	credentials = node_credentials_new(live, true);
	node_credentials_attach(credentials, bed.scl);
	expect_found(LINK_1, RC_NOT_FOUND, RC_OK);
}
END_TEST

/* Without the memory to look nothing is said of whose it is. */
START_TEST(short_of_memory)
{
	struct registered r;

	for (size_t n = 0; n < 4096; n += 8) {
		struct arena *a = arena_new(n);
		enum rc at = identity_at(bed.scl, a, SLICE_LIT(LINK_1), &r), owner;

		arena_reset(a);
		owner = identity_owner(bed.scl, a, SLICE_LIT(LINK_1 "/applications"), &r);
		ck_assert_msg(at == RC_OK || at == RC_UNAVAILABLE, "%zu: %d", n, (int)at);
		ck_assert_msg(owner == RC_OK || owner == RC_UNAVAILABLE, "%zu: %d", n, (int)owner);
		arena_free(a);
	}
}
END_TEST

START_TEST(deep_below_a_link)
{
	struct arena *a = arena_new(1u << 20);
	struct registered r;
	struct peer p = peer_of(NULL);
	char deep[512] = LINK_1;

	for (unsigned i = 0; i < 55; i++)
		strcat(deep, "/a");
	ck_assert_int_eq(identity_owner(bed.scl, a, slice_of(deep), &r), RC_OK);
	ck_assert(slice_is(r.scl_id, "scl-1"));
	for (unsigned i = 0; i < 20; i++)
		strcat(deep, "/a");
	ck_assert_int_eq(identity_owner(bed.scl, a, slice_of(deep), &r), RC_BAD_REQUEST);
	arena_free(a);
	/* An application does not speak below the link of an SCL. */
	bed.listener = &listeners[MIXED];
	expect(200, NULL, "GET", BASE, "http://app.example/", .peer = &p);
	expect(403, "SEC_NO_CONNECTION", "GET", BASE, deep, .peer = &p);
}
END_TEST

/* ---- what the capability does with it ---- */

static struct sec *network;

static void
attach(struct scl *scl)
{
	char why[SEC_WHY_MAX];

	ck_assert_int_eq(sec_network.attach(network, scl, why), RC_OK);
}

static void
open_network(bool open_on_loopback, bool static_credentials)
{
	char why[SEC_WHY_MAX] = "";
	char doc[1024];

	core_init_alone(&bed);
	sec = (struct sec_conf){ .base = "m2m", .clock = &bed.clock.clock, .network.nscl = true,
		                 .open_on_loopback = open_on_loopback,
		                 .static_credentials = static_credentials };
	ck_assert_msg(sec_network.open(&sec, &network, why) == RC_OK, "%s", why);
	bed.attach = attach;
	core_start(&bed);
	scl_doc(doc, "a", LINK_1);
	ck_assert_int_eq(core_status(&bed, "POST", BASE "/scls", LINK_1, doc), 201);
}

static void
close_network(void)
{
	core_fini(&bed);
	sec_network.close(network);
}

static enum rc
protect(const char *url)
{
	struct exchange ex = { .method = SLICE_LIT("POST"), .url = slice_of(url) };
	enum rc rc = sec_network.protect(network, &ex);

	ck_assert_ptr_null(ex.protection);
	return rc;
}

START_TEST(nothing_without_a_connection)
{
	char *huge = filled("http://elsewhere.example/", HUGE_URL);

	open_network(false, false);
	ck_assert_int_eq(protect("http://elsewhere.example/"), RC_OK);
	ck_assert_int_eq(protect(huge), RC_UNAVAILABLE);
	ck_assert_int_eq(protect(LINK_1), RC_UNAVAILABLE);
	ck_assert_int_eq(protect("http://scl-1.example/m2m"), RC_UNAVAILABLE);
	close_network();
	free(huge);
}
END_TEST

START_TEST(exceptions_that_are_asked_for)
{
	char *huge = filled("http://elsewhere.example/", HUGE_URL);

	open_network(true, false);
	ck_assert_int_eq(protect("http://scl-1.example/m2m"), RC_OK);
	ck_assert_int_eq(protect(huge), RC_UNAVAILABLE);
	close_network();
	open_network(false, true);
	ck_assert_int_eq(protect(LINK_1), RC_OK);
	ck_assert_int_eq(protect(huge), RC_UNAVAILABLE);
	close_network();
	free(huge);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_node_credentials");
	TCase *c = tcase_create("find"), *n = tcase_create("network");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, one_that_has_just_registered);
	tcase_add_test(c, one_that_has_expired);
	tcase_add_test(c, a_node_before_an_nscl);
	tcase_add_test(c, the_last_of_many);
	tcase_add_test(c, what_is_not_known_is_not_sent);
	tcase_add_test(c, a_connection_that_is_over);
	tcase_add_test(c, short_of_memory);
	tcase_add_test(c, deep_below_a_link);
	suite_add_tcase(s, c);
	tcase_add_test(n, nothing_without_a_connection);
	tcase_add_test(n, exceptions_that_are_asked_for);
	suite_add_tcase(s, n);
	return core_run(s);
}

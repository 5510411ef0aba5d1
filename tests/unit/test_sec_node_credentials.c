/* SPDX-License-Identifier: Apache-2.0 */
/* By which connection an NSCL reaches a URL, and what it does not send. */
#include "config.h"

#include "cap/sec/node_credentials.h"

#include <stdio.h>
#include <stdlib.h>

#include "cap/sec/sec.h"
#include "core/identity.h"
#include "mid_bed.h"

#define FILLERS 300u
#define LINK_OCTETS 2000u /* of a filler: together they are more than a look-up may take */
#define HUGE_URL (2u << 20)

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

/* scl-1 is the last by name. */
START_TEST(the_last_of_many)
{
	struct peer local = peer_of(NULL);

	local.loopback = true;
	local.address = SLICE_LIT("127.0.0.1");
	sec.open_on_loopback = true;
	bed.listener = &listeners[CLEAR];
	for (unsigned i = 0; i < FILLERS; i++)
		register_filler(i, &local);
	expect_found(LINK_1 "/applications", RC_OK, RC_OK);
	expect_found("https://SCL-1.example:443/", RC_OK, RC_OK);
	expect_found("https://nobody.example/", RC_NOT_FOUND, RC_OK);
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

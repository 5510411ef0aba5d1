/* SPDX-License-Identifier: Apache-2.0 */
/* Accepted requests that are held back, taken, returned and parked: which, in what order, how many. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "relief_bed.h"

static void
expect_bodies(struct parcel *const *parcels, unsigned n, const char *want)
{
	char got[1024] = "";

	for (unsigned i = 0; i < n; i++) {
		char *body = relief_body(parcels[i]);

		saf_append(got, sizeof(got), slice_of(body));
		free(body);
	}
	ck_assert_str_eq(got, want);
}

static struct saf_relief_load
load(void)
{
	struct saf_relief_load l;

	saf_relief_load(bed.scl, &l);
	return l;
}

/* ---- which ---- */

static const struct {
	const char *method, *rcat, *trpdt;
	bool adaptive;
} classes[] = {
	{ "POST", "RCAT_3", NULL, true },     { "POST", "RCAT_7", "PT60S", true },
	{ "POST", "RCAT_3", "PT59S", false }, { "POST", "RCAT_0", NULL, false },
	{ "POST", NULL, NULL, false }, /* RCAT_0 */
	{ "GET", "RCAT_3", NULL, false },
};

START_TEST(only_some_are_held)
{
	const bool adaptive = classes[_i].adaptive;
	struct reply r = saf_ask(classes[_i].method, OTHER "/c",
	                         (struct headers){ LATER("c", SINK), .rcat = classes[_i].rcat,
	                                           .trpdt = classes[_i].trpdt },
	                         "x");

	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	if (adaptive)
		relief_await_waiting(1);
	else
		saf_await(&peer.notified, 1);
	ck_assert_uint_eq(peer_read(&peer.sent), adaptive ? 0 : 1);
}
END_TEST

/* Waits until it is held or was sent. */
static bool
is_decided(void *arg)
{
	return relief_waiting() > 0 || peer_read(&peer.sent) > *(const unsigned *)arg;
}

/* With an issuer that takes six times as much in XML. */
static bool
is_held_with(size_t octets)
{
	const unsigned sent = peer_read(&peer.sent);
	char *body = malloc(octets + 1), name[16], from[1024] = ISSUER;
	struct reply r;

	ck_assert_ptr_nonnull(body);
	memset(body, 'x', octets);
	body[octets] = '\0';
	memset(from + strlen(from), '&', 900);
	snprintf(name, sizeof(name), "%zu", octets);
	r = saf_ask("POST", OTHER "/c",
	            (struct headers){ LATER(name, SINK), .rcat = "3", .from = from }, body);
	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	free(body);
	ck_assert(core_await(is_decided, (void *)(uintptr_t)&sent));
	return relief_waiting() > 0;
}

/* Whatever is held fits: relief_document has room for no more than document_max. */
START_TEST(what_gives_a_long_document_is_rigid)
{
	struct parcel *p;
	size_t octets = 36000;

	while (is_held_with(octets)) {
		enum rc rc;
		char *document;

		relief_take_all(1, &p);
		document = relief_document(p, &rc);
		ck_assert_int_eq(rc, RC_OK);
		free(document);
		ck_assert_int_eq(relief_park(&p, 1), RC_OK);
		octets += 300;
	}
	ck_assert_uint_gt(octets, 40000);
	ck_assert_uint_lt(octets, 49152);
}
END_TEST

/* XML has no form for these octets: the document would never come about. */
static const struct {
	const char *target, *type;
} unspeakable[] = {
	{ OTHER "/c", "text/plain;name=\"\xe9\"" }, { OTHER "/c", "text/plain;\x01" },
	{ OTHER "/c", "text/plain;\xef\xbf\xbe" },  { OTHER "/c?searchString=a%01", NULL },
	{ OTHER "/c?searchString=%E9", NULL },
};

START_TEST(what_xml_cannot_say_is_rigid)
{
	const struct headers h = { LATER("a", SINK), .rcat = "RCAT_3",
		                   .type = unspeakable[_i].type };
	struct reply r = saf_ask("POST", unspeakable[_i].target, h, "x");

	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.order, "x ");
}
END_TEST

START_TEST(rigid_passes_adaptive)
{
	relief_accept_some("a", 5);
	/* Of the same RCAT, and so of the same group. */
	relief_accept("r", 3, "PT10S");
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.order, "r ");
	relief_await_waiting(5);
	relief_open(true);
	saf_await(&peer.notified, 6);
	ck_assert_str_eq(peer.order, "r a00 a01 a02 a03 a04 ");
	saf_drain();
}
END_TEST

/* ---- taking ---- */

START_TEST(taken_in_order_of_acceptance)
{
	struct parcel *p[8];

	relief_accept("a", 3, NULL);
	relief_accept("b", 5, NULL);
	relief_accept("r", 0, NULL);
	relief_accept("c", 3, NULL);
	relief_accept("d", 4, "PT1H");
	saf_await(&peer.notified, 1);
	relief_await_waiting(4);
	ck_assert_uint_eq(relief_take(3, SIZE_MAX, p), 3);
	expect_bodies(p, 3, "a b c ");
	ck_assert(saf_relief_order(p[0]) < saf_relief_order(p[1]) &&
	          saf_relief_order(p[1]) < saf_relief_order(p[2]));
	relief_return(p, 3);
	relief_await_waiting(4);
	/* One at least, then no more than so many octets. */
	ck_assert_uint_eq(relief_take(8, 0, p), 1);
	ck_assert_uint_eq(relief_take(8, 2, p + 1), 2);
	expect_bodies(p, 3, "a b c ");
	relief_return(p, 3);
	relief_open(true);
	saf_await(&peer.notified, 5);
}
END_TEST

START_TEST(returned_ones_keep_their_places)
{
	struct parcel *p[8];

	relief_accept_some("a", 6);
	relief_await_waiting(6);
	ck_assert_uint_eq(relief_take(4, SIZE_MAX, p), 4);
	relief_accept_some("b", 2);
	/* In any order. */
	relief_return(p + 2, 2);
	relief_return(p, 2);
	relief_open(true);
	saf_await(&peer.notified, 8);
	ck_assert_str_eq(peer.order, "a00 a01 a02 a03 a04 a05 b00 b01 ");
}
END_TEST

/* Whatever may_send says: the younger ones would overtake what is taken. */
START_TEST(nothing_is_sent_beside_what_is_taken)
{
	struct parcel *p[8];

	relief_accept_some("a", 4);
	relief_await_waiting(4);
	ck_assert_uint_eq(relief_take(2, SIZE_MAX, p), 2);
	relief_open(true);
	/* This one is sent after another look at the lines. */
	relief_accept("r", 0, NULL);
	saf_await(&peer.notified, 1);
	ck_assert_uint_eq(relief_waiting(), 2);
	ck_assert_str_eq(peer.order, "r ");
	ck_assert_int_eq(relief_park(p, 1), RC_OK);
	relief_accept("s", 0, NULL);
	saf_await(&peer.notified, 2);
	ck_assert_uint_eq(relief_waiting(), 2);
	relief_return(p + 1, 1);
	saf_await(&peer.notified, 5);
	ck_assert_str_eq(peer.order, "r s a01 a02 a03 ");
}
END_TEST

/* What is under way is older and may come back. */
START_TEST(nothing_is_taken_beside_what_is_sent)
{
	struct parcel *p[8];

	peer.delay = 300000;
	relief_open(true);
	relief_accept("a", 3, NULL);
	saf_await(&peer.sent, 1);
	relief_open(false);
	peer_says(ANSWER_REFUSED, 204);
	relief_accept("b", 3, NULL);
	relief_await_waiting(1);
	ck_assert_uint_eq(relief_take(8, SIZE_MAX, p), 0);
	saf_await(&peer.notified, 1);
	relief_take_all(1, p);
	expect_bodies(p, 1, "b ");
	ck_assert_int_eq(relief_park(p, 1), RC_OK);
}
END_TEST

/* Not even from within the news that it came to nothing. */
START_TEST(a_failed_one_is_back_before_younger_ones_are_taken)
{
	struct parcel *p[8];

	peer_says(ANSWER_REFUSED, 204);
	relief_open(true);
	relief_accept_some("a", 3);
	saf_await(&peer.refused, 3);
	relief_open(false);
	relief_take_all(3, p);
	expect_bodies(p, 3, "a00 a01 a02 ");
	ck_assert_uint_eq(atomic_load(&relief.downs), 1);
	ck_assert_uint_eq(atomic_load(&relief.ups), 0);
	relief_return(p, 3);
	peer_says(204, 204);
	relief_open(true);
	saf_await(&peer.notified, 3);
	ck_assert_uint_eq(atomic_load(&relief.downs), 1);
	ck_assert_uint_eq(atomic_load(&relief.ups), 1);
}
END_TEST

/* ---- time ---- */

START_TEST(held_ones_expire_and_taken_ones_do_not)
{
	struct parcel *p[8];

	atomic_store(&bed.clock.now, START);
	relief_accept("a", 3, "PT60S");
	relief_accept("b", 3, "PT60S");
	relief_await_waiting(2);
	ck_assert_uint_eq(relief_take(1, SIZE_MAX, p), 1);
	atomic_store(&bed.clock.now, START + 61 * CLOCK_SECOND);
	ck_assert_uint_eq(relief_take(1, SIZE_MAX, p + 1), 0);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.last_correlation, "b ");
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_GATEWAY_TIMEOUT"));
	ck_assert_int_eq(relief_park(p, 1), RC_OK);
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	ck_assert_uint_eq(peer_read(&peer.notified), 1);
}
END_TEST

/* ---- parked ---- */

START_TEST(parked_ones_count_no_more_and_are_known)
{
	struct parcel *p[8];

	relief_accept_some("a", 4);
	relief_take_all(4, p);
	ck_assert_uint_eq(load().count, 4);
	ck_assert_int_eq(relief_park(p, 3), RC_OK);
	ck_assert_uint_eq(load().count, 1);
	ck_assert_uint_eq(load().parked, 3);
	/* Sent again it is no new one, and another request with its name is refused. */
	ck_assert_int_eq(relief_repeat("a00", 3), 202);
	ck_assert_int_eq(saf_send("a01", SINK, "other"), 409);
	ck_assert_int_eq(relief_repeat("a03", 3), 202);
	ck_assert_uint_eq(load().count, 1);
	relief_return(p + 3, 1);
	relief_open(true);
	saf_await(&peer.notified, 1);
	ck_assert_int_eq(relief_repeat("a02", 3), 202);
	saf_await_none();
	ck_assert_str_eq(peer.order, "a03 ");
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), 3);
}
END_TEST

static bool
none_is_parked(void *arg)
{
	(void)arg;
	return load().parked == 0;
}

START_TEST(records_of_parked_ones_end)
{
	struct parcel *p[SAF_RELIEF_MAX];
	unsigned all = 0;

	atomic_store(&bed.clock.now, START);
	/* More than are swept at a time. */
	for (unsigned i = 0; i < 3; i++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "%c", (char)('a' + i));
		relief_accept_some(prefix, 50);
		relief_take_all(50, p);
		ck_assert_int_eq(relief_park(p, 50), RC_OK);
		all += 50;
	}
	ck_assert_uint_eq(load().parked, all);
	atomic_store(&bed.clock.now, START + bed.conf.saf.lifetime - CLOCK_SECOND);
	ck_assert_int_eq(relief_repeat("a00", 3), 202);
	core_stop(&bed);
	ck_assert_uint_eq(core_records(&bed, 'W'), all);
	core_start(&bed);
	ck_assert_uint_eq(load().parked, all);
	ck_assert_uint_eq(load().count, 0);
	atomic_store(&bed.clock.now, START + bed.conf.saf.lifetime + CLOCK_SECOND);
	ck_assert(core_await(none_is_parked, NULL));
	/* It is another one now. */
	relief_accept("a00", 3, NULL);
	relief_open(true);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.order, "a00 ");
	saf_drain();
}
END_TEST

START_TEST(parked_ones_are_limited)
{
	struct parcel *p[SAF_RELIEF_MAX];

	bed.conf.saf.requests_max = 2000;
	scl_reconfigure(bed.scl, &bed.conf);
	for (unsigned i = 0; i < 20; i++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "%c", (char)('a' + i));
		relief_accept_some(prefix, 50);
		relief_await_waiting(50);
		ck_assert_uint_eq(relief_take(50, SIZE_MAX, p), 50);
		/* What is taken counts for it, too. */
		if (i == 19) {
			struct parcel *more;

			relief_accept("z", 3, NULL);
			relief_await_waiting(1);
			ck_assert_uint_eq(relief_take(1, SIZE_MAX, &more), 0);
		}
		ck_assert_int_eq(relief_park(p, 50), RC_OK);
	}
	ck_assert_uint_eq(load().parked, 1000);
	ck_assert_uint_eq(relief_take(1, SIZE_MAX, p), 0);
	relief_open(true);
	saf_await(&peer.notified, 1);
	ck_assert_str_eq(peer.order, "z ");
}
END_TEST

START_TEST(pressed_from_its_level_on)
{
	struct parcel *p[SAF_RELIEF_MAX];

	relief_accept_some("a", 49);
	relief_await_waiting(49);
	ck_assert_uint_eq(atomic_load(&relief.pressed), 0);
	ck_assert(!load().pressed);
	relief_accept_some("b", 1);
	relief_await_waiting(50);
	ck_assert_uint_eq(atomic_load(&relief.pressed), 1);
	ck_assert(load().pressed);
	relief_take_all(50, p);
	ck_assert_int_eq(relief_park(p, 50), RC_OK);
	ck_assert(!load().pressed);
	/* By octets. */
	bed.conf.saf.octets_max = 4000;
	scl_reconfigure(bed.scl, &bed.conf);
	relief_accept_some("c", 1);
	relief_await_waiting(1);
	ck_assert_uint_eq(atomic_load(&relief.pressed), 1);
	relief_accept_some("d", 1);
	relief_await_waiting(2);
	ck_assert_uint_eq(atomic_load(&relief.pressed), 2);
	/* What an earlier run has left presses as well. */
	core_stop(&bed);
	core_start(&bed);
	relief_await_waiting(2);
	ck_assert_uint_eq(atomic_load(&relief.pressed), 3);
}
END_TEST

/* ---- the document ---- */

START_TEST(document_says_what_was_to_be_sent)
{
	const struct headers h = { LATER("corr", SINK), .rcat = "RCAT_3", .trpdt = "PT1H" };
	struct reply r = saf_ask("POST", OTHER "/c?ifNoneMatch=x", h, "<a/>");
	struct parcel *p;
	char *document, id[64];
	enum rc rc;

	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	relief_take_all(1, &p);
	document = relief_document(p, &rc);
	ck_assert_int_eq(rc, RC_OK);
	snprintf(id, sizeof(id), ">%016llx</", (unsigned long long)saf_relief_key(p));
	ck_assert_ptr_nonnull(strstr(document, "requestNotify"));
	ck_assert_ptr_nonnull(strstr(document, ">CREATE<"));
	ck_assert_ptr_nonnull(strstr(document, ">" OTHER "/c<"));
	ck_assert_ptr_nonnull(strstr(document, ">" ISSUER "<"));
	ck_assert_ptr_nonnull(strstr(document, ">" RELIEF_CONTACT "<"));
	ck_assert_ptr_nonnull(strstr(document, id));
	ck_assert_ptr_nonnull(strstr(document, ">RCAT_3<"));
	ck_assert_ptr_nonnull(strstr(document, ">PT1H<"));
	ck_assert_ptr_nonnull(strstr(document, "text/plain"));
	/* Those of the issuer are this SCL's. */
	ck_assert_ptr_null(strstr(document, "corr"));
	ck_assert_ptr_null(strstr(document, SINK));
	free(document);
	relief_return(&p, 1);
}
END_TEST

START_TEST(what_no_document_can_say_is_answered)
{
	const struct headers h = { LATER("c", SINK), .rcat = "RCAT_3" };
	struct reply r = saf_ask("POST", OTHER "/c?sizeFrom=many", h, "x");
	struct parcel *p;
	enum rc rc;

	ck_assert_int_eq(r.status, 202);
	reply_fini(&r);
	relief_take_all(1, &p);
	ck_assert_ptr_null(relief_document(p, &rc));
	ck_assert_int_eq(rc, RC_GONE);
	saf_await(&peer.notified, 1);
	ck_assert_ptr_nonnull(strstr(peer.last_notify, "STATUS_BAD_REQUEST"));
	ck_assert_uint_eq(peer_read(&peer.sent), 0);
	/* It holds nobody up. */
	relief_accept("a", 3, NULL);
	relief_open(true);
	saf_await(&peer.notified, 2);
	saf_drain();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("relief of accepted requests");
	TCase *all = tcase_create("relief");

	suite_add_tcase(s, all);
	tcase_add_checked_fixture(all, relief_setup, saf_teardown);
	tcase_set_timeout(all, 120);
	tcase_add_loop_test(all, only_some_are_held, 0, NITEMS(classes));
	tcase_add_test(all, what_gives_a_long_document_is_rigid);
	tcase_add_loop_test(all, what_xml_cannot_say_is_rigid, 0, NITEMS(unspeakable));
	tcase_add_test(all, rigid_passes_adaptive);
	tcase_add_test(all, taken_in_order_of_acceptance);
	tcase_add_test(all, returned_ones_keep_their_places);
	tcase_add_test(all, nothing_is_sent_beside_what_is_taken);
	tcase_add_test(all, nothing_is_taken_beside_what_is_sent);
	tcase_add_test(all, a_failed_one_is_back_before_younger_ones_are_taken);
	tcase_add_test(all, held_ones_expire_and_taken_ones_do_not);
	tcase_add_test(all, parked_ones_count_no_more_and_are_known);
	tcase_add_test(all, records_of_parked_ones_end);
	tcase_add_test(all, parked_ones_are_limited);
	tcase_add_test(all, pressed_from_its_level_on);
	tcase_add_test(all, document_says_what_was_to_be_sent);
	tcase_add_test(all, what_no_document_can_say_is_answered);
	return s;
}

int
main(void)
{
	return core_run(suite());
}

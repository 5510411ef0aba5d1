/* SPDX-License-Identifier: Apache-2.0 */
/* Stores of the proxy: terms, capacity to the octet, messages, time. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "px_bed.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct px_bed bed;

static struct px_bed *
start(int engine)
{
	px_bed_start(&bed, engine);
	return &bed;
}

static struct px_store_new
terms(void)
{
	return (struct px_store_new){ .owner = SLICE_LIT("gw-1"),
		                      .reserve = 1000,
		                      .ttl = PX_HOUR,
		                      .mode = PX_STREAM,
		                      .class = PX_ADAPTIVE,
		                      .transport = PX_REST };
}

/* ---- terms ---- */

START_TEST(test_terms)
{
	struct px_bed *b = start(_i);
	const struct slice named[] = { SLICE_LIT("scl-2"), SLICE_LIT("CN=competitor") };
	struct px_store_new n = terms();
	struct px_view *v;
	struct px_store s;

	n.named = named;
	n.n_named = NITEMS(named);
	n.mode = PX_INDIVIDUAL;
	n.transport = PX_UDP;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_uint_ne(n.id, 0);
	ck_assert_int_eq(n.expires, PX_START + PX_HOUR);

	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, n.id, &s), RC_OK);
	ck_assert(slice_is(s.owner, "gw-1"));
	ck_assert_uint_eq(s.n_named, 2);
	ck_assert(slice_is(s.named[1], "CN=competitor"));
	ck_assert(s.mode == PX_INDIVIDUAL && s.transport == PX_UDP && s.reserve == 1000);
	ck_assert_int_eq(s.created, PX_START);
	ck_assert_int_eq(s.expires, n.expires);
	ck_assert(s.first == 1 && s.last == 0 && s.octets == 0 && s.oldest == 0 && s.newest == 0);
	ck_assert(px_store_allows(&s, SLICE_LIT("gw-1")));
	ck_assert(px_store_allows(&s, SLICE_LIT("scl-2")));
	ck_assert(!px_store_allows(&s, SLICE_LIT("scl-22")) && !px_store_allows(&s, SLICE_NONE));
	ck_assert_int_eq(px_store_get(v, n.id + 1, &s), RC_NOT_FOUND);
	px_view_close(v);
	px_bed_free(b);
}
END_TEST

START_TEST(test_refused_terms)
{
	struct px_bed *b = start(_i);
	static char long_name[PX_NAME_MAX + 1];
	struct slice named[PX_NAMED_MAX + 1];
	struct px_store_new bad[12];
	size_t n = 0;

	memset(long_name, 'n', sizeof(long_name));
	for (size_t i = 0; i < NITEMS(named); i++)
		named[i] = SLICE_LIT("x");
	for (size_t i = 0; i < NITEMS(bad); i++)
		bad[i] = terms();
	bad[n++].owner = SLICE_NONE;
	bad[n++].owner = slice_make(long_name, sizeof(long_name));
	bad[n].named = named;
	bad[n++].n_named = NITEMS(named);
	bad[n].named = &SLICE_NONE;
	bad[n++].n_named = 1;
	bad[n++].reserve = PX_UNIT_MIN - 1;
	bad[n++].ttl = PX_TTL_MIN - 1;
	bad[n++].ttl = b->conf.limits.ttl_max + 1;
	bad[n++].mode = 0;
	bad[n++].mode = PX_STREAM + 1;
	bad[n++].transport = 0;
	bad[n++].class = 0;
	ck_assert_uint_eq(n, NITEMS(bad) - 1);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(px_bed_make_store(b, &bad[i]) == RC_BAD_REQUEST, "%zu", i);
	bad[n].class = PX_RIGID;
	ck_assert_int_eq(px_bed_make_store(b, &bad[n]), RC_FORBIDDEN);
	ck_assert_uint_eq(px_bed_totals(b).stores, 0);

	/* The longest that there may be. */
	bad[1] = terms();
	bad[1].owner = slice_make(long_name, PX_NAME_MAX);
	bad[1].named = named;
	bad[1].n_named = PX_NAMED_MAX;
	for (size_t i = 0; i < NITEMS(named); i++)
		named[i] = bad[1].owner;
	ck_assert_int_eq(px_bed_make_store(b, &bad[1]), RC_OK);
	px_bed_free(b);
}
END_TEST

START_TEST(test_ids)
{
	char text[PX_ID_TEXT];
	uint64_t id;

	px_id_text(0x0123456789abcdef, text);
	ck_assert_str_eq(text, "0123456789abcdef");
	ck_assert(px_id_parse(slice_of(text), &id) && id == 0x0123456789abcdef);
	ck_assert(!px_id_parse(SLICE_LIT("0123456789abcdeF"), &id));
	ck_assert(!px_id_parse(SLICE_LIT("0123456789abcde"), &id));
	ck_assert(!px_id_parse(SLICE_LIT("00123456789abcdef"), &id));
	ck_assert(!px_id_parse(SLICE_LIT("0123456789abcdeg"), &id));
	ck_assert(!px_id_parse(SLICE_LIT("0000000000000000"), &id));
	ck_assert(!px_id_parse(SLICE_NONE, &id));
}
END_TEST

/* ---- reservations ---- */

START_TEST(test_capacity)
{
	struct px_bed *b = start(_i);
	struct px_store_new n = terms();
	uint64_t first = px_bed_store(b, 600000);

	n.reserve = 400001;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_NO_SPACE);
	n.reserve = UINT64_MAX;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_NO_SPACE);
	n.reserve = 400000;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 1000000);
	n.reserve = PX_UNIT_MIN;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_NO_SPACE);

	/* What was deleted is free when it is removed. */
	ck_assert_int_eq(px_bed_change(b, first, PX_STORE_DELETE, 0), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 400000);
	n.reserve = 600000;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	px_bed_free(b);
}
END_TEST

START_TEST(test_stores_max)
{
	struct px_bed *b = start(_i);
	struct px_store_new n = terms();
	uint64_t last = 0;

	for (unsigned i = 0; i < b->conf.limits.stores_max; i++)
		last = px_bed_store(b, 1000);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_NO_SPACE);
	ck_assert_int_eq(px_bed_change(b, last, PX_STORE_DELETE, 0), RC_OK);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	px_bed_free(b);
}
END_TEST

/* ---- messages ---- */

struct seen {
	uint64_t numbers[64];
	size_t n, stop_after;
	uint64_t octets;
	struct px_message last;
};

static bool
see(void *arg, const struct px_message *m)
{
	struct seen *s = arg;

	s->numbers[s->n++ % NITEMS(s->numbers)] = m->number;
	s->octets += m->octets.n;
	s->last = *m;
	return s->n != s->stop_after;
}

static struct seen
list(struct px_bed *b, uint64_t store, uint64_t after, size_t max_n, uint64_t max_octets)
{
	struct px_view *v = px_bed_view(b);
	struct seen s = { .n = 0 };

	ck_assert_int_eq(px_message_list(v, store, after, max_n, max_octets, see, &s), RC_OK);
	px_view_close(v);
	s.last.octets = SLICE_NONE;
	return s;
}

START_TEST(test_to_the_octet)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	struct px_store s;

	ck_assert_int_eq(px_bed_put(b, store, 1, 1001), RC_NO_SPACE);
	ck_assert_int_eq(px_bed_put(b, store, 9, 100), RC_OK);
	ck_assert_int_eq(px_bed_put(b, store, 1, 101), RC_NO_SPACE);
	/* All of them or none. */
	ck_assert_int_eq(px_bed_put(b, store, 2, 60), RC_NO_SPACE);
	ck_assert_uint_eq(px_bed_show(b, store).octets, 900);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	ck_assert_int_eq(px_bed_put(b, store, 1, PX_UNIT_MIN), RC_NO_SPACE);
	s = px_bed_show(b, store);
	ck_assert(s.octets == 1000 && s.octets_ever == 1000 && s.first == 1 && s.last == 10);
	ck_assert_uint_eq(px_bed_totals(b).octets, 1000);

	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 3), RC_OK);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_put(b, store, 1, 301), RC_NO_SPACE);
	ck_assert_int_eq(px_bed_put(b, store, 1, 300), RC_OK);
	s = px_bed_show(b, store);
	ck_assert(s.octets == 1000 && s.octets_ever == 1300 && s.first == 4 && s.last == 11);
	px_bed_free(b);
}
END_TEST

START_TEST(test_refused_messages)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 500000);
	struct px_append none = { .store = store };

	ck_assert_int_eq(px_bed_put(b, store, 1, 65537), RC_TOO_LARGE);
	ck_assert_int_eq(px_bed_put(b, store, 1, 65536), RC_OK);
	ck_assert_int_eq(px_bed_put(b, store, 1, PX_UNIT_MIN - 1), RC_BAD_REQUEST);
	ck_assert_int_eq(px_bed_put(b, store, PX_UNITS_MAX + 1, PX_UNIT_MIN), RC_TOO_LARGE);
	ck_assert_int_eq(px_bed_put(b, store, PX_UNITS_MAX, PX_UNIT_MIN), RC_OK);
	ck_assert_int_eq(px_bed_append(b, &none), RC_BAD_REQUEST);
	ck_assert_int_eq(px_bed_put(b, store + 1, 1, 100), RC_NOT_FOUND);
	ck_assert_uint_eq(px_bed_show(b, store).last, 1 + PX_UNITS_MAX);
	px_bed_told(b, PX_TOLD_MESSAGES, store);
	ck_assert_uint_eq(px_book_waiting(b->book), 0);
	px_bed_free(b);
}
END_TEST

START_TEST(test_listed)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), other = px_bed_store(b, 10000);
	struct px_view *v;
	struct seen s;

	ck_assert_int_eq(px_bed_put(b, store, 5, 100), RC_OK);
	ck_assert_int_eq(px_bed_put(b, other, 2, 50), RC_OK);
	px_bed_pass(b, CLOCK_SECOND);
	ck_assert_int_eq(px_bed_put(b, store, 5, 200), RC_OK);
	s = list(b, store, 0, 0, UINT64_MAX);
	ck_assert(s.n == 10 && s.numbers[0] == 1 && s.numbers[9] == 10 && s.octets == 1500);
	ck_assert_int_eq(s.last.received, PX_START + CLOCK_SECOND);
	s = list(b, store, 4, 3, UINT64_MAX);
	ck_assert(s.n == 3 && s.numbers[0] == 5 && s.numbers[2] == 7);
	s = list(b, store, 3, 0, 499);
	ck_assert(s.n == 3 && s.octets == 400);
	s = list(b, store, 3, 0, 400);
	ck_assert(s.n == 3);
	/* One comes in any case. */
	s = list(b, store, 3, 0, 1);
	ck_assert(s.n == 1 && s.numbers[0] == 4);
	ck_assert_uint_eq(list(b, store, 10, 0, UINT64_MAX).n, 0);
	ck_assert_uint_eq(list(b, store, UINT64_MAX, 0, UINT64_MAX).n, 0);
	v = px_bed_view(b);
	s = (struct seen){ .stop_after = 2 };
	ck_assert_int_eq(px_message_list(v, store, 0, 0, UINT64_MAX, see, &s), RC_OK);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(px_message_list(v, store ^ 1, 0, 0, UINT64_MAX, see, &s), RC_NOT_FOUND);
	px_view_close(v);
	px_bed_free(b);
}
END_TEST

/* A view stays as it is; what it has lent stays there. */
START_TEST(test_view)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000);
	struct px_view *v;
	struct seen s = { .n = 0 };

	ck_assert_int_eq(px_bed_put(b, store, 3, 100), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_message_list(v, store, 0, 0, UINT64_MAX, see, &s), RC_OK);
	ck_assert_int_eq(px_bed_put(b, store, 3, 100), RC_OK);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_DELETE, 0), RC_OK);
	px_bed_settle(b);
	ck_assert(s.n == 3 && s.last.octets.n == 100 && s.last.octets.p[99] == 'u');
	s = (struct seen){ .n = 0 };
	ck_assert_int_eq(px_message_list(v, store, 0, 0, UINT64_MAX, see, &s), RC_OK);
	ck_assert_uint_eq(s.n, 3);
	px_view_close(v);
	px_bed_free(b);
}
END_TEST

static enum rc
begin_section(struct px_bed *b, uint64_t store, uint16_t stream, uint32_t epoch, uint16_t index)
{
	static const char text[] = "a management message of some length or other";
	const struct px_section s = { .stream = stream, .epoch = epoch, .key_index = index };
	uint64_t number = atomic_fetch_add(&b->numbers, 1);
	struct px_unit unit = { .octets = SLICE_LIT(text),
		                .mark = { .section = s, .kind = PX_MANAGEMENT } };
	struct px_append a = { .store = store, .units = &unit, .n = 1 };

	memcpy(unit.digest, &number, sizeof(number));
	return px_bed_append(b, &a);
}

/* The number at which the first section from there on begins; 0: none. */
static uint64_t
section_at(struct px_bed *b, uint64_t store, struct px_section from, struct px_section *found)
{
	struct px_view *v = px_bed_view(b);
	uint64_t number = 0;
	enum rc rc = px_section_find(v, store, &from, found, &number);

	px_view_close(v);
	ck_assert_int_eq(rc, number == 0 ? RC_NOT_FOUND : RC_OK);
	return number;
}

START_TEST(test_sections)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), other = px_bed_store(b, 10000);
	struct px_section at;

	ck_assert_int_eq(begin_section(b, store, 7, 1, 10), RC_OK);
	ck_assert_int_eq(px_bed_put(b, store, 3, 100), RC_OK);
	ck_assert_int_eq(begin_section(b, store, 7, 1, 11), RC_OK);
	ck_assert_int_eq(begin_section(b, store, 7, 1, 10), RC_OK);
	ck_assert_int_eq(begin_section(b, store, 8, 0, 0), RC_OK);
	ck_assert_int_eq(begin_section(b, store, 7, 300, 2), RC_OK);
	ck_assert_int_eq(begin_section(b, other, 9, 1, 1), RC_OK);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 7, 0, 0 }, &at), 1);
	ck_assert(at.stream == 7 && at.epoch == 1 && at.key_index == 10);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 7, 1, 11 }, &at), 5);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 7, 1, 12 }, &at), 8);
	ck_assert(at.epoch == 300 && at.key_index == 2);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 7, 300, 3 }, &at), 0);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 8, 0, 0 }, &at), 7);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 9, 0, 0 }, &at), 0);
	ck_assert_uint_eq(section_at(b, other, (struct px_section){ 7, 0, 0 }, &at), 0);

	/* What is removed is not found any more. */
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 5), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(section_at(b, store, (struct px_section){ 7, 0, 0 }, &at), 8);
	ck_assert_uint_eq(list(b, store, 0, 1, 0).last.number, 6);
	ck_assert(list(b, store, 0, 1, 0).last.begins);
	px_bed_free(b);
}
END_TEST

/* ---- time ---- */

START_TEST(test_over)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 200000), other;
	struct px_view *v;
	struct px_store s;

	ck_assert_int_eq(px_bed_put(b, store, 1000, 100), RC_OK);
	px_bed_pass(b, PX_HOUR / 2);
	other = px_bed_store(b, 1000);
	ck_assert_int_eq(px_bed_put(b, other, 1, 100), RC_OK);
	px_bed_pass(b, PX_HOUR / 2 - 1);
	ck_assert_uint_eq(px_bed_show(b, store).last, 1000);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);

	/* Nobody finds it from that moment on. */
	atomic_fetch_add(&b->clock.now, 1);
	v = px_bed_view(b);
	ck_assert_int_eq(px_store_get(v, store, &s), RC_NOT_FOUND);
	px_view_close(v);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_NOT_FOUND);
	px_bed_pass(b, 0);
	px_bed_told(b, PX_TOLD_STORE_GONE, store);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 1000);
	ck_assert_uint_eq(px_bed_totals(b).octets, 100);
	ck_assert_uint_eq(px_bed_show(b, other).octets, 100);
	px_bed_free(b);
}
END_TEST

START_TEST(test_renewed)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);

	px_bed_pass(b, PX_HOUR / 2);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RENEW, PX_TTL_MIN - 1), RC_BAD_REQUEST);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RENEW, 3 * PX_HOUR), RC_OK);
	ck_assert_int_eq(px_bed_show(b, store).expires, PX_START + 7 * PX_HOUR / 2);
	px_bed_pass(b, 2 * PX_HOUR);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	px_bed_pass(b, PX_HOUR);
	px_bed_told(b, PX_TOLD_STORE_GONE, store);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RENEW, PX_HOUR), RC_NOT_FOUND);
	px_bed_settle(b);
	px_bed_free(b);
}
END_TEST

/* Clocks are set back; messages do not grow older than those before them. */
START_TEST(test_clock_back)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	struct px_store s;

	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	px_bed_pass(b, -PX_HOUR);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	s = px_bed_show(b, store);
	ck_assert_int_eq(s.oldest, PX_START);
	ck_assert_int_eq(s.newest, PX_START);
	px_bed_pass(b, PX_HOUR + CLOCK_SECOND);
	ck_assert_int_eq(px_bed_put(b, store, 1, 100), RC_OK);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 2), RC_OK);
	px_bed_settle(b);
	s = px_bed_show(b, store);
	ck_assert_int_eq(s.oldest, PX_START + CLOCK_SECOND);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 3), RC_OK);
	px_bed_settle(b);
	s = px_bed_show(b, store);
	ck_assert(s.oldest == 0 && s.newest == 0 && s.first == 4 && s.last == 3 && s.octets == 0);
	px_bed_free(b);
}
END_TEST

/* Many at once, each with more than one step to be removed. */
START_TEST(test_deleted)
{
	struct px_bed *b = start(_i);
	uint64_t stores[4];

	for (size_t i = 0; i < NITEMS(stores); i++) {
		stores[i] = px_bed_store(b, 200000);
		for (int n = 0; n < 3; n++)
			ck_assert_int_eq(px_bed_put(b, stores[i], 1000, 50), RC_OK);
	}
	for (size_t i = 0; i < NITEMS(stores); i++)
		ck_assert_int_eq(px_bed_change(b, stores[i], PX_STORE_DELETE, 0), RC_OK);
	for (size_t i = 0; i < NITEMS(stores); i++) {
		ck_assert_int_eq(px_bed_change(b, stores[i], PX_STORE_DELETE, 0), RC_NOT_FOUND);
		px_bed_told(b, PX_TOLD_STORE_GONE, stores[i]);
	}
	px_bed_check(b);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 0);
	ck_assert_uint_eq(px_bed_totals(b).octets, 0);
	ck_assert_uint_eq(px_bed_totals(b).stores, 0);
	px_bed_free(b);
}
END_TEST

/* ---- writers ---- */

#define WRITERS 8
#define STORES 3

struct writer {
	struct px_bed *b;
	const uint64_t *stores;
	unsigned seed;
	uint64_t octets[STORES]; /* that were stored */
	unsigned full;
};

static void *
write_all(void *arg)
{
	struct writer *w = arg;
	const unsigned most = getenv("OPENSCL_LONG") != NULL ? 40000 : 40;

	while (w->full < most) {
		size_t at = (size_t)rand_r(&w->seed) % STORES;
		size_t n = 1 + (size_t)rand_r(&w->seed) % 4;
		size_t octets = PX_UNIT_MIN + (size_t)rand_r(&w->seed) % 400;
		enum rc rc = px_bed_put(w->b, w->stores[at], n, octets);

		ck_assert(rc == RC_OK || rc == RC_NO_SPACE);
		if (rc != RC_OK) {
			w->full++;
			continue;
		}
		w->octets[at] += n * octets;
		/* In a long run what is there goes now and then; in its second half it fills up. */
		if (most > 40 && w->full < most / 2 && rand_r(&w->seed) % 64 == 0)
			ck_assert_int_eq(px_bed_change(w->b, w->stores[at], PX_STORE_RELEASE,
			                               px_bed_show(w->b, w->stores[at]).last),
			                 RC_OK);
	}
	return NULL;
}

START_TEST(test_writers)
{
	struct px_bed *b = start(_i);
	const uint64_t reserve = 20011;
	struct writer w[WRITERS];
	pthread_t threads[WRITERS];
	uint64_t stores[STORES];

	for (size_t i = 0; i < STORES; i++)
		stores[i] = px_bed_store(b, reserve);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .b = b, .stores = stores, .seed = i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_all, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < STORES; i++) {
		uint64_t stored = 0, left;

		for (unsigned n = 0; n < WRITERS; n++)
			stored += w[n].octets[i];
		px_bed_settle(b);
		ck_assert_uint_eq(px_bed_show(b, stores[i]).octets_ever, stored);
		stored = px_bed_show(b, stores[i]).octets;
		/* They were refused because it is full, and it can be filled to the last octet. */
		left = reserve - stored;
		ck_assert_uint_lt(left, 4 * (PX_UNIT_MIN + 400));
		ck_assert_int_eq(px_bed_put(b, stores[i], 1, left + PX_UNIT_MIN), RC_NO_SPACE);
		if (left >= PX_UNIT_MIN)
			ck_assert_int_eq(px_bed_put(b, stores[i], 1, left), RC_OK);
	}
	px_bed_free(b);
}
END_TEST

/* Reservations of several at once: never more than there is. */
static void *
reserve_all(void *arg)
{
	struct writer *w = arg;

	for (int i = 0, most = getenv("OPENSCL_LONG") != NULL ? 3000 : 20; i < most; i++) {
		struct px_store_new n = terms();
		enum rc rc;

		n.reserve = 100000 + (uint64_t)rand_r(&w->seed) % 200000;
		rc = px_bed_make_store(w->b, &n);
		ck_assert(rc == RC_OK || rc == RC_NO_SPACE);
		ck_assert_uint_le(px_bed_totals(w->b).reserved, w->b->conf.limits.capacity);
		if (rc == RC_OK) {
			w->full++;
			ck_assert_int_eq(px_bed_change(w->b, n.id, PX_STORE_DELETE, 0), RC_OK);
		}
	}
	return NULL;
}

START_TEST(test_reserving)
{
	struct px_bed *b = start(_i);
	struct writer w[WRITERS];
	pthread_t threads[WRITERS];
	unsigned made = 0;

	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .b = b, .seed = i };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, reserve_all, &w[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		made += w[i].full;
	}
	ck_assert_uint_gt(made, 10);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 0);
	px_bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_terms,      test_refused_terms, test_capacity,
		test_stores_max, test_to_the_octet,  test_refused_messages,
		test_listed,     test_view,          test_sections,
		test_over,       test_renewed,       test_clock_back,
		test_deleted,    test_writers,       test_reserving,
	};
	Suite *s = suite_create("px_store");
	TCase *c = suite_case(s, "stores", NULL, NULL);

	tcase_add_test(c, test_ids);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, PX_ENGINES);
	return run_suite(s);
}

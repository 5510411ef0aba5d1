/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of datagrams with messages, their tags, and what a store takes out of order. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cap/pxy/px_datagram.h"
#include "sec/hex.h"
#include "suite.h"

#define ID UINT64_C(0x0123456789abcdef)

/* Made elsewhere, of the key 00 01 .. 1f: number 7, a unit of 40 octets 55; refused, up to 6. */
static const char data_hex[] = "4d320101"
			       "0123456789abcdef"
			       "0000000000000007"
			       "0000"
			       "0028"
			       "55555555555555555555555555555555555555555555555555555555555555"
			       "555555555555555555"
			       "9ab931e9a86040cb20c04f39c1b100ea";
static const char ack_hex[] = "4d320102"
			      "0123456789abcdef"
			      "0000000000000007"
			      "0003"
			      "0000"
			      "0000000000000006"
			      "7617930ef814e3a8df730f8dadd65310";

struct octets {
	char p[PX_DATAGRAM_MAX];
	size_t n;
};

static struct octets
octets(const char *hex)
{
	struct octets o = { .n = strlen(hex) / 2 };

	ck_assert(hex_decode(slice_of(hex), o.p, o.n));
	return o;
}

static struct slice
view(const struct octets *o)
{
	return slice_make(o->p, o->n);
}

static struct key
key_of(enum px_datagram_type type, uint64_t id)
{
	uint8_t key[KEY_BYTES];
	struct key out;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	ck_assert_int_eq(px_datagram_derive(key, type, id, &out), RC_OK);
	return out;
}

START_TEST(test_octets)
{
	struct octets data = octets(data_hex), ack = octets(ack_hex);
	struct key of_data = key_of(PX_DATAGRAM_DATA, ID), of_acks = key_of(PX_DATAGRAM_ACKS, ID);
	struct px_datagram d;
	uint8_t out[200];

	ck_assert(px_datagram_parse(view(&data), &d));
	ck_assert(d.type == PX_DATAGRAM_DATA && d.id == ID && d.number == 7 && d.unit.n == 40);
	ck_assert(d.unit.p == data.p + 24 && d.unit.p[39] == 0x55);
	ck_assert(px_datagram_good(&of_data, &d));
	ck_assert_int_eq(px_datagram_data(&of_data, ID, 7, d.unit, out), RC_OK);
	ck_assert_mem_eq(out, data.p, data.n);

	ck_assert(px_datagram_parse(view(&ack), &d));
	ck_assert(d.type == PX_DATAGRAM_ACKS && d.id == ID && d.number == 7 && d.upto == 6);
	ck_assert(d.status == PX_DATAGRAM_REFUSED && d.unit.n == 0);
	ck_assert(px_datagram_good(&of_acks, &d));
	ck_assert_int_eq(px_datagram_ack(&of_acks, ID, 7, PX_DATAGRAM_REFUSED, 6, out), RC_OK);
	ck_assert_uint_eq(ack.n, PX_DATAGRAM_ACK);
	ck_assert_mem_eq(out, ack.p, ack.n);
	ck_assert_uint_lt(ack.n, PX_DATAGRAM_HEAD + PX_DATAGRAM_UNIT_MIN + PX_DATAGRAM_TAG);
}
END_TEST

/* Each octet counts, also those of the tag; each other key is a wrong one. */
START_TEST(test_tags)
{
	const char *texts[] = { data_hex, ack_hex };

	for (size_t t = 0; t < 2; t++) {
		enum px_datagram_type type = t == 0 ? PX_DATAGRAM_DATA : PX_DATAGRAM_ACKS;
		struct key right = key_of(type, ID), other_id = key_of(type, ID + 1);
		struct key other = key_of(t == 0 ? PX_DATAGRAM_ACKS : PX_DATAGRAM_DATA, ID);
		struct octets o = octets(texts[t]);
		struct px_datagram d;

		ck_assert(px_datagram_parse(view(&o), &d) && px_datagram_good(&right, &d));
		ck_assert(!px_datagram_good(&other_id, &d) && !px_datagram_good(&other, &d));
		for (size_t i = 0; i < 8 * o.n; i++) {
			o.p[i / 8] ^= (char)(1 << i % 8);
			ck_assert_msg(!px_datagram_parse(view(&o), &d) ||
			                      !px_datagram_good(&right, &d),
			              "bit %zu", i);
			o.p[i / 8] ^= (char)(1 << i % 8);
		}
	}
}
END_TEST

/* What is not exactly a datagram is none. */
START_TEST(test_none)
{
	static const struct {
		const char *of;
		size_t at;
		char octet;
	} bad[] = {
		{ data_hex, 0, 'N' }, { data_hex, 1, '3' }, { data_hex, 2, 0 },
		{ data_hex, 2, 2 },   { data_hex, 3, 0 },   { data_hex, 3, 2 },
		{ data_hex, 3, 3 },   { data_hex, 19, 0 },  { data_hex, 20, 1 },
		{ data_hex, 21, 1 },  { data_hex, 23, 39 }, { data_hex, 23, 41 },
		{ data_hex, 22, 1 },  { ack_hex, 3, 1 },    { ack_hex, 19, 0 },
		{ ack_hex, 20, 1 },   { ack_hex, 21, 6 },   { ack_hex, 22, 1 },
		{ ack_hex, 23, 8 },
	};
	struct px_datagram d;
	struct octets o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o = octets(bad[i].of);
		o.p[bad[i].at] = bad[i].octet;
		ck_assert_msg(!px_datagram_parse(view(&o), &d), "%zu", i);
	}
	for (size_t n = 0; n < 80; n++) {
		o = octets(data_hex);
		o.n = n;
		ck_assert(!px_datagram_parse(view(&o), &d));
		o = octets(ack_hex);
		o.n = n;
		ck_assert(n == PX_DATAGRAM_ACK || !px_datagram_parse(view(&o), &d));
	}
	o = octets(data_hex);
	o.n++;
	ck_assert(!px_datagram_parse(view(&o), &d));
	o = octets(ack_hex);
	o.n++;
	ck_assert(!px_datagram_parse(view(&o), &d));
}
END_TEST

START_TEST(test_limits)
{
	static char unit[PX_DATAGRAM_UNIT_MAX + 1];
	static uint8_t out[PX_DATAGRAM_MAX + 1];
	struct key key = key_of(PX_DATAGRAM_DATA, ID);
	struct px_datagram d;
	size_t n = PX_DATAGRAM_UNIT_MAX;

	ck_assert_int_eq(px_datagram_data(&key, ID, 1, slice_make(unit, n + 1), out),
	                 RC_BAD_REQUEST);
	ck_assert_int_eq(px_datagram_data(&key, ID, 1, slice_make(unit, 39), out), RC_BAD_REQUEST);
	ck_assert_int_eq(px_datagram_data(&key, ID, 0, slice_make(unit, 40), out), RC_BAD_REQUEST);
	ck_assert_int_eq(px_datagram_data(&key, ID, UINT64_MAX, slice_make(unit, n), out), RC_OK);
	ck_assert(px_datagram_parse(slice_make((char *)out, PX_DATAGRAM_MAX), &d));
	ck_assert(d.unit.n == n && d.number == UINT64_MAX && px_datagram_good(&key, &d));
	/* The same with a length above the limit, and below. */
	out[22] = (uint8_t)((n + 1) >> 8);
	out[23] = (uint8_t)(n + 1);
	ck_assert(!px_datagram_parse(slice_make((char *)out, PX_DATAGRAM_MAX + 1), &d));
	out[22] = 0;
	out[23] = 39;
	ck_assert(!px_datagram_parse(slice_make((char *)out, 24 + 39 + 16), &d));
	out[23] = 40;
	ck_assert(px_datagram_parse(slice_make((char *)out, 24 + 40 + 16), &d));
}
END_TEST

/* ---- window ---- */

START_TEST(test_window)
{
	struct px_window w = { .upto = 10 };

	ck_assert_int_eq(px_window_look(&w, 10), PX_WINDOW_DONE);
	ck_assert_int_eq(px_window_look(&w, 1), PX_WINDOW_DONE);
	ck_assert_int_eq(px_window_look(&w, 11), PX_WINDOW_NEW);
	ck_assert_int_eq(px_window_look(&w, 74), PX_WINDOW_NEW);
	ck_assert_int_eq(px_window_look(&w, 75), PX_WINDOW_ABOVE);
	ck_assert_int_eq(px_window_look(&w, UINT64_MAX), PX_WINDOW_ABOVE);
	ck_assert_uint_eq(px_window_run(&w), 0);
	px_window_hold(&w, 12);
	px_window_hold(&w, 74);
	ck_assert_int_eq(px_window_look(&w, 12), PX_WINDOW_HELD);
	ck_assert_uint_eq(px_window_run(&w), 0);
	px_window_hold(&w, 11);
	ck_assert_uint_eq(px_window_run(&w), 2);
	px_window_done(&w, false);
	ck_assert(w.upto == 11 && px_window_run(&w) == 1);
	px_window_done(&w, true);
	ck_assert(w.upto == 12 && px_window_run(&w) == 0);
	ck_assert_int_eq(px_window_look(&w, 74), PX_WINDOW_HELD);
	ck_assert_int_eq(px_window_look(&w, 75), PX_WINDOW_NEW);
	px_window_drop(&w, 74);
	ck_assert_int_eq(px_window_look(&w, 74), PX_WINDOW_NEW);
	ck_assert(px_window_refused(&w, 12) && !px_window_refused(&w, 11));
	ck_assert(!px_window_refused(&w, 13));
	for (unsigned i = 0; i < 63; i++)
		px_window_done(&w, false);
	ck_assert(px_window_refused(&w, 12));
	px_window_done(&w, false);
	ck_assert(!px_window_refused(&w, 12) && w.upto == 76);
}
END_TEST

START_TEST(test_window_full)
{
	struct px_window w = { .upto = UINT64_MAX - 64 };

	for (unsigned i = 0; i < PX_WINDOW; i++)
		px_window_hold(&w, UINT64_MAX - i);
	ck_assert_uint_eq(px_window_run(&w), PX_WINDOW);
	for (unsigned i = 0; i < PX_WINDOW; i++)
		px_window_done(&w, false);
	ck_assert(w.upto == UINT64_MAX && px_window_run(&w) == 0);
	ck_assert_int_eq(px_window_look(&w, UINT64_MAX), PX_WINDOW_DONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("px_datagram");
	TCase *c = suite_case(s, "datagram", NULL, NULL);

	tcase_add_test(c, test_octets);
	tcase_add_test(c, test_tags);
	tcase_add_test(c, test_none);
	tcase_add_test(c, test_limits);
	tcase_add_test(c, test_window);
	tcase_add_test(c, test_window_full);
	return run_suite(s);
}

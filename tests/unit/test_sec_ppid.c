/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-provisioned identifiers; failed attempts. */
#include "config.h"

#include "sec/failures.h"
#include "sec/hex.h"
#include "sec/ppid.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- identifiers ---- */

static const struct {
	const char *text;
	size_t n;
	const char *hash; /* the first 8 octets */
	struct {
		enum ppid_tech tech;
		const char *address;
		bool unique;
	} pairs[4];
	size_t npairs;
} good[] = {
	{ "80001a7dda7113", 7, "53621d730f1097c6", { { PPID_BLUETOOTH, "001a7dda7113", true } }, 1 },
	{ "503c71bf0a1b2c00124b0001020304",
	  15,
	  "c25bc03a0d73c85a",
	  { { PPID_WIFI, "3c71bf0a1b2c", true }, { PPID_ZIGBEE, "00124b0001020304", true } },
	  2 },
	{ "f0001a7dda71133c71bf0a1b2c2a00124b0001020304",
	  22,
	  "3fc71df26cdca7e1",
	  { { PPID_BLUETOOTH, "001a7dda7113", true },
	    { PPID_WIFI, "3c71bf0a1b2c", true },
	    { PPID_WMBUS, "2a", false },
	    { PPID_ZIGBEE, "00124b0001020304", true } },
	  4 },
	{ "41803c71bf0a1b2c3c71bf0a1b2d",
	  14,
	  "c28afbeb04f35456",
	  { { PPID_WIFI, "3c71bf0a1b2c", true }, { PPID_ETHERNET, "3c71bf0a1b2d", true } },
	  2 },
	{ "01803c71bf0a1b2d", 8, "8fccc0f9c757f8b4", { { PPID_ETHERNET, "3c71bf0a1b2d", true } }, 1 },
	/* IMEI 490154203237518, Luhn correct. */
	{ "08490154203237518f", 9, NULL, { { PPID_IMEI, "490154203237518f", true } }, 1 },
	{ "042d2c123456780107", 9, NULL, { { PPID_WMBUS_LONG, "2d2c123456780107", true } }, 1 },
	{ "020011223344556677", 9, NULL, { { PPID_LORAWAN, "0011223344556677", true } }, 1 },
	{ "014000c501020304", 8, NULL, { { PPID_KNX, "00c501020304", true } }, 1 },
	{ "0130d1d2d3d4050102030405",
	  12,
	  NULL,
	  { { PPID_ZWAVE, "d1d2d3d405", false }, { PPID_DECT, "0102030405", true } },
	  2 },
};

START_TEST(identifiers_are_read)
{
	struct ppid id;
	uint8_t hash[PPID_HASH];
	char text[PPID_TEXT];

	ck_assert_uint_eq(ppid_parse(slice_of(good[_i].text), false, &id), PPID_OK);
	ck_assert_uint_eq(id.n, good[_i].n);
	ppid_text(&id, text);
	ck_assert_str_eq(text, good[_i].text);
	ck_assert_uint_eq(ppid_hash(&id, hash), RC_OK);
	hex_encode(hash, 8, text);
	if (good[_i].hash != NULL)
		ck_assert_str_eq(text, good[_i].hash);
}
END_TEST

START_TEST(identifiers_have_pairs)
{
	struct ppid id;
	struct ppid_pair pair;
	unsigned at = 0;
	size_t n = 0;

	ck_assert_uint_eq(ppid_parse(slice_of(good[_i].text), false, &id), PPID_OK);
	for (; ppid_next(&id, &at, &pair); n++) {
		char text[2 * PPID_ADDRESS_MAX + 1];

		ck_assert_uint_lt(n, good[_i].npairs);
		ck_assert_uint_eq(pair.tech, good[_i].pairs[n].tech);
		ck_assert_int_eq(pair.unique, good[_i].pairs[n].unique);
		ck_assert_ptr_nonnull(pair.name);
		hex_encode(pair.address.p, pair.address.n, text);
		ck_assert_str_eq(text, good[_i].pairs[n].address);
	}
	ck_assert_uint_eq(n, good[_i].npairs);
	ck_assert(!ppid_next(&id, &at, &pair));
}
END_TEST

/* No beginning of an identifier is one, and none with something behind it. */
START_TEST(identifiers_have_their_length)
{
	char octets[PPID_MAX + 1] = { 0 };
	size_t n = good[_i].n;

	ck_assert(hex_decode(slice_of(good[_i].text), octets, n));
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(ppid_check(slice_make(octets, i), false, NULL), PPID_BAD_LENGTH);
	ck_assert_uint_eq(ppid_check(slice_make(octets, n), false, NULL), PPID_OK);
	ck_assert_uint_eq(ppid_check(slice_make(octets, n + 1), false, NULL), PPID_BAD_LENGTH);
}
END_TEST

static const struct {
	const char *text, *token;
} bad[] = {
	/* V1 */
	{ "", "PPID_LENGTH" },
	{ "00", "PPID_LENGTH" },
	{ "80", "PPID_LENGTH" },
	/* V2 */
	{ "0101010101ff", "PPID_HEADER" },
	{ "0101", "PPID_HEADER" },
	{ "81818181", "PPID_HEADER" },
	/* V3, before V4 and V6 */
	{ "01083c71bf0a1b2d", "PPID_UNKNOWN_TECH" },
	{ "0104", "PPID_UNKNOWN_TECH" },
	{ "0102", "PPID_UNKNOWN_TECH" },
	{ "010180", "PPID_UNKNOWN_TECH" },
	{ "01010102", "PPID_UNKNOWN_TECH" },
	{ "810108001a7dda7113", "PPID_UNKNOWN_TECH" },
	/* V4, before V5 */
	{ "0000", "PPID_EMPTY" },
	{ "0100", "PPID_EMPTY" },
	{ "01010100", "PPID_EMPTY" },
	/* V5, before V6 */
	{ "81001a7dda7113", "PPID_NONCANONICAL" },
	{ "8100001a7dda7113", "PPID_NONCANONICAL" },
	{ "018100001a7dda7113", "PPID_NONCANONICAL" },
	/* V6, before V7 */
	{ "80001a7dda71", "PPID_LENGTH" },
	{ "80001a7dda711300", "PPID_LENGTH" },
	{ "80ffffffffff", "PPID_LENGTH" },
	/* V7, before V8 */
	{ "4001005e000001", "PPID_BAD_ADDRESS" },
	{ "80000000000000", "PPID_BAD_ADDRESS" },
	{ "80ffffffffffff", "PPID_BAD_ADDRESS" },
	{ "100000000000000000", "PPID_BAD_ADDRESS" },
	{ "10ffffffffffffffff", "PPID_BAD_ADDRESS" },
	{ "100100000000000000", "PPID_BAD_ADDRESS" },
	{ "020100000000000000", "PPID_BAD_ADDRESS" },
	{ "418002005e00000101005e000001", "PPID_BAD_ADDRESS" },
	{ "0180000000000000", "PPID_BAD_ADDRESS" },
	{ "40030000000001", "PPID_BAD_ADDRESS" },
	/* V8, before V9 */
	{ "4002005e000001", "PPID_LOCAL_MAC" },
	{ "018002005e000001", "PPID_LOCAL_MAC" },
	{ "6002005e00000100", "PPID_LOCAL_MAC" },
	{ "21802a02005e000001", "PPID_LOCAL_MAC" },
	/* V9, before V10 */
	{ "2000", "PPID_BAD_ADDRESS" },
	{ "20fb", "PPID_BAD_ADDRESS" },
	{ "20ff", "PPID_BAD_ADDRESS" },
	{ "08490154203237519f", "PPID_BAD_ADDRESS" },
	{ "084901542032375180", "PPID_BAD_ADDRESS" },
	{ "0849015420323751af", "PPID_BAD_ADDRESS" },
	{ "08a90154203237518f", "PPID_BAD_ADDRESS" },
	{ "0140000000000000", "PPID_BAD_ADDRESS" },
	{ "0140ffffffffffff", "PPID_BAD_ADDRESS" },
	{ "01200000000000", "PPID_BAD_ADDRESS" },
	{ "0110ffffffffff", "PPID_BAD_ADDRESS" },
	/* V10 */
	{ "202a", "PPID_NOT_UNIQUE" },
	{ "20fa", "PPID_NOT_UNIQUE" },
	{ "2001", "PPID_NOT_UNIQUE" },
	{ "0120d1d2d3d405", "PPID_NOT_UNIQUE" },
	{ "21202ad1d2d3d405", "PPID_NOT_UNIQUE" },
	/* no text of octets */
	{ "8", "BAD_PARAM" },
	{ "80001a7dda711", "BAD_PARAM" },
	{ "80001a7dda711g", "BAD_PARAM" },
	{ "80 001a7dda7113", "BAD_PARAM" },
	{ ":80001a7dda7113", "BAD_PARAM" },
	{ "80001a7dda7113:", "BAD_PARAM" },
	{ "80::001a7dda7113", "BAD_PARAM" },
	{ "8:0001a7dda7113", "BAD_PARAM" },
	{ "80.00.1a.7d.da.71.13", "BAD_PARAM" },
};

START_TEST(identifiers_refuse)
{
	struct ppid id = { .n = 9 };
	enum ppid_fault fault = ppid_parse(slice_of(bad[_i].text), false, &id);

	ck_assert_msg(strcmp(ppid_token(fault), bad[_i].token) == 0, "%s: %s", bad[_i].text,
	              ppid_token(fault));
	ck_assert_uint_eq(id.n, 0);
}
END_TEST

START_TEST(text_is_normalised)
{
	static const char *const same[] = {
		"80001A7DDA7113", "80:00:1a:7d:da:71:13", "80-00-1A-7D-DA-71-13", "80-001a:7dda-7113",
	};
	static char all[2 * PPID_MAX + 3], text[PPID_TEXT];
	struct ppid id;

	for (size_t i = 0; i < NITEMS(same); i++) {
		ck_assert_uint_eq(ppid_parse(slice_of(same[i]), false, &id), PPID_OK);
		ppid_text(&id, text);
		ck_assert_str_eq(text, "80001a7dda7113");
	}
	memset(all, '0', sizeof(all));
	ck_assert_uint_eq(ppid_parse(slice_make(all, 2 * PPID_MAX), false, &id), PPID_EMPTY);
	ck_assert_uint_eq(ppid_parse(slice_make(all, 2 * PPID_MAX + 2), false, &id), PPID_BAD_LENGTH);
	ck_assert_uint_eq(ppid_parse(SLICE_NONE, false, &id), PPID_BAD_LENGTH);
}
END_TEST

START_TEST(local_addresses_can_be_allowed)
{
	struct ppid id;

	ck_assert_uint_eq(ppid_parse(SLICE_LIT("4002005e000001"), true, &id), PPID_OK);
	ck_assert_uint_eq(ppid_parse(SLICE_LIT("018002005e000001"), true, &id), PPID_OK);
	/* A group stays one. */
	ck_assert_uint_eq(ppid_parse(SLICE_LIT("4003005e000001"), true, &id), PPID_BAD_ADDRESS);
	/* The rule is about Wi-Fi and Ethernet. */
	ck_assert_uint_eq(ppid_parse(SLICE_LIT("8002005e000001"), false, &id), PPID_OK);
}
END_TEST

/* ---- failed attempts ---- */

static int64_t now;

static int64_t
test_now(const struct clock *c)
{
	(void)c;
	return now;
}

static const struct clock test_clock = { .now = test_now };

#define HOUR (3600 * CLOCK_SECOND)
#define START (INT64_C(1700000000) * CLOCK_SECOND)

static struct failures *
table(size_t slots)
{
	const struct failures_conf conf = { &test_clock, FAILURES_PER_SUBJECT, FAILURES_PER_SOURCE,
		                                FAILURES_WINDOW, slots };
	struct failures *f;

	now = START / HOUR * HOUR;
	ck_assert_uint_eq(failures_new(&conf, &f), RC_OK);
	return f;
}

static const struct slice who = SLICE_INIT("mr.one"), other = SLICE_INIT("mr.two");
static const struct slice from = SLICE_INIT("192.0.2.1"), elsewhere = SLICE_INIT("192.0.2.2");

START_TEST(the_eleventh_attempt_is_not_evaluated)
{
	struct failures *f = table(64);
	unsigned wait = 7;

	for (unsigned i = 0; i < FAILURES_PER_SUBJECT; i++) {
		ck_assert(failures_allow(f, who, from, &wait));
		ck_assert_uint_eq(wait, 0);
		ck_assert_int_eq(failures_add(f, who, from), i + 1 == FAILURES_PER_SUBJECT);
	}
	ck_assert(!failures_allow(f, who, from, &wait));
	ck_assert_uint_eq(wait, 3900);
	ck_assert(!failures_allow(f, who, elsewhere, NULL));
	ck_assert(failures_allow(f, other, from, NULL));
	ck_assert(!failures_add(f, who, from));
	failures_clear(f, who, SLICE_NONE);
	ck_assert(failures_allow(f, who, from, NULL));
	failures_free(f);
}
END_TEST

START_TEST(sources_have_a_limit_of_their_own)
{
	struct failures *f = table(1024);
	char name[16];

	for (unsigned i = 0; i < FAILURES_PER_SOURCE; i++) {
		struct slice s = slice_make(name, (size_t)snprintf(name, sizeof(name), "mr.%u", i));

		ck_assert(failures_allow(f, s, from, NULL));
		ck_assert_int_eq(failures_add(f, s, from), i + 1 == FAILURES_PER_SOURCE);
	}
	ck_assert(!failures_allow(f, other, from, NULL));
	ck_assert(failures_allow(f, other, elsewhere, NULL));
	ck_assert(failures_allow(f, other, SLICE_NONE, NULL));
	failures_clear(f, SLICE_NONE, from);
	ck_assert(failures_allow(f, other, from, NULL));
	failures_free(f);
}
END_TEST

/* Failures one after the other: never more than the limit in any hour, and as told afterwards. */
START_TEST(the_window_slides)
{
	struct failures *f = table(64);
	int64_t times[40];
	size_t n = 0;

	for (now += 17 * CLOCK_SECOND; n < NITEMS(times); now += 97 * CLOCK_SECOND) {
		unsigned wait;

		if (!failures_allow(f, who, SLICE_NONE, &wait)) {
			ck_assert_uint_ge(wait, 1);
			ck_assert_uint_le(wait, 3900);
			now += (int64_t)(wait - 1) * CLOCK_SECOND;
			ck_assert(!failures_allow(f, who, SLICE_NONE, NULL));
			now += CLOCK_SECOND;
			ck_assert(failures_allow(f, who, SLICE_NONE, NULL));
		}
		(void)failures_add(f, who, SLICE_NONE);
		times[n++] = now;
	}
	for (size_t i = FAILURES_PER_SUBJECT; i < n; i++)
		ck_assert_int_ge(times[i] - times[i - FAILURES_PER_SUBJECT], HOUR);
	failures_free(f);
}
END_TEST

START_TEST(a_clock_that_is_set_back_forgets_nothing)
{
	struct failures *f = table(64);
	unsigned wait;

	for (unsigned i = 0; i < FAILURES_PER_SUBJECT; i++)
		(void)failures_add(f, who, SLICE_NONE);
	now -= 5 * HOUR;
	ck_assert(!failures_allow(f, who, SLICE_NONE, &wait));
	now += 5 * HOUR + HOUR / 6;
	ck_assert(!failures_allow(f, who, SLICE_NONE, &wait));
	now += 100 * HOUR;
	ck_assert(failures_allow(f, who, SLICE_NONE, NULL));
	now = -HOUR;
	(void)failures_add(f, other, SLICE_NONE);
	ck_assert(failures_allow(f, other, SLICE_NONE, NULL));
	failures_free(f);
}
END_TEST

/* One set of eight: who is locked is not pushed out, and when all are, nobody new comes in. */
START_TEST(a_full_table_keeps_who_is_locked)
{
	struct failures *f = table(8);
	char name[16];
	unsigned wait;

	for (unsigned i = 0; i < FAILURES_PER_SUBJECT; i++)
		(void)failures_add(f, who, SLICE_NONE);
	for (unsigned i = 0; i < 1000; i++)
		(void)failures_add(f, slice_make(name, (size_t)snprintf(name, 16, "%u", i)), SLICE_NONE);
	ck_assert(!failures_allow(f, who, SLICE_NONE, NULL));
	ck_assert(failures_allow(f, other, SLICE_NONE, NULL));
	for (unsigned i = 0; i < 7 * FAILURES_PER_SUBJECT; i++)
		(void)failures_add(f, slice_make(name, (size_t)snprintf(name, 16, "%u", i / 10)), SLICE_NONE);
	ck_assert(!failures_allow(f, SLICE_LIT("0"), SLICE_NONE, NULL));
	ck_assert(!failures_allow(f, other, SLICE_NONE, &wait));
	ck_assert_uint_ge(wait, 1);
	ck_assert(!failures_add(f, other, SLICE_NONE));
	now += 2 * HOUR;
	ck_assert(failures_allow(f, other, SLICE_NONE, NULL));
	failures_free(f);
}
END_TEST

START_TEST(tables_have_bounds)
{
	const struct failures_conf wrong[] = {
		{ &test_clock, 0, 100, HOUR, 8 },
		{ &test_clock, 65536, 100, HOUR, 8 },
		{ &test_clock, 10, 0, HOUR, 8 },
		{ &test_clock, 10, 65536, HOUR, 8 },
		{ &test_clock, 10, 100, 12 * CLOCK_SECOND - 1, 8 },
		{ &test_clock, 10, 100, HOUR, 4 },
		{ &test_clock, 10, 100, HOUR, 9 },
		{ &test_clock, 10, 100, HOUR, (1u << 20) + 1 },
		{ &test_clock, 10, 100, HOUR, 1u << 21 },
	};
	struct failures *f;

	for (size_t i = 0; i < NITEMS(wrong); i++) {
		ck_assert_uint_eq(failures_new(&wrong[i], &f), RC_BAD_REQUEST);
		ck_assert_ptr_null(f);
	}
	failures_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_ppid");
	TCase *tc = suite_case(s, "ppid", NULL, NULL);

	tcase_add_loop_test(tc, identifiers_are_read, 0, NITEMS(good));
	tcase_add_loop_test(tc, identifiers_have_pairs, 0, NITEMS(good));
	tcase_add_loop_test(tc, identifiers_have_their_length, 0, NITEMS(good));
	tcase_add_loop_test(tc, identifiers_refuse, 0, NITEMS(bad));
	tcase_add_test(tc, text_is_normalised);
	tcase_add_test(tc, local_addresses_can_be_allowed);
	tc = suite_case(s, "failures", NULL, NULL);
	tcase_add_test(tc, the_eleventh_attempt_is_not_evaluated);
	tcase_add_test(tc, sources_have_a_limit_of_their_own);
	tcase_add_test(tc, the_window_slides);
	tcase_add_test(tc, a_clock_that_is_set_back_forgets_nothing);
	tcase_add_test(tc, a_full_table_keeps_who_is_locked);
	tcase_add_test(tc, tables_have_bounds);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What all messages of libsga have: identities, headers, errors, octets. */
#include "config.h"

#include "octets.h"
#include "sga/octets.h"
#include "sga/suite.h"

#define SID_HEX "000102030405060708090a0b0c0d0e0f"
#define NO_SID_HEX "00000000000000000000000000000000"

/* ---- identities ---- */

START_TEST(identities)
{
	static const char *const good[] = {
		"a", "A-Z.z_0~9:x@y", "gateway.example",
		"0123456789012345678901234567890123456789012345678901234567890123"
	};
	static const char *const bad[] = {
		"",    "a b",
		"a/b", "\xc3\xa4",
		"a\n", "a%20",
		"a;b", "01234567890123456789012345678901234567890123456789012345678901234"
	};
	struct sga_id id;

	for (size_t i = 0; i < NITEMS(good); i++) {
		ck_assert_int_eq(sga_id_make(slice_of(good[i]), &id), RC_OK);
		ck_assert(slice_is(sga_id_slice(&id), good[i]));
	}
	for (size_t i = 0; i < NITEMS(bad); i++) {
		ck_assert_int_eq(sga_id_make(slice_of(bad[i]), &id), RC_BAD_REQUEST);
		ck_assert_uint_eq(id.n, 0);
	}
	ck_assert_int_eq(sga_id_make(SLICE_LIT("a\0b"), &id), RC_BAD_REQUEST);
}
END_TEST

START_TEST(order_of_identities)
{
	struct sga_id a, ab, b;

	ck_assert_int_eq(sga_id_make(SLICE_LIT("a"), &a), RC_OK);
	ck_assert_int_eq(sga_id_make(SLICE_LIT("ab"), &ab), RC_OK);
	ck_assert_int_eq(sga_id_make(SLICE_LIT("b"), &b), RC_OK);
	ck_assert(sga_id_equal(&a, &a) && !sga_id_equal(&a, &ab) && !sga_id_equal(&a, &b));
	ck_assert_int_lt(sga_id_order(&a, &ab), 0);
	ck_assert_int_lt(sga_id_order(&ab, &b), 0);
	ck_assert_int_gt(sga_id_order(&b, &a), 0);
	ck_assert_int_eq(sga_id_order(&b, &b), 0);
}
END_TEST

START_TEST(three_identities)
{
	struct sga_ids ids, again;
	uint8_t out[SGA_IDS_MAX];
	struct sga_writer w = sga_writer_of(out, sizeof(out));
	struct sga_reader r;

	ck_assert_int_eq(sga_id_make(SLICE_LIT("i"), &ids.i), RC_OK);
	ck_assert_int_eq(sga_id_make(SLICE_LIT("gg"), &ids.g), RC_OK);
	ck_assert_int_eq(sga_id_make(SLICE_LIT("jjj"), &ids.j), RC_OK);
	sga_write_ids(&w, &ids);
	expect_octets(out, w.n,
	              "0169"
	              "026767"
	              "036a6a6a");
	r = sga_reader_of(sga_written(&w));
	sga_read_ids(&r, &again);
	ck_assert(sga_reader_done(&r));
	ck_assert(sga_id_equal(&ids.i, &again.i) && sga_id_equal(&ids.g, &again.g) &&
	          sga_id_equal(&ids.j, &again.j));
	r = sga_reader_of(slice_make(out, w.n - 1));
	sga_read_ids(&r, &again);
	ck_assert(r.bad && again.j.n == 0);
}
END_TEST

/* ---- headers ---- */

static const struct {
	const char *hex; /* version, suite, type, flags */
	const char *sid;
	bool ok;
} headers[] = {
	{ "01020100", NO_SID_HEX, true },  { "01010200", NO_SID_HEX, true },
	{ "01020300", SID_HEX, true },     { "01020500", SID_HEX, true },
	{ "01020504", SID_HEX, true },     { "01020604", SID_HEX, true },
	{ "01020a04", SID_HEX, true },     { "01022000", SID_HEX, true },
	{ "01022003", SID_HEX, true },     { "01022100", SID_HEX, true },
	{ "01023000", SID_HEX, true },     { "01020f00", SID_HEX, true },
	{ "01020f00", NO_SID_HEX, true },  { "00020300", SID_HEX, false },
	{ "02020300", SID_HEX, false },    { "01000300", SID_HEX, false },
	{ "01030300", SID_HEX, false },    { "01020000", SID_HEX, false },
	{ "01020b00", SID_HEX, false },    { "01023100", SID_HEX, false },
	{ "01020304", SID_HEX, false },    { "01020704", SID_HEX, false },
	{ "01020508", SID_HEX, false },    { "01020501", SID_HEX, false },
	{ "01022004", SID_HEX, false },    { "01022101", SID_HEX, false },
	{ "01020100", SID_HEX, false },    { "01020200", SID_HEX, false },
	{ "01020300", NO_SID_HEX, false }, { "01022000", NO_SID_HEX, false },
	{ "01023080", SID_HEX, false },    { "01020f04", SID_HEX, false },
};

START_TEST(header)
{
	char hex[64];
	struct sga_header h = { .ctr = 77 };
	uint8_t again[SGA_HEADER_SIZE];
	struct octets o;

	snprintf(hex, sizeof(hex), "%s%s01020304", headers[_i].hex, headers[_i].sid);
	o = octets_of(hex);
	if (!headers[_i].ok) {
		ck_assert_int_eq(sga_header_read(octets_slice(&o), &h), RC_BAD_REQUEST);
		ck_assert_uint_eq(h.ctr, 77);
		return;
	}
	ck_assert_int_eq(sga_header_read(octets_slice(&o), &h), RC_OK);
	ck_assert_uint_eq(h.ctr, 0x01020304);
	ck_assert_uint_eq(h.type, o.v[2]);
	sga_header_write(&h, again);
	ck_assert_mem_eq(again, o.v, sizeof(again));
	for (size_t n = 0; n < SGA_HEADER_SIZE; n++)
		ck_assert_int_eq(sga_header_read(slice_make(o.v, n), &h), RC_BAD_REQUEST);
}
END_TEST

START_TEST(longest_message)
{
	struct octets o = octets_of("01022000" SID_HEX "00000000");
	uint8_t *m = calloc(1, SGA_MESSAGE_MAX + 1);
	struct sga_header h;

	memcpy(m, o.v, o.n);
	ck_assert_int_eq(sga_header_read(slice_make(m, SGA_MESSAGE_MAX), &h), RC_OK);
	ck_assert_int_eq(sga_header_read(slice_make(m, SGA_MESSAGE_MAX + 1), &h), RC_BAD_REQUEST);
	free(m);
}
END_TEST

/* ---- errors ---- */

START_TEST(errors)
{
	static const uint8_t challenge[SGA_CHALLENGE_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct octets a1 = octets_of("01010300" SID_HEX "00000009aabb");
	uint8_t out[SGA_ERROR_SIZE];
	struct sga_error e;

	sga_error_make(octets_slice(&a1), SGA_CLASS_REFUSED, NULL, out);
	expect_octets(out, sizeof(out),
	              "01010f00" SID_HEX "00000000"
	              "020000000000000000");
	ck_assert_int_eq(sga_error_read(slice_make(out, sizeof(out)), &e), RC_OK);
	ck_assert_int_eq(e.class, SGA_CLASS_REFUSED);
	ck_assert_uint_eq(e.header.sid.v[15], 0x0f);
	sga_error_make(SLICE_LIT("?"), SGA_CLASS_CHALLENGE, challenge, out);
	expect_octets(out, sizeof(out),
	              "01020f00" NO_SID_HEX "00000000"
	              "040102030405060708");
	ck_assert_int_eq(sga_error_read(slice_make(out, sizeof(out)), &e), RC_OK);
	ck_assert_mem_eq(e.challenge, challenge, sizeof(challenge));
}
END_TEST

static const struct {
	size_t at;
	uint8_t value;
} error_faults[] = {
	{ 0, 2 }, { 2, 0x20 }, { 23, 1 }, { 24, 0 }, { 24, 5 }, { 24, 2 }, { 25, 0 },
};

START_TEST(errors_that_are_none)
{
	struct octets good = octets_of("01020f00" SID_HEX "00000000"
	                               "040100000000000000");
	struct octets bad = good;
	struct sga_error e;
	bool zeros = error_faults[_i].at == 25;

	bad.v[error_faults[_i].at] = error_faults[_i].value;
	/* A challenge may be anything, zeros too. */
	ck_assert_int_eq(sga_error_read(octets_slice(&bad), &e), zeros ? RC_OK : RC_BAD_REQUEST);
	for (size_t n = 0; n < good.n; n++)
		ck_assert_int_eq(sga_error_read(slice_make(good.v, n), &e), RC_BAD_REQUEST);
	ck_assert_int_eq(sga_error_read(slice_make(good.v, good.n + 1), &e), RC_BAD_REQUEST);
	ck_assert_int_eq(sga_error_read(SLICE_NONE, &e), RC_BAD_REQUEST);
}
END_TEST

/* ---- octets ---- */

START_TEST(reading)
{
	struct octets o = octets_of("0102030405"
	                            "026162"
	                            "000163"
	                            "0164");
	struct sga_reader r = sga_reader_of(octets_slice(&o));
	struct sga_id id;
	uint8_t to[3];

	ck_assert_uint_eq(sga_read_be(&r, 2), 0x0102);
	sga_read_to(&r, to, 3);
	expect_octets(to, 3, "030405");
	ck_assert(slice_is(sga_read_lv8(&r), "ab"));
	ck_assert(slice_is(sga_read_lv16(&r), "c"));
	ck_assert(!sga_reader_done(&r));
	sga_read_id(&r, &id);
	ck_assert(slice_is(sga_id_slice(&id), "d"));
	ck_assert(sga_reader_done(&r));
	/* Nothing is left; and once bad, it stays so. */
	ck_assert_uint_eq(sga_read_be(&r, 1), 0);
	ck_assert(r.bad && !sga_reader_done(&r));
	ck_assert_uint_eq(sga_read(&r, 0).n, 0);
	sga_read_to(&r, to, 3);
	expect_zeros(to, 3);
}
END_TEST

START_TEST(reading_too_much)
{
	struct octets o = octets_of("05616263");
	struct sga_reader r = sga_reader_of(octets_slice(&o));

	ck_assert_ptr_null(sga_read_lv8(&r).p);
	ck_assert(r.bad);
	r = sga_reader_of(slice_make(o.v, 1));
	ck_assert_ptr_null(sga_read_lv16(&r).p);
	ck_assert(r.bad);
	/* The rest is not read with the failure gone. */
	ck_assert_uint_eq(sga_read_be(&r, 1), 0);
}
END_TEST

START_TEST(writing)
{
	static const char longer[256] = { 0 };
	uint8_t place[16];
	struct sga_writer w = sga_writer_of(place, 9);

	sga_write_be(&w, 0x0102, 2);
	sga_write_lv8(&w, SLICE_LIT("ab"));
	sga_write_lv16(&w, SLICE_LIT("c"));
	sga_write(&w, NULL, 0);
	ck_assert(!w.full);
	sga_write_be(&w, 0x0304, 2);
	ck_assert(w.full);
	/* What would fit is left out, too: it does not belong there. */
	sga_write_be(&w, 5, 1);
	expect_octets(place, w.n,
	              "0102"
	              "026162"
	              "000163");
	w = sga_writer_of(place, sizeof(place));
	sga_write_lv8(&w, slice_make(longer, sizeof(longer)));
	ck_assert(w.full && w.n == 0);
}
END_TEST

START_TEST(randomness)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	const struct sga_random empty = { 0 };

	ck_assert_int_eq(sga_random_secret(NULL, a, sizeof(a)), RC_OK);
	ck_assert_int_eq(sga_random_secret(&empty, b, sizeof(b)), RC_OK);
	ck_assert_mem_ne(a, b, sizeof(a));
	ck_assert_int_eq(sga_random_clear(NULL, a, sizeof(a)), RC_OK);
	ck_assert_int_eq(sga_random_clear(&empty, b, sizeof(b)), RC_OK);
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

static enum rc
broken(void *arg, void *out, size_t n)
{
	(void)arg;
	memset(out, 0xff, n);
	return RC_INTERNAL;
}

START_TEST(broken_randomness)
{
	const struct sga_random r = { .secret = broken, .clear = broken };
	uint8_t a[8];

	ck_assert_int_eq(sga_random_secret(&r, a, sizeof(a)), RC_INTERNAL);
	expect_zeros(a, sizeof(a));
	memset(a, 1, sizeof(a));
	ck_assert_int_eq(sga_random_clear(&r, a, sizeof(a)), RC_INTERNAL);
	expect_zeros(a, sizeof(a));
}
END_TEST

static Suite *
base_suite(void)
{
	Suite *s = suite_create("sga_base");
	TCase *c = suite_case(s, "base", NULL, NULL);

	tcase_add_test(c, identities);
	tcase_add_test(c, order_of_identities);
	tcase_add_test(c, three_identities);
	tcase_add_loop_test(c, header, 0, (int)NITEMS(headers));
	tcase_add_test(c, longest_message);
	tcase_add_test(c, errors);
	tcase_add_loop_test(c, errors_that_are_none, 0, (int)NITEMS(error_faults));
	tcase_add_test(c, reading);
	tcase_add_test(c, reading_too_much);
	tcase_add_test(c, writing);
	tcase_add_test(c, randomness);
	tcase_add_test(c, broken_randomness);
	return s;
}

int
main(void)
{
	return run_suite(base_suite());
}

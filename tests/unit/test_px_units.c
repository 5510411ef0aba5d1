/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with messages: what is taken, what they say of themselves, what is refused. */
#include "config.h"

#include "cap/pxy/px_units.h"
#include "px_unit_bed.h"
#include "suite.h"

static struct arena *arena;
static struct buf body;
static struct px_units units;

static void
setup(void)
{
	arena = arena_new(4u << 20);
	ck_assert_ptr_nonnull(arena);
	buf_init(&body, 4u << 20);
}

static void
teardown(void)
{
	buf_fini(&body);
	arena_free(arena);
}

static enum rc
read_body(size_t unit_max)
{
	return px_units_read(buf_view(&body), unit_max, arena, &units);
}

static void
put(const struct unit_of *u)
{
	unit_put_batch(u, &body);
}

START_TEST(one_unit)
{
	unit_put(&(struct unit_of){ PRE_DATA, .stream = 3, .key_index = 2, .epoch = 9, .seq = 5 },
	         &body);
	ck_assert_int_eq(read_body(65536), RC_OK);
	ck_assert_uint_eq(units.n, 1);
	ck_assert_uint_eq(units.n_management, 0);
	ck_assert(slice_is(units.source.url, UNIT_SOURCE));
	ck_assert_ptr_null(units.source.sign);
	ck_assert(slice_eq(units.v[0].octets, buf_view(&body)));
	ck_assert_int_eq(units.v[0].mark.kind, PX_DATA);
	ck_assert_uint_eq(units.v[0].mark.seq, 5);
	ck_assert_uint_eq(units.v[0].mark.section.stream, 3);
	ck_assert_uint_eq(units.v[0].mark.section.epoch, 9);
	ck_assert_uint_eq(units.v[0].mark.section.key_index, 2);
}
END_TEST

START_TEST(a_batch)
{
	put(&(struct unit_of){ PRE_MM2, .stream = 1 });
	put(&(struct unit_of){ PRE_DATA, .stream = 1 });
	put(&(struct unit_of){ PRE_DATA, .stream = 1, .seq = 1 });
	put(&(struct unit_of){ PRE_END, .stream = 1 });
	ck_assert_int_eq(read_body(65536), RC_OK);
	ck_assert_uint_eq(units.n, 4);
	ck_assert_uint_eq(units.n_management, 1);
	ck_assert_int_eq(units.v[0].mark.kind, PX_MANAGEMENT);
	ck_assert_int_eq(units.v[3].mark.kind, PX_END);
	ck_assert_mem_ne(units.v[1].digest, units.v[2].digest, PX_UNIT_DIGEST_BYTES);
}
END_TEST

START_TEST(a_message_for_a_sink_is_refused)
{
	put(&(struct unit_of){ PRE_DATA, .stream = 1 });
	put(&(struct unit_of){ PRE_MM1, .stream = 1 });
	ck_assert_int_eq(read_body(65536), RC_BAD_REQUEST);
}
END_TEST

START_TEST(several_sources_are_refused)
{
	put(&(struct unit_of){ PRE_DATA, .stream = 1 });
	put(&(struct unit_of){ PRE_DATA, .stream = 1, .seq = 1,
	                       .source = "http://gx.example/m2m" });
	ck_assert_int_eq(read_body(65536), RC_BAD_REQUEST);
}
END_TEST

START_TEST(sizes)
{
	size_t whole;

	put(&(struct unit_of){ PRE_DATA, .more = 1000 });
	whole = body.n - PRE_LENGTH_SIZE;
	ck_assert_int_eq(read_body(whole), RC_OK);
	ck_assert_int_eq(read_body(whole - 1), RC_TOO_LARGE);
	buf_clear(&body);
	unit_put(&(struct unit_of){ PRE_DATA, .more = 1000 }, &body);
	ck_assert_int_eq(read_body(whole), RC_OK);
	ck_assert_int_eq(read_body(whole - 1), RC_TOO_LARGE);
}
END_TEST

START_TEST(numbers)
{
	for (unsigned i = 0; i < PX_UNITS_MAX; i++)
		put(&(struct unit_of){ PRE_DATA, .seq = i });
	ck_assert_int_eq(read_body(65536), RC_OK);
	ck_assert_uint_eq(units.n, PX_UNITS_MAX);
	ck_assert_uint_eq(units.v[PX_UNITS_MAX - 1].mark.seq, PX_UNITS_MAX - 1);
	put(&(struct unit_of){ PRE_DATA, .seq = PX_UNITS_MAX });
	ck_assert_int_eq(read_body(65536), RC_TOO_LARGE);
}
END_TEST

/* However it is cut. */
START_TEST(what_is_cut_is_refused)
{
	struct slice whole;

	put(&(struct unit_of){ PRE_MM2, .stream = 1 });
	put(&(struct unit_of){ PRE_DATA, .stream = 1 });
	whole = buf_view(&body);
	for (size_t n = 0; n < whole.n; n++) {
		size_t first = PRE_LENGTH_SIZE + (size_t)(unsigned char)whole.p[2] * 256 +
		               (unsigned char)whole.p[3];
		enum rc rc = px_units_read(slice_head(whole, n), 65536, arena, &units);

		ck_assert_int_eq(rc, n == first ? RC_OK : RC_BAD_REQUEST);
	}
	buf_char(&body, '\0');
	ck_assert_int_eq(read_body(65536), RC_BAD_REQUEST);
}
END_TEST

/* The signatures of these are none. */
START_TEST(signatures_are_looked_at_in_turns)
{
	uint8_t key[PX_SIGN_BYTES] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
		                       0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
		                       0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
		                       0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
	size_t at = 0;

	put(&(struct unit_of){ PRE_DATA, .stream = 1 });
	put(&(struct unit_of){ PRE_MM2, .stream = 1, .key_index = 1 });
	ck_assert_int_eq(read_body(65536), RC_OK);
	ck_assert_int_eq(px_units_verify(&units, key, 0, &at), RC_OK);
	ck_assert_uint_eq(at, 1);
	ck_assert_int_eq(px_units_verify(&units, key, 1, &at), RC_BAD_REQUEST);
}
END_TEST

static Suite *
units_suite(void)
{
	Suite *s = suite_create("px_units");
	TCase *c = suite_case(s, "bodies", setup, teardown);

	tcase_add_test(c, one_unit);
	tcase_add_test(c, a_batch);
	tcase_add_test(c, a_message_for_a_sink_is_refused);
	tcase_add_test(c, several_sources_are_refused);
	tcase_add_test(c, sizes);
	tcase_add_test(c, numbers);
	tcase_add_test(c, what_is_cut_is_refused);
	tcase_add_test(c, signatures_are_looked_at_in_turns);
	return s;
}

int
main(void)
{
	return run_suite(units_suite());
}

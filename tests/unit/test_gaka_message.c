/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading T1..T12: all else than a message is refused with nothing written. Every octet of a header,
 * every length, every value at its bounds.
 */
#include "config.h"

#include "gaka_messages.h"

/* ---- header and length ---- */

START_TEST(header)
{
	unsigned type = (unsigned)_i;
	uint8_t *m = messages[type];

	taken(type);
	ck_assert_uint_eq(gaka_type_of(slice_make(m, sizes[type])), type);
	for (unsigned bit = 0; bit < 8 * GAKA_HEADER_SIZE; bit++) {
		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused(type, slice_make(m, sizes[type]));
		m[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	taken(type);
}
END_TEST

/* Shorter and longer ones, whatever length they say. */
START_TEST(length)
{
	unsigned type = (unsigned)_i;

	for (size_t n = 0; n < sizes[type] + 60; n++) {
		uint8_t *exact = calloc(1, n + 1);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, messages[type], n < sizes[type] ? n : sizes[type]);
		if (n != sizes[type]) {
			refused(type, slice_make(exact, n));
			ck_assert_uint_eq(gaka_type_of(slice_make(exact, n)), 0);
		}
		if (n >= GAKA_HEADER_SIZE)
			be_put(exact + 4, n, 4);
		if (n != sizes[type])
			refused(type, slice_make(exact, n));
		if (type == GAKA_T3 && n >= GAKA_T3_MIN)
			ck_assert((gaka_type_of(slice_make(exact, n)) == GAKA_T3) ==
			          ((n - GAKA_T3_MIN) % GAKA_T3_MEMBER == 0));
		free(exact);
	}
	refused(type, SLICE_NONE);
}
END_TEST

START_TEST(types)
{
	uint8_t m[GAKA_SHORT_SIZE] = { 0x4d, 0x47, 0x01, 0, 0, 0, 0, GAKA_SHORT_SIZE };

	for (unsigned t = 0; t < 256; t++) {
		bool is_short = t == 5 || t == 6 || t == 8 || t == 9 || t == 12;

		m[3] = (uint8_t)t;
		ck_assert_uint_eq(gaka_type_of(BED_SLICE(m)), is_short ? t : 0);
		for (unsigned as = GAKA_T1; as < GAKA_TYPES; as++)
			if (as != t || t == GAKA_T12)
				refused(as, BED_SLICE(m));
	}
}
END_TEST

/* ---- what is read is what was written ---- */

START_TEST(again)
{
	unsigned type = (unsigned)_i;
	uint8_t out[GAKA_T3_SIZE(MEMBERS)];
	union any v;

	ck_assert_int_eq(read_as(type, slice_make(messages[type], sizes[type]), &v), RC_OK);
	memset(out, 0x77, sizeof(out));
	switch (type) {
	case GAKA_T1:
		gaka_t1_write(&v.t1, out);
		break;
	case GAKA_T2:
		gaka_t2_write(&v.t2, out);
		break;
	case GAKA_T3:
		return; /* hn.h writes it */
	case GAKA_T4:
		gaka_t4_write(&v.t4, out);
		break;
	case GAKA_T7:
		gaka_t7_write(&v.t7, out);
		break;
	case GAKA_T10:
		gaka_t10_write(&v.t10, out);
		break;
	case GAKA_T11:
		gaka_t11_write(&v.t11, out);
		break;
	case GAKA_T12:
		gaka_t12_write(v.reason, out);
		break;
	default:
		gaka_tag_write((enum gaka_type)type, v.tag, out);
	}
	ck_assert_mem_eq(out, messages[type], sizes[type]);
	ck_assert_uint_eq(out[sizes[type]], 0x77);
}
END_TEST

START_TEST(members)
{
	struct gaka_member m;
	struct gaka_t3 t3;

	ck_assert_int_eq(gaka_t3_read(slice_make(messages[GAKA_T3], sizes[GAKA_T3]), &t3), RC_OK);
	ck_assert_uint_eq(t3.count, MEMBERS);
	ck_assert_uint_eq(t3.w, 16);
	ck_assert_mem_eq(t3.leader.rand.v, messages[GAKA_T3] + 8, 16);
	ck_assert_mem_eq(t3.leader.autn, messages[GAKA_T3] + 24, 26);
	ck_assert_mem_eq(t3.leader.hxres, messages[GAKA_T3] + 50, 16);
	ck_assert_mem_eq(t3.leader.ks.v, messages[GAKA_T3] + 66, 32);
	ck_assert_mem_eq(t3.gtk.v, messages[GAKA_T3] + 98, 32);
	ck_assert_uint_eq(t3.expiry, be_get(messages[GAKA_T3] + 130, 8));
	for (unsigned i = 0; i < MEMBERS; i++) {
		gaka_t3_member(&t3, i, &m);
		ck_assert_mem_eq(m.id.v, messages[GAKA_T3] + GAKA_T3_SIZE(i), 16);
		ck_assert_uint_eq(m.iv, UINT64_C(0x0101010101010101) * (7 * i + 1));
		ck_assert_mem_eq(m.xk.v, messages[GAKA_T3] + GAKA_T3_SIZE(i) + 24, 32);
	}
	gaka_t3_wipe(&t3);
	expect_zeros(&t3, sizeof(t3));
}
END_TEST

/* ---- values ---- */

/* n octets at the place become v, and the message is one or none. */
static const struct {
	unsigned type, at, n;
	uint64_t v;
	bool ok;
} values[] = {
	{ GAKA_T1, 8, 8, 0, true }, /* of no group */
	{ GAKA_T2, 8, 8, 0, false },
	{ GAKA_T2, 64, 2, 0, false },
	{ GAKA_T2, 64, 2, 1, true },
	{ GAKA_T2, 64, 2, 0xffff, true },
	{ GAKA_T2, 66, 2, 1, true },
	{ GAKA_T2, 66, 2, 2, false },
	{ GAKA_T2, 66, 2, 0x0100, false },
	{ GAKA_T10, 56, 2, 0, false },
	{ GAKA_T10, 56, 2, 2, false },
	{ GAKA_T10, 56, 2, 0x0101, false },
	{ GAKA_T10, 58, 2, 1, true },
	{ GAKA_T10, 58, 2, 2, false },
	{ GAKA_T10, 58, 2, 0x8000, false },
	/* W, count */
	{ GAKA_T3, 138, 2, 0, false },
	{ GAKA_T3, 138, 2, 1, true },
	{ GAKA_T3, 140, 2, MEMBERS - 1, false },
	{ GAKA_T3, 140, 2, MEMBERS + 1, false },
	{ GAKA_T3, 140, 2, 0, false },
	/* IV of the second member: 0, and so high that C would not fit */
	{ GAKA_T3, 142 + 56 + 16, 8, 0, false },
	{ GAKA_T3, 142 + 56 + 16, 8, 1, true },
	{ GAKA_T3, 142 + 56 + 16, 8, UINT64_MAX - 16, true },
	{ GAKA_T3, 142 + 56 + 16, 8, UINT64_MAX - 15, false },
	{ GAKA_T3, 142 + 56 + 16, 8, UINT64_MAX, false },
	/* its id: as the one before, below it, above the one after (01.., 08.., 0f..) */
	{ GAKA_T3, 142 + 56, 8, UINT64_C(0x0008080808080808), false },
	{ GAKA_T3, 142 + 56, 8, UINT64_C(0x0f0f0f0f0f0f0f10), false },
	{ GAKA_T3, 142 + 56, 8, UINT64_C(0x0f0f0f0f0f0f0f0f), true },
	{ GAKA_T3, 142 + 56, 8, UINT64_C(0x0101010101010101), true },
	{ GAKA_T3, 142 + 56, 8, UINT64_C(0x0101010101010100), false },
	/* T7: IV 100, W 16, C 107 */
	{ GAKA_T7, 40, 8, 0, false },
	{ GAKA_T7, 40, 8, 108, false },
	{ GAKA_T7, 40, 8, 107, true },
	{ GAKA_T7, 40, 8, 92, true },
	{ GAKA_T7, 40, 8, 91, false },
	{ GAKA_T7, 40, 8, UINT64_MAX, false },
	{ GAKA_T7, 48, 2, 0, false },
	{ GAKA_T7, 48, 2, 7, false },
	{ GAKA_T7, 48, 2, 8, true },
	{ GAKA_T7, 50, 8, 99, false },
	{ GAKA_T7, 50, 8, 100, true },
	{ GAKA_T7, 50, 8, 115, true },
	{ GAKA_T7, 50, 8, 116, false },
	{ GAKA_T7, 50, 8, 0, false },
	{ GAKA_T7, 50, 8, UINT64_MAX, false },
	{ GAKA_T12, 8, 1, 0, false },
	{ GAKA_T12, 8, 1, GAKA_UNKNOWN, true },
	{ GAKA_T12, 8, 1, GAKA_BUSY, true },
	{ GAKA_T12, 8, 1, GAKA_BUSY + 1, false },
	{ GAKA_T12, 8, 1, 255, false },
	{ GAKA_T12, 9, 1, 1, false },
	{ GAKA_T12, 23, 1, 0x80, false },
};

START_TEST(value)
{
	unsigned type = values[_i].type;

	be_put(messages[type] + values[_i].at, values[_i].v, values[_i].n);
	if (values[_i].ok)
		taken(type);
	else
		refused(type, slice_make(messages[type], sizes[type]));
}
END_TEST

/* Two ids that are the same in all octets. */
START_TEST(twice)
{
	uint8_t *m = messages[GAKA_T3];

	memcpy(m + GAKA_T3_SIZE(1), m + GAKA_T3_SIZE(0), NODE_ID_BYTES);
	refused(GAKA_T3, slice_make(m, sizes[GAKA_T3]));
}
END_TEST

/* IV and C as high as they can be: no sum is beyond 2^64. */
START_TEST(highest)
{
	uint8_t *m = messages[GAKA_T7];

	be_put(m + 48, 0xffff, 2);
	be_put(m + 40, UINT64_MAX - 0xffff, 8);
	be_put(m + 50, UINT64_MAX - 1, 8);
	taken(GAKA_T7);
	be_put(m + 50, UINT64_MAX, 8);
	refused(GAKA_T7, slice_make(m, sizes[GAKA_T7]));
	be_put(m + 40, UINT64_MAX - 0xfffe, 8);
	be_put(m + 50, UINT64_MAX - 1, 8);
	refused(GAKA_T7, slice_make(m, sizes[GAKA_T7]));
	/* A sum that wraps to a small number, and a small C. */
	be_put(m + 50, 3, 8);
	refused(GAKA_T7, slice_make(m, sizes[GAKA_T7]));
}
END_TEST

/* A set of no members has a W all the same. */
START_TEST(alone)
{
	uint8_t *m = messages[GAKA_T3];

	be_put(m + 4, GAKA_T3_MIN, 4);
	be_put(m + 140, 0, 2);
	sizes[GAKA_T3] = GAKA_T3_MIN;
	taken(GAKA_T3);
	be_put(m + 138, 0, 2);
	refused(GAKA_T3, slice_make(m, GAKA_T3_MIN));
}
END_TEST

/* As many members as there may be, and one more. */
START_TEST(largest)
{
	size_t n = GAKA_T3_SIZE(GAKA_MEMBERS_MAX + 1);
	uint8_t *m = calloc(1, n);

	ck_assert_ptr_nonnull(m);
	memcpy(m, messages[GAKA_T3], GAKA_T3_MIN);
	for (unsigned i = 0; i <= GAKA_MEMBERS_MAX; i++) {
		be_put(m + GAKA_T3_SIZE(i), i + 1, 8);
		be_put(m + GAKA_T3_SIZE(i) + NODE_ID_BYTES, 5, 8);
	}
	be_put(m + 4, GAKA_T3_MAX, 4);
	be_put(m + 140, GAKA_MEMBERS_MAX, 2);
	ck_assert_int_eq(
		read_as(GAKA_T3, slice_make(m, GAKA_T3_MAX), &(union any){ .octets = { 0 } }),
		RC_OK);
	be_put(m + 4, n, 4);
	be_put(m + 140, GAKA_MEMBERS_MAX + 1, 2);
	refused(GAKA_T3, slice_make(m, n));
	free(m);
}
END_TEST

START_TEST(reasons)
{
	static const enum rc mac[] = { RC_DENIED,       RC_BAD_REQUEST, RC_FORBIDDEN,
		                       RC_PRECONDITION, RC_NOT_FOUND,   (enum rc)RC_COUNT };
	static const enum rc busy[] = { RC_UNAVAILABLE, RC_NO_SPACE, RC_INTERNAL };

	for (unsigned i = 0; i < NITEMS(mac); i++)
		ck_assert_int_eq(gaka_reason_of(mac[i]), GAKA_MAC);
	for (unsigned i = 0; i < NITEMS(busy); i++)
		ck_assert_int_eq(gaka_reason_of(busy[i]), GAKA_BUSY);
	ck_assert_int_eq(gaka_reason_of(RC_CONFLICT), GAKA_SYNC);
	ck_assert_int_eq(gaka_reason_of(RC_EXPIRED), GAKA_EXPIRED);
}
END_TEST

static Suite *
message_suite(void)
{
	Suite *s = suite_create("gaka_message");
	TCase *c = suite_case(s, "message", setup, NULL);

	tcase_add_loop_test(c, header, GAKA_T1, GAKA_TYPES);
	tcase_add_loop_test(c, length, GAKA_T1, GAKA_TYPES);
	tcase_add_test(c, types);
	tcase_add_loop_test(c, again, GAKA_T1, GAKA_TYPES);
	tcase_add_test(c, members);
	tcase_add_loop_test(c, value, 0, (int)NITEMS(values));
	tcase_add_test(c, twice);
	tcase_add_test(c, highest);
	tcase_add_test(c, alone);
	tcase_add_test(c, largest);
	tcase_add_test(c, reasons);
	return s;
}

int
main(void)
{
	return run_suite(message_suite());
}

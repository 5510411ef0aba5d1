/* SPDX-License-Identifier: Apache-2.0 */
/* Values of attributes: their text forms, lists of them, and how they are stored. */
#include "config.h"

#include "codec_help.h"

#include <stdint.h>
#include <stdio.h>

#include "model/kinds.h"
#include "model/res.h"

/* ---- text forms ---- */

static const struct {
	unsigned attr;
	const char *text;
	bool ok;
	int64_t num;
	const char *back; /* NULL: the text itself, or unchecked for numbers that have num */
} forms[] = {
	{ A_SEARCH_STRING, "", true, 0, "" },
	{ A_SEARCH_STRING, " a\tb ", true, 0, " a\tb " },
	{ A_CONTACT, " http://h/x ", true, 0, "http://h/x" },
	{ A_CONTACT, "", true, 0, "" },
	{ A_CONTACT, "a b", false, 0, NULL },
	{ A_CONTACT, "a\x7f", false, 0, NULL },
	{ A_ID, " a.b-c_d:1 ", true, 0, "a.b-c_d:1" },
	{ A_ID, "\xc3\xa9", true, 0, "\xc3\xa9" },
	{ A_ID, "", false, 0, NULL },
	{ A_ID, "a/b", false, 0, NULL },
	{ A_ID, "a b", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "0", true, 0, "0" },
	{ A_MAX_BYTE_SIZE, " +12\n", true, 12, "12" },
	{ A_MAX_BYTE_SIZE, "-0", true, 0, "0" },
	{ A_MAX_BYTE_SIZE, "00042", true, 42, "42" },
	{ A_MAX_BYTE_SIZE, "9223372036854775807", true, INT64_MAX, "9223372036854775807" },
	{ A_MAX_BYTE_SIZE, "-9223372036854775808", true, INT64_MIN, "-9223372036854775808" },
	{ A_MAX_BYTE_SIZE, "9223372036854775808", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "-9223372036854775809", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "99999999999999999999999", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "-", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "+-1", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "1.0", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "1e3", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "1 2", false, 0, NULL },
	{ A_MAX_BYTE_SIZE, "0x10", false, 0, NULL },
	{ A_ACTIVATED, "true", true, 1, "true" },
	{ A_ACTIVATED, " 1 ", true, 1, "true" },
	{ A_ACTIVATED, "false", true, 0, "false" },
	{ A_ACTIVATED, "0", true, 0, "false" },
	{ A_ACTIVATED, "TRUE", false, 0, NULL },
	{ A_ACTIVATED, "yes", false, 0, NULL },
	{ A_ACTIVATED, "", false, 0, NULL },
	{ A_EXPIRATION_TIME, "2000-01-01T01:00:00.25+01:00", true, INT64_C(946684800250000),
	  "2000-01-01T00:00:00.250Z" },
	{ A_EXPIRATION_TIME, "2000-01-01", false, 0, NULL },
	{ A_EXPIRATION_TIME, "", false, 0, NULL },
	{ A_MAX_INSTANCE_AGE, "P1DT12H", true, INT64_C(129600000000), "P1DT12H" },
	{ A_MAX_INSTANCE_AGE, "90", true, 90000000, "PT1M30S" }, /* Release 1 */
	{ A_MAX_INSTANCE_AGE, "-1", false, 0, NULL },
	{ A_MAX_INSTANCE_AGE, "9223372036854775807", false, 0, NULL },
	{ A_MAX_INSTANCE_AGE, "-P1D", false, 0, NULL },
	{ A_ONLINE_STATUS, " ONLINE ", true, ONLINE, "ONLINE" },
	{ A_ONLINE_STATUS, "online", false, 0, NULL },
	{ A_ONLINE_STATUS, "", false, 0, NULL },
	{ A_MGMT_PROTOCOL_TYPE, "OMA_DM", true, 0, "OMA_DM" },
	{ A_MGMT_PROTOCOL_TYPE, "OMA DM", true, 0, "OMA_DM" }, /* Release 1 */
	{ A_MGMT_PROTOCOL_TYPE, "BBF TR 069", true, 1, "BBF_TR069" },
	{ A_BINARY_CONTENT, " Zm9v\nYg== ", true, 0, "foob" },
	{ A_BINARY_CONTENT, "", true, 0, "" },
	{ A_BINARY_CONTENT, "Zm9", false, 0, NULL },
	{ A_MAX_INSTANCE_AGE, "1.5", false, 0, NULL },
	{ A_REG_EXPIRATION_DURATION, "90", false, 0, NULL }, /* no such form in Release 1 */
	{ A_REG_EXPIRATION_DURATION, "PT90S", true, 90000000, "PT1M30S" },
	{ A_MEMBER_TYPE, "SERVER_CAPABILITY_LAYER", true, MEMBER_SCL_BASE, "SCL_BASE" }, /* Release 1 */
	{ A_MEMBER_TYPE, "MIXED", true, MEMBER_MIXED, "MIXED" },
	{ A_GROUP_REQUEST_IDENTIFIER, " 0aFf ", true, 0, "0aFf" },
	{ A_GROUP_REQUEST_IDENTIFIER, "", true, 0, "" },
	{ A_GROUP_REQUEST_IDENTIFIER, "0a0", false, 0, NULL },
	{ A_GROUP_REQUEST_IDENTIFIER, "0g", false, 0, NULL },
	{ A_AN_NAME, "  a \n\t b  ", true, 0, "a b" },
	{ A_AN_NAME, "", true, 0, "" },
	{ A_AN_NAME, " \t ", true, 0, "" },
	{ A_TOLERABLE_TIME, " 04:30:00Z ", true, 0, "04:30:00Z" },
	{ A_TOLERABLE_TIME, "04:30", false, 0, NULL },
	{ A_TOLERABLE_TIME, "25:00:00", false, 0, NULL },
	{ A_TOLERABLE_DELAY, "PT10M", true, 600000000, "PT10M" },
	{ A_MAX_PEND_DATA, "10K", true, 0, "10K" },
	{ A_MAX_PEND_DATA, " 123456789012345T ", true, 0, "123456789012345T" },
	{ A_MAX_PEND_DATA, "1234567890123456T", false, 0, NULL },
	{ A_MAX_PEND_DATA, "10", false, 0, NULL },
	{ A_MAX_PEND_DATA, "K", false, 0, NULL },
	{ A_MAX_PEND_DATA, "10k", false, 0, NULL },
	{ A_MAX_PEND_DATA, "10KB", false, 0, NULL },
	{ A_MAX_PEND_DATA, "", false, 0, NULL },
	{ A_PROGRESS, "0", true, 0, "0" },
	{ A_PROGRESS, "100", true, 100, "100" },
	{ A_PROGRESS, "101", false, 0, NULL },
	{ A_PROGRESS, "-1", false, 0, NULL },
	{ A_ATTACHED, " true ", true, 1, "true" },
	{ A_ATTACHED, "1", false, 0, NULL },
	{ A_ATTACHED, "0", false, 0, NULL },
	{ A_FIRMWARE_NAME, "", true, 0, "" },
	{ A_SEARCH_STRINGS, "x", false, 0, NULL },
	{ A_OTHER, "x", false, 0, NULL },
};

START_TEST(text_forms)
{
	const struct attr_info *info = attr_info(forms[_i].attr);
	char scratch[KIND_TEXT_MAX];
	struct val v = { .attr = (uint16_t)forms[_i].attr };
	struct slice back;

	ck_assert_msg(kind_parse(arena, info, slice_of(forms[_i].text), &v) == forms[_i].ok, "%s: %s",
	              info->name, forms[_i].text);
	if (!forms[_i].ok)
		return;
	ck_assert_int_eq(v.num, forms[_i].num);
	back = kind_format(info, &v, scratch);
	ck_assert_msg(slice_is(back, forms[_i].back), "%s: %.*s", info->name, (int)back.n, back.p);
}
END_TEST

START_TEST(resource_names)
{
	ck_assert(kind_name_valid(SLICE_LIT("a"), 1));
	ck_assert(kind_name_valid(SLICE_LIT("A-Z_09.:\xc3\xa9"), 100));
	ck_assert(!kind_name_valid(SLICE_NONE, 10));
	ck_assert(!kind_name_valid(SLICE_LIT("ab"), 1));
	ck_assert(!kind_name_valid(SLICE_LIT("."), 10));
	ck_assert(!kind_name_valid(SLICE_LIT(".."), 10));
	ck_assert(kind_name_valid(SLICE_LIT("..."), 10));
	ck_assert(!kind_name_valid(SLICE_LIT("a/b"), 10));
	ck_assert(!kind_name_valid(SLICE_LIT("a\0b"), 10));
	ck_assert(!kind_name_valid(SLICE_LIT("a b"), 10));
	ck_assert(!kind_name_valid(SLICE_LIT("a%20"), 10));
}
END_TEST

/* ---- lists of values ---- */

START_TEST(lists_of_values)
{
	struct val *list = NULL, *other = NULL;

	ck_assert(val_set_num(arena, &list, A_MAX_BYTE_SIZE, 5));
	ck_assert(val_set_text(arena, &list, A_CONTACT, SLICE_LIT("c")));
	ck_assert(val_set_num(arena, &list, A_MAX_BYTE_SIZE, 6));
	ck_assert_int_eq(val_num(list, A_MAX_BYTE_SIZE, 1), 6);
	ck_assert_int_eq(val_num(list, A_MAX_ACCU_CREATES, 1), 1);
	ck_assert(slice_is(val_text(list, A_CONTACT), "c"));
	ck_assert_uint_eq(val_text(list, A_LINK).n, 0);
	ck_assert_ptr_null(list->next->next);
	ck_assert(val_set_text(arena, &other, A_CONTACT, SLICE_LIT("c")));
	ck_assert(!val_equal(list, other) && !val_equal(other, NULL));
	val_remove(&list, A_MAX_BYTE_SIZE);
	val_remove(&list, A_LINK);
	ck_assert(val_equal(list, other) && val_equal(NULL, NULL));
	val_remove(&list, A_CONTACT);
	ck_assert_ptr_null(list);
}
END_TEST

static uint64_t
dice(uint64_t *state, uint64_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % n;
}

static struct slice
random_text(uint64_t *d)
{
	size_t n = dice(d, 12);
	char *p = arena_alloc(arena, n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)dice(d, 256);
	return slice_make(p, n);
}

static struct node *
random_node(uint64_t *d, struct node *parent, unsigned depth)
{
	struct node *n = node_add(arena, parent, random_text(d), dice(d, 4) == 0 ? NODE_ATTRIBUTE : 0);

	n->ns = random_text(d);
	n->text = random_text(d);
	for (uint64_t i = depth == 0 ? 0 : dice(d, 4); i > 0; i--)
		random_node(d, n, depth - 1);
	return n;
}

static void random_vals(uint64_t *d, const struct elem *e, struct val **list, unsigned depth);

static void
random_val(uint64_t *d, struct val *v, unsigned depth)
{
	const struct attr_info *info = attr_info(v->attr);

	switch (info->kind) {
	case K_ANY:
		v->any = random_node(d, NULL, 3);
		/* A sibling is no part of the value. */
		((struct node *)(uintptr_t)v->any)->next = random_node(d, NULL, 1);
		return;
	case K_STRUCT:
		random_vals(d, info->shape->elems, &v->first, depth - 1);
		return;
	case K_BOOLEAN:
		v->num = (int64_t)dice(d, 2);
		return;
	case K_ENUM:
		v->num = info->values->values[1] == NULL ? 0 : (int64_t)dice(d, 2);
		return;
	case K_LONG:
	case K_TIME:
	case K_DURATION:
		v->num = (int64_t)(dice(d, UINT64_MAX) << 32 | dice(d, UINT64_MAX));
		return;
	default:
		v->text = random_text(d);
	}
}

static void
random_vals(uint64_t *d, const struct elem *e, struct val **list, unsigned depth)
{
	for (; e->attr != A_END && depth > 0; e++)
		for (uint64_t n = dice(d, (e->flags & E_MANY) != 0 ? 3 : 2); n > 0; n--)
			random_val(d, val_add(arena, list, e->attr), depth);
}

static struct val *
random_resource(uint64_t *d)
{
	const struct rtype *t = NULL;
	struct elem places[RULES_MAX + 1] = { { .attr = A_END } };
	struct val *list = NULL;
	size_t n = 0;

	while (t == NULL)
		t = rtype_get((unsigned)dice(d, T_MAX));
	for (const struct rule *r = t->rules; r->attr != A_END; r++)
		places[n++] = (struct elem){ .attr = r->attr, .flags = r->elem };
	random_vals(d, places, &list, 6);
	return list;
}

START_TEST(stored_form_comes_back)
{
	uint64_t d = (uint64_t)clock_now(&clock_system);

	printf("stored form: seed %llu\n", (unsigned long long)d);
	for (int turn = 0; turn < 2000; turn++) {
		struct val *list = random_resource(&d), *back;

		buf_clear(&out);
		vals_encode(&out, list);
		ck_assert(!out.failed);
		ck_assert_int_eq(vals_decode(arena, buf_view(&out), &back), RC_OK);
		ck_assert(val_equal(list, back));
		arena_reset(arena);
	}
}
END_TEST

START_TEST(damaged_stored_form_is_refused_or_read)
{
	uint64_t d = (uint64_t)clock_now(&clock_system);
	struct val *back;
	char *copy;

	printf("damaged form: seed %llu\n", (unsigned long long)d);
	for (int turn = 0; turn < 2000; turn++) {
		size_t n;

		buf_clear(&out);
		vals_encode(&out, random_resource(&d));
		n = out.n;
		copy = malloc(n + 1);
		memcpy(copy, out.p == NULL ? "" : out.p, n);
		for (uint64_t i = dice(&d, 4); i > 0 && n > 0; i--)
			copy[dice(&d, n)] = (char)dice(&d, 256);
		if (dice(&d, 2) == 0)
			n = dice(&d, n + 1);
		/* An exact copy, so that a sanitizer sees a read behind its end. */
		copy = realloc(copy, n == 0 ? 1 : n);
		vals_decode(arena, slice_make(copy, n), &back);
		free(copy);
		arena_reset(arena);
	}
}
END_TEST

static enum rc
stored(const char *bytes, size_t n)
{
	struct val *back;

	return vals_decode(arena, slice_make(bytes, n), &back);
}

START_TEST(stored_form_has_limits)
{
	char deep[2 * 1024 * 6];
	size_t n = 0;

	ck_assert_int_eq(stored("", 0), RC_OK);
	ck_assert_int_eq(stored("\0\x0b", 2), RC_INTERNAL);
	ck_assert_int_eq(stored("\0\xff\0\0\0\0", 6), RC_INTERNAL); /* no such attribute */
	ck_assert_int_eq(stored("\0\x8d\0\0\0\7\0\0\0\0\0\0\0", 13), RC_INTERNAL); /* a long of 7 bytes */
	ck_assert_int_eq(stored("\0\x8d\0\0\0\10\0\0\0\0\0\0\0\5", 14), RC_OK);
	ck_assert_int_eq(stored("\0\x19\0\0\0\10\0\0\0\0\0\0\0\2", 14), RC_OK); /* onlineStatus */
	ck_assert_int_eq(stored("\0\x19\0\0\0\10\0\0\0\0\0\0\0\3", 14), RC_INTERNAL);
	ck_assert_int_eq(stored("\0\x19\0\0\0\10\xff\xff\xff\xff\xff\xff\xff\xff", 14), RC_INTERNAL);
	ck_assert_int_eq(stored("\0\xd4\0\0\0\0", 6), RC_OK); /* other, without an element */
	ck_assert_int_eq(stored("\0\xd4\0\0\0\1\0", 7), RC_INTERNAL);
	/* Structures inside structures without end. */
	for (size_t levels = 1000; levels > 0; levels--) {
		size_t rest = (levels - 1) * 6;

		deep[n++] = 0;
		deep[n++] = A_SEARCH_STRINGS;
		deep[n++] = 0;
		deep[n++] = 0;
		deep[n++] = (char)(rest >> 8);
		deep[n++] = (char)rest;
	}
	ck_assert_int_eq(stored(deep, n), RC_INTERNAL);
}
END_TEST

START_TEST(out_of_memory_is_said)
{
	struct arena *small = arena_new(500);
	uint64_t d = 5;
	struct val *back;

	do {
		buf_clear(&out);
		vals_encode(&out, random_resource(&d));
	} while (out.n < 1000);
	ck_assert_int_eq(vals_decode(small, buf_view(&out), &back), RC_UNAVAILABLE);
	arena_free(small);
}
END_TEST
int
main(void)
{
	Suite *s = suite_create("values");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, text_forms, 0, NITEMS(forms));
	tcase_add_test(c, resource_names);
	tcase_add_test(c, lists_of_values);
	tcase_add_test(c, stored_form_comes_back);
	tcase_add_test(c, damaged_stored_form_is_refused_or_read);
	tcase_add_test(c, stored_form_has_limits);
	tcase_add_test(c, out_of_memory_is_said);
	suite_add_tcase(s, c);
	return run_suite(s);
}

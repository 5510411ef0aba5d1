/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in blocks: the table of a listener. */
#include "config.h"

#include "suite.h"

#include "bind/coap_blocks.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define BODY_MAX 100000u
#define LIFETIME 1000

static char text[BODY_MAX + 4096]; /* of bodies */
static struct blocks *table;
static struct blocks_key key;
static struct buf body;
static int64_t now;
static unsigned szx;

static void
open_table(size_t octets, unsigned bodies, unsigned per_owner)
{
	const struct blocks_conf conf = { .octets_max = octets,
		                          .bodies_max = bodies,
		                          .per_owner_max = per_owner,
		                          .lifetime_us = LIFETIME };

	blocks_free(table);
	table = blocks_new(&conf);
	ck_assert_ptr_nonnull(table);
}

static void
setup(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23 + i / 1024 % 3);
	table = NULL;
	open_table(1u << 20, 100, 10);
	key = (struct blocks_key){ .owner = text, .digest = { 1 } };
	now = 1;
	buf_init(&body, BODY_MAX);
}

static void
teardown(void)
{
	buf_fini(&body);
	blocks_free(table);
}

/* Block num of that size of a body of n octets. */
static enum blocks_result
add(unsigned num, unsigned size, size_t n)
{
	size_t at = num * BLOCK_OCTETS(size);
	struct cmap_block block = { true, num, at + BLOCK_OCTETS(size) < n, size };
	struct slice payload = slice_head(slice_from(slice_make(text, n), at), BLOCK_OCTETS(size));

	return blocks_add(table, &key, &block, payload, 0, BODY_MAX, now, &szx, &body);
}

static enum blocks_result
add_as(unsigned char id, unsigned num, unsigned size, size_t n)
{
	key.digest[0] = id;
	return add(num, size, n);
}

/* The text is what has come; forgets it. */
static void
check_body(size_t n)
{
	ck_assert_uint_eq(body.n, n);
	ck_assert(slice_eq(buf_view(&body), slice_make(text, n)));
	buf_fini(&body);
	ck_assert_uint_eq(blocks_octets(table), 0);
}

/* ---- requests ---- */

static const struct {
	unsigned szx;
	size_t n;
} whole[] = { { 0, 0 },    { 0, 1 },    { 0, 16 },    { 0, 17 },       { 0, 5000 }, { 2, 1024 },
	      { 6, 1024 }, { 6, 1025 }, { 6, 50000 }, { 6, BODY_MAX }, { 5, 8191 }, { 3, 12345 } };

START_TEST(blocks_become_a_body)
{
	size_t size = BLOCK_OCTETS(whole[_i].szx);
	unsigned last = whole[_i].n == 0 ? 0 : (unsigned)((whole[_i].n - 1) / size);

	for (unsigned num = 0; num < last; num++) {
		ck_assert_int_eq(add(num, whole[_i].szx, whole[_i].n), BLOCKS_MORE);
		ck_assert_uint_eq(szx, whole[_i].szx);
		ck_assert_uint_ge(blocks_octets(table), (num + 1) * size);
	}
	ck_assert_int_eq(add(last, whole[_i].szx, whole[_i].n), BLOCKS_DONE);
	ck_assert_uint_eq(body.max, BODY_MAX);
	check_body(whole[_i].n);
	ck_assert_int_eq(blocks_expire(table, now), INT64_MAX);
}
END_TEST

START_TEST(an_empty_block_may_be_the_last)
{
	const struct cmap_block last = { true, 1, false, 6 };

	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(blocks_add(table, &key, &last, SLICE_NONE, 0, BODY_MAX, now, &szx, &body),
	                 BLOCKS_DONE);
	check_body(1024);
}
END_TEST

START_TEST(a_block_may_come_again)
{
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(2, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(3, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(3, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(4, 6, 5000), BLOCKS_DONE);
	check_body(5000);
	ck_assert_int_eq(add(4, 6, 5000), BLOCKS_GAP);
}
END_TEST

START_TEST(the_same_number_with_other_content_is_no_repetition)
{
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_MORE);
	text[1500] ^= 1;
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_GAP);
	text[1500] ^= 1;
	ck_assert_int_eq(add(2, 6, 5000), BLOCKS_MORE);
}
END_TEST

/* Number, size, body and what it is, after the blocks 0 and 1 of 512 octets have come. */
static const struct {
	unsigned num, szx;
	size_t n;
	enum blocks_result result;
} order[] = {
	{ 3, 5, 5000, BLOCKS_GAP },   { 0x1000, 0, 5000000, BLOCKS_GAP },
	{ 1, 5, 1000, BLOCKS_GAP },   { 1, 6, 5000, BLOCKS_BAD },
	{ 2, 6, 5000, BLOCKS_GAP },   { 4, 4, 5000, BLOCKS_MORE },
	{ 64, 0, 5000, BLOCKS_MORE }, { 63, 0, 5000, BLOCKS_GAP },
	{ 5, 4, 5000, BLOCKS_GAP },   { 2, 5, 1536, BLOCKS_DONE },
	{ 8, 3, 1100, BLOCKS_DONE },  { 0, 5, 5000, BLOCKS_MORE },
	{ 0, 5, 100, BLOCKS_DONE },
};

START_TEST(order_of_blocks)
{
	ck_assert_int_eq(add(0, 5, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(1, 5, 5000), BLOCKS_MORE);
	if (order[_i].n > BODY_MAX) {
		const struct cmap_block block = { true, order[_i].num, true, 0 };

		ck_assert_int_eq(blocks_add(table, &key, &block, slice_make(text, 16), 0, BODY_MAX,
		                            now, &szx, &body),
		                 order[_i].result);
		return;
	}
	ck_assert_int_eq(add(order[_i].num, order[_i].szx, order[_i].n), order[_i].result);
	if (order[_i].result == BLOCKS_DONE)
		check_body(order[_i].n);
}
END_TEST

START_TEST(a_size_that_has_become_smaller_stays_so)
{
	ck_assert_int_eq(add(0, 5, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(4, 3, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(5, 3, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(6, 3, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(7, 3, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(2, 5, 5000), BLOCKS_BAD);
	for (unsigned num = 8; num < 39; num++)
		ck_assert_int_eq(add(num, 3, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add(39, 3, 5000), BLOCKS_DONE);
	check_body(5000);
}
END_TEST

/* Against RFC 7959 by themselves. */
static const struct {
	struct cmap_block block;
	size_t n;
} malformed[] = {
	{ { true, 0, true, 6 }, 1023 },       { { true, 0, true, 6 }, 1025 },
	{ { true, 0, false, 6 }, 1025 },      { { true, 0, true, 0 }, 0 },
	{ { true, 0, true, 7 }, 2048 },       { { false, 0, false, 6 }, 10 },
	{ { true, 0x100000, false, 0 }, 16 },
};

START_TEST(malformed_blocks)
{
	ck_assert_int_eq(blocks_add(table, &key, &malformed[_i].block,
	                            slice_make(text, malformed[_i].n), 0, BODY_MAX, now, &szx,
	                            &body),
	                 BLOCKS_BAD);
	ck_assert_uint_eq(blocks_octets(table), 0);
}
END_TEST

START_TEST(bodies_are_bounded)
{
	const struct cmap_block first = { true, 0, true, 6 }, end = { true, 97, true, 6 };
	struct slice payload = slice_make(text, 1024);

	ck_assert_int_eq(
		blocks_add(table, &key, &first, payload, BODY_MAX + 1, BODY_MAX, now, &szx, &body),
		BLOCKS_TOO_LARGE);
	ck_assert_uint_eq(blocks_octets(table), 0);
	ck_assert_int_eq(blocks_add(table, &key, &first, payload, BODY_MAX, 1023, now, &szx, &body),
	                 BLOCKS_TOO_LARGE);
	for (unsigned num = 0; num < 97; num++)
		ck_assert_int_eq(add(num, 6, BODY_MAX + 1), BLOCKS_MORE);
	ck_assert_int_eq(blocks_add(table, &key, &end, payload, 0, BODY_MAX, now, &szx, &body),
	                 BLOCKS_TOO_LARGE);
	ck_assert_uint_eq(blocks_octets(table), 0);
	ck_assert_int_eq(add(97, 6, BODY_MAX), BLOCKS_GAP);
}
END_TEST

/* What Size1 promises takes no memory before it comes. */
START_TEST(memory_follows_what_has_come)
{
	const struct cmap_block first = { true, 0, true, 0 };

	ck_assert_int_eq(blocks_add(table, &key, &first, slice_make(text, 16), BODY_MAX, BODY_MAX,
	                            now, &szx, &body),
	                 BLOCKS_MORE);
	ck_assert_uint_le(blocks_octets(table), 1024);
	for (unsigned num = 1; num < 1000; num++) {
		ck_assert_int_eq(add(num, 0, BODY_MAX), BLOCKS_MORE);
		ck_assert_uint_le(blocks_octets(table), num < 62 ? 1024u : 2 * 16 * (num + 1));
	}
}
END_TEST

/* ---- many bodies ---- */

START_TEST(bodies_are_kept_apart)
{
	static const char other[] = "other";

	ck_assert_int_eq(add_as(1, 0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add_as(2, 1, 6, 5000), BLOCKS_GAP);
	ck_assert_int_eq(add_as(2, 0, 6, 5000), BLOCKS_MORE);
	key.owner = other;
	ck_assert_int_eq(add_as(1, 1, 6, 5000), BLOCKS_GAP);
	ck_assert_int_eq(add_as(1, 0, 6, 5000), BLOCKS_MORE);
	key.owner = text;
	ck_assert_int_eq(add_as(1, 1, 6, 2000), BLOCKS_DONE);
	buf_fini(&body);
	blocks_forget(table, text);
	ck_assert_int_eq(add_as(2, 1, 6, 5000), BLOCKS_GAP);
	key.owner = other;
	ck_assert_int_eq(add_as(1, 1, 6, 2000), BLOCKS_DONE);
	check_body(2000);
}
END_TEST

START_TEST(only_the_owner_is_forgotten)
{
	static const char owners[64 * 64];

	/* At places that share chains. */
	open_table(1u << 20, 64, 4);
	for (unsigned i = 0; i < 64; i++) {
		key.owner = owners + i * i;
		ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	}
	for (unsigned i = 0; i < 64; i += 2)
		blocks_forget(table, owners + i * i);
	for (unsigned i = 0; i < 64; i++) {
		key.owner = owners + i * i;
		ck_assert_int_eq(add(1, 6, 5000), i % 2 == 0 ? BLOCKS_GAP : BLOCKS_MORE);
	}
}
END_TEST

START_TEST(the_oldest_of_an_owner_goes)
{
	static const char other[] = "other";

	open_table(1u << 20, 100, 3);
	key.owner = other;
	ck_assert_int_eq(add_as(9, 0, 6, 5000), BLOCKS_MORE);
	key.owner = text;
	for (unsigned char id = 1; id <= 3; id++)
		ck_assert_int_eq(add_as(id, 0, 6, 5000), BLOCKS_MORE);
	now++;
	ck_assert_int_eq(add_as(1, 1, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add_as(4, 0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add_as(2, 1, 6, 5000), BLOCKS_GAP);
	ck_assert_int_eq(add_as(1, 2, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add_as(3, 1, 6, 5000), BLOCKS_MORE);
	key.owner = other;
	ck_assert_int_eq(add_as(9, 1, 6, 5000), BLOCKS_MORE);
}
END_TEST

START_TEST(the_oldest_of_all_goes)
{
	static const char owners[20];

	open_table(1u << 20, 8, 4);
	for (unsigned i = 0; i < 8; i++) {
		key.owner = owners + i;
		ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	}
	key.owner = owners;
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_MORE);
	key.owner = owners + 8;
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	key.owner = owners + 1;
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_GAP);
	key.owner = owners;
	ck_assert_int_eq(add(2, 6, 5000), BLOCKS_MORE);
}
END_TEST

/* Who has not proved his address gives way, and takes nothing from those who have. */
START_TEST(the_unproved_give_way)
{
	static const char owners[20];

	open_table(1u << 20, 4, 4);
	for (unsigned i = 0; i < 4; i++) {
		key.owner = owners + i;
		key.unproved = i == 3;
		ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	}
	key.owner = owners + 4;
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	key.unproved = false;
	key.owner = owners + 5;
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_MORE);
	key.unproved = true;
	key.owner = owners + 6;
	ck_assert_int_eq(add(0, 6, 5000), BLOCKS_FULL);
	key.unproved = false;
	key.owner = owners;
	ck_assert_int_eq(add(1, 6, 5000), BLOCKS_MORE);
}
END_TEST

START_TEST(octets_of_the_unproved_give_way)
{
	open_table(8000, 100, 10);
	for (unsigned char num = 0; num < 4; num++)
		ck_assert_int_eq(add_as(1, num, 6, 50000), BLOCKS_MORE);
	key.unproved = true;
	key.owner = text + 1;
	for (unsigned char id = 2; id < 8; id++)
		add_as(id, 0, 6, 5000);
	key.unproved = false;
	key.owner = text;
	ck_assert_int_eq(add_as(1, 4, 6, 50000), BLOCKS_MORE);
}
END_TEST

START_TEST(octets_are_bounded)
{
	open_table(8000, 100, 10);
	for (unsigned num = 0; num < 7; num++)
		ck_assert_int_eq(add_as(1, num, 6, 50000), BLOCKS_MORE);
	ck_assert_uint_le(blocks_octets(table), 8000);
	/* Alone it is over the limit. */
	ck_assert_int_eq(add_as(1, 7, 6, 50000), BLOCKS_FULL);
	ck_assert_int_eq(add_as(1, 7, 6, 50000), BLOCKS_GAP);
	ck_assert_uint_eq(blocks_octets(table), 0);
	for (unsigned char id = 1; id <= 9; id++) {
		ck_assert_int_eq(add_as(id, 0, 6, 5000), BLOCKS_MORE);
		ck_assert_uint_le(blocks_octets(table), 8000);
	}
	ck_assert_int_eq(add_as(1, 1, 6, 5000), BLOCKS_GAP);
	ck_assert_int_eq(add_as(9, 1, 6, 5000), BLOCKS_MORE);
}
END_TEST

START_TEST(a_body_ends_with_its_time)
{
	ck_assert_int_eq(blocks_expire(table, now), INT64_MAX);
	ck_assert_int_eq(add_as(1, 0, 6, 5000), BLOCKS_MORE);
	now += LIFETIME / 2;
	ck_assert_int_eq(add_as(2, 0, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(add_as(1, 1, 6, 5000), BLOCKS_MORE);
	ck_assert_int_eq(blocks_expire(table, now), now + LIFETIME);
	now += LIFETIME - 1;
	ck_assert_int_eq(add_as(1, 2, 6, 5000), BLOCKS_MORE);
	now += 1;
	/* Not cleared away yet, but over. */
	ck_assert_int_eq(add_as(2, 1, 6, 5000), BLOCKS_GAP);
	ck_assert_int_eq(blocks_expire(table, now), now - 1 + LIFETIME);
	ck_assert_int_eq(blocks_expire(table, now + LIFETIME), INT64_MAX);
	ck_assert_uint_eq(blocks_octets(table), 0);
}
END_TEST

/* ---- kept answers ---- */

static bool
keep(unsigned char id, size_t n)
{
	struct cmap_answer a = { .code = 205,
		                 .etag_n = 1,
		                 .etag = { 7 },
		                 .has_format = true,
		                 .format = 41,
		                 .location = SLICE_LIT("/gone"),
		                 .echo = SLICE_LIT("e"),
		                 .body = SLICE_LIT("somebody else's") };
	char *copy = malloc(n);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, n);
	key.digest[0] = id;
	if (blocks_keep(table, &key, &a, copy, n, now))
		return true;
	free(copy);
	return false;
}

static const struct cmap_answer *
find(unsigned char id)
{
	key.digest[0] = id;
	return blocks_find(table, &key, now);
}

START_TEST(answers_are_kept)
{
	const struct cmap_answer *a;

	ck_assert_ptr_null(find(1));
	ck_assert(keep(1, 5000));
	ck_assert_uint_eq(blocks_octets(table), 5000);
	a = find(1);
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->code, 205);
	ck_assert(a->etag_n == 1 && a->etag[0] == 7 && a->format == 41);
	ck_assert(a->location.p == NULL && a->echo.p == NULL);
	ck_assert(slice_eq(a->body, slice_make(text, 5000)));
	ck_assert_int_eq(add_as(1, 0, 6, 5000), BLOCKS_MORE);
	ck_assert_ptr_nonnull(find(1));
	ck_assert(keep(1, 3000));
	ck_assert_uint_eq(find(1)->body.n, 3000);
	now += LIFETIME;
	ck_assert_ptr_null(find(1));
}
END_TEST

START_TEST(answers_that_were_fetched_go_first)
{
	open_table(1u << 20, 3, 3);
	ck_assert_int_eq(add_as(1, 0, 6, 5000), BLOCKS_MORE);
	ck_assert(keep(2, 100));
	ck_assert(keep(3, 100));
	key.digest[0] = 3;
	blocks_served(table, &key);
	key.digest[0] = 77;
	blocks_served(table, &key);
	ck_assert_int_eq(blocks_expire(table, now), now + LIFETIME);
	ck_assert(keep(4, 100));
	ck_assert_ptr_null(find(3));
	ck_assert_ptr_nonnull(find(2));
	ck_assert_int_eq(add_as(1, 1, 6, 5000), BLOCKS_MORE);
	key.digest[0] = 4;
	blocks_served(table, &key);
	ck_assert_ptr_nonnull(find(4));
}
END_TEST

START_TEST(answers_are_bounded)
{
	open_table(10000, 100, 10);
	ck_assert(!keep(1, 10001));
	ck_assert_uint_eq(blocks_octets(table), 0);
	ck_assert(keep(1, 10000));
	ck_assert(keep(2, 1));
	ck_assert_ptr_null(find(1));
	ck_assert_ptr_nonnull(find(2));
	ck_assert_uint_eq(blocks_octets(table), 1);
}
END_TEST

/* ---- which operation ---- */

START_TEST(operations_are_told_apart)
{
	struct cmap_head head = { .input = { .op = REQ_CREATE,
		                             .target = SLICE_LIT("/a"),
		                             .host = SLICE_LIT("h"),
		                             .from = SLICE_LIT("f") } };
	struct slice *const parts[] = { &head.input.target, &head.input.host,
		                        &head.input.from,   &head.input.accept,
		                        &head.input.rcat,   &head.request_tag,
		                        &head.input.via,    &head.input.connection };
	unsigned char first[32], other[32];

	ck_assert_int_eq(blocks_digest(&head, first), RC_OK);
	head.input.if_none_match = SLICE_LIT("x");
	head.block1.given = true;
	ck_assert_int_eq(blocks_digest(&head, other), RC_OK);
	ck_assert_mem_eq(first, other, 32);
	head.input.op = REQ_UPDATE;
	ck_assert_int_eq(blocks_digest(&head, other), RC_OK);
	ck_assert_mem_ne(first, other, 32);
	head.input.op = REQ_CREATE;
	for (size_t i = 0; i < NITEMS(parts); i++) {
		struct slice was = *parts[i];

		*parts[i] = SLICE_LIT("");
		ck_assert_int_eq(blocks_digest(&head, other), RC_OK);
		ck_assert_mem_ne(first, other, 32);
		*parts[i] = was;
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_blocks");
	TCase *c = suite_case(s, "server", setup, teardown);

	tcase_add_loop_test(c, blocks_become_a_body, 0, (int)NITEMS(whole));
	tcase_add_test(c, an_empty_block_may_be_the_last);
	tcase_add_test(c, a_block_may_come_again);
	tcase_add_test(c, the_same_number_with_other_content_is_no_repetition);
	tcase_add_loop_test(c, order_of_blocks, 0, (int)NITEMS(order));
	tcase_add_test(c, a_size_that_has_become_smaller_stays_so);
	tcase_add_loop_test(c, malformed_blocks, 0, (int)NITEMS(malformed));
	tcase_add_test(c, bodies_are_bounded);
	tcase_add_test(c, memory_follows_what_has_come);
	tcase_add_test(c, bodies_are_kept_apart);
	tcase_add_test(c, only_the_owner_is_forgotten);
	tcase_add_test(c, the_oldest_of_an_owner_goes);
	tcase_add_test(c, the_oldest_of_all_goes);
	tcase_add_test(c, the_unproved_give_way);
	tcase_add_test(c, octets_of_the_unproved_give_way);
	tcase_add_test(c, octets_are_bounded);
	tcase_add_test(c, a_body_ends_with_its_time);
	tcase_add_test(c, answers_are_kept);
	tcase_add_test(c, answers_that_were_fetched_go_first);
	tcase_add_test(c, answers_are_bounded);
	tcase_add_test(c, operations_are_told_apart);
	return run_suite(s);
}

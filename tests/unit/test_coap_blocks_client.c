/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in blocks: the exchange of a client. */
#include "config.h"

#include "suite.h"

#include "bind/coap_blocks.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define BODY_MAX 100000u

static char text[BODY_MAX]; /* of bodies */
static struct buf body;
static struct blocks_receive receive;
static struct cmap_block ask;

static void
setup(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23 + i / 1024 % 3);
	buf_init(&body, BODY_MAX);
	receive = (struct blocks_receive){ .at = 0 };
}

static void
teardown(void)
{
	buf_fini(&body);
}

static void
check_body(size_t n)
{
	ck_assert(slice_eq(buf_view(&body), slice_make(text, n)));
	buf_fini(&body);
}

/* ---- sending ---- */

/* Sends n octets to a server that takes blocks of up to that size, and checks what came. */
static void
send_all(size_t n, unsigned own, unsigned theirs)
{
	struct blocks_send s = { .body = slice_make(text, n), .szx = own };
	struct cmap_block block, answered;
	struct slice payload;
	size_t at = 0;
	bool bad;

	do {
		blocks_send_next(&s, &block, &payload);
		ck_assert(payload.n == 0 || payload.p == text + at);
		ck_assert(block.given == (n > BLOCK_OCTETS(own)));
		ck_assert(!block.given || block.num * BLOCK_OCTETS(block.szx) == at);
		ck_assert(block.more == (at + payload.n < n));
		at += payload.n;
		answered = block;
		answered.more = false;
		if (theirs < block.szx)
			answered.szx = theirs;
	} while (blocks_send_answered(&s, &answered, &bad));
	ck_assert(!bad);
	ck_assert_uint_eq(at, n);
	ck_assert_uint_eq(s.at, n);
}

START_TEST(all_is_sent)
{
	static const size_t sizes[] = { 0, 1, 16, 17, 1023, 1024, 1025, 4096, 50000 };

	for (unsigned i = 0; i < NITEMS(sizes); i++)
		for (unsigned own = 0; own <= BLOCK_SZX_MAX; own++)
			for (unsigned theirs = 0; theirs <= BLOCK_SZX_MAX; theirs++)
				send_all(sizes[i], own, theirs);
}
END_TEST

static const struct {
	struct cmap_block answered; /* to block 1 of 5 */
	bool more, bad;
	size_t at;
	unsigned szx;
} answers[] = {
	{ { true, 1, true, 6 }, true, false, 2048, 6 },
	{ { true, 1, false, 6 }, true, false, 2048, 6 },
	{ { true, 1, false, 2 }, true, false, 2048, 2 },
	{ { true, 0, true, 6 }, false, true, 1024, 6 },
	{ { true, 2, true, 6 }, false, true, 1024, 6 },
	{ { false, 0, false, 0 }, false, true, 1024, 6 },
};

START_TEST(answers_to_blocks)
{
	struct blocks_send s = { .body = slice_make(text, 5000), .at = 1024, .szx = 6 };
	bool bad;

	ck_assert(blocks_send_answered(&s, &answers[_i].answered, &bad) == answers[_i].more);
	ck_assert(bad == answers[_i].bad);
	ck_assert_uint_eq(s.at, answers[_i].at);
	ck_assert_uint_eq(s.szx, answers[_i].szx);
}
END_TEST

START_TEST(the_last_answer_may_be_without_a_block)
{
	struct blocks_send s = { .body = slice_make(text, 5000), .at = 4096, .szx = 6 };
	const struct cmap_block none = { .given = false };
	bool bad;

	ck_assert(!blocks_send_answered(&s, &none, &bad));
	ck_assert(!bad);
}
END_TEST

START_TEST(smaller_blocks_from_the_start)
{
	struct blocks_send s = { .body = slice_make(text, 5000), .at = 1024, .szx = 6 };
	const struct cmap_block first = { true, 0, true, 0 };
	bool bad;

	ck_assert(!blocks_send_smaller(&s, 6));
	ck_assert_uint_eq(s.at, 1024);
	ck_assert(blocks_send_smaller(&s, 4));
	ck_assert(s.at == 0 && s.szx == 4);
	/* There are no numbers for that many. */
	s = (struct blocks_send){ .body = { text, (size_t)16 << 20 }, .szx = 6 };
	ck_assert(!blocks_send_smaller(&s, 0));
	ck_assert(!blocks_send_answered(&s, &first, &bad) && bad);
	s.body.n--;
	ck_assert(blocks_send_smaller(&s, 0));
}
END_TEST

/* ---- receiving ---- */

static enum blocks_received
got(unsigned num, unsigned size, size_t n, const char *etag)
{
	size_t at = num * BLOCK_OCTETS(size);
	struct cmap_block block = { true, num, at + BLOCK_OCTETS(size) < n, size };
	struct slice payload = slice_head(slice_from(slice_make(text, n), at), BLOCK_OCTETS(size));

	return blocks_receive_add(&receive, &block, (const unsigned char *)etag,
	                          (unsigned)strlen(etag), payload, &body, &ask);
}

START_TEST(an_answer_is_put_together)
{
	ck_assert_int_eq(got(0, 6, 5000, "t"), RECEIVED_MORE);
	ck_assert(ask.given && ask.num == 1 && ask.szx == 6 && !ask.more);
	ck_assert_int_eq(got(1, 6, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(got(16, 3, 5000, "t"), RECEIVED_MORE);
	ck_assert(ask.num == 17 && ask.szx == 3);
	for (unsigned num = 17; num < 39; num++)
		ck_assert_int_eq(got(num, 3, 5000, ""), RECEIVED_MORE);
	ck_assert_int_eq(got(39, 3, 5000, "t"), RECEIVED_ALL);
	check_body(5000);
}
END_TEST

START_TEST(an_answer_without_blocks)
{
	const struct cmap_block none = { .given = false };

	ck_assert_int_eq(
		blocks_receive_add(&receive, &none, NULL, 0, slice_make(text, 700), &body, &ask),
		RECEIVED_ALL);
	check_body(700);
	ck_assert_int_eq(got(0, 6, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(
		blocks_receive_add(&receive, &none, NULL, 0, slice_make(text, 700), &body, &ask),
		RECEIVED_BAD);
}
END_TEST

static const struct {
	struct cmap_block block; /* after block 0 of 512 octets */
	size_t n;
} bad_blocks[] = {
	{ { true, 2, true, 5 }, 512 },  { { true, 0, true, 5 }, 512 },
	{ { true, 1, true, 5 }, 511 },  { { true, 1, false, 5 }, 513 },
	{ { true, 1, true, 7 }, 2048 }, { { true, 0, true, 6 }, 1024 },
	{ { true, 1, true, 4 }, 256 },
};

START_TEST(bad_blocks_of_an_answer)
{
	ck_assert_int_eq(got(1, 5, 5000, "t"), RECEIVED_BAD);
	receive = (struct blocks_receive){ .at = 0 };
	ck_assert_int_eq(got(0, 5, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(blocks_receive_add(&receive, &bad_blocks[_i].block, NULL, 0,
	                                    slice_make(text, bad_blocks[_i].n), &body, &ask),
	                 RECEIVED_BAD);
}
END_TEST

START_TEST(blocks_of_an_answer_do_not_grow)
{
	ck_assert_int_eq(got(0, 5, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(got(1, 5, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(got(1, 6, 5000, "t"), RECEIVED_BAD);
}
END_TEST

START_TEST(a_change_begins_again)
{
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(got(0, 6, 5000, "t"), RECEIVED_MORE);
		ck_assert_int_eq(got(1, 6, 5000, i == 1 ? "tt" : "u"), RECEIVED_AGAIN);
		ck_assert_uint_eq(body.n, 0);
	}
	ck_assert_int_eq(got(0, 6, 2000, "u"), RECEIVED_MORE);
	ck_assert_int_eq(got(1, 6, 2000, "u"), RECEIVED_ALL);
	check_body(2000);
	receive = (struct blocks_receive){ .again = 3 };
	ck_assert_int_eq(got(0, 6, 5000, "t"), RECEIVED_MORE);
	ck_assert_int_eq(got(1, 6, 5000, "u"), RECEIVED_BAD);
}
END_TEST

START_TEST(an_answer_is_bounded)
{
	body.max = 2000;
	ck_assert_int_eq(got(0, 6, 5000, ""), RECEIVED_MORE);
	ck_assert_int_eq(got(1, 6, 5000, ""), RECEIVED_TOO_LARGE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_blocks_client");
	TCase *c = suite_case(s, "client", setup, teardown);

	tcase_add_test(c, all_is_sent);
	tcase_add_loop_test(c, answers_to_blocks, 0, (int)NITEMS(answers));
	tcase_add_test(c, the_last_answer_may_be_without_a_block);
	tcase_add_test(c, smaller_blocks_from_the_start);
	tcase_add_test(c, an_answer_is_put_together);
	tcase_add_test(c, an_answer_without_blocks);
	tcase_add_loop_test(c, bad_blocks_of_an_answer, 0, (int)NITEMS(bad_blocks));
	tcase_add_test(c, blocks_of_an_answer_do_not_grow);
	tcase_add_test(c, a_change_begins_again);
	tcase_add_test(c, an_answer_is_bounded);
	return run_suite(s);
}

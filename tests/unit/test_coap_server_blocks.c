/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in blocks (RFC 7959) at the CoAP server, in front of a core that is faked. */
#include "config.h"

#include "coap_bed.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

static struct bed b;
static struct client c;

static void
setup(void)
{
	bed_init(&b);
	bed_run(&b);
	client_proved(&c, &b);
	atomic_store(&b.core.made, 0);
	atomic_store(&b.core.prepared, 0);
}

static void
teardown(void)
{
	client_close(&c);
	bed_end(&b);
}

/* A block of a body of x; size1 is told when it is not 0. */
static void
put_block(unsigned mid, const char *path, unsigned long block, size_t n, unsigned long size1,
          struct got *g)
{
	char body[1024];
	struct msg m;

	memset(body, 'x', sizeof(body));
	msg_begin(&m, CON, POST, mid, "tokn");
	msg_path(&m, path);
	msg_uint(&m, OPT_BLOCK1, block);
	if (size1 > 0)
		msg_uint(&m, OPT_SIZE1, size1);
	msg_payload(&m, body, n);
	client_send(&c, &m);
	client_get(&c, g);
	ck_assert_uint_eq(g->mid, mid);
}

/* Asks for a block of an answer; code of the request. */
static void
get_block(struct client *who, unsigned code, const char *path, unsigned long block, struct got *g)
{
	struct msg m;

	msg_begin(&m, CON, code, ++who->mid, "tokn");
	msg_path(&m, path);
	msg_uint(&m, OPT_BLOCK2, block);
	client_send(who, &m);
	client_get(who, g);
	ck_assert_uint_eq(g->mid, who->mid);
}

/* The first block of an answer that must not be lost. */
static void
ask_told(struct got *g)
{
	struct msg m;

	msg_begin(&m, CON, POST, ++c.mid, "tokn");
	msg_path(&m, "/told/2500");
	client_send(&c, &m);
	client_get(&c, g);
	ck_assert_uint_eq(g->code, 0);
	client_get(&c, g);
	ck_assert_int_eq(g->type, CON);
	ck_assert_int_eq(got_uint(g, OPT_BLOCK2), BLOCK(0, 1, 6));
	client_empty(&c, ACK, g->mid);
}

START_TEST(test_body)
{
	struct got g;

	put_block(10, "/echo", BLOCK(0, 1, 6), 1024, 2148, &g);
	ck_assert_uint_eq(g.code, 231);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK1), BLOCK(0, 1, 6));
	put_block(11, "/echo", BLOCK(1, 1, 6), 1024, 0, &g);
	ck_assert_uint_eq(g.code, 231);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK1), BLOCK(1, 1, 6));
	put_block(12, "/later", BLOCK(0, 1, 2), 64, 0, &g); /* another one between them */
	ck_assert_uint_eq(g.code, 231);
	put_block(13, "/echo", BLOCK(2, 0, 6), 100, 0, &g);
	ck_assert_uint_eq(g.code, 204);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK1), BLOCK(2, 0, 6));
	ck_assert(slice_starts(g.payload, SLICE_LIT("CREATE /echo from= n=2148")));
}
END_TEST

/* A message that comes twice, also late, is answered as it was, and its request is made once. */
START_TEST(test_body_repeated)
{
	struct got g;

	put_block(10, "/made", BLOCK(0, 1, 2), 64, 0, &g);
	put_block(11, "/made", BLOCK(1, 1, 2), 64, 0, &g);
	put_block(10, "/made", BLOCK(0, 1, 2), 64, 0, &g);
	ck_assert_uint_eq(g.code, 231);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK1), BLOCK(0, 1, 2));
	put_block(12, "/made", BLOCK(2, 0, 2), 3, 0, &g);
	ck_assert_uint_eq(g.code, 201);
	put_block(12, "/made", BLOCK(2, 0, 2), 3, 0, &g);
	ck_assert_uint_eq(g.code, 201);
	ck_assert_uint_eq(atomic_load(&b.core.made), 3);
}
END_TEST

START_TEST(test_body_gap)
{
	struct got g;

	put_block(10, "/echo", BLOCK(0, 1, 2), 64, 0, &g);
	put_block(11, "/echo", BLOCK(2, 0, 2), 64, 0, &g);
	ck_assert_uint_eq(g.code, 408);
	put_block(12, "/at-once", BLOCK(1, 0, 2), 64, 0, &g);
	ck_assert_uint_eq(g.code, 408);
}
END_TEST

START_TEST(test_body_too_large)
{
	struct got g;

	put_block(10, "/echo", BLOCK(0, 1, 6), 1024, FAKE_BODY_MAX + 1, &g);
	ck_assert_uint_eq(g.code, 413);
	ck_assert_int_eq(got_uint(&g, OPT_SIZE1), FAKE_BODY_MAX);
	for (unsigned i = 0; i <= FAKE_BODY_MAX / 1024; i++)
		put_block(20 + i, "/echo", BLOCK(i, 1, 6), 1024, 0, &g);
	ck_assert_uint_eq(g.code, 413);
}
END_TEST

/* Nobody's body is taken who would be refused. */
START_TEST(test_body_of_stranger)
{
	struct got g;

	put_block(10, "/stranger", BLOCK(0, 1, 6), 1024, 0, &g);
	ck_assert_uint_eq(g.code, 401);
}
END_TEST

static size_t
fetch(unsigned code, const char *path, unsigned szx, struct got *g)
{
	char etag[8];
	size_t n = 0;
	long block;

	for (unsigned i = 0;; i++) {
		get_block(&c, code, path, BLOCK(i, 0, szx), g);
		ck_assert_uint_eq(g->code / 100, 2);
		block = got_uint(g, OPT_BLOCK2);
		ck_assert_int_eq(block >> 4, i);
		ck_assert_uint_eq(block & 7, szx);
		n += g->payload.n;
		if (i == 0) {
			ck_assert_uint_eq(got_option(g, OPT_ETAG).n, 8);
			memcpy(etag, got_option(g, OPT_ETAG).p, 8);
		}
		ck_assert_mem_eq(got_option(g, OPT_ETAG).p, etag, 8);
		if ((block & 8) == 0)
			return n;
		ck_assert_uint_eq(g->payload.n, (size_t)16 << szx);
	}
}

START_TEST(test_answer)
{
	struct got g;

	client_ask(&c, GET, "/big/3000", &g);
	ck_assert_uint_eq(g.code, 205);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(0, 1, 6));
	ck_assert_int_eq(got_uint(&g, OPT_SIZE2), 3000);
	ck_assert_uint_eq(g.payload.n, 1024);
	ck_assert_uint_eq(fetch(GET, "/big/3000", 6, &g), 3000);
	ck_assert_uint_eq(fetch(GET, "/big/3000", 2, &g), 3000);
	ck_assert_uint_eq(fetch(GET, "/big/3072", 6, &g), 3072);
}
END_TEST

/* Also of a request that changes something; its later blocks execute nothing. */
START_TEST(test_answer_of_post)
{
	struct got g;

	client_ask(&c, POST, "/big/2500", &g);
	ck_assert_uint_eq(g.code, 204);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(0, 1, 6));
	ck_assert_uint_eq(atomic_load(&b.core.prepared), 1);
	get_block(&c, POST, "/big/2500", BLOCK(2, 0, 6), &g);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(2, 0, 6));
	ck_assert_uint_eq(g.payload.n, 452);
	get_block(&c, POST, "/big/9999", BLOCK(2, 0, 6), &g);
	ck_assert_uint_eq(g.code, 408);
	ck_assert_uint_eq(atomic_load(&b.core.prepared), 1);
}
END_TEST

/* There is no room for the rest of an answer: its first block is what there is, also again. */
START_TEST(test_answer_not_kept)
{
	struct got g, again;
	struct client who;
	struct bed small;
	struct msg m;

	bed_init(&small);
	small.conf.block_octets = 2000;
	bed_run(&small);
	client_proved(&who, &small);
	client_ask(&who, POST, "/big/5000", &g);
	ck_assert_uint_eq(g.code, 204);
	msg_begin(&m, CON, POST, who.mid, "tokn");
	msg_path(&m, "/big/5000");
	client_send(&who, &m);
	client_get(&who, &again);
	ck_assert_uint_eq(g.n, again.n);
	ck_assert_mem_eq(g.octets, again.octets, g.n);
	client_close(&who);
	bed_end(&small);
}
END_TEST

START_TEST(test_answer_ends)
{
	struct got g;

	get_block(&c, GET, "/big/3000", BLOCK(3, 0, 6), &g);
	ck_assert_uint_eq(g.code, 400);
	ck_assert_uint_gt(g.payload.n, 0);
	/* What fits, in a block all the same when one was asked for. */
	get_block(&c, GET, "/big/10", BLOCK(0, 0, 6), &g);
	ck_assert_uint_eq(g.code, 205);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(0, 0, 6));
	ck_assert_uint_eq(g.payload.n, 10);
	/* Another peer has nothing kept: the reading is done again. */
	get_block(&c, GET, "/big/2000", BLOCK(1, 0, 6), &g);
	ck_assert_uint_eq(g.payload.n, 976);
}
END_TEST

/* Both at once: a body in blocks, and its answer. */
START_TEST(test_both)
{
	struct got g;

	for (unsigned i = 0; i < 3; i++)
		put_block(50 + i, "/at-once", BLOCK(i, i < 2, 6), i < 2 ? 1024 : 10, 0, &g);
	ck_assert_uint_eq(g.code, 204);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK1), BLOCK(2, 0, 6));
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(0, 1, 6));
	get_block(&c, POST, "/at-once", BLOCK(2, 0, 6), &g);
	ck_assert_int_eq(got_uint(&g, OPT_BLOCK2), BLOCK(2, 0, 6));
}
END_TEST

/* An answer that must not be lost has arrived when its last block was asked for. */
START_TEST(test_arrived)
{
	struct got g;

	for (unsigned i = 1; i < 3; i++) {
		ask_told(&g);
		get_block(&c, POST, "/told/2500", BLOCK(1, 0, 6), &g);
		ck_assert_uint_eq(atomic_load(&b.core.arrived), i - 1);
		get_block(&c, POST, "/told/2500", BLOCK(2, 0, 6), &g);
		ck_assert_uint_eq(g.payload.n, 452);
		fake_await_none(&b.core);
		ck_assert_uint_eq(atomic_load(&b.core.arrived), i);
	}
	ask_told(&g);
	client_ask(&c, GET, "/echo", &g);
	coapd_stop(b.server);
	b.server = NULL;
	ck_assert_uint_eq(atomic_load(&b.core.arrived), 2);
	ck_assert_uint_eq(atomic_load(&b.core.lost), 1);
}
END_TEST

/* What one peer leaves unfinished takes no room without end, nor that of the others' answers. */
START_TEST(test_unfinished)
{
	struct got g;
	char path[32];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/echo/%u", i);
		put_block(1000 + i, path, BLOCK(0, 1, 6), 1024, 60000, &g);
		ck_assert_uint_eq(g.code, 231);
	}
	put_block(2000, "/echo/199", BLOCK(1, 0, 6), 1, 0, &g);
	ck_assert_uint_eq(g.code, 204);
	put_block(2001, "/echo/0", BLOCK(1, 0, 6), 1, 0, &g);
	ck_assert_uint_eq(g.code, 408);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_server_blocks");
	TCase *tc = suite_case(s, "blocks", setup, teardown);

	tcase_add_test(tc, test_body);
	tcase_add_test(tc, test_body_repeated);
	tcase_add_test(tc, test_body_gap);
	tcase_add_test(tc, test_body_too_large);
	tcase_add_test(tc, test_body_of_stranger);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_answer_of_post);
	tcase_add_test(tc, test_answer_ends);
	tcase_add_test(tc, test_answer_not_kept);
	tcase_add_test(tc, test_both);
	tcase_add_test(tc, test_arrived);
	tcase_add_test(tc, test_unfinished);
	return run_suite(s);
}

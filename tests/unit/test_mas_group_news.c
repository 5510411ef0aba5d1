/* SPDX-License-Identifier: Apache-2.0 */
/* What other processes are told of groups: news in order, for whom they are, and as JSON; keys. */
#include "config.h"

#include <check.h>
#include <stdio.h>

#include "mas/mas_group_doc.h"
#include "mas/mas_group_news.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct mas_group_event
event_of(uint64_t gid, uint32_t epoch, uint8_t serving)
{
	struct mas_group_event e = { .gid = gid, .epoch = epoch, .n_serving = 1 };

	e.serving[0].v[0] = serving;
	return e;
}

struct seen {
	unsigned n;
	struct mas_group_event last;
	uint64_t sum;
};

static void
count(void *arg, const struct mas_group_event *e)
{
	struct seen *s = arg;

	s->n++;
	s->last = *e;
	s->sum += e->gid;
}

/* Through JSON and back. */
static uint64_t
pass(struct mas_group_news *t, uint64_t since, const struct node_id *serving, struct seen *s)
{
	uint64_t up_to = 0;
	struct buf b;

	*s = (struct seen){ .n = 0 };
	buf_init(&b, 1u << 20);
	mas_group_news_put(t, since, serving, &b);
	ck_assert(mas_group_news_take(buf_view(&b), &up_to, count, s));
	buf_fini(&b);
	return up_to;
}

START_TEST(test_news)
{
	struct mas_group_news *t = mas_group_news_new();
	struct node_id one = { { 1 } }, two = { { 2 } };
	struct mas_group_event e;
	struct seen s;
	uint64_t at, then;

	ck_assert_ptr_nonnull(t);
	ck_assert(mas_group_news_are(t, 0, &one));
	at = pass(t, 0, &one, &s);
	/* The first time all there may be is void. */
	ck_assert(s.n == 1 && s.last.gid == 0);
	ck_assert(!mas_group_news_are(t, at, &one));
	e = event_of(5, 7, 1);
	e.removed = true;
	e.node.v[3] = 9;
	mas_group_news_add(t, &e);
	ck_assert(mas_group_news_are(t, at, &one));
	ck_assert(!mas_group_news_are(t, at, &two));
	ck_assert(mas_group_news_are(t, at, NULL));
	then = pass(t, at, &one, &s);
	ck_assert(s.n == 1 && s.last.gid == 5 && s.last.epoch == 7 && s.last.removed);
	ck_assert(node_id_eq(&s.last.node, &e.node));
	ck_assert_uint_eq(s.last.n_serving, 0);
	(void)pass(t, at, NULL, &s);
	ck_assert(s.n == 1 && s.last.n_serving == 1 && node_id_eq(&s.last.serving[0], &one));
	ck_assert_uint_eq(pass(t, at, &two, &s), then);
	ck_assert_uint_eq(s.n, 0);
	/* That news were lost is for everybody. */
	e = (struct mas_group_event){ .gid = 0 };
	mas_group_news_add(t, &e);
	(void)pass(t, then, &two, &s);
	ck_assert(s.n == 1 && s.last.gid == 0 && s.last.epoch == 0);
	mas_group_news_free(t);
}
END_TEST

/* Who comes too late, or from another start, is told so. */
START_TEST(test_lost)
{
	struct mas_group_news *t = mas_group_news_new();
	struct node_id one = { { 1 } };
	struct seen s;
	uint64_t at = pass(t, 0, &one, &s);

	for (uint64_t i = 1; i <= MAS_NEWS_MAX; i++) {
		struct mas_group_event e = event_of(i, 1, 1);

		mas_group_news_add(t, &e);
	}
	(void)pass(t, at, &one, &s);
	ck_assert_uint_eq(s.n, MAS_NEWS_MAX);
	ck_assert_uint_eq(s.sum, (uint64_t)MAS_NEWS_MAX * (MAS_NEWS_MAX + 1) / 2);
	mas_group_news_add(t, &s.last);
	ck_assert(mas_group_news_are(t, at, &one));
	(void)pass(t, at, &one, &s);
	ck_assert(s.n == 1 && s.last.gid == 0);
	(void)pass(t, at + 10 * MAS_NEWS_MAX, &one, &s);
	ck_assert(s.n == 1 && s.last.gid == 0);
	mas_group_news_free(t);
}
END_TEST

static const char *const bad_news[] = {
	"",
	"{}",
	"[]",
	"{\"groups\":[],\"upTo\":0,\"reset\":false}",
	"{\"groups\":[],\"upTo\":5}",
	"{\"groups\":[{}],\"upTo\":5,\"reset\":false}",
	"{\"groups\":[{\"gid\":\"01\",\"epoch\":1}],\"upTo\":5,\"reset\":false}",
	"{\"groups\":[{\"gid\":\"0102030405060708\",\"epoch\":-1}],\"upTo\":5,\"reset\":false}",
	"{\"groups\":[{\"gid\":\"0102030405060708\",\"epoch\":1,\"removed\":\"x\"}],\"upTo\":5,"
	"\"reset\":false}",
	"{\"groups\":[{\"gid\":\"0102030405060708\",\"epoch\":1,\"serving\":[7]}],\"upTo\":5,"
	"\"reset\":false}",
	"{\"groups\":[],\"upTo\":5,\"reset\":false}x",
};

START_TEST(test_bad_news)
{
	struct seen s = { .n = 0 };
	uint64_t up_to = 77;

	ck_assert(!mas_group_news_take(slice_of(bad_news[_i]), &up_to, count, &s));
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(test_keys)
{
	struct mas_group_keys k = { .n = MAS_NODE_GROUPS_MAX }, back = { .n = 0 };
	struct buf b;

	for (unsigned i = 0; i < k.n; i++) {
		k.all[i] = (struct mas_group_key){ .gid = i + 1, .epoch = 5, .window = 65535 };
		memset(k.all[i].gak.v, (int)i + 1, KEY_BYTES);
		if (i % 2 == 0)
			continue;
		k.all[i].previous_epoch = 4;
		k.all[i].previous_until = 1700000000000000;
		memset(k.all[i].previous.v, 0xee, KEY_BYTES);
	}
	buf_init(&b, 16384);
	mas_group_keys_put(&k, &b);
	ck_assert(!b.failed);
	ck_assert(mas_group_keys_take(buf_view(&b), &back));
	ck_assert_uint_eq(back.n, k.n);
	for (unsigned i = 0; i < k.n; i++) {
		ck_assert(back.all[i].gid == i + 1 && back.all[i].epoch == 5);
		ck_assert(key_equal(&back.all[i].gak, &k.all[i].gak));
		ck_assert(key_equal(&back.all[i].previous, &k.all[i].previous));
		ck_assert(back.all[i].previous_until == k.all[i].previous_until);
	}
	/* Cut anywhere it is nothing, and no key stays. */
	for (size_t n = 0; n < b.n; n++) {
		ck_assert(!mas_group_keys_take(slice_make(b.p, n), &back));
		ck_assert_uint_eq(back.n, 0);
		ck_assert(key_is_zero(&back.all[0].gak));
	}
	buf_fini(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mas group news");
	TCase *c = suite_case(s, "all", NULL, NULL);

	tcase_add_test(c, test_news);
	tcase_add_test(c, test_lost);
	tcase_add_loop_test(c, test_bad_news, 0, NITEMS(bad_news));
	tcase_add_test(c, test_keys);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded re-encryption keys: which are kept, and for how long. */
#include "config.h"

#include "cap/pxy/px_grants.h"
#include "pre_flow.h"

#include <pthread.h>

#define KEYS 4
#define THREADS 4
#define TURNS 40

static struct px_grants *grants;
static struct pre_rekey keys[KEYS];

static void
setup(void)
{
	pre_flow_setup();
	for (uint32_t i = 0; i < KEYS; i++)
		keys[i] = flow_rekey(&flow_sink, FLOW_STREAM, i);
	ck_assert_int_eq(px_grants_new(2, &grants), RC_OK);
}

static void
teardown(void)
{
	px_grants_free(grants);
	pre_flow_teardown();
}

static const struct pre_grant *
take(uint64_t forward, uint32_t sink, const struct pre_rekey *k)
{
	const struct pre_grant *g = NULL;

	ck_assert_int_eq(px_grants_take(grants, forward, sink, k, &g), RC_OK);
	ck_assert_ptr_nonnull(g);
	return g;
}

static bool
fits(const struct pre_grant *g, const struct pre_rekey *k)
{
	struct pre_unit u = {
		.hdr = { .type = PRE_MM2, .stream = k->id.stream, .epoch = k->id.epoch }
	};

	memcpy(u.hdr.source, k->id.source, sizeof(u.hdr.source));
	return pre_grant_fits(g, &u);
}

START_TEST(the_same_again)
{
	const struct pre_grant *a = take(1, 1, &keys[0]), *b;

	ck_assert(fits(a, &keys[0]));
	ck_assert_ptr_eq(take(1, 1, &keys[0]), a);
	px_grants_give(grants, a);
	px_grants_give(grants, a);
	ck_assert_ptr_eq(take(1, 1, &keys[0]), a);
	/* Another forward, another sink, another key of the same epoch. */
	b = take(2, 1, &keys[0]);
	ck_assert_ptr_ne(b, a);
	px_grants_give(grants, b);
	b = take(1, 2, &keys[0]);
	ck_assert_ptr_ne(b, a);
	px_grants_give(grants, b);
	keys[1] = flow_rekey(&flow_other, FLOW_STREAM, 0);
	b = take(1, 1, &keys[1]);
	ck_assert_ptr_ne(b, a);
	px_grants_give(grants, b);
	px_grants_give(grants, a);
}
END_TEST

/* There is room for two: the one that was used longest ago goes, never one that is in use. */
START_TEST(the_oldest_goes)
{
	const struct pre_grant *a = take(1, 1, &keys[0]), *b = take(1, 1, &keys[1]), *c;

	px_grants_give(grants, b);
	c = take(1, 1, &keys[2]);
	ck_assert_ptr_eq(take(1, 1, &keys[0]), a);
	/* None can go: this one is kept by nobody. */
	b = take(1, 1, &keys[3]);
	ck_assert(fits(b, &keys[3]));
	px_grants_give(grants, b);
	px_grants_give(grants, a);
	px_grants_give(grants, a);
	px_grants_give(grants, c);
	ck_assert_ptr_eq(take(1, 1, &keys[2]), c);
	ck_assert_ptr_eq(take(1, 1, &keys[0]), a);
	px_grants_give(grants, a);
	px_grants_give(grants, c);
	b = take(1, 1, &keys[3]);
	/* c went: a was used later. */
	ck_assert_ptr_eq(take(1, 1, &keys[0]), a);
	px_grants_give(grants, a);
	px_grants_give(grants, b);
}
END_TEST

START_TEST(forgotten)
{
	const struct pre_grant *a = take(1, 1, &keys[0]), *b = take(1, 2, &keys[0]), *c;

	px_grants_give(grants, b);
	px_grants_forget(grants, 1, 1);
	/* In use until it is given back, but nobody gets it any more. */
	ck_assert(fits(a, &keys[0]));
	ck_assert_ptr_eq(take(1, 2, &keys[0]), b);
	c = take(1, 1, &keys[0]);
	ck_assert_ptr_ne(c, a);
	px_grants_give(grants, c);
	px_grants_give(grants, b);
	px_grants_give(grants, a);
	px_grants_forget(grants, 1, 2);
	px_grants_forget(grants, 2, 2);
}
END_TEST

START_TEST(no_key)
{
	const struct pre_grant *g = NULL;

	memset(keys[0].rk, 0x11, sizeof(keys[0].rk));
	ck_assert_int_eq(px_grants_take(grants, 1, 1, &keys[0], &g), RC_BAD_REQUEST);
	px_grants_free(NULL);
}
END_TEST

static void *
use(void *arg)
{
	uint32_t sink = *(const uint32_t *)arg;

	for (unsigned i = 0; i < TURNS; i++) {
		const struct pre_grant *g = NULL;

		if (px_grants_take(grants, 1, sink % 2, &keys[i % KEYS], &g) != RC_OK ||
		    !fits(g, &keys[i % KEYS]))
			abort();
		if (i % 8 == sink)
			px_grants_forget(grants, 1, i % 16 / 8);
		px_grants_give(grants, g);
	}
	return NULL;
}

START_TEST(several_threads)
{
	pthread_t threads[THREADS];
	uint32_t sinks[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		sinks[i] = i + 1;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, &sinks[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

static Suite *
grants_suite(void)
{
	Suite *s = suite_create("px_grants");
	TCase *c = suite_case(s, "grants", setup, teardown);

	tcase_add_test(c, the_same_again);
	tcase_add_test(c, the_oldest_goes);
	tcase_add_test(c, forgotten);
	tcase_add_test(c, no_key);
	tcase_add_test(c, several_threads);
	return s;
}

int
main(void)
{
	return run_pre_suite(grants_suite);
}

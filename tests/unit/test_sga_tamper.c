/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever sits on the way: every message of every phase changed, cut, repeated, taken for another
 * session or another step; nothing of it is taken, and nothing changes. OPENSCL_LONG=1 in the
 * environment: every bit of every octet instead of one.
 */
#include "config.h"

#include "sec/cipher.h"
#include "sga_flow.h"

#include <stdlib.h>

/* ---- changed ---- */

static bool
all_bits(void)
{
	const char *wanted = getenv("OPENSCL_LONG");

	return wanted != NULL && wanted[0] == '1';
}

static void
flip(struct flow *f, enum flow_message m, struct buf *copy)
{
	bool all = all_bits();

	for (size_t k = 0; k < copy->n; k++)
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!all && bit != k % 8)
				continue;
			copy->p[k] = (char)(copy->p[k] ^ (1 << bit));
			flow_refuses(f, m, buf_view(copy));
			copy->p[k] = (char)(copy->p[k] ^ (1 << bit));
		}
}

/* Each length but the right one; what is cut off is not there to be read. */
static void
cut(struct flow *f, enum flow_message m, const struct buf *copy)
{
	for (size_t n = 0; n < copy->n; n++) {
		char *exact = malloc(n == 0 ? 1 : n);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, copy->p, n);
		flow_refuses(f, m, slice_make(exact, n));
		free(exact);
	}
}

static void
tamper(const struct flow_conf *conf, enum flow_message m)
{
	struct flow f;
	struct buf copy;

	flow_init(&f, conf);
	if (m > 0)
		flow_run(&f, (enum flow_message)(m - 1));
	flow_make(&f, m);
	buf_init(&copy, 2 * SGA_MESSAGE_MAX);
	buf_slice(&copy, flow_octets(&f, m));
	flip(&f, m, &copy);
	cut(&f, m, &copy);
	buf_char(&copy, '\0');
	flow_refuses(&f, m, buf_view(&copy));
	/* What was not changed is still good. */
	flow_deliver(&f, m);
	flow_run(&f, FLOW_DATA_J);
	buf_fini(&copy);
	flow_fini(&f);
}

START_TEST(changed)
{
	static const struct flow_conf conf = { .cid0 = CIPHER_CHACHA20_POLY1305 };

	tamper(&conf, (enum flow_message)_i);
}
END_TEST

START_TEST(changed_classic)
{
	static const struct flow_conf conf = {
		.suite = SGA_SUITE_C, .group = SGA_GROUP_FFDHE2048, .cid = 2, .cid0 = 8
	};

	tamper(&conf, (enum flow_message)_i);
}
END_TEST

/* ---- repeated, at the wrong time, of another session ---- */

/* R1, A1 and A2 are new each time; the caller knows tokens and sids that were there. */
static bool
caller_remembers(enum flow_message m)
{
	return m == FLOW_R1_I || m == FLOW_R1_J || m == FLOW_A1 || m == FLOW_A2;
}

/* Those who can take m are there. */
static bool
has_taker(const struct flow *f, enum flow_message m)
{
	switch (m) {
	case FLOW_A3:
	case FLOW_B1:
	case FLOW_B3:
		return f->sg != NULL;
	case FLOW_A4:
	case FLOW_B6_I:
	case FLOW_CONF_J:
	case FLOW_DATA_J:
		return f->si != NULL;
	case FLOW_B2:
	case FLOW_B6_J:
	case FLOW_CONF_I:
	case FLOW_DATA_I:
		return f->sj != NULL;
	default:
		return true;
	}
}

/* All messages of from to all steps of f, at this moment. */
static void
pour(struct flow *f, const struct flow *from)
{
	for (int step = 0; step < FLOW_MESSAGES; step++) {
		if (!has_taker(f, (enum flow_message)step))
			continue;
		for (int m = 0; m < FLOW_MESSAGES; m++) {
			struct slice octets = flow_octets(from, (enum flow_message)m);

			if (octets.n == 0 || (step == m && caller_remembers((enum flow_message)m)))
				continue;
			/* G has made it, and it is due. */
			if (f == from && m >= f->next && m == step)
				continue;
			/* The two devices register in the same way. */
			if (m < FLOW_A1 && step < FLOW_A1 && m % 2 == step % 2)
				continue;
			flow_refuses(f, (enum flow_message)step, octets);
		}
	}
}

START_TEST(repeated)
{
	const struct flow_conf conf = { 0 };
	struct flow f;

	flow_init(&f, &conf);
	if (_i > 0)
		flow_run(&f, (enum flow_message)(_i - 1));
	pour(&f, &f);
	flow_run(&f, FLOW_DATA_J);
	flow_fini(&f);
}
END_TEST

/* Two sessions of the same devices, at the same time. */
static void
second(struct flow *f, const struct flow *first)
{
	const struct flow_conf conf = { .label = "two" };

	flow_init(f, &conf);
	sga_device_free(f->i);
	sga_device_free(f->j);
	f->i = f->j = NULL;
	f->at_i = first->at_i;
	f->at_j = first->at_j;
	for (int d = 0; d < 2; d++) {
		struct buf saved;

		buf_init(&saved, SGA_DEVICE_SAVED_MAX);
		ck_assert_int_eq(sga_device_save(d == 0 ? first->i : first->j, &saved), RC_OK);
		ck_assert_int_eq(sga_device_load(buf_view(&saved), d == 0 ? &f->i : &f->j), RC_OK);
		buf_fini(&saved);
	}
	f->next = FLOW_A1;
}

START_TEST(crossed)
{
	const struct flow_conf conf = { 0 };
	struct flow one, two;

	flow_init(&one, &conf);
	flow_run(&one, FLOW_R2_J);
	second(&two, &one);
	flow_run(&one, FLOW_DATA_J);
	if (_i > FLOW_A1)
		flow_run(&two, (enum flow_message)(_i - 1));
	pour(&two, &one);
	flow_run(&two, FLOW_DATA_J);
	pour(&one, &two);
	flow_fini(&one);
	flow_fini(&two);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sga tamper");
	TCase *c = suite_case(s, "changed", NULL, NULL);

	tcase_set_timeout(c, 600);
	tcase_add_loop_test(c, changed, 0, FLOW_MESSAGES);
	tcase_add_loop_test(c, changed_classic, 0, FLOW_MESSAGES);
	c = suite_case(s, "again", NULL, NULL);
	tcase_add_loop_test(c, repeated, 0, FLOW_MESSAGES + 1);
	tcase_add_loop_test(c, crossed, FLOW_A1, FLOW_MESSAGES + 1);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What signatures cost, and which ones are chosen. */
#include "config.h"

#include "sd_bed.h"
#include "sd/costs.h"

/* Round figures of a machine. */
static const struct sd_costs costs = { .ed25519 = 100,
	                               .bls = 1000,
	                               .bls_reading = 50,
	                               .bls_signer = 150,
	                               .identity = 1500,
	                               .identity_reading = 120 };

#define ALL (SD_ALG_BIT(SD_ED25519) | SD_ALG_BIT(SD_BLS) | SD_ALG_BIT(SD_IDENTITY))

START_TEST(the_sum_of_the_costs)
{
	ck_assert_uint_eq(sd_costs_of(&costs, SD_ED25519, 10, 10), 1000);
	ck_assert_uint_eq(sd_costs_of(&costs, SD_BLS, 10, 10), 3000);
	ck_assert_uint_eq(sd_costs_of(&costs, SD_BLS, 10, 1), 1650);
	ck_assert_uint_eq(sd_costs_of(&costs, SD_BLS_SINGLE, 10, 1), 12000);
	ck_assert_uint_eq(sd_costs_of(&costs, SD_IDENTITY, 10, 10), 2700);
	ck_assert_uint_eq(sd_costs_of(&costs, (enum sd_alg)0, 10, 10), 0);
}
END_TEST

START_TEST(the_best_is_chosen)
{
	static const struct {
		unsigned algs;
		uint64_t octet;
		size_t n, signers;
		enum sd_alg best;
	} rows[] = {
		/* Time alone: single signatures, but for many readings of few devices. */
		{ ALL, 0, 100, 100, SD_ED25519 },
		{ ALL, 0, 100, 1, SD_BLS },
		{ ALL & ~SD_ALG_BIT(SD_ED25519), 0, 100, 100, SD_IDENTITY },
		{ ALL, 0, 1, 1, SD_ED25519 },
		/* Octets have a price: 64 n against 48 and 160. */
		{ ALL, 1, 100, 100, SD_IDENTITY },
		{ ALL & ~SD_ALG_BIT(SD_IDENTITY), 1, 100, 100, SD_ED25519 },
		{ ALL & ~SD_ALG_BIT(SD_IDENTITY), 2, 100, 100, SD_BLS },
		{ ALL, 100, 1000, 1000, SD_IDENTITY },
		{ ALL, 1000000, 1000, 1000, SD_BLS },
		{ ALL, 1000000, 1, 1, SD_BLS },
		/* What there is. */
		{ SD_ALG_BIT(SD_ED25519), 1000000, 1000, 1000, SD_ED25519 },
		{ SD_ALG_BIT(SD_BLS_SINGLE), 0, 10, 10, SD_BLS_SINGLE },
		{ SD_ALG_BIT(SD_BLS_SINGLE) | SD_ALG_BIT(SD_BLS), 0, 10, 10, SD_BLS },
	};

	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct sd_choice c = { &costs,    rows[i].algs,    rows[i].octet,
			               rows[i].n, rows[i].signers, 24 * rows[i].n };
		enum sd_alg got;

		ck_assert_uint_eq(sd_choose(&c, &got), RC_OK);
		ck_assert_msg(got == rows[i].best, "row %zu: %d", i, (int)got);
	}
}
END_TEST

START_TEST(nothing_to_choose)
{
	struct sd_choice c = { &costs, 1, 1, 1, 1, 24 };
	enum sd_alg got;

	ck_assert_uint_eq(sd_choose(&c, &got), RC_NOT_FOUND);
}
END_TEST

/* Equal prices: the lower number. */
START_TEST(equal_prices)
{
	static const struct sd_costs none = { 0 };
	struct sd_choice c = { &none, ALL, 0, 10, 10, 24 };
	enum sd_alg got;

	ck_assert_uint_eq(sd_choose(&c, &got), RC_OK);
	ck_assert_uint_eq(got, SD_ED25519);
}
END_TEST

START_TEST(this_machine)
{
	struct sd_costs c;

	ck_assert_uint_eq(sd_costs_measure(&c), RC_OK);
	ck_assert_uint_gt(c.ed25519, 0);
	if (!WITH_PAIRING) {
		c.ed25519 = 0;
		expect_zeros(&c, sizeof(c));
		return;
	}
	/* The order of things on any machine: pairings cost more than hashes. */
	ck_assert_uint_gt(c.bls, 0);
	ck_assert_uint_gt(c.identity, 0);
	ck_assert_uint_gt(sd_costs_of(&c, SD_BLS, 1000, 1000), sd_costs_of(&c, SD_BLS, 1000, 1));
	ck_assert_uint_gt(sd_costs_of(&c, SD_BLS_SINGLE, 1000, 1000),
	                  sd_costs_of(&c, SD_BLS, 1000, 1000));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_costs");
	TCase *c = suite_case(s, "costs", NULL, NULL);

	tcase_add_test(c, the_sum_of_the_costs);
	tcase_add_test(c, the_best_is_chosen);
	tcase_add_test(c, nothing_to_choose);
	tcase_add_test(c, equal_prices);
	tcase_add_test(c, this_machine);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}

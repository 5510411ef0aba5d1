/* SPDX-License-Identifier: Apache-2.0 */
/* The signer of the identity-based scheme: one signature in a round, with the key of its month. */
#include "config.h"

#include "base/be.h"
#include "sd_bed.h"

static struct sd_bed bed;
static uint8_t w[SD_ROUND_SIZE];

static void
setup(void)
{
	sd_bed_make(&bed);
	ck_assert_uint_eq(sd_round_make(NOW, w), RC_OK);
}

static void
teardown(void)
{
	sd_bed_free(&bed);
}

static enum rc
sign(size_t i, const uint8_t round[SD_ROUND_SIZE], uint8_t out[IBAS_SIZE])
{
	return ibas_sign(bed.devices[i].signer, round, NOW, &bed.readings[i], out);
}

/* What would give the key away: any order of rounds but forward. */
START_TEST(one_signature_in_a_round)
{
	uint8_t later[SD_ROUND_SIZE], first[IBAS_SIZE], second[IBAS_SIZE];

	ck_assert_uint_eq(sign(0, w, first), RC_OK);
	ck_assert_mem_eq(bed.devices[0].last, w, sizeof(w));
	ck_assert_uint_eq(sign(0, w, second), RC_CONFLICT);
	expect_zeros(second, sizeof(second));
	bed.readings[0].seq++;
	ck_assert_uint_eq(sign(0, w, second), RC_CONFLICT);
	ck_assert_uint_eq(sd_round_make(NOW + 1, later), RC_OK);
	ck_assert_uint_eq(sign(0, later, second), RC_OK);
	ck_assert_uint_eq(sign(0, w, second), RC_CONFLICT);
	memset(later, 0, sizeof(later));
	ck_assert_uint_eq(sign(1, later, second), RC_CONFLICT);
}
END_TEST

START_TEST(rounds_of_the_future)
{
	uint8_t out[IBAS_SIZE], next[SD_ROUND_SIZE];

	ck_assert_uint_eq(sd_round_make(NOW + IBAS_ROUND_TOLERANCE, next), RC_OK);
	ck_assert_uint_eq(be_get(next, 8), NOW + IBAS_ROUND_TOLERANCE);
	be_put(next, NOW + IBAS_ROUND_TOLERANCE + 1, 8);
	ck_assert_uint_eq(sign(0, next, out), RC_PRECONDITION);
	memset(next, 0xff, sizeof(next));
	ck_assert_uint_eq(sign(0, next, out), RC_PRECONDITION);
	be_put(next, NOW + IBAS_ROUND_TOLERANCE, 8);
	ck_assert_uint_eq(sign(0, next, out), RC_OK);
}
END_TEST

static enum rc
refuse(void *arg, const uint8_t round[SD_ROUND_SIZE])
{
	(void)arg;
	(void)round;
	return RC_NO_SPACE;
}

START_TEST(what_is_not_kept_is_not_signed)
{
	uint8_t key[IBAS_KEY_SIZE], out[IBAS_SIZE];
	struct ibas_signer_conf conf = { .device = sd_node(1),
		                         .millis = NOW,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = &bed.q,
		                         .keep = refuse };
	struct ibas_signer *s;

	ck_assert_uint_eq(ibas_key_make(&bed.s, &bed.devices[0].id, key), RC_OK);
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_OK);
	ck_assert_uint_eq(ibas_sign(s, w, NOW, &bed.readings[0], out), RC_NO_SPACE);
	expect_zeros(out, sizeof(out));
	ibas_signer_free(s);
	/* What was kept once counts after a restart. */
	conf.keep = sd_keep;
	conf.arg = bed.devices[0].last;
	memcpy(conf.last, w, sizeof(w));
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_OK);
	ck_assert_uint_eq(ibas_sign(s, w, NOW, &bed.readings[0], out), RC_CONFLICT);
	/* Of another device, of another month: not with this key. */
	be_put(w, NOW + 1, 8);
	ck_assert_uint_eq(ibas_sign(s, w, NOW, &bed.readings[1], out), RC_BAD_REQUEST);
	bed.readings[0].millis += UINT64_C(31) * 86400 * 1000;
	ck_assert_uint_eq(ibas_sign(s, w, NOW, &bed.readings[0], out), RC_BAD_REQUEST);
	ibas_signer_free(s);
	ibas_signer_free(NULL);
}
END_TEST

START_TEST(keys_of_others)
{
	uint8_t key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer_conf conf = { .device = sd_node(2),
		                         .millis = NOW,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = &bed.q,
		                         .keep = sd_keep };
	struct ibas_secret other;
	struct ibas_signer *s;

	ck_assert_uint_eq(ibas_key_make(&bed.s, &bed.devices[0].id, key), RC_OK);
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_FORBIDDEN);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(ibas_generate(&other), RC_OK);
	ck_assert_uint_eq(ibas_key_make(&other, &bed.devices[1].id, key), RC_OK);
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_FORBIDDEN);
	ck_assert_uint_eq(ibas_key_make(&bed.s, &bed.devices[1].id, key), RC_OK);
	conf.key.n--;
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_BAD_REQUEST);
	conf.key.n++;
	key[95] ^= 1;
	ck_assert_uint_ne(ibas_signer_new(&conf, &s), RC_OK);
	key[95] ^= 1;
	ck_assert_uint_eq(ibas_signer_new(&conf, &s), RC_OK);
	ibas_signer_free(s);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_signer");
	TCase *c = suite_case(s, "signer", setup, teardown);

	tcase_add_test(c, one_signature_in_a_round);
	tcase_add_test(c, rounds_of_the_future);
	tcase_add_test(c, what_is_not_kept_is_not_signed);
	tcase_add_test(c, keys_of_others);
	return s;
}

int
main(void)
{
	return run_sd_suite(suite);
}

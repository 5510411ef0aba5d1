/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says about the priority of a request: its text, its tag, its nonces. */
#include "config.h"

#include "sec/derive.h"
#include "sec/hex.h"
#include "sec/indicator.h"
#include "suite.h"

#define NOW INT64_C(1700000000)
#define GOOD "low;1700000000;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1"

static const struct node_id node = { { 0x01, 0xbc, 0xad, 0x98, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
	                               0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c } };
static const struct node_id other = { { 0x01, 0xbc, 0xad, 0x98 } };
static struct key k_ind;

static struct indicator_request
request(void)
{
	return (struct indicator_request){ &node, SLICE_LIT("POST"), SLICE_LIT("/m2m/scls") };
}

static void
setup(void)
{
	struct key kmr;

	for (unsigned i = 0; i < KEY_BYTES; i++)
		kmr.v[i] = (uint8_t)i;
	ck_assert_int_eq(indicator_key(&kmr, &node, &k_ind), RC_OK);
}

static struct indicator
good(void)
{
	struct indicator i;

	ck_assert(indicator_parse(SLICE_LIT(GOOD), &i));
	return i;
}

START_TEST(the_vector)
{
	static const char key[] =
		"18507067cfff24ab8170df64783e376205a362ebaa2c9f0d085916e15d0bb112";
	struct indicator_request rq = request();
	struct indicator i = { .low = true, .time = (uint64_t)NOW };
	char hex[2 * KEY_BYTES + 1], text[INDICATOR_TEXT + 1];

	hex_encode(k_ind.v, KEY_BYTES, hex);
	ck_assert_str_eq(hex, key);
	for (unsigned k = 0; k < INDICATOR_NONCE_SIZE; k++)
		i.nonce[k] = (uint8_t)(k * 0x11);
	ck_assert_int_eq(indicator_make(&k_ind, &rq, &i), RC_OK);
	ck_assert_uint_eq(indicator_format(&i, text), strlen(GOOD));
	ck_assert_str_eq(text, GOOD);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_OK);
}
END_TEST

/* A field that differs is as good as a wrong key. */
START_TEST(every_field_counts)
{
	struct indicator_request rq = request();
	struct indicator i = good(), bad;
	struct key wrong = k_ind;

	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_OK);
	bad = i;
	bad.low = false;
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &bad, NOW), RC_FORBIDDEN);
	bad = i;
	bad.time++;
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &bad, NOW), RC_FORBIDDEN);
	for (unsigned k = 0; k < 8 * INDICATOR_NONCE_SIZE; k++) {
		bad = i;
		bad.nonce[k / 8] ^= (uint8_t)(1u << k % 8);
		ck_assert_int_eq(indicator_check(&k_ind, &rq, &bad, NOW), RC_FORBIDDEN);
		bad = i;
		bad.tag[k / 8] ^= (uint8_t)(1u << k % 8);
		ck_assert_int_eq(indicator_check(&k_ind, &rq, &bad, NOW), RC_FORBIDDEN);
	}
	wrong.v[KEY_BYTES - 1] ^= 1;
	ck_assert_int_eq(indicator_check(&wrong, &rq, &i, NOW), RC_FORBIDDEN);
	rq.method = SLICE_LIT("PUT");
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
	rq = request();
	rq.path = SLICE_LIT("/m2m/scl");
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
	/* Where one part ends is told, too. */
	rq.method = SLICE_LIT("POST/");
	rq.path = SLICE_LIT("m2m/scls");
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
	rq = request();
	rq.node = &other;
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
}
END_TEST

START_TEST(its_time)
{
	struct indicator_request rq = request();
	struct indicator i = good();

	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW + INDICATOR_TOLERANCE), RC_OK);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW - INDICATOR_TOLERANCE), RC_OK);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW + INDICATOR_TOLERANCE + 1),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW - INDICATOR_TOLERANCE - 1),
	                 RC_FORBIDDEN);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, -1), RC_FORBIDDEN);
	i.time = UINT64_MAX;
	ck_assert_int_eq(indicator_make(&k_ind, &rq, &i), RC_OK);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
}
END_TEST

START_TEST(parts_that_are_too_long)
{
	static char path[65536];
	struct indicator_request rq = request();
	struct indicator i = good();

	memset(path, '/', sizeof(path));
	rq.path = slice_make(path, 65535);
	ck_assert_int_eq(indicator_make(&k_ind, &rq, &i), RC_OK);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_OK);
	rq.path.n++;
	ck_assert_int_eq(indicator_make(&k_ind, &rq, &i), RC_TOO_LARGE);
	ck_assert_int_eq(indicator_check(&k_ind, &rq, &i, NOW), RC_FORBIDDEN);
}
END_TEST

START_TEST(one_spelling_alone)
{
	static const char *const bad[] = {
		"",
		";",
		"low",
		"low;1;",
		";;;",
		"low;1700000000;00112233445566778899aabbccddeeff",
		GOOD ";",
		" " GOOD,
		GOOD " ",
		"Low" GOOD,
		"Normal;1;00;00",
		"high;1700000000;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"LOW;1700000000;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;0;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;01700000000;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;-1;00112233445566778899aabbccddeeff;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;18446744073709551616;00112233445566778899aabbccddeeff;"
		"6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;1700000000;00112233445566778899AABBCCDDEEFF;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;1700000000;00112233445566778899aabbccddeeff;6D5D3D95465AA4997A2435D8FE9E5DD1",
		"low;1700000000;00112233445566778899aabbccddeef;6d5d3d95465aa4997a2435d8fe9e5dd1",
		"low;1700000000;00112233445566778899aabbccddeeff0;6d5d3d95465aa4997a2435d8fe9e5dd",
		"low;1700000000;00112233445566778899aabbccddeefg;6d5d3d95465aa4997a2435d8fe9e5dd1",
	};
	struct indicator i;
	bool low;

	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
		ck_assert_msg(!indicator_parse(slice_of(bad[k]), &i), "%s", bad[k]);
	for (size_t n = 0; n < strlen(GOOD); n++)
		ck_assert(!indicator_parse(slice_make(GOOD, n), &i));
	ck_assert(indicator_parse(SLICE_LIT("normal;18446744073709551615;"
	                                    "00112233445566778899aabbccddeeff;"
	                                    "6d5d3d95465aa4997a2435d8fe9e5dd1"),
	                          &i));
	ck_assert(!i.low && i.time == UINT64_MAX);
	ck_assert(priority_parse(SLICE_LIT("low"), &low) && low);
	ck_assert(priority_parse(SLICE_LIT("normal"), &low) && !low);
	ck_assert(!priority_parse(SLICE_LIT("Low"), &low) && !priority_parse(SLICE_NONE, &low) &&
	          !priority_parse(SLICE_LIT("lower"), &low));
}
END_TEST

START_TEST(a_nonce_counts_once)
{
	struct indicator_seen *s = indicator_seen_new();
	struct indicator i = good(), next = good();

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(indicator_take(s, &node, &i, NOW), RC_OK);
	ck_assert_int_eq(indicator_take(s, &node, &i, NOW), RC_CONFLICT);
	/* The same is another one's of another node. */
	ck_assert_int_eq(indicator_take(s, &other, &i, NOW), RC_OK);
	next.nonce[0] ^= 1;
	ck_assert_int_eq(indicator_take(s, &node, &next, NOW), RC_OK);
	/* As long as its time might still be taken. */
	ck_assert_int_eq(indicator_take(s, &node, &i, NOW + INDICATOR_TOLERANCE), RC_CONFLICT);
	ck_assert_int_eq(indicator_take(s, &node, &i, NOW + INDICATOR_TOLERANCE + 1), RC_OK);
	indicator_seen_free(s);
	indicator_seen_free(NULL);
}
END_TEST

/* Nothing that is remembered gives way: what has no place does not count. */
START_TEST(nonces_are_bounded)
{
	struct indicator_seen *s = indicator_seen_new();
	struct indicator i = good();
	unsigned taken = 0, refused = 0;

	for (unsigned k = 0; k < 2 * INDICATOR_SEEN_MAX; k++) {
		enum rc rc;

		memcpy(i.nonce, &k, sizeof(k));
		rc = indicator_take(s, &node, &i, NOW);
		taken += rc == RC_OK;
		refused += rc == RC_UNAVAILABLE;
	}
	ck_assert_uint_eq(taken + refused, 2 * INDICATOR_SEEN_MAX);
	ck_assert_uint_le(taken, INDICATOR_SEEN_MAX);
	ck_assert_uint_ge(taken, INDICATOR_SEEN_MAX / 10 * 9);
	for (unsigned k = 0, again = 0; k < 2 * INDICATOR_SEEN_MAX; k++) {
		memcpy(i.nonce, &k, sizeof(k));
		again += indicator_take(s, &node, &i, NOW) == RC_CONFLICT;
		ck_assert_uint_le(again, taken);
		if (k == 2 * INDICATOR_SEEN_MAX - 1)
			ck_assert_uint_eq(again, taken);
	}
	/* When they are too old, there is room. */
	i.time += 2 * INDICATOR_TOLERANCE;
	ck_assert_int_eq(indicator_take(s, &node, &i, NOW + 2 * INDICATOR_TOLERANCE), RC_OK);
	indicator_seen_free(s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sec_indicator");
	TCase *c = suite_case(s, "claims", setup, NULL);

	tcase_add_test(c, the_vector);
	tcase_add_test(c, every_field_counts);
	tcase_add_test(c, its_time);
	tcase_add_test(c, parts_that_are_too_long);
	tcase_add_test(c, one_spelling_alone);
	tcase_add_test(c, a_nonce_counts_once);
	tcase_add_test(c, nonces_are_bounded);
	return run_suite(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The download package, and the gateway's keys behind it. */
#include "config.h"

#include "sec/digest.h"
#include "sga_keys_bed.h"

static struct sga_keys *keys_c, *keys_x;
static struct sign_public signer, stranger;

static void
make_all(void)
{
	keys_c = known_keys(SGA_SUITE_C, 0, &signer);
	keys_x = known_keys(SGA_SUITE_X, 0, &signer);
	sign_key_free(known_sign_key(9, &stranger));
}

static void
free_all(void)
{
	sga_keys_free(keys_c);
	sga_keys_free(keys_x);
}

static struct sga_keys *
keys_of(int i)
{
	return i == 0 ? keys_c : keys_x;
}

static struct slice
package_of(int i)
{
	return sga_package_octets(sga_keys_package(keys_of(i)));
}

static enum rc
read_with(struct slice octets, const struct sga_package_rule *rule)
{
	struct sga_package *p;
	enum rc rc = sga_package_read(octets, rule, &p);

	ck_assert((rc == RC_OK) == (p != NULL));
	sga_package_free(p);
	return rc;
}

/* ---- what it says ---- */

START_TEST(octets_of_x)
{
	const struct sga_package *p = sga_keys_package(keys_x);
	struct slice all = sga_package_octets(p), e = sga_public_octets(p->e);
	uint8_t dp[DIGEST_SIZE];

	ck_assert_uint_eq(all.n, 22 + 16 + 2 * 34 + 64);
	expect_octets(all.p, 22 + 16 + 2,
	              "53474150"
	              "01"
	              "02"
	              "001d"
	              "03ff"
	              "00000005"
	              "0000000077359400"
	              "0f676174657761792e6578616d706c65"
	              "0020");
	ck_assert_mem_eq(all.p + 40, e.p, e.n);
	ck_assert_int_eq(digest_sha256(&all, 1, dp), RC_OK);
	ck_assert_mem_eq(p->dp.v, dp, sizeof(dp));
	ck_assert_int_eq(sign_verify(&signer, SIGN_SGA_PACKAGE, slice_head(all, all.n - 64),
	                             (const uint8_t *)all.p + all.n - 64),
	                 RC_OK);
}
END_TEST

START_TEST(read_again)
{
	const struct sga_package_rule rule = {
		.key = &signer, .id = SLICE_LIT("gateway.example"), .now = 2000000000, .serial = 5
	};
	struct sga_package *p;

	ck_assert_int_eq(sga_package_read(package_of(_i), &rule, &p), RC_OK);
	ck_assert_uint_eq(p->suite->id, _i == 0 ? SGA_SUITE_C : SGA_SUITE_X);
	ck_assert_uint_eq(p->group->id, _i == 0 ? SGA_GROUP_FFDHE3072 : SGA_GROUP_X25519);
	ck_assert_uint_eq(p->ciphers, SGA_CIPHERS_KNOWN);
	ck_assert_uint_eq(p->serial, 5);
	ck_assert_uint_eq(p->not_after, 2000000000);
	ck_assert(slice_is(sga_id_slice(&p->id), "gateway.example"));
	ck_assert(slice_eq(sga_package_octets(p), package_of(_i)));
	ck_assert_mem_eq(p->dp.v, sga_keys_package(keys_of(_i))->dp.v, 32);
	sga_package_free(p);
}
END_TEST

START_TEST(rules)
{
	struct sga_package_rule rule = { .key = &signer };
	struct slice p = package_of(1);

	ck_assert_int_eq(read_with(p, &rule), RC_OK);
	rule.now = 2000000001;
	ck_assert_int_eq(read_with(p, &rule), RC_EXPIRED);
	rule.now = 0;
	rule.serial = 6;
	ck_assert_int_eq(read_with(p, &rule), RC_CONFLICT);
	rule.serial = 4;
	ck_assert_int_eq(read_with(p, &rule), RC_OK);
	rule.id = SLICE_LIT("gateway.exampl");
	ck_assert_int_eq(read_with(p, &rule), RC_DENIED);
	rule.id = SLICE_NONE;
	rule.key = &stranger;
	ck_assert_int_eq(read_with(p, &rule), RC_DENIED);
}
END_TEST

/* ---- what is none ---- */

START_TEST(every_bit)
{
	const struct sga_package_rule rule = { .key = &signer };
	struct slice p = package_of(_i);
	uint8_t copy[SGA_PACKAGE_MAX];

	memcpy(copy, p.p, p.n);
	for (size_t bit = 0; bit < 8 * p.n; bit++) {
		enum rc rc;

		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = read_with(slice_make(copy, p.n), &rule);
		ck_assert_msg(rc == RC_BAD_REQUEST || rc == RC_DENIED, "bit %zu: %d", bit, rc);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(read_with(slice_make(copy, p.n), &rule), RC_OK);
}
END_TEST

/* Each in memory of its own length. */
START_TEST(every_length)
{
	const struct sga_package_rule rule = { .key = &signer };
	struct slice p = package_of(_i);

	for (size_t n = 0; n <= p.n + 1; n++) {
		uint8_t *copy = calloc(1, n == 0 ? 1 : n);

		memcpy(copy, p.p, n < p.n ? n : p.n);
		ck_assert_int_eq(read_with(slice_make(copy, n), &rule),
		                 n == p.n ? RC_OK : RC_BAD_REQUEST);
		free(copy);
	}
}
END_TEST

/* Signed by the right one, and not to be used all the same. */
static const struct {
	size_t at;
	const char *hex;
	enum rc want;
} signed_faults[] = {
	{ 4, "02", RC_BAD_REQUEST }, /* format */
	{ 5, "00", RC_NOT_IMPLEMENTED }, /* suite */
	{ 5, "03", RC_NOT_IMPLEMENTED },
	{ 5, "01", RC_NOT_IMPLEMENTED }, /* C with the group of X */
	{ 6, "0101", RC_NOT_IMPLEMENTED }, /* group */
	{ 6, "ffff", RC_NOT_IMPLEMENTED },
	{ 8, "03eb", RC_NOT_IMPLEMENTED }, /* no mandatory cipher */
	{ 8, "0000", RC_NOT_IMPLEMENTED },
	{ 8, "0004", RC_OK },
	{ 8, "0010", RC_OK },
	{ 8, "fc04", RC_OK }, /* ciphers that there are not */
	{ 22, "00", RC_BAD_REQUEST }, /* length of ID_G */
	{ 23, "20", RC_BAD_REQUEST }, /* its first character */
	{ 40, "0000000000000000000000000000000000000000000000000000000000000000",
	  RC_NOT_IMPLEMENTED }, /* PK_E */
	{ 74, "0100000000000000000000000000000000000000000000000000000000000000",
	  RC_NOT_IMPLEMENTED }, /* PK_F */
};

static void
sign_again(uint8_t *octets, size_t n)
{
	struct sign_public public;
	struct sign_key *k = known_sign_key(7, &public);

	ck_assert_int_eq(sign_make(k, SIGN_SGA_PACKAGE, slice_make(octets, n - SIGN_SIZE),
	                           octets + n - SIGN_SIZE),
	                 RC_OK);
	sign_key_free(k);
}

START_TEST(signed_and_wrong)
{
	const struct sga_package_rule rule = { .key = &signer };
	struct octets fault = octets_of(signed_faults[_i].hex);
	struct slice p = package_of(1);
	uint8_t copy[SGA_PACKAGE_MAX];

	memcpy(copy, p.p, p.n);
	memcpy(copy + signed_faults[_i].at, fault.v, fault.n);
	sign_again(copy, p.n);
	ck_assert_int_eq(read_with(slice_make(copy, p.n), &rule), signed_faults[_i].want);
}
END_TEST

START_TEST(one_key_for_both)
{
	const struct sga_package_rule rule = { .key = &signer };
	struct slice p = package_of(1);
	uint8_t copy[SGA_PACKAGE_MAX];

	memcpy(copy, p.p, p.n);
	memcpy(copy + 74, copy + 40, 32);
	sign_again(copy, p.n);
	ck_assert_int_eq(read_with(slice_make(copy, p.n), &rule), RC_NOT_IMPLEMENTED);
}
END_TEST

/* A signature for something else is none here. */
START_TEST(another_domain)
{
	const struct sga_package_rule rule = { .key = &signer };
	struct slice p = package_of(1);
	uint8_t copy[SGA_PACKAGE_MAX];
	struct sign_public public;
	struct sign_key *k = known_sign_key(7, &public);

	memcpy(copy, p.p, p.n);
	ck_assert_int_eq(sign_make(k, SIGN_SGA_E2E, slice_make(copy, p.n - SIGN_SIZE),
	                           copy + p.n - SIGN_SIZE),
	                 RC_OK);
	ck_assert_int_eq(read_with(slice_make(copy, p.n), &rule), RC_DENIED);
	sign_key_free(k);
}
END_TEST

/* ---- keys ---- */

START_TEST(kept)
{
	struct sga_keys *again;
	struct buf b;

	buf_init(&b, SGA_KEYS_MAX);
	b.secret = true;
	ck_assert_int_eq(sga_keys_save(keys_of(_i), &b), RC_OK);
	ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(_i), &signer, &again), RC_OK);
	ck_assert(slice_eq(package_of(_i), sga_package_octets(sga_keys_package(again))));
	ck_assert(slice_eq(sga_public_octets(sga_private_public(sga_keys_f(again))),
	                   sga_public_octets(sga_keys_package(again)->f)));
	ck_assert(slice_eq(sga_public_octets(sga_private_public(sga_keys_e(again))),
	                   sga_public_octets(sga_keys_package(again)->e)));
	sga_keys_free(again);
	ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(_i), &stranger, &again), RC_DENIED);
	ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(1 - _i), &signer, &again),
	                 RC_BAD_REQUEST);
	for (size_t n = 0; n < b.n; n += 7)
		ck_assert_int_eq(
			sga_keys_load(slice_head(buf_view(&b), n), package_of(_i), &signer, &again),
			RC_BAD_REQUEST);
	b.p[0] = 2;
	ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(_i), &signer, &again),
	                 RC_BAD_REQUEST);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
}
END_TEST

START_TEST(keys_exchanged)
{
	struct sga_keys *again;
	struct buf b;
	char copy[32];

	buf_init(&b, SGA_KEYS_MAX);
	ck_assert_int_eq(sga_keys_save(keys_x, &b), RC_OK);
	memcpy(copy, b.p + 3, 32);
	memcpy(b.p + 3, b.p + 37, 32);
	memcpy(b.p + 37, copy, 32);
	ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(1), &signer, &again),
	                 RC_BAD_REQUEST);
	buf_fini(&b);
}
END_TEST

/* Either of the two belongs to somebody else. */
START_TEST(one_key_replaced)
{
	struct sga_keys *again;
	struct buf b;

	for (size_t at = 3; at < 69; at += 34) {
		buf_init(&b, SGA_KEYS_MAX);
		ck_assert_int_eq(sga_keys_save(keys_x, &b), RC_OK);
		memset(b.p + at, 9, 32);
		ck_assert_int_eq(sga_keys_load(buf_view(&b), package_of(1), &signer, &again),
		                 RC_BAD_REQUEST);
		buf_fini(&b);
	}
}
END_TEST

START_TEST(no_room)
{
	for (size_t n = 0; n < 69; n++) {
		struct buf b;

		buf_init(&b, n);
		ck_assert_int_eq(sga_keys_save(keys_x, &b), RC_NO_SPACE);
		buf_fini(&b);
	}
}
END_TEST

/* From the same randomness the same keys, and never one for both. */
START_TEST(known_from_randomness)
{
	struct sign_public p;
	struct sga_keys *again = known_keys(SGA_SUITE_X, SGA_GROUP_X25519, &p);

	ck_assert(slice_eq(package_of(1), sga_package_octets(sga_keys_package(again))));
	sga_keys_free(again);
}
END_TEST

START_TEST(confs_refused)
{
	struct sign_public p;
	struct sign_key *sign = known_sign_key(7, &p);
	const struct sga_keys_conf good = { .suite = SGA_SUITE_X,
		                            .ciphers = 4,
		                            .serial = 1,
		                            .not_after = 1,
		                            .id = known_id("g"),
		                            .sign = sign };
	struct sga_keys_conf bad[] = { good, good, good, good, good, good, good };
	struct sga_keys *k;

	bad[0].suite = 3;
	bad[1].group = SGA_GROUP_FFDHE2048;
	bad[2].ciphers = 0x000b;
	bad[3].ciphers = 0x0404;
	bad[4].id.n = 0;
	bad[5].id.n = SGA_ID_MAX + 1;
	bad[6].sign = NULL;
	for (size_t i = 0; i < NITEMS(bad); i++)
		ck_assert_int_eq(sga_keys_make(&bad[i], NULL, &k), RC_BAD_REQUEST);
	ck_assert_int_eq(sga_keys_make(&good, NULL, &k), RC_OK);
	sga_keys_free(k);
	sign_key_free(sign);
}
END_TEST

START_TEST(bits_of_ciphers)
{
	uint16_t all = 0;

	for (uint16_t cid = 1; cid <= 10; cid++)
		all |= sga_cipher_bit(cid);
	ck_assert_uint_eq(all, SGA_CIPHERS_KNOWN);
	ck_assert_uint_eq(sga_cipher_bit(3) | sga_cipher_bit(5), SGA_CIPHERS_MANDATORY);
	ck_assert_uint_eq(sga_cipher_bit(0), 0);
	ck_assert_uint_eq(sga_cipher_bit(11), 0);
	ck_assert_uint_eq(sga_cipher_bit(0xffff), 0);
}
END_TEST

static Suite *
package_suite(void)
{
	Suite *s = suite_create("sga_package");
	TCase *c = suite_case(s, "package", NULL, NULL);

	tcase_add_unchecked_fixture(c, make_all, free_all);
	tcase_add_test(c, octets_of_x);
	tcase_add_loop_test(c, read_again, 0, 2);
	tcase_add_test(c, rules);
	tcase_add_loop_test(c, every_bit, 0, 2);
	tcase_add_loop_test(c, every_length, 0, 2);
	tcase_add_loop_test(c, signed_and_wrong, 0, (int)NITEMS(signed_faults));
	tcase_add_test(c, one_key_for_both);
	tcase_add_test(c, another_domain);
	tcase_add_loop_test(c, kept, 0, 2);
	tcase_add_test(c, keys_exchanged);
	tcase_add_test(c, one_key_replaced);
	tcase_add_test(c, no_room);
	tcase_add_test(c, known_from_randomness);
	tcase_add_test(c, confs_refused);
	tcase_add_test(c, bits_of_ciphers);
	return s;
}

int
main(void)
{
	return run_suite(package_suite());
}

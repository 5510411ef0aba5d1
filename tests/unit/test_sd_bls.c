/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of BLS: known answers, proofs of possession, points that are none, aggregates. */
#include "config.h"

#include "pairing/pairing.h"
#include "sd_bed.h"

#define TAG "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
#define VECTORS 3
#define AGGREGATE                                                                                  \
	"8e1b0a205b57a229f179dfdf446fead16c57bcb21e0da3c2b9d5912c4b393f89a7ecb7d9ec9583712752a81c" \
	"6d86c521"

/* SHA-256 of "m2m bls sk 1" .. modulo r. */
static const char *const secrets[VECTORS] = {
	"40996766156099cb2aa28ef8dbffb57ff655e3096cffedbd1dce916743e1d224",
	"3d013aae643cf7d8c5f252f4b60c2e6d6e153a3f4411acf530baf44edafefeea",
	"6c466925404b8a3401670463e7c12568b5e43aaa481bcc814c2c12d42b2e1166",
};
static const char *const known[VECTORS] = {
	"a84e0e82f77606acf0d1446a848ddf5cbce2812142775689971dd870cc3975c7a2ae16a274e9d97f627a4d1f"
	"90034b5a",
	"aed1e1583de6658b1cfd30b06935d5f908420ba0f6f38c5d3d6774cc34a51adef8cad8dd4f2bfa0cd855f028"
	"99dee056",
	"82ec748a5f63135b87a7134a4b249950ea1e41954bc623d1499425c630ed8c86046c3e9530f65eef0ee4544a"
	"8d576571",
};

/* The parties of the known answers. */
struct three {
	char payloads[VECTORS][16];
	struct sd_reading readings[VECTORS];
	struct sd_bls_secret secrets[VECTORS];
	struct sd_bls_public publics[VECTORS];
	const struct sd_bls_public *keys[VECTORS];
	uint8_t singles[VECTORS][SD_BLS_SIZE];
	uint8_t aggregate[SD_BLS_SIZE];
};

static struct three t;

static void
setup(void)
{
	for (uint8_t i = 0; i < VECTORS; i++) {
		t.readings[i] = sd_reading_of((uint8_t)(i + 1), t.payloads[i]);
		t.secrets[i] = sd_secret_of(secrets[i]);
		t.publics[i] = sd_public_of(&t.secrets[i]);
		t.keys[i] = &t.publics[i];
		ck_assert_uint_eq(sd_bls_sign(&t.secrets[i], &t.readings[i], t.singles[i]), RC_OK);
	}
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(t.singles, sizeof(t.singles)), t.aggregate),
	                  RC_OK);
}

START_TEST(the_vectors)
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE], again[SD_BLS_SECRET_SIZE];

	ck_assert_uint_eq(sd_bls_prove(&t.secrets[0], pk, pop), RC_OK);
	expect_octets(pk, sizeof(pk),
	              "a91fe7ca90ba9f52cf7e29d281dd9f20936bde818e2ffd2bc39283e74e8ade70479a93a1439f"
	              "565ea80a5776a7a0ba1f049f9ffaa1612071fac25ad21bc08a9f24ab93dfcb8ea35176054c78"
	              "73724a61cf328ad596592866332aceaf41b237ab");
	expect_octets(pop, sizeof(pop),
	              "a2eaa3cddae6017664a6d2366a2223450c19b2799279f19e3fb72362253127bef729ab9e7a95"
	              "a21d28289bcbfd977ac7");
	for (size_t i = 0; i < VECTORS; i++) {
		expect_octets(t.singles[i], SD_BLS_SIZE, known[i]);
		ck_assert_uint_eq(sd_bls_verify(t.keys[i], &t.readings[i], t.singles[i]), RC_OK);
		ck_assert_uint_eq(sd_bls_secret_write(&t.secrets[i], again), RC_OK);
		expect_octets(again, sizeof(again), secrets[i]);
	}
	expect_octets(t.aggregate, SD_BLS_SIZE, AGGREGATE);
	ck_assert_uint_eq(sd_bls_verify_aggregate(t.readings, t.keys, VECTORS, t.aggregate), RC_OK);
}
END_TEST

START_TEST(secrets_of_keys)
{
	static const uint8_t ikm[SD_BLS_IKM_MIN] = { 1 }, zero[SD_BLS_SECRET_SIZE];
	struct sd_bls_secret a, b;

	ck_assert_uint_eq(sd_bls_derive(slice_make(ikm, sizeof(ikm) - 1), &a), RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_derive(slice_make(ikm, sizeof(ikm)), &a), RC_OK);
	ck_assert_uint_eq(sd_bls_derive(slice_make(ikm, sizeof(ikm)), &b), RC_OK);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_uint_eq(sd_bls_generate(&b), RC_OK);
	ck_assert_mem_ne(&a, &b, sizeof(a));
	ck_assert_uint_eq(sd_bls_generate(&a), RC_OK);
	ck_assert_mem_ne(&a, &b, sizeof(a));
	ck_assert_uint_eq(sd_bls_secret_read(slice_make(zero, sizeof(zero)), &a), RC_BAD_REQUEST);
	expect_zeros(&a, sizeof(a));
	sd_bls_wipe(&b);
	expect_zeros(&b, sizeof(b));
	sd_bls_wipe(NULL);
}
END_TEST

START_TEST(proofs_of_others)
{
	uint8_t pk[VECTORS][SD_BLS_PUBLIC_SIZE], pop[VECTORS][SD_BLS_PROOF_SIZE];
	struct sd_bls_public p;

	for (size_t i = 0; i < VECTORS; i++)
		ck_assert_uint_eq(sd_bls_prove(&t.secrets[i], pk[i], pop[i]), RC_OK);
	for (size_t i = 0; i < VECTORS; i++)
		for (size_t k = 0; k < VECTORS; k++) {
			enum rc rc = sd_bls_public_prove(slice_make(pk[i], sizeof(pk[i])),
			                                 slice_make(pop[k], sizeof(pop[k])), &p);

			ck_assert_uint_eq(rc, i == k ? RC_OK : RC_FORBIDDEN);
			if (i != k)
				expect_zeros(&p, sizeof(p));
		}
	ck_assert_uint_eq(sd_bls_public_prove(slice_make(pk[0], sizeof(pk[0])),
	                                      slice_make(pop[0], sizeof(pop[0]) - 1), &p),
	                  RC_BAD_REQUEST);
	/* A signature on the octets of the key is no proof: the tag is another. */
	ck_assert_uint_eq(sd_bls_public_prove(slice_make(pk[0], sizeof(pk[0])),
	                                      slice_make(t.singles[0], SD_BLS_SIZE), &p),
	                  RC_FORBIDDEN);
}
END_TEST

/*
 * The attack that the proofs are for: pk' = h^x / pk_victim. With that key the attacker makes an
 * aggregate of both alone when the messages are equal, and has no proof for it.
 */
START_TEST(a_rogue_key)
{
	const struct pairing_g2 victim = t.publics[0].p;
	const struct sd_bls_secret *x = &t.secrets[1];
	struct pairing_scalar minus;
	struct octets o =
		octets_of("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
	struct pairing_g2 inverse;
	struct pairing_g2_product product;
	struct sd_bls_public rogue, p;
	uint8_t pk[SD_BLS_PUBLIC_SIZE], own[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	uint8_t signature[SD_BLS_SIZE];
	const struct sd_bls_public *keys[2] = { &t.publics[0], &rogue };
	struct sd_reading same[2] = { t.readings[0], t.readings[0] };

	ck_assert_uint_eq(pairing_scalar_read(octets_slice(&o), &minus), RC_OK);
	pairing_g2_power(&victim, &minus, &inverse);
	pairing_g2_product_begin(&product);
	pairing_g2_product_times(&product, &t.publics[1].p);
	pairing_g2_product_times(&product, &inverse);
	ck_assert_uint_eq(pairing_g2_product_end(&product, &rogue.p), RC_OK);
	pairing_g2_write(&rogue.p, pk);
	/* It is a key like any other, but for the proof: neither x's own one nor its signature. */
	ck_assert_uint_eq(sd_bls_public_read(slice_make(pk, sizeof(pk)), &p), RC_OK);
	ck_assert_uint_eq(sd_bls_prove(x, own, pop), RC_OK);
	ck_assert_uint_eq(
		sd_bls_public_prove(slice_make(pk, sizeof(pk)), slice_make(pop, sizeof(pop)), &p),
		RC_FORBIDDEN);
	/* Of equal messages the pairing would be right; the messages are looked at first. */
	ck_assert_uint_eq(sd_bls_sign(x, &t.readings[0], signature), RC_OK);
	ck_assert_uint_eq(sd_bls_verify_aggregate(same, keys, 2, signature), RC_CONFLICT);
	ck_assert_uint_eq(sd_bls_verify_aggregate(t.readings, keys, 2, signature), RC_FORBIDDEN);
}
END_TEST

/* The x of a point of the curve that is not in the group of order r, and other octets. */
START_TEST(points_that_are_none)
{
	static const char *const signatures[] = {
		/* the neutral element, with and without its sign */
		"c000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00"
		"000000000000",
		"e000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00"
		"000000000000",
		/* x = 0: of order 3; x = 4: of the curve */
		"8000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00"
		"000000000000",
		"8000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00"
		"000000000004",
		/* the first vector without its flag, and its x with the modulus added */
		"284e0e82f77606acf0d1446a848ddf5cbce2812142775689971dd870cc3975c7a2ae16a274e9d97f62"
		"7a"
		"4d1f90034b5a",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ff"
		"ffffffffffff",
	};
	uint8_t two[2 * SD_BLS_SIZE], out[SD_BLS_SIZE];
	struct sd_bls_public p;

	for (size_t i = 0; i < NITEMS(signatures); i++) {
		struct octets o = octets_of(signatures[i]);

		ck_assert_uint_eq(sd_bls_verify(t.keys[0], &t.readings[0], o.v), RC_BAD_REQUEST);
		ck_assert_uint_eq(sd_bls_verify_aggregate(t.readings, t.keys, 1, o.v),
		                  RC_BAD_REQUEST);
		memcpy(two, t.singles[0], SD_BLS_SIZE);
		memcpy(two + SD_BLS_SIZE, o.v, SD_BLS_SIZE);
		ck_assert_uint_eq(sd_bls_aggregate(slice_make(two, sizeof(two)), out),
		                  RC_BAD_REQUEST);
		expect_zeros(out, sizeof(out));
		ck_assert_uint_eq(
			sd_bls_verify_all(t.readings, t.keys, 2, slice_make(two, sizeof(two))),
			RC_BAD_REQUEST);
		o.n = SD_BLS_PUBLIC_SIZE; /* zeros behind it */
		memset(o.v + SD_BLS_SIZE, 0, SD_BLS_SIZE);
		ck_assert_uint_eq(sd_bls_public_read(octets_slice(&o), &p), RC_BAD_REQUEST);
	}
}
END_TEST

/* The other of the two points with the same x is the inverse: right for nobody. */
START_TEST(the_other_sign)
{
	uint8_t two[2 * SD_BLS_SIZE], out[SD_BLS_SIZE];

	memcpy(two, t.singles[0], SD_BLS_SIZE);
	memcpy(two + SD_BLS_SIZE, t.singles[0], SD_BLS_SIZE);
	two[0] ^= 0x20;
	ck_assert_uint_eq(sd_bls_verify(t.keys[0], &t.readings[0], two), RC_FORBIDDEN);
	/* Both cancel each other. */
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(two, sizeof(two)), out), RC_BAD_REQUEST);
}
END_TEST

START_TEST(any_order)
{
	uint8_t turned[VECTORS][SD_BLS_SIZE], out[SD_BLS_SIZE];
	struct sd_reading readings[VECTORS];
	const struct sd_bls_public *keys[VECTORS];

	for (size_t i = 0; i < VECTORS; i++) {
		size_t k = (i + 1) % VECTORS;

		memcpy(turned[i], t.singles[k], SD_BLS_SIZE);
		readings[VECTORS - 1 - i] = t.readings[i];
		keys[VECTORS - 1 - i] = t.keys[i];
	}
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(turned, sizeof(turned)), out), RC_OK);
	ck_assert_mem_eq(out, t.aggregate, sizeof(out));
	ck_assert_uint_eq(sd_bls_verify_aggregate(readings, keys, VECTORS, out), RC_OK);
	/* Readings whose signers are swapped are others. */
	keys[0] = t.keys[0];
	keys[2] = t.keys[2];
	ck_assert_uint_eq(sd_bls_verify_aggregate(readings, keys, VECTORS, out), RC_FORBIDDEN);
}
END_TEST

START_TEST(limits_of_aggregates)
{
	uint8_t out[SD_BLS_SIZE];
	uint8_t *many = malloc((SD_READINGS_MAX + 1) * SD_BLS_SIZE);

	for (size_t i = 0; i <= SD_READINGS_MAX; i++)
		memcpy(many + i * SD_BLS_SIZE, t.singles[0], SD_BLS_SIZE);
	ck_assert_uint_eq(sd_bls_aggregate(SLICE_NONE, out), RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(many, SD_BLS_SIZE + 1), out), RC_BAD_REQUEST);
	ck_assert_uint_eq(
		sd_bls_aggregate(slice_make(many, (SD_READINGS_MAX + 1) * SD_BLS_SIZE), out),
		RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(many, SD_READINGS_MAX * SD_BLS_SIZE), out),
	                  RC_OK);
	ck_assert_uint_eq(sd_bls_verify_aggregate(t.readings, t.keys, 0, t.aggregate),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_verify_all(t.readings, t.keys, VECTORS,
	                                    slice_make(t.singles, 2 * SD_BLS_SIZE)),
	                  RC_BAD_REQUEST);
	t.readings[1].payload.n = SD_PAYLOAD_MAX + 1;
	ck_assert_uint_eq(sd_bls_verify_aggregate(t.readings, t.keys, VECTORS, t.aggregate),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_sign(&t.secrets[0], &t.readings[1], out), RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bls_verify(t.keys[0], &t.readings[1], t.aggregate), RC_BAD_REQUEST);
	free(many);
}
END_TEST

/*
 * Errors that cancel: the aggregate is right, which says that both have signed; each signature by
 * itself is not.
 */
START_TEST(errors_that_cancel)
{
	struct pairing_g1 error, inverse, p;
	struct pairing_g1_product x;
	uint8_t out[SD_BLS_SIZE];

	ck_assert_uint_eq(pairing_g1_hash(SLICE_LIT("error"), SLICE_LIT(TAG), &error), RC_OK);
	pairing_g1_inverse(&error, &inverse);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(pairing_g1_read(slice_make(t.singles[i], SD_BLS_SIZE), &p),
		                  RC_OK);
		pairing_g1_product_begin(&x);
		pairing_g1_product_times(&x, &p);
		pairing_g1_product_times(&x, i == 0 ? &error : &inverse);
		ck_assert_uint_eq(pairing_g1_product_end(&x, &p), RC_OK);
		pairing_g1_write(&p, t.singles[i]);
	}
	ck_assert_uint_eq(sd_bls_aggregate(slice_make(t.singles, sizeof(t.singles)), out), RC_OK);
	ck_assert_mem_eq(out, t.aggregate, sizeof(out));
	ck_assert_uint_eq(sd_bls_verify_all(t.readings, t.keys, VECTORS,
	                                    slice_make(t.singles, sizeof(t.singles))),
	                  RC_FORBIDDEN);
}
END_TEST

/* Few devices with many readings each: grouped, mixed, and again with one reading altered. */
START_TEST(groups_of_signers)
{
	struct sd_reading readings[40];
	const struct sd_bls_public *keys[NITEMS(readings)];
	uint8_t singles[NITEMS(readings)][SD_BLS_SIZE], sum[SD_BLS_SIZE];
	struct dice d;

	dice_init(&d, "groups of signers");
	for (unsigned round = 0; round < 8; round++) {
		size_t n = 1 + dice(&d, NITEMS(readings)), signers = 1 + round % VECTORS;

		for (size_t i = 0; i < n; i++) {
			size_t k = dice(&d, (unsigned)signers);

			readings[i] = t.readings[k];
			readings[i].seq = i;
			keys[i] = t.keys[k];
			ck_assert_uint_eq(sd_bls_sign(&t.secrets[k], &readings[i], singles[i]),
			                  RC_OK);
		}
		ck_assert_uint_eq(sd_bls_aggregate(slice_make(singles, n * SD_BLS_SIZE), sum),
		                  RC_OK);
		ck_assert_uint_eq(sd_bls_verify_aggregate(readings, keys, n, sum), RC_OK);
		ck_assert_uint_eq(
			sd_bls_verify_all(readings, keys, n, slice_make(singles, n * SD_BLS_SIZE)),
			RC_OK);
		readings[dice(&d, (unsigned)n)].millis++;
		ck_assert_uint_eq(sd_bls_verify_aggregate(readings, keys, n, sum), RC_FORBIDDEN);
		ck_assert_uint_eq(
			sd_bls_verify_all(readings, keys, n, slice_make(singles, n * SD_BLS_SIZE)),
			RC_FORBIDDEN);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_bls");
	TCase *c = suite_case(s, "bls", setup, NULL);

	tcase_add_test(c, the_vectors);
	tcase_add_test(c, secrets_of_keys);
	tcase_add_test(c, proofs_of_others);
	tcase_add_test(c, a_rogue_key);
	tcase_add_test(c, points_that_are_none);
	tcase_add_test(c, the_other_sign);
	tcase_add_test(c, any_order);
	tcase_add_test(c, limits_of_aggregates);
	tcase_add_test(c, errors_that_cancel);
	tcase_add_test(c, groups_of_signers);
	return s;
}

int
main(void)
{
	return run_sd_suite(suite);
}

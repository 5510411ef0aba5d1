/* SPDX-License-Identifier: Apache-2.0 */
/* The identity-based scheme: identities, keys, signatures, aggregates. */
#include "config.h"

#include "sd_bed.h"
#include "sec/digest.h"

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

/* What n devices sign in round w, together. */
static void
aggregate(size_t n, uint8_t out[IBAS_SIZE])
{
	uint8_t singles[DEVICES][IBAS_SIZE];

	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(sign(i, w, singles[i]), RC_OK);
	ck_assert_uint_eq(ibas_aggregate(slice_make(singles, n * IBAS_SIZE), out), RC_OK);
}

static enum rc
verify(const struct sd_reading *readings, size_t n, const uint8_t signature[IBAS_SIZE])
{
	const struct ibas_identity *ids[DEVICES];

	for (size_t i = 0; i < n; i++)
		ids[i] = &bed.devices[i].id;
	return ibas_verify(&bed.q, w, readings, ids, n, signature);
}

START_TEST(identities_name_the_month)
{
	static const struct {
		uint64_t millis;
		const char *month;
	} rows[] = { { 0, "197001" },
		     { NOW, "202311" },
		     { UINT64_C(1701388799999), "202311" },
		     { UINT64_C(1701388800000), "202312" },
		     { UINT64_C(1704067200000), "202401" },
		     { UINT64_C(253402300799999), "999912" } };
	const struct node_id node = sd_node(1);
	char id[IBAS_ID_SIZE + 1];

	for (size_t i = 0; i < NITEMS(rows); i++) {
		ck_assert_uint_eq(ibas_id(&node, rows[i].millis, id), RC_OK);
		ck_assert_uint_eq(strlen(id), IBAS_ID_SIZE);
		ck_assert_int_eq(strncmp(id, "01bcad98000000000000000000000001", 32), 0);
		ck_assert_str_eq(id + 32, rows[i].month);
	}
	ck_assert_uint_eq(ibas_id(&node, UINT64_C(253402300800000), id), RC_BAD_REQUEST);
	ck_assert_uint_eq(ibas_id(&node, UINT64_MAX, id), RC_BAD_REQUEST);
	ck_assert_str_eq(id, "");
}
END_TEST

/* The formulas of the paper, by the pairing's functions alone. */
START_TEST(keys_are_powers_of_hashes)
{
	const char *id = bed.devices[0].id.id;
	uint8_t octets[IBAS_ID_SIZE + 2] = { IBAS_ID_SIZE }, key[IBAS_KEY_SIZE], want[48];

	memcpy(octets + 1, id, IBAS_ID_SIZE);
	ck_assert_uint_eq(ibas_key_make(&bed.s, &bed.devices[0].id, key), RC_OK);
	for (uint8_t j = 0; j < 2; j++) {
		struct pairing_g1 p;

		octets[sizeof(octets) - 1] = j;
		ck_assert_uint_eq(pairing_g1_hash(slice_make(octets, sizeof(octets)),
		                                  SLICE_LIT("M2M-IBAS-H1"), &p),
		                  RC_OK);
		pairing_g1_power(&p, &bed.s.s, &p);
		pairing_g1_write(&p, want);
		ck_assert_mem_eq(key + 48 * j, want, sizeof(want));
	}
}
END_TEST

/* c of the scheme, and P_w. */
static void
challenge(const struct ibas_identity *id, const struct sd_reading *r, uint8_t c[DIGEST_SIZE],
          struct pairing_g1 *p_w)
{
	static const uint8_t length = IBAS_ID_SIZE;
	uint8_t message[SD_MESSAGE_MAX];
	struct slice parts[] = { SLICE_LIT("M2M-IBAS-H3"), slice_make(w, sizeof(w)),
		                 slice_make(&length, 1), slice_make(id->id, IBAS_ID_SIZE),
		                 SLICE_NONE };

	ck_assert_uint_eq(sd_message(r, message, &parts[4]), RC_OK);
	ck_assert_uint_eq(digest_sha256(parts, NITEMS(parts), c), RC_OK);
	ck_assert_uint_eq(pairing_g1_hash(slice_make(w, sizeof(w)), SLICE_LIT("M2M-IBAS-H2"), p_w),
	                  RC_OK);
}

/* e(S, h) = e(P_w, T) e(P_0 P_1^c, Q), where c is a whole scalar. */
START_TEST(one_signature_by_the_formula)
{
	const struct ibas_identity *id = &bed.devices[0].id;
	uint8_t signature[IBAS_SIZE], c[DIGEST_SIZE], wide[32] = { 0 };
	struct pairing_scalar e;
	struct pairing_g1 s, p_w, p;
	struct pairing_g1_product x;
	struct pairing_g2 t, h;
	struct pairing_check check;

	ck_assert_uint_eq(sign(0, w, signature), RC_OK);
	challenge(id, &bed.readings[0], c, &p_w);
	memcpy(wide + 16, c, 16);
	ck_assert_uint_eq(pairing_scalar_read(slice_make(wide, sizeof(wide)), &e), RC_OK);
	ck_assert_uint_eq(pairing_g1_read(slice_make(signature, 48), &s), RC_OK);
	ck_assert_uint_eq(pairing_g2_read(slice_make(signature + 48, 96), &t), RC_OK);
	pairing_g1_power(&id->p[1], &e, &p);
	pairing_g1_product_begin(&x);
	pairing_g1_product_times(&x, &p);
	pairing_g1_product_times(&x, &id->p[0]);
	ck_assert_uint_eq(pairing_g1_product_end(&x, &p), RC_OK);
	pairing_g2_generator(&h);
	pairing_g1_inverse(&s, &s);
	pairing_check_begin(&check);
	pairing_check_pair(&check, &s, &h);
	pairing_check_pair(&check, &p_w, &t);
	pairing_check_pair(&check, &p, &bed.q.q);
	ck_assert_uint_eq(pairing_check_end(&check), RC_OK);
}
END_TEST

START_TEST(generators)
{
	uint8_t octets[IBAS_SECRET_SIZE], q[IBAS_PUBLIC_SIZE];
	struct ibas_secret s;
	struct ibas_public p;

	ck_assert_uint_eq(ibas_secret_write(&bed.s, octets), RC_OK);
	ck_assert_uint_eq(ibas_secret_read(slice_make(octets, sizeof(octets)), &s), RC_OK);
	ck_assert_mem_eq(&s, &bed.s, sizeof(s));
	ck_assert_uint_eq(ibas_secret_read(slice_make(octets, sizeof(octets) - 1), &s),
	                  RC_BAD_REQUEST);
	ck_assert_uint_eq(ibas_public_write(&bed.q, q), RC_OK);
	ck_assert_uint_eq(ibas_public_read(slice_make(q, sizeof(q)), &p), RC_OK);
	ck_assert_mem_eq(&p, &bed.q, sizeof(p));
	q[1] ^= 1;
	ck_assert_uint_eq(ibas_public_read(slice_make(q, sizeof(q)), &p), RC_BAD_REQUEST);
	ck_assert_uint_eq(ibas_generate(&s), RC_OK);
	ck_assert_mem_ne(&s, &bed.s, sizeof(s));
	ibas_secret_wipe(&s);
	expect_zeros(&s, sizeof(s));
	ibas_secret_wipe(NULL);
}
END_TEST

START_TEST(any_number_of_devices)
{
	uint8_t sum[IBAS_SIZE];

	for (size_t n = 1; n <= DEVICES; n++) {
		ck_assert_uint_eq(sd_round_make(NOW + n, w), RC_OK);
		aggregate(n, sum);
		ck_assert_uint_eq(verify(bed.readings, n, sum), RC_OK);
		if (n > 1)
			ck_assert_uint_eq(verify(bed.readings, n - 1, sum), RC_FORBIDDEN);
		if (n < DEVICES)
			ck_assert_uint_eq(verify(bed.readings, n + 1, sum), RC_FORBIDDEN);
	}
}
END_TEST

START_TEST(everything_is_signed)
{
	struct sd_reading readings[3];
	uint8_t sum[IBAS_SIZE];

	aggregate(3, sum);
	for (unsigned what = 0; what < 5; what++) {
		memcpy(readings, bed.readings, sizeof(readings));
		readings[1].seq += what == 0;
		readings[1].millis += what == 1;
		readings[1].payload.n -= what == 2;
		readings[1].device.v[15] ^= (uint8_t)(what == 3 ? 0x40 : 0);
		w[15] ^= (uint8_t)(what == 4 ? 1 : 0);
		ck_assert_uint_eq(verify(readings, 3, sum), RC_FORBIDDEN);
	}
	w[15] ^= 1;
	ck_assert_uint_eq(verify(bed.readings, 3, sum), RC_OK);
	/* Swapped readings: their ids are not those of the devices. */
	readings[0] = bed.readings[1];
	readings[1] = bed.readings[0];
	ck_assert_uint_eq(verify(readings, 3, sum), RC_FORBIDDEN);
	/* In the next month it is another identity. */
	memcpy(readings, bed.readings, sizeof(readings));
	readings[1].millis += UINT64_C(31) * 86400 * 1000;
	ck_assert_uint_eq(verify(readings, 3, sum), RC_FORBIDDEN);
}
END_TEST

/* What a device with its key alone, and no ibas_signer, signs r with. */
static void
sign_freely(const struct ibas_identity *id, const struct sd_reading *r, uint8_t out[IBAS_SIZE])
{
	uint8_t key[IBAS_KEY_SIZE] = { 0 }, c[DIGEST_SIZE];
	struct pairing_scalar x;
	struct pairing_g1 k[2], p;
	struct pairing_g1_product s;
	struct pairing_g2 t;

	ck_assert_uint_eq(ibas_key_make(&bed.s, id, key), RC_OK);
	for (size_t j = 0; j < 2; j++)
		ck_assert_uint_eq(pairing_g1_read(slice_make(key + 48 * j, 48), &k[j]), RC_OK);
	challenge(id, r, c, &p);
	ck_assert_uint_eq(pairing_scalar_random(&x), RC_OK);
	pairing_g1_power(&p, &x, &p);
	pairing_g1_product_begin(&s);
	pairing_g1_product_times(&s, &p);
	pairing_g1_product_times(&s, &k[0]);
	pairing_g1_product_power(&s, &k[1], c);
	ck_assert_uint_eq(pairing_g1_product_end(&s, &p), RC_OK);
	pairing_g2_generator(&t);
	pairing_g2_power(&t, &x, &t);
	pairing_g1_write(&p, out);
	pairing_g2_write(&t, out + 48);
}

/* A device that says, with its own key, what another one is to have measured. */
START_TEST(an_identity_is_of_the_reading)
{
	const struct ibas_identity *own = &bed.devices[1].id;
	uint8_t out[IBAS_SIZE];

	sign_freely(own, &bed.readings[1], out);
	ck_assert_uint_eq(ibas_verify(&bed.q, w, &bed.readings[1], &own, 1, out), RC_OK);
	sign_freely(own, &bed.readings[0], out);
	ck_assert_uint_eq(ibas_verify(&bed.q, w, &bed.readings[0], &own, 1, out), RC_FORBIDDEN);
	/* And with a key of this month, in another one. */
	bed.readings[1].millis += UINT64_C(31) * 86400 * 1000;
	sign_freely(own, &bed.readings[1], out);
	ck_assert_uint_eq(ibas_verify(&bed.q, w, &bed.readings[1], &own, 1, out), RC_FORBIDDEN);
}
END_TEST

START_TEST(a_device_once_in_a_bundle)
{
	struct sd_reading readings[2] = { bed.readings[0], bed.readings[0] };
	const struct ibas_identity *ids[2] = { &bed.devices[0].id, &bed.devices[0].id };
	uint8_t sum[IBAS_SIZE];

	aggregate(2, sum);
	readings[1].seq++;
	ck_assert_uint_eq(ibas_verify(&bed.q, w, readings, ids, 2, sum), RC_CONFLICT);
	ck_assert_uint_eq(ibas_verify(&bed.q, w, readings, ids, 0, sum), RC_BAD_REQUEST);
}
END_TEST

START_TEST(aggregates_that_are_none)
{
	uint8_t two[2 * IBAS_SIZE], out[IBAS_SIZE];

	ck_assert_uint_eq(sign(0, w, two), RC_OK);
	memcpy(two + IBAS_SIZE, two, IBAS_SIZE);
	ck_assert_uint_eq(ibas_aggregate(SLICE_NONE, out), RC_BAD_REQUEST);
	ck_assert_uint_eq(ibas_aggregate(slice_make(two, IBAS_SIZE + 1), out), RC_BAD_REQUEST);
	two[IBAS_SIZE] ^= 0x20; /* S cancels */
	ck_assert_uint_eq(ibas_aggregate(slice_make(two, sizeof(two)), out), RC_BAD_REQUEST);
	expect_zeros(out, sizeof(out));
	two[IBAS_SIZE] ^= 0x20;
	two[IBAS_SIZE + 48] ^= 0x20; /* T cancels */
	ck_assert_uint_eq(ibas_aggregate(slice_make(two, sizeof(two)), out), RC_BAD_REQUEST);
	two[IBAS_SIZE + 48] = 0xc0; /* another flag of the second one */
	ck_assert_uint_eq(ibas_aggregate(slice_make(two, sizeof(two)), out), RC_BAD_REQUEST);
	ck_assert_uint_eq(verify(bed.readings, 1, two + IBAS_SIZE), RC_BAD_REQUEST);
	ck_assert_uint_eq(verify(bed.readings, 1, two), RC_OK);
	two[48] ^= 0x20; /* the inverse of T */
	ck_assert_uint_eq(verify(bed.readings, 1, two), RC_FORBIDDEN);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_ibas");
	TCase *c = suite_case(s, "ibas", setup, teardown);

	tcase_add_test(c, identities_name_the_month);
	tcase_add_test(c, keys_are_powers_of_hashes);
	tcase_add_test(c, one_signature_by_the_formula);
	tcase_add_test(c, generators);
	tcase_add_test(c, any_number_of_devices);
	tcase_add_test(c, everything_is_signed);
	tcase_add_test(c, an_identity_is_of_the_reading);
	tcase_add_test(c, a_device_once_in_a_bundle);
	tcase_add_test(c, aggregates_that_are_none);
	return s;
}

int
main(void)
{
	return run_sd_suite(suite);
}

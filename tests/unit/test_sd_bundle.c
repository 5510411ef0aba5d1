/* SPDX-License-Identifier: Apache-2.0 */
/* MSB1 and the readings in it; without a signature that is checked. */
#include "config.h"

#include "sd_bed.h"

static const uint8_t signatures[SD_SIGNATURES_MAX];

static struct sd_bundle
bundle_of(enum sd_alg alg, size_t n)
{
	return (struct sd_bundle){ .alg = alg,
		                   .n = n,
		                   .gateway = sd_node(0x77),
		                   .seq = 0x0102030405060708,
		                   .signatures =
		                           slice_make(signatures, sd_signatures_size(alg, n)) };
}

static void
write_bundle(const struct sd_bundle *b, const struct sd_reading *readings, struct buf *out)
{
	buf_init(out, SD_BUNDLE_MAX);
	ck_assert_uint_eq(sd_bundle_write(b, readings, out), RC_OK);
}

START_TEST(the_vector_of_a_message)
{
	char payload[16];
	struct sd_reading r = sd_reading_of(1, payload);
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice m;

	ck_assert_uint_eq(sd_message(&r, octets, &m), RC_OK);
	expect_octets(m.p, m.n,
	              "4d53443101bcad98000000000000000000000001000000000000000b0000018bcfe56801"
	              "000972656164696e672031");
}
END_TEST

START_TEST(a_payload_has_a_limit)
{
	static const char payload[SD_PAYLOAD_MAX + 1];
	struct sd_reading r = { .payload = slice_make(payload, SD_PAYLOAD_MAX) };
	struct sd_bundle b = bundle_of(SD_BLS, 1);
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice m;
	struct buf out;

	ck_assert_uint_eq(sd_message(&r, octets, &m), RC_OK);
	ck_assert_uint_eq(m.n, SD_MESSAGE_MAX);
	write_bundle(&b, &r, &out);
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&out), &b), RC_OK);
	r.payload.n++;
	ck_assert_uint_eq(sd_message(&r, octets, &m), RC_BAD_REQUEST);
	ck_assert_uint_eq(sd_bundle_write(&b, &r, &out), RC_BAD_REQUEST);
	/* The same in what is read: the length says 513, and so many follow. */
	out.p[SD_BUNDLE_FIXED + 33] = 1;
	buf_add(&out, "", 1);
	out.p[11]++;
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&out), &b), RC_BAD_REQUEST);
	buf_fini(&out);
}
END_TEST

/* The table of the sizes: n readings of 24 octets. */
START_TEST(sizes)
{
	static const struct {
		size_t n, alg1, alg2, alg4;
	} rows[] = { { 1, 158, 142, 254 },
		     { 10, 1256, 664, 776 },
		     { 100, 12236, 5884, 5996 },
		     { 1000, 122036, 58084, 58196 } };

	for (size_t i = 0; i < NITEMS(rows); i++) {
		size_t n = rows[i].n;

		ck_assert_uint_eq(sd_bundle_size(SD_ED25519, n, 24 * n), rows[i].alg1);
		ck_assert_uint_eq(sd_bundle_size(SD_BLS, n, 24 * n), rows[i].alg2);
		ck_assert_uint_eq(sd_bundle_size(SD_BLS_SINGLE, n, 24 * n),
		                  rows[i].alg2 + 48 * (n - 1));
		ck_assert_uint_eq(sd_bundle_size(SD_IDENTITY, n, 24 * n), rows[i].alg4);
	}
	ck_assert_uint_eq(sd_signatures_size((enum sd_alg)0, 3), 0);
	ck_assert_uint_eq(sd_signatures_size((enum sd_alg)5, 3), 0);
}
END_TEST

static void
expect_readings(const struct sd_reading *got, const struct sd_reading *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(sd_reading_order(&got[i], &want[i]), 0);
}

/* Random bundles of every algorithm; none of their parts is copied. */
START_TEST(what_is_written_is_read)
{
	static char payloads[SD_READINGS_MAX][SD_PAYLOAD_MAX];
	static struct sd_reading in[SD_READINGS_MAX], out[SD_READINGS_MAX];
	struct dice d;

	dice_init(&d, "bundles");
	for (unsigned round = 0; round < 40; round++) {
		enum sd_alg alg = (enum sd_alg)(SD_ALG_MIN + round % 4);
		struct sd_bundle b = bundle_of(alg, round < 4 ? SD_READINGS_MAX : 1 + dice(&d, 40)),
				 got;
		struct buf octets;

		b.flags = (uint8_t)dice(&d, 2);
		for (size_t i = 0; i < b.n; i++) {
			size_t n = round < 4 ? SD_PAYLOAD_MAX : dice(&d, SD_PAYLOAD_MAX + 1);

			memset(payloads[i], (int)dice(&d, 256), n);
			in[i] = (struct sd_reading){ sd_node((uint8_t)i), dice(&d, 1000), i,
				                     slice_make(payloads[i], n) };
		}
		write_bundle(&b, in, &octets);
		ck_assert_uint_eq(sd_bundle_parse(buf_view(&octets), &got), RC_OK);
		ck_assert(got.alg == alg && got.flags == b.flags && got.n == b.n &&
		          got.seq == b.seq && node_id_eq(&got.gateway, &b.gateway));
		ck_assert(slice_eq(got.signatures, b.signatures));
		sd_bundle_readings(&got, out);
		expect_readings(out, in, b.n);
		ck_assert(out[0].payload.p == octets.p + SD_BUNDLE_FIXED + SD_READING_FIXED);
		ck_assert(got.signatures.p + got.signatures.n == octets.p + octets.n);
		buf_fini(&octets);
	}
}
END_TEST

static void
three(struct sd_reading readings[3], char payloads[3][16])
{
	for (uint8_t i = 0; i < 3; i++)
		readings[i] = sd_reading_of((uint8_t)(i + 1), payloads[i]);
}

START_TEST(every_length_but_the_right_one)
{
	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++) {
		char payloads[3][16];
		struct sd_reading readings[3];
		struct sd_bundle b = bundle_of((enum sd_alg)alg, 3), got;
		struct buf octets;

		three(readings, payloads);
		write_bundle(&b, readings, &octets);
		for (size_t n = 0; n < octets.n; n++) {
			/* Of this size, that a sanitizer sees a read behind the end. */
			char *cut = malloc(n + 1);

			memcpy(cut, octets.p, n);
			ck_assert_uint_eq(sd_bundle_parse(slice_make(cut, n), &got),
			                  RC_BAD_REQUEST);
			if (n >= SD_BUNDLE_FIXED) { /* and says so itself */
				cut[10] = (char)(n >> 8);
				cut[11] = (char)n;
				ck_assert_uint_eq(sd_bundle_parse(slice_make(cut, n), &got),
				                  RC_BAD_REQUEST);
			}
			expect_zeros(&got, sizeof(got));
			free(cut);
		}
		buf_add(&octets, "", 1);
		ck_assert_uint_eq(sd_bundle_parse(buf_view(&octets), &got), RC_BAD_REQUEST);
		octets.p[11]++;
		ck_assert_uint_eq(sd_bundle_parse(buf_view(&octets), &got), RC_BAD_REQUEST);
		buf_fini(&octets);
	}
}
END_TEST

/* Each bit: refused, or something else that is said. */
START_TEST(every_bit_is_read)
{
	char payloads[3][16];
	struct sd_reading readings[3], out[3];
	struct sd_bundle b = bundle_of(SD_BLS, 3), got;
	struct buf octets;

	three(readings, payloads);
	write_bundle(&b, readings, &octets);
	for (size_t i = 0; i < octets.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bool same = true;

			octets.p[i] ^= (char)(1u << bit);
			if (sd_bundle_parse(buf_view(&octets), &got) == RC_OK) {
				sd_bundle_readings(&got, out);
				same = got.alg == b.alg && got.flags == b.flags &&
				       got.seq == b.seq && node_id_eq(&got.gateway, &b.gateway) &&
				       slice_eq(got.signatures, b.signatures);
				for (size_t k = 0; k < 3; k++)
					same = same && sd_reading_order(&out[k], &readings[k]) == 0;
				ck_assert(!same);
			}
			octets.p[i] ^= (char)(1u << bit);
		}
	buf_fini(&octets);
}
END_TEST

START_TEST(what_is_not_written)
{
	static struct sd_reading many[SD_READINGS_MAX + 1];
	struct sd_bundle b = bundle_of(SD_BLS, SD_READINGS_MAX);
	struct buf out;

	buf_init(&out, SD_BUNDLE_MAX);
	buf_add(&out, "x", 1);
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_OK);
	ck_assert_uint_eq(out.n, 1 + sd_bundle_size(SD_BLS, SD_READINGS_MAX, 0));
	out.n = 1;
	b.n++;
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_BAD_REQUEST);
	b.n = 0;
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_BAD_REQUEST);
	b.n = 1;
	b.flags = 2;
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_BAD_REQUEST);
	b.flags = 0;
	b.alg = (enum sd_alg)5;
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_BAD_REQUEST);
	b.alg = SD_BLS;
	b.signatures.n--;
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_BAD_REQUEST);
	b.signatures.n++;
	buf_fini(&out);
	buf_init(&out, 100);
	buf_add(&out, "x", 1);
	ck_assert_uint_eq(sd_bundle_write(&b, many, &out), RC_UNAVAILABLE);
	ck_assert_uint_eq(out.n, 1);
	buf_fini(&out);
}
END_TEST

/* In what is read, too. */
START_TEST(too_many_and_none)
{
	static struct sd_reading many[SD_READINGS_MAX];
	struct sd_bundle b = bundle_of(SD_BLS, SD_READINGS_MAX), got;
	char record[SD_READING_FIXED] = { 0 };
	struct buf out;

	write_bundle(&b, many, &out);
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&out), &got), RC_OK);
	out.n -= SD_BLS_SIZE;
	buf_add(&out, record, sizeof(record));
	buf_add(&out, signatures, SD_BLS_SIZE);
	out.p[7] = 1;
	out.p[9] = (char)(out.n >> 16);
	out.p[10] = (char)(out.n >> 8);
	out.p[11] = (char)out.n;
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&out), &got), RC_BAD_REQUEST);
	out.n = SD_BUNDLE_FIXED;
	buf_add(&out, signatures, SD_BLS_SIZE);
	out.p[6] = out.p[7] = out.p[9] = out.p[10] = 0;
	out.p[11] = (char)out.n;
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&out), &got), RC_BAD_REQUEST);
	buf_fini(&out);
}
END_TEST

START_TEST(equal_messages)
{
	char payloads[3][16];
	struct sd_reading r[6];
	bool again[6];

	three(r, payloads);
	memcpy(r + 3, r, 3 * sizeof(r[0]));
	ck_assert_uint_eq(sd_distinct(r, 0, sd_reading_order, again), RC_OK);
	ck_assert_uint_eq(sd_distinct(r, 3, sd_reading_order, again), RC_OK);
	ck_assert_uint_eq(sd_distinct(r, 6, sd_reading_order, NULL), RC_CONFLICT);
	ck_assert_uint_eq(sd_distinct(r, 6, sd_reading_order, again), RC_CONFLICT);
	for (size_t i = 0; i < 6; i++)
		ck_assert(again[i] == (i >= 3));
	r[3].device.v[0]++;
	r[4].seq++;
	r[5].millis++;
	ck_assert_uint_eq(sd_distinct(r, 6, sd_reading_order, again), RC_OK);
	r[5].millis--;
	r[5].payload.n--;
	ck_assert_uint_eq(sd_distinct(r, 6, sd_reading_order, again), RC_OK);
	ck_assert_uint_eq(sd_distinct(r, 6, sd_device_order, again), RC_CONFLICT);
	ck_assert(!again[3] && again[4] && again[5]);
	ck_assert_uint_eq(sd_distinct(r, SD_READINGS_MAX + 1, sd_reading_order, again),
	                  RC_BAD_REQUEST);
}
END_TEST

START_TEST(one_signature_of_ed25519)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 1 }, other[SIGN_SEED_SIZE] = { 2 };
	char payload[16];
	struct sd_reading r = sd_reading_of(1, payload);
	struct sign_key *k, *o;
	struct sign_public p, q;
	uint8_t signature[SD_ED25519_SIZE], octets[SD_MESSAGE_MAX];
	struct slice m;

	ck_assert_uint_eq(sign_key_from_seed(seed, &k), RC_OK);
	ck_assert_uint_eq(sign_key_from_seed(other, &o), RC_OK);
	sign_key_public(k, &p);
	sign_key_public(o, &q);
	ck_assert_uint_eq(sd_ed25519_sign(k, &r, signature), RC_OK);
	ck_assert_uint_eq(sd_ed25519_verify(&p, &r, signature), RC_OK);
	ck_assert_uint_eq(sd_ed25519_verify(&q, &r, signature), RC_FORBIDDEN);
	/* The domain is that of small data. */
	ck_assert_uint_eq(sd_message(&r, octets, &m), RC_OK);
	ck_assert_uint_eq(sign_verify(&p, SIGN_SMALL_DATA, m, signature), RC_OK);
	ck_assert_uint_eq(sign_verify(&p, SIGN_OWN, m, signature), RC_FORBIDDEN);
	r.seq++;
	ck_assert_uint_eq(sd_ed25519_verify(&p, &r, signature), RC_FORBIDDEN);
	sign_key_free(k);
	sign_key_free(o);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_bundle");
	TCase *c = suite_case(s, "bundle", NULL, NULL);

	tcase_add_test(c, the_vector_of_a_message);
	tcase_add_test(c, a_payload_has_a_limit);
	tcase_add_test(c, sizes);
	tcase_add_test(c, what_is_written_is_read);
	tcase_add_test(c, every_length_but_the_right_one);
	tcase_add_test(c, every_bit_is_read);
	tcase_add_test(c, what_is_not_written);
	tcase_add_test(c, too_many_and_none);
	tcase_add_test(c, equal_messages);
	tcase_add_test(c, one_signature_of_ed25519);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}

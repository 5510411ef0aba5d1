/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of every algorithm: what is not as it was signed is found, and whose fault it is. */
#include "config.h"

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

/* The signatures of the readings of all devices; in a new round. */
static void
signatures(enum sd_alg alg, uint8_t *out)
{
	uint8_t singles[DEVICES][IBAS_SIZE] = { 0 }, bls[DEVICES][SD_BLS_SIZE] = { 0 };
	struct slice all = slice_make(bls, sizeof(bls));

	for (size_t i = 0; i < DEVICES; i++) {
		struct sd_device *d = &bed.devices[i];

		if (alg == SD_ED25519)
			ck_assert_uint_eq(
				sd_ed25519_sign(d->sign, &d->reading, out + i * SD_ED25519_SIZE),
				RC_OK);
		if (alg == SD_IDENTITY)
			ck_assert_uint_eq(ibas_sign(d->signer, w, NOW, &d->reading, singles[i]),
			                  RC_OK);
		ck_assert_uint_eq(sd_bls_sign(&d->secret, &d->reading, bls[i]), RC_OK);
	}
	if (alg == SD_BLS)
		ck_assert_uint_eq(sd_bls_aggregate(all, out), RC_OK);
	if (alg == SD_BLS_SINGLE)
		memcpy(out, bls, sizeof(bls));
	if (alg == SD_IDENTITY) {
		memcpy(out, w, sizeof(w));
		ck_assert_uint_eq(
			ibas_aggregate(slice_make(singles, sizeof(singles)), out + SD_ROUND_SIZE),
			RC_OK);
	}
}

/* A bundle of all devices, as octets. */
static void
bundle(enum sd_alg alg, struct buf *out)
{
	uint8_t all[DEVICES * SD_ED25519_SIZE] = { 0 };
	struct sd_bundle b = { .alg = alg,
		               .n = DEVICES,
		               .signatures = slice_make(all, sd_signatures_size(alg, DEVICES)) };

	signatures(alg, all);
	buf_init(out, SD_BUNDLE_MAX);
	ck_assert_uint_eq(sd_bundle_write(&b, bed.readings, out), RC_OK);
}

static enum rc
judge(struct slice octets, const struct sd_signer *signers, enum sd_verdict *verdicts)
{
	struct sd_reading readings[DEVICES + 1];
	struct sd_bundle b;
	enum rc rc = sd_bundle_parse(octets, &b);

	ck_assert_uint_le(b.n, DEVICES + 1);
	if (rc != RC_OK)
		return rc;
	sd_bundle_readings(&b, readings);
	return sd_verify(&b, readings, signers, &bed.q, verdicts);
}

static bool
has_culprits(enum sd_alg alg)
{
	return alg == SD_ED25519 || alg == SD_BLS_SINGLE;
}

static void
expect_verdicts(const enum sd_verdict *got, enum sd_alg alg, size_t n, size_t culprit,
                enum sd_verdict its)
{
	enum sd_verdict others = has_culprits(alg) ? SD_RIGHT : SD_UNCERTAIN;

	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(got[i], i == culprit ? its : others);
}

START_TEST(right_bundles)
{
	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++) {
		enum sd_verdict verdicts[DEVICES];
		struct buf b;

		bundle((enum sd_alg)alg, &b);
		ck_assert_uint_eq(judge(buf_view(&b), bed.signers, verdicts), RC_OK);
		for (size_t i = 0; i < DEVICES; i++)
			ck_assert_uint_eq(verdicts[i], SD_RIGHT);
		buf_fini(&b);
	}
}
END_TEST

/* Every octet of every reading and of the signatures, a random bit of it. */
START_TEST(every_octet_is_signed)
{
	const size_t record = SD_READING_FIXED + bed.readings[0].payload.n;
	struct dice d;

	dice_init(&d, "octets");
	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++) {
		enum sd_verdict verdicts[DEVICES];
		struct buf b;

		bundle((enum sd_alg)alg, &b);
		for (size_t i = SD_BUNDLE_FIXED; i < b.n; i++) {
			char bit = (char)(1u << dice(&d, 8));
			bool first = i < SD_BUNDLE_FIXED + record;

			/* All of the first reading, some octets of the others. */
			if (!first && dice(&d, alg == SD_ED25519 ? 2 : 20) != 0)
				continue;
			b.p[i] ^= bit;
			ck_assert_uint_ne(judge(buf_view(&b), bed.signers, verdicts), RC_OK);
			b.p[i] ^= bit;
		}
		ck_assert_uint_eq(judge(buf_view(&b), bed.signers, verdicts), RC_OK);
		buf_fini(&b);
	}
}
END_TEST

/* Readings and signers i in other places; the signatures as they were. */
static enum rc
rearranged(enum sd_alg alg, const size_t *from, size_t n, enum sd_verdict *verdicts)
{
	uint8_t all[(DEVICES + 1) * SD_ED25519_SIZE];
	struct sd_reading readings[DEVICES + 1];
	struct sd_signer signers[DEVICES + 1];
	struct sd_bundle b = { .alg = alg,
		               .n = n,
		               .signatures = slice_make(all, sd_signatures_size(alg, n)) };

	memset(all, 0, sizeof(all));
	signatures(alg, all);
	for (size_t i = 0; i < n; i++) {
		readings[i] = bed.readings[from[i]];
		signers[i] = bed.signers[from[i]];
	}
	if (n > DEVICES && has_culprits(alg))
		memcpy(all + DEVICES * sd_signatures_size(alg, 1), all, sd_signatures_size(alg, 1));
	return sd_verify(&b, readings, signers, &bed.q, verdicts);
}

START_TEST(removed_added_twice)
{
	static const enum sd_alg aggregates[] = { SD_BLS, SD_IDENTITY };
	enum sd_verdict verdicts[DEVICES + 1];
	size_t from[DEVICES + 1];

	for (size_t i = 0; i <= DEVICES; i++)
		from[i] = i % DEVICES;
	for (size_t k = 0; k < NITEMS(aggregates); k++) {
		w[15] = (uint8_t)(w[15] + 1);
		w[7]++;
		/* The last one is missing; the first one is there twice. */
		ck_assert_uint_eq(rearranged(aggregates[k], from, DEVICES - 1, verdicts),
		                  RC_FORBIDDEN);
		expect_verdicts(verdicts, aggregates[k], DEVICES - 1, DEVICES, SD_RIGHT);
		w[7]++;
		ck_assert_uint_eq(rearranged(aggregates[k], from, DEVICES + 1, verdicts),
		                  RC_CONFLICT);
		expect_verdicts(verdicts, aggregates[k], DEVICES + 1, DEVICES, SD_EQUAL);
	}
	ck_assert_uint_eq(rearranged(SD_BLS_SINGLE, from, DEVICES + 1, verdicts), RC_CONFLICT);
	expect_verdicts(verdicts, SD_BLS_SINGLE, DEVICES + 1, DEVICES, SD_EQUAL);
	ck_assert_uint_eq(rearranged(SD_ED25519, from, DEVICES + 1, verdicts), RC_CONFLICT);
	expect_verdicts(verdicts, SD_ED25519, DEVICES + 1, DEVICES, SD_EQUAL);
}
END_TEST

/* A reading that nobody has signed, added to those that are. */
START_TEST(a_foreign_reading)
{
	static const enum sd_alg aggregates[] = { SD_BLS, SD_IDENTITY };
	enum sd_verdict verdicts[DEVICES];

	for (size_t k = 0; k < NITEMS(aggregates); k++) {
		struct buf b;
		uint8_t *seq;

		w[7]++;
		bundle(aggregates[k], &b);
		seq = (uint8_t *)b.p + SD_BUNDLE_FIXED + NODE_ID_BYTES + 7;
		(*seq)++;
		ck_assert_uint_eq(judge(buf_view(&b), bed.signers, verdicts), RC_FORBIDDEN);
		expect_verdicts(verdicts, aggregates[k], DEVICES, DEVICES, SD_RIGHT);
		buf_fini(&b);
	}
}
END_TEST

/* Payloads of two devices change places, and with them who is said to have signed. */
START_TEST(swapped_signers)
{
	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++) {
		enum sd_verdict verdicts[DEVICES];
		struct sd_signer signers[DEVICES];
		struct buf b;

		w[7]++;
		bundle((enum sd_alg)alg, &b);
		memcpy(signers, bed.signers, sizeof(signers));
		signers[0] = bed.signers[1];
		signers[1] = bed.signers[0];
		ck_assert_uint_eq(judge(buf_view(&b), signers, verdicts), RC_FORBIDDEN);
		if (has_culprits((enum sd_alg)alg))
			for (size_t i = 0; i < DEVICES; i++)
				ck_assert_uint_eq(verdicts[i], i < 2 ? SD_WRONG : SD_RIGHT);
		buf_fini(&b);
	}
}
END_TEST

/* Every set of culprits of some sizes: exactly they are named. */
START_TEST(culprits_are_named)
{
	static const enum sd_alg algs[] = { SD_ED25519, SD_BLS_SINGLE };
	static const unsigned sets[] = { 0x001, 0x800, 0x011, 0x0c0, 0xfff, 0x555, 0x3f0 };

	for (size_t k = 0; k < NITEMS(algs); k++)
		for (size_t set = 0; set < NITEMS(sets); set++) {
			size_t each = sd_signatures_size(algs[k], 1);
			enum sd_verdict verdicts[DEVICES];
			struct buf b;
			char *s;

			bundle(algs[k], &b);
			s = b.p + b.n - DEVICES * each;
			for (size_t i = 0; i < DEVICES; i++)
				if ((sets[set] >> i & 1) != 0)
					/* no point at all, or the signature of somebody else */
					memcpy(s + i * each,
					       i % 2 == 0 ? s + ((i + 1) % DEVICES) * each
					                  : "\xc0 no signature of anybody, as "
					                    "long as it has to be ........ "
					                    "and longer",
					       each);
			ck_assert_uint_eq(judge(buf_view(&b), bed.signers, verdicts), RC_FORBIDDEN);
			for (size_t i = 0; i < DEVICES; i++)
				ck_assert_uint_eq(verdicts[i],
				                  (sets[set] >> i & 1) != 0 ? SD_WRONG : SD_RIGHT);
			buf_fini(&b);
		}
}
END_TEST

START_TEST(devices_without_a_key)
{
	for (unsigned alg = SD_ALG_MIN; alg <= SD_ALG_MAX; alg++) {
		enum sd_verdict verdicts[DEVICES];
		struct sd_signer signers[DEVICES];
		struct buf b;

		w[7]++;
		bundle((enum sd_alg)alg, &b);
		memcpy(signers, bed.signers, sizeof(signers));
		memset(&signers[5], 0, sizeof(signers[5]));
		ck_assert_uint_eq(judge(buf_view(&b), signers, verdicts), RC_NOT_FOUND);
		expect_verdicts(verdicts, (enum sd_alg)alg, DEVICES, 5, SD_NO_KEY);
		buf_fini(&b);
	}
}
END_TEST

/* Without the generator's key nobody has one. */
START_TEST(no_generator)
{
	enum sd_verdict verdicts[DEVICES];
	struct sd_bundle b;
	struct buf octets;

	bundle(SD_IDENTITY, &octets);
	ck_assert_uint_eq(sd_bundle_parse(buf_view(&octets), &b), RC_OK);
	ck_assert_uint_eq(sd_verify(&b, bed.readings, bed.signers, NULL, verdicts), RC_NOT_FOUND);
	buf_fini(&octets);
}
END_TEST

START_TEST(an_aggregate_that_is_no_point)
{
	enum sd_verdict verdicts[DEVICES];
	struct buf b;

	bundle(SD_BLS, &b);
	b.p[b.n - SD_BLS_SIZE] = (char)0xc0;
	ck_assert_uint_eq(judge(buf_view(&b), bed.signers, verdicts), RC_BAD_REQUEST);
	expect_verdicts(verdicts, SD_BLS, DEVICES, DEVICES, SD_RIGHT);
	buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sd_verify");
	TCase *c = suite_case(s, "verify", setup, teardown);

	tcase_set_timeout(c, 240);
	tcase_add_test(c, right_bundles);
	tcase_add_test(c, every_octet_is_signed);
	tcase_add_test(c, removed_added_twice);
	tcase_add_test(c, a_foreign_reading);
	tcase_add_test(c, swapped_signers);
	tcase_add_test(c, culprits_are_named);
	tcase_add_test(c, devices_without_a_key);
	tcase_add_test(c, no_generator);
	tcase_add_test(c, an_aggregate_that_is_no_point);
	return s;
}

int
main(void)
{
	return run_sd_suite(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signatures on small data cost: octets of a bundle, and processor time of one thread that
 * verifies it, by the algorithms side by side.
 *
 *   smalldata REPEATS N...   bundles of N readings of 24 octets, verified REPEATS times each
 *
 * One JSON object on standard output; exit status 77 in a build without pairing.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sd/costs.h"
#include "sd/verify.h"
#include "sec/secret.h"

#define PAYLOAD 24
#define REPEATS_MAX 1000
#define MILLIS UINT64_C(1700000000000)

/* Devices, of which a bundle has the first n. */
struct bed {
	size_t n;
	struct ibas_secret s;
	struct ibas_public q;
	struct sd_reading readings[SD_READINGS_MAX];
	struct sd_reading own[SD_READINGS_MAX]; /* all of the first device */
	struct sign_key *sign[SD_READINGS_MAX];
	struct sign_public pub[SD_READINGS_MAX];
	struct sd_bls_secret secret[SD_READINGS_MAX];
	struct sd_bls_public bls[SD_READINGS_MAX];
	struct ibas_identity ids[SD_READINGS_MAX];
	uint8_t round[SD_ROUND_SIZE];
	uint8_t ed25519[SD_READINGS_MAX][SD_ED25519_SIZE];
	uint8_t singles[SD_READINGS_MAX][SD_BLS_SIZE];
	uint8_t first[SD_READINGS_MAX][SD_BLS_SIZE]; /* of own */
	uint8_t identity[SD_READINGS_MAX][IBAS_SIZE];
	/* Of each signature, ns. */
	uint64_t sign_ed25519[SD_READINGS_MAX], sign_bls[SD_READINGS_MAX],
		sign_identity[SD_READINGS_MAX], hash_identity[SD_READINGS_MAX];
};

static struct bed bed;

static void
must(enum rc rc, const char *what)
{
	if (rc == RC_NOT_IMPLEMENTED)
		exit(77);
	if (rc == RC_OK)
		return;
	fprintf(stderr, "smalldata: %s\n", what);
	exit(1);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static enum rc
keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	(void)arg;
	(void)w;
	return RC_OK;
}

/* ---- the devices ---- */

static void
device_ed25519(size_t i, const uint8_t seed[SIGN_SEED_SIZE])
{
	uint64_t start;

	must(sign_key_from_seed(seed, &bed.sign[i]), "key");
	sign_key_public(bed.sign[i], &bed.pub[i]);
	start = cpu_ns();
	must(sd_ed25519_sign(bed.sign[i], &bed.readings[i], bed.ed25519[i]), "sign");
	bed.sign_ed25519[i] = cpu_ns() - start;
}

static void
device_bls(size_t i, const uint8_t seed[SIGN_SEED_SIZE])
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	uint64_t start;

	must(sd_bls_derive(slice_make(seed, SIGN_SEED_SIZE), &bed.secret[i]), "key");
	must(sd_bls_prove(&bed.secret[i], pk, pop), "key");
	must(sd_bls_public_read(slice_make(pk, sizeof(pk)), &bed.bls[i]), "key");
	start = cpu_ns();
	must(sd_bls_sign(&bed.secret[i], &bed.readings[i], bed.singles[i]), "sign");
	bed.sign_bls[i] = cpu_ns() - start;
	must(sd_bls_sign(&bed.secret[0], &bed.own[i], bed.first[i]), "sign");
}

static void
device_identity(size_t i)
{
	uint8_t key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer_conf conf = { .device = bed.readings[i].device,
		                         .millis = MILLIS,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = &bed.q,
		                         .keep = keep };
	struct ibas_signer *s;
	uint64_t start = cpu_ns();

	must(ibas_identity_make(&conf.device, MILLIS, &bed.ids[i]), "identity");
	bed.hash_identity[i] = cpu_ns() - start;
	must(ibas_key_make(&bed.s, &bed.ids[i], key), "key");
	must(ibas_signer_new(&conf, &s), "signer");
	start = cpu_ns();
	must(ibas_sign(s, bed.round, MILLIS, &bed.readings[i], bed.identity[i]), "sign");
	bed.sign_identity[i] = cpu_ns() - start;
	ibas_signer_free(s);
}

static void
bed_make(size_t n)
{
	static const char payload[PAYLOAD + 1] = "24 octets of measurement";

	must(ibas_generate(&bed.s), "generator");
	must(ibas_public_of(&bed.s, &bed.q), "generator");
	must(sd_round_make(MILLIS, bed.round), "round");
	for (size_t i = 0; i < n; i++) {
		uint8_t seed[SIGN_SEED_SIZE] = { (uint8_t)(i >> 8), (uint8_t)i };
		struct sd_reading *r = &bed.readings[i];

		*r = (struct sd_reading){ .seq = 1,
			                  .millis = MILLIS,
			                  .payload = slice_make(payload, PAYLOAD) };
		memcpy(r->device.v, seed, NODE_ID_BYTES);
		bed.own[i] = *r;
		bed.own[i].device = bed.readings[0].device;
		bed.own[i].seq = i;
		device_ed25519(i, seed);
		device_bls(i, seed);
		device_identity(i);
	}
	bed.n = n;
}

/* ---- the schemes ---- */

static void
ed25519_part(size_t n, uint8_t *out)
{
	memcpy(out, bed.ed25519, n * SD_ED25519_SIZE);
}

static void
bls_part(size_t n, uint8_t *out)
{
	must(sd_bls_aggregate(slice_make(bed.singles, n * SD_BLS_SIZE), out), "aggregate");
}

static void
first_part(size_t n, uint8_t *out)
{
	must(sd_bls_aggregate(slice_make(bed.first, n * SD_BLS_SIZE), out), "aggregate");
}

static void
singles_part(size_t n, uint8_t *out)
{
	memcpy(out, bed.singles, n * SD_BLS_SIZE);
}

static void
identity_part(size_t n, uint8_t *out)
{
	memcpy(out, bed.round, SD_ROUND_SIZE);
	must(ibas_aggregate(slice_make(bed.identity, n * IBAS_SIZE), out + SD_ROUND_SIZE),
	     "aggregate");
}

static const struct scheme {
	const char *name;
	enum sd_alg alg;
	bool one; /* all readings are of one device */
	void (*part)(size_t n, uint8_t *out);
} schemes[] = {
	{ "ed25519", SD_ED25519, false, ed25519_part },
	{ "bls", SD_BLS, false, bls_part },
	{ "bls_one", SD_BLS, true, first_part },
	{ "bls_single", SD_BLS_SINGLE, false, singles_part },
	{ "identity", SD_IDENTITY, false, identity_part },
};

/* ---- figures ---- */

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Median, least and most, in units of so many ns. */
static void
print_times(const char *name, uint64_t *times, size_t n, double unit)
{
	qsort(times, n, sizeof(times[0]), compare);
	printf("\"%s\":[%.4f,%.4f,%.4f]", name, (double)times[n / 2] / unit,
	       (double)times[0] / unit, (double)times[n - 1] / unit);
}

/* The bundle of n readings as octets. */
static void
make_bundle(const struct scheme *s, size_t n, struct buf *out)
{
	static uint8_t part[SD_SIGNATURES_MAX];
	struct sd_bundle b = { .alg = s->alg,
		               .n = n,
		               .seq = 1,
		               .signatures = slice_make(part, sd_signatures_size(s->alg, n)) };

	s->part(n, part);
	buf_init(out, SD_BUNDLE_MAX);
	must(sd_bundle_write(&b, s->one ? bed.own : bed.readings, out), "bundle");
}

/* All that a receiver does once it has the keys. */
static void
verify_once(struct slice octets, bool one)
{
	static struct sd_reading readings[SD_READINGS_MAX];
	static struct sd_signer signers[SD_READINGS_MAX];
	static enum sd_verdict verdicts[SD_READINGS_MAX];
	struct sd_bundle b;

	must(sd_bundle_parse(octets, &b), "parse");
	sd_bundle_readings(&b, readings);
	for (size_t i = 0; i < b.n; i++) {
		size_t k = one ? 0 : i;

		signers[i] = (struct sd_signer){ &bed.pub[k], &bed.bls[k], &bed.ids[k] };
	}
	must(sd_verify(&b, readings, signers, &bed.q, verdicts), "verify");
}

static void
measure(size_t n, size_t repeats)
{
	static uint64_t times[REPEATS_MAX];
	struct buf b;

	printf("{\"n\":%zu", n);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		make_bundle(&schemes[i], n, &b);
		for (size_t k = 0; k < repeats; k++) {
			uint64_t start = cpu_ns();

			verify_once(buf_view(&b), schemes[i].one);
			times[k] = cpu_ns() - start;
		}
		printf(",\"%s_octets\":%zu,", schemes[i].name, b.n);
		print_times(schemes[i].name, times, repeats, 1e6);
		buf_fini(&b);
	}
	printf("}");
}

int
main(int argc, char **argv)
{
	uint64_t repeats = 0, n = 0, most = 0;

	for (int i = 1; i < argc; i++) {
		uint64_t limit = i == 1 ? REPEATS_MAX : SD_READINGS_MAX;

		if (!slice_number(slice_of(argv[i]), limit, &n) || n == 0)
			argc = 0;
		repeats = i == 1 ? n : repeats;
		most = i > 1 && n > most ? n : most;
	}
	if (argc < 3) {
		fputs("usage: smalldata REPEATS N...\n", stderr);
		return 2;
	}
	secret_heap(8u << 20); /* without it every signer takes a page */
	bed_make((size_t)most);
	printf("{\"bundles\":[");
	for (int i = 2; i < argc; i++) {
		slice_number(slice_of(argv[i]), SD_READINGS_MAX, &n);
		printf("%s", i > 2 ? "," : "");
		measure((size_t)n, (size_t)repeats);
	}
	printf("],");
	print_times("sign_ed25519", bed.sign_ed25519, bed.n, 1e3);
	printf(",");
	print_times("sign_bls", bed.sign_bls, bed.n, 1e3);
	printf(",");
	print_times("sign_identity", bed.sign_identity, bed.n, 1e3);
	printf(",");
	print_times("hash_identity", bed.hash_identity, bed.n, 1e3);
	puts("}");
	return 0;
}

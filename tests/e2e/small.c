/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles of small data for another implementation, and of it (noble/small.mjs).
 *
 *   small make ALG N   a bundle of N devices and the public keys that it is verified with
 *   small verify       such lines of standard input: exit status 0, or 3: it is not right
 *
 *   bundle HEX | generator HEX | device ED25519 BLS PROOF
 *
 * Exit status 77 in a build without pairing, 2 for anything else.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sd/verify.h"
#include "sec/hex.h"
#include "sec/secret.h"

#define DEVICES 16
#define MILLIS UINT64_C(1700000000000)
#define LINE_MAX_OCTETS 8192

static void
must(enum rc rc, const char *what)
{
	if (rc == RC_NOT_IMPLEMENTED)
		exit(77);
	if (rc == RC_OK)
		return;
	fprintf(stderr, "small: %s\n", what);
	exit(2);
}

static void
print_hex(const char *before, const void *p, size_t n)
{
	char text[2 * LINE_MAX_OCTETS + 1];

	hex_encode(p, n, text);
	printf("%s%s", before, text);
}

/* ---- a bundle ---- */

static enum rc
keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	(void)arg;
	(void)w;
	return RC_OK;
}

static void
identity(const struct ibas_secret *s, const struct ibas_public *q, const uint8_t w[SD_ROUND_SIZE],
         const struct sd_reading *r, uint8_t out[IBAS_SIZE])
{
	uint8_t key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer_conf conf = { .device = r->device,
		                         .millis = r->millis,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = q,
		                         .keep = keep };
	struct ibas_identity id;
	struct ibas_signer *signer;

	must(ibas_identity_make(&r->device, r->millis, &id), "identity");
	must(ibas_key_make(s, &id, key), "key");
	must(ibas_signer_new(&conf, &signer), "signer");
	must(ibas_sign(signer, w, r->millis, r, out), "sign");
	ibas_signer_free(signer);
}

/* Signs with new keys, and prints the public ones. */
static void
device(const struct sd_reading *r, uint8_t ed25519[SD_ED25519_SIZE], uint8_t bls[SD_BLS_SIZE])
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	struct sd_bls_secret secret;
	struct sign_public pub;
	struct sign_key *key;
	struct key seed;

	must(key_random(&seed), "seed");
	must(sign_key_from_seed(seed.v, &key), "key");
	sign_key_public(key, &pub);
	must(sd_ed25519_sign(key, r, ed25519), "sign");
	must(sd_bls_generate(&secret), "key");
	must(sd_bls_prove(&secret, pk, pop), "proof");
	must(sd_bls_sign(&secret, r, bls), "sign");
	print_hex("device ", pub.v, sizeof(pub.v));
	print_hex(" ", pk, sizeof(pk));
	print_hex(" ", pop, sizeof(pop));
	printf("\n");
	sd_bls_wipe(&secret);
	key_wipe(&seed);
	sign_key_free(key);
}

/* What follows the readings. */
static void
print_bundle(enum sd_alg alg, const struct sd_reading *readings, size_t n, const void *part)
{
	struct sd_bundle b = { .alg = alg,
		               .n = n,
		               .signatures = slice_make(part, sd_signatures_size(alg, n)) };
	struct buf out;

	buf_init(&out, LINE_MAX_OCTETS);
	must(sd_bundle_write(&b, readings, &out), "bundle");
	print_hex("bundle ", out.p, out.n);
	printf("\n");
	buf_fini(&out);
}

static void
make(enum sd_alg alg, size_t n)
{
	static struct sd_reading readings[DEVICES];
	static char payloads[DEVICES][16];
	static uint8_t ed25519[DEVICES][SD_ED25519_SIZE], bls[DEVICES][SD_BLS_SIZE];
	static uint8_t ibas[DEVICES][IBAS_SIZE], aggregate[SD_BLS_SIZE], all[SD_IDENTITY_SIZE];
	static const void *const parts[] = { NULL, ed25519, aggregate, bls, all };
	uint8_t q[IBAS_PUBLIC_SIZE];
	struct ibas_secret s;
	struct ibas_public generator;

	must(ibas_generate(&s), "generator");
	must(ibas_public_of(&s, &generator), "generator");
	must(ibas_public_write(&generator, q), "generator");
	must(sd_round_make(MILLIS, all), "round");
	for (size_t i = 0; i < n; i++) {
		snprintf(payloads[i], sizeof(payloads[i]), "reading %zu", i);
		readings[i] = (struct sd_reading){
			{ { 1, 2, 3, (uint8_t)i } }, i + 7, MILLIS + i, slice_of(payloads[i])
		};
		device(&readings[i], ed25519[i], bls[i]);
		identity(&s, &generator, all, &readings[i], ibas[i]);
	}
	must(sd_bls_aggregate(slice_make(bls, n * SD_BLS_SIZE), aggregate), "aggregate");
	must(ibas_aggregate(slice_make(ibas, n * IBAS_SIZE), all + SD_ROUND_SIZE), "aggregate");
	print_bundle(alg, readings, n, parts[alg]);
	print_hex("generator ", q, sizeof(q));
	printf("\n");
}

/* ---- verification ---- */

static struct {
	uint8_t octets[LINE_MAX_OCTETS];
	size_t n_octets;
	struct ibas_public q;
	size_t n; /* devices */
	struct sign_public ed25519[DEVICES];
	struct sd_bls_public bls[DEVICES];
} got;

/* The octets of the next word of a line. */
static size_t
word(struct slice *line, void *out, size_t size)
{
	struct slice w;

	if (!slice_split(line, ' ', &w) || w.n % 2 != 0 || w.n / 2 > size ||
	    !hex_decode(w, out, w.n / 2))
		must(RC_BAD_REQUEST, "no digits");
	return w.n / 2;
}

static void
take_device(struct slice line)
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];

	if (got.n == DEVICES)
		must(RC_TOO_LARGE, "devices");
	word(&line, got.ed25519[got.n].v, SIGN_PUBLIC_SIZE);
	word(&line, pk, sizeof(pk));
	word(&line, pop, sizeof(pop));
	must(sd_bls_public_prove(slice_make(pk, sizeof(pk)), slice_make(pop, sizeof(pop)),
	                         &got.bls[got.n++]),
	     "proof");
}

static void
take_line(struct slice line)
{
	uint8_t q[IBAS_PUBLIC_SIZE];
	struct slice what;

	if (!slice_split(&line, ' ', &what))
		return;
	if (slice_is(what, "bundle")) {
		got.n_octets = word(&line, got.octets, sizeof(got.octets));
	} else if (slice_is(what, "generator")) {
		word(&line, q, sizeof(q));
		must(ibas_public_read(slice_make(q, sizeof(q)), &got.q), "generator");
	} else if (slice_is(what, "device")) {
		take_device(line);
	}
}

static enum rc
verify(void)
{
	static struct sd_reading readings[SD_READINGS_MAX];
	struct sd_signer signers[DEVICES];
	struct ibas_identity ids[DEVICES];
	enum sd_verdict verdicts[DEVICES];
	struct sd_bundle b;

	must(sd_bundle_parse(slice_make(got.octets, got.n_octets), &b), "bundle");
	if (b.n != got.n)
		must(RC_BAD_REQUEST, "number of devices");
	sd_bundle_readings(&b, readings);
	for (size_t i = 0; i < b.n; i++) {
		must(ibas_identity_make(&readings[i].device, readings[i].millis, &ids[i]),
		     "identity");
		signers[i] = (struct sd_signer){ &got.ed25519[i], &got.bls[i], &ids[i] };
	}
	return sd_verify(&b, readings, signers, &got.q, verdicts);
}

int
main(int argc, char **argv)
{
	static char line[4 * LINE_MAX_OCTETS];
	uint64_t alg, n;

	if (argc == 4 && strcmp(argv[1], "make") == 0 &&
	    slice_number(slice_of(argv[2]), SD_ALG_MAX, &alg) && alg >= SD_ALG_MIN &&
	    slice_number(slice_of(argv[3]), DEVICES, &n) && n > 0) {
		make((enum sd_alg)alg, (size_t)n);
		return 0;
	}
	if (argc != 2 || strcmp(argv[1], "verify") != 0) {
		fputs("usage: small make ALG N | small verify\n", stderr);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		take_line(slice_of(line));
	}
	return verify() == RC_OK ? 0 : 3;
}

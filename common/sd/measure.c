/* SPDX-License-Identifier: Apache-2.0 */
/* Verifications of one and of a few readings: the difference is what a reading costs. */
#include "config.h"

#include "sd/bls.h"
#include "sd/costs.h"
#include "sd/ed25519.h"
#include "sd/ibas.h"

#include <stdlib.h>
#include <time.h>

#define FEW 9
#define MORE (FEW - 1)
#define REPEATS 5
#define NS_MAX UINT64_C(40000000) /* of one figure; it is measured once in any case */

/* Parties that exist for the figures alone: their keys are known to everybody. */
struct bed {
	struct sd_reading readings[FEW];
	struct sd_reading own[FEW]; /* of the first device all */
	struct sign_key *key;
	struct sign_public pub;
	uint8_t ed25519[SD_ED25519_SIZE];
	struct sd_bls_public bls[FEW];
	uint8_t singles[FEW][SD_BLS_SIZE]; /* of readings, by their devices */
	uint8_t first_singles[FEW][SD_BLS_SIZE]; /* of own, by the first one */
	struct ibas_public q;
	struct ibas_identity ids[FEW];
	uint8_t round[SD_ROUND_SIZE];
	uint8_t identity[FEW][IBAS_SIZE];
	uint8_t aggregate[IBAS_SIZE]; /* of what is measured */
};

/* ---- the parties ---- */

static enum rc
make_bls(struct bed *b)
{
	enum rc rc = RC_OK;
	struct sd_bls_secret first = { 0 };

	for (uint8_t i = 0; i < FEW && rc == RC_OK; i++) {
		uint8_t ikm[SD_BLS_IKM_MIN] = { i }, pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
		struct sd_bls_secret s;

		rc = sd_bls_derive(slice_make(ikm, sizeof(ikm)), &s);
		if (i == 0)
			first = s;
		if (rc == RC_OK)
			rc = sd_bls_prove(&s, pk, pop);
		if (rc == RC_OK)
			rc = sd_bls_public_read(slice_make(pk, sizeof(pk)), &b->bls[i]);
		if (rc == RC_OK)
			rc = sd_bls_sign(&s, &b->readings[i], b->singles[i]);
		if (rc == RC_OK)
			rc = sd_bls_sign(&first, &b->own[i], b->first_singles[i]);
	}
	return rc;
}

static enum rc
forget(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	(void)arg;
	(void)w;
	return RC_OK;
}

static enum rc
make_identity(struct bed *b, const struct ibas_secret *s, size_t i)
{
	uint8_t key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer_conf conf = { .device = b->readings[i].device,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = &b->q,
		                         .keep = forget };
	struct ibas_signer *signer = NULL;
	enum rc rc = ibas_identity_make(&conf.device, 0, &b->ids[i]);

	if (rc == RC_OK)
		rc = ibas_key_make(s, &b->ids[i], key);
	if (rc == RC_OK)
		rc = ibas_signer_new(&conf, &signer);
	if (rc == RC_OK)
		rc = ibas_sign(signer, b->round, 0, &b->readings[i], b->identity[i]);
	ibas_signer_free(signer);
	return rc;
}

static enum rc
make_identities(struct bed *b)
{
	static const uint8_t one[IBAS_SECRET_SIZE] = { [IBAS_SECRET_SIZE - 1] = 7 };
	struct ibas_secret s;
	enum rc rc = ibas_secret_read(slice_make(one, sizeof(one)), &s);

	b->round[SD_ROUND_SIZE - 1] = 1;
	if (rc == RC_OK)
		rc = ibas_public_of(&s, &b->q);
	for (size_t i = 0; i < FEW && rc == RC_OK; i++)
		rc = make_identity(b, &s, i);
	return rc;
}

static enum rc
make_bed(struct bed *b)
{
	static const uint8_t seed[SIGN_SEED_SIZE] = { 1 };
	enum rc rc;

	memset(b, 0, sizeof(*b));
	for (uint8_t i = 0; i < FEW; i++) {
		b->readings[i].device.v[0] = i;
		b->readings[i].payload = SLICE_LIT("24 octets of measurement");
		b->own[i] = b->readings[i];
		b->own[i].device.v[0] = 0;
		b->own[i].seq = i;
	}
	rc = sign_key_from_seed(seed, &b->key);
	if (rc != RC_OK)
		return rc;
	sign_key_public(b->key, &b->pub);
	return sd_ed25519_sign(b->key, &b->readings[0], b->ed25519);
}

/* ---- what is measured: n readings ---- */

typedef enum rc run_fn(const struct bed *b, size_t n);

static enum rc
run_ed25519(const struct bed *b, size_t n)
{
	(void)n;
	return sd_ed25519_verify(&b->pub, &b->readings[0], b->ed25519);
}

static enum rc
run_signers(const struct bed *b, size_t n)
{
	const struct sd_bls_public *keys[FEW];

	for (size_t i = 0; i < n; i++)
		keys[i] = &b->bls[i];
	return sd_bls_verify_aggregate(b->readings, keys, n, b->aggregate);
}

static enum rc
run_signer(const struct bed *b, size_t n)
{
	const struct sd_bls_public *keys[FEW];

	for (size_t i = 0; i < n; i++)
		keys[i] = &b->bls[0];
	return sd_bls_verify_aggregate(b->own, keys, n, b->aggregate);
}

static enum rc
run_identity(const struct bed *b, size_t n)
{
	const struct ibas_identity *ids[FEW];

	for (size_t i = 0; i < n; i++)
		ids[i] = &b->ids[i];
	return ibas_verify(&b->q, b->round, b->readings, ids, n, b->aggregate);
}

/* Of this thread: what else the machine does is not counted. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* The least time of a few runs. */
static enum rc
least(run_fn *run, const struct bed *b, size_t n, uint64_t *out)
{
	uint64_t all = 0;
	enum rc rc = RC_OK;

	*out = UINT64_MAX;
	for (unsigned i = 0; i < REPEATS && all < NS_MAX && rc == RC_OK; i++) {
		uint64_t t = cpu_ns();

		rc = run(b, n);
		t = cpu_ns() - t;
		all += t;
		if (t < *out)
			*out = t;
	}
	return rc == RC_FORBIDDEN || rc == RC_BAD_REQUEST ? RC_INTERNAL : rc;
}

/* Times are noisy: no difference is less than nothing. */
static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* The same of the aggregate of the first n signatures of BLS. */
static enum rc
least_bls(run_fn *run, struct bed *b, uint8_t (*singles)[SD_BLS_SIZE], size_t n, uint64_t *out)
{
	enum rc rc = sd_bls_aggregate(slice_make(singles, n * SD_BLS_SIZE), b->aggregate);

	return rc == RC_OK ? least(run, b, n, out) : rc;
}

static enum rc
measure_bls(struct bed *b, struct sd_costs *out)
{
	uint64_t one = 0, signer = 0, signers = 0;
	enum rc rc = make_bls(b);

	if (rc == RC_OK)
		rc = least_bls(run_signer, b, b->first_singles, 1, &one);
	if (rc == RC_OK)
		rc = least_bls(run_signer, b, b->first_singles, FEW, &signer);
	if (rc == RC_OK)
		rc = least_bls(run_signers, b, b->singles, FEW, &signers);
	if (rc != RC_OK)
		return rc;
	out->bls_reading = less(signer, one) / MORE;
	out->bls_signer = less(signers, signer) / MORE;
	out->bls = less(one, out->bls_reading + out->bls_signer);
	return RC_OK;
}

static enum rc
least_identity(struct bed *b, size_t n, uint64_t *out)
{
	enum rc rc = ibas_aggregate(slice_make(b->identity, n * IBAS_SIZE), b->aggregate);

	return rc == RC_OK ? least(run_identity, b, n, out) : rc;
}

static enum rc
measure_identity(struct bed *b, struct sd_costs *out)
{
	uint64_t one = 0, few = 0;
	enum rc rc = make_identities(b);

	if (rc == RC_OK)
		rc = least_identity(b, 1, &one);
	if (rc == RC_OK)
		rc = least_identity(b, FEW, &few);
	if (rc != RC_OK)
		return rc;
	out->identity_reading = less(few, one) / MORE;
	out->identity = less(one, out->identity_reading);
	return RC_OK;
}

enum rc
sd_costs_measure(struct sd_costs *out)
{
	struct bed *b = malloc(sizeof(*b));
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if (b == NULL)
		return RC_UNAVAILABLE;
	rc = make_bed(b);
	if (rc == RC_OK)
		rc = least(run_ed25519, b, 1, &out->ed25519);
	if (rc == RC_OK)
		rc = measure_bls(b, out);
	if (rc == RC_OK)
		rc = measure_identity(b, out);
	sign_key_free(b->key);
	free(b);
	return rc == RC_NOT_IMPLEMENTED ? RC_OK : rc;
}

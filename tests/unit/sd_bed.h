/* SPDX-License-Identifier: Apache-2.0 */
/* Devices with readings and keys of every scheme. */
#ifndef UNIT_SD_BED_H
#define UNIT_SD_BED_H

#include "octets.h"
#include "repo_bed.h"
#include "sd/verify.h"

#define NOW UINT64_C(1700000000000)
#define DEVICES 12

#ifdef HAVE_PAIRING
#define WITH_PAIRING true
#else
#define WITH_PAIRING false
#endif

/* The status of main of a program that tests nothing without pairing. */
static inline int
run_sd_suite(Suite *(*make)(void))
{
	return WITH_PAIRING ? run_suite(make()) : 77;
}

/* Device i (from 1 on), its reading and its keys; round is the one of all. */
struct sd_device {
	struct sd_reading reading;
	char payload[16];
	struct sign_key *sign;
	struct sign_public pub;
	struct sd_bls_secret secret;
	struct sd_bls_public bls;
	struct ibas_identity id;
	struct ibas_signer *signer;
	uint8_t last[SD_ROUND_SIZE];
};

struct sd_bed {
	struct ibas_secret s;
	struct ibas_public q;
	struct sd_device devices[DEVICES];
	struct sd_reading readings[DEVICES]; /* of all, as a bundle has them */
	struct sd_signer signers[DEVICES];
};

static inline struct node_id
sd_node(uint8_t i)
{
	return (struct node_id){ { 0x01, 0xbc, 0xad, 0x98, [NODE_ID_BYTES - 1] = i } };
}

/* Reading i of the vectors: "reading i". */
static inline struct sd_reading
sd_reading_of(uint8_t i, char payload[16])
{
	snprintf(payload, 16, "reading %u", (unsigned)i);
	return (struct sd_reading){ sd_node(i), 10u + i, NOW + i, slice_of(payload) };
}

static inline struct sd_bls_secret
sd_secret_of(const char *hex)
{
	struct octets o = octets_of(hex);
	struct sd_bls_secret s;

	ck_assert_uint_eq(sd_bls_secret_read(octets_slice(&o), &s), RC_OK);
	return s;
}

/* What an ibas_signer keeps, where the test sees it. */
static inline enum rc
sd_keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	memcpy(arg, w, SD_ROUND_SIZE);
	return RC_OK;
}

static inline struct sd_bls_public
sd_public_of(const struct sd_bls_secret *s)
{
	uint8_t pk[SD_BLS_PUBLIC_SIZE], pop[SD_BLS_PROOF_SIZE];
	struct sd_bls_public p;

	ck_assert_uint_eq(sd_bls_prove(s, pk, pop), RC_OK);
	ck_assert_uint_eq(sd_bls_public_prove(slice_make(pk, sizeof(pk)),
	                                      slice_make(pop, sizeof(pop)), &p),
	                  RC_OK);
	return p;
}

static inline void
sd_device_make(struct sd_bed *b, uint8_t i)
{
	struct sd_device *d = &b->devices[i - 1];
	uint8_t seed[SIGN_SEED_SIZE] = { i }, key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer_conf conf = { .device = sd_node(i),
		                         .millis = NOW,
		                         .key = slice_make(key, sizeof(key)),
		                         .q = &b->q,
		                         .keep = sd_keep,
		                         .arg = d->last };

	d->reading = sd_reading_of(i, d->payload);
	b->readings[i - 1] = d->reading;
	ck_assert_uint_eq(sign_key_from_seed(seed, &d->sign), RC_OK);
	sign_key_public(d->sign, &d->pub);
	ck_assert_uint_eq(sd_bls_derive(slice_make(seed, sizeof(seed)), &d->secret), RC_OK);
	d->bls = sd_public_of(&d->secret);
	ck_assert_uint_eq(ibas_identity_make(&conf.device, NOW, &d->id), RC_OK);
	ck_assert_uint_eq(ibas_key_make(&b->s, &d->id, key), RC_OK);
	ck_assert_uint_eq(ibas_signer_new(&conf, &d->signer), RC_OK);
	b->signers[i - 1] = (struct sd_signer){ &d->pub, &d->bls, &d->id };
}

static inline void
sd_bed_make(struct sd_bed *b)
{
	memset(b, 0, sizeof(*b));
	ck_assert_uint_eq(ibas_generate(&b->s), RC_OK);
	ck_assert_uint_eq(ibas_public_of(&b->s, &b->q), RC_OK);
	for (uint8_t i = 1; i <= DEVICES; i++)
		sd_device_make(b, i);
}

static inline void
sd_bed_free(struct sd_bed *b)
{
	for (size_t i = 0; i < DEVICES; i++) {
		sign_key_free(b->devices[i].sign);
		ibas_signer_free(b->devices[i].signer);
	}
}

#endif

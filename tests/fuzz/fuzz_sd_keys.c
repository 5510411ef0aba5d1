/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any octets as keys, proofs and signatures of small data. The first octet chooses. What is taken is
 * written as the same: there is one form of everything.
 */
#include "config.h"

#include "sd_parties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A public key and a proof: it is that of the key, or refused. */
static void
check_public(struct slice s)
{
	struct slice pk = slice_head(s, SD_BLS_PUBLIC_SIZE);
	uint8_t again[SD_BLS_PUBLIC_SIZE];
	struct sd_bls_public p, q;
	enum rc rc = sd_bls_public_read(pk, &p);

	if (sd_bls_public_prove(pk, slice_from(s, SD_BLS_PUBLIC_SIZE), &q) == RC_OK)
		must(rc == RC_OK && memcmp(&p, &q, sizeof(p)) == 0);
	if (rc != RC_OK)
		return;
	pairing_g2_write(&p.p, again);
	must(slice_eq(pk, slice_make(again, sizeof(again))));
}

static void
check_secrets(struct slice s)
{
	struct sd_bls_secret x;
	struct ibas_secret y;
	uint8_t again[SD_BLS_SECRET_SIZE];
	enum rc rc = sd_bls_secret_read(s, &x);

	must(ibas_secret_read(s, &y) == rc);
	if (rc != RC_OK)
		return;
	must(sd_bls_secret_write(&x, again) == RC_OK &&
	     slice_eq(s, slice_make(again, sizeof(again))));
	must(ibas_secret_write(&y, again) == RC_OK &&
	     slice_eq(s, slice_make(again, sizeof(again))));
}

/* Signatures, and their aggregate: alone it is the signature itself. */
static void
check_signatures(struct slice s)
{
	uint8_t bls[SD_BLS_SIZE], identity[IBAS_SIZE];

	s = slice_head(s, 8 * IBAS_SIZE);
	if (sd_bls_aggregate(s, bls) == RC_OK && s.n == sizeof(bls))
		must(slice_eq(s, slice_make(bls, sizeof(bls))));
	if (ibas_aggregate(s, identity) == RC_OK && s.n == sizeof(identity))
		must(slice_eq(s, slice_make(identity, sizeof(identity))));
}

static void
check_generator(struct slice s)
{
	uint8_t again[IBAS_PUBLIC_SIZE];
	struct ibas_public q;

	if (ibas_public_read(s, &q) == RC_OK)
		must(ibas_public_write(&q, again) == RC_OK &&
		     slice_eq(s, slice_make(again, sizeof(again))));
}

static enum rc
keep(void *arg, const uint8_t w[SD_ROUND_SIZE])
{
	(void)arg;
	(void)w;
	return RC_OK;
}

/* The key of an identity: the right one, or refused. */
static void
check_identity(struct slice s)
{
	struct sd_parties *p = sd_parties();
	struct ibas_signer_conf conf = {
		.device = p->nodes[0], .millis = PARTIES_MILLIS, .key = s, .q = &p->q, .keep = keep
	};
	uint8_t key[IBAS_KEY_SIZE] = { 0 };
	struct ibas_signer *signer;

	if (ibas_signer_new(&conf, &signer) != RC_OK)
		return;
	must(ibas_key_make(&p->s, &p->ids[0], key) == RC_OK &&
	     slice_eq(s, slice_make(key, sizeof(key))));
	ibas_signer_free(signer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(struct slice) = { check_public, check_secrets,
		                                        check_signatures, check_generator,
		                                        check_identity };

	if (size > 0)
		checks[data[0] % 5](slice_from(slice_make(data, size), 1));
	return 0;
}

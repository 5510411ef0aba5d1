/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of BLS, single signatures and their aggregate. */
#include "config.h"

#include "sd/bls_own.h"

#include "sec/secret.h"
#include "sec/stack_wipe.h"

static const struct slice proofs = SLICE_INIT("BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_");

/* ---- keys ---- */

enum rc
sd_bls_generate(struct sd_bls_secret *out)
{
	enum rc rc = pairing_scalar_random(&out->x);

	stack_wipe();
	return rc;
}

enum rc
sd_bls_derive(struct slice ikm, struct sd_bls_secret *out)
{
	enum rc rc = pairing_scalar_derive(ikm, SLICE_LIT("M2BLS1"), &out->x);

	stack_wipe();
	return rc;
}

enum rc
sd_bls_secret_read(struct slice octets, struct sd_bls_secret *out)
{
	enum rc rc = pairing_scalar_read(octets, &out->x);

	stack_wipe();
	return rc;
}

enum rc
sd_bls_secret_write(const struct sd_bls_secret *s, uint8_t out[SD_BLS_SECRET_SIZE])
{
	pairing_scalar_write(&s->x, out);
	stack_wipe();
	return bls_there();
}

void
sd_bls_wipe(struct sd_bls_secret *s)
{
	if (s != NULL)
		secret_wipe(s, sizeof(*s));
}

/* HashG1(message, dst)^x */
static enum rc
power_of_hash(const struct sd_bls_secret *s, struct slice message, struct slice dst,
              uint8_t out[SD_BLS_SIZE])
{
	struct pairing_g1 p;
	enum rc rc = pairing_g1_hash(message, dst, &p);

	if (rc != RC_OK) {
		memset(out, 0, SD_BLS_SIZE);
		return rc;
	}
	pairing_g1_power(&p, &s->x, &p);
	pairing_g1_write(&p, out);
	stack_wipe();
	return RC_OK;
}

enum rc
sd_bls_prove(const struct sd_bls_secret *s, uint8_t pk[SD_BLS_PUBLIC_SIZE],
             uint8_t pop[SD_BLS_PROOF_SIZE])
{
	struct pairing_g2 p;

	pairing_g2_generator(&p);
	pairing_g2_power(&p, &s->x, &p);
	pairing_g2_write(&p, pk);
	return power_of_hash(s, slice_make(pk, SD_BLS_PUBLIC_SIZE), proofs, pop);
}

enum rc
sd_bls_public_read(struct slice pk, struct sd_bls_public *out)
{
	return pairing_g2_read(pk, &out->p);
}

/* e(signature, h) = e(hash, p) */
static enum rc
check_one(const struct pairing_g1 *signature, const struct pairing_g1 *hash,
          const struct sd_bls_public *p)
{
	struct pairing_check c;

	bls_check_begin(&c, signature);
	pairing_check_pair(&c, hash, &p->p);
	return pairing_check_end(&c);
}

/* The hash of what the signature is over, and whether it is the signature. */
static enum rc
verify_one(const struct sd_bls_public *p, struct slice message, struct slice dst,
           struct slice signature)
{
	struct pairing_g1 s, hash;
	enum rc rc = pairing_g1_read(signature, &s);

	if (rc == RC_OK)
		rc = pairing_g1_hash(message, dst, &hash);
	return rc == RC_OK ? check_one(&s, &hash, p) : rc;
}

enum rc
sd_bls_public_prove(struct slice pk, struct slice pop, struct sd_bls_public *out)
{
	enum rc rc = sd_bls_public_read(pk, out);

	if (rc == RC_OK)
		rc = verify_one(out, pk, proofs, pop);
	if (rc != RC_OK)
		memset(out, 0, sizeof(*out));
	return rc;
}

/* ---- signatures ---- */

enum rc
sd_bls_sign(const struct sd_bls_secret *s, const struct sd_reading *r, uint8_t out[SD_BLS_SIZE])
{
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice message;
	enum rc rc = sd_message(r, octets, &message);

	return rc != RC_OK ? rc : power_of_hash(s, message, bls_suite, out);
}

enum rc
sd_bls_verify(const struct sd_bls_public *p, const struct sd_reading *r,
              const uint8_t signature[SD_BLS_SIZE])
{
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice message;
	enum rc rc = sd_message(r, octets, &message);

	return rc != RC_OK ? rc
	                   : verify_one(p, message, bls_suite, slice_make(signature, SD_BLS_SIZE));
}

enum rc
sd_bls_aggregate(struct slice signatures, uint8_t out[SD_BLS_SIZE])
{
	struct pairing_g1_product x;
	struct pairing_g1 p;
	size_t n = signatures.n / SD_BLS_SIZE;
	enum rc rc = n > 0 && n <= SD_READINGS_MAX && signatures.n % SD_BLS_SIZE == 0
	                     ? bls_there()
	                     : RC_BAD_REQUEST;

	memset(out, 0, SD_BLS_SIZE);
	pairing_g1_product_begin(&x);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = pairing_g1_read(
			slice_head(slice_from(signatures, i * SD_BLS_SIZE), SD_BLS_SIZE), &p);
		if (rc == RC_OK)
			pairing_g1_product_times(&x, &p);
	}
	if (rc == RC_OK)
		rc = pairing_g1_product_end(&x, &p);
	if (rc == RC_OK)
		pairing_g1_write(&p, out);
	return rc;
}

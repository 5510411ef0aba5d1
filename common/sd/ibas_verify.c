/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds, aggregates and their check. */
#include "config.h"

#include "sd/ibas_own.h"

#include "base/be.h"
#include "sec/secret.h"

#define ROUND_TIME 8 /* octets of a round that are its time */

enum rc
sd_round_make(uint64_t now, uint8_t w[SD_ROUND_SIZE])
{
	return secret_random(be_put(w, now, ROUND_TIME), SD_ROUND_SIZE - ROUND_TIME);
}

/* A signature, or an aggregate of them. */
struct pair {
	struct pairing_g1 s;
	struct pairing_g2 t;
};

static enum rc
read_pair(struct slice octets, struct pair *out)
{
	enum rc rc = pairing_g1_read(slice_head(octets, PAIRING_G1_SIZE), &out->s);

	return rc != RC_OK ? rc : pairing_g2_read(slice_from(octets, PAIRING_G1_SIZE), &out->t);
}

enum rc
ibas_aggregate(struct slice signatures, uint8_t out[IBAS_SIZE])
{
	struct pairing_g1_product s;
	struct pairing_g2_product t;
	struct pair one;
	size_t n = signatures.n / IBAS_SIZE;
	enum rc rc = n > 0 && n <= SD_READINGS_MAX && signatures.n % IBAS_SIZE == 0
	                     ? RC_OK
	                     : RC_BAD_REQUEST;

	memset(out, 0, IBAS_SIZE);
	pairing_g1_product_begin(&s);
	pairing_g2_product_begin(&t);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = read_pair(slice_head(slice_from(signatures, i * IBAS_SIZE), IBAS_SIZE), &one);
		if (rc != RC_OK)
			return rc;
		pairing_g1_product_times(&s, &one.s);
		pairing_g2_product_times(&t, &one.t);
	}
	if (rc == RC_OK)
		rc = pairing_g1_product_end(&s, &one.s);
	if (rc == RC_OK)
		rc = pairing_g2_product_end(&t, &one.t);
	if (rc == RC_OK) {
		pairing_g1_write(&one.s, out);
		pairing_g2_write(&one.t, out + PAIRING_G1_SIZE);
	}
	return rc;
}

/* x times P_0 P_1^c of the device of r. */
static enum rc
times_identity(const uint8_t w[SD_ROUND_SIZE], const struct sd_reading *r,
               const struct ibas_identity *id, struct pairing_g1_product *x)
{
	char name[IBAS_ID_SIZE + 1];
	uint8_t c[PAIRING_SHORT_SIZE];
	enum rc rc = ibas_id(&r->device, r->millis, name);

	if (rc == RC_OK && memcmp(name, id->id, sizeof(name)) != 0)
		rc = RC_FORBIDDEN;
	if (rc == RC_OK)
		rc = ibas_challenge(w, id->id, r, c);
	if (rc != RC_OK)
		return rc;
	pairing_g1_product_times(x, &id->p[0]);
	pairing_g1_product_power(x, &id->p[1], c);
	return RC_OK;
}

/* e(S, h) = e(P_w, T) e(p, Q) */
static enum rc
check(const struct pair *signature, const struct pairing_g1 *p_w, const struct pairing_g1 *p,
      const struct ibas_public *q)
{
	struct pairing_check c;
	struct pairing_g1 inverse;
	struct pairing_g2 h;

	pairing_g1_inverse(&signature->s, &inverse);
	pairing_g2_generator(&h);
	pairing_check_begin(&c);
	pairing_check_pair(&c, &inverse, &h);
	pairing_check_pair(&c, p_w, &signature->t);
	pairing_check_pair(&c, p, &q->q);
	return pairing_check_end(&c);
}

enum rc
ibas_verify(const struct ibas_public *q, const uint8_t w[SD_ROUND_SIZE],
            const struct sd_reading *readings, const struct ibas_identity *const *ids, size_t n,
            const uint8_t signature[IBAS_SIZE])
{
	struct pairing_g1_product x;
	struct pairing_g1 p = { { 0 } }, p_w = { { 0 } };
	struct pair pair;
	enum rc rc = n == 0 ? RC_BAD_REQUEST : sd_distinct(readings, n, sd_device_order, NULL);

	if (rc == RC_OK)
		rc = read_pair(slice_make(signature, IBAS_SIZE), &pair);
	if (rc == RC_OK)
		rc = ibas_hash_round(w, &p_w);
	pairing_g1_product_begin(&x);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = times_identity(w, &readings[i], ids[i], &x);
	if (rc == RC_OK)
		rc = pairing_g1_product_end(&x, &p);
	return rc == RC_OK ? check(&pair, &p_w, &p, q) : rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many signatures of BLS at once. The readings of one key are put together: the hashes of theirs
 * are multiplied, and the key is paired once.
 */
#include "config.h"

#include "sd/bls_own.h"

#include "sec/secret.h"

#include <stdlib.h>

/* One reading and what it is checked with. */
struct part {
	const struct sd_reading *reading;
	const struct sd_bls_public *key;
	uint8_t power[PAIRING_SHORT_SIZE]; /* of its hash and its signature */
};

/* What a check of n readings works with. */
struct work {
	struct part *parts; /* by key */
	size_t n;
	bool powers; /* else all are 1 */
};

/* Equal keys follow each other. What one element of G2 is in memory is one for all its equals. */
static int
by_key(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(*x->key));
}

static enum rc
times_hash(const struct work *w, const struct part *part, struct pairing_g1_product *x)
{
	uint8_t octets[SD_MESSAGE_MAX];
	struct slice message;
	struct pairing_g1 hash;
	enum rc rc = sd_message(part->reading, octets, &message);

	if (rc != RC_OK || !w->powers)
		return rc != RC_OK ? rc : pairing_g1_product_hash(x, message, bls_suite);
	rc = pairing_g1_hash(message, bls_suite, &hash);
	if (rc == RC_OK)
		pairing_g1_product_power(x, &hash, part->power);
	return rc;
}

/* The readings from *i on that have one key: one pair of the check. */
static enum rc
check_group(const struct work *w, size_t *i, struct pairing_check *c)
{
	const struct part *first = &w->parts[*i];
	struct pairing_g1_product x;
	struct pairing_g1 p;
	enum rc rc = RC_OK;

	pairing_g1_product_begin(&x);
	for (; *i < w->n && by_key(first, &w->parts[*i]) == 0 && rc == RC_OK; (*i)++)
		rc = times_hash(w, &w->parts[*i], &x);
	if (rc == RC_OK)
		rc = pairing_g1_product_end(&x, &p);
	if (rc == RC_OK)
		pairing_check_pair(c, &p, &first->key->p);
	return rc;
}

static enum rc
check(struct work *w, const struct pairing_g1 *signature)
{
	struct pairing_check c;
	enum rc rc = RC_OK;
	size_t i = 0;

	qsort(w->parts, w->n, sizeof(w->parts[0]), by_key);
	bls_check_begin(&c, signature);
	while (i < w->n && rc == RC_OK)
		rc = check_group(w, &i, &c);
	return rc == RC_OK ? pairing_check_end(&c) : rc;
}

/* All that does not need the signatures. The caller frees w->parts. */
static enum rc
work_make(const struct sd_reading *readings, const struct sd_bls_public *const *keys, size_t n,
          struct work *w)
{
	enum rc rc = n == 0 ? RC_BAD_REQUEST : sd_distinct(readings, n, sd_reading_order, NULL);

	memset(w, 0, sizeof(*w));
	if (rc != RC_OK)
		return rc;
	w->parts = calloc(n, sizeof(w->parts[0]));
	if (w->parts == NULL)
		return RC_UNAVAILABLE;
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		w->parts[i].reading = &readings[i];
		w->parts[i].key = keys[i];
	}
	return RC_OK;
}

enum rc
sd_bls_verify_aggregate(const struct sd_reading *readings, const struct sd_bls_public *const *keys,
                        size_t n, const uint8_t signature[SD_BLS_SIZE])
{
	struct pairing_g1 s;
	struct work w;
	enum rc rc = work_make(readings, keys, n, &w);

	if (rc == RC_OK)
		rc = pairing_g1_read(slice_make(signature, SD_BLS_SIZE), &s);
	if (rc == RC_OK)
		rc = check(&w, &s);
	free(w.parts);
	return rc;
}

/* Random powers of the parts, and the product of the signatures with them. */
static enum rc
powers(struct work *w, struct slice signatures, struct pairing_g1 *out)
{
	struct pairing_g1_product x;
	enum rc rc = signatures.n == w->n * SD_BLS_SIZE ? RC_OK : RC_BAD_REQUEST;

	pairing_g1_product_begin(&x);
	for (size_t i = 0; i < w->n && rc == RC_OK; i++) {
		struct slice one = slice_head(slice_from(signatures, i * SD_BLS_SIZE), SD_BLS_SIZE);
		struct pairing_g1 p;

		rc = secret_random(w->parts[i].power, PAIRING_SHORT_SIZE);
		if (rc == RC_OK)
			rc = pairing_g1_read(one, &p);
		if (rc == RC_OK)
			pairing_g1_product_power(&x, &p, w->parts[i].power);
	}
	w->powers = true;
	return rc == RC_OK ? pairing_g1_product_end(&x, out) : rc;
}

enum rc
sd_bls_verify_all(const struct sd_reading *readings, const struct sd_bls_public *const *keys,
                  size_t n, struct slice signatures)
{
	struct pairing_g1 s;
	struct work w;
	enum rc rc = work_make(readings, keys, n, &w);

	if (rc == RC_OK)
		rc = powers(&w, signatures, &s);
	if (rc == RC_OK)
		rc = check(&w, &s);
	free(w.parts);
	return rc;
}

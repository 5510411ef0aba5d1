/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/afgh_own.h"

#include "base/be.h"
#include "sec/secret.h"

#define EPOCH_LABEL "M2PRE1 a1"
#define EPOCH_INFO (sizeof(EPOCH_LABEL) - 1 + AFGH_SOURCE + 2 + 4)

/* ---- the key of a party ---- */

/* Completes keys whose scalars are there, or refuses them. */
static enum rc
complete(struct afgh_keys *k)
{
	struct slice a1 = slice_make(k->first.a1.v, PAIRING_SCALAR_SIZE);
	struct slice a2 = slice_make(k->a2.v, PAIRING_SCALAR_SIZE);

	/* h^a2 is public: were it h^a1, everybody could compute K = e(C1, h^a1). */
	if (secret_equal(a1, a2))
		return RC_BAD_REQUEST;
	pairing_scalar_inverse(&k->a2, &k->inverse);
	return RC_OK;
}

static enum rc
fill(struct afgh_keys *k)
{
	enum rc rc = pairing_scalar_random(&k->first.a1);
	struct key seed;

	if (rc == RC_OK)
		rc = pairing_scalar_random(&k->a2);
	if (rc == RC_OK)
		rc = key_random(&seed);
	if (rc != RC_OK)
		return rc;
	memcpy(k->seed, seed.v, AFGH_SEED);
	key_wipe(&seed);
	/* Two scalars drawn alike: of a generator that does, nothing is to be used. */
	return complete(k) == RC_OK ? RC_OK : RC_INTERNAL;
}

static enum rc
parse(struct slice in, struct afgh_keys *k)
{
	enum rc rc;

	if (in.n != AFGH_SECRET)
		return RC_BAD_REQUEST;
	rc = pairing_scalar_read(slice_head(in, AFGH_SCALAR), &k->first.a1);
	if (rc == RC_OK)
		rc = pairing_scalar_read(slice_head(slice_from(in, AFGH_SCALAR), AFGH_SCALAR),
		                         &k->a2);
	if (rc != RC_OK)
		return rc;
	memcpy(k->seed, in.p + 2 * AFGH_SCALAR, AFGH_SEED);
	return complete(k);
}

/* k when rc is RC_OK; else nothing is left of it. */
static enum rc
keys_done(enum rc rc, struct afgh_keys *k, struct afgh_keys **out)
{
	stack_wipe();
	if (rc != RC_OK) {
		afgh_keys_free(k);
		k = NULL;
	}
	*out = k;
	return rc;
}

enum rc
afgh_keys_new(struct afgh_keys **out)
{
	struct afgh_keys *k = secret_alloc(sizeof(*k));

	return keys_done(k == NULL ? RC_UNAVAILABLE : fill(k), k, out);
}

enum rc
afgh_keys_read(struct slice in, struct afgh_keys **out)
{
	struct afgh_keys *k = secret_alloc(sizeof(*k));

	return keys_done(k == NULL ? RC_UNAVAILABLE : parse(in, k), k, out);
}

void
afgh_keys_write(const struct afgh_keys *k, uint8_t out[AFGH_SECRET])
{
	pairing_scalar_write(&k->first.a1, out);
	pairing_scalar_write(&k->a2, out + AFGH_SCALAR);
	memcpy(out + 2 * AFGH_SCALAR, k->seed, AFGH_SEED);
}

void
afgh_keys_free(struct afgh_keys *k)
{
	secret_free(k, sizeof(*k));
}

void
afgh_keys_public(const struct afgh_keys *k, uint8_t out[AFGH_G2])
{
	struct pairing_g2 p;

	pairing_g2_generator(&p);
	pairing_g2_power(&p, &k->a2, &p);
	pairing_g2_write(&p, out);
	stack_wipe();
}

/* ---- first secrets ---- */

const struct afgh_epoch *
afgh_keys_first(const struct afgh_keys *k)
{
	return &k->first;
}

static void
epoch_info(const struct afgh_epoch_id *id, uint8_t out[EPOCH_INFO])
{
	uint8_t *at = out + sizeof(EPOCH_LABEL) - 1;

	memcpy(out, EPOCH_LABEL, sizeof(EPOCH_LABEL) - 1);
	memcpy(at, id->source, AFGH_SOURCE);
	be_put(be_put(at + AFGH_SOURCE, id->stream, 2), id->epoch, 4);
}

enum rc
afgh_epoch_new(const struct afgh_keys *k, const struct afgh_epoch_id *id, struct afgh_epoch **out)
{
	struct afgh_epoch *e = secret_alloc(sizeof(*e));
	uint8_t info[EPOCH_INFO];
	enum rc rc;

	*out = NULL;
	if (e == NULL)
		return RC_UNAVAILABLE;
	epoch_info(id, info);
	rc = pairing_scalar_derive(slice_make(k->seed, AFGH_SEED), slice_make(info, sizeof(info)),
	                           &e->a1);
	stack_wipe();
	if (rc == RC_OK)
		*out = e;
	else
		afgh_epoch_free(e);
	return rc;
}

void
afgh_epoch_free(struct afgh_epoch *e)
{
	secret_free(e, sizeof(*e));
}

enum rc
afgh_epoch_public(const struct afgh *a, const struct afgh_epoch *e, uint8_t out[AFGH_GT])
{
	struct pairing_gt x;
	enum rc rc;

	pairing_comb_power(&a->z, &e->a1, &x);
	rc = pairing_gt_write(&x, out);
	stack_wipe();
	return rc;
}

/* ---- keys of others ---- */

enum rc
afgh_public_first_check(struct slice in)
{
	struct pairing_gt x;

	return pairing_gt_read(in, &x);
}

enum rc
afgh_public_second_check(struct slice in)
{
	struct pairing_g2 p;

	return pairing_g2_read(in, &p);
}

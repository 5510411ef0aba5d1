/* SPDX-License-Identifier: Apache-2.0 */
/* The key ring at the start: what is stored, and what is missing. */
#include "config.h"

#include "cap/sgs/sgs_ring_own.h"

#include <stdio.h>

#include "sec/secret.h"

#define SUITE_SIGN 0xffu /* the row of the own key that signs packages */

static void
stored_now(struct sgs_op *op)
{
	struct sgs_ring *r = op->owner;

	pthread_mutex_lock(&r->lock);
	r->waiting = false;
	pthread_cond_signal(&r->stored);
	pthread_mutex_unlock(&r->lock);
}

/* r->u.put, waited for: there is no thread yet that must not. */
static enum rc
put_now(struct sgs_ring *r)
{
	r->waiting = true;
	sgs_keys_put(r->s->book, &r->u.put);
	pthread_mutex_lock(&r->lock);
	while (r->waiting)
		pthread_cond_wait(&r->stored, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return r->u.put.op.rc;
}

struct loading {
	struct sgs_ring *r;
	const struct sgs_view *view;
	uint8_t *secret; /* SGS_KEYS_SECRET_MAX octets */
	bool has_sign;
	enum rc rc;
};

/*
 * The key of packages that the server made itself. Another one cannot be made in its place: devices
 * have it.
 */
static bool
take_sign(struct loading *l, size_t n)
{
	l->has_sign = true;
	l->rc = n == SIGN_SEED_SIZE ? sign_key_from_seed(l->secret, &l->r->sign) : RC_INTERNAL;
	return l->rc == RC_OK;
}

static bool
take_sign_row(void *arg, const struct sgs_keys *row)
{
	struct loading *l = arg;
	size_t n = 0;

	if (row->suite != SUITE_SIGN)
		return true;
	l->rc = sgs_keys_secret(l->view, row->suite, row->serial, l->secret, SGS_KEYS_SECRET_MAX,
	                        &n);
	return l->rc == RC_OK && take_sign(l, n);
}

/* A set that was signed by another key is of no use to anybody, but its serial is taken. */
static bool
take_set(void *arg, const struct sgs_keys *row)
{
	struct loading *l = arg;
	struct sgs_keyset *k = NULL;
	struct sga_keys *keys = NULL;
	size_t n = 0;

	if (row->suite == SUITE_SIGN)
		return true;
	l->rc = sgs_keys_secret(l->view, row->suite, row->serial, l->secret, SGS_KEYS_SECRET_MAX,
	                        &n);
	if (l->rc == RC_OK &&
	    sga_keys_load(slice_make(l->secret, n), row->package, &l->r->signer, &keys) != RC_OK)
		LOG_WARN(l->r->s->log, "sga-keys-unusable", LOG_N("suite", row->suite),
		         LOG_N("serial", row->serial));
	if (l->rc != RC_OK)
		return false;
	k = sgs_keyset_new(row->suite, row->serial, row->created, keys);
	if (k != NULL && sgs_ring_add(l->r, k))
		return true;
	if (k == NULL)
		sga_keys_free(keys);
	sgs_keyset_end(k);
	l->rc = RC_UNAVAILABLE;
	return false;
}

static enum rc
load(struct sgs_ring *r, sgs_keys_visit *visit, bool *has_sign)
{
	struct loading l = { .r = r };
	struct sgs_view *view;
	enum rc rc = sgs_view_open(r->s->book, &view);

	if (rc != RC_OK)
		return rc;
	l.view = view;
	l.secret = secret_alloc(SGS_KEYS_SECRET_MAX);
	rc = l.secret == NULL ? RC_UNAVAILABLE : sgs_keys_list(view, visit, &l);
	secret_free(l.secret, SGS_KEYS_SECRET_MAX);
	sgs_view_close(view);
	*has_sign = l.has_sign;
	return rc == RC_OK ? l.rc : rc;
}

static enum rc
make_sign(struct sgs_ring *r)
{
	struct key seed;
	enum rc rc = key_random(&seed);

	if (rc == RC_OK)
		rc = sign_key_from_seed(seed.v, &r->sign);
	if (rc == RC_OK) {
		sign_key_public(r->sign, &r->signer);
		r->u.put = (struct sgs_keys_put){
			.op = { .done = stored_now, .owner = r },
			.suite = SUITE_SIGN,
			.serial = 1,
			.created = clock_now(r->s->clock),
			.package = slice_make(r->signer.v, sizeof(r->signer.v)),
			.secret = slice_make(seed.v, sizeof(seed.v)),
		};
		rc = put_now(r);
	}
	key_wipe(&seed);
	return rc;
}

static enum rc
find_sign(struct sgs_ring *r, char why[CAPABILITY_WHY_MAX])
{
	const char *file = r->s->conf->sign_key;
	bool has = false;
	enum rc rc;

	if (file != NULL) {
		rc = sign_key_read(file, &r->sign);
		if (rc != RC_OK)
			snprintf(why, CAPABILITY_WHY_MAX, "sga.sign_key: %.120s: %s", file,
			         rc == RC_FORBIDDEN ? "others may read it" : status_of(rc)->text);
	} else {
		rc = load(r, take_sign_row, &has);
		if (rc == RC_OK && !has)
			rc = make_sign(r);
	}
	if (rc == RC_OK)
		sign_key_public(r->sign, &r->signer);
	return rc;
}

static enum rc
make_first(struct sgs_ring *r, uint8_t suite)
{
	struct sgs_keyset *k;
	enum rc rc;

	if (!sgs_ring_is_due(r, suite))
		return RC_OK;
	rc = sgs_ring_make(r, suite, &k);
	if (rc != RC_OK)
		return rc;
	rc = sgs_ring_fill(r, k, stored_now);
	if (rc == RC_OK)
		rc = put_now(r);
	sgs_ring_end_secret(r);
	if (rc == RC_OK && !sgs_ring_add(r, k))
		rc = RC_NO_SPACE;
	if (rc == RC_OK)
		sgs_ring_say_made(r, k);
	else
		sgs_keyset_end(k);
	return rc;
}

enum rc
sgs_ring_load(struct sgs_ring *r, char why[CAPABILITY_WHY_MAX])
{
	bool has;
	enum rc rc = find_sign(r, why);

	if (rc == RC_OK)
		rc = load(r, take_set, &has);
	if (rc == RC_OK)
		rc = make_first(r, SGA_SUITE_C);
	return rc == RC_OK ? make_first(r, SGA_SUITE_X) : rc;
}

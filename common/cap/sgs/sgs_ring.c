/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sgs/sgs_ring_own.h"

#include <stdlib.h>

#include "sec/secret.h"

/* ---- sets ---- */

struct sgs_keyset *
sgs_keyset_new(uint8_t suite, uint32_t serial, int64_t created, struct sga_keys *keys)
{
	struct sgs_keyset *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	atomic_store(&k->refs, 1);
	k->suite = suite;
	k->serial = serial;
	k->created = created;
	k->keys = keys;
	return k;
}

/* NULL, too, of one whose keys could not be loaded. */
static struct sgs_keyset *
usable(struct sgs_keyset *k)
{
	if (k == NULL || k->keys == NULL)
		return NULL;
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void
sgs_keyset_end(struct sgs_keyset *k)
{
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	sga_keys_free(k->keys);
	free(k);
}

const struct sga_keys *
sgs_keyset_keys(const struct sgs_keyset *k)
{
	return k->keys;
}

uint32_t
sgs_keyset_serial(const struct sgs_keyset *k)
{
	return k->serial;
}

const struct sign_public *
sgs_ring_signer(const struct sgs_ring *r)
{
	return &r->signer;
}

struct sgs_keyset *
sgs_ring_newest(const struct sgs_ring *r, uint8_t suite, uint32_t below)
{
	struct sgs_keyset *found = NULL;

	for (size_t i = 0; i < r->n; i++)
		if (r->sets[i]->suite == suite && (below == 0 || r->sets[i]->serial < below) &&
		    (found == NULL || r->sets[i]->serial > found->serial))
			found = r->sets[i];
	return found;
}

static bool
is_offered(const struct sgs_ring *r, uint8_t suite)
{
	const struct sga_conf_server *c = &r->s->conf->server;

	return suite == SGA_SUITE_C ? c->suite_c : suite == SGA_SUITE_X && c->suite_x;
}

struct sgs_keyset *
sgs_ring_current(struct sgs_ring *r, uint8_t suite, struct sgs_keyset **before)
{
	struct sgs_keyset *k = NULL;

	*before = NULL;
	pthread_mutex_lock(&r->lock);
	if (is_offered(r, suite))
		k = usable(sgs_ring_newest(r, suite, 0));
	if (k != NULL && clock_now(r->s->clock) - k->created < SGS_RING_OVERLAP)
		*before = usable(sgs_ring_newest(r, suite, k->serial));
	pthread_mutex_unlock(&r->lock);
	return k;
}

struct sgs_keyset *
sgs_ring_find(struct sgs_ring *r, uint8_t suite, uint32_t serial)
{
	struct sgs_keyset *k = NULL;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n && k == NULL; i++)
		if (r->sets[i]->suite == suite && r->sets[i]->serial == serial)
			k = usable(r->sets[i]);
	pthread_mutex_unlock(&r->lock);
	return k;
}

/* ---- a new set ---- */

/* It is of another configuration, unusable, or too old. */
static bool
is_due(const struct sgs_ring *r, const struct sgs_keyset *k)
{
	const struct sga_conf *c = r->s->conf;
	const struct sga_package *p;

	if (k == NULL || k->keys == NULL)
		return true;
	p = sga_keys_package(k->keys);
	return k->created + c->server.rotate <= clock_now(r->s->clock) ||
	       p->ciphers != r->s->ciphers || !sga_id_equal(&p->id, &r->s->id) ||
	       (k->suite == SGA_SUITE_C && p->group->id != c->server.group);
}

bool
sgs_ring_is_due(struct sgs_ring *r, uint8_t suite)
{
	bool due;

	pthread_mutex_lock(&r->lock);
	due = is_offered(r, suite) && is_due(r, sgs_ring_newest(r, suite, 0));
	pthread_mutex_unlock(&r->lock);
	return due;
}

static uint32_t
next_serial(struct sgs_ring *r, uint8_t suite)
{
	const struct sgs_keyset *k;
	uint32_t serial;

	pthread_mutex_lock(&r->lock);
	k = sgs_ring_newest(r, suite, 0);
	serial = k == NULL ? 1 : k->serial + 1;
	pthread_mutex_unlock(&r->lock);
	return serial;
}

enum rc
sgs_ring_make(struct sgs_ring *r, uint8_t suite, struct sgs_keyset **out)
{
	uint32_t serial = next_serial(r, suite);
	const struct sga_conf *c = r->s->conf;
	int64_t now = clock_now(r->s->clock);
	const struct sga_keys_conf conf = {
		.suite = suite,
		.group = suite == SGA_SUITE_C ? c->server.group : 0,
		.ciphers = r->s->ciphers,
		.serial = serial,
		/* Devices that fetch it on its last day must be able to use it after that. */
		.not_after = (uint64_t)((now + 2 * c->server.rotate) / CLOCK_SECOND),
		.id = r->s->id,
		.sign = r->sign,
	};
	struct sga_keys *keys;
	enum rc rc = sga_keys_make(&conf, NULL, &keys);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	*out = sgs_keyset_new(suite, serial, now, keys);
	if (*out != NULL)
		return RC_OK;
	sga_keys_free(keys);
	return RC_UNAVAILABLE;
}

enum rc
sgs_ring_fill(struct sgs_ring *r, const struct sgs_keyset *k, void (*done)(struct sgs_op *op))
{
	enum rc rc;

	buf_init(&r->secret, SGS_KEYS_SECRET_MAX);
	r->secret.secret = true;
	rc = sga_keys_save(k->keys, &r->secret);
	r->u.put = (struct sgs_keys_put){
		.op = { .done = done, .owner = r },
		.suite = k->suite,
		.serial = k->serial,
		.created = k->created,
		.package = sga_package_octets(sga_keys_package(k->keys)),
		.secret = buf_view(&r->secret),
	};
	return rc;
}

void
sgs_ring_end_secret(struct sgs_ring *r)
{
	if (r->secret.p != NULL)
		secret_wipe(r->secret.p, r->secret.n);
	buf_fini(&r->secret);
}

bool
sgs_ring_add(struct sgs_ring *r, struct sgs_keyset *k)
{
	bool room;

	pthread_mutex_lock(&r->lock);
	room = r->n < SGS_KEYS_MAX;
	if (room)
		r->sets[r->n++] = k;
	pthread_mutex_unlock(&r->lock);
	return room;
}

void
sgs_ring_say_made(const struct sgs_ring *r, const struct sgs_keyset *k)
{
	LOG_INFO(r->s->log, "sga-keys-made", LOG_N("suite", k->suite), LOG_N("serial", k->serial));
}

/* ---- the part ---- */

static void
ring_detach(struct sgs *s)
{
	struct sgs_ring *r = s->ring;

	/* The thread of the book is the only one that is left. */
	pthread_mutex_lock(&r->lock);
	while (r->waiting)
		pthread_cond_wait(&r->stored, &r->lock);
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < r->n; i++)
		sgs_keyset_end(r->sets[i]);
	sign_key_free(r->sign);
	pthread_cond_destroy(&r->stored);
	pthread_mutex_destroy(&r->lock);
	free(r);
	s->ring = NULL;
}

static enum rc
ring_attach(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	struct sgs_ring *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (r == NULL)
		return RC_UNAVAILABLE;
	r->s = s;
	r->look.run = sgs_ring_look_run;
	r->job.run = sgs_ring_make_run;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->stored, NULL);
	s->ring = r;
	rc = sgs_ring_load(r, why);
	if (rc != RC_OK)
		ring_detach(s);
	return rc;
}

/* The gate opens only after all parts have started. */
static enum rc
ring_start(struct sgs *s, char why[CAPABILITY_WHY_MAX])
{
	(void)why;
	scl_post(s->scl, &s->ring->look, SGS_RING_LOOK);
	return RC_OK;
}

const struct sgs_part sgs_part_ring = {
	.name = "keys",
	.attach = ring_attach,
	.start = ring_start,
	.detach = ring_detach,
};

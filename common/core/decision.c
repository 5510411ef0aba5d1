/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/scl_impl.h"

#include <stdlib.h>

#define SHARDS 16u
/* A decision that needs more than this is made anew each time. */
#define DECISION_MAX 6144u

struct decisions {
	pthread_mutex_t locks[SHARDS];
	unsigned nslots; /* a power of two, at least SHARDS */
	struct decision *slots[];
};

struct decisions *
decisions_new(unsigned slots)
{
	struct decisions *ds = calloc(1, sizeof(*ds) + slots * sizeof(ds->slots[0]));

	if (ds == NULL)
		return NULL;
	ds->nslots = slots;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&ds->locks[i], NULL);
	return ds;
}

void
decision_release(const struct decision *d)
{
	struct decision *own = (struct decision *)(uintptr_t)d;

	if (own != NULL && atomic_fetch_sub(&own->refs, 1) == 1)
		arena_free(own->arena);
}

void
decisions_free(struct decisions *ds)
{
	if (ds == NULL)
		return;
	for (unsigned i = 0; i < ds->nslots; i++)
		decision_release(ds->slots[i]);
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&ds->locks[i]);
	free(ds);
}

static uint64_t
mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static unsigned
slot_of(const struct decisions *ds, struct slice from, struct slice path)
{
	uint64_t h = mix(mix(UINT64_C(0xcbf29ce484222325), from), path);

	return (unsigned)(h ^ h >> 32) & (ds->nslots - 1);
}

const struct decision *
decision_find(struct scl *scl, struct slice from, struct slice path, int64_t now)
{
	struct decisions *ds = scl->decisions;
	unsigned at = slot_of(ds, from, path);
	/* 0 is that of no decision. */
	uint64_t generation = repo_generation(scl->repo);
	struct decision *d;

	pthread_mutex_lock(&ds->locks[at % SHARDS]);
	d = ds->slots[at];
	if (d != NULL && (d->generation != generation || d->target.until <= now ||
	                  !slice_eq(d->path, path) || !slice_eq(d->from, from)))
		d = NULL;
	if (d != NULL)
		atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&ds->locks[at % SHARDS]);
	return d;
}

static void
keep(struct decisions *ds, struct decision *d)
{
	unsigned at = slot_of(ds, d->from, d->path);
	struct decision *old;

	pthread_mutex_lock(&ds->locks[at % SHARDS]);
	old = ds->slots[at];
	atomic_fetch_add(&d->refs, 1);
	ds->slots[at] = d;
	pthread_mutex_unlock(&ds->locks[at % SHARDS]);
	decision_release(old);
}

static enum rc
fill(struct scl *scl, struct rtx *tx, struct decision *d, struct slice path)
{
	struct arena *before = repo_set_arena(tx, d->arena);
	enum rc rc = target_find(scl, tx, path, &d->target);

	repo_set_arena(tx, before);
	TRY(rc);
	if (d->target.attr != NULL ||
	    (d->target.kind != TARGET_NODE && d->target.kind != TARGET_COLLECTION))
		return RC_NOT_IMPLEMENTED;
	return access_flags(scl, tx, &d->who, &d->target, &d->flags, &d->target.until);
}

enum rc
decision_make(struct scl *scl, struct rtx *tx, uint64_t generation, struct slice from,
              struct slice path, const struct originator *who, const struct decision **out)
{
	struct arena *a = arena_new(DECISION_MAX);
	struct decision *d = a == NULL ? NULL : ARENA_NEW(a, struct decision);
	enum rc rc = RC_UNAVAILABLE;

	*out = NULL;
	if (d != NULL) {
		d->arena = a;
		atomic_store(&d->refs, 1);
		d->generation = generation;
		d->from = arena_copy(a, from);
		d->path = arena_copy(a, path);
		if (originator_set(scl, a, arena_copy(a, who->uri), &d->who))
			rc = fill(scl, tx, d, path);
	}
	/* What does not fit is no failure of the request. */
	if (rc != RC_OK || arena_failed(a)) {
		rc = a == NULL || arena_failed(a) ? RC_NOT_IMPLEMENTED : rc;
		arena_free(a);
		return rc;
	}
	keep(scl->decisions, d);
	*out = d;
	return RC_OK;
}

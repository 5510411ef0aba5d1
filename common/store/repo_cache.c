/* SPDX-License-Identifier: Apache-2.0 */
/* The committer's cache of sequence states, and the hints that it gives to readers. */
#include "config.h"

#include "store/repo_impl.h"

#include <stdlib.h>

static void
hint_publish(struct seq_hint *h, uint64_t container, uint64_t first, uint64_t last)
{
	uint64_t v = atomic_load_explicit(&h->version, memory_order_relaxed);

	/* Who reads one of the new values also reads the odd version. */
	atomic_store_explicit(&h->version, v + 1, memory_order_relaxed);
	atomic_store_explicit(&h->container, container, memory_order_release);
	atomic_store_explicit(&h->first, first, memory_order_release);
	atomic_store_explicit(&h->last, last, memory_order_release);
	atomic_store_explicit(&h->version, v + 2, memory_order_release);
}

static struct seq_hint *
hint_slot(struct repo *repo, uint64_t container)
{
	uint64_t h = container * UINT64_C(0x9e3779b97f4a7c15);

	return &repo->hints[(h >> 32) & (repo->nhints - 1)];
}

/* Readers look for themselves again. */
static void
hint_clear(struct repo *repo, uint64_t container)
{
	hint_publish(hint_slot(repo, container), container, 0, 0);
}

/* ---- cache ---- */

static struct cached_seq **
bucket_of(struct repo *repo, uint64_t container)
{
	uint64_t h = container * UINT64_C(0x9e3779b97f4a7c15);

	return &repo->buckets[(h >> 32) & (repo->nbuckets - 1)];
}

static void
use_unlink(struct repo *repo, struct cached_seq *c)
{
	*(c->newer != NULL ? &c->newer->older : &repo->newest) = c->older;
	*(c->older != NULL ? &c->older->newer : &repo->oldest) = c->newer;
	c->newer = c->older = NULL;
}

static void
use_front(struct repo *repo, struct cached_seq *c)
{
	c->older = repo->newest;
	c->newer = NULL;
	*(c->older != NULL ? &c->older->newer : &repo->oldest) = c;
	repo->newest = c;
}

static void
cached_free(struct repo *repo, struct cached_seq *c)
{
	struct cached_seq **at = bucket_of(repo, c->container);

	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	use_unlink(repo, c);
	repo->cache_count--;
	repo->touched_count -= c->touched;
	free(c->lanes);
	free(c);
}

static struct cached_seq *
cached_find(struct repo *repo, uint64_t container)
{
	struct cached_seq *c = *bucket_of(repo, container);

	while (c != NULL && c->container != container)
		c = c->chain;
	return c;
}

/* Makes room; what this transaction touched stays, so the bound may be passed by one batch. */
static void
cache_trim(struct repo *repo)
{
	struct cached_seq *c = repo->oldest;

	while (c != NULL && repo->cache_count >= repo->cache_max) {
		struct cached_seq *newer = c->newer;

		if (!c->touched)
			cached_free(repo, c);
		c = newer;
	}
}

enum rc
seq_cached(struct rtx *tx, uint64_t container, struct cached_seq **out)
{
	struct repo *repo = tx->repo;
	struct cached_seq *c = cached_find(repo, container);
	enum rc rc;

	if (c != NULL) {
		use_unlink(repo, c);
		use_front(repo, c);
		*out = c;
		return RC_OK;
	}
	cache_trim(repo);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return RC_UNAVAILABLE;
	rc = seq_load(tx, container, c);
	if (rc != RC_OK) {
		free(c);
		return rc;
	}
	c->chain = *bucket_of(repo, container);
	*bucket_of(repo, container) = c;
	use_front(repo, c);
	repo->cache_count++;
	*out = c;
	return RC_OK;
}

void
seq_touch(struct repo *repo, struct cached_seq *c)
{
	repo->touched_count += !c->touched;
	c->touched = true;
}

void
seq_forget(struct repo *repo, uint64_t container)
{
	struct cached_seq *c = cached_find(repo, container);

	hint_clear(repo, container);
	if (c != NULL)
		cached_free(repo, c);
}

void
seq_forget_all(struct repo *repo)
{
	while (repo->newest != NULL)
		cached_free(repo, repo->newest);
}

void
seq_rollback(struct repo *repo)
{
	struct cached_seq *c = repo->newest;

	/*
	 * Which of them this request changed is not kept: all are found again at their next use, and
	 * their hints are cleared since this commit will not publish them.
	 */
	while (repo->touched_count > 0) {
		struct cached_seq *older = c->older;

		if (c->touched)
			seq_forget(repo, c->container);
		c = older;
	}
}

/* This thread alone writes hints. */
static void
announce(struct seq_hint *h, const struct cached_seq *c)
{
	uint64_t first = atomic_load_explicit(&h->first, memory_order_relaxed);
	uint64_t last = atomic_load_explicit(&h->last, memory_order_relaxed);

	if (last != 0 && c->last > last &&
	    atomic_load_explicit(&h->container, memory_order_relaxed) == c->container)
		hint_publish(h, c->container, first, c->last);
}

/*
 * The old last may be in the new state too, where it is the last no more; the new one is in the new
 * state only. The old first stays, which is not in the new state once it is removed. So a reader of
 * either state gets the ends of that state or looks for itself.
 */
void
seq_announce(struct repo *repo)
{
	const struct cached_seq *c = repo->newest;

	for (unsigned left = repo->touched_count; left > 0; c = c->older)
		if (c->touched) {
			announce(hint_slot(repo, c->container), c);
			left--;
		}
}

void
seq_publish(struct repo *repo)
{
	for (struct cached_seq *c = repo->newest; repo->touched_count > 0; c = c->older)
		if (c->touched) {
			hint_publish(hint_slot(repo, c->container), c->container, c->first, c->last);
			c->touched = false;
			repo->touched_count--;
		}
}

bool
seq_hint(struct repo *repo, uint64_t container, uint64_t *first, uint64_t *last)
{
	struct seq_hint *h = hint_slot(repo, container);
	uint64_t v = atomic_load_explicit(&h->version, memory_order_acquire);
	uint64_t id = atomic_load_explicit(&h->container, memory_order_acquire);

	*first = atomic_load_explicit(&h->first, memory_order_acquire);
	*last = atomic_load_explicit(&h->last, memory_order_acquire);
	return (v & 1) == 0 && atomic_load_explicit(&h->version, memory_order_relaxed) == v &&
	       id == container && *last != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "core/route.h"

#include <stdlib.h>

#define SCRATCH (4 * NEIGHBOUR_URI_MAX)

struct neighbours {
	pthread_mutex_t lock;
	unsigned n;
	struct neighbour {
		char uri[NEIGHBOUR_URI_MAX]; /* as uri_normalise gives it */
		size_t size;
		bool reachable;
	} list[NEIGHBOURS_MAX];
};

struct neighbours *
neighbours_new(void)
{
	struct neighbours *all = calloc(1, sizeof(*all));

	if (all != NULL)
		pthread_mutex_init(&all->lock, NULL);
	return all;
}

void
neighbours_free(struct neighbours *all)
{
	if (all == NULL)
		return;
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* Under lock. NULL: there is none, and no room. */
static struct neighbour *
entry_of(struct neighbours *all, struct slice uri)
{
	struct neighbour *one;

	for (unsigned i = 0; i < all->n; i++)
		if (slice_eq(slice_make(all->list[i].uri, all->list[i].size), uri))
			return &all->list[i];
	if (all->n == NEIGHBOURS_MAX)
		return NULL;
	one = &all->list[all->n++];
	memcpy(one->uri, uri.p, uri.n);
	one->size = uri.n;
	return one;
}

static enum rc
set(struct neighbours *all, struct slice uri, bool reachable)
{
	struct neighbour *one;
	struct uri u;

	if (uri.p == NULL || uri.n > NEIGHBOUR_URI_MAX || !uri_parse(uri, &u) || u.scheme.n == 0)
		return RC_BAD_REQUEST;
	pthread_mutex_lock(&all->lock);
	one = entry_of(all, uri);
	if (one != NULL)
		one->reachable = reachable;
	pthread_mutex_unlock(&all->lock);
	return one == NULL ? RC_NO_SPACE : RC_OK;
}

enum rc
neighbour_set(struct scl *scl, struct slice base, bool reachable)
{
	struct arena *a = arena_new(SCRATCH);
	enum rc rc = a == NULL ? RC_UNAVAILABLE
	                       : set(scl->neighbours, uri_normalise(a, base), reachable);

	arena_free(a);
	return rc;
}

enum neighbour_way
neighbour_of(struct scl *scl, struct arena *a, struct slice target)
{
	struct neighbours *all = scl->neighbours;
	struct slice uri = uri_normalise(a, target);
	enum neighbour_way way = NEIGHBOUR_NONE;

	if (uri.p == NULL)
		return NEIGHBOUR_NONE;
	pthread_mutex_lock(&all->lock);
	for (unsigned i = 0; i < all->n && way == NEIGHBOUR_NONE; i++)
		if (uri_path_below(uri, slice_make(all->list[i].uri, all->list[i].size)))
			way = all->list[i].reachable ? NEIGHBOUR_REACHED : NEIGHBOUR_AWAY;
	pthread_mutex_unlock(&all->lock);
	return way;
}

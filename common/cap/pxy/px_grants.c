/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_grants.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define DIGEST 32u

struct entry {
	struct pre_grant *grant; /* NULL: free */
	uint64_t forward;
	uint32_t sink;
	unsigned users;
	bool over; /* nobody takes it any more */
	uint64_t used; /* turn of the last use */
	uint8_t digest[DIGEST]; /* of what it was loaded from */
};

struct px_grants {
	pthread_mutex_t lock; /* guards the rest */
	uint64_t turn;
	unsigned max;
	struct entry entries[];
};

static bool
digest_of(const struct pre_rekey *k, uint8_t out[DIGEST])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
	          EVP_DigestUpdate(c, k->id.source, sizeof(k->id.source)) == 1 &&
	          EVP_DigestUpdate(c, &k->id.stream, sizeof(k->id.stream)) == 1 &&
	          EVP_DigestUpdate(c, &k->id.epoch, sizeof(k->id.epoch)) == 1 &&
	          EVP_DigestUpdate(c, k->pk_id, sizeof(k->pk_id)) == 1 &&
	          EVP_DigestUpdate(c, k->rk, sizeof(k->rk)) == 1 &&
	          EVP_DigestFinal_ex(c, out, NULL) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

enum rc
px_grants_new(unsigned max, struct px_grants **out)
{
	struct px_grants *g;

	if (max == 0)
		max = 1;
	g = calloc(1, sizeof(*g) + max * sizeof(g->entries[0]));
	if (g == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&g->lock, NULL);
	g->max = max;
	*out = g;
	return RC_OK;
}

static void
entry_free(struct entry *e)
{
	pre_grant_free(e->grant);
	*e = (struct entry){ .grant = NULL };
}

void
px_grants_free(struct px_grants *g)
{
	if (g == NULL)
		return;
	for (unsigned i = 0; i < g->max; i++)
		entry_free(&g->entries[i]);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* ---- locked ---- */

static bool
is_of(const struct entry *e, uint64_t forward, uint32_t sink)
{
	return e->grant != NULL && e->forward == forward && e->sink == sink;
}

static struct entry *
find(struct px_grants *g, uint64_t forward, uint32_t sink, const uint8_t digest[DIGEST])
{
	for (unsigned i = 0; i < g->max; i++) {
		struct entry *e = &g->entries[i];

		if (is_of(e, forward, sink) && !e->over && memcmp(e->digest, digest, DIGEST) == 0)
			return e;
	}
	return NULL;
}

/* That nobody uses for the longest time. NULL: all are in use. */
static struct entry *
oldest_idle(struct px_grants *g)
{
	struct entry *oldest = NULL;

	for (unsigned i = 0; i < g->max; i++) {
		struct entry *e = &g->entries[i];

		if (e->grant != NULL && e->users == 0 && (oldest == NULL || e->used < oldest->used))
			oldest = e;
	}
	return oldest;
}

static struct entry *
room(struct px_grants *g)
{
	struct entry *e;

	for (unsigned i = 0; i < g->max; i++)
		if (g->entries[i].grant == NULL)
			return &g->entries[i];
	e = oldest_idle(g);
	if (e != NULL)
		entry_free(e);
	return e;
}

static const struct pre_grant *
use(struct px_grants *g, struct entry *e)
{
	e->users++;
	e->used = ++g->turn;
	return e->grant;
}

/* ---- taking ---- */

static const struct pre_grant *
take_known(struct px_grants *g, uint64_t forward, uint32_t sink, const uint8_t digest[DIGEST])
{
	const struct pre_grant *grant = NULL;
	struct entry *e;

	pthread_mutex_lock(&g->lock);
	e = find(g, forward, sink, digest);
	if (e != NULL)
		grant = use(g, e);
	pthread_mutex_unlock(&g->lock);
	return grant;
}

/* Makes room in secret memory. False: there is nothing that is not in use. */
static bool
drop_oldest(struct px_grants *g)
{
	struct entry *oldest;

	pthread_mutex_lock(&g->lock);
	oldest = oldest_idle(g);
	if (oldest != NULL)
		entry_free(oldest);
	pthread_mutex_unlock(&g->lock);
	return oldest != NULL;
}

static enum rc
load(struct px_grants *g, const struct pre_rekey *k, struct pre_grant **out)
{
	enum rc rc;

	do
		rc = pre_grant_new(k, out);
	while (rc == RC_UNAVAILABLE && drop_oldest(g));
	return rc;
}

/* What finds no room is its user's alone. */
static void
enter(struct px_grants *g, const struct entry *new)
{
	struct entry *e;

	pthread_mutex_lock(&g->lock);
	e = room(g);
	if (e != NULL) {
		*e = *new;
		(void)use(g, e);
	}
	pthread_mutex_unlock(&g->lock);
}

enum rc
px_grants_take(struct px_grants *g, uint64_t forward, uint32_t sink, const struct pre_rekey *k,
               const struct pre_grant **out)
{
	struct entry new = { .forward = forward, .sink = sink };
	enum rc rc;

	if (!digest_of(k, new.digest))
		return RC_INTERNAL;
	*out = take_known(g, forward, sink, new.digest);
	if (*out != NULL)
		return RC_OK;
	rc = load(g, k, &new.grant);
	if (rc == RC_OK) {
		enter(g, &new);
		*out = new.grant;
	}
	return rc;
}

void
px_grants_give(struct px_grants *g, const struct pre_grant *grant)
{
	struct entry *mine = NULL;

	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < g->max && mine == NULL; i++)
		if (g->entries[i].grant == grant)
			mine = &g->entries[i];
	if (mine != NULL && --mine->users == 0 && mine->over)
		entry_free(mine);
	pthread_mutex_unlock(&g->lock);
	if (mine == NULL)
		pre_grant_free((struct pre_grant *)(uintptr_t)grant);
}

void
px_grants_forget(struct px_grants *g, uint64_t forward, uint32_t sink)
{
	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < g->max; i++) {
		struct entry *e = &g->entries[i];

		if (!is_of(e, forward, sink))
			continue;
		e->over = true;
		if (e->users == 0)
			entry_free(e);
	}
	pthread_mutex_unlock(&g->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_budget.h"

#include "base/be.h"
#include "sec/digest.h"
#include "sec/secret.h"

#include <pthread.h>
#include <stdlib.h>

#define SLOTS 4096u /* a power of 2 */
#define NS_PER_US ((int64_t)(SD_BUDGET_NS / 1000000)) /* that come back */

struct slot {
	int64_t level; /* ns that are left; below zero: owed */
	int64_t when; /* us: of level; 0: it is full */
};

struct sd_budget {
	struct key key;
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

enum rc
sd_budget_new(struct sd_budget **out)
{
	struct sd_budget *b = calloc(1, sizeof(*b));
	enum rc rc;

	*out = NULL;
	if (b == NULL)
		return RC_UNAVAILABLE;
	rc = secret_random(b->key.v, sizeof(b->key.v));
	if (rc != RC_OK) {
		free(b);
		return rc;
	}
	pthread_mutex_init(&b->lock, NULL);
	*out = b;
	return RC_OK;
}

void
sd_budget_free(struct sd_budget *b)
{
	if (b == NULL)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static enum rc
slot_of(struct sd_budget *b, struct slice address, struct slot **out)
{
	uint8_t digest[DIGEST_SIZE];
	enum rc rc = digest_hmac(slice_make(b->key.v, sizeof(b->key.v)), &address, 1, digest);

	*out = &b->slots[be_get(digest, 4) & (SLOTS - 1)];
	return rc;
}

static void
refill(struct slot *s, int64_t now)
{
	const int64_t full = (int64_t)SD_BUDGET_NS;
	int64_t past = now - s->when;

	if (s->when == 0 || past >= (full - s->level) / NS_PER_US)
		s->level = full;
	else if (past > 0)
		s->level += past * NS_PER_US;
	s->when = now;
}

enum rc
sd_budget_take(struct sd_budget *b, struct slice address, uint64_t cost, size_t n, int64_t now,
               unsigned *retry_after)
{
	int64_t needed = (int64_t)(cost < SD_BUDGET_NS ? cost : SD_BUDGET_NS);
	struct slot *s;
	enum rc rc;

	*retry_after = 0;
	if (cost > SD_BUDGET_NS && n > 1)
		return RC_TOO_LARGE;
	rc = slot_of(b, address, &s);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&b->lock);
	refill(s, now);
	if (s->level >= needed) {
		s->level -= (int64_t)cost;
	} else {
		rc = RC_UNAVAILABLE;
		*retry_after = (unsigned)((needed - s->level) / NS_PER_US / 1000000) + 1;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

void
sd_budget_give(struct sd_budget *b, struct slice address, uint64_t cost)
{
	struct slot *s;

	if (slot_of(b, address, &s) != RC_OK)
		return;
	pthread_mutex_lock(&b->lock);
	s->level += (int64_t)cost;
	if (s->level > (int64_t)SD_BUDGET_NS)
		s->level = (int64_t)SD_BUDGET_NS;
	pthread_mutex_unlock(&b->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sd/sd_known.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS_MAX (1u << 20)

struct sd_known {
	struct sd_known *next; /* of the bucket */
	struct node_id id;
	struct sd_trace trace;
	unsigned revocations;
	struct sd_keys *keys; /* NULL: none */
	struct sd_bls_public *bls; /* of keys, once it was needed */
	struct ibas_identity *identity; /* of the month that was needed last */
};

struct sd_known_table {
	pthread_mutex_t lock;
	unsigned max, n;
	size_t mask;
	struct sd_known *buckets[];
};

/* ---- the table ---- */

struct sd_known_table *
sd_known_new(unsigned max)
{
	struct sd_known_table *t;
	size_t n = 16;

	while (n < max && n < BUCKETS_MAX)
		n *= 2;
	t = calloc(1, sizeof(*t) + n * sizeof(t->buckets[0]));
	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	t->max = max;
	t->mask = n - 1;
	return t;
}

static void
forget_keys(struct sd_known *k)
{
	free(k->keys);
	free(k->bls);
	free(k->identity);
	k->keys = NULL;
	k->bls = NULL;
	k->identity = NULL;
}

void
sd_known_free(struct sd_known_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i <= t->mask; i++) {
		struct sd_known *k = t->buckets[i], *next;

		for (; k != NULL; k = next) {
			next = k->next;
			forget_keys(k);
			free(k);
		}
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

unsigned
sd_known_count(struct sd_known_table *t)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = t->n;
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* The provider draws the last octets of a node id at random: nobody chooses his bucket. */
static struct sd_known **
place_of(struct sd_known_table *t, const struct node_id *id)
{
	struct sd_known **at;
	uint64_t h;

	memcpy(&h, id->v + NODE_ID_BYTES - sizeof(h), sizeof(h));
	h *= UINT64_C(0x9e3779b97f4a7c15);
	at = &t->buckets[(size_t)(h >> 32) & t->mask];
	while (*at != NULL && !node_id_eq(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

struct sd_known *
sd_known_find(struct sd_known_table *t, const struct node_id *id)
{
	struct sd_known *k;

	pthread_mutex_lock(&t->lock);
	k = *place_of(t, id);
	pthread_mutex_unlock(&t->lock);
	return k;
}

enum rc
sd_known_enter(struct sd_known_table *t, const struct node_id *id, struct sd_known **out)
{
	struct sd_known **at;
	enum rc rc = RC_OK;

	pthread_mutex_lock(&t->lock);
	at = place_of(t, id);
	if (*at == NULL && t->n >= t->max) {
		rc = RC_NO_SPACE;
	} else if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL) {
			rc = RC_UNAVAILABLE;
		} else {
			(*at)->id = *id;
			t->n++;
		}
	}
	*out = *at;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* The first one from that depth on that has keys. */
static bool
next_of(const struct sd_known *k, unsigned *depth, struct node_id *out)
{
	for (unsigned i = 0; k != NULL; k = k->next) {
		if (i++ < *depth || k->keys == NULL)
			continue;
		*depth = i;
		*out = k->id;
		return true;
	}
	return false;
}

bool
sd_known_next(struct sd_known_table *t, struct sd_cursor *at, struct node_id *out)
{
	bool found = false;

	pthread_mutex_lock(&t->lock);
	while (at->bucket <= t->mask && !found) {
		found = next_of(t->buckets[at->bucket], &at->depth, out);
		if (!found)
			*at = (struct sd_cursor){ .bucket = at->bucket + 1 };
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* ---- a device ---- */

void
sd_known_keys(struct sd_known_table *t, const struct sd_known *k, struct sd_keys *out)
{
	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&t->lock);
	if (k->keys != NULL)
		*out = *k->keys;
	pthread_mutex_unlock(&t->lock);
}

enum rc
sd_known_set_keys(struct sd_known_table *t, struct sd_known *k, const struct sd_keys *keys,
                  unsigned revocations)
{
	struct sd_keys *copy = NULL;
	enum rc rc = RC_OK;

	if (keys != NULL) {
		copy = malloc(sizeof(*copy));
		if (copy == NULL)
			return RC_UNAVAILABLE;
		*copy = *keys;
	}
	pthread_mutex_lock(&t->lock);
	if (k->revocations == revocations) {
		forget_keys(k);
		k->keys = copy;
		copy = NULL;
	} else {
		rc = RC_FORBIDDEN;
	}
	pthread_mutex_unlock(&t->lock);
	free(copy);
	return rc;
}

struct sd_trace
sd_known_trace(struct sd_known_table *t, const struct sd_known *k)
{
	struct sd_trace trace;

	pthread_mutex_lock(&t->lock);
	trace = k->trace;
	pthread_mutex_unlock(&t->lock);
	return trace;
}

void
sd_known_set_trace(struct sd_known_table *t, struct sd_known *k, const struct sd_trace *trace)
{
	pthread_mutex_lock(&t->lock);
	k->trace = *trace;
	pthread_mutex_unlock(&t->lock);
}

unsigned
sd_known_revocations(struct sd_known_table *t, const struct sd_known *k)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = k->revocations;
	pthread_mutex_unlock(&t->lock);
	return n;
}

bool
sd_known_revoke(struct sd_known_table *t, struct sd_known *k)
{
	bool had;

	pthread_mutex_lock(&t->lock);
	had = k->keys != NULL;
	forget_keys(k);
	k->revocations++;
	pthread_mutex_unlock(&t->lock);
	return had;
}

/* ---- blame ---- */

static unsigned
blame_of(const struct sd_trace *t, const struct node_id *gateway)
{
	unsigned i = 0;

	while (i < t->n && !node_id_eq(&t->blames[i].gateway, gateway))
		i++;
	return i;
}

int64_t
sd_trace_excluded(const struct sd_trace *t, const struct node_id *gateway)
{
	unsigned i = blame_of(t, gateway);

	return i < t->n ? t->blames[i].excluded : 0;
}

bool
sd_trace_blame(struct sd_trace *t, const struct node_id *gateway, int64_t now)
{
	unsigned i = blame_of(t, gateway);
	struct sd_blame b = { .gateway = *gateway };

	if (i < t->n)
		b = t->blames[i];
	else if (t->n < SD_BLAMES_MAX)
		t->n++;
	else
		i--;
	if (b.excluded > now)
		return false;
	if (++b.culprit >= SD_CULPRIT_MAX) {
		b.culprit = 0;
		b.excluded = now + SD_EXCLUDED_TIME;
	}
	memmove(&t->blames[1], &t->blames[0], i * sizeof(t->blames[0]));
	t->blames[0] = b;
	return b.excluded > now;
}

/* ---- keys ---- */

static bool
has(const struct sd_known *k, enum sd_alg alg)
{
	if (k->keys == NULL)
		return false;
	switch (alg) {
	case SD_ED25519:
		return k->keys->has_ed25519;
	case SD_BLS:
	case SD_BLS_SINGLE:
		return k->keys->has_bls;
	case SD_IDENTITY:
		return true;
	}
	return false;
}

bool
sd_known_has(struct sd_known_table *t, const struct sd_known *k, enum sd_alg alg)
{
	bool yes;

	pthread_mutex_lock(&t->lock);
	yes = has(k, alg);
	pthread_mutex_unlock(&t->lock);
	return yes;
}

/* What is there already. RC_PRECONDITION: it has to be made of *keys. */
static enum rc
look(const struct sd_known *k, enum sd_alg alg, const char *month, struct sd_keys *keys,
     union sd_known_key *out)
{
	if (!has(k, alg))
		return RC_NOT_FOUND;
	if (alg == SD_ED25519) {
		out->ed25519 = k->keys->ed25519;
		return RC_OK;
	}
	if (alg == SD_IDENTITY) {
		if (k->identity != NULL && strcmp(k->identity->id, month) == 0) {
			out->identity = *k->identity;
			return RC_OK;
		}
	} else if (k->bls != NULL) {
		out->bls = *k->bls;
		return RC_OK;
	}
	*keys = *k->keys;
	return RC_PRECONDITION;
}

/* Keeps what was made, unless the keys are others meanwhile. */
static void
keep(struct sd_known *k, enum sd_alg alg, const struct sd_keys *keys,
     const union sd_known_key *made)
{
	if (k->keys == NULL || k->keys->revision != keys->revision)
		return;
	if (alg == SD_IDENTITY) {
		if (k->identity == NULL)
			k->identity = malloc(sizeof(*k->identity));
		if (k->identity != NULL)
			*k->identity = made->identity;
		return;
	}
	if (k->bls == NULL)
		k->bls = malloc(sizeof(*k->bls));
	if (k->bls != NULL)
		*k->bls = made->bls;
}

static enum rc
make(const struct sd_known *k, enum sd_alg alg, uint64_t millis, const struct sd_keys *keys,
     union sd_known_key *out)
{
	if (alg == SD_IDENTITY)
		return ibas_identity_make(&k->id, millis, &out->identity);
	return sd_bls_public_read(slice_make(keys->bls, sizeof(keys->bls)), &out->bls);
}

enum rc
sd_known_key(struct sd_known_table *t, struct sd_known *k, enum sd_alg alg, uint64_t millis,
             union sd_known_key *out)
{
	char month[IBAS_ID_SIZE + 1] = "";
	struct sd_keys keys;
	enum rc rc = RC_OK;

	if (alg == SD_IDENTITY)
		rc = ibas_id(&k->id, millis, month);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&t->lock);
	rc = look(k, alg, month, &keys, out);
	pthread_mutex_unlock(&t->lock);
	if (rc != RC_PRECONDITION)
		return rc;
	rc = make(k, alg, millis, &keys, out);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&t->lock);
	keep(k, alg, &keys, out);
	pthread_mutex_unlock(&t->lock);
	return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/indicator.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "sec/derive.h"
#include "sec/hex.h"

#define DIGEST_SIZE 32
#define PART_MAX 65535u
#define SETS (INDICATOR_SEEN_MAX / WAYS) /* a power of 2 */
#define WAYS 8u

/* ---- text ---- */

static const char *
name_of(bool low)
{
	return low ? "low" : "normal";
}

bool
priority_parse(struct slice text, bool *low)
{
	*low = slice_is(text, name_of(true));
	return *low || slice_is(text, name_of(false));
}

/* One spelling alone: lower case. */
static bool
read_hex(struct slice text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'F')
			return false;
	return hex_decode(text, out, n);
}

bool
indicator_parse(struct slice text, struct indicator *out)
{
	struct slice rest = text, class, time, nonce, tag;

	if (text.n > INDICATOR_TEXT || !slice_split(&rest, ';', &class) ||
	    !slice_split(&rest, ';', &time) || !slice_split(&rest, ';', &nonce) ||
	    !slice_split(&rest, ';', &tag) || rest.p != NULL)
		return false;
	/* The same form as that of a ConnectionId: decimal, not 0, no leading zeros. */
	return priority_parse(class, &out->low) && conn_id_parse_decimal(time, &out->time) &&
	       read_hex(nonce, out->nonce, INDICATOR_NONCE_SIZE) &&
	       read_hex(tag, out->tag, INDICATOR_TAG_SIZE);
}

size_t
indicator_format(const struct indicator *i, char out[INDICATOR_TEXT + 1])
{
	char nonce[2 * INDICATOR_NONCE_SIZE + 1], tag[2 * INDICATOR_TAG_SIZE + 1];

	hex_encode(i->nonce, INDICATOR_NONCE_SIZE, nonce);
	hex_encode(i->tag, INDICATOR_TAG_SIZE, tag);
	return (size_t)snprintf(out, INDICATOR_TEXT + 1, "%s;%" PRIu64 ";%s;%s", name_of(i->low),
	                        i->time, nonce, tag);
}

/* ---- tag ---- */

static void
put_part(struct buf *b, struct slice s)
{
	buf_be(b, s.n, 2);
	buf_slice(b, s);
}

static enum rc
compute(const struct key *k_ind, const struct indicator_request *rq, const struct indicator *i,
        uint8_t tag[INDICATOR_TAG_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	enum rc rc = RC_INTERNAL;
	struct buf b;

	if (rq->method.n > PART_MAX || rq->path.n > PART_MAX)
		return RC_TOO_LARGE;
	buf_init(&b, 64 + 2 * (2 + PART_MAX));
	buf_slice(&b, SLICE_LIT("m2m1 ind"));
	buf_add(&b, rq->node->v, NODE_ID_BYTES);
	buf_be(&b, i->low, 1);
	buf_be(&b, i->time, 8);
	buf_add(&b, i->nonce, INDICATOR_NONCE_SIZE);
	put_part(&b, rq->method);
	put_part(&b, rq->path);
	if (b.failed)
		rc = RC_UNAVAILABLE;
	else if (HMAC(EVP_sha256(), k_ind->v, KEY_BYTES, (const uint8_t *)b.p, b.n, digest, NULL) !=
	         NULL)
		rc = RC_OK;
	buf_fini(&b);
	if (rc == RC_OK)
		memcpy(tag, digest, INDICATOR_TAG_SIZE);
	return rc;
}

enum rc
indicator_make(const struct key *k_ind, const struct indicator_request *rq, struct indicator *i)
{
	return compute(k_ind, rq, i, i->tag);
}

static bool
is_near(uint64_t time, int64_t now)
{
	uint64_t at = now < 0 ? 0 : (uint64_t)now;

	return (time > at ? time - at : at - time) <= INDICATOR_TOLERANCE;
}

enum rc
indicator_check(const struct key *k_ind, const struct indicator_request *rq,
                const struct indicator *i, int64_t now)
{
	uint8_t tag[INDICATOR_TAG_SIZE];
	enum rc rc;

	/* Before any hashing: what is stale costs nothing. */
	if (!is_near(i->time, now))
		return RC_FORBIDDEN;
	rc = compute(k_ind, rq, i, tag);
	if (rc != RC_OK)
		return rc == RC_TOO_LARGE ? RC_FORBIDDEN : rc;
	return secret_equal(slice_make(tag, sizeof(tag)), slice_make(i->tag, sizeof(i->tag)))
	               ? RC_OK
	               : RC_FORBIDDEN;
}

/* ---- nonces ---- */

struct seen {
	struct node_id node;
	uint8_t nonce[INDICATOR_NONCE_SIZE];
	uint64_t until; /* its indicator is too old afterwards; 0: free */
};

struct indicator_seen {
	pthread_mutex_t lock; /* guards all */
	uint64_t seed; /* nobody can aim at a set */
	struct seen all[SETS][WAYS];
};

struct indicator_seen *
indicator_seen_new(void)
{
	struct indicator_seen *s = calloc(1, sizeof(*s));

	if (s == NULL || secret_random(&s->seed, sizeof(s->seed)) != RC_OK) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
indicator_seen_free(struct indicator_seen *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static size_t
set_of(const struct indicator_seen *s, const struct node_id *node, const struct indicator *i)
{
	uint64_t part[4], h = s->seed;

	memcpy(part, node->v, 16);
	memcpy(part + 2, i->nonce, 16);
	for (unsigned k = 0; k < 4; k++) {
		h = (h ^ part[k]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)(h >> 32) % SETS;
}

/* Locked. */
static enum rc
take(struct seen set[WAYS], const struct node_id *node, const struct indicator *i, uint64_t now)
{
	struct seen *place = NULL;

	for (unsigned k = 0; k < WAYS; k++) {
		if (set[k].until < now)
			place = &set[k];
		else if (node_id_eq(&set[k].node, node) &&
		         memcmp(set[k].nonce, i->nonce, INDICATOR_NONCE_SIZE) == 0)
			return RC_CONFLICT;
	}
	if (place == NULL)
		return RC_UNAVAILABLE;
	place->node = *node;
	memcpy(place->nonce, i->nonce, INDICATOR_NONCE_SIZE);
	place->until = i->time + INDICATOR_TOLERANCE;
	return RC_OK;
}

enum rc
indicator_take(struct indicator_seen *s, const struct node_id *node, const struct indicator *i,
               int64_t now)
{
	enum rc rc;

	pthread_mutex_lock(&s->lock);
	rc = take(s->all[set_of(s, node, i)], node, i, now < 0 ? 0 : (uint64_t)now);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

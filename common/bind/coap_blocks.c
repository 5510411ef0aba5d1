/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a listener: entries in chains by owner, as one owner has few, and in queues by the
 * time of their last use: answers of which all was fetched go before everything else, then what
 * belongs to owners who have not proved their address. Those never push out what others have.
 */
#include "config.h"

#include "bind/coap_blocks.h"

#include "sec/secret.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define CHAINS_MAX 65536u
#define BODY_LEAST 1000u /* octets, as struct buf begins */

enum kind { UNFINISHED, ANSWER };
enum place { SERVED, UNPROVED, IN_USE, PLACES };

struct entry {
	struct entry *next; /* of the chain */
	struct entry *older, *newer; /* of the queue */
	enum place place;
	enum kind kind;
	struct blocks_key key;
	int64_t until;
	struct buf body;
	unsigned szx; /* UNFINISHED: of the last block */
	size_t last; /* UNFINISHED: where the last block begins */
	struct cmap_answer answer; /* ANSWER */
};

struct queue {
	struct entry *oldest, *newest;
};

struct blocks {
	struct blocks_conf conf;
	struct queue queues[PLACES];
	size_t octets; /* memory of all bodies */
	unsigned n;
	unsigned chains; /* a power of two */
	struct entry *chain[];
};

/* ---- entries ---- */

static struct entry **
chain_of(struct blocks *b, const void *owner)
{
	uint64_t v = (uint64_t)(uintptr_t)owner * UINT64_C(0x9e3779b97f4a7c15);

	return &b->chain[(v >> 32) & (b->chains - 1)];
}

static void
queue_remove(struct blocks *b, struct entry *e)
{
	struct queue *q = &b->queues[e->place];

	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		q->oldest = e->newer;
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		q->newest = e->older;
}

static void
queue_add(struct blocks *b, struct entry *e, enum place place)
{
	struct queue *q = &b->queues[place];

	e->place = place;
	e->newer = NULL;
	e->older = q->newest;
	if (q->newest != NULL)
		q->newest->newer = e;
	else
		q->oldest = e;
	q->newest = e;
}

static enum place
place_of(const struct blocks_key *key)
{
	return key->unproved ? UNPROVED : IN_USE;
}

static void
entry_touch(struct blocks *b, struct entry *e, int64_t now)
{
	e->until = now + b->conf.lifetime_us;
	queue_remove(b, e);
	queue_add(b, e, place_of(&e->key));
}

/* Nobody here can tell whether it was secret. */
static void
body_fini(struct buf *body)
{
	secret_wipe(body->p, body->cap);
	buf_fini(body);
}

static void
entry_free(struct blocks *b, struct entry *e)
{
	struct entry **at = chain_of(b, e->key.owner);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	queue_remove(b, e);
	b->octets -= e->body.cap;
	b->n--;
	body_fini(&e->body);
	free(e);
}

static struct entry *
entry_find(struct blocks *b, const struct blocks_key *key, enum kind kind, int64_t now)
{
	struct entry *e = *chain_of(b, key->owner);

	while (e != NULL && (e->kind != kind || e->key.owner != key->owner ||
	                     memcmp(e->key.digest, key->digest, sizeof(key->digest)) != 0))
		e = e->next;
	if (e == NULL)
		return NULL;
	e->key.unproved = key->unproved;
	if (e->until > now)
		return e;
	entry_free(b, e);
	return NULL;
}

/* What goes first for what has that place. */
static struct entry *
oldest_for(struct blocks *b, enum place place)
{
	for (enum place i = SERVED; i <= place; i++)
		if (b->queues[i].oldest != NULL)
			return b->queues[i].oldest;
	return NULL;
}

static void
make_room_for_owner(struct blocks *b, const void *owner)
{
	struct entry *oldest = NULL;
	unsigned n = 0;

	for (struct entry *e = *chain_of(b, owner); e != NULL; e = e->next) {
		if (e->key.owner != owner)
			continue;
		n++;
		if (oldest == NULL || e->place < oldest->place ||
		    (e->place == oldest->place && e->until <= oldest->until))
			oldest = e;
	}
	if (n >= b->conf.per_owner_max && oldest != NULL)
		entry_free(b, oldest);
}

static struct entry *
entry_new(struct blocks *b, const struct blocks_key *key, enum kind kind, int64_t now)
{
	struct entry **chain = chain_of(b, key->owner);
	struct entry *e;

	make_room_for_owner(b, key->owner);
	while (b->n >= b->conf.bodies_max) {
		e = oldest_for(b, place_of(key));
		if (e == NULL)
			return NULL;
		entry_free(b, e);
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->kind = kind;
	e->key = *key;
	e->until = now + b->conf.lifetime_us;
	e->next = *chain;
	*chain = e;
	queue_add(b, e, place_of(key));
	b->n++;
	return e;
}

/* Others go until e may have that many octets more; false: they are too many without any other. */
static bool
make_room(struct blocks *b, const struct entry *e, size_t more)
{
	struct entry *oldest;

	while (more > b->conf.octets_max || b->octets > b->conf.octets_max - more) {
		oldest = oldest_for(b, place_of(&e->key));
		if (oldest == NULL || oldest == e)
			return false;
		entry_free(b, oldest);
	}
	return true;
}

/* ---- the table ---- */

struct blocks *
blocks_new(const struct blocks_conf *conf)
{
	unsigned chains = 16;
	struct blocks *b;

	while (chains < conf->bodies_max && chains < CHAINS_MAX)
		chains *= 2;
	b = calloc(1, sizeof(*b) + chains * sizeof(b->chain[0]));
	if (b == NULL)
		return NULL;
	b->conf = *conf;
	b->chains = chains;
	return b;
}

void
blocks_free(struct blocks *b)
{
	struct entry *e;

	if (b == NULL)
		return;
	while ((e = oldest_for(b, IN_USE)) != NULL)
		entry_free(b, e);
	free(b);
}

void
blocks_forget(struct blocks *b, const void *owner)
{
	struct entry *e = *chain_of(b, owner), *next;

	for (; e != NULL; e = next) {
		next = e->next;
		if (e->key.owner == owner)
			entry_free(b, e);
	}
}

int64_t
blocks_expire(struct blocks *b, int64_t now)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < PLACES; i++) {
		struct entry *e;

		while ((e = b->queues[i].oldest) != NULL && e->until <= now)
			entry_free(b, e);
		if (e != NULL && e->until < next)
			next = e->until;
	}
	return next;
}

size_t
blocks_octets(const struct blocks *b)
{
	return b->octets;
}

/* ---- what belongs together ---- */

static bool
digest_add(EVP_MD_CTX *ctx, struct slice s)
{
	uint64_t n = s.p == NULL ? UINT64_MAX : s.n;

	return EVP_DigestUpdate(ctx, &n, sizeof(n)) == 1 &&
	       (s.n == 0 || EVP_DigestUpdate(ctx, s.p, s.n) == 1);
}

enum rc
blocks_digest(const struct cmap_head *head, unsigned char digest[32])
{
	const struct req_input *in = &head->input;
	const struct slice parts[] = {
		slice_make(&in->op, sizeof(in->op)),
		in->target,
		in->host,
		in->accept,
		head->request_tag,
		/* Messages of one source may come at once: the token of each tells them apart. */
		in->pre_source,
		in->pre_store,
		in->pre_source.p == NULL ? SLICE_NONE : slice_make(&in->msg_id, sizeof(in->msg_id)),
#define ATTRIBUTE(name, field, header) in->field,
#include "bind/coap.def"
#undef ATTRIBUTE
	};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < sizeof(parts) / sizeof(parts[0]); i++)
		ok = digest_add(ctx, parts[i]);
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? RC_OK : RC_INTERNAL;
}

/* ---- bodies of requests ---- */

static bool
repeats(const struct entry *e, size_t at, const struct cmap_block *block, struct slice payload)
{
	return block->more && at == e->last && block->szx == e->szx &&
	       payload.n == e->body.n - e->last &&
	       memcmp(e->body.p + e->last, payload.p, payload.n) == 0;
}

/* What a body of n octets may take: twice of what has come. Size1 is not taken on trust. */
static size_t
capacity(const struct buf *body, size_t n)
{
	size_t cap = body->cap < BODY_LEAST ? BODY_LEAST : body->cap;

	while (cap < n)
		cap *= 2;
	return cap < body->max ? cap : body->max;
}

static enum blocks_result
body_add(struct blocks *b, struct entry *e, struct slice payload)
{
	size_t old = e->body.cap;

	if (!make_room(b, e, capacity(&e->body, e->body.n + payload.n) - old))
		return BLOCKS_FULL;
	buf_slice(&e->body, payload);
	b->octets += e->body.cap - old;
	return e->body.failed ? BLOCKS_FULL : BLOCKS_MORE;
}

static void
body_give(struct blocks *b, struct entry *e, struct buf *body)
{
	size_t max = body->max;

	b->octets -= e->body.cap;
	*body = e->body;
	body->max = max;
	buf_init(&e->body, 0);
	entry_free(b, e);
}

/* The body that the block continues or begins; NULL: *result says why not. */
static struct entry *
body_of(struct blocks *b, const struct blocks_key *key, size_t at, unsigned szx, size_t body_max,
        int64_t now, enum blocks_result *result)
{
	struct entry *e = entry_find(b, key, UNFINISHED, now);

	if (at > 0) {
		*result = e == NULL || at != e->body.n ? BLOCKS_GAP : BLOCKS_BAD;
		return e == NULL || at != e->body.n || szx > e->szx ? NULL : e;
	}
	if (e != NULL)
		entry_free(b, e);
	*result = BLOCKS_FULL;
	e = entry_new(b, key, UNFINISHED, now);
	if (e != NULL) {
		buf_init(&e->body, body_max);
		e->body.secret = true;
	}
	return e;
}

static enum blocks_result
block_check(const struct cmap_block *block, size_t n, size_t size, size_t body_max)
{
	size_t at;

	if (!block->given || block->szx > BLOCK_SZX_MAX || block->num > BLOCK_NUM_MAX ||
	    n > BLOCK_OCTETS(block->szx) || (block->more && n < BLOCK_OCTETS(block->szx)))
		return BLOCKS_BAD;
	at = block->num * BLOCK_OCTETS(block->szx);
	return size > body_max || at > body_max || n > body_max - at ? BLOCKS_TOO_LARGE
	                                                             : BLOCKS_MORE;
}

enum blocks_result
blocks_add(struct blocks *b, const struct blocks_key *key, const struct cmap_block *block,
           struct slice payload, size_t size, size_t body_max, int64_t now, unsigned *szx,
           struct buf *body)
{
	enum blocks_result result = block_check(block, payload.n, size, body_max);
	struct entry *e = entry_find(b, key, UNFINISHED, now);
	size_t at;

	*szx = block->szx;
	if (result != BLOCKS_MORE) {
		if (e != NULL && result == BLOCKS_TOO_LARGE)
			entry_free(b, e);
		return result;
	}
	at = block->num * BLOCK_OCTETS(block->szx);
	if (e != NULL && repeats(e, at, block, payload)) {
		entry_touch(b, e, now);
		return BLOCKS_MORE;
	}
	e = body_of(b, key, at, block->szx, body_max, now, &result);
	if (e == NULL)
		return result;
	entry_touch(b, e, now);
	e->last = at;
	e->szx = block->szx;
	result = body_add(b, e, payload);
	if (result != BLOCKS_MORE) {
		entry_free(b, e);
		return result;
	}
	if (block->more)
		return BLOCKS_MORE;
	body_give(b, e, body);
	return BLOCKS_DONE;
}

/* ---- answers ---- */

bool
blocks_keep(struct blocks *b, const struct blocks_key *key, const struct cmap_answer *answer,
            char *body, size_t n, int64_t now)
{
	struct entry *e = entry_find(b, key, ANSWER, now);

	if (e != NULL)
		entry_free(b, e);
	e = entry_new(b, key, ANSWER, now);
	if (e == NULL || !make_room(b, e, n)) {
		if (e != NULL)
			entry_free(b, e);
		return false;
	}
	e->body = (struct buf){ .p = body, .n = n, .cap = n, .max = n };
	b->octets += n;
	e->answer = *answer;
	e->answer.location = e->answer.echo = SLICE_NONE;
	e->answer.body = buf_view(&e->body);
	return true;
}

const struct cmap_answer *
blocks_find(struct blocks *b, const struct blocks_key *key, int64_t now)
{
	struct entry *e = entry_find(b, key, ANSWER, now);

	if (e == NULL)
		return NULL;
	entry_touch(b, e, now);
	return &e->answer;
}

void
blocks_served(struct blocks *b, const struct blocks_key *key)
{
	struct entry *e = entry_find(b, key, ANSWER, INT64_MIN);

	if (e == NULL)
		return;
	queue_remove(b, e);
	queue_add(b, e, SERVED);
}

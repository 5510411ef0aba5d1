/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/sec/live.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sec/key_slab.h"
#include "sec/replay.h"

struct entry {
	struct entry *next; /* in its bucket */
	struct entry *next_of_scl; /* in the bucket of its SCL-ID */
	struct mas_connection conn; /* without the key */
	struct key_slot *kmc; /* NULL once it has ended */
	enum live_state state;
	int64_t ended; /* when */
	int64_t deadline; /* the end on the clock that never jumps; that which is earlier holds */
	uint64_t order; /* of live_put */
	_Atomic uint64_t requests, octets;
	_Atomic int64_t last;
	/* Under lock. */
	pthread_mutex_t lock;
	struct replay objects;
	uint64_t counter; /* of X-M2M-Connection */
	uint64_t next_object, last_object; /* that may be sent */
	uint64_t told_requests, told_octets; /* by live_flush */
	int64_t tokens, filled; /* of its requests, in 1/CLOCK_SECOND; when, monotonic */
	uint64_t generation; /* of note */
	size_t n_note;
	char note[LIVE_NOTE_MAX];
};

/* Reading in handshakes and for every request, writing when a connection comes or goes. */
struct live {
	struct live_conf conf;
	_Atomic unsigned rate, burst; /* of live_set_rate */
	pthread_rwlock_t lock;
	struct entry **buckets, **scls;
	unsigned mask; /* of both */
	unsigned n;
	struct key_slabs keys;
	uint64_t order;
};

struct live *
live_new(const struct live_conf *conf)
{
	struct live *t = calloc(1, sizeof(*t));
	unsigned n = 16;

	while (n < conf->max && n < 1u << 20)
		n *= 2;
	if (t == NULL || (t->buckets = calloc(n, sizeof(*t->buckets))) == NULL ||
	    (t->scls = calloc(n, sizeof(*t->scls))) == NULL ||
	    pthread_rwlock_init(&t->lock, NULL) != 0) {
		free(t == NULL ? NULL : t->scls);
		free(t == NULL ? NULL : t->buckets);
		free(t);
		return NULL;
	}
	t->conf = *conf;
	live_set_rate(t, conf->rate, conf->burst);
	t->mask = n - 1;
	return t;
}

static void
entry_free(struct entry *e)
{
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void
live_free(struct live *t)
{
	if (t == NULL)
		return;
	for (unsigned i = 0; i <= t->mask; i++)
		while (t->buckets[i] != NULL) {
			struct entry *e = t->buckets[i];

			t->buckets[i] = e->next;
			entry_free(e);
		}
	key_slabs_fini(&t->keys);
	pthread_rwlock_destroy(&t->lock);
	free(t->scls);
	free(t->buckets);
	free(t);
}

/* ConnectionIds are random: their low bits are as good as a hash. */
static struct entry **
bucket(const struct live *t, uint64_t id)
{
	return &t->buckets[(unsigned)id & t->mask];
}

/* FNV-1a. */
static struct entry **
bucket_of_scl(const struct live *t, struct slice scl_id)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < scl_id.n; i++)
		h = (h ^ (unsigned char)scl_id.p[i]) * 16777619u;
	return &t->scls[h & t->mask];
}

static struct entry *
find(const struct live *t, uint64_t id)
{
	struct entry *e = *bucket(t, id);

	while (e != NULL && e->conn.id != id)
		e = e->next;
	return e;
}

static int64_t
now(const struct live *t)
{
	return clock_now(t->conf.clock);
}

static enum live_state
state_of(const struct live *t, const struct entry *e)
{
	bool over = e->conn.expires <= now(t) || e->deadline <= clock_monotonic();

	return e->state == LIVE_OK && over ? LIVE_EXPIRED : e->state;
}

/* Takes the first of *at out of the table. */
static void
drop(struct live *t, struct entry **at)
{
	struct entry *e = *at;
	struct entry **of_scl = bucket_of_scl(t, slice_of(e->conn.scl_id));

	while (*of_scl != e)
		of_scl = &(*of_scl)->next_of_scl;
	*of_scl = e->next_of_scl;
	*at = e->next;
	key_slabs_give(&t->keys, e->kmc);
	entry_free(e);
	t->n--;
}

/* Drops what has ended: all of it, or what need not be remembered any more. */
static void
forget(struct live *t, bool all)
{
	for (unsigned i = 0; i <= t->mask; i++)
		for (struct entry **at = &t->buckets[i]; *at != NULL;) {
			struct entry *e = *at;
			int64_t end = e->state == LIVE_OK ? e->conn.expires : e->ended;

			if (state_of(t, e) == LIVE_OK || (!all && end + t->conf.remember > now(t)))
				at = &e->next;
			else
				drop(t, at);
		}
}

void
live_forget(struct live *t)
{
	pthread_rwlock_wrlock(&t->lock);
	forget(t, false);
	pthread_rwlock_unlock(&t->lock);
}

static struct entry *
entry_new(const struct live *t, const struct mas_connection *conn)
{
	int64_t left = conn->expires - now(t), mono = clock_monotonic();
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->deadline = left > INT64_MAX - mono ? INT64_MAX : mono + left;
	e->tokens = INT64_MAX;
	e->conn = *conn;
	key_wipe(&e->conn.kmc);
	pthread_mutex_init(&e->lock, NULL);
	replay_init(&e->objects, 0);
	return e;
}

enum rc
live_put(struct live *t, const struct mas_connection *conn)
{
	struct entry *e = entry_new(t, conn);
	struct entry **of_scl;
	enum rc rc = RC_OK;

	if (e == NULL)
		return RC_UNAVAILABLE;
	pthread_rwlock_wrlock(&t->lock);
	for (int all = 0; all < 2 && t->n >= t->conf.max; all++)
		forget(t, all);
	if (find(t, conn->id) != NULL)
		rc = RC_CONFLICT;
	else if (t->n >= t->conf.max || (e->kmc = key_slabs_take(&t->keys)) == NULL)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK) {
		*e->kmc->key = conn->kmc;
		e->order = ++t->order;
		e->next = *bucket(t, conn->id);
		*bucket(t, conn->id) = e;
		of_scl = bucket_of_scl(t, slice_of(e->conn.scl_id));
		e->next_of_scl = *of_scl;
		*of_scl = e;
		t->n++;
	}
	pthread_rwlock_unlock(&t->lock);
	if (rc != RC_OK)
		entry_free(e);
	return rc;
}

static void
end(struct live *t, struct entry *e, enum live_state why)
{
	/* What was revoked stays so. */
	if (e->state == LIVE_REVOKED)
		return;
	key_slabs_give(&t->keys, e->kmc);
	e->kmc = NULL;
	if (e->state == LIVE_OK)
		e->ended = now(t);
	e->state = why;
}

void
live_end(struct live *t, uint64_t id, enum live_state why)
{
	struct entry *e;

	pthread_rwlock_wrlock(&t->lock);
	e = find(t, id);
	if (e != NULL)
		end(t, e, why);
	pthread_rwlock_unlock(&t->lock);
}

void
live_end_node(struct live *t, const struct node_id *node, uint64_t except, enum live_state why)
{
	pthread_rwlock_wrlock(&t->lock);
	for (unsigned i = 0; i <= t->mask; i++)
		for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
			if (node_id_eq(&e->conn.node, node) && e->conn.id != except)
				end(t, e, why);
	pthread_rwlock_unlock(&t->lock);
}

/* On both clocks. */
static void
shorten(const struct live *t, struct entry *e, int64_t when)
{
	int64_t deadline = clock_monotonic() + (when - now(t));

	if (e->conn.expires > when)
		e->conn.expires = when;
	if (e->deadline > deadline)
		e->deadline = deadline;
}

void
live_end_at(struct live *t, uint64_t id, int64_t when)
{
	struct entry *e;

	pthread_rwlock_wrlock(&t->lock);
	e = find(t, id);
	if (e != NULL)
		shorten(t, e, when);
	pthread_rwlock_unlock(&t->lock);
}

/* A node has one SCL-ID, which no other has. */
void
live_overtake(struct live *t, const struct mas_connection *by, int64_t when)
{
	struct slice scl_id = slice_make(by->scl_id, strlen(by->scl_id));
	struct entry *e;

	pthread_rwlock_wrlock(&t->lock);
	for (e = *bucket_of_scl(t, scl_id); e != NULL; e = e->next_of_scl)
		if (node_id_eq(&e->conn.node, &by->node) && e->conn.kmc_index < by->kmc_index)
			shorten(t, e, when);
	pthread_rwlock_unlock(&t->lock);
}

enum live_state
live_find(struct live *t, uint64_t id, uint32_t kmc_index, struct mas_connection *conn)
{
	enum live_state s = LIVE_UNKNOWN;
	const struct entry *e;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, id);
	if (e != NULL && (kmc_index == 0 || e->conn.kmc_index == kmc_index)) {
		s = state_of(t, e);
		if (conn != NULL)
			*conn = e->conn;
	}
	pthread_rwlock_unlock(&t->lock);
	return s;
}

bool
live_kmc(struct live *t, uint64_t id, uint32_t kmc_index, struct key *out)
{
	const struct entry *e;
	bool found;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, id);
	found = e != NULL && e->kmc != NULL && (kmc_index == 0 || e->conn.kmc_index == kmc_index) &&
	        state_of(t, e) == LIVE_OK;
	if (found)
		*out = *e->kmc->key;
	pthread_rwlock_unlock(&t->lock);
	return found;
}

/*
 * The newer one, but a node has the key of a connection for certain only when it has used it: until
 * then, or until the older one is over, that is the way to the node.
 */
static bool
is_better(const struct entry *e, const struct entry *than)
{
	bool used = atomic_load_explicit(&e->last, memory_order_relaxed) != 0;
	bool than_used = atomic_load_explicit(&than->last, memory_order_relaxed) != 0;

	return used != than_used ? used : e->order > than->order;
}

bool
live_of_scl(struct live *t, struct slice scl_id, struct mas_connection *conn)
{
	const struct entry *best = NULL;

	pthread_rwlock_rdlock(&t->lock);
	for (const struct entry *e = *bucket_of_scl(t, scl_id); e != NULL; e = e->next_of_scl)
		if (state_of(t, e) == LIVE_OK && slice_is(scl_id, e->conn.scl_id) &&
		    (best == NULL || is_better(e, best)))
			best = e;
	if (best != NULL && conn != NULL)
		*conn = best->conn;
	pthread_rwlock_unlock(&t->lock);
	return best != NULL;
}

void
live_each(struct live *t, bool (*visit)(void *arg, const struct mas_connection *conn), void *arg)
{
	bool more = true;

	pthread_rwlock_rdlock(&t->lock);
	for (unsigned i = 0; more && i <= t->mask; i++)
		for (const struct entry *e = t->buckets[i]; more && e != NULL; e = e->next)
			if (state_of(t, e) == LIVE_OK)
				more = visit(arg, &e->conn);
	pthread_rwlock_unlock(&t->lock);
}

/* ---- numbers that count once ---- */

/* The live connection, its lock and the table's (for reading) taken; NULL: neither. */
static struct entry *
hold(struct live *t, uint64_t id)
{
	struct entry *e;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, id);
	if (e != NULL && state_of(t, e) == LIVE_OK) {
		pthread_mutex_lock(&e->lock);
		return e;
	}
	pthread_rwlock_unlock(&t->lock);
	return NULL;
}

static void
let_go(struct live *t, struct entry *e)
{
	pthread_mutex_unlock(&e->lock);
	pthread_rwlock_unlock(&t->lock);
}

bool
live_take_object(struct live *t, uint64_t id, uint64_t seq)
{
	struct entry *e = hold(t, id);
	bool taken;

	if (e == NULL)
		return false;
	taken = replay_take(&e->objects, seq);
	let_go(t, e);
	return taken;
}

enum rc
live_judge_counter(struct live *t, uint64_t id, enum rc (*judge)(void *arg, uint64_t *last),
                   void *arg)
{
	struct entry *e = hold(t, id);
	enum rc rc;

	if (e == NULL)
		return RC_NOT_FOUND;
	rc = judge(arg, &e->counter);
	let_go(t, e);
	return rc;
}

enum rc
live_next_object(struct live *t, uint64_t id, uint64_t *seq)
{
	struct entry *e = hold(t, id);
	enum rc rc = RC_UNAVAILABLE;

	if (e == NULL)
		return RC_NOT_FOUND;
	if (e->next_object > 0 && e->next_object <= e->last_object) {
		*seq = e->next_object++;
		rc = RC_OK;
	}
	let_go(t, e);
	return rc;
}

void
live_allow_objects(struct live *t, uint64_t id, uint64_t first, uint64_t last)
{
	struct entry *e = hold(t, id);

	if (e == NULL)
		return;
	e->next_object = first;
	e->last_object = last;
	let_go(t, e);
}

/* ---- use ---- */

void
live_set_rate(struct live *t, unsigned rate, unsigned burst)
{
	atomic_store_explicit(&t->rate, rate, memory_order_relaxed);
	atomic_store_explicit(&t->burst, burst, memory_order_relaxed);
}

/* Tokens of a bucket are counted in parts of one, so that a short time gives some as well. */
static bool
take_token(const struct live *t, struct entry *e, unsigned *retry_after)
{
	bool low = (e->conn.flags & MAS_LOW_PRIORITY) != 0;
	int64_t rate = low ? LIVE_RATE_LOW : atomic_load_explicit(&t->rate, memory_order_relaxed);
	int64_t most = low ? LIVE_BURST_LOW : atomic_load_explicit(&t->burst, memory_order_relaxed);
	int64_t burst = most * CLOCK_SECOND, room = burst - e->tokens;
	int64_t at = clock_monotonic(), passed = at - e->filled;

	if (rate == 0)
		return true;
	if (room > 0)
		e->tokens = passed > room / rate ? burst : e->tokens + passed * rate;
	else
		e->tokens = burst;
	e->filled = at;
	if (e->tokens >= CLOCK_SECOND) {
		e->tokens -= CLOCK_SECOND;
		return true;
	}
	*retry_after = 1;
	return false;
}

bool
live_allow(struct live *t, uint64_t id, unsigned *retry_after)
{
	struct entry *e = hold(t, id);
	bool allowed;

	if (e == NULL)
		return true;
	allowed = take_token(t, e, retry_after);
	let_go(t, e);
	return allowed;
}

bool
live_use(struct live *t, uint64_t id, uint64_t requests, uint64_t octets)
{
	bool first = false;
	struct entry *e;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, id);
	if (e != NULL) {
		first = atomic_fetch_add_explicit(&e->requests, requests, memory_order_relaxed) == 0 &&
		        requests > 0;
		atomic_fetch_add_explicit(&e->octets, octets, memory_order_relaxed);
		atomic_store_explicit(&e->last, now(t), memory_order_relaxed);
	}
	pthread_rwlock_unlock(&t->lock);
	return first;
}

static void
flush_one(struct entry *e,
          void (*visit)(void *arg, uint64_t id, uint64_t requests, uint64_t octets), void *arg)
{
	uint64_t requests = atomic_load_explicit(&e->requests, memory_order_relaxed);
	uint64_t octets = atomic_load_explicit(&e->octets, memory_order_relaxed);
	uint64_t new_requests, new_octets;

	pthread_mutex_lock(&e->lock);
	new_requests = requests - e->told_requests;
	new_octets = octets - e->told_octets;
	e->told_requests = requests;
	e->told_octets = octets;
	pthread_mutex_unlock(&e->lock);
	if (new_requests > 0 || new_octets > 0)
		visit(arg, e->conn.id, new_requests, new_octets);
}

void
live_flush(struct live *t, uint64_t id,
           void (*visit)(void *arg, uint64_t id, uint64_t requests, uint64_t octets), void *arg)
{
	unsigned first = id == 0 ? 0 : (unsigned)id & t->mask, last = id == 0 ? t->mask : first;

	pthread_rwlock_rdlock(&t->lock);
	for (unsigned i = first; i <= last; i++)
		for (struct entry *e = t->buckets[i]; e != NULL; e = e->next)
			if (id == 0 || e->conn.id == id)
				flush_one(e, visit, arg);
	pthread_rwlock_unlock(&t->lock);
}

bool
live_used(struct live *t, uint64_t id, struct live_use *out)
{
	struct entry *e;

	pthread_rwlock_rdlock(&t->lock);
	e = find(t, id);
	if (e != NULL)
		*out = (struct live_use){
			.requests = atomic_load_explicit(&e->requests, memory_order_relaxed),
			.octets = atomic_load_explicit(&e->octets, memory_order_relaxed),
			.last = atomic_load_explicit(&e->last, memory_order_relaxed),
		};
	pthread_rwlock_unlock(&t->lock);
	return e != NULL;
}

/* ---- what was found out about its issuers ---- */

bool
live_noted(struct live *t, uint64_t id, uint64_t generation, struct slice text)
{
	struct entry *e = generation == 0 ? NULL : hold(t, id);
	bool noted;

	if (e == NULL)
		return false;
	noted = e->generation == generation && slice_eq(slice_make(e->note, e->n_note), text);
	let_go(t, e);
	return noted;
}

void
live_note(struct live *t, uint64_t id, uint64_t generation, struct slice text)
{
	struct entry *e = generation == 0 || text.n > LIVE_NOTE_MAX ? NULL : hold(t, id);

	if (e == NULL)
		return;
	e->generation = generation;
	e->n_note = text.n;
	memcpy(e->note, text.p, text.n);
	let_go(t, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions, undo and the primitives on records. */
#include "config.h"

#include "store/repo_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define CRC_SIZE 4u
#define RECORD_MAX (64u << 20)
#define UNDO_MAX (256u << 20)
#define SCRATCH_KEPT (64u << 10)

void
key_init(struct repo_key *k, enum space space)
{
	k->b[0] = (char)space;
	k->n = 1;
}

void
key_be(struct repo_key *k, uint64_t v, unsigned size)
{
	assert(k->n + size <= sizeof(k->b));
	for (unsigned i = 0; i < size; i++)
		k->b[k->n++] = (char)(v >> (8 * (size - 1 - i)));
}

void
key_text(struct repo_key *k, struct slice s)
{
	assert(k->n + s.n <= sizeof(k->b));
	if (s.n > 0)
		memcpy(k->b + k->n, s.p, s.n);
	k->n += s.n;
}

void
key_id(struct repo_key *k, enum space space, uint64_t id)
{
	key_init(k, space);
	key_be(k, id, 8);
}

void
key_id_seq(struct repo_key *k, enum space space, uint64_t id, uint64_t seq)
{
	key_id(k, space, id);
	key_be(k, seq, 8);
}

uint64_t
read_be(struct reader *r, unsigned size)
{
	uint64_t v = 0;

	if (!r->ok || r->rest.n < size) {
		r->ok = false;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | (unsigned char)r->rest.p[i];
	r->rest = slice_from(r->rest, size);
	return v;
}

struct slice
read_bytes(struct reader *r, size_t n)
{
	struct slice s = slice_head(r->rest, n);

	if (!r->ok || r->rest.n < n) {
		r->ok = false;
		return SLICE_NONE;
	}
	r->rest = slice_from(r->rest, n);
	return s;
}

static uint32_t
crc_of(struct slice s)
{
	return (uint32_t)crc32_z(0, (const unsigned char *)s.p, s.n);
}

bool
rec_check(struct slice *val)
{
	struct reader r;

	if (val->n < CRC_SIZE)
		return false;
	r = (struct reader){ slice_from(*val, val->n - CRC_SIZE), true };
	val->n -= CRC_SIZE;
	return read_be(&r, CRC_SIZE) == crc_of(*val);
}

/* Remembers the first failure of the back end: after it the transaction is lost. */
static enum rc
note(struct rtx *tx, enum rc rc)
{
	if (rc != RC_OK && rc != RC_NOT_FOUND && tx->failure == RC_OK)
		tx->failure = rc;
	return rc;
}

enum rc
rec_get(struct rtx *tx, const struct repo_key *k, struct slice *val)
{
	enum rc rc = note(tx, tx->repo->ops->get(tx->txn, key_view(k), val));

	/* Damage spoils the request that met it, not the transaction: everything can be undone. */
	return rc == RC_OK && !rec_check(val) ? RC_INTERNAL : rc;
}

struct buf *
rec_begin(struct rtx *tx)
{
	buf_clear(&tx->scratch);
	return &tx->scratch;
}

static enum rc
undo_add(struct rtx *tx, const struct repo_key *k, bool existed, struct slice val)
{
	struct undo *u = ARENA_NEW(tx->undo_arena, struct undo);

	if (u == NULL)
		return note(tx, RC_UNAVAILABLE);
	u->key = arena_copy(tx->undo_arena, key_view(k));
	u->existed = existed;
	if (existed)
		u->val = arena_copy(tx->undo_arena, val);
	u->next = tx->undo;
	tx->undo = u;
	return arena_failed(tx->undo_arena) ? note(tx, RC_UNAVAILABLE) : RC_OK;
}

static enum rc
put_scratch(struct rtx *tx, const struct repo_key *k)
{
	buf_be(&tx->scratch, crc_of(buf_view(&tx->scratch)), CRC_SIZE);
	if (tx->scratch.failed)
		return note(tx, RC_UNAVAILABLE);
	return note(tx, tx->repo->ops->put(tx->txn, key_view(k), buf_view(&tx->scratch)));
}

enum rc
rec_put_new(struct rtx *tx, const struct repo_key *k)
{
	enum rc rc = undo_add(tx, k, false, SLICE_NONE);

	return rc == RC_OK ? put_scratch(tx, k) : rc;
}

enum rc
rec_put(struct rtx *tx, const struct repo_key *k)
{
	struct slice old = SLICE_NONE;
	enum rc rc = note(tx, tx->repo->ops->get(tx->txn, key_view(k), &old));

	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	rc = undo_add(tx, k, rc == RC_OK, old);
	return rc == RC_OK ? put_scratch(tx, k) : rc;
}

enum rc
rec_del(struct rtx *tx, const struct repo_key *k)
{
	struct slice old;
	enum rc rc = note(tx, tx->repo->ops->get(tx->txn, key_view(k), &old));

	if (rc != RC_OK)
		return rc;
	rc = undo_add(tx, k, true, old);
	return rc == RC_OK ? note(tx, tx->repo->ops->del(tx->txn, key_view(k))) : rc;
}

enum rc
rec_take(struct rtx *tx, const struct repo_key *k, struct slice *val)
{
	struct slice old;
	enum rc rc = note(tx, tx->repo->ops->get(tx->txn, key_view(k), &old));

	if (rc != RC_OK)
		return rc;
	*val = old;
	if (!rec_check(val))
		return RC_INTERNAL;
	rc = undo_add(tx, k, true, old);
	if (rc != RC_OK)
		return rc;
	val->p = tx->undo->val.p;
	return note(tx, tx->repo->ops->del(tx->txn, key_view(k)));
}

void
key_range_end(const struct repo_key *k, struct repo_key *end)
{
	*end = *k;
	while (end->n > 0 && (unsigned char)end->b[end->n - 1] == 0xff)
		end->n--;
	/* A space byte is never 0xff, so something is left. */
	end->b[end->n - 1] = (char)((unsigned char)end->b[end->n - 1] + 1);
}

enum rc
rec_scan_between(struct rtx *tx, const struct repo_key *from, const struct repo_key *end, bool reverse,
                 size_t limit, store_visit *visit, void *arg)
{
	return note(tx, tx->repo->ops->scan(tx->txn, key_view(from), key_view(end), reverse, limit,
	                                    visit, arg));
}

enum rc
rec_scan(struct rtx *tx, const struct repo_key *prefix, bool reverse, size_t limit, store_visit *visit,
         void *arg)
{
	struct repo_key end;

	key_range_end(prefix, &end);
	return rec_scan_between(tx, prefix, &end, reverse, limit, visit, arg);
}

static struct rtx *
rtx_new(struct repo *repo)
{
	struct rtx *tx = calloc(1, sizeof(*tx));

	if (tx == NULL)
		return NULL;
	tx->repo = repo;
	buf_init(&tx->scratch, RECORD_MAX);
	return tx;
}

static void
rtx_free(struct rtx *tx)
{
	if (tx == NULL)
		return;
	buf_fini(&tx->scratch);
	arena_free(tx->undo_arena);
	free(tx);
}

static struct rtx *
reader_take(struct repo *repo)
{
	struct rtx *tx;

	pthread_mutex_lock(&repo->readers_lock);
	tx = repo->free_readers;
	if (tx != NULL)
		repo->free_readers = tx->next_free;
	pthread_mutex_unlock(&repo->readers_lock);
	return tx != NULL ? tx : rtx_new(repo);
}

static void
reader_give(struct rtx *tx)
{
	struct repo *repo = tx->repo;

	pthread_mutex_lock(&repo->readers_lock);
	tx->next_free = repo->free_readers;
	repo->free_readers = tx;
	pthread_mutex_unlock(&repo->readers_lock);
}

enum rc
repo_begin_read(struct repo *repo, struct arena *a, struct rtx **out)
{
	struct rtx *tx = reader_take(repo);
	enum rc rc;

	if (tx == NULL)
		return RC_UNAVAILABLE;
	tx->arena = a;
	tx->now = clock_now(repo->clock);
	tx->failure = RC_OK;
	rc = repo->ops->begin(repo->store, false, &tx->txn);
	if (rc != RC_OK) {
		reader_give(tx);
		return rc;
	}
	*out = tx;
	return RC_OK;
}

void
repo_end_read(struct rtx *tx)
{
	tx->repo->ops->abort(tx->txn);
	reader_give(tx);
}

enum rc
repo_begin_write(struct repo *repo, struct rtx **out)
{
	struct rtx *tx = repo->writer;
	enum rc rc;

	if (tx == NULL) {
		tx = rtx_new(repo);
		if (tx == NULL || (tx->undo_arena = arena_new(UNDO_MAX)) == NULL) {
			rtx_free(tx);
			return RC_UNAVAILABLE;
		}
		tx->writable = true;
		repo->writer = tx;
	}
	tx->failure = RC_OK;
	tx->kept = false;
	tx->nodes_changed = false;
	tx->arena = NULL;
	rc = repo->ops->begin(repo->store, true, &tx->txn);
	if (rc == RC_OK)
		*out = tx;
	return rc;
}

void
repo_request(struct rtx *tx, struct arena *a)
{
	tx->arena = a;
	tx->now = clock_now(tx->repo->clock);
	tx->kept = tx->kept || tx->undo != NULL;
	tx->undo = NULL;
	tx->first_free_id = tx->repo->next_id;
	arena_reset(tx->undo_arena);
}

static enum rc
undo_apply(struct rtx *tx, const struct undo *u)
{
	enum rc rc = u->existed ? tx->repo->ops->put(tx->txn, u->key, u->val)
	                        : tx->repo->ops->del(tx->txn, u->key);

	/* A put that failed half-way left nothing to delete. */
	return note(tx, rc == RC_NOT_FOUND ? RC_OK : rc);
}

enum rc
repo_rollback(struct rtx *tx)
{
	for (struct undo *u = tx->undo; u != NULL && tx->failure == RC_OK; u = u->next)
		undo_apply(tx, u);
	if (tx->undo != NULL)
		seq_rollback(tx->repo);
	tx->undo = NULL;
	tx->repo->next_id = tx->first_free_id;
	return tx->failure;
}

static void
writer_rest(struct rtx *tx)
{
	arena_reset(tx->undo_arena);
	tx->undo = NULL;
	if (tx->scratch.cap > SCRATCH_KEPT)
		buf_fini(&tx->scratch);
}

/* After a lost transaction the committed state is the truth again. */
static void
reload(struct repo *repo)
{
	struct arena *a = arena_new(4096);
	struct rtx *tx;

	seq_forget_all(repo);
	if (a != NULL && repo_begin_read(repo, a, &tx) == RC_OK) {
		(void)next_id_load(repo, tx);
		repo_end_read(tx);
	}
	arena_free(a);
}

enum rc
repo_commit(struct rtx *tx)
{
	struct repo *repo = tx->repo;
	enum rc rc = tx->failure;

	/* Whoever sees the new state also sees that there is no generation to go by. */
	if (tx->nodes_changed)
		atomic_fetch_add(&repo->generation, 1);
	if (rc == RC_OK) {
		seq_announce(repo);
		rc = repo->ops->commit(tx->txn);
	} else {
		repo->ops->abort(tx->txn);
	}
	writer_rest(tx);
	if (tx->nodes_changed)
		atomic_fetch_add(&repo->generation, 1);
	if (rc == RC_OK)
		seq_publish(repo);
	else
		reload(repo);
	return rc;
}

void
repo_abort(struct rtx *tx)
{
	bool clean = tx->failure == RC_OK && tx->undo == NULL && !tx->kept;

	tx->repo->ops->abort(tx->txn);
	writer_rest(tx);
	/* When every request was taken back, the cache still shows what is committed. */
	if (clean)
		seq_publish(tx->repo);
	else
		reload(tx->repo);
}

enum rc
repo_failure(const struct rtx *tx)
{
	return tx->failure;
}

uint64_t
repo_generation(const struct repo *repo)
{
	uint64_t g = atomic_load_explicit(&repo->generation, memory_order_acquire);

	return g % 2 == 0 ? g : 0;
}

bool
repo_nodes_unchanged(const struct rtx *tx)
{
	return !tx->nodes_changed;
}

void
repo_watch(struct repo *repo, repo_touched *touched, void *arg)
{
	repo->touched = touched;
	repo->touched_arg = arg;
}

struct arena *
repo_arena(struct rtx *tx)
{
	return tx->arena;
}

struct arena *
repo_set_arena(struct rtx *tx, struct arena *a)
{
	struct arena *before = tx->arena;

	tx->arena = a;
	return before;
}

int64_t
repo_now(const struct rtx *tx)
{
	return tx->now;
}

enum rc
meta_get(struct rtx *tx, const char *name, uint64_t *v)
{
	struct repo_key k;
	struct slice val;
	struct reader r;
	enum rc rc;

	key_init(&k, SPACE_META);
	key_text(&k, slice_of(name));
	rc = rec_get(tx, &k, &val);
	if (rc != RC_OK)
		return rc;
	r = (struct reader){ val, true };
	*v = read_be(&r, 8);
	return r.ok ? RC_OK : RC_INTERNAL;
}

enum rc
meta_put(struct rtx *tx, const char *name, uint64_t v)
{
	struct repo_key k;

	key_init(&k, SPACE_META);
	key_text(&k, slice_of(name));
	buf_be(rec_begin(tx), v, 8);
	return rec_put(tx, &k);
}

enum rc
next_id_load(struct repo *repo, struct rtx *tx)
{
	uint64_t id;
	enum rc rc = meta_get(tx, "next_id", &id);

	if (rc == RC_OK)
		repo->next_id = id;
	return rc;
}

enum rc
id_take(struct rtx *tx, uint64_t *id)
{
	*id = tx->repo->next_id++;
	return meta_put(tx, "next_id", tx->repo->next_id);
}

static unsigned
power_of_two(unsigned n)
{
	unsigned p = 16;

	while (p < n && p < (1u << 20))
		p *= 2;
	return p;
}

static struct repo *
repo_alloc(const struct repo_conf *conf)
{
	struct repo *repo = calloc(1, sizeof(*repo));

	if (repo == NULL)
		return NULL;
	repo->ops = conf->ops;
	repo->clock = conf->clock;
	repo->next_id = ID_SCL_BASE + 1;
	atomic_store(&repo->generation, 2);
	repo->cache_max = conf->cached_sequences < 16 ? 16 : conf->cached_sequences;
	repo->nbuckets = repo->nhints = power_of_two(repo->cache_max);
	repo->buckets = calloc(repo->nbuckets, sizeof(struct cached_seq *));
	repo->hints = calloc(repo->nhints, sizeof(*repo->hints));
	pthread_mutex_init(&repo->readers_lock, NULL);
	if (repo->buckets == NULL || repo->hints == NULL) {
		repo_close(repo);
		return NULL;
	}
	return repo;
}

enum rc
repo_open(const struct repo_conf *conf, struct repo **out, char why[256])
{
	struct repo *repo = repo_alloc(conf);
	enum rc rc;

	if (repo == NULL) {
		snprintf(why, 256, "out of memory");
		return RC_UNAVAILABLE;
	}
	rc = conf->ops->open(&conf->store, &repo->store, why);
	if (rc == RC_OK)
		rc = format_check(repo, conf->store.read_only, why);
	if (rc != RC_OK) {
		repo_close(repo);
		return rc;
	}
	*out = repo;
	return RC_OK;
}

void
repo_close(struct repo *repo)
{
	if (repo == NULL)
		return;
	seq_forget_all(repo);
	rtx_free(repo->writer);
	while (repo->free_readers != NULL) {
		struct rtx *tx = repo->free_readers;

		repo->free_readers = tx->next_free;
		rtx_free(tx);
	}
	if (repo->store != NULL)
		repo->ops->close(repo->store);
	pthread_mutex_destroy(&repo->readers_lock);
	free(repo->buckets);
	free(repo->hints);
	free(repo);
}

bool
repo_is_fresh(struct repo *repo)
{
	return repo->fresh;
}

enum rc
repo_backup(struct repo *repo, const char *to, char why[256])
{
	return repo->ops->backup(repo->store, to, why);
}

void
repo_stat(struct repo *repo, struct store_stat *out)
{
	repo->ops->stat(repo->store, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "repo_bed.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define ARENA_MAX (64u << 20)

/* What the engine's functions of the bed need; one bed is open at a time. */
static struct {
	const struct store_ops *engine;
	struct store *kept;
	long puts_left;
	void (*on_commit)(void *arg);
	void *arg;
	bool fail_commit;
} under;

static enum rc
bed_engine_open(const struct store_conf *conf, struct store **st, char why[256])
{
	if (under.kept == NULL || under.engine != &store_memory)
		return under.engine->open(conf, st, why);
	*st = under.kept;
	return RC_OK;
}

static void
bed_engine_close(struct store *st)
{
	if (under.engine == &store_memory)
		under.kept = st;
	else
		under.engine->close(st);
}

static enum rc
bed_engine_put(struct txn *txn, struct slice key, struct slice val)
{
	if (under.puts_left == 0)
		return RC_UNAVAILABLE;
	if (under.puts_left > 0)
		under.puts_left--;
	return under.engine->put(txn, key, val);
}

void
bed_fail_after(long puts)
{
	under.puts_left = puts;
}

static enum rc
bed_engine_commit(struct txn *txn)
{
	enum rc rc = RC_UNAVAILABLE;

	if (under.on_commit != NULL)
		under.on_commit(under.arg);
	if (under.fail_commit)
		under.engine->abort(txn);
	else
		rc = under.engine->commit(txn);
	under.fail_commit = false;
	if (under.on_commit != NULL)
		under.on_commit(under.arg);
	return rc;
}

void
bed_on_commit(void (*called)(void *arg), void *arg)
{
	under.on_commit = called;
	under.arg = arg;
}

void
bed_fail_commit(void)
{
	under.fail_commit = true;
}

static int64_t
bed_now(const struct clock *c)
{
	return atomic_load(&((const struct bed_clock *)(const void *)c)->now);
}

void
bed_prepare(struct bed *b, int engine, unsigned cached)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct bed){ 0 };
	under.engine = engine == BED_MEMORY ? &store_memory : &store_lmdb;
	under.kept = NULL;
	under.puts_left = -1;
	under.on_commit = NULL;
	under.fail_commit = false;
	snprintf(b->dir, sizeof(b->dir), "%s/test-repo-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	b->ops = *under.engine;
	b->ops.open = bed_engine_open;
	b->ops.close = bed_engine_close;
	b->ops.put = bed_engine_put;
	b->ops.commit = bed_engine_commit;
	b->clock.clock.now = bed_now;
	atomic_init(&b->clock.now, INT64_C(1700000000) * CLOCK_SECOND);
	b->conf = (struct repo_conf){ .ops = &b->ops, .cached_sequences = cached,
		                      .arena_max = ARENA_MAX, .clock = &b->clock.clock };
	b->conf.store.path = engine == BED_MEMORY ? NULL : b->dir;
	b->conf.store.max_bytes = UINT64_C(256) << 20;
	b->arena = arena_new(ARENA_MAX);
	ck_assert_ptr_nonnull(b->arena);
}

void
bed_open(struct bed *b)
{
	char why[256] = "";
	enum rc rc = repo_open(&b->conf, &b->repo, why);

	ck_assert_msg(rc == RC_OK, "open: %s: %s", status_of(rc)->text, why);
}

void
bed_init(struct bed *b, int engine, unsigned cached)
{
	bed_prepare(b, engine, cached);
	bed_open(b);
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
bed_fini(struct bed *b)
{
	repo_close(b->repo);
	if (under.kept != NULL)
		under.engine->close(under.kept);
	under.kept = NULL;
	arena_free(b->arena);
	ck_assert_int_eq(nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
bed_reopen(struct bed *b)
{
	repo_close(b->repo);
	b->repo = NULL;
	bed_open(b);
}

void
bed_write(struct bed *b)
{
	ck_assert_int_eq(repo_begin_write(b->repo, &b->tx), RC_OK);
	bed_request(b);
}

void
bed_request(struct bed *b)
{
	arena_reset(b->arena);
	repo_request(b->tx, b->arena);
}

void
bed_commit(struct bed *b)
{
	ck_assert_int_eq(repo_commit(b->tx), RC_OK);
	b->tx = NULL;
}

void
bed_read(struct bed *b)
{
	arena_reset(b->arena);
	ck_assert_int_eq(repo_begin_read(b->repo, b->arena, &b->tx), RC_OK);
}

void
bed_end(struct bed *b)
{
	repo_end_read(b->tx);
	b->tx = NULL;
}

struct res *
bed_res(struct bed *b, unsigned type, uint64_t parent, slot_t slot, const char *name)
{
	struct res *r = ARENA_NEW(b->arena, struct res);

	ck_assert_ptr_nonnull(r);
	r->type = rtype_get(type);
	r->parent = parent;
	r->slot = slot;
	r->name = arena_copy(b->arena, slice_of(name));
	r->created = r->modified = repo_now(b->tx);
	r->expires = CLOCK_NEVER;
	return r;
}

void
bed_label(struct bed *b, struct res *r, const char *label)
{
	struct val *list = val_find(r->vals, A_SEARCH_STRINGS);
	struct val *v;

	if (list == NULL)
		list = val_add(b->arena, &r->vals, A_SEARCH_STRINGS);
	v = val_add(b->arena, &list->first, A_SEARCH_STRING);
	v->text = arena_copy(b->arena, slice_of(label));
}

struct res *
bed_insert(struct bed *b, unsigned type, uint64_t parent, slot_t slot, const char *name)
{
	struct res *r = bed_res(b, type, parent, slot, name);

	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	return r;
}

void
bed_root(struct bed *b)
{
	struct res *r;

	bed_write(b);
	r = bed_res(b, T_SCL_BASE, ID_NONE, SLOT_SELF, "m2m");
	r->id = ID_SCL_BASE;
	ck_assert_int_eq(repo_insert(b->tx, r), RC_OK);
	bed_commit(b);
}

struct res *
bed_inst(struct bed *b, const char *name, const char *content)
{
	struct res *r = bed_res(b, T_CONTENT_INSTANCE, ID_NONE, T_CONTENT_INSTANCES,
	                        name == NULL ? "" : name);

	r->inst.content = arena_copy(b->arena, slice_of(content));
	r->inst.media_type = SLICE_LIT("text/plain");
	r->inst.is_text = true;
	return r;
}

struct res *
bed_append(struct bed *b, uint64_t container, const char *name, const char *content)
{
	struct res *r = bed_inst(b, name, content);

	ck_assert_int_eq(repo_inst_append(b->tx, container, r), RC_OK);
	return r;
}

static bool
dump_record(void *arg, struct slice key, struct slice val)
{
	struct buf *out = arg;

	buf_be(out, key.n, 4);
	buf_slice(out, key);
	buf_be(out, val.n, 4);
	buf_slice(out, val);
	return true;
}

struct buf
bed_dump(struct bed *b)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	ck_assert_int_eq(b->ops.scan(b->tx->txn, SLICE_LIT("A"), SLICE_LIT("z"), false, 0, dump_record,
	                             &out),
	                 RC_OK);
	ck_assert(!out.failed);
	return out;
}

void
bed_same(const struct buf *a, const struct buf *b)
{
	ck_assert_msg(slice_eq(buf_view(a), buf_view(b)), "the map differs: %zu and %zu bytes", a->n,
	              b->n);
}

struct findings {
	const char *text;
	bool seen;
	unsigned n;
};

static void
finding(void *arg, const char *text)
{
	struct findings *f = arg;

	f->n++;
	if (f->text == NULL)
		printf("finding: %s\n", text);
	else if (strstr(text, f->text) != NULL)
		f->seen = true;
}

unsigned
bed_check(struct bed *b, const char *text, bool *seen)
{
	struct findings f = { .text = text };
	enum rc rc = repo_check(b->repo, finding, &f);

	ck_assert_int_eq(rc, f.n == 0 ? RC_OK : RC_INTERNAL);
	if (seen != NULL)
		*seen = f.seen;
	return f.n;
}

void
bed_clean(struct bed *b)
{
	ck_assert_uint_eq(bed_check(b, NULL, NULL), 0);
}

void
bed_poke(struct bed *b, struct slice key, struct slice val, bool right)
{
	uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)val.p, val.n);
	struct txn *txn;
	struct buf rec;

	buf_init(&rec, SIZE_MAX);
	buf_slice(&rec, val);
	buf_be(&rec, right ? crc : crc + 1, 4);
	ck_assert_int_eq(b->ops.begin(b->repo->store, true, &txn), RC_OK);
	ck_assert_int_eq(under.engine->put(txn, key, buf_view(&rec)), RC_OK);
	ck_assert_int_eq(b->ops.commit(txn), RC_OK);
	buf_fini(&rec);
}

void
bed_cut(struct bed *b, struct slice key)
{
	struct txn *txn;

	ck_assert_int_eq(b->ops.begin(b->repo->store, true, &txn), RC_OK);
	ck_assert_int_eq(b->ops.del(txn, key), RC_OK);
	ck_assert_int_eq(b->ops.commit(txn), RC_OK);
}

void
dice_init(struct dice *d, const char *what)
{
	const char *seed = getenv("TEST_SEED");

	d->state = seed != NULL ? strtoull(seed, NULL, 0)
	                        : (uint64_t)clock_now(&clock_system) ^ (uint64_t)getpid() << 32;
	printf("%s: TEST_SEED=%llu\n", what, (unsigned long long)d->state);
	fflush(stdout);
}

unsigned
dice(struct dice *d, unsigned n)
{
	uint64_t z;

	/* splitmix64 */
	d->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (d->state ^ d->state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ z >> 31) % n);
}

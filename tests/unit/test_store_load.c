/* SPDX-License-Identifier: Apache-2.0 */
/* Many changes against a model, many readers against a writer. */
#include "config.h"

#include "store_bed.h"

#include <pthread.h>
#include <stdatomic.h>

/* The model: a sorted array, and its copy at the last commit. */
#define MODEL_KEYS 600
#define MODEL_OPS 40000

struct model {
	unsigned val[MODEL_KEYS]; /* 0 = no record */
};

struct gen {
	uint64_t s;
};

static unsigned
draw(struct gen *g, unsigned below)
{
	g->s ^= g->s << 13;
	g->s ^= g->s >> 7;
	g->s ^= g->s << 17;
	return (unsigned)((g->s >> 11) % below);
}

/* Keys of different lengths, in the order of their numbers. */
static struct slice
model_key(unsigned i, char buf[32])
{
	return slice_make(
		buf, (size_t)snprintf(buf, 32, "k%04u%.*s", i, (int)(i % 13), "abcdefghijklm"));
}

/* Values of 8 to about 2000 bytes, each made from its number. */
static struct slice
model_val(unsigned v, char buf[2100])
{
	size_t n = 8 + v % 17 * (v % 11) * (v % 13);

	memset(buf, (int)(v % 251), n);
	snprintf(buf, 9, "%08u", v % 100000000);
	return slice_make(buf, n);
}

struct compare {
	const struct model *m;
	unsigned next, end; /* the first may be end - 1 when reverse */
	bool reverse;
	size_t seen;
};

static bool
compare_record(void *arg, struct slice key, struct slice val)
{
	struct compare *c = arg;
	char kbuf[32], vbuf[2100];

	while (c->next != c->end && c->m->val[c->next] == 0)
		c->next += c->reverse ? -1u : 1u;
	ck_assert_uint_ne(c->next, c->end);
	ck_assert(slice_eq(key, model_key(c->next, kbuf)));
	ck_assert(slice_eq(val, model_val(c->m->val[c->next], vbuf)));
	c->next += c->reverse ? -1u : 1u;
	c->seen++;
	return true;
}

static void
compare_range(struct bed *b, struct txn *t, const struct model *m, unsigned lo, unsigned hi,
              bool reverse, size_t limit)
{
	char from[32], to[32];
	struct compare c = { .m = m, .next = lo, .end = hi, .reverse = reverse };
	size_t want = 0;

	if (reverse) {
		c.next = hi - 1;
		c.end = lo - 1;
	}
	for (unsigned i = lo; i < hi; i++)
		want += m->val[i] != 0;
	if (limit != 0 && want > limit)
		want = limit;
	ck_assert_int_eq(b->ops->scan(t, model_key(lo, from), model_key(hi, to), reverse, limit,
	                              compare_record, &c),
	                 RC_OK);
	ck_assert_uint_eq(c.seen, want);
}

static void
model_read(struct bed *b, struct txn *t, const struct model *m, struct gen *g)
{
	unsigned lo = draw(g, MODEL_KEYS), hi = lo + draw(g, MODEL_KEYS - lo) / (1 + draw(g, 20));
	char kbuf[32], vbuf[2100];
	struct slice got;
	enum rc rc = b->ops->get(t, model_key(lo, kbuf), &got);

	ck_assert_int_eq(rc, m->val[lo] == 0 ? RC_NOT_FOUND : RC_OK);
	if (rc == RC_OK)
		ck_assert(slice_eq(got, model_val(m->val[lo], vbuf)));
	compare_range(b, t, m, lo, hi, draw(g, 2), draw(g, 3) == 0 ? 0 : 1 + draw(g, 5));
}

static void
model_write(struct bed *b, struct txn *t, struct model *m, struct gen *g)
{
	unsigned i = draw(g, MODEL_KEYS);
	char kbuf[32], vbuf[2100];
	struct slice key = model_key(i, kbuf);

	if (draw(g, 5) < 3) {
		m->val[i] = 1 + draw(g, 1000000);
		ck_assert_int_eq(b->ops->put(t, key, model_val(m->val[i], vbuf)), RC_OK);
		return;
	}
	ck_assert_int_eq(b->ops->del(t, key), m->val[i] == 0 ? RC_NOT_FOUND : RC_OK);
	m->val[i] = 0;
}

START_TEST(test_model)
{
	static struct model committed, own;
	struct gen g = { .s = UINT64_C(0x5eed0c1f00d) };
	struct bed b;
	unsigned ops = 0;

	printf("test_model: seed %#llx\n", (unsigned long long)g.s);
	memset(&committed, 0, sizeof(committed));
	bed_init(&b, _i);
	bed_open(&b);
	while (ops < MODEL_OPS) {
		struct txn *r = begin(&b, false), *w = begin(&b, true);
		struct model old = committed;
		unsigned n = 1 + draw(&g, 300);

		own = committed;
		for (unsigned i = 0; i < n; i++, ops++) {
			model_write(&b, w, &own, &g);
			if (draw(&g, 8) == 0)
				model_read(&b, w, &own, &g);
			if (draw(&g, 16) == 0)
				model_read(&b, r, &old, &g);
		}
		if (draw(&g, 4) == 0) {
			b.ops->abort(w);
		} else {
			ck_assert_int_eq(b.ops->commit(w), RC_OK);
			committed = own;
		}
		compare_range(&b, r, &old, 0, MODEL_KEYS, false, 0);
		b.ops->abort(r);
		if (on_disk(&b) && draw(&g, 40) == 0) {
			b.ops->close(b.st);
			bed_open(&b);
		}
	}
	expect_sound(&b);
	bed_fini(&b);
}
END_TEST

/*
 * The writer keeps the sum of all values at zero in each commit; a reader that sees another sum,
 * or a version number that goes back, saw no snapshot.
 */
#define ACCOUNTS 64
#define READERS 6
#define VERSIONS 400

struct bank {
	struct bed *bed;
	atomic_bool done;
	atomic_uint reads;
};

static bool
add_account(void *arg, struct slice key, struct slice val)
{
	int64_t *sum = arg, v;

	(void)key;
	ck_assert_uint_eq(val.n, sizeof(v));
	memcpy(&v, val.p, sizeof(v));
	*sum += v;
	return true;
}

static void *
read_bank(void *arg)
{
	struct bank *bank = arg;
	struct bed *b = bank->bed;
	uint64_t last = 0;

	while (!atomic_load(&bank->done)) {
		struct txn *t = begin(b, false);
		struct slice v;
		uint64_t version;
		int64_t sum = 0;

		ck_assert_int_eq(b->ops->get(t, slice_of("version"), &v), RC_OK);
		memcpy(&version, v.p, sizeof(version));
		ck_assert_uint_ge(version, last);
		last = version;
		ck_assert_int_eq(b->ops->scan(t, slice_of("a"), slice_of("b"), last % 2, 0,
		                              add_account, &sum),
		                 RC_OK);
		ck_assert_int_eq(sum, 0);
		b->ops->abort(t);
		atomic_fetch_add(&bank->reads, 1);
	}
	return NULL;
}

static void
put_number(struct bed *b, struct txn *t, const char *key, int64_t v)
{
	ck_assert_int_eq(b->ops->put(t, slice_of(key), slice_make(&v, sizeof(v))), RC_OK);
}

static void
write_bank(struct bed *b, int64_t version)
{
	struct txn *t = begin(b, true);

	for (int i = 0; i < ACCOUNTS; i++) {
		char key[16];

		snprintf(key, sizeof(key), "a%03d", i);
		put_number(b, t, key, i % 2 == 0 ? version : -version);
	}
	put_number(b, t, "version", version);
	ck_assert_int_eq(b->ops->commit(t), RC_OK);
}

START_TEST(test_threads)
{
	struct bed b;
	struct bank bank = { .bed = &b };
	pthread_t threads[READERS];

	bed_init(&b, _i);
	bed_open(&b);
	write_bank(&b, 0);
	for (size_t i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_bank, &bank), 0);
	for (int64_t version = 1; version <= VERSIONS || atomic_load(&bank.reads) < VERSIONS;
	     version++)
		write_bank(&b, version);
	atomic_store(&bank.done, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	bed_fini(&b);
}
END_TEST

/* Two threads that both write take turns. */
static void *
count_up(void *arg)
{
	struct bed *b = arg;

	for (int i = 0; i < 100; i++) {
		struct txn *t = begin(b, true);
		struct slice v;
		int64_t n = 0;

		if (b->ops->get(t, slice_of("n"), &v) == RC_OK)
			memcpy(&n, v.p, sizeof(n));
		put_number(b, t, "n", n + 1);
		ck_assert_int_eq(b->ops->commit(t), RC_OK);
	}
	return NULL;
}

START_TEST(test_writers)
{
	struct bed b;
	pthread_t threads[2];
	struct slice v;
	struct txn *t;
	int64_t n;

	bed_init(&b, _i);
	bed_open(&b);
	for (size_t i = 0; i < NITEMS(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, &b), 0);
	for (size_t i = 0; i < NITEMS(threads); i++)
		pthread_join(threads[i], NULL);
	t = begin(&b, false);
	ck_assert_int_eq(b.ops->get(t, slice_of("n"), &v), RC_OK);
	memcpy(&n, v.p, sizeof(n));
	ck_assert_int_eq(n, 200);
	b.ops->abort(t);
	bed_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_model,
		test_threads,
		test_writers,
	};

	return bed_run("store load", tests, NITEMS(tests));
}

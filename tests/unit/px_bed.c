/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "px_bed.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/pxy/px_impl.h"

/* ---- life ---- */

static int64_t
bed_now(const struct clock *c)
{
	return atomic_load(&((const struct px_clock *)(const void *)c)->now);
}

static void
told(void *arg, enum px_told what, uint64_t id)
{
	struct px_bed *b = arg;

	pthread_mutex_lock(&b->lock);
	b->told[b->n_told++ % PX_TOLD_KEPT] = (struct px_hint){ what, id };
	pthread_cond_broadcast(&b->turn);
	pthread_mutex_unlock(&b->lock);
}

void
px_bed_make(struct px_bed *b, int engine)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct px_bed){ .clock.clock.now = bed_now,
		              .lock = PTHREAD_MUTEX_INITIALIZER,
		              .turn = PTHREAD_COND_INITIALIZER };
	atomic_store(&b->clock.now, PX_START);
	memset(b->kek.v, 0x5a, sizeof(b->kek.v));
	snprintf(b->base, sizeof(b->base), "%s/test-px-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(b->base));
	snprintf(b->dir, sizeof(b->dir), "%s/proxy", b->base);
	b->conf = (struct px_conf){ .dir = engine == PX_LMDB ? b->dir : NULL,
		                    .engine = &store_lmdb,
		                    .kek = &b->kek,
		                    .limits = { .capacity = 1000000,
		                                .message_max = 65536,
		                                .ttl_max = 24 * PX_HOUR,
		                                .stores_max = 8,
		                                .stores_owner_max = 8,
		                                .streams_max = 4,
		                                .forwards_max = 8,
		                                .store_forwards_max = 4,
		                                .sinks_max = 3,
		                                .keys_max = 200 },
		                    .clock = &b->clock.clock,
		                    .told = told,
		                    .arg = b };
}

void
px_bed_open(struct px_bed *b)
{
	char why[256];
	enum rc rc = px_book_open(&b->conf, &b->book, why);

	ck_assert_msg(rc == RC_OK, "open: %s", why);
}

void
px_bed_close(struct px_bed *b)
{
	px_book_close(b->book);
	b->book = NULL;
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
px_bed_free(struct px_bed *b)
{
	px_bed_settle(b);
	px_bed_check(b);
	px_bed_close(b);
	ck_assert_int_eq(nftw(b->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
px_bed_start(struct px_bed *b, int engine)
{
	px_bed_make(b, engine);
	px_bed_open(b);
}

void
px_bed_pass(struct px_bed *b, int64_t us)
{
	atomic_fetch_add(&b->clock.now, us);
	tables_work_wake(b->book->work);
}

/* ---- what is stored ---- */

struct tally {
	uint64_t keys[256]; /* by table */
	uint64_t octets; /* of all messages */
	uint64_t of_sinks, sinks; /* keys of all sinks; sinks of all forwards */
	struct px_view *v;
	uint64_t store, next, store_octets;
};

static bool
tally_key(void *arg, struct slice key, struct slice val)
{
	struct tally *t = arg;

	(void)val;
	t->keys[(unsigned char)key.p[0]]++;
	return true;
}

static bool
tally_message(void *arg, const struct px_message *m)
{
	struct tally *t = arg;

	ck_assert_uint_eq(m->number, t->next);
	t->next++;
	t->store_octets += m->octets.n;
	return true;
}

/* Those that are over are not shown. */
static bool
tally_store(void *arg, struct slice key, struct slice val)
{
	struct tally *t = arg;
	struct px_store s;
	enum rc rc = px_store_get(t->v, table_key_read(key, 1, 8), &s);

	(void)val;
	ck_assert(rc == RC_OK || rc == RC_NOT_FOUND);
	if (rc != RC_OK)
		return true;
	t->next = s.first;
	t->store_octets = 0;
	ck_assert_int_eq(px_message_list(t->v, s.id, 0, 0, UINT64_MAX, tally_message, t), RC_OK);
	ck_assert_uint_eq(t->next, s.last + 1);
	ck_assert_uint_eq(t->store_octets, s.octets);
	ck_assert_uint_le(s.octets, s.reserve);
	t->octets += s.octets;
	t->store++;
	return true;
}

static bool
tally_sink(void *arg, const struct px_sink *s)
{
	struct tally *t = arg;

	t->of_sinks += s->n_keys;
	return true;
}

static bool
tally_forward(void *arg, const struct px_forward *f)
{
	struct tally *t = arg;

	t->sinks += f->n_sinks;
	ck_assert_int_eq(px_sink_list(t->v, f->id, tally_sink, t), RC_OK);
	return true;
}

static void
tally_keys(struct tally *t)
{
	for (char table = 'A'; table <= 'z'; table++)
		ck_assert_int_eq(
			tables_scan(t->v->tx, slice_make(&table, 1), SLICE_NONE, 0, tally_key, t),
			RC_OK);
}

void
px_bed_check(struct px_bed *b)
{
	struct tally t = { .v = px_bed_view(b) };
	const char stores = PX_T_STORE;
	struct px_totals totals;

	tally_keys(&t);
	ck_assert_int_eq(
		tables_scan(t.v->tx, slice_make(&stores, 1), SLICE_NONE, 0, tally_store, &t),
		RC_OK);
	ck_assert_int_eq(px_forward_list(t.v, 0, 0, 0, tally_forward, &t), RC_OK);
	ck_assert_int_eq(px_totals_get(t.v, &totals), RC_OK);
	ck_assert_uint_le(totals.reserved, b->conf.limits.capacity);
	ck_assert_uint_eq(totals.stores, t.keys[PX_T_STORE]);
	ck_assert_uint_eq(totals.forwards, t.keys[PX_T_FORWARD]);
	if (t.keys[PX_T_GONE] == 0 && t.store == totals.stores) {
		ck_assert_uint_eq(totals.octets, t.octets);
		ck_assert_uint_eq(t.keys[PX_T_NAMES], totals.stores);
		ck_assert_uint_eq(t.keys[PX_T_COUNT], totals.stores);
		ck_assert_uint_eq(t.keys[PX_T_DUE], totals.stores);
		ck_assert_uint_eq(t.keys[PX_T_FORWARD_OF], totals.forwards);
		ck_assert_uint_eq(t.keys[PX_T_SINK], t.sinks);
		ck_assert_uint_eq(t.keys[PX_T_URL], t.sinks);
		ck_assert_uint_eq(t.keys[PX_T_KEY], t.of_sinks);
		ck_assert_uint_le(t.keys[PX_T_SECTION], t.keys[PX_T_MESSAGE]);
		ck_assert_uint_le(t.keys[PX_T_DIGESTS], totals.stores);
		ck_assert_uint_le(t.keys[PX_T_STORE_UDP], totals.stores);
		ck_assert_uint_eq(t.keys[PX_T_SOURCE], t.keys[PX_T_SOURCE_OF]);
		ck_assert_uint_le(t.keys[PX_T_SOURCE], totals.stores);
		ck_assert_uint_le(t.keys[PX_T_OWNER], totals.stores);
		ck_assert_uint_eq(t.keys[PX_T_REQUEST], t.keys[PX_T_REQUEST_OF]);
		ck_assert_uint_le(t.keys[PX_T_REQUEST], totals.stores + totals.forwards);
		ck_assert_uint_le(t.keys[PX_T_CONTROL], totals.forwards);
		ck_assert_uint_le(t.keys[PX_T_BOUNDS], t.sinks);
		ck_assert_uint_le(t.keys[PX_T_SINK_UDP], t.sinks);
		ck_assert(t.keys[PX_T_MARK] == 0 || totals.stores > 0);
	}
	px_view_close(t.v);
}

static bool
is_busy(struct px_bed *b)
{
	struct tally t = { .v = px_bed_view(b) };

	tally_keys(&t);
	px_view_close(t.v);
	return t.keys[PX_T_GONE] + t.keys[PX_T_RELEASED] > 0;
}

void
px_bed_settle(struct px_bed *b)
{
	while (is_busy(b))
		usleep(1000);
}

void
px_bed_told(struct px_bed *b, enum px_told what, uint64_t id)
{
	pthread_mutex_lock(&b->lock);
	for (bool found = false; !found;) {
		for (size_t i = 0; i < PX_TOLD_KEPT && !found; i++) {
			found = b->told[i].what == what && b->told[i].id == id;
			if (found)
				b->told[i] = (struct px_hint){ 0 };
		}
		if (!found)
			pthread_cond_wait(&b->turn, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
}

/* ---- operations ---- */

struct waiting {
	struct px_bed *b;
	bool done;
};

static void
op_done(struct px_op *op)
{
	struct waiting *w = op->owner;

	pthread_mutex_lock(&w->b->lock);
	w->done = true;
	pthread_cond_broadcast(&w->b->turn);
	pthread_mutex_unlock(&w->b->lock);
}

/* Hands op in with submit and waits. */
#define DO(b, submit, what)                                                                        \
	do {                                                                                       \
		struct waiting w = { .b = (b) };                                                   \
		(what)->op.done = op_done;                                                         \
		(what)->op.owner = &w;                                                             \
		submit((b)->book, (what));                                                         \
		pthread_mutex_lock(&(b)->lock);                                                    \
		while (!w.done)                                                                    \
			pthread_cond_wait(&(b)->turn, &(b)->lock);                                 \
		pthread_mutex_unlock(&(b)->lock);                                                  \
	} while (0)

enum rc
px_bed_make_store(struct px_bed *b, struct px_store_new *n)
{
	DO(b, px_store_make, n);
	return n->op.rc;
}

uint64_t
px_bed_store(struct px_bed *b, uint64_t reserve)
{
	struct px_store_new n = { .owner = SLICE_LIT("owner"),
		                  .reserve = reserve,
		                  .ttl = PX_HOUR,
		                  .mode = PX_INDIVIDUAL,
		                  .class = PX_ADAPTIVE,
		                  .transport = PX_REST };

	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	return n.id;
}

enum rc
px_bed_change(struct px_bed *b, uint64_t store, enum px_store_do what, uint64_t arg)
{
	struct px_store_change c = {
		.store = store, .what = what, .up_to = arg, .ttl = (int64_t)arg
	};

	DO(b, px_store_change, &c);
	return c.op.rc;
}

const struct px_source px_bed_source = { .name = "the first octet",
	                                 .url = { "http://gw.example/m2m", 21 } };

enum rc
px_bed_append(struct px_bed *b, struct px_append *a)
{
	if (a->source == NULL && a->n > 0)
		a->source = &px_bed_source;
	DO(b, px_messages_append, a);
	return a->op.rc;
}

enum rc
px_bed_put(struct px_bed *b, uint64_t store, size_t n, size_t octets)
{
	struct px_unit *units = calloc(n, sizeof(*units));
	char *text = malloc(octets);
	struct px_append a = { .store = store, .units = units, .n = n };

	ck_assert(units != NULL && text != NULL);
	memset(text, 'u', octets);
	for (size_t i = 0; i < n; i++) {
		uint64_t number = atomic_fetch_add(&b->numbers, 1);

		units[i] = (struct px_unit){ .octets = slice_make(text, octets),
			                     .mark.kind = PX_DATA };
		memcpy(units[i].digest, &number, sizeof(number));
	}
	(void)px_bed_append(b, &a);
	free(text);
	free(units);
	return a.op.rc;
}

enum rc
px_bed_make_forward(struct px_bed *b, struct px_forward_new *n)
{
	DO(b, px_forward_make, n);
	return n->op.rc;
}

enum rc
px_bed_control(struct px_bed *b, struct px_control *c)
{
	DO(b, px_forward_control, c);
	return c->op.rc;
}

enum rc
px_bed_remove(struct px_bed *b, uint64_t forward)
{
	struct px_forward_end e = { .forward = forward };

	DO(b, px_forward_remove, &e);
	return e.op.rc;
}

enum rc
px_bed_tell(struct px_bed *b, struct px_progress *p)
{
	DO(b, px_sink_progress, p);
	return p->op.rc;
}

enum rc
px_bed_progress(struct px_bed *b, uint64_t forward, uint32_t sink, uint64_t cursor)
{
	struct px_progress p = {
		.forward = forward, .sink = sink, .cursor = cursor, .sent = 1, .acknowledged = 1
	};

	return px_bed_tell(b, &p);
}

/* ---- reading ---- */

struct px_view *
px_bed_view(struct px_bed *b)
{
	struct px_view *v;

	ck_assert_int_eq(px_view_open(b->book, &v), RC_OK);
	return v;
}

struct px_store
px_bed_show(struct px_bed *b, uint64_t store)
{
	struct px_view *v = px_bed_view(b);
	struct px_store s;

	ck_assert_int_eq(px_store_get(v, store, &s), RC_OK);
	px_view_close(v);
	s.owner = SLICE_NONE;
	s.n_named = 0;
	return s;
}

struct px_totals
px_bed_totals(struct px_bed *b)
{
	struct px_view *v = px_bed_view(b);
	struct px_totals t;

	ck_assert_int_eq(px_totals_get(v, &t), RC_OK);
	px_view_close(v);
	return t;
}

enum rc
px_bed_sink(struct px_bed *b, uint64_t forward, uint32_t sink, struct px_sink *out)
{
	struct px_view *v = px_bed_view(b);
	enum rc rc = px_sink_get(v, forward, sink, out);

	px_view_close(v);
	if (rc == RC_OK)
		out->url = out->error = SLICE_NONE;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Forwards of the proxy: sinks, keys, progress, and what is removed because of it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cap/pxy/px_impl.h"
#include "px_bed.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

static struct px_bed bed;

static struct px_bed *
start(int engine)
{
	px_bed_start(&bed, engine);
	return &bed;
}

static struct px_sink_terms
sink(void)
{
	return (struct px_sink_terms){ .url = SLICE_LIT("https://nscl.example/inbox"),
		                       .batch = 10 };
}

static struct px_key
key_for(uint16_t stream, uint32_t epoch, uint8_t fill)
{
	struct px_key k = { .of = { .stream = stream, .epoch = epoch } };

	memset(k.pk_id, fill ^ 0xff, sizeof(k.pk_id));
	memset(k.rk, fill, sizeof(k.rk));
	return k;
}

/* One with that many plain sinks. */
static uint64_t
forward(struct px_bed *b, uint64_t store, uint64_t from, uint64_t to, size_t n)
{
	const struct px_sink_terms sinks[] = { sink(), sink(), sink() };
	struct px_forward_new f = {
		.store = store, .from = from, .to = to, .sinks = sinks, .n_sinks = n
	};

	ck_assert_int_eq(px_bed_make_forward(b, &f), RC_OK);
	return f.id;
}

static enum rc
show(struct px_bed *b, uint64_t id, struct px_forward *out)
{
	struct px_view *v = px_bed_view(b);
	enum rc rc = px_forward_get(v, id, out);

	px_view_close(v);
	return rc;
}

static enum rc
key_at(struct px_bed *b, uint64_t id, uint32_t number, uint16_t stream, uint32_t epoch,
       struct px_key *out)
{
	const struct px_key_of of = { .stream = stream, .epoch = epoch };
	struct px_view *v = px_bed_view(b);
	enum rc rc = px_key_get(v, id, number, &of, out);

	px_view_close(v);
	return rc;
}

static enum rc
set_state(struct px_bed *b, uint64_t id, enum px_state state)
{
	struct px_control c = { .forward = id, .state = state };

	return px_bed_control(b, &c);
}

/* ---- a new one ---- */

static bool
see_sink(void *arg, const struct px_sink *s)
{
	unsigned *n = arg;

	ck_assert_uint_eq(s->number, ++*n);
	ck_assert(slice_is(s->url, *n == 1 ? "coap://[::1]/in" : "https://nscl.example/inbox"));
	ck_assert(s->error.n == 0 && s->error_at == 0 && s->acknowledged_at == 0);
	return true;
}

START_TEST(test_new)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000);
	struct px_key keys[] = { key_for(1, 5, 0x11), key_for(1, 6, 0x22), key_for(1, 5, 0x33) };
	struct px_sink_terms sinks[] = { sink(), sink() };
	struct px_forward_new n = {
		.store = store, .from = 3, .to = 9, .sinks = sinks, .n_sinks = 2
	};
	struct px_forward f;
	struct px_view *v;
	struct px_sink s;
	unsigned seen = 0;

	sinks[0].url = SLICE_LIT("coap://[::1]/in");
	sinks[0].rate = 5000;
	sinks[0].compress = true;
	sinks[0].keys = keys;
	sinks[0].n_keys = NITEMS(keys);
	sinks[1].start = 5;
	sinks[1].until = 7;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	px_bed_told(b, PX_TOLD_FORWARD, n.id);
	ck_assert_int_eq(show(b, n.id, &f), RC_OK);
	ck_assert(f.store == store && f.version == 1 && f.state == PX_RUNNING && f.n_sinks == 2);
	ck_assert(f.from == 3 && f.to == 9 && f.created == PX_START);
	ck_assert_int_eq(px_bed_sink(b, n.id, 1, &s), RC_OK);
	ck_assert(s.rate == 5000 && s.compress && s.batch == 10 && s.cursor == 2 && s.until == 9);
	ck_assert_uint_eq(s.n_keys, 2);
	ck_assert_int_eq(px_bed_sink(b, n.id, 2, &s), RC_OK);
	ck_assert(s.rate == 0 && !s.compress && s.cursor == 4 && s.until == 7 && s.n_keys == 0);
	ck_assert_int_eq(px_bed_sink(b, n.id, 3, &s), RC_NOT_FOUND);
	v = px_bed_view(b);
	ck_assert_int_eq(px_sink_list(v, n.id, see_sink, &seen), RC_OK);
	px_view_close(v);
	ck_assert_uint_eq(seen, 2);
	ck_assert_uint_eq(px_bed_show(b, store).forwards, 1);
	px_bed_free(b);
}
END_TEST

START_TEST(test_refused)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000);
	static char url[PX_URL_MAX + 1];
	static struct px_key keys[201];
	struct px_sink_terms sinks[4] = { sink(), sink(), sink(), sink() };
	struct px_forward_new n = { .store = store + 1, .sinks = sinks, .n_sinks = 1 };

	memset(url, 'u', sizeof(url));
	for (size_t i = 0; i < NITEMS(keys); i++)
		keys[i] = key_for(1, (uint32_t)i, 1);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_NOT_FOUND);
	n.store = store;
	n.from = 5;
	n.to = 4;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	n.to = 0;
	n.n_sinks = 4;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_TOO_LARGE);
	n.n_sinks = 2;
	sinks[1].url = slice_make(url, sizeof(url));
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	sinks[1].url = SLICE_NONE;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	sinks[1].url = slice_make(url, PX_URL_MAX);
	sinks[1].batch = 0;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	sinks[1].batch = 1;
	sinks[1].keys = keys;
	sinks[1].n_keys = NITEMS(keys);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_TOO_LARGE);
	ck_assert_uint_eq(px_bed_totals(b).forwards, 0);
	px_bed_check(b);
	sinks[1].n_keys = NITEMS(keys) - 1;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	px_bed_free(b);
}
END_TEST

static bool
see_forward(void *arg, const struct px_forward *f)
{
	uint64_t *ids = arg;

	while (*ids != 0 && *ids != f->id)
		ids++;
	ck_assert_uint_ne(*ids, 0);
	memmove(ids, ids + 1, 8 * sizeof(*ids));
	return true;
}

START_TEST(test_how_many)
{
	struct px_bed *b = start(_i);
	uint64_t stores[] = { px_bed_store(b, 1000), px_bed_store(b, 1000), px_bed_store(b, 1000) };
	uint64_t ids[20] = { 0 }, of_first[20] = { 0 };
	struct px_forward_new n = { .store = stores[0] };
	struct px_view *v;

	for (size_t i = 0; i < 8; i++)
		ids[i] = forward(b, stores[i / 4], 0, 0, 1);
	memcpy(of_first, ids, 4 * sizeof(ids[0]));
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_TOO_LARGE);
	n.store = stores[2];
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_NO_SPACE);
	v = px_bed_view(b);
	ck_assert_int_eq(px_forward_list(v, stores[0], 0, 0, see_forward, of_first), RC_OK);
	ck_assert_uint_eq(of_first[0], 0);
	ck_assert_int_eq(px_forward_list(v, 0, 0, 3, see_forward, ids), RC_OK);
	ck_assert(ids[4] != 0 && ids[5] == 0);
	px_view_close(v);

	ck_assert_int_eq(px_bed_remove(b, ids[0]), RC_OK);
	px_bed_told(b, PX_TOLD_FORWARD_GONE, ids[0]);
	ck_assert_int_eq(px_bed_remove(b, ids[0]), RC_NOT_FOUND);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	px_bed_free(b);
}
END_TEST

/* ---- keys ---- */

START_TEST(test_keys)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), id = forward(b, store, 0, 0, 2);
	struct px_grant grants[] = { { 1, key_for(7, 1, 0x11) },
		                     { 1, key_for(7, 2, 0x22) },
		                     { 2, key_for(7, 1, 0x33) } };
	struct px_withdrawal gone = { 1, { 7, 1 } };
	struct px_control c = { .forward = id, .grant = grants, .n_grant = NITEMS(grants) };
	struct px_key k, zero = { .rk = { 0 } };
	struct px_sink s;

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(c.version_now, 2);
	ck_assert_int_eq(key_at(b, id, 1, 7, 2, &k), RC_OK);
	ck_assert(memcmp(k.rk, grants[1].key.rk, PX_RK_BYTES) == 0);
	ck_assert(memcmp(k.pk_id, grants[1].key.pk_id, PX_PK_ID_BYTES) == 0);
	ck_assert(k.of.stream == 7 && k.of.epoch == 2);
	ck_assert_int_eq(key_at(b, id, 2, 7, 1, &k), RC_OK);
	ck_assert_uint_eq(k.rk[0], 0x33);
	ck_assert_int_eq(key_at(b, id, 2, 7, 2, &k), RC_NOT_FOUND);
	ck_assert(memcmp(&k, &zero, sizeof(k)) == 0);
	ck_assert_int_eq(key_at(b, id, 1, 8, 1, &k), RC_NOT_FOUND);
	ck_assert_int_eq(key_at(b, id + 1, 1, 7, 1, &k), RC_NOT_FOUND);

	/* A new one for the same place; one that is withdrawn. */
	grants[0].key = key_for(7, 2, 0x44);
	c = (struct px_control){
		.forward = id, .grant = grants, .n_grant = 1, .withdraw = &gone, .n_withdraw = 1
	};
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_int_eq(key_at(b, id, 1, 7, 1, &k), RC_NOT_FOUND);
	ck_assert_int_eq(key_at(b, id, 1, 7, 2, &k), RC_OK);
	ck_assert_uint_eq(k.rk[95], 0x44);
	ck_assert_int_eq(px_bed_sink(b, id, 1, &s), RC_OK);
	ck_assert_uint_eq(s.n_keys, 1);
	ck_assert_int_eq(px_bed_control(b, &c), RC_NOT_FOUND);

	/* All at once when it is stopped. */
	ck_assert_int_eq(set_state(b, id, PX_STOPPED), RC_OK);
	ck_assert_int_eq(key_at(b, id, 2, 7, 1, &k), RC_NOT_FOUND);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_sink(b, id, 2, &s), RC_OK);
	ck_assert_uint_eq(s.n_keys, 0);
	px_bed_free(b);
}
END_TEST

START_TEST(test_keys_max)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), id = forward(b, store, 0, 0, 2);
	static struct px_grant grants[201];
	struct px_control c = { .forward = id, .grant = grants, .n_grant = NITEMS(grants) };
	uint32_t first = 1;
	struct px_key k;
	struct px_sink s;

	for (size_t i = 0; i < NITEMS(grants); i++)
		grants[i] = (struct px_grant){ 1, key_for(1, (uint32_t)i, (uint8_t)i) };
	ck_assert_int_eq(px_bed_control(b, &c), RC_TOO_LARGE);
	ck_assert_int_eq(key_at(b, id, 1, 1, 0, &k), RC_NOT_FOUND);
	c.n_grant--;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_int_eq(px_bed_sink(b, id, 1, &s), RC_OK);
	ck_assert_uint_eq(s.n_keys, 200);

	/* With a sink go its keys, in more than one step. */
	c = (struct px_control){ .forward = id, .remove = &first, .n_remove = 1 };
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_int_eq(key_at(b, id, 1, 1, 0, &k), RC_NOT_FOUND);
	px_bed_settle(b);
	px_bed_check(b);
	ck_assert_int_eq(px_bed_remove(b, id), RC_OK);
	px_bed_settle(b);
	px_bed_free(b);
}
END_TEST

static bool
file_has(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "rb");
	bool found;
	char *all;
	long size;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	ck_assert_int_gt(size, 0);
	rewind(f);
	all = malloc((size_t)size);
	ck_assert_uint_eq(fread(all, 1, (size_t)size, f), (size_t)size);
	found = memmem(all, (size_t)size, p, n) != NULL;
	free(all);
	ck_assert_int_eq(fclose(f), 0);
	return found;
}

START_TEST(test_wrapped)
{
	struct px_bed *b = start(PX_LMDB);
	uint64_t id = forward(b, px_bed_store(b, 10000), 0, 0, 1);
	struct px_grant grant = { 1, key_for(7, 1, 0x91) };
	struct px_control c = { .forward = id, .grant = &grant, .n_grant = 1 };
	struct key right = b->kek;
	struct px_key k;
	char path[300], why[256];

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	px_bed_close(b);
	ck_assert_int_lt(snprintf(path, sizeof(path), "%s/data.mdb", b->dir), (int)sizeof(path));
	ck_assert(file_has(path, "nscl.example", 12));
	ck_assert(file_has(path, grant.key.pk_id, PX_PK_ID_BYTES));
	ck_assert(!file_has(path, grant.key.rk, 8));

	b->kek.v[0] ^= 1;
	ck_assert_int_eq(px_book_open(&b->conf, &b->book, why), RC_PRECONDITION);
	ck_assert_ptr_null(b->book);
	ck_assert_ptr_nonnull(strstr(why, "another key"));
	b->kek = right;
	px_bed_open(b);
	ck_assert_int_eq(key_at(b, id, 1, 7, 1, &k), RC_OK);
	ck_assert_uint_eq(k.rk[50], 0x91);
	px_bed_free(b);
}
END_TEST

/* A wrapped key that somebody has put elsewhere, or changed, does not open. */
START_TEST(test_in_its_place)
{
	struct px_bed *b = start(_i);
	uint64_t id = forward(b, px_bed_store(b, 10000), 0, 0, 2);
	struct px_grant grant = { 1, key_for(7, 1, 0x91) };
	struct px_control c = { .forward = id, .grant = &grant, .n_grant = 1 };
	struct table_key from = px_sink_key(PX_T_KEY, id, 1), to = px_sink_key(PX_T_KEY, id, 2);
	struct tables_tx *tx;
	struct slice val;
	struct px_key k, zero = { .rk = { 0 } };
	char copy[512];

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	table_key_number(&from, 7, 2);
	table_key_number(&from, 1, 4);
	table_key_number(&to, 7, 2);
	table_key_number(&to, 1, 4);
	ck_assert_int_eq(tables_begin(&b->book->store, &tx), RC_OK);
	ck_assert_int_eq(tables_get(tx, table_key_view(&from), &val), RC_OK);
	ck_assert_uint_lt(val.n, sizeof(copy));
	memcpy(copy, val.p, val.n);
	ck_assert_int_eq(tables_put(tx, table_key_view(&to), slice_make(copy, val.n)), RC_OK);
	copy[3] ^= 1;
	ck_assert_int_eq(tables_put(tx, table_key_view(&from), slice_make(copy, val.n)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	ck_assert_int_eq(key_at(b, id, 2, 7, 1, &k), RC_INTERNAL);
	ck_assert(memcmp(&k, &zero, sizeof(k)) == 0);
	ck_assert_int_eq(key_at(b, id, 1, 7, 1, &k), RC_INTERNAL);
	ck_assert(memcmp(&k, &zero, sizeof(k)) == 0);
	ck_assert_int_eq(tables_begin(&b->book->store, &tx), RC_OK);
	ck_assert_int_eq(tables_del(tx, table_key_view(&to)), RC_OK);
	ck_assert_int_eq(tables_commit(tx), RC_OK);
	px_bed_free(b);
}
END_TEST

/* ---- control ---- */

START_TEST(test_states)
{
	struct px_bed *b = start(_i);
	uint64_t id = forward(b, px_bed_store(b, 10000), 0, 0, 1);
	struct px_control c = { .forward = id, .version = 1, .state = PX_PAUSED };
	struct px_forward f;

	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(c.version_now, 2);
	px_bed_told(b, PX_TOLD_FORWARD, id);
	/* The same once more, as somebody who has recorded it would send it. */
	ck_assert_int_eq(px_bed_control(b, &c), RC_PRECONDITION);
	ck_assert_int_eq(set_state(b, id, PX_STOPPED + 1), RC_BAD_REQUEST);
	ck_assert_int_eq(set_state(b, id, PX_RUNNING), RC_OK);
	ck_assert_int_eq(show(b, id, &f), RC_OK);
	ck_assert(f.state == PX_RUNNING && f.version == 3);
	ck_assert_int_eq(set_state(b, id, PX_STOPPED), RC_OK);
	ck_assert_int_eq(set_state(b, id, PX_RUNNING), RC_CONFLICT);
	ck_assert_int_eq(set_state(b, id + 1, PX_RUNNING), RC_NOT_FOUND);
	ck_assert_int_eq(show(b, id, &f), RC_OK);
	ck_assert(f.state == PX_STOPPED && f.version == 4);
	px_bed_free(b);
}
END_TEST

START_TEST(test_sinks_change)
{
	struct px_bed *b = start(_i);
	uint64_t id = forward(b, px_bed_store(b, 10000), 1, 100, 2);
	const uint32_t first = 1, unknown = 9;
	const struct px_sink_terms add[] = { sink(), sink() };
	const struct px_sink_change change = {
		.sink = 2, .rate = 77, .compress = true, .batch = 3, .until = 50
	};
	struct px_control c = { .forward = id, .add = add, .n_add = 2 };
	struct px_forward f;
	struct px_sink s;

	ck_assert_int_eq(px_bed_control(b, &c), RC_TOO_LARGE);
	c = (struct px_control){ .forward = id,
		                 .remove = &first,
		                 .n_remove = 1,
		                 .add = add,
		                 .n_add = 2,
		                 .change = &change,
		                 .n_change = 1 };
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(c.first_added, 3);
	ck_assert_int_eq(px_bed_sink(b, id, 1, &s), RC_NOT_FOUND);
	ck_assert_int_eq(px_bed_sink(b, id, 4, &s), RC_OK);
	ck_assert_int_eq(px_bed_sink(b, id, 2, &s), RC_OK);
	ck_assert(s.rate == 77 && s.compress && s.batch == 3 && s.until == 50);

	/* One thing that is not there undoes all of it. */
	c = (struct px_control){
		.forward = id, .remove = &unknown, .n_remove = 1, .state = PX_PAUSED
	};
	ck_assert_int_eq(px_bed_control(b, &c), RC_NOT_FOUND);
	c = (struct px_control){ .forward = id,
		                 .remove = (const uint32_t[]){ 2, 9 },
		                 .n_remove = 2 };
	ck_assert_int_eq(px_bed_control(b, &c), RC_NOT_FOUND);
	ck_assert_int_eq(px_bed_sink(b, id, 2, &s), RC_OK);
	ck_assert_int_eq(show(b, id, &f), RC_OK);
	ck_assert(f.state == PX_RUNNING && f.n_sinks == 3 && f.version == 2);

	/* Numbers are not used again. */
	c = (struct px_control){ .forward = id,
		                 .remove = (const uint32_t[]){ 3, 4 },
		                 .n_remove = 2,
		                 .add = add,
		                 .n_add = 1 };
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(c.first_added, 5);
	px_bed_settle(b);
	px_bed_free(b);
}
END_TEST

/* ---- progress ---- */

START_TEST(test_progress)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), id = forward(b, store, 0, 0, 1);
	static char text[PX_ERROR_MAX + 50];
	struct px_progress p = { .forward = id,
		                 .sink = 1,
		                 .cursor = 3,
		                 .sent = 4,
		                 .acknowledged = 3,
		                 .retried = 1,
		                 .octets = 300 };
	struct px_view *v;
	struct px_sink s;

	memset(text, 'e', sizeof(text));
	ck_assert_int_eq(px_bed_put(b, store, 5, 100), RC_OK);
	px_bed_pass(b, CLOCK_SECOND);
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	p.acknowledged = 0;
	p.cursor = 2;
	p.error = slice_make(text, sizeof(text));
	px_bed_pass(b, CLOCK_SECOND);
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_sink_get(v, id, 1, &s), RC_OK);
	ck_assert(s.cursor == 3 && s.sent == 8 && s.acknowledged == 3 && s.retried == 2);
	ck_assert_uint_eq(s.octets, 600);
	ck_assert_int_eq(s.acknowledged_at, PX_START + CLOCK_SECOND);
	ck_assert_int_eq(s.error_at, PX_START + 2 * CLOCK_SECOND);
	ck_assert(slice_eq(s.error, slice_make(text, PX_ERROR_MAX)));
	px_view_close(v);
	ck_assert_int_eq(px_bed_progress(b, id, 1, 6), RC_BAD_REQUEST);
	ck_assert_int_eq(px_bed_progress(b, id, 1, 5), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, id, 2, 1), RC_NOT_FOUND);
	ck_assert_int_eq(px_bed_progress(b, id + 1, 1, 1), RC_NOT_FOUND);
	px_bed_free(b);
}
END_TEST

/* A sink whose first message has not come yet: it fails and ends like any other. */
START_TEST(test_ahead)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000);
	struct px_key key = key_for(7, 1, 0x11);
	struct px_sink_terms terms = sink();
	struct px_forward_new n = { .store = store, .sinks = &terms, .n_sinks = 1 };
	struct px_progress p = { .sink = 1, .cursor = 99, .error = SLICE_LIT("no answer") };
	struct px_sink s;
	struct px_key k;

	terms.start = 100;
	terms.keys = &key;
	terms.n_keys = 1;
	ck_assert_int_eq(px_bed_put(b, store, 5, 100), RC_OK);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	p.forward = n.id;
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, n.id, 1, 100), RC_BAD_REQUEST);
	p.ended = true;
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	ck_assert_int_eq(px_bed_sink(b, n.id, 1, &s), RC_OK);
	ck_assert(s.ended && s.cursor == 99 && s.n_keys == 0);
	ck_assert_int_eq(key_at(b, n.id, 1, 7, 1, &k), RC_NOT_FOUND);
	px_bed_settle(b);
	px_bed_free(b);
}
END_TEST

static uint64_t
first_of(struct px_bed *b, uint64_t store)
{
	px_bed_settle(b);
	return px_bed_show(b, store).first;
}

/* Removed is what is released and has reached everybody. */
START_TEST(test_released)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 10000), one, two;
	const uint32_t second = 2;
	struct px_control c = { .remove = &second, .n_remove = 1 };

	ck_assert_int_eq(px_bed_put(b, store, 20, 100), RC_OK);
	one = forward(b, store, 0, 0, 2);
	two = forward(b, store, 3, 12, 1);
	ck_assert_int_eq(px_bed_progress(b, one, 1, 5), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, one, 2, 4), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 1);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 15), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 3);
	ck_assert_int_eq(px_bed_progress(b, two, 1, 10), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 5);
	/* A sink that goes, or a forward that ends, holds nothing back. */
	c.forward = one;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 6);
	ck_assert_int_eq(set_state(b, one, PX_PAUSED), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 6);
	ck_assert_int_eq(set_state(b, one, PX_STOPPED), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 11);
	/* Behind its last message this one needs none. */
	ck_assert_int_eq(px_bed_progress(b, two, 1, 12), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 16);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 10), RC_OK);
	ck_assert_uint_eq(px_bed_show(b, store).released, 15);
	ck_assert_int_eq(px_bed_remove(b, two), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 16);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, UINT64_MAX), RC_OK);
	ck_assert_uint_eq(first_of(b, store), 21);
	px_bed_free(b);
}
END_TEST

/* A release that runs ahead: what comes goes when the sink has it. */
START_TEST(test_released_ahead)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000), id = forward(b, store, 0, 0, 1);

	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, UINT64_MAX), RC_OK);
	for (uint64_t i = 1; i < 50; i++) {
		ck_assert_int_eq(px_bed_put(b, store, 1, 1000), RC_OK);
		ck_assert_int_eq(px_bed_progress(b, id, 1, i), RC_OK);
		ck_assert_uint_eq(first_of(b, store), i + 1);
	}
	px_bed_free(b);
}
END_TEST

/* With the store goes all that belongs to it. */
START_TEST(test_with_the_store)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 100000), other = px_bed_store(b, 1000), ids[3], stays;
	static struct px_grant grants[150];
	struct px_control c = { .grant = grants, .n_grant = NITEMS(grants) };
	struct px_forward f;
	struct px_key k;

	for (size_t i = 0; i < NITEMS(grants); i++)
		grants[i] = (struct px_grant){ 1 + (uint32_t)(i % 2), key_for(1, (uint32_t)i, 1) };
	ck_assert_int_eq(px_bed_put(b, store, 1000, 50), RC_OK);
	for (size_t i = 0; i < NITEMS(ids); i++) {
		ids[i] = forward(b, store, 0, 0, 2);
		c.forward = ids[i];
		ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	}
	stays = forward(b, other, 0, 0, 2);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_DELETE, 0), RC_OK);
	for (size_t i = 0; i < NITEMS(ids); i++) {
		ck_assert_int_eq(show(b, ids[i], &f), RC_NOT_FOUND);
		ck_assert_int_eq(key_at(b, ids[i], 1, 1, 0, &k), RC_NOT_FOUND);
		ck_assert_int_eq(px_bed_progress(b, ids[i], 1, 1), RC_NOT_FOUND);
		ck_assert_int_eq(set_state(b, ids[i], PX_PAUSED), RC_NOT_FOUND);
		ck_assert_int_eq(px_bed_remove(b, ids[i]), RC_NOT_FOUND);
	}
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_totals(b).forwards, 1);
	ck_assert_int_eq(show(b, stays, &f), RC_OK);
	px_bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_new,      test_refused,        test_how_many,       test_keys,
		test_keys_max, test_states,         test_sinks_change,   test_progress,
		test_released, test_released_ahead, test_with_the_store, test_in_its_place,
		test_ahead,
	};
	Suite *s = suite_create("px_forward");
	TCase *c = suite_case(s, "forwards", NULL, NULL);

	tcase_add_test(c, test_wrapped);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, PX_ENGINES);
	return run_suite(s);
}

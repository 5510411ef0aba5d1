/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come again, sinks that end, and keys of datagrams in the book of the proxy. */
#include "config.h"

#include <stdlib.h>

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

static struct px_store_new
terms(void)
{
	return (struct px_store_new){ .owner = SLICE_LIT("gw-1"),
		                      .reserve = 1000,
		                      .ttl = PX_HOUR,
		                      .mode = PX_STREAM,
		                      .class = PX_ADAPTIVE,
		                      .transport = PX_REST };
}

static struct px_request
request(struct px_bed *b, uint8_t id, const char *body)
{
	struct px_request r = { .id = { id } };

	ck_assert_int_eq(px_digest(b->book, SLICE_LIT("POST stores"), slice_of(body), r.digest),
	                 RC_OK);
	return r;
}

static struct px_sink_terms
sink(void)
{
	return (struct px_sink_terms){ .url = SLICE_LIT("https://nscl.example/inbox"),
		                       .batch = 10 };
}

/* ---- digests ---- */

START_TEST(test_digest)
{
	struct px_bed *b = start(PX_LMDB);
	uint8_t digest[PX_DIGEST_BYTES], other[PX_DIGEST_BYTES];
	static const char what[1025];

	ck_assert_int_eq(px_digest(b->book, SLICE_LIT("a"), SLICE_LIT("body"), digest), RC_OK);
	ck_assert_int_eq(px_digest(b->book, SLICE_LIT("b"), SLICE_LIT("body"), other), RC_OK);
	ck_assert_mem_ne(digest, other, sizeof(digest));
	ck_assert_int_eq(px_digest(b->book, SLICE_LIT("a"), SLICE_LIT("bodY"), other), RC_OK);
	ck_assert_mem_ne(digest, other, sizeof(digest));
	ck_assert_int_eq(px_digest(b->book, slice_make(what, sizeof(what)), SLICE_NONE, other),
	                 RC_TOO_LARGE);
	ck_assert_int_eq(px_digest(b->book, slice_make(what, sizeof(what) - 1), SLICE_NONE, other),
	                 RC_OK);
	px_bed_close(b);
	px_bed_open(b);
	ck_assert_int_eq(px_digest(b->book, SLICE_LIT("a"), SLICE_LIT("body"), other), RC_OK);
	ck_assert_mem_eq(digest, other, sizeof(digest));
	px_bed_free(b);
}
END_TEST

/* ---- stores ---- */

START_TEST(test_store_again)
{
	struct px_bed *b = start(_i);
	struct px_request r = request(b, 1, "a"), changed = request(b, 1, "b"),
			  another = request(b, 2, "a");
	struct px_store_new n = terms(), m = terms();

	n.request = m.request = &r;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert(!n.again);
	px_bed_pass(b, CLOCK_SECOND);
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_OK);
	ck_assert(m.again && m.id == n.id && m.expires == n.expires);
	m.request = &changed;
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_CONFLICT);
	m.request = &another;
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_OK);
	ck_assert(!m.again && m.id != n.id);
	/* Somebody else's has nothing to do with it. */
	m.request = &changed;
	m.owner = SLICE_LIT("gw-2");
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_OK);
	ck_assert(!m.again);
	ck_assert_uint_eq(px_bed_totals(b).stores, 3);
	px_bed_free(b);
}
END_TEST

/* What is deleted is not remembered, and its removal takes nothing from what is younger. */
START_TEST(test_store_anew)
{
	struct px_bed *b = start(_i);
	struct px_request r = request(b, 1, "a"), changed = request(b, 1, "b");
	struct px_store_new n = terms(), m = terms();

	n.request = &r;
	m.request = &changed;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_change(b, n.id, PX_STORE_DELETE, 0), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_OK);
	ck_assert(!m.again && m.id != n.id);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_make_store(b, &m), RC_OK);
	ck_assert(m.again);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_CONFLICT);
	/* The same of one that is over. */
	atomic_fetch_add(&b->clock.now, PX_HOUR);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert(!n.again && n.id != m.id);
	px_bed_free(b);
}
END_TEST

/* A repetition is answered when there is no room for another one. */
START_TEST(test_store_again_full)
{
	struct px_bed *b = start(_i);
	struct px_request r = request(b, 1, "a");
	struct px_store_new n = terms();

	n.request = &r;
	n.reserve = b->conf.limits.capacity;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert(n.again);
	n.request = NULL;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_NO_SPACE);
	px_bed_free(b);
}
END_TEST

START_TEST(test_owner_max)
{
	struct px_bed *b = &bed;
	struct px_store_new n = terms(), other = terms();

	px_bed_make(b, _i);
	b->conf.limits.stores_owner_max = 2;
	px_bed_open(b);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &other), RC_TOO_LARGE);
	ck_assert_uint_eq(px_bed_totals(b).reserved, 2000);
	other.owner = SLICE_LIT("gw-2");
	ck_assert_int_eq(px_bed_make_store(b, &other), RC_OK);
	ck_assert_int_eq(px_bed_change(b, n.id, PX_STORE_DELETE, 0), RC_OK);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_TOO_LARGE);
	px_bed_free(b);
}
END_TEST

/* ---- forwards ---- */

static struct px_forward_new
forward_of(uint64_t store, const struct px_sink_terms *sinks, size_t n)
{
	return (struct px_forward_new){ .store = store, .sinks = sinks, .n_sinks = n };
}

START_TEST(test_forward_again)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	struct px_request r = request(b, 1, "a"), changed = request(b, 1, "b");
	const struct px_sink_terms s = sink();
	struct px_forward_new n = forward_of(store, &s, 1), m = n;
	struct px_store_new taken = terms();

	n.request = m.request = &r;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	n.who = m.who = SLICE_LIT("gw-1");
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	ck_assert(!n.again);
	ck_assert_int_eq(px_bed_make_forward(b, &m), RC_OK);
	ck_assert(m.again && m.id == n.id);
	/* It was not a store that it asked for. */
	taken.request = &r;
	ck_assert_int_eq(px_bed_make_store(b, &taken), RC_CONFLICT);
	m.request = &changed;
	ck_assert_int_eq(px_bed_make_forward(b, &m), RC_CONFLICT);
	ck_assert_int_eq(px_bed_remove(b, n.id), RC_OK);
	ck_assert_int_eq(px_bed_make_forward(b, &m), RC_OK);
	ck_assert(!m.again && m.id != n.id);
	px_bed_settle(b);
	ck_assert_int_eq(px_bed_make_forward(b, &m), RC_OK);
	ck_assert(m.again);
	ck_assert_uint_eq(px_bed_totals(b).forwards, 1);
	px_bed_free(b);
}
END_TEST

START_TEST(test_control_again)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	const struct px_sink_terms s = sink();
	struct px_forward_new n = forward_of(store, &s, 1);
	struct px_request one = request(b, 1, "a"), two = request(b, 1, "b");
	struct px_control c, again;

	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	c = (struct px_control){
		.forward = n.id, .version = 1, .digest = one.digest, .add = &s, .n_add = 1
	};
	again = c;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert(!c.again && c.version_now == 2 && c.first_added == 2);
	ck_assert_int_eq(px_bed_control(b, &again), RC_OK);
	ck_assert(again.again && again.version_now == 2);
	/* Another one with the same version, and this one after another. */
	again.digest = two.digest;
	ck_assert_int_eq(px_bed_control(b, &again), RC_PRECONDITION);
	ck_assert_uint_eq(again.version_now, 2);
	again.digest = NULL;
	ck_assert_int_eq(px_bed_control(b, &again), RC_PRECONDITION);
	/* The same body for the next version is another request. */
	again.digest = one.digest;
	again.version = 2;
	ck_assert_int_eq(px_bed_control(b, &again), RC_OK);
	ck_assert(!again.again && again.version_now == 3);
	again.version = 1;
	ck_assert_int_eq(px_bed_control(b, &again), RC_PRECONDITION);
	c = (struct px_control){ .forward = n.id, .version = 3, .state = PX_STOPPED };
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	again.version = 2;
	ck_assert_int_eq(px_bed_control(b, &again), RC_PRECONDITION);
	again.version = 3;
	ck_assert_int_eq(px_bed_control(b, &again), RC_PRECONDITION);
	again.version = 4;
	ck_assert_int_eq(px_bed_control(b, &again), RC_CONFLICT);
	ck_assert_uint_eq(again.version_now, 4);
	px_bed_free(b);
}
END_TEST

/* ---- sinks ---- */

static struct px_sink
sink_at(struct px_bed *b, uint64_t forward, uint32_t number)
{
	struct px_sink s;

	ck_assert_int_eq(px_bed_sink(b, forward, number, &s), RC_OK);
	return s;
}

START_TEST(test_bounds)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	const struct px_section first = { 7, 300, 2 };
	struct px_section last[PX_LAST_MAX + 1];
	struct px_sink_terms terms[] = { sink(), sink() };
	struct px_forward_new n = forward_of(store, terms, 2);
	struct px_sink_change change = { .sink = 1, .batch = 1, .last = last, .n_last = 1 };
	struct px_control c = { .change = &change, .n_change = 1 };
	struct px_sink s;

	for (size_t i = 0; i < NITEMS(last); i++)
		last[i] = (struct px_section){ (uint16_t)i, 70000, 9 };
	terms[0].first = &first;
	terms[0].last = last;
	terms[0].n_last = PX_LAST_MAX + 1;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	terms[0].n_last = PX_LAST_MAX;
	last[3].stream = 2;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_BAD_REQUEST);
	last[3].stream = 3;
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	s = sink_at(b, n.id, 1);
	ck_assert(s.has_first && s.first.stream == 7 && s.first.epoch == 300 &&
	          s.first.key_index == 2);
	ck_assert(s.n_last == PX_LAST_MAX && s.last[15].stream == 15 && s.last[15].epoch == 70000 &&
	          s.last[15].key_index == 9);
	s = sink_at(b, n.id, 2);
	ck_assert(!s.has_first && s.n_last == 0);

	c.forward = n.id;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	s = sink_at(b, n.id, 1);
	ck_assert(s.has_first && s.first.epoch == 300 && s.n_last == 1 && s.last[0].stream == 0);
	change.n_last = PX_LAST_MAX + 1;
	ck_assert_int_eq(px_bed_control(b, &c), RC_BAD_REQUEST);
	change.sink = 2;
	change.n_last = 2;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(sink_at(b, n.id, 2).n_last, 2);
	change.n_last = 0;
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(sink_at(b, n.id, 2).n_last, 0);
	px_bed_free(b);
}
END_TEST

static enum rc
skip(struct px_bed *b, uint64_t forward, uint32_t sink_number, uint64_t number)
{
	const struct px_skip s = { .sink = sink_number, .number = number };
	struct px_control c = { .forward = forward, .skip = &s, .n_skip = 1 };

	return px_bed_control(b, &c);
}

START_TEST(test_skip)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	const struct px_sink_terms s = sink();
	struct px_forward_new n = forward_of(store, &s, 1);

	ck_assert_int_eq(px_bed_put(b, store, 4, 100), RC_OK);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, n.id, 1, 2), RC_OK);
	ck_assert_int_eq(skip(b, n.id, 1, 0), RC_CONFLICT);
	ck_assert_int_eq(skip(b, n.id, 1, 2), RC_CONFLICT);
	ck_assert_int_eq(skip(b, n.id, 1, 4), RC_CONFLICT);
	ck_assert_int_eq(skip(b, n.id, 2, 3), RC_NOT_FOUND);
	ck_assert_int_eq(skip(b, n.id, 1, 3), RC_OK);
	ck_assert_uint_eq(sink_at(b, n.id, 1).cursor, 3);
	ck_assert_int_eq(skip(b, n.id, 1, 4), RC_OK);
	/* There is none like that as yet. */
	ck_assert_int_eq(skip(b, n.id, 1, 5), RC_CONFLICT);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 4), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_show(b, store).first, 5);
	px_bed_free(b);
}
END_TEST

/* A sink that has ended holds nothing, and has no key any more. */
START_TEST(test_ended)
{
	struct px_bed *b = start(_i);
	uint64_t store = px_bed_store(b, 1000);
	const struct px_key keys[] = { { .of = { 1, 1 } }, { .of = { 1, 2 } } };
	const struct px_key_of of = { 1, 1 };
	const uint8_t udp[PX_UDP_KEY_BYTES] = { 1 };
	struct px_sink_terms s[] = { sink(), sink() };
	struct px_forward_new n = forward_of(store, s, 2);
	const struct px_grant grants[] = { { .sink = 1, .key = { .of = { 1, 3 } } },
		                           { .sink = 2, .key = { .of = { 1, 3 } } } };
	const struct px_withdrawal withdrawal = { .sink = 1, .key = { 1, 1 } };
	struct px_progress p = { .sink = 1, .cursor = 1, .ended = true };
	struct px_control c = { .grant = grants, .n_grant = 2 };
	struct px_view *v;
	struct px_key key;
	uint8_t udp_key[PX_UDP_KEY_BYTES];

	s[0].keys = keys;
	s[0].n_keys = 2;
	s[0].udp_key = udp;
	ck_assert_int_eq(px_bed_put(b, store, 4, 100), RC_OK);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	ck_assert(sink_at(b, n.id, 1).has_udp_key && !sink_at(b, n.id, 1).ended);
	ck_assert_int_eq(px_bed_change(b, store, PX_STORE_RELEASE, 4), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, n.id, 2, 3), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_show(b, store).first, 1);
	p.forward = c.forward = n.id;
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_key_get(v, n.id, 1, &of, &key), RC_NOT_FOUND);
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 1, udp_key), RC_NOT_FOUND);
	px_view_close(v);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_show(b, store).first, 4);
	ck_assert(sink_at(b, n.id, 1).ended && sink_at(b, n.id, 1).n_keys == 0);
	ck_assert(!sink_at(b, n.id, 1).has_udp_key && sink_at(b, n.id, 1).cursor == 1);
	ck_assert_int_eq(px_bed_tell(b, &p), RC_OK);
	/* Keys for all sinks are kept for those that go on. */
	ck_assert_int_eq(px_bed_control(b, &c), RC_OK);
	ck_assert_uint_eq(sink_at(b, n.id, 1).n_keys, 0);
	ck_assert_uint_eq(sink_at(b, n.id, 2).n_keys, 1);
	ck_assert_int_eq(skip(b, n.id, 1, 2), RC_CONFLICT);
	c = (struct px_control){ .forward = n.id, .withdraw = &withdrawal, .n_withdraw = 1 };
	ck_assert_int_eq(px_bed_control(b, &c), RC_NOT_FOUND);
	px_bed_free(b);
}
END_TEST

/* Messages go once a sink has them, and not before there was any. */
START_TEST(test_consume)
{
	struct px_bed *b = start(_i);
	struct px_store_new terms_of = terms();
	const struct px_sink_terms s[] = { sink(), sink() };
	struct px_forward_new n;

	terms_of.mode = PX_INDIVIDUAL;
	terms_of.consume = true;
	ck_assert_int_eq(px_bed_make_store(b, &terms_of), RC_OK);
	ck_assert_int_eq(px_bed_put(b, terms_of.id, 6, 100), RC_OK);
	n = forward_of(terms_of.id, s, 2);
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	ck_assert_int_eq(px_bed_progress(b, n.id, 1, 4), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_show(b, terms_of.id).first, 1);
	ck_assert_int_eq(px_bed_progress(b, n.id, 2, 3), RC_OK);
	px_bed_settle(b);
	ck_assert(px_bed_show(b, terms_of.id).consume);
	ck_assert_uint_eq(px_bed_show(b, terms_of.id).first, 4);
	/* Without a sink all that none has had stays. */
	ck_assert_int_eq(px_bed_remove(b, n.id), RC_OK);
	px_bed_settle(b);
	ck_assert_uint_eq(px_bed_show(b, terms_of.id).first, 5);
	ck_assert_uint_eq(px_bed_show(b, terms_of.id).last, 6);
	px_bed_free(b);
}
END_TEST

/* ---- keys of datagrams ---- */

static enum rc
store_key(struct px_bed *b, uint64_t store, uint8_t out[PX_UDP_KEY_BYTES])
{
	struct px_view *v = px_bed_view(b);
	enum rc rc = px_store_udp_key(v, store, out);

	px_view_close(v);
	return rc;
}

static bool
is_zero(const uint8_t key[PX_UDP_KEY_BYTES])
{
	static const uint8_t zero[PX_UDP_KEY_BYTES];

	return memcmp(key, zero, sizeof(zero)) == 0;
}

START_TEST(test_store_key)
{
	struct px_bed *b = start(PX_LMDB);
	uint64_t plain = px_bed_store(b, 1000);
	struct px_request r = request(b, 1, "a");
	struct px_store_new n = terms(), other = terms(), again;
	uint8_t key[PX_UDP_KEY_BYTES];

	n.transport = other.transport = PX_UDP;
	n.request = &r;
	ck_assert_int_eq(px_bed_make_store(b, &n), RC_OK);
	ck_assert(!is_zero(n.udp_key));
	ck_assert_int_eq(px_bed_make_store(b, &other), RC_OK);
	ck_assert_mem_ne(n.udp_key, other.udp_key, PX_UDP_KEY_BYTES);
	ck_assert_int_eq(store_key(b, n.id, key), RC_OK);
	ck_assert_mem_eq(key, n.udp_key, PX_UDP_KEY_BYTES);
	ck_assert_int_eq(store_key(b, plain, key), RC_NOT_FOUND);
	ck_assert(is_zero(key));
	again = n;
	px_bed_close(b);
	px_bed_open(b);
	memset(again.udp_key, 0, sizeof(again.udp_key));
	ck_assert_int_eq(px_bed_make_store(b, &again), RC_OK);
	ck_assert(again.again);
	ck_assert_mem_eq(again.udp_key, n.udp_key, PX_UDP_KEY_BYTES);
	again.ttl = 0;
	ck_assert_int_eq(px_bed_make_store(b, &again), RC_BAD_REQUEST);
	ck_assert(is_zero(again.udp_key));
	ck_assert_int_eq(px_bed_change(b, n.id, PX_STORE_DELETE, 0), RC_OK);
	ck_assert_int_eq(store_key(b, n.id, key), RC_NOT_FOUND);
	px_bed_free(b);
}
END_TEST

static enum rc
move_key(struct px_bed *b, const struct table_key *from, const struct table_key *to)
{
	struct tables_tx *tx;
	struct slice val;
	char copy[256];
	enum rc rc = tables_begin(&b->book->store, &tx);

	ck_assert_int_eq(rc, RC_OK);
	ck_assert_int_eq(tables_get(tx, table_key_view(from), &val), RC_OK);
	ck_assert_uint_le(val.n, sizeof(copy));
	memcpy(copy, val.p, val.n);
	ck_assert_int_eq(tables_put(tx, table_key_view(to), slice_make(copy, val.n)), RC_OK);
	return tables_commit(tx);
}

/* Each is wrapped for its place. */
START_TEST(test_sink_key)
{
	struct px_bed *b = start(PX_LMDB);
	uint64_t store = px_bed_store(b, 1000);
	uint8_t given[2][PX_UDP_KEY_BYTES] = { { 1, 2, 3 }, { 4, 5, 6 } };
	struct px_sink_terms s[] = { sink(), sink(), sink() };
	struct px_forward_new n = forward_of(store, s, 3);
	struct px_control stop = { .state = PX_STOPPED };
	struct table_key one, two;
	struct px_view *v;
	uint8_t key[PX_UDP_KEY_BYTES];

	s[0].udp_key = given[0];
	s[1].udp_key = given[1];
	ck_assert_int_eq(px_bed_make_forward(b, &n), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 2, key), RC_OK);
	ck_assert_mem_eq(key, given[1], PX_UDP_KEY_BYTES);
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 3, key), RC_NOT_FOUND);
	px_view_close(v);
	one = px_sink_key(PX_T_SINK_UDP, n.id, 1);
	two = px_sink_key(PX_T_SINK_UDP, n.id, 2);
	ck_assert_int_eq(move_key(b, &one, &two), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 2, key), RC_INTERNAL);
	ck_assert(is_zero(key));
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 1, key), RC_OK);
	px_view_close(v);
	stop.forward = n.id;
	ck_assert_int_eq(px_bed_control(b, &stop), RC_OK);
	v = px_bed_view(b);
	ck_assert_int_eq(px_sink_udp_key(v, n.id, 1, key), RC_NOT_FOUND);
	px_view_close(v);
	ck_assert(!sink_at(b, n.id, 1).has_udp_key);
	px_bed_settle(b);
	v = px_bed_view(b);
	ck_assert(!tables_has(v->tx, table_key_view(&one)));
	px_view_close(v);
	px_bed_free(b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_store_again,   test_store_anew,    test_store_again_full, test_owner_max,
		test_forward_again, test_control_again, test_bounds,           test_skip,
		test_ended,         test_consume,
	};
	Suite *s = suite_create("px_again");
	TCase *c = suite_case(s, "again", NULL, NULL);

	tcase_add_test(c, test_digest);
	tcase_add_test(c, test_store_key);
	tcase_add_test(c, test_sink_key);
	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_loop_test(c, tests[i], 0, PX_ENGINES);
	return run_suite(s);
}

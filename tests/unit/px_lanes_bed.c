/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "px_lanes_bed.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

#define PORT 1000

struct lanes_bed lanes;

/* ---- sinks ---- */

static struct lanes_sink *
sink_of(struct slice url)
{
	for (size_t i = 0; i < LANES_SINKS; i++)
		if (slice_is(url, lanes.sinks[i].url))
			return &lanes.sinks[i];
	ck_abort_msg("nobody has that URL");
	return NULL;
}

static struct slice
header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			return ex->headers[i].value;
	return SLICE_NONE;
}

static void
note_unit(struct lanes_sink *s, const struct pre_unit *u, bool taken)
{
	if (s->counts[s->requests]++ == 0) {
		s->first[s->requests] = u->msg_id;
		s->types[s->requests] = u->hdr.type;
	}
	if (taken)
		s->taken[s->n_taken++] = u->msg_id;
}

/* One unit, or several. */
static void
note_body(struct lanes_sink *s, const struct exchange *ex, bool taken)
{
	struct slice rest = ex->body;
	struct pre_unit u;

	if (ex->has_coap_token) {
		u.msg_id = (uint32_t)ex->coap_token[0] << 24 | (uint32_t)ex->coap_token[1] << 16 |
		           (uint32_t)ex->coap_token[2] << 8 | ex->coap_token[3];
		ck_assert_int_eq(pre_hdr_parse(rest, &u.hdr), RC_OK);
		note_unit(s, &u, taken);
		return;
	}
	if (pre_unit_parse(rest, NULL, &u) == RC_OK) {
		note_unit(s, &u, taken);
		return;
	}
	while (rest.n > 0) {
		ck_assert_int_eq(pre_batch_next(&rest, NULL, &u), RC_OK);
		note_unit(s, &u, taken);
	}
}

static struct port_answer
answer(void *arg, const struct exchange *ex)
{
	struct lanes_sink *s = sink_of(ex->url);
	int status;

	(void)arg;
	pthread_mutex_lock(&lanes.lock);
	status = s->requests < s->n_answers ? s->answers[s->requests] : 200;
	ck_assert(slice_is(header(ex, "Content-Type"), "application/octet-stream"));
	ck_assert(slice_is(ex->method, "POST"));
	s->coap_token = ex->has_coap_token;
	s->pre_source = slice_is(header(ex, "PRE-Source"), FLOW_SOURCE);
	s->credential = ex->credential != NULL;
	s->n_body = ex->body.n < sizeof(s->body) ? ex->body.n : sizeof(s->body);
	memcpy(s->body, ex->body.p, s->n_body);
	note_body(s, ex, status >= 200 && status < 300);
	s->requests++;
	pthread_mutex_unlock(&lanes.lock);
	return (struct port_answer){ .status = status, .held = &s->held };
}

/* ---- life ---- */

static void
attach(struct scl *scl)
{
	char why[CAPABILITY_WHY_MAX] = "";

	ck_assert_msg(px_attach(scl, &lanes.conf, &lanes.px, why) == RC_OK, "%s", why);
	lanes.book.book = lanes.px->book;
}

void
lanes_setup(void)
{
	pre_flow_setup();
	core_init(&lanes.core);
	pthread_mutex_init(&lanes.lock, NULL);
	lanes.core.attach = attach;
	lanes.conf = (struct capability_conf){ .proxy = { .engine = &store_lmdb,
		                                          .threads = 2,
		                                          .send_timeout_ms = 50,
		                                          .retry_first = 1000,
		                                          .retry_max = 20000,
		                                          .store = { .enabled = true,
		                                                     .capacity = 4000000,
		                                                     .message_max = 65536,
		                                                     .batch_bytes = 65536,
		                                                     .stores_max = 8,
		                                                     .stores_per_owner = 8,
		                                                     .streams_max = 8,
		                                                     .forwards_max = 8,
		                                                     .sinks_max = LANES_SINKS,
		                                                     .keys_max = 64,
		                                                     .ttl_max = 24 * PX_HOUR,
		                                                     .monitor_interval = 1000,
		                                                     .watchers_max = 4,
		                                                     .grants = 2,
		                                                     .in_flight = 8 } } };
	for (size_t i = 0; i < LANES_SINKS; i++)
		snprintf(lanes.sinks[i].url, sizeof(lanes.sinks[i].url),
		         "http://127.0.0.1:%zu/inbox", PORT + i);
	lanes.book.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	lanes.book.turn = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	lanes.stream = px_flow_stream();
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
lanes_start(void)
{
	char why[CAPABILITY_WHY_MAX] = "";

	port_fake_set(answer, NULL);
	if (lanes.dir[0] != '\0')
		lanes.conf.proxy.state = lanes.dir;
	lanes.conf.log = lanes.core.log;
	core_start(&lanes.core);
	ck_assert_msg(px_start(lanes.px, "http://scl.example.org:8080" BASE, why) == RC_OK, "%s",
	              why);
}

void
lanes_stop(void)
{
	px_stop(lanes.px);
	for (size_t i = 0; i < LANES_SINKS; i++)
		atomic_store(&lanes.sinks[i].held, false);
	core_stop(&lanes.core);
	px_detach(lanes.px);
	lanes.px = NULL;
}

void
lanes_teardown(void)
{
	if (lanes.px != NULL)
		lanes_stop();
	core_fini(&lanes.core);
	pre_stream_free(lanes.stream);
	pre_flow_teardown();
	if (lanes.dir[0] != '\0')
		ck_assert_int_eq(nftw(lanes.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- what is stored ---- */

void
lanes_put(uint64_t store, unsigned sections, unsigned messages)
{
	struct buf batch;
	struct units u;

	buf_init(&batch, 1u << 20);
	flow_send(lanes.stream, sections, messages, &batch);
	u = units_of(&batch);
	for (size_t i = 0; i < u.n; i++)
		lanes.ids[lanes.n_ids++] = u.u[i].msg_id;
	px_flow_put(&lanes.book, store, &batch);
	buf_fini(&batch);
}

uint64_t
lanes_forward(uint64_t store, size_t n, unsigned epochs, uint32_t batch)
{
	struct px_flow_sink sinks[LANES_SINKS];

	for (size_t i = 0; i < n; i++) {
		px_flow_sink(&sinks[i], lanes.sinks[i].url, epochs);
		sinks[i].terms.batch = batch;
	}
	return px_flow_forward(&lanes.book, store, sinks, n);
}

/* ---- what becomes of it ---- */

struct px_lane_look
lanes_look(uint64_t store, uint64_t forward, uint32_t sink)
{
	struct px_lane_look look = { .state = PX_LANE_STATES };

	(void)px_lanes_look(lanes.px->lanes, store, forward, sink, &look);
	return look;
}

struct wanted {
	uint64_t store, forward;
	uint32_t sink;
	enum px_lane_state state;
	size_t of, n;
};

static bool
has_state(void *arg)
{
	const struct wanted *w = arg;

	return lanes_look(w->store, w->forward, w->sink).state == w->state;
}

void
lanes_await_state(uint64_t store, uint64_t forward, uint32_t sink, enum px_lane_state s)
{
	struct wanted w = { .store = store, .forward = forward, .sink = sink, .state = s };

	ck_assert_msg(core_await(has_state, &w), "the lane is not %s but %d", px_lane_state_name(s),
	              (int)lanes_look(store, forward, sink).state);
}

static bool
has_taken(void *arg)
{
	const struct wanted *w = arg;
	bool has;

	pthread_mutex_lock(&lanes.lock);
	has = lanes.sinks[w->of].n_taken >= w->n;
	pthread_mutex_unlock(&lanes.lock);
	return has;
}

void
lanes_await_taken(size_t sink, size_t n)
{
	struct wanted w = { .of = sink, .n = n };

	ck_assert_msg(core_await(has_taken, &w), "sink %zu has not got %zu", sink, n);
}

static bool
has_requests(void *arg)
{
	const struct wanted *w = arg;

	return lanes_requests(w->of) >= w->n;
}

void
lanes_await_requests(size_t sink, size_t n)
{
	struct wanted w = { .of = sink, .n = n };

	ck_assert_msg(core_await(has_requests, &w), "sink %zu was not asked %zu times", sink, n);
}

static bool
has_cursor(void *arg)
{
	const struct wanted *w = arg;
	struct px_sink s;

	return px_bed_sink(&lanes.book, w->forward, w->sink, &s) == RC_OK && s.cursor >= w->n;
}

void
lanes_await_cursor(uint64_t forward, uint32_t sink, uint64_t cursor)
{
	struct wanted w = { .forward = forward, .sink = sink, .n = cursor };

	ck_assert_msg(core_await(has_cursor, &w), "the cursor of sink %u is not there", sink);
}

size_t
lanes_requests(size_t sink)
{
	size_t n;

	pthread_mutex_lock(&lanes.lock);
	n = lanes.sinks[sink].requests;
	pthread_mutex_unlock(&lanes.lock);
	return n;
}

void
lanes_expect(size_t sink, uint64_t first, uint64_t upto)
{
	const struct lanes_sink *s = &lanes.sinks[sink];

	lanes_await_taken(sink, upto - first + 1);
	pthread_mutex_lock(&lanes.lock);
	ck_assert_uint_eq(s->n_taken, upto - first + 1);
	for (size_t i = 0; i < s->n_taken; i++)
		ck_assert_uint_eq(s->taken[i], lanes.ids[first - 1 + i]);
	pthread_mutex_unlock(&lanes.lock);
}

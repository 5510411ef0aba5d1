/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder at work with a sink of datagrams. */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "cap/pxy/px_udp.h"
#include "pre/unit.h"
#include "px_lanes_bed.h"

#define PER 5u /* units of a section with 3 messages */
#define SCRIPT 8u

static const uint8_t sink_key[PX_UDP_KEY_BYTES] = { 7, 7, 7 };

/* The sink; guarded by lock. */
static struct {
	struct px_udp *udp;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	uint64_t id;
	enum px_datagram_status script[SCRIPT]; /* of the first messages; then stored */
	size_t n_script, n_seen, n_taken;
	uint64_t numbers[64];
	uint32_t msg_ids[64];
	uint8_t types[64];
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };

static enum rc
find(void *arg, uint64_t id, unsigned turn, struct px_udp_known *out)
{
	(void)arg;
	(void)id;
	if (turn > 0)
		return RC_NOT_FOUND;
	memcpy(out->key, sink_key, sizeof(sink_key));
	out->upto = 0;
	return RC_OK;
}

static void
take(void *arg, struct px_udp_run *r)
{
	struct pre_unit u;

	(void)arg;
	ck_assert_int_eq(pre_unit_parse(r->units[0], NULL, &u), RC_OK);
	pthread_mutex_lock(&sink.lock);
	r->status[0] = sink.n_seen < sink.n_script ? sink.script[sink.n_seen] : PX_DATAGRAM_STORED;
	r->n_done = 1;
	sink.n_seen++;
	sink.id = r->id;
	if (r->status[0] == PX_DATAGRAM_STORED) {
		sink.numbers[sink.n_taken] = r->first;
		sink.msg_ids[sink.n_taken] = u.msg_id;
		sink.types[sink.n_taken++] = u.hdr.type;
	}
	pthread_cond_broadcast(&sink.turn);
	pthread_mutex_unlock(&sink.lock);
	px_udp_taken(r->udp, r);
}

/* A port that nobody has. */
static uint16_t
free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void
setup(void)
{
	const struct px_udp_conf c = {
		.address = "127.0.0.1",
		.unit_max = 65000,
		.held_max = 100000,
		.taker = { .find = find, .take = take, .gaps = true, .ids_max = 4 }
	};
	char why[256];

	lanes_setup();
	ck_assert_int_eq(px_udp_open(&c, &sink.udp, why), RC_OK);
	lanes.conf.proxy.udp = (struct proxy_conf_udp){
		.address = "127.0.0.1", .port = free_port(), .unit_max = 1200, .held = 100000
	};
}

static void
teardown(void)
{
	lanes_teardown();
	px_udp_stop(sink.udp);
	px_udp_free(sink.udp);
}

static uint64_t
forward(uint64_t store, const uint8_t *key)
{
	struct px_flow_sink s;
	char url[64];

	snprintf(url, sizeof(url), "udp://127.0.0.1:%u", px_udp_port(sink.udp));
	px_flow_sink(&s, url, 0xff);
	s.terms.batch = 16;
	s.terms.udp_key = key;
	return px_flow_forward(&lanes.book, store, &s, 1);
}

static uint64_t
store_of(unsigned sections)
{
	uint64_t store = px_flow_store(&lanes.book, true);

	lanes_put(store, sections, 3);
	return store;
}

/* All that was put, in order, each once, under the number that the store has given it. */
static void
expect(size_t n)
{
	pthread_mutex_lock(&sink.lock);
	while (sink.n_taken < n)
		pthread_cond_wait(&sink.turn, &sink.lock);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(sink.numbers[i], i + 1);
		ck_assert_uint_eq(sink.msg_ids[i], lanes.ids[i]);
		ck_assert_uint_eq(sink.types[i], i % PER == 0         ? PRE_MM1
		                                 : i % PER == PER - 1 ? PRE_END
		                                                      : PRE_DATA);
	}
	pthread_mutex_unlock(&sink.lock);
}

START_TEST(one_by_one)
{
	uint64_t store, f;

	lanes_start();
	store = store_of(2);
	f = forward(store, sink_key);
	expect(2 * PER);
	ck_assert_uint_eq(sink.id, f ^ 1);
	lanes_await_cursor(f, 1, 2 * PER);
	lanes_put(store, 1, 3);
	expect(3 * PER);
	lanes_await_cursor(f, 1, 3 * PER);
}
END_TEST

/* Later, no space, and a section that the sink does not know: each comes again. */
START_TEST(again)
{
	static const enum px_datagram_status script[] = { PX_DATAGRAM_LATER, PX_DATAGRAM_FULL,
		                                          PX_DATAGRAM_GONE, PX_DATAGRAM_UNKNOWN };
	uint64_t store, f;

	memcpy(sink.script, script, sizeof(script));
	sink.n_script = sizeof(script) / sizeof(script[0]);
	lanes_start();
	store = store_of(1);
	f = forward(store, sink_key);
	expect(PER);
	lanes_await_cursor(f, 1, PER);
	ck_assert_uint_eq(sink.n_seen, PER + sink.n_script);
}
END_TEST

/* The sink has lost the section: it takes it from its begin on, although it had that. */
START_TEST(back)
{
	uint64_t store, f;

	sink.script[2] = PX_DATAGRAM_UNKNOWN;
	sink.n_script = 3;
	lanes_start();
	store = store_of(1);
	f = forward(store, sink_key);
	lanes_await_cursor(f, 1, PER);
	pthread_mutex_lock(&sink.lock);
	ck_assert_uint_eq(sink.n_seen, 3 + PER);
	ck_assert_uint_eq(sink.n_taken, 2 + PER);
	for (size_t i = 0; i < PER; i++)
		ck_assert_uint_eq(sink.numbers[2 + i], i + 1);
	pthread_mutex_unlock(&sink.lock);
}
END_TEST

START_TEST(refused)
{
	uint64_t store, f;

	sink.script[2] = PX_DATAGRAM_REFUSED;
	sink.n_script = 3;
	lanes_start();
	store = store_of(1);
	f = forward(store, sink_key);
	expect(2);
	lanes_await_state(store, f, 1, PX_LANE_REFUSED);
	ck_assert_uint_eq(lanes_look(store, f, 1).refused, 3);
	lanes_await_cursor(f, 1, 2);
}
END_TEST

struct awaited {
	uint64_t forward;
	const char *text;
};

static bool
has_error(void *arg)
{
	const struct awaited *a = arg;
	struct px_view *v = px_bed_view(&lanes.book);
	struct px_sink s;
	bool is = px_sink_get(v, a->forward, 1, &s) == RC_OK && slice_is(s.error, a->text);

	px_view_close(v);
	return is;
}

/* A proxy without a socket says so. */
START_TEST(without)
{
	struct awaited a = { .text = "0 this proxy has no datagrams" };

	lanes.conf.proxy.udp.port = 0;
	lanes_start();
	a.forward = forward(store_of(1), sink_key);
	ck_assert(core_await(has_error, &a));
}
END_TEST

/* A sink without a key cannot be spoken to. */
START_TEST(without_key)
{
	struct awaited a = { .text = "0 the key of its datagrams is not there" };

	lanes_start();
	a.forward = forward(store_of(1), NULL);
	ck_assert(core_await(has_error, &a));
}
END_TEST

struct silent {
	uint64_t store, forwards[2];
};

/* One has been given up, the other goes on. */
static bool
one_is_given_up(void *arg)
{
	const struct silent *s = arg;
	struct awaited a = { .text = "0 no datagram of the sink has come back" };
	bool given_up[2];

	for (size_t i = 0; i < 2; i++) {
		struct px_lane_look look = lanes_look(s->store, s->forwards[i], 1);

		a.forward = s->forwards[i];
		given_up[i] = has_error(&a);
		if (!given_up[i] && (look.state != PX_LANE_SEND || look.failures > 0))
			return false;
	}
	return given_up[0] != given_up[1];
}

/*
 * The sink does not know the key, and says nothing. Of two lanes the first moves to the only spare
 * place after a second; the other one then gets its place, and may not keep it. It ends so.
 */
START_TEST(silent)
{
	static const uint8_t other_key[PX_UDP_KEY_BYTES] = { 1 };
	int64_t begun = clock_monotonic();
	struct silent s;

	lanes.conf.proxy.store.in_flight = 1;
	lanes_start();
	s.store = store_of(1);
	for (size_t i = 0; i < 2; i++)
		s.forwards[i] = forward(s.store, other_key);
	ck_assert(core_await(one_is_given_up, &s));
	/* Long before a datagram has been sent in vain seven times. */
	ck_assert_int_lt(clock_monotonic() - begun, 30 * CLOCK_SECOND);
	ck_assert_uint_eq(sink.n_seen, 0);
}
END_TEST

/* What is under way when everything stops is over. */
START_TEST(stopped)
{
	uint64_t store;

	sink.n_script = SCRIPT;
	for (size_t i = 0; i < SCRIPT; i++)
		sink.script[i] = PX_DATAGRAM_LATER;
	lanes.conf.proxy.retry_first = 1;
	lanes_start();
	store = store_of(4);
	(void)forward(store, sink_key);
	expect(1);
}
END_TEST

static Suite *
udp_suite(void)
{
	Suite *s = suite_create("px_send_udp");
	TCase *c = suite_case(s, "datagrams", setup, teardown);

	tcase_add_test(c, one_by_one);
	tcase_add_test(c, again);
	tcase_add_test(c, back);
	tcase_add_test(c, refused);
	tcase_add_test(c, without);
	tcase_add_test(c, without_key);
	tcase_add_test(c, silent);
	tcase_add_test(c, stopped);
	return s;
}

int
main(void)
{
	return run_pre_suite(udp_suite);
}

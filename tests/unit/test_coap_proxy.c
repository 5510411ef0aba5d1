/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy needs of the CoAP server, seen by a client on a socket: messages of the form of
 * Fig. 5 of the paper reach the endpoint for what is for others, and what an endpoint serves can be
 * observed.
 */
#include "config.h"

#include "coap_wire.h"
#include "core_bed.h"
#include "suite.h"

#include <stdio.h>

#include "bind/coap.h"
#include "bind/coap_map.h"
#include "cap/pxy/px_coap.h"
#include "core/endpoint.h"
#include "pre/data.h"

#define PROXY BASE "/proxy"
#define INBOX "/inbox/"
#define SOURCE "http://gw.example/m2m"
#define SINK "coap://b.example/m2m/proxy/inbox"
#define STORE "\x01\x23\x45\x67\x89\xab\xcd\xef"
#define MSG_ID 0x746f6b6eu
#define TOKEN "tokn"
#define OTHER_ID 0x6f746872u
#define OTHER "othr"
#define UNITS_MAX 8u
#define BLOCK_SIZE 256u
#define SZX 4u
#define KEY UINT64_C(7)

static struct core_bed b;
static struct coapd *server;
static struct client client;

/* ---- the endpoints ---- */

static struct {
	pthread_mutex_t lock;
	unsigned n;
	struct buf units[UNITS_MAX];
	char stores[UNITS_MAX][9];
	bool hold; /* what comes is answered by let_go */
	struct req *held;
	unsigned value; /* of the monitor */
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum rc
stored(struct req *rq)
{
	req_answer(rq)->location = SLICE_LIT(PROXY "/stores/0123456789abcdef");
	return endpoint_answer(rq, RC_CREATED, NULL, SLICE_NONE);
}

static void
begin(struct req *rq)
{
	pthread_mutex_lock(&seen.lock);
	seen.held = rq;
	pthread_mutex_unlock(&seen.lock);
}

static enum rc
take_unit(void *arg, struct req *rq, const struct req_input *in)
{
	struct buf *unit;
	enum rc rc;

	(void)arg;
	pthread_mutex_lock(&seen.lock);
	ck_assert_uint_lt(seen.n, UNITS_MAX);
	unit = &seen.units[seen.n];
	buf_init(unit, 65536);
	rc = px_coap_read(in, false, SLICE_LIT("m2m.invalid"), NULL, req_arena(rq), unit);
	snprintf(seen.stores[seen.n], 9, "%.*s", (int)in->pre_store.n,
	         in->pre_store.p == NULL ? "" : in->pre_store.p);
	seen.n++;
	pthread_mutex_unlock(&seen.lock);
	if (rc != RC_OK)
		return endpoint_refuse(rq, rc, SLICE_LIT("no message"));
	return seen.hold ? endpoint_pend(rq, begin, NULL) : stored(rq);
}

static enum rc
look(void *arg, struct req *rq, const struct req_input *in)
{
	char text[16];

	(void)arg;
	(void)in;
	endpoint_watch(rq, KEY);
	pthread_mutex_lock(&seen.lock);
	snprintf(text, sizeof(text), "%u", seen.value);
	pthread_mutex_unlock(&seen.lock);
	return endpoint_answer(rq, RC_OK, "application/json", slice_of(text));
}

static void
set(unsigned value)
{
	pthread_mutex_lock(&seen.lock);
	seen.value = value;
	pthread_mutex_unlock(&seen.lock);
	observe_tell(b.scl, KEY);
}

static const struct endpoint endpoints[] = {
	{ .path = PROXY "/monitor", .serve = SERVE_PROXY, .serve_request = look },
	{ .path = INBOX,
	  .serve = SERVE_PROXY,
	  .body_max = 8192,
	  .foreign = true,
	  .serve_request = take_unit },
};

static void
attach(struct scl *scl)
{
	for (size_t i = 0; i < NITEMS(endpoints); i++)
		ck_assert_int_eq(endpoint_add(scl, &endpoints[i]), RC_OK);
}

/* ---- the client ---- */

static struct pre_unit unit;
static struct buf wire, payload;
static unsigned char rest[4096];

static void
make_unit(uint32_t msg_id, const char *sink, size_t n)
{
	unit = (struct pre_unit){ .hdr = { .type = PRE_DATA, .cid = PRE_CID_DEFAULT },
		                  .msg_id = msg_id,
		                  .source = SLICE_LIT(SOURCE),
		                  .sink = slice_of(sink) };
	ck_assert_uint_eq(pre_source_name(unit.source, unit.hdr.source), RC_OK);
	memset(rest, (int)(msg_id & 0x7f), sizeof(rest));
	unit.rest = slice_make(rest, pre_data_size(&unit.hdr, n));
	buf_clear(&wire);
	buf_clear(&payload);
	ck_assert_uint_eq(pre_unit_write(&unit, &wire), RC_OK);
	ck_assert_uint_eq(pre_unit_payload(&unit, &payload), RC_OK);
}

/* Block num of the unit, or all of it (num < 0). */
static void
send_unit(enum msg_type type, const char *token, const char *proxy_uri, long num)
{
	struct slice part = buf_view(&payload);
	bool more = num >= 0 && part.n > ((size_t)num + 1) * BLOCK_SIZE;
	struct msg m;

	msg_begin(&m, type, POST, ++client.mid & 0xffff, token);
	if (proxy_uri == NULL)
		msg_path(&m, INBOX "x");
	msg_uint(&m, OPT_FORMAT, 42);
	if (num >= 0) {
		msg_uint(&m, OPT_BLOCK1, BLOCK(num, more, SZX));
		part = slice_from(part, (size_t)num * BLOCK_SIZE);
		part = more ? slice_head(part, BLOCK_SIZE) : part;
	}
	if (proxy_uri != NULL)
		msg_option(&m, OPT_PROXY_URI, proxy_uri, strlen(proxy_uri));
	if (client.echo_n > 0)
		msg_option(&m, OPT_ECHO, client.echo, client.echo_n);
	msg_option(&m, CMAP_OPTION_PRE_SOURCE, SOURCE, strlen(SOURCE));
	if (proxy_uri != NULL)
		msg_option(&m, CMAP_OPTION_PRE_STORE, STORE, 8);
	msg_payload(&m, part.p, part.n);
	client_send(&client, &m);
}

static void
expect_answer(enum msg_type type, const char *token, unsigned code)
{
	struct got g;

	client_get(&client, &g);
	ck_assert_int_eq(g.type, type);
	ck_assert_uint_eq(g.code, code);
	ck_assert_str_eq(g.token, token);
	if (code == 201)
		ck_assert(slice_is(got_option(&g, 8), "m2m"));
	if (type == CON)
		client_empty(&client, ACK, g.mid);
}

/* Of what is for others: libcoap acknowledges that at once. */
static void
expect_separate(const char *token, unsigned code)
{
	expect_answer(ACK, "", 0);
	expect_answer(CON, token, code);
}

/* The endpoint has got the unit as it was made last. */
static void
expect_unit(unsigned at, const char *store)
{
	pthread_mutex_lock(&seen.lock);
	ck_assert_uint_eq(seen.n, at + 1);
	ck_assert(slice_eq(buf_view(&seen.units[at]), buf_view(&wire)));
	ck_assert_str_eq(seen.stores[at], store);
	pthread_mutex_unlock(&seen.lock);
}

static void
prove(void)
{
	struct got g;

	client_ask(&client, GET, "/.well-known/core", &g);
	ck_assert_uint_ne(client.echo_n, 0);
}

static void
ready(void)
{
	const struct coapd_conf conf = { .serve = SERVE_PROXY,
		                         .address = "127.0.0.1",
		                         .ack_delay_ms = 100 };
	struct coapd_conf with = conf;
	char why[COAPD_WHY_MAX];

	core_init_alone(&b);
	b.attach = attach;
	core_start(&b);
	with.scl = b.scl;
	with.log = b.log;
	ck_assert_msg(coapd_start(&with, &server, why) == RC_OK, "%s", why);
	client_join(&client, coapd_port(server));
	buf_init(&wire, 65536);
	buf_init(&payload, 65536);
	seen.n = seen.value = 0;
	seen.hold = false;
	seen.held = NULL;
	prove();
}

static void
over(void)
{
	client_close(&client);
	coapd_stop(server);
	for (unsigned i = 0; i < seen.n; i++)
		buf_fini(&seen.units[i]);
	buf_fini(&wire);
	buf_fini(&payload);
	core_fini(&b);
}

/* ---- tests ---- */

START_TEST(to_a_proxy)
{
	make_unit(MSG_ID, SINK, 100);
	send_unit(CON, TOKEN, SINK, -1);
	expect_separate(TOKEN, 201);
	expect_unit(0, STORE);
	make_unit(MSG_ID, "", 100);
	send_unit(CON, TOKEN, "coap://m2m.invalid/", -1);
	expect_separate(TOKEN, 201);
	expect_unit(1, STORE);
}
END_TEST

START_TEST(to_a_sink)
{
	char own[64];

	snprintf(own, sizeof(own), "coap://127.0.0.1:%u" INBOX "x", coapd_port(server));
	make_unit(MSG_ID, own, 100);
	send_unit(CON, TOKEN, NULL, -1);
	expect_answer(ACK, TOKEN, 201);
	expect_unit(0, "");
}
END_TEST

/* Nothing is owed, but it is taken alike. */
START_TEST(without_confirmation)
{
	make_unit(MSG_ID, SINK, 100);
	send_unit(NON, TOKEN, SINK, -1);
	expect_answer(NON, TOKEN, 201);
	expect_unit(0, STORE);
}
END_TEST

static bool
is_held(void *arg)
{
	bool held;

	(void)arg;
	pthread_mutex_lock(&seen.lock);
	held = seen.held != NULL;
	pthread_mutex_unlock(&seen.lock);
	return held;
}

START_TEST(a_separate_answer)
{
	seen.hold = true;
	make_unit(MSG_ID, SINK, 100);
	send_unit(CON, TOKEN, SINK, -1);
	ck_assert(core_await(is_held, NULL));
	expect_answer(ACK, "", 0);
	endpoint_finish(seen.held, stored(seen.held));
	expect_answer(CON, TOKEN, 201);
	expect_unit(0, STORE);
}
END_TEST

/* Two messages of one source to one sink, without Request-Tag: their numbers tell them apart. */
START_TEST(blocks)
{
	make_unit(OTHER_ID, SINK, 600);
	send_unit(CON, OTHER, SINK, 0);
	expect_separate(OTHER, 231);
	make_unit(MSG_ID, SINK, 600);
	for (long i = 0; i < 2; i++) {
		send_unit(CON, TOKEN, SINK, i);
		expect_separate(TOKEN, 231);
	}
	send_unit(CON, TOKEN, SINK, 2);
	expect_separate(TOKEN, 201);
	expect_unit(0, STORE);
	make_unit(OTHER_ID, SINK, 600);
	send_unit(CON, OTHER, SINK, 1);
	expect_separate(OTHER, 231);
	send_unit(CON, OTHER, SINK, 2);
	expect_separate(OTHER, 201);
	expect_unit(1, STORE);
}
END_TEST

START_TEST(what_is_no_message)
{
	make_unit(MSG_ID, SINK, 100);
	payload.p[0] ^= 1;
	send_unit(CON, TOKEN, SINK, -1);
	expect_separate(TOKEN, 400);
	payload.p[0] ^= 1;
	/* A number has four octets. */
	send_unit(CON, "tok", SINK, -1);
	expect_separate("tok", 400);
}
END_TEST

static void
ask_monitor(int observe)
{
	struct msg m;

	msg_begin(&m, CON, GET, ++client.mid & 0xffff, TOKEN);
	msg_uint(&m, OPT_OBSERVE, (unsigned long)observe);
	msg_path(&m, PROXY "/monitor");
	if (client.echo_n > 0)
		msg_option(&m, OPT_ECHO, client.echo, client.echo_n);
	client_send(&client, &m);
}

static void
expect_value(const char *text, bool observed)
{
	struct got g;

	client_get(&client, &g);
	ck_assert_uint_eq(g.code, 205);
	ck_assert_msg(slice_is(g.payload, text), "%.*s", (int)g.payload.n, g.payload.p);
	ck_assert_int_eq(got_uint(&g, OPT_OBSERVE) >= 0, observed);
	if (g.type == CON)
		client_empty(&client, ACK, g.mid);
}

START_TEST(a_monitor)
{
	ask_monitor(0);
	expect_value("0", true);
	set(1);
	expect_value("1", true);
	/* What reads as before is not told. */
	observe_tell(b.scl, KEY);
	set(2);
	expect_value("2", true);
	ask_monitor(1);
	expect_value("2", false);
	set(3);
	client_expect_silence(&client);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("coap_proxy");
	TCase *c = suite_case(s, "coap_proxy", ready, over);

	tcase_add_test(c, to_a_proxy);
	tcase_add_test(c, to_a_sink);
	tcase_add_test(c, without_confirmation);
	tcase_add_test(c, a_separate_answer);
	tcase_add_test(c, blocks);
	tcase_add_test(c, what_is_no_message);
	tcase_add_test(c, a_monitor);
	return run_suite(s);
}

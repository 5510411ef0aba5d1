/* SPDX-License-Identifier: Apache-2.0 */
/* Observe (RFC 7641) as a client on a socket sees it. */
#include "config.h"

#include "coap_wire.h"
#include "core_bed.h"
#include "suite.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/coap.h"

#define APPS BASE "/applications"
#define C1 APPS "/a1/containers/c1"
#define CI C1 "/contentInstances"
#define LATEST CI "/latest/content"
#define RIGHTS BASE "/accessRights"

#define NO_OBSERVE (-1)

/* What a message says; what it has not is -1. */
struct message {
	struct got got;
	long observe, max_age, block2, format;
	char payload[sizeof(((struct got *)0)->octets) + 1];
};

static struct core_bed b;
static struct coapd_conf conf;
static struct coapd *server;
static struct client client, control;
/* Of the next requests. */
static const char *issuer;
static long wanted_block; /* -1: none */

static void
ask(struct client *c, const char *token, const char *path, int observe)
{
	char query[128];
	struct msg m;

	msg_begin(&m, CON, GET, ++c->mid & 0xffff, token);
	msg_option(&m, OPT_HOST, "scl.example.org", 15);
	if (observe != NO_OBSERVE)
		msg_uint(&m, OPT_OBSERVE, (unsigned long)observe);
	msg_uint(&m, OPT_PORT, 8080);
	msg_path(&m, path);
	snprintf(query, sizeof(query), "RequestingEntity=%s", issuer);
	msg_option(&m, OPT_QUERY, query, strlen(query));
	if (wanted_block >= 0)
		msg_uint(&m, OPT_BLOCK2, (unsigned long)wanted_block);
	if (c->echo_n > 0)
		msg_option(&m, OPT_ECHO, c->echo, c->echo_n);
	client_send(c, &m);
}

/* False: nothing within ms. Pings are answered. */
static bool
receive(struct client *c, struct message *m, int ms)
{
	do {
		if (!client_read(c, &m->got, ms))
			return false;
		if (m->got.code == 0 && m->got.type == CON)
			client_empty(c, RST, m->got.mid);
	} while (m->got.code == 0);
	m->observe = got_uint(&m->got, OPT_OBSERVE);
	m->max_age = got_uint(&m->got, OPT_MAX_AGE);
	m->block2 = got_uint(&m->got, OPT_BLOCK2);
	m->format = got_uint(&m->got, OPT_FORMAT);
	snprintf(m->payload, sizeof(m->payload), "%.*s", (int)m->got.payload.n, m->got.payload.p);
	return true;
}

/* ---- what clients do ---- */

static struct message
get(struct client *c, const char *token, const char *path, int observe)
{
	struct message m;

	ask(c, token, path, observe);
	ck_assert(receive(c, &m, WAIT_MS));
	ck_assert_str_eq(m.got.token, token);
	ck_assert_int_eq(m.got.type, ACK);
	return m;
}

/* The first answer has the proof of the address. */
static void
prove(struct client *c)
{
	get(c, "p", BASE, NO_OBSERVE);
	get(c, "p", BASE, NO_OBSERVE);
}

static void
join(struct client *c)
{
	client_join(c, coapd_port(server));
}

static long
observe(struct client *c, const char *token, const char *path)
{
	struct message m = get(c, token, path, 0);

	ck_assert_uint_eq(m.got.code, 205);
	ck_assert_int_ge(m.observe, 0);
	ck_assert_int_gt(m.max_age, 60);
	return m.observe;
}

static struct message
notified(struct client *c, const char *token)
{
	struct message m;

	ck_assert(receive(c, &m, WAIT_MS));
	ck_assert_str_eq(m.got.token, token);
	if (m.got.type == CON)
		client_empty(c, ACK, m.got.mid);
	return m;
}

static void
post(const char *text)
{
	ck_assert_int_eq(core_post_text(&b, CI, text), 201);
}

static void
expect(struct client *c, const char *token, const char *text)
{
	struct message m = notified(c, token);

	ck_assert_uint_eq(m.got.code, 205);
	ck_assert_str_eq(m.payload, text);
	ck_assert_int_ge(m.observe, 0);
}

/* After some rounds that another client was told of, c has nothing. */
static void
expect_nothing(struct client *c)
{
	struct message m;
	char text[16];

	join(&control);
	prove(&control);
	observe(&control, "k", LATEST);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "control%u", i);
		post(text);
		expect(&control, "k", text);
	}
	ck_assert(!receive(c, &m, 0));
	client_close(&control);
}

static void
start(void)
{
	char why[COAPD_WHY_MAX];

	ck_assert_msg(coapd_start(&conf, &server, why) == RC_OK, "%s", why);
	join(&client);
	prove(&client);
}

static void
ready(void)
{
	core_init_alone(&b);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	post("first");
	conf = (struct coapd_conf){
		.scl = b.scl, .log = b.log, .address = "127.0.0.1", .serve = SERVE_MIA | SERVE_MID
	};
	server = NULL;
	issuer = ADMIN;
	wanted_block = -1;
}

static void
over(void)
{
	if (server != NULL)
		client_close(&client);
	coapd_stop(server);
	core_fini(&b);
}

/* ---- tests ---- */

START_TEST(test_notified)
{
	long first, second;
	struct message m;

	start();
	first = observe(&client, "t", LATEST);
	post("second");
	m = notified(&client, "t");
	ck_assert_int_eq(m.got.type, CON);
	ck_assert_uint_eq(m.got.code, 205);
	ck_assert_str_eq(m.payload, "second");
	ck_assert_int_eq(m.format, 0);
	ck_assert_uint_gt(got_option(&m.got, OPT_ETAG).n, 0);
	ck_assert_int_gt(m.max_age, 60);
	second = m.observe;
	ck_assert_int_ne(second, first);
	ck_assert_int_lt((second - first) & 0xffffff, 1 << 23);
	post("third");
	expect(&client, "t", "third");
}
END_TEST

/* What changes while one is on its way is told once, in its latest state. */
START_TEST(test_coalesced)
{
	struct message m, more;

	start();
	observe(&client, "t", LATEST);
	post("second");
	ck_assert(receive(&client, &m, WAIT_MS));
	ck_assert_str_eq(m.payload, "second");
	for (unsigned i = 0; i < 20; i++)
		post("others");
	post("last");
	client_empty(&client, ACK, m.got.mid);
	expect(&client, "t", "last");
	join(&control);
	get(&control, "x", LATEST, NO_OBSERVE);
	client_close(&control);
	ck_assert(!receive(&client, &more, 0));
}
END_TEST

/* A client has one notification on its way, whatever it observes. */
START_TEST(test_one_at_a_time)
{
	struct message first, m;
	unsigned seen = 0;

	start();
	observe(&client, "0", LATEST);
	observe(&client, "1", CI "/latest");
	observe(&client, "2", CI);
	post("second");
	ck_assert(receive(&client, &first, WAIT_MS));
	get(&client, "x", LATEST, NO_OBSERVE);
	ck_assert(!receive(&client, &m, 0));
	for (m = first;; ck_assert(receive(&client, &m, WAIT_MS))) {
		seen |= 1u << (m.got.token[0] - '0');
		client_empty(&client, ACK, m.got.mid);
		if (seen == 7)
			break;
	}
}
END_TEST

START_TEST(test_deregistered)
{
	struct message m;

	start();
	observe(&client, "t", LATEST);
	m = get(&client, "t", LATEST, 1);
	ck_assert_int_eq(m.observe, -1);
	ck_assert_str_eq(m.payload, "first");
	expect_nothing(&client);
}
END_TEST

START_TEST(test_reset)
{
	struct message m;

	start();
	observe(&client, "t", LATEST);
	post("second");
	ck_assert(receive(&client, &m, WAIT_MS));
	client_empty(&client, RST, m.got.mid);
	expect_nothing(&client);
}
END_TEST

/* The same token: the later one counts. */
START_TEST(test_replaced)
{
	struct message m;

	start();
	observe(&client, "t", CI);
	observe(&client, "t", LATEST);
	post("second");
	expect(&client, "t", "second");
	/* One that fails ends the one before. */
	m = get(&client, "t", C1 "/nothing", 0);
	ck_assert_uint_eq(m.got.code, 404);
	ck_assert_int_eq(m.observe, -1);
	expect_nothing(&client);
}
END_TEST

START_TEST(test_gone)
{
	struct message m;

	start();
	observe(&client, "t", LATEST);
	ck_assert_int_eq(core_status(&b, "DELETE", C1, ADMIN, NULL), 204);
	m = notified(&client, "t");
	ck_assert_uint_eq(m.got.code, 404);
	ck_assert_int_eq(m.observe, -1);
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	post("first");
	expect_nothing(&client);
}
END_TEST

/* The right is judged with each reading. */
START_TEST(test_right_taken)
{
	struct message m;

	start();
	ck_assert_int_eq(core_do(&b, "POST", RIGHTS,
	                         "<m2m:accessRight " NS " m2m:id=\"r1\"><m2m:permissions>"
	                         "<m2m:permission m2m:id=\"p\"><m2m:permissionFlags>"
	                         "<m2m:flag>READ</m2m:flag></m2m:permissionFlags>"
	                         "<m2m:permissionHolders><m2m:all/></m2m:permissionHolders>"
	                         "</m2m:permission></m2m:permissions><m2m:selfPermissions>"
	                         "<m2m:permission m2m:id=\"s\"><m2m:permissionFlags>"
	                         "<m2m:flag>READ</m2m:flag><m2m:flag>WRITE</m2m:flag>"
	                         "<m2m:flag>DELETE</m2m:flag></m2m:permissionFlags>"
	                         "<m2m:permissionHolders><m2m:all/></m2m:permissionHolders>"
	                         "</m2m:permission></m2m:selfPermissions></m2m:accessRight>"),
	                 201);
	ck_assert_int_eq(core_container(&b, "a1", "c2", "r1", ""), 201);
	issuer = "http://x.example.org/";
	observe(&client, "t", APPS "/a1/containers/c2");
	ck_assert_int_eq(core_status(&b, "DELETE", RIGHTS "/r1", ADMIN, NULL), 204);
	m = notified(&client, "t");
	ck_assert_uint_gt(m.got.code, 400);
	ck_assert_int_eq(m.observe, -1);
}
END_TEST

/* Who is told to read again and finds the same tells nobody. */
START_TEST(test_same)
{
	struct message m;

	start();
	observe(&client, "t", BASE "/scls");
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(core_do(&b, "POST", APPS, "<m2m:application " NS "/>"), 201);
	expect_nothing(&client);
	ck_assert(!receive(&client, &m, 1500));
}
END_TEST

static void
check_full(const char *token, bool fits)
{
	struct message m = get(&client, token, LATEST, 0);

	ck_assert_uint_eq(m.got.code, 205);
	ck_assert_str_eq(m.payload, "first");
	ck_assert_int_eq(m.observe >= 0, fits);
}

START_TEST(test_full)
{
	conf.max_observers = 3;
	conf.max_observers_per_session = 2;
	start();
	check_full("1", true);
	check_full("2", true);
	check_full("3", false);
	/* In place of another there is room. */
	check_full("2", true);
	client_close(&client);
	join(&client);
	prove(&client);
	check_full("1", true);
	check_full("2", false);
}
END_TEST

/* Who has not proved his address has a quarter of the room. */
START_TEST(test_full_of_unproved)
{
	struct message m;

	conf.max_observers = 8;
	start();
	for (unsigned i = 0; i < 3; i++) {
		join(&control);
		m = get(&control, "t", LATEST, 0);
		ck_assert_int_eq(m.observe >= 0, i < 2);
		/* With the proof there is room. */
		if (i == 2)
			observe(&control, "t", LATEST);
		client_close(&control);
	}
	check_full("1", true);
}
END_TEST

static void
fill(char *text, size_t n, char last)
{
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	text[n - 2] = last;
	text[n - 1] = '\0';
}

/* Too little is paid for a CON: it is a NON, then there is a ping, which receive answers. */
START_TEST(test_unproved)
{
	char text[150];

	start();
	join(&control);
	get(&control, "t", LATEST, 0);
	fill(text, sizeof(text), 'x');
	post(text);
	ck_assert_int_eq(notified(&control, "t").got.type, NON);
	post("third");
	expect(&control, "t", "third");
	client_close(&control);
}
END_TEST

/* A large one: its first block is the notification, the others are asked for. */
START_TEST(test_blocks)
{
	static char text[3000], got[3000];
	struct message m;
	size_t n = 0;

	start();
	fill(text, sizeof(text), '1');
	post(text);
	m = get(&client, "t", LATEST, 0);
	ck_assert_int_ge(m.observe, 0);
	ck_assert_int_eq(m.block2, 8 | 6);
	fill(text, sizeof(text), '2');
	post(text);
	m = notified(&client, "t");
	ck_assert_int_ge(m.observe, 0);
	while (true) {
		ck_assert_int_eq(m.block2 >> 4, (long)(n / 1024));
		memcpy(got + n, m.payload, m.got.payload.n);
		n += m.got.payload.n;
		if ((m.block2 & 8) == 0)
			break;
		wanted_block = (long)(n / 1024) << 4 | 6;
		m = get(&client, "b", LATEST, NO_OBSERVE);
	}
	ck_assert_uint_eq(n, sizeof(text) - 1);
	ck_assert_mem_eq(got, text, n);
}
END_TEST

/* After the first, whose round trip it measures, at most one in that time, and 20 ms at least. */
START_TEST(test_non)
{
	int64_t begin = clock_monotonic();
	char text[16] = "second";
	struct message m;

	conf.notify_non = true;
	start();
	observe(&client, "t", LATEST);
	post(text);
	m = notified(&client, "t");
	ck_assert_int_eq(m.got.type, CON);
	ck_assert_str_eq(m.payload, text);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "next%u", i);
		post(text);
		m = notified(&client, "t");
		ck_assert_int_eq(m.got.type, NON);
		ck_assert_str_eq(m.payload, text);
	}
	ck_assert_int_ge(clock_monotonic() - begin, 5 * CLOCK_SECOND / 50);
	client_empty(&client, RST, m.got.mid);
	get(&client, "x", LATEST, NO_OBSERVE);
	expect_nothing(&client);
}
END_TEST

/*
 * A CON that is not acknowledged comes again; the server ends with one on its way to a client that
 * has left.
 */
START_TEST(test_repeated)
{
	struct message m, again;

	start();
	join(&control);
	m = get(&control, "t", LATEST, 0);
	ck_assert_int_ge(m.observe, 0);
	get(&control, "u", CI, 0);
	post("second");
	ck_assert(receive(&control, &m, WAIT_MS));
	ck_assert(receive(&control, &again, WAIT_MS));
	ck_assert_uint_eq(again.got.mid, m.got.mid);
	ck_assert_int_eq(again.observe, m.observe);
	ck_assert_str_eq(again.got.token, m.got.token);
	client_close(&control);
}
END_TEST

/* The server ends while a client does not acknowledge. */
START_TEST(test_stop)
{
	struct message m;

	start();
	observe(&client, "t", LATEST);
	observe(&client, "u", CI);
	post("second");
	ck_assert(receive(&client, &m, WAIT_MS));
	post("third");
}
END_TEST

/* ---- under load ---- */

#define CLIENTS 16u

static void *
post_many(void *arg)
{
	_Atomic bool *all = arg;
	char text[16];

	for (unsigned i = 0; !atomic_load(all) || i < core_scale(300); i++) {
		snprintf(text, sizeof(text), "n%u", i);
		ck_assert_int_eq(core_post_text(&b, CI, text), 201);
	}
	ck_assert_int_eq(core_post_text(&b, CI, "end"), 201);
	return NULL;
}

/* All have the last state in the end, whatever they missed; values of Observe only grow. */
START_TEST(test_last_state)
{
	struct client clients[CLIENTS];
	long last[CLIENTS];
	_Atomic bool all = false; /* observe */
	pthread_t thread;

	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &all), 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		join(&clients[i]);
		prove(&clients[i]);
		last[i] = observe(&clients[i], "t", LATEST);
	}
	atomic_store(&all, true);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct message m;

		do {
			m = notified(&clients[i], "t");
			ck_assert_int_gt((m.observe - last[i]) & 0xffffff, 0);
			ck_assert_int_lt((m.observe - last[i]) & 0xffffff, 1 << 23);
			last[i] = m.observe;
		} while (strcmp(m.payload, "end") != 0);
		client_close(&clients[i]);
	}
	pthread_join(thread, NULL);
}
END_TEST

/* The answer with token; what is told meanwhile is acknowledged. */
static void
take_answer(struct client *c, const char *token)
{
	struct message m;

	while (true) {
		ck_assert(receive(c, &m, WAIT_MS));
		if (m.got.type == ACK)
			break;
		if (m.got.type == CON)
			client_empty(c, ACK, m.got.mid);
	}
	ck_assert_str_eq(m.got.token, token);
	ck_assert_uint_eq(m.got.code, 205);
}

/* More clients than are served at once end what they are about to be told of, and observe more. */
START_TEST(test_come_and_go)
{
	struct client clients[40];

	start();
	for (unsigned i = 0; i < NITEMS(clients); i++) {
		join(&clients[i]);
		prove(&clients[i]);
		observe(&clients[i], "b", C1);
	}
	for (unsigned n = 0; n < core_scale(20); n++) {
		for (unsigned i = 0; i < NITEMS(clients); i++) {
			ask(&clients[i], "a", LATEST, 0);
			take_answer(&clients[i], "a");
		}
		post("next");
		for (unsigned i = 0; i < NITEMS(clients); i++)
			ask(&clients[i], "a", LATEST, 1);
		for (unsigned i = 0; i < NITEMS(clients); i++)
			take_answer(&clients[i], "a");
	}
	for (unsigned i = 0; i < NITEMS(clients); i++)
		client_close(&clients[i]);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_notified, test_coalesced, test_one_at_a_time, test_deregistered,
		test_reset,    test_replaced,  test_gone,          test_right_taken,
		test_same,     test_full,      test_blocks,        test_non,
		test_repeated, test_stop,      test_last_state,    test_full_of_unproved, test_come_and_go,
		test_unproved,
	};
	Suite *s = suite_create("coap_observe");
	TCase *c = suite_case(s, "coap_observe", ready, over);

	for (size_t i = 0; i < NITEMS(tests); i++)
		tcase_add_test(c, tests[i]);
	return core_run(s);
}

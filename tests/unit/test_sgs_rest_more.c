/* SPDX-License-Identifier: Apache-2.0 */
/* The SGA server: long polls, deliveries to contacts, how it ends and begins again. */
#include "config.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>

#include "cap/sgs/sgs_own.h"
#include "cap/sgs/sgs_wait.h"
#include "sga/octets.h"
#include "sgs_rest_bed.h"

/* ---- long polls ---- */

struct poll {
	char tag[160];
	const char *path;
	struct answer answer;
};

static void *
poll_main(void *arg)
{
	struct poll *p = arg;

	p->answer =
		sgs_ask("GET", p->path, &(struct how){ .tag = p->tag, .accept = JSON }, SLICE_NONE);
	return NULL;
}

static bool
waits(void *arg)
{
	return sgs_wait_waiting(sgs->wait) == *(unsigned *)arg;
}

static void
begin_poll(struct poll *p, pthread_t *thread, struct phone *of, const char *path)
{
	unsigned n = sgs_wait_waiting(sgs->wait) + 1;

	p->path = path;
	snprintf(p->tag, sizeof(p->tag), "%s", phone_tag(of, "GET", path, SLICE_NONE));
	ck_assert_int_eq(pthread_create(thread, NULL, poll_main, p), 0);
	ck_assert(core_await(waits, &n));
}

START_TEST(test_poll)
{
	struct phone alice, bob;
	pthread_t thread;
	struct poll p;
	struct talk t;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	begin_poll(&p, &thread, &bob, "devices/bob/mailbox?wait=60&max=1");
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	pthread_join(thread, NULL);
	ck_assert_int_eq(p.answer.status, 200);
	ck_assert_ptr_nonnull(strstr(p.answer.p, "{\"item\":[{\"id\":1,\"message\":\""));
	answer_fini(&p.answer);
	/* Nothing comes: an empty list, when the time is over. */
	begin_poll(&p, &thread, &alice, "devices/alice/mailbox?wait=1");
	pthread_join(thread, NULL);
	ck_assert_str_eq(p.answer.p, "{\"item\":[]}");
	answer_fini(&p.answer);
	ck_assert_int_eq(phone_status(&alice, "GET", "devices/alice/mailbox?wait=61", SLICE_NONE),
	                 400);
	ck_assert_int_eq(phone_status(&alice, "GET", "devices/alice/mailbox?max=0", SLICE_NONE),
	                 400);
	/* And when the server ends. */
	begin_poll(&p, &thread, &alice, "devices/alice/mailbox?wait=60");
	sgs_halt();
	pthread_join(thread, NULL);
	ck_assert_int_eq(p.answer.status, 200);
	answer_fini(&p.answer);
	ck_assert_int_eq(sgs_status("GET", "package", NULL, SLICE_NONE), 503);
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

START_TEST(test_poll_places)
{
	struct poll p[4];
	pthread_t threads[4];
	struct phone alice;
	char path[] = "devices/alice/mailbox?wait=60";

	phone_register(&alice, "alice", 2);
	for (size_t i = 0; i < 4; i++)
		begin_poll(&p[i], &threads[i], &alice, path);
	/* There is no place any more: answered at once. */
	ck_assert_int_eq(phone_status(&alice, "GET", path, SLICE_NONE), 200);
	sgs_halt();
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(p[i].answer.status, 200);
		answer_fini(&p[i].answer);
	}
	phone_fini(&alice);
}
END_TEST

/* ---- contacts ---- */

struct contact {
	pthread_mutex_t lock;
	unsigned posts, order; /* requests; the items that came in their order */
	unsigned refusals; /* that are still to be given */
};

static struct contact contact = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct slice
header_of(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (slice_is(ex->headers[i].name, name))
			return ex->headers[i].value;
	return SLICE_NONE;
}

static struct port_answer
contact_answer(void *arg, const struct exchange *ex)
{
	struct contact *c = arg;
	struct port_answer a = { .status = 204 };
	uint64_t item = 0;

	if (!slice_is(ex->url, "http://phone.example/items"))
		return (struct port_answer){ .status = 503 };
	pthread_mutex_lock(&c->lock);
	c->posts++;
	if (c->refusals > 0) {
		c->refusals--;
		a.status = 500;
	} else if (slice_number(header_of(ex, "X-M2M-SGA-Item"), 100, &item) &&
	           item == c->order + 1 && ex->body.n > SGA_HEADER_SIZE) {
		c->order++;
	}
	pthread_mutex_unlock(&c->lock);
	return a;
}

static bool
has_all(void *arg)
{
	bool has;

	pthread_mutex_lock(&contact.lock);
	has = contact.order == *(unsigned *)arg;
	pthread_mutex_unlock(&contact.lock);
	return has;
}

static bool
is_empty(void *arg)
{
	struct answer a = managed("GET", "stats", NULL);
	bool empty = number_in(&a, "items") == 0;

	(void)arg;
	answer_fini(&a);
	return empty;
}

START_TEST(test_contact)
{
	static const char uri[] = "{\"uri\":\"http://phone.example/items\"}";
	struct phone alice, bob;
	struct talk talks[3];
	unsigned n = 3;
	struct answer a;

	port_fake_set(contact_answer, &contact);
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	contact.refusals = 2;
	ck_assert_int_eq(phone_json_status(&bob, "PUT", "devices/alice/contact", uri), 404);
	ck_assert_int_eq(
		phone_json_status(&bob, "PUT", "devices/bob/contact", "{\"uri\":\"ftp://x/\"}"),
		400);
	ck_assert_int_eq(phone_json_status(&bob, "PUT", "devices/bob/contact", uri), 204);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(talk_invite(&talks[i], &alice, &bob, bed_now()), 202);
	ck_assert(core_await(has_all, &n));
	ck_assert(core_await(is_empty, NULL));
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "itemsPushed"), 3);
	ck_assert_int_eq(number_in(&a, "pushFailures"), 2);
	answer_fini(&a);
	/* Without a contact it stays. */
	ck_assert_int_eq(phone_status(&bob, "DELETE", "devices/bob/contact", SLICE_NONE), 204);
	for (size_t i = 0; i < 3; i++)
		talk_fini(&talks[i]);
	ck_assert_int_eq(talk_invite(&talks[0], &alice, &bob, bed_now()), 202);
	ck_assert(!is_empty(NULL));
	talk_fini(&talks[0]);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

/* ---- what stays ---- */

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static uint64_t
package_serial(const struct answer *a)
{
	struct sga_reader r = sga_reader_of(slice_make(a->p, a->n));

	sga_read(&r, 4 + 1 + 1 + 2 + 2);
	return sga_read_be(&r, 4);
}

START_TEST(test_restart)
{
	char dir[] = "/tmp/sgs-rest-XXXXXX", path[64];
	struct phone alice, bob, carol;
	uint8_t token[SGA_TOKEN_SIZE];
	struct answer a, before;
	struct talk t, old;
	struct buf r1, in;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	sgs_fill();
	sgs_conf.sga.state = dir;
	sgs_conf.sga.engine = &store_lmdb;
	sgs_setup();
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	phone_make(&carol, "carol", 2);
	token_for("carol", token);
	before = sgs_ask("GET", "package", NULL, SLICE_NONE);
	ck_assert_uint_eq(package_serial(&before), 1);
	talk_open(&t, &alice, &bob);
	talk_confirm(&t, &alice, &bob);
	ck_assert_int_eq(talk_say(&t, &alice, true, "kept"), 201);
	sgs_teardown();

	sgs_setup();
	a = sgs_ask("GET", "package", NULL, SLICE_NONE);
	ck_assert(a.n == before.n && memcmp(a.p, before.p, a.n) == 0);
	answer_fini(&a);
	/* All up to the ceiling may have been used: the device goes above it. */
	ck_assert_int_eq(phone_status(&bob, "GET", "devices/bob/mailbox", SLICE_NONE), 403);
	bob.counter += 1000;
	alice.counter += 1000;
	talk_hears(&t, &bob, false, "kept");
	ck_assert_int_eq(talk_say(&t, &bob, false, "thanks"), 201);
	talk_hears(&t, &alice, true, "thanks");
	sgs_teardown();

	/* Another key set: what was made with the one before is taken, but for new sessions. */
	sgs_conf.sga.n_ciphers = 2;
	sgs_setup();
	a = sgs_ask("GET", "package", NULL, SLICE_NONE);
	ck_assert_uint_eq(package_serial(&a), 2);
	buf_init(&r1, SGA_MESSAGE_MAX);
	buf_init(&in, SGA_MESSAGE_MAX);
	ck_assert_int_eq(sga_r1_make(carol.d, token, bed_now(), NULL, &r1), RC_OK);
	ck_assert_int_eq(sgs_status("POST", "devices", NULL, buf_view(&r1)), 201);
	ck_assert_int_eq(talk_invite(&old, &alice, &bob, bed_now()), 403);
	talk_fini(&old);
	ck_assert_int_eq(sga_device_renew(alice.d, slice_make(a.p, a.n), bed_now()), RC_OK);
	alice.counter += 1000;
	ck_assert_int_eq(talk_invite(&old, &alice, &bob, bed_now()), 202);
	talk_fini(&old);
	answer_fini(&a);
	/* The session of before is as it was. */
	bob.counter += 1000;
	snprintf(path, sizeof(path), "sessions/%s", t.sid);
	ck_assert_int_eq(phone_status(&bob, "DELETE", path, SLICE_NONE), 204);
	ck_assert_uint_ne(phone_item(&alice, 0, &in), 0);
	ck_assert_int_eq(sga_b6_take(t.i, buf_view(&in), bed_now()), RC_OK);
	ck_assert_int_eq(sga_session_state(t.i), SGA_S_CLOSED);
	sgs_teardown();

	talk_fini(&t);
	buf_fini(&in);
	buf_fini(&r1);
	answer_fini(&before);
	phone_fini(&alice);
	phone_fini(&bob);
	phone_fini(&carol);
	ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
END_TEST

/* ---- what the gateway allows ---- */

static int
invite_with_policy(enum sga_policy policy)
{
	struct phone alice, bob;
	struct talk t;
	int status;

	sgs_fill();
	sgs_conf.sga.ciphers[0] = 5;
	sgs_conf.sga.ciphers[1] = 3;
	sgs_conf.sga.server.policy = policy;
	sgs_setup();
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	status = talk_invite(&t, &alice, &bob, bed_now());
	sgs_teardown();
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
	return status;
}

/* Cipher 3, of which both have 5 as well. */
START_TEST(test_policy)
{
	ck_assert_int_eq(invite_with_policy(SGA_POLICY_STRONGEST), 403);
	ck_assert_int_eq(invite_with_policy(SGA_POLICY_ALLOWED), 202);
}
END_TEST

START_TEST(test_clear)
{
	const struct how far = { .from = MANAGER, .type = JSON, .address = "192.0.2.7" };

	/* A token is not told to whoever listens on the way. */
	sgs_far = true;
	ck_assert_int_eq(sgs_status("POST", "tokens", &far, SLICE_LIT("{\"id\":\"a\"}")), 403);
	ck_assert_int_eq(sgs_status("GET", "stats", &far, SLICE_NONE), 200);
	sgs_far = false;
	ck_assert_int_eq(sgs_status("POST", "tokens", &far, SLICE_LIT("{\"id\":\"a\"}")), 201);
}
END_TEST

/* It is told once: who takes no document that it fits into gets none, and none is made. */
START_TEST(test_unsaid)
{
	const struct how how = { .from = MANAGER, .type = JSON, .accept = OCTETS };
	struct answer a;

	ck_assert_int_eq(sgs_status("POST", "tokens", &how, SLICE_LIT("{\"id\":\"a\"}")), 406);
	a = managed("GET", "stats", NULL);
	ck_assert_int_eq(number_in(&a, "tokens"), 0);
	answer_fini(&a);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_poll, test_poll_places, test_contact, test_clear,
		                       test_unsaid };
	Suite *s = suite_create("sgs rest more");
	TCase *c = suite_case(s, "server", sgs_setup, sgs_teardown);

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	c = suite_case(s, "other servers", NULL, NULL);
	tcase_add_test(c, test_restart);
	tcase_add_test(c, test_policy);
	return run_suite(s);
}

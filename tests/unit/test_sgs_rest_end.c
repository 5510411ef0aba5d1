/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGA server: what is changed while something else of the same is under way; who observes a
 * mailbox.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>

#include "cap/sgs/sgs_device.h"
#include "cap/sgs/sgs_own.h"
#include "core/observe.h"
#include "sgs_rest_bed.h"

/* ---- a book that stands still ---- */

struct hold {
	struct sgs_revoke op; /* of nobody */
	pthread_mutex_t lock;
	pthread_cond_t turn;
	bool inside, go;
};

/* On the thread of the book. */
static void
hold_book(struct sgs_op *op)
{
	struct hold *h = op->owner;

	pthread_mutex_lock(&h->lock);
	h->inside = true;
	pthread_cond_broadcast(&h->turn);
	while (!h->go)
		pthread_cond_wait(&h->turn, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

static void
hold_begin(struct hold *h)
{
	*h = (struct hold){ .op = { .op = { .done = hold_book, .owner = h }, .device = 999 } };
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->turn, NULL);
	sgs_device_revoke(sgs->book, &h->op);
	pthread_mutex_lock(&h->lock);
	while (!h->inside)
		pthread_cond_wait(&h->turn, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

static void
hold_end(struct hold *h)
{
	pthread_mutex_lock(&h->lock);
	h->go = true;
	pthread_cond_broadcast(&h->turn);
	pthread_mutex_unlock(&h->lock);
}

/* ---- requests that wait for it ---- */

struct request {
	pthread_t thread;
	const char *method, *path;
	char tag[160];
	struct slice body;
	int status;
};

static void *
request_main(void *arg)
{
	struct request *r = arg;
	const struct how how = { .tag = r->tag[0] == '\0' ? NULL : r->tag };

	r->status = sgs_status(r->method, r->path, &how, r->body);
	return NULL;
}

static bool
has_done(void *arg)
{
	struct pool_load load;

	pool_load(sgs->pool, &load);
	return load.done >= *(uint64_t *)arg;
}

/* Until a thread of the pool has handed it to the book. */
static void
request_begin(struct request *r)
{
	struct pool_load load;

	pool_load(sgs->pool, &load);
	load.done++;
	ck_assert_int_eq(pthread_create(&r->thread, NULL, request_main, r), 0);
	ck_assert(core_await(has_done, &load.done));
}

static void
request_end(struct request *r)
{
	pthread_join(r->thread, NULL);
}

/*
 * The reject is made while B1 waits to be stored, and stored after it: it has the counter behind
 * that of B2, not the same one.
 */
START_TEST(test_end_behind_a_step)
{
	struct request step = { .method = "POST", .path = "sessions" },
		       end = { .method = "DELETE" };
	struct phone alice, bob;
	struct buf b1, b2, b6;
	struct hold hold;
	char path[96];
	struct talk t;

	buf_init(&b1, SGA_MESSAGE_MAX);
	buf_init(&b2, SGA_MESSAGE_MAX);
	buf_init(&b6, SGA_MESSAGE_MAX);
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	talk_accept(&t, &alice, &bob, &b1);
	snprintf(path, sizeof(path), "sessions/%s", t.sid);
	hold_begin(&hold);
	step.body = buf_view(&b1);
	request_begin(&step);
	end.path = path;
	snprintf(end.tag, sizeof(end.tag), "%s", phone_tag(&alice, "DELETE", path, SLICE_NONE));
	request_begin(&end);
	hold_end(&hold);
	request_end(&step);
	request_end(&end);
	ck_assert_int_eq(step.status, 202);
	ck_assert_int_eq(end.status, 204);
	ck_assert_uint_ne(phone_item(&bob, 0, &b2), 0);
	ck_assert_int_eq(sga_b2_take(t.j, buf_view(&b2)), RC_OK);
	ck_assert_uint_ne(phone_item(&bob, 1, &b6), 0);
	ck_assert_int_eq(sga_b6_take(t.j, buf_view(&b6), bed_now()), RC_OK);
	ck_assert_int_eq(sga_session_state(t.j), SGA_S_CLOSED);
	talk_fini(&t);
	buf_fini(&b1);
	buf_fini(&b2);
	buf_fini(&b6);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

/* ---- a contact that has moved ---- */

static struct port_answer
answer_at(void *arg, const struct exchange *ex)
{
	(void)arg;
	return (struct port_answer){ .status =
		                             slice_is(ex->url, "http://new.example/") ? 204 : 500 };
}

static bool
has_counted(void *arg)
{
	struct answer a = managed("GET", "stats", NULL);
	bool has = number_in(&a, arg) == 1;

	answer_fini(&a);
	return has;
}

static void
setup_patient(void)
{
	sgs_fill();
	sgs_conf.sga.retry_first = sgs_conf.sga.retry_max = 3600 * CLOCK_SECOND;
	sgs_setup();
}

/* It does not wait until the one of before would have been asked again. */
START_TEST(test_contact_moves)
{
	char failed[] = "pushFailures", pushed[] = "itemsPushed";
	struct phone alice, bob;
	struct talk t;

	port_fake_set(answer_at, NULL);
	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	ck_assert_int_eq(phone_json_status(&bob, "PUT", "devices/bob/contact",
	                                   "{\"uri\":\"http://old.example/\"}"),
	                 204);
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	ck_assert(core_await(has_counted, failed));
	ck_assert_int_eq(phone_json_status(&bob, "PUT", "devices/bob/contact",
	                                   "{\"uri\":\"http://new.example/\"}"),
	                 204);
	ck_assert(core_await(has_counted, pushed));
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

/* ---- observers ---- */

static void
observe(struct observing *o, struct phone *p, const char *path)
{
	const struct how how = { .tag = phone_tag(p, "GET", path, SLICE_NONE), .observing = o };

	*o = (struct observing){ .o = NULL };
	ck_assert_int_eq(sgs_status("GET", path, &how, SLICE_NONE), 200);
}

static bool
is_told(void *arg)
{
	const struct observing *o = arg;

	return atomic_load(&o->told) == 1;
}

/*
 * The counter of the first request has to be stored before the answer, which says then that it
 * establishes nothing: it has no option Observe. That of the next one does.
 */
START_TEST(test_observation)
{
	const char *path = "devices/bob/mailbox";
	struct observing first, second, other;
	struct phone alice, bob;
	struct talk t;

	phone_register(&alice, "alice", 2);
	phone_register(&bob, "bob", 2);
	observe(&first, &bob, path);
	ck_assert_ptr_null(first.o);
	observe(&second, &bob, path);
	ck_assert_ptr_nonnull(second.o);
	ck_assert_int_eq(phone_status(&alice, "GET", "devices/alice/mailbox", SLICE_NONE), 200);
	observe(&other, &alice, "devices/alice/mailbox");
	ck_assert_ptr_nonnull(other.o);
	ck_assert_int_eq(talk_invite(&t, &alice, &bob, bed_now()), 202);
	ck_assert(core_await(is_told, &second));
	sgs_halt(); /* nothing is told after this */
	ck_assert_uint_eq(first.told, 0);
	ck_assert_uint_eq(other.told, 0);
	observer_end(second.o);
	observer_end(other.o);
	talk_fini(&t);
	phone_fini(&alice);
	phone_fini(&bob);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sgs rest end");
	TCase *c = suite_case(s, "server", sgs_setup, sgs_teardown);

	tcase_add_test(c, test_end_behind_a_step);
	tcase_add_test(c, test_observation);
	tcase_add_test(suite_case(s, "patient", setup_patient, sgs_teardown), test_contact_moves);
	return run_suite(s);
}

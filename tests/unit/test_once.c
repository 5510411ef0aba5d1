/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered calls that are applied once and in their order (core/once.h). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core_bed.h"
#include "suite.h"

#define C1 BASE "/applications/a1/containers/c1"
#define CI C1 "/contentInstances"
#define KEY UINT64_C(0x0102030405060708)
#define CALLS_MAX 40u

struct made {
	struct scl_call call;
	_Atomic bool done;
	char body[256];
};

static struct core_bed b;
static struct scl_once once;
static struct made made[CALLS_MAX];

static void
ready(void)
{
	core_init_alone(&b);
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default",
	                                "<m2m:maxNrOfInstances>1000</m2m:maxNrOfInstances>"),
	                 201);
	scl_once_init(&once, KEY, 1);
}

static void
over(void)
{
	core_fini(&b);
}

static void
call_done(struct scl_call *call)
{
	atomic_store(&((struct made *)call->owner)->done, true);
}

static bool
is_done(void *arg)
{
	return atomic_load(&((struct made *)arg)->done);
}

/* Creates the instance id with that number. */
static void
make(struct made *m, uint64_t n, const char *target, const char *id, const char *text)
{
	snprintf(m->body, sizeof(m->body),
	         "<m2m:contentInstance " NS " m2m:id=\"%s\"><m2m:content><m2m:textContent>%s"
	         "</m2m:textContent></m2m:content></m2m:contentInstance>",
	         id, text);
	atomic_store(&m->done, false);
	m->call = (struct scl_call){ .method = SLICE_LIT("POST"),
		                     .target = slice_of(target),
		                     .from = SLICE_LIT(ADMIN),
		                     .body = slice_of(m->body),
		                     .once = &once,
		                     .once_number = n,
		                     .done = call_done,
		                     .owner = m };
	scl_call(b.scl, &m->call);
}

static int
end(struct made *m)
{
	int status;

	ck_assert(core_await(is_done, m));
	status = m->call.answer->http_status;
	scl_call_end(&m->call);
	return status;
}

/* The same, of one alone. */
static int
apply(uint64_t n, const char *id)
{
	make(&made[0], n, CI, id, "x");
	return end(&made[0]);
}

static uint64_t
applied(void)
{
	uint64_t n;

	ck_assert_int_eq(scl_once_applied(b.scl, KEY, &n), RC_OK);
	return n;
}

static long
stored(void)
{
	static const char element[] = "currentNrOfInstances>";
	struct reply r = core_ask(&b, "GET", CI, ADMIN, NULL);
	const char *at = strstr(r.body, element);
	long n = at == NULL ? -1 : strtol(at + strlen(element), NULL, 10);

	reply_fini(&r);
	return n;
}

/* Another process with the same store: it knows of no refusals. */
static void
begin_anew(void)
{
	core_stop(&b);
	core_start(&b);
	scl_once_init(&once, KEY, 1);
}

START_TEST(each_once)
{
	struct core_plug plug;
	char id[16];

	ck_assert_uint_eq(applied(), 0);
	for (unsigned round = 0; round < 3; round++) {
		core_plug(&b, &plug);
		for (unsigned i = 0; i < 20; i++) {
			snprintf(id, sizeof(id), "i%u", i);
			make(&made[i], i + 1, CI, id, "x");
		}
		core_unplug(&plug);
		for (unsigned i = 0; i < 20; i++)
			ck_assert_int_eq(end(&made[i]), round == 0 ? 201 : 200);
		ck_assert_int_eq(stored(), 20);
		ck_assert_uint_eq(applied(), 20);
		begin_anew();
	}
	/* Another origin counts for itself. */
	scl_once_init(&once, KEY + 1, 1);
	ck_assert_int_eq(apply(1, "other"), 201);
	ck_assert_uint_eq(applied(), 20);
}
END_TEST

START_TEST(none_overtakes)
{
	ck_assert_int_eq(apply(2, "b"), 503);
	ck_assert_int_eq(apply(64, "b"), 503);
	ck_assert_int_eq(stored(), 0);
	ck_assert_int_eq(apply(1, "a"), 201);
	ck_assert_int_eq(apply(3, "c"), 503);
	ck_assert_int_eq(apply(2, "b"), 201);
	ck_assert_int_eq(apply(3, "c"), 201);
	ck_assert_int_eq(stored(), 3);
	/* Nothing is known of what lies outside of the window. */
	scl_once_advance(&once, 4);
	ck_assert_int_eq(apply(4 + SCL_ONCE_WINDOW, "d"), 503);
}
END_TEST

/* By the committer (there is one of that name), on the way to it, and by the caller alone. */
START_TEST(what_is_refused_is_passed)
{
	struct core_plug plug;

	ck_assert_int_eq(apply(1, "a"), 201);
	core_plug(&b, &plug);
	make(&made[0], 2, CI, "a", "x");
	make(&made[1], 3, CI, "b", "x");
	core_unplug(&plug);
	ck_assert_int_eq(end(&made[0]), 409);
	ck_assert_int_eq(end(&made[1]), 201);
	make(&made[0], 4, BASE "/nothing/contentInstances", "c", "x");
	make(&made[1], 5, CI, "c", "x");
	ck_assert_int_eq(end(&made[0]), 404);
	ck_assert_int_eq(end(&made[1]), 201);
	scl_once_refuse(&once, 6);
	ck_assert_int_eq(apply(7, "d"), 201);
	ck_assert_uint_eq(applied(), 7);
	ck_assert_int_eq(stored(), 4);
	/* What was applied behind them tells that they are over, also to the next process. */
	begin_anew();
	ck_assert_int_eq(apply(2, "a"), 200);
	ck_assert_int_eq(apply(8, "a"), 409);
	ck_assert_int_eq(apply(9, "e"), 201);
}
END_TEST

/* The refusal of the last is forgotten with the process: it is judged again, those behind it wait. */
START_TEST(refusals_are_judged_again)
{
	ck_assert_int_eq(apply(1, "a"), 201);
	ck_assert_int_eq(apply(2, "a"), 409);
	begin_anew();
	scl_once_advance(&once, 2);
	ck_assert_int_eq(apply(3, "b"), 503);
	ck_assert_int_eq(apply(2, "a"), 409);
	ck_assert_int_eq(apply(3, "b"), 201);
}
END_TEST

START_TEST(the_window_moves)
{
	uint64_t n = 1;

	ck_assert_int_eq(apply(n++, "a"), 201);
	/* More refusals than the window has places, each of them known by the next. */
	for (unsigned i = 0; i < 3 * SCL_ONCE_WINDOW; i++) {
		scl_once_advance(&once, n);
		ck_assert_int_eq(apply(n++, "a"), 409);
	}
	/* A bit of a number that has left the window is not that of its successor. */
	ck_assert_int_eq(apply(n + 1, "b"), 503);
	ck_assert_int_eq(apply(n, "b"), 201);
	ck_assert_uint_eq(applied(), n);
	ck_assert_int_eq(stored(), 2);
}
END_TEST

START_TEST(a_lost_batch_is_made_again)
{
	struct core_plug plug;
	char id[16];

	for (unsigned round = 0; round < 2; round++) {
		core_fail_commits(round == 0 ? 1000 : 0);
		core_plug(&b, &plug);
		for (unsigned i = 0; i < 10; i++) {
			snprintf(id, sizeof(id), "i%u", i);
			make(&made[i], i + 1, CI, id, "x");
		}
		core_unplug(&plug);
		for (unsigned i = 0; i < 10; i++)
			ck_assert_int_eq(end(&made[i]), round == 0 ? 503 : 201);
		ck_assert_uint_eq(applied(), round == 0 ? 0 : 10);
	}
	ck_assert_int_eq(stored(), 10);
}
END_TEST

/* One for which there is no room keeps those behind it back, small as they are. */
START_TEST(a_full_store)
{
	char *big = malloc(300001);
	struct core_plug plug;

	ck_assert_ptr_nonnull(big);
	memset(big, 'x', 300000);
	big[300000] = '\0';
	core_fini(&b);
	core_init_alone(&b);
	b.quota = 200000;
	core_start(&b);
	core_app(&b, "a1", "");
	ck_assert_int_eq(core_container(&b, "a1", "c1", "default", ""), 201);
	ck_assert_int_eq(apply(1, "a"), 201);
	ck_assert_int_eq(apply(2, "b"), 201);
	/* What it was refused for once does not count any more. */
	ck_assert_int_eq(apply(3, "b"), 409);
	core_plug(&b, &plug);
	make(&made[1], 2, CI, "b", "x");
	made[2].call = made[1].call;
	atomic_store(&made[2].done, false);
	made[2].call.owner = &made[2];
	made[2].call.once_number = 3;
	made[2].call.content_type = SLICE_LIT("text/plain");
	made[2].call.body = slice_of(big);
	scl_call(b.scl, &made[2].call);
	make(&made[3], 4, CI, "d", "x");
	core_unplug(&plug);
	ck_assert_int_eq(end(&made[1]), 200);
	ck_assert_int_eq(end(&made[2]), 507);
	ck_assert_int_eq(end(&made[3]), 503);
	ck_assert_int_eq(stored(), 2);
	ck_assert_uint_eq(applied(), 2);
	free(big);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("once");
	TCase *c = suite_case(s, "once", ready, over);

	tcase_add_test(c, each_once);
	tcase_add_test(c, none_overtakes);
	tcase_add_test(c, what_is_refused_is_passed);
	tcase_add_test(c, refusals_are_judged_again);
	tcase_add_test(c, the_window_moves);
	tcase_add_test(c, a_lost_batch_is_made_again);
	tcase_add_test(c, a_full_store);
	return run_suite(s);
}

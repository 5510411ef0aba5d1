/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors by REST. */
#include "config.h"

#include "px_rest_bed.h"

#include <sched.h>
#include <stdio.h>

#include "cap/pxy/px_own.h"
#include "cap/pxy/px_watch.h"
#include "pre_flow.h"

#define EVENTS "text/event-stream"

static void
setup(void)
{
	pre_flow_setup();
	rest_setup();
	forward_setup();
}

static void
teardown(void)
{
	rest_teardown();
	pre_flow_teardown();
}

START_TEST(monitors)
{
	char id[17];
	struct told t;

	ck_assert_int_eq(put_one_section(store, 0, 0, 2), 201);
	t = call(&owner, "GET", NULL, "/stores/%s/monitor", store);
	ck_assert_str_eq(told_text(&t, "messages"), "3");
	ck_assert_str_eq(told_text(&t, "newest"), "3");
	ck_assert_str_eq(told_text(&t, "oldest"), "1");
	told_fini(&t);
	snprintf(id, sizeof(id), "%s", make_forward());
	control_is(id, 200, "", "{\"revision\":1,\"action\":\"pause\"}");
	t = call(&owner, "GET", NULL, "/forwards/%s/monitor", id);
	ck_assert_str_eq(told_text(&t, "state"), "paused");
	ck_assert_str_eq(told_text(&t, "lag"), "3");
	ck_assert_str_eq(told_text(&t, "keys"), "1");
	told_fini(&t);
}
END_TEST

/* The id of the event in an answer; static memory. */
static const char *
event_id(const struct told *t)
{
	static char id[64];
	const char *p = strstr(t->body, "\nid: ");

	ck_assert_msg(p != NULL, "%s", t->body);
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(p + 5, "\n"), p + 5);
	return id;
}

struct later {
	struct asker who;
	pthread_t thread;
	struct told told;
};

static void *
ask_later(void *arg)
{
	struct later *l = arg;

	l->told = call(&l->who, "GET", NULL, "/stores/%s/monitor", store);
	return NULL;
}

START_TEST(events)
{
	struct later l = { .who = owner };
	char first[64];
	struct told t;

	l.who.accept = "text/html, " EVENTS ";q=1";
	t = call(&l.who, "GET", NULL, "/stores/%s/monitor", store);
	ck_assert_int_eq(t.status, 200);
	ck_assert(strncmp(t.body, "retry: 100\nid: ", 15) == 0);
	ck_assert_ptr_nonnull(strstr(t.body, "\nevent: monitor\ndata: {\"messages\":0,"));
	ck_assert_str_eq(t.body + strlen(t.body) - 2, "\n\n");
	snprintf(first, sizeof(first), "%s", event_id(&t));
	told_fini(&t);
	/* It waits, or comes too late to: in both cases for what it has not seen. */
	l.who.last_event_id = first;
	ck_assert_int_eq(pthread_create(&l.thread, NULL, ask_later, &l), 0);
	ck_assert_int_eq(put_one_section(store, 0, 0, 2), 201);
	pthread_join(l.thread, NULL);
	ck_assert_ptr_nonnull(strstr(l.told.body, "{\"messages\":3,"));
	ck_assert_str_ne(event_id(&l.told), first);
	told_fini(&l.told);
	l.who = other;
	l.who.accept = EVENTS;
	STATUS(403, &l.who, "GET", NULL, "/stores/%s/monitor", store);
}
END_TEST

static void
await_change(uint64_t id, const char *event)
{
	while (px_watch_is_current(px->watch, id, slice_of(event)))
		sched_yield();
}

/* What a sink is still to get, and that there is nothing any more, also while nothing is sent. */
START_TEST(forwards_change_with_their_store)
{
	char id[17], event[PX_EVENT_ID_MAX];
	uint64_t forward;

	snprintf(id, sizeof(id), "%s", make_forward());
	ck_assert(px_id_parse(slice_of(id), &forward));
	control_is(id, 200, "", "{\"revision\":1,\"action\":\"pause\"}");
	await_monitor(id, "\"state\":\"paused\",\"sent\"");
	px_watch_event(px->watch, forward, event);
	ck_assert_int_eq(put_one_section(store, 0, 0, 2), 201);
	await_change(forward, event);
	await_monitor(id, "\"lag\":3");
	px_watch_event(px->watch, forward, event);
	STATUS(204, &owner, "DELETE", NULL, "/stores/%s", store);
	await_change(forward, event);
	STATUS(404, &owner, "GET", NULL, "/forwards/%s/monitor", id);
}
END_TEST

/* Who waits when the capability ends is answered. */
START_TEST(the_end)
{
	struct later l = { .who = owner };
	char first[64];
	struct told t;

	l.who.accept = EVENTS;
	t = call(&l.who, "GET", NULL, "/stores/%s/monitor", store);
	snprintf(first, sizeof(first), "%s", event_id(&t));
	told_fini(&t);
	l.who.last_event_id = first;
	ck_assert_int_eq(pthread_create(&l.thread, NULL, ask_later, &l), 0);
	rest_stop();
	pthread_join(l.thread, NULL);
	ck_assert(l.told.status == 503 || strstr(l.told.body, ": idle\n\n") != NULL);
	told_fini(&l.told);
	STATUS(503, &owner, "GET", NULL, "/info");
	STATUS(503, &owner, "POST", "{\"reserve\":4096}", "/stores");
}
END_TEST

static Suite *
rest_suite(void)
{
	Suite *s = suite_create("px_rest_monitor");
	TCase *c = suite_case(s, "monitors", setup, teardown);

	tcase_add_test(c, monitors);
	tcase_add_test(c, events);
	tcase_add_test(c, forwards_change_with_their_store);
	tcase_add_test(c, the_end);
	return s;
}

int
main(void)
{
	return run_pre_suite(rest_suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Forwards and controls by REST. */
#include "config.h"

#include "px_rest_bed.h"

#include <semaphore.h>
#include <stdio.h>

#include "cap/pxy/px_forward.h"
#include "cap/pxy/px_own.h"
#include "pre_flow.h"

#define KEY REQUEST REQUEST /* of datagrams */

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

/* ---- forwards ---- */

START_TEST(a_forward)
{
	const char *id = make_forward();
	struct told t = call(&owner, "GET", NULL, "/forwards/%s", id);

	ck_assert_int_eq(t.status, 200);
	ck_assert_ptr_nonnull(strstr(t.body, "\"rk\":[{\"stream\":1,\"epoch\":0}]"));
	ck_assert_ptr_null(strstr(t.body, rk));
	ck_assert_str_eq(told_text(&t, "store"), store);
	told_fini(&t);
	STATUS(403, &other, "GET", NULL, "/forwards/%s", id);
	STATUS(403, &other, "GET", NULL, "/forwards/%s/monitor", id);
	STATUS(403, &other, "PUT", "{}", "/forwards/%s/control", id);
	STATUS(403, &other, "DELETE", NULL, "/forwards/%s", id);
	STATUS(204, &owner, "DELETE", NULL, "/forwards/%s", id);
	STATUS(404, &owner, "GET", NULL, "/forwards/%s", id);
}
END_TEST

START_TEST(forwards_that_are_refused)
{
	struct asker far = owner;
	char other_rk[sizeof(rk)], body[512];

	/* No element of the group: not even of the curve. */
	memcpy(other_rk, rk, sizeof(rk));
	other_rk[100] = other_rk[100] == '0' ? '1' : '0';
	STATUS(400, &owner, "POST", forward_with(other_rk, ""), "/stores/%s/forwards", store);
	STATUS(400, &owner, "POST", "{\"sinks\":[]}", "/stores/%s/forwards", store);
	/* There is nothing that sends datagrams. */
	STATUS(400, &owner, "POST",
	       "{\"sinks\":[{\"url\":\"udp://127.0.0.1:9\",\"pkId\":\"" PK_ID "\",\"key\":\"" KEY
	       "\"}]}",
	       "/stores/%s/forwards", store);
	/* Keys over a connection that anybody may read. */
	far.peer.loopback = false;
	STATUS(403, &far, "POST", forward_with(rk, ""), "/stores/%s/forwards", store);
	snprintf(body, sizeof(body),
	         "{\"sinks\":[{\"url\":\"http://s.e/\",\"pkId\":\"" PK_ID "\"},"
	         "{\"url\":\"http://s.e/\",\"pkId\":\"" PK_ID "\"}]}");
	STATUS(409, &owner, "POST", body, "/stores/%s/forwards", store);
	snprintf(body, sizeof(body),
	         "{\"sinks\":[{\"url\":\"http://s.e/1\",\"pkId\":\"" PK_ID "\"},"
	         "{\"url\":\"http://s.e/2\",\"pkId\":\"" PK_ID "\"},"
	         "{\"url\":\"http://s.e/3\",\"pkId\":\"" PK_ID "\"}]}");
	STATUS(403, &owner, "POST", body, "/stores/%s/forwards", store);
}
END_TEST

START_TEST(a_forward_that_comes_again)
{
	static const char again[] = ",\"request\":\"" REQUEST "\"";
	struct told a = call(&owner, "POST", forward_with(rk, again), "/stores/%s/forwards", store);
	struct told b = call(&owner, "POST", forward_with(rk, again), "/stores/%s/forwards", store);

	ck_assert_int_eq(a.status, 201);
	ck_assert_int_eq(b.status, 201);
	ck_assert_str_eq(told_text(&a, "id"), told_text(&b, "id"));
	told_fini(&a);
	told_fini(&b);
	STATUS(409, &owner, "POST",
	       forward_with(rk, ",\"from\":{\"number\":2},\"request\":\"" REQUEST "\""),
	       "/stores/%s/forwards", store);
}
END_TEST

/* ---- controls ---- */

START_TEST(revisions)
{
	char id[17];

	snprintf(id, sizeof(id), "%s", make_forward());
	control_is(id, 200, "{\"revision\":2}", "{\"revision\":1,\"action\":\"pause\"}");
	/* Its answer was lost. */
	control_is(id, 200, "{\"revision\":2}", "{\"revision\":1,\"action\":\"pause\"}");
	/* Something else that is as old, or older; what is from the future. */
	control_is(id, 409, "revision is 2", "{\"revision\":1,\"action\":\"resume\"}");
	control_is(id, 409, "revision is 2", "{\"revision\":3,\"action\":\"resume\"}");
	control_is(id, 200, "{\"revision\":3}", "{\"revision\":2,\"action\":\"resume\"}");
	control_is(id, 409, "revision is 3", "{\"revision\":1,\"action\":\"pause\"}");
	control_is(id, 400, "", "{\"revision\":3,\"action\":\"stop\"}");
}
END_TEST

START_TEST(sinks_come_and_go)
{
	char id[17];
	struct told t;

	snprintf(id, sizeof(id), "%s", make_forward());
	control_is(id, 409, "",
	           "{\"revision\":1,\"action\":\"change\",\"add\":[{\"url\":\"" SINK_URL
	           "\",\"pkId\":\"" PK_ID "\"}]}");
	control_is(id, 404, "",
	           "{\"revision\":1,\"action\":\"change\",\"remove\":[{\"url\":\"" SINK2_URL
	           "\",\"at\":\"now\"}]}");
	control_is(id, 200, "",
	           "{\"revision\":1,\"action\":\"change\",\"add\":[{\"url\":\"" SINK2_URL
	           "\",\"pkId\":\"" PK_ID "\"}],\"rate\":[{\"url\":\"" SINK_URL
	           "\",\"rate\":777,\"batch\":3}]}");
	t = call(&owner, "GET", NULL, "/forwards/%s", id);
	ck_assert_ptr_nonnull(strstr(t.body, "\"rate\":777,\"batch\":3"));
	ck_assert_ptr_nonnull(strstr(t.body, SINK2_URL));
	told_fini(&t);
	control_is(id, 200, "",
	           "{\"revision\":2,\"action\":\"change\",\"remove\":[{\"url\":\"" SINK2_URL
	           "\",\"at\":\"now\"}]}");
	/* Again, though the sink is gone by it. */
	control_is(id, 200, "{\"revision\":3}",
	           "{\"revision\":2,\"action\":\"change\",\"remove\":[{\"url\":\"" SINK2_URL
	           "\",\"at\":\"now\"}]}");
	t = call(&owner, "GET", NULL, "/forwards/%s", id);
	ck_assert_ptr_null(strstr(t.body, SINK2_URL));
	told_fini(&t);
}
END_TEST

/* What GET of such a forward has when its sink is removed at the border of a section. */
static void
end_is(const char *forward, const char *text)
{
	struct told t = call(&owner, "POST", forward, "/stores/%s/forwards", store);
	char id[17];

	ck_assert_msg(t.status == 201, "%d %s", t.status, t.body);
	snprintf(id, sizeof(id), "%s", told_text(&t, "id"));
	told_fini(&t);
	control_is(id, 200, "",
	           "{\"revision\":1,\"action\":\"change\",\"remove\":[{\"url\":\"" SINK_URL
	           "\",\"at\":\"section\"}]}");
	t = call(&owner, "GET", NULL, "/forwards/%s", id);
	ck_assert_msg(strstr(t.body, text) != NULL, "%s", t.body);
	told_fini(&t);
}

START_TEST(a_sink_ends_with_its_section)
{
	ck_assert_int_eq(put_one_section(store, 4, 0, 2), 201);
	end_is(forward_with(rk, ""), "\"to\":[{\"stream\":1,\"epoch\":0,\"keyIndex\":4}]");
}
END_TEST

/* What it is removed for does not give it more than it was to get. */
START_TEST(an_end_only_comes_nearer)
{
	static const char far_end[] = ",\"to\":{\"stream\":1,\"epoch\":3,\"keyIndex\":0}";
	static const char near_end[] = ",\"to\":{\"stream\":1,\"epoch\":0,\"keyIndex\":2}";

	ck_assert_int_eq(put_one_section(store, 2, 0, 2), 201);
	ck_assert_int_eq(put_one_section(store, 4, 0, 2), 201);
	end_is(forward_with(rk, far_end), "\"to\":[{\"stream\":1,\"epoch\":0,\"keyIndex\":4}]");
	end_is(forward_with(rk, near_end), "\"to\":[{\"stream\":1,\"epoch\":0,\"keyIndex\":2}]");
}
END_TEST

/* Each message is a section of its own; where there is none, nothing has to be waited for. */
START_TEST(ends_by_number)
{
	snprintf(store, sizeof(store), "%s",
	         make_store("{\"reserve\":100000,\"mode\":\"individual\"}"));
	end_is(forward_with(rk, ""), "\"sinks\":[]");
	ck_assert_int_eq(put_one_section(store, 4, 0, 2), 201);
	end_is(forward_with(rk, ""), "\"until\":3");
	end_is(forward_with(rk, ",\"to\":{\"number\":2}"), "\"until\":2");
}
END_TEST

static void
skip_is(const char *forward, unsigned revision, int status, const char *url, unsigned number)
{
	char text[256];

	snprintf(
		text, sizeof(text),
		"{\"revision\":%u,\"action\":\"change\",\"skip\":[{\"url\":\"%s\",\"number\":%u}]}",
		revision, url, number);
	control_is(forward, status, "", text);
}

/* What this proxy itself cannot send on is refused like what the sink does not take. */
START_TEST(only_what_was_refused_is_skipped)
{
	char id[17];

	snprintf(id, sizeof(id), "%s", make_forward());
	control_is(id, 200, "", "{\"revision\":1,\"action\":\"pause\"}");
	ck_assert_int_eq(put_one_section(store, 0, 0, 2), 201);
	skip_is(id, 2, 409, SINK_URL, 1);
	control_is(id, 200, "", "{\"revision\":2,\"action\":\"resume\"}");
	await_monitor(id, "\"refused\":1");
	skip_is(id, 3, 409, SINK_URL, 2);
	skip_is(id, 3, 404, SINK2_URL, 1);
	skip_is(id, 3, 200, SINK_URL, 1);
}
END_TEST

START_TEST(keys_are_added)
{
	char id[17], text[1024];
	struct told t;

	snprintf(id, sizeof(id), "%s", make_forward());
	snprintf(text, sizeof(text),
	         "{\"revision\":1,\"action\":\"change\",\"keys\":[{\"url\":\"" SINK_URL
	         "\",\"rk\":["
	         "{\"stream\":1,\"epoch\":1,\"rk\":\"%s\"}]}]}",
	         rk);
	control_is(id, 200, "", text);
	t = call(&owner, "GET", NULL, "/forwards/%s", id);
	ck_assert_ptr_nonnull(
		strstr(t.body, "\"rk\":[{\"stream\":1,\"epoch\":0},{\"stream\":1,\"epoch\":1}]"));
	told_fini(&t);
	text[strlen(text) - 20] ^= 1;
	text[12] = '2';
	control_is(id, 400, "", text);
}
END_TEST

/* Without a key of it there is nothing that tells for which of its own a sink gets them. */
START_TEST(first_keys_say_for_whom)
{
	char id[17], text[1024], body[128];
	struct told t;

	snprintf(body, sizeof(body),
	         "{\"sinks\":[{\"url\":\"" SINK_URL "\",\"pkId\":\"" PK_ID "\"}]}");
	t = call(&owner, "POST", body, "/stores/%s/forwards", store);
	snprintf(id, sizeof(id), "%s", told_text(&t, "id"));
	told_fini(&t);
	snprintf(text, sizeof(text),
	         "{\"revision\":1,\"action\":\"change\",\"keys\":[{\"url\":\"" SINK_URL
	         "\",%s\"rk\":["
	         "{\"stream\":1,\"epoch\":1,\"rk\":\"%s\"}]}]}",
	         "", rk);
	control_is(id, 400, "", text);
	snprintf(text, sizeof(text),
	         "{\"revision\":1,\"action\":\"change\",\"keys\":[{\"url\":\"" SINK_URL
	         "\",%s\"rk\":["
	         "{\"stream\":1,\"epoch\":1,\"rk\":\"%s\"}]}]}",
	         "\"pkId\":\"" PK_ID "\",", rk);
	control_is(id, 200, "", text);
}
END_TEST

static void
op_done(struct px_op *op)
{
	sem_post(op->owner);
}

static void
await_progress(struct px_progress *p)
{
	sem_t done;

	sem_init(&done, 0, 0);
	p->op = (struct px_op){ .done = op_done, .owner = &done };
	px_sink_progress(px->book, p);
	while (sem_wait(&done) != 0)
		;
	sem_destroy(&done);
	ck_assert_int_eq(p->op.rc, RC_OK);
}

/* Two are as many as there may be; one that ends stays in the monitor until there is another. */
START_TEST(what_has_ended_makes_room)
{
	static const char add[] =
		"{\"revision\":%d,\"action\":\"change\",\"add\":[{\"url\":\"" SINK2_URL
		"%d\",\"pkId\":\"" PK_ID "\"}]}";
	char id[17], text[256];
	struct px_progress p = { .sink = 1, .ended = true };

	snprintf(id, sizeof(id), "%s", make_forward());
	snprintf(text, sizeof(text), add, 1, 2);
	control_is(id, 200, "", text);
	snprintf(text, sizeof(text), add, 2, 3);
	control_is(id, 403, "too many", text);
	ck_assert(px_id_parse(slice_of(id), &p.forward));
	await_progress(&p);
	await_monitor(id, "\"lane\":1,\"state\":\"ended\"");
	control_is(id, 200, "", text);
	await_monitor(id, "\"sinks\":[{\"url\":\"" SINK2_URL "2\"");
}
END_TEST

static Suite *
rest_suite(void)
{
	Suite *s = suite_create("px_rest_forward");
	TCase *c = suite_case(s, "forwards", setup, teardown);

	tcase_add_test(c, a_forward);
	tcase_add_test(c, forwards_that_are_refused);
	tcase_add_test(c, a_forward_that_comes_again);
	c = suite_case(s, "controls", setup, teardown);
	tcase_add_test(c, revisions);
	tcase_add_test(c, sinks_come_and_go);
	tcase_add_test(c, a_sink_ends_with_its_section);
	tcase_add_test(c, an_end_only_comes_nearer);
	tcase_add_test(c, ends_by_number);
	tcase_add_test(c, what_has_ended_makes_room);
	tcase_add_test(c, only_what_was_refused_is_skipped);
	tcase_add_test(c, keys_are_added);
	tcase_add_test(c, first_keys_say_for_whom);
	return s;
}

int
main(void)
{
	return run_pre_suite(rest_suite);
}

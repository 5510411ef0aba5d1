/* SPDX-License-Identifier: Apache-2.0 */
/* Channels without a transport: polls, messages, subscriptions, what ends them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "channel_bed.h"
#include "core/channel_impl.h"

/* ---- what waits ---- */

/* Whatever was added, moved and taken out: the earliest comes first. */
START_TEST(test_waits)
{
	struct waits ws = { 0 };
	struct wait all[200] = { 0 };
	uint64_t random = 88172645463325252u;
	int64_t before = 0;
	unsigned n = 0, out = 0;

	for (unsigned i = 0; i < 5000; i++) {
		struct wait *w = &all[random % NITEMS(all)];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (random % 3 == 0)
			waits_remove(&ws, w);
		else
			ck_assert(waits_add(&ws, w, (int64_t)(random % 1000)));
	}
	for (size_t i = 0; i < NITEMS(all); i++)
		n += all[i].place != 0;
	for (struct wait *w; (w = waits_first(&ws)) != NULL; out++) {
		ck_assert_int_ge(w->due, before);
		before = w->due;
		waits_remove(&ws, w);
		ck_assert_uint_eq(w->place, 0);
	}
	ck_assert_uint_eq(out, n);
	waits_fini(&ws);
}
END_TEST

/* ---- polls and messages ---- */

START_TEST(test_message_waits_for_poll)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	ck_assert(!core_is_done(&sender));
	poll_begin(&b, &poll, &u);
	ck_assert(core_await(call_is_done, &poll));
	/* Handed out, but whether it arrives is not known yet. */
	ck_assert(!core_is_done(&sender));
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_poll_waits_for_message)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	poll_begin(&b, &poll, &u);
	ck_assert(!core_is_done(&poll));
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_second_poll_takes_over)
{
	struct core_bed b;
	struct core_call polls[3], sender;
	struct uris u;

	u = app_channel_begin(&b);
	poll_begin(&b, &polls[0], &u);
	poll_begin(&b, &polls[1], &u);
	end_with(&polls[0], 202, "");
	poll_begin(&b, &polls[2], &u);
	end_with(&polls[1], 202, "");
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	end_with(&polls[2], 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

/* One poll takes one message, in the order in which they came. */
START_TEST(test_order)
{
	struct core_bed b;
	struct core_call senders[3], poll;
	struct uris u;

	u = app_channel_begin(&b);
	for (int i = 0; i < 3; i++) {
		char body[256];

		snprintf(body, sizeof(body), NOTIFY("http://x/%d"), i);
		message_begin(&b, &senders[i], &u, body);
	}
	for (int i = 0; i < 3; i++) {
		char want[32];

		snprintf(want, sizeof(want), "http://x/%d<", i);
		poll_begin(&b, &poll, &u);
		end_with(&poll, 200, want);
		end_with(&senders[i], 200, "");
	}
	core_fini(&b);
}
END_TEST

/* A poll whose peer has left gets nothing; what it was given is given again. */
START_TEST(test_dead_polls)
{
	struct core_bed b;
	struct core_call dead, late, poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	poll_begin(&b, &dead, &u);
	atomic_store(&dead.gone, true);
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	end_with(&dead, 202, "");
	ck_assert(!core_is_done(&sender));
	poll_begin(&b, &late, &u);
	ck_assert(core_await(call_is_done, &late));
	atomic_store(&late.gone, true); /* when the answer was on its way */
	end_with(&late, 200, "http://x/1");
	ck_assert(!core_is_done(&sender));
	poll_begin(&b, &poll, &u);
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

/* What comes back goes before what came later, also to a poll that waits already. */
START_TEST(test_back_to_the_head)
{
	struct core_bed b;
	struct core_call late, poll, senders[2];
	struct uris u;

	u = app_channel_begin(&b);
	message_begin(&b, &senders[0], &u, NOTIFY("http://x/0"));
	poll_begin(&b, &late, &u);
	ck_assert(core_await(call_is_done, &late));
	message_begin(&b, &senders[1], &u, NOTIFY("http://x/1"));
	atomic_store(&late.gone, true);
	end_with(&late, 200, "http://x/0");
	for (int i = 0; i < 2; i++) {
		poll_begin(&b, &poll, &u);
		end_with(&poll, 200, i == 0 ? "http://x/0" : "http://x/1");
		end_with(&senders[i], 200, "");
	}
	message_begin(&b, &senders[0], &u, NOTIFY("http://x/2"));
	poll_begin(&b, &late, &u);
	ck_assert(core_await(call_is_done, &late));
	poll_begin(&b, &poll, &u);
	ck_assert(!core_is_done(&poll));
	atomic_store(&late.gone, true);
	end_with(&late, 200, "http://x/2");
	end_with(&poll, 200, "http://x/2");
	end_with(&senders[0], 200, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_times)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	channel_init(&b);
	b.conf.poll_hold = CLOCK_SECOND / 10;
	b.conf.notify_timeout_ms = 100;
	core_start(&b);
	core_app(&b, "a", "");
	u = app_channel(&b);
	poll_begin(&b, &poll, &u);
	end_with(&poll, 202, "");
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	end_with(&sender, 504, "STATUS_GATEWAY_TIMEOUT");
	/* It does not come later. */
	poll_begin(&b, &poll, &u);
	end_with(&poll, 202, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_limits)
{
	struct core_bed b;
	struct core_call senders[4], polls[3];
	struct uris u[3];
	char *big = malloc(40000);

	ck_assert_ptr_nonnull(big);
	memset(big, ' ', 40000);
	memcpy(big + 40000 - sizeof(NOTIFY("http://x/1")), NOTIFY("http://x/1"),
	       sizeof(NOTIFY("http://x/1")));
	channel_begin(&b);
	core_halt(&b);
	core_stop(&b);
	b.conf.channel_queue = 2;
	b.conf.channels_max = 3;
	b.conf.polls_max = 2;
	b.conf.channel_bytes = 50000;
	core_start(&b);
	for (int i = 0; i < 3; i++)
		u[i] = app_channel(&b);
	ck_assert_int_eq(core_status(&b, "POST", APPS "/a/notificationChannels", ME,
	                             "<m2m:notificationChannel " NS "><m2m:channelType>LONG_POLLING"
	                             "</m2m:channelType></m2m:notificationChannel>"),
	                 403);
	message_begin(&b, &senders[0], &u[0], NOTIFY("http://x/1"));
	message_begin(&b, &senders[1], &u[0], NOTIFY("http://x/1"));
	message_begin(&b, &senders[2], &u[0], NOTIFY("http://x/1"));
	end_with(&senders[2], 503, "STATUS_SERVICE_UNAVAILABLE");
	message_begin(&b, &senders[2], &u[1], big);
	message_begin(&b, &senders[3], &u[1], big);
	end_with(&senders[3], 503, "STATUS_SERVICE_UNAVAILABLE");
	for (int i = 0; i < 3; i++) {
		poll_begin(&b, &polls[0], &u[i / 2]);
		end_with(&polls[0], 200, "http://x/1");
		end_with(&senders[i], 200, "");
	}
	poll_begin(&b, &polls[0], &u[0]);
	poll_begin(&b, &polls[1], &u[1]);
	poll_begin(&b, &polls[2], &u[2]);
	end_with(&polls[2], 503, "too many polls");
	/* One that takes over needs no place of its own. */
	poll_begin(&b, &polls[2], &u[1]);
	end_with(&polls[1], 202, "");
	core_halt(&b);
	end_with(&polls[0], 503, "stopping");
	end_with(&polls[2], 503, "stopping");
	core_fini(&b);
	free(big);
}
END_TEST

/* Nobody waits for what may never be known: whether an answer that is on its way arrives. */
START_TEST(test_stop_with_answer_on_its_way)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	poll_begin(&b, &poll, &u);
	ck_assert(core_await(call_is_done, &poll));
	core_halt(&b);
	end_with(&sender, 503, "stopping");
	atomic_store(&poll.gone, true);
	end_with(&poll, 200, "http://x/1");
	core_fini(&b);
}
END_TEST

/* ---- who, what, how ---- */

START_TEST(test_refusals)
{
	static const struct {
		bool poll;
		const char *method, *from, *body;
		int status;
	} rows[] = {
		{ true, "POST", ADMIN, NULL, 401 },
		{ true, "POST", NULL, NULL, 402 },
		{ true, "GET", ME, NULL, 405 },
		{ true, "PUT", ME, NOTIFY("http://x/1"), 405 },
		{ true, "DELETE", ME, NULL, 405 },
		{ true, "POST", ME, NOTIFY("http://x/1"), 400 },
		{ true, "POST", ME, "<m2m:responseNotify", 400 },
		{ true, "POST", ADMIN, "<m2m:responseNotify " NS "/>", 401 },
		{ false, "POST", NULL, NOTIFY("http://x/1"), 402 },
		{ false, "POST", ADMIN, NULL, 400 },
		{ false, "POST", ADMIN, "<m2m:notify", 400 },
		{ false, "POST", ADMIN, "<m2m:notify " NS "/>", 400 },
		{ false, "POST", ADMIN, "<m2m:container " NS "/>", 400 },
		{ false, "GET", ADMIN, NULL, 405 },
	};
	struct core_bed b;
	struct core_call c;
	struct uris u;
	char other[160];

	u = app_channel_begin(&b);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		int status = core_status(&b, rows[i].method, rows[i].poll ? u.poll : u.contact,
		                         rows[i].from, rows[i].body);

		ck_assert_msg(status == rows[i].status, "%zu: %d", i, status);
	}
	ck_assert(core_begin(&b, &c, "POST", u.contact, ADMIN, "text/plain", "x"));
	end_with(&c, 415, "");
	/* A token of one kind is none of the other, nor with something behind it. */
	snprintf(other, sizeof(other), BASE "/lp/contact/%s", strrchr(u.poll, '/') + 1);
	ck_assert_int_eq(core_status(&b, "POST", other, ADMIN, NOTIFY("http://x/1")), 404);
	snprintf(other, sizeof(other), "%s/x", u.poll);
	ck_assert_int_eq(core_status(&b, "POST", other, ME, NULL), 404);
	snprintf(other, sizeof(other), "%s0", u.poll);
	ck_assert_int_eq(core_status(&b, "POST", other, ME, NULL), 404);
	ck_assert_int_eq(core_status(&b, "POST", BASE "/lp", ME, NULL), 404);
	ck_assert_int_eq(core_status(&b, "POST", BASE "/lp/poll", ME, NULL), 404);
	ck_assert_int_eq(core_status(&b, "POST", BASE "/lp/poll/", ME, NULL), 404);
	ck_assert_int_eq(core_status(&b, "POST", BASE "/lp/other/x", ME, NULL), 404);
	core_fini(&b);
}
END_TEST

/* Nobody speaks through a channel in another's name. */
START_TEST(test_forged_request)
{
	static const char request[] =
		"<m2m:requestNotify " NS "><requestingEntity>%s</requestingEntity><targetID>" G
		"</targetID><method>RETRIEVE</method><xEtsiContactUriHeader>http://x/</"
	        "xEtsiContactUriHeader>"
		"<xEtsiCorrelationIDHeader>1</xEtsiCorrelationIDHeader></m2m:requestNotify>";
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;
	char body[512];

	u = app_channel_begin(&b);
	snprintf(body, sizeof(body), request, "http://other.example.org/");
	ck_assert_int_eq(core_status(&b, "POST", u.contact, ADMIN, body), 403);
	snprintf(body, sizeof(body), request, ADMIN);
	message_begin(&b, &sender, &u, body);
	poll_begin(&b, &poll, &u);
	end_with(&poll, 200, "requestNotify");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

START_TEST(test_restart)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	poll_begin(&b, &poll, &u);
	core_halt(&b);
	end_with(&poll, 503, "");
	core_stop(&b);
	core_start(&b);
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	poll_begin(&b, &poll, &u);
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

/* ---- the end of channels ---- */

START_TEST(test_removed)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u, v;

	u = app_channel_begin(&b);
	v = app_channel(&b);
	poll_begin(&b, &poll, &u);
	message_begin(&b, &sender, &v, NOTIFY("http://x/1"));
	ck_assert_int_eq(core_status(&b, "DELETE", APPS "/a", ME, NULL), 204);
	end_with(&poll, 404, "removed");
	end_with(&sender, 404, "removed");
	ck_assert_int_eq(core_status(&b, "POST", u.poll, ME, NULL), 404);
	ck_assert_int_eq(core_status(&b, "POST", v.contact, ADMIN, NOTIFY("http://x/1")), 404);
	core_fini(&b);
}
END_TEST

/* A removal that is not stored ends nothing. */
START_TEST(test_removal_lost)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	u = app_channel_begin(&b);
	poll_begin(&b, &poll, &u);
	core_fail_commits(1000);
	ck_assert_int_eq(core_status(&b, "DELETE", APPS "/a", ME, NULL), 503);
	core_fail_commits(0);
	core_app(&b, "other", "");
	ck_assert(!core_is_done(&poll));
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

/* The channel is removed between the look-up of the poll and its waiting. */
START_TEST(test_removed_meanwhile)
{
	struct core_bed b;
	struct core_call poll;
	struct uris u;

	u = app_channel_begin(&b);
	core_ready(&b, &poll, "POST", u.poll, ME, NULL, NULL);
	ck_assert_int_eq(core_status(&b, "DELETE", APPS "/a", ME, NULL), 204);
	core_submit(&poll);
	end_with(&poll, 404, "removed");
	core_fini(&b);
}
END_TEST

START_TEST(test_expired)
{
	struct core_bed b;
	struct core_plug plug;
	struct core_call poll;
	struct uris u;

	channel_begin(&b);
	core_app(&b, "short", "<m2m:expirationTime>2099-01-01T00:00:00Z</m2m:expirationTime>");
	u = make_channel(&b, APPS "/short", "notificationChannel", ROOT APPS "/short");
	ck_assert(core_begin(&b, &poll, "POST", u.poll, ROOT APPS "/short", NULL, NULL));
	atomic_store(&b.clock.now, INT64_C(4070995200) * CLOCK_SECOND);
	end_with(&poll, 404, "removed");
	ck_assert_int_eq(core_status(&b, "POST", u.poll, ROOT APPS "/short", NULL), 404);
	/* Also before the sweep. */
	core_app(&b, "next", "<m2m:expirationTime>2099-06-01T00:00:00Z</m2m:expirationTime>");
	u = make_channel(&b, APPS "/next", "notificationChannel", ROOT APPS "/next");
	core_plug(&b, &plug);
	atomic_store(&b.clock.now, INT64_C(4084041600) * CLOCK_SECOND);
	ck_assert_int_eq(core_status(&b, "POST", u.poll, ROOT APPS "/next", NULL), 404);
	core_unplug(&plug);
	core_fini(&b);
}
END_TEST

/* ---- subscriptions ---- */

static void
watch_applications(struct core_bed *b, const struct uris *u)
{
	struct reply r;
	char body[512];

	snprintf(body, sizeof(body),
	         "<m2m:subscription " NS " m2m:id=\"s\"><m2m:contact>" ROOT "%s</m2m:contact>"
	         "<m2m:filterCriteria><attributeAccessor>searchStrings</attributeAccessor></"
	         "m2m:filterCriteria>"
	         "</m2m:subscription>",
	         u->contact);
	r = core_ask(b, "POST", APPS "/a/subscriptions", ME, body);
	ck_assert_msg(r.status == 201 && strstr(r.body, ">SYNCHRONOUS<") != NULL, "%s", r.body);
	reply_fini(&r);
}

/* Changes are told by poll; who was away is told as soon as it polls, whatever the back-off says. */
START_TEST(test_subscription)
{
	struct core_bed b;
	struct core_call poll;
	struct uris u;
	struct reply r;

	channel_init(&b);
	b.conf.retry_first = 2000 * CLOCK_SECOND;
	b.conf.retry_max = 2000 * CLOCK_SECOND;
	b.conf.notify_timeout_ms = 20000;
	core_start(&b);
	core_app(&b, "a", "");
	u = app_channel(&b);
	watch_applications(&b, &u);
	for (int i = 0; i < 3; i++) {
		/* The initial notify has been refused by now, or will be. */
		if (i < 2)
			ck_assert_int_eq(core_do(&b, "PUT", APPS "/a/searchStrings",
			                         "<m2m:searchStrings " NS
			                         "><m2m:searchString>%d</m2m:searchString></"
			                         "m2m:searchStrings>",
			                         i),
			                 204);
		else
			ck_assert_int_eq(
				core_status(&b, "DELETE", APPS "/a/searchStrings", ME, NULL), 204);
		poll_begin(&b, &poll, &u);
		r = core_end(&poll);
		ck_assert_msg(r.status == 200 && strstr(r.body, "subscriptions/s<") != NULL,
		              "%d %s", r.status, r.body);
		reply_fini(&r);
	}
	core_fini(&b);
}
END_TEST

static bool
was_tried(void *arg)
{
	const struct core_bed *b = arg;
	bool any;

	pthread_mutex_lock(&b->scl->channels->lock);
	any = b->scl->channels->by_contact.n > 0;
	pthread_mutex_unlock(&b->scl->channels->lock);
	return any;
}

/* Notifies without a poll take no place in the queue. */
START_TEST(test_subscription_without_poll)
{
	struct core_bed b;
	struct core_call poll, sender;
	struct uris u;

	channel_init(&b);
	b.conf.channel_queue = 1;
	core_start(&b);
	core_app(&b, "a",
	         "<m2m:searchStrings><m2m:searchString>x</m2m:searchString></m2m:searchStrings>");
	u = app_channel(&b);
	watch_applications(&b, &u);
	ck_assert(core_await(was_tried, &b));
	message_begin(&b, &sender, &u, NOTIFY("http://x/1"));
	if (core_is_done(&sender))
		end_with(&sender, 200, "");
	ck_assert(!core_is_done(&sender));
	poll_begin(&b, &poll, &u);
	end_with(&poll, 200, "http://x/1");
	end_with(&sender, 200, "");
	core_fini(&b);
}
END_TEST

/* ---- many at once ---- */

struct hammer {
	struct core_bed *b;
	struct uris u[4];
	pthread_t threads[4];
	_Atomic unsigned sent, taken, next, stop;
};

static void *
hammer_sender(void *arg)
{
	struct hammer *h = arg;

	for (unsigned i = 0; i < 200; i++) {
		struct core_call c;
		struct reply r;

		message_begin(h->b, &c, &h->u[i % 4], NOTIFY("http://x/1"));
		r = core_end(&c);
		ck_assert_msg(r.status == 200, "%d %s", r.status, r.body);
		reply_fini(&r);
		atomic_fetch_add(&h->sent, 1);
	}
	return NULL;
}

static void *
hammer_poller(void *arg)
{
	struct hammer *h = arg;
	unsigned n = 0;

	while (!atomic_load(&h->stop)) {
		struct core_call c;
		struct reply r;
		bool lose = n++ % 7 == 0;

		poll_begin(h->b, &c, &h->u[atomic_fetch_add(&h->next, 1) % 4]);
		if (lose)
			atomic_store(&c.gone, true);
		r = core_end(&c);
		if (r.status == 200 && !lose)
			atomic_fetch_add(&h->taken, 1);
		else
			ck_assert_msg(r.status == 202 || r.status == 200, "%d", r.status);
		reply_fini(&r);
	}
	return NULL;
}

START_TEST(test_hammer)
{
	struct core_bed b;
	struct hammer h = { .b = &b };

	channel_init(&b);
	b.conf.poll_hold = CLOCK_SECOND / 50;
	b.conf.notify_timeout_ms = 30000;
	core_start(&b);
	core_app(&b, "a", "");
	for (int i = 0; i < 4; i++)
		h.u[i] = app_channel(&b);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&h.threads[i], NULL,
		                                i < 2 ? hammer_sender : hammer_poller, &h),
		                 0);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			atomic_store(&h.stop, 1);
		pthread_join(h.threads[i], NULL);
	}
	ck_assert_uint_eq(atomic_load(&h.sent), 400);
	/* Each was acknowledged once, and so taken away once. */
	ck_assert_uint_eq(atomic_load(&h.taken), 400);
	core_fini(&b);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_waits,
		test_message_waits_for_poll,
		test_poll_waits_for_message,
		test_second_poll_takes_over,
		test_order,
		test_dead_polls,
		test_back_to_the_head,
		test_times,
		test_limits,
		test_stop_with_answer_on_its_way,
		test_refusals,
		test_forged_request,
		test_restart,
		test_removed,
		test_removal_lost,
		test_removed_meanwhile,
		test_expired,
		test_subscription,
		test_subscription_without_poll,
		test_hammer,
	};

	return core_run_tests("channel", tests, NITEMS(tests), 120);
}

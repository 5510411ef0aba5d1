/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "notify_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"

/* ---- receiving ---- */

/* Text of an element whatever its prefix and attributes; empty when it is not there. */
static struct slice
element(struct slice doc, const char *name)
{
	char open[64];
	const char *from, *to;

	snprintf(open, sizeof(open), "<%s", name);
	from = memmem(doc.p, doc.n, open, strlen(open));
	from = from == NULL ? NULL : memchr(from, '>', (size_t)(doc.p + doc.n - from));
	to = from == NULL ? NULL : memchr(from, '<', (size_t)(doc.p + doc.n - from));
	return to == NULL ? SLICE_NONE : slice_make(from + 1, (size_t)(to - from - 1));
}

static unsigned
take_numbers(struct subscriber *s, struct slice doc)
{
	unsigned n = 0;

	for (const char *at = doc.p;
	     (at = memmem(at, doc.n - (size_t)(at - doc.p), "n=", 2)) != NULL;) {
		unsigned v = (unsigned)strtoul(at + 2, NULL, 10);

		at += 2;
		n++;
		if (v > s->last + 1)
			s->gaps += v - s->last - 1;
		if (v > s->last)
			s->last = v;
	}
	return n;
}

static void
take_document(struct subscriber *s, struct slice body)
{
	struct slice coded = element(body, "representation"), doc;
	struct arena *a = arena_new(8u << 20);
	unsigned n = 0;

	ck_assert(base64_decode(a, coded, &doc));
	if (coded.n > 0) {
		n = take_numbers(s, doc);
		snprintf(s->document, sizeof(s->document), "%.*s", (int)doc.n, doc.p);
	}
	if (s->notifies < GOT_MAX) {
		s->sizes[s->notifies] = n;
		s->times[s->notifies] = clock_monotonic();
	}
	arena_free(a);
}

static void
receive(struct subscriber *s, struct slice body)
{
	struct slice status = element(body, "m2m:statusCode");

	if (slice_is(status, "STATUS_OK")) {
		take_document(s, body);
		s->timeouts += element(body, "timeoutReason").n > 0;
	} else {
		s->finals++;
		snprintf(s->status, sizeof(s->status), "%.*s", (int)status.n, status.p);
	}
	s->notifies++;
}

static struct port_answer
judge(struct notify_bed *b, bool *received)
{
	static const int failures[] = { 503, 408, 500, ANSWER_REFUSED, ANSWER_NEVER };
	struct port_answer a = { .status = b->always != 0 ? b->always : 200, .held = &b->held };

	if (b->delay > 0)
		a.delay = dice(&b->dice, (unsigned)b->delay);
	if (b->always == 0 && dice(&b->dice, 100) < b->fail)
		a.status = failures[dice(&b->dice, NITEMS(failures))];
	/* What was not answered may have been received. */
	*received = a.status / 100 == 2 || (a.status == ANSWER_NEVER && dice(&b->dice, 2) == 0);
	return a;
}

static struct port_answer
script(void *arg, const struct exchange *ex)
{
	struct notify_bed *b = arg;
	struct port_answer a;
	bool received;
	unsigned sub;

	ck_assert(slice_is(ex->method, "POST"));
	ck_assert_int_eq(sscanf(ex->url.p, "http://s%u.example.org/", &sub), 1);
	pthread_mutex_lock(&b->lock);
	a = judge(b, &received);
	b->subs[sub].tries++;
	if (received)
		receive(&b->subs[sub], ex->body);
	pthread_mutex_unlock(&b->lock);
	return a;
}

/* ---- for the tests ---- */

void
notify_init(struct notify_bed *b, const char *what)
{
	*b = (struct notify_bed){ 0 };
	core_init(&b->core);
	dice_init(&b->dice, what);
	pthread_mutex_init(&b->lock, NULL);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		snprintf(b->subs[i].contact, sizeof(b->subs[i].contact), "http://s%u.example.org/",
		         i);
	port_fake_set(script, b);
}

void
notify_fini(struct notify_bed *b)
{
	core_fini(&b->core);
	pthread_mutex_destroy(&b->lock);
}

void
notify_fail(struct notify_bed *b, unsigned percent, int always, int64_t delay)
{
	pthread_mutex_lock(&b->lock);
	b->fail = percent;
	b->always = always;
	b->delay = delay;
	pthread_mutex_unlock(&b->lock);
}

struct subscriber
notify_look(struct notify_bed *b, unsigned sub)
{
	struct subscriber s;

	pthread_mutex_lock(&b->lock);
	s = b->subs[sub];
	pthread_mutex_unlock(&b->lock);
	return s;
}

void
notify_subscribe(struct notify_bed *b, unsigned sub, const char *target, const char *before,
                 const char *after)
{
	char path[256];
	int status;

	snprintf(path, sizeof(path), "%s/subscriptions", target);
	status = core_do(&b->core, "POST", path,
	                 "<m2m:subscription " NS " m2m:id=\"s%u\">%s<m2m:contact>%s</m2m:contact>%s"
	                 "</m2m:subscription>",
	                 sub, before, b->subs[sub].contact, after);
	ck_assert_int_eq(status, 201);
}

void
notify_post(struct notify_bed *b, const char *path, unsigned n)
{
	char text[32];

	snprintf(text, sizeof(text), "n=%u;", n);
	ck_assert_int_eq(core_post_text(&b->core, path, text), 201);
}

struct awaited {
	struct notify_bed *b;
	unsigned sub, n;
};

static bool
has_last(void *arg)
{
	struct awaited *w = arg;

	return notify_look(w->b, w->sub).last >= w->n;
}

static bool
has_notifies(void *arg)
{
	struct awaited *w = arg;

	return notify_look(w->b, w->sub).notifies >= w->n;
}

static bool
has_finals(void *arg)
{
	struct awaited *w = arg;

	return notify_look(w->b, w->sub).finals >= w->n;
}

void
notify_await(struct notify_bed *b, unsigned sub, unsigned n)
{
	struct awaited w = { b, sub, n };

	ck_assert_msg(core_await(has_last, &w), "subscriber %u: %u of %u", sub,
	              notify_look(b, sub).last, n);
}

void
notify_await_notifies(struct notify_bed *b, unsigned sub, unsigned n)
{
	struct awaited w = { b, sub, n };

	ck_assert_msg(core_await(has_notifies, &w), "subscriber %u: %u of %u notifies", sub,
	              notify_look(b, sub).notifies, n);
}

void
notify_await_finals(struct notify_bed *b, unsigned sub, unsigned n)
{
	struct awaited w = { b, sub, n };

	ck_assert_msg(core_await(has_finals, &w), "subscriber %u: no final notify", sub);
}

static bool
see_pending(void *arg, uint64_t id)
{
	(void)id;
	*(bool *)arg = true;
	return false;
}

static bool
nothing_pending(void *arg)
{
	struct notify_bed *b = arg;
	struct arena *a = arena_new(1u << 20);
	struct rtx *tx;
	bool any = false;

	ck_assert_int_eq(repo_begin_read(b->core.repo, a, &tx), RC_OK);
	ck_assert_int_eq(repo_pending(tx, 0, 1, see_pending, &any), RC_OK);
	repo_end_read(tx);
	arena_free(a);
	return !any;
}

void
notify_await_rest(struct notify_bed *b)
{
	ck_assert_msg(core_await(nothing_pending, b), "a lane stays pending");
}

void
notify_settled(struct notify_bed *b, size_t lanes)
{
	core_fail_commits(0);
	notify_await_rest(b);
	core_stop(&b->core);
	ck_assert_uint_eq(core_records(&b->core, 'P'), 0);
	ck_assert_uint_eq(core_records(&b->core, 'R'), 0);
	ck_assert_uint_eq(core_records(&b->core, 'S'), lanes);
}

void
notify_container(struct notify_bed *b, const char *name, int max_nr, char path[128])
{
	int status = core_do(&b->core, "POST", BASE "/applications",
	                     "<m2m:application " NS " appId=\"a1\"><m2m:accessRightID>" BASE
	                     "/accessRights/default</m2m:accessRightID></m2m:application>");

	ck_assert_msg(status == 201 || status == 409, "%d", status);
	ck_assert_int_eq(core_do(&b->core, "POST", BASE "/applications/a1/containers",
	                         "<m2m:container " NS " m2m:id=\"%s\"><m2m:accessRightID>" BASE
	                         "/accessRights/default</m2m:accessRightID><m2m:maxNrOfInstances>%d"
	                         "</m2m:maxNrOfInstances></m2m:container>",
	                         name, max_nr),
	                 201);
	snprintf(path, 128, BASE "/applications/a1/containers/%s/contentInstances", name);
}

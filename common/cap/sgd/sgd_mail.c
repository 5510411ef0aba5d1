/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mailbox: its items are fetched, taken one after the other, stored together with what they have
 * changed, and then acknowledged. An item whose change is not stored comes again.
 */
#include "config.h"

#include <stdio.h>

#include "base/be.h"
#include "cap/sgd/sgd_mail.h"
#include "cap/sgd/sgd_rest.h"

#define HEAD 12u /* u64 id, u32 length before an item */
#define ROOM_REST CLOCK_SECOND
#define SHORT_REST (CLOCK_SECOND / 20)
#define EMPTY_REST CLOCK_SECOND
#define COMPLETE_OCTETS ((size_t)64 << 10) /* an answer with fewer has left nothing out */
#define TAKE_OCTETS ((size_t)8 << 20) /* that one change stores */

static void next(struct sgd_server *s);
static void finish(struct sgd_server *s);

/* ---- what changes ---- */

static void settle(struct sgd_op *op, enum rc rc);

struct sgd_change *
sgd_mail_change(struct sgd_server *s)
{
	if (s->taking == NULL)
		s->taking = sgd_op_new(s->all, settle, s, NULL);
	return s->taking == NULL ? NULL : &s->taking->change;
}

/* ---- all that were fetched ---- */

/* The item at s->at; false: there is none. */
static bool
current(const struct sgd_server *s, uint64_t *id, struct slice *item)
{
	struct slice rest = slice_from(buf_view(&s->items), s->at);
	size_t n;

	if (rest.n < HEAD)
		return false;
	*id = be_get(rest.p, 8);
	n = (size_t)be_get(rest.p + 8, 4);
	if (n > rest.n - HEAD)
		return false;
	*item = slice_make(rest.p + HEAD, n);
	return true;
}

static void
advance(struct sgd_server *s)
{
	struct slice item;
	uint64_t id;

	if (!current(s, &id, &item))
		return;
	s->at += HEAD + item.n;
	s->last = id;
}

void
sgd_mail_step_over(struct sgd_server *s, enum sgd_taken t)
{
	if (t == SGD_TAKEN) {
		advance(s);
		next(s);
		return;
	}
	sgd_lane_rest(s, &s->mail);
	finish(s);
}

void
sgd_mail_reset(struct sgd_server *s)
{
	if (s->taking != NULL)
		sgd_op_drop(s->taking);
	s->taking = NULL;
	s->came = 0;
	s->last = 0;
	s->at = 0;
	s->complete = false;
	buf_clear(&s->items);
}

static void
settle(struct sgd_op *op, enum rc rc)
{
	struct sgd_server *s = op->a;

	s->mail.busy = false;
	if (rc == RC_OK) {
		for (struct sgd_session *se = s->all->sessions; se != NULL; se = se->next)
			if (se->server == s)
				se->dirty = false;
		for (struct sgd_group *g = s->all->groups; g != NULL; g = g->next)
			if (g->server == s)
				g->dirty = false;
		sgd_count(s->all, SGD_N_RECEIVED, s->came);
		if (s->came > 0)
			sgd_rest_told(s->all);
	} else {
		sgd_engine_reload(s->all);
	}
	s->came = 0;
	sgd_server_wake(s);
}

/* False: nothing has changed. */
static bool
submit(struct sgd_server *s)
{
	struct sgd_op *op;
	struct sgd_change *c;
	enum rc rc = RC_OK;

	for (struct sgd_session *se = s->all->sessions; se != NULL && rc == RC_OK; se = se->next) {
		if (se->server != s || !se->dirty)
			continue;
		c = sgd_mail_change(s);
		rc = c == NULL ? RC_UNAVAILABLE : sgd_session_put(se, c);
	}
	for (struct sgd_group *g = s->all->groups; g != NULL && rc == RC_OK; g = g->next) {
		if (g->server != s || !g->dirty)
			continue;
		c = sgd_mail_change(s);
		rc = c == NULL ? RC_UNAVAILABLE : sgd_group_put(g, c);
	}
	op = s->taking;
	if (op == NULL)
		return false;
	s->taking = NULL;
	s->mail.busy = true;
	if (rc != RC_OK)
		op->change.ops.failed = true;
	sgd_op_submit(op);
	return true;
}

/* Before a reload nothing of it is stored: what was taken is given up, and comes again. */
static void
finish(struct sgd_server *s)
{
	s->mail.busy = false;
	if (s->all->reload || !submit(s))
		sgd_server_wake(s);
}

/* Takes what can be taken, then stores it. */
static void
next(struct sgd_server *s)
{
	struct slice item;
	uint64_t id;

	s->mail.busy = false;
	while (!s->all->reload && current(s, &id, &item) &&
	       (s->taking == NULL || s->taking->change.ops.n < TAKE_OCTETS)) {
		enum sgd_taken t = sgd_item_take(s, item);

		if (t == SGD_TAKEN_STEP) {
			s->mail.busy = true;
			return;
		}
		if (t == SGD_TAKEN_NOT) {
			s->mail.until = clock_monotonic() +
			                (sgd_book_has_room(s->all->book) ? SHORT_REST : ROOM_REST);
			sgd_server_wake_at(s, s->mail.until);
			break;
		}
		advance(s);
	}
	finish(s);
}

/* ---- requests ---- */

static struct sgd_ask *
prepare(struct sgd_server *s, const char *method, void (*done)(struct sgd_ask *))
{
	struct sgd_ask *a = &s->mail.ask;

	a->done = done;
	a->owner = s;
	a->method = method;
	a->media = SGD_NO_BODY;
	a->body = SLICE_NONE;
	a->if_none_match = SLICE_NONE;
	a->tagged = true;
	a->pending = false;
	a->wait = 0;
	return a;
}

static void
transmit(struct sgd_server *s)
{
	enum rc rc = sgd_ask_send(s, &s->mail.ask);

	s->mail.busy = rc == RC_OK;
	if (rc != RC_OK && rc != RC_PENDING)
		sgd_lane_rest(s, &s->mail);
}

/* True: the answer is one to go on with. */
static bool
answered(struct sgd_server *s, const struct sgd_ask *a)
{
	struct sgd_answer answer = { .status = a->status, .tries = s->mail.tries };
	enum sgd_do what = sgd_after_tagged(&answer);

	s->mail.busy = false;
	if (what == SGD_DO_AT_ONCE || what == SGD_DO_JUMP) {
		s->mail.tries++;
		if (what == SGD_DO_JUMP)
			sgd_counter_jump(s, s->mail.tries > 2);
		sgd_server_wake(s);
		return false;
	}
	if (what == SGD_DO_REFUSED) {
		/* Without more tries than one each time, until it is answered. */
		sgd_server_bar(s);
		return false;
	}
	s->mail.tries = 0;
	if (what == SGD_DO_GO_ON) {
		s->mail.failures = 0;
		s->error = NULL;
		s->barred = false;
		s->known_at = clock_monotonic();
		return true;
	}
	sgd_lane_rest(s, &s->mail);
	return false;
}

/* A gateway leaves items for the next answer when there are too many, or too many octets. */
static bool
is_complete(struct slice answer)
{
	unsigned n = 0;

	for (struct slice rest = answer; rest.n >= HEAD; n++)
		rest = slice_from(rest, HEAD + (size_t)be_get(rest.p + 8, 4));
	return n < SGD_ITEMS_MAX && answer.n < COMPLETE_OCTETS;
}

static void
fetched(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;

	if (!atomic_load(&s->all->running) || !answered(s, a))
		return;
	if (a->status != 200) {
		sgd_lane_rest(s, &s->mail);
		return;
	}
	buf_clear(&s->items);
	buf_slice(&s->items, a->answer);
	s->at = 0;
	s->complete = is_complete(a->answer);
	/* Who cannot wait there (too many do) answers at once: not in a loop. */
	if (a->answer.n == 0 && clock_monotonic() - s->asked_at < EMPTY_REST)
		s->mail.until = s->asked_at + EMPTY_REST;
	next(s);
}

static void
acknowledged(struct sgd_ask *a)
{
	struct sgd_server *s = a->owner;

	if (!atomic_load(&s->all->running) || !answered(s, a))
		return;
	s->last = 0;
	sgd_server_wake(s);
}

static void
fetch(struct sgd_server *s)
{
	struct sgd_ask *a = prepare(s, "GET", fetched);

	sgd_session_sweep(s, s->complete);
	s->complete = false;
	s->asked_at = clock_monotonic();
	a->wait = (unsigned)(s->all->conf->device.poll_wait / CLOCK_SECOND);
	snprintf(a->path, sizeof(a->path), "/devices/%.*s/mailbox?wait=%u&max=%u", s->all->id.n,
	         s->all->id.v, a->wait, SGD_ITEMS_MAX);
	transmit(s);
}

static void
acknowledge(struct sgd_server *s)
{
	struct sgd_ask *a = prepare(s, "DELETE", acknowledged);

	snprintf(a->path, sizeof(a->path), "/devices/%.*s/mailbox/%llu?before=true", s->all->id.n,
	         s->all->id.v, (unsigned long long)s->last);
	transmit(s);
}

void
sgd_mail_look(struct sgd_server *s)
{
	struct slice item;
	uint64_t id;

	if (s->mail.busy || s->mail.until > clock_monotonic())
		return;
	if (current(s, &id, &item))
		next(s);
	else if (s->last != 0)
		acknowledge(s);
	else
		fetch(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the channels: polls for messages, messages for polls. A message is handed to a poll
 * whose peer is still there, and counts as delivered when the binding has written the answer;
 * otherwise it goes back to the head of its queue (TS 102 690, long polling).
 */
#include "config.h"

#include "core/channel_impl.h"

#include <stdlib.h>

static void hand_out(struct channel *ch, struct ends *ends);

static const char *const why_of[RC_COUNT] = {
	[RC_NOT_FOUND] = "the channel was removed",
	[RC_GATEWAY_TIMEOUT] = "the channel was not polled in time",
	[RC_UNAVAILABLE] = "the service is stopping",
};

/* ---- ends ---- */

void
channels_lock(struct channels *cs, struct ends *ends)
{
	*ends = (struct ends){ NULL, &ends->first };
	pthread_mutex_lock(&cs->lock);
}

static void
ends_add(struct ends *ends, struct ended *e, enum rc rc, const char *why)
{
	e->rc = rc;
	e->why = why;
	e->next = NULL;
	*ends->last = e;
	ends->last = &e->next;
}

static void
list_remove(struct message **at, const struct message *m)
{
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

/* Not taken away after all. */
static void
put_back(struct message *m, struct ends *ends)
{
	struct channel *ch = m->channel;

	list_remove(&ch->handed, m);
	m->handed = false;
	m->next = ch->first;
	ch->first = m;
	if (m->next == NULL)
		ch->last = &m->next;
	if (m->sender != NULL && !waits_add(&ch->all->waits, &m->wait, m->wait.due))
		message_end(m, RC_UNAVAILABLE, ends);
	else
		hand_out(ch, ends);
}

/* The answer of a poll has arrived as a whole, or it has not and will not. */
static void
poll_sent(struct req *rq, bool whole)
{
	struct message *m = rq->taken;
	struct channel *ch = m->channel;
	struct channels *cs = ch->all;
	struct ends ends;

	channels_lock(cs, &ends);
	if (whole || (m->sender == NULL && m->tunnel == NULL))
		message_end(m, RC_OK, &ends);
	else if (ch->gone || cs->stopped)
		message_end(m, RC_NOT_FOUND, &ends);
	else
		put_back(m, &ends);
	channels_unlock(cs, &ends);
}

/* A connection that waits does not notice that its peer has left. */
static bool
is_alive(const struct req *rq)
{
	return rq->listener->alive == NULL || rq->local || rq->listener->alive(rq->done_arg);
}

/* The message is nobody else's until the binding is done with it. Without the lock. */
static void
answer_poll(struct req *rq, struct message *m)
{
	char *copy = is_alive(rq) ? malloc(m->n) : NULL;

	rq->taken = m;
	if (copy == NULL) {
		poll_sent(rq, false);
		rq->rc = RC_ACCEPTED;
		return;
	}
	rq->sent = poll_sent;
	memcpy(copy, m->body, m->n);
	rq->relayed = true;
	rq->rc = RC_OK;
	rq->out = (struct req_answer){ .http_status = status_of(RC_OK)->http,
		                       .content_type = slice_of(m->media_type),
		                       .body = copy,
		                       .body_len = m->n };
	/* What the core itself asked for is in its hands. */
	rq->whole = rq->local;
}

void
channels_unlock(struct channels *cs, struct ends *ends)
{
	struct ended *e = ends->first;

	channels_arm(cs);
	pthread_mutex_unlock(&cs->lock);
	while (e != NULL) {
		struct ended now = *e;

		free(e);
		e = now.next;
		if (now.message != NULL)
			answer_poll(now.rq, now.message);
		else if (now.why != NULL)
			req_fail(now.rq, now.rc, "%s", now.why);
		else
			now.rq->rc = now.rc;
		req_finish(now.rq);
	}
}

/* ---- known channels ---- */

uint64_t
channel_key(struct slice token)
{
	uint64_t key = 0;

	if (token.n != IDENT_SECRET_LEN)
		return 0;
	for (size_t i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = token.p[i] == '\0' ? NULL : strchr(digits, token.p[i]);

		if (at == NULL)
			return 0;
		key = key << 4 | (uint64_t)(at - digits);
	}
	return key;
}

struct channel *
channel_known(struct channels *cs, struct slice contact)
{
	uint64_t key = channel_key(contact);
	struct keyed *k = NULL;

	while ((k = keyed_find(&cs->by_contact, key, k)) != NULL) {
		struct channel *ch = (struct channel *)(void *)k;

		if (slice_is(contact, ch->contact))
			return ch;
	}
	return NULL;
}

struct channel *
channel_get(struct channels *cs, const struct channel *like)
{
	struct slice contact = slice_of(like->contact);
	struct channel *ch = channel_known(cs, contact);

	if (ch != NULL) {
		ch->found = like->found;
		ch->until = like->until;
		return ch;
	}
	ch = malloc(sizeof(*ch));
	if (ch == NULL)
		return NULL;
	*ch = *like;
	ch->all = cs;
	ch->last = &ch->first;
	if (!keyed_add(&cs->by_contact, &ch->keyed, channel_key(contact))) {
		free(ch);
		return NULL;
	}
	return ch;
}

void
channel_release(struct channel *ch)
{
	struct channels *cs = ch->all;

	if (ch->poll != NULL || ch->n > 0 || ch->tunnels != NULL || ch->waiters != NULL ||
	    ch->returning || ch->ending || (ch->absent.place != 0 && !ch->gone))
		return;
	waits_remove(&cs->waits, &ch->absent);
	keyed_remove(&cs->by_contact, &ch->keyed);
	free(ch);
}

/* ---- messages ---- */

static struct message **
last_of(struct message *first)
{
	while (first->next != NULL)
		first = first->next;
	return &first->next;
}

/* Of one that is in no list any more. */
static void
message_free(struct message *m, enum rc rc, struct ends *ends)
{
	struct channel *ch = m->channel;

	waits_remove(&ch->all->waits, &m->wait);
	ch->n--;
	ch->bytes -= m->n;
	ch->all->bytes -= m->n;
	if (m->tunnel != NULL)
		m->tunnel->message = NULL;
	if (m->sender != NULL)
		ends_add(ends, m->sender, rc, why_of[rc]);
	free(m->body);
	free(m);
}

void
message_end(struct message *m, enum rc rc, struct ends *ends)
{
	struct channel *ch = m->channel;

	list_remove(m->handed ? &ch->handed : &ch->first, m);
	if (ch->first == NULL)
		ch->last = &ch->first;
	else if (!m->handed && m->next == NULL)
		ch->last = last_of(ch->first);
	message_free(m, rc, ends);
	channel_release(ch);
}

static bool
has_room(const struct channel *ch, size_t n)
{
	const struct scl_conf *conf = scl_conf(ch->all->scl);

	if (ch->n >= conf->channel_queue || ch->all->bytes + n > conf->channels_bytes)
		return false;
	/* One message has room, however long it is. */
	return ch->n == 0 || ch->bytes + n <= conf->channel_bytes;
}

enum rc
channel_put(struct channel *ch, struct message *m, struct ends *ends)
{
	if (ch->all->stopped || ch->gone || !has_room(ch, m->n))
		return RC_UNAVAILABLE;
	m->next = NULL;
	*ch->last = m;
	ch->last = &m->next;
	ch->n++;
	ch->bytes += m->n;
	ch->all->bytes += m->n;
	if (ch->poll == NULL && ch->absent.place == 0)
		watch_unpolled(ch);
	hand_out(ch, ends);
	return RC_OK;
}

/* ---- polls ---- */

static void
poll_end(struct channel *ch, struct ends *ends, struct message *m, enum rc rc)
{
	struct poll *p = ch->poll;

	waits_remove(&ch->all->waits, &p->wait);
	ch->poll = NULL;
	ch->all->polls--;
	p->ended.message = m;
	ends_add(ends, &p->ended, rc, why_of[rc]);
	watch_unpolled(ch);
}

/* A connection that waits does not notice that its peer has left. */
static bool
poll_alive(const struct poll *p)
{
	const struct req *rq = p->ended.rq;

	return rq->listener->alive == NULL || rq->local || rq->listener->alive(rq->done_arg);
}

static void
hand_out(struct channel *ch, struct ends *ends)
{
	struct message *m = ch->first;

	if (ch->poll == NULL || m == NULL)
		return;
	if (!poll_alive(ch->poll)) {
		poll_end(ch, ends, NULL, RC_ACCEPTED);
		return;
	}
	ch->first = m->next;
	if (ch->first == NULL)
		ch->last = &ch->first;
	m->handed = true;
	m->next = ch->handed;
	ch->handed = m;
	if (m->tunnel != NULL)
		m->tunnel->handed = true;
	waits_remove(&ch->all->waits, &m->wait);
	poll_end(ch, ends, m, RC_OK);
}

enum rc
channel_poll(struct channel *ch, struct poll *p, struct ends *ends)
{
	struct channels *cs = ch->all;
	const struct scl_conf *conf = scl_conf(cs->scl);

	if (cs->stopped || (ch->poll == NULL && cs->polls >= conf->polls_max) ||
	    !waits_add(&cs->waits, &p->wait, clock_monotonic() + conf->poll_hold))
		return RC_UNAVAILABLE;
	if (ch->poll != NULL)
		poll_end(ch, ends, NULL, RC_ACCEPTED);
	waits_remove(&cs->waits, &ch->absent);
	ch->poll = p;
	p->channel = ch;
	cs->polls++;
	watch_returned(ch);
	hand_out(ch, ends);
	return RC_OK;
}

/* Those of messages that are handed out do not wait until it is known what came of that. */
static void
release_senders(struct channel *ch, struct ends *ends)
{
	for (struct message *m = ch->handed; m != NULL; m = m->next)
		if (m->sender != NULL) {
			ends_add(ends, m->sender, RC_UNAVAILABLE, why_of[RC_UNAVAILABLE]);
			m->sender = NULL;
		}
}

/* What nobody has taken along ends; ch stays. */
static void
end_waiting(struct channel *ch, enum rc rc, struct ends *ends)
{
	struct message *m = ch->first, *next;

	ch->first = NULL;
	ch->last = &ch->first;
	for (; m != NULL; m = next) {
		next = m->next;
		message_free(m, rc, ends);
	}
}

/* All that waits in ch ends; ch may be gone afterwards. */
static void
channel_empty(struct channel *ch, enum rc rc, struct ends *ends)
{
	ch->ending = true;
	if (ch->poll != NULL)
		poll_end(ch, ends, NULL, rc);
	while (ch->tunnels != NULL)
		tunnel_end(ch->tunnels, rc == RC_NOT_FOUND ? RC_BAD_GATEWAY : rc,
		           "the channel was removed, or the service is stopping");
	end_waiting(ch, rc, ends);
	if (rc == RC_UNAVAILABLE)
		release_senders(ch, ends);
	/* Whoever waits finds out. */
	watch_returned(ch);
	waits_remove(&ch->all->waits, &ch->absent);
	ch->ending = false;
	channel_release(ch);
}

void
channel_end(struct channel *ch, struct ends *ends)
{
	ch->gone = true;
	channel_empty(ch, RC_NOT_FOUND, ends);
}

/* ---- time ---- */

void
channels_arm(struct channels *cs)
{
	struct wait *w = waits_first(&cs->waits);
	int64_t now;

	if (w == NULL || w->due >= cs->ticking || cs->stopped)
		return;
	cs->ticking = w->due;
	now = clock_monotonic();
	scl_post(cs->scl, &cs->tick, w->due > now ? w->due - now : 0);
}

#define OF(type, w) ((struct type *)(void *)((char *)(w)-offsetof(struct type, wait)))

static void
over(struct wait *w, struct ends *ends)
{
	struct channel *ch;

	switch ((enum wait_kind)w->kind) {
	case WAIT_POLL:
		poll_end(OF(poll, w)->channel, ends, NULL, RC_ACCEPTED);
		break;
	case WAIT_SENDER:
		message_end(OF(message, w), RC_GATEWAY_TIMEOUT, ends);
		break;
	case WAIT_TUNNEL:
		tunnel_end(OF(tunnel, w), RC_GATEWAY_TIMEOUT,
		           "the channel was not polled, or not answered");
		break;
	case WAIT_ABSENT:
		ch = (struct channel *)(void *)((char *)w - offsetof(struct channel, absent));
		watch_absent(ch);
		channel_release(ch);
		break;
	}
}

static void
tick_run(struct scl_task *task)
{
	struct channels *cs =
		(struct channels *)(void *)((char *)task - offsetof(struct channels, tick));
	int64_t now = clock_monotonic();
	struct ends ends;
	struct wait *w;

	channels_lock(cs, &ends);
	cs->ticking = CLOCK_NEVER;
	while ((w = waits_first(&cs->waits)) != NULL && w->due <= now) {
		waits_remove(&cs->waits, w);
		over(w, &ends);
	}
	channels_unlock(cs, &ends);
}

/* ---- life ---- */

enum rc
channels_new(struct scl *scl, struct channels **out)
{
	struct channels *cs = calloc(1, sizeof(*cs));

	if (cs == NULL)
		return RC_UNAVAILABLE;
	cs->scl = scl;
	cs->ticking = CLOCK_NEVER;
	cs->tick.run = tick_run;
	pthread_mutex_init(&cs->lock, NULL);
	tunnel_init(cs);
	watch_init(cs);
	serve_init(cs);
	*out = cs;
	return segment_add(scl, &cs->segment);
}

/* Everything is known by its contact: whatever waits, waits in a channel. */
static void
end_all(struct channels *cs, struct ends *ends)
{
	for (size_t at = 0; at < cs->by_contact.size; at++)
		for (struct keyed *k = cs->by_contact.buckets[at], *next; k != NULL; k = next) {
			struct channel *ch = (struct channel *)(void *)k;

			next = k->next;
			channel_empty(ch, RC_UNAVAILABLE, ends);
		}
}

void
channels_stop(struct channels *cs)
{
	struct ends ends;

	channels_lock(cs, &ends);
	cs->stopped = true;
	end_all(cs, &ends);
	channels_unlock(cs, &ends);
}

void
channels_free(struct channels *cs)
{
	size_t at = 0;
	struct keyed *k;

	if (cs == NULL)
		return;
	while ((k = keyed_any(&cs->by_contact, &at)) != NULL) {
		keyed_remove(&cs->by_contact, k);
		free(k);
	}
	keyed_fini(&cs->by_contact);
	keyed_fini(&cs->by_correlation);
	waits_fini(&cs->waits);
	free(cs->removed);
	pthread_mutex_destroy(&cs->lock);
	free(cs);
}

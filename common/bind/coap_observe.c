/* SPDX-License-Identifier: Apache-2.0 */
/* Observations of a server: what is watched for whom, and whose turn it is. */
#include "config.h"

#include "bind/coap_observe_impl.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"

/* Readings of one turn: requests come in between. */
#define SLICE 16u
/* What no commit changes is looked for that often. */
#define LOOK_US (60 * CLOCK_SECOND)

/* ---- clients ---- */

static struct coapd_client *
client_of(struct coapd_session *se)
{
	struct coapd_client *c;

	if (!coapd_link_empty(&se->observations))
		return COAPD_OF(se->observations.next, struct coapd_observation, all)->client;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->session = se;
	c->all = se->server->observers;
	coapd_link_init(&c->pending);
	return c;
}

void
coapd_client_hold(struct coapd_client *c)
{
	if (c->held)
		return;
	c->held = true;
	c->all->n_unproved -= c->n;
	coapd_session_hold(c->session);
}

static void
client_over(struct coapd_client *c)
{
	if (c->state == CLIENT_READY || c->state == CLIENT_RESTING)
		coapd_link_remove(&c->queue);
	if (c->held)
		coapd_session_release(c->session);
	c->next_over = c->all->clients_over;
	c->all->clients_over = c;
}

void
coapd_client_settle(struct coapd_client *c)
{
	if (c->state != CLIENT_IDLE || coapd_link_empty(&c->pending))
		return;
	c->state = CLIENT_READY;
	coapd_link_append(&c->all->ready, &c->queue);
}

void
coapd_client_rest(struct coapd_client *c, int64_t us)
{
	struct coapd_link *after = c->all->resting.prev;

	c->state = CLIENT_RESTING;
	c->rest_until = c->all->server->now + us;
	while (after != &c->all->resting &&
	       COAPD_OF(after, struct coapd_client, queue)->rest_until > c->rest_until)
		after = after->prev;
	coapd_link_append(after->next, &c->queue);
}

void
coapd_client_landed(struct coapd_client *c)
{
	c->flying = NULL;
	c->state = CLIENT_IDLE;
	coapd_client_settle(c);
}

/* ---- observations ---- */

void
coapd_observation_wait(struct coapd_observation *o)
{
	if (o->waiting || o->over || o->core == NULL)
		return;
	o->waiting = true;
	coapd_link_append(&o->client->pending, &o->pending);
	coapd_client_settle(o->client);
}

void
coapd_observation_looked(struct coapd_observation *o)
{
	struct coapd_observers *os = o->client->all;

	coapd_link_remove(&o->by_look);
	o->look_at = os->server->now + LOOK_US;
	coapd_link_append(&os->looks, &o->by_look);
}

void
coapd_observation_end(struct coapd_observation *o)
{
	struct coapd_client *c = o->client;
	struct coapd_observers *os = c->all;

	if (o->over)
		return;
	o->over = true;
	if (o->rq != NULL)
		o->core = req_observer(o->rq);
	observer_end(o->core);
	coapd_unwatch(&o->watch);
	coapd_link_remove(&o->all);
	coapd_link_remove(&o->by_look);
	coapd_link_remove(&o->pending);
	c->session->n_observations--;
	os->n--;
	if (!c->held)
		os->n_unproved--;
	o->next_over = os->over;
	os->over = o;
	if (c->flying == o)
		coapd_client_landed(c);
	if (--c->n == 0)
		client_over(c);
}

/* The committer's thread, or the server's within req_prepare. */
static void
changed(void *arg)
{
	struct coapd_observation *o = arg;
	struct coapd_observers *os = o->client->all;
	struct coapd_observation *first = atomic_load(&os->told);

	if (atomic_exchange(&o->told, true))
		return;
	do
		o->next_told = first;
	while (!atomic_compare_exchange_weak(&os->told, &first, o));
	if (first == NULL)
		coapd_wake(os->server);
}

static void
take_told(struct coapd_observers *os)
{
	struct coapd_observation *o = atomic_exchange(&os->told, NULL), *next;

	for (; o != NULL; o = next) {
		next = o->next_told;
		/* From here on it may be pushed again. */
		atomic_store(&o->told, false);
		coapd_observation_wait(o);
	}
}

/* Who is over is told of nothing any more; the list of those that were is empty afterwards. */
static void
reap(struct coapd_observers *os)
{
	take_told(os);
	while (os->over != NULL) {
		struct coapd_observation *o = os->over;

		os->over = o->next_over;
		free(o);
	}
	while (os->clients_over != NULL) {
		struct coapd_client *c = os->clients_over;

		os->clients_over = c->next_over;
		free(c);
	}
}

/* ---- registration ---- */

/* What a request says in texts. */
static const size_t texts[] = {
	offsetof(struct req_input, target),
	offsetof(struct req_input, host),
	offsetof(struct req_input, from),
	offsetof(struct req_input, authorization),
	offsetof(struct req_input, accept),
	offsetof(struct req_input, if_match),
	offsetof(struct req_input, if_none_match),
	offsetof(struct req_input, if_modified_since),
	offsetof(struct req_input, if_unmodified_since),
	offsetof(struct req_input, correlation_id),
	offsetof(struct req_input, contact_uri),
	offsetof(struct req_input, rcat),
	offsetof(struct req_input, trpdt),
	offsetof(struct req_input, group_request_id),
	offsetof(struct req_input, via),
	offsetof(struct req_input, nonce),
	offsetof(struct req_input, connection),
	offsetof(struct req_input, device_proof),
	offsetof(struct req_input, ival_signature),
	offsetof(struct req_input, priority),
	offsetof(struct req_input, sga),
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const struct slice *
text_of(const struct req_input *in, size_t i)
{
	return (const struct slice *)(const void *)((const char *)in + texts[i]);
}

static struct coapd_observation *
observation_alloc(const struct req_input *in)
{
	struct coapd_observation *o;
	size_t n = 0;
	char *at;

	for (size_t i = 0; i < TEXTS; i++)
		n += text_of(in, i)->n;
	o = calloc(1, sizeof(*o) + n);
	if (o == NULL)
		return NULL;
	o->input =
		(struct req_input){ .op = REQ_RETRIEVE, .known_method = true, .has_length = true };
	at = o->text;
	for (size_t i = 0; i < TEXTS; i++) {
		struct slice from = *text_of(in, i);

		if (from.p == NULL)
			continue;
		if (from.n > 0)
			memcpy(at, from.p, from.n);
		*(struct slice *)(void *)((char *)&o->input + texts[i]) = slice_make(at, from.n);
		at += from.n;
	}
	return o;
}

static struct coapd_observation *
find(struct coapd_session *se, const unsigned char *token, unsigned n)
{
	for (struct coapd_link *at = se->observations.next; at != &se->observations;
	     at = at->next) {
		struct coapd_observation *o = COAPD_OF(at, struct coapd_observation, all);

		if (o->token_n == n && memcmp(o->token, token, n) == 0)
			return o;
	}
	return NULL;
}

static void
enter(struct coapd_observation *o, struct coapd_client *c, const struct coapd_request *cr)
{
	struct coapd_observers *os = c->all;

	o->client = c;
	o->rq = cr->rq;
	o->token_n = cr->token_n;
	memcpy(o->token, cr->token, cr->token_n);
	o->watch.done = coapd_observation_watched;
	o->look_at = o->confirmed_at = os->server->now;
	coapd_link_append(&c->session->observations, &o->all);
	coapd_link_append(&os->looks, &o->by_look);
	coapd_observation_looked(o);
	c->n++;
	c->session->n_observations++;
	os->n++;
	if (!c->held)
		os->n_unproved++;
}

/* Who has not proved his address has a share of the room only: nobody takes it all by forging. */
static bool
has_room(const struct coapd_session *se, bool proved)
{
	const struct coapd *s = se->server;

	return s->observers->n < s->conf.max_observers &&
	       se->n_observations < s->conf.max_observers_per_session &&
	       (proved || s->observers->n_unproved < (s->conf.max_observers + 3) / 4);
}

void
coapd_observe_ask(struct coapd_request *cr, const struct cmap_head *head)
{
	struct coapd_session *se = cr->session;
	struct coapd_observation *o;
	struct coapd_client *c;
	bool proved;

	coapd_observe_cancel(se, cr->token, cr->token_n);
	/* Later blocks are none (RFC 7959 section 2.6); a body is good once, being protected. */
	if (se->coap == NULL || head->block2.num > 0 || cr->body.n > 0)
		return;
	proved = front_proved(se->front, se->server->now);
	if (!has_room(se, proved))
		return;
	o = observation_alloc(&head->input);
	c = o == NULL ? NULL : client_of(se);
	if (c == NULL) {
		free(o);
		return;
	}
	o->input.peer = &se->identity.peer;
	o->block2 = head->block2;
	o->has_key = blocks_digest(head, o->key) == RC_OK;
	enter(o, c, cr);
	if (proved)
		coapd_client_hold(c);
	cr->observes = true;
	if (!req_observe(cr->rq, changed, o))
		coapd_observation_end(o);
}

void
coapd_observe_answer(struct coapd_request *cr, struct cmap_answer *answer)
{
	struct coapd_observation *o =
		cr->observes ? find(cr->session, cr->token, cr->token_n) : NULL;

	cr->observes = false;
	if (o == NULL || o->rq != cr->rq)
		return;
	o->rq = NULL;
	o->core = req_observer(cr->rq);
	if (o->core == NULL || answer->code / 100 != 2) {
		coapd_observation_end(o);
		return;
	}
	cr->observes = true;
	coapd_observation_digest(answer, o->last);
	coapd_observation_complete(o, answer);
}

void
coapd_observe_cancel(struct coapd_session *se, const unsigned char *token, unsigned n)
{
	struct coapd_observation *o = find(se, token, n);

	if (o != NULL)
		coapd_observation_end(o);
}

void
coapd_observe_gone(struct coapd_session *se)
{
	while (!coapd_link_empty(&se->observations))
		coapd_observation_end(
			COAPD_OF(se->observations.next, struct coapd_observation, all));
}

/* ---- the loop ---- */

static void
end_rests(struct coapd_observers *os)
{
	while (!coapd_link_empty(&os->resting)) {
		struct coapd_client *c = COAPD_OF(os->resting.next, struct coapd_client, queue);

		if (c->rest_until > os->server->now)
			return;
		coapd_link_remove(&c->queue);
		c->state = CLIENT_IDLE;
		coapd_client_settle(c);
	}
}

static void
end_looks(struct coapd_observers *os)
{
	while (!coapd_link_empty(&os->looks)) {
		struct coapd_observation *o =
			COAPD_OF(os->looks.next, struct coapd_observation, by_look);

		if (o->look_at > os->server->now)
			return;
		coapd_observation_looked(o);
		/* Nothing has told of it for longer than any exchange: nothing will. */
		if (o->client->flying == o && os->server->now - o->sent_at > COAPD_LIFETIME_US)
			coapd_observation_end(o);
		coapd_observation_wait(o);
	}
}

static int64_t
next_time(const struct coapd_observers *os)
{
	int64_t at = INT64_MAX;

	if (!coapd_link_empty(&os->ready))
		return os->server->now;
	if (!coapd_link_empty(&os->resting))
		at = COAPD_OF(os->resting.next, struct coapd_client, queue)->rest_until;
	if (!coapd_link_empty(&os->looks) &&
	    COAPD_OF(os->looks.next, struct coapd_observation, by_look)->look_at < at)
		at = COAPD_OF(os->looks.next, struct coapd_observation, by_look)->look_at;
	return at;
}

/* Nobody is told any more; what is on its way may arrive. */
static void
stop(struct coapd_observers *os)
{
	struct coapd_link *at, *next;

	for (at = os->looks.next; at != &os->looks; at = next) {
		struct coapd_observation *o = COAPD_OF(at, struct coapd_observation, by_look);

		next = at->next;
		if (o->client->flying != o)
			coapd_observation_end(o);
	}
}

int64_t
coapd_observe_run(struct coapd *s)
{
	struct coapd_observers *os = s->observers;

	reap(os);
	if (atomic_load(&s->stopping)) {
		stop(os);
		return INT64_MAX;
	}
	end_rests(os);
	end_looks(os);
	for (unsigned i = 0; i < SLICE && !coapd_link_empty(&os->ready); i++)
		coapd_client_serve(COAPD_OF(os->ready.next, struct coapd_client, queue));
	return next_time(os);
}

bool
coapd_observers_init(struct coapd *s)
{
	struct coapd_observers *os = calloc(1, sizeof(*os));

	if (os == NULL)
		return false;
	os->server = s;
	coapd_link_init(&os->ready);
	coapd_link_init(&os->resting);
	coapd_link_init(&os->looks);
	s->observers = os;
	return true;
}

void
coapd_observers_fini(struct coapd *s)
{
	if (s->observers == NULL)
		return;
	reap(s->observers);
	free(s->observers);
	s->observers = NULL;
}

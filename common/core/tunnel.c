/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to whoever polls a channel: an exchange becomes a requestNotify, and the responseNotify
 * with its correlation id becomes its answer (TS 102 690, retargeting; TS 102 921 10.42).
 */
#include "config.h"

#include "core/channel_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX (64u << 20)
/* What a document adds to the body that it carries in base64. */
#define DOCUMENT_MAX(body) ((body) / 3 * 4 + 262144u)

static void
reset_answer(struct exchange *ex)
{
	buf_fini(&ex->answer);
	buf_fini(&ex->answer_text);
	buf_init(&ex->answer, ex->answer_max);
	buf_init(&ex->answer_text, 65536);
	ex->rc = RC_OK;
	ex->http_status = 0;
	ex->unsent = false;
	ex->n_answer_headers = 0;
	ex->failure[0] = '\0';
}

/* The courier ends the exchange, never from within send. Under the lock. */
static void
done_later(struct channels *cs, struct tunnel *t)
{
	t->next = NULL;
	*cs->last_done = t;
	cs->last_done = &t->next;
	scl_post(cs->scl, &cs->deliver, 0);
}

static struct tunnel *
take_done(struct channels *cs)
{
	struct tunnel *t;

	pthread_mutex_lock(&cs->lock);
	t = cs->done;
	if (t != NULL) {
		cs->done = t->next;
		if (cs->done == NULL)
			cs->last_done = &cs->done;
	}
	pthread_mutex_unlock(&cs->lock);
	return t;
}

static void
deliver_run(struct scl_task *task)
{
	struct channels *cs =
		(struct channels *)(void *)((char *)task - offsetof(struct channels, deliver));
	struct tunnel *t;

	while ((t = take_done(cs)) != NULL) {
		struct exchange *ex = t->ex;

		free(t);
		ex->done(ex);
	}
}

static void
fail(struct exchange *ex, enum rc rc, const char *why)
{
	ex->rc = rc;
	snprintf(ex->failure, sizeof(ex->failure), "%.127s", why);
}

/* The channel does not know t any more. */
static void
detach(struct tunnel *t)
{
	struct channels *cs = t->channel->all;

	keyed_remove(&cs->by_correlation, &t->keyed);
	waits_remove(&cs->waits, &t->wait);
	*t->at = t->next;
	if (t->next != NULL)
		t->next->at = t->at;
	if (t->message == NULL) {
		channel_release(t->channel);
	} else if (t->message->handed) {
		t->message->tunnel = NULL;
	} else {
		struct ends nobody = { NULL, &nobody.first };

		message_end(t->message, RC_OK, &nobody);
	}
	t->channel = NULL;
}

void
tunnel_end(struct tunnel *t, enum rc rc, const char *why)
{
	struct channels *cs = t->channel->all;

	/* Whether it was the request or its answer that got lost, the next poll tells it is back. */
	if (rc == RC_GATEWAY_TIMEOUT)
		t->channel->told = TOLD_NOTHING;
	detach(t);
	fail(t->ex, rc, why);
	t->ex->unsent = !t->handed;
	done_later(cs, t);
}

/* ---- sending ---- */

static void
attach(struct channel *ch, struct tunnel *t, struct message *m)
{
	t->channel = ch;
	t->message = m;
	t->next = ch->tunnels;
	t->at = &ch->tunnels;
	if (t->next != NULL)
		t->next->at = &t->next;
	ch->tunnels = t;
	m->tunnel = t;
	m->channel = ch;
}

/* RC_OK: t waits for its answer. */
static enum rc
enter(struct channels *cs, const struct channel *like, struct tunnel *t, struct message *m)
{
	int64_t due = clock_monotonic() + (int64_t)t->ex->timeout_ms * 1000;
	struct channel *ch;
	struct ends ends;
	enum rc rc = RC_UNAVAILABLE;

	channels_lock(cs, &ends);
	t->wait.kind = WAIT_TUNNEL;
	ch = channel_get(cs, like);
	if (ch != NULL && keyed_add(&cs->by_correlation, &t->keyed, channel_key(slice_of(t->id)))) {
		attach(ch, t, m);
		if (waits_add(&cs->waits, &t->wait, due))
			rc = channel_put(ch, m, &ends);
		if (rc != RC_OK) {
			t->message = NULL;
			detach(t);
		}
	} else if (ch != NULL) {
		channel_release(ch);
	}
	channels_unlock(cs, &ends);
	return rc;
}

static struct message *
message_new(struct buf *document)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->media_type = codec_xml.media_type;
	m->body = buf_take(document, &m->n);
	if (m->body != NULL)
		return m;
	free(m);
	return NULL;
}

/* The channel behind a token, and the document for it. */
static enum rc
prepare(struct channels *cs, const struct exchange *ex, struct slice token, const char *id,
        struct channel *like, struct buf *document)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct res *node, *parent;
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(cs->scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = channel_find(tx, A_CHANNEL_CONTACT, token, &node, &parent);
		if (rc == RC_OK) {
			channel_describe(like, node, parent);
			rc = request_notify_encode(
				cs->scl, a, ex,
				channel_poll_uri(cs->scl, a, slice_of(like->secret)), id, document);
		}
		repo_end_read(tx);
	}
	arena_free(a);
	return rc;
}

/* An answer without the peer: what it would not understand. */
static void
answer_here(struct exchange *ex, enum rc rc, const char *why)
{
	encode_error(&codec_xml, rc, slice_of(why), &ex->answer);
	buf_puts(&ex->answer_text, "content-type");
	ex->answer_headers[0] = (struct exchange_header){ slice_make(ex->answer_text.p, 12),
		                                          slice_of(codec_xml.media_type) };
	ex->n_answer_headers = ex->answer_text.failed ? 0 : 1;
	ex->http_status = status_of(rc)->http;
}

static void
refuse(struct channels *cs, struct tunnel *t, enum rc rc)
{
	if (rc == RC_BAD_REQUEST || rc == RC_NOT_IMPLEMENTED) {
		answer_here(t->ex, rc, "the request cannot be sent through a channel");
	} else {
		fail(t->ex, rc == RC_UNAVAILABLE ? rc : RC_BAD_GATEWAY,
		     rc == RC_NOT_FOUND ? "there is no such channel"
		                        : "too much waits for the channel");
		t->ex->unsent = true;
	}
	pthread_mutex_lock(&cs->lock);
	done_later(cs, t);
	pthread_mutex_unlock(&cs->lock);
}

bool
channels_send(struct channels *cs, struct exchange *ex)
{
	struct message *m = NULL;
	struct channel like;
	struct tunnel *t;
	struct slice token;
	struct buf document;
	enum rc rc;

	if (!channel_contact(cs->scl, ex->url, &token))
		return false;
	reset_answer(ex);
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		fail(ex, RC_UNAVAILABLE, "no memory");
		ex->done(ex);
		return true;
	}
	t->ex = ex;
	ident_secret(t->id);
	buf_init(&document, DOCUMENT_MAX(ex->body.n));
	rc = prepare(cs, ex, token, t->id, &like, &document);
	if (rc == RC_OK && (m = message_new(&document)) == NULL)
		rc = RC_UNAVAILABLE;
	buf_fini(&document);
	if (rc == RC_OK)
		rc = enter(cs, &like, t, m);
	if (rc == RC_OK)
		return true;
	if (m != NULL)
		free(m->body);
	free(m);
	refuse(cs, t, rc);
	return true;
}

/* ---- answers ---- */

/* The tunnel that waits for an answer with this id in the channel. Under the lock. */
static struct tunnel *
waiting(struct channels *cs, struct slice id, struct slice contact)
{
	uint64_t key = channel_key(id);
	struct keyed *k = NULL;

	while ((k = keyed_find(&cs->by_correlation, key, k)) != NULL) {
		struct tunnel *t = (struct tunnel *)(void *)k;

		if (slice_is(id, t->id) && slice_is(contact, t->channel->contact))
			return t;
	}
	return NULL;
}

static struct tunnel *
claim(struct channels *cs, struct slice id, struct slice contact)
{
	struct tunnel *t;

	pthread_mutex_lock(&cs->lock);
	t = waiting(cs, id, contact);
	if (t != NULL)
		detach(t);
	pthread_mutex_unlock(&cs->lock);
	return t;
}

enum rc
tunnel_answer(struct channels *cs, struct req *rq, struct slice contact)
{
	struct slice id = rq->in.correlation_id, why = SLICE_NONE;
	struct val *vals;
	struct tunnel *t;
	bool created;
	enum rc rc;

	if (id.n == 0)
		return req_fail(rq, RC_BAD_REQUEST, "X-etsi-correlationID is missing");
	rc = response_notify_bind(rq->arena, rq->doc, &vals, &created, &why);
	if (rc != RC_OK)
		return req_fail(rq, rc, "%.*s", (int)why.n, why.p);
	t = claim(cs, id, contact);
	if (t == NULL)
		return req_fail(rq, RC_FORBIDDEN,
		                "no request waits for an answer with this correlation id");
	if (!response_notify_answer(vals, created, t->ex))
		fail(t->ex, RC_BAD_GATEWAY, "the answer is over the limit");
	pthread_mutex_lock(&cs->lock);
	done_later(cs, t);
	pthread_mutex_unlock(&cs->lock);
	return RC_ACCEPTED;
}

void
tunnel_init(struct channels *cs)
{
	cs->deliver.run = deliver_run;
	cs->last_done = &cs->done;
}

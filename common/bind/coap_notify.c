/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: what is watched is read again, and told if it differs from what was told last. */
#include "config.h"

#include "bind/coap_observe_impl.h"

#include <openssl/evp.h>
#include <stddef.h>

#include "base/clock.h"

/*
 * A client hears that often, confirmably, also of what has not changed, and can take it as fresh
 * until then; RFC 7641 section 4.5 asks for once a day.
 */
#define REFRESH_US (3600 * CLOCK_SECOND)
#define MAX_AGE_S (3600u + 120u)
/* RFC 7641 section 4.5.1, when the round-trip time is not known. */
#define REST_US (3 * CLOCK_SECOND)
#define REST_MIN_US (CLOCK_SECOND / 50)
/* What takes longer may be the answer to a repetition (ACK_TIMEOUT, RFC 7252 section 4.8). */
#define RTT_MAX_US (2 * CLOCK_SECOND)
/* Tries of what cannot be read or sent for now, each after twice the time. */
#define TRIES_MAX 6u
#define RETRY_US (CLOCK_SECOND / 2)

/* What a client is told of, and nothing else: times of sending are not in it. */
bool
coapd_observation_digest(const struct cmap_answer *a, unsigned char digest[OBSERVE_DIGEST])
{
	const uint32_t head[] = { a->code, a->has_format, a->format, a->etag_n };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	          EVP_DigestUpdate(md, head, sizeof(head)) == 1 &&
	          EVP_DigestUpdate(md, a->etag, a->etag_n) == 1 &&
	          EVP_DigestUpdate(md, a->body.p, a->body.n) == 1 &&
	          EVP_DigestFinal_ex(md, digest, NULL) == 1;

	EVP_MD_CTX_free(md);
	if (!ok)
		memset(digest, 0, OBSERVE_DIGEST);
	return ok;
}

/*
 * Grows with the clock by less than half its range in 128 s (RFC 7641 section 3.4), so that also an
 * observation that replaces another, or follows a restart, goes on from it.
 */
static uint32_t
next_number(struct coapd_observers *os)
{
	uint64_t tick = (uint64_t)os->server->now >> 4;

	os->number = tick > os->number ? tick : os->number + 1;
	return (uint32_t)(os->number & 0xffffffu);
}

void
coapd_observation_complete(struct coapd_observation *o, struct cmap_answer *answer)
{
	answer->has_observe = true;
	answer->observe = next_number(o->client->all);
	if (!answer->has_max_age) {
		answer->has_max_age = true;
		answer->max_age = MAX_AGE_S;
	}
}

/* The fate of a notification; also after it was sent, when the client resets a NON. */
void
coapd_observation_watched(struct coapd_watch *w, bool arrived)
{
	struct coapd_observation *o = COAPD_OF(w, struct coapd_observation, watch);
	struct coapd_client *c = o->client;
	int64_t now = c->all->server->now;

	if (!arrived) {
		/* Who does not acknowledge has left, with all that it observes. */
		if (atomic_load(&c->session->left))
			coapd_observe_gone(c->session);
		else
			coapd_observation_end(o);
		return;
	}
	coapd_client_hold(c);
	o->confirmed_at = now;
	if (now - o->sent_at < RTT_MAX_US || c->rtt == 0)
		c->rtt = now - o->sent_at < RTT_MAX_US ? now - o->sent_at : REST_US;
	if (c->flying == o)
		coapd_client_landed(c);
}

enum outcome {
	OUTCOME_SAME,
	OUTCOME_SENT,
	OUTCOME_SENT_NON,
	OUTCOME_LATER, /* tried in vain */
	OUTCOME_BUSY, /* not tried */
	OUTCOME_END
};

static bool
wants_con(const struct coapd_observation *o)
{
	const struct coapd_session *se = o->client->session;
	const struct coapd *s = se->server;

	/*
	 * What it acknowledges shows that a client is there and wants it (RFC 7641 section 7), and
	 * how often it may be told more.
	 */
	return !s->conf.notify_non || o->client->rtt == 0 || s->now - o->confirmed_at >= REFRESH_US;
}

static enum outcome
send_answer(struct coapd_observation *o, struct cmap_answer *answer, struct req_answer *encoded)
{
	struct coapd_session *se = o->client->session;
	bool good = answer->code / 100 == 2, con = !good || wants_con(o);
	struct coapd_reply r = { .type = con ? COAP_MESSAGE_CON : COAP_MESSAGE_NON,
		                 .token = o->token,
		                 .token_n = o->token_n,
		                 .answer = answer,
		                 .block2 = o->block2,
		                 .digest = o->has_key ? o->key : NULL,
		                 .body = &encoded->body };
	bool sent;

	coapd_unwatch(&o->watch);
	if (good)
		coapd_observation_complete(o, answer);
	/* With DTLS a reset of a NON is not seen. The last one is nobody's to wait for. */
	if (good && (con || se->server->dtls == NULL))
		r.watch = &o->watch;
	o->sent_at = se->server->now;
	sent = coapd_reply(se, &r);
	if (!good || o->over)
		return OUTCOME_END;
	if (!sent)
		return OUTCOME_LATER;
	/* More than may go to an address that is not proved: the client has been told to ask anew. */
	if (answer->code / 100 != 2)
		return OUTCOME_END;
	return r.type == COAP_MESSAGE_CON ? OUTCOME_SENT : OUTCOME_SENT_NON;
}

static enum outcome
tell(struct coapd_observation *o, struct req_answer *encoded)
{
	unsigned char digest[OBSERVE_DIGEST];
	struct cmap_answer answer;
	enum outcome outcome;

	/* Overload passes, and ends no observation. */
	if (encoded->http_status == 503 && o->tries < TRIES_MAX)
		return OUTCOME_LATER;
	cmap_answer(encoded, REQ_RETRIEVE, &answer);
	if (coapd_observation_digest(&answer, digest) &&
	    memcmp(digest, o->last, OBSERVE_DIGEST) == 0 &&
	    o->client->all->server->now - o->confirmed_at < REFRESH_US)
		return OUTCOME_SAME;
	outcome = send_answer(o, &answer, encoded);
	if (outcome == OUTCOME_SENT || outcome == OUTCOME_SENT_NON)
		memcpy(o->last, digest, OBSERVE_DIGEST);
	return outcome;
}

/* The request anew, with what it said then and what may be done now. */
static enum outcome
read_again(struct coapd_observation *o)
{
	struct coapd_session *se = o->client->session;
	struct coapd *s = se->server;
	enum outcome outcome;
	struct req *rq;

	if (!cdtls_current(&se->identity)) {
		coapd_session_doom(se);
		return OUTCOME_END;
	}
	if (!cdtls_stands(&se->identity))
		return OUTCOME_END;
	rq = req_new(s->scl, &s->listener);
	if (rq == NULL)
		return OUTCOME_BUSY;
	*req_input(rq) = o->input;
	if (req_admit(rq) == RC_OK) {
		req_observe_again(rq, o->core);
		/* Nobody waits for an answer: what is no reading any more is not observed. */
		if (req_prepare(rq) == RC_PENDING)
			req_refuse(rq, RC_NOT_FOUND, "there is nothing to observe any more");
	}
	req_encode(rq);
	outcome = tell(o, req_answer(rq));
	req_free(rq);
	return outcome;
}

static int64_t
rest_of(const struct coapd_client *c)
{
	if (c->rtt == 0)
		return REST_US;
	return c->rtt < REST_MIN_US ? REST_MIN_US : c->rtt;
}

static void
settle_sent(struct coapd_client *c, struct coapd_observation *o, enum outcome outcome)
{
	o->tries = 0;
	if (outcome == OUTCOME_SENT) {
		c->state = CLIENT_FLYING;
		c->flying = o;
	} else if (outcome == OUTCOME_SENT_NON) {
		coapd_client_rest(c, rest_of(c));
	} else {
		coapd_client_settle(c);
	}
}

static void
settle_later(struct coapd_client *c, struct coapd_observation *o, enum outcome outcome)
{
	if (outcome == OUTCOME_LATER && o->tries++ == TRIES_MAX) {
		coapd_observation_end(o);
		return;
	}
	coapd_observation_wait(o);
	/* It stands in line already, and is to wait nevertheless. */
	coapd_link_remove(&c->queue);
	coapd_client_rest(c, RETRY_US << o->tries);
}

void
coapd_client_serve(struct coapd_client *c)
{
	struct coapd_observation *o = COAPD_OF(c->pending.next, struct coapd_observation, pending);
	struct coapd_session *se;
	enum outcome outcome;

	coapd_link_remove(&c->queue);
	c->state = CLIENT_IDLE;
	/* What was pending has ended. */
	if (coapd_link_empty(&c->pending))
		return;
	se = coapd_session_ref(c->session);
	coapd_link_remove(&o->pending);
	o->waiting = false;
	coapd_observation_looked(o);
	outcome = read_again(o);
	if (outcome == OUTCOME_END)
		coapd_observation_end(o);
	if (!o->over && (outcome == OUTCOME_LATER || outcome == OUTCOME_BUSY))
		settle_later(c, o, outcome);
	else if (!o->over)
		settle_sent(c, o, outcome);
	if (o->over && c->n > 0)
		coapd_client_settle(c);
	coapd_session_unref(se);
}

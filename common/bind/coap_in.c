/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CoAP request through the pipeline of core/req.h. libcoap calls coapd_handle for each message
 * with a request; what it would answer is left empty, because only here it is known whether the
 * answer goes with the ACK.
 */
#include "config.h"

#include "bind/coap_observe.h"
#include "bind/coap_server.h"

#include <stdlib.h>

#include "sec/secret.h"

/* What a peer is told that asks for more than there is room for. */
#define RETRY_S 1u

/* So long the blocks of an answer are waited for that must not be lost. */
#define PARTIAL_US INT64_C(60000000)

/* Separate answers with DTLS of which one is watched. */
#define UNWATCHED_MAX 8u

enum taken {
	TAKEN_ANSWER, /* cr has its answer */
	TAKEN_ON, /* it goes on */
	TAKEN_OVER /* it was answered */
};

/* ---- end of a request ---- */

/* The core's part is over: what is left tells whether the answer arrives. */
static void
give_back(struct coapd_request *cr, bool arrived)
{
	if (cr->rq == NULL)
		return;
	coapd_link_remove(&cr->waiting);
	coapd_seen_forget(cr);
	if (arrived)
		req_sent(cr->rq);
	if (req_answer(cr->rq)->no_store && cr->body.p != NULL)
		secret_wipe(cr->body.p, cr->body.n);
	buf_fini(&cr->body);
	req_free(cr->rq);
	cr->rq = NULL;
}

static void
end(struct coapd_request *cr, bool arrived)
{
	struct coapd_session *se = cr->session;

	coapd_unwatch(&cr->watch);
	give_back(cr, arrived);
	free(cr);
	se->requests--;
	coapd_session_release(se);
	coapd_session_unref(se);
}

/* Of an answer in blocks that is the first one: who asks for the last has them all. */
static void
answer_arrived(struct coapd_watch *w, bool arrived)
{
	struct coapd_request *cr = COAPD_OF(w, struct coapd_request, watch);
	struct coapd *s = cr->session->server;

	if (!arrived || !cr->partial) {
		end(cr, arrived);
		return;
	}
	cr->until = s->now + PARTIAL_US;
	coapd_link_append(&s->partial, &cr->waiting);
}

static struct coapd_request *
partial_of(const struct coapd_session *se, const unsigned char *digest)
{
	struct coapd_link *head = &se->server->partial;

	for (struct coapd_link *at = head->next; at != head; at = at->next) {
		struct coapd_request *cr = COAPD_OF(at, struct coapd_request, waiting);

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): end takes it out of the list */
		if (cr->session == se &&
		    (digest == NULL || memcmp(cr->digest, digest, sizeof(cr->digest)) == 0))
			return cr;
	}
	return NULL;
}

static void
partial_complete(const struct coapd_session *se, const unsigned char *digest)
{
	struct coapd_request *cr = partial_of(se, digest);

	if (cr != NULL)
		end(cr, true);
}

void
coapd_partial_gone(struct coapd_session *se)
{
	struct coapd_request *cr;

	while ((cr = partial_of(se, NULL)) != NULL)
		end(cr, false);
}

/* ---- answer ---- */

static void
give_ack(struct coapd_request *cr)
{
	coapd_link_remove(&cr->waiting);
	if (!cr->confirmable || cr->acked)
		return;
	coapd_ack(cr->session, cr->mid);
	cr->acked = true;
}

/* RFC 7967: the answer is not wanted. */
static bool
is_unwanted(const struct coapd_request *cr, const struct cmap_answer *a)
{
	return (cr->no_response >> (a->code / 100u - 1) & 1u) != 0;
}

/* Repetitions of what has changed something, or may have, get the same answer. */
static void
remember(struct coapd_request *cr, const struct cmap_answer *a, const struct coapd_reply *r)
{
	bool ran = a->code / 100u == 2 || cr->seen != NULL;

	if (cr->op == REQ_RETRIEVE || !ran || cr->session->coap == NULL) {
		coapd_seen_forget(cr);
		return;
	}
	if (cr->seen == NULL)
		coapd_seen_add(cr);
	coapd_seen_answered(cr, r == NULL ? NULL : a, r == NULL ? 0 : r->from,
	                    r == NULL ? 0 : r->n);
}

static struct coapd_reply
reply_to(const struct coapd_request *cr, struct cmap_answer *a)
{
	return (struct coapd_reply){ .type = !cr->confirmable ? COAP_MESSAGE_NON
		                             : cr->acked      ? COAP_MESSAGE_CON
		                                              : COAP_MESSAGE_ACK,
		                     .mid = cr->mid,
		                     .token = cr->token,
		                     .token_n = cr->token_n,
		                     .answer = a,
		                     .block2 = cr->block2,
		                     .digest = cr->has_digest ? cr->digest : NULL };
}

/*
 * A separate answer counts as under way until it is acknowledged: libcoap keeps all that are not,
 * however many. With DTLS one of a few is looked at, as the others before it are over when it is.
 */
static bool
is_watched(struct coapd_session *se, const struct coapd_reply *r)
{
	return r->type == COAP_MESSAGE_CON &&
	       (se->server->dtls == NULL || ++se->unwatched % UNWATCHED_MAX == 0);
}

/* Sends, and ends the request: here, or when it is known whether the answer arrived. */
static bool
send_reply(struct coapd_request *cr, struct coapd_reply *r)
{
	bool asks = req_asks_sent(cr->rq), close = req_answer(cr->rq)->close, sent;
	struct coapd_session *se = cr->session;

	if (asks || is_watched(se, r))
		r->watch = &cr->watch;
	sent = coapd_reply(se, r);
	remember(cr, r->answer, r);
	/* A connection that is not to be used again; without DTLS there is none. */
	if (sent && close && se->server->dtls != NULL)
		coapd_session_doom(se);
	/* It may be a NON by now, of whose fate nothing is heard. */
	if (!sent || r->watch == NULL || r->type != COAP_MESSAGE_CON) {
		end(cr, sent && !asks);
		return sent;
	}
	cr->partial = asks && r->answer->block2.given && r->answer->block2.more;
	if (!asks)
		give_back(cr, true);
	return true;
}

static void
send_answer(struct coapd_request *cr, struct cmap_answer *a, const struct cmap_head *head)
{
	struct req_answer *ra = req_answer(cr->rq);
	bool asks = req_asks_sent(cr->rq);
	struct coapd_reply r;

	/* Of an answer that goes with the ACK nobody learns whether it arrived. */
	if (asks)
		give_ack(cr);
	r = reply_to(cr, a);
	r.head = head;
	r.body = a->body.p == ra->body ? &ra->body : NULL;
	if (asks)
		r.type = COAP_MESSAGE_CON;
	send_reply(cr, &r);
}

static void
complete_answer(struct coapd_request *cr, struct cmap_answer *a)
{
	cmap_answer(req_encode(cr->rq), cr->op, a);
	if (cr->code != 0 && a->code / 100u != 2)
		a->code = cr->code;
	a->block1 = cr->block1;
	if (a->code == 413) {
		a->has_size1 = true;
		a->size1 = (uint32_t)req_body_max(cr->rq);
	}
	if (cr->observes)
		coapd_observe_answer(cr, a);
}

static void
answer(struct coapd_request *cr, const struct cmap_head *head)
{
	struct cmap_answer a;

	complete_answer(cr, &a);
	coapd_link_remove(&cr->waiting);
	if (!is_unwanted(cr, &a)) {
		send_answer(cr, &a, head);
		return;
	}
	give_ack(cr);
	remember(cr, &a, NULL);
	end(cr, true);
}

/* ---- the core has it ---- */

/* req_done: any thread, perhaps before req_submit has returned. */
static void
request_done(struct req *rq, void *arg)
{
	struct coapd_request *cr = arg, *next;
	struct coapd *s = cr->session->server;

	(void)rq;
	next = atomic_load(&s->answered);
	do
		cr->next_answered = next;
	while (!atomic_compare_exchange_weak(&s->answered, &next, cr));
	/*
	 * From here on cr may be gone, and with the last line s. When there were others, the loop
	 * knows.
	 */
	if (next == NULL)
		coapd_wake(s);
	atomic_fetch_sub(&s->submitted, 1);
}

static void
submit(struct coapd_request *cr, const struct cmap_head *head)
{
	struct coapd *s = cr->session->server;

	atomic_fetch_add(&s->submitted, 1);
	if (atomic_load(&s->stopping)) {
		atomic_fetch_sub(&s->submitted, 1);
		req_refuse(cr->rq, RC_UNAVAILABLE, "the service is stopping");
		answer(cr, head);
		return;
	}
	/* head is the core's from now on. */
	cr->has_digest = blocks_digest(head, cr->digest) == RC_OK;
	coapd_seen_add(cr);
	if (cr->confirmable && !cr->acked) {
		cr->until = s->now + (int64_t)s->conf.ack_delay_ms * 1000;
		coapd_link_append(&s->due, &cr->waiting);
	}
	req_submit(cr->rq, request_done, cr);
}

void
coapd_answered(struct coapd *s)
{
	struct coapd_request *cr = atomic_exchange(&s->answered, NULL), *first = NULL;

	/* In the order in which they were answered. */
	while (cr != NULL) {
		struct coapd_request *next = cr->next_answered;

		cr->next_answered = first;
		first = cr;
		cr = next;
	}
	while (first != NULL) {
		struct coapd_request *next = first->next_answered;

		answer(first, NULL);
		first = next;
	}
}

bool
coapd_alive(void *request)
{
	struct coapd_request *cr = request;

	return !atomic_load(&cr->session->left);
}

static void
give_up_partial(struct coapd *s)
{
	while (!coapd_link_empty(&s->partial)) {
		struct coapd_request *cr = COAPD_OF(s->partial.next, struct coapd_request, waiting);

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): end takes it out of the list */
		if (cr->until > s->now)
			return;
		end(cr, false);
	}
}

int64_t
coapd_acks(struct coapd *s)
{
	give_up_partial(s);
	while (!coapd_link_empty(&s->due)) {
		struct coapd_request *cr = COAPD_OF(s->due.next, struct coapd_request, waiting);

		if (cr->until > s->now)
			return cr->until;
		give_ack(cr);
	}
	return INT64_MAX;
}

/* ---- body ---- */

static enum taken
refuse(struct coapd_request *cr, enum rc rc, unsigned code, const char *why)
{
	req_refuse(cr->rq, rc, why);
	cr->code = code;
	return TAKEN_ANSWER;
}

/* Taken again, a block would be one of another body: it is remembered. */
static void
more_blocks(struct coapd_request *cr)
{
	struct cmap_answer a = { .code = 231, .block1 = cr->block1 };
	struct coapd_reply r = reply_to(cr, &a);

	send_reply(cr, &r);
}

/* What a block that is not taken is answered with. */
static const struct {
	enum rc rc;
	unsigned code;
	const char *why;
} block_errors[] = {
	[BLOCKS_GAP] = { RC_BAD_REQUEST, 408, "a block of the body is missing" },
	[BLOCKS_TOO_LARGE] = { RC_TOO_LARGE, 0, "the body is over the limit" },
	[BLOCKS_FULL] = { RC_UNAVAILABLE, 0, "no room for the blocks of the body" },
	[BLOCKS_BAD] = { RC_BAD_REQUEST, 0, "the block is not one of its body" },
};

static enum taken
take_block(struct coapd_request *cr, const struct cmap_head *head, struct slice payload)
{
	struct coapd *s = cr->session->server;
	struct blocks_key key = coapd_blocks_key(cr->session);
	enum blocks_result result;
	unsigned szx = head->block1.szx;

	if (blocks_digest(head, cr->digest) != RC_OK)
		return refuse(cr, RC_INTERNAL, 0, "no digest of the request");
	cr->has_digest = true;
	memcpy(key.digest, cr->digest, sizeof(key.digest));
	result = blocks_add(s->blocks, &key, &head->block1, payload,
	                    head->has_size1 ? head->size1 : 0, req_body_max(cr->rq), s->now, &szx,
	                    &cr->body);
	cr->block1 = (struct cmap_block){ true, head->block1.num, result == BLOCKS_MORE, szx };
	if (result == BLOCKS_DONE)
		return TAKEN_ON;
	if (result != BLOCKS_MORE)
		return refuse(cr, block_errors[result].rc, block_errors[result].code,
		              block_errors[result].why);
	more_blocks(cr);
	return TAKEN_OVER;
}

static enum taken
take_body(struct coapd_request *cr, const struct cmap_head *head, struct slice payload)
{
	enum taken taken = TAKEN_ON;

	buf_init(&cr->body, req_body_max(cr->rq));
	cr->body.secret = req_answer(cr->rq)->no_store;
	if (head->block1.given)
		taken = take_block(cr, head, payload);
	else
		buf_add(&cr->body, payload.p, payload.n);
	if (taken != TAKEN_ON)
		return taken;
	if (cr->body.failed)
		return refuse(cr, RC_TOO_LARGE, 0, "the body is over the limit");
	/* The buffer lives as long as the request. */
	req_input(cr->rq)->body = buf_view(&cr->body);
	return TAKEN_ON;
}

/* ---- blocks of an answer ---- */

/*
 * A block that follows the first is taken from the answer that was kept. When there is none any
 * more, what only reads is executed again; the ETag tells whether it is the same.
 */
static enum taken
serve_block(struct coapd_request *cr, const struct cmap_head *head)
{
	struct coapd *s = cr->session->server;
	struct blocks_key key = coapd_blocks_key(cr->session);
	const struct cmap_answer *kept;
	struct cmap_answer a;
	struct coapd_session *se = cr->session;
	struct coapd_reply r;

	if (blocks_digest(head, cr->digest) != RC_OK)
		return refuse(cr, RC_INTERNAL, 0, "no digest of the request");
	cr->has_digest = true;
	memcpy(key.digest, cr->digest, sizeof(key.digest));
	kept = blocks_find(s->blocks, &key, s->now);
	if (kept == NULL && cr->op == REQ_RETRIEVE)
		return TAKEN_ON;
	if (kept == NULL)
		return refuse(cr, RC_BAD_REQUEST, 408, "the answer is not kept any more");
	a = *kept;
	r = reply_to(cr, &a);
	coapd_session_ref(se);
	if (send_reply(cr, &r) && a.block2.given && !a.block2.more)
		partial_complete(se, key.digest);
	coapd_session_unref(se);
	return TAKEN_OVER;
}

/* ---- begin ---- */

static enum taken
admit(struct coapd_request *cr, const coap_pdu_t *pdu, struct cmap_head *head, struct slice payload)
{
	struct coapd_session *se = cr->session;
	struct req_input *in = req_input(cr->rq);
	const char *why = NULL;
	enum rc rc = cmap_request(pdu, se->server->authority, req_arena(cr->rq), head, &why);

	if (head->has_echo &&
	    front_take_echo(se->server->front, se->front, head->echo, se->server->now))
		coapd_session_keep(se);
	cr->no_response = head->no_response;
	cr->block2 = head->block2;
	cr->op = head->input.op;
	*in = head->input;
	in->peer = &se->identity.peer;
	if (rc != RC_OK)
		return refuse(cr, rc, head->code, why);
	in->has_length = !head->block1.given || head->has_size1;
	in->content_length = head->block1.given ? head->size1 : payload.n;
	if (req_admit(cr->rq) != RC_OK)
		return TAKEN_ANSWER;
	return head->block2.given && head->block2.num > 0 ? serve_block(cr, head) : TAKEN_ON;
}

static void
observe(struct coapd_request *cr, const struct cmap_head *head)
{
	/* Of the first block alone (RFC 7959 section 2.6). */
	if (!head->has_observe || cr->block2.num > 0)
		return;
	if (!cr->has_digest)
		cr->has_digest = blocks_digest(head, cr->digest) == RC_OK;
	if (head->observe == 0)
		coapd_observe_ask(cr, head);
	else
		coapd_observe_cancel(cr->session, cr->token, cr->token_n);
}

static void
run(struct coapd_request *cr, const coap_pdu_t *pdu)
{
	struct cmap_head head;
	const uint8_t *data = NULL;
	size_t n = 0;
	enum taken taken;

	coap_get_data(pdu, &n, &data);
	memset(&head, 0, sizeof(head));
	taken = admit(cr, pdu, &head, slice_make(data, n));
	if (taken == TAKEN_ON)
		taken = take_body(cr, &head, slice_make(data, n));
	if (taken == TAKEN_OVER)
		return;
	if (taken == TAKEN_ON) {
		observe(cr, &head);
		if (req_prepare(cr->rq) == RC_PENDING) {
			submit(cr, &head);
			return;
		}
	}
	answer(cr, &head);
}

static struct coapd_request *
request_new(struct coapd_session *se, const coap_pdu_t *pdu, bool acked, uint64_t hash)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct coapd_request *cr;

	if (token.length > COAPD_TOKEN_MAX)
		return NULL;
	cr = calloc(1, sizeof(*cr));
	if (cr == NULL)
		return NULL;
	cr->rq = req_new(se->server->scl, &se->server->listener);
	if (cr->rq == NULL) {
		free(cr);
		return NULL;
	}
	cr->session = coapd_session_ref(se);
	coapd_session_hold(se);
	se->requests++;
	cr->confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
	cr->acked = acked;
	cr->hash = hash;
	cr->mid = coap_pdu_get_mid(pdu);
	cr->token_n = (unsigned)token.length;
	memcpy(cr->token, token.s, token.length);
	cr->watch.done = answer_arrived;
	return cr;
}

void
coapd_take(struct coapd_session *se, const coap_pdu_t *pdu, bool acked)
{
	struct coapd_request *cr = NULL;
	uint64_t hash;

	if (se->doomed)
		return;
	coapd_session_used(se);
	if (acked)
		coapd_acknowledged(se);
	if (!cdtls_current(&se->identity)) {
		coapd_session_doom(se);
		return;
	}
	if (coapd_seen_before(se, pdu, &hash) != SEEN_NOT)
		return;
	if (!atomic_load(&se->server->quiesced) &&
	    se->requests < se->server->conf.max_requests_per_session)
		cr = request_new(se, pdu, acked, hash);
	if (cr == NULL)
		coapd_answer_code(se, pdu, acked, 503, RETRY_S);
	else
		run(cr, pdu);
}

void
coapd_handle(coap_resource_t *resource, coap_session_t *coap, const coap_pdu_t *pdu,
             const coap_string_t *query, coap_pdu_t *response)
{
	struct coapd_session *se = coapd_session_of(coap);
	coap_pdu_type_t type = coap_pdu_get_type(pdu);
	/* libcoap has acknowledged what is for a proxy. */
	bool acked = coap_resource_get_userdata(resource) != NULL && type == COAP_MESSAGE_CON;

	(void)query;
	/* An empty NON is what libcoap does not send. */
	coap_pdu_set_type(response, COAP_MESSAGE_NON);
	/* A request in an ACK is none (RFC 7252 section 4.2). */
	if (se != NULL && (type == COAP_MESSAGE_CON || type == COAP_MESSAGE_NON))
		coapd_take(se, pdu, acked);
}

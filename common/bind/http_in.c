/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request through the pipeline of core/req.h. libmicrohttpd calls http_request once for
 * the header, then for each piece of the body, then for the end; an answer that is queued at the
 * first call ends the connection, so an answer normally waits for the end.
 */
#include "config.h"

#include <stdlib.h>

#include "bind/http_map.h"
#include "bind/http_server.h"
#include "sec/secret.h"

#define BODY_FIRST 65536u /* octets taken on the word of Content-Length */
#define DRAIN_MAX 1048576u /* octets thrown away before the connection is closed hard */
#define TARGET_KEEP 1024u /* octets kept between two requests */

static bool
keep_target(struct http_conn *c, const char *target)
{
	size_t n = target == NULL ? 0 : strlen(target);

	if (n > c->target_cap) {
		char *p = realloc(c->target, n);

		if (p == NULL)
			return false;
		c->target = p;
		c->target_cap = n;
	}
	if (n > 0)
		memcpy(c->target, target, n);
	c->target_n = n;
	return true;
}

/* The only sight of the request-target as sent: libmicrohttpd cuts it at the query afterwards. */
void *
http_request_line(void *arg, const char *target, struct MHD_Connection *m)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_conn *c = info == NULL ? NULL : info->socket_context;

	(void)arg;
	if (c == NULL || !keep_target(c, target))
		return NULL;
	/* Who asks again has read what was answered. */
	http_loop_prove(c, true);
	if (!c->fresh)
		http_conn_time(c, c->server->limits.header);
	c->fresh = false;
	http_conn_move(c, CONN_IDLE, CONN_HEADER);
	return c;
}

/* Sends the answer by way of libmicrohttpd. */
static enum MHD_Result
queue_answer(struct http_conn *c)
{
	const struct http_limits *l = &c->server->limits;
	int64_t limit = l->request;
	int status;
	struct MHD_Response *r = http_reply(c, &status);
	enum MHD_Result done;

	if (r == NULL)
		return MHD_NO;
	if (l->min_rate > 0)
		limit += (int64_t)(req_answer(c->rq)->body_len / l->min_rate) * INT64_C(1000000);
	http_conn_time(c, limit);
	http_conn_move(c, CONN_ACTIVE, CONN_SENDING);
	done = MHD_queue_response(c->mhd, (unsigned)status, r);
	MHD_destroy_response(r);
	return done;
}

/* 503 without a request; ends the connection. */
static enum MHD_Result
refuse_overload(struct http_conn *c)
{
	http_conn_time(c, c->server->limits.request);
	http_conn_move(c, CONN_ACTIVE, CONN_SENDING);
	return MHD_queue_response(c->mhd, MHD_HTTP_SERVICE_UNAVAILABLE, c->server->overload);
}

/* What the header alone decides. */
static enum rc
admit(struct http_conn *c, const char *method, struct http_head *head)
{
	const char *why = NULL;
	struct req_input *in = req_input(c->rq);
	enum rc rc = http_map(c->mhd, method, req_arena(c->rq), head, &why);

	*in = head->input;
	in->target = arena_copy(req_arena(c->rq), slice_make(c->target, c->target_n));
	in->peer = &c->identity.peer;
	if (rc == RC_OK && in->target.p == NULL) {
		rc = RC_URI_TOO_LONG;
		why = "no memory for the target";
	}
	if (rc != RC_OK) {
		req_refuse(c->rq, rc, why);
		return rc;
	}
	rc = req_admit(c->rq);
	if (rc == RC_OK && in->has_length && in->content_length > req_body_max(c->rq)) {
		rc = RC_TOO_LARGE;
		req_refuse(c->rq, rc, "the body is over the limit");
	}
	return rc;
}

/*
 * A stranger's body is not read. A client that waits for 100-continue gets the answer instead;
 * another one is already sending and gets the answer past what it sends.
 */
static enum MHD_Result
refuse_body(struct http_conn *c, bool waits)
{
	if (waits)
		return queue_answer(c);
	http_reply_early(c, RC_OK, NULL);
	return MHD_YES;
}

static void
await_body(struct http_conn *c, const struct http_head *head)
{
	size_t max = req_body_max(c->rq);
	uint64_t first = head->input.has_length ? head->input.content_length : 0;

	buf_init(&c->body, max);
	/* What is wiped at the end must not have left copies behind when it grew. */
	c->body.secret = req_answer(c->rq)->no_store;
	if (first > 0 && first <= BODY_FIRST)
		buf_reserve(&c->body, (size_t)first);
	atomic_store_explicit(&c->octets, 0, memory_order_relaxed);
	http_conn_time(c, c->server->limits.request);
	http_conn_move(c, CONN_ACTIVE, CONN_BODY);
}

static enum MHD_Result
header_complete(struct http_conn *c, const char *method)
{
	struct http_head head;

	c->begun = true;
	if (!http_conn_move(c, CONN_HEADER, CONN_ACTIVE) || !http_identity_current(c))
		return MHD_NO;
	c->rq = req_new(c->server->scl, &c->server->listener);
	if (c->rq == NULL)
		return refuse_overload(c);
	c->answered = admit(c, method, &head) != RC_OK;
	c->has_body = head.has_body;
	if (!c->has_body)
		return MHD_YES;
	if (c->answered)
		return refuse_body(c, head.waits);
	await_body(c, &head);
	return MHD_YES;
}

static enum MHD_Result
body_piece(struct http_conn *c, const char *data, size_t n)
{
	if (http_conn_is(c, CONN_DRAIN)) {
		c->drained += n;
		return c->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
	}
	if (!http_conn_move(c, CONN_BODY, CONN_ACTIVE)) {
		if (!http_conn_is(c, CONN_LATE))
			return MHD_NO;
		http_reply_early(c, RC_TIMEOUT, "the body came too slowly");
		return MHD_YES;
	}
	buf_add(&c->body, data, n);
	if (c->body.failed) {
		if (n > c->body.max - c->body.n)
			http_reply_early(c, RC_TOO_LARGE, "the body is over the limit");
		else
			http_reply_early(c, RC_UNAVAILABLE, "no memory for the body");
		return MHD_YES;
	}
	atomic_store_explicit(&c->octets, c->body.n, memory_order_relaxed);
	http_conn_move(c, CONN_ACTIVE, CONN_BODY);
	return MHD_YES;
}

/* req_done: any thread, perhaps before req_submit has returned. */
static void
request_done(struct req *rq, void *arg)
{
	struct http_conn *c = arg;
	struct http_loop *l = c->loop;
	struct http_server *s = l->server;

	(void)rq;
	/* From here on c may be gone, and with the last line s. */
	http_loop_resume(l, c);
	atomic_fetch_sub(&s->submitted, 1);
}

static enum MHD_Result
submit(struct http_conn *c)
{
	struct http_server *s = c->server;

	atomic_fetch_add(&s->submitted, 1);
	if (atomic_load(&s->stopping)) {
		atomic_fetch_sub(&s->submitted, 1);
		req_refuse(c->rq, RC_UNAVAILABLE, "the service is stopping");
		return queue_answer(c);
	}
	http_loop_suspend(c->loop, c);
	req_submit(c->rq, request_done, c);
	return MHD_YES;
}

static enum MHD_Result
request_complete(struct http_conn *c)
{
	if (http_conn_is(c, CONN_DRAIN))
		return MHD_NO;
	if (c->has_body && !c->answered && !http_conn_move(c, CONN_BODY, CONN_ACTIVE) &&
	    !http_conn_move(c, CONN_LATE, CONN_ACTIVE))
		return MHD_NO;
	if (c->answered)
		return queue_answer(c);
	c->answered = true;
	/* The buffer lives as long as the request, like its arena. */
	req_input(c->rq)->body = buf_view(&c->body);
	if (req_prepare(c->rq) == RC_PENDING)
		return submit(c);
	return queue_answer(c);
}

enum MHD_Result
http_request(void *arg, struct MHD_Connection *m, const char *url, const char *method,
             const char *version, const char *data, size_t *n, void **state)
{
	struct http_conn *c = *state;
	size_t got = *n;

	(void)arg;
	(void)m;
	(void)url;
	(void)version;
	if (c == NULL)
		return MHD_NO;
	if (!c->begun)
		return header_complete(c, method);
	if (got == 0)
		return request_complete(c);
	*n = 0;
	return body_piece(c, data, got);
}

/* Before the socket is closed, so a body that stalled can still be answered here. */
void
http_request_end(void *arg, struct MHD_Connection *m, void **state,
                 enum MHD_RequestTerminationCode why)
{
	struct http_conn *c = *state;
	int now;

	(void)arg;
	(void)m;
	if (c == NULL)
		return;
	*state = NULL;
	if (http_conn_is(c, CONN_LATE) && c->session == NULL)
		http_reply_early(c, RC_TIMEOUT, "the body came too slowly");
	if (c->rq != NULL && req_answer(c->rq)->no_store)
		secret_wipe(c->body.p, c->body.n);
	if (c->rq != NULL && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		http_loop_sent(c->loop, c);
	else
		req_free(c->rq);
	c->rq = NULL;
	buf_fini(&c->body);
	c->begun = c->has_body = c->answered = false;
	if (c->target_cap > TARGET_KEEP) {
		free(c->target);
		c->target = NULL;
		c->target_cap = 0;
	}
	http_conn_time(c, c->server->limits.idle);
	now = atomic_load_explicit(&c->state, memory_order_acquire);
	if (now != CONN_DEAD)
		http_conn_move(c, (enum conn_state)now,
		               why == MHD_REQUEST_TERMINATED_COMPLETED_OK ? CONN_IDLE : CONN_DEAD);
}

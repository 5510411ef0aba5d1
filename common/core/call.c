/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that the SCL makes: the same pipeline as for those that come in over a binding. */
#include "config.h"

#include "core/scl_impl.h"

static const struct {
	const char *name;
	enum req_op op;
} methods[] = { { "GET", REQ_RETRIEVE }, { "POST", REQ_CREATE }, { "PUT", REQ_UPDATE },
	        { "DELETE", REQ_DELETE } };

static enum req_op
op_of(struct slice method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (slice_is(method, methods[i].name))
			return methods[i].op;
	return REQ_OTHER;
}

static void
call_finished(struct scl_task *task)
{
	struct scl_call *call = (struct scl_call *)(void *)((char *)task - offsetof(struct scl_call, task));

	call->done(call);
}

static void
call_back(struct scl_call *call)
{
	call->task = (struct scl_task){ .run = call_finished };
	scl_post(call->scl, &call->task, 0);
}

static void
call_answered(struct req *rq, void *arg)
{
	struct scl_call *call = arg;

	call->answer = req_encode(rq);
	call->rc = rq->rc;
	once_answered(rq);
	call_back(call);
}

/* Header of the call, header of the request. */
static const struct {
	size_t from, to;
} copied[] = {
#define COPIED(a, b) { offsetof(struct scl_call, a), offsetof(struct req_input, b) }
	COPIED(authorization, authorization),
	COPIED(app_id, app_id),
	COPIED(scl_id, scl_id),
	COPIED(content_type, content_type),
	COPIED(accept, accept),
	COPIED(body, body),
	COPIED(via, via),
	COPIED(group_request_id, group_request_id),
	COPIED(correlation_id, correlation_id),
	COPIED(rcat, rcat),
	COPIED(trpdt, trpdt),
	COPIED(if_match, if_match),
	COPIED(if_none_match, if_none_match),
	COPIED(if_modified_since, if_modified_since),
	COPIED(if_unmodified_since, if_unmodified_since),
#undef COPIED
};

static bool
fill_input(struct req *rq, const struct scl_call *call)
{
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		const struct slice *s = (const struct slice *)(const void *)((const char *)call + copied[i].from);
		struct slice *to = (struct slice *)(void *)((char *)&rq->in + copied[i].to);

		if (s->n > 0)
			*to = arena_copy(rq->arena, *s);
	}
	if (call->authorization.n > 0)
		rq->in.from = SLICE_NONE;
	rq->in.connection_id = call->connection_id;
	if (call->listener != NULL)
		rq->listener = call->listener;
	rq->in.has_length = true;
	rq->in.content_length = call->body.n;
	rq->timeout_ms = call->timeout_ms;
	rq->notification = call->notification;
	rq->once = call->once;
	rq->once_number = call->once_number;
	return !arena_failed(rq->arena);
}

void
scl_call(struct scl *scl, struct scl_call *call)
{
	struct req *rq = req_new_local(scl, op_of(call->method), call->target, call->from);
	enum rc rc;

	call->scl = scl;
	call->rq = rq;
	call->answer = NULL;
	if (rq == NULL || !fill_input(rq, call)) {
		static const struct req_answer none = { .http_status = 503 };

		call->rc = RC_UNAVAILABLE;
		call->answer = &none;
		call_back(call);
		return;
	}
	rc = req_admit(rq);
	if (rc == RC_OK)
		rc = req_prepare(rq);
	if (rc == RC_PENDING)
		req_submit(rq, call_answered, call);
	else
		call_answered(rq, call);
}

void
scl_call_end(struct scl_call *call)
{
	req_free(call->rq);
	call->rq = NULL;
	call->answer = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From the outcome of a request to the bytes of its answer. */
#include "config.h"

#include "base/times.h"
#include "core/guard.h"
#include "core/scl_impl.h"

#include <stdlib.h>

#define RETRY_AFTER_SECONDS 5u

static void
encode_body(struct req *rq, struct buf *b)
{
	struct writer w;

	switch (rq->answer) {
	case ANSWER_RAW:
		buf_slice(b, rq->raw);
		rq->out.content_type = rq->raw_type;
		return;
	case ANSWER_RESOURCE:
		encode_values(rq->out_codec, req_release(rq), rq->answer_type, rq->answer_vals, b);
		break;
	case ANSWER_ATTRIBUTE:
		rq->out_codec->writer(&w, b);
		render_attribute(&w, rq->answer_vals, req_release(rq));
		break;
	case ANSWER_NONE:
		return;
	}
	rq->out.content_type = slice_of(rq->out_codec->media_type);
}

static void
take_body(struct req *rq, struct buf *b)
{
	rq->out.body = buf_take(b, &rq->out.body_len);
}

static void
encode_failure(struct req *rq)
{
	struct buf b;

	buf_init(&b, rq->conf->answer_max);
	encode_error(rq->out_codec, rq->rc, rq->message, &b);
	rq->out.content_type = slice_of(rq->out_codec->media_type);
	take_body(rq, &b);
	if ((rq->rc == RC_UNAVAILABLE || rq->rc == RC_NO_SPACE) && rq->out.retry_after == 0)
		rq->out.retry_after = RETRY_AFTER_SECONDS;
}

static void
encode_times(struct req *rq)
{
	char text[TIMES_TEXT_MAX];
	size_t n;

	if (rq->modified == 0)
		return;
	n = times_format(rq->modified, TIMES_MICRO, text);
	rq->out.etag = ARENA_JOIN(rq->arena, SLICE_LIT("\""), slice_make(text, n), SLICE_LIT("\""));
	n = times_format_http(rq->modified, text);
	rq->out.last_modified = arena_copy(rq->arena, slice_make(text, n));
}

/* As the request was protected, so is its answer. */
static void
seal(struct req *rq)
{
	const struct guard *g = rq->scl->guard;

	if (rq->local || (rq->endpoint != NULL && !rq->identified) || g == NULL || g->seal == NULL ||
	    g->seal(g->arg, rq->listener, &rq->in, rq->arena, &rq->out))
		return;
	free(rq->out.body);
	rq->out = (struct req_answer){ .http_status = status_of(RC_INTERNAL)->http };
}

static void
encode(struct req *rq)
{
	/* An endpoint's own body of an error is as good as the answer of a success. */
	bool success = status_is_success(rq->rc) ||
	               (rq->endpoint != NULL && rq->answer == ANSWER_RAW);
	struct buf b;

	if (rq->relayed)
		return;
	if (success) {
		buf_init(&b, rq->conf->answer_max);
		encode_body(rq, &b);
		if (b.failed) {
			req_fail(rq, RC_UNAVAILABLE, "the answer is over the limit");
			success = false;
			buf_fini(&b);
		} else {
			take_body(rq, &b);
		}
	}
	rq->out.http_status = status_of(rq->rc)->http;
	if (!success && rq->rc != RC_NOT_MODIFIED)
		encode_failure(rq);
	if (success || rq->rc == RC_NOT_MODIFIED)
		encode_times(rq);
	if (rq->rc == RC_CREATED && rq->endpoint == NULL)
		rq->out.location = absolute_uri(rq->scl, rq->arena, rq->target.path);
}

const struct req_answer *
req_encode(struct req *rq)
{
	encode(rq);
	seal(rq);
	return &rq->out;
}

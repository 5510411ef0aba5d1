/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/tunnelled.h"

#include "cap/request_doc.h"
#include "model/render.h"

#include <stdlib.h>

#define ARENA_MAX (128u << 20)
#define REPLY_TIMEOUT_MS 10000u
/* A lost answer costs the issuer its request; the server is asked to take it a few times. */
#define REPLY_TRIES 4u
#define REPLY_AGAIN CLOCK_SECOND

struct tunnelled {
	struct scl *scl;
	struct log *log;
	struct arena *arena;
	struct val *vals; /* of requestNotify */
	struct scl_call call;
	struct exchange ex; /* the answer */
	struct buf document;
	struct scl_task again;
	unsigned tries;
	int release; /* that the NSCL speaks */
	void (*done)(void *owner);
	void *owner;
};

static const struct req_listener mid = { .serve = SERVE_MID };

/* ---- reading ---- */

static enum rc
read_document(struct tunnelled *t, const struct exchange *poll)
{
	struct slice body = arena_copy(t->arena, buf_view(&poll->answer));

	if (body.p == NULL)
		return RC_UNAVAILABLE;
	return request_doc_read(t->arena,
	                        request_doc_codec(exchange_answer_header(poll, "content-type")),
	                        body, &t->vals);
}

enum rc
tunnelled_new(struct scl *scl, struct log *log, const struct exchange *poll, struct tunnelled **out)
{
	struct tunnelled *t = calloc(1, sizeof(*t));
	enum rc rc = RC_UNAVAILABLE;

	if (t != NULL) {
		t->scl = scl;
		t->log = log;
		t->arena = arena_new(ARENA_MAX);
		buf_init(&t->document, REQUEST_DOC_MAX);
		if (t->arena != NULL)
			rc = read_document(t, poll);
	}
	if (rc != RC_OK)
		tunnelled_free(t);
	*out = rc == RC_OK ? t : NULL;
	return rc;
}

void
tunnelled_free(struct tunnelled *t)
{
	if (t == NULL)
		return;
	buf_fini(&t->document);
	buf_fini(&t->ex.answer);
	buf_fini(&t->ex.answer_text);
	arena_free(t->arena);
	free(t);
}

struct slice
tunnelled_id(const struct tunnelled *t)
{
	return request_doc_id(t->vals);
}

struct slice
tunnelled_reply_uri(const struct tunnelled *t)
{
	return request_doc_contact(t->vals);
}

/* ---- the answer ---- */

static void send_answer(struct scl_task *task);

static void
finish(struct tunnelled *t)
{
	void (*done)(void *owner) = t->done;
	void *owner = t->owner;

	tunnelled_free(t);
	done(owner);
}

static bool
put_text(struct tunnelled *t, struct val **list, unsigned attr, struct slice text)
{
	return text.n == 0 || val_set_text(t->arena, list, attr, text);
}

static bool
encode_answer(struct tunnelled *t, const struct req_answer *answer)
{
	enum rc rc = status_from_http(answer->http_status);
	struct val *list = NULL, *rep;
	struct writer w;
	bool ok;

	if (rc == RC_NOT_MODIFIED)
		rc = RC_OK;
	ok = val_set_num(
		t->arena, &list, A_STATUS_CODE,
		enum_index(attr_info(A_STATUS_CODE)->values, slice_of(status_of(rc)->etsi)));
	if (ok && answer->body_len > 0) {
		rep = val_add(t->arena, &list, A_REPRESENTATION);
		ok = rep != NULL &&
		     val_set_text(t->arena, &rep->first, A_CONTENT_TYPE_ATTR,
		                  answer->content_type) &&
		     val_set_text(t->arena, &rep->first, A_TEXT,
		                  slice_make(answer->body, answer->body_len));
	}
	ok = ok && put_text(t, &list, A_LOCATION_HEADER, answer->location) &&
	     put_text(t, &list, A_ETAG_HEADER, answer->etag) &&
	     put_text(t, &list, A_LAST_MODIFIED_HEADER, answer->last_modified);
	if (!ok)
		return false;
	codec_xml.writer(&w, &t->document);
	render_shape(&w, "responseNotify", &shape_response_notify, list, 2);
	return !t->document.failed;
}

static void
answer_sent(struct exchange *ex)
{
	struct tunnelled *t = ex->owner;
	bool failed = ex->rc != RC_OK || ex->http_status >= 500;

	if (failed && ex->rc != RC_UNAVAILABLE && ++t->tries < REPLY_TRIES) {
		scl_post(t->scl, &t->again, REPLY_AGAIN << (t->tries - 1));
		return;
	}
	if (failed || ex->http_status >= 300)
		LOG_WARN(t->log, "channel-answer-refused", LOG_S("id", tunnelled_id(t)),
		         LOG_N("http", ex->http_status), LOG_Z("why", ex->failure));
	finish(t);
}

static void
send_answer(struct scl_task *task)
{
	struct tunnelled *t =
		(struct tunnelled *)(void *)((char *)task - offsetof(struct tunnelled, again));

	buf_fini(&t->ex.answer);
	buf_fini(&t->ex.answer_text);
	t->ex = (struct exchange){ .method = SLICE_LIT("POST"),
		                   .url = tunnelled_reply_uri(t),
		                   .body = buf_view(&t->document),
		                   .timeout_ms = REPLY_TIMEOUT_MS,
		                   .answer_max = 65536,
		                   .done = answer_sent,
		                   .owner = t };
	exchange_add_issuer(&t->ex, t->scl, t->release);
	exchange_add_header(&t->ex, SLICE_LIT("Content-Type"), slice_of(codec_xml.media_type));
	exchange_add_header(&t->ex, SLICE_LIT("X-etsi-correlationID"), tunnelled_id(t));
	scl_send(t->scl, &t->ex);
}

static void
answer(struct tunnelled *t, const struct req_answer *a)
{
	struct req_answer over = { .http_status = 503 };

	if (!encode_answer(t, a)) {
		buf_clear(&t->document);
		(void)encode_answer(t, &over);
	}
	t->again.run = send_answer;
	scl_post(t->scl, &t->again, 0);
}

static void
call_done(struct scl_call *call)
{
	struct tunnelled *t = call->owner;

	answer(t, call->answer);
	scl_call_end(call);
}

void
tunnelled_run(struct tunnelled *t, struct slice via, int release, void (*done)(void *owner),
              void *owner)
{
	t->done = done;
	t->owner = owner;
	t->release = release;
	t->call = (struct scl_call){ .via = via, .listener = &mid };
	if (request_doc_fill(t->arena, t->vals, &t->call) != RC_OK) {
		answer(t, &(struct req_answer){ .http_status = 400 });
		return;
	}
	t->call.done = call_done;
	t->call.owner = t;
	scl_call(t->scl, &t->call);
}

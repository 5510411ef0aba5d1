/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/tunnelled.h"

#include "base/times.h"
#include "base/uri.h"
#include "model/bind.h"
#include "model/kinds.h"
#include "model/render.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define ARENA_MAX (128u << 20)
#define DOCUMENT_MAX (64u << 20)
#define REPLY_TIMEOUT_MS 10000u
/* A lost answer costs the issuer its request; the server is asked to take it a few times. */
#define REPLY_TRIES 4u
#define REPLY_AGAIN CLOCK_SECOND

struct tunnelled {
	struct scl *scl;
	struct log *log;
	struct arena *arena;
	struct val *vals; /* of requestNotify */
	bool creates;
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

static const struct codec *
codec_of(struct slice content_type)
{
	struct slice json = slice_of(codec_json.media_type);

	return content_type.n >= json.n && strncasecmp(content_type.p, json.p, json.n) == 0
	               ? &codec_json
	               : &codec_xml;
}

static enum rc
read_document(struct tunnelled *t, const struct exchange *poll)
{
	static const struct codec_limits limits = { 32, 4096, 64, DOCUMENT_MAX };
	const struct codec *codec = codec_of(exchange_answer_header(poll, "content-type"));
	struct binder b = { .arena = t->arena };
	struct slice body = arena_copy(t->arena, buf_view(&poll->answer));
	struct node *doc;
	const char *why;
	enum rc rc;

	if (body.p == NULL)
		return RC_UNAVAILABLE;
	rc = codec->decode(t->arena, body, &limits, &doc, &why);
	if (rc != RC_OK)
		return rc;
	if (!slice_is(doc->name, "requestNotify"))
		return RC_BAD_REQUEST;
	return bind_shape(&b, &shape_request_notify, doc, &t->vals);
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
		buf_init(&t->document, DOCUMENT_MAX);
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
	return val_text(t->vals, A_CORRELATION_ID_HEADER);
}

struct slice
tunnelled_reply_uri(const struct tunnelled *t)
{
	return val_text(t->vals, A_CONTACT_URI_HEADER);
}

/* ---- the request ---- */

static struct slice
value_text(struct arena *a, const struct val *v)
{
	char scratch[KIND_TEXT_MAX];

	return arena_copy(a, kind_format(attr_info(v->attr), v, scratch));
}

/* A parameter is everything but what means nothing to anybody (RFC 3986 2.3). */
static void
put_encoded(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (isalnum(c) || strchr("-._~", c) != NULL)
			buf_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

/* Values of criteria as parameters; an empty attributeAccessor is there for the schema alone. */
static void
put_criteria(struct tunnelled *t, struct buf *query, const struct val *list)
{
	for (const struct val *v = list; v != NULL; v = v->next) {
		struct slice text = value_text(t->arena, v);

		if (v->attr == A_ATTRIBUTE_ACCESSOR && text.n == 0)
			continue;
		buf_char(query, query->n == 0 ? '?' : '&');
		buf_puts(query, attr_info(v->attr)->name);
		buf_char(query, '=');
		put_encoded(query, text);
	}
}

static struct slice
target_of(struct tunnelled *t)
{
	const struct val *criteria = val_get(t->vals, A_FILTER_CRITERIA);
	const struct val *size = val_get(t->vals, A_MAX_SIZE),
			 *prefix = val_get(t->vals, A_SEARCH_PREFIX);
	struct slice target;
	struct val one;
	struct buf query;

	buf_init(&query, 65536);
	if (criteria != NULL)
		put_criteria(t, &query, criteria->first);
	for (int i = 0; i < 2; i++) {
		const struct val *v = i == 0 ? size : prefix;

		if (v == NULL)
			continue;
		one = *v;
		one.next = NULL;
		put_criteria(t, &query, &one);
	}
	target = ARENA_JOIN(t->arena, val_text(t->vals, A_TARGET_ID), buf_view(&query));
	if (query.failed)
		target = SLICE_NONE;
	buf_fini(&query);
	return target;
}

static struct slice
trpdt_of(struct tunnelled *t)
{
	const struct val *v = val_get(t->vals, A_TRPDT);

	return v == NULL || v->first == NULL ? SLICE_NONE : value_text(t->arena, v->first);
}

static const struct {
	unsigned attr;
	size_t field; /* of struct scl_call */
} headers[] = {
	{ A_REQUESTING_ENTITY, offsetof(struct scl_call, from) },
	{ A_CONTENT_TYPE_HEADER, offsetof(struct scl_call, content_type) },
	{ A_ACCEPT_HEADER, offsetof(struct scl_call, accept) },
	{ A_GROUP_REQUEST_IDENTIFIER, offsetof(struct scl_call, group_request_id) },
	{ A_IF_MATCH_HEADER, offsetof(struct scl_call, if_match) },
	{ A_IF_NONE_MATCH_HEADER, offsetof(struct scl_call, if_none_match) },
	{ A_IF_MODIFIED_SINCE_HEADER, offsetof(struct scl_call, if_modified_since) },
	{ A_IF_UNMODIFIED_SINCE_HEADER, offsetof(struct scl_call, if_unmodified_since) },
};

/* False when it says nothing that could be carried out. */
static bool
fill_call(struct tunnelled *t, struct slice via)
{
	static const char *const methods[] = {
		[METHOD_TYPE_CREATE] = "POST",  [METHOD_TYPE_RETRIEVE] = "GET",
		[METHOD_TYPE_UPDATE] = "PUT",   [METHOD_TYPE_DELETE] = "DELETE",
		[METHOD_TYPE_EXECUTE] = "POST", [METHOD_TYPE_NOTIFY] = "POST",
	};
	const struct val *rep = val_get(t->vals, A_REPRESENTATION),
			 *rcat = val_get(t->vals, A_RCAT);
	int64_t method = val_num(t->vals, A_METHOD, METHOD_TYPE_RETRIEVE);

	t->creates = method == METHOD_TYPE_CREATE;
	t->call = (struct scl_call){ .method = slice_of(methods[method]),
		                     .target = target_of(t),
		                     .via = via,
		                     .listener = &mid,
		                     .trpdt = trpdt_of(t) };
	if (rcat != NULL)
		t->call.rcat = value_text(t->arena, rcat);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct slice *to = (struct slice *)(void *)((char *)&t->call + headers[i].field);

		*to = val_text(t->vals, headers[i].attr);
	}
	if (rep != NULL) {
		t->call.body = val_text(rep->first, A_TEXT);
		if (t->call.content_type.n == 0)
			t->call.content_type = val_text(rep->first, A_CONTENT_TYPE_ATTR);
	}
	/* Without one it would be this SCL that asks. */
	return t->call.from.n > 0 && t->call.target.n > 0 && !arena_failed(t->arena);
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
	if (!fill_call(t, via)) {
		answer(t, &(struct req_answer){ .http_status = 400 });
		return;
	}
	t->call.done = call_done;
	t->call.owner = t;
	scl_call(t->scl, &t->call);
}

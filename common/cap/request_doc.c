/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/request_doc.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#include "model/bind.h"
#include "model/kinds.h"

#define QUERY_MAX 65536u

/* ---- reading ---- */

const struct codec *
request_doc_codec(struct slice content_type)
{
	struct slice json = slice_of(codec_json.media_type);

	return content_type.n >= json.n && strncasecmp(content_type.p, json.p, json.n) == 0
	               ? &codec_json
	               : &codec_xml;
}

enum rc
request_doc_read(struct arena *a, const struct codec *codec, struct slice document,
                 struct val **out)
{
	static const struct codec_limits limits = { 32, 4096, 64, REQUEST_DOC_MAX };
	struct binder b = { .arena = a };
	struct node *doc;
	struct val *vals = NULL;
	const char *why;
	enum rc rc = codec->decode(a, document, &limits, &doc, &why);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	if (!slice_is(doc->name, "requestNotify"))
		return RC_BAD_REQUEST;
	rc = bind_shape(&b, &shape_request_notify, doc, &vals);
	if (rc == RC_OK)
		*out = vals;
	return rc;
}

struct slice
request_doc_id(const struct val *doc)
{
	return val_text(doc, A_CORRELATION_ID_HEADER);
}

struct slice
request_doc_contact(const struct val *doc)
{
	return val_text(doc, A_CONTACT_URI_HEADER);
}

static int64_t
method_of(const struct val *doc)
{
	return val_num(doc, A_METHOD, METHOD_TYPE_RETRIEVE);
}

bool
request_doc_creates(const struct val *doc)
{
	return method_of(doc) == METHOD_TYPE_CREATE;
}

/* ---- the call ---- */

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

		if (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL))
			buf_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

/* A value as a parameter; an empty attributeAccessor is there for the schema alone. */
static void
put_criterion(struct arena *a, struct buf *query, const struct val *v)
{
	struct slice text = value_text(a, v);

	if (v->attr == A_ATTRIBUTE_ACCESSOR && text.n == 0)
		return;
	buf_char(query, query->n == 0 ? '?' : '&');
	buf_puts(query, attr_info(v->attr)->name);
	buf_char(query, '=');
	put_encoded(query, text);
}

static struct slice
target_of(struct arena *a, const struct val *doc)
{
	static const unsigned lone[] = { A_MAX_SIZE, A_SEARCH_PREFIX };
	const struct val *criteria = val_get(doc, A_FILTER_CRITERIA);
	struct slice target;
	struct buf query;

	buf_init(&query, QUERY_MAX);
	for (const struct val *v = criteria == NULL ? NULL : criteria->first; v != NULL;
	     v = v->next)
		put_criterion(a, &query, v);
	for (size_t i = 0; i < sizeof(lone) / sizeof(lone[0]); i++) {
		const struct val *v = val_get(doc, lone[i]);

		if (v != NULL)
			put_criterion(a, &query, v);
	}
	target = ARENA_JOIN(a, val_text(doc, A_TARGET_ID), buf_view(&query));
	if (query.failed)
		target = SLICE_NONE;
	buf_fini(&query);
	return target;
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

static void
fill_headers(struct arena *a, const struct val *doc, struct scl_call *call)
{
	const struct val *rcat = val_get(doc, A_RCAT), *trpdt = val_get(doc, A_TRPDT);

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct slice *to = (struct slice *)(void *)((char *)call + headers[i].field);

		*to = val_text(doc, headers[i].attr);
	}
	call->rcat = rcat == NULL ? SLICE_NONE : value_text(a, rcat);
	call->trpdt =
		trpdt == NULL || trpdt->first == NULL ? SLICE_NONE : value_text(a, trpdt->first);
}

static void
fill_body(const struct val *doc, struct scl_call *call)
{
	const struct val *rep = val_get(doc, A_REPRESENTATION);

	call->body = SLICE_NONE;
	if (rep == NULL)
		return;
	call->body = val_text(rep->first, A_TEXT);
	if (call->content_type.n == 0)
		call->content_type = val_text(rep->first, A_CONTENT_TYPE_ATTR);
}

enum rc
request_doc_fill(struct arena *a, const struct val *doc, struct scl_call *call)
{
	static const char *const methods[] = {
		[METHOD_TYPE_CREATE] = "POST",  [METHOD_TYPE_RETRIEVE] = "GET",
		[METHOD_TYPE_UPDATE] = "PUT",   [METHOD_TYPE_DELETE] = "DELETE",
		[METHOD_TYPE_EXECUTE] = "POST", [METHOD_TYPE_NOTIFY] = "POST",
	};

	call->method = slice_of(methods[method_of(doc)]);
	call->target = target_of(a, doc);
	fill_headers(a, doc, call);
	fill_body(doc, call);
	if (arena_failed(a))
		return RC_UNAVAILABLE;
	return call->from.n > 0 && call->target.n > 0 ? RC_OK : RC_BAD_REQUEST;
}

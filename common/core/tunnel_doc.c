/* SPDX-License-Identifier: Apache-2.0 */
/* requestNotify and responseNotify (TS 102 921 annex C, 10.42) to and from an exchange. */
#include "config.h"

#include "base/base64.h"
#include "base/times.h"
#include "core/channel_impl.h"

#include <ctype.h>
#include <strings.h>

/* ---- requestNotify ---- */

static struct slice
header(const struct exchange *ex, const char *name)
{
	for (unsigned i = 0; i < ex->nheaders; i++)
		if (ex->headers[i].name.n == strlen(name) &&
		    strncasecmp(ex->headers[i].name.p, name, ex->headers[i].name.n) == 0)
			return ex->headers[i].value;
	return SLICE_NONE;
}

/* Release 1: the percent-encoded URI is the user part of Basic credentials. */
static struct slice
basic_user(struct arena *a, struct slice credentials)
{
	struct slice text, user, uri;

	if (credentials.n < 6 || strncasecmp(credentials.p, "basic ", 6) != 0 ||
	    !base64_decode(a, slice_from(credentials, 6), &text) ||
	    !slice_split(&text, ':', &user) || !uri_decode(a, user, &uri))
		return SLICE_NONE;
	return uri;
}

static struct slice
issuer(const struct scl *scl, struct arena *a, const struct exchange *ex)
{
	struct slice from = header(ex, "From");

	if (from.n == 0)
		from = basic_user(a, header(ex, "Authorization"));
	return from.n > 0 ? from : scl->own.base_uri;
}

/* The local name of the root element, or the name of the only member. */
static struct slice
root_name(struct slice body)
{
	size_t n = 0;

	while (body.n > 1 && (body.p[0] != '<' || strchr("?!", body.p[1]) != NULL) &&
	       body.p[0] != '"')
		body = slice_from(body, 1);
	body = slice_from(body, 1);
	while (n < body.n && strchr(" \t\r\n/>\"", body.p[n]) == NULL) {
		if (body.p[n] == ':') {
			body = slice_from(body, n + 1);
			n = 0;
		} else {
			n++;
		}
	}
	return slice_head(body, n);
}

static bool
is_notification(struct slice body)
{
	static const char *const names[] = { "notify", "notifyCollection", "requestNotify",
		                             "responseNotify" };
	struct slice root = root_name(slice_head(body, 1024));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(root, names[i]))
			return true;
	return false;
}

/* -1: there is none. */
static int
method_of(const struct exchange *ex)
{
	if (slice_is(ex->method, "GET") || slice_is(ex->method, "HEAD"))
		return METHOD_TYPE_RETRIEVE;
	if (slice_is(ex->method, "DELETE"))
		return METHOD_TYPE_DELETE;
	if (ex->body.n == 0 && (slice_is(ex->method, "POST") || slice_is(ex->method, "PUT")))
		return METHOD_TYPE_EXECUTE;
	if (slice_is(ex->method, "PUT"))
		return METHOD_TYPE_UPDATE;
	if (!slice_is(ex->method, "POST"))
		return -1;
	return is_notification(ex->body) ? METHOD_TYPE_NOTIFY : METHOD_TYPE_CREATE;
}

/* Segments of capabilities, whose query is theirs. */
static bool
keeps_query(struct slice target)
{
	static const char *const names[] = {
		"lp",   "connectionParamSet", "connections", "groupKeys", "msbf",
		"gaka", "smallData",          "sdKeys",      "sga",       "proxy"
	};
	struct slice rest, seg = SLICE_NONE;
	struct uri u;

	if (!uri_parse(target, &u))
		return false;
	rest = u.path;
	for (unsigned i = 0; i < 3; i++)
		if (!slice_split(&rest, '/', &seg))
			return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(seg, names[i]))
			return true;
	return false;
}

/* A parameter as an element of filterCriteria; what is not of the standard is ignored. */
static bool
add_criterion(struct arena *a, struct node *criteria, struct slice name, struct slice value)
{
	static const char *const aliases[][2] = { { "createdSince", "createdAfter" },
		                                  { "createdUntil", "createdBefore" } };
	struct node *n;

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (slice_is(name, aliases[i][0]))
			name = slice_of(aliases[i][1]);
	for (const struct elem *e = shape_filter_criteria.elems; e->attr != A_END; e++) {
		if (!slice_is(name, attr_info(e->attr)->name))
			continue;
		n = node_add(a, criteria, name, 0);
		if (n != NULL)
			n->text = value;
		return n != NULL;
	}
	return true;
}

static enum rc
read_query(struct arena *a, struct slice query, struct node **out)
{
	struct node *criteria = node_add(a, NULL, SLICE_LIT("filterCriteria"), 0);
	struct slice name, value;
	int more;

	if (criteria == NULL)
		return RC_UNAVAILABLE;
	while ((more = uri_next_param(a, &query, &name, &value)) == 1)
		if (!add_criterion(a, criteria, name, value))
			return RC_UNAVAILABLE;
	*out = criteria;
	return more == 0 ? RC_OK : RC_BAD_REQUEST;
}

/* Moves what discovery asks for in fields of its own (TS 102 921 10.42). */
static void
move(struct val **from, struct val **to, unsigned attr)
{
	struct val *v = val_find(*from, attr);

	if (v == NULL)
		return;
	val_remove(from, attr);
	v->next = *to;
	*to = v;
}

static enum rc
set_criteria(struct arena *a, struct slice target, struct slice query, struct val **list)
{
	static const struct slice discovery = SLICE_INIT("/discovery");
	struct binder b = { .arena = a };
	struct val *criteria = NULL, *v;
	struct node *doc;

	if (query.n == 0)
		return RC_OK;
	TRY(read_query(a, query, &doc));
	TRY(bind_shape(&b, &shape_filter_criteria, doc, &criteria));
	if (target.n > discovery.n &&
	    slice_eq(slice_from(target, target.n - discovery.n), discovery)) {
		move(&criteria, list, A_MAX_SIZE);
		move(&criteria, list, A_SEARCH_PREFIX);
	}
	if (criteria == NULL)
		return RC_OK;
	/* The schema wants attributeAccessor in every filterCriteria (TS 102 921, data types). */
	if (val_get(criteria, A_ATTRIBUTE_ACCESSOR) == NULL &&
	    !val_set_text(a, &criteria, A_ATTRIBUTE_ACCESSOR, SLICE_LIT("")))
		return RC_UNAVAILABLE;
	v = val_add(a, list, A_FILTER_CRITERIA);
	if (v == NULL)
		return RC_UNAVAILABLE;
	v->first = criteria;
	return RC_OK;
}

/*
 * The proof of a device for a security gateway application has no element of its own: it stands in
 * the query, where the request is taken out of the document (query_proof_take).
 */
static struct slice
with_proof(struct arena *a, struct slice target, struct slice proof)
{
	if (proof.n == 0)
		return target;
	return ARENA_JOIN(a, target,
	                  memchr(target.p, '?', target.n) == NULL ? SLICE_LIT("?") : SLICE_LIT("&"),
	                  SLICE_LIT("x-m2m-sga="), uri_encode_segment(a, proof));
}

static enum rc
set_target(struct arena *a, const struct exchange *ex, struct val **list)
{
	struct slice query = ex->target.n > 0 ? ex->target : ex->url, target = SLICE_NONE;

	if (keeps_query(query)) {
		target = with_proof(a, query, header(ex, "X-M2M-SGA"));
		query = SLICE_NONE;
	} else {
		slice_split(&query, '?', &target);
	}
	if (!val_set_text(a, list, A_TARGET_ID, target))
		return RC_UNAVAILABLE;
	return set_criteria(a, target, query, list);
}

static bool
all(struct slice s, int (*is)(int c))
{
	for (size_t i = 0; i < s.n; i++)
		if (!is((unsigned char)s.p[i]))
			return false;
	return s.n > 0;
}

/* X-etsi-trpdt: xs:duration, xs:time or seconds (TS 102 921 annex C). */
static bool
set_trpdt(struct arena *a, struct slice text, struct val **list)
{
	int64_t us;
	struct val *v = NULL;
	bool ok;

	if (all(text, isdigit) && text.n < 10)
		text = arena_printf(a, "PT%.*sS", (int)text.n, text.p);
	if (times_parse_duration(text, &us)) {
		v = val_add(a, list, A_TRPDT);
		ok = v != NULL && val_set_num(a, &v->first, A_TOLERABLE_DELAY, us);
	} else if (times_parse_daytime(text, &us)) {
		v = val_add(a, list, A_TRPDT);
		ok = v != NULL && val_set_text(a, &v->first, A_TOLERABLE_TIME, text);
	} else {
		ok = true;
	}
	return ok;
}

static bool
set_rcat(struct arena *a, struct slice text, struct val **list)
{
	int i;

	if (text.n == 1)
		text = arena_printf(a, "RCAT_%c", text.p[0]);
	i = text.n == 0 ? -1 : enum_index(attr_info(A_RCAT)->values, text);
	return i < 0 || val_set_num(a, list, A_RCAT, i);
}

static const struct {
	const char *name;
	unsigned attr;
} headers[] = {
	{ "Content-Type", A_CONTENT_TYPE_HEADER },
	{ "Accept", A_ACCEPT_HEADER },
	{ "If-Modified-Since", A_IF_MODIFIED_SINCE_HEADER },
	{ "If-Unmodified-Since", A_IF_UNMODIFIED_SINCE_HEADER },
	{ "If-Match", A_IF_MATCH_HEADER },
	{ "If-None-Match", A_IF_NONE_MATCH_HEADER },
};

static bool
set_headers(struct arena *a, const struct exchange *ex, struct val **list)
{
	struct slice group = header(ex, "X-etsi-group-request-id");
	bool ok = true;

	if (all(group, isxdigit) && group.n % 2 == 0)
		ok = val_set_text(a, list, A_GROUP_REQUEST_IDENTIFIER, group);
	ok = ok && set_trpdt(a, header(ex, "X-etsi-trpdt"), list) &&
	     set_rcat(a, header(ex, "X-etsi-rcat"), list);
	for (size_t i = 0; ok && i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct slice v = header(ex, headers[i].name);

		ok = v.n == 0 || val_set_text(a, list, headers[i].attr, v);
	}
	return ok;
}

static bool
set_representation(struct arena *a, const struct exchange *ex, struct val **list)
{
	struct slice type = header(ex, "Content-Type");
	struct val *v;

	if (ex->body.n == 0)
		return true;
	v = val_add(a, list, A_REPRESENTATION);
	return v != NULL &&
	       val_set_text(a, &v->first, A_CONTENT_TYPE_ATTR,
	                    type.n > 0 ? type : slice_of(codec_xml.media_type)) &&
	       val_set_text(a, &v->first, A_TEXT, ex->body);
}

enum rc
request_notify_encode(const struct scl *scl, struct arena *a, const struct exchange *ex,
                      struct slice contact, const char *id, struct buf *out)
{
	int method = method_of(ex);
	struct val *list = NULL;
	struct writer w;

	if (method < 0)
		return RC_NOT_IMPLEMENTED;
	TRY(set_target(a, ex, &list));
	if (!val_set_text(a, &list, A_REQUESTING_ENTITY, issuer(scl, a, ex)) ||
	    !val_set_num(a, &list, A_METHOD, method) || !set_headers(a, ex, &list) ||
	    !val_set_text(a, &list, A_CONTACT_URI_HEADER, contact) ||
	    !val_set_text(a, &list, A_CORRELATION_ID_HEADER, slice_of(id)) ||
	    !set_representation(a, ex, &list))
		return RC_UNAVAILABLE;
	codec_xml.writer(&w, out);
	render_shape(&w, "requestNotify", &shape_request_notify, list, 2);
	return out->failed ? RC_UNAVAILABLE : RC_OK;
}

/* ---- responseNotify ---- */

enum rc
response_notify_bind(struct arena *a, struct node *doc, struct val **vals, bool *created,
                     struct slice *why)
{
	struct binder b = { .arena = a };
	enum rc rc;

	/* The enumeration lacks what some send nevertheless (TS 102 921, StatusCode). */
	*created = false;
	for (struct node *n = doc->first; n != NULL; n = n->next)
		if (slice_is(n->name, "statusCode") && slice_is(n->text, "STATUS_CREATED")) {
			n->text = slice_of(status_of(RC_OK)->etsi);
			*created = true;
		}
	rc = bind_shape(&b, &shape_response_notify, doc, vals);
	*why = b.why;
	return rc;
}

static bool
is_conditional(const struct exchange *ex)
{
	struct slice url = ex->target.n > 0 ? ex->target : ex->url;

	return header(ex, "If-None-Match").n > 0 || header(ex, "If-Modified-Since").n > 0 ||
	       memmem(url.p, url.n, "ifNoneMatch=", 12) != NULL ||
	       memmem(url.p, url.n, "ifModifiedSince=", 16) != NULL;
}

/* StatusCode is coarser than what HTTP says (TS 102 921 annex C, status codes). */
static int
http_status(const struct val *vals, bool created, const struct exchange *ex)
{
	int64_t code = val_num(vals, A_STATUS_CODE, 0);
	const char *text = attr_info(A_STATUS_CODE)->values->values[code];
	bool has_body = val_get(vals, A_REPRESENTATION) != NULL;
	enum rc rc = RC_OK;

	while (strcmp(status_of(rc)->etsi, text) != 0 && rc + 1 < RC_COUNT)
		rc++;
	if (rc != RC_OK)
		return status_of(rc)->http;
	if (slice_is(ex->method, "POST") && (created || val_get(vals, A_LOCATION_HEADER) != NULL))
		return status_of(RC_CREATED)->http;
	if (!has_body && slice_is(ex->method, "GET") && is_conditional(ex))
		return status_of(RC_NOT_MODIFIED)->http;
	return status_of(has_body || slice_is(ex->method, "HEAD") ? RC_OK : RC_NO_CONTENT)->http;
}

/* A field of the answer; a line break would begin one of somebody else's making. */
static void
add_field(struct exchange *ex, const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			return;
	buf_puts(&ex->answer_text, name);
	buf_char(&ex->answer_text, ':');
	buf_slice(&ex->answer_text, value);
	buf_char(&ex->answer_text, '\n');
	ex->n_answer_headers++;
}

/* Views of answer_text, which does not move any more. */
static void
view_fields(struct exchange *ex)
{
	struct slice rest = buf_view(&ex->answer_text), line;

	for (unsigned i = 0; i < ex->n_answer_headers && slice_split(&rest, '\n', &line); i++) {
		ex->answer_headers[i].value = line;
		slice_split(&ex->answer_headers[i].value, ':', &ex->answer_headers[i].name);
	}
}

bool
response_notify_answer(const struct val *vals, bool created, struct exchange *ex)
{
	const struct val *rep = val_get(vals, A_REPRESENTATION);
	struct slice type = rep == NULL ? SLICE_NONE : val_text(rep->first, A_CONTENT_TYPE_ATTR);

	ex->http_status = http_status(vals, created, ex);
	if (rep != NULL && !slice_is(ex->method, "HEAD"))
		buf_slice(&ex->answer, val_text(rep->first, A_TEXT));
	if (rep != NULL)
		add_field(ex, "content-type", type.n > 0 ? type : slice_of(codec_xml.media_type));
	add_field(ex, "location", val_text(vals, A_LOCATION_HEADER));
	add_field(ex, "etag", val_text(vals, A_ETAG_HEADER));
	add_field(ex, "last-modified", val_text(vals, A_LAST_MODIFIED_HEADER));
	if (ex->answer.failed || ex->answer_text.failed)
		return false;
	view_fields(ex);
	return true;
}

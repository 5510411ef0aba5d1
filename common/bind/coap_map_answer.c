/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of the pipeline to a CoAP response. */
#include "config.h"

#include "bind/coap_map.h"

#include "base/uri.h"
#include "bind/coap_names.h"

#define OCTET_STREAM 42u
#define OPTION_MAX 255u

/* ---- what it says ---- */

/* Success has one status in HTTP, and a code for each method in CoAP. */
static unsigned
code_of(int http, enum req_op op)
{
	enum rc rc = status_from_http(http);

	if (rc != RC_OK && rc != RC_NO_CONTENT)
		return (unsigned)status_of(rc)->coap;
	if (op == REQ_RETRIEVE)
		return 205;
	return op == REQ_DELETE ? 202 : 204;
}

/* A segment that is no option cannot be told, and half a path would be another resource. */
static bool
parts_fit(struct slice text, char separator)
{
	char value[OPTION_MAX];
	struct slice part;
	size_t n;

	while (slice_split(&text, separator, &part))
		if (!cmap_decode(part, value, sizeof(value), &n))
			return false;
	return true;
}

/* Path and query: the authority is that of the request. */
static struct slice
location_of(struct slice location)
{
	struct uri u;

	if (!uri_parse(location, &u) || !parts_fit(u.path, '/') || !parts_fit(u.query, '&'))
		return SLICE_NONE;
	return slice_from(location,
	                  location.n - u.path.n - (u.query.p == NULL ? 0 : u.query.n + 1));
}

static void
set_body(const struct req_answer *answer, enum req_op op, struct cmap_answer *out)
{
	if (answer->reject.n > 0 && out->code >= 400) {
		out->body = answer->reject;
		out->has_format = true;
		out->format = OCTET_STREAM;
		return;
	}
	if (answer->body == NULL || answer->body_len == 0)
		return;
	out->has_format = cmap_format(answer->content_type, &out->format);
	if (out->has_format)
		out->body = slice_make(answer->body, answer->body_len);
	else if (out->code == 205 && op == REQ_RETRIEVE)
		out->code = 406;
}

void
cmap_answer(const struct req_answer *answer, enum req_op op, struct cmap_answer *out)
{
	*out = (struct cmap_answer){ .code = code_of(answer->http_status, op) };
	set_body(answer, op, out);
	if (out->code < 300 && answer->etag.n > 0)
		out->etag_n = cmap_etag_octets(answer->etag, out->etag);
	if (out->code == 201)
		out->location = location_of(answer->location);
	if (answer->no_store)
		out->has_max_age = true;
	/* 507: nobody knows when there will be room. */
	if (answer->http_status == 503 && answer->retry_after > 0) {
		out->has_max_age = true;
		out->max_age = answer->retry_after;
	}
}

/* ---- writing ---- */

static bool
put_option(coap_pdu_t *pdu, coap_option_num_t number, const void *value, size_t n)
{
	return coap_add_option(pdu, number, n, value) > 0;
}

static bool
put_uint(coap_pdu_t *pdu, coap_option_num_t number, bool given, uint32_t v)
{
	unsigned char value[4];

	return !given ||
	       put_option(pdu, number, value, coap_encode_var_safe(value, sizeof(value), v));
}

static bool
put_block(coap_pdu_t *pdu, coap_option_num_t number, const struct cmap_block *b)
{
	return put_uint(pdu, number, b->given,
	                (uint32_t)b->num << 4 | (b->more ? 8u : 0u) | (b->szx & 7u));
}

static bool
put_parts(coap_pdu_t *pdu, coap_option_num_t number, struct slice text, char separator)
{
	char value[OPTION_MAX];
	struct slice part;
	size_t n;

	while (slice_split(&text, separator, &part))
		if (!cmap_decode(part, value, sizeof(value), &n) ||
		    !put_option(pdu, number, value, n))
			return false;
	return true;
}

static bool
put_location_path(coap_pdu_t *pdu, struct slice location)
{
	struct slice path = SLICE_NONE;

	slice_split(&location, '?', &path);
	if (path.n < 2)
		return true;
	return put_parts(pdu, COAP_OPTION_LOCATION_PATH, slice_from(path, 1), '/');
}

static bool
put_location_query(coap_pdu_t *pdu, struct slice location)
{
	struct slice path;

	slice_split(&location, '?', &path);
	return location.n == 0 || put_parts(pdu, COAP_OPTION_LOCATION_QUERY, location, '&');
}

/* In the order of their numbers: each is appended. */
static bool
put_options(const struct cmap_answer *out, coap_pdu_t *pdu)
{
	return (out->etag_n == 0 || put_option(pdu, COAP_OPTION_ETAG, out->etag, out->etag_n)) &&
	       put_uint(pdu, COAP_OPTION_OBSERVE, out->has_observe, out->observe & 0xffffffu) &&
	       put_location_path(pdu, out->location) &&
	       put_uint(pdu, COAP_OPTION_CONTENT_FORMAT, out->has_format, out->format) &&
	       put_uint(pdu, COAP_OPTION_MAXAGE, out->has_max_age, out->max_age) &&
	       put_location_query(pdu, out->location) &&
	       put_block(pdu, COAP_OPTION_BLOCK2, &out->block2) &&
	       put_block(pdu, COAP_OPTION_BLOCK1, &out->block1) &&
	       put_uint(pdu, COAP_OPTION_SIZE2, out->has_size2, out->size2) &&
	       put_uint(pdu, COAP_OPTION_SIZE1, out->has_size1, out->size1) &&
	       (out->echo.n == 0 || put_option(pdu, COAP_OPTION_ECHO, out->echo.p, out->echo.n));
}

bool
cmap_write(const struct cmap_answer *out, size_t from, size_t n, coap_pdu_t *pdu)
{
	struct slice part = SLICE_NONE;

	if (from < out->body.n)
		part = slice_head(slice_from(out->body, from), n);
	coap_pdu_set_code(pdu, (coap_pdu_code_t)(out->code / 100 << 5 | out->code % 100));
	return put_options(out, pdu) &&
	       (part.n == 0 || coap_add_data(pdu, part.n, (const uint8_t *)part.p) == 1);
}

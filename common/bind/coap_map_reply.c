/* SPDX-License-Identifier: Apache-2.0 */
/* A CoAP response to the answer of an exchange. */
#include "config.h"

#include "bind/coap_map.h"

#include "base/uri.h"
#include "bind/coap_names.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define OPTION_MAX 255u
#define REJECT_OCTETS_MAX 1024u
#define OCTET_STREAM 42u

static const struct {
	unsigned code;
	int with_body;
	int without;
} codes[] = {
#define CODE(code, with_body, without) { code, with_body, without },
#include "bind/coap.def"
#undef CODE
};

/* Headers under construction: their values move until all are there. */
struct taking {
	struct exchange *ex;
	size_t at[EXCHANGE_HEADERS];
	unsigned code; /* class * 100 + detail */
	struct slice payload;
	bool has_format;
	unsigned format;
};

static void
begin_header(struct taking *t, const char *name)
{
	struct exchange *ex = t->ex;

	if (ex->n_answer_headers == EXCHANGE_HEADERS) {
		ex->answer_text.failed = true;
		return;
	}
	t->at[ex->n_answer_headers] = ex->answer_text.n;
	ex->answer_headers[ex->n_answer_headers++].name = slice_of(name);
}

static void
add_header(struct taking *t, const char *name, struct slice value)
{
	begin_header(t, name);
	buf_slice(&t->ex->answer_text, value);
}

static void
view_headers(struct taking *t)
{
	struct exchange *ex = t->ex;

	for (unsigned i = 0; i < ex->n_answer_headers; i++) {
		size_t end = i + 1 < ex->n_answer_headers ? t->at[i + 1] : ex->answer_text.n;

		ex->answer_headers[i].value =
			slice_make(ex->answer_text.p + t->at[i], end - t->at[i]);
	}
}

/* ---- status ---- */

/*
 * RFC 7252 section 5.9: an unknown code is as x.00 of its class. Without a body, 2.04 is "done" for
 * what 2.04 belongs to, and "accepted" for the other methods, which have codes of their own when
 * they are done.
 */
static int
status_of_code(const struct taking *t)
{
	bool reads = slice_is(t->ex->method, "GET") || slice_is(t->ex->method, "HEAD") ||
	             slice_is(t->ex->method, "DELETE");

	if (t->code == 204 && t->payload.n == 0 && reads)
		return 202;
	for (size_t i = 0; i < COUNT(codes); i++)
		if (codes[i].code == t->code)
			return t->payload.n > 0 ? codes[i].with_body : codes[i].without;
	if (t->code / 100 == 4)
		return 400;
	return t->code / 100 == 5 ? 500 : 0;
}

/* ---- headers ---- */

static bool
is_location(coap_option_num_t number)
{
	return number == COAP_OPTION_LOCATION_PATH || number == COAP_OPTION_LOCATION_QUERY;
}

static void
add_location_part(struct buf *to, coap_option_num_t number, struct slice value, char mark)
{
	char text[3 * OPTION_MAX];
	char *end = number == COAP_OPTION_LOCATION_PATH ? cmap_put_segment(text, value)
	                                                : cmap_put_query(text, value);

	buf_char(to, mark);
	buf_add(to, text, (size_t)(end - text));
}

/* What the path is relative to (RFC 7252 section 5.10.7): nobody knows it any more afterwards. */
static void
add_location_base(struct taking *t)
{
	struct uri u;

	if ((!uri_parse(t->ex->target, &u) || u.scheme.n == 0) && !uri_parse(t->ex->url, &u))
		return;
	if (u.scheme.n == 0)
		return;
	buf_slice(&t->ex->answer_text, u.scheme);
	buf_puts(&t->ex->answer_text, "://");
	buf_slice(&t->ex->answer_text, u.authority);
}

static void
take_location(struct taking *t, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt;
	coap_option_num_t last = 0;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((opt = coap_option_next(&it)) != NULL) {
		struct slice value = slice_make(coap_opt_value(opt), coap_opt_length(opt));
		bool path = it.number == COAP_OPTION_LOCATION_PATH;

		if (!is_location(it.number) || value.n > OPTION_MAX)
			continue;
		if (last == 0)
			begin_header(t, "location");
		/* Others put a whole URI into one option. */
		if (last == 0 && path && uri_is_absolute(value)) {
			buf_slice(&t->ex->answer_text, value);
			return;
		}
		if (last == 0)
			add_location_base(t);
		if (last == 0 && !path)
			buf_char(&t->ex->answer_text, '/');
		add_location_part(&t->ex->answer_text, it.number, value,
		                  path                ? '/'
		                  : last == it.number ? '&'
		                                      : '?');
		last = it.number;
	}
}

static bool
printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

/* What stands for X-M2M-Reject, and for a body without a type (RFC 7252 section 5.5.2). */
static void
take_body_type(struct taking *t)
{
	struct slice type = t->has_format ? cmap_media_type(t->format) : SLICE_NONE;
	bool failure = t->code >= 400;

	if (t->payload.n == 0)
		return;
	if (!t->has_format && failure)
		type = cmap_media_type(COAP_MEDIATYPE_TEXT_PLAIN);
	else if (t->has_format && type.p == NULL)
		type = cmap_media_type(OCTET_STREAM);
	if (type.n > 0)
		add_header(t, "content-type", type);
	if (failure && t->has_format && t->format == OCTET_STREAM &&
	    t->payload.n <= REJECT_OCTETS_MAX && printable(t->payload))
		add_header(t, "x-m2m-reject", t->payload);
}

static void
take_option(struct taking *t, coap_option_num_t number, struct slice value)
{
	char text[CMAP_ETAG_TEXT_MAX];

	if (number == COAP_OPTION_ETAG && value.n >= 1 && value.n <= CMAP_ETAG_MAX) {
		add_header(t, "etag",
		           slice_make(text, cmap_etag_text((const unsigned char *)value.p, value.n,
		                                           text)));
	} else if (number == COAP_OPTION_CONTENT_FORMAT && value.n <= 2) {
		t->has_format = true;
		t->format = cmap_uint(value);
	} else if (number == COAP_OPTION_MAXAGE && value.n <= 4 && t->code == 503) {
		begin_header(t, "retry-after");
		buf_long(&t->ex->answer_text, cmap_uint(value));
	}
}

static void
take_options(struct taking *t, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt;
	coap_option_num_t last = 0;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((opt = coap_option_next(&it)) != NULL) {
		if (it.number != last)
			take_option(t, it.number,
			            slice_make(coap_opt_value(opt), coap_opt_length(opt)));
		last = it.number;
	}
}

bool
cmap_exchange_answer(const coap_pdu_t *pdu, struct exchange *ex)
{
	struct taking t = { .ex = ex };
	unsigned code = (unsigned)coap_pdu_get_code(pdu);
	const uint8_t *data;
	size_t n = 0;

	buf_clear(&ex->answer_text);
	ex->n_answer_headers = 0;
	if (coap_get_data(pdu, &n, &data) == 1)
		t.payload = slice_make(data, n);
	t.code = (code >> 5) * 100 + (code & 31);
	ex->http_status = status_of_code(&t);
	if (ex->http_status == 0)
		return false;
	take_options(&t, pdu);
	take_location(&t, pdu);
	take_body_type(&t);
	if (ex->answer_text.failed) {
		ex->n_answer_headers = 0;
		return false;
	}
	view_headers(&t);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A CoAP request to the input of the pipeline. */
#include "config.h"

#include "bind/coap_map.h"

#include "base/be.h"
#include "base/uri.h"
#include "bind/coap_names.h"

#include <strings.h>

#define TAGS_MAX 8u
#define PORT_DEFAULT 5683u
#define PORT_DEFAULT_SECURE 5684u
#define SZX_RESERVED 7u

enum repeat { ONE, MANY };

/* Entity tags as a header of HTTP has them. */
struct tags {
	unsigned n;
	size_t used;
	bool any; /* an empty If-Match */
	char text[TAGS_MAX * (CMAP_ETAG_TEXT_MAX + 2)];
};

struct reading {
	struct arena *arena;
	struct cmap_head *head;
	enum rc rc; /* the first that was found */
	const char *why;
	char *path; /* from target to to: what the target is so far */
	char *to;
	bool has_query;
	struct slice uri_host;
	bool has_port;
	unsigned uri_port;
	struct slice proxy_uri;
	struct slice proxy_scheme;
	bool has_format;
	unsigned format;
	bool none_match;
	struct tags match; /* If-Match */
	struct tags etags; /* ETag */
	size_t n_request_tag;
	char request_tag[TAGS_MAX * (CMAP_ETAG_MAX + 1)];
};

struct option_row {
	coap_option_num_t number;
	size_t least;
	size_t most;
	enum repeat repeat;
	void (*take)(struct reading *r, struct slice value);
};

static const struct {
	unsigned code;
	enum req_op op;
} methods[] = {
#define METHOD(code, name, op) { code, op },
#include "bind/coap.def"
#undef METHOD
};

static void
fail(struct reading *r, enum rc rc, unsigned code, const char *why)
{
	if (r->rc != RC_OK)
		return;
	r->rc = rc;
	r->why = why;
	r->head->code = code;
}

static struct slice
option_value(const coap_opt_t *opt)
{
	return slice_make(coap_opt_value(opt), coap_opt_length(opt));
}

/* In the arena; never with p NULL unless it is exhausted. */
static struct slice
keep(struct reading *r, struct slice s)
{
	return arena_copy(r->arena, s.n == 0 ? SLICE_LIT("") : s);
}

/* ---- primitive attributes ---- */

/* What comes as a header over HTTP may go out as one. */
static bool
fits_header(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static void
set_attribute(struct reading *r, const struct cmap_attribute *row, struct slice value)
{
	struct slice *to = (struct slice *)(void *)((char *)&r->head->input + row->offset);

	if (to->p != NULL)
		fail(r, RC_BAD_REQUEST, 0, "a primitive attribute is given twice");
	else if (!fits_header(value))
		fail(r, RC_BAD_REQUEST, 0, "a primitive attribute has a control character");
	else
		*to = keep(r, value);
}

/* The attribute that name=value of a query is; NULL: it belongs to the target. */
static const struct cmap_attribute *
find_attribute(struct slice pair, struct slice *value)
{
	struct slice name;

	*value = pair;
	if (!slice_split(value, '=', &name) || value->p == NULL)
		return NULL;
	return cmap_attribute_named(name);
}

/* ---- options ---- */

static void
add_tag(struct tags *t, struct slice octets)
{
	if (t->n > 0) {
		t->text[t->used++] = ',';
		t->text[t->used++] = ' ';
	}
	t->used += cmap_etag_text((const unsigned char *)octets.p, octets.n, t->text + t->used);
	t->n++;
}

static void
take_if_match(struct reading *r, struct slice value)
{
	if (value.n == 0)
		r->match.any = true;
	else if (r->match.n == TAGS_MAX)
		fail(r, RC_BAD_REQUEST, 0, "too many If-Match options");
	else
		add_tag(&r->match, value);
}

/* Those beyond are as if they did not match: the whole representation is the answer. */
static void
take_etag(struct reading *r, struct slice value)
{
	if (r->etags.n < TAGS_MAX)
		add_tag(&r->etags, value);
}

static void
take_if_none_match(struct reading *r, struct slice value)
{
	(void)value;
	r->none_match = true;
}

static void
take_host(struct reading *r, struct slice value)
{
	r->uri_host = value;
}

static void
take_port(struct reading *r, struct slice value)
{
	r->has_port = true;
	r->uri_port = cmap_uint(value);
}

static void
take_observe(struct reading *r, struct slice value)
{
	uint32_t v = cmap_uint(value);

	/* Only GET, and only these two, mean something (RFC 7641 section 2). */
	if (r->head->input.op != REQ_RETRIEVE || v > 1)
		return;
	r->head->has_observe = true;
	r->head->observe = v;
}

static void
take_path(struct reading *r, struct slice value)
{
	/* RFC 7252 section 5.10.1; whoever resolves them would see another resource. */
	if (slice_is(value, ".") || slice_is(value, ".."))
		fail(r, RC_BAD_REQUEST, 0, "a segment of the path is a dot segment");
	*r->to++ = '/';
	r->to = cmap_put_segment(r->to, value);
}

static void
take_query(struct reading *r, struct slice value)
{
	struct slice text;
	const struct cmap_attribute *row = find_attribute(value, &text);

	if (row != NULL) {
		set_attribute(r, row, text);
		return;
	}
	if (r->to == r->path)
		*r->to++ = '/';
	*r->to++ = r->has_query ? '&' : '?';
	r->has_query = true;
	r->to = cmap_put_query(r->to, value);
}

static void
take_format(struct reading *r, struct slice value)
{
	r->has_format = true;
	r->format = cmap_uint(value);
}

static void
take_accept(struct reading *r, struct slice value)
{
	r->head->input.accept = cmap_accept(cmap_uint(value));
	if (r->head->input.accept.p == NULL)
		fail(r, RC_NOT_ACCEPTABLE, 0, "Accept is a Content-Format that is not known");
}

static bool
read_block(struct slice value, struct cmap_block *block)
{
	uint32_t v = cmap_uint(value);

	*block = (struct cmap_block){ true, v >> 4, (v & 8) != 0, v & 7 };
	return block->szx != SZX_RESERVED;
}

static void
take_block(struct reading *r, struct slice value, struct cmap_block *block)
{
	if (!read_block(value, block))
		fail(r, RC_BAD_REQUEST, 0, "the size of a block is reserved");
}

static void
take_block1(struct reading *r, struct slice value)
{
	take_block(r, value, &r->head->block1);
}

static void
take_block2(struct reading *r, struct slice value)
{
	take_block(r, value, &r->head->block2);
}

static void
take_size1(struct reading *r, struct slice value)
{
	r->head->has_size1 = true;
	r->head->size1 = cmap_uint(value);
}

static void
take_size2(struct reading *r, struct slice value)
{
	(void)value;
	r->head->asks_size = true;
}

static void
take_proxy_uri(struct reading *r, struct slice value)
{
	r->proxy_uri = value;
}

static void
take_proxy_scheme(struct reading *r, struct slice value)
{
	r->proxy_scheme = value;
}

static void
take_echo(struct reading *r, struct slice value)
{
	r->head->has_echo = true;
	r->head->echo = keep(r, value);
}

static void
take_no_response(struct reading *r, struct slice value)
{
	r->head->no_response = cmap_uint(value);
}

static void
take_pre_source(struct reading *r, struct slice value)
{
	r->head->input.pre_source = keep(r, value);
}

static void
take_pre_store(struct reading *r, struct slice value)
{
	r->head->input.pre_store = keep(r, value);
}

/* The list of all of them is the tag (RFC 9175 section 3.2). */
static void
take_request_tag(struct reading *r, struct slice value)
{
	if (r->n_request_tag + 1 + value.n > sizeof(r->request_tag)) {
		fail(r, RC_BAD_REQUEST, 0, "too many Request-Tag options");
		return;
	}
	r->request_tag[r->n_request_tag++] = (char)value.n;
	if (value.n > 0)
		memcpy(r->request_tag + r->n_request_tag, value.p, value.n);
	r->n_request_tag += value.n;
}

static const struct option_row options[] = {
#define OPTION(number, least, most, repeat, take) { number, least, most, repeat, take },
#include "bind/coap.def"
#undef OPTION
};

static const struct option_row *
find_option(coap_option_num_t number)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].number == number)
			return &options[i];
	return NULL;
}

static void
read_options(struct reading *r, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt;
	coap_option_num_t last = 0;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((opt = coap_option_next(&it)) != NULL) {
		const struct option_row *row = find_option(it.number);
		struct slice value = option_value(opt);
		bool again = it.number == last;

		last = it.number;
		if (row != NULL && value.n >= row->least && value.n <= row->most &&
		    (!again || row->repeat == MANY))
			row->take(r, value);
		else if (it.number & 1)
			fail(r, RC_BAD_REQUEST, 402,
			     "a critical option is not known, or malformed");
	}
}

bool
cmap_is_plain(const coap_pdu_t *pdu)
{
	coap_opt_iterator_t it;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while (coap_option_next(&it) != NULL)
		if (it.number == COAP_OPTION_PROXY_URI || it.number == COAP_OPTION_PROXY_SCHEME ||
		    it.number == COAP_OPTION_HOP_LIMIT ||
		    ((it.number & 1) != 0 && find_option(it.number) == NULL))
			return false;
	return true;
}

/* Room for all that the target may become. */
static bool
begin_target(struct reading *r, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt;
	size_t room = 2;

	coap_option_iterator_init(pdu, &it, COAP_OPT_ALL);
	while ((opt = coap_option_next(&it)) != NULL)
		if (it.number == COAP_OPTION_URI_PATH || it.number == COAP_OPTION_URI_QUERY)
			room += 3 * (size_t)coap_opt_length(opt) + 1;
	r->path = r->to = arena_alloc(r->arena, room);
	return r->path != NULL;
}

/* ---- host and target ---- */

static bool
only_of(struct slice s, const char *allowed)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(allowed, s.p[i]) == NULL)
			return false;
	return true;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ADDRESS_CHARS DIGITS "abcdefABCDEF:."
#define NAME_CHARS DIGITS LETTERS "-._~!$&'()*+,;=%"

/* reg-name, IPv4address or IP-literal (RFC 7252 6.5), or an IPv6 address without brackets. */
static bool
host_valid(struct slice s)
{
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		return only_of(slice_make(s.p + 1, s.n - 2), ADDRESS_CHARS);
	return only_of(s, NAME_CHARS) || only_of(s, ADDRESS_CHARS);
}

static struct slice
with_brackets(struct arena *a, struct slice host)
{
	if (host.p[0] == '[' || memchr(host.p, ':', host.n) == NULL)
		return host;
	return ARENA_JOIN(a, SLICE_LIT("["), host, SLICE_LIT("]"));
}

/* Splits host[:port]; port has its colon. */
static void
split_port(struct slice authority, struct slice *host, struct slice *port)
{
	size_t at = authority.n;

	while (at > 0 && authority.p[at - 1] >= '0' && authority.p[at - 1] <= '9')
		at--;
	at = at > 0 && authority.p[at - 1] == ':' ? at - 1 : authority.n;
	*host = slice_head(authority, at);
	*port = slice_from(authority, at);
}

/* What the request is for when nothing says more: that to which it was sent (RFC 7252 5.10.1). */
static struct slice
authority_of(struct reading *r, struct slice authority)
{
	struct slice host, port;

	if (r->uri_host.n == 0 && !r->has_port)
		return authority;
	split_port(authority, &host, &port);
	if (r->uri_host.n > 0) {
		if (!host_valid(r->uri_host))
			fail(r, RC_BAD_REQUEST, 0, "Uri-Host is no host");
		host = with_brackets(r->arena, r->uri_host);
	}
	if (r->proxy_scheme.n > 0 && r->uri_host.n > 0)
		port = SLICE_NONE; /* that of the other scheme */
	if (r->has_port && (port.n > 0 || r->proxy_scheme.n > 0 ||
	                    (r->uri_port != PORT_DEFAULT && r->uri_port != PORT_DEFAULT_SECURE)))
		port = arena_printf(r->arena, ":%u", r->uri_port);
	return ARENA_JOIN(r->arena, host, port);
}

/* Takes the attributes out of the query of a URI; false: it is malformed. */
static bool
strip_attributes(struct reading *r, struct slice *text)
{
	struct slice query, pair, value;
	struct uri u;
	char *to, *begin;

	if (!uri_parse(*text, &u) || u.scheme.n == 0)
		return false;
	if (u.query.n == 0)
		return true;
	begin = arena_alloc(r->arena, text->n);
	if (begin == NULL)
		return true;
	query = u.query;
	memcpy(begin, text->p, (size_t)(query.p - text->p) - 1);
	to = begin + (query.p - text->p) - 1;
	for (char mark = '?'; slice_split(&query, '&', &pair);) {
		const struct cmap_attribute *row = find_attribute(pair, &value);

		if (row != NULL) {
			if (!uri_decode(r->arena, value, &value))
				return false;
			set_attribute(r, row, value);
			continue;
		}
		*to++ = mark;
		mark = '&';
		if (pair.n > 0)
			memcpy(to, pair.p, pair.n);
		to += pair.n;
	}
	*text = slice_make(begin, (size_t)(to - begin));
	return true;
}

static const char *const schemes[] = { "http", "https", "coap", "coaps" };

/* Absolute-form: what is ours by its authority would be served whatever the scheme. */
static void
check_proxied(struct reading *r, struct slice *target)
{
	struct uri u;

	if (!strip_attributes(r, target) || !uri_parse(*target, &u)) {
		fail(r, RC_BAD_REQUEST, 0, "the URI for a proxy is malformed");
		return;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (u.scheme.n == strlen(schemes[i]) &&
		    strncasecmp(u.scheme.p, schemes[i], u.scheme.n) == 0)
			return;
	fail(r, RC_NOT_IMPLEMENTED, 505, "nothing is passed on by this scheme");
}

static void
set_target(struct reading *r, struct slice authority)
{
	struct req_input *in = &r->head->input;
	struct slice host = authority_of(r, authority);

	if (r->to == r->path)
		*r->to++ = '/';
	in->target = slice_make(r->path, (size_t)(r->to - r->path));
	in->host = host;
	if (r->proxy_uri.n == 0 && r->proxy_scheme.n == 0)
		return;
	/* Proxy-Uri goes before all of Uri-* (RFC 7252 section 5.10.2). */
	if (r->proxy_uri.n > 0)
		in->target = keep(r, r->proxy_uri);
	else
		in->target =
			ARENA_JOIN(r->arena, r->proxy_scheme, SLICE_LIT("://"), host, in->target);
	in->host = authority;
	if (in->target.p != NULL)
		check_proxied(r, &in->target);
}

/* ---- the rest ---- */

static struct slice
tags_text(struct reading *r, const struct tags *t)
{
	if (t->any)
		return SLICE_LIT("*");
	return t->n == 0 ? SLICE_NONE : arena_copy(r->arena, slice_make(t->text, t->used));
}

static void
set_conditions(struct reading *r)
{
	struct req_input *in = &r->head->input;

	in->if_match = tags_text(r, &r->match);
	if (in->op == REQ_RETRIEVE)
		in->if_none_match = tags_text(r, &r->etags);
	if (!r->none_match)
		return;
	/* HTTP would call that 304, RFC 7252 section 5.10.8.2 wants 4.12. */
	if (in->op == REQ_RETRIEVE)
		fail(r, RC_PRECONDITION, 0, "what must not exist cannot be read");
	in->if_none_match = SLICE_LIT("*");
}

static void
set_body(struct reading *r, const coap_pdu_t *pdu)
{
	struct req_input *in = &r->head->input;
	const uint8_t *data;
	size_t n = 0;

	if (coap_get_data(pdu, &n, &data) == 0)
		n = 0;
	in->has_length = !r->head->block1.given || r->head->has_size1;
	in->content_length = r->head->block1.given ? r->head->size1 : n;
	/* The last block of a body may be an empty one. */
	if (!r->has_format || (n == 0 && !r->head->block1.given))
		return;
	in->content_type = cmap_media_type(r->format);
	if (in->content_type.p == NULL)
		fail(r, RC_MEDIA_TYPE, 0, "the Content-Format is not known");
}

static void
set_method(struct req_input *in, unsigned code)
{
	in->known_method = true;
	in->op = REQ_OTHER;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].code == code)
			in->op = methods[i].op;
}

static void
set_msg_id(struct req_input *in, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);

	in->has_msg_id = token.length == CMAP_MSG_ID_SIZE;
	if (in->has_msg_id)
		in->msg_id = (uint32_t)be_get(token.s, CMAP_MSG_ID_SIZE);
}

enum rc
cmap_request(const coap_pdu_t *pdu, struct slice authority, struct arena *a, struct cmap_head *head,
             const char **why)
{
	struct reading r = { .arena = a, .head = head };

	*head = (struct cmap_head){ .code = 0 };
	set_method(&head->input, (unsigned)coap_pdu_get_code(pdu));
	if (!begin_target(&r, pdu)) {
		*why = "no memory for the header";
		return RC_HEADER_TOO_LARGE;
	}
	read_options(&r, pdu);
	set_target(&r, authority);
	set_conditions(&r);
	set_body(&r, pdu);
	set_msg_id(&head->input, pdu);
	if (r.n_request_tag > 0)
		head->request_tag = keep(&r, slice_make(r.request_tag, r.n_request_tag));
	if (arena_failed(a))
		fail(&r, RC_HEADER_TOO_LARGE, 0, "no memory for the header");
	*why = r.why;
	return r.rc;
}

bool
cmap_block(const coap_pdu_t *pdu, coap_option_num_t option, struct cmap_block *block)
{
	coap_opt_iterator_t it;
	const coap_opt_t *opt = coap_check_option(pdu, option, &it);

	*block = (struct cmap_block){ .given = false };
	if (opt == NULL)
		return true;
	return coap_opt_length(opt) <= 3 && read_block(option_value(opt), block);
}

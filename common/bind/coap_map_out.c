/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange to a CoAP request. */
#include "config.h"

#include "bind/coap_map.h"

#include "base/base64.h"
#include "base/uri.h"
#include "bind/coap_names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define OPTION_MAX 255u
#define PROXY_URI_MAX 1034u
#define PAIRS_MAX 16u

struct pair {
	struct slice name;
	struct slice value;
};

struct making {
	const struct exchange *ex;
	struct arena *arena;
	struct cmap_call *call;
	const char *why; /* NULL: all can be expressed so far */
	struct pair pairs[PAIRS_MAX]; /* primitive attributes */
	unsigned npairs;
	bool issuer; /* among them */
};

static const struct {
	const char *name;
	unsigned code;
} methods[] = {
#define METHOD(code, name, op) { name, code },
#include "bind/coap.def"
#undef METHOD
	{ "HEAD", COAP_REQUEST_CODE_GET },
};

static bool
same_name(struct slice a, const char *b)
{
	return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

static void
fail(struct making *m, const char *why)
{
	if (m->why == NULL)
		m->why = why;
}

static void
put(struct making *m, coap_option_num_t number, const void *value, size_t n)
{
	coap_optlist_t *option = coap_new_optlist(number, n, value);

	if (option == NULL)
		fail(m, "no memory for an option");
	else
		(void)coap_insert_optlist(&m->call->options, option);
}

static void
put_uint(struct making *m, coap_option_num_t number, unsigned v)
{
	unsigned char value[4];

	put(m, number, value, coap_encode_var_safe(value, sizeof(value), v));
}

/* ---- the next hop ---- */

static const struct {
	const char *name;
	unsigned port;
	bool secure;
} schemes[] = { { "coap", COAP_DEFAULT_PORT, false }, { "coaps", COAPS_DEFAULT_PORT, true } };

static bool
hop_of(const struct uri *u, struct cmap_call *call)
{
	uint64_t port = 0;

	for (size_t i = 0; i < COUNT(schemes); i++) {
		if (!same_name(u->scheme, schemes[i].name))
			continue;
		call->secure = schemes[i].secure;
		call->port = schemes[i].port;
		call->host = u->host;
		if (u->host.p[0] == '[')
			call->host = slice_make(u->host.p + 1, u->host.n - 2);
		if (u->port.n > 0 && (!slice_number(u->port, 65535, &port) || port == 0))
			return false;
		if (u->port.n > 0)
			call->port = (unsigned)port;
		return call->host.n > 0;
	}
	return false;
}

bool
cmap_next_hop(struct slice url, struct cmap_call *call)
{
	struct uri u;

	return uri_parse(url, &u) && u.scheme.n > 0 && hop_of(&u, call);
}

/* ---- target ---- */

static void
put_parts(struct making *m, coap_option_num_t number, struct slice text, char separator)
{
	char value[OPTION_MAX];
	struct slice part;
	size_t n;

	while (slice_split(&text, separator, &part))
		if (!cmap_decode(part, value, sizeof(value), &n))
			fail(m, "a part of the target is malformed or over 255 octets");
		else if (n > 0 || number == COAP_OPTION_URI_PATH)
			put(m, number, value, n);
}

static bool
is_address(struct slice host)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	return host.p[0] == '[' ||
	       (slice_copy(host, text, sizeof(text)) && inet_pton(AF_INET, text, &a) == 1);
}

static void
put_host(struct making *m, struct slice host)
{
	char value[OPTION_MAX];
	size_t n;

	if (!cmap_decode(host, value, sizeof(value), &n)) {
		fail(m, "the host is malformed or over 255 octets");
		return;
	}
	for (size_t i = 0; i < n; i++)
		value[i] = (char)tolower((unsigned char)value[i]);
	put(m, COAP_OPTION_URI_HOST, value, n);
}

static void
put_path_and_query(struct making *m, const struct uri *u)
{
	if (u->path.n > 1)
		put_parts(m, COAP_OPTION_URI_PATH, slice_from(u->path, 1), '/');
	if (u->query.n > 0)
		put_parts(m, COAP_OPTION_URI_QUERY, u->query, '&');
}

static void
put_pairs(struct making *m)
{
	for (unsigned i = 0; i < m->npairs; i++) {
		struct slice text =
			ARENA_JOIN(m->arena, m->pairs[i].name, SLICE_LIT("="), m->pairs[i].value);

		if (text.p == NULL || text.n > OPTION_MAX)
			fail(m, "a primitive attribute is over 255 octets");
		else
			put(m, COAP_OPTION_URI_QUERY, text.p, text.n);
	}
}

/* The target is the next hop's own. */
static void
put_own(struct making *m, const struct uri *hop, const struct uri *target)
{
	/* The address and the port of the message need not be said (RFC 7252 section 6.4). */
	if (!is_address(hop->host))
		put_host(m, hop->host);
	put_path_and_query(m, target);
	put_pairs(m);
}

/* The target with the attributes in its query: Uri-Query may not stand next to Proxy-Uri. */
static struct slice
proxy_uri(struct making *m, const struct uri *target)
{
	size_t room = m->ex->target.n;
	char *text, *to;
	char mark = target->query.p == NULL ? '?' : '&';

	for (unsigned i = 0; i < m->npairs; i++)
		room += m->pairs[i].name.n + 3 * m->pairs[i].value.n + 2;
	to = text = arena_alloc(m->arena, room);
	if (text == NULL)
		return SLICE_NONE;
	memcpy(to, m->ex->target.p, m->ex->target.n);
	to += m->ex->target.n;
	for (unsigned i = 0; i < m->npairs; i++) {
		*to++ = mark;
		mark = '&';
		to = cmap_put_query(to, m->pairs[i].name);
		*to++ = '=';
		to = cmap_put_query(to, m->pairs[i].value);
	}
	return slice_make(text, (size_t)(to - text));
}

/* In parts what is too long for Proxy-Uri (RFC 7252 section 5.10.2). */
static void
put_proxy_parts(struct making *m, const struct uri *target)
{
	uint64_t port;

	if (target->scheme.n > OPTION_MAX) {
		fail(m, "the scheme of the target is over 255 octets");
		return;
	}
	put(m, COAP_OPTION_PROXY_SCHEME, target->scheme.p, target->scheme.n);
	put_host(m, target->host);
	if (target->port.n > 0 && slice_number(target->port, 65535, &port))
		put_uint(m, COAP_OPTION_URI_PORT, (unsigned)port);
	put_path_and_query(m, target);
	put_pairs(m);
}

static void
put_foreign(struct making *m, const struct uri *target)
{
	struct slice whole = proxy_uri(m, target);

	if (whole.p == NULL)
		fail(m, "no memory for the target");
	else if (whole.n <= PROXY_URI_MAX)
		put(m, COAP_OPTION_PROXY_URI, whole.p, whole.n);
	else
		put_proxy_parts(m, target);
}

/* name=value, also when the sign that parts them is escaped, as whoever gets it reads it. */
static bool
names_attribute(struct slice pair)
{
	char text[OPTION_MAX];
	struct slice raw = pair, name, decoded;
	size_t n;

	if (!slice_split(&raw, '=', &name) || !cmap_decode(name, text, sizeof(text), &n))
		return false;
	decoded = slice_make(text, n);
	return slice_split(&decoded, '=', &name) && (raw.p != NULL || decoded.p != NULL) &&
	       cmap_attribute_named(name) != NULL;
}

/* It would be said in the name of this SCL by whoever has given the target. */
static bool
has_attribute(struct slice query)
{
	struct slice pair;

	while (slice_split(&query, '&', &pair))
		if (names_attribute(pair))
			return true;
	return false;
}

static bool
same_origin(const struct uri *a, const struct uri *b)
{
	struct cmap_call x, y;

	return hop_of(a, &x) && hop_of(b, &y) && x.secure == y.secure && x.port == y.port &&
	       x.host.n == y.host.n && strncasecmp(x.host.p, y.host.p, x.host.n) == 0;
}

static void
put_target(struct making *m)
{
	struct uri hop, target;

	if (!uri_parse(m->ex->url, &hop) || hop.scheme.n == 0 || !hop_of(&hop, m->call)) {
		fail(m, "the URL is no coap URI");
		return;
	}
	target = hop;
	if (m->ex->target.n > 0 && !uri_parse(m->ex->target, &target)) {
		fail(m, "the target is no URI");
		return;
	}
	if (has_attribute(target.query))
		fail(m, "the query of the target names a primitive attribute");
	else if (target.scheme.n == 0 || same_origin(&hop, &target))
		put_own(m, &hop, &target);
	else
		put_foreign(m, &target);
}

/* ---- headers ---- */

static void
add_pair(struct making *m, struct slice name, struct slice value)
{
	if (m->npairs == PAIRS_MAX)
		fail(m, "too many primitive attributes");
	else
		m->pairs[m->npairs++] = (struct pair){ name, value };
}

/* The user part of Basic credentials (Release 1, TS 102 921 annex C); From goes before it. */
static void
take_authorization(struct making *m, struct slice value)
{
	struct slice text, user, uri;

	if (m->issuer || value.n < 6 || strncasecmp(value.p, "basic ", 6) != 0)
		return;
	if (!base64_decode(m->arena, slice_from(value, 6), &text) ||
	    !slice_split(&text, ':', &user) || !uri_decode(m->arena, user, &uri))
		fail(m, "the Basic credentials are malformed");
	else
		add_pair(m, SLICE_LIT("RequestingEntity"), uri);
}

static void
take_accept(struct making *m, struct slice value)
{
	unsigned format = 0;
	bool given;

	if (!cmap_format_accepted(value, &format, &given))
		fail(m, "no media type of Accept has a Content-Format");
	else if (given)
		put_uint(m, COAP_OPTION_ACCEPT, format);
}

static void
take_type(struct making *m, struct slice value)
{
	unsigned format;

	if (m->ex->body.n == 0)
		return;
	if (!cmap_format(value, &format))
		fail(m, "the media type of the body has no Content-Format");
	else
		put_uint(m, COAP_OPTION_CONTENT_FORMAT, format);
}

/* False: there are none in the list. */
static bool
put_tags(struct making *m, struct slice list, coap_option_num_t number)
{
	unsigned char octets[CMAP_ETAG_MAX];
	struct slice tag;
	bool any = false;

	while (slice_split(&list, ',', &tag)) {
		while (tag.n > 0 && (tag.p[0] == ' ' || tag.p[0] == '\t'))
			tag = slice_from(tag, 1);
		while (tag.n > 0 && (tag.p[tag.n - 1] == ' ' || tag.p[tag.n - 1] == '\t'))
			tag.n--;
		any = any || tag.n > 0;
		if (slice_is(tag, "*"))
			put(m, number, NULL, 0);
		else if (tag.n > 0)
			put(m, number, octets, cmap_etag_octets(tag, octets));
	}
	return any;
}

/* A condition that no tag fulfils must not become none. */
static void
take_if_match(struct making *m, struct slice value)
{
	if (!put_tags(m, value, COAP_OPTION_IF_MATCH))
		fail(m, "If-Match without a tag has no form in CoAP");
}

/* A list asks for a shorter answer to GET; elsewhere CoAP has no condition but the star. */
static void
take_if_none_match(struct making *m, struct slice value)
{
	bool star = slice_is(value, "*");

	if (m->call->code == COAP_REQUEST_CODE_GET && !star)
		(void)put_tags(m, value, COAP_OPTION_ETAG);
	else if (m->call->code != COAP_REQUEST_CODE_GET && star)
		put(m, COAP_OPTION_IF_NONE_MATCH, NULL, 0);
	else if (m->call->code != COAP_REQUEST_CODE_GET)
		fail(m, "If-None-Match has no form in CoAP");
}

/* Without it the request would do what it must not. */
static void
take_unmodified(struct making *m, struct slice value)
{
	(void)value;
	if (m->call->code != COAP_REQUEST_CODE_GET)
		fail(m, "If-Unmodified-Since has no form in CoAP");
}

static void
take_pre_source(struct making *m, struct slice value)
{
	if (value.n == 0 || value.n > CMAP_PRE_SOURCE_MAX)
		fail(m, "the source of the message has no form in CoAP");
	else
		put(m, CMAP_OPTION_PRE_SOURCE, value.p, value.n);
}

static const struct {
	const char *name;
	void (*take)(struct making *m, struct slice value);
} takers[] = {
	{ "Authorization", take_authorization },
	{ "Accept", take_accept },
	{ "Content-Type", take_type },
	{ "If-Match", take_if_match },
	{ "If-None-Match", take_if_none_match },
	{ "If-Unmodified-Since", take_unmodified },
	{ "If-Modified-Since", take_unmodified },
	{ "PRE-Source", take_pre_source },
};

static void
take_header(struct making *m, const struct exchange_header *h)
{
	const struct cmap_attribute *attribute = cmap_attribute_of(h->name);

	if (attribute != NULL) {
		add_pair(m, attribute->query, h->value);
		return;
	}
	for (size_t i = 0; i < COUNT(takers); i++)
		if (same_name(h->name, takers[i].name))
			takers[i].take(m, h->value);
}

static void
take_headers(struct making *m)
{
	for (unsigned i = 0; i < m->ex->nheaders; i++)
		m->issuer = m->issuer || same_name(m->ex->headers[i].name, "From");
	for (unsigned i = 0; i < m->ex->nheaders; i++)
		take_header(m, &m->ex->headers[i]);
}

enum rc
cmap_exchange(const struct exchange *ex, struct arena *a, struct cmap_call *call, const char **why)
{
	struct making m = { .ex = ex, .arena = a, .call = call };

	*call = (struct cmap_call){ .code = 0 };
	for (size_t i = 0; i < COUNT(methods); i++)
		if (slice_is(ex->method, methods[i].name))
			call->code = methods[i].code;
	if (call->code == 0)
		fail(&m, "the method has no form in CoAP");
	take_headers(&m);
	put_target(&m);
	*why = m.why;
	if (m.why == NULL)
		return RC_OK;
	coap_delete_optlist(call->options);
	call->options = NULL;
	return RC_BAD_GATEWAY;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/uri.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>

static bool
is_unreserved(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the escape at the start of s stands for, -1 when it is none. */
static int
escape_value(struct slice s)
{
	int hi, lo;

	if (s.n < 3 || s.p[0] != '%')
		return -1;
	hi = hex_digit(s.p[1]);
	lo = hex_digit(s.p[2]);
	return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

/* Characters that RFC 3986 leaves out of every part: they are looked up, not searched. */
static const bool forbidden[256] = {
	['<'] = true, ['>'] = true, ['"'] = true, ['{'] = true, ['}'] = true, ['|'] = true,
	['\\'] = true, ['^'] = true, ['`'] = true, ['#'] = true, [0x7f] = true,
};

static bool
characters_allowed(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || forbidden[(unsigned char)s.p[i]])
			return false;
	return true;
}

static bool
scheme_valid(struct slice s)
{
	if (s.n == 0 || !isalpha((unsigned char)s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && strchr("+-.", s.p[i]) == NULL)
			return false;
	return true;
}

static bool
split_authority(struct uri *u)
{
	struct slice a = u->authority;
	const char *at = a.n == 0 ? NULL : memrchr(a.p, '@', a.n);
	size_t host;

	if (at != NULL)
		a = slice_from(a, (size_t)(at - a.p) + 1);
	u->authority = a;
	if (a.n > 0 && a.p[0] == '[') {
		const char *end = memchr(a.p, ']', a.n);

		if (end == NULL)
			return false;
		host = (size_t)(end - a.p) + 1;
	} else {
		const char *colon = a.n == 0 ? NULL : memchr(a.p, ':', a.n);

		host = colon == NULL ? a.n : (size_t)(colon - a.p);
	}
	u->host = slice_head(a, host);
	if (host < a.n && a.p[host] != ':')
		return false;
	u->port = slice_from(a, host + 1);
	for (size_t i = 0; i < u->port.n; i++)
		if (!isdigit((unsigned char)u->port.p[i]))
			return false;
	return u->host.n > 0 && u->port.n <= 5;
}

bool
uri_parse(struct slice text, struct uri *out)
{
	struct slice rest = text;
	const char *mark;

	*out = (struct uri){ 0 };
	if (text.n == 0 || !characters_allowed(text))
		return false;
	if (text.p[0] != '/') {
		mark = memchr(text.p, ':', text.n);
		if (mark == NULL)
			return false;
		out->scheme = slice_head(text, (size_t)(mark - text.p));
		rest = slice_from(text, out->scheme.n + 1);
		if (!scheme_valid(out->scheme) || !slice_starts(rest, SLICE_LIT("//")))
			return false;
		rest = slice_from(rest, 2);
		out->authority = rest;
		for (size_t i = 0; i < rest.n; i++)
			if (rest.p[i] == '/' || rest.p[i] == '?') {
				out->authority = slice_head(rest, i);
				break;
			}
		rest = slice_from(rest, out->authority.n);
		if (!split_authority(out))
			return false;
	}
	mark = rest.n == 0 ? NULL : memchr(rest.p, '?', rest.n);
	out->path = mark == NULL ? rest : slice_head(rest, (size_t)(mark - rest.p));
	if (mark != NULL)
		out->query = slice_from(rest, out->path.n + 1);
	return true;
}

bool
uri_is_absolute(struct slice text)
{
	struct uri u;

	return uri_parse(text, &u) && u.scheme.n > 0;
}

static const struct transport {
	const char *scheme, *port;
	bool secure;
} transports[] = {
	{ "http", "80", false },
	{ "https", "443", true },
	{ "coap", "5683", false },
	{ "coaps", "5684", true },
};

/* NULL: it is none. */
static const struct transport *
transport_of(const struct uri *u)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (u->scheme.n == strlen(transports[i].scheme) &&
		    strncasecmp(u->scheme.p, transports[i].scheme, u->scheme.n) == 0)
			return &transports[i];
	return NULL;
}

bool
uri_is_transport(struct slice text)
{
	struct uri u;

	return uri_parse(text, &u) && u.host.n > 0 && transport_of(&u) != NULL;
}

bool
uri_is_secure(struct slice text)
{
	struct uri u;

	return uri_parse(text, &u) && u.host.n > 0 && transport_of(&u) != NULL &&
	       transport_of(&u)->secure;
}

static bool
port_is_default(const struct uri *u)
{
	const struct transport *t = transport_of(u);

	return u->port.n == 0 || (t != NULL && slice_is(u->port, t->port));
}

static char *
put_lower(char *to, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		*to++ = (char)tolower((unsigned char)s.p[i]);
	return to;
}

static char *
put_path(char *to, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		int v = escape_value(slice_from(s, i));

		if (v < 0) {
			*to++ = s.p[i];
			continue;
		}
		i += 2;
		if (is_unreserved((unsigned char)v)) {
			*to++ = (char)v;
		} else {
			*to++ = '%';
			*to++ = hex[v >> 4];
			*to++ = hex[v & 15];
		}
	}
	return to;
}

/* A lone percent sign could become the start of an escape. */
static bool
escapes_valid(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '%' && escape_value(slice_from(s, i)) < 0)
			return false;
	return true;
}

struct slice
uri_normalise(struct arena *a, struct slice text)
{
	struct uri u;
	char *buf, *to;

	if (!uri_parse(text, &u) || !escapes_valid(u.path) || (buf = arena_alloc(a, text.n + 1)) == NULL)
		return SLICE_NONE;
	to = buf;
	if (u.scheme.n > 0) {
		to = put_lower(to, u.scheme);
		memcpy(to, "://", 3);
		to = put_lower(to + 3, u.host);
		if (!port_is_default(&u)) {
			*to++ = ':';
			memcpy(to, u.port.p, u.port.n);
			to += u.port.n;
		}
	}
	while (u.path.n > 0 && u.path.p[u.path.n - 1] == '/')
		u.path.n--;
	to = put_path(to, u.path);
	return slice_make(buf, (size_t)(to - buf));
}

struct slice
uri_authority(struct arena *a, struct slice text)
{
	struct slice normal = uri_normalise(a, text);
	struct uri u;

	return normal.p != NULL && uri_parse(normal, &u) ? u.authority : SLICE_NONE;
}

bool
uri_decode(struct arena *a, struct slice s, struct slice *out)
{
	char *to;
	size_t n = 0;

	*out = s;
	if (s.n == 0 || memchr(s.p, '%', s.n) == NULL)
		return true;
	to = arena_alloc(a, s.n);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int v = (unsigned char)s.p[i];

		if (s.p[i] == '%') {
			v = escape_value(slice_from(s, i));
			if (v <= 0)
				return false;
			i += 2;
		}
		to[n++] = (char)v;
	}
	*out = slice_make(to, n);
	return true;
}

static bool
segment_char(unsigned char c)
{
	return is_unreserved(c) || (c < 0x80 && c != 0 && strchr("!$&'()*+,;=:@", c) != NULL);
}

struct slice
uri_encode_segment(struct arena *a, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t extra = 0;
	char *buf, *to;

	for (size_t i = 0; i < s.n; i++)
		extra += segment_char((unsigned char)s.p[i]) ? 0 : 2;
	if (extra == 0)
		return s;
	buf = to = arena_alloc(a, s.n + extra);
	if (buf == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (segment_char(c)) {
			*to++ = (char)c;
		} else {
			*to++ = '%';
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
		}
	}
	return slice_make(buf, s.n + extra);
}

int
uri_next_param(struct arena *a, struct slice *query, struct slice *name, struct slice *value)
{
	struct slice pair;

	do {
		if (query->n == 0 || !slice_split(query, '&', &pair))
			return 0;
	} while (pair.n == 0);
	*value = SLICE_NONE;
	*name = pair;
	for (size_t i = 0; i < pair.n; i++)
		if (pair.p[i] == '=') {
			*name = slice_head(pair, i);
			*value = slice_from(pair, i + 1);
			break;
		}
	return uri_decode(a, *name, name) && uri_decode(a, *value, value) ? 1 : -1;
}

struct slice
uri_authority_name(struct arena *a, struct slice authority)
{
	char *to = arena_alloc(a, authority.n + 1);

	for (size_t i = 0; to != NULL && i < authority.n; i++)
		to[i] = strchr(":[]@%", authority.p[i]) != NULL ? '.' : authority.p[i];
	return slice_make(to, to == NULL ? 0 : authority.n);
}

bool
uri_path_below(struct slice path, struct slice prefix)
{
	while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	return slice_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

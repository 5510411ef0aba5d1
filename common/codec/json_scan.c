/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a JSON text before json-c builds a tree of it: json-c has no limits but depth, lets
 * pass more than RFC 8259, cuts names at a NUL and clamps integers.
 */
#include "config.h"

#include "codec/parts.h"

struct scan {
	const char *p;
	const char *end;
	const struct codec_limits *limits;
	struct json_facts *facts;
	unsigned nodes;
};

static const struct byteset care_string = {
	{ 0xffffffff | BYTE_BIT('"'), BYTE_BIT('\\'), ~UINT64_C(0), ~UINT64_C(0) }
};

static bool
fail(struct scan *s, const char *why)
{
	s->facts->why = why;
	return false;
}

static struct slice
rest_of(const struct scan *s)
{
	return slice_make(s->p, (size_t)(s->end - s->p));
}

/* The next byte, '\0' at the end (which is no valid byte anywhere). */
static char
peek(const struct scan *s)
{
	return s->p < s->end ? *s->p : '\0';
}

static void
space_skip(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Skips c after white space. */
static bool
take(struct scan *s, char c)
{
	space_skip(s);
	if (peek(s) != c)
		return false;
	s->p++;
	return true;
}

static size_t
digits_skip(struct scan *s)
{
	const char *from = s->p;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

static bool
fits_int64(struct slice digits, bool negative)
{
	uint64_t limit = (uint64_t)INT64_MAX + negative;
	uint64_t v = 0;

	for (size_t i = 0; i < digits.n; i++) {
		unsigned d = (unsigned)(digits.p[i] - '0');

		if (v > (limit - d) / 10)
			return false;
		v = v * 10 + d;
	}
	return true;
}

static bool
scan_number(struct scan *s)
{
	bool negative = peek(s) == '-';
	bool integer = true;
	struct slice digits;

	s->p += negative;
	digits.p = s->p;
	digits.n = digits_skip(s);
	if (digits.n == 0 || (digits.p[0] == '0' && digits.n > 1))
		return fail(s, "malformed number");
	if (peek(s) == '.') {
		s->p++;
		integer = false;
		if (digits_skip(s) == 0)
			return fail(s, "malformed number");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->p++;
		integer = false;
		if (peek(s) == '+' || peek(s) == '-')
			s->p++;
		if (digits_skip(s) == 0)
			return fail(s, "malformed number");
	}
	return !integer || fits_int64(digits, negative) || fail(s, "number out of range");
}

/* Four hexadecimal digits; -1 when they are not there. */
static int32_t
hex_take(struct scan *s)
{
	int32_t v = 0;

	if (s->end - s->p < 4)
		return -1;
	for (int i = 0; i < 4; i++, s->p++) {
		char c = *s->p;
		int d = c >= '0' && c <= '9' ? c - '0'
		      : c >= 'a' && c <= 'f' ? c - 'a' + 10
		      : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* Behind "\u"; adds the octets of the character in UTF-8 to *n. */
static bool
scan_unicode(struct scan *s, size_t *n)
{
	int32_t v = hex_take(s);

	if (v < 0)
		return fail(s, "malformed escape");
	if (v == 0)
		return fail(s, "NUL character");
	if (v < 0xd800 || v > 0xdfff) {
		*n += v < 0x80 ? 1 : v < 0x800 ? 2 : 3;
		return true;
	}
	if (v > 0xdbff || !slice_starts(rest_of(s), SLICE_LIT("\\u")))
		return fail(s, "unpaired surrogate");
	s->p += 2;
	v = hex_take(s);
	if (v < 0xdc00 || v > 0xdfff)
		return fail(s, "unpaired surrogate");
	*n += 4;
	return true;
}

/* Behind a backslash. */
static bool
scan_escape(struct scan *s, size_t *n)
{
	char c = peek(s);

	if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
		return fail(s, "malformed escape");
	s->p++;
	if (c == 'u')
		return scan_unicode(s, n);
	*n += 1;
	return true;
}

static bool
scan_string(struct scan *s)
{
	size_t n = 0; /* octets of the decoded text */

	for (s->p++; s->p < s->end && *s->p != '"';) {
		size_t run = byteset_skip(&care_string, rest_of(s));

		if (run == 0)
			run = codec_utf8_run(rest_of(s), false);
		s->p += run;
		n += run;
		if (run == 0 && *s->p == '\\') {
			s->p++;
			if (!scan_escape(s, &n))
				return false;
		} else if (run == 0) {
			return fail(s, (*s->p & 0x80) == 0 ? "control character" : "not UTF-8");
		}
		if (n > s->limits->text)
			return fail(s, "text too long");
	}
	if (s->p == s->end)
		return fail(s, "string without end");
	s->p++;
	return true;
}

static bool
scan_literal(struct scan *s)
{
	static const struct slice literals[] = { SLICE_INIT("true"), SLICE_INIT("false") };

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		if (slice_starts(rest_of(s), literals[i])) {
			s->p += literals[i].n;
			return true;
		}
	}
	return fail(s, slice_starts(rest_of(s), SLICE_LIT("null")) ? "null is not accepted"
	                                                           : "value expected");
}

static bool
node_count(struct scan *s)
{
	return s->nodes++ < s->limits->nodes || fail(s, "too many members");
}

static bool scan_object(struct scan *s, unsigned depth);

/* A scalar or an object; depth: how many elements the value is nested in. */
static bool
scan_single(struct scan *s, unsigned depth)
{
	char c = peek(s);

	if (!node_count(s))
		return false;
	if (c == '"')
		return scan_string(s);
	if (c == '{')
		return scan_object(s, depth + 1);
	return c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : scan_literal(s);
}

static bool
scan_array(struct scan *s, unsigned depth)
{
	s->p++;
	if (take(s, ']'))
		return node_count(s);
	do {
		space_skip(s);
		if (peek(s) == '[')
			return fail(s, "array in an array");
		if (!scan_single(s, depth))
			return false;
	} while (take(s, ','));
	return take(s, ']') || fail(s, "',' or ']' expected");
}

/* depth: nesting of the element that the object is the value of, 0 for the document. */
static bool
scan_object(struct scan *s, unsigned depth)
{
	if (depth > s->limits->depth)
		return fail(s, "objects nested too deep");
	s->p++;
	if (take(s, '}'))
		return true;
	do {
		space_skip(s);
		if (peek(s) != '"')
			return fail(s, "member name expected");
		if (!scan_string(s))
			return false;
		s->facts->members++;
		if (!take(s, ':'))
			return fail(s, "':' expected");
		space_skip(s);
		if (peek(s) == '[' ? !scan_array(s, depth) : !scan_single(s, depth))
			return false;
	} while (take(s, ','));
	return take(s, '}') || fail(s, "',' or '}' expected");
}

static bool
scan_document(struct scan *s)
{
	space_skip(s);
	if (peek(s) != '{')
		return fail(s, "object expected");
	if (!scan_object(s, 0))
		return false;
	space_skip(s);
	return s->p == s->end || fail(s, "bytes behind the document");
}

bool
codec_json_scan(struct slice bytes, const struct codec_limits *limits, struct json_facts *facts)
{
	struct scan s = {
		.p = bytes.p, .end = bytes.p + bytes.n, .limits = limits, .facts = facts
	};
	bool ok;

	*facts = (struct json_facts){ .why = NULL };
	ok = bytes.n > CODEC_DOCUMENT_MAX ? fail(&s, "document too long") : scan_document(&s);
	facts->at = (size_t)(s.p - bytes.p);
	return ok;
}

bool
codec_json_number_ok(struct slice number)
{
	struct json_facts facts;
	struct scan s = { .p = number.p, .end = number.p + number.n, .facts = &facts };

	return number.n > 0 && scan_number(&s) && s.p == s.end;
}

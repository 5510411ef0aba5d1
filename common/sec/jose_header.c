/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sec/jose_header.h"

#include <inttypes.h>

/* What both sides say: the text between the values. */
#define BEFORE_ID "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"mc."
#define BEFORE_CTY "\",\"cty\":\""
#define BEFORE_SEQ "\",\"seq\":"
#define BEFORE_METHOD ",\"htm\":\""
#define BEFORE_TARGET "\",\"htu\":\""
#define BEFORE_STATUS ",\"st\":"

/* The control characters that have a short form, and the letters of these. */
static const char short_of[] = "\b\f\n\r\t";
static const char short_letters[] = "bfnrt";

/* ---- members ---- */

/* The length of the UTF-8 sequence (RFC 3629) at p, of which n octets are there; 0: none. */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
	static const struct form {
		unsigned char first, last, low, high; /* of octet 0; of octet 1 */
		unsigned char size;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const struct form *f = forms, *end = forms + sizeof(forms) / sizeof(forms[0]);

	while (f < end && (p[0] < f->first || p[0] > f->last))
		f++;
	if (f == end || f->size > n)
		return 0;
	if (f->size > 1 && (p[1] < f->low || p[1] > f->high))
		return 0;
	for (size_t i = 2; i < f->size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return f->size;
}

/* UTF-8 without NUL. */
static bool
is_text(struct slice s)
{
	while (s.n > 0) {
		size_t n = utf8_sequence((const unsigned char *)s.p, s.n);

		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

static bool
is_method(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 'A' || s.p[i] > 'Z')
			return false;
	return s.n > 0 && s.n <= JOSE_METHOD_MAX;
}

static bool
is_response_ok(const struct jose_header *h)
{
	return h->target.n == 0 && h->answers != 0 && h->status >= 100 && h->status <= 599;
}

static bool
is_request_ok(const struct jose_header *h)
{
	return h->target.n > 0 && h->target.n <= JOSE_TARGET_MAX && h->target.p[0] == '/' &&
	       is_text(h->target) && h->answers == 0 && h->status == 0;
}

/* Whether the members have a place in a header; an upper bound of seq is not a matter of syntax. */
static bool
is_ok(const struct jose_header *h)
{
	bool response = slice_eq(h->method, JOSE_RSP);

	return h->connection != 0 && h->kmc_index != 0 &&
	       (h->direction == OBJ_D2N || h->direction == OBJ_N2D) && h->seq != 0 &&
	       h->cty.n <= JOSE_CTY_MAX && is_text(h->cty) && is_method(h->method) &&
	       (response ? is_response_ok(h) : is_request_ok(h));
}

/* ---- writing ---- */

static void
put_char(struct buf *b, char c)
{
	const char *hit = strchr(short_of, c);

	if (c == '"' || c == '\\') {
		buf_char(b, '\\');
		buf_char(b, c);
	} else if ((unsigned char)c >= 0x20) {
		buf_char(b, c);
	} else if (hit != NULL) {
		buf_char(b, '\\');
		buf_char(b, short_letters[hit - short_of]);
	} else {
		buf_printf(b, "\\u%04x", (unsigned)c);
	}
}

static void
put_text(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		put_char(b, s.p[i]);
}

enum rc
jose_header_write(const struct jose_header *h, struct buf *out)
{
	if (!is_ok(h))
		return RC_BAD_REQUEST;
	buf_printf(out, BEFORE_ID "%016" PRIx64 ".%" PRIu32 ".%s" BEFORE_CTY, h->connection,
	           h->kmc_index, h->direction == OBJ_D2N ? "d2n" : "n2d");
	put_text(out, h->cty);
	buf_printf(out, BEFORE_SEQ "%" PRIu64 BEFORE_METHOD, h->seq);
	buf_slice(out, h->method);
	buf_puts(out, BEFORE_TARGET);
	if (h->status != 0) {
		buf_printf(out, "#%" PRIu64 "\"" BEFORE_STATUS "%u", h->answers, h->status);
	} else {
		put_text(out, h->target);
		buf_char(out, '"');
	}
	buf_char(out, '}');
	return out->failed ? RC_UNAVAILABLE : RC_OK;
}

/* ---- reading ---- */

struct cursor {
	char *at;
	const char *end;
};

static struct slice
rest_of(const struct cursor *c)
{
	return slice_make(c->at, (size_t)(c->end - c->at));
}

static bool
skip(struct cursor *c, const char *literal)
{
	struct slice s = slice_of(literal);

	if (!slice_starts(rest_of(c), s))
		return false;
	c->at += s.n;
	return true;
}

/* Digits as they are written: not 0, no leading zeros. */
static bool
read_number(struct cursor *c, uint64_t max, uint64_t *out)
{
	struct slice digits = rest_of(c);
	size_t n = 0;

	while (n < digits.n && digits.p[n] >= '0' && digits.p[n] <= '9')
		n++;
	c->at += n;
	return conn_id_parse_decimal(slice_head(digits, n), out) && *out <= max;
}

/* One of those control characters that have no short form, from its four digits. */
static bool
read_code(struct cursor *c, char *to)
{
	static const char digits[] = "0123456789abcdef";
	const char *low;

	if (!skip(c, "00") || c->end - c->at < 2 || c->at[0] < '0' || c->at[0] > '1')
		return false;
	low = memchr(digits, c->at[1], 16);
	if (low == NULL)
		return false;
	*to = (char)((c->at[0] - '0') * 16 + (low - digits));
	c->at += 2;
	/* The zero behind the short ones is found as well: NUL is no text. */
	return strchr(short_of, *to) == NULL;
}

static bool
read_escape(struct cursor *c, char *to)
{
	const char *hit;
	char letter;

	if (c->end - c->at < 2)
		return false;
	letter = c->at[1];
	c->at += 2;
	*to = letter;
	if (letter == '"' || letter == '\\')
		return true;
	if (letter == 'u')
		return read_code(c, to);
	hit = memchr(short_letters, letter, sizeof(short_letters) - 1);
	if (hit != NULL)
		*to = short_of[hit - short_letters];
	return hit != NULL;
}

/* The rest of a string and its closing quote. */
static bool
read_text(struct cursor *c, struct slice *out)
{
	char *start = c->at, *to = start;

	while (c->at < c->end && *c->at != '"') {
		if (*c->at == '\\') {
			if (!read_escape(c, to))
				return false;
		} else if ((unsigned char)*c->at < 0x20) {
			return false;
		} else {
			*to = *c->at++;
		}
		to++;
	}
	*out = slice_make(start, (size_t)(to - start));
	return skip(c, "\"");
}

static bool
read_kid(struct cursor *c, struct jose_header *h)
{
	uint64_t index;

	if (!conn_id_parse_hex(slice_head(rest_of(c), CONN_ID_HEX - 1), &h->connection))
		return false;
	c->at += CONN_ID_HEX - 1;
	if (!skip(c, ".") || !read_number(c, UINT32_MAX, &index))
		return false;
	h->kmc_index = (uint32_t)index;
	h->direction = skip(c, ".d2n") ? OBJ_D2N : OBJ_N2D;
	return h->direction == OBJ_D2N || skip(c, ".n2d");
}

static bool
read_response(struct cursor *c, struct jose_header *h)
{
	uint64_t status;

	if (!skip(c, "#") || !read_number(c, UINT64_MAX, &h->answers) ||
	    !skip(c, "\"" BEFORE_STATUS) || !read_number(c, 599, &status))
		return false;
	h->status = (unsigned)status;
	return true;
}

bool
jose_header_read(char *text, size_t n, struct jose_header *out)
{
	struct cursor c = { text, text + n };

	*out = (struct jose_header){ 0 };
	if (!skip(&c, BEFORE_ID) || !read_kid(&c, out) || !skip(&c, BEFORE_CTY) ||
	    !read_text(&c, &out->cty))
		return false;
	c.at--; /* The closing quote is part of what follows. */
	if (!skip(&c, BEFORE_SEQ) || !read_number(&c, UINT64_MAX, &out->seq) ||
	    !skip(&c, BEFORE_METHOD) || !read_text(&c, &out->method))
		return false;
	c.at--;
	if (!skip(&c, BEFORE_TARGET))
		return false;
	if (slice_eq(out->method, JOSE_RSP) ? !read_response(&c, out)
	                                    : !read_text(&c, &out->target))
		return false;
	return skip(&c, "}") && c.at == c.end && is_ok(out);
}

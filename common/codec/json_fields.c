/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codec/json_fields.h"

#include "base/times.h"
#include "sec/b64url.h"
#include "sec/hex.h"

/* ---- reading ---- */

struct scan {
	struct slice rest;
	unsigned depth;
};

static void
skip_space(struct scan *s)
{
	while (s->rest.n > 0 && (s->rest.p[0] == ' ' || s->rest.p[0] == '\t' ||
	                         s->rest.p[0] == '\n' || s->rest.p[0] == '\r'))
		s->rest = slice_from(s->rest, 1);
}

/* The character c, with space around it. */
static bool
eat(struct scan *s, char c)
{
	skip_space(s);
	if (s->rest.n == 0 || s->rest.p[0] != c)
		return false;
	s->rest = slice_from(s->rest, 1);
	skip_space(s);
	return true;
}

static bool
scan_text(struct scan *s, struct slice *text)
{
	size_t i = 0;

	skip_space(s);
	if (s->rest.n == 0 || s->rest.p[0] != '"')
		return false;
	s->rest = slice_from(s->rest, 1);
	while (i < s->rest.n && s->rest.p[i] >= ' ' && s->rest.p[i] <= '~' && s->rest.p[i] != '"' &&
	       s->rest.p[i] != '\\')
		i++;
	if (i == s->rest.n || s->rest.p[i] != '"')
		return false;
	*text = slice_head(s->rest, i);
	s->rest = slice_from(s->rest, i + 1);
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whole numbers of int64_t, without leading zeros, fractions and exponents. */
static bool
scan_number(struct scan *s, int64_t *v)
{
	bool minus;
	size_t i;

	skip_space(s);
	minus = s->rest.n > 0 && s->rest.p[0] == '-';
	i = minus;
	*v = 0;
	if (i == s->rest.n || !is_digit(s->rest.p[i]))
		return false;
	if (s->rest.p[i] == '0' && i + 1 < s->rest.n && is_digit(s->rest.p[i + 1]))
		return false;
	for (; i < s->rest.n && is_digit(s->rest.p[i]); i++)
		if (__builtin_mul_overflow(*v, 10, v) ||
		    __builtin_sub_overflow(*v, s->rest.p[i] - '0', v))
			return false;
	if (!minus && *v == INT64_MIN)
		return false;
	if (!minus)
		*v = -*v;
	s->rest = slice_from(s->rest, i);
	return s->rest.n == 0 || strchr(".eE", s->rest.p[0]) == NULL;
}

/* Its characters; without leading zeros and exponents. */
static bool
scan_decimal(struct scan *s, struct slice *text)
{
	size_t i, whole;

	skip_space(s);
	i = whole = s->rest.n > 0 && s->rest.p[0] == '-';
	while (i < s->rest.n && is_digit(s->rest.p[i]))
		i++;
	if (i == whole || (s->rest.p[whole] == '0' && i > whole + 1))
		return false;
	if (i < s->rest.n && s->rest.p[i] == '.') {
		size_t point = i++;

		while (i < s->rest.n && is_digit(s->rest.p[i]))
			i++;
		if (i == point + 1)
			return false;
	}
	*text = slice_head(s->rest, i);
	s->rest = slice_from(s->rest, i);
	return s->rest.n == 0 || strchr(".eE", s->rest.p[0]) == NULL;
}

static bool
scan_word(struct scan *s, const char *word)
{
	skip_space(s);
	if (!slice_starts(s->rest, slice_of(word)))
		return false;
	s->rest = slice_from(s->rest, strlen(word));
	return true;
}

static bool
scan_flag(struct scan *s, bool *v)
{
	*v = scan_word(s, "true");
	return *v || scan_word(s, "false");
}

static bool scan_value(struct scan *s);

/* Elements, or members when there are names, up to the closing character. */
static bool
scan_inside(struct scan *s, bool names, char close)
{
	struct slice name;

	if (eat(s, close))
		return true;
	do {
		if (names && (!scan_text(s, &name) || !eat(s, ':')))
			return false;
		if (!scan_value(s))
			return false;
	} while (eat(s, ','));
	return eat(s, close);
}

static bool
scan_nested(struct scan *s, bool names)
{
	bool ok;

	if (s->depth == JSON_DEPTH)
		return false;
	s->depth++;
	s->rest = slice_from(s->rest, 1);
	ok = scan_inside(s, names, names ? '}' : ']');
	s->depth--;
	return ok;
}

static bool
scan_value(struct scan *s)
{
	struct slice text;
	bool flag;

	skip_space(s);
	if (s->rest.n == 0)
		return false;
	switch (s->rest.p[0]) {
	case '"': return scan_text(s, &text);
	case '{': return scan_nested(s, true);
	case '[': return scan_nested(s, false);
	case 't':
	case 'f': return scan_flag(s, &flag);
	default: return scan_decimal(s, &text);
	}
}

/* A list or object as it stands; it begins with open. */
static bool
scan_raw(struct scan *s, char open, struct slice *raw)
{
	const char *from;

	skip_space(s);
	from = s->rest.p;
	if (s->rest.n == 0 || s->rest.p[0] != open || !scan_value(s))
		return false;
	*raw = slice_make(from, (size_t)(s->rest.p - from));
	while (raw->p[raw->n - 1] != ']' && raw->p[raw->n - 1] != '}')
		raw->n--;
	return true;
}

/* 43 characters of base64url. */
static bool
key_of(struct slice text, struct key *k)
{
	return text.n == B64URL_LEN(KEY_BYTES) && b64url_decode(text, k->v);
}

static bool
take(struct scan *s, enum json_kind kind, void *to)
{
	struct slice text;

	switch (kind) {
	case JSON_TEXT: return scan_text(s, to);
	case JSON_NUMBER: return scan_number(s, to);
	case JSON_DECIMAL: return scan_decimal(s, to);
	case JSON_FLAG: return scan_flag(s, to);
	case JSON_OBJECT: return scan_raw(s, '{', to);
	case JSON_KEY: return scan_text(s, &text) && key_of(text, to);
	case JSON_ANY: return scan_value(s);
	case JSON_LIST: break;
	}
	if (!scan_raw(s, '[', &text))
		return false;
	*(struct slice *)to = slice_make(text.p + 1, text.n - 2);
	return true;
}

/* others: members that are no field are read over. */
static bool
take_member(struct scan *s, const struct json_field *fields, size_t n, bool others, void *out,
            uint32_t *seen)
{
	struct slice name;
	size_t i = 0;

	if (!scan_text(s, &name) || !eat(s, ':'))
		return false;
	while (i < n && !slice_is(name, fields[i].name))
		i++;
	if (i == n && others)
		return scan_value(s);
	if (i == n || (*seen & UINT32_C(1) << i) != 0)
		return false;
	*seen |= UINT32_C(1) << i;
	return take(s, fields[i].kind, (char *)out + fields[i].at);
}

static bool
read_object(struct slice text, const struct json_field *fields, size_t n, bool others, void *out)
{
	struct scan s = { .rest = text, .depth = 1 };
	uint32_t seen = 0;

	if (n > JSON_FIELDS_MAX || !eat(&s, '{'))
		return false;
	if (!eat(&s, '}')) {
		do {
			if (!take_member(&s, fields, n, others, out, &seen))
				return false;
		} while (eat(&s, ','));
		if (!eat(&s, '}'))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (fields[i].required && (seen & UINT32_C(1) << i) == 0)
			return false;
	return s.rest.n == 0;
}

bool
json_read(struct slice text, const struct json_field *fields, size_t n, void *out)
{
	return read_object(text, fields, n, false, out);
}

bool
json_pick(struct slice text, const struct json_field *fields, size_t n, void *out)
{
	return read_object(text, fields, n, true, out);
}

int
json_item(struct slice *list, struct slice *item)
{
	struct scan s = { .rest = *list, .depth = 1 };
	const char *from;

	skip_space(&s);
	if (s.rest.n == 0)
		return 0;
	from = s.rest.p;
	if (!scan_value(&s))
		return -1;
	*item = slice_make(from, (size_t)(s.rest.p - from));
	if (!eat(&s, ',')) {
		*list = slice_make(NULL, 0);
		return s.rest.n == 0 ? 1 : -1;
	}
	*list = s.rest;
	return s.rest.n > 0 ? 1 : -1;
}

bool
json_item_text(struct slice item, struct slice *text)
{
	struct scan s = { .rest = item };

	return scan_text(&s, text);
}

/* ---- writing ---- */

static void
put_name(struct buf *b, const char *name)
{
	if (b->n > 0 && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[' && b->p[b->n - 1] != '\n')
		buf_char(b, ',');
	if (name != NULL) {
		buf_char(b, '"');
		buf_puts(b, name);
		buf_puts(b, "\":");
	}
}

void
json_put_text(struct buf *b, const char *name, struct slice s)
{
	put_name(b, name);
	buf_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		bool ok = s.p[i] >= ' ' && s.p[i] <= '~' && s.p[i] != '"' && s.p[i] != '\\';

		buf_char(b, ok ? s.p[i] : '?');
	}
	buf_char(b, '"');
}

void
json_put_number(struct buf *b, const char *name, int64_t v)
{
	put_name(b, name);
	buf_long(b, v);
}

void
json_put_flag(struct buf *b, const char *name, bool v)
{
	put_name(b, name);
	buf_puts(b, v ? "true" : "false");
}

void
json_put_hex(struct buf *b, const char *name, const void *p, size_t n)
{
	char pair[3];

	put_name(b, name);
	buf_char(b, '"');
	for (size_t i = 0; i < n; i++) {
		hex_encode((const uint8_t *)p + i, 1, pair);
		buf_add(b, pair, 2);
	}
	buf_char(b, '"');
}

void
json_put_key(struct buf *b, const char *name, const struct key *k)
{
	put_name(b, name);
	buf_char(b, '"');
	b64url_add(b, slice_make(k->v, KEY_BYTES));
	buf_char(b, '"');
}

void
json_put_time(struct buf *b, const char *name, int64_t us)
{
	char text[TIMES_TEXT_MAX];

	if (us != 0)
		json_put_text(b, name, slice_make(text, times_format(us, TIMES_MILLI, text)));
}

void
json_put_counter(void *arg, const char *name, uint64_t value)
{
	struct buf *b = arg;

	/* A label's quotation marks are none of JSON: {reason=AUTH_FAILED}. */
	buf_puts(b, b->n > 0 && b->p[b->n - 1] == '{' ? "\"" : ",\"");
	for (; *name != '\0'; name++)
		if (*name != '"')
			buf_char(b, *name);
	buf_puts(b, "\":");
	buf_long(b, (int64_t)(value & INT64_MAX));
}

void
json_put_open(struct buf *b, const char *name, char c)
{
	put_name(b, name);
	buf_char(b, c);
}

void
json_wipe(struct buf *b)
{
	if (b->p != NULL)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

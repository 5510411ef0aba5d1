/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "model/kinds.h"

#include "base/base64.h"
#include "base/times.h"
#include "base/uri.h"

#include <stdio.h>

struct slice
kind_trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\n' ||
	                   s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

bool
kind_parse_long(struct slice s, int64_t *v)
{
	bool negative;
	uint64_t u;

	s = kind_trim(s);
	negative = s.n > 0 && s.p[0] == '-';
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = slice_from(s, 1);
	if (!slice_number(s, (uint64_t)INT64_MAX + negative, &u))
		return false;
	*v = negative ? (int64_t)(0 - u) : (int64_t)u;
	return true;
}

bool
kind_parse_boolean(struct slice s, bool *v)
{
	s = kind_trim(s);
	*v = slice_is(s, "true") || slice_is(s, "1");
	return *v || slice_is(s, "false") || slice_is(s, "0");
}

/* Characters of NMTOKEN in ASCII; anything beyond ASCII is taken as a name character. */
static bool
name_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '-' || c == '_' || c == ':' || c >= 0x80;
}

bool
kind_name_valid(struct slice s, size_t max)
{
	if (s.n == 0 || s.n > max || slice_is(s, ".") || slice_is(s, ".."))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!name_char((unsigned char)s.p[i]))
			return false;
	return true;
}

/* Characters of a text in UTF-8; every octet that does not continue one begins one. */
static size_t
characters(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static bool
parse_text(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	v->text = s;
	return info->length == 0 || characters(s) <= info->length;
}

static bool
parse_uri(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	(void)info;
	v->text = kind_trim(s);
	for (size_t i = 0; i < v->text.n; i++)
		if ((unsigned char)v->text.p[i] <= ' ' || v->text.p[i] == 0x7f)
			return false;
	return true;
}

static bool
parse_nmtoken(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	(void)info;
	v->text = kind_trim(s);
	for (size_t i = 0; i < v->text.n; i++)
		if (!name_char((unsigned char)v->text.p[i]))
			return false;
	return v->text.n > 0;
}

static bool
parse_long(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	return kind_parse_long(s, &v->num) &&
	       (info->min == info->max || (v->num >= info->min && v->num <= info->max));
}

static bool
parse_boolean(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	bool b = false;

	(void)a;
	if (!kind_parse_boolean(s, &b) || (info->words && kind_trim(s).n == 1))
		return false;
	v->num = b;
	return true;
}

static bool
parse_time(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	(void)info;
	return times_parse(s, &v->num);
}

/* Release 1 wrote a plain number of seconds (TS 102 921 V1.1). */
static bool
parse_duration(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	int64_t seconds;

	(void)a;
	if (times_parse_duration(s, &v->num))
		return true;
	if (!info->seconds || !kind_parse_long(s, &seconds) || seconds < 0 ||
	    seconds > INT64_MAX / CLOCK_SECOND)
		return false;
	v->num = seconds * CLOCK_SECOND;
	return true;
}

static bool
parse_enum(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	v->num = enum_index(info->values, kind_trim(s));
	return v->num >= 0;
}

static bool
parse_base64(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)info;
	return base64_decode(a, s, &v->text);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
parse_hex(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	(void)a;
	(void)info;
	v->text = kind_trim(s);
	for (size_t i = 0; i < v->text.n; i++) {
		char c = v->text.p[i];

		if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
			return false;
	}
	return v->text.n % 2 == 0;
}

/* White space of a token collapses: none at the ends, one blank within. */
static bool
parse_token(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;

	(void)info;
	if (to == NULL)
		return false;
	s = kind_trim(s);
	for (size_t i = 0; i < s.n; i++) {
		bool blank = memchr(" \t\r\n", s.p[i], 4) != NULL;

		if (!blank || to[n - 1] != ' ')
			to[n++] = blank ? ' ' : s.p[i];
	}
	v->text = slice_make(to, n);
	return true;
}

static bool
parse_time_of_day(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	int64_t us;

	(void)a;
	(void)info;
	v->text = kind_trim(s);
	return times_parse_daytime(s, &us);
}

static bool
parse_zoned_time(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	int64_t us;

	(void)a;
	(void)info;
	v->text = kind_trim(s);
	return times_parse(s, &us);
}

/* KIND_MEMORY_SIZE. */
static bool
parse_memory_size(struct arena *a, const struct attr_info *info, struct slice s, struct val *v)
{
	size_t digits = 0;

	(void)a;
	(void)info;
	v->text = s = kind_trim(s);
	while (digits < s.n && is_digit(s.p[digits]))
		digits++;
	return digits >= 1 && digits <= 15 && s.n == digits + 1 &&
	       memchr("BKMGT", s.p[digits], 5) != NULL;
}

static bool (*const parsers[])(struct arena *, const struct attr_info *, struct slice, struct val *) = {
	[K_STRING] = parse_text,     [K_URI] = parse_uri,         [K_NMTOKEN] = parse_nmtoken,
	[K_LONG] = parse_long,       [K_BOOLEAN] = parse_boolean, [K_TIME] = parse_time,
	[K_DURATION] = parse_duration, [K_ENUM] = parse_enum,     [K_BASE64] = parse_base64,
	[K_HEX] = parse_hex,         [K_TOKEN] = parse_token,     [K_TIME_OF_DAY] = parse_time_of_day,
	[K_MEMORY_SIZE] = parse_memory_size, [K_ZONED_TIME] = parse_zoned_time,
};

bool
kind_parse(struct arena *a, const struct attr_info *info, struct slice text, struct val *v)
{
	return info->kind <= K_ZONED_TIME && parsers[info->kind](a, info, text, v);
}

struct slice
kind_format(const struct attr_info *info, const struct val *v, char scratch[KIND_TEXT_MAX])
{
	switch (info->kind) {
	case K_LONG:
		return slice_make(scratch,
		                  (size_t)snprintf(scratch, KIND_TEXT_MAX, "%lld", (long long)v->num));
	case K_BOOLEAN:
		return slice_of(v->num != 0 ? "true" : "false");
	case K_TIME:
		return slice_make(scratch, times_format(v->num, TIMES_MILLI, scratch));
	case K_DURATION:
		return slice_make(scratch, times_format_duration(v->num, scratch));
	case K_ENUM:
		return slice_of(info->values->values[v->num]);
	default:
		return v->text;
	}
}

bool
kind_is_release1(const struct attr_info *info, struct slice text)
{
	int64_t v;

	if (info->seconds)
		return kind_parse_long(text, &v);
	if (info->kind != K_ENUM || info->values->release1 == NULL)
		return false;
	v = enum_index(info->values, kind_trim(text));
	return v >= 0 && !slice_is(kind_trim(text), info->values->values[v]);
}

bool
kind_in_release1(const struct attr_info *info, const struct val *v)
{
	int64_t n = 0;

	if (info->kind != K_ENUM || info->values->release1 == NULL)
		return true;
	while (info->values->release1[n] != NULL)
		n++;
	return v->num < n;
}

struct slice
kind_format_release1(const struct attr_info *info, const struct val *v, char scratch[KIND_TEXT_MAX])
{
	int64_t seconds = v->num / CLOCK_SECOND + (v->num % CLOCK_SECOND != 0);

	if (info->seconds)
		return slice_make(scratch,
		                  (size_t)snprintf(scratch, KIND_TEXT_MAX, "%lld", (long long)seconds));
	if (info->kind == K_ENUM && info->values->release1 != NULL)
		return slice_of(info->values->release1[v->num]);
	return kind_format(info, v, scratch);
}

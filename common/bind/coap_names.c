/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bind/coap_names.h"

#include "base/times.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- media types ---- */

struct format_row {
	unsigned number;
	struct slice type;
	struct slice accept;
};

static const struct format_row formats[] = {
#define FORMAT(number, type, accept) { number, SLICE_INIT(type), SLICE_INIT(accept) },
#include "bind/coap.def"
#undef FORMAT
};

static const struct format_row *
find_format(unsigned number)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (formats[i].number == number)
			return &formats[i];
	return NULL;
}

struct slice
cmap_media_type(unsigned format)
{
	const struct format_row *row = find_format(format);

	return row == NULL ? SLICE_NONE : row->type;
}

struct slice
cmap_accept(unsigned format)
{
	const struct format_row *row = find_format(format);

	return row == NULL ? SLICE_NONE : row->accept;
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool
same_name(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static struct slice
essence(struct slice *type)
{
	struct slice part = SLICE_NONE;

	slice_split(type, ';', &part);
	return trim(part);
}

/* All that a Content-Format of the table says about a text is that it is UTF-8. */
static bool
only_utf8(struct slice parameters)
{
	struct slice p;

	while (slice_split(&parameters, ';', &p)) {
		p = trim(p);
		if (p.n > 0 && !same_name(p, SLICE_LIT("charset=utf-8")) &&
		    !same_name(p, SLICE_LIT("charset=\"utf-8\"")))
			return false;
	}
	return true;
}

static bool
format_of_essence(struct slice wanted, unsigned *format)
{
	for (size_t i = 0; i < COUNT(formats); i++) {
		struct slice type = formats[i].type;

		if (same_name(essence(&type), wanted)) {
			*format = formats[i].number;
			return true;
		}
	}
	return false;
}

bool
cmap_format(struct slice type, unsigned *format)
{
	struct slice parameters = type;
	struct slice wanted = essence(&parameters);

	return format_of_essence(wanted, format) && only_utf8(parameters);
}

/* q of a media range in thousandths (RFC 9110 section 12.4.2); 1000 without one. */
static unsigned
quality(struct slice parameters)
{
	struct slice p;

	while (slice_split(&parameters, ';', &p)) {
		unsigned q = 0, unit = 1000;

		p = trim(p);
		if (p.n < 3 || tolower((unsigned char)p.p[0]) != 'q' || p.p[1] != '=')
			continue;
		for (size_t i = 2; i < p.n && unit > 0 && p.p[i] != ' '; i++)
			if (p.p[i] >= '0' && p.p[i] <= '9') {
				q += (unsigned)(p.p[i] - '0') * unit;
				unit /= 10;
			}
		return q > 1000 ? 1000 : q;
	}
	return 1000;
}

bool
cmap_format_accepted(struct slice accept, unsigned *format, bool *given)
{
	struct slice range;
	unsigned best = 0;
	bool any = trim(accept).n == 0;

	*given = false;
	while (slice_split(&accept, ',', &range)) {
		struct slice wanted = essence(&range);
		unsigned q = quality(range), number;

		any = any || (q > 0 && wanted.n > 1 && wanted.p[wanted.n - 1] == '*');
		if (q > best && format_of_essence(wanted, &number)) {
			*format = number;
			*given = true;
			best = q;
		}
	}
	return *given || any;
}

/* ---- entity tags ---- */

#define TIME_LAST INT64_C(253402300799999999) /* the end of the year 9999 */
#define FOREIGN "coap-" /* before the octets of another tag in hexadecimal */
#define HASH_MARK 0x80u /* set: no time of this SCL */

static uint64_t
octets_number(const unsigned char *octets)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | octets[i];
	return v;
}

static bool
is_time(const unsigned char *octets, size_t n)
{
	return n == CMAP_ETAG_MAX && octets_number(octets) <= (uint64_t)TIME_LAST;
}

/* The time of an eTag of this SCL: the one text that times_format writes of it. */
static bool
time_of(struct slice tag, int64_t *us)
{
	char text[TIMES_TEXT_MAX];

	return times_parse(tag, us) && *us >= 0 && *us <= TIME_LAST &&
	       slice_eq(tag, slice_make(text, times_format(*us, TIMES_MICRO, text)));
}

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* The octets that cmap_etag_text has written as tag; 0: it has not. */
static unsigned
foreign_octets(struct slice tag, unsigned char out[CMAP_ETAG_MAX])
{
	struct slice hex = slice_from(tag, sizeof(FOREIGN) - 1);
	unsigned n = (unsigned)(hex.n / 2);

	if (!slice_starts(tag, SLICE_LIT(FOREIGN)) || hex.n % 2 != 0 || hex.n < 2 ||
	    hex.n > 2 * CMAP_ETAG_MAX)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return is_time(out, n) ? 0 : n;
}

/*
 * What comes back of it is the text of these octets, which is not the tag: a condition on it fails,
 * a comparison finds a change, and both are safe.
 */
static unsigned
hashed(struct slice text, unsigned char out[CMAP_ETAG_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };

	(void)EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL);
	memcpy(out, digest, CMAP_ETAG_MAX);
	out[0] |= HASH_MARK;
	return CMAP_ETAG_MAX;
}

unsigned
cmap_etag_octets(struct slice text, unsigned char out[CMAP_ETAG_MAX])
{
	struct slice tag = text;
	unsigned n;
	int64_t us;

	if (tag.n >= 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"')
		tag = slice_make(tag.p + 1, tag.n - 2);
	if (time_of(tag, &us)) {
		for (unsigned i = 0; i < CMAP_ETAG_MAX; i++)
			out[i] = (unsigned char)((uint64_t)us >> 8 * (7 - i));
		return CMAP_ETAG_MAX;
	}
	n = foreign_octets(tag, out);
	return n > 0 ? n : hashed(text, out);
}

size_t
cmap_etag_text(const unsigned char *octets, size_t n, char out[CMAP_ETAG_TEXT_MAX])
{
	char text[TIMES_TEXT_MAX];
	size_t used;

	if (is_time(octets, n)) {
		used = times_format((int64_t)octets_number(octets), TIMES_MICRO, text);
		return (size_t)snprintf(out, CMAP_ETAG_TEXT_MAX, "\"%.*s\"", (int)used, text);
	}
	used = (size_t)snprintf(out, CMAP_ETAG_TEXT_MAX, "\"" FOREIGN);
	for (size_t i = 0; i < n && i < CMAP_ETAG_MAX; i++)
		used += (size_t)snprintf(out + used, CMAP_ETAG_TEXT_MAX - used, "%02x", octets[i]);
	out[used++] = '"';
	return used;
}

/* ---- primitive attributes ---- */

static const struct cmap_attribute attributes[] = {
#define ATTRIBUTE(name, field, header)                                                             \
	{ SLICE_INIT(name), offsetof(struct req_input, field), header },
#include "bind/coap.def"
#undef ATTRIBUTE
};

const struct cmap_attribute *
cmap_attribute_named(struct slice name)
{
	for (size_t i = 0; i < COUNT(attributes); i++)
		if (same_name(attributes[i].query, name))
			return &attributes[i];
	return NULL;
}

const struct cmap_attribute *
cmap_attribute_of(struct slice header)
{
	for (size_t i = 0; i < COUNT(attributes); i++)
		if (same_name(slice_of(attributes[i].header), header))
			return &attributes[i];
	return NULL;
}

/* ---- text ---- */

uint32_t
cmap_uint(struct slice value)
{
	uint32_t v = 0;

	for (size_t i = 0; i < value.n && i < 4; i++)
		v = v << 8 | (unsigned char)value.p[i];
	return v;
}

static char *
put_encoded(char *to, struct slice s, const char *allowed)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x80 && c != 0 && (isalnum(c) || strchr(allowed, c) != NULL)) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return to;
}

char *
cmap_put_segment(char *to, struct slice s)
{
	return put_encoded(to, s, "-._~!$&'()*+,;=:@");
}

char *
cmap_put_query(char *to, struct slice s)
{
	return put_encoded(to, s, "-._~!$'()*+,;=:@/?");
}

/* The octet that the escape at i of s stands for; -1: it is none. */
static int
escape_at(struct slice s, size_t i)
{
	int high, low;

	if (s.n - i < 3)
		return -1;
	high = hex_value((char)tolower((unsigned char)s.p[i + 1]));
	low = hex_value((char)tolower((unsigned char)s.p[i + 2]));
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool
cmap_decode(struct slice s, char *to, size_t size, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool escaped = s.p[i] == '%';
		int c = escaped ? escape_at(s, i) : (unsigned char)s.p[i];

		if (c < 0 || *n == size)
			return false;
		to[(*n)++] = (char)c;
		i += escaped ? 2 : 0;
	}
	return true;
}

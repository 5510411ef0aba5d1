/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/arena.h"
#include "base/uri.h"
#include "codec/codec.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define URI_ARENA_MAX 16384u

struct unit {
	const char *name;
	int64_t factor;
};

/* Ascending. */
static const struct unit size_units[] = {
	{ "KiB", INT64_C(1) << 10 },
	{ "MiB", INT64_C(1) << 20 },
	{ "GiB", INT64_C(1) << 30 },
	{ "TiB", INT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};

static const struct unit no_units[] = { { NULL, 0 } };

static const struct kind {
	const char *name;
	const char *expected;
	const struct unit *units;
	int64_t bare; /* factor of a number without unit */
	const char *bare_text; /* what such a number means; NULL: nothing else */
} kinds[OPT_KINDS] = {
	[OPT_INT] = { "integer", "an integer", no_units, 1, NULL },
	[OPT_INT64] = { "integer", "an integer", no_units, 1, NULL },
	[OPT_SIZE] = { "size", "an integer (octets) or a string such as \"64 KiB\"", size_units, 1,
	               "octets" },
	[OPT_MS] = { "duration in seconds or with a unit",
	             "an integer (seconds) or a string such as \"500 ms\" or \"2 h\"", time_units, 1000,
	             "seconds" },
	[OPT_BOOL] = { "boolean", "true or false", no_units, 1, NULL },
	[OPT_TEXT] = { "string", "a string", no_units, 1, NULL },
	[OPT_CHOICE] = { "string", "a string", no_units, 1, NULL },
	[OPT_FLAGS] = { "list of strings", "a list of strings [ \"...\" ]", no_units, 1, NULL },
	[OPT_LIST] = { "list of strings", "a list of strings [ \"...\" ]", no_units, 1, NULL },
	[OPT_TABLE] = { "list of groups", "a list of groups ( { ... } )", no_units, 1, NULL },
};

const char *
opt_kind_name(enum opt_kind kind)
{
	return kinds[kind].name;
}

const char *
opt_kind_expected(enum opt_kind kind)
{
	return kinds[kind].expected;
}

const char *
opt_kind_bare(enum opt_kind kind)
{
	return kinds[kind].bare_text;
}

bool
opt_choice_find(const struct opt_choice *choices, const char *name, int *value)
{
	for (; choices->name != NULL; choices++)
		if (strcmp(choices->name, name) == 0) {
			*value = choices->value;
			return true;
		}
	return false;
}

static const char *
choice_name(const struct opt_choice *choices, int64_t value)
{
	for (; choices->name != NULL; choices++)
		if (choices->value == value)
			return choices->name;
	return "";
}

static bool
parse_bool(const char *text, int64_t *n)
{
	*n = strcmp(text, "true") == 0;
	return *n == 1 || strcmp(text, "false") == 0;
}

static bool
parse_units(const struct kind *k, const char *text, int64_t *n)
{
	const struct unit *u = k->units;
	int64_t factor = k->bare;
	char *end;

	errno = 0;
	*n = strtoll(text, &end, 10);
	if (end == text || errno != 0 || isspace((unsigned char)*text))
		return false;
	while (*end == ' ')
		end++;
	if (*end != '\0') {
		while (u->name != NULL && strcmp(u->name, end) != 0)
			u++;
		factor = u->factor;
	}
	return factor != 0 && !__builtin_mul_overflow(*n, factor, n);
}

bool
opt_number_parse(const struct opt_row *row, const char *text, int64_t *n)
{
	int value;

	if (row->kind == OPT_BOOL)
		return parse_bool(text, n);
	if (row->kind != OPT_CHOICE)
		return parse_units(&kinds[row->kind], text, n);
	if (!opt_choice_find(row->choices, text, &value))
		return false;
	*n = value;
	return true;
}

bool
opt_number_scale(const struct opt_row *row, int64_t *n)
{
	return !__builtin_mul_overflow(*n, kinds[row->kind].bare, n);
}

bool
opt_number_in_range(const struct opt_row *row, int64_t n)
{
	return row->kind == OPT_CHOICE || row->kind == OPT_BOOL || (n >= row->min && n <= row->max);
}

/* The largest unit that n is a multiple of, or NULL. */
static const struct unit *
best_unit(const struct opt_row *row, int64_t n)
{
	const struct unit *best = NULL;

	for (const struct unit *u = kinds[row->kind].units; u->name != NULL && n != 0; u++)
		if (n % u->factor == 0)
			best = u;
	return best;
}

void
opt_number_format(const struct opt_row *row, int64_t n, struct buf *out)
{
	const struct unit *u = best_unit(row, n);

	if (row->kind == OPT_CHOICE)
		buf_puts(out, choice_name(row->choices, n));
	else if (row->kind == OPT_BOOL)
		buf_puts(out, n != 0 ? "true" : "false");
	else if (u == NULL)
		buf_printf(out, "%" PRId64, n);
	else
		buf_printf(out, "%" PRId64 " %s", n / u->factor, u->name);
}

void
opt_range_format(const struct opt_row *row, struct buf *out)
{
	const struct opt_choice *c = row->choices;

	if (c != NULL) {
		for (; c->name != NULL; c++)
			buf_printf(out, "%s%s", c == row->choices ? "" : ", ", c->name);
		return;
	}
	opt_number_format(row, row->min, out);
	if (row->max == INT64_MAX) {
		buf_puts(out, " or more");
		return;
	}
	buf_puts(out, " to ");
	opt_number_format(row, row->max, out);
}

static bool
is_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return codec_xml_text_ok(slice_of(text));
}

static bool
is_segment(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-._~", *p) == NULL)
			return false;
	return strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool
is_uri(const char *text)
{
	struct uri u;

	return uri_parse(slice_of(text), &u) && u.host.n > 0 &&
	       (slice_is(u.scheme, "http") || slice_is(u.scheme, "https"));
}

static bool
is_contact(const char *text)
{
	return uri_is_transport(slice_of(text));
}

static bool
is_authority(const char *text)
{
	struct arena *a = arena_new(URI_ARENA_MAX);
	struct slice url, norm = SLICE_NONE;
	struct uri u;

	if (a == NULL)
		return false;
	url = arena_printf(a, "http://%s/", text);
	if (url.p != NULL && strpbrk(text, "/?#@ ") == NULL && uri_parse(url, &u) && u.host.n > 0)
		norm = uri_normalise(a, url);
	arena_free(a);
	return norm.p != NULL;
}

static bool
is_address(const char *text)
{
	struct in6_addr in6;
	struct in_addr in;

	/* The path of a UNIX socket has to fit into its address. */
	if (strncmp(text, "unix:/", 6) == 0)
		return strlen(text + 5) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	return inet_pton(AF_INET, text, &in) == 1 || inet_pton(AF_INET6, text, &in6) == 1;
}

static const struct form {
	bool (*ok)(const char *text);
	const char *expected;
} forms[OPT_FORMS] = {
	[OPT_PLAIN] = { is_plain, "printable UTF-8" },
	[OPT_SEGMENT] = { is_segment, "letters, digits and -._~ only" },
	[OPT_AUTHORITY] = { is_authority, "host or host:port" },
	[OPT_ADDRESS] = { is_address, "a numeric IPv4 or IPv6 address, or unix:/path" },
	[OPT_URI] = { is_uri, "an absolute http or https URI" },
	[OPT_CONTACT] = { is_contact, "an absolute http, https, coap or coaps URI" },
};

const char *
opt_text_wrong(const struct opt_row *row, const char *text)
{
	const struct form *f = &forms[row->form];

	return *text == '\0' || (is_plain(text) && f->ok(text)) ? NULL : f->expected;
}

void
opt_quote(const char *text, struct buf *out)
{
	buf_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_char(out, '\\');
		buf_char(out, *text);
	}
	buf_char(out, '"');
}

static void
format_flags(const struct opt_row *row, const void *base, struct buf *out)
{
	unsigned flags = (unsigned)opt_number(row, base);
	const char *between = "";

	buf_char(out, '[');
	for (const struct opt_choice *c = row->choices; c->name != NULL; c++) {
		if ((flags & (unsigned)c->value) == 0)
			continue;
		buf_printf(out, "%s \"%s\"", between, c->name);
		between = ",";
	}
	buf_puts(out, " ]");
}

static void
format_list(const struct opt_row *row, const void *base, struct buf *out)
{
	struct options_strings list;

	memcpy(&list, opt_field_const(row, base), sizeof(list));
	buf_char(out, '[');
	for (size_t i = 0; i < list.n; i++) {
		buf_puts(out, i == 0 ? " " : ", ");
		opt_quote(list.v[i], out);
	}
	buf_puts(out, " ]");
}

static void
format_text(const struct opt_row *row, const void *base, struct buf *out)
{
	const char *text;

	memcpy(&text, opt_field_const(row, base), sizeof(text));
	opt_quote(text, out);
}

/* libconfig takes a number beyond 32 bits only with L, and a unit only in a string. */
static void
format_number(const struct opt_row *row, const void *base, struct buf *out)
{
	int64_t n = opt_number(row, base);
	bool quoted = row->kind == OPT_CHOICE || best_unit(row, n) != NULL;

	if (quoted)
		buf_char(out, '"');
	opt_number_format(row, n, out);
	if (quoted)
		buf_char(out, '"');
	else if (n > INT32_MAX)
		buf_char(out, 'L');
}

void
opt_value_format(const struct opt_row *row, const void *base, struct buf *out)
{
	static void (*const formats[OPT_KINDS])(const struct opt_row *, const void *, struct buf *) = {
		[OPT_INT] = format_number,  [OPT_INT64] = format_number, [OPT_SIZE] = format_number,
		[OPT_MS] = format_number,   [OPT_BOOL] = format_number,  [OPT_TEXT] = format_text,
		[OPT_CHOICE] = format_number, [OPT_FLAGS] = format_flags, [OPT_LIST] = format_list,
	};

	formats[row->kind](row, base, out);
}

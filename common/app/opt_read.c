/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_read.h"

#include <stdarg.h>

#include "app/opt_value.h"
#include "base/arena.h"

#define TEXT_MAX 65536u /* of a list or table given with -o */
#define RANGE_MAX 256u

/* Where a value stands: path is what precedes the row's in messages, such as "listeners[0].". */
struct place {
	const struct opt_row *row;
	void *base;
	const char *at;
};

void
opt_fail(struct opt_reader *rd, const config_setting_t *at, const char *fmt, ...)
{
	const char *file = at == NULL ? NULL : config_setting_source_file(at);
	va_list ap;
	struct slice text;

	va_start(ap, fmt);
	text = arena_vprintf(rd->arena, fmt, ap);
	va_end(ap);
	if (rd->label != NULL)
		buf_printf(rd->errors, "%s: ", rd->label);
	else if (at != NULL)
		buf_printf(rd->errors, "%s:%u: ", file != NULL ? file : rd->file,
		           (unsigned)config_setting_source_line(at));
	buf_slice(rd->errors, text);
	buf_char(rd->errors, '\n');
	rd->failed = true;
}

void
opt_defaults(const struct opt_table *t, void *base)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct opt_row *row = &t->rows[i];
		const char *text = row->text == NULL ? "" : row->text;

		if (row->kind == OPT_TEXT)
			memcpy(opt_field(row, base), &text, sizeof(text));
		else if (row->kind != OPT_LIST && row->kind != OPT_TABLE)
			opt_set_number(row, base, row->number == OPT_REQUIRED ? 0 : row->number);
	}
}

static void
fail_kind(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	opt_fail(rd, s, "%s%s: %s is expected", pl->at, pl->row->path,
	         opt_kind_expected(pl->row->kind));
}

static void
fail_range(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	const char *bare = opt_kind_bare(pl->row->kind);
	struct buf range;

	buf_init(&range, RANGE_MAX);
	opt_range_format(pl->row, &range);
	if (bare != NULL)
		buf_printf(&range, "; a number without a unit means %s", bare);
	opt_fail(rd, s, "%s%s: must be %s%.*s", pl->at, pl->row->path,
	         pl->row->choices != NULL ? "one of " : "", (int)range.n, range.n == 0 ? "" : range.p);
	buf_fini(&range);
}

static void
put_number(struct opt_reader *rd, const config_setting_t *s, const struct place *pl, int64_t n)
{
	if (opt_number_in_range(pl->row, n))
		opt_set_number(pl->row, pl->base, n);
	else
		fail_range(rd, s, pl);
}

static void
number_of_text(struct opt_reader *rd, const config_setting_t *s, const struct place *pl,
               const char *text)
{
	int64_t n;

	if (opt_number_parse(pl->row, text, &n))
		put_number(rd, s, pl, n);
	else if (pl->row->choices != NULL)
		fail_range(rd, s, pl);
	else
		fail_kind(rd, s, pl);
}

static void
read_number(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	int type = config_setting_type(s);
	int64_t n;

	if (type == CONFIG_TYPE_STRING && (pl->row->kind == OPT_SIZE || pl->row->kind == OPT_MS)) {
		number_of_text(rd, s, pl, config_setting_get_string(s));
		return;
	}
	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		fail_kind(rd, s, pl);
		return;
	}
	n = type == CONFIG_TYPE_INT ? config_setting_get_int(s) : config_setting_get_int64(s);
	if (opt_number_scale(pl->row, &n))
		put_number(rd, s, pl, n);
	else
		fail_range(rd, s, pl);
}

static void
read_bool(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		opt_set_number(pl->row, pl->base, config_setting_get_bool(s));
	else
		fail_kind(rd, s, pl);
}

static void
read_choice(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		number_of_text(rd, s, pl, config_setting_get_string(s));
	else
		fail_kind(rd, s, pl);
}

/* A checked copy of text in the arena, or NULL after the report. */
static const char *
take_text(struct opt_reader *rd, const config_setting_t *s, const struct place *pl,
          const char *text, int64_t min, int64_t max)
{
	const char *wrong = opt_text_wrong(pl->row, text);
	int64_t n = (int64_t)strlen(text);

	if (n == 0 && min > 0)
		opt_fail(rd, s, "%s%s: must not be empty", pl->at, pl->row->path);
	else if (n < min || n > max)
		opt_fail(rd, s, "%s%s: must be at most %lld octets", pl->at, pl->row->path, (long long)max);
	else if (wrong != NULL)
		opt_fail(rd, s, "%s%s: must be %s", pl->at, pl->row->path, wrong);
	else
		return arena_str(rd->arena, slice_of(text));
	return NULL;
}

static void
put_text(struct opt_reader *rd, const config_setting_t *s, const struct place *pl, const char *text)
{
	const char *copy = take_text(rd, s, pl, text, pl->row->min, pl->row->max);

	if (copy != NULL)
		memcpy(opt_field(pl->row, pl->base), &copy, sizeof(copy));
}

static void
read_text(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		put_text(rd, s, pl, config_setting_get_string(s));
	else
		fail_kind(rd, s, pl);
}

/* True when s is a list whose entries all have the type; reports otherwise. */
static bool
is_list_of(struct opt_reader *rd, const config_setting_t *s, const struct place *pl, int type)
{
	bool ok = config_setting_is_list(s) || config_setting_is_array(s);

	for (int i = 0; ok && i < config_setting_length(s); i++)
		ok = config_setting_type(config_setting_get_elem(s, (unsigned)i)) == type;
	if (!ok)
		fail_kind(rd, s, pl);
	return ok;
}

static void
read_flags(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	unsigned flags = 0;

	if (!is_list_of(rd, s, pl, CONFIG_TYPE_STRING))
		return;
	for (int i = 0; i < config_setting_length(s); i++) {
		int bit;

		if (!opt_choice_find(pl->row->choices, config_setting_get_string_elem(s, i), &bit)) {
			fail_range(rd, config_setting_get_elem(s, (unsigned)i), pl);
			return;
		}
		flags |= (unsigned)bit;
	}
	opt_set_number(pl->row, pl->base, flags);
}

/* Room for the entries of s, zeroed; NULL after a report. */
static void *
new_entries(struct opt_reader *rd, const config_setting_t *s, const struct place *pl, size_t size)
{
	int n = config_setting_length(s);
	void *v;

	if (n > pl->row->max) {
		opt_fail(rd, s, "%s%s: at most %lld entries are allowed", pl->at, pl->row->path,
		         (long long)pl->row->max);
		return NULL;
	}
	v = arena_alloc(rd->arena, size * (size_t)(n + 1));
	if (v == NULL)
		opt_fail(rd, s, "%s%s: too large", pl->at, pl->row->path);
	return v;
}

static void
put_span(const struct place *pl, const void *v, size_t n)
{
	struct opt_span span = { v, n };

	memcpy(opt_field(pl->row, pl->base), &span, sizeof(span));
}

static void
read_list(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	const char **v;
	int n = config_setting_length(s);

	if (!is_list_of(rd, s, pl, CONFIG_TYPE_STRING))
		return;
	v = new_entries(rd, s, pl, sizeof(*v));
	for (int i = 0; v != NULL && i < n; i++) {
		v[i] = take_text(rd, config_setting_get_elem(s, (unsigned)i), pl,
		                 config_setting_get_string_elem(s, i), 1, 1024);
		if (v[i] == NULL)
			return;
	}
	if (v != NULL)
		put_span(pl, v, (size_t)n);
}

/* The text of a slice of arena_printf; an exhausted arena is reported by who made it. */
static const char *
or_empty(struct slice s)
{
	return s.p == NULL ? "" : s.p;
}

static void read_group(struct opt_reader *rd, const struct opt_table *t, void *base,
                       const config_setting_t *s, const char *at, const char *group);

static void
require_rows(struct opt_reader *rd, const struct opt_table *t, const config_setting_t *s,
             const char *at)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct opt_row *row = &t->rows[i];
		bool needed = row->kind == OPT_TEXT ? row->text == NULL : row->number == OPT_REQUIRED;

		if (needed && config_setting_get_member(s, row->path) == NULL)
			opt_fail(rd, s, "%s%s: is missing", at, row->path);
	}
}

static void
read_table(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	const struct opt_table *t = pl->row->element;
	int n = config_setting_length(s);
	char *v;

	if (!is_list_of(rd, s, pl, CONFIG_TYPE_GROUP))
		return;
	v = new_entries(rd, s, pl, t->size);
	for (int i = 0; v != NULL && i < n; i++) {
		const config_setting_t *entry = config_setting_get_elem(s, (unsigned)i);
		void *base = v + t->size * (size_t)i;
		const char *at = or_empty(arena_printf(rd->arena, "%s%s[%d].", pl->at, pl->row->path, i));

		opt_defaults(t, base);
		read_group(rd, t, base, entry, at, "");
		require_rows(rd, t, entry, at);
	}
	if (v != NULL)
		put_span(pl, v, (size_t)n);
}

static void
read_value(struct opt_reader *rd, const config_setting_t *s, const struct place *pl)
{
	static void (*const readers[OPT_KINDS])(struct opt_reader *, const config_setting_t *,
	                                        const struct place *) = {
		[OPT_INT] = read_number,  [OPT_INT64] = read_number, [OPT_SIZE] = read_number,
		[OPT_MS] = read_number,   [OPT_BOOL] = read_bool,    [OPT_TEXT] = read_text,
		[OPT_CHOICE] = read_choice, [OPT_FLAGS] = read_flags, [OPT_LIST] = read_list,
		[OPT_TABLE] = read_table,
	};

	readers[pl->row->kind](rd, s, pl);
}

/* group is the path of s within the table, with a dot behind it unless empty. */
static void
read_group(struct opt_reader *rd, const struct opt_table *t, void *base, const config_setting_t *s,
           const char *at, const char *group)
{
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *child = config_setting_get_elem(s, (unsigned)i);
		const char *name = config_setting_name(child);
		const char *path = or_empty(arena_printf(rd->arena, "%s%s", group, name));
		const struct opt_row *row = opt_find(t, path, rd->absent);

		if (row != NULL)
			read_value(rd, child, &(struct place){ row, base, at });
		else if (!opt_is_group(t, path, rd->absent))
			opt_fail(rd, child, "unknown option %s%s", at, path);
		else if (!config_setting_is_group(child))
			opt_fail(rd, child, "%s%s: a group { ... } is expected", at, path);
		else
			read_group(rd, t, base, child, at, or_empty(arena_printf(rd->arena, "%s.", path)));
	}
}

void
opt_read(struct opt_reader *rd, const struct opt_table *t, void *base, const config_setting_t *root)
{
	read_group(rd, t, base, root, "", "");
}

static void
read_inline(struct opt_reader *rd, const struct place *pl, const char *text)
{
	config_t cfg;
	struct buf b;

	config_init(&cfg);
	buf_init(&b, TEXT_MAX);
	buf_puts(&b, "value = ");
	if (pl->row->kind == OPT_LIST && *text != '[' && *text != '(') {
		buf_char(&b, '[');
		opt_quote(text, &b);
		buf_char(&b, ']');
	} else {
		buf_puts(&b, text);
	}
	buf_puts(&b, ";");
	buf_char(&b, '\0');
	if (b.failed || config_read_string(&cfg, b.p) != CONFIG_TRUE ||
	    config_setting_length(config_root_setting(&cfg)) != 1)
		fail_kind(rd, NULL, pl);
	else
		read_value(rd, config_setting_get_elem(config_root_setting(&cfg), 0), pl);
	buf_fini(&b);
	config_destroy(&cfg);
}

void
opt_read_text(struct opt_reader *rd, const struct opt_row *row, void *base, const char *text)
{
	struct place pl = { row, base, "" };

	if (row->kind == OPT_TEXT)
		put_text(rd, NULL, &pl, text);
	else if (row->kind == OPT_LIST || row->kind == OPT_FLAGS || row->kind == OPT_TABLE)
		read_inline(rd, &pl, text);
	else
		number_of_text(rd, NULL, &pl, text);
}

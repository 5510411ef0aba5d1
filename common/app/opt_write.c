/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_write.h"

#include "app/opt_value.h"

#define WIDTH 98u
#define TEXT_MAX 4096u
#define TAB_COLUMNS 8u

static void
tabs(struct buf *out, unsigned n)
{
	while (n-- > 0)
		buf_char(out, '\t');
}

/* Length of the group in a dotted path: 0 for scl, 3 for scl.id. No path has two dots. */
static size_t
group_len(const char *path)
{
	const char *dot = strchr(path, '.');

	return dot == NULL ? 0 : (size_t)(dot - path);
}

static const char *
leaf_of(const char *path)
{
	size_t n = group_len(path);

	return n == 0 ? path : path + n + 1;
}

static bool
same_group(const struct opt_row *a, const struct opt_row *b)
{
	size_t n = group_len(a->path);

	return n == group_len(b->path) && strncmp(a->path, b->path, n) == 0;
}

/*
 * How the rows of a table are written: in their order, those of a group within its braces; row
 * writes "name = value;" or what replaces it.
 */
struct layout {
	struct buf *out;
	unsigned depth;
	const char *const *absent;
	const void *defaults; /* that comments tell */
	void (*row)(const struct layout *l, const struct opt_row *row, const void *base,
	            unsigned depth);
};

static void
close_group(const struct layout *l, const struct opt_row *last)
{
	if (last == NULL || group_len(last->path) == 0)
		return;
	tabs(l->out, l->depth);
	buf_puts(l->out, "};\n");
}

static void
open_group(const struct layout *l, const struct opt_row *row)
{
	if (group_len(row->path) == 0)
		return;
	tabs(l->out, l->depth);
	buf_printf(l->out, "%.*s = {\n", (int)group_len(row->path), row->path);
}

static void
write_rows(const struct layout *l, const struct opt_table *t, const void *base)
{
	const struct opt_row *last = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const struct opt_row *row = &t->rows[i];

		if (opt_is_absent(row->path, l->absent))
			continue;
		if (last == NULL || !same_group(last, row)) {
			close_group(l, last);
			open_group(l, row);
		}
		l->row(l, row, base, l->depth + (group_len(row->path) > 0));
		last = row;
	}
	close_group(l, last);
}

static void
write_plain_row(const struct layout *l, const struct opt_row *row, const void *base, unsigned depth)
{
	tabs(l->out, depth);
	buf_printf(l->out, "%s = ", leaf_of(row->path));
	opt_write_value(row, base, depth, l->out);
	buf_puts(l->out, ";\n");
}

static void
write_table(const struct opt_row *row, const void *base, unsigned depth, struct buf *out)
{
	const struct layout l = { .out = out, .depth = depth + 2, .row = write_plain_row };
	struct opt_span span = opt_span_of(row, base);

	buf_char(out, '(');
	for (size_t i = 0; i < span.n; i++) {
		buf_puts(out, i == 0 ? "\n" : ",\n");
		tabs(out, depth + 1);
		buf_puts(out, "{\n");
		write_rows(&l, row->element, (const char *)span.v + i * row->element->size);
		tabs(out, depth + 1);
		buf_char(out, '}');
	}
	if (span.n > 0) {
		buf_char(out, '\n');
		tabs(out, depth);
	}
	buf_char(out, ')');
}

void
opt_write_value(const struct opt_row *row, const void *base, unsigned depth, struct buf *out)
{
	if (row->kind == OPT_TABLE)
		write_table(row, base, depth, out);
	else
		opt_value_format(row, base, out);
}

void
opt_write_wrapped(const char *text, const char *prefix, size_t width, struct buf *out)
{
	size_t room = width - strlen(prefix);

	while (*text != '\0') {
		size_t n = strlen(text);

		if (n > room) {
			n = room;
			while (n > 1 && text[n] != ' ')
				n--;
		}
		buf_printf(out, "%s%.*s\n", prefix, (int)n, text);
		text += n;
		while (*text == ' ')
			text++;
	}
}

void
opt_describe(const struct opt_row *row, const void *defaults, struct buf *out)
{
	bool is_number = row->kind <= OPT_MS;

	buf_puts(out, opt_kind_name(row->kind));
	if (is_number || row->choices != NULL) {
		buf_puts(out, row->choices != NULL ? ": " : ", ");
		opt_range_format(row, out);
	}
	if (is_number ? row->number != OPT_REQUIRED : row->kind != OPT_TEXT || row->text != NULL) {
		if (row->kind != OPT_TABLE && row->kind != OPT_LIST) {
			buf_puts(out, ", default ");
			opt_value_format(row, defaults, out);
		}
	}
	if (row->reloadable)
		buf_puts(out, ", reloadable");
}

/* The help of row and its properties as comments. */
static void
write_comment(const struct opt_row *row, const void *defaults, unsigned depth, struct buf *out)
{
	const char *prefix = depth == 0 ? "# " : "\t# ";
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (defaults != NULL)
		opt_describe(row, defaults, &text);
	buf_char(&text, '\0');
	opt_write_wrapped(row->help, prefix, WIDTH - depth * (TAB_COLUMNS - 1), out);
	if (!text.failed)
		buf_printf(out, "%s(%s)\n", prefix, text.p);
	buf_fini(&text);
}

static void
write_effective_row(const struct layout *l, const struct opt_row *row, const void *base,
                    unsigned depth)
{
	write_comment(row, l->defaults, depth, l->out);
	write_plain_row(l, row, base, depth);
}

/* An example, or else the default as a comment; listeners are shown as they are. */
static void
write_sample_row(const struct layout *l, const struct opt_row *row, const void *base,
                 unsigned depth)
{
	write_comment(row, l->defaults, depth, l->out);
	if (row->kind == OPT_TABLE && opt_span_of(row, base).n > 0) {
		write_plain_row(l, row, base, depth);
	} else if (row->example != NULL) {
		buf_printf(l->out, "%s = %s;\n", leaf_of(row->path), row->example);
	} else {
		tabs(l->out, depth);
		buf_printf(l->out, "#%s = ", leaf_of(row->path));
		if (row->kind == OPT_TEXT && row->text == NULL)
			buf_puts(l->out, "\"...\"");
		else
			opt_write_value(row, base, depth, l->out);
		buf_puts(l->out, ";\n");
	}
}

void
options_write(const struct options *o, const struct options_profile *p, enum options_form form,
              struct buf *out)
{
	struct options *defaults = options_defaults(p);
	const struct layout l = { .out = out, .absent = p->absent, .defaults = defaults,
		.row = form == OPTIONS_SAMPLE ? write_sample_row : write_effective_row };

	buf_printf(out, "# Configuration of %s; %s(8) describes the options.\n", p->name, p->name);
	if (form == OPTIONS_SAMPLE)
		buf_puts(out, "# A line that begins with # shows the default.\n");
	write_rows(&l, &opt_options, o);
	options_free(defaults);
}

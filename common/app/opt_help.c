/* SPDX-License-Identifier: Apache-2.0 */
/* The rows as texts for people: --help and the manual page. */
#include "config.h"

#include <stdlib.h>

#include "app/opt_read.h"
#include "app/opt_write.h"

#define WIDTH 98u
#define LINE_MAX_BYTES 512u
#define INDENT_MAX 32

/* An element of t with its defaults, or NULL; heap. */
static void *
element_new(const struct opt_table *t)
{
	void *element = calloc(1, t->size);

	if (element != NULL)
		opt_defaults(t, element);
	return element;
}

/* "kind, range, default", zero-terminated in a buffer that the caller ends. */
static const char *
describe(const struct opt_row *row, const void *defaults, struct buf *b)
{
	buf_init(b, LINE_MAX_BYTES);
	if (defaults != NULL)
		opt_describe(row, defaults, b);
	buf_char(b, '\0');
	return b->failed ? "" : b->p;
}

static void help_table(const struct opt_table *t, const void *defaults, const char *indent,
                       const char *const *absent, struct buf *out);

static void
help_row(const struct opt_row *row, const void *defaults, const char *indent, struct buf *out)
{
	char deeper[INDENT_MAX];
	struct buf what;

	buf_printf(out, "%s%s (%s)\n", indent, row->path, describe(row, defaults, &what));
	buf_fini(&what);
	snprintf(deeper, sizeof(deeper), "%s    ", indent);
	opt_write_wrapped(row->help, deeper, WIDTH, out);
	if (row->element != NULL) {
		void *element = element_new(row->element);

		help_table(row->element, element, deeper, NULL, out);
		free(element);
	}
}

static void
help_table(const struct opt_table *t, const void *defaults, const char *indent,
           const char *const *absent, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++)
		if (!opt_is_absent(t->rows[i].path, absent))
			help_row(&t->rows[i], defaults, indent, out);
}

void
options_write_help(const struct options_profile *p, struct buf *out)
{
	struct options *o = options_defaults(p);

	help_table(&opt_options, o, "  ", p->absent, out);
	options_free(o);
}

/* Text as roff takes it literally; a line must not begin with a control character. */
static void
roff_text(const char *text, struct buf *out)
{
	if (*text == '.' || *text == '\'')
		buf_puts(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			buf_puts(out, "\\e");
		else if (*text == '-')
			buf_puts(out, "\\-");
		else
			buf_char(out, *text);
	}
}

static void
man_example(const char *example, struct buf *out)
{
	buf_puts(out, ".IP\nExample:\n.IP\n.nf\n");
	roff_text(example, out);
	buf_puts(out, "\n.fi\n");
}

static void man_table(const struct opt_table *t, const void *defaults, const char *const *absent,
                      struct buf *out);

static void
man_row(const struct opt_row *row, const void *defaults, struct buf *out)
{
	struct buf what;

	buf_puts(out, ".TP\n.B ");
	roff_text(row->path, out);
	buf_puts(out, "\n(");
	roff_text(describe(row, defaults, &what), out);
	buf_fini(&what);
	buf_puts(out, ")\n.br\n");
	roff_text(row->help, out);
	buf_char(out, '\n');
	if (row->element != NULL) {
		void *element = element_new(row->element);

		buf_puts(out, ".RS\n");
		man_table(row->element, element, NULL, out);
		buf_puts(out, ".RE\n");
		free(element);
	}
	if (row->example != NULL)
		man_example(row->example, out);
}

static void
man_table(const struct opt_table *t, const void *defaults, const char *const *absent,
          struct buf *out)
{
	for (size_t i = 0; i < t->n; i++)
		if (!opt_is_absent(t->rows[i].path, absent))
			man_row(&t->rows[i], defaults, out);
}

void
options_write_man(const struct options_profile *p, struct buf *out)
{
	struct options *o = options_defaults(p);

	man_table(&opt_options, o, p->absent, out);
	options_free(o);
}

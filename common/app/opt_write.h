/* SPDX-License-Identifier: Apache-2.0 */
/* Values of every kind as libconfig text; private to the options module. */
#ifndef APP_OPT_WRITE_H
#define APP_OPT_WRITE_H

#include "app/opt_row.h"

/* Writes the value of row in base; lines after the first are indented by depth tabs. */
void opt_write_value(const struct opt_row *row, const void *base, unsigned depth, struct buf *out);

/* Appends text with line breaks so that each line, with its prefix, has at most width columns. */
void opt_write_wrapped(const char *text, const char *prefix, size_t width, struct buf *out);

/*
 * Describes row in one line, such as "size, 1 KiB to 1 GiB, default 1 MiB, reloadable"; the
 * default is the value in defaults.
 */
void opt_describe(const struct opt_row *row, const void *defaults, struct buf *out);

#endif

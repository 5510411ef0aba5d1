/* SPDX-License-Identifier: Apache-2.0 */
/* libconfig settings and texts into structs, by the rows; private to the options module. */
#ifndef APP_OPT_READ_H
#define APP_OPT_READ_H

#include "app/opt_row.h"

#include <libconfig.h>

/* One loading; all that is read lives in arena. */
struct opt_reader {
	struct arena *arena;
	struct buf *errors;
	const char *const *absent; /* prefixes of options that do not exist */
	const char *file; /* named in errors when libconfig knows none */
	const char *label; /* named in errors instead of file and line, or NULL */
	bool failed;
};

/* Adds "FILE:LINE: text" (at, may be NULL) or "LABEL: text" to the errors. */
void opt_fail(struct opt_reader *rd, const config_setting_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills base, zeroed, with the defaults of t. */
void opt_defaults(const struct opt_table *t, void *base);
/* Reads all of a configuration into base; what is wrong is reported and left as it was. */
void opt_read(struct opt_reader *rd, const struct opt_table *t, void *base,
              const config_setting_t *root);
/*
 * Sets one option from its text form: a scalar as it is, a list or table as libconfig writes it,
 * a list of one string also as the bare string.
 */
void opt_read_text(struct opt_reader *rd, const struct opt_row *row, void *base, const char *text);

#endif

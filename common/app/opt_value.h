/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms and ranges of single values; private to the options module. */
#ifndef APP_OPT_VALUE_H
#define APP_OPT_VALUE_H

#include "app/opt_row.h"

/* Names a kind in messages and help: "integer", "size", ... */
const char *opt_kind_name(enum opt_kind kind);
/* What a value of the kind looks like, for messages. */
const char *opt_kind_expected(enum opt_kind kind);
/* What a number without a unit means, such as "seconds"; NULL: the kind has no units. */
const char *opt_kind_bare(enum opt_kind kind);

/*
 * Reads the text of a number kind (of -o, or of a string in the file) without looking at the
 * range. False when it is none or does not fit 64 bits.
 */
bool opt_number_parse(const struct opt_row *row, const char *text, int64_t *n);
/* A bare number of the configuration in the unit of the field: seconds to milliseconds. */
bool opt_number_scale(const struct opt_row *row, int64_t *n);
/* Writes n as the text that opt_number_parse reads, with the largest fitting unit. */
void opt_number_format(const struct opt_row *row, int64_t n, struct buf *out);
bool opt_number_in_range(const struct opt_row *row, int64_t n);
/* Writes "8 to 256" or the names of the choices. */
void opt_range_format(const struct opt_row *row, struct buf *out);

/* NULL when text has the row's form, else what it must be; the length is not looked at. */
const char *opt_text_wrong(const struct opt_row *row, const char *text);

/* Finds a choice by name. */
bool opt_choice_find(const struct opt_choice *choices, const char *name, int *value);

/*
 * Writes the field of base as a libconfig value: every kind but OPT_TABLE. What it writes is
 * equal for equal fields.
 */
void opt_value_format(const struct opt_row *row, const void *base, struct buf *out);
/* Writes text as a libconfig string. */
void opt_quote(const char *text, struct buf *out);

#endif

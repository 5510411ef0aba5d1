/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of an option and the tables of rows; private to the options module (options*.c, opt_*.c).
 * A table describes the fields of one struct: struct options itself, or an element of a list of
 * groups such as one listener. Paths inside an element are relative to it.
 */
#ifndef APP_OPT_ROW_H
#define APP_OPT_ROW_H

#include "app/options.h"

enum opt_kind {
	OPT_INT, /* int */
	OPT_INT64, /* int64_t */
	OPT_SIZE, /* int64_t octets; text with KiB, MiB, GiB, TiB */
	OPT_MS, /* int64_t milliseconds; number of seconds, or text with ms, s, min, h, d */
	OPT_BOOL, /* bool */
	OPT_TEXT, /* const char * */
	OPT_CHOICE, /* int, one of choices */
	OPT_FLAGS, /* unsigned, bits of choices */
	OPT_LIST, /* struct options_strings */
	OPT_TABLE, /* struct { const T *v; size_t n; }, elements described by another table */
	OPT_KINDS
};

/* What a text, or each text of a list, must look like. */
enum opt_form {
	OPT_PLAIN, /* printable UTF-8 */
	OPT_SEGMENT, /* a path segment that needs no escape */
	OPT_AUTHORITY, /* host or host:port */
	OPT_ADDRESS, /* numeric IPv4 or IPv6 address */
	OPT_URI, /* absolute http or https URI */
	OPT_CONTACT, /* one that this SCL can send to: coap and coaps, too */
	OPT_FORMS
};

struct opt_choice {
	const char *name; /* NULL ends */
	int value;
};

struct opt_row {
	const char *path; /* dotted */
	enum opt_kind kind;
	size_t offset; /* of the field in the table's struct */
	int64_t number; /* default of numbers, choices and flags */
	const char *text; /* default of texts; NULL: the option must be given */
	int64_t min, max; /* of a number; octets of a text; entries of a list */
	enum opt_form form;
	const struct opt_choice *choices;
	const struct opt_table *element;
	const char *example; /* for the sample file, as libconfig text; or NULL */
	bool reloadable;
	const char *help;
};

#define OPT_REQUIRED INT64_MIN /* as default of a number: the option must be given */

struct opt_table {
	const struct opt_row *rows;
	size_t n;
	size_t size; /* of the struct */
};

extern const struct opt_table opt_options; /* struct options */

/* Lists have this shape in memory whatever their element is. */
struct opt_span {
	const void *v;
	size_t n;
};

/* The row of path, or NULL. The prefixes of absent (may be NULL) do not exist. */
const struct opt_row *opt_find(const struct opt_table *t, const char *path,
                               const char *const *absent);
/* True when a row lies in the group path. */
bool opt_is_group(const struct opt_table *t, const char *path, const char *const *absent);
/* True when path begins with one of absent (may be NULL). */
bool opt_is_absent(const char *path, const char *const *absent);

/* Field of base that row describes. */
void *opt_field(const struct opt_row *row, void *base);
const void *opt_field_const(const struct opt_row *row, const void *base);
/* Size of the field. */
size_t opt_size(const struct opt_row *row);
struct opt_span opt_span_of(const struct opt_row *row, const void *base);

/* Reads and writes fields of the number kinds (INT .. BOOL, CHOICE, FLAGS). */
int64_t opt_number(const struct opt_row *row, const void *base);
void opt_set_number(const struct opt_row *row, void *base, int64_t n);

#endif

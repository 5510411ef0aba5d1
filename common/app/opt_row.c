/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "app/opt_row.h"

static const size_t sizes[OPT_KINDS] = {
	[OPT_INT] = sizeof(int),
	[OPT_INT64] = sizeof(int64_t),
	[OPT_SIZE] = sizeof(int64_t),
	[OPT_MS] = sizeof(int64_t),
	[OPT_BOOL] = sizeof(bool),
	[OPT_TEXT] = sizeof(const char *),
	[OPT_CHOICE] = sizeof(int),
	[OPT_FLAGS] = sizeof(unsigned),
	[OPT_LIST] = sizeof(struct options_strings),
	[OPT_TABLE] = sizeof(struct opt_span),
};

bool
opt_is_absent(const char *path, const char *const *absent)
{
	for (; absent != NULL && *absent != NULL; absent++)
		if (strncmp(path, *absent, strlen(*absent)) == 0)
			return true;
	return false;
}

const struct opt_row *
opt_find(const struct opt_table *t, const char *path, const char *const *absent)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].path, path) == 0)
			return opt_is_absent(path, absent) ? NULL : &t->rows[i];
	return NULL;
}

bool
opt_is_group(const struct opt_table *t, const char *path, const char *const *absent)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < t->n; i++) {
		const char *row = t->rows[i].path;

		if (strncmp(row, path, n) == 0 && row[n] == '.' && !opt_is_absent(row, absent))
			return true;
	}
	return false;
}

void *
opt_field(const struct opt_row *row, void *base)
{
	return (char *)base + row->offset;
}

const void *
opt_field_const(const struct opt_row *row, const void *base)
{
	return (const char *)base + row->offset;
}

size_t
opt_size(const struct opt_row *row)
{
	return sizes[row->kind];
}

struct opt_span
opt_span_of(const struct opt_row *row, const void *base)
{
	struct opt_span span;

	memcpy(&span, opt_field_const(row, base), sizeof(span));
	return span;
}

int64_t
opt_number(const struct opt_row *row, const void *base)
{
	const void *field = opt_field_const(row, base);

	switch (row->kind) {
	case OPT_BOOL:
		return *(const bool *)field;
	case OPT_FLAGS:
		return *(const unsigned *)field;
	case OPT_INT:
	case OPT_CHOICE:
		return *(const int *)field;
	default:
		return *(const int64_t *)field;
	}
}

void
opt_set_number(const struct opt_row *row, void *base, int64_t n)
{
	void *field = opt_field(row, base);

	switch (row->kind) {
	case OPT_BOOL:
		*(bool *)field = n != 0;
		break;
	case OPT_FLAGS:
		*(unsigned *)field = (unsigned)n;
		break;
	case OPT_INT:
	case OPT_CHOICE:
		*(int *)field = (int)n;
		break;
	default:
		*(int64_t *)field = n;
		break;
	}
}

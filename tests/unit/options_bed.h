/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of options share: configurations that are read, and what was reported of them. */
#ifndef UNIT_OPTIONS_BED_H
#define UNIT_OPTIONS_BED_H

#include <check.h>
#include <stdlib.h>

#include "app/opt_row.h"
#include "app/opt_write.h"
#include "app/options.h"
#include "base/log.h"
#include "core/req.h"
#include "suite.h"

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT_MAX (1u << 20)

/* What the daemons of these tests are; the smaller one has no registration. */
static const char *const engines[] = { "lmdb", "memory", NULL };
static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/test" },
	{ "listeners", "( { port = 8080; } )" },
	{ NULL, NULL },
};
static const struct options_profile profile = { "test", defaults, NULL, engines };

static const char *const absent[] = { "register.", NULL };
static const struct options_profile smaller = { "small", defaults, absent, engines };

/* What the last load of this process reported; each test has its own process or clears it. */
static struct buf errors;

static inline void
setup(void)
{
	buf_init(&errors, OPTIONS_ERRORS_MAX);
}

static inline void
teardown(void)
{
	buf_fini(&errors);
}

static inline struct options *
load_with(const struct options_profile *p, const char *text, const char *const *overrides, size_t n)
{
	const struct options_source src = { .profile = p, .text = text, .overrides = overrides,
		.n_overrides = n };
	struct options *o;

	buf_clear(&errors);
	o = options_load(&src, &errors);
	buf_char(&errors, '\0');
	ck_assert_msg((o == NULL) == (errors.n > 1), "errors and result differ: %s", errors.p);
	return o;
}

static inline struct options *
load_text(const char *text)
{
	return load_with(&profile, text, NULL, 0);
}

static inline bool
reported(const char *line)
{
	return strstr(errors.p, line) != NULL;
}

static inline void
expect_error(const char *text, const char *line)
{
	ck_assert_msg(load_text(text) == NULL, "accepted: %s", text);
	ck_assert_msg(reported(line), "not reported: %s\nbut: %s", line, errors.p);
}

/* A configuration that sets path in line 3 of its text. */
static inline char *
config_of(const char *path, const char *value)
{
	const char *dot = strchr(path, '.');
	struct buf b;
	size_t n;

	buf_init(&b, TEXT_MAX);
	buf_puts(&b, "# one\n# two\n");
	if (dot == NULL)
		buf_printf(&b, "%s = %s;", path, value);
	else
		buf_printf(&b, "%.*s = { %s = %s; };", (int)(dot - path), path, dot + 1, value);
	buf_char(&b, '\0');
	return buf_take(&b, &n);
}

static inline void
expect_value_error(const struct opt_row *row, const char *value)
{
	char *text = config_of(row->path, value);
	char line[128];

	snprintf(line, sizeof(line), "<text>:3: %s: ", row->path);
	expect_error(text, line);
	free(text);
}

static inline char *
dump(const struct options *o, const struct options_profile *p, enum options_form form)
{
	struct buf b;
	size_t n;

	buf_init(&b, TEXT_MAX);
	options_write(o, p, form, &b);
	buf_char(&b, '\0');
	ck_assert(!b.failed);
	return buf_take(&b, &n);
}

#endif

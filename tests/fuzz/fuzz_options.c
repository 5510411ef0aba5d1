/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused with a reason or gives options whose dump reads back to the same dump. */
#include "config.h"

#include <stdlib.h>

#include "app/options.h"

#define TEXT_MAX (1u << 22)

static const char *const engines[] = { "lmdb", "memory", NULL };
static const struct options_default defaults[] = {
	{ "store.path", "/var/lib/test" },
	{ "listeners", "( { port = 8080; } )" },
	{ NULL, NULL },
};
static const struct options_profile profile = { "fuzz", defaults, NULL, engines };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the string that a syntax error interrupts. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static struct options *
load(const char *text)
{
	const struct options_source src = { .profile = &profile, .text = text };
	struct options *o;
	struct buf errors;

	buf_init(&errors, OPTIONS_ERRORS_MAX);
	o = options_load(&src, &errors);
	if ((o == NULL) != (errors.n > 0))
		abort();
	buf_fini(&errors);
	return o;
}

static char *
dump(struct options *o)
{
	struct buf b;
	size_t n;

	buf_init(&b, TEXT_MAX);
	options_write(o, &profile, OPTIONS_EFFECTIVE, &b);
	buf_char(&b, '\0');
	options_free(o);
	return buf_take(&b, &n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *first, *second;
	struct options *o;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* Not part of what is tested: files of the machine. */
	o = strstr(text, "@include") != NULL ? NULL : load(text);
	free(text);
	if (o == NULL)
		return 0;
	first = dump(o);
	o = first == NULL ? NULL : load(first);
	second = o == NULL ? NULL : dump(o);
	if (second == NULL || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	return 0;
}

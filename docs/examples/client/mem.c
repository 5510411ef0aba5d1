/* SPDX-License-Identifier: Apache-2.0 */
#include "client/mem.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
checked(void *p)
{
	if (p == NULL)
		errx(1, "out of memory");
	return p;
}

void *
mem_alloc(size_t count, size_t size)
{
	return checked(calloc(count, size));
}

void *
mem_resize(void *old, size_t count, size_t size)
{
	return checked(reallocarray(old, count, size));
}

char *
mem_strdup(const char *text)
{
	return checked(strdup(text));
}

char *
mem_strndup(const char *text, size_t len)
{
	return checked(strndup(text, len));
}

char *
mem_printf(const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : text);
}

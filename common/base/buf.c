/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

static char *
moved(struct buf *b, size_t cap)
{
	char *p = malloc(cap);

	if (p == NULL || b->p == NULL)
		return p;
	memcpy(p, b->p, b->cap);
	explicit_bzero(b->p, b->cap);
	free(b->p);
	return p;
}

static bool
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < 1000 ? 1000 : b->cap;
	char *p;

	while (cap < need)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	p = b->secret ? moved(b, cap) : realloc(b->p, cap);
	if (p == NULL)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->failed || n > b->max || b->n > b->max - n ||
	    (b->cap - b->n < n && !buf_grow(b, b->n + n))) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *to;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	if (to == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void
buf_long(struct buf *b, int64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		digits[--i] = (char)('0' + u % 10);
		u /= 10;
	} while (u != 0);
	if (v < 0)
		buf_char(b, '-');
	buf_add(b, digits + i, sizeof(digits) - i);
}

void
buf_be(struct buf *b, uint64_t v, unsigned size)
{
	char *to = buf_reserve(b, size);

	if (to == NULL)
		return;
	for (unsigned i = 0; i < size; i++)
		to[i] = (char)(v >> (8 * (size - 1 - i)));
	b->n += size;
}

struct slice
buf_view(const struct buf *b)
{
	return slice_make(b->p, b->n);
}

char *
buf_take(struct buf *b, size_t *n)
{
	char *p = b->failed ? NULL : b->p;

	*n = p == NULL ? 0 : b->n;
	if (p == NULL)
		free(b->p);
	*b = (struct buf){ .max = b->max };
	return p;
}

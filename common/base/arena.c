/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/arena.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNK 12288u
#define ALIGN _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct chunk *head; /* the one that is allocated from */
	struct chunk *first;
	size_t limit;
	size_t total;
	bool failed;
};

static struct chunk *
chunk_new(size_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c != NULL)
		*c = (struct chunk){ .size = size };
	return c;
}

struct arena *
arena_new(size_t limit)
{
	size_t head = (sizeof(struct arena) + ALIGN - 1) & ~(ALIGN - 1);
	struct chunk *c = chunk_new(limit < FIRST_CHUNK - head ? limit + head : FIRST_CHUNK);
	struct arena *a;

	if (c == NULL)
		return NULL;
	/* The arena lives at the start of its own first chunk: one malloc per request. */
	a = (struct arena *)(void *)c->bytes;
	c->used = (sizeof(*a) + ALIGN - 1) & ~(ALIGN - 1);
	*a = (struct arena){ .head = c, .first = c, .limit = limit };
	return a;
}

static void
chunks_free_to(struct chunk *c, const struct chunk *last)
{
	while (c != last) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
}

void
arena_free(struct arena *a)
{
	if (a != NULL) {
		struct chunk *first = a->first;

		chunks_free_to(a->head, first);
		free(first);
	}
}

void
arena_wipe(struct arena *a)
{
	size_t own = (sizeof(*a) + ALIGN - 1) & ~(ALIGN - 1);

	for (struct chunk *c = a->head; c != NULL; c = c->next) {
		size_t kept = c == a->first ? own : 0;

		/* The compiler may not leave it out, although nobody reads it again. */
		explicit_bzero(c->bytes + kept, c->used - kept);
	}
}

void
arena_reset(struct arena *a)
{
	chunks_free_to(a->head, a->first);
	a->head = a->first;
	a->first->used = (sizeof(*a) + ALIGN - 1) & ~(ALIGN - 1);
	a->total = 0;
	a->failed = false;
}

struct arena_mark
arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->head->used, a->total };
}

void
arena_rewind(struct arena *a, struct arena_mark mark)
{
	chunks_free_to(a->head, mark.chunk);
	a->head = mark.chunk;
	a->head->used = mark.used;
	a->total = mark.total;
}

static bool
arena_grow(struct arena *a, size_t n)
{
	size_t size = a->head->size * 2;
	struct chunk *c;

	if (size > 65536)
		size = 65536;
	if (size < n)
		size = n;
	c = chunk_new(size);
	if (c == NULL)
		return false;
	c->next = a->head;
	a->head = c;
	return true;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct chunk *c = a->head;
	void *p;

	if (n > a->limit || a->total > a->limit - n) {
		a->failed = true;
		return NULL;
	}
	n = (n + ALIGN - 1) & ~(ALIGN - 1);
	if (c->size - c->used < n) {
		if (!arena_grow(a, n)) {
			a->failed = true;
			return NULL;
		}
		c = a->head;
	}
	p = c->bytes + c->used;
	c->used += n;
	a->total += n;
	return n == 0 ? p : memset(p, 0, n);
}

bool
arena_failed(const struct arena *a)
{
	return a->failed;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_str(a, s);

	return p == NULL ? SLICE_NONE : slice_make(p, s.n);
}

char *
arena_str(struct arena *a, struct slice s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct slice
arena_join(struct arena *a, const struct slice *pieces, size_t n)
{
	size_t total = 0;
	char *p, *to;

	for (size_t i = 0; i < n; i++)
		total += pieces[i].n;
	p = to = arena_alloc(a, total + 1);
	if (p == NULL)
		return SLICE_NONE;
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].n > 0)
			memcpy(to, pieces[i].p, pieces[i].n);
		to += pieces[i].n;
	}
	return slice_make(p, total);
}

struct slice
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	int n;
	char *p;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return SLICE_NONE;
	p = arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return SLICE_NONE;
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	return slice_make(p, (size_t)n);
}

struct slice
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	struct slice s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

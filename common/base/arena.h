/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One allocation area per request: everything that a request makes is taken from it and given
 * back by one free. An arena is used by one thread at a time; ownership may be handed over.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

#include <stdarg.h>

struct arena;

/* A new arena that hands out at most limit bytes. NULL when memory is out. */
struct arena *arena_new(size_t limit);
/* Frees the arena and all that came from it; NULL is fine. */
void arena_free(struct arena *a);
/* Takes back all allocations but keeps the first chunk for reuse. */
void arena_reset(struct arena *a);
/* Erases all that was allocated: before arena_reset or arena_free, where it was secret. */
void arena_wipe(struct arena *a);

/*
 * n zeroed bytes aligned for any type, or NULL when the limit or memory is exhausted; the
 * arena remembers the failure (arena_failed).
 */
void *arena_alloc(struct arena *a, size_t n);
/* True once an allocation was refused: the answer is then RC_UNAVAILABLE, not a half result. */
bool arena_failed(const struct arena *a);

/* Copies; the result lives as long as the arena. p is NULL when the arena is exhausted. */
struct slice arena_copy(struct arena *a, struct slice s);
/* A zero-terminated copy of s, or NULL. */
char *arena_str(struct arena *a, struct slice s);
/* The pieces one after the other, a zero behind them. */
struct slice arena_join(struct arena *a, const struct slice *pieces, size_t n);
#define ARENA_JOIN(a, ...)                                                                         \
	arena_join((a), (const struct slice[]){ __VA_ARGS__ },                                     \
	           sizeof((const struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice))
/* Formats into the arena; a zero follows the slice. */
struct slice arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *a, const char *fmt, va_list ap);

/* A place to go back to: what was allocated after the mark is taken back by the rewind. */
struct arena_mark {
	void *chunk;
	size_t used;
	size_t total;
};

struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a maximum set at init. A write beyond the maximum (or without memory)
 * marks the buffer as failed and changes nothing else; writers check once, at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

#include <stdint.h>

struct buf {
	char *p; /* heap; owned by the buffer until buf_take */
	size_t n;
	size_t cap;
	size_t max;
	bool failed;
	bool secret; /* set after buf_init: growth erases what it leaves behind */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties, keeps the memory, forgets a failure. */
void buf_clear(struct buf *b);
/* Room for n more bytes at b->p + b->n, or NULL. */
char *buf_reserve(struct buf *b, size_t n);
static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return;
	/* The common case without a call: writers append many short pieces. */
	to = !b->failed && b->cap - b->n >= n ? b->p + b->n : buf_reserve(b, n);
	if (to != NULL) {
		memcpy(to, p, n);
		b->n += n;
	}
}

static inline void
buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void
buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

static inline void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal, without the cost of printf. */
void buf_long(struct buf *b, int64_t v);
/* Big-endian unsigned integer of size bytes (1..8): the form of store keys. */
void buf_be(struct buf *b, uint64_t v, unsigned size);
struct slice buf_view(const struct buf *b);
/* Gives the bytes away (free with free) and leaves an empty buffer; NULL when failed or empty. */
char *buf_take(struct buf *b, size_t *n);

#endif

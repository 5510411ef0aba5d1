/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that somebody else owns. Functions that return one say how long it lives. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p; /* not zero-terminated; may be NULL when n is 0 */
	size_t n;
};

#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })
/* The same as an initialiser of an object of static storage. */
#define SLICE_INIT(s) { (s), sizeof(s) - 1 }
#define SLICE_NONE ((struct slice){ NULL, 0 })

static inline struct slice
slice_of(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline struct slice
slice_make(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_is(struct slice a, const char *s)
{
	return a.n == 0 ? s[0] == '\0' : s[0] == a.p[0] && slice_eq(a, slice_of(s));
}

static inline bool
slice_starts(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* The bytes of a from offset at (clamped to its end); of the absent one the absent one. */
static inline struct slice
slice_from(struct slice a, size_t at)
{
	if (a.n == 0)
		return a;
	if (at > a.n)
		at = a.n;
	return (struct slice){ a.p + at, a.n - at };
}

static inline struct slice
slice_head(struct slice a, size_t n)
{
	return (struct slice){ a.p, n < a.n ? n : a.n };
}

/*
 * Splits off the part of *rest before the first c and moves *rest behind it.
 * Returns false when *rest was exhausted (p NULL marks that).
 */
static inline bool
slice_split(struct slice *rest, char c, struct slice *part)
{
	const char *hit;

	if (rest->p == NULL)
		return false;
	hit = rest->n == 0 ? NULL : memchr(rest->p, c, rest->n);
	if (hit == NULL) {
		*part = *rest;
		*rest = SLICE_NONE;
		return true;
	}
	*part = (struct slice){ rest->p, (size_t)(hit - rest->p) };
	*rest = slice_from(*rest, part->n + 1);
	return true;
}

/* A copy with a zero behind it. False, and nothing is written: it needs more than size octets. */
static inline bool
slice_copy(struct slice a, char *to, size_t size)
{
	if (a.n >= size)
		return false;
	if (a.n > 0)
		memcpy(to, a.p, a.n);
	to[a.n] = '\0';
	return true;
}

/* The number that decimal digits and nothing else make, up to max; false: they make none. */
static inline bool
slice_number(struct slice a, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < a.n; i++) {
		unsigned digit = (unsigned char)a.p[i] - (unsigned)'0';

		if (digit > 9 || digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return a.n > 0;
}

/* Order by bytes, then by length: the order of every store key. */
static inline int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

#endif

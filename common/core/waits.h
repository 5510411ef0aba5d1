/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of what is due when. Not safe for threads: its owner's lock guards it. */
#ifndef CORE_WAITS_H
#define CORE_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of whatever waits; all zero before the first use. */
struct wait {
	int64_t due; /* monotonic microseconds; stays readable after it was removed */
	size_t place; /* private: 0 = not in the heap */
	unsigned kind; /* the owner's */
};

/* All zero at first. */
struct waits {
	struct wait **heap; /* private: heap[0] is unused */
	size_t n, cap;
};

/* Adds w, or moves it. False without memory: it is then not in the heap. */
bool waits_add(struct waits *ws, struct wait *w, int64_t due);
/* Does nothing when w is not in the heap. */
void waits_remove(struct waits *ws, struct wait *w);
/* The earliest, or NULL. */
struct wait *waits_first(const struct waits *ws);
/* Frees the heap, not what waits. */
void waits_fini(struct waits *ws);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as octets, the most significant one first. Any thread. */
#ifndef BASE_BE_H
#define BASE_BE_H

#include <stdint.h>

/* The lower n octets of v (n: 0 to 8) to to; returns where they end. */
static inline uint8_t *
be_put(uint8_t *to, uint64_t v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v >>= 8)
		to[i] = (uint8_t)v;
	return to + n;
}

/* The number of n octets (0 to 8) at from, which is void so that octets of a slice do as well. */
static inline uint64_t
be_get(const void *from, unsigned n)
{
	const uint8_t *p = from;
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

#endif

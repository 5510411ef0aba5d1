/* SPDX-License-Identifier: Apache-2.0 */
/* Octets as hexadecimal digits, and what compares with them. */
#ifndef UNIT_OCTETS_H
#define UNIT_OCTETS_H

#include "sec/hex.h"
#include "suite.h"

#include <openssl/evp.h>

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

#define LONGEST 2048 /* octets of any encoding here */

/* Octets that hex says. */
struct octets {
	uint8_t v[LONGEST];
	size_t n;
};

static inline struct octets
octets_of(const char *hex)
{
	struct octets o = { .n = strlen(hex) / 2 };

	ck_assert_uint_le(o.n, LONGEST);
	ck_assert(hex_decode(slice_of(hex), o.v, o.n));
	return o;
}

static inline struct slice
octets_slice(const struct octets *o)
{
	return slice_make(o->v, o->n);
}

static inline void
expect_octets(const void *p, size_t n, const char *hex)
{
	struct octets want = octets_of(hex);

	ck_assert_uint_eq(n, want.n);
	ck_assert_mem_eq(p, want.v, n);
}

static inline void
expect_hash(const void *p, size_t n, const char *hex)
{
	unsigned char hash[32];

	ck_assert_int_eq(EVP_Digest(p, n, hash, NULL, EVP_sha256(), NULL), 1);
	expect_octets(hash, sizeof(hash), hex);
}

static inline void
expect_zeros(const void *p, size_t n)
{
	const uint8_t *octets = p;
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= octets[i];
	ck_assert_uint_eq(any, 0);
}

#endif

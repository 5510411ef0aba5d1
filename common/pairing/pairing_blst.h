/* SPDX-License-Identifier: Apache-2.0 */
/* The types of pairing.h as those of blst; for pairing_blst*.c alone. */
#ifndef PAIRING_PAIRING_BLST_H
#define PAIRING_PAIRING_BLST_H

#include "pairing/pairing.h"

#include <blst.h>

/*
 * The structs of pairing.h are those of the library by another name: what has one type is given to
 * the library as the other, and copied by memcpy, never read.
 */
_Static_assert(sizeof(struct pairing_scalar) == sizeof(blst_scalar), "scalar");
_Static_assert(sizeof(struct pairing_g1) == sizeof(blst_p1_affine), "G1");
_Static_assert(sizeof(struct pairing_g2) == sizeof(blst_p2_affine), "G2");
_Static_assert(sizeof(struct pairing_g1_product) == sizeof(blst_p1), "product in G1");
_Static_assert(sizeof(struct pairing_g2_product) == sizeof(blst_p2), "product in G2");
_Static_assert(sizeof(struct pairing_gt) == sizeof(blst_fp12), "GT");
_Static_assert(sizeof(struct pairing_lines) == PAIRING_LINES * sizeof(blst_fp6), "lines");
_Static_assert(_Alignof(struct pairing_gt) >= _Alignof(blst_fp12), "alignment");

static inline const blst_scalar *
scalar(const struct pairing_scalar *s)
{
	return (const blst_scalar *)s;
}

static inline const blst_p1_affine *
g1(const struct pairing_g1 *p)
{
	return (const blst_p1_affine *)p;
}

static inline const blst_p2_affine *
g2(const struct pairing_g2 *p)
{
	return (const blst_p2_affine *)p;
}

static inline const blst_fp12 *
gt(const struct pairing_gt *x)
{
	return (const blst_fp12 *)x;
}

static inline blst_fp12 *
gt_out(struct pairing_gt *x)
{
	return (blst_fp12 *)x;
}

static inline const unsigned char *
octets(struct slice in)
{
	return (const unsigned char *)in.p;
}

/* False: the length of dst. */
static inline bool
blst_hashed(struct slice message, struct slice dst, blst_p1 *out)
{
	if (dst.n == 0 || dst.n > PAIRING_DST_MAX)
		return false;
	blst_hash_to_g1(out, octets(message), message.n, octets(dst), dst.n, NULL, 0);
	return true;
}

#endif

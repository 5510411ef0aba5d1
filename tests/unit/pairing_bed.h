/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of the groups, made of scalars. */
#ifndef UNIT_PAIRING_BED_H
#define UNIT_PAIRING_BED_H

#include "pre_bed.h"

static inline struct pairing_scalar
scalar_times(const struct pairing_scalar *a, const struct pairing_scalar *b)
{
	struct pairing_scalar s;

	pairing_scalar_multiply(a, b, &s);
	return s;
}

static inline struct pairing_scalar
scalar_small(uint64_t v)
{
	struct pairing_scalar s = { { 0 } };

	for (size_t i = 0; i < 8; i++)
		s.v[i] = (uint8_t)(v >> 8 * i);
	return s;
}

/* A scalar of the dice, that a failure comes again with the same seed. */
static inline struct pairing_scalar
scalar_dice(struct dice *d)
{
	uint8_t octets[PAIRING_SCALAR_SIZE];
	struct pairing_scalar s;

	do {
		for (size_t i = 0; i < sizeof(octets); i++)
			octets[i] = (uint8_t)dice(d, 256);
	} while (pairing_scalar_read(slice_make(octets, sizeof(octets)), &s) != RC_OK);
	return s;
}

static inline struct pairing_g1
g1_times(const struct pairing_scalar *s)
{
	struct pairing_g1 p;

	pairing_g1_generator(&p);
	pairing_g1_power(&p, s, &p);
	return p;
}

static inline struct pairing_g2
g2_times(const struct pairing_scalar *s)
{
	struct pairing_g2 p;

	pairing_g2_generator(&p);
	pairing_g2_power(&p, s, &p);
	return p;
}

static inline struct pairing_gt
pair(const struct pairing_g1 *p, const struct pairing_g2 *q)
{
	struct pairing_lines lines;
	struct pairing_gt x;

	ck_assert_uint_eq(pairing_lines_make(q, &lines), RC_OK);
	pairing_pair(p, &lines, &x);
	return x;
}

static inline struct pairing_gt
the_z(void)
{
	const struct pairing_scalar one = scalar_small(1);
	const struct pairing_g1 g = g1_times(&one);
	const struct pairing_g2 h = g2_times(&one);

	return pair(&g, &h);
}

static inline struct pairing_gt
power(const struct pairing_gt *x, const struct pairing_scalar *s)
{
	struct pairing_gt y;

	pairing_gt_power(x, s, &y);
	return y;
}

static inline struct pairing_gt
one_of(const struct pairing_gt *x)
{
	struct pairing_gt y;

	pairing_gt_inverse(x, &y);
	pairing_gt_multiply(x, &y, &y);
	return y;
}

#endif

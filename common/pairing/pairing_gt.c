/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Powers in GT, in a time that does not depend on the exponent.
 *
 * r divides p - z for the parameter z = -u of the curve, u = 0xd201000000010000: so x^u, x^(u^2)
 * and x^(u^3) are images of x under the Frobenius map, which cost next to nothing. An exponent is
 * written with four digits to the base u, 64 bits each, and the four powers are computed together:
 * Galbraith and Scott, "Exponentiation in pairing-friendly groups using homomorphisms", 2008.
 */
#include "config.h"

#include "pairing/pairing_field.h"
#include "sec/secret.h"

#define BASE UINT64_C(0xd201000000010000) /* u */
#define DIGITS 4u /* of an exponent: r < u^4 */
#define DIGIT_BITS 64u
#define LIMB_SIZE 8u
#define TABLE 16u /* elements of one table: four bits look one up */
#define TEETH (DIGIT_BITS / 4u) /* bits from one tooth of the comb to the next */
#define GT_LIMBS (sizeof(struct pairing_gt) / LIMB_SIZE)

_Static_assert(PAIRING_COMB_SIZE / TABLE == DIGITS, "one table for each digit");

/* ---- exponents ---- */

/* All ones when v is not 0. The compiler does not see what the mask is made of. */
static uint64_t
mask_of(uint64_t v)
{
	volatile uint64_t hidden = 0 - ((v | (0 - v)) >> 63);

	return hidden;
}

/* *n (limbs, the lowest first) becomes its quotient by BASE; the remainder is returned. */
static uint64_t
divide(uint64_t *n, size_t limbs)
{
	uint64_t rest = 0;

	for (size_t bit = limbs * DIGIT_BITS; bit-- > 0;) {
		uint64_t *limb = &n[bit / DIGIT_BITS];
		uint64_t over = rest >> 63, less, take;

		rest = rest << 1 | (*limb >> bit % DIGIT_BITS & 1);
		/* The borrow of rest - BASE. */
		less = ((~rest & BASE) | (~(rest ^ BASE) & (rest - BASE))) >> 63;
		take = over | (less ^ 1);
		rest -= BASE & mask_of(take);
		*limb = (*limb & ~(UINT64_C(1) << bit % DIGIT_BITS)) | take << bit % DIGIT_BITS;
	}
	return rest;
}

static void
digits_of(const struct pairing_scalar *s, uint64_t digits[DIGITS])
{
	uint64_t n[DIGITS] = { 0 };

	for (size_t i = 0; i < PAIRING_SCALAR_SIZE; i++)
		n[i / LIMB_SIZE] |= (uint64_t)s->v[i] << 8 * (i % LIMB_SIZE);
	/* Each quotient has a limb less. */
	for (size_t i = 0; i + 1 < DIGITS; i++)
		digits[i] = divide(n, DIGITS - i);
	digits[DIGITS - 1] = n[0];
	secret_wipe(n, sizeof(n));
}

/* ---- tables ---- */

/* table[index], index being secret: reads them all. */
static void
look_up(const struct pairing_gt *restrict table, uint64_t index, struct pairing_gt *restrict out)
{
	memset(out, 0, sizeof(*out));
	for (uint64_t i = 0; i < TABLE; i++) {
		uint64_t mask = ~mask_of(i ^ index);

		for (size_t j = 0; j < GT_LIMBS; j++)
			out->v[j] |= table[i].v[j] & mask;
	}
}

/* All products of the four elements at table[1], [2], [4] and [8]. */
static void
products(struct pairing_gt table[TABLE])
{
	pairing_gt_one(&table[0]);
	for (size_t top = 2; top < TABLE; top *= 2)
		for (size_t i = 1; i < top; i++)
			pairing_gt_multiply(&table[top], &table[i], &table[top + i]);
}

/* x^(u^n), n: 0..3. p is -u modulo r: an odd power of it has the wrong sign. */
static void
power_of_base(const struct pairing_gt *x, size_t n, struct pairing_gt *out)
{
	if (n == 0)
		*out = *x;
	else
		pairing_gt_frobenius(x, n, out);
	if (n % 2 == 1)
		pairing_gt_inverse(out, out);
}

/* ---- any x ---- */

void
pairing_gt_power(const struct pairing_gt *x, const struct pairing_scalar *s, struct pairing_gt *out)
{
	struct pairing_gt table[TABLE], y = { { 0 } }, factor;
	uint64_t e[DIGITS];

	digits_of(s, e);
	for (size_t i = 0; i < DIGITS; i++)
		power_of_base(x, i, &table[(size_t)1 << i]);
	products(table);
	pairing_gt_one(&y);
	for (unsigned bit = DIGIT_BITS; bit-- > 0;) {
		uint64_t index = (e[0] >> bit & 1) | (e[1] >> bit & 1) << 1 |
		                 (e[2] >> bit & 1) << 2 | (e[3] >> bit & 1) << 3;

		pairing_gt_square(&y, &y);
		look_up(table, index, &factor);
		pairing_gt_multiply(&y, &factor, &y);
	}
	*out = y;
	secret_wipe(e, sizeof(e));
	secret_wipe(table, sizeof(table));
	secret_wipe(&y, sizeof(y));
	secret_wipe(&factor, sizeof(factor));
}

/* ---- an x with a table: a comb of four teeth for each digit ---- */

void
pairing_comb_make(const struct pairing_gt *x, struct pairing_comb *out)
{
	struct pairing_gt *first = out->v;

	first[1] = *x;
	for (size_t tooth = 2; tooth < TABLE; tooth *= 2) {
		first[tooth] = first[tooth / 2];
		for (size_t i = 0; i < TEETH; i++)
			pairing_gt_square(&first[tooth], &first[tooth]);
	}
	products(first);
	for (size_t i = TABLE; i < PAIRING_COMB_SIZE; i++)
		power_of_base(&first[i % TABLE], i / TABLE, &first[i]);
}

/* Bits of a digit at the teeth. */
static uint64_t
teeth(uint64_t digit, unsigned at)
{
	return (digit >> at & 1) | (digit >> (at + TEETH) & 1) << 1 |
	       (digit >> (at + 2 * TEETH) & 1) << 2 | (digit >> (at + 3 * TEETH) & 1) << 3;
}

void
pairing_comb_power(const struct pairing_comb *comb, const struct pairing_scalar *s,
                   struct pairing_gt *out)
{
	struct pairing_gt y, factor;
	uint64_t e[DIGITS];

	digits_of(s, e);
	pairing_gt_one(&y);
	for (unsigned at = TEETH; at-- > 0;) {
		pairing_gt_square(&y, &y);
		for (size_t i = 0; i < DIGITS; i++) {
			look_up(comb->v + i * TABLE, teeth(e[i], at), &factor);
			pairing_gt_multiply(&y, &factor, &y);
		}
	}
	*out = y;
	secret_wipe(e, sizeof(e));
	secret_wipe(&y, sizeof(y));
	secret_wipe(&factor, sizeof(factor));
}

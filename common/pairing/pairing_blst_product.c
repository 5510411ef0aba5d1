/* SPDX-License-Identifier: Apache-2.0 */
/* Products in G1 and G2, and of pairings, by blst. All zero is the neutral element. */
#include "config.h"

#include "pairing/pairing_blst.h"
#include "pairing/pairing_field.h"
#include "sec/secret.h"

#include <limits.h>

void
pairing_g1_product_begin(struct pairing_g1_product *x)
{
	memset(x, 0, sizeof(*x));
}

void
pairing_g1_product_times(struct pairing_g1_product *x, const struct pairing_g1 *p)
{
	blst_p1_add_or_double_affine((blst_p1 *)x, (const blst_p1 *)x, g1(p));
}

enum rc
pairing_g1_product_hash(struct pairing_g1_product *x, struct slice message, struct slice dst)
{
	blst_p1 wide;

	if (!blst_hashed(message, dst, &wide))
		return RC_BAD_REQUEST;
	blst_p1_add_or_double((blst_p1 *)x, (const blst_p1 *)x, &wide);
	return RC_OK;
}

void
pairing_g1_product_power(struct pairing_g1_product *x, const struct pairing_g1 *p,
                         const uint8_t e[PAIRING_SHORT_SIZE])
{
	unsigned char little[PAIRING_SHORT_SIZE];
	blst_p1 wide;

	for (size_t i = 0; i < sizeof(little); i++)
		little[i] = e[sizeof(little) - 1 - i];
	blst_p1_from_affine(&wide, g1(p));
	blst_p1_mult(&wide, &wide, little, CHAR_BIT * sizeof(little));
	blst_p1_add_or_double((blst_p1 *)x, (const blst_p1 *)x, &wide);
	secret_wipe(&wide, sizeof(wide));
}

enum rc
pairing_g1_product_end(const struct pairing_g1_product *x, struct pairing_g1 *out)
{
	if (blst_p1_is_inf((const blst_p1 *)x)) {
		memset(out, 0, sizeof(*out));
		return RC_BAD_REQUEST;
	}
	blst_p1_to_affine((blst_p1_affine *)out, (const blst_p1 *)x);
	return RC_OK;
}

void
pairing_g2_product_begin(struct pairing_g2_product *x)
{
	memset(x, 0, sizeof(*x));
}

void
pairing_g2_product_times(struct pairing_g2_product *x, const struct pairing_g2 *p)
{
	blst_p2_add_or_double_affine((blst_p2 *)x, (const blst_p2 *)x, g2(p));
}

enum rc
pairing_g2_product_end(const struct pairing_g2_product *x, struct pairing_g2 *out)
{
	if (blst_p2_is_inf((const blst_p2 *)x)) {
		memset(out, 0, sizeof(*out));
		return RC_BAD_REQUEST;
	}
	blst_p2_to_affine((blst_p2_affine *)out, (const blst_p2 *)x);
	return RC_OK;
}

void
pairing_check_begin(struct pairing_check *c)
{
	pairing_gt_one(&c->product);
	c->n = 0;
}

/* The Miller loops of the pairs that wait. */
static void
check_flush(struct pairing_check *c)
{
	const blst_p1_affine *p[PAIRING_CHECK_PAIRS];
	const blst_p2_affine *q[PAIRING_CHECK_PAIRS];
	blst_fp12 miller;

	if (c->n == 0)
		return;
	for (size_t i = 0; i < c->n; i++) {
		p[i] = g1(&c->p[i]);
		q[i] = g2(&c->q[i]);
	}
	blst_miller_loop_n(&miller, q, p, c->n);
	blst_fp12_mul(gt_out(&c->product), gt(&c->product), &miller);
	secret_wipe(&miller, sizeof(miller));
	c->n = 0;
}

void
pairing_check_pair(struct pairing_check *c, const struct pairing_g1 *p, const struct pairing_g2 *q)
{
	c->p[c->n] = *p;
	c->q[c->n] = *q;
	if (++c->n == PAIRING_CHECK_PAIRS)
		check_flush(c);
}

enum rc
pairing_check_end(struct pairing_check *c)
{
	blst_fp12 x;

	check_flush(c);
	blst_final_exp(&x, gt(&c->product));
	return blst_fp12_is_one(&x) ? RC_OK : RC_FORBIDDEN;
}

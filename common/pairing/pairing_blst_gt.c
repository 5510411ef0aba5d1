/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of GT by blst: their encodings and what pairing_gt.c computes with. */
#include "config.h"

#include "pairing/pairing_blst.h"
#include "pairing/pairing_field.h"
#include "sec/secret.h"

#define FP_SIZE 48
#define FP_LIMBS 6
#define FP6_COEFFICIENTS 6
#define FP6_LIMBS (FP6_COEFFICIENTS * FP_LIMBS)
#define FP12_COEFFICIENTS 12

/* n coefficients of FP_SIZE octets each, which are below the modulus. */
static bool
coefficients_read(const unsigned char *in, size_t n, struct pairing_gt *out)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		blst_fp *c = (blst_fp *)(out->v + i * FP_LIMBS);
		unsigned char again[FP_SIZE];

		/* The library reduces what is over the modulus without a word. */
		blst_fp_from_bendian(c, in + i * FP_SIZE);
		blst_bendian_from_fp(again, c);
		ok = memcmp(again, in + i * FP_SIZE, FP_SIZE) == 0 && ok;
	}
	return ok;
}

static void
coefficients_write(const struct pairing_gt *x, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		blst_bendian_from_fp(out + i * FP_SIZE, (const blst_fp *)(x->v + i * FP_LIMBS));
}

static enum rc
checked(bool ok, struct pairing_gt *x)
{
	if (ok && blst_fp12_in_group(gt(x)) && !blst_fp12_is_one(gt(x)))
		return RC_OK;
	memset(x, 0, sizeof(*x));
	return RC_BAD_REQUEST;
}

/*
 * c of Fp6 stands for (c + w) / (c - w), which has norm one whatever c is; in the lower half of t
 * is c, in the upper half 1. The divisor is never zero: w is not in Fp6.
 */
enum rc
pairing_gt_read(struct slice in, struct pairing_gt *out)
{
	blst_fp12 t = { 0 }, divisor;
	bool ok;

	if (in.n != PAIRING_GT_SIZE)
		return checked(false, out);
	ok = coefficients_read(octets(in), FP6_COEFFICIENTS, out);
	memcpy(&t.fp6[0], out, sizeof(t.fp6[0]));
	t.fp6[1].fp2[0].fp[0] = blst_fp12_one()->fp6[0].fp2[0].fp[0];
	divisor = t;
	blst_fp12_conjugate(&divisor);
	blst_fp12_inverse(&divisor, &divisor);
	blst_fp12_mul(gt_out(out), &t, &divisor);
	return checked(ok, out);
}

/* (1 + a) / b of a + b w, both as elements of Fp12 without a part in w. */
enum rc
pairing_gt_write(const struct pairing_gt *x, uint8_t out[PAIRING_GT_SIZE])
{
	blst_fp12 a = { 0 }, b = { 0 };
	const blst_fp *one = &blst_fp12_one()->fp6[0].fp2[0].fp[0];
	blst_fp *first = &a.fp6[0].fp2[0].fp[0];

	if (blst_fp12_is_one(gt(x))) {
		memset(out, 0, PAIRING_GT_SIZE);
		return RC_BAD_REQUEST;
	}
	memcpy(&a.fp6[0], x->v, sizeof(a.fp6[0]));
	memcpy(&b.fp6[0], x->v + FP6_LIMBS, sizeof(b.fp6[0]));
	blst_fp_add(first, first, one);
	blst_fp12_inverse(&b, &b);
	blst_fp12_mul(&a, &a, &b);
	coefficients_write((const struct pairing_gt *)&a, FP6_COEFFICIENTS, out);
	secret_wipe(&a, sizeof(a));
	secret_wipe(&b, sizeof(b));
	return RC_OK;
}

enum rc
pairing_gt_read_raw(struct slice in, struct pairing_gt *out)
{
	return checked(in.n == PAIRING_GT_RAW_SIZE &&
	                       coefficients_read(octets(in), FP12_COEFFICIENTS, out),
	               out);
}

void
pairing_gt_write_raw(const struct pairing_gt *x, uint8_t out[PAIRING_GT_RAW_SIZE])
{
	coefficients_write(x, FP12_COEFFICIENTS, out);
}

void
pairing_gt_multiply(const struct pairing_gt *x, const struct pairing_gt *y, struct pairing_gt *out)
{
	blst_fp12_mul(gt_out(out), gt(x), gt(y));
}

void
pairing_gt_inverse(const struct pairing_gt *x, struct pairing_gt *out)
{
	if (out != x)
		*out = *x;
	blst_fp12_conjugate(gt_out(out));
}

void
pairing_gt_one(struct pairing_gt *out)
{
	memcpy(out, blst_fp12_one(), sizeof(*out));
}

void
pairing_gt_square(const struct pairing_gt *x, struct pairing_gt *out)
{
	blst_fp12_cyclotomic_sqr(gt_out(out), gt(x));
}

void
pairing_gt_frobenius(const struct pairing_gt *x, size_t n, struct pairing_gt *out)
{
	blst_fp12_frobenius_map(gt_out(out), gt(x), n);
}

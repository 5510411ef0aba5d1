/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairing by blst. What is not called here, on purpose: multiplication of many points and
 * without checks, which have known defects in the version that is pinned.
 */
#include "config.h"

#include "pre/pairing_field.h"
#include "sec/secret.h"

#include <blst.h>
#include <openssl/rand.h>

#define FP_SIZE 48
#define FP_LIMBS 6
#define FP6_COEFFICIENTS 6
#define FP6_LIMBS (FP6_COEFFICIENTS * FP_LIMBS)
#define FP12_COEFFICIENTS 12
#define SCALAR_BITS 255
#define WIDE_SIZE 48 /* octets that are reduced to a scalar: what r leaves of 384 bits is uniform */
#define IKM_MIN 32
#define INFO_MAX 64

/*
 * The structs of pairing.h are those of the library by another name: what has one type is given to
 * the library as the other, and copied by memcpy, never read.
 */
_Static_assert(sizeof(struct pairing_scalar) == sizeof(blst_scalar), "scalar");
_Static_assert(sizeof(struct pairing_g1) == sizeof(blst_p1_affine), "G1");
_Static_assert(sizeof(struct pairing_g2) == sizeof(blst_p2_affine), "G2");
_Static_assert(sizeof(struct pairing_gt) == sizeof(blst_fp12), "GT");
_Static_assert(sizeof(struct pairing_lines) == PAIRING_LINES * sizeof(blst_fp6), "lines");
_Static_assert(_Alignof(struct pairing_gt) >= _Alignof(blst_fp12), "alignment");

static const blst_scalar *
scalar(const struct pairing_scalar *s)
{
	return (const blst_scalar *)s;
}

static const blst_p1_affine *
g1(const struct pairing_g1 *p)
{
	return (const blst_p1_affine *)p;
}

static const blst_p2_affine *
g2(const struct pairing_g2 *p)
{
	return (const blst_p2_affine *)p;
}

static const blst_fp12 *
gt(const struct pairing_gt *x)
{
	return (const blst_fp12 *)x;
}

static blst_fp12 *
gt_out(struct pairing_gt *x)
{
	return (blst_fp12 *)x;
}

static const unsigned char *
octets(struct slice in)
{
	return (const unsigned char *)in.p;
}

/* ---- scalars ---- */

enum rc
pairing_scalar_random(struct pairing_scalar *out)
{
	unsigned char wide[WIDE_SIZE];
	bool made = false, ok;

	do {
		ok = RAND_priv_bytes(wide, sizeof(wide)) == 1;
		if (ok)
			made = blst_scalar_from_be_bytes((blst_scalar *)out, wide, sizeof(wide));
	} while (ok && !made);
	secret_wipe(wide, sizeof(wide));
	if (!ok)
		secret_wipe(out, sizeof(*out));
	return ok ? RC_OK : RC_INTERNAL;
}

enum rc
pairing_scalar_read(struct slice in, struct pairing_scalar *out)
{
	if (in.n == PAIRING_SCALAR_SIZE) {
		blst_scalar_from_bendian((blst_scalar *)out, octets(in));
		if (blst_sk_check(scalar(out)))
			return RC_OK;
	}
	secret_wipe(out, sizeof(*out));
	return RC_BAD_REQUEST;
}

void
pairing_scalar_write(const struct pairing_scalar *s, uint8_t out[PAIRING_SCALAR_SIZE])
{
	blst_bendian_from_scalar(out, scalar(s));
}

enum rc
pairing_scalar_derive(struct slice ikm, struct slice info, struct pairing_scalar *out)
{
	if (ikm.n < IKM_MIN || info.n > INFO_MAX) {
		secret_wipe(out, sizeof(*out));
		return RC_BAD_REQUEST;
	}
	blst_keygen((blst_scalar *)out, octets(ikm), ikm.n, octets(info), info.n);
	return RC_OK;
}

void
pairing_scalar_multiply(const struct pairing_scalar *a, const struct pairing_scalar *b,
                        struct pairing_scalar *out)
{
	/* The result is whether the product is not zero, and it never is: r is prime. */
	(void)blst_sk_mul_n_check((blst_scalar *)out, scalar(a), scalar(b));
}

void
pairing_scalar_inverse(const struct pairing_scalar *s, struct pairing_scalar *out)
{
	blst_sk_inverse((blst_scalar *)out, scalar(s));
}

/* ---- G1 ---- */

enum rc
pairing_g1_read(struct slice in, struct pairing_g1 *out)
{
	blst_p1_affine *p = (blst_p1_affine *)out;

	if (in.n == PAIRING_G1_SIZE && blst_p1_uncompress(p, octets(in)) == BLST_SUCCESS &&
	    !blst_p1_affine_is_inf(p) && blst_p1_affine_in_g1(p))
		return RC_OK;
	memset(out, 0, sizeof(*out));
	return RC_BAD_REQUEST;
}

void
pairing_g1_write(const struct pairing_g1 *p, uint8_t out[PAIRING_G1_SIZE])
{
	blst_p1_affine_compress(out, g1(p));
}

void
pairing_g1_generator(struct pairing_g1 *out)
{
	memcpy(out, blst_p1_affine_generator(), sizeof(*out));
}

void
pairing_g1_power(const struct pairing_g1 *p, const struct pairing_scalar *s, struct pairing_g1 *out)
{
	blst_p1 wide;

	blst_p1_from_affine(&wide, g1(p));
	blst_p1_mult(&wide, &wide, s->v, SCALAR_BITS);
	blst_p1_to_affine((blst_p1_affine *)out, &wide);
	secret_wipe(&wide, sizeof(wide));
}

/* ---- G2 ---- */

enum rc
pairing_g2_read(struct slice in, struct pairing_g2 *out)
{
	blst_p2_affine *p = (blst_p2_affine *)out;

	if (in.n == PAIRING_G2_SIZE && blst_p2_uncompress(p, octets(in)) == BLST_SUCCESS &&
	    !blst_p2_affine_is_inf(p) && blst_p2_affine_in_g2(p))
		return RC_OK;
	memset(out, 0, sizeof(*out));
	return RC_BAD_REQUEST;
}

void
pairing_g2_write(const struct pairing_g2 *p, uint8_t out[PAIRING_G2_SIZE])
{
	blst_p2_affine_compress(out, g2(p));
}

void
pairing_g2_generator(struct pairing_g2 *out)
{
	memcpy(out, blst_p2_affine_generator(), sizeof(*out));
}

void
pairing_g2_power(const struct pairing_g2 *p, const struct pairing_scalar *s, struct pairing_g2 *out)
{
	blst_p2 wide;

	blst_p2_from_affine(&wide, g2(p));
	blst_p2_mult(&wide, &wide, s->v, SCALAR_BITS);
	blst_p2_to_affine((blst_p2_affine *)out, &wide);
	secret_wipe(&wide, sizeof(wide));
}

/* ---- the pairing ---- */

enum rc
pairing_lines_make(const struct pairing_g2 *q, struct pairing_lines *out)
{
	blst_precompute_lines((blst_fp6 *)out, g2(q));
	return RC_OK;
}

void
pairing_pair(const struct pairing_g1 *p, const struct pairing_lines *q, struct pairing_gt *out)
{
	blst_fp12 miller;

	blst_miller_loop_lines(&miller, (const blst_fp6 *)q, g1(p));
	blst_final_exp(gt_out(out), &miller);
	secret_wipe(&miller, sizeof(miller));
}

/* ---- GT ---- */

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

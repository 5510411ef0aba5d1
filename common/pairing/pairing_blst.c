/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairing by blst. What is not called here, on purpose: multiplication of many points and
 * without checks, which have known defects in the version that is pinned.
 */
#include "config.h"

#include "pairing/pairing_blst.h"
#include "sec/secret.h"

#include <openssl/rand.h>

#define SCALAR_BITS 255
#define WIDE_SIZE 48 /* octets that are reduced to a scalar: what r leaves of 384 bits is uniform */
#define IKM_MIN 32
#define INFO_MAX 64

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

void
pairing_g1_inverse(const struct pairing_g1 *p, struct pairing_g1 *out)
{
	blst_p1 wide;

	blst_p1_from_affine(&wide, g1(p));
	blst_p1_cneg(&wide, true);
	blst_p1_to_affine((blst_p1_affine *)out, &wide);
	secret_wipe(&wide, sizeof(wide));
}

enum rc
pairing_g1_hash(struct slice message, struct slice dst, struct pairing_g1 *out)
{
	blst_p1 wide;

	memset(out, 0, sizeof(*out));
	if (!blst_hashed(message, dst, &wide))
		return RC_BAD_REQUEST;
	if (blst_p1_is_inf(&wide))
		return RC_INTERNAL;
	blst_p1_to_affine((blst_p1_affine *)out, &wide);
	return RC_OK;
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

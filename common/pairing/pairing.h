/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairing e: G1 x G2 -> GT of BLS12-381, its three groups of prime order r and their scalars:
 * all that the schemes on it need, and the only place that knows which library computes it.
 *
 * e is the cube of the textbook optimal ate pairing, as the libraries of the Ethereum clients
 * compute it; g and h are the standard generators. Groups are written multiplicatively.
 *
 * Points and scalars come from these functions only: what a *_read has accepted, or what was
 * computed from such, is in its group and is not the neutral element. A *_read takes what a
 * stranger sent; whatever is wrong with it, the answer is RC_BAD_REQUEST. Nothing here takes time
 * that depends on a scalar or on an element of GT, but for the neutral elements, which secrets
 * never are. What a call leaves on the stack may be secret: stack_wipe. Out parameters may be the
 * inputs. Any thread; there is no state.
 *
 * In a build without pairing (configure --without-pairing) every function that returns an enum rc
 * returns RC_NOT_IMPLEMENTED, and the others write zeros.
 */
#ifndef PAIRING_PAIRING_H
#define PAIRING_PAIRING_H

#include "base/rc.h"

#define PAIRING_SCALAR_SIZE 32 /* big-endian, 1 .. r-1 */
#define PAIRING_G1_SIZE 48 /* compressed, the flags of draft-irtf-cfrg-pairing-friendly-curves */
#define PAIRING_G2_SIZE 96 /* the same; the imaginary part comes first */
#define PAIRING_GT_SIZE 288 /* (1 + a) / b of a + b w: 6 coefficients */
#define PAIRING_GT_RAW_SIZE 576 /* the 12 coefficients of 48 octets in the order of the tower */
#define PAIRING_LINES 68 /* of a Miller loop */
#define PAIRING_COMB_SIZE 64 /* elements of a table of powers */
#define PAIRING_DST_MAX 255 /* octets of a domain separation tag */
#define PAIRING_SHORT_SIZE 16 /* octets of an exponent that is no secret */
#define PAIRING_CHECK_PAIRS 16 /* that go through one Miller loop */

struct pairing_scalar {
	_Alignas(uint64_t) uint8_t v[PAIRING_SCALAR_SIZE]; /* little-endian */
};

struct pairing_g1 {
	uint64_t v[12]; /* affine */
};

struct pairing_g2 {
	uint64_t v[24]; /* affine */
};

struct pairing_gt {
	uint64_t v[72];
};

/* What the Miller loop needs of an element of G2, computed once. */
struct pairing_lines {
	uint64_t v[PAIRING_LINES * 36];
};

/* Powers of one element of GT, for pairing_comb_power. */
struct pairing_comb {
	struct pairing_gt v[PAIRING_COMB_SIZE];
};

/* A product that is not finished: it may be the neutral element. */
struct pairing_g1_product {
	uint64_t v[18]; /* projective */
};

struct pairing_g2_product {
	uint64_t v[36];
};

/* A product of pairings on its way; what was given to it last is still in it. */
struct pairing_check {
	struct pairing_gt product;
	size_t n; /* of the arrays */
	struct pairing_g1 p[PAIRING_CHECK_PAIRS];
	struct pairing_g2 q[PAIRING_CHECK_PAIRS];
};

/* ---- scalars: the caller wipes them ---- */

/* Uniform. RC_INTERNAL when the generator does not work; *out is then zero. */
enum rc pairing_scalar_random(struct pairing_scalar *out);
enum rc pairing_scalar_read(struct slice in, struct pairing_scalar *out);
void pairing_scalar_write(const struct pairing_scalar *s, uint8_t out[PAIRING_SCALAR_SIZE]);
/*
 * The secret of ikm (32 octets or more) and info (at most 64): KeyGen of
 * draft-irtf-cfrg-bls-signature-04, 2.3. RC_BAD_REQUEST: lengths.
 */
enum rc pairing_scalar_derive(struct slice ikm, struct slice info, struct pairing_scalar *out);
void pairing_scalar_multiply(const struct pairing_scalar *a, const struct pairing_scalar *b,
                             struct pairing_scalar *out);
/* 1 / s modulo r. */
void pairing_scalar_inverse(const struct pairing_scalar *s, struct pairing_scalar *out);

/* ---- G1 and G2 ---- */

enum rc pairing_g1_read(struct slice in, struct pairing_g1 *out);
void pairing_g1_write(const struct pairing_g1 *p, uint8_t out[PAIRING_G1_SIZE]);
void pairing_g1_generator(struct pairing_g1 *out);
/* p^s */
void pairing_g1_power(const struct pairing_g1 *p, const struct pairing_scalar *s,
                      struct pairing_g1 *out);

/* 1 / p */
void pairing_g1_inverse(const struct pairing_g1 *p, struct pairing_g1 *out);
/*
 * The element that the message stands for, of which nobody knows the logarithm: hash_to_curve of
 * RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_. dst: the domain separation tag,
 * 1..PAIRING_DST_MAX octets, else RC_BAD_REQUEST. Takes time that depends on the length of message
 * alone. RC_INTERNAL: the neutral element, which no message is known for.
 */
enum rc pairing_g1_hash(struct slice message, struct slice dst, struct pairing_g1 *out);

enum rc pairing_g2_read(struct slice in, struct pairing_g2 *out);
void pairing_g2_write(const struct pairing_g2 *p, uint8_t out[PAIRING_G2_SIZE]);
void pairing_g2_generator(struct pairing_g2 *out);
/* p^s */
void pairing_g2_power(const struct pairing_g2 *p, const struct pairing_scalar *s,
                      struct pairing_g2 *out);

/* ---- products ---- */

/* The neutral element. */
void pairing_g1_product_begin(struct pairing_g1_product *x);
/* x p */
void pairing_g1_product_times(struct pairing_g1_product *x, const struct pairing_g1 *p);
/* x hash(message), as pairing_g1_hash has it; RC_BAD_REQUEST: the length of dst. */
enum rc pairing_g1_product_hash(struct pairing_g1_product *x, struct slice message,
                                struct slice dst);
/* x p^e; e is big-endian, may be zero and is no secret. */
void pairing_g1_product_power(struct pairing_g1_product *x, const struct pairing_g1 *p,
                              const uint8_t e[PAIRING_SHORT_SIZE]);
/* RC_BAD_REQUEST: the product is the neutral element; out is then zero. */
enum rc pairing_g1_product_end(const struct pairing_g1_product *x, struct pairing_g1 *out);

void pairing_g2_product_begin(struct pairing_g2_product *x);
void pairing_g2_product_times(struct pairing_g2_product *x, const struct pairing_g2 *p);
enum rc pairing_g2_product_end(const struct pairing_g2_product *x, struct pairing_g2 *out);

/* ---- the pairing ---- */

/* RC_NOT_IMPLEMENTED, or RC_OK. */
enum rc pairing_lines_make(const struct pairing_g2 *q, struct pairing_lines *out);
/* e(p, q), the final exponentiation included; q by its lines. */
void pairing_pair(const struct pairing_g1 *p, const struct pairing_lines *q,
                  struct pairing_gt *out);

/*
 * Whether e(p, q) of all pairs multiplied is 1: Miller loops that share their squarings, and one
 * final exponentiation. Many pairs cost time alone, no memory.
 */
void pairing_check_begin(struct pairing_check *c);
void pairing_check_pair(struct pairing_check *c, const struct pairing_g1 *p,
                        const struct pairing_g2 *q);
/* RC_FORBIDDEN: it is not. Nothing but begin follows. */
enum rc pairing_check_end(struct pairing_check *c);

/* ---- GT ---- */

enum rc pairing_gt_read(struct slice in, struct pairing_gt *out);
/* RC_BAD_REQUEST: x is 1, which has no such encoding; out is then zero. */
enum rc pairing_gt_write(const struct pairing_gt *x, uint8_t out[PAIRING_GT_SIZE]);
enum rc pairing_gt_read_raw(struct slice in, struct pairing_gt *out);
void pairing_gt_write_raw(const struct pairing_gt *x, uint8_t out[PAIRING_GT_RAW_SIZE]);
void pairing_gt_multiply(const struct pairing_gt *x, const struct pairing_gt *y,
                         struct pairing_gt *out);
/* 1 / x */
void pairing_gt_inverse(const struct pairing_gt *x, struct pairing_gt *out);
/* x^s */
void pairing_gt_power(const struct pairing_gt *x, const struct pairing_scalar *s,
                      struct pairing_gt *out);
/* The table of x; worth it from the second power on. */
void pairing_comb_make(const struct pairing_gt *x, struct pairing_comb *out);
/* x^s by the table of x. */
void pairing_comb_power(const struct pairing_comb *comb, const struct pairing_scalar *s,
                        struct pairing_gt *out);

#endif

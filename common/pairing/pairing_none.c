/* SPDX-License-Identifier: Apache-2.0 */
/* A build without pairing: nothing is ever made, so nothing is ever computed with it. */
#include "config.h"

#include "pairing/pairing.h"

static enum rc
none(void *out, size_t n)
{
	memset(out, 0, n);
	return RC_NOT_IMPLEMENTED;
}

enum rc
pairing_scalar_random(struct pairing_scalar *out)
{
	return none(out, sizeof(*out));
}

enum rc
pairing_scalar_read(struct slice in, struct pairing_scalar *out)
{
	(void)in;
	return none(out, sizeof(*out));
}

void
pairing_scalar_write(const struct pairing_scalar *s, uint8_t out[PAIRING_SCALAR_SIZE])
{
	(void)s;
	none(out, PAIRING_SCALAR_SIZE);
}

enum rc
pairing_scalar_derive(struct slice ikm, struct slice info, struct pairing_scalar *out)
{
	(void)ikm;
	(void)info;
	return none(out, sizeof(*out));
}

void
pairing_scalar_multiply(const struct pairing_scalar *a, const struct pairing_scalar *b,
                        struct pairing_scalar *out)
{
	(void)a;
	(void)b;
	none(out, sizeof(*out));
}

void
pairing_scalar_inverse(const struct pairing_scalar *s, struct pairing_scalar *out)
{
	(void)s;
	none(out, sizeof(*out));
}

enum rc
pairing_g1_read(struct slice in, struct pairing_g1 *out)
{
	(void)in;
	return none(out, sizeof(*out));
}

void
pairing_g1_write(const struct pairing_g1 *p, uint8_t out[PAIRING_G1_SIZE])
{
	(void)p;
	none(out, PAIRING_G1_SIZE);
}

void
pairing_g1_generator(struct pairing_g1 *out)
{
	none(out, sizeof(*out));
}

void
pairing_g1_power(const struct pairing_g1 *p, const struct pairing_scalar *s, struct pairing_g1 *out)
{
	(void)p;
	(void)s;
	none(out, sizeof(*out));
}

void
pairing_g1_inverse(const struct pairing_g1 *p, struct pairing_g1 *out)
{
	(void)p;
	none(out, sizeof(*out));
}

enum rc
pairing_g1_hash(struct slice message, struct slice dst, struct pairing_g1 *out)
{
	(void)message;
	(void)dst;
	return none(out, sizeof(*out));
}

enum rc
pairing_g2_read(struct slice in, struct pairing_g2 *out)
{
	(void)in;
	return none(out, sizeof(*out));
}

void
pairing_g2_write(const struct pairing_g2 *p, uint8_t out[PAIRING_G2_SIZE])
{
	(void)p;
	none(out, PAIRING_G2_SIZE);
}

void
pairing_g2_generator(struct pairing_g2 *out)
{
	none(out, sizeof(*out));
}

void
pairing_g2_power(const struct pairing_g2 *p, const struct pairing_scalar *s, struct pairing_g2 *out)
{
	(void)p;
	(void)s;
	none(out, sizeof(*out));
}

void
pairing_g1_product_begin(struct pairing_g1_product *x)
{
	none(x, sizeof(*x));
}

void
pairing_g1_product_times(struct pairing_g1_product *x, const struct pairing_g1 *p)
{
	(void)p;
	none(x, sizeof(*x));
}

enum rc
pairing_g1_product_hash(struct pairing_g1_product *x, struct slice message, struct slice dst)
{
	(void)message;
	(void)dst;
	return none(x, sizeof(*x));
}

void
pairing_g1_product_power(struct pairing_g1_product *x, const struct pairing_g1 *p,
                         const uint8_t e[PAIRING_SHORT_SIZE])
{
	(void)p;
	(void)e;
	none(x, sizeof(*x));
}

enum rc
pairing_g1_product_end(const struct pairing_g1_product *x, struct pairing_g1 *out)
{
	(void)x;
	return none(out, sizeof(*out));
}

void
pairing_g2_product_begin(struct pairing_g2_product *x)
{
	none(x, sizeof(*x));
}

void
pairing_g2_product_times(struct pairing_g2_product *x, const struct pairing_g2 *p)
{
	(void)p;
	none(x, sizeof(*x));
}

enum rc
pairing_g2_product_end(const struct pairing_g2_product *x, struct pairing_g2 *out)
{
	(void)x;
	return none(out, sizeof(*out));
}

enum rc
pairing_lines_make(const struct pairing_g2 *q, struct pairing_lines *out)
{
	(void)q;
	return none(out, sizeof(*out));
}

void
pairing_pair(const struct pairing_g1 *p, const struct pairing_lines *q, struct pairing_gt *out)
{
	(void)p;
	(void)q;
	none(out, sizeof(*out));
}

void
pairing_check_begin(struct pairing_check *c)
{
	none(c, sizeof(*c));
}

void
pairing_check_pair(struct pairing_check *c, const struct pairing_g1 *p, const struct pairing_g2 *q)
{
	(void)p;
	(void)q;
	none(c, sizeof(*c));
}

enum rc
pairing_check_end(struct pairing_check *c)
{
	return none(c, sizeof(*c));
}

enum rc
pairing_gt_read(struct slice in, struct pairing_gt *out)
{
	(void)in;
	return none(out, sizeof(*out));
}

enum rc
pairing_gt_write(const struct pairing_gt *x, uint8_t out[PAIRING_GT_SIZE])
{
	(void)x;
	return none(out, PAIRING_GT_SIZE);
}

enum rc
pairing_gt_read_raw(struct slice in, struct pairing_gt *out)
{
	(void)in;
	return none(out, sizeof(*out));
}

void
pairing_gt_write_raw(const struct pairing_gt *x, uint8_t out[PAIRING_GT_RAW_SIZE])
{
	(void)x;
	none(out, PAIRING_GT_RAW_SIZE);
}

void
pairing_gt_multiply(const struct pairing_gt *x, const struct pairing_gt *y, struct pairing_gt *out)
{
	(void)x;
	(void)y;
	none(out, sizeof(*out));
}

void
pairing_gt_inverse(const struct pairing_gt *x, struct pairing_gt *out)
{
	(void)x;
	none(out, sizeof(*out));
}

void
pairing_gt_power(const struct pairing_gt *x, const struct pairing_scalar *s, struct pairing_gt *out)
{
	(void)x;
	(void)s;
	none(out, sizeof(*out));
}

void
pairing_comb_make(const struct pairing_gt *x, struct pairing_comb *out)
{
	(void)x;
	none(out, sizeof(*out));
}

void
pairing_comb_power(const struct pairing_comb *comb, const struct pairing_scalar *s,
                   struct pairing_gt *out)
{
	(void)comb;
	(void)s;
	none(out, sizeof(*out));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pre/afgh_fixed.h"
#include "pre/afgh_own.h"
#include "sec/secret.h"

#include <stdlib.h>

/* ---- what is computed once ---- */

static enum rc
prepare(struct afgh *a)
{
	struct pairing_g1 g;
	struct pairing_g2 h;
	struct pairing_gt z;
	enum rc rc;

	pairing_g2_generator(&h);
	rc = pairing_lines_make(&h, &a->h);
	if (rc != RC_OK)
		return rc;
	pairing_g1_generator(&g);
	pairing_pair(&g, &a->h, &z);
	pairing_comb_make(&z, &a->z);
	return afgh_check(a);
}

enum rc
afgh_new(struct afgh **out)
{
	struct afgh *a = malloc(sizeof(*a));
	enum rc rc = a == NULL ? RC_UNAVAILABLE : prepare(a);

	if (rc != RC_OK) {
		free(a);
		a = NULL;
	}
	*out = a;
	return rc;
}

void
afgh_free(struct afgh *a)
{
	free(a);
}

/* ---- source ---- */

/* (1): C1 = g^r, K = Z^(a1 r) */
static void
encapsulate(const struct afgh *a, const struct afgh_epoch *e, const struct pairing_scalar *r,
            uint8_t c1[AFGH_G1], struct afgh_gt *k)
{
	struct pairing_scalar s;
	struct pairing_gt x;
	struct pairing_g1 p;

	pairing_g1_generator(&p);
	pairing_g1_power(&p, r, &p);
	pairing_g1_write(&p, c1);
	pairing_scalar_multiply(&e->a1, r, &s);
	pairing_comb_power(&a->z, &s, &x);
	pairing_gt_write_raw(&x, k->raw);
	secret_wipe(&s, sizeof(s));
	secret_wipe(&x, sizeof(x));
}

/* Neither an element nor anything that looks like one. */
static enum rc
nothing(enum rc rc, uint8_t c1[AFGH_G1], struct afgh_gt *k)
{
	memset(c1, 0, AFGH_G1);
	secret_wipe(k, sizeof(*k));
	return rc;
}

enum rc
afgh_encrypt(const struct afgh *a, const struct afgh_epoch *e, uint8_t c1[AFGH_G1],
             struct afgh_gt *k)
{
	struct pairing_scalar r;
	enum rc rc = pairing_scalar_random(&r);

	if (rc != RC_OK)
		return nothing(rc, c1, k);
	encapsulate(a, e, &r, c1, k);
	secret_wipe(&r, sizeof(r));
	stack_wipe();
	return RC_OK;
}

enum rc
afgh_encrypt_fixed(const struct afgh *a, const struct afgh_epoch *e, struct slice r,
                   uint8_t c1[AFGH_G1], struct afgh_gt *k)
{
	struct pairing_scalar s;
	enum rc rc = pairing_scalar_read(r, &s);

	if (rc != RC_OK)
		return nothing(rc, c1, k);
	encapsulate(a, e, &s, c1, k);
	secret_wipe(&s, sizeof(s));
	stack_wipe();
	return RC_OK;
}

/* (1) by PK1: K = PK1^r */
static void
encapsulate_to(const struct pairing_gt *pk1, const struct pairing_scalar *r, uint8_t c1[AFGH_G1],
               struct afgh_gt *k)
{
	struct pairing_gt x;
	struct pairing_g1 p;

	pairing_g1_generator(&p);
	pairing_g1_power(&p, r, &p);
	pairing_g1_write(&p, c1);
	pairing_gt_power(pk1, r, &x);
	pairing_gt_write_raw(&x, k->raw);
	secret_wipe(&x, sizeof(x));
}

enum rc
afgh_encrypt_to(struct slice pk1, uint8_t c1[AFGH_G1], struct afgh_gt *k)
{
	struct pairing_scalar r;
	struct pairing_gt pk;
	enum rc rc = pairing_gt_read(pk1, &pk);

	if (rc == RC_OK)
		rc = pairing_scalar_random(&r);
	if (rc != RC_OK)
		return nothing(rc, c1, k);
	encapsulate_to(&pk, &r, c1, k);
	secret_wipe(&r, sizeof(r));
	stack_wipe();
	return RC_OK;
}

/* (2) */
enum rc
afgh_rekey(const struct afgh_epoch *e, struct slice pk2, uint8_t rk[AFGH_G2])
{
	struct pairing_g2 p;
	enum rc rc = pairing_g2_read(pk2, &p);

	if (rc != RC_OK) {
		memset(rk, 0, AFGH_G2);
		return rc;
	}
	pairing_g2_power(&p, &e->a1, &p);
	pairing_g2_write(&p, rk);
	secret_wipe(&p, sizeof(p));
	stack_wipe();
	return RC_OK;
}

enum rc
afgh_decrypt_second(const struct afgh *a, const struct afgh_epoch *e, struct slice c1,
                    struct afgh_gt *k)
{
	struct pairing_g1 p;
	struct pairing_gt x;
	enum rc rc = pairing_g1_read(c1, &p);

	if (rc != RC_OK) {
		secret_wipe(k, sizeof(*k));
		return rc;
	}
	pairing_g1_power(&p, &e->a1, &p);
	pairing_pair(&p, &a->h, &x);
	pairing_gt_write_raw(&x, k->raw);
	secret_wipe(&p, sizeof(p));
	secret_wipe(&x, sizeof(x));
	stack_wipe();
	return RC_OK;
}

/* ---- proxy ---- */

enum rc
afgh_rk_load(struct slice in, struct afgh_rk **out)
{
	struct pairing_g2 p;
	struct afgh_rk *rk;
	enum rc rc = pairing_g2_read(in, &p);

	*out = NULL;
	if (rc != RC_OK)
		return rc;
	rk = secret_alloc(sizeof(*rk));
	rc = rk == NULL ? RC_UNAVAILABLE : pairing_lines_make(&p, &rk->lines);
	secret_wipe(&p, sizeof(p));
	stack_wipe();
	if (rc == RC_OK)
		*out = rk;
	else
		afgh_rk_free(rk);
	return rc;
}

void
afgh_rk_free(struct afgh_rk *rk)
{
	secret_free(rk, sizeof(*rk));
}

/* (3) */
enum rc
afgh_reencrypt(const struct afgh_rk *rk, struct slice c1, uint8_t d[AFGH_GT])
{
	struct pairing_g1 p;
	struct pairing_gt x;
	enum rc rc = pairing_g1_read(c1, &p);

	if (rc != RC_OK) {
		memset(d, 0, AFGH_GT);
		return rc;
	}
	pairing_pair(&p, &rk->lines, &x);
	rc = pairing_gt_write(&x, d);
	secret_wipe(&x, sizeof(x));
	stack_wipe();
	return rc;
}

/* ---- sink ---- */

/* (4) */
enum rc
afgh_decrypt_first(const struct afgh_keys *keys, struct slice d, struct afgh_gt *k)
{
	struct pairing_gt x;
	enum rc rc = pairing_gt_read(d, &x);

	if (rc != RC_OK) {
		secret_wipe(k, sizeof(*k));
		return rc;
	}
	pairing_gt_power(&x, &keys->inverse, &x);
	pairing_gt_write_raw(&x, k->raw);
	secret_wipe(&x, sizeof(x));
	stack_wipe();
	return RC_OK;
}

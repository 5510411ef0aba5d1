/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of suite.h. */
#include "config.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "sec/secret.h"
#include "sga/hpke.h"

#define EXPONENT 36u /* octets: RFC 7919 wants 225 to 325 bits, by the group */

static const struct sga_group groups[] = {
	{ SGA_GROUP_X25519, SGA_SUITE_X, X25519_SIZE, X25519_SIZE, "X25519" },
	{ SGA_GROUP_FFDHE2048, SGA_SUITE_C, EXPONENT, 256, "ffdhe2048" },
	{ SGA_GROUP_FFDHE3072, SGA_SUITE_C, EXPONENT, 384, "ffdhe3072" },
	{ SGA_GROUP_FFDHE4096, SGA_SUITE_C, EXPONENT, 512, "ffdhe4096" },
};

const struct sga_group *
sga_group_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].id == id)
			return &groups[i];
	return NULL;
}

/* ---- X25519 ---- */

static enum rc
x_power(const uint8_t *base, const uint8_t *scalar, uint8_t *out)
{
	EVP_PKEY *key = sga_x25519_key(scalar);
	enum rc rc = key == NULL ? RC_INTERNAL : sga_x25519(key, base, out);

	EVP_PKEY_free(key);
	return rc;
}

static enum rc
x_base_power(const uint8_t *scalar, uint8_t *out)
{
	EVP_PKEY *key = sga_x25519_key(scalar);
	size_t n = X25519_SIZE;
	bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &n) == 1;

	EVP_PKEY_free(key);
	return ok ? RC_OK : RC_INTERNAL;
}

/*
 * What every scalar, a multiple of the cofactor, takes to zero, on the curve and on its twist: 0, 1,
 * p - 1, the two of order 8, and p and p + 1, which stand for 0 and 1.
 */
static const uint8_t low_order[][X25519_SIZE] = {
	{ 0x00 },
	{ 0x01 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
};

/* p - 1, p and p + 1 differ in their first octet alone. */
static bool
is_around_p(const uint8_t *n)
{
	for (size_t i = 1; i < X25519_SIZE - 1u; i++)
		if (n[i] != 0xff)
			return false;
	return n[0] >= 0xec && n[0] <= 0xee && n[X25519_SIZE - 1u] == 0x7f;
}

/* No secret, and no multiplication. The last bit counts for nothing (RFC 7748, 5). */
static bool
x_check(const uint8_t *element)
{
	uint8_t n[X25519_SIZE];

	memcpy(n, element, sizeof(n));
	n[X25519_SIZE - 1u] &= 0x7f;
	for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++)
		if (memcmp(n, low_order[i], sizeof(n)) == 0)
			return false;
	return !is_around_p(n);
}

/* ---- primes ---- */

/* p, the generator 2 and what is computed with them; freed by field_free. */
struct field {
	BN_CTX *ctx;
	BIGNUM *p;
};

static void
field_free(struct field *f)
{
	BN_free(f->p);
	BN_CTX_free(f->ctx);
}

/* p as libcrypto knows it by name. The caller calls field_free, whatever this returns. */
static bool
field_make(const struct sga_group *g, struct field *f)
{
	char name[16] = { 0 };
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;
	bool ok;

	/* The name is short; the library only reads it, but wants it writable. */
	(void)slice_copy(slice_of(g->name), name, sizeof(name));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
	*f = (struct field){ .ctx = BN_CTX_secure_new() };
	ok = ctx != NULL && f->ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) == 1 &&
	     EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_P, &f->p) == 1;
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/*
 * RC_BAD_REQUEST unless 2 <= n <= p-2 and n is a square: p is a safe prime, so that squares are the
 * group of order (p-1)/2 (SP 800-56A rev. 3, 5.6.2.3.1, with a Legendre symbol for the power).
 */
static enum rc
ff_check(const struct field *f, const BIGNUM *n)
{
	BIGNUM *last = BN_dup(f->p);
	enum rc rc = RC_INTERNAL;

	if (last != NULL && BN_sub_word(last, 1) == 1) {
		bool in_range = BN_cmp(n, BN_value_one()) > 0 && BN_cmp(n, last) < 0;
		int symbol = in_range ? BN_kronecker(n, f->p, f->ctx) : 0;

		/* Below -1: no memory. */
		if (symbol >= -1)
			rc = symbol == 1 ? RC_OK : RC_BAD_REQUEST;
	}
	BN_free(last);
	return rc;
}

/* The base has been checked. */
static enum rc
ff_raise(const struct field *f, const BIGNUM *base, const struct sga_exponent *e, size_t n,
         uint8_t *out)
{
	BIGNUM *exponent = BN_secure_new(), *power = BN_secure_new();
	bool ok = exponent != NULL && power != NULL && BN_bin2bn(e->v, (int)e->n, exponent) != NULL;
	enum rc rc = RC_INTERNAL;

	if (ok) {
		BN_set_flags(exponent, BN_FLG_CONSTTIME);
		ok = BN_mod_exp_mont_consttime(power, base, exponent, f->p, f->ctx, NULL) == 1;
	}
	if (ok && BN_is_one(power))
		rc = RC_BAD_REQUEST;
	else if (ok && BN_bn2binpad(power, out, (int)n) == (int)n)
		rc = RC_OK;
	BN_clear_free(exponent);
	BN_clear_free(power);
	return rc;
}

/* Exponents that are no secret: 0 and 1. */
static bool
is_trivial(const struct sga_exponent *e)
{
	uint8_t any = e->v[e->n - 1u] & 0xfe;

	for (size_t i = 0; i + 1 < e->n; i++)
		any |= e->v[i];
	return any == 0;
}

/* base: NULL stands for the generator. out: NULL: base is only checked. */
static enum rc
ff_power(const struct sga_group *g, const uint8_t *base, const struct sga_exponent *e, uint8_t *out)
{
	struct field f;
	BIGNUM *n = BN_new();
	enum rc rc = RC_INTERNAL;

	if (out != NULL && is_trivial(e)) {
		BN_free(n);
		return RC_BAD_REQUEST;
	}
	if (field_make(g, &f) && n != NULL &&
	    (base == NULL ? BN_set_word(n, 2) == 1 : BN_bin2bn(base, g->element, n) != NULL))
		rc = base == NULL ? RC_OK : ff_check(&f, n);
	if (rc == RC_OK && out != NULL)
		rc = ff_raise(&f, n, e, g->element, out);
	BN_clear_free(n);
	field_free(&f);
	return rc;
}

/* ---- both ---- */

bool
sga_group_check(const struct sga_group *g, struct slice element)
{
	const uint8_t *p = (const uint8_t *)element.p;

	if (element.n != g->element)
		return false;
	return g->suite == SGA_SUITE_X ? x_check(p) : ff_power(g, p, NULL, NULL) == RC_OK;
}

enum rc
sga_group_exponent(const struct sga_group *g, const struct sga_random *r, struct sga_exponent *out)
{
	enum rc rc;

	*out = (struct sga_exponent){ .n = g->exponent };
	rc = sga_random_secret(r, out->v, out->n);
	if (rc == RC_OK && g->suite != SGA_SUITE_X && is_trivial(out))
		rc = RC_INTERNAL; /* the generator is broken */
	return rc;
}

enum rc
sga_group_base_power(const struct sga_group *g, const struct sga_exponent *e, uint8_t *out)
{
	if (e->n != g->exponent)
		return RC_BAD_REQUEST;
	return g->suite == SGA_SUITE_X ? x_base_power(e->v, out) : ff_power(g, NULL, e, out);
}

enum rc
sga_group_power(const struct sga_group *g, struct slice base, const struct sga_exponent *e,
                uint8_t *out)
{
	const uint8_t *p = (const uint8_t *)base.p;
	enum rc rc = RC_BAD_REQUEST;

	if (base.n == g->element && e->n == g->exponent && g->suite == SGA_SUITE_X)
		rc = x_power(p, e->v, out);
	else if (base.n == g->element && e->n == g->exponent)
		rc = ff_power(g, p, e, out);
	if (rc != RC_OK)
		secret_wipe(out, g->element);
	return rc;
}

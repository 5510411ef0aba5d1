/* SPDX-License-Identifier: Apache-2.0 */
/* Suite X: HPKE and X25519. */
#include "config.h"

#include <openssl/evp.h>

#include "sec/secret.h"
#include "sga/hpke.h"

static enum rc
public_read(struct slice octets, EVP_PKEY **out)
{
	if (!sga_group_check(sga_group_find(SGA_GROUP_X25519), octets))
		return RC_BAD_REQUEST;
	*out = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, (const uint8_t *)octets.p,
	                                   octets.n);
	return *out == NULL ? RC_INTERNAL : RC_OK;
}

static size_t
public_write(EVP_PKEY *key, uint8_t *out)
{
	size_t n = SGA_PUBLIC_MAX;

	return EVP_PKEY_get_raw_public_key(key, out, &n) == 1 ? n : 0;
}

static enum rc
private_make(const struct sga_random *r, EVP_PKEY **out)
{
	uint8_t scalar[X25519_SIZE];
	enum rc rc = sga_random_secret(r, scalar, sizeof(scalar));

	if (rc != RC_OK)
		return rc;
	*out = sga_x25519_key(scalar);
	secret_wipe(scalar, sizeof(scalar));
	return *out == NULL ? RC_INTERNAL : RC_OK;
}

static enum rc
private_read(struct slice octets, EVP_PKEY **out)
{
	if (octets.n != X25519_SIZE)
		return RC_BAD_REQUEST;
	*out = sga_x25519_key((const uint8_t *)octets.p);
	return *out == NULL ? RC_INTERNAL : RC_OK;
}

static enum rc
private_write(EVP_PKEY *key, struct buf *to)
{
	char *at = buf_reserve(to, X25519_SIZE);
	size_t n = X25519_SIZE;

	if (at == NULL)
		return RC_NO_SPACE;
	if (EVP_PKEY_get_raw_private_key(key, (uint8_t *)at, &n) != 1)
		return RC_INTERNAL;
	to->n += n;
	return RC_OK;
}

static enum rc
encapsulate(const struct sga_public *k, const struct sga_random *r, uint8_t *enc,
            struct sga_shared *out)
{
	return sga_dhkem_make(k->octets, r, enc, out);
}

static enum rc
decapsulate(const struct sga_private *k, const uint8_t *enc, struct sga_shared *out)
{
	return sga_dhkem_open(k->pkey, enc, out);
}

static enum rc
derive(const struct sga_shared *z, struct slice info, struct slice enc, uint8_t out[SGA_ONCE_SIZE])
{
	(void)enc; /* the KEM has it in its shared secret */
	return sga_hpke_keys(z, info, out);
}

const struct sga_suite_ops sga_suite_x_ops = {
	.public_read = public_read,
	.public_write = public_write,
	.private_make = private_make,
	.private_read = private_read,
	.private_write = private_write,
	.encapsulate = encapsulate,
	.decapsulate = decapsulate,
	.derive = derive,
	.enc_in_aad = false,
	.exponent = X25519_SIZE,
};

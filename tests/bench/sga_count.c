/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sga_count.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sec/cipher.h"
#include "sec/digest.h"
#include "sec/sign.h"

unsigned long counted[COUNTS];
const char *const count_names[COUNTS] = {
	[COUNT_POWER] = "power",   [COUNT_RSA_PUBLIC] = "rsa_public",
	[COUNT_SIGN] = "sign",     [COUNT_RSA_PRIVATE] = "rsa_private",
	[COUNT_VERIFY] = "verify", [COUNT_AEAD] = "aead",
	[COUNT_HMAC] = "hmac",     [COUNT_HASH] = "hash",
};

/* The linker's names for what it has put something in front of. */
#define COUNTED(type, name, which, parameters, arguments)                                          \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		counted[which]++;                                                                  \
		return __real_##name arguments;                                                    \
	}

/* A private key of X25519 comes with its public one: a multiplication. */
COUNTED(EVP_PKEY *, EVP_PKEY_new_raw_private_key, COUNT_POWER,
        (int type, ENGINE *e, const unsigned char *key, size_t n), (type, e, key, n))
COUNTED(int, EVP_PKEY_derive, COUNT_POWER, (EVP_PKEY_CTX * c, unsigned char *out, size_t *n),
        (c, out, n))
COUNTED(int, BN_mod_exp_mont_consttime, COUNT_POWER,
        (BIGNUM * r, const BIGNUM *a, const BIGNUM *e, const BIGNUM *m, BN_CTX *c,
         BN_MONT_CTX *mont),
        (r, a, e, m, c, mont))
COUNTED(int, EVP_PKEY_encrypt, COUNT_RSA_PUBLIC,
        (EVP_PKEY_CTX * c, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n),
        (c, out, n, in, in_n))
COUNTED(int, EVP_PKEY_decrypt, COUNT_RSA_PRIVATE,
        (EVP_PKEY_CTX * c, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n),
        (c, out, n, in, in_n))
COUNTED(enum rc, sign_make, COUNT_SIGN,
        (const struct sign_key *k, enum sign_domain domain, struct slice message,
         uint8_t sig[SIGN_SIZE]),
        (k, domain, message, sig))
COUNTED(enum rc, sign_verify, COUNT_VERIFY,
        (const struct sign_public *p, enum sign_domain domain, struct slice message,
         const uint8_t sig[SIGN_SIZE]),
        (p, domain, message, sig))
COUNTED(enum rc, aead_seal_once, COUNT_AEAD,
        (const struct cipher *c, const uint8_t *key, const uint8_t *nonce, struct slice aad,
         struct slice plain, uint8_t *out),
        (c, key, nonce, aad, plain, out))
COUNTED(enum rc, aead_open_once, COUNT_AEAD,
        (const struct cipher *c, const uint8_t *key, const uint8_t *nonce, struct slice aad,
         struct slice sealed, uint8_t *out),
        (c, key, nonce, aad, sealed, out))
COUNTED(unsigned char *, HMAC, COUNT_HMAC,
        (const EVP_MD *md, const void *key, int key_n, const unsigned char *text, size_t n,
         unsigned char *out, unsigned int *out_n),
        (md, key, key_n, text, n, out, out_n))
COUNTED(enum rc, digest_hmac, COUNT_HMAC,
        (struct slice key, const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE]),
        (key, parts, n, out))
COUNTED(enum rc, digest_sha256, COUNT_HASH,
        (const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE]), (parts, n, out))

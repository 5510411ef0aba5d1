/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a suite is made of: a key encapsulation and what its shared secret becomes. For suite*.c and
 * the files that they use.
 */
#ifndef SGA_SUITE_OWN_H
#define SGA_SUITE_OWN_H

#include "sga/suite.h"

struct evp_pkey_st;

#define SGA_SHARED_MAX SGA_ENC_MAX
#define SGA_ONCE_KEY 16u /* AES-128-GCM, for one message */
#define SGA_ONCE_SIZE (SGA_ONCE_KEY + 12u) /* key and nonce */

/* The secret that an encapsulation carries; wiped by who has it. */
struct sga_shared {
	size_t n;
	uint8_t v[SGA_SHARED_MAX];
};

struct sga_public {
	const struct sga_suite *suite;
	struct evp_pkey_st *pkey;
	size_t n;
	uint8_t octets[SGA_PUBLIC_MAX];
};

struct sga_private {
	struct evp_pkey_st *pkey;
	struct sga_public public; /* with a reference to the same pkey */
};

/* Keys are EVP_PKEY, which who takes *out frees. */
struct sga_suite_ops {
	enum rc (*public_read)(struct slice octets, struct evp_pkey_st **out);
	/* At most SGA_PUBLIC_MAX octets; 0: libcrypto fails. */
	size_t (*public_write)(struct evp_pkey_st *key, uint8_t *out);
	enum rc (*private_make)(const struct sga_random *r, struct evp_pkey_st **out);
	enum rc (*private_read)(struct slice octets, struct evp_pkey_st **out);
	enum rc (*private_write)(struct evp_pkey_st *key, struct buf *to);
	/* enc: of the suite's length. */
	enum rc (*encapsulate)(const struct sga_public *k, const struct sga_random *r, uint8_t *enc,
	                       struct sga_shared *out);
	/* RC_BAD_REQUEST: enc is nothing that can be inverted. */
	enum rc (*decapsulate)(const struct sga_private *k, const uint8_t *enc,
	                       struct sga_shared *out);
	/* Key and nonce of the one message. */
	enum rc (*derive)(const struct sga_shared *z, struct slice info, struct slice enc,
	                  uint8_t out[SGA_ONCE_SIZE]);
	bool enc_in_aad;
	uint8_t exponent; /* octets of F's r */
};

extern const struct sga_suite_ops sga_suite_x_ops, sga_suite_c_ops;

#endif

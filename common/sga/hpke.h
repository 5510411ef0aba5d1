/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HPKE (RFC 9180), base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM, for one
 * message: what libcrypto has from 3.2 on. And X25519 (RFC 7748) as all of it wants it. For
 * suite_x.c and dh.c. Any thread.
 */
#ifndef SGA_HPKE_H
#define SGA_HPKE_H

#include "sga/suite_own.h"

#define X25519_SIZE 32u

/* A private key of 32 octets; NULL when libcrypto fails. The caller frees it with EVP_PKEY_free. */
struct evp_pkey_st *sga_x25519_key(const uint8_t scalar[X25519_SIZE]);
/*
 * Writes the shared value, which the caller wipes. RC_BAD_REQUEST, and zeros: peer is of low order
 * (RFC 7748, 6.1); RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc sga_x25519(struct evp_pkey_st *key, const uint8_t peer[X25519_SIZE],
                   uint8_t out[X25519_SIZE]);

/* Encap: enc and the shared secret for the public key. RC_BAD_REQUEST: public is of low order. */
enum rc sga_dhkem_make(const uint8_t public[X25519_SIZE], const struct sga_random *r,
                       uint8_t enc[X25519_SIZE], struct sga_shared *out);
/* Decap. RC_BAD_REQUEST: enc is of low order. */
enum rc sga_dhkem_open(struct evp_pkey_st *key, const uint8_t enc[X25519_SIZE],
                       struct sga_shared *out);
/* key 16 || base_nonce 12, which the caller wipes. */
enum rc sga_hpke_keys(const struct sga_shared *shared, struct slice info,
                      uint8_t out[SGA_ONCE_SIZE]);

#endif

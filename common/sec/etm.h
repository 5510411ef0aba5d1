/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block cipher in counter mode and HMAC-SHA-256, encrypt-then-MAC: see cipher.h for the octets.
 * For cipher.c.
 */
#ifndef SEC_ETM_H
#define SEC_ETM_H

#include "sec/secret.h"

#define ETM_NONCE 12u
#define ETM_TAG 16u

struct evp_cipher_ctx_st;

/* ctx: in counter mode, with its key. Writes plain.n + ETM_TAG octets; false when libcrypto fails. */
bool etm_seal(struct evp_cipher_ctx_st *ctx, const struct key *mac, const uint8_t *nonce,
              struct slice aad, struct slice plain, uint8_t *out);
/*
 * sealed has a tag. Writes sealed.n - ETM_TAG octets. RC_BAD_REQUEST, and nothing is written: not
 * what was sealed; RC_INTERNAL.
 */
enum rc etm_open(struct evp_cipher_ctx_st *ctx, const struct key *mac, const uint8_t *nonce,
                 struct slice aad, struct slice sealed, uint8_t *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Readings that are signed each: Ed25519 over domain SIGN_SMALL_DATA || M. Any thread. */
#ifndef SD_ED25519_H
#define SD_ED25519_H

#include "sd/bundle.h"
#include "sec/sign.h"

/* RC_BAD_REQUEST: the payload is too long; RC_UNAVAILABLE, RC_INTERNAL. */
enum rc sd_ed25519_sign(const struct sign_key *k, const struct sd_reading *r,
                        uint8_t out[SD_ED25519_SIZE]);
/* RC_FORBIDDEN: not the signature of p; RC_BAD_REQUEST, RC_UNAVAILABLE, RC_INTERNAL. */
enum rc sd_ed25519_verify(const struct sign_public *p, const struct sd_reading *r,
                          const uint8_t signature[SD_ED25519_SIZE]);

#endif

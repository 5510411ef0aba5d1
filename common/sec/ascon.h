/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ascon-AEAD128, NIST SP 800-232 (August 2025): authenticated encryption for small devices. It is
 * not the Ascon-128 of the CAESAR competition: octets are taken as little-endian words, the
 * initial value and the rate (16 octets) differ. No table, no branch and no address depends on a
 * secret. Any thread.
 */
#ifndef SEC_ASCON_H
#define SEC_ASCON_H

#include "base/slice.h"

#define ASCON_KEY 16u
#define ASCON_NONCE 16u
#define ASCON_TAG 16u

/* Writes plain.n + ASCON_TAG octets; out must not overlap plain. */
void ascon_seal(const uint8_t key[ASCON_KEY], const uint8_t nonce[ASCON_NONCE], struct slice aad,
                struct slice plain, uint8_t *out);
/*
 * Writes sealed.n - ASCON_TAG octets; out must not overlap sealed. False, and zeros: not what was
 * sealed; false, and nothing is written: shorter than a tag.
 */
bool ascon_open(const uint8_t key[ASCON_KEY], const uint8_t nonce[ASCON_NONCE], struct slice aad,
                struct slice sealed, uint8_t *out);

#endif

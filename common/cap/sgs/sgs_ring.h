/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key sets of the server that are in use: for each suite that is offered the current one, those
 * before it as long as something was begun with them, and the key that signs the packages. A new
 * one is made when the current one is older than sga.rotate. Any thread.
 */
#ifndef CAP_SGS_SGS_RING_H
#define CAP_SGS_SGS_RING_H

#include "cap/sgs/sgs_own.h"
#include "sec/sign.h"
#include "sga/keys.h"

/* Shared; immutable. */
struct sgs_keyset;

/*
 * The current key set of a suite; *before: the one that was current until the time window ago, else
 * NULL. Each is given back by sgs_keyset_end. NULL: the suite is not offered.
 */
struct sgs_keyset *sgs_ring_current(struct sgs_ring *r, uint8_t suite, struct sgs_keyset **before);
/* That one, current or not; NULL: it is gone. */
struct sgs_keyset *sgs_ring_find(struct sgs_ring *r, uint8_t suite, uint32_t serial);
/* NULL is fine. */
void sgs_keyset_end(struct sgs_keyset *k);
const struct sga_keys *sgs_keyset_keys(const struct sgs_keyset *k);
uint32_t sgs_keyset_serial(const struct sgs_keyset *k);
/* What packages are verified by. */
const struct sign_public *sgs_ring_signer(const struct sgs_ring *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is derived of the key kd that a device and G share:
 *
 *   KD(kd, L, n) = HKDF-SHA256(salt "SGA/1 kd", ikm kd, info L || lv8(ID) || lv8(ID_G), n)
 *
 * and the keyed hash f_k of the paper: HMAC-SHA256. RC_INTERNAL, and zeros, when the library fails.
 * The caller wipes what it gets. Any thread.
 */
#ifndef SGA_KD_H
#define SGA_KD_H

#include "sec/secret.h"
#include "sga/sga.h"

#define SGA_KD_LABEL_MAX 32u

/* The two who share a kd. */
struct sga_pair {
	const struct sga_id *device, *g;
};

/* KD with the label L (at most SGA_KD_LABEL_MAX octets), n octets. */
enum rc sga_kd(const struct key *kd, const struct sga_pair *who, struct slice label, void *out,
               size_t n);
/* k_auth, k_g2d, k_hop: KD("auth"), KD("g2d"), KD("hop"), 32 octets each. */
enum rc sga_kd_auth(const struct key *kd, const struct sga_pair *who, struct key *out);
enum rc sga_kd_g2d(const struct key *kd, const struct sga_pair *who, struct key *out);
enum rc sga_kd_hop(const struct key *kd, const struct sga_pair *who, struct key *out);
/* mask(sid, type) = KD("mask" || sid || type): hides kt_i in A1 and A2. */
enum rc sga_kd_mask(const struct key *kd, const struct sga_pair *who, const struct sga_sid *sid,
                    uint8_t type, struct key *out);

/* HMAC-SHA256 of text under key. */
enum rc sga_mac(const struct key *key, struct slice text, uint8_t out[SGA_HASH_SIZE]);

#endif

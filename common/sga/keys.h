/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own keys of one suite and generation: the private keys of PK_E and PK_F with the
 * package that publishes them. A new generation has new keys and a higher serial. Immutable once
 * made: any thread.
 */
#ifndef SGA_KEYS_H
#define SGA_KEYS_H

#include "sga/package.h"

#define SGA_KEYS_MAX 4096u /* octets that sga_keys_save appends: what a wrapped record takes */

struct sga_keys;

/* What a generation is made of. */
struct sga_keys_conf {
	uint8_t suite; /* SGA_SUITE_C, SGA_SUITE_X */
	uint16_t group; /* of that suite; 0: the usual one */
	uint16_t ciphers; /* CidSet: known ones, and one of SGA_CIPHERS_MANDATORY */
	uint32_t serial; /* above those of the generations before */
	uint64_t not_after; /* seconds since 1970 */
	struct sga_id id; /* ID_G */
	const struct sign_key *sign; /* signs the package; not kept */
};

/*
 * Makes both keys and the package; with suite C that takes seconds. r: see sga_private_make.
 * RC_BAD_REQUEST: something in c is not as said above. The caller frees *out with sga_keys_free.
 */
enum rc sga_keys_make(const struct sga_keys_conf *c, const struct sga_random *r,
                      struct sga_keys **out);
/*
 * Appends secret octets (at most SGA_KEYS_MAX), from which sga_keys_load makes the same, together with
 * the octets of the package, which are no secret: version 01 | lv16(private key of PK_E) |
 * lv16(private key of PK_F). to must be marked secret; the caller wipes it. RC_NO_SPACE when it is
 * full.
 */
enum rc sga_keys_save(const struct sga_keys *k, struct buf *to);
/*
 * secret: of sga_keys_save; package: sga_package_octets of sga_keys_package; signer: of the key that
 * signed it. RC_BAD_REQUEST: secret is something else, or does not belong to the package; of the
 * package as sga_package_read, except that its time may be over.
 */
enum rc sga_keys_load(struct slice secret, struct slice package, const struct sign_public *signer,
                      struct sga_keys **out);
/* These live as long as k. */
const struct sga_package *sga_keys_package(const struct sga_keys *k);
const struct sga_private *sga_keys_e(const struct sga_keys *k);
const struct sga_private *sga_keys_f(const struct sga_keys *k);
/* Wipes; NULL is fine. */
void sga_keys_free(struct sga_keys *k);

#endif

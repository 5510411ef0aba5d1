/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's part: management messages for a sink. Everything else is forwarded as it came.
 *
 * Outcomes: RC_BAD_REQUEST for whatever is wrong with a message; RC_TOO_LARGE for a sink of more than
 * PRE_URL_MAX octets; RC_NO_SPACE when a buffer is full, which is then marked as failed;
 * RC_UNAVAILABLE without memory or secret memory; RC_INTERNAL when a library fails;
 * RC_NOT_IMPLEMENTED in a build without pairing. A grant is immutable: any thread.
 */
#ifndef PRE_REENCRYPT_H
#define PRE_REENCRYPT_H

#include "pre/key_file.h"
#include "pre/unit.h"

/* A loaded re-encryption key: one sink, one epoch of a stream; about 20 KiB of secret memory. */
struct pre_grant;

/* The caller frees *out with pre_grant_free and may wipe k. */
enum rc pre_grant_new(const struct pre_rekey *k, struct pre_grant **out);
/* Wipes and frees; NULL is fine. */
void pre_grant_free(struct pre_grant *g);
/* Whether u is a management message of the epoch that g is for. */
bool pre_grant_fits(const struct pre_grant *g, const struct pre_unit *u);

/*
 * D of a management message that fits, to be kept for repetitions or given to pre_reencrypt_with.
 * source: the signature is verified before the pairing is computed; NULL: it is not known.
 */
enum rc pre_grant_power(const struct pre_grant *g, const struct pre_unit *u,
                        const struct sign_public *source, uint8_t d[AFGH_GT]);
/* Appends the unit of the MM1 of u with that D; sink: its new sink URL or name. */
enum rc pre_reencrypt_with(const struct pre_grant *g, const struct pre_unit *u,
                           const uint8_t d[AFGH_GT], struct slice sink, struct buf *to);
/* Both. */
enum rc pre_reencrypt(const struct pre_grant *g, const struct pre_unit *u,
                      const struct sign_public *source, struct slice sink, struct buf *to);

#endif

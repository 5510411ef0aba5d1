/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF with SHA-256 (RFC 5869), whole and in its two steps. Any thread. */
#ifndef SEC_HKDF_H
#define SEC_HKDF_H

#include "sec/secret.h"

#define HKDF_MAX 8160u /* octets that one derivation gives */

/*
 * n (1..HKDF_MAX) octets of ikm for the use that info names. The caller wipes out, which is no part
 * of an input. RC_INTERNAL, and zeros, when the library fails; RC_BAD_REQUEST, and out untouched: n.
 */
enum rc hkdf_sha256(struct slice salt, struct slice ikm, struct slice info, void *out, size_t n);

/*
 * HKDF-Extract: HMAC-SHA-256 of ikm under salt, either of which may lie in *out. RC_INTERNAL, and a
 * zero key. The caller wipes *out.
 */
enum rc hkdf_extract(struct slice salt, struct slice ikm, struct key *out);

/* HKDF-Expand of a key of hkdf_extract; n, info and outcomes as hkdf_sha256. */
enum rc hkdf_expand(const struct key *prk, struct slice info, void *out, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC-SHA-256 of what lies in pieces. The pieces are not separated from each other in
 * what is hashed: whoever makes them sees to it that they cannot be cut in another way. Any thread.
 */
#ifndef SEC_DIGEST_H
#define SEC_DIGEST_H

#include "base/rc.h"

#define DIGEST_SIZE 32u

/* RC_INTERNAL, and zeros, when the library fails. */
enum rc digest_sha256(const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE]);
/* The same under a key of any length; out may be where the key or a piece lies. */
enum rc digest_hmac(struct slice key, const struct slice *parts, size_t n,
                    uint8_t out[DIGEST_SIZE]);

#endif

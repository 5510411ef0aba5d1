/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of signing keys have in common, on the types of libcrypto. Any thread. */
#ifndef SEC_PKEY_H
#define SEC_PKEY_H

#include "base/rc.h"

#include <stdint.h>

struct evp_pkey_st;

/*
 * The key of a PEM text (at most KEY_FILE_MAX octets, not encrypted), of any kind; the caller frees
 * it with EVP_PKEY_free. NULL when there is none.
 */
struct evp_pkey_st *pkey_private(struct slice pem);
struct evp_pkey_st *pkey_public(struct slice pem);

/*
 * Signs message (Ed25519, or with SHA-256) into out, which has room for *n octets; *n is then the
 * length. RC_INTERNAL when the library fails.
 */
enum rc pkey_sign(struct evp_pkey_st *key, struct slice message, uint8_t *out, size_t *n);
/* RC_OK, RC_FORBIDDEN: not the signature; RC_INTERNAL. */
enum rc pkey_verify(struct evp_pkey_st *key, struct slice message, struct slice signature);

#endif

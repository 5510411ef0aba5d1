/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key for transport under another one: AES key wrap (RFC 3394) with 256 bits, the 40 octets of
 * securityEncryptedM2MKey. Any thread.
 */
#ifndef SEC_KEYWRAP_H
#define SEC_KEYWRAP_H

#include "sec/secret.h"

#define KEYWRAP_BYTES (KEY_BYTES + 8)

/* RC_INTERNAL, and zeros, when the library fails. */
enum rc key_wrap(const struct key *kek, const struct key *k, uint8_t out[KEYWRAP_BYTES]);
/*
 * RC_BAD_REQUEST when wrapped has another length, RC_DENIED when it was not made with kek or has
 * been changed; *out is then zero. The caller wipes *out.
 */
enum rc key_unwrap(const struct key *kek, struct slice wrapped, struct key *out);

#endif

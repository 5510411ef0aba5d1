/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url of RFC 4648 section 5 without padding, as JOSE and the X-M2M- headers use it. */
#ifndef SEC_B64URL_H
#define SEC_B64URL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that n octets take. */
#define B64URL_LEN(n) (((n) * 4 + 2) / 3)

/* Writes B64URL_LEN(n) characters to to; no zero behind them. Any thread. */
void b64url_encode(char *to, const void *octets, size_t n);
/* Appends the encoding of s. */
void b64url_add(struct buf *to, struct slice s);

/* Octets that n characters stand for; SIZE_MAX when no encoding has that length. */
size_t b64url_octets(size_t n);
/*
 * Decodes the whole text into to, which has room for b64url_octets(text.n). False when a character
 * is foreign (white space and padding are), the length impossible, or the unused bits of the last
 * character are not 0: one sequence of octets has one text. Any thread.
 */
bool b64url_decode(struct slice text, uint8_t *to);

#endif

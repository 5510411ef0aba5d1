/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 section 4, as xs:base64Binary uses it. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the padded encoding of s. */
void base64_encode(struct buf *to, struct slice s);
/*
 * Decodes s (white space is skipped, padding required) into the arena. False when s is not
 * base64 or the arena is exhausted.
 */
bool base64_decode(struct arena *a, struct slice s, struct slice *out);
/* The same, appended to a buffer; when it fails, the buffer has not grown. */
bool base64_append(struct buf *to, struct slice s);

#endif

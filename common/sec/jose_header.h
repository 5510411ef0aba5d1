/* SPDX-License-Identifier: Apache-2.0 */
/* The header of object security (jose.h) as the one JSON text that it has. Any thread. */
#ifndef SEC_JOSE_HEADER_H
#define SEC_JOSE_HEADER_H

#include "sec/jose.h"

/*
 * Writes the text into out, which is empty and may hold JOSE_HEADER_MAX octets. RC_BAD_REQUEST: a
 * member is out of its range; RC_UNAVAILABLE.
 */
enum rc jose_header_write(const struct jose_header *h, struct buf *out);

/*
 * Reads all n octets of text, in which strings are unescaped in place; out points into them. False
 * when they are anything but what jose_header_write makes.
 */
bool jose_header_read(char *text, size_t n, struct jose_header *out);

#endif

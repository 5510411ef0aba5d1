/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages have in common, for message.c and message_home.c alone. */
#ifndef GAKA_MESSAGE_OWN_H
#define GAKA_MESSAGE_OWN_H

#include "gaka/message.h"

/* The fields of a message of that type and length; NULL: its header is not of such a one. */
const uint8_t *gaka_fields(struct slice message, enum gaka_type type);
/* Writes the header of a message of n octets; returns where the fields begin. */
uint8_t *gaka_header(enum gaka_type type, size_t n, uint8_t *out);
/* True when iv is in its range for w, which is in its own. */
bool gaka_iv_ok(uint64_t iv, uint16_t w);

/* Copies n octets and returns what follows them, for readers and writers. */
const uint8_t *gaka_get(const uint8_t *from, void *to, size_t n);
uint8_t *gaka_put(uint8_t *to, const void *from, size_t n);

/* The vector in T3 and T11. */
uint8_t *gaka_vector_put(uint8_t *to, const struct gaka_vector *v);

#endif

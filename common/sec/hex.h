/* SPDX-License-Identifier: Apache-2.0 */
/* Octets as hexadecimal digits. The time depends on the lengths only. Any thread. */
#ifndef SEC_HEX_H
#define SEC_HEX_H

#include "base/slice.h"

/* Writes 2 * n lower-case digits and a zero. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly 2 * n digits of either case into n octets; false, and out undefined, else. */
bool hex_decode(struct slice text, void *out, size_t n);

#endif

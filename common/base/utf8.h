/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), as strictly as the RFC has it. Any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* Length of the UTF-8 sequence that s starts with and its code point; 0 when it is none. */
unsigned utf8_next(struct slice s, uint32_t *cp);
/* True when s is UTF-8 without control characters (C0, DEL, C1). */
bool utf8_printable(struct slice s);

#endif

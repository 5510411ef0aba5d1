/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody can guess. */
#ifndef BASE_IDENT_H
#define BASE_IDENT_H

#include <stddef.h>

#define IDENT_LEN 16

/*
 * Writes IDENT_LEN random characters [a-z0-9], the first a letter, and a zero: 82 bits from the
 * kernel. Any thread.
 */
void ident_random(char out[IDENT_LEN + 1]);

#define IDENT_SECRET_LEN 32

/*
 * The same with IDENT_SECRET_LEN hexadecimal digits, 128 bits: for names that are a right
 * themselves.
 */
void ident_secret(char out[IDENT_SECRET_LEN + 1]);

#endif

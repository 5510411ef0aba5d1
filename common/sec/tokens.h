/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens by their digests: a file of lines "NAME SHA-256 of the token, 64 hex digits", empty
 * lines and lines that begin with #. A token has at least 128 bits of randomness: what is in the
 * file is of no use to who reads it, all the same it must not be writable for others.
 */
#ifndef SEC_TOKENS_H
#define SEC_TOKENS_H

#include "base/rc.h"
#include "base/slice.h"

#include <stddef.h>

#define TOKENS_MAX 65536u /* lines */
#define TOKENS_NAME_MAX 255
#define TOKENS_WHY 256
#define TOKEN_MIN 16 /* octets of a token */
#define TOKEN_MAX 512

struct tokens;

/*
 * Reads the file. RC_NOT_FOUND; RC_FORBIDDEN: others than the user of the process can write it, or
 * read it; RC_BAD_REQUEST: a line is none; RC_TOO_LARGE; RC_UNAVAILABLE, RC_INTERNAL. One line in
 * why.
 */
enum rc tokens_read(const char *file, struct tokens **out, char why[TOKENS_WHY]);
/*
 * Reads a file with one token as it is, and keeps its digest under that name. Outcomes as above.
 */
enum rc tokens_read_one(const char *file, const char *name, struct tokens **out,
                        char why[TOKENS_WHY]);
/* NULL is fine. */
void tokens_free(struct tokens *t);
/*
 * The name that goes with token, that of the last line with it; p NULL: none. Takes as long for a
 * wrong one as for a right one, and hardly longer for many tokens. Lives as long as t. Any thread.
 */
struct slice tokens_find(const struct tokens *t, struct slice token);
/*
 * The token of "Bearer TOKEN" (RFC 6750); p NULL when authorization is nothing of that kind.
 */
struct slice tokens_bearer(struct slice authorization);

#endif

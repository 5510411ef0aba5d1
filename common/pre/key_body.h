/* SPDX-License-Identifier: Apache-2.0 */
/* The octets in a block of a key file (key_file.h), read and written in order. For key_*.c. */
#ifndef PRE_KEY_BODY_H
#define PRE_KEY_BODY_H

#include "base/buf.h"
#include "base/rc.h"

/* What was read; rest follows version and suite. */
struct key_body {
	struct buf b;
	struct slice rest;
};

/*
 * Of the block at the start of *text, which moves behind it. RC_NOT_FOUND: *text is empty;
 * RC_BAD_REQUEST; RC_UNAVAILABLE. The caller calls key_body_free, whatever this returns.
 */
enum rc key_body_read(struct slice *text, const char *kind, struct key_body *d);
/* Wipes. */
void key_body_free(struct key_body *d);
/* The next n octets into to; false when there are fewer. */
bool key_body_take(struct key_body *d, void *to, size_t n);
/* A number of n (at most 4) octets. */
bool key_body_take_be(struct key_body *d, unsigned n, uint32_t *out);

/* Begins to write a body into b, which the caller goes on with. */
void key_body_start(struct buf *b);
/* Appends the block to to; wipes b and frees what it has. RC_NO_SPACE when to is full. */
enum rc key_body_finish(struct buf *b, const char *kind, struct buf *to);

#endif

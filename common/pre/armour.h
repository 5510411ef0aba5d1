/* SPDX-License-Identifier: Apache-2.0 */
/* Octets of keys as text between a first and a last line (key_file.h). Any thread. */
#ifndef PRE_ARMOUR_H
#define PRE_ARMOUR_H

#include "base/buf.h"
#include "base/rc.h"

#define ARMOUR_MAX 4096u /* octets of a body */

/* Appends the block of body, which is at most ARMOUR_MAX octets without the check. */
enum rc armour_write(const char *kind, struct slice body, struct buf *to);
/*
 * Appends to body what the block at the start of *rest holds, without the check, and moves *rest
 * behind it. RC_NOT_FOUND: *rest is empty; RC_BAD_REQUEST: it is no block of that kind, or damaged;
 * RC_NO_SPACE: body is full; RC_INTERNAL. The caller wipes body.
 */
enum rc armour_read(struct slice *rest, const char *kind, struct buf *body);

#endif

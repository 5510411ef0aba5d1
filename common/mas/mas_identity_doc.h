/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a node in the identity-based scheme as JSON, as nodes and other processes get it:
 * {"generator", "id"?, "key"?}: octets in base64url; of the generator alone there is no more. Any
 * thread.
 */
#ifndef MAS_IDENTITY_DOC_H
#define MAS_IDENTITY_DOC_H

#include "mas/mas.h"

#define MAS_IDENTITY_DOC_MAX 512u

/* Appended to b, which is secret and wiped by the caller. */
void mas_identity_put(const struct mas_identity *i, struct buf *b);
/* False: text is not that; the key is then zero. i->generator says what is asked for. */
bool mas_identity_take(struct slice text, struct mas_identity *i);

#endif

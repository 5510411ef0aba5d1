/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a node's groups as JSON, as members and other processes get them:
 * {"groups":[{"gid","epoch","window","gak","previous"?:{"epoch","gak","until"}}]}: gid in hex, keys
 * in base64url, until in microseconds since 1970. Any thread.
 */
#ifndef MAS_GROUP_DOC_H
#define MAS_GROUP_DOC_H

#include "mas/mas.h"

/* Appended to b, which is secret and wiped by the caller. */
void mas_group_keys_put(const struct mas_group_keys *k, struct buf *b);
/* n and all of it; false, and none: text is not that. The caller wipes k->all. */
bool mas_group_keys_take(struct slice text, struct mas_group_keys *k);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The text of records in a node's key store: lines of a word and its value. For node_keys.c. */
#ifndef CAP_SEC_NODE_TEXT_H
#define CAP_SEC_NODE_TEXT_H

#include "base/buf.h"
#include "cap/sec/node_keys.h"

/* Appends; a failure stays in to. */
void root_to_text(const struct node_root *root, struct buf *to);
void link_to_text(const struct node_link *link, struct buf *to);
/*
 * Fills what the text says; node and index are the caller's. False when it says something that it
 * cannot, or not what it has to.
 */
bool root_from_text(struct slice text, struct node_root *root);
bool link_from_text(struct slice text, struct node_link *link);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What other capabilities of a node may ask of its SEC capability. Private to the node's files. */
#ifndef CAP_SEC_NODE_ACCESS_H
#define CAP_SEC_NODE_ACCESS_H

#include "cap/sec/sec.h"
#include "cap/sec_access.h"

/* Fills n->access. */
void node_access_init(struct sec *n);

/*
 * ---- the link to the MAS of a gateway (mas_remote.h) ----
 * Without mas.uri there is none, and all of it does nothing.
 */

/* RC_BAD_REQUEST: the configuration, with a line in why; RC_UNAVAILABLE. Before attach. */
enum rc node_mas_open(struct sec *n, char why[SEC_WHY_MAX]);
/* From scl_start on. */
void node_mas_start(struct sec *n);
void node_mas_stop(struct sec *n);
/* After scl_stop; nobody is told any more. */
void node_mas_close(struct sec *n);

#endif

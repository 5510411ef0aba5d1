/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node does to its requests on mId: each goes by the service connection with its NSCL, as
 * securitymIdFlags want it: on session B, its body sealed as an object (sec/jose.h), or, over a
 * trusted access network, with the tag of X-M2M-Connection. What goes by a session that another
 * capability has agreed on gets no more than the claim of low priority. The hooks of struct
 * port_conf.
 */
#ifndef CAP_SEC_NODE_PROTECT_H
#define CAP_SEC_NODE_PROTECT_H

#include "core/port.h"

/* arg is the struct sec of a node. */
enum rc node_protect(void *arg, struct exchange *ex);
void node_unprotect(void *arg, struct exchange *ex);

#endif

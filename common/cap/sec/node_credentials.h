/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which key the NSCL makes a TLS session to a node: that of the service connection of the SCL
 * which is reached at the URL. Courier thread.
 */
#ifndef CAP_SEC_NODE_CREDENTIALS_H
#define CAP_SEC_NODE_CREDENTIALS_H

#include "cap/sec/live.h"
#include "core/scl.h"
#include "sec/credential.h"

struct node_credentials;

/* static_ones: SCLs without a connection are reached by certificates. NULL without memory. */
struct node_credentials *node_credentials_new(struct live *live, bool static_ones);
void node_credentials_free(struct node_credentials *c);
/* Whose tree says where SCLs are; before scl_start. */
void node_credentials_attach(struct node_credentials *c, struct scl *scl);
/* As port_conf.credential. */
enum rc node_credentials_find(struct node_credentials *c, struct slice url,
                              struct credential **out);
/*
 * The service connection of the node that is reached at url, without its key. RC_NOT_FOUND: no SCL
 * is there, or one that needs none; RC_DENIED: an SCL is there that has none now; RC_UNAVAILABLE: it
 * is not known whose url is.
 */
enum rc node_credentials_connection(struct node_credentials *c, struct slice url,
                                    struct mas_connection *conn);
/* Lets go of the keys of connections that are over. */
void node_credentials_purge(struct node_credentials *c);

#endif

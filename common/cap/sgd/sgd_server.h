/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a server share; private to sgd_server.c and sgd_register.c. */
#ifndef CAP_SGD_SGD_SERVER_H
#define CAP_SGD_SGD_SERVER_H

#include "cap/sgd/sgd_own.h"

/* Stores it, then looks again; the lane first is busy until then. */
void sgd_server_store(struct sgd_server *s);
/* Nothing is done with it for a while. why: constant. */
void sgd_server_refused(struct sgd_server *s, const char *why);
/* A device that was never registered takes the place of the one that there is. */
enum rc sgd_server_renew(struct sgd_server *s);
/* Makes R1. */
void sgd_register_begin(struct sgd_server *s);
/* Sends R1, or, ask, asks whether it was taken; in doubt, whether the device is known at all. */
void sgd_register_send(struct sgd_server *s, bool ask);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the listeners have their pre-shared keys from: every kind of identity of its own place, and
 * one answer that takes as long for an unknown identity as for a known one.
 */
#ifndef CAP_SEC_PSK_H
#define CAP_SEC_PSK_H

#include "bind/psk.h"
#include "cap/sec/mid.h"

struct psk_front;

/*
 * app: the key for an identity of kind ma, as issuers_psk, which costs the same when there is none;
 * NULL: there are none. RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc psk_front_new(struct mid *mid,
                      bool (*app)(void *arg, const struct psk_id *id, struct key *out),
                      void *app_arg, struct psk_front **out);
void psk_front_free(struct psk_front *f);
/* Lives as long as f. */
const struct psk_source *psk_front_source(const struct psk_front *f);

#endif

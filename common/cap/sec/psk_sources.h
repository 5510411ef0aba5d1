/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has the keys of the identities that other capabilities have agreed on: sessions after group
 * (ga) and multiparty (mp) authentication. Filled while capabilities attach, before the first
 * handshake; from then on it does not change, and any thread reads it.
 */
#ifndef CAP_SEC_PSK_SOURCES_H
#define CAP_SEC_PSK_SOURCES_H

#include "cap/sec_access.h"

struct peer; /* core/peer.h */

/* All zero: nobody has any. */
struct psk_sources {
	struct sec_psk of[PSK_KINDS]; /* find NULL: nobody */
};

/* As sec_access.psk_add. */
enum rc psk_sources_add(struct psk_sources *s, enum psk_kind kind, const struct sec_psk *source);
/* The one for identities of that kind; NULL: nobody has them. s may be NULL. */
const struct sec_psk *psk_sources_of(const struct psk_sources *s, enum psk_kind kind);
/* The node that has proved itself by a session of these kinds; false: none. p may be NULL. */
bool psk_sources_node(const struct psk_sources *s, const struct peer *p, struct node_id *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the listeners have their pre-shared keys from: every kind of identity of its own place, and
 * one answer that takes as long for an unknown identity as for a known one.
 */
#ifndef CAP_SEC_PSK_H
#define CAP_SEC_PSK_H

#include "bind/psk.h"
#include "cap/sec/mid.h"
#include "cap/sec/psk_sources.h"

struct psk_front;

struct psk_front_conf {
	struct mid *mid;
	/*
	 * The key for an identity of kind ma, as issuers_psk, which costs the same when there is none;
	 * NULL: there are none.
	 */
	bool (*app)(void *arg, const struct psk_id *id, struct key *out);
	void *app_arg;
	const struct psk_sources *sources; /* of the kinds ga and mp; NULL: there are none */
};

/* Copies conf, not what it points to. RC_UNAVAILABLE, RC_INTERNAL. */
enum rc psk_front_new(const struct psk_front_conf *conf, struct psk_front **out);
void psk_front_free(struct psk_front *f);
/* Lives as long as f. */
const struct psk_source *psk_front_source(const struct psk_front *f);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard (core/guard.h): what the connection of a request proves, and what that allows, on mId,
 * dIa and mIa.
 *
 *   an SCL, the NSCL        on mId alone, by the rules of mid.h
 *   an application          on dIa and mIa alone, in its own name: {sclBase}/applications/<App-ID> or
 *                           urn:m2m:app:<App-ID>, filled in when requestingEntity is absent
 *   a node of dIa           after group or multiparty authentication: on dIa alone, as the application
 *                           whose App-ID is its node id in hex
 *   an application outside  by its grant alone (cap/edge_gate.h), whatever else would let it
 *   nobody                  where issuers are to be proved nothing; elsewhere whatever an application
 *                           may, in the name that it claims, but not in that of an SCL
 */
#ifndef CAP_SEC_GUARD_H
#define CAP_SEC_GUARD_H

#include "cap/edge_gate.h"
#include "cap/geo_gate.h"
#include "cap/sec/config_gate.h"
#include "cap/sec/issuer.h"
#include "cap/sec/mid.h"
#include "core/guard.h"

struct sec_guard;

struct sec_guard_conf {
	struct mid *mid;
	struct live *live;
	struct mas *mas; /* NULL: there is none, or at a node */
	struct issuers *issuers; /* NULL: no application can prove anything */
	const struct edge_seat *edge; /* of the gateway for those outside; NULL: there never is one */
	const struct geo_seat *geo; /* of the monitoring of places; the same */
};

/* Copies conf, not what it points to. NULL without memory. */
struct sec_guard *sec_guard_new(const struct sec_guard_conf *conf);
void sec_guard_free(struct sec_guard *g);
/* Whose URIs are those of its applications; before scl_start. */
void sec_guard_attach(struct sec_guard *g, const struct scl *scl);
/* Who judges pushed configuration; not owned. Before scl_start. */
void sec_guard_config(struct sec_guard *g, struct config_gate *config);
/* Lives as long as g. */
const struct guard *sec_guard_of(const struct sec_guard *g);

#endif

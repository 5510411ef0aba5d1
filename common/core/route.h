/* SPDX-License-Identifier: Apache-2.0 */
/* Which SCL a URI belongs to and by which point of contact it is reached (TS 102 690, retargeting). */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/neighbour.h"
#include "core/scl_impl.h"

/* A point of contact of the next SCL. */
struct hop {
	struct slice uri; /* base URI that requests go to */
	uint64_t poc; /* m2mPoc that was chosen, or ID_NONE */
	bool probe; /* it was NOT_REACHABLE */
	int release; /* that the next SCL speaks: 1 or 2 */
	bool insist; /* set by the caller: one that is NOT_REACHABLE is tried whenever it failed */
};

/*
 * The way to target (absolute URI) for rq, on rq->tx; the slices are in rq->arena. RC_OK, or the
 * failure with its text in rq: RC_NOT_FOUND, RC_UNAVAILABLE.
 */
enum rc route_to(struct req *rq, struct slice target, struct hop *hop);
/*
 * Whether target belongs to an SCL that is registered here or that this one is registered with:
 * RC_OK when it can be reached now, RC_UNAVAILABLE when it cannot, RC_NOT_FOUND when it is none of
 * those.
 */
enum rc route_known(struct scl *scl, struct rtx *tx, struct slice target);
/* The scl whose link is uri (as uri_normalise gives it). RC_NOT_FOUND when there is none. */
enum rc route_registered(struct rtx *tx, struct slice uri, struct res **out);
/*
 * The scl whose link is the longest prefix of uri on a segment boundary. RC_NOT_FOUND when there is
 * none; RC_BAD_REQUEST: uri has too many segments to tell. Another failure: it is not known.
 */
enum rc route_owner(struct rtx *tx, struct slice uri, struct res **out);
/* The release (1 or 2) that a registered SCL, or the NSCL that this one is registered with, speaks. */
int route_release_of(const struct res *scl);
/* The same of the SCL that target (absolute URI) leads to; 2 when there is none. */
int route_release(struct scl *scl, struct rtx *tx, struct slice target);
/* The scl of the NSCL that this gateway or device is registered with; RC_UNAVAILABLE: with none. */
enum rc route_upstream(struct scl *scl, struct rtx *tx, struct res **out);
/* The NSCL of another provider that is configured with this link (normalised); NULL: none is. */
const struct scl_peer *route_peer(const struct scl *scl, struct arena *a, struct slice link);
/*
 * The registered peer whose publicDomain the host of uri is in; the narrowest domain wins, and what
 * is in this provider's is not a peer's. RC_NOT_FOUND when there is none.
 */
enum rc route_domain(const struct scl *scl, struct rtx *tx, struct slice uri, struct res **out);
/* The form that publicDomain is found by. p NULL when the arena is exhausted. */
struct slice domain_key(struct arena *a, struct slice domain);
/*
 * True for a name of the DNS that can stand for a provider: of more than one label, and no address.
 */
bool domain_is_public(struct slice host);
/* True when this SCL stands in Via: the request goes round. */
bool route_passed_here(const struct req *rq);

/* NULL without memory. */
struct neighbours *neighbours_new(void);
/* NULL is fine. */
void neighbours_free(struct neighbours *all);

enum neighbour_way { NEIGHBOUR_NONE, NEIGHBOUR_REACHED, NEIGHBOUR_AWAY };

/* Whether target (absolute URI) is a neighbour's, and whether it can be reached. a is for scratch. */
enum neighbour_way neighbour_of(struct scl *scl, struct arena *a, struct slice target);

/*
 * Stores onlineStatus of an m2mPoc (by what happened: TS 102 921 10.6); then, unless NULL, is called
 * on the courier thread once it is stored or was not. False when it cannot be stored: then is not
 * called. Courier thread.
 */
bool route_poc_status(struct scl *scl, uint64_t poc, int64_t status, void (*then)(void *arg),
                      void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose URI is whose: what a guard (guard.h) asks the tree. Slices of results are in the arena or
 * constant. Any thread, from scl_start on; each function that reads the tree takes a snapshot of
 * its own, so none is called by what holds one.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include "core/req.h"

struct scl;

/* An SCL that is registered here. */
struct registered {
	struct slice scl_id;
	struct slice link; /* of its sclBase, as uri_normalise gives it */
	bool nscl; /* of another provider (mIm); at a gateway or device, its NSCL */
	bool peer; /* the configuration names it, with its SCL-ID, as NSCL of another provider */
};

/*
 * requestingEntity as the request gives it: of From, or (Release 1) of its Basic credentials.
 * RC_NO_ORIGINATOR: neither; RC_BAD_REQUEST: malformed.
 */
enum rc identity_claimed(const struct req_input *in, struct arena *a, struct slice *uri);
/*
 * uri as it is compared: normalised, one of this SCL as its path. p NULL when it is none.
 */
struct slice identity_comparable(const struct scl *scl, struct arena *a, struct slice uri);
/*
 * True when uri, as it stands, begins with scheme and an authority of this SCL: most of what
 * applications claim, known without the price of normalising.
 */
bool identity_begins_own(const struct scl *scl, struct slice uri);
/* True when the request is for another SCL than this one. */
bool identity_foreign(const struct scl *scl, const struct req_input *in);

/*
 * True when the path of the request is that of the collection scls of this SCL or below it;
 * *scl_id is the segment that follows, absent for the collection. Also when the path is malformed up
 * to there: then *scl_id is the segment that is, as it stands.
 */
bool identity_in_path(const struct scl *scl, const struct req_input *in, struct arena *a,
                      struct slice *scl_id);
/* True when that segment is of the collection itself: an attribute, subscriptions and the like. */
bool identity_is_of_scls(struct slice segment);
/* True when the request is for the sclBase of this SCL as it is: without a query. */
bool identity_is_base(const struct scl *scl, const struct req_input *in, struct arena *a);

/* The registration of that SCL-ID. RC_NOT_FOUND: none. */
enum rc identity_registered(struct scl *scl, struct arena *a, struct slice scl_id,
                            struct registered *out);
/* The registered SCL that uri is of or below: the one with the longest link. As route_owner. */
enum rc identity_owner(struct scl *scl, struct arena *a, struct slice uri, struct registered *out);
/*
 * The NSCL of another provider, registered and configured as a peer, in whose publicDomain the host
 * of uri is. RC_NOT_FOUND.
 */
enum rc identity_domain(struct scl *scl, struct arena *a, struct slice uri, struct registered *out);
/*
 * The registered SCL that is reached at the authority of uri: by its link, or by one of its points
 * of contact. Of several the one whose entry is the oldest, an NSCL of another provider only when
 * there is no other: what is a node's does not go its way. A registration that was answered is seen.
 * RC_NOT_FOUND: none is; another failure: it is not known whether one is.
 */
enum rc identity_at(struct scl *scl, struct arena *a, struct slice uri, struct registered *out);
/*
 * Applications of this SCL. RC_OK: one with that App-ID is registered; RC_NOT_FOUND. Another outcome:
 * not known.
 */
enum rc identity_application(struct scl *scl, struct arena *a, struct slice app_id);
/* Calls visit with the App-ID of every registered one until it returns false. */
enum rc identity_applications(struct scl *scl, struct arena *a,
                              bool (*visit)(void *arg, struct slice app_id), void *arg);
/* requestingEntity of one, as an absolute URI. From scl_start on; p NULL without memory. */
struct slice identity_of_application(const struct scl *scl, struct arena *a, struct slice app_id);
/*
 * The App-ID when uri is that of some application of this SCL, registered or not, in any form; empty:
 * it is none. In the arena.
 */
struct slice identity_app_id(const struct scl *scl, struct arena *a, struct slice uri);
/*
 * True when something at that numeric address and port is reached that this SCL listens on, as far as
 * its names tell: also by any loopback address.
 */
bool identity_own_address(const struct scl *scl, struct slice address, unsigned port);
/* Whether uri is that, in any form. */
bool identity_is_application(const struct scl *scl, struct arena *a, struct slice uri,
                             struct slice app_id);

/*
 * What was said of registrations at one value holds until the next; 0: for this request alone. Read
 * it before the question.
 */
uint64_t identity_generation(const struct scl *scl);

#endif

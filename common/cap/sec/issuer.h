/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applications: by what they prove who they are on dIa and mIa.
 *
 *   a client certificate      subjectAltName URI urn:m2m:app:<App-ID>, one of them
 *   a TLS pre-shared key      identity ma<v>, of a Kma that was handed out (kma.h); ga<v> and mp<v>,
 *                             of a node after group or multiparty authentication: its App-ID is its
 *                             node id in hex
 *   a UNIX socket             the user of the process, by the configuration
 *   a bearer token            Authorization: Bearer, by the file of hashed tokens
 *
 * The token file is read again when it has changed: looked at once a second, on a thread of its own.
 */
#ifndef CAP_SEC_ISSUER_H
#define CAP_SEC_ISSUER_H

#include "base/arena.h"
#include "cap/sec/app_table.h"
#include "cap/sec/psk_sources.h"
#include "cap/sec/sec.h"
#include "core/peer.h"
#include "sec/psk_id.h"

struct live;
struct issuers;

struct issuers_conf {
	const struct sec_conf *sec;
	/*
	 * Of a node: its own service connections, below whose Kmc its applications have their Kma. NULL
	 * at the network: whoever knows Kmc of a node could be any application there.
	 */
	struct live *live;
	const struct psk_sources *sources; /* of the identities ga and mp; NULL: there are none */
};

/*
 * RC_OK; RC_BAD_REQUEST, RC_FORBIDDEN, RC_NOT_FOUND: the token file or a user, with a line in why;
 * RC_UNAVAILABLE, RC_INTERNAL.
 */
enum rc issuers_new(const struct issuers_conf *conf, struct issuers **issuers,
                    char why[SEC_WHY_MAX]);
/* NULL is fine. */
void issuers_free(struct issuers *issuers);
/* Reads the token file again; what is wrong is logged, and the tokens stay as they were. */
void issuers_reload(struct issuers *issuers);

/*
 * The key for an identity of kind ma. False: unknown. In handshakes; arg: struct issuers, as
 * psk_front_new (psk.h) wants it.
 */
bool issuers_psk(void *arg, const struct psk_id *id, struct key *out);
/* By what an application has proved who it is. */
enum issuer_by {
	ISSUER_NOBODY,
	ISSUER_CERTIFICATE,
	ISSUER_PSK,
	ISSUER_NODE, /* by group or multiparty authentication: app_id is its node id in hex; on dIa alone */
	ISSUER_USER,
	ISSUER_TOKEN
};

struct issuer {
	enum issuer_by by;
	struct slice app_id; /* p NULL of ISSUER_NOBODY; of the connection, in the arena or constant */
};

/*
 * What the connection or the token of a request proves. A token is taken out of in: it goes nowhere
 * else.
 *
 * RC_OK, also for ISSUER_NOBODY. RC_DENIED AUTH_FAILED: there is a token, but it is not known, is
 * sent where it can be read on the way, or its source has failed too often (retry_after); RC_DENIED
 * SEC_KMC_EXPIRED, RC_FORBIDDEN SEC_REVOKED, with close: the service connection that Kma is of, or
 * the key that group or multiparty authentication has given, is over; RC_FORBIDDEN SEC_IDENTITY: the token is of another application than the connection;
 * RC_UNAVAILABLE.
 */
enum rc issuers_identify(struct issuers *issuers, struct req_input *in, struct arena *arena,
                         struct issuer *issuer, struct req_answer *out, struct slice *reason);
/*
 * False for a request that issuers_identify has nothing to look at: nothing of its connection or
 * header could prove an application.
 */
static inline bool
issuers_concern(const struct req_input *in)
{
	return in->authorization.p != NULL || (in->peer != NULL && in->peer->kind != PEER_UNPROVED);
}

/* Applications that may have a Kma; NULL where live is. */
struct app_table *issuers_apps(struct issuers *issuers);

#endif

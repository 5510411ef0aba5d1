/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmpa: parties that trust each other only by contract authenticate each other with signing rights
 * that they have delegated ("Security Issues on Machine to Machine Communications", Lai et al. 2012,
 * multiparty authentication; delegation by warrant: Mambo, Usuda, Okamoto 1996).
 *
 *   CN  the operator of the network (an NSCL)        W1 CN -> S, W2 S -> CN   agreements
 *   S   a server outside of it (an application)      W3 S -> D under W1       D in the name of CN
 *   D   a device (a DSCL)                            W4 CN -> D under W2      D in the name of S
 *   AP  an access point (a GSCL)                     W5 CN -> AP              AP in the name of CN
 *
 *   warrant.h     one warrant: who may sign for whom, what, where, how long
 *   chain.h       warrants that follow each other up to a root, and all rules for them
 *   cache.h       chains whose signatures are known to be right
 *   device.h      D in a run A1, A2, A3, A4;  ap.h: AP in it
 *   transcript.h  CN and S: what a run A1, A2, A3 proves
 *   decision.h    what S has decided about a run
 *
 * The library has no global state, does no input or output and has no clock: times are arguments, in
 * seconds since 1970; randomness may be one, for tests. It needs libcrypto alone. Objects are used by
 * one thread at a time unless said otherwise; functions without an object by any thread.
 *
 * Common to every function that can fail: RC_UNAVAILABLE without memory, RC_INTERNAL when libcrypto or
 * its generator fails; enum mpa_cause *why may be NULL. What a peer has sent is refused with one of four
 * outcomes, which are all that a peer may learn; the cause is for logs and counters of the own side:
 *
 *   RC_BAD_REQUEST   the octets are no such message
 *   RC_FORBIDDEN     anything that has to do with keys, warrants, names and times
 *   RC_PRECONDITION  a chain was named by its hash and is not known here: send it whole, in a new run
 *   RC_CONFLICT      not the next message of this run
 *
 * With every outcome but RC_OK the object is as it was before, and outputs are erased or untouched: who
 * sends something wrong into a run does not end it.
 */
#ifndef MPA_MPA_H
#define MPA_MPA_H

#include "base/rc.h"
#include "sec/digest.h"
#include "sec/secret.h"
#include "sec/sign.h"

#define MPA_ID_MAX 255u /* octets of the name of a party */
#define MPA_SERIAL_SIZE 16u /* octets of the serial number of a warrant */
#define MPA_LINKS_MAX 4u /* warrants of a chain */
#define MPA_TOLERANCE 60 /* seconds that the clocks of two parties may differ */

/* Why something was refused. */
enum mpa_cause {
	MPA_FINE,
	MPA_FORM, /* malformed */
	MPA_LINKS, /* no warrant, or more than MPA_LINKS_MAX */
	MPA_ROOT, /* the first delegator is nobody who is trusted, or the first has a parent */
	MPA_PARENT, /* made under another warrant than the one before it */
	MPA_DELEGATOR, /* not made by whom the one before it names */
	MPA_ON_BEHALF, /* another principal than the root */
	MPA_DEPTH, /* delegated further than was allowed */
	MPA_PARENT_TIME, /* valid outside the time of the one before it */
	MPA_TIME, /* not yet, or no longer valid */
	MPA_RIGHTS, /* a right is missing, or it is of no use for that kind */
	MPA_KIND, /* a warrant of another kind */
	MPA_SCOPE, /* wider than the one before it, or not for this place */
	MPA_REVOKED, /* a warrant was revoked */
	MPA_WEAK_KEY, /* an Ed25519 key of small order, or not canonical */
	MPA_LINK_SIGNED, /* the signature of a warrant is wrong */
	/* One of the two chains is missing, they are of two devices, or one principal has made both. */
	MPA_BOTH,
	MPA_NAME, /* not the party that it says it is */
	MPA_SHARE, /* a share of X25519 that gives zero */
	MPA_REFLECTED, /* the own share or nonce came back */
	MPA_SIGNED, /* the signature under a run is wrong */
	MPA_CONFIRM, /* A4 was not made with the key of the run */
	MPA_UNKNOWN_CHAIN, /* a hash of a chain that is not known here */
	MPA_STATE, /* not the next message of this run */
	MPA_OTHER_RUN, /* a decision about another run */
	/* Nobody's fault but the own side's: */
	MPA_NO_MEMORY,
	MPA_NO_SPACE, /* the caller's buffer is full */
	MPA_BROKEN, /* libcrypto, or its generator, fails */
	MPA_CAUSES
};

/*
 * A word of lower-case letters and '_' for logs and counters, such as "parent_time"; never NULL. Any
 * thread.
 */
const char *mpa_cause_text(enum mpa_cause cause);
/*
 * What is told outside: one of the outcomes above; RC_OK of MPA_FINE; of the last three RC_UNAVAILABLE,
 * RC_NO_SPACE, RC_INTERNAL.
 */
enum rc mpa_cause_rc(enum mpa_cause cause);

/* ---- what the caller knows ---- */

/* Names one warrant: serial numbers are their issuer's own matter. */
struct mpa_serial {
	struct sign_public issuer;
	uint8_t v[MPA_SERIAL_SIZE];
};

/*
 * The set of warrants that were revoked. revoked is called for each warrant of a chain, each time that
 * the chain is looked at, on the caller's thread; it must not block. NULL in place of a pointer to
 * this: none was.
 */
struct mpa_revocations {
	bool (*revoked)(void *arg, const struct mpa_serial *serial);
	void *arg;
};

/* Whose first signature is trusted. */
struct mpa_anchor {
	struct sign_public key;
	struct slice id; /* what it must be called in its warrants; empty: anything */
};

/* The operator, and the servers that it has a contract with. */
struct mpa_anchors {
	struct mpa_anchor cn;
	const struct mpa_anchor *servers; /* n_servers of them */
	size_t n_servers;
};

/*
 * Where random octets come from. NULL in place of a pointer to this: libcrypto's generator; tests
 * alone put something else there. Fills n octets at out, or returns RC_INTERNAL.
 */
struct mpa_random {
	enum rc (*fill)(void *arg, void *out, size_t n);
	void *arg;
};

/*
 * Whether id can be the name of a party: 1..MPA_ID_MAX octets of visible ASCII (21..7e hex). Names are
 * compared by octets.
 */
bool mpa_id_ok(struct slice id);

#endif

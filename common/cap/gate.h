/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between a node and its NSCLs: the service connection that must be there before an
 * NSCL is spoken to (TS 102 690 clause 8), and what calls it there. All functions on the courier
 * thread.
 */
#ifndef CAP_GATE_H
#define CAP_GATE_H

#include "base/buf.h"
#include "base/rc.h"

/* Who waits at the gate; alive until gate.listen gets another one, or NULL. */
struct gate_listener {
	/*
	 * The service connection with the NSCL of that sclBase URI stands now (up), or could not be made.
	 * For an attempt that somebody has entered for, and when a connection that was lost is back.
	 */
	void (*changed)(void *owner, const char *nscl, bool up);
	/* A new report about the integrity of this node is to be sent. */
	void (*report)(void *owner);
	/*
	 * This node is wanted at the NSCL of that sclBase URI (NULL: at any): it registers there, or again,
	 * at once.
	 */
	void (*wake)(void *owner, const char *nscl);
	void *owner;
};

struct gate {
	void *arg;
	/*
	 * RC_OK: requests to that NSCL may be sent. RC_PENDING: a connection is being made, the listener
	 * is told how it ends.
	 */
	enum rc (*enter)(void *arg, const char *nscl);
	void (*listen)(void *arg, const struct gate_listener *listener);
	/*
	 * sclBase URIs of the NSCLs that the provider has named; ends with NULL. The list is good until
	 * the courier thread returns to its work.
	 */
	const char *const *(*nscls)(void *arg);
	/* Appends the attribute integrityValResults for the own scl resource, or nothing. */
	void (*report)(void *arg, struct buf *to);
	/* Hands wake of the listener on; false: nobody listens. */
	bool (*wake)(void *arg, const char *nscl);
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a service connection share; nobody else includes this. */
#ifndef CAP_SEC_CONNECTOR_IMPL_H
#define CAP_SEC_CONNECTOR_IMPL_H

#include "cap/sec/connector.h"
#include "cap/sec/node_impl.h"
#include "cap/sec/verdict.h"
#include "core/scl.h"
#include "sec/proof.h"

struct connector {
	struct sec *n;
	char base[NODE_URI_MAX + 1];
	char name[NODE_NAME_MAX + 1]; /* host:port, for coaps with the scheme before it */
	struct slice host; /* of base */
	char clear[NODE_NAME_MAX + 1]; /* authority of the way without TLS, "" = none */

	/* Session B. */
	bool up;
	bool lost; /* no TLS session could be made, though the key is good as far as is known */
	struct mas_connection conn; /* without its key; id 0: none */
	struct credential *credential; /* NULL: none */
	int64_t wall_end, mono_end, mono_renew;
	int64_t session_begin; /* when the credential was made, monotonic */

	/* Attempts. */
	struct scl_task task;
	bool busy; /* session A is under way, or what came of it is being stored */
	bool waiting; /* for a root or a measurement */
	bool pausing; /* after a failure: the task is the next attempt */
	bool retried; /* once without delay, since session B was last seen to last */
	unsigned failures; /* in a row */
	unsigned cuts; /* of session B in a row; while there is one, the next attempt is one of session B */
	unsigned tls_failures; /* the same, of sessions that were not made */
	struct arena *arena; /* of the attempt */
	struct exchange ex;
	struct credential *root_credential; /* of session A */
	struct node_id root_node; /* of the root that session A is made by, as the next */
	uint32_t kmr_index;
	struct buf body;
	uint8_t nonce[REJECT_NONCE_SIZE];
	char nonce_text[NODE_NONCE_TEXT];
	char proof[PROOF_TEXT_MAX + 1];
	struct node_job store;
	enum rc stored;
	struct node_link *link; /* what is being stored; secret memory */
	int64_t link_left; /* us of its lifetime when it came */
	int64_t kept; /* us that are left of what an earlier process had; 0: nothing */
	struct verdict verdict;
};

/* Takes link up as the connection, left us before its end. False: no memory. */
bool connector_up(struct connector *c, const struct node_link *link, int64_t left);
/* The attempt has failed: the next one follows after a back-off, but not before least. */
void connector_failed(struct connector *c, int64_t least, struct slice retry_after);
/* The root of the attempt has given way to another one: by that, at once. */
void connector_again(struct connector *c);

/* ---- connector_session.c ---- */

/* Makes session A and what follows from it; ends in connector_up or connector_failed. */
void connector_session(struct connector *c);

#endif

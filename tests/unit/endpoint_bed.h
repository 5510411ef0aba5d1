/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to endpoints of an scl as a binding makes them, from a peer that the test describes. */
#ifndef UNIT_ENDPOINT_BED_H
#define UNIT_ENDPOINT_BED_H

#include "core/peer.h"
#include "core_bed.h"

/* Who asks, and by which listener. */
struct asker {
	unsigned serve; /* enum req_serve */
	struct peer peer;
	const char *authorization; /* or NULL */
	const char *from; /* requestingEntity, or NULL */
	const char *accept; /* NULL: JSON */
	const char *encoding; /* of the body, or NULL */
	const char *last_event_id; /* or NULL */
	const struct listener_policy *policy; /* of the listener, or NULL */
};

/* A client with a certificate that has that one URI, and the DNS name. */
struct asker asker_certified(unsigned serve, const struct slice *uri, const struct slice *dns);
/* Nobody, from 127.0.0.1. */
struct asker asker_plain(unsigned serve);

struct told {
	int status;
	char *body; /* heap, zero-terminated, never NULL */
	size_t n; /* octets of body, which may have zeros in it */
	unsigned retry_after;
	char location[256], allow[64];
};

/* body NULL: none. Waits for the answer. Any thread. */
struct told ask(struct core_bed *b, const struct asker *who, const char *method, const char *target,
                const char *type, const char *body);
/* The same with a body of any octets. */
struct told ask_octets(struct core_bed *b, const struct asker *who, const char *method,
                       const char *target, const char *type, struct slice body);
/* The status alone; JSON. */
int ask_status(struct core_bed *b, const struct asker *who, const char *method, const char *target,
               const char *body);
void told_fini(struct told *t);
/* Text of a member of an answer, in a ring of static memory; "" when it is not there. */
const char *told_text(const struct told *t, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that goes out with its body as an object, and its answer (sec/jose.h). Courier thread.
 *
 *   object_exchange_seal -> sent -> object_exchange_open -> object_exchange_take_back
 */
#ifndef CAP_SEC_OBJECT_EXCHANGE_H
#define CAP_SEC_OBJECT_EXCHANGE_H

#include "cap/sec/live.h"
#include "core/port.h"

/* What was done to the request. */
struct object_exchange {
	struct live *live;
	uint64_t connection;
	uint32_t kmc_index;
	enum obj_dir direction; /* of the request */
	uint64_t seq;
	struct buf object;
	struct slice body; /* as the sender gave it, like what follows */
	struct exchange_header *type; /* Content-Type; NULL: there was none */
	struct slice type_value;
	unsigned nheaders;
};

/* Path and query of the request line, as the receiver takes them; a view of ex. */
struct slice exchange_target(const struct exchange *ex);

/* True for what is sealed when bodies are to be: they, and requests whose answers have one. */
bool object_exchange_wanted(const struct mas_connection *conn, const struct exchange *ex);
/* RC_OK; else the request is as it was: RC_UNAVAILABLE, RC_TOO_LARGE, RC_INTERNAL. */
enum rc object_exchange_seal(struct live *live, const struct mas_connection *conn,
                             enum obj_dir direction, struct exchange *ex,
                             struct object_exchange *x);
/*
 * The answer becomes what was in its object. What is none of this request becomes RC_BAD_GATEWAY;
 * refusals may be plain: they may come from before the object was opened.
 */
void object_exchange_open(struct object_exchange *x, struct exchange *ex);
/* The request is as the sender gave it. */
void object_exchange_take_back(struct object_exchange *x, struct exchange *ex);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service connections that this process serves: those of an NSCL with its nodes, or the one of
 * a node with its NSCL. They are asked for in handshakes and for every request, so they are in
 * memory and nothing here waits for anything; what outlives the process is the MAS's, or the key
 * store's.
 *
 * An ended connection is remembered for a while, so that what comes on a session that is still open
 * gets the answer that it should. Any thread.
 */
#ifndef CAP_SEC_LIVE_H
#define CAP_SEC_LIVE_H

#include "base/clock.h"
#include "base/rc.h"
#include "mas/mas.h"
#include "sec/derive.h"

struct live;

struct live_conf {
	const struct clock *clock; /* outlives the table */
	unsigned max; /* connections, ended ones that are remembered included */
	int64_t remember; /* us that an ended connection is remembered */
	unsigned rate, burst; /* as live_set_rate */
};

enum live_state {
	LIVE_OK,
	LIVE_UNKNOWN, /* never known, or forgotten */
	LIVE_EXPIRED, /* its time, its requests or its octets are used up */
	LIVE_ENDED, /* by the node, or overtaken by a newer one */
	LIVE_REVOKED
};

/* NULL without memory. */
struct live *live_new(const struct live_conf *conf);
/* NULL is fine. */
void live_free(struct live *t);

/*
 * Takes conn up, with its Kmc. The ids and texts are copied, the key goes to secret memory. RC_OK;
 * RC_CONFLICT: there is one with that ConnectionId; RC_UNAVAILABLE: the table is full of live ones.
 */
enum rc live_put(struct live *t, const struct mas_connection *conn);
/* The connection is over, for the reason why (not LIVE_OK). Its key is wiped. Unknown: nothing. */
void live_end(struct live *t, uint64_t id, enum live_state why);
/* All connections of the node, but not except (0 = none). */
void live_end_node(struct live *t, const struct node_id *node, uint64_t except,
                   enum live_state why);
/* The connection ends at that time, if it has no earlier end. */
void live_end_at(struct live *t, uint64_t id, int64_t when);
/* The same for the older connections of the node of by. */
void live_overtake(struct live *t, const struct mas_connection *by, int64_t when);
/* Drops what is remembered no longer. */
void live_forget(struct live *t);

/*
 * What there is about the connection; kmc_index 0 = whichever it has. conn (NULL: not wanted) is
 * filled without its key unless the answer is LIVE_UNKNOWN.
 */
enum live_state live_find(struct live *t, uint64_t id, uint32_t kmc_index,
                          struct mas_connection *conn);
/* Kmc of a live connection; the caller wipes it. False: not live. */
bool live_kmc(struct live *t, uint64_t id, uint32_t kmc_index, struct key *out);
/* The newest live connection of that SCL-ID, of those that were used if any was, without its key. */
bool live_of_scl(struct live *t, struct slice scl_id, struct mas_connection *conn);
/* Calls visit for every live connection, without its key, until it returns false. */
void live_each(struct live *t, bool (*visit)(void *arg, const struct mas_connection *conn),
               void *arg);

/* ---- numbers that count once ---- */

/* Number of an object that was received: true when it is new, and taken then. */
bool live_take_object(struct live *t, uint64_t id, uint64_t seq);
/*
 * Calls judge with the highest counter of X-M2M-Connection so far, which it may raise, under the
 * lock of the connection: judge waits for nothing. RC_NOT_FOUND: not live; else what judge says.
 */
enum rc live_judge_counter(struct live *t, uint64_t id,
                           enum rc (*judge)(void *arg, uint64_t *last), void *arg);
/*
 * The number of the next object to send. Those up to durable_to (live_allow_objects) are given;
 * RC_UNAVAILABLE: none is left; RC_NOT_FOUND: not live.
 */
enum rc live_next_object(struct live *t, uint64_t id, uint64_t *seq);
/* Numbers first..last may be used from now on; what was left of earlier ones is dropped. */
void live_allow_objects(struct live *t, uint64_t id, uint64_t first, uint64_t last);

/* ---- use ---- */

/* The same as live_set_rate for connections with MAS_LOW_PRIORITY. */
#define LIVE_RATE_LOW 1u
#define LIVE_BURST_LOW 10u

/*
 * How many requests each connection may make from now on: rate, the average of a second (0: any
 * number), and burst (not 0), those at once.
 */
void live_set_rate(struct live *t, unsigned rate, unsigned burst);
/* Takes one of them; false, and after how many seconds there is one: none is left. */
bool live_allow(struct live *t, uint64_t id, unsigned *retry_after);
/* requests (0 or 1) more, and octets of bodies and answers. True: the first request. */
bool live_use(struct live *t, uint64_t id, uint64_t requests, uint64_t octets);
/*
 * Calls visit for what the connection (0 = every one) was used since the last call. visit is called
 * under the lock of the table: it waits for nothing.
 */
void live_flush(struct live *t, uint64_t id,
                void (*visit)(void *arg, uint64_t id, uint64_t requests, uint64_t octets),
                void *arg);
struct live_use {
	uint64_t requests, octets; /* since the connection was taken up */
	int64_t last; /* 0 = never */
};
/* False: unknown. */
bool live_used(struct live *t, uint64_t id, struct live_use *out);

/* ---- what was found out about its issuers ---- */

#define LIVE_NOTE_MAX 512

/* text was noted at that generation, which is not 0. */
bool live_noted(struct live *t, uint64_t id, uint64_t generation, struct slice text);
/* The last one is kept; not one above LIVE_NOTE_MAX octets. */
void live_note(struct live *t, uint64_t id, uint64_t generation, struct slice text);

#endif

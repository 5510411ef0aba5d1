/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source of the proxy keeps: of each destination SCL how its requests go and where they are
 * parked, of its stream the sections that were begun, the sealed batch that is on its way to the
 * proxy, the epochs that have been sealed, and the sinks that were named while it ran. In a store
 * of its own; nothing in it is secret: batches are sealed, keys of sinks are public.
 *
 * What is sealed leaves the process only when it is here together with the state of its stream
 * (pre/section.h): a source that is killed sends the same octets again, or begins a new section.
 *
 * What changes something is one operation, carried out on the thread of the spool in one durable
 * transaction. What reads does so in a snapshot, on any thread. RC_INTERNAL: something is damaged.
 */
#ifndef CAP_PXY_PX_SPOOL_H
#define CAP_PXY_PX_SPOOL_H

#include "base/log.h"
#include "pre/pre.h"
#include "store/store.h"
#include "store/tables_job.h"

#define PX_SPOOL_URL 1023u /* octets of a URL of a proxy or sink */
#define PX_SPOOL_NAME 63u /* octets of the name of a sink */
#define PX_SPOOL_PARCELS 64u /* requests in a batch */
#define PX_SPOOL_REQUEST 16u /* octets that name a request to a proxy */

struct px_spool;

struct px_spool_conf {
	const char *dir; /* NULL: in memory */
	const struct store_ops *engine; /* of dir */
	struct log *log;
};

/* Blocks on the disk. RC_PRECONDITION: made by another version. One line in why. */
enum rc px_spool_open(const struct px_spool_conf *conf, struct px_spool **out, char why[256]);
/* Answers what waits. NULL is fine. */
void px_spool_close(struct px_spool *s);

/* ---- what is kept ---- */

/* How adaptive requests for a destination go. Numbers are stored. */
enum px_way {
	PX_WAY_DIRECT = 1, /* by the uplink */
	PX_WAY_FIND, /* they wait: a proxy is looked for */
	PX_WAY_PARK, /* to a store at a proxy */
	PX_WAY_DRAIN, /* the same, and it forwards what it has */
};

/* Where a section stands among those of its stream; a message of it. */
struct px_place {
	uint32_t epoch;
	uint16_t key_index;
	uint32_t count; /* data messages of the section */
};

struct px_spool_dest {
	uint64_t destination; /* saf_destination_of */
	enum px_way state;
	uint16_t stream;
	bool by_hand; /* it was a manager who had it parked */
	char root[PX_SPOOL_URL + 1]; /* of the proxy; empty: none, as the following */
	char store[PX_SPOOL_URL + 1], forward[PX_SPOOL_URL + 1];
	uint8_t request[PX_SPOOL_REQUEST]; /* by which store and forward are asked for */
	int64_t expires; /* of the store; microseconds since 1970 */
	uint64_t parked; /* requests that were put into the store */
	bool sealed; /* something was: last is where */
	struct px_place last;
};

/* A request of the own queue in a batch: what names it there. */
struct px_spool_parcel {
	uint64_t key, order;
};

struct px_spool_batch {
	struct px_spool_parcel parcels[PX_SPOOL_PARCELS];
	size_t n_parcels; /* 0: nothing but the end of a section */
	struct slice octets; /* as pre/unit.h has a batch */
};

/* An epoch of which something was sealed. */
struct px_epoch {
	uint32_t epoch;
	uint16_t key_index; /* its first section */
	uint64_t serial; /* grows from epoch to epoch, over all streams of the source */
};

struct px_spool_sink {
	char name[PX_SPOOL_NAME + 1]; /* 1..PX_SPOOL_NAME */
	char url[PX_SPOOL_URL + 1];
	uint8_t pk2[AFGH_G2];
	uint64_t destination; /* it takes over what was for it; 0: it gets all, beside others */
	uint64_t from; /* the first epoch that it may have, by its serial */
};

/* ---- changes ---- */

/* What is NULL or false stays as it is. All of it lives until done. */
struct px_spool_op {
	void (*done)(struct px_spool_op *op); /* on the thread of the spool, once; must not block */
	void *owner;
	enum rc rc; /* the answer: RC_OK, RC_NO_SPACE, RC_UNAVAILABLE, RC_INTERNAL */

	uint64_t destination; /* that the following are about */
	const struct px_spool_dest *dest;
	bool forget; /* removes all that is kept of it */
	const uint8_t *stream_state; /* PRE_STREAM_STATE_SIZE octets, of the stream of dest */
	const struct px_spool_batch *batch;
	bool unspool; /* the batch has arrived */
	const struct px_epoch *epochs; /* that have begun; their serials are the spool's to give */
	size_t n_epochs;
	bool forget_epochs; /* all; those of epochs are put afterwards */

	const struct px_spool_sink *sink; /* put, or replaced */
	bool from_now; /* its from: epochs that have not begun yet */
	uint64_t from; /* the answer: what its from is */
	const char *remove_sink; /* name; RC_OK also when there is none */

	struct tables_job job; /* the spool's */
};

/* Any thread, never blocks. */
void px_spool_write(struct px_spool *s, struct px_spool_op *op);
/* Waits until all that was handed in before was answered. Any thread but the spool's. */
void px_spool_settle(struct px_spool *s);
/*
 * A stream number that this spool never gives out again, and by chance not one of a spool that was
 * lost. RC_NO_SPACE: there is none left. It is durable with the next write of a dest. One thread.
 */
enum rc px_spool_stream(struct px_spool *s, uint16_t *out);

/* ---- reading ---- */

/* False ends it. */
typedef bool px_spool_dest_visit(void *arg, const struct px_spool_dest *d);
enum rc px_spool_dests(struct px_spool *s, px_spool_dest_visit *visit, void *arg);
typedef bool px_spool_sink_visit(void *arg, const struct px_spool_sink *k);
enum rc px_spool_sinks(struct px_spool *s, px_spool_sink_visit *visit, void *arg);
/* Of the stream of d. RC_NOT_FOUND: nothing of it was sealed. */
enum rc px_spool_state(struct px_spool *s, const struct px_spool_dest *d,
                       uint8_t out[PRE_STREAM_STATE_SIZE]);
/* octets is appended to to, out->octets is of it. RC_NOT_FOUND: no batch is under way. */
enum rc px_spool_batch(struct px_spool *s, uint64_t destination, struct px_spool_batch *out,
                       struct buf *to);
/* Epochs with serials not below from, in their order, after that epoch if any, at most max. */
enum rc px_spool_epochs(struct px_spool *s, uint64_t destination, int64_t after, uint64_t from,
                        struct px_epoch *out, size_t max, size_t *n);

#endif

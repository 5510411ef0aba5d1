/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwards of the proxy: from which store to which sinks, how far each of them is, and the
 * re-encryption keys. They are wrapped (sec/record.h) where they are stored, each for its place.
 */
#ifndef CAP_PXY_PX_FORWARD_H
#define CAP_PXY_PX_FORWARD_H

#include "cap/pxy/px_store.h"

#define PX_URL_MAX 2048u
#define PX_ERROR_MAX 200u
#define PX_RK_BYTES 96u
#define PX_PK_ID_BYTES 8u
#define PX_LAST_MAX 16u /* streams of a sink that may have a last section */

enum px_state {
	PX_RUNNING = 1,
	PX_PAUSED,
	PX_STOPPED, /* for good: it needs no message any more, and its keys are removed */
};

/* What a re-encryption key is for. */
struct px_key_of {
	uint16_t stream;
	uint32_t epoch;
};

struct px_key {
	struct px_key_of of;
	uint8_t pk_id[PX_PK_ID_BYTES]; /* which public key of the sink */
	uint8_t rk[PX_RK_BYTES]; /* secret: whoever has it wipes it */
};

/* A sink to be. */
struct px_sink_terms {
	struct slice url; /* 1..PX_URL_MAX octets */
	uint64_t rate; /* octets per second; 0: as fast as it goes */
	bool compress;
	uint32_t batch; /* messages of one request, at least 1 */
	uint64_t start; /* number of its first message; 0: that of the forward */
	uint64_t until; /* of its last; 0: that of the forward */
	const struct px_section *first; /* it gets nothing of that stream before this; NULL: all */
	/*
	 * It gets nothing from the first section on that is above one of these in its stream: the number
	 * of that message is not known before it comes. One for each stream. The book keeps them, the
	 * forwarder looks at them (px_progress.ended).
	 */
	const struct px_section *last;
	size_t n_last; /* at most PX_LAST_MAX */
	const struct px_key *keys; /* of the same stream and epoch: the later one */
	size_t n_keys;
	const uint8_t *udp_key; /* PX_UDP_KEY_BYTES, secret: of datagrams to it; NULL: none */
};

/* ---- operations ---- */

/* RC_CONFLICT: its request has asked for something else before. */
struct px_forward_new {
	struct px_op op;
	uint64_t store;
	const struct px_request *request; /* NULL: it does not come again */
	struct slice
		who; /* whose request it is, 1..PX_NAME_MAX octets; without one: not looked at */
	uint64_t from, to; /* numbers of messages; 0: from the oldest, without an end */
	const struct px_sink_terms *sinks;
	size_t n_sinks;
	uint64_t id; /* the answer, as the next; its sinks have the numbers 1..n_sinks */
	bool again; /* it was there: made by the same request */
};

/* It is running from the start. */
void px_forward_make(struct px_book *b, struct px_forward_new *n);

struct px_sink_change {
	uint32_t sink;
	uint64_t rate; /* as in struct px_sink_terms, as all that follows */
	bool compress;
	uint32_t batch;
	uint64_t until;
	const struct px_section *last;
	size_t n_last;
};

/* The message that a sink refuses, and that it is not to get: its next one, else RC_CONFLICT. */
struct px_skip {
	uint32_t sink;
	uint64_t number;
};

struct px_grant {
	uint32_t sink;
	struct px_key key;
};

struct px_withdrawal {
	uint32_t sink;
	struct px_key_of key;
};

/*
 * Changes of a forward, in the order of the fields, all or none of them. RC_PRECONDITION: it has
 * another version; RC_CONFLICT: it was stopped, or the next message of a sink is not the one to be
 * skipped; RC_NOT_FOUND also for a sink or a withdrawn key that it does not have. A key for a sink
 * that has ended is not kept. The same control as the last one again, by version and digest: RC_OK,
 * and nothing is done.
 */
struct px_control {
	struct px_op op;
	uint64_t forward;
	uint64_t version; /* that it must have; 0: any */
	const uint8_t *digest; /* PX_DIGEST_BYTES, px_digest; NULL: it does not come again */
	const uint32_t *remove; /* sinks; their numbers are never used again */
	size_t n_remove;
	const struct px_sink_terms *add;
	size_t n_add;
	const struct px_sink_change *change;
	size_t n_change;
	const struct px_withdrawal *withdraw;
	size_t n_withdraw;
	const struct px_grant *grant;
	size_t n_grant;
	const struct px_skip *skip;
	size_t n_skip;
	enum px_state state; /* 0: as it is */
	/* The answer, as all that follows; also of RC_PRECONDITION and RC_CONFLICT. */
	uint64_t version_now;
	uint32_t first_added; /* number of the first of the added sinks */
	bool again; /* it was done before; first_added is 0 */
};

void px_forward_control(struct px_book *b, struct px_control *c);

/* It and all that belongs to it is removed. */
struct px_forward_end {
	struct px_op op;
	uint64_t forward;
};

void px_forward_remove(struct px_book *b, struct px_forward_end *e);

/* What has happened at a sink since the last time. */
struct px_progress {
	struct px_op op;
	uint64_t forward;
	uint32_t sink;
	uint64_t cursor; /* done with messages up to this number; lower than before: as before */
	uint64_t sent, acknowledged, retried; /* messages */
	uint64_t octets; /* acknowledged ones */
	struct slice error; /* at most PX_ERROR_MAX are kept; empty: none */
	/* For good: nothing more goes to it, it needs no message, and its keys are removed. */
	bool ended;
};

/* RC_BAD_REQUEST also when the cursor moves to a message that the store has never had. */
void px_sink_progress(struct px_book *b, struct px_progress *p);

/* ---- reading ---- */

struct px_forward {
	uint64_t id, store;
	uint64_t version; /* 1, and one more with each control */
	enum px_state state;
	uint64_t from, to; /* to 0: without an end */
	int64_t created;
	uint64_t n_sinks;
};

/* RC_NOT_FOUND, also when its store is over. */
enum rc px_forward_get(const struct px_view *v, uint64_t id, struct px_forward *out);
typedef bool px_forward_visit(void *arg, const struct px_forward *f);
/* Those of a store, or all (0), with identifiers above after, at most limit (0: all). */
enum rc px_forward_list(const struct px_view *v, uint64_t store, uint64_t after, size_t limit,
                        px_forward_visit *visit, void *arg);

struct px_sink {
	uint64_t forward;
	uint32_t number;
	struct slice url;
	uint64_t rate;
	bool compress;
	uint32_t batch;
	uint64_t
		until; /* its last message, with the end of the forward; UINT64_MAX: without an end */
	uint64_t cursor; /* done with messages up to this number */
	bool ended;
	bool has_first;
	struct px_section first, last[PX_LAST_MAX]; /* as in struct px_sink_terms */
	size_t n_last;
	bool has_udp_key;
	uint64_t n_keys;
	uint64_t sent, acknowledged, retried, octets;
	int64_t acknowledged_at; /* the last time; 0: never */
	struct slice error; /* the last one; empty: there was none */
	int64_t error_at;
};

/* RC_NOT_FOUND. */
enum rc px_sink_get(const struct px_view *v, uint64_t forward, uint32_t number,
                    struct px_sink *out);
typedef bool px_sink_visit(void *arg, const struct px_sink *s);
/* All of a forward, in the order of their numbers. */
enum rc px_sink_list(const struct px_view *v, uint64_t forward, px_sink_visit *visit, void *arg);

/*
 * The key of a sink. RC_NOT_FOUND: it has none for that, has ended, or the forward was stopped;
 * RC_INTERNAL: it does not open. out is a secret; zero unless RC_OK.
 */
enum rc px_key_get(const struct px_view *v, uint64_t forward, uint32_t sink,
                   const struct px_key_of *of, struct px_key *out);
/* The same of the key of datagrams to it. */
enum rc px_sink_udp_key(const struct px_view *v, uint64_t forward, uint32_t sink,
                        uint8_t out[PX_UDP_KEY_BYTES]);

typedef bool px_key_visit(void *arg, const struct px_key_of *of);
/*
 * What a sink has keys for, in the order of streams and epochs, above after (NULL: all); none when
 * it has ended, or the forward was stopped. RC_NOT_FOUND: no such sink.
 */
enum rc px_key_list(const struct px_view *v, uint64_t forward, uint32_t sink,
                    const struct px_key_of *after, px_key_visit *visit, void *arg);

#endif

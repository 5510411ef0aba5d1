/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source says to a proxy and to a sink, and what they answer: the bodies of the REST
 * interface of the proxy, from the side of who calls it. Pure functions; any thread. Bodies are
 * appended to a buffer of the caller's, who looks whether it has failed.
 */
#ifndef CAP_PXY_PX_TALK_H
#define CAP_PXY_PX_TALK_H

#include "base/buf.h"
#include "cap/pxy/px_seal.h"
#include "pre/pre.h"

/* ---- what is asked for ---- */

/* A store for a stream; its messages go once they are forwarded. */
struct px_ask_store {
	const uint8_t *request; /* PX_SPOOL_REQUEST octets: the same again is answered alike */
	uint64_t reserve; /* octets */
	int64_t ttl; /* seconds */
	struct slice source; /* URL */
	const struct sign_public *sign; /* of the source */
};

void px_put_store(struct buf *b, const struct px_ask_store *a);
void px_put_ttl(struct buf *b, int64_t seconds);

/* A sink as a proxy is told of it. */
struct px_ask_sink {
	struct slice url;
	const uint8_t *pk_id; /* PRE_PK_ID_SIZE octets */
	const struct pre_rekey *keys; /* for it; b is then a secret buffer */
	size_t n_keys;
	unsigned batch; /* messages of a delivery */
};

void px_put_forward(struct buf *b, const uint8_t *request, const struct px_ask_sink *sink);

/* What is done to a forward. */
enum px_ask_do {
	PX_ASK_ADD = 1, /* the sink with its keys */
	PX_ASK_KEYS, /* more keys for the sink of that URL */
	PX_ASK_REMOVE, /* the sink of that URL, at the end of the section */
	PX_ASK_REPLACE, /* the sink instead of the one of its URL, which goes at once */
};

void px_put_control(struct buf *b, uint64_t revision, enum px_ask_do what,
                    const struct px_ask_sink *sink);

/* ---- what is answered; false: it is not that. Slices lie in the answer. ---- */

struct px_told_info {
	uint64_t available, largest, batch; /* octets */
	bool suite; /* the one that this SCL speaks */
	bool has_identity; /* pk2, pk_id are of a sink */
	uint8_t pk2[AFGH_G2], pk_id[PRE_PK_ID_SIZE];
};

/* Of who is no proxy the octets are 0. Also false when pk2 is no key, or pk_id not its. */
bool px_read_info(struct slice body, struct px_told_info *out);
/* id: 16 lower-case hexadecimal digits. */
bool px_read_id(struct slice body, struct slice *id);
/* id of a forward, and its revision. */
bool px_read_forward(struct slice body, struct slice *id, uint64_t *revision);
bool px_read_revision(struct slice body, uint64_t *revision);

/* Of one sink of a forward; what is not told of stays 0. */
struct px_told_sink {
	struct slice url;
	bool there; /* and has not ended */
	bool going; /* it ends at a place that is known */
	int64_t epoch; /* the highest of that stream with a key; -1: none */
	uint64_t lag; /* messages that it has not acknowledged yet */
};

/*
 * Of a forward or of its monitor: fills the n entries, whose urls are set, from what is told of
 * them.
 */
bool px_read_sinks(struct slice body, uint16_t stream, struct px_told_sink *sinks, size_t n);
/* The URLs of the others that it has, at most max of them. */
size_t px_read_others(struct slice body, const struct px_told_sink *sinks, size_t n,
                      struct slice *others, size_t max);

/* Of the inbox of a sink: messages of the source that are not applied yet. */
bool px_read_waiting(struct slice body, uint64_t *waiting);

#endif

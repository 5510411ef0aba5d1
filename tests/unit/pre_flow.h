/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source, two sinks and a proxy, with keys that are the same each time. pre_flow_setup and
 * pre_flow_teardown are the fixture. Every function asserts what it needs.
 */
#ifndef UNIT_PRE_FLOW_H
#define UNIT_PRE_FLOW_H

#include "pre/pre.h"
#include "pre_bed.h"

#define FLOW_SOURCE "coap://gateway.example/alpha_1"
#define FLOW_SINK "https://sink.example/inbox"
#define FLOW_STREAM 7
#define FLOW_UNITS 128

/* A party: keys, Ed25519, PK2. */
struct party {
	struct afgh_keys *keys;
	struct sign_key *sign;
	struct sign_public public;
	uint8_t pk1[AFGH_GT], pk2[AFGH_G2];
};

extern struct afgh *flow_afgh;
extern struct party flow_source, flow_sink, flow_other;
extern int64_t flow_now; /* the time of the source's calls */

void pre_flow_setup(void);
void pre_flow_teardown(void);

/* Units of a batch, which they lie in. */
struct units {
	struct pre_unit u[FLOW_UNITS];
	size_t n;
};

struct units units_of(const struct buf *batch);
/* How many are of that type. */
size_t units_count(const struct units *u, enum pre_type type);
/* The i-th of that type. */
const struct pre_unit *units_find(const struct units *u, enum pre_type type, size_t i);

/* Stream FLOW_STREAM of the source to FLOW_SINK. */
struct pre_stream_conf flow_stream_conf(void);
struct pre_stream *flow_stream(const struct pre_stream_conf *conf);
/* Sections of messages each, "0", "1" .. through all; the last one is ended. */
void flow_send(struct pre_stream *s, unsigned sections, unsigned messages, struct buf *batch);
/* Through a proxy with keys for all epochs: MM1 for the party. */
void flow_forward(const struct buf *batch, const struct party *to, struct buf *out);
/* A key for one epoch. */
struct pre_rekey flow_rekey(const struct party *to, uint16_t stream, uint32_t epoch);

struct pre_opening_conf flow_opening_conf(const struct party *by, enum pre_as as);
struct pre_opening *flow_opening(const struct pre_opening_conf *conf);
/* Outcome for one unit. */
enum rc flow_take(struct pre_opening *o, const struct pre_unit *u);
/* All units have to be taken. */
void flow_take_all(struct pre_opening *o, const struct units *u);

#endif

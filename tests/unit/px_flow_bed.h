/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of pre_flow.h in a book of px_bed.h. Every function asserts what it needs. */
#ifndef PX_FLOW_BED_H
#define PX_FLOW_BED_H

#include "pre_flow.h"
#include "px_bed.h"

#define PX_FLOW_KEYS 16 /* epochs that a sink may have keys for */

/* A store for a stream; known: the source's signing key is. */
uint64_t px_flow_store(struct px_bed *b, bool known);
/* All units of the batch. */
void px_flow_put(struct px_bed *b, uint64_t store, const struct buf *batch);
/* Sections (one epoch each, from epoch 0 on) of so many messages: MM2, messages, END. */
struct pre_stream *px_flow_stream(void);
void px_flow_add(struct px_bed *b, uint64_t store, struct pre_stream *s, unsigned sections,
                 unsigned messages);
/* The key of flow_sink for that epoch of the stream. */
struct px_key px_flow_key(uint32_t epoch);

/* A sink to be, with keys for the epochs of which the bits are set; url may be NULL. */
struct px_flow_sink {
	struct px_sink_terms terms;
	struct px_key keys[PX_FLOW_KEYS];
};

void px_flow_sink(struct px_flow_sink *s, const char *url, unsigned epochs);
/* A forward to them. */
uint64_t px_flow_forward(struct px_bed *b, uint64_t store, const struct px_flow_sink *sinks,
                         size_t n);
void px_flow_grant(struct px_bed *b, uint64_t forward, uint32_t sink, uint32_t epoch);
void px_flow_state(struct px_bed *b, uint64_t forward, enum px_state state);

#endif

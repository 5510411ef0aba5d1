/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability of the proxy on an scl without a network (core_bed.h): the forwarder is as it is,
 * its sinks are the script of the port. Every function asserts what it needs.
 */
#ifndef PX_LANES_BED_H
#define PX_LANES_BED_H

#include "cap/pxy/px_lanes.h"
#include "cap/pxy/px_own.h"
#include "core_bed.h"
#include "px_flow_bed.h"

#define LANES_SINKS 20
#define LANES_UNITS 512
#define LANES_ANSWERS 32

/* A sink, by the port of its URL. */
struct lanes_sink {
	char url[80];
	int answers[LANES_ANSWERS]; /* of its first requests; then 200 */
	size_t n_answers;
	_Atomic bool held; /* it answers nothing as long as */
	/* guarded by the bed's lock */
	size_t requests;
	uint32_t taken[LANES_UNITS]; /* msgId of units that it has answered with 2xx, in order */
	size_t n_taken;
	uint32_t first[LANES_UNITS]; /* of each request: msgId and type of its first unit */
	uint8_t types[LANES_UNITS];
	size_t counts[LANES_UNITS]; /* and how many it has */
	bool coap_token, pre_source, credential; /* the last request has that */
	char body[4096]; /* the start of the last one */
	size_t n_body;
};

struct lanes_bed {
	struct core_bed core;
	struct capability_conf conf; /* conf.proxy may be changed before lanes_start */
	char dir[64]; /* of the book; empty: in memory */
	struct px *px;
	struct px_bed book; /* for px_bed.h and px_flow_bed.h */
	struct lanes_sink sinks[LANES_SINKS];
	pthread_mutex_t lock;
	struct pre_stream *stream;
	uint32_t ids[LANES_UNITS]; /* msgId of what was put, in order */
	size_t n_ids;
};

extern struct lanes_bed lanes;

/* The fixture: nothing runs before lanes_start. */
void lanes_setup(void);
void lanes_teardown(void);
void lanes_start(void);
/* What is under way is lost; the book in dir remains. */
void lanes_stop(void);

/* Sections of so many messages, each one epoch, with their MM2 and END. */
void lanes_put(uint64_t store, unsigned sections, unsigned messages);
/* A forward to the first n sinks of lanes.sinks with keys for the epochs of which bits are set. */
uint64_t lanes_forward(uint64_t store, size_t n, unsigned epochs, uint32_t batch);

struct px_lane_look lanes_look(uint64_t store, uint64_t forward, uint32_t sink);
/* Waits. */
void lanes_await_state(uint64_t store, uint64_t forward, uint32_t sink, enum px_lane_state s);
void lanes_await_taken(size_t sink, size_t n);
void lanes_await_requests(size_t sink, size_t n);
/* Until the book says that the sink is done with messages up to cursor. */
void lanes_await_cursor(uint64_t forward, uint32_t sink, uint64_t cursor);
size_t lanes_requests(size_t sink);
/* The sink has what was put from number first to upto (1..), in order, each once. */
void lanes_expect(size_t sink, uint64_t first, uint64_t upto);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway has refused, for operators: counters of all, log lines of as many as a log bears.
 * Any thread.
 */
#ifndef CAP_EDGE_LOG_H
#define CAP_EDGE_LOG_H

#include "base/buf.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum edge_reason {
#define EDGE_REASON(id, name) EDGE_WHY_##id,
#include "cap/edge/edge_reasons.def"
#undef EDGE_REASON
	EDGE_REASONS,
	EDGE_PASS = EDGE_REASONS /* it is not refused */
};

struct edge_log {
	struct log *log;
	_Atomic uint64_t requests;
	_Atomic uint64_t refused[EDGE_REASONS];
	pthread_mutex_t lock; /* of what follows */
	struct {
		int64_t second; /* monotonic, in which lines were written */
		unsigned lines;
		uint64_t unwritten; /* since the last line */
	} lines[EDGE_REASONS];
};

/* One refusal. Empty: not known. */
struct edge_refusal {
	enum edge_reason why;
	struct slice app_id, source;
	struct slice what; /* path, host, address; cut to what a line bears */
};

void edge_log_init(struct edge_log *l, struct log *log);
void edge_log_fini(struct edge_log *l);
void edge_log_request(struct edge_log *l);
/* Counts r; writes the line edge-refused unless there were too many of its reason within this second. */
void edge_log_refused(struct edge_log *l, const struct edge_refusal *r);
/* Appends members edge_requests and edge_refused{...} of a JSON object. */
void edge_log_counters(struct edge_log *l, struct buf *out);

#endif

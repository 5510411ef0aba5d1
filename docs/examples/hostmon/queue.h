/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTMON_QUEUE_H
#define HOSTMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostmon/metrics.h"

/* One reading on its way to the SCL. */
struct sample {
	const struct metric *metric;
	int64_t taken;		/* wall time in ms */
	char *json;		/* on the heap */
	bool sent;		/* was sent once, and its answer never came */
};

/* Samples in the order they were taken, a fixed number at most. Start with queue_init. */
struct queue {
	struct sample *ring;
	size_t capacity;
	size_t first;
	size_t count;
	uint64_t dropped;	/* samples that had to make room */
};

void queue_init(struct queue *q, size_t capacity);
void queue_fini(struct queue *q);

/* Takes over sample->json. A full queue drops its oldest sample. */
void queue_push(struct queue *q, const struct sample *sample);

/* Moves the oldest sample to *sample, which then owns its json; false when the queue is empty. */
bool queue_pop(struct queue *q, struct sample *sample);

/* Gives back what queue_pop took; dropped when the queue filled up meanwhile. */
void queue_unpop(struct queue *q, const struct sample *sample);

#endif

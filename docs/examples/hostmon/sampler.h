/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTMON_SAMPLER_H
#define HOSTMON_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "hostmon/metrics.h"
#include "hostmon/queue.h"

/* Reads all metrics of this machine once per period into a queue. Readable by everybody. */
struct sampler {
	struct machine machine;
	const struct metric *metric[METRICS_MAX];	/* those this machine has */
	size_t metrics;
	struct queue queue;
	int64_t period;		/* ms */
	int64_t next;		/* monotonic time of the next round */
	uint64_t rounds;
	uint64_t rounds_max;	/* 0: endless */
};

/* Finds out what can be read; the first round is due after one period. */
void sampler_init(struct sampler *s, int64_t period, uint64_t rounds_max, size_t queue_capacity);
void sampler_fini(struct sampler *s);

/*
 * Takes a round when one is due. Returns the milliseconds until the next one, of the type that
 * http_set_idle wants; arg is the sampler.
 */
int sampler_run(void *arg);

/* True when all rounds that were asked for have been taken. */
bool sampler_done(const struct sampler *s);

#endif

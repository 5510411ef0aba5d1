/* SPDX-License-Identifier: Apache-2.0 */
/* Latency histogram with logarithmic buckets: 32 per power of two, about 3 % wide. */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

enum { HIST_SUB_BITS = 5, HIST_SUB = 1 << HIST_SUB_BITS, HIST_BUCKETS = 60 * HIST_SUB };

/* Caller's memory; all zero is an empty histogram. Not locked: one thread writes it. */
struct hist {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t bucket[HIST_BUCKETS];
};

/* Adds one value in nanoseconds. */
void hist_add(struct hist *h, uint64_t ns);

/* Adds everything from holds to into. */
void hist_merge(struct hist *into, const struct hist *from);

/* The value in microseconds which the share (0..1) of all values does not exceed; 0 when empty. */
double hist_quantile_us(const struct hist *h, double share);

/* Mean in microseconds; 0 when empty. */
double hist_mean_us(const struct hist *h);

/* Prints `"mean":..,"p50":..,"p90":..,"p99":..,"p999":..,"max":..` (microseconds) to stdout. */
void hist_print(const struct hist *h);

#endif

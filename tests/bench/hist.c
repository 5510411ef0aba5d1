/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "hist.h"

#include <stdio.h>

static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;
	unsigned index;

	if (ns < HIST_SUB)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
	index = (shift + 1) * HIST_SUB + (unsigned)((ns >> shift) & (HIST_SUB - 1));
	return index < HIST_BUCKETS ? index : HIST_BUCKETS - 1;
}

/* Upper edge of a bucket in nanoseconds. */
static double
bucket_edge(unsigned index)
{
	unsigned shift = index / HIST_SUB;

	if (shift == 0)
		return index;
	return (double)((uint64_t)(HIST_SUB + index % HIST_SUB + 1) << (shift - 1));
}

void
hist_add(struct hist *h, uint64_t ns)
{
	h->bucket[bucket_of(ns)]++;
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

double
hist_quantile_us(const struct hist *h, double share)
{
	double wanted = share * (double)h->count;
	double max = (double)h->max_ns;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HIST_BUCKETS && h->count > 0; i++) {
		seen += h->bucket[i];
		if ((double)seen >= wanted)
			return (bucket_edge(i) < max ? bucket_edge(i) : max) / 1000.0;
	}
	return max / 1000.0;
}

double
hist_mean_us(const struct hist *h)
{
	return h->count == 0 ? 0 : (double)h->sum_ns / (double)h->count / 1000.0;
}

void
hist_print(const struct hist *h)
{
	printf("\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f",
	    hist_mean_us(h), hist_quantile_us(h, 0.5), hist_quantile_us(h, 0.9),
	    hist_quantile_us(h, 0.99), hist_quantile_us(h, 0.999), (double)h->max_ns / 1000.0);
}

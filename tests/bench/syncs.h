/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the writes to the device that a process waits for, by standing in front of the C library:
 * linked into a program, or as tests/bench/syncs.so in LD_PRELOAD. When BENCH_SYNCS_FILE in the
 * environment names a file, the counters are in it and another process may read them.
 */
#ifndef BENCH_SYNCS_H
#define BENCH_SYNCS_H

#include <stdint.h>

/* Native byte order; the file is exactly this. */
struct syncs {
	uint64_t fsyncs;
	uint64_t fdatasyncs;
	uint64_t msyncs;	/* with MS_SYNC */
	uint64_t writes;	/* to a descriptor opened with O_SYNC or O_DSYNC */
};

/* The counters so far. Any thread. */
struct syncs syncs_now(void);

/* The sum of all counters. */
uint64_t syncs_total(void);

#endif

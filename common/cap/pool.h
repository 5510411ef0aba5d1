/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what costs time and waits for nobody: re-encryption, opening, sealing, verification,
 * agreement on keys. A job is embedded in whoever has it done, which has at most so many jobs as it
 * has such members: the queue is bounded by their number and needs no memory of its own.
 *
 * A job does little (8 management messages, 64 KiB, one step of a protocol) and submits itself again
 * for more, behind those that wait. It ends by handing its result on (scl_post, an operation of a
 * book): the pool calls nobody.
 */
#ifndef CAP_POOL_H
#define CAP_POOL_H

#include "base/rc.h"

#include <stdbool.h>
#include <stdint.h>

#define POOL_THREADS_MAX 64u

/* Served in turn while both have work, each in its order. */
enum pool_line {
	POOL_FOREIGN, /* for others: what clients ask for, lanes of the proxy */
	POOL_OWN, /* for this SCL: as a source, as a sink, as a device */
	POOL_LINES
};

/* In memory of whoever submits it, which stays until run was called. */
struct pool_job {
	/*
	 * On a thread of the pool, once for each pool_submit. The pool does not look at job any more:
	 * run may submit it again or have it freed. Must not wait for peers, disk or other jobs.
	 */
	void (*run)(struct pool_job *job);
	/* Set before run: the pool is being stopped. Run hands on what it has, and submits nothing. */
	bool ending;
	struct pool_job *next; /* the pool's */
};

struct pool;

struct pool_load {
	unsigned waiting; /* jobs that wait now */
	unsigned running; /* and that are carried out now */
	uint64_t done; /* jobs ever carried out */
};

/*
 * Starts so many threads (1..POOL_THREADS_MAX, else RC_BAD_REQUEST), each with 512 KiB of stack:
 * the pairing needs 128. RC_UNAVAILABLE. *out is ended with pool_stop.
 */
enum rc pool_start(unsigned threads, struct pool **out);
/*
 * Any thread, never blocks, never calls run from within. job must not wait already. While
 * pool_stop is under way it still takes jobs; after it there is no pool.
 */
void pool_submit(struct pool *p, enum pool_line line, struct pool_job *job);
/* Any thread. */
void pool_load(struct pool *p, struct pool_load *out);
/* Runs what waits, with ending set, waits for all threads and frees. NULL is fine. */
void pool_stop(struct pool *p);

#endif

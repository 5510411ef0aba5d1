/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of the proxy, the sink and the source for what costs time and waits for nobody:
 * re-encryption, opening, sealing, verification. A job is embedded in whoever has it done, which
 * has at most so many jobs as it has such members: the queue is bounded by their number and needs
 * no memory of its own.
 *
 * A job does little (8 management messages, 64 KiB) and submits itself again for more, behind
 * those that wait. It ends by handing its result on (scl_post, an operation of a book): the pool
 * calls nobody.
 */
#ifndef CAP_PXY_PX_POOL_H
#define CAP_PXY_PX_POOL_H

#include "base/rc.h"

#include <stdbool.h>
#include <stdint.h>

#define PX_POOL_THREADS_MAX 64u

/* Served in turn while both have work, each in its order. */
enum px_pool_line {
	PX_POOL_FOREIGN, /* for others: lanes of the proxy, what clients of it ask for */
	PX_POOL_OWN, /* for this SCL: as a source, as a sink */
	PX_POOL_LINES
};

/* In memory of whoever submits it, which stays until run was called. */
struct px_job {
	/*
	 * On a thread of the pool, once for each px_pool_submit. The pool does not look at job any more:
	 * run may submit it again or have it freed. Must not wait for peers, disk or other jobs.
	 */
	void (*run)(struct px_job *job);
	/* Set before run: the pool is being stopped. Run hands on what it has, and submits nothing. */
	bool ending;
	struct px_job *next; /* the pool's */
};

struct px_pool;

struct px_pool_load {
	unsigned waiting; /* jobs that wait now */
	unsigned running; /* and that are carried out now */
	uint64_t done; /* jobs ever carried out */
};

/*
 * Starts so many threads (1..PX_POOL_THREADS_MAX, else RC_BAD_REQUEST), each with 512 KiB of stack:
 * the pairing needs 128. RC_UNAVAILABLE. *out is ended with px_pool_stop.
 */
enum rc px_pool_start(unsigned threads, struct px_pool **out);
/*
 * Any thread, never blocks, never calls run from within. job must not wait already. While
 * px_pool_stop is under way it still takes jobs; after it there is no pool.
 */
void px_pool_submit(struct px_pool *p, enum px_pool_line line, struct px_job *job);
/* Any thread. */
void px_pool_load(struct px_pool *p, struct px_pool_load *out);
/* Runs what waits, with ending set, waits for all threads and frees. NULL is fine. */
void px_pool_stop(struct px_pool *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread of a store of security tables: it applies the jobs of all threads, many in one
 * durable transaction, and answers them after the commit. Timers run on it as well.
 */
#ifndef MAS_WORK_H
#define MAS_WORK_H

#include "base/log.h"
#include "mas/mas_job.h"
#include "mas/mas_store.h"

struct mas_work;

struct mas_work_conf {
	struct mas_store *store;
	struct log *log;
	unsigned queue_max; /* jobs that wait */
	unsigned batch_max; /* jobs of one transaction */
	int64_t period; /* microseconds between ticks */
	/*
	 * Every period, on the worker: expiry, counters. Changes something or not; *more: at once again.
	 */
	enum rc (*tick)(void *arg, struct mas_tx *tx, bool *more);
	/* After each tick: rc RC_OK when what it changed is stored. NULL: not wanted. */
	void (*ticked)(void *arg, enum rc rc);
	void *arg;
};

/* Copies conf. RC_UNAVAILABLE. */
enum rc mas_work_start(const struct mas_work_conf *conf, struct mas_work **out);
/*
 * done is called in every case, never from within this: with RC_UNAVAILABLE, and without run, when
 * the queue is full. Not after mas_work_stop. Any thread, never blocks.
 */
void mas_work_submit(struct mas_work *w, struct mas_job *j);
/* A tick soon. Any thread. */
void mas_work_wake(struct mas_work *w);
/* Ends what waits, ticks once more, ends the thread, frees. NULL is fine. */
void mas_work_stop(struct mas_work *w);

#endif

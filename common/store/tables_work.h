/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread of a store of tables: it applies the jobs of all threads, many in one
 * durable transaction, and answers them after the commit. Timers run on it as well.
 */
#ifndef STORE_TABLES_WORK_H
#define STORE_TABLES_WORK_H

#include "base/log.h"
#include "store/tables.h"
#include "store/tables_job.h"

struct tables_work;

struct tables_work_conf {
	struct tables *store;
	struct log *log;
	/* Its events: a change, a tick that could not be stored. Texts that outlive the worker. */
	const char *store_failed, *tick_failed;
	unsigned queue_max; /* jobs that wait */
	unsigned batch_max; /* jobs of one transaction */
	size_t batch_octets; /* that they store together, when there are several; 0: any number */
	int64_t period; /* microseconds between ticks */
	/*
	 * Every period, on the worker: expiry, counters. Changes something or not; *more: at once again.
	 * NULL: nothing is ever due, tick_failed and period do not matter.
	 */
	enum rc (*tick)(void *arg, struct tables_tx *tx, bool *more);
	/* After each tick: rc RC_OK when what it changed is stored. NULL: not wanted. */
	void (*ticked)(void *arg, enum rc rc);
	void *arg;
};

/* Copies conf. RC_UNAVAILABLE. */
enum rc tables_work_start(const struct tables_work_conf *conf, struct tables_work **out);
/*
 * done is called in every case, never from within this: with RC_UNAVAILABLE, and without run, when
 * the queue is full. Not after tables_work_stop. Any thread, never blocks.
 */
void tables_work_submit(struct tables_work *w, struct tables_job *j);
/* How many jobs wait. Any thread. */
unsigned tables_work_waiting(struct tables_work *w);
/* A tick soon. Any thread. */
void tables_work_wake(struct tables_work *w);
/* Ends what waits, ticks once more, ends the thread, frees. NULL is fine. */
void tables_work_stop(struct tables_work *w);

#endif

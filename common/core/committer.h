/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: jobs of all threads are applied by one thread, the whole waiting batch in one
 * durable transaction, each as a unit that applies or leaves no trace.
 */
#ifndef CORE_COMMITTER_H
#define CORE_COMMITTER_H

#include "store/repo.h"

struct committer;

/* Caller's memory, alive until done was called. */
struct job {
	/*
	 * Applies the job, on the committer thread. An outcome that is no success (status_is_success)
	 * is rolled back. It may run a second time, when the batch it was in could not be committed.
	 */
	enum rc (*run)(struct job *job, struct rtx *tx);
	/* rc: of run, or why nothing was stored. On the committer thread after the commit. */
	void (*done)(struct job *job, enum rc rc);
	struct arena *arena; /* of the results of run */
	void *arg; /* the submitter's */
	struct job *next; /* the committer's */
	enum rc rc;
};

/* What is kept is stored with its batch, or lost with it and then run again or refused. */
enum commit_event { COMMIT_KEPT, COMMIT_UNDONE, COMMIT_STORED, COMMIT_LOST };

struct committer_conf {
	struct repo *repo;
	struct log *log;
	unsigned queue_max;
	unsigned batch_max;
	/*
	 * Called on the committer thread inside a transaction when nothing else is to do and at least
	 * once a second: expiry and other housekeeping. Sets *more when there is more to do at once.
	 */
	enum rc (*tick)(void *arg, struct rtx *tx, bool *more);
	/* What became of the last run or tick, then of all that was kept. */
	void (*event)(void *arg, enum commit_event what);
	/* True when tick has something to do now. */
	bool (*due)(void *arg);
	void *arg;
};

/* Copies conf. */
enum rc committer_start(const struct committer_conf *conf, struct committer **c);
/* Applies what waits, then ends the thread; what is submitted later is refused. */
void committer_stop(struct committer *c);
void committer_free(struct committer *c);
/* False when the queue is full or the committer is stopping: done is then not called. Any thread. */
bool committer_submit(struct committer *c, struct job *job);
/* The same without the bound: for the few jobs of the core itself. */
bool committer_submit_own(struct committer *c, struct job *job);
/* How many jobs wait to be taken into a transaction. Any thread. */
unsigned committer_waiting(struct committer *c);

#endif

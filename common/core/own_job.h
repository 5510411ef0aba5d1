/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change to the tree that no request asked for: run on the committer, reported on the courier
 * thread.
 */
#ifndef CORE_OWN_JOB_H
#define CORE_OWN_JOB_H

#include "core/scl_impl.h"

/* Caller's memory, alive until done was called. */
struct own_job {
	/* In the write transaction, like job.run: it may run twice. Results go to oj->arena. */
	enum rc (*run)(struct own_job *oj, struct rtx *tx);
	/* On the courier thread, once, never from within own_job_submit; may submit again. */
	void (*done)(struct own_job *oj, enum rc rc);
	void *owner; /* the submitter's */
	struct scl *scl; /* set by own_job_submit */
	struct arena *arena; /* made by own_job_submit, freed after done */
	struct job job; /* private from here on */
	struct scl_task back;
	enum rc rc;
};

/* Any thread. False when it cannot be taken now: done is not called, try again later. */
bool own_job_submit(struct scl *scl, struct own_job *oj);

#endif

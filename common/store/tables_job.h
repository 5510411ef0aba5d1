/* SPDX-License-Identifier: Apache-2.0 */
/* Work for the thread of a store of tables (tables_work.h), or for who does it elsewhere. */
#ifndef STORE_TABLES_JOB_H
#define STORE_TABLES_JOB_H

#include "base/rc.h"

#include <stddef.h>

struct tables_tx;

/* In memory of whoever submits it, alive until done was called. */
struct tables_job {
	/*
	 * On the worker, inside the transaction. RC_OK keeps what it has changed, also when its answer is
	 * a refusal; everything else takes it back. RC_PENDING keeps it, and the job is run again after
	 * others (long work in steps). It may run once more when its batch could not be stored: what it
	 * does to memory it does in done.
	 */
	enum rc (*run)(struct tables_job *j, struct tables_tx *tx);
	/* After the commit of a run that was RC_PENDING. NULL: run never is. */
	void (*stored)(struct tables_job *j);
	/* On the worker, after the commit. rc: of run; why nothing was stored; RC_PENDING never. */
	void (*done)(struct tables_job *j, enum rc rc);
	void *self; /* whoever has set run */
	void *memory; /* what run leaves for done */
	size_t octets; /* about as many does it store; 0: few */
	struct tables_job *next; /* the worker's, as the following */
	enum rc rc;
};

#endif

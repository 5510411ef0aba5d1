/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of the node's SEC capability for what waits for the disk: the key store and the
 * measurement of files. Jobs are carried out in the order of their submission, and each is handed
 * back to the courier thread.
 */
#ifndef CAP_SEC_NODE_WORK_H
#define CAP_SEC_NODE_WORK_H

#include "core/scl.h"

struct node_work;

/* Caller's memory, alive until done was called or the worker is freed. */
struct node_job {
	void (*run)(struct node_job *job); /* on the worker */
	void (*done)(struct node_job *job); /* on the courier thread; not when the worker is stopping */
	void *owner;
	bool busy; /* the courier thread's: from submit to done */
	struct scl_task task; /* private, as the following */
	struct node_work *work;
	struct node_job *next;
};

/* NULL without memory or thread. scl lives until node_work_stop. */
struct node_work *node_work_new(struct scl *scl);
/* job is not busy. False when the worker is stopping. Courier thread. */
bool node_work_submit(struct node_work *w, struct node_job *job);
/* Carries out what was submitted and ends the thread; nothing is taken from then on. */
void node_work_stop(struct node_work *w);
/* After node_work_stop; NULL is fine. */
void node_work_free(struct node_work *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One thread for what may block, with a bounded queue before it. */
#ifndef CAP_REM_REM_WORKER_H
#define CAP_REM_REM_WORKER_H

#include <stdbool.h>

struct rem_worker;

/* Caller's memory, alive until run has returned or the worker has stopped. */
struct rem_work {
	/* On the worker; stopping: the worker ends, do nothing but let go. */
	void (*run)(struct rem_work *work, bool stopping);
	struct rem_work *next; /* private */
};

/* NULL without memory or thread. queue_max: works that wait. */
struct rem_worker *rem_worker_new(unsigned queue_max);
/* Descriptors as rem_packages_conf wants them; they live as long as the worker. */
int rem_worker_cancel_fd(const struct rem_worker *w);
int rem_worker_stop_fd(const struct rem_worker *w);
/* False when the queue is full or the worker stops. Any thread. */
bool rem_worker_submit(struct rem_worker *w, struct rem_work *work);
/*
 * Work that has not begun is taken back: true, its run will not be called. For work that is being
 * done the cancel descriptor becomes readable: false. Also false for unknown work. Any thread.
 */
bool rem_worker_cancel(struct rem_worker *w, struct rem_work *work);
/* Ends what is being done, runs what waits with stopping, joins. NULL is fine. */
void rem_worker_free(struct rem_worker *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the outlet of an SCL share; private to px_apply.c and px_flow.c. */
#ifndef CAP_PXY_PX_APPLY_OWN_H
#define CAP_PXY_PX_APPLY_OWN_H

#include "cap/pxy/px_apply.h"

#include <pthread.h>

enum item_state { ITEM_WAITS, ITEM_CALLED, ITEM_ANSWERED };

/* A message of the window. */
struct item {
	struct flow *flow;
	uint64_t number;
	struct slice plain; /* in the arena */
	enum item_state state;
	unsigned status; /* HTTP, when it is answered */
	struct scl_call call;
};

/* What comes of windows, on its way to the book. */
struct outcome {
	uint64_t up_to, applied;
	struct px_in_failure failures[SCL_ONCE_WINDOW];
	size_t n_failures;
};

/* One source. Of the courier thread, after the start. */
struct flow {
	struct px_apply *all;
	char *url, *scl_id;
	struct px_in_name name;
	struct scl_task wake; /* look into the queue */
	struct scl_task again; /* the same after a failure, when its time has come */
	struct scl_task ended; /* the book has taken end */
	struct scl_task end_again; /* hand end in again */
	struct scl_once once;
	uint64_t done; /* all up to this one are final */

	bool busy; /* a window is under way, or its outcome waits, or its next trial */
	struct arena *arena; /* documents of the window */
	struct item *items; /* conf.window */
	unsigned n, under_way;
	size_t octets;
	int64_t delay; /* until the next trial, 0: the last one went well */
	uint64_t failing; /* the number that is tried again, */
	int64_t since; /* since then (monotonic) */

	struct outcome out; /* of the last window */
	bool held; /* out waits for end */
	struct outcome ending; /* what end refers to */
	struct px_in_end end;
	bool is_ending;
};

struct px_apply {
	struct px_apply_conf conf;
	struct flow *flows;
	size_t n_flows; /* filled in */
	pthread_mutex_t lock;
	pthread_cond_t turn; /* of the start alone */
	bool stopped; /* the scl is not to be touched any more by other threads than its own */
};

/* Runs task soon, unless it is stopped. Any thread. */
void px_apply_post(struct flow *f, struct scl_task *task);
bool px_apply_stopped(struct px_apply *a);

/* ---- px_flow.c ---- */

/* Fills in the tasks. */
void px_flow_init(struct flow *f);

#endif

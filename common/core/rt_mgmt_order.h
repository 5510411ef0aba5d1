/* SPDX-License-Identifier: Apache-2.0 */
/* What rt_mgmt_order.c and rt_mgmt_look.c share; nobody else includes this. */
#ifndef CORE_RT_MGMT_ORDER_H
#define CORE_RT_MGMT_ORDER_H

#include "core/own_job.h"
#include "core/rt_mgmt.h"

#define MGMT_ADAPTORS_MAX 8
#define MGMT_NOTED_MAX 1024

enum noted_kind { NOTED_COMMAND, NOTED_ACTION, NOTED_CANCEL };

struct noted {
	enum noted_kind kind;
	uint64_t node; /* execInstance, or holder of the status */
	uint64_t resource; /* with the action */
	unsigned attr;
	uint64_t number;
	unsigned batch; /* in which it was noted */
};

enum order_state { ORDER_BEGINS, ORDER_RUNS, ORDER_ENDS };

struct order {
	struct mgmt_order public; /* first */
	struct order *next;
	struct mgmt *m;
	struct arena *arena;
	struct mgmt_adaptor adaptor; /* a copy: the original may go */
	const struct mgmt_adaptor *registered; /* NULL: nobody carries it out */
	enum order_state state;
	uint64_t node;
	uint64_t number; /* of an action; 0: a command */
	unsigned status_attr; /* of an action */
	struct slice uri; /* of the action */
	struct own_job job;
	struct scl_task retry; /* the job could not be taken, or progress is to be stored */
	bool working; /* the job is under way */
	/* Of the job, with stored: what the other thread may read meanwhile. */
	enum order_state doing;
	bool cancelled; /* the adaptor has been told, or there was none to tell */
	bool wants_cancel;
	bool success;
	int progress, stored;
	struct val *items; /* A_EXEC_RESULT_ITEM */
};

struct mgmt {
	struct scl *scl;
	struct scl_task wake, left_over;
	struct order *orders;
	_Atomic unsigned registrations; /* of this SCL, anew */
	_Atomic unsigned batch; /* that the committer is at */
	_Atomic unsigned under_way; /* noted or ordered, but for cancellations */
	struct mgmt_kept *kept;

	pthread_mutex_t adaptors_lock;
	const struct mgmt_adaptor *adaptors[MGMT_ADAPTORS_MAX];

	pthread_mutex_t lock; /* of what follows */
	struct noted noted[MGMT_NOTED_MAX];
	size_t n;
	bool changed;
};

/* ---- rt_mgmt_order.c ---- */

struct order *order_new(struct mgmt *m, uint64_t node);
void order_free(struct order *o);
/* o is among the orders of m: it begins. */
void order_begin(struct order *o);
/* The store says that it is to end early. */
void order_cancel(struct order *o);
/* o is among the orders of m and ends with an error item. */
void order_fail(struct order *o, const char *text);
/* A restart that was under way, which succeeds by another run. */
bool order_is_restart(const struct order *o);
/* Something in the own collection has changed. */
void mgmt_tell_changed(struct mgmt *m);

/* ---- rt_mgmt_look.c ---- */

void mgmt_wake_run(struct scl_task *task);
void mgmt_left_over_run(struct scl_task *task);
/* Ends what an earlier run has left of the adaptor; NULL: of nobody. */
void mgmt_take_left_over(struct mgmt *m, const struct mgmt_adaptor *adaptor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the book and steps on the pool, and their way back to the courier. */
#include "config.h"

#include <stdlib.h>

#include "cap/sgd/sgd_own.h"

/* ---- changes ---- */

static void
op_free(struct sgd_op *op)
{
	*op->place = op->next;
	if (op->next != NULL)
		op->next->place = op->place;
	sgd_change_end(&op->change);
	free(op);
}

static void
op_back(struct scl_task *t)
{
	struct sgd_op *op = (struct sgd_op *)(void *)((char *)t - offsetof(struct sgd_op, task));

	if (atomic_load(&op->all->running))
		op->then(op, op->change.rc);
	op_free(op);
}

/* On the book's thread. Behind the gate it stays in the list, for sgd_ops_free. */
static void
op_done(struct sgd_change *c)
{
	struct sgd_op *op = c->owner;

	sgd_post(op->all, &op->task);
}

struct sgd_op *
sgd_op_new(struct sgd *d, void (*then)(struct sgd_op *op, enum rc rc), void *a, void *b)
{
	struct sgd_op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return NULL;
	op->then = then;
	op->a = a;
	op->b = b;
	op->all = d;
	op->task.run = op_back;
	op->change.done = op_done;
	op->change.owner = op;
	sgd_change_begin(&op->change);
	op->next = d->ops;
	op->place = &d->ops;
	if (op->next != NULL)
		op->next->place = &op->next;
	d->ops = op;
	return op;
}

void
sgd_op_submit(struct sgd_op *op)
{
	sgd_book_submit(op->all->book, &op->change);
}

void
sgd_op_drop(struct sgd_op *op)
{
	op_free(op);
}

/* The book is closed, the scl is gone. */
void
sgd_ops_free(struct sgd *d)
{
	struct sgd_op *next;

	for (struct sgd_op *op = d->ops; op != NULL; op = next) {
		next = op->next;
		op_free(op);
	}
}

/* ---- steps ---- */

static void
step_back(struct scl_task *t)
{
	struct sgd_step *st =
		(struct sgd_step *)(void *)((char *)t - offsetof(struct sgd_step, task));

	st->server->steps--;
	if (atomic_load(&st->server->all->running))
		st->then(st);
}

static void
step_run(struct pool_job *job)
{
	struct sgd_step *st =
		(struct sgd_step *)(void *)((char *)job - offsetof(struct sgd_step, job));

	st->rc = job->ending ? RC_UNAVAILABLE : st->run(st);
	sgd_post(st->server->all, &st->task);
}

bool
sgd_step_submit(struct sgd_step *st)
{
	struct sgd *d = st->server->all;

	buf_fini(&st->message);
	buf_init(&st->message, SGA_MESSAGE_MAX);
	st->made = NULL;
	st->job = (struct pool_job){ .run = step_run };
	st->task = (struct scl_task){ .run = step_back };
	if (!sgd_enter(d))
		return false;
	st->server->steps++;
	pool_submit(d->pool, POOL_OWN, &st->job);
	sgd_leave(d);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that may have been revoked without word of it: all that have registered a key, at a start and
 * when the MAS says that something was lost. Each is asked about, one after the other in the order of
 * their ids; until then nothing is issued to it.
 *
 *   look, on the thread of the book: takes from the last one what it has, if it is gone; finds the next
 *   -> inquire, at the MAS -> look ...; whatever fails is begun again after a pause
 */
#include "config.h"

#include "cap/mpa/mpa_cn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "mas/mas.h"

#define PAUSE_FIRST CLOCK_SECOND
#define PAUSE_MAX (30 * CLOCK_SECOND)
#define RETRY_S 2u

/* A call that the MAS may answer after this capability has gone: whoever is last frees it. */
struct cn_inquiry {
	struct mas_inquire call; /* first */
	pthread_mutex_t lock; /* guards the rest; before mpa_cn.lock */
	struct mpa_cn *cn; /* NULL: it has gone */
	bool flying;
};

static void step(struct mpa_cn *cn);

/* ---- what is in doubt ---- */

/* Locked. */
static bool
is_sure(const struct cn_doubt *d, const struct node_id *node)
{
	return d->over ||
	       (node != NULL && d->begun && memcmp(node->v, d->sure.v, NODE_ID_BYTES) <= 0);
}

enum rc
cn_sure_of(struct cn_op *op, const struct node_id *node)
{
	struct mpa_cn *cn = op->cn;
	bool sure;

	pthread_mutex_lock(&cn->lock);
	sure = is_sure(&cn->doubt, node);
	pthread_mutex_unlock(&cn->lock);
	if (sure)
		return RC_OK;
	op->retry_after = RETRY_S;
	return cn_refuse_op(op, RC_UNAVAILABLE, "IN_DOUBT");
}

/* One that was moved while it began to run has nothing left to do. */
static void
due(struct scl_task *task)
{
	struct mpa_cn *cn =
		(struct mpa_cn *)(void *)((char *)task - offsetof(struct mpa_cn, doubt.task));
	bool waits;

	pthread_mutex_lock(&cn->lock);
	waits = cn->doubt.waits;
	cn->doubt.waits = false;
	pthread_mutex_unlock(&cn->lock);
	if (waits)
		step(cn);
}

/* The next step after a pause. Locked. */
static void
post_step(struct mpa_cn *cn, int64_t pause)
{
	cn->doubt.busy = cn->doubt.waits = cn->running;
	if (cn->running)
		scl_post(cn->scl, &cn->doubt.task, pause);
}

void
cn_doubt_begin(struct mpa_cn *cn)
{
	struct cn_doubt *d = &cn->doubt;

	if (cn->sec->mas == NULL)
		return;
	pthread_mutex_lock(&cn->lock);
	d->over = d->begun = false;
	d->again = d->busy && !d->waits;
	if (!d->again)
		post_step(cn, 0);
	pthread_mutex_unlock(&cn->lock);
}

static void
later(struct mpa_cn *cn, const char *why)
{
	struct cn_doubt *d = &cn->doubt;

	pthread_mutex_lock(&cn->lock);
	/* At the end of the process there is nothing wrong with it. */
	if (d->pause == 0 && cn->running)
		LOG_WARN(cn->log, "mpa-doubt", LOG_Z("reason", why));
	d->pause = d->pause == 0              ? PAUSE_FIRST
	           : d->pause > PAUSE_MAX / 2 ? PAUSE_MAX
	                                      : 2 * d->pause;
	post_step(cn, d->pause);
	pthread_mutex_unlock(&cn->lock);
}

/* ---- the MAS ---- */

/* Takes the answer; the next step is due. */
static void
take_answer(struct mpa_cn *cn, const struct mas_inquire *q)
{
	struct cn_doubt *d = &cn->doubt;

	if (q->outcome.rc != RC_OK) {
		later(cn, "the MAS cannot be asked about nodes");
		return;
	}
	pthread_mutex_lock(&cn->lock);
	d->pause = 0;
	d->gone = !d->again && !q->stands;
	if (!d->again && q->stands) {
		d->begun = true;
		d->sure = q->node;
	}
	d->again = false;
	pthread_mutex_unlock(&cn->lock);
	step(cn);
}

static void
free_inquiry(struct cn_inquiry *q)
{
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void
answered(struct mas_inquire *call)
{
	struct cn_inquiry *q = (struct cn_inquiry *)(void *)call;
	bool left;

	pthread_mutex_lock(&q->lock);
	q->flying = false;
	left = q->cn == NULL;
	if (!left)
		take_answer(q->cn, call);
	pthread_mutex_unlock(&q->lock);
	if (left)
		free_inquiry(q);
}

static void
inquire(struct mpa_cn *cn, const struct node_id *node)
{
	struct cn_inquiry *q = cn->doubt.inquiry;
	const struct mas *mas = cn->sec->mas;

	pthread_mutex_lock(&q->lock);
	q->flying = true;
	q->call = (struct mas_inquire){ .node = *node, .done = answered };
	pthread_mutex_unlock(&q->lock);
	mas->ops->inquire(mas->self, &q->call);
}

/* ---- the book ---- */

/* op->node: the next one that is in doubt; op->then RC_NOT_FOUND: there is none. */
static enum rc
run_look(struct cn_op *op, struct tables_tx *tx)
{
	struct cn_doubt d;
	enum rc rc = RC_OK;

	pthread_mutex_lock(&op->cn->lock);
	d = op->cn->doubt;
	pthread_mutex_unlock(&op->cn->lock);
	if (d.gone)
		rc = cn_drop_node(op, tx, &d.asked);
	if (rc == RC_OK)
		rc = cn_party_next(tx, d.begun ? &d.sure : NULL, &op->node);
	op->then = rc;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void
looked(struct cn_op *op, enum rc rc)
{
	struct mpa_cn *cn = op->cn;
	struct cn_doubt *d = &cn->doubt;
	bool again;

	if (rc != RC_OK) {
		later(cn, status_of(rc)->text);
		return;
	}
	pthread_mutex_lock(&cn->lock);
	again = d->again;
	d->gone = d->again = false;
	d->asked = op->node;
	if (!again && op->then == RC_NOT_FOUND) {
		d->over = true;
		d->busy = false;
	}
	pthread_mutex_unlock(&cn->lock);
	if (again)
		step(cn);
	else if (op->then != RC_NOT_FOUND)
		inquire(cn, &op->node);
}

static void
step(struct mpa_cn *cn)
{
	static const struct cn_row row = { .name = "mpa-node-gone", .run = run_look };
	const struct cn_op how = { .ended = looked };

	if (cn_op_begin(cn, &row, &how) != RC_OK)
		later(cn, "no memory");
}

/* ---- life ---- */

enum rc
cn_doubt_open(struct mpa_cn *cn)
{
	struct cn_inquiry *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return RC_UNAVAILABLE;
	pthread_mutex_init(&q->lock, NULL);
	q->cn = cn;
	cn->doubt.inquiry = q;
	cn->doubt.task.run = due;
	/* Without a MAS there are no nodes. */
	cn->doubt.over = cn->sec->mas == NULL;
	return RC_OK;
}

void
cn_doubt_close(struct mpa_cn *cn)
{
	struct cn_inquiry *q = cn->doubt.inquiry;
	bool flying;

	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	flying = q->flying;
	q->cn = NULL;
	pthread_mutex_unlock(&q->lock);
	if (!flying)
		free_inquiry(q);
}

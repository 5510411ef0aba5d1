/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of one source on their way into the tree: read from the book in windows, called,
 * ended in the book. While the book takes the end of one window the next is under way.
 */
#include "config.h"

#include "cap/pxy/px_apply_own.h"
#include "cap/pxy/px_request.h"

/* Messages of one window, unless a single one is longer. */
#define WINDOW_OCTETS ((size_t)1 << 20)

static void step(struct flow *f);

/* ---- the end of messages, in the book ---- */

static void
end_done(struct px_in_op *op)
{
	struct flow *f = op->owner;

	px_apply_post(f, &f->ended);
}

static void
hand_in(struct flow *f)
{
	f->is_ending = true;
	f->ending = f->out;
	f->out = (struct outcome){ 0 };
	f->held = false;
	f->end = (struct px_in_end){ .op = { .done = end_done, .owner = f },
		                     .source = f->name,
		                     .up_to = f->ending.up_to,
		                     .applied = f->ending.applied,
		                     .failures = f->ending.failures,
		                     .n_failures = f->ending.n_failures };
	px_inbook_end(f->all->conf.book, &f->end);
}

/* The same outcome once more. */
static void
end_again_run(struct scl_task *task)
{
	struct flow *f = (struct flow *)(void *)((char *)task - offsetof(struct flow, end_again));

	if (!px_apply_stopped(f->all))
		px_inbook_end(f->all->conf.book, &f->end);
}

static void
ended_run(struct scl_task *task)
{
	struct flow *f = (struct flow *)(void *)((char *)task - offsetof(struct flow, ended));

	if (f->end.op.rc != RC_OK) {
		LOG_ERROR(f->all->conf.log, "proxy-inbox-kept", LOG_Z("source", f->url),
		          LOG_Z("status", status_of(f->end.op.rc)->text));
		scl_post(f->all->conf.scl, &f->end_again, f->all->conf.retry_max);
		return;
	}
	f->is_ending = false;
	if (!f->held)
		return;
	hand_in(f);
	f->busy = false;
	step(f);
}

/* ---- the end of a window ---- */

/* 408 says that the way to another SCL was slow, nothing of the request. */
static bool
is_final(unsigned status)
{
	return (status < 500 && status != 408) || status == 501 || status == 505;
}

static void
note(struct flow *f, const struct item *i)
{
	const struct px_in_stats *stats = &f->all->conf.stats;

	f->done = f->out.up_to = i->number;
	if (i->status < 400) {
		f->out.applied++;
		atomic_fetch_add(stats->applied, 1);
		return;
	}
	f->out.failures[f->out.n_failures++] =
		(struct px_in_failure){ i->number, clock_now(&clock_system), i->status };
	atomic_fetch_add(stats->failed, 1);
	LOG_WARN(f->all->conf.log, "proxy-request-refused", LOG_Z("source", f->url),
	         LOG_N("number", i->number), LOG_N("status", i->status));
}

/* It has been tried for so long that it never will be applied. */
static bool
is_over(struct flow *f, const struct item *i)
{
	int64_t now = clock_monotonic();

	if (f->failing != i->number) {
		f->failing = i->number;
		f->since = now;
		f->delay = 0;
	}
	return now - f->since > f->all->conf.limit;
}

static void
try_later(struct flow *f)
{
	const struct px_apply_conf *conf = &f->all->conf;

	f->delay = f->delay == 0 ? conf->retry_first : f->delay * 2;
	if (f->delay > conf->retry_max)
		f->delay = conf->retry_max;
	scl_post(conf->scl, &f->again, f->delay);
}

/* True when all that was called is final. */
static bool
take_stock(struct flow *f)
{
	for (unsigned k = 0; k < f->n; k++) {
		const struct item *i = &f->items[k];

		if (i->state != ITEM_ANSWERED || (!is_final(i->status) && !is_over(f, i)))
			return false;
		note(f, i);
	}
	return true;
}

static void
window_over(struct flow *f)
{
	uint64_t before = f->done;
	bool all = take_stock(f);

	if (f->done > before) {
		f->held = true;
		f->delay = 0;
	}
	/* Only what stands first and fails waits; the others have only waited for it. */
	if (!all && f->done == before) {
		try_later(f);
		return;
	}
	if (f->is_ending)
		return;
	hand_in(f);
	f->busy = false;
	step(f);
}

static void
call_done(struct scl_call *call)
{
	struct item *i = call->owner;
	struct flow *f = i->flow;

	i->status = (unsigned)call->answer->http_status;
	i->state = ITEM_ANSWERED;
	scl_call_end(call);
	if (--f->under_way == 0 && !px_apply_stopped(f->all))
		window_over(f);
}

/* ---- a window ---- */

static bool
add_item(void *arg, uint64_t number, struct slice plain)
{
	struct flow *f = arg;
	struct slice copy;

	if (f->n > 0 && f->octets + plain.n > WINDOW_OCTETS)
		return false;
	copy = arena_copy(f->arena, plain);
	if (copy.p == NULL && plain.n > 0)
		return false;
	f->items[f->n++] = (struct item){ .flow = f, .number = number, .plain = copy };
	f->octets += plain.n;
	return true;
}

static enum rc
read_queue(struct flow *f)
{
	const struct px_apply_conf *conf = &f->all->conf;
	enum rc rc;

	arena_reset(f->arena);
	f->n = 0;
	f->octets = 0;
	rc = px_inbook_queue(conf->book, &f->name, f->done, conf->window, add_item, f);
	return rc == RC_OK && f->n == 0 && arena_failed(f->arena) ? RC_UNAVAILABLE : rc;
}

/* A message that is not carried out; those behind it need not wait for it, if it is final. */
static void
refuse(struct item *i, enum rc rc)
{
	i->status = (unsigned)status_of(rc)->http;
	i->state = ITEM_ANSWERED;
	if (is_final(i->status))
		scl_once_refuse(&i->flow->once, i->number);
}

static void
call(struct item *i)
{
	struct flow *f = i->flow;

	i->call.scl_id = slice_of(f->scl_id);
	i->call.once = &f->once;
	i->call.once_number = i->number;
	i->call.done = call_done;
	i->call.owner = i;
	i->state = ITEM_CALLED;
	f->under_way++;
	scl_call(f->all->conf.scl, &i->call);
}

/* Calls those that may be under way together; what is left of the window comes with the next. */
static void
call_window(struct flow *f)
{
	unsigned k = 0;
	bool alone = false;

	/* None of the answers comes from within. */
	for (; k < f->n && !alone; k++) {
		struct item *i = &f->items[k];
		enum rc rc = px_request_read(f->all->conf.scl, f->arena, slice_of(f->url), i->plain,
		                             &i->call, &alone);

		if (rc != RC_OK) {
			refuse(i, rc);
			alone = !is_final(i->status);
		} else if (alone && k > 0) {
			break;
		} else {
			call(i);
		}
	}
	f->n = k;
}

static void
step(struct flow *f)
{
	enum rc rc;

	if (f->busy || px_apply_stopped(f->all))
		return;
	rc = read_queue(f);
	if (rc == RC_OK && f->n == 0)
		return;
	f->busy = true;
	if (rc != RC_OK) {
		try_later(f);
		return;
	}
	scl_once_advance(&f->once, f->done + 1);
	call_window(f);
	if (f->under_way == 0)
		window_over(f);
}

static void
wake_run(struct scl_task *task)
{
	step((struct flow *)(void *)((char *)task - offsetof(struct flow, wake)));
}

static void
again_run(struct scl_task *task)
{
	struct flow *f = (struct flow *)(void *)((char *)task - offsetof(struct flow, again));

	f->busy = false;
	step(f);
}

void
px_flow_init(struct flow *f)
{
	f->wake = (struct scl_task){ .run = wake_run };
	f->again = (struct scl_task){ .run = again_run };
	f->ended = (struct scl_task){ .run = ended_run };
	f->end_again = (struct scl_task){ .run = end_again_run };
}

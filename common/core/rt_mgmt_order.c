/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders: what was executed, from the commit that made it to its end. What was executed is noted in
 * the transaction, looked at on the courier thread once that is durable, handed to an adaptor, and
 * how it ended is stored. An order holds nothing that a restart would miss: what is unfinished then
 * is found in the store.
 */
#include "config.h"

#include "core/own_job.h"
#include "core/rt_mgmt.h"

#include <stdlib.h>

#define ADAPTORS_MAX 8
#define NOTED_MAX 1024
/* A transaction that is not durable after so long has been taken back. */
#define NOTED_PATIENCE (60 * CLOCK_SECOND)
#define NOTED_DELAY (CLOCK_SECOND / 2)
#define RETRY_DELAY CLOCK_SECOND
/* By then every capability has registered its adaptor. */
#define LEFT_OVER_DELAY (10 * CLOCK_SECOND)
#define ORDER_ARENA (16u << 20)
#define LOOK_ARENA (16u << 20)
/* How often the progress of an action is stored. */
#define PROGRESS_DELAY CLOCK_SECOND

enum noted_kind { NOTED_COMMAND, NOTED_ACTION, NOTED_CANCEL };

struct noted {
	enum noted_kind kind;
	uint64_t node; /* execInstance, or holder of the status */
	uint64_t resource; /* with the action */
	unsigned attr;
	uint64_t number;
	int64_t since; /* monotonic */
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
	enum order_state doing; /* of the job, with stored: what the other thread may read meanwhile */
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
	_Atomic unsigned under_way; /* noted or ordered, but for cancellations */
	struct mgmt_kept *kept;

	pthread_mutex_t adaptors_lock;
	const struct mgmt_adaptor *adaptors[ADAPTORS_MAX];

	pthread_mutex_t lock; /* of what follows */
	struct noted noted[NOTED_MAX];
	size_t n;
	bool changed;
};

static void order_go_on(struct order *o);
static void wake_run(struct scl_task *task);
static void left_over_run(struct scl_task *task);

struct mgmt *
mgmt_new(struct scl *scl)
{
	struct mgmt *m = calloc(1, sizeof(*m));

	if (m == NULL || (m->kept = mgmt_kept_new()) == NULL) {
		free(m);
		return NULL;
	}
	m->scl = scl;
	m->wake.run = wake_run;
	m->left_over.run = left_over_run;
	pthread_mutex_init(&m->adaptors_lock, NULL);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void
order_free(struct order *o)
{
	arena_free(o->arena);
	free(o);
}

void
mgmt_free(struct mgmt *m)
{
	if (m == NULL)
		return;
	while (m->orders != NULL) {
		struct order *o = m->orders;

		m->orders = o->next;
		order_free(o);
	}
	mgmt_kept_free(m->kept);
	pthread_mutex_destroy(&m->adaptors_lock);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void
mgmt_start(struct mgmt *m)
{
	scl_post(m->scl, &m->left_over, LEFT_OVER_DELAY);
}

struct mgmt_kept *
mgmt_kept_of(struct mgmt *m)
{
	return m->kept;
}

/* ---- adaptors ---- */

const struct mgmt_adaptor *
mgmt_adaptor_of(struct mgmt *m, const struct mgmt_place *place, struct mgmt_adaptor *copy)
{
	const struct mgmt_adaptor *found = NULL;

	pthread_mutex_lock(&m->adaptors_lock);
	for (size_t i = 0; i < ADAPTORS_MAX && found == NULL; i++)
		if (m->adaptors[i] != NULL && m->adaptors[i]->claims(m->adaptors[i], place))
			found = m->adaptors[i];
	if (found != NULL)
		*copy = *found;
	pthread_mutex_unlock(&m->adaptors_lock);
	return found;
}

static bool
put_adaptor(struct mgmt *m, const struct mgmt_adaptor *is, const struct mgmt_adaptor *becomes)
{
	size_t i = 0;

	pthread_mutex_lock(&m->adaptors_lock);
	while (i < ADAPTORS_MAX && m->adaptors[i] != is)
		i++;
	if (i < ADAPTORS_MAX)
		m->adaptors[i] = becomes;
	pthread_mutex_unlock(&m->adaptors_lock);
	return i < ADAPTORS_MAX;
}

static void
tell_changed(struct mgmt *m)
{
	for (size_t i = 0; i < ADAPTORS_MAX; i++) {
		const struct mgmt_adaptor *a;

		pthread_mutex_lock(&m->adaptors_lock);
		a = m->adaptors[i];
		pthread_mutex_unlock(&m->adaptors_lock);
		if (a != NULL && a->changed != NULL)
			a->changed(a);
	}
}

/* ---- noting, on the committer thread ---- */

bool
mgmt_has_room(struct scl *scl)
{
	unsigned max = scl_conf(scl)->mgmt_orders_max;

	return max == 0 || atomic_load(&scl->mgmt->under_way) < max;
}

static enum rc
note(struct scl *scl, struct noted what)
{
	struct mgmt *m = scl->mgmt;
	bool room;

	what.since = clock_monotonic();
	pthread_mutex_lock(&m->lock);
	room = m->n < NOTED_MAX;
	if (room)
		m->noted[m->n++] = what;
	pthread_mutex_unlock(&m->lock);
	if (!room)
		return RC_UNAVAILABLE;
	if (what.kind != NOTED_CANCEL)
		atomic_fetch_add(&m->under_way, 1);
	courier_note_task(scl->courier, &m->wake);
	return RC_OK;
}

enum rc
mgmt_note_command(struct scl *scl, uint64_t exec_instance)
{
	return note(scl, (struct noted){ .kind = NOTED_COMMAND, .node = exec_instance });
}

enum rc
mgmt_note_action(struct scl *scl, uint64_t holder, uint64_t resource, unsigned attr, uint64_t number)
{
	return note(scl, (struct noted){ .kind = NOTED_ACTION, .node = holder, .resource = resource,
	                                 .attr = attr, .number = number });
}

/* One that finds no place is of a command that then runs to its end. */
void
mgmt_note_cancel(struct scl *scl, uint64_t exec_instance)
{
	(void)note(scl, (struct noted){ .kind = NOTED_CANCEL, .node = exec_instance });
}

void
mgmt_note_changed(struct scl *scl)
{
	struct mgmt *m = scl->mgmt;

	pthread_mutex_lock(&m->lock);
	m->changed = true;
	pthread_mutex_unlock(&m->lock);
	courier_note_task(scl->courier, &m->wake);
}

/* ---- what is stored ---- */

static enum rc
store_command(struct order *o, struct rtx *tx, const struct res *old, struct res *self)
{
	struct arena *a = repo_arena(tx);
	int64_t status = val_num(old->vals, A_EXEC_STATUS, EXEC_FINISHED);
	struct val *result;

	if (o->doing == ORDER_BEGINS) {
		/* Cancelled before it began: it stays so until the end. */
		if (status != EXEC_INITIATED)
			return RC_OK;
		return val_set_num(a, &self->vals, A_EXEC_STATUS, EXEC_STARTED)
		           ? mgmt_store(o->m->scl, tx, old, self)
		           : RC_UNAVAILABLE;
	}
	val_remove(&self->vals, A_EXEC_DISABLE);
	val_remove(&self->vals, A_EXEC_REQ_ARGS);
	val_remove(&self->vals, A_EXEC_RESULT);
	result = val_add(a, &self->vals, A_EXEC_RESULT);
	if (result == NULL || !val_set_num(a, &self->vals, A_EXEC_STATUS, EXEC_FINISHED))
		return RC_UNAVAILABLE;
	result->first = o->items;
	return mgmt_store(o->m->scl, tx, old, self);
}

static enum rc
store_action(struct order *o, struct rtx *tx, const struct res *old, struct res *self)
{
	struct arena *a = repo_arena(tx);
	bool ends = o->doing == ORDER_ENDS;
	int64_t progress = ends && o->success ? 100 : o->stored;

	if (val_num(old->vals, A_ACTION_ORDER, 0) != (int64_t)o->number)
		return RC_OK;
	if (ends)
		val_remove(&self->vals, A_ACTION_ORDER);
	if (!mgmt_status_set(a, &self->vals, o->status_attr, o->uri, progress,
	                     ends && o->success ? FINAL_SUCCESS : FINAL_FAILURE))
		return RC_UNAVAILABLE;
	if (o->public.place.own)
		mgmt_note_changed(o->m->scl);
	return mgmt_store(o->m->scl, tx, old, self);
}

static enum rc
job_run(struct own_job *oj, struct rtx *tx)
{
	struct order *o = oj->owner;
	struct res *old, *self;

	TRY(repo_get(tx, o->node, &old));
	TRY(repo_get(tx, o->node, &self));
	return o->number == 0 ? store_command(o, tx, old, self) : store_action(o, tx, old, self);
}

/* ---- an order goes on ---- */

static void
order_gone(struct order *o)
{
	struct order **at = &o->m->orders;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	atomic_fetch_sub(&o->m->under_way, 1);
	scl_cancel(o->m->scl, &o->retry);
	order_free(o);
}

static struct mgmt_item
error_item(const char *text)
{
	return (struct mgmt_item){ "error", slice_of(text) };
}

static void
end_with(struct order *o, const char *text)
{
	const struct mgmt_item item = error_item(text);

	mgmt_order_end(&o->public, false, &item, 1);
}

static void
tell_cancel(struct order *o)
{
	if (!o->wants_cancel || o->cancelled || o->state != ORDER_RUNS)
		return;
	o->cancelled = true;
	if (o->registered != NULL && o->adaptor.cancel != NULL)
		o->adaptor.cancel(&o->adaptor, &o->public);
}

static void
hand_over(struct order *o)
{
	o->state = ORDER_RUNS;
	if (o->registered == NULL)
		end_with(o, "no management protocol carries this out");
	else if (o->wants_cancel)
		end_with(o, "cancelled");
	else
		o->adaptor.start(&o->adaptor, &o->public);
}

static void
job_done(struct own_job *oj, enum rc rc)
{
	struct order *o = oj->owner;

	o->working = false;
	if (rc != RC_OK && rc != RC_NOT_FOUND) {
		scl_post(o->m->scl, &o->retry, RETRY_DELAY);
		return;
	}
	if (o->doing == ORDER_ENDS || (o->doing == ORDER_BEGINS && rc == RC_NOT_FOUND))
		order_gone(o);
	else if (o->doing == ORDER_BEGINS)
		hand_over(o);
	else
		order_go_on(o);
}

static void
submit(struct order *o)
{
	o->working = true;
	o->doing = o->state;
	o->stored = o->progress;
	o->job = (struct own_job){ .run = job_run, .done = job_done, .owner = o };
	if (own_job_submit(o->m->scl, &o->job))
		return;
	o->working = false;
	scl_post(o->m->scl, &o->retry, RETRY_DELAY);
}

/* What there is to store now. An order that ends while its job is under way ends after it. */
static void
order_go_on(struct order *o)
{
	if (o->working)
		return;
	tell_cancel(o);
	if (o->state == ORDER_RUNS && o->progress == o->stored)
		return;
	if (o->state == ORDER_RUNS && courier_posted(&o->retry))
		return;
	submit(o);
}

static void
retry_run(struct scl_task *task)
{
	struct order *o = (struct order *)(void *)((char *)task - offsetof(struct order, retry));

	if (courier_stopping(o->m->scl->courier) || o->working)
		return;
	if (o->state != ORDER_RUNS || o->progress != o->stored)
		submit(o);
}

void
mgmt_order_progress(struct mgmt_order *order, int percent)
{
	struct order *o = (struct order *)(void *)order;

	/* 100 is the end, which mgmt_order_end tells. */
	if (o->number == 0 || percent <= o->progress || percent > 99)
		return;
	o->progress = percent;
	if (!courier_posted(&o->retry))
		scl_post(o->m->scl, &o->retry, PROGRESS_DELAY);
}

static bool
copy_items(struct order *o, const struct mgmt_item *items, size_t n)
{
	for (size_t i = 0; i < n && i < MGMT_ITEMS_MAX; i++) {
		struct val *item = val_add(o->arena, &o->items, A_EXEC_RESULT_ITEM), *value;
		struct node *any = ARENA_NEW(o->arena, struct node);

		if (item == NULL || any == NULL ||
		    !val_set_text(o->arena, &item->first, A_NAME,
		                  arena_copy(o->arena, slice_of(items[i].name))))
			return false;
		value = val_add(o->arena, &item->first, A_ARG_VALUE);
		if (value == NULL)
			return false;
		any->name = slice_of(attr_info(A_ARG_VALUE)->name);
		any->text = codec_xml_text_ok(items[i].value) ? arena_copy(o->arena, items[i].value)
		                                              : SLICE_LIT("?");
		value->any = any;
	}
	return true;
}

void
mgmt_order_end(struct mgmt_order *order, bool success, const struct mgmt_item *items, size_t n)
{
	struct order *o = (struct order *)(void *)order;

	LOG(o->m->scl->log, success ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "management-order",
	    LOG_S("path", order->place.path), LOG_Z("what", attr_info(order->attr)->name),
	    LOG_Z("outcome", success ? "success" : "failure"),
	    LOG_S("text", n > 0 ? items[0].value : SLICE_NONE));
	o->state = ORDER_ENDS;
	o->success = success;
	o->registered = NULL;
	if (!copy_items(o, items, n))
		o->items = NULL;
	order_go_on(o);
}

struct slice
mgmt_order_arg(const struct mgmt_order *order, const char *name)
{
	for (const struct val *v = order->args; v != NULL; v = v->next) {
		const struct val *value = val_get(v->first, A_ARG_VALUE);

		if (slice_is(val_text(v->first, A_NAME), name))
			return value == NULL || value->any == NULL ? SLICE_NONE : value->any->text;
	}
	return SLICE_NONE;
}

/* ---- from the store to an order ---- */

static struct order *
order_new(struct mgmt *m, uint64_t node)
{
	struct order *o = calloc(1, sizeof(*o));

	if (o == NULL || (o->arena = arena_new(ORDER_ARENA)) == NULL) {
		free(o);
		return NULL;
	}
	o->m = m;
	o->node = node;
	o->retry.run = retry_run;
	return o;
}

static struct slice
own_name(const struct mgmt *m, struct arena *a, struct slice path)
{
	struct slice own = arena_printf(a, "%.*s/scls/mgmtObjs/", (int)m->scl->base_path.n,
	                                m->scl->base_path.p);

	return slice_starts(path, own) ? slice_from(path, own.n) : SLICE_NONE;
}

/* The resource that is executed, and who does that. */
static enum rc
order_place(struct order *o, struct rtx *tx, uint64_t resource)
{
	struct slice path;
	struct target t;

	TRY(repo_path(tx, resource, SLOT_SELF, &path));
	TRY(target_find(o->m->scl, tx, path, &t));
	TRY(mgmt_place_of(o->m->scl, tx, &t, &o->public.place));
	o->public.device = o->public.place.link;
	o->registered = mgmt_adaptor_of(o->m, &o->public.place, &o->adaptor);
	return RC_OK;
}

static enum rc
fill_command(struct order *o, struct rtx *tx, const struct res *instance)
{
	const struct val *args = val_get(instance->vals, A_EXEC_REQ_ARGS);
	struct res *cmd;

	TRY(repo_get(tx, instance->parent, &cmd));
	TRY(order_place(o, tx, cmd->id));
	o->public.attr = A_EXEC_ENABLE;
	o->public.cmd_type = val_num(cmd->vals, A_CMD_TYPE, -1);
	o->public.args = args == NULL ? NULL : args->first;
	o->wants_cancel = val_num(instance->vals, A_EXEC_STATUS, EXEC_FINISHED) == EXEC_CANCELLING;
	return RC_OK;
}

static enum rc
fill_action(struct order *o, struct rtx *tx, const struct res *holder, uint64_t resource,
            unsigned attr)
{
	struct slice path;

	TRY(order_place(o, tx, resource));
	TRY(repo_path(tx, holder->id, SLOT_SELF, &path));
	o->number = (uint64_t)val_num(holder->vals, A_ACTION_ORDER, 0);
	o->status_attr = mgmt_status_in(holder->type->number);
	o->public.attr = attr;
	o->public.holder_type = holder->type->number;
	o->public.holder = own_name(o->m, o->arena, path);
	o->public.vals = holder->vals;
	o->uri = ARENA_JOIN(o->arena, o->public.place.path, SLICE_LIT("/"),
	                    slice_of(attr_info(attr)->name));
	return RC_OK;
}

enum look { LOOK_NEW, LOOK_NOT_YET, LOOK_DONE };

static enum look
look_command(struct order *o, struct rtx *tx)
{
	struct res *node;
	enum rc rc = repo_get(tx, o->node, &node);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? LOOK_NOT_YET : LOOK_DONE;
	if (val_num(node->vals, A_EXEC_STATUS, EXEC_FINISHED) == EXEC_FINISHED)
		return LOOK_DONE;
	return fill_command(o, tx, node) == RC_OK ? LOOK_NEW : LOOK_DONE;
}

static enum look
look_action(struct order *o, struct rtx *tx, const struct noted *n)
{
	struct res *node;
	enum rc rc = repo_get(tx, o->node, &node);

	if (rc != RC_OK)
		return LOOK_DONE;
	if (val_num(node->vals, A_ACTION_ORDER, 0) != (int64_t)n->number)
		return LOOK_NOT_YET;
	return fill_action(o, tx, node, n->resource, n->attr) == RC_OK ? LOOK_NEW : LOOK_DONE;
}

static struct order *
find_order(struct mgmt *m, uint64_t node, uint64_t number)
{
	struct order *o = m->orders;

	while (o != NULL && (o->node != node || o->number != number))
		o = o->next;
	return o;
}

static void
order_begin(struct order *o)
{
	struct mgmt *m = o->m;

	o->next = m->orders;
	m->orders = o;
	/* The status of an action was stored when it was executed. */
	if (o->number == 0)
		submit(o);
	else
		hand_over(o);
}

/* LOOK_NEW: an order was begun. */
static enum look
take_up(struct mgmt *m, const struct noted *n)
{
	struct order *o;
	struct rtx *tx;
	enum look look;

	if (find_order(m, n->node, n->number) != NULL)
		return LOOK_DONE;
	o = order_new(m, n->node);
	if (o == NULL)
		return LOOK_NOT_YET;
	if (repo_begin_read(m->scl->repo, o->arena, &tx) != RC_OK) {
		order_free(o);
		return LOOK_NOT_YET;
	}
	look = n->kind == NOTED_COMMAND ? look_command(o, tx) : look_action(o, tx, n);
	repo_end_read(tx);
	if (look == LOOK_NEW)
		order_begin(o);
	else
		order_free(o);
	return look;
}

/* The store says whether the cancellation is durable. */
static enum look
look_cancel(struct mgmt *m, const struct noted *n)
{
	struct order *o = find_order(m, n->node, 0);
	struct arena *a = o == NULL ? NULL : arena_new(LOOK_ARENA);
	enum look look = LOOK_NOT_YET;
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	if (o == NULL)
		return LOOK_NOT_YET;
	if (a != NULL && repo_begin_read(m->scl->repo, a, &tx) == RC_OK) {
		rc = repo_get(tx, n->node, &node);
		if (rc == RC_NOT_FOUND ||
		    (rc == RC_OK && val_num(node->vals, A_EXEC_STATUS, 0) == EXEC_CANCELLING))
			look = LOOK_DONE;
		repo_end_read(tx);
	}
	arena_free(a);
	if (look == LOOK_DONE) {
		o->wants_cancel = true;
		tell_cancel(o);
	}
	return look;
}

/* True when it is to be looked at again. */
static bool
look_at(struct mgmt *m, const struct noted *n)
{
	enum look look = n->kind == NOTED_CANCEL ? look_cancel(m, n) : take_up(m, n);
	bool again = look == LOOK_NOT_YET && clock_monotonic() - n->since < NOTED_PATIENCE;

	if (!again && look != LOOK_NEW && n->kind != NOTED_CANCEL)
		atomic_fetch_sub(&m->under_way, 1);
	return again;
}

/* Puts back what is not durable yet, before what was noted meanwhile. */
static void
put_back(struct mgmt *m, const struct noted *again, size_t n)
{
	pthread_mutex_lock(&m->lock);
	if (n > NOTED_MAX - m->n)
		n = NOTED_MAX - m->n;
	memmove(m->noted + n, m->noted, m->n * sizeof(m->noted[0]));
	memcpy(m->noted, again, n * sizeof(again[0]));
	m->n += n;
	pthread_mutex_unlock(&m->lock);
	if (n > 0)
		scl_post(m->scl, &m->wake, NOTED_DELAY);
}

static void
wake_run(struct scl_task *task)
{
	struct mgmt *m = (struct mgmt *)(void *)((char *)task - offsetof(struct mgmt, wake));
	size_t n, again = 0;
	struct noted *list;
	bool changed;

	if (courier_stopping(m->scl->courier))
		return;
	list = malloc(sizeof(m->noted));
	if (list == NULL) {
		scl_post(m->scl, &m->wake, RETRY_DELAY);
		return;
	}
	pthread_mutex_lock(&m->lock);
	n = m->n;
	memcpy(list, m->noted, n * sizeof(list[0]));
	m->n = 0;
	changed = m->changed;
	m->changed = false;
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < n; i++)
		if (look_at(m, &list[i]))
			list[again++] = list[i];
	put_back(m, list, again);
	free(list);
	if (changed)
		tell_changed(m);
}

/* ---- what an earlier run has left ---- */

struct left_over {
	struct mgmt *m;
	struct rtx *tx;
	const struct mgmt_adaptor *adaptor; /* NULL: whatever nobody has */
};

/* A restart that was under way has taken place: this is another run. */
static bool
is_restart(const struct order *o)
{
	if (o->number == 0)
		return o->public.cmd_type == CMD_REBOOT || o->public.cmd_type == CMD_RESET;
	return o->public.attr == A_REBOOT || o->public.attr == A_FACTORY_RESET;
}

static void
end_left_over(struct order *o)
{
	struct mgmt *m = o->m;

	o->next = m->orders;
	m->orders = o;
	atomic_fetch_add(&m->under_way, 1);
	if (o->public.place.own && is_restart(o))
		mgmt_order_end(&o->public, true, NULL, 0);
	else
		end_with(o, "interrupted by a restart");
}

static bool
is_noted(struct mgmt *m, uint64_t node)
{
	bool found = false;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->n && !found; i++)
		found = m->noted[i].node == node;
	pthread_mutex_unlock(&m->lock);
	return found;
}

/* Takes o when it is the adaptor's, frees it otherwise. */
static void
claim(struct left_over *l, struct order *o, enum rc rc)
{
	if (rc == RC_OK && (l->adaptor == NULL ? o->registered == NULL : o->registered == l->adaptor))
		end_left_over(o);
	else
		order_free(o);
}

/* The action of a status, from the URI that it holds. */
static enum rc
fill_from_status(struct order *o, struct rtx *tx, const struct res *holder)
{
	const struct val *status = val_get(holder->vals, mgmt_status_in(holder->type->number));
	struct target t;

	if (status == NULL)
		return RC_NOT_FOUND;
	TRY(target_find(o->m->scl, tx,
	                own_path(o->m->scl, o->arena, val_text(status->first, A_ACTION)), &t));
	return t.attr == NULL ? RC_NOT_FOUND : fill_action(o, tx, holder, t.id, t.attr->attr);
}

static bool
visit_left_over(void *arg, uint64_t id)
{
	struct left_over *l = arg;
	struct order *o;
	struct res *node;
	struct rtx *tx;
	enum rc rc;

	if (is_noted(l->m, id) || (o = order_new(l->m, id)) == NULL)
		return true;
	/* A transaction of its own: what it reads lives as long as the order. */
	rc = repo_begin_read(l->m->scl->repo, o->arena, &tx);
	if (rc != RC_OK) {
		order_free(o);
		return true;
	}
	rc = repo_get(tx, id, &node);
	if (rc == RC_OK && node->type->number == T_EXEC_INSTANCE)
		rc = val_num(node->vals, A_EXEC_STATUS, EXEC_FINISHED) == EXEC_FINISHED
		         ? RC_NOT_FOUND
		         : fill_command(o, tx, node);
	else if (rc == RC_OK)
		rc = val_get(node->vals, A_ACTION_ORDER) == NULL ? RC_NOT_FOUND
		                                                 : fill_from_status(o, tx, node);
	repo_end_read(tx);
	if (rc == RC_OK && find_order(l->m, id, o->number) != NULL)
		rc = RC_CONFLICT;
	claim(l, o, rc);
	return true;
}

static void
take_left_over(struct mgmt *m, const struct mgmt_adaptor *adaptor)
{
	static const uint8_t types[] = { T_EXEC_INSTANCE, T_ETSI_REBOOT, T_ETSI_PERFORMANCE_LOG,
		                         T_ETSI_SCL_MO, T_FW_INSTANCE, T_SW_INSTANCE,
		                         T_CAPABILITY_INSTANCE, T_TRAP_INSTANCE };
	struct left_over l = { .m = m, .adaptor = adaptor };
	struct arena *a = arena_new(LOOK_ARENA);

	if (a != NULL && repo_begin_read(m->scl->repo, a, &l.tx) == RC_OK) {
		for (size_t i = 0; i < sizeof(types); i++)
			(void)repo_of_type(l.tx, types[i], visit_left_over, &l);
		repo_end_read(l.tx);
	}
	arena_free(a);
}

static void
left_over_run(struct scl_task *task)
{
	struct mgmt *m = (struct mgmt *)(void *)((char *)task - offsetof(struct mgmt, left_over));

	if (!courier_stopping(m->scl->courier))
		take_left_over(m, NULL);
}

enum rc
mgmt_adaptor_add(struct scl *scl, const struct mgmt_adaptor *adaptor)
{
	if (!put_adaptor(scl->mgmt, NULL, adaptor))
		return RC_CONFLICT;
	take_left_over(scl->mgmt, adaptor);
	return RC_OK;
}

void
mgmt_adaptor_remove(struct scl *scl, const struct mgmt_adaptor *adaptor)
{
	struct order *next;

	put_adaptor(scl->mgmt, adaptor, NULL);
	for (struct order *o = scl->mgmt->orders; o != NULL; o = next) {
		next = o->next;
		if (o->registered == adaptor && o->state == ORDER_RUNS && !is_restart(o))
			end_with(o, "interrupted by a restart");
		else if (o->registered == adaptor)
			o->registered = NULL;
	}
}

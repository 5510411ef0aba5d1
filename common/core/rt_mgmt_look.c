/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a transaction to an order: what was executed is noted in it, and looked at on the courier
 * thread once it is durable; what an earlier run has left is looked for at the start.
 */
#include "config.h"

#include "core/rt_mgmt_order.h"

#include <stdlib.h>

#define NOTED_DELAY (CLOCK_SECOND / 2)
#define RETRY_DELAY CLOCK_SECOND
#define LOOK_ARENA (16u << 20)

/* ---- noting, on the committer thread ---- */

/* What was noted until now is stored, or taken back for good. */
void
mgmt_batch_ended(struct mgmt *m)
{
	atomic_fetch_add(&m->batch, 1);
}

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

	what.batch = atomic_load(&m->batch);
	pthread_mutex_lock(&m->lock);
	room = m->n < MGMT_NOTED_MAX;
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
mgmt_note_action(struct scl *scl, uint64_t holder, uint64_t resource, unsigned attr,
                 uint64_t number)
{
	return note(scl, (struct noted){ .kind = NOTED_ACTION,
	                                 .node = holder,
	                                 .resource = resource,
	                                 .attr = attr,
	                                 .number = number });
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

/* ---- from the store to an order ---- */

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

/* LOOK_AGAIN: there was no memory for it. */
enum look { LOOK_NEW, LOOK_NOT_YET, LOOK_DONE, LOOK_AGAIN };

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
		return LOOK_AGAIN;
	if (repo_begin_read(m->scl->repo, o->arena, &tx) != RC_OK) {
		order_free(o);
		return LOOK_AGAIN;
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
	if (look == LOOK_DONE)
		order_cancel(o);
	return look;
}

/* True when it is to be looked at again. */
static bool
look_at(struct mgmt *m, const struct noted *n, unsigned batch)
{
	enum look look = n->kind == NOTED_CANCEL ? look_cancel(m, n) : take_up(m, n);
	bool again = look == LOOK_AGAIN || (look == LOOK_NOT_YET && n->batch == batch);

	if (!again && look != LOOK_NEW && n->kind != NOTED_CANCEL)
		atomic_fetch_sub(&m->under_way, 1);
	return again;
}

/* Puts back what is not durable yet, before what was noted meanwhile. */
static void
put_back(struct mgmt *m, const struct noted *again, size_t n)
{
	pthread_mutex_lock(&m->lock);
	if (n > MGMT_NOTED_MAX - m->n)
		n = MGMT_NOTED_MAX - m->n;
	memmove(m->noted + n, m->noted, m->n * sizeof(m->noted[0]));
	memcpy(m->noted, again, n * sizeof(again[0]));
	m->n += n;
	pthread_mutex_unlock(&m->lock);
	if (n > 0)
		scl_post(m->scl, &m->wake, NOTED_DELAY);
}

void
mgmt_wake_run(struct scl_task *task)
{
	struct mgmt *m = (struct mgmt *)(void *)((char *)task - offsetof(struct mgmt, wake));
	/* Read before the store: what belongs to an earlier batch is there, or never will be. */
	unsigned batch = atomic_load(&m->batch);
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
		if (look_at(m, &list[i], batch))
			list[again++] = list[i];
	put_back(m, list, again);
	free(list);
	if (changed)
		mgmt_tell_changed(m);
}

/* ---- what an earlier run has left ---- */

struct left_over {
	struct mgmt *m;
	struct rtx *tx;
	const struct mgmt_adaptor *adaptor; /* NULL: whatever nobody has */
};

static void
end_left_over(struct order *o)
{
	struct mgmt *m = o->m;

	o->next = m->orders;
	m->orders = o;
	atomic_fetch_add(&m->under_way, 1);
	if (o->public.place.own && order_is_restart(o))
		mgmt_order_end(&o->public, true, NULL, 0);
	else
		order_fail(o, "interrupted by a restart");
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
	if (rc == RC_OK &&
	    (l->adaptor == NULL ? o->registered == NULL : o->registered == l->adaptor))
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

void
mgmt_take_left_over(struct mgmt *m, const struct mgmt_adaptor *adaptor)
{
	static const uint8_t types[] = { T_EXEC_INSTANCE,        T_ETSI_REBOOT,
		                         T_ETSI_PERFORMANCE_LOG, T_ETSI_SCL_MO,
		                         T_FW_INSTANCE,          T_SW_INSTANCE,
		                         T_CAPABILITY_INSTANCE,  T_TRAP_INSTANCE };
	struct left_over l = { .m = m, .adaptor = adaptor };
	struct arena *a = arena_new(LOOK_ARENA);

	if (a != NULL && repo_begin_read(m->scl->repo, a, &l.tx) == RC_OK) {
		for (size_t i = 0; i < sizeof(types); i++)
			(void)repo_of_type(l.tx, types[i], visit_left_over, &l);
		repo_end_read(l.tx);
	}
	arena_free(a);
}

void
mgmt_left_over_run(struct scl_task *task)
{
	struct mgmt *m = (struct mgmt *)(void *)((char *)task - offsetof(struct mgmt, left_over));

	if (!courier_stopping(m->scl->courier))
		mgmt_take_left_over(m, NULL);
}

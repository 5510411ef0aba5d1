/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders: what was executed, from the commit that made it to its end. It is handed to an adaptor, and
 * how it ended is stored. An order holds nothing that a restart would miss: what is unfinished then
 * is found in the store (rt_mgmt_look.c).
 */
#include "config.h"

#include "core/rt_mgmt_order.h"

#include <stdlib.h>

#define RETRY_DELAY CLOCK_SECOND
/* By then every capability has registered its adaptor. */
#define LEFT_OVER_DELAY (10 * CLOCK_SECOND)
#define ORDER_ARENA (16u << 20)
/* How often the progress of an action is stored. */
#define PROGRESS_DELAY CLOCK_SECOND

static void order_go_on(struct order *o);
static void retry_run(struct scl_task *task);

struct mgmt *
mgmt_new(struct scl *scl)
{
	struct mgmt *m = calloc(1, sizeof(*m));

	if (m == NULL || (m->kept = mgmt_kept_new()) == NULL) {
		free(m);
		return NULL;
	}
	m->scl = scl;
	m->wake.run = mgmt_wake_run;
	m->left_over.run = mgmt_left_over_run;
	pthread_mutex_init(&m->adaptors_lock, NULL);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void
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
	for (size_t i = 0; i < MGMT_ADAPTORS_MAX && found == NULL; i++)
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
	while (i < MGMT_ADAPTORS_MAX && m->adaptors[i] != is)
		i++;
	if (i < MGMT_ADAPTORS_MAX)
		m->adaptors[i] = becomes;
	pthread_mutex_unlock(&m->adaptors_lock);
	return i < MGMT_ADAPTORS_MAX;
}

/* NULL: there is none at that place. */
static const struct mgmt_adaptor *
adaptor_at(struct mgmt *m, size_t i)
{
	const struct mgmt_adaptor *a;

	pthread_mutex_lock(&m->adaptors_lock);
	a = m->adaptors[i];
	pthread_mutex_unlock(&m->adaptors_lock);
	return a;
}

void
mgmt_tell_changed(struct mgmt *m)
{
	for (size_t i = 0; i < MGMT_ADAPTORS_MAX; i++) {
		const struct mgmt_adaptor *a = adaptor_at(m, i);

		if (a != NULL && a->changed != NULL)
			a->changed(a);
	}
}

void
mgmt_look(struct scl *scl)
{
	for (size_t i = 0; i < MGMT_ADAPTORS_MAX; i++) {
		const struct mgmt_adaptor *a = adaptor_at(scl->mgmt, i);

		if (a != NULL && a->look != NULL)
			a->look(a);
	}
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

/* Told when it is durable. */
static void
log_end(const struct order *o)
{
	const struct val *item = o->items,
			 *value = item == NULL ? NULL : val_get(item->first, A_ARG_VALUE);

	LOG(o->m->scl->log, o->success ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "management-order",
	    LOG_S("path", o->public.place.path), LOG_Z("what", attr_info(o->public.attr)->name),
	    LOG_Z("outcome", o->success ? "success" : "failure"),
	    LOG_S("text", value == NULL ? SLICE_NONE : value->any->text));
}

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

void
order_fail(struct order *o, const char *text)
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
		order_fail(o, "no management protocol carries this out");
	else if (o->wants_cancel)
		order_fail(o, "cancelled");
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
	if (o->doing == ORDER_ENDS)
		log_end(o);
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

/* ---- for rt_mgmt_look.c ---- */

struct order *
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

void
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

void
order_cancel(struct order *o)
{
	o->wants_cancel = true;
	tell_cancel(o);
}

bool
order_is_restart(const struct order *o)
{
	if (o->number == 0)
		return o->public.cmd_type == CMD_REBOOT || o->public.cmd_type == CMD_RESET;
	return o->public.attr == A_REBOOT || o->public.attr == A_FACTORY_RESET;
}

void
mgmt_registered_anew(struct mgmt *m)
{
	atomic_fetch_add(&m->registrations, 1);
	mgmt_tell_changed(m);
}

/* ---- adaptors that come and go ---- */

enum rc
mgmt_adaptor_add(struct scl *scl, const struct mgmt_adaptor *adaptor)
{
	if (!put_adaptor(scl->mgmt, NULL, adaptor))
		return RC_CONFLICT;
	mgmt_take_left_over(scl->mgmt, adaptor);
	return RC_OK;
}

void
mgmt_adaptor_remove(struct scl *scl, const struct mgmt_adaptor *adaptor)
{
	struct order *next;

	put_adaptor(scl->mgmt, adaptor, NULL);
	for (struct order *o = scl->mgmt->orders; o != NULL; o = next) {
		next = o->next;
		if (o->registered == adaptor && o->state == ORDER_RUNS && !order_is_restart(o))
			order_fail(o, "interrupted by a restart");
		else if (o->registered == adaptor)
			o->registered = NULL;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "cap/pxy/px_apply_own.h"

#include <stdlib.h>

/* Everything that comes of a document of the longest unit. */
#define ARENA_MAX ((size_t)128 << 20)

/* ---- tasks, from any thread ---- */

void
px_apply_post(struct flow *f, struct scl_task *task)
{
	struct px_apply *a = f->all;

	pthread_mutex_lock(&a->lock);
	if (!a->stopped)
		scl_post(a->conf.scl, task, 0);
	pthread_mutex_unlock(&a->lock);
}

bool
px_apply_stopped(struct px_apply *a)
{
	bool stopped;

	pthread_mutex_lock(&a->lock);
	stopped = a->stopped;
	pthread_mutex_unlock(&a->lock);
	return stopped;
}

void
px_apply_queued(void *arg, size_t source)
{
	struct px_apply *a = arg;

	px_apply_post(&a->flows[source], &a->flows[source].wake);
}

/* ---- life ---- */

struct waiting {
	struct px_apply *a;
	bool done;
};

static void
waited(struct px_in_op *op)
{
	struct waiting *w = op->owner;

	pthread_mutex_lock(&w->a->lock);
	w->done = true;
	pthread_cond_broadcast(&w->a->turn);
	pthread_mutex_unlock(&w->a->lock);
}

/* What the tree has is done with in the book; its numbers go on behind it. */
static enum rc
catch_up(struct flow *f, const struct px_in_count *c, uint64_t applied)
{
	struct px_apply *a = f->all;
	struct waiting w = { .a = a };
	struct px_in_end end = { .op = { .done = waited, .owner = &w },
		                 .source = f->name,
		                 .up_to = applied,
		                 .applied =
		                         (applied < c->queued ? applied : c->queued) - c->removed };

	px_inbook_end(a->conf.book, &end);
	pthread_mutex_lock(&a->lock);
	while (!w.done)
		pthread_cond_wait(&a->turn, &a->lock);
	pthread_mutex_unlock(&a->lock);
	if (end.op.rc != RC_OK)
		return end.op.rc;
	LOG_INFO(a->conf.log, "proxy-inbox-resumed", LOG_Z("source", f->url),
	         LOG_N("applied", applied), LOG_N("ended", c->removed));
	return RC_OK;
}

/* Of the origin, in the tree. */
static uint64_t
key_of(const struct px_in_name *name)
{
	uint64_t key = UINT64_C(0x7078); /* "px": of what else is applied once */

	for (size_t i = 0; i < sizeof(name->v); i++)
		key = (key ^ name->v[i]) * UINT64_C(0x100000001b3);
	return key;
}

static enum rc
start_flow(struct flow *f)
{
	struct px_in_count c;
	uint64_t applied;
	enum rc rc = scl_once_applied(f->all->conf.scl, key_of(&f->name), &applied);

	if (rc == RC_OK)
		rc = px_inbook_source(f->all->conf.book, &f->name, &c, NULL);
	if (rc == RC_OK && applied > c.removed)
		rc = catch_up(f, &c, applied);
	if (rc != RC_OK)
		return rc;
	f->done = applied > c.removed ? applied : c.removed;
	scl_once_init(&f->once, key_of(&f->name), f->done + 1);
	return RC_OK;
}

enum rc
px_apply_start(struct px_apply *a)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < a->n_flows && rc == RC_OK; i++)
		rc = start_flow(&a->flows[i]);
	for (size_t i = 0; i < a->n_flows && rc == RC_OK; i++)
		px_apply_queued(a, i);
	return rc;
}

void
px_apply_stop(struct px_apply *a)
{
	pthread_mutex_lock(&a->lock);
	a->stopped = true;
	pthread_mutex_unlock(&a->lock);
}

static enum rc
fill(struct flow *f, struct px_apply *a, const struct px_apply_source *s)
{
	*f = (struct flow){ .all = a,
		            .url = strdup(s->url),
		            .scl_id = strdup(s->scl_id == NULL ? "" : s->scl_id),
		            .arena = arena_new(ARENA_MAX),
		            .items = calloc(a->conf.window, sizeof(*f->items)) };
	px_flow_init(f);
	if (f->url == NULL || f->scl_id == NULL || f->arena == NULL || f->items == NULL)
		return RC_UNAVAILABLE;
	return pre_source_name(slice_of(f->url), f->name.v);
}

enum rc
px_apply_new(const struct px_apply_conf *conf, struct px_apply **out)
{
	struct px_apply *a;
	enum rc rc = RC_OK;

	*out = NULL;
	if (conf->window == 0 || conf->window > SCL_ONCE_WINDOW || conf->retry_first <= 0)
		return RC_BAD_REQUEST;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return RC_UNAVAILABLE;
	a->conf = *conf;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->turn, NULL);
	a->flows = calloc(conf->n_sources + 1, sizeof(*a->flows));
	if (a->flows == NULL)
		rc = RC_UNAVAILABLE;
	for (; rc == RC_OK && a->n_flows < conf->n_sources; a->n_flows++)
		rc = fill(&a->flows[a->n_flows], a, &conf->sources[a->n_flows]);
	a->conf.sources = NULL;
	if (rc == RC_OK)
		*out = a;
	else
		px_apply_free(a);
	return rc;
}

void
px_apply_free(struct px_apply *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; a->flows != NULL && i < a->n_flows; i++) {
		struct flow *f = &a->flows[i];

		arena_free(f->arena);
		free(f->items);
		free(f->url);
		free(f->scl_id);
	}
	free(a->flows);
	pthread_cond_destroy(&a->turn);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

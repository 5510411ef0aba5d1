/* SPDX-License-Identifier: Apache-2.0 */
/* Which lanes there are: read from the book at the start, and when it tells of a change. */
#include "config.h"

#include "cap/pxy/px_lanes_own.h"
#include "cap/pxy/px_watch.h"

#define OPEN_AGAIN (10 * CLOCK_SECOND / 1000) /* the gate opens when all parts have started */
#define READ_AGAIN CLOCK_SECOND /* the book could not be read */

static struct px_driven **
bucket_of(struct px_lanes *all, uint64_t store)
{
	return &all->buckets[store % PX_LANE_BUCKETS];
}

/* ---- coming and going ---- */

struct px_driven *
px_lanes_find(struct px_lanes *all, uint64_t store, uint64_t forward, uint32_t sink)
{
	struct px_driven *d = *bucket_of(all, store);

	while (d != NULL && (d->forward != forward || d->sink != sink))
		d = d->chain;
	return d;
}

static struct px_driven *
enter(struct px_lanes *all, const struct px_forward *f, const struct px_sink *s)
{
	struct px_driven *d = px_driven_new(all, f, s), **at = bucket_of(all, f->store);

	if (d == NULL)
		return NULL;
	pthread_mutex_lock(&all->lock);
	d->chain = *at;
	*at = d;
	pthread_mutex_unlock(&all->lock);
	return d;
}

/* Those for which is_over is true. */
static void
drop(struct px_lanes *all, struct px_driven **bucket, uint64_t id,
     bool (*is_over)(const struct px_driven *d, uint64_t id))
{
	struct px_driven **at = bucket;

	while (*at != NULL) {
		struct px_driven *d = *at;

		if (!is_over(d, id)) {
			at = &d->chain;
			continue;
		}
		pthread_mutex_lock(&all->lock);
		*at = d->chain;
		pthread_mutex_unlock(&all->lock);
		px_driven_leave(d);
	}
}

static void
drop_everywhere(struct px_lanes *all, uint64_t id,
                bool (*is_over)(const struct px_driven *d, uint64_t id))
{
	for (size_t i = 0; i < PX_LANE_BUCKETS; i++)
		drop(all, &all->buckets[i], id, is_over);
}

static bool
is_of_store(const struct px_driven *d, uint64_t id)
{
	return d->store == id;
}

static bool
is_of_forward(const struct px_driven *d, uint64_t id)
{
	return d->forward == id;
}

static bool
is_unseen_of(const struct px_driven *d, uint64_t id)
{
	return d->forward == id && !d->seen;
}

static bool
is_unseen(const struct px_driven *d, uint64_t id)
{
	(void)id;
	return !d->seen;
}

/* ---- reading ---- */

static enum px_lane_event
event_of(const struct px_forward *f, const struct px_sink *s)
{
	if (s->ended || f->state == PX_STOPPED)
		return PX_LANE_END;
	return f->state == PX_PAUSED ? PX_LANE_PAUSE : PX_LANE_CHANGED;
}

/* Of a view, while a forward is read. */
struct reading {
	struct px_lanes *all;
	const struct px_view *view;
	const struct px_forward *forward;
	bool failed;
};

static bool
read_sink(void *arg, const struct px_sink *s)
{
	struct reading *r = arg;
	struct px_lanes *all = r->all;
	uint64_t rate = s->rate != 0 ? s->rate : all->px->conf->store.rate;
	struct px_driven *d = px_lanes_find(all, r->forward->store, r->forward->id, s->number);

	if (d == NULL)
		d = enter(all, r->forward, s);
	if (d == NULL) {
		r->failed = true;
		return false;
	}
	d->seen = true;
	if (d->version == r->forward->version)
		return true;
	d->version = r->forward->version;
	px_lane_rate(&d->lane, rate, clock_monotonic());
	px_lane_skip(&d->lane, s->cursor);
	px_driven_event(d, event_of(r->forward, s));
	return true;
}

static bool
read_forward(void *arg, const struct px_forward *f)
{
	struct reading *r = arg;

	r->forward = f;
	if (px_sink_list(r->view, f->id, read_sink, r) != RC_OK)
		r->failed = true;
	return !r->failed;
}

static void
unsee(struct px_lanes *all)
{
	for (struct px_driven *d = all->every; d != NULL; d = d->older)
		d->seen = false;
}

static enum rc
read_all(struct px_lanes *all)
{
	struct reading r = { .all = all };
	struct px_view *v;
	enum rc rc = px_view_open(all->px->book, &v);

	if (rc != RC_OK)
		return rc;
	unsee(all);
	r.view = v;
	rc = px_forward_list(v, 0, 0, 0, read_forward, &r);
	px_view_close(v);
	if (rc == RC_OK && r.failed)
		rc = RC_UNAVAILABLE;
	if (rc == RC_OK)
		drop_everywhere(all, 0, is_unseen);
	return rc;
}

static void
unsee_store(struct px_lanes *all, uint64_t store)
{
	for (struct px_driven *d = *bucket_of(all, store); d != NULL; d = d->chain)
		d->seen = false;
}

static enum rc
read_one(struct px_lanes *all, uint64_t id)
{
	struct reading r = { .all = all };
	struct px_forward f;
	struct px_view *v;
	enum rc rc = px_view_open(all->px->book, &v);

	if (rc != RC_OK)
		return rc;
	r.view = v;
	rc = px_forward_get(v, id, &f);
	if (rc == RC_OK) {
		unsee_store(all, f.store);
		(void)read_forward(&r, &f);
	}
	px_view_close(v);
	if (rc == RC_NOT_FOUND)
		drop_everywhere(all, id, is_of_forward);
	if (rc == RC_OK && !r.failed)
		drop(all, bucket_of(all, f.store), id, is_unseen_of);
	return r.failed ? RC_UNAVAILABLE : rc;
}

/* ---- what was told ---- */

/* What is still to be sent is in its monitor. */
static void
hear_news(struct px_driven *d)
{
	px_watch_touch(d->all->px->watch, d->forward);
	px_driven_event(d, PX_LANE_NEWS);
}

static enum rc
hear_messages(struct px_lanes *all, uint64_t store)
{
	for (struct px_driven *d = *bucket_of(all, store); d != NULL; d = d->chain)
		if (d->store == store)
			hear_news(d);
	return RC_OK;
}

/* With it its forwards: who watches them is told nothing else of that. */
static enum rc
hear_store_gone(struct px_lanes *all, uint64_t store)
{
	for (const struct px_driven *d = *bucket_of(all, store); d != NULL; d = d->chain)
		if (d->store == store)
			px_watch_touch(all->px->watch, d->forward);
	drop(all, bucket_of(all, store), store, is_of_store);
	return RC_OK;
}

static enum rc
hear_forward(struct px_lanes *all, uint64_t id)
{
	enum rc rc = read_one(all, id);

	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
hear_forward_gone(struct px_lanes *all, uint64_t id)
{
	drop_everywhere(all, id, is_of_forward);
	return RC_OK;
}

static enum rc
hear(struct px_lanes *all, enum px_told what, uint64_t id)
{
	static enum rc (*const hearers[])(struct px_lanes *, uint64_t) = {
		[PX_TOLD_MESSAGES] = hear_messages,
		[PX_TOLD_STORE_GONE] = hear_store_gone,
		[PX_TOLD_FORWARD] = hear_forward,
		[PX_TOLD_FORWARD_GONE] = hear_forward_gone,
	};

	return hearers[what](all, id);
}

/* What comes from now on is for the next time. */
static void
take_hints(struct px_lanes *all, struct px_hints *out)
{
	pthread_mutex_lock(&all->lock);
	*out = all->hints;
	all->hints.n = 0;
	all->hints.all = false;
	pthread_mutex_unlock(&all->lock);
}

static enum rc
hear_all(struct px_lanes *all)
{
	enum rc rc = read_all(all);

	for (struct px_driven *d = all->every; rc == RC_OK && d != NULL; d = d->older)
		hear_news(d);
	return rc;
}

/* What could not be read is read once more, as a whole. */
static void
work(struct px_lanes *all)
{
	struct px_hints hints;
	enum rc rc = RC_OK;

	take_hints(all, &hints);
	if (hints.all)
		rc = hear_all(all);
	for (size_t i = 0; i < hints.n && !hints.all && rc == RC_OK; i++)
		rc = hear(all, hints.v[i].what, hints.v[i].id);
	if (rc == RC_OK)
		return;
	LOG_ERROR(all->px->log, "proxy-lanes-unreadable", LOG_Z("status", status_of(rc)->text));
	pthread_mutex_lock(&all->lock);
	all->hints.all = true;
	pthread_mutex_unlock(&all->lock);
	scl_post(all->px->scl, &all->task, READ_AGAIN);
}

void
px_lanes_work(struct scl_task *t)
{
	struct px_lanes *all =
		(struct px_lanes *)(void *)((char *)t - offsetof(struct px_lanes, task));

	if (px_enter(all->px)) {
		work(all);
		px_leave(all->px);
	} else if (!atomic_load(&all->stopping)) {
		scl_post(all->px->scl, t, OPEN_AGAIN);
	}
}

/* The same hint again says nothing new. */
static bool
is_known(const struct px_hints *h, enum px_told what, uint64_t id)
{
	for (size_t i = h->n; i > 0 && i + 8 > h->n; i--)
		if (h->v[i - 1].what == what && h->v[i - 1].id == id)
			return true;
	return h->all;
}

void
px_lanes_told(struct px *px, enum px_told what, uint64_t id)
{
	struct px_lanes *all = px->lanes;
	struct px_hints *h = &all->hints;

	pthread_mutex_lock(&all->lock);
	if (is_known(h, what, id)) {
		pthread_mutex_unlock(&all->lock);
		return;
	}
	if (h->n == PX_TOLD_MAX) {
		h->all = true;
	} else {
		h->v[h->n].what = what;
		h->v[h->n++].id = id;
	}
	pthread_mutex_unlock(&all->lock);
	scl_post(px->scl, &all->task, 0);
}

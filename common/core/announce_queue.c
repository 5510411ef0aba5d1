/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SCL that something is announced to has a queue of keys of works, so that one that does not
 * answer holds up nothing but its own; the works themselves stay in the store.
 */
#include "config.h"

#include "core/announce_queue.h"

#include <stdlib.h>

/* Keys that a queue holds; further ones are found in the store again. */
#define QUEUE_MAX 1024u
#define SCAN_BATCH 1024u
#define SCAN_ARENA (1u << 20)

static struct dest **
bucket_of(struct announcer *an, struct slice scl)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct dest **at;

	for (size_t i = 0; i < scl.n; i++)
		h = (h ^ (unsigned char)scl.p[i]) * UINT64_C(0x100000001b3);
	at = &an->buckets[(h ^ h >> 32) % ANNOUNCE_BUCKETS];
	while (*at != NULL && !slice_eq(slice_make((*at)->scl, (*at)->scl_n), scl))
		at = &(*at)->chain;
	return at;
}

/* Something is due: the works of the SCL are looked through again. */
static void
wake_run(struct scl_task *task)
{
	struct dest *d = (struct dest *)(void *)((char *)task - offsetof(struct dest, wake));

	if (courier_stopping(d->an->scl->courier) || d->parked)
		return;
	d->scanned = 0;
	d->more = true;
	dest_ready(d);
	announcer_pump(d->an);
}

static struct dest *
dest_of(struct announcer *an, struct slice scl, uint64_t key)
{
	struct dest **at = bucket_of(an, scl), *d = *at;

	if (d != NULL)
		return d;
	d = calloc(1, sizeof(*d) + scl.n);
	if (d == NULL)
		return NULL;
	d->an = an;
	d->retry.run = announce_retry_run;
	d->wake.run = wake_run;
	d->scanned = key - 1;
	d->scl_n = scl.n;
	memcpy(d->scl, scl.p, scl.n);
	*at = d;
	return d;
}

static bool
is_idle(const struct dest *d)
{
	return d->working == 0 && d->n == 0 && !d->ready && !d->parked && !d->more &&
	       !courier_posted(&d->retry) && !courier_posted(&d->wake);
}

void
dest_drop_idle(struct dest *d)
{
	struct dest **at;

	if (!is_idle(d))
		return;
	at = bucket_of(d->an, slice_make(d->scl, d->scl_n));
	*at = d->chain;
	free(d->queue);
	free(d);
}

void
dests_free(struct announcer *an)
{
	for (unsigned i = 0; i < ANNOUNCE_BUCKETS; i++)
		while (an->buckets[i] != NULL) {
			struct dest *d = an->buckets[i];

			an->buckets[i] = d->chain;
			free(d->queue);
			free(d);
		}
}

static bool
queue_add(struct dest *d, uint64_t key)
{
	if (d->queue == NULL)
		d->queue = calloc(QUEUE_MAX, sizeof(d->queue[0]));
	if (d->queue == NULL || d->n == QUEUE_MAX)
		return false;
	d->queue[(d->first + d->n++) % QUEUE_MAX] = key;
	return true;
}

void
queue_return(struct dest *d, uint64_t key, bool first)
{
	/* What finds no place is found in the store again. */
	if (!queue_add(d, key)) {
		d->scanned = key - 1;
		d->more = true;
	} else if (first) {
		d->first = (d->first + QUEUE_MAX - 1) % QUEUE_MAX;
		d->queue[d->first] = key;
	}
}

uint64_t
queue_take(struct dest *d)
{
	uint64_t key = d->queue[d->first];

	d->first = (d->first + 1) % QUEUE_MAX;
	if (--d->n == 0) {
		free(d->queue);
		d->queue = NULL;
		d->first = 0;
	}
	return key;
}

void
dest_ready(struct dest *d)
{
	struct announcer *an = d->an;

	if (d->ready || d->parked)
		return;
	d->ready = true;
	d->next_ready = NULL;
	*an->last_ready = d;
	an->last_ready = &d->next_ready;
}

struct dest *
ready_take(struct announcer *an)
{
	struct dest *d = an->ready;

	if (d == NULL)
		return NULL;
	an->ready = d->next_ready;
	if (an->ready == NULL)
		an->last_ready = &an->ready;
	d->ready = false;
	return d;
}

void
dest_park(struct dest *d)
{
	free(d->queue);
	d->queue = NULL;
	d->first = d->n = d->waits = d->failures = 0;
	d->more = false;
	d->parked = true;
	courier_cancel(d->an->scl->courier, &d->retry);
	courier_cancel(d->an->scl->courier, &d->wake);
}

/* ---- finding works in the store ---- */

struct scan {
	struct announcer *an;
	struct dest *only; /* works of this one, or NULL */
	uint64_t last;
	unsigned n;
	bool failed;
};

/* True when it is not due yet: then it is remembered when it will be. */
static bool
dest_defers(struct dest *d, const struct announce_work *w)
{
	struct scl *scl = d->an->scl;
	int64_t wait = w->after - clock_now(scl->clock);

	if (w->form != ANNOUNCE_REFRESH || wait <= 0)
		return false;
	if (!courier_posted(&d->wake) || w->after < d->wake_at) {
		d->wake_at = w->after;
		courier_post(scl->courier, &d->wake, wait);
	}
	return true;
}

/* False when the queue is full. */
static bool
dest_offer(struct dest *d, uint64_t key, const struct announce_work *w)
{
	if (key <= d->scanned)
		return true;
	if (dest_defers(d, w)) {
		d->scanned = key;
		return true;
	}
	d->more = !queue_add(d, key);
	if (d->more)
		return false;
	d->scanned = key;
	dest_ready(d);
	return true;
}

static bool
scan_one(void *arg, uint64_t key, struct slice bytes)
{
	struct scan *s = arg;
	struct announce_work w;
	struct dest *d;

	s->last = key;
	s->n++;
	if (!announce_work_read(bytes, &w)) {
		LOG_ERROR(s->an->scl->log, "announcement-unreadable", LOG_N("work", key));
		return true;
	}
	if (s->only != NULL)
		return !slice_eq(slice_make(s->only->scl, s->only->scl_n), w.scl) ||
		       dest_offer(s->only, key, &w);
	d = dest_of(s->an, w.scl, key);
	s->failed = d == NULL;
	if (d != NULL && !d->parked && !d->more)
		(void)dest_offer(d, key, &w);
	return d != NULL;
}

static enum rc
scan_store(struct announcer *an, uint64_t from, size_t limit, struct scan *s)
{
	struct arena *a = arena_new(SCAN_ARENA);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(an->scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = repo_works(tx, WORK_ANNOUNCE, from, limit, scan_one, s);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc == RC_OK && s->failed ? RC_UNAVAILABLE : rc;
}

void
announce_scan_run(struct scl_task *task)
{
	struct announcer *an =
		(struct announcer *)(void *)((char *)task - offsetof(struct announcer, scan));
	struct scan s = { .an = an, .last = an->seen };
	enum rc rc;

	if (courier_stopping(an->scl->courier))
		return;
	rc = scan_store(an, an->seen + 1, SCAN_BATCH, &s);
	if (!s.failed)
		an->seen = s.last;
	if (rc != RC_OK)
		LOG_ERROR(an->scl->log, "announcements-unreadable",
		          LOG_Z("status", status_of(rc)->text));
	if (rc != RC_OK || s.n == SCAN_BATCH)
		courier_post(an->scl->courier, &an->scan, rc != RC_OK ? CLOCK_SECOND : 0);
	announcer_pump(an);
}

void
dest_refill(struct dest *d)
{
	struct scan s = { .an = d->an, .only = d };
	enum rc rc;

	d->more = false;
	rc = scan_store(d->an, d->scanned + 1, 0, &s);
	if (rc != RC_OK) {
		d->more = true;
		courier_post(d->an->scl->courier, &d->retry, CLOCK_SECOND);
	}
}

void
announce_unpark_run(struct scl_task *task)
{
	struct announcer *an =
		(struct announcer *)(void *)((char *)task - offsetof(struct announcer, unpark));

	for (unsigned i = 0; i < ANNOUNCE_BUCKETS; i++)
		for (struct dest *d = an->buckets[i]; d != NULL; d = d->chain) {
			if (!d->parked)
				continue;
			d->parked = false;
			d->scanned = 0;
			d->more = true;
			dest_ready(d);
		}
	announce_scan_run(&an->scan);
}

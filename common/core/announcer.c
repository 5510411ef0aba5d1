/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The works of announcing, on the courier thread. Every SCL that something is announced to has a
 * queue of keys, so that one that does not answer holds up nothing but its own; the works
 * themselves stay in the store. After a failure an SCL is asked for one work at a time, with
 * back-off; one that is not registered is left alone until it is again.
 */
#include "config.h"

#include "core/announce_state.h"
#include "core/own_job.h"

#include <stdlib.h>

#define BUCKETS 256u
/* Keys that a queue holds; further ones are found in the store again. */
#define QUEUE_MAX 1024u
#define SCAN_BATCH 1024u
/* Works under way at once, in all and at one SCL. */
#define WORKING_MAX 64u
#define WORKING_AT_ONE 4u
#define WORK_ARENA (1u << 20)
/*
 * Works that are looked at in a row only to find that they wait for their parent's, and after how
 * long the next are.
 */
#define WAITS_MAX 16u
#define WAIT_DELAY (CLOCK_SECOND / 20)

/* An SCL that announcements go to. */
struct dest {
	struct scl_task retry; /* first: the task is the dest; nothing is begun while it is posted */
	struct announcer *an;
	struct dest *chain;
	struct dest *next_ready;
	bool ready; /* stands in the list of those that have something to begin */
	bool parked; /* not registered */
	bool more; /* the store has works behind the queue */
	unsigned working, failures;
	unsigned waits; /* in a row */
	unsigned name; /* by which it knows this SCL */
	uint64_t scanned; /* last key that was queued */
	uint64_t *queue; /* a ring; NULL when empty */
	unsigned first, n;
	size_t scl_n;
	char scl[]; /* SCL-ID */
};

struct announcer {
	struct scl *scl;
	struct scl_task scan; /* new works */
	struct scl_task unpark; /* an SCL has come */
	uint64_t seen; /* last key that the scan has met */
	struct dest *buckets[BUCKETS];
	struct dest *ready, **last_ready;
	unsigned working;
	bool pumping;
	struct worker *workers;
};

/* One work under way. */
struct worker {
	struct worker *next, **at; /* in the list of the announcer */
	struct dest *dest;
	uint64_t key;
	struct arena *arena;
	struct announce_work work;
	struct announce_step step;
	unsigned names_tried;
	struct scl_call call;
	struct own_job job;
	struct announce_result result;
};

static void pump(struct announcer *an);
static void worker_send(struct worker *w);
static void retry_run(struct scl_task *task);

/* ---- SCLs ---- */

static struct dest **
bucket_of(struct announcer *an, struct slice scl)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct dest **at;

	for (size_t i = 0; i < scl.n; i++)
		h = (h ^ (unsigned char)scl.p[i]) * UINT64_C(0x100000001b3);
	at = &an->buckets[(h ^ h >> 32) % BUCKETS];
	while (*at != NULL && !slice_eq(slice_make((*at)->scl, (*at)->scl_n), scl))
		at = &(*at)->chain;
	return at;
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
	d->retry.run = retry_run;
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
	       !courier_posted(&d->retry);
}

static void
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

/* The same, before all others. */
static bool
queue_return(struct dest *d, uint64_t key)
{
	if (!queue_add(d, key))
		return false;
	d->first = (d->first + QUEUE_MAX - 1) % QUEUE_MAX;
	d->queue[d->first] = key;
	return true;
}

static uint64_t
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

static void
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

static struct dest *
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

/* Nothing is begun there until it registers; its works are found again then. */
static void
dest_park(struct dest *d)
{
	free(d->queue);
	d->queue = NULL;
	d->first = d->n = d->waits = d->failures = 0;
	d->more = false;
	d->parked = true;
	courier_cancel(d->an->scl->courier, &d->retry);
}

/* ---- finding works in the store ---- */

struct scan {
	struct announcer *an;
	struct dest *only; /* works of this one, or NULL */
	uint64_t last;
	unsigned n;
	bool failed;
};

/* False when the queue is full. */
static bool
dest_offer(struct dest *d, uint64_t key)
{
	if (key <= d->scanned)
		return true;
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
		       dest_offer(s->only, key);
	d = dest_of(s->an, w.scl, key);
	s->failed = d == NULL;
	if (d != NULL && !d->parked && !d->more)
		(void)dest_offer(d, key);
	return d != NULL;
}

static enum rc
scan_store(struct announcer *an, uint64_t from, size_t limit, struct scan *s)
{
	struct arena *a = arena_new(WORK_ARENA);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(an->scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = repo_works(tx, WORK_ANNOUNCE, from, limit, scan_one, s);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc == RC_OK && s->failed ? RC_UNAVAILABLE : rc;
}

static void
scan_run(struct scl_task *task)
{
	struct announcer *an = (struct announcer *)(void *)((char *)task - offsetof(struct announcer, scan));
	struct scan s = { .an = an, .last = an->seen };
	enum rc rc;

	if (courier_stopping(an->scl->courier))
		return;
	rc = scan_store(an, an->seen + 1, SCAN_BATCH, &s);
	if (!s.failed)
		an->seen = s.last;
	if (rc != RC_OK)
		LOG_ERROR(an->scl->log, "announcements-unreadable", LOG_Z("status", status_of(rc)->text));
	if (rc != RC_OK || s.n == SCAN_BATCH)
		courier_post(an->scl->courier, &an->scan, rc != RC_OK ? CLOCK_SECOND : 0);
	pump(an);
}

/* Goes on where the queue was full. */
static void
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

static void
unpark_run(struct scl_task *task)
{
	struct announcer *an = (struct announcer *)(void *)((char *)task - offsetof(struct announcer, unpark));

	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct dest *d = an->buckets[i]; d != NULL; d = d->chain) {
			if (!d->parked)
				continue;
			d->parked = false;
			d->scanned = 0;
			d->more = true;
			dest_ready(d);
		}
	scan_run(&an->scan);
}

/* ---- one work ---- */

static void
worker_free(struct worker *w)
{
	*w->at = w->next;
	if (w->next != NULL)
		w->next->at = w->at;
	arena_free(w->arena);
	free(w);
}

static int64_t
backoff(const struct scl_conf *conf, unsigned failures)
{
	int64_t delay = conf->retry_first;

	for (unsigned i = 1; i < failures && delay < conf->retry_max; i++)
		delay *= 2;
	return delay > conf->retry_max ? conf->retry_max : delay;
}

/* The SCL did not answer: it is left alone for a while. */
static void
dest_failed(struct dest *d)
{
	struct scl *scl = d->an->scl;

	/* What was under way together fails together. */
	if (courier_posted(&d->retry))
		return;
	d->failures++;
	courier_post(scl->courier, &d->retry, backoff(scl_conf(scl), d->failures));
}

/* What finds no place in the queue is found in the store again. */
static void
requeued(struct dest *d, uint64_t key, bool done)
{
	if (done)
		return;
	d->scanned = key - 1;
	d->more = true;
}

/* w is gone afterwards. */
static void
worker_leave(struct worker *w)
{
	struct dest *d = w->dest;

	worker_free(w);
	d->working--;
	d->an->working--;
	dest_ready(d);
}

/* The work is over, for now or for good; w is gone afterwards. */
static void
worker_end(struct worker *w, bool again)
{
	struct dest *d = w->dest;
	struct announcer *an = d->an;

	if (again && !d->parked)
		requeued(d, w->key, queue_return(d, w->key));
	/* Who waits may have waited for this. */
	if (d->waits > 0 && d->failures == 0)
		courier_cancel(an->scl->courier, &d->retry);
	d->waits = 0;
	worker_leave(w);
	pump(an);
}

/* The parent is not announced there yet. */
static void
worker_wait(struct worker *w)
{
	struct dest *d = w->dest;
	struct announcer *an = d->an;

	requeued(d, w->key, queue_add(d, w->key));
	if (++d->waits % WAITS_MAX == 0)
		courier_post(an->scl->courier, &d->retry, WAIT_DELAY);
	worker_leave(w);
	pump(an);
}

static enum rc
job_run(struct own_job *oj, struct rtx *tx)
{
	struct worker *w = oj->owner;
	struct announce_work work = w->work;

	if (w->work.form == ANNOUNCE_AGAIN)
		return announce_again(oj->scl, tx, &work, &w->result);
	return announce_result_store(oj->scl, tx, &w->work, &w->result);
}

static void
job_done(struct own_job *oj, enum rc rc)
{
	struct worker *w = oj->owner;

	if (rc != RC_OK) {
		LOG_ERROR(oj->scl->log, "announcement-not-stored", LOG_N("work", w->key),
		          LOG_Z("status", status_of(rc)->text));
		dest_failed(w->dest);
		w->result.more = true;
	}
	worker_end(w, w->result.more);
}

static void
worker_store(struct worker *w, enum announce_outcome outcome)
{
	w->result.key = w->key;
	w->result.outcome = outcome;
	w->result.stamp = w->step.stamp;
	w->job = (struct own_job){ .run = job_run, .done = job_done, .owner = w };
	if (own_job_submit(w->dest->an->scl, &w->job))
		return;
	dest_failed(w->dest);
	worker_end(w, true);
}

/* ---- answers ---- */

static bool
is_transient(int http)
{
	return (http >= 500 && http != 501 && http != 505) || http == 408 || http == 429;
}

static bool
is_missing(int http)
{
	return http == 404 || http == 410;
}

/* Once more as whom the other SCL may know this one by. */
static bool
try_other_name(struct worker *w)
{
	struct dest *d = w->dest;

	if (d->an->scl->conf.role != SCL_NSCL || w->names_tried + 1 >= ANNOUNCE_NAMES)
		return false;
	w->names_tried++;
	d->name = (d->name + 1) % ANNOUNCE_NAMES;
	return true;
}

static void
judge_create(struct worker *w, int http, const struct req_answer *answer)
{
	if (http >= 200 && http < 300) {
		w->result.uri = announce_location(w->arena, &w->step, answer->location);
		worker_store(w, OUTCOME_CREATED);
	} else if (http == 409) {
		announce_step_owner(&w->step);
		worker_send(w);
	} else {
		worker_store(w, OUTCOME_REFUSED);
	}
}

static void
judge_owner(struct worker *w, int http, const struct req_answer *answer)
{
	bool ours = http == 200 && answer->body != NULL &&
	            announce_is_of(w->arena, slice_make(answer->body, answer->body_len), w->step.link);

	w->result.uri = w->step.uri;
	if (w->work.form == ANNOUNCE_NODE)
		worker_store(w, ours ? OUTCOME_TAKEN : OUTCOME_REFUSED);
	else if (!ours)
		worker_store(w, OUTCOME_NONE);
	else {
		w->step.purpose = PURPOSE_DELETE;
		w->step.method = SLICE_LIT("DELETE");
		w->step.target = w->step.uri;
		w->step.from = w->work.from;
		worker_send(w);
	}
}

static void
judge_update(struct worker *w, int http, const struct req_answer *answer)
{
	(void)answer;
	worker_store(w, http >= 200 && http < 300 ? OUTCOME_UPDATED
	                : is_missing(http)        ? OUTCOME_LOST
	                                          : OUTCOME_KEPT_AS_IS);
}

static void
judge_delete(struct worker *w, int http, const struct req_answer *answer)
{
	(void)answer;
	worker_store(w, (http >= 200 && http < 300) || is_missing(http) ? OUTCOME_DELETED
	                                                                : OUTCOME_NOT_DELETED);
}

static const struct {
	const char *name;
	void (*judge)(struct worker *w, int http, const struct req_answer *answer);
} purposes[] = {
	[PURPOSE_CREATE] = { "create", judge_create },
	[PURPOSE_OWNER] = { "read", judge_owner },
	[PURPOSE_UPDATE] = { "update", judge_update },
	[PURPOSE_DELETE] = { "delete", judge_delete },
};

static void
log_answer(const struct worker *w, int http)
{
	bool done = http >= 200 && http < 300;

	LOG(w->dest->an->scl->log, done ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
	    done ? "announcement-step" : "announcement-failed", LOG_N("work", w->key),
	    LOG_S("scl", slice_make(w->dest->scl, w->dest->scl_n)),
	    LOG_Z("step", purposes[w->step.purpose].name), LOG_S("target", w->step.target),
	    LOG_N("http", http));
}

static void look(struct worker *w);

static void
call_done(struct scl_call *call)
{
	struct worker *w = call->owner;
	/* What follows may begin the next call in its place, or free it. */
	struct scl_call ended = *call;
	int http = ended.answer->http_status;

	log_answer(w, http);
	if (!is_transient(http))
		w->dest->failures = 0;
	if (is_transient(http)) {
		dest_failed(w->dest);
		worker_end(w, true);
	} else if (http == 404 && w->step.purpose == PURPOSE_CREATE && try_other_name(w)) {
		look(w);
	} else {
		purposes[w->step.purpose].judge(w, http, ended.answer);
	}
	scl_call_end(&ended);
}

static void
worker_send(struct worker *w)
{
	struct scl *scl = w->dest->an->scl;

	w->call = (struct scl_call){ .method = w->step.method, .target = w->step.target,
		                     .from = w->step.from, .body = w->step.body,
		                     .accept = SLICE_LIT("application/xml"),
		                     .content_type = w->step.body.n > 0 ? SLICE_LIT("application/xml")
		                                                        : SLICE_NONE,
		                     .timeout_ms = scl_conf(scl)->notify_timeout_ms, .done = call_done,
		                     .owner = w };
	scl_call(scl, &w->call);
}

static enum rc
find_step(struct worker *w)
{
	struct scl *scl = w->dest->an->scl;
	struct rtx *tx;
	enum rc rc;

	arena_reset(w->arena);
	TRY(repo_begin_read(scl->repo, w->arena, &tx));
	rc = announce_step_find(scl, tx, w->key, w->dest->name, &w->work, &w->step);
	repo_end_read(tx);
	return rc;
}

/* Finds out what is to be done, and does it. */
static void
look(struct worker *w)
{
	struct dest *d = w->dest;
	enum rc rc = find_step(w);

	if (rc != RC_OK) {
		LOG_ERROR(d->an->scl->log, "announcement-impossible", LOG_N("work", w->key),
		          LOG_Z("status", status_of(rc)->text));
		dest_failed(d);
		worker_end(w, true);
		return;
	}
	switch (w->step.next) {
	case NEXT_SEND:
		worker_send(w);
		return;
	case NEXT_STORE:
		worker_store(w, w->step.outcome);
		return;
	case NEXT_DROP:
		w->work.form = ANNOUNCE_GONE;
		worker_store(w, OUTCOME_NONE);
		return;
	case NEXT_WAIT:
		worker_wait(w);
		return;
	case NEXT_PARK:
		LOG_INFO(d->an->scl->log, "announcing-waits", LOG_S("scl", slice_make(d->scl, d->scl_n)),
		         LOG_Z("for", "registration"));
		dest_park(d);
		worker_end(w, false);
		return;
	}
}

/* ---- beginning ---- */

static bool
is_working(const struct announcer *an, const struct dest *d, uint64_t key)
{
	for (const struct worker *w = an->workers; w != NULL; w = w->next)
		if (w->dest == d && w->key == key)
			return true;
	return false;
}

static struct worker *
worker_new(struct dest *d, uint64_t key)
{
	struct announcer *an = d->an;
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->arena = arena_new(an->scl->conf.arena_max)) == NULL) {
		free(w);
		return NULL;
	}
	w->dest = d;
	w->key = key;
	w->next = an->workers;
	w->at = &an->workers;
	if (w->next != NULL)
		w->next->at = &w->next;
	an->workers = w;
	d->working++;
	an->working++;
	return w;
}

static bool
may_begin(const struct dest *d)
{
	/* After a failure one work finds out whether the SCL is there again. */
	return !d->parked && !courier_posted(&d->retry) &&
	       d->working < (d->failures > 0 ? 1 : WORKING_AT_ONE);
}

/* Begins one work of d. */
static void
dest_begin(struct dest *d)
{
	uint64_t key = queue_take(d);
	struct worker *w;

	dest_ready(d);
	if (is_working(d->an, d, key))
		return;
	w = worker_new(d, key);
	if (w != NULL) {
		look(w);
		return;
	}
	requeued(d, key, queue_return(d, key));
	dest_failed(d);
}

/* Each SCL in turn, as far as there is room. */
static void
pump(struct announcer *an)
{
	struct dest *d;

	if (an->pumping)
		return;
	an->pumping = true;
	while (an->working < WORKING_MAX && !courier_stopping(an->scl->courier) &&
	       (d = ready_take(an)) != NULL) {
		if (!may_begin(d))
			continue;
		if (d->n == 0 && d->more)
			dest_refill(d);
		if (d->n > 0 && may_begin(d))
			dest_begin(d);
		else
			dest_drop_idle(d);
	}
	an->pumping = false;
}

static void
retry_run(struct scl_task *task)
{
	struct dest *d = (struct dest *)(void *)task;

	if (courier_stopping(d->an->scl->courier))
		return;
	dest_ready(d);
	pump(d->an);
}

/* ---- life ---- */

struct announcer *
announcer_new(struct scl *scl)
{
	struct announcer *an = calloc(1, sizeof(*an));

	if (an == NULL)
		return NULL;
	an->scl = scl;
	an->scan.run = scan_run;
	an->unpark.run = unpark_run;
	an->last_ready = &an->ready;
	return an;
}

void
announcer_free(struct announcer *an)
{
	if (an == NULL)
		return;
	while (an->workers != NULL)
		worker_free(an->workers);
	for (unsigned i = 0; i < BUCKETS; i++)
		while (an->buckets[i] != NULL) {
			struct dest *d = an->buckets[i];

			an->buckets[i] = d->chain;
			free(d->queue);
			free(d);
		}
	free(an);
}

void
announcer_start(struct announcer *an)
{
	courier_post(an->scl->courier, &an->scan, 0);
}

void
announcer_note(struct scl *scl)
{
	courier_note_task(scl->courier, &scl->announcer->scan);
}

void
announcer_note_peer(struct scl *scl)
{
	courier_note_task(scl->courier, &scl->announcer->unpark);
}

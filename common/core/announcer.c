/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The works of announcing under way: a few at a time, in all and at one SCL. After a failure an SCL
 * is asked for one work at a time, with back-off; one that is not registered is left alone until it
 * is again.
 */
#include "config.h"

#include "core/announce_queue.h"
#include "core/own_job.h"

#include <stdlib.h>

/* Works under way at once, in all and at one SCL. */
#define WORKING_MAX 64u
#define WORKING_AT_ONE 4u
/*
 * Works that are looked at in a row only to find that they wait for their parent's, and after how
 * long the next are.
 */
#define WAITS_MAX 16u
#define WAIT_DELAY (CLOCK_SECOND / 20)

/* One work under way. */
struct worker {
	struct worker *next, **at; /* in the list of the announcer */
	struct dest *dest;
	uint64_t key;
	struct arena *arena;
	struct announce_work work;
	struct announce_step step;
	unsigned name, names_tried; /* by which the SCL knows this one */
	struct scl_call call;
	struct own_job job;
	struct announce_result result;
};

static void worker_send(struct worker *w);

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

/* The work is over or will be tried again; w is gone afterwards. */
static void
worker_end(struct worker *w, bool again)
{
	struct dest *d = w->dest;
	struct announcer *an = d->an;

	if (again && !d->parked)
		queue_return(d, w->key, true);
	/* Who waits may have waited for this. */
	if (d->waits > 0 && d->failures == 0)
		courier_cancel(an->scl->courier, &d->retry);
	d->waits = 0;
	worker_leave(w);
	announcer_pump(an);
}

/* The parent is not announced there yet, or an earlier one of its name is there still. */
static void
worker_wait(struct worker *w)
{
	struct dest *d = w->dest;
	struct announcer *an = d->an;

	queue_return(d, w->key, false);
	if (++d->waits % WAITS_MAX == 0)
		courier_post(an->scl->courier, &d->retry, WAIT_DELAY);
	worker_leave(w);
	announcer_pump(an);
}

static enum rc
job_run(struct own_job *oj, struct rtx *tx)
{
	struct worker *w = oj->owner;
	struct announce_work work = w->work;

	if (w->work.form == ANNOUNCE_AGAIN)
		return announce_again(oj->scl, tx, &work, &w->result);
	if (w->work.form == ANNOUNCE_REFRESH)
		return announce_refresh(oj->scl, tx, &work, &w->result);
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
	if (w->dest->an->scl->conf.role != SCL_NSCL || w->names_tried + 1 >= ANNOUNCE_NAMES)
		return false;
	w->names_tried++;
	w->name = (w->name + 1) % ANNOUNCE_NAMES;
	return true;
}

static int64_t
granted(struct worker *w, const struct req_answer *answer)
{
	return answer->body == NULL
	               ? 0
	               : announce_lifetime(w->arena, slice_make(answer->body, answer->body_len));
}

static void
judge_create(struct worker *w, int http, const struct req_answer *answer)
{
	if (http >= 200 && http < 300) {
		w->dest->name = w->name;
		w->result.uri = announce_location(w->arena, &w->step, answer->location);
		w->result.until = granted(w, answer);
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
	bool ours =
		http == 200 && answer->body != NULL &&
		announce_is_of(w->arena, slice_make(answer->body, answer->body_len), w->step.link);

	w->result.uri = w->step.uri;
	if (w->work.form == ANNOUNCE_NODE)
		worker_store(w, ours                 ? OUTCOME_TAKEN
		                : w->step.unwanted ? OUTCOME_NONE
		                                   : OUTCOME_REFUSED);
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
	w->result.until = granted(w, answer);
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

	w->call =
		(struct scl_call){ .method = w->step.method,
		                   .target = w->step.target,
		                   .from = w->step.from,
		                   .body = w->step.body,
		                   .accept = SLICE_LIT("application/xml"),
		                   .content_type = w->step.body.n > 0 ? SLICE_LIT("application/xml")
		                                                      : SLICE_NONE,
		                   .timeout_ms = scl_conf(scl)->notify_timeout_ms,
		                   .done = call_done,
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
	rc = announce_step_find(scl, tx, w->key, w->name, &w->work, &w->step);
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
		LOG_INFO(d->an->scl->log, "announcing-waits",
		         LOG_S("scl", slice_make(d->scl, d->scl_n)), LOG_Z("for", "registration"));
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
	w->name = d->name;
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
	queue_return(d, key, true);
	dest_failed(d);
}

/* Each SCL in turn, as far as there is room. */
void
announcer_pump(struct announcer *an)
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

void
announce_retry_run(struct scl_task *task)
{
	struct dest *d = (struct dest *)(void *)task;

	if (courier_stopping(d->an->scl->courier))
		return;
	dest_ready(d);
	announcer_pump(d->an);
}

/* ---- a registration that was not there ---- */

struct anew {
	struct own_job job; /* first */
	size_t n;
	char link[];
};

static enum rc
anew_run(struct own_job *oj, struct rtx *tx)
{
	struct anew *a = (struct anew *)(void *)oj;
	struct res *peer;
	enum rc rc = announce_peer(oj->scl, tx, slice_make(a->link, a->n), &peer);

	/* Where nothing is known of it, nothing was announced. */
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	return announce_registered(oj->scl, tx, peer);
}

static void
anew_done(struct own_job *oj, enum rc rc)
{
	struct anew *a = (struct anew *)(void *)oj;

	if (rc != RC_OK)
		LOG_ERROR(oj->scl->log, "announcing-again-impossible",
		          LOG_S("link", slice_make(a->link, a->n)),
		          LOG_Z("status", status_of(rc)->text));
	free(a);
}

void
scl_registered_anew(struct scl *scl, struct slice link)
{
	struct anew *a = calloc(1, sizeof(*a) + link.n);

	mgmt_registered_anew(scl->mgmt);
	if (a == NULL)
		return;
	a->n = link.n;
	memcpy(a->link, link.p, link.n);
	a->job = (struct own_job){ .run = anew_run, .done = anew_done };
	if (!own_job_submit(scl, &a->job))
		free(a);
}

/* ---- life ---- */

struct announcer *
announcer_new(struct scl *scl)
{
	struct announcer *an = calloc(1, sizeof(*an));

	if (an == NULL)
		return NULL;
	an->scl = scl;
	an->scan.run = announce_scan_run;
	an->unpark.run = announce_unpark_run;
	an->last_ready = &an->ready;
	return an;
}

void
announcer_free(struct announcer *an)
{
	if (an == NULL)
		return;
	for (struct worker *w = an->workers, *next; w != NULL; w = next) {
		next = w->next;
		worker_free(w);
	}
	dests_free(an);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that were accepted for later (TS 102 690 9.3.1.5): carried to the SCL of the target by
 * the courier thread, their answers stored, until those are notified or fetched.
 */
#include "config.h"

#include "core/saf_parcel.h"

#include <stdlib.h>

/* What a record needs beside the body. */
#define RECORD_EXTRA (1u << 20)
/* Counted for every request beside its body. */
#define PARCEL_OCTETS 1024u

/* ---- parcels ---- */

void
parcel_release(struct parcel *p)
{
	atomic_fetch_sub(&p->all->octets, p->octets);
	atomic_fetch_sub(&p->all->count, 1);
}

static void
parcel_link(struct saf_parcels *all, struct parcel *p)
{
	p->at = &all->buckets[p->key % PARCEL_BUCKETS];
	p->next = *p->at;
	if (p->next != NULL)
		p->next->at = &p->next;
	*p->at = p;
}

void
parcel_free(struct parcel *p)
{
	if (p == NULL)
		return;
	if (p->at != NULL) {
		*p->at = p->next;
		if (p->next != NULL)
			p->next->at = p->at;
	}
	req_free(p->rq);
	buf_fini(&p->result);
	free(p->application);
	free(p->contact);
	free(p);
}

char *
parcel_text(struct slice s)
{
	char *copy = malloc(s.n + 1);

	if (copy != NULL) {
		if (s.n > 0)
			memcpy(copy, s.p, s.n);
		copy[s.n] = '\0';
	}
	return copy;
}

static void task_run(struct scl_task *t);
static void parcel_start(struct saf_entry *e, unsigned network);
static void parcel_expire(struct saf_entry *e, bool stopping);

struct parcel *
parcel_new(struct saf_parcels *all, const struct saf_parcel_record *r)
{
	struct parcel *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->all = all;
	p->task.run = task_run;
	p->octets = r->in.body.n + PARCEL_OCTETS;
	p->application = parcel_text(r->head.issuer);
	p->contact = r->head.contact.n > 0 ? parcel_text(r->head.contact) : NULL;
	if (p->application == NULL || (r->head.contact.n > 0 && p->contact == NULL)) {
		parcel_free(p);
		return NULL;
	}
	p->entry = (struct saf_entry){ .link = saf_link_of(all->scl, r->target),
		                       .destination = saf_destination_of(r->target),
		                       .rcat = r->rcat,
		                       .application = slice_of(p->application),
		                       .received = r->head.received,
		                       .deadline = r->deadline,
		                       .octets = r->in.body.n,
		                       .ordered = true,
		                       .adaptive = saf_relief_adaptive(all->scl, r),
		                       .start = parcel_start,
		                       .expire = parcel_expire };
	return p;
}

/* ---- arrivals ---- */

void
parcels_post(struct saf_parcels *all, struct letter *letter)
{
	pthread_mutex_lock(&all->lock);
	letter->next = NULL;
	*all->last_letter = letter;
	all->last_letter = &letter->next;
	pthread_mutex_unlock(&all->lock);
	(void)courier_post(all->scl->courier, &all->arrive, 0);
}

struct parcel *
parcel_of(struct saf_parcels *all, uint64_t key, uint64_t order)
{
	struct parcel *p = all->buckets[key % PARCEL_BUCKETS];

	while (p != NULL && (p->key != key || p->entry.order != order))
		p = p->next;
	return p;
}

void
parcel_forget(struct parcel *p)
{
	courier_cancel(p->all->scl->courier, &p->task);
	parcel_release(p);
	parcel_free(p);
}

static struct letter *
take_letters(struct saf_parcels *all)
{
	struct letter *first;

	pthread_mutex_lock(&all->lock);
	first = all->letters;
	all->letters = NULL;
	all->last_letter = &all->letters;
	pthread_mutex_unlock(&all->lock);
	return first;
}

static void result_ready(struct parcel *p);

static void
parcel_begin(struct parcel *p)
{
	if (p->expires > 0)
		result_ready(p);
	else
		saf_wait(p->all->scl->saf, &p->entry);
}

void
parcels_arrive(struct saf_parcels *all)
{
	struct letter *letter = take_letters(all);

	while (letter != NULL) {
		struct letter *next = letter->next;
		struct parcel *p = letter->arrived != NULL
		                           ? letter->arrived
		                           : parcel_of(all, letter->gone, letter->order);

		all->more = all->more || letter->arrived != NULL;
		if (letter->arrived != NULL) {
			parcel_link(all, p);
			parcel_begin(p);
		} else if (p != NULL && p->storing) {
			p->gone = true;
		} else if (p != NULL) {
			parcel_forget(p);
		}
		free(letter);
		letter = next;
	}
}

static void
arrive_run(struct scl_task *t)
{
	struct saf_parcels *all =
		(struct saf_parcels *)(void *)((char *)t - offsetof(struct saf_parcels, arrive));

	parcels_arrive(all);
	if (all->more)
		saf_relief_arrived(all->scl);
	all->more = false;
}

/* ---- forwarding ---- */

static void store(struct parcel *p);
static void store_later(struct parcel *p);

static enum rc
read_record(struct parcel *p, struct req *rq)
{
	struct slice bytes;

	TRY(repo_work_get(rq->tx, WORK_FORWARD, p->key, &bytes));
	return saf_parcel_read(bytes, &p->record) ? RC_OK : RC_INTERNAL;
}

/* Its request as one of this SCL, with what was stored. */
enum rc
parcel_open(struct parcel *p)
{
	struct scl *scl = p->all->scl;
	struct req *rq = req_new_local(scl, REQ_OTHER, SLICE_LIT("/"), SLICE_LIT("/"));
	enum rc rc = rq == NULL ? RC_UNAVAILABLE : repo_begin_read(scl->repo, rq->arena, &rq->tx);

	if (rc == RC_OK) {
		rc = read_record(p, rq);
		repo_end_read(rq->tx);
		rq->tx = NULL;
	}
	if (rc != RC_OK) {
		LOG_ERROR(scl->log, "stored-request-unreadable", LOG_N("work", p->key),
		          LOG_Z("status", status_of(rc)->text));
		req_free(rq);
		return rc;
	}
	rq->in = p->record.in;
	rq->in.op = (enum req_op)p->record.op;
	rq->in.head = p->record.head_only;
	rq->in.known_method = true;
	rq->in.target = p->record.target;
	rq->in.has_length = true;
	rq->in.content_length = rq->in.body.n;
	p->rq = rq;
	return RC_OK;
}

/* What cannot be read for the moment is read later; what is damaged or gone is given up. */
static void
open_failed(struct parcel *p, enum rc rc)
{
	if (rc == RC_NOT_FOUND || rc == RC_INTERNAL) {
		parcel_drop(p);
		return;
	}
	p->overdue = clock_now(p->all->scl->clock) >= p->entry.deadline;
	if (p->overdue)
		store_later(p);
	else
		saf_wait(p->all->scl->saf, &p->entry);
}

void
parcel_close(struct parcel *p)
{
	req_free(p->rq);
	p->rq = NULL;
}

/* The answer in rq is final. */
static void
finish(struct parcel *p)
{
	const struct scl_conf *conf = p->rq->conf;
	const struct req_answer *out = req_encode(p->rq);
	struct saf_result_record r = { .head = p->record.head,
		                       .expires =
		                               clock_now(p->all->scl->clock) + conf->saf.lifetime,
		                       .from = p->record.in.from };

	if (out->body_len > conf->body_max) {
		p->rq->relayed = false;
		req_fail(p->rq, RC_BAD_GATEWAY, "the answer is over the limit of what is stored");
		free(p->rq->out.body);
		p->rq->out = (struct req_answer){ 0 };
		out = req_encode(p->rq);
	}
	r.http_status = out->http_status;
	r.content_type = out->content_type;
	r.location = out->location;
	r.etag = out->etag;
	r.last_modified = out->last_modified;
	r.allow = out->allow;
	r.body = slice_make(out->body, out->body_len);
	p->expires = r.expires;
	buf_init(&p->result, conf->body_max + RECORD_EXTRA);
	saf_result_write(&p->result, &r);
	parcel_close(p);
	store(p);
}

void
parcel_fail(struct parcel *p, enum rc rc, const char *text)
{
	p->rq->relayed = false;
	free(p->rq->out.body);
	p->rq->out = (struct req_answer){ 0 };
	req_fail(p->rq, rc, "%s", text);
	finish(p);
}

static bool
is_late(const struct parcel *p)
{
	return clock_now(p->all->scl->clock) >= p->entry.deadline;
}

/* Not now, perhaps later. */
static void
postpone(struct parcel *p, enum saf_end how)
{
	saf_ended(p->all->scl->saf, &p->entry, p->network, how);
	if (is_late(p)) {
		parcel_fail(p, RC_GATEWAY_TIMEOUT, "the SCL of the target was not reached in time");
		return;
	}
	parcel_close(p);
	saf_wait(p->all->scl->saf, &p->entry);
}

static void
parcel_sent(struct req *rq, void *arg, struct forward_end end)
{
	struct parcel *p = arg;

	if (courier_stopping(p->all->scl->courier))
		return;
	/* What a 202 without a contact means: to be asked for again. */
	if (end.how == SAF_REACHED && rq->out.http_status == 202 && p->contact == NULL)
		end.how = SAF_BUSY;
	if (end.how == SAF_FAILED || end.how == SAF_BUSY) {
		postpone(p, end.how);
		return;
	}
	saf_ended(p->all->scl->saf, &p->entry, p->network, end.how);
	if (end.how == SAF_REACHED && rq->out.http_status == 202) {
		/* The next SCL has taken over and will notify the contact itself. */
		parcel_close(p);
		parcel_drop(p);
		return;
	}
	finish(p);
}

static void
parcel_start(struct saf_entry *e, unsigned network)
{
	struct parcel *p = (struct parcel *)(void *)e;
	int64_t limit = e->deadline - clock_now(p->all->scl->clock);
	enum rc rc = parcel_open(p);

	p->network = network;
	if (rc == RC_OK && req_admit(p->rq) == RC_OK &&
	    forward_once(p->rq, p->record.target, limit, parcel_sent, p))
		return;
	saf_ended(p->all->scl->saf, e, network, rc == RC_OK ? SAF_NONE : SAF_BUSY);
	if (rc == RC_OK)
		finish(p);
	else
		open_failed(p, rc);
}

static void
parcel_expire(struct saf_entry *e, bool stopping)
{
	struct parcel *p = (struct parcel *)(void *)e;
	enum rc rc;

	/* What is stored waits for the next start. */
	if (stopping)
		return;
	rc = parcel_open(p);
	if (rc == RC_OK)
		parcel_fail(p, RC_GATEWAY_TIMEOUT, "the SCL of the target was not reached in time");
	else
		open_failed(p, rc);
}

/* ---- the store ---- */

/* Removes what is p's: after a fetch the key may be that of the next request already. */
static enum rc
remove_own(struct parcel *p, struct rtx *tx, enum work_kind kind, bool *was_there)
{
	struct slice bytes;
	struct saf_head head;
	enum rc rc = repo_work_get(tx, kind, p->key, &bytes);

	*was_there = rc == RC_OK && (!saf_head_read(bytes, &head) || head.order == p->entry.order);
	if (*was_there)
		return repo_work_remove(tx, kind, p->key);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
job_run(struct own_job *oj, struct rtx *tx)
{
	struct parcel *p = oj->owner;
	bool was_there;

	TRY(remove_own(p, tx, WORK_FORWARD, &was_there));
	if (p->drop)
		return remove_own(p, tx, WORK_RESULT, &was_there);
	return was_there ? repo_work_put(tx, WORK_RESULT, p->key, buf_view(&p->result)) : RC_OK;
}

/* A result is there: it is notified, or kept until it is fetched. */
static void
result_ready(struct parcel *p)
{
	int64_t left = p->expires - clock_now(p->all->scl->clock);

	if (p->contact != NULL)
		result_deliver(p);
	else
		courier_post(p->all->scl->courier, &p->task, left > 0 ? left : 0);
}

static void
job_done(struct own_job *oj, enum rc rc)
{
	struct parcel *p = oj->owner;

	p->storing = false;
	if (courier_stopping(p->all->scl->courier))
		return;
	if (p->gone) {
		parcel_forget(p);
	} else if (rc != RC_OK) {
		LOG_ERROR(p->all->scl->log, "stored-request-not-updated", LOG_N("work", p->key),
		          LOG_Z("status", status_of(rc)->text));
		store_later(p);
	} else if (p->drop) {
		parcel_forget(p);
	} else {
		p->failures = 0;
		buf_fini(&p->result);
		result_ready(p);
	}
}

static void
store(struct parcel *p)
{
	p->job.run = job_run;
	p->job.done = job_done;
	p->job.owner = p;
	p->storing = own_job_submit(p->all->scl, &p->job);
	if (!p->storing)
		store_later(p);
}

static void
store_later(struct parcel *p)
{
	if (!courier_stopping(p->all->scl->courier))
		courier_post(p->all->scl->courier, &p->task,
		             saf_backoff(scl_conf(p->all->scl), ++p->failures));
}

/* Something could not be stored or read, or nobody has fetched a result. */
static void
task_run(struct scl_task *t)
{
	struct parcel *p = (struct parcel *)(void *)((char *)t - offsetof(struct parcel, task));

	if (courier_stopping(p->all->scl->courier) || p->storing)
		return;
	if (p->overdue) {
		p->overdue = false;
		parcel_expire(&p->entry, false);
	} else if (p->failures > 0 || p->drop) {
		store(p);
	} else if (clock_now(p->all->scl->clock) >= p->expires) {
		LOG_WARN(p->all->scl->log, "stored-result-expired", LOG_N("work", p->key));
		parcel_drop(p);
	} else {
		result_ready(p);
	}
}

void
parcel_drop(struct parcel *p)
{
	p->drop = true;
	store(p);
}

/* ---- life ---- */

enum rc
saf_parcels_new(struct scl *scl, struct saf_parcels **out)
{
	struct saf_parcels *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return RC_UNAVAILABLE;
	all->scl = scl;
	all->arrive.run = arrive_run;
	all->last_letter = &all->letters;
	pthread_mutex_init(&all->lock, NULL);
	*out = all;
	return RC_OK;
}

struct loading {
	struct saf_parcels *all;
	bool results;
	enum rc rc;
};

static struct parcel *
parcel_stored(struct loading *l, struct slice bytes)
{
	struct saf_parcel_record r = { 0 };
	struct saf_result_record result = { 0 };
	struct parcel *p;

	if (l->results ? !saf_result_read(bytes, &result) : !saf_parcel_read(bytes, &r)) {
		LOG_ERROR(l->all->scl->log, "stored-request-damaged", LOG_N("octets", bytes.n));
		return NULL;
	}
	if (l->results) {
		r.head = result.head;
		r.in.body = result.body;
	}
	p = parcel_new(l->all, &r);
	l->rc = p == NULL ? RC_UNAVAILABLE : RC_OK;
	if (p != NULL) {
		p->entry.order = r.head.order;
		p->expires = result.expires;
	}
	return p;
}

static bool
load_one(void *arg, uint64_t key, struct slice bytes)
{
	struct loading *l = arg;
	struct parcel *p = parcel_stored(l, bytes);
	struct letter *letter = p == NULL ? NULL : calloc(1, sizeof(*letter));

	if (letter == NULL) {
		l->rc = p != NULL ? RC_UNAVAILABLE : l->rc;
		parcel_free(p);
		return l->rc == RC_OK;
	}
	p->key = key;
	letter->arrived = p;
	atomic_fetch_add(&l->all->count, 1);
	atomic_fetch_add(&l->all->octets, p->octets);
	parcels_post(l->all, letter);
	return true;
}

/* Nothing is kept of it in memory. */
static bool
count_one(void *arg, uint64_t key, struct slice bytes)
{
	struct loading *l = arg;

	(void)key;
	(void)bytes;
	atomic_fetch_add(&l->all->parked, 1);
	return true;
}

enum rc
saf_parcels_load(struct saf_parcels *all)
{
	struct loading l = { .all = all };
	struct arena *a = arena_new(all->scl->conf.arena_max);
	struct rtx *tx;
	enum rc rc = a == NULL ? RC_UNAVAILABLE : repo_begin_read(all->scl->repo, a, &tx);

	if (rc == RC_OK) {
		rc = repo_works(tx, WORK_FORWARD, 0, 0, load_one, &l);
		l.results = true;
		if (rc == RC_OK && l.rc == RC_OK)
			rc = repo_works(tx, WORK_RESULT, 0, 0, load_one, &l);
		if (rc == RC_OK && l.rc == RC_OK)
			rc = repo_works(tx, WORK_PARKED, 0, 0, count_one, &l);
		repo_end_read(tx);
	}
	arena_free(a);
	return rc == RC_OK ? l.rc : rc;
}

void
saf_parcels_free(struct saf_parcels *all)
{
	if (all == NULL)
		return;
	while (all->letters != NULL) {
		struct letter *letter = all->letters;

		all->letters = letter->next;
		parcel_free(letter->arrived);
		free(letter);
	}
	for (unsigned i = 0; i < PARCEL_BUCKETS; i++)
		for (struct parcel *p = all->buckets[i], *next; p != NULL; p = next) {
			next = p->next;
			parcel_free(p);
		}
	results_free(all);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-blocking requests (TS 102 690 9.3.1.5) on their way in: made ready on the serving thread,
 * stored by the committer, which also finds the answer of a request that is sent again.
 */
#include "config.h"

#include "core/saf_parcel.h"

#include <stdlib.h>

/* Keys that are tried for one request: more than so many of one hash are refused. */
#define KEYS_TRIED 8u
/* What a record needs beside the body: headers are bounded by the binding. */
#define RECORD_EXTRA (1u << 20)

/* A request that is being accepted: the taken of its req. */
struct accept {
	struct job job; /* first */
	struct req *rq;
	struct saf_parcels *all;
	struct parcel *parcel; /* what becomes of it */
	struct buf record;
	struct saf_head head; /* in rq's arena */
	struct letter *letter;
	bool over; /* there is no room for a new one */
	/* Found by the run. */
	bool is_new, fetched;
	uint64_t key;
	struct saf_result_record result;
};

bool
saf_parcel_asked(const struct req *rq)
{
	/* Only the first SCL answers later: the others owe it the final status (TS 102 690 9.3.1.5). */
	return !rq->local && rq->in.correlation_id.n > 0 && rq->in.via.n == 0;
}

static void accept_take(struct req *rq);

static void
accept_free(struct accept *a)
{
	parcel_free(a->parcel);
	buf_fini(&a->record);
	free(a->letter);
	free(a);
}

static void
fill_record(struct req *rq, struct slice target, const struct saf_terms *terms,
            struct saf_parcel_record *r)
{
	int64_t limit = terms->received + rq->conf->saf.lifetime;

	*r = (struct saf_parcel_record){
		.head = { .digest = saf_digest(rq->in.op, target, rq->in.body),
		          .received = terms->received,
		          .issuer = terms->application,
		          .correlation = rq->in.correlation_id,
		          .contact = rq->in.contact_uri,
		          .syntax = media_syntax_number(rq->out_codec) },
		.deadline = terms->deadline < limit ? terms->deadline : limit,
		.rcat = (uint8_t)terms->rcat,
		.op = (uint8_t)rq->in.op,
		.head_only = rq->in.head,
		.target = target,
		.in = rq->in,
	};
}

/* An answer that is sent to where the request goes would be its own cause. */
static enum rc
check_contact(struct req *rq, struct slice target)
{
	struct slice contact = rq->in.contact_uri, a, b;

	if (contact.n == 0)
		return RC_OK;
	a = comparable_uri(rq->scl, rq->arena, contact);
	b = comparable_uri(rq->scl, rq->arena, target);
	if (a.p == NULL)
		return req_fail(rq, RC_BAD_REQUEST, "X-etsi-contactURI is no URI");
	if (slice_eq(a, b))
		return req_fail(rq, RC_BAD_REQUEST, "X-etsi-contactURI is the target itself");
	return RC_OK;
}

enum rc
saf_parcel_take(struct req *rq, struct slice target, const struct saf_terms *terms)
{
	struct saf_parcel_record r;
	struct accept *a;

	TRY(check_contact(rq, target));
	fill_record(rq, target, terms, &r);
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return RC_UNAVAILABLE;
	a->rq = rq;
	a->all = rq->scl->parcels;
	a->head = r.head;
	a->letter = calloc(1, sizeof(*a->letter));
	a->parcel = parcel_new(a->all, &r);
	buf_init(&a->record, rq->conf->body_max + RECORD_EXTRA);
	saf_parcel_write(&a->record, &r);
	if (a->letter == NULL || a->parcel == NULL || a->record.failed) {
		accept_free(a);
		return req_fail(rq, RC_UNAVAILABLE, "no memory for the request");
	}
	rq->taken = a;
	rq->take = accept_take;
	return RC_OK;
}

enum found { FOUND_NOTHING, FOUND_REQUEST, FOUND_RESULT, FOUND_PARKED };

struct look_up {
	enum found what;
	uint64_t key; /* of it, or of a free place */
	bool place;
	struct slice bytes;
	struct saf_head head;
};

static bool
is_same(const struct saf_head *a, const struct saf_head *b)
{
	return slice_eq(a->issuer, b->issuer) && slice_eq(a->correlation, b->correlation);
}

static enum rc
look_at(struct rtx *tx, uint64_t key, const struct saf_head *head, struct look_up *l)
{
	static const struct {
		enum work_kind kind;
		enum found what;
	} kinds[] = { { WORK_FORWARD, FOUND_REQUEST },
		      { WORK_RESULT, FOUND_RESULT },
		      { WORK_PARKED, FOUND_PARKED } };
	bool taken = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		enum rc rc = repo_work_get(tx, kinds[i].kind, key, &l->bytes);

		if (rc == RC_NOT_FOUND)
			continue;
		if (rc != RC_OK)
			return rc;
		taken = true;
		if (!saf_head_read(l->bytes, &l->head) || !is_same(&l->head, head))
			continue;
		l->what = kinds[i].what;
		l->key = key;
		return RC_OK;
	}
	if (!taken && !l->place) {
		l->place = true;
		l->key = key;
	}
	return RC_OK;
}

static enum rc
look_up(struct rtx *tx, const struct saf_head *head, struct look_up *l)
{
	uint64_t key = saf_key(head->issuer, head->correlation);

	*l = (struct look_up){ .what = FOUND_NOTHING };
	for (unsigned i = 0; i < KEYS_TRIED && l->what == FOUND_NOTHING; i++)
		TRY(look_at(tx, key + i, head, l));
	return RC_OK;
}

static enum rc
accept_new(struct accept *a, struct rtx *tx, const struct look_up *l)
{
	uint64_t order;

	if (a->over || !l->place)
		return req_fail(a->rq, RC_UNAVAILABLE, "too many requests are stored");
	TRY(repo_new_number(tx, &order));
	saf_order_set(&a->record, order);
	a->parcel->entry.order = order;
	TRY(repo_work_put(tx, WORK_FORWARD, l->key, buf_view(&a->record)));
	a->is_new = true;
	return RC_ACCEPTED;
}

/* The answer is there: it is given away, once. */
static enum rc
accept_fetch(struct accept *a, struct rtx *tx, const struct look_up *l)
{
	if (!saf_result_read(l->bytes, &a->result))
		return RC_INTERNAL;
	a->fetched = true;
	return repo_work_remove(tx, WORK_RESULT, l->key);
}

static enum rc
accept_run(struct job *job, struct rtx *tx)
{
	struct accept *a = (struct accept *)(void *)job;
	struct look_up l;

	a->is_new = a->fetched = false;
	a->rq->message = SLICE_NONE;
	TRY(look_up(tx, &a->head, &l));
	a->key = l.key;
	if (l.what == FOUND_NOTHING)
		return accept_new(a, tx, &l);
	if (l.head.digest != a->head.digest)
		return req_fail(a->rq, RC_CONFLICT,
		                "X-etsi-correlationID is that of another request");
	if (l.what != FOUND_RESULT || l.head.contact.n > 0)
		return RC_ACCEPTED;
	return accept_fetch(a, tx, &l);
}

static void
answer_fetched(struct req *rq, const struct saf_result_record *r)
{
	struct req_answer *out = &rq->out;

	rq->rc = status_from_http(r->http_status);
	out->http_status = r->http_status;
	out->content_type = r->content_type;
	out->location = r->location;
	out->etag = r->etag;
	out->last_modified = r->last_modified;
	out->allow = r->allow;
	out->body = r->body.n > 0 ? parcel_text(r->body) : NULL;
	out->body_len = out->body != NULL ? r->body.n : 0;
	rq->relayed = true;
}

static void
accept_done(struct job *job, enum rc rc)
{
	struct accept *a = (struct accept *)(void *)job;
	struct req *rq = a->rq;

	if (rc != job->rc)
		rq->message = SLICE_NONE;
	rq->rc = rc;
	if (!status_is_success(rc))
		a->is_new = a->fetched = false;
	if (a->fetched)
		answer_fetched(rq, &a->result);
	if (!a->is_new)
		parcel_release(a->parcel);
	if (a->is_new || a->fetched) {
		a->letter->arrived = a->is_new ? a->parcel : NULL;
		a->letter->gone = a->key;
		a->letter->order = a->result.head.order;
		a->parcel->key = a->key;
		if (a->is_new)
			a->parcel = NULL;
		parcels_post(a->all, a->letter);
		a->letter = NULL;
	}
	accept_free(a);
	req_finish(rq);
}

static void
accept_take(struct req *rq)
{
	struct accept *a = rq->taken;
	struct saf_parcels *all = a->all;

	/* A request that is only sent again to ask for its answer needs no room. */
	a->over = atomic_fetch_add(&all->count, 1) >= rq->conf->saf.requests_max;
	a->over = atomic_fetch_add(&all->octets, a->parcel->octets) + a->parcel->octets >
	                  rq->conf->saf.octets_max ||
	          a->over;
	a->job = (struct job){ .run = accept_run, .done = accept_done, .arena = rq->arena };
	if (committer_submit(rq->scl->committer, &a->job))
		return;
	parcel_release(a->parcel);
	accept_free(a);
	req_fail(rq, RC_UNAVAILABLE, "too many writes are waiting");
	req_finish(rq);
}

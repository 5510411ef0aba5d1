/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted requests that a capability holds back and keeps elsewhere (saf_relief.h). What it has
 * taken is stored as before and stands in no line; what it has parked is a record in the store,
 * under the same key, with an entry in the index of what expires.
 */
#include "config.h"

#include "core/saf_relief.h"

#include "core/saf_parcel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Octets that a document can need beside the body and the texts of the request, with its contact. */
#define DOCUMENT_EXTRA 4096u
/* A character of a text as XML: &quot; */
#define TEXT_GROWS 6u
/* A parked record: a bounded correlationID and the issuer. */
#define RECORD_MAX (1u << 20)

/* Some that are being parked. */
struct parking {
	struct own_job job;
	struct saf_relief *relief;
	struct parking *next, **at;
	struct parcel *parcels[SAF_RELIEF_MAX];
	unsigned n;
	void (*done)(void *arg, enum rc rc);
	void *arg;
};

struct saf_relief {
	struct scl *scl;
	struct saf_relief_ops ops; /* constant */
	/* Of the courier thread. */
	struct parcel *taken;
	unsigned ntaken;
	struct parking *parkings;
};

/* ---- life ---- */

enum rc
scl_relieve(struct scl *scl, const struct saf_relief_ops *ops)
{
	struct saf_relief *relief;

	if (scl->relief != NULL)
		return RC_CONFLICT;
	relief = calloc(1, sizeof(*relief));
	if (relief == NULL)
		return RC_UNAVAILABLE;
	relief->scl = scl;
	relief->ops = *ops;
	scl->relief = relief;
	return RC_OK;
}

void
saf_relief_free(struct saf_relief *relief)
{
	if (relief == NULL)
		return;
	while (relief->parkings != NULL) {
		struct parking *k = relief->parkings;

		relief->parkings = k->next;
		free(k);
	}
	free(relief);
}

/* ---- which ---- */

/* Whoever asks for an answer is not served by an earlier one. */
static bool
is_change(const struct saf_parcel_record *r)
{
	return r->op == REQ_CREATE || r->op == REQ_UPDATE || r->op == REQ_DELETE;
}

/* The body is base64 in a document. */
static size_t
document_bound(const struct saf_parcel_record *r)
{
	struct req_input in = r->in;
	size_t texts = r->target.n;

	for (size_t i = 0; i < SAF_RELAYED; i++)
		texts += saf_field(&in, i)->n;
	return in.body.n / 3 * 4 + 4 + texts * TEXT_GROWS + DOCUMENT_EXTRA;
}

static bool
is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* The parameters stand decoded in a document: nothing but ASCII without control characters. */
static bool
is_plain_query(struct slice query)
{
	for (size_t i = 0; i + 1 < query.n; i++)
		if (query.p[i] == '%' && strchr("0189abcdefABCDEF", query.p[i + 1]) != NULL)
			return false;
	return true;
}

/* A document has no form for whatever octets a header may have: it would never come about. */
static bool
is_text(const struct saf_parcel_record *r)
{
	struct req_input in = r->in;
	struct slice query = r->target, path;

	for (size_t i = 0; i < SAF_RELAYED; i++)
		if (!is_printable(*saf_field(&in, i)))
			return false;
	slice_split(&query, '?', &path);
	return is_printable(r->target) && is_plain_query(query) && is_printable(r->head.issuer);
}

bool
saf_relief_adaptive(const struct scl *scl, const struct saf_parcel_record *r)
{
	const struct saf_relief *relief = scl->relief;

	return relief != NULL && (relief->ops.rigid >> r->rcat & 1u) == 0 && is_change(r) &&
	       r->deadline - r->head.received >= relief->ops.min_delay && is_text(r) &&
	       document_bound(r) <= relief->ops.document_max;
}

bool
saf_relief_holds(const struct scl *scl, uint64_t destination, unsigned rcat)
{
	const struct saf_relief *relief = scl->relief;

	if (relief == NULL)
		return false;
	if (!relief->ops.may_send(relief->ops.arg, destination, rcat))
		return true;
	for (const struct parcel *p = relief->taken; p != NULL; p = p->beside)
		if (p->entry.destination == destination)
			return true;
	return false;
}

uint64_t
saf_relief_destination(struct slice url)
{
	return saf_destination_of(url);
}

uint64_t
saf_relief_link(const struct scl *scl, struct slice url)
{
	return saf_link_of(scl, url);
}

/* ---- how much ---- */

static bool
reaches(uint64_t n, uint64_t max, unsigned level)
{
	return n > 0 && n * 100 >= max * level;
}

void
saf_relief_load(struct scl *scl, struct saf_relief_load *out)
{
	const struct saf_relief_ops *ops = &scl->relief->ops;
	const struct scl_conf *conf = scl_conf(scl);
	int64_t parked = atomic_load(&scl->parcels->parked);

	*out = (struct saf_relief_load){ .count = atomic_load(&scl->parcels->count),
		                         .count_max = conf->saf.requests_max,
		                         .octets = atomic_load(&scl->parcels->octets),
		                         .octets_max = conf->saf.octets_max,
		                         .parked = parked > 0 ? (uint64_t)parked : 0,
		                         .parked_max = ops->parked_max };
	out->pressed = reaches(out->count, out->count_max, ops->level) ||
	               reaches(out->octets, out->octets_max, ops->level);
}

void
saf_relief_arrived(struct scl *scl)
{
	struct saf_relief_load load;

	if (scl->relief == NULL)
		return;
	saf_relief_load(scl, &load);
	if (load.pressed)
		scl->relief->ops.pressed(scl->relief->ops.arg, load.count, load.octets);
}

void
saf_relief_link_told(const struct scl *scl, uint64_t link, bool up)
{
	if (scl->relief != NULL)
		scl->relief->ops.link_changed(scl->relief->ops.arg, link, up);
}

void
saf_relief_each(struct scl *scl, bool (*visit)(void *arg, const struct saf_relief_line *line),
                void *arg)
{
	saf_each_line(scl->saf, visit, arg);
}

void
saf_relief_look(struct scl *scl)
{
	saf_look(scl->saf);
}

/* ---- taking ---- */

static void
hold(struct saf_relief *relief, struct parcel *p)
{
	p->beside = relief->taken;
	p->taken_at = &relief->taken;
	if (p->beside != NULL)
		p->beside->taken_at = &p->beside;
	relief->taken = p;
	relief->ntaken++;
}

static void
let_go(struct saf_relief *relief, struct parcel *p)
{
	*p->taken_at = p->beside;
	if (p->beside != NULL)
		p->beside->taken_at = p->taken_at;
	p->beside = NULL;
	p->taken_at = NULL;
	relief->ntaken--;
}

/* How many more may be parked. */
static uint64_t
room(const struct saf_relief *relief)
{
	struct saf_relief_load load;

	saf_relief_load(relief->scl, &load);
	return load.parked + relief->ntaken < load.parked_max
	               ? load.parked_max - load.parked - relief->ntaken
	               : 0;
}

unsigned
saf_relief_take(struct scl *scl, uint64_t destination, unsigned max, size_t octets,
                struct parcel **out)
{
	struct saf_relief *relief = scl->relief;
	const int64_t now = clock_now(scl->clock);
	uint64_t most = room(relief);
	struct saf_entry *e;
	unsigned n = 0;

	if (courier_stopping(scl->courier))
		return 0;
	most = most < max ? most : max;
	while (n < most && (e = saf_oldest(scl->saf, destination)) != NULL && e->deadline > now &&
	       (n == 0 || e->octets <= octets)) {
		octets -= e->octets < octets ? e->octets : octets;
		saf_withdraw(e);
		out[n] = (struct parcel *)(void *)e;
		hold(relief, out[n++]);
	}
	return n;
}

struct parcel *
saf_relief_claim(struct scl *scl, uint64_t key, uint64_t order)
{
	struct parcel *p;

	parcels_arrive(scl->parcels);
	p = parcel_of(scl->parcels, key, order);
	if (p == NULL || !saf_withdraw(&p->entry))
		return NULL;
	hold(scl->relief, p);
	return p;
}

uint64_t
saf_relief_key(const struct parcel *p)
{
	return p->key;
}

uint64_t
saf_relief_order(const struct parcel *p)
{
	return p->entry.order;
}

void
saf_relief_return(struct parcel *const *parcels, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		let_go(parcels[i]->all->scl->relief, parcels[i]);
		saf_wait(parcels[i]->all->scl->saf, &parcels[i]->entry);
	}
}

/* ---- as a document ---- */

enum rc
saf_relief_document(struct parcel *p, struct slice contact, struct buf *out)
{
	struct saf_relief *relief = p->all->scl->relief;
	char id[17];
	enum rc rc = parcel_open(p);

	if (rc == RC_NOT_FOUND || rc == RC_INTERNAL) {
		let_go(relief, p);
		parcel_drop(p);
		return RC_GONE;
	}
	if (rc != RC_OK)
		return RC_UNAVAILABLE;
	snprintf(id, sizeof(id), "%016" PRIx64, p->key);
	rc = forward_document(p->rq, p->record.target, contact, id, out);
	if (rc == RC_OK || rc == RC_UNAVAILABLE) {
		parcel_close(p);
		return rc;
	}
	let_go(relief, p);
	parcel_fail(p, RC_BAD_REQUEST, "the request cannot be kept for the SCL of the target");
	return RC_GONE;
}

/* ---- parking ---- */

static enum rc
put_record(struct rtx *tx, const struct parcel *p, struct saf_parked_record *r)
{
	struct buf b;
	enum rc rc;

	r->head.contact = SLICE_NONE;
	buf_init(&b, RECORD_MAX);
	saf_parked_write(&b, r);
	rc = b.failed ? RC_UNAVAILABLE : repo_work_put(tx, WORK_PARKED, p->key, buf_view(&b));
	buf_fini(&b);
	return rc;
}

static enum rc
park(struct parcel *p, struct rtx *tx)
{
	struct scl *scl = p->all->scl;
	struct saf_parked_record r = { .expires = repo_now(tx) + scl_conf(scl)->saf.lifetime };
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_FORWARD, p->key, &bytes);

	/* What is not there or not p's any more needs no record either. */
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (!saf_head_read(bytes, &r.head) || r.head.order != p->entry.order)
		return RC_OK;
	TRY(put_record(tx, p, &r));
	TRY(repo_due_add(tx, r.expires, DUE_PARKED, p->key));
	TRY(repo_work_remove(tx, WORK_FORWARD, p->key));
	expire_note(scl, r.expires);
	p->all->parked_changed++;
	return RC_OK;
}

static enum rc
parking_run(struct own_job *oj, struct rtx *tx)
{
	struct parking *k = oj->owner;

	for (unsigned i = 0; i < k->n; i++)
		TRY(park(k->parcels[i], tx));
	return RC_OK;
}

static void
parking_done(struct own_job *oj, enum rc rc)
{
	struct parking *k = oj->owner;
	struct saf_relief *relief = k->relief;

	*k->at = k->next;
	if (k->next != NULL)
		k->next->at = k->at;
	for (unsigned i = 0; rc == RC_OK && i < k->n; i++) {
		let_go(relief, k->parcels[i]);
		parcel_forget(k->parcels[i]);
	}
	if (!courier_stopping(relief->scl->courier))
		k->done(k->arg, rc);
	free(k);
}

bool
saf_relief_parked(struct scl *scl, struct parcel *const *parcels, unsigned n,
                  void (*done)(void *arg, enum rc rc), void *arg)
{
	struct saf_relief *relief = scl->relief;
	struct parking *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return false;
	*k = (struct parking){
		.job = { .run = parking_run, .done = parking_done, .owner = k },
		.relief = relief,
		.n = n,
		.done = done,
		.arg = arg,
	};
	memcpy(k->parcels, parcels, n * sizeof(*parcels));
	if (!own_job_submit(scl, &k->job)) {
		free(k);
		return false;
	}
	k->next = relief->parkings;
	k->at = &relief->parkings;
	if (k->next != NULL)
		k->next->at = &k->next;
	relief->parkings = k;
	return true;
}

/* ---- parked ones, in the store ---- */

void
saf_parked_commit(struct saf_parcels *all, enum commit_event what)
{
	if (what == COMMIT_KEPT)
		all->parked_kept += all->parked_changed;
	all->parked_changed = 0;
	if (what == COMMIT_KEPT || what == COMMIT_UNDONE)
		return;
	if (what == COMMIT_STORED)
		atomic_fetch_add(&all->parked, all->parked_kept);
	all->parked_kept = 0;
}

enum rc
saf_parked_expire(struct scl *scl, struct rtx *tx, uint64_t key)
{
	struct saf_parked_record r;
	struct slice bytes;
	enum rc rc = repo_work_get(tx, WORK_PARKED, key, &bytes);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (saf_parked_read(bytes, &r) && r.expires > repo_now(tx))
		return RC_OK;
	TRY(repo_work_remove(tx, WORK_PARKED, key));
	scl->parcels->parked_changed--;
	return RC_OK;
}

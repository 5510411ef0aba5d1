/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch of a destination, from its own queue to the store at the proxy:
 *
 *   take -> documents -> sealed (pool) -> in the spool -> sent -> parked -> out of the spool
 *
 * What is killed before the spool has it has left nothing: the requests still wait. Behind that the
 * same octets are sent again, and its requests, which are known by key and order, are parked with
 * it and not sealed again.
 */
#include "config.h"

#include "cap/pxy/px_source_own.h"

#include <stdio.h>

#define OCTETS_MAX ((size_t)4 << 20)

/* ---- what is in memory ---- */

void
batch_return(struct source_dest *t)
{
	if (t->n_parcels > 0)
		saf_relief_return(t->parcels, t->n_parcels);
	t->n_parcels = 0;
}

/* Whatever becomes of its requests. */
static void
forget_batch(struct source_dest *t)
{
	t->n_parcels = 0;
	t->spooled = t->loaded = t->unstored = t->arrived = false;
	buf_fini(&t->octets);
	buf_fini(&t->documents);
}

/* ---- out of the spool ---- */

static void
unspooled(struct source_dest *t)
{
	if (dest_unchanged(t, REST_STORE))
		return;
	px_count(t->all->px, PX_N_PARKED, t->batch.n_parcels);
	forget_batch(t);
	dest_done(t, REST_STORE);
}

static void
unspool(struct source_dest *t)
{
	struct px_spool_dest *d = dest_change(t);

	d->parked += t->batch.n_parcels;
	t->op.unspool = true;
	dest_store(t, unspooled);
}

static void
parked(void *arg, enum rc rc)
{
	struct source_dest *t = arg;

	if (rc != RC_OK) {
		dest_later(t, REST_STORE, "queue", rc);
		return;
	}
	t->n_parcels = 0;
	unspool(t);
}

/* Those that were parked already before the process was killed are not there any more. */
static void
park(struct source_dest *t)
{
	t->busy = true;
	if (t->n_parcels == 0)
		unspool(t);
	else if (!saf_relief_parked(t->all->px->scl, t->parcels, t->n_parcels, parked, t))
		dest_later(t, REST_STORE, "queue", RC_UNAVAILABLE);
}

/* ---- to the proxy ---- */

static void
dropped(struct source_dest *t)
{
	if (dest_unchanged(t, REST_STORE))
		return;
	batch_return(t);
	forget_batch(t);
	/* A proxy that never takes it is not asked without end. */
	dest_later(t, REST_STORE, "messages", RC_CONFLICT);
}

/* The proxy does not have what was before it in its section: it is sealed again in a new one. */
static void
drop(struct source_dest *t)
{
	LOG_WARN(t->all->px->log, "proxy-source-gap", LOG_N("destination", t->d.destination),
	         LOG_Z("store", t->d.store));
	(void)dest_change(t);
	t->op.unspool = true;
	t->give_up = true;
	dest_store(t, dropped);
}

static void
sent(struct px_call *c)
{
	struct source_dest *t = c->owner;

	if (c->rc == RC_OK) {
		t->arrived = true;
		dest_done(t, REST_STORE);
	} else if (c->rc == RC_CONFLICT) {
		drop(t);
	} else if (!store_was_lost(t)) {
		dest_later(t, REST_STORE, "messages", c->rc);
	}
}

static void
send_batch(struct source_dest *t)
{
	t->busy = true;
	px_call_begin(&t->call, OCTETS_MAX, false);
	buf_slice(&t->call.body, buf_view(&t->octets));
	t->call.done = sent;
	px_call_send(&t->all->client, &t->call, "POST", slice_of(t->d.store), "/messages",
	             PX_MEDIA_UNITS);
}

/* What a process before this one has sealed. */
static enum rc
load(struct source_dest *t)
{
	struct scl *scl = t->all->px->scl;
	enum rc rc;

	buf_fini(&t->octets);
	buf_init(&t->octets, OCTETS_MAX);
	rc = px_spool_batch(t->all->spool, t->d.destination, &t->batch, &t->octets);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < t->batch.n_parcels; i++) {
		const struct px_spool_parcel *p = &t->batch.parcels[i];
		struct parcel *parcel = saf_relief_claim(scl, p->key, p->order);

		if (parcel != NULL)
			t->parcels[t->n_parcels++] = parcel;
	}
	t->loaded = true;
	return RC_OK;
}

/* ---- into the spool ---- */

static void
spooled(struct source_dest *t)
{
	buf_fini(&t->documents);
	if (dest_unchanged(t, REST_STORE))
		return;
	t->unstored = false;
	t->spooled = t->batch.octets.n > 0;
	if (!t->spooled)
		forget_batch(t);
	dest_done(t, REST_STORE);
}

/* The answer of the order is kept until this has succeeded: its section would have a gap. */
static void
spool(struct source_dest *t)
{
	const struct px_seal_order *o = &t->order;
	struct px_spool_dest *d = dest_change(t);

	t->op.stream_state = o->state;
	t->op.epochs = o->epochs;
	t->op.n_epochs = o->n_epochs;
	/* Without any, what was sealed before stands. */
	if (t->batch.octets.n > 0) {
		d->sealed = true;
		d->last = o->last;
		t->op.batch = &t->batch;
	}
	dest_store(t, spooled);
}

static void
sealed(struct source_dest *t)
{
	struct px_seal_order *o = &t->order;

	buf_fini(&t->octets);
	t->octets = o->batch;
	o->batch = (struct buf){ 0 };
	if (o->rc != RC_OK) {
		batch_return(t);
		forget_batch(t);
		t->next_epoch |= o->next_epoch;
		t->give_up |= o->give_up;
		dest_later(t, REST_STORE, "seal", o->rc);
		return;
	}
	if (o->sealed < t->n_parcels)
		saf_relief_return(t->parcels + o->sealed, t->n_parcels - (unsigned)o->sealed);
	t->n_parcels = (unsigned)o->sealed;
	t->batch =
		(struct px_spool_batch){ .n_parcels = o->sealed, .octets = buf_view(&t->octets) };
	for (unsigned i = 0; i < t->n_parcels; i++)
		t->batch.parcels[i] = (struct px_spool_parcel){ saf_relief_key(t->parcels[i]),
			                                        saf_relief_order(t->parcels[i]) };
	t->loaded = t->unstored = true;
	t->arrived = false;
	spool(t);
}

bool
batch_go_on(struct source_dest *t)
{
	enum rc rc = RC_OK;

	if (!t->spooled && !t->unstored)
		return false;
	if (t->unstored) {
		spool(t);
		return true;
	}
	if (!t->loaded)
		rc = load(t);
	if (rc == RC_NOT_FOUND) {
		/* After a start: there was none. */
		forget_batch(t);
		return false;
	}
	if (rc != RC_OK) {
		/* What cannot be read holds the destination: it must not be sealed a second time. */
		t->busy = true;
		dest_later(t, REST_STORE, "spool", rc);
	} else if (t->arrived) {
		park(t);
	} else {
		send_batch(t);
	}
	return true;
}

/* ---- sealing ---- */

static enum rc
make_seal(struct source_dest *t)
{
	const struct px *px = t->all->px;
	const struct proxy_conf_source *c = t->all->conf;
	struct px_seal_conf conf = { .afgh = px->afgh,
		                     .identity = px->identity,
		                     .source = slice_of(scl_base_uri(px->scl)),
		                     .cid = c->cid,
		                     .epoch_sections = c->epoch_sections,
		                     .section_messages = c->section_messages,
		                     .section_time = c->section_time,
		                     .sign_data = c->sign_data,
		                     .clock = px->clock };
	uint8_t state[PRE_STREAM_STATE_SIZE];
	struct slice from = slice_make(state, sizeof(state));
	enum rc rc;

	if (t->seal != NULL)
		return RC_OK;
	rc = px_spool_state(t->all->spool, &t->d, state);
	if (rc == RC_NOT_FOUND)
		from.n = 0;
	else if (rc != RC_OK)
		return rc;
	/* Whom an epoch was granted to before the process began is not known any more. */
	t->next_epoch = from.n > 0;
	return px_seal_new(&conf, t->d.stream, from, &t->seal);
}

static void
order_done(struct px_seal_order *o)
{
	dest_back(o->owner);
}

/* RC_UNAVAILABLE: the gate is closed, and the pool about to end. */
static enum rc
run_order(struct source_dest *t)
{
	struct px *px = t->all->px;

	if (!px_enter(px))
		return RC_UNAVAILABLE;
	t->order.pool = px->pool;
	t->then = sealed;
	px_seal_run(t->seal, &t->order);
	px_leave(px);
	return RC_OK;
}

static void
set_order(struct source_dest *t, size_t n, bool end)
{
	const struct source_sink *sinks[SOURCE_SINKS_MAX + 1];

	t->order = (struct px_seal_order){ .documents = t->document,
		                           .n = n,
		                           .next_epoch = t->next_epoch,
		                           .give_up = t->give_up,
		                           .change_signing = true,
		                           .sign_data = t->all->conf->sign_data ||
		                                        dest_sinks(t, sinks) > 1,
		                           .end = end,
		                           .done = order_done,
		                           .owner = t };
}

/* Seals the n documents of t, perhaps none. */
static bool
seal(struct source_dest *t, size_t n, bool end)
{
	enum rc rc = make_seal(t);

	t->busy = true;
	if (rc == RC_OK) {
		set_order(t, n, end);
		rc = run_order(t);
	}
	if (rc != RC_OK) {
		batch_return(t);
		forget_batch(t);
		dest_later(t, REST_STORE, "stream", rc);
		return true;
	}
	/* Sinks may be named and removed meanwhile: that is for the next one. */
	t->next_epoch = t->give_up = false;
	return true;
}

bool
batch_end(struct source_dest *t)
{
	return seal(t, 0, true);
}

/* ---- documents ---- */

/* Where an answer would go to: nobody takes it, but a document has to say so. */
static int
put_contact(const struct source_dest *t, char *to, size_t size)
{
	return snprintf(to, size, "%s/proxy/answers", scl_base_uri(t->all->px->scl));
}

/* Takes the document of that request into the next place. */
static enum rc
add_document(struct source_dest *t, struct parcel *p, struct slice contact, size_t *room)
{
	size_t at = t->documents.n, took;
	enum rc rc = saf_relief_document(p, contact, &t->documents);

	if (rc != RC_OK) {
		t->documents.n = at;
		return rc;
	}
	took = t->documents.n - at + SOURCE_UNIT_EXTRA + strlen(scl_base_uri(t->all->px->scl));
	if (took > *room) {
		t->documents.n = at;
		return RC_NO_SPACE;
	}
	*room -= took;
	/* Where it is, but not yet the address: the buffer may grow. */
	t->document[t->n_parcels] = (struct slice){ NULL, t->documents.n - at };
	t->parcels[t->n_parcels++] = p;
	return RC_OK;
}

/* A damaged one is given up by the queue; behind one that is not to be had now nothing is. */
static void
add_documents(struct source_dest *t, struct parcel *const *taken, unsigned n, size_t room)
{
	char text[PX_SPOOL_URL + 1];
	struct slice contact = slice_make(text, (size_t)put_contact(t, text, sizeof(text)));
	enum rc rc = contact.n < sizeof(text) ? RC_OK : RC_UNAVAILABLE;
	const char *p;
	unsigned i = 0;

	for (; i < n && rc == RC_OK; i++) {
		rc = add_document(t, taken[i], contact, &room);
		if (rc == RC_GONE)
			rc = RC_OK;
		else if (rc != RC_OK)
			break;
	}
	if (i < n)
		saf_relief_return(taken + i, n - i);
	p = t->documents.p;
	for (i = 0; i < t->n_parcels; p += t->document[i].n, i++)
		t->document[i].p = p;
}

bool
batch_take(struct source_dest *t)
{
	struct parcel *taken[SAF_RELIEF_MAX];
	size_t room = t->batch_max < SOURCE_BATCH_MAX ? t->batch_max : SOURCE_BATCH_MAX;
	unsigned n;

	room = (room < PX_FIND_LARGEST ? PX_FIND_LARGEST : room) - SOURCE_BATCH_EXTRA;
	n = saf_relief_take(t->all->px->scl, t->d.destination, SAF_RELIEF_MAX, room, taken);
	if (n == 0)
		return false;
	buf_fini(&t->documents);
	buf_init(&t->documents, SOURCE_BATCH_MAX + SOURCE_DOCUMENT_MAX);
	add_documents(t, taken, n, room);
	if (t->n_parcels > 0)
		return seal(t, t->n_parcels, false);
	buf_fini(&t->documents);
	return false;
}
